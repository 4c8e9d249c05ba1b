package lab

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/asn1"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

const statement = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"app","digest":{"sha256":"` + digestHex + `"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{}}`

const digestHex = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// signed signs statement with a token, at the services that the signing
// config names.
func signed(t *testing.T, token string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := root.NewSigningConfigFromPath(labUnderTest.SigningConfig)
	if err != nil {
		t.Fatal(err)
	}
	o := sign.BundleOptions{Context: ctx, CertificateProviderOptions: &sign.CertificateProviderOptions{IDToken: token}}
	o.CertificateProvider = sign.NewFulcio(&sign.FulcioOptions{BaseURL: c.FulcioCertificateAuthorityURLs()[0].URL})
	for _, s := range c.TimestampAuthorityURLs() {
		o.TimestampAuthorities = append(o.TimestampAuthorities, sign.NewTimestampAuthority(&sign.TimestampAuthorityOptions{URL: s.URL}))
	}
	for _, s := range c.RekorLogURLs() {
		o.TransparencyLogs = append(o.TransparencyLogs, sign.NewRekor(&sign.RekorOptions{BaseURL: s.URL, Version: s.MajorAPIVersion}))
	}
	keys, err := sign.NewEphemeralKeypair(nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := sign.Bundle(&sign.DSSEData{Data: []byte(statement), PayloadType: "application/vnd.in-toto+json"}, keys, o)
	if err != nil {
		t.Fatal(err)
	}
	out, err := (&bundle.Bundle{Bundle: b}).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A signed statement verifies under the lab's trusted root with everything
// that the public instance gives: SCT, log entry, timestamp, real issuer.
func TestRoundTrip(t *testing.T) {
	trusted, err := root.NewTrustedRootFromPath(labUnderTest.TrustedRoot)
	if err != nil {
		t.Fatal(err)
	}
	v, err := verify.NewVerifier(trusted, verify.WithTransparencyLog(1), verify.WithSignedTimestamps(1), verify.WithSignedCertificateTimestamps(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, issuer, san string
		token             func(string, Claims) (string, error)
	}{
		{"github", gitHubIssuer, "https://github.com/acme/widget/.github/workflows/release.yml@refs/heads/main", labUnderTest.GitHubToken},
		{"gitlab", gitLabIssuer, "https://gitlab.com/acme/widget//.gitlab-ci.yml@refs/heads/main", labUnderTest.GitLabToken},
	} {
		t.Run(c.name, func(t *testing.T) {
			token, err := c.token("sigstore", nil)
			if err != nil {
				t.Fatal(err)
			}
			var b bundle.Bundle
			if err := b.UnmarshalJSON(signed(t, token)); err != nil {
				t.Fatal(err)
			}
			for digest, want := range map[string]string{"\xaa": "", "\xbb": "does not match"} {
				id, err := verify.NewShortCertificateIdentity(c.issuer, "", c.san, "")
				if err != nil {
					t.Fatal(err)
				}
				_, err = v.Verify(&b, verify.NewPolicy(verify.WithArtifactDigest("sha256", bytes.Repeat([]byte(digest), 32)), verify.WithCertificateIdentity(id)))
				if (err == nil) != (want == "") {
					t.Errorf("digest %x: error = %v, want one only for another digest", digest, err)
				}
			}
		})
	}
}

// What was signed can be read back from the log, as a monitor does.
func TestLogIsReadable(t *testing.T) {
	token, err := labUnderTest.GitHubToken("sigstore", nil)
	if err != nil {
		t.Fatal(err)
	}
	signed(t, token)
	c, err := root.NewSigningConfigFromPath(labUnderTest.SigningConfig)
	if err != nil {
		t.Fatal(err)
	}
	resp, b := do(t, call{url: c.RekorLogURLs()[0].URL + "/api/v2/checkpoint"})
	if resp.status != 200 || !strings.HasPrefix(string(b), rekorOrigin+"\n") {
		t.Errorf("checkpoint: status %d and %q, want one of %q", resp.status, b, rekorOrigin)
	}
}

func certificateFor(t *testing.T, token string) (*x509.Certificate, error) {
	t.Helper()
	keys, err := sign.NewEphemeralKeypair(nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := root.NewSigningConfigFromPath(labUnderTest.SigningConfig)
	if err != nil {
		t.Fatal(err)
	}
	fulcio := sign.NewFulcio(&sign.FulcioOptions{BaseURL: c.FulcioCertificateAuthorityURLs()[0].URL})
	der, err := fulcio.GetCertificate(t.Context(), keys, &sign.CertificateProviderOptions{IDToken: token})
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, nil
}

// extension returns Fulcio's extension .8 to .24 of a certificate.
func extension(t *testing.T, c *x509.Certificate, n int) (string, bool) {
	t.Helper()
	for _, e := range c.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, n}) {
			continue
		}
		var s string
		if _, err := asn1.UnmarshalWithParams(e.Value, &s, "utf8"); err != nil {
			t.Fatalf("extension .%d: %v", n, err)
		}
		return s, true
	}
	return "", false
}

// Certificates carry every extension from .8 to .24, under real issuer names.
func TestCertificateExtensions(t *testing.T) {
	github, gitlab := "https://github.com/", "https://gitlab.com/"
	for _, c := range []struct {
		name  string
		token func(string, Claims) (string, error)
		want  map[int]string
	}{
		{"github", labUnderTest.GitHubToken, map[int]string{
			8: gitHubIssuer, 9: github + "acme/widget/.github/workflows/release.yml@refs/heads/main", 10: commit, 11: "github-hosted",
			12: github + "acme/widget", 13: commit, 14: "refs/heads/main", 15: "123456789", 16: github + "acme", 17: "4242",
			18: github + "acme/widget/.github/workflows/release.yml@refs/heads/main", 19: commit, 20: "push",
			21: github + "acme/widget/actions/runs/1000001/attempts/1", 22: "public", 23: "production", 24: "repo:acme/widget:environment:production",
		}},
		{"gitlab", labUnderTest.GitLabToken, map[int]string{
			8: gitLabIssuer, 9: gitlab + "acme/widget//.gitlab-ci.yml@refs/heads/main", 10: commit, 11: "gitlab-hosted",
			12: gitlab + "acme/widget", 13: commit, 14: "refs/heads/main", 15: "20", 16: gitlab + "acme", 17: "4242",
			18: gitlab + "acme/widget//.gitlab-ci.yml@refs/heads/main", 19: commit, 20: "push",
			21: gitlab + "acme/widget/-/jobs/302", 22: "public", 23: "production", 24: "project_path:acme/widget:ref_type:branch:ref:main",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			token, err := c.token("sigstore", Claims{"environment": "production"})
			if err != nil {
				t.Fatal(err)
			}
			cert, err := certificateFor(t, token)
			if err != nil {
				t.Fatal(err)
			}
			for n := 8; n <= 24; n++ {
				if got, _ := extension(t, cert, n); got != c.want[n] {
					t.Errorf("extension .%d = %q, want %q", n, got, c.want[n])
				}
			}
			if got := cert.URIs[0].String(); got != c.want[9] {
				t.Errorf("SAN = %q, want %q", got, c.want[9])
			}
		})
	}
}

// A job without an environment has no environment in its certificate.
func TestNoEnvironment(t *testing.T) {
	token, err := labUnderTest.GitHubToken("sigstore", nil)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := certificateFor(t, token)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := extension(t, cert, 23); ok {
		t.Errorf("extension .23 = %q, want none", got)
	}
	if got, want := issuerOrganization(cert), notReal; got != want {
		t.Errorf("organization of the issuer = %q, want %q", got, want)
	}
	if s, err := certificate.SummarizeCertificate(cert); err != nil || s.Issuer != gitHubIssuer {
		t.Errorf("issuer = %q and error %v, want %q", s.Issuer, err, gitHubIssuer)
	}
}

func issuerOrganization(c *x509.Certificate) string { return strings.Join(c.Issuer.Organization, " ") }

// Another GitLab's certificates differ in their issuer alone, so a policy that
// does not name it is fooled; and a token may bring a url of its own.
func TestOtherIssuerLooksAlike(t *testing.T) {
	for name, c := range map[string]struct {
		claims       Claims
		issuer, repo string
	}{
		"first":   {nil, gitLabIssuer, "https://gitlab.com/acme/widget"},
		"second":  {Claims{"iss": otherIssuer}, otherIssuer, "https://gitlab.com/acme/widget"},
		"own url": {Claims{"url": "https://gitlab.example"}, gitLabIssuer, "https://gitlab.example/acme/widget"},
	} {
		token, err := labUnderTest.GitLabToken("sigstore", c.claims)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := certificateFor(t, token)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, _ := extension(t, cert, 8); got != c.issuer {
			t.Errorf("%s: issuer %q, want %q", name, got, c.issuer)
		}
		if got, _ := extension(t, cert, 12); got != c.repo {
			t.Errorf("%s: repository %q, want %q", name, got, c.repo)
		}
	}
}

// The certificate authority refuses what the public one refuses.
func TestCertificateRefused(t *testing.T) {
	past := time.Now().Add(-time.Hour).Unix()
	for _, c := range []struct {
		name, audience string
		claims         Claims
		ok             bool
	}{
		{"as it should be", "sigstore", nil, true},
		{"audience of the platform's default", "", nil, false},
		{"other audience", "sigstore.dev", nil, false},
		{"missing claim", "sigstore", Claims{"job_workflow_sha": nil}, false},
		{"expired", "sigstore", Claims{"exp": past}, false},
		{"unknown issuer", "sigstore", Claims{"iss": "https://issuer.example"}, false},
		{"issuer of the other platform", "sigstore", Claims{"iss": gitLabIssuer}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			token, err := labUnderTest.GitHubToken(c.audience, c.claims)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := certificateFor(t, token); (err == nil) != c.ok {
				t.Errorf("error = %v, want a certificate: %v", err, c.ok)
			}
		})
	}
}
