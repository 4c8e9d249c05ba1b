package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// waivable is the second policy with people who may waive, content with one
// approval.
func waivable(t testing.TB) string {
	return replaced(t, second, "count: 2}\n", "count: 1}\n    waivers: {group: release}\n")
}

// framed is a commit that names alice, bob, carol and dana as co-authors.
const framed = "4f2a91c0000000000000000000000000000000ab"

// claimed are the roles that the commit claims.
var claimed = []policy.Maker{
	{Account: alice, Role: policy.CoAuthor, Where: "commit 4f2a91c", Commit: framed}, {Account: bob, Role: policy.CoAuthor, Where: "commit 4f2a91c", Commit: framed},
	{Account: carol, Role: policy.CoAuthor, Where: "commit 4f2a91c", Commit: framed}, {Email: "dana@acme.example", Role: policy.CoAuthor, Where: "commit 4f2a91c", Commit: framed},
}

// frame is a scene in which everybody who may approve is said to have co-written
// a commit.
func frame(t testing.TB, ballots ...ballot) scene {
	s := setting(t, waivable(t), ballots...)
	s.change.Makers = append(s.change.Makers, claimed...)
	return s
}

// waives is a waiver of what the commit claims of one of them.
func waives(by policy.Account, of policy.Maker, more ...func(*statement.Waiver)) ballot {
	return ballot{by: by, waive: func(w *statement.Waiver) {
		w.Claim = statement.Claim{Role: string(of.Role), Commit: of.Commit, Email: of.Email}
		if of.Account.ID != "" {
			w.Claim.Account = &statement.Account{Host: of.Account.Host, ID: of.Account.ID, Name: of.Account.Name}
		}
		for _, m := range more {
			m(w)
		}
	}}
}

func TestI15_two_people_take_a_claimed_role_away(t *testing.T) {
	f := wantRefused(t, frame(t, yes(alice)...).judge(t), "E_SOD")
	if !strings.Contains(f.Hint, "can be waived (or one of 3 more such roles) by 2 of bob, carol, dana@acme.example: sallyport approve --release sha256:") ||
		!strings.HasSuffix(f.Hint, " --waive co-author:"+framed+":alice --reason WHY") {
		t.Errorf("hint = %q, want who can waive what", f.Hint)
	}
	v := frame(t, append(yes(alice), waives(bob, claimed[0]), waives(dana, claimed[0]))...).judge(t)
	wantAllowed(t, v)
	i := slices.IndexFunc(v.Judgements[0].Findings, func(f verdict.Finding) bool { return f.Requirement == "waiver" })
	if i < 0 {
		t.Fatalf("findings = %+v, want the waiver among them", v.Judgements[0].Findings)
	}
	w := v.Judgements[0].Findings[i]
	if w.Reason != "co-author alice of commit 4f2a91c00000 does not count as a maker: dana@acme.example, bob took that role away" || len(w.People) != 2 ||
		!w.People[0].Counted || w.People[0].Decision != "waive" || w.People[0].Comment != "forged" || w.Line == 0 {
		t.Errorf("finding = %+v, want who waived what, and why", w)
	}
	// Who is claimed by the same commit may waive for another, and nobody else is freed by it.
	wantRefused(t, frame(t, append(yes(bob), waives(bob, claimed[0]), waives(dana, claimed[0]))...).judge(t), "E_SOD")
	wantAllowed(t, frame(t, append(yes(dana), waives(bob, claimed[3]), waives(alice, claimed[3]))...).judge(t))
}

func TestI15_a_waiver_of_one_or_of_nobody_who_may_is_none(t *testing.T) {
	annex := func(f *policy.Fact, _ *policy.Run) { f.Trust = "annex" }
	with := func(b ballot, sign func(*policy.Fact, *policy.Run)) ballot { b.sign = sign; return b }
	say := func(edit func(*statement.Waiver)) ballot { return waives(dana, claimed[0], edit) }
	other := func(edit func(*policy.Maker)) ballot {
		m := claimed[0]
		edit(&m)
		return waives(dana, m)
	}
	for name, b := range map[string]ballot{
		"of one person":                     waives(bob, claimed[0]),
		"of the same person by mail":        waives(mailbox("bob@acme.example"), claimed[0]),
		"of a role of their own":            waives(alice, claimed[0]),
		"by another account of that person": waives(account("11", "alice-admin"), claimed[0]),
		"by an address of that person":      waives(mailbox("alice@acme.example"), claimed[0]),
		"of a stranger":                     waives(mallory, claimed[0]),
		"of a member of another group":      waives(sam, claimed[0]),
		"about another person":              waives(dana, claimed[1]),
		"about another role":                other(func(m *policy.Maker) { m.Role = policy.Author }),
		"about another commit":              other(func(m *policy.Maker) { m.Commit = other2 }),
		"about an account of that name":     other(func(m *policy.Maker) { m.Account.ID = "4711" }),
		"about another host":                other(func(m *policy.Maker) { m.Account.Host = "https://jobs.example" }),
		"with an address besides":           other(func(m *policy.Maker) { m.Email = "alice@acme.example" }),
		"for another environment":           say(func(w *statement.Waiver) { w.Environments[0].Name = "staging" }),
		"for an older environment":          say(func(w *statement.Waiver) { w.Environments[0].ID = "9000" }),
		"for another repository":            say(func(w *statement.Waiver) { w.Repository.ID = "666" }),
		"for another release":               say(func(w *statement.Waiver) { w.Release.SHA256 = hex }),
		"under another policy":              say(func(w *statement.Waiver) { w.Policy.SHA256 = hex }),
		"of other evidence":                 say(func(w *statement.Waiver) { w.Evidence = nil }),
		"expired":                           say(func(w *statement.Waiver) { w.ExpiresAt = stamp(now.Add(-time.Second)) }),
		"older than an approval may be":     with(waives(dana, claimed[0]), func(f *policy.Fact, _ *policy.Run) { f.Time = now.Add(-24*time.Hour - time.Second) }),
		"of the future":                     with(waives(dana, claimed[0]), func(f *policy.Fact, _ *policy.Run) { f.Time = now.Add(policy.Skew + time.Second) }),
		"under another root":                with(waives(dana, claimed[0]), annex),
		"of another artifact": with(waives(dana, claimed[0]), func(f *policy.Fact, _ *policy.Run) {
			f.Statement.Subject[0].Digest = map[string]string{"sha256": hex}
		}),
		"in a run that was re-run": with(waives(carol, claimed[0]), func(_ *policy.Fact, r *policy.Run) { r.Again = true }),
		"by a key":                 with(waives(dana, claimed[0]), func(f *policy.Fact, _ *policy.Run) { f.Keyed = true }),
	} {
		s := frame(t, append(yes(alice), waives(bob, claimed[0]), b)...)
		if f := wantRefused(t, s.judge(t), "E_SOD"); !strings.Contains(f.Reason, "co-wrote commit 4f2a91c") {
			t.Errorf("%s: reason = %q, want that alice co-wrote it", name, f.Reason)
		}
	}
	wantAllowed(t, frame(t, append(yes(alice), waives(bob, claimed[0]), waives(dana, claimed[0]))...).judge(t))
	s := frame(t, append(yes(alice), waives(bob, claimed[0]), waives(dana, claimed[0]))...)
	s.policy = read(t, one(t)) // no policy says who may
	wantRefused(t, s.judge(t), "E_SOD")
}

// other2 is another commit.
const other2 = "4f2a91c0000000000000000000000000000000ac"

func TestI15_a_role_that_the_platform_knows_is_never_waived_and_bars_from_waiving(t *testing.T) {
	for _, role := range policy.KnownRoles {
		known := policy.Maker{Account: alice, Role: role, Where: "request 12", Commit: framed}
		s := frame(t, append(yes(alice), waives(bob, claimed[0]), waives(dana, claimed[0]))...)
		s.change.Makers = append(s.change.Makers, known)
		wantRefused(t, s.judge(t), "E_SOD")
		s = frame(t, append(yes(alice), waives(bob, claimed[0]), waives(dana, claimed[0]))...)
		s.change.Makers = append(s.change.Makers, policy.Maker{Account: bob, Role: role, Where: "request 12"})
		v := s.judge(t)
		wantRefused(t, v, "E_SOD")
		if p := told(t, v, "bob", "waive"); p.Counted || p.Code != fault.Duties {
			t.Errorf("%s: person = %+v, want that bob may not", role, p)
		}
	}
	for _, role := range policy.ClaimedRoles {
		s := frame(t, append(yes(alice), waives(bob, claimed[0]), waives(dana, claimed[0]))...)
		s.change.Makers = append(s.change.Makers, policy.Maker{Account: bob, Role: role, Where: "commit 1", Commit: other2})
		wantAllowed(t, s.judge(t))
	}
}

// A waiver of a role that no commit claims says so, and one for another environment
// is not shown here.
func TestI15_a_waiver_that_takes_nothing_away_says_why(t *testing.T) {
	s := frame(t, append(yes(alice), waives(dana, policy.Maker{Account: alice, Role: policy.Author, Commit: framed}))...)
	if p := told(t, s.judge(t), "dana@acme.example", "waive"); p.Counted || p.Reason != "no commit of this release claims that role" {
		t.Errorf("person = %+v, want that no commit claims it", p)
	}
	s = frame(t, append(yes(alice), waives(dana, claimed[0], func(w *statement.Waiver) { w.Environments[0].Name = "staging" }))...)
	for _, f := range s.judge(t).Judgements[0].Findings {
		if slices.ContainsFunc(f.People, func(p verdict.Person) bool { return p.Decision == statement.Waive }) {
			t.Errorf("people = %+v, want no waiver for staging among them", f.People)
		}
	}
}

func TestI15_one_person_never_waives_alone_whatever_the_policy_counts(t *testing.T) {
	in := frame(t, append(yes(alice), waives(dana, claimed[0]))...).input(t)
	in.Policy.Environments[0].Waivers.Count = 1
	wantRefused(t, policy.Evaluate(in), "E_SOD")
	in = frame(t, append(yes(alice), waives(bob, claimed[0]), waives(dana, claimed[0]))...).input(t)
	in.Policy.Environments[0].Waivers.Count = 1
	wantAllowed(t, policy.Evaluate(in))
}

func TestI15_only_what_a_commit_claims_of_somebody_is_offered_and_no_agent_is_asked(t *testing.T) {
	s := frame(t)
	s.change.Makers = append(s.change.Makers, policy.Maker{Account: alice, Role: policy.Pusher, Where: "request 12", Commit: framed},
		policy.Maker{Role: policy.Author, Where: "commit 4f2a91c", Commit: framed, Mark: framed}, policy.Maker{Account: alice, Role: policy.Author, Where: "commit 1"})
	in := s.input(t)
	if got := policy.Claims(in, in.Candidates[0]); len(got) != 4 {
		t.Errorf("claims = %+v, want the four co-authors", got)
	}
	in = frame(t).input(t)
	in.Policy.Agents.Accounts = append(in.Policy.Agents.Accounts, bob)
	if got := policy.Claims(in, in.Candidates[0])[0].By; !slices.Equal(got, []string{"carol", "dana@acme.example"}) {
		t.Errorf("asked = %q, want carol and dana alone", got)
	}
	in = frame(t).input(t)
	in.Policy.People = slices.DeleteFunc(in.Policy.People, func(x policy.Person) bool { return x.Name == "carol" })
	if got := policy.Claims(in, in.Candidates[0])[0].By; slices.Contains(got, "carol") || len(got) != 2 {
		t.Errorf("asked = %q, want nobody without a person", got)
	}
	in = frame(t).input(t)
	for i := range in.Policy.Groups {
		in.Policy.Groups[i].Excludes = []policy.Role{policy.Pusher}
	}
	if got := policy.Prospects(in, in.Policy.Environments[0], in.Changes[0])[0].Waivable; len(got) != 0 {
		t.Errorf("waivable = %+v, want nothing that excludes nobody", got)
	}
}

// What a statement may waive is what counts as claimed.
func TestI15_statements_and_policies_know_the_same_claimed_roles(t *testing.T) {
	var got []string
	for _, r := range policy.ClaimedRoles {
		got = append(got, string(r))
	}
	if !slices.Equal(got, statement.ClaimedRoles) {
		t.Errorf("policy: %q, want those of a statement, %q", got, statement.ClaimedRoles)
	}
}

// One who pushed and cannot be named could be one of the two.
func TestI15_a_maker_who_cannot_be_named_could_be_one_who_waives(t *testing.T) {
	s := frame(t, append(yes(alice, carol), waives(bob, claimed[0]), waives(dana, claimed[0]), waives(bob, claimed[2]), waives(dana, claimed[2]))...)
	s.change.Makers = append(s.change.Makers, policy.Maker{Role: policy.Pusher, Where: "commit 4f2a91c", Mark: framed})
	if v := s.judge(t); v.Outcome() != verdict.Deny {
		t.Errorf("outcome = %v, want deny: the pusher may be bob or dana", v.Outcome())
	}
	s.ballots = append(s.ballots, waives(carol, claimed[0]), waives(alice, claimed[2]))
	wantAllowed(t, s.judge(t))
}

func TestI15_a_waiver_is_taken_back_by_its_giver(t *testing.T) {
	s := frame(t, append(yes(alice), waives(bob, claimed[0]), waives(dana, claimed[0]), at(10*time.Minute, withdrawal(bob)))...)
	v := s.judge(t)
	wantRefused(t, v, "E_SOD")
	if p := told(t, v, "bob", "waive"); p.Counted || !strings.HasPrefix(p.Reason, "they took it back at ") {
		t.Errorf("person = %+v, want that bob took it back", p)
	}
	s.ballots[3] = at(10*time.Minute, withdrawal(carol))
	wantAllowed(t, s.judge(t))
}

// An address of nobody is one maker who cannot be named, until people of the group
// say that its commit does not count.
func TestI15_a_claim_of_somebody_unknown_is_waived_too(t *testing.T) {
	ghost := policy.Maker{Email: "ghost@nowhere.example", Role: policy.CoAuthor, Where: "commit 4f2a91c", Commit: framed}
	s := setting(t, waivable(t), yes(alice)...)
	s.change.Makers = append(s.change.Makers, ghost)
	wantWaiting(t, s.judge(t))
	s.ballots = append(s.ballots, waives(bob, ghost), waives(carol, ghost))
	wantAllowed(t, s.judge(t))
}

func TestI15_whom_a_waiver_can_free_is_told_where_nobody_is_left(t *testing.T) {
	f := wantWaiting(t, frame(t).judge(t))
	if !strings.HasPrefix(f.Hint, "nobody is left who may approve") || !strings.Contains(f.Hint, "(or one of 3 more such roles) by 2 of ") {
		t.Errorf("hint = %q, want the way that is left", f.Hint)
	}
	s := frame(t)
	s.policy = read(t, one(t))
	if f := wantWaiting(t, s.judge(t)); !strings.HasSuffix(f.Hint, "see sallyport doctor") {
		t.Errorf("hint = %q, want no way that the policy does not have", f.Hint)
	}
	s = frame(t)
	for _, a := range []policy.Account{alice, bob, carol} {
		s.change.Makers = append(s.change.Makers, policy.Maker{Account: a, Role: policy.Pusher, Where: "commit 1"})
	}
	if f := wantWaiting(t, s.judge(t)); !strings.HasSuffix(f.Hint, "see sallyport doctor") {
		t.Errorf("hint = %q, want no way for which too few are left", f.Hint)
	}
	in := frame(t).input(t)
	p := policy.Prospects(in, in.Policy.Environments[0], in.Changes[0])
	if len(p[0].Waivable) != 4 || p[0].Waivable[0].Need != 2 || !slices.Equal(p[0].Waivable[0].By, []string{"bob", "carol", "dana@acme.example"}) || policy.Spell(p[0].Waivable[3].Claim) != "co-author:"+framed+":dana@acme.example" {
		t.Errorf("waivable = %+v, want what everybody could be freed of", p[0].Waivable)
	}
}

func TestI15_waivers_need_a_group_that_signs(t *testing.T) {
	text := replaced(t, waivable(t), "waivers: {group: release}", "waivers: {group: security}")
	read(t, text)
	_, err := policy.Read([]byte(replaced(t, text, "[workflow, review]", "[review]")), "policy.yaml", words)
	if err == nil || !strings.Contains(err.Error(), `a waiver is signed, and sources of group "security" have neither signature nor workflow`) {
		t.Errorf("err = %v, want that nobody could waive", err)
	}
}

// What somebody is told before they sign is what the gate says after it.
func TestI15_who_may_waive_is_told_as_the_gate_judges(t *testing.T) {
	in := frame(t).input(t)
	claims := policy.Claims(in, in.Candidates[0])
	if len(claims) != 4 {
		t.Fatalf("claims = %+v, want four", claims)
	}
	for a, want := range map[policy.Account]fault.Code{bob: "", carol: "", alice: fault.Duties, account("11", "alice-admin"): fault.Duties, mallory: fault.Duties, sam: fault.Duties} {
		if got := policy.StandWaiving(in, in.Candidates[0], a, policy.ByWorkflow, claims[0].Claim); got.Code != want || (got.Reason == "") != (want == "") {
			t.Errorf("%s: stands %+v, want %q", a.Name, got, want)
		}
	}
	if got := policy.StandWaiving(in, in.Candidates[0], dana, policy.BySignature, claims[0].Claim); got.Code != "" {
		t.Errorf("dana: stands %+v, want that dana may", got)
	}
	in.Policy = read(t, one(t))
	if got := policy.StandWaiving(in, in.Candidates[0], bob, policy.ByWorkflow, claims[0].Claim); got.Code != fault.Duties || policy.Claims(in, in.Candidates[0]) != nil {
		t.Errorf("without waivers in the policy: stands %+v, want that nobody may", got)
	}
}
