package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

const manifestType = "application/vnd.oci.image.manifest.v1+json"

func nobody(context.Context, string) (store.Credential, error) { return store.Credential{}, nil }

func newOCI() *store.OCI {
	return store.NewOCI(nil, store.OCIOptions{Keychain: nobody, Now: func() time.Time { return time.Unix(1_800_000_000, 0) }})
}

// server runs a registry, with front before it if that is not nil.
func server(t *testing.T, referrers bool, front func(http.ResponseWriter, *http.Request) bool) string {
	t.Helper()
	reg := registry.New(registry.WithReferrersSupport(referrers), registry.Logger(log.New(io.Discard, "", 0)))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if front == nil || !front(w, r) {
			reg.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func put(t *testing.T, url, mediaType string, b []byte) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPut, url, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", mediaType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		b, _ := io.ReadAll(resp.Body)
		t.Fatalf("PUT %s: %s: %s", url, resp.Status, b)
	}
}

// image pushes an image of no layers and returns its reference.
func image(t *testing.T, host, repo, tag string) string {
	t.Helper()
	m := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[],"annotations":{"tag":%q}}`, manifestType, tag)
	put(t, "http://"+host+"/v2/"+repo+"/manifests/"+tag, manifestType, []byte(m))
	return host + "/" + repo + ":" + tag
}

func resolve(t *testing.T, s *store.OCI, ref string) subject.Subject {
	t.Helper()
	_, sub, err := s.Resolve(context.Background(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func record(sub subject.Subject, n int) store.Record {
	return store.Record{Subjects: []subject.Subject{sub}, PredicateType: "https://slsa.dev/provenance/v1", Bundle: fmt.Appendf(nil, `{"n":%d}`, n)}
}

// A bundle put beside an image is found beside it, in registries with and
// without the referrers API.
func TestOCI_put_and_fetch(t *testing.T) {
	for _, referrers := range []bool{true, false} {
		t.Run(fmt.Sprint("referrers=", referrers), func(t *testing.T) {
			host := server(t, referrers, nil)
			s := newOCI()
			sub := resolve(t, s, image(t, host, "acme/app", "v1"))
			other := resolve(t, s, image(t, host, "acme/app", "v2"))
			if want := host + "/acme/app:v1@" + sub.Digest.String(); sub.Name != want {
				t.Errorf("name = %q, want %q", sub.Name, want)
			}
			for i := range 3 {
				r, err := s.Put(context.Background(), record(sub, i))
				if err != nil {
					t.Fatal(err)
				}
				if !strings.HasPrefix(r.ID, host+"/acme/app@sha256:") {
					t.Errorf("id = %q, want the manifest's reference", r.ID)
				}
			}
			found, err := s.Fetch(context.Background(), []subject.Subject{sub, sub})
			if err != nil || len(found.Bundles) != 3 {
				t.Fatalf("found %d bundles, %v; want 3", len(found.Bundles), err)
			}
			if none, err := s.Fetch(context.Background(), []subject.Subject{other, {Digest: subject.SHA256([32]byte{7})}}); err != nil || len(none.Bundles) != 0 {
				t.Errorf("found %d bundles of another image, %v; want none", len(none.Bundles), err)
			}
		})
	}
}

// Sixteen writers at once lose nothing, where there is only a tag to write to.
func TestOCI_concurrent_writers_lose_nothing(t *testing.T) {
	host := server(t, false, nil)
	ref := image(t, host, "acme/app", "v1")
	var wg sync.WaitGroup
	const n = 16
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() {
			s := newOCI()
			_, sub, err := s.Resolve(context.Background(), ref)
			if err == nil {
				_, err = s.Put(context.Background(), record(sub, i))
			}
			errs[i] = err
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("writer %d: %v", i, err)
		}
	}
	s := newOCI()
	found, err := s.Fetch(context.Background(), []subject.Subject{resolve(t, s, ref)})
	if err != nil || len(found.Bundles) != n {
		t.Errorf("found %d bundles, %v; want %d", len(found.Bundles), err, n)
	}
}

// A writer that overwrites the entry of another, which it could not have seen,
// sees that one's tag afterwards and repairs the index.
func TestOCI_overwritten_entry_is_repaired(t *testing.T) {
	var between func()
	host := server(t, false, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/v2/acme/app/manifests/sha256-") && !strings.Contains(r.URL.Path, ".") && between != nil {
			run := between
			between = nil
			run()
		}
		return false
	})
	a, b := newOCI(), newOCI()
	ref := image(t, host, "acme/app", "v1")
	sub := resolve(t, a, ref)
	resolve(t, b, ref)
	between = func() {
		if _, err := b.Put(context.Background(), record(sub, 2)); err != nil {
			t.Error(err)
		}
	}
	if _, err := a.Put(context.Background(), record(sub, 1)); err != nil {
		t.Fatal(err)
	}
	if found, err := a.Fetch(context.Background(), []subject.Subject{sub}); err != nil || len(found.Bundles) != 2 {
		t.Errorf("found %d bundles, %v; want both", len(found.Bundles), err)
	}
}

// An entry that another kind of client wrote into the index stays there.
func TestOCI_foreign_entries_stay(t *testing.T) {
	host := server(t, false, nil)
	s := newOCI()
	sub := resolve(t, s, image(t, host, "acme/app", "v1"))
	foreign := resolve(t, s, image(t, host, "acme/app", "sbom"))
	index := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":%q,"digest":%q,"size":1,"artifactType":"application/spdx+json"}]}`, manifestType, foreign.Digest)
	at := "http://" + host + "/v2/acme/app/manifests/sha256-" + sub.Digest.Hex()
	put(t, at, "application/vnd.oci.image.index.v1+json", []byte(index))
	if _, err := s.Put(context.Background(), record(sub, 1)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Contains(b, []byte(foreign.Digest.String())) || !bytes.Contains(b, []byte("application/spdx+json")) {
		t.Errorf("index %s, %v; want the foreign entry in it", b, err)
	}
	if found, err := s.Fetch(context.Background(), []subject.Subject{sub}); err != nil || len(found.Bundles) != 1 {
		t.Errorf("found %d bundles, %v; want the one that is a bundle", len(found.Bundles), err)
	}
}

// Bytes that do not have the digest they were asked by are refused, whatever
// the registry's headers say.
func TestE06_registry_returns_other_bytes(t *testing.T) {
	lie := ""
	host := server(t, true, func(w http.ResponseWriter, r *http.Request) bool {
		if lie == "" || !strings.Contains(r.URL.Path, lie) || r.Method != http.MethodGet {
			return false
		}
		w.Header().Set("Content-Type", manifestType)
		w.Header().Set("Docker-Content-Digest", r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
		fmt.Fprint(w, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]}`)
		return true
	})
	s := newOCI()
	sub := resolve(t, s, image(t, host, "acme/app", "v1"))
	if _, err := s.Put(context.Background(), record(sub, 1)); err != nil {
		t.Fatal(err)
	}
	fetch := func() error {
		_, err := s.Fetch(context.Background(), []subject.Subject{sub})
		return err
	}
	if err := fetch(); err != nil {
		t.Fatalf("without the attack: %v", err)
	}
	lie = "/blobs/sha256:"
	wantFault(t, fetch(), fault.Refused, fault.SubjectMismatch)
	lie = "/manifests/sha256:"
	wantFault(t, fetch(), fault.Refused, fault.SubjectMismatch)
	_, _, err := s.Resolve(context.Background(), host+"/acme/app@"+sub.Digest.String())
	wantFault(t, err, fault.Refused, fault.SubjectMismatch)
}

// A tag is looked up once. What happens to it afterwards changes nothing about
// what was judged, and the name says the digest.
func TestE04_tag_moved_after_it_was_resolved(t *testing.T) {
	host := server(t, true, nil)
	s := newOCI()
	before := resolve(t, s, image(t, host, "acme/app", "v1"))
	if _, err := s.Put(context.Background(), record(before, 1)); err != nil {
		t.Fatal(err)
	}
	moved := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"layers":[],"annotations":{"evil":"yes"}}`, manifestType)
	put(t, "http://"+host+"/v2/acme/app/manifests/v1", manifestType, moved)
	if found, err := s.Fetch(context.Background(), []subject.Subject{before}); err != nil || len(found.Bundles) != 1 {
		t.Errorf("found %d bundles of what was judged, %v; want 1", len(found.Bundles), err)
	}
	if want := "@" + before.Digest.String(); !strings.HasSuffix(before.Name, want) {
		t.Errorf("name %q, want it to end in %q", before.Name, want)
	}
	after := resolve(t, s, host+"/acme/app:v1")
	if after.Digest != subject.SHA256(sha256.Sum256(moved)) {
		t.Errorf("digest = %s, want that of the bytes that the tag names now", after.Digest)
	}
	if found, err := s.Fetch(context.Background(), []subject.Subject{after}); err != nil || len(found.Bundles) != 0 {
		t.Errorf("found %d bundles of the other image, %v; want none", len(found.Bundles), err)
	}
}

// An index is judged as an index: its digest is the subject, not that of one
// of its images.
func TestE07_index_is_the_subject(t *testing.T) {
	host := server(t, true, nil)
	s := newOCI()
	amd := resolve(t, s, image(t, host, "acme/app", "amd64"))
	index := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":%q,"digest":%q,"size":1}]}`, manifestType, amd.Digest)
	put(t, "http://"+host+"/v2/acme/app/manifests/multi", "application/vnd.oci.image.index.v1+json", index)
	got := resolve(t, s, host+"/acme/app:multi")
	if want := subject.SHA256(sha256.Sum256(index)); got.Digest != want {
		t.Errorf("digest = %s, want the index's %s", got.Digest, want)
	}
	if _, err := s.Put(context.Background(), record(got, 1)); err != nil {
		t.Fatal(err)
	}
	if found, err := s.Fetch(context.Background(), []subject.Subject{amd}); err != nil || len(found.Bundles) != 0 {
		t.Errorf("found %d bundles for a platform of the index, %v; want none", len(found.Bundles), err)
	}
}

// listing answers the referrers API with n entries that all point to one.
func listing(n int, entry func(i int) string) []byte {
	var all []json.RawMessage
	for i := range n {
		all = append(all, fmt.Appendf(nil, `{"mediaType":%q,"digest":%q,"size":10,"artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json"}`, manifestType, entry(i)))
	}
	b, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": all})
	if err != nil {
		return nil
	}
	return b
}

// What a registry can do to a listing, and what comes of it.
func TestO02_listings(t *testing.T) {
	digest := func(i int) string { return subject.SHA256(sha256.Sum256(fmt.Append(nil, i))).String() }
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		kind   fault.Kind
		code   fault.Code
	}{
		"one over the limit": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(listing(store.MaxPerSubject+1, digest)) }, fault.Refused, fault.Limit},
		"endless pages": {func(w http.ResponseWriter, r *http.Request) {
			n, _ := strconv.Atoi(r.URL.Query().Get("next"))
			w.Header().Set("Link", "<"+r.URL.Path+fmt.Sprintf(`?next=%d>; rel="next"`, n+1))
			_, _ = w.Write(listing(1, digest))
		}, fault.Refused, fault.Limit},
		"a page that is its own next": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "<"+r.URL.Path+`?next=x>; rel="next"`)
			_, _ = w.Write(listing(1, digest))
		}, fault.Refused, fault.Malformed},
		"an empty page before others": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery == "" {
				w.Header().Set("Link", "<"+r.URL.Path+`?next=x>; rel="next"`)
			}
			_, _ = w.Write(listing(0, digest))
		}, fault.Refused, fault.Malformed},
		"page 2 lost": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery != "" {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			w.Header().Set("Link", "<"+r.URL.Path+`?next=x>; rel="next"`)
			_, _ = w.Write(listing(1, digest))
		}, fault.Refused, fault.Malformed},
		"page 2 fails": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery != "" {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			w.Header().Set("Link", "<"+r.URL.Path+`?next=x>; rel="next"`)
			_, _ = w.Write(listing(1, digest))
		}, fault.Unavailable, fault.NotAvailable},
		"page 2 elsewhere": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", `<http://127.0.0.1:1/x>; rel="next"`)
			_, _ = w.Write(listing(1, digest))
		}, fault.Refused, fault.Malformed},
		"listed and gone": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(listing(1, digest)) }, fault.Refused, fault.Malformed},
		"cut":             {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(listing(1, digest)[:30]) }, fault.Refused, fault.Malformed},
		"shorter than said": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9999")
			_, _ = w.Write(listing(1, digest))
		}, fault.Unavailable, fault.NotAvailable},
		"html":         {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, fault.Refused, fault.Malformed},
		"401":          {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, fault.Unavailable, fault.NotAvailable},
		"403":          {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, fault.Unavailable, fault.NotAvailable},
		"500":          {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, fault.Unavailable, fault.NotAvailable},
		"endless body": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.CopyN(w, zeros{}, 64<<20) }, fault.Refused, fault.Limit},
		"gzip": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(listing(0, digest))
		}, fault.Refused, fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			attack := false
			host := server(t, true, func(w http.ResponseWriter, r *http.Request) bool {
				if !attack || !strings.Contains(r.URL.Path, "/referrers/") {
					return false
				}
				c.answer(w, r)
				return true
			})
			s := store.NewOCI(nil, store.OCIOptions{Keychain: nobody, Budget: 5 * time.Second})
			sub := resolve(t, s, image(t, host, "acme/app", "v1"))
			if _, err := s.Put(context.Background(), record(sub, 1)); err != nil {
				t.Fatal(err)
			}
			attack = true
			found, err := s.Fetch(context.Background(), []subject.Subject{sub})
			wantFault(t, err, c.kind, c.code)
			if len(found.Bundles) != 0 {
				t.Errorf("%d bundles came with the error", len(found.Bundles))
			}
			attack = false
			if found, err := s.Fetch(context.Background(), []subject.Subject{sub}); err != nil || len(found.Bundles) != 1 {
				t.Errorf("after the attack: %d bundles, %v; want 1", len(found.Bundles), err)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A registry that is slow, one byte at a time, costs no more than the budget.
func TestOCI_budget(t *testing.T) {
	done := make(chan struct{})
	host := server(t, true, func(w http.ResponseWriter, r *http.Request) bool {
		for {
			select {
			case <-done:
				return true
			case <-r.Context().Done():
				return true
			case <-time.After(50 * time.Millisecond):
				_, _ = w.Write([]byte("x"))
				w.(http.Flusher).Flush()
			}
		}
	})
	defer close(done)
	s := store.NewOCI(nil, store.OCIOptions{Keychain: nobody, Budget: 300 * time.Millisecond})
	_, _, err := s.Resolve(context.Background(), host+"/acme/app:v1") // without a budget it would never return
	wantFault(t, err, fault.Unavailable, fault.NotAvailable)
}

// Retry-After is honoured within the budget, and a 4xx is not asked again.
func TestOCI_retries(t *testing.T) {
	var mu sync.Mutex
	asked, left := 0, 1
	status, after := http.StatusTooManyRequests, "0"
	host := server(t, true, func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if r.Method != http.MethodGet {
			return false
		}
		asked++
		if left == 0 {
			return false
		}
		left--
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.WriteHeader(status)
		return true
	})
	ref := image(t, host, "acme/app", "v1")
	resolve(t, newOCI(), ref)
	mu.Lock()
	if asked != 2 {
		t.Errorf("asked %d times, want 2", asked)
	}
	asked, left, status, after = 0, 9, http.StatusForbidden, ""
	mu.Unlock()
	_, _, err := newOCI().Resolve(context.Background(), ref)
	wantFault(t, err, fault.Unavailable, fault.NotAvailable)
	mu.Lock()
	if asked != 1 {
		t.Errorf("asked %d times after a 403, want once", asked)
	}
	asked, left, status, after = 0, 9, http.StatusServiceUnavailable, "3600"
	mu.Unlock()
	_, _, err = newOCI().Resolve(context.Background(), ref)
	wantFault(t, err, fault.Unavailable, fault.NotAvailable)
	mu.Lock()
	defer mu.Unlock()
	if asked != 1 {
		t.Errorf("asked %d times though told to wait an hour, want once", asked)
	}
}

// Who may not push has to change something; what is not there cannot be
// attested.
func TestOCI_put_refused(t *testing.T) {
	host := server(t, true, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	s := newOCI()
	sub := resolve(t, s, image(t, host, "acme/app", "v1"))
	_, err := s.Put(context.Background(), record(sub, 1))
	wantFault(t, err, fault.Usage, fault.Config)
	_, _, err = s.Resolve(context.Background(), host+"/acme/app:none")
	wantFault(t, err, fault.Refused, fault.SubjectMismatch)
	_, _, err = s.Resolve(context.Background(), "UPPER CASE")
	wantFault(t, err, fault.Usage, fault.Config)
	_, err = s.Put(context.Background(), record(subject.Subject{Digest: subject.SHA256([32]byte{1})}, 1))
	wantFault(t, err, fault.Usage, fault.Config)
}
