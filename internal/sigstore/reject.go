package sigstore

import (
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tlog"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// rejection says why sigstore-go refused e.
func (v *Verifier) rejection(e *entity, err error) error {
	switch c := code(err); {
	case c == fault.Chain:
		return v.chainRejection(e, trim(err))
	case c == fault.TLog && v.promisedOutside(e):
		return &Rejection{Code: fault.TrustRoot, Err: trim(err)}
	case c == fault.Time && strings.Contains(err.Error(), "the validity period"):
		return &Rejection{Code: fault.TrustRoot, Err: trim(err)}
	default:
		return &Rejection{Code: c, Err: trim(err)}
	}
}

// promisedOutside reports whether a log of the trusted root promised something
// at a time when it was not valid. sigstore-go passes over such a promise.
func (v *Verifier) promisedOutside(e *entity) bool {
	logs := v.material.RekorLogs()
	return slices.ContainsFunc(e.entries, func(t *tlog.Entry) bool {
		log, known := logs[hex.EncodeToString([]byte(t.LogKeyID()))]
		return known && t.HasInclusionPromise() && !validAt(log, t.IntegratedTime())
	})
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

// steps are sigstore-go's checks, by how its errors start, with the stable code
// of each. The texts are those of the pinned version; TestCodes holds them.
var steps = []struct {
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
	{"failed to summarize certificate", fault.Identity},
}

func code(err error) fault.Code {
	for _, s := range steps {
		if strings.HasPrefix(err.Error(), s.text) {
			return s.code
		}
	}
	return fault.Malformed
}

// trim turns sigstore-go's wording into a phrase of ours, on one line.
func trim(err error) error {
	line := strings.Join(strings.Fields(err.Error()), " ")
	return errors.New(strings.ReplaceAll(line, "failed to verify", "verifying"))
}
