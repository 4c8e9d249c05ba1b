package change

import (
	"maps"
	"math/bits"
	"slices"
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
	Signature Signature // where a list of commits says it
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
	at    map[string]int  // place in order
	from  [][]uint64      // by place: the places of the commit and of all before it, a bit each, as far as there were any then
	lacks map[string]bool // parents that are not of it
}

func newGraph(newestFirst []Commit) graph {
	g := graph{by: make(map[string]Commit, len(newestFirst)), at: make(map[string]int, len(newestFirst)),
		lacks: map[string]bool{}}
	g.add(newestFirst)
	return g
}

// clone is a graph that may be added to without changing g.
func (g graph) clone() graph {
	return graph{order: slices.Clone(g.order), by: maps.Clone(g.by), at: maps.Clone(g.at), from: slices.Clone(g.from),
		lacks: maps.Clone(g.lacks)}
}

// add takes commits in, once each, works out who is before whom, and returns
// those that are new.
func (g *graph) add(newestFirst []Commit) (fresh []Commit) {
	known := len(g.order)
	for _, c := range newestFirst {
		if _, ok := g.at[c.ID]; !ok {
			g.at[c.ID] = len(g.order)
			g.order, g.by[c.ID] = append(g.order, c.ID), c
			fresh = append(fresh, c)
		}
	}
	for _, c := range fresh {
		if g.lacks[c.ID] {
			known = 0 // what was known comes after it, so all of that is worked out anew
			delete(g.lacks, c.ID)
		}
		for _, p := range c.Parents {
			if !g.has(p) {
				g.lacks[p] = true
			}
		}
	}
	g.from = append(g.from[:known:known], make([][]uint64, len(g.order)-known)...)
	open := make([]bool, len(g.order))
	for i := known; i < len(g.order); i++ {
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
	if !g.has(a) || !g.has(b) {
		return false
	}
	set := g.from[g.at[a]]
	return k/64 < len(set) && set[k/64]&(1<<(k%64)) != 0
}

// depth is how many commits of g are id or before it.
func (g graph) depth(id string) int { return count(g.from[g.at[id]], nil) }

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
func (g graph) between(before, after string) []string { return g.names(g.moved(before, after), nil) }

// moved is the places of those commits, a bit each.
func (g graph) moved(before, after string) []uint64 {
	if !g.has(after) {
		return nil
	}
	set := g.from[g.at[after]]
	if !g.has(before) {
		return set
	}
	without, out := g.from[g.at[before]], slices.Clone(set)
	for w := range min(len(out), len(without)) {
		out[w] &^= without[w]
	}
	return out
}

// names are the commits at the places of a set that another one lacks, newest
// first.
func (g graph) names(set, without []uint64) []string {
	out := make([]string, 0, count(set, without))
	for w, bits64 := range set {
		if w < len(without) {
			bits64 &^= without[w]
		}
		for ; bits64 != 0; bits64 &= bits64 - 1 {
			out = append(out, g.order[w*64+bits.TrailingZeros64(bits64)])
		}
	}
	return out
}

// count is how many places a set has and another one lacks.
func count(set, without []uint64) int {
	n := 0
	for w, b := range set {
		if w < len(without) {
			b &^= without[w]
		}
		n += bits.OnesCount64(b)
	}
	return n
}

// marks are commits of a graph that nothing is added to any more.
type marks struct {
	g   graph
	set []uint64
}

func (g graph) marks() marks { return marks{g, make([]uint64, (len(g.order)+63)/64)} }

func (m marks) add(id string) {
	if k, ok := m.g.at[id]; ok {
		m.set[k/64] |= 1 << (k % 64)
	}
}

func (m marks) has(id string) bool {
	k, ok := m.g.at[id]
	return ok && m.set[k/64]&(1<<(k%64)) != 0
}

// join adds the places of a set that others lack.
func (m marks) join(set []uint64, others marks) {
	for w, b := range set {
		m.set[w] |= b &^ others.set[w]
	}
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
