package github_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

type object = map[string]any

// The people of these tests.
var (
	alice = object{"login": "alice", "id": 77, "email": "alice@acme.example"}
	bob   = object{"login": "bob", "id": 88, "email": "bob@acme.example"}
	carol = object{"login": "carol", "id": 99, "email": "carol@acme.example"}
	eve   = object{"login": "eve", "id": 666, "email": "eve@evil.example"}
	page  = object{"login": "web-flow", "id": 19864447, "email": "noreply@github.com"}
	robot = object{"login": "github-actions[bot]", "id": 41898282, "type": "Bot"}
)

// recently is a time at which a run may still be started again.
var recently = time.Now().UTC().Add(-time.Hour).Format(time.RFC3339)

const address = "https://github.com/acme/"

// sha is the name of the n-th commit of a test.
func sha(n int) string { return fmt.Sprintf("%07x%033x", 0xabc0000+n, n) }

// world is a repository of its own, and a job in it.
type world struct {
	t    *testing.T
	lab  *labtest.Lab
	name string
	id   string
	job  *github.Job
}

func newWorld(t *testing.T, name string) *world {
	t.Helper()
	l := labtest.Shared(t)
	h := fnv.New32a()
	h.Write([]byte(name))
	w := &world{t: t, lab: l, name: name, id: fmt.Sprint(1000 + h.Sum32()%1_000_000)}
	l.Set(t, w.path(""), object{"id": 1000 + h.Sum32()%1_000_000})
	w.again()
	return w
}

// again is a job that knows nothing yet.
func (w *world) again() {
	w.job, _ = job(w.t, with(w.lab.As(w.t, "github", nil), "GITHUB_REPOSITORY", "acme/"+w.name, "GITHUB_REPOSITORY_ID", w.id))
}

func (w *world) path(s string) string { return "/github/repos/acme/" + w.name + s }

func (w *world) set(path string, v any) {
	w.t.Helper()
	w.lab.Set(w.t, w.path(path), v)
}

// run makes a run of the release workflow.
func (w *world) run(id int, fields object) {
	w.t.Helper()
	all := object{"path": ".github/workflows/release.yml", "status": "completed", "conclusion": "success"}
	for k, v := range fields {
		all[k] = v
	}
	w.set(fmt.Sprintf("/runs/%d", id), all)
}

func (w *world) uri(id, attempt int) string {
	return fmt.Sprintf("%s%s/actions/runs/%d/attempts/%d", address, w.name, id, attempt)
}

// deployed is a deployment that run id made of a commit, with its states.
func (w *world) deployed(n, id int, commit string, states ...string) object {
	var all []object
	for _, s := range states {
		all = append(all, object{"state": s, "creator": robot, "log_url": fmt.Sprintf("%s%s/actions/runs/%d/job/5", address, w.name, id)})
	}
	return object{"id": n, "sha": commit, "ref": "main", "environment": "production", "task": "deploy", "creator": robot, "statuses": all}
}

// query asks for the change that ends in a commit of main.
func (w *world) query(head string) policy.ChangeQuery {
	return policy.ChangeQuery{
		Environment: "production", Repository: address + w.name, ID: w.id, Head: head, Ref: "refs/heads/main",
		Workflows: []string{".github/workflows/release.yml"}, Refs: []string{"refs/heads/main", "refs/tags/v*"}, Self: true,
	}
}

func (w *world) change(head string) policy.Change {
	w.t.Helper()
	return w.asked(w.query(head))
}

func (w *world) asked(q policy.ChangeQuery) policy.Change {
	w.t.Helper()
	w.again()
	c, err := w.job.Change(context.Background(), q)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) refused(head string, k fault.Kind, c fault.Code) {
	w.t.Helper()
	w.again()
	got, err := w.job.Change(context.Background(), w.query(head))
	if err == nil {
		w.t.Fatalf("change = %+v, want a fault", got)
	}
	wantFault(w.t, err, k, c)
}

// a commit of a test's history.
func commit(n int, author object, fields object, parents ...int) object {
	c := object{"sha": sha(n), "author": author, "message": fmt.Sprintf("change %d", n)}
	var all []string
	for _, p := range parents {
		all = append(all, sha(p))
	}
	c["parents"] = all
	if all == nil {
		c["parents"] = []string{}
	}
	for k, v := range fields {
		c[k] = v
	}
	return c
}

// push is an entry of the log of activity.
func push(before, after int, ref string, actor object, kind string) object {
	b := strings.Repeat("0", 40)
	if before > 0 {
		b = sha(before)
	}
	return object{"before": b, "after": sha(after), "ref": "refs/heads/" + ref, "actor": actor, "activity_type": kind}
}

// made lists the makers as "role name where", sorted; one without an account is
// named by its address.
func made(c policy.Change) []string {
	var out []string
	for _, m := range c.Makers {
		name := "?" + m.Email
		if m.Account.ID != "" {
			name = m.Account.Name + "#" + m.Account.ID
		}
		out = append(out, fmt.Sprintf("%s %s %s", m.Role, name, m.Where))
	}
	slices.Sort(out)
	return out
}

func wantMakers(t *testing.T, c policy.Change, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := made(c); !slices.Equal(got, want) {
		t.Errorf("makers:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func wantMaker(t *testing.T, c policy.Change, want string) {
	t.Helper()
	if got := made(c); !slices.Contains(got, want) {
		t.Errorf("makers:\n  %s\nwant among them:\n  %s", strings.Join(got, "\n  "), want)
	}
}

func wantNoMaker(t *testing.T, c policy.Change, part string) {
	t.Helper()
	if got := made(c); slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, part) }) {
		t.Errorf("makers:\n  %s\nwant none with %q", strings.Join(got, "\n  "), part)
	}
}

func short(n int) string { return sha(n)[:7] }
