package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

const (
	inTotoType      = "application/vnd.in-toto+json"
	attestationType = "application/vnd.docker.attestation.manifest.v1+json"
)

// built is an index as BuildKit writes it.
type built struct {
	subject   subject.Subject
	images    []subject.Digest
	manifests []subject.Digest // the attestation manifest of each image
}

// buildkit pushes an index of an image for each platform, each with an
// attestation manifest of these layers. What the layers state does not matter
// to a store.
func (m *memory) buildkit(s *store.OCI, platforms []string, layers ...object) built {
	m.t.Helper()
	var b built
	var entries []object
	for i, p := range platforms {
		image := m.referrer(subject.Digest{}, i, "", "application/vnd.oci.image.config.v1+json")
		delete(image, "subject")
		b.images = append(b.images, m.manifest("", image))
		own := m.attestation(b.images[i], i, layers...)
		delete(own, "subject") // as BuildKit wrote it until 2025
		b.manifests = append(b.manifests, m.manifest("", own))
		entries = append(entries,
			object{"mediaType": manifestType, "digest": b.images[i].String(), "size": 1, "platform": object{"os": "linux", "architecture": p}},
			object{"mediaType": manifestType, "digest": b.manifests[i].String(), "size": 1, "platform": object{"os": "unknown", "architecture": "unknown"},
				"annotations": object{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": b.images[i].String()}})
	}
	m.manifest("v1", object{"schemaVersion": 2, "mediaType": indexType, "manifests": entries})
	b.subject = resolve(m.t, s, m.host+"/acme/app:v1")
	m.requests()
	return b
}

// attestation is an attestation manifest that names its image.
func (m *memory) attestation(image subject.Digest, n int, layers ...object) object {
	return m.referrer(image, n, attestationType, emptyType, layers...)
}

// statement pushes a layer of n bytes.
func (m *memory) statement(n int) object {
	text := fmt.Sprintf("{%s}", strings.Repeat(" ", n-2))
	return layer(inTotoType, m.blob(text), n)
}

// connected fails the test unless each chain leads from an index, or from none,
// by way of one of the manifests to layers of these sizes.
func connected(t *testing.T, found store.Found, index bool, manifests []subject.Digest, sizes ...int) {
	t.Helper()
	if len(found.Chains) != len(manifests) {
		t.Fatalf("%d chains, want %d", len(found.Chains), len(manifests))
	}
	for _, c := range found.Chains {
		var got []int
		for _, l := range c.Layers {
			got = append(got, len(l))
		}
		if (c.Index != nil) != index || !slices.Contains(manifests, subject.Sum(c.Manifest)) || !slices.Equal(got, sizes) {
			t.Errorf("chain with index %t of manifest %s with layers of %v bytes, want index %t, one of %v and %v",
				c.Index != nil, subject.Sum(c.Manifest), got, index, manifests, sizes)
		}
	}
}

// What BuildKit's images are signed by lies one level below the index. It is
// found with the bytes that connect it, in the fewest requests.
func TestE07_bundles_of_attestation_manifests_are_found(t *testing.T) {
	for _, referrers := range []bool{true, false} {
		t.Run(fmt.Sprint("referrers=", referrers), func(t *testing.T) {
			m := newMemory(t, referrers)
			s := m.store(store.OCIOptions{})
			b := m.buildkit(s, []string{"amd64", "arm64"}, m.statement(10), m.statement(20))
			for i, d := range b.manifests {
				if referrers {
					m.bundle(d, i)
					continue
				}
				text := fmt.Sprint(i)
				bundle := m.manifest("", m.referrer(d, i, bundleType, emptyType, layer(bundleType, m.blob(text), len(text))))
				m.manifest("sha256-"+d.Hex(), object{"schemaVersion": 2, "mediaType": indexType, "manifests": []object{
					{"mediaType": manifestType, "digest": bundle.String(), "size": 1, "artifactType": bundleType}}})
			}
			m.requests()
			found := fetchImage(t, s, b.subject)
			if len(found.Bundles) != 2 || len(found.Passed) != 0 {
				t.Errorf("found %d bundles, passed over %v, want two and nothing", len(found.Bundles), passed(found))
			}
			connected(t, found, true, b.manifests, 10, 20)
			// The list and the tag of the index; of each attestation manifest the list,
			// the tag, a referrer, its bundle, the manifest itself and two layers.
			if got := m.requests(); len(got) != 2+2*7 {
				t.Errorf("%d requests, want 16: %q", len(got), got)
			}
		})
	}
}

// A single image is known by the attestation manifests that name it.
func TestE07_attestation_manifests_that_name_an_image_are_found(t *testing.T) {
	m := newMemory(t, true)
	s := m.store(store.OCIOptions{})
	sub := m.image(s)
	other := m.manifest("", m.referrer(subject.SHA256([32]byte{1}), 9, "", emptyType))
	var manifests []subject.Digest
	for i := range 2 {
		manifests = append(manifests, m.manifest("", m.attestation(sub.Digest, i, m.statement(10))))
		m.bundle(manifests[i], i)
	}
	m.manifest("", m.attestation(sub.Digest, 2, m.statement(11))) // which nobody signed
	m.manifest("", m.attestation(sub.Digest, 3))                  // which says nothing
	elsewhere := m.manifest("", m.attestation(other, 4, m.statement(12)))
	m.bundle(elsewhere, 4)
	m.manifest("sha256-"+sub.Digest.Hex(), object{"schemaVersion": 2, "mediaType": indexType, "manifests": []object{
		{"mediaType": manifestType, "digest": elsewhere.String(), "size": 1}}}) // as if it named this image
	m.requests()
	found := fetchImage(t, s, sub)
	connected(t, found, false, manifests, 10)
	want := map[string]int{"attestation manifest of BuildKit without a signature": 1, "attestation manifest without a statement about this image": 2}
	if len(found.Bundles) != 2 || fmt.Sprint(passed(found)) != fmt.Sprint(want) {
		t.Errorf("found %d bundles, passed over %v, want two and %v", len(found.Bundles), passed(found), want)
	}
	// The list and the tag; five manifests; the list and the tag of three of
	// them; of two a referrer, its bundle and a layer.
	if got := m.requests(); len(got) != 2+5+3*2+2*3 {
		t.Errorf("%d requests, want 19: %q", len(got), got)
	}
	// Where the list says what the manifests are, the answer is the same.
	m.front = func(r *http.Request) *http.Response {
		if !strings.HasSuffix(r.URL.Path, "/referrers/"+sub.Digest.String()) {
			return nil
		}
		return answer(r, http.StatusOK, nil, string(relabelled(t, m, r, attestationType)))
	}
	found = fetchImage(t, s, sub)
	connected(t, found, false, manifests, 10)
}

// relabelled is the registry's own answer to r, with another artifact type for
// each entry.
func relabelled(t *testing.T, m *memory, r *http.Request, artifactType string) []byte {
	t.Helper()
	m.mu.Lock()
	front := m.front
	m.front = nil
	m.mu.Unlock()
	resp, err := m.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	m.front = front
	m.mu.Unlock()
	var index struct {
		SchemaVersion int      `json:"schemaVersion"`
		MediaType     string   `json:"mediaType"`
		Manifests     []object `json:"manifests"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&index); err != nil {
		t.Fatal(err)
	}
	for _, e := range index.Manifests {
		e["artifactType"] = artifactType
	}
	b, err := json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// An attestation manifest that nobody signed is counted, and costs the question
// whether somebody did.
func TestA03_attestation_manifests_without_a_signature_are_counted(t *testing.T) {
	m := newMemory(t, true)
	s := m.store(store.OCIOptions{})
	b := m.buildkit(s, []string{"amd64", "arm64"}, m.statement(10))
	m.bundle(b.subject.Digest, 1)
	m.bundle(b.manifests[0], 2)
	m.requests()
	found := fetchImage(t, s, b.subject)
	if got := passed(found); len(found.Bundles) != 2 || len(got) != 1 || got["attestation manifest of BuildKit without a signature"] != 1 {
		t.Errorf("found %d bundles, passed over %v, want two and the manifest of arm64", len(found.Bundles), got)
	}
	connected(t, found, true, b.manifests[:1], 10)
	if got := m.requests(); len(got) != 4+6+2 {
		t.Errorf("%d requests, want 12: %q", len(got), got)
	}
}

// Images without attestation manifests are asked about as before: no request is
// added where the manifest was read already, and one where it was not.
func TestOCI_calls_for_images_without_attestation_manifests(t *testing.T) {
	m := newMemory(t, true)
	s := m.store(store.OCIOptions{})
	amd := m.manifest("", m.referrer(subject.SHA256([32]byte{1}), 1, "", emptyType))
	index := m.manifest("v1", object{"schemaVersion": 2, "mediaType": indexType, "manifests": []object{
		{"mediaType": manifestType, "digest": amd.String(), "size": 1, "platform": object{"os": "linux", "architecture": "amd64"}}}})
	sub := resolve(t, s, m.host+"/acme/app:v1")
	m.bundle(index, 1)
	m.requests()
	if found := fetchImage(t, s, sub); len(found.Bundles) != 1 || len(found.Chains) != 0 {
		t.Errorf("found %d bundles and %d chains, want one and none", len(found.Bundles), len(found.Chains))
	}
	if got := m.requests(); len(got) != 4 {
		t.Errorf("asked for %q, want four things", got)
	}
	unread := store.NewOCI(map[subject.Digest]string{index: m.host + "/acme/app"}, store.OCIOptions{Keychain: nobody, Transport: m})
	if found := fetchImage(t, unread, sub); len(found.Bundles) != 1 {
		t.Errorf("found %d bundles, want one", len(found.Bundles))
	}
	if got := m.requests(); len(got) != 5 || got[0] != "GET /manifests/"+index.String() {
		t.Errorf("asked for %q, want the manifest and four things", got)
	}
}

// An index that was not resolved is read, and its attestation manifests are
// found all the same.
func TestE07_an_index_that_nobody_resolved_is_read(t *testing.T) {
	m := newMemory(t, true)
	b := m.buildkit(m.store(store.OCIOptions{}), []string{"amd64"}, m.statement(10))
	m.bundle(b.manifests[0], 1)
	s := store.NewOCI(map[subject.Digest]string{b.subject.Digest: m.host + "/acme/app"}, store.OCIOptions{Keychain: nobody, Transport: m})
	connected(t, fetchImage(t, s, b.subject), true, b.manifests, 10)
	// The other way around, its image alone has no attestation manifest: nothing
	// names it.
	s = store.NewOCI(map[subject.Digest]string{b.images[0]: m.host + "/acme/app"}, store.OCIOptions{Keychain: nobody, Transport: m})
	if found := fetchImage(t, s, subject.Subject{Digest: b.images[0]}); len(found.Bundles)+len(found.Chains) != 0 {
		t.Errorf("found %d bundles and %d chains of the image alone, want none", len(found.Bundles), len(found.Chains))
	}
}

// Layers that are no statements, too large, missing or too many are counted, and
// the others are handed over.
func TestO02_layers_of_attestation_manifests_are_bounded(t *testing.T) {
	m := newMemory(t, true)
	s := m.store(store.OCIOptions{})
	large := m.statement(store.MaxBundleBytes)
	b := m.buildkit(s, []string{"amd64"},
		m.statement(10), layer("application/spdx+json", m.blob("{}"), 2), layer(inTotoType, subject.SHA256([32]byte{3}), 10),
		layer(inTotoType, m.blob(strings.Repeat(" ", store.MaxBundleBytes+1)), 5), layer(inTotoType, m.blob("[]"), store.MaxBundleBytes+1),
		large, large, large, large, m.statement(11), large)
	m.bundle(b.manifests[0], 1)
	found := fetchImage(t, s, b.subject)
	connected(t, found, true, b.manifests, 10, store.MaxBundleBytes, store.MaxBundleBytes, store.MaxBundleBytes, 11)
	want := map[string]int{
		"layer of an attestation manifest that is no in-toto statement":   1,
		"statement in an attestation manifest that is listed and missing": 1,
		"statement in an attestation manifest of more than 16 MiB":        2,
		"statement beyond the first 64 MiB of an attestation manifest":    2,
	}
	if got := passed(found); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("passed over %v, want %v", got, want)
	}

	var many []object
	for range 65 {
		many = append(many, m.statement(10))
	}
	b = m.buildkit(s, []string{"amd64", "arm64"}, many...)
	m.bundle(b.manifests[0], 1)
	if found := fetchImage(t, s, b.subject); len(found.Chains) != 0 || passed(found)["attestation manifest of more than 64 statements"] != 1 {
		t.Errorf("%d chains, passed over %v, want none", len(found.Chains), passed(found))
	}
	b = m.buildkit(s, []string{"amd64", "arm64"}, many[:64]...)
	m.bundle(b.manifests[0], 1)
	if found := fetchImage(t, s, b.subject); len(found.Chains) != 1 || len(found.Chains[0].Layers) != 64 {
		t.Errorf("%d chains, passed over %v, want one of 64 layers", len(found.Chains), passed(found))
	}
}

// Chains count among the bytes of one call.
func TestO02_bytes_of_chains(t *testing.T) {
	large := make([]byte, store.MaxBundleBytes)
	for n, code := range map[int]fault.Code{store.MaxFetchBytes/store.MaxBundleBytes - 1: "", store.MaxFetchBytes / store.MaxBundleBytes: fault.Limit} {
		_, err := store.Each(t.Context(), make([]int, n), func(context.Context, int) (store.Found, error) {
			return store.Found{Chains: []store.Chain{{Index: large, Manifest: []byte("{}"), Layers: [][]byte{large}}}}, nil
		})
		if code == "" && err != nil {
			t.Errorf("at the limit: %v", err)
		}
		if code != "" {
			wantFault(t, err, fault.Refused, code)
		}
	}
}

// Everybody who may push can refer to an attestation manifest too. Ten thousand of
// other kinds and thousands of bundles do not stand in the way of the good one.
func TestD06_foreign_referrers_of_an_attestation_manifest_change_nothing(t *testing.T) {
	m := newMemory(t, true)
	s := m.store(store.OCIOptions{})
	b := m.buildkit(s, []string{"amd64"}, m.statement(10))
	m.bundle(b.manifests[0], 1)
	m.requests()
	want := fetchImage(t, s, b.subject)
	alone := len(m.requests())
	for i := range 10_000 {
		m.manifest("", m.referrer(b.manifests[0], i, "", spdxType))
	}
	found := fetchImage(t, s, b.subject)
	if fmt.Sprint(found.Bundles, found.Chains) != fmt.Sprint(want.Bundles, want.Chains) || passed(found)[`referrer of type "application/spdx+json"`] != 10_000 {
		t.Errorf("found %d bundles and %d chains, passed over %v, want what was there and 10,000", len(found.Bundles), len(found.Chains), passed(found))
	}
	if got := len(m.requests()); got != alone {
		t.Errorf("%d requests, want %d", got, alone)
	}
	for i := range 2_000 {
		m.bundle(b.manifests[0], i+2)
	}
	if found := fetchImage(t, s, b.subject); len(found.Bundles) != 2_001 || len(found.Chains) != 1 {
		t.Errorf("found %d bundles and %d chains, want all and one", len(found.Bundles), len(found.Chains))
	}
}

// One subject has one limit, however many attestation manifests it has.
func TestO02_referrers_of_attestation_manifests_count_to_the_limit(t *testing.T) {
	m := newMemory(t, false)
	s := m.store(store.OCIOptions{})
	b := m.buildkit(s, []string{"amd64", "arm64"}, m.statement(10))
	half := store.MaxPerSubject / 2
	m.front = func(r *http.Request) *http.Response { // each lists half of them, all missing
		for i, d := range b.manifests {
			if !strings.HasSuffix(r.URL.Path, "/manifests/sha256-"+d.Hex()) {
				continue
			}
			var all []object
			for k := range half {
				all = append(all, object{"mediaType": manifestType, "digest": subject.Sum(fmt.Append(nil, i, k)).String(), "size": 1})
			}
			index, err := json.Marshal(object{"schemaVersion": 2, "mediaType": indexType, "manifests": all})
			if err != nil {
				t.Error(err)
			}
			return answer(r, http.StatusOK, map[string]string{"Content-Type": indexType}, string(index))
		}
		return nil
	}
	if found := fetchImage(t, s, b.subject); passed(found)["referrer that is listed and missing"] != 2*half {
		t.Errorf("at the limit: passed over %v, want all", passed(found))
	}
	half++
	_, err := s.Fetch(t.Context(), []subject.Subject{b.subject})
	wantFault(t, err, fault.Refused, fault.Limit)
	if hint := fault.Of(err).Hint; !strings.Contains(err.Error(), b.subject.Digest.String()+" and its attestation manifests") ||
		!strings.Contains(hint, b.manifests[0].String()) && !strings.Contains(hint, b.manifests[1].String()) {
		t.Errorf("%v, hint %q, want the image and where to clear up", err, hint)
	}
}

// The author of the index decides how many attestation manifests it has: more than
// the limit are refused, and not cut.
func TestO02_an_index_of_too_many_attestation_manifests(t *testing.T) {
	m := newMemory(t, true)
	s := m.store(store.OCIOptions{})
	var platforms []string
	for i := range 128 {
		platforms = append(platforms, fmt.Sprint("cpu", i))
	}
	if found := fetchImage(t, s, m.buildkit(s, platforms).subject); passed(found)["attestation manifest of BuildKit without a signature"] != 128 {
		t.Errorf("at the limit: passed over %v, want all", passed(found))
	}
	_, err := s.Fetch(t.Context(), []subject.Subject{m.buildkit(s, append(platforms, "cpu128")).subject})
	wantFault(t, err, fault.Refused, fault.Limit)
}

// Other bytes than those of the digest are a fault, wherever they are.
func TestE06_other_bytes_of_an_attestation_manifest_or_a_layer(t *testing.T) {
	m := newMemory(t, true)
	s := m.store(store.OCIOptions{})
	statement := m.statement(10)
	b := m.buildkit(s, []string{"amd64"}, statement)
	m.bundle(b.manifests[0], 1)
	for _, at := range []string{"/manifests/" + b.manifests[0].String(), "/blobs/" + statement["digest"].(string)} {
		m.front = func(r *http.Request) *http.Response {
			if !strings.HasSuffix(r.URL.Path, at) {
				return nil
			}
			return answer(r, http.StatusOK, map[string]string{"Content-Type": manifestType}, `{"schemaVersion":2}`)
		}
		_, err := s.Fetch(t.Context(), []subject.Subject{b.subject})
		wantFault(t, err, fault.Refused, fault.SubjectMismatch)
	}
	m.front = nil
	connected(t, fetchImage(t, s, b.subject), true, b.manifests, 10)
}

// What is no index to a strict reader is told, and so are attestation manifests
// that cannot be read or are gone.
func TestE07_what_cannot_be_read_is_counted(t *testing.T) {
	m := newMemory(t, true)
	s := m.store(store.OCIOptions{})
	b := m.buildkit(s, []string{"amd64"}, m.statement(10))
	m.bundle(b.manifests[0], 1)
	for want, body := range map[string]string{
		"attestation manifest that is listed and missing":             "",
		"attestation manifest of more bytes than a manifest may have": strings.Repeat(" ", 5<<20),
	} {
		m.front = func(r *http.Request) *http.Response {
			if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/manifests/"+b.manifests[0].String()) {
				return nil
			}
			if body == "" {
				return answer(r, http.StatusNotFound, nil, "")
			}
			return answer(r, http.StatusOK, map[string]string{"Content-Type": manifestType}, body)
		}
		if found := fetchImage(t, s, b.subject); len(found.Chains) != 0 || passed(found)[want] != 1 {
			t.Errorf("%d chains, passed over %v, want none and %q", len(found.Chains), passed(found), want)
		}
	}
	m.front = nil
	odd := m.manifest("", object{"schemaVersion": 2, "mediaType": manifestType, "layers": []any{}, "manifests": []any{}})
	m.bundle(odd, 1)
	m.manifest("odd", object{"schemaVersion": 2, "mediaType": indexType, "manifests": []object{
		{"mediaType": manifestType, "digest": b.images[0].String(), "size": 1},
		{"mediaType": manifestType, "digest": odd.String(), "size": 1, "platform": object{"os": "unknown", "architecture": "unknown"},
			"annotations": object{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": b.images[0].String()}}}})
	found := fetchImage(t, s, resolve(t, s, m.host+"/acme/app:odd"))
	if want := "attestation manifest that cannot be read: the attestation manifest has the fields of an index"; passed(found)[want] != 1 {
		t.Errorf("passed over %v, want %q", passed(found), want)
	}
	m.manifest("twice", object{"schemaVersion": 2, "mediaType": indexType, "layers": []any{}, "manifests": []object{
		{"mediaType": manifestType, "digest": b.images[0].String(), "size": 1}}})
	found = fetchImage(t, s, resolve(t, s, m.host+"/acme/app:twice"))
	if want := "index whose attestation manifests are not looked for: the index has the fields of a manifest"; passed(found)[want] != 1 {
		t.Errorf("passed over %v, want %q", passed(found), want)
	}
}
