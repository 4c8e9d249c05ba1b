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

// emergency is the second policy with emergency approvals.
func emergency(t testing.TB) string {
	return replaced(t, second, "count: 2}\n", "count: 2}\n    break-glass: {group: release, max-age: 30m}\n")
}

// urgent are emergency approvals, ten minutes old.
func urgent(all ...policy.Account) []ballot {
	out := yes(all...)
	for i := range out {
		out[i].say = func(a *statement.Approval) { a.BreakGlass, a.Reason = true, "the shop is down" }
		out[i].sign = func(f *policy.Fact, _ *policy.Run) { f.Time = now.Add(-10 * time.Minute) }
	}
	return out
}

// theirs is a scene whose change alice and bob made.
func theirs(t testing.TB, ballots ...ballot) scene {
	s := setting(t, emergency(t), ballots...)
	s.change.Makers = []policy.Maker{{Account: alice, Role: policy.Author, Where: "commit 1"}, {Account: bob, Role: policy.Merger, Where: "request 12"}}
	return s
}

func TestControl_two_people_approve_in_an_emergency_and_everybody_sees_it(t *testing.T) {
	for _, who := range [][]policy.Account{{alice, carol}, {carol, dana}, {alice, bob, dana}} {
		v := theirs(t, urgent(who...)...).judge(t)
		wantAllowed(t, v)
		all := v.Judgements[0].Findings
		f := all[len(all)-1]
		if f.Code != fault.Bypass || f.Requirement != "break-glass" || !strings.Contains(f.Reason, "the shop is down") || len(f.People) != len(who) {
			t.Errorf("finding = %+v, want %s with everybody and a reason", f, fault.Bypass)
		}
		for _, p := range f.People {
			if !p.Counted {
				t.Errorf("person = %+v, want that it counts", p)
			}
		}
	}
}

func TestI12_an_emergency_takes_two_people_and_a_reason(t *testing.T) {
	with := func(b []ballot, say func(*statement.Approval), sign func(*policy.Fact)) []ballot {
		first := b[0]
		b[0].say = func(a *statement.Approval) { first.say(a); say(a) }
		b[0].sign = func(f *policy.Fact, r *policy.Run) { first.sign(f, r); sign(f) }
		return b
	}
	nothing, kept := func(*statement.Approval) {}, func(*policy.Fact) {}
	for name, b := range map[string][]ballot{
		"one person":             urgent(carol),
		"one person twice":       urgent(carol, carol),
		"two makers":             urgent(alice, bob),
		"two accounts of one":    urgent(carol, mailbox("carol@acme.example")),
		"a stranger":             urgent(carol, mallory),
		"no reason":              with(urgent(carol, dana), func(a *statement.Approval) { a.Reason = " \t" }, kept),
		"another environment":    with(urgent(carol, dana), func(a *statement.Approval) { a.Environments[0].Name = "staging" }, kept),
		"another policy":         with(urgent(carol, dana), func(a *statement.Approval) { a.Policy.SHA256 = hex }, kept),
		"evidence not seen":      with(urgent(carol, dana), func(a *statement.Approval) { a.Evidence = nil }, kept),
		"a release of yesterday": with(urgent(carol, dana), func(a *statement.Approval) { a.Release.SHA256 = hex }, kept),
		"expired":                with(urgent(carol, dana), func(a *statement.Approval) { a.ExpiresAt = stamp(now.Add(-time.Second)) }, kept),
		"older than its own age": with(urgent(carol, dana), nothing, func(f *policy.Fact) { f.Time = now.Add(-30*time.Minute - time.Second) }),
		"another root":           with(urgent(carol, dana), nothing, func(f *policy.Fact) { f.Trust = "annex" }),
		"a usual approval":       append(urgent(carol), yes(dana)...),
	} {
		v := theirs(t, b...).judge(t)
		if v.Outcome() != verdict.Deny || !v.Pending() {
			t.Errorf("%s: outcome = %v, pending %v, want deny that people can change", name, v.Outcome(), v.Pending())
		}
		if bad := refusals(v); len(bad) == 0 || bad[len(bad)-1].Code != fault.Bypass {
			t.Errorf("%s: findings = %+v, want the last with %s", name, bad, fault.Bypass)
		}
	}
	wantAllowed(t, theirs(t, with(urgent(carol, dana), nothing, func(f *policy.Fact) { f.Time = now.Add(-30 * time.Minute) })...).judge(t))
}

func TestI12_nothing_but_approvals_is_skipped(t *testing.T) {
	for name, spoil := range map[string]func(*scene){
		"no evidence":              func(s *scene) { s.facts = nil },
		"evidence of a stranger":   func(s *scene) { s.facts[0].Signer.RepositoryID = "666" },
		"a run that failed":        func(s *scene) { s.run = func(r *policy.Run) { r.State = policy.Failed } },
		"older than what is there": func(s *scene) { s.change.Order = policy.Older },
		"on no branch":             func(s *scene) { s.change.Reachable = false },
		"not protected":            func(s *scene) { s.protection.State = policy.Unprotected },
		"protection passed by":     func(s *scene) { s.protection.Bypass = policy.BypassOn },
		"a no":                     func(s *scene) { s.ballots = append(s.ballots, no(bob)) },
		"not in the policy":        func(s *scene) { s.policy = read(t, second) },
	} {
		s := theirs(t, urgent(carol, dana)...)
		wantAllowed(t, s.judge(t))
		spoil(&s)
		if got := s.judge(t).Outcome(); got == verdict.Allow {
			t.Errorf("%s: outcome = %v, want that it stays out", name, got)
		}
	}
}

func TestI12_somebody_unknown_could_be_one_of_the_two(t *testing.T) {
	s := theirs(t, urgent(alice, carol)...)
	wantAllowed(t, s.judge(t))
	s.change.Makers = append(s.change.Makers, policy.Maker{Role: policy.Pusher, Where: "commit 1"})
	if got := s.judge(t).Outcome(); got != verdict.Deny {
		t.Errorf("outcome = %v, want deny: carol may have pushed it", got)
	}
	s.ballots = urgent(alice, carol, carol)
	if got := s.judge(t).Outcome(); got != verdict.Deny {
		t.Errorf("outcome = %v, want deny: carol is one, however often carol says so", got)
	}
	s.ballots = urgent(carol, dana)
	wantAllowed(t, s.judge(t))
}

func TestI12_one_person_is_never_enough_whatever_a_policy_says(t *testing.T) {
	s := theirs(t, urgent(carol)...)
	s.policy.Environments[0].Emergency.Count = 0 // no policy file can say so
	if got := s.judge(t).Outcome(); got != verdict.Deny {
		t.Errorf("outcome = %v, want deny", got)
	}
}

func TestControl_an_emergency_approval_is_not_needed_where_the_rules_are_met(t *testing.T) {
	s := setting(t, emergency(t), append(yes(alice, bob), urgent(mallory)...)...)
	v := s.judge(t)
	wantAllowed(t, v)
	for _, f := range v.Judgements[0].Findings {
		if f.Code == fault.Bypass {
			t.Errorf("finding = %+v, want none about an emergency", f)
		}
	}
	s = setting(t, emergency(t), append(yes(alice), urgent(bob)...)...)
	if f := refusals(s.judge(t)); len(f) != 2 || f[0].Reason != "1 of 2 approvals of group release" {
		t.Errorf("findings = %+v, want that an emergency approval is no usual one", f)
	}
}
