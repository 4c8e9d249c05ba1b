package sigstore

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// An anchor is one certificate authority of the trusted root, in the form in which paths to it are built.
type anchor struct {
	*root.FulcioCertificateAuthority
	roots, between *x509.CertPool
}

// anchors returns the certificate authorities of r.
func (r *TrustedRoot) anchors() []anchor {
	var out []anchor
	for _, a := range r.material.FulcioCertificateAuthorities() {
		if f, ok := a.(*root.FulcioCertificateAuthority); ok {
			x := anchor{f, x509.NewCertPool(), x509.NewCertPool()}
			x.roots.AddCert(f.Root)
			for _, c := range f.Intermediates {
				x.between.AddCert(c)
			}
			out = append(out, x)
		}
	}
	return out
}

// certificates are those of a, the root last.
func (a anchor) certificates() []*x509.Certificate {
	return append(slices.Clone(a.Intermediates), a.Root)
}

// in reports whether the trusted root counts a at a time; both ends of its period are included.
func (a anchor) in(t time.Time) bool {
	return !t.Before(a.ValidityPeriodStart) && (a.ValidityPeriodEnd.IsZero() || !t.After(a.ValidityPeriodEnd))
}

// chains returns the paths from leaf to a, were it now. more are certificates that may stand between as well; they are
// never an end. Go's builder holds each path to RFC 5280, 6: signatures, validity, certificate authorities with their
// path lengths, key usages, name constraints, and extended key usages from the root down.
func (a anchor) chains(leaf *x509.Certificate, now time.Time, more []*x509.Certificate) ([][]*x509.Certificate, error) {
	o := x509.VerifyOptions{CurrentTime: now, Roots: a.roots, Intermediates: a.between,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}
	if len(more) > 0 {
		o.Intermediates = a.between.Clone()
		for _, c := range more {
			o.Intermediates.AddCert(c)
		}
	}
	return leaf.Verify(o)
}

// A way leads from a signing certificate to an authority of the trusted root.
type way struct {
	chain []*x509.Certificate
	end   anchor
}

// holds reports whether everything on w is valid at a time.
func (w way) holds(t time.Time) bool {
	return w.end.in(t) && !slices.ContainsFunc(w.chain, func(c *x509.Certificate) bool { return outside(c, t) })
}

func outside(c *x509.Certificate, t time.Time) bool {
	return t.Before(c.NotBefore) || t.After(c.NotAfter)
}

// A path is every way that leads from one signing certificate to the trusted root.
type path struct {
	leaf    *x509.Certificate
	offered []*x509.Certificate // what the bundle brings to stand between, from leaf up to an authority of the trusted root
	odd     error               // why something that the bundle brings does not stand there
	ways    []way
	brought bool // the ways need what the bundle brings
}

// ways returns the ways of leaf at a time, whatever the periods of the authorities are.
func (v *Verifier) ways(leaf *x509.Certificate, now time.Time, more []*x509.Certificate) []way {
	var out []way
	for _, a := range v.anchors {
		found, err := a.chains(leaf, now, more)
		if err != nil {
			continue
		}
		for _, c := range found {
			out = append(out, way{c, a})
		}
	}
	return out
}

// issue returns the ways of leaf at a time at which it was valid itself.
func (v *Verifier) issue(leaf *x509.Certificate, more []*x509.Certificate) []way {
	if w := v.ways(leaf, leaf.NotBefore, more); len(w) > 0 {
		return w
	}
	return v.ways(leaf, leaf.NotAfter, more) // an authority may be younger than the minutes by which a leaf is backdated
}

// path finds how the certificate of e leads to the trusted root. That it did so when e was signed, during says.
func (v *Verifier) path(e *entity) (path, error) {
	p := path{leaf: e.content.Certificate()}
	brings, err := v.brings(e)
	if err != nil {
		return p, err
	}
	if p.ways = v.issue(p.leaf, nil); len(p.ways) > 0 && len(brings) == 0 {
		return p, nil
	}
	if p.offered, p.odd = v.upward(p.leaf, brings); len(p.ways) > 0 {
		return p, nil
	}
	if n := len(p.offered); v.require.Intermediates && n > MaxBetween {
		return p, reject(fault.Limit, "bundle brings %d certificates between root and signer, at most %d are read", n, MaxBetween)
	}
	if v.require.Intermediates && len(p.offered) > 0 {
		p.ways, p.brought = v.issue(p.leaf, p.offered), true
	}
	if len(p.ways) == 0 {
		return p, v.astray(p)
	}
	return p, nil
}

// during keeps of p the ways that held at every time of signing: one outside is enough to refuse (Sigstore client
// specification, "Establishing a Time for the Signature").
func (v *Verifier) during(p path, times []time.Time) (path, error) {
	var kept []way
	for _, t := range times {
		if kept = v.at(&p, t); len(kept) == 0 {
			return p, untimely(p, t)
		}
	}
	p.ways = kept
	return p, nil
}

// at returns the ways of p that hold at t. Those that are known serve as long as they do; a renewed authority has others.
func (v *Verifier) at(p *path, t time.Time) []way {
	if kept := holding(p.ways, t); len(kept) > 0 {
		return kept
	}
	if kept := holding(v.ways(p.leaf, t, nil), t); len(kept) > 0 {
		return kept
	}
	if !v.require.Intermediates || len(p.offered) == 0 {
		return nil
	}
	kept := holding(v.ways(p.leaf, t, p.offered), t)
	p.brought = p.brought || len(kept) > 0
	return kept
}

func holding(ways []way, t time.Time) []way {
	return slices.DeleteFunc(slices.Clone(ways), func(w way) bool { return !w.holds(t) })
}

// untimely says what was not valid at t.
func untimely(p path, t time.Time) error {
	if outside(p.leaf, t) {
		return &Rejection{Code: fault.Time, Hint: "sign it again; the certificate has to be used within its few minutes",
			Err: fault.Errorf("signed at %s, and the certificate was valid from %s to %s", stamp(t), stamp(p.leaf.NotBefore), stamp(p.leaf.NotAfter))}
	}
	if !slices.ContainsFunc(p.ways, func(w way) bool { return w.end.in(p.leaf.NotBefore) }) {
		return reject(fault.TrustRoot, "the authority of the certificate, %s, was not valid for the trusted root when it issued it, at %s",
			called(p.leaf.Issuer), stamp(p.leaf.NotBefore))
	}
	for _, w := range p.ways {
		if i := slices.IndexFunc(w.chain, func(c *x509.Certificate) bool { return outside(c, t) }); i > 0 {
			c := w.chain[i]
			return reject(fault.Time, "signed at %s, and the authority %s was valid from %s to %s", stamp(t), called(c.Subject), stamp(c.NotBefore), stamp(c.NotAfter))
		}
	}
	return reject(fault.Time, "signed at %s, when the authority of the certificate, %s, was not valid for the trusted root", stamp(t), called(p.leaf.Issuer))
}

// brings returns the certificates that a bundle has beside its signer's. Roots are refused, because only a trusted root
// may bring them. Statements in bundles of version 0.1 may repeat a root that is trusted anyway, as the provenance that
// npm published in 2023 does; it is not used (protobuf-specs, message X509CertificateChain: superfluous certificates of
// old bundles are ignored).
func (v *Verifier) brings(e *entity) ([]*x509.Certificate, error) {
	raw := e.GetVerificationMaterial().GetX509CertificateChain().GetCertificates()
	if len(raw) == 0 {
		return nil, nil
	}
	if newest(e.Bundle.Bundle) && !v.require.Intermediates {
		return nil, remedied(fault.Chain, AcceptIntermediates,
			"bundle of version 0.3 brings a chain of certificates; what stands between root and signer comes from the trusted root alone")
	}
	var out []*x509.Certificate
	for i, r := range raw[1:] {
		c, err := x509.ParseCertificate(r.GetRawBytes())
		if err != nil {
			return nil, reject(fault.Chain, "certificate %d of the bundle cannot be read: %w", i+2, fault.Cause(err))
		}
		if checkKey("key", c.PublicKey) != nil || c.CheckSignatureFrom(c) != nil {
			out = append(out, c)
			continue
		}
		if e.GetMediaType() != mediaTypes[0] || e.envelope == nil || !v.trusts(c) {
			return nil, reject(fault.Chain, "bundle carries the root %s; roots come from the trusted root alone", called(c.Subject))
		}
	}
	return out, nil
}

// upward returns so much of what a bundle brings as leads from leaf upward to an authority of the trusted root, each
// certificate signing the one before it, as a chain has them (protobuf-specs, VerificationMaterial). A stranger's own
// authorities end there, before any path is built. err says why one of them may not stand there.
func (v *Verifier) upward(leaf *x509.Certificate, brings []*x509.Certificate) (out []*x509.Certificate, err error) {
	top := leaf
	for _, c := range brings {
		if err = checkIntermediate(c); err != nil {
			err = fault.Errorf("certificate %s of the bundle may not stand between root and signer: %w", called(c.Subject), err)
			break
		}
		if top.CheckSignatureFrom(c) != nil {
			break
		}
		out, top = append(out, c), c
	}
	if !slices.ContainsFunc(v.anchors, func(a anchor) bool { return slices.ContainsFunc(a.certificates(), issuerOf(top)) }) {
		return nil, err
	}
	return out, err
}

// issuerOf reports whether a certificate issued c.
func issuerOf(c *x509.Certificate) func(*x509.Certificate) bool {
	return func(above *x509.Certificate) bool {
		return bytes.Equal(above.RawSubject, c.RawIssuer) && c.CheckSignatureFrom(above) == nil
	}
}

// trusts reports whether c is a root of the trusted root, byte for byte.
func (v *Verifier) trusts(c *x509.Certificate) bool {
	return slices.ContainsFunc(v.anchors, func(a anchor) bool { return a.Root.Equal(c) })
}

// checkIntermediate says why c may not stand between a root and a signer. The basic constraints and the key usage have
// to be there (RFC 5280, 4.2.1.3 and 4.2.1.9); a path builder would accept certificates that lack them.
func checkIntermediate(c *x509.Certificate) error {
	if err := checkKey("its key", c.PublicKey); err != nil {
		return err
	}
	if !c.BasicConstraintsValid || !c.IsCA {
		return errors.New("it is not a certificate authority")
	}
	if c.KeyUsage&x509.KeyUsageCertSign == 0 {
		return errors.New("its key usage does not name the signing of certificates")
	}
	return nil
}

// astray says why no way leads from a certificate to the trusted root.
func (v *Verifier) astray(p path) error {
	if !v.require.Intermediates && len(p.offered) > 0 && len(v.issue(p.leaf, p.offered)) > 0 {
		return remedied(fault.Chain, AcceptIntermediates,
			"certificate leads to the trusted root only by way of %s, which the bundle brings and the trusted root lacks", called(p.leaf.Issuer))
	}
	if v.require.Intermediates && p.odd != nil {
		return reject(fault.Chain, "%w", p.odd)
	}
	if why := v.obstacle(p); why != "" {
		return reject(fault.Chain, "certificate of %s does not lead to the trusted root: %s", called(p.leaf.Issuer), why)
	}
	if v.misquotes(p.leaf) {
		return Changed(fault.SignatureInvalid, "certificate names %s as its authority, whose signature it does not bear", called(p.leaf.Issuer))
	}
	return &Rejection{Code: fault.Chain, Remedy: TrustIssuer, issued: p.leaf,
		Err: fault.Errorf("certificate is issued by %s, which is no authority of the trusted root", called(p.leaf.Issuer))}
}

// misquotes reports whether leaf names an authority of the trusted root by name and key, and this key did not sign it.
func (v *Verifier) misquotes(leaf *x509.Certificate) bool {
	return slices.ContainsFunc(v.anchors, func(a anchor) bool {
		return slices.ContainsFunc(a.certificates(), func(c *x509.Certificate) bool {
			return bytes.Equal(c.RawSubject, leaf.RawIssuer) && len(leaf.AuthorityKeyId) > 0 && bytes.Equal(c.SubjectKeyId, leaf.AuthorityKeyId)
		})
	})
}

// obstacles are what a path may fail by although its signatures hold (RFC 5280, 4.2.1).
var obstacles = map[x509.InvalidReason]string{
	x509.NotAuthorizedToSign:           "a certificate on the way is not a certificate authority",
	x509.CANotAuthorizedForThisName:    "an authority on the way may not issue for its name",
	x509.TooManyIntermediates:          "the way is longer than an authority on it allows",
	x509.IncompatibleUsage:             "an authority on the way may not issue certificates for code signing",
	x509.NameMismatch:                  "names on the way do not match",
	x509.UnconstrainedName:             "an authority on the way may not issue for its name",
	x509.TooManyConstraints:            "the constraints of an authority on the way are too many to compare",
	x509.CANotAuthorizedForExtKeyUsage: "an authority on the way may not issue certificates for code signing",
}

// obstacle says which rule keeps every path from leading to the trusted root, and nothing if it is the signatures.
func (v *Verifier) obstacle(p path) string {
	more := p.offered
	if !v.require.Intermediates {
		more = nil
	}
	for _, a := range v.anchors {
		_, err := a.chains(p.leaf, p.leaf.NotBefore, more)
		var bad x509.CertificateInvalidError
		if errors.As(err, &bad) && obstacles[bad.Reason] != "" {
			return obstacles[bad.Reason]
		}
		var unknown x509.UnhandledCriticalExtension
		if errors.As(err, &unknown) {
			return "a certificate on the way has a critical extension that is not known"
		}
	}
	return ""
}
