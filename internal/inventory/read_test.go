package inventory

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/messages"
)

func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// read reads a text that has to be a report.
func read(t testing.TB, kind Kind, text string) Report {
	t.Helper()
	r, err := Read(kind, []byte(text))
	if err != nil {
		t.Fatalf("%.300s\n%v", text, err)
	}
	return r
}

// refused wants the code and a part of the error of a text.
func refused(t *testing.T, kind Kind, text string, code fault.Code, part string) {
	t.Helper()
	_, err := Read(kind, []byte(text))
	refusedErr(t, text, err, code, part)
}

func refusedErr(t *testing.T, text string, err error, code fault.Code, part string) {
	t.Helper()
	if err == nil || fault.Of(err).Code != code || !strings.Contains(err.Error(), part) {
		t.Errorf("%.200s:\n got %v (%s)\nwant %s, %q", text, err, fault.Of(err).Code, code, part)
		return
	}
	messages.Plain(t, err.Error())
}

// brief is a report in one line, for tables.
func brief(r Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s; %s %s;", r.Document.Format, r.Tool.Name, r.Tool.Version)
	if !r.Time.IsZero() {
		fmt.Fprintf(&b, " %s;", r.Time.Format("2006-01-02"))
	}
	for _, a := range r.About {
		fmt.Fprintf(&b, " about %.8s;", a)
	}
	if c := r.Contents; c != nil {
		fmt.Fprintf(&b, " %d components %s", c.Components, c.Completeness)
	}
	if s := r.Scan; s != nil {
		n := map[Severity]int{}
		suppressed, called, parts := 0, 0, 0
		for _, f := range s.Findings {
			n[f.Severity]++
			if f.Suppressed != "" {
				suppressed++
			}
			if f.Called == Yes {
				called++
			}
		}
		for _, x := range s.Targets {
			parts += len(x.Components)
		}
		fmt.Fprintf(&b, " finished %q, %d targets, %d components, findings", s.Finished, len(s.Targets), parts)
		for _, x := range Severities() {
			if n[x] > 0 {
				fmt.Fprintf(&b, " %d %s", n[x], x)
			}
		}
		fmt.Fprintf(&b, ", %d suppressed, %d called", suppressed, called)
	}
	if x := r.Tests; x != nil {
		fmt.Fprintf(&b, " finished %q:", x.Finished)
		for _, s := range x.Suites {
			fmt.Fprintf(&b, " %.20s %d/%d/%d", s.Name, s.Passed, s.Failed, s.Skipped)
		}
	}
	for _, s := range r.Statements {
		fmt.Fprintf(&b, " %s %s", s.ID, s.Status)
		for _, p := range s.Products {
			fmt.Fprintf(&b, " (%.20s %.6s %v)", p.ID, strings.Join(p.SHA256, " "), p.Components)
		}
	}
	return b.String()
}

// documents are those of the tools themselves, and what is read of them.
var documents = []struct {
	kind       Kind
	file, want string
}{
	{SBOM, "cyclonedx-compositions.json", `CycloneDX 1.6;  ; 3 components unknown`},
	{SBOM, "trivy-spdx.json", `SPDX 2.3; trivy-dev ; 2021-08-25; 2 components `},
	{SBOM, "trivy-cyclonedx.json", `CycloneDX 1.7; trivy dev; 2021-08-25; 13 components `},
	{Vulnerabilities, "trivy-cyclonedx.json", `CycloneDX 1.7; trivy dev; 2021-08-25; finished "", 1 targets, 13 components, findings 1 medium, 0 suppressed, 0 called`},
	{Vulnerabilities, "cyclonedx-vulnerabilities.json", `CycloneDX 1.6;  ; finished "", 1 targets, 1 components, findings 1 critical, 1 suppressed, 0 called`},
	{Vulnerabilities, "grype-cyclonedx.json", `CycloneDX 1.7; grype [not provided]; 2026-07-07; finished "", 1 targets, 2 components, findings 1 high 1 critical, 0 suppressed, 0 called`},
	{Vulnerabilities, "trivy-image.json", `Trivy; trivy dev; 2021-08-25; finished "yes", 1 targets, 0 components, findings 4 medium, 0 suppressed, 0 called`},
	{Vulnerabilities, "trivy-unknown.json", `Trivy; trivy dev; 2021-08-25; finished "yes", 3 targets, 0 components, findings 4 unknown, 0 suppressed, 0 called`},
	{Vulnerabilities, "trivy-suppressed.json", `Trivy; trivy ; 2024-09-09; finished "yes", 1 targets, 2 components, findings 1 medium 1 high, 1 suppressed, 0 called`},
	{Vulnerabilities, "trivy.sarif", `SARIF 2.1.0; trivy dev; finished "", 0 targets, 0 components, findings 4 medium, 0 suppressed, 0 called`},
	{Vulnerabilities, "trivy-gitlab.json", `GitLab security report 15.0.7; trivy dev; 2021-08-25; finished "yes", 0 targets, 0 components, findings 4 medium, 0 suppressed, 0 called`},
	{Vulnerabilities, "grype-image.json", `Grype; grype ; about ca738abb; finished "yes", 1 targets, 0 components, findings 1 high 1 critical, 0 suppressed, 0 called`},
	{Vulnerabilities, "grype-registry.json", `Grype; grype 0.61.1; 2023-05-18; about 3c9afb4f; about 86abe662; finished "yes", 1 targets, 0 components, findings 3 high, 0 suppressed, 0 called`},
	{Vulnerabilities, "grype.sarif", `SARIF 2.1.0; grype 0.0.0-dev; finished "", 0 targets, 0 components, findings 2 high, 0 suppressed, 0 called`},
	{Vulnerabilities, "govulncheck.json", `govulncheck; govulncheck v0.0.0-00000000000-20000101010101; finished "", 0 targets, 0 components, findings 4 unknown, 0 suppressed, 2 called`},
	{Vulnerabilities, "govulncheck.sarif", `SARIF 2.1.0; govulncheck v0.0.0; finished "", 0 targets, 0 components, findings 4 unknown, 0 suppressed, 0 called`},
	{Vulnerabilities, "osv-scanner.json", `OSV-Scanner; osv-scanner ; finished "yes", 2 targets, 2 components, findings 2 high 1 unknown, 0 suppressed, 0 called`},
	{TestResults, "trivy-junit.xml", `JUnit;  ; finished "": testdata/fixtures/im 0/4/0`},
	{TestResults, "go-test.json", `go test -json; go test ; 2026-11-28; finished "yes": gt 4/1/1 gt/none 0/0/0 gt/pan 1/1/0`},
	{TestResults, "go-test-bench.json", `go test -json; go test ; 2026-11-28; finished "yes": gt 4/0/1`},
	{TestResults, "go-test-build-failed.json", `go test -json; go test ; 2026-11-28; finished "yes": gt 0/1/0 gt/bad 0/1/0 gt/none 0/0/0 gt/pan 1/1/0`},
	{VEX, "openvex-0.0.1.json", `OpenVEX 0.0.1;  ; 2023-01-09; CVE-2023-12345 fixed (pkg:apk/wolfi/git@2.  []) (pkg:apk/wolfi/git@2.  [])`},
	{VEX, "openvex-0.2.0.json", `OpenVEX 0.2.0;  ; 2023-07-18; CVE-2023-1255 fixed (pkg:oci/alpine@sha25 124c7d [pkg:apk/alpine/libcrypto3@3.0.8-r3 pkg:apk/alpine/libssl3@3.0.8-r3]) CVE-2023-2650 fixed (pkg:oci/alpine@sha25 124c7d [pkg:apk/alpine/libcrypto3@3.0.8-r3 pkg:apk/alpine/libssl3@3.0.8-r3]) CVE-2023-2975 fixed (pkg:oci/alpine@sha25 124c7d [pkg:apk/alpine/libcrypto3@3.0.8-r3 pkg:apk/alpine/libssl3@3.0.8-r3]) CVE-2023-3446 not_affected (pkg:oci/alpine@sha25 124c7d [pkg:apk/alpine/libcrypto3@3.0.8-r3 pkg:apk/alpine/libssl3@3.0.8-r3]) CVE-2023-3817 not_affected (pkg:oci/alpine@sha25 124c7d [pkg:apk/alpine/libcrypto3@3.0.8-r3 pkg:apk/alpine/libssl3@3.0.8-r3])`},
	{VEX, "govulncheck-openvex.json", `OpenVEX 0.2.0; https://pkg.go.dev/golang.org/x/vuln/cmd/govulncheck ; 2024-01-01; GO-2020-0015 not_affected (Unknown Product  [pkg:golang/golang.org%2Fx%2Ftext@v0.3.0]) GO-2021-0054 affected (Unknown Product  [pkg:golang/github.com%2Ftidwall%2Fgjson@v1.6.5]) GO-2021-0113 not_affected (Unknown Product  [pkg:golang/golang.org%2Fx%2Ftext@v0.3.0]) GO-2021-0265 affected (Unknown Product  [pkg:golang/github.com%2Ftidwall%2Fgjson@v1.6.5])`},
}

func TestRead_the_documents_of_the_tools(t *testing.T) {
	for _, d := range documents {
		b := sample(t, d.file)
		r, err := Read(d.kind, b)
		if err != nil {
			t.Errorf("%s: %v", d.file, err)
			continue
		}
		if got := brief(r); got != d.want {
			t.Errorf("%s as %s:\n got %s\nwant %s", d.file, d.kind, got, d.want)
		}
		if r.Document.Bytes != len(b) || len(r.Document.SHA256) != 64 || r.Kind() != d.kind {
			t.Errorf("%s: %+v of kind %q", d.file, r.Document, r.Kind())
		}
	}
}

// What Read made of a document, FromPredicate makes of its predicate.
func TestPredicate_is_read_back_as_the_same_report(t *testing.T) {
	for _, d := range documents {
		roundTrip(t, d.kind, sample(t, d.file))
	}
}

// roundTrip holds what is read back against what was written. It reports whether text is a report of kind.
func roundTrip(t testing.TB, kind Kind, text []byte) bool {
	t.Helper()
	r, err := Read(kind, text)
	if err != nil {
		return false
	}
	typ, predicate, err := r.Predicate(text)
	if err != nil {
		t.Fatalf("%.300q: %v", text, err)
	}
	back, err := FromPredicate(kind, typ, predicate)
	if err != nil {
		t.Fatalf("%.300q: %v\n%.500s", text, err, predicate)
	}
	if kind == SBOM || kind == VEX { // of a document itself, nothing is known of its file
		r.Document.SHA256, r.Document.Bytes = "", len(bytes.TrimPrefix(text, mark))
	}
	if !reflect.DeepEqual(r, back) {
		t.Fatalf("%.300q:\nread %+v\nback %+v\n%.500s", text, r, back, predicate)
	}
	if len(Types(kind)) == 0 {
		t.Fatalf("no types of %s", kind)
	}
	return true
}

func TestRead_says_what_it_wants_and_what_it_found(t *testing.T) {
	for _, x := range []struct {
		kind             Kind
		text, part, hint string
	}{
		{SBOM, `{"spdxVersion":"SPDX-3.0","SPDXID":"SPDXRef-DOCUMENT"}`, `the document is "SPDX-3.0", want "SPDX-2.2" or "SPDX-2.3"`, "export it as SPDX 2.3"},
		{SBOM, `{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[]}`, "SPDX 3", "export it as SPDX 2.3 or CycloneDX, in JSON"},
		{SBOM, `<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.6"/>`, "an XML document of <bom>", "export it as JSON"},
		{SBOM, `{"bomFormat":"CycloneDX","specVersion":"1.1"}`, `CycloneDX "1.1"`, "from 1.2 to 1.7"},
		{SBOM, `{"matches":[],"descriptor":{}}`, "the document is Grype (JSON); a report of sbom is read from: CycloneDX", ""},
		{Vulnerabilities, `{"bomFormat":"CycloneDX","specVersion":"1.6"}`, "the document is CycloneDX 1.2 to 1.7 (JSON)", ""},
		{Vulnerabilities, `{"results":[],"errors":[],"paths":{}}`, `an object of "results errors paths"`, ""},
		{Vulnerabilities, `[]`, "a JSON array", ""},
		{Vulnerabilities, `"x"`, "a JSON string", ""},
		{Vulnerabilities, `5`, "no JSON document", ""},
		{Vulnerabilities, `{"SPDXID":"x"}`, "SPDX of an unknown shape", ""},
		{SBOM, `<Document/>`, "an XML document of <Document>", "export it as JSON"},
		{SBOM, `<RDF/>`, "an XML document of <RDF>", "export it as JSON"},
		{VEX, `{"document":{},"product_tree":{}}`, "CSAF", "export it as OpenVEX"},
		{Vulnerabilities, `{}`, "an object without members", ""},
		{Vulnerabilities, `{"version":"14.1.0","vulnerabilities":[]}`, `has version "14.1.0", want 15`, ""},
		{Vulnerabilities, `{"version":"2.0.0","runs":[]}`, `has version "2.0.0"`, ""},
		{Vulnerabilities, `{"SchemaVersion":1,"ArtifactName":"x"}`, "SchemaVersion 1, want 2", ""},
		{TestResults, `<checkstyle/>`, "an XML document of <checkstyle>", ""},
		{VEX, `{"document":{},"vulnerabilities":[]}`, "CSAF", "export it as OpenVEX"},
		{VEX, `{"bomFormat":"CycloneDX","vulnerabilities":[]}`, "CycloneDX", "export it as OpenVEX, or attest it as vulnerabilities"},
		{VEX, `{"@context":"https://openvex.dev/ns/v9","statements":[]}`, `"https://openvex.dev/ns/v9", want`, "export it as OpenVEX 0.2.0"},
		{KnownExploited, `{"a":1}`, "the catalog of CISA", ""},
	} {
		_, err := Read(x.kind, []byte(x.text))
		refusedErr(t, x.text, err, fault.Predicate, x.part)
		if !strings.Contains(fault.Of(err).Hint, x.hint) {
			t.Errorf("%s: hint %q, want %q", x.text, fault.Of(err).Hint, x.hint)
		}
	}
	_, err := Read("poems", []byte(`{}`))
	if f := fault.Of(err); f.Kind != fault.Usage || f.Code != fault.Config {
		t.Errorf("an unknown kind: %v", err)
	}
}

func TestRead_refuses_what_two_readers_could_read_differently(t *testing.T) {
	for _, x := range []struct {
		kind       Kind
		text, part string
	}{
		{SBOM, `{"bomFormat":"CycloneDX","specVersion":"1.6","specVersion":"1.5"}`, "duplicate"},
		{SBOM, `{"bomFormat":"CycloneDX","specVersion":"1.6","Components":[]}`, `want "components"`},
		{SBOM, `{"bomFormat":"CycloneDX","specVersion":"1.6"}{}`, "more bytes follow"},
		{SBOM, "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"x\":\"\xff\"}", "no UTF-8"},
		{SBOM, `{"bomFormat":"CycloneDX","specVersion":"1.6","components":[`, "ends in the middle"},
		{SBOM, `{"bomFormat":"cyclonedx","specVersion":"1.6"}`, `want "CycloneDX"`},
		{SBOM, `{"spdxVersion":"SPDX-2.3","SPDXID":"DOCUMENT"}`, `want "SPDXRef-DOCUMENT"`},
		{SBOM, `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","packages":[{"name":"a"}]}`, `no member "SPDXID"`},
		{SBOM, `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","packages":[{"SPDXID":"a","checksums":[{"algorithm":"SHA256","checksumValue":"0"}]}]}`, "want 64 hexadecimal digits"},
		{SBOM, `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","documentDescribes":["f"],"files":[{"SPDXID":"f","checksums":[{"algorithm":"SHA256","checksumValue":"0"}]}]}`, "want 64 hexadecimal digits"},
		{SBOM, `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","documentDescribes":["f"],"files":[{"SPDXID":5}]}`, "SPDXID"},
		{SBOM, `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","documentDescribes":["f"],"files":{}}`, "want array"},
		{SBOM, `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","creationInfo":{"created":"now"}}`, "creationInfo.created"},
		{Vulnerabilities, trivyOf(`{"Severity":"LOW"}`), `no member "VulnerabilityID"`},
		{Vulnerabilities, grypeOf(`{"vulnerability":{"severity":"Low"}}`), `no member "vulnerability.id"`},
		{Vulnerabilities, osvOf(`"vulnerabilities":[{"aliases":["A"]}]`), `no member "id"`},
		{Vulnerabilities, gitlabOf(`{"severity":"Low"}`), `no member "id"`},
		{Vulnerabilities, cdxOf(`{"affects":[{"ref":"x"}]}`), `no member "id"`},
		{Vulnerabilities, govulnOf(`{"finding":{"trace":[]}}`), `no member "osv"`},
		{Vulnerabilities, govulnOf(`5`), "want object"},
		{Vulnerabilities, `{"SchemaVersion":2,"ArtifactName":"x","CreatedAt":"now"}`, `member "CreatedAt"`},
		{Vulnerabilities, `{"config":{"db_last_modified":"now"}}`, `member "config.db_last_modified"`},
		{Vulnerabilities, `{"matches":[],"descriptor":{"timestamp":"now"}}`, `member "descriptor.timestamp"`},
		{Vulnerabilities, `{"matches":[],"descriptor":{"timestamp":"0000-01-01T00:00:00Z"}}`, `member "descriptor.timestamp"`},
		{Vulnerabilities, `{"matches":[],"descriptor":{"timestamp":"9999-01-01T00:00:00Z"}}`, `member "descriptor.timestamp"`},
		{Vulnerabilities, `{"version":"2.1.0","runs":[{"results":[],"invocations":[{"endTimeUtc":"now"}]}]}`, `member "invocations.endTimeUtc"`},
		{VEX, `{"@context":"https://openvex.dev/ns/v0.2.0","statements":[],"timestamp":"now"}`, `member "timestamp"`},
		{VEX, `{"@context":"https://openvex.dev/ns/v0.2.0","statements":[{"vulnerability":"A","status":"fixed","timestamp":"now"}]}`, `member "statements.timestamp"`},
		{KnownExploited, `{"catalogVersion":"1","vulnerabilities":[{}],"count":1}`, `no member "cveID"`},
		{KnownExploited, `{"catalogVersion":"1","vulnerabilities":[{"cveID":"A"}],"count":1,"dateReleased":"now"}`, `member "dateReleased"`},
		{Vulnerabilities, `{"matches":[{"vulnerability":{"id":"A","severity":"Low","Severity":"High"}}],"descriptor":{}}`, `want "severity"`},
		{Vulnerabilities, `{"SchemaVersion":2,"ArtifactName":"x","results":[{"Vulnerabilities":[{}]}]}`, `want "Results"`},
		{TestResults, `<testsuites><testsuite tests="1" tests="2"/></testsuites>`, `the attribute "tests" twice`},
		{TestResults, `<testsuite><TestCase name="a"/></testsuite>`, "called <TestCase>, want <testcase>"},
		{TestResults, `<testsuite/><testsuite/>`, "second root"},
		{TestResults, `<testsuite/>x`, "outside of the root"},
		{TestResults, `<testsuite><testcase>`, "ends in the middle"},
		{TestResults, `<!DOCTYPE testsuite [<!ENTITY a "b">]><testsuite/>`, "a document type"},
		{TestResults, `<testsuite name="&a;"/>`, "XML, line 1"},
		{TestResults, `<?xml version="1.0" encoding="ISO-8859-1"?><testsuite/>`, `written in "ISO-8859-1", want UTF-8`},
		{TestResults, "<testsuite name=\"\xff\"/>", "XML"},
		{TestResults, "{\"Action\":\"start\",\"Package\":\"a\"}\nFAIL a\n", "go test -json"},
		{TestResults, `{"Action":"start","Package":"a"}{"Action":"pa`, "ends in the middle"},
		{KnownExploited, `{"catalogVersion":"1","vulnerabilities":[{"cveID":"A"}],"count":2}`, "a part is missing"},
		{KnownExploited, `{"catalogVersion":"1","vulnerabilities":[{"cveID":"A"}]}`, "a part is missing"},
		{KnownExploited, `{"catalogVersion":"1","vulnerabilities":[]}`, "lists no vulnerability"},
	} {
		refused(t, x.kind, x.text, fault.Malformed, x.part)
	}
}

func TestRead_takes_a_byte_order_mark_and_no_other_encoding(t *testing.T) {
	text := `{"bomFormat":"CycloneDX","specVersion":"1.6"}`
	r := read(t, SBOM, "\ufeff"+text)
	if typ, p, err := r.Predicate([]byte("\ufeff" + text)); err != nil || string(p) != text || typ != cdxType {
		t.Errorf("predicate %s %q, %v, want the text without the mark", typ, p, err)
	}
	read(t, TestResults, "\ufeff<testsuite/>")
	refused(t, SBOM, "\xff\xfe{\x00}\x00", fault.Malformed, "UTF-16")
	refused(t, SBOM, "\xfe\xff\x00{\x00}", fault.Malformed, "UTF-16")
	refused(t, SBOM, " \n", fault.Malformed, "empty")
	refused(t, SBOM, "", fault.Malformed, "empty")
}

func TestRead_keeps_to_its_limits(t *testing.T) {
	many := func(before, one, after string, n int) string {
		return before + strings.Repeat(one+",", n-1) + one + after
	}
	nested := func(n int) string {
		return `{"bomFormat":"CycloneDX","specVersion":"1.6","x":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}`
	}
	suites := func(n int) string {
		return strings.Repeat("<testsuite>", n) + strings.Repeat("</testsuite>", n)
	}
	grype := func(n int) string {
		return many(`{"matches":[`, `{"vulnerability":{"id":"A"}}`, `],"descriptor":{}}`, n)
	}
	cdx := func(n int) string {
		return many(`{"bomFormat":"CycloneDX","specVersion":"1.6","components":[`, `{}`, `]}`, n)
	}
	scanned := func(n int) string {
		return many(`{"bomFormat":"CycloneDX","specVersion":"1.6","vulnerabilities":[],"components":[`, `{}`, `]}`, n)
	}
	cases := func(n int) string { return "<testsuite>" + strings.Repeat("<testcase/>", n) + "</testsuite>" }
	for _, x := range []struct {
		what string
		kind Kind
		most int
		text func(n int) string
	}{
		{"nesting of JSON", SBOM, MaxDepth, nested},
		{"nesting of XML", TestResults, MaxDepth, suites},
		{"findings", Vulnerabilities, MaxFindings, grype},
		{"components", SBOM, MaxComponents, cdx},
		{"components that were looked at", Vulnerabilities, MaxComponents, scanned},
		{"cases", TestResults, MaxCases, cases},
	} {
		if _, err := Read(x.kind, []byte(x.text(x.most))); err != nil {
			t.Errorf("%s: at the limit: %v", x.what, err)
		}
		if _, err := Read(x.kind, []byte(x.text(x.most+1))); fault.Of(err).Code != fault.Limit {
			t.Errorf("%s: one beyond the limit: %v, want E_LIMIT", x.what, err)
		}
	}
	if testing.Short() {
		return
	}
	padded := []byte(nested(2))
	padded = append(padded, bytes.Repeat([]byte(" "), MaxBytes-len(padded))...)
	if _, err := Read(SBOM, padded); err != nil {
		t.Errorf("bytes: at the limit: %v", err)
	}
	if _, err := Read(SBOM, append(padded, ' ')); fault.Of(err).Code != fault.Limit {
		t.Errorf("bytes: one beyond the limit: %v, want E_LIMIT", err)
	}
}

// A member of another kind than its format has is an error wherever it stands: what is passed over was not read.
func TestRead_refuses_a_member_of_another_kind(t *testing.T) {
	for kind, texts := range map[Kind][]string{
		SBOM: {
			`{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"components":[5]}]}`, `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"tools":[5]}}`,
			`{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","packages":[5]}`, `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","relationships":[5]}`,
		},
		Vulnerabilities: {
			trivyOf(`5`), `{"SchemaVersion":2,"ArtifactName":"x","Results":[5]}`, `{"SchemaVersion":2,"ArtifactName":"x","Results":[{"Misconfigurations":[5]}]}`,
			`{"SchemaVersion":2,"ArtifactName":"x","Results":[{"ExperimentalModifiedFindings":[5]}]}`, `{"SchemaVersion":2,"ArtifactName":"x","Results":[{"Packages":[5]}]}`,
			grypeOf(`5`), `{"matches":[],"descriptor":{"configuration":{"ignore":[5]}}}`, `{"matches":[],"descriptor":{},"source":{"target":{"userInput":5}}}`,
			osvOf(`"vulnerabilities":[5]`), osvOf(`"vulnerabilities":[{"id":"A","database_specific":{"severity":"\ud800"}}]`), `{"results":[5]}`,
			gitlabOf(`5`), `{"version":"15.0.0","vulnerabilities":[],"dependency_files":[5]}`, `{"version":"15.0.0","vulnerabilities":[],"dependency_files":[{"dependencies":[5]}]}`,
			`{"version":"15.0.0","vulnerabilities":[],"scan":{"scanned_resources":[5]}}`, cdxOf(`5`),
			`{"bomFormat":"CycloneDX","specVersion":"1.6","vulnerabilities":[],"components":[{"components":[5]}]}`,
			sarifOf(``, `5`), `{"version":"2.1.0","runs":[5]}`, `{"version":"2.1.0","runs":[{"results":[],"artifacts":[5]}]}`, govulnOf(`{"finding":5}`),
		},
		TestResults:    {`{"Action":"start","Package":5}`},
		VEX:            {`{"@context":"https://openvex.dev/ns/v0.2.0","statements":[{"vulnerability":"A","status":"fixed","products":[{"@id":5}]}]}`},
		KnownExploited: {`{"catalogVersion":"1","count":1,"vulnerabilities":[{"cveID":5}]}`},
	} {
		for _, text := range texts {
			refused(t, kind, text, fault.Malformed, "")
		}
	}
}

// A few bytes for each element do not become hundreds without a bound.
func TestRead_holds_no_more_than_a_multiple_of_a_document(t *testing.T) {
	text := `{"version":"2.1.0","runs":[{"tool":{"driver":{"rules":[` + strings.Repeat("{},", 3_000_000) + `{}]}},"results":[]}]}`
	refused(t, Vulnerabilities, text, fault.Limit, "more elements than are read at once")
}
