package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/inventory"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// TestReport is how the tests of an artifact ended. A test that was skipped did not run.
type TestReport struct {
	reporting
	AtLeast int      // tests that ran
	Suites  []string // names of suites of which a test ran
}

func readTests(r *reader, _ string, m mapping) Evidence {
	p := TestReport{reporting: readReporting(r, inventory.TestResults, "runner", m), AtLeast: 1}
	if n := m.get("at-least"); n != nil {
		p.AtLeast = r.atLeast(n)
	}
	for _, n := range r.list(m.get("suites"), "suites") {
		p.Suites = append(p.Suites, r.text(n, "suites"))
	}
	return p
}

// maxAtLeast bounds at-least.
const maxAtLeast = 1_000_000

func (r *reader) atLeast(n *yamlnode.Node) int {
	s := r.text(n, "at-least")
	c, err := strconv.Atoi(s)
	if s != "" && (err != nil || !number.MatchString(s) || c > maxAtLeast) {
		r.complain(n, "at-least %q, want a number from 1 to %d", s, maxAtLeast)
	}
	return max(1, c)
}

func (p TestReport) title() string { return inventory.Title(p.Kind) }

func (p TestReport) loosened(l *loosening, was Requirement) {
	old, _ := was.Kind.(TestReport) // as the name says
	p.loosenedReporting(l, was.Name, old.reporting)
	l.count("at-least of "+was.Name, old.AtLeast, p.AtLeast)
	for _, s := range old.Suites {
		l.accepts(fmt.Sprintf("a report without suite %q", s), false, !slices.Contains(p.Suites, s))
	}
}

func (p TestReport) judge(x look) *miss {
	r, m := p.common(x)
	if m != nil {
		return m
	}
	if m := p.against(x, r); m != nil {
		return m
	}
	ran, skipped := count(r)
	switch {
	case ran == 0:
		return &miss{code: fault.Tests, reason: "no test ran", found: fmt.Sprintf("0 ran, %d were skipped", skipped), wanted: fmt.Sprintf("at least %d", p.AtLeast),
			hint: "look at why the tests are skipped or not found"}
	case ran < p.AtLeast:
		return &miss{code: fault.Tests, reason: "fewer tests ran than the policy asks for", found: fmt.Sprintf("%d ran, %d were skipped", ran, skipped), wanted: fmt.Sprintf("at least %d", p.AtLeast),
			hint: "run all of them; a test that is skipped is none that ran"}
	}
	for _, s := range p.Suites {
		if !slices.ContainsFunc(r.Tests.Suites, func(o inventory.Suite) bool { return o.Name == s && o.Passed > 0 }) {
			return &miss{code: fault.Tests, reason: fmt.Sprintf("no test of suite %q ran", s), found: suites(r), wanted: strings.Join(p.Suites, ", "),
				hint: "report that suite too, in the same document"}
		}
	}
	return nil
}

// against is a test that failed, and a run that did not end.
func (p TestReport) against(_ look, r inventory.Report) *miss {
	if r.Tests == nil {
		return nil
	}
	failed := 0
	for _, s := range r.Tests.Suites {
		failed += s.Failed
	}
	switch {
	case failed > 0:
		return &miss{code: fault.Tests, reason: inventory.Count(failed, "test") + " failed", found: listed(r.Tests.Failed), wanted: "no test that failed",
			hint: "mend what fails, build again, and attest the results of that build"}
	case r.Tests.Finished == inventory.No:
		return &miss{code: fault.Tests, reason: "the tests did not run to their end", found: "a run that was cut off, or a report that counts more than it lists", wanted: "a run that ended",
			hint: "attest what the test runner writes when it has ended"}
	}
	return nil
}

// lost is a suite in which something failed, and of which the newest report has fewer tests: a report does not name those that
// passed.
func (p TestReport) lost(_ look, newest, earlier inventory.Report) *miss {
	if newest.Tests == nil || earlier.Tests == nil {
		return nil
	}
	for _, s := range earlier.Tests.Suites {
		ran := 0
		for _, o := range newest.Tests.Suites {
			if o.Name == s.Name {
				ran += o.Passed + o.Failed
			}
		}
		if s.Failed > 0 && ran < s.Passed+s.Failed {
			return &miss{code: fault.Conflict, reason: fmt.Sprintf("an earlier report has failures in suite %q, of which the newest one leaves tests out", s.Name),
				found: fmt.Sprintf("%d tests of it ran", ran), wanted: fmt.Sprintf("at least %d", s.Passed+s.Failed), hint: "run the whole suite again, and attest its results"}
		}
	}
	return nil
}

func count(r inventory.Report) (ran, skipped int) {
	if r.Tests == nil {
		return 0, 0
	}
	for _, s := range r.Tests.Suites {
		ran, skipped = ran+s.Passed+s.Failed, skipped+s.Skipped
	}
	return ran, skipped
}

func suites(r inventory.Report) string {
	var out []string
	for _, s := range r.Tests.Suites {
		if s.Passed+s.Failed > 0 {
			out = append(out, s.Name)
		}
	}
	return orAbsent(listed(out))
}

// says tells what a report says, for the finding that allows.
func (p TestReport) says(r inventory.Report) string {
	ran, skipped := count(r)
	return fmt.Sprintf("%s ran, none failed, %d skipped", inventory.Count(ran, "test"), skipped)
}
