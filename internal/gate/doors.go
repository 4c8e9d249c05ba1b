package gate

import (
	"cmp"
	"context"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Besides is what a repository other than the one that is deployed from is asked.
type Besides interface {
	Runs
	Refs
	Builds
}

// Doors asks the platform that the environment is on, and about runs elsewhere the
// platform where they ran: one policy may name builders on both.
type Doors struct {
	Guard
	Policy *policy.Policy
	Home   string // address of the repository behind the guard
	// Elsewhere opens another repository, and Need says what helps where it shows nothing.
	Elsewhere func(policy.Forge, string) (Besides, error)
	Need      func(policy.Forge, string) string
}

// Runs asks about runs of one repository where they ran. A place elsewhere that does not
// answer, or does not show a run, has answered nothing: other evidence may do without.
func (d Doors) Runs(ctx context.Context, asked []policy.RunQuery) ([]policy.Run, error) {
	home := cmp.Or(asked[0].Repository, d.Home) // of a run of no builder, the own platform knows nothing
	at, err := d.open(home)
	var answers []policy.Run
	if err == nil {
		answers, err = at.Runs(ctx, asked)
	}
	if home == d.Home || err != nil && !Silent(ctx, err) {
		return answers, err
	}
	if err != nil {
		f := fault.Of(err)
		for _, q := range asked {
			answers = append(answers, policy.Run{URI: q.URI, Why: f.Error(), Need: f.Hint})
		}
		return answers, nil
	}
	for i := range answers {
		if a := &answers[i]; a.State == policy.RunUnknown && a.Commit == "" && a.Why == "" {
			a.Why, a.Need = a.Words, d.NeedOf(home)
		}
	}
	return answers, nil
}

// Silent reports whether err says that there was no answer, or that this program may
// not ask. An answer that contradicts itself is another matter.
func Silent(ctx context.Context, err error) bool {
	k := fault.Of(err).Kind
	return ctx.Err() == nil && (k == fault.Unavailable || k == fault.Usage)
}

// Change refuses to count commits of a repository that deploys elsewhere: it is not
// known here since when they would have to be counted.
func (d Doors) Change(ctx context.Context, q policy.ChangeQuery) (policy.Change, error) {
	if q.Repository != d.Home {
		return policy.Change{}, fault.New(fault.Refused, fault.Duties,
			"gate it in a job of the repository that builds it",
			"the artifact was built from %s, and %q is deployed by %s: "+
				"which of its commits are new there cannot be told",
			q.Repository, q.Environment, d.Home)
	}
	return d.Guard.Change(ctx, q)
}

// Ref asks about a ref where it is. A place elsewhere that cannot be opened from
// here, or is silent, has not answered.
func (d Doors) Ref(ctx context.Context, q policy.RefQuery) (policy.Ref, error) {
	at, err := d.open(q.Repository)
	if err == nil {
		var s policy.Ref
		if s, err = at.Ref(ctx, q); err == nil || q.Repository == d.Home || !Silent(ctx, err) {
			return s, err
		}
	}
	f := fault.Of(err)
	return policy.Ref{Query: q, Why: f.Error(), Need: f.Hint}, nil
}

// Build asks what the jobs did where they ran. A place elsewhere that cannot be opened from
// here, or is silent, has not answered; and nor has one that does not show a file.
func (d Doors) Build(ctx context.Context, q policy.BuildQuery) (policy.Build, error) {
	at, err := d.open(q.Repository)
	if err == nil {
		var b policy.Build
		if b, err = at.Build(ctx, q); err == nil || !Silent(ctx, err) {
			return b, err
		}
	}
	f := fault.Of(err)
	return policy.Build{Query: q, Why: f.Error(), Need: f.Hint}, nil
}

// Placed asks where the job was that signed an entry.
func (d Doors) Placed(ctx context.Context, q policy.PlaceQuery) (policy.Placed, error) {
	out, err := d.Guard.Placed(ctx, q)
	if err != nil && Silent(ctx, err) {
		f := fault.Of(err)
		return policy.Placed{Query: q, Why: f.Error()}, nil
	}
	return out, err
}

// builders are the workflows whose runs are asked about: those that build, and
// those that carry approvals.
func (d Doors) builders() []policy.Builder {
	all := slices.Clone(d.Policy.ApproveIn)
	for _, a := range d.Policy.Artifacts {
		all = append(all, a.BuiltBy...)
	}
	return all
}

// NeedOf is the next step where a place elsewhere does not show a run.
func (d Doors) NeedOf(home string) string {
	for _, b := range d.builders() {
		if b.Forge.Host+"/"+b.Repository == home {
			return d.Need(b.Forge, b.Repository)
		}
	}
	return ""
}

func (d Doors) open(home string) (Besides, error) {
	if home == d.Home {
		return d.Guard, nil
	}
	for _, b := range d.builders() {
		if b.Forge.Host+"/"+b.Repository == home {
			return d.Elsewhere(b.Forge, b.Repository)
		}
	}
	return d.Guard, nil
}
