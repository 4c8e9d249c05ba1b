package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Summary is what another verifier says of an artifact. Its signer and its verifier belong together: a signer may
// have several verifiers, and anybody may write the name of one.
type Summary struct {
	Verifier string           // verifier.id, exact
	Policies []subject.Digest // of which one was applied
	Resource string           // resourceUri, exact; "": a summary that has one is refused
	Levels   []string         // that were verified; of a SLSA track a higher one counts too
}

func readSummary(r *reader, _ string, m mapping) Evidence {
	var p Summary
	if m == nil {
		return p
	}
	p.Verifier, p.Resource = r.text(m.get("verifier"), "verifier"), r.text(m.get("resource"), "resource")
	for _, n := range r.list(m.get("policies"), "policies") {
		p.Policies = append(p.Policies, r.pin(n))
	}
	for _, n := range r.list(m.get("levels"), "levels") {
		p.Levels = append(p.Levels, r.text(n, "levels"))
	}
	return p
}

// summarised complains about summaries of which the policy does not say whose they are and what they have to say.
func (r *reader) summarised(p *Policy) {
	for _, e := range p.Environments {
		for _, q := range e.Requires {
			k, ok := q.Kind.(Summary)
			if !ok {
				continue
			}
			var lacks []string
			for _, x := range []struct {
				key string
				ok  bool
			}{{"signed-by", len(q.SignedBy) > 0}, {"verifier", k.Verifier != ""}, {"policies", len(k.Policies) > 0}, {"levels", len(k.Levels) > 0}} {
				if !x.ok {
					lacks = append(lacks, x.key)
				}
			}
			if len(lacks) > 0 {
				r.complainAt(q.Line, 0, "%s needs %s: the signer of a summary decides for you", q.Name, strings.Join(lacks, " and "))
			}
		}
	}
}

func (p Summary) types() []string { return statement.Summaries() }

func (p Summary) title() string { return "a verification summary (VSA or SVR) of " + p.Verifier }

func (p Summary) unchecked() bool { return false }

func (p Summary) passable() bool { return true }

func (p Summary) loosened(l *loosening, was Requirement) {
	old, _ := was.Kind.(Summary) // as the name says
	l.accepts("another verifier of "+was.Name, false, p.Verifier != old.Verifier)
	for _, x := range old.Levels {
		l.accepts(fmt.Sprintf("a summary without %s", x), false, !slices.ContainsFunc(p.Levels, func(y string) bool { return meetsLevel(y, x) }))
	}
	for _, x := range p.Policies {
		l.accepts("a summary under the policy "+x.String(), slices.Contains(old.Policies, x), true)
	}
}

func (p Summary) judge(x look) *miss {
	if x.fact.Statement.IsEntry() {
		return Predicate{statement.SummaryV1}.judge(x)
	}
	v, err := x.fact.Statement.Verified()
	if err != nil {
		f := fault.Of(err)
		return &miss{code: f.Code, reason: "the summary cannot be read", found: f.Error(), wanted: "a summary as its specification has it", hint: "ask its verifier for another one"}
	}
	m := &miss{code: fault.Predicate, hint: "look at what the verifier says, and at the keys of " + x.q.Name}
	var policies []string
	for _, d := range p.Policies {
		policies = append(policies, d.String())
	}
	switch {
	case v.Verifier != p.Verifier:
		m.reason, m.found, m.wanted = "the summary is of another verifier", v.Verifier, p.Verifier
	case v.Resource != p.Resource && x.fact.Statement.PredicateType == statement.SummaryV1:
		m.reason, m.found, m.wanted = "the summary is about another resource", orAbsent(v.Resource), orAbsent(p.Resource)
	case !v.Passed:
		m.reason, m.found, m.wanted = "the verifier did not let the artifact pass", "a result other than PASSED", "PASSED"
		m.hint = "find out why: " + v.Verifier
	case !slices.Contains(p.Policies, v.Policy):
		m.reason, m.found, m.wanted = "another policy was applied, or the summary does not say which", "none", strings.Join(policies, " or ")
		if v.Policy != (subject.Digest{}) {
			m.found = v.Policy.String()
		}
	case x.q.MaxAge > 0 && v.Time.IsZero():
		m.code, m.reason, m.found, m.wanted = fault.Stale, "the summary does not say when it was made", "no time", "at most "+Age(x.q.MaxAge)
	case x.q.MaxAge > 0 && x.in.Now.Sub(v.Time) > x.q.MaxAge && !x.in.passesAge(x.q):
		m.code, m.reason, m.found, m.wanted = fault.Stale, "the summary is too old", Age(x.in.Now.Sub(v.Time)), "at most "+Age(x.q.MaxAge)
		m.hint = "have it verified again"
	case !x.fact.Time.IsZero() && v.Time.Sub(x.fact.Time) > Skew:
		m.code, m.reason, m.found, m.wanted = fault.Time, "the summary says that it was made after it was signed", v.Time.UTC().String(), "a time before the signature"
	default:
		for _, want := range p.Levels {
			if !slices.ContainsFunc(v.Levels, func(l string) bool { return meetsLevel(l, want) }) {
				m.reason, m.found, m.wanted = "the summary does not say that this was verified: "+want, orAbsent(strings.Join(v.Levels, ", ")), strings.Join(p.Levels, ", ")
				return m
			}
		}
		return nil
	}
	return m
}

// meetsLevel reports whether a level is the one that is wanted, or a higher one of its SLSA track.
func meetsLevel(has, want string) bool {
	a, n, ok := statement.Level(has)
	b, least, both := statement.Level(want)
	return has == want || ok && both && a == b && n >= least
}
