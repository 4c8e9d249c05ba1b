package sigstore

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/messages"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

type forge struct {
	root, fulcio   *authority
	tsaRoot, tsa   *authority
	ct             *ctLog
	rekor1, rekor2 *rekor
}

func makeForge() *forge {
	f := &forge{root: newRootAuthority("forge-root"), tsaRoot: newRootAuthority("forge-tsa-root"), ct: &ctLog{newECKey()}}
	f.fulcio = f.root.issue(caTemplate("forge-intermediate"))
	f.tsa = f.tsaRoot.issue(stampTemplate(true, usageStamping))
	f.rekor1, f.rekor2 = newRekor1("rekor.test"), newRekor2("log.test")
	return f
}

// newForge returns the one instance that all tests trust.
var newForge = sync.OnceValue(makeForge)

func (f *forge) trust() *prototrustroot.TrustedRoot {
	return &prototrustroot.TrustedRoot{
		MediaType:              "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
		CertificateAuthorities: []*prototrustroot.CertificateAuthority{f.fulcio.chain("https://fulcio.test", f.root)},
		TimestampAuthorities:   []*prototrustroot.CertificateAuthority{f.tsa.chain("https://tsa.test", f.tsaRoot)},
		Tlogs:                  []*prototrustroot.TransparencyLogInstance{f.rekor1.instance(), f.rekor2.instance()},
		Ctlogs: []*prototrustroot.TransparencyLogInstance{
			logInstance("https://ct.test", f.ct.key.Public(), protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256)},
	}
}

const (
	media1 = "application/vnd.dev.sigstore.bundle+json;version=0.1"
	media2 = "application/vnd.dev.sigstore.bundle+json;version=0.2"
	media3 = "application/vnd.dev.sigstore.bundle.v0.3+json"
)

var artifact = []byte("the artifact\n")

func digestOf(b []byte) subject.Digest { return subject.Sum(b) }

func provenance() []byte {
	return must(statement.New([]subject.Subject{{Name: "app.tar.gz", Digest: digestOf(artifact)}}, "https://slsa.dev/provenance/v1", []byte(`{"buildDefinition":{}}`)))
}

// An order says what to forge. Its fields are the knobs; control leaves them
// as an honest signer would.
type order struct {
	media       string
	payloadType string
	payload     []byte // nil: the artifact is signed directly
	raw         bool   // the payload is signed without its pre-authentication encoding
	hash        crypto.Hash
	signs       func(signed []byte) []byte // with the key; nil: ECDSA with SHA-256
	template    *x509.Certificate
	issuer      *authority
	key         crypto.Signer
	ctLogs      []*ctLog
	logs        []*rekor
	loggedAt    time.Time
	stamps      []time.Time
	stamper     *authority
}

func (f *forge) control() order {
	return order{
		media: media3, payloadType: statement.PayloadType, payload: provenance(), template: leafTemplate(), issuer: f.fulcio,
		key: newECKey(), ctLogs: []*ctLog{f.ct}, logs: []*rekor{f.rekor2}, loggedAt: forgedAt, stamps: []time.Time{forgedAt}, stamper: f.tsa,
	}
}

// control1 is the control as a log of version 1 makes it: its promise is the
// time.
func (f *forge) control1(media string) order {
	o := f.control()
	o.media, o.logs, o.stamps = media, []*rekor{f.rekor1}, nil
	return o
}

// A forged is a bundle with what went into it.
type forged struct {
	*protobundle.Bundle
	logged
}

func (o order) make() forged {
	l := o.signature()
	m := &protobundle.VerificationMaterial{Content: &protobundle.VerificationMaterial_Certificate{Certificate: &protocommon.X509Certificate{RawBytes: l.leaf.Raw}}}
	if o.media != media3 {
		m.Content = &protobundle.VerificationMaterial_X509CertificateChain{X509CertificateChain: &protocommon.X509CertificateChain{
			Certificates: []*protocommon.X509Certificate{{RawBytes: l.leaf.Raw}}}}
	}
	for _, r := range o.logs {
		m.TlogEntries = append(m.TlogEntries, r.entry(l.bodyFor(r), o.loggedAt))
	}
	if len(o.stamps) > 0 {
		m.TimestampVerificationData = &protobundle.TimestampVerificationData{}
	}
	for _, at := range o.stamps {
		m.TimestampVerificationData.Rfc3161Timestamps = append(m.TimestampVerificationData.Rfc3161Timestamps,
			token(o.stamper.stamp(stampRequest{over: l.sig, at: at})))
	}
	return forged{o.content(l, m), l}
}

func token(raw []byte) *protocommon.RFC3161SignedTimestamp {
	return &protocommon.RFC3161SignedTimestamp{SignedTimestamp: raw}
}

func (l logged) bodyFor(r *rekor) logBody {
	switch {
	case r.version2():
		return l.hashedrekord2()
	case l.payload == nil:
		return l.hashedrekord1()
	default:
		return l.dsse1()
	}
}

func (o order) signature() logged {
	l := logged{payload: o.payload, leaf: o.issuer.issueLogged(o.template, o.key.Public(), o.ctLogs)}
	signed := artifact
	if o.payload != nil {
		l.pae = dsse.PAE(o.payloadType, o.payload)
		signed = l.pae
	}
	if o.raw {
		signed = o.payload
	}
	l.hash = cmp.Or(o.hash, crypto.SHA256)
	h := l.hash.New()
	h.Write(signed)
	l.digest = h.Sum(nil)
	if o.signs != nil {
		l.sig = o.signs(signed)
		return l
	}
	l.sig = must(o.key.Sign(rand.Reader, l.digest, crypto.SHA256))
	return l
}

// algorithm is the name of a hash in a bundle and in a log entry.
func algorithm(h crypto.Hash) protocommon.HashAlgorithm {
	switch h {
	case crypto.SHA384:
		return protocommon.HashAlgorithm_SHA2_384
	case crypto.SHA512:
		return protocommon.HashAlgorithm_SHA2_512
	default:
		return protocommon.HashAlgorithm_SHA2_256
	}
}

func (o order) content(l logged, m *protobundle.VerificationMaterial) *protobundle.Bundle {
	b := &protobundle.Bundle{MediaType: o.media, VerificationMaterial: m}
	if o.payload == nil {
		b.Content = &protobundle.Bundle_MessageSignature{MessageSignature: &protocommon.MessageSignature{
			MessageDigest: &protocommon.HashOutput{Algorithm: algorithm(l.hash), Digest: l.digest}, Signature: l.sig}}
		return b
	}
	b.Content = &protobundle.Bundle_DsseEnvelope{DsseEnvelope: &protodsse.Envelope{
		Payload: o.payload, PayloadType: o.payloadType, Signatures: []*protodsse.Signature{{Sig: l.sig}}}}
	return b
}

// json is the bundle as a file.
func (b forged) json() []byte { return must(protojson.Marshal(b.Bundle)) }

// with returns a copy of the bundle that change has been at.
func (b forged) with(change func(*protobundle.Bundle)) forged {
	out := forged{proto.Clone(b.Bundle).(*protobundle.Bundle), b.logged}
	change(out.Bundle)
	return out
}

func rootFile(pb *prototrustroot.TrustedRoot) []byte { return must(protojson.Marshal(pb)) }

func verifier(t testing.TB, pb *prototrustroot.TrustedRoot, r Requirements) *Verifier {
	t.Helper()
	trusted, err := ParseTrustedRoot(rootFile(pb))
	if err != nil {
		t.Fatalf("reading the forged trusted root: %v", err)
	}
	v, err := NewVerifier(trusted, r)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// judge reads and verifies one bundle about the artifact.
func judge(v *Verifier, raw []byte) (Verified, error) {
	b, err := ParseBundle(raw)
	if err != nil {
		return Verified{}, err
	}
	return v.verifyFor(b, Artifact{Digest: digestOf(artifact)})
}

// accepts fails the test unless raw verifies and covers the artifact. It is the
// positive twin of refuses.
func accepts(t testing.TB, v *Verifier, raw []byte) Verified {
	t.Helper()
	got, err := judge(v, raw)
	if err != nil {
		t.Fatalf("control is refused: %v (%v)", err, codeOf(err))
	}
	if !got.Covers(digestOf(artifact)) {
		t.Fatal("control verifies without covering the artifact")
	}
	return got
}

// refuses fails the test unless raw is rejected with the code, and what comes
// back with the rejection proves nothing.
func refuses(t testing.TB, v *Verifier, raw []byte, want fault.Code) {
	t.Helper()
	got, err := judge(v, raw)
	if err == nil {
		t.Fatalf("accepted, want a rejection with %s", want)
	}
	var r *Rejection
	if !errors.As(err, &r) {
		t.Fatalf("error is %v, want a *Rejection", err)
	}
	if r.Code != want {
		t.Errorf("code = %s, want %s (%v)", r.Code, want, err)
	}
	messages.Plain(t, r.Error(), r.Hint)
	provesNothing(t, got)
}

func provesNothing(t testing.TB, v Verified) {
	t.Helper()
	_, stated := v.Statement()
	if v.Covers(digestOf(artifact)) || v.Covers(subject.Digest{}) || stated || v.Signer() != (statement.Signer{}) || !v.Time().IsZero() {
		t.Errorf("a rejection came with %+v, want the zero Verified", v)
	}
}

func codeOf(err error) fault.Code {
	var r *Rejection
	if errors.As(err, &r) {
		return r.Code
	}
	return fault.Of(err).Code
}

func TestForge_control_passes(t *testing.T) {
	f := newForge()
	file := f.control()
	file.payload = nil
	file1 := f.control1(media3)
	file1.payload = nil
	stamped1 := f.control1(media2)
	stamped1.stamps = []time.Time{forgedAt.Add(time.Minute)}
	both := f.control()
	both.logs = []*rekor{f.rekor1, f.rekor2}
	for name, o := range map[string]order{
		"v0.3 second log": f.control(), "v0.3 first log": f.control1(media3), "v0.2 first log": f.control1(media2),
		"v0.1 first log": f.control1(media1), "file": file, "file first log": file1, "promise and stamp": stamped1, "both logs": both,
	} {
		t.Run(name, func(t *testing.T) {
			raw := o.make().json()
			for _, require := range []Requirements{Transparent, Interoperable} {
				got := accepts(t, verifier(t, f.trust(), require), raw)
				if got.Signer().SAN != workflow || got.Signer().Issuer != issuer || got.Signer().RepositoryID != "9007199254740993" {
					t.Errorf("signer = %+v", got.Signer())
				}
				if !got.Time().Equal(forgedAt) {
					t.Errorf("time = %v, want %v", got.Time(), forgedAt)
				}
			}
		})
	}
	t.Run("v0.1 promise only", func(t *testing.T) {
		b := f.control1(media1).make().with(func(b *protobundle.Bundle) { b.VerificationMaterial.TlogEntries[0].InclusionProof = nil })
		accepts(t, verifier(t, f.trust(), Interoperable), b.json())
		refuses(t, verifier(t, f.trust(), Transparent), b.json(), fault.TLog)
	})
}
