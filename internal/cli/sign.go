package cli

import (
	"github.com/sallyport-dev/sallyport/internal/attest"
	places "github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A signable is a predicate that this program writes, and knows the subjects of.
type signable interface {
	JSON() ([]byte, error)
	Subjects() ([]subject.Subject, error)
}

// attester is how this job signs, with the instance that it is told. What it signs is kept in
// the directory for bundles, and in sinks. It has no check yet.
func (r *run) attester(sinks ...attest.Sink) (*attest.Attest, error) {
	token, err := r.identityToken()
	if err != nil {
		return nil, err
	}
	signing, verifier, err := r.instance(token)
	if err != nil {
		return nil, err
	}
	local := places.Dir{Path: r.in.BundleDir}
	return &attest.Attest{Signing: signing, Verifier: verifier, Token: token, Local: local, Sinks: sinks}, nil
}

// sign signs a statement of a kind. It is one: what has too many subjects is refused before.
func (r *run) sign(a *attest.Attest, kind string, x signable) (attest.Receipt, error) {
	predicate, err := x.JSON()
	if err != nil {
		return attest.Receipt{}, err
	}
	subjects, err := x.Subjects()
	if err != nil {
		return attest.Receipt{}, err
	}
	receipts, err := a.Sign(r.ctx, subjects, kind, predicate)
	if err != nil {
		return attest.Receipt{}, err
	}
	return receipts[0], nil
}
