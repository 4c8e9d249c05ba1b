package gate

import (
	"context"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// maxLookedBack is how many versions of a policy are looked at for how often its dates were
// moved.
const maxLookedBack = 20

// A place is an environment, and where the default branch is of the repository that it belongs to.
type place struct{ repository, id, commit, environment string }

// Modes asks what the policy of the default branch says of the modes of an environment. path is
// where the policy at hand is: one that is not at policy.UsualPath has no mode but enforce.
func Modes(ctx context.Context, at Branch, read Reader, path, environment string) (policy.Modes, error) {
	if path != policy.UsualPath {
		return elsewhere(), nil
	}
	repository, id, commit, _, err := at.Head(ctx)
	if err != nil {
		return policy.Modes{}, err
	}
	raw, err := at.File(ctx, commit, path)
	if err != nil {
		return hidden(err), nil
	}
	p, err := read(raw)
	return modes(ctx, at, read, p, err, place{repository, id, commit, environment}), nil
}

// elsewhere is the answer for a policy at another path.
func elsewhere() policy.Modes {
	return policy.Modes{
		Why:  "a mode other than enforce is for the policy at " + policy.UsualPath + " of the default branch alone",
		Need: "keep the policy there, or write mode: enforce",
	}
}

// hidden is the answer of a platform that does not show the policy.
func hidden(err error) policy.Modes {
	f := fault.Of(err)
	return policy.Modes{Why: "the platform does not show the policy of the default branch: " + f.Error(), Need: f.Hint}
}

// modes is what the policy of the default branch, which read has made p or err of, says of the
// modes of an environment.
func modes(
	ctx context.Context, at Branch, read Reader, p *policy.Policy, err error, of place,
) policy.Modes {
	if err != nil {
		return policy.Modes{Why: "the policy of the default branch cannot be read: " + strings.ReplaceAll(err.Error(), "\n", "; "),
			Need: "merge one that can be read"}
	}
	m := policy.ModesOf(p, of.environment, of.repository, of.id)
	if !m.Lenient() {
		return m
	}
	commits, err := at.Versions(ctx, of.commit, policy.UsualPath)
	if err != nil {
		m.Unseen = err.Error()
		return m
	}
	if len(commits) == 0 {
		m.Unseen = "the platform lists no version of it"
	}
	m.Partly = len(commits) >= maxLookedBack
	var older []policy.Environment
	for _, c := range commits[:min(len(commits), maxLookedBack)] {
		raw, err := at.File(ctx, c, policy.UsualPath)
		if err != nil {
			m.Partly = true
			break
		}
		then, err := read(raw)
		if err != nil {
			m.Partly = true // a version of then had another meaning
			break
		}
		e, known := then.Environment(of.environment)
		if !known || !e.Lenient() {
			m.Partly = false // what is older was before these modes
			break
		}
		older = append(older, e)
	}
	m.LookBack(older)
	return m
}
