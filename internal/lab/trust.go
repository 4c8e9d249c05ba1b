package lab

import (
	"crypto"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	trustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
)

// writeTrust writes the two standard files that tell a client whom to believe
// and where to sign.
func (l *Lab) writeTrust(s *stack) error {
	trusted, err := s.trustedRoot()
	if err != nil {
		return fmt.Errorf("making the trusted root: %w", err)
	}
	if err := writeFile(l.TrustedRoot, trusted); err != nil {
		return err
	}
	signing, err := s.signingConfig()
	if err != nil {
		return fmt.Errorf("making the signing config: %w", err)
	}
	return writeFile(l.SigningConfig, signing)
}

// trustedRoot lists the keys and chains, each valid since the lab began. The
// log is listed under its origin's host, because verifiers look for that name
// in its checkpoints.
func (s *stack) trustedRoot() (*root.TrustedRoot, error) {
	last := len(s.chain) - 1
	ca := &root.FulcioCertificateAuthority{
		Root: s.chain[last], Intermediates: s.chain[:last], ValidityPeriodStart: s.since, URI: s.fulcio,
	}
	last = len(s.tsa.chain) - 1
	tsa := &root.SigstoreTimestampingAuthority{
		Root: s.tsa.chain[last], Intermediates: s.tsa.chain[1:last], Leaf: s.tsa.chain[0], ValidityPeriodStart: s.since, URI: s.tsa.url,
	}
	ct := &root.TransparencyLog{
		BaseURL: s.ct.url, ID: s.ct.id[:], ValidityPeriodStart: s.since,
		HashFunc: crypto.SHA256, PublicKey: s.ct.key, SignatureHashFunc: crypto.SHA256,
	}
	log := &root.TransparencyLog{
		BaseURL: "https://" + rekorOrigin, ID: s.rekor.id, ValidityPeriodStart: s.since,
		HashFunc: crypto.SHA256, PublicKey: s.rekor.key, SignatureHashFunc: crypto.SHA512, // Ed25519's own
	}
	return root.NewTrustedRoot(root.TrustedRootMediaType01,
		[]root.CertificateAuthority{ca},
		map[string]*root.TransparencyLog{hex.EncodeToString(ct.ID): ct},
		[]root.TimestampingAuthority{tsa},
		map[string]*root.TransparencyLog{hex.EncodeToString(log.ID): log})
}

func (s *stack) signingConfig() (*root.SigningConfig, error) {
	service := func(url string, api uint32) []root.Service {
		return []root.Service{{URL: url, MajorAPIVersion: api, ValidityPeriodStart: s.since, Operator: notReal}}
	}
	one := root.ServiceConfiguration{Selector: trustroot.ServiceSelector_ANY}
	return root.NewSigningConfig(root.SigningConfigMediaType02,
		service(s.fulcio, 1), service(s.accounts, 1), service(s.rekor.url, 2), one, service(s.tsa.url, 1), one)
}

func writeFile(path string, v json.Marshaler) error {
	b, err := v.MarshalJSON()
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o600)
}
