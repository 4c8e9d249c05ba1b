package gate_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Bundles that others published, as the gate meets them.
const (
	ours   = "actions-attest-top.sigstore.json"          // of loosebazooka/aa-test
	theirs = "actions-attest-reusable-tag.sigstore.json" // of aspect-build/rules_lint
	npm    = "npm-v1-tag.sigstore.json"                  // of ramonpetgrave64/gundam-visor, by SHA-512 alone
)

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// about is the artifact that the bundle called name names first.
func about(t testing.TB, name string) subject.Subject {
	t.Helper()
	b, err := sigstore.ParseBundle(file(t, name))
	if err != nil {
		t.Fatal(err)
	}
	d := b.Claims()[0]
	return subject.Subject{Name: d.Name, Digest: d.Digests()[0]}
}

// repositories are whom each bundle is of.
var repositories = map[string]string{
	ours: "https://github.com/loosebazooka/aa-test", theirs: "https://github.com/aspect-build/rules_lint", npm: "https://github.com/ramonpetgrave64/gundam-visor",
}

// checker waits for the builder of the bundles called names.
func checker(t testing.TB, names ...string) gate.Checker {
	t.Helper()
	root, err := sigstore.PublicGood().TrustedRoot(t.Context(), sigstore.TUF{Offline: true, Now: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	v, err := sigstore.NewVerifier(root, sigstore.Transparent)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, n := range names {
		values = append(values, repositories[n])
	}
	return gate.Checker{Waits: sigstore.NewFilter(values, nil).Match, Verifiers: map[string]*sigstore.Verifier{"": v}}
}

// pile is a store of bundles at hand.
type pile [][]byte

func (pile) Name() string { return "pile" }

func (p pile) items(t testing.TB) gate.Evidence {
	t.Helper()
	dir := t.TempDir()
	for i, b := range p {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%06d.json", i)), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	e, err := gate.Collect(t.Context(), []gate.Store{store.Dir{Path: dir}}, []subject.Subject{{Name: "x"}})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// doctored returns the bundle called name with its statement edited: the
// certificate is right, and the signature no longer holds.
func doctored(t testing.TB, name string, edit func(statement map[string]any)) []byte {
	t.Helper()
	var b map[string]any
	if err := json.Unmarshal(file(t, name), &b); err != nil {
		t.Fatal(err)
	}
	env := b["dsseEnvelope"].(map[string]any)
	payload, err := base64.StdEncoding.DecodeString(env["payload"].(string))
	if err != nil {
		t.Fatal(err)
	}
	var st map[string]any
	if err := json.Unmarshal(payload, &st); err != nil {
		t.Fatal(err)
	}
	edit(st)
	payload, err = json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	env["payload"] = base64.StdEncoding.EncodeToString(payload)
	out, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// numbered changes nothing of the statement but a mark, so that no two are the
// same.
func numbered(i int) func(map[string]any) {
	return func(st map[string]any) { st["predicate"].(map[string]any)["n"] = i }
}

func verify(t *testing.T, c gate.Checker, p pile, subjects ...subject.Subject) []policy.Candidate {
	t.Helper()
	out, err := gate.Verify(subjects, p.items(t), c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestD06_evidence_of_strangers_is_counted_and_not_verified(t *testing.T) {
	s := about(t, ours)
	p := pile{file(t, ours)}
	for range 30 {
		p = append(p, file(t, theirs))
	}
	got := verify(t, checker(t, ours), p, s)
	if len(got[0].Facts) != 1 || len(got[0].Rejections) != 0 {
		t.Fatalf("%d facts and %d rejections, want the one of the builder", len(got[0].Facts), len(got[0].Rejections))
	}
	// Nobody's evidence: the strangers are told, and one of them by name.
	none := verify(t, checker(t, ours), p[1:], s)[0]
	if len(none.Facts) != 0 || none.Strangers.Count != 30 || !strings.Contains(none.Strangers.First, "bazel-contrib/publish-to-bcr") {
		t.Errorf("candidate = %+v, want 30 strangers and the name of one", none)
	}
	// About the very subject: a few are verified, so that the finding can say who
	// built it.
	near := verify(t, checker(t, ours), p[1:], about(t, theirs))[0]
	if len(near.Facts) == 0 || near.Facts[0].Signer.Repository != repositories[theirs] {
		t.Errorf("facts = %+v, want that of the stranger", near.Facts)
	}
}

func TestD06_a_copied_certificate_neither_opens_nor_closes(t *testing.T) {
	s := about(t, ours)
	p := pile{file(t, ours)}
	for i := range 50 {
		p = append(p, doctored(t, ours, numbered(i)))
	}
	got := verify(t, checker(t, ours), p, s)[0]
	if len(got.Facts) != 1 {
		t.Fatalf("%d facts, want 1", len(got.Facts))
	}
	bad := verify(t, checker(t, ours), p[1:], s)[0]
	if len(bad.Facts) != 0 || len(bad.Rejections) == 0 || len(bad.Rejections) > 20 || bad.Rejections[0].Code != fault.SignatureInvalid {
		t.Errorf("candidate = %+v, want no fact and a few reasons %s", bad, fault.SignatureInvalid)
	}
	if n := len(bad.Rejections) + bad.More; n != len(p)-1 {
		t.Errorf("%d bundles counted, want all %d", n, len(p)-1)
	}
	if r := bad.Rejections[0]; !strings.Contains(r.Reason, "do not belong together") || !strings.Contains(r.Hint, "this copy was changed") {
		t.Errorf("rejection = %q, %q; want that it was changed, and what to do", r.Reason, r.Hint)
	}
}

// What a bundle is written like is nobody's word: of many ways to write one, the
// first that verifies counts, whatever lies before it.
func TestD06_copies_with_other_material_do_not_hide_the_good_one(t *testing.T) {
	s := about(t, ours)
	good := file(t, ours)
	p := pile{good}
	for i := range 40 {
		var b map[string]any
		if err := json.Unmarshal(good, &b); err != nil {
			t.Fatal(err)
		}
		entry := b["verificationMaterial"].(map[string]any)["tlogEntries"].([]any)[0].(map[string]any)
		entry["inclusionProof"].(map[string]any)["rootHash"] = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{byte(i)}, 32))
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		p = append(p, raw)
	}
	if got := verify(t, checker(t, ours), p, s)[0]; len(got.Facts) != 1 {
		t.Errorf("%d facts, want 1", len(got.Facts))
	}
	if got := verify(t, checker(t, ours), p[1:], s)[0]; len(got.Facts) != 0 || len(got.Rejections) == 0 {
		t.Errorf("candidate = %+v, want no fact and reasons", got)
	}
}

func TestD06_order_and_workers_change_nothing(t *testing.T) {
	subjects := []subject.Subject{about(t, ours), about(t, theirs), {Name: about(t, ours).Name, Digest: subject.SHA256([32]byte{1})}}
	p := pile{file(t, ours), file(t, theirs), file(t, npm), []byte(`{"n":1}`), []byte(`{"n":2}`), doctored(t, ours, numbered(1)), doctored(t, theirs, numbered(2)), file(t, ours)}
	items := p.items(t)
	var want []policy.Candidate
	for i := range 20 {
		c := checker(t, ours, theirs)
		c.Workers = 1 + i%3
		got, err := gate.Verify(subjects, items, c)
		if err != nil {
			t.Fatal(err)
		}
		for k := range got { // the same bytes lie in two files: either may be named
			for j := range got[k].Facts {
				got[k].Facts[j].Source = ""
			}
			for j := range got[k].Rejections {
				got[k].Rejections[j].Source = ""
			}
		}
		if want == nil {
			want = got
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("order %d: %+v, want %+v", i, got, want)
		}
		rand.Shuffle(len(items.Items), func(a, b int) { items.Items[a], items.Items[b] = items.Items[b], items.Items[a] })
	}
	if len(want[0].Facts) != 1 || len(want[1].Facts) != 1 || len(want[2].Facts) != 0 || want[2].Rejections[0].Attested == nil {
		t.Errorf("candidates = %+v", want)
	}
}

// counting counts how often files are read.
func counting(t *testing.T, n *atomic.Int64, files map[subject.Digest][]byte) gate.Files {
	return func(s subject.Subject) (*subject.Sums, error) {
		b, ok := files[s.Digest]
		if !ok {
			return nil, nil
		}
		n.Add(1)
		sums, err := subject.SumAll(bytes.NewReader(b))
		return &sums, err
	}
}

func TestO02_nothing_is_hashed_before_a_signature_has_verified(t *testing.T) {
	pkg := file(t, "npm-v1-tag.tgz")
	s := []subject.Subject{{Name: "pkg.tgz", Digest: subject.Sum(pkg)}, {Name: "other", Digest: subject.Sum([]byte("other"))}}
	files := map[subject.Digest][]byte{s[0].Digest: pkg, s[1].Digest: []byte("other")}
	var reads atomic.Int64
	c := checker(t, npm)
	c.Files = counting(t, &reads, files)
	junk := pile{}
	for i := range 50 {
		junk = append(junk, doctored(t, npm, func(st map[string]any) {
			st["subject"] = []any{map[string]any{"name": fmt.Sprint("junk", i), "digest": map[string]any{"sha512": fmt.Sprintf("%0128x", i)}}}
		}))
	}
	if got := verify(t, c, junk, s...); len(got[0].Facts)+len(got[1].Facts) != 0 || reads.Load() != 0 {
		t.Errorf("junk: %d files were read, want none", reads.Load())
	}
	got := verify(t, c, append(junk, file(t, npm)), s...)
	if len(got[0].Facts) != 1 || len(got[1].Facts) != 0 || reads.Load() != 2 {
		t.Errorf("with good evidence: %d facts, %d files read, want 1 and each file once", len(got[0].Facts), reads.Load())
	}
	if want := []string{"pkg:npm/gundam-visor@1.0.1"}; !slices.Equal(got[0].Facts[0].Names, want) {
		t.Errorf("names = %q, want %q", got[0].Facts[0].Names, want)
	}
}

func TestE13_an_artifact_is_matched_by_the_algorithm_that_it_is_named_by(t *testing.T) {
	s := about(t, npm)
	if s.Digest.Algorithm() != subject.AlgSHA512 {
		t.Fatalf("digest = %s, want one of SHA-512", s.Digest)
	}
	if got := verify(t, checker(t, npm), pile{file(t, npm)}, s)[0]; len(got.Facts) != 1 {
		t.Errorf("facts = %+v, want one", got.Facts)
	}
	wrong, err := subject.ParseAnyDigest(strings.Replace(s.Digest.String(), s.Digest.Hex()[:1], "0", 1))
	if err != nil {
		t.Fatal(err)
	}
	if got := verify(t, checker(t, npm), pile{file(t, npm)}, subject.Subject{Name: "x", Digest: wrong})[0]; len(got.Facts) != 0 {
		t.Errorf("facts = %+v, want none", got.Facts)
	}
}

func TestE12_a_file_that_is_another_when_it_is_read_again_is_a_fault(t *testing.T) {
	pkg := file(t, "npm-v1-tag.tgz")
	s := subject.Subject{Name: "pkg.tgz", Digest: subject.Sum(pkg)}
	c := checker(t, npm)
	c.Files = func(subject.Subject) (*subject.Sums, error) {
		sums, err := subject.SumAll(strings.NewReader("another"))
		return &sums, err
	}
	_, err := gate.Verify([]subject.Subject{s}, pile{file(t, npm)}.items(t), c)
	if fault.Of(err).Code != fault.TOCTOU {
		t.Errorf("err = %v, want %s", err, fault.TOCTOU)
	}
}

// benchmark compares a gate over its own evidence with one that strangers bury.
func benchmark(b *testing.B, n int, junk func(i int) []byte) {
	s := about(b, ours)
	p := pile{file(b, ours)}
	for i := range n {
		p = append(p, junk(i))
	}
	items, c := p.items(b), checker(b, ours)
	b.ReportAllocs()
	for b.Loop() {
		got, err := gate.Verify([]subject.Subject{s}, items, c)
		if err != nil || len(got[0].Facts) != 1 {
			b.Fatal(err, got)
		}
	}
}

// malleated returns the bundle called name with a member of it changed that the
// signature does not cover, so that it carries the right signature and proves
// nothing.
func malleated(t testing.TB, name string, i int, edit func(material map[string]any, i int)) []byte {
	t.Helper()
	var b map[string]any
	if err := json.Unmarshal(file(t, name), &b); err != nil {
		t.Fatal(err)
	}
	edit(b["verificationMaterial"].(map[string]any), i)
	out, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// parts are the members of the material beside a signature, each with a way to
// spoil it.
var parts = map[string]func(material map[string]any, i int){
	"proof": func(m map[string]any, i int) {
		proof := m["tlogEntries"].([]any)[0].(map[string]any)["inclusionProof"].(map[string]any)
		hashes := proof["hashes"].([]any)
		hashes[0] = base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%032d", i))
	},
	"checkpoint": func(m map[string]any, i int) {
		c := m["tlogEntries"].([]any)[0].(map[string]any)["inclusionProof"].(map[string]any)["checkpoint"].(map[string]any)
		text := c["envelope"].(string)
		at := strings.LastIndex(strings.TrimSpace(text), " ") + 40
		c["envelope"] = text[:at] + fmt.Sprintf("%06d", i) + text[at+6:]
	},
	"entry": func(m map[string]any, i int) {
		m["tlogEntries"].([]any)[0].(map[string]any)["logIndex"] = fmt.Sprint(i)
	},
}

func BenchmarkVerify_1000_malleated(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		b.Run(name, func(b *testing.B) {
			benchmark(b, 1000, func(i int) []byte { return malleated(b, ours, i, parts[name]) })
		})
	}
}

func BenchmarkVerify_alone(b *testing.B) { benchmark(b, 0, nil) }
func BenchmarkVerify_1000_foreign(b *testing.B) {
	benchmark(b, 1000, func(i int) []byte { return doctored(b, theirs, numbered(i)) })
}
func BenchmarkVerify_1000_copied(b *testing.B) {
	benchmark(b, 1000, func(i int) []byte { return doctored(b, ours, numbered(i)) })
}
