package lab

import (
	"net/http"
	"strconv"
	"testing"
)

// asUser calls the toy with a token of a user, and sends JSON.
func asUser(t *testing.T, user int64, method, path, body string) (reply, []byte) {
	t.Helper()
	token := string(control(t, http.MethodPost, "/gitlab/users/"+strconv.FormatInt(user, 10)+"/token", ""))
	return do(t, call{method, labUnderTest.GitLab + "/api/v4" + path, body, map[string]string{"PRIVATE-TOKEN": token, "Content-Type": "application/json"}})
}

// readGitLab gets a path with the lab's own token and wants it to be there.
func readGitLab[T any](t *testing.T, path string) T {
	t.Helper()
	resp, b := gitLabCall(t, http.MethodGet, path, "", "PRIVATE-TOKEN")
	if resp.status != 200 {
		t.Fatalf("%s: status %d, want 200: %s", path, resp.status, b)
	}
	return decode[T](t, b)
}

// A blockedAt is what a client reads of a deployment's approvals.
type blockedAt struct {
	Status    string
	Pending   *int `json:"pending_approval_count"`
	Approvals []struct {
		User   struct{ ID int64 }
		Status string
	}
	Summary struct {
		Rules []struct {
			Who      string `json:"access_level_description"`
			Required int    `json:"required_approvals"`
			Given    []struct{ User struct{ ID int64 } }
		}
	} `json:"approval_summary"`
}

// blockedDeployment makes a project whose deployment 9 to production, started by alice,
// waits for bob and for two Maintainers.
func blockedDeployment(t *testing.T, id int64) string {
	t.Helper()
	n := strconv.FormatInt(id, 10)
	control(t, http.MethodPut, "/gitlab/projects/"+n, `{"path":"acme/p`+n+`","protected":["production"]}`)
	control(t, http.MethodPut, "/gitlab/projects/"+n+"/protected_environments/production",
		`{"approval_rules":[{"user_id":88,"required_approvals":1},{"access_level":40,"required_approvals":2}]}`)
	control(t, http.MethodPut, "/gitlab/projects/"+n+"/deployments/9", `{"status":"blocked","environment":"production"}`)
	return "/projects/" + n
}

// Approvals count for the rule that the approver fits, and the rest is pending.
func TestGitLabApprovals(t *testing.T) {
	p := blockedDeployment(t, 40)
	if got := readGitLab[blockedAt](t, p+"/deployments/9"); *got.Pending != 3 || len(got.Summary.Rules) != 2 || got.Summary.Rules[1].Who != "Maintainers" {
		t.Fatalf("before: %+v, want 3 pending under two rules", got)
	}
	for user, body := range map[int64]string{88: `{"status":"approved"}`, 89: `{"status":"approved","represented_as":"Maintainers","comment":"go"}`} {
		if resp, b := asUser(t, user, http.MethodPost, p+"/deployments/9/approval", body); resp.status != 201 || idIn(decode[object](t, b)["user"]) != user {
			t.Errorf("user %d: status %d, want 201 in his name: %s", user, resp.status, b)
		}
	}
	if got := readGitLab[blockedAt](t, p+"/deployments/9"); *got.Pending != 1 || len(got.Approvals) != 2 || got.Status != "blocked" {
		t.Errorf("after two: %+v, want 1 pending and still blocked", got)
	}
	if got := readGitLab[[]object](t, p+"/deployments?environment=production&status=blocked"); len(got) != 1 || got[0]["approvals"] != nil {
		t.Errorf("list = %v, want the deployment without its approvals", got)
	}
}

// One person's word counts once: the newer takes the place of the older.
func TestGitLabChangedMind(t *testing.T) {
	p := blockedDeployment(t, 41)
	asUser(t, 88, http.MethodPost, p+"/deployments/9/approval", `{"status":"approved"}`)
	asUser(t, 88, http.MethodPost, p+"/deployments/9/approval", `{"status":"rejected"}`)
	got := readGitLab[blockedAt](t, p+"/deployments/9")
	if len(got.Approvals) != 1 || got.Approvals[0].Status != "rejected" || got.Status != "failed" {
		t.Errorf("deployment = %+v, want one rejection, and failed", got)
	}
}

// Who started a deployment cannot approve it, until a setting says so; nor can
// somebody whom no rule names, nor anybody when nothing waits.
func TestGitLabApprovalRefused(t *testing.T) {
	p := blockedDeployment(t, 42)
	const yes = `{"status":"approved"}`
	control(t, http.MethodPut, "/gitlab/users/700", `{"username":"mallory"}`)
	control(t, http.MethodPut, "/gitlab/users/701", `{"username":"root","is_admin":true}`)
	status := func(user int64, path, body string, want int) {
		t.Helper()
		if resp, b := asUser(t, user, http.MethodPost, p+path, body); resp.status != want {
			t.Errorf("user %d, %s %s: status %d, want %d: %s", user, path, body, resp.status, want, b)
		}
	}
	status(firstUser, "/deployments/9/approval", yes, 400)
	status(700, "/deployments/9/approval", yes, 400)
	status(88, "/deployments/9/approval", `{"status":"maybe"}`, 400)
	status(88, "/deployments/10/approval", yes, 404)
	if resp, _ := gitLabCall(t, http.MethodPost, p+"/deployments/9/approval?status=approved", "", "JOB-TOKEN"); resp.status != 400 {
		t.Errorf("the job of who started it: status %d, want 400", resp.status)
	}
	status(701, "/deployments/9/approval", yes, 201)
	status(88, "/deployments/9/approval", yes, 201)
	if resp, b := asUser(t, 89, http.MethodPut, p, `{"allow_pipeline_trigger_approve_deployment":true}`); resp.status != 200 {
		t.Fatalf("setting: status %d: %s", resp.status, b)
	}
	status(firstUser, "/deployments/9/approval", yes, 201)
	control(t, http.MethodPut, "/gitlab"+p+"/deployments/9", `{"status":"success"}`)
	status(88, "/deployments/9/approval", yes, 400)
}

// A scripted review is shown, also one that GitLab would not have taken: one
// person for two rules.
func TestGitLabScriptedReviews(t *testing.T) {
	p := blockedDeployment(t, 43)
	for _, rule := range []string{"bob", "Maintainers"} {
		control(t, http.MethodPost, "/gitlab"+p+"/deployments/9/review", `{"user":{"id":88},"status":"approved","represented_as":"`+rule+`","created_at":"2026-02-01T00:00:00Z"}`)
	}
	if got := readGitLab[blockedAt](t, p+"/deployments/9"); *got.Pending != 1 || len(got.Approvals) != 2 {
		t.Errorf("deployment = %+v, want 1 pending after two words of one person", got)
	}
	control(t, http.MethodPut, "/gitlab"+p+"/deployments/9", `{"pending_approval_count":0}`)
	if got := readGitLab[blockedAt](t, p+"/deployments/9"); *got.Pending != 0 {
		t.Errorf("pending = %d, want what was laid over it", *got.Pending)
	}
}

// A group's protected environment adds its rules to those of the project, by
// the environment's tier.
func TestGitLabGroupRules(t *testing.T) {
	control(t, http.MethodPut, "/gitlab/groups/500", `{"path":"sec","members":[{"id":88,"access_level":40},{"id":710,"username":"sue","access_level":30}],
		"protected_environments":[{"name":"production","approval_rules":[{"group_id":500,"required_approvals":1}]}]}`)
	control(t, http.MethodPut, "/gitlab/projects/44", `{"path":"sec/app","namespace_id":500,"protected":["production"]}`)
	control(t, http.MethodPut, "/gitlab/projects/44/deployments/9", `{"status":"blocked","environment":"production","user":{"id":88}}`)
	got := readGitLab[blockedAt](t, "/projects/44/deployments/9")
	if *got.Pending != 2 || len(got.Summary.Rules) != 2 || got.Summary.Rules[1].Who != "sec" {
		t.Fatalf("deployment = %+v, want bob's rule and the group's", got)
	}
	if resp, b := asUser(t, 710, http.MethodPost, "/projects/44/deployments/9/approval", `{"status":"approved"}`); resp.status != 201 {
		t.Errorf("a member of the group: status %d, want 201: %s", resp.status, b)
	}
	if got := readGitLab[blockedAt](t, "/projects/44/deployments/9"); *got.Pending != 1 {
		t.Errorf("pending = %d, want 1", *got.Pending)
	}
}

// The free plan has no protected environments and no approvals.
func TestGitLabFreePlan(t *testing.T) {
	p := blockedDeployment(t, 45)
	control(t, http.MethodPut, "/gitlab"+p+"/tier", `{"name":"free"}`)
	if resp, _ := gitLabCall(t, http.MethodGet, p+"/protected_environments", "", "PRIVATE-TOKEN"); resp.status != 404 {
		t.Errorf("protected environments: status %d, want 404", resp.status)
	}
	if got := readGitLab[blockedAt](t, p+"/deployments/9"); got.Pending != nil || got.Approvals != nil {
		t.Errorf("deployment = %+v, want no word about approvals", got)
	}
	if resp, _ := asUser(t, 88, http.MethodPost, p+"/deployments/9/approval", `{"status":"approved"}`); resp.status != 404 {
		t.Errorf("approval: status %d, want 404", resp.status)
	}
	control(t, http.MethodPut, "/gitlab"+p+"/tier", `{"name":"ultimate"}`)
	if got := readGitLab[blockedAt](t, p+"/deployments/9"); got.Pending == nil {
		t.Error("on another plan: no pending_approval_count")
	}
}

// A guarded is what a client reads of a protected environment.
type guarded struct {
	Name  string
	Rules []struct {
		ID, Required int
		UserID       *int64 `json:"user_id"`
	} `json:"approval_rules"`
	Deploy []struct {
		ID    int64
		Level *int `json:"access_level"`
	} `json:"deploy_access_levels"`
}

// Entries of a protected environment are added without an id, changed with
// one, and destroyed when that is said; who is not a member is dropped silently.
func TestGitLabProtectedEnvironments(t *testing.T) {
	control(t, http.MethodPut, "/gitlab/projects/46", `{"path":"acme/p46"}`)
	const e = "/projects/46/protected_environments"
	write := func(method, path, body string, want int) guarded {
		t.Helper()
		resp, b := asUser(t, 88, method, path, body)
		if resp.status != want {
			t.Fatalf("%s %s: status %d, want %d: %s", method, body, resp.status, want, b)
		}
		if want/100 != 2 || want == 204 {
			return guarded{}
		}
		return decode[guarded](t, b)
	}
	write(http.MethodPost, e, `{"name":"prod"}`, 400)
	got := write(http.MethodPost, e, `{"name":"prod","deploy_access_levels":[{"access_level":40}],
		"approval_rules":[{"user_id":88,"required_approvals":1},{"user_id":424242,"required_approvals":1}]}`, 201)
	if len(got.Rules) != 1 || len(got.Deploy) != 1 || got.Rules[0].ID == 0 {
		t.Fatalf("made %+v, want one rule, because a stranger cannot be in one", got)
	}
	write(http.MethodPost, e, `{"name":"prod","deploy_access_levels":[]}`, 409)
	id := strconv.Itoa(got.Rules[0].ID)
	got = write(http.MethodPut, e+"/prod", `{"approval_rules":[{"id":`+id+`,"required_approvals":2},{"group_id":4242,"required_approvals":1}]}`, 200)
	if len(got.Rules) != 2 || strconv.Itoa(got.Rules[0].ID) != id || *got.Rules[0].UserID != 88 {
		t.Errorf("changed to %+v, want the old rule and one more", got)
	}
	write(http.MethodPut, e+"/prod", `{"approval_rules":[{"id":1}]}`, 404)
	if got = write(http.MethodPut, e+"/prod", `{"approval_rules":[{"id":`+id+`,"_destroy":true}]}`, 200); len(got.Rules) != 1 {
		t.Errorf("changed to %+v, want the first rule gone", got)
	}
	write(http.MethodDelete, e+"/prod", "", 204)
	write(http.MethodDelete, e+"/prod", "", 404)
}

// A group protects tiers, and only its owners may say how.
func TestGitLabGroupProtectedEnvironments(t *testing.T) {
	control(t, http.MethodPut, "/gitlab/groups/501", `{"path":"ops","members":[{"id":90,"access_level":50},{"id":88,"access_level":40}]}`)
	const e, body = "/groups/ops/protected_environments", `{"name":"production","deploy_access_levels":[{"access_level":40}]}`
	for _, c := range []struct {
		user               int64
		method, path, body string
		want               int
	}{
		{88, http.MethodPost, e, body, 403},
		{88, http.MethodGet, e, "", 403},
		{90, http.MethodPost, e, `{"name":"prod","deploy_access_levels":[]}`, 400},
		{90, http.MethodPost, e, body, 201},
		{90, http.MethodPut, e + "/production", `{"approval_rules":[{"group_id":501,"required_approvals":2}]}`, 200},
		{90, http.MethodGet, e + "/production", "", 200},
	} {
		if resp, b := asUser(t, c.user, c.method, c.path, c.body); resp.status != c.want {
			t.Errorf("%d: %s %s: status %d, want %d: %s", c.user, c.method, c.path, resp.status, c.want, b)
		}
	}
}
