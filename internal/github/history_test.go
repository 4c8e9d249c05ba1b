package github_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// past sets a history over commit 1, which is deployed.
func (w *world) past(tip int, commits, pulls, acts []object) {
	w.t.Helper()
	if pulls == nil {
		pulls = []object{}
	}
	w.set("/history", object{
		"commits": append([]object{commit(1, alice, nil)}, commits...), "branches": object{"main": sha(tip)}, "pulls": pulls,
		"activity": append([]object{push(0, 1, "main", alice, "push")}, acts...),
	})
	w.run(500, object{"head_sha": sha(1)})
	w.set("/deployments", []object{w.deployed(8, 500, sha(1), "success")})
}

func request(n int, by object, merge, head int, fields object, commits ...int) object {
	var all []string
	for _, c := range commits {
		all = append(all, sha(c))
	}
	p := object{"number": n, "user": by, "merged_by": carol, "merge_commit_sha": sha(merge), "merged_at": "2030-01-01T00:00:00Z", "updated_at": "2030-01-01T00:00:00Z",
		"base": "main", "head": object{"sha": sha(head), "ref": fmt.Sprint("f", n)}, "commits": all}
	for k, v := range fields {
		p[k] = v
	}
	return p
}

// A rebase writes every commit of a request anew. Who opened it, who pushed the
// old ones and who merged are known, and one call tells what was lost.
func TestI01_what_a_rebase_writes_anew(t *testing.T) {
	for name, logged := range map[string]bool{"logged": true, "not logged": false} {
		w := newWorld(t, "rebase-"+strings.ReplaceAll(name, " ", "-"))
		acts := []object{push(0, 12, "f5", eve, "branch_creation")}
		if logged {
			acts = append(acts, push(1, 3, "main", carol, "pr_merge"))
		}
		w.past(3, []object{
			commit(11, bob, nil, 1), commit(12, bob, nil, 11),
			commit(2, bob, object{"committer": page}, 1), commit(3, bob, object{"committer": page}, 2),
		}, []object{request(5, bob, 3, 12, object{"introduced": []string{sha(2), sha(3)}}, 11, 12)}, acts)
		c := w.change(sha(3))
		wantMakers(t, c,
			"author bob#88 commit "+short(2), "author bob#88 commit "+short(3),
			"author bob#88 commit "+short(11)+" of request 5", "author bob#88 commit "+short(12)+" of request 5",
			"committer bob#88 commit "+short(11)+" of request 5", "committer bob#88 commit "+short(12)+" of request 5",
			"pusher eve#666 commit "+short(11)+" of request 5", "pusher eve#666 commit "+short(12)+" of request 5", "pusher eve#666 request 5",
			"requester bob#88 request 5", "merger carol#99 request 5", "trigger alice#77 run 1000001, attempt 1",
		)
		w.lab.Contract(t)
	}
}

// A merge of two commits of which one comes after the other, and a crossing of
// merges, lose nothing of what is before.
func TestI03_merges_that_cross(t *testing.T) {
	w := newWorld(t, "cross")
	commits := []object{
		commit(2, bob, nil, 1), commit(3, eve, nil, 2), commit(4, carol, nil, 2, 3), commit(5, bob, nil, 1),
		commit(6, carol, nil, 4, 5), commit(7, carol, nil, 5, 4), commit(8, carol, nil, 6, 7), commit(9, carol, nil, 8, 3),
	}
	w.past(9, commits, nil, []object{push(1, 9, "main", carol, "push")})
	for head, want := range map[int]string{3: "3 2", 4: "4 3 2", 5: "5", 6: "6 5 4 3 2", 7: "7 5 4 3 2", 8: "8 7 6 5 4 3 2", 9: "9 8 7 6 5 4 3 2"} {
		c := w.change(sha(head))
		got := map[string]bool{}
		for _, x := range c.Commits {
			got[x.ID] = true
		}
		for _, n := range strings.Fields(want) {
			var i int
			_, _ = fmt.Sscan(n, &i)
			if !got[sha(i)] {
				t.Errorf("head %d: commit %d is lost", head, i)
			}
		}
		if len(got) != len(strings.Fields(want)) || !c.Reachable || c.Order != policy.Newer {
			t.Errorf("head %d: %d commits, order %v; want %s", head, len(got), c.Order, want)
		}
	}
}

// What is on the branch beside what is deployed, and does not come after it,
// has parted from it.
func TestG16_beside_what_is_deployed(t *testing.T) {
	w := newWorld(t, "beside")
	w.past(4, []object{commit(2, bob, nil, 1), commit(3, eve, nil, 1), commit(4, carol, nil, 2, 3)}, nil, []object{push(1, 4, "main", carol, "push")})
	w.run(501, object{"head_sha": sha(2)})
	w.set("/deployments", []object{w.deployed(8, 501, sha(2), "success")})
	for head, want := range map[int]policy.Order{3: policy.Diverged, 4: policy.Newer, 2: policy.Same, 1: policy.Older} {
		if c := w.change(sha(head)); c.Order != want || !c.Reachable {
			t.Errorf("head %d: order %v, reachable %v; want %v, on the branch", head, c.Order, c.Reachable, want)
		}
	}
}

// A merge queue merges in the platform's name; who put a request into it is
// asked for at the request.
func TestI01_merge_queue(t *testing.T) {
	w := newWorld(t, "queue")
	queue := object{"login": "github-merge-queue[bot]", "id": 118344674, "type": "Bot"}
	w.past(5, []object{
		commit(2, bob, nil, 1), commit(3, bob, object{"committer": page}, 1, 2), commit(4, eve, nil, 1), commit(5, eve, object{"committer": page}, 3, 4),
	}, []object{request(5, bob, 3, 2, nil, 2), request(6, eve, 5, 4, nil, 4)}, []object{
		push(0, 2, "f5", bob, "branch_creation"), push(0, 4, "f6", eve, "branch_creation"), push(1, 5, "main", queue, "merge_queue_merge"),
	})
	c := w.change(sha(5))
	wantMaker(t, c, "merger carol#99 request 5")
	wantMaker(t, c, "merger carol#99 request 6")
	wantNoMaker(t, c, "?")
	w.lab.Contract(t)
}

// What comes from a fork was pushed there by its owner and by those whom its log
// shows. Of a fork whose log may not be seen, somebody unknown may have pushed,
// unless the policy takes its owner for it.
func TestI03_requests_from_forks(t *testing.T) {
	w := newWorld(t, "forks")
	forks := policy.Unnamed
	from := func(owner object) policy.Change {
		t.Helper()
		w.past(3, []object{commit(2, bob, nil, 1), commit(3, carol, object{"committer": page}, 1, 2)},
			[]object{request(5, bob, 3, 2, object{"head": object{"sha": sha(2), "ref": "main", "owner": owner, "fork": true}}, 2)},
			[]object{push(1, 3, "main", carol, "pr_merge")})
		q := w.query(sha(3))
		q.Forks = forks
		return w.asked(q)
	}
	c := from(eve)
	wantMaker(t, c, "pusher eve#666 request 5")
	wantMaker(t, c, "pusher ? request 5")
	forks = policy.ForkOwner
	c = from(eve)
	wantMaker(t, c, "pusher eve#666 request 5")
	wantNoMaker(t, c, "?")
	if len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "owner eve") {
		t.Errorf("notes = %q, want that eve counts as the owner", c.Notes)
	}
	w.lab.Set(t, "/github/users/forkers", object{"login": "forkers", "id": 9001, "type": "Organization"})
	forkers := object{"login": "forkers", "id": 9001, "type": "Organization"}
	wantMaker(t, from(forkers), "pusher ? request 5")
	forks = policy.Unnamed
	w.lab.Set(t, "/github/repos/eve/forks", object{"id": 77001})
	w.lab.Set(t, "/github/repos/eve/forks/history", object{"commits": []object{commit(2, bob, nil)}, "branches": object{"main": sha(2)},
		"activity": []object{push(0, 9, "main", alice, "branch_creation"), push(9, 2, "main", bob, "force_push"), push(0, 2, "other", carol, "branch_creation")}})
	c = from(eve)
	wantMaker(t, c, "pusher alice#77 request 5")
	wantMaker(t, c, "pusher bob#88 request 5")
	wantMaker(t, c, "pusher eve#666 request 5")
	wantNoMaker(t, c, "?")
	wantNoMaker(t, c, "pusher carol")
	w.lab.Contract(t)
}

// More than can be read of what happened to a request, as everybody may comment,
// closes nothing: somebody unknown counts. Nor does a list of more requests than can
// be read: the commits are asked about. More deployments are told with the way out.
func TestI01_lists_that_a_stranger_makes_long(t *testing.T) {
	w := newWorld(t, "longlists")
	queue := object{"login": "github-merge-queue[bot]", "id": 118344674, "type": "Bot"}
	w.past(2, []object{commit(11, bob, nil, 1), commit(2, bob, signedPage(), 1)}, []object{
		request(5, bob, 2, 11, object{"merged_by": queue,
			"timeline": []object{{"event": "added_to_merge_queue", "actor": carol}}}, 11),
	}, []object{push(0, 11, "f5", bob, "branch_creation"), push(1, 2, "main", queue, "merge_queue_merge")})
	w.graph(-1, 404, "{}")
	c := w.change(sha(2))
	wantMaker(t, c, "merger carol#99 request 5")
	wantNoMaker(t, c, "?")
	endless := func(match, entry string) {
		w.lab.Fault(t, object{"target": "github", "match": match, "status": 200,
			"body": "[" + strings.Repeat(entry+",", 99) + entry + "]", "times": -1})
	}
	endless("/issues/5/timeline$", `{"event":"commented","actor":{"login":"eve","id":666,"type":"User"}}`)
	wantMaker(t, w.change(sha(2)), "merger ? request 5")
	endless("/longlists/pulls$", `{"number":7,"updated_at":"2031-01-01T00:00:00Z"}`)
	wantMaker(t, w.change(sha(2)), "requester bob#88 request 5")
	for _, x := range [][3]string{
		{"/deployments$", `{"id":7,"sha":"x","creator":{"login":"eve","id":666,"type":"User"}}`,
			"gh api -X DELETE repos/acme/longlists/deployments/ID"},
	} {
		endless(x[0], x[1])
		w.again()
		_, err := w.job.Change(context.Background(), w.query(sha(2)))
		wantFault(t, err, fault.Refused, fault.Limit)
		if hint := fault.Of(err).Hint; !strings.Contains(hint, x[2]) {
			t.Errorf("%s: hint = %q, want %q in it", x[0], hint, x[2])
		}
	}
}

// A request into another branch that came along is found by the commit that the
// page made for it.
func TestI01_request_into_another_branch(t *testing.T) {
	w := newWorld(t, "nested")
	w.past(6, []object{
		commit(2, eve, nil, 1), commit(12, eve, object{"message": "x\n\nCo-authored-by: B <88+bob@users.noreply.github.com>"}, 1),
		commit(3, eve, object{"committer": page}, 1), commit(6, carol, object{"committer": page}, 1, 3),
	}, []object{
		request(5, eve, 3, 12, object{"base": "develop", "merged_by": bob, "updated_at": "2020-01-01T00:00:00Z"}, 12),
		request(6, carol, 6, 3, object{"head": object{"sha": sha(3), "ref": "develop"}}, 3),
	}, []object{push(0, 12, "f5", eve, "branch_creation"), push(1, 3, "develop", bob, "pr_merge"), push(1, 6, "main", carol, "pr_merge")})
	c := w.change(sha(6))
	for _, want := range []string{"requester eve#666 request 5", "merger bob#88 request 5", "co-author bob#88 commit " + short(12) + " of request 5", "requester carol#99 request 6"} {
		wantMaker(t, c, want)
	}
	wantNoMaker(t, c, "?")
	w.lab.Contract(t)
}

// Of a request with more commits than its list shows, what its head has and the
// merge has not is asked for.
func TestI03_request_of_too_many_commits(t *testing.T) {
	w := newWorld(t, "manycommits")
	for _, n := range []int{249, 250, 300} {
		commits := []object{}
		var all []int
		for i := range n {
			commits = append(commits, commit(1000+i, bob, nil, map[bool]int{true: 1, false: 999 + i}[i == 0]))
			all = append(all, 1000+i)
		}
		commits = append(commits, commit(2, bob, object{"committer": page}, 1))
		w.past(2, commits, []object{request(5, bob, 2, 999+n, nil, all...)}, []object{push(0, 999+n, "f5", bob, "branch_creation"), push(1, 2, "main", carol, "pr_merge")})
		c := w.change(sha(2))
		wantMaker(t, c, "author bob#88 commit "+short(1000)+" of request 5")
		wantMaker(t, c, "author bob#88 commit "+short(999+n)+" of request 5")
	}
	// Where fewer are shown than its list has, some are lost.
	commits, all := []object{}, []int{}
	for i := range 300 {
		commits = append(commits, commit(1000+i, bob, nil, map[bool]int{true: 1, false: 999 + i}[i == 0]))
		all = append(all, 1000+i)
	}
	commits = append(commits, commit(2, bob, object{"committer": page}, 1100))
	w.past(2, commits, []object{request(5, bob, 2, 1299, nil, all...)},
		[]object{push(0, 1299, "f5", bob, "branch_creation"), push(1, 2, "main", carol, "pr_merge")})
	w.refused(sha(2), fault.Refused, fault.Limit)
}

// Without GraphQL, commits that the page made are asked about one by one, up to a
// bound.
func TestO02_commits_of_the_page_one_by_one(t *testing.T) {
	w := newWorld(t, "strays")
	commits := []object{}
	for i := range 101 {
		commits = append(commits, commit(1000+i, bob, signedPage(), map[bool]int{true: 1, false: 999 + i}[i == 0]))
	}
	w.past(1100, commits, nil, []object{push(1, 1100, "main", bob, "push")})
	w.change(sha(1100)) // by GraphQL
	w.graph(-1, 404, "{}")
	w.change(sha(1099))
	w.refused(sha(1100), fault.Refused, fault.Limit)
}

// Who brought a commit first has pushed it, not who made another branch of it
// later; who moves the branch itself has pushed what he moved it to.
func TestI03_who_pushed(t *testing.T) {
	w := newWorld(t, "pushes")
	w.past(4, []object{commit(2, bob, nil, 1), commit(3, bob, nil, 2), commit(4, bob, nil, 3)}, nil, []object{
		push(0, 2, "mine", eve, "branch_creation"), push(2, 3, "mine", eve, "push"),
		push(0, 3, "hers", alice, "branch_creation"), push(3, 4, "hers", alice, "push"),
		push(1, 4, "main", carol, "push"),
	})
	c := w.change(sha(4))
	wantMakers(t, c,
		"author bob#88 commit "+short(2), "author bob#88 commit "+short(3), "author bob#88 commit "+short(4),
		"committer bob#88 commit "+short(2), "committer bob#88 commit "+short(3), "committer bob#88 commit "+short(4),
		"pusher eve#666 commit "+short(2), "pusher eve#666 commit "+short(3), "pusher alice#77 commit "+short(4), "pusher carol#99 commit "+short(4),
		"trigger alice#77 run 1000001, attempt 1",
	)
	w.past(2, []object{commit(2, bob, nil, 1)}, nil, nil)
	wantMaker(t, w.change(sha(2)), "pusher ? commit "+short(2))
	w.past(2, []object{commit(2, bob, nil, 1)}, nil, []object{push(1, 2, "main", nil, "push")})
	wantMaker(t, w.change(sha(2)), "pusher ? commit "+short(2)+" and what came with it")
	acts := []object{push(1, 2, "main", eve, "push")}
	for i := range 250 {
		acts = append(acts, push(1, 1, fmt.Sprint("noise", i), bob, "branch_creation"))
	}
	w.past(2, []object{commit(2, bob, nil, 1)}, nil, acts)
	wantMaker(t, w.change(sha(2)), "pusher eve#666 commit "+short(2))
	w.lab.Contract(t)
}

// However often somebody pushes, or touches closed requests, the gate answers: what
// it could not read back to was pushed by somebody unknown.
func TestO02_lists_that_are_longer_than_is_read(t *testing.T) {
	w := newWorld(t, "noise")
	acts, requests := []object{push(1, 2, "main", eve, "push")}, []object{}
	for i := range 5100 {
		acts = append(acts, push(0, 1, fmt.Sprint("noise", i), bob, "branch_creation"))
		requests = append(requests, object{"number": 100 + i, "user": eve, "state": "closed", "updated_at": "2030-01-01T00:00:00Z", "head": object{"sha": sha(1)}, "commits": []string{}})
	}
	merged := request(7, bob, 3, 4, object{"updated_at": "2029-01-01T00:00:00Z", "merged_at": "2029-01-01T00:00:00Z"}, 4)
	w.past(3, []object{commit(2, bob, nil, 1), commit(4, bob, nil, 2), commit(3, bob, object{"committer": page}, 2)}, append(requests, merged), acts)
	c := w.change(sha(3))
	wantMaker(t, c, "pusher ? commit "+short(2))
	wantMaker(t, c, "requester bob#88 request 7")
	wantNoMaker(t, c, "eve")
	if notes := strings.Join(c.Notes, "|"); !strings.Contains(notes, "the newest 5000; who pushed before") {
		t.Errorf("notes = %q, want how far the list was read", notes)
	}
}

// Evidence about several subjects comes in one call, over pages, and only this
// repository's.
func TestF08_evidence_of_many_subjects(t *testing.T) {
	l := labtest.Shared(t)
	ctx := context.Background()
	for owner, kind := range map[string]string{"acme": "orgs", "olaf": "users"} {
		if kind == "users" {
			l.Set(t, "/github/users/olaf", object{"login": "olaf", "id": 9100})
		}
		l.Set(t, "/github/repos/"+owner+"/bulk", object{"id": 5001})
		l.Set(t, "/github/repos/"+owner+"/bulk2", object{"id": 5002})
		if kind == "users" {
			l.Set(t, "/github/users/olaf", object{"login": "olaf", "id": 9100, "type": "User"})
		}
		at := func(name, id string) *github.Job {
			j, _ := job(t, with(l.As(t, "github", nil), "GITHUB_REPOSITORY", owner+"/"+name, "GITHUB_REPOSITORY_ID", id))
			return j
		}
		var subjects []subject.Subject
		for i := range 30 {
			s := subject.Subject{Digest: subject.SHA256([32]byte{88, byte(len(owner)), owner[0], byte(i)})}
			subjects = append(subjects, s)
			for n := range 5 {
				for name, id := range map[string]string{"bulk": "5001", "bulk2": "5002"} {
					if _, err := at(name, id).Evidence().Put(ctx, store.Record{Subjects: []subject.Subject{s}, Bundle: bundle(t, s.Digest, n)}); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		before := len(settled(t, l))
		found, err := at("bulk", "5001").Evidence().Fetch(ctx, append(subjects, subjects[0], subject.Subject{Digest: subject.SHA256([32]byte{89})}))
		if err != nil || len(found.Bundles) != 150 {
			t.Errorf("%s: %d bundles, %v; want 150", owner, len(found.Bundles), err)
		}
		posts, gets := 0, 0
		for _, r := range settled(t, l)[before:] {
			if strings.Contains(r.Path, "/"+kind+"/"+owner+"/attestations/bulk-list") {
				posts++
			}
			if strings.Contains(r.Path, "/repos/"+owner+"/bulk/attestations/") {
				gets++
			}
		}
		if posts != 3 || gets != 0 {
			t.Errorf("%s: %d bulk calls and %d others, want three pages and no other", owner, posts, gets)
		}
		if found, err := at("bulk", "5003").Evidence().Fetch(ctx, subjects); err != nil || len(found.Bundles) != 150 {
			t.Errorf("%s, with a number that has nothing: %d, %v; want the repository asked itself", owner, len(found.Bundles), err)
		}
	}
	l.Contract(t)
}

// Pages that do not follow each other are no list of evidence.
func TestO02_evidence_pages(t *testing.T) {
	two := []subject.Subject{{Digest: subject.SHA256([32]byte{1})}, {Digest: subject.SHA256([32]byte{2})}}
	path := "/orgs/acme/attestations/bulk-list"
	entry := `{"attestations_subject_digests":{"` + two[0].Digest.String() + `":[{"repository_id":9,"bundle":{"a":1}},{"repository_id":8,"bundle":{"b":1}}]},"page_info":{"has_next":%s}}`
	found, err := newFake(t, map[string]string{path: fmt.Sprintf(entry, "false")}).Evidence().Fetch(context.Background(), two)
	if err != nil || len(found.Bundles) != 1 || string(found.Bundles[0].Bundle) != `{"a":1}` {
		t.Errorf("%v, %v; want the one of this repository", found, err)
	}
	for _, next := range []string{`true`, `true,"next":""`} {
		_, err := newFake(t, map[string]string{path: fmt.Sprintf(entry, next)}).Evidence().Fetch(context.Background(), two)
		wantFault(t, err, fault.Refused, fault.Malformed)
	}
	_, err = newFake(t, map[string]string{path: fmt.Sprintf(entry, `true,"next":"x"`)}).Evidence().Fetch(context.Background(), two)
	wantFault(t, err, fault.Refused, fault.Malformed)
}

// Outside of a job the door is the one of the server and repository that are
// named, whatever the surroundings say.
func TestJ05_door_outside_of_a_job(t *testing.T) {
	f := map[string]string{
		"/repos/acme/widget":                `{"id":9,"full_name":"acme/widget","default_branch":"trunk"}`,
		"/repos/acme/widget/branches/trunk": `{"name":"trunk","commit":{"sha":"` + sha(1) + `"}}`,
	}
	server := fakeServer(t, f)
	env := map[string]string{"GITHUB_API_URL": server, "GITHUB_REPOSITORY": "evil/other", "GITHUB_REPOSITORY_ID": "1", "GITHUB_RUN_ID": "5", "GITHUB_RUN_ATTEMPT": "1", "SALLYPORT_TOKEN": "t"}
	getenv := func(k string) string { return env[k] }
	j, err := github.At(getenv, "https://github.com/", "acme/widget")
	if err != nil {
		t.Fatal(err)
	}
	repository, id, head, ref, err := j.Head(context.Background())
	if err != nil || repository != "https://github.com/acme/widget" || id != "9" || head != sha(1) || ref != "refs/heads/trunk" {
		t.Errorf("head = %s %s %s %s, %v", repository, id, head, ref, err)
	}
	if r, err := j.Reviews(context.Background(), "production"); err != nil || len(r.List) != 0 || r.Run != "" {
		t.Errorf("reviews outside of a run: %+v, %v; want none", r, err)
	}
	for body, name := range map[string]string{
		`{"id":9,"full_name":"acme/other","default_branch":"trunk"}`: "another repository", `{"id":0,"full_name":"acme/widget","default_branch":"trunk"}`: "no number", `{"id":9,"full_name":"acme/widget"}`: "no branch",
	} {
		f["/repos/acme/widget"] = body
		if j, err = github.At(getenv, "https://github.com", "acme/widget"); err != nil {
			t.Fatal(err)
		}
		_, _, _, _, err = j.Head(context.Background())
		t.Log(name)
		wantFault(t, err, fault.Refused, fault.Malformed)
	}
	for _, c := range [][2]string{{"https://github.com", "acme"}, {"", "acme/widget"}, {"http://ghes.example", "acme/widget"}, {"https://u:p@ghes.example", "acme/widget"}} {
		_, err := github.At(getenv, c[0], c[1])
		wantFault(t, err, fault.Usage, fault.Config)
	}
}

// A policy file says which server is asked, and anybody may write one: the
// token that a person has for one server is not shown to another.
func TestJ05_a_token_of_one_server_is_not_shown_to_another(t *testing.T) {
	var shown string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = r.Header.Get("Authorization")
		http.NotFound(w, r)
	}))
	defer s.Close()
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"GITHUB_TOKEN": "canary"}, ""},
		{map[string]string{"GH_TOKEN": "canary", "GITHUB_SERVER_URL": "https://github.com"}, ""},
		{map[string]string{"GH_TOKEN": "canary", "GITHUB_SERVER_URL": s.URL}, "Bearer canary"},
		{map[string]string{"GITHUB_TOKEN": "canary", "GITHUB_SERVER_URL": s.URL + "/"}, "Bearer canary"},
		{map[string]string{"SALLYPORT_TOKEN": "own", "GITHUB_TOKEN": "canary"}, "Bearer own"},
	} {
		j, err := github.At(func(k string) string { return c.env[k] }, s.URL, "acme/widget")
		if err != nil {
			t.Fatal(err)
		}
		shown = "not asked"
		_, _, _, _, err = j.Head(context.Background())
		if err == nil || shown != c.want {
			t.Errorf("with %v: shown %q, %v; want %q", c.env, shown, err, c.want)
		}
	}
}

// Other repositories of the owner may hold as much about a digest as they like:
// it does not keep anybody from asking this one.
func TestO02_evidence_of_other_repositories_fills_no_list(t *testing.T) {
	two := []subject.Subject{{Digest: subject.SHA256([32]byte{1})}, {Digest: subject.SHA256([32]byte{2})}}
	pages, junk := 0, 60
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/bulk-list"):
			pages++
			fmt.Fprintf(w, `{"attestations_subject_digests":{%q:[{"repository_id":8,"bundle":{"n":%d}}]},"page_info":{"has_next":%v,"next":"%d"}}`, two[0].Digest, pages, pages%junk != 0, pages)
		case strings.HasSuffix(r.URL.Path, two[0].Digest.String()):
			fmt.Fprint(w, `{"attestations":[{"repository_id":9,"bundle":{"a":1}}]}`)
		default:
			fmt.Fprint(w, `{"attestations":[]}`)
		}
	}))
	defer s.Close()
	j, _ := job(t, map[string]string{"GITHUB_REPOSITORY": "acme/widget", "GITHUB_REPOSITORY_ID": "9", "GITHUB_API_URL": s.URL, "GITHUB_RUN_ID": "1", "GITHUB_RUN_ATTEMPT": "1"})
	found, err := j.Evidence().Fetch(context.Background(), two)
	if err != nil || len(found.Bundles) != 1 || string(found.Bundles[0].Bundle) != `{"a":1}` {
		t.Errorf("%v, %v; want the one of this repository", found, err)
	}
	if pages >= junk {
		t.Errorf("%d pages were asked for, want an end before", pages)
	}
}

// An enterprise server keeps no bundles, and is not asked whether it does.
func TestG11_an_enterprise_server_keeps_no_bundles(t *testing.T) {
	j, err := github.At(func(string) string { return "" }, "https://ghe.acme.example", "acme/widget")
	if err != nil {
		t.Fatal(err)
	}
	if own, err := j.KeepsBundles(t.Context()); own || err != nil {
		t.Errorf("keeps bundles: %v, %v, want that it does not", own, err)
	}
}
