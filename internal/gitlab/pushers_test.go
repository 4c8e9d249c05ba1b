package gitlab_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// A person who put others' commits on the branch pushed them too, and so did everybody
// who pushed to a request's branch; who pushed a tag, or made a branch of what
// was there, did not.
func TestI01_pushes_that_bring_nothing_new(t *testing.T) {
	s := play(t, 650)
	h := new(script).commit("c1", "x@x.example").commit("f1", "x@x.example", "c1").commit("g1", "x@x.example", "f1").commit("g2", "x@x.example", "g1").commit("m1", "x@x.example", "f1", "g1").
		push(bob, "feature", "", "f1", 1).
		push(carol, "main", "c1", "f1", 1).
		push(bob, "topic", "", "g1", 1).
		push(bob, "topic", "g1", "g2", 1).
		push(dana, "topic", "g2", "g1", 0).
		push(fields{"id": 65001, "username": "erin"}, "release", "", "f1", 0).
		push(fields{"id": 65002, "username": "frank"}, "v1", "", "m1", 1).
		request(fields{"iid": 1, "author": bob, "merge_user": alice, "merge_commit_sha": sha("m1"), "sha": sha("g1"), "source_branch": "topic", "commits": []string{sha("g1")}})
	h.events[6]["push_data"].(fields)["ref_type"] = "tag"
	s.history(h, "m1")
	s.deployed(7001, "c1")
	c := s.change("m1")
	wantMakers(t, c, "pusher 88: "+s.short("f1"), "pusher 89: "+s.short("f1"), "pusher 88: "+s.short("g1"), "pusher 88: request !1", "pusher 90: request !1", "merger 1: request !1")
	for _, who := range []string{"?", "65001", "65002"} {
		noMaker(t, c, "pusher "+who)
	}
}

// A request that was merged elsewhere long ago, with commits dated in the
// future, is found by its commits.
func TestI03_request_that_dates_hide(t *testing.T) {
	s := play(t, 651)
	h := new(script).commit("c1", "x@x.example").
		commit("f1", "x@x.example", "c1").last("committed_date", "2099-01-01T00:00:00Z").
		push(carol, "main", "c1", "f1", 1).
		request(fields{"iid": 1, "author": bob, "merge_user": dana, "sha": sha("f1"), "target_branch": "develop", "commits": []string{sha("f1")}, "merged_at": "2026-01-01T00:00:00Z"})
	h.events[0]["created_at"] = "2026-11-22T12:00:00Z"
	s.history(h, "f1")
	s.deployed(7001, "c1", "created_at", "2026-11-22T11:00:00Z")
	wantMakers(t, s.change("f1"), "requester 88: request !1", "merger 90: request !1", "pusher 89: "+s.short("f1"))
}

// However often somebody pushes, the gate answers: what it could not read back to was
// pushed by somebody unknown.
func TestO02_pushes_that_are_more_than_are_read(t *testing.T) {
	s := play(t, 653)
	h := new(script).commit("c1", "x@x.example").commit("f1", "x@x.example", "c1").push(carol, "main", "c1", "f1", 1)
	h.events[0]["created_at"] = "2026-11-20T10:00:00Z"
	s.history(h, "f1")
	s.deployed(7001, "c1")
	noise := `{"author":{"id":88,"username":"bob"},"created_at":"2026-11-21T10:00:00Z","push_data":{"action":"pushed",` +
		`"ref_type":"branch","commit_from":"` + sha("n1") + `","commit_to":"` + sha("n2") + `","ref":"noise","commit_count":1}}`
	page := "[" + strings.Repeat(noise+",", 99) + noise + "]"
	s.l.Fault(t, fields{"target": "gitlab", "match": "/events", "status": 200, "body": page, "times": 200})
	c := s.change("f1")
	wantMakers(t, c, "pusher ?: "+s.short("f1"))
	noMaker(t, c, "pusher 89")
	if len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "the newest 20000; who pushed before") {
		t.Errorf("notes = %q, want how far the list was read", c.Notes)
	}
	s.l.Unset(t, "/faults")
}

// older puts pushes before everything else, a page of them and more.
func (h *script) older(n int, day string) *script {
	for range n {
		h.push(dana, "noise", "n1", "n2", 0)
		h.events[len(h.events)-1]["created_at"] = day
	}
	return h
}

// The list of pushes is read as far as it is needed: to what is deployed, and further
// where a branch begins with what nobody is known to have pushed. What was pushed before
// the request was opened costs nothing.
func TestI01_pushes_from_before_what_is_deployed(t *testing.T) {
	for name, c := range map[string]struct {
		begin  string // where the known push begins
		made   string // day on which erin made the branch
		pages  int
		pusher string
		not    string
	}{
		"on the same page":        {"old", "2026-11-18T10:00:00Z", 1, "pusher 65001: request !1", "pusher ?"},
		"on another page":         {"old", "2026-11-01T10:00:00Z", 2, "pusher 65001: request !1", "pusher ?"},
		"too long ago":            {"old", "2026-07-01T10:00:00Z", 2, "pusher ?: request !1", "pusher 65001"},
		"it begins with the base": {"c1", "2026-11-01T10:00:00Z", 1, "pusher 88: request !1", "pusher ?"},
	} {
		s := play(t, 655)
		h := new(script).commit("c1", "x@x.example").commit("old", "x@x.example", "c1").commit("f1", "x@x.example", "c1").commit("m1", "x@x.example", "c1", "f1")
		for i := range h.commits {
			h.last("committed_date", "2026-11-20T10:00:00Z")
			h.commits[i]["committed_date"] = "2026-11-20T10:00:00Z"
		}
		h.older(1, c.made)
		h.events[0]["author"] = fields{"id": 65001, "username": "erin"}
		h.events[0]["push_data"] = fields{"commit_to": sha("old"), "commit_count": 1, "ref": "topic", "action": "created"}
		h.older(150, "2026-11-15T10:00:00Z").older(150, "2026-08-01T10:00:00Z").
			push(bob, "topic", c.begin, "f1", 1).push(alice, "main", "c1", "m1", 1).
			request(fields{"iid": 1, "author": bob, "merge_user": alice, "merge_commit_sha": sha("m1"), "sha": sha("f1"), "source_branch": "topic", "commits": []string{sha("f1")}, "created_at": "2026-11-20T10:00:00Z"})
		s.history(h, "m1")
		s.deployed(7001, "c1", "created_at", "2026-11-20T09:00:00Z")
		from := len(s.requests())
		got := s.change("m1")
		wantMakers(t, got, c.pusher)
		noMaker(t, got, c.not)
		if n := strings.Count(strings.Join(s.calls(from), "\n"), "/events?"); n != c.pages {
			t.Errorf("%s: %d pages of pushes were read, want %d", name, n, c.pages)
		}
	}
}

// One push of many branches names none of them: where a branch moved and nobody is
// known to have moved it, who pushed many then did. Of no such push, somebody unknown did.
func TestI01_many_branches_in_one_push(t *testing.T) {
	for name, c := range map[string]struct{ at, kind, want, not string }{
		"before the branch went on": {"2026-11-20T10:59:00Z", "branch", "pusher 65001: request !1", "pusher ?"},
		"after the branch went on":  {"2026-11-20T12:00:00Z", "branch", "pusher ?: request !1", "pusher 65001"},
		"of tags":                   {"2026-11-20T10:59:00Z", "tag", "pusher ?: request !1", "pusher 65001"},
	} {
		for _, held := range []string{"c1", "x1"} { // the last known push leaves x1 out, or keeps it
			s := play(t, 656)
			h := new(script).commit("c1", "x@x.example").commit("x1", "x@x.example", "c1").commit("f1", "x@x.example", held).commit("m1", "x@x.example", "c1", "f1").
				push(bob, "topic", "x1", "f1", 1).push(alice, "main", "c1", "m1", 1).
				request(fields{"iid": 1, "author": bob, "merge_user": alice, "merge_commit_sha": sha("m1"), "sha": sha("f1"), "source_branch": "topic", "commits": []string{sha("f1")}})
			h.events = append(h.events, fields{"author": fields{"id": 65001, "username": "erin"}, "created_at": c.at,
				"push_data": fields{"commit_count": 0, "action": "created", "ref_type": c.kind, "commit_from": nil, "commit_to": nil, "ref": nil, "ref_count": 4}})
			s.history(h, "m1")
			s.deployed(7001, "c1")
			got := s.change("m1")
			wantMakers(t, got, c.want)
			noMaker(t, got, c.not)
			if t.Failed() {
				t.Fatalf("%s, on top of %s", name, held)
			}
		}
	}
}

// Nobody may push where every rule that covers a branch says so, of everybody.
func TestI01_a_branch_to_which_nobody_may_push(t *testing.T) {
	nobody, maintainers, key := []fields{{"access_level": 0}}, []fields{{"access_level": 40}}, []fields{{"access_level": 0, "deploy_key_id": 1}}
	for name, c := range map[string]struct {
		rules []fields
		want  string
	}{
		"nobody":            {[]fields{{"name": "main", "push_access_levels": nobody}}, ""},
		"nobody, elsewhere": {[]fields{{"name": "other", "push_access_levels": nobody}}, "pusher 89: "},
		"a rule opens it":   {[]fields{{"name": "main", "push_access_levels": nobody}, {"name": "m*", "push_access_levels": maintainers}}, "pusher 89: "},
		"and a deploy key":  {[]fields{{"name": "main", "push_access_levels": append(nobody, key...)}}, "pusher 89: "},
		"no level":          {[]fields{{"name": "main", "push_access_levels": []fields{}}}, "pusher 89: "},
		"not shown":         {nil, "pusher 89: "},
	} {
		s := play(t, 657)
		h := new(script).commit("c1", "x@x.example").commit("f1", "x@x.example", "c1").commit("m1", "x@x.example", "c1", "f1").
			push(bob, "topic", "", "f1", 1).push(carol, "main", "c1", "m1", 1).
			request(fields{"iid": 1, "author": bob, "merge_user": carol, "merge_commit_sha": sha("m1"), "sha": sha("f1"), "source_branch": "topic", "commits": []string{sha("f1")}})
		s.history(h, "m1")
		s.deployed(7001, "c1")
		if c.rules == nil {
			s.l.Fault(t, fields{"target": "gitlab", "match": "/protected_branches", "status": 403, "times": 1})
		} else {
			s.set("/protected_branches", c.rules)
		}
		q := s.query("m1")
		q.Mergers = true
		got, err := s.as().Change(context.Background(), q)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		wantMakers(t, got, "merger 89: request !1")
		if c.want == "" {
			noMaker(t, got, "pusher 89")
		} else {
			wantMakers(t, got, c.want+s.short("m1"))
		}
		s.l.Unset(t, "/faults")
	}
}

// The address of a token's account is that account, and no second one.
func TestI04_the_address_of_a_token(t *testing.T) {
	s := play(t, 658)
	s.l.Set(t, "/gitlab/users/65800", fields{"username": "project_658_bot_a1b2", "name": "renovate", "bot": true})
	h := new(script).commit("c1", "x@x.example").commit("f1", "project_658_bot_a1b2@noreply.gitlab.com", "c1").commit("f2", "project_659_bot@noreply.gitlab.com", "f1").
		push(bob, "main", "c1", "f2", 2)
	s.history(h, "f2")
	s.deployed(7001, "c1")
	wantMakers(t, s.change("f2"), "author 65800 project_658_bot_a1b2@noreply.gitlab.com: "+s.short("f1"), "author ? project_659_bot@noreply.gitlab.com: "+s.short("f2"))
}

// Only the pipeline whose job started ours is above it.
func TestH11_pipeline_that_is_not_the_parent(t *testing.T) {
	s := play(t, 652)
	shipped(s)
	const commit = "9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605"
	s.set("/pipelines/574", fields{"source": "parent_pipeline"})
	for _, c := range []struct {
		downstream int
		listed     string
	}{
		{999, commit},    // it started another one
		{574, sha("c1")}, // it is of another commit
	} {
		s.l.Unset(t, "/faults")
		s.job = s.as()
		s.set("/pipelines/500", fields{"user": bob, "bridges": []fields{{"user": dana, "downstream_pipeline": fields{"id": c.downstream}}}})
		s.say("/pipelines$", `[{"id":500,"sha":"`+c.listed+`"}]`)
		got := s.change("s2")
		wantMakers(t, got, "trigger ?: the pipeline that started pipeline 574")
		noMaker(t, got, "trigger 88: pipeline 500")
	}
}

// A group that answers about another tier protects nothing.
func TestH07_answer_about_another_tier(t *testing.T) {
	s := play(t, 653)
	s.l.Set(t, "/gitlab/groups/65300", fields{"path": "acme-653", "protected_environments": []fields{{"name": "staging", "deploy_access_levels": maintainers}}})
	s.set("", fields{"path": s.path, "namespace_id": 65300})
	s.set("/environments/eu", fields{"tier": "staging"})
	if p := s.protection("eu"); p.State != policy.Protected {
		t.Errorf("protection = %+v, want that of the group", p)
	}
	s.say("/groups/65300/protected_environments/staging", `{"name":"production","deploy_access_levels":[{"access_level":40}]}`)
	if p := s.protection("eu"); p.State != policy.Unprotected {
		t.Errorf("protection = %+v, want none", p)
	}
}

// The first push made the branch, and another one followed in the same moment: the list
// says which came first.
func TestI01_two_pushes_of_one_moment(t *testing.T) {
	s := play(t, 654)
	h := new(script).commit("c1", "x@x.example").commit("n1", "x@x.example", "c1").
		push(carol, "main", "", "c1", 1).push(bob, "main", "c1", "n1", 1)
	for _, e := range h.events {
		e["created_at"] = "2026-11-20T11:00:00Z"
	}
	s.history(h, "n1")
	c := s.change("c1")
	wantMakers(t, c, "pusher 89: "+s.short("c1"))
	noMaker(t, c, "pusher ?")
	noMaker(t, c, "pusher 88")
}
