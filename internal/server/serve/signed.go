package serve

import (
	"context"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/server/decide"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// signers is the policy under which a policy has to be signed; nil: nobody has to sign it. It lies on the machine, and
// is read each time.
func (c *Config) signers(ctx context.Context, p Policy) (*decide.Rule, error) {
	if p.SignedUnder == "" {
		return nil, nil //nolint:nilnil // nobody has to sign it
	}
	under, err := c.folder(p.SignedUnder).rule(ctx, Policy{})
	if err != nil {
		return nil, err
	}
	if n := len(under.Environments); n != 1 || len(under.Environments[0].Approvals) > 0 {
		return nil, fault.New(fault.Usage, fault.Policy,
			"let it have one environment, whose requires says what a policy has to have",
			"the policy %q, which says who signs policies, has %d environments, or asks for approvals", p.SignedUnder, n)
	}
	return under, nil
}

// maxSignatures is how many bundles about one policy are looked at.
const maxSignatures = 1000

// signed judges a policy under the one that says who signs it, as sallyport verify would, and finds out when it was
// signed: who can write to the place may put an old one back there.
func (s *Server) signed(ctx context.Context, p Policy, at place, rule, under *decide.Rule) error {
	of, all, err := at.signatures(ctx, rule)
	if err != nil {
		return err
	}
	if len(all) > maxSignatures {
		return fault.New(fault.Refused, fault.Limit, "delete those that count no more",
			"%d bundles about the policy %q, want %d at most", len(all), at.name, maxSignatures)
	}
	verifiers, _, err := s.trust(ctx, under).Of(under.Policy)
	if err != nil {
		return err
	}
	j := judge{&gate.Gate{Policy: under.Policy, Verifiers: verifiers, Now: s.Now(),
		For:  under.Environments[0].Name,
		Next: func(x *sigstore.Rejection) string { return x.Hint }}, of}
	v, err := j.about(ctx, all)
	if err != nil {
		return fault.Errorf("judging who signed the policy %q: %w", at.name, err)
	}
	if v.Outcome() != verdict.Allow {
		f := verdict.Finding{Code: fault.Policy, Reason: "no verdict lets it in"}
		if all := v.Of(verdict.Deny); len(all) > 0 {
			f = all[0]
		}
		return fault.New(fault.Refused, f.Code, f.Hint, "the policy %q may not count under %q: %s", at.name,
			p.SignedUnder, f.Reason)
	}
	// The time is that of a signature that counts by itself, as its authority has it: others may sign what they like,
	// and
	// have a witness see an old signature again.
	for _, b := range all {
		v, err := j.about(ctx, []store.Evidence{b})
		if err != nil || v.Outcome() != verdict.Allow {
			continue
		}
		if x, err := gate.Verified(verifiers, b.Bundle); err == nil && x.Issued().After(rule.Issued) {
			rule.Issued, rule.Signer = x.Issued(), x.Signer().SAN
		}
	}
	if rule.Issued.IsZero() {
		return fault.New(fault.Refused, fault.Identity, "have a workflow sign it",
			"no signature of the policy %q counts by itself and says when it was made", at.name)
	}
	rule.Place = p.id()
	return nil
}

// counts notes that a policy counts at its place from here on. It is refused where somebody has to have signed it and
// another one counts that was signed later. Another one than before is a leaf.
func (s *Server) counts(ctx context.Context, p Policy, rule *decide.Rule) error {
	digest := rule.Digest.String()
	before, at, err := s.keep.PolicyAt(ctx, p.id())
	if err != nil || before == digest && !rule.Issued.After(at) {
		return err
	}
	return s.keep.Write(ctx, func(tx *keep.Tx) error { return tx.PolicyCounts(p.id(), digest, rule.Issued, s.Now()) })
}

// A judge judges one subject under the policy of a gate.
type judge struct {
	*gate.Gate
	of subject.Subject
}

func (j judge) about(ctx context.Context, all []store.Evidence) (none verdict.Verdict, err error) {
	g := *j.Gate
	g.Stores = []gate.Store{held(all)}
	in, err := g.Look(ctx, []subject.Subject{j.of}, "")
	if err != nil {
		return none, err
	}
	return gate.Decide(in)
}

// held are bundles that were read, as a store.
type held []store.Evidence

// Name is how people call it.
func (held) Name() string { return "the policy's place" }

// Fetch returns them.
func (h held) Fetch(context.Context, []subject.Subject) (store.Found, error) {
	return store.Found{Bundles: h}, nil
}
