package workflows

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

// checkEnvironments judges the names of the environments that jobs enter.
func (f *flow) checkEnvironments() {
	for _, j := range f.jobs {
		if j.Environment == nil || j.Environment.Name == nil {
			continue
		}
		if !j.env.known {
			f.checkExpression(j)
			continue
		}
		f.checkUnknown(j)
		if len(f.targets(j)) > 0 && j.Environment.Deployment != nil && f.mayBeOff(j.Environment.Deployment) {
			f.report(finding.DeploymentOff, j.Environment.Deployment.Pos, detail{severity: finding.Note, found: "deployment: " + j.Environment.Deployment.String(), wanted: "deployment: true"})
		}
	}
}

// mayBeOff reports whether b is not plainly true.
func (f *flow) mayBeOff(b *actionlint.Bool) bool {
	return b.Expression != nil || !strings.EqualFold(f.word(b.Pos), "true")
}

// checkExpression reports a name that only the run knows, if it may be that of
// a guarded environment or a gate judges it. A gate that judges the same
// expression also refuses what the policy does not know.
func (f *flow) checkExpression(j *job) {
	gated := len(j.gates) > 0
	if !gated && len(f.targets(j)) == 0 || f.ungated[j] {
		return
	}
	d := detail{found: j.env.text, wanted: "a name, or an expression over a list in the file"}
	t := target{text: j.env.text}
	if slices.ContainsFunc(append([]*job{j}, f.before(j)...), func(k *job) bool { return f.gateIn(k, t, j) != nil }) {
		d.severity = finding.Warning
		if _, called := f.wf.FindWorkflowCallEvent(); called && strings.Contains(j.env.text, "inputs.") {
			d.severity = finding.Note // the caller names it
		}
	}
	f.report(finding.EnvironmentExpression, j.Environment.Name.Pos, d)
}

// checkUnknown reports names that the policy does not know, where a gate judges
// them or they look like those it knows.
func (f *flow) checkUnknown(j *job) {
	for _, v := range j.env.values {
		if slices.ContainsFunc(f.want.Environments, func(e string) bool { return strings.EqualFold(e, v) }) {
			continue
		}
		d := detail{severity: finding.Warning, found: v, wanted: cmp.Or(strings.Join(f.want.Environments, ", "), "an environment that the policy guards")}
		gated := slices.ContainsFunc(append([]*job{j}, f.before(j)...), func(k *job) bool { return f.gateIn(k, target{name: v, text: j.env.text}, j) != nil })
		if gated || len(j.gates) > 0 {
			d.severity = finding.Error
		}
		if d.severity == finding.Error || slices.ContainsFunc(f.want.Environments, func(e string) bool { return near(e, v) }) {
			f.report(finding.EnvironmentUnknown, j.Environment.Name.Pos, d)
			return
		}
	}
}

// near reports whether one name is the beginning of the other.
func near(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	return min(len(a), len(b)) >= 4 && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a))
}

// checkOutputs judges who reads the outputs of gates and of signing jobs.
func (f *flow) checkOutputs() {
	for _, j := range f.jobs {
		needs := f.needs(j)
		for _, k := range f.jobs {
			if k == j || !f.reads(j, k.id) {
				continue
			}
			if !slices.Contains(needs, k) {
				f.checkUnneeded(j, k)
				continue
			}
			f.checkLegs(j, k)
		}
	}
}

// checkUnneeded reports a job that reads a gate's outputs without needing it.
func (f *flow) checkUnneeded(j, k *job) {
	if len(k.gates) > 0 && !f.ungated[j] {
		f.report(finding.OutputsNotNeeded, j.Pos, detail{found: "needs." + k.id + ".outputs in job " + j.id, wanted: "needs: " + k.id})
	}
}

// checkLegs reports outputs that the legs of k's matrix overwrite and j reads.
func (f *flow) checkLegs(j, k *job) {
	if !manyLegs(k) {
		return
	}
	for name, o := range k.Outputs {
		if o == nil || o.Value == nil || o.Name == nil || !f.readsOutput(j, k.id, name) {
			continue
		}
		if slices.ContainsFunc(k.Steps, func(s *actionlint.Step) bool { return f.verb(k, s) != "" && isFrom(s, o.Value) }) {
			f.report(finding.MatrixOutput, o.Name.Pos, detail{found: name + ": " + o.Value.Value + ", read by job " + j.id, wanted: "an answer for each leg"})
		}
	}
}

// manyLegs reports whether k's matrix has, or may have, more than one leg.
func manyLegs(k *job) bool {
	if k.Strategy == nil || k.Strategy.Matrix == nil {
		return false
	}
	m := k.Strategy.Matrix
	if m.Expression != nil || m.Include != nil {
		return true
	}
	for _, r := range m.Rows {
		if r == nil || r.Expression != nil || len(r.Values) > 1 {
			return true
		}
	}
	return false
}

// isFrom reports whether a value comes from a step.
func isFrom(s *actionlint.Step, v *actionlint.String) bool {
	if s.ID == nil {
		return false
	}
	return slices.ContainsFunc(parseCondition(v.Value).paths(), func(p []string) bool {
		return len(p) > 1 && p[0] == "steps" && (p[1] == strings.ToLower(s.ID.Value) || p[1] == "*")
	})
}

// uses reports whether j reads what g puts out.
func (f *flow) uses(j, k *job, g gate) bool {
	for name, o := range k.Outputs {
		if o != nil && o.Value != nil && isFrom(g.step, o.Value) && f.readsOutput(j, k.id, name) {
			return true
		}
	}
	return false
}

// reads reports whether j reads an output of the job id.
func (f *flow) reads(j *job, id string) bool {
	return f.looksAt(j, func(p []string) bool {
		return len(p) > 2 && p[0] == "needs" && p[1] == id && p[2] == "outputs"
	})
}

func (f *flow) readsOutput(j *job, id, name string) bool {
	return f.looksAt(j, func(p []string) bool {
		return overlap(p, []string{"needs", id, "outputs", name})
	})
}

// looksAt reports whether an expression anywhere in j looks at such a path.
func (f *flow) looksAt(j *job, is func([]string) bool) bool {
	return slices.ContainsFunc(f.texts(j), func(s string) bool {
		return slices.ContainsFunc(parseCondition(s).paths(), is)
	})
}

// texts returns what holds expressions about other jobs in j.
func (f *flow) texts(j *job) []string {
	var out []string
	for _, s := range f.values(j) {
		if strings.Contains(s.Value, "needs") {
			out = append(out, s.Value)
		}
	}
	return out
}

// values returns what may hold expressions in j.
func (f *flow) values(j *job) []*actionlint.String {
	var out []*actionlint.String
	add := func(s *actionlint.String) {
		if s != nil {
			out = append(out, s)
		}
	}
	env := func(e *actionlint.Env) {
		if e == nil {
			return
		}
		add(e.Expression)
		for _, v := range e.Vars {
			add(v.Value)
		}
	}
	add(j.If)
	env(j.Env)
	for _, o := range j.Outputs {
		add(o.Value)
	}
	if j.WorkflowCall != nil {
		for _, in := range j.WorkflowCall.Inputs {
			add(in.Value)
		}
	}
	for _, s := range j.Steps {
		if s == nil {
			continue
		}
		add(s.If)
		env(s.Env)
		switch e := s.Exec.(type) {
		case *actionlint.ExecRun:
			if e.Run != nil && strings.Contains(e.Run.Value, "${{") {
				add(e.Run)
			}
		case *actionlint.ExecAction:
			for _, in := range e.Inputs {
				add(in.Value)
			}
		}
	}
	return out
}
