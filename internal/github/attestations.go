package github

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Limits of the blobs that the attestations API points to.
const (
	maxBlob  = 32 << 20                    // bytes of a compressed bundle
	maxPages = store.MaxPerSubject/100 + 1 // pages of attestations about one subject
)

// Attestations is the attestations API of the job's repository, as a store.
type Attestations struct{ job *Job }

// Evidence returns the platform's own store of bundles.
func (j *Job) Evidence() *Attestations { return &Attestations{job: j} }

// Name returns how people call the store.
func (a *Attestations) Name() string {
	return "GitHub attestations of " + a.job.owner + "/" + a.job.repo
}

type attestation struct {
	Bundle       json.RawMessage `json:"bundle"`
	BundleURL    string          `json:"bundle_url"`
	RepositoryID int64           `json:"repository_id"`
}

// Fetch returns the bundles that the repository holds about the subjects: of
// several in one call, where the API can.
func (a *Attestations) Fetch(ctx context.Context, subjects []subject.Subject) (store.Found, error) {
	ctx, cancel := store.Within(ctx, a.job.Budget)
	defer cancel()
	known, err := a.bulk(ctx, subjects)
	if err != nil {
		return store.Found{}, err
	}
	if known == nil {
		return store.Each(ctx, subjects, a.about)
	}
	return store.Each(ctx, subjects, func(ctx context.Context, s subject.Subject) ([]store.Evidence, error) {
		return a.evidence(ctx, known[s.Digest.String()])
	})
}

// evidence fetches what a list only points to.
func (a *Attestations) evidence(ctx context.Context, found []attestation) ([]store.Evidence, error) {
	var all []store.Evidence
	for _, f := range found {
		b, err := a.bundle(ctx, f)
		if err != nil {
			return nil, err
		}
		all = append(all, store.Evidence{Bundle: b, Source: a.Name()})
	}
	return all, nil
}

func (a *Attestations) about(ctx context.Context, s subject.Subject) ([]store.Evidence, error) {
	var all []store.Evidence
	after := ""
	for page := 0; page < maxPages; page++ {
		found, next, err := a.page(ctx, s.Digest, after)
		if err != nil {
			return nil, err
		}
		if len(all)+len(found) > store.MaxPerSubject {
			return nil, tooMany(a.Name(), s.Digest)
		}
		more, err := a.evidence(ctx, found)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
		if next == "" {
			return all, nil
		}
		if next == after {
			return nil, fault.New(fault.Refused, fault.Malformed, "", "%s names the same page as its own next", a.Name())
		}
		after = next
	}
	return nil, tooMany(a.Name(), s.Digest)
}

func tooMany(where string, d subject.Digest) error {
	return fault.New(fault.Refused, fault.Limit, "", "%s hold more than %d bundles about %s", where, store.MaxPerSubject, d)
}

// page returns one page and the cursor of the next, which is empty after the
// last. A repository without attestations about d answers 404.
func (a *Attestations) page(ctx context.Context, d subject.Digest, after string) ([]attestation, string, error) {
	q := url.Values{"per_page": {"100"}}
	if after != "" {
		q.Set("after", after)
	}
	req, err := a.job.gh.NewRequest(http.MethodGet, "repos/"+a.job.owner+"/"+a.job.repo+"/attestations/"+d.String()+"?"+q.Encode(), nil)
	if err != nil {
		return nil, "", fmt.Errorf("asking GitHub: %w", err)
	}
	var answer struct {
		Attestations *[]attestation `json:"attestations"`
	}
	resp, err := a.job.send(ctx, req, &answer)
	switch status := statusOf(err); {
	case err == nil && answer.Attestations == nil:
		return nil, "", fault.New(fault.Refused, fault.Malformed, "", "the GitHub API answered without a list of attestations")
	case err == nil:
		return *answer.Attestations, resp.After, nil
	case status == http.StatusNotFound && after == "":
		return nil, "", nil
	case status == http.StatusNotFound:
		return nil, "", fault.New(fault.Refused, fault.Malformed, "", "%s lost a page of bundles about %s", a.Name(), d)
	case status != 0:
		return nil, "", notTold(status, readEvidence)
	}
	return nil, "", a.job.unanswered(err)
}

// bundle returns the bytes of one bundle: from the answer itself, or from the
// address that the answer names.
func (a *Attestations) bundle(ctx context.Context, f attestation) ([]byte, error) {
	b := []byte(f.Bundle)
	if len(b) == 0 || bytes.Equal(b, []byte("null")) {
		var err error
		if b, err = a.blob(ctx, f.BundleURL); err != nil {
			return nil, err
		}
	}
	if len(b) > store.MaxBundleBytes {
		return nil, fault.New(fault.Refused, fault.Limit, "", "%s hold a bundle of %d bytes, at most %d are allowed", a.Name(), len(b), store.MaxBundleBytes)
	}
	return b, nil
}

// blob fetches a compressed bundle. Its address is signed, short-lived and of
// another host: it is asked without any credential.
func (a *Attestations) blob(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fault.New(fault.Refused, fault.Malformed, "", "the GitHub API answered with an attestation that has neither a bundle nor its address")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("asking GitHub: %w", err)
	}
	resp, err := store.NewClient(store.ClientOptions{Away: store.AnonymousAway, MaxBody: maxBlob}).Do(req)
	if err != nil {
		return nil, store.Unanswered("GitHub's store of bundles", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, missingBlob(resp.StatusCode)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, store.Unanswered("GitHub's store of bundles", err)
	}
	out, err := unsnap(b, store.MaxBundleBytes)
	if err != nil {
		return nil, fault.New(fault.Refused, fault.Malformed, "", "GitHub's store of bundles answered with %w", err)
	}
	return out, nil
}

func missingBlob(status int) error {
	if status == http.StatusNotFound {
		return fault.New(fault.Refused, fault.Malformed, "", "GitHub lists a bundle and does not have it")
	}
	return store.Status("GitHub's store of bundles", status, "try again")
}

// Put uploads the bundle.
func (a *Attestations) Put(ctx context.Context, r store.Record) (store.Receipt, error) {
	ctx, cancel := store.Within(ctx, a.job.Budget)
	defer cancel()
	body := map[string]json.RawMessage{"bundle": r.Bundle}
	req, err := a.job.gh.NewRequest(http.MethodPost, "repos/"+a.job.owner+"/"+a.job.repo+"/attestations", body)
	if err != nil {
		return store.Receipt{}, fmt.Errorf("asking GitHub: %w", err)
	}
	var answer struct {
		ID json.Number `json:"id"`
	}
	_, err = a.job.send(ctx, req, &answer)
	switch status := statusOf(err); {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound:
		return store.Receipt{}, fault.New(fault.Usage, fault.Config, `add "attestations: write" to the job's permissions`, "GitHub does not let this job keep an attestation: it answered %d", status)
	case status == http.StatusUnprocessableEntity:
		return store.Receipt{}, fault.New(fault.Refused, fault.Malformed, "", "GitHub did not take the bundle: it answered %d", status)
	case status != 0:
		return store.Receipt{}, store.Status("the GitHub API", status, "")
	case err != nil:
		return store.Receipt{}, a.job.unanswered(err)
	}
	if n, err := strconv.ParseUint(answer.ID.String(), 10, 64); err != nil || n == 0 {
		return store.Receipt{}, fault.New(fault.Refused, fault.Malformed, "", "GitHub took the bundle and did not name it")
	}
	return store.Receipt{Store: a.Name(), ID: answer.ID.String(), URL: a.job.web("/attestations/" + answer.ID.String())}, nil
}
