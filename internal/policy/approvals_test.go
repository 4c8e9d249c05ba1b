package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// one is the second policy, content with one approval.
func one(t testing.TB) string { return replaced(t, second, "count: 2", "count: 1") }

// reviewed is a second policy that the platform's page alone can meet.
func reviewed(t testing.TB) string {
	s := replaced(t, one(t), "    sources: [signature, workflow, review]", "    sources: [review]")
	return replaced(t, s, `, "email:dana@acme.example"]`+"\n    issuer: https://accounts.example", "]")
}

// page is a scene with what the platform's page holds, where it asks.
func page(t testing.TB, text string, all ...policy.Review) scene {
	s := setting(t, text)
	s.protection.Asked = true
	s.reviews = policy.Reviews{List: all, Asked: true, Run: "run 7"}
	_, _, d := s.set(t)
	for i, r := range all {
		s.reviews.List[i].Comment = strings.ReplaceAll(r.Comment, "DIGEST", d.String())
	}
	return s
}

// review is an honest review of the release.
func review(by policy.Account) policy.Review {
	return policy.Review{Account: by, Decision: statement.Approve, Environments: []statement.Place{{Name: "production", ID: "9001"}}, Comment: "go, DIGEST", Run: "run 7"}
}

func TestControl_enough_of_the_group_let_it_in_and_fewer_wait(t *testing.T) {
	for _, who := range [][]policy.Account{{alice, bob}, {bob, alice}, {alice, dana}, {carol, dana}, {alice, bob, carol, dana}} {
		wantAllowed(t, setting(t, second, yes(who...)...).judge(t))
	}
	for _, who := range [][]policy.Account{{}, {alice}, {carol}, {dana}} {
		f := wantWaiting(t, setting(t, second, yes(who...)...).judge(t))
		if f.Code != fault.ApprovalMissing || f.Reason != fmt.Sprintf("%d of 2 approvals of group release", len(who)) {
			t.Errorf("%v: finding = %s %q, want %s", who, f.Code, f.Reason, fault.ApprovalMissing)
		}
	}
}

func TestControl_reviews_of_the_platform_and_signatures_count_together(t *testing.T) {
	s := page(t, second, review(carol))
	wantWaiting(t, s.judge(t))
	s.ballots = yes(dana)
	wantAllowed(t, s.judge(t))
}

func TestWaiting_says_who_has_spoken_who_may_and_whose_word_it_is(t *testing.T) {
	s := setting(t, second, yes(alice)...)
	s.change.Makers = append(s.change.Makers, policy.Maker{Account: bob, Role: policy.Merger, Where: "request 12"})
	s.rosters[0].Accounts[0].Kind = policy.KindUnknown // a list of members may not say; whoever signs is looked at then
	s.rosters[0].Accounts = append(s.rosters[0].Accounts, policy.Account{Host: "https://code.example", ID: "12", Name: "bot", Kind: policy.Machine}, mallory)
	f := wantWaiting(t, s.judge(t))
	if got, want := strings.Join(f.Eligible, ", "), "dana@acme.example, carol"; got != want && got != "carol, dana@acme.example" {
		t.Errorf("eligible = %s, want %s", got, want)
	}
	if !strings.Contains(f.Hint, "carol or dana@acme.example") || !strings.Contains(f.Hint, "sallyport approve --release sha256:") {
		t.Errorf("hint = %q, want who is to run what", f.Hint)
	}
	if len(f.People) != 1 {
		t.Fatalf("people = %+v, want alice alone", f.People)
	}
	p := f.People[0]
	if !p.Counted || p.Name != "alice" || p.Identity != "https://code.example#1" || p.Comment != "ballot 0" || p.Time != "2026-11-22T11:30:00Z" ||
		p.Word != "the platform's, that alice started code.example/acme/app/runs/100/attempts/1" || !strings.HasPrefix(p.Statement, "sha256:") {
		t.Errorf("person = %+v, want alice with the platform's word", p)
	}
}

func TestF13_only_a_run_that_succeeded_makes_evidence(t *testing.T) {
	for state, want := range map[policy.RunState]string{
		policy.RunUnknown: "does not know how the run", policy.Failed: "did not succeed", -1: "did not succeed", 99: "did not succeed",
	} {
		s := setting(t, good)
		s.run = func(r *policy.Run) { r.State, r.Words = state, "run 7, attempt 1: completed, cancelled" }
		if f := wantDenied(t, s.judge(t)); f.Code != fault.BuildState || !strings.Contains(f.Reason, want) || f.Found != "run 7, attempt 1: completed, cancelled" {
			t.Errorf("state %d: finding = %s %q, found %q, want %s %q", state, f.Code, f.Reason, f.Found, fault.BuildState, want)
		}
	}
	going := setting(t, good)
	going.run = func(r *policy.Run) { r.State, r.Words = policy.Unfinished, "run 7, attempt 1: in progress" }
	v := going.judge(t)
	if bad := refusals(v); v.Outcome() != verdict.Wait || !v.Pending() || len(bad) != 1 || bad[0].Code != fault.BuildState || !strings.Contains(bad[0].Reason, "has not ended") {
		t.Errorf("a run that goes on: outcome = %v with %+v, want one to wait for", v.Outcome(), bad)
	}
	s := setting(t, good)
	s.run = func(r *policy.Run) { r.URI = strings.Replace(r.URI, "attempts/1", "attempts/2", 1) }
	if f := wantDenied(t, s.judge(t)); f.Code != fault.BuildState || !strings.Contains(f.Reason, "does not know how the run") {
		t.Errorf("another attempt: finding = %s %q, want %s", f.Code, f.Reason, fault.BuildState)
	}
	for state, begins := range map[policy.RunState]string{policy.Failed: "run it again until it succeeds", policy.Unfinished: "wait until it has ended"} {
		for jobs, ends := range map[string]string{"max-age: 7d": ", or name under jobs which jobs have to succeed", "jobs: [build]": "name jobs under that one too"} {
			s := setting(t, replaced(t, good, "provenance: {max-age: 7d}", "provenance: {"+jobs+"}"))
			s.run = func(r *policy.Run) { r.State = state }
			if bad := refusals(s.judge(t)); len(bad) != 1 || !strings.HasPrefix(bad[0].Hint, begins) || !strings.HasSuffix(bad[0].Hint, ends) {
				t.Errorf("state %d, %s: findings = %+v, want a hint that begins with %q and ends with %q", state, jobs, bad, begins, ends)
			}
		}
	}
	wantAllowed(t, setting(t, good).judge(t))
}

func TestF13_a_run_is_of_the_commit_that_its_certificate_says(t *testing.T) {
	for _, c := range []string{other, "", commit[:12], strings.ToUpper(commit)} {
		s := setting(t, good)
		s.run = func(r *policy.Run) { r.Commit = c }
		if f := wantDenied(t, s.judge(t)); f.Code != fault.Source {
			t.Errorf("%q: code = %s, want %s", c, f.Code, fault.Source)
		}
	}
}

func TestG08_rules_that_can_be_passed_by_deny(t *testing.T) {
	accepted := replaced(t, second, "    approvals:\n", "    admin-bypass: accepted\n    approvals:\n")
	for b, want := range map[policy.Bypass]string{
		policy.BypassUnknown: "does not say whether administrators may", policy.BypassOn: "administrators may pass the rules", -1: "does not say", 99: "does not say",
	} {
		s := setting(t, second, yes(alice, bob)...)
		s.protection.Bypass = b
		if f := wantDenied(t, s.judge(t)); f.Code != fault.Bypass || !strings.Contains(f.Reason, want) || want[0] == 'a' && !strings.HasPrefix(f.Reason, want) {
			t.Errorf("bypass %d: finding = %s %q, want %s %q", b, f.Code, f.Reason, fault.Bypass, want)
		}
		s.policy = read(t, accepted)
		wantAllowed(t, s.judge(t))
	}
}

func TestG08_a_run_that_nobody_let_in_denies(t *testing.T) {
	elsewhere, anew, rejected, pending := review(alice), review(alice), review(mallory), review(alice)
	elsewhere.Environments = []statement.Place{{Name: "staging", ID: "9000"}}
	anew.Environments[0].ID = "9002"
	rejected.Decision, pending.Decision = statement.Reject, "pending"
	for name, list := range map[string][]policy.Review{"nobody": nil, "for staging": {elsewhere}, "for an older environment": {anew}, "a stranger's no": {rejected}, "pending": {pending}} {
		s := page(t, second, list...)
		s.reviews.Entered, s.ballots = true, yes(alice, bob)
		if f := wantDenied(t, s.judge(t)); f.Code != fault.Bypass || !strings.Contains(f.Reason, "no approval counts there") {
			t.Errorf("%s: finding = %s %q, want %s", name, f.Code, f.Reason, fault.Bypass)
		}
		s.reviews.Entered = false
		wantAllowed(t, s.judge(t))
	}
	s := page(t, second, review(sam))
	s.reviews.Entered, s.ballots = true, yes(alice, bob)
	wantAllowed(t, s.judge(t))
}

func TestG12_a_wait_timer_approves_nothing(t *testing.T) {
	s := page(t, reviewed(t))
	s.protection.Rules, s.protection.Asked, s.reviews.Asked = []string{"a wait of 5 minutes"}, false, false
	v := s.judge(t)
	if f := wantDenied(t, v); f.Code != fault.ApprovalMissing || v.Pending() {
		t.Errorf("finding = %s, pending %v, want %s for good", f.Code, v.Pending(), fault.ApprovalMissing)
	}
	s.protection.Asked = true
	wantWaiting(t, s.judge(t))
	wantAllowed(t, page(t, reviewed(t), review(alice)).judge(t))
}

func TestH03_a_job_that_somebody_clicks_approves_nothing(t *testing.T) {
	s := page(t, reviewed(t))
	s.protection.Asked, s.reviews.Asked, s.reviews.Entered = false, false, true // the job has run, and the pipeline is green
	if f := wantDenied(t, s.judge(t)); f.Code != fault.ApprovalMissing || f.Pending {
		t.Errorf("finding = %s, pending %v, want %s for good", f.Code, f.Pending, fault.ApprovalMissing)
	}
	s = page(t, reviewed(t), review(alice))
	s.reviews.Entered = true
	wantAllowed(t, s.judge(t))
}

func TestG14_a_commit_that_is_on_no_protected_branch_denies(t *testing.T) {
	s := setting(t, second, yes(alice, bob)...)
	s.change.Reachable = false
	if f := wantDenied(t, s.judge(t)); f.Code != fault.Source || !strings.Contains(f.Reason, `is not on branch "main" now`) {
		t.Errorf("finding = %s %q, want %s", f.Code, f.Reason, fault.Source)
	}
	for _, c := range []func(*policy.Change){
		func(c *policy.Change) { c.Head = other }, func(c *policy.Change) { c.Head = commit[:12] }, func(c *policy.Change) { c.Repository = "https://code.example/fork/app" },
	} {
		s := setting(t, second, yes(alice, bob)...)
		c(&s.change)
		if f := wantDenied(t, s.judge(t)); f.Code != fault.Duties {
			t.Errorf("a change of another commit: code = %s, want %s", f.Code, fault.Duties)
		}
	}
}

func TestG14_one_reason_for_one_commit_with_several_pieces_of_evidence(t *testing.T) {
	s := setting(t, second, yes(alice, bob)...)
	again := built(t)
	again.Time = now.Add(-50 * time.Minute)
	s.facts = append(s.facts, hashed(again))
	wantAllowed(t, s.judge(t))
	s.change.Reachable = false
	wantDenied(t, s.judge(t))
}

func TestI01_a_change_that_nobody_made_was_not_seen(t *testing.T) {
	s := setting(t, second, yes(alice, bob)...)
	wantAllowed(t, s.judge(t))
	s.change.Makers = nil
	if f := wantDenied(t, s.judge(t)); f.Code != fault.Duties || f.Found == "" || f.Wanted == "" || f.Hint == "" {
		t.Errorf("finding = %+v, want %s with what was found, wanted and to do", f, fault.Duties)
	}
	s.change.Makers = []policy.Maker{{Account: account("91", "tom"), Role: policy.Trigger, Where: "run 7, attempt 1"}}
	wantAllowed(t, s.judge(t))
}

func TestG16_only_what_comes_after_what_is_deployed_may_enter(t *testing.T) {
	for o, want := range map[policy.Order]verdict.Outcome{
		policy.OrderUnknown: verdict.Deny, policy.First: verdict.Allow, policy.Same: verdict.Allow, policy.Newer: verdict.Allow,
		policy.Older: verdict.Deny, policy.Diverged: verdict.Deny, policy.Overtaken: verdict.Wait, -1: verdict.Deny, 99: verdict.Deny,
	} {
		s := setting(t, second, yes(alice, bob)...)
		s.change.Order = o
		v := s.judge(t)
		if v.Outcome() != want {
			t.Errorf("order %d: outcome = %v, want %v", o, v.Outcome(), want)
		}
		if want == verdict.Allow {
			continue
		}
		if v.Pending() != (want == verdict.Wait) {
			t.Errorf("order %d: pending = %v, want it where something is on its way", o, v.Pending())
		}
		if f := refusals(v)[0]; f.Code != fault.Rollback || f.Found != "deployment 8" || f.Hint == "" {
			t.Errorf("order %d: finding = %+v, want %s with the deployment", o, f, fault.Rollback)
		}
	}
}

func TestH08_an_administrator_is_nobody_and_who_started_it_may_not(t *testing.T) {
	root, tom := account("500", "root"), account("91", "tom")
	f := wantRefused(t, page(t, reviewed(t), review(root)).judge(t), "E_SOD")
	if !strings.Contains(f.Reason, "root does not count: is not in group release") {
		t.Errorf("reason = %q, want that root is no member", f.Reason)
	}
	s := page(t, reviewed(t), review(tom))
	s.protection.Self = true
	s.rosters[0].Accounts = append(s.rosters[0].Accounts, tom)
	s.policy.People = append(s.policy.People, policy.Person{Name: "tom", Accounts: []policy.Account{tom}})
	if f := wantRefused(t, s.judge(t), "E_SOD"); !strings.Contains(f.Reason, "started run 7, attempt 1, which is part of this release") {
		t.Errorf("reason = %q, want the run", f.Reason)
	}
	wantAllowed(t, page(t, reviewed(t), review(alice)).judge(t))
}

func TestH09_a_person_counts_once_in_all_groups_together(t *testing.T) {
	both := replaced(t, one(t), "- {group: release, count: 1}", "- {group: release}\n      - {group: security}")
	f := wantRefused(t, setting(t, both, yes(alice)...).judge(t), "E_SOD")
	if f.Requirement != "approvals security" || !strings.Contains(f.Reason, "counts for group release already") {
		t.Errorf("finding = %s %q, want that alice is used up", f.Requirement, f.Reason)
	}
	as := review(alice)
	as.As = "security"
	wantRefused(t, page(t, both, review(alice), as).judge(t), "E_SOD")
	wantAllowed(t, setting(t, both, yes(alice, sam)...).judge(t))
	wantAllowed(t, setting(t, both, yes(alice, bob)...).judge(t)) // alice makes room in release
}

func TestH09_two_accounts_of_one_person_count_once(t *testing.T) {
	text := replaced(t, second, `"code:bob#2", "code:acme`, `"code:bob#2", "code:alice-admin#11", "code:acme`)
	f := wantWaiting(t, setting(t, text, yes(alice, account("11", "alice-admin"), alice)...).judge(t))
	counted := 0
	for _, p := range f.People {
		if p.Counted {
			counted++
		} else if p.Code != fault.Duties || p.Reason != "has decided before, and a person counts once" {
			t.Errorf("person = %+v, want that she has decided", p)
		}
	}
	if counted != 1 || len(f.People) != 3 {
		t.Errorf("%d of %d count, want one of three", counted, len(f.People))
	}
	wantAllowed(t, setting(t, text, yes(alice, bob)...).judge(t))
}

func TestRejection_of_a_member_wins(t *testing.T) {
	stale := func(a *statement.Approval) {
		a.Decision, a.Policy.SHA256, a.Release.SHA256, a.Evidence = statement.Reject, hex, hex, nil
	}
	old := func(f *policy.Fact, _ *policy.Run) { f.Time = now.Add(-100 * time.Hour) }
	for name, b := range map[string]ballot{
		"a no": no(carol), "for another release, under another policy": {by: carol, say: stale}, "older than an approval may be": {by: carol, say: no(carol).say, sign: old},
		"with an address": no(dana), "of who has said yes before": no(alice),
	} {
		s := setting(t, second, append(yes(alice, bob), b)...)
		v := s.judge(t)
		if f := wantDenied(t, v); f.Code != fault.ApprovalRejected || v.Pending() || f.Hint == "" {
			t.Errorf("%s: finding = %s, pending %v, want %s for good", name, f.Code, v.Pending(), fault.ApprovalRejected)
		}
	}
	maker := setting(t, second, append(yes(alice, bob), no(carol))...)
	maker.change.Makers = []policy.Maker{{Account: carol, Role: policy.Author, Where: "commit 1"}}
	if f := wantDenied(t, maker.judge(t)); f.Code != fault.ApprovalRejected {
		t.Errorf("of a maker: code = %s, want %s", f.Code, fault.ApprovalRejected)
	}
	click := review(bob)
	click.Decision, click.Comment = statement.Reject, "no"
	s := page(t, second, click)
	s.ballots = yes(alice, carol)
	if f := wantDenied(t, s.judge(t)); f.Code != fault.ApprovalRejected || f.Found != "no" {
		t.Errorf("on the page: finding = %s %q, want %s", f.Code, f.Found, fault.ApprovalRejected)
	}
}

func TestRejection_needs_no_name_in_people_and_no_source(t *testing.T) {
	text := replaced(t, second, `  carol: ["code:carol#3", "email:carol@acme.example"]`+"\n", "")
	text = replaced(t, text, "[signature, workflow, review]", "[signature, review]")
	s := setting(t, text, append(yes(dana), no(carol))...)
	if f := wantDenied(t, s.judge(t)); f.Code != fault.ApprovalRejected {
		t.Errorf("code = %s, want %s", f.Code, fault.ApprovalRejected)
	}
}

func TestRejection_of_anybody_else_or_about_anything_else_changes_nothing(t *testing.T) {
	spoiled := func(say func(*statement.Approval)) ballot {
		return ballot{by: carol, say: func(a *statement.Approval) { a.Decision = statement.Reject; say(a) }}
	}
	machine := carol
	machine.Kind = policy.Machine
	for name, b := range map[string]ballot{
		"a stranger": no(mallory), "a member of a group that is not asked": no(sam), "a machine": no(machine),
		"expired":      spoiled(func(a *statement.Approval) { a.ExpiresAt = stamp(now.Add(-time.Second)) }),
		"staging":      spoiled(func(a *statement.Approval) { a.Environments[0].Name = "staging" }),
		"anew":         spoiled(func(a *statement.Approval) { a.Environments[0].ID = "9000" }),
		"a fork":       spoiled(func(a *statement.Approval) { a.Repository.ID = "666" }),
		"another root": {by: carol, say: no(carol).say, sign: func(f *policy.Fact, _ *policy.Run) { f.Trust = "annex" }},
		"another file": {by: carol, say: no(carol).say, sign: func(f *policy.Fact, _ *policy.Run) { f.Statement.Subject[0].Digest = map[string]string{"sha256": hex} }},
		"run again":    {by: carol, say: no(carol).say, sign: func(_ *policy.Fact, r *policy.Run) { r.Again = true }},
	} {
		if v := setting(t, second, append(yes(alice, bob), b)...).judge(t); v.Outcome() != verdict.Allow {
			t.Errorf("%s: outcome = %v for %+v, want allow", name, v.Outcome(), refusals(v))
		}
	}
	click := review(carol)
	click.Decision, click.Environments = statement.Reject, []statement.Place{{Name: "staging", ID: "9000"}}
	s := page(t, second, click)
	s.ballots = yes(alice, bob)
	wantAllowed(t, s.judge(t))
}

func TestVeto_asks_for_no_yes_and_hears_a_no(t *testing.T) {
	text := replaced(t, second, "count: 2}", "count: 2}\n      - {group: security, veto: true}")
	wantAllowed(t, setting(t, text, yes(alice, bob)...).judge(t))
	wantWaiting(t, setting(t, text, yes(alice, sam)...).judge(t))
	if f := wantDenied(t, setting(t, text, append(yes(alice, bob), no(sam))...).judge(t)); f.Code != fault.ApprovalRejected || f.Requirement != "approvals security" {
		t.Errorf("finding = %s of %s, want %s of the group with the veto", f.Code, f.Requirement, fault.ApprovalRejected)
	}
}

func TestReview_is_tied_to_a_release_by_the_digest_in_its_comment(t *testing.T) {
	for _, c := range []string{"", "go", "sha256:" + hex, "go, SHA256:" + hex} {
		r := review(alice)
		r.Comment = c
		wantRefused(t, page(t, reviewed(t), r).judge(t), "E_APPROVAL_STALE")
	}
	wantAllowed(t, page(t, reviewed(t), review(alice)).judge(t))
}

func TestReview_is_tied_to_the_newest_release_before_it_where_it_has_a_time(t *testing.T) {
	timed := func(at time.Duration, comment string) scene {
		r := review(alice)
		r.Time, r.Comment = now.Add(-at), comment
		s := page(t, reviewed(t), r)
		s.reviews.Timed = true
		return s
	}
	wantAllowed(t, timed(time.Hour, "go").judge(t)) // in the second of the set
	wantAllowed(t, timed(time.Minute, "").judge(t))
	wantRefused(t, timed(time.Hour+time.Second, "go").judge(t), "E_APPROVAL_STALE")
	wantRefused(t, timed(time.Minute, "not this one but sha256:"+hex).judge(t), "E_APPROVAL_STALE")
	timeless := timed(time.Minute, "go")
	timeless.reviews.List[0].Time = time.Time{}
	wantRefused(t, timeless.judge(t), "E_APPROVAL_STALE")
	untimed := timed(time.Minute, "go")
	untimed.reviews.Timed = false
	wantRefused(t, untimed.judge(t), "E_APPROVAL_STALE")
}

func TestReview_counts_for_the_set_that_was_there_and_not_for_a_later_one(t *testing.T) {
	r := review(alice)
	r.Time, r.Comment = now.Add(-45*time.Minute), ""
	s := page(t, reviewed(t), r)
	s.reviews.Timed = true
	later := s
	later.release = func(x *statement.Release) { x.Version = "v1.4.1" }
	later.sealed = func(f *policy.Fact) { f.Time = now.Add(-40 * time.Minute) }
	f, _, _ := later.set(t)
	in := s.input(t)
	in.Candidates[0].Facts = append(in.Candidates[0].Facts, f)
	wantAllowed(t, evaluate(in))
	s.sealed = func(f *policy.Fact) { f.Time = now.Add(-time.Hour); f.Signer.RepositoryID = "666" }
	in = s.input(t)
	in.Candidates[0].Facts = append(in.Candidates[0].Facts, f)
	wantRefused(t, evaluate(in), "E_APPROVAL_STALE")
}

func TestProtection_by_approvals_needs_approvals(t *testing.T) {
	text := replaced(t, second, "    approvals:\n", "    protection: approvals\n    approvals:\n")
	s := setting(t, text, yes(alice, bob)...)
	s.protection = policy.Protection{State: policy.Missing, Variables: guarded.Variables}
	wantAllowed(t, s.judge(t))
	s.protection.State = policy.Unprotected
	wantAllowed(t, s.judge(t))
	s.ballots = yes(alice)
	wantWaiting(t, s.judge(t))
	s.ballots, s.policy = yes(alice, bob), read(t, second)
	if f := wantDenied(t, s.judge(t)); f.Code != fault.EnvUnprotected {
		t.Errorf("code = %s, want %s", f.Code, fault.EnvUnprotected)
	}
	s.policy = read(t, text)
	s.policy.Environments[0].Approvals = nil // no policy file can say so
	if f := wantDenied(t, s.judge(t)); f.Code != fault.EnvUnprotected {
		t.Errorf("without approvals: code = %s, want %s", f.Code, fault.EnvUnprotected)
	}
}
