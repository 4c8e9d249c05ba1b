package sigstore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"
	ct "github.com/google/certificate-transparency-go"
	"github.com/google/certificate-transparency-go/tls"
	"github.com/google/certificate-transparency-go/x509util"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// The forge is a Sigstore instance under the attacker's hand: it signs, logs
// and stamps whatever a test asks for, with genuine keys, so that each attack
// differs from the control in one thing only.

// forgedAt is when everything in the forge happens.
var forgedAt = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newECKey() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

// An authority is a certificate and its key.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func serial() *big.Int { return must(rand.Int(rand.Reader, big.NewInt(1<<62))) }

// caTemplate is a certificate authority that lives through the whole year.
func caTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name, Organization: []string{"forge, not real"}},
		NotBefore: forgedAt.AddDate(-5, 0, 0), NotAfter: forgedAt.AddDate(20, 0, 0),
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
	}
}

// issue signs template for a new key.
func (a *authority) issue(template *x509.Certificate) *authority {
	key := newECKey()
	return &authority{a.sign(template, key.Public()), key}
}

func (a *authority) sign(template *x509.Certificate, pub crypto.PublicKey) *x509.Certificate {
	der := must(x509.CreateCertificate(rand.Reader, template, a.cert, pub, a.key))
	return must(x509.ParseCertificate(der))
}

func newRootAuthority(name string) *authority {
	a := &authority{key: newECKey()}
	a.cert = caTemplate(name)
	a.cert = a.sign(a.cert, a.key.Public())
	return a
}

// chain is a certificate authority as a trusted root names it, with the issuing
// certificate first.
func (a *authority) chain(uri string, above ...*authority) *prototrustroot.CertificateAuthority {
	list := []*protocommon.X509Certificate{{RawBytes: a.cert.Raw}}
	for _, x := range above {
		list = append(list, &protocommon.X509Certificate{RawBytes: x.cert.Raw})
	}
	return &prototrustroot.CertificateAuthority{
		Uri: uri, CertChain: &protocommon.X509CertificateChain{Certificates: list},
		ValidFor: &protocommon.TimeRange{Start: timestamppb.New(forgedAt.AddDate(-1, 0, 0))},
	}
}

// A ctLog signs SCTs.
type ctLog struct{ key *ecdsa.PrivateKey }

func spki(pub crypto.PublicKey) []byte { return must(x509.MarshalPKIXPublicKey(pub)) }

func (l *ctLog) id() [32]byte { return sha256.Sum256(spki(l.key.Public())) }

// sct promises to log the certificate whose body without SCTs is tbs
// (RFC 6962, 3.2).
func (l *ctLog) sct(tbs []byte, issuer *x509.Certificate, at time.Time) *ct.SignedCertificateTimestamp {
	s := &ct.SignedCertificateTimestamp{SCTVersion: ct.V1, LogID: ct.LogID{KeyID: l.id()}, Timestamp: uint64(at.UnixMilli())}
	leaf := ct.MerkleTreeLeaf{Version: ct.V1, LeafType: ct.TimestampedEntryLeafType, TimestampedEntry: &ct.TimestampedEntry{
		Timestamp: s.Timestamp, EntryType: ct.PrecertLogEntryType,
		PrecertEntry: &ct.PreCert{IssuerKeyHash: sha256.Sum256(issuer.RawSubjectPublicKeyInfo), TBSCertificate: tbs},
	}}
	input := must(ct.SerializeSCTSignatureInput(*s, ct.LogEntry{Leaf: leaf}))
	sum := sha256.Sum256(input)
	s.Signature = ct.DigitallySigned{
		Algorithm: tls.SignatureAndHashAlgorithm{Hash: tls.SHA256, Signature: tls.ECDSA},
		Signature: must(ecdsa.SignASN1(rand.Reader, l.key, sum[:])),
	}
	return s
}

var oidSCTs = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}

func sctExtension(list []*ct.SignedCertificateTimestamp) pkix.Extension {
	raw := must(tls.Marshal(*must(x509util.MarshalSCTsIntoSCTList(list))))
	return pkix.Extension{Id: oidSCTs, Value: must(asn1.Marshal(raw))}
}

// issueLogged signs template and embeds an SCT of each log.
func (a *authority) issueLogged(template *x509.Certificate, pub crypto.PublicKey, logs []*ctLog) *x509.Certificate {
	bare := a.sign(template, pub)
	if len(logs) == 0 {
		return bare
	}
	var list []*ct.SignedCertificateTimestamp
	for _, l := range logs {
		list = append(list, l.sct(bare.RawTBSCertificate, a.cert, template.NotBefore))
	}
	logged := *template
	logged.ExtraExtensions = append(append([]pkix.Extension{}, template.ExtraExtensions...), sctExtension(list))
	return a.sign(&logged, pub)
}

// stampTemplate is a timestamping certificate (RFC 3161, 2.3).
func stampTemplate(critical bool, usages ...asn1.ObjectIdentifier) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "forge-tsa"},
		NotBefore: forgedAt.AddDate(-5, 0, 0), NotAfter: forgedAt.AddDate(20, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: critical, Value: must(asn1.Marshal(usages))}},
	}
}

var (
	usageStamping = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
	usageServer   = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	usageUnknown  = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 99}
)

// A stampRequest is what a timestamp authority is asked to sign.
type stampRequest struct {
	over   []byte
	at     time.Time
	hash   crypto.Hash // of the message imprint
	embeds bool        // the token carries the signer's certificate
}

// stamp returns an RFC 3161 response.
func (a *authority) stamp(r stampRequest) []byte {
	if r.hash == 0 {
		r.hash = crypto.SHA256
	}
	h := r.hash.New()
	h.Write(r.over)
	if r.hash == crypto.SHA1 {
		return a.weakStamp(h.Sum(nil), r.at)
	}
	t := timestamp.Timestamp{
		HashAlgorithm: r.hash, HashedMessage: h.Sum(nil), Time: r.at, AddTSACertificate: r.embeds,
		Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2},
	}
	return must(t.CreateResponseWithOpts(a.cert, a.key, crypto.SHA256))
}

// weakStamp is a response with a SHA-1 imprint, which the library does not make.
func (a *authority) weakStamp(sum []byte, at time.Time) []byte {
	data := must(pkcs7.NewSignedData(stampInfo(asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, sum, at)))
	data.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	data.SetContentType(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4})
	if err := data.AddSigner(a.cert, a.key, pkcs7.SignerInfoConfig{SkipCertificates: true}); err != nil {
		panic(err)
	}
	return must(asn1.Marshal(struct {
		Status struct{ Status int }
		Token  asn1.RawValue
	}{Token: asn1.RawValue{FullBytes: must(data.Finish())}}))
}

// stampInfo is what a timestamp states: when which digest was seen.
func stampInfo(algorithm asn1.ObjectIdentifier, sum []byte, at time.Time) []byte {
	type imprint struct {
		Algorithm pkix.AlgorithmIdentifier
		Sum       []byte
	}
	return must(asn1.Marshal(struct {
		Version int
		Policy  asn1.ObjectIdentifier
		Imprint imprint
		Serial  *big.Int
		Time    time.Time `asn1:"generalized"`
	}{1, asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}, imprint{pkix.AlgorithmIdentifier{Algorithm: algorithm}, sum}, serial(), at}))
}

// workflow is who signs in the forge.
const (
	workflow = "https://git.test/acme/widget/.ci/release.yml@refs/heads/main"
	issuer   = "https://token.git.test"
)

func fulcioOID(n int) asn1.ObjectIdentifier {
	return append(append(asn1.ObjectIdentifier{}, oidPrefix...), n)
}

func utf8Extension(n int, value string) pkix.Extension {
	return pkix.Extension{Id: fulcioOID(n), Value: must(asn1.MarshalWithParams(value, "utf8"))}
}

func rawExtension(n int, value string) pkix.Extension {
	return pkix.Extension{Id: fulcioOID(n), Value: []byte(value)}
}

// leafTemplate is the signing certificate of the control.
func leafTemplate() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: serial(), NotBefore: forgedAt.Add(-time.Minute), NotAfter: forgedAt.Add(9 * time.Minute),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		URIs: []*url.URL{must(url.Parse(workflow))},
		ExtraExtensions: []pkix.Extension{
			rawExtension(1, issuer), rawExtension(2, "push"), rawExtension(5, "acme/widget"), rawExtension(6, "refs/heads/main"),
			utf8Extension(8, issuer), utf8Extension(9, workflow), utf8Extension(12, "https://git.test/acme/widget"),
			utf8Extension(14, "refs/heads/main"), utf8Extension(15, "9007199254740993"), utf8Extension(20, "push"),
		},
	}
}

func TestForge_makes_certificates_that_parse(t *testing.T) {
	f := newForge()
	c := f.fulcio.issueLogged(leafTemplate(), newECKey().Public(), []*ctLog{f.ct})
	if got := c.URIs[0].String(); got != workflow {
		t.Errorf("SAN = %q, want %q", got, workflow)
	}
}
