package inventory

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// A format is one way in which tools write a report.
type format struct {
	kind Kind
	name string // for people
	// is reports whether a JSON document is one, by the names of its members and whether several values
	// follow each other.
	is   func(s strictjson.Shape) bool
	read func(d *document) error
}

// formats are those that are read, in the order in which they are told apart: what a document is, is
// found by members that no other format has.
func formats() []format {
	return []format{
		{SBOM, "CycloneDX 1.2 to 1.7 (JSON)", isCycloneDX, readCycloneDX},
		{SBOM, "SPDX 2.2 and 2.3 (JSON)", isSPDX, readSPDX},
		{Vulnerabilities, "SARIF 2.1.0", isSARIF, readSARIF},
		{Vulnerabilities, "Trivy (JSON)", isTrivy, readTrivy},
		{Vulnerabilities, "Grype (JSON)", isGrype, readGrype},
		{Vulnerabilities, "govulncheck (JSON)", isGovulncheck, readGovulncheck},
		{Vulnerabilities, "OSV-Scanner (JSON)", isOSV, readOSV},
		{Vulnerabilities, "GitLab security report 15 (JSON)", isGitLab, readGitLab},
		{Vulnerabilities, "CycloneDX with vulnerabilities (JSON)", isCycloneDXWithFindings, readCycloneDXFindings},
		{TestResults, "JUnit (XML)", never, readJUnit},
		{TestResults, "go test -json", isGoTest, readGoTest},
		{VEX, "OpenVEX 0.0.1 and 0.2.0 (JSON)", isOpenVEX, readOpenVEX},
		{KnownExploited, "the catalog of CISA (JSON)", isKEV, readKEV},
	}
}

func never(strictjson.Shape) bool { return false }

// document is one that is being read.
type document struct {
	text   []byte // without a byte order mark
	shape  strictjson.Shape
	kind   Kind
	report Report
	bound  bounds
}

// limits are those of the JSON of one document. What may be held beside texts is bounded, because an element of three
// bytes may become one of three hundred.
var limits = strictjson.Limits{Depth: MaxDepth, Held: 128 << 20}

// mark is the byte order mark of UTF-8. Editors and some tools put it before a text; it is not part of one.
var mark = []byte("\ufeff")

// Read reads a document that a tool wrote as a report of kind. raw is the whole file, in UTF-8. Which format it has is
// told by its content. The error of a document of another kind has the code E_PREDICATE, that of one which is too large
// E_LIMIT, and every other E_MALFORMED.
func Read(kind Kind, raw []byte) (Report, error) {
	d := &document{kind: kind}
	if err := d.open(raw); err != nil {
		return Report{}, err
	}
	f, err := d.find()
	if err != nil {
		return Report{}, err
	}
	if err := f.read(d); err != nil {
		return Report{}, err
	}
	sum := sha256.Sum256(raw)
	d.report.Document.SHA256, d.report.Document.Bytes = hex.EncodeToString(sum[:]), len(raw)
	d.report.Document.Apart = len(d.text) > MaxInline && (kind == SBOM || kind == VEX)
	if err := d.bound.check(&d.report); err != nil {
		return Report{}, err
	}
	d.report.tidy()
	return d.report, nil
}

// open looks over the file.
func (d *document) open(raw []byte) (err error) {
	d.text = bytes.TrimPrefix(raw, mark)
	switch {
	case len(raw) > MaxBytes:
		return beyond("a document of %d bytes, at most %d are read", len(raw), MaxBytes)
	case len(bytes.TrimSpace(d.text)) == 0:
		return fault.New(fault.Refused, fault.Malformed, "look at the output of the tool that was to write it",
			"the document is empty")
	case bytes.HasPrefix(raw, []byte{0xff, 0xfe}), bytes.HasPrefix(raw, []byte{0xfe, 0xff}):
		return fault.New(fault.Refused, fault.Malformed,
			"let the tool write the file itself, or save it as UTF-8", "the document is written in UTF-16, want UTF-8")
	}
	if bytes.TrimLeft(d.text, " \t\r\n")[0] == '<' {
		return nil
	}
	d.shape, err = strictjson.Outline(d.text, MaxDepth)
	return err
}

// find tells which format the document has.
func (d *document) find() (format, error) {
	if d.shape.First == 0 {
		return d.findXML()
	}
	other := ""
	for _, f := range formats() {
		switch {
		case !f.is(d.shape):
		case f.kind == d.kind:
			return f, nil
		default:
			other = f.name
		}
	}
	if other == "" {
		other = d.shapeInWords()
	}
	return format{}, d.notRead(other, d.exports())
}

func (d *document) findXML() (format, error) {
	root, err := xmlRoot(d.text)
	if err != nil {
		return format{}, err
	}
	if d.kind == TestResults {
		if root != "testsuites" && root != "testsuite" {
			return format{}, d.notRead("an XML document of <"+fault.Cut(root)+">", "")
		}
		return format{kind: TestResults, read: readJUnit}, nil
	}
	hint := ""
	if root == "bom" || root == "RDF" || root == "Document" {
		hint = "export it as JSON"
	}
	return format{}, d.notRead("an XML document of <"+fault.Cut(root)+">", hint)
}

// exports says what to do about formats that people have and that are not read.
func (d *document) exports() string {
	switch {
	case d.shape.Has("@context", "@graph"):
		return "export it as SPDX 2.3 or CycloneDX, in JSON"
	case d.shape.Has("document", "vulnerabilities"), d.shape.Has("document", "product_tree"):
		return "export it as OpenVEX"
	case d.kind == VEX && d.shape.Has("bomFormat"):
		return "export it as OpenVEX, or attest it as vulnerabilities"
	}
	return ""
}

// shapeInWords says what is known about a document of no format that is read.
func (d *document) shapeInWords() string {
	s := d.shape
	switch {
	case s.Has("@context", "@graph"):
		return "SPDX 3 or other JSON-LD"
	case s.Has("document", "vulnerabilities"), s.Has("document", "product_tree"):
		return "CSAF"
	case s.Has("SPDXID"), s.Has("spdxVersion"):
		return "SPDX of an unknown shape"
	case s.First == strictjson.Array, s.First == strictjson.String:
		return "a JSON " + strictjson.Name(s.First)
	case s.First != strictjson.Object:
		return "no JSON document"
	case len(s.Members) == 0:
		return "an object without members"
	}
	return "an object of " + fault.Quote(strings.Join(s.Members[:min(len(s.Members), 8)], " "))
}

// notRead is the error about a document that is not a report of the kind.
func (d *document) notRead(found, hint string) error {
	var names []string
	for _, f := range formats() {
		if f.kind == d.kind {
			names = append(names, f.name)
		}
	}
	if len(names) == 0 {
		return fault.New(fault.Usage, fault.Config, "", "no kind of reports is called %q", string(d.kind))
	}
	return fault.New(fault.Refused, fault.Predicate, hint, "the document is %s; a report of %s is read from: %s",
		found, d.kind, strings.Join(names, ", "))
}

// fill reads the whole document into the struct that into points to.
func (d *document) fill(what string, into any) error {
	return strictjson.Fill(d.text, limits, what, into)
}

// malformed is an error about what a document says.
func malformed(format string, args ...any) error {
	return fault.New(fault.Refused, fault.Malformed, "", format, args...)
}
