package lab

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

type commitAnswer struct {
	SHA     string   `json:"sha"`
	Author  *person  `json:"author"`
	Parents []object `json:"parents"`
	Commit  struct {
		Author struct {
			Email string `json:"email"`
			Date  string `json:"date"`
		} `json:"author"`
		Message string `json:"message"`
	} `json:"commit"`
}

type compareAnswer struct {
	Status  string         `json:"status"`
	Ahead   int            `json:"ahead_by"`
	Behind  int            `json:"behind_by"`
	Total   int            `json:"total_commits"`
	Base    commitAnswer   `json:"merge_base_commit"`
	Commits []commitAnswer `json:"commits"`
}

// sha is a commit's name that a reader can tell from others.
func sha(letter string) string { return strings.Repeat(letter, 40) }

// names are the first letters of commits.
func names(commits []commitAnswer) string {
	var b strings.Builder
	for _, c := range commits {
		b.WriteString(c.SHA[:1])
	}
	return b.String()
}

// forked is a on main, b and c after it on main, and d after a on a side.
var forked = fmt.Sprintf(`{"commits":[
	{"sha":%q,"message":"first","author":{"login":"alice","id":77}},
	{"sha":%q,"parents":[%q],"author":{"name":"Nobody","email":"nobody@example.com"}},
	{"sha":%q,"parents":[%q],"author":{"login":"bob","id":88},"committer":{"login":"web-flow","id":19864447},"date":"2020-01-01T00:00:00Z"},
	{"sha":%q,"parents":[%q],"author":{"login":"eve","id":13,"email":"alice@example.com"}}],
	"branches":{"main":%q,"side/way":%q},"tags":{"v1":%q}}`,
	sha("a"), sha("b"), sha("a"), sha("c"), sha("b"), sha("d"), sha("a"), sha("c"), sha("d"), sha("b"))

// Every repository begins with the commit of the default tokens on main,
// which alice wrote and pushed.
func TestGitHubDefaultHistory(t *testing.T) {
	repo := aRepo(t, "onecommit", `{}`)
	got := gitHubGet[[]commitAnswer](t, repo+"/commits")
	if len(got) != 1 || got[0].SHA != commit || got[0].Author.ID != alice.ID {
		t.Errorf("commits = %+v, want alice's %s", got, commit)
	}
	pushes := gitHubGet[[]activityAnswer](t, repo+"/activity?ref=main&activity_type=push")
	if len(pushes) != 1 || pushes[0].After != commit || pushes[0].Actor.ID != alice.ID || pushes[0].Before != noCommit {
		t.Errorf("pushes = %+v, want alice's of %s", pushes, commit)
	}
}

// A comparison says what head has that base lacks, oldest first, and where
// the two stand to each other.
func TestGitHubCompare(t *testing.T) {
	repo := aRepo(t, "compare", `{}`)
	set(t, repo, "/history", forked)
	for basehead, want := range map[string]compareAnswer{
		sha("a") + "..." + sha("c"):    {Status: "ahead", Ahead: 2},
		"main..." + sha("a"):           {Status: "behind", Behind: 2},
		"main...side/way":              {Status: "diverged", Ahead: 1, Behind: 2},
		"refs/tags/v1...heads/main":    {Status: "ahead", Ahead: 1},
		"main..." + sha("c"):           {Status: "identical"},
		sha("a")[:8] + "...side%2Fway": {Status: "ahead", Ahead: 1},
	} {
		got := gitHubGet[compareAnswer](t, repo+"/compare/"+basehead)
		if got.Status != want.Status || got.Ahead != want.Ahead || got.Behind != want.Behind || got.Total != want.Ahead || len(got.Commits) != want.Ahead {
			t.Errorf("%s: %s, %d ahead, %d behind, %d in all; want %+v", basehead, got.Status, got.Ahead, got.Behind, got.Total, want)
		}
	}
	got := gitHubGet[compareAnswer](t, repo+"/compare/side/way...main")
	if names(got.Commits) != "bc" || got.Base.SHA != sha("a") {
		t.Errorf("side...main has %s after %s, want bc after a", names(got.Commits), got.Base.SHA)
	}
	for _, basehead := range []string{"main...nowhere", "nowhere...main", "main..side", sha("f") + "...main"} {
		gitHubStatus(t, http.MethodGet, repo+"/compare/"+basehead, "", 404)
	}
}

// An author whose address no account has is null; what the commit itself
// says of its author is there all the same, and can be anybody's.
func TestGitHubCommitAuthors(t *testing.T) {
	repo := aRepo(t, "authors", `{}`)
	set(t, repo, "/history", forked)
	if got := gitHubGet[commitAnswer](t, repo+"/commits/"+sha("b")); got.Author != nil || got.Commit.Author.Email != "nobody@example.com" {
		t.Errorf("commit = %+v, want no account and nobody@example.com", got)
	}
	if got := gitHubGet[commitAnswer](t, repo+"/commits/side%2Fway"); got.Author.ID != 13 || got.Commit.Author.Email != "alice@example.com" {
		t.Errorf("commit = %+v, want eve's that says alice", got)
	}
	gitHubStatus(t, http.MethodGet, repo+"/commits/nowhere", "", 422)
	if got := names(gitHubGet[[]commitAnswer](t, repo+"/commits")); got != "cba" {
		t.Errorf("commits of main = %s, want cba: the graph's order, whatever the dates say", got)
	}
	if got := names(gitHubGet[[]commitAnswer](t, repo+"/commits?sha=side/way&per_page=1")); got != "d" {
		t.Errorf("first commit of the side = %s, want d", got)
	}
	gitHubStatus(t, http.MethodGet, repo+"/commits?sha=nowhere", "", 404)
	gitHubStatus(t, http.MethodGet, repo+"/commits?since=2026-01-01T00:00:00Z", "", 400)
}

// A comparison of more than 250 commits lacks the oldest unless it is paged.
func TestGitHubCompareLarge(t *testing.T) {
	repo := aRepo(t, "large", `{}`)
	set(t, repo, "/linear", `{"n":301,"author":{"login":"eve","id":13},"pusher":{"login":"bob","id":88}}`)
	all := gitHubFollow[commitAnswer](t, repo+"/commits?per_page=100")
	if len(all) != 301 || all[0].SHA != commit || all[0].Author.ID != 13 {
		t.Fatalf("%d commits, newest %s; want 301, newest %s", len(all), all[0].SHA, commit)
	}
	path := repo + "/compare/" + all[300].SHA + "...main"
	if got := gitHubGet[compareAnswer](t, path); len(got.Commits) != 250 || got.Total != 300 || got.Commits[249].SHA != commit || got.Commits[0].SHA != all[249].SHA {
		t.Errorf("without paging: %d of %d commits, want the newest 250 of 300", len(got.Commits), got.Total)
	}
	var paged []commitAnswer
	for page := 1; page <= 3; page++ {
		got := gitHubGet[compareAnswer](t, fmt.Sprintf("%s?per_page=250&page=%d", path, page))
		paged = append(paged, got.Commits...)
	}
	if len(paged) != 300 || paged[0].SHA != all[299].SHA || paged[299].SHA != commit {
		t.Errorf("paged: %d commits, want 300, oldest first", len(paged))
	}
	if got := gitHubFollow[activityAnswer](t, repo+"/activity?per_page=100"); len(got) != 301 || got[0].After != commit || got[300].Before != noCommit {
		t.Errorf("%d pushes, want 301, newest first", len(got))
	}
}

// Branches and tags are found by the names that have slashes too.
func TestGitHubRefs(t *testing.T) {
	repo := aRepo(t, "refs", `{}`)
	set(t, repo, "/history", forked)
	for path, want := range map[string]int{
		"/git/ref/heads/main": 200, "/git/ref/heads%2Fmain": 200, "/git/ref/heads/side/way": 200, "/git/ref/tags/v1": 200,
		"/git/ref/heads/v1": 404, "/git/ref/main": 404, "/branches/main": 200, "/branches/side/way": 200, "/branches/v1": 404,
	} {
		gitHubStatus(t, http.MethodGet, repo+path, "", want)
	}
	got := gitHubGet[struct {
		Ref    string `json:"ref"`
		Object struct {
			SHA string `json:"sha"`
		} `json:"object"`
	}](t, repo+"/git/ref/tags/v1")
	if got.Ref != "refs/tags/v1" || got.Object.SHA != sha("b") {
		t.Errorf("tag = %+v, want refs/tags/v1 at b", got)
	}
}

// A history that names what it does not have is refused, so that no test
// tests something else than it says.
func TestGitHubHistoryRefused(t *testing.T) {
	repo := aRepo(t, "refusehistory", `{}`)
	for name, body := range map[string]string{
		"unknown parent":      fmt.Sprintf(`{"commits":[{"sha":%q,"parents":[%q]}]}`, sha("a"), sha("b")),
		"unknown branch":      fmt.Sprintf(`{"commits":[{"sha":%q}],"branches":{"main":%q}}`, sha("a"), sha("b")),
		"unknown pull commit": fmt.Sprintf(`{"commits":[{"sha":%q}],"pulls":[{"number":1,"commits":[%q]}]}`, sha("a"), sha("b")),
		"short name":          `{"commits":[{"sha":"abc"}]}`,
		"twice":               fmt.Sprintf(`{"commits":[{"sha":%q},{"sha":%q}]}`, sha("a"), sha("a")),
		"ring":                fmt.Sprintf(`{"commits":[{"sha":%q,"parents":[%q]}]}`, sha("a"), sha("a")),
		"unknown field":       `{"commit":[]}`,
	} {
		if resp, _ := do(t, call{method: http.MethodPut, url: labUnderTest.Control + "/github" + repo + "/history", body: body}); resp.status != 400 {
			t.Errorf("%s: status %d, want 400", name, resp.status)
		}
	}
	if resp, _ := do(t, call{method: http.MethodPut, url: labUnderTest.Control + "/github/repos/acme/nothing/history", body: forked}); resp.status != 404 {
		t.Errorf("no repository: status %d, want 404", resp.status)
	}
	set(t, repo, "/history", forked)
}
