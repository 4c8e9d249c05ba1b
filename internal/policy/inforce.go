package policy

import (
	"fmt"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// InForce is the policy of a newest entry into an environment. Where the policy at hand
// is another one, its people have to agree too, so that nobody gets in by a weaker
// policy alone.
type InForce struct {
	Entry  statement.Link
	Policy *Policy
}

// Sources returns the newest entries whose policy is another one than that at hand,
// and which want a record: a change away from it is a change, and judged as one. Of
// several entries of one policy it returns one.
func (in Input) Sources() []Entry {
	var out []Entry
	for _, e := range in.chained().chain.Carriers() {
		if e.Policy != in.Policy.Digest &&
			!slices.ContainsFunc(out, func(o Entry) bool { return o.Policy == e.Policy }) {
			out = append(out, e)
		}
	}
	return out
}

// under returns in and an environment as the people of a policy in force judge them:
// its approvals, its groups and its people, about the evidence that meets the policy at
// hand. An approval names the policy at hand, which its giver was shown.
func (in Input) under(f InForce) (Input, Environment, bool) {
	env, _ := in.Policy.Environment(in.Environment)
	old, ok := f.Policy.Environment(in.Environment)
	if !ok {
		return in, old, false
	}
	p := *f.Policy
	p.Digest = in.Policy.Digest
	old.Requires = env.Requires
	if old.PolicyChange != nil {
		old.Approvals = []Rule{*old.PolicyChange}
	}
	in.Policy = &p
	return in, old, true
}

// before is an artifact of the policy at hand as a policy in force has it: begun where
// that says.
func (f InForce) before(a Artifact, name string) Artifact {
	a.Baseline = ""
	if old, ok := f.Policy.Artifact(name); ok {
		a.Baseline = old.Baseline
	}
	return a
}

// renamed denies where a policy in force does not know the environment by its name: nobody
// knows then whom it would ask.
func (in Input) renamed() []verdict.Finding {
	var out []verdict.Finding
	for _, f := range in.InForce {
		if _, _, ok := in.under(f); !ok {
			out = append(out, deny(
				fault.Policy,
				"policy in force",
				0,
				fmt.Sprintf("the policy of entry %d has no environment %q", f.Entry.Number, in.Environment),
				"an environment of the policy in force",
				"write the environment under the name that it had",
			))
		}
	}
	return out
}

// agreed judges, for one candidate, whether the people of a policy in force agree to the
// policy at hand.
func (s side) agreed() []verdict.Finding {
	var out []verdict.Finding
	for _, x := range s.approvals() {
		if x.Outcome == verdict.Allow &&
			!slices.ContainsFunc(s.env.Approvals, func(r Rule) bool { return x.Requirement == "approvals "+r.Group }) {
			continue // what else the old policy finds good is told once, under the new one
		}
		x.Requirement, x.Line = "policy in force: "+x.Requirement, 0
		x.Reason = fmt.Sprintf("the policy has changed since entry %d, and by its rules: %s", s.force.Entry.Number, x.Reason)
		out = append(out, x)
	}
	return out
}

// Strict reports whether e asks for a record, or says who has to agree to a change of the
// policy: then no other policy may come first.
func (e Environment) Strict() bool {
	return e.Record == RecordRequired || e.PolicyMerged || e.PolicyChange != nil
}

// asks reports whether an environment wants the approval of anybody. A veto alone asks
// nobody.
func (e Environment) asks() bool {
	return slices.ContainsFunc(e.Approvals, func(r Rule) bool { return !r.Veto })
}

// changedQuietly says, in words, where the policy has changed and nobody was asked.
func (in Input) changedQuietly() []string {
	var out []string
	for _, f := range in.InForce {
		if _, env, ok := in.under(f); ok && env.Record != RecordOff && !env.asks() && !env.PolicyMerged {
			out = append(
				out,
				fmt.Sprintf("the policy has changed since entry %d, whose policy asks nobody: %s is now %s",
					f.Entry.Number, f.Policy.Digest, in.Policy.Digest),
			)
		}
	}
	return out
}
