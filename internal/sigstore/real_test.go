package sigstore

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sigstore/sigstore-go/pkg/testing/data"

	"github.com/sallyport-dev/sallyport/internal/bundlefile"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

func testFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sampleBundle(t *testing.T, name string) []byte {
	t.Helper()
	return must(data.Bundle(t, name).MarshalJSON())
}

func sampleRoot(t *testing.T, name string) *TrustedRoot {
	t.Helper()
	r, err := ParseTrustedRoot(must(data.TrustedRoot(t, name).MarshalJSON()))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const (
	sampleRelease = "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main"
	sampleIssuer  = "https://token.actions.githubusercontent.com"
)

// Bundles that others published verify under the roots of their time and under
// the snapshot in the binary; about another file or under another root they do
// not.
func TestRealBundles(t *testing.T) {
	for name, s := range map[string]struct {
		bundle   []byte
		artifact string
		issuer   string
		other    bool // the statement names no SHA-256 digest
	}{
		"npm 1.3.0, v0.1":         {testFile(t, "npm-provenance.sigstore.json"), "sigstore-1.3.0.tgz", sampleIssuer, true},
		"npm 2.0.0, v0.1":         {sampleBundle(t, "sigstore.js@2.0.0-provenance.sigstore.json"), "sigstore-2.0.0.tgz", sampleIssuer, true},
		"npm 2.1.0, v0.1":         {testFile(t, "npm-2.1.0.v0.1.sigstore.json"), "sigstore-2.1.0.tgz", sampleIssuer, true},
		"npm 2.1.0, v0.3":         {testFile(t, "npm-2.1.0.v0.3.sigstore.json"), "sigstore-2.1.0.tgz", sampleIssuer, true},
		"reusable workflow, v0.3": {testFile(t, "reusable-workflow.sigstore.json"), "reusable-workflow.artifact", sampleIssuer, false},
		"custom issuer, v0.3":     {testFile(t, "custom-issuer.sigstore.json"), "custom-issuer.artifact", sampleIssuer + "/hammer-time", false},
	} {
		t.Run(name, func(t *testing.T) {
			b, file := must(ParseBundle(s.bundle)), asFile(testFile(t, s.artifact))
			if own := b.Claims()[0].Digests()[0]; (own.Algorithm() != subject.AlgSHA256) != s.other || (own == file.Digest) == s.other {
				t.Errorf("claims %v, want another algorithm than SHA-256: %v", own, s.other)
			}
			for _, r := range []*TrustedRoot{sampleRoot(t, "public-good.json"), must(ParseTrustedRoot(publicGoodRoot))} {
				realBundle(t, must(NewVerifier(r, Interoperable)), b, file, s.issuer)
				if b.entity.entries[0].HasInclusionProof() {
					realBundle(t, must(NewVerifier(r, Transparent)), b, file, s.issuer)
				}
			}
			for _, r := range []*TrustedRoot{sampleRoot(t, "scaffolding.json"), must(ParseTrustedRoot(rootFile(newForge().trust())))} {
				got, err := must(NewVerifier(r, Interoperable)).verifyFor(b, file)
				if err == nil || got.Subjects() != nil {
					t.Errorf("accepted under another root (%v)", err)
				}
			}
		})
	}
}

func realBundle(t *testing.T, v *Verifier, b Bundle, file Artifact, issuer string) {
	t.Helper()
	got, err := v.verifyFor(b, file)
	if err != nil {
		t.Fatal(err)
	}
	if s := got.Signer(); s.Issuer != issuer || s.SANKind != "uri" || s.RepositoryID == "" {
		t.Errorf("signer = %+v, want issuer %q", s, issuer)
	}
	_, err = v.verifyFor(b, asFile([]byte("another file")))
	wants(t, err, fault.SubjectMismatch)
	_, err = v.verifyFor(b, Artifact{Digest: digestOf([]byte("another file"))})
	wants(t, err, fault.SubjectMismatch)
}

// What PyPI keeps is read as the bundle that it is, and verifies as one; so do
// the bundles in what registries and platforms answer.
func TestRealBundles_in_wrappers(t *testing.T) {
	v := must(NewVerifier(must(ParseTrustedRoot(publicGoodRoot)), Transparent))
	for name, c := range map[string]struct{ digest, signer string }{
		"pypi-integrity.json": {"9bb1add04b1b4e182be6b0b80931593f7a291eb49d69b4fd728a5d4cbcdc4bd3",
			"https://github.com/trailofbits/pypi-attestations/.github/workflows/release.yml@refs/tags/v0.0.19"},
		"pypi-publish.attestation": {"117ed88e5db073bb92969a7545745fd977ee85b7019706dd256a64058f70963d",
			"919436158236-compute@developer.gserviceaccount.com"},
		"rest-attestations.json":         {"", sampleRelease},
		"npm-attestations-endpoint.json": {"", sampleRelease},
		"gh-verify-format-json.json":     {"", sampleRelease},
	} {
		t.Run(name, func(t *testing.T) {
			raw := must(os.ReadFile(filepath.Join("..", "bundlefile", "testdata", name)))
			_, err := ParseBundle(raw)
			wants(t, err, fault.Malformed)
			if err == nil || strings.Contains(err.Error(), "proto3 JSON name") {
				t.Errorf("given as a bundle itself: %v", err)
			}
			found := must(bundlefile.Read(raw))
			if len(found) != 1 {
				t.Fatalf("found %d bundles, want 1", len(found))
			}
			file := asFile(testFile(t, "sigstore-2.1.0.tgz"))
			if c.digest != "" {
				file = Artifact{Digest: must(subject.ParseHex(c.digest))}
			}
			got, err := v.verifyFor(must(ParseBundle(found[0].JSON)), file)
			if err != nil || got.Signer().SAN != c.signer {
				t.Errorf("signer %q, %v; want %q", got.Signer().SAN, err, c.signer)
			}
			if s, _ := got.Statement(); strings.HasPrefix(name, "pypi") && string(s.Predicate) != "{}" {
				t.Errorf("predicate = %s, want none", s.Predicate)
			}
			other := strings.Replace(string(found[0].JSON), `"payload":"ey`, `"payload":"fy`, 1)
			if _, err := ParseBundle([]byte(other)); err == nil && c.digest != "" {
				t.Error("another payload is read")
			}
		})
	}
}

// The names of the signers, once each.
func TestRealBundles_signer(t *testing.T) {
	v := must(NewVerifier(must(ParseTrustedRoot(publicGoodRoot)), Interoperable))
	for artifact, want := range map[string]string{"sigstore-1.3.0.tgz": sampleRelease, "reusable-workflow.artifact": "https://github.com/"} {
		raw := testFile(t, "reusable-workflow.sigstore.json")
		if want == sampleRelease {
			raw = testFile(t, "npm-provenance.sigstore.json")
		}
		got, err := v.verifyFor(must(ParseBundle(raw)), asFile(testFile(t, artifact)))
		if err != nil || !strings.HasPrefix(got.Signer().SAN, want) {
			t.Errorf("signer = %q, %v; want %q", got.Signer().SAN, err, want)
		}
	}
}

// Bundles of an instance without logs can be read, and prove nothing under the
// root of another.
func TestRealBundles_unlogged(t *testing.T) {
	for _, name := range []string{"unlogged.sigstore.json", "unlogged-release.sigstore.json"} {
		b := must(ParseBundle(testFile(t, name)))
		public := must(ParseTrustedRoot(publicGoodRoot))
		_, err := must(NewVerifier(public, Transparent)).Verify(b)
		wants(t, err, fault.Chain)
		_, err = must(NewVerifier(public, Unlogged)).Verify(b)
		wants(t, err, fault.Chain)
	}
}

func wants(t *testing.T, err error, want fault.Code) {
	t.Helper()
	if err == nil || codeOf(err) != want {
		t.Errorf("error = %v (%s), want %s", err, codeOf(err), want)
	}
}

func TestRealBundles_signed_with_a_key(t *testing.T) {
	file, raw, key := asFile(testFile(t, "sigstore-1.3.0.tgz")), testFile(t, "npm-publish.sigstore.json"), testFile(t, "npm-publish.pub")
	for _, r := range []*TrustedRoot{sampleRoot(t, "public-good.json"), must(ParseTrustedRoot(publicGoodRoot))} {
		v := must(NewKeyVerifier(r, key, Requirements{Logs: 1}))
		b := must(ParseBundle(raw))
		got, err := v.verifyFor(b, file)
		if err != nil || !got.Keyed() || got.Time().IsZero() {
			t.Fatalf("publish statement = %+v, %v", got, err)
		}
		_, err = v.verifyFor(b, asFile([]byte("another file")))
		wants(t, err, fault.SubjectMismatch)
		_, err = must(NewVerifier(r, Interoperable)).verifyFor(b, file)
		wants(t, err, fault.Identity)
		_, err = must(NewKeyVerifier(r, keyFile(newECKey().Public()), Requirements{Logs: 1})).verifyFor(b, file)
		wants(t, err, fault.SignatureInvalid)
	}
	_, err := must(NewKeyVerifier(sampleRoot(t, "scaffolding.json"), key, Requirements{Logs: 1})).verifyFor(must(ParseBundle(raw)), file)
	wants(t, err, fault.TLog)
}

// The oldest bundles have a promise and no proof.
func TestRealBundles_promise_only(t *testing.T) {
	raw := sampleBundle(t, "dsse.sigstore.json")
	read := func() Bundle { return must(ParseBundle(raw)) }
	for _, r := range []*TrustedRoot{sampleRoot(t, "public-good.json"), must(ParseTrustedRoot(publicGoodRoot))} {
		if _, err := must(NewVerifier(r, Interoperable)).Verify(read()); err != nil {
			t.Error(err)
		}
		_, err := must(NewVerifier(r, Transparent)).Verify(read())
		wants(t, err, fault.TLog)
	}
	// It repeats the root, which is a stranger here.
	_, err := must(NewVerifier(sampleRoot(t, "scaffolding.json"), Interoperable)).Verify(read())
	wants(t, err, fault.Chain)
}

func TestRealBundles_two_signatures(t *testing.T) {
	_, err := ParseBundle(sampleBundle(t, "dsse-2sigs.sigstore.json"))
	wants(t, err, fault.Malformed)
}

// A name of type OtherName is somebody, and no workflow.
func TestRealBundles_other_name(t *testing.T) {
	b := must(ParseBundle(sampleBundle(t, "othername.sigstore.json")))
	d := must(subject.ParseHex("bc103b4a84971ef6459b294a2b98568a2bfb72cded09d4acd1e16366a401f95b"))
	r := sampleRoot(t, "scaffolding.json")
	if left := b.entity.content.Certificate().UnhandledCriticalExtensions; len(left) > 0 {
		t.Errorf("critical extensions %v are left to verifiers that share the bundle", left)
	}
	for _, require := range []Requirements{Interoperable, {Logs: 1, Timed: true, Proofs: true}} {
		got, err := must(NewVerifier(r, require)).verifyFor(b, Artifact{Digest: d})
		if err != nil || got.Signer().SANKind != "other" || got.Signer().SAN != "foo!oidc.local" {
			t.Errorf("%+v: signer = %+v, %v", require, got.Signer(), err)
		}
	}
	_, err := must(NewVerifier(r, Interoperable)).verifyFor(b, Artifact{Digest: digestOf(artifact)})
	wants(t, err, fault.SubjectMismatch)
	_, err = must(NewVerifier(must(ParseTrustedRoot(publicGoodRoot)), Interoperable)).verifyFor(b, Artifact{Digest: d})
	wants(t, err, fault.Chain)
}

// A trusted root without a certificate authority is not read, so that a bundle
// under a bare key and a timestamp is refused together with its root.
func TestRealBundles_key_validity(t *testing.T) {
	refusesRoot(t, must(data.TrustedRoot(t, "public-key-validity.json").MarshalJSON()))
	raw := sampleBundle(t, "public-key-validity.sigstore.json")
	d := digestOf([]byte("test content"))
	_, err := must(NewVerifier(must(ParseTrustedRoot(publicGoodRoot)), Interoperable)).verifyFor(must(ParseBundle(raw)), Artifact{Digest: d})
	wants(t, err, fault.Identity)
	key := keyFile(data.PublicKey(t, "public-key-validity.pem"))
	_, err = must(NewKeyVerifier(must(ParseTrustedRoot(publicGoodRoot)), key, Requirements{Logs: 1})).verifyFor(must(ParseBundle(raw)), Artifact{Digest: d})
	wants(t, err, fault.TLog)
}

// One byte of a real bundle's payload, signature or certificate is enough.
func TestRealBundles_changed(t *testing.T) {
	v := must(NewVerifier(must(ParseTrustedRoot(publicGoodRoot)), Interoperable))
	file := asFile(testFile(t, "sigstore-1.3.0.tgz"))
	var doc map[string]any
	if err := json.Unmarshal(testFile(t, "npm-provenance.sigstore.json"), &doc); err != nil {
		t.Fatal(err)
	}
	env := doc["dsseEnvelope"].(object)
	for _, at := range []struct {
		in  object
		key string
	}{{env, "payload"}, {env["signatures"].([]any)[0].(object), "sig"},
		{doc["verificationMaterial"].(object)["x509CertificateChain"].(object)["certificates"].([]any)[0].(object), "rawBytes"}} {
		was := at.in[at.key].(string)
		for _, i := range []int{8, len(was) / 2, len(was) - 8} {
			c := "A"
			if was[i:i+1] == c {
				c = "B"
			}
			at.in[at.key] = was[:i] + c + was[i+1:]
			b, err := ParseBundle(must(json.Marshal(doc)))
			if err == nil {
				_, err = v.verifyFor(b, file)
			}
			if err == nil {
				t.Errorf("%s changed at %d: accepted", at.key, i)
			}
		}
		at.in[at.key] = was
	}
	if _, err := v.verifyFor(must(ParseBundle([]byte(strings.TrimSpace(string(must(json.Marshal(doc))))))), file); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}
