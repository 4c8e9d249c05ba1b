package finding

import (
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A Rule is one kind of mistake, as a row of the table. Its zero is None.
type Rule uint8

// None is the zero value: it names no rule.
const None Rule = 0

// A Reader is who raises a rule.
type Reader string

// The readers.
const (
	Workflows Reader = "workflow files"
	Pipelines Reader = "pipeline files"
	Settings  Reader = "settings"
	Policy    Reader = "policy"
)

// A cause is a reader that raises a rule, and the threat that the rule stands for
// there: an id of docs/threat-model.md, or "".
type cause struct {
	by     Reader
	threat string
}

// A row is what is known of a rule, whatever it was found in.
type row struct {
	id       string // stable, kebab-case: it stands in reports, and is never renamed
	severity Severity
	causes   []cause // of one reader, the usual threat first
	title    string  // the mistake, as a phrase
	meaning  string  // why it is one, in a sentence or two
	step     string  // the usual next step, as a phrase
}

// Rules returns all rules, in the order of the table.
func Rules() []Rule {
	var all []Rule
	for r := range Rule(len(table)) {
		if r != None {
			all = append(all, r)
		}
	}
	return all
}

func (r Rule) row() row {
	if int(r) < len(table) {
		return table[r]
	}
	return row{}
}

// String returns the stable name of r, which is "" where r is none.
func (r Rule) String() string { return r.row().id }

// MarshalText writes the form of String. A value outside of the table has none.
func (r Rule) MarshalText() ([]byte, error) {
	if r.String() == "" {
		return nil, fault.New(fault.Internal, fault.InternalError, "please report this: https://github.com/sallyport-dev/sallyport/issues", "a finding has no rule")
	}
	return []byte(r.String()), nil
}

// Severity returns how bad a finding of r is, if its place does not make it less.
func (r Rule) Severity() Severity { return r.row().severity }

// Title returns the mistake, as a phrase.
func (r Rule) Title() string { return r.row().title }

// Meaning returns why it is a mistake, in a sentence or two.
func (r Rule) Meaning() string { return r.row().meaning }

// Step returns the usual next step, as a phrase.
func (r Rule) Step() string { return r.row().step }

// Readers returns who raises r.
func (r Rule) Readers() []Reader {
	var all []Reader
	for _, c := range r.row().causes {
		if !slices.Contains(all, c.by) {
			all = append(all, c.by)
		}
	}
	return all
}

// Threats returns the threats that r stands for, wherever it is raised.
func (r Rule) Threats() []string {
	var all []string
	for _, c := range r.row().causes {
		if c.threat != "" && !slices.Contains(all, c.threat) {
			all = append(all, c.threat)
		}
	}
	return all
}

// Threat returns the threat that r usually stands for where by raises it.
func (r Rule) Threat(by Reader) string {
	for _, c := range r.row().causes {
		if c.by == by {
			return c.threat
		}
	}
	return ""
}

// Holds reports whether by raises r, for this threat.
func (r Rule) Holds(by Reader, threat string) bool {
	return slices.Contains(r.row().causes, cause{by, threat})
}
