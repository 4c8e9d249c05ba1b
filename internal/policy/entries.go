package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Recording says whether a job in an environment signs what it lets in.
type Recording string

// The ways. RecordOptional is the zero value: it signs where it can, and of what the
// entries say and what the platform lists, the commit that is further back counts.
const (
	RecordOptional Recording = ""
	RecordRequired Recording = "required" // it has to sign; what the platform lists moves nothing
	RecordOff      Recording = "off"
)

// Target returns the environment e, whose number is id, of the repository at home. It
// is false where the policy does not say which repository that is, or where the
// platform gives the environment no number: nothing can then be found by it.
func (p *Policy) Target(e Environment, home, id string) (statement.Target, bool) {
	for _, x := range p.Instances() {
		if !strings.HasPrefix(strings.ToLower(home), strings.ToLower(x.Forge.Host)+"/") {
			continue
		}
		number, ok := p.Home(e, x.Forge.Host)
		t := statement.Target{
			Issuer:     x.Forge.Issuer,
			Repository: statement.Origin{URI: home, ID: number},
			Name:       e.Name,
			ID:         id,
		}
		return t, ok && id != "" && number != ""
	}
	return statement.Target{}, false
}

// An Entry is an entry into an environment that counts.
type Entry struct {
	statement.Entered
	Link   statement.Link
	Signer statement.Signer
	Time   time.Time // verified time of signing
	// State says how the deployment ended: Succeeded, Failed, Unfinished where the
	// platform says that it goes on, or RunUnknown.
	State RunState
	Why   string // how that is known, in words
}

// has returns what e says of an artifact of the policy.
func (e Entry) has(artifact string) (statement.Admitted, bool) {
	i := slices.IndexFunc(e.Artifacts, func(a statement.Admitted) bool { return a.Artifact == artifact })
	if i < 0 {
		return statement.Admitted{}, false
	}
	return e.Artifacts[i], true
}

// A Chain is every entry into an environment that was found and counts.
type Chain struct {
	Entries []Entry          // the highest number first, and of one number the newest
	Missing []statement.Link // that entries name and that were not found, the highest first
	Passed  []string         // what was found and does not count, and why, in words
	// Foreign are entries of jobs in the environment, in workflows or on refs that the
	// policy at hand does not name: an earlier policy may have, and be in force.
	Foreign []Entry
	refs    []RefQuery   // of the jobs that signed them
	places  []PlaceQuery // of those whose certificates do not say where they were
}

// Chain reads the entries of in. An entry counts only if a job in the environment
// signed it, in a workflow that deploys, and if its number follows from those that
// it names.
func (in Input) Chain() Chain {
	var c Chain
	env, _ := in.Policy.Environment(in.Environment)
	of := map[string][]Entry{} // by number and run
	var endings []statement.Ending
	for _, f := range in.Entries.Facts {
		var why string
		switch f.Statement.PredicateType {
		case statement.SummaryV1:
			var e Entry
			if e, why = c.read(in, env, f); why == "" {
				if key := fmt.Sprint(e.Number, " ", e.Run); !slices.ContainsFunc(of[key], e.repeats) {
					c.Entries, of[key] = append(c.Entries, e), append(of[key], e)
				}
			}
		case statement.EndingV1:
			var e statement.Ending
			if e, why = c.readEnding(in, env, f); why == "" {
				endings = append(endings, e)
			}
		}
		if why != "" {
			c.pass(f, why)
		}
	}
	slices.SortStableFunc(c.Entries, func(a, b Entry) int {
		return cmp.Or(
			cmp.Compare(b.Number, a.Number),
			b.Time.Compare(a.Time),
			cmp.Compare(a.Link.SHA256, b.Link.SHA256),
		)
	})
	c.follow()
	said := c.written()
	for i := range c.Entries {
		c.Entries[i].settle(in, endings, said)
	}
	return c
}

// read reads a fact as an entry that counts, or says why it does not. Of a workflow
// that does not deploy, the chain keeps it apart.
func (c *Chain) read(in Input, env Environment, f Fact) (Entry, string) {
	e, why := in.entry(env, f)
	c.place(e.Target, f, e.Link.SHA256 != "")
	if why == "" {
		why = c.protected(in, f)
	}
	if why == "" {
		if why = in.deployer(env, e.Target, f.Signer); why != "" {
			c.Foreign = append(c.Foreign, e)
		}
	}
	return e, why
}

// readEnding reads a fact as what a job in the environment says of how a deployment
// ended, or says why it does not count.
func (c *Chain) readEnding(in Input, env Environment, f Fact) (statement.Ending, string) {
	e, err := f.Statement.Ending()
	if err != nil {
		return e, err.Error()
	}
	why := in.inside(env, f, e.Target, e.Run)
	c.place(e.Target, f, true)
	if why == "" {
		why = c.protected(in, f)
	}
	return e, cmp.Or(why, in.deployer(env, e.Target, f.Signer))
}

// place notes the question in which environment the job was that signed f about t.
func (c *Chain) place(t statement.Target, f Fact, read bool) {
	q, open := PlaceOf(t, f.Signer)
	if open && read && !slices.Contains(c.places, q) {
		c.places = append(c.places, q)
	}
}

// protected wants the ref of the job that signed f to be one that somebody other than
// the one who pushes decides about, as for a build: on a tag that anybody may make, the
// workflow is what they wrote.
func (c *Chain) protected(in Input, f Fact) string {
	if in.Unasked {
		return ""
	}
	b := Builder{}
	for _, a := range in.Policy.Artifacts {
		for _, x := range a.BuiltBy {
			if x.Forge.Issuer == f.Signer.Issuer && x.RepositoryID == f.Signer.RepositoryID &&
				matchesAny(x.Refs, f.Signer.Ref) {
				b = x
			}
		}
	}
	q, asked := b.refQuery(f.Signer)
	if asked && !slices.Contains(c.refs, q) {
		c.refs = append(c.refs, q)
	}
	if m := checkRef(in, b, f); m != nil {
		return m.reason
	}
	return ""
}

func (c *Chain) pass(f Fact, why string) {
	what := "an entry"
	if f.Statement.PredicateType == statement.EndingV1 {
		what = "how a deployment ended, as said"
	}
	c.Passed = append(c.Passed, fmt.Sprintf("%s by %s: %s", what, orAbsent(bare(f.Signer.Run)), why))
}

// repeats reports whether o is e again: a run that says the same twice has let in
// once.
func (e Entry) repeats(o Entry) bool {
	return e.Run == o.Run && e.Number == o.Number && slices.Equal(e.Artifacts, o.Artifacts)
}

// entry reads a fact as an entry, or says why it is none.
func (in Input) entry(env Environment, f Fact) (Entry, string) {
	s, err := f.Statement.Entered()
	if err != nil {
		return Entry{}, err.Error()
	}
	return Entry{
		Entered: s,
		Link:    statement.Link{Number: s.Number, SHA256: f.StatementHash.Hex()},
		Signer:  f.Signer,
		Time:    f.Time,
	}, in.inside(env, f, s.Target, s.Run)
}

// inside wants f, which says that it is about t and of a run, to be signed by a job of
// that run in this environment.
func (in Input) inside(env Environment, f Fact, t statement.Target, run string) string {
	switch {
	case in.Entries.Subject.Digest != t.Subject("").Digest:
		return fmt.Sprintf("it is about environment %q of repository %s, with the number %s", t.Name, t.Repository.ID, t.ID)
	case f.Keyed || f.Via != nil:
		return "a key signed it, and no job of the environment"
	case !in.trusts(f.Trust):
		return "it verifies under another trust than that of an artifact of the policy"
	case f.Signer.Run != run:
		return fmt.Sprintf("it says that it is of run %s, and another one signed it", run)
	case f.Time.Sub(in.Now) > Skew:
		return "it is dated in the future"
	}
	return in.within(env, t, f.Signer)
}

// trusts reports whether evidence of some artifact verifies under a trust.
func (in Input) trusts(id string) bool {
	return slices.ContainsFunc(in.Policy.Artifacts, func(a Artifact) bool { return a.Trust.ID() == id })
}

// SignsEntries says why an entry that signer has signed for t does not count, or
// nothing. places are the answers to PlaceOf.
func SignsEntries(p *Policy, t statement.Target, s statement.Signer, places ...Placed) string {
	env, _ := p.Environment(t.Name)
	in := Input{Policy: p, Places: places}
	return cmp.Or(in.within(env, t, s), in.deployer(env, t, s))
}

// within wants the signer to be a job in the environment. Where the certificate does not
// say in which environment the job was, the platform has to: every job that may sign
// could have it.
func (in Input) within(env Environment, t statement.Target, s statement.Signer) string {
	switch {
	case s.Issuer != t.Issuer || s.SANKind != "uri":
		return fmt.Sprintf("%s of %s signed it, want a job of %s", s.SAN, s.Issuer, t.Issuer)
	case s.RepositoryID != t.Repository.ID:
		return fmt.Sprintf("a job of repository %s signed it, want %s", orAbsent(s.RepositoryID), t.Repository.ID)
	case s.Environment == "" && !strings.Contains(s.TokenSubject, ":environment:"):
		q, _ := PlaceOf(t, s)
		return in.placed(q)
	case s.Environment == "" && strings.HasSuffix(s.TokenSubject, ":environment:"+env.Name):
		return ""
	case s.Environment != env.Name:
		return fmt.Sprintf("a job in environment %q signed it", cmp.Or(s.Environment, s.TokenSubject))
	}
	return ""
}

// deployer wants the signer to be of a workflow that deploys, on a ref that is built
// from.
func (in Input) deployer(env Environment, t statement.Target, s statement.Signer) string {
	workflows, refs, mark := in.Policy.deploys(env, t)
	path, ref := "", refOf(s, "")
	if rest, ok := strings.CutPrefix(s.ConfigURI, s.Repository+mark); ok {
		path, ref, _ = strings.Cut(rest, "@")
	}
	switch {
	case !slices.Contains(workflows, path):
		return fmt.Sprintf("workflow %q signed it, which does not deploy: want %s", path, strings.Join(workflows, " or "))
	case ref != s.Ref || !matchesAny(refs, ref):
		return fmt.Sprintf("a workflow of %q signed it, want %s", ref, strings.Join(refs, " or "))
	}
	return ""
}

// deploys returns the workflows that deploy into e, the refs that they may be of, and
// what stands between a repository and the path of a workflow.
func (p *Policy) deploys(e Environment, t statement.Target) (workflows, refs []string, mark string) {
	workflows = slices.Clone(e.DeployedBy)
	for _, a := range p.Artifacts {
		for _, b := range a.BuiltBy {
			if b.Forge.Issuer != t.Issuer {
				continue
			}
			mark, refs = b.Forge.Mark, append(refs, b.Refs...)
			if len(e.DeployedBy) == 0 && b.RepositoryID == t.Repository.ID {
				workflows = append(workflows, b.Workflow)
			}
		}
	}
	slices.Sort(refs)
	return workflows, slices.Compact(refs), mark
}

// follow drops entries whose number does not follow from those that they name, and
// lists what they name that is not there.
func (c *Chain) follow() {
	at := map[string]int{}
	for _, e := range c.Entries {
		at[e.Link.SHA256] = e.Number
	}
	var kept []Entry
	for _, e := range c.Entries {
		i := slices.IndexFunc(
			e.Previous,
			func(l statement.Link) bool { n, found := at[l.SHA256]; return found && n != l.Number },
		)
		if i >= 0 {
			c.Passed = append(
				c.Passed,
				fmt.Sprintf("entry %d of %s: it gives another entry the number %d, which has %d",
					e.Number, bare(e.Run), e.Previous[i].Number, at[e.Previous[i].SHA256]),
			)
			continue
		}
		kept = append(kept, e)
	}
	c.Entries = kept
	for _, e := range kept {
		for _, l := range e.Previous {
			if _, found := at[l.SHA256]; !found && !slices.Contains(c.Missing, l) {
				c.Missing = append(c.Missing, l)
			}
		}
	}
	slices.SortFunc(c.Missing, func(a, b statement.Link) int {
		return cmp.Or(cmp.Compare(b.Number, a.Number), cmp.Compare(a.SHA256, b.SHA256))
	})
}

// An ending is what an entry says of the deployment of an earlier one.
type ending struct {
	state  RunState
	number int // of the entry that says so
}

// written returns what entries say of earlier ones; where two say something, what the
// one with the higher number says.
func (c *Chain) written() map[statement.Link]ending {
	out := map[statement.Link]ending{}
	for _, e := range slices.Backward(c.Entries) {
		for _, l := range e.Failed {
			out[l] = ending{Failed, e.Number}
		}
		for _, l := range e.Confirmed {
			out[l] = ending{Succeeded, e.Number}
		}
	}
	return out
}

// settle finds out how the deployment of an entry ended: what a job of its own run has
// signed about it, what a later entry has written down, or what the platform says of its
// job. A failure that was signed takes back what was signed before.
func (e *Entry) settle(in Input, signed []statement.Ending, said map[statement.Link]ending) {
	for _, x := range signed {
		if x.Entry != e.Link || x.Run != e.Run || e.State == Failed {
			continue
		}
		if e.State = Succeeded; x.Outcome == statement.OutcomeFailed {
			e.State = Failed
		}
		e.Why = "a job of its run has signed so"
	}
	if e.Why != "" {
		return
	}
	if x, ok := said[e.Link]; ok {
		e.State, e.Why = x.state, fmt.Sprintf("entry %d says so", x.number)
		return
	}
	if r, ok := in.entryRun(*e); ok && r.Why == "" {
		if e.State, e.Why = r.State, r.Words; r.Own && r.State == Succeeded && e.Job == "" {
			e.State = Unfinished // as far as it has come: the run that asks has not ended
		}
	}
}

// Newest returns the entries that no other one names: those that the next one has to
// name.
func (c Chain) Newest() []Entry {
	named := map[string]bool{}
	for _, e := range c.Entries {
		for _, l := range e.Previous {
			named[l.SHA256] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(c.Entries), func(e Entry) bool { return named[e.Link.SHA256] })
}

// Base returns the newest confirmed entries of an artifact: one, or several of one
// number, which entered at once.
func (c Chain) Base(artifact string) []Entry {
	var out []Entry
	for _, e := range c.Entries {
		if _, ok := e.has(artifact); !ok || e.State != Succeeded || len(out) > 0 && e.Number < out[0].Number {
			continue
		}
		out = append(out, e)
	}
	return out
}

// number is that of an artifact's base, or 0.
func (c Chain) number(artifact string) int {
	if b := c.Base(artifact); len(b) > 0 {
		return b[0].Number
	}
	return 0
}

// maxOpen bounds how many runs of entries are asked about: the newest. A run that is
// not asked about confirms nothing, and the change then begins further back.
const maxOpen = 20

// open returns the runs that have to be asked about: of the entries that may be the
// base of some artifact, those of which nobody has written down how they ended.
func (c Chain) open() []RunQuery {
	var runs []RunQuery
	settled := map[string]bool{} // artifacts of which a confirmed entry was found
	for _, e := range c.Entries {
		needed := slices.ContainsFunc(e.Artifacts, func(a statement.Admitted) bool { return !settled[a.Artifact] })
		if needed && e.State == RunUnknown {
			runs = append(runs, RunQuery{URI: e.Run, Job: e.Job, Outcome: true, Entry: true})
		}
		for _, a := range e.Artifacts {
			settled[a.Artifact] = settled[a.Artifact] || e.State == Succeeded
		}
	}
	return runs[:min(len(runs), maxOpen)]
}

// gap returns the highest entry that is missing and could be newer than the base of an
// artifact, or have entered with it; or nil. On older ones nothing depends, and on those that
// entries before since name.
func (c Chain) gap(artifact string, since time.Time) *statement.Link {
	base := c.number(artifact)
	for _, l := range c.Missing {
		named := slices.ContainsFunc(
			c.Entries,
			func(e Entry) bool { return slices.Contains(e.Previous, l) && !e.Time.Before(since) },
		)
		if l.Number >= base && named {
			return &l
		}
	}
	return nil
}

// Latest returns the newest entries into in's environment, as a release set and an
// approval name them.
func Latest(in Input) []statement.Latest {
	var out []statement.Latest
	for _, e := range in.chained().chain.Newest() {
		out = append(out, statement.Latest{Environment: in.Environment, Number: e.Number, SHA256: e.Link.SHA256})
	}
	return out
}

// seen returns an entry that a release set, or an approval of a member of a group that is
// asked, has seen and that is not there now, or nil. What others claim closes nothing. Entries older than the base matter to nobody.
func (k *approvalCheck) seen() *statement.Latest {
	c := k.in.chained().chain
	base := c.number(k.artifact.Name)
	gone := func(x statement.Latest) bool {
		return x.Environment == k.in.Environment && x.Number >= base && x.Number > 0 &&
			!slices.ContainsFunc(c.Entries, func(e Entry) bool { return e.Link.SHA256 == x.SHA256 })
	}
	var all []statement.Latest
	for _, s := range k.sets {
		if !s.at.Before(k.env.Since) {
			all = append(all, s.Entered...)
		}
	}
	for _, v := range k.votes {
		asked := slices.ContainsFunc(k.env.Approvals, func(r Rule) bool {
			g, _ := k.in.Policy.Group(r.Group)
			return k.in.belongs(g, v.account)
		})
		if v.covers && asked && !v.time.Before(k.env.Since) {
			all = append(all, v.entered...)
		}
	}
	if i := slices.IndexFunc(all, gone); i >= 0 {
		return &all[i]
	}
	return nil
}

// unentered reports whether a deployment is newer than every entry knew of, and made
// by a run that no entry names.
func (c Chain) unentered(d Listed) bool {
	if d.ID == 0 {
		return false
	}
	return !slices.ContainsFunc(c.Entries, func(e Entry) bool {
		return e.Deployment >= d.ID || e.Run == d.Run || strings.HasPrefix(e.Run, d.Run+"/attempts/")
	})
}

// foreign denies where the newest entry is one that the policy at hand does not name
// the workflow or the ref of: a policy that leaves them out would leave the policy in
// force out with them.
func (in Input) foreign(env Environment) []verdict.Finding {
	top := 0
	if n := in.chain.Entries; len(n) > 0 {
		top = n[0].Number
	}
	var newest *Entry
	for i, e := range in.chain.Foreign {
		if e.Number > top {
			newest, top = &in.chain.Foreign[i], e.Number
		}
	}
	if newest == nil {
		return nil
	}
	f := deny(fault.Policy, "record", env.Line,
		fmt.Sprintf("entry %d into %q was signed in a workflow or on a ref that the policy does not name", newest.Number, env.Name),
		"the workflow under deployed-by, or built-by, and its ref under refs, until a newer entry is there",
		"name both, the old one and the new one, for one release; if that job was never meant to deploy, show entry sha256:"+
			newest.Link.SHA256+" to those who approve before anybody deletes it, because it may carry the policy in force")
	f.Found = newest.Signer.ConfigURI
	return []verdict.Finding{f}
}

// recorded judges the entries into an environment whose policy requires them.
func (in Input) recorded(env Environment) []verdict.Finding {
	if env.Record != RecordRequired {
		return nil
	}
	switch {
	case env.Since.After(in.Now):
		return []verdict.Finding{deny(fault.Policy, "record", env.Line,
			"since of record is in the future: "+env.Since.Format(time.RFC3339),
			"a time before now", "write the time from which everything that entered has an entry")}
	case in.Entries.Subject.Digest == (subject.Digest{}):
		return []verdict.Finding{deny(fault.EntryMissing, "record", env.Line,
			fmt.Sprintf("the platform gives environment %q no number, and entries are found by it", env.Name),
			"an environment of the platform",
			"make the environment in the settings of the repository; on a plan without environments write record: optional")}
	}
	if f := in.unrecorded(env); f != nil {
		return []verdict.Finding{*f}
	}
	text := "nothing has entered before"
	if n := len(in.chain.Entries); n > 0 {
		text = fmt.Sprintf("the newest entry is number %d", in.chain.Entries[0].Number)
	}
	return []verdict.Finding{met("record", text, env.Line)}
}

// unrecorded says what entered, or is named, and has no entry here; or nil.
func (in Input) unrecorded(env Environment) *verdict.Finding {
	anew := fmt.Sprintf("; or begin anew, which is a change of the policy: record: {mode: required, since: %q}",
		in.Now.UTC().Format(time.RFC3339))
	missing := func(reason, found, step string) *verdict.Finding {
		f := deny(fault.EntryMissing, "record", env.Line, reason, "an entry for everything that entered", step+anew)
		f.Found = found
		return &f
	}
	deleted := "find out who deleted the attestation; hand its bundle over with --bundle, if somebody has kept it"
	for _, c := range in.Candidates {
		a, m := in.artifact(c)
		if m != nil {
			continue
		}
		if l := in.chain.gap(a.Name, env.Since); l != nil {
			return missing(fmt.Sprintf("entry %d into %q is missing, which later ones name", l.Number, env.Name),
				"no statement sha256:"+l.SHA256, deleted)
		}
		if l := in.check(c).seen(); l != nil {
			return missing(fmt.Sprintf("entry %d into %q is missing, which people were shown", l.Number, env.Name),
				"no statement sha256:"+l.SHA256, deleted)
		}
	}
	for _, c := range in.Changes {
		if in.chain.unentered(c.Listed) && !c.Listed.Time.Before(env.Since) {
			return missing(fmt.Sprintf("something was deployed into %q without an entry", env.Name), c.Listed.String(),
				"find out who deployed past the gate; delete the deployment, if it was made up")
		}
	}
	return nil
}

// chained returns in with its entries read, once.
func (in Input) chained() Input {
	if in.chain == nil {
		c := in.Chain()
		in.chain = &c
	}
	return in
}

// Settled reports whether entries with lower numbers than those at hand can change nothing:
// of every artifact there is one whose deployment is signed, or written down, to have
// succeeded.
func (in Input) Settled() bool {
	env, _ := in.Policy.Environment(in.Environment)
	in.Runs, in.chain = nil, nil
	c := in.Chain()
	if env.Record == RecordOff && len(c.Entries) > 0 {
		return true // the newest says which policy is in force
	}
	return !slices.ContainsFunc(in.Candidates, func(x Candidate) bool {
		a, m := in.artifact(x)
		return m == nil && len(c.Base(a.Name)) == 0
	}) && len(c.Entries) > 0
}

// start says where the change of an artifact begins.
func (in Input) start(env Environment, a Artifact) Start {
	s := Start{Baseline: cmp.Or(a.Baseline, env.Baseline), Signed: env.Record == RecordRequired}
	if env.Record == RecordOff {
		return s
	}
	c := in.chained().chain
	base := c.Base(a.Name)
	add := func(list []Point, e Entry) []Point {
		x, ok := e.has(a.Name)
		if !ok || x.Commit == "" || slices.ContainsFunc(list, func(p Point) bool { return p.Commit == x.Commit }) {
			return list
		}
		return append(list, Point{x.Commit, e.Number, e.Time})
	}
	for _, e := range base {
		s.Entered = add(s.Entered, e)
	}
	for _, e := range c.Entries {
		if e.State == Unfinished && (len(base) == 0 || e.Number > base[0].Number) && !in.own(e) {
			s.Coming = add(s.Coming, e)
		}
	}
	return s
}

// own reports whether the run that asks has made an entry.
func (in Input) own(e Entry) bool {
	r, ok := in.entryRun(e)
	return ok && r.Own
}

// entryRun is what the platform said of the job that signed an entry.
func (in Input) entryRun(e Entry) (Run, bool) {
	i := slices.IndexFunc(in.Runs, func(r Run) bool { return r.Entry && r.URI == e.Run && r.Job == e.Job })
	if i < 0 {
		return Run{}, false
	}
	return in.Runs[i], true
}
