package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// BuildQuery asks a door what the jobs did that led to a signature, as the files say that ran.
type BuildQuery struct {
	Repository   string `json:"repository"`   // address, as in a certificate
	Run          string `json:"run"`          // address of the run or job, as in the certificate
	Commit       string `json:"commit"`       // that was built
	Config       string `json:"config"`       // the workflow that was started, with its ref
	ConfigCommit string `json:"configCommit"` // its commit
	Signer       string `json:"signer"`       // the workflow whose job signed, with its ref
	SignerCommit string `json:"signerCommit"` // its commit
	Environment  string `json:"environment"`  // that the job was in, as the certificate says it; "": it says none
	Subject      string `json:"subject"`      // of the job's token, which may name an environment as well
}

// Build is the platform's word about a BuildQuery.
type Build struct {
	Query BuildQuery `json:"query"`
	Jobs  []BuildJob `json:"jobs,omitempty"` // that may have signed, and all that they need
	// Unread says why the files, which are there, do not tell it; "": they do.
	Unread string `json:"unread"`
	Why    string `json:"why"`  // why the platform could not be asked, in words
	Need   string `json:"need"` // what is missing, as a next step
	Off    string `json:"off"`  // what stops each cache of the platform, as an imperative; "": nothing does
}

// BuildJob is a job of a run, as its file describes it.
type BuildJob struct {
	Name      string  `json:"name"`      // the file, and the job in it
	Signs     bool    `json:"signs"`     // the certificate may be of this job
	CacheMode string  `json:"cacheMode"` // what the file says about the platform's cache; ""
	NoCache   bool    `json:"noCache"`   // the platform lets the job restore nothing from its cache
	Caches    []Cache `json:"caches,omitempty"`
	// Unknown are what the job uses and may restore a cache, for all that is known.
	Unknown []string `json:"unknown,omitempty"`
	// Code are the steps that run, or may run, the project's code, in words.
	Code []string `json:"code,omitempty"`
	// Strange are what the job uses and may run the project's code, for all that is known.
	Strange []string `json:"strange,omitempty"`
	Runner  string   `json:"runner"` // what it runs on, where that may keep its disk; ""
}

// Cache is a cache that a job restores.
type Cache struct {
	What      string `json:"what"`      // the step, and why it counts
	Off       string `json:"off"`       // what switches it off, as an imperative
	Elsewhere bool   `json:"elsewhere"` // it is not the platform's
}

// A Bar is what provenance has to show beyond who signed it. What is not known counts against
// it, except what the author of the policy has looked at.
type Bar struct {
	Known []string // what the author of the policy vouches for, as a workflow names it
}

// usesText is what a step uses, as a workflow names it.
var usesText = shaped(`^(\./\S+|(?:docker|https)://\S+|[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+(@[A-Za-z0-9_./-]+)?)$`,
	"an action as a workflow names it, such as owner/name@v1")

// bar reads one word, or a mapping that says it with true, and what is known.
func (r *reader) bar(n *yamlnode.Node, key, word string) *Bar {
	if n == nil {
		return nil
	}
	if n.Kind != yamlnode.Map {
		r.choice(n, key, word)
		return &Bar{}
	}
	m := r.mapping(n, key, word, "known")
	r.require(m, n, key, word, "known")
	if x := m.get(word); x != nil && x.Text != "true" {
		r.complain(x, "%s %q, want true", word, scalar(x))
	}
	b := &Bar{}
	for _, x := range r.list(m.get("known"), "known") {
		b.Known = append(b.Known, r.exact(x, "known", usesText))
	}
	return b
}

// knows reports whether the author of the policy vouches for what a step uses: in each
// version where they name none.
func (b Bar) knows(uses string) bool {
	name, ref, _ := strings.Cut(uses, "@")
	return slices.ContainsFunc(b.Known, func(k string) bool {
		known, version, told := strings.Cut(k, "@")
		return strings.EqualFold(known, name) && (!told || version == ref)
	})
}

// unknown are those of all that b does not know, each once.
func (b Bar) unknown(all []string) []string {
	var out []string
	for _, u := range all {
		if !b.knows(u) && !slices.Contains(out, u) {
			out = append(out, u)
		}
	}
	return out
}

// loosened adds to l what b accepts and was did not.
func (b *Bar) loosened(l *loosening, what, of string, was *Bar) {
	switch {
	case was == nil:
	case b == nil:
		l.add("%s of %s is not asked any more", what, of)
	default:
		for _, k := range b.Known {
			if !slices.Contains(was.Known, k) {
				l.add("%s is known for %s of %s, and was not", k, what, of)
			}
		}
	}
}

// buildQuery returns what has to be asked about f for q; ok is false where nothing is.
func (q Requirement) buildQuery(s Signer, f statement.Signer) (BuildQuery, bool) {
	p, is := q.Kind.(Provenance)
	if !is || p.Caches == nil && p.Isolated == nil || s.Workflow == nil {
		return BuildQuery{}, false
	}
	return BuildQuery{Repository: f.Repository, Run: f.Run, Commit: f.Commit,
		Config: f.ConfigURI, ConfigCommit: f.ConfigDigest, Signer: f.SignerURI, SignerCommit: f.SignerDigest,
		Environment: f.Environment, Subject: f.TokenSubject}, true
}

// checkBuild wants the jobs that led to the signature to be as q wants them. Without an
// environment the platform was not asked.
func checkBuild(in Input, q Requirement, s Signer, f Fact) *miss {
	p, _ := q.Kind.(Provenance)
	if in.Environment == "" || p.Caches == nil && p.Isolated == nil {
		return nil
	}
	m := p.unshown(in, q, s, f)
	if m == nil {
		m = p.cached(in.built(q, s, f), f.Signer.Runner, s.Workflow.Forge.Runner)
	}
	if m == nil {
		m = p.exposed(in.built(q, s, f))
	}
	if m == nil {
		return nil
	}
	m.line = q.Line
	if m.stage == 0 {
		m.stage = atBuild
	}
	return m
}

// built is the platform's word about the build of f; its zero is that nothing is known.
func (in Input) built(q Requirement, s Signer, f Fact) Build {
	x, asked := q.buildQuery(s, f.Signer)
	for _, b := range in.Builds {
		if asked && b.Query == x {
			return b
		}
	}
	return Build{}
}

// code is under which code it is told that p is not met.
func (p Provenance) code() fault.Code {
	if p.Caches != nil {
		return fault.CacheUsed
	}
	return fault.Isolation
}

// A Foreseen is a requirement that a build of the files at hand would not meet.
type Foreseen struct {
	Code                               fault.Code
	Environment, Reason, Found, Wanted string
	Hint                               string
	Line                               int // of the requirement
}

// Foresee says which requirements about the jobs of a build x would not meet, if b builds it as
// its files say now. It decides nothing.
func (p *Policy) Foresee(b Builder, x Build) []Foreseen {
	var out []Foreseen
	for _, e := range p.Environments {
		for _, q := range e.Requires {
			k, is := q.Kind.(Provenance)
			if !is || len(q.SignedBy) > 0 || x.Unread != "" || x.Why != "" {
				continue
			}
			for _, m := range []*miss{k.cached(x, b.Runner, b.Forge.Runner), k.exposed(x)} {
				if m != nil {
					out = append(out, Foreseen{m.code, e.Name, m.reason, m.found, m.wanted, m.hint, q.Line})
				}
			}
		}
	}
	return out
}

// unshown says why it is not known what the jobs did; or nil.
func (p Provenance) unshown(in Input, q Requirement, s Signer, f Fact) *miss {
	b := in.built(q, s, f)
	switch {
	case s.Workflow == nil:
		return &miss{code: p.code(), found: orAbsent(f.Signer.SAN), wanted: "a workflow's certificate",
			reason: "the signer is not a workflow, so no file says what the build did",
			hint:   "let the workflow sign that builds, or ask for caches and builder in a requirement that it signs"}
	case b.Why != "":
		return &miss{stage: atAnswer, code: fault.NotAvailable, unanswered: true, found: b.Why, hint: b.Need,
			wanted: "the files of the run that made the evidence",
			reason: "the platform did not show the files of the run that made the evidence: " + bare(f.Signer.Run)}
	case b.Unread != "":
		return &miss{code: p.code(), found: b.Unread, wanted: "files that say which steps ran",
			reason: "the files of the run do not tell what its jobs did"}
	case !slices.ContainsFunc(b.Jobs, func(j BuildJob) bool { return j.Signs }):
		return &miss{code: p.code(), found: "nothing", wanted: "the jobs of the run that made the evidence",
			reason: "nothing is known about the jobs that led to the signature"}
	}
	return nil
}

// cached says which job may have restored a cache; or nil. A cache is what an earlier run left:
// a run that could write to it had a part in this build (F12). runner is what the job that signed ran on, and own
// what the platform operates itself.
func (p Provenance) cached(b Build, runner, own string) *miss {
	const wanted = "no cache in the job that signs, or in a job that it needs"
	const fresh = "run it on a machine that the platform makes for one job, and build it again"
	const looked = "read what it does and, where it restores none, name it under known in caches of the policy"
	if p.Caches == nil {
		return nil
	}
	for _, j := range b.Jobs {
		switch {
		case j.Runner != "":
			return &miss{code: fault.CacheUsed, found: fmt.Sprintf("%s runs on %s", j.Name, j.Runner), wanted: wanted, hint: fresh,
				reason: "a job that led to the signature may have run on a machine that keeps its disk, which is a cache"}
		case j.Signs && (own == "" || runner != own):
			return &miss{code: fault.CacheUsed, found: orAbsent(runner), wanted: orAbsent(own),
				reason: "the job that signed ran on a machine that may keep its disk, which is a cache", hint: fresh}
		}
		for _, c := range j.Caches {
			if j.NoCache && !c.Elsewhere {
				continue
			}
			m := &miss{code: fault.CacheUsed, found: j.Name + ": " + c.What, wanted: wanted,
				reason: "a job that led to the signature can restore a cache", hint: c.Off + ", and build it again"}
			if !c.Elsewhere && b.Off != "" {
				m.hint = fmt.Sprintf("%s, or %s, and build it again", c.Off, b.Off)
			}
			return m
		}
		if all := p.Caches.unknown(j.Unknown); len(all) > 0 && !j.NoCache {
			m := &miss{code: fault.CacheUsed, hint: looked, found: j.Name + ": " + strings.Join(all, ", "),
				wanted: "steps that are known to restore no cache",
				reason: "a job that led to the signature uses what may restore a cache, for all that is known here"}
			if b.Off != "" {
				m.hint = b.Off + " and build it again; or " + looked
			}
			return m
		}
	}
	return nil
}

// exposed says which step of the job that signs may run the project's code; or nil. What runs
// there can sign whatever it wants (F10, C22).
func (p Provenance) exposed(b Build) *miss {
	if p.Isolated == nil {
		return nil
	}
	for _, j := range b.Jobs {
		if !j.Signs {
			continue
		}
		if len(j.Code) > 0 {
			return &miss{code: fault.Isolation, found: j.Name + ": " + j.Code[0] + more(len(j.Code)-1),
				wanted: "a job that signs what another job built, and runs nothing of it",
				reason: "a job that may have signed runs code of the project, which could sign anything there",
				hint:   "build in a job that may not sign, hand the files over, and sign them in another"}
		}
		if all := p.Isolated.unknown(j.Strange); len(all) > 0 {
			return &miss{code: fault.Isolation, found: j.Name + ": " + strings.Join(all, ", "),
				wanted: "steps that are known to run none of the project's code",
				reason: "a job that may have signed uses what may run code of the project, for all that is known here",
				hint: "move it to a job that does not sign; or read what it does and, where it runs none, " +
					"name it under known in builder of the policy"}
		}
	}
	return nil
}

// vouched is what the policy says that it knows of steps, in words.
func (p Provenance) vouched() []string {
	var out []string
	for _, x := range []struct {
		b    *Bar
		what string
	}{{p.Caches, "restores no cache"}, {p.Isolated, "runs none of the project's code"}} {
		if x.b != nil && len(x.b.Known) > 0 {
			out = append(out,
				fmt.Sprintf("the policy says that each of these %s: %s", x.what, strings.Join(x.b.Known, ", ")))
		}
	}
	return out
}

// more tells that there are n more.
func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(", and %d more", n)
}

// asksBuilds reports whether entering an environment would ask what jobs did.
func (in Input) asksBuilds() bool {
	return slices.ContainsFunc(in.requires(), func(q Requirement) bool {
		p, is := q.Kind.(Provenance)
		return is && (p.Caches != nil || p.Isolated != nil)
	})
}
