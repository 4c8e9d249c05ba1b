package sigstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/sallyport-dev/sallyport/internal/statement"
)

// A sample is a bundle that verifies, what it is about and who verifies it.
type sample struct {
	raw  []byte
	file Artifact
	v    *Verifier
}

func samples(f testing.TB) []sample {
	forge := newForge()
	trust := verifier(f, forge.trust(), Interoperable)
	file := forge.control()
	file.payload = nil
	var out []sample
	for _, o := range []order{forge.control(), forge.control1(media3), forge.control1(media2), forge.control1(media1), file} {
		out = append(out, sample{[]byte(compact(o.make().json())), asFile(artifact), trust})
	}
	public := must(NewVerifier(must(ParseTrustedRoot(publicGoodRoot)), Interoperable))
	for bundle, name := range map[string]string{
		"npm-provenance.sigstore.json": "sigstore-1.3.0.tgz", "npm-2.1.0.v0.3.sigstore.json": "sigstore-2.1.0.tgz",
		"reusable-workflow.sigstore.json": "reusable-workflow.artifact", "custom-issuer.sigstore.json": "custom-issuer.artifact",
	} {
		out = append(out, sample{testFile(f, bundle), asFile(testFile(f, name)), public})
	}
	return out
}

// A core is what a bundle proves, and with what.
type core struct {
	verified  Verified
	signature []byte
	leaf      []byte
	subjects  []statement.Descriptor
}

func coreOf(b Bundle, v Verified) core {
	s, _ := v.Statement()
	v.times = nil // a bundle stripped of one of two times proves less, and nothing else
	return core{v, b.entity.signature.Signature(), b.entity.content.Certificate().Raw, s.Subject}
}

// FuzzBundle changes bundles that verify. Whatever still verifies says the same
// thing with the same signature and certificate, and so does its re-encoding.
func FuzzBundle(f *testing.F) {
	all := samples(f)
	var want []core
	for i, s := range all {
		b := must(ParseBundle(s.raw))
		want = append(want, coreOf(b, must(s.v.verifyFor(b, s.file))))
		f.Add(uint(i), uint(0), byte(0), []byte(nil))
		f.Add(uint(i), uint(len(s.raw)/2), byte(1), []byte("A"))
		f.Add(uint(i), uint(len(s.raw)/3), byte(200), []byte(`"x":1,`))
	}
	more, err := filepath.Glob("testdata/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range more {
		f.Add(uint(0), uint(0), byte(255), testFile(f, filepath.Base(name)))
	}
	f.Fuzz(func(t *testing.T, which, at uint, cut byte, put []byte) {
		s := all[which%uint(len(all))]
		s.holds(t, splice(s.raw, at, cut, put), want[which%uint(len(all))])
	})
}

// holds fails the test if raw verifies and proves something else than want.
func (s sample) holds(t *testing.T, raw []byte, want core) {
	t.Helper()
	b, err := ParseBundle(raw)
	if err != nil {
		isRejection(t, err)
		return
	}
	got, err := s.v.verifyFor(b, s.file)
	if err != nil {
		isRejection(t, err)
		provesNothing(t, got)
		return
	}
	if have := coreOf(b, got); !reflect.DeepEqual(have, want) {
		t.Fatalf("a changed bundle proves %+v, want %+v", have, want)
	}
	s.sameAgain(t, raw, got)
}

// What FuzzBundle looks for by chance, at every few bytes of a bundle in turn.
func TestBundle_changed_anywhere(t *testing.T) {
	s := samples(t)[0]
	b := must(ParseBundle(s.raw))
	want := coreOf(b, must(s.v.verifyFor(b, s.file)))
	for i := 0; i < len(s.raw); i += 5 {
		for _, put := range []string{"", "A", "1"} {
			s.holds(t, splice(s.raw, uint(i), 1, []byte(put)), want)
		}
	}
}

// splice replaces cut bytes at a place by put. The largest cut is the whole.
func splice(raw []byte, at uint, cut byte, put []byte) []byte {
	if cut == 255 {
		return put
	}
	i := int(at % uint(len(raw)))
	j := min(i+int(cut), len(raw))
	return append(append(bytes.Clone(raw[:i]), put...), raw[j:]...)
}

// sameAgain re-encodes a bundle that verified: same message, same proof.
func (s sample) sameAgain(t *testing.T, raw []byte, want Verified) {
	t.Helper()
	var one, two protobundle.Bundle
	if err := protojson.Unmarshal(raw, &one); err != nil {
		t.Fatalf("a bundle that verifies is no bundle: %v", err)
	}
	again := must(protojson.Marshal(&one))
	if err := protojson.Unmarshal(again, &two); err != nil || !proto.Equal(&one, &two) {
		t.Fatalf("re-encoding changed the bundle (%v)", err)
	}
	got, err := s.v.verifyFor(must(ParseBundle(again)), s.file)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("re-encoded, the bundle proves %+v (%v), want %+v", got, err, want)
	}
}

func isRejection(t *testing.T, err error) {
	t.Helper()
	var r *Rejection
	if !errors.As(err, &r) || r.Code == "" || r.Err == nil || r.Error() == "" {
		t.Fatalf("error is %#v, want a *Rejection with a code and a reason", err)
	}
}

// FuzzEnvelope reads payloads as a signer could have signed them. What is read
// names exactly what the payload's own JSON names.
func FuzzEnvelope(f *testing.F) {
	f.Add(statement.PayloadType, provenance())
	f.Add("application/json", provenance())
	f.Add(statement.PayloadType, []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"00"}}],"predicateType":"x"}`))
	f.Add(statement.PayloadType, bytes.Replace(provenance(), []byte("subject"), []byte("subjec\\u0074"), 1))
	f.Fuzz(func(t *testing.T, kind string, payload []byte) {
		e, err := newEnvelope(&dsse.Envelope{PayloadType: kind, Signatures: []dsse.Signature{{Sig: "AAAA"}}}, payload)
		if err != nil {
			isRejection(t, err)
			return
		}
		var loose struct {
			Type    string `json:"_type"`
			Subject []statement.Descriptor
		}
		if err := json.Unmarshal(payload, &loose); err != nil {
			t.Fatalf("another reader refuses it: %v", err)
		}
		if kind != statement.PayloadType || !bytes.Equal(e.payload, payload) || loose.Type != e.statement.Type || len(loose.Subject) != len(e.statement.Subject) {
			t.Fatalf("read %+v, another reader %+v", e.statement, loose)
		}
		named := map[string]bool{}
		for _, s := range loose.Subject {
			named[s.Digest["sha256"]] = true
		}
		for _, own := range e.statement.Subject {
			if d := own.Digest["sha256"]; d != "" && !named[d] {
				t.Fatalf("covers %s, which another reader does not see", d)
			}
		}
	})
}

// FuzzTrustedRoot reads trusted roots. What is accepted is accepted again after
// re-encoding, and brings an authority with a start of validity.
func FuzzTrustedRoot(f *testing.F) {
	f.Add(publicGoodRoot)
	f.Add([]byte(compact(rootFile(newForge().trust()))))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := ParseTrustedRoot(raw)
		if err != nil {
			if r != nil {
				t.Fatal("a refused trusted root was returned")
			}
			return
		}
		if r.Digest() != digestOf(raw) || len(r.material.FulcioCertificateAuthorities()) == 0 {
			t.Fatal("accepted without an authority, or under another digest")
		}
		for _, l := range r.material.RekorLogs() {
			if l.ValidityPeriodStart.IsZero() {
				t.Fatal("accepted a log without a start of validity")
			}
		}
		if _, err := ParseTrustedRoot(must(r.material.MarshalJSON())); err != nil {
			t.Fatalf("re-encoded, it is refused: %v", err)
		}
	})
}
