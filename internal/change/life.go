package change

import (
	"context"
	"slices"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// branch is what happened to the branch of a request.
type branch struct {
	pushes []Push
	made   bool // the first of them made the branch
	left   bool // one of them left commits out
	lost   int  // so many of them came before the last one that did
	many   []Push
	gaps   []gap // in which somebody moved the branch, and it is not known who
}

// gap is the time between two pushes of which the later one does not begin where the
// earlier one ended.
type gap struct {
	from, to time.Time
	tip      string // what the branch had after it
	at       int    // so many pushes came before it
}

func (g gap) holds(t time.Time) bool { return !t.Before(g.from) && !t.After(g.to) }

// before reports whether a commit is in the history of what is deployed.
func (w *walk) before(ctx context.Context, id string) (bool, error) {
	if w.base == "" || id == "" {
		return false, nil
	}
	if id == w.base {
		return true, nil
	}
	old, asked := w.old[id]
	if asked {
		return old, nil
	}
	old, err := w.p.Contains(ctx, w.base, id)
	if err == nil {
		w.old[id] = old
	}
	return old, err
}

// leavesOut reports whether a push left commits out that its branch had before.
func (w *walk) leavesOut(ctx context.Context, a Push) (bool, error) {
	if !a.Forced || a.Gone || a.Before == "" || w.all.has(a.Before) {
		return false, nil
	}
	old, err := w.before(ctx, a.Before) // then the branch began there
	return err == nil && !old, err
}

// past reports whether what a branch had when it was taken away is deployed, as it
// is, or by a request of its own. Else what is made under its name afterwards may be the
// same, written anew.
func (w *walk) past(ctx context.Context, branch, tip string) (bool, error) {
	if old, err := w.before(ctx, tip); old || err != nil {
		return old, err
	}
	if w.base == "" || tip == "" || w.all.has(tip) {
		return false, nil
	}
	if err := w.listSince(ctx, w.earlier()); err != nil {
		return false, err
	}
	for _, r := range w.list {
		if r.Fork || r.Branch != branch || r.Head != tip {
			continue
		}
		for _, id := range r.Merged {
			if old, err := w.before(ctx, id); old || err != nil {
				return old, err
			}
		}
	}
	return false, nil
}

// alive returns the last pushes of a branch's log that are one life of it: a branch that
// is taken away and made again goes on, unless what it had is past. again are the
// places of those that made it again. Those that took it away are left out, unless it was
// not where they say that it was.
func (w *walk) alive(ctx context.Context, log []Push) (life []Push, again []int, err error) {
	tip := ""
	for _, a := range log {
		switch {
		case a.Gone && len(life) > 0 && a.Before != "" && a.Before != tip:
			life, tip = append(life, a), a.Before // it had come there by a push that is not known
			continue
		case a.Gone:
			continue
		case a.Made && len(life) > 0:
			over, err := w.past(ctx, a.Branch, tip)
			if err != nil {
				return nil, nil, err
			}
			if over {
				life, again = nil, nil
			} else {
				again = append(again, len(life))
			}
		}
		life, tip = append(life, a), a.After
	}
	return life, again, nil
}

// rewritten adds those who had pushed to a branch before a push that left their
// newest commits out, or made the branch again: what is left of theirs came in with it.
func (w *walk) rewritten(ctx context.Context, earlier []Push, a Push) error {
	if !a.Made && (!a.Forced || a.Before == "" || a.Before == w.base || w.all.has(a.Before)) {
		return nil // it left nothing out
	}
	lost := false
	for i := range earlier {
		e := &earlier[i]
		lost = lost || e.Branch == a.Branch && !e.Gone && !w.all.has(e.After)
	}
	if !lost {
		return nil
	}
	var log []Push
	for i := range earlier {
		if earlier[i].Branch == a.Branch {
			log = append(log, earlier[i])
		}
	}
	log = append(log, a)
	life, again, err := w.alive(ctx, log)
	if err != nil {
		return err
	}
	out := len(again) > 0 && again[len(again)-1] == len(life)-1
	if !out {
		if out, err = w.leavesOut(ctx, a); err != nil || !out {
			return err
		}
	}
	r := w.of[a.After]
	for _, e := range life[:len(life)-1] {
		if e.Gone || w.all.has(e.After) || w.mergedAway(e) {
			continue
		}
		m := policy.Maker{Role: policy.Pusher, Account: e.By, Where: "to branch " + a.Branch + ", which became " +
			w.where(a.After), Mark: "push " + e.After}
		if r != nil && r.Branch == a.Branch {
			m.Where, m.Mark = "to the branch of "+w.p.Request(r.Number), w.mark(r)
		}
		w.add(m, a.After)
	}
	return nil
}

// movers adds everybody who pushed to the branch of a request since it was made or
// last merged, also before a push that took their commits away. A push of what the
// base has already is not a part of the change. Where the branch was moved and nobody is
// known to have done it, those count who pushed branches then of which the platform does
// not say which, and else somebody unknown.
func (w *walk) movers(ctx context.Context, r *request, covered marks) error {
	b, err := w.branch(ctx, r)
	if err != nil {
		return err
	}
	add := func(a policy.Account) {
		w.add(policy.Maker{Role: policy.Pusher, Account: a, Where: w.p.Request(r.Number), Mark: w.mark(r)}, w.mark(r))
	}
	for i, a := range b.pushes {
		byHand := !a.Gone && w.merges(a) == nil || w.made[a.After] != nil && !w.own[a.After]
		if byHand && !w.mergedAway(a) && (i < b.lost || w.all.has(a.After)) {
			add(a.By)
		}
	}
	for _, g := range b.gaps {
		known := false
		for _, a := range b.many {
			if g.holds(a.Time) {
				known = true
				add(a.By)
			}
		}
		if !known {
			add(policy.Account{})
			continue
		}
		for _, id := range w.all.between("", g.tip) {
			if w.of[id] == r {
				covered.add(id) // one of those brought it
			}
		}
	}
	if w.cut && !b.made {
		add(policy.Account{}) // there may be older pushes, which left something out
	}
	return nil
}

// branch is read further back than the rest where something older may matter.
func (w *walk) branch(ctx context.Context, r *request) (branch, error) {
	log, err := w.log(ctx)
	if err != nil {
		return branch{}, err
	}
	b, err := w.life(ctx, r, log)
	if err != nil || len(b.gaps) == 0 && (b.made || !b.left && !w.cut) {
		return b, err
	}
	older, seen, err := w.p.PushesTo(ctx, r.Request, w.earlier())
	if err != nil || !seen {
		return b, err
	}
	for _, a := range b.pushes { // a log that has forgotten a branch explains nothing
		if !slices.ContainsFunc(older, func(o Push) bool { return o.Before == a.Before && o.After == a.After }) {
			return b, nil
		}
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
	var own []Push
	for i := min(begin, end); i < end; i++ {
		switch a := &log[i]; {
		case a.Many:
			b.many = append(b.many, *a)
		case a.Branch == r.Branch:
			own = append(own, *a)
		}
	}
	life, again, err := w.alive(ctx, own)
	if err != nil {
		return branch{}, err
	}
	b.pushes, b.made = life, len(life) > 0 && life[0].Made
	for i, a := range slices.Backward(life) {
		left := slices.Contains(again, i)
		if !left {
			if left, err = w.leavesOut(ctx, a); err != nil {
				return branch{}, err
			}
		}
		if left {
			b.left, b.lost = true, i
			break
		}
	}
	b.gaps, err = w.unknown(ctx, r, life)
	for _, g := range b.gaps {
		b.left, b.lost = true, max(b.lost, g.at) // what nobody saw may have left out everything before
	}
	return b, err
}

// unknown returns the times in which a branch was moved by a push that is not known:
// where a push begins with a commit that no earlier one ended with and nobody is known
// to have brought by then, and where the branch did not come to its request's head.
func (w *walk) unknown(ctx context.Context, r *request, life []Push) ([]gap, error) {
	var out []gap
	var last time.Time
	ends := map[string]bool{}
	for i, a := range life {
		if !a.Made && !ends[a.Before] && !w.brings(a.Before, a.Time) {
			old, err := w.before(ctx, a.Before)
			if err != nil {
				return nil, err
			}
			if !old {
				out = append(out, gap{last, a.Time, a.Before, i})
			}
		}
		last = a.Time
		if !a.Gone {
			ends[a.After] = true
		}
	}
	if len(life) > 0 && r.Head != "" && !ends[r.Head] {
		end := r.Done
		if end.IsZero() {
			end = last
		}
		out = append(out, gap{last, end, r.Head, len(life)})
	}
	return out, nil
}

// brings reports whether somebody is known to have pushed a commit of the change before
// a time, to whatever branch. Who makes a branch of it may have found it there.
func (w *walk) brings(id string, by time.Time) bool {
	if !w.all.has(id) {
		return false
	}
	for i := range w.activity {
		if a := &w.activity[i]; !a.Made && !a.Gone && a.Time.Before(by) && w.all.includes(a.After, id) {
			return true
		}
	}
	return false
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
