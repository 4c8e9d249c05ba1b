package change

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Push is one time that somebody moved a branch.
type Push struct {
	By            policy.Account
	Before, After string // commits; "" is none
	Branch        string
	Time          time.Time
	Merge         bool // the platform says that it merged a request
	Hand          bool // the platform says that somebody pushed, and that it merged nothing
	Made, Gone    bool // it made the branch; it took the branch away
	Forced        bool // it may have left commits out that were there before
	Commits       int  // how many it brought; negative where the platform does not say
	// Many is a push of several branches at once of which the platform does not say
	// which they were: it has no Branch and no commits.
	Many bool
}

// older is how long before everything else that is known the branch of a request
// may have begun: a forced push leaves nothing that says when.
const older = 90 * 24 * time.Hour

func (w *walk) earlier() time.Time {
	if t := w.start(); !t.IsZero() {
		return t.Add(-older)
	}
	return time.Time{}
}

// log is the pushes since the first thing that is known, oldest first. It is
// read further back when something older comes in.
func (w *walk) log(ctx context.Context) ([]Push, error) {
	since := w.start()
	if w.read && !since.Before(w.readTo) {
		return w.activity, nil
	}
	all, whole, err := w.p.Pushes(ctx, since)
	if err != nil {
		return nil, fmt.Errorf("asking who pushed: %w", err)
	}
	w.activity, w.readTo, w.read, w.cut, w.merging = all, since, true, !whole, map[string][]policy.Account{}
	for _, a := range all {
		if a.Merge {
			w.merging[a.After] = append(w.merging[a.After], a.By)
		}
	}
	return all, nil
}

// pushes adds who pushed the commits: the person who brought a commit first, and
// everybody who moved the branch itself, or the branch of a request.
func (w *walk) pushes(ctx context.Context) error {
	log, err := w.log(ctx)
	if err != nil {
		return err
	}
	if err := w.ownCommits(ctx, log); err != nil {
		return err
	}
	covered := w.all.marks()
	for id := range w.own {
		covered.add(id) // its merger answers for it
	}
	for _, r := range w.order {
		if !r.Fork {
			continue
		}
		if err := w.fork(ctx, r); err != nil {
			return err
		}
		for id, o := range w.of {
			if o == r {
				covered.add(id)
			}
		}
	}
	there := w.all.marks()
	for i, a := range log {
		there.join(w.all.moved("", a.Before), covered)
		switch {
		case a.Gone || !w.all.has(a.After) || w.merges(a) != nil:
		case a.Merge:
			w.unexplained(a, covered)
		default:
			w.pushed(a, covered, there)
			if err := w.rewritten(ctx, log[:i], a); err != nil {
				return err
			}
		}
	}
	w.byHand(covered)
	for _, r := range w.order {
		if !r.Fork {
			if err := w.movers(ctx, r, covered); err != nil {
				return err
			}
		}
	}
	if w.cut && len(log) > 0 {
		w.notes = append(w.notes,
			fmt.Sprintf("the platform's list of pushes was read back to %s, the newest %d; who pushed before that is not known",
				log[0].Time.UTC().Format(time.DateOnly), len(log)))
	}
	w.unseen(covered)
	return nil
}

// pushed gives the pusher the commits that were not there before. Where older pushes
// were not read, and the branch was at a commit that is not known or did not exist,
// they may have brought a part of these. What was there before, although nobody is known
// to have pushed it, somebody else had pushed.
func (w *walk) pushed(a Push, covered, there marks) {
	sure := !w.cut || w.all.has(a.Before) || a.Before != "" && a.Before == w.base
	got := w.all.moved(a.Before, a.After)
	left := slices.DeleteFunc(w.all.names(got, covered.set), there.has)
	if brought, all := a.Commits, count(got, nil); brought >= 0 && brought < all {
		// The newest are those with the most before them.
		sort.SliceStable(left, func(x, y int) bool { return w.all.depth(left[x]) > w.all.depth(left[y]) })
		left = left[:min(brought, len(left))]
	}
	for _, id := range left {
		if sure {
			covered.add(id)
		}
		w.pusher(a, id)
	}
	if a.Branch == w.target && w.entering.has(a.After) && count(got, nil) > 0 {
		w.pusher(a, a.After)
	}
}

func (w *walk) pusher(a Push, id string) {
	m := policy.Maker{Role: policy.Pusher, Account: a.By, Where: w.where(id)}
	switch r := w.of[id]; {
	case a.By.ID != "":
	case r != nil && a.Branch == r.Branch: // once for the request, however often they pushed
		m.Where, m.Mark = w.p.Request(r.Number), w.mark(r)
	default: // once for the push, however many commits it brought
		m.Where, m.Mark = "commit "+short(a.After)+" and what came with it", "push "+a.After
	}
	w.add(m, id)
}

// unexplained is a merge of a request that is not known. The merger answers for
// what the page made; the rest was pushed by somebody.
func (w *walk) unexplained(a Push, covered marks) {
	w.add(policy.Maker{Role: policy.Merger, Account: a.By, Where: w.where(a.After), Mark: "push " + a.After})
	for _, id := range w.all.between(a.Before, a.After) {
		if w.all.by[id].Page {
			covered.add(id)
		}
	}
}

// fork adds who pushed to the branch of a request from another repository: its
// owner, and those whom the platform shows. Where the pushes there cannot be seen,
// somebody else may have been among them.
func (w *walk) fork(ctx context.Context, r *request) error {
	where := w.p.Request(r.Number)
	add := func(a policy.Account) {
		w.add(policy.Maker{Role: policy.Pusher, Account: a, Where: where, Mark: w.mark(r)}, w.mark(r))
	}
	if r.Request.Owner.ID != "" {
		add(r.Request.Owner)
	}
	for _, a := range r.Pushers {
		add(a)
	}
	all, seen, err := w.p.PushesTo(ctx, r.Request, w.earlier())
	if err != nil {
		return err
	}
	if seen && slices.ContainsFunc(all, func(a Push) bool { return a.After == r.Head }) {
		for _, a := range all {
			if !a.Gone && (r.Done.IsZero() || !a.Time.After(r.Done)) {
				add(a.By)
			}
		}
		return nil
	}
	if w.forks == policy.ForkOwner && r.Request.Owner.ID != "" {
		w.notes = append(w.notes,
			fmt.Sprintf("%s comes from a fork whose pushes cannot be seen; its owner %s counts as the one who pushed, as `forks: owner` says",
				where, r.Request.Owner.Label()))
		return nil
	}
	w.add(policy.Maker{Role: policy.Pusher, Where: where, Mark: w.mark(r), Fork: r.Request.Owner.ID != ""}, w.mark(r))
	return nil
}

// unseen adds somebody unknown for what nobody is known to have pushed: once for
// each request, and once for each piece of history that no push explains.
func (w *walk) unseen(covered marks) {
	piece := map[string]string{} // commit: the newest of its piece
	for _, id := range w.all.order {
		c := w.all.by[id]
		switch {
		case covered.has(id):
			continue
		case w.of[id] != nil:
			r := w.of[id]
			w.add(policy.Maker{Role: policy.Pusher, Where: w.p.Request(r.Number), Mark: w.mark(r)}, w.mark(r))
			continue
		case c.Page && c.Signed && c.Author.Account.ID != "":
			w.add(policy.Maker{Role: policy.Pusher, Account: c.Author.Account, Where: w.where(id)}, id)
			continue
		}
		first := piece[id]
		if first == "" {
			first = id
			w.add(policy.Maker{Role: policy.Pusher, Where: w.where(id), Mark: id}, id)
		}
		for _, p := range c.Parents {
			if piece[p] == "" {
				piece[p] = first
			}
		}
	}
}

// where names a commit, with the request in which it got lost.
func (w *walk) where(id string) string {
	if r := w.of[id]; r != nil && !w.entering.has(id) {
		return fmt.Sprintf("commit %s of %s", short(id), w.p.Request(r.Number))
	}
	return "commit " + short(id)
}

// Zero reports whether a platform writes "no commit" by id.
func Zero(id string) bool { return strings.Trim(id, "0") == "" }
