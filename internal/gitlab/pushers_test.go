package gitlab_test

import (
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
	for range 5100 {
		h.push(bob, "noise", "c1", "c1", 0)
	}
	h.events[0]["created_at"] = "2026-11-20T10:00:00Z"
	s.history(h, "f1")
	s.deployed(7001, "c1")
	c := s.change("f1")
	wantMakers(t, c, "pusher ?: "+s.short("f1"))
	noMaker(t, c, "pusher 89")
	if len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "the newest 5000; who pushed before") {
		t.Errorf("notes = %q, want how far the list was read", c.Notes)
	}
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
