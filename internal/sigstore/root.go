package sigstore

import (
	"crypto"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// MaxRootBytes is the size limit of a trusted root file.
const MaxRootBytes = 4 << 20

// A TrustedRoot is the anchor of every verification: certificate authorities,
// logs and timestamp authorities, each with its period of validity.
type TrustedRoot struct {
	material *root.TrustedRoot
	raw      []byte
	digest   subject.Digest
	snapshot time.Time // when an embedded copy was taken; zero for a file
}

// ParseTrustedRoot reads a trusted_root.json. Material without a start of
// validity is malformed, because an unbounded key cannot be retired
// (trusted root specification, TimeRange), and so is everything of which the
// order of entries would say what counts.
func ParseTrustedRoot(raw []byte) (*TrustedRoot, error) {
	if len(raw) > MaxRootBytes {
		return nil, rootFault("trusted root of %d bytes, at most %d are read", len(raw), MaxRootBytes)
	}
	pb := &prototrustroot.TrustedRoot{}
	if err := protojson.Unmarshal(raw, pb); err != nil {
		return nil, rootFault("reading trusted root: %w", fault.Cause(err))
	}
	if pb.GetMediaType() != root.TrustedRootMediaType01 {
		return nil, rootFault("trusted root has media type %q, want %q", pb.GetMediaType(), root.TrustedRootMediaType01)
	}
	if err := checkAuthorities("certificate authority", pb.GetCertificateAuthorities()); err != nil {
		return nil, err
	}
	if err := checkAuthorities(timestampAuthority, pb.GetTimestampAuthorities()); err != nil {
		return nil, err
	}
	if err := checkLogs("transparency log", pb.GetTlogs()); err != nil {
		return nil, err
	}
	if err := checkLogs("certificate log", pb.GetCtlogs()); err != nil {
		return nil, err
	}
	if len(pb.GetCertificateAuthorities()) == 0 {
		return nil, rootFault("trusted root names no certificate authority")
	}
	material, err := root.NewTrustedRootFromProtobuf(pb)
	if err != nil {
		return nil, rootFault("reading trusted root: %w", fault.Cause(err))
	}
	return &TrustedRoot{material: material, raw: raw, digest: subject.Sum(raw)}, nil
}

func rootFault(format string, args ...any) error {
	return fault.New(fault.Refused, fault.TrustRoot, "", format, args...)
}

// checkAuthorities wants every authority to have a start of validity and its certificates in order, from the one that
// signs to the root: the last one is what everything is measured by (protobuf-specs, CertificateAuthority.cert_chain).
func checkAuthorities(what string, list []*prototrustroot.CertificateAuthority) error {
	owners := map[string]string{} // of the keys that sign timestamps
	for _, a := range list {
		if a.GetValidFor().GetStart() == nil {
			return rootFault("%s %q has no start of validity", what, a.GetUri())
		}
		chain, err := readChain(a.GetCertChain().GetCertificates())
		if err != nil {
			return rootFault("%s %q: %w", what, a.GetUri(), err)
		}
		if err := checkOrder(chain); err != nil {
			return rootFault("%s %q: %w", what, a.GetUri(), err)
		}
		if what != timestampAuthority {
			continue
		}
		if err := owns(owners, chain[0], a.GetUri()); err != nil {
			return err
		}
	}
	return nil
}

func readChain(certs []*protocommon.X509Certificate) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for i, c := range certs {
		parsed, err := x509.ParseCertificate(c.GetRawBytes())
		if err != nil {
			return nil, fault.Errorf("certificate %d cannot be read: %w", i+1, fault.Cause(err))
		}
		chain = append(chain, parsed)
	}
	if len(chain) == 0 {
		return nil, errors.New("there is no certificate")
	}
	return chain, nil
}

// checkOrder wants each certificate but the last to be issued by one that stands behind it. In any other order a
// certificate would become the root that was none.
func checkOrder(chain []*x509.Certificate) error {
	for i, c := range chain[:len(chain)-1] {
		if !slices.ContainsFunc(chain[i+1:], func(above *x509.Certificate) bool { return c.CheckSignatureFrom(above) == nil }) {
			return fault.Errorf("certificate %d, %s, is not issued by one of those after it; the root stands last", i+1, called(c.Subject))
		}
	}
	return nil
}

const timestampAuthority = "timestamp authority"

// owns refuses one key of timestamp authorities under two addresses: it would count as two witnesses. The same address
// with several periods of validity is how an authority is renewed.
func owns(owners map[string]string, signer *x509.Certificate, address string) error {
	key := string(signer.RawSubjectPublicKeyInfo)
	if other, known := owners[key]; known && other != address {
		return rootFault("timestamp authorities %q and %q have the same key", other, address)
	}
	owners[key] = address
	return nil
}

// checkLogs refuses two entries of one log id that are not the same, and one key under two ids: of the former, the
// order of entries would say which one counts; the latter would count as two witnesses. A log is named once.
func checkLogs(what string, list []*prototrustroot.TransparencyLogInstance) error {
	ids, keys := map[string]*prototrustroot.TransparencyLogInstance{}, map[string]*prototrustroot.TransparencyLogInstance{}
	for _, l := range list {
		if l.GetPublicKey().GetValidFor().GetStart() == nil {
			return rootFault("%s %q has no start of validity", what, l.GetBaseUrl())
		}
		id, key := string(l.GetLogId().GetKeyId()), sameKey(l.GetPublicKey().GetRawBytes())
		if id == "" || key == "" {
			return rootFault("%s %q has no log id, or no key that can be read", what, l.GetBaseUrl())
		}
		if twin := ids[id]; twin != nil && !proto.Equal(twin, l) {
			return rootFault("%s %q and %s %q have the same log id and differ", what, twin.GetBaseUrl(), what, l.GetBaseUrl())
		}
		if twin := keys[key]; twin != nil && string(twin.GetLogId().GetKeyId()) != id {
			return rootFault("%s %q and %s %q have the same key and two log ids", what, twin.GetBaseUrl(), what, l.GetBaseUrl())
		}
		ids[id], keys[key] = l, l
	}
	return nil
}

// sameKey returns one text for one key, in whichever of its encodings it was written, and nothing for what is no key.
func sameKey(raw []byte) string {
	var key crypto.PublicKey
	key, err := x509.ParsePKIXPublicKey(raw)
	if err != nil {
		key, err = x509.ParsePKCS1PublicKey(raw)
	}
	if err != nil {
		return ""
	}
	again, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return ""
	}
	return string(again)
}

// Digest returns the digest of the file's bytes, for verdicts and pins.
func (r *TrustedRoot) Digest() subject.Digest { return r.digest }

// Bytes returns the file's bytes, which belong to r.
func (r *TrustedRoot) Bytes() []byte { return r.raw }

// Snapshot returns when an embedded root was taken, and the zero time for any
// other root.
func (r *TrustedRoot) Snapshot() time.Time { return r.snapshot }
