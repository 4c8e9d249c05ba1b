package policy_test

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Whoever may give a run variables runs code in its gate, so nobody may, or
// nobody below the role that the policy accepts, which every verdict shows.
func TestH14_who_may_give_a_run_variables(t *testing.T) {
	nobody, unknown := policy.Variables{Nobody: true}, policy.Variables{Found: "nothing", Setting: "Settings > CI/CD", Need: "a token of a maintainer"}
	role := func(r string) policy.Variables { return policy.Variables{Least: r} }
	for _, x := range []struct {
		accepted string
		found    policy.Variables
		denied   string // a part of the hint or of what is wanted; empty: allowed
	}{
		{"", nobody, ""},
		{"", role("owner"), "pipeline-variables: owner"},
		{"", role("maintainer"), "pipeline-variables: maintainer"},
		{"", role("developer"), "pipeline-variables: developer"},
		{"", role("reporter"), "pipeline-variables: unchecked"},
		{"", unknown, "a token of a maintainer; look at Settings > CI/CD"},
		{"", policy.Variables{}, "pipeline-variables: unchecked"},
		{"nobody", role("owner"), "pipeline-variables: owner"},
		{"owner", nobody, ""},
		{"owner", role("owner"), ""},
		{"owner", role("maintainer"), "no role below owner"},
		{"maintainer", role("owner"), ""},
		{"maintainer", role("maintainer"), ""},
		{"maintainer", role("developer"), "no role below maintainer"},
		{"maintainer", unknown, "a token of a maintainer"},
		{"developer", role("developer"), ""},
		{"unchecked", unknown, ""},
		{"unchecked", policy.Variables{}, ""},
		{"unchecked", nobody, ""},
		{"unchecked", role("developer"), "pipeline-variables: developer"},
	} {
		text := good
		if x.accepted != "" {
			text += "    pipeline-variables: " + x.accepted + "\n"
		}
		in := input(read(t, text), built(t))
		in.Protection.Variables = x.found
		v := evaluate(in)
		if x.accepted != "" && x.accepted != "nobody" && (len(v.Accepted) != 1 || v.Accepted[0] != "pipeline-variables: "+x.accepted) {
			t.Errorf("%s: accepted = %q, want that it is told", x.accepted, v.Accepted)
		}
		if x.denied == "" {
			wantAllowed(t, v)
			continue
		}
		if f := wantDenied(t, v); f.Code != "E_BYPASS" || !strings.Contains(f.Hint+f.Wanted, x.denied) {
			t.Errorf("%s, found %+v: finding = %s %q, wanted %q, hint %q; want E_BYPASS with %q", x.accepted, x.found, f.Code, f.Reason, f.Wanted, f.Hint, x.denied)
		}
	}
}

// Approvals that are the protection do not replace the setting.
func TestH14_approvals_do_not_replace_the_setting(t *testing.T) {
	s := setting(t, strings.Replace(second, "    approvals:", "    protection: approvals\n    approvals:", 1), yes(alice, carol)...)
	wantAllowed(t, s.judge(t))
	s.protection.Variables = policy.Variables{Least: "developer"}
	if f := wantDenied(t, s.judge(t)); f.Code != "E_BYPASS" {
		t.Errorf("finding = %s %q, want E_BYPASS", f.Code, f.Reason)
	}
}
