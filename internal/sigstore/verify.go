package sigstore

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Verified is the proof that a bundle verifies: its signature, its log
// entries, its time and its signer under one trusted root, for at least one of
// the artifacts that were asked about. Only a Verifier fills one; the zero
// Verified proves nothing and covers nothing.
type Verified struct {
	signer    statement.Signer
	keyed     bool
	statement statement.Statement
	hasStmt   bool
	content   subject.Digest
	subjects  map[subject.Digest]struct{}
	times     []time.Time
	trust     subject.Digest
}

// Covers reports whether d is one of the artifacts that were signed for.
func (v Verified) Covers(d subject.Digest) bool {
	_, ok := v.subjects[d]
	return ok
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

// Time returns the earliest verified time of signing: freshness counts from
// the first witness, so that a late countersignature makes nothing younger. It
// is the zero time if a key signed and no time was needed.
func (v Verified) Time() time.Time {
	if len(v.times) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(v.times, time.Time.Compare)
}

// TrustedRoot returns the digest of the trusted root under which v holds.
func (v Verified) TrustedRoot() subject.Digest { return v.trust }

// An Artifact is what a bundle has to be about. Open is needed only for
// bundles that sign another digest than SHA-256, and may be nil.
type Artifact struct {
	Digest subject.Digest
	Open   func() (io.ReadCloser, error)
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

// Verify proves b, or says why not. artifacts are the things b may be about; b
// has to cover at least one of them. A bundle that does not verify is a
// *Rejection; every other error is a fault.
func (v *Verifier) Verify(b Bundle, artifacts ...Artifact) (_ Verified, err error) {
	defer fault.Recover(&err, "verifying bundle")
	if b.entity == nil {
		return Verified{}, reject(fault.Malformed, "no bundle")
	}
	if len(artifacts) == 0 {
		return Verified{}, fault.New(fault.Internal, fault.InternalError, "", "verifying bundle: no artifact to verify it for")
	}
	if err := v.before(b.entity); err != nil {
		return Verified{}, err
	}
	artifact, err := v.artifactPolicy(b.entity, artifacts)
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
	res, err := checker.Verify(b.entity, verify.NewPolicy(artifact.option, v.signerPolicy()))
	if err != nil {
		return Verified{}, v.rejection(b.entity, err)
	}
	return v.proof(b, res, artifact.subjects)
}

// before makes the checks that sigstore-go leaves to its caller and that cost
// less than a signature.
func (v *Verifier) before(e *entity) error {
	leaf := e.content.Certificate()
	if v.keyed {
		if leaf != nil {
			return reject(fault.Identity, "bundle is signed with a certificate, want a key")
		}
		return nil
	}
	if leaf == nil {
		return reject(fault.Identity, "bundle is signed with a key, want a certificate")
	}
	if err := checkLeaf(leaf); err != nil {
		return err
	}
	if err := v.checkChain(e); err != nil {
		return err
	}
	if !v.require.Proofs {
		return nil
	}
	for _, t := range e.entries {
		if !t.HasInclusionProof() {
			return reject(fault.TLog, "log entry %d has no inclusion proof", t.LogIndex())
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

type coverage struct {
	option   verify.ArtifactPolicyOption
	subjects map[subject.Digest]struct{}
}

// artifactPolicy finds out which artifacts b covers. The statement was parsed
// once, strictly; handing the digests to sigstore-go would parse it again,
// loosely, so its artifact check is made here and Verify fails without a match.
func (v *Verifier) artifactPolicy(e *entity, artifacts []Artifact) (coverage, error) {
	if e.envelope == nil {
		return fileCoverage(e, artifacts)
	}
	set := map[subject.Digest]struct{}{}
	for _, a := range artifacts {
		ok := e.envelope.names(a.Digest)
		if !ok {
			var err error
			if ok, err = otherDigest(e.envelope.statement, a); err != nil {
				return coverage{}, err
			}
		}
		if ok {
			set[a.Digest] = struct{}{}
		}
	}
	if len(set) == 0 {
		return coverage{}, reject(fault.SubjectMismatch, "evidence is about %s, not about %s", names(e.envelope.statement), artifacts[0].Digest)
	}
	maps.Copy(set, e.envelope.digests)
	return coverage{verify.WithoutArtifactUnsafe(), set}, nil
}

// fileCoverage is for signatures over a file's digest, without a statement.
// They cover exactly one artifact.
func fileCoverage(e *entity, artifacts []Artifact) (coverage, error) {
	m := e.signature.MessageSignatureContent()
	for _, a := range artifacts {
		set := map[subject.Digest]struct{}{a.Digest: {}}
		if m.DigestAlgorithm() == protocommon.HashAlgorithm_SHA2_256.String() {
			if hex.EncodeToString(m.Digest()) == a.Digest.Hex() {
				return coverage{verify.WithArtifactDigest("sha256", a.Digest[:]), set}, nil
			}
			continue
		}
		if a.Open == nil {
			continue
		}
		sum, err := sameFile(a, crypto.SHA384, crypto.SHA512)
		if err != nil {
			return coverage{}, err
		}
		for i, name := range []protocommon.HashAlgorithm{protocommon.HashAlgorithm_SHA2_384, protocommon.HashAlgorithm_SHA2_512} {
			if m.DigestAlgorithm() == name.String() && bytes.Equal(sum[i], m.Digest()) {
				return coverage{verify.WithArtifactDigest(strings.ToLower(name.String()), sum[i]), set}, nil
			}
		}
	}
	return coverage{}, reject(fault.SubjectMismatch, "signature is over another file than %s", artifacts[0].Digest)
}

// otherDigest looks for a in a statement that names no SHA-256 digest, as
// package registries do. The file is read once more, and must still have the
// digest it was asked about with.
func otherDigest(s statement.Statement, a Artifact) (bool, error) {
	if a.Open == nil || !slices.ContainsFunc(s.Subject, onlyLonger) {
		return false, nil
	}
	sum, err := sameFile(a, crypto.SHA384, crypto.SHA512)
	if err != nil {
		return false, err
	}
	for _, d := range s.Subject {
		if onlyLonger(d) && (d.Digest["sha384"] == hex.EncodeToString(sum[0]) || d.Digest["sha512"] == hex.EncodeToString(sum[1])) {
			return true, nil
		}
	}
	return false, nil
}

func onlyLonger(d statement.Descriptor) bool {
	return d.Digest["sha256"] == "" && (d.Digest["sha384"] != "" || d.Digest["sha512"] != "")
}

// sameFile returns the digests of a's bytes under the given hashes, in order,
// read in one pass that also proves that they are a's bytes.
func sameFile(a Artifact, hashes ...crypto.Hash) ([][]byte, error) {
	r, err := a.Open()
	if err != nil {
		return nil, fault.New(fault.Refused, fault.TOCTOU, "", "reading artifact again: %w", err)
	}
	defer r.Close()
	first := sha256.New()
	w := []io.Writer{first}
	sums := make([]interface{ Sum([]byte) []byte }, len(hashes))
	for i, h := range hashes {
		x := h.New()
		sums[i], w = x, append(w, x)
	}
	if _, err := io.Copy(io.MultiWriter(w...), r); err != nil {
		return nil, fault.New(fault.Refused, fault.TOCTOU, "", "reading artifact again: %w", err)
	}
	if subject.Digest(first.Sum(nil)) != a.Digest {
		return nil, fault.New(fault.Refused, fault.TOCTOU, "", "artifact %s changed while it was verified", a.Digest)
	}
	out := make([][]byte, len(sums))
	for i, s := range sums {
		out[i] = s.Sum(nil)
	}
	return out, nil
}

func names(s statement.Statement) string {
	d := s.Subject[0]
	label := d.Digest["sha256"]
	if label == "" {
		label = d.Name
	}
	if len(s.Subject) == 1 {
		return label
	}
	return label + " and others"
}

// proof makes a Verified from what sigstore-go has verified, after the checks
// that need verified times.
func (v *Verifier) proof(b Bundle, res *verify.VerificationResult, subjects map[subject.Digest]struct{}) (Verified, error) {
	out := Verified{keyed: v.keyed, content: b.ContentDigest(), subjects: subjects, trust: v.root.digest}
	for _, t := range res.VerifiedTimestamps {
		out.times = append(out.times, t.Timestamp.UTC())
	}
	if err := v.checkTimes(b.entity, out.times); err != nil {
		return Verified{}, err
	}
	if env := b.entity.envelope; env != nil {
		out.statement, out.hasStmt = env.statement, true
	}
	if v.keyed {
		return out, nil
	}
	var err error
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
