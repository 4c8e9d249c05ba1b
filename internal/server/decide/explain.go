package decide

import (
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/server/event"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Explain judges again what an answer rests on, from the input that was kept with it. What the row says has to be what
// its leaf says, and what the input leads to. It asks nobody.
func Explain(d event.Decision, leaf ledger.Leaf) (report.Record, error) {
	var none report.Record
	other := func(what, was, is string) (report.Record, error) {
		return none, fault.New(fault.Refused, fault.Replay,
			"find out who changed the database: the ledger is the proof",
			"%s of the answer is %q, and its leaf in the ledger says %q", what, was, is)
	}
	a := leaf.About
	verdict := ""
	if len(d.Verdict) > 0 {
		verdict = subject.Sum(d.Verdict).String()
	}
	switch {
	case a.Decision != d.ID:
		return other("the identifier", d.ID, a.Decision)
	case a.Verdict != verdict && (verdict != "" || d.Input == ""):
		return other("the verdict", verdict, a.Verdict)
	case a.Input != d.Input:
		return other("the input", d.Input, a.Input)
	case d.Input == "":
		return none, fault.New(fault.Refused, fault.Replay, "the reason is all there is",
			"no verdict led to this answer, which is %s: %s: %s", d.Answer, d.Code, d.Reason)
	case len(d.Kept) == 0:
		return none, fault.New(fault.Refused, fault.Replay, "the ledger has its digests",
			"the input of this answer was deleted, because it was older than is kept")
	}
	if got := subject.Sum(d.Kept).String(); got != d.Input {
		return other("the input that was kept", got, a.Input)
	}
	said, err := report.ReadRecord(d.Verdict)
	if err != nil {
		return none, err
	}
	if said.Input == nil || said.Core == nil || said.Policy == nil || said.Input.String() != d.Input {
		return none, fault.New(fault.Refused, fault.Replay, "", "the verdict of the answer names another input")
	}
	if err := policy.KnowsRules(said.Rules); err != nil {
		return none, err
	}
	in, err := policy.ReadInput(d.Kept)
	if err != nil {
		return none, err
	}
	v, err := policy.Again(&in, policy.Claim{Input: *said.Input, Core: *said.Core, Policy: &said.Policy.Digest,
		Environment: said.Environment, Outcome: said.Outcome.String(), At: said.At, Verdict: said.Verdict})
	if err != nil {
		return none, err
	}
	if answer := v.Answer(); d.Answer == event.Approved && !answer.Allows() && !answer.Watched {
		return none, fault.New(fault.Refused, fault.Replay, "find out who changed the database",
			"the answer is %s, and judged again it is %s", d.Answer, answer)
	}
	rec := report.NewRecord(said.Tool, v)
	rec.Policy, rec.Rules, rec.Input, rec.Core = said.Policy, said.Rules, said.Input, said.Core
	rec.Run, rec.TrustedRoots = said.Run, said.TrustedRoots
	rec.Stamp(in.Now)
	return rec, nil
}
