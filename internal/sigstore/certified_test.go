package sigstore

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/sign"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Who a job is, a certificate says only if the trusted authority has issued it, for
// the key that it was asked about, now, and has logged it.
func TestC20_a_certificate_that_says_who_a_job_is(t *testing.T) {
	f := newForge()
	o := f.control()
	key := must(sign.NewEphemeralKeypair(nil))
	issue := func(by *authority, logs []*ctLog, change func(*x509.Certificate)) []byte {
		template := leafTemplate()
		change(template)
		return by.issueLogged(template, key.GetPublicKey(), logs).Raw
	}
	same := func(*x509.Certificate) {}
	good := issue(o.issuer, o.ctLogs, same)
	v := verifier(t, f.trust(), Transparent)
	if s, err := v.certified(good, key, forgedAt); err != nil || s.Issuer == "" || s.SAN == "" {
		t.Fatalf("the control: %+v, %v", s, err)
	}
	began := must(x509.ParseCertificate(good)).NotBefore
	if _, err := v.certified(good, key, began.Add(-time.Second)); err != nil {
		t.Errorf("the authority's clock is a second ahead: %v", err)
	}
	for name, x := range map[string]struct {
		raw  []byte
		key  *sign.EphemeralKeypair
		at   time.Time
		want fault.Code
	}{
		"for another key":      {good, must(sign.NewEphemeralKeypair(nil)), forgedAt, fault.Chain},
		"of another authority": {issue(newRootAuthority("another"), o.ctLogs, same), key, forgedAt, fault.Chain},
		"of another time":      {good, key, forgedAt.Add(365 * 24 * time.Hour), fault.Chain},
		"of two minutes hence": {good, key, began.Add(-2 * time.Minute), fault.Chain},
		"that was not logged":  {issue(o.issuer, nil, same), key, forgedAt, fault.SCT},
		"that may not sign":    {issue(o.issuer, o.ctLogs, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), key, forgedAt, fault.Chain},
		"that is none":         {[]byte("x"), key, forgedAt, fault.Malformed},
	} {
		if s, err := v.certified(x.raw, x.key, x.at); codeOf(err) != x.want || s.SAN != "" {
			t.Errorf("a certificate %s: %+v, %v, want %s", name, s, err, x.want)
		}
	}
}
