package sigstore

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
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
		refuses(t, v, b.with(func(b *protobundle.Bundle) { b.GetDsseEnvelope().Signatures[0].Sig = nil }).json(), fault.TLog)
	})
	t.Run("the zero bundle", func(t *testing.T) {
		got, err := v.Verify(Bundle{}, Artifact{Digest: digestOf(artifact)})
		if codeOf(err) != fault.Malformed {
			t.Errorf("error = %v, want %s", err, fault.Malformed)
		}
		provesNothing(t, got)
	})
	t.Run("no artifact", func(t *testing.T) {
		got, err := v.Verify(must(ParseBundle(b.json())))
		if fault.Of(err).Kind != fault.Internal || err == nil {
			t.Errorf("error = %v, want an internal fault", err)
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
	// Logs are asked before signatures, and a log entry holds the signature: to
	// get as far as the signature, the log itself must be in on it.
	logged := func(change func(*logged)) []byte {
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
	accepts(t, v, logged(func(*logged2) {}))
	refuses(t, v, logged(func(l *logged2) { l.sig[len(l.sig)-1] ^= 1 }), fault.SignatureInvalid)
	refuses(t, v, logged(func(l *logged2) { l.sig = l.sig[:8] }), fault.SignatureInvalid)

	// Without such a log, the entry is what fails.
	refuses(t, v, f.control().make().with(func(b *protobundle.Bundle) { b.GetDsseEnvelope().Signatures[0].Sig[9] ^= 1 }).json(), fault.TLog)

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

type logged2 = logged

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
	refuses(t, verifier(t, f.trust(), Transparent), edited.json(), fault.TLog)
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
		refuses(t, v, b.json(), fault.TLog)
		refuses(t, verifier(t, f.trust(), Unlogged), b.json(), fault.SignatureInvalid)
	})
	t.Run("base64 with bits to spare", func(t *testing.T) {
		raw := compact(f.control().make().json())
		sig := base64.StdEncoding.EncodeToString(must(ParseBundle([]byte(raw))).entity.signature.Signature())
		bad := strings.ReplaceAll(raw, sig, "!"+sig[1:])
		refuses(t, v, []byte(bad), fault.Malformed)
	})
}

func TestB09_number_and_depth(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Transparent)
	good := string(provenance())
	predicate := func(p string) []byte { return signed(f, strings.Replace(good, `{"buildDefinition":{}}`, p, 1)) }
	nest := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

	got := accepts(t, v, predicate(`{"run":9007199254740993,"x":1e400,"y":-0}`))
	if s, _ := got.Statement(); !bytes.Contains(s.Predicate, []byte("9007199254740993")) {
		t.Errorf("predicate = %s, want its digits as they were signed", s.Predicate)
	}
	if id := got.Signer().RepositoryID; id != "9007199254740993" || id == "9007199254740992" {
		t.Errorf("repository = %q, want the text of the certificate", id)
	}
	accepts(t, v, predicate(`{"a":`+nest(50)+`}`))
	bounded := func(t *testing.T, raw []byte) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		refuses(t, v, raw, fault.Limit)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if took > 100*time.Millisecond || after.TotalAlloc-before.TotalAlloc > 64<<20 {
			t.Errorf("refusing took %v and %d bytes, want at most 100ms and 64 MiB", took, after.TotalAlloc-before.TotalAlloc)
		}
	}
	t.Run("deep predicate", func(t *testing.T) { bounded(t, predicate(`{"a":`+nest(100_000)+`}`)) })
	t.Run("deep bundle", func(t *testing.T) {
		bounded(t, []byte(`{"mediaType":"`+media3+`","dsseEnvelope":`+nest(100_000)+`}`))
	})
	t.Run("long string", func(t *testing.T) { bounded(t, bytes.Repeat([]byte(`"`), MaxBundleBytes+1)) })
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
		"upper case":           `{"sha256":"` + strings.ToUpper(d) + `"}`,
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
	t.Run("label of a signature over a file", func(t *testing.T) {
		o := f.control()
		o.payload = nil
		b := o.make()
		accepts(t, v, b.json())
		for _, a := range []protocommon.HashAlgorithm{protocommon.HashAlgorithm_SHA3_256, protocommon.HashAlgorithm_SHA2_512, protocommon.HashAlgorithm_HASH_ALGORITHM_UNSPECIFIED} {
			refuses(t, v, b.with(func(b *protobundle.Bundle) { b.GetMessageSignature().MessageDigest.Algorithm = a }).json(), fault.SubjectMismatch)
		}
	})
}

func TestO02_endless_attestations(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Transparent)
	b := f.control().make()
	entries := func(n int) []byte {
		return b.with(func(b *protobundle.Bundle) {
			m := b.VerificationMaterial
			foreign := newRekor2("else.test") // unknown entries are passed over, the trusted one is last
			last := m.TlogEntries[0]
			m.TlogEntries = nil
			junk := foreign.entry(logBody{last.KindVersion.Kind, last.KindVersion.Version, last.CanonicalizedBody}, forgedAt)
			for i := range n - 1 {
				e := &protorekor.TransparencyLogEntry{LogIndex: int64(i), LogId: junk.LogId, KindVersion: junk.KindVersion,
					CanonicalizedBody: junk.CanonicalizedBody, InclusionProof: junk.InclusionProof}
				m.TlogEntries = append(m.TlogEntries, e)
			}
			m.TlogEntries = append(m.TlogEntries, last)
		}).json()
	}
	tokens := func(n int) []byte {
		var list [][]byte
		for range n {
			list = append(list, f.tsa.stamp(stampRequest{over: b.sig, at: forgedAt}))
		}
		return b.with(stamps(list...)).json()
	}
	subjects := func(n int) []byte {
		s := fmt.Sprintf(`{"name":"app","digest":{"sha256":%q}}`, digestOf(artifact).Hex())
		all := strings.Repeat(s+",", n-1) + s
		return signed(f, `{"_type":"`+statement.TypeV1+`","predicateType":"x","predicate":{},"subject":[`+all+`]}`)
	}
	digests := func(n int) []byte {
		d := fmt.Sprintf(`"sha256":%q`, digestOf(artifact).Hex())
		for i := range n - 1 {
			d += fmt.Sprintf(`,"x%d":"00"`, i)
		}
		return signed(f, `{"_type":"`+statement.TypeV1+`","predicateType":"x","predicate":{},"subject":[{"name":"app","digest":{`+d+`}}]}`)
	}
	for name, c := range map[string]struct {
		max  int
		make func(int) []byte
	}{
		"log entries": {MaxLogEntries, entries}, "timestamps": {MaxTimestamps, tokens},
		"subjects": {statement.MaxSubjects, subjects}, "digests of a subject": {statement.MaxSubjectDigests, digests},
	} {
		t.Run(name, func(t *testing.T) {
			accepts(t, v, c.make(c.max))
			refuses(t, v, c.make(c.max+1), fault.Limit)
		})
	}
	t.Run("a late timestamp at the end is not lost", func(t *testing.T) {
		var list [][]byte
		for range MaxTimestamps - 1 {
			list = append(list, f.tsa.stamp(stampRequest{over: b.sig, at: forgedAt}))
		}
		list = append(list, f.tsa.stamp(stampRequest{over: b.sig, at: forgedAt.Add(time.Hour)}))
		refuses(t, v, b.with(stamps(list...)).json(), fault.Time)
	})
	t.Run("a million", func(t *testing.T) {
		start := time.Now()
		raw := `{"mediaType":"` + media3 + `","verificationMaterial":{"tlogEntries":[` + strings.Repeat("{},", 1_000_000) + `{}]}}`
		if _, err := ParseBundle([]byte(raw)); codeOf(err) != fault.Limit {
			t.Errorf("error = %v, want %s", err, fault.Limit)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("refusing took %v", took)
		}
	})
}

// Bytes that once made parsers panic, and near relations of them. Whatever they
// are, they come back as a rejection.
func TestO05_parser_panics(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Interoperable)
	b := f.control1(media2).make()
	accepts(t, v, b.json())
	body := func(raw string) func(*protobundle.Bundle) {
		return func(b *protobundle.Bundle) { b.VerificationMaterial.TlogEntries[0].CanonicalizedBody = []byte(raw) }
	}
	spec := func(kind, version, spec string) func(*protobundle.Bundle) {
		return func(b *protobundle.Bundle) {
			e := b.VerificationMaterial.TlogEntries[0]
			e.KindVersion = &protorekor.KindVersion{Kind: kind, Version: version}
			e.CanonicalizedBody = fmt.Appendf(nil, `{"apiVersion":%q,"kind":%q,"spec":%s}`, version, kind, spec)
		}
	}
	for name, change := range map[string]func(*protobundle.Bundle){
		"empty entry": func(b *protobundle.Bundle) {
			b.VerificationMaterial.TlogEntries[0] = &protorekor.TransparencyLogEntry{}
		},
		"no kind":                    func(b *protobundle.Bundle) { b.VerificationMaterial.TlogEntries[0].KindVersion = nil },
		"body null":                  body("null"),
		"body number":                body("1"),
		"body empty object":          body("{}"),
		"dsse without spec":          spec("dsse", "0.0.1", "null"),
		"dsse empty":                 spec("dsse", "0.0.1", "{}"),
		"dsse null signature":        spec("dsse", "0.0.1", `{"signatures":[null]}`),
		"dsse no signatures":         spec("dsse", "0.0.1", `{"envelopeHash":{},"payloadHash":{},"signatures":[]}`),
		"intoto empty":               spec("intoto", "0.0.2", "{}"),
		"intoto no signature":        spec("intoto", "0.0.2", `{"content":{"envelope":{"payloadType":"x","signatures":[]},"hash":{"algorithm":"sha256","value":"00"}}}`),
		"hashedrekord empty":         spec("hashedrekord", "0.0.1", "{}"),
		"hashedrekord 2 empty":       spec("hashedrekord", "0.0.2", `{"hashedRekordV002":{}}`),
		"hashedrekord 2 no verifier": spec("hashedrekord", "0.0.2", `{"hashedRekordV002":{"data":{"algorithm":"SHA2_256","digest":"AAAA"},"signature":{"content":"AAAA"}}}`),
		"huge index":                 func(b *protobundle.Bundle) { b.VerificationMaterial.TlogEntries[0].LogIndex = math.MaxInt64 },
		"huge tree": func(b *protobundle.Bundle) {
			p := b.VerificationMaterial.TlogEntries[0].InclusionProof
			p.TreeSize, p.LogIndex = math.MaxInt64, math.MaxInt64-1
		},
		"checkpoint of newlines": func(b *protobundle.Bundle) {
			b.VerificationMaterial.TlogEntries[0].InclusionProof.Checkpoint.Envelope = "a - 1\n\n\n\n\n— \n"
		},
	} {
		t.Run(name, func(t *testing.T) { refuses(t, v, b.with(change).json(), fault.TLog) })
	}
	for name, raw := range map[string]string{
		"cut certificate":  hex.EncodeToString(b.leaf.Raw[:40]),
		"zero certificate": "00",
		"lengths":          "3084ffffffff",
	} {
		t.Run(name, func(t *testing.T) {
			der := must(hex.DecodeString(raw))
			refuses(t, v, b.with(func(b *protobundle.Bundle) {
				b.VerificationMaterial.GetX509CertificateChain().Certificates[0].RawBytes = der
			}).json(), fault.Malformed)
		})
	}
	t.Run("huge time", func(t *testing.T) {
		refuses(t, v, b.with(func(b *protobundle.Bundle) { b.VerificationMaterial.TlogEntries[0].IntegratedTime = math.MaxInt64 }).json(), fault.TrustRoot)
	})
	c := f.control().make()
	for _, der := range []string{"", "00", "30030201", "3084ffffffff", "30800000", "3005300302010030"} {
		t.Run("timestamp "+der, func(t *testing.T) {
			refuses(t, v, c.with(stamps(must(hex.DecodeString(der)))).json(), fault.Time)
		})
	}
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
