package github_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/doctor"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/raised"
)

func decode(r *http.Response, v any) error {
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", r.StatusCode)
	}
	return json.NewDecoder(r.Body).Decode(v)
}

// rules lists the findings as "severity rule".
func (w *world) rules(wish ...doctor.Want) string {
	w.t.Helper()
	w.again()
	all, err := w.job.Audit(context.Background(), wish)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, f := range raised.Note(all) {
		if f.Message == "" || f.Code == "" || f.Severity != finding.Note && f.Hint == "" && f.Rule != finding.EnvironmentUnprotected {
			w.t.Errorf("finding %+v, want a message, a code and a hint", f)
		}
		out = append(out, f.Severity.String()+" "+f.Rule.String())
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}

// A repository whose settings are as they should be has no findings; each
// mistake has its own, and no other.
func TestDoctor_settings(t *testing.T) {
	w := newWorld(t, "audit")
	wish := want(member("bob", 88))
	good := func() {
		w.set("/environments/production", object{
			"can_admins_bypass": false, "deployment_branch_policy": object{"protected_branches": false, "custom_branch_policies": true},
			"protection_rules": []object{
				{"id": 2, "node_id": "x", "type": "branch_policy"},
				{"id": 3, "node_id": "x", "type": "required_reviewers", "prevent_self_review": true, "reviewers": []object{{"type": "User", "reviewer": whole(bob)}}},
			},
		})
		w.set("/environments/production/branch_policies", []object{{"id": 1, "node_id": "x", "name": "main", "type": "branch"}, {"id": 2, "node_id": "x", "name": "v*", "type": "tag"}})
		w.set("/secrets", object{"repository": []string{}, "environments": object{"production": []string{"KEY"}}})
		w.set("/actions_permissions", object{"default_workflow_permissions": "read", "can_approve_pull_request_reviews": false, "sha_pinning_required": true})
		w.set("/branches/main", object{"protected": true})
	}
	good()
	if got := w.rules(wish); got != "" {
		t.Fatalf("findings %s, want none", got)
	}
	environment := func(fields object) func() {
		return func() {
			var e object
			w.get("/environments/production", &e)
			delete(e, "id")
			w.set("/environments/production", merge(e, fields))
		}
	}
	reviewers := func(self bool, who ...object) []object {
		all := []object{}
		for _, u := range who {
			all = append(all, object{"type": "User", "reviewer": whole(u)})
		}
		return []object{{"id": 2, "node_id": "x", "type": "branch_policy"}, {"id": 3, "node_id": "x", "type": "required_reviewers", "prevent_self_review": !self, "reviewers": all}}
	}
	for name, c := range map[string]struct {
		spoil func()
		want  string
	}{
		"missing":      {func() { w.lab.Unset(t, w.path("/environments/production")) }, "error environment-missing"},
		"no rule":      {environment(object{"protection_rules": []object{}, "deployment_branch_policy": nil}), "error environment-reviewers, error environment-unprotected, warning environment-branches"},
		"a wait":       {environment(object{"protection_rules": []object{{"id": 1, "node_id": "x", "type": "wait_timer", "wait_timer": 5}}, "deployment_branch_policy": nil}), "error environment-reviewers, error environment-wait-only, warning environment-branches"},
		"bypass":       {environment(object{"can_admins_bypass": true}), "error environment-bypass"},
		"every branch": {environment(object{"deployment_branch_policy": nil, "protection_rules": reviewers(false, bob)[1:]}), "warning environment-branches"},
		"a pattern for all": {func() {
			w.set("/environments/production/branch_policies", []object{{"id": 1, "node_id": "x", "name": "*", "type": "branch"}})
		}, "warning environment-branches"},
		"a pattern missing": {func() {
			w.set("/environments/production/branch_policies", []object{{"id": 1, "node_id": "x", "name": "main", "type": "branch"}})
		}, "warning environment-branches"},
		"protected, no tags": {environment(object{"deployment_branch_policy": object{"protected_branches": true, "custom_branch_policies": false}}), "warning environment-branches"},
		"nobody":             {environment(object{"protection_rules": reviewers(false)}), "error environment-reviewers"},
		"others":             {environment(object{"protection_rules": reviewers(false, eve)}), "warning environment-reviewers"},
		"others too":         {environment(object{"protection_rules": reviewers(false, bob, eve)}), "warning environment-reviewers"},
		"self":               {environment(object{"protection_rules": reviewers(true, bob)}), "warning environment-reviewers"},
		"self, and no more":  {environment(object{"deployment_branch_policy": nil, "protection_rules": reviewers(true, bob)[1:]}), "error environment-self-review, warning environment-branches, warning environment-reviewers"},
		"secrets":            {func() { w.set("/secrets", object{"repository": []string{"DEPLOY_KEY"}}) }, "warning secrets-everywhere"},
		"write":              {func() { w.set("/actions_permissions", object{"default_workflow_permissions": "write"}) }, "warning token-write"},
		"approve":            {func() { w.set("/actions_permissions", object{"can_approve_pull_request_reviews": true}) }, "warning token-write"},
		"pins":               {func() { w.set("/actions_permissions", object{"sha_pinning_required": false}) }, "note actions-unpinned"},
		"branch":             {func() { w.set("/branches/main", object{"protected": false}) }, "warning branch-unprotected"},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			good()
			c.spoil()
			if got := w.rules(wish); got != c.want {
				t.Errorf("findings %s, want %s", got, c.want)
			}
		})
	}
	w.t = t
	good()
	environment(object{"protection_rules": append(reviewers(false, bob), object{"id": 9, "node_id": "x", "type": "moon_phase"})})()
	if got := w.rules(wish); got != "note environment-unprotected" {
		t.Errorf("a rule of tomorrow: %s, want a note", got)
	}
	w.lab.Contract(t)
}

// What a token may not see is said, with what it would need; it is not taken
// for good.
func TestDoctor_settings_that_cannot_be_seen(t *testing.T) {
	j := at(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/environments/production") {
			fmt.Fprint(w, strong)
			return
		}
		if strings.Contains(r.URL.Path, "/environments/") {
			fmt.Fprint(w, `{"total_count":0,"custom_deployment_protection_rules":[]}`)
			return
		}
		w.WriteHeader(map[bool]int{true: 404, false: 403}[strings.HasSuffix(r.URL.Path, "secrets")])
		fmt.Fprint(w, "{}")
	})
	all, err := j.Audit(context.Background(), []doctor.Want{{Environment: "production", Refs: []string{"refs/heads/main"}}})
	if err != nil {
		t.Fatal(err)
	}
	unseen := 0
	for _, f := range raised.Note(all) {
		if f.Rule == finding.CannotSee && f.Severity == finding.Note && strings.Contains(f.Message, "needs `") {
			unseen++
		}
	}
	if unseen != 4 {
		t.Errorf("%d settings said not to be seen, want 4: %+v", unseen, all)
	}
}
