package sigstore

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/pkcs7"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// cheaply fails the test if what allocates more than 64 MiB. Time is a matter for
// benchmarks; what grows without bound takes memory on the way.
func cheaply(t *testing.T, what func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	what()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("refusing took %d bytes, want at most 64 MiB", n)
	}
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
		cheaply(t, func() { refuses(t, v, raw, fault.Limit) })
	}
	t.Run("deep predicate", func(t *testing.T) { bounded(t, predicate(`{"a":`+nest(100_000)+`}`)) })
	t.Run("deep bundle", func(t *testing.T) {
		bounded(t, []byte(`{"mediaType":"`+media3+`","dsseEnvelope":`+nest(100_000)+`}`))
	})
	t.Run("long string", func(t *testing.T) { bounded(t, bytes.Repeat([]byte(`"`), MaxBundleBytes+1)) })
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
		raw := `{"mediaType":"` + media3 + `","verificationMaterial":{"tlogEntries":[` + strings.Repeat("{},", 1_000_000) + `{}]}}`
		if _, err := ParseBundle([]byte(raw)); codeOf(err) != fault.Limit {
			t.Errorf("error = %v, want %s", err, fault.Limit)
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
		refuses(t, v, b.with(func(b *protobundle.Bundle) { b.VerificationMaterial.TlogEntries[0].IntegratedTime = math.MaxInt64 }).json(), fault.TLog)
	})
	c := f.control().make()
	for _, der := range []string{"", "00", "30030201", "3084ffffffff", "30800000", "3005300302010030"} {
		t.Run("timestamp "+der, func(t *testing.T) {
			refuses(t, v, c.with(stamps(must(hex.DecodeString(der)))).json(), fault.Time)
		})
	}
}

// The zero bundle can be asked anything, and is about nothing.
func TestO05_zero_bundle(t *testing.T) {
	var b Bundle
	if b.Payload() != nil || b.ContentDigest() != (subject.Digest{}) || b.Claims() != nil {
		t.Error("the zero bundle is about something")
	}
}

// No bytes are known that make the reader panic, so the panic is made here.
func TestO05_panic_while_reading(t *testing.T) {
	read := func() (err error) {
		defer recovered(&err)
		panic("out of range")
	}
	err := read()
	isRejection(t, err)
	wants(t, err, fault.InternalError)
}

// What a log is said to have written is bounded before any of it is parsed or verified: a genuine signature line may stand
// there a hundred thousand times.
func TestO02_endless_log_entries_proofs_and_checkpoints(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Interoperable)
	for name, o := range map[string]order{"first log": f.control1(media2), "second log": f.control()} {
		b := o.make()
		entry := func(change func(*protorekor.TransparencyLogEntry)) []byte {
			return b.with(func(b *protobundle.Bundle) { change(b.VerificationMaterial.TlogEntries[0]) }).json()
		}
		lines := func(n int) []byte {
			return entry(func(e *protorekor.TransparencyLogEntry) {
				c := e.InclusionProof.Checkpoint
				_, line, _ := strings.Cut(c.Envelope, "\n\n")
				c.Envelope += strings.Repeat(line, n-1)
			})
		}
		hashes := func(n int) []byte {
			return entry(func(e *protorekor.TransparencyLogEntry) {
				for len(e.InclusionProof.Hashes) < n {
					e.InclusionProof.Hashes = append(e.InclusionProof.Hashes, make([]byte, 32))
				}
			})
		}
		padded := func(n int) []byte {
			return entry(func(e *protorekor.TransparencyLogEntry) {
				e.CanonicalizedBody = append(e.CanonicalizedBody, bytes.Repeat([]byte(" "), n-len(e.CanonicalizedBody))...)
			})
		}
		values := func(n int) []byte {
			return entry(func(e *protorekor.TransparencyLogEntry) {
				e.KindVersion = &protorekor.KindVersion{Kind: "dsse", Version: "0.0.1"}
				e.CanonicalizedBody = []byte(`{"apiVersion":"0.0.1","kind":"dsse","spec":{"signatures":[` + strings.Repeat("{},", n-3) + `{}]}}`)
			})
		}
		note := func(n int) []byte {
			return entry(func(e *protorekor.TransparencyLogEntry) {
				e.InclusionProof.Checkpoint.Envelope = "log.test\n" + strings.Repeat(" ", n-9)
			})
		}
		accepts(t, v, lines(MaxCheckpointLines))
		for what, c := range map[string]struct {
			make func(int) []byte
			max  int
			many int
		}{
			"signature lines": {lines, MaxCheckpointLines, 60_000}, "hashes": {hashes, MaxProofHashes, 100_000},
			"bytes of an entry": {padded, MaxEntryBytes, 10 << 20}, "values of an entry": {values, MaxEntryValues, 3_000_000},
			"bytes of a checkpoint": {note, MaxCheckpointBytes, 10 << 20},
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				if _, err := judge(v, c.make(c.max)); codeOf(err) == fault.Limit {
					t.Errorf("at the limit: %v", err)
				}
				refuses(t, v, c.make(c.max+1), fault.Limit)
				raw := c.make(c.many)
				refuses(t, v, raw, fault.Limit)
				cheaply(t, func() { _, _ = judge(v, raw) })
			})
		}
	}
}

// A timestamp brings certificates that anybody could have made, and they are looked at before the authority is known.
func TestO03_timestamp_with_a_key_that_takes_minutes(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Transparent)
	b := f.control().make()
	token := func(signers int, certs ...*x509.Certificate) []byte {
		sum := sha256.Sum256(b.sig)
		data := must(pkcs7.NewSignedData(stampInfo(asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, sum[:], forgedAt)))
		data.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
		data.SetContentType(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4})
		for range signers {
			if err := data.AddSigner(f.tsa.cert, f.tsa.key, pkcs7.SignerInfoConfig{SkipCertificates: true}); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range certs {
			data.AddCertificate(c)
		}
		return b.with(stamps(must(asn1.Marshal(struct {
			Status struct{ Status int }
			Token  asn1.RawValue
		}{Token: asn1.RawValue{FullBytes: must(data.Finish())}})))).json()
	}
	many := func(n int) []*x509.Certificate { return slices.Repeat([]*x509.Certificate{f.tsa.cert}, n) }
	huge := f.tsaRoot.sign(stampTemplate(true, usageStamping), bigRSA(100_000, 65537))
	large := f.tsaRoot.sign(stampTemplate(true, usageStamping), bigRSA(maxTokenBits, 65537))

	accepts(t, v, token(1, many(MaxChain)...))
	refuses(t, v, token(1, many(MaxChain+1)...), fault.Limit)
	accepts(t, v, token(1, f.tsa.cert, large))
	refuses(t, v, token(1, f.tsa.cert, huge), fault.Limit)
	refuses(t, v, token(2, f.tsa.cert), fault.Time)
	if _, err := judge(v, token(2, f.tsa.cert)); err == nil || !strings.Contains(err.Error(), "2 signers") {
		t.Errorf("error = %v, want that it has 2 signers", err)
	}
}
