package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/dialect"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A Signer is somebody whose evidence may meet a requirement. Exactly one of
// Workflow, Email, Releases and Key is set.
type Signer struct {
	Workflow *Builder
	Email    *Email
	Releases *Releases
	Key      *Key
	Line     int
}

// Email is a person or a service account, as an OpenID provider names them.
type Email struct{ Address, Issuer string }

// Releases is a platform that signs what a repository releases. Its certificate
// names the platform; the repository stands in the statement.
type Releases struct {
	Forge        Forge
	Repository   string // path on the platform
	RepositoryID string
	Tags         []string // patterns of tag names
}

// Key is a public key in a file beside the policy.
type Key struct {
	File     string         // path relative to the policy file
	SHA256   subject.Digest // pin of that file
	Unlogged bool           // no log and no time is asked for
}

// String says who it is, in the words of a message.
func (s Signer) String() string {
	switch {
	case s.Workflow != nil:
		return s.Workflow.String()
	case s.Email != nil:
		return s.Email.Address + " from " + s.Email.Issuer
	case s.Releases != nil:
		return "releases of " + s.Releases.Repository + " signed by " + s.Releases.Forge.Host
	default:
		return "the key in " + s.Key.File
	}
}

// signers are who may sign evidence for q about a: whom q names, or else who
// builds a.
func (q Requirement) signers(a Artifact) []Signer {
	if len(q.SignedBy) > 0 {
		return q.SignedBy
	}
	return a.builders()
}

// builders are the workflows that build a, as signers.
func (a Artifact) builders() []Signer {
	var out []Signer
	for i := range a.BuiltBy {
		out = append(out, Signer{Workflow: &a.BuiltBy[i], Line: a.BuiltBy[i].Line})
	}
	return out
}

// signerNames names everybody who may sign evidence for q about a, as part of a next
// step: any one of them will do.
func (q Requirement) signerNames(a Artifact) string {
	var all []string
	for _, s := range q.signers(a) {
		all = append(all, s.String())
	}
	return strings.Join(all, ", or ")
}

// trust is the trusted root under which evidence of s for q about a verifies.
func (q Requirement) trust(a Artifact, s Signer) Trust {
	t := a.Trust
	if q.Trust != nil {
		t = *q.Trust
	}
	if s.Key != nil {
		t.Key = s.Key
	}
	return t
}

// signed says why s did not sign f, or nil.
func (s Signer) signed(f Fact) *miss {
	var m *miss
	switch {
	case s.Workflow != nil:
		m = builtBy(*s.Workflow, f.Signer)
	case s.Email != nil:
		m = s.Email.signed(f.Signer, s.Line)
	case s.Releases != nil:
		m = s.Releases.signed(f, s.Line)
	case !f.Keyed: // the trust under which a keyed one verified is that of this key and no other
		m = &miss{stage: atSigner, code: fault.Identity, line: s.Line, reason: "the evidence is signed with a certificate",
			found: f.Signer.SAN, wanted: s.String()}
	}
	if m == nil && f.Via != nil && !s.carries() {
		m = &miss{stage: atManifest, code: fault.Identity, line: s.Line,
			reason: "the evidence is signed by way of an attestation manifest, and the policy names no workflow that signs so",
			found:  f.Via.String(), wanted: "a statement that is signed itself, or a workflow that the key signer names",
			hint: "have the builder sign its statements themselves"}
		if b := s.Workflow; b != nil {
			m.hint = fmt.Sprintf("if the workflow signs no other manifests than those that it has written, say so: signer: %s/%s",
				b.Repository, b.Workflow)
		}
	}
	return m
}

// carries reports whether a signature of a manifest by s signs what the manifest
// carries. Such a signature says whose something is. Many people and workflows
// sign the image that a tag names at that moment, and everybody who may push can
// move the tag. Therefore the policy has to name the workflow as the one that
// signs (E07, F11).
func (s Signer) carries() bool { return s.Workflow != nil && s.Workflow.Signer != "" }

func (e Email) signed(s statement.Signer, line int) *miss {
	steps := []struct {
		what, found, wanted string
	}{
		{"kind of signer", s.SANKind, "email"},
		{"issuer", s.Issuer, e.Issuer},
		{"e-mail address", s.SAN, e.Address},
	}
	for i, x := range steps {
		if x.found != x.wanted {
			return &miss{stage: atSigner, agreed: i, code: fault.Identity, line: line,
				reason: "the evidence names another " + x.what, found: orAbsent(x.found), wanted: x.wanted,
				hint: "have it signed by " + e.Address + ", or correct signed-by"}
		}
	}
	return nil
}

// signed holds the platform's certificate and what its statement says about the
// repository against the policy.
func (r Releases) signed(f Fact, line int) *miss {
	no := func(agreed int, what, found, wanted string) *miss {
		return &miss{stage: atSigner, agreed: agreed, code: fault.Identity, line: line,
			reason: "the evidence names another " + what, found: orAbsent(found), wanted: wanted,
			hint: "look at the keys releases-of, repository-id and tags under signed-by"}
	}
	s := f.Signer
	switch {
	case s.Issuer != "":
		return no(0, "signer", s.SAN, r.Forge.Releases)
	case s.SANKind != "uri" || s.SAN != r.Forge.Releases || r.Forge.Releases == "":
		return no(1, "signer", s.SAN, orAbsent(r.Forge.Releases))
	case !dialect.IsRelease(f.Statement.PredicateType):
		return no(2, "predicate type", f.Statement.PredicateType, dialect.ReleaseV02)
	}
	x, err := dialect.ReadRelease(f.Statement)
	switch {
	case err != nil:
		return &miss{stage: atSigner, agreed: 3, code: fault.Of(err).Code, line: line,
			reason: "the release attestation cannot be read", found: err.Error()}
	case x.RepositoryID != r.RepositoryID:
		return no(4, "repository-id", x.RepositoryID, r.RepositoryID)
	case x.Repository != r.Repository:
		return no(5, "repository", x.Repository, r.Repository)
	case !slices.ContainsFunc(r.Tags, func(p string) bool { return subject.Match(p, x.Tag) }):
		m := no(6, "tag", x.Tag, strings.Join(r.Tags, " or "))
		m.code = fault.Source
		return m
	}
	return nil
}

// Wanted says what certificates a policy waits for: evidence whose certificate
// has none of the values and none of the names is of a stranger. A match proves
// nothing; a miss saves a verification.
type Wanted struct {
	Values []string // whole values of certificate extensions
	Names  []string // parts of subject alternative names
	Keys   bool     // evidence that a key signed is waited for too
}

// Wanted returns which certificates can count under any of the policies, such
// as the one at hand and the one in force.
func (p *Policy) Wanted(others ...*Policy) Wanted {
	var w Wanted
	for _, x := range append([]*Policy{p}, others...) {
		for _, s := range x.everybody() {
			s.want(&w)
		}
		for _, e := range x.Environments {
			if e.RepositoryID != "" {
				w.Values = append(w.Values, e.RepositoryID) // its jobs sign entries, whether they build or not
			}
		}
	}
	return w
}

// everybody is everyone whom the policy names anywhere.
func (p *Policy) everybody() []Signer {
	var out []Signer
	for _, a := range p.Artifacts {
		out = append(out, a.builders()...)
	}
	for _, e := range p.Environments {
		for _, q := range e.evidence() {
			out = append(out, q.SignedBy...)
		}
	}
	for i := range p.ApproveIn {
		out = append(out, Signer{Workflow: &p.ApproveIn[i]})
	}
	for _, g := range p.Groups {
		for _, m := range g.Members {
			if m.Kind == MemberEmail {
				out = append(out, Signer{Email: &Email{Address: m.ID, Issuer: m.Host}})
			}
		}
	}
	return out
}

func (s Signer) want(w *Wanted) {
	switch {
	case s.Workflow != nil:
		b := s.Workflow
		w.Values = append(w.Values, b.Forge.Host+"/"+b.Repository, b.RepositoryID)
	case s.Email != nil:
		w.Names = append(w.Names, s.Email.Address)
	case s.Releases != nil:
		w.Names = append(w.Names, s.Releases.Forge.Releases)
	default:
		w.Keys = true
	}
}

// Names reports whether the policy names a signer of whom a certificate speaks,
// as closely as a near miss can be explained: the repository by address or by
// number, the e-mail address, the platform. It is asked about certificates that
// nobody has verified, and lets nothing in.
func (p *Policy) Names(s statement.Signer) bool {
	return slices.ContainsFunc(p.everybody(), func(x Signer) bool {
		switch {
		case x.Workflow != nil:
			return s.Repository == x.Workflow.Forge.Host+"/"+x.Workflow.Repository || s.RepositoryID == x.Workflow.RepositoryID
		case x.Email != nil:
			return strings.EqualFold(s.SAN, x.Email.Address)
		case x.Releases != nil:
			return s.SAN == x.Releases.Forge.Releases
		default:
			return false
		}
	})
}

// Expects reports whether a verified signer is a workflow that the policy names, in each respect: its run builds, reports
// or carries approvals under this policy.
func (p *Policy) Expects(s statement.Signer) bool {
	return slices.ContainsFunc(p.everybody(), func(x Signer) bool {
		return x.Workflow != nil && builtBy(*x.Workflow, s) == nil
	})
}

// Trusts returns every trusted root that the policy verifies evidence under,
// each once.
func (p *Policy) Trusts() []Trust {
	var out []Trust
	add := func(t Trust) {
		if !slices.ContainsFunc(out, func(o Trust) bool { return o.ID() == t.ID() }) {
			out = append(out, t)
		}
	}
	for _, a := range p.Artifacts {
		add(a.Trust)
		for _, e := range p.Environments {
			for _, q := range e.evidence() {
				for _, s := range q.signers(a) {
					add(q.trust(a, s))
				}
			}
		}
	}
	for _, g := range p.Groups {
		if g.Trust != nil {
			add(*g.Trust)
		}
	}
	return out
}

// accepted are the words of everything that f was let off, for people to see.
func accepted(x look) []string {
	var out []string
	q, s, f := x.q, x.signer, x.fact
	if k, ok := q.Kind.(reports); ok {
		out = k.accepted(x)
	}
	if q.Kind.unchecked() {
		out = append(out, "content unchecked")
	}
	if p, is := q.Kind.(Provenance); is {
		out = append(out, p.vouched()...)
	}
	if f.Log == statement.LogPromise {
		out = append(out, "log: promise, no proof")
	}
	if s.Key != nil && s.Key.Unlogged {
		out = append(out, "never logged")
	}
	if f.Intermediates {
		out = append(out, "intermediates: bundle")
	}
	if s.Workflow != nil && s.Workflow.RefUnchecked {
		out = append(out, "branch: unchecked")
	}
	if s.Workflow != nil && s.Workflow.RefOpen {
		out = append(out, "ref-protection: none")
	}
	if s.Workflow != nil && s.Workflow.SignerMoves {
		out = append(out, fmt.Sprintf("signer %s may move", s.Workflow.Signer))
	}
	provenance := dialect.IsProvenance(f.Statement.PredicateType)
	if s.Workflow != nil && s.Workflow.OtherJob && provenance && !q.Kind.unchecked() {
		out = append(out, "signed in another job")
	}
	return out
}
