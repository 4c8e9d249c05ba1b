package change

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// left is a request that was merged into the branch of a known one, whose merge a later
// push left out: what it brought may have been written anew.
type left struct {
	Request
	from   string // the branch
	merged bool   // who merged it is known by lists
	Details
}

// dropped finds those requests, and returns the ones of which a commit is still there:
// they are part of the change like any other.
func (w *walk) dropped(ctx context.Context) ([]Request, error) {
	for _, r := range w.order {
		if r.Fork || r.looked {
			continue
		}
		r.looked = true
		b, err := w.branch(ctx, r)
		if err != nil {
			return nil, err
		}
		if b.lost == 0 {
			continue
		}
		if err := w.listSince(ctx, w.earlier()); err != nil {
			return nil, err
		}
		var fresh []*left
		for _, x := range w.list {
			known := w.taken[x.Number] != nil || slices.ContainsFunc(w.left, func(o *left) bool { return o.Number == x.Number })
			if !known && slices.ContainsFunc(b.pushes[:b.lost],
				func(a Push) bool { return slices.Contains(x.Merged, a.After) }) {
				fresh = append(fresh, &left{Request: x, from: r.Branch})
			}
		}
		if err := w.held(ctx, fresh); err != nil {
			return nil, err
		}
	}
	var out []Request
	for _, x := range w.left {
		there := w.all.has(x.Head) || slices.ContainsFunc(x.Merged, w.all.has) ||
			slices.ContainsFunc(x.Commits, func(c Commit) bool { return w.all.has(c.ID) })
		if there && w.taken[x.Number] == nil {
			out = append(out, x.Request)
		}
	}
	return out, nil
}

// held asks what requests held whose merge was left out, and adds who merged them. More
// than are followed are not asked for.
func (w *walk) held(ctx context.Context, fresh []*left) error {
	var asked []Ask
	for i, x := range fresh {
		known, err := w.mergers(ctx, &request{Request: x.Request})
		if err != nil {
			return err
		}
		fresh[i].merged = known
		if len(w.left)+i < maxRequests {
			asked = append(asked, Ask{Request: x.Request, Commits: true, Mergers: !known})
		}
	}
	if len(asked) > 0 {
		all, err := w.p.Details(ctx, asked)
		if err != nil {
			return err
		}
		for i, d := range all {
			fresh[i].Details = d
		}
	}
	w.left = append(w.left, fresh...)
	return nil
}

// leftOut adds those who opened and who merged requests of which nothing is there any
// more. Anybody who may write can open a request from others' branches, merge it into an
// open one and force it out again: so whose branches and whose commits they were makes
// nobody a maker. They all are together one maker who cannot be named.
func (w *walk) leftOut() {
	var names, into []string
	sort.Slice(w.left, func(a, b int) bool { return w.left[a].Number < w.left[b].Number })
	for _, x := range w.left {
		if w.taken[x.Number] != nil {
			continue
		}
		where, mark := w.p.Request(x.Number), fmt.Sprintf("request %d", x.Number)
		w.add(policy.Maker{Role: policy.Requester, Account: x.Author, Where: where, Mark: mark}, "branch "+x.from)
		all := x.Details.Mergers
		if len(all) == 0 && !x.merged {
			all = []policy.Account{{}}
		}
		for _, a := range all {
			w.add(policy.Maker{Role: policy.Merger, Account: a, Where: where, Mark: mark})
		}
		names = append(names, where)
		if !slices.Contains(into, x.from) {
			into = append(into, x.from)
		}
	}
	if len(names) == 0 {
		return
	}
	branches := make([]string, len(into))
	for i, b := range into {
		branches[i] = "branch " + b
	}
	w.add(policy.Maker{Role: policy.Pusher, Mark: "left out",
		Where: fmt.Sprintf("what may be left of %s in %s", enumerate(names), enumerate(into))}, branches...)
	w.notes = append(w.notes, fmt.Sprintf("%s, merged into %s, had gone from there before it was merged itself: what of it is still "+
		"there is not known, and somebody unknown counts for all of that", enumerate(names), enumerate(into)))
}

// mergedAway reports whether the platform says of a push that it merged one of those.
func (w *walk) mergedAway(a Push) bool {
	return a.Merge && slices.ContainsFunc(w.left, func(x *left) bool { return slices.Contains(x.Merged, a.After) })
}

// enumerate names a few of many things.
func enumerate(names []string) string {
	switch n := len(names); {
	case n == 1:
		return names[0]
	case n > 5:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:5], ", "), n-5)
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}
