package sigstore

import (
	"encoding/hex"
	"fmt"
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
	promised  bool
	logged    bool
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

// Time returns the earliest verified time of signing: freshness counts from
// the first witness, so that a late countersignature makes nothing younger. It
// is the zero time if a key signed and no time was needed.
func (v Verified) Time() time.Time {
	if len(v.times) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(v.times, time.Time.Compare)
}

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
	require  Requirements
	keyed    bool
}

// NewVerifier returns a verifier that trusts r and demands require.
func NewVerifier(r *TrustedRoot, require Requirements) (*Verifier, error) {
	if r == nil {
		return nil, rootFault("no trusted root was chosen")
	}
	if !require.Timed {
		return nil, fault.New(fault.Internal, fault.InternalError, "", "a verifier of certificates needs a time to be required")
	}
	return &Verifier{root: r, material: r.material, require: require}, nil
}

// Keyed reports whether v verifies what a key signed, and nothing else.
func (v *Verifier) Keyed() bool { return v.keyed }

// options chooses sigstore-go's checks for one bundle. Every kind of time that
// the bundle brings has to verify: a good one does not excuse a bad one.
func (v *Verifier) options(e *entity) ([]verify.VerifierOption, error) {
	var o []verify.VerifierOption
	if v.require.SCTs > 0 {
		o = append(o, verify.WithSignedCertificateTimestamps(v.require.SCTs))
	}
	if v.require.Logs > 0 {
		o = append(o, verify.WithTransparencyLog(v.require.Logs))
	}
	stamps, err := e.Timestamps()
	if err != nil {
		return nil, reject(fault.Time, "reading timestamps: %w", err)
	}
	signed := len(stamps) > 0 && len(v.material.TimestampingAuthorities()) > 0
	promised := v.require.Logs > 0 && e.HasInclusionPromise()
	if signed || v.require.Timestamps > 0 {
		o = append(o, verify.WithSignedTimestamps(max(1, v.require.Timestamps)))
	}
	if promised {
		o = append(o, verify.WithIntegratedTimestamps(1))
	}
	if signed || promised || v.require.Timestamps > 0 {
		return o, nil
	}
	if v.require.Timed {
		return nil, reject(fault.Time, "bundle carries no time that the trusted root can vouch for")
	}
	return append(o, verify.WithNoObserverTimestamps()), nil
}

// Verify proves b, or says why not. It neither knows nor asks which artifact b
// is about: Verified.Subjects says it. A bundle that does not verify is a
// *Rejection; every other error is a fault.
func (v *Verifier) Verify(b Bundle) (_ Verified, err error) {
	defer fault.Recover(&err, "verifying bundle")
	if b.entity == nil {
		return Verified{}, reject(fault.Malformed, "no bundle")
	}
	if err := v.before(b.entity); err != nil {
		return Verified{}, err
	}
	what, err := whatIsSigned(b.entity)
	if err != nil {
		return Verified{}, err
	}
	options, err := v.options(b.entity)
	if err != nil {
		return Verified{}, err
	}
	checker, err := verify.NewVerifier(v.material, options...)
	if err != nil {
		return Verified{}, fault.New(fault.Internal, fault.InternalError, "", "preparing verification: %w", err)
	}
	res, err := checker.Verify(b.entity, verify.NewPolicy(what, v.signerPolicy()))
	if err != nil {
		return Verified{}, v.rejection(b.entity, err)
	}
	return v.proof(b, res)
}

// whatIsSigned tells sigstore-go what the signature is over. Of a statement,
// which was parsed once and strictly, the caller compares the digests; for a
// signature without a statement the bundle says the digest, the signature holds
// for that digest alone, and the caller compares it in the same way.
func whatIsSigned(e *entity) (verify.ArtifactPolicyOption, error) {
	if e.envelope != nil {
		return verify.WithoutArtifactUnsafe(), nil
	}
	d, err := signedDigest(e.signature.MessageSignatureContent())
	if err != nil {
		return nil, err
	}
	return verify.WithArtifactDigest(d.Algorithm().String(), d.Bytes()), nil
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

// before makes the checks that sigstore-go leaves to its caller and that cost
// less than a signature.
func (v *Verifier) before(e *entity) error {
	leaf := e.content.Certificate()
	switch {
	case v.keyed && leaf != nil:
		return reject(fault.Identity, "bundle is signed with a certificate, want a key")
	case !v.keyed && leaf == nil:
		return reject(fault.Identity, "bundle is signed with a key, want a certificate")
	case !v.keyed:
		if err := checkLeaf(leaf); err != nil {
			return err
		}
		if err := v.checkChain(e); err != nil {
			return err
		}
	}
	if !v.require.Proofs {
		return nil
	}
	for _, t := range e.entries {
		if !t.HasInclusionProof() {
			return &Rejection{Code: fault.TLog, Hint: "attest it again with a client that keeps the proof; to accept the log's promise, say log: promise (in a policy's trust, or --log promise)",
				Err: fmt.Errorf("log entry %d has the log's promise and no inclusion proof", t.LogIndex())}
		}
	}
	return nil
}

func (v *Verifier) signerPolicy() verify.PolicyOption {
	if v.keyed {
		return verify.WithKey()
	}
	// Whose certificate is acceptable is the policy's question; here it is only
	// established whose it is. Package policy cannot be handed a fact without
	// asking it.
	return verify.WithoutIdentitiesUnsafe()
}

// proof makes a Verified from what sigstore-go has verified, after the checks
// that need verified times.
func (v *Verifier) proof(b Bundle, res *verify.VerificationResult) (Verified, error) {
	out := Verified{keyed: v.keyed, content: b.ContentDigest(), trust: v.root.digest, logged: v.require.Logs > 0, promised: b.entity.onlyPromised()}
	for _, t := range res.VerifiedTimestamps {
		out.times = append(out.times, t.Timestamp.UTC())
	}
	if err := v.checkTimes(b.entity, out.times); err != nil {
		return Verified{}, err
	}
	var err error
	if env := b.entity.envelope; env != nil {
		out.statement, out.hasStmt = env.statement, true
	} else if out.file, err = signedDigest(b.entity.signature.MessageSignatureContent()); err != nil {
		return Verified{}, err
	}
	if v.keyed {
		return out, nil
	}
	out.signer, err = readSigner(b.entity.content.Certificate())
	if err != nil {
		return Verified{}, err
	}
	return out, nil
}

// checkTimes holds the genuine times that sigstore-go did not need against the
// certificate's path, as sigstore-go did the others: one outside is enough to
// refuse (Sigstore client specification, "Establishing a Time for the
// Signature").
func (v *Verifier) checkTimes(e *entity, times []time.Time) error {
	leaf := e.content.Certificate()
	if leaf == nil {
		return v.checkLogValidity(e, times)
	}
	for _, t := range v.furtherTimes(e) {
		if _, err := verify.VerifyLeafCertificate(t, leaf, v.material); err != nil {
			return v.chainRejection(e, err)
		}
	}
	return v.checkLogValidity(e, times)
}

// furtherTimes returns the times of the bundle's genuine timestamps, if there
// are several: sigstore-go uses one of each authority and passes over the rest.
func (v *Verifier) furtherTimes(e *entity) []time.Time {
	stamps, err := e.Timestamps()
	if err != nil || len(stamps) < 2 {
		return nil
	}
	return v.stampTimes(e, stamps)
}

func (v *Verifier) stampTimes(e *entity, stamps [][]byte) (out []time.Time) {
	for _, s := range stamps {
		for _, tsa := range v.material.TimestampingAuthorities() {
			if t, err := tsa.Verify(s, e.signature.Signature()); err == nil {
				out = append(out, t.Time.UTC())
			}
		}
	}
	return out
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
