package cli

import (
	"context"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// doors asks the platform that runs this job, and about runs elsewhere the
// platform where they ran: one policy may name builders on both.
type doors struct {
	door
	r      *run
	policy *policy.Policy
	home   string // address of the repository behind the door
}

// Runs asks about every run where it ran.
func (d doors) Runs(ctx context.Context, queries []policy.RunQuery) ([]policy.Run, error) {
	out := make([]policy.Run, len(queries))
	where := map[string][]int{}
	for i, q := range queries {
		home := d.homeOf(q.URI)
		where[home] = append(where[home], i)
	}
	for home, list := range where {
		at, err := d.open(home)
		if err != nil {
			return nil, err
		}
		var asked []policy.RunQuery
		for _, i := range list {
			asked = append(asked, queries[i])
		}
		answers, err := at.Runs(ctx, asked)
		if err != nil {
			return nil, err
		}
		for k, i := range list {
			out[i] = answers[k]
		}
	}
	return out, nil
}

// Change refuses to count commits of a repository that deploys elsewhere: since
// when they would have to be counted, nobody knows.
func (d doors) Change(ctx context.Context, q policy.ChangeQuery) (policy.Change, error) {
	if q.Repository != d.home {
		return policy.Change{}, fault.New(fault.Refused, fault.Duties, "gate it in a job of the repository that builds it",
			"the artifact was built from %s, and %q is deployed by %s: which of its commits are new there cannot be told", q.Repository, q.Environment, d.home)
	}
	return d.door.Change(ctx, q)
}

// Ref asks about a ref where it is. A place that cannot be opened from here
// has not answered.
func (d doors) Ref(ctx context.Context, q policy.RefQuery) (policy.Ref, error) {
	at, err := d.open(q.Repository)
	if err == nil {
		return at.Ref(ctx, q)
	}
	f := fault.Of(err)
	return policy.Ref{Query: q, Why: f.Error(), Need: f.Hint}, nil
}

// homeOf returns the repository of a builder that a run belongs to; a run of
// nobody's is the own platform's to know nothing about.
func (d doors) homeOf(uri string) string {
	for _, a := range d.policy.Artifacts {
		for _, b := range a.BuiltBy {
			if home := b.Forge.Host + "/" + b.Repository; strings.HasPrefix(uri, home+"/") {
				return home
			}
		}
	}
	return d.home
}

func (d doors) open(home string) (door, error) {
	if home == d.home {
		return d.door, nil
	}
	for _, a := range d.policy.Artifacts {
		for _, b := range a.BuiltBy {
			if b.Forge.Host+"/"+b.Repository == home {
				return d.r.elsewhere(b.Forge, b.Repository)
			}
		}
	}
	return d.door, nil
}
