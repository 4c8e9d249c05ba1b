package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Skew is how far ahead of Now a verified time may be before it is a sign of a
// wrong clock.
const Skew = 5 * time.Minute

// Evaluate judges every candidate and the environment they want to enter. It is
// pure: the same input gives the same verdict. There is one line in it that
// allows.
func Evaluate(in Input) verdict.Verdict {
	v := verdict.Verdict{Environment: in.Environment}
	env, known := in.Policy.Environment(in.Environment)
	switch {
	case in.Environment == "":
		env = anywhere
	case !known:
		v.Findings = append(v.Findings, deny(fault.EnvUnprotected, "environment", 0,
			fmt.Sprintf("the policy has no environment %q", in.Environment), "", "correct the name, which is compared byte for byte, or say under environments what it requires"))
		fallthrough
	default:
		v.Findings = append(v.Findings, protection(in.Environment, in.Protection, env))
		v.Findings = append(v.Findings, bypass(in, env)...)
	}
	for _, c := range in.Candidates {
		v.Judgements = append(v.Judgements, judge(in, env, c))
	}
	return v
}

// anywhere is what is required of an artifact when no environment is asked
// about: that one of its builders built it.
var anywhere = Environment{Requires: []Requirement{{Name: "provenance", PredicateType: statement.ProvenanceV1}}}

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
		return met("environment", strings.Join(p.Rules, ", "), line)
	case Missing:
		return deny(fault.EnvUnprotected, "environment", line, fmt.Sprintf("environment %q does not exist; a job that names it would create it without protection", name), "", hint)
	case Unprotected:
		f := deny(fault.EnvUnprotected, "environment", line, fmt.Sprintf("environment %q is not protected", name), "someone other than the pipeline decides who enters", hint)
		f.Found = p.Found
		return f
	default:
		return deny(fault.EnvUnprotected, "environment", line, fmt.Sprintf("nothing is known about the protection of environment %q", name), "", hint)
	}
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
		out = append(out, deny(fault.Bypass, "bypass", env.Line, fmt.Sprintf("%s is in %q, and nobody has approved it there: the rules were passed by", r.Run, in.Environment), "the review that the platform asks for",
			"find out who started it past the reviewers; run it again without"))
	}
	return out
}

// names reports whether the environment that in is about is among all.
func (in Input) names(all []statement.Place) bool {
	return slices.ContainsFunc(all, func(p statement.Place) bool { return p.Name == in.Environment && p.ID == in.Protection.ID })
}

func judge(in Input, env Environment, c Candidate) verdict.Judgement {
	j := verdict.Judgement{Subject: c.Subject, Evidence: []verdict.Evidence{}}
	for _, r := range c.Rejections {
		j.Rejections = append(j.Rejections, verdict.Rejection{Code: r.Code, Reason: r.Reason, Source: r.Source})
	}
	a, known := in.Policy.Artifact(c.Subject.Name)
	if !known {
		j.Findings = append(j.Findings, deny(fault.SubjectMismatch, "artifact", 0,
			fmt.Sprintf("no artifact of the policy is called %q", c.Subject.Name), in.Policy.names(), "name it as the policy does: a file by its path from the top of the repository, an image by its repository"))
		return j
	}
	j.Artifact = a.Name
	if len(env.Requires) == 0 {
		j.Findings = append(j.Findings, deny(fault.PolicyVacuous, "requirements", env.Line, fmt.Sprintf("the policy requires nothing for %q, so nothing can be allowed", in.Environment), "", "say under environments what it requires"))
	}
	for _, q := range env.Requires {
		f, used := requirement(in, a, q, c)
		if f.Code == fault.SubjectMismatch && slices.ContainsFunc(j.Findings, func(g verdict.Finding) bool { return g.Code == f.Code }) {
			continue // another artifact is one reason, however much is required of it
		}
		j.Findings = append(j.Findings, f)
		if used != nil {
			j.Evidence = append(j.Evidence, evidence(*used))
		}
	}
	if in.Environment != "" {
		j.Findings = append(j.Findings, convene(in, env, a, c, meeting(in, env, a, c, check)).approvals()...)
	}
	return j
}

// meeting returns every fact that meets a requirement, as test sees it: check,
// or meets.
func meeting(in Input, env Environment, a Artifact, c Candidate, test func(Input, Artifact, Requirement, Fact) *miss) []Fact {
	var out []Fact
	for _, f := range c.Facts {
		if f.Trust == a.Trust.Key() && slices.ContainsFunc(env.Requires, func(q Requirement) bool {
			return f.Statement.PredicateType == q.PredicateType && test(in, a, q, f) == nil
		}) {
			out = append(out, f)
		}
	}
	return out
}

func evidence(f Fact) verdict.Evidence {
	return verdict.Evidence{
		PredicateType: f.Statement.PredicateType, Signer: f.Signer.SAN, Run: f.Signer.Run, Commit: f.Signer.Commit,
		Time: f.Time.UTC().Format(time.RFC3339), Statement: f.StatementHash.String(), Source: f.Source,
	}
}

// requirement looks for the fact that meets q. When there is none it reports
// the fact that came nearest, because that is the one its builder can mend.
func requirement(in Input, a Artifact, q Requirement, c Candidate) (verdict.Finding, *Fact) {
	var nearest *miss
	var good []Fact
	var others []string
	for i := range c.Facts {
		f := &c.Facts[i]
		if f.Trust != a.Trust.Key() {
			continue
		}
		if f.Statement.PredicateType != q.PredicateType {
			if !slices.Contains(others, f.Statement.PredicateType) {
				others = append(others, f.Statement.PredicateType)
			}
			continue
		}
		m := check(in, a, q, *f)
		switch {
		case m == nil:
			good = append(good, *f)
		case nearest == nil || m.step > nearest.step:
			nearest = m
		}
	}
	if len(good) > 0 {
		f := newest(good)[0]
		return met(q.Name, summary(in.Now, f), q.Line), &f
	}
	if nearest != nil {
		f := deny(nearest.code, q.Name, nearest.line, nearest.reason, nearest.wanted, nearest.hint)
		f.Found = nearest.found
		return f, nil
	}
	return missing(a, q, c, others), nil
}

// newest keeps, of each kind of evidence, what is of the commit that was built
// last: the same bytes may come of an older commit too, which wants nothing now
// (G16).
func newest(all []Fact) []Fact {
	last := map[string]Fact{}
	for _, f := range all {
		kind := f.Statement.PredicateType
		if l, ok := last[kind]; !ok || f.Time.After(l.Time) {
			last[kind] = f
		}
	}
	var out []Fact
	for _, f := range all {
		if f.Signer.Commit == last[f.Statement.PredicateType].Signer.Commit {
			out = append(out, f)
		}
	}
	return out
}

func summary(now time.Time, f Fact) string {
	s := f.Signer
	return fmt.Sprintf("%s, commit %s, signed %s ago, run %s", bare(s.SignerURI), short(s.Commit), Age(now.Sub(f.Time)), bare(s.Run))
}

// bare leaves the scheme out of a URI, for a line that people read.
func bare(uri string) string { return strings.TrimPrefix(uri, "https://") }

func short(commit string) string {
	if len(commit) > 12 {
		return commit[:12]
	}
	return commit
}

func missing(a Artifact, q Requirement, c Candidate, others []string) verdict.Finding {
	name := q.Name
	if name != q.PredicateType {
		name += " (" + q.PredicateType + ")"
	}
	if len(others) > 0 {
		f := deny(fault.Predicate, q.Name, q.Line, "the evidence is of another kind", name, "attest it in the build job with that predicate type")
		f.Found = strings.Join(others, ", ")
		return f
	}
	for _, r := range c.Rejections {
		// A stranger's bundle is as genuine as any, and names what he likes.
		if r.Attested != nil && slices.ContainsFunc(a.BuiltBy, func(b Builder) bool { return builtBy(b, r.Signer) == nil }) {
			f := deny(fault.SubjectMismatch, q.Name, q.Line, "this is not the artifact that was attested under its name", r.Attested.String(), "deploy the artifact that was built, or attest this one in the workflow that builds it")
			f.Found = c.Subject.Digest.String()
			return f
		}
	}
	f := deny(fault.EvidenceMissing, q.Name, q.Line, "no verified evidence is about "+c.Subject.Digest.String(), name, "")
	f.Found, f.Hint = unproven(a, c.Rejections)
	return f
}

// unproven says what is there instead of evidence, and the next step. A bundle
// that does not verify says more than one about another artifact: somebody has
// attested this one, and has to be told what is wrong with that.
func unproven(a Artifact, all []Rejection) (found, hint string) {
	builder := ""
	if len(a.BuiltBy) > 0 {
		builder = a.BuiltBy[0].String()
	}
	first := slices.IndexFunc(all, func(r Rejection) bool { return r.Code != fault.SubjectMismatch })
	switch {
	case len(all) == 0:
		return "nothing", "attest it in the workflow that builds it: " + builder
	case first < 0:
		return "evidence about another artifact only", "attest this one in the workflow that builds it: " + builder
	}
	found = fmt.Sprintf("%d bundles that prove nothing, first: ", len(all))
	if len(all) == 1 {
		found = "1 bundle that proves nothing: "
	}
	r := all[first]
	return found + string(r.Code) + " " + r.Reason, again(r.Code, a.Trust) + builder
}

// again says how to make evidence that verifies out of evidence that does not.
func again(code fault.Code, t Trust) string {
	switch code {
	case fault.TLog, fault.SCT, fault.Chain, fault.Time:
		name := t.Name
		if t.Root != "" {
			name = t.Root
		}
		return "attest it again with the Sigstore instance that trust names (" + name + "), in "
	default:
		return "that bundle is of no use; attest it again in "
	}
}

// A miss is why a fact does not meet a requirement, and how far it came.
type miss struct {
	step                        int
	code                        fault.Code
	reason, found, wanted, hint string
	line                        int
}

func check(in Input, a Artifact, q Requirement, f Fact) *miss {
	if m := meets(in, a, q, f); m != nil {
		return m
	}
	return finished(in, q, f)
}

// meets is check without the question how the run ended.
func meets(in Input, a Artifact, q Requirement, f Fact) *miss {
	nearest := &miss{step: -1, code: fault.PolicyVacuous, line: a.Line, reason: "the policy names no builder of this artifact"}
	for _, b := range a.BuiltBy {
		m := builtBy(b, f.Signer)
		if m == nil {
			m = content(b, q, f)
		}
		if m == nil {
			m = fresh(in.Now, q, f)
		}
		if m == nil {
			return nil
		}
		if m.step > nearest.step {
			nearest = m
		}
	}
	return nearest
}

// finished wants the run that made the evidence to have ended well: evidence is
// made in the middle of a run, and a run that fails after it was broken, or
// broken into. Without an environment nobody was asked.
func finished(in Input, q Requirement, f Fact) *miss {
	if in.Environment == "" {
		return nil
	}
	r, ok := in.run(f.Signer.Run)
	m := &miss{step: 101, code: fault.BuildState, line: q.Line, found: r.Words, wanted: "a run that succeeded", hint: "run it again until it succeeds, or name under jobs which jobs have to succeed"}
	switch {
	case !ok || r.State == RunUnknown:
		m.reason, m.hint = "the platform does not know how the run that made the evidence ended: "+bare(f.Signer.Run), ""
	case r.State == Unfinished:
		m.reason = "the run that made the evidence has not ended"
	case r.State != Succeeded:
		m.reason = "the run that made the evidence did not succeed"
	case r.Commit != f.Signer.Commit:
		m.code, m.reason, m.found, m.wanted, m.hint = fault.Source, "the platform says that the run was of another commit than its certificate", orAbsent(r.Commit), f.Signer.Commit, ""
	default:
		return nil
	}
	return m
}

func fresh(now time.Time, q Requirement, f Fact) *miss {
	age := now.Sub(f.Time)
	if age < -Skew {
		return &miss{step: 100, code: fault.Time, line: q.Line, reason: "the evidence is signed in the future; one of the clocks is wrong",
			found: f.Time.UTC().Format(time.RFC3339), wanted: "not after " + now.UTC().Format(time.RFC3339), hint: "look at the clock of this machine first"}
	}
	if q.MaxAge > 0 && age > q.MaxAge {
		return &miss{step: 100, code: fault.Stale, line: q.Line, reason: "the evidence is too old", found: Age(age), wanted: "at most " + Age(q.MaxAge),
			hint: "run the job that attests it again"}
	}
	return nil
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
