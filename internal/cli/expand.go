package cli

import (
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// expandable are the inputs in which names of variables stand for what the job's
// token says. They name what is looked at, and decide nothing.
var expandable = []string{"subject", "checksums", "bundle"}

// expand puts values in the place of the names of variables, in what the wiring
// handed on: those of token, which is verified before anything comes of it, or
// those that have been verified. What a command writes is held once more
// against what it now reads.
func (r *run) expand(token string) error {
	if len(r.named) == 0 {
		return nil
	}
	for _, name := range r.named {
		for i, text := range r.values[name] {
			v, err := r.platform.Expand(token, text)
			if err != nil {
				f := fault.Of(err)
				return fault.New(f.Kind, f.Code, f.Hint, "input %s: %w", name, err)
			}
			r.values[name][i] = v
		}
	}
	r.named = nil
	r.fill(&r.in)
	return r.guardTargets()
}

// identifyNamed is identify for a command that needs it only for the names in
// its inputs.
func (r *run) identifyNamed() error {
	if len(r.named) == 0 || r.in.Policy == "" {
		return nil
	}
	p, err := r.policy()
	if err != nil {
		return err
	}
	return r.identify(p.Instances())
}

// expanded refuses a command that has no verified token for the names in its
// inputs.
func (r *run) expanded() error {
	if len(r.named) == 0 {
		return nil
	}
	return fault.New(fault.Usage, fault.Config,
		"write the values themselves, or give the command a policy, under which the job's token is verified",
		"input %s names variables of the pipeline, and nothing verifies here what they are", strings.Join(r.named, " and "))
}
