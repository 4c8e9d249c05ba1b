package cli

import (
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/verdict"
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
		missing := lackingPeople(policy.Preview(in))
		if missing == nil {
			said, err := r.at.Resume(r.ctx, x.fact.Signer.Run)
			if err == nil {
				r.say("%s", said)
			}
			return err
		}
		r.say("nothing is started again for %q yet: %s", was.Environment, missing.Reason)
	}
	return nil
}

// lackingPeople is the first finding that waits for people, or nil.
func lackingPeople(v verdict.Verdict) *verdict.Finding {
	for _, j := range v.Judgements {
		i := slices.IndexFunc(j.Findings, func(f verdict.Finding) bool {
			return f.Outcome != verdict.Allow && (f.Code == fault.ApprovalMissing || f.Code == fault.ApprovalStale || f.Code == fault.ApprovalRejected || f.Code == fault.Duties)
		})
		if i >= 0 {
			return &j.Findings[i]
		}
	}
	return nil
}
