package cli

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"
	"time"

	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// guarded are the environments of a policy, and those of them that are only watched now.
type guarded struct {
	names   []string
	watched map[string]finding.Watch
}

// guardedBy returns the environments of a policy at a time.
func guardedBy(p *policy.Policy, now time.Time) guarded {
	g := guarded{watched: map[string]finding.Watch{}}
	for _, e := range p.Environments {
		g.names = append(g.names, e.Name)
		if e.Mode.At(now) != policy.Watch {
			continue
		}
		w := finding.Watch{Until: policy.Day(e.Mode.Until), Severity: finding.Note}
		if e.Mode.Until.Sub(now) <= policy.NoticeBefore {
			w.Severity = finding.Warning
		}
		g.watched[e.Name] = w
	}
	return g
}

// lenience says of each environment with a mode that stops less than enforce for how long it has
// been so, how often its dates were moved, and where the mode does not hold.
func (r *run) lenience(p *policy.Policy, at gate.Branch) ([]finding.Finding, error) {
	var out []finding.Finding
	for _, e := range p.Environments {
		if e.Mode.Level == policy.Enforce {
			continue
		}
		name := path.Clean(filepath.ToSlash(r.in.Policy))
		if r.ofServer != nil {
			name = r.policyPath()
		}
		m, err := gate.Modes(r.ctx, at, readPolicy, name, e.Name)
		if err != nil {
			return nil, err
		}
		f := finding.Finding{Rule: finding.ModeLenient, Severity: finding.Note, File: r.in.Policy, Line: e.Line, Column: 1,
			Message: fmt.Sprintf("%q has mode: %s until %s, %s", e.Name, e.Mode.Level, policy.Day(e.Mode.Until), m.Told(m.Environment, r.now)),
			Hint:    "on that day write mode: enforce, with a new baseline, and look at what gate-watched says"}
		switch {
		case e.Mode.At(r.now) == policy.Enforce:
			f.Severity, f.Hint = finding.Warning, "write mode: enforce, without dates"
			f.Message = fmt.Sprintf("%q has mode: %s until %s, and is enforced", e.Name, e.Mode.Level, policy.Day(e.Mode.Until))
		case m.Why != "":
			f.Severity, f.Found, f.Hint = finding.Warning, m.Why, cmp.Or(m.Need, "merge the policy into the default branch")
			f.Message = fmt.Sprintf("%q has mode: %s here, and is enforced: the default branch does not say so", e.Name, e.Mode.Level)
		case m.Environment.Mode.At(r.now) != e.Mode.Level:
			f.Severity, f.Found, f.Hint = finding.Warning, m.Why, "merge the policy into the default branch"
			f.Message = fmt.Sprintf("%q has mode: %s here, and is enforced: the policy of the default branch says %s", e.Name, e.Mode.Level, m.Environment.Mode.At(r.now))
		}
		out = append(out, f.By(finding.Policy))
	}
	return out, nil
}
