package sigstore

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/transparency-dev/merkle/proof"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Where sigstore-go's errors have no type, what is wrong is told by their texts. Here the library is asked itself, about
// one bundle for every text, so that a version with another text is seen.
func TestCodes(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Interoperable)
	file := f.control1(media2)
	file.payload = nil
	dsse, blob, second := f.control1(media2).make(), file.make(), f.control().make()
	logs := func(b forged, l logBody) forged {
		return b.with(func(b *protobundle.Bundle) {
			b.VerificationMaterial.TlogEntries = []*protorekor.TransparencyLogEntry{f.rekor1.entry(l, forgedAt)}
		})
	}
	other := func(b forged, change func(*logged)) logged { l := b.logged; change(&l); return l }
	another := f.control1(media2).make()
	checkpointed := func(b forged, change func(string) string) forged {
		return b.with(func(b *protobundle.Bundle) {
			c := b.VerificationMaterial.TlogEntries[0].InclusionProof.Checkpoint
			c.Envelope = change(c.Envelope)
		})
	}
	broken := func(s string) string {
		at := len(s) - 8 // in the last signature
		return s[:at] + string(rotate(s[at])) + s[at+1:]
	}
	entry := f.rekor1.sign(checkpoint{origin: f.rekor1.origin, size: "2", root: base64.StdEncoding.EncodeToString(make([]byte, 32))})
	examples := map[string]forged{
		"duplicate tlog entries found": dsse.with(func(b *protobundle.Bundle) {
			m := b.VerificationMaterial
			m.TlogEntries = append(m.TlogEntries, m.TlogEntries[0])
		}),
		"transparency log signature does not match":       logs(dsse, other(dsse, func(l *logged) { l.sig = another.sig }).dsse1()),
		"transparency log certificate does not match":     logs(dsse, other(dsse, func(l *logged) { l.leaf = another.leaf }).dsse1()),
		"does not match envelope payload hash":            logs(dsse, other(dsse, func(l *logged) { l.payload = []byte("{}") }).dsse1()),
		"does not match artifact":                         logs(blob, other(blob, func(l *logged) { l.digest = make([]byte, 32) }).hashedrekord1()),
		"transparency log rekor v1 entry is not":          logs(dsse, dsse.hashedrekord1()),
		"transparency log entry is not a hashedrekord":    logs(blob, blob.dsse1()),
		"signature on checkpoint did not verify":          checkpointed(dsse, broken),
		"unverified checkpoint signature":                 checkpointed(second, broken),
		"unmarshalling log entry checkpoint":              checkpointed(dsse, func(s string) string { return s[:strings.Index(s, "\n\n")+2] + "no signature\n" }),
		"proof root hash does not match signed tree head": checkpointed(dsse, func(string) string { return entry.String() }),
		"not enough verified log entries": dsse.with(func(b *protobundle.Bundle) {
			b.VerificationMaterial.TlogEntries[0].InclusionPromise.SignedEntryTimestamp[10] ^= 1
		}),
	}
	for _, x := range entryTexts {
		b, ok := examples[x.text]
		if !ok {
			t.Errorf("no example of %q", x.text)
			continue
		}
		_, err := verify.VerifyTlogEntry(must(ParseBundle(b.json())).entity, v.material, 1, true)
		holdsText(t, err, x.text)
		var r *Rejection
		if _, err := judge(v, b.json()); !errors.As(err, &r) || r.Code != fault.TLog || r.Error() != x.means {
			t.Errorf("%q is told as %v, want %q", x.text, err, x.means)
		}
	}
	late := f.control1(media2)
	late.loggedAt = forgedAt.Add(time.Hour)
	_, err := verify.VerifyTlogEntry(must(ParseBundle(late.make().json())).entity, v.material, 1, true)
	holdsText(t, err, textLate)

	tsa := v.material.TimestampingAuthorities()[0].(*root.SigstoreTimestampingAuthority)
	for i, s := range []*authority{f.tsaRoot.issue(stampTemplate(false, usageStamping)), f.tsaRoot.issue(stampTemplate(true, usageStamping, usageUnknown))} {
		any := *tsa
		any.Leaf = nil
		_, err := any.Verify(s.stamp(stampRequest{over: second.sig, at: forgedAt, embeds: true}), second.sig)
		holdsText(t, err, stampingTexts[i])
	}
	_, err = verify.VerifyTlogEntry(must(ParseBundle(second.with(func(b *protobundle.Bundle) {
		b.VerificationMaterial.TlogEntries[0].InclusionProof.Hashes[0][0] ^= 1
	}).json())).entity, v.material, 1, true)
	var mismatch proof.RootMismatchError
	if !errors.As(err, &mismatch) {
		t.Errorf("a broken proof is told as %T, want a type of its own", err)
	}
}

// rotate returns another character of base64.
func rotate(c byte) byte {
	if c == 'A' {
		return 'B'
	}
	return 'A'
}

func holdsText(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("the library says %q, want %q in it", err, text)
	}
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
