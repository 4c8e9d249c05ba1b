package sigstore

import (
	"crypto/x509"
	"time"

	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// MaxRootBytes is the size limit of a trusted root file.
const MaxRootBytes = 4 << 20

// A TrustedRoot is the anchor of every verification: certificate authorities,
// logs and timestamp authorities, each with its period of validity.
type TrustedRoot struct {
	material *root.TrustedRoot
	digest   subject.Digest
	snapshot time.Time // when an embedded copy was taken; zero for a file
}

// ParseTrustedRoot reads a trusted_root.json. Material without a start of
// validity is malformed, because an unbounded key cannot be retired
// (trusted root specification, TimeRange), and so is one key under two names.
func ParseTrustedRoot(raw []byte) (*TrustedRoot, error) {
	if len(raw) > MaxRootBytes {
		return nil, rootFault("trusted root of %d bytes, at most %d are read", len(raw), MaxRootBytes)
	}
	pb, err := root.NewTrustedRootProtobuf(raw)
	if err != nil {
		return nil, rootFault("reading trusted root: %w", err)
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
		return nil, rootFault("reading trusted root: %w", err)
	}
	return &TrustedRoot{material: material, digest: subject.Sum(raw)}, nil
}

func rootFault(format string, args ...any) error {
	return fault.New(fault.Refused, fault.TrustRoot, "", format, args...)
}

func checkAuthorities(what string, list []*prototrustroot.CertificateAuthority) error {
	owners := map[string]string{} // by the key that signs timestamps
	for _, a := range list {
		if a.GetValidFor().GetStart() == nil {
			return rootFault("%s %q has no start of validity", what, a.GetUri())
		}
		certs := a.GetCertChain().GetCertificates()
		if len(certs) == 0 {
			return rootFault("%s %q has no certificate", what, a.GetUri())
		}
		leaf, err := x509.ParseCertificate(certs[0].GetRawBytes())
		if err != nil {
			return rootFault("reading certificate of %s %q: %w", what, a.GetUri(), err)
		}
		if what != timestampAuthority {
			continue
		}
		if err := owns(owners, what, leaf.RawSubjectPublicKeyInfo, a.GetUri()); err != nil {
			return err
		}
	}
	return nil
}

func checkLogs(what string, list []*prototrustroot.TransparencyLogInstance) error {
	owners := map[string]string{}
	for _, l := range list {
		if l.GetPublicKey().GetValidFor().GetStart() == nil {
			return rootFault("%s %q has no start of validity", what, l.GetBaseUrl())
		}
		if err := owns(owners, what, l.GetPublicKey().GetRawBytes(), string(l.GetLogId().GetKeyId())); err != nil {
			return err
		}
	}
	return nil
}

const timestampAuthority = "timestamp authority"

// owns refuses one key under two names: it would count as two witnesses. The
// same name with several periods of validity is how material is renewed.
func owns(owners map[string]string, what string, key []byte, name string) error {
	if other, known := owners[string(key)]; known && other != name {
		return rootFault("%s %q has the key of %q", what, name, other)
	}
	owners[string(key)] = name
	return nil
}

// Digest returns the digest of the file's bytes, for verdicts and pins.
func (r *TrustedRoot) Digest() subject.Digest { return r.digest }

// Snapshot returns when an embedded root was taken, and the zero time for any
// other root.
func (r *TrustedRoot) Snapshot() time.Time { return r.snapshot }
