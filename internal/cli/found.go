package cli

import (
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// foundBy are the environments of a proposal that what is signed is found by: those that
// the platform gives a number. A release of an earlier version may leave no room for
// them; then the decision is signed without.
func (r *run) foundBy(x proposal) []statement.Target {
	var out []statement.Target
	for _, in := range x.inputs {
		env, _ := in.Policy.Environment(in.Environment)
		if t, ok := in.Policy.Target(env, r.home, in.Protection.ID); ok {
			out = append(out, t)
		}
	}
	if len(x.chosen.list)+1+len(out) > statement.MaxSubjects {
		r.say("the release has so many artifacts that sallyport history will not find this decision: make smaller releases")
		return nil
	}
	return out
}

// subjects are what is signed besides the artifacts: the release, and what the decision
// is found by.
func (x proposal) subjects() []subject.Subject {
	out := []subject.Subject{statement.ReleaseSubject(x.set.Version, x.set.Digest)}
	for _, t := range x.targets {
		out = append(out, t.Decisions())
	}
	return out
}
