package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Expectation is who has to have signed, when there is no policy file: an exact
// name, or an anchored pattern, together with an exact issuer; or a key.
type Expectation struct {
	Identity string
	Pattern  *regexp.Regexp // nil: Identity is exact
	Issuer   string
	Key      bool
}

// NewExpectation returns the expectation of a certificate. pattern is a regular
// expression (RE2) for the whole name; it is anchored here, so that nobody can
// forget to.
func NewExpectation(identity, pattern, issuer string) (Expectation, error) {
	e := Expectation{Identity: identity, Issuer: issuer}
	for name, v := range map[string]string{"certificate-oidc-issuer": issuer, "certificate identity": identity + pattern} {
		if strings.TrimSpace(v) != v || v == "" {
			return e, usage("%s is empty or padded with blanks", name)
		}
	}
	if identity != "" && pattern != "" {
		return e, usage("certificate-identity and certificate-identity-pattern exclude each other")
	}
	if pattern == "" {
		return e, nil
	}
	// Compiled alone first: a pattern that closes the anchors' group would
	// leave them.
	if _, err := regexp.Compile(pattern); err != nil {
		return e, usage("certificate-identity-pattern %q: %v", pattern, err)
	}
	re, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		return e, usage("certificate-identity-pattern %q: %v", pattern, err)
	}
	if slices.ContainsFunc(nobody, re.MatchString) {
		return e, usage("certificate-identity-pattern %q matches anybody", pattern)
	}
	e.Pattern = re
	return e, nil
}

// nobody are names that no workflow and no person has (RFC 2606, "invalid"). A
// pattern that matches one of them matches anybody.
var nobody = []string{"", "nobody", "nobody@example.invalid", "https://example.invalid/nobody/nothing/none.yml@refs/heads/none",
	"https://example.invalid/nobody/nothing//none.yml@refs/tags/none"}

func usage(format string, args ...any) error {
	return fault.New(fault.Usage, fault.Config, "", format, args...)
}

func (e Expectation) wanted() string {
	switch {
	case e.Key:
		return "the given key"
	case e.Pattern != nil:
		return fmt.Sprintf("%s from %s", e.Pattern, e.Issuer)
	default:
		return fmt.Sprintf("%s from %s", e.Identity, e.Issuer)
	}
}

func (e Expectation) met(f Fact) bool {
	if e.Key || f.Keyed {
		return e.Key && f.Keyed
	}
	if f.Signer.Issuer != e.Issuer {
		return false
	}
	if e.Pattern != nil {
		return e.Pattern.MatchString(f.Signer.SAN)
	}
	return f.Signer.SAN == e.Identity
}

// EvaluateSigner judges candidates by who signed them and nothing else. Its
// allow says that the evidence is genuine and whose it is; it lets nothing into
// an environment.
func EvaluateSigner(e Expectation, candidates []Candidate) verdict.Verdict {
	var v verdict.Verdict
	for _, c := range candidates {
		v.Judgements = append(v.Judgements, judgeSigner(e, c))
	}
	return v
}

func judgeSigner(e Expectation, c Candidate) verdict.Judgement {
	j := verdict.Judgement{Subject: c.Subject, Evidence: []verdict.Evidence{}}
	for _, r := range c.Rejections {
		j.Rejections = append(j.Rejections, verdict.Rejection{Code: r.Code, Reason: r.Reason, Source: r.Source})
	}
	var seen []string
	for _, f := range c.Facts {
		if e.met(f) {
			j.Evidence = append(j.Evidence, evidence(f))
			continue
		}
		seen = append(seen, fmt.Sprintf("%s from %s", orAbsent(f.Signer.SAN), orAbsent(f.Signer.Issuer)))
	}
	j.Findings = []verdict.Finding{signerFinding(e, c, j.Evidence, seen)}
	return j
}

func signerFinding(e Expectation, c Candidate, used []verdict.Evidence, seen []string) verdict.Finding {
	const requirement = "signer"
	switch {
	case len(used) > 0:
		return met(requirement, "signed by "+e.signed(used[0]), 0)
	case len(seen) > 0:
		f := deny(fault.Identity, requirement, 0, "the evidence is signed by someone else", e.wanted(), "")
		f.Found = strings.Join(seen, ", ")
		return f
	case len(c.Rejections) > 0:
		r := c.Rejections[0]
		reason := "the evidence does not verify"
		if r.Code == fault.SubjectMismatch {
			reason = "the evidence is about another artifact"
		}
		f := deny(r.Code, requirement, 0, reason, "evidence that verifies, signed by "+e.wanted(), "")
		f.Found = r.Reason
		return f
	default:
		f := deny(fault.EvidenceMissing, requirement, 0, "no evidence is about "+c.Subject.Digest.String(), e.wanted(), "")
		f.Found = "nothing"
		return f
	}
}

func (e Expectation) signed(v verdict.Evidence) string {
	if e.Key {
		return e.wanted()
	}
	return v.Signer + " at " + v.Time
}

// Contradiction returns what a provenance says that its own certificate does
// not, or nil. A signer asks it about what it has just signed, because the one
// who can mend it is the one who signed.
func Contradiction(f Forge, s statement.Signer, st statement.Statement) error {
	if st.PredicateType != statement.ProvenanceV1 {
		return nil
	}
	m := content(Builder{Forge: f}, Requirement{PredicateType: statement.ProvenanceV1}, Fact{Signer: s, Statement: st, Time: time.Time{}})
	if m == nil {
		return nil
	}
	return fault.New(fault.Refused, m.code, "", "%s: found %s, want %s", m.reason, m.found, m.wanted)
}
