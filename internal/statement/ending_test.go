package statement

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// What an ending is worth nothing without, and what it is found by, has to be there.
func TestG11_an_ending_that_is_not_whole(t *testing.T) {
	whole := Ending{
		Target: Target{
			Issuer:     "https://ci.example",
			Repository: Origin{URI: "https://code.example/acme/app", ID: "1001"},
			Name:       "production",
			ID:         "9001",
		},
		Entry:   Link{Number: 2, SHA256: strings.Repeat("a", 64)},
		Outcome: OutcomeFailed,
		Run:     "https://code.example/acme/app/runs/1/attempts/1",
	}
	state := func(e Ending, subjects ...subject.Subject) error {
		p, err := e.JSON()
		if err != nil {
			t.Fatal(err)
		}
		payload, err := New(subjects, EndingV1, p)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(payload)
		if err != nil {
			t.Fatal(err)
		}
		return s.Own()
	}
	about, err := whole.Subjects()
	if err != nil {
		t.Fatal(err)
	}
	if err := state(whole, about...); err != nil {
		t.Fatalf("an ending that is whole: %v", err)
	}
	for name, edit := range map[string]func(*Ending){
		"another outcome": func(e *Ending) { e.Outcome = "paused" },
		"no number":       func(e *Ending) { e.Entry.Number = 0 },
		"no run":          func(e *Ending) { e.Run = "" },
		"no environment":  func(e *Ending) { e.Target.ID = "" },
	} {
		e := whole
		edit(&e)
		subjects, err := e.Subjects()
		if err != nil {
			t.Fatal(err)
		}
		if err := state(e, subjects...); fault.Of(err).Code != fault.Predicate {
			t.Errorf("%s: err = %v, want %s", name, err, fault.Predicate)
		}
	}
	if err := state(whole, about[:1]...); fault.Of(err).Code != fault.SubjectMismatch {
		t.Errorf("without the subject that it is found by: err = %v, want %s", err, fault.SubjectMismatch)
	}
}
