package inventory

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

const aSHA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
const bSHA = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

// Frames around one finding of each format.
func trivyOf(vulnerability string) string {
	return `{"SchemaVersion":2,"ArtifactName":"x","Results":[{"Target":"t","Vulnerabilities":[` + vulnerability + `]}]}`
}

func grypeOf(match string) string { return `{"matches":[` + match + `],"descriptor":{"name":"grype"}}` }

func osvOf(pkg string) string {
	return `{"results":[{"source":{"path":"go.mod"},"packages":[{"package":{"name":"p","version":"1"},` + pkg + `}]}]}`
}

func gitlabOf(vulnerability string) string {
	return `{"version":"15.0.0","scan":{"status":"success"},"vulnerabilities":[` + vulnerability + `]}`
}

func cdxOf(vulnerability string) string {
	return `{"bomFormat":"CycloneDX","specVersion":"1.6","vulnerabilities":[` + vulnerability + `]}`
}

func sarifOf(rule, result string) string {
	return `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"T","rules":[` + rule + `]}},"results":[` + result + `]}]}`
}

func govulnOf(messages string) string {
	return `{"config":{"protocol_version":"v1.0.0","scan_level":"symbol"}}` + messages
}

// one is the only finding of a text.
func one(t *testing.T, text string) Finding {
	t.Helper()
	r := read(t, Vulnerabilities, text)
	if len(r.Scan.Findings) != 1 {
		t.Fatalf("%s: %d findings, want 1", text, len(r.Scan.Findings))
	}
	return r.Scan.Findings[0]
}

func TestSeverity_is_the_highest_that_the_document_gives(t *testing.T) {
	for text, want := range map[string]string{
		trivyOf(`{"VulnerabilityID":"A","Severity":"LOW"}`):  "low ",
		trivyOf(`{"VulnerabilityID":"A","Severity":"none"}`): "none ", trivyOf(`{"VulnerabilityID":"A","Severity":"Critical "}`): "critical ",
		trivyOf(`{"VulnerabilityID":"A","Severity":"LOW","VendorSeverity":{"nvd":4}}`): "critical ", trivyOf(`{"VulnerabilityID":"A","Severity":"LOW","VendorSeverity":{"nvd":0}}`): "low ",
		grypeOf(`{"vulnerability":{"id":"A","severity":"Low","cvss":[{"vector":"CVSS:4.0/AV:N","metrics":{"baseScore":5}}]}}`):                        "medium 5",
		grypeOf(`{"vulnerability":{"id":"A","severity":"Low","cvss":[{"vector":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H","metrics":{}}]}}`):      "critical 9.8",
		osvOf(`"vulnerabilities":[{"id":"A","database_specific":{"severity":"LOW"},"affected":[{"ecosystem_specific":{"severity":"CRITICAL"}}]}]`):    "critical ",
		osvOf(`"vulnerabilities":[{"id":"A","database_specific":{"severity":"LOW"},"affected":[{"database_specific":{"severity":"HIGH"}}]}]`):         "high ",
		osvOf(`"vulnerabilities":[{"id":"A","database_specific":{"severity":3},"affected":[{"ecosystem_specific":"x","severity":[]}]}]`):              "unknown ",
		osvOf(`"vulnerabilities":[{"id":"A","database_specific":{"severity":"LOW"},"severity":[{"type":"Ubuntu","score":"high"}]}]`):                  "high ",
		cdxOf(`{"id":"A","ratings":[{"severity":"low","score":8.1}]}`):                                                                                "high 8.1",
		sarifOf(`{"id":"A","defaultConfiguration":{"level":"error"}},{"id":"A","defaultConfiguration":{"level":"note"}}`, `{"ruleId":"A"}`):           "high ",
		sarifOf(`{"id":"A"},{"id":"A","defaultConfiguration":{"level":"note"}}`, `{"ruleId":"A"}`):                                                    "low ",
		sarifOf(`{"id":"A","defaultConfiguration":{"level":"note"}},{"id":"A","defaultConfiguration":{"level":"error"}}`, `{"ruleId":"A"}`):           "high ",
		sarifOf(`{"id":"A","properties":{"security-severity":"0.0"}}`, `{"ruleId":"A","level":"none"}`):                                               "none 0.0",
		sarifOf(`{"id":"A","properties":{"tags":["Critical"]}}`, `{"ruleId":"A","level":"note"}`):                                                     "low ",
		sarifOf(`{"id":"A","properties":{"security-severity":"9.8"}}`, `{"rule":{"id":"A"},"level":"note"}`):                                          "critical 9.8",
		sarifOf(`{"id":"A"},{"id":"B","properties":{"security-severity":"9.8"}}`, `{"rule":{"index":1},"level":"note"}`):                              "critical 9.8",
		trivyOf(`{"VulnerabilityID":"A","Severity":"LOW","VendorSeverity":{"nvd":3}}`):                                                                "high ",
		trivyOf(`{"VulnerabilityID":"A","Severity":"LOW","CVSS":{"nvd":{"V3Score":9.8}}}`):                                                            "critical 9.8",
		trivyOf(`{"VulnerabilityID":"A","Severity":"HIGH","CVSS":{"nvd":{"V3Score":4.5}}}`):                                                           "high 4.5",
		trivyOf(`{"VulnerabilityID":"A","Severity":"HIGH","CVSS":{"a":{"V2Score":4,"V3Score":5}}}`):                                                   "high 5",
		grypeOf(`{"vulnerability":{"id":"A","severity":"Negligible"}}`):                                                                               "low ",
		grypeOf(`{"vulnerability":{"id":"A","severity":"Low","cvss":[{"metrics":{"baseScore":7.5}}]}}`):                                               "high 7.5",
		grypeOf(`{"vulnerability":{"id":"A","severity":"Low"},"relatedVulnerabilities":[{"id":"B","severity":"Critical"}]}`):                          "critical ",
		grypeOf(`{"vulnerability":{"id":"A","severity":"Low"},"relatedVulnerabilities":[{"id":"B","severity":"Unknown"}]}`):                           "low ",
		osvOf(`"vulnerabilities":[{"id":"A"}],"groups":[{"ids":["A"],"max_severity":"7.5"}]`):                                                         "high 7.5",
		osvOf(`"vulnerabilities":[{"id":"A","database_specific":{"severity":"MODERATE"}}]`):                                                           "medium ",
		osvOf(`"vulnerabilities":[{"id":"A","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]}]`):                "critical 9.8",
		osvOf(`"vulnerabilities":[{"id":"A","severity":[{"type":"CVSS_V4","score":"CVSS:4.0/AV:N"}]}],"groups":[{"ids":["A"],"max_severity":"5.1"}]`): "medium 5.1",
		osvOf(`"groups":[{"ids":["A"],"max_severity":"9.1"}]`):                                                                                        "critical 9.1",
		gitlabOf(`{"id":"A","severity":"Info"}`): "low ",
		gitlabOf(`{"id":"A","severity":"Low","cvss_vectors":[{"vector":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"}]}`): "critical 10.0",
		cdxOf(`{"id":"A","ratings":[{"severity":"low"},{"score":8.1,"method":"CVSSv31"}]}`):                                "high 8.1",
		cdxOf(`{"id":"A","ratings":[{"severity":"low"},{"score":8.1,"method":"OWASP"}]}`):                                  "low ",
		sarifOf(``, `{"ruleId":"A","level":"note"}`):                                                                       "low ",
		sarifOf(``, `{"ruleId":"A"}`): "medium ",
		sarifOf(`{"id":"A","defaultConfiguration":{"level":"error"}}`, `{"ruleId":"A"}`):                      "high ",
		sarifOf(`{"id":"A","properties":{"security-severity":"9.8"}}`, `{"ruleId":"A","level":"note"}`):       "critical 9.8",
		sarifOf(`{"id":"A","properties":{"tags":["security","CRITICAL"]}}`, `{"ruleIndex":0,"level":"note"}`): "critical ",
		sarifOf(`{"id":"A","defaultConfiguration":{"level":"error"}}`, `{"ruleId":"A/1"}`):                    "high ",
	} {
		if f := one(t, text); string(f.Severity)+" "+f.Score != want {
			t.Errorf("%s: %s %s, want %s", text, f.Severity, f.Score, want)
		}
	}
}

func TestSeverity_that_is_not_known_is_the_worst(t *testing.T) {
	for _, text := range []string{
		trivyOf(`{"VulnerabilityID":"A"}`), trivyOf(`{"VulnerabilityID":"A","Severity":"UNKNOWN"}`),
		trivyOf(`{"VulnerabilityID":"A","Severity":"SEVERE","VendorSeverity":{"nvd":1}}`),
		trivyOf(`{"VulnerabilityID":"A","Severity":"LOW","VendorSeverity":{"nvd":7}}`),
		trivyOf(`{"VulnerabilityID":"A","Severity":"LOW","CVSS":{"nvd":{"V3Score":11}}}`),
		grypeOf(`{"vulnerability":{"id":"A"}}`), grypeOf(`{"vulnerability":{"id":"A","severity":"Unknown","cvss":[{"metrics":{"baseScore":1}}]}}`),
		osvOf(`"vulnerabilities":[{"id":"A"}]`), osvOf(`"vulnerabilities":[{"id":"A","database_specific":{"severity":"BAD"}}]`),
		osvOf(`"vulnerabilities":[{"id":"A","severity":[{"type":"CVSS_V4","score":"CVSS:4.0/AV:N"}]}]`),
		osvOf(`"vulnerabilities":[{"id":"A","severity":[{"type":"stars","score":"5"}]}]`),
		osvOf(`"vulnerabilities":[{"id":"A"}],"groups":[{"ids":["A"],"max_severity":"NaN"}]`),
		gitlabOf(`{"id":"A"}`), gitlabOf(`{"id":"A","severity":"Unknown"}`),
		trivyOf(`{"VulnerabilityID":"A","Severity":"LOW","VendorSeverity":{"nvd":-1}}`), trivyOf(`{"VulnerabilityID":"A","Severity":"LOW","VendorSeverity":{"nvd":"low"}}`),
		trivyOf(`{"VulnerabilityID":"A","Severity":"LOW","VendorSeverity":{"nvd":5}}`), trivyOf(`{"VulnerabilityID":"A","CVSS":{"nvd":{"V3Score":1}}}`),
		osvOf(`"vulnerabilities":[{"id":"A","severity":[{"type":"CVSS_V2","score":"AV:N/AC:L/Au:N/C:P/I:P/A:P"}]}]`),
		osvOf(`"vulnerabilities":[{"id":"A","severity":[{"type":"CVSS_V4","score":"CVSS:4.0/AV:N"}],"database_specific":{"severity":"LOW"}}]`),
		osvOf(`"vulnerabilities":[{"id":"A"}],"groups":[{"ids":["A"],"max_severity":"1e0"}]`),
		osvOf(`"vulnerabilities":[{"id":"A"}],"groups":[{"ids":["A"],"max_severity":"1.0000000000000000000"}]`), osvOf(`"vulnerabilities":[{"id":"A"}],"groups":[{"ids":["A"],"max_severity":"1.1.1"}]`),
		cdxOf(`{"id":"A"}`), cdxOf(`{"id":"A","ratings":[{"severity":"unknown"}]}`), cdxOf(`{"id":"A","ratings":[{"severity":"awful"}]}`),
		sarifOf(``, `{"ruleId":"A","level":"fatal"}`),
		sarifOf(`{"id":"A","properties":{"security-severity":"0.0"}}`, `{"ruleId":"A","level":"note"}`),
		sarifOf(`{"id":"A","properties":{"tags":["UNKNOWN"]}}`, `{"ruleId":"A","level":"note"}`),
		sarifOf(`{"id":"A","properties":{"security-severity":"bad"}}`, `{"ruleId":"A","level":"note"}`),
		govulnOf(`{"finding":{"osv":"A"}}`),
	} {
		if f := one(t, text); f.Severity != UnknownSeverity {
			t.Errorf("%s: %s, want unknown", text, f.Severity)
		}
	}
	if !UnknownSeverity.AtLeast(Critical) || !Severity("fine").AtLeast(Critical) || Low.AtLeast(Medium) {
		t.Error("the order of severities")
	}
	for n, want := range map[string]Severity{"0": None, "0.1": Low, "3.9": Low, "4.0": Medium, "6.9": Medium, "7": High, "8.9": High, "9.0": Critical, "10": Critical} {
		if f, ok := base(n); !ok || scored(f) != want {
			t.Errorf("%s: %s, want %s", n, scored(f), want)
		}
	}
}

// The vectors and scores of the specification's examples (CVSS v3.1 examples document).
func TestBaseScore_is_that_of_the_specification(t *testing.T) {
	for vector, want := range map[string]float64{
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N": 6.1, "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N": 6.4,
		"CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N": 3.1, "CVSS:3.0/AV:L/AC:L/PR:H/UI:N/S:U/C:L/I:L/A:L": 4.2,
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/E:P": 10, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N": 0,
		"CVSS:3.0/AV:N/AC:H/PR:N/UI:N/S:C/C:N/I:H/A:N": 6.8, "CVSS:3.1/AV:N/AC:L/PR:L/UI:R/S:C/C:L/I:L/A:H": 8.2,
		"CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:C/C:H/I:H/A:H": 9.1, "CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H": 7.2, "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H": 8.8,
	} {
		if got, ok := baseScore(vector); !ok || got != want {
			t.Errorf("%s: %v %v, want %v", vector, got, ok, want)
		}
	}
	for _, v := range []string{"", "AV:N/AC:L/Au:N/C:P/I:P/A:P", "CVSS:4.0/AV:N", "CVSS:3.1/AV:N/AV:L/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", "CVSS:2.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N",
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N/" + strings.Repeat("x", 200)} {
		if got, ok := baseScore(v); ok {
			t.Errorf("%s: %v, want no score", v, got)
		}
	}
}

func TestFinding_that_the_document_dismisses_is_still_one(t *testing.T) {
	for text, want := range map[string]string{
		`{"SchemaVersion":2,"ArtifactName":"x","Results":[{"Target":"t","ExperimentalModifiedFindings":[{"Type":"vulnerability","Status":"ignored","Statement":"not ours","Source":".trivyignore","Finding":{"VulnerabilityID":"A"}}]}]}`: "ignored: not ours: .trivyignore",
		trivyOf(`{"VulnerabilityID":"A","Status":"not_affected"}`):                                                                                      "not_affected",
		`{"matches":[],"ignoredMatches":[{"vulnerability":{"id":"A"},"appliedIgnoreRules":[{"reason":"old"},{"vex-status":"fixed"}]}],"descriptor":{}}`: "rule reason old: rule vex-status fixed",
		`{"matches":[],"ignoredMatches":[{"vulnerability":{"id":"A"}}],"descriptor":{}}`:                                                                "the document does not say why",
		osvOf(`"vulnerabilities":[{"id":"A"}],"groups":[{"ids":["A"],"experimental_analysis":{"A":{"called":false,"unimportant":true}}}]`):              "unimportant",
		gitlabOf(`{"id":"A","flags":[{"type":"flagged-as-likely-false-positive","description":"a test"}]}`):                                             "flagged-as-likely-false-positive: a test",
		gitlabOf(`{"id":"A","state":"dismissed"}`):                                                                                                      "dismissed",
		gitlabOf(`{"id":"A","dismissal":{"reason":"x"}}`):                                                                                               "dismissal", trivyOf(`{"VulnerabilityID":"A","Status":"ignored"}`): "ignored",
		cdxOf(`{"id":"A","analysis":{"state":"resolved"}}`): "resolved", cdxOf(`{"id":"A","analysis":{"state":"false_positive"}}`): "false_positive",
		cdxOf(`{"id":"A","analysis":{"state":"resolved_with_pedigree"}}`):                                                                                                                   "resolved_with_pedigree",
		cdxOf(`{"id":"A","analysis":{"state":"not_affected"},"affects":[{"ref":"x","versions":[{"status":"unaffected"}]}]}`):                                                                "not_affected",
		`{"SchemaVersion":2,"ArtifactName":"x","Results":[{"Target":"t","Misconfigurations":[{"ID":"M","Status":"EXCEPTION"}]}]}`:                                                           "exception",
		`{"SchemaVersion":2,"ArtifactName":"x","Results":[{"Target":"t","ExperimentalModifiedFindings":[{"Status":"ignored","Finding":{"VulnerabilityID":"A","Status":"not_affected"}}]}]}`: "ignored",
		sarifOf(``, `{"ruleId":"A","baselineState":"absent","suppressions":[{"kind":"inSource"}]}`):                                                                                         "inSource",
		osvOf(`"vulnerabilities":[{"id":"A"}],"groups":[{"ids":["A"],"experimentalAnalysis":{"A":{"unimportant":true}}}]`):                                                                  "unimportant",
		cdxOf(`{"id":"A","analysis":{"state":"not_affected","justification":"code_not_present"}}`):                                                                                          "not_affected: code_not_present",
		cdxOf(`{"id":"A","affects":[{"ref":"x","versions":[{"status":"unaffected"}]}]}`):                                                                                                    "unaffected",
		sarifOf(``, `{"ruleId":"A","suppressions":[{"kind":"inSource","justification":"fine"}]}`):                                                                                           "inSource: fine",
		sarifOf(``, `{"ruleId":"A","baselineState":"absent"}`):                                                                                                                              "absent since the baseline",
	} {
		if f := one(t, text); f.Suppressed != want {
			t.Errorf("%s: %q, want %q", text, f.Suppressed, want)
		}
	}
	for _, text := range []string{ // it counts
		sarifOf(``, `{"ruleId":"A","suppressions":[{"kind":"external","status":"rejected"}]}`),
		cdxOf(`{"id":"A","analysis":{"state":"exploitable"}}`), cdxOf(`{"id":"A","analysis":{"state":"in_triage"}}`),
		gitlabOf(`{"id":"A","state":"confirmed"}`), gitlabOf(`{"id":"A","state":"detected"}`), gitlabOf(`{"id":"A","dismissal":null}`), gitlabOf(`{"id":"A","dismissal":false}`),
		sarifOf(``, `{"ruleId":"A","suppressions":[{"kind":"external","status":"underReview"}]}`),
		cdxOf(`{"id":"A","affects":[{"ref":"x"}]}`), cdxOf(`{"id":"A","affects":[{"ref":"x","versions":[{"status":"unaffected"},{"status":"affected"}]}]}`),
		trivyOf(`{"ID":"M","Status":"not_affected"}`), osvOf(`"vulnerabilities":[{"id":"A"}],"groups":[{"ids":["A"]}]`),
		osvOf(`"vulnerabilities":[{"id":"A"}],"groups":[{"ids":["A"],"experimental_analysis":{"A":{"unimportant":true},"B":{"unimportant":false}}}]`),
		osvOf(`"vulnerabilities":[{"id":"A"}],"groups":[{"ids":["A"],"experimental_analysis":{"A":{"unimportant":false}}}]`),
	} {
		if f := one(t, text); f.Suppressed != "" {
			t.Errorf("%s: %q, want nothing suppressed", text, f.Suppressed)
		}
	}
}

func TestSARIF_results_that_are_no_findings(t *testing.T) {
	r := read(t, Vulnerabilities, sarifOf(``, `{"ruleId":"A","kind":"pass"},{"ruleId":"A","kind":"notApplicable"},{"ruleId":"A","kind":"informational"},{"ruleId":"B","kind":"review"},{"ruleId":"C","kind":"odd"}`))
	if len(r.Scan.Findings) != 2 {
		t.Errorf("%d findings, want those that are open or of an unknown kind", len(r.Scan.Findings))
	}
}

func TestFilters_are_told_where_the_document_says_them(t *testing.T) {
	r := read(t, Vulnerabilities, `{"matches":[],"descriptor":{"configuration":{"only-fixed":true,"only-notfixed":true,"vex-documents":["v.json"],"ignore-wontfix":"wont-fix","ignore":[{"vulnerability":"A"}],"exclude":["./vendor/**"],"fail-on-severity":"high"}}}`)
	want := []string{"exclude: ./vendor/**", "ignore-states: wont-fix", "ignore: rules of the configuration", "only-fixed: without what has no fix",
		"only-notfixed: without what has a fix", "vex-documents: v.json"}
	if !reflect.DeepEqual(r.Scan.Filters, want) {
		t.Errorf("filters %q, want %q", r.Scan.Filters, want)
	}
	for rule, own := range map[string]bool{
		`{"package":{"name":"kernel-headers"},"match-type":"exact-indirect-match"}`:                                 true,
		`{"package":{"name":"linux(-.*)?-headers-.*"},"match-type":"exact-indirect-match"}`:                         true,
		`{"package":{"name":"linux-libc-dev"},"match-type":"exact-indirect-match"}`:                                 true,
		`{"package":{"name":"linux-kbuild-.*"},"match-type":"exact-indirect-match"}`:                                true,
		`{"package":{"name":"kernel-headers"},"match-type":"exact-direct-match"}`:                                   false,
		`{"package":{"name":"kernel-headers"},"match-type":"exact-indirect-match","vulnerability":"CVE-2026-0001"}`: false,
		`{"package":{"name":"openssl"},"match-type":"exact-indirect-match"}`:                                        false,
	} {
		r = read(t, Vulnerabilities, `{"matches":[],"descriptor":{"configuration":{"ignore":[`+rule+`]}}}`)
		if (r.Scan.Filters == nil) != own {
			t.Errorf("%s: filters %q, want none only for a rule that is in every report", rule, r.Scan.Filters)
		}
	}
	r = read(t, Vulnerabilities, `{"config":{"scan_level":"module"}}{"SBOM":{"modules":[{"path":"m"},{"path":"x.org/replaced"},{"path":"x.org/b","version":"v1.0.0+incompatible"},{"path":"stdlib","version":"v1.22.0"}],"roots":["m/cmd"]}}`)
	want = []string{"module x.org/replaced has no version, so it was not looked up", "scan_level module: calls were not looked for"}
	if !reflect.DeepEqual(r.Scan.Filters, want) {
		t.Errorf("filters %q, want %q", r.Scan.Filters, want)
	}
	if targets := []Target{{Name: "m", Components: []string{"pkg:golang/stdlib@v1.22.0", "pkg:golang/x.org/b@v1.0.0%2Bincompatible"}}, {Name: "m/cmd"}}; !reflect.DeepEqual(r.Scan.Targets, targets) {
		t.Errorf("targets %+v, want %+v", r.Scan.Targets, targets)
	}
}

func TestTargets_are_what_the_document_says_and_nothing_else(t *testing.T) {
	for text, want := range map[string][]Target{
		`{"SchemaVersion":2,"ArtifactName":"x"}`: nil,
		`{"SchemaVersion":2,"ArtifactName":"x","Results":[{"Target":"b","Packages":[{"Name":"n","Version":"1"},{"Name":"n","Identifier":{"PURL":"pkg:npm/n@1"}}]},{"Target":"a"}]}`: {{Name: "a"}, {Name: "b", Components: []string{"n@1", "pkg:npm/n@1"}}},
		`{"matches":[],"descriptor":{}}`:                                                nil,
		`{"matches":[],"descriptor":{},"source":{"type":"unknown","target":"unknown"}}`: nil,
		`{"matches":[],"descriptor":{},"source":{"type":"directory","target":"/src"}}`:  {{Name: "/src"}},
		`{"results":[]}`:              nil,
		osvOf(`"vulnerabilities":[]`): {{Name: "go.mod", Components: []string{"p@1"}}},
		gitlabOf(``):                  nil,
		`{"version":"15.0.0","vulnerabilities":[],"dependency_files":[{"path":"go.sum"}],"scan":{"type":"sast","scanned_resources":[{"url":"https://x"}]}}`:                                           nil,
		`{"version":"15.0.0","vulnerabilities":[],"dependency_files":[{"path":"a"}],"scan":{"type":"dependency_scanning"}}`:                                                                           {{Name: "a"}},
		`{"version":"15.0.0","vulnerabilities":[],"dependency_files":[{"path":"a"}],"scan":{"type":"container_scanning"}}`:                                                                            {{Name: "a"}},
		`{"version":"15.0.0","vulnerabilities":[],"dependency_files":[{"path":"a"}],"scan":{"type":"cluster_image_scanning"}}`:                                                                        {{Name: "a"}},
		`{"results":[{"source":{"path":"a"},"packages":[{"package":{"name":"p","commit":"c"}}]},{"source":{"type":"git"},"packages":[]}]}`:                                                            {{Name: ""}, {Name: "a", Components: []string{"p@c"}}},
		`{"SchemaVersion":2,"Results":[{"Target":"a","Packages":[{"Name":"n"}]},{"Target":"a","Packages":[{"Name":"m"}]}]}`:                                                                           {{Name: "a", Components: []string{"m", "n"}}},
		`{"config":{}}{"SBOM":{"go_version":"v1.22","modules":[{"path":""},{"path":"stdlib"},{"path":"","version":"v1"}],"roots":["r"]}}`:                                                             {{Name: "r", Components: []string{"pkg:golang/stdlib@v1.22"}}},
		`{"config":{}}{"SBOM":{"modules":[{"path":"","version":"v1"}]}}`:                                                                                                                              nil,
		`{"version":"15.0.0","vulnerabilities":[],"dependency_files":[{"path":"go.sum","dependencies":[{"package":{"name":"p"},"version":"1"}]}],"scan":{"scanned_resources":[{"url":"https://x"}]}}`: {{Name: "go.sum", Components: []string{"p@1"}}, {Name: "https://x"}},
		cdxOf(``): nil,
		`{"bomFormat":"CycloneDX","specVersion":"1.5","vulnerabilities":[],"components":[{"purl":"pkg:npm/a@1","components":[{"name":"b","version":"2"}]}]}`: {{Name: "the components of the document", Components: []string{"b@2", "pkg:npm/a@1"}}},
		sarifOf(``, ``): nil,
		`{"version":"2.1.0","runs":[{"results":[],"artifacts":[{"location":{"uri":"seen"}},{"location":{"uri":"a"},"roles":["analysisTarget"]}]}]}`: {{Name: "a"}},
		govulnOf(``): nil,
	} {
		if got := read(t, Vulnerabilities, text).Scan.Targets; !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", text, got, want)
		}
	}
}

func TestFinished_is_what_the_document_says(t *testing.T) {
	run := func(invocations, results string) string {
		return `{"invocations":[` + invocations + `]` + results + `}`
	}
	sarif := func(runs ...string) string { return `{"version":"2.1.0","runs":[` + strings.Join(runs, ",") + `]}` }
	yes, no, none := `{"executionSuccessful":true}`, `{"executionSuccessful":false}`, `{}`
	clean := `,"results":[]`
	for text, want := range map[string]Answer{
		sarif(run(yes, clean)):                   Yes,
		sarif(run(no, clean)):                    No,
		sarif(run(none, clean)):                  No,
		sarif(run(``, clean)):                    NotSaid,
		sarif(run(yes+","+no, clean)):            No,
		sarif(run(yes, clean), run(yes, clean)):  Yes,
		sarif(run(yes, clean), run(none, clean)): No,
		sarif(run(none, clean), run(yes, clean)): No,
		sarif(run(yes, clean), run(no, clean)):   No,
		sarif(run(yes, ``)):                      No,
		sarif(run(yes, clean), run(``, clean)):   NotSaid,
		sarif(run(``, clean), run(yes, clean)):   NotSaid,
		`{"version":"2.1.0","inlineExternalProperties":null,"runs":[{"externalPropertyFileReferences":null,` + strings.TrimPrefix(run(yes, clean), "{") + `]}`: Yes,
		sarif(run(yes, `,"results":null`)): No,
		gitlabOf(``):                       Yes,
		`{"version":"15.1.0","scan":{"status":"failure"},"vulnerabilities":[]}`:                                                       No,
		`{"version":"15.1.0","scan":{"status":"great"},"vulnerabilities":[]}`:                                                         No,
		`{"version":"15.1.0","vulnerabilities":[]}`:                                                                                   No,
		`{"version":"15.1.0","scan":{"status":"success","messages":[{"level":"fatal","value":"x"}]},"vulnerabilities":[]}`:            No,
		`{"version":"15.1.0","scan":{"status":"success","messages":[{"level":"info","value":"x"}]},"vulnerabilities":[]}`:             Yes,
		sarif(run(`{"executionSuccessful":true,"processStartFailureMessage":"x"}`, clean)):                                            No,
		sarif(run(`{"executionSuccessful":true,"toolExecutionNotifications":[{"level":"error","message":{"text":"x"}}]}`, clean)):     No,
		sarif(run(`{"executionSuccessful":true,"toolConfigurationNotifications":[{"level":"error","message":{"text":"x"}}]}`, clean)): No,
		sarif(run(`{"executionSuccessful":true,"toolExecutionNotifications":[{"level":"note","message":{"text":"x"}}]}`, clean)):      Yes,
		`{"matches":[],"descriptor":{"name":"grype","db":{"status":{"valid":false}}}}`:                                                No,
		`{"matches":[],"descriptor":{"name":"grype","db":{"status":{"valid":true,"error":"x"}}}}`:                                     No,
		`{"matches":[],"descriptor":{"name":"grype","db":{"status":{"valid":true}}}}`:                                                 Yes,
		govulnOf(`{"progress":{"message":"Scanning"}}`):                                                                               NotSaid,
		trivyOf(``):      Yes,
		grypeOf(``):      Yes,
		`{"results":[]}`: Yes,
		cdxOf(``):        NotSaid,
	} {
		if got := read(t, Vulnerabilities, text).Scan.Finished; got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{
		govulnOf(`{"progress":{"message":"Scan`), govulnOf(`{"progress":`), `{"progress":{}}`, govulnOf(`{"config":{}}`), sarif(),
		`{"matches":null,"descriptor":{}}`, `{"version":"15.1.0","vulnerabilities":null}`, `{"results":null}`, `{"results":[{}]}`,
		`{"version":"2.1.0","runs":[{"results":[],"externalPropertyFileReferences":{"results":[]}}]}`,
		`{"version":"2.1.0","runs":[{"results":[]}],"inlineExternalProperties":[{}]}`, `{"bomFormat":"CycloneDX","specVersion":"1.6","vulnerabilities":null}`,
		`{"results":[{"source":{},"packages":[]}]}`, `{"results":[{"source":{"path":"a"}}]}`, `{"results":[{"source":{"type":"a"},"packages":null}]}`,
	} {
		refused(t, Vulnerabilities, text, fault.Malformed, "")
	}
}

// Of several runs in one document, the oldest says how old it is.
func TestSARIF_time_is_that_of_the_oldest_run(t *testing.T) {
	run := func(end string) string { return `{"results":[],"invocations":[{"endTimeUtc":"` + end + `"}]}` }
	doc := func(a, b string) string { return `{"version":"2.1.0","runs":[` + run(a) + `,` + run(b) + `]}` }
	for _, x := range [][3]string{{"2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-01"}, {"2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-01"}, {"2026-01-01T00:00:00Z", "", "0001-01-01"}} {
		if got := read(t, Vulnerabilities, doc(x[0], x[1])).Time.Format("2006-01-02"); got != x[2] {
			t.Errorf("%q: %s", x, got)
		}
	}
}

func TestTime_without_a_zone_is_UTC(t *testing.T) {
	r := read(t, Vulnerabilities, `{"version":"15.0.0","scan":{"end_time":"2026-01-02T03:04:05"},"vulnerabilities":[]}`)
	if want := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC); !r.Time.Equal(want) {
		t.Errorf("time %v, want %v", r.Time, want)
	}
	refused(t, Vulnerabilities, `{"version":"15.0.0","scan":{"end_time":"yesterday"},"vulnerabilities":[]}`, fault.Malformed, `member "scan.end_time" is "yesterday"`)
	refused(t, Vulnerabilities, `{"matches":[],"descriptor":{"db":{"built":"soon"}}}`, fault.Malformed, `member "descriptor.db.built" is "soon"`)
	refused(t, SBOM, `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"timestamp":"1"}}`, fault.Malformed, `"metadata.timestamp"`)
}

func TestAbout_is_a_digest_of_the_artifact_and_no_other_digest(t *testing.T) {
	for _, x := range []struct {
		kind Kind
		text string
		want []string
	}{
		{Vulnerabilities, `{"SchemaVersion":2,"ArtifactName":"x","Metadata":{"ImageID":"sha256:` + bSHA + `","RepoDigests":["x/y@sha256:` + aSHA + `"]}}`, []string{aSHA}},
		{Vulnerabilities, `{"SchemaVersion":2,"ArtifactName":"x","Metadata":{"ImageID":"sha256:` + bSHA + `"}}`, nil},
		{Vulnerabilities, `{"matches":[],"descriptor":{},"source":{"type":"image","target":{"userInput":"x","imageID":"sha256:` + bSHA + `","manifestDigest":"sha256:` + aSHA + `"}}}`, []string{aSHA}},
		{Vulnerabilities, gitlabOf(`{"id":"A","location":{"image":"r/i:1@sha256:` + aSHA + `"}}`), []string{aSHA}},
		{Vulnerabilities, gitlabOf(`{"id":"A","location":{"image":"r/i:1"}}`), nil},
		{SBOM, `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","documentDescribes":["SPDXRef-a"],"packages":[{"SPDXID":"SPDXRef-a","externalRefs":[{"referenceType":"cpe23Type","referenceLocator":"pkg:oci/x@sha256:` + bSHA + `"},{"referenceType":"purl","referenceLocator":"pkg:oci/x@sha256:` + aSHA + `"}],"checksums":[{"algorithm":"SHA1","checksumValue":"00"}]}]}`, []string{aSHA}},
		{SBOM, `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","packages":[{"SPDXID":"SPDXRef-a","checksums":[{"algorithm":"SHA256","checksumValue":"` + aSHA + `"}]},{"SPDXID":"SPDXRef-b","checksums":[{"algorithm":"SHA256","checksumValue":"` + bSHA + `"}]}],"relationships":[{"spdxElementId":"SPDXRef-a","relationshipType":"DESCRIBED_BY","relatedSpdxElement":"SPDXRef-DOCUMENT"},{"spdxElementId":"SPDXRef-b","relationshipType":"DESCRIBED_BY","relatedSpdxElement":"SPDXRef-a"},{"spdxElementId":"SPDXRef-b","relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-DOCUMENT"},{"spdxElementId":"SPDXRef-a","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-b"},{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"CONTAINS","relatedSpdxElement":"SPDXRef-b"}]}`, []string{aSHA}},
		{SBOM, `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","documentDescribes":["SPDXRef-f"],"files":[{"SPDXID":"SPDXRef-f","checksums":[{"algorithm":"SHA256","checksumValue":"` + aSHA + `"}]},{"SPDXID":"SPDXRef-g","checksums":[{"algorithm":"SHA256","checksumValue":"` + bSHA + `"}]}]}`, []string{aSHA}},
		{Vulnerabilities, `{"version":"2.1.0","runs":[{"results":[],"artifacts":[{"hashes":{"sha-256":"` + bSHA + `"}},{"roles":["analysisTarget"],"hashes":{"sha-256":"` + strings.ToUpper(aSHA) + `"}}]}]}`, []string{aSHA}},
		{SBOM, `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"name":"x","hashes":[{"alg":"SHA-1","content":"00"},{"alg":"SHA-256","content":"` + aSHA + `"}]}},"components":[{"hashes":[{"alg":"SHA-256","content":"` + bSHA + `"}]}]}`, []string{aSHA}},
		{SBOM, `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"purl":"pkg:oci/x@sha256%3A` + aSHA + `?arch=amd64"}}}`, []string{aSHA}},
		{SBOM, `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","documentDescribes":["SPDXRef-a"],"packages":[{"SPDXID":"SPDXRef-a","checksums":[{"algorithm":"SHA256","checksumValue":"` + aSHA + `"}]},{"SPDXID":"SPDXRef-b","checksums":[{"algorithm":"SHA256","checksumValue":"` + bSHA + `"}]}]}`, []string{aSHA}},
		{SBOM, `{"spdxVersion":"SPDX-2.2","SPDXID":"SPDXRef-DOCUMENT","files":[{"SPDXID":"SPDXRef-f","fileName":"./f","checksums":[{"algorithm":"SHA256","checksumValue":"` + aSHA + `"}]}],"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-f"}]}`, []string{aSHA}},
	} {
		if got := read(t, x.kind, x.text).About; !reflect.DeepEqual(got, x.want) {
			t.Errorf("%s: %q, want %q", x.text, got, x.want)
		}
	}
	refused(t, SBOM, `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"name":"x","hashes":[{"alg":"SHA-256","content":"00"}]}}}`, fault.Malformed, "want 64 hexadecimal digits")
	for name, want := range map[string]string{
		"pkg:oci/a@sha256%3A" + aSHA: aSHA, "pkg:oci/a@sha256:" + aSHA: aSHA, "a/b:1@sha256:" + aSHA: aSHA,
		"pkg:docker/a@1?digest=sha256:" + aSHA: aSHA, "pkg:generic/a@1?x=y&checksum=sha1:00,sha256:" + aSHA + "#p": aSHA,
		"pkg:generic/a@1?x=sha256:" + aSHA: "", "pkg:oci/a@sha256:" + strings.Repeat("g", 64): "", "pkg:oci/a@sha256-" + aSHA: "",
		"a?digest=sha256:" + aSHA: "", "pkg:oci/a@sha512:" + aSHA: "", "pkg:oci/a@sha256:00": "", "sha256:" + aSHA: "", "": "",
	} {
		if got := digestOf(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestCompleteness_is_the_weakest_that_the_document_says(t *testing.T) {
	cdx := func(compositions string) string {
		return `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"bom-ref":"m"}},"compositions":[` + compositions + `]}`
	}
	spdx := func(to string) string {
		return `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","relationships":[{"spdxElementId":"SPDXRef-a","relationshipType":"DEPENDS_ON","relatedSpdxElement":"` + to + `"}]}`
	}
	for text, want := range map[string]Completeness{
		cdx(``): "",
		cdx(`{"aggregate":"complete","assemblies":["m"]}`):                                                          Complete,
		cdx(`{"aggregate":"complete"}`):                                                                             Complete,
		cdx(`{"aggregate":"complete","assemblies":["other"]}`):                                                      "",
		cdx(`{"aggregate":"complete","dependencies":["other"]}`):                                                    "",
		cdx(`{"aggregate":"complete"},{"aggregate":"complete","assemblies":["other"]}`):                             Complete,
		cdx(`{"aggregate":"complete","assemblies":["m","other"]}`):                                                  Complete,
		cdx(`{"aggregate":"complete"},{"aggregate":"incomplete","assemblies":["a"],"vulnerabilities":["v"]}`):       Incomplete,
		cdx(`{"aggregate":"complete"},{"aggregate":"incomplete","dependencies":["a"],"vulnerabilities":["v"]}`):     Incomplete,
		cdx(`{"aggregate":"incomplete","assemblies":["other"]}`):                                                    Incomplete,
		cdx(`{"aggregate":"unknown"},{"aggregate":"incomplete","assemblies":["x"]}`):                                Unknown,
		`{"bomFormat":"CycloneDX","specVersion":"1.6","compositions":[{"aggregate":"complete","assemblies":[""]}]}`: "",
		cdx(`{"aggregate":"complete","dependencies":["m"]},{"aggregate":"incomplete_first_party_only"}`):            Incomplete,
		cdx(`{"aggregate":"incomplete"},{"aggregate":"unknown","assemblies":["x"]}`):                                Unknown,
		cdx(`{"aggregate":"not_specified"}`):                                                                        Unknown,
		cdx(`{"aggregate":"whole"}`):                                                                                Unknown,
		cdx(`{"aggregate":"complete"},{"aggregate":"incomplete","vulnerabilities":["v"]}`):                          Complete,
		spdx("NONE"): "", spdx("SPDXRef-b"): "", spdx("NOASSERTION"): Unknown,
		`{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","relationships":[{"relatedSpdxElement":"NOASSERTION"},{"relatedSpdxElement":"SPDXRef-b"}]}`: Unknown,
	} {
		if got := read(t, SBOM, text).Contents.Completeness; got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestSPDX_the_described_package_is_no_part_of_itself(t *testing.T) {
	doc := func(describes string) string {
		return `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","documentDescribes":[` + describes + `],"packages":[{"SPDXID":"SPDXRef-a","name":"a"},{"SPDXID":"SPDXRef-b","name":"b"}]}`
	}
	for describes, want := range map[string]int{``: 2, `"SPDXRef-a"`: 1, `"SPDXRef-a","SPDXRef-b"`: 2, `"SPDXRef-x"`: 2} {
		if got := read(t, SBOM, doc(describes)).Contents.Components; got != want {
			t.Errorf("%s: %d components, want %d", describes, got, want)
		}
	}
	refused(t, SBOM, strings.ReplaceAll(doc(``), "SPDXRef-b", "SPDXRef-a"), fault.Malformed, "two packages")
}

func TestGovulncheck_one_finding_for_each_vulnerability_and_module(t *testing.T) {
	frame := func(function string) string {
		return `{"finding":{"osv":"GO-1","trace":[{"module":"m","version":"v1","function":"` + function + `"}]}}`
	}
	osv := `{"osv":{"id":"GO-1","aliases":["CVE-1"]}}`
	for text, want := range map[string]Answer{
		govulnOf(frame("") + osv):                               No,
		govulnOf(osv + frame("") + frame("F") + frame("")):      Yes,
		`{"config":{"scan_level":"package"}}` + osv + frame(""): NotSaid,
	} {
		f := one(t, text)
		if f.Called != want || f.Component != "pkg:golang/m@v1" || !reflect.DeepEqual(f.Aliases, []string{"CVE-1"}) {
			t.Errorf("%s: %+v, want called %q", text, f, want)
		}
	}
}

func TestJUnit_counts_what_is_listed(t *testing.T) {
	for text, want := range map[string]string{
		`<testsuite/>`:            `"":`,
		`<testsuites tests="0"/>`: `"":`,
		`<testsuite name="s" tests="3"><testcase/><testcase><failure/></testcase><testcase><skipped/></testcase></testsuite>`:               `"": s 1/1/1`,
		`<testsuites><testsuite name="a"><testsuite name="b"><testcase><error/></testcase></testsuite><testcase/></testsuite></testsuites>`: `"": b 0/1/0 a 1/0/0`,
		`<testsuite tests="2"><testcase/></testsuite>`:                                                                                                                  `"no":  1/0/0`,
		`<testsuite tests="0"><testcase/></testsuite>`:                                                                                                                  `"":  1/0/0`,
		`<testsuite failures="1"><testcase/></testsuite>`:                                                                                                               `"no":  1/0/0`,
		`<testsuite errors="1" failures="1"><testcase><error/></testcase></testsuite>`:                                                                                  `"no":  0/1/0`,
		`<testsuite skipped="1"><testcase/></testsuite>`:                                                                                                                `"no":  1/0/0`,
		`<testsuite tests="many"><testcase/></testsuite>`:                                                                                                               `"no":  1/0/0`,
		`<testsuites tests="2"><testsuite><testcase/></testsuite></testsuites>`:                                                                                         `"no":  1/0/0`,
		`<testsuite><testcase status="notrun"/><testcase result="suppressed"/><testcase status="failed"/></testsuite>`:                                                  `"":  0/1/2`,
		`<testsuite><testcase><skipped/><failure/></testcase><testcase><failure/><skipped/></testcase></testsuite>`:                                                     `"":  0/2/0`,
		`<testsuite><testcase><flakyFailure/></testcase></testsuite>`:                                                                                                   `"":  0/1/0`,
		`<testsuite><testcase><flakyError/></testcase><testcase><rerunFailure/></testcase><testcase><rerunError/></testcase></testsuite>`:                               `"":  0/3/0`,
		`<testsuite><testcase status="failure"/><testcase status="fail"/><testcase result="error"/><testcase status="errored"/><testcase status="Broken"/></testsuite>`: `"":  0/5/0`,
		`<testsuite><testcase status="disabled"/><testcase result="skipped"/><testcase status="ignored"/><testcase status="pending"/></testsuite>`:                      `"":  0/0/4`,
		`<testsuite><failure/></testsuite>`:                                                                                                                             `"":  0/1/0`,
		`<testsuite tests=""><testcase/></testsuite>`:                                                                                                                   `"":  1/0/0`,
		`<testsuite tests="-1"><testcase/></testsuite>`:                                                                                                                 `"no":  1/0/0`,
		`<testsuite tests="1073741824"><testcase/></testsuite>`:                                                                                                         `"no":  1/0/0`,
		`<testsuites><testsuite tests="2"><testcase/></testsuite><testsuite/></testsuites>`:                                                                             `"no":  1/0/0`,
		`<testsuite name="s"><testcase classname="s" name="a"/><testcase name="a"/></testsuite>`:                                                                        `"": s 1/0/0`,
		`<testsuite name="s"><testcase classname="A" name="a"/><testcase classname="B" name="a"/></testsuite>`:                                                          `"": s 2/0/0`,
		`<testsuite><error/></testsuite>`:                                                                                                                               `"":  0/1/0`,
		`<?xml version="1.0" encoding="us-ascii"?><testsuite><testcase>&lt;<system-out><![CDATA[<failure/>]]></system-out></testcase></testsuite>`:                      `"":  1/0/0`,
	} {
		r := read(t, TestResults, text)
		if got := brief(r); got != "JUnit;  ; finished "+want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
	refused(t, TestResults, `<testsuite><testcase><testcase/></testcase></testsuite>`, fault.Malformed, "stands in a <testcase>")
	refused(t, TestResults, `<testsuite timestamp="now"/>`, fault.Malformed, `member "timestamp"`)
	refused(t, TestResults, `<testsuite><testcase><testsuite/></testcase></testsuite>`, fault.Malformed, "stands in a <testcase>")
	refused(t, TestResults, `<testsuite><testcase><testsuites/></testcase></testsuite>`, fault.Malformed, "stands in a <testcase>")
	refused(t, TestResults, `<testsuite><testcase><Failure/></testcase></testsuite>`, fault.Malformed, "called <Failure>, want <failure>")
}

// A time of the machine's zone, of which the document does not say which it is, says not when it was.
func TestJUnit_time_without_a_zone_is_not_said(t *testing.T) {
	r := read(t, TestResults, `<testsuites><testsuite timestamp="2026-01-02T03:04:05"/></testsuites>`)
	if !r.Time.IsZero() {
		t.Errorf("time %v, want none", r.Time)
	}
	r = read(t, TestResults, `<testsuites><testsuite timestamp="2026-01-02T03:04:05+01:00"/><testsuite timestamp="2026-01-01T03:04:05Z"/></testsuites>`)
	if want := time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC); !r.Time.Equal(want) {
		t.Errorf("time %v, want %v", r.Time, want)
	}
}

func TestGoTest_what_began_has_to_end(t *testing.T) {
	event := func(action, pkg, test string) string {
		return fmt.Sprintf(`{"Action":%q,"Package":%q,"Test":%q}`, action, pkg, test)
	}
	join := func(events ...string) string { return strings.Join(events, "\n") }
	start := event("start", "p", "")
	for text, want := range map[string]string{
		join(start, event("run", "p", "T"), event("pass", "p", "T"), event("pass", "p", "")):                         `"yes": p 1/0/0`,
		join(start, event("skip", "p", "")):                                                                          `"yes": p 0/0/0`,
		join(start, event("pass", "p", "")):                                                                          `"yes": p 0/0/0`,
		join(start, event("run", "p", "T"), event("skip", "p", "T"), event("pass", "p", "")):                         `"yes": p 0/0/1`,
		join(start, event("run", "p", "T")):                                                                          `"no": p 0/1/0`,
		join(start, event("run", "p", "T"), event("pass", "p", "")):                                                  `"yes": p 0/1/0`,
		join(start, event("run", "p", "T"), event("run", "p", "T"), event("pass", "p", "T"), event("pass", "p", "")): `"yes": p 1/1/0`,
		join(start, event("fail", "p", "")):                                                                          `"yes": p 0/1/0`,
		join(start, event("run", "p", "T"), event("fail", "p", "T"), event("fail", "p", "")):                         `"yes": p 0/1/0`,
		join(start, event("run", "p", "BenchmarkB"), event("pass", "p", "")):                                         `"yes": p 0/0/0`,
		join(start, event("run", "p", "BenchmarkB"), event("fail", "p", "")):                                         `"yes": p 0/1/0`,
		join(start, event("pass", "p", ""), event("start", "q", "")):                                                 `"no": p 0/0/0 q 0/0/0`,
		join(start, event("pass", "p", ""), event("start", "p", "")):                                                 `"no": p 0/0/0`,
		join(start, event("run", "p", "BenchmarkB")):                                                                 `"no": p 0/1/0`,
		join(start, event("bench", "p", "BenchmarkB"), event("pass", "p", "")):                                       `"yes": p 0/0/0`,
		join(start, event("run", "p", "T"), event("pause", "p", "T"), event("cont", "p", "T"), event("attr", "p", "T"), event("artifacts", "p", "T"), event("pass", "p", "T"), event("pass", "p", "")): `"yes": p 1/0/0`,
		join(start, event("pass", "p", ""), event("explode", "p", "")):                                               `"no": p 0/0/0`,
		join(`{"Action":"build-fail","ImportPath":"b"}`, start, event("pass", "p", "")):                              `"yes": p 0/0/0 b 0/1/0`,
		join(`{"Action":"build-fail","ImportPath":"p"}`, start, `{"Action":"fail","Package":"p","FailedBuild":"p"}`): `"yes": p 0/1/0`,
		`{"Action":"build-output","ImportPath":"b"}`:                                                                 `"no":`,
	} {
		if got := brief(read(t, TestResults, text)); got != "go test -json; go test ; finished "+want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
	refused(t, TestResults, event("start", "p", "T"), fault.Malformed, `names the test "T"`)
	refused(t, TestResults, join(start, event("run", "", "T")), fault.Malformed, `no member "Package"`)
	refused(t, TestResults, `{"Action":"start","Package":"p","Time":"now"}`, fault.Malformed, `member "Time"`)
}

func TestOpenVEX_products_and_their_digests(t *testing.T) {
	doc := func(statement string) string {
		return `{"@context":"https://openvex.dev/ns/v0.2.0","statements":[` + statement + `],"timestamp":"2026-01-02T03:04:05Z"}`
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]Statement{
		doc(`{"vulnerability":"A","status":"fixed","products":["pkg:oci/x@sha256:` + aSHA + `"],"subcomponents":["s"]}`): {ID: "A", Status: "fixed", Time: at,
			Products: []Product{{ID: "pkg:oci/x@sha256:" + aSHA, SHA256: []string{aSHA}, Components: []string{"s"}}}},
		doc(`{"vulnerability":{"@id":"u","name":"A","aliases":["C","A"]},"timestamp":"2026-01-01T00:00:00Z","status":"not_affected","justification":"j","impact_statement":"i","products":[{"identifiers":{"purl":"p"},"hashes":{"sha-256":"` + strings.ToUpper(bSHA) + `"},"subcomponents":[{"@id":"s"},"r"]}]}`): {ID: "A", Aliases: []string{"C"}, Status: "not_affected", Justification: "j", Impact: "i", Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
			Products: []Product{{ID: "p", SHA256: []string{bSHA}, Components: []string{"r", "s"}}}},
		doc(`{"vulnerability":{"@id":"u"},"status":"harmless","products":[{"@id":"Unknown Product"}]}`): {ID: "u", Status: "affected", Time: at,
			Products: []Product{{ID: "Unknown Product"}}},
	} {
		if got := read(t, VEX, text).Statements; !reflect.DeepEqual(got, []Statement{want}) {
			t.Errorf("%s:\n got %+v\nwant %+v", text, got, want)
		}
	}
	for _, status := range []string{"affected", "under_investigation"} {
		if got := read(t, VEX, doc(`{"vulnerability":"A","status":"`+status+`"}`)).Statements[0].Status; got != status {
			t.Errorf("%s is read as %s", status, got)
		}
	}
	refused(t, VEX, doc(`{"status":"fixed"}`), fault.Malformed, `no member "vulnerability"`)
	refused(t, VEX, doc(`{"vulnerability":"A"}`), fault.Malformed, `no member "status"`)
	refused(t, VEX, doc(`{"vulnerability":"A","status":"fixed","products":[{"hashes":{"sha-256":"0"}}]}`), fault.Malformed, "want 64")
}

func TestKnownExploited_is_a_set(t *testing.T) {
	r := read(t, KnownExploited, `{"title":"KEV","catalogVersion":"2026.01.02","dateReleased":"2026-01-02T03:04:05.0152Z","count":3,"vulnerabilities":[{"cveID":"B"},{"cveID":"A"},{"cveID":"B"}]}`)
	if want := (&Exploited{Version: "2026.01.02", IDs: []string{"A", "B"}}); !reflect.DeepEqual(r.Exploited, want) || r.Time.IsZero() {
		t.Errorf("%+v %v, want %+v", r.Exploited, r.Time, want)
	}
}

func TestSameComponent_as_tools_write_it_in_several_ways(t *testing.T) {
	for _, x := range []struct {
		a, b string
		want bool
	}{
		{"pkg:golang/golang.org%2Fx%2Ftext@v0.3.0", "pkg:golang/golang.org/x/text@v0.3.0", true},
		{"pkg:golang/a@v1%2Bincompatible", "pkg:golang/a@v1+incompatible", true},
		{"pkg:apk/alpine/a@1?arch=x", "pkg:apk/alpine/a@1", true},
		{"pkg:npm/a@1", "pkg:npm/a@2", false}, {"a@1", "a@1", true}, {"a%40@1", "a@@1", false},
	} {
		if got := SameComponent(x.a, x.b); got != x.want {
			t.Errorf("%s, %s: %v, want %v", x.a, x.b, got, x.want)
		}
	}
}

// What is signed is public, for ever: of an address, host and path are kept.
func TestF07_addresses_disclose_nothing(t *testing.T) {
	for text, want := range map[string]string{
		"https://user:TOKEN@host/path":          "https://host/path",
		"https://TOKEN@host/path":               "https://host/path",
		"https://host/path?token=TOKEN#TOKEN":   "https://host/path",
		"scan of https://u:TOKEN@host/x, twice": "scan of https://host/x, twice",
		"pkg:npm/a@1.0.0?arch=x":                "pkg:npm/a@1.0.0?arch=x",
		"registry.example/app@sha256:00":        "registry.example/app@sha256:00",
	} {
		if got := address(text); got != want {
			t.Errorf("address(%q) = %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{
		`{"SchemaVersion":2,"ArtifactName":"https://u:TOKEN@host/app","Results":[{"Target":"https://u:TOKEN@host/t?x=TOKEN"}]}`,
		`{"matches":[],"descriptor":{"name":"grype","configuration":{"exclude":["https://u:TOKEN@h/"]},"db":{"status":{"from":"https://h/?t=TOKEN"}}}}`,
		`{"config":{"scanner_name":"govulncheck","db":"https://u:TOKEN@h"}}`,
	} {
		_, predicate, err := read(t, Vulnerabilities, text).Predicate([]byte(text))
		if err != nil || strings.Contains(string(predicate), "TOKEN") {
			t.Errorf("%s: the predicate is %s (%v), want one without the token", text, predicate, err)
		}
	}
}

// A vulnerability is as bad as its score, and a level is no score; of a result that is no vulnerability the level is all there is.
func TestD19_a_level_is_no_severity_of_a_vulnerability(t *testing.T) {
	for id, want := range map[string]Severity{"CVE-2026-1": UnknownSeverity, "MAL-2026-1": UnknownSeverity, "GO-2026-0001": UnknownSeverity, "weak-hash": Medium} {
		text := `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},"invocations":[{"executionSuccessful":true}],
			"results":[{"ruleId":"` + id + `","level":"warning","message":{"text":"x"}}]}]}`
		if got := read(t, Vulnerabilities, text).Scan.Findings[0].Severity; got != want {
			t.Errorf("%s: severity %q, want %q", id, got, want)
		}
	}
}

// A rule that was switched off is something that was left out.
func TestD19_a_rule_that_is_switched_off_is_told(t *testing.T) {
	text := `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},"results":[],
		"invocations":[{"executionSuccessful":true,"ruleConfigurationOverrides":[{"descriptor":{"id":"R1"},"configuration":{"enabled":false}}]}]}]}`
	if got := read(t, Vulnerabilities, text).Scan.Filters; len(got) != 1 || got[0] != "rule R1 switched off" {
		t.Errorf("filters = %q, want the rule", got)
	}
}

// The same test, told twice, is one that ran.
func TestD19_a_test_told_twice_ran_once(t *testing.T) {
	line := `{"Action":"run","Package":"p","Test":"TestA"}` + "\n" + `{"Action":"pass","Package":"p","Test":"TestA"}` + "\n"
	end := `{"Action":"pass","Package":"p"}` + "\n"
	for text, want := range map[string]int{
		line + end:              1,
		line + end + line + end: 1,
		`<testsuite name="s"><testcase name="a"/><testcase name="a"/><testcase name="b"/></testsuite>`: 2,
	} {
		n := 0
		for _, s := range read(t, TestResults, text).Tests.Suites {
			n += s.Passed
		}
		if n != want {
			t.Errorf("%s: %d passed, want %d", text, n, want)
		}
	}
}
