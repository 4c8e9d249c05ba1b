package workflows

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

// watch returns how the environments of a gate are watched, if all of them are.
func (f *flow) watch(g gate) (finding.Watch, bool) {
	names := g.env
	if g.enters {
		names = g.job.env
	}
	if !names.known || len(names.values) == 0 {
		return finding.Watch{}, false
	}
	for _, v := range names.values {
		if _, is := f.want.Watched[v]; !is {
			return finding.Watch{}, false
		}
	}
	return f.want.Watched[names.values[0]], true
}

// watches reports whether the file has a gate for an environment that is watched: it stops
// nothing, so it has to precede nothing.
func (f *flow) watches(t target, j *job) bool {
	return slices.ContainsFunc(f.jobs, func(k *job) bool { return f.gateIn(k, t, j) != nil })
}

// checkWatched says what to change on the day from which a gate is enforced. Until then the
// gate may fail without stopping anything: only so no outage and no mistake in a policy stops a
// release.
func (f *flow) checkWatched(g gate, w finding.Watch) {
	d := detail{severity: w.Severity,
		message: fmt.Sprintf("the policy watches %s until %s, so this gate stops nothing", quoteEmpty(g.env.text), w.Until),
		wanted:  fmt.Sprintf("from %s on, a gate that stops its job, and a deployment of what it passes on", w.Until)}
	digests := "let the deployment take the gate's output digests"
	if id := g.step.ID; id != nil && id.Value != "" {
		digests += fmt.Sprintf(": ${{ steps.%s.outputs.digests }}", id.Value)
	}
	var found, lines []string
	at := g.step.Pos
	for _, b := range []*actionlint.Bool{g.step.ContinueOnError, g.job.ContinueOnError} {
		if !f.off(b) {
			found = append(found, fmt.Sprintf("continue-on-error: %s (line %d)", b.String(), line(b.Pos)))
			lines = append(lines, fmt.Sprintf("take line %d out (continue-on-error: %s)", line(b.Pos), b.String()))
			at = b.Pos
		}
	}
	switch {
	case len(lines) > 0:
		d.found = strings.Join(found, "; ")
		d.hint = "on that day, " + strings.Join(lines, "; ") + "; " + digests
	default:
		d.found = "a gate that may not fail"
		d.hint = "until that day, add continue-on-error: true to the gate's step, so that an outage stops no release; " + digests
	}
	f.report(finding.GateWatched, at, d)
}
