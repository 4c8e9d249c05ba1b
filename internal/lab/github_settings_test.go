package lab

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"testing"
)

type environmentAnswer struct {
	ID     int64   `json:"id"`
	Bypass bool    `json:"can_admins_bypass"`
	Policy *object `json:"deployment_branch_policy"`
	Rules  []struct {
		Type      string   `json:"type"`
		Wait      int      `json:"wait_timer"`
		NotSelf   bool     `json:"prevent_self_review"`
		Reviewers []object `json:"reviewers"`
	} `json:"protection_rules"`
}

const wholeEnvironment = `{"wait_timer":30,"prevent_self_review":true,"can_admins_bypass":false,"reviewers":[{"type":"User","id":88}],
	"deployment_branch_policy":{"protected_branches":false,"custom_branch_policies":true}}`

// Whoever sets one thing of an environment resets all others: that is how a
// small change takes a protection away.
func TestGitHubEnvironmentIsReplaced(t *testing.T) {
	const path = "/environments/production"
	repo := aRepo(t, "replaced", `{}`)
	gitHubStatus(t, http.MethodPut, repo+path, wholeEnvironment, 200)
	whole := gitHubGet[environmentAnswer](t, repo+path)
	if len(whole.Rules) != 3 || whole.Rules[0].Wait != 30 || !whole.Rules[1].NotSelf || len(whole.Rules[1].Reviewers) != 1 || whole.Bypass || whole.Policy == nil {
		t.Errorf("environment = %+v, want all that was set", whole)
	}
	gitHubStatus(t, http.MethodPut, repo+path, `{"wait_timer":5}`, 200)
	less := gitHubGet[environmentAnswer](t, repo+path)
	if len(less.Rules) != 1 || less.Rules[0].Wait != 5 || !less.Bypass || less.Policy != nil || less.ID != whole.ID {
		t.Errorf("environment = %+v, want a wait of 5 and nothing else, under the same id", less)
	}
	gitHubStatus(t, http.MethodPut, repo+path, "", 200)
	if bare := gitHubGet[environmentAnswer](t, repo+path); len(bare.Rules) != 0 || !bare.Bypass {
		t.Errorf("environment = %+v, want it bare", bare)
	}
}

// What GitHub does not take it refuses, and changes nothing.
func TestGitHubEnvironmentRefused(t *testing.T) {
	const path = "/environments/production"
	repo := aRepo(t, "refusedenv", `{}`)
	gitHubStatus(t, http.MethodPut, repo+path, wholeEnvironment, 200)
	before := gitHubGet[environmentAnswer](t, repo+path)
	for body, want := range map[string]int{
		`{"wait_timer":-1}`:                           422,
		`{"wait_timer":43201}`:                        422,
		`{"reviewers":[{"type":"User","id":123123}]}`: 422,
		`{"reviewers":[{"type":"Team","id":88}]}`:     422,
		`{"reviewers":[{"id":1},{"id":1},{"id":1},{"id":1},{"id":1},{"id":1},{"id":1}]}`:           422,
		`{"deployment_branch_policy":{"protected_branches":true,"custom_branch_policies":true}}`:   422,
		`{"deployment_branch_policy":{"protected_branches":false,"custom_branch_policies":false}}`: 422,
		`{"required_reviewers":[]}`: 400,
	} {
		gitHubStatus(t, http.MethodPut, repo+path, body, want)
	}
	if after := gitHubGet[environmentAnswer](t, repo+path); !reflect.DeepEqual(after, before) {
		t.Errorf("environment = %+v, want %+v", after, before)
	}
}

// A plan without reviewers refuses settings that name them, and one without
// environments has none; a public repository has everything.
func TestGitHubPlans(t *testing.T) {
	for i, c := range []struct {
		visibility, plan  string
		whole, least, get int
	}{
		{"public", "free", 200, 200, 200},
		{"private", "free", 404, 404, 404},
		{"private", "team", 422, 200, 200},
		{"internal", "team", 422, 200, 200},
		{"private", "enterprise", 200, 200, 200},
	} {
		repo := aRepo(t, fmt.Sprintf("plan%d", i), fmt.Sprintf(`{"visibility":%q,"unprotected":["production"]}`, c.visibility))
		set(t, repo, "/plan", fmt.Sprintf(`{"name":%q}`, c.plan))
		gitHubStatus(t, http.MethodPut, repo+"/environments/production", wholeEnvironment, c.whole)
		gitHubStatus(t, http.MethodPut, repo+"/environments/production", `{"reviewers":null}`, c.whole)
		gitHubStatus(t, http.MethodPut, repo+"/environments/production", `{"deployment_branch_policy":null}`, c.least)
		gitHubStatus(t, http.MethodGet, repo+"/environments/production", "", c.get)
		gitHubStatus(t, http.MethodGet, repo+"/environments", "", c.get)
	}
}

// Branch policies can be made, renamed and taken away where an environment
// has policies of its own, and only there.
func TestGitHubBranchPolicies(t *testing.T) {
	repo := aRepo(t, "policies", `{"unprotected":["open"]}`)
	const path = "/environments/production/deployment-branch-policies"
	gitHubStatus(t, http.MethodPut, repo+"/environments/production", wholeEnvironment, 200)
	made := decode[struct{ ID int64 }](t, gitHubStatus(t, http.MethodPost, repo+path, `{"name":"main"}`, 200))
	gitHubStatus(t, http.MethodPost, repo+path, `{"name":"main","type":"branch"}`, 303)
	gitHubStatus(t, http.MethodPost, repo+path, `{"name":"main","type":"tag"}`, 200)
	gitHubStatus(t, http.MethodPost, repo+path, `{"name":"main","type":"any"}`, 400)
	one := fmt.Sprintf("%s/%d", path, made.ID)
	gitHubStatus(t, http.MethodPut, repo+one, `{"name":"release/*"}`, 200)
	if got := gitHubGet[object](t, repo+one); got["name"] != "release/*" || got["type"] != "branch" {
		t.Errorf("policy = %v, want branch release/*", got)
	}
	if got := gitHubGet[object](t, repo+path); got["total_count"] != 2.0 {
		t.Errorf("policies = %v, want two", got)
	}
	gitHubStatus(t, http.MethodDelete, repo+one, "", 204)
	gitHubStatus(t, http.MethodDelete, repo+one, "", 404)
	gitHubStatus(t, http.MethodPost, repo+"/environments/open/deployment-branch-policies", `{"name":"main"}`, 404)
	gitHubStatus(t, http.MethodPost, repo+"/environments/none/deployment-branch-policies", `{"name":"main"}`, 404)
	gitHubStatus(t, http.MethodPut, repo+"/environments/production", `{}`, 200)
	if got := gitHubGet[object](t, repo+path); got["total_count"] != 0.0 {
		t.Errorf("policies = %v, want none after the environment was replaced", got)
	}
}

// Secrets are listed by name, at the place where they are.
func TestGitHubSecrets(t *testing.T) {
	repo := aRepo(t, "secrets", `{"protected":["production"]}`)
	set(t, repo, "/secrets", `{"repository":["NPM_TOKEN"],"environments":{"production":["DEPLOY_KEY","OTHER"]}}`)
	for path, want := range map[string]string{"/actions/secrets": "NPM_TOKEN", "/environments/production/secrets": "DEPLOY_KEY OTHER"} {
		got := ""
		for _, s := range gitHubGet[struct{ Secrets []struct{ Name string } }](t, repo+path).Secrets {
			got += " " + s.Name
		}
		if got != " "+want {
			t.Errorf("%s =%s, want %s", path, got, want)
		}
	}
	gitHubStatus(t, http.MethodGet, repo+"/environments/none/secrets", "", 404)
}

// What jobs may do by default, and which actions they may use.
func TestGitHubActionsPermissions(t *testing.T) {
	repo := aRepo(t, "permissions", `{}`)
	want := map[string]string{
		"/actions/permissions":          `{"allowed_actions":"all","enabled":true,"sha_pinning_required":false}`,
		"/actions/permissions/workflow": `{"can_approve_pull_request_reviews":false,"default_workflow_permissions":"read"}`,
	}
	check := func() {
		t.Helper()
		for path, want := range want {
			if got, err := json.Marshal(gitHubGet[object](t, repo+path)); err != nil || string(got) != want {
				t.Errorf("%s = %s, %v, want %s", path, got, err, want)
			}
		}
	}
	check()
	set(t, repo, "/actions_permissions", `{"allowed_actions":"selected","default_workflow_permissions":"write"}`)
	want["/actions/permissions"] = `{"allowed_actions":"selected","enabled":true,"sha_pinning_required":false}`
	want["/actions/permissions/workflow"] = `{"can_approve_pull_request_reviews":false,"default_workflow_permissions":"write"}`
	check()
}

// A branch says whether it is protected, and its rules what by.
func TestGitHubBranches(t *testing.T) {
	repo := aRepo(t, "branches", `{}`)
	set(t, repo, "/history", forked)
	set(t, repo, "/branches/side%2Fway", `{"protected":false,"rules":[{"type":"required_signatures"}]}`)
	set(t, repo, "/branches/v1", `{"protected":true}`)
	for name, want := range map[string]struct {
		protected bool
		rules     int
	}{"main": {true, 3}, "side/way": {false, 1}} {
		got := gitHubGet[struct {
			Name      string
			Protected bool
		}](t, repo+"/branches/"+name)
		if got.Name != name || got.Protected != want.protected {
			t.Errorf("branch = %+v, want %s, protected %v", got, name, want.protected)
		}
		if rules := gitHubGet[[]object](t, repo+"/rules/branches/"+name); len(rules) != want.rules || rules[0]["ruleset_source_type"] != "Repository" {
			t.Errorf("rules of %s = %v, want %d of the repository", name, rules, want.rules)
		}
	}
	gitHubStatus(t, http.MethodGet, repo+"/branches/v1", "", 404)
	if rules := gitHubGet[[]object](t, repo+"/rules/branches/none"); len(rules) != 0 {
		t.Errorf("rules of a name without any = %v, want none", rules)
	}
}

// A client that has an answer is told that it is still good, without a body,
// until it is not.
func TestGitHubNotModified(t *testing.T) {
	repo := aRepo(t, "cached", `{}`)
	const path = "/actions/runs/1000001"
	resp, _ := gitHubCall(t, http.MethodGet, repo+path, "")
	etag := resp.header.Get("ETag")
	again := func() (reply, []byte) {
		return do(t, call{url: labUnderTest.GitHub + "/api/v3" + repo + path, header: map[string]string{
			"Authorization": "Bearer " + labUnderTest.tokens.github, "If-None-Match": `"other", ` + etag,
		}})
	}
	if resp, b := again(); etag == "" || resp.status != 304 || len(b) != 0 || resp.header.Get("ETag") != etag {
		t.Errorf("second time: status %d, %d bytes, ETag %q; want 304, none, %q", resp.status, len(b), resp.header.Get("ETag"), etag)
	}
	seen := decode[[]Request](t, control(t, http.MethodGet, "/requests", ""))
	if last := seen[len(seen)-1]; last.Status != 304 || last.Path != "/api/v3"+repo+path {
		t.Errorf("last request = %+v, want the one with status 304", last)
	}
	set(t, repo, "/runs/1000001", `{"status":"completed"}`)
	if resp, b := again(); resp.status != 200 || len(b) == 0 || resp.header.Get("ETag") == etag {
		t.Errorf("after a change: status %d, %d bytes, want 200 and another ETag", resp.status, len(b))
	}
}
