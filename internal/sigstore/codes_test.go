package sigstore

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// The codes hang on how the pinned sigstore-go begins its errors. Here it is
// asked itself, about one bundle for every step.
func TestCodes(t *testing.T) {
	f := newForge()
	all := func(o order, change func(*protobundle.Bundle)) error {
		b := o.make().with(change)
		return ask(t, verifier(t, f.trust(), Transparent), b.json())
	}
	same := func(*protobundle.Bundle) {}
	edit := func(change func(*order)) order { o := f.control(); change(&o); return o }
	errs := []error{
		all(edit(func(o *order) { o.logs = nil }), same),
		all(f.control(), stamps([]byte{0})),
		all(edit(func(o *order) { o.stamps[0] = forgedAt.Add(time.Hour) }), same),
		all(edit(func(o *order) { o.ctLogs = nil }), same),
		unlogged(t, f, edit(func(o *order) { o.raw = true })),
		unlogged(t, f, edit(func(o *order) { o.key = must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)) })),
		expiredKey(t, f),
		all(edit(func(o *order) { o.template.ExtraExtensions[4] = rawExtension(8, "x") }), same),
	}
	if len(errs) != len(steps) {
		t.Fatalf("%d errors for %d steps", len(errs), len(steps))
	}
	for i, s := range steps {
		switch err := errs[i]; {
		case err == nil:
			t.Errorf("no error for step %q", s.text)
		case !strings.HasPrefix(err.Error(), s.text) || code(err) != s.code:
			t.Errorf("error %q has code %s, want %q and %s", err, code(err), s.text, s.code)
		}
	}
	if got := code(errors.New("something new")); got != fault.Malformed {
		t.Errorf("code of an unknown error = %s, want %s", got, fault.Malformed)
	}
	if got := trim(errors.New("failed to verify log\n\t inclusion")).Error(); got != "verifying log inclusion" {
		t.Errorf("phrase = %q", got)
	}
}

// ask returns sigstore-go's own error, before it gets a code.
func ask(t *testing.T, v *Verifier, raw []byte) error {
	t.Helper()
	b := must(ParseBundle(raw))
	checker := must(verify.NewVerifier(v.material, must(v.options(b.entity))...))
	_, err := checker.Verify(b.entity, verify.NewPolicy(verify.WithoutArtifactUnsafe(), v.signerPolicy()))
	return err
}

func unlogged(t *testing.T, f *forge, o order) error {
	return ask(t, verifier(t, f.trust(), Unlogged), o.make().json())
}

func expiredKey(t *testing.T, f *forge) error {
	t.Helper()
	key := newECKey()
	raw := keyFile(key.Public())
	v := must(NewKeyVerifier(must(ParseTrustedRoot(rootFile(f.trust()))), raw, Requirements{Logs: 1}))
	check := must(signature.LoadDefaultVerifier(key.Public()))
	v.material = expired{v.material, check}
	b := f.keyed(key)
	return ask(t, v, b.with(stamps(f.tsa.stamp(stampRequest{over: b.sig, at: forgedAt}))).json())
}

// expired is trusted material whose only key is no longer valid.
type expired struct {
	root.TrustedMaterial
	check signature.Verifier
}

func (e expired) PublicKeyVerifier(string) (root.TimeConstrainedVerifier, error) {
	return root.NewExpiringKey(e.check, forgedAt.Add(-2*time.Hour), forgedAt.Add(-time.Hour)), nil
}

// A reason is one line, whatever sigstore-go puts into its errors.
func TestRejection_is_one_line(t *testing.T) {
	f := newForge()
	_, err := judge(verifier(t, f.trust(), Transparent), f.control().make().with(func(b *protobundle.Bundle) {
		b.VerificationMaterial.TlogEntries[0].InclusionProof.Hashes[0][0] ^= 1
	}).json())
	if err == nil || strings.ContainsAny(err.Error(), "\n\r\t") || strings.Contains(err.Error(), "failed to") {
		t.Errorf("reason = %q, want one line in our words", err)
	}
}

// The bundles' certificates are shared between verifiers.
func TestVerifier_is_safe_for_concurrent_use(t *testing.T) {
	f := newForge()
	b := must(ParseBundle(f.control().make().json()))
	v := verifier(t, f.trust(), Transparent)
	errs := make(chan error)
	for range 8 {
		go func() {
			_, err := v.verifyFor(b, Artifact{Digest: digestOf(artifact)})
			errs <- err
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if leaf := b.entity.content.Certificate(); len(leaf.UnhandledCriticalExtensions) > 0 || leaf.PublicKeyAlgorithm != x509.ECDSA {
		t.Errorf("certificate = %v", leaf.UnhandledCriticalExtensions)
	}
}
