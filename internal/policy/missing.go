package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

func missing(in Input, a Artifact, q Requirement, c Candidate, others []string) verdict.Finding {
	if k, ok := q.Kind.(reports); ok && len(others) > 0 {
		f := deny(fault.EvidenceMissing, q.Name, q.Line, "no signer that the policy names has attested it", q.Kind.title(),
			fmt.Sprintf("attest it for this artifact, with type: %s of attest, in %s", k.reads(), q.reporterNames(a)))
		f.Found = strings.Join(others, ", ")
		return f
	}
	if k, ok := q.Kind.(made); ok && len(others) > 0 {
		reason, hint := k.lacking(q.signerNames(a))
		f := deny(fault.EvidenceMissing, q.Name, q.Line, reason, q.Kind.title(), hint)
		f.Found = strings.Join(others, ", ")
		return f
	}
	if len(others) > 0 {
		hint := "attest it in the build job with that predicate type"
		if env := in.requiring(others); env != "" {
			hint = "judge the evidence that an environment requires: --for " + env
		}
		f := deny(fault.Predicate, q.Name, q.Line, "the evidence is of another kind", q.Kind.title(), hint)
		f.Found = strings.Join(others, ", ")
		return f
	}
	for _, r := range c.Rejections {
		// A stranger's bundle is as genuine as any, and names what they like.
		if r.Attested != nil && slices.ContainsFunc(a.BuiltBy, func(b Builder) bool { return builtBy(b, r.Signer) == nil }) {
			f := deny(fault.SubjectMismatch, q.Name, q.Line, "this is not the artifact that was attested under its name", r.Attested.String(), "deploy the artifact that was built, or attest this one in the workflow that builds it")
			f.Found = c.Subject.Digest.String()
			return f
		}
	}
	f := deny(fault.EvidenceMissing, q.Name, q.Line, "no verified evidence is about "+c.Subject.Digest.String(), q.Kind.title(), "")
	f.Found, f.Hint = unproven(a, q, c)
	return f
}

// made is a kind of evidence that a command of ours makes.
type made interface {
	// lacking says that there is none, and how it is made by those who may sign it.
	lacking(signers string) (reason, hint string)
}

// unproven says what is there instead of evidence, and the next step. A bundle
// that does not verify says more than one about another artifact: somebody has
// attested this one, and has to be told what is wrong with that.
func unproven(a Artifact, q Requirement, c Candidate) (found, hint string) {
	signer := q.signerNames(a)
	all := c.Rejections
	first := slices.IndexFunc(all, func(r Rejection) bool { return r.Code != fault.SubjectMismatch || r.Via != nil })
	switch {
	case first >= 0:
		found = fmt.Sprintf("%d bundles that prove nothing, first: ", len(all)+c.More)
		if len(all)+c.More == 1 {
			found = "1 bundle that proves nothing: "
		}
		r := all[first]
		if hint = r.Hint; hint == "" {
			hint = again(r.Code, a.Trust) + signer
		}
		return found + string(r.Code) + " " + r.Reason, hint
	case c.Strangers.Count > 0:
		found = c.Strangers.String()
		return found, "attest it in the workflow that builds it: " + signer
	case len(all) == 0:
		return "nothing", "attest it in the workflow that builds it: " + signer
	case all[0].Hint != "":
		return all[0].Reason, all[0].Hint
	default:
		return "evidence about another artifact only", "attest this one in the workflow that builds it: " + signer
	}
}

// again says how to make evidence that verifies out of evidence that does not.
func again(code fault.Code, t Trust) string {
	switch code {
	case fault.TLog, fault.SCT, fault.Chain, fault.Time, fault.TrustRoot:
		return "attest it again with the Sigstore instance that trust names (" + t.String() + "), in "
	default:
		return "that bundle is of no use; attest it again in "
	}
}
