package change

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// A world is a repository in which people do things at random. It remembers what
// a platform remembers, and besides that the truth: who had a part in each commit.
type world struct {
	d        *rand.Rand
	n        int // of ids and of minutes
	commits  map[string]Commit
	part     map[string]set // commit: everybody who had a part in what it brings
	tips     map[string]string
	life     map[string]set // branch: who pushed to it since it was made, or merged
	log      []Push
	requests []Request
	held     map[int64][]string // request: its commits, newest first
	made     map[string]int64   // commit: the request that was rebased to it
	base     Deployment
	partial  bool // the list of requests has the newer half
	cut      bool // and so has the list of pushes
	hidden   bool // some pushes are in no list
	many     bool // of those it is known who pushed, and not to which branch
}

type set map[string]bool

func (s set) add(all ...string) set {
	for _, x := range all {
		s[x] = true
	}
	return s
}

var crowd = []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"}

func account(id string) policy.Account {
	return policy.Account{Host: "https://code.example", ID: id, Name: "p" + id, Kind: policy.Human}
}

func newWorld(seed uint64) *world {
	w := &world{d: rand.New(rand.NewPCG(seed, 9)), commits: map[string]Commit{}, part: map[string]set{},
		tips: map[string]string{}, life: map[string]set{}, held: map[int64][]string{}, made: map[string]int64{}}
	root := w.commit("1", "", set{}.add("1"))
	w.tips["main"] = root
	w.push("1", "main", "", root, Push{})
	w.base = Deployment{ID: 1, Commit: root, Created: w.now()}
	return w
}

func (w *world) now() time.Time {
	return time.Date(2026, 11, 1, 0, w.n, 0, 0, time.UTC)
}

func (w *world) anybody() string { return crowd[w.d.IntN(len(crowd))] }

func (w *world) commit(author, message string, part set, parents ...string) string {
	w.n++
	id := fmt.Sprintf("%040x", w.n)
	w.commits[id] = Commit{ID: id, Parents: slices.DeleteFunc(slices.Clone(parents),
		func(p string) bool { return p == "" }), Message: message, Time: w.now(),
		Author: Identity{Name: author, Email: author + "@x.example",
			Account: account(author)}, Committer: Identity{Name: author, Email: author + "@x.example", Account: account(author)}}
	w.part[id] = part
	return id
}

func (w *world) push(who, branch, before, after string, p Push) {
	w.n++
	p.By, p.Branch, p.Before, p.After, p.Time, p.Commits = account(who), branch, before, after, w.now(), -1
	w.log = append(w.log, p)
}

// branches are all but main.
func (w *world) branches() []string {
	all := slices.Sorted(maps.Keys(w.tips))
	return slices.DeleteFunc(all, func(b string) bool { return b == "main" })
}

// begin makes a branch of another one.
func (w *world) begin() {
	all := append(w.branches(), "main")
	from := w.tips[all[w.d.IntN(len(all))]]
	if w.hidden || w.many { // what was taken over from a branch that was rewritten unseen, nobody can tell
		from = w.tips["main"]
	}
	name, who := fmt.Sprint("b", w.d.IntN(4)), w.anybody()
	if w.tips[name] != "" {
		return
	}
	w.tips[name] = from // making a branch of what is there brings nothing
	if w.life[name] == nil {
		w.life[name] = set{}
	}
	w.push(who, name, "", from, Push{Made: true})
	w.work(name)
}

// work pushes commits to a branch, or puts others in the place of its newest.
func (w *world) work(branch string) {
	tip, pusher := w.tips[branch], w.anybody()
	before, forced := tip, false
	if p := w.commits[tip].Parents; branch != "main" && len(p) > 0 && w.d.IntN(4) == 0 && !w.shared(tip, branch) {
		tip, forced = p[0], true
	}
	for range 1 + w.d.IntN(2) {
		author, co, message := w.anybody(), w.anybody(), "work"
		part := set{}.add(author, pusher)
		if w.d.IntN(3) == 0 {
			message += "\n\nCo-authored-by: C <" + co + "@x.example>"
			part.add(co)
		}
		tip = w.commit(author, message, part, tip)
	}
	w.tips[branch] = tip
	if branch != "main" {
		w.life[branch].add(pusher)
	}
	switch hide := branch != "main" && w.d.IntN(6) == 0; {
	case hide && w.hidden:
		w.n++
	case hide && w.many:
		w.push(pusher, "", "", "", Push{Many: true})
	default:
		w.push(pusher, branch, before, tip, Push{Forced: forced})
	}
}

// abandon takes a branch away that nobody merged. What is made under its name later may
// be the same again.
func (w *world) abandon() {
	if all := w.branches(); len(all) > 0 {
		name := all[w.d.IntN(len(all))]
		w.push(w.anybody(), name, w.tips[name], "", Push{Gone: true})
		delete(w.tips, name)
	}
}

// rewritten reports whether a push to a branch left commits out, or it was made again.
func (w *world) rewritten(branch string) bool {
	made := 0
	for _, a := range w.log {
		if a.Branch == branch && a.Forced {
			return true
		}
		if a.Branch == branch && a.Made {
			made++
		}
	}
	return made > 1
}

// alive is what main has and the base has not, what the requests held that brought it,
// and so on.
func (w *world) alive() set {
	out := set{}.add(w.between(w.base.Commit, w.tips["main"])...)
	for grown := true; grown; {
		grown = false
		for _, r := range w.requests {
			in := func(id string) bool { return out[id] }
			if (slices.ContainsFunc(r.Merged, in) || slices.ContainsFunc(w.held[r.Number], in)) && !out[fmt.Sprint(r.Number)] {
				out.add(fmt.Sprint(r.Number)).add(w.held[r.Number]...)
				grown = true
			}
		}
	}
	return out
}

// shared reports whether another branch has a commit.
func (w *world) shared(id, branch string) bool {
	for name, tip := range w.tips {
		if name != branch && w.reach(tip)[id] {
			return true
		}
	}
	return false
}

func (w *world) reach(id string) set {
	out := set{}
	for todo := []string{id}; len(todo) > 0; {
		id, todo = todo[len(todo)-1], todo[:len(todo)-1]
		if c, ok := w.commits[id]; ok && !out[id] {
			out[id] = true
			todo = append(todo, c.Parents...)
		}
	}
	return out
}

// between is what to has and from has not, newest first.
func (w *world) between(from, to string) []string {
	not, out := w.reach(from), []string{}
	for id := range w.reach(to) {
		if !not[id] {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return strings.Compare(b, a) }) // ids grow with time
	return out
}

// merge opens a request of a branch into another one, and merges it in one of
// the three ways.
func (w *world) merge() {
	all := w.branches()
	if len(all) == 0 {
		return
	}
	from, into := all[w.d.IntN(len(all))], "main"
	if w.d.IntN(2) == 0 {
		into = all[w.d.IntN(len(all))]
	}
	head, target := w.tips[from], w.tips[into]
	held := w.between(target, head)
	if from == into || len(held) == 0 {
		return
	}
	requester, merger := w.anybody(), w.anybody()
	r := Request{Number: int64(100 + len(w.requests)), Author: account(requester),
		Mergers: []policy.Account{account(merger)}, Head: head, Branch: from, Into: into, Opened: w.now()}
	people := set{}.add(requester, merger)
	maps.Copy(people, w.life[from])
	before := target
	switch w.d.IntN(3) {
	case 0:
		target = w.commit(merger, "merge", people, target, head)
		w.paged(target)
	case 1:
		for _, id := range held {
			maps.Copy(people, w.part[id])
		}
		target = w.commit(requester, "squash", people, target)
		w.paged(target)
	case 2:
		line := slices.DeleteFunc(slices.Clone(held), func(id string) bool { return len(w.commits[id].Parents) > 1 })
		if len(line) == 0 {
			return
		}
		for _, id := range slices.Backward(line) {
			old, part := w.commits[id], maps.Clone(people)
			maps.Copy(part, w.part[id])
			target = w.commit(old.Author.Name, old.Message, part, target)
			w.paged(target)
			w.made[target] = r.Number
		}
		for _, id := range held { // what a merge within the request brought in is in one of its commits
			if len(w.commits[id].Parents) > 1 {
				maps.Copy(w.part[target], w.part[id])
			}
		}
	}
	r.Merged, r.Done = []string{target}, w.now()
	w.requests, w.held[r.Number], w.tips[into] = append(w.requests, r), held, target
	w.push(merger, into, before, target, Push{Merge: true})
	// What is pushed to the branch from now on belongs to its next request.
	w.life[from] = set{}
	if into != "main" {
		w.part[target].add(merger)
	}
	if w.d.IntN(2) == 0 {
		delete(w.tips, from)
		w.push(merger, from, head, "", Push{Gone: true})
	}
}

func (w *world) paged(id string) {
	c := w.commits[id]
	c.Page, c.Committer = true, Identity{Name: "page", Email: "page@code.example"}
	w.commits[id] = c
}

// truth is everybody who had a part in what main has and the base has not.
func (w *world) truth() set {
	out := set{}
	for _, id := range w.between(w.base.Commit, w.tips["main"]) {
		maps.Copy(out, w.part[id])
	}
	return out
}

// The world as a platform.

func (w *world) Request(n int64) string { return fmt.Sprint("request ", n) }
func (w *world) Branch(context.Context, policy.ChangeQuery) (string, error) {
	return "main", nil
}
func (w *world) Tip(_ context.Context, branch string) (string, error) { return w.tips[branch], nil }
func (w *world) Tagged(context.Context, string, string) (bool, error) { return true, nil }
func (w *world) Span(_ context.Context, from, to string) ([]Commit, bool, error) {
	return w.list(w.between(from, to)), true, nil
}

func (w *world) list(ids []string) []Commit {
	var out []Commit
	for _, id := range ids {
		out = append(out, w.commits[id])
	}
	return out
}

func (w *world) Contains(_ context.Context, tip, commit string) (bool, error) {
	return w.reach(tip)[commit], nil
}

func (w *world) Past(context.Context, policy.ChangeQuery, string) (Past, error) {
	return Past{Base: &w.base}, nil
}

func (w *world) Merged(_ context.Context, since time.Time) (all []Request, whole bool, err error) {
	all = slices.DeleteFunc(slices.Clone(w.requests), func(r Request) bool { return r.Done.Before(since) })
	if w.partial {
		return all[len(all)/2:], false, nil
	}
	return all, true, nil
}

func (w *world) Bringing(_ context.Context, commits []Commit) (map[string][]Request, error) {
	out := map[string][]Request{}
	for _, c := range commits {
		for _, r := range w.requests {
			if w.made[c.ID] == r.Number || slices.Contains(r.Merged, c.ID) {
				out[c.ID] = append(out[c.ID], r)
			}
		}
	}
	return out, nil
}

func (w *world) Details(_ context.Context, asked []Ask) ([]Details, error) {
	var out []Details
	for _, a := range asked {
		out = append(out, Details{Commits: w.list(w.held[a.Number])})
	}
	return out, nil
}

func (w *world) ReviewsOf(_ context.Context, asked []Request) ([]Reviews, error) {
	return make([]Reviews, len(asked)), nil
}

func (w *world) Signatures(context.Context, []Commit) (map[string]Signature, error) {
	return nil, nil
}

func (w *world) Pushes(_ context.Context, since time.Time) (all []Push, whole bool, err error) {
	all = slices.DeleteFunc(slices.Clone(w.log), func(p Push) bool { return p.Time.Before(since) })
	if w.cut {
		return all[len(all)/2:], false, nil
	}
	return all, true, nil
}

func (w *world) Closed(context.Context, string) (bool, error) { return false, nil }

func (w *world) PushesTo(_ context.Context, r Request, _ time.Time) ([]Push, bool, error) {
	if w.cut {
		return nil, false, nil
	}
	return slices.DeleteFunc(slices.Clone(w.log),
		func(p Push) bool { return p.Branch != r.Branch && p.Branch != r.Into && !p.Many }), true, nil
}

func (w *world) Accounts(_ context.Context, addresses []string) (map[string]policy.Account, error) {
	out := map[string]policy.Account{}
	for _, a := range addresses {
		if id, _, ok := strings.Cut(a, "@"); ok && slices.Contains(crowd, id) {
			out[a] = account(id)
		}
	}
	return out, nil
}

func (w *world) CoAuthors(context.Context, []Commit) (map[string][]Identity, error) {
	return nil, nil
}

func (w *world) Kinds(_ context.Context, all []policy.Account) ([]policy.Account, error) {
	return all, nil
}

func (w *world) Starters(context.Context, policy.ChangeQuery) (first, again []policy.Maker, err error) {
	return nil, nil, nil
}

// history is what people do at random.
func history(seed uint64) *world {
	w := newWorld(seed)
	w.partial, w.cut, w.hidden, w.many = seed%3 == 1, seed%5 == 1, seed%7 == 1, seed%7 == 2
	for range 9 + w.d.IntN(26) {
		switch w.d.IntN(6) {
		case 0:
			w.begin()
		case 1:
			w.work("main")
		case 3:
			// What was there before a branch was made, a list that ends early cannot tell.
			if w.d.IntN(3) == 0 && !w.cut {
				w.abandon()
			}
		case 2:
			if all := w.branches(); len(all) > 0 {
				w.work(all[w.d.IntN(len(all))])
			}
		default:
			w.merge()
		}
	}
	return w
}

// Whatever people do, everybody who had a part in what enters is a maker. Who had
// none, and pushed to no branch that a request came from or that was rewritten, is
// not. Ten thousand histories: requests in requests, squashed, rebased and merged,
// forced pushes, and branches that are used again.
func TestI01_makers_are_all_who_really_had_a_part(t *testing.T) {
	deep := 0
	for seed := range uint64(10_000) {
		w := history(seed)
		c, err := new(Memory).Of(t.Context(), w, policy.ChangeQuery{Head: w.tips["main"], Ref: "refs/heads/main"}, w.now())
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		got := set{}
		for _, m := range c.Makers {
			got[m.Account.ID] = true
		}
		want := w.truth()
		for who := range want {
			if unseen := w.cut || w.hidden || w.many; !got[who] && !(unseen && got[""]) {
				t.Errorf("seed %d: %s had a part, and is no maker: %v", seed, who, c.Makers)
			}
		}
		// Of a branch from which several requests came, or that was rewritten, it may
		// be more than the truth; of a rebased request of which a part is left, too.
		for _, n := range w.made {
			for _, id := range w.held[n] {
				maps.Copy(want, w.part[id])
			}
		}
		for _, a := range w.log {
			if slices.ContainsFunc(w.requests, func(r Request) bool { return r.Branch == a.Branch }) ||
				w.rewritten(a.Branch) || a.Many {
				want.add(a.By.ID)
			}
		}
		// So it may of what was merged into a branch that was rewritten afterwards. Where
		// nothing of that is there, it is who proposed and who merged it, and one maker who
		// cannot be named for everybody else.
		alive := w.alive()
		for _, r := range w.requests {
			if !slices.ContainsFunc(w.log, func(a Push) bool { return slices.Contains(r.Merged, a.After) && w.rewritten(a.Branch) }) {
				continue
			}
			want.add(r.Author.ID, r.Mergers[0].ID, "")
			if alive[fmt.Sprint(r.Number)] {
				for _, id := range w.held[r.Number] {
					maps.Copy(want, w.part[id])
				}
			}
		}
		for who := range got {
			if !want[who] && !w.cut && !w.hidden && !w.many {
				t.Errorf("seed %d: %q is a maker, and had no part: %v", seed, who, c.Makers)
			}
		}
		if t.Failed() {
			return
		}
		if len(w.requests) > 2 {
			deep++
		}
	}
	if deep < 3000 {
		t.Errorf("%d histories with more than two requests, want thousands", deep)
	}
}
