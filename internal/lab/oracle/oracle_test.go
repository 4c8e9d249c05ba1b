// Package oracle holds what the product reads of reports against what the formats' own libraries read of them, for
// tests alone. The product links none of these libraries: what it read is in a file that its own tests keep.
package oracle

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	testresult "github.com/in-toto/attestation/go/predicates/test_result/v0"
	vulns "github.com/in-toto/attestation/go/predicates/vulns/v02"
	"github.com/openvex/go-vex/pkg/vex"
	spdx "github.com/spdx/tools-golang/json"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const documents = "../../inventory/testdata"

// facts are what the product read of one document.
type facts struct {
	File, Kind string
	Report     struct {
		Named    string
		Contents struct{ Components int }
		Scan     struct {
			Targets  []struct{ Components []string }
			Findings []struct {
				ID, Severity, Component string
			}
		}
		Tests struct {
			Suites []struct{ Passed, Failed int }
		}
		Statements []struct {
			ID, Status, Justification string
			Products                  []struct {
				ID         string
				Components []string
			}
		}
	}
	PredicateType string
	Predicate     json.RawMessage
}

// load returns the facts of the documents that want chooses, of which there is at least one.
func load(t *testing.T, want func(f facts) bool) []facts {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(documents, "facts.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []facts
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(f facts) bool { return !want(f) })
	if len(all) == 0 {
		t.Fatal("no document of the kind")
	}
	return all
}

func text(t *testing.T, f facts) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(documents, f.File))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// named reports whether the name of the document has one of the parts.
func named(f facts, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return bytes.Contains([]byte(f.File), []byte(p)) })
}

func TestCycloneDX_holds_what_its_library_reads(t *testing.T) {
	for _, f := range load(t, func(f facts) bool { return named(f, "cyclonedx") }) {
		var bom cdx.BOM
		if err := cdx.NewBOMDecoder(bytes.NewReader(text(t, f)), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
			t.Fatal(err)
		}
		n := count(bom.Components)
		if bom.Metadata != nil && bom.Metadata.Component != nil {
			n += count(bom.Metadata.Component.Components)
		}
		if f.Kind == "sbom" {
			if f.Report.Contents.Components != n {
				t.Errorf("%s: %d components, the library reads %d", f.File, f.Report.Contents.Components, n)
			}
			continue
		}
		found := 0
		for _, v := range *bom.Vulnerabilities {
			found += max(1, affected(v))
			if !slices.ContainsFunc(f.Report.Scan.Findings, func(x struct{ ID, Severity, Component string }) bool { return x.ID == v.ID }) {
				t.Errorf("%s: %s is not among the findings", f.File, v.ID)
			}
		}
		if len(f.Report.Scan.Findings) != found {
			t.Errorf("%s: %d findings, the library reads %d", f.File, len(f.Report.Scan.Findings), found)
		}
	}
}

func affected(v cdx.Vulnerability) int {
	if v.Affects == nil {
		return 0
	}
	return len(*v.Affects)
}

func count(all *[]cdx.Component) int {
	if all == nil {
		return 0
	}
	n := len(*all)
	for _, c := range *all {
		n += count(c.Components)
	}
	return n
}

func TestSPDX_holds_what_its_library_reads(t *testing.T) {
	for _, f := range load(t, func(f facts) bool { return named(f, "spdx") }) {
		doc, err := spdx.Read(bytes.NewReader(text(t, f)))
		if err != nil {
			t.Fatal(err)
		}
		described := 0
		for _, r := range doc.Relationships {
			if r.Relationship == "DESCRIBES" && r.RefA.ElementRefID == "DOCUMENT" {
				described++
			}
		}
		if described != 1 || f.Report.Contents.Components != len(doc.Packages)-1 {
			t.Errorf("%s: %d components, the library reads %d packages, of which %d are described", f.File,
				f.Report.Contents.Components, len(doc.Packages), described)
		}
	}
}

func TestOpenVEX_says_what_its_library_reads(t *testing.T) {
	// The library refuses a time without a zone, which the sample of govulncheck has; we take it for UTC.
	for _, f := range load(t, func(f facts) bool { return f.Kind == "vex" && !named(f, "govulncheck") }) {
		doc, err := vex.Open(filepath.Join(documents, f.File))
		if err != nil {
			t.Fatalf("%s: %v", f.File, err)
		}
		if len(doc.Statements) != len(f.Report.Statements) {
			t.Fatalf("%s: %d statements, the library reads %d", f.File, len(f.Report.Statements), len(doc.Statements))
		}
		for i, s := range doc.Statements {
			got := f.Report.Statements[i]
			if got.ID != string(s.Vulnerability.Name) || got.Status != string(s.Status) ||
				got.Justification != string(s.Justification) || len(got.Products) != len(s.Products) {
				t.Errorf("%s: %+v, the library reads %+v", f.File, got, s)
				continue
			}
			for j, p := range s.Products {
				if got.Products[j].ID != p.ID || len(got.Products[j].Components) != len(p.Subcomponents) {
					t.Errorf("%s: %+v, the library reads %+v", f.File, got.Products[j], p)
				}
			}
		}
	}
}

// Tools of others read our predicates by these types, which leave out our extension.
func TestVulns_is_what_its_type_reads(t *testing.T) {
	for _, f := range load(t, func(f facts) bool { return f.PredicateType == "https://in-toto.io/attestation/vulns/v0.2" }) {
		var v vulns.Vulns
		unmarshal(t, f, &v)
		if len(v.GetScanner().GetResult()) != len(f.Report.Scan.Findings) {
			t.Fatalf("%s: %d results, want %d", f.File, len(v.GetScanner().GetResult()), len(f.Report.Scan.Findings))
		}
		for i, r := range v.GetScanner().GetResult() {
			if want := f.Report.Scan.Findings[i]; r.GetId() != want.ID || r.GetSeverity()[0].GetScore() != want.Severity {
				t.Errorf("%s: %v, want %+v", f.File, r, want)
			}
		}
	}
}

func TestTestResult_is_what_its_type_reads(t *testing.T) {
	for _, f := range load(t, func(f facts) bool { return f.PredicateType == "https://in-toto.io/attestation/test-result/v0.1" }) {
		var v testresult.TestResult
		unmarshal(t, f, &v)
		failed := slices.ContainsFunc(f.Report.Tests.Suites, func(s struct{ Passed, Failed int }) bool { return s.Failed > 0 })
		if (v.GetResult() == "FAILED") != failed || (len(v.GetFailedTests()) > 0) != failed {
			t.Errorf("%s: %v, want failed: %v", f.File, &v, failed)
		}
	}
}

func unmarshal(t *testing.T, f facts, into proto.Message) {
	t.Helper()
	// The framework says that a reader ignores members that it does not know: ours is one.
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(f.Predicate, into); err != nil {
		t.Fatalf("%s: %v", f.File, err)
	}
}
