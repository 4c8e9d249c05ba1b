package sigstore

import (
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// rejection says why sigstore-go refused e.
func (v *Verifier) rejection(e *entity, err error) error {
	switch c := code(err); {
	case c == fault.Chain:
		return v.chainRejection(e, trim(err))
	case c == fault.Time && strings.Contains(err.Error(), "the validity period"):
		return &Rejection{Code: fault.TrustRoot, Err: trim(err)}
	default:
		return &Rejection{Code: c, Err: trim(err)}
	}
}

// chainRejection tells a certificate of nobody we trust from one that was used
// at a time when it, or its authority, was not valid. It changes no answer.
func (v *Verifier) chainRejection(e *entity, err error) error {
	leaf := e.content.Certificate()
	switch {
	case !v.chains(leaf, withoutWindow):
		return &Rejection{Code: fault.Chain, Err: err}
	case !v.chains(leaf, withWindow):
		return reject(fault.TrustRoot, "certificate is of an authority that was not valid for the trusted root when it issued it, at %s", stamp(leaf.NotBefore))
	default:
		return reject(fault.Time, "signed outside the validity of the certificate, from %s to %s, or of its authority",
			stamp(leaf.NotBefore), stamp(leaf.NotAfter))
	}
}

func withWindow(a root.FulcioCertificateAuthority) root.FulcioCertificateAuthority { return a }

func withoutWindow(a root.FulcioCertificateAuthority) root.FulcioCertificateAuthority {
	a.ValidityPeriodStart, a.ValidityPeriodEnd = time.Time{}, time.Time{}
	return a
}

// chains reports whether leaf led to one of the certificate authorities when it
// was issued.
func (v *Verifier) chains(leaf *x509.Certificate, view func(root.FulcioCertificateAuthority) root.FulcioCertificateAuthority) bool {
	for _, a := range v.material.FulcioCertificateAuthorities() {
		if f, ok := a.(*root.FulcioCertificateAuthority); ok {
			seen := view(*f)
			if _, err := seen.Verify(leaf, leaf.NotBefore); err == nil {
				return true
			}
		}
	}
	return false
}

// code finds the stable code of sigstore-go's error by the step that failed.
// The texts are those of the pinned version; TestCodes holds them.
func code(err error) fault.Code {
	steps := []struct {
		text string
		code fault.Code
	}{
		{"failed to verify log inclusion", fault.TLog},
		{"failed to verify timestamps", fault.Time},
		{"failed to verify leaf certificate", fault.Chain},
		{"failed to verify signed certificate timestamp", fault.SCT},
		{"failed to verify signature", fault.SignatureInvalid},
		{"failed to get signature verifier", fault.SignatureInvalid},
		{"signature time outside of public key validity", fault.Time},
		{"failed to verify certificate identity", fault.Identity},
		{"failed to summarize certificate", fault.Identity},
	}
	for _, s := range steps {
		if strings.HasPrefix(err.Error(), s.text) {
			return s.code
		}
	}
	return fault.Malformed
}

// trim turns sigstore-go's wording into a phrase of ours.
func trim(err error) error {
	return errors.New(strings.ReplaceAll(err.Error(), "failed to verify", "verifying"))
}
