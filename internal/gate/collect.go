package gate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// An Item is one piece of evidence. Verify takes the first look at its bytes:
// they are a bundle, or there is a reason why they are none.
type Item struct {
	Source string
	raw    []byte
	order  subject.Digest // of raw: the order is that of no store and no network
	bundle sigstore.Bundle
	err    error
}

// Collect asks every store for everything about subjects. Beside the items it
// returns what the stores passed over. It returns an error if one of them does
// not answer, however much the others gave.
func Collect(ctx context.Context, stores []Store, subjects []subject.Subject) ([]Item, []store.Passed, error) {
	found := make([]store.Found, len(stores))
	g, ctx := errgroup.WithContext(ctx)
	for i, s := range stores {
		g.Go(func() (err error) {
			defer fault.Recover(&err, "asking "+s.Name())
			if found[i], err = s.Fetch(ctx, subjects); err != nil {
				return fmt.Errorf("evidence store %s: %w", s.Name(), err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	var passed []store.Passed
	for _, f := range found {
		passed = append(passed, f.Passed...)
	}
	items, err := distinct(found, len(subjects))
	if err != nil {
		return nil, nil, err
	}
	if err := uncovered(found, items); err != nil {
		return nil, nil, err
	}
	return items, store.Sum(passed), nil
}

// uncovered wants every bundle that a store holds and does not hand over to be
// among the items from elsewhere.
func uncovered(found []store.Found, items []Item) error {
	have := map[subject.Digest]bool{}
	for _, i := range items {
		have[i.order] = true
	}
	for _, f := range found {
		for _, c := range f.Covered {
			if !have[c.Digest] {
				return c.Err
			}
		}
	}
	return nil
}

// distinct drops copies of the same bytes and sorts by digest, so that verdicts
// do not depend on who answered first.
func distinct(found []store.Found, subjects int) ([]Item, error) {
	var items []Item
	seen := map[subject.Digest]bool{}
	for _, f := range found {
		for _, e := range f.Bundles {
			d := subject.Digest(sha256.Sum256(e.Bundle))
			if seen[d] {
				continue
			}
			seen[d] = true
			items = append(items, Item{Source: e.Source, raw: e.Bundle, order: d})
		}
	}
	if limit := store.MaxPerSubject * max(1, subjects); len(items) > limit {
		return nil, fault.New(fault.Refused, fault.Limit, "",
			"%d bundles about %d subjects, at most %d are looked at", len(items), subjects, limit)
	}
	slices.SortFunc(items, func(a, b Item) int { return bytes.Compare(a.order[:], b.order[:]) })
	return items, nil
}
