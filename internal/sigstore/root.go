package sigstore

import (
	"bytes"
	"crypto/sha256"
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
// validity is malformed, because an unbounded key cannot be retired, and the
// same key under two names would count twice.
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
	if err := checkAuthorities("timestamp authority", pb.GetTimestampAuthorities()); err != nil {
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
	return &TrustedRoot{material: material, digest: sha256.Sum256(raw)}, nil
}

func rootFault(format string, args ...any) error {
	return fault.New(fault.Refused, fault.TrustRoot, "", format, args...)
}

func checkAuthorities(what string, list []*prototrustroot.CertificateAuthority) error {
	var leaves [][]byte
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
		if what == "timestamp authority" && contains(leaves, leaf.RawSubjectPublicKeyInfo) {
			return rootFault("%s %q has the key of another one", what, a.GetUri())
		}
		leaves = append(leaves, leaf.RawSubjectPublicKeyInfo)
	}
	return nil
}

func checkLogs(what string, list []*prototrustroot.TransparencyLogInstance) error {
	var keys [][]byte
	for _, l := range list {
		if l.GetPublicKey().GetValidFor().GetStart() == nil {
			return rootFault("%s %q has no start of validity", what, l.GetBaseUrl())
		}
		if contains(keys, l.GetPublicKey().GetRawBytes()) {
			return rootFault("%s %q has the key of another one", what, l.GetBaseUrl())
		}
		keys = append(keys, l.GetPublicKey().GetRawBytes())
	}
	return nil
}

func contains(list [][]byte, b []byte) bool {
	for _, x := range list {
		if bytes.Equal(x, b) {
			return true
		}
	}
	return false
}

// Digest returns the digest of the file's bytes, for verdicts and pins.
func (r *TrustedRoot) Digest() subject.Digest { return r.digest }

// Snapshot returns when an embedded root was taken, and the zero time for any
// other root.
func (r *TrustedRoot) Snapshot() time.Time { return r.snapshot }
