package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// DoctorSchema names the version of DoctorJSON's document;
// shared/doctor.schema.json describes it.
const DoctorSchema = "https://sallyport.dev/schemas/doctor/v1"

// settings stands in the place of a file name where a finding is about the
// platform's settings.
const settings = "settings"

// DoctorText writes findings as a compiler does: the place, what is wrong with
// it, and then what was found, what was wanted and the next step.
func DoctorText(w io.Writer, all []finding.Finding, c Screen) error {
	p := &printer{w: w, width: c.Columns}
	all = mistakes(all)
	for _, f := range fold(all) {
		p.mistake(f, c)
	}
	p.line("%s", tally(all))
	return p.err
}

func (p *printer) mistake(f folded, c Screen) {
	where, level := place(f.Finding)+": ", f.Severity.String()
	text := where + level + " " + named(f.Rule.String())
	if f.Threat != "" {
		text += " (" + Plain(f.Threat) + ")"
	}
	message := ": " + Plain(f.Message)
	if f.Count > 0 {
		message = fmt.Sprintf(", %d times", f.Count) + message
	}
	first, rest, _ := strings.Cut(strings.Join(Wrap(text+message, p.lineWidth()), "\n"), "\n")
	if after, ok := strings.CutPrefix(first, where+level); ok {
		first = where + c.severity(f.Severity) + after
	}
	p.line("%s", first)
	if rest != "" {
		p.wrapped("    ", rest)
	}
	p.facts(func(label string) string { return fmt.Sprintf("  %-6s ", label) }, f.Found, f.Wanted, f.Hint)
	if s := f.others(); s != "" {
		p.wrapped("  also   ", s)
	}
}

// severity marks what stops a release, and what might.
func (p Screen) severity(s finding.Severity) string {
	switch s {
	case finding.Note:
		return s.String()
	case finding.Warning:
		return p.mark(verdict.Wait, s.String())
	default:
		return p.mark(verdict.Deny, s.String())
	}
}

// place is where a finding is, as editors read it.
func place(f finding.Finding) string {
	if f.File == "" {
		return settings
	}
	s := path(f.File)
	if f.Line > 0 {
		s += fmt.Sprintf(":%d", f.Line)
		if f.Column > 0 {
			s += fmt.Sprintf(":%d", f.Column)
		}
	}
	return s
}

// path shows the name of a file: as it is, however long, or quoted.
func path(file string) string {
	if simple.MatchString(file) {
		return file
	}
	return `"` + strings.ReplaceAll(Plain(file), `"`, `\u{22}`) + `"`
}

// counts are how many findings there are of each severity.
type counts struct {
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Notes    int `json:"notes"`
}

func count(all []finding.Finding) counts {
	var n counts
	for _, f := range all {
		switch f.Severity {
		case finding.Note:
			n.Notes++
		case finding.Warning:
			n.Warnings++
		default:
			n.Errors++
		}
	}
	return n
}

// tally is the last line: how many findings there are. It says that there are
// none only if there are none, not even of what could not be seen.
func tally(all []finding.Finding) string {
	n := count(all)
	var parts []string
	for _, x := range []struct {
		n    int
		word string
	}{{n.Errors, "error"}, {n.Warnings, "warning"}, {n.Notes, "note"}} {
		switch x.n {
		case 0:
		case 1:
			parts = append(parts, "1 "+x.word)
		default:
			parts = append(parts, fmt.Sprintf("%d %ss", x.n, x.word))
		}
	}
	if len(parts) == 0 {
		return "nothing that makes a gate meaningless or impossible was found"
	}
	return strings.Join(parts, ", ")
}

// DoctorJSON writes findings as one indented JSON document, with the
// environments that were looked at.
func DoctorJSON(w io.Writer, tool string, all []finding.Finding, environments ...string) error {
	all = mistakes(all)
	return Document(w, struct {
		Schema       string   `json:"schema"`
		Tool         string   `json:"tool"`
		Environments []string `json:"environments"`
		Counts       counts   `json:"counts"`
		Findings     []folded `json:"findings"`
	}{DoctorSchema, tool, append([]string{}, environments...), count(all), fold(all)})
}
