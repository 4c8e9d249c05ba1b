package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// maxCases bounds a JUnit report: a platform refuses one of more than thirty megabytes.
const maxCases = 5000

// The parts of a JUnit report that platforms read.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string       `xml:"classname,attr"`
		Name    string       `xml:"name,attr"`
		File    string       `xml:"file,attr,omitempty"`
		Failure *junitReason `xml:"failure"`
		Skipped *junitReason `xml:"skipped"`
	}
	junitReason struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// A junit is a report that is written. Names are told apart, because a platform shows one of those
// that are the same.
type junit struct {
	suite junitSuite
	seen  map[string]int
}

func newJUnit(name string) *junit {
	return &junit{junitSuite{Name: name}, map[string]int{}}
}

func (j *junit) add(c junitCase) {
	if j.seen[c.Name]++; j.seen[c.Name] > 1 {
		c.Name = fmt.Sprintf("%s (%d)", c.Name, j.seen[c.Name])
	}
	j.suite.Tests++
	if c.Failure != nil {
		j.suite.Failures++
	} else if c.Skipped != nil {
		j.suite.Skipped++
	}
	if len(j.suite.Cases) < maxCases {
		c.Class = j.suite.Name
		j.suite.Cases = append(j.suite.Cases, c)
	}
}

func (j *junit) write(w io.Writer) error {
	b, err := xml.MarshalIndent(junitSuites{Suites: []junitSuite{j.suite}}, "", "  ")
	if err == nil {
		_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, b)
	}
	return err
}

// JUnit writes r as a report of tests: a case for each requirement of each artifact. What is not
// met is a failure; under watch, where nothing is stopped, and where a mode lets it pass, it is
// skipped, with the reason.
func JUnit(w io.Writer, r Record) error {
	name := "sallyport"
	if r.Environment != "" {
		name += " " + Plain(r.Environment)
	}
	j := newJUnit(name)
	if r.Outcome.Watched {
		j.add(junitCase{Name: r.Outcome.String(), Skipped: &junitReason{Message: noGate, Text: strings.Join(modeLines(r, Plain), "\n")}})
	}
	for _, f := range r.Findings {
		j.add(caseOf(r, Plain(r.Environment), f))
	}
	for _, x := range r.Judgements {
		for _, f := range x.Findings {
			j.add(caseOf(r, Plain(called(x.Subject)), f))
		}
	}
	return j.write(w)
}

func caseOf(r Record, about string, f verdict.Finding) junitCase {
	c := junitCase{Name: about + ": " + Plain(label(f.Requirement))}
	if r.Policy != nil {
		c.File = Plain(r.Policy.File)
	}
	if f.Outcome == verdict.Allow && !f.Warning {
		return c
	}
	reason := &junitReason{Message: string(f.Code) + ": " + Plain(f.Reason), Text: because(f.Found, f.Wanted, f.Hint, f.Code.URL())}
	if f.Warning || r.Outcome.Watched {
		c.Skipped = reason
	} else {
		c.Failure = reason
	}
	return c
}

// FaultJUnit writes a fault as a report with one case, which fails, for who has asked for a report
// and gets no answer.
func FaultJUnit(w io.Writer, command string, f fault.Fault) error {
	j := newJUnit("sallyport " + Plain(command))
	reason := &junitReason{Message: string(f.Code) + ": " + Plain(fault.Bound(f.Error())),
		Text: because("", "", fault.Bound(f.Hint), f.Code.URL())}
	j.add(junitCase{Name: "an answer (" + kinds[f.Kind] + ")", Failure: reason})
	return j.write(w)
}

// because are the lines below a reason.
func because(found, wanted, fix, help string) string {
	var b strings.Builder
	for _, x := range [][2]string{{"found", found}, {"wanted", wanted}, {"fix", fix}, {"help", help}} {
		if x[1] != "" {
			fmt.Fprintf(&b, "%s: %s\n", x[0], Plain(x[1]))
		}
	}
	return b.String()
}

// DoctorJUnit writes findings as a report of tests: errors are failures, and what may be so is
// skipped. Without a finding there is one case, which passes.
func DoctorJUnit(w io.Writer, all []finding.Finding) error {
	j := newJUnit("sallyport doctor")
	for _, f := range fold(mistakes(all)) {
		c := junitCase{Name: f.Rule.String() + ": " + place(f.Finding), File: Plain(f.File)}
		if f.Count > 0 {
			c.Name += fmt.Sprintf(" and %d more", f.Count-1)
		}
		reason := &junitReason{Message: Plain(f.Message), Text: because(f.Found, f.Wanted, f.Hint, RulesPage+"#"+f.Rule.String())}
		if f.Severity == finding.Error {
			c.Failure = reason
		} else {
			c.Skipped = reason
		}
		j.add(c)
	}
	if j.suite.Tests == 0 {
		j.add(junitCase{Name: "nothing makes a gate meaningless or impossible"})
	}
	return j.write(w)
}
