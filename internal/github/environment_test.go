package github_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// A branch policy protects as far as it names branches.
func TestC13_a_branch_policy_for_every_branch_protects_nothing(t *testing.T) {
	l := labtest.Shared(t)
	l.Set(t, "/github/repos/acme/branches", map[string]any{})
	j, _ := job(t, with(l.As(t, "github", nil), "GITHUB_REPOSITORY", "acme/branches"))
	rules := []any{map[string]any{"id": 1, "node_id": "x", "type": "branch_policy"}}
	shape := map[string]any{"protection_rules": rules, "deployment_branch_policy": map[string]any{"protected_branches": false, "custom_branch_policies": true}}
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf("release-%d", i)
	}
	for _, c := range []struct {
		patterns []string
		want     policy.State
	}{
		{[]string{"main"}, policy.Protected},
		{[]string{"main", "v*", "release/*"}, policy.Protected},
		{[]string{}, policy.Unprotected}, // an empty list is not known to be all
		{[]string{"*"}, policy.Unprotected},
		{[]string{"main", "**/*"}, policy.Unprotected},
		{[]string{"?*"}, policy.Unprotected},
		{many[:100], policy.Protected},
		{many, policy.Unprotected},
	} {
		list := []any{}
		for i, p := range c.patterns {
			list = append(list, map[string]any{"id": i + 1, "node_id": "x", "name": p, "type": "branch"})
		}
		l.Set(t, "/github/repos/acme/branches/environments/production", shape)
		l.Set(t, "/github/repos/acme/branches/environments/production/branch_policies", list)
		p, err := j.Environment(context.Background(), "production")
		if err != nil || p.State != c.want {
			t.Errorf("%d patterns from %.1q: state %v (%v, %q), %v; want %v", len(c.patterns), c.patterns, p.State, p.Rules, p.Found, err, c.want)
		}
	}
}
