package cli

import (
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// claimed finds the claimed role that --waive names, in the environments that the
// release would bring it into.
func (r *run) claimed(x *proposal) error {
	role, rest, _ := strings.Cut(r.text("waive"), ":")
	commit, who, ok := strings.Cut(rest, ":")
	if !ok || !slices.Contains(statement.ClaimedRoles, role) || who == "" {
		return usage("--waive %q, want ROLE:COMMIT:WHO, with a role of %s", r.text("waive"), strings.Join(statement.ClaimedRoles, ", "))
	}
	var inputs []policy.Input
	var counts []time.Time
	several, waivable := false, false
	for i, in := range x.inputs {
		env, _ := in.Policy.Environment(in.Environment)
		waivable = waivable || env.Waivers != nil
		here := false
		for _, c := range in.Candidates {
			for _, w := range policy.Claims(in, c) {
				if w.Claim.Role != role || w.Claim.Commit != commit || !calls(w.Claim, who) {
					continue
				}
				here, several = true, several || x.claim.Role != "" && !policy.SameClaim(x.claim, w.Claim)
				x.claim = w.Claim
			}
		}
		if here {
			inputs, counts = append(inputs, in), append(counts, x.counts[i])
		}
	}
	x.inputs, x.counts = inputs, counts
	switch {
	case several:
		return usage("--waive %q may be several people: write the address or NAME#NUMBER", r.text("waive"))
	case len(inputs) > 0:
		return nil
	case !waivable:
		return fault.New(fault.Refused, fault.Duties, "see docs/approve.md on waivers: the policy names a group for them, and a release made under that policy can use it",
			"the policy lets nobody waive a role for the environments of release %q", x.set.Version)
	}
	return fault.New(fault.Refused, fault.Duties, "copy ROLE:COMMIT:WHO from what the gate printed; who pushed, merged, proposed or started something stays a maker",
		"no commit that release %q brings in claims that %q is %s of %s", x.set.Version, who, role, commit)
}

// calls reports whether who is what people call the person of a claim.
func calls(c statement.Claim, who string) bool {
	if c.Account != nil && (who == c.Account.Name || who == c.Account.Name+"#"+c.Account.ID) {
		return true
	}
	return c.Email != "" && strings.EqualFold(who, c.Email)
}

// mayWaive refuses a waiver that no gate would count.
func (r *run) mayWaive(x proposal, who []policy.Account, by policy.Source) error {
	var no policy.Standing
	var may []string
	for _, in := range x.inputs {
		for _, c := range in.Candidates {
			for _, a := range who {
				if no = policy.StandWaiving(in, c, a, by, x.claim); no.Code == "" {
					return nil
				}
			}
			for _, w := range policy.Claims(in, c) {
				if policy.SameClaim(w.Claim, x.claim) {
					may = append(may, w.By...)
				}
			}
		}
	}
	slices.Sort(may)
	hint := "nobody may: each member of the group that waivers names has this role, or pushed, merged, proposed or started something here"
	if may = slices.Compact(may); len(may) > 0 {
		hint = "ask somebody who may: " + strings.Join(may, ", ")
	}
	return fault.New(fault.Refused, no.Code, hint, "%s may not waive it: %s %s", who[0].Label(), who[0].Label(), no.Reason)
}

// waive signs a waiver and stores it.
func (r *run) waive(x proposal, token string, check attest.Check) error {
	w := statement.Waiver{
		Claim: x.claim, Release: statement.DigestSet{SHA256: x.set.Digest.Hex()}, Version: x.set.Version, Repository: x.set.Repository,
		Policy: x.set.Policy, Evidence: seen(x.inputs), Reason: r.text("reason"), IssuedAt: stamp(r.now), ExpiresAt: stamp(x.expires),
	}
	for _, in := range x.inputs {
		w.Environments = append(w.Environments, statement.Place{Name: in.Environment, ID: in.Protection.ID})
	}
	predicate, err := w.JSON()
	if err != nil {
		return err
	}
	receipt, err := r.signStatement(x.chosen, token, statement.WaiverV1, predicate, statement.ReleaseSubject(x.set.Version, x.set.Digest), check)
	if err != nil {
		return err
	}
	return r.decided(x, receipt)
}
