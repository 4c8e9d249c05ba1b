package github_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Reviewers protect an environment if there is somebody who could say no; a team
// of one is a person under another name.
func TestG07_who_is_asked(t *testing.T) {
	w := newWorld(t, "whoisasked")
	w.lab.Set(t, "/github/orgs/acme/teams/one", object{"id": 8201, "members": []object{alice}})
	w.lab.Set(t, "/github/orgs/acme/teams/two", object{"id": 8202, "members": []object{alice, bob}})
	user := func(u object) object { return object{"type": "User", "reviewer": whole(u)} }
	team := func(id int, slug string) object {
		return object{"type": "Team", "reviewer": object{"id": id, "slug": slug, "name": slug, "node_id": "x", "url": "https://x.example/", "html_url": "https://x.example/", "members_url": "https://x.example/",
			"repositories_url": "https://x.example/", "permission": "pull", "description": nil, "parent": nil}}
	}
	for name, x := range map[string]struct {
		reviewers []object
		state     policy.State
		people    int
		unseen    string
		found     string
	}{
		"a person":                     {[]object{user(bob)}, policy.Protected, 1, "", ""},
		"two people":                   {[]object{user(bob), user(carol)}, policy.Protected, 2, "", ""},
		"a team":                       {[]object{team(8202, "two")}, policy.Protected, 2, "", ""},
		"a team and one of it":         {[]object{team(8202, "two"), user(bob)}, policy.Protected, 2, "", ""},
		"a team of one":                {[]object{team(8201, "one")}, policy.Unprotected, 0, "", "team acme/one, which has 1 member"},
		"a team of one and a person":   {[]object{team(8201, "one"), user(bob)}, policy.Protected, 1, "", ""},
		"a team that may not be seen":  {[]object{team(8203, "hidden")}, policy.Protected, 0, "acme/hidden", ""},
		"nobody":                       {[]object{}, policy.Unprotected, 0, "", "a review by nobody"},
		"a reviewer who is not there":  {[]object{{"type": "User"}}, policy.Unprotected, 0, "", "a review by nobody"},
		"a team that is not there":     {[]object{{"type": "Team"}}, policy.Unprotected, 0, "", "a review by nobody"},
		"nobody, and somebody besides": {[]object{{"type": "User"}, user(bob)}, policy.Protected, 1, "", ""},
	} {
		w.set("/environments/production", object{"can_admins_bypass": false, "protection_rules": []object{{"id": 1, "node_id": "x", "type": "required_reviewers", "prevent_self_review": true, "reviewers": x.reviewers}}})
		w.again()
		p, err := w.job.Environment(context.Background(), "production")
		if err != nil || p.State != x.state || p.People != x.people || strings.Join(p.Unseen, " ") != x.unseen || !strings.Contains(p.Found, x.found) || p.State == policy.Protected && !p.ByReview {
			t.Errorf("%s: %+v, %v; want state %v, %d people, unseen %q, found %q", name, p, err, x.state, x.people, x.unseen, x.found)
		}
	}
}

// One's own review decides nothing: then something else has to protect the
// environment, and is asked about.
func TestG07_own_review_and_what_else_protects(t *testing.T) {
	w := newWorld(t, "ownreview")
	rules := func(self bool, more ...object) []object {
		return append([]object{{"id": 1, "node_id": "x", "type": "required_reviewers", "prevent_self_review": !self, "reviewers": []object{{"type": "User", "reviewer": whole(bob)}}}}, more...)
	}
	branches := object{"id": 2, "node_id": "x", "type": "branch_policy"}
	for name, x := range map[string]struct {
		rules    []object
		pattern  string
		byReview bool
	}{
		"somebody else's review":       {rules(false), "", true},
		"one's own":                    {rules(true), "", true},
		"one's own and a pattern":      {rules(true, branches), "main", false},
		"one's own and every branch":   {rules(true, branches), "*", true},
		"one's own and no pattern yet": {rules(true, branches), "", true},
	} {
		var policies any
		list := []object{}
		if len(x.rules) > 1 {
			policies = object{"protected_branches": false, "custom_branch_policies": true}
		}
		if x.pattern != "" {
			list = append(list, object{"id": 3, "node_id": "x", "name": x.pattern, "type": "branch"})
		}
		w.set("/environments/production", object{"can_admins_bypass": false, "protection_rules": x.rules, "deployment_branch_policy": policies})
		w.set("/environments/production/branch_policies", list)
		w.again()
		p, err := w.job.Environment(context.Background(), "production")
		if err != nil || p.State != policy.Protected || p.ByReview != x.byReview {
			t.Errorf("%s: %+v, %v; want protected, by review alone: %v", name, p, err, x.byReview)
		}
	}
}

// "Protected branches only" keeps nobody out while no branch is protected, and
// what is not shown is not known to be.
func TestG07_protected_branches_only(t *testing.T) {
	w := newWorld(t, "protectedonly")
	w.set("/environments/production", object{"can_admins_bypass": false, "protection_rules": []object{{"id": 2, "node_id": "x", "type": "branch_policy"}},
		"deployment_branch_policy": object{"protected_branches": true, "custom_branch_policies": false}})
	look := func() policy.Protection {
		t.Helper()
		w.again()
		p, err := w.job.Environment(context.Background(), "production")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := look(); p.State != policy.Protected {
		t.Errorf("main is protected: %+v, want protected", p)
	}
	w.set("/branches/main", object{"protected": false, "rules": []object{}})
	if p := look(); p.State != policy.Unprotected || !strings.Contains(p.Found, "none is protected") {
		t.Errorf("no branch is protected: %+v, want unprotected", p)
	}
	w.set("/branches/main", object{"protected": true})
	w.lab.Fault(t, object{"target": "github", "match": "GET .*/protectedonly/branches", "status": 404, "times": 1})
	if p := look(); p.State != policy.Unprotected || !strings.Contains(p.Found, "nothing is known") {
		t.Errorf("the branches are not shown: %+v, want unprotected", p)
	}
	w.lab.Fault(t, object{"target": "github", "match": "GET .*/protectedonly/environments/production/deployment_protection_rules", "status": 404, "times": 1})
	w.set("/branches/main", object{"protected": false, "rules": []object{}})
	if p := look(); p.State != policy.Unprotected || !strings.Contains(p.Found, "apps that decide, of which nothing is known") {
		t.Errorf("the custom rules are not shown: %+v, want unprotected", p)
	}
}
