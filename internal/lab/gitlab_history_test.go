package lab

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// numbered is a commit's id that can be told from others at a glance.
func numbered(n int) string { return fmt.Sprintf("%040x", n+0xabc000) }

// scriptHistory gives a project a line of commits, and then what else is given.
func scriptHistory(t *testing.T, project string, commits int, more string) {
	t.Helper()
	all := []object{}
	for n := range commits {
		parents := []string{}
		if n > 0 {
			parents = append(parents, numbered(n-1))
		}
		all = append(all, object{"id": numbered(n), "parent_ids": parents, "message": fmt.Sprintf("change %d\n\nCo-authored-by: Bob <bob@acme.example>", n)})
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	control(t, http.MethodPut, "/gitlab/projects/"+project+"/history", `{"commits":`+string(b)+more+`}`)
}

func shas(all []object) string {
	var out []string
	for _, c := range all {
		out = append(out, strings.TrimLeft(text(c["id"]), "0"))
	}
	return strings.Join(out, " ")
}

// A new project has one commit on main, which alice pushed, and the job and
// the pipeline of the default tokens.
func TestGitLabNewProject(t *testing.T) {
	control(t, http.MethodPut, "/gitlab/projects/50", `{"path":"acme/p50"}`)
	if got := readGitLab[object](t, "/projects/50/repository/commits/main"); got["id"] != commit || got["author_email"] != "alice@example.com" {
		t.Errorf("commit = %v, want that of the tokens", got)
	}
	events := readGitLab[[]object](t, "/projects/50/events?action=pushed")
	if len(events) != 1 || events[0]["author_username"] != "alice" || events[0]["push_data"].(object)["commit_to"] != commit {
		t.Errorf("events = %v, want alice's push of the commit", events)
	}
	job, pipeline := readGitLab[object](t, "/projects/50/jobs/302"), readGitLab[object](t, "/projects/50/pipelines/574")
	if job["status"] != "success" || idIn(job["pipeline"]) != 574 || pipeline["status"] != "running" || pipeline["sha"] != commit {
		t.Errorf("job %v of pipeline %v, want one that succeeded in one that runs", job, pipeline)
	}
}

// Commits between two refs come oldest first from compare, newest first from
// the list, and the list goes on past a hundred.
func TestGitLabCommits(t *testing.T) {
	control(t, http.MethodPut, "/gitlab/projects/51", `{"path":"acme/p51"}`)
	scriptHistory(t, "51", 130, `,"branches":{"main":"`+numbered(129)+`","old/one":"`+numbered(1)+`"}`)
	const p = "/projects/51/repository"
	got := readGitLab[struct{ Commits []object }](t, p+"/compare?from=old%2Fone&to="+numbered(4))
	if s, want := shas(got.Commits), "abc002 abc003 abc004"; s != want {
		t.Errorf("compared: %s, want %s", s, want)
	}
	if got := readGitLab[struct{ Commits []object }](t, p+"/compare?from=main&to="+numbered(4)+"&straight=true"); len(got.Commits) != 0 {
		t.Errorf("backwards: %s, want none", shas(got.Commits))
	}
	if s, want := shas(readGitLab[[]object](t, p+"/commits?ref_name="+numbered(1)+".."+numbered(4))), "abc004 abc003 abc002"; s != want {
		t.Errorf("listed: %s, want %s", s, want)
	}
	resp, b := gitLabCall(t, http.MethodGet, p+"/commits?ref_name=main&per_page=100&page=2", "", "PRIVATE-TOKEN")
	if n := len(decode[[]object](t, b)); n != 30 || resp.header.Get("X-Next-Page") != "" {
		t.Errorf("second page has %d commits and next %q, want 30 and none", n, resp.header.Get("X-Next-Page"))
	}
	if got := readGitLab[object](t, p+"/merge_base?refs[]=main&refs[]=old%2Fone"); got["id"] != numbered(1) {
		t.Errorf("merge base = %v, want %s", got["id"], numbered(1))
	}
	if got := readGitLab[[]object](t, p+"/commits/"+numbered(3)+"/refs?type=branch"); len(got) != 1 || got[0]["name"] != "main" {
		t.Errorf("refs = %v, want main alone", got)
	}
	if got := readGitLab[object](t, p+"/branches/old%2Fone"); got["protected"] != false || got["commit"].(object)["id"] != numbered(1) {
		t.Errorf("branch = %v, want an unprotected one at %s", got, numbered(1))
	}
	if resp, _ := gitLabCall(t, http.MethodGet, p+"/compare?from=main&to=none", "", "PRIVATE-TOKEN"); resp.status != 404 {
		t.Errorf("compare with nothing: status %d, want 404", resp.status)
	}
	if got := readGitLab[object](t, p+"/commits/"+numbered(7)); got["title"] != "change 7" {
		t.Errorf("title = %v, want the first line of the message", got["title"])
	}
}

// A merge request is found by its commits, its merge and its squash, and says
// who wrote and who merged it.
func TestGitLabMergeRequests(t *testing.T) {
	control(t, http.MethodPut, "/gitlab/projects/52", `{"path":"acme/p52"}`)
	scriptHistory(t, "52", 6, `,"branches":{"main":"`+numbered(5)+`"},"merge_requests":[
		{"iid":1,"author":{"id":720,"username":"ann"},"merge_user":{"id":89},"merge_commit_sha":"`+numbered(3)+`","source_branch":"a","commits":["`+numbered(1)+`","`+numbered(2)+`"]},
		{"iid":2,"author":{"id":720},"merge_user":{"id":88},"squash_commit_sha":"`+numbered(4)+`","merged_at":"2026-03-01T00:00:00Z","commits":["`+numbered(4)+`"]},
		{"iid":3,"author":{"id":88},"target_branch":"next","state":"opened"}]`)
	const p = "/projects/52"
	if got := readGitLab[[]object](t, p+"/merge_requests?state=merged&target_branch=main"); len(got) != 2 {
		t.Errorf("%d merged, want 2", len(got))
	}
	for n, want := range map[int]int{0: 0, 1: 1, 3: 1, 4: 2} {
		got := readGitLab[[]object](t, p+"/repository/commits/"+numbered(n)+"/merge_requests")
		if want == 0 && len(got) != 0 || want > 0 && (len(got) != 1 || number(got[0]["iid"]) != int64(want)) {
			t.Errorf("requests of commit %d = %v, want %d", n, got, want)
		}
	}
	mr := readGitLab[object](t, p+"/merge_requests/1")
	if idIn(mr["author"]) != 720 || idIn(mr["merge_user"]) != 89 || mr["state"] != "merged" || mr["sha"] != numbered(2) || number(mr["source_project_id"]) != 52 {
		t.Errorf("request = %v, want ann's, merged by carol", mr)
	}
	if s, want := shas(readGitLab[[]object](t, p+"/merge_requests/1/commits")), "abc002 abc001"; s != want {
		t.Errorf("commits of the request: %s, want %s", s, want)
	}
	if got := readGitLab[[]object](t, p+"/merge_requests/1/participants"); len(got) != 2 {
		t.Errorf("participants = %v, want ann and carol", got)
	}
	if resp, _ := gitLabCall(t, http.MethodGet, p+"/merge_requests/9", "", "PRIVATE-TOKEN"); resp.status != 404 {
		t.Errorf("no such request: status %d, want 404", resp.status)
	}
}

// What was shipped with a deployment is what came since the last that
// succeeded in the same environment.
func TestGitLabShipped(t *testing.T) {
	control(t, http.MethodPut, "/gitlab/projects/53", `{"path":"acme/p53","protected":["production"]}`)
	scriptHistory(t, "53", 6, `,"branches":{"main":"`+numbered(5)+`"},"merge_requests":[
		{"iid":1,"author":{"id":88},"merge_commit_sha":"`+numbered(1)+`"},{"iid":2,"author":{"id":88},"merge_commit_sha":"`+numbered(4)+`"}]`)
	for id, fields := range map[int]string{1: `"status":"success","sha":"` + numbered(2) + `"`, 2: `"status":"failed","sha":"` + numbered(5) + `"`, 3: `"status":"blocked","sha":"` + numbered(5) + `"`} {
		control(t, http.MethodPut, fmt.Sprintf("/gitlab/projects/53/deployments/%d", id), `{"environment":"production",`+fields+`}`)
	}
	if got := readGitLab[[]object](t, "/projects/53/deployments/3/merge_requests"); len(got) != 1 || number(got[0]["iid"]) != 2 {
		t.Errorf("shipped = %v, want request 2 alone", got)
	}
	got := readGitLab[[]object](t, "/projects/53/deployments?environment=production&status=success&order_by=id&sort=desc&per_page=1")
	if len(got) != 1 || number(got[0]["id"]) != 1 {
		t.Errorf("deployed = %v, want deployment 1", got)
	}
}

// Pushes are told with who made them, newest first, and by the day.
func TestGitLabEvents(t *testing.T) {
	control(t, http.MethodPut, "/gitlab/projects/54", `{"path":"acme/p54"}`)
	scriptHistory(t, "54", 3, `,"branches":{"main":"`+numbered(2)+`"},"events":[
		{"author":{"id":88},"created_at":"2026-02-01T10:00:00Z","push_data":{"commit_to":"`+numbered(1)+`"}},
		{"author":{"id":721,"username":"zoe","bot":true},"created_at":"2026-02-03T10:00:00Z","push_data":{"commit_from":"`+numbered(1)+`","commit_to":"`+numbered(2)+`","commit_count":2}}]`)
	got := readGitLab[[]object](t, "/projects/54/events?action=pushed")
	if len(got) != 2 || number(got[0]["author_id"]) != 721 || number(got[0]["push_data"].(object)["commit_count"]) != 2 {
		t.Errorf("events = %v, want zoe's and then bob's", got)
	}
	if got := readGitLab[[]object](t, "/projects/54/events?action=pushed&after=2026-02-01&before=2026-02-03"); len(got) != 0 {
		t.Errorf("events between = %v, want none, because the limits are not within", got)
	}
	if got := readGitLab[[]object](t, "/projects/54/events?action=pushed&after=2026-02-02"); len(got) != 1 {
		t.Errorf("events after = %v, want one", got)
	}
}

// A scenario with a slip in it is refused, and changes nothing.
func TestGitLabHistoryRefused(t *testing.T) {
	control(t, http.MethodPut, "/gitlab/projects/55", `{"path":"acme/p55"}`)
	for _, body := range []string{
		`{"commits":[{"id":"short"}]}`,
		`{"commits":[{"id":"` + numbered(1) + `","author":"alice"}]}`,
		`{"branches":{"main":"` + numbered(1) + `"}}`,
		`{"merge_requests":[{"iid":1,"author":{"username":"no id"}}]}`,
		`{"merge_requests":[{"iid":1,"author":{"id":1,"colour":"red"}}]}`,
		`{"events":[{"author":{"id":1},"push_data":{"commits":1}}]}`,
		`{"pulls":[]}`,
	} {
		if resp, _ := do(t, call{http.MethodPut, labUnderTest.Control + "/gitlab/projects/55/history", body, nil}); resp.status != 400 {
			t.Errorf("%s: status %d, want 400", body, resp.status)
		}
	}
	if got := readGitLab[[]object](t, "/projects/55/repository/commits"); len(got) != 1 {
		t.Errorf("%d commits are left, want the one that was there", len(got))
	}
}
