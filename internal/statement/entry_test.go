package statement

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// production is the environment of these tests.
var production = Target{Issuer: "https://ci.example", Repository: Origin{URI: "https://code.example/acme/app", ID: "1001"}, Name: "production", ID: "9001"}

// entry is the second entry into production, of two artifacts.
func entry() Entry {
	return Entry{
		Number: 2, Previous: []Link{{Number: 1, SHA256: hexC}}, Confirmed: []Link{{Number: 1, SHA256: hexC}}, Target: production,
		Artifacts: []Admitted{{Artifact: "app", Name: "dist/app", SHA256: hexA, Commit: full}, {Artifact: "lib", Name: "dist/lib", SHA256: hexB, Commit: full, Base: full}},
		Approvals: []Part{{Role: Approve, Host: "https://code.example", ID: "2", Statement: hexB}}, Makers: []Part{{Role: "pusher"}},
		Source: "version: 1\n", Commit: full, Deployment: 8, Run: "https://code.example/acme/app/runs/7/attempts/1", Input: DigestSet{hexA},
	}
}

// stated is the statement of an entry, with edits of its predicate.
func stated(t testing.TB, e Entry, edits ...func(*Summary)) Statement {
	t.Helper()
	s := NewSummary(e, "1.2.3", "https://code.example/acme/app/.sallyport/policy.yaml", subject.Sum([]byte(e.Source)), []DigestSet{{hexB}}, time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	for _, edit := range edits {
		edit(&s)
	}
	p, err := s.JSON()
	if err != nil {
		t.Fatal(err)
	}
	subjects, err := s.Entry.Subjects()
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(subjects, SummaryV1, p)
	if err != nil {
		t.Fatal(err)
	}
	out, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEntered_reads_what_JSON_writes(t *testing.T) {
	got, err := stated(t, entry()).Entered()
	if err != nil {
		t.Fatal(err)
	}
	if got.Number != 2 || got.Version != "1.2.3" || got.Policy != subject.Sum([]byte("version: 1\n")) || got.Target != production || len(got.Artifacts) != 2 {
		t.Errorf("entered = %+v, want what was written", got)
	}
	if err := taken(t, schema(t, "entry"), stated(t, entry()).Predicate); err != nil {
		t.Errorf("the schema: %v", err)
	}
}

// A verification summary is an entry only if it says one thing, about the environment
// that it is found by.
func TestG11_a_summary_that_contradicts_itself_is_no_entry(t *testing.T) {
	for name, edit := range map[string]func(*Summary){
		"another verifier":             func(s *Summary) { s.Verifier.ID = "https://gate.example" },
		"a failure":                    func(s *Summary) { s.VerificationResult = "FAILED" },
		"another resource":             func(s *Summary) { s.ResourceURI = strings.Replace(s.ResourceURI, "production", "staging", 1) },
		"another level":                func(s *Summary) { s.VerifiedLevels = []string{"SALLYPORT_ENVIRONMENT_STAGING"} },
		"a level more":                 func(s *Summary) { s.VerifiedLevels = append(s.VerifiedLevels, "SLSA_BUILD_LEVEL_3") },
		"another version":              func(s *Summary) { s.SLSAVersion = "1.0" },
		"another policy than it names": func(s *Summary) { s.Entry.Source = "version: 2\n" },
		"a number of its own":          func(s *Summary) { s.Entry.Number = 9 },
		"a number beyond all":          func(s *Summary) { s.Entry.Number, s.Entry.Previous[0].Number = 1<<40, 1<<40-1 },
		"number 0":                     func(s *Summary) { s.Entry.Number, s.Entry.Previous, s.Entry.Confirmed = 0, nil, nil },
		"a first with one before it":   func(s *Summary) { s.Entry.Number = 1 },
		"a second with none before it": func(s *Summary) { s.Entry.Previous = nil },
		"a later one before it":        func(s *Summary) { s.Entry.Failed = []Link{{Number: 2, SHA256: hexB}} },
		"no policy":                    func(s *Summary) { s.Entry.Source, s.Policy.Digest = "", DigestSet{subject.Sum(nil).Hex()} },
		"no run":                       func(s *Summary) { s.Entry.Run = "" },
		"a shortened commit":           func(s *Summary) { s.Entry.Artifacts[0].Commit = full[:12] },
		"a shortened base":             func(s *Summary) { s.Entry.Artifacts[0].Base = full[:12] },
		"an artifact without a name":   func(s *Summary) { s.Entry.Artifacts[0].Artifact = "" },
		"no number of the environment": func(s *Summary) { s.Entry.Target.ID = "" },
		"no time":                      func(s *Summary) { s.TimeVerified = "today" },
	} {
		e := entry()
		if _, err := stated(t, e, edit).Entered(); fault.Of(err).Kind != fault.Refused {
			t.Errorf("%s: err = %v, want a refusal", name, err)
		}
	}
	for name, spoil := range map[string]func(*Statement){
		"a subject less":            func(s *Statement) { s.Subject = s.Subject[1:] },
		"the mark of another":       func(s *Statement) { s.Subject[len(s.Subject)-1].Digest["sha256"] = hexA },
		"another file":              func(s *Statement) { s.Subject[0].Digest["sha256"] = hexC },
		"a second digest":           func(s *Statement) { s.Subject[0].Digest["sha512"] = hexA + hexA },
		"another name of a subject": func(s *Statement) { s.Subject[0].Name = "dist/other" },
		"another form of the same": func(s *Statement) {
			s.Predicate = []byte(strings.Replace(string(s.Predicate), `{"verifier"`, `{ "verifier"`, 1))
		},
		"a member that nobody knows": func(s *Statement) {
			s.Predicate = []byte(strings.Replace(string(s.Predicate), `{"verifier"`, `{"x":1,"verifier"`, 1))
		},
	} {
		s := stated(t, entry())
		spoil(&s)
		if _, err := s.Entered(); fault.Of(err).Kind != fault.Refused {
			t.Errorf("%s: err = %v, want a refusal", name, err)
		}
	}
}

// What entries are found by rests on numbers: names may change, and no two
// environments share it.
func TestC13_what_entries_are_found_by(t *testing.T) {
	at := func(edit func(*Target)) subject.Digest {
		x := production
		edit(&x)
		return x.Subject("").Digest
	}
	same := at(func(*Target) {})
	if at(func(x *Target) { x.Name, x.Repository.URI = "prod", "https://code.example/new/name" }) != same {
		t.Error("a renamed environment or repository is found by something else")
	}
	seen := map[subject.Digest]string{same: "production"}
	for name, d := range map[string]subject.Digest{
		"another environment": at(func(x *Target) { x.ID = "9002" }), "another repository": at(func(x *Target) { x.Repository.ID = "1002" }),
		"another platform":          at(func(x *Target) { x.Issuer = "https://ci.example.org" }),
		"numbers that run together": at(func(x *Target) { x.Repository.ID, x.ID = "1001\"\n\"9001", "" }),
		"an artifact":               production.Subject("app").Digest, "another artifact": production.Subject("lib").Digest,
	} {
		if was, ok := seen[d]; ok {
			t.Errorf("%s is found by what %s is found by", name, was)
		}
		seen[d] = name
	}
}
