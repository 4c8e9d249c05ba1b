package change

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// walk gathers the makers of a set of commits.
type walk struct {
	p        Platform
	target   string // the branch that the change is on
	forks    policy.Forks
	first    time.Time // of everything that is known, and at first when the base was deployed; zero if that is not known
	dated    int       // so many commits of all count in first
	opened   int       // and so many requests of order
	dateless bool      // a commit says no time
	base     string    // the commit that is deployed; "" is nothing: everything enters since the beginning
	entering graph     // what wants to enter
	all      graph     // that, and the commits that requests lost on their way
	taken    map[int64]*request
	order    []*request
	by       map[string][]*request // commit that a merge made: the requests that say so
	of       map[string]*request   // commit: the request that it was part of
	made     map[string]*request   // commit that a merge made: the request that was merged by it
	holds    map[string][]*request // commit: the requests that it was part of
	own      map[string]bool       // of made: what the platform itself made
	alone    bool                  // nobody asks whether a merger pushed too
	closed   map[string]bool       // branch: nobody may push to it
	old      map[string]bool       // commit: it is in the history of what is deployed
	rebased  map[string]int64      // commit: the request that the page rebased to it, besides others
	left     []*left               // merged into branches that no longer have it
	list     []Request             // merged since listedTo
	listedTo time.Time
	asked    bool
	partial  bool                        // list has not all of them
	activity []Push                      // since readTo
	merging  map[string][]policy.Account // who merged by a push of activity, by the commit that it made
	readTo   time.Time
	read     bool
	cut      bool // activity has the newest alone
	found    []policy.Maker
	known    map[policy.Maker]bool     // in found
	parts    map[policy.Maker][]string // of found: the commits and requests that they had a part in, where that is asked
	reviewed bool                      // how requests were reviewed is asked
	signed   bool                      // and which signatures the platform verified
	notes    []string
}

func newWalk(p Platform, entering graph, target string, forks policy.Forks) *walk {
	w := &walk{
		p: p, target: target, forks: forks, entering: entering, all: entering.clone(),
		taken: map[int64]*request{}, by: map[string][]*request{}, of: map[string]*request{}, made: map[string]*request{},
		rebased: map[string]int64{}, holds: map[string][]*request{}, own: map[string]bool{}, closed: map[string]bool{},
		old:   map[string]bool{},
		known: make(map[policy.Maker]bool, 4*len(entering.order)),
		parts: map[policy.Maker][]string{},
	}
	return w
}

// list is all commits of g, newest first.
func (g graph) list() []Commit {
	out := make([]Commit, len(g.order))
	for i, id := range g.order {
		out[i] = g.by[id]
	}
	return out
}

// add keeps a maker, each once, who had a part in the commits and requests of at. A maker
// with an account needs no mark.
func (w *walk) add(m policy.Maker, at ...string) {
	if m.Account.ID != "" {
		m.Mark = ""
	}
	if !w.known[m] {
		w.known[m] = true
		w.found = append(w.found, m)
	}
	w.credit(m, at...)
}

// makers finds everybody who took part.
func (w *walk) makers(ctx context.Context) error {
	if len(w.entering.order) == 0 {
		return nil
	}
	for _, step := range []func(context.Context) error{w.requests, w.pushes, w.authors} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// start is when the first thing happened that can matter. Dates of commits are
// what somebody typed: one in the future would hide what came before it, so the
// time of the deployment and of the requests count too.
func (w *walk) start() time.Time {
	if w.base == "" {
		return time.Time{}
	}
	earlier := func(t time.Time) {
		if w.first.IsZero() || t.Before(w.first) {
			w.first = t
		}
	}
	for ; w.dated < len(w.all.order); w.dated++ {
		t := w.all.by[w.all.order[w.dated]].Time
		w.dateless = w.dateless || t.IsZero()
		earlier(t)
	}
	for ; w.opened < len(w.order); w.opened++ {
		if t := w.order[w.opened].Opened; !t.IsZero() {
			earlier(t)
		}
	}
	if w.dateless {
		return time.Time{}
	}
	return w.first
}

// authors adds those whom the commits name. A commit of the platform's page has the
// page as its committer, which stands for no person. Anybody may write that into a
// commit of their own, so the pusher answers for it. The author of a commit that the
// platform made and signed is whom the merger chose: the request's own commits tell
// the authors.
func (w *walk) authors(ctx context.Context) error {
	typed := w.trailers()
	others, err := w.coAuthors(ctx, typed)
	if err != nil {
		return err
	}
	all := make([]named, 0, 3*len(w.all.order))
	for _, id := range w.all.order {
		c := w.all.by[id]
		if !w.own[id] || !c.Signed {
			all = append(all, named{policy.Author, c.Author, w.where(id), id})
			if !c.Page {
				all = append(all, named{policy.Committer, c.Committer, w.where(id), id})
			}
		}
		for _, a := range typed[id] {
			all = append(all, named{policy.CoAuthor, Identity{Email: a}, w.where(id), id})
		}
		for _, a := range others[id] {
			all = append(all, named{policy.CoAuthor, a, w.where(id), id})
		}
	}
	found, err := w.accounts(ctx, all)
	if err != nil {
		return err
	}
	for _, n := range all {
		m := policy.Maker{Role: n.role, Account: n.who.Account, Email: n.who.Email, Where: n.where, Commit: n.commit}
		if m.Account.ID == "" {
			m.Account = found[strings.ToLower(m.Email)]
		}
		if m.Email == "" {
			m.Mark = n.commit
		}
		w.add(m)
	}
	return nil
}

// trailers are the addresses of co-authors, by commit.
func (w *walk) trailers() map[string][]string {
	out := map[string][]string{}
	for id, c := range w.all.by {
		if all := coAuthors(c.Message); len(all) > 0 {
			out[id] = all
		}
	}
	return out
}

// coAuthors asks the platform who is behind the co-authors that commits name.
func (w *walk) coAuthors(ctx context.Context, typed map[string][]string) (map[string][]Identity, error) {
	var asked []Commit
	for _, id := range w.all.order {
		if len(typed[id]) > 0 {
			asked = append(asked, w.all.by[id])
		}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	return w.p.CoAuthors(ctx, asked)
}

// named is somebody whom a commit names.
type named struct {
	role          policy.Role
	who           Identity
	where, commit string
}

// accounts finds the accounts behind addresses: those that the platform itself
// found behind an address of a commit, and for the rest those that it is asked
// for.
func (w *walk) accounts(ctx context.Context, all []named) (map[string]policy.Account, error) {
	found := map[string]policy.Account{}
	for _, n := range all {
		if n.who.Account.ID != "" && n.who.Email != "" {
			found[strings.ToLower(n.who.Email)] = n.who.Account
		}
	}
	var asked []string
	for _, n := range all {
		key := strings.ToLower(n.who.Email)
		if _, ok := found[key]; !ok && key != "" && n.who.Account.ID == "" {
			found[key] = policy.Account{}
			asked = append(asked, key)
		}
	}
	if len(asked) == 0 {
		return found, nil
	}
	slices.Sort(asked)
	more, err := w.p.Accounts(ctx, asked)
	for key, a := range more {
		found[key] = a
	}
	return found, err
}
