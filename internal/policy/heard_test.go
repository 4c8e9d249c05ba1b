package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A spoken is something that somebody said in a test: what it says, who signed it, and
// what the platform says of their run.
type spoken struct {
	say      statement.Approval
	subjects []subject.Subject // nil: those that say has
	fact     policy.Fact
	run      policy.Run
}

// speaks is a no of bob to a release that never entered, found by production, with edits.
func speaks(t testing.TB, edits ...func(*spoken)) spoken {
	t.Helper()
	d := subject.Sum([]byte("release"))
	x := spoken{say: statement.Approval{
		Decision: statement.Reject, Release: statement.DigestSet{SHA256: d.Hex()}, Version: "v1.4.0", Repository: where.Repository,
		Environments: []statement.Place{{Name: where.Name, ID: where.ID}}, Policy: statement.DigestSet{SHA256: d.Hex()},
		Reason: "freeze", By: &statement.Account{Host: "https://code.example", ID: "2"}, Targets: []statement.Target{where},
		IssuedAt: stamp(now), ExpiresAt: stamp(now.Add(time.Hour)),
	}}
	x.fact = policy.Fact{Signer: approving(500), Trust: "house", Time: now.Add(-time.Hour), Source: "store"}
	x.run = policy.Run{URI: x.fact.Signer.Run, Commit: commit, By: bob, Words: "run 500"}
	for _, e := range edits {
		e(&x)
	}
	p, err := x.say.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if x.subjects == nil {
		x.subjects = []subject.Subject{app(), statement.ReleaseSubject(x.say.Version, d)}
		for _, to := range x.say.Targets {
			x.subjects = append(x.subjects, to.Decisions())
		}
	}
	payload, err := statement.New(x.subjects, statement.ApprovalV1, p)
	if err != nil {
		t.Fatal(err)
	}
	if x.fact.Statement, err = statement.Parse(payload); err != nil {
		t.Fatal(err)
	}
	x.fact.StatementHash = subject.Sum(payload)
	return x
}

// hear reads what was told about production, whose entries are those of in.
func hear(in policy.Input, all ...spoken) policy.Heard {
	c := policy.Candidate{Subject: where.Decisions()}
	for _, x := range all {
		c.Facts, in.Runs = append(c.Facts, x.fact), append(in.Runs, x.run)
	}
	for _, q := range in.Heard(c, policy.Period{}).Questions().Refs() {
		in.Refs = append(
			in.Refs,
			policy.Ref{Query: q, Protected: policy.Yes, Branch: q.Branch, On: policy.Yes, Kept: policy.Yes},
		)
	}
	return in.Heard(c, policy.Period{})
}

// Each of these is the only thing that is wrong with a no. Nothing of it becomes a row, and
// the reason is told.
func TestG11_what_nobody_said_who_may_is_not_heard(t *testing.T) {
	in := entering(read(t, second))
	if h := hear(in, speaks(t)); len(h.Words) != 1 || len(h.Passed) != 0 || h.Words[0].By.ID != "2" ||
		h.Words[0].Known != policy.ByPlatform {
		t.Fatalf("heard %+v, want bob's no", h)
	}
	email := func(issuer, address string) func(*spoken) {
		return func(x *spoken) {
			x.fact.Signer = statement.Signer{Issuer: issuer, SAN: address, SANKind: "email"}
		}
	}
	if h := hear(in, speaks(t, email("https://accounts.example", "dana@acme.example"))); len(h.Words) != 1 ||
		h.Words[0].Known != policy.ByCertificate {
		t.Fatalf("heard %+v, want dana's no", h)
	}
	elsewhere := where
	elsewhere.ID = "9002"
	for name, x := range map[string]struct {
		edit func(*spoken)
		want string
	}{
		"the workflow that builds":             {func(x *spoken) { x.fact.Signer = signer() }, "another workflow than approve-in"},
		"a branch of somebody":                 {func(x *spoken) { reref(&x.fact.Signer, "refs/heads/mine") }, "approve-in"},
		"another repository":                   {func(x *spoken) { x.fact.Signer.RepositoryID = "1002" }, "approve-in"},
		"a run that no person started by hand": {func(x *spoken) { x.fact.Signer.Event = "push" }, "approve-in"},
		"a key":                                {func(x *spoken) { x.fact.Keyed = true }, "a key signed it"},
		"a carrier":                            {func(x *spoken) { x.fact.Via = &policy.Via{} }, "a key signed it"},
		"another trust":                        {func(x *spoken) { x.fact.Trust = "annex" }, "a trust that does not count"},
		"the future":                           {func(x *spoken) { x.fact.Time = now.Add(time.Hour) }, "in the future"},
		"an address that nobody names":         {email("https://accounts.example", "mia@acme.example"), "no group of the policy names"},
		"an address that ends alike":           {email("https://accounts.example", "xdana@acme.example"), "no group of the policy names"},
		"an address of another issuer":         {email("https://other.example", "dana@acme.example"), "no group of the policy names"},
		"another environment's number":         {func(x *spoken) { x.say.Environments[0].ID, x.say.Targets[0] = "9002", elsewhere }, "about other environments"},
		"a run that was started again":         {func(x *spoken) { x.run.Again = true }, "run again"},
		"a run of another commit":              {func(x *spoken) { x.run.Commit = other }, "another commit"},
		"the mark among the artifacts": {func(x *spoken) {
			x.subjects = []subject.Subject{where.Decisions(), statement.ReleaseSubject("v1.4.0", subject.Sum([]byte("release")))}
			x.say.Targets = nil
		}, "about other environments"},
		"a mark that the content does not name": {func(x *spoken) {
			x.subjects = []subject.Subject{app(), statement.ReleaseSubject("v1.4.0", subject.Sum([]byte("release"))), where.Decisions()}
			x.say.Targets = nil
		}, "release among the subjects"},
	} {
		h := hear(in, speaks(t, x.edit))
		if len(h.Words) != 0 || len(h.Passed) != 1 || !strings.Contains(h.Passed[0], x.want) {
			t.Errorf("%s: heard %d, passed %q, want nothing but a reason with %q", name, len(h.Words), h.Passed, x.want)
		}
	}
}

func TestG11_a_word_of_an_unprotected_ref(t *testing.T) {
	in := entering(read(t, second))
	x := speaks(t)
	c := policy.Candidate{Subject: where.Decisions(), Facts: []policy.Fact{x.fact}}
	asked := in.Heard(c, policy.Period{}).Questions()
	refs, runs := asked.Refs(), asked.Runs()
	if len(refs) != 1 || len(runs) != 0 {
		t.Fatalf("asks %v and %v, want one ref, and then who it was", refs, runs)
	}
	for protected, want := range map[policy.Known]int{policy.Yes: 1, policy.No: 0, policy.Unanswered: 0} {
		in.Refs = []policy.Ref{{Query: refs[0], Protected: protected}}
		if h := in.Heard(c, policy.Period{}); len(h.Words) != want {
			t.Errorf("protected %v: heard %d, want %d", protected, len(h.Words), want)
		}
	}
	in.Refs = []policy.Ref{{Query: refs[0], Protected: policy.Yes}}
	if runs = in.Heard(c, policy.Period{}).Questions().Runs(); len(runs) != 1 || runs[0].URI != x.fact.Signer.Run {
		t.Errorf("asks about %v, want the run of the no", runs)
	}
	in.Refs, in.Unasked = nil, true // offline nobody is asked about refs or runs
	h := in.Heard(c, policy.Period{})
	if runs = h.Questions().Runs(); len(h.Words) != 1 || len(runs) != 0 {
		t.Errorf("offline: heard %d and asks %v, want the no and no question", len(h.Words), runs)
	}
	built := speaks(t, func(x *spoken) { x.fact.Signer = signer() })
	if h = in.Heard(policy.Candidate{Subject: c.Subject, Facts: []policy.Fact{built.fact}}, policy.Period{}); len(
		h.Words,
	) != 0 {
		t.Errorf("offline: heard %+v of a workflow that builds, want nothing", h.Words)
	}
}

// Who it was, the surest source says: an entry, the platform, and only then the
// statement itself, whose word is told as a claim.
func TestG11_who_it_was_is_told_by_the_surest_source(t *testing.T) {
	p := read(t, second)
	yes := speaks(t, func(x *spoken) { x.say.Decision, x.run = statement.Approve, policy.Run{} })
	hex := yes.fact.StatementHash.Hex()
	counted := entering(p, lets(t, 1, nil, func(x *let) {
		x.entry.Approvals = []statement.Part{
			{Role: statement.Approve, Host: "https://code.example", ID: "3", Statement: hex},
		}
	}))
	gone := speaks(t, func(x *spoken) { x.run = policy.Run{URI: x.fact.Signer.Run, Words: "unknown"} })
	silent := speaks(t, func(x *spoken) { x.run.Why = "no answer" })
	for name, x := range map[string]struct {
		in    policy.Input
		of    spoken
		id    string
		known policy.Knowledge
	}{
		"an entry that rests on it":     {counted, yes, "3", policy.ByEntry},
		"the platform":                  {entering(p), speaks(t), "2", policy.ByPlatform},
		"a run that is gone":            {entering(p), gone, "2", policy.ByStatement},
		"a platform that is silent":     {entering(p), silent, "2", policy.ByStatement},
		"a statement that names nobody": {entering(p), speaks(t, func(x *spoken) { x.say.By, x.run = nil, policy.Run{} }), "", policy.ByNobody},
		"another account than claimed":  {entering(p), speaks(t, func(x *spoken) { x.run.By = carol }), "3", policy.ByPlatform},
	} {
		h := hear(x.in, x.of)
		if len(h.Words) != 1 || h.Words[0].By.ID != x.id || h.Words[0].Known != x.known {
			t.Errorf("%s: heard %+v, %q, want account %q by %q", name, h.Words, h.Passed, x.id, x.known)
		}
	}
	if h := hear(counted, yes); !slices.Equal(h.Words[0].Counted, []int{1}) {
		t.Errorf("counted by %v, want entry 1", h.Words[0].Counted)
	}
	// A text that two runs have signed is not told apart by the entry that names its digest.
	copied := yes
	copied.fact.Signer.Run = approving(501).Run
	h := hear(counted, yes, copied)
	if len(h.Words) != 2 || h.Words[0].Known == policy.ByEntry || h.Words[1].Known == policy.ByEntry ||
		h.Words[0].Counted != nil {
		t.Errorf("heard %+v, want two of whom the entry tells neither", h.Words)
	}
	// Nor does somebody who signs the same text with an address take it from who has said it.
	signed := yes
	signed.fact.Signer = statement.Signer{
		Issuer:  "https://accounts.example",
		SAN:     "dana@acme.example",
		SANKind: "email",
	}
	for _, w := range hear(counted, yes, signed).Words {
		own := w.Signer.SANKind != "email"
		if own && (w.Known != policy.ByEntry || len(w.Counted) != 1) ||
			!own && (w.By.ID != "dana@acme.example" || w.Counted != nil) {
			t.Errorf("heard %+v, want the entry's word for the run alone", w)
		}
	}
	address := entering(p, lets(t, 1, nil, func(x *let) {
		x.entry.Approvals = []statement.Part{
			{Role: statement.Approve, Host: "https://accounts.example", ID: "dana@acme.example", Statement: hex},
		}
	}))
	for _, w := range hear(address, yes, signed).Words {
		if own := w.Signer.SANKind == "email"; own != (len(w.Counted) == 1) {
			t.Errorf("heard %+v, want the entry's word for dana alone", w)
		}
	}
	// One signature in two bundles is one word.
	if h := hear(counted, yes, yes); len(h.Words) != 1 {
		t.Errorf("heard %d, want one", len(h.Words))
	}
}

func TestHeard_of_a_period(t *testing.T) {
	in := entering(read(t, second))
	in.Unasked = true
	c := policy.Candidate{Subject: where.Decisions()}
	for i := range 4 {
		c.Facts = append(c.Facts, speaks(t, func(x *spoken) {
			x.fact.Time, x.say.Version = now.Add(time.Duration(i-4)*time.Hour), "v1.4.0"
			x.say.Reason = fmt.Sprint(i)
		}).fact)
	}
	h := in.Heard(c, policy.Period{Since: now.Add(-3 * time.Hour), Until: now.Add(-time.Hour)})
	if len(h.Words) != 2 || h.Words[0].Reason != "2" || h.Words[1].Reason != "1" {
		t.Errorf("heard %+v, want 2 and 1, the newest first", h.Words)
	}
	for i := range c.Facts { // all of them count for nothing
		c.Facts[i].Keyed = true
	}
	if h := in.Heard(c, policy.Period{Since: now.Add(-3 * time.Hour), Until: now.Add(-time.Hour)}); len(h.Passed) != 2 {
		t.Errorf("passed %q, want the two of the period", h.Passed)
	}
}

// What an entry of the period rests on is of the period, whenever it was said; and where it
// is not there, that is told.
func TestHeard_what_an_entry_of_the_period_rests_on(t *testing.T) {
	early := speaks(t, func(x *spoken) { x.say.Decision = statement.Approve })
	p := statement.Part{
		Role:      statement.Approve,
		Host:      "https://code.example",
		ID:        "2",
		Statement: early.fact.StatementHash.Hex(),
	}
	in := entering(
		read(t, second),
		lets(t, 99, nil, func(x *let) { x.entry.Approvals = []statement.Part{p, {Role: statement.Approve, ID: "9"}} }),
	)
	in.Unasked = true
	c := policy.Candidate{Subject: where.Decisions(), Facts: []policy.Fact{early.fact}}
	since := policy.Period{Since: now.Add(-10 * time.Minute)}
	if h := in.Heard(c, since); len(h.Words) != 1 || len(in.Chain().Unheard(c, since)) != 0 {
		t.Errorf("heard %+v, unheard %v, want the yes that the entry rests on", h.Words, in.Chain().Unheard(c, since))
	}
	after := policy.Period{Since: now}
	if h := in.Heard(c, after); len(h.Words) != 0 {
		t.Errorf("heard %+v, want nothing: the entry is not of the period", h.Words)
	}
	if got := in.Chain().Unheard(policy.Candidate{}, since); len(got) != 1 || got[0] != p {
		t.Errorf("unheard %v, want the yes", got)
	}
	if got := in.Chain().Unheard(policy.Candidate{}, after); len(got) != 0 {
		t.Errorf("unheard %v, want none: the entry is not of the period", got)
	}
}

// exporter is the certificate of a job that exports.
func exporter() statement.Signer {
	s := signer()
	renamed(&s, "https://code.example/acme/app/build/audit.yml@refs/heads/main")
	s.Run = run(900)
	return s
}

// listed is a fact about an export.
func listed(t testing.TB, e statement.Export, s statement.Signer) policy.Fact {
	t.Helper()
	p, err := e.JSON()
	if err != nil {
		t.Fatal(err)
	}
	subjects, err := e.Subjects()
	if err != nil {
		t.Fatal(err)
	}
	payload, err := statement.New(subjects, statement.HistoryV1, p)
	if err != nil {
		t.Fatal(err)
	}
	st, err := statement.Parse(payload)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Fact{
		Signer:        s,
		Trust:         "house",
		Time:          now,
		Source:        "file",
		Statement:     st,
		StatementHash: subject.Sum(payload),
	}
}

// An export is a claim that nothing is left out. Only a job that runs what the policy's
// refs hold makes one that counts.
func TestG11_an_export_of_somebody_else(t *testing.T) {
	all := line(t, 2)
	in := entering(read(t, second), all...)
	export := func() statement.Export {
		return in.Exporting(where, in.Chain(), hear(in, speaks(t)), policy.Period{}, "1.2.3", run(900))
	}
	count := func(e statement.Export, edit func(*policy.Fact)) (int, string) {
		f := listed(t, e, exporter())
		edit(&f)
		found, passed := in.Exports(policy.Candidate{Subject: where.Exports(), Facts: []policy.Fact{f}})
		return len(found), passed[f.StatementHash]
	}
	if n, why := count(export(), func(*policy.Fact) {}); n != 1 || why != "" {
		t.Fatalf("%d exports, %q, want one", n, why)
	}
	for name, edit := range map[string]func(*policy.Fact){
		"another repository":              func(f *policy.Fact) { f.Signer.RepositoryID = "1002" },
		"another issuer":                  func(f *policy.Fact) { f.Signer.Issuer = "https://jobs.example" },
		"a person":                        func(f *policy.Fact) { f.Signer.SANKind = "email" },
		"a tag that may build":            func(f *policy.Fact) { reref(&f.Signer, "refs/tags/v1") },
		"somebody's branch":               func(f *policy.Fact) { reref(&f.Signer, "refs/heads/mine") },
		"another ref than its workflow's": func(f *policy.Fact) { f.Signer.Ref = "refs/tags/v1" },
		"another run":                     func(f *policy.Fact) { f.Signer.Run = run(901) },
		"a key":                           func(f *policy.Fact) { f.Keyed = true },
		"another trust":                   func(f *policy.Fact) { f.Trust = "annex" },
		"the future":                      func(f *policy.Fact) { f.Time = now.Add(time.Hour) },
	} {
		if n, why := count(export(), edit); n != 0 || why == "" {
			t.Errorf("%s: %d exports, %q, want none and a reason", name, n, why)
		}
	}
	if n, _ := count(export(), func(f *policy.Fact) { reref(&f.Signer, "refs/heads/audit") }); n != 0 {
		t.Errorf("%d exports of a branch that the policy does not name, want none", n)
	}
	in.Policy = read(t, replaced(t, second, "refs: [refs/heads/main]}", "refs: [refs/heads/main, refs/heads/audit]}"))
	if n, why := count(export(), func(f *policy.Fact) { reref(&f.Signer, "refs/heads/audit") }); n != 1 {
		t.Errorf("%d exports, %q, want one: approve-in names the branch", n, why)
	}
	other := export()
	other.Target.ID = "9002"
	if n, why := count(other, func(*policy.Fact) {}); n != 0 || !strings.Contains(why, "another environment") {
		t.Errorf("%d exports, %q, want none: it is about another environment", n, why)
	}
}

func TestG11_an_export_of_which_a_statement_lacks(t *testing.T) {
	all := line(t, 3)
	in := entering(read(t, second), all...)
	no := speaks(t)
	e := in.Exporting(where, in.Chain(), hear(in, no), policy.Period{}, "1.2.3", run(900))
	found, _ := in.Exports(policy.Candidate{Subject: where.Exports(), Facts: []policy.Fact{listed(t, e, exporter())}})
	if len(found) != 1 {
		t.Fatal("no export")
	}
	said := []policy.Fact{no.fact}
	if err := in.Whole(found[0], said); err != nil {
		t.Errorf("whole: %v", err)
	}
	for i := range in.Entries.Facts {
		less := in
		less.Entries.Facts = slices.Delete(slices.Clone(in.Entries.Facts), i, i+1)
		if err := less.Whole(found[0], said); fault.Of(err).Code != fault.EntryMissing ||
			fault.Of(err).Kind != fault.Refused {
			t.Errorf("without entry %d: %v, want it refused", i+1, err)
		}
	}
	if err := in.Whole(found[0], nil); fault.Of(err).Code != fault.EntryMissing {
		t.Errorf("without the no: %v, want it refused", err)
	}
}

// An export of a period names the entries before it, so that they are not missed, and how
// deployments ended that only a later entry says.
func TestExporting_a_period(t *testing.T) {
	all := line(t, 4)
	all = append(all, lets(t, 6, all[3:], func(x *let) { // names one that nobody has
		x.entry.Previous = append(x.entry.Previous, statement.Link{Number: 3, SHA256: strings.Repeat("e", 64)})
	}))
	in := entering(read(t, second), all...)
	e := in.Exporting(
		where,
		in.Chain(),
		hear(in, speaks(t)),
		policy.Period{Since: all[2].at, Until: all[4].at},
		"1.2.3",
		run(900),
	)
	var numbers []int
	for _, x := range e.Entries {
		numbers = append(numbers, x.Number)
		if x.State != "confirmed" {
			t.Errorf("entry %d is %q, want confirmed", x.Number, x.State)
		}
	}
	if !slices.Equal(numbers, []int{4, 3}) {
		t.Errorf("entries %v, want 4 and 3", numbers)
	}
	if len(e.Outside) != 1 || e.Outside[0].Number != 2 {
		t.Errorf("outside %v, want entry 2", e.Outside)
	}
	if len(e.Missing) != 1 || e.Missing[0].Number != 3 || e.Since == "" || e.Until == "" || len(e.Said) != 1 ||
		e.Said[0].By == nil {
		t.Errorf("export = %+v, want a hole, a period and the no of bob", e)
	}
}

// The platform is asked about so many runs and no more; of the others, the statement says it.
func TestO02_the_platform_is_asked_about_the_newest_words_alone(t *testing.T) {
	in := entering(read(t, second))
	c := policy.Candidate{Subject: where.Decisions()}
	var all []spoken
	for i := range 120 {
		all = append(all, speaks(t, func(x *spoken) {
			x.fact.Signer, x.say.Reason = approving(1000+i), fmt.Sprint(i)
			x.fact.Time = now.Add(time.Duration(i-200) * time.Minute)
		}))
		c.Facts = append(c.Facts, all[i].fact)
	}
	for _, q := range in.Heard(c, policy.Period{}).Questions().Refs() {
		in.Refs = append(
			in.Refs,
			policy.Ref{Query: q, Protected: policy.Yes, Branch: q.Branch, On: policy.Yes, Kept: policy.Yes},
		)
	}
	h := in.Heard(c, policy.Period{})
	asked := h.Questions().Runs()
	if len(h.Words) != 120 || len(asked) != 100 {
		t.Fatalf("%d words, asks about %d runs, want 120 and 100", len(h.Words), len(asked))
	}
	for _, q := range asked {
		if q.URI == all[0].fact.Signer.Run || q.Repository == "" {
			t.Errorf("asks about %+v, want the newest, each of its repository", q)
		}
	}
}
