package github_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// merged is a history of two commits by bob in a request that carol merged over
// what is deployed: 1 is deployed, 2 and 3 are bob's, 4 is the merge.
func (w *world) merged() {
	w.t.Helper()
	w.set("/history", object{
		"commits": []object{
			commit(1, alice, nil),
			commit(2, bob, nil, 1),
			commit(3, bob, object{"message": "more\n\nCo-authored-by: Eve <eve@evil.example>\nReviewed-by: nobody"}, 2),
			commit(4, carol, object{"committer": page, "message": "Merge request 12"}, 1, 3),
		},
		"branches": object{"main": sha(4)},
		"pulls": []object{{
			"number": 12, "user": bob, "merged_by": carol, "merge_commit_sha": sha(4), "merged_at": "2030-01-01T00:00:00Z", "updated_at": "2030-01-01T00:00:00Z", "base": "main",
			"head": object{"sha": sha(3), "ref": "feature"}, "commits": []string{sha(2), sha(3)},
		}},
		"activity": []object{push(0, 1, "main", alice, "push"), push(0, 2, "feature", bob, "branch_creation"), push(2, 3, "feature", eve, "push"), push(1, 4, "main", carol, "pr_merge")},
	})
	w.run(500, object{"head_sha": sha(1)})
	w.set("/deployments", []object{w.deployed(8, 500, sha(1), "in_progress", "success")})
	w.run(1000001, object{"head_sha": sha(4), "actor": carol, "triggering_actor": carol, "status": "in_progress", "conclusion": nil})
}

// Everybody who took part in what was merged since the last deployment is
// named, with what he did and where; what was there before is nobody's.
func TestI01_everybody_who_made_a_merged_request(t *testing.T) {
	w := newWorld(t, "merged")
	w.merged()
	c := w.change(sha(4))
	wantMakers(t, c,
		"author bob#88 commit "+short(2), "committer bob#88 commit "+short(2),
		"author bob#88 commit "+short(3), "committer bob#88 commit "+short(3), "co-author eve#666 commit "+short(3),
		"author carol#99 commit "+short(4),
		"requester bob#88 request 12", "merger carol#99 request 12",
		"pusher bob#88 commit "+short(2), "pusher eve#666 commit "+short(3), "pusher bob#88 request 12", "pusher eve#666 request 12",
		"trigger carol#99 run 1000001, attempt 1",
	)
	if c.Order != policy.Newer || !c.Reachable || c.Base != sha(1) || c.Branch != "main" || c.Deployed != "deployment 8 of commit "+short(1) {
		t.Errorf("change = %+v, want newer than deployment 8, on main", c)
	}
	if len(c.Commits) != 3 || c.Commits[0].ID != sha(4) || c.Commits[0].Title != "Merge request 12" || c.Commits[0].Author != "carol" {
		t.Errorf("commits = %+v, want three, newest first", c.Commits)
	}
	w.lab.Contract(t)
}

// A squash loses the commits of a request and their trailers; they are asked
// for at the request.
func TestI01_what_a_squash_loses(t *testing.T) {
	w := newWorld(t, "squash")
	w.merged()
	w.set("/history", object{
		"commits": []object{
			commit(1, alice, nil),
			commit(2, bob, nil, 1),
			commit(3, eve, object{"message": "more\n\nCo-Authored-By: Alice <77+alice@users.noreply.github.com>\nSigned-off-by: x"}, 2),
			commit(4, bob, object{"committer": page}, 1),
		},
		"branches": object{"main": sha(4)},
		"pulls": []object{{
			"number": 12, "user": bob, "merged_by": carol, "merge_commit_sha": sha(4), "merged_at": "2030-01-01T00:00:00Z", "updated_at": "2030-01-01T00:00:00Z", "base": "main",
			"head": object{"sha": sha(3), "ref": "feature"}, "commits": []string{sha(2), sha(3)},
		}},
		"activity": []object{push(0, 1, "main", alice, "push"), push(0, 3, "feature", eve, "branch_creation"), push(1, 4, "main", carol, "pr_merge")},
	})
	c := w.change(sha(4))
	wantMakers(t, c,
		"author bob#88 commit "+short(4), "author bob#88 commit "+short(2)+" of request 12", "committer bob#88 commit "+short(2)+" of request 12",
		"author eve#666 commit "+short(3)+" of request 12", "committer eve#666 commit "+short(3)+" of request 12", "co-author alice#77 commit "+short(3)+" of request 12",
		"requester bob#88 request 12", "merger carol#99 request 12", "pusher eve#666 request 12",
		"pusher eve#666 commit "+short(2)+" of request 12", "pusher eve#666 commit "+short(3)+" of request 12",
		"trigger carol#99 run 1000001, attempt 1",
	)
	if len(c.Commits) != 1 {
		t.Errorf("commits = %+v, want the squash alone", c.Commits)
	}
	w.lab.Contract(t)
}

// Each of those who started something is a maker: of the run, of an attempt
// again, of the run that built, and of a deployment by hand.
func TestI01_whoever_starts_something(t *testing.T) {
	w := newWorld(t, "starters")
	w.merged()
	w.run(700, object{"head_sha": sha(4), "actor": alice, "triggering_actor": alice})
	w.set("/runs/700/attempts/2", object{"triggering_actor": eve, "status": "completed", "conclusion": "success"})
	w.set("/deployments", []object{w.deployed(8, 500, sha(1), "success"), {"id": 9, "sha": sha(4), "environment": "production", "creator": bob, "task": "deploy", "ref": "main"}})
	q := w.query(sha(4))
	q.Runs = []string{w.uri(700, 2), "https://github.com/acme/other/actions/runs/1/attempts/1"}
	w.again()
	c, err := w.job.Change(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"trigger alice#77 run 700, attempt 1",
		"trigger carol#99 run 1000001, attempt 1", "trigger bob#88 deployment 9",
		`trigger ? "https://github.com/acme/other/actions/runs/1/attempts/1", which is not a run of this repository`,
	} {
		wantMaker(t, c, want)
	}
	wantNoMaker(t, c, "trigger eve")
	if len(c.Again) != 1 || c.Again[0].Account.ID != "666" || c.Again[0].Where != "run 700, attempt 2" {
		t.Errorf("started again: %+v, want eve, attempt 2", c.Again)
	}
	w.set("/runs/700/attempts/2", object{"head_sha": sha(3)})
	wantMaker(t, w.asked(q), "trigger eve#666 run 700, attempt 2") // of another commit
	w.set("/runs/700/attempts/2", object{"head_sha": sha(4), "actor": bob})
	wantMaker(t, w.asked(q), "trigger eve#666 run 700, attempt 2")
	q.Runs, q.Self = []string{w.uri(700, 1)}, false
	if c, err = w.job.Change(context.Background(), q); err != nil {
		t.Fatal(err)
	}
	wantNoMaker(t, c, "trigger eve")
	wantNoMaker(t, c, "trigger carol")
	for uri, code := range map[string]fault.Code{w.uri(701, 1): fault.BuildState, w.uri(700, 101): fault.Limit} {
		q.Runs = []string{uri}
		_, err = w.job.Change(context.Background(), q)
		wantFault(t, err, fault.Refused, code)
	}
	w.lab.Contract(t)
}

// A deployment that somebody made himself, for a commit that was never
// deployed, does not hide who made that commit.
func TestG11_a_made_up_deployment_moves_nothing(t *testing.T) {
	w := newWorld(t, "madeup")
	w.merged()
	real := w.deployed(8, 500, sha(1), "success")
	w.run(600, object{"head_sha": sha(3)})
	w.run(601, object{"head_sha": sha(3), "path": ".github/workflows/other.yml"})
	w.run(602, object{"head_sha": sha(2)})
	w.run(605, object{"head_sha": sha(3), "head_branch": "main2"})
	w.run(606, object{"head_sha": sha(3), "event": "pull_request"})
	w.run(604, object{"head_sha": sha(3), "status": "waiting", "conclusion": nil})
	good := func() object { return w.deployed(9, 600, sha(3), "in_progress", "success") }
	status := func(d object, k string, v any) object {
		for _, s := range d["statuses"].([]object) {
			s[k] = v
		}
		return d
	}
	for name, fake := range map[string]object{
		"by a person":             merge(good(), object{"creator": eve}),
		"by another app":          merge(good(), object{"creator": object{"login": "evil[bot]", "id": 5, "type": "Bot"}}),
		"another task":            merge(good(), object{"task": "deploy:hotfix"}),
		"said by a person":        status(good(), "creator", eve),
		"without a log":           status(good(), "log_url", ""),
		"log elsewhere":           status(good(), "log_url", "https://github.com/evil/madeup/actions/runs/600/job/5"),
		"log of another host":     status(good(), "log_url", "https://github.com.evil.example/acme/madeup/actions/runs/600/job/5"),
		"run not there":           w.deployed(9, 699, sha(3), "success"),
		"run of another workflow": w.deployed(9, 601, sha(3), "success"),
		"run of another commit":   w.deployed(9, 602, sha(3), "success"),
		"run on another branch":   w.deployed(9, 605, sha(3), "success"),
		"run of a request":        w.deployed(9, 606, sha(3), "success"),
		"never succeeded":         w.deployed(9, 600, sha(3), "in_progress", "failure"),
		"only inactive":           w.deployed(9, 600, sha(3), "inactive"),
		"run that waits":          w.deployed(9, 604, sha(3), "pending"),
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.set("/deployments", []object{real, fake})
			c := w.change(sha(4))
			if c.Base != sha(1) || c.Order != policy.Newer {
				t.Errorf("base = %.7s, order %v (%s); want %.7s, newer", c.Base, c.Order, c.Deployed, sha(1))
			}
			if !strings.Contains(c.Deployed, "not counted: deployment 9") {
				t.Errorf("deployed = %q, want what was not counted", c.Deployed)
			}
			wantMaker(t, c, "author bob#88 commit "+short(2))
		})
	}
	w.t = t
	// Nor does the success that somebody says a run had which was turned away.
	w.run(607, object{"head_sha": sha(3), "conclusion": "failure"})
	w.set("/deployments", []object{real, w.deployed(9, 607, sha(3), "success")})
	if c := w.change(sha(4)); c.Base != sha(1) || c.Order != policy.Newer {
		t.Errorf("of a run that failed: base = %.7s, order %v; want %.7s, newer", c.Base, c.Order, sha(1))
	}
	for name, d := range map[string]object{"success": good(), "success, then another": w.deployed(9, 600, sha(3), "success", "inactive")} {
		w.set("/deployments", []object{real, d})
		c := w.change(sha(4))
		if c.Base != sha(3) || c.Order != policy.Newer {
			t.Errorf("%s: base = %.7s, order %v; want %.7s, newer", name, c.Base, c.Order, sha(3))
		}
		wantNoMaker(t, c, short(2))
	}
	w.lab.Contract(t)
}

func merge(o, p object) object {
	for k, v := range p {
		o[k] = v
	}
	return o
}

// What is older than what is in the environment, or on its way into it, says
// so; the same, a first and a newer one too.
func TestG16_order(t *testing.T) {
	w := newWorld(t, "order")
	w.merged()
	w.run(500, object{"head_sha": sha(1)})
	w.run(600, object{"head_sha": sha(3)})
	w.run(601, object{"head_sha": sha(4)})
	w.run(602, object{"head_sha": sha(4), "status": "in_progress", "conclusion": nil})
	w.run(605, object{"head_sha": sha(4), "status": "in_progress", "conclusion": nil})
	step := func(name, status string) object {
		return object{"name": name, "status": status, "conclusion": nil, "number": 1}
	}
	w.set("/runs/602/attempts/1/jobs", []object{{"name": "deploy", "status": "in_progress", "conclusion": nil,
		"steps": []object{step("Run sallyport-dev/sallyport@main", "completed"), step("Run ./deploy.sh", "in_progress")}}})
	w.run(606, object{"head_sha": sha(4), "status": "in_progress", "conclusion": nil})
	w.set("/runs/606/attempts/1/jobs", []object{{"name": "deploy", "status": "in_progress", "conclusion": nil, "steps": []object{step("Run ./gate.sh", "in_progress")}}})
	gate := object{"name": "gate", "status": "in_progress", "conclusion": nil, "steps": []object{step("Run sallyport-dev/sallyport@main", "in_progress")}}
	for id, other := range map[int]object{
		607: {"name": "deploy", "status": "queued", "conclusion": nil}, 608: {"name": "build"}, 609: {"name": "other", "status": "in_progress", "conclusion": nil, "head_sha": sha(1)},
	} {
		w.run(id, object{"head_sha": sha(4), "status": "in_progress", "conclusion": nil})
		w.set(fmt.Sprintf("/runs/%d/attempts/1/jobs", id), []object{gate, other})
	}
	w.run(604, object{"head_sha": sha(4), "status": "waiting", "conclusion": nil})
	w.run(603, object{"head_sha": sha(4), "conclusion": "failure"})
	for name, c := range map[string]struct {
		deployments []object
		head        int
		want        policy.Order
	}{
		"nothing":              {nil, 4, policy.First},
		"ancestor":             {[]object{w.deployed(8, 500, sha(1), "success")}, 4, policy.Newer},
		"same":                 {[]object{w.deployed(8, 601, sha(4), "success")}, 4, policy.Same},
		"descendant":           {[]object{w.deployed(8, 601, sha(4), "success")}, 1, policy.Older},
		"on its way":           {[]object{w.deployed(8, 500, sha(1), "success"), w.deployed(9, 602, sha(4), "in_progress")}, 3, policy.Overtaken},
		"queued":               {[]object{w.deployed(8, 500, sha(1), "success"), w.deployed(9, 602, sha(4), "queued")}, 3, policy.Overtaken},
		"at its gate":          {[]object{w.deployed(8, 500, sha(1), "success"), w.deployed(9, 605, sha(4), "in_progress")}, 3, policy.Newer},
		"a job behind a gate":  {[]object{w.deployed(8, 500, sha(1), "success"), w.deployed(9, 607, sha(4), "in_progress")}, 3, policy.Overtaken},
		"a job that has ended": {[]object{w.deployed(8, 500, sha(1), "success"), w.deployed(9, 608, sha(4), "in_progress")}, 3, policy.Newer},
		"of another commit":    {[]object{w.deployed(8, 500, sha(1), "success"), w.deployed(9, 609, sha(4), "in_progress")}, 3, policy.Overtaken},
		"at another gate":      {[]object{w.deployed(8, 500, sha(1), "success"), w.deployed(9, 606, sha(4), "in_progress")}, 3, policy.Overtaken},
		"waits for approval":   {[]object{w.deployed(8, 500, sha(1), "success"), w.deployed(9, 604, sha(4), "pending")}, 3, policy.Newer},
		"in, then failed":      {[]object{w.deployed(8, 500, sha(1), "success"), w.deployed(9, 603, sha(4), "success")}, 3, policy.Older},
		"never came in":        {[]object{w.deployed(8, 500, sha(1), "success"), w.deployed(9, 603, sha(4), "failure")}, 3, policy.Newer},
		"the way of itself":    {[]object{w.deployed(8, 500, sha(1), "success"), w.deployed(9, 602, sha(4), "in_progress")}, 4, policy.Newer},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			if c.deployments == nil {
				c.deployments = []object{}
			}
			w.set("/deployments", c.deployments)
			if got := w.change(sha(c.head)); got.Order != c.want || !got.Reachable {
				t.Errorf("order = %v (%s), reachable %v; want %v, reachable", got.Order, got.Deployed, got.Reachable, c.want)
			}
		})
	}
}

// Gates that ended with "wait" leave failed deployments. However many there are,
// what is deployed is found behind them.
func TestG11_hundreds_of_failed_deployments(t *testing.T) {
	w := newWorld(t, "failed")
	w.merged()
	w.run(500, object{"head_sha": sha(1)})
	all := []object{w.deployed(8, 500, sha(1), "success")}
	for i := range 230 {
		all = append(all, w.deployed(100+i, 3000+i, sha(1), "in_progress", "failure"))
	}
	w.set("/deployments", all)
	if c := w.change(sha(4)); c.Base != sha(1) || c.Order != policy.Newer || !strings.HasSuffix(c.Deployed, " and 227 more") {
		t.Errorf("base %s (%s), order %v; want the first commit behind 230 failures", c.Base, c.Deployed, c.Order)
	}
}

// A commit that is not on the branch now is not reachable, whatever it was.
func TestG14_commit_off_the_branch(t *testing.T) {
	w := newWorld(t, "reach")
	w.merged()
	w.set("/history", object{
		"commits": []object{
			commit(1, alice, nil), commit(2, bob, nil, 1), commit(3, bob, nil, 2),
			commit(5, eve, nil, 1), // of a fork, or pushed away
		},
		"branches": object{"main": sha(3), "other": sha(5)},
		"tags":     object{"v1": sha(2), "moved": sha(1)},
		"activity": []object{push(0, 1, "main", alice, "push"), push(1, 5, "main", eve, "push"), push(5, 3, "main", bob, "force_push")},
	})
	for name, c := range map[string]struct {
		head      int
		branch    string
		order     policy.Order
		reachable bool
	}{
		"on it":             {3, "", policy.Newer, true},
		"behind it":         {2, "", policy.Newer, true},
		"off it":            {5, "", policy.Newer, false},
		"on another branch": {5, "other", policy.Newer, true},
		"no such branch":    {3, "nowhere", policy.Newer, false},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.again()
			q := w.query(sha(c.head))
			q.Branch = c.branch
			got, err := w.job.Change(context.Background(), q)
			if err != nil || got.Order != c.order || got.Reachable != c.reachable {
				t.Errorf("order = %v, reachable %v, %v; want %v, %v", got.Order, got.Reachable, err, c.order, c.reachable)
			}
		})
	}
	w.t = t
	for tag, want := range map[string]bool{"v1": true, "moved": false, "gone": false} {
		q := w.query(sha(2))
		q.Ref, q.Branch = "refs/tags/"+tag, "main"
		w.again()
		got, err := w.job.Change(context.Background(), q)
		if err != nil || got.Reachable != want {
			t.Errorf("tag %s: reachable %v, %v; want %v", tag, got.Reachable, err, want)
		}
	}
	for _, head := range []string{sha(2)[:10], "main", "", sha(2) + "..." + sha(3)} {
		w.refused(head, fault.Refused, fault.Source)
	}
	w.refused(sha(9), fault.Refused, fault.Source)
	w.lab.Contract(t)
}

// A pattern of branches is as good as the one branch of it that has the commit.
func TestG14_commit_on_a_branch_of_a_pattern(t *testing.T) {
	w := newWorld(t, "branch-patterns")
	w.set("/history", object{
		"commits":  []object{commit(1, alice, nil), commit(2, bob, nil, 1), commit(3, bob, nil, 2), commit(4, carol, nil, 1), commit(5, eve, nil, 1)},
		"branches": object{"main": sha(4), "release/1": sha(3), "release/0": sha(1), "release/1/hotfix": sha(5), "releases": sha(5)},
		"tags":     object{"v1": sha(2), "v5": sha(5)},
		"activity": []object{push(0, 3, "release/1", bob, "push")},
	})
	w.set("/deployments", []object{})
	for name, c := range map[string]struct {
		head         int
		ref, pattern string
		want         string
		reachable    bool
	}{
		"a tag on one of them":      {2, "refs/tags/v1", "release/*", "release/1", true},
		"the tip of one":            {3, "refs/heads/main", "release/*", "release/1", true},
		"first by name":             {1, "refs/heads/main", "release/*", "release/0", true},
		"its own branch":            {1, "refs/heads/release/1", "release/*", "release/1", true},
		"its own branch without it": {4, "refs/heads/release/1", "release/*", "release/1", false},
		"on none of them":           {4, "refs/heads/main", "release/*", "release/*", false},
		"below one of them":         {5, "refs/tags/v5", "release/*", "release/*", false},
		"no branch fits":            {2, "refs/tags/v1", "rel/?", "rel/?", false},
	} {
		t.Run(name, func(t *testing.T) {
			q := w.query(sha(c.head))
			q.Ref, q.Branch = c.ref, c.pattern
			w.again()
			got, err := w.job.Change(context.Background(), q)
			if err != nil || got.Branch != c.want || got.Reachable != c.reachable {
				t.Errorf("branch %q, reachable %v, %v; want %q, %v", got.Branch, got.Reachable, err, c.want, c.reachable)
			}
		})
	}
	many := object{}
	for i := range 201 {
		many[fmt.Sprintf("x/%03d", i)] = sha(4)
	}
	w.set("/history", object{"commits": []object{commit(1, alice, nil), commit(4, carol, nil, 1), commit(5, eve, nil, 1)}, "branches": many})
	q := w.query(sha(5))
	q.Branch = "x/*"
	w.again()
	_, err := w.job.Change(context.Background(), q)
	wantFault(t, err, fault.Refused, fault.Limit)
	w.lab.Contract(t)
}

// A log that lags behind the branch does not turn a good commit away.
func TestG14_the_log_lags_behind(t *testing.T) {
	w := newWorld(t, "lag")
	w.merged()
	w.set("/history", object{
		"commits": []object{commit(1, alice, nil), commit(2, bob, nil, 1)}, "branches": object{"main": sha(2)},
		"activity": []object{push(0, 1, "main", alice, "push")},
	})
	c := w.change(sha(2))
	if !c.Reachable || c.Order != policy.Newer {
		t.Errorf("change = %+v, want reachable and newer", c)
	}
	wantMaker(t, c, "pusher ? commit "+short(2))
}

// Another repository's change, a name that was given to another, and a baseline
// that comes after cannot be answered here.
func TestI07_change_of_another_repository(t *testing.T) {
	w := newWorld(t, "mine")
	w.merged()
	for name, c := range map[string]struct {
		edit func(*policy.ChangeQuery)
		kind fault.Kind
		code fault.Code
	}{
		"repository": {func(q *policy.ChangeQuery) { q.Repository = address + "other" }, fault.Refused, fault.Source},
		"server":     {func(q *policy.ChangeQuery) { q.Repository = "https://ghes.example/acme/mine" }, fault.Refused, fault.Source},
		"number":     {func(q *policy.ChangeQuery) { q.ID = "1" }, fault.Refused, fault.Source},
		"place":      {func(q *policy.ChangeQuery) { q.Environment = "../x" + "\n" }, fault.Usage, fault.Config},
	} {
		q := w.query(sha(4))
		c.edit(&q)
		_, err := w.job.Change(context.Background(), q)
		t.Log(name)
		wantFault(t, err, c.kind, c.code)
	}
	w.set("/deployments", []object{})
	q := w.query(sha(3))
	for baseline, want := range map[int]bool{1: true, 4: false} {
		q.Start.Baseline = sha(baseline)
		w.again()
		c, err := w.job.Change(context.Background(), q)
		if want != (err == nil) || want && (c.Order != policy.First || len(c.Commits) != 2) {
			t.Errorf("baseline %d: order %v, %d commits, %v; want first: %v", baseline, c.Order, len(c.Commits), err, want)
		}
	}
}

// A whole history longer than a page is read to its end, and one longer than
// the limit is refused with the way out.
func TestO02_long_histories(t *testing.T) {
	w := newWorld(t, "long")
	w.set("/deployments", []object{})
	for _, n := range []int{1, 99, 100, 101, 251, 5000, 5001} {
		w.set("/linear", object{"n": n, "author": bob, "pusher": carol})
		w.again()
		head := w.lab.As(t, "github", nil)["GITHUB_SHA"]
		c, err := w.job.Change(context.Background(), w.query(head))
		if n > 5000 {
			wantFault(t, err, fault.Refused, fault.Limit)
			if hint := fault.Of(err).Hint; !strings.Contains(hint, "baseline") {
				t.Errorf("hint = %q, want the baseline", hint)
			}
			continue
		}
		if err != nil || len(c.Commits) != n || c.Order != policy.First || !c.Reachable {
			t.Fatalf("%d commits: %d, order %v, reachable %v, %v", n, len(c.Commits), c.Order, c.Reachable, err)
		}
		pushed := 0
		for _, m := range c.Makers {
			if m.Role == policy.Pusher && m.Account.ID == "99" {
				pushed++
			}
		}
		if want := min(n, 2000); pushed < want {
			t.Errorf("%d commits: %d pushes found, want %d", n, pushed, want)
		}
	}
}

// What this run deploys has to count as deployed, or an older release could
// follow it: by its workflow, and by the ref that it is on.
func TestG16_a_run_whose_deployment_would_not_count(t *testing.T) {
	w := newWorld(t, "uncounted")
	w.merged()
	q := w.query(sha(4))
	for name, c := range map[string]struct {
		workflows, refs []string
		self, want      bool
	}{
		"as the policy says":         {q.Workflows, q.Refs, true, true},
		"another workflow":           {[]string{".github/workflows/deploy.yml"}, q.Refs, true, false},
		"another ref":                {q.Workflows, []string{"refs/heads/stable"}, true, false},
		"elsewhere, who only asks":   {[]string{".github/workflows/deploy.yml"}, []string{"refs/heads/stable"}, false, true},
		"one of several of each":     {append([]string{"x.yml"}, q.Workflows...), append([]string{"refs/heads/x"}, q.Refs...), true, true},
		"of a branch, and tags only": {q.Workflows, []string{"refs/tags/v*"}, true, false},
	} {
		q.Workflows, q.Refs, q.Self = c.workflows, c.refs, c.self
		w.again()
		got, err := w.job.Change(context.Background(), q)
		switch {
		case c.want && err != nil:
			t.Errorf("%s: %v, want an answer", name, err)
		case !c.want && (err == nil || fault.Of(err).Kind != fault.Usage || fault.Of(err).Code != fault.Policy):
			t.Errorf("%s: %+v, %v; want a usage fault", name, got, err)
		}
	}
	w.lab.Contract(t)
}
