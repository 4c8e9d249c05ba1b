package sigstore

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/sigstore/sigstore-go/pkg/sign"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// Certified returns who the certificate authority of c says that token is
// about. The certificate is verified as one that signs would be, at this
// moment, and signs nothing.
func Certified(ctx context.Context, c *SigningConfig, v *Verifier, token string) (statement.Signer, error) {
	ctx, cancel := context.WithTimeout(ctx, signBudget)
	defer cancel()
	services, err := c.services(ctx, time.Now())
	if err != nil {
		return statement.Signer{}, err
	}
	key, err := sign.NewEphemeralKeypair(nil)
	if err != nil {
		return statement.Signer{}, fmt.Errorf("making a key: %w", err)
	}
	raw, err := services.CertificateProvider.GetCertificate(ctx, key, &sign.CertificateProviderOptions{IDToken: token})
	if err != nil {
		return statement.Signer{}, fault.ScrubFault(classify(err), token)
	}
	s, err := v.certified(raw, key, time.Now())
	if err != nil {
		return statement.Signer{}, fault.New(fault.Refused, fault.Identity,
			"the trusted root and the signing config have to be of the same instance",
			"verifying the certificate that was just issued: %w", err)
	}
	return s, nil
}

// skew is how far the clocks of an authority and of this machine may differ.
const skew = time.Minute

func (v *Verifier) certified(raw []byte, key *sign.EphemeralKeypair, now time.Time) (statement.Signer, error) {
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		return statement.Signer{}, reject(fault.Malformed, "the certificate cannot be read")
	}
	if err := checkLeaf(leaf); err != nil {
		return statement.Signer{}, err
	}
	if public, ok := key.GetPublicKey().(*ecdsa.PublicKey); !ok || !public.Equal(leaf.PublicKey) {
		return statement.Signer{}, reject(fault.Chain, "the certificate is about another key")
	}
	// The clock of the authority may be ahead of this one, which says nothing about
	// who a certificate is about that was asked for a moment ago.
	if early := leaf.NotBefore.Sub(now); early > 0 && early <= skew {
		now = leaf.NotBefore
	}
	p := path{leaf: leaf}
	for _, w := range v.ways(leaf, now, nil) {
		if w.holds(now) {
			p.ways = append(p.ways, w)
		}
	}
	if len(p.ways) == 0 {
		return statement.Signer{}, reject(fault.Chain, "the certificate does not lead to the trusted root")
	}
	if err := v.checkSCTs(p); err != nil {
		return statement.Signer{}, err
	}
	return readSigner(leaf)
}
