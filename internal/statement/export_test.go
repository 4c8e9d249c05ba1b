package statement

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// marked is a statement about two artifacts, a release and these subjects.
func marked(t testing.TB, kind, version string, predicate []byte, marks ...subject.Subject) Statement {
	t.Helper()
	all := append(two(t), ReleaseSubject(version, parsed(t, hexA)))
	return about(t, kind, predicate, append(all, marks...))
}

func about(t testing.TB, kind string, predicate []byte, all []subject.Subject) Statement {
	t.Helper()
	b, err := New(all, kind, predicate)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What people say is found by the environments that it names, and by nothing else: a
// statement with another mark than its content has is none.
func TestG11_a_decision_is_found_by_what_it_names(t *testing.T) {
	staging := production
	staging.Name, staging.ID = "staging", "9002"
	a := approval(parsed(t, hexA))
	a.By, a.Targets = &Account{Host: "https://code.example", ID: "2"}, []Target{production, staging}
	a.Environments = []Place{{Name: "staging", ID: "9002"}, {Name: "production", ID: "9001"}}
	w := waiver(parsed(t, hexA))
	w.By, w.Targets, w.Environments = a.By, a.Targets, a.Environments
	marks := []subject.Subject{production.Decisions(), staging.Decisions()}
	pa, _ := a.JSON()
	pw, _ := w.JSON()
	got, err := marked(t, ApprovalV1, a.Version, pa, marks...).Said()
	if err != nil || !reflect.DeepEqual(got.Targets, a.Targets) || len(got.Artifacts) != 2 {
		t.Fatalf("said = %+v, %v, want what was written", got, err)
	}
	if got, err := marked(t, WaiverV1, w.Version, pw, marks...).Waived(); err != nil ||
		!reflect.DeepEqual(got.Targets, a.Targets) ||
		got.By.ID != "2" {
		t.Fatalf("waived = %+v, %v, want what was written", got, err)
	}
	for kind, p := range map[string][]byte{"approval": pa, "waiver": pw} {
		if err := taken(t, schema(t, kind), p); err != nil {
			t.Errorf("the schema of %s: %v", kind, err)
		}
	}
	lie := production
	lie.ID = "9003"
	renamed := production.Decisions()
	renamed.Name = "decisions:other"
	for name, wrong := range map[string][]subject.Subject{
		"no mark":              {},
		"one too few":          marks[:1],
		"one too many":         append(slices.Clone(marks), lie.Decisions()),
		"another order":        {marks[1], marks[0]},
		"another environment":  {lie.Decisions(), marks[1]},
		"another name":         {renamed, marks[1]},
		"that of entries":      {production.Subject(""), marks[1]},
		"that of exports":      {production.Exports(), marks[1]},
		"before the artifacts": nil,
	} {
		s := marked(t, ApprovalV1, a.Version, pa, wrong...)
		if wrong == nil {
			s = about(
				t,
				ApprovalV1,
				pa,
				slices.Concat(marks, two(t), []subject.Subject{ReleaseSubject(a.Version, parsed(t, hexA))}),
			)
		}
		if _, err := s.Said(); fault.Of(err).Code != fault.SubjectMismatch {
			t.Errorf("%s: %v, want the subjects refused", name, err)
		}
	}
	for name, edit := range map[string]func(*Approval){
		"an environment that it does not name": func(a *Approval) { a.Environments = a.Environments[1:] },
		"another number":                       func(a *Approval) { a.Environments[0].ID = "7" },
		"twice":                                func(a *Approval) { a.Targets[1] = production },
		"no issuer":                            func(a *Approval) { a.Targets[0].Issuer = "" },
		"no repository":                        func(a *Approval) { a.Targets[0].Repository.ID = "" },
		"no number":                            func(a *Approval) { a.Targets[0].ID = "" },
		"nobody who said it":                   func(a *Approval) { a.By = &Account{Host: "https://code.example"} },
	} {
		a := a
		a.Environments, a.Targets = slices.Clone(a.Environments), slices.Clone(a.Targets)
		edit(&a)
		p, err := a.JSON()
		if err != nil {
			t.Fatal(err)
		}
		var all []subject.Subject
		for _, x := range a.Targets {
			all = append(all, x.Decisions())
		}
		if _, err := marked(t, ApprovalV1, a.Version, p, all...).Said(); fault.Of(err).Code != fault.Predicate {
			t.Errorf("%s: %v, want the predicate refused", name, err)
		}
	}
}

// Numbers make a mark, and each kind has one of its own.
func TestC13_what_decisions_and_exports_are_found_by(t *testing.T) {
	renamed := production
	renamed.Name, renamed.Repository.URI = "prod", "https://code.example/acme/other"
	if renamed.Decisions().Digest != production.Decisions().Digest ||
		renamed.Exports().Digest != production.Exports().Digest {
		t.Error("another name makes another mark, want numbers alone")
	}
	seen := map[subject.Digest]string{}
	for name, edit := range map[string]func(*Target){
		"itself": func(*Target) {}, "issuer": func(x *Target) { x.Issuer = "https://other.example" },
		"repository": func(x *Target) { x.Repository.ID = "1002" }, "number": func(x *Target) { x.ID = "9002" },
	} {
		x := production
		edit(&x)
		for kind, d := range map[string]subject.Digest{"entries": x.Subject("").Digest, "decisions": x.Decisions().Digest, "exports": x.Exports().Digest} {
			if old, ok := seen[d]; ok {
				t.Errorf("%s of %s is %s", kind, name, old)
			}
			seen[d] = kind + " of " + name
		}
	}
}

func export() Export {
	return Export{
		Target: production, Since: "2026-07-01T00:00:00Z",
		Entries: []ListedEntry{
			{Number: 2, SHA256: hexA, State: "confirmed"},
		}, Said: []ListedWord{{Decision: Reject, SHA256: hexB}},
		Outside: []Link{
			{Number: 1, SHA256: hexC},
		}, Missing: []Link{{Number: 1, SHA256: full + full[:24]}}, Policy: DigestSet{hexA}, Version: "1.2.3",
		Run: "https://code.example/acme/app/runs/7/attempts/1", MadeAt: "2026-11-22T12:00:00Z",
	}
}

func exported(t testing.TB, e Export) Statement {
	t.Helper()
	p, err := e.JSON()
	if err != nil {
		t.Fatal(err)
	}
	all, err := e.Subjects()
	if err != nil {
		t.Fatal(err)
	}
	return about(t, HistoryV1, p, all)
}

func TestExported_reads_what_JSON_writes(t *testing.T) {
	for _, edit := range []func(*Export){
		func(*Export) {}, func(e *Export) { e.Entries, e.Said, e.Outside, e.Missing, e.Since = nil, nil, nil, nil, "" },
		func(e *Export) {
			e.Until, e.Said[0].By = "2026-10-01T00:00:00Z", &Account{Host: "https://code.example", ID: "2"}
		},
	} {
		e := export()
		edit(&e)
		s := exported(t, e)
		got, err := s.Exported()
		if err != nil || len(got.Entries) != len(e.Entries) || got.PolicyDigest != parsed(t, hexA) || s.Own() != nil {
			t.Errorf("exported = %+v, %v, want what was written", got, err)
		}
		if err := taken(t, schema(t, "history"), s.Predicate); err != nil {
			t.Errorf("the schema: %v", err)
		}
	}
}

// More statements than one can name have one digest, which follows from their list.
func TestO02_an_export_of_more_than_one_statement_can_name(t *testing.T) {
	e := export()
	e.Said = nil
	for i := range MaxSubjects - 2 {
		e.Said = append(e.Said, ListedWord{Decision: Approve, SHA256: subject.Sum(fmt.Append(nil, i)).Hex()})
	}
	if all, err := e.Subjects(); err != nil || len(all) != MaxSubjects {
		t.Fatalf("%d subjects, %v, want %d", len(all), err, MaxSubjects)
	}
	if _, err := exported(t, e).Exported(); err != nil {
		t.Error(err)
	}
	e.Said = append(e.Said, ListedWord{Decision: Approve, SHA256: hexB})
	first, err := e.Subjects()
	if err != nil || len(first) != 2 || first[0] != production.Exports() {
		t.Fatalf("subjects = %v, %v, want the environment and one list", first, err)
	}
	if _, err := exported(t, e).Exported(); err != nil {
		t.Error(err)
	}
	e.Said[0].SHA256 = hexC
	if second, err := e.Subjects(); err != nil || second[1] == first[1] {
		t.Errorf("another list has the digest %v, %v", second, err)
	}
}

func TestG11_an_export_that_contradicts_itself_is_none(t *testing.T) {
	for name, edit := range map[string]func(*Export){
		"no number of the environment": func(e *Export) { e.Target.ID = "" },
		"no run":                       func(e *Export) { e.Run = "" },
		"no time":                      func(e *Export) { e.MadeAt = "" },
		"a time of another zone":       func(e *Export) { e.Since = "2026-07-01T00:00:00+02:00" },
		"an end that is no time":       func(e *Export) { e.Until = "soon" },
		"an entry zero":                func(e *Export) { e.Entries[0].Number = 0 },
		"a state of its own":           func(e *Export) { e.Entries[0].State = "fine" },
		"a decision of its own":        func(e *Export) { e.Said[0].Decision = "maybe" },
		"somebody without a number":    func(e *Export) { e.Said[0].By = &Account{Host: "x"} },
		"a statement twice":            func(e *Export) { e.Said[0].SHA256 = hexA },
		"an entry outside, zero":       func(e *Export) { e.Outside[0].Number = 0 },
		"a hole without a digest":      func(e *Export) { e.Missing[0].SHA256 = "x" },
		"no policy":                    func(e *Export) { e.Policy.SHA256 = "" },
	} {
		e := export()
		edit(&e)
		if _, err := exported(t, e).Exported(); fault.Of(err).Code != fault.Predicate {
			t.Errorf("%s: %v, want the predicate refused", name, err)
		}
	}
	s := exported(t, export())
	s.Subject = s.Subject[:len(s.Subject)-1]
	if _, err := s.Exported(); fault.Of(err).Code != fault.SubjectMismatch {
		t.Errorf("one subject less: %v, want the subjects refused", err)
	}
}
