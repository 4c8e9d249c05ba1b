package lab

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// gitHubGet wants a 200 and returns what was answered.
func gitHubGet[T any](t *testing.T, path string) T {
	t.Helper()
	resp, b := gitHubCall(t, http.MethodGet, path, "")
	if resp.status != http.StatusOK {
		t.Fatalf("%s: status %d, want 200: %s", path, resp.status, b)
	}
	return decode[T](t, b)
}

// gitHubStatus wants one status.
func gitHubStatus(t *testing.T, method, path, body string, want int) []byte {
	t.Helper()
	resp, b := gitHubCall(t, method, path, body)
	if resp.status != want {
		t.Errorf("%s %s: status %d, want %d: %s", method, path, resp.status, want, b)
	}
	return b
}

// gitHubFollow returns all pages of a list.
func gitHubFollow[T any](t *testing.T, path string) []T {
	t.Helper()
	var all []T
	for path != "" {
		resp, b := gitHubCall(t, http.MethodGet, path, "")
		if resp.status != http.StatusOK {
			t.Fatalf("%s: status %d, want 200: %s", path, resp.status, b)
		}
		all = append(all, decode[[]T](t, b)...)
		path = strings.TrimPrefix(linkTo(resp, "next"), labUnderTest.GitHub+"/api/v3")
	}
	return all
}

// aRepo makes a repository anew and returns its path in both APIs.
func aRepo(t *testing.T, name, settings string) string {
	t.Helper()
	control(t, http.MethodPut, "/github/repos/acme/"+name, `{}`)
	control(t, http.MethodDelete, "/github/repos/acme/"+name, "")
	control(t, http.MethodPut, "/github/repos/acme/"+name, settings)
	return "/repos/acme/" + name
}

// set calls the control API for a repository.
func set(t *testing.T, repo, path, body string) {
	t.Helper()
	control(t, http.MethodPut, "/github"+repo+path, body)
}

type runAnswer struct {
	ID      int64  `json:"id"`
	Attempt int64  `json:"run_attempt"`
	Status  string `json:"status"`
	Event   string `json:"event"`
	Before  string `json:"previous_attempt_url"`
	Actor   person `json:"actor"`
	Trigger person `json:"triggering_actor"`
}

type runsAnswer struct {
	Count int         `json:"total_count"`
	Runs  []runAnswer `json:"workflow_runs"`
}

type jobsAnswer struct {
	Count int `json:"total_count"`
	Jobs  []struct {
		ID         int64  `json:"id"`
		Run        int64  `json:"run_id"`
		Attempt    int64  `json:"run_attempt"`
		Name       string `json:"name"`
		Status     string `json:"status"`
		Conclusion string `json:"conclusion"`
	} `json:"jobs"`
}

// Every repository has the run of the default tokens, whose job is the one
// that still runs; no other run is there until a test makes it.
func TestGitHubDefaultRun(t *testing.T) {
	repo := aRepo(t, "run", `{}`)
	jobs := gitHubGet[jobsAnswer](t, repo+"/actions/runs/1000001/jobs")
	if len(jobs.Jobs) != 2 || jobs.Jobs[0].Conclusion != "success" || jobs.Jobs[1].ID != defaultJob || jobs.Jobs[1].Status != "in_progress" {
		t.Errorf("jobs = %+v, want build that has succeeded and %d that runs", jobs.Jobs, defaultJob)
	}
	for path, want := range map[string]int{
		"/actions/runs/1000001/attempts/1": 200, "/actions/runs/1000001/attempts/2": 404, "/actions/runs/1000001/attempts/1/jobs": 200,
		"/actions/runs/1000001/attempts/2/jobs": 404, "/actions/runs/7": 404, "/actions/runs/7/jobs": 404, "/actions/runs/7/pending_deployments": 404,
		"/actions/runs/1000001/pending_deployments": 200, "/actions/runs?created=2026-01-01": 400,
	} {
		gitHubStatus(t, http.MethodGet, repo+path, "", want)
	}
}

// Runs are listed newest first, a page at a time, and by what they are of.
func TestGitHubRuns(t *testing.T) {
	repo := aRepo(t, "runs", `{}`)
	for id := range 120 {
		set(t, repo, fmt.Sprintf("/runs/%d", id+1), `{"event":"schedule"}`)
	}
	set(t, repo, "/runs/2", `{"event":"workflow_dispatch","head_sha":"`+strings.Repeat("a", 40)+`","actor":{"login":"eve","id":13}}`)
	first := gitHubGet[runsAnswer](t, repo+"/actions/runs?per_page=100")
	if first.Count != 121 || len(first.Runs) != 100 || first.Runs[0].ID != defaultRun || first.Runs[1].ID != 120 {
		t.Errorf("first page has %d of %d runs, want 100 of 121, newest first", len(first.Runs), first.Count)
	}
	for query, want := range map[string]int{
		"event=schedule": 119, "event=push": 1, "head_sha=" + strings.Repeat("a", 40): 1, "actor=eve": 1, "branch=main": 121,
		"branch=x": 0, "status=in_progress": 121, "status=success": 0,
	} {
		if got := gitHubGet[runsAnswer](t, repo+"/actions/runs?"+query).Count; got != want {
			t.Errorf("%s: %d runs, want %d", query, got, want)
		}
	}
}

// A re-run is another attempt of the same run: the first one stays as it was,
// and the run shows the last.
func TestGitHubAttempts(t *testing.T) {
	repo := aRepo(t, "attempts", `{}`)
	set(t, repo, "/runs/5", `{"status":"completed","conclusion":"failure"}`)
	set(t, repo, "/runs/5/attempts/2", `{"triggering_actor":{"login":"mallory","id":666}}`)
	set(t, repo, "/runs/5/attempts/2/jobs", `[{"name":"deploy","status":"in_progress","conclusion":null},{"name":"gate","conclusion":"skipped"}]`)
	run := gitHubGet[runAnswer](t, repo+"/actions/runs/5")
	if run.Attempt != 2 || run.Status != "in_progress" || run.Actor.ID != alice.ID || run.Trigger.ID != 666 || !strings.HasSuffix(run.Before, "/runs/5/attempts/1") {
		t.Errorf("run = %+v, want attempt 2 of alice's run, by 666, after attempt 1", run)
	}
	if first := gitHubGet[runAnswer](t, repo+"/actions/runs/5/attempts/1"); first.Attempt != 1 || first.Status != "completed" || first.Trigger.ID != alice.ID {
		t.Errorf("attempt 1 = %+v, want it as it was", first)
	}
	for path, want := range map[string]int{"/attempts/1/jobs": 2, "/attempts/2/jobs": 2, "/jobs": 2, "/jobs?filter=all": 4, "/jobs?filter=all&per_page=3": 3} {
		if got := len(gitHubGet[jobsAnswer](t, repo+"/actions/runs/5"+path).Jobs); got != want {
			t.Errorf("%s: %d jobs, want %d", path, got, want)
		}
	}
	if jobs := gitHubGet[jobsAnswer](t, repo+"/actions/runs/5/jobs").Jobs; jobs[0].Attempt != 2 || jobs[1].Conclusion != "skipped" || jobs[0].Run != 5 {
		t.Errorf("jobs = %+v, want those of attempt 2", jobs)
	}
	set(t, repo, "/runs/6", `{"run_attempt":3}`)
	if got := gitHubGet[runAnswer](t, repo+"/actions/runs/6").Attempt; got != 3 {
		t.Errorf("attempt = %d, want 3", got)
	}
	gitHubStatus(t, http.MethodGet, repo+"/actions/runs/6/attempts/2", "", 200)
}

// A run from a fork says so, and all of an attempt is of one commit.
func TestGitHubRunOfAFork(t *testing.T) {
	repo := aRepo(t, "forkrun", `{}`)
	set(t, repo, "/runs/5", `{"head_sha":"`+sha("e")+`","head_branch":"patch","head_repository":{"id":5150,"fork":true}}`)
	type answer struct {
		Head       string `json:"head_sha"`
		HeadCommit struct {
			ID string `json:"id"`
		} `json:"head_commit"`
		Repository struct {
			ID int64 `json:"id"`
		} `json:"repository"`
		From struct {
			ID   int64 `json:"id"`
			Fork bool  `json:"fork"`
		} `json:"head_repository"`
	}
	got := gitHubGet[answer](t, repo+"/actions/runs/5")
	if got.Head != sha("e") || got.HeadCommit.ID != sha("e") || got.From.ID != 5150 || !got.From.Fork || got.Repository.ID == 5150 {
		t.Errorf("run = %+v, want e of the fork 5150", got)
	}
	jobs := gitHubGet[struct {
		Jobs []struct {
			Head string `json:"head_sha"`
		} `json:"jobs"`
	}](t, repo+"/actions/runs/5/jobs")
	if len(jobs.Jobs) != 2 || jobs.Jobs[1].Head != sha("e") {
		t.Errorf("jobs = %+v, want them of e", jobs)
	}
}
