package change

import (
	"context"
	"fmt"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// ownCommits finds the commits that the platform itself made when it merged a request:
// the merger answers for those, and for nothing in them. Anybody who may push can also
// make a merge by hand, put what they like into it, type others as its author and its
// committer, and push it. Then the platform says of the request that they merged it.
func (w *walk) ownCommits(ctx context.Context, log []Push) error {
	brought := w.brought(log)
	for id, r := range w.made {
		ok, err := w.platforms(ctx, id, r, brought[id])
		if err != nil {
			return err
		}
		if ok {
			w.own[id] = true
		}
	}
	return nil
}

// platforms reports whether the platform made a commit of a request's merge.
func (w *walk) platforms(ctx context.Context, id string, r *request, by *Push) (bool, error) {
	signed := w.all.by[id].Signed
	switch {
	case w.proposed(id, r):
		return false, nil
	case by != nil && by.Merge:
		return true, nil
	case by != nil && by.Hand && !(by.Made && signed): // the platform also signs what is made in its editors
		return false, nil
	}
	if signed || w.alone {
		return true, nil
	}
	closed, asked := w.closed[r.Into]
	if asked {
		return w.sealed(ctx, id, closed)
	}
	closed, err := w.p.Closed(ctx, r.Into)
	if err != nil {
		return false, fmt.Errorf("asking who may push to %q: %w", r.Into, err)
	}
	w.closed[r.Into] = closed
	return w.sealed(ctx, id, closed)
}

// sealed reports whether the platform made a commit on a branch to which somebody may push, or
// not: it has signed it. Only where reviews are asked for is that worth a question.
func (w *walk) sealed(ctx context.Context, id string, closed bool) (bool, error) {
	if closed || !w.reviewed {
		return closed, nil
	}
	s, err := w.p.Signatures(ctx, []Commit{w.all.by[id]})
	if err != nil {
		return false, fmt.Errorf("asking for signatures: %w", err)
	}
	return s[id].Verified == policy.Yes && s[id].Own, nil
}

// proposed reports whether a commit of a request's merge was part of a request to the
// same branch: then it was there before the platform merged anything.
func (w *walk) proposed(id string, r *request) bool {
	return slices.ContainsFunc(w.holds[id], func(o *request) bool { return o == r || o.Into == r.Into })
}

// brought is the push that first put each commit of a merge on the branch that its
// request went to.
func (w *walk) brought(log []Push) map[string]*Push {
	into, out := map[string]bool{}, map[string]*Push{}
	for _, r := range w.made {
		into[r.Into] = true
	}
	for i := range log {
		a := &log[i]
		if !into[a.Branch] || a.Gone {
			continue
		}
		for _, id := range w.all.between(a.Before, a.After) {
			if r := w.made[id]; r != nil && r.Into == a.Branch && out[id] == nil {
				out[id] = a
			}
		}
	}
	return out
}

// byHand adds the mergers as those who pushed what a merge made, where neither the
// platform made it nor anybody else is known to have pushed it.
func (w *walk) byHand(covered marks) {
	for _, id := range w.all.order {
		r := w.made[id]
		if r == nil || covered.has(id) || w.proposed(id, r) {
			continue
		}
		covered.add(id)
		all := slices.Concat(r.Request.Mergers, r.Details.Mergers)
		for _, m := range r.Merged {
			all = append(all, w.merging[m]...)
		}
		if len(all) == 0 {
			all = []policy.Account{{}}
		}
		for _, a := range all {
			w.add(policy.Maker{Role: policy.Pusher, Account: a, Where: w.where(id), Mark: w.mark(r)}, id)
		}
	}
}
