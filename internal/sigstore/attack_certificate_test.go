package sigstore

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/messages"
)

func TestA05_sct_absent_foreign_or_repeated(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Transparent)
	accepts(t, v, f.control().make().json())
	foreign, second := &ctLog{newECKey()}, &ctLog{newECKey()}
	for name, logs := range map[string][]*ctLog{"absent": nil, "foreign": {foreign}} {
		t.Run(name, func(t *testing.T) {
			o := f.control()
			o.ctLogs = logs
			refuses(t, v, o.make().json(), fault.SCT)
		})
	}
	t.Run("of another certificate", func(t *testing.T) {
		o := f.control()
		donor := f.fulcio.issueLogged(leafTemplate(), newECKey().Public(), []*ctLog{f.ct})
		for _, e := range donor.Extensions {
			if e.Id.Equal(oidSCTs) {
				o.template.ExtraExtensions = append(o.template.ExtraExtensions, e)
			}
		}
		o.ctLogs = nil
		refuses(t, v, o.make().json(), fault.SCT)
	})
	t.Run("repeated", func(t *testing.T) {
		trust := f.trust()
		trust.Ctlogs = append(trust.Ctlogs, logInstance("https://ct2.test", second.key.Public(), protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256))
		two := Transparent
		two.SCTs = 2
		v := verifier(t, trust, two)
		o := f.control()
		o.ctLogs = []*ctLog{f.ct, f.ct}
		refuses(t, v, o.make().json(), fault.SCT)
		o.ctLogs = []*ctLog{f.ct, second}
		accepts(t, v, o.make().json())
	})
}

func TestA13_wrong_sigstore_instance(t *testing.T) {
	ours, twin := newForge(), makeForge()
	raw := twin.control().make().json() // same issuer, same claims, same names
	accepts(t, verifier(t, twin.trust(), Transparent), raw)
	accepts(t, verifier(t, ours.trust(), Transparent), ours.control().make().json())
	refuses(t, verifier(t, ours.trust(), Transparent), raw, fault.Chain)

	// With everything but the certificate from our instance.
	o := ours.control()
	o.issuer = twin.fulcio
	refuses(t, verifier(t, ours.trust(), Transparent), o.make().json(), fault.Chain)

	public := must(ParseTrustedRoot(publicGoodRoot))
	v := must(NewVerifier(public, Transparent))
	refuses(t, v, ours.control().make().json(), fault.Chain)
}

// A trusted root that cannot be read is no trusted root: nothing falls back to
// the embedded one.
func TestA13_no_fallback_to_another_root(t *testing.T) {
	f := newForge()
	if _, err := ParseTrustedRoot(rootFile(f.trust())); err != nil {
		t.Fatalf("control is refused: %v", err)
	}
	for _, change := range []func(*prototrustroot.TrustedRoot){
		func(r *prototrustroot.TrustedRoot) { r.CertificateAuthorities = nil },
		func(r *prototrustroot.TrustedRoot) { r.CertificateAuthorities[0].CertChain = nil },
		func(r *prototrustroot.TrustedRoot) {
			r.CertificateAuthorities[0].CertChain.Certificates[0].RawBytes = []byte{0}
		},
		func(r *prototrustroot.TrustedRoot) { r.MediaType = "another" },
		func(r *prototrustroot.TrustedRoot) { r.Tlogs[0].PublicKey.RawBytes = []byte{0} },
	} {
		trust := f.trust()
		change(trust)
		refusesRoot(t, rootFile(trust))
	}
	refusesRoot(t, append(rootFile(f.trust()), bytes.Repeat([]byte(" "), MaxRootBytes)...))
	for _, raw := range []string{"", "{}", "null", "[]", `{"mediaType":"x"}`, string(publicGoodRoot[:len(publicGoodRoot)/2])} {
		refusesRoot(t, []byte(raw))
	}
	if v, err := NewKeyVerifier(nil, keyFile(newECKey().Public()), Requirements{Logs: 1}); v != nil || fault.Of(err).Code != fault.TrustRoot {
		t.Errorf("key verifier without a trusted root = %v, %v; want none", v, err)
	}
}

func TestA14_root_or_intermediate_in_the_bundle(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Interoperable)
	evilRoot := newRootAuthority("forge-root")
	evil := evilRoot.issue(caTemplate("forge-intermediate"))
	o := f.control1(media2)
	good := o.make()
	o.issuer = evil
	bad := o.make()
	chain := func(b forged, list ...*x509.Certificate) []byte {
		return b.with(func(b *protobundle.Bundle) {
			c := &protocommon.X509CertificateChain{}
			for _, x := range list {
				c.Certificates = append(c.Certificates, &protocommon.X509Certificate{RawBytes: x.Raw})
			}
			b.VerificationMaterial.Content = &protobundle.VerificationMaterial_X509CertificateChain{X509CertificateChain: c}
		}).json()
	}
	accepts(t, v, good.json())
	accepts(t, v, chain(good, good.leaf, f.fulcio.cert)) // old clients send it; it is not used
	attacks := map[string][]byte{
		"evil intermediate":            chain(bad, bad.leaf, evil.cert),
		"evil intermediate and root":   chain(bad, bad.leaf, evil.cert, evilRoot.cert),
		"evil root":                    chain(bad, bad.leaf, evilRoot.cert),
		"genuine root":                 chain(good, good.leaf, f.root.cert),
		"genuine chain with root":      chain(good, good.leaf, f.fulcio.cert, f.root.cert),
		"evil root beside a good leaf": chain(good, good.leaf, evilRoot.cert),
		"signed by nobody we know":     bad.json(),
	}
	for name, raw := range attacks {
		t.Run(name, func(t *testing.T) { refuses(t, v, raw, fault.Chain) })
	}
	t.Run("intermediate that is none", func(t *testing.T) {
		junk := *f.fulcio.cert
		junk.Raw = []byte{0x30, 0}
		refuses(t, v, chain(good, good.leaf, &junk), fault.Chain)
	})
	t.Run("version 0.1", func(t *testing.T) {
		// Statements of 2023 that repeat the trusted root are passed over; no
		// path is built with it. A signature over a file has no such excuse.
		old := f.control1(media1)
		good := old.make()
		accepts(t, v, chain(good, good.leaf, f.fulcio.cert, f.root.cert))
		refuses(t, v, chain(good, good.leaf, f.fulcio.cert, evilRoot.cert), fault.Chain)
		file := old
		file.payload = nil
		signed := file.make()
		accepts(t, v, chain(signed, signed.leaf, f.fulcio.cert))
		refuses(t, v, chain(signed, signed.leaf, f.fulcio.cert, f.root.cert), fault.Chain)
		old.issuer = evil
		bad := old.make()
		refuses(t, v, chain(bad, bad.leaf, evil.cert, f.root.cert), fault.Chain)
	})
	t.Run("authority as signer", func(t *testing.T) {
		o := f.control()
		o.template.IsCA, o.template.BasicConstraintsValid = true, true
		refuses(t, v, o.make().json(), fault.Chain)
	})
	t.Run("chain in version 0.3", func(t *testing.T) {
		raw := strings.Replace(string(chain(good, good.leaf)), media2, media3, 1)
		refuses(t, v, []byte(raw), fault.Chain)
	})
	t.Run("empty chain", func(t *testing.T) { refuses(t, v, chain(good), fault.Malformed) }) // no certificate: A16
}

// A certificate signs code only if it says so by name, whatever the bundle keeps it in.
func TestA14_certificate_of_the_authority_that_is_not_for_code_signing(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Interoperable)
	chained, single := f.control1(media1), f.control()
	for name, c := range map[string]struct {
		usages []x509.ExtKeyUsage
		good   bool
	}{
		"code signing":                {[]x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, true},
		"code signing and another":    {[]x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageCodeSigning}, true},
		"none":                        {nil, false},
		"any":                         {[]x509.ExtKeyUsage{x509.ExtKeyUsageAny}, false},
		"server":                      {[]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, false},
		"timestamps, and any besides": {[]x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping, x509.ExtKeyUsageAny}, false},
	} {
		for form, o := range map[string]order{"chain of v0.1": chained, "single certificate of v0.3": single} {
			t.Run(name+", "+form, func(t *testing.T) {
				o.template = leafTemplate()
				o.template.ExtKeyUsage = c.usages
				if c.good {
					accepts(t, v, o.make().json())
					return
				}
				refuses(t, v, o.make().json(), fault.Chain)
			})
		}
	}
}

// keyed is a bundle without certificate, signed by key and logged.
func (f *forge) keyed(key crypto.Signer) forged {
	o := f.control()
	o.key = key
	b := o.make()
	l := b.logged
	l.leaf, l.keyBytes = nil, spki(key.Public())
	return forged{b.with(func(x *protobundle.Bundle) {
		x.VerificationMaterial.Content = &protobundle.VerificationMaterial_PublicKey{PublicKey: &protocommon.PublicKeyIdentifier{Hint: "a key"}}
		x.VerificationMaterial.TlogEntries[0] = f.rekor2.entry(l.hashedrekord2(), forgedAt)
	}).Bundle, l}
}

func keyFile(pub crypto.PublicKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki(pub)})
}

// Sallyport gives a key no period of its own, so that the catalogue's expired
// key has no counterpart here; a policy stops naming a key instead.
func TestA15_key_signed_where_identity_is_required(t *testing.T) {
	f := newForge()
	keyless := verifier(t, f.trust(), Transparent)
	key := newECKey()
	withKey := must(NewKeyVerifier(must(ParseTrustedRoot(rootFile(f.trust()))), keyFile(key.Public()), Requirements{Logs: 1}))
	certified, keyed := f.control().make(), f.keyed(key)

	accepts(t, keyless, certified.json())
	got := accepts(t, withKey, keyed.json())
	if !got.Keyed() || got.Signer().SAN != "" {
		t.Errorf("verified = keyed %v by %q, want a key and nobody", got.Keyed(), got.Signer().SAN)
	}
	refuses(t, keyless, keyed.json(), fault.Identity)
	refuses(t, withKey, certified.json(), fault.Identity)
	refuses(t, withKey, f.keyed(newECKey()).json(), fault.SignatureInvalid)

	t.Run("without a time", func(t *testing.T) { // a key has no validity to hold a time against
		got := accepts(t, withKey, keyed.with(func(b *protobundle.Bundle) { b.VerificationMaterial.TimestampVerificationData = nil }).json())
		if !got.Time().IsZero() {
			t.Errorf("time = %v, want none", got.Time())
		}
	})
	t.Run("key files", func(t *testing.T) {
		good := string(keyFile(key.Public()))
		trusted := must(ParseTrustedRoot(rootFile(f.trust())))
		for name, file := range map[string]string{
			"empty": "", "no PEM": "key", "certificate": strings.ReplaceAll(good, "PUBLIC KEY", "CERTIFICATE"),
			"two keys": good + good, "no key": "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n",
		} {
			if v, err := NewKeyVerifier(trusted, []byte(file), Requirements{Logs: 1}); v != nil || fault.Of(err).Kind != fault.Usage {
				t.Errorf("%s: verifier %v, error %v; want a usage fault", name, v, err)
			}
		}
	})
	t.Run("key and certificate", func(t *testing.T) {
		// Two of one choice is not JSON of a bundle.
		raw := strings.Replace(string(certified.json()), `"certificate":`, `"publicKey":{"hint":"a key"},"certificate":`, 1)
		if raw == string(certified.json()) {
			raw = strings.Replace(raw, `"certificate": `, `"publicKey":{"hint":"a key"},"certificate": `, 1)
		}
		refuses(t, keyless, []byte(raw), fault.Malformed)
	})
	t.Run("unlogged", func(t *testing.T) {
		refuses(t, withKey, keyed.with(func(b *protobundle.Bundle) { b.VerificationMaterial.TlogEntries = nil }).json(), fault.TLog)
	})
}

func TestA20_deprecated_and_current_extensions_disagree(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Transparent)
	change := func(e ...pkix.Extension) []byte {
		o := f.control()
		for _, x := range e {
			replaced := false
			for i, have := range o.template.ExtraExtensions {
				if have.Id.Equal(x.Id) {
					o.template.ExtraExtensions[i], replaced = x, true
				}
			}
			if !replaced {
				o.template.ExtraExtensions = append(o.template.ExtraExtensions, x)
			}
		}
		return o.make().json()
	}
	text := func(n int, raw ...byte) pkix.Extension { return pkix.Extension{Id: fulcioOID(n), Value: raw} }
	accepts(t, v, change())
	accepts(t, v, change(rawExtension(3, strings.Repeat("a", 40)), utf8Extension(13, strings.Repeat("a", 40))))
	for name, raw := range map[string][]byte{
		"issuer, old differs":     change(rawExtension(1, "https://evil.test")),
		"issuer, new differs":     change(utf8Extension(8, "https://evil.test")),
		"event":                   change(rawExtension(2, "pull_request")),
		"commit":                  change(rawExtension(3, strings.Repeat("a", 40)), utf8Extension(13, strings.Repeat("b", 40))),
		"repository":              change(rawExtension(5, "evil/widget")),
		"repository, longer path": change(utf8Extension(12, "https://git.test/evil/acme/widget")),
		"ref":                     change(rawExtension(6, "refs/tags/v1")),
		"trailing byte":           change(text(9, append(utf8Extension(9, workflow).Value, 'x')...)),
		"PrintableString":         change(text(20, append([]byte{asn1.TagPrintableString, 4}, "push"...)...)),
		"IA5String":               change(text(8, append([]byte{asn1.TagIA5String, byte(len(issuer))}, issuer...)...)),
		"no DER":                  change(rawExtension(14, "refs/heads/main")),
		"empty value":             change(text(14)),
		"sequence":                change(text(15, 0x30, 3, 0x0c, 1, '1')),
	} {
		t.Run(name, func(t *testing.T) { refuses(t, v, raw, fault.Identity) })
	}
	t.Run("extension twice", func(t *testing.T) {
		o := f.control()
		o.template.ExtraExtensions = append(o.template.ExtraExtensions, utf8Extension(23, "staging"), utf8Extension(23, "production"))
		raw, err := x509.CreateCertificate(rand.Reader, o.template, f.fulcio.cert, o.key.Public(), f.fulcio.key)
		if err != nil {
			t.Fatal(err)
		}
		b := f.control().make().with(func(b *protobundle.Bundle) { b.VerificationMaterial.GetCertificate().RawBytes = raw })
		refuses(t, v, b.json(), fault.Malformed)
	})
}

func namesOf(tag int, values ...string) []asn1.RawValue {
	var out []asn1.RawValue
	for _, v := range values {
		out = append(out, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: []byte(v)})
	}
	return out
}

func TestA21_several_names_or_the_wrong_kind(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Transparent)
	const email, uri = 1, 6
	other := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: append(
		must(asn1.Marshal(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 7})),
		must(asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: must(asn1.MarshalWithParams(workflow, "utf8"))}))...)}
	leaf := func(names ...asn1.RawValue) []byte {
		o := f.control()
		o.template.URIs = nil
		if len(names) > 0 {
			o.template.ExtraExtensions = append(o.template.ExtraExtensions, pkix.Extension{Id: oidSAN, Critical: true, Value: must(asn1.Marshal(names))})
		}
		return o.make().json()
	}
	const evil = "https://git.test/evil/widget/.ci/release.yml@refs/heads/main"
	if got := accepts(t, v, leaf(namesOf(uri, workflow)...)).Signer(); got.SANKind != "uri" {
		t.Errorf("kind = %q, want %q", got.SANKind, "uri")
	}
	for name, raw := range map[string][]byte{
		"evil first":    leaf(namesOf(uri, evil, workflow)...),
		"evil second":   leaf(namesOf(uri, workflow, evil)...),
		"the same":      leaf(namesOf(uri, workflow, workflow)...),
		"with email":    leaf(append(namesOf(email, "evil@git.test"), namesOf(uri, workflow)...)...),
		"with other":    leaf(append([]asn1.RawValue{other}, namesOf(uri, workflow)...)...),
		"with DNS name": leaf(append(namesOf(2, "git.test"), namesOf(uri, workflow)...)...),
		"none":          leaf(),
	} {
		t.Run(name, func(t *testing.T) { refuses(t, v, raw, fault.Identity) })
	}
	// What stands in the certificate is compared, and not what a parser makes of
	// it.
	for _, like := range []string{"HTTPS" + workflow[5:], workflow + "#", workflow + "?"} {
		t.Run(like, func(t *testing.T) {
			if got := accepts(t, v, leaf(namesOf(uri, like)...)).Signer().SAN; got != like {
				t.Errorf("name = %q, want %q", got, like)
			}
		})
	}
	// One name of another kind is somebody, but never a workflow: the policy
	// asks for the kind.
	for kind, raw := range map[string][]byte{"email": leaf(namesOf(email, workflow)...), "other": leaf(other)} {
		t.Run(kind+" that reads like a workflow", func(t *testing.T) {
			if got := accepts(t, v, raw).Signer(); got.SAN != workflow || got.SANKind != kind {
				t.Errorf("signer is %q of kind %q, want kind %q", got.SAN, got.SANKind, kind)
			}
		})
	}
}

// bigRSA is a key of the right shape; nobody can sign with it.
func bigRSA(bits, e int) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(12345)), E: e}
}

func TestF14_weak_or_oversized_key(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Interoperable)
	for name, key := range map[string]crypto.Signer{
		"P-256": newECKey(), "P-384 with SHA-256": must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)), "RSA 2048": must(rsa.GenerateKey(rand.Reader, 2048)),
	} {
		t.Run("control "+name, func(t *testing.T) {
			o := f.control1(media2)
			o.key = key
			accepts(t, v, o.make().json())
		})
	}
	good := f.control().make()
	certify := func(pub crypto.PublicKey) []byte {
		c := f.fulcio.issueLogged(leafTemplate(), pub, []*ctLog{f.ct})
		return good.with(func(b *protobundle.Bundle) { b.VerificationMaterial.GetCertificate().RawBytes = c.Raw }).json()
	}
	p224 := must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	for name, pub := range map[string]crypto.PublicKey{
		"RSA 1024": bigRSA(1024, 65537), "RSA 8192": bigRSA(8192, 65537), "RSA 16384": bigRSA(16384, 65537),
		"RSA 32768": bigRSA(32768, 65537), "e = 3": bigRSA(2048, 3), "P-224": p224.Public(),
	} {
		raw := certify(pub)
		t.Run(name, func(t *testing.T) {
			cheaply(t, func() { refuses(t, v, raw, fault.Limit) })
			if _, err := NewKeyVerifier(must(ParseTrustedRoot(rootFile(f.trust()))), keyFile(pub), Requirements{Logs: 1}); fault.Of(err).Code != fault.Limit {
				t.Errorf("key verifier: %v, want it refused with %s", err, fault.Limit)
			}
		})
	}
	t.Run("Ed25519 of 31 bytes", func(t *testing.T) {
		pub, _, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		short, err := x509.CreateCertificate(rand.Reader, leafTemplate(), f.fulcio.cert, pub[:31], f.fulcio.key)
		if err != nil {
			t.Fatal(err)
		}
		refuses(t, v, good.with(func(b *protobundle.Bundle) { b.VerificationMaterial.GetCertificate().RawBytes = short }).json(), fault.Malformed)
	})
	t.Run("Ed25519 over the prehashed file", func(t *testing.T) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		o := f.control()
		c := f.fulcio.issueLogged(o.template, key.Public(), o.ctLogs)
		sum := sha256.Sum256(good.pae)
		sig := ed25519.Sign(key, sum[:]) // of the digest, where the envelope's bytes are due
		b := good.with(func(b *protobundle.Bundle) {
			l := good.logged
			l.sig, l.leaf = sig, c
			b.VerificationMaterial.GetCertificate().RawBytes = c.Raw
			b.GetDsseEnvelope().Signatures[0].Sig = sig
			b.VerificationMaterial.TlogEntries[0] = f.rekor1.entry(l.dsse1(), forgedAt)
			stamps(f.tsa.stamp(stampRequest{over: sig, at: forgedAt}))(b)
		})
		said := stderr(t, func() { refuses(t, v, b.json(), fault.SignatureInvalid) })
		if said != "" {
			t.Errorf("verifying printed %q, want silence", said)
		}
	})
}

// stderr returns what is printed there while what runs.
func stderr(t *testing.T, what func()) string {
	t.Helper()
	file := must(os.Create(filepath.Join(t.TempDir(), "stderr")))
	usual := os.Stderr
	os.Stderr = file
	what()
	os.Stderr = usual
	file.Close()
	return string(must(os.ReadFile(file.Name())))
}

func TestO03_certificate_path_explosion(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Interoperable)
	good := f.control1(media2).make()
	cheap := func(t *testing.T, raw []byte, want fault.Code) {
		t.Helper()
		cheaply(t, func() { refuses(t, v, raw, want) })
	}
	chain := func(n int) []byte {
		return good.with(func(b *protobundle.Bundle) {
			c := b.VerificationMaterial.GetX509CertificateChain()
			for len(c.Certificates) < n {
				c.Certificates = append(c.Certificates, &protocommon.X509Certificate{RawBytes: f.fulcio.cert.Raw})
			}
		}).json()
	}
	accepts(t, v, chain(MaxChain))
	cheap(t, chain(MaxChain+1), fault.Limit)
	cheap(t, chain(1000), fault.Limit)

	t.Run("names without end", func(t *testing.T) {
		o := f.control1(media2)
		for range 2000 {
			o.template.URIs = append(o.template.URIs, must(url.Parse(workflow)))
		}
		cheap(t, o.make().json(), fault.Limit)
		o = f.control1(media2)
		o.template.Subject.CommonName = strings.Repeat("=#", MaxLeafBytes/2)
		cheap(t, o.make().json(), fault.Limit)
		o.template.Subject.CommonName = strings.Repeat("=#", 1000)
		accepts(t, v, o.make().json())
	})
	t.Run("token full of certificates", func(t *testing.T) {
		b := f.control().make()
		cheap(t, b.with(stamps(make([]byte, MaxTimestampBytes+1))).json(), fault.Limit)
		cheap(t, b.with(stamps(make([]byte, MaxTimestampBytes))).json(), fault.Time)
	})
}

// A key of a kind that is not read is unsupported, in words that no library has.
func TestA15_key_of_a_kind_that_is_not_read(t *testing.T) {
	f := newForge()
	x := must(ecdh.X25519().GenerateKey(rand.Reader))
	for what, der := range map[string][]byte{
		"X25519":    must(x509.MarshalPKIXPublicKey(x.PublicKey())),
		"secp256k1": must(hex.DecodeString("3056301006072a8648ce3d020106052b8104000a034200" + "04" + strings.Repeat("01", 64))),
	} {
		_, err := NewKeyVerifier(must(ParseTrustedRoot(rootFile(f.trust()))), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), Requirements{Logs: 1})
		if got := fault.Of(err); got.Kind != fault.Usage || got.Code != fault.Unsupported {
			t.Errorf("%s: %v, %s, want %s", what, err, got.Code, fault.Unsupported)
		} else {
			messages.Plain(t, err.Error())
		}
	}
}
