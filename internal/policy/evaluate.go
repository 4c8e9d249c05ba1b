package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Skew is how far ahead of Now a verified time may be before it is a sign of a
// wrong clock.
const Skew = 5 * time.Minute

// Evaluate judges every candidate and the environment they want to enter. It is
// pure: the same input gives the same verdict. There is one line in it that
// allows.
func Evaluate(in Input) verdict.Verdict {
	in = in.chained().stanced()
	in.read = reading{}
	v := verdict.Verdict{Environment: in.Environment, PassedOver: in.PassedOver}
	env, known := in.Policy.Environment(in.Environment)
	switch {
	case in.Environment == "":
		env = in.alone()
	case !known:
		v.Findings = append(v.Findings, deny(fault.EnvUnprotected, "environment", 0,
			fmt.Sprintf("the policy has no environment %q", in.Environment), "", "correct the name, which is compared byte for byte, or say under environments what it requires"))
		fallthrough
	default:
		v.Findings = append(v.Findings, protection(in.Environment, in.Protection, env))
		v.Findings = append(v.Findings, bypass(in, env)...)
		v.Findings = append(v.Findings, variables(in.Protection.Variables, env)...)
		v.Findings = append(v.Findings, slices.Concat(in.foreign(env), in.unreadable(env), in.recorded(env), in.merged(env))...)
		v.Findings = append(v.Findings, in.deploying(env)...)
		v.Mode = in.mode(env)
		v.Accepted = slices.Concat(env.accepted(in.Protection), in.taken(), in.changedQuietly(), in.unreviewed(env), in.cameAnyhow(env), in.unreadDeploying(env))
	}
	for _, c := range in.Candidates {
		v.Judgements = append(v.Judgements, judge(in, env, c))
	}
	if in.Environment == "" && in.namesRefs() {
		v.NotAsked = append(v.NotAsked, "whether the refs and branches that the policy builds from are protected, and whether the commits are on them; sallyport gate asks the platform")
	}
	if in.Environment == "" && in.asksBuilds() {
		v.NotAsked = append(v.NotAsked, "whether the jobs that led to the signature restored a cache, "+
			"or ran the project's code where they signed; sallyport gate asks the platform")
	}
	return v
}

// anywhere is what is required of an artifact when no environment is asked
// about: that one of its builders built it.
var anywhere = Environment{Requires: []Requirement{{Name: "provenance", Kind: Provenance{}}}}

// alone reports whether q is the requirement of anywhere, which no policy has
// written on a line.
func (q Requirement) alone() bool { return q.Line == 0 }

// requires are the requirements of in's environment; without one, those of
// anywhere.
func (in Input) requires() []Requirement {
	if in.Environment == "" {
		return in.alone().Requires
	}
	env, _ := in.Policy.Environment(in.Environment)
	return env.Requires
}

// alone is what evidence has to meet where no entry is asked about.
func (in Input) alone() Environment {
	env, ok := in.Policy.Environment(in.For)
	if !ok {
		return anywhere
	}
	return Environment{Requires: env.Requires, Line: env.Line}
}

// met is the one place where a finding allows.
func met(requirement, reason string, line int) verdict.Finding {
	return verdict.Finding{Code: fault.OK, Outcome: verdict.Allow, Requirement: requirement, Reason: reason, Line: line}
}

func deny(code fault.Code, requirement string, line int, reason, wanted, hint string) verdict.Finding {
	return verdict.Finding{Code: code, Outcome: verdict.Deny, Requirement: requirement, Reason: reason, Wanted: wanted, Hint: hint, Line: line}
}

// protection judges what the platform says about the environment. A name in a
// token or a certificate says only that a job named an environment; whether it
// is guarded is asked of the platform at the time of the decision.
func protection(name string, p Protection, env Environment) verdict.Finding {
	hint, line := "", env.Line
	if p.Setting != "" {
		hint = "protect it: " + p.Setting
	}
	if p.State != Protected && env.Unguarded && slices.ContainsFunc(env.Approvals, func(r Rule) bool { return !r.Veto }) {
		return met("environment", "not protected by the platform; the policy says that approvals protect it", line)
	}
	switch p.State {
	case Protected:
		if m := env.weaker(name, p); m != nil {
			return m.finding("environment")
		}
		return met("environment", strings.Join(p.Rules, ", "), line)
	case Missing:
		f := deny(fault.EnvUnprotected, "environment", line,
			fmt.Sprintf("environment %q does not exist, or may not be seen here; a job that names it would create it without protection", name), "", hint)
		f.Found = p.Found
		return f
	case Unprotected:
		f := deny(fault.EnvUnprotected, "environment", line, fmt.Sprintf("environment %q is not protected", name), "someone other than the pipeline decides who enters", hint)
		if p.Hidden {
			f.Reason += ", or its protection may not be seen here"
		}
		f.Found = p.Found
		return f
	default:
		f := deny(fault.EnvUnprotected, "environment", line, fmt.Sprintf("nothing is known about the protection of environment %q", name), "", hint)
		f.Found = p.Found
		return f
	}
}

// weaker says why p, which protects, is not what the policy wants, or nil. A
// review that the one who started the run may give decides nothing: where nothing
// else protects, it protects only if the policy accepts that by name.
func (e Environment) weaker(name string, p Protection) *miss {
	m := &miss{code: fault.EnvUnprotected, line: e.Line, hint: "set it: " + p.Setting}
	switch {
	case e.Unguarded:
		return nil
	case p.Self && p.ByReview && e.SelfReview != "on":
		m.reason, m.found, m.wanted = fmt.Sprintf("who starts a run may review it in environment %q, and nothing else protects that", name), strings.Join(p.Rules, ", "), "a review of somebody else"
		m.hint = "switch self-review off: " + p.Setting + "; where one person has to be able to release alone, say protection: {self-review: on}"
	case p.Self && p.Asked && e.SelfReview == "off":
		m.reason, m.found, m.wanted = fmt.Sprintf("who starts a run may review it in environment %q",
			name), "self-review is on", "self-review: off"
	case e.Reviewers > 0 && len(p.Unseen) == 0 && p.People < e.Reviewers:
		m.reason, m.found, m.wanted = fmt.Sprintf("environment %q asks fewer people than the policy wants",
			name), fmt.Sprint(p.People), fmt.Sprint(e.Reviewers)
	default:
		return nil
	}
	return m
}

// bypass judges whether the platform's rules can be, or were, passed by.
func bypass(in Input, env Environment) []verdict.Finding {
	if in.Protection.State != Protected || env.Unguarded {
		return nil
	}
	var out []verdict.Finding
	hint := "switch it off: " + in.Protection.Setting
	switch b := in.Protection.Bypass; {
	case env.Bypassable:
		return nil
	case b == BypassOn:
		out = append(out, deny(fault.Bypass, "bypass", env.Line, fmt.Sprintf("administrators may pass the rules of %q by", in.Environment), "a protection that holds for everybody", hint))
	case b != NoBypass:
		out = append(out, deny(fault.Bypass, "bypass", env.Line, fmt.Sprintf("the platform does not say whether administrators may pass the rules of %q by", in.Environment), "a protection that holds for everybody", hint))
	}
	r := in.Reviews
	if r.Asked && r.Entered && !slices.ContainsFunc(r.List, func(x Review) bool { return x.Decision == statement.Approve && in.names(x.Environments) }) {
		out = append(out, deny(fault.Bypass, "bypass", env.Line, fmt.Sprintf("%s is in %q, and no approval counts there: the rules of the platform were bypassed", r.Run, in.Environment), "the review that the platform asks for",
			"find out who started it past the reviewers; run it again without"))
	}
	return out
}

// names reports whether the environment that in is about is among all.
func (in Input) names(all []statement.Place) bool {
	return slices.ContainsFunc(all, func(p statement.Place) bool { return p.Name == in.Environment && p.ID == in.Protection.ID })
}

func judge(in Input, env Environment, c Candidate) verdict.Judgement {
	j := verdict.Judgement{Subject: c.Subject, Evidence: []verdict.Evidence{}, PassedOver: c.Strangers.passedOver()}
	for _, r := range c.Rejections {
		j.Rejections = append(j.Rejections, verdict.Rejection{Code: r.Code, Reason: r.Reason, Source: r.Source})
	}
	a, m := in.artifact(c)
	if m != nil {
		j.Findings = append(j.Findings, m.finding("artifact"))
		return j
	}
	j.Artifact = a.Name
	if len(env.Requires) == 0 {
		j.Findings = append(j.Findings, deny(fault.PolicyVacuous, "requirements", env.Line, fmt.Sprintf("the policy requires nothing for %q, so nothing can be allowed", in.Environment), "", "say under environments what it requires"))
	}
	x := c.indexed()
	for _, q := range env.Requires {
		f, used := in.requirement(a, q, x)
		f = in.passed(q, f)
		if f.Code == fault.SubjectMismatch && slices.ContainsFunc(j.Findings, func(g verdict.Finding) bool { return g.Code == f.Code }) {
			continue // another artifact is one reason, however much is required of it
		}
		j.Findings = append(j.Findings, f)
		j.Evidence = append(j.Evidence, used...)
	}
	if in.Environment != "" {
		all := meeting(in, env, a, x, possible)
		sides := in.sides(env, a, c, all)
		j.Findings = append(j.Findings, in.contradicted(a, x)...)
		j.Reproduced = in.rebuilt(a, x)
		j.Findings = append(j.Findings, in.earlier(env, a, j)...)
		j.Findings = append(j.Findings, sides[0].source()...)
		j.Findings = append(j.Findings, sides[0].approvals()...)
		j.Findings = append(j.Findings, sides[0].installed(c)...)
		j.Findings = append(j.Findings, in.renamed()...)
		for _, s := range sides[1:] {
			j.Findings = append(j.Findings, s.agreed()...)
		}
	}
	return j
}

// meeting returns every fact that meets a requirement, as test sees it: possible,
// or meets.
func meeting(in Input, env Environment, a Artifact, c indexed,
	test func(Input, Artifact, indexed, Requirement, int) (Signer, *miss)) []Fact {
	used := make([]bool, len(c.Facts))
	for _, q := range env.Requires {
		var good []int
		switch q.Kind.(type) {
		case After, Reproduced:
			continue // an entry and a rebuild do not say who made it
		}
		counted, _ := in.counted(a, q, c)
		for _, i := range counted {
			if _, m := test(in, a, c, q, i); m == nil {
				good = append(good, i)
			}
		}
		for _, i := range c.whole(good) {
			used[i] = true
		}
	}
	n := 0
	for _, u := range used {
		if u {
			n++
		}
	}
	out := make([]Fact, 0, n)
	for i := range c.Facts {
		if used[i] {
			out = append(out, c.Facts[i])
		}
	}
	return out
}

func evidence(f Fact) verdict.Evidence {
	e := verdict.Evidence{
		PredicateType: f.Statement.PredicateType, Signer: f.Signer.SAN, Run: f.Signer.Run, Commit: f.Signer.Commit,
		Time: f.Time.UTC().Format(time.RFC3339), Statement: f.StatementHash.String(), Source: f.Source,
	}
	if f.Time.IsZero() {
		e.Time = "" // a key signed, and nobody vouches for a time
	}
	if f.Via != nil {
		e.Via = f.Via.String()
	}
	return e
}

// requirement looks for what meets q.
func (in Input) requirement(a Artifact, q Requirement, c indexed) (verdict.Finding, []verdict.Evidence) {
	if k, ok := q.Kind.(After); ok {
		return in.after(a, q, k, c.Candidate)
	}
	if k, ok := q.Kind.(Reproduced); ok {
		return in.reproduced(a, q, k, c)
	}
	return evidenced(in, a, q, c)
}

// evidenced looks for the fact that meets q, or for one about each image of
// an index. When there is none it reports the fact that came nearest, because
// that is the one its builder can mend.
func evidenced(in Input, a Artifact, q Requirement, c indexed) (verdict.Finding, []verdict.Evidence) {
	var nearest *miss
	var good []int
	near := map[subject.Digest]*miss{} // by image of an index
	counted, against := in.counted(a, q, c)
	if against != nil {
		return against.finding(q.Name), nil
	}
	for _, i := range counted {
		f := c.Facts[i]
		_, m := c.check(in, a, q, i)
		switch {
		case m == nil:
			good = append(good, i)
		case c.partial(f):
			near[f.Via.Image] = nearer(near[f.Via.Image], m)
		default:
			nearest = nearer(nearest, m)
		}
	}
	if whole := c.whole(good); len(whole) > 0 {
		return proven(in, a, q, c, whole)
	}
	if nearest.undecided() {
		return nearest.finding(q.Name), nil
	}
	if m := c.lacking(a, q, good, near); m != nil && (nearest == nil || m.beyond(nearest)) {
		return m.finding(q.Name), nil
	}
	if nearest != nil && nearest.stage > atTrust {
		return nearest.finding(q.Name), nil
	}
	return missing(in, a, q, c.Candidate, c.unwanted(q)), nil
}

// nearer returns the one of two misses that came further; the first may be nil.
func nearer(a, b *miss) *miss {
	if a == nil || b.beyond(a) {
		return b
	}
	return a
}

// A miss is why a fact does not meet a requirement, and how far it came. Of several
// builders the one is told that signed it, and of several facts the one that lacks least.
type miss struct {
	stage                       stage
	agreed                      int // at atSigner: how many parts of the signer were as wanted before one was not
	code                        fault.Code
	reason, found, wanted, hint string
	line                        int
	unanswered                  bool // a platform has not answered: it might have been no miss
	going                       bool // a run goes on: it may still be no miss
}

// undecided reports whether the one thing that is known to be missing is an answer
// about a run.
func (m *miss) undecided() bool { return m != nil && m.code == fault.NotAvailable }

// finding is m as what requirement came to.
func (m *miss) finding(requirement string) verdict.Finding {
	f := deny(m.code, requirement, m.line, m.reason, m.wanted, m.hint)
	f.Found = m.found
	if m.going {
		f.Outcome, f.Pending = verdict.Wait, true
	}
	return f
}

// check says who of those who may meets q with f, or why nobody does.
func check(in Input, a Artifact, c indexed, q Requirement, f Fact) (Signer, *miss) {
	s, m := meets(in, a, c, q, f)
	if m != nil && !m.unanswered {
		return s, m
	}
	// Who does not answer about a run does not answer about its ref either.
	x := finished(in, a, q, s, f)
	switch {
	case m == nil && x == nil:
		return s, checkBuild(in, q, s, f)
	case m == nil || x.undecided():
		return s, x
	}
	return s, m
}

// possible is check for those whom evidence counts against: what nobody could be
// asked about helps nobody, and what it may show is not lost.
func possible(in Input, a Artifact, c indexed, q Requirement, i int) (Signer, *miss) {
	s, m := c.check(in, a, q, i)
	if m.undecided() {
		return s, nil
	}
	return s, m
}

// signs is meets of a fact with a number.
func signs(in Input, a Artifact, c indexed, q Requirement, i int) (Signer, *miss) {
	return meets(in, a, c, q, c.Facts[i])
}

// meets is check without the question how the run ended. With a miss comes who
// came nearest.
func meets(in Input, a Artifact, c indexed, q Requirement, f Fact) (Signer, *miss) {
	var who Signer
	nearest := &miss{stage: atTrust}
	all := q.signers(a)
	if len(all) == 0 {
		nearest = &miss{stage: atSigners, code: fault.PolicyVacuous, line: a.Line,
			reason: "the policy names nobody who may sign this evidence"}
	}
	for _, s := range all {
		if f.Trust != q.trust(a, s).ID() {
			continue
		}
		m := fails(in, a, c, q, s, f)
		if m == nil {
			return s, nil
		}
		if m.beyond(nearest) {
			who, nearest = s, m
		}
	}
	return who, nearest
}

// fails says at which check f fails, if s is the one who is to have signed it; or nil.
func fails(in Input, a Artifact, c indexed, q Requirement, s Signer, f Fact) *miss {
	m := s.signed(f)
	if m == nil {
		m = misnamed(a, c.Subject, f)
	}
	if m == nil {
		m = q.content(look{in, a, c, q, s, f})
	}
	if m == nil {
		m = fresh(in, q, f)
	}
	if m == nil && s.Workflow != nil {
		m = checkRef(in, *s.Workflow, f)
	}
	return m
}

// asked reports whether the platform is asked how the run behind f ended: it
// knows the runs of the repositories that build a, and nobody else's.
func (a Artifact) asked(s Signer, f Fact) bool {
	return s.Workflow != nil && slices.ContainsFunc(a.BuiltBy, func(b Builder) bool { return f.Signer.Repository == b.Forge.Host+"/"+b.Repository })
}

// finished wants the run that made the evidence to have ended well: evidence is
// made in the middle of a run, and a run that fails after it was broken, or
// broken into. Without an environment the platform was not asked.
func finished(in Input, a Artifact, q Requirement, s Signer, f Fact) *miss {
	if in.Environment == "" || !a.asked(s, f) && len(q.Jobs) == 0 {
		return nil
	}
	r, ok := in.run(f.Signer.Run)
	if r.Why != "" {
		return &miss{stage: atAnswer, code: fault.NotAvailable, line: q.Line, unanswered: true, found: r.Why,
			wanted: "a run that succeeded", hint: r.Need,
			reason: "the platform did not say how the run that made the evidence ended: " + bare(f.Signer.Run)}
	}
	narrow := ", or name under jobs which jobs have to succeed"
	if len(q.Jobs) > 0 { // of one run, the requirements together say what is asked
		narrow = "; and if another requirement rests on the same run, name jobs under that one too"
	}
	m := &miss{stage: atRun, code: fault.BuildState, line: q.Line, found: r.Words, wanted: "a run that succeeded",
		hint: "run it again until it succeeds" + narrow}
	switch {
	case !ok || r.State == RunUnknown:
		m.reason, m.hint = "the platform does not know how the run that made the evidence ended: "+bare(f.Signer.Run), ""
	case r.State == Unfinished:
		m.reason, m.going, m.hint = "the run that made the evidence has not ended", true, "wait until it has ended"+narrow
	case r.State != Succeeded:
		m.reason = "the run that made the evidence did not succeed"
	case r.Commit != f.Signer.Commit:
		m.code, m.reason, m.found, m.wanted, m.hint = fault.Source, "the platform says that the run was of another commit than its certificate", orAbsent(r.Commit), f.Signer.Commit, ""
	default:
		return nil
	}
	return m
}

// fresh wants f not to be of the future, and to be as young as q wants it, unless a mode lets
// older evidence pass.
func fresh(in Input, q Requirement, f Fact) *miss {
	if in.Now.Sub(f.Time) < -Skew {
		return &miss{stage: atAge, code: fault.Time, line: q.Line, reason: "the evidence is signed in the future; one of the clocks is wrong",
			found: f.Time.UTC().Format(time.RFC3339), wanted: "not after " + in.Now.UTC().Format(time.RFC3339), hint: "look at the clock of this machine first"}
	}
	if in.passesAge(q) && !f.Time.IsZero() {
		return nil // an age that nobody knows is not passed
	}
	return tooOld(in.Now, q, f)
}

func tooOld(now time.Time, q Requirement, f Fact) *miss {
	m := &miss{stage: atAge, code: fault.Stale, line: q.Line, wanted: "at most " + Age(q.MaxAge)}
	switch age := now.Sub(f.Time); {
	case q.MaxAge == 0 || !f.Time.IsZero() && age <= q.MaxAge:
		return nil
	case f.Time.IsZero():
		m.reason, m.found = "nobody vouches for the time at which the evidence was signed", "no time"
		m.hint = "sign it with a time stamp, or leave out max-age"
	default:
		m.reason, m.found, m.hint = "the evidence is too old", Age(age), "run the job that attests it again"
	}
	return m
}

// Age writes a duration as a person would: the largest unit that fits, whole.
func Age(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}
