package statement

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// full is a commit.
const full = "1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c"

func waiver(of subject.Digest) Waiver {
	r := release()
	return Waiver{
		Claim:   Claim{Role: "co-author", Commit: full, Account: &Account{Host: "https://code.example", ID: "4", Name: "dana"}, Email: "dana@acme.example"},
		Release: DigestSet{of.Hex()}, Version: r.Version, Repository: r.Repository, Environments: r.Environments, Policy: r.Policy, Evidence: r.Evidence,
		Reason: "forged", IssuedAt: r.IssuedAt, ExpiresAt: r.ExpiresAt,
	}
}

func waived(t testing.TB, w Waiver) Statement {
	t.Helper()
	p, err := w.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return signed(t, WaiverV1, w.Version, parsed(t, w.Release.SHA256), p)
}

func TestWaived_reads_what_JSON_writes(t *testing.T) {
	of := parsed(t, hexA)
	for _, edit := range []func(*Claim){
		func(*Claim) {}, func(c *Claim) { c.Account = nil }, func(c *Claim) { c.Email = "" }, func(c *Claim) { c.Role, c.Account.Name = "author", "" },
		func(c *Claim) { c.Role, c.Commit = "committer", hexA },
	} {
		w := waiver(of)
		edit(&w.Claim)
		got, err := waived(t, w).Waived()
		if err != nil {
			t.Fatal(err)
		}
		common := Approval{
			Decision: Waive, Release: w.Release, Version: w.Version, Repository: w.Repository, Environments: w.Environments,
			Policy: w.Policy, Evidence: w.Evidence, Reason: w.Reason, IssuedAt: w.IssuedAt, ExpiresAt: w.ExpiresAt,
		}
		want := Waived{Claim: w.Claim, Said: Said{Approval: common, Release: of, Artifacts: two(t), Expires: time.Date(2026, 11, 24, 11, 0, 0, 0, time.UTC),
			policyEvidence: policyEvidence{PolicyDigest: of, Seen: []subject.Digest{parsed(t, hexC), parsed(t, hexB)}}}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("waived = %+v, want %+v", got, want)
		}
		if err := taken(t, schema(t, "waiver"), waived(t, w).Predicate); err != nil {
			t.Errorf("the schema: %v", err)
		}
	}
}

func TestB03_a_waiver_that_says_a_thing_in_two_ways_is_none(t *testing.T) {
	for _, x := range lies {
		s := waived(t, waiver(parsed(t, hexA)))
		if strings.Contains(x.name, "member twice") {
			insert(&s, `"reason":"x",`)
		} else {
			x.spoil(&s)
		}
		if _, err := s.Waived(); fault.Of(err).Kind != fault.Refused || fault.Of(err).Code != x.code {
			t.Errorf("%s: got %v (%s), want %s", x.name, err, fault.Of(err).Code, x.code)
		}
	}
}

func TestI15_a_waiver_names_a_claimed_role_a_person_a_commit_and_a_reason(t *testing.T) {
	for name, spoil := range map[string]func(*Waiver){
		"a pusher": func(w *Waiver) { w.Claim.Role = "pusher" }, "a merger": func(w *Waiver) { w.Claim.Role = "merger" }, "a requester": func(w *Waiver) { w.Claim.Role = "requester" },
		"a trigger": func(w *Waiver) { w.Claim.Role = "trigger" }, "no role": func(w *Waiver) { w.Claim.Role = "" }, "a shortened commit": func(w *Waiver) { w.Claim.Commit = full[:12] },
		"a commit in capitals": func(w *Waiver) { w.Claim.Commit = strings.ToUpper(full) }, "no commit": func(w *Waiver) { w.Claim.Commit = "" },
		"nobody":                   func(w *Waiver) { w.Claim.Account, w.Claim.Email = nil, "" },
		"an account without one":   func(w *Waiver) { w.Claim.Account = &Account{Name: "dana"} },
		"an account without place": func(w *Waiver) { w.Claim.Account = &Account{ID: "4"} },
		"no reason":                func(w *Waiver) { w.Reason = "" },
	} {
		w := waiver(parsed(t, hexA))
		spoil(&w)
		if _, err := waived(t, w).Waived(); fault.Of(err).Code != fault.Predicate {
			t.Errorf("%s: err = %v, want %s", name, err, fault.Predicate)
		}
		if !strings.HasPrefix(name, "no ") && taken(t, schema(t, "waiver"), waived(t, w).Predicate) == nil {
			t.Errorf("%s: the schema takes it, want a refusal", name)
		}
	}
}

func TestI06_what_was_shown_is_said_once_and_with_full_ids(t *testing.T) {
	good := []Span{{"production", full, hexA[:40]}, {"production", full, ""}, {"production", hexA, ""}, {"staging", full, ""}} // an artifact of full may be new there
	for name, shown := range map[string][]Span{
		"a shortened commit": {{"production", full[:12], ""}}, "a shortened beginning": {{"production", full, full[:12]}}, "no environment": {{"", full, ""}},
		"a branch": {{"production", "main", ""}}, "one of them twice": {{"production", full, ""}, {"production", full, ""}},
	} {
		a, r := approval(parsed(t, hexA)), release()
		a.Shown, r.Shown = shown, shown
		if _, err := approved(t, a).Said(); fault.Of(err).Code != fault.Predicate {
			t.Errorf("%s: an approval: %v, want %s", name, err, fault.Predicate)
		}
		if _, err := released(t, r).Set(); fault.Of(err).Code != fault.Predicate {
			t.Errorf("%s: a release set: %v, want %s", name, err, fault.Predicate)
		}
		if name != "one of them twice" && (taken(t, schema(t, "approval"), approved(t, a).Predicate) == nil || taken(t, schema(t, "release"), released(t, r).Predicate) == nil) {
			t.Errorf("%s: a schema takes it, want a refusal", name)
		}
		a.Shown, r.Shown = good, good
		if _, err := approved(t, a).Said(); err != nil {
			t.Error(err)
		}
		if _, err := released(t, r).Set(); err != nil {
			t.Error(err)
		}
		if err := taken(t, schema(t, "release"), released(t, r).Predicate); err != nil {
			t.Error(err)
		}
	}
}

func TestApprovers_are_written_as_a_list_or_as_its_digest(t *testing.T) {
	open := Approvers{Environment: "production", May: 1, MayNot: 1, List: []Approver{{Group: "release", Host: "https://code.example", ID: "1"}, {Group: "release", Host: "https://code.example", ID: "2", Reason: "wrote commit 1"}}}
	hidden, text, err := open.Hidden([16]byte{1, 2, 3})
	if err != nil || hidden.List != nil || len(open.List) != 2 || hidden.May != 1 || hidden.MayNot != 1 || hidden.Salt != "01020300000000000000000000000000" {
		t.Fatalf("hidden = %+v, %v, want a salt and no list", hidden, err)
	}
	list := `[{"group":"release","host":"https://code.example","id":"1"},{"group":"release","host":"https://code.example","id":"2","reason":"wrote commit 1"}]`
	if want := subject.Sum(append([]byte{1, 2, 3, 15: 0}, list...)).Hex(); hidden.SHA256 != want || text != list {
		t.Errorf("digest = %s, want %s of the salt and the list", hidden.SHA256, want)
	}
	if other, _, _ := open.Hidden([16]byte{9}); other.SHA256 == hidden.SHA256 {
		t.Error("another salt gives the same digest")
	}
	for _, x := range []Approvers{open, hidden, {Environment: "production"}} {
		a := approval(parsed(t, hexA))
		a.Approvers = []Approvers{x}
		if _, err := approved(t, a).Said(); err != nil {
			t.Error(err)
		}
		if err := taken(t, schema(t, "approval"), approved(t, a).Predicate); err != nil {
			t.Errorf("the schema: %v", err)
		}
	}
	both := hidden
	both.List = open.List
	a := approval(parsed(t, hexA))
	a.Approvers = []Approvers{both}
	if taken(t, schema(t, "approval"), approved(t, a).Predicate) == nil {
		t.Error("the schema takes a list beside its digest, want a refusal")
	}
}
