package policy_test

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// What protects an environment is compared with what the policy wants of it.
func TestG07_protection_is_what_the_policy_wants(t *testing.T) {
	reviewed := func(people int, self bool) policy.Protection {
		p := guarded
		p.Asked, p.ByReview, p.People, p.Self = true, true, people, self
		return p
	}
	walled := reviewed(1, true)
	walled.ByReview = false // a branch policy keeps others out as well
	unseen := reviewed(0, false)
	unseen.Unseen = []string{"acme/leads"}
	for name, x := range map[string]struct {
		wants  string
		found  policy.Protection
		denied string // a part of the reason; empty: allowed
	}{
		"a review of somebody else":             {"", reviewed(1, false), ""},
		"one's own review":                      {"", reviewed(2, true), "who starts a run may review it"},
		"one's own review, accepted":            {"{self-review: on}", reviewed(1, true), ""},
		"one's own review, and a branch policy": {"", walled, ""},
		"a branch policy, and no own review":    {"{self-review: off}", walled, "who starts a run may review it"},
		"enough people":                         {"{reviewers: 2, self-review: off}", reviewed(2, false), ""},
		"too few people":                        {"{reviewers: 2, self-review: off}", reviewed(1, false), "asks fewer people"},
		"nobody is asked":                       {"{reviewers: 1}", guarded, "asks fewer people"},
		"a team that is not seen counts whole":  {"{reviewers: 2}", unseen, ""},
		"the platform":                          {"platform", reviewed(1, false), ""},
	} {
		text := good
		if x.wants != "" {
			text += "    protection: " + x.wants + "\n"
		}
		in := input(read(t, text), built(t))
		in.Protection = x.found
		v := evaluate(in)
		if x.denied == "" {
			if v.Outcome().String() != "allow" {
				t.Errorf("%s: refused %+v, want allow", name, refusals(v))
			}
			continue
		}
		if bad := refusals(v); len(bad) != 1 || bad[0].Code != "E_ENV_UNPROTECTED" || !strings.Contains(bad[0].Reason, x.denied) {
			t.Errorf("%s: refused %+v, want E_ENV_UNPROTECTED with %q", name, bad, x.denied)
		}
	}
}

// Every verdict shows that one's own review is accepted, and which team counts
// without being seen.
func TestG07_what_protection_lacks_is_shown(t *testing.T) {
	in := input(read(t, good+"    protection: {self-review: on}\n"), built(t))
	in.Protection.Unseen = []string{"acme/leads"}
	v := evaluate(in)
	wantAllowed(t, v)
	if got := strings.Join(v.Accepted, "; "); got != "self-review: on; team acme/leads counts whole: its members may not be seen here" {
		t.Errorf("accepted = %q", got)
	}
}

// Where approvals are the protection, none of this is asked.
func TestG07_approvals_ask_nothing_of_the_platform(t *testing.T) {
	s := setting(t, strings.Replace(second, "    approvals:", "    protection: approvals\n    approvals:", 1), yes(alice, carol)...)
	s.protection.Asked, s.protection.ByReview, s.protection.Self = true, true, true
	s.reviews = policy.Reviews{}
	wantAllowed(t, s.judge(t))
}
