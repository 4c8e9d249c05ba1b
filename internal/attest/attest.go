// Package attest walks from subjects to stored evidence: it states, signs,
// verifies what it has just signed, and only then stores it.
//
// It refuses to leave anything behind that the gate would not accept: a bundle
// that does not verify, or that contradicts its own certificate, reaches no
// store and no disk.
package attest

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// maxInFlight is how many statements are signed at once. A log answers a batch
// as fast as a single entry.
const maxInFlight = 16

// A Sink keeps a bundle.
type Sink interface {
	Name() string
	Put(ctx context.Context, r store.Record) (store.Receipt, error)
}

// Attest signs statements about subjects and stores them.
type Attest struct {
	Signing  *sigstore.SigningConfig
	Verifier *sigstore.Verifier // the gate's: what it refuses is not stored
	Token    string             // OIDC identity token; never shown
	Check    Check
	Local    Sink // always; before any other
	// Notes are annotations of every subject; nil: there are none.
	Notes *statement.Annotations
	// Document is what the statement summarises, to be stored beside it; nil: there is none.
	Document []byte
	Sinks    []Sink
}

// A Check refuses a signature that is genuine and of no use: it is asked before
// anything is stored.
type Check func(statement.Signer, statement.Statement) error

// Job is the check of what a job signs: that its platform is known, and that
// the statement does not contradict the certificate.
func Job(forge func(issuer string) (policy.Forge, bool)) Check {
	return func(s statement.Signer, st statement.Statement) error {
		f, known := forge(s.Issuer)
		if !known {
			return fault.New(fault.Refused, fault.Identity, "", "issuer %q is of no platform that a gate could judge", s.Issuer)
		}
		return policy.Contradiction(f, s, st)
	}
}

// A Receipt is one stored bundle.
type Receipt struct {
	Record store.Record
	Signer statement.Signer
	Local  store.Receipt
	Stored []store.Receipt
}

// Sign makes as many statements about subjects as it takes, signs and verifies
// them, and stores them. When a store does not answer, the receipts say what
// was kept, and the error is a fault.
func (a *Attest) Sign(ctx context.Context, subjects []subject.Subject, predicateType string, predicate []byte) ([]Receipt, error) {
	batches := statement.Batches(subjects)
	receipts := make([]Receipt, len(batches))
	g, signing := errgroup.WithContext(ctx)
	g.SetLimit(maxInFlight)
	for i, batch := range batches {
		g.Go(func() (err error) {
			defer fault.Recover(&err, "signing")
			receipts[i], err = a.sign(signing, batch, predicateType, predicate)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return receipts, a.keep(ctx, receipts)
}

func (a *Attest) sign(ctx context.Context, subjects []subject.Subject, predicateType string, predicate []byte) (Receipt, error) {
	payload, err := statement.Annotated(subjects, predicateType, predicate, a.Notes)
	if err != nil {
		return Receipt{}, err
	}
	st, err := statement.Parse(payload)
	if err == nil {
		err = st.Own()
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("reading back the statement: %w", err)
	}
	raw, err := sigstore.Sign(ctx, a.Signing, payload, a.Token)
	if err != nil {
		return Receipt{}, err
	}
	v, err := a.check(raw, subjects)
	if err != nil {
		return Receipt{}, fmt.Errorf("verifying what was just signed: %w", err)
	}
	return Receipt{Record: store.Record{Subjects: subjects, PredicateType: predicateType, Bundle: raw, Document: a.Document}, Signer: v.Signer()}, nil
}

// check is what the gate would do with the bundle.
func (a *Attest) check(raw []byte, subjects []subject.Subject) (sigstore.Verified, error) {
	b, err := sigstore.ParseBundle(raw)
	if err != nil {
		return sigstore.Verified{}, refused(err)
	}
	v, err := a.Verifier.Verify(b)
	if err != nil {
		return sigstore.Verified{}, refused(err)
	}
	for _, s := range subjects {
		if !v.Covers(s.Digest) {
			return sigstore.Verified{}, fault.New(fault.Refused, fault.SubjectMismatch, "", "the signed statement does not cover %q", s.Name)
		}
	}
	st, _ := v.Statement()
	return v, a.Check(v.Signer(), st)
}

// refused makes a fault of a rejection. Where the trusted root does not know what signed, the signer's own configuration
// is what is wrong.
func refused(err error) error {
	var r *sigstore.Rejection
	if !errors.As(err, &r) {
		return err
	}
	hint := r.Hint
	switch r.Code {
	case fault.Chain, fault.TLog, fault.SCT, fault.Time, fault.TrustRoot:
		if hint == "" {
			hint = "the trusted root and the signing config have to be of the same instance"
		}
	}
	return fault.New(fault.Refused, r.Code, hint, "%w", err)
}

// keep stores the bundles: all of them here first, so that none is lost when
// another store does not answer for one of them.
func (a *Attest) keep(ctx context.Context, receipts []Receipt) error {
	for i := range receipts {
		var err error
		if receipts[i].Local, err = a.Local.Put(ctx, receipts[i].Record); err != nil {
			return fmt.Errorf("keeping the bundle: %w", err)
		}
	}
	for i := range receipts {
		if err := a.send(ctx, &receipts[i]); err != nil {
			return err
		}
	}
	return nil
}

// send stores one bundle in all other stores at once.
func (a *Attest) send(ctx context.Context, r *Receipt) error {
	stored := make([]store.Receipt, len(a.Sinks))
	g, ctx := errgroup.WithContext(ctx)
	for i, s := range a.Sinks {
		g.Go(func() (err error) {
			defer fault.Recover(&err, "storing in "+s.Name())
			if stored[i], err = s.Put(ctx, r.Record); err != nil {
				return fmt.Errorf("storing the bundle in %s: %w; it is kept in %s", s.Name(), err, r.Local.ID)
			}
			return nil
		})
	}
	err := g.Wait()
	for _, s := range stored {
		if s.Store != "" {
			r.Stored = append(r.Stored, s)
		}
	}
	return err
}
