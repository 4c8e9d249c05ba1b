package gitlab_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// counted looks once, with nothing known, and returns the makers, the questions by
// GraphQL, and the requests that were asked for alone.
func (s scene) counted(head string) (makers []string, together, alone int) {
	s.t.Helper()
	at := len(s.requests())
	makers = made(s.change(head))
	for _, c := range s.calls(at) {
		switch {
		case strings.Contains(c, "/api/graphql"):
			together++
		case strings.Contains(c, "/merge_requests/") && strings.Contains(c, "/commits?"):
			alone++
		}
	}
	return makers, together, alone
}

// What comes by GraphQL and what comes by REST name the same makers.
func TestO02_graphql_that_is_no_answer(t *testing.T) {
	s := play(t, 691)
	head := s.lost(20, "x\n\nCo-authored-by: D <90-dana@users.noreply.gitlab.com>")
	want, together, alone := s.counted(head)
	if together != 3 || alone != 0 {
		t.Errorf("%d questions by GraphQL and %d requests alone, want 3, of ten requests each and of accounts, and none", together, alone)
	}
	for name, c := range map[string]struct {
		status int
		body   string
		asked  int // times by GraphQL
	}{
		"not there":          {404, `{}`, 2}, // once for requests and once for accounts
		"not for this token": {401, `{"errors":[{"message":"Invalid token"}]}`, 2},
		"forbidden":          {403, ``, 2},
		"moved":              {302, ``, 2},
		"a page":             {200, `<html>sign in</html>`, 2},
		"nothing":            {200, `{}`, 2},
		"null":               {200, `{"data":null}`, 2},
		"a field it has not": {200, `{"errors":[{"message":"Field 'type' doesn't exist on type 'UserCore'","extensions":{"code":"undefinedField"}}]}`, 2},
		"no project":         {200, `{"data":{"project":null,"users":{"nodes":[]}}}`, 4},
		"a project without":  {200, `{"data":{"project":{"id":"gid://gitlab/Project/691","mergeRequests":{"nodes":[]}},"users":{"nodes":[]}}}`, 4},
		"errors and a part":  {200, `{"data":{"project":{"id":"gid://gitlab/Project/691"},"users":null},"errors":[{"message":"Timeout","path":["project"]}]}`, 4},
	} {
		t.Run(name, func(t *testing.T) {
			s.t = t
			s.l.Fault(t, fields{"target": "gitlab", "match": "/api/graphql$", "status": c.status, "body": c.body, "times": -1})
			got, together, alone := s.counted(head)
			if !slices.Equal(got, want) {
				t.Errorf("makers:\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
			}
			if together != c.asked || alone != 20 {
				t.Errorf("%d questions by GraphQL and %d requests alone, want %d and 20", together, alone, c.asked)
			}
		})
	}
	s.t = t
	s.l.Contract(t)
}

// What GraphQL says about something else than was asked for is refused; what it
// says about another head of a request, or a part of its commits, is no answer.
func TestO02_graphql_about_something_else(t *testing.T) {
	s := play(t, 692)
	head := s.lost(2, "x")
	want, together, alone := s.counted(head)
	if together != 2 || alone != 0 {
		t.Errorf("%d questions by GraphQL and %d requests alone, want one about requests and one about accounts", together, alone)
	}
	answer := func(project int, iid string, shas ...string) string {
		var all []string
		for _, x := range shas {
			all = append(all, fmt.Sprintf(`{"sha":%q,"message":"x","authorEmail":"eve@evil.example"}`, x))
		}
		commits := `{"pageInfo":{"hasNextPage":false},"nodes":[` + strings.Join(all, ",") + `]}`
		return fmt.Sprintf(`{"data":{"project":{"id":"gid://gitlab/Project/%d","mergeRequests":{"nodes":[{"iid":%q,"diffRefs":{"baseSha":%q},"commits":%s,"commitsWithoutMergeCommits":%s}]}}}}`,
			project, iid, sha("c1"), commits, commits)
	}
	const last = "c0x" // the newest commit of request 1
	for name, c := range map[string]struct {
		body string
		code fault.Code
	}{
		"another project":       {answer(693, "1", sha(last)), fault.Malformed},
		"another request":       {answer(692, "3", sha(last)), fault.Malformed},
		"another head":          {answer(692, "1", sha("c1")), ""},
		"no commits":            {answer(692, "1"), ""},
		"a merge among them":    {strings.Replace(answer(692, "1", sha(last), sha("a0")), `,{"sha":"`+sha("a0")+`","message":"x","authorEmail":"eve@evil.example"}]}}]`, `]}}]`, 1), ""},
		"more than a page":      {strings.Replace(answer(692, "1", sha(last)), "false", "true", 1), ""},
		"no place to part from": {strings.Replace(answer(692, "1", sha(last)), sha("c1"), "", 1), ""},
		"null":                  {`{"data":{"project":{"id":"gid://gitlab/Project/692","mergeRequests":{"nodes":[null,null]}}}}`, ""},
		"a commit that is null": {strings.ReplaceAll(answer(692, "1", sha(last)), `"eve@evil.example"}]`,
			`"eve@evil.example"},null]`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s.t = t
			s.say("/api/graphql$", c.body)
			if c.code != "" {
				_, err := s.as().Change(t.Context(), s.query(head))
				wantFault(t, err, fault.Refused, c.code)
				return
			}
			got, _, alone := s.counted(head)
			if !slices.Equal(got, want) || alone != 2 {
				t.Errorf("%d requests alone; makers:\n  %s\nwant both alone, and\n  %s", alone, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
			}
		})
	}
	s.t = t
	s.say("/api/graphql$", answer(692, "1", sha(last))) // the same that is in order is believed
	if got, _, alone := s.counted(head); alone != 1 || !slices.ContainsFunc(got, func(m string) bool { return strings.Contains(m, "eve@evil.example") }) {
		t.Errorf("%d requests alone, makers %s; want one, and what was answered", alone, strings.Join(got, "\n"))
	}
}

// What is too much for one question, or takes too long, is asked for in smaller
// parts.
func TestO05_questions_that_are_too_complex(t *testing.T) {
	s := play(t, 694)
	head := s.lost(20, "x")
	want, _, _ := s.counted(head)
	const complexity = `{"errors":[{"message":"Query has complexity of 300, which exceeds max complexity of 250"}]}`
	for refusals, asked := range map[int][2]int{1: {1 + 4 + 1, 0}, 2: {2 + 10 + 1, 0}, 4: {4 + 1, 20}} {
		s.l.Fault(t, fields{"target": "gitlab", "match": "/api/graphql$", "status": 200, "body": complexity, "times": refusals})
		got, together, alone := s.counted(head)
		if !slices.Equal(got, want) || together != asked[0] || alone != asked[1] {
			t.Errorf("after %d refusals: %d questions by GraphQL and %d requests alone, want %v", refusals, together, alone, asked)
		}
	}
	// The client itself asks four times.
	s.l.Fault(t, fields{"target": "gitlab", "match": "/api/graphql$", "status": http.StatusBadGateway, "times": 4})
	if got, together, alone := s.counted(head); !slices.Equal(got, want) || together != 4+4+1 || alone != 0 {
		t.Errorf("behind a bad gateway: %d questions by GraphQL and %d requests alone, want 9 and none", together, alone)
	}
}

// One question answers what kind each account is. A stand-in for somebody is not a
// person, and no type but a person's makes one.
func TestI05_kinds_together(t *testing.T) {
	s := play(t, 695)
	var members []fields
	for id, f := range map[int]fields{
		69510: {"username": "anna"}, 69511: {"username": "bot1", "bot": true}, 69512: {"username": "gone1", "type": "GHOST"}, 69513: {"username": "held", "type": "PLACEHOLDER"},
		69514: {"username": "brought", "type": "IMPORT_USER"}, 69515: {"username": "inner", "type": "SERVICE_USER"}, 69516: {"username": "off", "state": "blocked"}, 69517: {"username": "sa", "bot": true, "type": "SERVICE_ACCOUNT"},
	} {
		s.l.Set(t, fmt.Sprint("/gitlab/users/", id), f)
		members = append(members, fields{"id": id, "access_level": 40})
	}
	s.l.Set(t, "/gitlab/groups/69501", fields{"path": "acme/kinds", "members": members})
	at := len(s.requests())
	all, err := s.roster(group("69501", "acme/kinds"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]policy.Kind{}
	for _, a := range all {
		got[a.Name] = a.Kind
	}
	for name, want := range map[string]policy.Kind{"anna": policy.Human, "bot1": policy.Machine, "sa": policy.Machine, "inner": policy.Unseen, "off": policy.Gone} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	for _, name := range []string{"gone1", "held", "brought"} {
		if k, ok := got[name]; ok {
			t.Errorf("%s is %v, want nobody", name, k)
		}
	}
	if calls := s.calls(at); len(calls) != 2 {
		t.Errorf("%d calls, want the members and one about them\n%s", len(calls), strings.Join(calls, "\n"))
	}
}

// A job's own token is shown to no API that does not take it.
func TestO02_no_graphql_with_the_jobs_token(t *testing.T) {
	asked := 0
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/graphql"):
			asked++
			fmt.Fprint(w, `{}`)
		case strings.Contains(r.URL.Path, "/users/"):
			fmt.Fprint(w, `{"id":`+r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]+`,"bot":false,"state":"active"}`)
		default:
			fmt.Fprint(w, `[{"id":5,"access_level":40},{"id":6,"access_level":40}]`)
		}
	})
	for name, c := range map[string]struct {
		env  []string
		want int
	}{"a person's": {nil, 1}, "the job's": {[]string{"GITLAB_TOKEN", "", "CI_JOB_TOKEN", "job"}, 0}} {
		asked = 0
		j, host := at(t, serve, c.env...)
		m := role("maintainer")
		m.Host = host
		all, err := j.Rosters(t.Context(), []policy.Member{m})
		if err != nil || len(all[0].Accounts) != 2 || asked != c.want {
			t.Errorf("with %s token: %+v, %v, and %d questions by GraphQL; want two people and %d", name, all, err, asked, c.want)
		}
	}
}

// An answer about another account than was asked for is refused.
func TestO02_graphql_about_another_account(t *testing.T) {
	s := play(t, 697)
	s.l.Set(t, "/gitlab/groups/69701", fields{"path": "acme/others", "members": []fields{{"id": 88, "access_level": 40}, {"id": 89, "access_level": 40}}})
	const one = `{"data":{"users":{"nodes":[{"id":"gid://gitlab/User/88","username":"bob","bot":false,"state":"active","type":"HUMAN"}]}}}`
	s.say("/api/graphql$", one)
	if all, err := s.roster(group("69701", "acme/others")); err != nil || len(all) != 2 {
		t.Errorf("%+v, %v; want both, one of them asked about alone", all, err)
	}
	s.say("/api/graphql$", strings.Replace(one, "[{", "[null,{", 1)) // one that may not be seen
	if all, err := s.roster(group("69701", "acme/others")); err != nil || len(all) != 2 {
		t.Errorf("%+v, %v; want both, one of them asked about alone", all, err)
	}
	s.say("/api/graphql$", strings.Replace(one, "88", "90", 1))
	_, err := s.roster(group("69701", "acme/others"))
	wantFault(t, err, fault.Refused, fault.Malformed)
}

// Who pushed to a request from a fork, the notes say that GitLab wrote under it.
// What was imported with it, others wrote; a list of notes that goes on is read on.
func TestI01_notes_under_requests_from_forks(t *testing.T) {
	s := play(t, 698)
	h := new(script).commit("c1", "alice@acme.example").commit("a", "bob@acme.example", "c1").commit("b", "bob@acme.example", "c1").
		commit("s1", "bob@acme.example", "c1").commit("s2", "bob@acme.example", "s1").push(carol, "main", "c1", "s1", 1).push(carol, "main", "s1", "s2", 1)
	note := func(who fields, kv ...any) fields {
		n := fields{"system": true, "body": "added 1 commit", "author": who}
		for i := 0; i < len(kv); i += 2 {
			n[kv[i].(string)] = kv[i+1]
		}
		return n
	}
	many := []fields{note(dana)}
	for range 100 {
		many = append(many, note(bob, "system", false, "body", "looks good"))
	}
	from := func(iid int, squash, head string, notes []fields) {
		h.request(fields{"iid": iid, "author": bob, "merge_user": carol, "squash_commit_sha": sha(squash), "squash": true, "sha": sha(head), "source_branch": head, "source_project_id": 999698, "commits": []string{sha(head)}, "notes": notes})
	}
	from(1, "s1", "a", []fields{note(alice), note(dana, "imported", true), note(dana, "body", "changed the title"),
		note(dana, "system", false)})
	from(2, "s2", "b", many)
	s.deployed(7001, "c1")
	s.history(h, "s2")
	for _, how := range []string{"together", "one by one"} {
		c := s.change("s2")
		wantMakers(t, c, "pusher 1: request !1", "pusher 90: request !2", "pusher ?: request !1", "pusher ?: request !2")
		noMaker(t, c, "pusher 90: request !1")
		noMaker(t, c, "pusher 88")
		if t.Failed() {
			t.Log(how)
		}
		s.fail("/api/graphql$", http.StatusNotFound)
	}
	s.l.Contract(t)
	// More notes than can be read, as everybody may comment, close nothing, and neither
	// do more requests; more deployments are told with the way out.
	endless := func(match, entry string) {
		s.l.Fault(t, fields{"target": "gitlab", "match": match, "status": 200,
			"body": "[" + strings.Repeat(entry+",", 99) + entry + "]", "times": -1})
	}
	endless("/merge_requests/2/notes$", `{"system":false,"body":"looks good","author":{"id":88}}`)
	c := s.change("s2")
	wantMakers(t, c, "pusher 1: request !1", "pusher ?: request !2")
	noMaker(t, c, "pusher 90: request !2")
	endless("/projects/698/merge_requests$", `{"iid":7}`)
	wantMakers(t, s.change("s2"), "requester 88: request !1", "requester 88: request !2")
	for _, x := range [][3]string{
		{"/deployments$", `{"id":7,"status":"failed","environment":{"name":"production"}}`,
			"glab api -X DELETE projects/698/deployments/ID"},
	} {
		endless(x[0], x[1])
		_, err := s.as().Change(t.Context(), s.query("s2"))
		wantFault(t, err, fault.Refused, fault.Limit)
		if hint := fault.Of(err).Hint; !strings.Contains(hint, x[2]) {
			t.Errorf("%s: hint = %q, want %q in it", x[0], hint, x[2])
		}
	}
	// A note that is null may be one about a push: all notes are read by REST.
	for name, note := range map[string]string{"null": `null`,
		"of unknown origin": `{"systemNoteMetadata":{"action":"approved"},"author":{"id":"gid://gitlab/User/88","username":"bob"}}`} {
		s.l.Unset(t, "/faults")
		s.say("/api/graphql$",
			fmt.Sprintf(`{"data":{"project":{"id":"gid://gitlab/Project/698","mergeRequests":{"nodes":[{"iid":"1","notes":{"nodes":[%s]}},{"iid":"2","notes":{"nodes":[%s]}}]}}}}`, note, note))
		c := s.change("s2")
		wantMakers(t, c, "pusher 1: request !1", "pusher 90: request !2")
		if t.Failed() {
			t.Fatal(name)
		}
	}
}
