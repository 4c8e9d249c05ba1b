package sigstore

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// timed returns the verified times of signing: those that logs promised, and those of the bundle's timestamps. Every
// kind of time that the bundle brings has to verify: a good one does not excuse a bad one.
func (v *Verifier) timed(e *entity, promised []time.Time) ([]time.Time, error) {
	stamps, err := e.Timestamps()
	if err != nil {
		return nil, reject(fault.Time, "the bundle's timestamps cannot be read")
	}
	times := slices.Clone(promised)
	if v.require.Timestamps > 0 || len(stamps) > 0 && len(v.material.TimestampingAuthorities()) > 0 {
		stamped, err := v.stamped(e, stamps)
		if err != nil {
			return nil, err
		}
		times = append(times, stamped...)
	}
	if len(times) == 0 && v.require.Timed {
		return nil, v.timeless(stamps)
	}
	return times, nil
}

// timeless says why there is no time that the trusted root can vouch for.
func (v *Verifier) timeless(stamps [][]byte) error {
	if len(stamps) == 0 {
		return &Rejection{Code: fault.Time, Hint: "sign it again with a timestamp authority in the signing config",
			Err: errors.New("bundle has no signed time: neither a timestamp of an authority, nor a log's promise")}
	}
	return older(fault.Time, "the trusted root names no timestamp authority, and the bundle's time is by %s", signedBy(stamps[0]))
}

// stamped verifies the bundle's timestamps (RFC 3161) and returns the times of all that are genuine.
func (v *Verifier) stamped(e *entity, stamps [][]byte) ([]time.Time, error) {
	if len(stamps) == 0 || len(v.material.TimestampingAuthorities()) == 0 {
		return nil, v.timeless(stamps)
	}
	for _, s := range stamps {
		if err := checkToken(s); err != nil {
			return nil, err
		}
	}
	found, err := verify.VerifySignedTimestampWithThreshold(e, v.material, max(1, v.require.Timestamps))
	if err != nil {
		return nil, v.unstamped(e, stamps)
	}
	if len(stamps) == 1 {
		return []time.Time{found[0].Time.UTC()}, nil
	}
	// sigstore-go uses one of each authority and passes over the rest.
	var times []time.Time
	for _, s := range stamps {
		for _, tsa := range v.material.TimestampingAuthorities() {
			if t, err := tsa.Verify(s, e.signature.Signature()); err == nil {
				times = append(times, t.Time.UTC())
			}
		}
	}
	return times, nil
}

// takenApart returns the parts of a timestamp, without a look at any signature (RFC 3161, 2.4.2).
func takenApart(raw []byte) (*pkcs7.PKCS7, bool) {
	var response struct {
		Status asn1.RawValue
		Token  asn1.RawValue `asn1:"optional"`
	}
	if _, err := asn1.Unmarshal(raw, &response); err != nil {
		return nil, false
	}
	token, err := pkcs7.Parse(response.Token.FullBytes)
	return token, err == nil
}

// checkToken bounds what the signatures of a timestamp cost to look at: it has one signer (RFC 3161, 2.4.2), and the
// certificates in it, which anybody could have made, are few and have keys of a size that people use.
func checkToken(raw []byte) error {
	token, ok := takenApart(raw)
	if !ok {
		return Changed(fault.Time, "a timestamp of the bundle cannot be read")
	}
	if n := len(token.Signers); n != 1 {
		return Changed(fault.Time, "a timestamp of the bundle has %d signers, want 1", n)
	}
	if n := len(token.Certificates); n > MaxChain {
		return reject(fault.Limit, "a timestamp of the bundle has %d certificates, at most %d are read", n, MaxChain)
	}
	for _, c := range token.Certificates {
		if k, ok := c.PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() > maxTokenBits {
			return reject(fault.Limit, "a timestamp of the bundle has an RSA key of %d bits, at most %d are read", k.N.BitLen(), maxTokenBits)
		}
	}
	return nil
}

// maxTokenBits is the size of RSA keys in a timestamp. Of 400,000 bits, which would find room, one signature takes eight
// seconds.
const maxTokenBits = 8192

// unstamped says why too few timestamps verify.
func (v *Verifier) unstamped(e *entity, stamps [][]byte) error {
	for _, s := range stamps {
		if err := v.unfit(s, e.signature.Signature()); err != nil {
			return err
		}
	}
	return reject(fault.Time, "bundle has timestamps of fewer than %d authorities of the trusted root", max(1, v.require.Timestamps))
}

// unfit says why a timestamp over sig does not count, and nothing if it does.
func (v *Verifier) unfit(raw, sig []byte) error {
	t, err := timestamp.ParseResponse(raw)
	if err != nil {
		return Changed(fault.Time, "a timestamp of the bundle cannot be read, or its signature does not hold")
	}
	if t.HashAlgorithm == crypto.SHA1 {
		return reject(fault.Time, "a timestamp of the bundle is over a SHA-1 digest, want SHA-256, SHA-384 or SHA-512")
	}
	h := t.HashAlgorithm.New()
	h.Write(sig)
	if !bytes.Equal(h.Sum(nil), t.HashedMessage) {
		return Changed(fault.Time, "a timestamp of the bundle is over other bytes than its signature")
	}
	for _, a := range v.material.TimestampingAuthorities() {
		tsa, ok := a.(*root.SigstoreTimestampingAuthority)
		if !ok {
			continue
		}
		_, err := tsa.Verify(raw, sig)
		if err == nil {
			return nil
		}
		always := *tsa
		always.ValidityPeriodStart, always.ValidityPeriodEnd = time.Time{}, time.Time{}
		if _, err := always.Verify(raw, sig); err == nil {
			return reject(fault.TrustRoot, "timestamp is of %s, when authority %q was not valid for the trusted root", stamp(t.Time), tsa.URI)
		}
		if notForStamping(err) {
			return reject(fault.Time, "timestamp is signed by %s, whose certificate is not for timestamps alone", signedBy(raw))
		}
		if tsa.Leaf != nil && signs(raw, tsa.Leaf) {
			return Changed(fault.Time, "the signature of authority %q does not hold for the timestamp", tsa.URI)
		}
	}
	return older(fault.Time, "timestamp is by another authority than those of the trusted root: %s", signedBy(raw))
}

// stampingTexts begin the errors about a certificate that is not for timestamps, and for nothing else (RFC 3161, 2.3).
// TestCodes holds them.
var stampingTexts = []string{"failed to verify TSA certificate", "failed to verify EKU"}

func notForStamping(err error) bool {
	var bad x509.CertificateInvalidError
	if errors.As(err, &bad) && bad.Reason == x509.IncompatibleUsage {
		return true
	}
	return slices.ContainsFunc(stampingTexts, func(s string) bool { return strings.HasPrefix(err.Error(), s) })
}

// signs reports whether a timestamp names c as the certificate of its signer.
func signs(raw []byte, c *x509.Certificate) bool {
	token, ok := takenApart(raw)
	if !ok || len(token.Signers) != 1 {
		return false
	}
	id := token.Signers[0].IssuerAndSerialNumber
	return bytes.Equal(id.IssuerName.FullBytes, c.RawIssuer) && id.SerialNumber.Cmp(c.SerialNumber) == 0
}

// signedBy says whom a timestamp names as its signer: by the certificate in it, or else by who issued that.
func signedBy(raw []byte) string {
	token, ok := takenApart(raw)
	if !ok || len(token.Signers) != 1 {
		return "nobody who could be read"
	}
	if i := slices.IndexFunc(token.Certificates, func(c *x509.Certificate) bool { return signs(raw, c) }); i >= 0 {
		return called(token.Certificates[i].Subject)
	}
	var names pkix.RDNSequence
	if _, err := asn1.Unmarshal(token.Signers[0].IssuerAndSerialNumber.IssuerName.FullBytes, &names); err != nil {
		return "nobody who could be read"
	}
	var name pkix.Name
	name.FillFromRDNSequence(&names)
	return "a signer certified by " + called(name)
}
