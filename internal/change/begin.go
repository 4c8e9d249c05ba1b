package change

import (
	"context"
	"reflect"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// begin returns what a change begins at: one past, or several where what is in the
// environment parted from each other, and then the change is all that one of them
// lacks. Of what entries say and what the platform lists, the one that is further
// back counts, so that neither can make a change look smaller than it is. Where
// entries alone count, what the platform lists moves nothing.
func begin(ctx context.Context, p Platform, from policy.Start, listed Past) ([]Past, error) {
	var bases []Deployment
	for _, x := range from.Entered {
		bases = append(bases, entered(x))
	}
	past := listed
	if from.Signed {
		past = Past{}
	} else if listed.Base != nil {
		bases = append(bases, *listed.Base)
	}
	for _, x := range from.Coming {
		past.OnWay = append(slices.Clone(past.OnWay), entered(x))
	}
	past.Base = nil
	bases, err := furthest(ctx, p, bases)
	if err != nil || len(bases) == 0 {
		return []Past{past}, err
	}
	var out []Past
	for i := range bases {
		x := past
		x.Base = &bases[i]
		out = append(out, x)
	}
	return out, nil
}

func entered(x policy.Point) Deployment {
	return Deployment{Commit: x.Commit, Created: x.Time, Entry: x.Entry}
}

// furthest drops each commit that has another one of all in its history.
func furthest(ctx context.Context, p Platform, all []Deployment) ([]Deployment, error) {
	var out []Deployment
	for i, a := range all {
		newer := false
		for k, b := range all {
			if i == k || a.Commit == b.Commit {
				newer = newer || a.Commit == b.Commit && k < i // one of each commit
				continue
			}
			has, err := p.Contains(ctx, a.Commit, b.Commit)
			if err != nil {
				return nil, err
			}
			newer = newer || has
		}
		if !newer {
			out = append(out, a)
		}
	}
	return out, nil
}

// join adds to c what another beginning gives: whatever one of the two lacks is part
// of the change, and the head has to come after both.
func join(c *policy.Change, o policy.Change) {
	if worse(o.Order, c.Order) {
		c.Order, c.Base = o.Order, o.Base
	}
	c.Deployed += "; and " + o.Deployed
	c.Reachable = c.Reachable && o.Reachable
	c.Commits = union(c.Commits, o.Commits)
	c.Requests = union(c.Requests, o.Requests)
	c.Makers = union(c.Makers, o.Makers)
	c.Notes = union(c.Notes, o.Notes)
}

// worse reports whether a lets less in than b.
func worse(a, b policy.Order) bool {
	rank := []policy.Order{
		policy.OrderUnknown,
		policy.Diverged,
		policy.Older,
		policy.Overtaken,
		policy.Newer,
		policy.Same,
		policy.First,
	}
	return slices.Index(rank, a) < slices.Index(rank, b)
}

func union[T any](a, b []T) []T {
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.ContainsFunc(out, func(y T) bool { return reflect.DeepEqual(x, y) }) {
			out = append(out, x)
		}
	}
	return out
}
