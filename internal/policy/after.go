package policy

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// After wants the artifact to have been in another environment of the policy before, for some
// time: the entry of the job that let it in there says so.
type After struct {
	Environment string
	For         time.Duration // counted from when its deployment is known to have succeeded; 0: that is enough
}

// Stage is what was found about the entries into an environment that another one comes after.
type Stage struct {
	Environment string    `json:"environment"`
	ID          string    `json:"id"`  // the platform's number of it
	Why         string    `json:"why"` // why its entries were not found, in words
	Need        string    `json:"need"`
	Entries     Candidate `json:"-"`
}

func readAfter(r *reader, _ string, m mapping) Evidence {
	var p After
	if m == nil {
		return p
	}
	p.Environment = r.text(m.get("environment"), "environment")
	if n := m.get("for"); n != nil {
		p.For = r.age(n, "for")
	}
	return p
}

// afters holds what comes after what against the environments that there are: each is one of the policy, and
// none comes after itself.
func (r *reader) afters(p *Policy) {
	before := map[string][]string{}
	for _, e := range p.Environments {
		for _, q := range e.Requires {
			k, ok := q.Kind.(After)
			if !ok {
				continue
			}
			before[e.Name] = append(before[e.Name], k.Environment)
			_, known := p.Environment(k.Environment)
			switch {
			case k.Environment == "":
				r.complainAt(q.Line, 0, "%s needs environment, the one that the artifact has to have been in", q.Name)
			case !known:
				r.complainAt(q.Line, 0, "%s: the policy has no environment %q", q.Name, k.Environment)
			case len(q.SignedBy) > 0 || q.Trust != nil || len(q.Jobs) > 0 || q.MaxAge > 0:
				r.complainAt(q.Line, 0, "%s is signed by the job that deployed into %q, so signed-by, trust, jobs and max-age do not belong to it", q.Name, k.Environment)
			}
		}
	}
	for _, e := range p.Environments {
		if circular(before, e.Name) {
			r.complainAt(e.Line, 0, "environment %q comes after itself, so nothing could ever enter it", e.Name)
			return
		}
	}
}

// circular reports whether a name comes after itself.
func circular(before map[string][]string, name string) bool {
	seen := map[string]bool{}
	var reaches func(at string) bool
	reaches = func(at string) bool {
		return slices.ContainsFunc(before[at], func(b string) bool {
			if b == name {
				return true
			}
			known := seen[b]
			seen[b] = true
			return !known && reaches(b)
		})
	}
	return reaches(name)
}

func (p After) types() []string { return []string{statement.SummaryV1} }

func (p After) title() string { return fmt.Sprintf("an entry into %q", p.Environment) }

func (p After) unchecked() bool { return false }

func (p After) passable() bool { return true }

func (p After) loosened(l *loosening, was Requirement) {
	old, _ := was.Kind.(After) // as the name says
	l.accepts("another environment than "+old.Environment+" before", false, p.Environment != old.Environment)
	if p.For < old.For {
		l.add("for of %s is %s, and was %s", was.Name, Age(p.For), Age(old.For))
	}
}

// judge refuses what is not an entry; which entries count depends on all of them (Input.after).
func (p After) judge(look) *miss { return nil }

// Stages are the names of the environments that in's environment comes after.
func (p *Policy) Stages(environment string) []string {
	var out []string
	e, _ := p.Environment(environment)
	for _, q := range e.Requires {
		if k, ok := q.Kind.(After); ok && !slices.Contains(out, k.Environment) {
			out = append(out, k.Environment)
		}
	}
	return out
}

// stage is in as a gate of another environment would see it, about c alone.
func (in Input) stage(name string, c Candidate) (Input, Environment, Stage, bool) {
	i := slices.IndexFunc(in.Stages, func(s Stage) bool { return s.Environment == name })
	if i < 0 {
		return in, Environment{}, Stage{}, false
	}
	s := in.Stages[i]
	env, known := in.Policy.Environment(name)
	in.Environment, in.Protection = name, Protection{ID: s.ID}
	in.Entries, in.Candidates, in.InForce, in.Stages = s.Entries, []Candidate{c}, nil, nil
	in.Reviews, in.Changes, in.chain, in.stance = Reviews{}, nil, nil, nil
	return in, env, s, known
}

// askBefore asks what the entries into the environments before raise questions about: the refs, the places
// and the runs of the jobs that signed them, and who has taken something back there.
func (in Input) askBefore(q *asking, env Environment) {
	for _, r := range env.Requires {
		k, ok := r.Kind.(After)
		if !ok {
			continue
		}
		for _, c := range in.Candidates {
			x, stage, _, ok := in.stage(k.Environment, c)
			if !ok {
				continue
			}
			chain := x.Chain()
			for _, ref := range chain.refs {
				q.add(ref)
			}
			for _, p := range chain.places {
				q.add(p)
			}
			for _, e := range chain.of(c.Subject.Digest.Hex()) {
				if e.State == RunUnknown {
					q.run(RunQuery{URI: e.Run, Job: e.Job, Outcome: true, Entry: true})
				}
			}
			a, m := in.artifact(c)
			if m != nil || len(stage.Approvals) == 0 {
				continue
			}
			for _, f := range c.Facts {
				if f.Statement.PredicateType == statement.ApprovalV1 {
					x.ask(q, stage, a, f)
				}
			}
			for _, r := range stage.Approvals {
				g, _ := in.Policy.Group(r.Group)
				g.Sources = slices.DeleteFunc(slices.Clone(g.Sources), func(s Source) bool { return s == ByReview })
				x.members(q, g)
			}
		}
	}
}

// of are the entries that let in what has a digest, the newest first; what came in under watch does not count: no gate let it in.
func (c Chain) of(digest string) []Entry {
	var out []Entry
	for _, e := range c.Entries {
		if !e.Watched && e.admits(digest) {
			out = append(out, e)
		}
	}
	return out
}

// A staged artifact is one that has to have been in another environment.
type staged struct {
	q      Requirement
	k      After
	in     Input // as a gate of that environment sees it
	chain  Chain
	digest string
}

// after judges whether an artifact has been in the environment before for long enough.
func (in Input) after(a Artifact, q Requirement, k After, c Candidate) (verdict.Finding, []verdict.Evidence) {
	x := staged{q: q, k: k, digest: c.Subject.Digest.Hex()}
	if in.Environment == "" {
		return x.no(fault.EntryMissing, fmt.Sprintf("the gate did not look for entries into %q", k.Environment), "nothing", k.title(),
			"judge it in its gate, which asks the platform"), nil
	}
	before, _, s, known := in.stage(k.Environment, c)
	if !known || s.Entries.Subject.Digest == (subject.Digest{}) {
		return x.no(fault.EntryMissing, fmt.Sprintf("the entries into %q cannot be found", k.Environment),
			cmp.Or(s.Why, "the platform gives it no number, and entries are found by it"), k.title(),
			cmp.Or(s.Need, "make the environment in the settings of the repository")), nil
	}
	x.in, x.chain = before, before.Chain()
	all := x.chain.of(x.digest)
	if len(all) == 0 {
		return x.absent(), nil
	}
	e := all[0]
	if f := x.unsettled(e); f != nil {
		return *f, nil
	}
	if v, ok := before.takenBack(a, c, e); ok {
		return x.no(fault.ApprovalRejected, fmt.Sprintf("what was agreed to for %q was taken back", k.Environment), v, "an entry whose approval still holds",
			"ask who took it back; an approval after that, and another entry there, end it"), nil
	}
	stayed, since := x.chain.stay(a.Name, x.digest, in.Now)
	if f := x.early(e, stayed, since); f != nil {
		return *f, nil
	}
	text := fmt.Sprintf("entry %d into %q, %s", e.Number, k.Environment, e.Why)
	if !since.IsZero() {
		text += ", there for " + Age(stayed)
	}
	if e.Emergency {
		text += ", by an emergency approval"
	}
	return met(q.Name, text, q.Line), []verdict.Evidence{entryEvidence(e)}
}

// no is a denial of x.
func (x staged) no(code fault.Code, reason, found, wanted, hint string) verdict.Finding {
	f := deny(code, x.q.Name, x.q.Line, reason, wanted, hint)
	f.Found = found
	return f
}

// absent says that nothing has let the artifact in there, and what was found instead.
func (x staged) absent() verdict.Finding {
	found, hint := "nothing", fmt.Sprintf("let it into %q first, by a gate and a job with enter there", x.k.Environment)
	if n := len(x.chain.Entries); n > 0 {
		found = entriesOf(n) + ", of other artifacts"
	}
	watched := slices.ContainsFunc(x.chain.Entries, func(e Entry) bool { return e.Watched && e.admits(x.digest) })
	switch {
	case watched:
		found = "it came in there while the environment was only watched"
		hint = fmt.Sprintf("let the policy of %q be enforced, and let it in there again", x.k.Environment)
	case len(x.chain.Passed) > 0:
		found = x.chain.Passed[0]
	}
	return x.no(fault.EntryMissing, fmt.Sprintf("the artifact has not entered %q", x.k.Environment), found, x.k.title(), hint)
}

// unsettled says why the deployment of an entry is not known to have succeeded; or nil.
func (x staged) unsettled(e Entry) *verdict.Finding {
	found := fmt.Sprintf("entry %d: %s", e.Number, orAbsent(e.Why))
	wait := "wait until the job that deploys has ended; or let it say so with entered, after its last step"
	var reason, hint string
	switch e.State {
	case Succeeded:
		return nil
	case Failed:
		reason, hint = fmt.Sprintf("its newest deployment into %q failed", x.k.Environment), "deploy it there again, until it succeeds"
	case Unfinished:
		reason, hint = fmt.Sprintf("its deployment into %q goes on", x.k.Environment), wait
	default:
		reason, hint = fmt.Sprintf("its deployment into %q is not confirmed", x.k.Environment), wait
	}
	f := x.no(fault.EntryMissing, reason, found, "a deployment that succeeded", hint)
	if e.State == Unfinished {
		f.Outcome, f.Pending = verdict.Wait, true
	}
	return &f
}

// early says why the artifact was not there for long enough; or nil.
func (x staged) early(e Entry, stayed time.Duration, since time.Time) *verdict.Finding {
	least, reason, found, hint := "at least "+Age(x.k.For), "", Age(stayed), ""
	switch {
	case stayed >= x.k.For:
		return nil
	case since.IsZero() && e.Ended.IsZero():
		reason, found = fmt.Sprintf("the record does not say since when it has been in %q", x.k.Environment), fmt.Sprintf("entry %d: %s", e.Number, e.Why)
		hint = "let the job that deploys there say so with entered, after its last step"
	case since.IsZero():
		reason = fmt.Sprintf("it was not in %q for long enough before something else was deployed there", x.k.Environment)
		hint = "deploy it there again, and let it stay"
	default:
		reason = fmt.Sprintf("it has not been in %q for long enough", x.k.Environment)
		hint = fmt.Sprintf("run the gate again after %s, if it still is there", x.in.Now.Add(x.k.For-stayed).UTC().Format(time.RFC3339))
	}
	f := x.no(fault.TooEarly, reason, found, least, hint)
	return &f
}

// admits reports whether e let in what has a digest.
func (e Entry) admits(digest string) bool {
	return slices.ContainsFunc(e.Artifacts, func(a statement.Admitted) bool { return a.SHA256 == digest })
}

func entriesOf(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

func entryEvidence(e Entry) verdict.Evidence {
	return verdict.Evidence{PredicateType: statement.SummaryV1, Signer: e.Signer.SAN, Run: e.Signer.Run, Commit: e.Signer.Commit,
		Time: e.Time.UTC().Format(time.RFC3339), Statement: "sha256:" + e.Link.SHA256, Source: e.Found}
}

// stay is how long an artifact has been in an environment without an interruption, at its longest, and since when it
// is there now. It begins when the deployment is known to have succeeded, and ends with the next entry of another
// one, whatever became of that. A failure takes away what was before it.
func (c Chain) stay(artifact, digest string, now time.Time) (longest time.Duration, since time.Time) {
	for _, e := range slices.Backward(c.Entries) {
		if _, has := e.has(artifact); !has || e.Watched {
			continue
		}
		same := e.admits(digest)
		switch {
		case same && e.State == Succeeded && since.IsZero():
			if since = e.Ended; !since.IsZero() && since.Before(e.Time) {
				since = e.Time // no job ends before it has signed
			}
		case same && e.State == Failed:
			longest, since = 0, time.Time{}
		case !same:
			if !since.IsZero() && e.Time.After(since) {
				longest = max(longest, e.Time.Sub(since))
			}
			since = time.Time{}
		}
	}
	if !since.IsZero() {
		longest = max(longest, now.Sub(since))
	}
	return longest, since
}

// takenBack says who has taken back an approval that let an entry in, or has said no since, and may.
func (in Input) takenBack(a Artifact, c Candidate, e Entry) (string, bool) {
	env, _ := in.Policy.Environment(in.Environment)
	if len(env.Approvals) == 0 {
		return "", false
	}
	k := newApprovalCheck(in, env, a, c, nil)
	for i, v := range k.votes {
		if !v.covers || !e.Time.Before(v.time) || v.decision != statement.Withdraw && v.decision != statement.Reject {
			continue
		}
		later := slices.ContainsFunc(k.votes[i+1:], func(o vote) bool { return o.account.Key() == v.account.Key() && o.decision == statement.Approve })
		agreed := slices.ContainsFunc(e.Approvals, func(p statement.Part) bool { return p.Host == v.account.Host && p.ID == v.account.ID })
		asked := slices.ContainsFunc(env.Approvals, func(r Rule) bool { g, _ := in.Policy.Group(r.Group); return in.belongs(g, v.account) })
		if !later && (agreed || v.decision == statement.Reject && asked) {
			return fmt.Sprintf("%s by %s at %s", v.decision, v.account.Name, v.time.UTC().Format(time.RFC3339)), true
		}
	}
	return "", false
}
