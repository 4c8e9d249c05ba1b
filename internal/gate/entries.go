package gate

import (
	"context"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// History gathers what is known about the entries into an environment alone. id is
// the environment's number; "": the numbers are those that the entries at hand give
// it, and each is an environment of its own. Runs that nobody has written down are
// asked about where ask is set.
func (g *Gate) History(ctx context.Context, environment, id string, ask bool) ([]policy.Input, error) {
	env, _ := g.Policy.Environment(environment)
	var evidence Evidence
	var targets []statement.Target
	t, ok := g.Policy.Target(env, g.Home, id)
	var err error
	if ok {
		targets = append(targets, t)
		evidence, err = Collect(ctx, g.Stores, []subject.Subject{t.Subject("")})
	} else if evidence, err = Collect(ctx, g.Stores, nil); err == nil {
		targets = g.claimed(evidence, environment)
	}
	if err != nil {
		return nil, err
	}
	var out []policy.Input
	for _, t := range targets {
		all, err := g.candidates([]subject.Subject{t.Subject("")}, evidence)
		if err != nil {
			return nil, err
		}
		in := policy.Input{
			Policy:      g.Policy,
			Environment: environment,
			Protection:  policy.Protection{ID: t.ID},
			Entries:     all[0],
			Now:         g.Now,
		}
		if in.Unasked = !ask; ask {
			if err := g.ask(ctx, &in, nil); err != nil {
				return nil, err
			}
		}
		out = append(out, in)
	}
	return out, nil
}

// claimed are the environments of a name that bundles claim to be about. Nothing of it
// is believed: what they state is verified afterwards.
func (g *Gate) claimed(evidence Evidence, environment string) []statement.Target {
	var out []statement.Target
	for _, i := range evidence.Items {
		b, err := sigstore.ParseBundle(i.raw)
		if err != nil {
			continue
		}
		s, err := statement.Parse(b.Payload())
		if err != nil || s.PredicateType != statement.SummaryV1 {
			continue
		}
		e, err := s.Entered()
		if err != nil || e.Target.Name != environment {
			continue
		}
		known, ok := g.Policy.Target(
			policy.Environment{Name: environment, RepositoryID: e.Target.Repository.ID},
			g.Home,
			e.Target.ID,
		)
		if ok && known.Issuer == e.Target.Issuer &&
			!slices.ContainsFunc(out, func(o statement.Target) bool { return o.Subject("") == e.Target.Subject("") }) {
			out = append(out, e.Target)
		}
	}
	slices.SortFunc(out, func(a, b statement.Target) int { return len(a.ID) - len(b.ID) })
	return out
}
