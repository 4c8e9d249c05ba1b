package lab

import (
	"fmt"
	"net/http"
	"testing"
)

type approvalAnswer struct {
	State        string `json:"state"`
	Comment      string `json:"comment"`
	User         person `json:"user"`
	Environments []struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	} `json:"environments"`
}

type pendingAnswer struct {
	Environment struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	} `json:"environment"`
	MayApprove bool `json:"current_user_can_approve"`
	Reviewers  []struct {
		Type string `json:"type"`
	} `json:"reviewers"`
}

// A review that a test makes is what the API shows of a person's.
func TestGitHubReview(t *testing.T) {
	repo := aRepo(t, "review", `{"protected":["production","staging"]}`)
	control(t, http.MethodPost, "/github"+repo+"/runs/1000001/review",
		`{"environments":["production","staging"],"state":"approved","user":{"login":"bob","id":88},"comment":"sallyport sha256:ab"}`)
	control(t, http.MethodPost, "/github"+repo+"/runs/1000001/review", `{"environments":["staging"],"state":"rejected","user":{"login":"eve","id":13}}`)
	got := gitHubGet[[]approvalAnswer](t, repo+"/actions/runs/1000001/approvals")
	if len(got) != 2 || got[0].User.ID != 88 || got[0].Comment != "sallyport sha256:ab" || len(got[0].Environments) != 2 || got[1].State != "rejected" {
		t.Fatalf("approvals = %+v, want bob's of two environments and eve's rejection", got)
	}
	if want := gitHubGet[runAnswer](t, repo+"/environments/production").ID; got[0].Environments[0].ID != want {
		t.Errorf("environment has id %d, want %d", got[0].Environments[0].ID, want)
	}
	for _, body := range []string{`{"environments":["nowhere"],"user":{"login":"bob","id":88}}`, `{"environments":["staging"]}`} {
		if resp, b := do(t, call{method: http.MethodPost, url: labUnderTest.Control + "/github" + repo + "/runs/1000001/review", body: body}); resp.status != 400 {
			t.Errorf("%s: status %d, want 400: %s", body, resp.status, b)
		}
	}
}

// Only a reviewer's token approves, only what waits, and not what its own
// person has started.
func TestGitHubPendingDeployments(t *testing.T) {
	repo := aRepo(t, "pending", `{"protected":["production","staging"]}`)
	defer control(t, http.MethodPut, "/github/token", `{"login":"alice","id":77}`)
	id := gitHubGet[runAnswer](t, repo+"/environments/production").ID
	other := gitHubGet[runAnswer](t, repo+"/environments/staging").ID
	pend := func(who, run string) []pendingAnswer {
		t.Helper()
		control(t, http.MethodPut, "/github/token", who)
		set(t, repo, "/runs/9", run)
		set(t, repo, "/runs/9/pending", `[{"environment":{"name":"production"}}]`)
		return gitHubGet[[]pendingAnswer](t, repo+"/actions/runs/9/pending_deployments")
	}
	review := func(id int64) string {
		return fmt.Sprintf(`{"environment_ids":[%d],"state":"approved","comment":"go"}`, id)
	}
	const path = "/actions/runs/9/pending_deployments"
	for _, c := range []struct {
		who, run string
		may      bool
	}{
		{`{"login":"alice","id":77}`, `{}`, false},
		{`{"login":"bob","id":88}`, `{"triggering_actor":{"login":"bob","id":88}}`, false},
		{`{"login":"bob","id":88}`, `{"triggering_actor":{"login":"alice","id":77}}`, true},
	} {
		got := pend(c.who, c.run)
		if len(got) != 1 || got[0].Environment.ID != id || got[0].MayApprove != c.may || len(got[0].Reviewers) != 1 {
			t.Errorf("%s, %s: pending = %+v, want production, may approve %v", c.who, c.run, got, c.may)
		}
		if !c.may {
			gitHubStatus(t, http.MethodPost, repo+path, review(id), 422)
		}
	}
	gitHubStatus(t, http.MethodPost, repo+path, review(other), 422)
	gitHubStatus(t, http.MethodPost, repo+path, `{"environment_ids":[1]}`, 400)
	gitHubStatus(t, http.MethodPost, repo+path, `{"environment_ids":[],"state":"approved","comment":"go"}`, 422)
	gitHubStatus(t, http.MethodPost, repo+path, review(id), 200)
	gitHubStatus(t, http.MethodPost, repo+path, review(id), 422)
	if got := gitHubGet[[]approvalAnswer](t, repo+"/actions/runs/9/approvals"); len(got) != 1 || got[0].User.Login != "bob" || got[0].Environments[0].ID != id {
		t.Errorf("approvals = %+v, want bob's of production", got)
	}
	if got := gitHubGet[[]deploymentAnswer](t, repo+"/deployments"); len(got) != 1 || got[0].Environment != "production" {
		t.Errorf("deployments = %+v, want the one that goes on", got)
	}
}

// A member of a team that reviews is a reviewer.
func TestGitHubTeamReviews(t *testing.T) {
	repo := aRepo(t, "teamreview", `{}`)
	defer control(t, http.MethodPut, "/github/token", `{"login":"alice","id":77}`)
	control(t, http.MethodPut, "/github/orgs/acme/teams/releasers", `{"id":321,"members":[{"login":"dora","id":55}]}`)
	gitHubStatus(t, http.MethodPut, repo+"/environments/production", `{"reviewers":[{"type":"Team","id":321}]}`, 200)
	for who, want := range map[string]bool{`{"login":"dora","id":55}`: true, `{"login":"bob","id":88}`: false} {
		control(t, http.MethodPut, "/github/token", who)
		set(t, repo, "/runs/9/pending", `[{"environment":{"name":"production"}}]`)
		if got := gitHubGet[[]pendingAnswer](t, repo+"/actions/runs/9/pending_deployments"); got[0].MayApprove != want || got[0].Reviewers[0].Type != "Team" {
			t.Errorf("%s: pending = %+v, want may approve %v", who, got, want)
		}
	}
}
