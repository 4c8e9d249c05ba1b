package policy

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/dialect"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Expectation is who has to have signed, when there is no policy file: an exact
// name, or an anchored pattern, together with an exact issuer; or a key.
type Expectation struct {
	Identity string
	Pattern  *regexp.Regexp // nil: Identity is exact
	Written  string         // Pattern as it was given
	Issuer   string
	Key      bool
	Unlogged bool // nothing of what the key signed is logged
	// Built is where it has to have been built, or nil. Then Identity and Pattern may be
	// empty, and Issuer is that of its platform.
	Built *Built
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
		return e, noPattern(pattern, err)
	}
	re, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		return e, noPattern(pattern, err)
	}
	id, err := stranger(pattern, f)
	if err != nil {
		return e, usage("certificate-identity-pattern %q cannot be looked through: %w", pattern, err)
	}
	if re.MatchString("") || id != "" {
		return e, fault.New(fault.Usage, fault.Config,
			"write host and owner out, with a backslash before each dot, and several owners in full: ^https://HOST/(OWNER|OTHER)/REPOSITORY/",
			"certificate-identity-pattern %q leaves open whose identity it is: it allows %q", pattern, id)
	}
	e.Pattern, e.Written = re, pattern
	return e, nil
}

// NewBuiltExpectation returns the expectation of something that was built at b. identity and
// pattern say besides who signed, if they are not empty.
func NewBuiltExpectation(identity, pattern string, b Built) (Expectation, error) {
	if identity+pattern == "" {
		return Expectation{Issuer: b.Forge.Issuer, Built: &b}, nil
	}
	e, err := NewExpectation(identity, pattern, b.Forge.Issuer, b.Forge)
	e.Built = &b
	return e, err
}

// noPattern says what is wrong with a pattern, in words of no library.
func noPattern(pattern string, err error) error {
	why := map[syntax.ErrorCode]string{
		syntax.ErrMissingParen:          ": a parenthesis is not closed",
		syntax.ErrUnexpectedParen:       ": a parenthesis is not opened",
		syntax.ErrMissingBracket:        ": a bracket is not closed",
		syntax.ErrInvalidEscape:         ": a backslash before what needs none",
		syntax.ErrTrailingBackslash:     ": it ends in a backslash",
		syntax.ErrMissingRepeatArgument: ": nothing stands before a repetition",
		syntax.ErrInvalidRepeatOp:       ": two repetitions after each other",
		syntax.ErrInvalidCharRange:      ": a range of characters that is none",
	}
	said := ""
	if bad := (*syntax.Error)(nil); errors.As(err, &bad) {
		said = why[bad.Code]
	}
	return usage("certificate-identity-pattern %q is not a pattern (RE2)%s", pattern, said)
}

func usage(format string, args ...any) error {
	return fault.New(fault.Usage, fault.Config, "", format, args...)
}

func (e Expectation) wanted() string {
	switch {
	case e.Key:
		return "the given key"
	case e.Built != nil:
		return e.Built.wanted()
	case e.Pattern != nil:
		return fmt.Sprintf("a name that %q matches, from %s", e.Written, e.Issuer)
	default:
		return fmt.Sprintf("%s from %s", e.Identity, e.Issuer)
	}
}

// check says why f is not of whom e waits for, or nil.
func (e Expectation) check(f Fact) *miss {
	if e.Built != nil {
		return e.Built.check(e, f)
	}
	ok := e.Waits(f.Signer) && f.Signer.Issuer == e.Issuer
	if e.Key || f.Keyed {
		ok = e.Key && f.Keyed
	}
	if ok {
		return nil
	}
	return &miss{}
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
	allowed := slices.ContainsFunc(v.Judgements, func(j verdict.Judgement) bool { return j.Outcome() == verdict.Allow })
	if e.Built != nil && allowed {
		v.NotAsked = e.Built.unasked()
		v.Warnings = renumbered(v.Judgements)
	}
	return v
}

func judgeSigner(e Expectation, c Candidate) verdict.Judgement {
	j := verdict.Judgement{Subject: c.Subject, Evidence: []verdict.Evidence{}, PassedOver: c.Strangers.passedOver()}
	for _, r := range c.Rejections {
		j.Rejections = append(j.Rejections, verdict.Rejection{Code: r.Code, Reason: r.Reason, Source: r.Source})
	}
	var seen []string
	var nearest *miss
	hint := ""
	for _, f := range c.Facts {
		if f.Via != nil {
			continue
		}
		m := e.check(f)
		if m == nil {
			x := evidence(f)
			origin(&x, f.Signer)
			if e.Built != nil {
				x.Says = e.Built.said(f, c.Subject.Digest.Hex())
			}
			x.Accepted = accepted(look{q: Requirement{Kind: Predicate{f.Statement.PredicateType}}, signer: Signer{Key: e.key()}, fact: f})
			j.Evidence = append(j.Evidence, x)
			continue
		}
		nearest = nearer(nearest, m)
		seen = append(seen, fmt.Sprintf("%s from %s", orAbsent(f.Signer.SAN), orAbsent(f.Signer.Issuer)))
		hint = cmp.Or(hint, e.slip(f.Signer))
	}
	i := slices.IndexFunc(c.Facts, func(f Fact) bool { return f.Via != nil })
	if i >= 0 && len(j.Evidence)+len(seen) == 0 {
		j.Findings = []verdict.Finding{signedBeside(e, c.Facts[i])}
		return j
	}
	if e.Built != nil && nearest != nil && len(j.Evidence) == 0 {
		j.Findings = []verdict.Finding{nearest.finding("signer")}
		return j
	}
	j.Findings = []verdict.Finding{signerFinding(e, c, j.Evidence, seen)}
	if len(seen) > 0 && j.Findings[0].Outcome == verdict.Deny {
		j.Findings[0].Hint = hint
	}
	return j
}

// signedBeside says that what is signed is an attestation manifest. Who signs one
// says whose it is; whether what it carries counts, only a policy can say.
func signedBeside(e Expectation, f Fact) verdict.Finding {
	out := deny(fault.EvidenceMissing, "signer", 0, "what is signed is an attestation manifest, which only a policy lets speak for its image",
		e.wanted(), "judge it with --policy, under a policy that names the builder as signer")
	out.Found = fmt.Sprintf("%s, signed by %s", f.Via, orAbsent(f.Signer.SAN))
	return out
}

// slip says in which small way the signer who was asked for differs from s, for
// the eye that takes them for the same; or nothing.
func (e Expectation) slip(s statement.Signer) string {
	if e.Pattern != nil || e.Key {
		return ""
	}
	if s.Issuer != e.Issuer {
		if small := near(s.Issuer, e.Issuer); s.SAN == e.Identity && small != "" {
			return "ask for issuer " + s.Issuer + ": " + strings.TrimSuffix(small, "; ")
		}
		return ""
	}
	path, ref, _ := strings.Cut(s.SAN, "@refs/")
	asked, short, pinned := strings.Cut(e.Identity, "@")
	what := strings.TrimSuffix(near(s.SAN, e.Identity), "; ")
	switch kind, name, _ := strings.Cut(ref, "/"); {
	case what != "":
	case "https://"+e.Identity == s.SAN || strings.HasSuffix(s.SAN, "/"+e.Identity):
		what = "the beginning of the name is left out"
	case asked == path && !pinned:
		what = "the ref is left out: the name goes on with @refs/" + ref
	case asked == path && (short == name || short == kind+"/"+name):
		what = "the ref is not whole: the name ends in @refs/" + ref
	case folderLeftOut(path, asked) && e.Identity[len(asked):] == s.SAN[len(path):]:
		what = "the folder of the workflow is left out"
	default:
		return ""
	}
	return "ask for " + s.SAN + ": " + what
}

// folderLeftOut reports whether asked is path without folders between the
// repository and the file.
func folderLeftOut(path, asked string) bool {
	at := strings.LastIndexByte(asked, '/')
	return at > 0 && len(path) > len(asked) && strings.HasPrefix(path, asked[:at+1]) && strings.HasSuffix(path, asked[at:])
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
		f := deny(r.Code, requirement, 0, reason, "evidence that verifies, signed by "+e.wanted(), cmp.Or(r.Hint, signAgain(r.Code)))
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

// signAgain is again where no policy says who signs.
func signAgain(code fault.Code) string {
	switch code {
	case fault.SubjectMismatch:
		return ""
	case fault.TLog, fault.SCT, fault.Chain, fault.Time, fault.TrustRoot:
		return "sign it again with the Sigstore instance that is trusted here"
	default:
		return "that bundle is of no use; sign it again"
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
