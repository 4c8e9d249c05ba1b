package github_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// calls returns what was asked of the API about a world since the last time.
func (w *world) calls(from int) []string {
	w.t.Helper()
	var out []string
	for _, r := range settled(w.t, w.lab)[from:] {
		if r.Target == "github" && (strings.Contains(r.Path, "/acme/"+w.name) || strings.Contains(r.Path, "/orgs/acme/") || strings.HasSuffix(r.Path, "/graphql") || strings.Contains(r.Path, "/user")) {
			out = append(out, fmt.Sprintf("%s %s %d", r.Method, r.Path, r.Status))
		}
	}
	return out
}

// fifty is a history of fifty commits in two requests over what is deployed.
func (w *world) fifty() string {
	w.t.Helper()
	commits := []object{commit(1, alice, nil)}
	for i := 2; i <= 25; i++ {
		commits = append(commits, commit(i, bob, nil, i-1))
	}
	commits = append(commits, commit(26, carol, object{"committer": page}, 1, 25), commit(27, bob, nil, 26))
	for i := 28; i <= 50; i++ {
		commits = append(commits, commit(i, bob, nil, i-1))
	}
	commits = append(commits, commit(51, carol, object{"committer": page}, 26, 50))
	pull := func(n, merge, head int) object {
		return object{"number": n, "user": bob, "merged_by": carol, "merge_commit_sha": sha(merge), "merged_at": "2030-01-01T00:00:00Z", "updated_at": "2030-01-01T00:00:00Z",
			"head": object{"sha": sha(head), "ref": fmt.Sprint("f", n)}, "commits": []string{sha(head)}}
	}
	w.set("/history", object{
		"commits": commits, "branches": object{"main": sha(51)}, "pulls": []object{pull(12, 26, 25), pull(13, 51, 50)},
		"activity": []object{
			push(0, 1, "main", alice, "push"), push(0, 25, "f12", bob, "branch_creation"), push(1, 26, "main", carol, "pr_merge"),
			push(0, 50, "f13", bob, "branch_creation"), push(26, 51, "main", carol, "pr_merge"),
		},
	})
	return sha(51)
}

// squashed is a history of fifty commits over what is deployed, in twenty requests
// that were squashed.
func (w *world) squashed() string { return w.lost("x") }

// assisted is the same with a co-author in many commits.
func (w *world) assisted() string {
	return w.lost("x\n\nCo-authored-by: A <77+alice@users.noreply.github.com>\nCo-authored-by: Helper <helper@bots.example>")
}

func (w *world) lost(message string) string {
	w.t.Helper()
	commits := []object{commit(1, alice, nil)}
	acts := []object{push(0, 1, "main", alice, "push")}
	var pulls []object
	tip := 1
	for i := range 20 {
		n := 1000 + 10*i
		own := []string{sha(n + 1), sha(n + 2)}
		commits = append(commits, commit(n+1, bob, object{"message": message}, tip), commit(n+2, bob, nil, n+1))
		last := n + 2
		if i%2 == 0 {
			last++
			commits = append(commits, commit(last, bob, nil, n+2))
			own = append(own, sha(last))
		}
		commits = append(commits, commit(n, bob, merge(object{"message": message}, signedPage()), tip))
		acts = append(acts, push(0, last, fmt.Sprint("f", i), bob, "branch_creation"), push(tip, n, "main", carol, "pr_merge"))
		pulls = append(pulls, object{"number": 100 + i, "user": bob, "merged_by": carol, "merge_commit_sha": sha(n), "merged_at": "2030-01-01T00:00:00Z", "updated_at": "2030-01-01T00:00:00Z",
			"head": object{"sha": sha(last), "ref": fmt.Sprint("f", i)}, "commits": own})
		tip = n
	}
	w.set("/history", object{"commits": commits, "branches": object{"main": sha(tip)}, "pulls": pulls, "activity": acts})
	return sha(tip)
}

// signedPage is what the platform's page commits and signs.
func signedPage() object { return object{"committer": page, "verification": object{"verified": true}} }

// A gate over ten artifacts, two groups and fifty commits makes few calls, and
// fewer when it looks again; what it learns the second time is the same, and
// what has changed is seen.
func TestAPI_calls_are_few(t *testing.T) {
	for name, history := range map[string]func(*world) string{"merged": (*world).fifty, "squashed": (*world).squashed, "assisted": (*world).assisted} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "calls-"+name)
			teams := []policy.Member{member("acme/release-leads", 321), member("acme/security", 322)}
			if name == "assisted" { // the other group is one of addresses, and one more call says who they are
				teams = teams[:1]
			}
			w.callsAreFew(history(w), teams)
		})
	}
}

func (w *world) callsAreFew(head string, teams []policy.Member) {
	t := w.t
	t.Helper()
	w.lab.Set(t, "/github/orgs/acme/teams/release-leads", object{"id": 321, "members": []object{alice, bob, carol}})
	w.lab.Set(t, "/github/orgs/acme/teams/security", object{"id": 322, "members": []object{alice, carol}})
	w.run(500, object{"head_sha": sha(1)})
	w.run(900, object{"head_sha": head, "event": "workflow_dispatch", "path": ".github/workflows/approve.yml", "actor": alice, "triggering_actor": alice})
	w.run(901, object{"head_sha": head, "event": "workflow_dispatch", "path": ".github/workflows/approve.yml", "actor": carol, "triggering_actor": carol})
	w.run(1000001, object{"head_sha": head, "status": "in_progress", "conclusion": nil})
	w.set("/deployments", []object{w.deployed(8, 500, sha(1), "success")})
	w.set("/environments/production", object{"protection_rules": []object{{"id": 1, "node_id": "x", "type": "required_reviewers", "reviewers": []object{}}}})
	w.lab.Set(t, w.path(""), object{"protected": []string{"production"}, "id": w.number()})
	var subjects []subject.Subject
	for i := range 10 {
		s := subject.Subject{Name: fmt.Sprint(i), Digest: subject.SHA256([32]byte{77, byte(i)})}
		subjects = append(subjects, s)
		if _, err := w.job.Evidence().Put(context.Background(), store.Record{Subjects: []subject.Subject{s}, Bundle: bundle(t, s.Digest, i)}); err != nil {
			t.Fatal(err)
		}
	}
	w.again()
	ctx := context.Background()
	look := func() policy.Change {
		t.Helper()
		found, err := w.job.Evidence().Fetch(ctx, subjects)
		if err != nil || len(found.Bundles) != 10 {
			t.Fatalf("%d bundles, %v; want 10", len(found.Bundles), err)
		}
		if p, err := w.job.Environment(ctx, "production"); err != nil || p.State != policy.Protected || !p.Asked {
			t.Fatalf("environment: %+v, %v", p, err)
		}
		runs, err := w.job.Runs(ctx, []policy.RunQuery{{URI: w.uri(1000001, 1), Outcome: true}, {URI: w.uri(900, 1)}, {URI: w.uri(901, 1)}})
		if err != nil || runs[0].State != policy.Succeeded || !runs[0].Own || runs[1].By.ID != "77" || runs[2].By.ID != "99" {
			t.Fatalf("runs: %+v, %v", runs, err)
		}
		q := w.query(head)
		q.Runs = []string{w.uri(1000001, 1)}
		c, err := w.job.Change(ctx, q)
		if err != nil || len(c.Commits) < 20 || c.Order != policy.Newer || !c.Reachable {
			t.Fatalf("change: %+v, %v", c, err)
		}
		r, err := w.job.Rosters(ctx, teams)
		if err != nil || len(r) != len(teams) || len(r[0].Accounts) != 3 {
			t.Fatalf("rosters: %+v, %v", r, err)
		}
		if _, err := w.job.Reviews(ctx, "production"); err != nil {
			t.Fatal(err)
		}
		return c
	}
	at := len(settled(t, w.lab))
	first := look()
	cold := w.calls(at)
	at = len(settled(t, w.lab))
	second := look()
	warm := w.calls(at)
	t.Logf("cold: %d calls\n  %s\nwarm: %d calls\n  %s", len(cold), strings.Join(cold, "\n  "), len(warm), strings.Join(warm, "\n  "))
	if len(cold) > 16 || len(warm) > 8 {
		t.Errorf("%d and %d calls, want at most 16 and 8", len(cold), len(warm))
	}
	if a, b := strings.Join(made(first), "\n"), strings.Join(made(second), "\n"); a != b {
		t.Errorf("makers at the first look:\n%s\nat the second:\n%s", a, b)
	}
	for _, m := range first.Makers {
		if m.Account.ID == "" && m.Role != policy.CoAuthor {
			t.Errorf("maker %+v, want an account", m)
		}
	}
	w.lab.Contract(t)
}

// number is the repository's.
func (w *world) number() int {
	var n int
	_, _ = fmt.Sscan(w.id, &n)
	return n
}

// settled is the lab's record once nothing is added to it any more: an answer
// can be here before its record is there.
func settled(t *testing.T, l *labtest.Lab) []labtest.Request {
	t.Helper()
	all := l.Requests(t)
	for same := 0; same < 3; {
		next := l.Requests(t)
		if same++; len(next) != len(all) {
			same = 0
		}
		all = next
	}
	return all
}

// Whether a commit still is on its branch is asked for at least each minute, however
// often the gate looks.
func TestG14_a_commit_leaves_the_branch_while_somebody_waits(t *testing.T) {
	w := newWorld(t, "leaves")
	w.merged()
	now := time.Now()
	w.job.Now = func() time.Time { return now }
	look := func() bool {
		t.Helper()
		if _, err := w.job.Environment(context.Background(), "production"); err != nil {
			t.Fatal(err)
		}
		c, err := w.job.Change(context.Background(), w.query(sha(4)))
		if err != nil {
			t.Fatal(err)
		}
		return c.Reachable
	}
	if !look() {
		t.Fatal("not on the branch at first, want it there")
	}
	w.past(2, []object{commit(2, bob, nil, 1), commit(4, carol, nil, 1)}, nil, []object{push(1, 4, "main", carol, "push"), push(4, 2, "main", bob, "force_push")})
	w.set("/deployments", []object{w.deployed(8, 500, sha(1), "success")})
	now = now.Add(30 * time.Second)
	if !look() {
		t.Error("asked again after half a minute, want what was learned to stand")
	}
	now = now.Add(time.Minute)
	if look() {
		t.Error("still on the branch a minute later, want it off")
	}
}

// A name that the environment itself gives, with its number, is not asked for
// again; with another number, it is.
func TestI09_team_that_the_environment_names(t *testing.T) {
	w := newWorld(t, "named")
	w.lab.Set(t, "/github/orgs/acme/teams/askers", object{"id": 710, "members": []object{alice}})
	asks := func(id int) {
		w.set("/environments/production", object{"protection_rules": []object{{"id": 3, "node_id": "x", "type": "required_reviewers", "prevent_self_review": true,
			"reviewers": []object{{"type": "Team", "reviewer": object{"id": id, "slug": "askers"}}}}}})
	}
	roster := func() (int, error) {
		from := len(settled(t, w.lab))
		w.again()
		if _, err := w.job.Environment(context.Background(), "production"); err != nil {
			t.Fatal(err)
		}
		all, err := w.job.Rosters(context.Background(), []policy.Member{member("acme/askers", 710)})
		if err == nil && (len(all) != 1 || len(all[0].Accounts) != 1) {
			t.Errorf("rosters %+v, want alice", all)
		}
		n := 0
		for _, c := range w.calls(from) {
			if strings.Contains(c, "/teams/") {
				n++
			}
		}
		return n, err
	}
	asks(710)
	if n, err := roster(); err != nil || n != 1 {
		t.Errorf("%d calls, %v; want the members alone", n, err)
	}
	asks(711)
	if n, err := roster(); err != nil || n != 2 {
		t.Errorf("%d calls, %v; want the team and its members", n, err)
	}
	w.lab.Set(t, "/github/orgs/acme/teams/askers", object{"id": 711, "members": []object{eve}})
	_, err := roster()
	wantFault(t, err, fault.Refused, fault.Duties)
}
