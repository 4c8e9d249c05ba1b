package workflows

import (
	"slices"
	"strings"

	"github.com/rhysd/actionlint"
)

// checkReused judges a job whose gate is in a job before it. That holds for the
// run's first attempt: who runs the job again runs it alone, for thirty days,
// with the answer and the outputs that the gate gave then.
func (f *flow) checkReused(j *job, t target) {
	if g, step, ok := f.late(j, t); ok {
		f.report(gateLate, step.Pos, detail{found: f.describe(step), wanted: "the step " + f.describe(g.step) + " first"})
		return
	}
	f.report(gateReused, j.Environment.Pos, detail{found: "environment " + t.String() + " in job " + j.id + ", and its gate in another job",
		wanted: "a step in this job that judges or enters"})
	if !f.takes(j) && !slices.ContainsFunc(f.before(j), f.handsOver) {
		f.report(outputsIgnored, j.Pos, detail{severity: Note, found: "job " + j.id, wanted: "needs.JOB.outputs of the gate"})
	}
}

// checkFetched reports what a job deploys after its own gate by a name that may
// be something else by then: a download, or a tag of a registry. It reports
// nothing if the job uses what the gate put out.
func (f *flow) checkFetched(g gate) {
	if g.enters || f.takes(g.job) {
		return
	}
	if subject := f.argument(g, "subject"); strings.Contains(subject, "oci://") || slices.ContainsFunc(g.call.words, func(w string) bool { return strings.HasPrefix(w, "oci://") }) {
		f.report(outputsIgnored, g.step.Pos, detail{severity: Note, found: "a subject that is a tag, which can be moved: " + f.describe(g.step), wanted: "the output images of the gate"})
		return
	}
	for _, s := range g.job.Steps[g.index+1:] {
		if e, ok := exec(s).(*actionlint.ExecAction); ok && e.Uses != nil && parseUses(e.Uses.Value).repository == "actions/download-artifact" {
			f.report(outputsIgnored, s.Pos, detail{severity: Warning, found: f.describe(s) + " after the gate", wanted: "the download before the gate"})
			return
		}
	}
}

// results are what a job says that deploys by digest, whoever worked it out.
var results = []string{"outputs", "digest", "sha256", "checksums", ".sallyport"}

// takes reports whether j may use what a gate, or a job behind one, puts out.
func (f *flow) takes(j *job) bool {
	says := func(s *actionlint.String) bool {
		return s != nil && slices.ContainsFunc(results, func(r string) bool { return strings.Contains(strings.ToLower(s.Value), r) })
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
