package inventory

import (
	"bytes"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// extensionMember is the member that holds the whole report.
const extensionMember = "sallyport_report"

// FromPredicate reads the predicate of a signed statement as a report of kind; predicate is one JSON object. What
// Predicate wrote is read back as it was, if its standard members are those that follow from the report in it. Of
// another tool's predicate the standard members are read, and what they do not say stays not said. The digest of a
// document that is itself the predicate is not said: a signer may have written it in another way than the file has.
// Errors about what the predicate is have the code E_PREDICATE, and about how it is written E_MALFORMED or E_LIMIT.
func FromPredicate(kind Kind, predicateType string, predicate []byte) (Report, error) {
	if !slices.Contains(Types(kind), predicateType) {
		return Report{}, predicateFault("predicate type %q is none of a report of %s, want one of %q",
			predicateType, kind,
			strings.Join(Types(kind), " "))
	}
	switch predicateType {
	case vulnsType, testType, referenceType, kevType:
		if len(predicate) > MaxPredicate {
			return Report{}, beyond("a predicate of %d bytes, at most %d are read", len(predicate), MaxPredicate)
		}
		return fromStandard(kind, predicateType, predicate)
	case cosignType:
		return fromCosign(predicate)
	}
	return fromDocument(kind, predicateType, predicate)
}

func predicateFault(format string, args ...any) error {
	return fault.New(fault.Refused, fault.Predicate, "", format, args...)
}

// ours are the limits of a predicate that we wrote, and of which every member is known.
var ours = strictjson.Limits{Depth: MaxDepth, Held: limits.Held, Exact: true}

// thePredicate is what it is called in errors.
const thePredicate = "the predicate"

func fromStandard(kind Kind, predicateType string, predicate []byte) (Report, error) {
	if !bytes.Contains(predicate, []byte(extensionMember)) {
		return fromOthers(predicateType, predicate)
	}
	shape, err := strictjson.Outline(predicate, MaxDepth)
	if err != nil {
		return Report{}, err
	}
	if !shape.Has(extensionMember) {
		return fromOthers(predicateType, predicate)
	}
	r, same, err := fromOurs(predicateType, predicate)
	switch {
	case err != nil:
		return Report{}, err
	case r == nil:
		return Report{}, predicateFault("member %q of the predicate is null, want an object", extensionMember)
	}
	if err := r.only(kind); err != nil {
		return Report{}, err
	}
	if !same(r) {
		return Report{}, predicateFault(
			"the standard members and the extension %q of the predicate say different things", extensionMember)
	}
	return *r, nil
}

// fromOurs reads a predicate with the extension. same reports whether the standard members follow from a report,
// which is one of the kind of the predicate.
func fromOurs(predicateType string, predicate []byte) (r *Report, same func(*Report) bool, err error) {
	switch predicateType {
	case vulnsType:
		var v vulns
		err = strictjson.Fill(predicate, ours, thePredicate, &v)
		return v.Report, func(r *Report) bool { return v.equal(r.vulns()) }, err
	case testType:
		var v testResult
		err = strictjson.Fill(predicate, ours, thePredicate, &v)
		return v.Report, func(r *Report) bool { return v.equal(r.testResult()) }, err
	case referenceType:
		var v reference
		err = strictjson.Fill(predicate, ours, thePredicate, &v)
		return v.Report, func(r *Report) bool { return r.Document.Apart && v.equal(r.reference()) }, err
	}
	var v known
	err = strictjson.Fill(predicate, ours, thePredicate, &v)
	return v.Report, func(*Report) bool { return true }, err
}

// Summary reports whether statements of a predicate type only summarise a document, which is kept beside them.
func Summary(predicateType string) bool { return predicateType == referenceType }

// Other reports whether a predicate is of a type that several kinds of reports have, and is a report of another kind. It is asked
// about many: it looks for the member alone that tells the kind, and FromPredicate reads the whole.
func Other(kind Kind, predicateType string, predicate []byte) bool {
	if predicateType != referenceType {
		return false
	}
	has := func(member string) bool { return bytes.Contains(predicate, []byte(`"`+member+`":`)) }
	switch kind {
	case SBOM:
		return has("statements") && !has("contents")
	case VEX:
		return has("contents") && !has("statements")
	}
	return true
}

// only accepts a report of kind that is of no other kind as well.
func (r *Report) only(kind Kind) error {
	n := 0
	for _, has := range []bool{r.Contents != nil, r.Scan != nil, r.Tests != nil, r.Exploited != nil,
		r.Statements != nil} {
		if has {
			n++
		}
	}
	if n > 1 || r.Kind() != kind {
		return predicateFault("the predicate holds a report of %q, want one of %q alone", string(r.Kind()),
			string(kind))
	}
	return nil
}

// fromOthers reads a predicate that another tool wrote.
func fromOthers(predicateType string, predicate []byte) (Report, error) {
	switch predicateType {
	case vulnsType:
		return othersVulns(predicate)
	case testType:
		return othersTests(predicate)
	}
	return Report{}, predicateFault("the predicate has no member %q, and what it refers to is not read",
		extensionMember)
}

// severities are one severity or several: the specification calls them an object and shows a list.
type severities []vulnsSeverity

// FillFrom reads either.
func (s *severities) FillFrom(r *strictjson.Reader) error {
	one := func() error {
		var x struct {
			Method string             `json:"method"`
			Score  strictjson.Literal `json:"score"`
		}
		err := r.Fill(&x)
		*s = append(*s, vulnsSeverity{x.Method, string(x.Score)})
		return err
	}
	if r.Peek() == strictjson.Object {
		return one()
	}
	return r.Elements(one)
}

type scannerSaid struct {
	URI     string `json:"uri"`
	Version string `json:"version"`
	DB      struct {
		URI     string `json:"uri"`
		Version string `json:"version"`
		Updated string `json:"lastUpdate"`
	} `json:"db"`
	Result strictjson.Raw `json:"result"`
}

func othersVulns(predicate []byte) (Report, error) {
	d := &document{report: Report{Scan: &Scan{}}}
	var v struct {
		Scanner  scannerSaid `json:"scanner"`
		Metadata struct {
			Finished string `json:"scanFinishedOn"`
		} `json:"metadata"`
	}
	if err := strictjson.Fill(predicate, limits, thePredicate, &v); err != nil {
		return Report{}, err
	}
	if len(v.Scanner.Result) == 0 || v.Scanner.Result[0] != '[' {
		return Report{}, predicateFault("the predicate has no list in %q", "scanner.result")
	}
	r, err := strictjson.NewStream(v.Scanner.Result, limits, "scanner.result of the predicate")
	if err != nil {
		return Report{}, err
	}
	if err := r.Elements(func() error { return d.othersResult(r) }); err != nil {
		return Report{}, err
	}
	if err := d.report.said(v.Scanner, v.Metadata.Finished); err != nil {
		return Report{}, err
	}
	d.report.Document.Format = "in-toto vulns v0.2"
	d.report.tidy()
	return d.report, nil
}

// othersResult reads one result.
func (d *document) othersResult(r *strictjson.Reader) error {
	var x struct {
		ID       string     `json:"id"`
		Severity severities `json:"severity"`
	}
	if err := r.Fill(&x); err != nil {
		return err
	}
	if x.ID == "" {
		return predicateFault("a result of the predicate has no member %q", "id")
	}
	f := Finding{ID: x.ID}
	f.Severity, f.Score = x.Severity.rated()
	return d.found(d.report.Scan, f)
}

// rated is the worst of what several say.
func (s severities) rated() (Severity, string) {
	var rate rating
	for _, x := range s {
		switch _, number := base(x.Score); {
		case number:
			rate.number(x.Score)
		case strings.HasPrefix(x.Score, "CVSS:"):
			rate.vector(x.Score)
		default:
			rate.own = worse(rate.own, word(x.Score))
		}
	}
	return rate.severity(), rate.written
}

// said fills in what a predicate says of the scanner, where the document did not.
func (r *Report) said(s scannerSaid, finished string) error {
	end, err := moment("metadata.scanFinishedOn", finished)
	if err != nil {
		return err
	}
	updated, err := moment("scanner.db.lastUpdate", s.DB.Updated)
	if err != nil {
		return err
	}
	if r.Time.IsZero() {
		r.Time = end
	}
	db := &r.Scan.Database
	if db.Updated.IsZero() {
		db.Updated = updated
	}
	if db.URI == "" && db.Version == "" {
		db.URI, db.Version = s.DB.URI, s.DB.Version
	}
	if r.Tool.Name == "" {
		r.Tool = Tool{Name: toolOf(s.URI), Version: s.Version}
	}
	return nil
}

// toolOf is the name of a tool in the URI of its source: the last part of its path.
func toolOf(uri string) string {
	uri, _, _ = strings.Cut(uri, "?")
	uri, _, _ = strings.Cut(uri, "@")
	for name, known := range scanners {
		if uri == known {
			return name
		}
	}
	uri = strings.TrimRight(uri, "/")
	return strings.ToLower(unescaped(uri[strings.LastIndexByte(uri, '/')+1:]))
}

// othersTests reads names of tests as cases of one suite.
func othersTests(predicate []byte) (Report, error) {
	d := &document{}
	var v struct {
		Result string   `json:"result"`
		Passed []string `json:"passedTests"`
		Warned []string `json:"warnedTests"`
		Failed []string `json:"failedTests"`
	}
	if err := strictjson.Fill(predicate, limits, thePredicate, &v); err != nil {
		return Report{}, err
	}
	s := Suite{Passed: len(v.Passed) + len(v.Warned), Failed: len(v.Failed)}
	if s.Passed+s.Failed > MaxCases {
		return Report{}, beyond("the predicate lists more than %d test cases", MaxCases)
	}
	t := &Tests{}
	for _, name := range v.Failed {
		t.failed("", name)
	}
	if v.Result != "PASSED" && v.Result != "WARNED" && s.Failed == 0 { // FAILED, and every word that is not known
		s.Failed = 1
		t.failed("", "result "+fault.Cut(v.Result))
	}
	if s.Passed+s.Failed > 0 {
		t.Suites = []Suite{s}
	}
	d.report.Document.Format, d.report.Tests = "in-toto test-result v0.1", t
	d.report.tidy()
	return d.report, nil
}

// fromCosign reads the predicate of `cosign attest --type vuln` (sigstore/cosign,
// specs/COSIGN_VULN_ATTESTATION_SPEC.md), in which the scanner's own document stands.
func fromCosign(predicate []byte) (Report, error) {
	var v struct {
		Scanner  scannerSaid `json:"scanner"`
		Metadata struct {
			Finished string `json:"scanFinishedOn"`
		} `json:"metadata"`
	}
	if err := strictjson.Fill(predicate, limits, thePredicate, &v); err != nil {
		return Report{}, err
	}
	if len(v.Scanner.Result) == 0 || v.Scanner.Result[0] != '{' {
		return Report{}, predicateFault("the predicate has no document in %q", "scanner.result")
	}
	r, err := Read(Vulnerabilities, v.Scanner.Result)
	if err != nil {
		f := fault.Of(err)
		return Report{}, fault.New(f.Kind, f.Code, f.Hint, "scanner.result: %w", err)
	}
	r.Document.SHA256 = ""
	return r, r.said(v.Scanner, v.Metadata.Finished)
}

// fromDocument reads a document that is itself the predicate.
func fromDocument(kind Kind, predicateType string, predicate []byte) (Report, error) {
	r, err := Read(kind, predicate)
	if err != nil {
		return Report{}, err
	}
	if !r.is(predicateType) {
		return Report{}, predicateFault("the predicate is %s, and its type %q is of something else",
			r.Document.Format, predicateType)
	}
	r.Document.SHA256, r.Document.Apart = "", false
	return r, nil
}

// is reports whether a document of the format of r may have the predicate type.
func (r *Report) is(predicateType string) bool {
	name, version, _ := strings.Cut(r.Document.Format, " ")
	base := map[string]string{"SPDX": spdxType, "CycloneDX": cdxType, "OpenVEX": vexContext}[name]
	return base != "" && (predicateType == base || predicateType == base+"/v"+version)
}
