package github_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// graph makes the toy answer something else to questions by GraphQL, so many
// times; -1 is always.
func (w *world) graph(times, status int, body string) {
	w.t.Helper()
	w.lab.Fault(w.t, object{"target": "github", "match": "graphql$", "status": status, "body": body, "times": times})
}

// graphed counts the questions by GraphQL among calls.
func graphed(calls []string) (n int) {
	for _, c := range calls {
		if strings.Contains(c, "/graphql ") {
			n++
		}
	}
	return n
}

// few is a history of three squashed requests, of which one had been merged into
// another, with a forced push and a queue.
func (w *world) few() string {
	w.t.Helper()
	queue := object{"login": "github-merge-queue[bot]", "id": 118344674, "type": "Bot"}
	w.past(4, []object{
		commit(11, bob, nil, 1), commit(12, bob, signedPage(), 11), commit(21, eve, nil, 11), commit(31, carol, object{"message": "x\n\nCo-authored-by: A <77+alice@users.noreply.github.com>"}, 1), commit(32, carol, nil, 31),
		commit(2, bob, signedPage(), 1), commit(3, carol, signedPage(), 2), commit(4, bob, signedPage(), 3), commit(41, bob, nil, 1),
	}, []object{
		request(5, bob, 2, 12, nil, 11, 12), request(6, eve, 12, 21, object{"base": "f5"}, 21),
		request(7, carol, 3, 32, object{"merged_by": queue, "timeline": []object{{"event": "added_to_merge_queue", "actor": alice}}}, 31, 32),
		request(8, bob, 4, 41, object{"timeline": []object{{"event": "head_ref_force_pushed", "actor": eve}}, "head": object{"sha": sha(41), "ref": "f8", "owner": bob, "fork": true}}, 41),
	}, []object{
		push(0, 11, "f5", bob, "branch_creation"), push(0, 21, "f6", eve, "branch_creation"), push(11, 12, "f5", carol, "pr_merge"), push(0, 32, "f7", carol, "branch_creation"),
		push(1, 4, "main", queue, "merge_queue_merge"),
	})
	return sha(4)
}

// What comes by GraphQL and what comes by REST name the same makers.
func TestO02_graphql_that_is_no_answer(t *testing.T) {
	w := newWorld(t, "graphless")
	head := w.few()
	all := func() ([]string, []string) {
		t.Helper()
		at := len(settled(t, w.lab))
		c := w.change(head)
		return made(c), w.calls(at)
	}
	want, calls := all()
	if n := graphed(calls); n != 2 {
		t.Errorf("%d questions by GraphQL, want 2: the requests, and who is behind co-authors\n%s", n, strings.Join(calls, "\n"))
	}
	if slices.ContainsFunc(calls, func(c string) bool { return strings.Contains(c, "/pulls/") && !strings.Contains(c, "/pulls/6/") }) {
		t.Errorf("asked for requests one by one:\n%s", strings.Join(calls, "\n"))
	}
	for _, m := range []string{"merger alice#77 request 7", "pusher eve#666 request 8", "pusher ? request 8", "requester eve#666 request 6", "pusher eve#666 request 6", "author carol#99 commit " + short(31) + " of request 7"} {
		if !slices.Contains(want, m) {
			t.Errorf("makers:\n%s\nwant %q among them", strings.Join(want, "\n"), m)
		}
	}
	for name, c := range map[string]struct {
		status int
		body   string
		asked  int // times by GraphQL, until REST is asked
	}{
		"not there":               {404, `{"message":"Not Found"}`, 1},
		"not for this token":      {401, `{"message":"Bad credentials"}`, 1},
		"forbidden":               {403, `{"message":"Resource not accessible by integration"}`, 1},
		"moved":                   {302, ``, 1},
		"a page":                  {200, `<html>sign in</html>`, 1},
		"something else":          {200, `[]`, 1},
		"nothing":                 {200, `{}`, 1},
		"null":                    {200, `{"data":null}`, 1},
		"a field it has not":      {200, `{"errors":[{"message":"Field 'mergedBy' doesn't exist","extensions":{"code":"undefinedField"}}]}`, 1},
		"a quota":                 {200, `{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded"}]}`, 1},
		"fewer nodes":             {200, `{"data":{"nodes":[]}}`, 1},
		"errors and a part":       {200, `{"data":{"nodes":[null,null,null]},"errors":[{"type":"FORBIDDEN","path":["nodes",0],"message":"Resource not accessible by integration"}]}`, 2},
		"errors and all of it":    {200, `{"data":{"nodes":[{"number":8},{"number":7},{"number":5}]},"errors":[{"type":"SOMETHING","message":"x"}]}`, 2},
		"no time":                 {200, `{"data":null,"errors":[{"message":"Something went wrong while executing your query. This may be the result of a timeout"}]}`, 1},
		"requests without a part": {200, `{"data":{"nodes":[{"number":8},{"number":7,"commits":{"totalCount":2,"nodes":[]}},{"number":5}]}}`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.graph(-1, c.status, c.body)
			got, calls := all()
			if !slices.Equal(got, want) {
				t.Errorf("makers:\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
			}
			if n := graphed(calls); n != c.asked {
				t.Errorf("%d questions by GraphQL, want %d\n%s", n, c.asked, strings.Join(calls, "\n"))
			}
		})
	}
	w.t = t
	w.lab.Contract(t)
}

// Of a thing that is not answered, REST is asked; the others are not asked again.
func TestO02_a_node_that_is_null(t *testing.T) {
	w := newWorld(t, "nullnode")
	head := w.few()
	want := made(w.change(head))
	all := `{"data":{"nodes":[null,null,null]}}`
	w.graph(1, 200, all)
	at := len(settled(t, w.lab))
	if got := made(w.change(head)); !slices.Equal(got, want) {
		t.Errorf("makers:\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	alone := 0
	for _, c := range w.calls(at) {
		if strings.Contains(c, "/pulls/") && strings.Contains(c, "/commits ") {
			alone++
		}
	}
	if alone < 3 {
		t.Errorf("asked %d requests alone, want the three", alone)
	}
}

// An answer about another request than was asked for is none, and no reason to
// go on.
func TestO02_graphql_about_another_request(t *testing.T) {
	w := newWorld(t, "anothernode")
	head := w.few()
	const other = `{"data":{"nodes":[{"number":8},{"number":9},{"number":5}]}}`
	w.graph(-1, 200, other)
	w.refused(head, fault.Refused, fault.Malformed)
	w.lab.Unset(t, "/faults")
	w.graph(-1, 200, strings.Replace(other, "9", "7", 1))
	w.change(head)
}

// What is not answered in time is asked for in smaller parts, and the size that
// was answered is kept.
func TestO05_batches_that_take_too_long(t *testing.T) {
	w := newWorld(t, "halved")
	head := w.squashed()
	w.run(500, object{"head_sha": sha(1)})
	w.set("/deployments", []object{w.deployed(8, 500, sha(1), "success")})
	want := made(w.change(head))
	for times, asked := range map[int][2]int{4: {4 + 2, 0}, 12: {12, 20}} { // the client asks four times itself
		w.graph(times, 502, "")
		at := len(settled(t, w.lab))
		if got := made(w.change(head)); !slices.Equal(got, want) {
			t.Errorf("%d bad gateways: makers:\n  %s\nwant\n  %s", times, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
		}
		alone := 0
		calls := w.calls(at)
		for _, c := range calls {
			if strings.Contains(c, "/pulls/") {
				alone++
			}
		}
		if n := graphed(calls); n != asked[0] || alone != asked[1] {
			t.Errorf("%d bad gateways: %d questions by GraphQL and %d by REST, want %d", times, n, alone, asked)
		}
		w.lab.Unset(t, "/faults")
	}
}

// A bot is a machine on both ways, and a name that comes from elsewhere is
// nobody.
func TestI04_bots_and_mannequins_by_graphql(t *testing.T) {
	w := newWorld(t, "graphbots")
	bot := object{"login": "helper[bot]", "id": 5151, "type": "Bot", "email": "5151+helper[bot]@users.noreply.github.com"}
	mannequin := object{"login": "old-erin", "id": 5152, "type": "Mannequin"}
	w.past(3, []object{
		commit(11, bot, nil, 1), commit(12, bob, nil, 11), commit(2, bob, signedPage(), 1), commit(21, bob, nil, 1), commit(3, bob, signedPage(), 2),
	}, []object{
		request(5, bot, 2, 12, object{"merged_by": bot}, 11, 12), request(6, mannequin, 3, 21, object{"merged_by": mannequin}, 21),
	}, []object{push(0, 12, "f5", bot, "branch_creation"), push(0, 21, "f6", bob, "branch_creation"), push(1, 3, "main", nil, "push")})
	at := len(settled(t, w.lab))
	c := w.change(sha(3))
	if graphed(w.calls(at)) == 0 {
		t.Error("not asked by GraphQL")
	}
	wantMaker(t, c, "author helper[bot]#5151 commit "+short(11)+" of request 5")
	wantMaker(t, c, "merger helper[bot]#5151 request 5")
	wantMaker(t, c, "merger ? request 6")
	for _, m := range c.Makers {
		if m.Account.ID == "5151" && m.Account.Kind != policy.Machine {
			t.Errorf("%+v, want a machine", m)
		}
	}
	w.lab.Contract(t)
}

// A person who pushed a commit that somebody else merged into a request by hand has
// pushed it, also where the list of the request's commits has it below theirs.
func TestI01_pushed_before_it_was_merged_by_hand(t *testing.T) {
	w := newWorld(t, "byhand")
	w.past(3, []object{
		commit(10, bob, nil, 1), commit(11, alice, nil, 1), commit(12, alice, nil, 11, 10), commit(2, alice, signedPage(), 1), commit(21, alice, nil, 2), commit(22, alice, nil, 21), commit(3, alice, signedPage(), 2),
	}, []object{request(5, alice, 2, 12, nil, 10, 11, 12), request(6, alice, 3, 22, nil, 21, 22), request(7, alice, 3, 22, nil, 21, 22)}, []object{
		push(0, 11, "f5", alice, "branch_creation"), push(0, 10, "side", eve, "branch_creation"), push(11, 12, "f5", alice, "push"), push(1, 2, "main", carol, "pr_merge"),
		push(0, 22, "f6", alice, "branch_creation"), push(2, 3, "main", carol, "pr_merge"),
	})
	at := len(settled(t, w.lab))
	c := w.change(sha(3))
	if graphed(w.calls(at)) == 0 {
		t.Error("not asked by GraphQL")
	}
	wantMaker(t, c, "pusher eve#666 commit "+short(10)+" of request 5")
	wantMaker(t, c, "pusher alice#77 commit "+short(11)+" of request 5")
	w.lab.Contract(t)
}

// Two hundred commits that a queue brought, one of them of a request that another
// one had been merged into, take few calls.
func TestAPI_two_hundred_commits_through_the_queue(t *testing.T) {
	w := newWorld(t, "twohundred")
	queue := object{"login": "github-merge-queue[bot]", "id": 118344674, "type": "Bot"}
	var commits, pulls, acts []object
	tip := 1
	for i := range 200 {
		n := 1000 + 10*i
		commits = append(commits, commit(n+1, bob, nil, tip), commit(n, bob, signedPage(), tip))
		acts = append(acts, push(0, n+1, fmt.Sprint("f", 1000+i), bob, "branch_creation"))
		own := []int{n + 1}
		if i == 100 {
			commits = append(commits, commit(n+2, eve, nil, n+1), commit(n+3, bob, signedPage(), n+1))
			pulls = append(pulls, request(999, eve, n+3, n+2, object{"base": fmt.Sprint("f", 1000+i), "head": object{"sha": sha(n + 2), "ref": "inner"}}, n+2))
			acts = append(acts, push(0, n+2, "inner", eve, "branch_creation"), push(n+1, n+3, fmt.Sprint("f", 1000+i), carol, "pr_merge"))
			own = append(own, n+3)
		}
		pulls = append(pulls, request(1000+i, bob, n, own[len(own)-1], object{"merged_by": queue, "timeline": []object{{"event": "added_to_merge_queue", "actor": carol}}}, own...))
		tip = n
	}
	acts = append(acts, push(1, tip, "main", queue, "merge_queue_merge"))
	w.past(tip, commits, pulls, acts)
	at := len(settled(t, w.lab))
	c := w.change(sha(tip))
	calls := w.calls(at)
	t.Logf("%d calls\n  %s", len(calls), strings.Join(calls, "\n  "))
	if len(c.Commits) != 200 || len(c.Requests) != 201 {
		t.Errorf("%d commits in %d requests, want 200 in 201", len(c.Commits), len(c.Requests))
	}
	// What else a gate asks for, evidence, environment, outcome, approvals and the
	// people of one group, are five calls more.
	if len(calls) > 15 {
		t.Errorf("%d calls, want at most 15", len(calls))
	}
	wantMaker(t, c, "requester eve#666 request 999")
	wantMaker(t, c, "pusher eve#666 request 999")
	wantMaker(t, c, "merger carol#99 request 1199")
	wantNoMaker(t, c, "?")
	w.lab.Contract(t)
}

// A hundred deployments that failed since the last that succeeded are not a
// hundred calls, and the same is found with the calls.
func TestAPI_a_hundred_failed_deployments(t *testing.T) {
	w := newWorld(t, "failures")
	w.past(4, []object{commit(2, bob, nil, 1), commit(4, bob, nil, 2)}, nil, []object{push(1, 4, "main", bob, "push")})
	all := []object{w.deployed(8, 500, sha(1), "in_progress", "success", "inactive")}
	for i := range 105 {
		w.run(2000+i, object{"head_sha": sha(2), "conclusion": "failure"})
		all = append(all, w.deployed(100+i, 2000+i, sha(2), "queued", "in_progress", "failure"))
	}
	// Among them is one that a person has given another end, and one that ended well.
	all[30]["statuses"] = append(all[30]["statuses"].([]object), object{"state": "failure", "creator": eve, "log_url": ""})
	all[40] = w.deployed(139, 2039, sha(2), "in_progress", "success")
	w.set("/deployments", all)
	first := true
	look := func() (policy.Change, int) {
		t.Helper()
		at := len(settled(t, w.lab))
		c, err := w.job.Change(context.Background(), w.query(sha(4)))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		calls := w.calls(at)
		if first && !slices.ContainsFunc(calls, func(c string) bool { return strings.Contains(c, "/deployments/8/statuses ") }) {
			t.Error("not asked by REST about the one that succeeded")
		}
		first = false
		for _, c := range calls {
			if strings.Contains(c, "/deployments") || strings.Contains(c, "/graphql ") {
				n++
			}
		}
		return c, n - 1 // one question is about the commits
	}
	w.again()
	c, n := look()
	t.Logf("%d calls about deployments", n)
	if n > 10 || c.Base != sha(1) {
		t.Errorf("%d calls about deployments, base %.7s; want at most 10, and %.7s", n, c.Base, sha(1))
	}
	if _, n := look(); n > 4 {
		t.Errorf("%d calls about deployments at the second look, want few", n)
	}
	w.graph(-1, 404, "{}")
	w.again()
	d, n := look()
	if d.Deployed != c.Deployed || d.Base != c.Base || n < 100 {
		t.Errorf("by REST, in %d calls: base %.7s (%s), want %.7s (%s)", n, d.Base, d.Deployed, c.Base, c.Deployed)
	}
	w.lab.Contract(t)
}

// What a request that was merged says, and which requests have a commit that a
// person made, is asked for once in the life of a job, by GraphQL and by REST.
func TestAPI_what_was_merged_is_asked_for_once(t *testing.T) {
	w := newWorld(t, "mergedonce")
	head := w.squashed()
	w.run(500, object{"head_sha": sha(1)})
	w.set("/deployments", []object{w.deployed(8, 500, sha(1), "success")})
	for name, status := range map[string]int{"together": 0, "one by one": 404} {
		if status != 0 {
			w.graph(-1, status, "{}")
		}
		w.again()
		now := time.Now()
		w.job.Now = func() time.Time { return now }
		look := func() (n int) {
			t.Helper()
			at := len(settled(t, w.lab))
			if _, err := w.job.Environment(context.Background(), "production"); err != nil {
				t.Fatal(err)
			}
			if _, err := w.job.Change(context.Background(), w.query(head)); err != nil {
				t.Fatal(err)
			}
			for _, c := range w.calls(at) {
				if strings.Contains(c, "/graphql ") || strings.Contains(c, "/pulls/") {
					n++
				}
			}
			return n
		}
		if n := look(); n == 0 {
			t.Errorf("%s: asked for nothing at first", name)
		}
		now = now.Add(11 * time.Minute) // the history is read anew
		if n := look(); n != 0 {
			t.Errorf("%s: %d calls about requests again, want none", name, n)
		}
		w.lab.Unset(t, "/faults")
	}
}

// A part of what a request had is no answer: REST is asked for the request, and
// what was answered counts for nothing.
func TestO02_a_part_of_a_request_is_none(t *testing.T) {
	w := newWorld(t, "partly")
	w.past(3, []object{commit(11, bob, nil, 1), commit(21, bob, nil, 1), commit(2, bob, signedPage(), 1), commit(3, bob, signedPage(), 2)},
		[]object{request(5, bob, 2, 11, nil, 11), request(6, bob, 3, 21, nil, 21)},
		[]object{push(0, 11, "f5", bob, "branch_creation"), push(0, 21, "f6", bob, "branch_creation"), push(1, 2, "main", carol, "pr_merge"), push(2, 3, "main", carol, "pr_merge")})
	want := made(w.change(sha(3)))
	type list = map[string]any
	node := func(number, head int) object {
		return object{
			"number": number, "headRefOid": sha(head), "mergedBy": object{"__typename": "User", "login": "carol", "databaseId": 99},
			"commits": list{"totalCount": 1, "nodes": []object{{"commit": object{
				"id": "x", "oid": sha(head), "message": "x", "author": object{"email": "told@graphql.example"}, "parents": list{"totalCount": 1, "nodes": []object{{"oid": sha(1)}}},
			}}}},
			"timelineItems": list{"pageInfo": object{"hasNextPage": false}, "nodes": []object{}},
		}
	}
	commits := func(n object) list { return n["commits"].(list) }
	for name, spoil := range map[string]func(object){
		"":                        func(object) {},
		"more commits":            func(n object) { commits(n)["totalCount"] = 2 },
		"another head":            func(n object) { n["headRefOid"] = sha(1) },
		"commits without the end": func(n object) { commits(n)["nodes"].([]object)[0]["commit"].(object)["oid"] = sha(1) },
		"more events":             func(n object) { n["timelineItems"].(list)["pageInfo"] = object{"hasNextPage": true} },
		"more parents": func(n object) {
			commits(n)["nodes"].([]object)[0]["commit"].(object)["parents"].(list)["totalCount"] = 2
		},
		"a commit that is null": func(n object) {
			commits(n)["totalCount"], commits(n)["nodes"] = 2, append(commits(n)["nodes"].([]object), nil)
		},
		"a parent that is null": func(n object) {
			commits(n)["nodes"].([]object)[0]["commit"].(object)["parents"].(list)["nodes"] = []object{nil}
		},
		"an event that is null": func(n object) { n["timelineItems"].(list)["nodes"] = []object{nil} },
		"an event of another kind": func(n object) {
			n["timelineItems"].(list)["nodes"] = []object{{"__typename": "ClosedEvent"}}
		},
		"no commits":      func(n object) { n["commits"] = list{"totalCount": 0, "nodes": []object{}} },
		"an error beside": func(object) {},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			all := []object{node(6, 21), node(5, 11)}
			for _, n := range all {
				spoil(n)
			}
			body := object{"data": object{"nodes": all}}
			if strings.HasPrefix(name, "an error") {
				body["errors"] = []object{{"type": "FORBIDDEN", "message": "x"}}
			}
			b, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			w.graph(1, 200, string(b))
			got := made(w.change(sha(3)))
			told := slices.ContainsFunc(got, func(m string) bool { return strings.Contains(m, "told@graphql.example") })
			if told != (name == "") || !told && !slices.Equal(got, want) {
				t.Errorf("makers:\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
			}
		})
	}
}

// A commit that more requests have than one question lists is asked about alone.
func TestO02_a_commit_of_many_requests(t *testing.T) {
	for n, alone := range map[int]int{10: 0, 11: 1} {
		w := newWorld(t, fmt.Sprint("manyhave", n))
		var pulls []object
		for i := range n {
			pulls = append(pulls, request(20+i, bob, 99, 2, object{"base": "other"}, 2))
		}
		w.past(2, []object{commit(2, bob, signedPage(), 1), commit(98, bob, nil, 1), commit(99, bob, nil, 98)}, pulls, []object{push(1, 2, "main", bob, "push")})
		at := len(settled(t, w.lab))
		w.change(sha(2))
		got := 0
		for _, c := range w.calls(at) {
			if strings.Contains(c, "/commits/"+sha(2)+"/pulls ") {
				got++
			}
		}
		if got != alone {
			t.Errorf("%d requests: asked %d times about the commit alone, want %d", n, got, alone)
		}
	}
}

// Of a commit whose requests are not all shown, REST is asked.
func TestO02_a_request_of_a_commit_that_is_not_shown(t *testing.T) {
	w := newWorld(t, "hiddenrequest")
	w.past(2, []object{commit(2, bob, signedPage(), 1)}, nil, []object{push(1, 2, "main", bob, "push")})
	base := fmt.Sprintf(`"baseRepository":{"databaseId":%s}`, w.id)
	for name, c := range map[string]struct {
		request string
		alone   int
	}{
		"one that is open":            {`{"number":5,"mergedAt":null,` + base + `}`, 0},
		"one that is null":            {`null`, 1},
		"one that was merged nowhere": {`{"number":5,"mergedAt":"2026-01-05T08:00:00Z","mergeCommit":null,` + base + `}`, 1},
		"one of an unknown repository": {`{"number":5,"mergedAt":"2026-01-05T08:00:00Z","mergeCommit":{"oid":"` + sha(2) +
			`"}}`, 1},
	} {
		w.graph(1, 200,
			fmt.Sprintf(`{"data":{"nodes":[{"oid":%q,"associatedPullRequests":{"totalCount":1,"nodes":[%s]}}]}}`, sha(2),
				c.request))
		at := len(settled(t, w.lab))
		w.change(sha(2))
		alone := 0
		for _, x := range w.calls(at) {
			if strings.Contains(x, "/commits/"+sha(2)+"/pulls ") {
				alone++
			}
		}
		if alone != c.alone {
			t.Errorf("%s: asked %d times about the commit alone, want %d", name, alone, c.alone)
		}
		w.lab.Unset(t, "/faults")
	}
}

// Which requests the platform's own commit belongs to, it shows some time after the
// merge: it is asked anew when the history is read anew.
func TestI01_a_request_that_shows_later(t *testing.T) {
	w := newWorld(t, "later")
	commits := []object{commit(12, bob, nil, 1), commit(2, bob, signedPage(), 1), commit(9, bob, nil, 1)}
	acts := []object{push(1, 2, "main", carol, "push")}
	w.past(2, commits, nil, acts)
	wantNoMaker(t, w.change(sha(2)), "requester")
	w.past(2, commits, []object{request(5, eve, 9, 12, object{"introduced": []string{sha(2)}}, 12)}, acts)
	now := time.Now()
	w.job.Now = func() time.Time { return now.Add(11 * time.Minute) }
	if _, err := w.job.Environment(context.Background(), "production"); err != nil {
		t.Fatal(err)
	}
	c, err := w.job.Change(context.Background(), w.query(sha(2)))
	if err != nil {
		t.Fatal(err)
	}
	wantMaker(t, c, "requester eve#666 request 5")
	w.lab.Contract(t)
}

// A request into a fork that has the commit, too, is none of this repository: a
// stranger may merge it, and its number is that of another request here.
func TestI01_requests_into_forks(t *testing.T) {
	w := newWorld(t, "intoforks")
	w.past(2, []object{commit(12, bob, nil, 1), commit(2, bob, signedPage(), 1)},
		[]object{request(6, eve, 2, 12, object{"elsewhere": true, "merged_by": eve}, 12)},
		[]object{push(1, 2, "main", bob, "push")})
	for _, status := range []int{0, 404} {
		if status != 0 {
			w.graph(-1, status, "{}")
		}
		at := len(settled(t, w.lab))
		c := w.change(sha(2))
		wantMaker(t, c, "pusher bob#88 commit "+short(2))
		wantNoMaker(t, c, "requester eve")
		wantNoMaker(t, c, "?")
		alone := slices.ContainsFunc(w.calls(at),
			func(x string) bool { return strings.Contains(x, "/commits/"+sha(2)+"/pulls ") })
		if alone != (status != 0) {
			t.Errorf("GraphQL %d: asked about the commit alone: %v", status, alone)
		}
	}
	w.lab.Contract(t)
}

// What a person says last of a deployment that is on its way does not make it one
// that failed, also where many are asked about together.
func TestG16_a_person_ends_a_deployment_that_is_on_its_way(t *testing.T) {
	for name, hidden := range map[string]bool{"as it is": false, "with a word of a person": true} {
		w := newWorld(t, "ends-"+strings.ReplaceAll(name, " ", "-"))
		w.past(3, []object{commit(2, bob, nil, 1), commit(3, bob, nil, 2)}, nil, []object{push(1, 3, "main", bob, "push")})
		w.run(700, object{"head_sha": sha(3), "status": "in_progress", "conclusion": nil})
		w.set("/runs/700/attempts/1/jobs", []object{{"name": "deploy", "status": "in_progress", "conclusion": nil,
			"steps": []object{{"name": "Run ./deploy.sh", "status": "in_progress", "conclusion": nil, "number": 1}}}})
		onWay := w.deployed(9, 700, sha(3), "in_progress")
		if hidden {
			onWay["statuses"] = append(onWay["statuses"].([]object), object{"state": "failure", "creator": eve, "log_url": ""})
		}
		all := []object{w.deployed(8, 500, sha(1), "in_progress", "success", "inactive"), onWay}
		for i := range 6 {
			w.run(2000+i, object{"head_sha": sha(2), "conclusion": "failure"})
			all = append(all, w.deployed(100+i, 2000+i, sha(2), "in_progress", "failure"))
		}
		w.set("/deployments", all)
		if c := w.change(sha(2)); c.Order != policy.Overtaken || c.Base != sha(1) {
			t.Errorf("%s: order %v over %.7s (%s), want overtaken by what is on its way", name, c.Order, c.Base, c.Deployed)
		}
		w.lab.Contract(t)
	}
}

// A deployment with more statuses than one question lists is looked at alone, and
// an answer about another deployment is refused.
func TestO02_deployments_asked_about_together(t *testing.T) {
	w := newWorld(t, "statuses")
	w.past(2, []object{commit(2, bob, nil, 1)}, nil, []object{push(1, 2, "main", bob, "push")})
	states := []string{"success"}
	for range 55 {
		states = append(states, "inactive")
	}
	all := []object{w.deployed(8, 500, sha(1), states...)}
	for i := range 4 {
		w.run(2000+i, object{"head_sha": sha(2), "conclusion": "failure"})
		all = append(all, w.deployed(100+i, 2000+i, sha(2), "in_progress", "failure"))
	}
	w.set("/deployments", all)
	if c := w.change(sha(2)); c.Base != sha(1) {
		t.Errorf("base %.7s (%s), want the one that succeeded long ago", c.Base, c.Deployed)
	}
	other := func(n int) string {
		return fmt.Sprintf(`{"data":{"nodes":[null,{"commitOid":%q,"createdAt":"2026-01-05T08:00:00Z"}]}}`, sha(n))
	}
	w.graph(1, 200, other(1))
	w.change(sha(2))
	const bot = `"creator":{"__typename":"Bot","login":"github-actions","databaseId":41898282}`
	hidden := fmt.Sprintf(`"latestStatus":{"id":"a"},"statuses":{"totalCount":2,"nodes":[{"id":"a","state":"FAILURE",%s},null]}`, bot)
	w.graph(1, 200, strings.Replace(other(1), `"createdAt"`, hidden+`,"createdAt"`, 1))
	if c := w.change(sha(2)); c.Base != sha(1) {
		t.Errorf("base %.7s (%s), want the one that may have succeeded, as a status is null", c.Base, c.Deployed)
	}
	w.graph(1, 200, other(2))
	w.refused(sha(2), fault.Refused, fault.Malformed)
}

// Without a token there is no GraphQL to ask.
func TestO02_no_graphql_without_a_token(t *testing.T) {
	for token, want := range map[string]int{"t": 1, "": 0} {
		asked := 0
		j, _ := job(t, map[string]string{"GITHUB_REPOSITORY": "acme/widget", "GITHUB_REPOSITORY_ID": "9", "GITHUB_TOKEN": token,
			"GITHUB_API_URL": answers(t, func(rw http.ResponseWriter, r *http.Request) {
				commits := fmt.Sprintf(`{"sha":%q,"node_id":"b","parents":[{"sha":%q}],"commit":{"author":{"email":"a@x"},"committer":{"email":"a@x"}}}`, sha(2), sha(1))
				switch {
				case strings.HasSuffix(r.URL.Path, "/graphql"):
					asked++
					fmt.Fprint(rw, `{}`)
				case strings.Contains(r.URL.Path, "/compare/"):
					fmt.Fprint(rw, `{"total_commits":1,"commits":[`+commits+`]}`)
				case strings.Contains(r.URL.Path, "/branches/"):
					fmt.Fprintf(rw, `{"name":"main","commit":{"sha":%q}}`, sha(2))
				case strings.HasSuffix(r.URL.Path, "/repos/acme/widget"):
					fmt.Fprint(rw, `{"id":9,"full_name":"acme/widget","owner":{"id":1,"login":"acme"},"default_branch":"main"}`)
				default:
					fmt.Fprint(rw, `[]`)
				}
			})})
		q := policy.ChangeQuery{Environment: "production", Repository: "https://github.com/acme/widget", ID: "9", Head: sha(2), Ref: "refs/heads/main", Start: policy.Start{Baseline: sha(1)}}
		if _, err := j.Change(context.Background(), q); err != nil || asked != want {
			t.Errorf("with token %q: %d questions by GraphQL, %v; want %d", token, asked, err, want)
		}
	}
}
