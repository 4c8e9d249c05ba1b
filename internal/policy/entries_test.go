package policy_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// required is the second policy, with a record that has to be there.
func required(t testing.TB) string {
	return replaced(t, second, "count: 2}\n", "count: 2}\n    record: required\n    baseline: "+sha(0)+"\n")
}

// sha is the n-th commit of the entries' tests.
func sha(n int) string { return fmt.Sprintf("%040x", 0xabc000+n) }

// where is the environment of the policy's tests.
var where = statement.Target{Issuer: "https://ci.example", Repository: statement.Origin{URI: "https://code.example/acme/app", ID: "1001"}, Name: "production", ID: "9001"}

// A let is one entry in a test: what it says, who signs it, and what the platform
// says of its run.
type let struct {
	entry  statement.Entry
	signer statement.Signer
	at     time.Time
	state  policy.RunState
	fact   policy.Fact
}

// run is the address of the n-th run of the deploy workflow.
func run(n int) string { return fmt.Sprintf("https://code.example/acme/app/runs/%d/attempts/1", 100+n) }

// lets returns entry n after the others, of commit n, with edits.
func lets(t testing.TB, n int, after []let, edits ...func(*let)) let {
	t.Helper()
	s := signer()
	s.Environment, s.Run = "production", run(n)
	x := let{signer: s, at: now.Add(time.Duration(n-100) * time.Minute), state: policy.Succeeded}
	x.entry = statement.Entry{
		Number: 1, Target: where, Run: s.Run, Source: "version: 1\n", Input: statement.DigestSet{SHA256: strings.Repeat("0", 64)},
		Artifacts: []statement.Admitted{{Artifact: "app", Name: "dist/app.tar.gz", SHA256: subject.SHA256([32]byte{byte(n)}).Hex(), Commit: sha(n)}},
	}
	for _, a := range after {
		x.entry.Previous = append(x.entry.Previous, statement.Link{Number: a.entry.Number, SHA256: a.fact.StatementHash.Hex()})
		x.entry.Number = max(x.entry.Number, a.entry.Number+1)
	}
	for _, e := range edits {
		e(&x)
	}
	subjects, err := x.entry.Subjects()
	if err != nil {
		t.Fatal(err)
	}
	rules := subject.Sum([]byte(x.entry.Source))
	p, err := statement.NewSummary(x.entry, "test", "policy.yaml", rules, nil, x.at).JSON()
	if err != nil {
		t.Fatal(err)
	}
	payload, err := statement.New(subjects, statement.SummaryV1, p)
	if err != nil {
		t.Fatal(err)
	}
	st, err := statement.Parse(payload)
	if err != nil {
		t.Fatal(err)
	}
	x.fact = policy.Fact{Signer: x.signer, Trust: "house", Time: x.at, Source: "store", Statement: st, StatementHash: subject.Sum(payload)}
	return x
}

// line are n entries, each after the one before.
func line(t testing.TB, n int) []let {
	var out []let
	for i := 1; i <= n; i++ {
		out = append(out, lets(t, i, out[max(0, len(out)-1):]))
	}
	return out
}

// entering is an input whose environment has these entries.
func entering(p *policy.Policy, all ...let) policy.Input {
	in := input(p)
	in.Entries = policy.Candidate{Subject: where.Subject("")}
	for _, x := range all {
		in.Entries.Facts = append(in.Entries.Facts, x.fact)
		in.Runs = append(in.Runs, policy.Run{URI: x.signer.Run, State: x.state, Words: "run", Entry: true, Job: x.entry.Job})
	}
	in.Refs = kept(in)
	return in
}

// adopt gives an input the entries of another.
func adopt(in *policy.Input, with policy.Input) {
	in.Entries, in.Runs = with.Entries, append(in.Runs, with.Runs...)
	in.Refs = append(in.Refs, with.Refs...)
}

// base is the number and commit of what is in the environment, or nothing.
func base(in policy.Input) string {
	var out []string
	for _, e := range in.Chain().Base("app") {
		out = append(out, fmt.Sprint(e.Number))
	}
	return strings.Join(out, ",")
}

// An entry counts only if a job in the environment signed it, in a workflow that
// deploys, about this environment, and if it is whole. Each of these is the only thing
// that is wrong with an entry that would move the base.
func TestG11_an_entry_that_nobody_in_the_environment_signed(t *testing.T) {
	p := read(t, required(t))
	good := line(t, 2)
	if got := base(entering(p, good...)); got != "2" {
		t.Fatalf("base = %q, want entry 2", got)
	}
	elsewhere := where
	elsewhere.ID = "9002"
	for name, edit := range map[string]func(*let){
		"no environment in the certificate": func(x *let) { x.signer.Environment = "" },
		"another environment":               func(x *let) { x.signer.Environment = "staging" },
		"an environment that begins alike":  func(x *let) { x.signer.Environment = "production2" },
		"another environment in the subject": func(x *let) {
			x.signer.Environment, x.signer.TokenSubject = "", "repo:acme/app:environment:production:x"
		},
		"a job of another repository":     func(x *let) { x.signer.RepositoryID = "1002" },
		"another issuer":                  func(x *let) { x.signer.Issuer = "https://jobs.example" },
		"a person":                        func(x *let) { x.signer.SANKind = "email" },
		"a workflow that does not deploy": func(x *let) { renamed(&x.signer, "https://code.example/acme/app/build/other.yml@refs/heads/main") },
		"a branch of somebody":            func(x *let) { reref(&x.signer, "refs/heads/mine") },
		"an event about another ref":      func(x *let) { x.signer.Ref = "refs/tags/v1" },
		"another run":                     func(x *let) { x.signer.Run = run(50) },
		"a number that does not follow":   func(x *let) { x.entry.Previous[0].Number, x.entry.Number = 5, 6 },
		"another environment's entry":     func(x *let) { x.entry.Target = elsewhere },
		"dated in the future":             func(x *let) { x.at = now.Add(time.Hour) },
	} {
		in := entering(p, good[0], lets(t, 2, good[:1], edit))
		if got := base(in); got != "1" {
			t.Errorf("%s: base = %q, want entry 1", name, got)
		}
		if len(in.Chain().Passed) != 1 {
			t.Errorf("%s: passed over = %q, want one entry and why", name, in.Chain().Passed)
		}
	}
	for name, spoil := range map[string]func(*policy.Fact){
		"a key":         func(f *policy.Fact) { f.Keyed = true },
		"a carrier":     func(f *policy.Fact) { f.Via = &policy.Via{} },
		"another trust": func(f *policy.Fact) { f.Trust = "annex" },
		"another result": func(f *policy.Fact) {
			f.Statement.Predicate = []byte(strings.Replace(string(f.Statement.Predicate), "PASSED", "FAILED", 1))
		},
		"another level": func(f *policy.Fact) {
			f.Statement.Predicate = []byte(strings.Replace(string(f.Statement.Predicate), "ENVIRONMENT_PRODUCTION", "ENVIRONMENT_STAGING", 1))
		},
		"a subject more": func(f *policy.Fact) {
			f.Statement.Subject = slices.Concat(f.Statement.Subject[:1], f.Statement.Subject)
		},
	} {
		x := lets(t, 2, good[:1])
		spoil(&x.fact)
		if got := base(entering(p, good[0], x)); got != "1" {
			t.Errorf("%s: base = %q, want entry 1", name, got)
		}
	}
	subject := lets(t, 2, good[:1], func(x *let) { x.signer.Environment, x.signer.TokenSubject = "", "repo:acme/app:environment:production" })
	if got := base(entering(p, good[0], subject)); got != "2" {
		t.Errorf("base = %q, want entry 2: the token's subject says the environment", got)
	}
}

// Where no certificate says in which environment the job was, the platform has to say it
// of each; what it says of one job is worth nothing for another.
func TestG11_a_certificate_without_the_environment(t *testing.T) {
	p := read(t, required(t))
	all := line(t, 1)
	silent := lets(t, 2, all, func(x *let) { x.signer.Environment, x.signer.TokenSubject = "", "repo:acme/app:ref:refs/heads/main" })
	in := entering(p, all[0], silent)
	q, err := policy.Ask(in)
	if err != nil || len(q.Places()) != 1 || q.Places()[0].Run != run(2) || q.Places()[0].Workflow != "build/release.yml" || q.Places()[0].ID != where.ID {
		t.Fatalf("questions = %+v, %v, want one about the job of entry 2", q.Places(), err)
	}
	other := q.Places()[0]
	other.Run = run(3)
	for name, x := range map[string]struct {
		places []policy.Placed
		want   string
	}{
		"in it":                 {[]policy.Placed{{Query: q.Places()[0], Within: policy.Yes}}, "2"},
		"not in it":             {[]policy.Placed{{Query: q.Places()[0], Within: policy.No, Why: "it was in none"}}, "1"},
		"nobody knows":          {[]policy.Placed{{Query: q.Places()[0]}}, "1"},
		"nobody asked":          {nil, "1"},
		"another job was in it": {[]policy.Placed{{Query: other, Within: policy.Yes}}, "1"},
	} {
		in.Places = x.places
		if got := base(in); got != x.want {
			t.Errorf("%s: base = %q, want %q", name, got, x.want)
		}
	}
	named := lets(t, 2, all, func(x *let) { x.signer.Environment = "staging" })
	in = entering(p, all[0], named)
	if q, err := policy.Ask(in); err != nil || len(q.Places()) != 0 {
		t.Errorf("questions = %+v, %v, want none: the certificate says another environment", q.Places(), err)
	}
}

// What a job in the environment says of entries and this program cannot read may say which
// policy is in force, so it is no reason to begin anew. What somebody else says is passed over.
func TestD15_an_entry_of_another_version(t *testing.T) {
	p := read(t, second)
	newer := func(edit func(*statement.Signer)) let {
		x := lets(t, 1, nil)
		edit(&x.fact.Signer)
		x.fact.Statement.Predicate = []byte(strings.Replace(string(x.fact.Statement.Predicate), `"sallyport_entry":{`, `"sallyport_entry":{"novel":1,`, 1))
		return x
	}
	judged := func(x let) verdict.Verdict {
		in := setting(t, second, yes(alice, bob)...).input(t)
		adopt(&in, entering(p, x))
		in.Entries.Subject, in.Merged = where.Subject(""), onMain(p)
		in.Changes = slices.Clone(in.Changes)
		in.Changes[0].Start = startOf(t, in)
		return evaluate(in)
	}
	f := wantDenied(t, judged(newer(func(*statement.Signer) {})))
	if f.Code != fault.Policy || !strings.Contains(f.Reason, "cannot be read") || !strings.Contains(f.Found, "novel") {
		t.Errorf("finding = %+v, want that an entry cannot be read", f)
	}
	open := newer(func(s *statement.Signer) { reref(s, "refs/tags/v9") })
	in := entering(p, open)
	if n := len(in.Chain().Unreadable); n != 1 {
		t.Errorf("%d cannot be read, want that of a protected tag", n)
	}
	for i := range in.Refs {
		in.Refs[i].Protected, in.Refs[i].Kept = policy.No, policy.No
	}
	if n := len(in.Chain().Unreadable); n != 0 {
		t.Errorf("%d cannot be read, want that a tag which anybody may make is passed over", n)
	}
	for name, edit := range map[string]func(*statement.Signer){
		"in no environment":         func(s *statement.Signer) { s.Environment = "" },
		"in another environment":    func(s *statement.Signer) { s.Environment = "staging" },
		"of another repository":     func(s *statement.Signer) { s.RepositoryID = "1002" },
		"a person":                  func(s *statement.Signer) { s.SANKind = "email" },
		"of a workflow that builds": func(s *statement.Signer) { renamed(s, "https://code.example/acme/app/build/other.yml@refs/heads/main") },
	} {
		if v := judged(newer(edit)); v.Outcome() != verdict.Allow {
			t.Errorf("%s: %+v, want that it is passed over", name, refusals(v))
		}
	}
}

// A job on a ref that anybody may make wrote the entry that it wanted: it counts as
// little as a build there would.
func TestG14_an_entry_of_an_unprotected_tag(t *testing.T) {
	p := read(t, required(t))
	first := line(t, 1)
	tagged := lets(t, 2, first, func(x *let) { reref(&x.signer, "refs/tags/v9") })
	in := entering(p, first[0], tagged)
	if got := base(in); got != "2" {
		t.Fatalf("base = %q, want entry 2 of a protected tag", got)
	}
	for i := range in.Refs {
		if in.Refs[i].Query.Ref == "refs/tags/v9" {
			in.Refs[i].Protected, in.Refs[i].Kept = policy.No, policy.No
		}
	}
	if got := base(in); got != "1" || len(in.Chain().Passed) != 1 {
		t.Errorf("base = %q, passed over %q; want entry 1: nobody protects the tag", got, in.Chain().Passed)
	}
	in.Refs = nil
	if got := base(in); got != "" {
		t.Errorf("base = %q, want none: nobody was asked about refs", got)
	}
	in.Unasked = true
	if got := base(in); got != "2" {
		t.Errorf("base = %q, want both for a history that asks nobody", got)
	}
}

// How a job ended that signed an entry is asked apart from its run, which evidence
// names: a build is good although the deployment after it failed.
func TestG11_how_the_job_ended_and_not_its_run(t *testing.T) {
	in := setting(t, required(t), yes(alice, bob)...).input(t)
	first := lets(t, 1, nil, func(x *let) { x.entry.Run, x.signer.Run, x.entry.Job = signer().Run, signer().Run, "302" })
	first.state = policy.Failed
	adopt(&in, entering(in.Policy, first))
	in.Changes = slices.Clone(in.Changes)
	in.Changes[0].Start = startOf(t, in)
	wantAllowed(t, evaluate(in))
	unknown := entering(in.Policy, first)
	unknown.Runs = nil
	q, err := policy.Ask(unknown)
	if err != nil || len(q.Runs()) != 1 || q.Runs()[0].Job != "302" || !q.Runs()[0].Entry {
		t.Errorf("questions = %+v, %v, want one about job 302", q, err)
	}
}

// Two jobs of one run enter, each what it deploys: how one ended says nothing of the other.
func TestG15_two_jobs_of_one_run(t *testing.T) {
	p := read(t, required(t))
	job := func(n int, after []let, number string, state policy.RunState) let {
		return lets(t, n, after, func(x *let) {
			x.signer.Run, x.entry.Run, x.entry.Job, x.state = run(9), run(9), number, state
		})
	}
	for _, order := range [][2]policy.RunState{{policy.Failed, policy.Succeeded}, {policy.Succeeded, policy.Failed}} {
		first := job(1, nil, "301", order[0])
		second := job(2, []let{first}, "302", order[1])
		want := map[policy.RunState]string{policy.Failed: "2", policy.Succeeded: "1"}[order[0]]
		if got := base(entering(p, first, second)); got != want {
			t.Errorf("jobs that ended %v: base = %q, want entry %s, whose own job succeeded", order, got, want)
		}
	}
}

// What is too large to be carried never comes into force, because nothing could be held
// against it later.
func TestD15_a_policy_that_no_entry_can_carry(t *testing.T) {
	for pad, want := range map[int]bool{0: true, statement.MaxPolicy: false} {
		in := setting(t, required(t)+"# "+strings.Repeat("x", pad)+"\n", yes(alice, bob)...).input(t)
		adopt(&in, entering(in.Policy))
		in.Entries.Subject, in.Merged = where.Subject(""), onMain(in.Policy)
		in.Changes = slices.Clone(in.Changes)
		in.Changes[0].Start = startOf(t, in)
		v := evaluate(in)
		wantAllowed(t, v)
		_, err := policy.Entering(in, v, where.Repository.URI, policy.Signing{Run: run(1)}, app().Digest, commit)
		if (err == nil) != want {
			t.Errorf("a policy of %d bytes more: err = %v, want none: %v", pad, err, want)
		}
	}
}

// Only an entry whose deployment succeeded moves the base; what a later entry has
// written down counts also where the run is gone.
func TestG11_an_entry_that_nobody_confirms_moves_nothing(t *testing.T) {
	p := read(t, required(t))
	for state, want := range map[policy.RunState]string{policy.Succeeded: "2", policy.Failed: "1", policy.Unfinished: "1", policy.RunUnknown: "1"} {
		all := line(t, 2)
		all[1].state = state
		if got := base(entering(p, all...)); got != want {
			t.Errorf("a run that is %v: base = %q, want %q", state, got, want)
		}
	}
	own := entering(p, line(t, 2)...)
	own.Runs[1].Own = true
	if got := base(own); got != "1" {
		t.Errorf("base = %q, want entry 1: the run that asks has not ended", got)
	}
	all := line(t, 2)
	for i, want := range map[int]string{0: "2", 1: "1"} {
		third := lets(t, 3, all[1:], func(x *let) {
			link := []statement.Link{{Number: 2, SHA256: all[1].fact.StatementHash.Hex()}}
			if x.state = policy.Failed; i == 0 {
				x.entry.Confirmed = link
			} else {
				x.entry.Failed = link
			}
		})
		gone := entering(p, all[0], all[1], third)
		gone.Runs = slices.DeleteFunc(gone.Runs, func(r policy.Run) bool { return r.URI == run(2) })
		if got := base(gone); got != want {
			t.Errorf("base = %q after the run of entry 2 is gone, want %q", got, want)
		}
	}
}

// Two jobs that enter at once make two entries of one number, and the base is of both;
// a run that says the same twice has entered once.
func TestG15_two_jobs_that_enter_at_once(t *testing.T) {
	p := read(t, required(t))
	first := line(t, 1)
	a, b := lets(t, 2, first), lets(t, 3, first)
	in := entering(p, first[0], a, b)
	if got := base(in); got != "2,2" {
		t.Errorf("base = %q, want both entries of number 2", got)
	}
	next := in.Chain().Newest()
	if len(next) != 2 {
		t.Errorf("the newest are %d, want both", len(next))
	}
	c := lets(t, 4, []let{a, b})
	if got := base(entering(p, first[0], a, b, c)); got != "3" {
		t.Errorf("base = %q, want the one that names both", got)
	}
	twice := lets(t, 2, first, func(x *let) { x.at = x.at.Add(time.Second) })
	if n := len(entering(p, first[0], a, twice).Chain().Entries); n != 2 {
		t.Errorf("%d entries, want one for what a run says twice", n)
	}
}

// Of two entries that entered at once, each says where the change begins: that one is gone
// is told, although the other one is there.
func TestG15_one_of_two_that_entered_at_once_is_gone(t *testing.T) {
	s := setting(t, required(t), yes(alice, bob)...)
	first, second := lets(t, 1, nil), lets(t, 2, nil)
	third := lets(t, 3, []let{first, second}, func(x *let) { x.state = policy.Failed })
	for _, gone := range []bool{false, true} {
		in := s.input(t)
		adopt(&in, entering(in.Policy, first, second, third))
		if gone {
			withhold(&in, first)
		}
		in.Changes = slices.Clone(in.Changes)
		in.Changes[0].Start = startOf(t, in)
		if f := recorded(evaluate(in)); (f.Code == fault.EntryMissing) != gone {
			t.Errorf("one is gone %v: %+v, want %s only then", gone, f, fault.EntryMissing)
		}
	}
}

// A made-up deployment moves nothing where entries alone count, one without an entry is
// told, and so is an entry that a later one names and that is not there.
func TestG11_what_entered_without_an_entry_is_missed(t *testing.T) {
	all := line(t, 3)
	set := func(edit func(*policy.Input, *policy.Change)) verdict.Verdict {
		s := setting(t, required(t), yes(alice, bob)...)
		in := s.input(t)
		with := entering(in.Policy, all...)
		adopt(&in, with)
		in.Changes = slices.Clone(in.Changes)
		in.Changes[0].Listed = policy.Listed{ID: 7, Run: strings.TrimSuffix(run(3), "/attempts/1"), Time: now}
		edit(&in, &in.Changes[0])
		in.Changes[0].Start = startOf(t, in)
		return evaluate(in)
	}
	wantAllowed(t, set(func(*policy.Input, *policy.Change) {}))
	for name, edit := range map[string]func(*policy.Input, *policy.Change){
		"a deployment of another run": func(_ *policy.Input, c *policy.Change) { c.Listed.Run = "https://code.example/acme/app/runs/999" },
		"a run whose number goes on":  func(_ *policy.Input, c *policy.Change) { c.Listed.Run = "https://code.example/acme/app/runs/10" },
		"the newest but one is gone": func(in *policy.Input, _ *policy.Change) {
			withhold(in, all[1], all[2])
			in.Entries.Facts = append(in.Entries.Facts, lets(t, 3, all[1:2], func(x *let) { x.state = policy.Failed }).fact)
			fail(in, 3)
		},
		"no number of the environment": func(in *policy.Input, _ *policy.Change) { in.Entries = policy.Candidate{} },
	} {
		if f := wantDenied(t, set(edit)); f.Code != fault.EntryMissing || !strings.Contains(f.Hint, "record:") {
			t.Errorf("%s: finding = %+v, want %s and the line to write", name, f, fault.EntryMissing)
		}
	}
	since := replaced(t, required(t), "record: required", `record: {mode: required, since: "`+now.Add(-time.Second).Format(time.RFC3339)+`"}`)
	for at, want := range map[time.Duration]verdict.Outcome{-time.Minute: verdict.Allow, 0: verdict.Deny} {
		v := set(func(in *policy.Input, c *policy.Change) {
			in.Policy = read(t, since)
			c.Listed = policy.Listed{ID: 7, Run: "https://code.example/acme/app/runs/999", Time: now.Add(at)}
		})
		if f := recorded(v); f.Outcome != want {
			t.Errorf("a deployment %v before now: %+v, want %v", -at, f, want)
		}
	}
}

// An entry that somebody was shown who approved has to be there, though no other entry
// names it; and so has one that the release set names. What somebody else claims to have
// seen closes nothing.
func TestG11_the_newest_entry_is_gone_that_an_approver_was_shown(t *testing.T) {
	all := line(t, 3)
	third := []statement.Latest{{Environment: "production", Number: 3, SHA256: all[2].entryLink().SHA256}}
	saw := func(a *statement.Approval) { a.Entered = third }
	judged := func(text string, edit func(*scene), gone ...let) verdict.Verdict {
		s := setting(t, text, yes(alice, bob)...)
		edit(&s)
		in := s.input(t)
		adopt(&in, entering(in.Policy, all...))
		withhold(&in, gone...)
		in.Changes = slices.Clone(in.Changes)
		in.Changes[0].Start = startOf(t, in)
		return evaluate(in)
	}
	anew := replaced(t, required(t), "record: required", `record: {mode: required, since: "`+now.Add(-time.Second).Format(time.RFC3339)+`"}`)
	for name, edit := range map[string]func(*scene){
		"an approver":     func(s *scene) { s.ballots[0].say = saw },
		"the release set": func(s *scene) { s.release = func(r *statement.Release) { r.Entered = third } },
	} {
		wantAllowed(t, judged(required(t), edit))
		if f := wantDenied(t, judged(required(t), edit, all[2])); f.Code != fault.EntryMissing ||
			!strings.Contains(f.Reason, "entry 3 into \"production\" is missing, which people were shown") {
			t.Errorf("%s: finding = %+v, want that entry 3 is missing", name, f)
		}
		wantAllowed(t, judged(anew, edit, all[2]))
	}
	for name, edit := range map[string]func(*scene){
		"somebody in no group": func(s *scene) { s.ballots = append(s.ballots, ballot{by: mallory, say: saw}) },
		"an approver elsewhere": func(s *scene) {
			s.ballots = append(s.ballots, ballot{by: carol, say: func(a *statement.Approval) { saw(a); a.Environments[0].ID = "9002" }})
		},
		"somebody whom nobody names": func(s *scene) {
			s.ballots = append(s.ballots, ballot{by: carol, say: saw, sign: func(_ *policy.Fact, r *policy.Run) { r.By = policy.Account{} }})
		},
		"an entry older than the base": func(s *scene) {
			s.ballots[0].say = func(a *statement.Approval) {
				a.Entered = []statement.Latest{{Environment: "production", Number: 1, SHA256: strings.Repeat("0", 64)}}
			}
		},
		"an entry of staging": func(s *scene) {
			s.ballots[0].say = func(a *statement.Approval) {
				a.Entered = []statement.Latest{{Environment: "staging", Number: 9, SHA256: strings.Repeat("0", 64)}}
			}
		},
	} {
		if f := recorded(judged(required(t), edit, all[2])); name != "an entry older than the base" && f.Outcome != verdict.Allow {
			t.Errorf("%s: %+v, want that it closes nothing", name, f)
		}
		if f := recorded(judged(required(t), edit)); f.Outcome != verdict.Allow {
			t.Errorf("%s: %+v, want that it closes nothing", name, f)
		}
	}
	later := replaced(t, required(t), "record: required", `record: {mode: required, since: "`+now.Add(time.Hour).Format(time.RFC3339)+`"}`)
	if f := recorded(judged(later, func(*scene) {})); f.Code != fault.Policy {
		t.Errorf("finding = %+v, want that since lies in the future", f)
	}
}

// What the run that asks has entered itself is not on its way before it.
func TestG16_the_entry_of_the_run_that_asks(t *testing.T) {
	for own, want := range map[bool]int{true: 0, false: 1} {
		in := setting(t, required(t), yes(alice, bob)...).input(t)
		all := line(t, 2)
		all[1].state = policy.Unfinished
		with := entering(in.Policy, all...)
		with.Runs[1].Own = own
		adopt(&in, with)
		if s := startOf(t, in); len(s.Coming) != want || len(s.Entered) != 1 {
			t.Errorf("own %v: start = %+v, want %d on its way", own, s, want)
		}
	}
}

// recorded is the finding about the record.
func recorded(v verdict.Verdict) verdict.Finding {
	i := slices.IndexFunc(v.Findings, func(f verdict.Finding) bool { return f.Requirement == "record" })
	if i < 0 {
		return verdict.Finding{}
	}
	return v.Findings[i]
}

func withhold(in *policy.Input, all ...let) {
	in.Entries.Facts = slices.DeleteFunc(in.Entries.Facts, func(f policy.Fact) bool {
		return slices.ContainsFunc(all, func(x let) bool { return x.fact.StatementHash == f.StatementHash })
	})
}

func fail(in *policy.Input, n int) {
	for i := range in.Runs {
		if in.Runs[i].URI == run(n) {
			in.Runs[i].State = policy.Failed
		}
	}
}

// startOf is where the change of an input begins, as the gate would ask.
func startOf(t testing.TB, in policy.Input) policy.Start {
	t.Helper()
	q, err := policy.Ask(in)
	if err != nil || len(q.Changes()) != 1 {
		t.Fatalf("questions = %+v, %v, want one about a change", q.Changes(), err)
	}
	return q.Changes()[0].Start
}

// No set of entries that lacks a true one makes a base newer than the truth, unless
// that is told as missing: of entries that others have seen, whichever is withheld.
func TestG11_entries_that_are_withheld_make_no_base_newer(t *testing.T) {
	p := read(t, required(t))
	r := rand.New(rand.NewPCG(3, 9))
	moved := 0
	for range 400 {
		var all []let
		for n := 1; n <= 2+r.IntN(6); n++ {
			tips := entering(p, all...).Chain().Newest()
			var after []let
			for _, x := range all {
				if slices.ContainsFunc(tips, func(e policy.Entry) bool { return e.Link.SHA256 == x.fact.StatementHash.Hex() }) && (len(tips) == 1 || r.IntN(3) > 0) {
					after = append(after, x)
				}
			}
			if len(after) == 0 && len(all) > 0 {
				after = all[len(all)-1:]
			}
			all = append(all, lets(t, n, after, func(x *let) {
				if r.IntN(3) == 0 {
					x.state = policy.Failed
				}
			}))
		}
		truth := entering(p, all...).Chain()
		for i := range all {
			in := entering(p, all...)
			in.Entries.Facts = slices.Delete(slices.Clone(in.Entries.Facts), i, i+1)
			c := in.Chain()
			seen := slices.ContainsFunc(truth.Entries, func(e policy.Entry) bool {
				return slices.ContainsFunc(e.Previous, func(l statement.Link) bool { return l.SHA256 == all[i].fact.StatementHash.Hex() })
			})
			missed := len(c.Missing) > 0
			if seen && !missed {
				t.Fatalf("entry %d of %d is withheld and not missed", i, len(all))
			}
			if got, want := number(c), number(truth); got > want && !missed {
				t.Fatalf("without entry %d the base is %d, and in truth %d", i, got, want)
			} else if got != want {
				moved++
			}
		}
	}
	if moved == 0 {
		t.Error("no entry that was withheld moved a base, which proves too little")
	}
}

func number(c policy.Chain) int {
	if b := c.Base("app"); len(b) > 0 {
		return b[0].Number
	}
	return 0
}

// weakened is the required policy with one approval in place of two.
func weakened(t testing.TB) string {
	return replaced(t, required(t), "{group: release, count: 2}", "{group: release, count: 1}")
}

// changing is a release under a weakened policy, into an environment whose newest
// entry carries the policy before.
func changing(t testing.TB, before string, edit func(*policy.Input), ballots ...ballot) policy.Input {
	t.Helper()
	s := setting(t, weakened(t), ballots...)
	in := s.input(t)
	old := read(t, before)
	first := lets(t, 1, nil, func(x *let) { x.entry.Source = before })
	with := entering(in.Policy, first)
	adopt(&in, with)
	in.InForce = []policy.InForce{{Entry: statement.Link{Number: 1, SHA256: first.fact.StatementHash.Hex()}, Policy: old}}
	edit(&in)
	q, err := policy.Ask(in)
	if err != nil {
		t.Fatal(err)
	}
	asked := in.Changes[0]
	in.Changes = nil
	for _, x := range q.Changes() {
		asked.Start = x.Start
		in.Changes = append(in.Changes, asked)
	}
	return in
}

// A weaker policy enters only with the yes of those whom the policy in force asks.
func TestD15_a_weaker_policy_enters_with_the_approvals_of_the_one_before(t *testing.T) {
	whole := func(*policy.Input) {}
	one := changing(t, required(t), whole, yes(alice)...)
	v := evaluate(one)
	if f := refusals(v); len(f) != 1 || f[0].Requirement != "policy in force: approvals release" || f[0].Code != fault.ApprovalMissing ||
		!strings.Contains(f[0].Reason, "changed since entry 1") || !strings.Contains(f[0].Reason, "1 of 2 approvals") {
		t.Errorf("refusals = %+v, want that the policy in force asks for two", f)
	}
	wantAllowed(t, evaluate(changing(t, required(t), whole, yes(alice, bob)...)))
	wantAllowed(t, evaluate(changing(t, required(t), func(in *policy.Input) { in.InForce = nil }, yes(alice)...))) // its twin
	wantAllowed(t, evaluate(changing(t, replaced(t, required(t), "record: required", "record: off"), whole, yes(alice)...)))

	quiet := replaced(t, required(t), "    approvals:\n      - {group: release, count: 2}\n", "")
	v = evaluate(changing(t, quiet, whole, yes(alice)...))
	wantAllowed(t, v)
	if !slices.ContainsFunc(v.Accepted, func(s string) bool { return strings.Contains(s, "changed since entry 1, whose policy asks nobody") }) {
		t.Errorf("accepted = %q, want that nobody was asked", v.Accepted)
	}
	veto := replaced(t, required(t), "{group: release, count: 2}", "{group: release, veto: true}")
	if v := evaluate(changing(t, veto, whole, yes(alice)...)); !slices.ContainsFunc(v.Accepted, func(s string) bool { return strings.Contains(s, "asks nobody") }) {
		t.Errorf("accepted = %q, want that a veto asks nobody", v.Accepted)
	}
	asks := replaced(t, quiet, "    record: required\n", "    record: required\n    policy-change: {group: security, count: 1}\n")
	if f := refusals(evaluate(changing(t, asks, whole, yes(bob)...))); len(f) != 1 || f[0].Requirement != "policy in force: approvals security" || !f[0].Pending {
		t.Errorf("refusals = %+v, want that policy-change asks another group", f)
	}
	wantAllowed(t, evaluate(changing(t, asks, whole, yes(alice)...)))
	// A question that both policies ask is asked for the one that leaves the merger out.
	merger := replaced(t, required(t), "    sources: [signature, workflow, review]\n", "    sources: [signature, workflow, review]\n    excludes: [author, pusher]\n")
	mayMerge := changing(t, merger, whole, yes(alice)...)
	if q, err := policy.Ask(mayMerge); err != nil || len(q.Changes()) != 1 || !q.Changes()[0].Mergers {
		t.Errorf("questions = %+v, %v, want one, about mergers too", q.Changes(), err)
	}
	renamed := replaced(t, required(t), "  production:\n", "  prod:\n")
	if f := refusals(evaluate(changing(t, renamed, whole, yes(alice, bob)...))); len(f) != 1 || f[0].Code != fault.Policy {
		t.Errorf("refusals = %+v, want that the environment had another name", f)
	}
}

// The makers under the policy in force are counted from where that begins: a new
// baseline hides nobody.
func TestD15_a_new_baseline_hides_nobody(t *testing.T) {
	s := setting(t, replaced(t, weakened(t), sha(0), sha(5)), yes(alice, bob)...)
	in := s.input(t)
	first := lets(t, 1, nil, func(x *let) { x.entry.Artifacts[0].Artifact = "other"; x.entry.Source = required(t) })
	with := entering(in.Policy, first)
	adopt(&in, with)
	in.InForce = []policy.InForce{{Entry: first.entryLink(), Policy: read(t, required(t))}}
	q, err := policy.Ask(in)
	if err != nil || len(q.Changes()) != 2 || q.Changes()[0].Start.Baseline != sha(5) || q.Changes()[1].Start.Baseline != sha(0) {
		t.Fatalf("questions = %+v, %v, want one about each beginning", q.Changes(), err)
	}
	anew := in
	anew.InForce = []policy.InForce{{Entry: first.entryLink(), Policy: read(t, strings.Replace(required(t), "registry.example/acme/app", "other/*", 1))}}
	anew.Candidates = slices.Clone(in.Candidates)
	anew.Candidates[0].Subject.Name = "registry.example/acme/app" // which the policy before does not have
	anew.Policy = read(t, strings.Replace(required(t), "    subject:", "    baseline: "+sha(7)+"\n    subject:", 1))
	if q, err := policy.Ask(anew); err != nil || len(q.Changes()) != 2 || q.Changes()[0].Start.Baseline != sha(7) || q.Changes()[1].Start.Baseline != sha(0) {
		t.Errorf("questions = %+v, %v, want the baseline of the environment for an artifact that is new", q.Changes(), err)
	}
	asked := in.Changes[0]
	in.Changes = nil
	for i, x := range q.Changes() {
		asked.Start = x.Start
		asked.Makers = slices.Clone(asked.Makers)
		if i == 1 {
			asked.Makers = append(asked.Makers, policy.Maker{Account: bob, Role: policy.Author, Where: "commit 1"})
		}
		in.Changes = append(in.Changes, asked)
	}
	if f := refusals(evaluate(in)); len(f) != 1 || !strings.HasPrefix(f[0].Requirement, "policy in force") {
		t.Errorf("refusals = %+v, want that bob made a part of it", f)
	}
}

func (x let) entryLink() statement.Link {
	return statement.Link{Number: x.entry.Number, SHA256: x.fact.StatementHash.Hex()}
}

func TestInput_keeps_the_policies_in_force(t *testing.T) {
	in := changing(t, required(t), func(*policy.Input) {}, yes(alice)...)
	raw, err := in.JSON()
	if err != nil {
		t.Fatal(err)
	}
	again, err := policy.ReadInput(raw)
	if err != nil || len(again.InForce) != 1 || again.InForce[0].Policy.Digest != in.InForce[0].Policy.Digest {
		t.Fatalf("in force = %+v, %v, want what was kept", again.InForce, err)
	}
	a, b := policy.Evaluate(in), policy.Evaluate(again)
	if fmt.Sprint(a) != fmt.Sprint(b) {
		t.Error("the verdict from the kept input is another one")
	}
}

// BenchmarkChain reads two thousand entries, each of which names the one before and
// says how it ended.
func BenchmarkChain(b *testing.B) {
	p := read(b, required(b))
	var all []let
	for n := 1; n <= 2000; n++ {
		all = append(all, lets(b, n, all[max(0, len(all)-1):], func(x *let) {
			x.entry.Source, x.at = required(b), now.Add(-time.Hour)
			x.entry.Confirmed = x.entry.Previous
		}))
	}
	in := entering(p, all...)
	b.ReportAllocs()
	for b.Loop() {
		if c := in.Chain(); len(c.Entries) != 2000 || c.Base("app")[0].Number != 2000 {
			b.Fatal(len(c.Entries), "entries")
		}
	}
}

// A policy that leaves out the workflow, or the refs, of the newest entry leaves no
// policy in force out with it: both are named for one release.
func TestD15_a_policy_that_names_another_workflow_than_the_newest_entry(t *testing.T) {
	all := line(t, 2)
	elsewhere := lets(t, 3, all[1:], func(x *let) {
		renamed(&x.signer, "https://code.example/acme/app/build/ship.yml@refs/heads/main")
	})
	judged := func(text string, lets ...let) verdict.Verdict {
		in := setting(t, text, yes(alice, bob)...).input(t)
		adopt(&in, entering(in.Policy, lets...))
		in.Changes = slices.Clone(in.Changes)
		in.Changes[0].Start = startOf(t, in)
		return evaluate(in)
	}
	with := func(workflows string) string {
		return replaced(t, required(t), "    record: required\n", "    record: required\n    deployed-by: ["+workflows+"]\n")
	}
	for name, text := range map[string]string{
		"another workflow":             with("build/ship.yml"),
		"another workflow, since now":  replaced(t, with("build/ship.yml"), "record: required", `record: {mode: required, since: "`+now.Format(time.RFC3339)+`"}`),
		"another workflow, optionally": replaced(t, with("build/ship.yml"), "record: required", "record: optional"),
		"no record":                    replaced(t, with("build/ship.yml"), "record: required", "record: off"),
	} {
		f := refusals(judged(text, all...))
		if len(f) != 1 || f[0].Code != fault.Policy || !strings.Contains(f[0].Reason, "entry 2") || !strings.Contains(f[0].Hint, "name both") {
			t.Errorf("%s: refusals = %+v, want that the workflow of entry 2 is left out", name, f)
		}
	}
	wantAllowed(t, judged(with("build/release.yml, build/ship.yml"), all...))
	wantAllowed(t, judged(with("build/ship.yml"), all[0], all[1], elsewhere)) // once a newer entry is there
	open := entering(read(t, with("build/ship.yml")), lets(t, 1, nil, func(x *let) { reref(&x.signer, "refs/heads/mine") }))
	open.Refs[0].Protected = policy.No
	if f := policy.Evaluate(open).Findings; slices.ContainsFunc(f, func(x verdict.Finding) bool { return x.Code == fault.Policy }) {
		t.Errorf("findings = %+v: a branch of somebody closes the environment", f)
	}
}

// A job that deploys may be of a repository that builds nothing: what it signs is
// waited for.
func TestWanted_waits_for_the_repository_of_an_environment(t *testing.T) {
	if w := read(t, good).Wanted(); slices.Contains(w.Values, "4004") {
		t.Error("a repository is waited for that nobody names")
	}
	w := read(t, edited(t, "  production:\n", "  production:\n    repository-id: 4004\n")).Wanted()
	if !slices.Contains(w.Values, "4004") {
		t.Errorf("values = %q, want the repository of the environment", w.Values)
	}
}

// What entries say about the end of others: the higher number has the last word, and of
// many runs that nobody has written down the newest are asked about.
func TestG11_the_last_word_about_an_entry(t *testing.T) {
	p := read(t, required(t))
	all := line(t, 2)
	link := []statement.Link{all[1].entryLink()}
	third := lets(t, 3, all[1:], func(x *let) { x.entry.Failed, x.state = link, policy.Failed })
	fourth := lets(t, 4, []let{third}, func(x *let) { x.entry.Confirmed, x.state = link, policy.Failed })
	if got := base(entering(p, all[0], all[1], third, fourth)); got != "2" {
		t.Errorf("base = %q, want entry 2, as the newest entry says", got)
	}
	many := line(t, 30)
	in := entering(p, many...)
	in.Runs = nil
	q, err := policy.Ask(in)
	if err != nil || len(q.Runs()) != 20 || q.Runs()[0].URI != run(30) {
		t.Errorf("%d runs are asked about, %v, want the newest twenty", len(q.Runs()), err)
	}
}

// An entry that is missing matters only where it could be newer than what is in, and
// where an entry after since names it.
func TestG11_an_old_entry_that_retention_took(t *testing.T) {
	all := line(t, 4)
	judged := func(text string, gone let) verdict.Verdict {
		in := setting(t, text, yes(alice, bob)...).input(t)
		adopt(&in, entering(in.Policy, all...))
		withhold(&in, gone)
		fail(&in, 4)
		in.Changes = slices.Clone(in.Changes)
		in.Changes[0].Start = startOf(t, in)
		return evaluate(in)
	}
	wantAllowed(t, judged(required(t), all[1]))
	if f := wantDenied(t, judged(required(t), all[2])); f.Code != fault.EntryMissing || !strings.Contains(f.Hint, "--bundle") {
		t.Errorf("finding = %+v, want that entry 3 is missing, and how it can be handed over", f)
	}
	wantAllowed(t, judged(replaced(t, required(t), "record: required", `record: {mode: required, since: "`+now.Format(time.RFC3339)+`"}`), all[2]))
}

// Forty artifacts of one commit that entered at forty others before are one release; what
// is bounded is how many commits they are built from.
func TestG11_a_monorepo_whose_artifacts_entered_at_different_commits(t *testing.T) {
	const block = "  app:\n    subject: [\"dist/*\", registry.example/acme/app]\n"
	text := required(t)
	for i := range 40 {
		part := text[strings.Index(text, "    trust: house"):strings.Index(text, "environments:")]
		text = strings.Replace(text, "environments:", fmt.Sprintf("  part%d:\n    subject: [part/%d]\n%senvironments:", i, i, part[:strings.Index(part, "v*\"]\n")+5]), 1)
	}
	if !strings.Contains(text, block) {
		t.Fatal("the policy lost its first artifact")
	}
	p := read(t, text)
	var all []let
	for i := range 40 {
		all = append(all, lets(t, i+1, all[max(0, len(all)-1):], func(x *let) {
			x.entry.Artifacts[0].Artifact, x.entry.Artifacts[0].Name = fmt.Sprintf("part%d", i), fmt.Sprintf("part/%d", i)
		}))
	}
	ask := func(heads int) (policy.Questions, error) {
		in := entering(p, all...)
		in.Candidates = nil
		for i := range 40 {
			s := signer()
			s.Commit = sha(1000 + i%heads)
			s.ConfigDigest, s.SignerDigest = s.Commit, s.Commit
			in.Candidates = append(in.Candidates, policy.Candidate{
				Subject: subject.Subject{Name: fmt.Sprintf("part/%d", i), Digest: app().Digest},
				Facts:   []policy.Fact{stated(t, s, provenance(s))},
			})
		}
		in.Refs = kept(in)
		return policy.Ask(in)
	}
	q, err := ask(1)
	if err != nil || len(q.Changes()) != 40 || q.Changes()[0].Start.Entered[0].Entry != 1 {
		t.Errorf("%d questions about changes, %v, want forty, the oldest first", len(q.Changes()), err)
	}
	if _, err := ask(11); fault.Of(err).Code != fault.Limit {
		t.Errorf("err = %v, want that eleven commits are too many", err)
	}
}
