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
	Found  string    // where the bundle was found
	// State says how the deployment ended: Succeeded, Failed, Unfinished where the
	// platform says that it goes on, or RunUnknown.
	State  RunState
	Why    string // how that is known, in words
	Signed bool   // a job of its run has signed it
	// Ended is when it is known to have ended: a verified time, or the platform's; zero: it is not known.
	Ended time.Time
}

// has returns what e says of an artifact of the policy.
func (e Entry) has(artifact string) (statement.Admitted, bool) {
	i := slices.IndexFunc(e.Artifacts, func(a statement.Admitted) bool { return a.Artifact == artifact })
	if i < 0 {
		return statement.Admitted{}, false
	}
	return e.Artifacts[i], true
}

// carries reports whether e puts its policy into force. What came in under watch does so only if
// whom the policy in force asks has agreed to it.
func (e Entry) carries() bool { return !e.Watched || e.Agreed }

// Carriers returns the newest entries that put their policies into force: those that no other
// one which does so follows.
func (c Chain) Carriers() []Entry {
	at := map[string]Entry{}
	for _, e := range c.Entries {
		at[e.Link.SHA256] = e
	}
	followed := map[string]bool{}
	var follow func(e Entry)
	follow = func(e Entry) {
		for _, l := range e.Previous {
			if p, found := at[l.SHA256]; found && !followed[l.SHA256] {
				followed[l.SHA256] = true
				follow(p)
			}
		}
	}
	var out []Entry
	for _, e := range c.Entries {
		if e.carries() {
			follow(e)
		}
	}
	for _, e := range c.Entries {
		if e.carries() && !followed[e.Link.SHA256] {
			out = append(out, e)
		}
	}
	return out
}

// watched is the highest number of what came in under watch, or 0.
func (c Chain) watched() int {
	for _, e := range c.Entries {
		if e.Watched {
			return e.Number
		}
	}
	return 0
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
		if _, ok := e.has(artifact); !ok || e.Watched || e.State != Succeeded || len(out) > 0 && e.Number < out[0].Number {
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
		if needed && e.State == RunUnknown && !e.Watched {
			runs = append(runs, RunQuery{URI: e.Run, Job: e.Job, Outcome: true, Entry: true})
		}
		for _, a := range e.Artifacts {
			settled[a.Artifact] = settled[a.Artifact] || e.State == Succeeded && !e.Watched
		}
	}
	return runs[:min(len(runs), maxOpen)]
}

// gap returns the highest entry that is missing and could be newer than the base of an
// artifact, whose number it is given, or have entered with it; or nil. On older ones nothing depends, and on those that
// entries before since name.
func (c Chain) gap(base int, since time.Time) *statement.Link {
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
	base := k.in.chained().beginning(k.env, k.artifact)
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

// unreadable denies where a job in the environment has signed something about entries that
// this program cannot read: it may say which policy is in force.
func (in Input) unreadable(env Environment) []verdict.Finding {
	if len(in.chain.Unreadable) == 0 {
		return nil
	}
	x := in.chain.Unreadable[0]
	f := deny(fault.Policy, "record", env.Line,
		fmt.Sprintf("a job in environment %q has signed something about entries that cannot be read", env.Name),
		"an entry that this program reads", "use the version of sallyport that ran there, or a later one: "+bare(x.Run))
	f.Found = x.Statement.String() + ": " + x.Why
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
		if l := in.chain.gap(in.beginning(env, a), env.Since); l != nil {
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
	carriers := len(c.Carriers()) > 0
	if env.Record == RecordOff && carriers {
		return true // the newest says which policy is in force
	}
	return !slices.ContainsFunc(in.Candidates, func(x Candidate) bool {
		a, m := in.artifact(x)
		return m == nil && (len(c.Base(a.Name)) == 0 || env.Changes.any() && c.lacksInventory(a.Name, x))
	}) && carriers
}

// start says where the change of an artifact begins.
func (in Input) start(env Environment, a Artifact) Start {
	s := Start{Baseline: cmp.Or(a.Baseline, env.Baseline), Signed: env.Record == RecordRequired}
	if env.Record == RecordOff {
		return s
	}
	c := in.chained().chain
	base := c.Base(a.Name)
	if in.renewed(s.Baseline, a.Name) {
		base = nil
	}
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
		if e.State == Unfinished && !e.Watched && (len(base) == 0 || e.Number > base[0].Number) && !in.own(e) {
			s.Coming = add(s.Coming, e)
		}
	}
	return s
}

// renewed reports whether a baseline takes the place of the entries of an artifact: it is newer
// than what is in force, and things came in under watch since the last of those entries. For the
// people of a policy in force, which has another baseline or none, nothing takes their place.
func (in Input) renewed(baseline, artifact string) bool {
	c := in.chained().chain
	last := c.watched()
	old := func(e Entry) bool { return e.Number <= last && e.Policy == in.Policy.Digest }
	if baseline == "" || last <= c.number(artifact) || slices.ContainsFunc(c.Carriers(), old) {
		return false
	}
	return !slices.ContainsFunc(in.InForce, func(f InForce) bool {
		return f.Entry.Number <= last && f.begins(in.Environment, artifact) == baseline
	})
}

// begins is the baseline that a policy in force has for an artifact, or "".
func (f InForce) begins(environment, artifact string) string {
	e, _ := f.Policy.Environment(environment)
	for _, a := range f.Policy.Artifacts {
		if a.Name == artifact && a.Baseline != "" {
			return a.Baseline
		}
	}
	return e.Baseline
}

// beginning is the number of the entry at which the change of an artifact begins, or 0; where a
// baseline took the place of entries, that of what came in last before it.
func (in Input) beginning(env Environment, a Artifact) int {
	if in.renewed(cmp.Or(a.Baseline, env.Baseline), a.Name) {
		return in.chain.watched()
	}
	return in.chain.number(a.Name)
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
