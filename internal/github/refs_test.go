package github_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// rules are sets of rules for the default tags, in force unless changed.
func rules(fields object) []object {
	r := object{"target": "tag", "conditions": object{"ref_name": object{"include": []string{"refs/tags/v*"}, "exclude": []string{}}}, "rules": []object{{"type": "creation"}}}
	for k, v := range fields {
		r[k] = v
	}
	return []object{r}
}

// branching is a world whose main and release-9 have commit 2 and 3, and whose
// side branch has commit 4.
func branching(t *testing.T, name string) *world {
	t.Helper()
	w := newWorld(t, name)
	w.set("/history", object{
		"commits":  []object{commit(1, alice, nil), commit(2, alice, nil, 1), commit(3, alice, nil, 2), commit(4, alice, nil, 1)},
		"branches": object{"main": sha(2), "release-9": sha(3), "side": sha(4)},
	})
	w.set("/branches/release-9", object{"protected": false, "rules": []object{{"type": "pull_request", "parameters": object{
		"dismiss_stale_reviews_on_push": false, "require_code_owner_review": false, "require_last_push_approval": false,
		"required_approving_review_count": 1, "required_review_thread_resolution": false,
	}}}})
	return w
}

func (w *world) ref(ref string, head int, branch string) policy.Ref {
	w.t.Helper()
	w.again()
	r, err := w.job.Ref(context.Background(), policy.RefQuery{Repository: address + w.name, ID: w.id, Ref: ref, Head: sha(head), Branch: branch})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// A branch is protected by a branch protection or by a ruleset, a tag by a
// ruleset about who makes it; and what is on which branch is asked.
func TestG14_how_a_ref_is_protected(t *testing.T) {
	w := branching(t, "refs")
	const yes, no, none = policy.Yes, policy.No, policy.Unanswered
	for i, x := range []struct {
		ref                 string
		head                int
		branch              string
		protected, on, kept policy.Known
	}{
		{"refs/heads/main", 2, "", yes, none, none},
		{"refs/heads/release-9", 3, "", yes, none, none}, // by a ruleset alone
		{"refs/heads/side", 4, "", no, none, none},
		{"refs/heads/gone", 4, "", none, none, none},
		{"refs/heads/main", 2, "main", yes, yes, yes},
		{"refs/heads/side", 4, "main", no, no, none},
		{"refs/heads/side", 1, "main", no, yes, yes},
		{"refs/heads/main", 2, "nowhere", yes, no, none},
		{"refs/heads/main", 2, "release-*", yes, yes, yes},
		{"refs/heads/main", 4, "release-*", yes, no, none},
		{"refs/heads/side", 4, "side", no, yes, no},
		{"refs/tags/v1", 4, "", yes, none, none},
		{"refs/tags/w1", 1, "", no, yes, yes},
		{"refs/tags/w1", 4, "", no, no, none},
		{"refs/tags/w1", 3, "release-9", none, yes, yes},
		{"refs/tags/v1", 4, "release-9", yes, no, none},
	} {
		r := w.ref(x.ref, x.head, x.branch)
		if r.Protected != x.protected || r.On != x.on || r.Kept != x.kept {
			t.Errorf("%d: %s, commit %d, branch %q: protected %v, on it %v, which is protected %v (%s); want %v, %v, %v", i, x.ref, x.head, x.branch, r.Protected, r.On, r.Kept, r.Why, x.protected, x.on, x.kept)
		}
	}
}

// A ruleset keeps people from making a tag only if it is in force, is about tags
// and this one, and is about making it.
func TestG14_a_rule_about_tags_that_keeps_nobody_out(t *testing.T) {
	w := branching(t, "tagrules")
	about := func(include, exclude []string) object {
		return object{"conditions": object{"ref_name": object{"include": include, "exclude": exclude}}}
	}
	for name, x := range map[string]struct {
		fields object
		want   policy.Known
	}{
		"in force":                       {nil, policy.Yes},
		"every tag":                      {about([]string{"~ALL"}, []string{}), policy.Yes},
		"one that leaves out another":    {about([]string{"refs/tags/v*"}, []string{"refs/tags/v2"}), policy.Yes},
		"switched off":                   {object{"enforcement": "disabled"}, policy.No},
		"tried out":                      {object{"enforcement": "evaluate"}, policy.No},
		"about branches":                 {object{"target": "branch"}, policy.No},
		"about other tags":               {about([]string{"refs/tags/w*"}, []string{}), policy.No},
		"an asterisk is within a folder": {about([]string{"refs/*"}, []string{}), policy.No},
		"leaves it out":                  {about([]string{"~ALL"}, []string{"refs/tags/v1"}), policy.No},
		"leaves it out by a pattern":     {about([]string{"~ALL"}, []string{"refs/**"}), policy.No},
		"about names alone":              {object{"rules": []object{{"type": "deletion"}, {"type": "update"}}}, policy.No},
		"about nothing":                  {object{"rules": []object{}}, policy.No},
	} {
		w.set("/rulesets", rules(x.fields))
		if r := w.ref("refs/tags/v1", 4, ""); r.Protected != x.want {
			t.Errorf("%s: protected %v (%s), want %v", name, r.Protected, r.Why, x.want)
		}
	}
	w.set("/branches/side", object{"protected": false, "rules": []object{{"type": "required_linear_history"}}})
	if r := w.ref("refs/heads/side", 4, ""); r.Protected != policy.No {
		t.Errorf("a rule about the shape of the history: protected %v, want no", r.Protected)
	}
}

// What the plan has not, or this token may not see, is unanswered with what to
// look at, and never a no or a yes; a service that is broken is an error.
func TestG07_what_is_not_shown_is_unanswered(t *testing.T) {
	w := branching(t, "unshown")
	w.lab.Set(t, w.path(""), object{"visibility": "private", "id": w.number()})
	w.set("/plan", object{"name": "free"})
	for _, ref := range []string{"refs/heads/main", "refs/tags/v1"} {
		r := w.ref(ref, 2, "")
		if r.Protected != policy.Unanswered || r.Why == "" {
			t.Errorf("%s on a plan without rules: protected %v, because %q; want no answer with its reason", ref, r.Protected, r.Why)
		}
	}
	w.set("/plan", object{"name": "team"})
	for _, status := range []int{401, 403, 404} {
		w.again()
		w.lab.Fault(t, object{"target": "github", "match": fmt.Sprintf("GET .*/%s/(rulesets|branches/main)", w.name), "status": status, "times": 1})
		if r := w.ref("refs/heads/main", 2, ""); r.Protected != policy.Unanswered || r.Need == "" {
			t.Errorf("status %d: protected %v, next step %q, want no answer with a next step", status, r.Protected, r.Need)
		}
	}
	w.again()
	w.lab.Fault(t, object{"target": "github", "match": fmt.Sprintf("GET .*/%s/branches/main", w.name), "status": 500, "times": -1})
	_, err := w.job.Ref(context.Background(), policy.RefQuery{Repository: address + w.name, ID: w.id, Ref: "refs/heads/main"})
	wantFault(t, err, fault.Unavailable, fault.NotAvailable)
}

// Another repository is not answered for, and a name that was given to another
// one is refused.
func TestC06_the_repository_of_a_ref_is_known_by_its_number(t *testing.T) {
	w := branching(t, "numbered")
	q := policy.RefQuery{Repository: address + "somebody", ID: w.id, Ref: "refs/heads/main"}
	if r, err := w.job.Ref(context.Background(), q); err != nil || r.Protected != policy.Unanswered {
		t.Errorf("another repository: %+v, %v; want no answer", r, err)
	}
	q.Repository, q.ID = address+w.name, "7"
	_, err := w.job.Ref(context.Background(), q)
	wantFault(t, err, fault.Refused, fault.Source)
	q.ID = w.id
	if r, err := w.job.Ref(context.Background(), q); err != nil || r.Protected != policy.Yes {
		t.Errorf("this repository: %+v, %v; want yes", r, err)
	}
}
