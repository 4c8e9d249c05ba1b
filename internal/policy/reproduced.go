package policy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/dialect"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Reproduced wants others to have built the artifact again, with the same bytes.
type Reproduced struct {
	By          int  // rebuilders that have to agree; 0: none has to, and none may disagree
	Independent bool // each is of another owner, or on another class of runner under another issuer
}

const maxRebuilders = 20

func readReproduced(r *reader, _ string, m mapping) Evidence {
	p := Reproduced{By: 1}
	if n := m.get("by"); n != nil {
		s := r.text(n, "by")
		c, err := strconv.Atoi(s)
		if s != "" && (err != nil || c < 0 || c > maxRebuilders || strconv.Itoa(c) != s) {
			r.complain(n, "by %q, want a number from 0 to %d", s, maxRebuilders)
		}
		p.By = c
	}
	p.Independent = r.flag(m.get("independent"), "independent")
	return p
}

// rebuilders holds what reproduced asks for against who may sign: who builds an artifact does not reproduce it.
func (r *reader) rebuilders(p *Policy) {
	for _, e := range p.Environments {
		for _, q := range e.Requires {
			k, ok := q.Kind.(Reproduced)
			switch {
			case !ok:
			case len(q.SignedBy) == 0:
				r.complainAt(
					q.Line,
					0,
					"%s needs signed-by, the rebuilders: who builds the artifact does not reproduce it",
					q.Name,
				)
			case len(q.SignedBy) < k.By:
				r.complainAt(
					q.Line,
					0,
					"%s asks for %d rebuilders, and signed-by names %d",
					q.Name,
					k.By,
					len(q.SignedBy),
				)
			}
		}
	}
}

func (p Reproduced) types() []string { return []string{material.ReproductionType} }

func (p Reproduced) title() string { return "a reproduction" }

func (p Reproduced) unchecked() bool { return false }

func (p Reproduced) passable() bool { return true }

func (p Reproduced) loosened(l *loosening, was Requirement) {
	old, _ := was.Kind.(Reproduced) // as the name says
	l.count("by of "+was.Name, old.By, p.By)
	l.accepts("rebuilders that are not independent", !old.Independent, !p.Independent)
}

// judge says why one reproduction does not count.
func (p Reproduced) judge(x look) *miss {
	r, err := material.ReadReproduction(x.fact.Statement.Predicate)
	if err != nil {
		return &miss{
			code:   fault.Malformed,
			reason: "the reproduction cannot be read",
			found:  err.Error(),
			wanted: "what sallyport rebuild has written",
			hint:   "rebuild again, with the version of Sallyport that the gate has",
		}
	}
	if same, known := r.Reproduced(x.c.Subject.Digest.Hex()); !known || !same {
		return disagrees(x.fact, &r, x.c.Subject.Digest.Hex())
	}
	firsts := x.c.firsts(x.artifact)
	for _, first := range firsts {
		if m := p.apart(first, x.fact.Signer); m != nil {
			return m
		}
	}
	if m := ofOther(r.Commit, firsts); m != nil {
		return m
	}
	if p.Independent && len(firsts) == 0 {
		return &miss{
			code:   fault.Reproduction,
			reason: "nothing says who built the artifact first, so nobody is independent of them",
			found:  "no provenance of built-by",
			wanted: "provenance by one of built-by",
			hint:   "attest the artifact in the workflow that builds it",
		}
	}
	return nil
}

// firsts are the certificates with which provenance of the artifact was signed and that built-by names: each has a
// commit.
func (c indexed) firsts(a Artifact) (all []statement.Signer) {
	for i := range c.Facts {
		f := &c.Facts[i]
		if dialect.IsProvenance(f.Statement.PredicateType) &&
			slices.ContainsFunc(a.BuiltBy, func(b Builder) bool { return builtBy(b, f.Signer) == nil }) {
			all = append(all, f.Signer)
		}
	}
	return all
}

// ofOther is a reproduction of a commit that none of the first builders names. Where nothing says who built the
// artifact first, nothing says of which commit it is.
func ofOther(commit string, firsts []statement.Signer) *miss {
	if len(firsts) == 0 || slices.ContainsFunc(firsts, func(s statement.Signer) bool { return s.Commit == commit }) {
		return nil
	}
	return &miss{
		code:   fault.Reproduction,
		reason: "the artifact was built again from another commit than it is of",
		found:  "commit " + commit,
		wanted: "commit " + firsts[0].Commit,
		hint:   "rebuild from the manifest of the build that made this artifact",
	}
}

// disagrees is a rebuild with other bytes, or without the artifact.
func disagrees(f Fact, r *material.Reproduction, digest string) *miss {
	m := &miss{
		code:   fault.Reproduction,
		reason: "the artifact was built again, and came out with other bytes",
		found:  bare(f.Signer.SAN) + ": it was not made",
		wanted: "sha256:" + digest,
		hint:   "look at the report of the rebuild: it shows the first byte that differs, and the fix for each known cause",
	}
	for _, a := range r.Artifacts {
		if a.Was == digest && a.Is != digest {
			m.found = bare(f.Signer.SAN) + ": sha256:" + orAbsent(a.Is)
			if a.First != "" {
				m.found += ", first at " + a.First
			}
			return m
		}
	}
	m.reason = "the reproduction is about other artifacts"
	return m
}

// apart says why a rebuilder does not count beside the first builder.
func (p Reproduced) apart(first, again statement.Signer) *miss {
	workflow := func(s statement.Signer) string {
		name, _, _ := strings.Cut(s.SAN, "@")
		return s.Issuer + " " + s.RepositoryID + " " + name
	}
	m := &miss{code: fault.Reproduction, found: bare(again.SAN), hint: "rebuild in another workflow"}
	if workflow(first) == workflow(again) {
		m.reason = "the first builder has reproduced its own artifact"
		m.wanted = "another workflow than " + bare(first.SAN)
		return m
	}
	if p.Independent && !independent(first, again) {
		m.reason, m.wanted = "the rebuilder is not independent of the first builder", "another owner than number "+first.OwnerID+", or another class of runner under another issuer"
		m.hint = "let somebody rebuild it who has another owner on the platform, or another platform"
		return m
	}
	return nil
}

// independent reports whether two builders have nothing in common that one person controls: their owners have other numbers under
// one issuer, or the issuers are others and so are the classes of runners.
func independent(a, b statement.Signer) bool {
	if a.Issuer == b.Issuer {
		return a.OwnerID != "" && b.OwnerID != "" && a.OwnerID != b.OwnerID
	}
	return a.Runner != "" && b.Runner != "" && a.Runner != b.Runner
}

// reproduced counts those who agree. One who disagrees decides, however many agree.
func (in Input) reproduced(a Artifact, q Requirement, k Reproduced, c indexed) (verdict.Finding, []verdict.Evidence) {
	if m := in.contradiction(a, q, c); m != nil {
		return m.finding(q.Name), nil
	}
	var nearest *miss
	var agree []Fact
	for _, i := range c.wanted(q) {
		f := c.Facts[i]
		if _, m := c.check(in, a, q, i); m != nil {
			nearest = nearer(nearest, m)
			continue
		}
		if !slices.ContainsFunc(agree, func(o Fact) bool { return sameRebuilder(k, o.Signer, f.Signer) }) {
			agree = append(agree, f)
		}
	}
	if len(agree) >= k.By {
		var used []verdict.Evidence
		for _, f := range agree {
			used = append(used, evidence(f))
		}
		return met(
			q.Name,
			fmt.Sprintf("%d of %d rebuilders got the same bytes, none others%s", len(agree), len(q.SignedBy), commandOf(agree)),
			q.Line,
		), used
	}
	if len(agree) == 0 && nearest != nil && nearest.stage > atTrust {
		return nearest.finding(q.Name), nil
	}
	if len(agree) == 0 {
		return missing(in, a, q, c.Candidate, c.unwanted(q)), nil
	}
	f := deny(
		fault.Reproduction,
		q.Name,
		q.Line,
		"too few rebuilders got the same bytes",
		fmt.Sprintf("%d", k.By),
		"rebuild it in "+q.signerNames(a),
	)
	f.Found = fmt.Sprintf("%d", len(agree))
	return f, nil
}

func (p Reproduced) lacking(signers string) (reason, hint string) {
	return "no rebuilder that the policy names has built it again", "build it again with sallyport rebuild, and sign the result in a job after that: attest with reproduction, in " + signers
}

// sameRebuilder reports whether two reproductions count as one.
func sameRebuilder(k Reproduced, a, b statement.Signer) bool {
	if k.Independent {
		return !independent(a, b)
	}
	return k.apart(a, b) != nil
}

// contradiction is a reproduction by a rebuilder whom q names, with other bytes. The newest word of each about the artifact counts,
// and of two that are equally new the one with other bytes. It counts whether its run succeeded or not: a rebuild that differs fails.
func (in Input) contradiction(a Artifact, q Requirement, c indexed) *miss {
	type word struct {
		at  time.Time
		bad *miss // nil: the same bytes
	}
	newest := map[string]word{}
	digest := c.Subject.Digest.Hex()
	for _, i := range c.wanted(q) {
		f := c.Facts[i]
		if !slices.ContainsFunc(
			q.signers(a),
			func(s Signer) bool { return f.Trust == q.trust(a, s).ID() && s.signed(f) == nil },
		) {
			continue
		}
		r, err := material.ReadReproduction(f.Statement.Predicate)
		same, known := r.Reproduced(digest)
		if err != nil || !known || same && ofOther(r.Commit, c.firsts(a)) != nil {
			continue // it is no word about the artifact, and takes none back
		}
		w := word{at: f.Time}
		if !same {
			w.bad = disagrees(f, &r, digest)
			w.bad.stage, w.bad.line = atContent, q.Line
		}
		who := f.Signer.Issuer + " " + f.Signer.SAN
		if old, seen := newest[who]; !seen || w.at.After(old.at) || w.at.Equal(old.at) && !same {
			newest[who] = w
		}
	}
	for _, who := range slices.Sorted(maps.Keys(newest)) {
		if w := newest[who]; w.bad != nil {
			return w.bad
		}
	}
	return nil
}

// rebuilt counts the rebuilders whom the policy names for any environment and who got the same bytes.
func (in Input) rebuilt(a Artifact, c indexed) int {
	same := map[string]bool{}
	for _, e := range in.Policy.Environments {
		for _, q := range e.Requires {
			k, is := q.Kind.(Reproduced)
			if !is {
				continue
			}
			for _, i := range c.wanted(q) {
				if s, m := c.check(in, a, q, i); m == nil && k.judge(look{in, a, c, q, s, c.Facts[i]}) == nil {
					same[c.Facts[i].Signer.SAN] = true
				}
			}
		}
	}
	return len(same)
}

// contradicted is the word of rebuilders whom another environment of the policy names: a rebuild with other bytes stops the
// artifact everywhere.
func (in Input) contradicted(a Artifact, c indexed) (out []verdict.Finding) {
	for _, e := range in.Policy.Environments {
		if e.Name == in.Environment {
			continue
		}
		for _, q := range e.Requires {
			if _, is := q.Kind.(Reproduced); !is {
				continue
			}
			if m := in.contradiction(a, q, c); m != nil {
				return []verdict.Finding{m.finding(q.Name)}
			}
		}
	}
	return nil
}

// commandOf is the command by which an artifact was built again, for people: the manifest says it, so the first builder chose it.
func commandOf(agree []Fact) string {
	if len(agree) == 0 {
		return ""
	}
	r, err := material.ReadReproduction(agree[0].Statement.Predicate)
	if err != nil {
		return ""
	}
	const most = 200
	text := strings.Join(r.Command, " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return "; built by " + fault.Quote(text)
}
