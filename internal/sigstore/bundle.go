package sigstore

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"slices"

	in_toto "github.com/in-toto/attestation/go/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// mediaTypes are the bundle formats that are read (Sigstore bundle
// specification, "Media type").
var mediaTypes = []string{
	"application/vnd.dev.sigstore.bundle+json;version=0.1",
	"application/vnd.dev.sigstore.bundle+json;version=0.2",
	"application/vnd.dev.sigstore.bundle+json;version=0.3",
	"application/vnd.dev.sigstore.bundle.v0.3+json",
}

// A Bundle is a bundle that could be read. Nothing in it is to be believed; it
// can be asked what it claims to be about, so that a caller finds the bundles
// worth verifying.
type Bundle struct {
	entity *entity
}

// ParseBundle reads one bundle in canonical proto3 JSON. Every error is a
// *Rejection.
func ParseBundle(raw []byte) (_ Bundle, err error) {
	defer recovered(&err)
	if len(raw) > MaxBundleBytes {
		return Bundle{}, reject(fault.Limit, "bundle of %d bytes, at most %d are read", len(raw), MaxBundleBytes)
	}
	if err := checkDialect(raw); err != nil {
		return Bundle{}, err
	}
	var pb protobundle.Bundle
	if err := protojson.Unmarshal(raw, &pb); err != nil {
		return Bundle{}, reject(fault.Malformed, "reading bundle: %w", fault.Brief(err))
	}
	if !slices.Contains(mediaTypes, pb.GetMediaType()) {
		return Bundle{}, reject(fault.Malformed, "bundle has media type %q, want one of %q", pb.GetMediaType(), mediaTypes)
	}
	if err := checkCounts(&pb); err != nil {
		return Bundle{}, err
	}
	b, err := bundle.NewBundle(&pb)
	if err != nil {
		return Bundle{}, reject(shapeCode(&pb), "reading bundle: %w", fault.Brief(err))
	}
	e, err := newEntity(b)
	if err != nil {
		return Bundle{}, err
	}
	return Bundle{entity: e}, nil
}

// recovered turns a panic of a parser into a rejection, so that junk that finds
// one neither opens nor closes a gate.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = reject(fault.InternalError, "reading bundle: panic: %v", p)
	}
}

func checkCounts(pb *protobundle.Bundle) error {
	m := pb.GetVerificationMaterial()
	if n := len(m.GetTlogEntries()); n > MaxLogEntries {
		return reject(fault.Limit, "bundle has %d log entries, at most %d are read", n, MaxLogEntries)
	}
	if n := len(m.GetTimestampVerificationData().GetRfc3161Timestamps()); n > MaxTimestamps {
		return reject(fault.Limit, "bundle has %d timestamps, at most %d are read", n, MaxTimestamps)
	}
	for _, t := range m.GetTimestampVerificationData().GetRfc3161Timestamps() {
		if n := len(t.GetSignedTimestamp()); n > MaxTimestampBytes {
			return reject(fault.Limit, "timestamp of %d bytes, at most %d are read", n, MaxTimestampBytes)
		}
	}
	if n := len(m.GetX509CertificateChain().GetCertificates()); n > MaxChain {
		return reject(fault.Limit, "bundle has %d certificates, at most %d are read", n, MaxChain)
	}
	if env := pb.GetDsseEnvelope(); env != nil && len(env.GetSignatures()) != 1 {
		return reject(fault.Malformed, "envelope has %d signatures, want exactly 1", len(env.GetSignatures()))
	}
	return nil
}

// shapeCode says what is wrong with a bundle that sigstore-go would not take:
// its log entries, its certificate chain or the rest.
func shapeCode(pb *protobundle.Bundle) fault.Code {
	for _, e := range pb.GetVerificationMaterial().GetTlogEntries() {
		if _, err := tlog.ParseTransparencyLogEntry(e); err != nil || e.GetInclusionProof() == nil {
			return fault.TLog
		}
	}
	if pb.GetVerificationMaterial().GetX509CertificateChain() != nil {
		return fault.Chain // since version 0.3, a bundle brings no chain
	}
	return fault.Malformed
}

// Payload returns the bytes that were signed, or nil for a signature over a
// file. They are unverified.
func (b Bundle) Payload() []byte {
	if b.entity == nil || b.entity.envelope == nil {
		return nil
	}
	return b.entity.envelope.payload
}

// ContentDigest returns the digest of Payload, or of the signature over a file.
// Unlike the digest of the bundle's bytes it cannot be changed without breaking
// the signature. It is zero for no bundle.
func (b Bundle) ContentDigest() subject.Digest {
	if b.entity == nil {
		return subject.Digest{}
	}
	if p := b.Payload(); p != nil {
		return subject.Sum(p)
	}
	return subject.Sum(b.entity.signature.Signature())
}

// Claims returns what the bundle says it is about, unverified. It serves to
// find bundles worth verifying and to explain a refusal, never to believe them.
func (b Bundle) Claims() []statement.Descriptor {
	if b.entity == nil {
		return nil
	}
	if b.entity.envelope != nil {
		return b.entity.envelope.statement.Subject
	}
	d, err := signedDigest(b.entity.signature.MessageSignatureContent())
	if err != nil {
		return nil
	}
	return []statement.Descriptor{{Digest: map[string]string{d.Algorithm().String(): d.Hex()}}}
}

// entity is a bundle in the form that sigstore-go verifies, with every part
// parsed once.
type entity struct {
	*bundle.Bundle
	content   verify.VerificationContent
	signature verify.SignatureContent
	entries   []*tlog.Entry
	envelope  *envelope // nil for a signature over a file
}

func newEntity(b *bundle.Bundle) (*entity, error) {
	e := &entity{Bundle: b}
	var err error
	if e.entries, err = b.TlogEntries(); err != nil {
		return nil, reject(fault.TLog, "reading log entries: %w", fault.Brief(err))
	}
	if err = checkEntries(e.entries); err != nil {
		return nil, err
	}
	if err = checkLeafSize(b.Bundle); err != nil {
		return nil, err
	}
	if e.content, err = b.VerificationContent(); err != nil {
		return nil, reject(fault.Malformed, "reading verification material: %w", fault.Brief(err))
	}
	dropNameExtension(e.content.Certificate())
	if e.signature, err = b.SignatureContent(); err != nil {
		return nil, reject(fault.Malformed, "reading signature: %w", fault.Brief(err))
	}
	if env := b.GetDsseEnvelope(); env != nil {
		if e.envelope, err = newEnvelope(e.signature.EnvelopeContent().RawEnvelope(), env.GetPayload()); err != nil {
			return nil, err
		}
		e.signature = e.envelope
	}
	return e, nil
}

// dropNameExtension takes the subject alternative name off the list of critical
// extensions that Go does not know; readSigner judges it. sigstore-go
// does the same while it verifies, which would be a race between verifiers.
func dropNameExtension(leaf *x509.Certificate) {
	if leaf != nil {
		leaf.UnhandledCriticalExtensions = slices.DeleteFunc(leaf.UnhandledCriticalExtensions, oidSAN.Equal)
	}
}

// onlyPromised reports whether an entry of the bundle has the log's promise and
// no proof that the log kept it.
func (e *entity) onlyPromised() bool {
	return slices.ContainsFunc(e.entries, func(t *tlog.Entry) bool { return !t.HasInclusionProof() })
}

func checkLeafSize(pb *protobundle.Bundle) error {
	certs := pb.GetVerificationMaterial().GetX509CertificateChain().GetCertificates()
	if c := pb.GetVerificationMaterial().GetCertificate(); c != nil {
		certs = []*protocommon.X509Certificate{c}
	}
	for _, c := range certs {
		if n := len(c.GetRawBytes()); n > MaxLeafBytes {
			return reject(fault.Limit, "certificate of %d bytes, at most %d are read", n, MaxLeafBytes)
		}
	}
	return nil
}

// The methods below shadow those of bundle.Bundle, which parse at every call.

func (e *entity) VerificationContent() (verify.VerificationContent, error) { return e.content, nil }
func (e *entity) SignatureContent() (verify.SignatureContent, error)       { return e.signature, nil }
func (e *entity) TlogEntries() ([]*tlog.Entry, error)                      { return e.entries, nil }

// Version tells sigstore-go to try a second verifier only for the keys that old
// clients signed with under another hash. For others the second is the same
// verifier again, and sigstore-go prints that it tries it.
func (e *entity) Version() (string, error) {
	if leaf := e.content.Certificate(); leaf != nil {
		if k, ok := leaf.PublicKey.(*ecdsa.PublicKey); ok && k.Curve != elliptic.P256() {
			return e.Bundle.Version()
		}
	}
	return "", nil
}

// envelope is a DSSE envelope whose statement was parsed once, strictly.
type envelope struct {
	raw       *dsse.Envelope
	sig       []byte
	payload   []byte
	statement statement.Statement
}

func newEnvelope(raw *dsse.Envelope, payload []byte) (*envelope, error) {
	sig, err := raw.Signatures[0], error(nil)
	e := &envelope{raw: raw, payload: payload}
	if e.sig, err = decodeSignature(sig.Sig); err != nil {
		return nil, reject(fault.SignatureInvalid, "reading signature: %w", fault.Brief(err))
	}
	if raw.PayloadType != statement.PayloadType {
		return nil, reject(fault.Statement, "envelope has payload type %q, want %q", raw.PayloadType, statement.PayloadType)
	}
	if e.statement, err = statement.Parse(payload); err != nil {
		return nil, &Rejection{Code: fault.Of(err).Code, Err: err}
	}
	return e, nil
}

func (e *envelope) Signature() []byte                                       { return e.sig }
func (e *envelope) EnvelopeContent() verify.EnvelopeContent                 { return e }
func (e *envelope) MessageSignatureContent() verify.MessageSignatureContent { return nil }
func (e *envelope) RawEnvelope() *dsse.Envelope                             { return e.raw }

// Statement gives sigstore-go what it puts into its result. The result's
// statement is not used; the strictly parsed one is. (The verifier's option to
// leave out the predicate would parse the payload once more instead.)
func (e *envelope) Statement() (*in_toto.Statement, error) {
	return &in_toto.Statement{Type: e.statement.Type, PredicateType: e.statement.PredicateType}, nil
}
