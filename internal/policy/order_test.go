package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

func TestI13_an_approval_signed_before_its_release_set_is_void(t *testing.T) {
	before := func(d time.Duration) scene { // the set is an hour old
		return setting(t, one(t), at(time.Hour+d, ballot{by: alice}))
	}
	for _, d := range []time.Duration{-time.Minute, 0, policy.Skew} {
		wantAllowed(t, before(d).judge(t))
	}
	s := before(policy.Skew + time.Second)
	if f := wantRefused(t, s.judge(t), "E_APPROVAL_STALE"); !strings.HasSuffix(f.Reason, "it was signed before its release set") {
		t.Errorf("reason = %q, want which it is", f.Reason)
	}
	// To sign the set once more does not make it later.
	in := before(0).input(t)
	again := in.Candidates[0].Facts[1]
	again.Time = now.Add(-time.Minute)
	in.Candidates[0].Facts = append(in.Candidates[0].Facts, again)
	wantAllowed(t, evaluate(in))
	r := review(alice)
	r.Time = now.Add(-time.Hour - policy.Skew - time.Second)
	p := page(t, reviewed(t), r)
	p.reviews.Timed = true
	wantRefused(t, p.judge(t), "E_APPROVAL_STALE")
	p.reviews.List[0].Time = now.Add(-time.Hour - policy.Skew)
	wantAllowed(t, p.judge(t))
}

// third is a commit that came before what was deployed when alice looked.
const third = "3f2e3d4c5b6a79883f2e3d4c5b6a79883f2e3d4c"

// moving is a scene in which alice has been shown what enters since other; then
// change happens.
func moving(t *testing.T, change func(*policy.Change)) policy.Input {
	t.Helper()
	s := setting(t, one(t), yes(alice)...)
	s.change.Commits = []policy.Commit{{ID: commit}}
	_, r, _ := s.set(t)
	s.release = func(x *statement.Release) { x.Shown = r.Shown }
	change(&s.change)
	return s.input(t)
}

func TestI06_an_approval_is_void_when_the_environment_goes_back(t *testing.T) {
	for name, x := range map[string]struct {
		change func(*policy.Change)
		want   string // the reason, or that it is allowed
	}{
		"nothing has happened": {func(*policy.Change) {}, ""},
		"it went on": {func(c *policy.Change) {
			c.Base, c.Commits = strings.Repeat("5", 40), c.Commits[:1]
		}, ""},
		"it came in": {func(c *policy.Change) { c.Base, c.Commits, c.Order = commit, nil, policy.Same }, ""},
		"it went back": {func(c *policy.Change) {
			c.Base, c.Commits = third, append(slices.Clone(c.Commits), policy.Commit{ID: other})
		}, "the environment went back since, and commits enter that were not shown"},
		"what was deployed is gone": {func(c *policy.Change) {
			c.Base, c.Order, c.Commits = "", policy.First, append(slices.Clone(c.Commits), policy.Commit{ID: other}, policy.Commit{ID: third})
		}, "what is deployed was taken away since, and commits enter that were not shown"},
		"what was deployed is gone, and what enters is not all told": {func(c *policy.Change) {
			c.Base, c.Order, c.Commits = "", policy.First, c.Commits[:1]
		}, "what is deployed was taken away since, and commits enter that were not shown"},
	} {
		v := evaluate(moving(t, x.change))
		if x.want == "" {
			if v.Outcome() != verdict.Allow {
				t.Errorf("%s: outcome = %v for %+v, want allow", name, v.Outcome(), refusals(v))
			}
			continue
		}
		if f := wantRefused(t, v, "E_APPROVAL_STALE"); !strings.HasSuffix(f.Reason, x.want) || f.Found != "the commits since "+other[:12] {
			t.Errorf("%s: reason = %q, found %q, want %q", name, f.Reason, f.Found, x.want)
		}
	}
}

func TestI06_what_was_shown_is_of_this_build_in_this_environment(t *testing.T) {
	for name, shown := range map[string][]statement.Span{
		"nothing":             nil,
		"another environment": {{Environment: "staging", Commit: commit, Since: other}},
		"another build":       {{Environment: "production", Commit: other}},
		"nothing of the build, as it was older than what was deployed": {{Environment: "production", Commit: commit, Since: commit}},
	} {
		s := setting(t, one(t), ballot{by: alice, say: func(a *statement.Approval) { a.Shown = shown }})
		s.change.Commits = []policy.Commit{{ID: commit}}
		if v := s.judge(t); v.Outcome() != verdict.Deny || refusals(v)[0].Code != "E_APPROVAL_STALE" {
			t.Errorf("%s: outcome = %v, want that it is void", name, v.Outcome())
		}
	}
	s := setting(t, one(t), ballot{by: alice, say: func(a *statement.Approval) { a.Shown[0].Since = "" }})
	s.change.Commits = []policy.Commit{{ID: commit}, {ID: other}}
	wantAllowed(t, s.judge(t)) // everything was shown
	s.change.Base, s.change.Order = "", policy.First
	wantAllowed(t, s.judge(t)) // and still nothing is deployed
}

// The artifacts of one build may have entered at several commits before: what was shown
// of one of them was shown.
func TestI06_what_was_shown_of_an_artifact_of_the_same_build_counts(t *testing.T) {
	two := []statement.Span{{Environment: "production", Commit: commit, Since: third}, {Environment: "production", Commit: commit, Since: other}}
	s := setting(t, one(t), ballot{by: alice, say: func(a *statement.Approval) { a.Shown = two }})
	s.change.Commits = []policy.Commit{{ID: commit}, {ID: third}}
	wantAllowed(t, s.judge(t))
	two[1].Since = commit // and nothing more of the other one
	if v := s.judge(t); v.Outcome() != verdict.Deny || refusals(v)[0].Code != "E_APPROVAL_STALE" {
		t.Errorf("outcome = %v, want that it is void", v.Outcome())
	}
}

// The page shows nothing of its own: a review was shown what the release set says.
func TestI06_a_review_is_bound_to_what_the_release_set_shows(t *testing.T) {
	s := page(t, reviewed(t), review(alice))
	s.change.Commits = []policy.Commit{{ID: commit}}
	wantAllowed(t, s.judge(t))
	_, r, d := s.set(t)
	s.release = func(x *statement.Release) { x.Shown = r.Shown }
	s.change.Base, s.change.Commits = third, append(s.change.Commits, policy.Commit{ID: other})
	s.reviews.List[0].Comment = "go, " + d.String()
	wantRefused(t, s.judge(t), "E_APPROVAL_STALE")
}

func TestShown_is_nothing_where_what_is_deployed_does_not_come_before(t *testing.T) {
	for o, want := range map[policy.Order]string{
		policy.First: other, policy.Same: other, policy.Newer: other, policy.Overtaken: other, policy.Older: commit, policy.Diverged: commit, policy.OrderUnknown: commit,
	} {
		in := policy.Input{Environment: "production", Changes: []policy.Change{{Head: commit, Base: other, Order: o}, {Head: commit, Base: other, Order: o}}}
		if got := policy.Shown(in); !slices.Equal(got, []statement.Span{{Environment: "production", Commit: commit, Since: want}}) {
			t.Errorf("order %d: shown = %+v, want since %s", o, got, want)
		}
	}
}
