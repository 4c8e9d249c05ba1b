package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A Chain is every entry into an environment that was found and counts.
type Chain struct {
	Entries []Entry          // the highest number first, and of one number the newest
	Missing []statement.Link // that entries name and that were not found, the highest first
	Passed  []string         // what was found and does not count, and why, in words
	// Foreign are entries of jobs in the environment, in workflows or on refs that the
	// policy at hand does not name: an earlier policy may have, and be in force.
	Foreign []Entry
	// Unguarded is how many statements count for nothing because nobody protects the ref, now, on
	// which a job in the environment signed them.
	Unguarded int
	// Unreadable are statements about entries that a job in the environment signed.
	Unreadable []Unreadable
	refs       []RefQuery   // of the jobs that signed them
	places     []PlaceQuery // of those whose certificates do not say where they were
}

// Unreadable is a statement about entries that this program cannot read.
type Unreadable struct {
	Statement subject.Digest // of the signed payload
	Run       string         // that signed it
	Why       string
}

// Chain reads the entries of in. An entry counts only if a job in the environment
// signed it, in a workflow that deploys, and if its number follows from those that
// it names.
func (in Input) Chain() Chain {
	var c Chain
	env, _ := in.Policy.Environment(in.Environment)
	of := map[string][]Entry{} // by number and run
	var endings []signedEnding
	for _, f := range in.Entries.Facts {
		var why string
		switch f.Statement.PredicateType {
		case statement.SummaryV1, statement.WatchedV1:
			var e Entry
			if e, why = c.read(in, env, f); why == "" {
				if key := fmt.Sprint(e.Number, " ", e.Run); !slices.ContainsFunc(of[key], e.repeats) {
					c.Entries, of[key] = append(c.Entries, e), append(of[key], e)
				}
			}
		case statement.EndingV1:
			var e statement.Ending
			if e, why = c.readEnding(in, env, f); why == "" {
				endings = append(endings, signedEnding{e, f.Time})
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
	s, err := f.Statement.Entered()
	if err != nil {
		return Entry{}, c.cannotRead(in, env, f, err)
	}
	e := Entry{
		Entered: s,
		Link:    statement.Link{Number: s.Number, SHA256: f.StatementHash.Hex()},
		Signer:  f.Signer,
		Time:    f.Time,
	}
	if why := c.inside(in, env, f, e.Target, e.Run); why != "" {
		return e, why
	}
	why := in.deployer(env, e.Target, f.Signer)
	if why != "" {
		c.Foreign = append(c.Foreign, e)
	}
	return e, why
}

// readEnding reads a fact as what a job in the environment says of how a deployment
// ended, or says why it does not count.
func (c *Chain) readEnding(in Input, env Environment, f Fact) (statement.Ending, string) {
	e, err := f.Statement.Ending()
	if err != nil {
		return e, c.cannotRead(in, env, f, err)
	}
	return e, cmp.Or(c.inside(in, env, f, e.Target, e.Run), in.deployer(env, e.Target, f.Signer))
}

// cannotRead says that a statement cannot be read. If a job that deploys into the environment
// signed it, the chain keeps it: another version of the program may read it, and it may say
// which policy is in force.
func (c *Chain) cannotRead(in Input, env Environment, f Fact, err error) string {
	for _, x := range in.Policy.Instances() {
		home, ok := in.Policy.Home(env, x.Forge.Host)
		t := statement.Target{Issuer: x.Forge.Issuer, Repository: statement.Origin{ID: home}, Name: env.Name}
		if ok && in.sound(f, in.trusts) == "" && jobOf(t, f.Signer) == "" && c.placed(in, t, f.Signer) == "" &&
			c.protected(in, f) == "" && in.deployer(env, t, f.Signer) == "" {
			c.Unreadable = append(c.Unreadable, Unreadable{f.StatementHash, f.Signer.Run, err.Error()})
		}
	}
	return err.Error()
}

// inside wants f, which says that it is about t and of a run, to be signed by a job of
// that run in this environment, on a protected ref.
func (c *Chain) inside(in Input, env Environment, f Fact, t statement.Target, run string) string {
	if in.Entries.Subject.Digest != t.Subject("").Digest {
		return fmt.Sprintf("it is about environment %q of repository %s, with the number %s", t.Name, t.Repository.ID, t.ID)
	}
	if why := cmp.Or(in.sound(f, in.trusts), jobOf(t, f.Signer)); why != "" {
		return why
	}
	if f.Signer.Run != run {
		return fmt.Sprintf("it says that it is of run %s, and another one signed it", run)
	}
	t.Name = env.Name
	if why := c.placed(in, t, f.Signer); why != "" {
		return why
	}
	why := c.protected(in, f)
	if why != "" {
		c.Unguarded++
	}
	return why
}

// placed wants a signer to be a job in the environment of t, by its certificate or by what the
// platform says, which then has to be asked.
func (c *Chain) placed(in Input, t statement.Target, s statement.Signer) string {
	if q, open := PlaceOf(t, s); open && !slices.Contains(c.places, q) {
		c.places = append(c.places, q)
	}
	return in.within(t, s)
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
	switch f.Statement.PredicateType {
	case statement.EndingV1:
		what = "a statement about how a deployment ended"
	case statement.WatchedV1:
		what = "a statement about what came in under watch"
	}
	c.Passed = append(c.Passed, fmt.Sprintf("%s, of %s: %s", what, orAbsent(bare(f.Signer.Run)), why))
}

// repeats reports whether o is e again: a run that says the same twice has let in
// once.
func (e Entry) repeats(o Entry) bool {
	return e.Run == o.Run && e.Number == o.Number && slices.EqualFunc(e.Artifacts, o.Artifacts, statement.Admitted.Same)
}

// sound wants a fact to be signed with a certificate, not in the future, and to verify under a
// trust that counts for what it is.
func (in Input) sound(f Fact, counts func(trust string) bool) string {
	switch {
	case f.Keyed || f.Via != nil:
		return "a key signed it, and no job or person"
	case !counts(f.Trust):
		return "it verifies under a trust that does not count for it in the policy"
	case f.Time.Sub(in.Now) > Skew:
		return "it is dated in the future"
	}
	return ""
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
	return cmp.Or(jobOf(t, s), in.within(t, s), in.deployer(env, t, s))
}

// jobOf wants a signer to be a job of the repository that an environment belongs to.
func jobOf(t statement.Target, s statement.Signer) string {
	switch {
	case s.Issuer != t.Issuer || s.SANKind != "uri":
		return fmt.Sprintf("%s of %s signed it, want a job of %s", s.SAN, s.Issuer, t.Issuer)
	case s.RepositoryID != t.Repository.ID:
		return fmt.Sprintf("a job of repository %s signed it, want %s", orAbsent(s.RepositoryID), t.Repository.ID)
	}
	return ""
}

// within wants the signer to be a job in the environment. Where the certificate does not
// say in which environment the job was, the platform has to: every job that may sign
// could have it.
func (in Input) within(t statement.Target, s statement.Signer) string {
	if q, open := PlaceOf(t, s); open {
		return in.placed(q)
	}
	if s.Environment == t.Name || s.Environment == "" && strings.HasSuffix(s.TokenSubject, ":environment:"+t.Name) {
		return ""
	}
	return fmt.Sprintf("a job in environment %q signed it", cmp.Or(s.Environment, s.TokenSubject))
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
	number int       // of the entry that says so
	at     time.Time // when that was signed
}

// A signedEnding is what a job has signed of the deployment of an entry, and when.
type signedEnding struct {
	statement.Ending
	at time.Time
}

// written returns what entries say of earlier ones; where two say something, what the
// one with the higher number says.
func (c *Chain) written() map[statement.Link]ending {
	out := map[statement.Link]ending{}
	for _, e := range slices.Backward(c.Entries) {
		for _, l := range e.Failed {
			out[l] = ending{Failed, e.Number, e.Time}
		}
		for _, l := range e.Confirmed {
			out[l] = ending{Succeeded, e.Number, e.Time}
		}
	}
	return out
}

// settle finds out how the deployment of an entry ended: what a job of its own run has
// signed about it, what a later entry has written down, or what the platform says of its
// job. A failure that was signed takes back what was signed before.
func (e *Entry) settle(in Input, signed []signedEnding, said map[statement.Link]ending) {
	for _, x := range signed {
		if x.Entry != e.Link || x.Run != e.Run || e.State == Failed {
			continue
		}
		if e.State == RunUnknown || x.at.Before(e.Ended) {
			e.Ended = x.at
		}
		if e.State = Succeeded; x.Outcome == statement.OutcomeFailed {
			e.State, e.Ended = Failed, x.at
		}
		e.Why, e.Signed = "a job of its run has signed so", true
	}
	if e.Signed {
		return
	}
	if x, ok := said[e.Link]; ok {
		e.State, e.Why, e.Ended = x.state, fmt.Sprintf("entry %d says so", x.number), x.at
		return
	}
	if r, ok := in.entryRun(*e); ok && r.Why == "" {
		e.Ended = r.Ended
		if e.State, e.Why = r.State, r.Words; r.Own && r.State == Succeeded && e.Job == "" {
			e.State = Unfinished // as far as it has come: the run that asks has not ended
		}
	}
}
