package sigstore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A scheme is one way in which keys of a type sign. A bundle says the key and, beside a file's digest, the hash; of
// several schemes the one that holds is the one that was used.
type scheme struct {
	name  string
	hash  crypto.Hash // of the bytes that are signed; 0: the bytes themselves are
	holds func(signed, sig []byte) bool
	// usual says that it is the one scheme for which a log of the second version records such a key.
	usual bool
}

func (s scheme) hashName() string {
	if s.hash == 0 {
		return "no hash"
	}
	return s.hash.String()
}

// sha2 are the hashes of signatures (protobuf-specs, HashAlgorithm).
var sha2 = []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}

// schemes returns how a key may sign: ECDSA (FIPS 186-5, 6) with any of these hashes, because old clients took SHA-256
// for every curve; RSA with PKCS #1 v1.5 and PSS (RFC 8017, 8); Ed25519ph, and Ed25519 over the bytes themselves
// (RFC 8032, 5.1).
func schemes(public crypto.PublicKey) []scheme {
	var all []scheme
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		name, own := "ECDSA "+k.Curve.Params().Name, curveHash(k.Curve)
		for _, h := range sha2 {
			all = append(all, scheme{name, h, func(sum, sig []byte) bool { return ecdsa.VerifyASN1(k, sum, sig) }, h == own})
		}
	case *rsa.PublicKey:
		for _, h := range sha2 {
			all = append(all,
				scheme{"RSA PKCS #1 v1.5", h, func(sum, sig []byte) bool { return rsa.VerifyPKCS1v15(k, h, sum, sig) == nil }, h == crypto.SHA256},
				scheme{"RSA-PSS", h, func(sum, sig []byte) bool { return rsa.VerifyPSS(k, h, sum, sig, nil) == nil }, false})
		}
	case ed25519.PublicKey:
		prehashed := &ed25519.Options{Hash: crypto.SHA512}
		all = append(all,
			scheme{"Ed25519ph", crypto.SHA512, func(sum, sig []byte) bool { return ed25519.VerifyWithOptions(k, sum, sig, prehashed) == nil }, true},
			scheme{"Ed25519", 0, func(signed, sig []byte) bool { return ed25519.Verify(k, signed, sig) }, false})
	}
	return all
}

func curveHash(c elliptic.Curve) crypto.Hash {
	switch c {
	case elliptic.P384():
		return crypto.SHA384
	case elliptic.P521():
		return crypto.SHA512
	default:
		return crypto.SHA256
	}
}

// over returns the scheme by which key signed these bytes with sig, and false if it did so by none.
func over(key crypto.PublicKey, signed, sig []byte) (scheme, bool) {
	sums := map[crypto.Hash][]byte{0: signed}
	for _, s := range schemes(key) {
		sum, done := sums[s.hash]
		if !done {
			h := s.hash.New()
			h.Write(signed)
			sum = h.Sum(nil)
			sums[s.hash] = sum
		}
		if s.holds(sum, sig) {
			return s, true
		}
	}
	return scheme{}, false
}

// checkSignature proves that key signed what e carries: the envelope's bytes in their pre-authentication encoding, or
// the file of the digest that e gives.
func checkSignature(key crypto.PublicKey, e *entity) (scheme, error) {
	if e.envelope == nil {
		return checkFileSignature(key, e)
	}
	s, ok := over(key, preAuth([]byte(e.envelope.raw.PayloadType), e.envelope.payload), e.envelope.sig)
	if !ok {
		return s, Changed(fault.SignatureInvalid,
			"the signature does not hold for the statement under the signer's key")
	}
	return s, nil
}

// checkFileSignature holds a signature over a file against the digest that stands beside it; that the file has this
// digest, the caller compares. Plain Ed25519 signs the file itself, which is not at hand: it is told from a forgery by
// the digest, because Ed25519ph has SHA-512.
func checkFileSignature(key crypto.PublicKey, e *entity) (scheme, error) {
	m := e.signature.MessageSignatureContent()
	d, err := signedDigest(m)
	if err != nil {
		return scheme{}, err
	}
	var names []string
	for _, s := range schemes(key) {
		if s.hash != 0 && s.hash.Size() == len(d.Bytes()) {
			names = append(names, s.name)
			if s.holds(d.Bytes(), e.signature.Signature()) {
				return s, nil
			}
		}
	}
	plain := ""
	if _, ok := key.(ed25519.PublicKey); ok {
		plain = "; plain Ed25519 over a file is not supported"
	}
	if len(names) > 0 {
		return scheme{}, Changed(fault.SignatureInvalid,
			"the signature does not hold for the file's digest under the signer's key, as %s%s",
			strings.Join(names, " or "), plain)
	}
	return scheme{}, &Rejection{Code: fault.Unsupported, Hint: "sign the file as Ed25519ph, or sign a statement about it",
		Err: fault.Errorf("a signature of this key over a digest of %s is not supported%s", m.DigestAlgorithm(), plain)}
}
