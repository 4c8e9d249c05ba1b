package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// workers is how many items are fetched at the same time. Their client has a
// limit of its own.
const workers = 16

// Unique returns the subjects, each digest once, in their order.
func Unique(subjects []subject.Subject) []subject.Subject {
	seen := map[subject.Digest]bool{}
	var out []subject.Subject
	for _, s := range subjects {
		if !seen[s.Digest] {
			seen[s.Digest] = true
			out = append(out, s)
		}
	}
	return out
}

// Each calls fetch for every item, a few at a time, and returns everything in
// the order of the items, whoever answered first. The first error, in that
// order, is the answer: a part of the evidence is no evidence.
func Each[T any](ctx context.Context, items []T, fetch func(context.Context, T) (Found, error)) (Found, error) {
	return each(ctx, len(items), func(ctx context.Context, i int) (Found, error) { return safely(ctx, items[i], fetch) })
}

// each is Each by place. It stands once in the program, and Each once for each type.
func each(ctx context.Context, n int, fetch func(context.Context, int) (Found, error)) (Found, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	found := make([]Found, n)
	errs := make([]error, n)
	next := make(chan int)
	var bytes atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			for i := range next {
				if ctx.Err() == nil {
					found[i], errs[i] = fetch(ctx, i)
				} else {
					errs[i] = client.Unanswered("what it holds", context.Cause(ctx))
				}
				for _, e := range found[i].Bundles {
					bytes.Add(int64(len(e.Bundle)))
				}
				for _, c := range found[i].Chains {
					bytes.Add(int64(c.size()))
				}
				if errs[i] == nil && bytes.Load() > MaxFetchBytes {
					errs[i] = fault.New(fault.Refused, fault.Limit, "", "more than %d bytes of bundles", MaxFetchBytes)
				}
				if errs[i] != nil {
					cancel()
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	return collect(found, errs)
}

// safely calls fetch so that a panic in it is a fault.
func safely[T any](ctx context.Context, item T, fetch func(context.Context, T) (Found, error)) (f Found, err error) {
	defer fault.Recover(&err, "reading what a store answered")
	return fetch(ctx, item)
}

// collect prefers an error that is its own cause over those of calls that were
// cancelled because of it.
func collect(found []Found, errs []error) (Found, error) {
	var first error
	for _, err := range errs {
		if err == nil {
			continue
		}
		if first == nil || cancelled(first) && !cancelled(err) {
			first = err
		}
	}
	if first != nil {
		return Found{}, first
	}
	var all Found
	for _, f := range found {
		all.Bundles = append(all.Bundles, f.Bundles...)
		all.Chains = append(all.Chains, f.Chains...)
		all.Passed = append(all.Passed, f.Passed...)
		all.Covered = append(all.Covered, f.Covered...)
	}
	all.Passed = Sum(all.Passed)
	return all, nil
}

// cancelled says whether err only tells that another call failed first.
func cancelled(err error) bool { return errors.Is(err, context.Canceled) }

// maxKinds bounds how many kinds of things are told apart at one place. Whoever
// puts them there chooses what they are called.
const maxKinds = 20

// otherKinds is what everything beyond maxKinds is called.
const otherKinds = "thing of another kind"

// Sum adds up what is the same thing at the same place, and sorts by place and
// name. At each place the kinds that are there most often keep their names.
func Sum(all []Passed) []Passed {
	counts := map[Passed]int{}
	for _, p := range all {
		n := p.Count
		p.Count = 0
		counts[p] += n
	}
	var out []Passed
	for p, n := range counts {
		p.Count = n
		out = append(out, p)
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Source, b.Source), cmp.Compare(a.What, b.What)) < 0
	})
	kinds, rest := map[string]int{}, map[string]int{}
	out = slices.DeleteFunc(out, func(p Passed) bool {
		if p.What != otherKinds {
			kinds[p.Source]++
		}
		if p.What != otherKinds && kinds[p.Source] <= maxKinds {
			return false
		}
		rest[p.Source] += p.Count
		return true
	})
	for source, n := range rest {
		out = append(out, Passed{Source: source, What: otherKinds, Count: n})
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.What, b.What)) < 0
	})
	return out
}
