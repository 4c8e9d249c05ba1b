package cli

import (
	"cmp"
	"context"
	"slices"
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

// Runs asks about runs of one repository where they ran. A place elsewhere that does not
// answer, or does not show a run, has answered nothing: other evidence may do without.
func (d doors) Runs(ctx context.Context, asked []policy.RunQuery) ([]policy.Run, error) {
	home := cmp.Or(asked[0].Repository, d.home) // of a run of no builder, the own platform knows nothing
	at, err := d.open(home)
	var answers []policy.Run
	if err == nil {
		answers, err = at.Runs(ctx, asked)
	}
	if home == d.home || err != nil && !silent(ctx, err) {
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
			a.Why, a.Need = a.Words, d.need(home)
		}
	}
	return answers, nil
}

// silent reports whether err says that nobody answered, or that nobody here may
// ask. An answer that contradicts itself is another matter.
func silent(ctx context.Context, err error) bool {
	k := fault.Of(err).Kind
	return ctx.Err() == nil && (k == fault.Unavailable || k == fault.Usage)
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

// Ref asks about a ref where it is. A place elsewhere that cannot be opened from
// here, or is silent, has not answered.
func (d doors) Ref(ctx context.Context, q policy.RefQuery) (policy.Ref, error) {
	at, err := d.open(q.Repository)
	if err == nil {
		var s policy.Ref
		if s, err = at.Ref(ctx, q); err == nil || q.Repository == d.home || !silent(ctx, err) {
			return s, err
		}
	}
	f := fault.Of(err)
	return policy.Ref{Query: q, Why: f.Error(), Need: f.Hint}, nil
}

// Build asks what the jobs did where they ran. A place elsewhere that cannot be opened from
// here, or is silent, has not answered; and nor has one that does not show a file.
func (d doors) Build(ctx context.Context, q policy.BuildQuery) (policy.Build, error) {
	at, err := d.open(q.Repository)
	if err == nil {
		var b policy.Build
		if b, err = at.Build(ctx, q); err == nil || !silent(ctx, err) {
			return b, err
		}
	}
	f := fault.Of(err)
	return policy.Build{Query: q, Why: f.Error(), Need: f.Hint}, nil
}

// Placed asks where the job was that signed an entry.
func (d doors) Placed(ctx context.Context, q policy.PlaceQuery) (policy.Placed, error) {
	out, err := d.door.Placed(ctx, q)
	if err != nil && silent(ctx, err) {
		f := fault.Of(err)
		return policy.Placed{Query: q, Why: f.Error()}, nil
	}
	return out, err
}

// builders are the workflows whose runs are asked about: those that build, and
// those that carry approvals.
func (d doors) builders() []policy.Builder {
	all := slices.Clone(d.policy.ApproveIn)
	for _, a := range d.policy.Artifacts {
		all = append(all, a.BuiltBy...)
	}
	return all
}

// need is the next step where a place elsewhere does not show a run.
func (d doors) need(home string) string {
	for _, b := range d.builders() {
		if b.Forge.Host+"/"+b.Repository == home {
			return d.r.tokenFor(b.Forge, b.Repository)
		}
	}
	return ""
}

func (d doors) open(home string) (besides, error) {
	if home == d.home {
		return d.door, nil
	}
	for _, b := range d.builders() {
		if b.Forge.Host+"/"+b.Repository == home {
			return d.r.elsewhere(b.Forge, b.Repository)
		}
	}
	return d.door, nil
}

// doorOf opens the door of the repository that a policy is about, which in a
// job is the job's own.
func (r *run) doorOf(p *policy.Policy) (door, error) {
	if r.platform != nil {
		return r.platform, r.identify(p.Instances())
	}
	type place struct {
		forge policy.Forge
		path  string
	}
	var all []place
	for _, a := range p.Artifacts {
		for _, b := range a.BuiltBy {
			if !slices.ContainsFunc(all, func(x place) bool { return x.forge.Host == b.Forge.Host && x.path == b.Repository }) {
				all = append(all, place{b.Forge, b.Repository})
			}
		}
	}
	want := strings.TrimSuffix(r.in.Repository, "/")
	if want != "" {
		all = slices.DeleteFunc(all, func(x place) bool { return x.forge.Host+"/"+x.path != want })
	}
	// The author of the policy chose these addresses, and a token goes there.
	if len(all) == 1 && want == "" && !wellKnown(all[0].forge.Host) {
		return nil, fault.New(fault.Usage, fault.Config, "if that is where your token may go, say so: --repository "+all[0].forge.Host+"/"+all[0].path,
			"the policy names a platform of its own, %s", all[0].forge.Host)
	}
	if len(all) != 1 {
		var names []string
		for _, x := range all {
			names = append(names, x.forge.Host+"/"+x.path)
		}
		return nil, fault.New(fault.Usage, fault.Config, "name it with --repository", "the policy is about %d repositories that fit: %s", len(all), strings.Join(names, ", "))
	}
	return r.openDoor(all[0].forge, all[0].path)
}
