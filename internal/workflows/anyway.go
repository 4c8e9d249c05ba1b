package workflows

import (
	"slices"
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

// judgeNeeded looks for a gate for t in the jobs that j waits for, and reports
// what runs although it did not pass. It reports nothing if one of several such
// gates holds.
func (f *flow) judgeNeeded(j *job, t target) bool {
	var first func()
	for _, k := range f.before(j) {
		g := f.gateIn(k, t, j)
		if g == nil {
			continue
		}
		guilty := f.passes(j, *g)
		if len(guilty) == 0 && !f.skips(j, *g) {
			return true
		}
		if first == nil {
			first = func() { f.reportAnyway(*g, guilty) }
		}
	}
	if first == nil {
		return false
	}
	first()
	return true
}

// reportAnyway names the conditions by which a job runs without g's yes.
func (f *flow) reportAnyway(g gate, guilty []*job) {
	for _, k := range guilty {
		if !f.byActor(k, nil, k.If) {
			f.report(f.charge(k, g), k.If.Pos, detail{found: k.If.Value, wanted: "a condition that does not hold unless " + g.job.id + " succeeded", hint: finding.RunsAnyway.Step()})
		}
	}
	if len(guilty) == 0 && !f.byActor(g.job, g.step, g.step.If) {
		f.report(finding.GateSkipped, g.step.If.Pos, detail{found: g.step.If.Value, wanted: "a gate without a condition"})
	}
}

// passes returns the jobs, j or between g and j, by whose conditions j runs
// although g's job failed, was cancelled or was skipped.
func (f *flow) passes(j *job, g gate) []*job {
	s := f.without(j, g, map[*job]*passage{})
	if !s.runs {
		return nil
	}
	return s.guilty
}

// A passage says whether a job depends on a gate's job, whether it may run
// although that did not succeed, and by whose conditions.
type passage struct {
	depends, runs bool
	guilty        []*job
}

// without works out k's passage. A job runs by its own condition, or because
// each job that it waits for runs anyway.
func (f *flow) without(k *job, g gate, seen map[*job]*passage) *passage {
	if p := seen[k]; p != nil {
		return p
	}
	p := &passage{depends: k == g.job}
	seen[k] = p
	if p.depends {
		return p
	}
	all := true
	for _, n := range f.needs(k) {
		q := f.without(n, g, seen)
		p.depends = p.depends || q.depends
		all = all && (q.runs || !q.depends)
		p.guilty = merge(p.guilty, q.guilty)
	}
	switch {
	case !p.depends:
		p.guilty = nil
	case k.If != nil && f.holdsWithout(k, g):
		p.runs, p.guilty = true, []*job{k}
	case all:
		p.runs = true
	default:
		p.guilty = nil
	}
	return p
}

func merge(a, b []*job) []*job {
	for _, j := range b {
		if !slices.Contains(a, j) {
			a = append(a, j)
		}
	}
	return a
}

// holdsWithout reports whether k's condition may hold when the gate did not
// pass. Jobs between are skipped then.
func (f *flow) holdsWithout(k *job, g gate) bool {
	return f.holdsAfter(k, g, "failure", "cancelled", "skipped")
}

func (f *flow) holdsAfter(k *job, g gate, ends ...string) bool {
	return slices.ContainsFunc(ends, func(ended string) bool { return may(k.If, f.jobWorld(k, g, ended, ended)) })
}

// charge returns the rule that k's condition breaks.
func (f *flow) charge(k *job, g gate) finding.Rule {
	if f.holdsAfter(k, g, "failure", "cancelled") {
		return finding.RunsAnyway
	}
	return finding.GateSkipped
}

// skips reports whether the gate's step may be skipped within a job that
// succeeds, and j runs all the same.
func (f *flow) skips(j *job, g gate) bool {
	return !sure(g.step.If) && may(j.If, f.jobWorld(j, g, "success", "skipped"))
}

// jobWorld is what job k sees after g's job ended in one way and its gate in
// another.
func (f *flow) jobWorld(k *job, g gate, ended, gated string) world {
	w := world{status: map[string]value{"always": boolean(true), "success": boolean(ended == "success"), "failure": boolean(ended == "failure"), "cancelled": {}}}
	if ended == "success" {
		w.status["cancelled"] = boolean(false)
	}
	if ended == "skipped" {
		w.status["failure"] = value{} // something else may have failed
	}
	w.outcome = func(p []string) bool {
		return len(p) == 3 && p[0] == "needs" && p[2] == "result" && (p[1] == "*" || f.hangs(f.byID[p[1]], g))
	}
	w.look = func(p []string) value { return f.look(k, g, p, ended, gated) }
	return w
}

// hangs reports whether n is g's job or waits for it.
func (f *flow) hangs(n *job, g gate) bool {
	return n != nil && (n == g.job || slices.Contains(f.before(n), g.job))
}

func (f *flow) look(k *job, g gate, p []string, ended, gated string) value {
	switch {
	case len(p) == 3 && p[0] == "needs" && p[1] == "*" && p[2] == "result":
		all := value{kind: array}
		for _, n := range f.needs(k) {
			all.list = append(all.list, f.result(n, g, ended))
		}
		return all
	case len(p) == 3 && p[0] == "needs" && p[2] == "result":
		return f.result(f.byID[p[1]], g, ended)
	case len(p) == 4 && p[0] == "needs" && p[1] == g.job.id && p[2] == "outputs" && gated != "success" && f.fromGate(g, p[3]):
		return str("")
	}
	return value{}
}

// result returns how n ended if g's job ended in this way.
func (f *flow) result(n *job, g gate, ended string) value {
	switch {
	case n == nil:
		return value{}
	case n == g.job:
		return str(ended)
	case f.hangs(n, g) && ended != "success":
		return str("skipped")
	}
	return value{}
}

// fromGate reports whether an output of g's job is one of g's own.
func (f *flow) fromGate(g gate, output string) bool {
	o := g.job.Outputs[output]
	if o == nil || o.Value == nil || g.step.ID == nil {
		return o == nil // an output that is not declared is empty
	}
	id := strings.ToLower(g.step.ID.Value)
	c := parseCondition(o.Value.Value)
	return c.err == nil && !c.text && len(c.nodes) == 1 && slices.ContainsFunc(c.paths(), func(p []string) bool {
		return len(p) == 4 && p[0] == "steps" && p[1] == id && p[2] == "outputs"
	}) && isPath(c.nodes[0])
}

func isPath(n actionlint.ExprNode) bool {
	_, ok := pathOf(n)
	return ok
}

// chain returns the jobs whose conditions decide about a guarded environment:
// those that enter one, those with a gate, and those between.
func (f *flow) chain() []*job {
	var out []*job
	for _, j := range f.jobs {
		on := len(j.gates) > 0 || len(f.targets(j)) > 0
		for _, k := range f.jobs {
			on = on || len(f.targets(k)) > 0 && slices.Contains(f.before(k), j) && f.afterGate(j)
		}
		if on {
			out = append(out, j)
		}
	}
	return out
}

func (f *flow) afterGate(j *job) bool {
	return slices.ContainsFunc(f.before(j), func(k *job) bool { return len(k.gates) > 0 })
}

// checkConditions reports conditions that name people, that are not what they
// seem, or that cannot be read.
func (f *flow) checkConditions() {
	for _, j := range f.chain() {
		f.checkCondition(j, nil, j.If)
		for _, s := range j.Steps {
			if s != nil {
				f.checkCondition(j, s, s.If)
			}
		}
	}
}

func (f *flow) checkCondition(j *job, s *actionlint.Step, cond *actionlint.String) {
	if cond == nil {
		return
	}
	d := detail{found: cond.Value}
	if f.byActor(j, s, cond) {
		d.wanted = "no condition about who started the run"
		f.report(finding.ActorExemption, cond.Pos, d)
		return
	}
	if f.unread(cond) {
		d.wanted = "an expression"
		f.report(finding.IfUnreadable, cond.Pos, d)
		return
	}
	c := parseCondition(cond.Value)
	if t, known := truth(c.bare(world{})); known && t && !honest(c) && !f.reported(finding.RunsAnyway, cond.Pos) {
		d.wanted = "an expression that can be false"
		f.report(finding.IfAlwaysTrue, cond.Pos, d)
	}
}

// honest reports whether the condition is the word true.
func honest(c condition) bool {
	if c.text || len(c.nodes) != 1 {
		return false
	}
	b, ok := c.nodes[0].(*actionlint.BoolNode)
	return ok && b.Value
}

func (f *flow) unread(cond *actionlint.String) bool {
	return parseCondition(cond.Value).err != nil
}

func (f *flow) reported(r finding.Rule, at *actionlint.Pos) bool {
	return slices.ContainsFunc(f.found, func(x finding.Finding) bool { return x.Rule == r && x.Line == at.Line && x.Column == at.Col })
}
