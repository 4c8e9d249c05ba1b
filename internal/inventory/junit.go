package inventory

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// JUnit XML. It has no specification; what is read is what Ant, Surefire, Gradle, pytest, gotestsum, Jest and
// googletest have in common.

// xmlRoot returns the local name of the root element.
func xmlRoot(text []byte) (string, error) {
	for x := newXML(text); ; {
		tok, err := x.next()
		if err != nil {
			return "", err
		}
		if e, ok := tok.(xml.StartElement); ok {
			return e.Name.Local, nil
		}
	}
}

// xmlReader goes through one XML document. It refuses document types and with them entities, which readers
// expand differently; character sets other than UTF-8; an attribute that stands twice; and nesting without a bound.
type xmlReader struct {
	dec   *xml.Decoder
	depth int
	ended bool   // the root element is closed
	other string // a character set that is not read
}

func newXML(text []byte) *xmlReader {
	x := &xmlReader{dec: xml.NewDecoder(bytes.NewReader(text))}
	x.dec.CharsetReader = func(name string, in io.Reader) (io.Reader, error) {
		if strings.EqualFold(name, "us-ascii") { // a part of UTF-8, as which it is checked
			return in, nil
		}
		x.other = name
		return nil, errors.ErrUnsupported
	}
	return x
}

// next returns the next token, and io.EOF after the end of a whole document.
func (x *xmlReader) next() (xml.Token, error) {
	tok, err := x.dec.Token()
	if errors.Is(err, io.EOF) && x.ended {
		return nil, io.EOF
	}
	if x.other != "" {
		return nil, fault.New(fault.Refused, fault.Malformed, "let the tool write it in UTF-8",
			"the XML document is written in %q, want UTF-8", x.other)
	}
	if err != nil {
		return nil, xmlFault(err)
	}
	switch t := tok.(type) {
	case xml.Directive:
		return nil, fault.New(fault.Refused, fault.Malformed, "let the tool write it without a document type",
			"the XML document has a document type or another directive, which is not read")
	case xml.StartElement:
		if x.ended {
			return nil, malformed("the XML document has a second root element <%s>", fault.Cut(t.Name.Local))
		}
		if x.depth++; x.depth > MaxDepth {
			return nil, beyond("XML nests deeper than %d levels at byte %d", MaxDepth, x.dec.InputOffset())
		}
		return tok, attributesOnce(t)
	case xml.EndElement:
		x.depth--
		x.ended = x.depth == 0
	case xml.CharData:
		if x.depth == 0 && len(bytes.TrimSpace(t)) > 0 {
			return nil, malformed("text stands outside of the root element of the XML document, at byte %d",
				x.dec.InputOffset())
		}
	}
	return tok, nil
}

func attributesOnce(e xml.StartElement) error {
	for i, a := range e.Attr {
		if i > 64 {
			return beyond("element <%s> has more than 64 attributes", fault.Cut(e.Name.Local))
		}
		if slices.ContainsFunc(e.Attr[:i], func(b xml.Attr) bool { return b.Name == a.Name }) {
			return malformed("element <%s> has the attribute %q twice", fault.Cut(e.Name.Local), a.Name.Local)
		}
	}
	return nil
}

func xmlFault(err error) error {
	var s *xml.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.As(err, &s) && strings.Contains(s.Msg, "unexpected EOF"):
		return malformed("the XML document ends in the middle of an element")
	case errors.As(err, &s):
		return malformed("XML, line %d: %s", s.Line, fault.Cut(s.Msg))
	}
	return malformed("XML: %w", fault.Cause(err))
}

// junitSuite is one that is being read.
type junitSuite struct {
	Suite
	claims junitCounts // of its attributes
	listed junitCounts // of it and the suites in it
	bad    bool        // an attribute is not a number
}

type junitCounts struct{ tests, failed, skipped int }

// junitReading is what is gathered of a document.
type junitReading struct {
	d      *document
	x      *xmlReader
	tests  Tests
	last   time.Time
	lying  bool // attributes say that something is not listed
	suites []*junitSuite
	passed map[string]bool // by suite and name
}

// readJUnit reads cases, and counts what is listed. Attributes with counts are not believed, but where they say more
// tests or more failures than are listed, something is missing: then the run is not finished. That the root element
// is closed says no more than that the file is whole, because some tools rewrite it after each suite.
func readJUnit(d *document) error {
	j := &junitReading{d: d, x: newXML(d.text)}
	for {
		tok, err := j.x.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := j.token(tok); err != nil {
			return err
		}
	}
	if j.lying {
		j.tests.Finished = No
	}
	d.report.Document.Format, d.report.Time, d.report.Tests = "JUnit", j.last, &j.tests
	return nil
}

// top is the innermost suite.
func (j *junitReading) top() *junitSuite { return j.suites[len(j.suites)-1] }

func (j *junitReading) token(tok xml.Token) error {
	switch t := tok.(type) {
	case xml.StartElement:
		switch t.Name.Local {
		case "testsuites", "testsuite":
			return j.open(t)
		case "testcase":
			return j.testCase(t)
		case "failure", "error": // of a suite itself: its setup failed
			if len(j.suites) > 0 {
				return j.count("the suite itself", "failed")
			}
		}
		return spelling(t.Name.Local)
	case xml.EndElement:
		if t.Name.Local == "testsuite" || t.Name.Local == "testsuites" {
			j.close()
		}
	}
	return nil
}

// spelling refuses an element that readers that ignore case take for one of the format.
func spelling(name string) error {
	for _, known := range []string{"testsuites", "testsuite", "testcase", "failure", "error", "skipped"} {
		if name != known && strings.EqualFold(name, known) {
			return malformed("an element is called <%s>, want <%s>", fault.Cut(name), known)
		}
	}
	return nil
}

func (j *junitReading) open(e xml.StartElement) error {
	if len(j.suites) == 0 && j.x.depth > 1 {
		return malformed("<%s> stands in an element that is not a suite", e.Name.Local)
	}
	s := &junitSuite{}
	for _, a := range e.Attr {
		switch a.Name.Local {
		case "name":
			s.Name = a.Value
		case "tests":
			s.number(a.Value, &s.claims.tests)
		case "failures", "errors":
			s.number(a.Value, &s.claims.failed)
		case "skipped":
			s.number(a.Value, &s.claims.skipped)
		case "timestamp":
			if err := j.moment(a.Value); err != nil {
				return err
			}
		}
	}
	j.suites = append(j.suites, s)
	return nil
}

// moment reads the time at which a suite began: the document has none of the end, and the end is not before the last
// beginning. Most tools write it without a zone and mean that of the machine: then the document does not say when it
// was.
func (j *junitReading) moment(text string) error {
	if _, err := time.Parse(zoneless, text); err == nil {
		return nil
	}
	t, err := moment("timestamp", text)
	if err == nil && t.After(j.last) {
		j.last = t
	}
	return err
}

// number adds an attribute that is a number.
func (s *junitSuite) number(text string, to *int) {
	if text == "" {
		return
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 0 || n > 1<<30 {
		s.bad = true
		return
	}
	*to += n
}

func (j *junitReading) close() {
	s := j.top()
	j.suites = j.suites[:len(j.suites)-1]
	l, c := s.listed, s.claims
	j.lying = j.lying || s.bad || c.tests > l.tests || c.failed > l.failed || c.skipped > l.skipped
	if len(j.suites) > 0 {
		up := &j.top().listed
		up.tests, up.failed, up.skipped = up.tests+l.tests, up.failed+l.failed, up.skipped+l.skipped
	}
	if s.Passed+s.Failed+s.Skipped > 0 {
		j.tests.Suites = append(j.tests.Suites, s.Suite)
	}
}

// testCase reads one case to its end.
func (j *junitReading) testCase(e xml.StartElement) error {
	if len(j.suites) == 0 {
		return malformed("<testcase> stands in an element that is not a suite")
	}
	var name, class, status, result string
	for _, a := range e.Attr {
		switch a.Name.Local {
		case "name":
			name = a.Value
		case "classname":
			class = a.Value
		case "status":
			status = strings.ToLower(a.Value)
		case "result":
			result = strings.ToLower(a.Value)
		}
	}
	end := caseEnd(status, result)
	for depth := 1; depth > 0; {
		tok, err := j.x.next()
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.EndElement:
			depth--
		case xml.StartElement:
			depth++
			switch t.Name.Local {
			case "testcase", "testsuite", "testsuites":
				return malformed("<%s> stands in a <testcase>", t.Name.Local)
			case "failure", "error", "flakyFailure", "flakyError", "rerunFailure", "rerunError":
				// One that passed when it ran again has failed before: the document dismisses that.
				end = "failed"
			case "skipped":
				if end == "" {
					end = "skipped"
				}
			default:
				if err := spelling(t.Name.Local); err != nil {
					return err
				}
			}
		}
	}
	if class != "" && class != j.top().Name {
		name = class + "." + name
	}
	return j.count(name, end)
}

// caseEnd is how a case ended by its attributes; "" if they do not say that it did not pass.
func caseEnd(status, result string) string {
	for _, w := range []string{status, result} {
		switch w {
		case "failed", "failure", "fail", "error", "errored", "broken":
			return "failed"
		}
	}
	for _, w := range []string{status, result} {
		switch w {
		case "notrun", "disabled", "skipped", "ignored", "pending", "suppressed":
			return "skipped"
		}
	}
	return ""
}

// count counts a case of the innermost suite.
func (j *junitReading) count(name, end string) error {
	s := j.top()
	s.listed.tests++
	switch end {
	case "failed":
		s.Failed++
		s.listed.failed++
		j.tests.failed(s.Name, name)
	case "skipped":
		s.Skipped++
		s.listed.skipped++
	default:
		if key := s.Name + "\x00" + name; !j.passed[key] { // the same case, told twice, is one that ran
			if j.passed == nil {
				j.passed = map[string]bool{}
			}
			j.passed[key] = true
			s.Passed++
		}
	}
	return j.d.bound.testCase()
}

// failed notes a test that failed, if there is room.
func (t *Tests) failed(suite, name string) {
	if len(t.Failed) < maxNotes {
		t.Failed = append(t.Failed, fault.Cut(suite)+"/"+fault.Cut(name))
	}
}
