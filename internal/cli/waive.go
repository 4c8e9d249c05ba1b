package cli

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// wholeCommit in the place of a person stands for all whom a commit claims for a role.
const wholeCommit = "everybody"

// claimed finds the claimed roles that --waive names, in the environments that the
// release would bring them into: of one person, or of everybody whom a commit claims.
func (r *run) claimed(x *proposal) error {
	role, rest, _ := strings.Cut(x.told.Waive, ":")
	commit, who, ok := strings.Cut(rest, ":")
	if !ok || !slices.Contains(statement.ClaimedRoles, role) || who == "" {
		return usage("--waive %q, want ROLE:COMMIT:WHO, with a role of %s", x.told.Waive, strings.Join(statement.ClaimedRoles, ", "))
	}
	var inputs []policy.Input
	var counts []time.Time
	waivable := false
	for i, in := range x.inputs {
		env, _ := in.Policy.Environment(in.Environment)
		waivable = waivable || env.Waivers != nil
		here := false
		for _, c := range in.Candidates {
			for _, w := range policy.Claims(in, c) {
				if w.Claim.Role != role || w.Claim.Commit != commit || who != wholeCommit && !calls(w.Claim, who) {
					continue
				}
				here = true
				if !slices.ContainsFunc(x.claims, func(c statement.Claim) bool { return policy.SameClaim(c, w.Claim) }) {
					x.claims = append(x.claims, w.Claim)
				}
			}
		}
		if here {
			inputs, counts = append(inputs, in), append(counts, x.counts[i])
		}
	}
	x.inputs, x.counts = inputs, counts
	switch {
	case len(x.claims) > 1 && who != wholeCommit:
		return usage("--waive %q may be several people: write the address or NAME#NUMBER", x.told.Waive)
	case len(x.claims) > maxWaived:
		return fault.New(fault.Refused, fault.Limit, "release an older commit first, or begin later with baseline in the policy",
			"commit %s claims %d people for the role %s, and at most %d are waived at once", commit, len(x.claims), role, maxWaived)
	case len(inputs) > 0:
		return nil
	case !waivable:
		return fault.New(fault.Refused, fault.Duties, "see docs/approve.md on waivers: the policy names a group for them, and a release made under that policy can use it",
			"the policy lets nobody waive a role for the environments of release %q", x.set.Version)
	}
	return fault.New(fault.Refused, fault.Duties, "copy ROLE:COMMIT:WHO from what the gate printed; who pushed, merged, proposed or started something stays a maker",
		"no commit that release %q brings in claims that %q is %s of %s", x.set.Version, who, role, commit)
}

// maxWaived bounds how many claims one command waives. Each is a statement of its own.
const maxWaived = 500

// calls reports whether who is what people call the person of a claim.
func calls(c statement.Claim, who string) bool {
	if c.Account != nil && (who == c.Account.Name || who == c.Account.Name+"#"+c.Account.ID) {
		return true
	}
	return c.Email != "" && strings.EqualFold(who, c.Email)
}

// mayWaive refuses waivers of which no gate would count one.
func (r *run) mayWaive(x proposal, who []policy.Account, by policy.Source) error {
	for _, claim := range x.claims {
		if err := mayWaiveOne(x, claim, who, by); err != nil {
			return err
		}
	}
	return nil
}

func mayWaiveOne(x proposal, claim statement.Claim, who []policy.Account, by policy.Source) error {
	var no policy.Standing
	var may []string
	for _, in := range x.inputs {
		for _, c := range in.Candidates {
			for _, a := range who {
				if no = policy.StandWaiving(in, c, a, by, claim); no.Code == "" {
					return nil
				}
			}
			for _, w := range policy.Claims(in, c) {
				if policy.SameClaim(w.Claim, claim) {
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

// waive signs a waiver of each claim and stores it.
func (r *run) waive(x proposal, token string, check attest.Check) error {
	defer r.progress("signing " + plural(len(x.claims), "waiver"))()
	receipts := make([]attest.Receipt, len(x.claims))
	g := errgroup.Group{}
	g.SetLimit(16) // a log answers a batch as fast as a single entry
	for i, claim := range x.claims {
		g.Go(func() (err error) {
			defer fault.Recover(&err, "waiving")
			receipts[i], err = r.waiver(x, claim, token, check)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return r.decided(x, receipts[0])
}

func (r *run) waiver(x proposal, claim statement.Claim, token string, check attest.Check) (attest.Receipt, error) {
	w := statement.Waiver{
		Claim: claim, Release: statement.DigestSet{SHA256: x.set.Digest.Hex()}, Version: x.set.Version, Repository: x.set.Repository,
		Policy: x.set.Policy, Evidence: seen(x.inputs), Reason: x.told.Reason, IssuedAt: stamp(r.now), ExpiresAt: stamp(x.expires),
		By: x.by, Targets: x.targets,
	}
	for _, in := range x.inputs {
		w.Environments = append(w.Environments, statement.Place{Name: in.Environment, ID: in.Protection.ID})
	}
	predicate, err := w.JSON()
	if err != nil {
		return attest.Receipt{}, err
	}
	return r.signStatement(x.chosen, token, statement.WaiverV1, predicate, x.subjects(), check, x.kept...)
}
