package policy_test

import (
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A word is one statement in a test about how the deployment of an entry ended.
type word struct {
	ending statement.Ending
	signer statement.Signer
	at     time.Time
}

// says returns what a job of the run of x says of it, with edits.
func says(t testing.TB, x let, outcome string, edits ...func(*word)) policy.Fact {
	t.Helper()
	w := word{signer: x.signer, at: x.at.Add(time.Minute)}
	w.ending = statement.Ending{Target: where, Entry: x.entryLink(), Outcome: outcome, Run: x.signer.Run}
	for _, e := range edits {
		e(&w)
	}
	subjects, err := w.ending.Subjects()
	if err != nil {
		t.Fatal(err)
	}
	p, err := w.ending.JSON()
	if err != nil {
		t.Fatal(err)
	}
	payload, err := statement.New(subjects, statement.EndingV1, p)
	if err != nil {
		t.Fatal(err)
	}
	st, err := statement.Parse(payload)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Fact{
		Signer:        w.signer,
		Trust:         "house",
		Time:          w.at,
		Source:        "store",
		Statement:     st,
		StatementHash: subject.Sum(payload),
	}
}

// What a job of the entry's own run signs about it counts before what the platform says
// of the job, and a failure takes the other back. A later entry writes it down.
func TestG11_how_a_deployment_ended_is_signed_in_its_run(t *testing.T) {
	p := read(t, required(t))
	judged := func(state policy.RunState, said ...string) (string, policy.Chain) {
		all := line(t, 2)
		all[1].state = state
		in := entering(p, all...)
		for _, s := range said {
			in.Entries.Facts = append(in.Entries.Facts, says(t, all[1], s))
		}
		in.Refs = kept(in)
		return base(in), in.Chain()
	}
	for _, x := range []struct {
		state policy.RunState
		said  []string
		want  string
	}{
		{policy.Unfinished, nil, "1"},
		{policy.Unfinished, []string{"entered"}, "2"},
		{policy.RunUnknown, []string{"entered"}, "2"},
		{policy.Failed, []string{"entered"}, "2"},
		{policy.Succeeded, []string{"failed"}, "1"},
		{policy.Succeeded, []string{"entered", "failed"}, "1"},
		{policy.Succeeded, []string{"failed", "entered"}, "1"},
	} {
		got, c := judged(x.state, x.said...)
		if c.Entries[0].Signed != (len(x.said) > 0) {
			t.Errorf("its run %q: signed is %v, want that only a statement is one", x.said, c.Entries[0].Signed)
		}
		if got != x.want || len(c.Passed) != 0 {
			t.Errorf(
				"the platform says %v, and its run %q: base = %q, want %q; passed over %q",
				x.state,
				x.said,
				got,
				x.want,
				c.Passed,
			)
		}
	}
	// What a later entry wrote down, before this was found, gives way to it.
	all := line(t, 2)
	third := lets(
		t,
		3,
		all[1:],
		func(x *let) { x.entry.Confirmed, x.state = []statement.Link{all[1].entryLink()}, policy.Failed },
	)
	in := entering(p, append(all, third)...)
	if got := base(in); got != "2" {
		t.Fatalf("base = %q, want entry 2, which entry 3 confirms", got)
	}
	in.Entries.Facts = append(in.Entries.Facts, says(t, all[1], "failed"))
	in.Refs = kept(in)
	if got := base(in); got != "1" {
		t.Errorf("base = %q, want entry 1: the run of entry 2 takes it back", got)
	}
}

// Each of these is the only thing that is wrong with a statement that would confirm a
// deployment that is still going on.
func TestG11_how_a_deployment_ended_as_somebody_else_says(t *testing.T) {
	p := read(t, required(t))
	all := line(t, 2)
	all[1].state = policy.Unfinished
	elsewhere := where
	elsewhere.ID = "9002"
	for name, edit := range map[string]func(*word){
		"no environment in the certificate": func(w *word) { w.signer.Environment = "" },
		"another environment":               func(w *word) { w.signer.Environment = "staging" },
		"another repository":                func(w *word) { w.signer.RepositoryID = "1002" },
		"a workflow that does not deploy":   func(w *word) { renamed(&w.signer, "https://code.example/acme/app/build/other.yml@refs/heads/main") },
		"another run":                       func(w *word) { w.signer.Run = run(50) },
		"another run that it names":         func(w *word) { w.signer.Run, w.ending.Run = run(50), run(50) },
		"another environment's entry":       func(w *word) { w.ending.Target = elsewhere },
		"another entry":                     func(w *word) { w.ending.Entry.SHA256 = all[0].entryLink().SHA256 },
		"another number":                    func(w *word) { w.ending.Entry.Number = 3 },
		"a tag that anybody may make":       func(w *word) { reref(&w.signer, "refs/tags/v9") },
		"dated in the future":               func(w *word) { w.at = now.Add(time.Hour) },
	} {
		in := entering(p, all...)
		in.Entries.Facts = append(in.Entries.Facts, says(t, all[1], "entered", edit))
		in.Refs = kept(in)
		for i := range in.Refs {
			if in.Refs[i].Query.Ref == "refs/tags/v9" {
				in.Refs[i].Protected, in.Refs[i].Kept = policy.No, policy.No
			}
		}
		if got := base(in); got != "1" {
			t.Errorf("%s: base = %q, want entry 1", name, got)
		}
	}
	for name, spoil := range map[string]func(*policy.Fact){
		"a key":         func(f *policy.Fact) { f.Keyed = true },
		"another trust": func(f *policy.Fact) { f.Trust = "annex" },
	} {
		f := says(t, all[1], "entered")
		spoil(&f)
		in := entering(p, all...)
		in.Entries.Facts = append(in.Entries.Facts, f)
		if got := base(in); got != "1" {
			t.Errorf("%s: base = %q, want entry 1", name, got)
		}
	}
}
