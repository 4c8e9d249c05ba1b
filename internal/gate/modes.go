package gate

import (
	"context"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// maxLookedBack is how many versions of a policy are looked at for how often its dates were
// moved.
const maxLookedBack = 20

// modes is what the policy of the default branch, which Read has made p or err of, says of the
// modes of an environment.
func (g *Gate) modes(ctx context.Context, p *policy.Policy, err error, commit, environment string) policy.Modes {
	if err != nil {
		return policy.Modes{Why: "the policy of the default branch cannot be read: " + err.Error(),
			Need: "merge one that can be read"}
	}
	m := policy.ModesOf(p, environment)
	if m.Environment.Level == policy.Enforce {
		return m
	}
	commits, err := g.Guard.Versions(ctx, commit, policy.UsualPath)
	if err != nil {
		m.Unseen = err.Error()
		return m
	}
	m.Partly = len(commits) >= maxLookedBack
	var older []policy.Mode
	for _, c := range commits[:min(len(commits), maxLookedBack)] {
		raw, err := g.Guard.File(ctx, c, policy.UsualPath)
		if err != nil {
			m.Partly = true
			break
		}
		then, err := g.Read(raw)
		if err != nil {
			m.Partly = true // a version of then had another meaning
			break
		}
		e, known := then.Environment(environment)
		if !known || e.Mode.Level == policy.Enforce {
			m.Partly = false // what is older was before these modes
			break
		}
		older = append(older, e.Mode)
	}
	m.LookBack(older)
	return m
}
