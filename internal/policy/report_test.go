package policy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/inventory"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// reporter is a workflow of another repository that the release calls, by its commit.
const reporter = `{issuer: https://ci.example, repository: acme/app, repository-id: 1001, workflow: build/release.yml,
          refs: [refs/heads/main], signer: "sec/scan/build/scan.yml@%s"}`

// reportPolicy requires reports besides the provenance.
const reportPolicy = `provenance: {max-age: 7d}
      sbom: {signed-by: [%[1]s], inputs: none, completeness: stated}
      vulnerabilities:
        signed-by: [%[1]s]
        inputs: [level]
        scanner: [{name: trivy, min-version: 0.60.0}]
        max-age: 24h
        below: high
        database-max-age: 48h
        exclusions: refused
        known-exploited: {signed-by: [%[1]s], max-age: 72h}
        vex: {signed-by: [{email: sec@acme.example, issuer: https://login.example}]}
      test-results: {signed-by: [%[1]s], inputs: none, at-least: 10, suites: [unit]}
`

func reportsRequired(t *testing.T, change ...string) *policy.Policy {
	t.Helper()
	text := strings.Replace(good, "provenance: {max-age: 7d}\n", fmt.Sprintf(reportPolicy, fmt.Sprintf(reporter, other)), 1)
	for i := 0; i+1 < len(change); i += 2 {
		if !strings.Contains(text, change[i]) {
			t.Fatalf("the policy has no %q", change[i])
		}
		text = strings.ReplaceAll(text, change[i], change[i+1])
	}
	return read(t, text)
}

// reporterJob is who reports: the called workflow, in a run of the repository.
func reporterJob() statement.Signer {
	s := signer()
	s.SAN = "https://code.example/sec/scan/build/scan.yml@" + other
	s.SignerURI, s.SignerDigest = s.SAN, other
	return s
}

func analyst() statement.Signer {
	return statement.Signer{Issuer: "https://login.example", SAN: "sec@acme.example", SANKind: "email"}
}

// reported is the fact that s has signed r, age ago.
func reported(t testing.TB, s statement.Signer, kind inventory.Kind, r inventory.Report, age time.Duration) policy.Fact {
	t.Helper()
	kind0, predicate := predicateOf(t, kind, r)
	f := policy.Fact{Signer: s, Trust: "house", Time: now.Add(-age), Source: "store",
		Statement: statement.Statement{Type: statement.TypeV1, PredicateType: kind0, Predicate: predicate}}
	f.StatementHash = sum(predicate)
	return f
}

func dig(n byte) string { return strings.Repeat(fmt.Sprintf("%02x", n), 1) + strings.Repeat("0", 62) }

func goodSBOM() inventory.Report {
	return inventory.Report{Document: inventory.Document{Format: "CycloneDX 1.6", SHA256: dig(9), Bytes: 2 << 20, Apart: true},
		Tool: inventory.Tool{Name: "syft", Version: "1.2.3"}, About: []string{dig(1)}, Inputs: inventory.Inputs{},
		Contents: &inventory.Contents{Components: 12, Completeness: inventory.Complete}}
}

func goodScan() inventory.Report {
	return inventory.Report{Document: inventory.Document{Format: "Trivy", SHA256: dig(8), Bytes: 100},
		Tool: inventory.Tool{Name: "trivy", Version: "0.60.1"}, Time: now.Add(-2 * time.Hour), About: []string{dig(1)},
		Inputs: inventory.Inputs{"level": "all"},
		Scan: &inventory.Scan{Finished: inventory.Yes, Database: inventory.Database{Updated: now.Add(-20 * time.Hour)},
			Targets:  []inventory.Target{{Name: "app", Components: []string{"pkg:npm/a@1.0.0", "pkg:npm/b@2.0.0"}}},
			Findings: []inventory.Finding{{ID: "CVE-2026-1", Severity: inventory.Medium, Component: "pkg:npm/a@1.0.0"}}}}
}

func goodTests() inventory.Report {
	return inventory.Report{Document: inventory.Document{Format: "JUnit", SHA256: dig(7), Bytes: 100}, About: []string{dig(1)},
		Inputs: inventory.Inputs{}, Tests: &inventory.Tests{Finished: inventory.Yes, Suites: []inventory.Suite{{Name: "unit", Passed: 9, Skipped: 5}, {Name: "more", Passed: 1}}}}
}

func goodExploited() inventory.Report {
	return inventory.Report{Document: inventory.Document{Format: "KEV", SHA256: dig(6), Bytes: 100}, Time: now.Add(-20 * time.Hour),
		Exploited: &inventory.Exploited{IDs: []string{"CVE-2020-7", "CVE-2026-9"}}}
}

// sayingOf is a VEX document of one statement.
func sayingOf(id, status, justification string) inventory.Report {
	return inventory.Report{Document: inventory.Document{Format: "OpenVEX", SHA256: dig(5), Bytes: 10},
		Statements: []inventory.Statement{{ID: id, Status: status, Justification: justification, Time: now.Add(-time.Hour),
			Products: []inventory.Product{{ID: "pkg:oci/app@sha256:" + dig(1), SHA256: []string{dig(1)}}}}}}
}

// evidenceSet is what lets the app in under reportPolicy.
type evidenceSet struct {
	sbom, scan, tests, exploited inventory.Report
	more                         []policy.Fact
	without                      inventory.Kind
}

func (e evidenceSet) input(t *testing.T, p *policy.Policy) policy.Input {
	t.Helper()
	facts := []policy.Fact{built(t)}
	for _, x := range []struct {
		kind inventory.Kind
		r    inventory.Report
	}{{inventory.SBOM, e.sbom}, {inventory.Vulnerabilities, e.scan}, {inventory.TestResults, e.tests}, {inventory.KnownExploited, e.exploited}} {
		if x.kind != e.without {
			facts = append(facts, reported(t, reporterJob(), x.kind, x.r, time.Hour))
		}
	}
	in := input(p, append(facts, e.more...)...)
	in.Candidates[0].Documents = []string{sum(large).Hex()}
	return in
}

// large is a document that is stored beside its summary.
var large = bytes.Repeat([]byte(" "), inventory.MaxInline+1)

func goodEvidence() evidenceSet {
	return evidenceSet{sbom: goodSBOM(), scan: goodScan(), tests: goodTests(), exploited: goodExploited()}
}

// worse are reports of which each is bad in one way.
var worse = []struct {
	name   string
	change func(t *testing.T, e *evidenceSet)
	code   fault.Code
	reason string
}{
	{"D19_a_severity_at_the_limit", func(_ *testing.T, e *evidenceSet) { e.scan.Scan.Findings[0].Severity = inventory.High }, fault.Findings, "1 vulnerability is high or worse"},
	{"D19_a_severity_that_nobody_gives", func(_ *testing.T, e *evidenceSet) { e.scan.Scan.Findings[0].Severity = inventory.UnknownSeverity }, fault.Findings, "high or worse"},
	{"D19_a_severity_that_nobody_knows", func(_ *testing.T, e *evidenceSet) { e.scan.Scan.Findings[0].Severity = "harmless" }, fault.Findings, "high or worse"},
	{"D19_a_finding_that_the_report_suppresses", func(_ *testing.T, e *evidenceSet) {
		e.scan.Scan.Findings[0].Severity, e.scan.Scan.Findings[0].Suppressed = inventory.Critical, "ignored in .trivyignore"
	}, fault.Findings, "high or worse"},
	{"D19_a_small_finding_that_is_exploited", func(_ *testing.T, e *evidenceSet) { e.scan.Scan.Findings[0].Aliases = []string{"CVE-2026-9"} }, fault.Findings, "known to be exploited"},
	{"D19_a_scan_that_did_not_finish", func(_ *testing.T, e *evidenceSet) { e.scan.Scan.Finished = inventory.No }, fault.Report, "did not come to its end"},
	{"D19_a_scan_that_does_not_say_what_it_looked_at", func(_ *testing.T, e *evidenceSet) { e.scan.Scan.Targets = nil }, fault.Report, "which components were looked at"},
	{"D19_a_scan_of_targets_without_components", func(_ *testing.T, e *evidenceSet) { e.scan.Scan.Targets[0].Components = nil }, fault.Report, "which components were looked at"},
	{"D19_a_scan_that_left_something_out", func(_ *testing.T, e *evidenceSet) { e.scan.Scan.Filters = []string{"severity: CRITICAL"} }, fault.Report, "was left out"},
	{"D19_a_scan_of_another_digest", func(_ *testing.T, e *evidenceSet) { e.scan.About = []string{dig(2)} }, fault.SubjectMismatch, "about something else"},
	{"D18_a_scan_that_was_made_long_before_it_was_signed", func(_ *testing.T, e *evidenceSet) { e.scan.Time = now.Add(-30 * time.Hour) }, fault.Stale, "made too long ago"},
	{"D18_a_scan_that_says_that_it_was_made_after_it_was_signed", func(_ *testing.T, e *evidenceSet) { e.scan.Time = now.Add(-30 * time.Minute) }, fault.Time, "after it was signed"},
	{"D18_an_old_database", func(_ *testing.T, e *evidenceSet) { e.scan.Scan.Database.Updated = now.Add(-49 * time.Hour) }, fault.Stale, "database is too old"},
	{"D18_a_database_without_a_time", func(_ *testing.T, e *evidenceSet) { e.scan.Scan.Database.Updated = time.Time{} }, fault.Stale, "how old the scanner's database was"},
	{"D18_a_database_of_the_future", func(_ *testing.T, e *evidenceSet) { e.scan.Scan.Database.Updated = now }, fault.Time, "of the future"},
	{"F10_another_scanner", func(_ *testing.T, e *evidenceSet) { e.scan.Tool.Name = "evil" }, fault.Report, "another tool"},
	{"F10_a_scanner_that_is_not_named", func(_ *testing.T, e *evidenceSet) { e.scan.Tool = inventory.Tool{} }, fault.Report, "which tool has written it"},
	{"F10_an_older_scanner", func(_ *testing.T, e *evidenceSet) { e.scan.Tool.Version = "0.9.9" }, fault.Report, "older version"},
	{"F10_a_scanner_before_its_release", func(_ *testing.T, e *evidenceSet) { e.scan.Tool.Version = "0.60.0-rc1" }, fault.Report, "older version"},
	{"F10_a_scanner_without_a_version", func(_ *testing.T, e *evidenceSet) { e.scan.Tool.Version = "[not provided]" }, fault.Report, "older version"},
	{"D12_an_input_that_the_policy_does_not_list", func(_ *testing.T, e *evidenceSet) { e.scan.Inputs["ignore"] = "CVE-1" }, fault.Report, "does not list"},
	{"D12_inputs_that_nobody_recorded", func(_ *testing.T, e *evidenceSet) { e.scan.Inputs = nil }, fault.Report, "which inputs"},
	{"D02_no_scan", func(_ *testing.T, e *evidenceSet) { e.without = inventory.Vulnerabilities }, fault.EvidenceMissing, "no signer that the policy names"},
	{"D02_no_list_of_what_is_exploited", func(_ *testing.T, e *evidenceSet) { e.without = inventory.KnownExploited }, fault.EvidenceMissing, "no list of exploited"},
	{"D18_an_old_list_of_what_is_exploited", func(_ *testing.T, e *evidenceSet) { e.exploited.Time = now.Add(-80 * time.Hour) }, fault.Stale, "is too old"},
	{"D19_an_empty_list_of_what_is_exploited", func(_ *testing.T, e *evidenceSet) { e.exploited.Exploited.IDs = nil }, fault.Report, "is empty"},
	{"D19_an_sbom_of_nothing", func(_ *testing.T, e *evidenceSet) { e.sbom.Contents.Components = 0 }, fault.Report, "lists nothing"},
	{"D19_an_sbom_that_does_not_say_how_complete_it_is", func(_ *testing.T, e *evidenceSet) { e.sbom.Contents.Completeness = "" }, fault.Report, "how complete"},
	{"D19_an_sbom_of_something_else", func(_ *testing.T, e *evidenceSet) { e.sbom.About = []string{dig(3)} }, fault.SubjectMismatch, "about something else"},
	{"D19_a_test_that_failed", func(_ *testing.T, e *evidenceSet) {
		e.tests.Tests.Suites[1].Failed, e.tests.Tests.Failed = 1, []string{"more/TestX"}
	}, fault.Tests, "1 test failed"},
	{"D19_tests_that_did_not_end", func(_ *testing.T, e *evidenceSet) { e.tests.Tests.Finished = inventory.No }, fault.Tests, "run to their end"},
	{"D19_tests_that_were_skipped", func(_ *testing.T, e *evidenceSet) {
		e.tests.Tests.Suites[1] = inventory.Suite{Name: "more", Skipped: 100}
	}, fault.Tests, "fewer tests ran"},
	{"D19_no_tests", func(_ *testing.T, e *evidenceSet) { e.tests.Tests.Suites = nil }, fault.Tests, "no test ran"},
	{"D19_a_suite_that_did_not_run", func(_ *testing.T, e *evidenceSet) { e.tests.Tests.Suites[0].Name = "units" }, fault.Tests, `suite "unit"`},
	{"D05_an_older_clean_scan_behind_a_bad_one", func(t *testing.T, e *evidenceSet) {
		bad := goodScan()
		bad.Scan.Findings[0].Severity = inventory.Critical
		e.more = append(e.more, reported(t, reporterJob(), inventory.Vulnerabilities, bad, 10*time.Minute))
	}, fault.Findings, "high or worse"},
	{"D05_a_finding_that_the_newest_scan_lacks", func(t *testing.T, e *evidenceSet) {
		bad := goodScan()
		bad.Time = now.Add(-3 * time.Hour)
		bad.Scan.Findings = append(bad.Scan.Findings, inventory.Finding{ID: "CVE-2026-5", Severity: inventory.Critical})
		e.more = append(e.more, reported(t, reporterJob(), inventory.Vulnerabilities, bad, 2*time.Hour))
	}, fault.Conflict, "has findings that the newest one lacks"},
	{"D05_a_newer_database_that_looked_at_less", func(t *testing.T, e *evidenceSet) {
		bad := goodScan()
		bad.Time, bad.Scan.Database.Updated = now.Add(-3*time.Hour), now.Add(-30*time.Hour)
		bad.Scan.Findings = append(bad.Scan.Findings, inventory.Finding{ID: "CVE-2026-5", Severity: inventory.Critical})
		bad.Scan.Targets[0].Components = append(bad.Scan.Targets[0].Components, "pkg:npm/c@1.0.0")
		e.more = append(e.more, reported(t, reporterJob(), inventory.Vulnerabilities, bad, 2*time.Hour))
	}, fault.Conflict, "has findings that the newest one lacks"},
	{"D05_a_finding_that_the_newest_scan_calls_less_severe", func(t *testing.T, e *evidenceSet) {
		bad := goodScan()
		bad.Time, bad.Scan.Findings[0].Severity = now.Add(-3*time.Hour), inventory.Critical
		e.more = append(e.more, reported(t, reporterJob(), inventory.Vulnerabilities, bad, 2*time.Hour))
	}, fault.Conflict, "calls less severe"},
	{"D05_a_finding_that_the_newest_scan_has_in_another_component", func(t *testing.T, e *evidenceSet) {
		bad := goodScan()
		bad.Time = now.Add(-3 * time.Hour)
		bad.Scan.Findings[0].Severity, bad.Scan.Findings[0].Component = inventory.Critical, "pkg:npm/b@2.0.0"
		e.scan.Scan.Findings[0].Severity = inventory.Low
		e.more = append(e.more, reported(t, reporterJob(), inventory.Vulnerabilities, bad, 2*time.Hour))
	}, fault.Conflict, "that the newest one lacks"},
	{"D05_a_test_that_failed_and_was_left_out", func(t *testing.T, e *evidenceSet) {
		bad := goodTests()
		bad.Tests.Suites[1] = inventory.Suite{Name: "more", Passed: 1, Failed: 1}
		e.more = append(e.more, reported(t, reporterJob(), inventory.TestResults, bad, 2*time.Hour))
	}, fault.Conflict, "leaves tests out"},
	{"D05_two_scans_of_one_time", func(t *testing.T, e *evidenceSet) {
		twin := goodScan()
		twin.Named = "another"
		e.more = append(e.more, reported(t, reporterJob(), inventory.Vulnerabilities, twin, time.Hour))
	}, fault.Conflict, "equally new"},
	{"D05_a_suite_that_failed_and_was_left_out", func(t *testing.T, e *evidenceSet) {
		bad := goodTests()
		bad.Tests.Suites = append(bad.Tests.Suites, inventory.Suite{Name: "slow", Failed: 1})
		e.more = append(e.more, reported(t, reporterJob(), inventory.TestResults, bad, 2*time.Hour))
	}, fault.Conflict, "leaves tests out"},
	{"C08_a_scan_that_the_repository_signed_itself", func(t *testing.T, e *evidenceSet) {
		e.without = inventory.Vulnerabilities
		e.more = append(e.more, reported(t, signer(), inventory.Vulnerabilities, goodScan(), time.Hour))
	}, fault.Identity, ""},
	{"C10_a_scan_of_another_commit_of_the_scanning_workflow", func(t *testing.T, e *evidenceSet) {
		e.without = inventory.Vulnerabilities
		s := reporterJob()
		s.SignerDigest = commit
		s.SAN = strings.Replace(s.SAN, other, commit, 1)
		s.SignerURI = s.SAN
		e.more = append(e.more, reported(t, s, inventory.Vulnerabilities, goodScan(), time.Hour))
	}, fault.Identity, ""},
	{"D19_a_vex_that_says_affected", func(t *testing.T, e *evidenceSet) {
		e.more = append(e.more, reported(t, analyst(), inventory.VEX, sayingOf("CVE-2026-77", "affected", ""), time.Hour))
	}, fault.Findings, "affects the artifact"},
}

func TestReports(t *testing.T) {
	t.Run("good", func(t *testing.T) { wantAllowed(t, evaluate(goodEvidence().input(t, reportsRequired(t)))) })
	for _, x := range worse {
		t.Run(x.name, func(t *testing.T) {
			e := goodEvidence()
			x.change(t, &e)
			f := wantDenied(t, evaluate(e.input(t, reportsRequired(t))))
			if f.Code != x.code || !strings.Contains(f.Reason, x.reason) {
				t.Errorf("finding = %+v, want %s with %q", f, x.code, x.reason)
			}
			if f.Found == "" || f.Wanted == "" || f.Hint == "" {
				t.Errorf("finding = %+v, want what was found, what was wanted and the next step", f)
			}
		})
	}
}

// A VEX excuses exactly the finding that it is about.
func TestD17_what_a_vex_excuses(t *testing.T) {
	for _, x := range []struct {
		name  string
		by    statement.Signer
		say   inventory.Report
		then  []inventory.Report // said later, one after the other
		quiet bool               // whether the finding counts no more
	}{
		{"a justification", analyst(), sayingOf("CVE-2026-1", "not_affected", "component_not_present"), nil, true},
		{"by an alias of the report", analyst(), sayingOf("GHSA-1", "not_affected", "component_not_present"), nil, true},
		{"no justification", analyst(), sayingOf("CVE-2026-1", "not_affected", ""), nil, false},
		{"a justification of nobody's list", analyst(), sayingOf("CVE-2026-1", "not_affected", "trust_me"), nil, false},
		{"under investigation", analyst(), sayingOf("CVE-2026-1", "under_investigation", ""), nil, false},
		{"another vulnerability", analyst(), sayingOf("CVE-2026-2", "not_affected", "component_not_present"), nil, false},
		{"signed by the scanner", reporterJob(), sayingOf("CVE-2026-1", "not_affected", "component_not_present"), nil, false},
		{"signed by the builder", signer(), sayingOf("CVE-2026-1", "not_affected", "component_not_present"), nil, false},
		{"affected later", analyst(), sayingOf("CVE-2026-1", "not_affected", "component_not_present"), []inventory.Report{sayingOf("CVE-2026-1", "affected", "")}, false},
		{"affected later under an alias", analyst(), sayingOf("CVE-2026-1", "not_affected", "component_not_present"), []inventory.Report{sayingOf("GHSA-1", "affected", "")}, false},
		{"affected later, by name alone", analyst(), sayingOf("CVE-2026-1", "not_affected", "component_not_present"), []inventory.Report{nameless("CVE-2026-1", "affected")}, false},
		{"affected first", analyst(), sayingOf("CVE-2026-1", "affected", ""), []inventory.Report{sayingOf("CVE-2026-1", "not_affected", "component_not_present")}, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			e := goodEvidence()
			e.scan.Scan.Findings[0].Severity, e.scan.Scan.Findings[0].Aliases = inventory.Critical, []string{"GHSA-1"}
			e.more = append(e.more, reported(t, x.by, inventory.VEX, x.say, 50*time.Minute))
			for i, r := range x.then {
				e.more = append(e.more, reported(t, x.by, inventory.VEX, r, time.Duration(40-i)*time.Minute))
			}
			wantQuiet(t, evaluate(e.input(t, reportsRequired(t))), x.quiet)
		})
	}
}

// nameless is a VEX document that names no digest.
func nameless(id, status string) inventory.Report {
	r := sayingOf(id, status, "")
	r.Statements[0].Products = []inventory.Product{{ID: "pkg:generic/app"}}
	return r
}

func wantQuiet(t *testing.T, v verdict.Verdict, quiet bool) {
	t.Helper()
	if quiet {
		wantAllowed(t, v)
	} else if f := wantDenied(t, v); f.Code != fault.Findings {
		t.Errorf("code = %s, want %s", f.Code, fault.Findings)
	}
}

// A summary without its document is no evidence.
func TestD02_a_document_that_is_missing(t *testing.T) {
	in := goodEvidence().input(t, reportsRequired(t))
	in.Candidates[0].Documents = nil
	if f := wantDenied(t, evaluate(in)); f.Code != fault.EvidenceMissing || f.Requirement != "sbom" {
		t.Errorf("finding = %+v, want %s about the SBOM", f, fault.EvidenceMissing)
	}
}

// A VEX about what a tool could not name, about another digest or another component excuses nothing.
func TestD17_products_of_a_vex(t *testing.T) {
	for name, x := range map[string]struct {
		product inventory.Product
		quiet   bool
	}{
		"the artifact":                        {inventory.Product{ID: "x", SHA256: []string{dig(1)}}, true},
		"the component of the artifact":       {inventory.Product{ID: "x", SHA256: []string{dig(1)}, Components: []string{"pkg:npm/a@1.0.0"}}, true},
		"another component":                   {inventory.Product{ID: "x", SHA256: []string{dig(1)}, Components: []string{"pkg:npm/b@2.0.0"}}, false},
		"another digest":                      {inventory.Product{ID: "x", SHA256: []string{dig(2)}}, false},
		"another digest beside the right one": {inventory.Product{ID: "x", SHA256: []string{dig(1), dig(2)}}, false},
		"Unknown Product of govulncheck":      {inventory.Product{ID: "Unknown Product"}, false},
		"the name of the artifact alone":      {inventory.Product{ID: "dist/app.tar.gz"}, false},
		"a digest where the name should be":   {inventory.Product{ID: dig(1)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := goodEvidence()
			e.scan.Scan.Findings[0].Severity = inventory.Critical
			say := sayingOf("CVE-2026-1", "not_affected", "component_not_present")
			say.Statements[0].Products = []inventory.Product{x.product}
			e.more = append(e.more, reported(t, analyst(), inventory.VEX, say, 50*time.Minute))
			wantQuiet(t, evaluate(e.input(t, reportsRequired(t))), x.quiet)
		})
	}
}

// Honest neighbours of what is refused.
func TestReports_that_are_good_enough(t *testing.T) {
	for name, x := range map[string]struct {
		change func(t *testing.T, e *evidenceSet)
		policy []string
	}{
		"a finding that was mended by a newer database": {func(t *testing.T, e *evidenceSet) {
			bad := goodScan()
			bad.Time, bad.Scan.Database.Updated = now.Add(-3*time.Hour), now.Add(-30*time.Hour)
			bad.Scan.Findings = append(bad.Scan.Findings, inventory.Finding{ID: "CVE-2026-5", Severity: inventory.Critical})
			e.more = append(e.more, reported(t, reporterJob(), inventory.Vulnerabilities, bad, 2*time.Hour))
		}, nil},
		"a finding of a report that is too old": {func(t *testing.T, e *evidenceSet) {
			bad := goodScan()
			bad.Time = now.Add(-40 * time.Hour)
			bad.Scan.Findings = append(bad.Scan.Findings, inventory.Finding{ID: "CVE-2026-5", Severity: inventory.Critical})
			e.more = append(e.more, reported(t, reporterJob(), inventory.Vulnerabilities, bad, 39*time.Hour))
		}, nil},
		"a bad report of somebody whom the policy does not name": {func(t *testing.T, e *evidenceSet) {
			bad := goodScan()
			bad.Scan.Findings[0].Severity = inventory.Critical
			e.more = append(e.more, reported(t, signer(), inventory.Vulnerabilities, bad, 10*time.Minute))
		}, nil},
		"tests that failed once and passed later": {func(t *testing.T, e *evidenceSet) {
			bad := goodTests()
			bad.Tests.Suites[0].Passed, bad.Tests.Suites[0].Failed = 8, 1
			e.more = append(e.more, reported(t, reporterJob(), inventory.TestResults, bad, 2*time.Hour))
		}, nil},
		"the same report twice": {func(t *testing.T, e *evidenceSet) {
			e.more = append(e.more, reported(t, reporterJob(), inventory.Vulnerabilities, goodScan(), time.Hour))
		}, nil},
		"unknown coverage that is accepted": {func(_ *testing.T, e *evidenceSet) { e.scan.Scan.Targets = nil },
			[]string{"exclusions: refused", "exclusions: refused\n        coverage: unknown"}},
		"exclusions that are shown": {func(_ *testing.T, e *evidenceSet) { e.scan.Scan.Filters = []string{"severity: CRITICAL"} },
			[]string{"exclusions: refused", "exclusions: shown"}},
		"what nothing calls": {func(_ *testing.T, e *evidenceSet) {
			e.scan.Scan.Findings[0].Severity, e.scan.Scan.Findings[0].Called = inventory.UnknownSeverity, inventory.No
		}, []string{"exclusions: refused", "not-called: accepted"}},
		"no digest in the report": {func(_ *testing.T, e *evidenceSet) { e.scan.About, e.tests.About, e.sbom.About = nil, nil, nil }, nil},
		"no time in the report":   {func(_ *testing.T, e *evidenceSet) { e.scan.Time = time.Time{} }, nil},
		"a newer scanner":         {func(_ *testing.T, e *evidenceSet) { e.scan.Tool.Version = "v1.0" }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := goodEvidence()
			x.change(t, &e)
			wantAllowed(t, evaluate(e.input(t, reportsRequired(t, x.policy...))))
		})
	}
}

// A policy that takes nobody's word refuses what a signer has added.
func TestD18_what_a_signer_asserts(t *testing.T) {
	refused := []string{"exclusions: refused", "exclusions: refused\n        asserted: refused"}
	e := goodEvidence()
	wantAllowed(t, evaluate(e.input(t, reportsRequired(t, refused...))))
	for name, change := range map[string]func(*inventory.Report){
		"the subject": func(r *inventory.Report) { r.About = nil },
		"the time":    func(r *inventory.Report) { r.Time = time.Time{} },
		"the tool":    func(r *inventory.Report) { r.Asserted = []string{"tool"} },
	} {
		t.Run(name, func(t *testing.T) {
			e := goodEvidence()
			change(&e.scan)
			v := evaluate(e.input(t, reportsRequired(t)))
			wantAllowed(t, v)
			if !slices.ContainsFunc(v.Judgements[0].Evidence, func(x verdict.Evidence) bool {
				return slices.ContainsFunc(x.Accepted, func(s string) bool { return strings.HasPrefix(s, "asserted by the signer: ") })
			}) {
				t.Errorf("nothing in %+v says that the signer asserts it", v.Judgements[0].Evidence)
			}
			wantDenied(t, evaluate(e.input(t, reportsRequired(t, refused...))))
		})
	}
}

// Reports that people of the repository could make themselves are refused when the policy is read.
func TestF10_reports_from_inside(t *testing.T) {
	own := "vulnerabilities: {below: high%s}"
	inside := `, signed-by: [{issuer: https://ci.example, repository: acme/app, repository-id: 1001, workflow: build/scan.yml, refs: [refs/heads/main]}]`
	called := `, signed-by: [` + fmt.Sprintf(reporter, other) + `]`
	for _, x := range []struct{ name, text, want string }{
		{"the builder", fmt.Sprintf(own, ""), "outside of the repositories that build"},
		{"another workflow of the repository", fmt.Sprintf(own, inside), "outside of the repositories that build"},
		{"a called workflow without inputs", fmt.Sprintf(own, called), "which inputs the caller may choose"},
		{"the builder, accepted", fmt.Sprintf(own, ", scanner: own"), ""},
		{"another workflow, accepted among tools", fmt.Sprintf(own, inside+", scanner: [own, {name: trivy}]"), ""},
		{"a called workflow with inputs", fmt.Sprintf(own, called+", inputs: none"), ""},
		{"a vex of the builder", fmt.Sprintf(own, ", scanner: own, vex: {signed-by: ["+strings.TrimSuffix(strings.TrimPrefix(inside, ", signed-by: ["), "]")+"]}"), "may not be signed in a repository that builds"},
		{"a vex of the builder, accepted", fmt.Sprintf(own, ", scanner: own, vex: {builder: accepted, signed-by: ["+strings.TrimSuffix(strings.TrimPrefix(inside, ", signed-by: ["), "]")+"]}"), ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, err := policy.Read([]byte(edited(t, "provenance: {max-age: 7d}", "provenance: {max-age: 7d}\n      "+x.text)), "policy.yaml", words)
			switch {
			case x.want == "" && err != nil:
				t.Errorf("reading: %v", err)
			case x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want)):
				t.Errorf("error = %v, want one that says %q", err, x.want)
			}
		})
	}
}

// Evidence that is taken away, or that is made worse, never lets in what was refused; and its order never matters.
func TestD19_less_evidence_never_allows_more(t *testing.T) {
	p := reportsRequired(t)
	r := rand.New(rand.NewPCG(12, 19))
	for range 400 {
		e := goodEvidence()
		worse[r.IntN(len(worse))].change(t, &e)
		if r.IntN(3) == 0 {
			e.more = append(e.more, reported(t, analyst(), inventory.VEX, sayingOf("CVE-2026-1", "not_affected", "component_not_present"), 50*time.Minute))
		}
		in := e.input(t, p)
		v := policy.Evaluate(in)
		facts := in.Candidates[0].Facts
		shuffled := slices.Clone(facts)
		r.Shuffle(len(shuffled), func(i, k int) { shuffled[i], shuffled[k] = shuffled[k], shuffled[i] })
		in.Candidates[0].Facts = shuffled
		if got := policy.Evaluate(in); got.Outcome() != v.Outcome() {
			t.Fatalf("in another order the outcome is %v, and was %v", got.Outcome(), v.Outcome())
		}
		if v.Outcome() == verdict.Allow {
			continue
		}
		// What can only meet a requirement: everything but reports that hold something against the artifact.
		for i, f := range facts {
			if against(f) {
				continue
			}
			in.Candidates[0].Facts = slices.Delete(slices.Clone(facts), i, i+1)
			if got := policy.Evaluate(in); got.Outcome() == verdict.Allow {
				t.Fatalf("without %s the outcome is allow", f.Statement.PredicateType)
			}
		}
	}
}

// against reports whether f may hold something against the artifact: it is a report that may be newer or older
// than another one, or a VEX.
func against(f policy.Fact) bool {
	for _, k := range []inventory.Kind{inventory.Vulnerabilities, inventory.TestResults, inventory.VEX} {
		if slices.Contains(inventory.Types(k), f.Statement.PredicateType) {
			return true
		}
	}
	return false
}

// A requirement more never lets in what was refused.
func TestD19_a_requirement_more_never_allows_more(t *testing.T) {
	for _, x := range worse {
		e := goodEvidence()
		x.change(t, &e)
		few := policy.Evaluate(e.input(t, read(t, good)))
		all := policy.Evaluate(e.input(t, reportsRequired(t)))
		if few.Outcome() != verdict.Allow || all.Outcome() == verdict.Allow {
			t.Errorf("%s: outcome is %v with one requirement and %v with all", x.name, few.Outcome(), all.Outcome())
		}
	}
}

// What lies beside what is signed changes nothing.
func TestD19_unsigned_fields_never_matter(t *testing.T) {
	e := goodEvidence()
	in := e.input(t, reportsRequired(t))
	for i := range in.Candidates[0].Facts {
		in.Candidates[0].Facts[i].Source = "elsewhere"
	}
	in.PassedOver = []string{"something"}
	wantAllowed(t, evaluate(in))
}

func jsonOf(t testing.TB, x any) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// predicateOf is what attest makes of a report.
func predicateOf(t testing.TB, kind inventory.Kind, r inventory.Report) (string, json.RawMessage) {
	t.Helper()
	document := []byte("a document")
	if kind == inventory.SBOM || kind == inventory.VEX {
		document = large
	}
	r.Document.SHA256, r.Document.Bytes = sum(document).Hex(), len(document)
	predicateType, predicate, err := r.Predicate(document)
	if err != nil {
		t.Fatal(err)
	}
	return predicateType, predicate
}

func sum(b []byte) subject.Digest { return subject.Sum(b) }
