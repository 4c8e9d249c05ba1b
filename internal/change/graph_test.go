package change

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// random makes a history in which each commit has up to two older parents.
func random(r *rand.Rand, n int) []Commit {
	var all []Commit
	for i := range n {
		c := Commit{ID: fmt.Sprint("c", i)}
		for range min(i, r.IntN(3)) {
			c.Parents = append(c.Parents, fmt.Sprint("c", r.IntN(i)))
		}
		all = append(all, c)
	}
	slices.Reverse(all)
	return all
}

// What a push brought is what its new end has and its old one has not.
func TestGraph_against_a_plain_walk(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		all := random(r, 1+r.IntN(12))
		g := newGraph(nil)
		for _, i := range r.Perm(len(all)) { // in any order, as requests bring them
			g.add(all[i : i+1])
		}
		var ancestor func(a, b string) bool
		ancestor = func(a, b string) bool {
			return a == b || slices.ContainsFunc(g.by[b].Parents, func(p string) bool { return ancestor(a, p) })
		}
		from, to := all[r.IntN(len(all))].ID, all[r.IntN(len(all))].ID
		want := map[string]bool{}
		for _, c := range all {
			if ancestor(c.ID, to) && !ancestor(c.ID, from) {
				want[c.ID] = true
			}
		}
		got := map[string]bool{}
		for _, id := range g.between(from, to) {
			got[id] = true
		}
		if !maps.Equal(got, want) {
			t.Fatalf("%v: from %s to %s brought %v, want %v", all, from, to, got, want)
		}
	}
}
