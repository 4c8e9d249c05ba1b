package policy_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// sourced is the good policy with a rule about the source.
func sourced(t testing.TB, rule string) string {
	t.Helper()
	return replaced(t, edited(t, "    requires:", "    source: "+rule+"\n    requires:"), "        workflow: build/release.yml\n",
		"        workflow: build/release.yml\n        branch: main\n")
}

// brought is a change of one commit that one request brought, which mia wrote and bob approved.
func brought(t testing.TB, rule string) scene {
	t.Helper()
	s := setting(t, sourced(t, rule))
	mia := account("90", "mia")
	s.change.Commits = []policy.Commit{{ID: commit, Title: "work", Author: "mia", Account: mia, Verified: policy.Yes, Requests: []int64{7},
		Pushers: []policy.Account{mia}}}
	s.change.Requests = []policy.Request{{Number: 7, Title: "work", Head: commit, Merged: now.Add(-time.Hour), Makers: []policy.Maker{
		{Account: mia, Role: policy.Author, Where: "commit 9f2c1e7", Commit: commit}, {Account: mia, Role: policy.Requester, Where: "request 7"},
		{Account: bob, Role: policy.Merger, Where: "request 7"}},
		Reviews: []policy.RequestReview{{Account: bob, State: policy.ReviewApproved, Writes: policy.Yes, Commit: commit, Time: now.Add(-2 * time.Hour)}}}}
	return s
}

// What is not known of a commit or of a review lets nothing in.
func TestI01_a_review_of_which_something_is_not_known(t *testing.T) {
	const rule = "{verified: required, reviewed: 1}"
	if v := brought(t, rule).judge(t); v.Outcome() != verdict.Allow {
		t.Fatalf("outcome = %v with %+v, want allow", v.Outcome(), refusals(v))
	}
	for name, x := range map[string]struct {
		spoil func(*policy.Change)
		code  string
		words string
	}{
		"a signature":             {func(c *policy.Change) { c.Commits[0].Verified = policy.Unanswered }, "E_UNAVAILABLE", "says nothing"},
		"a bad signature":         {func(c *policy.Change) { c.Commits[0].Verified, c.Commits[0].Words = policy.No, "unknown_key" }, "E_UNVERIFIED", "unknown_key"},
		"the head of the request": {func(c *policy.Change) { c.Requests[0].Head = "" }, "E_UNREVIEWED", "none was merged"},
		"the commit of a review":  {func(c *policy.Change) { c.Requests[0].Reviews[0].Commit = "" }, "E_UNREVIEWED", "approved commit none"},
		"neither":                 {func(c *policy.Change) { c.Requests[0].Head, c.Requests[0].Reviews[0].Commit = "", "" }, "E_UNREVIEWED", "none was merged"},
		"the time of a review":    {func(c *policy.Change) { c.Requests[0].Reviews[0].Time = time.Time{} }, "E_UNREVIEWED", "after it was merged"},
		"the time of the merge":   {func(c *policy.Change) { c.Requests[0].Merged = time.Time{} }, "E_UNREVIEWED", "after it was merged"},
		"whether they may write":  {func(c *policy.Change) { c.Requests[0].Reviews[0].Writes = policy.Unanswered }, "E_UNREVIEWED", "is not known"},
		"who reviewed":            {func(c *policy.Change) { c.Requests[0].Reviews[0].Account = policy.Account{} }, "E_UNREVIEWED", "no account any more"},
		"what is behind them":     {func(c *policy.Change) { c.Requests[0].Reviews[0].Account.Kind = policy.KindUnknown }, "E_UNREVIEWED", "unknown kind"},
		"the word of a review":    {func(c *policy.Change) { c.Requests[0].Reviews[0].State = "" }, "E_UNREVIEWED", "no approval counts"},
		"a maker":                 {func(c *policy.Change) { c.Requests[0].Makers[0].Account = policy.Account{} }, "E_UNREVIEWED", "1 of 2"},
		"the reviews":             {func(c *policy.Change) { c.Requests[0].Reviews, c.Requests[0].Unseen = nil, "no token" }, "E_UNAVAILABLE", "no token"},
		"the request":             {func(c *policy.Change) { c.Requests = nil }, "E_UNREVIEWED", "pushed by its author mia"},
	} {
		s := brought(t, rule)
		x.spoil(&s.change)
		bad := refusals(s.judge(t))
		if len(bad) != 1 || string(bad[0].Code) != x.code || !strings.Contains(bad[0].Reason+" "+bad[0].Found, x.words) {
			t.Errorf("%s: %+v, want %s with %q", name, bad, x.code, x.words)
		}
	}
}

// Many commits of one cause are one reason, with the first of them and their number. The author
// of a commit on the page is a claim, and the pusher is an account.
func TestI03_forty_commits_that_nobody_reviewed_are_one_reason(t *testing.T) {
	s := brought(t, "{reviewed: 1}")
	robot := policy.Account{Host: "https://code.example", ID: "41898282", Name: "robot[bot]", Kind: policy.Machine}
	for i := range 40 {
		s.change.Commits = append(s.change.Commits, policy.Commit{ID: fmt.Sprintf("%040x", i+1), Title: "chore", Author: "robot[bot]", Account: robot,
			Pushers: []policy.Account{mallory}})
	}
	bad := refusals(s.judge(t))
	if len(bad) != 1 || bad[0].Reason != "40 of 41 commits came onto the branch without a request" ||
		!strings.Contains(bad[0].Found, `"chore": author robot[bot] is a claim, pushed by mallory; `) || !strings.HasSuffix(bad[0].Found, "and 30 more") {
		t.Fatalf("reasons = %+v, want one with a count", bad)
	}
	s = setting(t, sourced(t, "{reviewed: 1, accepted: ["+fmt.Sprintf("%040x", 1)+"]}"))
	s.change.Commits = []policy.Commit{{ID: fmt.Sprintf("%040x", 1), Title: "chore"}}
	v := s.judge(t)
	if v.Outcome() != verdict.Allow || !slices.ContainsFunc(v.Accepted, func(x string) bool { return strings.Contains(x, `commit 0000000 "chore"`) }) {
		t.Errorf("outcome = %v, accepted %q, want the commit to be accepted by name, and shown", v.Outcome(), v.Accepted)
	}
}

// An approval less, a refusal more, a maker more and a commit without a request never let more in.
func TestI01_taking_a_review_away_never_allows_more(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	who := []policy.Account{alice, bob, carol, mallory, account("90", "mia"), {}, {Host: "https://code.example", ID: "5", Name: "bot", Kind: policy.Machine}}
	states := []policy.ReviewState{policy.ReviewApproved, policy.ReviewApproved, policy.ReviewApproved, policy.ReviewRefused, policy.ReviewDismissed}
	allowed := 0
	for range 1500 {
		s := brought(t, fmt.Sprintf("{reviewed: %d}", 1+r.IntN(2)))
		q := &s.change.Requests[0]
		q.Reviews = nil
		for range r.IntN(6) {
			q.Reviews = append(q.Reviews, policy.RequestReview{Account: who[r.IntN(len(who))], State: states[r.IntN(len(states))], Writes: policy.Known(1 + r.IntN(2)),
				Commit: []string{commit, commit, other}[r.IntN(3)], Time: now.Add(-time.Duration(30+r.IntN(120)) * time.Minute)})
			if r.IntN(3) > 0 {
				q.Reviews[len(q.Reviews)-1].Writes = policy.Yes
			}
		}
		if s.judge(t).Outcome() == verdict.Allow {
			allowed++
			continue
		}
		less := s
		less.change.Requests = slices.Clone(s.change.Requests)
		x := &less.change.Requests[0]
		x.Reviews = slices.Clone(x.Reviews)
		switch r.IntN(4) {
		case 0:
			if i := slices.IndexFunc(x.Reviews, func(v policy.RequestReview) bool { return v.State == policy.ReviewApproved }); i >= 0 {
				x.Reviews = slices.Delete(x.Reviews, i, i+1)
			}
		case 1:
			x.Reviews = append(x.Reviews, policy.RequestReview{Account: who[r.IntN(len(who))], State: policy.ReviewRefused, Time: now.Add(-time.Duration(r.IntN(200)) * time.Minute)})
		case 2:
			x.Makers = append(slices.Clone(x.Makers), policy.Maker{Account: who[r.IntN(len(who))], Role: policy.Roles[r.IntN(len(policy.Roles))], Where: "x", Mark: "x"})
		default:
			less.change.Commits = append(slices.Clone(s.change.Commits), policy.Commit{ID: other})
		}
		if less.judge(t).Outcome() == verdict.Allow {
			t.Fatalf("%+v\nallows, and %+v does not", x, q)
		}
	}
	if allowed < 100 || allowed > 1400 {
		t.Errorf("%d of 1500 enter, want some that do and some that do not", allowed)
	}
}

// A change of the policy that asks less of the source is told.
func TestD15_a_source_that_asks_for_less(t *testing.T) {
	for now, want := range map[string]string{
		"{reviewed: 2}": "a commit without a verified signature is accepted", "{verified: required}": "reviewed of source is 0, and was 2",
		"{verified: required, reviewed: 1}":                            "reviewed of source is 1, and was 2",
		"{verified: required, reviewed: 2, accepted: [" + other + "]}": "source accepts commit 1f2e3d4c5b6a",
	} {
		got := policy.Looser(read(t, sourced(t, "{verified: required, reviewed: 2}")), read(t, sourced(t, now)), "production")
		if len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%s: %q, want %q", now, got, want)
		}
	}
	got := policy.Looser(read(t, sourced(t, "{verified: required, reviewed: 2}")), read(t, good), "production")
	if len(got) != 2 {
		t.Errorf("without it: %q, want both", got)
	}
}
