package sigstore

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"strings"
	"testing"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A signing is one way in which somebody signs: a key, and what it makes of the bytes.
type signing struct {
	key   crypto.Signer
	hash  crypto.Hash // of the digest that a bundle gives for a file
	signs func(signed []byte) []byte
	files fault.Code // what comes of a signature over a file
	about fault.Code // and over a statement
}

func hashed(h crypto.Hash, signed []byte) []byte {
	x := h.New()
	x.Write(signed)
	return x.Sum(nil)
}

// signings are every way that is read, and those that are known not to be.
func signings() map[string]signing {
	all := map[string]signing{}
	with := func(key crypto.Signer, h crypto.Hash, o crypto.SignerOpts, files, about fault.Code) signing {
		return signing{key, h, func(b []byte) []byte { return must(key.Sign(rand.Reader, hashed(h, b), o)) }, files, about}
	}
	p256, p384, p521 := newECKey(), must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)), must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))
	private := must(rsa.GenerateKey(rand.Reader, 2048))
	for name, h := range map[string]crypto.Hash{"SHA-256": crypto.SHA256, "SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512} {
		all["P-256 with "+name], all["P-384 with "+name] = with(p256, h, h, fault.OK, fault.OK), with(p384, h, h, fault.OK, fault.OK)
		all["P-521 with "+name] = with(p521, h, h, fault.OK, fault.OK)
		all["RSA PKCS #1 v1.5 with "+name] = with(private, h, h, fault.OK, fault.OK)
		all["RSA-PSS with "+name] = with(private, h, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}, fault.OK, fault.OK)
		all["RSA-PSS with the longest salt and "+name] = with(private, h, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto, Hash: h}, fault.OK, fault.OK)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	edwards = must(edwards, err)
	all["Ed25519ph"] = with(edwards, crypto.SHA512, &ed25519.Options{Hash: crypto.SHA512}, fault.OK, fault.OK)
	plain := func(b []byte) []byte { return ed25519.Sign(edwards, b) }
	all["Ed25519"] = signing{edwards, crypto.SHA256, plain, fault.Unsupported, fault.OK}
	all["Ed25519 with a digest of Ed25519ph"] = signing{edwards, crypto.SHA512, plain, fault.SignatureInvalid, fault.OK}
	return all
}

// Whatever kind of key signed, a good signature is read or called unsupported, and never called forged; one changed byte
// of it, or of what it is over, is.
func TestA17_signatures_of_every_kind_of_key(t *testing.T) {
	f := newForge()
	trusted := must(ParseTrustedRoot(rootFile(f.trust())))
	certified := must(NewVerifier(trusted, Requirements{SCTs: 1, Timestamps: 1, Timed: true}))
	for name, s := range signings() {
		keyed := must(NewKeyVerifier(nil, keyFile(s.key.Public()), Requirements{}))
		for what, want := range map[string]fault.Code{"statement": s.about, "file": s.files} {
			o := f.control()
			o.key, o.hash, o.signs, o.logs = s.key, s.hash, s.signs, nil
			if what == "file" {
				o.payload = nil
			}
			b := o.make()
			named := b.with(func(x *protobundle.Bundle) {
				x.VerificationMaterial = &protobundle.VerificationMaterial{
					Content: &protobundle.VerificationMaterial_PublicKey{PublicKey: &protocommon.PublicKeyIdentifier{Hint: "a key"}}}
			})
			for how, c := range map[string]struct {
				forged
				*Verifier
			}{"certificate": {b, certified}, "key": {named, keyed}} {
				t.Run(name+", "+what+", "+how, func(t *testing.T) {
					verdict(t, c.Verifier, c.json(), s, want)
					if want != fault.OK {
						return
					}
					refuses(t, c.Verifier, c.with(flip).json(), fault.SignatureInvalid)
					refuses(t, c.Verifier, c.with(alter).json(), fault.SignatureInvalid)
				})
			}
		}
	}
}

// verdict wants raw to come out as it should, and a signature that is not supported to be called so.
func verdict(t *testing.T, v *Verifier, raw []byte, s signing, want fault.Code) {
	t.Helper()
	got, err := judge(v, raw)
	file := strings.Contains(string(raw), "messageSignature")
	switch {
	case want == fault.OK && !file:
		accepts(t, v, raw)
	case want == fault.OK && (err != nil && codeOf(err) != fault.SubjectMismatch || err == nil && !got.Covers(digestOf(artifact))):
		t.Errorf("error = %v, want that it verifies", err)
	case want == fault.OK:
		b := must(ParseBundle(raw))
		if got, err = v.Verify(b); err != nil || got.Subjects()[0].Digests()[0].Hex() != hex.EncodeToString(hashed(s.hash, artifact)) {
			t.Errorf("verified %v, %v", got.Subjects(), err)
		}
	case want == fault.SignatureInvalid && file:
		refuses(t, v, raw, want)
		if err == nil || !strings.Contains(err.Error(), "plain Ed25519 over a file is not supported") {
			t.Errorf("error = %v, want that it may be of a kind that is not supported", err)
		}
	default:
		refuses(t, v, raw, want)
		if want == fault.Unsupported && !strings.Contains(err.Error(), "not supported") {
			t.Errorf("error = %v, want that it is not supported", err)
		}
	}
}

// flip changes one byte of the signature.
func flip(b *protobundle.Bundle) {
	sig := b.GetMessageSignature().GetSignature()
	if env := b.GetDsseEnvelope(); env != nil {
		sig = env.Signatures[0].Sig
	}
	sig[len(sig)-1] ^= 1
}

// alter changes one byte of what was signed.
func alter(b *protobundle.Bundle) {
	if m := b.GetMessageSignature(); m != nil {
		m.MessageDigest.Digest[0] ^= 1
		return
	}
	env := b.GetDsseEnvelope()
	env.Payload = bytes.Replace(env.Payload, []byte("app.tar.gz"), []byte("bpp.tar.gz"), 1)
}

// A log of the second version records a key with one scheme. Another is no forgery either.
func TestA01_entries_of_every_kind_of_key(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Transparent)
	details := map[string]string{
		"P-384 with SHA-384": "PKIX_ECDSA_P384_SHA_384", "P-521 with SHA-512": "PKIX_ECDSA_P521_SHA_512", "Ed25519ph": "PKIX_ED25519_PH",
		"RSA PKCS #1 v1.5 with SHA-256": "PKIX_RSA_PKCS1V15_2048_SHA256",
	}
	unusual := map[string]string{
		"P-384 with SHA-256": "PKIX_ECDSA_P384_SHA_256", "RSA-PSS with SHA-256": "PKIX_RSA_PSS_2048_SHA256",
		"RSA PKCS #1 v1.5 with SHA-512": "PKIX_RSA_PKCS1V15_2048_SHA256", "Ed25519": "PKIX_ED25519",
	}
	for name, s := range signings() {
		o := f.control()
		o.key, o.hash, o.signs, o.logs = s.key, s.hash, s.signs, nil
		b := o.make()
		logged := func(l logged) []byte {
			return b.with(func(x *protobundle.Bundle) {
				x.VerificationMaterial.TlogEntries = []*protorekor.TransparencyLogEntry{f.rekor2.entry(l.hashedrekord2(), forgedAt)}
			}).json()
		}
		b.details = details[name]
		if b.details != "" {
			t.Run(name, func(t *testing.T) {
				raw := logged(b.logged)
				accepts(t, v, raw)
				if g, ok := Peek(raw, func(Glimpse) bool { return true }); !ok || g.body == nil || g.Forged(g.ReadLeaf()) || g.Log() != LogFits {
					t.Error("its own log entry is taken for another's at a glimpse")
				}
				other := b.logged
				other.digest = bytes.Clone(other.digest)
				other.digest[0] ^= 1
				refuses(t, v, logged(other), fault.TLog)
			})
		}
		if b.details = unusual[name]; b.details != "" {
			t.Run(name, func(t *testing.T) { refuses(t, v, logged(b.logged), fault.Unsupported) })
		}
	}
}

// A copy of somebody's certificate beside another payload is told by a glimpse, for keys of every kind, and what is
// genuine never is.
func TestA17_a_glimpse_never_calls_a_genuine_signature_forged(t *testing.T) {
	f := newForge()
	for name, s := range signings() {
		o := f.control()
		o.key, o.hash, o.signs, o.logs = s.key, s.hash, s.signs, nil
		b := o.make()
		for what, c := range map[string]struct {
			forged
			forgery bool
		}{"as signed": {b, s.about != fault.OK}, "another payload": {b.with(alter), true}, "another signature": {b.with(flip), true}} {
			g, ok := Peek(c.json(), func(Glimpse) bool { return true })
			if got := g.Forged(g.ReadLeaf()); !ok || got != c.forgery {
				t.Errorf("%s, %s: forged = %v, want %v", name, what, got, c.forgery)
			}
		}
	}
}
