package change

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// How far requests in requests are followed, and how many in all.
const (
	maxRounds   = 100
	maxRequests = 2000
)

// Request is a request that was merged.
type Request struct {
	Number       int64
	Title, URL   string
	Author       policy.Account
	Mergers      []policy.Account // who merged it, as far as a list of requests says
	Merged       []string         // the commits that merging it made; its head where that made none
	Head         string           // commit
	Branch       string           // that it came from
	Into         string           // branch
	Fork         bool             // it came from another repository, or from one that is gone
	Owner        policy.Account   // of the fork, where that is one account
	Source       string           // address of the fork on the platform, for the platform's own questions
	Opened, Done time.Time
}

// Ask is what is wanted to be known about one request.
type Ask struct {
	Request
	Commits bool
	Mergers bool
	Pushers bool // and whom the fork belongs to
}

// Details is what a request itself says.
type Details struct {
	Commits []Commit         // newest first, also those that a squash lost
	Mergers []policy.Account // who merged it, queued it, or had it merged once it is ready
	Pushers []policy.Account // who pushed to its branch, as far as the request shows that
	Owner   policy.Account   // of the fork, where a list of requests does not say that
}

// request is one that brought commits of the change.
type request struct {
	Request
	Details
	into   string // the first of Merged that is known
	shown  bool   // the history says which commits are its own
	looked bool   // whether a push to its branch left out what had been merged into it
}

// requests finds everything that brought commits: the requests whose merge made
// one of them, the requests whose merge made a commit of one of those, and so on
// until nothing is added. A squash hides the commits of a request, and with them
// the requests that had been merged into it.
func (w *walk) requests(ctx context.Context) error {
	fresh := w.entering.list()
	for round := 1; len(fresh) > 0; round++ {
		if round > maxRounds {
			w.behind(fresh)
			break
		}
		listed, err := w.merged(ctx)
		if err != nil {
			return err
		}
		next, err := w.take(ctx, listed)
		if err != nil {
			return err
		}
		others, err := w.bringing(ctx, fresh)
		if err != nil {
			return err
		}
		more, err := w.take(ctx, others)
		if err != nil {
			return err
		}
		dropped, err := w.dropped(ctx)
		if err != nil {
			return err
		}
		kept, err := w.take(ctx, dropped)
		if err != nil {
			return err
		}
		fresh = slices.Concat(next, more, kept)
	}
	w.leftOut()
	return nil
}

// behind stops following requests: somebody unknown may be behind each request that
// has one of the commits. An error here would let a writer close an environment for
// good with a chain of small requests.
func (w *walk) behind(fresh []Commit) {
	for _, c := range fresh {
		if r := w.of[c.ID]; r != nil {
			w.unread(r.Request)
		}
	}
}

// unread counts somebody unknown for what a request may bring besides itself.
func (w *walk) unread(r Request) {
	where := "requests behind " + w.p.Request(r.Number)
	if note := where + " were not followed any further: somebody unknown may have part in each"; !slices.Contains(w.notes, note) {
		w.notes = append(w.notes, note)
	}
	w.add(policy.Maker{Role: policy.Pusher, Where: where, Mark: fmt.Sprintf("behind %d", r.Number)}, fmt.Sprintf("request %d", r.Number))
}

// listSince reads the list of merged requests, further back than before if need be.
func (w *walk) listSince(ctx context.Context, since time.Time) error {
	if w.asked && !since.Before(w.listedTo) {
		return nil
	}
	all, whole, err := w.p.Merged(ctx, since)
	if err != nil {
		return fmt.Errorf("asking for merged requests: %w", err)
	}
	w.list, w.listedTo, w.asked, w.partial = all, since, true, !whole
	return nil
}

// merged returns the listed requests whose merge made a commit that is known,
// and that were not taken in before.
func (w *walk) merged(ctx context.Context) ([]Request, error) {
	if err := w.listSince(ctx, w.start()); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(w.list),
		func(r Request) bool { return w.taken[r.Number] != nil || w.into(r) == "" }), nil
}

// into is the first commit of a request's merge that is known: the merge itself
// before a squash that it merges.
func (w *walk) into(r Request) string {
	first := ""
	for _, id := range r.Merged {
		if c, ok := w.all.by[id]; ok && (first == "" || len(c.Parents) > 1) {
			first = id
		}
	}
	return first
}

// bringing asks about the commits that no request explains, and about those that
// the page made within a request: what a request was rebased to shows in its
// newest commit alone, and a forced push may have left that out. Dates in commits
// are what somebody typed, so a list of requests since a date may lack some, too;
// where the list has only a part of the requests, all commits are asked about.
func (w *walk) bringing(ctx context.Context, fresh []Commit) ([]Request, error) {
	rest := slices.DeleteFunc(slices.Clone(fresh), func(c Commit) bool {
		return w.made[c.ID] != nil || w.of[c.ID] != nil && !c.Page && !w.partial
	})
	if len(rest) == 0 {
		return nil, nil
	}
	all, err := w.p.Bringing(ctx, rest)
	if err != nil {
		return nil, fmt.Errorf("asking for the requests of commits: %w", err)
	}
	var out []Request
	var asked []Ask // whether they made a commit, or merely contain it
	for _, c := range rest {
		for _, r := range all[c.ID] {
			switch {
			case w.taken[r.Number] != nil:
				if c.Page && w.of[c.ID] != w.taken[r.Number] {
					w.made[c.ID] = w.taken[r.Number]
				}
			case w.into(r) != "" && !slices.ContainsFunc(out, func(o Request) bool { return o.Number == r.Number }):
				out = append(out, r)
			case w.into(r) == "" && c.Page && !slices.ContainsFunc(asked, func(o Ask) bool { return o.Number == r.Number }):
				asked = append(asked, Ask{Request: r, Commits: true})
			}
		}
	}
	introduced, err := w.introduced(ctx, asked, all)
	return append(out, introduced...), err
}

// introduced returns those of the requests that the page rebased to a commit of
// all. A request that contains a commit was merged elsewhere and brought nothing
// here.
func (w *walk) introduced(ctx context.Context, asked []Ask, all map[string][]Request) ([]Request, error) {
	if len(asked) == 0 {
		return nil, nil
	}
	held, err := w.p.Details(ctx, asked)
	if err != nil {
		return nil, err
	}
	var out []Request
	for i, a := range asked {
		made := false
		for id, requests := range all {
			named := slices.ContainsFunc(requests, func(r Request) bool { return r.Number == a.Number })
			if named && w.all.by[id].Page && !slices.ContainsFunc(held[i].Commits, func(c Commit) bool { return c.ID == id }) {
				made, w.rebased[id] = true, a.Number
			}
		}
		if made {
			out = append(out, a.Request)
		}
	}
	return out, nil
}

// take takes requests in: who opened and who merged them, and the commits that
// are theirs. It returns the commits that were not known before.
func (w *walk) take(ctx context.Context, all []Request) ([]Commit, error) {
	if len(all) == 0 {
		return nil, nil
	}
	if room := max(0, maxRequests-len(w.taken)); len(all) > room {
		for _, r := range all[room:] {
			w.add(policy.Maker{Role: policy.Requester, Account: r.Author, Where: w.p.Request(r.Number),
				Mark: fmt.Sprintf("request %d", r.Number)})
			w.unread(r)
		}
		all = all[:room]
	}
	var asked []Ask
	for _, x := range all {
		r := &request{Request: x, into: w.into(x)}
		w.taken[x.Number], w.order = r, append(w.order, r)
		for _, id := range x.Merged {
			w.by[id] = append(w.by[id], r)
		}
		w.add(policy.Maker{Role: policy.Requester, Account: r.Author, Where: w.p.Request(r.Number), Mark: w.mark(r)}, w.mark(r))
		for _, id := range x.Merged {
			if w.all.has(id) && id != x.Head {
				w.made[id] = r
			}
		}
		own, shown := w.shown(r)
		r.shown = shown
		for _, id := range own {
			w.belongs(id, r)
		}
		mergers, err := w.mergers(ctx, r)
		if err != nil {
			return nil, err
		}
		if a := (Ask{Request: x, Commits: !shown, Mergers: !mergers, Pushers: r.Fork}); a.Commits || a.Mergers || a.Pushers {
			asked = append(asked, a)
		}
	}
	fresh, err := w.details(ctx, asked)
	if err != nil {
		return nil, err
	}
	for id, n := range w.rebased {
		if r := w.taken[n]; r != nil && w.made[id] == nil {
			w.made[id] = r
		}
	}
	return fresh, w.segments(ctx)
}

// shown returns the commits of a request where the history still shows them:
// the merge has them as a parent. ok is false where the request has to be asked.
func (w *walk) shown(r *request) (own []string, ok bool) {
	c, merged := w.all.by[r.into]
	if !merged || len(c.Parents) < 2 || r.Head == c.ID || !slices.Contains(c.Parents, r.Head) && !w.all.has(r.Head) {
		return nil, false
	}
	return w.all.between(c.parent(), r.Head), true
}

func (w *walk) belongs(id string, r *request) {
	if w.of[id] == nil {
		w.of[id] = r
	}
	w.holds[id] = append(w.holds[id], r)
}

// mergers adds who merged a request, as far as lists say; known is false where
// they say nothing, or name a machine that merges for somebody.
func (w *walk) mergers(ctx context.Context, r *request) (known bool, err error) {
	if _, err := w.log(ctx); err != nil {
		return false, err
	}
	all := slices.Clone(r.Request.Mergers)
	for _, id := range r.Merged {
		all = append(all, w.merging[id]...)
	}
	for _, a := range all {
		if a.ID != "" && a.Kind != policy.Machine {
			known = true
			w.add(policy.Maker{Role: policy.Merger, Account: a, Where: w.p.Request(r.Number)})
		}
	}
	return known, nil
}

// details asks about requests, and takes in what they say.
func (w *walk) details(ctx context.Context, asked []Ask) (fresh []Commit, err error) {
	if len(asked) == 0 {
		return nil, nil
	}
	all, err := w.p.Details(ctx, asked)
	if err != nil {
		return nil, err
	}
	var lost []Commit
	for i, d := range all {
		r := w.taken[asked[i].Number]
		r.Details = d
		if d.Owner.ID != "" {
			r.Request.Owner = d.Owner
		}
		if asked[i].Mergers {
			for _, a := range d.Mergers {
				w.add(policy.Maker{Role: policy.Merger, Account: a, Where: w.p.Request(r.Number), Mark: w.mark(r)})
			}
			if len(d.Mergers) == 0 {
				w.add(policy.Maker{Role: policy.Merger, Where: w.p.Request(r.Number), Mark: w.mark(r)})
			}
		}
		for _, c := range d.Commits {
			w.belongs(c.ID, r)
		}
		lost = append(lost, d.Commits...)
	}
	return w.all.add(lost), nil
}

// segments marks what the platform made when it merged: a rebase writes several
// commits, and a queue merges several requests at once.
func (w *walk) segments(ctx context.Context) error {
	log, err := w.log(ctx)
	if err != nil {
		return err
	}
	for _, a := range log {
		r := w.merges(a)
		if r == nil {
			continue
		}
		moved := w.all.between(a.Before, a.After)
		merged := map[*request]bool{}
		for _, id := range moved {
			for _, o := range w.by[id] {
				merged[o] = true
			}
		}
		for _, id := range moved {
			// Commits of the merged requests themselves were pushed by somebody.
			if !merged[w.of[id]] && w.made[id] == nil && (w.all.by[id].Page || len(moved) == len(r.Commits)) {
				w.made[id] = r
			}
		}
	}
	return nil
}

// merges returns the request that a push merged, or nil. Where the platform says that
// a person pushed, the push merged nothing, also where it is by the merger: a merge can be made by hand.
func (w *walk) merges(a Push) *request {
	if !w.all.has(a.After) {
		return nil
	}
	for _, r := range w.by[a.After] {
		byMerger := slices.ContainsFunc(slices.Concat(r.Request.Mergers, r.Details.Mergers), a.By.Same)
		if a.Merge || !a.Hand && a.Branch == r.Into && byMerger {
			return r
		}
	}
	return nil
}

func (w *walk) mark(r *request) string { return fmt.Sprintf("request %d", r.Number) }

// listed are the requests for people, newest first.
func (w *walk) listed() []policy.Request {
	var out []policy.Request
	for _, r := range w.order {
		out = append(out, policy.Request{Number: r.Number, Title: r.Title, URL: r.URL})
	}
	for _, r := range w.left {
		if w.taken[r.Number] == nil {
			out = append(out, policy.Request{Number: r.Number, Title: r.Title, URL: r.URL})
		}
	}
	sort.Slice(out, func(a, b int) bool { return out[a].Number > out[b].Number })
	return out
}
