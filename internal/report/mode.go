package report

import (
	"fmt"

	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// noGate is said wherever an environment is only watched.
const noGate = "this is no gate: nothing is stopped and nothing is passed on"

// would says what would have become of something, in the words after its name.
func would(o verdict.Outcome, environment string) string {
	switch o {
	case verdict.Allow:
		return " would be let into " + environment
	case verdict.Wait:
		return " would wait for approval to enter " + environment
	default:
		return " would be denied for " + environment
	}
}

// modeLines are the lines about the modes of a policy, in words; how writes a value.
func modeLines(r Record, how func(string) string) []string {
	m := r.Mode
	if m == nil {
		return nil
	}
	var out []string
	if m.Why != "" && m.Says == "enforce" {
		out = append(out, how(m.Why)+", so it is enforced")
	} else if m.Why != "" {
		out = append(out, fmt.Sprintf("the policy says mode: %s, and %s is enforced: %s", m.Says, how(r.Environment), how(m.Why)))
	}
	if m.Hint != "" {
		out = append(out, "fix: "+how(m.Hint))
	}
	for _, n := range m.Notes {
		out = append(out, how(n))
	}
	if m.Commit != "" {
		out = append(out, fmt.Sprintf("mode as branch %s has it at commit %s", how(m.Branch), how(m.Commit[:min(12, len(m.Commit))])))
	}
	return out
}

// mode writes what the modes of a policy come to.
func (p *printer) mode(r Record, c Screen) {
	if r.Outcome.Watched {
		p.answer(verdict.Wait, "WATCH", noGate, c)
	}
	for _, l := range modeLines(r, Plain) {
		p.hanging("  ", "    ", l)
	}
}
