package workflows

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rhysd/actionlint"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

// checkGates judges every job that may enter a guarded environment, and every
// gate by itself.
func (f *flow) checkGates() {
	for _, j := range f.jobs {
		for _, g := range j.gates {
			f.checkSoft(g)
			f.checkPassed(g)
			f.checkWait(g)
		}
		for _, t := range f.targets(j) {
			f.judge(j, t)
		}
		if j.WorkflowCall != nil {
			f.checkCall(j)
		}
	}
	f.checkConditions()
	f.checkUnnamed()
}

// checkSoft reports a gate whose no does not stop its job.
func (f *flow) checkSoft(g gate) {
	if w, is := f.watch(g); is {
		f.checkWatched(g, w)
		return
	}
	for _, b := range []*actionlint.Bool{g.step.ContinueOnError, g.job.ContinueOnError} {
		if !f.off(b) && !f.reported(finding.Syntax, b.Pos) {
			f.report(finding.GateSoft, b.Pos, detail{found: "continue-on-error: " + b.String(), wanted: "no continue-on-error",
				hint: "remove continue-on-error from the gate and its job"})
		}
	}
	if g.soft {
		run := g.step.Exec.(*actionlint.ExecRun)
		f.report(finding.GateSwallowed, run.RunPos, detail{found: run.Run.Value, wanted: "a script that ends where the gate says no"})
	}
}

// hostedMinutes is how long a job runs at most where nothing else is written
// (docs.github.com/actions/reference/workflows-and-actions/workflow-syntax, "timeout-minutes").
const hostedMinutes = 360

// checkWait compares how long a gate waits with how long its job, and its step,
// may run.
func (f *flow) checkWait(g gate) {
	m := waits().FindStringSubmatch(f.argument(g, "wait"))
	if m == nil {
		return
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return // longer than anything; the gate itself says so
	}
	minutes := float64(n) * map[string]float64{"m": 1, "h": 60, "d": 24 * 60}[m[2]]
	least, said := float64(hostedMinutes), "timeout-minutes: 360, which is the default"
	for _, t := range []*actionlint.Float{g.job.TimeoutMinutes, g.step.TimeoutMinutes} {
		if t != nil && t.Expression != nil {
			return // known when the job runs
		}
		if t != nil && (t == g.job.TimeoutMinutes || t.Value < least) {
			least, said = t.Value, "timeout-minutes: "+strconv.FormatFloat(t.Value, 'g', -1, 64)
		}
	}
	if minutes >= least {
		f.report(finding.WaitTooLong, g.step.Pos, detail{severity: finding.Warning, found: "wait: " + m[0] + " and " + said, wanted: "a wait that ends before its job"})
	}
}

var waits = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([1-9][0-9]*)([mhd])$`) })

// What is said of a gate that may be in a called workflow.
const (
	unseen      = "whether a gate precedes this environment is decided in a called workflow, which cannot be seen from here"
	checkCalled = "check the called workflow as well, and pin it by commit"
)

// judge looks for a gate that decides whether j enters t.
func (f *flow) judge(j *job, t target) {
	if _, is := f.want.Watched[t.name]; is && f.watches(t, j) {
		return
	}
	if f.judgeOwn(j, t) {
		return
	}
	if f.judgeNeeded(j, t) {
		f.checkReused(j, t)
		return
	}
	f.ungated[j] = true
	d := detail{found: "environment " + t.String(), wanted: "a gate for " + t.String() + " before it"}
	at := j.Environment.Pos
	if g, step, ok := f.late(j, t); ok {
		f.report(finding.GateLate, step.Pos, detail{found: f.describe(step), wanted: "the gate on line " + strconv.Itoa(line(g.step.Pos)) + " first"})
		return
	}
	switch {
	case slices.ContainsFunc(f.jobs, func(k *job) bool { return k != j && f.gateIn(k, t, j) != nil }):
		f.report(finding.GateNotNeeded, at, d)
	case f.anyGate(j) != nil:
		d.found = "a gate for " + quoteEmpty(f.anyGate(j).env.text)
		f.report(finding.GateOtherEnvironment, f.anyGate(j).step.Pos, d)
	case slices.ContainsFunc(f.before(j), func(k *job) bool { return k.WorkflowCall != nil }):
		d.severity, d.message, d.hint = finding.Warning, unseen, checkCalled
		f.report(finding.GateUnseen, at, d)
	default:
		f.report(finding.NoGate, at, d)
	}
}

func quoteEmpty(s string) string {
	if s == "" {
		return "no environment"
	}
	return s
}

// gateIn returns k's gate for t.
func (f *flow) gateIn(k *job, t target, j *job) *gate {
	for i := range k.gates {
		if k.gates[i].covers(t, j) {
			return &k.gates[i]
		}
	}
	return nil
}

// anyGate returns a gate in j or before it, whatever it judges.
func (f *flow) anyGate(j *job) *gate {
	for _, k := range append([]*job{j}, f.before(j)...) {
		if len(k.gates) > 0 {
			return &k.gates[0]
		}
	}
	return nil
}

// judgeOwn looks for a gate among j's own steps that comes before anything else
// happens, and then at what runs after it.
func (f *flow) judgeOwn(j *job, t target) bool {
	for _, g := range j.gates {
		if g.covers(t, j) && f.firstEffective(j, g.index) == nil {
			f.checkAfter(g)
			f.checkFetched(g)
			return true
		}
	}
	return false
}

// firstEffective returns the first step before index that may change something.
func (f *flow) firstEffective(j *job, index int) *actionlint.Step {
	for i, s := range j.Steps[:index] {
		isGate := slices.ContainsFunc(j.gates, func(g gate) bool { return g.index == i })
		if !isGate && f.effective(j, s) {
			return s
		}
	}
	return nil
}

// late returns j's gate for t that something precedes, and the something.
func (f *flow) late(j *job, t target) (gate, *actionlint.Step, bool) {
	for _, g := range j.gates {
		if s := f.firstEffective(j, g.index); s != nil && g.covers(t, j) {
			return g, s, true
		}
	}
	return gate{}, nil, false
}

func (f *flow) describe(s *actionlint.Step) string {
	switch e := exec(s).(type) {
	case *actionlint.ExecAction:
		if e.Uses != nil {
			return "uses: " + e.Uses.Value
		}
	case *actionlint.ExecRun:
		if e.Run != nil {
			return "run: " + e.Run.Value
		}
	}
	return "a step that is not understood"
}

// checkAfter reports the steps after g that run although it did not pass.
func (f *flow) checkAfter(g gate) {
	skippable := !sure(g.step.If)
	for _, s := range g.job.Steps[g.index+1:] {
		if !f.effective(g.job, s) || s.If != nil && (f.byActor(g.job, s, s.If) || f.unread(s.If)) {
			continue
		}
		severity, passes := finding.Error, may(s.If, stepWorld(g, "success"))
		if !passes {
			severity = finding.Warning // it runs after a no only: a notice, most likely
		}
		if may(s.If, stepWorld(g, "failure")) || may(s.If, stepWorld(g, "cancelled")) {
			f.report(finding.RunsAnyway, s.If.Pos, detail{severity: severity, found: s.If.Value, wanted: "no step that runs after the gate's no"})
			continue
		}
		if skippable && !f.byActor(g.job, g.step, g.step.If) && !sameText(s.If, g.step.If) && may(s.If, stepWorld(g, "skipped")) {
			f.report(finding.GateSkipped, g.step.If.Pos, detail{found: g.step.If.Value, wanted: "a gate without a condition"})
		}
	}
}

func sameText(a, b *actionlint.String) bool {
	return a != nil && b != nil && a.Value == b.Value
}

// stepWorld is what a step sees after g has ended in this way.
func stepWorld(g gate, ended string) world {
	w := world{status: map[string]value{"always": boolean(true)}}
	went := ended == "success" || ended == "skipped"
	w.status["success"] = boolean(went)
	w.status["failure"] = boolean(ended == "failure")
	w.status["cancelled"] = value{}
	if went || ended == "cancelled" {
		w.status["cancelled"] = boolean(!went)
	}
	id := ""
	if g.step.ID != nil {
		id = strings.ToLower(g.step.ID.Value)
	}
	w.outcome = func(p []string) bool {
		return len(p) == 3 && p[0] == "steps" && (p[1] == id || p[1] == "*") && (p[2] == "outcome" || p[2] == "conclusion")
	}
	w.look = func(p []string) value {
		switch {
		case len(p) == 2 && p[0] == "job" && p[1] == "status" && ended != "skipped":
			return str(ended)
		case len(p) < 3 || p[0] != "steps" || p[1] != id || id == "":
			return value{}
		case p[2] == "outcome" || p[2] == "conclusion":
			return str(ended)
		case p[2] == "outputs" && len(p) == 4 && ended != "success":
			return str("")
		}
		return value{}
	}
	return w
}

// checkCall reports a call that hands a guarded environment to a workflow that
// is not here, unless a gate for it comes first.
func (f *flow) checkCall(j *job) {
	for _, name := range slices.Sorted(maps.Keys(j.WorkflowCall.Inputs)) {
		in := j.WorkflowCall.Inputs[name]
		if in == nil || in.Name == nil || in.Value == nil || !strings.Contains(strings.ToLower(in.Name.Value), "env") {
			continue
		}
		n := f.resolve(j, in.Value.Value)
		for _, e := range f.want.Environments {
			t := target{name: e, text: in.Value.Value}
			if n.known && n.may(e) && !f.judgeNeeded(j, t) {
				f.report(finding.GateUnseen, in.Value.Pos, detail{severity: finding.Note, message: unseen, hint: checkCalled,
					found: in.Name.Value + ": " + in.Value.Value, wanted: "a gate for " + e + " in " + j.WorkflowCall.Uses.Value})
				return
			}
		}
	}
}

// checkUnnamed reports who acts on a gate's answer for an environment that no
// job names.
func (f *flow) checkUnnamed() {
	for _, j := range f.jobs {
		for _, k := range f.needs(j) {
			for _, g := range k.gates {
				if j.Environment == nil && j.WorkflowCall == nil && g.env.known && !f.entered(g.env) && f.uses(j, k, g) {
					f.report(finding.EnvironmentUnnamed, j.Pos, detail{severity: finding.Warning, found: "job " + j.id, wanted: "environment: " + g.env.text})
				}
			}
		}
	}
}

// entered reports whether any job may enter one of the environments, or calls a
// workflow that may.
func (f *flow) entered(n names) bool {
	return slices.ContainsFunc(f.jobs, func(j *job) bool {
		return j.WorkflowCall != nil || j.Environment != nil && (!j.env.known || slices.ContainsFunc(n.values, j.env.may))
	})
}
