package change

import (
	"math/bits"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Identity is a name and an address as somebody typed them, and the account that
// the platform itself finds behind the address, if it does.
type Identity struct {
	Name, Email string
	Account     policy.Account
}

// Commit is one commit as a platform shows it.
type Commit struct {
	ID        string // whole
	Parents   []string
	Message   string
	Author    Identity
	Committer Identity
	Time      time.Time // that the commit says it was made; zero if it says none
	Page      bool      // its committer is written as the platform's own page
	Signed    bool      // the platform says that the signature is its own
}

func (c Commit) title() string {
	t, _, _ := strings.Cut(c.Message, "\n")
	return strings.TrimSpace(t)
}

func (c Commit) parent() string {
	if len(c.Parents) == 0 {
		return ""
	}
	return c.Parents[0]
}

// graph is a set of commits and how they follow each other.
type graph struct {
	order []string // newest first
	by    map[string]Commit
	at    map[string]int // place in order
	from  [][]uint64     // by place: the places of the commit and of all before it, a bit each
}

func newGraph(newestFirst []Commit) graph {
	g := graph{by: make(map[string]Commit, len(newestFirst)), at: make(map[string]int, len(newestFirst))}
	g.add(newestFirst)
	return g
}

// add takes commits in, once each, works out anew who is before whom, and
// returns those that are new.
func (g *graph) add(newestFirst []Commit) (fresh []Commit) {
	for _, c := range newestFirst {
		if _, ok := g.by[c.ID]; !ok {
			g.at[c.ID] = len(g.order)
			g.order, g.by[c.ID] = append(g.order, c.ID), c
			fresh = append(fresh, c)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	g.from = make([][]uint64, len(g.order))
	open := make([]bool, len(g.order))
	for i := range g.order {
		g.reach(i, open)
	}
	return fresh
}

// reach works out what is before the i-th commit: parents first, without
// recursion, because histories are long. A commit that is open when it is met
// again waits for its own descendant, which git does not allow and an answer
// might claim.
func (g *graph) reach(i int, open []bool) {
	for stack := []int{i}; len(stack) > 0; {
		top := stack[len(stack)-1]
		if open[top] || g.from[top] != nil {
			stack = stack[:len(stack)-1]
			if g.from[top] == nil {
				g.from[top] = g.union(top)
			}
			continue
		}
		open[top] = true
		for _, p := range g.by[g.order[top]].Parents {
			if k, ok := g.at[p]; ok && g.from[k] == nil && !open[k] {
				stack = append(stack, k)
			}
		}
	}
}

// union is a commit and what is before its parents.
func (g *graph) union(i int) []uint64 {
	set := make([]uint64, (len(g.order)+63)/64)
	set[i/64] |= 1 << (i % 64)
	for _, p := range g.by[g.order[i]].Parents {
		if k, ok := g.at[p]; ok {
			for w, b := range g.from[k] {
				set[w] |= b
			}
		}
	}
	return set
}

func (g graph) has(id string) bool {
	_, ok := g.at[id]
	return ok
}

// includes reports whether b is a or comes before it; both are of g.
func (g graph) includes(a, b string) bool {
	k := g.at[b]
	return g.has(a) && g.has(b) && g.from[g.at[a]][k/64]&(1<<(k%64)) != 0
}

// depth is how many commits of g are id or before it.
func (g graph) depth(id string) int {
	n := 0
	for _, b := range g.from[g.at[id]] {
		n += bits.OnesCount64(b)
	}
	return n
}

// part is the commits of g that are id or before it, newest first.
func (g graph) part(id string) []Commit {
	var out []Commit
	for _, s := range g.between("", id) {
		out = append(out, g.by[s])
	}
	return out
}

// between returns the commits that a branch got by moving from before to after,
// newest first. A commit that is not of g has none.
func (g graph) between(before, after string) []string {
	if !g.has(after) {
		return nil
	}
	var without []uint64
	if g.has(before) {
		without = g.from[g.at[before]]
	}
	var out []string
	for w, set := range g.from[g.at[after]] {
		if without != nil {
			set &^= without[w]
		}
		for ; set != 0; set &= set - 1 {
			out = append(out, g.order[w*64+bits.TrailingZeros64(set)])
		}
	}
	return out
}

// follows reports whether one of the commits has id as a parent. Among
// everything that is not before id, that is every descendant's way to it.
func follows(commits []Commit, id string) bool {
	for _, c := range commits {
		for _, p := range c.Parents {
			if p == id {
				return true
			}
		}
	}
	return false
}
