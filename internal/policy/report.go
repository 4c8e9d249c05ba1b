package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/inventory"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// reports is a kind of evidence that a tool has written. A signer may have signed several about
// one artifact; then the newest one counts, and what an earlier one had against the artifact is not
// forgotten.
type reports interface {
	Evidence
	// reads says as what the evidence is read.
	reads() inventory.Kind
	// against says what r, the newest report of a signer, holds against the artifact, whatever others report; or nil.
	against(x look, r inventory.Report) *miss
	// lost says what an earlier report holds against the artifact and the newest one leaves out; or nil.
	lost(x look, newest, earlier inventory.Report) *miss
	// accepted is what the report lacks and the policy lets pass, in words.
	accepted(x look) []string
	// says tells what a report says that meets the requirement.
	says(r inventory.Report) string
	// rules are what the kinds of reports have in common.
	rules() reporting
}

// reporting is what the kinds of reports have in common.
type reporting struct {
	Kind inventory.Kind
	// Own says that workflows of the repositories that build may report. They are written by
	// the people whose work is judged.
	Own bool
	// Tools are those that may have written a report. None: any.
	Tools []Tool
	// Inputs are what a caller may choose for the workflow that reports; Listed, that the
	// policy says so. No report shows what a command line left out.
	Inputs []string
	Listed bool
	// Whole says that nothing of a report may rest on the word of its signer alone.
	Whole bool
}

// Tool is a program that writes reports.
type Tool struct {
	Name string // in lower case
	Min  string // the oldest version that counts; "": any
}

// readReporting reads the keys that all kinds of reports have. tool is the key that names tools.
func readReporting(r *reader, kind inventory.Kind, tool string, m mapping) reporting {
	p := reporting{Kind: kind}
	if m == nil {
		return p
	}
	if n := m.get(tool); n != nil {
		p.tools(r, n, tool)
	}
	if n := m.get("inputs"); n != nil {
		p.Listed, p.Inputs = true, r.inputs(n)
	}
	if n := m.get("asserted"); n != nil {
		p.Whole = r.choice(n, "asserted", "accepted", "refused") == "refused"
	}
	return p
}

// tools reads who may report: the word own, tools, or a list of both.
func (p *reporting) tools(r *reader, n *yamlnode.Node, key string) {
	if n.Kind != yamlnode.List {
		p.Own = r.choice(n, key, ownReports) == ownReports
		return
	}
	for _, x := range r.list(n, key) {
		if x.Kind != yamlnode.Map {
			p.Own = r.choice(x, key, ownReports) == ownReports
			continue
		}
		m := r.mapping(x, key, "name", "min-version")
		r.require(m, x, key, "name")
		p.Tools = append(p.Tools, Tool{strings.ToLower(r.exact(m.get("name"), "name", toolName)), r.exact(m.get("min-version"), "min-version", toolVersion)})
	}
}

// ownReports is the word of a policy that accepts reports of the repository's own workflows.
const ownReports = "own"

var (
	toolName    = shaped(`^[A-Za-z0-9][A-Za-z0-9 ._/-]*$`, "the name of a tool as its reports have it")
	toolVersion = shaped(`^v?[0-9]{1,9}(\.[0-9]{1,9}){0,3}$`, "a version of numbers and dots")
)

func (p reporting) reads() inventory.Kind { return p.Kind }

func (p reporting) rules() reporting { return p }

func (p reporting) types() []string { return inventory.Types(p.Kind) }

func (p reporting) unchecked() bool { return false }

func (p reporting) passable() bool { return true }

func (p reporting) loosenedReporting(l *loosening, name string, old reporting) {
	l.accepts("reports of the repository's own workflows for "+name, old.Own, p.Own)
	l.accepts("any tool for "+name, len(old.Tools) == 0, len(p.Tools) == 0)
	l.accepts("any input for "+name, !old.Listed, !p.Listed)
	l.accepts("what the signer of "+name+" asserts", !old.Whole, !p.Whole)
}

// reading keeps what statements say, so that none is read twice.
type reading map[readKey]readReport

type readKey struct {
	kind inventory.Kind
	at   memory
}

type readReport struct {
	report inventory.Report
	err    error
}

// report is what the fact that is looked at says as a report of a kind.
func (in Input) report(kind inventory.Kind, f Fact) (inventory.Report, error) {
	key := readKey{kind, memoryOf(f.Statement)}
	if r, ok := in.read[key]; ok {
		return r.report, r.err
	}
	r, err := inventory.FromPredicate(kind, f.Statement.PredicateType, f.Statement.Predicate)
	if notes := f.Statement.Subject; err == nil && len(notes) > 0 && notes[0].Annotations != nil && r.Inputs == nil && r.Asserted == nil {
		r, err = r.With(notes[0].Annotations.Report)
	}
	if in.read != nil {
		in.read[key] = readReport{r, err}
	}
	return r, err
}

// common judges what all reports have to be: read, of a tool that counts, with inputs that are
// known, and about the artifact.
func (p reporting) common(x look) (inventory.Report, *miss) {
	r, err := x.in.report(p.Kind, x.fact)
	if err != nil {
		f := fault.Of(err)
		return r, &miss{code: f.Code, reason: "the report cannot be read", found: f.Error(), wanted: "a report that can be read in one way", hint: f.Hint}
	}
	for _, m := range []*miss{apart(x, r), p.tool(r), p.chosen(r), p.about(x, r), p.dated(x, r)} {
		if m != nil {
			return r, m
		}
	}
	return r, nil
}

// Summarised is a document that a statement only summarises.
type Summarised struct {
	Digest subject.Digest
	Bytes  int
}

// Apart returns the documents that the evidence of c summarises, each once: a statement without its document is no
// evidence, so a gate looks for them.
func Apart(c Candidate) []Summarised {
	var out []Summarised
	for _, f := range c.Facts {
		for _, kind := range []inventory.Kind{inventory.SBOM, inventory.VEX} {
			if !inventory.Summary(f.Statement.PredicateType) || inventory.Other(kind, f.Statement.PredicateType, f.Statement.Predicate) {
				continue
			}
			r, err := (Input{}).report(kind, f)
			d, bad := subject.ParseHex(r.Document.SHA256)
			if err == nil && bad == nil && !slices.Contains(out, Summarised{d, r.Document.Bytes}) {
				out = append(out, Summarised{d, r.Document.Bytes})
			}
		}
	}
	return out
}

// apart wants the document to be there that a report only summarises.
func apart(x look, r inventory.Report) *miss {
	if !r.Document.Apart || slices.Contains(x.c.Documents, r.Document.SHA256) {
		return nil
	}
	return &miss{code: fault.EvidenceMissing, reason: "the document is missing that the report summarises", found: "no file sha256:" + r.Document.SHA256,
		wanted: fmt.Sprintf("the %s file of %d bytes", r.Document.Format, r.Document.Bytes),
		hint:   "hand it over with the bundles: bundle; or attest it with a store that keeps documents, such as store: oci"}
}

// tool wants one of the tools that the policy names.
func (p reporting) tool(r inventory.Report) *miss {
	if len(p.Tools) == 0 {
		return nil
	}
	var names []string
	for _, t := range p.Tools {
		if strings.EqualFold(t.Name, r.Tool.Name) && (t.Min == "" || !older(r.Tool.Version, t.Min)) {
			return nil
		}
		names = append(names, strings.TrimSpace(t.Name+" "+atLeast(t.Min)))
	}
	m := &miss{code: fault.Report, reason: "another tool has written the report than the policy names",
		found: orAbsent(strings.TrimSpace(r.Tool.Name + " " + r.Tool.Version)), wanted: strings.Join(names, " or "),
		hint: "use a tool and a version that the policy names"}
	switch {
	case r.Tool.Name == "":
		m.reason, m.hint = "the report does not say which tool has written it", "say it when it is attested: --tool NAME@VERSION"
	case !slices.ContainsFunc(p.Tools, func(t Tool) bool { return strings.EqualFold(t.Name, r.Tool.Name) }):
	case r.Tool.Version == "":
		m.reason, m.hint = "the report does not say which version of the tool has written it",
			"say it when it is attested: --tool NAME@VERSION, or --tool-version with what the tool says of itself"
	default:
		m.reason, m.hint = "the report is of an older version of the tool than the policy names, or of none that can be compared", "update the tool, and report again"
	}
	return m
}

func atLeast(version string) string {
	if version == "" {
		return ""
	}
	return version + " or newer"
}

// older reports whether version v is older than least, of which it knows the numbers. A version that
// is not made of numbers is older than any.
func older(v, least string) bool {
	a, early, ok := numbers(v)
	b, _, _ := numbers(least)
	if !ok {
		return true
	}
	return cmp.Or(slices.Compare(a, b), -early) < 0
}

// numbers are the numbers of a version, without zeros at its end; early is 1 where a word after them says that it
// comes before them, as in 1.2.0-rc.1.
func numbers(v string) (out []int, early int, ok bool) {
	v = strings.TrimPrefix(strings.TrimSpace(v), "v")
	v, _, _ = strings.Cut(v, "+")
	head, word, _ := strings.Cut(v, "-")
	for _, s := range strings.Split(head, ".") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return nil, 0, false
		}
		out = append(out, n)
	}
	for len(out) > 0 && out[len(out)-1] == 0 {
		out = out[:len(out)-1]
	}
	if word != "" {
		early = 1
	}
	return out, early, true
}

// chosen wants no input of the reporting workflow but those that the policy lists.
func (p reporting) chosen(r inventory.Report) *miss {
	if !p.Listed {
		return nil
	}
	wanted := "no inputs"
	if len(p.Inputs) > 0 {
		wanted = "no inputs but " + strings.Join(p.Inputs, ", ")
	}
	if r.Inputs == nil {
		return &miss{code: fault.Report, reason: "the report does not say which inputs its workflow was given", found: "nothing", wanted: wanted,
			hint: "record them in the workflow that reports: report-inputs of attest"}
	}
	for _, name := range sortedNames(r.Inputs) {
		if !slices.ContainsFunc(p.Inputs, func(l string) bool { return fits(l, name) }) {
			return &miss{code: fault.Report, reason: "the workflow that reports was given an input that the policy does not list",
				found: name, wanted: wanted, hint: "call it without that input; a caller could use it to leave something out"}
		}
	}
	return nil
}

// fits reports whether a name is the one listed, or begins like one that ends in *.
func fits(listed, name string) bool {
	if head, open := strings.CutSuffix(listed, "*"); open {
		return strings.HasPrefix(name, head)
	}
	return listed == name
}

func sortedNames(in inventory.Inputs) []string {
	var out []string
	for k := range in {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// about wants a report that names digests to name that of the artifact.
func (p reporting) about(x look, r inventory.Report) *miss {
	want := x.digest()
	switch {
	case len(r.About) == 0 && p.Whole:
		return &miss{code: fault.Report, reason: "the report names no digest of what it is about, and the policy does not take its signer's word",
			found: orAbsent(r.Named), wanted: "sha256:" + want, hint: "have the tool look at the artifact by its digest, or let it write a format that names digests"}
	case len(r.About) == 0 || slices.Contains(r.About, want):
	default:
		return &miss{code: fault.SubjectMismatch, reason: "the report is about something else than the artifact",
			found: "sha256:" + r.About[0], wanted: "sha256:" + want, hint: "report about this artifact: run the tool on the digest that enters"}
	}
	if len(r.Asserted) > 0 && p.Whole {
		return &miss{code: fault.Report, reason: "the signer has added to the report, and the policy does not take their word",
			found: strings.Join(r.Asserted, ", "), wanted: "a report that says it itself", hint: "use a format of the tool that has it"}
	}
	return nil
}

// dated wants the time that a report gives to be not later than its signature and not older than
// evidence may be. A report without a time is as old as its signature: that is its signer's word.
func (p reporting) dated(x look, r inventory.Report) *miss {
	switch {
	case r.Time.IsZero() && p.Whole && x.q.MaxAge > 0:
		return &miss{code: fault.Stale, reason: "the report does not say when it was made, and the policy does not take its signer's word", found: "no time",
			wanted: "at most " + Age(x.q.MaxAge), hint: "use a format of the tool that has the time"}
	case r.Time.IsZero():
		return nil
	case !x.fact.Time.IsZero() && r.Time.Sub(x.fact.Time) > Skew:
		return &miss{code: fault.Time, reason: "the report says that it was made after it was signed", found: r.Time.UTC().Format(time.RFC3339),
			wanted: "not after " + x.fact.Time.UTC().Format(time.RFC3339), hint: "look at the clock of the machine that reports"}
	case x.q.MaxAge > 0 && x.in.Now.Sub(r.Time) > x.q.MaxAge && !x.in.passesAge(x.q):
		return &miss{code: fault.Stale, reason: "the report was made too long ago", found: Age(x.in.Now.Sub(r.Time)), wanted: "at most " + Age(x.q.MaxAge),
			hint: "run the tool again, and attest what it writes"}
	}
	return nil
}

// accepted are the words of what rests on the signer's word.
func (p reporting) accepted(x look) []string {
	var out []string
	if p.Own {
		out = append(out, p.word()+": own")
	}
	r, err := x.in.report(p.Kind, x.fact)
	if err != nil {
		return out
	}
	asserted := slices.Clone(r.Asserted)
	if len(r.About) == 0 {
		asserted = append([]string{"subject"}, asserted...)
	}
	if r.Time.IsZero() && !slices.Contains(asserted, "time") {
		asserted = append(asserted, "time")
	}
	if len(asserted) > 0 {
		out = append(out, "asserted by the signer: "+strings.Join(asserted, ", "))
	}
	return out
}

// word is the key under which a policy names tools.
func (p reporting) word() string {
	switch p.Kind {
	case inventory.SBOM:
		return "generator"
	case inventory.TestResults:
		return "runner"
	default:
		return "scanner"
	}
}

// counted are the numbers of the facts that may meet q: of reports, the newest of each signer alone. It says what that
// one holds against the artifact, whatever others report.
func (in Input) counted(a Artifact, q Requirement, c indexed) ([]int, *miss) {
	all := c.wanted(q)
	if _, ok := q.Kind.(reports); !ok {
		return all, nil
	}
	replaced := map[int]bool{}
	for _, of := range in.reportsOf(a, c, q) {
		newest, m := in.newest(a, c, q, of)
		if m != nil {
			m.stage, m.line = atContent, q.Line
			return nil, m
		}
		for _, i := range of.facts {
			replaced[i] = i != newest
		}
	}
	return slices.DeleteFunc(all, func(i int) bool { return replaced[i] }), nil
}

// signedReports are the reports of one signer about one thing, by the numbers of their facts, the newest first.
type signedReports struct {
	signer Signer
	facts  []int
}

// reportsOf are the reports for q by who signed them and by what they are about, as far as they are
// young enough to count.
func (in Input) reportsOf(a Artifact, c indexed, q Requirement) []signedReports {
	type key struct {
		signer int
		image  subject.Digest
	}
	signers := q.signers(a)
	at := map[key]int{}
	var out []signedReports
	for _, i := range c.wanted(q) {
		f := &c.Facts[i]
		if q.MaxAge > 0 && in.Now.Sub(f.Time) > q.MaxAge && !in.passesAge(q) {
			continue
		}
		n := slices.IndexFunc(signers, func(s Signer) bool {
			return f.Trust == q.trust(a, s).ID() && s.signed(*f) == nil && (s.Workflow == nil || checkRef(in, *s.Workflow, *f) == nil)
		})
		if n < 0 {
			continue
		}
		w := key{n, f.image()}
		if _, known := at[w]; !known {
			at[w], out = len(out), append(out, signedReports{signer: signers[n]})
		}
		of := &out[at[w]]
		of.facts = append(of.facts, i)
	}
	for _, of := range out {
		slices.SortStableFunc(of.facts, func(x, y int) int { return c.Facts[y].Time.Compare(c.Facts[x].Time) })
	}
	return out
}

// newest returns the number of the newest report of a signer, or what there is against the artifact.
func (in Input) newest(a Artifact, c indexed, q Requirement, of signedReports) (int, *miss) {
	k := q.Kind.(reports)
	first := c.Facts[of.facts[0]]
	x := look{in, a, c, q, of.signer, first}
	r, err := in.report(k.reads(), first)
	if err == nil {
		if m := k.against(x, r); m != nil {
			return 0, m
		}
	}
	for _, i := range of.facts[1:] {
		f := &c.Facts[i]
		if f.StatementHash == first.StatementHash && string(f.Statement.Predicate) == string(first.Statement.Predicate) {
			continue // the same statement, found twice
		}
		if f.Time.Equal(first.Time) {
			return 0, &miss{code: fault.Conflict, reason: "two reports of one signer are equally new, so neither is the newest",
				found: f.StatementHash.String() + " and " + first.StatementHash.String(), wanted: "one newest report",
				hint: "report once more, and attest that"}
		}
		earlier, bad := in.report(k.reads(), *f)
		if bad != nil || err != nil {
			continue
		}
		if m := k.lost(x, r, earlier); m != nil {
			return 0, m
		}
	}
	return of.facts[0], nil
}

// evidence are the requirements of e, each followed by those that it rests on.
func (e Environment) evidence() []Requirement {
	var out []Requirement
	for _, q := range e.Requires {
		out = append(out, q)
		if k, ok := q.Kind.(interface {
			rests(Requirement) []Requirement
		}); ok {
			out = append(out, k.rests(q)...)
		}
	}
	return out
}

// outside complains about reports that people of the repository could make themselves, unless the
// policy accepts that by name.
func (r *reader) outside(p *Policy) {
	for _, e := range p.Environments {
		for _, q := range e.Requires {
			k, ok := q.Kind.(reports)
			if !ok {
				continue
			}
			x := k.rules()
			switch s, inside := p.inside(q); {
			case inside && !x.Own:
				r.complainAt(q.Line, 0, "%s counts only from a workflow outside of the repositories that build, by its commit, and %s is inside: "+
					"name one under signed-by, with signer: OWNER/REPOSITORY/PATH@COMMIT; or accept the repository's own with %s: %s",
					q.Name, s, x.word(), ownReports)
			case !x.Listed && !x.Own && q.called():
				r.complainAt(q.Line, 0, "%s is reported by a workflow that a repository calls, so the policy has to say which inputs the caller may choose: "+
					"inputs: none, or a list of their names", q.Name)
			}
		}
	}
}

// inside returns the first who may sign for q and is of a repository that builds.
func (p *Policy) inside(q Requirement) (string, bool) {
	if len(q.SignedBy) == 0 {
		return "the workflow that builds", true
	}
	for _, s := range q.SignedBy {
		if s.Workflow != nil && p.builds(*s.Workflow) && (s.Workflow.SignerDigest == "" || p.buildsAt(*s.Workflow, s.Workflow.Signer)) {
			return s.String(), true
		}
	}
	return "", false
}

// builds reports whether the repository of b builds an artifact.
func (p *Policy) builds(b Builder) bool {
	return slices.ContainsFunc(p.builders(), func(o Builder) bool {
		return o.Forge.Host == b.Forge.Host && (o.RepositoryID == b.RepositoryID || strings.EqualFold(o.Repository, b.Repository))
	})
}

// buildsAt reports whether a called workflow, as OWNER/REPOSITORY/PATH@REF, is of a repository that builds.
func (p *Policy) buildsAt(b Builder, called string) bool {
	return slices.ContainsFunc(p.builders(), func(o Builder) bool {
		return o.Forge.Host == b.Forge.Host && strings.HasPrefix(strings.ToLower(called), strings.ToLower(o.Repository)+"/")
	})
}

// reporterNames names everybody who may report for q, as part of a next step: of a workflow that others call, it names that one.
func (q Requirement) reporterNames(a Artifact) string {
	var all []string
	for _, s := range q.signers(a) {
		name := s.String()
		if b := s.Workflow; b != nil && b.Signer != "" {
			name = b.Signer + ", called in " + b.Repository
		}
		all = append(all, name)
	}
	return strings.Join(all, ", or ")
}

// called reports whether a workflow that others call may sign for q.
func (q Requirement) called() bool {
	return slices.ContainsFunc(q.SignedBy, func(s Signer) bool { return s.Workflow != nil && s.Workflow.Signer != "" })
}

// listed joins the first few of all, and says how many more there are.
func listed(all []string) string {
	const few = 5
	if len(all) <= few {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s, and %d more", strings.Join(all[:few], ", "), len(all)-few)
}
