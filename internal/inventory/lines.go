package inventory

import (
	"fmt"
	"time"
)

// Title is what a report of a kind is called, with the formats that are read.
func Title(kind Kind) string {
	switch kind {
	case SBOM:
		return "an SBOM: CycloneDX or SPDX"
	case Vulnerabilities:
		return "a report of a scanner: SARIF, Trivy, Grype, govulncheck, OSV-Scanner, GitLab or CycloneDX"
	case TestResults:
		return "results of tests: JUnit or go test -json"
	case VEX:
		return "a VEX document: OpenVEX"
	}
	return "a list of vulnerabilities that are exploited"
}

// Count is a number of things, in words.
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// Lines say for people what a report holds.
func (r Report) Lines() []string {
	var out []string
	if !r.Time.IsZero() {
		out = append(out, "made "+r.Time.UTC().Format(time.RFC3339))
	}
	switch {
	case r.Contents != nil:
		line := Count(r.Contents.Components, "component")
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
		line := Count(len(r.Scan.Findings), "finding")
		all := Severities()
		for i := range all {
			if s := all[len(all)-1-i]; n[s] > 0 {
				line += fmt.Sprintf(", %d %s", n[s], s)
			}
		}
		out = append(out, line, "looked at "+Count(len(r.Scan.Targets), "target")+", "+Count(components, "component"))
		if d := r.Scan.Database.Updated; !d.IsZero() {
			out = append(out, "database of "+d.UTC().Format(time.RFC3339))
		}
		if r.Scan.Finished == No {
			out = append(out, "the scan did not come to its end: a gate refuses it")
		}
		for _, f := range r.Scan.Filters {
			out = append(out, "left out: "+f)
		}
	case r.Tests != nil:
		var s Suite
		for _, x := range r.Tests.Suites {
			s.Passed, s.Failed, s.Skipped = s.Passed+x.Passed, s.Failed+x.Failed, s.Skipped+x.Skipped
		}
		out = append(out, fmt.Sprintf("%s passed, %d failed, %d skipped, in %s", Count(s.Passed, "test"), s.Failed, s.Skipped, Count(len(r.Tests.Suites), "suite")))
		if r.Tests.Finished == No {
			out = append(out, "the run did not come to its end, or the report counts more than it lists: a gate refuses it")
		}
	case r.Exploited != nil:
		out = append(out, fmt.Sprintf("%d vulnerabilities", len(r.Exploited.IDs)))
	default:
		for _, s := range r.Statements {
			out = append(out, fmt.Sprintf("%s: %s %s", s.ID, s.Status, s.Justification))
		}
	}
	return out
}
