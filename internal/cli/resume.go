package cli

import (
	"fmt"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// resume starts the failed jobs of the run that made a release again, as soon as
// nobody else has to approve it for one of its environments. The decision stands
// whatever becomes of that.
func (r *run) resume(p *policy.Policy, x proposal) error {
	if x.decision != statement.Approve {
		r.say("nothing is started again: %s lets nothing in", x.decision)
		return nil
	}
	g, _, err := r.gate(p, x.chosen, r.at)
	if err != nil {
		return err
	}
	g.Deciding = true
	for _, was := range x.inputs {
		in, err := r.look(g, p, x.chosen, was.Environment)
		if err != nil {
			return err
		}
		missing := policy.LackingPeople(in)
		if len(missing) == 0 {
			said, err := r.at.Resume(r.ctx, x.fact.Signer.Run)
			f := fault.Of(err)
			switch {
			case err == nil:
				r.say("%s", said)
			case f.Kind == fault.Refused: // the platform never will, and the approval counts in any run
				r.say("the approval is signed and kept; nothing is started again: %v; %s", err, f.Hint)
				err = nil
			default:
				err = fmt.Errorf("the approval is signed and kept; starting the run again: %w", err)
			}
			return err
		}
		r.say("nothing is started again for %q yet: %s", was.Environment, missing[0].Reason)
	}
	return nil
}
