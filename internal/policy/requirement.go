package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/inventory"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// Requirement is evidence that has to be there. What is here holds for evidence of every
// kind: who signed it, under which trust, when and in which run. What it states is for
// its kind to judge.
type Requirement struct {
	Name     string        // as in the policy file
	Mode     Mode          // of this requirement alone
	Kind     Evidence      // what the evidence is
	MaxAge   time.Duration // 0: any age
	SignedBy []Signer      // none: who builds the artifact
	Trust    *Trust        // nil: that of the artifact
	Jobs     []string      // jobs of the run that have to have succeeded; none: the whole run
	Line     int
}

// Evidence is a kind of evidence. The kinds are a closed set: each is a type in a file of its
// own, and a line of the table kinds.
type Evidence interface {
	// types are the predicate types of such evidence, any of which meets the requirement.
	types() []string
	// title is what the evidence is called in a message.
	title() string
	// unchecked reports whether the policy accepts the evidence without a look at its content.
	unchecked() bool
	// passable reports whether a policy may let a requirement of this kind pass that is not
	// met.
	passable() bool
	// loosened adds to l what the evidence may be now and might not be for was, a requirement of
	// the same name.
	loosened(l *loosening, was Requirement)
	// judge says what the content of the fact that is looked at misses; or nil.
	judge(x look) *miss
}

// look is one fact as one of those may have signed it who may meet a requirement.
type look struct {
	in       Input
	artifact Artifact
	c        indexed
	q        Requirement
	signer   Signer
	fact     Fact
}

// kinds are the kinds of evidence by the names that a policy file has for them, with the
// keys that the file may have for such a requirement alone.
var kinds = []kindEntry{
	{"provenance", []string{"inputs", "content", "caches", "builder"}, readProvenance},
	{string(inventory.SBOM), []string{"generator", "inputs", "asserted", "completeness"}, readSBOM},
	{string(inventory.Vulnerabilities), []string{"scanner", "inputs", "asserted", "below", "database-max-age", "coverage", "exclusions", "not-called", "known-exploited", "vex"}, readVulnerabilities},
	{string(inventory.TestResults), []string{"runner", "inputs", "asserted", "at-least", "suites"}, readTests},
	{"summary", []string{"verifier", "policies", "resource", "levels"}, readSummary},
	{"entered", []string{"environment", "for"}, readAfter},
	{"materials", []string{"observed", "network", "source", "dependencies", "toolchains", "hosts", "references", "outside", "explained"}, readMaterials},
	{"reproduced", []string{"by", "independent"}, readReproduced},
	{anyURI, nil, readPredicate},
}

type kindEntry struct {
	name string
	keys []string
	read func(r *reader, name string, m mapping) Evidence
}

// anyURI stands for each name that is the URI of a predicate type. It comes last.
const anyURI = "://"

// kindNamed returns the kind that a policy file calls name. A name that is not known is
// read as a URI.
func kindNamed(name string) (k kindEntry, known bool) {
	for _, k = range kinds {
		if k.name == name {
			return k, true
		}
	}
	return k, strings.Contains(name, anyURI)
}

// kindNames are the names of kinds that are no URIs.
func kindNames() []string {
	var out []string
	for _, k := range kinds {
		if k.name != anyURI {
			out = append(out, k.name)
		}
	}
	return out
}

// wants reports whether evidence of a predicate type can meet q.
func (q Requirement) wants(predicateType string) bool {
	return slices.Contains(q.Kind.types(), predicateType)
}

// content says what the fact that is looked at does not state as q wants it; or nil.
func (q Requirement) content(x look) *miss {
	var m *miss
	if t := x.fact.Statement.Type; x.signer.Workflow != nil && t != statement.TypeV1 && t != statement.TypeV01 {
		m = &miss{code: fault.Statement, reason: "the statement is of another version", found: orAbsent(t),
			wanted: statement.TypeV1 + " or " + statement.TypeV01}
	} else {
		m = q.Kind.judge(x)
	}
	if m != nil {
		m.stage, m.line = atContent, q.Line
	}
	return m
}

// indexed is a candidate whose facts are found by their predicate types.
type indexed struct {
	Candidate
	byType map[string][]int    // numbers of facts, in order
	looked map[looked]lookedAt // what check said, so that no fact is looked at twice for one requirement
}

// looked is a fact, by its number, that was held against a requirement, by its name.
type looked struct {
	requirement string
	fact        int
}

type lookedAt struct {
	by   Signer
	miss *miss
}

// check is check of a fact with a number, once.
func (x indexed) check(in Input, a Artifact, q Requirement, i int) (Signer, *miss) {
	key := looked{q.Name, i}
	if at, known := x.looked[key]; known {
		return at.by, at.miss
	}
	s, m := check(in, a, x, q, x.Facts[i])
	x.looked[key] = lookedAt{s, m}
	return s, m
}

// indexed returns c with an index of its facts.
func (c Candidate) indexed() indexed {
	x := indexed{c, map[string][]int{}, map[looked]lookedAt{}}
	for i, f := range c.Facts {
		x.byType[f.Statement.PredicateType] = append(x.byType[f.Statement.PredicateType], i)
	}
	return x
}

// wanted are the numbers of the facts that are of the kind that q wants, in order.
func (x indexed) wanted(q Requirement) []int {
	var out []int
	for _, t := range q.Kind.types() {
		out = append(out, x.byType[t]...)
	}
	slices.Sort(out)
	if k, ok := q.Kind.(interface{ reads() inventory.Kind }); ok {
		out = slices.DeleteFunc(out, func(i int) bool {
			return inventory.Other(k.reads(), x.Facts[i].Statement.PredicateType, x.Facts[i].Statement.Predicate)
		})
	}
	return out
}

// unwanted are the predicate types of facts about the whole candidate that are not of the
// kind that q wants, in the order in which they come.
func (x indexed) unwanted(q Requirement) []string {
	var out []string
	for _, f := range x.Facts {
		if t := f.Statement.PredicateType; !q.wants(t) && !x.partial(f) && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}
