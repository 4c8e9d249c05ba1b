package policy

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/dialect"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Expectation is who has to have signed, when there is no policy file: an exact
// name, or an anchored pattern, together with an exact issuer; or a key.
type Expectation struct {
	Identity string
	Pattern  *regexp.Regexp // nil: Identity is exact
	Issuer   string
	Key      bool
	Unlogged bool // nothing of what the key signed is logged
}

// key is the key of e as a policy would name it, or nil.
func (e Expectation) key() *Key {
	if !e.Key {
		return nil
	}
	return &Key{Unlogged: e.Unlogged}
}

// NewExpectation returns the expectation of a certificate. pattern is a regular
// expression (RE2) for the whole name; it is anchored here, so that nobody can
// forget to. f is the issuer's platform, if it is known: a pattern that strangers
// there match is refused.
func NewExpectation(identity, pattern, issuer string, f Forge) (Expectation, error) {
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
	if id := stranger(re, pattern, f); re.MatchString("") || id != "" {
		return e, fault.New(fault.Usage, fault.Config, "spell out host and owner, with a backslash before each dot: ^https://HOST/OWNER/REPOSITORY/",
			"certificate-identity-pattern %q matches strangers, such as %q", pattern, id)
	}
	e.Pattern = re
	return e, nil
}

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
	return e.Waits(f.Signer) && f.Signer.Issuer == e.Issuer
}

// Waits reports whether s has the name that is waited for, and of the kind that
// it is: an address that reads like a workflow's is none.
func (e Expectation) Waits(s statement.Signer) bool {
	if kind := kindOf(s.SAN); kind != s.SANKind {
		return false
	}
	if e.Pattern != nil {
		return e.Pattern.MatchString(s.SAN)
	}
	return s.SAN == e.Identity
}

// kindOf is the kind of name that a certificate has to give to such a text.
func kindOf(name string) string {
	switch {
	case strings.Contains(name, "://"):
		return "uri"
	case strings.Contains(name, "@"):
		return "email"
	default:
		return "other"
	}
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
	j := verdict.Judgement{Subject: c.Subject, Evidence: []verdict.Evidence{}, PassedOver: c.Strangers.passedOver()}
	for _, r := range c.Rejections {
		j.Rejections = append(j.Rejections, verdict.Rejection{Code: r.Code, Reason: r.Reason, Source: r.Source})
	}
	var seen []string
	var good []int
	for i, f := range c.Facts {
		if e.met(f) {
			good = append(good, i)
			continue
		}
		seen = append(seen, fmt.Sprintf("%s from %s", orAbsent(f.Signer.SAN), orAbsent(f.Signer.Issuer)))
	}
	for _, i := range c.whole(good) {
		x := evidence(c.Facts[i])
		x.Accepted = accepted(Requirement{}, Signer{Key: e.key()}, c.Facts[i])
		j.Evidence = append(j.Evidence, x)
	}
	if p, ok := c.uncovered(good); ok && len(j.Evidence) == 0 && len(good) > 0 {
		j.Findings = []verdict.Finding{unsigned(e, c, p).finding("signer")}
		return j
	}
	j.Findings = []verdict.Finding{signerFinding(e, c, j.Evidence, seen)}
	return j
}

// unsigned is why an index is not signed by who is expected, where some of its
// images are.
func unsigned(e Expectation, c Candidate, p subject.Part) *miss {
	if p.Index {
		return nested(p)
	}
	m := &miss{code: fault.EvidenceMissing, reason: p.String() + ": nobody who is named has signed for this image of the index",
		found: "nothing", wanted: e.wanted()}
	for _, f := range c.Facts {
		if f.image() == p.Digest {
			m.code, m.found = fault.Identity, orAbsent(f.Signer.SAN)+" from "+orAbsent(f.Signer.Issuer)
		}
	}
	return m
}

func signerFinding(e Expectation, c Candidate, used []verdict.Evidence, seen []string) verdict.Finding {
	const requirement = "signer"
	switch {
	case len(used) > 0:
		var via []string
		for _, x := range used {
			via = append(via, x.Via)
		}
		return met(requirement, "signed by "+e.signed(used[0])+byWay(via), 0)
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
		f := deny(r.Code, requirement, 0, reason, "evidence that verifies, signed by "+e.wanted(), r.Hint)
		f.Found = r.Reason
		return f
	case c.Strangers.Count > 0:
		f := deny(fault.Identity, requirement, 0, "the evidence is signed by someone else", e.wanted(), "")
		f.Found = c.Strangers.String()
		return f
	default:
		f := deny(fault.EvidenceMissing, requirement, 0, "no evidence is about "+c.Subject.Digest.String(), e.wanted(), "")
		f.Found = "nothing"
		return f
	}
}

func (e Expectation) signed(v verdict.Evidence) string {
	out := v.Signer + " at " + v.Time
	if e.Key {
		out = e.wanted()
	}
	for _, x := range v.Accepted {
		out += ", accepted: " + x
	}
	return out
}

// Contradiction returns what a provenance says that its own certificate does
// not, or nil. A signer asks it about what it has just signed, because the one
// who can mend it is the one who signed.
func Contradiction(f Forge, s statement.Signer, st statement.Statement) error {
	if !dialect.IsProvenance(st.PredicateType) {
		return nil
	}
	_, d := dialect.Compare(st.PredicateType, st.Predicate, s, dialect.Policy{Forge: f.Kind, Any: true})
	if d == nil {
		return nil
	}
	return fault.New(fault.Refused, d.Code, "", "%s: found %s, want %s", d.Reason, d.Found, d.Wanted)
}
