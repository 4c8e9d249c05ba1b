package sigstore

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	in_toto "github.com/in-toto/attestation/go/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
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

// field is how the library of the format says that a member of a bundle has a value of the wrong kind.
var field = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?s)\(line (\d+):(\d+)\): invalid value for (\w+) (?:field|type)(?: (\w+))?: (.*)$`)
})

// kinds are its words for kinds, and those of people.
var kinds = map[string]string{"int64": "whole number", "int32": "whole number", "uint64": "whole number", "uint32": "whole number",
	"bytes": "base64 text", "string": "text", "enum": "value of its list", "bool": "true or false"}

// unreadable says why a bundle, which is JSON, is not of its format.
func unreadable(err error) error {
	m := field().FindStringSubmatch(err.Error())
	if m == nil {
		return reject(fault.Malformed, "reading bundle: %w", fault.Cause(err))
	}
	value, failed := strconv.Unquote(m[5])
	if failed != nil {
		value = m[5]
	}
	return reject(fault.Malformed, "reading bundle: line %s, column %s: %s is %q, want a %s", m[1], m[2], cmp.Or(m[4], "a value"), value, cmp.Or(kinds[m[3]], "value of its kind"))
}

// A Bundle is a bundle that could be read. Nothing in it is to be believed; it
// can be asked what it claims to be about, so that a caller finds the bundles
// worth verifying.
type Bundle struct {
	entity *entity
	bytes  subject.Digest // of the whole bundle
	size   int
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
		return Bundle{}, unreadable(err)
	}
	if !slices.Contains(mediaTypes, pb.GetMediaType()) {
		return Bundle{}, reject(fault.Malformed, "bundle has media type %q, want one of %q", pb.GetMediaType(), mediaTypes)
	}
	if err := checkCounts(&pb); err != nil {
		return Bundle{}, err
	}
	var opts []bundle.Option
	if newest(&pb) && pb.GetVerificationMaterial().GetX509CertificateChain() != nil {
		opts = append(opts, bundle.AllowCertificateChain()) // whether it may be there, the verifier says
	}
	b, err := bundle.NewBundle(&pb, opts...)
	if err != nil {
		return Bundle{}, misshapen(&pb)
	}
	e, err := newEntity(b)
	if err != nil {
		return Bundle{}, err
	}
	return Bundle{entity: e, bytes: subject.Sum(raw), size: len(raw)}, nil
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
	for _, e := range m.GetTlogEntries() {
		if err := checkEntrySize(e); err != nil {
			return err
		}
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

// checkEntrySize bounds what is parsed and verified for the sake of one log entry. The maker of the bundle wrote all of
// it, and may have put a log's own line into a checkpoint a hundred thousand times.
func checkEntrySize(e *protorekor.TransparencyLogEntry) error {
	body, p := e.GetCanonicalizedBody(), e.GetInclusionProof()
	checkpoint := p.GetCheckpoint().GetEnvelope()
	for _, x := range []struct {
		what   string
		n, max int
	}{
		{"bytes in a log entry", len(body), MaxEntryBytes},
		{"values in a log entry", bytes.Count(body, []byte{','}) + 1, MaxEntryValues},
		{"hashes in an inclusion proof", len(p.GetHashes()), MaxProofHashes},
		{"bytes in a checkpoint", len(checkpoint), MaxCheckpointBytes},
		{"signature lines in a checkpoint", strings.Count(checkpoint, signatureMark), MaxCheckpointLines},
	} {
		if x.n > x.max {
			return reject(fault.Limit, "bundle has %d %s, at most %d are read", x.n, x.what, x.max)
		}
	}
	return nil
}

// signatureMark begins each signature line of a checkpoint (C2SP signed-note).
const signatureMark = "\u2014 "

// newest reports whether a bundle is of the version that has one certificate in place of a chain.
func newest(pb *protobundle.Bundle) bool { return slices.Contains(mediaTypes[2:], pb.GetMediaType()) }

// misshapen says what is wrong with a bundle that sigstore-go would not take.
func misshapen(pb *protobundle.Bundle) error {
	m := pb.GetVerificationMaterial()
	if pb.GetContent() == nil {
		return reject(fault.Malformed, "bundle has neither a signed statement nor a signature over a file")
	}
	if m.GetContent() == nil {
		return reject(fault.Malformed, "bundle names no signer: neither a certificate nor a key")
	}
	proofs := 0
	for i, e := range m.GetTlogEntries() {
		if _, err := tlog.ParseTransparencyLogEntry(e); err != nil {
			return Changed(fault.TLog, "log entry %d of the bundle cannot be read", i+1)
		}
		if e.GetInclusionProof() != nil {
			proofs++
		}
	}
	switch {
	case len(m.GetTlogEntries()) == 0:
		return reject(fault.Malformed, "bundle is not put together as its version says")
	case pb.GetMediaType() == mediaTypes[0]:
		return reject(fault.TLog, "bundle of version 0.1 has a log entry without the log's promise")
	case proofs == 0:
		return reject(fault.TLog, "bundle has a log entry without an inclusion proof, which its version demands")
	default:
		return reject(fault.TLog, "the log entries of the bundle are not put together as its version says")
	}
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
		return nil, Changed(fault.TLog, "the log entries of the bundle cannot be read")
	}
	if err = checkEntries(e.entries); err != nil {
		return nil, err
	}
	if err = checkLeafSize(b.Bundle); err != nil {
		return nil, err
	}
	if e.content, err = verificationContent(b); err != nil {
		return nil, err
	}
	dropNameExtension(e.content.Certificate())
	if e.signature, err = b.SignatureContent(); err != nil {
		return nil, reject(fault.Malformed, "bundle has no signature that can be read")
	}
	if env := b.GetDsseEnvelope(); env != nil {
		if e.envelope, err = newEnvelope(e.signature.EnvelopeContent().RawEnvelope(), env.GetPayload()); err != nil {
			return nil, err
		}
		e.signature = e.envelope
	}
	return e, nil
}

// verificationContent reads what a bundle is signed with: the certificate, alone or first in a chain, or a key.
func verificationContent(b *bundle.Bundle) (verify.VerificationContent, error) {
	m := b.GetVerificationMaterial()
	leaf := m.GetCertificate()
	if chain := m.GetX509CertificateChain(); chain != nil {
		if len(chain.GetCertificates()) == 0 {
			return nil, reject(fault.Malformed, "bundle has a chain of no certificates")
		}
		leaf = chain.GetCertificates()[0]
	}
	if leaf == nil {
		c, err := b.VerificationContent()
		if err != nil {
			return nil, reject(fault.Malformed, "bundle names no signer: neither a certificate nor a key")
		}
		return c, nil
	}
	parsed, err := x509.ParseCertificate(leaf.GetRawBytes())
	if err != nil {
		return nil, reject(fault.Malformed, "signing certificate cannot be read: %w", fault.Cause(err))
	}
	return bundle.NewCertificate(parsed), nil
}

// dropNameExtension takes the subject alternative name off the list of critical
// extensions that Go does not know; readSigner judges it. It is done once, because
// verifiers share the certificate.
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
		return nil, reject(fault.SignatureInvalid, "the signature of the envelope is not base64")
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

// Statement is part of sigstore-go's interface and is not asked: the statement is the strictly parsed one.
func (e *envelope) Statement() (*in_toto.Statement, error) {
	return nil, errors.New("the statement is not sigstore-go's to read")
}
