package policy_test

import (
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

// day is a day before now, or after it, as a policy writes it.
func day(days int) string { return now.AddDate(0, 0, -days).Format(time.DateOnly) }

// lenient is text with a mode of the environment that began ten days ago and has thirty left.
func lenient(t testing.TB, text, level string) string {
	t.Helper()
	return replaced(t, text, "    requires:\n", "    mode: "+level+"\n    since: "+day(10)+"\n    until: "+day(-30)+"\n    requires:\n")
}

// modesOf are the modes that the default branch has, if its policy is text.
func modesOf(t testing.TB, text string) policy.Modes {
	t.Helper()
	return policy.ModesOf(read(t, text), "production", where.Repository.URI, where.Repository.ID)
}

// under judges evidence that is too old by an hour, where the default branch has the policy there.
func under(t testing.TB, here, there string) verdict.Verdict {
	t.Helper()
	p := read(t, here)
	in := input(p, stated(t, signer(), provenance(signer())))
	in.Candidates[0].Facts[0].Time = now.Add(-8 * 24 * time.Hour)
	in.Merged = onMain(p)
	in.Merged.Modes = modesOf(t, there)
	return evaluate(in)
}

// A mode that is not enforced holds only where the policy of the default branch has it too, and
// only for its time. Each line changes one thing of an environment that is watched.
func TestD15_a_mode_is_that_of_the_default_branch(t *testing.T) {
	watch := lenient(t, good, "watch")
	v := under(t, watch, watch)
	if !v.Watched() || v.Outcome() != verdict.Deny || v.Answer().Allows() || v.Answer().String() != "watch: would deny" {
		t.Fatalf("answer = %s, mode %+v, want watch: would deny", v.Answer(), v.Mode)
	}
	if m := v.Mode; m.Branch != "trunk" || m.Commit != commit || len(m.Notes) != 2 || !strings.Contains(m.Notes[0], "for 10 days") ||
		!strings.Contains(m.Notes[0], "never moved") || !strings.Contains(m.Notes[1], "in 29 days") {
		t.Errorf("mode = %+v, want for how long, until when, and which commit says so", m)
	}
	older := replaced(t, watch, day(-30), day(5))
	for name, x := range map[string]struct {
		here, there, why string
	}{
		"the default branch enforces":          {watch, good, "that of branch \"trunk\" says enforce"},
		"the default branch warns":             {watch, lenient(t, good, "warn"), "that of branch \"trunk\" says warn"},
		"the default branch's time is over":    {watch, older, "that of branch \"trunk\" says enforce"},
		"its time is over":                     {older, watch, "ended on " + day(5)},
		"it has not begun":                     {replaced(t, watch, day(10), day(-2)), watch, "begins on " + day(-2)},
		"the default branch has no such place": {watch, replaced(t, watch, "  production:", "  staging:"), "has no environment"},
	} {
		v := under(t, x.here, x.there)
		if v.Watched() || v.Answer().String() != "deny" || v.Mode == nil || v.Mode.Level != "enforce" || !strings.Contains(v.Mode.Why, x.why) {
			t.Errorf("%s: %s, mode %+v, want deny because it %s", name, v.Answer(), v.Mode, x.why)
		}
	}
	if v := under(t, good, watch); v.Watched() || v.Mode != nil {
		t.Errorf("answer = %s, want that the policy at hand enforces", v.Answer())
	}
}

// What nobody knows of the default branch is no mode.
func TestD15_a_mode_that_nobody_knows_enforces(t *testing.T) {
	text := lenient(t, good, "watch")
	for name, m := range map[string]policy.Merged{
		"nobody asked": {},
		"no answer":    {Branch: "trunk", Modes: policy.Modes{Why: "403", Need: "contents: read"}},
		"no modes":     {Branch: "trunk"},
	} {
		in := input(read(t, text))
		in.Merged = m
		if v := evaluate(in); v.Watched() || v.Mode.Why == "" {
			t.Errorf("%s: %s, mode %+v, want that it is enforced, and why", name, v.Answer(), v.Mode)
		}
	}
}

// Warn passes evidence that is too old, and nothing else: what is missing, of another signer, or
// of no known time denies.
func TestG03_warn_passes_age_alone(t *testing.T) {
	text := lenient(t, good, "warn")
	v := under(t, text, text)
	if v.Outcome() != verdict.Allow || !v.Answer().Allows() {
		t.Fatalf("outcome = %s, %+v, want allow with a warning", v.Answer(), refusals(v))
	}
	f := v.Judgements[0].Findings[0]
	if !f.Warning || f.Code != fault.Stale || f.Found != "8 days" || f.Wanted != "at most 7 days" {
		t.Errorf("finding = %+v, want a warning that it is too old", f)
	}
	if len(v.Judgements[0].Evidence) != 1 {
		t.Errorf("evidence = %+v, want the one that is too old", v.Judgements[0].Evidence)
	}
	p := read(t, text)
	for name, edit := range map[string]func(*policy.Input){
		"missing": func(in *policy.Input) { in.Candidates[0].Facts = nil },
		"another signer": func(in *policy.Input) {
			renamed(&in.Candidates[0].Facts[0].Signer, "https://code.example/acme/app/x.yml@refs/heads/main")
		},
		"a run that fell": func(in *policy.Input) { in.Runs[0].State = policy.Failed },
		"no protection":   func(in *policy.Input) { in.Protection = policy.Protection{State: policy.Unprotected} },
		"no known time":   func(in *policy.Input) { in.Candidates[0].Facts[0].Time = time.Time{} },
		"of the future":   func(in *policy.Input) { in.Candidates[0].Facts[0].Time = now.Add(time.Hour) },
		"under enforce":   func(in *policy.Input) { in.Merged.Modes = modesOf(t, good) },
	} {
		in := input(p, stated(t, signer(), provenance(signer())))
		in.Candidates[0].Facts[0].Time = now.Add(-8 * 24 * time.Hour)
		in.Merged = onMain(p)
		in.Merged.Modes = modesOf(t, text)
		edit(&in)
		if v := evaluate(in); v.Outcome() != verdict.Deny || v.Answer().Allows() {
			t.Errorf("%s: %s, want deny", name, v.Answer())
		}
	}
}

const tests = "https://in-toto.io/attestation/test-result/v0.1"

// A requirement about tests may be watched alone; the others stay what they are.
func TestG03_one_requirement_is_watched(t *testing.T) {
	whole := replaced(t, good, "    requires:\n", "    requires:\n      "+tests+":\n        mode: watch\n        since: "+day(1)+"\n        until: "+day(-9)+"\n")
	p := read(t, whole)
	judged := func(there string, facts ...policy.Fact) verdict.Verdict {
		in := input(p, facts...)
		in.Merged = onMain(p)
		in.Merged.Modes = modesOf(t, there)
		return evaluate(in)
	}
	built := stated(t, signer(), provenance(signer()))
	v := judged(whole, built)
	wantAllowed(t, v)
	if f := v.Judgements[0].Findings[0]; !f.Warning || f.Code != fault.Predicate || f.Requirement != tests {
		t.Errorf("finding = %+v, want a warning that no test is there", f)
	}
	if f := wantDenied(t, judged(whole)); f.Requirement != "provenance" {
		t.Errorf("finding = %+v, want that the provenance is missing", f)
	}
	if f := wantDenied(t, judged(good, built)); f.Requirement != tests {
		t.Errorf("finding = %+v, want that the default branch watches nothing", f)
	}
}

// A step down from a policy that is in force and enforces is a change of the policy: without
// those whom that one asks it is enforced.
func TestD15_a_step_down_is_a_change_of_the_policy(t *testing.T) {
	watch := lenient(t, weakened(t), "watch")
	judged := func(before string, edit func(*policy.Input), ballots ...ballot) verdict.Verdict {
		s := setting(t, watch, ballots...)
		in := s.input(t)
		first := lets(t, 1, nil, func(x *let) { x.entry.Source = before })
		adopt(&in, entering(in.Policy, first))
		in.Merged = onMain(in.Policy)
		in.Merged.Modes = modesOf(t, watch)
		in.InForce = []policy.InForce{{Entry: first.entryLink(), Policy: read(t, before)}}
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
		in.Refs = append(in.Refs, kept(in)...)
		return evaluate(in)
	}
	whole := func(*policy.Input) {}
	if v := judged(required(t), whole, yes(alice, bob)...); !v.Watched() {
		t.Errorf("mode = %+v, want watch: two have agreed", v.Mode)
	}
	v := judged(required(t), whole, yes(alice)...)
	if v.Watched() || !strings.Contains(v.Mode.Why, "the policy of entry 1, which is in force, stops more") {
		t.Errorf("mode = %+v, want that one of two is not enough", v.Mode)
	}
	if v := judged(lenient(t, required(t), "watch"), whole, yes(alice)...); !v.Watched() {
		t.Errorf("mode = %+v, want watch: the policy in force watches as well", v.Mode)
	}
	over := replaced(t, lenient(t, required(t), "watch"), day(-30), day(1))
	if v := judged(over, whole, yes(alice)...); v.Watched() {
		t.Errorf("mode = %+v, want that the time of the policy in force is over", v.Mode)
	}
	merged := replaced(t, required(t), "    record: required\n", "    record: required\n    policy-change: merged\n")
	elsewhere := func(in *policy.Input) { in.Merged.Digest = subject.Sum([]byte("other")) }
	if v := judged(merged, elsewhere, yes(alice, bob)...); v.Watched() {
		t.Errorf("mode = %+v, want that a change has to be merged", v.Mode)
	}
	unknown := func(in *policy.Input) {
		in.Entries.Facts[0].Signer.ConfigURI = "https://code.example/acme/app/old.yml@refs/heads/main"
		in.InForce = nil
	}
	if v := judged(required(t), unknown, yes(alice, bob)...); v.Watched() {
		t.Errorf("mode = %+v, want that the policy in force is not known", v.Mode)
	}
}

// watching returns what came in under watch as number n after the others.
func watching(t testing.TB, n int, agreed bool, after []let, edits ...func(*let)) let {
	t.Helper()
	x := lets(t, n, after, edits...)
	w := statement.NewWatched(x.entry, "test", subject.Sum([]byte(x.entry.Source)), "deny", agreed, x.at)
	subjects, err := w.Subjects()
	if err != nil {
		t.Fatal(err)
	}
	predicate, err := w.JSON()
	if err != nil {
		t.Fatal(err)
	}
	payload, err := statement.New(subjects, statement.WatchedV1, predicate)
	if err != nil {
		t.Fatal(err)
	}
	if x.fact.Statement, err = statement.Parse(payload); err != nil {
		t.Fatal(err)
	}
	x.fact.StatementHash = subject.Sum(payload)
	return x
}

// What came in under watch is in the chain and moves nothing: no base, and no policy that
// nobody agreed to.
func TestG11_what_came_in_under_watch_is_no_entry(t *testing.T) {
	p := read(t, required(t))
	const other = "version: 1\n# other\n"
	sources := func(in policy.Input) []string {
		var out []string
		for _, e := range in.Sources() {
			out = append(out, e.Source)
		}
		return out
	}
	entered := line(t, 1)
	change := func(x *let) { x.entry.Source = other }
	for _, x := range []struct {
		name    string
		all     []let
		base    string
		sources []string
		first   bool
	}{
		{"an entry", entered, "1", []string{"version: 1\n"}, false},
		{"not agreed", append(entered, watching(t, 2, false, entered, change)), "1", []string{"version: 1\n"}, false},
		{"agreed", append(entered, watching(t, 2, true, entered, change)), "1", []string{other}, false},
		{"nothing before", []let{watching(t, 1, false, nil, change)}, "", nil, true},
		{"the twin", append(entered, lets(t, 2, entered, change)), "2", []string{other}, false},
	} {
		in := entering(p, x.all...)
		if got := base(in); got != x.base || !slices.Equal(sources(in), x.sources) || in.First() != x.first {
			t.Errorf("%s: base %q, in force %q, first %v; want %q, %q, %v", x.name, got, sources(in), in.First(), x.base, x.sources, x.first)
		}
		if c := in.Chain(); len(c.Entries) != len(x.all) || len(c.Passed) > 0 {
			t.Errorf("%s: %d entries, passed over %q, want all %d", x.name, len(c.Entries), c.Passed, len(x.all))
		}
	}
	// An entry after it names it, and what is below it is followed all the same.
	w := watching(t, 2, false, entered, change)
	last := lets(t, 3, []let{w}, func(x *let) { x.entry.Source = "version: 1\n# third\n" })
	if got := sources(entering(p, entered[0], w, last)); !slices.Equal(got, []string{"version: 1\n# third\n"}) {
		t.Errorf("in force = %q, want the newest alone", got)
	}
}

// After a time of watch, a new baseline takes the place of the entries before it, for the policy
// that has it and for nobody else.
func TestG11_a_new_baseline_after_watch(t *testing.T) {
	before := required(t)
	text := replaced(t, required(t), sha(0), sha(5))
	entered := lets(t, 1, nil, func(x *let) { x.entry.Source = before })
	seen := watching(t, 2, false, []let{entered}, func(x *let) { x.entry.Source = before })
	start := func(text string, all ...let) []policy.Start {
		s := setting(t, text, yes(alice, bob)...)
		in := s.input(t)
		adopt(&in, entering(in.Policy, all...))
		in.InForce = []policy.InForce{{Entry: entered.entryLink(), Policy: read(t, before)}}
		if text == before {
			in.InForce = nil
		}
		q, err := policy.Ask(in)
		if err != nil {
			t.Fatal(err)
		}
		var out []policy.Start
		for _, c := range q.Changes() {
			out = append(out, c.Start)
		}
		return out
	}
	got := start(text, entered, seen)
	if len(got) != 2 || len(got[0].Entered)+len(got[1].Entered) != 1 {
		t.Fatalf("starts = %+v, want one from the baseline, and one from the entry for those before", got)
	}
	for _, s := range got {
		if len(s.Entered) == 0 && s.Baseline != sha(5) || len(s.Entered) == 1 && s.Baseline != sha(0) {
			t.Errorf("start = %+v, want that only the new policy begins at its baseline", s)
		}
	}
	for name, all := range map[string][]let{"no watch": {entered}, "watch before the entry": {watching(t, 1, false, nil), lets(t, 2, []let{watching(t, 1, false, nil)})}} {
		for _, s := range start(text, all...) {
			if len(s.Entered) != 1 {
				t.Errorf("%s: start = %+v, want the entry", name, s)
			}
		}
	}
	for _, s := range start(before, entered, seen) {
		if len(s.Entered) != 1 {
			t.Errorf("the same baseline: start = %+v, want the entry", s)
		}
	}
}

// How often the dates were moved is counted from the newest version of the file to the last one
// that was enforced.
func TestModes_are_looked_back_at(t *testing.T) {
	mode := func(since, until int) policy.Mode {
		return policy.Mode{Level: policy.Watch, Since: now.AddDate(0, 0, -since), Until: now.AddDate(0, 0, -until)}
	}
	const scan = "https://in-toto.io/attestation/vulns/v0.1"
	version := func(own policy.Mode, of ...policy.Mode) policy.Environment {
		e := policy.Environment{Mode: own}
		for _, m := range of {
			e.Requires = append(e.Requires, policy.Requirement{Name: scan, Mode: m})
		}
		return e
	}
	m := policy.Modes{Environment: policy.Lenience{Mode: mode(5, -30), Begun: mode(5, -30).Since},
		Requirements: map[string]policy.Lenience{scan: {Mode: mode(3, -9), Begun: mode(3, -9).Since}}}
	m.LookBack([]policy.Environment{version(mode(5, -30), mode(3, -9)), version(mode(20, -2), mode(7, -8)), version(mode(20, -1)), version(policy.Mode{}, mode(40, 30)), version(mode(200, 190))})
	if l := m.Environment; l.Moved != 2 || !l.Begun.Equal(mode(20, 0).Since) {
		t.Errorf("moved %d times since %s, want twice in 20 days", l.Moved, l.Begun)
	}
	if l := m.Requirements[scan]; l.Moved != 1 || !l.Begun.Equal(mode(7, 0).Since) {
		t.Errorf("of the scan: moved %d times since %s, want once in 7 days", l.Moved, l.Begun)
	}
}

// Nobody has agreed to what nobody was asked about: an artifact without evidence has no approvals, and
// one that the policy has no name for, or several of which one has none, does not step down either.
func TestD15_a_step_down_with_something_that_nothing_is_attested_about(t *testing.T) {
	watch := lenient(t, weakened(t), "watch")
	judged := func(edit func(*policy.Input), ballots ...ballot) (verdict.Verdict, bool) {
		s := setting(t, watch, ballots...)
		in := s.input(t)
		first := lets(t, 1, nil, func(x *let) { x.entry.Source = required(t) })
		adopt(&in, entering(in.Policy, first))
		in.Merged = onMain(in.Policy)
		in.Merged.Modes = modesOf(t, watch)
		in.InForce = []policy.InForce{{Entry: first.entryLink(), Policy: read(t, required(t))}}
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
		in.Refs = append(in.Refs, kept(in)...)
		edit(&in)
		return evaluate(in), in.Agreed()
	}
	junk := policy.Candidate{Subject: subject.Subject{Name: "dist/junk", Digest: subject.Sum([]byte("junk"))}}
	nameless := policy.Candidate{Subject: subject.Subject{Name: "elsewhere", Digest: subject.Sum([]byte("x"))}}
	for name, x := range map[string]struct {
		edit func(*policy.Input)
		want bool
	}{
		"what two have approved":        {func(*policy.Input) {}, true},
		"junk alone":                    {func(in *policy.Input) { in.Candidates = []policy.Candidate{junk} }, false},
		"what the policy does not name": {func(in *policy.Input) { in.Candidates = []policy.Candidate{nameless} }, false},
		"junk beside what was approved": {func(in *policy.Input) { in.Candidates = append(in.Candidates, junk) }, false},
		"another name beside it":        {func(in *policy.Input) { in.Candidates = append(in.Candidates, nameless) }, false},
		"a run that failed":             {func(in *policy.Input) { in.Runs[0].State = policy.Failed }, false},
		"a change that was not seen":    {func(in *policy.Input) { in.Changes = nil }, false},
		"a policy that keeps no record": {func(in *policy.Input) {
			in.InForce[0].Policy = read(t, replaced(t, required(t), "record: required", "record: off"))
		}, true},
		"an entry whose ref is open now": {func(in *policy.Input) {
			in.InForce = nil
			in.Refs = kept(*in)
			for i := range in.Refs {
				in.Refs[i].Protected, in.Refs[i].Kept, in.Refs[i].On = policy.No, policy.No, policy.No
			}
		}, false},
	} {
		v, agreed := judged(x.edit, yes(alice, bob)...)
		if v.Watched() != x.want {
			t.Errorf("%s: mode %+v, want that it watches: %v", name, v.Mode, x.want)
		}
		if agreed && !x.want {
			t.Errorf("%s: agreed, and nobody was asked", name)
		}
	}
}

// An entry of ours is no evidence, whatever a policy requires; a summary of another verifier is.
func TestG11_an_entry_is_no_evidence(t *testing.T) {
	p := read(t, edited(t, "      provenance: {max-age: 7d}", "      "+statement.SummaryV1+":"))
	own := stated(t, signer(), provenance(signer()))
	own.Statement.PredicateType = statement.SummaryV1
	for verifier, want := range map[string]verdict.Outcome{statement.EntryVerifier: verdict.Deny, "https://verifier.example": verdict.Allow} {
		own.Statement.Predicate = []byte(`{"verifier":{"id":"` + verifier + `"},"verificationResult":"PASSED"}`)
		if v := evaluate(input(p, own)); v.Outcome() != want {
			t.Errorf("%s: %v %+v, want %v", verifier, v.Outcome(), refusals(v), want)
		}
	}
}

// A mode of an environment of the same name that is another repository's says nothing.
func TestD15_a_mode_of_another_repositorys_environment(t *testing.T) {
	watch := lenient(t, good, "watch")
	for name, text := range map[string]string{
		"its number":      replaced(t, watch, "    mode:", "    repository-id: 77\n    mode:"),
		"who builds":      replaced(t, watch, "repository-id: 1001", "repository-id: 77"),
		"nobody's":        replaced(t, watch, "issuer: https://ci.example", "issuer: https://jobs.example\n        runner: shared"),
		"the one at hand": watch,
	} {
		if m := modesOf(t, text); (m.Why == "") != (text == watch) {
			t.Errorf("%s: %+v, want why it does not count", name, m)
		}
	}
}

// What came in under watch settles nothing: who looks for a base looks further.
func TestG11_what_came_in_under_watch_settles_nothing(t *testing.T) {
	p := read(t, replaced(t, second, "count: 2}\n", "count: 2}\n    record: off\n"))
	if entering(p, watching(t, 1, false, nil)).Settled() || !entering(p, line(t, 1)...).Settled() {
		t.Error("a record without an entry that carries a policy is settled, or one with it is not")
	}
}
