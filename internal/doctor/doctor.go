// Package doctor holds what is found out about a project before its release
// day: the mistakes in its files and settings that make a gate meaningless or
// impossible, and the settings that would mend them.
//
// It refuses to look at the world: doors and readers of files bring findings
// in, and it sorts them. It refuses to weaken: a plan that would take a
// protection away is an error, not a plan.
package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

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
	Rule     string     `json:"rule"`             // stable, kebab-case
	Threat   string     `json:"threat,omitempty"` // id in docs/threat-model.md
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

// Sort orders findings by place, and then by rule, and drops repetitions.
func Sort(all []Finding) []Finding {
	out := slices.Clone(all)
	sort.SliceStable(out, func(i, k int) bool {
		a, b := &out[i], &out[k]
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message)) < 0
	})
	return slices.Compact(out)
}

// Want is what the policy asks of an environment's settings, in words that
// every platform has something for.
type Want struct {
	Environment string
	Reviewers   []Reviewers     // who shall be asked on the platform's page; none: nobody has to be
	Eligible    []policy.Member // everybody who may approve, for platforms that need names
	Refs        []string        // patterns of the refs that may enter, fully qualified
	NoSelf      bool            // who started it may not approve
	SelfReview  bool            // who started it may be all who reviews it, by the policy's own word
	NoBypass    bool            // administrators may not pass by
	// Unguarded says that the platform protects nothing here, by the policy's own
	// word: only what concerns every run of the project is looked at.
	Unguarded bool
	Variables string // the lowest role that may give a run variables, or "unchecked"; empty: nobody
}

// Reviewers are members of whom so many have to say yes.
type Reviewers struct {
	Members []policy.Member
	Count   int
}

// A Change of one setting. Both sides are words for people.
type Change struct {
	Setting string `json:"setting"`
	Now     string `json:"now"`
	Want    string `json:"want"`
}

// A Plan is how an environment's settings would become what the policy asks.
type Plan struct {
	Environment string   `json:"environment"`
	Changes     []Change `json:"changes"`
	// Cannot is what this platform, or this plan of it, has no setting for,
	// with what to use instead.
	Cannot []string `json:"cannot,omitempty"`
}

// Text writes p for a person.
func (p Plan) Text() string {
	var b strings.Builder
	for _, c := range p.Changes {
		fmt.Fprintf(&b, "  %s\n    now   %s\n    want  %s\n", c.Setting, c.Now, c.Want)
	}
	if len(p.Changes) == 0 {
		fmt.Fprintf(&b, "  the settings are what the policy asks\n")
	}
	for _, c := range p.Cannot {
		fmt.Fprintf(&b, "  cannot  %s\n", c)
	}
	return b.String()
}
