package inventory

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// predicateOf reads text and returns its predicate.
func predicateOf(t testing.TB, kind Kind, text string) (string, string) {
	t.Helper()
	typ, p, err := read(t, kind, text).Predicate([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return typ, string(p)
}

const aScan = `{"SchemaVersion":2,"Trivy":{"Version":"0.74.0"},"CreatedAt":"2026-01-02T03:04:05Z","ArtifactName":"x","Results":[{"Target":"t","Packages":[{"Name":"n","Version":"1"}],"Vulnerabilities":[{"VulnerabilityID":"CVE-1","Severity":"HIGH","CVSS":{"nvd":{"V3Score":7.5}}}]}]}`

// standards are the whole predicates without our extension: what other tools see.
func TestPredicate_is_that_of_the_standard(t *testing.T) {
	for _, x := range []struct {
		kind            Kind
		text, typ, want string
	}{
		{Vulnerabilities, aScan, "https://in-toto.io/attestation/vulns/v0.2",
			`{"metadata":{"scanFinishedOn":"2026-01-02T03:04:05Z"},"scanner":{"result":[{"id":"CVE-1","severity":[{"method":"scanner","score":"high"},{"method":"cvss_score","score":"7.5"}]}],"uri":"pkg:github/aquasecurity/trivy","version":"0.74.0"}}`},
		{Vulnerabilities, `{"results":[]}`, "https://in-toto.io/attestation/vulns/v0.2", `{"scanner":{"result":[],"uri":"pkg:github/google/osv-scanner"}}`},
		{TestResults, `<testsuite name="s"><testcase/></testsuite>`, "https://in-toto.io/attestation/test-result/v0.1", `{"configuration":[],"passedTests":["s"],"result":"PASSED"}`},
		{TestResults, `<testsuite name="s"><testcase/><testcase><error/></testcase></testsuite>`, "https://in-toto.io/attestation/test-result/v0.1", `{"configuration":[],"failedTests":["s"],"result":"FAILED"}`},
		{TestResults, `<testsuite name="s"/>`, "https://in-toto.io/attestation/test-result/v0.1", `{"configuration":[],"result":"FAILED"}`},
		{TestResults, `<testsuite name="s"><testcase><skipped/></testcase></testsuite>`, "https://in-toto.io/attestation/test-result/v0.1", `{"configuration":[],"result":"FAILED"}`},
		{TestResults, `<testsuite name="s" tests="2"><testcase/></testsuite>`, "https://in-toto.io/attestation/test-result/v0.1", `{"configuration":[],"passedTests":["s"],"result":"FAILED"}`},
		{KnownExploited, `{"catalogVersion":"1","count":1,"vulnerabilities":[{"cveID":"A"}]}`, "https://sallyport.dev/known-exploited/v1", `{}`},
	} {
		typ, p := predicateOf(t, x.kind, x.text)
		var members map[string]any
		if err := json.Unmarshal([]byte(p), &members); err != nil || members[extensionMember] == nil {
			t.Fatalf("%s: %v", p, err)
		}
		delete(members, extensionMember)
		got, _ := strictjson.Canonical(members)
		if typ != x.typ || string(got) != x.want {
			t.Errorf("%s:\n got %s %s\nwant %s %s", x.text, typ, got, x.typ, x.want)
		}
		if typ != Types(x.kind)[0] {
			t.Errorf("type %s is not the first of %q", typ, Types(x.kind))
		}
	}
}

func TestPredicate_of_a_small_document_is_the_document(t *testing.T) {
	for _, x := range []struct {
		kind      Kind
		text, typ string
	}{
		{SBOM, `{"bomFormat":"CycloneDX","specVersion":"1.6"}`, "https://cyclonedx.org/bom"},
		{SBOM, `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT"}`, "https://spdx.dev/Document/v2.3"},
		{SBOM, `{"spdxVersion":"SPDX-2.2","SPDXID":"SPDXRef-DOCUMENT"}`, "https://spdx.dev/Document/v2.2"},
		{VEX, `{"@context":"https://openvex.dev/ns/v0.2.0","statements":[]}`, "https://openvex.dev/ns/v0.2.0"},
		{VEX, `{"@context":"https://openvex.dev/ns","statements":[]}`, "https://openvex.dev/ns"},
	} {
		typ, p := predicateOf(t, x.kind, x.text)
		if typ != x.typ || p != x.text || !slices.Contains(Types(x.kind), typ) {
			t.Errorf("%s %s, want %s %s", typ, p, x.typ, x.text)
		}
	}
}

func TestPredicate_of_a_large_document_refers_to_it(t *testing.T) {
	for _, x := range []struct {
		kind         Kind
		text, within string
	}{
		{SBOM, `{"bomFormat":"CycloneDX","specVersion":"1.6"}`, `"mediaType":"application/vnd.cyclonedx+json"`},
		{SBOM, `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT"}`, `"mediaType":"application/spdx+json"`},
		{VEX, `{"@context":"https://openvex.dev/ns/v0.2.0","statements":[]}`, `"mediaType":"application/json"`},
	} {
		at := x.text + strings.Repeat(" ", MaxInline-len(x.text))
		if typ, _ := predicateOf(t, x.kind, at); typ == referenceType || read(t, x.kind, at).Document.Apart {
			t.Errorf("%s: a document at the limit is stored apart", x.text)
		}
		large := at + " "
		typ, p := predicateOf(t, x.kind, large)
		r := read(t, x.kind, large)
		if typ != referenceType || !r.Document.Apart || !strings.Contains(p, x.within) || strings.Count(p, r.Document.SHA256) != 2 {
			t.Errorf("%s %s %+v", typ, p, r.Document)
		}
		if back, err := FromPredicate(x.kind, typ, []byte(p)); err != nil || !reflect.DeepEqual(back, r) {
			t.Errorf("read back %+v, %v, want %+v", back, err, r)
		}
		for _, other := range []Kind{SBOM, VEX} {
			if _, err := FromPredicate(other, typ, []byte(p)); (err == nil) != (other == x.kind) {
				t.Errorf("a reference of %s read as %s: %v", x.kind, other, err)
			}
		}
	}
}

func TestPredicate_of_another_document_is_refused(t *testing.T) {
	_, _, err := read(t, Vulnerabilities, aScan).Predicate([]byte(aScan + " "))
	refusedErr(t, "changed", err, fault.TOCTOU, "changed after it was read")
	_, _, err = Report{}.Predicate(nil)
	if fault.Of(err).Kind != fault.Internal {
		t.Errorf("a report of nothing: %v", err)
	}
}

// What a signer added is read back.
func TestPredicate_keeps_what_the_signer_says(t *testing.T) {
	text := `{"results":[]}`
	r := read(t, Vulnerabilities, text)
	r.Time, r.Asserted = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), []string{"time"}
	for _, in := range []Inputs{nil, {}, {"severity": "all"}} {
		r.Inputs = in
		typ, p, err := r.Predicate([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if back, err := FromPredicate(Vulnerabilities, typ, p); err != nil || !reflect.DeepEqual(back, r) {
			t.Errorf("got %+v, %v\nwant %+v", back, err, r)
		}
	}
}

// Two readers of one predicate, one of the standard and one of the extension, read the same.
func TestFromPredicate_the_extension_and_the_standard_say_the_same(t *testing.T) {
	typ, p := predicateOf(t, Vulnerabilities, aScan)
	for _, x := range [][2]string{
		{`"score":"high"`, `"score":"low"`}, {`"score":"7.5"`, `"score":"1.0"`}, {`"id":"CVE-1","severity":[{"method"`, `"id":"CVE-2","severity":[{"method"`},
		{`"scanFinishedOn":"2026-01-02`, `"scanFinishedOn":"2026-01-03`}, {`"uri":"pkg:github/aquasecurity/trivy"`, `"uri":"pkg:github/anchore/grype"`},
		{`"uri":"pkg:github/aquasecurity/trivy","version":"0.74.0"`, `"uri":"pkg:github/aquasecurity/trivy","version":"0.74.1"`},
		{`"scanner":{"result":[{`, `"scanner":{"result":[{"id":"CVE-0","severity":[]},{`},
		{`"uri":"pkg:github/aquasecurity/trivy",`, ``}, {`"uri":"pkg:github/aquasecurity/trivy",`, `"db":{"lastUpdate":"2026-01-02T03:04:05Z"},"uri":"pkg:github/aquasecurity/trivy",`},
	} {
		changed := strings.Replace(p, x[0], x[1], 1)
		if changed == p {
			t.Fatalf("%s is not in %s", x[0], p)
		}
		_, err := FromPredicate(Vulnerabilities, typ, []byte(changed))
		refusedErr(t, x[1], err, fault.Predicate, "say different things")
	}
	for _, x := range [][3]string{
		{`"metadata":{`, `"metadata":{"invented":1,`, `member "metadata.invented" of the predicate is not known`},
		{`"named":"x"`, `"nomed":"x"`, `"sallyport_report.nomed"`}, {`"scanner":{`, `"Scanner":{},"scanner":{`, `want "scanner"`},
	} {
		_, err := FromPredicate(Vulnerabilities, typ, []byte(strings.Replace(p, x[0], x[1], 1)))
		refusedErr(t, x[1], err, fault.Malformed, x[2])
	}
	// White space and the order of members say nothing.
	var any map[string]any
	if err := json.Unmarshal([]byte(p), &any); err != nil {
		t.Fatal(err)
	}
	indented, _ := json.MarshalIndent(any, "", "  ")
	if back, err := FromPredicate(Vulnerabilities, typ, indented); err != nil || !reflect.DeepEqual(back, read(t, Vulnerabilities, aScan)) {
		t.Errorf("indented: %+v, %v", back, err)
	}
	typ, p = predicateOf(t, TestResults, `<testsuite name="s"><testcase/></testsuite>`)
	for _, x := range [][2]string{{"PASSED", "FAILED"}, {`["s"]`, `["r"]`}, {`"result":`, `"failedTests":["s"],"result":`}, {`"configuration":[]`, `"configuration":[{}]`}} {
		_, err := FromPredicate(TestResults, typ, []byte(strings.Replace(p, x[0], x[1], 1)))
		refusedErr(t, x[1], err, fault.Predicate, "say different things")
	}
}

func TestFromPredicate_refuses_a_report_of_another_kind(t *testing.T) {
	for _, x := range []struct {
		kind   Kind
		typ, p string
		part   string
	}{
		{Vulnerabilities, testType, `{}`, "is none of a report of vulnerabilities"},
		{Vulnerabilities, vulnsType, `{"sallyport_report":null}`, "null"},
		{Vulnerabilities, vulnsType, `{"sallyport_report":{"document":{"format":"","sha256":"","bytes":0},"tool":{}}}`, `a report of ""`},
		{Vulnerabilities, vulnsType, `{"sallyport_report":{"tests":{"finished":""}}}`, `a report of "test-results"`},
		{Vulnerabilities, vulnsType, `{"sallyport_report":{"scan":{"finished":""},"tests":{"finished":""}}}`, "alone"},
		{SBOM, referenceType, `{"attester":{"id":"x"},"references":[]}`, `no member "sallyport_report"`},
		{KnownExploited, kevType, `{}`, `no member "sallyport_report"`},
		{Vulnerabilities, vulnsType, `{"scanner":{}}`, `"scanner.result"`},
		{Vulnerabilities, vulnsType, `{"scanner":{"result":null}}`, `"scanner.result"`},
		{Vulnerabilities, vulnsType, `{"scanner":{"result":[{}]}}`, `"id"`},
		{Vulnerabilities, cosignType, `{"scanner":{"result":"none"}}`, `no document in "scanner.result"`},
		{Vulnerabilities, cosignType, `{"scanner":{"result":{"a":1}}}`, "scanner.result: the document is an object"},
		{SBOM, spdxType, `{"bomFormat":"CycloneDX","specVersion":"1.6"}`, "of something else"},
		{SBOM, cdxType + "/v1.4", `{"bomFormat":"CycloneDX","specVersion":"1.6"}`, "of something else"},
		{VEX, openVEXType, `{"@context":"https://openvex.dev/ns","statements":[]}`, "of something else"},
	} {
		_, err := FromPredicate(x.kind, x.typ, []byte(x.p))
		refusedErr(t, x.p, err, fault.Predicate, x.part)
	}
	_, err := FromPredicate(Vulnerabilities, vulnsType, make([]byte, MaxPredicate+1))
	refusedErr(t, "large", err, fault.Limit, "at most")
}

func TestFromPredicate_of_another_tool_what_it_does_not_say_is_not_said(t *testing.T) {
	r, err := FromPredicate(Vulnerabilities, vulnsType, []byte(`{"scanner":{"uri":"pkg:github/aquasecurity/trivy@244fd47e07d1004f0aed9","version":"0.19.2",
		"db":{"uri":"u","version":"v1","lastUpdate":"2021-08-06T17:45:50.52Z"},"result":[
		{"id":"A","severity":[{"method":"nvd","score":"medium"},{"method":"cvss_score","score":"5.2"}]},{"id":"B","severity":{"method":"nvd","score":"odd"}},{"id":"C"},
		{"id":"D","severity":[{"method":"v","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]}]},
		"metadata":{"scanStartedOn":"2021-08-06T17:45:50.52Z","scanFinishedOn":"2021-08-06T17:50:50Z"}}`))
	want := Report{Document: Document{Format: "in-toto vulns v0.2"}, Tool: Tool{"trivy", "0.19.2"}, Time: time.Date(2021, 8, 6, 17, 50, 50, 0, time.UTC),
		Scan: &Scan{Database: Database{"u", "v1", time.Date(2021, 8, 6, 17, 45, 50, 520_000_000, time.UTC)}, Findings: []Finding{
			{ID: "A", Severity: Medium, Score: "5.2"}, {ID: "B", Severity: UnknownSeverity}, {ID: "C", Severity: UnknownSeverity}, {ID: "D", Severity: Critical, Score: "9.8"}}}}
	if err != nil || !reflect.DeepEqual(r, want) {
		t.Errorf("got %+v %+v, %v\nwant %+v", r, r.Scan, err, want)
	}
	for p, want := range map[string]string{
		`{"result":"PASSED","configuration":[],"passedTests":["a","b"],"warnedTests":["c"]}`: `"":  3/0/0`,
		`{"result":"FAILED","passedTests":["a"],"failedTests":["b"]}`:                        `"":  1/1/0`,
		`{"result":"FAILED"}`: `"":  0/1/0`, `{"result":"GOOD","passedTests":["a"]}`: `"":  1/1/0`, `{"passedTests":["a"]}`: `"":  1/1/0`, `{"result":"PASSED"}`: `"":`,
	} {
		r, err := FromPredicate(TestResults, testType, []byte(p))
		if got := brief(r); err != nil || got != "in-toto test-result v0.1;  ; finished "+want {
			t.Errorf("%s: %s, %v, want %s", p, got, err, want)
		}
	}
}

func TestFromPredicate_of_cosign_holds_the_document_of_the_scanner(t *testing.T) {
	p := `{"invocation":{},"scanner":{"uri":"pkg:github/aquasecurity/trivy","version":"9","db":{"uri":"","version":"v2","lastUpdate":"2026-01-01T00:00:00Z"},"result":` + aScan + `},"metadata":{"scanFinishedOn":"2026-01-05T00:00:00Z"}}`
	r, err := FromPredicate(Vulnerabilities, cosignType, []byte(p))
	if err != nil || r.Tool.Version != "0.74.0" || r.Time.Day() != 2 || r.Scan.Database.Updated.IsZero() || len(r.Scan.Findings) != 1 || r.Document.SHA256 != "" {
		t.Errorf("%+v %+v, %v", r, r.Scan, err)
	}
}

// better reports how a report is better than another one to a policy: "" if it is not.
func better(r, than Report) string {
	if s, o := r.Scan, than.Scan; s != nil && o != nil {
		if len(s.Findings) < len(o.Findings) {
			return "fewer findings"
		}
		for _, x := range Severities() {
			if atLeast(s, x) < atLeast(o, x) {
				return "fewer findings of at least " + string(x)
			}
		}
	}
	if r.Tests != nil && than.Tests != nil && failures(r.Tests) < failures(than.Tests) {
		return "fewer failures"
	}
	return ""
}

func atLeast(s *Scan, x Severity) (n int) {
	for _, f := range s.Findings {
		if f.Severity.AtLeast(x) {
			n++
		}
	}
	return n
}

func failures(x *Tests) (n int) {
	for _, s := range x.Suites {
		n += s.Failed
	}
	return n
}

// grown are ways to add a finding or a failed test to a document.
var grown = [][2]string{
	{`"Vulnerabilities":[`, `"Vulnerabilities":[{"VulnerabilityID":"X","Severity":"HIGH"},`}, {`"matches":[`, `"matches":[{"vulnerability":{"id":"X","severity":"High"}},`},
	{`"results":[`, `"results":[{"ruleId":"X","level":"error"},`}, {`"vulnerabilities":[`, `"vulnerabilities":[{"id":"X","severity":"High"},`},
	{`<testcase`, `<testcase name="X"><failure/></testcase><testcase`}, {`"groups":[`, `"groups":[{"ids":["X"],"max_severity":"8.0"},`},
	{`{"finding":`, `{"finding":{"osv":"X"}}{"finding":`}, {`{"Action":"start"`, `{"Action":"fail","Package":"p","Test":"X"}{"Action":"start"`},
}

// small are short documents, one of each format, from which fuzzing goes on.
var small = map[Kind][]string{
	Vulnerabilities: {
		aScan, grypeOf(`{"vulnerability":{"id":"A","severity":"Low"}}`), osvOf(`"groups":[{"ids":["A"],"max_severity":"9.1"}]`),
		gitlabOf(`{"id":"A","flags":[{}]}`), cdxOf(`{"id":"A","affects":[{"ref":"x"}]}`), sarifOf(`{"id":"A"}`, `{"ruleId":"A"}`),
		govulnOf(`{"finding":{"osv":"A"}}`),
	},
	TestResults:    {`<testsuite tests="1"><testcase><failure/></testcase></testsuite>`, `{"Action":"start","Package":"p"}`},
	KnownExploited: {`{"catalogVersion":"1","count":1,"vulnerabilities":[{"cveID":"A"}]}`},
	SBOM: {`{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","documentDescribes":["SPDXRef-a"],"packages":[{"SPDXID":"SPDXRef-a"}],"files":[{}]}`,
		`{"bomFormat":"CycloneDX","specVersion":"1.6","compositions":[{"aggregate":"complete"}],"components":[{"components":[{}]}]}`},
	VEX: {`{"@context":"https://openvex.dev/ns","statements":[{"vulnerability":"A","status":"x","products":["p"]}]}`},
}

// fuzz reads what becomes of the documents of one kind. What is read is written and read back as the same, and a
// document with a finding or a failure more is not better.
func fuzz(f *testing.F, kind Kind) {
	for _, d := range documents {
		if d.kind == kind {
			f.Add(sample(f, d.file))
		}
	}
	for _, text := range small[kind] {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !roundTrip(t, kind, text) {
			return
		}
		r, _ := Read(kind, text)
		for _, g := range grown {
			more := strings.Replace(string(text), g[0], g[1], 1)
			if more == string(text) {
				continue
			}
			if s, err := Read(kind, []byte(more)); err == nil {
				if why := better(s, r); why != "" {
					t.Fatalf("%q has %s than %q", more, why, text)
				}
			}
		}
	})
}

func FuzzSBOM(f *testing.F)            { fuzz(f, SBOM) }
func FuzzVulnerabilities(f *testing.F) { fuzz(f, Vulnerabilities) }
func FuzzTestResults(f *testing.F)     { fuzz(f, TestResults) }
func FuzzVEX(f *testing.F)             { fuzz(f, VEX) }
func FuzzKnownExploited(f *testing.F)  { fuzz(f, KnownExploited) }

func FuzzFromPredicate(f *testing.F) {
	for _, d := range documents {
		typ, p := predicateOf(f, d.kind, string(sample(f, d.file)))
		f.Add(string(d.kind), typ, []byte(p))
	}
	f.Add(string(Vulnerabilities), cosignType, []byte(`{"scanner":{"result":`+aScan+`}}`))
	f.Add(string(Vulnerabilities), vulnsType, []byte(`{"scanner":{"result":[{"id":"A","severity":[{"score":"low"}]}]}}`))
	f.Fuzz(func(t *testing.T, kind, typ string, p []byte) {
		r, err := FromPredicate(Kind(kind), typ, p)
		if err == nil && r.Kind() != Kind(kind) {
			t.Fatalf("%q as %s is a report of %s", p, kind, r.Kind())
		}
		if err != nil && fault.Of(err).Kind == fault.Internal {
			t.Fatalf("%q: %v", p, err)
		}
	})
}
