package workflows

import (
	"slices"
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

// checkReused judges a job whose gate is in a job before it. That holds for the
// run's first attempt: who runs the job again runs it alone, for thirty days,
// with the answer and the outputs that the gate gave then.
func (f *flow) checkReused(j *job, t target) {
	if g, step, ok := f.late(j, t); ok {
		f.report(finding.GateLate, step.Pos, detail{found: f.describe(step), wanted: "the step " + f.describe(g.step) + " first"})
		return
	}
	f.report(finding.GateReused, j.Environment.Pos,
		detail{found: "environment " + t.String() + " in job " + j.id + ", and its gate in another job",
			wanted: "a step in this job that judges or enters"})
	if !f.takes(j) && !slices.ContainsFunc(f.before(j), f.handsOver) {
		f.report(finding.OutputsIgnored, j.Pos, detail{severity: finding.Note, found: "job " + j.id, wanted: "needs.JOB.outputs of the gate"})
	}
}

// checkFetched reports what a job deploys after its own gate by a name that may
// be something else by then: a download, or a tag of a registry. It reports
// nothing if the job uses what the gate put out.
func (f *flow) checkFetched(g gate) {
	if g.enters || f.takes(g.job) {
		return
	}
	if subject := f.argument(g, "subject"); strings.Contains(subject, "oci://") || slices.ContainsFunc(g.call.words,
		func(w string) bool { return strings.HasPrefix(w, "oci://") }) {
		f.report(finding.OutputsIgnored, g.step.Pos, detail{severity: finding.Note,
			found: "a subject that is a tag, which can be moved: " + f.describe(g.step), wanted: "the output images of the gate"})
		return
	}
	for _, s := range g.job.Steps[g.index+1:] {
		if e, ok := exec(s).(*actionlint.ExecAction); ok && e.Uses != nil &&
			parseUses(e.Uses.Value).repository == "actions/download-artifact" {
			f.report(finding.OutputsIgnored, s.Pos, detail{severity: finding.Warning, found: f.describe(s) + " after the gate",
				wanted: "the download before the gate"})
			return
		}
	}
}

// results are words of a job that deploys by digest, from a gate or from elsewhere.
var results = []string{"outputs", "digest", "sha256", "checksums", ".sallyport"}

// takes reports whether j may use what a gate, or a job behind one, puts out.
func (f *flow) takes(j *job) bool {
	says := func(s *actionlint.String) bool {
		return s != nil && slices.ContainsFunc(results,
			func(r string) bool { return strings.Contains(strings.ToLower(s.Value), r) })
	}
	return slices.ContainsFunc(f.values(j), says) || slices.ContainsFunc(j.Steps, func(s *actionlint.Step) bool {
		e, ok := exec(s).(*actionlint.ExecRun)
		return ok && says(e.Run)
	})
}

// handsOver reports whether j judges and keeps files for jobs behind it.
func (f *flow) handsOver(j *job) bool {
	return len(j.gates) > 0 && slices.ContainsFunc(j.Steps[j.gates[0].index:], func(s *actionlint.Step) bool {
		e, ok := exec(s).(*actionlint.ExecAction)
		return ok && e.Uses != nil && parseUses(e.Uses.Value).repository == "actions/upload-artifact"
	})
}

// checkPassed reports a job that enters with what is always empty: an output of a
// job or a step that there is none of by that name.
func (f *flow) checkPassed(g gate) {
	text := f.argument(g, "passed")
	if !g.enters || text == "" {
		return
	}
	for _, x := range split(text) {
		if !x.expression && strings.TrimSpace(x.text) != "" || x.expression && !f.empty(g.job, g.index, x.text, 0) {
			return
		}
	}
	f.report(finding.PassedEmpty, g.step.Pos, detail{found: "passed: " + text, wanted: f.passer(g)})
}

// passer is what a job that enters can take from its gate.
func (f *flow) passer(g gate) string {
	for _, k := range f.before(g.job) {
		if len(k.gates) > 0 && !k.gates[0].enters {
			return "the output digests of job " + k.id + ", declared there and named in needs"
		}
	}
	return "the output digests of the gate's job"
}

// empty reports whether an expression in j, in front of a step, has nothing but
// outputs that nobody writes.
func (f *flow) empty(j *job, index int, text string, depth int) bool {
	c := parseCondition("${{" + text + "}}")
	if c.err != nil || len(c.nodes) != 1 || depth > 3 {
		return false
	}
	p, is := pathOf(c.nodes[0])
	if !is || len(p) != 4 || p[2] != "outputs" || p[1] == "*" || p[3] == "*" {
		return false
	}
	switch p[0] {
	case "needs":
		return f.undeclared(j, p[1], p[3], depth)
	case "steps":
		return !slices.ContainsFunc(j.Steps[:index], func(s *actionlint.Step) bool {
			return s == nil || s.ID != nil && strings.EqualFold(s.ID.Value, p[1])
		})
	}
	return false
}

// undeclared reports whether a job's output is empty for j. What a called workflow
// puts out cannot be seen, and a gate that needs leaves out has a rule of its own.
func (f *flow) undeclared(j *job, id, name string, depth int) bool {
	k := f.byID[id]
	if k == nil || !slices.Contains(f.needs(j), k) {
		return k == nil || len(k.gates) == 0
	}
	if k.WorkflowCall != nil {
		return false
	}
	o := k.Outputs[name]
	if o == nil || o.Value == nil {
		return true
	}
	parts := split(strings.TrimSpace(o.Value.Value))
	return len(parts) == 1 && parts[0].expression && f.empty(k, len(k.Steps), parts[0].text, depth+1)
}
