package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// made is a scene where somebody who has approved took part in the change too.
func made(t testing.TB, text string, m policy.Maker, ballots ...ballot) scene {
	s := setting(t, text, ballots...)
	s.change.Makers = append(s.change.Makers, m)
	return s
}

// did is what a denial says that somebody did.
var did = map[policy.Role]string{
	policy.Author: "wrote", policy.Committer: "committed", policy.CoAuthor: "co-wrote", policy.Requester: "proposed",
	policy.Pusher: "pushed", policy.Merger: "merged", policy.Trigger: "started",
}

func TestI01_no_one_approves_what_they_had_a_part_in(t *testing.T) {
	for _, role := range policy.Roles {
		for name, m := range map[string]policy.Maker{
			"the same account": {Account: alice}, "a renamed account": {Account: account("1", "alice-of-old")}, "another account of hers": {Account: account("11", "alice-admin")},
			"her address": {Email: "alice@acme.example"}, "her address in capitals": {Email: "ALICE@ACME.EXAMPLE"}, "another's account and her address": {Account: bob, Email: "alice@acme.example"},
		} {
			m.Role, m.Where = role, "commit 4f2a91c"
			f := wantRefused(t, made(t, one(t), m, yes(alice)...).judge(t), "E_SOD")
			if want := "the approval of alice does not count: " + did[role] + " commit 4f2a91c, which is part of this release"; f.Reason != want {
				t.Errorf("%s, %s: reason = %q, want %q", role, name, f.Reason, want)
			}
			wantWaiting(t, made(t, second, m, yes(alice, dana)...).judge(t))
			wantAllowed(t, made(t, second, m, yes(alice, carol, dana)...).judge(t))
		}
	}
	wantAllowed(t, setting(t, one(t), yes(alice)...).judge(t))
}

func TestI01_who_signs_with_an_address_made_what_their_accounts_made(t *testing.T) {
	for _, m := range []policy.Maker{{Account: account("4", "dana")}, {Email: "dana@acme.example"}, {Account: bob, Email: "Dana@acme.example"}} {
		m.Role, m.Where = policy.Merger, "request 12"
		wantRefused(t, made(t, one(t), m, yes(dana)...).judge(t), "E_SOD")
	}
	wantAllowed(t, made(t, one(t), policy.Maker{Account: account("4444", "dana"), Role: policy.Merger}, yes(dana)...).judge(t))
}

// Whether a merge was made by hand is asked where somebody who only merged may approve.
func TestI01_a_platform_is_asked_about_mergers_where_they_may_approve(t *testing.T) {
	for excludes, want := range map[string]bool{"": false, "\n    excludes: [merger]": false, "\n    excludes: [author, pusher]": true} {
		text := replaced(t, one(t), "    issuer: https://accounts.example", "    issuer: https://accounts.example"+excludes)
		q, err := policy.Ask(setting(t, text).input(t))
		if err != nil || len(q.Changes()) != 1 {
			t.Fatalf("%d questions about a change, %v", len(q.Changes()), err)
		}
		if got := q.Changes()[0].Mergers; got != want {
			t.Errorf("%q: asked %v, want %v", excludes, got, want)
		}
	}
}

func TestI01_only_the_roles_that_a_group_names_exclude(t *testing.T) {
	text := replaced(t, one(t), "    issuer: https://accounts.example", "    issuer: https://accounts.example\n    excludes: [author, merger]")
	for _, role := range policy.Roles {
		v := made(t, text, policy.Maker{Account: alice, Role: role, Where: "commit 4f2a91c"}, yes(alice)...).judge(t)
		if role == policy.Author || role == policy.Merger {
			wantRefused(t, v, "E_SOD")
		} else {
			wantAllowed(t, v)
		}
	}
}

func TestI03_a_maker_that_nobody_can_name_costs_one_more_approval(t *testing.T) {
	for name, mail := range map[string]string{
		"no address": "", "an address of nobody": "old@acme.example", "two addresses in one line": "alice@acme.example, bob@acme.example", "noreply of another host": "1+alice@noreply.evil.example",
		"an address that only looks the same": "аlice@acme.example", "a name": "alice",
	} {
		m := policy.Maker{Email: mail, Role: policy.Author, Where: "commit 4f2a91c"}
		f := wantWaiting(t, made(t, second, m, yes(alice, bob)...).judge(t))
		if f.Reason != "2 of 3 approvals of group release" || !strings.Contains(f.Found, "wrote commit 4f2a91c and has no account that is known") || !strings.Contains(f.Wanted, "one more for each maker") {
			t.Errorf("%s: finding = %q, found %q, wanted %q, want 2 of 3 and why", name, f.Reason, f.Found, f.Wanted)
		}
		wantAllowed(t, made(t, second, m, yes(alice, bob, carol)...).judge(t))
	}
}

func TestI03_unknown_makers_are_counted_each_once(t *testing.T) {
	text := replaced(t, second, "    issuer: https://accounts.example", "    issuer: https://accounts.example\n    excludes: [author, committer, pusher]")
	for name, x := range map[string]struct {
		makers []policy.Maker
		more   int
	}{
		"author and committer of one address":   {[]policy.Maker{{Email: "x@y.example", Role: policy.Author}, {Email: "X@y.example", Role: policy.Committer}}, 1},
		"two addresses":                         {[]policy.Maker{{Email: "x@y.example", Role: policy.Author}, {Email: "z@y.example", Role: policy.Author}}, 2},
		"author and pusher without an address":  {[]policy.Maker{{Role: policy.Author, Where: "commit 1"}, {Role: policy.Pusher, Where: "commit 1"}}, 2},
		"two commits without an address":        {[]policy.Maker{{Role: policy.Pusher, Where: "commit 1"}, {Role: policy.Pusher, Where: "commit 2"}}, 2},
		"a role that this group does not mind":  {[]policy.Maker{{Email: "x@y.example", Role: policy.Merger}}, 0},
		"an address of somebody with a name":    {[]policy.Maker{{Email: "SAM@acme.example", Role: policy.Author}}, 0},
		"an account that nobody else is":        {[]policy.Maker{{Account: mallory, Email: "x@y.example", Role: policy.Author}}, 0},
		"a second address of the same, unknown": {[]policy.Maker{{Email: "x@y.example", Role: policy.Author}, {Email: "x@y.example", Role: policy.Author, Where: "commit 2"}}, 1},
	} {
		s := setting(t, replaced(t, text, `sam: ["code:sam#7"]`, `sam: ["code:sam#7", "email:sam@acme.example"]`), yes(alice, bob, carol, dana)[:2+x.more]...)
		s.change.Makers = x.makers
		if v := s.judge(t); v.Outcome() != verdict.Allow {
			t.Errorf("%s: outcome = %v for %+v with %d approvals, want allow", name, v.Outcome(), refusals(v), 2+x.more)
		}
		s.ballots = s.ballots[1:]
		wantWaiting(t, s.judge(t))
	}
}

func TestI04_an_account_that_people_does_not_know_counts_for_nobody(t *testing.T) {
	text := replaced(t, one(t), `  carol: ["code:carol#3", "email:carol@acme.example"]`+"\n", "")
	f := wantRefused(t, setting(t, text, yes(carol)...).judge(t), "E_SOD")
	if !strings.Contains(f.Reason, "is not listed under people") {
		t.Errorf("reason = %q, want that she has no name", f.Reason)
	}
	wantAllowed(t, setting(t, one(t), yes(carol)...).judge(t))
}

func TestI04_the_second_account_of_a_maker_approves_nothing(t *testing.T) {
	text := replaced(t, one(t), `"code:bob#2", "code:acme`, `"code:bob#2", "code:alice-admin#11", "code:acme`)
	for _, by := range []policy.Account{alice, account("11", "alice-admin")} {
		m := policy.Maker{Account: account("11", "ci-of-alice"), Role: policy.Trigger, Where: "run 7, attempt 1"}
		wantRefused(t, made(t, text, m, yes(by)...).judge(t), "E_SOD")
		wantAllowed(t, setting(t, text, yes(by)...).judge(t))
	}
}

func TestI05_only_people_count(t *testing.T) {
	for kind, want := range map[policy.Kind]string{
		policy.KindUnknown: "an account of unknown kind", policy.Machine: "a bot, an app or a service account", policy.Gone: "blocked or gone",
		policy.Unseen: "does not say whether it is a person's", -1: "unknown", 99: "gone",
	} {
		bot := alice
		bot.Kind = kind
		f := wantRefused(t, setting(t, one(t), yes(bot)...).judge(t), "E_SOD")
		if !strings.Contains(f.Reason, want) {
			t.Errorf("kind %d: reason = %q, want %q", kind, f.Reason, want)
		}
		r := review(bot)
		wantRefused(t, page(t, reviewed(t), r).judge(t), "E_SOD")
	}
	agent := one(t) + "agents: [\"code:alice#1\"]\n"
	wantRefused(t, setting(t, agent, yes(alice)...).judge(t), "E_SOD")
	wantAllowed(t, setting(t, agent, yes(bob)...).judge(t))
	wantAllowed(t, setting(t, one(t), yes(alice)...).judge(t))
}

func TestI05_whoever_did_not_start_the_run_himself_signs_nothing(t *testing.T) {
	for name, sign := range map[string]func(*policy.Fact, *policy.Run){
		"nobody is known to have started it": func(_ *policy.Fact, r *policy.Run) { r.By = policy.Account{} },
		"a run that nobody knows":            func(_ *policy.Fact, r *policy.Run) { r.URI += "0" },
		"started again by somebody":          func(_ *policy.Fact, r *policy.Run) { r.Again = true },
		"of another commit":                  func(_ *policy.Fact, r *policy.Run) { r.Commit = other },
		"started by a push":                  func(f *policy.Fact, _ *policy.Run) { f.Signer.Event = "push" },
		"on another branch":                  func(f *policy.Fact, _ *policy.Run) { reref(&f.Signer, "refs/heads/x") },
		"in another workflow":                func(f *policy.Fact, _ *policy.Run) { f.Signer = signer() },
		"in a fork":                          func(f *policy.Fact, _ *policy.Run) { f.Signer.RepositoryID = "666" },
		"on another runner":                  func(f *policy.Fact, _ *policy.Run) { f.Signer.Runner = "self-hosted" },
		"under another root":                 func(f *policy.Fact, _ *policy.Run) { f.Trust = "annex" },
		"by a key":                           func(f *policy.Fact, _ *policy.Run) { f.Keyed, f.Signer = true, statement.Signer{} },
		"by a key that poses as a run":       func(f *policy.Fact, _ *policy.Run) { f.Keyed = true },
	} {
		v := setting(t, one(t), ballot{by: alice, sign: sign}).judge(t)
		if got := v.Outcome(); got == verdict.Allow || !v.Pending() {
			t.Errorf("%s: outcome = %v, want that it does not count", name, got)
		}
		for _, f := range refusals(v) {
			if strings.Contains(f.Reason, "is not in group") {
				t.Errorf("%s: reason = %q, want why nobody is believed to have signed", name, f.Reason)
			}
		}
	}
	wantAllowed(t, setting(t, one(t), yes(alice)...).judge(t))
}

// moved are approvals of something else, one thing at a time.
var moved = map[string]func(*statement.Approval){
	"I06 another policy":             func(a *statement.Approval) { a.Policy.SHA256 = hex },
	"I06 another environment":        func(a *statement.Approval) { a.Environments[0].Name = "staging" },
	"I06 another release":            func(a *statement.Approval) { a.Release.SHA256 = hex },
	"I07 an environment made anew":   func(a *statement.Approval) { a.Environments[0].ID = "9002" },
	"I07 no number":                  func(a *statement.Approval) { a.Environments[0].ID = "" },
	"I07 a name in another case":     func(a *statement.Approval) { a.Environments[0].Name = "Production" },
	"I07 a fork":                     func(a *statement.Approval) { a.Repository.URI = "https://code.example/mallory/app" },
	"I07 a resurrected repository":   func(a *statement.Approval) { a.Repository.ID = "1002" },
	"I07 another instance":           func(a *statement.Approval) { a.Repository.URI = "https://code.example.evil/acme/app" },
	"I13 none of the evidence":       func(a *statement.Approval) { a.Evidence = nil },
	"I13 other evidence":             func(a *statement.Approval) { a.Evidence[0].SHA256 = hex },
	"I10 expired a second ago":       func(a *statement.Approval) { a.ExpiresAt = stamp(now.Add(-time.Second)) },
	"I10 expired before it was said": func(a *statement.Approval) { a.ExpiresAt = "1970-01-01T00:00:00Z" },
}

func refusedAsStale(t *testing.T, threat string) {
	t.Helper()
	for name, say := range moved {
		if !strings.HasPrefix(name, threat) {
			continue
		}
		for _, by := range []policy.Account{alice, dana} {
			if f := wantRefused(t, setting(t, one(t), ballot{by: by, say: say}).judge(t), "E_APPROVAL_STALE"); !strings.HasPrefix(f.Reason, "the approval of ") {
				t.Errorf("%s: reason = %q, want whose approval", name, f.Reason)
			}
			wantWaiting(t, setting(t, second, append(yes(bob), ballot{by: by, say: say})...).judge(t))
			wantAllowed(t, setting(t, one(t), yes(by)...).judge(t))
		}
	}
}

func TestI06_an_approval_is_void_when_what_it_is_about_changes(t *testing.T) {
	refusedAsStale(t, "I06")
	artifact := func(f *policy.Fact, _ *policy.Run) { f.Statement.Subject[0].Digest = map[string]string{"sha256": hex} }
	wantRefused(t, setting(t, one(t), ballot{by: alice, sign: artifact}).judge(t), "E_APPROVAL_STALE")
	s := setting(t, one(t), yes(alice)...)
	in := s.input(t)
	in.Candidates[0].Subject.Digest = subject.SHA256([32]byte{2})
	wantRefused(t, evaluate(in), "E_APPROVAL_STALE")
	in = s.input(t)
	in.Policy = read(t, one(t)+"# changed\n")
	wantRefused(t, evaluate(in), "E_APPROVAL_STALE")
	wantAllowed(t, s.judge(t))
}

func TestI07_an_approval_of_another_place_is_void(t *testing.T) { refusedAsStale(t, "I07") }

func TestI06_a_release_set_is_the_builders_and_about_this(t *testing.T) {
	for name, change := range map[string]func(*scene){
		"of another environment": func(s *scene) { s.release = func(r *statement.Release) { r.Environments[0].Name = "staging" } },
		"of an older one":        func(s *scene) { s.release = func(r *statement.Release) { r.Environments[0].ID = "9000" } },
		"of a stranger":          func(s *scene) { s.sealed = func(f *policy.Fact) { f.Signer.RepositoryID = "666" } },
		"of another workflow":    func(s *scene) { s.sealed = func(f *policy.Fact) { f.Signer = approving(1) } },
		"under another root":     func(s *scene) { s.sealed = func(f *policy.Fact) { f.Trust = "annex" } },
		"by a key":               func(s *scene) { s.sealed = func(f *policy.Fact) { f.Keyed = true } },
		"with another digest": func(s *scene) {
			s.sealed = func(f *policy.Fact) { f.Statement.Subject[1].Digest = map[string]string{"sha256": hex} }
		},
		"expired":       func(s *scene) { s.release = func(r *statement.Release) { r.ExpiresAt = stamp(now.Add(-time.Second)) } },
		"of the future": func(s *scene) { s.sealed = func(f *policy.Fact) { f.Time = now.Add(policy.Skew + time.Second) } },
	} {
		s := setting(t, one(t), ballot{by: alice, say: func(a *statement.Approval) { a.Environments[0] = statement.Place{Name: "production", ID: "9001"} }})
		wantAllowed(t, s.judge(t))
		change(&s)
		if f := wantRefused(t, s.judge(t), "E_APPROVAL_STALE"); f.Reason == "" {
			t.Errorf("%s: no reason", name)
		}
	}
}

func TestI09_who_has_left_the_group_counts_no_more(t *testing.T) {
	for name, change := range map[string]func(*scene){
		"removed":                      func(s *scene) { s.rosters[0].Accounts = nil },
		"nothing is known of the team": func(s *scene) { s.rosters = nil },
		"a team of the same name":      func(s *scene) { s.rosters[0].Member.ID = "71" },
		"a team of another instance":   func(s *scene) { s.rosters[0].Member.Host = "https://jobs.example" },
		"another with the same login":  func(s *scene) { s.rosters[0].Accounts = []policy.Account{account("33", "carol")} },
		"the number on another host":   func(s *scene) { s.rosters[0].Accounts[0].Host = "https://jobs.example" },
		"taken out of the policy":      func(s *scene) { s.policy = read(t, replaced(t, one(t), `, "code:acme/leads#70"`, "")) },
	} {
		s := setting(t, one(t), yes(carol)...)
		s.rosters = []policy.Roster{{Member: leads, Accounts: []policy.Account{carol}}}
		wantAllowed(t, s.judge(t))
		change(&s)
		if f := wantRefused(t, s.judge(t), "E_SOD"); f.Reason != "the approval of carol does not count: is not in group release" {
			t.Errorf("%s: reason = %q, want that she is not in the group", name, f.Reason)
		}
	}
}

// long seals a release set before everything that anybody says.
func long(f *policy.Fact) { f.Time = now.Add(-60 * 24 * time.Hour) }

func TestI10_an_approval_counts_to_the_second(t *testing.T) {
	text := replaced(t, one(t), "    approvals:\n", "    approval-max-age: 8h\n    approvals:\n")
	aged := func(d time.Duration) scene {
		s := setting(t, text, ballot{by: alice, sign: func(f *policy.Fact, _ *policy.Run) { f.Time = now.Add(-d) }})
		s.sealed = long
		return s
	}
	left := func(d time.Duration) scene {
		return setting(t, text, ballot{by: alice, say: func(a *statement.Approval) { a.ExpiresAt = stamp(now.Add(d)) }})
	}
	for _, s := range []scene{aged(8*time.Hour - time.Second), aged(8 * time.Hour), aged(0), aged(-policy.Skew), left(0), left(time.Second)} {
		wantAllowed(t, s.judge(t))
	}
	for _, s := range []scene{aged(8*time.Hour + time.Second), aged(-policy.Skew - time.Second), aged(30 * 24 * time.Hour), left(-time.Second)} {
		wantRefused(t, s.judge(t), "E_APPROVAL_STALE")
	}
	zero := setting(t, text, ballot{by: alice, sign: func(f *policy.Fact, _ *policy.Run) { f.Time = time.Time{} }})
	zero.sealed = long
	wantRefused(t, zero.judge(t), "E_APPROVAL_STALE")
}

func TestI10_a_day_is_what_an_approval_counts_where_nothing_is_said(t *testing.T) {
	for age, want := range map[time.Duration]verdict.Outcome{24 * time.Hour: verdict.Allow, 24*time.Hour + time.Second: verdict.Deny} {
		s := setting(t, one(t), ballot{by: alice, sign: func(f *policy.Fact, _ *policy.Run) { f.Time = now.Add(-age) }})
		s.sealed = long
		if got := s.judge(t).Outcome(); got != want {
			t.Errorf("age %v: outcome = %v, want %v", age, got, want)
		}
	}
}

func TestI11_an_approval_of_many_environments_is_none_of_one_that_is_separate(t *testing.T) {
	text := replaced(t, one(t), "    approvals:\n", "    separate: true\n    approvals:\n")
	many := ballot{by: alice, say: func(a *statement.Approval) { a.Environments = append(a.Environments, statement.Place{Name: "staging"}) }}
	wantRefused(t, setting(t, text, many).judge(t), "E_APPROVAL_MISSING")
	wantAllowed(t, setting(t, one(t), many).judge(t))
	wantAllowed(t, setting(t, text, yes(alice)...).judge(t))
	r := review(alice)
	r.Environments = append(r.Environments, statement.Place{Name: "staging", ID: "9000"})
	s := page(t, replaced(t, reviewed(t), "    approvals:\n", "    separate: true\n    approvals:\n"), r)
	wantRefused(t, s.judge(t), "E_APPROVAL_MISSING")
	s.reviews.List[0].Environments = r.Environments[:1]
	wantAllowed(t, s.judge(t))
}

func TestI13_an_approval_before_the_evidence_is_void(t *testing.T) {
	refusedAsStale(t, "I13")
	s := setting(t, one(t), yes(alice)...)
	in := s.input(t)
	by := signer()
	by.Event = "manual" // of another start than what was seen
	late := stated(t, by, provenance(by))
	late.Time = now.Add(-time.Minute)
	in.Candidates[0].Facts = append(in.Candidates[0].Facts, hashed(late))
	wantRefused(t, evaluate(in), "E_APPROVAL_STALE")
	in.Candidates[0].Facts[3].Trust = "annex" // what is no evidence voids nothing
	wantAllowed(t, evaluate(in))
}

func TestSources_that_a_group_does_not_name_do_not_count(t *testing.T) {
	for _, x := range []struct {
		sources string
		by      policy.Account
		want    verdict.Outcome
	}{
		{"[signature, workflow]", alice, verdict.Allow}, {"[signature, workflow]", dana, verdict.Allow},
		{"[signature, review]", alice, verdict.Deny}, {"[signature, review]", dana, verdict.Allow},
	} {
		s := setting(t, replaced(t, one(t), sources, x.sources), yes(x.by)...)
		if got := s.judge(t).Outcome(); got != x.want {
			t.Errorf("%s of %s: outcome = %v, want %v", x.by.Name, x.sources, got, x.want)
		}
	}
	s := page(t, replaced(t, one(t), sources, "[signature, workflow]"), review(alice))
	wantRefused(t, s.judge(t), "E_SOD")
}

func TestTrust_of_a_group_is_the_one_under_which_its_approvals_verify(t *testing.T) {
	text := replaced(t, one(t), issuer, issuer+"    trust: annex\n")
	annex := ballot{by: dana, sign: func(f *policy.Fact, _ *policy.Run) { f.Trust = "annex" }}
	wantAllowed(t, setting(t, text, annex).judge(t))
	wantRefused(t, setting(t, text, yes(dana)...).judge(t), "E_CHAIN")
	wantRefused(t, setting(t, one(t), annex).judge(t), "E_CHAIN")
}

// A bundle that verifies under the artifact's trusted root and the group's is
// one approval, and what is wrong with it is not that it was found twice.
func TestTrust_that_two_groups_share_tells_nothing_twice(t *testing.T) {
	s := setting(t, one(t), ballot{by: alice, say: func(a *statement.Approval) { a.Policy.SHA256 = hex }})
	in := s.input(t)
	twin := in.Candidates[0].Facts[2]
	twin.Trust = "annex"
	facts := in.Candidates[0].Facts
	in.Candidates[0].Facts = []policy.Fact{facts[0], facts[1], twin, facts[2]}
	if f := wantRefused(t, evaluate(in), "E_APPROVAL_STALE"); len(f.People) != 1 {
		t.Errorf("people = %+v, want alice once", f.People)
	}
}

// A yes for one group is no failed yes for another: who waits for security is
// not told that a release lead does not belong to it.
func TestApproval_of_one_group_leaves_another_waiting(t *testing.T) {
	both := replaced(t, one(t), "- {group: release, count: 1}", "- {group: release}\n      - {group: security}")
	f := wantWaiting(t, setting(t, both, yes(sam)...).judge(t))
	if f.Requirement != "approvals release" || len(f.People) != 0 {
		t.Errorf("finding = %s with %+v, want release without sam", f.Requirement, f.People)
	}
	v := setting(t, both, yes(mallory)...).judge(t)
	if bad := refusals(v); len(bad) != 2 || v.Outcome() != verdict.Deny || len(bad[0].People) != 1 || len(bad[1].People) != 1 {
		t.Errorf("findings = %+v, want that a stranger is told of both", bad)
	}
	wantAllowed(t, setting(t, both, yes(sam, bob)...).judge(t))
}

// Whoever may write can have a workflow commit, push and start in its own name.
// A machine that the policy does not name could have been any of the approvers.
func TestI04_a_machine_acts_for_somebody_unless_the_policy_names_it(t *testing.T) {
	robot := policy.Account{Host: "https://code.example", ID: "500", Name: "runner[bot]", Kind: policy.Machine}
	for _, role := range policy.Roles {
		m := policy.Maker{Account: robot, Role: role, Where: "commit 4f2a91c"}
		f := wantWaiting(t, made(t, second, m, yes(alice, bob)...).judge(t))
		if want := "runner[bot] " + did[role] + " commit 4f2a91c and is a bot, an app or a service account that agents does not name"; f.Reason != "2 of 3 approvals of group release" || f.Found != want {
			t.Errorf("%s: %q, found %q; want 2 of 3, and %q", role, f.Reason, f.Found, want)
		}
		wantAllowed(t, made(t, second, m, yes(alice, bob, carol)...).judge(t))
		named := replaced(t, second, "people:\n", "agents: [\"code:runner[bot]#500\"]\npeople:\n")
		wantAllowed(t, made(t, named, m, yes(alice, bob)...).judge(t))
		owned := replaced(t, second, "\"code:alice-admin#11\"", "\"code:runner[bot]#500\"")
		wantAllowed(t, made(t, owned, m, yes(bob, carol)...).judge(t))
		wantWaiting(t, made(t, owned, m, yes(alice, bob)...).judge(t)) // the machine is alice's
	}
}

// What the platform does not call a person's account may be a machine.
func TestI04_an_account_that_cannot_be_seen_may_be_a_machine(t *testing.T) {
	hidden := policy.Account{Host: "https://code.example", ID: "501", Name: "eve", Kind: policy.Unseen}
	m := policy.Maker{Account: hidden, Role: policy.Pusher, Where: "commit 4f2a91c"}
	f := wantWaiting(t, made(t, second, m, yes(alice, bob)...).judge(t))
	if want := "eve pushed commit 4f2a91c and is an account of which the platform does not say whether it is a person's, and stands neither under agents nor under people"; f.Found != want {
		t.Errorf("found %q, want %q", f.Found, want)
	}
	m.Account.Kind = policy.Human
	wantAllowed(t, made(t, second, m, yes(alice, bob)...).judge(t))
	m.Account.Kind = policy.Unseen
	wantAllowed(t, made(t, replaced(t, second, "people:\n", "agents: [\"code:eve#501\"]\npeople:\n"), m, yes(alice, bob)...).judge(t))
}

// Of two yeses that do not count, the one that was meant for here explains more
// than the one that was meant for elsewhere, in whatever order they came.
func TestI01_a_yes_for_another_environment_does_not_hide_the_author(t *testing.T) {
	staging := func(a *statement.Approval) { a.Environments[0].Name = "staging" }
	for _, ballots := range [][]ballot{
		{{by: alice, say: staging}, {by: bob}},
		{{by: bob}, {by: alice, say: staging}},
	} {
		s := setting(t, one(t), ballots...)
		wantAllowed(t, s.judge(t))
		s.change.Makers = append(s.change.Makers, policy.Maker{Account: bob, Role: policy.Author, Where: "commit 9f2c1e7"})
		if f := wantRefused(t, s.judge(t), "E_SOD"); !strings.Contains(f.Reason, "wrote commit 9f2c1e7") {
			t.Errorf("reason = %q, want what bob did", f.Reason)
		}
	}
	wantRefused(t, setting(t, one(t), ballot{by: alice, say: staging}).judge(t), "E_APPROVAL_STALE")
}
