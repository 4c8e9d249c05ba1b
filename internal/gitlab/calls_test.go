package gitlab_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// calls are what GitLab was asked since the record had so many entries.
func (s scene) calls(from int) []string {
	s.t.Helper()
	var out []string
	for _, r := range s.requests()[from:] {
		if r.Target == "gitlab" {
			out = append(out, fmt.Sprintf("%s %s?%s %d", r.Method, strings.TrimPrefix(r.Path, "/api/v4"), r.Query, r.Status))
		}
	}
	return out
}

// lost is a history of n requests of two or three commits that were squashed, over
// what is deployed.
func (s scene) lost(n int, message string) (head string) {
	s.t.Helper()
	h := new(script).commit("c1", "alice@acme.example").push(alice, "main", "", "c1", 1)
	head = "c1"
	for i := range n {
		a, b, c, squash := fmt.Sprint("a", i), fmt.Sprint("b", i), fmt.Sprint("c", i, "x"), fmt.Sprint("s", i)
		h.commit(a, "88-bob@users.noreply.gitlab.com", head).last("message", message).commit(b, "88-bob@users.noreply.gitlab.com", a)
		last, own := b, []string{sha(a), sha(b)}
		if i%2 == 0 {
			h.commit(c, "88-bob@users.noreply.gitlab.com", b)
			last, own = c, append(own, sha(c))
		}
		h.commit(squash, "88-bob@users.noreply.gitlab.com", head).last("committer_email", "89-carol@users.noreply.gitlab.com", "message", message)
		branch := fmt.Sprint("f", i)
		h.push(bob, branch, "", last, len(own)).push(carol, "main", head, squash, 1).
			request(fields{"iid": i + 1, "author": bob, "merge_user": carol, "squash_commit_sha": sha(squash), "squash": true, "sha": sha(last), "source_branch": branch, "commits": own})
		head = squash
	}
	s.deployed(7001, "c1")
	s.history(h, head)
	return head
}

// A gate over ten artifacts, two groups and fifty commits makes few calls, and
// fewer when it looks again. Evidence in the package registry is not counted: it
// costs two calls for each artifact, and one for each bundle.
func TestAPI_calls_are_few(t *testing.T) {
	s := play(t, 690)
	head := s.lost(20, "x")
	s.l.Set(t, "/gitlab/groups/69001", fields{"path": "acme/leads", "members": []fields{{"id": 1, "access_level": 40}, {"id": 88, "access_level": 40}, {"id": 89, "access_level": 40}}})
	s.l.Set(t, "/gitlab/groups/69002", fields{"path": "acme/security", "members": []fields{{"id": 90, "access_level": 40}, {"id": 89, "access_level": 40}}})
	s.set("/jobs/302", fields{"commit": fields{"id": sha(head)}})
	s.set("/jobs/303", fields{"commit": fields{"id": sha(head)}, "name": "gate", "status": "running"})
	for i, who := range []fields{bob, carol} {
		s.set(fmt.Sprint("/pipelines/", 500+i), fields{"user": who, "source": "web", "status": "success"})
		s.set(fmt.Sprint("/jobs/", 400+i), fields{"user": who, "pipeline": fields{"id": 500 + i}, "status": "success", "name": "approve"})
	}
	s.job = s.as("CI_JOB_ID", "303")
	ctx := context.Background()
	look := func() policy.Change {
		t.Helper()
		if p, err := s.job.Environment(ctx, "production"); err != nil || p.State != policy.Protected {
			t.Fatalf("environment: %+v, %v", p, err)
		}
		runs, err := s.job.Runs(ctx, []policy.RunQuery{{URI: s.uri(302), Outcome: true}, {URI: s.uri(400)}, {URI: s.uri(401)}})
		if err != nil || runs[0].State != policy.Succeeded || !runs[0].Own || runs[1].By.ID != "88" || runs[2].By.ID != "89" || runs[1].By.Kind != policy.Human {
			t.Fatalf("runs: %+v, %v", runs, err)
		}
		q := s.query(head)
		q.Runs = []string{s.uri(302)}
		c, err := s.job.Change(ctx, q)
		if err != nil || len(c.Commits) != 20 || len(c.Requests) != 20 || c.Order != policy.Newer || !c.Reachable {
			t.Fatalf("change: %+v, %v", c, err)
		}
		r, err := s.job.Rosters(ctx, []policy.Member{group("69001", "acme/leads"), group("69002", "acme/security")})
		if err != nil || len(r) != 2 || len(r[0].Accounts) != 3 || r[1].Accounts[0].Kind != policy.Human {
			t.Fatalf("rosters: %+v, %v", r, err)
		}
		if _, err := s.job.Reviews(ctx, "production"); err != nil {
			t.Fatal(err)
		}
		return c
	}
	at := len(s.requests())
	first := look()
	cold := s.calls(at)
	at = len(s.requests())
	second := look()
	warm := s.calls(at)
	t.Logf("cold: %d calls\n  %s\nwarm: %d calls\n  %s", len(cold), strings.Join(cold, "\n  "), len(warm), strings.Join(warm, "\n  "))
	if len(cold) > 22 || len(warm) > 8 {
		t.Errorf("%d and %d calls, want at most 22 and 8", len(cold), len(warm))
	}
	if a, b := strings.Join(made(first), "\n"), strings.Join(made(second), "\n"); a != b {
		t.Errorf("makers at the first look:\n%s\nat the second:\n%s", a, b)
	}
	noMaker(t, first, "pusher ?")
	noMaker(t, first, "merger ?")
	s.l.Contract(t)
}

// What has changed since the last look is seen, and what a look was told is told
// to no other part of it anew.
func TestG16_a_later_look_sees_what_has_changed(t *testing.T) {
	s := play(t, 699)
	shipped(s)
	s.set("/pipelines/500", fields{"status": "running"})
	s.set("/jobs/400", fields{"pipeline": fields{"id": 500}, "status": "success", "name": "build"})
	s.job = s.as()
	look := func() (string, policy.RunState) {
		t.Helper()
		if _, err := s.job.Environment(t.Context(), "production"); err != nil {
			t.Fatal(err)
		}
		runs, err := s.job.Runs(t.Context(), []policy.RunQuery{{URI: s.uri(400), Outcome: true}})
		if err != nil {
			t.Fatal(err)
		}
		return s.look("s2").Base, runs[0].State
	}
	if base, state := look(); base != sha("c1") || state != policy.Unfinished {
		t.Errorf("base %.7s, run %v; want c1 and a run that is not finished", base, state)
	}
	s.set("/pipelines/500", fields{"status": "success"})
	s.deployed(7002, "c2")
	if base, state := look(); base != sha("c2") || state != policy.Succeeded {
		t.Errorf("base %.7s, run %v at the second look; want c2 and a run that succeeded", base, state)
	}
}
