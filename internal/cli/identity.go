package cli

import (
	"slices"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// identify finds out who this job is before anything secret is sent. A person at
// a terminal has no job.
func (r *run) identify(all []policy.Instance) error {
	if r.platform == nil {
		return nil
	}
	if r.unproven {
		if err := usual(all); err != nil {
			return err
		}
	}
	if err := r.platform.Identify(r.ctx, all); err != nil {
		return err
	}
	repository, _ := r.platform.Origin()
	r.home = repository.URI
	return r.expand("")
}

// identifyToRead is identify for a command that asks the platform for evidence
// and for nothing else, if it is one of the stores.
func (r *run) identifyToRead(all []policy.Instance) error {
	names := r.in.Store
	if r.platform == nil || r.in.Offline || !slices.Contains(names, "auto") && !slices.Contains(names, r.platform.storeName()) {
		return nil
	}
	if len(all) == 0 {
		return fault.New(fault.Usage, fault.Config,
			"name the platform with --policy or --certificate-oidc-issuer, or look for bundles in other stores",
			"nothing says which server the store %q is on, and a token goes to no other", r.platform.storeName())
	}
	return r.identify(all)
}

// belongs refuses to let the job of one repository into the environment of
// another, in which somebody else decides what protects it.
func (r *run) belongs(p *policy.Policy, name string) error {
	host, id := r.platform.Home()
	e, _ := p.Environment(name)
	want, ok := p.Home(e, host)
	switch {
	case !ok:
		return fault.New(fault.Refused, fault.Identity,
			"run the gate where the policy says, or say with repository-id of the environment where that is",
			"no repository on %s is one that environment %q belongs to", host, name)
	case id != want:
		return fault.New(fault.Refused, fault.Identity,
			"run the gate in that repository, or say with repository-id of the environment that it belongs to this one",
			"this job is one of repository %s on %s, and environment %q belongs to repository %s", id, host, name, want)
	}
	return nil
}

// location is where the platform of a job without a policy is: at the issuer
// that the certificate authority found in the job's token, or where the input
// api says. A job's variables say it to nobody.
type location struct {
	r      *run
	api    string // the input
	mu     sync.Mutex
	issuer string
}

func (w *location) reach(issuer string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.issuer == issuer {
		return nil
	}
	w.issuer = issuer
	return w.r.platform.Reach(issuer, w.api)
}

// certified asks the authority before there is anything to sign.
func (w *location) certified(c *sigstore.SigningConfig, v *sigstore.Verifier, token string) error {
	s, err := sigstore.Certified(w.r.ctx, c, v, token)
	if err != nil {
		return err
	}
	return w.reach(s.Issuer)
}

// check is next, and learns from the certificate of what was signed where it
// may be stored.
func (w *location) check(next attest.Check) attest.Check {
	return func(s statement.Signer, st statement.Statement) error {
		if err := next(s, st); err != nil {
			return err
		}
		return w.reach(s.Issuer)
	}
}
