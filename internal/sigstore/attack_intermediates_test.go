package sigstore

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// fromBundle is Transparent for an authority whose trusted root holds its root alone.
var fromBundle = func() Requirements { r := Transparent; r.Intermediates = true; return r }()

// rootAlone is a trusted root with nothing between root and signer.
func (f *forge) rootAlone() *prototrustroot.TrustedRoot {
	trust := f.trust()
	trust.CertificateAuthorities = []*prototrustroot.CertificateAuthority{f.root.chain("https://fulcio.test")}
	return trust
}

// chained returns b with its signer's certificate and others in one chain.
func (b forged) chained(list ...*authority) []byte {
	return b.with(func(x *protobundle.Bundle) { chain(x, b, list...) }).json()
}

// advises fails the test unless err is a rejection with this kind of next step.
func advises(t *testing.T, v *Verifier, raw []byte, want Remedy) {
	t.Helper()
	_, err := judge(v, raw)
	var r *Rejection
	if !errors.As(err, &r) || r.Remedy != want {
		t.Errorf("error = %v with remedy %v, want remedy %d", err, r, want)
	}
}

// By default what stands between root and signer comes from the trusted root alone; a policy may take it from the bundle
// as well, and it is shown that it was needed.
func TestA14_intermediates_come_from_the_trusted_root_unless_the_policy_says_so(t *testing.T) {
	f := newForge()
	strict, wide := verifier(t, f.rootAlone(), Transparent), verifier(t, f.rootAlone(), fromBundle)
	whole := verifier(t, f.trust(), fromBundle)
	upper := f.root.issue(caTemplate("forge-upper"))
	lower := upper.issue(caTemplate("forge-lower"))
	for _, media := range []string{media1, media2, media3} {
		o := f.control1(media)
		one := o.make()
		o.issuer = lower
		two := o.make()
		for name, c := range map[string]struct {
			raw []byte
			on  *Verifier
		}{"one": {one.chained(f.fulcio), wide}, "two": {two.chained(lower, upper), wide}} {
			t.Run(media+", "+name, func(t *testing.T) {
				if got := accepts(t, c.on, c.raw); !got.Intermediates() {
					t.Error("what the bundle brought was needed, and is not shown")
				}
				refuses(t, strict, c.raw, fault.Chain)
				advises(t, strict, c.raw, AcceptIntermediates)
			})
		}
		t.Run(media+", not needed", func(t *testing.T) {
			if got := accepts(t, whole, one.chained(f.fulcio)); got.Intermediates() {
				t.Error("nothing that the bundle brought was needed, and it is shown that it was")
			}
		})
		t.Run(media+", one is missing", func(t *testing.T) {
			for _, raw := range [][]byte{two.chained(lower), two.chained(upper), one.chained()} {
				refuses(t, wide, raw, fault.Chain)
			}
		})
		t.Run(media+", root in the bundle", func(t *testing.T) {
			refuses(t, wide, two.chained(lower, upper, newRootAuthority("forge-root")), fault.Chain)
		})
	}
	t.Run("without a chain", func(t *testing.T) {
		refuses(t, wide, f.control().make().json(), fault.Chain)
		advises(t, wide, f.control().make().json(), TrustIssuer)
	})
}

// What a bundle brings leads to a root of the trusted root, or nowhere.
func TestA14_a_certificate_of_the_bundle_is_never_an_anchor(t *testing.T) {
	f := newForge()
	evil := newRootAuthority("forge-root")
	middle := evil.issue(caTemplate("forge-intermediate"))
	o := f.control1(media2)
	o.issuer = middle
	b := o.make()
	for _, v := range []*Verifier{verifier(t, f.rootAlone(), fromBundle), verifier(t, f.trust(), fromBundle)} {
		refuses(t, v, b.chained(middle), fault.Chain)
		refuses(t, v, b.chained(middle, evil), fault.Chain)
		refuses(t, v, b.chained(middle, f.fulcio), fault.Chain)
	}
	trust := f.trust()
	trust.CertificateAuthorities = []*prototrustroot.CertificateAuthority{evil.chain("https://fulcio.test")}
	accepts(t, verifier(t, trust, fromBundle), b.chained(middle))
}

// Each certificate that a bundle brings is held to RFC 5280 as those of the trusted root are.
func TestA14_rules_for_intermediates_of_the_bundle(t *testing.T) {
	f := newForge()
	v := verifier(t, f.rootAlone(), fromBundle)
	for name, c := range map[string]struct {
		upper func(*x509.Certificate)
		lower func(*x509.Certificate)
		want  fault.Code // OK: accepted
		says  string
	}{
		"control":                  {want: fault.OK},
		"no certificate authority": {lower: func(c *x509.Certificate) { c.IsCA = false }, want: fault.Chain, says: "it is not a certificate authority"},
		"no basic constraints": {lower: func(c *x509.Certificate) { c.BasicConstraintsValid, c.IsCA = false, false }, want: fault.Chain,
			says: "it is not a certificate authority"},
		"no key usage":            {lower: func(c *x509.Certificate) { c.KeyUsage = 0 }, want: fault.Chain, says: "key usage"},
		"another key usage":       {lower: func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }, want: fault.Chain, says: "key usage"},
		"upper one, no key usage": {upper: func(c *x509.Certificate) { c.KeyUsage = 0 }, want: fault.Chain, says: "key usage"},
		"path length 1":           {upper: func(c *x509.Certificate) { c.MaxPathLen = 1 }, want: fault.OK},
		"path length 0":           {upper: func(c *x509.Certificate) { c.MaxPathLenZero = true }, want: fault.Chain, says: "longer than an authority on it allows"},
		"names that are permitted": {upper: func(c *x509.Certificate) {
			c.PermittedDNSDomainsCritical, c.PermittedURIDomains = true, []string{"git.test"}
		}, want: fault.OK},
		"other names that are permitted": {upper: func(c *x509.Certificate) {
			c.PermittedDNSDomainsCritical, c.PermittedURIDomains = true, []string{"other.test"}
		}, want: fault.Chain, says: "may not issue for its name"},
		"names that are excluded": {lower: func(c *x509.Certificate) {
			c.PermittedDNSDomainsCritical, c.ExcludedURIDomains = true, []string{"git.test"}
		}, want: fault.Chain, says: "may not issue for its name"},
		"for code signing":          {upper: func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }, want: fault.OK},
		"for servers":               {upper: func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, want: fault.Chain, says: "code signing"},
		"lower, for servers":        {lower: func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, want: fault.Chain, says: "code signing"},
		"valid until the signature": {lower: func(c *x509.Certificate) { c.NotAfter = forgedAt }, want: fault.OK},
		"ended before the signature": {lower: func(c *x509.Certificate) { c.NotAfter = forgedAt.Add(-time.Second) }, want: fault.Time,
			says: `the authority "forge-lower"`},
		"begun after the signature": {upper: func(c *x509.Certificate) { c.NotBefore = forgedAt.Add(time.Second) }, want: fault.Time,
			says: `the authority "forge-upper"`},
		"critical extension that is not known": {lower: func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 99}, Critical: true, Value: []byte{5, 0}}}
		}, want: fault.Chain, says: "critical extension"},
	} {
		t.Run(name, func(t *testing.T) {
			issue := func(above *authority, name string, change func(*x509.Certificate)) *authority {
				template := caTemplate(name)
				if change != nil {
					change(template)
				}
				return above.issue(template)
			}
			upper := issue(f.root, "forge-upper", c.upper)
			lower := issue(upper, "forge-lower", c.lower)
			o := f.control1(media2)
			o.issuer = lower
			raw := o.make().chained(lower, upper)
			if c.want == fault.OK {
				accepts(t, v, raw)
				return
			}
			refuses(t, v, raw, c.want)
			if _, err := judge(v, raw); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error = %v, want %q in it", err, c.says)
			}
		})
	}
}

// A bundle brings few certificates, in the order of the path, and a stranger's cost next to nothing.
func TestO03_intermediates_of_a_bundle_are_bounded(t *testing.T) {
	f := newForge()
	v := verifier(t, f.rootAlone(), fromBundle)
	tower := func(n int, bottom *authority) []*authority {
		list := []*authority{bottom}
		for range n - 1 {
			list = append(list, list[len(list)-1].issue(caTemplate("forge-storey")))
		}
		slices.Reverse(list)
		return list
	}
	bundle := func(list []*authority) []byte {
		o := f.control1(media2)
		o.issuer = list[0]
		return o.make().chained(list...)
	}
	accepts(t, v, bundle(tower(MaxBetween, f.root.issue(caTemplate("forge-storey")))))
	refuses(t, v, bundle(tower(MaxBetween+1, f.root.issue(caTemplate("forge-storey")))), fault.Limit)
	cheaply(t, func() {
		refuses(t, v, bundle(tower(MaxChain-1, newRootAuthority("x").issue(caTemplate("forge-root")))), fault.Chain)
	})
	t.Run("out of order", func(t *testing.T) {
		list := tower(3, f.root.issue(caTemplate("forge-storey")))
		o := f.control1(media2)
		o.issuer = list[0]
		accepts(t, v, o.make().chained(list...))
		refuses(t, v, o.make().chained(list[1], list[0], list[2]), fault.Chain)
	})
	t.Run("key of a size that takes long", func(t *testing.T) {
		small := f.root.sign(caTemplate("forge-small"), &must(rsa.GenerateKey(rand.Reader, 2048)).PublicKey)
		large := f.root.sign(caTemplate("forge-large"), bigRSA(16384, 65537))
		b := f.control1(media2).make()
		for _, c := range []*x509.Certificate{small, large} {
			raw := b.chained(&authority{cert: c})
			refuses(t, v, raw, fault.Chain)
			_, err := judge(v, raw)
			if got := strings.Contains(err.Error(), "RSA of 16384 bits"); got != (c == large) {
				t.Errorf("error = %v", err)
			}
		}
	})
}
