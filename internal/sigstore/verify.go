package sigstore

import (
	"crypto"
	"encoding/hex"
	"slices"
	"time"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Verified is the proof that a bundle verifies under one trusted root: its
// signature, its log entries, its time and its signer. Only a Verifier fills
// one; the zero Verified proves nothing and is about nothing.
type Verified struct {
	signer    statement.Signer
	keyed     bool
	statement statement.Statement
	hasStmt   bool
	file      subject.Digest // what a signature without a statement is over
	content   subject.Digest
	times     []time.Time
	trust     subject.Digest
	issued    time.Time
	promised  bool
	logged    bool
	brought   bool
}

// Signer returns who signed. It is the zero Signer if a key signed.
func (v Verified) Signer() statement.Signer { return v.signer }

// Keyed reports whether a key signed, and nobody's identity is known.
func (v Verified) Keyed() bool { return v.keyed }

// Statement returns the signed statement, and false if a file was signed
// directly.
func (v Verified) Statement() (statement.Statement, bool) { return v.statement, v.hasStmt }

// ContentDigest returns the digest of the signed payload.
func (v Verified) ContentDigest() subject.Digest { return v.content }

// TrustedRoot returns the digest of the trusted root under which v holds.
func (v Verified) TrustedRoot() subject.Digest { return v.trust }

// Log says how a transparency log vouches for the signature.
func (v Verified) Log() statement.Log {
	switch {
	case !v.logged:
		return statement.LogNone
	case v.promised:
		return statement.LogPromise
	default:
		return statement.LogProof
	}
}

// Intermediates reports whether the certificate leads to the trusted root only by way of certificates that the bundle
// brings (Requirements.Intermediates).
func (v Verified) Intermediates() bool { return v.brought }

// Time returns the earliest verified time of signing: freshness counts from
// the first witness, so that a late countersignature makes nothing younger. It
// is the zero time if a key signed and no time was needed.
func (v Verified) Time() time.Time {
	if len(v.times) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(v.times, time.Time.Compare)
}

// Issued returns when the certificate of the signer began, which its authority has signed. Unlike Time it is of the
// signature alone: somebody who holds a bundle can have a witness see it again. It is the zero time if a key signed.
func (v Verified) Issued() time.Time { return v.issued }

// Subjects returns what was signed for: the subjects of the statement, or the
// one file that was signed directly, which has no name.
func (v Verified) Subjects() []statement.Descriptor {
	switch {
	case v.hasStmt:
		return v.statement.Subject
	case v.content != (subject.Digest{}):
		return []statement.Descriptor{{Digest: map[string]string{v.file.Algorithm().String(): v.file.Hex()}}}
	default:
		return nil
	}
}

// Covers reports whether d, by its own algorithm, is among what was signed for.
// Whoever holds the bytes also has to hold the subject's other digests against
// them (statement.Descriptor.Fits).
func (v Verified) Covers(d subject.Digest) bool {
	return slices.ContainsFunc(v.Subjects(), func(s statement.Descriptor) bool { return slices.Contains(s.Digests(), d) })
}

// A Verifier verifies bundles under one trusted root. It is safe for
// concurrent use.
type Verifier struct {
	root     *TrustedRoot
	material root.TrustedMaterial
	anchors  []anchor // certificate authorities of the root
	require  Requirements
	keyed    bool
	key      crypto.PublicKey // that signed, if keyed
	memory   *memory          // nil: everything is verified anew
}

// NewVerifier returns a verifier that trusts r and demands require.
func NewVerifier(r *TrustedRoot, require Requirements) (*Verifier, error) {
	if r == nil {
		return nil, rootFault("no trusted root was chosen")
	}
	if !require.Timed {
		return nil, fault.New(fault.Internal, fault.InternalError, "", "a verifier of certificates needs a time to be required")
	}
	return &Verifier{root: r, material: r.material, anchors: r.anchors(), require: require}, nil
}

// Keyed reports whether v verifies what a key signed, and nothing else.
func (v *Verifier) Keyed() bool { return v.keyed }

// Verify proves b, or says why not. It neither knows nor asks which artifact b
// is about: Verified.Subjects says it. A bundle that does not verify is a
// *Rejection; every other error is a fault.
//
// The steps are those of the Sigstore client specification ("Verification"), in
// another order: what costs little and tells strangers comes first. A signature
// that does not hold is no reason to look at logs, and of a certificate of
// another instance, nothing else would say what is wrong.
func (v *Verifier) Verify(b Bundle) (_ Verified, err error) {
	defer fault.Recover(&err, "verifying bundle")
	if b.entity == nil {
		return Verified{}, reject(fault.Malformed, "no bundle")
	}
	if x, is := v.memory.find(b); is {
		return x, nil
	}
	x, err := v.verify(b)
	if err == nil {
		v.memory.keep(b, x)
	}
	return x, err
}

func (v *Verifier) verify(b Bundle) (Verified, error) {
	e := b.entity
	key, err := v.signingKey(e)
	if err != nil {
		return Verified{}, err
	}
	how, err := checkSignature(key, e)
	if err != nil {
		return Verified{}, v.unsigned(err)
	}
	var p path
	if !v.keyed {
		if p, err = v.path(e); err != nil {
			return Verified{}, err
		}
	}
	promised, err := v.logged(e, how)
	if err != nil {
		return Verified{}, err
	}
	times, err := v.timed(e, promised)
	if err != nil {
		return Verified{}, err
	}
	if !v.keyed {
		if p, err = v.during(p, times); err != nil {
			return Verified{}, err
		}
		if err := v.checkSCTs(p); err != nil {
			return Verified{}, err
		}
	}
	if err := v.checkLogValidity(e, times); err != nil {
		return Verified{}, err
	}
	return v.proof(b, p, times)
}

// signingKey returns the key that has to have signed e: that of its certificate,
// or the one that v was made for.
func (v *Verifier) signingKey(e *entity) (crypto.PublicKey, error) {
	leaf := e.content.Certificate()
	switch {
	case v.keyed && leaf != nil:
		return nil, reject(fault.Identity, "bundle is signed with a certificate, want a key")
	case v.keyed:
		return v.key, nil
	case leaf == nil:
		return nil, reject(fault.Identity, "bundle is signed with a key, want a certificate")
	}
	return leaf.PublicKey, checkLeaf(leaf)
}

// proof makes a Verified of a bundle that has passed every check but that of
// its signer's name.
func (v *Verifier) proof(b Bundle, p path, times []time.Time) (Verified, error) {
	out := Verified{keyed: v.keyed, content: b.ContentDigest(), trust: v.root.digest, logged: v.require.Logs > 0,
		promised: b.entity.onlyPromised(), brought: p.brought, times: times}
	var err error
	if env := b.entity.envelope; env != nil {
		out.statement, out.hasStmt = env.statement, true
	} else if out.file, err = signedDigest(b.entity.signature.MessageSignatureContent()); err != nil {
		return Verified{}, err
	}
	if v.keyed {
		return out, nil
	}
	out.issued = p.leaf.NotBefore
	out.signer, err = readSigner(p.leaf)
	if err != nil {
		return Verified{}, err
	}
	return out, nil
}

// signedDigest reads the digest that a signature without a statement is over.
func signedDigest(m verify.MessageSignatureContent) (subject.Digest, error) {
	for _, a := range subject.Algorithms {
		if m.DigestAlgorithm() == hashNames[a] {
			d, err := subject.ParseAnyDigest(a.String() + ":" + hex.EncodeToString(m.Digest()))
			if err != nil {
				return d, reject(fault.SubjectMismatch, "the signed digest: %w", err)
			}
			return d, nil
		}
	}
	return subject.Digest{}, reject(fault.SubjectMismatch, "signature is over a digest of algorithm %.200q, want SHA2_256, SHA2_384 or SHA2_512", m.DigestAlgorithm())
}

// hashNames are the names of subject.Algorithms in a bundle (protobuf-specs,
// HashAlgorithm).
var hashNames = map[subject.Algorithm]string{
	subject.AlgSHA256: protocommon.HashAlgorithm_SHA2_256.String(),
	subject.AlgSHA384: protocommon.HashAlgorithm_SHA2_384.String(),
	subject.AlgSHA512: protocommon.HashAlgorithm_SHA2_512.String(),
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
