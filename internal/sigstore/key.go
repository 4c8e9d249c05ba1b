package sigstore

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// NewKeyVerifier returns a verifier of bundles that the given key signed. The
// trusted root still vouches for the log. pemKey is one PEM block "PUBLIC KEY"
// (RFC 5280 SubjectPublicKeyInfo).
//
// Of require, Logs and Proofs are used. Without logs nothing but the key vouches
// for the signature, and no trusted root is needed.
func NewKeyVerifier(r *TrustedRoot, pemKey []byte, require Requirements) (*Verifier, error) {
	if require.Logs > 0 && r == nil {
		return nil, rootFault("no trusted root was chosen")
	}
	if require.Logs > 0 && len(r.material.RekorLogs()) == 0 {
		return nil, fault.New(fault.Refused, fault.TrustRoot, "", "%w",
			remedied(fault.TrustRoot, AcceptUnlogged, "the trusted root names no log, so nothing shows when the key signed"))
	}
	block, rest := pem.Decode(pemKey)
	if block == nil || block.Type != "PUBLIC KEY" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fault.New(fault.Usage, fault.Config, "", "key file is not one PEM block %q", "PUBLIC KEY")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, unreadKey(err)
	}
	if err := checkKey("key", key); err != nil {
		// Not wrapped: a fault of the given key is not a fault of a bundle.
		code := fault.Limit
		if bad := (*Rejection)(nil); errors.As(err, &bad) {
			code = bad.Code
		}
		return nil, fault.New(fault.Usage, code, "", "reading key: %v", err)
	}
	verifier, err := signature.LoadDefaultVerifier(key)
	if err != nil {
		return nil, fault.New(fault.Usage, fault.Config, "", "reading key: %w", fault.Cause(err))
	}
	keys := root.NewTrustedPublicKeyMaterial(func(string) (root.TimeConstrainedVerifier, error) {
		return root.NewExpiringKey(verifier, time.Time{}, time.Time{}), nil
	})
	v := &Verifier{root: r, keyed: true, key: key, material: keys, require: Requirements{Logs: require.Logs, Proofs: require.Proofs}}
	if r == nil || require.Logs == 0 {
		v.root = &TrustedRoot{}
		return v, nil
	}
	v.material = root.TrustedMaterialCollection{keys, r.material}
	return v, nil
}

// unsigned adds a next step to the rejection of a signature that does not hold under a given key. The bundle does not
// name its key, and the most common mistake is to give another one.
func (v *Verifier) unsigned(err error) error {
	var r *Rejection
	if v.keyed && errors.As(err, &r) && r.Code == fault.SignatureInvalid {
		return &Rejection{Code: r.Code, Hint: "give the key that made the signature; if it is this one, get the bundle again: this copy was changed", Err: r.Err}
	}
	return err
}

// unreadKey says what is wrong with the inside of a public key.
func unreadKey(err error) error {
	const another = "sign with a key of another kind, and give its public key"
	switch said := err.Error(); {
	case strings.Contains(said, "unsupported elliptic curve"):
		return fault.New(fault.Usage, fault.Unsupported, another, "reading key: it is on a curve that is not read, want P-256, P-384 or P-521")
	case strings.Contains(said, "unknown public key algorithm"):
		return fault.New(fault.Usage, fault.Unsupported, another, "reading key: it is of a kind that is not read, want ECDSA, Ed25519 or RSA")
	}
	return fault.New(fault.Usage, fault.Config, "", "reading key: %w", fault.Cause(err))
}
