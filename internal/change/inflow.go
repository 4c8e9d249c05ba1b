package change

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Signature is what a platform says of the signature of a commit.
type Signature struct {
	Verified policy.Known
	Words    string // why it is not good, or that there is none
	Own      bool   // it is the platform's, of something that the platform made
}

// Reviews are what people said of a request, oldest first.
type Reviews struct {
	List   []policy.RequestReview
	Moved  time.Time // when the request was pointed at another branch last, or zero
	Unseen string    // why they are not known, in words; then List has none
	Need   string    // the next step for Unseen, or empty
}

// inflow is how the commits that enter came onto the branch.
type inflow struct {
	signatures map[string]Signature
	requests   map[string][]int64          // commit: those that brought it
	pushers    map[string][]policy.Account // commit: who is known to have pushed it
	merges     map[string]int64            // commit: the request that it says it merged, where the platform may not have made it
}

// credit notes what a maker had a part in: commits by their ids, and requests by their
// marks.
func (w *walk) credit(m policy.Maker, at ...string) {
	if !w.reviewed && !w.signed {
		return
	}
	for _, x := range at {
		if !slices.Contains(w.parts[m], x) {
			w.parts[m] = append(w.parts[m], x)
		}
	}
}

// inflow finds out how each commit came in that enters, as far as that is asked.
func (w *walk) inflow(ctx context.Context, all []policy.Request) (inflow, error) {
	in := inflow{requests: map[string][]int64{}, pushers: map[string][]policy.Account{}, merges: map[string]int64{}}
	if !w.reviewed && !w.signed || len(w.entering.order) == 0 {
		return in, nil
	}
	for _, m := range w.found {
		for _, id := range w.parts[m] {
			if m.Role == policy.Pusher && m.Account.ID != "" && w.entering.has(id) {
				in.pushers[id] = append(in.pushers[id], m.Account)
			}
		}
	}
	if w.signed {
		var err error
		if in.signatures, err = w.p.Signatures(ctx, w.entering.list()); err != nil {
			return in, fmt.Errorf("asking for signatures: %w", err)
		}
	}
	if !w.reviewed {
		return in, nil
	}
	parts := w.indexed()
	var brought []*request
	for _, r := range w.order {
		any := false
		for _, id := range parts.commits[r] {
			if w.entering.has(id) && w.carried(id, r) {
				any, in.requests[id] = true, append(in.requests[id], r.Number)
			}
		}
		if any {
			brought = append(brought, r)
		}
	}
	for id, r := range w.made {
		if w.entering.has(id) && len(in.requests[id]) == 0 {
			in.merges[id] = r.Number
		}
	}
	return in, w.reviews(ctx, parts, brought, all)
}

// carried reports whether a request brought a commit onto the branch: the commit is its
// own, or the platform made it when it merged the request. Where somebody merged by hand, the
// merge says which commits are the request's, and it can be made so that it says too much.
func (w *walk) carried(id string, r *request) bool {
	if r.Into != w.target {
		return false
	}
	if w.own[id] && (w.made[id] == r || slices.Contains(w.by[id], r)) {
		return true
	}
	return slices.Contains(w.holds[id], r) && (!r.shown || w.own[r.into])
}

// reviews asks how requests were reviewed, and puts that into those of all.
func (w *walk) reviews(ctx context.Context, parts index, brought []*request, all []policy.Request) error {
	if len(brought) == 0 {
		return nil
	}
	asked := make([]Request, len(brought))
	for i, r := range brought {
		asked[i] = r.Request
	}
	said, err := w.p.ReviewsOf(ctx, asked)
	if err != nil {
		return fmt.Errorf("asking for the reviews of requests: %w", err)
	}
	for i, r := range brought {
		k := slices.IndexFunc(all, func(q policy.Request) bool { return q.Number == r.Number })
		q := &all[k]
		q.Head, q.Merged, q.Makers = r.Head, r.Done, w.makersOf(parts, r)
		q.Reviews, q.Moved, q.Unseen, q.Need = said[i].List, said[i].Moved, said[i].Unseen, said[i].Need
	}
	return nil
}

// index says what is whose part.
type index struct {
	commits map[*request][]string // its own, and what its merge made, each once
	into    map[string][]*request // by the branch that they went to, but the one that the change is on
	makers  map[string][]int      // places in found, by a commit or by the mark of a request
}

func (w *walk) indexed() index {
	x := index{map[*request][]string{}, map[string][]*request{}, map[string][]int{}}
	for _, id := range w.all.order {
		own := slices.Concat(w.holds[id], w.by[id])
		if r := w.made[id]; r != nil {
			own = append(own, r)
		}
		for i, r := range own {
			if !slices.Contains(own[:i], r) {
				x.commits[r] = append(x.commits[r], id)
			}
		}
	}
	for _, r := range w.order {
		if r.Into != w.target {
			x.into[r.Into] = append(x.into[r.Into], r)
		}
	}
	for i, m := range w.found {
		keys := w.parts[m]
		if m.Commit != "" {
			keys = append(slices.Clone(keys), m.Commit)
		}
		for _, k := range keys {
			x.makers[k] = append(x.makers[k], i)
		}
	}
	return x
}

// makersOf are who had a part in what a request brought: also in the requests that had been
// merged into its branch, whose commits a squash may have hidden.
func (w *walk) makersOf(x index, r *request) []policy.Maker {
	part, seen := map[string]bool{}, map[*request]bool{}
	for todo := []*request{r}; len(todo) > 0; todo = todo[1:] {
		o := todo[0]
		if seen[o] {
			continue
		}
		seen[o], part[w.mark(o)], part["branch "+o.Branch] = true, true, true
		for _, id := range x.commits[o] {
			part[id] = true
			todo = append(todo, slices.DeleteFunc(slices.Clone(w.by[id]), func(y *request) bool { return y.Into == w.target })...)
		}
		if !o.Fork {
			todo = append(todo, x.into[o.Branch]...)
		}
	}
	var at []int
	for k := range part {
		at = append(at, x.makers[k]...)
	}
	slices.Sort(at)
	var out []policy.Maker
	for _, i := range slices.Compact(at) {
		out = append(out, w.found[i])
	}
	return out
}

// known says what is behind each account of c.
func known(ctx context.Context, p Platform, c *policy.Change) error {
	all := slices.Clone(c.Makers)
	for _, q := range c.Requests {
		all = append(all, q.Makers...)
		for _, r := range q.Reviews {
			all = append(all, policy.Maker{Account: r.Account})
		}
	}
	all, err := kinds(ctx, p, all)
	if err != nil {
		return err
	}
	next := func(n int) []policy.Maker {
		out := slices.Clone(all[:n])
		all = all[n:]
		return out
	}
	c.Makers = next(len(c.Makers))
	c.Requests = slices.Clone(c.Requests) // they are also in memory
	for i := range c.Requests {
		q := &c.Requests[i]
		q.Makers, q.Reviews = next(len(q.Makers)), slices.Clone(q.Reviews)
		for k, m := range next(len(q.Reviews)) {
			q.Reviews[k].Account = m.Account
		}
	}
	return nil
}
