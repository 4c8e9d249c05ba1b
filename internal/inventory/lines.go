package inventory

import (
	"fmt"
	"time"
)

// Lines say for people what a report holds.
func (r Report) Lines() []string {
	var out []string
	if !r.Time.IsZero() {
		out = append(out, "made "+r.Time.UTC().Format(time.RFC3339))
	}
	switch {
	case r.Contents != nil:
		line := fmt.Sprintf("%d components", r.Contents.Components)
		if c := r.Contents.Completeness; c != "" {
			line += ", " + string(c)
		}
		out = append(out, line)
	case r.Scan != nil:
		n, components := map[Severity]int{}, 0
		for _, f := range r.Scan.Findings {
			n[Severities()[f.Severity.rank()]]++
		}
		for _, t := range r.Scan.Targets {
			components += len(t.Components)
		}
		line := fmt.Sprintf("%d findings", len(r.Scan.Findings))
		all := Severities()
		for i := range all {
			if s := all[len(all)-1-i]; n[s] > 0 {
				line += fmt.Sprintf(", %d %s", n[s], s)
			}
		}
		out = append(out, line, fmt.Sprintf("looked at %d targets, %d components", len(r.Scan.Targets), components))
		if d := r.Scan.Database.Updated; !d.IsZero() {
			out = append(out, "database of "+d.UTC().Format(time.RFC3339))
		}
		for _, f := range r.Scan.Filters {
			out = append(out, "left out: "+f)
		}
	case r.Tests != nil:
		var s Suite
		for _, x := range r.Tests.Suites {
			s.Passed, s.Failed, s.Skipped = s.Passed+x.Passed, s.Failed+x.Failed, s.Skipped+x.Skipped
		}
		out = append(out, fmt.Sprintf("%d tests passed, %d failed, %d skipped, in %d suites", s.Passed, s.Failed, s.Skipped, len(r.Tests.Suites)))
	case r.Exploited != nil:
		out = append(out, fmt.Sprintf("%d vulnerabilities", len(r.Exploited.IDs)))
	default:
		for _, s := range r.Statements {
			out = append(out, fmt.Sprintf("%s: %s %s", s.ID, s.Status, s.Justification))
		}
	}
	return out
}
