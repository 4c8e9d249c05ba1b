package lab

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

type pullAnswer struct {
	Number   int64   `json:"number"`
	State    string  `json:"state"`
	User     person  `json:"user"`
	Merged   bool    `json:"merged"`
	MergedBy *person `json:"merged_by"`
	MergedAt string  `json:"merged_at"`
	Merge    string  `json:"merge_commit_sha"`
	Commits  int     `json:"commits"`
	Base     struct {
		Ref string `json:"ref"`
	} `json:"base"`
	Head struct {
		SHA  string `json:"sha"`
		Repo struct {
			ID   int64 `json:"id"`
			Fork bool  `json:"fork"`
		} `json:"repo"`
	} `json:"head"`
}

type activityAnswer struct {
	Before string  `json:"before"`
	After  string  `json:"after"`
	Ref    string  `json:"ref"`
	Type   string  `json:"activity_type"`
	Actor  *person `json:"actor"`
}

// squashed is a and b on main, b being what pull 1, of c and d, became; pull 2
// is open, of e from a fork, pull 3 was closed.
var squashed = fmt.Sprintf(`{"commits":[
	{"sha":%[1]q,"author":{"login":"alice","id":77}},
	{"sha":%[2]q,"parents":[%[1]q],"author":{"login":"eve","id":13},"committer":{"login":"web-flow","id":19864447}},
	{"sha":%[3]q,"parents":[%[1]q],"author":{"login":"eve","id":13}}, {"sha":%[4]q,"parents":[%[3]q],"author":{"login":"bob","id":88}},
	{"sha":%[5]q,"parents":[%[1]q],"author":{"login":"mallory","id":666}}],
	"branches":{"main":%[2]q},
	"pulls":[
	{"number":1,"user":{"login":"eve","id":13},"merged_by":{"login":"bob","id":88},"merge_commit_sha":%[2]q,"head":{"sha":%[4]q,"ref":"feature"},"commits":[%[3]q,%[4]q],"updated_at":"2026-03-01T00:00:00Z"},
	{"number":2,"user":{"login":"mallory","id":666},"head":{"sha":%[5]q,"ref":"main","owner":{"login":"mallory","id":666},"fork":true},"commits":[%[5]q]},
	{"number":3,"user":{"login":"eve","id":13},"state":"closed","base":"release","head":{"sha":%[4]q,"ref":"feature"},"commits":[%[3]q,%[4]q]}],
	"activity":[
	{"before":%[6]q,"after":%[1]q,"actor":{"login":"alice","id":77},"activity_type":"branch_creation"},
	{"before":%[6]q,"after":%[4]q,"ref":"refs/heads/feature","actor":{"login":"mallory","id":666}},
	{"before":%[1]q,"after":%[2]q,"actor":{"login":"bob","id":88},"activity_type":"pr_merge"},
	{"before":%[2]q,"after":%[2]q,"actor":{"login":"eve","id":13},"activity_type":"force_push"}]}`,
	sha("a"), sha("b"), sha("c"), sha("d"), sha("e"), noCommit)

// numbers are those of pull requests, in their order.
func numbers(pulls []pullAnswer) string {
	var all []string
	for _, p := range pulls {
		all = append(all, fmt.Sprint(p.Number))
	}
	return strings.Join(all, " ")
}

// Pull requests are listed by state, base and age, and say who merged them.
func TestGitHubPulls(t *testing.T) {
	repo := aRepo(t, "pulls", `{}`)
	set(t, repo, "/history", squashed)
	for query, want := range map[string]string{
		"": "2", "?state=all": "3 2 1", "?state=closed": "3 1", "?state=all&direction=asc": "1 2 3", "?state=closed&base=main": "1",
		"?state=all&sort=updated&direction=desc": "1 3 2", "?state=all&sort=updated": "2 3 1", "?state=all&per_page=1&page=2": "2",
	} {
		if got := numbers(gitHubGet[[]pullAnswer](t, repo+"/pulls"+query)); got != want {
			t.Errorf("pulls%s = %s, want %s", query, got, want)
		}
	}
	one := gitHubGet[pullAnswer](t, repo+"/pulls/1")
	if !one.Merged || one.MergedBy.ID != 88 || one.State != "closed" || one.Merge != sha("b") || one.Commits != 2 || one.Head.Repo.Fork {
		t.Errorf("pull 1 = %+v, want two commits that bob merged as b", one)
	}
	two := gitHubGet[pullAnswer](t, repo+"/pulls/2")
	if two.Merged || two.MergedBy != nil || !two.Head.Repo.Fork || two.Head.Repo.ID == one.Head.Repo.ID {
		t.Errorf("pull 2 = %+v, want an open one from a fork", two)
	}
	gitHubStatus(t, http.MethodGet, repo+"/pulls/9", "", 404)
	gitHubStatus(t, http.MethodGet, repo+"/pulls?head=mallory:main", "", 400)
}

// The commit that a squash makes leads to its pull request, and that to the
// commits that people wrote.
func TestGitHubCommitPulls(t *testing.T) {
	repo := aRepo(t, "commitpulls", `{}`)
	set(t, repo, "/history", squashed)
	for letter, want := range map[string]string{"a": "", "b": "1", "c": "1", "d": "1", "e": "2"} {
		if got := numbers(gitHubGet[[]pullAnswer](t, repo+"/commits/"+sha(letter)+"/pulls")); got != want {
			t.Errorf("pulls of %s = %q, want %q", letter, got, want)
		}
	}
	if got := names(gitHubGet[[]commitAnswer](t, repo+"/pulls/1/commits")); got != "cd" {
		t.Errorf("commits of pull 1 = %s, want cd", got)
	}
	gitHubStatus(t, http.MethodGet, repo+"/commits/"+sha("f")+"/pulls", "", 422)
}

// Of a pull request's commits no more than 250 can be listed.
func TestGitHubPullCommitsEnd(t *testing.T) {
	repo := aRepo(t, "longpull", `{}`)
	var commits, names []string
	for i := range 260 {
		c := fmt.Sprintf("%040x", i+1)
		commits, names = append(commits, fmt.Sprintf(`{"sha":%q}`, c)), append(names, fmt.Sprintf("%q", c))
	}
	set(t, repo, "/history", fmt.Sprintf(`{"commits":[%s],"pulls":[{"number":1,"commits":[%s]}]}`, strings.Join(commits, ","), strings.Join(names, ",")))
	if got := gitHubFollow[commitAnswer](t, repo+"/pulls/1/commits?per_page=100"); len(got) != 250 || got[0].SHA != fmt.Sprintf("%040x", 1) {
		t.Errorf("%d commits, want the first 250 of 260", len(got))
	}
	if got := gitHubGet[pullAnswer](t, repo+"/pulls/1").Commits; got != 260 {
		t.Errorf("pull says %d commits, want 260", got)
	}
}

// Activity says who moved which ref, which no commit can say of itself.
func TestGitHubActivity(t *testing.T) {
	repo := aRepo(t, "activity", `{}`)
	set(t, repo, "/history", squashed)
	for query, want := range map[string]string{
		"": "13 88 666 77", "?direction=asc": "77 666 88 13", "?ref=main": "13 88 77", "?ref=refs/heads/feature": "666", "?actor=bob": "88",
		"?activity_type=pr_merge": "88", "?ref=nowhere": "", "?activity_type=push&ref=main": "", "?per_page=2": "13 88",
	} {
		var got []string
		for _, a := range gitHubGet[[]activityAnswer](t, repo+"/activity"+query) {
			got = append(got, fmt.Sprint(a.Actor.ID))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("activity%s by %v, want %s", query, got, want)
		}
	}
	if got := gitHubFollow[activityAnswer](t, repo+"/activity?per_page=1"); len(got) != 4 {
		t.Errorf("following the cursors gives %d, want 4", len(got))
	}
	resp, _ := gitHubCall(t, http.MethodGet, repo+"/activity?per_page=3", "")
	resp, _ = gitHubCall(t, http.MethodGet, strings.TrimPrefix(linkTo(resp, "next"), labUnderTest.GitHub+"/api/v3"), "")
	if linkTo(resp, "prev") == "" || linkTo(resp, "next") != "" {
		t.Errorf("links of the last page = %q, want a previous one only", resp.header.Get("Link"))
	}
	if got := gitHubGet[[]activityAnswer](t, repo+"/activity?time_period=day"); len(got) != 0 {
		t.Errorf("activity of today = %+v, want none", got)
	}
	gitHubStatus(t, http.MethodGet, repo+"/activity?after=x", "", 422)
}
