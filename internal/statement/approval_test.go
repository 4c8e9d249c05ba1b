package statement

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

const (
	hexB = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d" // SHA-256 of "b"
	hexC = "2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6" // SHA-256 of "c"
)

func parsed(t testing.TB, hex string) subject.Digest {
	t.Helper()
	d, err := subject.ParseHex(hex)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// two artifacts.
func two(t testing.TB) []subject.Subject {
	return []subject.Subject{{Name: "dist/a <b>", Digest: parsed(t, hexB)}, {Name: "dist/c", Digest: parsed(t, hexC)}}
}

func release() Release {
	return Release{
		Version: "v1.4.0 & more", Repository: Origin{URI: "https://code.example/acme/app", ID: "1001"}, Environments: []Place{{Name: "staging"}, {Name: "production", ID: "9001"}},
		Policy: DigestSet{hexA}, Evidence: []DigestSet{{hexC}, {hexB}}, Run: "https://code.example/acme/app/runs/7/attempts/1", Requester: "tom",
		IssuedAt: "2026-11-22T11:00:00Z", ExpiresAt: "2026-11-24T11:00:00Z",
	}
}

func approval(of subject.Digest) Approval {
	r := release()
	return Approval{
		Decision: Approve, Release: DigestSet{of.Hex()}, Version: r.Version, Repository: r.Repository, Environments: r.Environments[1:], Policy: r.Policy, Evidence: r.Evidence,
		Requester: "tom", Reason: "seen it run", Shown: []Span{{Environment: "production", Commit: hexA[:40], Since: "1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c"}}, IssuedAt: "2026-11-22T11:30:00Z", ExpiresAt: "2026-11-23T11:30:00Z",
	}
}

// signed is a statement as it is signed and read again.
func signed(t testing.TB, kind, version string, of subject.Digest, predicate []byte) Statement {
	t.Helper()
	b, err := New(append(two(t), ReleaseSubject(version, of)), kind, predicate)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// released is the statement of r under the digest of its content.
func released(t testing.TB, r Release) Statement {
	t.Helper()
	p, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return signed(t, ReleaseV1, r.Version, ReleaseDigest(two(t), p), p)
}

func approved(t testing.TB, a Approval) Statement {
	t.Helper()
	p, err := a.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return signed(t, ApprovalV1, a.Version, parsed(t, a.Release.SHA256), p)
}

func TestSet_reads_what_JSON_writes(t *testing.T) {
	s, err := released(t, release()).Set()
	if err != nil {
		t.Fatal(err)
	}
	want := Set{
		Release: release(), Digest: s.Digest, Artifacts: two(t), Issued: time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC), Expires: time.Date(2026, 11, 24, 11, 0, 0, 0, time.UTC),
		policyEvidence: policyEvidence{PolicyDigest: parsed(t, hexA), Seen: []subject.Digest{parsed(t, hexC), parsed(t, hexB)}},
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("set = %+v, want %+v", s, want)
	}
	if !s.Covers(parsed(t, hexC)) || s.Covers(parsed(t, hexA)) || s.Covers(s.Digest) {
		t.Error("covers something else than its artifacts")
	}
}

func TestSaid_reads_what_JSON_writes(t *testing.T) {
	of := parsed(t, hexA)
	a := approval(of)
	for _, edit := range []func(*Approval){
		func(*Approval) {}, func(a *Approval) { a.Decision, a.Evidence = Reject, []DigestSet{} }, func(a *Approval) { a.BreakGlass = true },
		func(a *Approval) { a.Requester, a.Reason, a.Shown = "", "", nil },
	} {
		a := a
		edit(&a)
		got, err := approved(t, a).Said()
		if err != nil {
			t.Fatal(err)
		}
		want := Said{Approval: a, Release: of, Artifacts: two(t), Expires: time.Date(2026, 11, 23, 11, 30, 0, 0, time.UTC), policyEvidence: policyEvidence{PolicyDigest: parsed(t, hexA)}}
		for _, e := range a.Evidence {
			want.Seen = append(want.Seen, parsed(t, e.SHA256))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("said = %+v, want %+v", got, want)
		}
		if !got.Covers(parsed(t, hexB)) || got.Covers(of) {
			t.Error("covers something else than its artifacts")
		}
	}
}

func TestReleaseDigest_is_of_everything_and_of_no_order(t *testing.T) {
	p := []byte(`{"version":"1"}`)
	want := ReleaseDigest(two(t), p)
	swapped := []subject.Subject{two(t)[1], two(t)[0]}
	if got := ReleaseDigest(swapped, p); got != want {
		t.Errorf("in another order: %s, want %s", got, want)
	}
	renamed, redigested := two(t), two(t)
	renamed[0].Name, redigested[0].Digest = "dist/a", subject.Digest{}
	for name, got := range map[string]subject.Digest{
		"another name": ReleaseDigest(renamed, p), "another digest": ReleaseDigest(redigested, p), "fewer": ReleaseDigest(two(t)[:1], p), "none": ReleaseDigest(nil, p),
		"another predicate": ReleaseDigest(two(t), []byte(`{"version":"2"}`)), "one twice": ReleaseDigest(append(two(t), two(t)[0]), p),
		"a name that holds a line": ReleaseDigest([]subject.Subject{{Name: "dist/a <b>\"\n" + hexC + " \"dist/c", Digest: parsed(t, hexB)}}, p),
	} {
		if got == want {
			t.Errorf("%s: the same digest", name)
		}
	}
}

// lies are statements about a release that say one thing in two ways, or in a
// way that two readers could read differently.
var lies = []struct {
	name  string
	code  fault.Code
	spoil func(*Statement)
}{
	{"B03 another predicate type", fault.Predicate, func(s *Statement) { s.PredicateType = ProvenanceV1 }},
	{"B02 another version of statements", fault.Statement, func(s *Statement) { s.Type = TypeV01 }},
	{"B02 no type", fault.Statement, func(s *Statement) { s.Type = "" }},
	{"B03 no predicate", fault.Malformed, func(s *Statement) { s.Predicate = nil }},
	{"B03 a list", fault.Malformed, func(s *Statement) { s.Predicate = []byte("[]") }},
	{"B08 blanks", fault.Malformed, func(s *Statement) { s.Predicate = append(s.Predicate, ' ') }},
	{"B08 a second value", fault.Malformed, func(s *Statement) { s.Predicate = append(s.Predicate, "{}"...) }},
	{"B08 members in another order", fault.Malformed, func(s *Statement) {
		s.Predicate = append(bytes.TrimSuffix(bytes.Replace(s.Predicate, []byte(`"expiresAt":"2026-11-24T11:00:00Z"`), nil, 1), []byte(",}")), `,"expiresAt":"2026-11-24T11:00:00Z"}`...)
		s.Predicate = bytes.Replace(s.Predicate, []byte(`"version":"v1.4.0 \u0026 more",`), nil, 1)
		s.Predicate = append(bytes.TrimSuffix(s.Predicate, []byte("}")), `,"version":"v1.4.0 \u0026 more"}`...)
	}},
	{"B08 an unknown member", fault.Predicate, func(s *Statement) { insert(s, `"admin":true,`) }},
	{"B08 a member twice", fault.Malformed, func(s *Statement) { insert(s, `"run":"x",`) }},
	{"B08 a member in another case", fault.Malformed, func(s *Statement) { swap(s, `"version"`, `"Version"`) }},
	{"B08 a name with an escape", fault.Malformed, func(s *Statement) { swap(s, `"version"`, `"versio\u006e"`) }},
	{"B08 a text with an escape", fault.Malformed, func(s *Statement) { swap(s, `"1001"`, `"\u0031001"`) }},
	{"B09 a number for a text", fault.Predicate, func(s *Statement) { swap(s, `"1001"`, `1001`) }},
	{"B08 evidence in another order", fault.Malformed, func(s *Statement) {
		swap(s, `[{"sha256":"`+hexC+`"},{"sha256":"`+hexB+`"}]`, `[{"sha256":"`+hexB+`"},{"sha256":"`+hexC+`"}]`)
	}},
	{"B08 evidence twice", fault.Malformed, func(s *Statement) { swap(s, `"evidence":[`, `"evidence":[{"sha256":"`+hexC+`"},`) }},
	{"B08 null evidence", fault.Malformed, func(s *Statement) {
		swap(s, `[{"sha256":"`+hexC+`"},{"sha256":"`+hexB+`"}]`, `null`)
	}},
	{"E03 a short digest of the policy", fault.Predicate, func(s *Statement) { swap(s, hexA, hexA[:63]) }},
	{"E03 a digest of the policy in capitals", fault.Predicate, func(s *Statement) { swap(s, hexA, strings.ToUpper(hexA)) }},
	{"E03 a digest of evidence that is none", fault.Predicate, func(s *Statement) { swap(s, `{"sha256":"`+hexB, `{"sha256":"x`+hexB[1:]) }},
	{"no version", fault.Predicate, func(s *Statement) {
		swap(s, `v1.4.0 \u0026 more`, ``)
		s.Subject[2].Name = "release:"
	}},
	{"no environment", fault.Predicate, func(s *Statement) { swap(s, `[{"name":"staging"},{"name":"production","id":"9001"}]`, `[]`) }},
	{"null environments", fault.Predicate, func(s *Statement) { swap(s, `[{"name":"staging"},{"name":"production","id":"9001"}]`, `null`) }},
	{"an environment without a name", fault.Predicate, func(s *Statement) { swap(s, `{"name":"staging"}`, `{"name":""}`) }},
	{"an environment twice", fault.Predicate, func(s *Statement) { swap(s, `{"name":"staging"}`, `{"name":"production","id":"9000"}`) }},
	{"no repository", fault.Predicate, func(s *Statement) { swap(s, `"https://code.example/acme/app"`, `""`) }},
	{"C06 no number of a repository", fault.Predicate, func(s *Statement) { swap(s, `"1001"`, `""`) }},
	{"a time of another zone", fault.Predicate, func(s *Statement) { swap(s, `"2026-11-22T11:00:00Z"`, `"2026-11-22T13:00:00+02:00"`) }},
	{"a time with a small letter", fault.Predicate, func(s *Statement) { swap(s, `"2026-11-24T11:00:00Z"`, `"2026-11-24T11:00:00z"`) }},
	{"a time without an hour", fault.Predicate, func(s *Statement) { swap(s, `"2026-11-24T11:00:00Z"`, `"2026-11-24"`) }},
	{"no time", fault.Predicate, func(s *Statement) { swap(s, `"2026-11-24T11:00:00Z"`, `""`) }},
	{"a day that no month has", fault.Predicate, func(s *Statement) { swap(s, `"2026-11-24T11:00:00Z"`, `"2026-11-31T11:00:00Z"`) }},
	{"E01 another digest of the release", fault.SubjectMismatch, func(s *Statement) { s.Subject[2].Digest["sha256"] = hexA[1:] + "0" }},
	{"E14 another name of the release", fault.SubjectMismatch, func(s *Statement) { s.Subject[2].Name = "release:v1.4.1" }},
	{"E01 the release is not last", fault.SubjectMismatch, func(s *Statement) { s.Subject[0], s.Subject[2] = s.Subject[2], s.Subject[0] }},
	{"E01 no release", fault.SubjectMismatch, func(s *Statement) { s.Subject = s.Subject[:2] }},
	{"E01 nothing but a release", fault.SubjectMismatch, func(s *Statement) { s.Subject = s.Subject[2:] }},
	{"E01 no subject", fault.SubjectMismatch, func(s *Statement) { s.Subject = nil }},
	{"E01 a second release", fault.SubjectMismatch, func(s *Statement) { s.Subject[1].Name = "release:v1.4.0" }},
	{"E03 a subject with two digests", fault.SubjectMismatch, func(s *Statement) { s.Subject[0].Digest["sha512"] = hexA + hexA }},
	{"E03 a subject with another digest", fault.SubjectMismatch, func(s *Statement) { s.Subject[0].Digest = map[string]string{"sha512": hexA + hexA} }},
	{"E03 a subject with a digest in capitals", fault.SubjectMismatch, func(s *Statement) { s.Subject[0].Digest["sha256"] = strings.ToUpper(hexB) }},
	{"E14 a subject with an address", fault.SubjectMismatch, func(s *Statement) { s.Subject[0].URI = "https://evil.example/a" }},
}

func insert(s *Statement, member string) {
	s.Predicate = append([]byte("{"+member), s.Predicate[1:]...)
}

// swap replaces what is in the predicate, everywhere, and says so if it is not.
func swap(s *Statement, old, new string) {
	if !bytes.Contains(s.Predicate, []byte(old)) {
		panic("no " + old + " in " + string(s.Predicate))
	}
	s.Predicate = bytes.ReplaceAll(s.Predicate, []byte(old), []byte(new))
}

// sealed gives a spoiled release set the digest that its content now has, so
// that nothing but the one lie is wrong with it.
func sealed(s *Statement) {
	if last := len(s.Subject) - 1; last > 0 && strings.HasPrefix(s.Subject[last].Name, "release:") {
		all := []subject.Subject{}
		for _, d := range s.Subject[:last] {
			x, _ := subject.ParseHex(d.Digest["sha256"])
			all = append(all, subject.Subject{Name: d.Name, Digest: x})
		}
		s.Subject[last].Digest["sha256"] = ReleaseDigest(all, s.Predicate).Hex()
	}
}

func TestB03_a_release_set_that_says_a_thing_in_two_ways_is_none(t *testing.T) {
	for _, x := range lies {
		s := released(t, release())
		x.spoil(&s)
		if !strings.HasPrefix(x.name, "E01 another digest") {
			sealed(&s)
		}
		got, err := s.Set()
		if f := fault.Of(err); err == nil || f.Kind != fault.Refused || f.Code != x.code || !reflect.DeepEqual(got, Set{}) {
			t.Errorf("%s: got %v (%s), want %s and nothing read", x.name, err, f.Code, x.code)
		}
	}
	if _, err := released(t, release()).Set(); err != nil {
		t.Errorf("honest: %v", err)
	}
}

func TestB03_an_approval_that_says_a_thing_in_two_ways_is_none(t *testing.T) {
	a := approval(parsed(t, hexA))
	a.Environments, a.IssuedAt, a.ExpiresAt = release().Environments, release().IssuedAt, release().ExpiresAt
	for _, x := range lies {
		s := approved(t, a)
		if strings.Contains(x.name, "member twice") {
			insert(&s, `"reason":"x",`)
		} else {
			x.spoil(&s)
		}
		got, err := s.Said()
		if f := fault.Of(err); err == nil || f.Kind != fault.Refused || f.Code != x.code || !reflect.DeepEqual(got, Said{}) {
			t.Errorf("%s: got %v (%s), want %s and nothing read", x.name, err, f.Code, x.code)
		}
	}
	for _, d := range []string{"", "Approve", "approved", "yes", "pending"} {
		b := a
		b.Decision = d
		if _, err := approved(t, b).Said(); fault.Of(err).Code != fault.Predicate {
			t.Errorf("decision %q: err = %v, want %s", d, err, fault.Predicate)
		}
	}
	if _, err := approved(t, a).Said(); err != nil {
		t.Errorf("honest: %v", err)
	}
}

func TestJSON_sorts_the_evidence_and_writes_a_list_even_of_none(t *testing.T) {
	a := approval(parsed(t, hexA))
	mixed := []DigestSet{{hexB}, {hexC}, {hexB}}
	a.Evidence = mixed
	b, err := a.JSON()
	if want := `"evidence":[{"sha256":"` + hexC + `"},{"sha256":"` + hexB + `"}]`; err != nil || !strings.Contains(string(b), want) {
		t.Errorf("JSON() = %s, %v, want %s", b, err, want)
	}
	if mixed[0].SHA256 != hexB {
		t.Error("the caller's list is sorted, want it left as it was")
	}
	a.Reason = "caf\xe9"
	if b, err = a.JSON(); fault.Of(err).Kind != fault.Usage {
		t.Errorf("JSON() = %s, %v, want no text that is read as another", b, err)
	}
	if b, err = (Release{}).JSON(); err != nil || !strings.Contains(string(b), `"evidence":[]`) {
		t.Errorf("JSON() = %s, %v, want an empty list", b, err)
	}
}

func schema(t testing.TB, name string) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile("../../shared/" + name + ".schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func taken(t testing.TB, s *jsonschema.Schema, b []byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

func TestSchemas_take_what_JSON_writes(t *testing.T) {
	r := release()
	if err := taken(t, schema(t, "release"), released(t, r).Predicate); err != nil {
		t.Errorf("a release set: %v", err)
	}
	r.Requester, r.Evidence = "", nil
	if err := taken(t, schema(t, "release"), released(t, r).Predicate); err != nil {
		t.Errorf("a release set without evidence: %v", err)
	}
	for _, edit := range []func(*Approval){
		func(*Approval) {}, func(a *Approval) { a.Decision, a.Evidence = Reject, nil }, func(a *Approval) { a.BreakGlass = true },
		func(a *Approval) { a.Requester, a.Reason, a.Shown = "", "", nil },
	} {
		a := approval(parsed(t, hexA))
		edit(&a)
		if err := taken(t, schema(t, "approval"), approved(t, a).Predicate); err != nil {
			t.Errorf("%+v: %v", a, err)
		}
	}
}

// What only a reader of bytes can see, a schema cannot.
var unseen = []string{"type", "statement", "blank", "order", "twice", "escape", "release", "subject", "day that", "second value"}

func TestSchemas_refuse_every_lie_that_a_schema_can_see(t *testing.T) {
	n := 0
	for _, x := range lies {
		hidden := false
		for _, u := range unseen {
			hidden = hidden || strings.Contains(x.name, u)
		}
		if hidden {
			continue
		}
		n++
		s := released(t, release())
		x.spoil(&s)
		if taken(t, schema(t, "release"), s.Predicate) == nil {
			t.Errorf("%s: the schema takes it, want a refusal", x.name)
		}
	}
	if n < 15 {
		t.Errorf("%d lies are shown to the schema, want most of them", n)
	}
}

func FuzzSaid_reads_only_what_JSON_writes(f *testing.F) {
	set, said := released(f, release()), approved(f, approval(parsed(f, hexA)))
	f.Add(ReleaseV1, []byte(set.Predicate))
	f.Add(ApprovalV1, []byte(said.Predicate))
	for _, x := range lies {
		s := released(f, release())
		x.spoil(&s)
		f.Add(ReleaseV1, []byte(s.Predicate))
	}
	f.Fuzz(func(t *testing.T, kind string, predicate []byte) {
		s := Statement{Type: TypeV1, PredicateType: kind, Predicate: predicate, Subject: set.Subject}
		s.Subject[2] = Descriptor{Name: set.Subject[2].Name, Digest: map[string]string{"sha256": ReleaseDigest(two(t), predicate).Hex()}}
		if x, err := s.Set(); err == nil {
			again(t, predicate, x.JSON, schema(t, "release"))
		}
		s.Subject[2].Digest["sha256"] = hexA
		if x, err := s.Said(); err == nil {
			again(t, predicate, x.JSON, schema(t, "approval"))
		}
	})
}

// again fails t unless what was read is written as it was, and as its schema
// says.
func again(t *testing.T, read []byte, write func() ([]byte, error), s *jsonschema.Schema) {
	t.Helper()
	b, err := write()
	if err != nil || !bytes.Equal(b, read) {
		t.Errorf("written again: %s, %v, want %s", b, err, read)
	}
	if err := taken(t, s, b); err != nil {
		t.Errorf("%s: the schema: %v", b, err)
	}
}
