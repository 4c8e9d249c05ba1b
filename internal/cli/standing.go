package cli

import (
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// standing refuses, before anything is signed, whom the gate would not count,
// and returns the check that holds the certificate to it. In a job it also returns who
// started the run, which no certificate says.
func (r *run) standing(x proposal, token string) (*statement.Account, attest.Check, error) {
	if r.platform == nil {
		if err := r.mayDecide(x, x.signers(emailOf(token)), policy.BySignature); err != nil {
			return nil, nil, err
		}
		return nil, func(s statement.Signer, _ statement.Statement) error {
			return r.mayDecide(x, []policy.Account{{Host: s.Issuer, ID: s.SAN, Name: s.SAN, Kind: policy.Human}}, policy.BySignature)
		}, nil
	}
	runs, err := r.platform.Runs(r.ctx, []policy.RunQuery{{URI: r.platform.Run()}})
	if err != nil {
		return nil, nil, err
	}
	if runs[0].Again {
		return nil, nil, fault.New(fault.Refused, fault.Duties, "start the workflow anew", "this run was started again, which repeats what its first starter had put in")
	}
	if err := r.mayDecide(x, []policy.Account{runs[0].By}, policy.ByWorkflow); err != nil {
		return nil, nil, err
	}
	by := &statement.Account{Host: runs[0].By.Host, ID: runs[0].By.ID}
	return by, func(s statement.Signer, _ statement.Statement) error {
		if !policy.CarriesApprovals(x.inputs[0].Policy, s) {
			return fault.New(fault.Refused, fault.Identity, "approve in the workflow that approve-in names, on the branch that it names", "%q carries no approvals under this policy", s.SAN)
		}
		return nil
	}, nil
}

// signers are the members of groups that an address could be, of the policy at hand and of
// those in force.
func (x proposal) signers(email string) []policy.Account {
	var out []policy.Account
	for _, g := range x.groups() {
		for _, m := range g.Members {
			a := policy.Account{Host: m.Host, ID: email, Name: email, Kind: policy.Human}
			if m.Kind == policy.MemberEmail && strings.EqualFold(m.ID, email) && !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	if len(out) == 0 {
		out = append(out, policy.Account{ID: email, Name: email, Kind: policy.Human})
	}
	return out
}

// groups are those of every policy whose people are asked.
func (x proposal) groups() []policy.Group {
	out := slices.Clone(x.inputs[0].Policy.Groups)
	for _, in := range x.inputs {
		for _, f := range in.InForce {
			out = append(out, f.Policy.Groups...)
		}
	}
	return out
}

// mayWithdraw refuses a withdrawal that takes nothing back.
func (r *run) mayWithdraw(x proposal, who []policy.Account) error {
	for _, in := range x.inputs {
		for _, c := range in.Candidates {
			if slices.ContainsFunc(who, func(a policy.Account) bool { return policy.TakesBack(in, c, a, x.set.Digest) }) {
				return nil
			}
		}
	}
	return fault.New(fault.Refused, fault.Duties, "each person takes back their own word, with any of the identities that people names for them",
		"%s has said nothing about release %q that could be taken back", who[0].Label(), x.set.Version)
}

// mayDecide refuses a decision that no rule of any environment would count.
func (r *run) mayDecide(x proposal, who []policy.Account, by policy.Source) error {
	switch x.decision {
	case statement.Withdraw:
		return r.mayWithdraw(x, who)
	case statement.Waive:
		return r.mayWaive(x, who, by)
	}
	var no *policy.Standing
	for _, in := range x.inputs {
		asked := r.groupsAsked(x, in)
		for _, c := range in.Candidates {
			for _, a := range who {
				for _, s := range policy.Stand(in, c, a, by) {
					counts := asked[s.Group]
					if s.InForce {
						counts = (!s.Veto || x.decision == statement.Reject) && !x.told.BreakGlass
					}
					if counts && (s.Code == "" || s.Member && (x.decision == statement.Reject || x.told.BreakGlass)) {
						return nil
					}
					if !counts && s.Member {
						s.Code, s.Reason = fault.Duties, "is in group "+s.Group+", which is not asked for this"
					}
					if s.Code != "" && (no == nil || s.Member && !no.Member) {
						no = &s
					}
				}
			}
		}
	}
	if no == nil {
		return fault.New(fault.Refused, fault.Duties, "say under environments whose approvals are asked for, with approvals or break-glass", "the policy asks for no such word about %q", x.set.Version)
	}
	return fault.New(fault.Refused, no.Code, x.whom(), "%s may not %s it: %s %s", who[0].Label(), x.decision, who[0].Label(), no.Reason)
}

// groupsAsked are the groups that are asked for this decision. A group with a veto is
// not asked for an approval, and an emergency approval is asked of its own group
// only.
func (r *run) groupsAsked(x proposal, in policy.Input) map[string]bool {
	out := map[string]bool{}
	env, _ := in.Policy.Environment(in.Environment)
	if x.told.BreakGlass && x.decision == statement.Approve {
		if env.Emergency != nil {
			out[env.Emergency.Group] = true
		}
		return out
	}
	for _, rule := range env.Approvals {
		if !rule.Veto || x.decision == statement.Reject {
			out[rule.Group] = true
		}
	}
	return out
}

// eligible names everybody who may approve in any environment.
func (x proposal) eligible() []string {
	var out []string
	for _, in := range x.inputs {
		may := policy.MayApprove(in)
		for _, g := range slices.Sorted(maps.Keys(may)) {
			for _, n := range may[g] {
				if !slices.Contains(out, n) {
					out = append(out, n)
				}
			}
		}
	}
	return out
}

// whom is the next step of somebody who may not decide: who may, or, where nobody
// is left, what the gate says to do.
func (x proposal) whom() string {
	if may := x.eligible(); len(may) > 0 {
		return "ask somebody who may: " + strings.Join(may, ", ")
	}
	for _, in := range x.inputs {
		for _, f := range findings(in) {
			if strings.HasPrefix(f.Requirement, "approvals ") && f.Hint != "" {
				return f.Hint
			}
		}
	}
	return "nobody is left who may"
}
