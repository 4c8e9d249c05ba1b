package sigstore

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

func signatures(n int) func(*protobundle.Bundle) {
	return func(b *protobundle.Bundle) {
		env := b.GetDsseEnvelope()
		one := env.Signatures[0]
		env.Signatures = nil
		for range n {
			env.Signatures = append(env.Signatures, one)
		}
	}
}

func TestA16_no_certificate_no_signature_two_signatures(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Interoperable)
	b := f.control().make()
	accepts(t, v, b.with(signatures(1)).json())
	for _, n := range []int{0, 2, 1000} {
		t.Run(fmt.Sprint(n, " signatures"), func(t *testing.T) { refuses(t, v, b.with(signatures(n)).json(), fault.Malformed) })
	}
	for name, change := range map[string]func(*protobundle.Bundle){
		"empty certificate": func(b *protobundle.Bundle) { b.VerificationMaterial.GetCertificate().RawBytes = nil },
		"no certificate":    func(b *protobundle.Bundle) { b.VerificationMaterial.Content = nil },
		"no material":       func(b *protobundle.Bundle) { b.VerificationMaterial = nil },
		"no content":        func(b *protobundle.Bundle) { b.Content = nil },
		"empty envelope":    func(b *protobundle.Bundle) { *b.GetDsseEnvelope() = protodsse.Envelope{} },
		"empty signature over a file": func(b *protobundle.Bundle) {
			b.Content = &protobundle.Bundle_MessageSignature{MessageSignature: &protocommon.MessageSignature{}}
		},
	} {
		t.Run(name, func(t *testing.T) { refuses(t, v, b.with(change).json(), fault.Malformed) })
	}
	t.Run("empty bytes of a signature", func(t *testing.T) {
		refuses(t, v, b.with(func(b *protobundle.Bundle) { b.GetDsseEnvelope().Signatures[0].Sig = nil }).json(), fault.SignatureInvalid)
	})
	t.Run("the zero bundle", func(t *testing.T) {
		got, err := v.verifyFor(Bundle{}, Artifact{Digest: digestOf(artifact)})
		if codeOf(err) != fault.Malformed {
			t.Errorf("error = %v, want %s", err, fault.Malformed)
		}
		provesNothing(t, got)
	})
}

// brokenMaterial is a trusted root that goes wrong while it is used.
type brokenMaterial struct{ root.TrustedMaterial }

func (brokenMaterial) RekorLogs() map[string]*root.TransparencyLog { panic("out of order") }

// A panic below is an internal fault (exit 1): it neither allows nor is it a
// reason against the bundle.
func TestA16_panic_is_no_answer(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Transparent)
	b := f.control().make().json()
	accepts(t, v, b)
	v.material = brokenMaterial{v.material}
	got, err := judge(v, b)
	var r *Rejection
	if fl := fault.Of(err); err == nil || errors.As(err, &r) || fl.Kind != fault.Internal || fl.Code != fault.InternalError {
		t.Errorf("error = %v, want an internal fault", err)
	}
	provesNothing(t, got)
}

func TestA17_signature_fails_but_signer_is_known(t *testing.T) {
	f := newForge()
	// The log and the timestamp authority are in on it: nothing but the signature is wrong.
	bad := func(change func(*logged)) []byte {
		b := f.control().make()
		l := b.logged
		l.sig = bytes.Clone(l.sig)
		change(&l)
		return b.with(func(b *protobundle.Bundle) {
			b.GetDsseEnvelope().Signatures[0].Sig = l.sig
			b.VerificationMaterial.TlogEntries[0] = f.rekor2.entry(l.hashedrekord2(), forgedAt)
			stamps(f.tsa.stamp(stampRequest{over: l.sig, at: forgedAt}))(b)
		}).json()
	}
	v := verifier(t, f.trust(), Transparent)
	accepts(t, v, bad(func(*logged) {}))
	refuses(t, v, bad(func(l *logged) { l.sig[len(l.sig)-1] ^= 1 }), fault.SignatureInvalid)
	refuses(t, v, bad(func(l *logged) { l.sig = l.sig[:8] }), fault.SignatureInvalid)

	// Without them it is still the signature that is told of.
	refuses(t, v, f.control().make().with(func(b *protobundle.Bundle) { b.GetDsseEnvelope().Signatures[0].Sig[9] ^= 1 }).json(), fault.SignatureInvalid)

	t.Run("without a log", func(t *testing.T) {
		v := verifier(t, f.trust(), Unlogged)
		b := f.control().make()
		accepts(t, v, b.json())
		other := f.control().make()
		refuses(t, v, b.with(func(b *protobundle.Bundle) {
			b.GetDsseEnvelope().Signatures[0].Sig = other.sig
			stamps(f.tsa.stamp(stampRequest{over: other.sig, at: forgedAt}))(b)
		}).json(), fault.SignatureInvalid)
	})
}

func TestA18_signature_without_the_pre_authentication_encoding(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Unlogged)
	accepts(t, v, f.control().make().json())

	o := f.control()
	o.raw = true
	refuses(t, v, o.make().json(), fault.SignatureInvalid)

	// The signature is good, over what the payload was.
	edited := f.control().make().with(func(b *protobundle.Bundle) {
		env := b.GetDsseEnvelope()
		env.Payload = bytes.Replace(env.Payload, []byte("app.tar.gz"), []byte("evil.tar.gz"), 1)
	})
	refuses(t, v, edited.json(), fault.SignatureInvalid)
	refuses(t, verifier(t, f.trust(), Transparent), edited.json(), fault.SignatureInvalid)
}

func TestA22_bundle_version_and_dialect(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Interoperable)
	o := f.control()
	o.payload = nil
	file, raw := compact(o.make().json()), compact(f.control().make().json())
	accepts(t, v, []byte(raw))
	accepts(t, v, []byte(file))
	replace := func(in, from, to string) string {
		out := strings.Replace(in, from, to, 1)
		if out == in {
			t.Fatalf("%q is not in the bundle", from)
		}
		return out
	}
	for name, bad := range map[string]string{
		"unknown media type":     replace(raw, media3, "application/vnd.dev.sigstore.bundle.v0.4+json"),
		"patch media type":       replace(raw, media3, "application/vnd.dev.sigstore.bundle.v0.3.1+json"),
		"no media type":          replace(raw, media3, ""),
		"media type in capitals": replace(raw, media3, strings.ToUpper(media3)),
		"snake case":             replace(raw, `"dsseEnvelope"`, `"dsse_envelope"`),
		"snake case inside":      replace(raw, `"tlogEntries"`, `"tlog_entries"`),
		"folded case":            replace(raw, `"dsseEnvelope"`, `"DsseEnvelope"`),
		"unknown field":          replace(raw, `{"mediaType"`, `{"extra":1,"mediaType"`),
		"unknown field inside":   replace(raw, `"dsseEnvelope":{`, `"dsseEnvelope":{"x":{},`),
		"two contents":           replace(raw, `"dsseEnvelope":`, `"messageSignature":{},"dsseEnvelope":`),
		"field twice":            replace(raw, `"dsseEnvelope":`, `"dsseEnvelope":{},"dsseEnvelope":`),
		"escaped field twice":    replace(raw, `"dsseEnvelope":`, `"dsseEnvelop\u0065":{},"dsseEnvelope":`),
		"enumeration number":     replace(file, `"SHA2_256"`, `1`),
		"unknown enumeration":    replace(file, `"SHA2_256"`, `"SHA2_999"`),
		"two bundles":            raw + raw,
		"bundle and junk":        raw + "x",
		"array of one":           "[" + raw + "]",
		"byte order mark":        "\ufeff" + raw,
		"comment":                "/* */" + raw,
		"trailing comma":         raw[:len(raw)-1] + ",}",
		"not UTF-8":              replace(raw, media3, media3+"\xff"),
		"empty":                  "",
		"null":                   "null",
		"cut":                    raw[:len(raw)-1],
	} {
		t.Run(name, func(t *testing.T) { refuses(t, v, []byte(bad), fault.Malformed) })
	}
}

// compact removes the spaces that protojson scatters at random.
func compact(raw []byte) string {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		panic(err)
	}
	return b.String()
}

func TestB01_payload_type_confusion(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Transparent)
	accepts(t, v, f.control().make().json())
	for _, kind := range []string{"application/json", "application/vnd.in-toto+JSON", "application/vnd.in-toto.provenance+json",
		"application/vnd.in-toto+json ", "application/vnd.in-toto+json; charset=utf-8", "text/plain", ""} {
		t.Run(kind, func(t *testing.T) {
			o := f.control()
			o.payloadType = kind
			refuses(t, v, o.make().json(), fault.Statement)
		})
	}
}

// signed forges a bundle whose genuinely signed payload is the given bytes.
func signed(f *forge, payload string) []byte {
	o := f.control()
	o.payload = []byte(payload)
	return o.make().json()
}

func TestB02_unknown_or_missing_type(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Transparent)
	with := func(kind string) []byte {
		return signed(f, strings.Replace(string(provenance()), `"`+statement.TypeV1+`"`, kind, 1))
	}
	accepts(t, v, with(`"`+statement.TypeV1+`"`))
	// The old type is read, for what registries still publish; whether it will
	// do is the policy's question.
	accepts(t, v, with(`"`+statement.TypeV01+`"`))
	for _, kind := range []string{`""`, `"https://in-toto.io/Statement/v9.9"`, `"https://in-toto.io/Statement/V1"`,
		`"https://in-toto.io/Statement/v1/"`, `["https://in-toto.io/Statement/v1"]`, `1`} {
		t.Run(kind, func(t *testing.T) { refuses(t, v, with(kind), fault.Statement) })
	}
	t.Run("absent", func(t *testing.T) {
		refuses(t, v, signed(f, strings.Replace(string(provenance()), `"_type":"`+statement.TypeV1+`",`, "", 1)), fault.Statement)
	})
}

func TestB04_signed_payload_that_does_not_parse(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Transparent)
	good := string(provenance())
	accepts(t, v, signed(f, good))
	accepts(t, v, signed(f, good+"\n"))
	for name, payload := range map[string]string{
		"null": "null", "number": "42", "string": `"str"`, "array": "[]",
		"space": " ", "cut": good[:len(good)-2], "trailing": good + "x", "two": good + good,
		"not UTF-8":             strings.Replace(good, "app.tar.gz", "app\xff", 1),
		"predicate is a string": strings.Replace(good, `{"buildDefinition":{}}`, `"{}"`, 1),
		"predicate is cut":      strings.Replace(good, `{"buildDefinition":{}}`, `{"buildDefinition":`, 1),
	} {
		t.Run(name, func(t *testing.T) { refuses(t, v, signed(f, payload), fault.Malformed) })
	}
	t.Run("predicate alone", func(t *testing.T) { refuses(t, v, signed(f, `{"predicate":{}}`), fault.Statement) })
	t.Run("empty", func(t *testing.T) {
		b := f.control().make().with(func(b *protobundle.Bundle) { b.GetDsseEnvelope().Payload = nil })
		refuses(t, v, b.json(), fault.Malformed)
	})
}

// The bytes that were signed are the bytes that are judged.
func TestB08_normalised_copy(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Transparent)
	good := string(provenance())
	digest := digestOf(artifact).Hex()
	spaced := strings.ReplaceAll(good, `":`, "\" :\n ")
	accepts(t, v, signed(f, spaced))
	b := must(ParseBundle(signed(f, spaced)))
	if string(b.Payload()) != spaced {
		t.Errorf("payload = %q, want the signed bytes %q", b.Payload(), spaced)
	}
	evil := strings.Repeat("0", 64)
	for name, payload := range map[string]string{
		"subject twice":         strings.Replace(good, `"subject":`, `"subject":[{"name":"a","digest":{"sha256":"`+evil+`"}}],"subject":`, 1),
		"digest twice":          strings.Replace(good, `"sha256":"`+digest, `"sha256":"`+evil+`","sha256":"`+digest, 1),
		"digest twice, escaped": strings.Replace(good, `"sha256":"`+digest, `"sha25\u0036":"`+evil+`","sha256":"`+digest, 1),
		"folded subject":        strings.Replace(good, `"subject":`, `"Subject":[],"subject":`, 1),
		"in the predicate":      strings.Replace(good, `{"buildDefinition":{}}`, `{"a":1,"a":2}`, 1),
		"byte order mark":       "\ufeff" + good,
		"UTF-16":                "\xff\xfe{\x00}\x00",
	} {
		t.Run(name, func(t *testing.T) { refuses(t, v, signed(f, payload), fault.Malformed) })
	}
	t.Run("re-encoded after signing", func(t *testing.T) {
		b := f.control().make().with(func(b *protobundle.Bundle) {
			b.GetDsseEnvelope().Payload = append(b.GetDsseEnvelope().Payload, '\n')
		})
		refuses(t, v, b.json(), fault.SignatureInvalid)
		refuses(t, verifier(t, f.trust(), Unlogged), b.json(), fault.SignatureInvalid)
	})
	t.Run("base64 with bits to spare", func(t *testing.T) {
		raw := compact(f.control().make().json())
		sig := base64.StdEncoding.EncodeToString(must(ParseBundle([]byte(raw))).entity.signature.Signature())
		bad := strings.ReplaceAll(raw, sig, "!"+sig[1:])
		refuses(t, v, []byte(bad), fault.Malformed)
	})
}

func TestE03_algorithm_confusion_by_length(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Transparent)
	d := digestOf(artifact).Hex()
	with := func(digest string) []byte {
		return signed(f, strings.Replace(string(provenance()), `{"sha256":"`+d+`"}`, digest, 1))
	}
	long := d + d
	accepts(t, v, with(`{"sha256":"`+d+`"}`))
	accepts(t, v, with(`{"sha256":"`+d+`","sha512":"`+long+`"}`))
	for name, digest := range map[string]string{
		"40 digits":            `{"sha256":"` + d[:40] + `"}`,
		"128 digits":           `{"sha256":"` + long + `"}`,
		"63 digits":            `{"sha256":"` + d[:63] + `"}`,
		"not hexadecimal":      `{"sha256":"` + d[:63] + `g"}`,
		"SHA256":               `{"SHA256":"` + d + `"}`,
		"sha3-256":             `{"sha3-256":"` + d + `"}`,
		"blake2b":              `{"blake2b":"` + d + `"}`,
		"gitoid":               `{"gitoid":"` + d + `"}`,
		"dirHash":              `{"dirHash":"` + d + `"}`,
		"sha512 cut to 64":     `{"sha512":"` + d + `"}`,
		"sha512 that holds it": `{"sha512":"` + long + `"}`,
		"empty":                `{"sha256":""}`,
		"none":                 `{}`,
	} {
		t.Run(name, func(t *testing.T) { refuses(t, v, with(digest), fault.SubjectMismatch) })
	}
	t.Run("upper case", func(t *testing.T) {
		raw := with(`{"sha256":"` + strings.ToUpper(d) + `"}`)
		refuses(t, v, raw, fault.Statement)
		if _, err := ParseBundle(raw); err == nil || !strings.Contains(err.Error(), "upper case") {
			t.Errorf("got %v, want it to say upper case", err)
		}
	})
	t.Run("a short commit beside it",
		func(t *testing.T) { accepts(t, v, with(`{"sha256":"`+d+`","gitCommit":"abc1234"}`)) })
	t.Run("label of a signature over a file", func(t *testing.T) {
		o := f.control()
		o.payload = nil
		b := o.make()
		accepts(t, v, b.json())
		for _, a := range []protocommon.HashAlgorithm{protocommon.HashAlgorithm_SHA3_256, protocommon.HashAlgorithm_SHA2_512, protocommon.HashAlgorithm_HASH_ALGORITHM_UNSPECIFIED} { //nolint:staticcheck // an attacker may send what is deprecated
			refuses(t, v, b.with(func(b *protobundle.Bundle) { b.GetMessageSignature().MessageDigest.Algorithm = a }).json(), fault.SubjectMismatch)
		}
	})
}

// A statement about several artifacts covers those and no others.
func TestVerified_covers_what_was_signed(t *testing.T) {
	f := newForge()
	o := f.control()
	other := digestOf([]byte("other"))
	o.payload = must(statement.New([]subject.Subject{{Name: "a", Digest: digestOf(artifact)}, {Name: "b", Digest: other}}, "x", []byte("{}")))
	got := accepts(t, verifier(t, f.trust(), Transparent), o.make().json())
	if !got.Covers(other) || got.Covers(digestOf([]byte("third"))) || got.Covers(subject.Digest{}) {
		t.Error("covers something else than the two subjects")
	}
}

// Registries name their artifacts by SHA-512. Each of the files is covered, and
// no other.
func TestVerified_covers_by_another_digest(t *testing.T) {
	f := newForge()
	files := [][]byte{artifact, []byte("second"), []byte("third")}
	var subjects []string
	for _, b := range files[:2] {
		subjects = append(subjects, fmt.Sprintf(`{"name":"x","digest":{"sha512":"%x"}}`, sha512.Sum512(b)))
	}
	subjects = append(subjects, fmt.Sprintf(`{"name":"y","digest":{"sha256":"%x"}}`, sha256.Sum256([]byte("fourth"))))
	b := must(ParseBundle(signed(f, `{"_type":"`+statement.TypeV1+`","predicateType":"x","subject":[`+strings.Join(subjects, ",")+`]}`)))
	v := verifier(t, f.trust(), Transparent)
	if _, err := v.verifyFor(b, asFile(files[0])); err != nil {
		t.Fatal(err)
	}
	got := must(v.Verify(b))
	for i, file := range files {
		fits := slices.ContainsFunc(got.Subjects(), func(d statement.Descriptor) bool { return covers(d, asFile(file)) })
		if fits != (i < 2) || got.Covers(digestOf(file)) {
			t.Errorf("file %d: fits %v, want %v, and never by SHA-256", i, fits, i < 2)
		}
		long := must(subject.ParseAnyDigest(fmt.Sprintf("sha512:%x", sha512.Sum512(file))))
		if got.Covers(long) != (i < 2) {
			t.Errorf("file %d: covers %v is %v", i, long, i >= 2)
		}
	}
	if !got.Covers(digestOf([]byte("fourth"))) {
		t.Error("does not cover the subject with a SHA-256 digest")
	}
	_, err := v.verifyFor(b, asFile(files[2]))
	wants(t, err, fault.SubjectMismatch)
}

// Of a file at hand every digest has to fit: one that is right does not make up
// for one that is wrong. Digests of git objects are no file's.
func TestE13_every_digest_of_a_subject_has_to_fit_the_file(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Transparent)
	s256, s384, s512 := sha256.Sum256(artifact), sha512.Sum384(artifact), sha512.Sum512(artifact)
	o := sha512.Sum512([]byte("other"))
	for digests, want := range map[string]bool{
		fmt.Sprintf(`"sha256":"%x"`, s256):                                         true,
		fmt.Sprintf(`"sha256":"%x","sha512":"%x"`, s256, s512):                     true,
		fmt.Sprintf(`"sha256":"%x","sha384":"%x","sha512":"%x"`, s256, s384, s512): true,
		fmt.Sprintf(`"sha256":"%x","sha512":"%x"`, s256, o):                        false,
		fmt.Sprintf(`"sha256":"%x","sha384":"%x"`, s256, o[:48]):                   false,
		fmt.Sprintf(`"sha384":"%x","sha512":"%x"`, s384, o):                        false,
		fmt.Sprintf(`"sha384":"%x","sha512":"%x"`, s384, s512):                     true,
		fmt.Sprintf(`"sha256":"%x","gitCommit":"%x"`, s256, s256[:20]):             true,
		fmt.Sprintf(`"gitCommit":"%x"`, s256):                                      false,
	} {
		b := must(ParseBundle(signed(f, `{"_type":"`+statement.TypeV1+`","predicateType":"x","subject":[{"name":"x","digest":{`+digests+`}}]}`)))
		if _, err := v.verifyFor(b, asFile(artifact)); (err == nil) != want {
			t.Errorf("%s: %v, want it to fit: %v", digests, err, want)
		}
	}
}

// A signature over a file may be over its SHA-384 digest: the file is read, and
// has to be the one that was asked about.
func TestVerified_covers_a_file_by_another_digest(t *testing.T) {
	f := newForge()
	o := f.control()
	o.payload, o.key = nil, must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	sum := sha512.Sum384(artifact)
	sig := must(o.key.Sign(rand.Reader, sum[:], crypto.SHA384))
	b := o.make().with(func(b *protobundle.Bundle) {
		b.Content = &protobundle.Bundle_MessageSignature{MessageSignature: &protocommon.MessageSignature{
			MessageDigest: &protocommon.HashOutput{Algorithm: protocommon.HashAlgorithm_SHA2_384, Digest: sum[:]}, Signature: sig}}
		stamps(f.tsa.stamp(stampRequest{over: sig, at: forgedAt}))(b)
	})
	v := verifier(t, f.trust(), Unlogged)
	if _, err := v.verifyFor(must(ParseBundle(b.json())), asFile(artifact)); err != nil {
		t.Errorf("the file: %v", err)
	}
	_, err := v.verifyFor(must(ParseBundle(b.json())), asFile([]byte("other")))
	wants(t, err, fault.SubjectMismatch)
	refuses(t, v, b.json(), fault.SubjectMismatch)                                                                                                              // nothing to read
	for _, a := range []protocommon.HashAlgorithm{protocommon.HashAlgorithm_SHA2_512, protocommon.HashAlgorithm_SHA3_384, protocommon.HashAlgorithm_SHA2_256} { //nolint:staticcheck // an attacker may send what is deprecated
		bad := b.with(func(b *protobundle.Bundle) { b.GetMessageSignature().MessageDigest.Algorithm = a })
		_, err = v.verifyFor(must(ParseBundle(bad.json())), asFile(artifact))
		wants(t, err, fault.SubjectMismatch)
	}
}

// What a bundle claims helps to find it, and nothing else.
func TestBundle_claims(t *testing.T) {
	f := newForge()
	o := f.control()
	o.payload = nil
	file, statement := must(ParseBundle(o.make().json())), must(ParseBundle(f.control().make().json()))
	for name, b := range map[string]Bundle{"file": file, "statement": statement} {
		if c := b.Claims(); len(c) != 1 || !slices.Equal(c[0].Digests(), []subject.Digest{digestOf(artifact)}) {
			t.Errorf("%s: claims %v", name, c)
		}
	}
	if c := statement.Claims(); c[0].Name != "app.tar.gz" {
		t.Errorf("claims %v", c)
	}
	got := accepts(t, verifier(t, f.trust(), Transparent), f.control().make().json())
	if want := digestOf(must(ParseTrustedRoot(publicGoodRoot)).digest.Bytes()); got.TrustedRoot() == want || got.TrustedRoot() == (subject.Digest{}) {
		t.Errorf("trusted root = %v", got.TrustedRoot())
	}
	if got.ContentDigest() != digestOf(provenance()) {
		t.Errorf("content = %v, want the digest of the payload", got.ContentDigest())
	}
}
