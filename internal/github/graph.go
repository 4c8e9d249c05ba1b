package github

import (
	"context"
	"fmt"
	"math/bits"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// maxCommits bounds a change. More is not judged in part.
const maxCommits = 5000

// commit is a commit as the API writes it: what it holds, and which accounts
// the platform finds behind its addresses.
type commit struct {
	SHA       string `json:"sha"`
	Author    *user  `json:"author"`
	Committer *user  `json:"committer"`
	Commit    struct {
		Message   string    `json:"message"`
		Author    signature `json:"author"`
		Committer signature `json:"committer"`
	} `json:"commit"`
	Parents []struct {
		SHA string `json:"sha"`
	} `json:"parents"`
}

func (c commit) title() string {
	t, _, _ := strings.Cut(c.Commit.Message, "\n")
	return strings.TrimSpace(t)
}

// time is when the commit says it was made.
func (c commit) time() time.Time {
	t, err := time.Parse(time.RFC3339, c.Commit.Committer.Date)
	if err != nil {
		return time.Time{}
	}
	return t
}

// onPage says whether the platform's web page made the commit, in the name of
// whoever clicked: a merge, or an edit.
func (c commit) onPage() bool { return c.Committer != nil && c.Committer.ID == webFlow }

// graph is a set of commits and how they follow each other.
type graph struct {
	order []string // newest first
	by    map[string]commit
	at    map[string]int // place in order
	from  [][]uint64     // by place: the places of the commit and of all before it, a bit each
}

func newGraph(newestFirst []commit) graph {
	g := graph{by: map[string]commit{}, at: map[string]int{}}
	g.add(newestFirst)
	return g
}

// add takes commits in, once each, and works out anew who is before whom.
func (g *graph) add(newestFirst []commit) {
	for _, c := range newestFirst {
		if _, ok := g.by[c.SHA]; !ok {
			g.at[c.SHA] = len(g.order)
			g.order, g.by[c.SHA] = append(g.order, c.SHA), c
		}
	}
	g.from = make([][]uint64, len(g.order))
	open := make([]bool, len(g.order))
	for i := range g.order {
		g.close(i, open)
	}
}

// close works out what is before the i-th commit: parents first, without
// recursion, for histories are long. A commit that is open when it is met again
// waits for its own descendant, which git does not allow and an answer might.
func (g *graph) close(i int, open []bool) {
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
			if k, ok := g.at[p.SHA]; ok && g.from[k] == nil && !open[k] {
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
		if k, ok := g.at[p.SHA]; ok {
			for w, bits := range g.from[k] {
				set[w] |= bits
			}
		}
	}
	return set
}

func (g graph) has(sha string) bool {
	_, ok := g.at[sha]
	return ok
}

// list is all commits of g, newest first.
func (g graph) list() []commit {
	out := make([]commit, len(g.order))
	for i, sha := range g.order {
		out[i] = g.by[sha]
	}
	return out
}

// includes says whether b is a or comes before it; both are of g.
func (g graph) includes(a, b string) bool {
	k := g.at[b]
	return g.has(a) && g.has(b) && g.from[g.at[a]][k/64]&(1<<(k%64)) != 0
}

// part is the commits of g that are from or before sha, newest first.
func (g graph) part(sha string) []commit {
	var out []commit
	for _, s := range g.between("", sha) {
		out = append(out, g.by[s])
	}
	return out
}

// between returns the commits that a ref got by moving from before to after,
// newest first. A commit that is not of g has none.
func (g graph) between(before, after string) []string {
	if !g.has(after) {
		return nil
	}
	without := make([]uint64, (len(g.order)+63)/64)
	if g.has(before) {
		without = g.from[g.at[before]]
	}
	var out []string
	for w, set := range g.from[g.at[after]] {
		for set &^= without[w]; set != 0; set &= set - 1 {
			out = append(out, g.order[w*64+bits.TrailingZeros64(set)])
		}
	}
	return out
}

// follows says whether one of the commits has sha as a parent. In a graph of
// everything that is not before sha, that is all descendants' way to it.
func follows(commits []commit, sha string) bool {
	for _, c := range commits {
		for _, p := range c.Parents {
			if p.SHA == sha {
				return true
			}
		}
	}
	return false
}

var fullSHA = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`) })

// comparison is what head has and base has not.
type comparison struct {
	status string // of head to base: ahead, behind, identical, diverged
	graph
}

// after says whether base is head or an ancestor of it.
func (c comparison) after() bool { return c.status == "ahead" || c.status == "identical" }

// compare compares two commits by their full names, all pages of it. What two
// commits have between them never changes.
func (j *Job) compare(ctx context.Context, base, head string) (c comparison, found bool, err error) {
	if base == head {
		return comparison{status: "identical", graph: newGraph(nil)}, true, nil
	}
	q := inquiry{path: j.at("compare/%s...%s", base, head), key: "commits", need: readContents}
	all, found, err := list(ctx, j, q, func(all []commit) bool { return len(all) > maxCommits })
	if err != nil || !found {
		return comparison{}, false, err
	}
	if len(all) > maxCommits {
		return comparison{}, false, tooLong(head)
	}
	a, err := j.once(ctx, q.page(1), readContents)
	if err != nil {
		return comparison{}, false, err
	}
	var said struct {
		Status string `json:"status"`
	}
	if err := j.read(a, &said); err != nil {
		return comparison{}, false, err
	}
	switch said.Status {
	case "ahead", "behind", "identical", "diverged":
	default:
		return comparison{}, false, fault.New(fault.Refused, fault.Malformed, "", "the GitHub API compares two commits as %q", said.Status)
	}
	for n := range len(all)/perPage + 1 {
		j.known.settle(q.page(n + 1))
	}
	return comparison{status: said.Status, graph: newGraph(reversed(all))}, true, nil
}

func reversed(all []commit) []commit {
	out := make([]commit, len(all))
	for i, c := range all {
		out[len(all)-1-i] = c
	}
	return out
}

// beginning returns everything from a commit to the first one. A list that
// lacks a parent is not everything.
func (j *Job) beginning(ctx context.Context, sha string) (g graph, found bool, err error) {
	q := inquiry{path: j.at("commits") + "?sha=" + sha, need: readContents, limit: maxCommits/perPage + 1}
	all, found, err := list(ctx, j, q, func(all []commit) bool { return len(all) > maxCommits })
	if err != nil || !found {
		return graph{}, false, err
	}
	if len(all) > maxCommits {
		return graph{}, false, tooLong(sha)
	}
	g = newGraph(all)
	for _, c := range all {
		for _, p := range c.Parents {
			if !g.has(p.SHA) {
				return graph{}, false, fault.New(fault.Refused, fault.Malformed, "", "the GitHub API lists commit %s without its parent %s", short(c.SHA), short(p.SHA))
			}
		}
	}
	if !g.has(sha) {
		return graph{}, false, fault.New(fault.Refused, fault.Malformed, "", "the GitHub API lists the commits before %s without that one", short(sha))
	}
	for n := range len(all)/perPage + 1 {
		j.known.settle(q.page(n + 1))
	}
	return g, true, nil
}

func tooLong(sha string) error {
	return fault.New(fault.Refused, fault.Limit, "set `baseline` in the policy to a commit that is known to be good",
		"more than %d commits lead to %s from what is deployed", maxCommits, short(sha))
}

// tip returns the commit that a branch is at; a branch that is not there has
// none. The branches API takes no tag for a branch of the same name, as other
// resources might.
func (j *Job) tip(ctx context.Context, branch string) (string, error) {
	a, err := j.once(ctx, j.at("branches/%s", escaped(branch)), readContents)
	if err != nil || !a.found {
		return "", err
	}
	var b struct {
		Name   string `json:"name"`
		Commit struct {
			SHA string `json:"sha"`
		} `json:"commit"`
	}
	if err := j.read(a, &b); err != nil {
		return "", err
	}
	if b.Name != branch || !fullSHA().MatchString(b.Commit.SHA) {
		return "", fault.New(fault.Refused, fault.Malformed, "", "asked for branch %q, the GitHub API answered with %q at %q", branch, b.Name, b.Commit.SHA)
	}
	return b.Commit.SHA, nil
}

// tagged says whether a tag stands for a commit now, through an annotated tag's
// own object if it has one.
func (j *Job) tagged(ctx context.Context, tag, sha string) (bool, error) {
	path := j.at("git/ref/tags/%s", escaped(tag))
	for range 3 {
		a, err := j.once(ctx, path, readContents)
		if err != nil || !a.found {
			return false, err
		}
		var t struct {
			Ref    string                     `json:"ref"`
			Object struct{ Type, SHA string } `json:"object"`
		}
		if err := j.read(a, &t); err != nil {
			return false, err
		}
		if t.Ref != "" && t.Ref != "refs/tags/"+tag || !fullSHA().MatchString(t.Object.SHA) {
			return false, fault.New(fault.Refused, fault.Malformed, "", "asked for tag %q, the GitHub API answered with %q", tag, t.Ref)
		}
		if t.Object.Type != "tag" {
			return t.Object.Type == "commit" && t.Object.SHA == sha, nil
		}
		path = j.at("git/tags/%s", t.Object.SHA)
	}
	return false, nil
}

// notHere explains that the platform does not have a commit that must be there.
func notHere(what, sha string) error {
	return fault.New(fault.Refused, fault.Source, "", "%s %s is not in the repository, or shares no history with what it is compared to (%d)", what, short(sha), http.StatusNotFound)
}

func where(sha string) string { return fmt.Sprintf("commit %s", short(sha)) }
