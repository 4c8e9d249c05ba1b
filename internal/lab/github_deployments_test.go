package lab

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

type deploymentAnswer struct {
	ID          int64  `json:"id"`
	SHA         string `json:"sha"`
	Ref         string `json:"ref"`
	Environment string `json:"environment"`
	Created     string `json:"created_at"`
	Creator     person `json:"creator"`
}

// Deployments are listed newest first, by what they are of, and have what
// became of them, newest first.
func TestGitHubDeployments(t *testing.T) {
	repo := aRepo(t, "deployments", `{}`)
	if got := gitHubGet[[]deploymentAnswer](t, repo+"/deployments"); len(got) != 0 {
		t.Fatalf("deployments = %v, want none to begin with", got)
	}
	a, b := strings.Repeat("a", 40), strings.Repeat("b", 40)
	set(t, repo, "/deployments", fmt.Sprintf(`[
		{"id":3,"sha":%q,"environment":"production","creator":{"login":"eve","id":13},"created_at":"2026-02-03T00:00:00Z",
		 "statuses":[{"state":"in_progress","created_at":"2026-02-03T00:01:00Z"},{"state":"success","created_at":"2026-02-03T00:02:00Z","log_url":"https://github.com/acme/x/actions/runs/5"}]},
		{"id":4,"sha":%q,"environment":"production","ref":"hotfix","created_at":"2026-02-02T00:00:00Z"},
		{"id":5,"sha":%q,"environment":"staging","task":"migrate","created_at":"2026-02-01T00:00:00Z"}]`, b, a, a))
	all := gitHubGet[[]deploymentAnswer](t, repo+"/deployments")
	if len(all) != 3 || all[0].ID != 3 || all[2].ID != 5 || all[0].Creator.ID != 13 || all[1].Creator.ID != alice.ID {
		t.Errorf("deployments = %+v, want 3, 4, 5", all)
	}
	for query, want := range map[string]int{"environment=production": 2, "sha=" + a: 2, "ref=hotfix": 1, "task=migrate": 1, "environment=staging&sha=" + b: 0, "task=none": 3} {
		if got := len(gitHubGet[[]deploymentAnswer](t, repo+"/deployments?"+query)); got != want {
			t.Errorf("%s: %d deployments, want %d", query, got, want)
		}
	}
	statuses := gitHubGet[[]struct {
		State  string `json:"state"`
		LogURL string `json:"log_url"`
	}](t, repo+"/deployments/3/statuses")
	if len(statuses) != 2 || statuses[0].State != "success" || !strings.HasSuffix(statuses[0].LogURL, "/runs/5") || statuses[1].State != "in_progress" {
		t.Errorf("statuses = %+v, want success, then in_progress", statuses)
	}
	for path, want := range map[string]int{"/deployments/4": 200, "/deployments/9": 404, "/deployments/9/statuses": 404, "/deployments/4/statuses": 200} {
		gitHubStatus(t, http.MethodGet, repo+path, "", want)
	}
}

// More than a hundred deployments take two pages, whatever size is asked for.
func TestGitHubDeploymentsPages(t *testing.T) {
	repo := aRepo(t, "manydeployments", `{}`)
	set(t, repo, "/deployments", "["+strings.Repeat(`{},`, 129)+"{}]")
	if got := len(gitHubGet[[]deploymentAnswer](t, repo+"/deployments?per_page=100")); got != 100 {
		t.Errorf("first page has %d deployments, want 100", got)
	}
	seen := map[int64]bool{}
	for _, d := range gitHubFollow[deploymentAnswer](t, repo+"/deployments?per_page=100") {
		seen[d.ID] = true
	}
	if len(seen) != 130 {
		t.Errorf("all pages have %d deployments, want 130", len(seen))
	}
}
