package lab

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Members of a project are its own and its groups', each once with the highest
// level; an id that is nobody's is not found.
func TestGitLabMembers(t *testing.T) {
	control(t, http.MethodPut, "/gitlab/groups/510", `{"path":"top","members":[{"id":88,"access_level":50},{"id":730,"username":"pat","access_level":20}]}`)
	control(t, http.MethodPut, "/gitlab/groups/511", `{"path":"top/sub","parent_id":510,"members":[{"id":89,"access_level":30}]}`)
	control(t, http.MethodPut, "/gitlab/projects/60", `{"path":"top/sub/p60","namespace_id":511}`)
	control(t, http.MethodPut, "/gitlab/projects/60/members", `[{"id":730,"access_level":40},{"id":731,"username":"kim","state":"blocked","access_level":40}]`)
	levels := map[int64]int64{}
	for _, m := range readGitLab[[]object](t, "/projects/60/members/all") {
		levels[number(m["id"])] = number(m["access_level"])
	}
	if got, want := fmt.Sprint(levels), "map[88:50 89:30 730:40 731:40]"; got != want {
		t.Errorf("levels = %s, want %s", got, want)
	}
	if got := readGitLab[[]object](t, "/groups/top%2Fsub/members"); len(got) != 1 {
		t.Errorf("direct members = %v, want carol alone", got)
	}
	if got := readGitLab[object](t, "/groups/511/members/all/88"); number(got["access_level"]) != 50 {
		t.Errorf("inherited member = %v, want an owner", got)
	}
	if resp, _ := gitLabCall(t, http.MethodGet, "/groups/511/members/88", "", "PRIVATE-TOKEN"); resp.status != 404 {
		t.Errorf("as a direct member: status %d, want 404", resp.status)
	}
}

// Only a user's own page says that he is a bot; lists are by name, exactly.
func TestGitLabUsers(t *testing.T) {
	control(t, http.MethodPut, "/gitlab/users/740", `{"username":"project_20_bot","bot":true,"public_email":"bot@acme.example"}`)
	if got := readGitLab[object](t, "/users/740"); got["bot"] != true || got["state"] != "active" {
		t.Errorf("user = %v, want an active bot", got)
	}
	got := readGitLab[[]object](t, "/users?username=Project_20_Bot")
	if _, says := got[0]["bot"]; len(got) != 1 || says || number(got[0]["id"]) != 740 {
		t.Errorf("users = %v, want one, who is not called a bot here", got)
	}
	if got := readGitLab[[]object](t, "/users?username=project"); len(got) != 0 {
		t.Errorf("users = %v, want none by half a name", got)
	}
	if got := readGitLab[[]object](t, "/users?search=bot@acme.example"); len(got) != 1 {
		t.Errorf("users = %v, want one by the address", got)
	}
	control(t, http.MethodPut, "/gitlab/users/741", `{"username":"gone"}`)
	if resp, b := asUser(t, 741, http.MethodGet, "/user", ""); resp.status != 200 || decode[object](t, b)["username"] != "gone" {
		t.Errorf("as somebody: status %d and %s, want 200 and himself", resp.status, b)
	}
	control(t, http.MethodPut, "/gitlab/users/741", `{"state":"blocked"}`)
	if resp, _ := asUser(t, 741, http.MethodGet, "/users/740", ""); resp.status != 401 {
		t.Errorf("as somebody who is blocked: status %d, want 401", resp.status)
	}
}

// Settings answer what was put, to those who maintain the project.
func TestGitLabSettings(t *testing.T) {
	control(t, http.MethodPut, "/gitlab/projects/61", `{"path":"acme/p61"}`)
	control(t, http.MethodPut, "/gitlab/projects/61/variables", `[{"key":"DEPLOY_KEY","protected":true,"environment_scope":"production"}]`)
	control(t, http.MethodPut, "/gitlab/projects/61/protected_branches", `[{"name":"release/*","allow_force_push":true}]`)
	control(t, http.MethodPut, "/gitlab/projects/61/protected_tags", `[{"name":"v*"}]`)
	control(t, http.MethodPut, "/gitlab/projects/61/lint", `{"valid":true,"merged_yaml":"build:\n  script: make\n"}`)
	for path, want := range map[string]string{
		"/variables":                      `"environment_scope":"production"`,
		"/protected_branches":             `"allow_force_push":true`,
		"/protected_branches/release%2F*": `"push_access_levels"`,
		"/protected_tags/v*":              `"create_access_levels"`,
		"/ci/lint?dry_run=true":           `script: make`,
	} {
		if resp, b := gitLabCall(t, http.MethodGet, "/projects/61"+path, "", "PRIVATE-TOKEN"); resp.status != 200 || !strings.Contains(string(b), want) {
			t.Errorf("%s: status %d and %s, want %s", path, resp.status, b, want)
		}
	}
	control(t, http.MethodPut, "/gitlab/users/742", `{"username":"reader"}`)
	if resp, _ := asUser(t, 742, http.MethodGet, "/projects/61/variables", ""); resp.status != 403 {
		t.Errorf("variables for somebody else: status %d, want 403", resp.status)
	}
	if resp, _ := asUser(t, 742, http.MethodPut, "/projects/61", `{"allow_pipeline_trigger_approve_deployment":true}`); resp.status != 403 {
		t.Errorf("setting by somebody else: status %d, want 403", resp.status)
	}
	if resp, _ := do(t, call{http.MethodPut, labUnderTest.Control + "/gitlab/projects/61/variables", `[{"name":"X"}]`, nil}); resp.status != 400 {
		t.Errorf("a variable without a key: status %d, want 400", resp.status)
	}
}

// A protected name may have stars in it.
func TestGitLabProtectedNames(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"main", "main", true}, {"main", "main2", false}, {"release/*", "release/1", true}, {"release/*", "x/release/1", false},
		{"*-stable", "1-stable", true}, {"*-stable", "1-stable-2", false}, {"*", "", true}, {"a*b*c", "aXbYc", true}, {"a*b*c", "ac", false},
	} {
		if got := matches(c.pattern, c.name); got != c.want {
			t.Errorf("%q protects %q: %v, want %v", c.pattern, c.name, got, c.want)
		}
	}
}

// Jobs of a pipeline come without those that were run again, unless asked
// for; what it triggered is among its bridges.
func TestGitLabPipelines(t *testing.T) {
	control(t, http.MethodPut, "/gitlab/projects/62", `{"path":"acme/p62"}`)
	control(t, http.MethodPut, "/gitlab/projects/62/pipelines/900", `{"source":"web","user":{"id":88},"status":"success","bridges":[{"name":"deploy","downstream_pipeline":{"id":901,"project_id":63}}]}`)
	for id, fields := range map[int]string{1000: `"status":"failed"`, 1001: `"status":"success","user":{"id":89}`, 1002: `"name":"test","status":"success"`} {
		control(t, http.MethodPut, fmt.Sprintf("/gitlab/projects/62/jobs/%d", id), `{"pipeline":{"id":900},`+fields+`}`)
	}
	for query, want := range map[string]int{"": 2, "?include_retried=true": 3, "?include_retried=true&scope[]=failed": 1, "?scope[]=failed&scope[]=success": 2} {
		if got := readGitLab[[]object](t, "/projects/62/pipelines/900/jobs"+query); len(got) != want {
			t.Errorf("%q: %d jobs, want %d", query, len(got), want)
		}
	}
	job := readGitLab[object](t, "/projects/62/jobs/1001")
	if idIn(job["user"]) != 89 || idIn(job["pipeline"]) != 900 || job["pipeline"].(object)["source"] != "web" {
		t.Errorf("job = %v, want carol's in pipeline 900", job)
	}
	bridges := readGitLab[[]object](t, "/projects/62/pipelines/900/bridges")
	if len(bridges) != 1 || idIn(bridges[0]["downstream_pipeline"]) != 901 {
		t.Errorf("bridges = %v, want one to pipeline 901", bridges)
	}
	if resp, _ := gitLabCall(t, http.MethodGet, "/projects/62/pipelines/5/jobs", "", "PRIVATE-TOKEN"); resp.status != 404 {
		t.Errorf("jobs of no pipeline: status %d, want 404", resp.status)
	}
}

// An answer that the client has is not sent again, until it changes.
func TestGitLabETag(t *testing.T) {
	control(t, http.MethodPut, "/gitlab/projects/63", `{"path":"acme/p63","protected":["production"]}`)
	get := func(etag string) (reply, []byte) {
		return do(t, call{http.MethodGet, labUnderTest.GitLab + "/api/v4/projects/63/protected_environments", "",
			map[string]string{"PRIVATE-TOKEN": labUnderTest.tokens.gitlab, "If-None-Match": etag}})
	}
	first, _ := get("")
	etag := first.header.Get("ETag")
	if again, b := get(etag); etag == "" || again.status != 304 || len(b) != 0 {
		t.Errorf("with ETag %q: status %d and %q, want 304 and nothing", etag, again.status, b)
	}
	control(t, http.MethodPut, "/gitlab/projects/63/protected_environments/production", `{"required_approval_count":3}`)
	if again, _ := get(etag); again.status != 200 {
		t.Errorf("after a change: status %d, want 200", again.status)
	}
}

// A deployment speaks of its job, and a job of its pipeline, as they are now.
func TestGitLabDeploymentFollowsJob(t *testing.T) {
	control(t, http.MethodPut, "/gitlab/projects/64", `{"path":"acme/p64"}`)
	control(t, http.MethodPut, "/gitlab/projects/64/jobs/50", `{"name":"deploy","status":"running","pipeline":{"id":51}}`)
	control(t, http.MethodPut, "/gitlab/projects/64/deployments/52", `{"deployable":{"id":50},"environment":{"name":"qa"}}`)
	control(t, http.MethodPut, "/gitlab/projects/64/jobs/50", `{"status":"success"}`)
	control(t, http.MethodPut, "/gitlab/projects/64/pipelines/51", `{"source":"schedule"}`)
	d := readGitLab[struct {
		Environment struct{ Name string }
		Deployable  struct {
			Name, Status string
			Pipeline     struct{ Source string }
		}
	}](t, "/projects/64/deployments/52")
	if d.Environment.Name != "qa" || d.Deployable.Name != "deploy" || d.Deployable.Status != "success" || d.Deployable.Pipeline.Source != "schedule" {
		t.Errorf("deployment = %+v, want one to qa by a job that succeeded on schedule", d)
	}
}
