package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

const (
	maxBlob  = 32 << 20 // bytes of a compressed bundle
	maxPages = 1000     // pages of attestations about one subject
)

// Attestations is the attestations API of the job's repository, as a store.
type Attestations struct {
	repo  *Repo
	blobs *http.Client // of another host, whose addresses are signed: it is shown no credential
}

// Evidence returns the platform's own store of bundles.
func (repo *Repo) Evidence() *Attestations {
	o := client.Options{Away: client.AnonymousAway, MaxBody: maxBlob, Budget: repo.Budget}
	return &Attestations{repo: repo, blobs: client.New(o)}
}

// Name returns how people call the store.
func (a *Attestations) Name() string {
	return "GitHub attestations of " + a.repo.owner + "/" + a.repo.name
}

type attestation struct {
	Bundle       json.RawMessage `json:"bundle"`
	BundleURL    string          `json:"bundle_url"`
	RepositoryID int64           `json:"repository_id"`
}

// Fetch returns the bundles that the repository holds about the subjects: of
// several in one call, where the API can.
func (a *Attestations) Fetch(ctx context.Context, subjects []subject.Subject) (store.Found, error) {
	ctx, cancel := a.repo.within(ctx)
	defer cancel()
	known, err := a.bulk(ctx, subjects)
	if err != nil {
		return store.Found{}, err
	}
	return store.Each(ctx, store.Unique(subjects), func(ctx context.Context, s subject.Subject) (store.Found, error) {
		if known != nil {
			return store.Each(ctx, known[s.Digest.String()], a.evidence)
		}
		list, err := a.about(ctx, s.Digest)
		if err != nil {
			return store.Found{}, err
		}
		return store.Each(ctx, list, a.evidence)
	})
}

// evidence fetches what a list only points to. Whoever may attest in this
// repository chooses how large a bundle is.
func (a *Attestations) evidence(ctx context.Context, f attestation) (store.Found, error) {
	b, err := a.bundle(ctx, f)
	if tooLarge(err) || err == nil && len(b) > store.MaxBundleBytes {
		return store.Found{Passed: []store.Passed{{Source: a.Name(), What: store.TooLarge, Count: 1}}}, nil
	}
	if err != nil {
		return store.Found{}, err
	}
	return store.Found{Bundles: []store.Evidence{{Bundle: b, Source: a.Name()}}}, nil
}

func tooLarge(err error) bool { return errors.Is(err, client.ErrTooLarge) }

// about lists what the repository holds about d. A list of which a page is
// lost is no list.
func (a *Attestations) about(ctx context.Context, d subject.Digest) ([]attestation, error) {
	var all []attestation
	asked := map[string]bool{}
	at := cursor{perPage: perPage}
	for page := 1; page <= maxPages; page++ {
		found, next, err := a.page(ctx, d, at)
		if tooLarge(err) && at.perPage > 1 {
			at.perPage /= 10 // large bundles fill a page of a hundred beyond the limit of an answer
			continue
		}
		if err != nil {
			return nil, err
		}
		if all = append(all, found...); len(all) > store.MaxPerSubject {
			return nil, a.tooMany(d)
		}
		if next == "" {
			return all, nil
		}
		if len(found) == 0 || asked[next] {
			return nil, fault.New(fault.Refused, fault.Malformed, "",
				"%s lost page %d of the bundles about %s", a.Name(), page+1, d)
		}
		asked[next], at.after = true, next
	}
	return nil, a.tooMany(d)
}

func (a *Attestations) tooMany(d subject.Digest) error {
	hint := fmt.Sprintf(`delete them at %s, or with "gh api -X DELETE orgs/%s/attestations/digest/%s" `+
		`(users/%[2]s/… for a person), and attest again`, a.repo.web("/attestations"), a.repo.owner, d)
	return fault.New(fault.Refused, fault.Limit, hint,
		"%s hold more than %d bundles about %s, and no more are read; workflows of this repository have stored them",
		a.Name(), store.MaxPerSubject, d)
}

// cursor is where a list is read on, and in what steps.
type cursor struct {
	after   string
	perPage int
}

func (c cursor) query() string {
	q := url.Values{"per_page": {strconv.Itoa(c.perPage)}}
	if c.after != "" {
		q.Set("after", c.after)
	}
	return q.Encode()
}

// page returns one page and the cursor of the next, which is empty after the
// last. A repository without attestations about d answers 404.
func (a *Attestations) page(ctx context.Context, d subject.Digest, at cursor) ([]attestation, string, error) {
	req, err := a.repo.gh().NewRequest(http.MethodGet, a.repo.at("attestations/%s?%s", d, at.query()), nil)
	if err != nil {
		return nil, "", fmt.Errorf("asking GitHub: %w", err)
	}
	var answer struct {
		Attestations *[]attestation `json:"attestations"`
	}
	resp, err := a.repo.send(ctx, req, &answer)
	switch status := statusOf(err); {
	case err == nil && answer.Attestations == nil:
		return nil, "", client.Proxied("the GitHub API", "without a list of attestations")
	case err == nil:
		return *answer.Attestations, resp.After, nil
	case status == http.StatusNotFound && at.after == "":
		return nil, "", a.seen(ctx)
	case status == http.StatusNotFound:
		return nil, "", fault.New(fault.Refused, fault.Malformed, "", "%s lost a page of bundles about %s", a.Name(), d)
	case status != 0:
		return nil, "", a.repo.notTold(status, readEvidence)
	}
	return nil, "", a.repo.unanswered(err)
}

// seen tells a repository that holds nothing from one that may not be seen: the API
// answers 404 for both. A job's own repository is there.
func (a *Attestations) seen(ctx context.Context) error {
	if !a.repo.outside {
		return nil
	}
	_, err := a.repo.repository(ctx)
	return err
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
	return b, nil
}

// blob fetches a compressed bundle. Its address is signed, short-lived and of
// another host: it is asked without any credential.
func (a *Attestations) blob(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fault.New(fault.Refused, fault.Malformed, "",
			"the GitHub API answered with an attestation that has neither a bundle nor its address")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("asking GitHub: %w", err)
	}
	resp, err := a.blobs.Do(req)
	if err != nil {
		return nil, client.Unanswered("GitHub's store of bundles", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, missingBlob(resp.StatusCode)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, client.Unanswered("GitHub's store of bundles", err)
	}
	out, err := unsnap(b, store.MaxBundleBytes)
	if tooLarge(err) {
		return nil, err
	}
	if err != nil {
		return nil, fault.New(fault.Refused, fault.Malformed, "", "GitHub's store of bundles answered with %w", err)
	}
	return out, nil
}

func missingBlob(status int) error {
	if status == http.StatusNotFound {
		return fault.New(fault.Refused, fault.Malformed, "", "GitHub lists a bundle and does not have it")
	}
	return client.Status("GitHub's store of bundles", status, "try again")
}

// Put uploads the bundle.
func (a *Attestations) Put(ctx context.Context, r store.Record) (store.Receipt, error) {
	ctx, cancel := a.repo.within(ctx)
	defer cancel()
	body := map[string]json.RawMessage{"bundle": r.Bundle}
	req, err := a.repo.gh().NewRequest(http.MethodPost, a.repo.at("attestations"), body)
	if err != nil {
		return store.Receipt{}, fmt.Errorf("asking GitHub: %w", err)
	}
	var answer struct {
		ID json.Number `json:"id"`
	}
	_, err = a.repo.send(ctx, req, &answer)
	switch status := statusOf(err); {
	case status == http.StatusUnauthorized:
		return store.Receipt{}, fault.New(fault.Usage, fault.Config,
			"start the job again: a job's token is good while the job runs",
			"GitHub does not know this job's token: it answered %d", status)
	case status == http.StatusForbidden, status == http.StatusNotFound:
		return store.Receipt{}, fault.New(fault.Usage, fault.Config,
			`add "attestations: write" to the job's permissions`,
			"GitHub does not let this job keep an attestation: it answered %d", status)
	case status == http.StatusRequestEntityTooLarge:
		return store.Receipt{}, fault.New(fault.Refused, fault.Limit,
			"attest fewer files at once, or a smaller predicate",
			"GitHub does not take a bundle of %d bytes: it answered %d", len(r.Bundle), status)
	case status == http.StatusUnprocessableEntity:
		return store.Receipt{}, fault.New(fault.Refused, fault.Malformed, "",
			"GitHub did not take the bundle: it answered %d", status)
	case status != 0:
		return store.Receipt{}, client.Status("the GitHub API", status, "")
	case err != nil:
		return store.Receipt{}, a.repo.unanswered(err)
	}
	if n, err := strconv.ParseUint(answer.ID.String(), 10, 64); err != nil || n == 0 {
		return store.Receipt{}, client.Proxied("the GitHub API",
			"without the number of an attestation, so nothing is known to be kept")
	}
	return store.Receipt{Store: a.Name(), ID: answer.ID.String(),
		URL: a.repo.web("/attestations/" + answer.ID.String())}, nil
}
