package sigstore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"net/url"
	"slices"

	fulcio "github.com/sigstore/fulcio/pkg/certificate"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

func decodeSignature(s string) ([]byte, error) { return base64.StdEncoding.DecodeString(s) }

// checkLeaf refuses certificates that do not sign code: those of an authority, and those that lack the extended key
// usage id-kp-codeSigning, 1.3.6.1.5.5.7.3.3 (RFC 5280, 4.2.1.12). The usage has to be named: an absent list and
// anyExtendedKeyUsage allow everything, and an authority writes them by mistake. The check comes before any path is
// built, so that a hostile certificate costs nothing.
func checkLeaf(c *x509.Certificate) error {
	if err := checkKey("signing key", c.PublicKey); err != nil {
		return err
	}
	if c.IsCA {
		return reject(fault.Chain, "signing certificate is a certificate authority")
	}
	if !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageCodeSigning) {
		return reject(fault.Chain, "signing certificate does not name the extended key usage for code signing")
	}
	return nil
}

// checkKey allows the key types that the public-good instance issues for.
func checkKey(what string, public crypto.PublicKey) error {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() || k.Curve == elliptic.P384() || k.Curve == elliptic.P521() {
			return nil
		}
		return reject(fault.Limit, "%s is on curve %s, want P-256, P-384 or P-521", what, k.Curve.Params().Name)
	case ed25519.PublicKey:
		return nil
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < 2048 || n > 4096 {
			return reject(fault.Limit, "%s is RSA of %d bits, want 2048 to 4096", what, n)
		}
		if k.E != 65537 {
			return reject(fault.Limit, "%s is RSA with exponent %d, want 65537", what, k.E)
		}
		return nil
	default:
		return reject(fault.Unsupported, "%s is of a kind that is not read, want ECDSA, Ed25519 or RSA", what)
	}
}

// oidPrefix is the arc of Fulcio's certificate extensions.
var oidPrefix = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1}

// readSigner returns who a certificate was issued to. The certificate must
// have been verified; the check that old and new extensions agree is what keeps
// two readers from seeing two signers (Fulcio, docs/oid-info.md).
func readSigner(c *x509.Certificate) (statement.Signer, error) {
	if err := checkExtensionEncoding(c); err != nil {
		return statement.Signer{}, err
	}
	x, err := fulcio.ParseExtensions(c.Extensions)
	if err != nil {
		return statement.Signer{}, reject(fault.Identity, "the extensions of the certificate cannot be read: %w", fault.Cause(err))
	}
	s, err := certificate.SummarizeCertificate(c)
	if err != nil {
		return statement.Signer{}, reject(fault.Identity, "the names in the certificate cannot be read: %w", fault.Cause(err))
	}
	names := generalNames(c)
	if len(names) != 1 {
		return statement.Signer{}, reject(fault.Identity, "certificate has %d subject alternative names, want exactly 1", len(names))
	}
	if err := checkAgreement(c, x); err != nil {
		return statement.Signer{}, err
	}
	return statement.Signer{
		Issuer: x.Issuer, SAN: exactName(names[0], s.SubjectAlternativeName), SANKind: sanKind(c),
		SignerURI: x.BuildSignerURI, SignerDigest: x.BuildSignerDigest, Runner: x.RunnerEnvironment,
		Repository: x.SourceRepositoryURI, Commit: x.SourceRepositoryDigest, Ref: x.SourceRepositoryRef,
		RepositoryID: x.SourceRepositoryIdentifier, OwnerURI: x.SourceRepositoryOwnerURI, OwnerID: x.SourceRepositoryOwnerIdentifier,
		ConfigURI: x.BuildConfigURI, ConfigDigest: x.BuildConfigDigest, Event: x.BuildTrigger, Run: x.RunInvocationURI,
		Visibility: x.SourceRepositoryVisibilityAtSigning, Environment: x.DeploymentEnvironment, TokenSubject: x.Subject,
	}, nil
}

// checkExtensionEncoding demands that extensions 8 to 24 are one UTF8String
// each, with nothing after it.
func checkExtensionEncoding(c *x509.Certificate) error {
	for _, e := range c.Extensions {
		n, ok := fulcioNumber(e.Id)
		if !ok || n < 8 {
			continue
		}
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(e.Value, &v)
		if err != nil || len(rest) > 0 || v.Tag != asn1.TagUTF8String || v.Class != asn1.ClassUniversal {
			return reject(fault.Identity, "certificate extension %s is not one UTF8String", e.Id)
		}
	}
	return nil
}

func fulcioNumber(id asn1.ObjectIdentifier) (int, bool) {
	if len(id) != len(oidPrefix)+1 || !id[:len(oidPrefix)].Equal(oidPrefix) {
		return 0, false
	}
	return id[len(oidPrefix)], true
}

// oidSAN is the extension of subject alternative names (RFC 5280, 4.2.1.6).
var oidSAN = asn1.ObjectIdentifier{2, 5, 29, 17}

// generalNames returns the alternative names of every type, also those that Go
// does not parse, and none if they cannot be read.
func generalNames(c *x509.Certificate) []asn1.RawValue {
	i := slices.IndexFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidSAN) })
	if i < 0 {
		return nil
	}
	var names []asn1.RawValue
	if rest, err := asn1.Unmarshal(c.Extensions[i].Value, &names); err != nil || len(rest) > 0 {
		return nil
	}
	return names
}

// uriTag is the tag of a URI among general names (RFC 5280, 4.2.1.6).
const uriTag = 6

// exactName returns a URI as it stands in the certificate. Parsed and printed
// again, "HTTPS://a" and "https://a#" would both be "https://a".
func exactName(name asn1.RawValue, printed string) string {
	if name.Tag == uriTag {
		return string(name.Bytes)
	}
	return printed
}

// sanKind says of which type the one name is. Only a URI names a workflow.
func sanKind(c *x509.Certificate) string {
	switch {
	case len(c.URIs) == 1:
		return "uri"
	case len(c.EmailAddresses) == 1:
		return "email"
	default:
		return "other"
	}
}

// issuers returns what extensions 1 and 8 say. ParseExtensions keeps whichever
// stands last in the certificate.
func issuers(c *x509.Certificate) (old, now string) {
	for _, e := range c.Extensions {
		switch n, ok := fulcioNumber(e.Id); {
		case ok && n == 1:
			old = string(e.Value)
		case ok && n == 8:
			_ = fulcio.ParseDERString(e.Value, &now) // checkExtensionEncoding has read it
		}
	}
	return old, now
}

// checkAgreement compares the deprecated extensions 1 to 6 with those that
// replaced them. An absent extension agrees.
func checkAgreement(c *x509.Certificate, x fulcio.Extensions) error {
	old, now := issuers(c)
	pairs := []struct{ name, old, now string }{
		{"issuer", old, now},
		{"event", x.GithubWorkflowTrigger, x.BuildTrigger},
		{"commit", x.GithubWorkflowSHA, x.SourceRepositoryDigest},
		{"ref", x.GithubWorkflowRef, x.SourceRepositoryRef},
	}
	for _, p := range pairs {
		if p.old != "" && p.now != "" && p.old != p.now {
			return reject(fault.Identity, "certificate names %s %q and, in the extension that replaced it, %q", p.name, p.old, p.now)
		}
	}
	if r := x.GithubWorkflowRepository; r != "" && x.SourceRepositoryURI != "" && uriPath(x.SourceRepositoryURI) != "/"+r {
		return reject(fault.Identity, "certificate names repository %q and, in the extension that replaced it, %q", r, x.SourceRepositoryURI)
	}
	return nil
}

// uriPath is the path of a URI, or empty for what is none.
func uriPath(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	return u.Path
}
