package gitlab_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// branching is a project whose main and release-9 have the commits "two" and
// "three", and whose side branch has "four"; main, release-* and v* are protected.
func branching(t *testing.T, id int) scene {
	t.Helper()
	s := play(t, id)
	s.set("/history", fields{
		"commits": []fields{
			{"id": sha("one")}, {"id": sha("two"), "parent_ids": []string{sha("one")}},
			{"id": sha("three"), "parent_ids": []string{sha("two")}}, {"id": sha("four"), "parent_ids": []string{sha("one")}},
		},
		"branches": map[string]string{"main": sha("two"), "release-9": sha("three"), "side": sha("four")},
	})
	s.set("/protected_branches", []fields{{"name": "main"}, {"name": "release-*"}})
	return s
}

func (s scene) ask(ref, head, branch string) policy.RefQuery {
	return policy.RefQuery{Repository: server + "/" + s.path, ID: s.env["CI_PROJECT_ID"], Ref: ref, Head: sha(head), Branch: branch}
}

// The project's lists say which branches and tags are protected, patterns among
// them; and what is on which branch is asked.
func TestG14_how_a_ref_is_protected(t *testing.T) {
	s := branching(t, 8101)
	const yes, no, none = policy.Yes, policy.No, policy.Unanswered
	for i, x := range []struct {
		ref, head, branch   string
		protected, on, kept policy.Known
	}{
		{"refs/heads/main", "two", "", yes, none, none},
		{"refs/heads/release-9", "three", "", yes, none, none},
		{"refs/heads/side", "four", "", no, none, none},
		{"refs/heads/gone", "four", "", none, none, none},
		{"refs/heads/main", "two", "main", yes, yes, yes},
		{"refs/heads/side", "four", "main", no, no, yes},
		{"refs/heads/side", "one", "main", no, yes, yes},
		{"refs/heads/main", "two", "nowhere", none, none, none},
		{"refs/heads/main", "two", "release-*", yes, yes, yes},
		{"refs/heads/main", "four", "release-*", yes, no, none},
		{"refs/heads/side", "four", "side", no, yes, no},
		{"refs/heads/main", "never pushed", "main", yes, no, yes},
		{"refs/tags/v1", "four", "", yes, none, none},
		{"refs/tags/w1", "one", "", no, yes, yes},
		{"refs/tags/w1", "four", "", no, no, yes},
		{"refs/tags/w1", "three", "release-9", none, yes, yes},
		{"refs/tags/v1", "four", "release-9", yes, no, yes},
	} {
		r, err := s.job.Ref(context.Background(), s.ask(x.ref, x.head, x.branch))
		if err != nil || r.Protected != x.protected || r.On != x.on || r.Kept != x.kept {
			t.Errorf("%d: %s, commit %s, branch %q: protected %v, on it %v, which is protected %v (%s, %v); want %v, %v, %v", i, x.ref, x.head, x.branch, r.Protected, r.On, r.Kept, r.Why, err, x.protected, x.on, x.kept)
		}
	}
}

// What this token may not see is unanswered with what to look at; a service that
// is broken is an error.
func TestG14_what_is_not_shown_is_unanswered(t *testing.T) {
	for i, status := range []int{401, 403, 404} {
		s := branching(t, 8110+i)
		s.fail("GET .*/projects/"+s.env["CI_PROJECT_ID"]+"/(protected_tags|repository/branches/main)", status)
		for _, ref := range []string{"refs/heads/main", "refs/tags/v1"} {
			r, err := s.job.Ref(context.Background(), s.ask(ref, "two", ""))
			if err != nil || r.Protected != policy.Unanswered || r.Why == "" || r.Need == "" {
				t.Errorf("status %d, %s: %+v, %v; want no answer with its reason and a next step", status, ref, r, err)
			}
		}
	}
	s := branching(t, 8104)
	s.fail("GET .*/projects/8104/repository/branches/main", 500)
	_, err := s.job.Ref(context.Background(), s.ask("refs/heads/main", "two", ""))
	if fault.Of(err).Kind != fault.Unavailable {
		t.Errorf("error = %v, want unavailable", err)
	}
}

// What helps is told by what was answered: no scope helps a token that is none.
func TestE09_a_token_that_is_no_good_is_the_next_step(t *testing.T) {
	for status, want := range map[int]string{401: "give SALLYPORT_TOKEN a token that is good", 403: "give SALLYPORT_TOKEN scope read_api"} {
		s := branching(t, 8100+status)
		s.fail("GET .*/projects/"+s.env["CI_PROJECT_ID"]+"/repository/branches/main", status)
		r, err := s.job.Ref(context.Background(), s.ask("refs/heads/main", "two", ""))
		if err != nil || !strings.HasPrefix(r.Need, want) {
			t.Errorf("status %d: %+v, %v; want the next step %q", status, r, err, want)
		}
	}
}

// Another project is not answered for, and a path that was given to another one
// is refused.
func TestC16_the_project_of_a_ref_is_known_by_its_number(t *testing.T) {
	s := branching(t, 8105)
	q := s.ask("refs/heads/main", "two", "")
	q.Repository = server + "/acme/somebody"
	if r, err := s.job.Ref(context.Background(), q); err != nil || r.Protected != policy.Unanswered || r.Why == "" {
		t.Errorf("another project: %+v, %v; want no answer", r, err)
	}
	q = s.ask("refs/heads/main", "two", "")
	q.ID = "7"
	if _, err := s.job.Ref(context.Background(), q); fault.Of(err).Code != fault.Source {
		t.Errorf("error = %v, want E_SOURCE", err)
	}
}
