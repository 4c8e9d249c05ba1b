// Package finding holds what a doctor finds: one mistake, where it is and the
// next step; and the one table of the rules that such a mistake can break, from
// which reports and the page about them are written.
//
// It refuses to look at anything: readers of files, doors and the command bring
// what they have seen. It refuses a finding of no rule: a rule is a constant of
// this room, so that a misspelt one does not compile.
package finding

import (
	"cmp"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A Watch is an environment that is only watched, as its policy says.
type Watch struct {
	Until    string   // the day from which it is enforced
	Severity Severity // of what has to be changed before that day
}

// Severity says how bad a finding is. Its zero is the worst.
type Severity int

// The severities.
const (
	Error   Severity = iota // the gate can be passed by, or can never be passed
	Warning                 // it weakens what stands around the gate
	Note                    // something that could not be seen from here
)

// String returns the word that people and machines read.
func (s Severity) String() string {
	switch s {
	case Note:
		return "note"
	case Warning:
		return "warning"
	default:
		return "error"
	}
}

// MarshalText writes the form of String.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A Finding is one mistake, where it is, and the next step.
type Finding struct {
	Rule     Rule       `json:"rule"`
	Threat   string     `json:"threat,omitempty"` // id in docs/threat-model.md; one of the rule's
	Code     fault.Code `json:"code"`
	Severity Severity   `json:"severity"`
	File     string     `json:"file,omitempty"`
	Line     int        `json:"line,omitempty"`   // from 1
	Column   int        `json:"column,omitempty"` // from 1
	Message  string     `json:"message"`
	Found    string     `json:"found,omitempty"`
	Wanted   string     `json:"wanted,omitempty"`
	Hint     string     `json:"hint,omitempty"`
}

// By returns f with the threat that its rule stands for where this reader raises
// it, unless f says another.
func (f Finding) By(r Reader) Finding {
	f.Threat = cmp.Or(f.Threat, f.Rule.Threat(r))
	return f
}

// Sort orders findings by severity and place, and then by rule, and drops
// repetitions.
func Sort(all []Finding) []Finding {
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity),
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Rule.String(), b.Rule.String()), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(out)
}
