package gitlab_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/gitlab"
	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

const server = "https://gitlab.com"

type fields = map[string]any

// The people of the toy.
var (
	alice = fields{"id": 1, "username": "alice"}
	bob   = fields{"id": 88, "username": "bob"}
	carol = fields{"id": 89, "username": "carol"}
	dana  = fields{"id": 90, "username": "dana"}
)

// A scene is a project of its own at the toy, and a job in it.
type scene struct {
	t    *testing.T
	l    *labtest.Lab
	id   int
	path string
	env  map[string]string
	job  *gitlab.Job
}

func play(t *testing.T, id int) scene {
	t.Helper()
	s := scene{t: t, l: labtest.Shared(t), id: id, path: fmt.Sprintf("acme/p%d", id)}
	s.set("", fields{"path": s.path, "namespace_id": 4242, "protected": []string{"production"}, "unprotected": []string{"open"}})
	s.env = with(s.l.As(t, "gitlab", nil), "CI_PROJECT_ID", fmt.Sprint(id), "CI_PROJECT_PATH", s.path)
	s.job = s.as()
	return s
}

// as returns a job of the scene with other variables.
func (s scene) as(kv ...string) *gitlab.Job {
	s.t.Helper()
	j, _ := job(s.t, with(s.env, kv...))
	return j
}

func (s scene) set(path string, v any) {
	s.t.Helper()
	s.l.Set(s.t, fmt.Sprintf("/gitlab/projects/%d%s", s.id, path), v)
}

func (s scene) post(path string, v any) {
	s.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.Post(s.l.Control+fmt.Sprintf("/gitlab/projects/%d%s", s.id, path), "application/json", bytes.NewReader(b))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		s.t.Fatalf("the lab answered %s", resp.Status)
	}
}

// fail makes the toy answer a status to whatever matches, until the test ends.
func (s scene) fail(match string, status int) {
	s.t.Helper()
	s.l.Fault(s.t, fields{"target": "gitlab", "match": match, "status": status, "times": -1})
}

// say makes the toy answer body to what matches, once.
func (s scene) say(match, body string) {
	s.t.Helper()
	s.l.Fault(s.t, fields{"target": "gitlab", "match": match, "status": 200, "body": body, "times": 1})
}

// changed changes one field.
func changed(f fields, name string, v any) fields {
	f[name] = v
	return f
}

// sha makes a commit's id of its name.
func sha(name string) string {
	h := sha1.Sum([]byte(name))
	return hex.EncodeToString(h[:])
}

// A script is what a history is made of.
type script struct {
	commits  []fields
	branches map[string]string
	tags     map[string]string
	requests []fields
	events   []fields
}

// commit adds a commit by somebody after others.
func (h *script) commit(name, email string, parents ...string) *script {
	ids := []string{}
	for _, p := range parents {
		ids = append(ids, sha(p))
	}
	h.commits = append(h.commits, fields{
		"id": sha(name), "parent_ids": ids, "message": name, "author_name": name, "author_email": email, "committer_name": name, "committer_email": email,
		"committed_date": fmt.Sprintf("2026-11-20T10:%02d:%02dZ", len(h.commits)/60%60, len(h.commits)%60),
	})
	return h
}

// last changes the commit that was added last.
func (h *script) last(kv ...any) *script {
	c := h.commits[len(h.commits)-1]
	for i := 0; i < len(kv); i += 2 {
		c[kv[i].(string)] = kv[i+1]
	}
	return h
}

// push adds a push of n commits, in the order of time.
func (h *script) push(who fields, branch, from, to string, n int) *script {
	p := fields{"commit_to": sha(to), "commit_count": n, "ref": branch, "action": "pushed"}
	if from == "" {
		p["action"] = "created"
	} else {
		p["commit_from"] = sha(from)
	}
	h.events = append(h.events, fields{"author": who, "push_data": p, "created_at": fmt.Sprintf("2026-11-20T11:%02d:%02dZ", len(h.events)/60%60, len(h.events)%60)})
	return h
}

func (h *script) request(f fields) *script {
	h.requests = append(h.requests, f)
	return h
}

func (s scene) history(h *script, main string) {
	s.t.Helper()
	branches := map[string]string{"main": sha(main)}
	maps.Copy(branches, h.branches)
	body := fields{"commits": h.commits, "branches": branches, "events": h.events, "merge_requests": h.requests}
	if h.tags != nil {
		body["tags"] = h.tags
	}
	s.set("/history", body)
}

// deployed adds a deployment to production that succeeded.
func (s scene) deployed(id int, commit string, kv ...any) {
	s.t.Helper()
	d := fields{
		"environment": "production", "status": "success", "sha": sha(commit), "ref": "main",
		"deployable": fields{"id": id + 10000, "status": "success", "ref": "main", "commit": fields{"id": sha(commit)}, "pipeline": fields{"id": id + 20000, "project_id": s.id, "sha": sha(commit)}},
	}
	for i := 0; i < len(kv); i += 2 {
		d[kv[i].(string)] = kv[i+1]
	}
	s.set(fmt.Sprintf("/deployments/%d", id), d)
}

func (s scene) query(head string) policy.ChangeQuery {
	return policy.ChangeQuery{Environment: "production", Repository: server + "/" + s.path, ID: fmt.Sprint(s.id), Head: sha(head), Ref: "refs/heads/main", Self: true}
}

// change is what a job is told that knows nothing yet.
func (s scene) change(head string) policy.Change {
	s.t.Helper()
	s.job = s.as()
	return s.look(head)
}

// look is what the scene's own job is told, which may have asked before.
func (s scene) look(head string) policy.Change {
	s.t.Helper()
	c, err := s.job.Change(context.Background(), s.query(head))
	if err != nil {
		s.t.Fatalf("Change: %v", err)
	}
	return c
}

// made writes makers in short: "author 1 a@x: commit 4f2a91c".
func made(c policy.Change) []string {
	var out []string
	for _, m := range c.Makers {
		who := m.Account.ID
		if who == "" {
			who = "?"
		}
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", m.Role, who, m.Email))+": "+m.Where)
	}
	slices.Sort(out)
	return out
}

func wantMakers(t *testing.T, c policy.Change, want ...string) {
	t.Helper()
	all := made(c)
	for _, w := range want {
		if !slices.Contains(all, w) {
			t.Errorf("no maker %q among\n%s", w, strings.Join(all, "\n"))
		}
	}
}

func noMaker(t *testing.T, c policy.Change, begin string) {
	t.Helper()
	for _, m := range made(c) {
		if strings.HasPrefix(m, begin) {
			t.Errorf("maker %q, want none that begins with %q", m, begin)
		}
	}
}

func (s scene) short(commit string) string { return "commit " + sha(commit)[:7] }

// requests is the lab's record once nothing is added to it any more: an answer
// can be here before its record is there.
func (s scene) requests() []labtest.Request {
	s.t.Helper()
	all := s.l.Requests(s.t)
	for same := 0; same < 3; {
		next := s.l.Requests(s.t)
		if same++; len(next) != len(all) {
			same = 0
		}
		all = next
	}
	return all
}
