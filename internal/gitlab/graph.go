package gitlab

import (
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A commit is one as the API lists it.
type commit struct {
	ID             string   `json:"id"`
	Parents        []string `json:"parent_ids"`
	Title          string   `json:"title"`
	Message        string   `json:"message"`
	AuthorName     string   `json:"author_name"`
	AuthorEmail    string   `json:"author_email"`
	CommitterName  string   `json:"committer_name"`
	CommitterEmail string   `json:"committer_email"`
	Committed      string   `json:"committed_date"`
}

// A graph is a part of the history, newest commit first.
type graph struct {
	order   []string
	commits map[string]commit
}

func newGraph(all []commit) graph {
	g := graph{commits: map[string]commit{}}
	g.add(all)
	return g
}

func (g *graph) add(all []commit) {
	for _, c := range all {
		if _, ok := g.commits[c.ID]; !ok {
			g.order = append(g.order, c.ID)
			g.commits[c.ID] = c
		}
	}
}

func (g graph) has(id string) bool {
	_, ok := g.commits[id]
	return ok
}

// reach returns which commits of g are id or an ancestor of it.
func (g graph) reach(id string) map[string]bool {
	seen := map[string]bool{}
	for todo := []string{id}; len(todo) > 0; {
		id, todo = todo[len(todo)-1], todo[:len(todo)-1]
		if c, ok := g.commits[id]; ok && !seen[id] {
			seen[id] = true
			todo = append(todo, c.Parents...)
		}
	}
	return seen
}

// without returns which commits of g are to or an ancestor of it, and neither
// from nor an ancestor of that: what a push from one to the other brought.
func (g graph) without(to, from string) map[string]bool {
	brought := g.reach(to)
	for id := range g.reach(from) {
		delete(brought, id)
	}
	return brought
}

// edge returns the parents that g does not hold.
func (g graph) edge() []string {
	var out []string
	for _, id := range g.order {
		for _, p := range g.commits[id].Parents {
			if !g.has(p) && !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}

// whole wants a listing that ends in head to be one piece: every commit but
// head is the parent of another one, and none is listed twice.
func whole(head string, all []commit) error {
	g := newGraph(all)
	if len(g.order) != len(all) || len(g.reach(head)) != len(all) {
		return fault.New(fault.Refused, fault.Malformed, "", "the GitLab API listed %d commits, of which %d belong to the history of %q", len(all), len(g.reach(head)), head)
	}
	return nil
}
