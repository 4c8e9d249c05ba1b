package store

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

const workers = 8

// Fetch returns the bundles that refer to the subjects. Subjects that the store
// does not know a repository for have no evidence here.
func (s *OCI) Fetch(ctx context.Context, subjects []subject.Subject) (Found, error) {
	ctx, cancel := Within(ctx, s.o.Budget)
	defer cancel()
	return Each(ctx, subjects, func(ctx context.Context, sub subject.Subject) ([]Evidence, error) {
		where := s.where(sub.Digest)
		if where == "" {
			return nil, nil
		}
		r, err := s.repository(where)
		if err != nil {
			return nil, err
		}
		return r.bundles(ctx, sub.Digest)
	})
}

func unique(subjects []subject.Subject) []subject.Subject {
	seen := map[subject.Digest]bool{}
	var out []subject.Subject
	for _, s := range subjects {
		if !seen[s.Digest] {
			seen[s.Digest] = true
			out = append(out, s)
		}
	}
	return out
}

// Each calls fetch for every subject, each digest once and a few at a time, and
// returns everything in the order of the subjects. The first error, in that order, is the answer:
// a part of the evidence is no evidence.
func Each(ctx context.Context, subjects []subject.Subject, fetch func(context.Context, subject.Subject) ([]Evidence, error)) (Found, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	subjects = unique(subjects)
	found := make([][]Evidence, len(subjects))
	errs := make([]error, len(subjects))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(workers, len(subjects)) {
		wg.Go(func() {
			for i := range next {
				if found[i], errs[i] = safely(ctx, subjects[i], fetch); errs[i] != nil {
					cancel()
				}
			}
		})
	}
	for i := range subjects {
		next <- i
	}
	close(next)
	wg.Wait()
	all, err := collect(found, errs)
	return Found{Bundles: all}, err
}

// safely calls fetch so that a panic in it is a fault.
func safely(ctx context.Context, s subject.Subject, fetch func(context.Context, subject.Subject) ([]Evidence, error)) (e []Evidence, err error) {
	defer fault.Recover(&err, "reading what a store answered")
	return fetch(ctx, s)
}

// collect prefers an error that is its own cause over those of calls that were
// cancelled because of it.
func collect(found [][]Evidence, errs []error) ([]Evidence, error) {
	var first error
	for _, err := range errs {
		if err == nil {
			continue
		}
		if first == nil || cancelled(first) && !cancelled(err) {
			first = err
		}
	}
	if first != nil {
		return nil, first
	}
	var all []Evidence
	for _, f := range found {
		all = append(all, f...)
	}
	return all, nil
}

// bundles returns the bundles that refer to d: those that the referrers API
// lists and those that the fallback tag lists, because a writer may have known
// only one of them.
func (r *repository) bundles(ctx context.Context, d subject.Digest) ([]Evidence, error) {
	entries, _, err := r.referrers(ctx, d)
	if err != nil {
		return nil, err
	}
	index, err := r.fallback(ctx, d)
	if err != nil {
		return nil, err
	}
	list := union(entries, index.Manifests)
	if len(list) > MaxPerSubject {
		return nil, fault.New(fault.Refused, fault.Limit, "", "registry %s lists %d referrers of %s, at most %d are allowed", r, len(list), d, MaxPerSubject)
	}
	var all []Evidence
	for _, e := range list {
		found, err := r.referrer(ctx, e)
		if err != nil {
			return nil, err
		}
		if all = append(all, found...); len(all) > MaxPerSubject {
			return nil, fault.New(fault.Refused, fault.Limit, "", "registry %s has more than %d bundles about %s", r, MaxPerSubject, d)
		}
	}
	return all, nil
}

// referrers asks the referrers API. supported is false if the registry has
// none.
func (r *repository) referrers(ctx context.Context, d subject.Digest) (list []descriptor, supported bool, err error) {
	at := r.url("/referrers/%s", d)
	for page := 0; at != ""; page++ {
		if page == maxPages || len(list) > MaxPerSubject {
			return nil, true, fault.New(fault.Refused, fault.Limit, "", "registry %s lists more than %d referrers of %s", r, MaxPerSubject, d)
		}
		resp, b, err := r.do(ctx, call{method: http.MethodGet, url: at, header: map[string]string{"Accept": typeIndex}})
		if err != nil {
			return nil, false, err
		}
		if page == 0 && noReferrers(resp) {
			return nil, false, nil
		}
		if resp.StatusCode == http.StatusNotFound {
			return nil, true, fault.New(fault.Refused, fault.Malformed, "", "registry %s lost page %d of the referrers of %s", r, page+1, d)
		}
		if resp.StatusCode != http.StatusOK {
			return nil, false, r.wrong(resp)
		}
		index, err := r.parseManifest(b, typeIndex)
		if err != nil {
			return nil, true, err
		}
		list = append(list, index.Manifests...)
		if at, err = r.next(resp); err != nil {
			return nil, true, err
		}
	}
	return list, true, nil
}

// noReferrers recognises a registry without the API; the specification says
// 404, some say 405 or 406.
func noReferrers(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable:
		return true
	}
	return false
}

// fallbackTag is the tag under which referrers are listed where the API is
// missing (OCI distribution specification 1.1, referrers tag schema).
func fallbackTag(d subject.Digest) string { return "sha256-" + d.Hex() }

// fallbackIndex is the index under the fallback tag; without one it is empty.
type fallbackIndex struct {
	manifest
	etag  string
	found bool
}

func (r *repository) fallback(ctx context.Context, d subject.Digest) (fallbackIndex, error) {
	b, found, err := r.manifest(ctx, fallbackTag(d))
	if err != nil || !found {
		return fallbackIndex{}, err
	}
	m, err := r.parseManifest(b.bytes, typeIndex)
	return fallbackIndex{manifest: m, etag: b.etag, found: true}, err
}

// union returns the descriptors of a and b, each digest once, in the order of
// digests.
func union(a, b []descriptor) []descriptor {
	seen := map[string]bool{}
	var out []descriptor
	for _, d := range append(append([]descriptor(nil), a...), b...) {
		if !seen[d.Digest] {
			seen[d.Digest] = true
			out = append(out, d)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Digest < out[j].Digest })
	return out
}

// referrer returns the bundles in the manifest that e points to. What the
// manifest is, its own bytes say; the list may say anything.
func (r *repository) referrer(ctx context.Context, e descriptor) ([]Evidence, error) {
	d, err := subject.ParseDigest(e.Digest)
	if err != nil {
		return nil, fault.New(fault.Refused, fault.Malformed, "", "registry %s lists a referrer: %w", r, err)
	}
	b, found, err := r.manifest(ctx, d.String())
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fault.New(fault.Refused, fault.Malformed, "", "registry %s lists %s and does not have it", r, d)
	}
	var m manifest
	if err := json.Unmarshal(b.bytes, &m); err != nil {
		return nil, fault.New(fault.Refused, fault.Malformed, "", "registry %s: referrer %s is not JSON", r, d)
	}
	if len(m.Layers) > MaxPerSubject {
		return nil, fault.New(fault.Refused, fault.Limit, "", "registry %s: referrer %s has %d layers, at most %d are allowed", r, d, len(m.Layers), MaxPerSubject)
	}
	return r.layers(ctx, d, m)
}

func (r *repository) layers(ctx context.Context, d subject.Digest, m manifest) ([]Evidence, error) {
	var all []Evidence
	for _, l := range m.Layers {
		if !strings.HasPrefix(l.MediaType, bundlePrefix) && !(strings.HasPrefix(m.ArtifactType, bundlePrefix) && len(m.Layers) == 1) {
			continue
		}
		bundle, err := r.blob(ctx, l)
		if err != nil {
			return nil, err
		}
		all = append(all, Evidence{Bundle: bundle, Source: fmt.Sprintf("registry %s@%s", r, d)})
	}
	return all, nil
}
