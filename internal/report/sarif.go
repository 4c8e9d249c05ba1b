package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	slash "path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport-dev/sallyport/internal/finding"
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
	// RulesPage has the table of rules, each under its id.
	RulesPage = "https://github.com/sallyport-dev/sallyport/blob/main/docs/doctor.md"
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
		URI     string         `json:"helpUri"`
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
		Related      []sarifLocation   `json:"relatedLocations,omitempty"`
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
func SARIF(w io.Writer, tool, version string, all []finding.Finding) error {
	all = mistakes(all)
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: tool, Version: version, Rules: []sarifRule{}}},
		Bases:      map[string]sarifBase{sarifRoot: {sarifText{"the root of the repository"}}},
		ColumnKind: "unicodeCodePoints",
		Results:    []sarifResult{},
	}
	rules, seen := map[finding.Rule]int{}, map[string]int{}
	for _, x := range fold(all) {
		f := x.Finding
		i, known := rules[f.Rule]
		if !known {
			i = len(run.Tool.Driver.Rules)
			rules[f.Rule] = i
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, ruleOf(f))
		}
		r := resultOf(f, i)
		if x.Count > 0 {
			r.Message.Text += fmt.Sprintf("; %d times, also: %s", x.Count, unlinked(x.others()))
			for _, o := range x.More {
				r.Related = append(r.Related, locationOf(finding.Finding{File: o.File, Line: o.Line, Column: o.Column}))
			}
		}
		print := fingerprint(f)
		seen[print]++
		r.Fingerprints = map[string]string{"finding/v1": fmt.Sprintf("%s:%d", print, seen[print])}
		run.Results = append(run.Results, r)
	}
	return Document(w, sarifLog{sarifSchema, sarifVersion, []sarifRun{run}})
}

// ruleOf describes the rule of f, as the table does. A rule that stands for another
// threat elsewhere says here what it stands for in f.
func ruleOf(f finding.Finding) sarifRule {
	id := f.Rule.String()
	r := sarifRule{ID: id, URI: RulesPage + "#" + id, Default: sarifLevel{f.Rule.Severity().String()},
		More: map[string]any{"tags": []string{"security", "ci"}}}
	r.Short.Text, r.Full.Text = sentence(f.Rule.Title()), unlinked(f.Rule.Meaning())
	more := " " + r.Full.Text + " Next step: " + unlinked(f.Rule.Step()) + "."
	if f.Threat != "" {
		r.More["threat"] = f.Threat
		more += " Threat " + unlinked(f.Threat) + " of the threat model."
	}
	if page := f.Code.URL(); page != "" {
		more += " " + string(f.Code) + ": " + page
	}
	r.Help.Text, r.Help.Markdown = r.Short.Text+more, "**"+r.Short.Text+"**"+more
	return r
}

// sentence is a phrase of the table as a sentence.
func sentence(phrase string) string {
	first, size := utf8.DecodeRuneInString(phrase)
	return unlinked(string(unicode.ToUpper(first))+phrase[size:]) + "."
}

func resultOf(f finding.Finding, rule int) sarifResult {
	r := sarifResult{Rule: f.Rule.String(), Index: rule, Level: f.Severity.String()}
	r.Message.Text = unlinked(f.Message)
	for _, x := range [][2]string{{"found", f.Found}, {"wanted", f.Wanted}, {"fix", f.Hint}} {
		if x[1] != "" {
			r.Message.Text += "; " + x[0] + ": " + unlinked(x[1])
		}
	}
	r.Locations = []sarifLocation{locationOf(f)}
	return r
}

// locationOf is the place of a finding.
func locationOf(f finding.Finding) sarifLocation {
	l := sarifLocation{Physical: sarifPhysical{Artifact: sarifArtifact{relative(f.File), sarifRoot}}}
	if f.File == "" {
		l.Logical = []sarifLogical{{settings, "resource"}}
	}
	// Line 1 is where a result of no line is shown; a column needs a line.
	l.Physical.Region = &sarifRegion{Line: max(f.Line, 1)}
	if f.Line > 0 {
		l.Physical.Region.Column = max(f.Column, 0)
	}
	return l
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
func fingerprint(f finding.Finding) string {
	h := sha256.New()
	for _, s := range []string{f.Rule.String(), f.File, f.Message, f.Found} {
		fmt.Fprintf(h, "%d %s\n", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}
