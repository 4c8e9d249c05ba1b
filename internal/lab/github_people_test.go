package lab

import (
	"net/http"
	"strings"
	"testing"
)

type userAnswer struct {
	Login     string `json:"login"`
	ID        int64  `json:"id"`
	Type      string `json:"type"`
	Suspended string `json:"suspended_at"`
	Role      string `json:"role_name"`
}

// logins are those of users, in their order.
func logins(users []userAnswer) string {
	var all []string
	for _, u := range users {
		all = append(all, u.Login)
	}
	return strings.Join(all, " ")
}

// An account is found by its name and by its number, which stays the same
// when the name changes.
func TestGitHubUsers(t *testing.T) {
	control(t, http.MethodPut, "/github/users/renamed", `{"id":4711,"name":"R"}`)
	control(t, http.MethodPut, "/github/users/anew", `{"id":4711}`)
	control(t, http.MethodPut, "/github/users/gone", `{"id":4712,"suspended_at":"2026-02-01T00:00:00Z"}`)
	for path, want := range map[string]userAnswer{
		"/users/alice":                   {"alice", 77, "User", "", ""},
		"/users/github-actions%5Bbot%5D": {"github-actions[bot]", 41898282, "Bot", "", ""},
		"/users/anew":                    {"anew", 4711, "User", "", ""},
		"/user/4711":                     {"anew", 4711, "User", "", ""},
		"/users/gone":                    {"gone", 4712, "User", "2026-02-01T00:00:00Z", ""},
		"/user/4712":                     {"gone", 4712, "User", "2026-02-01T00:00:00Z", ""},
	} {
		if got := gitHubGet[userAnswer](t, path); got != want {
			t.Errorf("%s = %+v, want %+v", path, got, want)
		}
	}
	if got := gitHubGet[userAnswer](t, "/users/acme"); got.Type != "Organization" || got.ID != 4242 {
		t.Errorf("acme = %+v, want the organization 4242", got)
	}
	for _, path := range []string{"/users/renamed", "/users/nobody", "/user/1"} {
		gitHubStatus(t, http.MethodGet, path, "", 404)
	}
	repo := aRepo(t, "newcomer", `{}`)
	set(t, repo, "/linear", `{"n":2,"author":{"login":"newcomer","id":9911}}`)
	if got := gitHubGet[userAnswer](t, "/user/9911"); got.Login != "newcomer" {
		t.Errorf("user 9911 = %+v, want who wrote a commit", got)
	}
}

// A team's members are also those of the teams below it.
func TestGitHubTeams(t *testing.T) {
	const team = "/orgs/teamed/teams/"
	control(t, http.MethodPut, "/github"+team+"security", `{"id":900,"name":"Security","members":[{"login":"bob","id":88}],"maintainers":["bob"]}`)
	control(t, http.MethodPut, "/github"+team+"red", `{"id":901,"members":[{"login":"carol","id":99},{"login":"bob","id":88}],"parent":"security"}`)
	control(t, http.MethodPut, "/github"+team+"deep", `{"id":902,"members":[{"login":"dora","id":55}],"parent":"red"}`)
	for query, want := range map[string]string{
		"security/members": "dora bob carol", "red/members": "dora bob carol", "deep/members": "dora",
		"security/members?role=maintainer": "bob", "security/members?role=member": "dora carol", "security/members?per_page=1&page=2": "bob",
	} {
		if got := logins(gitHubGet[[]userAnswer](t, team+query)); got != want {
			t.Errorf("%s = %q, want %q", query, got, want)
		}
	}
	type answer struct {
		ID      int64  `json:"id"`
		Slug    string `json:"slug"`
		Name    string `json:"name"`
		Members int    `json:"members_count"`
		Parent  *struct {
			Slug string `json:"slug"`
		} `json:"parent"`
	}
	if got := gitHubGet[answer](t, team+"security"); got.ID != 900 || got.Name != "Security" || got.Members != 3 || got.Parent != nil {
		t.Errorf("team = %+v, want 900 with three members and no parent", got)
	}
	if got := gitHubGet[answer](t, team+"red"); got.Parent == nil || got.Parent.Slug != "security" {
		t.Errorf("team = %+v, want one below security", got)
	}
	control(t, http.MethodDelete, "/github"+team+"deep", "")
	gitHubStatus(t, http.MethodGet, team+"deep", "", 404)
	gitHubStatus(t, http.MethodGet, team+"deep/members", "", 404)
	gitHubStatus(t, http.MethodGet, "/orgs/other/teams/security", "", 404)
}

// Collaborators are listed with their roles, and by what they may do.
func TestGitHubCollaborators(t *testing.T) {
	repo := aRepo(t, "collaborators", `{}`)
	set(t, repo, "/collaborators", `[{"login":"alice","id":77,"permission":"write"},{"login":"bob","id":88,"role_name":"admin"},
		{"login":"eve","id":13,"permission":"pull"},{"login":"dora","id":55,"role_name":"triage"}]`)
	for query, want := range map[string]string{
		"": "alice bob eve dora", "?permission=push": "alice bob", "?permission=admin": "bob", "?permission=triage": "alice bob dora", "?per_page=1&page=3": "eve",
	} {
		if got := logins(gitHubGet[[]userAnswer](t, repo+"/collaborators"+query)); got != want {
			t.Errorf("collaborators%s = %q, want %q", query, got, want)
		}
	}
	if got := gitHubGet[[]userAnswer](t, repo+"/collaborators"); got[0].Role != "write" || got[2].Role != "read" {
		t.Errorf("collaborators = %+v, want alice to write and eve to read", got)
	}
	gitHubStatus(t, http.MethodGet, repo+"/collaborators?affiliation=direct", "", 400)
	url := labUnderTest.Control + "/github" + repo + "/collaborators"
	if resp, _ := do(t, call{method: http.MethodPut, url: url, body: `[{"login":"eve","id":13,"permission":"owner"}]`}); resp.status != 400 {
		t.Errorf("role that is none: status %d, want 400", resp.status)
	}
}
