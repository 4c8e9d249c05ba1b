package gate

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// An Item is one piece of evidence. Verify takes the first look at its bytes:
// they are a bundle, or there is a reason why they are none.
type Item struct {
	Source string
	raw    []byte
}

// Collect asks every store for everything about subjects. It returns an error
// if one of them does not answer, however much the others gave.
func Collect(ctx context.Context, stores []Store, subjects []subject.Subject) ([]Item, error) {
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
		return nil, err
	}
	var items []Item
	for _, f := range found {
		for _, e := range f.Bundles {
			items = append(items, Item{Source: e.Source, raw: e.Bundle})
		}
	}
	if limit := store.MaxPerSubject * max(1, len(subjects)); len(items) > limit {
		return nil, fault.New(fault.Refused, fault.Limit, "", "%d bundles about %d subjects, at most %d are looked at", len(items), len(subjects), limit)
	}
	return items, nil
}
