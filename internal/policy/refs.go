package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Known is the platform's answer to a question of yes or no. Its zero is that
// there was none, which never counts as yes.
type Known int

// The answers.
const (
	Unanswered Known = iota
	No
	Yes
)

// KnownAs is the answer that b is.
func KnownAs(b bool) Known {
	if b {
		return Yes
	}
	return No
}

// RefQuery asks a door about the ref and the branch that a build is of: whether
// somebody other than the one who pushes decides what comes onto them.
type RefQuery struct {
	Repository string `json:"repository"` // address, as in a certificate
	ID         string `json:"id"`         // the repository's number
	Ref        string `json:"ref"`        // that was built on, fully qualified
	Head       string `json:"head"`       // the commit; "" where no branch is asked for
	Branch     string `json:"branch"`     // name of the branch that Head has to be on, or a pattern; "": none, but for a tag without a rule the default branch
	Open       bool   `json:"open"`       // the plan protects no refs: whether Head is on Branch is all that is asked
}

// Pattern reports whether Branch names several branches.
func (q RefQuery) Pattern() bool { return subject.Literal(q.Branch) != q.Branch }

// Ref is the platform's word about a RefQuery. What was not asked, or not
// answered, is Unanswered.
type Ref struct {
	Query     RefQuery `json:"query"`
	Protected Known    `json:"protected"` // the ref is protected: a branch by a rule, a tag by a rule about who makes it
	Branch    string   `json:"branch"`    // that Head was looked for on; the pattern where none of it has Head
	On        Known    `json:"on"`        // Head is on Branch now
	Kept      Known    `json:"kept"`      // Branch is protected
	Why       string   `json:"why"`       // why something is Unanswered, in words
	Need      string   `json:"need"`      // the permission that is missing, as a next step, or empty
}

// OnProtected reports whether the commit is on a protected branch.
func (s Ref) OnProtected() bool { return s.On == Yes && (s.Kept == Yes || s.Query.Open) }

// refQuery returns what has to be asked about s as b's; ok is false where the
// policy says that nothing is.
func (b Builder) refQuery(s statement.Signer) (q RefQuery, ok bool) {
	if b.RefUnchecked || b.RefOpen && b.Branch == "" {
		return q, false
	}
	q = RefQuery{Repository: s.Repository, ID: s.RepositoryID, Ref: s.Ref, Head: s.Commit, Branch: b.Branch,
		Open: b.RefOpen}
	if b.Branch == "" && !strings.HasPrefix(s.Ref, "refs/tags/") {
		q.Head = ""
	}
	return q, true
}

func (q *asking) ref(b Builder, s statement.Signer) {
	if x, ok := b.refQuery(s); ok {
		q.add(x)
	}
}

// checkRef wants what b built to come from a ref that is protected, and from the
// branch that the policy names. A tag without a rule of its own is as good as
// the branch that has its commit. Without an environment the platform was not asked.
func checkRef(in Input, b Builder, f Fact) *miss {
	q, asked := b.refQuery(f.Signer)
	if in.Environment == "" || !asked {
		return nil
	}
	s := Ref{Query: q}
	for _, x := range in.Refs {
		if x.Query == q {
			s = x
		}
	}
	m := s.offBranch()
	if m == nil {
		m = s.unprotected()
	}
	if m != nil {
		m.stage, m.code, m.line = atRef, fault.Source, b.Line
	}
	return m
}

// offBranch says why the commit is not on the branch that the policy names, or
// why that branch keeps nobody out; or nil.
func (s Ref) offBranch() *miss {
	q := s.Query
	switch {
	case q.Branch == "" || s.OnProtected():
		return nil
	case s.On == No && q.Pattern():
		return &miss{reason: fmt.Sprintf("commit %s is on no branch of %q now", short(q.Head), q.Branch),
			wanted: "a commit of one of them", hint: "build a commit that is on such a branch"}
	case s.On == No:
		return &miss{reason: fmt.Sprintf("commit %s is not on branch %q now", short(q.Head), s.Branch),
			wanted: "a commit of that branch", hint: "build a commit that is on it"}
	case s.On == Yes && s.Kept == No:
		return open("branch "+s.Branch, "anybody who may write may push to it")
	default:
		return s.unanswered(fmt.Sprintf("the platform did not say whether commit %s is on a protected branch %q",
			short(q.Head), q.Branch))
	}
}

// unprotected says why the ref keeps nobody out, or nil.
func (s Ref) unprotected() *miss {
	q := s.Query
	_, tag := strings.CutPrefix(q.Ref, "refs/tags/")
	switch {
	case q.Open || s.Protected == Yes || tag && s.OnProtected():
		return nil
	case s.Protected == No && !tag:
		return open(q.Ref, "anybody who may write may push to it")
	case s.Protected == No && s.On == No:
		return open(q.Ref, fmt.Sprintf("anybody who may write may make it, and commit %s is not on branch %q",
			short(q.Head), s.Branch))
	case s.Protected == No && s.Kept == No:
		return open(q.Ref, fmt.Sprintf("anybody who may write may make it, and branch %q is not protected either", s.Branch))
	case s.Protected == No && tag:
		return s.unanswered(fmt.Sprintf("%s is not protected, and the platform did not say whether commit %s is on a branch that is", q.Ref, short(q.Head)))
	default:
		return s.unanswered("the platform did not say whether " + q.Ref + " is protected")
	}
}

// open is the miss of a ref that keeps nobody out.
func open(what, found string) *miss {
	return &miss{reason: what + " is not protected, so its author alone may have seen what was built",
		found: found, wanted: "a protected ref",
		hint: "protect it in the repository's settings; where the plan has no protection of refs, say ref-protection: none beside the workflow"}
}

// unanswered is the miss of a question without an answer.
func (s Ref) unanswered(reason string) *miss {
	hint := "where no token here may ask that repository, say branch: unchecked beside the workflow; where its plan protects no refs, ref-protection: none"
	if s.Need != "" {
		hint = s.Need + "; " + hint
	}
	return &miss{unanswered: true, reason: reason, found: s.Why, wanted: "the platform's word that it is", hint: hint}
}

// namesRefs reports whether entering an environment would ask about refs.
func (in Input) namesRefs() bool {
	return slices.ContainsFunc(in.requires(), func(q Requirement) bool {
		return slices.ContainsFunc(in.Policy.Artifacts, func(a Artifact) bool {
			return slices.ContainsFunc(q.signers(a), func(s Signer) bool {
				return s.Workflow != nil && !s.Workflow.RefUnchecked && (!s.Workflow.RefOpen || s.Workflow.Branch != "")
			})
		})
	})
}
