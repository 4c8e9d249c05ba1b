package lab

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// notReal is in the name of every certificate authority of a lab, so that
// nobody who meets one of its certificates takes it for a real one.
const notReal = "sallyport lab, not for production"

// A signer is a certificate and its key.
type signer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// An authority is a root and the intermediate that it issues with, as the
// public ones are built.
type authority struct {
	root, intermediate signer
}

func (a authority) chain() []*x509.Certificate {
	return []*x509.Certificate{a.intermediate.cert, a.root.cert}
}

func newAuthority(name string, use x509.ExtKeyUsage, since time.Time) (authority, error) {
	root, err := issue(nil, caTemplate(name+" root", since, 1))
	if err != nil {
		return authority{}, err
	}
	t := caTemplate(name+" intermediate", since, 0)
	t.ExtKeyUsage = []x509.ExtKeyUsage{use}
	intermediate, err := issue(&root, t)
	return authority{root, intermediate}, err
}

func caTemplate(name string, since time.Time, below int) *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: name, Organization: []string{notReal}},
		NotBefore:             since,
		NotAfter:              since.AddDate(1, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLen:            below,
		MaxPathLenZero:        below == 0,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

// timestampLeaf issues the certificate that signs timestamps. RFC 3161 section
// 2.3 wants exactly one extended key usage in it, and that one critical, which
// crypto/x509 can only be told through an extra extension.
func (a authority) timestampLeaf(since time.Time) (signer, error) {
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		return signer{}, err
	}
	return issue(&a.intermediate, &x509.Certificate{
		Subject:         pkix.Name{CommonName: "timestamp authority", Organization: []string{notReal}},
		NotBefore:       since,
		NotAfter:        since.AddDate(0, 11, 0),
		KeyUsage:        x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}},
	})
}

// issue makes a key and a certificate for it, signed by parent or, without
// one, by itself.
func issue(parent *signer, t *x509.Certificate) (signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return signer{}, err
	}
	if t.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return signer{}, err
	}
	by := signer{t, key}
	if parent != nil {
		by = *parent
	}
	der, err := x509.CreateCertificate(rand.Reader, t, by.cert, key.Public(), by.key)
	if err != nil {
		return signer{}, fmt.Errorf("issuing the certificate of %q: %w", t.Subject.CommonName, err)
	}
	cert, err := x509.ParseCertificate(der)
	return signer{cert, key}, err
}

func certificatesPEM(certs ...*x509.Certificate) []byte {
	var out []byte
	for _, c := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}

func privateKeyPEM(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}
