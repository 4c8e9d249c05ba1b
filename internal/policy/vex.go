package policy

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/inventory"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// support is evidence that a requirement of another kind looks at besides: it meets no requirement
// by itself.
type support struct {
	Kind    inventory.Kind
	Builder bool // a workflow that builds may sign it
}

func (p support) reads() inventory.Kind { return p.Kind }

func (p support) types() []string { return inventory.Types(p.Kind) }

func (p support) title() string { return inventory.Title(p.Kind) }

func (p support) unchecked() bool { return false }

func (p support) passable() bool { return true }

func (p support) loosened(*loosening, Requirement) {}

func (p support) judge(look) *miss { return nil }

// source reads who signs evidence that a requirement looks at besides.
func (r *reader) source(name string, kind inventory.Kind, n *yamlnode.Node, m mapping) *Requirement {
	q := &Requirement{Name: name + " " + string(kind), Kind: support{Kind: kind}, Line: line(n)}
	for _, x := range r.list(m.get("signed-by"), "signed-by") {
		q.SignedBy = append(q.SignedBy, r.signedBy(x))
	}
	if t := m.get("trust"); t != nil {
		trust := r.trust(t)
		q.Trust = &trust
	}
	if a := m.get("max-age"); a != nil {
		q.MaxAge = r.age(a, "max-age")
	}
	return q
}

// impartial complains about a VEX that is signed where the artifact is built: who made something would say
// themselves that its faults do not matter.
func (r *reader) impartial(p *Policy) {
	for _, e := range p.Environments {
		for _, q := range e.evidence() {
			k, ok := q.Kind.(support)
			if !ok || k.Kind != inventory.VEX || k.Builder {
				continue
			}
			if s, inside := p.inside(q); inside {
				r.complainAt(q.Line, 0, "a VEX may not be signed in a repository that builds what it excuses, and %s is; "+
					"name somebody else, or accept it with builder: accepted", s)
			}
		}
	}
}

// supporting are the facts that meet a requirement which another one rests on, the newest first.
func (in Input) supporting(x look, q Requirement) []Fact {
	var out []Fact
	for _, i := range x.c.wanted(q) {
		f := x.c.Facts[i]
		if x.c.partial(f) && f.image() != x.fact.image() {
			continue
		}
		if _, m := check(in, x.artifact, x.c, q, f); m == nil {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b Fact) int { return b.Time.Compare(a.Time) })
	return out
}

// exploited is the newest list of vulnerabilities that are exploited, or why there is none.
func (in Input) exploited(x look, q Requirement) (inventory.Exploited, *miss) {
	all := in.supporting(x, q)
	m := &miss{code: fault.EvidenceMissing, line: q.Line, reason: "no list of exploited vulnerabilities counts for this artifact", found: "nothing",
		wanted: "a list signed by " + q.signerNames(x.artifact), hint: "attest the list for this artifact, with type: known-exploited of attest"}
	if len(all) == 0 {
		for _, i := range x.c.wanted(q) {
			if _, why := check(in, x.artifact, x.c, q, x.c.Facts[i]); why.stage > atTrust {
				why.line = q.Line
				return inventory.Exploited{}, why
			}
		}
		return inventory.Exploited{}, m
	}
	r, err := in.report(inventory.KnownExploited, all[0])
	if err != nil || r.Exploited == nil || len(r.Exploited.IDs) == 0 {
		m.code, m.reason, m.found = fault.Report, "the list of exploited vulnerabilities cannot be read, or is empty", orAbsent(errorText(err))
		return inventory.Exploited{}, m
	}
	if q.MaxAge > 0 && !r.Time.IsZero() && in.Now.Sub(r.Time) > q.MaxAge {
		m.code, m.reason, m.found, m.wanted = fault.Stale, "the list of exploited vulnerabilities is too old", Age(in.Now.Sub(r.Time)), "at most "+Age(q.MaxAge)
		return inventory.Exploited{}, m
	}
	return *r.Exploited, nil
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	f := fault.Of(err)
	return f.Error()
}

// digest is that of what the evidence which is looked at is about: of the artifact, or of one image of it.
func (x look) digest() string {
	if x.c.partial(x.fact) {
		return x.fact.image().Hex()
	}
	return x.c.Subject.Digest.Hex()
}

// A saying is what a VEX document says of a vulnerability in the artifact.
type saying struct {
	inventory.Statement
	signed   time.Time // verified time of the document
	document memory
}

// sayings are what those who meet q say of the artifact, the newest first.
func (in Input) sayings(x look, q Requirement) []saying {
	var out []saying
	for _, f := range in.supporting(x, q) {
		r, err := in.report(inventory.VEX, f)
		if err != nil || apart(x, r) != nil {
			continue
		}
		for _, s := range r.Statements {
			out = append(out, saying{s, f.Time, memoryOf(f.Statement)})
		}
	}
	slices.SortStableFunc(out, func(a, b saying) int {
		return cmp.Or(b.signed.Compare(a.signed), b.Time.Compare(a.Time))
	})
	return slices.DeleteFunc(out, func(s saying) bool {
		return len(s.Products) > 0 && !slices.ContainsFunc(s.Products, func(p inventory.Product) bool { return s.means(p, x.digest()) })
	})
}

// means reports whether a product is what has a digest. What excuses has to name it, and nothing else: the name that a tool
// gives to what it does not know names nothing. What counts against it is about it as well if it names no digest, because
// the document was signed for it.
func (s saying) means(p inventory.Product, digest string) bool {
	if s.Status != "not_affected" && len(p.SHA256) == 0 {
		return true
	}
	return len(p.SHA256) > 0 && !slices.ContainsFunc(p.SHA256, func(d string) bool { return d != digest })
}

// covers reports whether a saying is about a finding: by an id of the scanner's report, and about its component or
// about all of them.
func (s saying) covers(digest string, f inventory.Finding) bool {
	if !slices.Contains(f.Names(), s.ID) {
		return false
	}
	return len(s.Products) == 0 && s.Status != "not_affected" || slices.ContainsFunc(s.Products, func(p inventory.Product) bool {
		return s.means(p, digest) && (len(p.Components) == 0 || slices.Contains(p.Components, f.Component))
	})
}

// before reports whether a saying was replaced by n, which is newer. Dates in two documents that are equally new say
// nothing: they are typed.
func (s saying) before(n saying) bool {
	return s.signed.Before(n.signed) || s.document == n.document && s.Time.Before(n.Time)
}

// justified are the reasons that a VEX may give (OpenVEX v0.2.0, status justifications).
var justified = []string{"component_not_present", "vulnerable_code_not_present", "vulnerable_code_not_in_execute_path",
	"vulnerable_code_cannot_be_controlled_by_adversary", "inline_mitigations_already_exist"}

// excused reports whether the newest that is said of a finding is that it does not affect the artifact, with a
// reason. Where equally new sayings differ, none of them excuses.
func (v view) excused(f inventory.Finding) bool {
	var newest []saying
	for _, s := range v.sayings {
		if s.covers(v.digest, f) && !slices.ContainsFunc(newest, s.before) {
			newest = append(newest, s)
		}
	}
	return len(newest) > 0 && !slices.ContainsFunc(newest, func(s saying) bool {
		return s.Status != "not_affected" || !slices.Contains(justified, s.Justification)
	})
}

// affected is a vulnerability of which the newest that is said is that it affects the artifact, and of which the
// scanner's report has no severity.
func (v view) affected(r inventory.Report) *miss {
	for i, s := range v.sayings {
		replaced := slices.ContainsFunc(v.sayings[:i], func(n saying) bool { return n.ID == s.ID && s.before(n) })
		found := slices.ContainsFunc(r.Scan.Findings, func(f inventory.Finding) bool { return slices.Contains(f.Names(), s.ID) })
		if s.Status != "affected" || replaced || found {
			continue
		}
		return &miss{code: fault.Findings, reason: fmt.Sprintf("a VEX says that %s affects the artifact, and the report does not say how bad it is", s.ID),
			found: s.ID + " (unknown)", wanted: "nothing that is " + string(v.Below) + " or worse",
			hint: "update what is affected, build and scan again; or have the one who signed the VEX say what has changed"}
	}
	return nil
}
