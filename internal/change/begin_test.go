package change_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/change"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// tree is a platform with a history of its own: for each commit its parents.
type tree struct {
	*pure
	parents map[string][]string
	past    change.Past
}

func (p tree) line(tip string) []change.Commit {
	var out []change.Commit
	seen := map[string]bool{}
	var walk func(string)
	walk = func(name string) {
		if name == "" || seen[name] {
			return
		}
		seen[name] = true
		c := change.Commit{ID: id(name), Author: person(len(name) + int(name[len(name)-1])), Time: time.Date(2026, 11, 1, 0, int(name[len(name)-1]), 0, 0, time.UTC)}
		for _, x := range p.parents[name] {
			c.Parents = append(c.Parents, id(x))
		}
		out = append(out, c)
		for _, x := range p.parents[name] {
			walk(x)
		}
	}
	for name := range p.parents {
		if id(name) == tip {
			walk(name)
		}
	}
	slices.SortFunc(out, func(a, b change.Commit) int { return b.Time.Compare(a.Time) })
	return out
}

func (p tree) Contains(_ context.Context, tip, commit string) (bool, error) {
	return slices.ContainsFunc(p.line(tip), func(c change.Commit) bool { return c.ID == commit }), nil
}

func (p tree) Span(_ context.Context, from, to string) ([]change.Commit, bool, error) {
	old := p.line(from)
	return slices.DeleteFunc(p.line(to), func(c change.Commit) bool {
		return slices.ContainsFunc(old, func(o change.Commit) bool { return o.ID == c.ID })
	}), true, nil
}

func (p tree) Past(context.Context, policy.ChangeQuery, string) (change.Past, error) {
	return p.past, nil
}

func (p tree) Tip(context.Context, string) (string, error) { return id("tip9"), nil }

// Of what entries say and what the platform lists, the commit that is further back
// counts; where entries alone count, the list moves nothing; and a change that begins at
// two commits is all that one of them lacks.
func TestG11_where_a_change_begins(t *testing.T) {
	point := func(name string) policy.Point {
		return policy.Point{Commit: id(name), Entry: 7, Time: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	}
	listed := func(name string) change.Past {
		return change.Past{Base: &change.Deployment{ID: 5, Commit: id(name), Run: "https://x.example/runs/5"}}
	}
	for name, c := range map[string]struct {
		start policy.Start
		past  change.Past
		want  string // commits that are new, newest first
		order policy.Order
		says  string
	}{
		"the list is newer":                 {policy.Start{Entered: []policy.Point{point("a1")}}, listed("a3"), "a4 a3 a2", policy.Newer, "entry 7 of commit"},
		"the entry is newer":                {policy.Start{Entered: []policy.Point{point("a3")}}, listed("a1"), "a4 a3 a2", policy.Newer, "deployment 5 of commit"},
		"both are one":                      {policy.Start{Entered: []policy.Point{point("a3")}}, listed("a3"), "a4", policy.Newer, "entry 7 of commit"},
		"nothing is listed":                 {policy.Start{Entered: []policy.Point{point("a3")}}, change.Past{}, "a4", policy.Newer, "entry 7 of commit"},
		"no entry":                          {policy.Start{}, listed("a3"), "a4", policy.Newer, "deployment 5 of commit"},
		"entries alone count":               {policy.Start{Signed: true, Entered: []policy.Point{point("a3")}}, listed("a1"), "a4", policy.Newer, "entry 7 of commit"},
		"entries alone, and there are none": {policy.Start{Signed: true, Baseline: id("a0")}, listed("a3"), "a4 a3 a2 a1", policy.First, "nothing is deployed"},
		"two entered at once":               {policy.Start{Signed: true, Entered: []policy.Point{point("a3"), point("a2")}}, change.Past{}, "a4 a3", policy.Newer, "entry 7 of commit"},
		"two that have parted":              {policy.Start{Signed: true, Entered: []policy.Point{point("b2"), point("a3")}}, change.Past{}, "a4 a3 a2", policy.Diverged, "; and entry 7 of commit"},
		"a newer one enters now":            {policy.Start{Signed: true, Entered: []policy.Point{point("a3")}, Coming: []policy.Point{point("tip9")}}, change.Past{}, "a4", policy.Overtaken, "on its way"},
		"the list is no way either": {policy.Start{Signed: true, Entered: []policy.Point{point("a3")}},
			change.Past{OnWay: []change.Deployment{{ID: 6, Commit: id("tip9")}}, Newer: []change.Deployment{{ID: 6, Commit: id("tip9")}}}, "a4", policy.Newer, "entry 7 of commit"},
	} {
		p := tree{branched(nil), map[string][]string{"a0": nil, "a1": {"a0"}, "b2": {"a1"}, "a2": {"a1"}, "a3": {"a2"}, "a4": {"a3"}, "tip9": {"a4"}}, c.past}
		got, err := new(change.Memory).Of(t.Context(), p, policy.ChangeQuery{Head: id("a4"), Ref: "refs/heads/main", Start: c.start}, time.Now())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var found []string
		for _, x := range got.Commits {
			for n := range p.parents {
				if id(n) == x.ID {
					found = append(found, n)
				}
			}
		}
		want := strings.Fields(c.want)
		slices.Sort(found)
		slices.Sort(want)
		if !slices.Equal(found, want) || got.Order != c.order || !strings.Contains(got.Deployed, c.says) {
			t.Errorf("%s: commits %v, order %v, %q; want %v, %v, %q", name, found, got.Order, got.Deployed, want, c.order, c.says)
		}
		if c.past.Base != nil && got.Listed.ID != 5 {
			t.Errorf("%s: listed = %+v, want the deployment that the platform lists", name, got.Listed)
		}
	}
}

// What was read since one base tells what is new since another one only where that comes
// after it: a branch that was merged in between is new there.
func TestI01_a_base_beside_another_one_is_read_anew(t *testing.T) {
	p := tree{branched(nil), map[string][]string{"a0": nil, "a1": {"a0"}, "b2": {"a1"}, "a2": {"a1"}, "a3": {"a2"}, "m4": {"a3", "b2"}, "tip9": {"m4"}}, change.Past{}}
	var m change.Memory
	for _, c := range []struct{ base, want string }{{"b2", "a2 a3 m4"}, {"a3", "b2 m4"}} {
		got, err := m.Of(t.Context(), p, policy.ChangeQuery{Head: id("m4"), Ref: "refs/heads/main",
			Start: policy.Start{Signed: true, Entered: []policy.Point{{Commit: id(c.base), Entry: 1}}}}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, x := range got.Commits {
			for n := range p.parents {
				if id(n) == x.ID {
					found = append(found, n)
				}
			}
		}
		slices.Sort(found)
		if strings.Join(found, " ") != c.want {
			t.Errorf("since %s: %v, want %s", c.base, found, c.want)
		}
	}
}
