package policy

import (
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// Limits of what one verdict can be about: different commits that artifacts were built from,
// and different places at which their changes begin.
const (
	maxHeads   = 10
	maxChanges = 300
)

// Ask returns what has to be asked of the platform about in's candidates before Evaluate can
// answer. It follows from the policy and from verified evidence alone, so a stranger's
// bundle causes no question. in needs no answers yet; Questions.Open says which questions
// depend on the answers to others, so that Ask is asked again when those are in.
func Ask(in Input) (Questions, error) {
	q := asking{policy: in.Policy}
	env, ok := in.Policy.Environment(in.Environment)
	if !ok {
		return nil, nil
	}
	in = in.chained()
	for _, r := range in.chain.refs {
		q.add(r)
	}
	for _, p := range in.chain.places {
		q.add(p)
	}
	// Which entries are asked about is known before the first answer; with it, older ones
	// could come in their place without an end.
	if !slices.ContainsFunc(in.Runs, func(r Run) bool { return r.Entry }) {
		for _, r := range in.chain.open() {
			q.run(r)
		}
	}
	for _, c := range in.Candidates {
		a, m := in.artifact(c)
		if m != nil {
			continue
		}
		for _, f := range c.Facts {
			in.ask(&q, env, a, f)
		}
	}
	if n := q.heads(); n > maxHeads {
		return nil, fault.New(fault.Refused, fault.Limit, "judge fewer artifacts at once",
			"the artifacts are built from %d different commits, at most %d are looked at", n, maxHeads)
	}
	if n := q.count(AboutChange); n > maxChanges {
		return nil, fault.New(fault.Refused, fault.Limit, "judge fewer artifacts at once",
			"the changes of the artifacts begin at %d different places, at most %d are looked at", n, maxChanges)
	}
	in.askBefore(&q, env)
	in.askThen(&q)
	in.askMerged(&q, env)
	// With a review of the platform's own, the one that let the run in has to be there.
	if in.Protection.Asked && !env.Unguarded {
		q.add(ReviewsQuery{in.Environment})
	}
	for _, r := range env.Approvals {
		g, _ := in.Policy.Group(r.Group)
		in.members(&q, g)
	}
	if env.Emergency != nil {
		g, _ := in.Policy.Group(env.Emergency.Group)
		in.members(&q, g)
	}
	if env.Waivers != nil {
		g, _ := in.Policy.Group(env.Waivers.Group)
		in.members(&q, g)
	}
	return q.sorted(), nil
}

// askThen adds what the policies in force ask: about their people, and about a change
// that begins where they say.
func (in Input) askThen(q *asking) {
	for _, f := range in.InForce {
		then, env, ok := in.under(f)
		if !ok || env.Record == RecordOff {
			continue
		}
		for _, c := range in.Candidates {
			a, m := in.artifact(c)
			if m != nil {
				continue
			}
			for _, x := range c.Facts {
				then.ask(q, env, f.before(a, c.Subject.Name), x)
			}
		}
		for _, r := range env.Approvals {
			g, _ := then.Policy.Group(r.Group)
			then.members(q, g)
		}
	}
}

// askMerged asks which policy the default branch has, and who may change it, where that
// matters.
func (in Input) askMerged(q *asking, env Environment) {
	if len(in.Candidates) == 0 {
		return // nothing wants to enter
	}
	all := in.wishes(env)
	if len(all) > 0 || in.First() || env.Lenient() {
		q.add(MergedQuery{})
	}
	if x, ok := in.mergedRef(all); ok {
		q.add(x)
	}
	if c := env.PolicyChange; c != nil && (in.First() || len(in.InForce) > 0) {
		g, _ := in.Policy.Group(c.Group)
		in.members(q, g)
	}
}

func (in Input) members(q *asking, g Group) {
	if slices.Contains(g.Sources, ByReview) {
		q.add(ReviewsQuery{in.Environment})
	}
	for _, m := range g.Members {
		if m.Kind == MemberTeam || m.Kind == MemberRole {
			q.add(RosterQuery{m.unlined()})
		}
	}
}

func (in Input) ask(q *asking, env Environment, a Artifact, f Fact) {
	kind := f.Statement.PredicateType
	if (kind == statement.ApprovalV1 || kind == statement.WaiverV1 && env.Waivers != nil) && len(env.Approvals) > 0 && f.Via == nil {
		for _, b := range in.Policy.ApproveIn {
			if builtBy(b, f.Signer) == nil {
				q.run(RunQuery{URI: f.Signer.Run})
				q.ref(b, f.Signer)
			}
		}
		return
	}
	for _, r := range env.evidence() {
		if !r.wants(f.Statement.PredicateType) {
			continue
		}
		var all []Signer
		for _, s := range r.signers(a) {
			if f.Trust == r.trust(a, s).ID() && s.signed(f) == nil {
				all = append(all, s)
			}
		}
		if len(all) == 0 {
			continue
		}
		for _, s := range all {
			if s.Workflow != nil {
				q.ref(*s.Workflow, f.Signer)
			}
		}
		s := all[0]
		if a.asked(s, f) || s.Workflow != nil && len(r.Jobs) > 0 {
			q.run(RunQuery{URI: f.Signer.Run, Jobs: r.Jobs, Outcome: true})
		}
		for _, s := range all {
			if x, ok := r.buildQuery(s, f.Signer); ok {
				q.add(x)
			}
		}
		if b, ok := a.builder(f); ok {
			q.change(in, env, a, b, f.Signer)
		}
	}
}

// builder is the one of a's builders that made the bytes f is about: whoever
// only scanned or tested them made nothing.
func (a Artifact) builder(f Fact) (Builder, bool) {
	i := slices.IndexFunc(a.BuiltBy, func(b Builder) bool { return builtBy(b, f.Signer) == nil })
	if i < 0 || f.Keyed {
		return Builder{}, false
	}
	return a.BuiltBy[i], true
}

func (q *asking) change(in Input, env Environment, a Artifact, b Builder, s statement.Signer) {
	if len(env.Approvals) == 0 && env.Record != RecordRequired && env.Source == nil {
		return
	}
	source := env.Source.orNone()
	deploys := env.DeployedBy
	if len(deploys) == 0 {
		deploys = []string{b.Workflow}
	}
	q.add(ChangeQuery{
		Workflows: deploys, Refs: b.Refs,
		Environment: in.Environment, Self: !in.Deciding, Repository: s.Repository, ID: s.RepositoryID, Head: s.Commit,
		Ref: s.Ref, Branch: b.Branch, Start: in.start(env, a), Forks: env.Forks, Runs: []string{s.Run},
		Mergers: in.Policy.MergersMayApprove() || source.Reviewed > 0, Reviews: source.Reviewed > 0, Signatures: source.Verified,
	})
}
