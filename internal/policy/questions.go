package policy

import (
	"cmp"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// Questions are what has to be asked of the platform before Evaluate can
// answer. They follow from the policy and from verified evidence alone, so a
// stranger's bundle causes no question.
type Questions struct {
	Runs    []RunQuery
	Entries []RunQuery // about the jobs that signed entries
	Changes []ChangeQuery
	Refs    []RefQuery
	Places  []PlaceQuery
	Members []Member
	Reviews bool
	Merged  bool // which policy the default branch has
}

// maxHeads bounds how many different commits one verdict can be about.
const maxHeads = 10

// Ask returns the questions about in's candidates. in needs no answers yet; but where
// changes begin depends on how the runs of entries ended, so that the changes are asked
// about after the runs are known.
func Ask(in Input) (Questions, error) {
	var q Questions
	env, ok := in.Policy.Environment(in.Environment)
	if !ok {
		return q, nil
	}
	in = in.chained()
	q.Entries, q.Refs, q.Places = in.chain.open(), in.chain.refs, in.chain.places
	for _, c := range in.Candidates {
		a, m := in.artifact(c)
		if m != nil {
			continue
		}
		for _, f := range c.Facts {
			in.ask(&q, env, a, f)
		}
	}
	if len(q.Changes) > maxHeads {
		return q, fault.New(fault.Refused, fault.Limit, "judge fewer artifacts at once", "the artifacts are built from %d different commits, at most %d are looked at", len(q.Changes), maxHeads)
	}
	in.askThen(&q)
	in.askMerged(&q, env)
	// With a review of the platform's own, the one that let the run in has to be there.
	q.Reviews = in.Protection.Asked && !env.Unguarded
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
	return q, nil
}

// askThen adds what the policies in force ask: about their people, and about a change
// that begins where they say.
func (in Input) askThen(q *Questions) {
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
func (in Input) askMerged(q *Questions, env Environment) {
	all := in.wishes(env)
	q.Merged = len(all) > 0
	if x, ok := in.mergedRef(all); ok && !slices.Contains(q.Refs, x) {
		q.Refs = append(q.Refs, x)
	}
	if c := env.PolicyChange; c != nil && in.first(env) {
		g, _ := in.Policy.Group(c.Group)
		in.members(q, g)
	}
}

func (in Input) members(q *Questions, g Group) {
	q.Reviews = q.Reviews || slices.Contains(g.Sources, ByReview)
	for _, m := range g.Members {
		m.Line = 0
		if (m.Kind == MemberTeam || m.Kind == MemberRole) && !slices.Contains(q.Members, m) {
			q.Members = append(q.Members, m)
		}
	}
}

func (in Input) ask(q *Questions, env Environment, a Artifact, f Fact) {
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
	for _, r := range env.Requires {
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

// run asks about a run, in the order of their addresses.
func (q *Questions) run(r RunQuery) {
	i, asked := slices.BinarySearchFunc(q.Runs, r.URI, func(x RunQuery, uri string) int { return cmp.Compare(x.URI, uri) })
	if asked {
		q.Runs[i].add(r)
		return
	}
	q.Runs = slices.Insert(q.Runs, i, r)
}

// add asks of one run what r asks too. Who names no jobs means the whole run,
// which is more than any of its jobs.
func (x *RunQuery) add(r RunQuery) {
	switch {
	case !r.Outcome:
	case !x.Outcome:
		x.Jobs, x.Outcome = slices.Clone(r.Jobs), true
	case len(x.Jobs) == 0 || len(r.Jobs) == 0:
		x.Jobs = nil
	default:
		for _, j := range r.Jobs {
			if !slices.Contains(x.Jobs, j) {
				x.Jobs = append(x.Jobs, j)
			}
		}
	}
}

func (q *Questions) change(in Input, env Environment, a Artifact, b Builder, s statement.Signer) {
	if len(env.Approvals) == 0 && env.Record != RecordRequired {
		return
	}
	start := in.start(env, a)
	for i := range q.Changes {
		if x := &q.Changes[i]; x.Repository == s.Repository && x.Head == s.Commit && x.Start.same(start) {
			if !slices.Contains(x.Runs, s.Run) {
				x.Runs = append(x.Runs, s.Run)
			}
			x.Mergers = x.Mergers || in.Policy.MergersMayApprove()
			return
		}
	}
	deploys := env.DeployedBy
	if len(deploys) == 0 {
		deploys = []string{b.Workflow}
	}
	q.Changes = append(q.Changes, ChangeQuery{
		Workflows: deploys, Refs: b.Refs,
		Environment: in.Environment, Self: !in.Deciding, Repository: s.Repository, ID: s.RepositoryID, Head: s.Commit, Ref: s.Ref, Branch: b.Branch, Start: start, Forks: env.Forks, Runs: []string{s.Run},
		Mergers: in.Policy.MergersMayApprove(),
	})
}
