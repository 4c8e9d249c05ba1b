package store_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

const (
	indexType  = "application/vnd.oci.image.index.v1+json"
	emptyType  = "application/vnd.oci.empty.v1+json"
	bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"
	spdxType   = "application/spdx+json"
)

type object = map[string]any

// memory is a registry without a network between it and its client.
type memory struct {
	t    *testing.T
	h    http.Handler
	host string

	mu    sync.Mutex
	asked []string
	front func(*http.Request) *http.Response // answers first, if it is there and its answer is
}

func newMemory(t *testing.T, referrers bool) *memory {
	t.Helper()
	h := registry.New(registry.WithReferrersSupport(referrers), registry.Logger(log.New(io.Discard, "", 0)))
	return &memory{t: t, h: h, host: "127.0.0.1:5000"}
}

// RoundTrip is the network.
func (m *memory) RoundTrip(r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	m.asked = append(m.asked, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/v2/acme/app"))
	front := m.front
	m.mu.Unlock()
	if front != nil {
		if resp := front(r); resp != nil {
			return resp, nil
		}
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
	}
	w := httptest.NewRecorder()
	m.h.ServeHTTP(w, r)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// requests returns what was asked since the last call.
func (m *memory) requests() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := m.asked
	m.asked = nil
	return out
}

func (m *memory) store(o store.OCIOptions) *store.OCI {
	o.Keychain, o.Transport = nobody, m
	return store.NewOCI(nil, o)
}

func (m *memory) put(path, mediaType string, b []byte) {
	m.t.Helper()
	r := httptest.NewRequest(http.MethodPut, "http://"+m.host+"/v2/acme/app"+path, bytes.NewReader(b))
	r.Header.Set("Content-Type", mediaType)
	w := httptest.NewRecorder()
	m.h.ServeHTTP(w, r)
	if w.Code != http.StatusCreated {
		m.t.Fatalf("PUT %s: %d: %s", path, w.Code, w.Body)
	}
}

// manifest pushes o, under its digest if it is given no tag.
func (m *memory) manifest(tag string, o object) subject.Digest {
	m.t.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		m.t.Fatal(err)
	}
	d := subject.Sum(b)
	if tag == "" {
		tag = d.String()
	}
	mediaType, _ := o["mediaType"].(string)
	m.put("/manifests/"+tag, mediaType, b)
	return d
}

func (m *memory) blob(b string) subject.Digest {
	m.t.Helper()
	d := subject.Sum([]byte(b))
	r := httptest.NewRequest(http.MethodPost, "http://"+m.host+"/v2/acme/app/blobs/uploads/?digest="+d.String(),
		strings.NewReader(b))
	w := httptest.NewRecorder()
	m.h.ServeHTTP(w, r)
	if w.Code != http.StatusCreated {
		m.t.Fatalf("POST of a blob: %d: %s", w.Code, w.Body)
	}
	return d
}

// image pushes an image and returns it as a subject that s knows.
func (m *memory) image(s *store.OCI) subject.Subject {
	m.t.Helper()
	m.manifest("v1", object{"schemaVersion": 2, "mediaType": manifestType,
		"config": object{"mediaType": emptyType, "digest": m.blob("{}").String(), "size": 2}, "layers": []any{}})
	sub := resolve(m.t, s, m.host+"/acme/app:v1")
	m.requests()
	return sub
}

// referrer returns a manifest that refers to d: of an artifact type, or with a
// config of one, and with layers.
func (m *memory) referrer(d subject.Digest, n int, artifactType, configType string, layers ...object) object {
	o := object{
		"schemaVersion": 2, "mediaType": manifestType, "annotations": object{"n": fmt.Sprint(n)},
		"config":  object{"mediaType": configType, "digest": m.blob("{}").String(), "size": 2},
		"subject": object{"mediaType": manifestType, "digest": d.String(), "size": 100}, "layers": layers,
	}
	if artifactType != "" {
		o["artifactType"] = artifactType
	}
	return o
}

func layer(mediaType string, d subject.Digest, size int) object {
	return object{"mediaType": mediaType, "digest": d.String(), "size": size}
}

// bundle pushes a bundle beside d.
func (m *memory) bundle(d subject.Digest, n int) {
	m.t.Helper()
	b := fmt.Sprintf(`{"bundle":%d}`, n)
	m.manifest("", m.referrer(d, n, bundleType, emptyType, layer(bundleType, m.blob(b), len(b))))
}

func passed(found store.Found) map[string]int {
	out := map[string]int{}
	for _, p := range found.Passed {
		out[p.What] += p.Count
	}
	return out
}

func fetchImage(t *testing.T, s *store.OCI, sub subject.Subject) store.Found {
	t.Helper()
	found, err := s.Fetch(context.Background(), []subject.Subject{sub})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Whoever may push can add referrers of any kind. They do not stand in the way
// of the one that counts, and what says itself that it is something else costs
// no request.
func TestD06_foreign_referrers_are_passed_over(t *testing.T) {
	for name, c := range map[string]struct {
		artifactType, configType string
		requests                 int
	}{
		"which the list says": {"", spdxType, 4},
		"which it does not":   {spdxType, emptyType, 4 + 205}, // this registry lists the type of the config
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory(t, true)
			s := m.store(store.OCIOptions{})
			sub := m.image(s)
			for i := range 205 {
				m.manifest("", m.referrer(sub.Digest, i, c.artifactType, c.configType))
			}
			m.bundle(sub.Digest, 1)
			found := fetchImage(t, s, sub)
			if len(found.Bundles) != 1 || passed(found)[`referrer of type "application/spdx+json"`] != 205 {
				t.Errorf("found %d bundles, passed over %v, want one and 205", len(found.Bundles), passed(found))
			}
			if got := len(m.requests()); got != c.requests {
				t.Errorf("%d requests, want %d", got, c.requests)
			}
		})
	}
}

// The good path asks for the list, the fallback tag, the manifest and the
// bundle, and for nothing else.
func TestOCI_calls(t *testing.T) {
	m := newMemory(t, true)
	s := m.store(store.OCIOptions{})
	sub := m.image(s)
	m.bundle(sub.Digest, 1)
	fetchImage(t, s, sub)
	if got := m.requests(); len(got) != 4 || strings.Contains(strings.Join(got, " "), ".sig") {
		t.Errorf("asked for %q, want four things", got)
	}
}

// A tag that is to name the list of referrers, and names an image, lists
// nothing and is no error for a reader. A writer does not overwrite it.
func TestD06_fallback_tag_is_a_manifest(t *testing.T) {
	for _, referrers := range []bool{true, false} {
		t.Run(fmt.Sprint("referrers=", referrers), func(t *testing.T) {
			m := newMemory(t, referrers)
			s := m.store(store.OCIOptions{Budget: time.Second})
			sub := m.image(s)
			tag := "sha256-" + sub.Digest.Hex()
			m.manifest(tag, m.referrer(subject.SHA256([32]byte{1}), 1, "", emptyType))
			m.bundle(sub.Digest, 1)
			found := fetchImage(t, s, sub)
			if n := len(found.Bundles); (n == 1) != referrers {
				t.Errorf("found %d bundles, want those that the API lists", n)
			}
			if len(found.Passed) != 1 || !strings.Contains(found.Passed[0].What, tag) {
				t.Errorf("passed over %v, want the tag", passed(found))
			}
			_, err := s.Put(context.Background(), record(sub, 2))
			if referrers {
				if err != nil {
					t.Errorf("where the API lists: %v, want it kept", err)
				}
				return
			}
			wantFault(t, err, fault.Refused, fault.Malformed)
			if hint := fault.Of(err).Hint; !strings.Contains(hint, tag) {
				t.Errorf("hint %q does not name the tag", hint)
			}
		})
	}
}

// What other tools leave beside an image is never evidence. Where there is no
// other, people are told why theirs does not count; where there is, nobody asks.
func TestA03_evidence_of_other_tools_is_named_and_never_read(t *testing.T) {
	m := newMemory(t, true)
	s := m.store(store.OCIOptions{})
	sub := m.image(s)
	dsse := "application/vnd.dsse.envelope.v1+json"
	tag := "sha256-" + sub.Digest.Hex()
	m.manifest(tag+".att", m.referrer(subject.SHA256([32]byte{1}), 1, "", "application/vnd.oci.image.config.v1+json",
		layer(dsse, m.blob(`{"payload":""}`), 14)))
	m.manifest(tag+".sig", m.referrer(subject.SHA256([32]byte{1}), 2, "", "application/vnd.oci.image.config.v1+json",
		layer("application/vnd.dev.cosign.simplesigning.v1+json", m.blob("x"), 1)))
	m.manifest("", m.referrer(sub.Digest, 3, "", emptyType, layer(dsse, m.blob(`{"payload":""}`), 14)))
	m.manifest("", m.referrer(sub.Digest, 4, "application/vnd.in-toto+json", emptyType,
		layer("application/vnd.in-toto+json", m.blob("{}"), 2)))
	m.manifest("", m.referrer(sub.Digest, 5, "application/vnd.dev.cosign.artifact.sig.v1+json", emptyType))
	found := fetchImage(t, s, sub)
	want := map[string]int{
		"cosign v2 attestation, which is not read: it carries no inclusion proof":  1,
		"cosign v2 signature, which is no statement about how the image was built": 2,
		"DSSE envelope without a bundle around it":                                 1,
		"in-toto statement without a bundle around it":                             1,
	}
	if len(found.Bundles) != 0 || fmt.Sprint(passed(found)) != fmt.Sprint(want) {
		t.Errorf("found %d bundles, passed over %v, want %v", len(found.Bundles), passed(found), want)
	}
	m.bundle(sub.Digest, 1)
	m.requests()
	if found := fetchImage(t, s, sub); len(found.Bundles) != 1 {
		t.Errorf("found %d bundles, want the one", len(found.Bundles))
	}
	if asked := strings.Join(m.requests(), " "); strings.Contains(asked, tag+".") {
		t.Errorf("asked %s, want nothing about other tools where there is a bundle", asked)
	}
}

// What a stranger who may push can do to the list and to manifests is that
// entry's problem.
func TestD06_broken_referrers_are_passed_over(t *testing.T) {
	m := newMemory(t, false)
	s := m.store(store.OCIOptions{})
	sub := m.image(s)
	entries := []object{}
	list := func(d string) {
		entries = append(entries, object{"mediaType": manifestType, "digest": d, "size": 1, "artifactType": bundleType})
	}
	pushed := func(o object) { list(m.manifest("", o).String()) }
	nowhere := subject.SHA256([32]byte{1, 2, 3})
	list(nowhere.String())
	list("sha512:" + strings.Repeat("ab", 64))
	list("../../evil")
	text := subject.Sum([]byte("not JSON"))
	m.put("/manifests/"+text.String(), manifestType, []byte("not JSON"))
	list(text.String())
	pushed(m.referrer(sub.Digest, 1, bundleType, emptyType, layer(bundleType, subject.SHA256([32]byte{4}), 10)))
	pushed(m.referrer(sub.Digest, 2, bundleType, emptyType,
		layer(bundleType, subject.SHA256([32]byte{5}), store.MaxBundleBytes+1)))
	large := strings.Repeat(" ", store.MaxBundleBytes+1)
	pushed(m.referrer(sub.Digest, 3, bundleType, emptyType,
		layer(bundleType, m.blob(large), 10))) // which says that it is small
	var many []object
	for range 65 {
		many = append(many, layer(bundleType, m.blob("{}"), 2))
	}
	pushed(m.referrer(sub.Digest, 4, bundleType, emptyType, many...))
	good := `{"good":true}`
	pushed(m.referrer(sub.Digest, 5, bundleType, emptyType, layer(bundleType, m.blob(good), len(good))))
	// A second entry says that the good one is something else.
	entries = append([]object{{"mediaType": manifestType, "digest": entries[len(entries)-1]["digest"], "size": 1,
		"artifactType": spdxType}}, entries...)
	index, err := json.Marshal(object{"schemaVersion": 2, "mediaType": indexType, "manifests": entries})
	if err != nil {
		t.Fatal(err)
	}
	m.front = func(r *http.Request) *http.Response { // this registry would not take such an index; others do
		if !strings.HasSuffix(r.URL.Path, "/manifests/sha256-"+sub.Digest.Hex()) {
			return nil
		}
		return answer(r, http.StatusOK, map[string]string{"Content-Type": indexType}, string(index))
	}

	found := fetchImage(t, s, sub)
	if len(found.Bundles) != 1 || string(found.Bundles[0].Bundle) != good {
		t.Errorf("found %d bundles, want the good one", len(found.Bundles))
	}
	want := map[string]int{
		"referrer that is listed and missing": 1, "referrer without a sha256 digest": 2, "referrer that is no manifest": 1,
		"bundle that is listed and missing": 1, store.TooLarge: 2, "referrer of more than 64 bundles": 1,
	}
	if got := passed(found); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("passed over %v, want %v", got, want)
	}
}

// A registry that fails for one of many has not said what it holds.
func TestD03_a_registry_that_fails_for_one_referrer_is_a_fault(t *testing.T) {
	m := newMemory(t, true)
	s := m.store(store.OCIOptions{Budget: 3 * time.Second})
	sub := m.image(s)
	for i := range 12 {
		m.bundle(sub.Digest, i)
	}
	if found := fetchImage(t, s, sub); len(found.Bundles) != 12 {
		t.Fatalf("found %d bundles, want 12", len(found.Bundles))
	}
	last := ""
	for _, r := range m.requests() {
		if strings.HasPrefix(r, "GET /blobs/") {
			last = strings.TrimPrefix(r, "GET ")
		}
	}
	m.front = func(r *http.Request) *http.Response {
		if strings.HasSuffix(r.URL.Path, last) {
			return answer(r, http.StatusInternalServerError, nil, "")
		}
		return nil
	}
	found, err := s.Fetch(context.Background(), []subject.Subject{sub})
	wantFault(t, err, fault.Unavailable, fault.NotAvailable)
	if len(found.Bundles) != 0 {
		t.Errorf("%d bundles came with the fault", len(found.Bundles))
	}
}

// As many bundles as the limit are all read, in an order that no timing
// changes. One more is a fault that says how they go away.
func TestO02_as_many_referrers_as_the_limit(t *testing.T) {
	m := newMemory(t, true)
	s := m.store(store.OCIOptions{})
	sub := m.image(s)
	digest := func(i int) subject.Digest { return subject.Sum(fmt.Append(nil, i)) }
	n := store.MaxPerSubject
	small := `{"n":1}`
	blob := m.blob(small)
	whole, err := json.Marshal(m.referrer(sub.Digest, 0, bundleType, emptyType, layer(bundleType, blob, len(small))))
	if err != nil {
		t.Fatal(err)
	}
	one := subject.Sum(whole)
	m.put("/manifests/"+one.String(), manifestType, whole)
	// The list names most of them as what is gone from the tag's index, so that
	// a request each is all that they cost.
	m.front = func(r *http.Request) *http.Response {
		switch {
		case strings.Contains(r.URL.Path, "/referrers/"):
			return answer(r, http.StatusNotFound, nil, "")
		case strings.HasSuffix(r.URL.Path, "/manifests/sha256-"+sub.Digest.Hex()):
			all := []object{{"mediaType": manifestType, "digest": one.String(), "size": len(whole)}}
			for i := 1; i < n; i++ {
				all = append(all, object{"mediaType": manifestType, "digest": digest(i).String(), "size": 1})
			}
			b, err := json.Marshal(object{"schemaVersion": 2, "mediaType": indexType, "manifests": all})
			if err != nil {
				t.Error(err)
			}
			return answer(r, http.StatusOK, map[string]string{"Content-Type": indexType}, string(b))
		}
		return nil
	}
	found := fetchImage(t, s, sub)
	if len(found.Bundles) != 1 || passed(found)["referrer that is listed and missing"] != n-1 {
		t.Errorf("at the limit: %d bundles, passed over %v, want one and all others", len(found.Bundles), passed(found))
	}
	n++
	_, err = s.Fetch(context.Background(), []subject.Subject{sub})
	wantFault(t, err, fault.Refused, fault.Limit)
	if hint := fault.Of(err).Hint; !strings.Contains(hint, "oras discover "+m.host+"/acme/app@"+sub.Digest.String()) ||
		!strings.Contains(err.Error(), sub.Digest.String()) {
		t.Errorf("%v, hint %q, want store, digest and how to clear it", err, hint)
	}
}

// Many are read a few at a time, and whoever answers first changes nothing.
func TestOCI_order_is_that_of_no_network(t *testing.T) {
	m := newMemory(t, true)
	s := m.store(store.OCIOptions{})
	sub := m.image(s)
	for i := range 60 {
		m.bundle(sub.Digest, i)
	}
	var now, most atomic.Int64
	m.front = func(*http.Request) *http.Response {
		n := now.Add(1)
		defer now.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
		return nil
	}
	first := fetchImage(t, s, sub)
	for range 3 {
		if again := fetchImage(t, s, sub); fmt.Sprint(again) != fmt.Sprint(first) || len(again.Bundles) != 60 {
			t.Fatalf("%d bundles in another order", len(again.Bundles))
		}
	}
	if got := most.Load(); got < 2 || got > 16 {
		t.Errorf("%d requests at the same time, want a few", got)
	}
}

// A registry that answers each question soon may be asked for as long as it
// takes; one that is silent ends with the budget of an answer.
func TestO02_many_answers_may_take_long(t *testing.T) {
	m := newMemory(t, true)
	budget := time.Second
	s := m.store(store.OCIOptions{Budget: budget})
	sub := m.image(s)
	for i := range 60 {
		m.bundle(sub.Digest, i)
	}
	m.front = func(*http.Request) *http.Response { time.Sleep(150 * time.Millisecond); return nil }
	began := time.Now()
	if found := fetchImage(t, s, sub); len(found.Bundles) != 60 || time.Since(began) < budget {
		t.Errorf("found %d bundles in %v, want 60 in more time than one answer may take", len(found.Bundles),
			time.Since(began))
	}
	m.front = func(r *http.Request) *http.Response {
		if strings.Contains(r.URL.Path, "/blobs/") {
			<-r.Context().Done()
		}
		return nil
	}
	began = time.Now()
	_, err := s.Fetch(context.Background(), []subject.Subject{sub})
	wantFault(t, err, fault.Unavailable, fault.NotAvailable)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("silence took %v, want an end with the budget", took)
	}
}

// Tags beside the fallback tag that are nobody's announcement keep no writer
// from writing, and list nothing.
func TestD06_foreign_tags_keep_no_writer(t *testing.T) {
	m := newMemory(t, false)
	s := m.store(store.OCIOptions{})
	sub := m.image(s)
	tag := "sha256-" + sub.Digest.Hex()
	m.put("/manifests/"+tag+".sig", "application/vnd.docker.distribution.manifest.v2+json",
		[]byte(`{"schemaVersion":2}`))
	m.put("/manifests/"+tag+".0123456789abcdef", manifestType,
		[]byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}`))
	if _, err := s.Put(context.Background(), record(sub, 1)); err != nil {
		t.Fatal(err)
	}
	if found := fetchImage(t, s, sub); len(found.Bundles) != 1 || len(found.Passed) != 0 {
		t.Errorf("found %d bundles, passed over %v, want the one", len(found.Bundles), passed(found))
	}
}

// A stranger who invents many kinds of things gets a few lines.
func TestSum_bounds_the_kinds(t *testing.T) {
	var all []store.Passed
	for i := range 300 {
		all = append(all, store.Passed{Source: "x", What: fmt.Sprintf("kind %d", i), Count: 1})
	}
	all = append(all, store.Passed{Source: "x", What: "often", Count: 7},
		store.Passed{Source: "y", What: "kind 1", Count: 1})
	got := store.Sum(all)
	n := 0
	for _, p := range got {
		n += p.Count
	}
	if len(got) != 22 || n != 308 || fmt.Sprint(store.Sum(got)) != fmt.Sprint(got) {
		t.Errorf("%d lines about %d things, want 22 about 308, and the same once more: %v", len(got), n, got)
	}
	if !strings.Contains(fmt.Sprint(got), "x: 7 × often") {
		t.Errorf("%v: what is there most often has no name", got)
	}
}

// All bundles of one call together have a limit, whoever they are about.
func TestO02_bytes_of_all_bundles(t *testing.T) {
	large := make([]byte, store.MaxBundleBytes)
	for n, code := range map[int]fault.Code{store.MaxFetchBytes / store.MaxBundleBytes: "",
		store.MaxFetchBytes/store.MaxBundleBytes + 1: fault.Limit} {
		found, err := store.Each(context.Background(), make([]int, n), func(context.Context, int) (store.Found, error) {
			return store.Found{Bundles: []store.Evidence{{Bundle: large}}}, nil
		})
		if code == "" && (err != nil || len(found.Bundles) != n) {
			t.Errorf("at the limit: %d bundles, %v, want all %d", len(found.Bundles), err, n)
		}
		if code != "" {
			wantFault(t, err, fault.Refused, code)
		}
	}
}
