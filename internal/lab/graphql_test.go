package lab

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// graphed asks a GraphQL API and returns its answer, as text.
func graphed(t *testing.T, url string, header map[string]string, query string, variables object) (int, string) {
	t.Helper()
	b, err := json.Marshal(object{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	resp, out := do(t, call{http.MethodPost, url, string(b), header})
	return resp.status, string(out)
}

// violations are what the contract has recorded since it was asked last.
func violations(t *testing.T) string {
	t.Helper()
	var all []Violation
	for _, v := range labUnderTest.contract.violations() {
		if strings.HasSuffix(v.Path, "/graphql") {
			all = append(all, v)
		}
	}
	labUnderTest.contract.forget()
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A query is answered as its schema says, errors come with status 200, and one
// that the schema does not allow is on record.
func TestGitHubGraphQL(t *testing.T) {
	repo := aRepo(t, "graphed", `{"id":884711}`)
	set(t, repo, "/history", `{"branches":{"main":"`+sha("b")+`"},"commits":[
		{"sha":"`+sha("a")+`","author":{"login":"robot[bot]","id":884712,"type":"Bot"},"message":"a"},
		{"sha":"`+sha("b")+`","parents":["`+sha("a")+`"],"author":{"login":"erin","id":884713,"email":"erin@acme.example"},"message":"b\n\nCo-authored-by: R <884712+robot[bot]@users.noreply.github.com>\nCo-authored-by: C <99+carol@users.noreply.github.com>"}],
		"pulls":[{"number":3,"user":{"login":"robot[bot]","id":884712,"type":"Bot"},"merged_by":{"login":"erin","id":884713},"merge_commit_sha":"`+sha("b")+`","commits":["`+sha("a")+`"],
		"timeline":[{"event":"head_ref_force_pushed","actor":{"login":"erin","id":884713}},{"event":"labeled","actor":{"login":"erin","id":884713}}]}]}`)
	header := map[string]string{"Authorization": "Bearer " + labUnderTest.tokens.github}
	violations(t)
	const actor = `{__typename login ... on User{databaseId} ... on Bot{databaseId}}`
	for name, c := range map[string]struct {
		query string
		ids   []string
		want  []string // parts of the answer
		not   string
		bad   bool // the contract says so
	}{
		"a commit of a bot":        {query: `query($ids:[ID!]!){nodes(ids:$ids){... on Commit{oid author{name user{login}}}}}`, ids: []string{"C_884711_" + sha("a")}, want: []string{`"user":null`, sha("a")}},
		"its co-authors":           {query: `query($ids:[ID!]!){nodes(ids:$ids){... on Commit{authors(first:5){nodes{user{login}}} parents(first:1){nodes{oid}}}}}`, ids: []string{"C_884711_" + sha("b")}, want: []string{`"login":"erin"`, `"login":"carol"`, `{"user":null}`, sha("a")}},
		"the request of a commit":  {query: `query($ids:[ID!]!){nodes(ids:$ids){... on Commit{associatedPullRequests(first:5){nodes{number mergeCommit{oid}}}}}}`, ids: []string{"C_884711_" + sha("b")}, want: []string{`"number":3`, sha("b")}},
		"a request":                {query: `query($ids:[ID!]!){nodes(ids:$ids){... on PullRequest{author` + actor + ` mergedBy` + actor + ` timelineItems(first:5,itemTypes:[HEAD_REF_FORCE_PUSHED_EVENT]){nodes{__typename}}}}}`, ids: []string{"PR_884711_3"}, want: []string{`"login":"robot"`, `"databaseId":884713`, `HeadRefForcePushedEvent`}, not: "Labeled"},
		"something that is gone":   {query: `query($ids:[ID!]!){nodes(ids:$ids){id}}`, ids: []string{"PR_884711_3", "PR_884711_4"}, want: []string{`null`, `"NOT_FOUND"`, `"PR_884711_3"`}},
		"more ids than there may":  {query: `query($ids:[ID!]!){nodes(ids:$ids){id}}`, ids: make([]string, 101), want: []string{`"ARGUMENT_LIMIT"`}, bad: true},
		"a list without a length":  {query: `query($ids:[ID!]!){nodes(ids:$ids){... on Commit{parents{nodes{oid}}}}}`, ids: []string{"C_884711_" + sha("b")}, want: []string{`"EXCESSIVE_PAGINATION"`}, bad: true},
		"a field that is not":      {query: `query($ids:[ID!]!){nodes(ids:$ids){... on Commit{pusher}}}`, ids: []string{"x"}, want: []string{`"errors"`, "pusher"}, not: `"data"`, bad: true},
		"a type that does not fit": {query: `query($ids:[ID!]!){nodes(ids:$ids){... on Commit{author{user{... on Bot{login}}}}}}`, ids: []string{"x"}, want: []string{`"errors"`}, not: `"data"`, bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/api/graphql", "/api/v3/graphql"} {
				status, got := graphed(t, labUnderTest.GitHub+path, header, c.query, object{"ids": c.ids})
				for _, part := range c.want {
					if !strings.Contains(got, part) {
						t.Errorf("%s, want %s in it", got, part)
					}
				}
				if status != http.StatusOK || c.not != "" && strings.Contains(got, c.not) {
					t.Errorf("%d %s, want 200 without %s", status, got, c.not)
				}
			}
			if v := violations(t); (v != "null") != c.bad {
				t.Errorf("violations %s, want some: %v", v, c.bad)
			}
		})
	}
	if status, _ := graphed(t, labUnderTest.GitHub+"/api/graphql", nil, `{__typename}`, nil); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d, want 401", status)
	}
}

// What kind of user one is, and what requests had, GitLab tells of many at once,
// but not of too many, and no job.
func TestGitLabGraphQL(t *testing.T) {
	control(t, http.MethodPut, "/gitlab/projects/4714", `{"path":"acme/graphed"}`)
	control(t, http.MethodPut, "/gitlab/users/4715", `{"username":"project_1_bot","bot":true}`)
	control(t, http.MethodPut, "/gitlab/users/4716", `{"username":"ghost1"}`)
	scriptHistory(t, "4714", 3, `,"merge_requests":[{"iid":2,"author":{"id":88},"commits":["`+numbered(1)+`","`+numbered(2)+`"],
		"notes":[{"system":true,"body":"added 1 commit","author":{"id":89}},{"system":true,"imported":true,"body":"added 1 commit","author":{"id":90}}]}]`)
	url := labUnderTest.GitLab + "/api/graphql"
	header := map[string]string{"PRIVATE-TOKEN": labUnderTest.tokens.gitlab}
	violations(t)
	for name, c := range map[string]struct {
		query     string
		variables object
		want      []string
		bad       bool
	}{
		"users": {`query($ids:[ID!]){users(ids:$ids){nodes{id bot type state}}}`, object{"ids": []string{"gid://gitlab/User/88", "gid://gitlab/User/4715", "gid://gitlab/User/4716", "gid://gitlab/User/1000000"}},
			[]string{`"HUMAN"`, `"PROJECT_BOT"`, `"GHOST"`, `"active"`}, false},
		"a request": {`query($iids:[String!]){project(fullPath:"acme/graphed"){id mergeRequests(iids:$iids){nodes{iid commits{nodes{sha}} commitsWithoutMergeCommits{nodes{sha}} notes{nodes{imported systemNoteMetadata{action} author{id}}}}}}}`,
			object{"iids": []string{"2", "3"}}, []string{`"gid://gitlab/Project/4714"`, `"iid":"2"`, numbered(1), `"action":"commit"`, `"imported":true`}, false},
		"too many": {`query($iids:[String!]){project(fullPath:"acme/graphed"){mergeRequests(iids:$iids){nodes{iid}}}}`,
			object{"iids": strings.Split("1 2 3 4 5 6 7 8 9 10 11", " ")}, []string{"exceeds max complexity", `"errors"`}, false},
		"another project":     {`{project(fullPath:"acme/nowhere"){id}}`, nil, []string{`"project":null`}, false},
		"a field that is not": {`{users(ids:[]){nodes{email}}}`, nil, []string{`"errors"`}, true},
	} {
		t.Run(name, func(t *testing.T) {
			status, got := graphed(t, url, header, c.query, c.variables)
			for _, part := range c.want {
				if status != http.StatusOK || !strings.Contains(got, part) {
					t.Errorf("%d %s, want %s in it", status, got, part)
				}
			}
			if v := violations(t); (v != "null") != c.bad {
				t.Errorf("violations %s, want some: %v", v, c.bad)
			}
		})
	}
	if status, _ := graphed(t, url, map[string]string{"JOB-TOKEN": labUnderTest.tokens.job}, `{__typename}`, nil); status != http.StatusUnauthorized {
		t.Errorf("with a job's token: %d, want 401", status)
	}
}
