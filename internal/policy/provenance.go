package policy

import (
	"fmt"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/dialect"
	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Provenance is SLSA provenance: how an artifact was built, and of what. It is written in
// the job that builds, so each member is compared with the certificate, which is not.
type Provenance struct {
	Version   string   // the one predicate type that counts; "": that of every known version
	Inputs    []string // names that a person may have chosen when they started the build
	Strict    bool     // Inputs were given: names that cannot be known deny
	Caches    *Bar     // no cache may be restored; nil: it is not asked
	Isolated  *Bar     // the job that signs may not run the project's code; nil: it is not asked
	Unchecked bool     // the content is not held against the certificate; the signer is all that counts
}

func readProvenance(r *reader, _ string, m mapping) Evidence {
	var p Provenance
	if n := m.get("inputs"); n != nil {
		p.Strict = true
		p.Inputs = r.inputs(n)
	}
	if n := m.get("content"); n != nil {
		p.Unchecked = r.choice(n, "content", "checked", "unchecked") == "unchecked"
		if p.Unchecked && p.Strict {
			r.complain(n, "content: unchecked and inputs exclude each other: unchecked content says nothing about inputs")
		}
	}
	p.Caches = r.bar(m.get("caches"), "caches", "none")
	p.Isolated = r.bar(m.get("builder"), "builder", "isolated")
	return p
}

func (p Provenance) types() []string {
	if p.Version != "" {
		return []string{p.Version}
	}
	return dialect.Provenance()
}

func (p Provenance) title() string {
	if p.Version != "" {
		return p.Version
	}
	return "SLSA provenance, v1 or v0.2"
}

func (p Provenance) unchecked() bool { return p.Unchecked }

func (p Provenance) passable() bool { return false }

func (p Provenance) loosened(l *loosening, was Requirement) {
	old, _ := was.Kind.(Provenance) // as the name says
	l.accepts("unchecked content of "+was.Name, old.Unchecked, p.Unchecked)
	l.accepts("any input of "+was.Name, !old.Strict, !p.Strict)
	p.Caches.loosened(l, "caches", was.Name, old.Caches)
	p.Isolated.loosened(l, "builder", was.Name, old.Isolated)
}

func (p Provenance) judge(x look) *miss {
	q, s, f := x.q, x.signer, x.fact
	switch {
	case p.Unchecked:
		return nil
	case s.Workflow == nil:
		return &miss{code: fault.Predicate, found: orAbsent(f.Signer.SAN), wanted: "a workflow's certificate",
			reason: "the provenance is signed by somebody whose certificate has nothing to compare it with",
			hint:   "to accept it by its signer alone, say content: unchecked"}
	}
	if m := f.Via.ambiguous(); m != nil {
		return m
	}
	b := *s.Workflow
	_, d := dialect.Compare(f.Statement.PredicateType, f.Statement.Predicate, f.Signer, dialect.Policy{
		Forge: b.Forge.Kind, Builder: b.builderID(), Inputs: p.Inputs, Strict: p.Strict,
		OtherJob: b.OtherJob, Carried: f.Via != nil})
	if d == nil {
		return nil
	}
	m := &miss{code: d.Code, reason: d.Reason, found: d.Found, wanted: d.Wanted, hint: d.Hint}
	if q.alone() && d.Given {
		m.hint = "judge it for the environment whose provenance lists that input, with --for, or build it without"
	}
	if m.hint == "" {
		m.hint = fmt.Sprintf("build it again: nobody may alter what a builder states (the member %s)", d.Member)
	}
	return m
}

// ambiguous refuses an attestation manifest that holds, or may hold, a second
// provenance. The builder signs the manifest as a whole, and what a Dockerfile's
// frontend adds is in it: nobody can tell which of two the builder wrote (F11).
func (v *Via) ambiguous() *miss {
	if v == nil {
		return nil
	}
	var kinds []string
	for _, k := range v.Kinds {
		if k == "" || dialect.IsProvenance(k) {
			kinds = append(kinds, orAbsent(k))
		}
	}
	if len(kinds) == 1 {
		return nil
	}
	return &miss{code: fault.Predicate,
		reason: "the attestation manifest holds more statements that may be its provenance",
		found:  strings.Join(kinds, ", "), wanted: "one provenance, and statements of other kinds that say so",
		hint: "build it again without attestations of type provenance besides BuildKit's own"}
}
