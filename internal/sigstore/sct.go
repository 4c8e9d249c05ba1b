package sigstore

import (
	"crypto/x509"
	"encoding/hex"
	"slices"

	ct "github.com/google/certificate-transparency-go"
	"github.com/google/certificate-transparency-go/x509util"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// checkSCTs proves that certificate logs of the trusted root saw the certificate (RFC 6962, 3.2).
func (v *Verifier) checkSCTs(p path) error {
	if v.require.SCTs == 0 {
		return nil
	}
	var chains [][]*x509.Certificate
	for _, w := range p.ways {
		chains = append(chains, w.chain)
	}
	if err := verify.VerifySignedCertificateTimestamp(chains, v.require.SCTs, v.material); err != nil {
		return v.unseen(p.leaf)
	}
	return nil
}

// unseen says why too few certificate logs saw a certificate.
func (v *Verifier) unseen(leaf *x509.Certificate) error {
	logs := v.material.CTLogs()
	if len(logs) == 0 {
		return older(fault.SCT, "the trusted root names no certificate log, so nothing shows that the certificate was logged")
	}
	found, err := x509util.ParseSCTsFromCertificate(leaf.Raw)
	if err != nil {
		return reject(fault.SCT, "the log timestamps in the certificate cannot be read")
	}
	if len(found) == 0 {
		return reject(fault.SCT, "certificate has no timestamp of a certificate log")
	}
	known := slices.DeleteFunc(slices.Clone(found), func(s *ct.SignedCertificateTimestamp) bool { return logs[sctLog(s)] == nil })
	if len(known) == 0 {
		return older(fault.SCT, "certificate was logged by a certificate log that the trusted root does not name: %s", sctLog(found[0]))
	}
	for _, s := range known {
		if log, at := logs[sctLog(s)], ct.TimestampToTime(s.Timestamp); !validAt(log, at) {
			return reject(fault.SCT, "certificate was logged at %s, when certificate log %q was not valid for the trusted root", stamp(at), logName(log))
		}
	}
	if v.require.SCTs > 1 {
		return reject(fault.SCT, "certificate has timestamps of fewer than %d certificate logs that hold", v.require.SCTs)
	}
	return reject(fault.SCT, "the timestamp of certificate log %q does not hold for the certificate", logName(logs[sctLog(known[0])]))
}

func sctLog(s *ct.SignedCertificateTimestamp) string { return hex.EncodeToString(s.LogID.KeyID[:]) }
