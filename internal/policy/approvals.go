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

// A vote is one approval or rejection of one subject. Whether it counts is
// decided later, for each group.
type vote struct {
	account    Account
	decision   string
	source     Source
	time       time.Time
	trust      string
	word       string // what says who voted: a certificate, or the platform
	comment    string
	payload    string           // digest of the signed statement, or empty
	release    subject.Digest   // that it names; of a review, that it is tied to; or nothing
	emergency  bool             // given with --break-glass
	covers     bool             // it is about this artifact, this environment and this repository
	untimed    bool             // the platform keeps no time of it
	claim      *statement.Claim // that it waives, or nil
	entered    []statement.Latest
	changes    []statement.Changed // of what people install, that it names
	void       *miss               // it is about something else, or out of time
	anonymous  *miss               // why the voter is not known
	unanswered bool                // the voter is not known because a platform did not answer
}

// An approvalCheck judges the approvals of one subject.
type approvalCheck struct {
	in       Input
	env      Environment
	artifact Artifact
	digest   subject.Digest
	facts    []Fact
	all      []Fact   // everything that meets a requirement
	used     []Fact   // the newest of all
	sets     []*set   // newest first
	changes  []Change // changes behind the used facts, each once
	makers   []Maker
	claims   []claimWaiver // claimed roles that somebody has waived; those that are waived by enough are no makers
	votes    []vote        // every decision about the subject, oldest first
	waivers  []vote        // every waiver, oldest first
	changed  bool          // the change behind every used fact is known
}

// set is a release set that one of the artifact's builders signed.
type set struct {
	statement.Set
	at time.Time
}

// newApprovalCheck collects what is known about the change behind a candidate.
// The makers of all commits that its evidence names are makers of the candidate.
// Only the newest of these commits enters: it has to come after what is deployed.
func newApprovalCheck(in Input, env Environment, a Artifact, c Candidate, all []Fact) *approvalCheck {
	k := &approvalCheck{in: in, env: env, artifact: a, digest: c.Subject.Digest, facts: c.Facts, all: all, used: in.latest(all)}
	built := slices.DeleteFunc(slices.Clone(all), func(f Fact) bool { _, ok := a.builder(f); return !ok })
	k.changed = len(built) > 0
	heads := map[string]bool{}
	for _, f := range k.used {
		heads[f.Signer.Commit] = true
	}
	var seen []Change
	for _, f := range built {
		ch, ok := in.change(f.Signer, in.start(env, a))
		if !ok {
			k.changed = false
			continue
		}
		if slices.ContainsFunc(seen, func(x Change) bool { return x.Repository == ch.Repository && x.Head == ch.Head }) {
			continue
		}
		seen, k.makers = append(seen, ch), append(k.makers, ch.Makers...)
		if heads[ch.Head] {
			k.changes = append(k.changes, ch)
		}
	}
	for _, f := range c.Facts {
		if s, ok := releaseOf(a, f); ok && s.Covers(k.digest) {
			k.sets = append(k.sets, &set{s, f.Time})
		}
	}
	slices.SortFunc(k.sets, func(x, y *set) int { return cmp.Or(y.at.Compare(x.at), cmp.Compare(x.Digest.Hex(), y.Digest.Hex())) })
	k.votes, k.waivers = k.decisions(), k.statements(statement.WaiverV1)
	k.waive()
	return k
}

// latest returns the newest of all facts, and the newest of the facts whose runs
// a platform has answered about. The other facts may turn out to be worthless.
func (in Input) latest(all []Fact) []Fact {
	out := newest(all)
	unsure := func(f Fact) bool { r, _ := in.run(f.Signer.Run); return r.Why != "" }
	if !slices.ContainsFunc(all, unsure) {
		return out
	}
	type made struct {
		statement subject.Digest
		signer    statement.Signer
	}
	has := map[made]bool{}
	for _, f := range out {
		has[made{f.StatementHash, f.Signer}] = true
	}
	for _, f := range newest(slices.DeleteFunc(slices.Clone(all), unsure)) {
		if !has[made{f.StatementHash, f.Signer}] {
			out = append(out, f)
		}
	}
	return out
}

func (in Input) change(s statement.Signer, from Start) (Change, bool) {
	for _, c := range in.Changes {
		if c.Repository == s.Repository && c.Head == s.Commit && c.Start.same(from) {
			return c, true
		}
	}
	return Change{}, false
}

// releaseOf reads a fact as a release set of an artifact. Only the workflow that
// builds the artifact may say what is released together.
func releaseOf(a Artifact, f Fact) (statement.Set, bool) {
	if f.Statement.PredicateType != statement.ReleaseV1 || f.Trust != a.Trust.ID() || f.Keyed || f.Via != nil {
		return statement.Set{}, false
	}
	if !slices.ContainsFunc(a.BuiltBy, func(b Builder) bool { return builtBy(b, f.Signer) == nil }) {
		return statement.Set{}, false
	}
	s, err := f.Statement.Set()
	return s, err == nil
}

// approvals judges the approvals and rejections of a subject.
func (k *approvalCheck) approvals() []verdict.Finding {
	if len(k.used) == 0 {
		return nil // without evidence it is denied for that, and there is nothing to approve
	}
	if len(k.env.Approvals) == 0 {
		return k.order()
	}
	if !k.changed || len(k.makers) == 0 {
		// A change has at least the maker who started the run. Without any maker, the
		// change was not seen.
		f := deny(fault.Duties, "approvals", k.env.Line, "nothing says who made this change, so nobody can be told apart from its makers",
			"its authors, committers, pushers and the accounts that started its run", "run the gate again with a token that may read commits, requests and runs; if that does not help, please report this")
		f.Found = fmt.Sprintf("%d makers of commit %s", len(k.makers), short(k.used[0].Signer.Commit))
		return []verdict.Finding{f}
	}
	found := append(k.order(), k.waived()...)
	tallies := make([]tally, len(k.env.Approvals))
	for i, r := range k.env.Approvals {
		tallies[i] = k.tallyOf(r)
	}
	match(tallies)
	found = append(found, k.setAside(tallies)...)
	var rules []verdict.Finding
	for i := range tallies {
		rules = append(rules, k.finding(tallies, i))
	}
	return append(found, k.emergency(rules)...)
}

// order denies a commit that is older than the deployed one, and a commit that is
// not on its branch.
func (k *approvalCheck) order() []verdict.Finding {
	var out []verdict.Finding
	for _, c := range k.changes {
		switch c.Order {
		case First, Same, Newer:
		case Older:
			out = append(out, deny(fault.Rollback, "order", k.env.Line, fmt.Sprintf("commit %s is older than what is in the environment", short(c.Head)),
				"a commit that comes after", "release a newer commit; going back is a rollback, and is asked for as one"))
			out[len(out)-1].Found = c.Deployed
		case Overtaken:
			n := deny(fault.Rollback, "order", k.env.Line, fmt.Sprintf("something newer than commit %s is on its way", short(c.Head)), "nothing newer on its way", "wait how that ends: if it comes in, this is older")
			n.Outcome, n.Pending, n.Found = verdict.Wait, true, c.Deployed
			out = append(out, n)
		default:
			out = append(out, deny(fault.Rollback, "order", k.env.Line, fmt.Sprintf("commit %s does not come after what is in the environment: their histories have parted, or cannot be told", short(c.Head)),
				"a commit that comes after", "merge what is deployed into what you release"))
			out[len(out)-1].Found = orAbsent(c.Deployed)
		}
		if !c.Reachable {
			what, wanted := fmt.Sprintf("commit %s is not on branch %q now", short(c.Head), c.Branch), "a commit of that branch"
			if subject.Literal(c.Branch) != c.Branch {
				what, wanted = fmt.Sprintf("commit %s is on no branch of %q now", short(c.Head), c.Branch), "a commit of one of them"
			}
			n := deny(fault.Source, "order", k.artifact.Line, what, wanted, "merge it, or name its branch with the key branch under built-by")
			n.Found = "a commit that another branch, a fork or a rewritten history had"
			out = append(out, n)
		}
	}
	return out
}

// decisions reads every decision about the subject, signed or on the platform's
// page, oldest first.
func (k *approvalCheck) decisions() []vote {
	out := k.statements(statement.ApprovalV1)
	for _, r := range k.in.Reviews.List {
		if r.Decision == statement.Approve || r.Decision == statement.Reject {
			out = append(out, k.reviewed(r))
		}
	}
	slices.SortStableFunc(out, inTime)
	return out
}

func inTime(a, b vote) int {
	return cmp.Or(a.time.Compare(b.time), cmp.Compare(a.account.Key(), b.account.Key()), cmp.Compare(a.payload, b.payload))
}

// statements reads what people have signed about the subject, approvals or
// waivers, oldest first.
func (k *approvalCheck) statements(kind string) []vote {
	var out []vote
	for _, f := range k.facts {
		if f.Statement.PredicateType != kind || f.Keyed || f.Via != nil {
			continue // a builder that carries a text of others has not approved anything
		}
		s, claim, err := said(f.Statement)
		if err != nil {
			continue
		}
		v := vote{decision: s.Decision, time: f.Time, trust: f.Trust, comment: s.Reason, payload: f.StatementHash.String(), emergency: s.BreakGlass, entered: s.Entered, changes: s.Changes}
		v.release, v.covers, v.claim = s.Release, k.elsewhere(s) == nil, claim
		k.signed(&v, f)
		v.void = k.void(s, f.Time, s.BreakGlass)
		// The same bundle may lie in two stores, written in two ways.
		if !slices.ContainsFunc(out, func(o vote) bool {
			return o.payload == v.payload && o.trust == v.trust && o.account.Key() == v.account.Key() && o.time.Equal(v.time)
		}) {
			out = append(out, v)
		}
	}
	slices.SortStableFunc(out, inTime)
	return out
}

// signed says who gave an approval: an e-mail identity that signed it, or the
// account that started the run of a workflow under approve-in.
func (k *approvalCheck) signed(v *vote, f Fact) {
	s := f.Signer
	if s.SANKind == "email" {
		v.account = Account{Host: s.Issuer, ID: s.SAN, Name: s.SAN, Kind: Human}
		v.source, v.word = BySignature, "certificate of "+s.SAN+" by "+bare(s.Issuer)
		return
	}
	v.source, v.word, v.account.Name = ByWorkflow, "certificate of "+bare(s.Run), bare(s.SAN)
	m := k.in.carries(f)
	if m != nil {
		v.anonymous, v.unanswered = m, m.unanswered
		return
	}
	switch r, ok := k.in.run(s.Run); {
	case r.Why != "":
		v.unanswered = true
		v.anonymous = &miss{code: fault.NotAvailable, reason: "the platform did not say who started " + bare(s.Run),
			found: r.Why, hint: r.Need}
	case !ok || r.By.ID == "":
		v.anonymous = &miss{code: fault.Duties, reason: "the platform does not say who started " + bare(s.Run)}
	case r.other(s) != nil:
		v.anonymous = r.other(s)
	default:
		v.account = r.By
		v.word = "the platform's, that " + r.By.Label() + " started " + bare(s.Run)
	}
}

// carries says why a workflow's signature carries no approval; or nil.
func (in Input) carries(f Fact) *miss {
	m := &miss{stage: atSigners, code: fault.Identity, reason: "signed in a workflow that carries no approvals",
		wanted: "a workflow under approve-in"}
	for _, b := range in.Policy.ApproveIn {
		x := builtBy(b, f.Signer)
		if x != nil {
			x.reason = "signed in another workflow than approve-in names: " + x.reason
		} else if x = checkRef(in, b, f); x == nil {
			return nil
		}
		if x.beyond(m) {
			m = x
		}
	}
	return m
}

// other says why the run that the platform tells of is not the one that signed as s, or
// repeats what somebody else had put in; or nil.
func (r Run) other(s statement.Signer) *miss {
	switch {
	case r.Again:
		return &miss{code: fault.Duties, reason: "run again, which repeats what its first starter had put in: " + r.Words}
	case r.Commit != s.Commit:
		return &miss{code: fault.Source, reason: "the platform says that the run is of another commit than its certificate: " + r.Words}
	}
	return nil
}

func (in Input) run(uri string) (Run, bool) {
	i := slices.IndexFunc(in.Runs, func(r Run) bool { return r.URI == uri && !r.Entry })
	if i < 0 {
		return Run{}, false
	}
	return in.Runs[i], true
}

func stale(found, wanted, reason string) *miss {
	return &miss{code: fault.ApprovalStale, reason: reason, found: found, wanted: wanted}
}

// elsewhere says why a statement is about another artifact, environment or
// repository; or nil.
func (k *approvalCheck) elsewhere(s statement.Said) *miss {
	i := slices.IndexFunc(s.Environments, func(p statement.Place) bool { return p.Name == k.in.Environment })
	switch {
	case !s.Covers(k.digest):
		return stale(fmt.Sprintf("%d other artifacts", len(s.Artifacts)), k.digest.String(), "it is for another artifact")
	case i < 0:
		return stale(names(s.Environments), k.in.Environment, elsewhereMeant)
	case s.Environments[i].ID != k.in.Protection.ID:
		return stale(orAbsent(s.Environments[i].ID), orAbsent(k.in.Protection.ID), "the environment was made anew since: its number is another")
	case !k.ours(s.Repository):
		return stale(s.Repository.URI+" #"+s.Repository.ID, k.artifact.Name, "it is for another repository")
	}
	return nil
}

// void says why an approval does not hold for this subject, environment and
// time; or nil.
func (k *approvalCheck) void(s statement.Said, at time.Time, emergency bool) *miss {
	if m := k.elsewhere(s); m != nil {
		return m
	}
	switch s.Decision {
	case statement.Reject:
		return k.ended(s)
	case statement.Withdraw:
		return k.early(at) // what it takes back does not come back
	}
	if k.env.Separate && len(s.Environments) > 1 {
		return &miss{code: fault.ApprovalMissing, reason: "it names other environments too, and this one wants an approval of its own", found: names(s.Environments), wanted: k.in.Environment}
	}
	if s.PolicyDigest != k.in.Policy.Digest {
		return stale(s.PolicyDigest.String(), k.in.Policy.Digest.String(), "the policy has changed since")
	}
	if m := k.released(s, at); m != nil {
		return m
	}
	for _, f := range k.used {
		if !slices.Contains(s.Seen, f.StatementHash) && !k.repeats(f, s.Seen) {
			return stale("evidence of "+f.Time.UTC().Format(time.RFC3339)+" that was not seen", "approval of the evidence that is there", "the evidence has changed since")
		}
	}
	if m := k.movedBack(s); m != nil {
		return m
	}
	age := k.env.MaxAge
	if emergency && k.env.Emergency != nil {
		age = k.env.Emergency.MaxAge
	}
	return k.late(at, s.Expires, age)
}

// released requires the release set that an approval names: signed by a builder
// of this artifact, for this environment, before the approval, and not expired.
func (k *approvalCheck) released(s statement.Said, at time.Time) *miss {
	i := slices.IndexFunc(k.sets, func(x *set) bool { return x.Digest == s.Release })
	if i < 0 {
		return &miss{code: fault.ApprovalStale, reason: "its release set is not here, or was not made by the workflow that builds " + k.artifact.Name, found: s.Release.String()}
	}
	x := k.sets[i]
	if !k.in.names(x.Environments) {
		return &miss{code: fault.ApprovalStale, reason: "its release set is for other environments", found: names(x.Environments), wanted: k.in.Environment}
	}
	made := x.at
	for _, o := range k.sets[i:] {
		if o.Digest == x.Digest {
			made = o.at // somebody who signs it again has not made it later
		}
	}
	if made.Sub(at) > Skew {
		return stale(at.UTC().Format(time.RFC3339), "after "+made.UTC().Format(time.RFC3339), "it was signed before its release set")
	}
	return k.late(made, x.Expires, 0)
}

// movedBack says that commits enter which an approval was not shown; or nil. What
// was shown begins after the commit that was deployed then. That one comes before
// the commit that was built: so it is either among the commits that enter now, or
// what is deployed now comes after it, or is it.
func (k *approvalCheck) movedBack(s statement.Said) *miss {
	if s.Decision == statement.Waive {
		return nil // it is about one commit, whatever else enters
	}
	for _, ch := range k.changes {
		m := stale("nothing about commit "+short(ch.Head), "the commits that enter", "it does not say which commits were shown")
		for _, x := range s.Shown {
			if x.Environment != k.in.Environment || x.Commit != ch.Head {
				continue
			}
			if m = wentBack(x, ch); m == nil {
				break // the artifacts of one build may have entered at several commits before
			}
		}
		if m != nil {
			return m
		}
	}
	return nil
}

// wentBack says that commits of ch enter which x does not hold; or nil.
func wentBack(x statement.Span, ch Change) *miss {
	entering := slices.ContainsFunc(ch.Commits, func(c Commit) bool { return c.ID == x.Since })
	switch {
	case x.Since == ch.Base, ch.Base != "" && !entering:
		return nil
	case ch.Base == "":
		return stale("the commits since "+short(x.Since), "all commits: nothing is deployed now", "what is deployed was taken away since, and commits enter that were not shown")
	}
	return stale("the commits since "+short(x.Since), "the commits since "+short(ch.Base)+", which is deployed now", "the environment went back since, and commits enter that were not shown")
}

// Shown says which commits of in's changes somebody is shown who decides now. Where
// what is deployed does not come before the commit that was built, nothing that
// may enter later is shown.
func Shown(in Input) []statement.Span {
	var out []statement.Span
	for _, c := range in.Changes {
		x := statement.Span{Environment: in.Environment, Commit: c.Head, Since: c.Base}
		if !slices.Contains([]Order{First, Same, Newer, Overtaken}, c.Order) {
			x.Since = c.Head
		}
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// late compares a time with now. max is the highest age; 0 is no limit except
// the signed expiry.
func (k *approvalCheck) late(at, until time.Time, max time.Duration) *miss {
	if m := k.early(at); m != nil {
		return m
	}
	if max > 0 && k.in.Now.After(at.Add(max)) {
		return &miss{code: fault.ApprovalStale, reason: "it is too old", found: Age(k.in.Now.Sub(at)), wanted: "at most " + Age(max)}
	}
	return k.expired(until)
}

func (k *approvalCheck) early(at time.Time) *miss {
	if at.Sub(k.in.Now) <= Skew {
		return nil
	}
	return &miss{code: fault.ApprovalStale, reason: "it is dated in the future; one of the clocks is wrong", found: at.UTC().Format(time.RFC3339)}
}

func (k *approvalCheck) expired(until time.Time) *miss {
	if !k.in.Now.After(until) {
		return nil
	}
	return &miss{code: fault.ApprovalStale, reason: "it has expired", found: "until " + until.UTC().Format(time.RFC3339)}
}

func (k *approvalCheck) ours(o statement.Origin) bool {
	return slices.ContainsFunc(k.artifact.BuiltBy, func(b Builder) bool {
		return o.URI == b.Forge.Host+"/"+b.Repository && o.ID == b.RepositoryID
	})
}

// reviewed finds the release set that a platform's review is about. The digest in
// its comment says which. Where reviews have times and belong to one deployment,
// a review without a digest is about the newest set that was there before it. A
// comment with another digest is about that one only.
func (k *approvalCheck) reviewed(r Review) vote {
	v := vote{account: r.Account, decision: r.Decision, source: ByReview, time: r.Time, comment: r.Comment, word: "the platform's, on " + r.Run}
	v.covers, v.untimed = k.in.names(r.Environments), r.Time.IsZero()
	i := slices.IndexFunc(k.sets, func(s *set) bool { return strings.Contains(r.Comment, s.Digest.String()) })
	if i < 0 && k.in.Reviews.Timed && !r.Time.IsZero() && !strings.Contains(strings.ToLower(r.Comment), "sha256:") {
		i = slices.IndexFunc(k.sets, func(s *set) bool { return !s.at.After(r.Time) })
	}
	if i >= 0 {
		v.release = k.sets[i].Digest
	}
	if r.Decision == statement.Reject {
		v.void = k.rejectedOnPage(r, v)
		return v
	}
	if i < 0 {
		v.void = &miss{code: fault.ApprovalStale, reason: "it names no release: the platform keeps neither digest nor attempt with a review", found: fmt.Sprintf("comment %q", r.Comment),
			wanted: "the digest of the release in the comment"}
		return v
	}
	s := k.sets[i]
	if v.time.IsZero() {
		v.time = s.at // it cannot be older than the set that it names
	}
	said := statement.Said{Approval: statement.Approval{Decision: r.Decision, Repository: s.Repository, Environments: r.Environments}, Release: s.Digest, Artifacts: s.Artifacts, Expires: s.Expires}
	said.PolicyDigest, said.Seen, said.Shown = s.PolicyDigest, s.Seen, s.Shown
	v.void = k.void(said, v.time, false)
	return v
}

func names(all []statement.Place) string {
	var out []string
	for _, p := range all {
		out = append(out, p.Name)
	}
	return strings.Join(out, ", ")
}
