package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// at signs a ballot that long ago; more is what else is to be changed.
func at(ago time.Duration, b ballot, more ...func(*policy.Fact, *policy.Run)) ballot {
	b.sign = func(f *policy.Fact, r *policy.Run) {
		f.Time = now.Add(-ago)
		for _, m := range more {
			m(f, r)
		}
	}
	return b
}

// withdrawal takes back what a has said.
func withdrawal(a policy.Account) ballot {
	return ballot{by: a, say: func(x *statement.Approval) { x.Decision = statement.Withdraw }}
}

// told is what a verdict says of one person, by decision.
func told(t *testing.T, v verdict.Verdict, name, decision string) verdict.Person {
	t.Helper()
	for _, f := range v.Judgements[0].Findings {
		for _, p := range f.People {
			if p.Name == name && p.Decision == decision {
				return p
			}
		}
	}
	t.Fatalf("nobody is called %s with the decision %s in %+v", name, decision, v.Judgements[0].Findings)
	return verdict.Person{}
}

func TestI14_a_no_ends_with_a_word_of_its_giver(t *testing.T) {
	admin := account("11", "alice-admin") // another account of alice's
	for name, later := range map[string]ballot{
		"withdrawn": withdrawal(alice), "withdrawn with another account": withdrawal(admin), "a yes": {by: alice}, "a yes with another account": {by: admin},
		"an emergency yes": {by: alice, say: func(a *statement.Approval) { a.BreakGlass, a.Reason = true, "down" }},
		"a yes that is void, as evidence is missing in it": {by: alice, say: func(a *statement.Approval) { a.Evidence = nil }},
	} {
		s := setting(t, second, append(yes(bob, carol), at(20*time.Minute, no(alice)), at(10*time.Minute, later))...)
		v := s.judge(t)
		if v.Outcome() != verdict.Allow {
			t.Errorf("%s: outcome = %v for %+v, want allow", name, v.Outcome(), refusals(v))
		}
		if p := told(t, v, "alice", "reject"); p.Counted || p.Code != fault.ApprovalStale || !strings.HasSuffix(p.Reason, "2026-11-22T11:50:00Z") {
			t.Errorf("%s: the no is told as %+v, want that it has ended, and when", name, p)
		}
		s.ballots = s.ballots[:3]
		if f := wantDenied(t, s.judge(t)); f.Code != fault.ApprovalRejected || !strings.Contains(f.Hint, ": sallyport approve --decision withdraw --release sha256:") {
			t.Errorf("finding = %s with the hint %q, want %s and how its giver ends it", f.Code, f.Hint, fault.ApprovalRejected)
		}
	}
}

func TestI14_a_withdrawal_of_the_future_is_told_as_one(t *testing.T) {
	v := setting(t, second, at(20*time.Minute, no(alice)), at(-policy.Skew-time.Second, withdrawal(alice))).judge(t)
	if p := told(t, v, "alice", "withdraw"); p.Counted || !strings.HasPrefix(p.Reason, "it is dated in the future") {
		t.Errorf("person = %+v, want that one of the clocks is wrong", p)
	}
}

func TestI14_nothing_else_ends_a_no(t *testing.T) {
	other := func(a *statement.Approval) { a.Release.SHA256 = hex }
	withdrawn := func(say func(*statement.Approval)) ballot {
		return ballot{by: alice, say: func(a *statement.Approval) { a.Decision = statement.Withdraw; say(a) }}
	}
	annex := func(f *policy.Fact, _ *policy.Run) { f.Trust = "annex" }
	machine := alice
	machine.Kind = policy.Machine
	for name, b := range map[string]ballot{
		"somebody else's withdrawal":            at(10*time.Minute, withdrawal(bob)),
		"a stranger's withdrawal":               at(10*time.Minute, withdrawal(mallory)),
		"an account of that name":               at(10*time.Minute, withdrawal(account("4711", "alice"))),
		"a withdrawal of another release":       at(10*time.Minute, withdrawn(other)),
		"a yes to another release":              at(10*time.Minute, ballot{by: alice, say: other}),
		"a withdrawal for staging":              at(10*time.Minute, withdrawn(func(a *statement.Approval) { a.Environments[0].Name = "staging" })),
		"a withdrawal of an older environment":  at(10*time.Minute, withdrawn(func(a *statement.Approval) { a.Environments[0].ID = "9000" })),
		"a withdrawal in a fork":                at(10*time.Minute, withdrawn(func(a *statement.Approval) { a.Repository.ID = "666" })),
		"a withdrawal before it":                at(30*time.Minute, withdrawal(alice)),
		"a withdrawal in the same second":       at(20*time.Minute, withdrawal(alice)),
		"a yes before it":                       at(30*time.Minute, ballot{by: alice}),
		"a yes in the same second":              at(20*time.Minute, ballot{by: alice}),
		"a withdrawal of the future":            at(-policy.Skew-time.Second, withdrawal(alice)),
		"a withdrawal under another root":       at(10*time.Minute, withdrawal(alice), annex),
		"a withdrawal of a machine":             at(10*time.Minute, withdrawal(machine)),
		"a withdrawal of a run that was re-run": at(10*time.Minute, withdrawal(alice), func(_ *policy.Fact, r *policy.Run) { r.Again = true }),
		"a withdrawal of nobody knows whom":     at(10*time.Minute, withdrawal(alice), func(_ *policy.Fact, r *policy.Run) { r.By = policy.Account{} }),
		"a withdrawal of another artifact": at(10*time.Minute, withdrawal(alice), func(f *policy.Fact, _ *policy.Run) {
			f.Statement.Subject[0].Digest = map[string]string{"sha256": hex}
		}),
	} {
		s := setting(t, second, append(yes(bob, carol), at(20*time.Minute, no(alice)), b)...)
		if f := wantDenied(t, s.judge(t)); f.Code != fault.ApprovalRejected {
			t.Errorf("%s: code = %s, want %s", name, f.Code, fault.ApprovalRejected)
		}
	}
	wantAllowed(t, setting(t, second, append(yes(bob, carol), at(20*time.Minute, no(alice)), at(10*time.Minute, withdrawal(alice)))...).judge(t))
	agent := setting(t, second+"agents: [\"code:alice-admin#11\"]\n", append(yes(bob, carol), at(20*time.Minute, no(alice)), at(10*time.Minute, withdrawal(account("11", "alice-admin"))))...)
	if f := wantDenied(t, agent.judge(t)); f.Code != fault.ApprovalRejected {
		t.Errorf("a withdrawal of an agent: code = %s, want %s", f.Code, fault.ApprovalRejected)
	}
}

// A withdrawal opens as a yes does, so it comes in a way that the group counts, or
// in that of the no.
func TestI14_a_no_is_not_ended_in_a_way_that_the_group_does_not_count(t *testing.T) {
	signed := replaced(t, second, "[signature, workflow, review]", "[signature, review]")
	at20 := at(20*time.Minute, no(dana))
	byRun := withdrawal(account("4", "dana")) // an account of dana's
	s := setting(t, signed, at20, at(10*time.Minute, byRun))
	if f := wantDenied(t, s.judge(t)); f.Code != fault.ApprovalRejected {
		t.Errorf("code = %s, want %s", f.Code, fault.ApprovalRejected)
	}
	s.policy = read(t, second)
	wantWaiting(t, s.judge(t))
	s = setting(t, signed, at(20*time.Minute, no(alice)), at(10*time.Minute, withdrawal(alice)))
	wantWaiting(t, s.judge(t))
}

func TestWithdrawal_takes_a_yes_back_and_a_later_yes_counts(t *testing.T) {
	s := setting(t, second, append(yes(bob), at(20*time.Minute, ballot{by: alice}))...)
	wantAllowed(t, s.judge(t))
	for name, b := range map[string]ballot{
		"later": at(10*time.Minute, withdrawal(alice)), "in the same second": at(20*time.Minute, withdrawal(alice)), "with an account of hers": at(10*time.Minute, withdrawal(account("11", "a"))),
		"that has expired": at(10*time.Minute, ballot{by: alice, say: func(a *statement.Approval) {
			a.Decision, a.ExpiresAt = statement.Withdraw, stamp(now.Add(-5*time.Minute))
		}}),
		"in a policy that was another": at(10*time.Minute, ballot{by: alice, say: func(a *statement.Approval) { a.Decision, a.Policy.SHA256 = statement.Withdraw, hex }}),
	} {
		with := s
		with.ballots = append(append([]ballot{}, s.ballots...), b)
		v := with.judge(t)
		if f := wantWaiting(t, v); f.Reason != "1 of 2 approvals of group release" {
			t.Errorf("%s: reason = %q, want that alice's yes is gone", name, f.Reason)
		}
		if p := told(t, v, "alice", "approve"); p.Counted || !strings.HasPrefix(p.Reason, "they took it back at ") {
			t.Errorf("%s: the yes is told as %+v, want that it was taken back", name, p)
		}
		with.ballots = append(with.ballots, at(5*time.Minute, ballot{by: alice}))
		wantAllowed(t, with.judge(t))
	}
	alone := setting(t, one(t), at(20*time.Minute, ballot{by: alice}), at(10*time.Minute, withdrawal(alice)))
	wantWaiting(t, alone.judge(t)) // as if alice had said nothing
	for name, b := range map[string]ballot{"bob's": at(10*time.Minute, withdrawal(mallory)), "before it": at(30*time.Minute, withdrawal(alice))} {
		with := s
		with.ballots = append(append([]ballot{}, s.ballots...), b)
		if v := with.judge(t); v.Outcome() != verdict.Allow {
			t.Errorf("%s: outcome = %v, want allow", name, v.Outcome())
		}
	}
}

func TestWithdrawal_that_takes_nothing_back_is_told_so(t *testing.T) {
	v := setting(t, second, append(yes(alice, bob), withdrawal(carol))...).judge(t)
	wantAllowed(t, v)
	if p := told(t, v, "carol", "withdraw"); p.Counted || !strings.Contains(p.Reason, "takes nothing back") {
		t.Errorf("person = %+v, want that it takes nothing back", p)
	}
	v = setting(t, second, append(yes(alice, bob), at(20*time.Minute, no(carol)), at(10*time.Minute, withdrawal(carol)))...).judge(t)
	if p := told(t, v, "carol", "withdraw"); !p.Counted {
		t.Errorf("person = %+v, want that it counts", p)
	}
}

// A no bars every release of the same bytes, until its own has expired.
func TestRejection_ends_with_its_release(t *testing.T) {
	long := func(a *statement.Approval) {
		a.Decision, a.ExpiresAt = statement.Reject, stamp(now.Add(1000*time.Hour))
	}
	s := setting(t, second, append(yes(alice, bob), ballot{by: carol, say: long})...)
	in := s.input(t)
	s.release = func(r *statement.Release) { r.Version = "v1.4.1" }
	next := s.input(t)
	// The votes for v1.4.1 beside the no to v1.4.0: the same bytes.
	in.Candidates[0].Facts = append(in.Candidates[0].Facts, next.Candidates[0].Facts...)
	in.Candidates[0].Facts = drop(in.Candidates[0].Facts, len(in.Candidates[0].Facts)-1)
	in.Runs = append(in.Runs, next.Runs...)
	if f := wantDenied(t, evaluate(in)); f.Code != fault.ApprovalRejected {
		t.Errorf("code = %s, want %s", f.Code, fault.ApprovalRejected)
	}
	// When v1.4.0 has expired, its no has ended, and v1.4.1 goes on.
	old := setting(t, second, ballot{by: carol, say: long})
	old.release = func(r *statement.Release) { r.ExpiresAt = stamp(now.Add(-time.Second)) }
	was := old.input(t)
	later := setting(t, second, yes(alice, bob)...)
	later.release = func(r *statement.Release) { r.Version = "v1.4.1" }
	in = later.input(t)
	in.Candidates[0].Facts = append(in.Candidates[0].Facts, was.Candidates[0].Facts[1:]...)
	in.Runs = append(in.Runs, policy.Run{URI: approving(100).Run + "0", Commit: commit, By: carol})
	last := &in.Candidates[0].Facts[len(in.Candidates[0].Facts)-1]
	last.Signer.Run = approving(100).Run + "0"
	v := evaluate(in)
	wantAllowed(t, v)
	if p := told(t, v, "carol", "reject"); p.Reason != "the release that it names has expired" {
		t.Errorf("person = %+v, want that the release has expired", p)
	}
	in.Candidates[0].Facts = drop(in.Candidates[0].Facts, len(in.Candidates[0].Facts)-2) // the release set is not here: it may go on
	if f := wantDenied(t, evaluate(in)); f.Code != fault.ApprovalRejected {
		t.Errorf("without its release: code = %s, want %s", f.Code, fault.ApprovalRejected)
	}
}

// drop is all without one.
func drop(all []policy.Fact, i int) []policy.Fact {
	return append(append([]policy.Fact{}, all[:i]...), all[i+1:]...)
}

func TestRejection_without_an_expiry_ends_after_the_bound_of_the_policy(t *testing.T) {
	text := replaced(t, second, "    approvals:\n", "    rejection-max-age: 2h\n    approvals:\n")
	for _, x := range []struct {
		text string
		age  time.Duration
		ends bool
	}{{text, 2 * time.Hour, false}, {text, 2*time.Hour + time.Second, true}, {second, 7 * 24 * time.Hour, false}, {second, 7*24*time.Hour + time.Second, true}} {
		click := review(carol)
		click.Decision, click.Comment, click.Time = statement.Reject, "no", now.Add(-x.age)
		s := page(t, x.text, click)
		s.reviews.Timed, s.ballots = true, yes(alice, bob)
		if x.ends {
			wantAllowed(t, s.judge(t))
		} else if f := wantDenied(t, s.judge(t)); f.Code != fault.ApprovalRejected {
			t.Errorf("after %v: code = %s, want %s", x.age, f.Code, fault.ApprovalRejected)
		}
		s.reviews.List[0].Time = time.Time{} // where there is no time, it ends with its run
		if f := wantDenied(t, s.judge(t)); f.Code != fault.ApprovalRejected || !strings.Contains(f.Hint, "ends with the run") {
			t.Errorf("without a time: finding = %s, hint %q, want %s", f.Code, f.Hint, fault.ApprovalRejected)
		}
	}
	// A signed no has an expiry of its own.
	s := setting(t, text, append(yes(alice, bob), at(3*time.Hour, no(carol)))...)
	if f := wantDenied(t, s.judge(t)); f.Code != fault.ApprovalRejected {
		t.Errorf("signed: code = %s, want %s", f.Code, fault.ApprovalRejected)
	}
}

// Where a platform does not say who started a run, it may be somebody who took
// their yes back, or who ended their no.
func TestI14_a_withdrawal_of_which_nobody_is_known_is_not_passed_over(t *testing.T) {
	silent := func(_ *policy.Fact, r *policy.Run) { r.Why, r.By = "503", policy.Account{} }
	s := setting(t, second, append(yes(alice, bob), at(10*time.Minute, withdrawal(bob), silent))...)
	if f := wantDenied(t, s.judge(t)); f.Code != fault.NotAvailable {
		t.Errorf("code = %s, want %s", f.Code, fault.NotAvailable)
	}
	s.ballots[2] = at(10*time.Minute, ballot{by: bob, say: func(a *statement.Approval) { a.Decision, a.Release.SHA256 = statement.Withdraw, hex }}, silent)
	wantAllowed(t, s.judge(t)) // nobody's yes is about that release
	s.ballots[2] = at(20*time.Minute, no(carol))
	s.ballots = append(s.ballots, at(10*time.Minute, withdrawal(carol), silent))
	if f := wantDenied(t, s.judge(t)); f.Code != fault.NotAvailable {
		t.Errorf("after a no: code = %s, want %s", f.Code, fault.NotAvailable)
	}
	s.ballots[3] = at(30*time.Minute, withdrawal(carol), silent)
	if f := wantDenied(t, s.judge(t)); f.Code != fault.ApprovalRejected {
		t.Errorf("before a no: code = %s, want %s", f.Code, fault.ApprovalRejected)
	}
}

func TestTakesBack_says_whether_there_is_anything(t *testing.T) {
	s := setting(t, second, at(20*time.Minute, no(alice)), at(10*time.Minute, withdrawal(bob)))
	in := s.input(t)
	_, _, d := s.set(t)
	for a, want := range map[policy.Account]bool{alice: true, account("11", "alice-admin"): true, bob: false, mallory: false, {}: false} {
		if got := policy.TakesBack(in, in.Candidates[0], a, d); got != want {
			t.Errorf("%v: takes back = %v, want %v", a, got, want)
		}
	}
	in.Environment = "staging"
	if policy.TakesBack(in, in.Candidates[0], alice, d) {
		t.Error("takes back in an environment that it was not about")
	}
}
