package gitlab_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// shipped is a project where c1 is deployed, and where since then bob pushed c2
// for carol, dana merged a branch of bob's, and carol squashed one of dana's.
func shipped(s scene) *script {
	s.l.Set(s.t, "/gitlab/users/89", fields{"public_email": "carol@acme.example"})
	h := new(script).
		commit("c1", "alice@acme.example").
		commit("c2", "Carol@acme.example", "c1").last("message", "c2\n\nreviewed\n\nCO-AUTHORED-BY: D <90-dana@users.noreply.gitlab.com>\nSigned-off-by: x <x@y>\nCo-authored-by: z@z.example").
		commit("f1", "88-bob@users.noreply.gitlab.com", "c1").
		commit("m1", "90-dana@users.noreply.gitlab.com", "c2", "f1").
		commit("d1", "eve@acme.example", "m1").
		commit("d2", "mallory@acme.example", "d1").
		commit("s2", "90-dana@users.noreply.gitlab.com", "m1").
		push(bob, "main", "c1", "c2", 1).
		push(bob, "feature", "", "f1", 1).
		push(dana, "main", "c2", "m1", 2).
		push(alice, "other", "", "d2", 2).
		push(carol, "main", "m1", "s2", 1).
		request(fields{"iid": 1, "author": bob, "merge_user": dana, "merge_commit_sha": sha("m1"), "sha": sha("f1"), "source_branch": "feature", "commits": []string{sha("f1")}}).
		request(fields{"iid": 2, "author": dana, "merge_user": carol, "squash_commit_sha": sha("s2"), "squash": true, "sha": sha("d2"), "source_branch": "other", "commits": []string{sha("d1"), sha("d2")}})
	s.deployed(7001, "c1")
	s.history(h, "s2")
	return h
}

// The makers of a change are all who wrote, committed, co-wrote, proposed,
// pushed, merged and started it, since what is deployed and not before.
func TestChange_names_every_maker(t *testing.T) {
	s := play(t, 600)
	shipped(s)
	c := s.change("s2")
	if c.Order != policy.Newer || c.Base != sha("c1") || !c.Reachable || c.Branch != "main" || len(c.Commits) != 4 || c.Commits[0].ID != sha("s2") {
		t.Errorf("change = %+v, want 4 commits newer than c1 on main, s2 first", c)
	}
	wantMakers(t, c,
		"author 89 Carol@acme.example: "+s.short("c2"),
		"committer 89 Carol@acme.example: "+s.short("c2"),
		"co-author 90 90-dana@users.noreply.gitlab.com: "+s.short("c2"),
		"co-author ? z@z.example: "+s.short("c2"),
		"pusher 88: "+s.short("c2"),
		"author 88 88-bob@users.noreply.gitlab.com: "+s.short("f1"),
		"pusher 88: "+s.short("f1"),
		"requester 88: request !1",
		"merger 90: request !1",
		"requester 90: request !2",
		"merger 89: request !2",
		"author ? eve@acme.example: "+s.short("d1")+" of request !2",
		"committer ? mallory@acme.example: "+s.short("d2")+" of request !2",
		"pusher 1: "+s.short("d2")+" of request !2",
		"trigger 1: pipeline 574",
		"trigger 1: job 302",
	)
	noMaker(t, c, "author ? alice@acme.example")
	q := s.query("s2")
	q.Self = false
	if c, err := s.job.Change(context.Background(), q); err != nil {
		t.Error(err)
	} else {
		noMaker(t, c, "trigger")
	}
	noMaker(t, c, "pusher ?")
}

// Somebody unknown counts for what no push event explains.
func TestI01_pusher_that_the_platform_forgot(t *testing.T) {
	s := play(t, 601)
	h := shipped(s)
	h.events = h.events[2:] // those of c2 and f1
	s.history(h, "s2")
	c := s.change("s2")
	wantMakers(t, c, "pusher ?: "+s.short("c2"), "pusher ?: request !1", "merger 90: request !1")
	noMaker(t, c, "pusher 90: "+s.short("f1"))
}

// A request from a fork that nobody may look into has an unknown pusher.
func TestI01_pusher_in_a_fork(t *testing.T) {
	s := play(t, 602)
	h := shipped(s)
	h.requests[0]["source_project_id"] = 999602
	h.events = append(h.events[:1:1], h.events[2:]...)
	s.history(h, "s2")
	wantMakers(t, s.change("s2"), "pusher ?: request !1")
	s.l.Set(t, "/gitlab/projects/999602", fields{"path": "bob/fork"})
	s.l.Set(t, "/gitlab/projects/999602/history", fields{"commits": h.commits, "branches": fields{"feature": sha("f1")}, "events": new(script).push(bob, "feature", "", "f1", 1).events})
	c := s.change("s2")
	wantMakers(t, c, "pusher 88: request !1")
	noMaker(t, c, "pusher ?")
}

// A date in the future in a commit does not hide the request that brought it.
func TestI03_dates_that_somebody_typed(t *testing.T) {
	s := play(t, 603)
	h := shipped(s)
	for _, c := range h.commits[1:] {
		c["committed_date"] = "2099-01-01T00:00:00Z"
	}
	s.history(h, "s2")
	wantMakers(t, s.change("s2"), "requester 88: request !1", "merger 89: request !2", "pusher 88: "+s.short("c2"))
}

// Addresses in commits are forgeable: whom they name is a maker too, and whom
// nobody knows stays unknown.
func TestI03_forged_author_metadata(t *testing.T) {
	s := play(t, 604)
	for name, c := range map[string]struct{ email, want string }{
		"unlinked":                 {"victim@corp.example", "author ? victim@corp.example: "},
		"noreply of another":       {"88-bob@users.noreply.gitlab.com", "author 88 88-bob@users.noreply.gitlab.com: "},
		"noreply of another host":  {"88-bob@users.noreply.gitlab.com.evil.example", "author ? 88-bob@users.noreply.gitlab.com.evil.example: "},
		"old noreply":              {"bob@users.noreply.gitlab.com", "author 88 bob@users.noreply.gitlab.com: "},
		"old noreply of nobody":    {"nobody@users.noreply.gitlab.com", "author ? nobody@users.noreply.gitlab.com: "},
		"two addresses":            {"a@x.example, 88-bob@users.noreply.gitlab.com", "author ? a@x.example, 88-bob@users.noreply.gitlab.com: "},
		"address in name and line": {"x> <88-bob@users.noreply.gitlab.com", "author ? x> <88-bob@users.noreply.gitlab.com: "},
		"none":                     {"", "author ?: "},
	} {
		t.Run(name, func(t *testing.T) {
			s := scene{t: t, l: s.l, id: s.id, path: s.path, env: s.env, job: s.as()}
			s.history(new(script).commit("c1", c.email).push(carol, "main", "", "c1", 1), "c1")
			got := s.change("c1")
			wantMakers(t, got, c.want+s.short("c1"), "pusher 89: "+s.short("c1"))
		})
	}
}

// An account that GitLab offers for an address has to have that very address.
func TestI03_account_of_another_address(t *testing.T) {
	s := play(t, 616)
	for email, found := range map[string]string{
		"erin@users.noreply.gitlab.com": `[{"id":88,"username":"bob"}]`,
		"erin@x.example":                `[{"id":88,"username":"bob","public_email":"erin@x.example"}]`,
		"erin@y.example":                `[{"id":89},{"id":88}]`,
		"a@x.example b@y.example":       `[{"id":88}]`,
	} {
		s.job = s.as()
		s.history(new(script).commit("c1", email).push(carol, "main", "", "c1", 1), "c1")
		s.l.Unset(t, "/faults")
		s.say("/users$", found)
		s.say("/users/88$", `{"id":88,"public_email":"a@x.example b@y.example"}`)
		wantMakers(t, s.change("c1"), "author ? "+email+": "+s.short("c1"))
	}
	s.l.Unset(t, "/faults")
	s.job = s.as()
	s.history(new(script).commit("c1", "erin@x.example").push(carol, "main", "", "c1", 1), "c1")
	s.say("/users$", `[{"id":88}]`)
	s.say("/users/88$", `{"id":88,"public_email":"erin@x.example"}`)
	wantMakers(t, s.change("c1"), "author 88 erin@x.example: "+s.short("c1"))
}

// A history of which GitLab tells a part is refused.
func TestG14_history_with_a_gap(t *testing.T) {
	s := play(t, 617)
	h := shipped(s)
	listed := func(names ...string) string {
		var all []fields
		for _, n := range names {
			for _, c := range h.commits {
				if c["id"] == sha(n) {
					all = append(all, c)
				}
			}
		}
		b, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	head := "s2"
	try := func(code fault.Code, match, body string) {
		t.Helper()
		s.job = s.as()
		s.l.Unset(t, "/faults")
		s.say(match, body)
		_, err := s.job.Change(context.Background(), s.query(head))
		if code != "" {
			wantFault(t, err, fault.Refused, code)
		} else if err != nil {
			t.Error(err)
		}
	}
	const list = "/repository/commits$"
	try("", list, listed("s2", "m1", "f1", "c2"))
	try(fault.Malformed, list, listed("s2", "m1", "f1"))
	try(fault.Malformed, list, listed("s2", "f1", "c2"))
	try(fault.Malformed, list, listed("m1", "f1", "c2"))
	try(fault.Malformed, list, listed("s2", "m1", "f1", "c2", "d2"))
	try(fault.Malformed, list, listed("s2", "m1", "f1", "c2", "c2"))
	s.deployed(7001, "c1", "status", "failed")
	try("", list, listed("s2", "m1", "f1", "c2", "c1"))
	try(fault.Malformed, list, listed("s2", "m1", "f1", "c2"))
	try(fault.Malformed, list, "[]")
	s.deployed(7001, "s2")
	head = "c2" // the list between them is empty, and shows neither
	try("", "/repository/commits/[0-9a-f]+$", `{"id":"`+sha("s2")+`"}`)
	try(fault.Malformed, "/repository/commits/[0-9a-f]+$", `{"id":"`+sha("c1")+`"}`)
}

// A committer that is written as the instance says nothing: the person who pushed such
// a commit answers for it, whether GitLab signs what it commits or not.
func TestI03_committer_that_looks_like_the_instance(t *testing.T) {
	s := play(t, 605)
	h := new(script).commit("c1", "88-bob@users.noreply.gitlab.com").last("committer_email", "NoReply@gitlab.com").push(carol, "main", "", "c1", 1)
	s.history(h, "c1")
	c := s.change("c1")
	noMaker(t, c, "committer")
	wantMakers(t, c, "pusher 89: "+s.short("c1"))
	noMaker(t, c, "pusher ?")
	h.events = nil
	s.history(h, "c1")
	wantMakers(t, s.change("c1"), "pusher ?: "+s.short("c1"))
	s.history(new(script).commit("c1", "88-bob@users.noreply.gitlab.com").last("committer_email", "noreply@gitlab.com.evil.example").push(carol, "main", "", "c1", 1), "c1")
	wantMakers(t, s.change("c1"), "committer ? noreply@gitlab.com.evil.example: "+s.short("c1"))
}

// Each who started anything is a maker: the pipeline, the job, each of its
// attempts, the deployment, and the job that built.
func TestI01_everybody_who_started_it(t *testing.T) {
	s := play(t, 606)
	shipped(s)
	s.set("/pipelines/574", fields{"user": bob})
	s.set("/jobs/302", fields{"user": carol})
	s.set("/jobs/301", fields{"user": dana, "pipeline": fields{"id": 574}, "status": "failed"})
	s.set("/pipelines/570", fields{"user": fields{"id": 91, "username": "erin"}})
	s.set("/jobs/290", fields{"user": fields{"id": 92, "username": "frank"}, "pipeline": fields{"id": 570}, "name": "release", "status": "success"})
	s.deployed(7100, "s2", "status", "running", "user", fields{"id": 93, "username": "grace"}, "deployable", fields{"id": 302, "commit": fields{"id": sha("s2")}, "pipeline": fields{"id": 574, "sha": sha("s2")}})
	q := s.query("s2")
	q.Runs = []string{server + "/" + s.path + "/-/jobs/290", server + "/" + s.path + "/-/jobs/9999", server + "/acme/other/-/jobs/1"}
	c, err := s.job.Change(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	wantMakers(t, c,
		"trigger 88: pipeline 574", "trigger 90: job 301", "trigger 93: deployment 7100", "trigger 1: job 302",
		"trigger 91: pipeline 570", "trigger 92: job 290", "trigger ?: job 9999", "trigger ?: "+server+"/acme/other/-/jobs/1")
	// Job 302 is 301 run again: the person who did that changed nothing, unless variables
	// can be set then.
	noMaker(t, c, "trigger 89")
	if len(c.Again) != 1 || c.Again[0].Account.ID != "89" {
		t.Errorf("run again by %+v, want 89", c.Again)
	}
	s.set("", fields{"path": s.path, "namespace_id": 4242, "fields": fields{role17: "maintainer"}})
	s.deployed(7100, "s2", "status", "running", "user", carol, "deployable",
		fields{"id": 302, "commit": fields{"id": sha("s2")}, "pipeline": fields{"id": 574, "sha": sha("s2")}})
	s.job = s.as()
	if c, err = s.job.Change(context.Background(), q); err != nil {
		t.Fatal(err)
	}
	wantMakers(t, c, "trigger 89: job 302")
	if len(c.Again) != 0 {
		t.Errorf("run again by %+v, want nobody who only did that", c.Again)
	}
	s.set("", fields{"path": s.path, "namespace_id": 4242, "fields": fields{role17: "no_one_allowed"}})
	// Nor does it count as run again where nobody knows who started it first, or where
	// it was of another commit.
	for name, first := range map[string]fields{
		"by a ghost": {"user": fields{"id": 97, "username": "ghost7"}, "pipeline": fields{"id": 574},
			"status": "failed"},
		"of another commit": {"user": dana, "pipeline": fields{"id": 574}, "status": "failed",
			"commit": fields{"id": sha("c1")}},
	} {
		s.set("/jobs/301", first)
		s.job = s.as()
		if c, err = s.job.Change(context.Background(), q); err != nil {
			t.Fatal(err)
		}
		wantMakers(t, c, "trigger 89: job 302")
		if name == "by a ghost" && len(c.Again) != 0 {
			t.Errorf("run again by %+v, want nobody who only did that", c.Again)
		}
		if t.Failed() {
			t.Fatal(name)
		}
	}
	_, err = s.as("CI_PIPELINE_ID", "570").Change(context.Background(), q)
	wantFault(t, err, fault.Refused, fault.Source)
}

// A pipeline that another one started has that one's starter too.
func TestH11_child_and_downstream_pipelines(t *testing.T) {
	s := play(t, 607)
	shipped(s)
	s.set("/pipelines/574", fields{"source": "parent_pipeline"})
	s.set("/pipelines/500", fields{"user": bob, "bridges": []fields{{"user": dana, "downstream_pipeline": fields{"id": 574}}}})
	wantMakers(t, s.change("s2"), "trigger ?: the pipeline that started pipeline 574")
	s.l.Fault(t, fields{"target": "gitlab", "match": "/pipelines$", "status": 200, "body": `[{"id":500,"sha":"9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605"}]`, "times": -1})
	s.job = s.as()
	c := s.change("s2")
	wantMakers(t, c, "trigger 88: pipeline 500", "trigger 90: a job of pipeline 500")
	noMaker(t, c, "trigger ?")
	s.set("/pipelines/574", fields{"source": "pipeline"})
	wantMakers(t, s.change("s2"), "trigger ?: the pipeline that started pipeline 574")
	s.set("/pipelines/574", fields{"source": "push"})
	noMaker(t, s.change("s2"), "trigger ?")
}

// Only a job of this project on a protected ref moves what counts as deployed.
func TestG11_deployment_that_moves_nothing(t *testing.T) {
	project := 60800
	job := func(ref string, tag bool, commit, pipeline string, project int) fields {
		return fields{"id": 9000, "status": "success", "ref": ref, "tag": tag, "commit": fields{"id": sha(commit)}, "pipeline": fields{"id": 9001, "sha": sha(pipeline), "project_id": project}}
	}
	for name, c := range map[string]struct {
		kv   []any
		base string
	}{
		"by API":                  {[]any{"deployable", nil}, "c1"},
		"of another commit":       {[]any{"deployable", job("main", false, "c1", "c1", 0)}, "c1"},
		"of a job of another":     {[]any{"deployable", job("main", false, "c1", "m1", 0)}, "c1"},
		"of a job on another ref": {[]any{"ref", "main", "deployable", job("v1", true, "m1", "m1", 0)}, "c1"},
		"of a job that failed":    {[]any{"deployable", changed(job("main", false, "m1", "m1", 0), "status", "failed")}, "c1"},
		"of no pipeline":          {[]any{"deployable", changed(job("main", false, "m1", "m1", 0), "pipeline", nil)}, "c1"},
		"of another pipeline":     {[]any{"deployable", job("main", false, "m1", "c1", 0)}, "c1"},
		"of another project":      {[]any{"deployable", job("main", false, "m1", "m1", 20)}, "c1"},
		"of an open branch":       {[]any{"ref", "feature", "deployable", job("feature", false, "m1", "m1", 0)}, "c1"},
		"of a branch that is not": {[]any{"ref", "gone", "deployable", job("gone", false, "m1", "m1", 0)}, "c1"},
		"of an open tag":          {[]any{"ref", "loose", "deployable", job("loose", true, "m1", "m1", 0)}, "c1"},
		"of a merge request":      {[]any{"ref", "refs/merge-requests/1/head", "deployable", job("refs/merge-requests/1/head", false, "m1", "m1", 0)}, "c1"},
		"of a protected tag":      {[]any{"ref", "v1", "deployable", job("v1", true, "m1", "m1", 0)}, "m1"},
		"of the branch":           {[]any{"deployable", job("main", false, "m1", "m1", 0)}, "m1"},
		"failed":                  {[]any{"status", "failed"}, "c1"},
		"elsewhere":               {[]any{"environment", "open"}, "c1"},
	} {
		t.Run(name, func(t *testing.T) {
			project++
			s := play(t, project)
			h := shipped(s)
			h.branches, h.tags = map[string]string{"feature": sha("f1")}, map[string]string{"v1": sha("c2"), "loose": sha("c2")}
			s.history(h, "s2")
			s.set("/protected_tags", []fields{{"name": "v*"}})
			s.deployed(7050, "m1", c.kv...)
			if got := s.change("s2"); got.Base != sha(c.base) {
				t.Errorf("base = %s, %s; want %s", got.Base, got.Deployed, sha(c.base))
			}
		})
	}
}

// A commit counts as reachable only while it is on its branch, and its tag on it.
func TestG14_commit_that_is_not_on_the_branch(t *testing.T) {
	s := play(t, 609)
	h := shipped(s)
	h.tags = map[string]string{"v1": sha("m1"), "v2": sha("c2")}
	h.branches = map[string]string{"rel/1": sha("c2"), "rel/0/old": sha("c1")}
	h.commit("lost", "eve@acme.example", "c1")
	s.history(h, "s2")
	for name, c := range map[string]struct {
		head, ref, branch string
		want              bool
	}{
		"tip":                      {"s2", "refs/heads/main", "", true},
		"older":                    {"m1", "refs/heads/main", "", true},
		"forced away":              {"lost", "refs/heads/main", "", false},
		"branch is gone":           {"m1", "refs/heads/gone", "", false},
		"tag":                      {"m1", "refs/tags/v1", "", true},
		"tag moved":                {"c2", "refs/tags/v1", "", false},
		"tag is gone":              {"m1", "refs/tags/v2", "", false},
		"branch the policy wants":  {"c2", "refs/heads/feature", "main", true},
		"not on the one it wants":  {"d2", "refs/heads/other", "main", false},
		"a branch of the pattern":  {"c2", "refs/tags/v2", "rel/*", true},
		"of no branch that fits":   {"d2", "refs/tags/v2", "rel/*", false},
		"its own branch fits":      {"c2", "refs/heads/rel/1", "rel/*", true},
		"its own does not have it": {"d2", "refs/heads/rel/1", "rel/*", false},
		"merge request's own head": {"d2", "refs/merge-requests/2/head", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			q := s.query(c.head)
			q.Ref, q.Branch = c.ref, c.branch
			got, err := s.job.Change(context.Background(), q)
			if err != nil || got.Reachable != c.want {
				t.Errorf("reachable on %q = %v, %v; want %v", got.Branch, got.Reachable, err, c.want)
			}
		})
	}
	for _, head := range []string{sha("nowhere"), sha("s2")[:8], "main", "", "refs/tags/v1"} {
		q := s.query("s2")
		q.Head = head
		_, err := s.job.Change(context.Background(), q)
		wantFault(t, err, fault.Refused, fault.Source)
	}
	for _, q := range []policy.ChangeQuery{{Repository: server + "/acme/other", ID: "609"}, {Repository: server + "/" + s.path, ID: "20"}} {
		q.Environment, q.Head, q.Ref = "production", sha("s2"), "refs/heads/main"
		_, err := s.job.Change(context.Background(), q)
		wantFault(t, err, fault.Refused, fault.Source)
	}
}

// What is older than what is deployed, or than what was let in and is on its
// way, is told apart from what is newer.
func TestG16_order_of_deployments(t *testing.T) {
	s := play(t, 610)
	h := shipped(s)
	h.commit("side", "eve@acme.example", "c1")
	s.history(h, "s2")
	order := func(head string, want policy.Order) {
		t.Helper()
		s.job = s.as()
		if got := s.change(head); got.Order != want {
			t.Errorf("order of %s against %s = %v, want %v", head, got.Deployed, got.Order, want)
		}
	}
	order("c2", policy.Newer)
	s.deployed(7060, "c2")
	order("c2", policy.Same)
	order("c1", policy.Older)
	order("side", policy.Diverged)
	order("m1", policy.Newer)
	s.deployed(7061, "s2", "status", "blocked")
	order("m1", policy.Newer) // nobody approved it yet
	s.post("/deployments/7061/review", fields{"user": bob, "status": "approved"})
	order("m1", policy.Overtaken)
	order("s2", policy.Newer)
	s.deployed(7061, "s2", "status", "canceled")
	order("m1", policy.Newer)
	given := []fields{{"user": bob, "status": "approved", "created_at": "2026-11-22T10:00:00Z"}}
	for _, c := range []struct {
		pending int
		given   []fields
		want    policy.Order
	}{{0, given, policy.Overtaken}, {1, given, policy.Newer}, {0, []fields{}, policy.Newer}} {
		s.deployed(7064, "s2", "status", "created", "pending_approval_count", c.pending, "approvals", c.given)
		order("m1", c.want) // let in where somebody approved it, and no approval is missing
	}
	s.deployed(7064, "s2", "status", "canceled")
	s.deployed(7062, "s2", "status", "running")
	order("m1", policy.Overtaken)
	s.deployed(7062, "s2", "status", "running", "deployable", nil)
	order("m1", policy.Newer) // said by API, run by nobody
	s.deployed(7063, "c1", "status", "running")
	order("m1", policy.Newer)
}

// With nothing deployed the change is everything since the beginning, or since
// the baseline of the policy.
func TestChange_first(t *testing.T) {
	s := play(t, 611)
	h := shipped(s)
	h.commit("side", "eve@acme.example")
	s.history(h, "s2")
	s.deployed(7001, "c1", "status", "failed")
	if c := s.change("s2"); c.Order != policy.First || c.Base != "" || len(c.Commits) != 5 {
		t.Errorf("change = %+v, want the first one, of 5 commits", c)
	}
	q := s.query("s2")
	q.Start.Baseline = sha("m1")
	c, err := s.job.Change(context.Background(), q)
	if err != nil || c.Order != policy.First || len(c.Commits) != 1 {
		t.Errorf("change = %+v, %v; want the first one, of 1 commit", c, err)
	}
	q.Start.Baseline = sha("side")
	_, err = s.job.Change(context.Background(), q)
	wantFault(t, err, fault.Usage, fault.Policy)
	q.Start.Baseline = sha("nowhere")
	_, err = s.job.Change(context.Background(), q)
	wantFault(t, err, fault.Refused, fault.Source)
}

// A history of more than a hundred commits is read to its end, one of too many
// is refused with the way out.
func TestChange_long_history(t *testing.T) {
	s := play(t, 612)
	h := new(script).commit("n0", "88-bob@users.noreply.gitlab.com").push(bob, "main", "", "n0", 1)
	for i := 1; i < 250; i++ {
		h.commit(fmt.Sprint("n", i), "88-bob@users.noreply.gitlab.com", fmt.Sprint("n", i-1)).push(bob, "main", fmt.Sprint("n", i-1), fmt.Sprint("n", i), 1)
	}
	s.history(h, "n249")
	at := len(s.requests())
	c := s.change("n249")
	if len(c.Commits) != 250 {
		t.Errorf("%d commits, want 250", len(c.Commits))
	}
	for _, x := range s.calls(at) {
		if strings.Contains(x, "/repository/commits/") && strings.Contains(x, "/merge_requests?") {
			t.Fatalf("%s: asked about one of 250 commits alone", x)
		}
	}
	wantMakers(t, c, "pusher 88: "+s.short("n0"), "pusher 88: "+s.short("n249"))
	noMaker(t, c, "pusher ?")
	for i := 250; i <= 5001; i++ {
		h.commit(fmt.Sprint("n", i), "88-bob@users.noreply.gitlab.com", fmt.Sprint("n", i-1))
	}
	s.history(h, "n5001")
	_, err := s.job.Change(context.Background(), s.query("n5001"))
	wantFault(t, err, fault.Refused, fault.Limit)
	if got := fault.Of(err).Hint; got == "" {
		t.Error("no hint, want the baseline")
	}
}

// A squash whose commits are forgotten is refused: who wrote them is not nobody.
func TestI01_squash_that_lost_its_commits(t *testing.T) {
	s := play(t, 613)
	h := shipped(s)
	h.requests[1]["commits"] = []string{}
	s.history(h, "s2")
	_, err := s.job.Change(context.Background(), s.query("s2"))
	wantFault(t, err, fault.Refused, fault.Malformed)
}

// Whatever part of the answer does not come, there is no answer.
func TestO02_no_part_of_a_change_may_be_missing(t *testing.T) {
	s := play(t, 614)
	shipped(s)
	s.change("s2")
	for _, match := range []string{
		`/projects/614$`, `/repository/commits$`, `/repository/branches/`, `/deployments$`, `/members/all`, `/users$`,
		`/merge_requests$`, `/merge_requests/2/commits`, `/events`, `/pipelines/574$`, `/pipelines/574/jobs`,
	} {
		for status, k := range map[int]fault.Kind{http.StatusForbidden: fault.Unavailable, http.StatusUnauthorized: fault.Unavailable, http.StatusBadGateway: fault.Unavailable} {
			s := scene{t: t, l: s.l, id: s.id, path: s.path, env: s.env, job: s.as()}
			s.job.Budget = 300_000_000
			t.Run(fmt.Sprint(match, status), func(t *testing.T) {
				s.t = t
				s.fail(match, status)
				_, err := s.job.Change(context.Background(), s.query("s2"))
				wantFault(t, err, k, fault.NotAvailable)
			})
		}
	}
	for _, status := range []int{http.StatusForbidden, http.StatusUnauthorized, http.StatusBadGateway} {
		s := play(t, 6140+status)
		shipped(s)
		s.deployed(7001, "s2")
		s.job.Budget = 300_000_000
		s.fail(`/repository/commits/[0-9a-f]+$`, status)
		_, err := s.job.Change(context.Background(), s.query("c2"))
		wantFault(t, err, fault.Unavailable, fault.NotAvailable)
	}
	for _, match := range []string{`/events`, `/members/all`, `/merge_requests$`, `/deployments$`, `/merge_requests/2/commits`, `/repository/commits$`} {
		t.Run(match+" is gone", func(t *testing.T) {
			s := scene{t: t, l: s.l, id: s.id, path: s.path, env: s.env, job: s.as()}
			s.fail(match, http.StatusNotFound)
			_, err := s.job.Change(context.Background(), s.query("s2"))
			if fault.Of(err).Kind != fault.Refused {
				t.Errorf("error = %v, want a refusal", err)
			}
		})
	}
}
