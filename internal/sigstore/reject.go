package sigstore

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A Rejection says why a bundle proves nothing. It is an error, but not a
// fault: anyone may put junk beside good evidence.
type Rejection struct {
	Code   fault.Code
	Err    error
	Hint   string // the next step, where it is the same for every command
	Remedy Remedy // the next step, where it is a flag or a line of a policy

	issued *x509.Certificate // of TrustIssuer: the signing certificate
}

// Error returns the reason.
func (r *Rejection) Error() string { return r.Err.Error() }

// Unwrap returns the cause.
func (r *Rejection) Unwrap() error { return r.Err }

// A Remedy is a kind of next step. What it is in the words of a command, a flag or a line of a policy, says the face
// that has the command. The zero Remedy is none.
type Remedy int

// The kinds of next steps.
const (
	NoRemedy            Remedy = iota
	TrustIssuer                // trust the instance that issued the certificate; Profile.Issued tells which one it is
	AcceptPromise              // accept the log's promise in place of a proof
	AcceptUnlogged             // accept what a key signed and no log holds
	ExpectNoLogs               // say that the instance has no logs
	AcceptIntermediates        // accept certificates between root and signer from the bundle
)

func reject(code fault.Code, format string, args ...any) error {
	return &Rejection{Code: code, Err: fault.Errorf(format, args...)}
}

// remedied is reject with a kind of next step.
func remedied(code fault.Code, r Remedy, format string, args ...any) error {
	return &Rejection{Code: code, Remedy: r, Err: fault.Errorf(format, args...)}
}

// Changed is a rejection of evidence that differs from what its signer, authority or log made. The copy is to blame, and
// not the trusted root.
func Changed(code fault.Code, format string, args ...any) error {
	return &Rejection{Code: code, Hint: "get the bundle again from where it was made; this copy was changed, or is no evidence",
		Err: fault.Errorf(format, args...)}
}

// older is reject for what the trusted root does not name although the certificate is of its instance: instances get new
// logs and authorities, and a trusted root that was kept does not.
func older(code fault.Code, format string, args ...any) error {
	return &Rejection{Code: code, Hint: "take the newest trusted root of the instance, or sign it again with what this one names",
		Err: fault.Errorf(format, args...)}
}

// Issued reports whether p is the instance behind r, a rejection whose remedy is TrustIssuer: by the keys of the trusted
// root in this binary, where there is one, and else by the name that the authority gives itself. It helps to say which
// instance it is, and proves nothing.
func (p Profile) Issued(r *Rejection) bool {
	if r.issued == nil {
		return false
	}
	if p.offline == nil {
		return p.organization != "" && slices.Contains(r.issued.Issuer.Organization, p.organization)
	}
	known, err := ParseTrustedRoot(p.offline)
	return err == nil && slices.ContainsFunc(known.anchors(), func(a anchor) bool {
		return slices.ContainsFunc(a.certificates(), func(c *x509.Certificate) bool { return r.issued.CheckSignatureFrom(c) == nil })
	})
}

// called writes the name of a certificate's subject or issuer as people say it: "sigstore-intermediate" of "sigstore.dev".
func called(n pkix.Name) string {
	var parts []string
	for _, s := range append([]string{n.CommonName}, n.Organization...) {
		if s != "" {
			parts = append(parts, fault.Quote(s))
		}
	}
	if len(parts) == 0 {
		return fault.Quote(n.String())
	}
	return strings.Join(parts, " of ")
}
