package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	slash "path"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/doctor"
	"github.com/sallyport-dev/sallyport/internal/fault"
)

const (
	sarifSchema  = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	sarifVersion = "2.1.0"
	// sarifRoot is the name under which readers of SARIF know the root of the
	// repository.
	sarifRoot = "%SRCROOT%"
	// anchor is the file that a finding about settings is shown at: those who
	// take SARIF in refuse results that are nowhere.
	anchor = ".sallyport/policy.yaml"
)

// The parts of SARIF 2.1.0 (OASIS Standard, section 3) that a list of findings
// needs.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool            `json:"tool"`
		Bases      map[string]sarifBase `json:"originalUriBaseIds"`
		ColumnKind string               `json:"columnKind"`
		Results    []sarifResult        `json:"results"`
	}
	sarifBase struct {
		Description sarifText `json:"description"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID      string         `json:"id"`
		Short   sarifText      `json:"shortDescription"`
		Full    sarifText      `json:"fullDescription"`
		Help    sarifHelp      `json:"help"`
		Default sarifLevel     `json:"defaultConfiguration"`
		More    map[string]any `json:"properties"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifHelp struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifResult struct {
		Rule         string            `json:"ruleId"`
		Index        int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifLogical struct {
		Name string `json:"name"`
		Kind string `json:"kind"`
	}
	sarifArtifact struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId"`
	}
	sarifRegion struct {
		Line   int `json:"startLine"`
		Column int `json:"startColumn,omitempty"`
	}
)

// SARIF writes findings as a SARIF 2.1.0 log with one run.
func SARIF(w io.Writer, tool, version string, all []doctor.Finding) error {
	all = mistakes(all)
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: tool, Version: version, Rules: []sarifRule{}}},
		Bases:      map[string]sarifBase{sarifRoot: {sarifText{"the root of the repository"}}},
		ColumnKind: "unicodeCodePoints",
		Results:    []sarifResult{},
	}
	rules, seen := map[string]int{}, map[string]int{}
	for _, f := range all {
		i, known := rules[f.Rule]
		if !known {
			i = len(run.Tool.Driver.Rules)
			rules[f.Rule] = i
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, ruleOf(f))
		}
		r := resultOf(f, i)
		print := fingerprint(f)
		seen[print]++
		r.Fingerprints = map[string]string{"finding/v1": fmt.Sprintf("%s:%d", print, seen[print])}
		run.Results = append(run.Results, r)
	}
	return Document(w, sarifLog{sarifSchema, sarifVersion, []sarifRun{run}})
}

// ruleOf describes the rule of f. Doctor sorts errors first, so the level is
// the worst that was found of it.
func ruleOf(f doctor.Finding) sarifRule {
	what := cmp.Or(threats[f.Threat], fault.Codes[f.Code], fault.Codes[fault.Lint])
	r := sarifRule{ID: f.Rule, Default: sarifLevel{f.Severity.String()}, More: map[string]any{"tags": []string{"security", "ci"}}}
	r.Full.Text, r.Short.Text = what, unlinked(f.Rule)+": "+what
	r.Help.Text = r.Full.Text + "."
	r.Help.Markdown = Code(f.Rule) + ": " + r.Full.Text + "."
	if f.Threat != "" {
		r.More["threat"] = f.Threat
		r.Help.Text += " Threat " + unlinked(f.Threat) + " of the threat model."
		r.Help.Markdown += " Threat " + Code(f.Threat) + " of the threat model."
	}
	if f.Hint != "" {
		r.Help.Text += " Next step: " + unlinked(f.Hint) + "."
		r.Help.Markdown += " Next step: " + Code(f.Hint)
	}
	return r
}

func resultOf(f doctor.Finding, rule int) sarifResult {
	r := sarifResult{Rule: f.Rule, Index: rule, Level: f.Severity.String()}
	r.Message.Text = unlinked(f.Message)
	for _, x := range [][2]string{{"found", f.Found}, {"wanted", f.Wanted}, {"fix", f.Hint}} {
		if x[1] != "" {
			r.Message.Text += "; " + x[0] + ": " + unlinked(x[1])
		}
	}
	l := sarifLocation{Physical: sarifPhysical{Artifact: sarifArtifact{relative(f.File), sarifRoot}}}
	if f.File == "" {
		l.Logical = []sarifLogical{{settings, "resource"}}
	}
	// Line 1 is where a result of no line is shown; a column needs a line.
	l.Physical.Region = &sarifRegion{Line: max(f.Line, 1)}
	if f.Line > 0 {
		l.Physical.Region.Column = max(f.Column, 0)
	}
	r.Locations = []sarifLocation{l}
	return r
}

// relative is a file's name as a URI within the repository, whatever the name
// looks like.
func relative(file string) string {
	if file == "" {
		file = anchor
	}
	clean := slash.Clean("/" + strings.ReplaceAll(file, `\`, "/"))[1:]
	return (&url.URL{Path: clean}).String()
}

// unlinked is text that a reader of SARIF shows as text: "[a](b)" is a link
// there, and "{0}" an argument.
func unlinked(s string) string {
	return strings.NewReplacer("](", `]\u{28}`, "{0", `\u{7b}0`).Replace(Plain(s))
}

// fingerprint tells f from other findings wherever the lines around it move to.
func fingerprint(f doctor.Finding) string {
	h := sha256.New()
	for _, s := range []string{f.Rule, f.File, f.Message, f.Found} {
		fmt.Fprintf(h, "%d %s\n", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}

// threats are the mistakes that doctor looks for, by their ids in
// docs/threat-model.md.
var threats = map[string]string{
	"C11": "what nobody has reviewed runs with the rights of what it wants to enter",
	"F13": "the evidence comes from a run that did not succeed",
	"G01": "a condition lets the deployment run although the gate said no",
	"G02": "a gate that is skipped counts as one that said yes",
	"G03": "a gate that says no leaves its job green",
	"G04": "a deployment is not behind the gate",
	"G05": "naming an environment creates it, without protection",
	"G07": "this plan of the platform does not protect the environment",
	"G08": "an administrator can pass by the protection",
	"G11": "a deployment can be made by something else than the run",
	"G12": "a wait keeps nobody out",
	"G14": "the commit that is deployed is not the one that was built",
	"G15": "one leg's answer hides another's",
	"G16": "something older can follow something newer",
	"G17": "a value that others choose is read as a command",
	"G18": "who starts a run decides whether its gate counts",
	"H01": "the pipeline goes on when the gate says no",
	"H02": "the deployment does not wait for the gate",
	"H03": "a job that somebody may click is not an approval",
	"H06": "another part of the configuration changes what the gate does",
	"H07": "the environment is not protected, or its name is worked out when it runs",
	"H08": "an administrator, or who started it, may approve",
	"H09": "one person can count twice",
	"H11": "another pipeline than the judged one deploys",
	"H12": "a pipeline of a fork has the rights of the project",
	"H13": "files come from another pipeline than the judged one",
	"I01": "whoever made the change may approve it",
	"I04": "two accounts of one person count as two people",
	"I05": "an account that is no person may approve",
	"I09": "people who are no longer in the group may approve",
	"I11": "one approval is taken for several environments",
	"I12": "the way in for emergencies is open to one person alone",
	"P01": "what runs beside the gate can be replaced under its name",
	"P04": "a token may do more than its job needs",
}
