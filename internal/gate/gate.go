// Package gate walks from subjects to a verdict: it collects bundles, has them
// verified, turns what verified into facts, and asks the policy.
//
// It refuses to decide. It also refuses to answer without having heard every
// store and the platform: a store that is silent is an error, and an error is
// no verdict.
package gate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// A Store hands over the bundles it has about subjects, unverified. A subject
// it knows nothing about is no error; a question it cannot answer is.
type Store interface {
	Name() string
	Fetch(ctx context.Context, subjects []subject.Subject) ([]store.Evidence, error)
}

// A Guard says how an environment is protected at this moment.
type Guard interface {
	Environment(ctx context.Context, name string) (policy.Protection, error)
}

// Gate judges subjects under a policy.
type Gate struct {
	Policy    *policy.Policy
	Stores    []Store
	Verifiers map[string]*sigstore.Verifier // by policy.Trust.Key
	Guard     Guard                         // not asked when no environment is
	Files     Files                         // to open an artifact again, or nil
	Workers   int
	Now       time.Time
}

// Files opens the artifact behind a subject once more, for evidence that names
// it by another digest. It returns nil if there is no file.
type Files func(subject.Subject) sigstore.Artifact

// Judge returns the verdict about subjects and, if environment is not empty,
// about their entry into it.
func (g *Gate) Judge(ctx context.Context, subjects []subject.Subject, environment string) (verdict.Verdict, error) {
	in := policy.Input{Policy: g.Policy, Environment: environment, Now: g.Now}
	evidence, err := Collect(ctx, g.Stores, subjects)
	if err != nil {
		return verdict.Verdict{}, err
	}
	if environment != "" {
		if in.Protection, err = g.Guard.Environment(ctx, environment); err != nil {
			return verdict.Verdict{}, fmt.Errorf("asking how %q is protected: %w", environment, err)
		}
	}
	in.Candidates, err = g.candidates(subjects, evidence)
	if err != nil {
		return verdict.Verdict{}, err
	}
	return policy.Evaluate(in), nil
}

// candidates verifies the evidence under the trust of each subject's artifact.
func (g *Gate) candidates(subjects []subject.Subject, evidence []Item) ([]policy.Candidate, error) {
	trust := func(s subject.Subject) string {
		a, ok := g.Policy.Artifact(s.Name)
		if !ok {
			return ""
		}
		return a.Trust.Key()
	}
	return Verify(subjects, evidence, Checker{Trust: trust, Verifiers: g.Verifiers, Files: g.Files, Workers: g.Workers})
}

// fact is the only way from a proof to something that a policy believes.
func fact(v sigstore.Verified, trust, source string) policy.Fact {
	s, _ := v.Statement()
	return policy.Fact{
		Signer: v.Signer(), Keyed: v.Keyed(), Trust: trust, Time: v.Time(),
		Statement: s, StatementHash: v.ContentDigest(), Source: source,
	}
}

// rejection says why a bundle gave no fact; ok is false for a fault.
func rejection(err error, source string) (r policy.Rejection, ok bool) {
	var bad *sigstore.Rejection
	if !errors.As(err, &bad) {
		return policy.Rejection{}, false
	}
	return policy.Rejection{Code: bad.Code, Reason: bad.Error(), Source: source}, true
}
