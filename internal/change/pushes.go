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
	for i, a := range log {
		switch {
		case a.Gone || !w.all.has(a.After) || w.merges(a) != nil:
		case a.Merge:
			w.unexplained(a, covered)
		default:
			w.pushed(a, covered)
			if err := w.rewritten(ctx, log[:i], a); err != nil {
				return err
			}
		}
	}
	w.byHand(covered)
	for _, r := range w.order {
		if !r.Fork {
			if err := w.movers(ctx, r); err != nil {
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
// they may have brought a part of these.
func (w *walk) pushed(a Push, covered marks) {
	sure := !w.cut || w.all.has(a.Before) || a.Before != "" && a.Before == w.base
	got := w.all.moved(a.Before, a.After)
	left := w.all.names(got, covered.set)
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

// leavesOut reports whether a push left commits out that its branch had before.
func (w *walk) leavesOut(ctx context.Context, a Push) (bool, error) {
	if !a.Forced || a.Before == "" || a.Before == w.base || w.all.has(a.Before) {
		return false, nil
	}
	if w.base == "" {
		return true, nil
	}
	old, err := w.p.Contains(ctx, w.base, a.Before) // then the branch began there
	return !old, err
}

// rewritten adds those who had pushed to a branch before a push that left their
// newest commits out: what is left of theirs came in with it.
func (w *walk) rewritten(ctx context.Context, earlier []Push, a Push) error {
	var lost []Push
	for _, e := range earlier {
		if e.Branch != a.Branch || e.Gone {
			continue
		}
		if e.Made {
			lost = nil
		}
		if !w.all.has(e.After) {
			lost = append(lost, e)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	out, err := w.leavesOut(ctx, a)
	if err != nil || !out {
		return err
	}
	for _, e := range lost {
		w.add(policy.Maker{Role: policy.Pusher, Account: e.By, Where: w.where(a.After), Mark: "push " + e.After})
	}
	return nil
}

func (w *walk) pusher(a Push, id string) {
	m := policy.Maker{Role: policy.Pusher, Account: a.By, Where: w.where(id)}
	if a.By.ID == "" { // once for the push, however many commits it brought
		m.Where, m.Mark = "commit "+short(a.After)+" and what came with it", "push "+a.After
	}
	w.add(m)
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

// movers adds everybody who pushed to the branch of a request since it was made or
// last merged, also before a push that took their commits away. A push of what the
// base has already is no part of the change.
func (w *walk) movers(ctx context.Context, r *request) error {
	b, err := w.branch(ctx, r)
	if err != nil {
		return err
	}
	add := func(a policy.Account) {
		w.add(policy.Maker{Role: policy.Pusher, Account: a, Where: w.p.Request(r.Number), Mark: w.mark(r)})
	}
	for i, a := range b.pushes {
		byHand := w.merges(a) == nil || w.made[a.After] != nil && !w.own[a.After]
		if byHand && (i < b.lost || w.all.has(a.After)) {
			add(a.By)
		}
	}
	if w.cut && !b.made {
		add(policy.Account{}) // there may be older pushes, which left something out
	}
	return nil
}

// branch is what happened to the branch of a request.
type branch struct {
	pushes []Push
	made   bool // the first of them made the branch
	left   bool // one of them left commits out
	lost   int  // so many of them came before the last one that did
}

func (w *walk) branch(ctx context.Context, r *request) (branch, error) {
	log, err := w.log(ctx)
	if err != nil {
		return branch{}, err
	}
	b, err := w.life(ctx, r, log)
	if err != nil || b.made || !b.left && !w.cut {
		return b, err
	}
	older, seen, err := w.p.PushesTo(ctx, r.Request, w.earlier())
	if err != nil || !seen {
		return b, err
	}
	return w.life(ctx, r, older)
}

// life is the pushes to a request's branch from its making, or from the merge of
// the request before it from the same branch, to its own merge.
func (w *walk) life(ctx context.Context, r *request, log []Push) (branch, error) {
	begin, end := 0, ended(r, log)
	for _, o := range w.order {
		if o == r || o.Fork || o.Branch != r.Branch {
			continue
		}
		if e := ended(o, log); e < end || e == end && o.Done.Before(r.Done) {
			begin = max(begin, e)
		}
	}
	var b branch
	for i := min(begin, end); i < end; i++ {
		switch a := &log[i]; {
		case a.Branch != r.Branch || a.Gone:
		case a.Made:
			b = branch{pushes: []Push{*a}, made: true}
		default:
			b.pushes = append(b.pushes, *a)
		}
	}
	for i, a := range slices.Backward(b.pushes) {
		left, err := w.leavesOut(ctx, a)
		if err != nil {
			return branch{}, err
		}
		if left {
			b.left, b.lost = true, i
			break
		}
	}
	return b, nil
}

// ended is the place in the log from which pushes came after a request's merge:
// behind the push that merged it, or behind the time at which it was merged.
func ended(r *request, log []Push) int {
	for i := range log {
		if a := &log[i]; a.Branch == r.Into && slices.Contains(r.Merged, a.After) {
			return i
		}
	}
	for i := range log {
		if !r.Done.IsZero() && log[i].Time.After(r.Done) {
			return i
		}
	}
	return len(log)
}

// fork adds who pushed to the branch of a request from another repository: its
// owner, and those whom the platform shows. Where the pushes there cannot be seen,
// somebody else may have been among them.
func (w *walk) fork(ctx context.Context, r *request) error {
	where := w.p.Request(r.Number)
	add := func(a policy.Account) {
		w.add(policy.Maker{Role: policy.Pusher, Account: a, Where: where, Mark: w.mark(r)})
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
	add(policy.Account{})
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
			w.add(policy.Maker{Role: policy.Pusher, Where: w.p.Request(r.Number), Mark: w.mark(r)})
			continue
		case c.Page && c.Signed && c.Author.Account.ID != "":
			w.add(policy.Maker{Role: policy.Pusher, Account: c.Author.Account, Where: w.where(id)})
			continue
		}
		first := piece[id]
		if first == "" {
			first = id
			w.add(policy.Maker{Role: policy.Pusher, Where: w.where(id), Mark: id})
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
