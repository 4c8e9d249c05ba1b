package gitlab_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Approvals protect an environment if there is somebody who could say no; a
// group of one is a person under another name, and an entry about nobody none.
func TestG07_who_is_asked(t *testing.T) {
	s := play(t, 8140)
	s.l.Set(t, "/gitlab/groups/81401", fields{"path": "one", "members": []fields{{"id": 88, "access_level": 30}}})
	s.l.Set(t, "/gitlab/groups/81402", fields{"path": "two", "members": []fields{{"id": 88, "access_level": 30}, {"id": 89, "access_level": 30}}})
	s.fail("GET .*/groups/81403/members", http.StatusForbidden)
	s.l.Set(t, "/gitlab/groups/81404", fields{"path": "one/sub", "parent_id": 81401, "members": []fields{{"id": 89, "access_level": 30}}})
	s.l.Set(t, "/gitlab/groups/81405", fields{"path": "bots", "members": []fields{{"id": 88, "access_level": 30}, {"id": 81490, "username": "deployer", "bot": true, "access_level": 30}}})
	s.set("/environments/e", fields{})
	for name, x := range map[string]struct {
		deploy, rules []fields
		state         policy.State
		people        int
		unseen        int
		byReview      bool
	}{
		"a person":                     {nil, []fields{{"user_id": 88, "required_approvals": 1}}, policy.Protected, 1, 0, true},
		"a role":                       {nil, []fields{{"access_level": 40, "required_approvals": 2}}, policy.Protected, 2, 0, true},
		"a group":                      {nil, []fields{{"group_id": 81402, "required_approvals": 1}}, policy.Protected, 2, 0, true},
		"a group of one":               {nil, []fields{{"group_id": 81401, "required_approvals": 1}}, policy.Unprotected, 0, 0, true},
		"a group of one, above it one": {nil, []fields{{"group_id": 81404, "required_approvals": 1}}, policy.Unprotected, 0, 0, true},
		"with those above it":          {nil, []fields{{"group_id": 81404, "required_approvals": 1, "group_inheritance_type": 1}}, policy.Protected, 2, 0, true},
		"a person and a machine":       {nil, []fields{{"group_id": 81405, "required_approvals": 1}}, policy.Unprotected, 0, 0, true},
		"a group that may not be seen": {nil, []fields{{"group_id": 81403, "required_approvals": 1}}, policy.Protected, 0, 1, true},
		"an entry about nobody":        {nil, []fields{{"required_approvals": 1}}, policy.Unprotected, 0, 0, true},
		"no approvals wanted":          {nil, []fields{{"user_id": 88, "required_approvals": 0}}, policy.Unprotected, 0, 0, true},
		"who may deploy":               {maintainers, []fields{{"group_id": 81401, "required_approvals": 1}}, policy.Protected, 0, 0, false},
		"nobody may deploy":            {[]fields{{"id": 1}}, nil, policy.Unprotected, 0, 0, true},
	} {
		s.set("/protected_environments/e", fields{"deploy_access_levels": append([]fields{}, x.deploy...), "approval_rules": append([]fields{}, x.rules...)})
		p := s.protection("e")
		if p.State != x.state || p.People != x.people || len(p.Unseen) != x.unseen || p.State == policy.Protected && p.ByReview != x.byReview {
			t.Errorf("%s: %+v; want state %v, %d people, %d unseen, by review %v", name, p, x.state, x.people, x.unseen, x.byReview)
		}
	}
	if p := s.protection("nowhere"); p.State != policy.Missing || !strings.Contains(p.Found, "that this token may see") {
		t.Errorf("an environment that is not shown: %+v, want missing as far as this token may see", p)
	}
}
