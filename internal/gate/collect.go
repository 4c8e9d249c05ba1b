package gate

import (
	"context"
	"fmt"
	"slices"

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

// Evidence is what stores have about subjects. Nothing in it is to be believed.
type Evidence struct {
	Items  []Item
	Chains []store.Chain  // from attestation manifests to the subjects
	Passed []store.Passed // what lay there and is no evidence
}

// Collect asks every store for everything about subjects, and about marks, under which
// more is kept. It returns an error if one of them does not answer, however much the
// others gave.
func Collect(ctx context.Context, stores []Store, subjects []subject.Subject, marks ...subject.Subject) (Evidence, error) {
	found := make([]store.Found, len(stores))
	asked := append(slices.Clone(subjects), marks...)
	g, ctx := errgroup.WithContext(ctx)
	for i, s := range stores {
		g.Go(func() (err error) {
			defer fault.Recover(&err, "asking "+s.Name())
			if found[i], err = s.Fetch(ctx, asked); err != nil {
				return fmt.Errorf("evidence store %s: %w", s.Name(), err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return Evidence{}, err
	}
	var all Evidence
	for _, f := range found {
		for _, e := range f.Bundles {
			all.Items = append(all.Items, Item{Source: e.Source, raw: e.Bundle})
		}
		all.Chains, all.Passed = append(all.Chains, f.Chains...), append(all.Passed, f.Passed...)
	}
	if limit := store.MaxPerSubject * max(1, len(subjects)); len(all.Items) > limit {
		return Evidence{}, tooMany(stores, found, len(all.Items), len(subjects), limit)
	}
	if err := uncovered(found, all.Items); err != nil {
		return Evidence{}, err
	}
	all.Passed = store.Sum(all.Passed)
	return all, nil
}

// tooMany names the store that holds most of what is more than the limit, and how
// to clear it.
func tooMany(stores []Store, found []store.Found, items, subjects, limit int) error {
	most := 0
	for i, f := range found {
		if len(f.Bundles) > len(found[most].Bundles) {
			most = i
		}
	}
	hint := ""
	if d, ok := stores[most].(store.Dir); ok {
		hint = "remove the bundles that are not about the artifact from " + fault.Quote(d.Path) + ", or hand over the one that is"
	}
	of := "1 subject"
	if subjects != 1 {
		of = fmt.Sprintf("%d subjects", subjects)
	}
	return fault.New(fault.Refused, fault.Limit, hint, "%d bundles for %s, %d of them from the %s; at most %d are looked at",
		items, of, len(found[most].Bundles), stores[most].Name(), limit)
}

// uncovered wants every bundle that a store holds and does not hand over to be
// among the items from elsewhere.
func uncovered(found []store.Found, items []Item) error {
	var have map[subject.Digest]bool
	for _, f := range found {
		for _, c := range f.Covered {
			if have == nil {
				have = map[subject.Digest]bool{}
				for _, i := range items {
					have[subject.Sum(i.raw)] = true
				}
			}
			if !have[c.Digest] {
				return c.Err
			}
		}
	}
	return nil
}

// Told is what was passed over, in words.
func Told(all []store.Passed) []string {
	var out []string
	for _, p := range all {
		out = append(out, string([]rune(p.String())))
	}
	return out
}
