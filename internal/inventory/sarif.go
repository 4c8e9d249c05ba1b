package inventory

import (
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// SARIF 2.1.0 (OASIS; sarif-schema-2.1.0.json).

func isSARIF(s strictjson.Shape) bool { return s.Has("runs") }

type sarifRun struct {
	Tool struct {
		Driver     sarifComponent   `json:"driver"`
		Extensions []sarifComponent `json:"extensions"`
	} `json:"tool"`
	Invocations []sarifInvocation `json:"invocations"`
	Artifacts   each              `json:"artifacts"`
	Results     each              `json:"results"`
	External    strictjson.Raw    `json:"externalPropertyFileReferences"`
}

type sarifComponent struct {
	Name     string      `json:"name"`
	Version  string      `json:"version"`
	Semantic string      `json:"semanticVersion"`
	Rules    []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID      string `json:"id"`
	Default struct {
		Level string `json:"level"`
	} `json:"defaultConfiguration"`
	Properties sarifProperties `json:"properties"`
}

type sarifProperties struct {
	Score strictjson.Literal `json:"security-severity"`
	Tags  []string           `json:"tags"`
}

type sarifInvocation struct {
	Successful *bool  `json:"executionSuccessful"`
	End        string `json:"endTimeUtc"`
	NotStarted string `json:"processStartFailureMessage"`
	// Notifications are what the tool says of its own work, and of its configuration (sections 3.20.21 and 3.20.22).
	Notifications  []sarifNotification `json:"toolExecutionNotifications"`
	Configurations []sarifNotification `json:"toolConfigurationNotifications"`
	Overrides      []struct {
		Configuration struct {
			Enabled *bool `json:"enabled"`
		} `json:"configuration"`
		Rule sarifReference `json:"descriptor"`
	} `json:"ruleConfigurationOverrides"`
}

type sarifNotification struct {
	Level string `json:"level"`
}

// ended is whether an invocation came to its end: what it has to say of that, and what it says went wrong.
func (v *sarifInvocation) ended() Answer {
	for _, n := range append(v.Notifications, v.Configurations...) {
		if n.Level == "error" {
			return No
		}
	}
	if v.Successful == nil || !*v.Successful || v.NotStarted != "" { // the member is required (section 3.20.14)
		return No
	}
	return Yes
}

// off are the rules that an invocation switched off, in words.
func (v *sarifInvocation) off() []string {
	var out []string
	for _, o := range v.Overrides {
		if e := o.Configuration.Enabled; e != nil && !*e {
			out = append(out, "rule "+fault.Cut(o.Rule.ID)+" switched off")
		}
	}
	return out
}

type sarifReference struct {
	ID        string `json:"id"`
	Index     *int   `json:"index"`
	Component struct {
		Index *int `json:"index"`
	} `json:"toolComponent"`
}

type sarifResult struct {
	RuleID       string         `json:"ruleId"`
	RuleIndex    *int           `json:"ruleIndex"`
	Rule         sarifReference `json:"rule"`
	Level        string         `json:"level"`
	Kind         string         `json:"kind"`
	Baseline     string         `json:"baselineState"`
	Suppressions []struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification"`
	} `json:"suppressions"`
	Locations []struct {
		Physical struct {
			Artifact struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
		} `json:"physicalLocation"`
	} `json:"locations"`
	Properties sarifProperties `json:"properties"`
}

// pending is a result whose rule may stand after it.
type pending struct {
	finding  int
	id       string
	index    int // of the rule, -1: not said
	in       int // the extension, -1: the driver
	level    string
	property sarifProperties
}

func readSARIF(d *document) error {
	s := &Scan{}
	runs := 0
	var doc struct {
		Version  string         `json:"version"`
		Runs     each           `json:"runs"`
		External strictjson.Raw `json:"inlineExternalProperties"`
	}
	doc.Runs.f = func(r *strictjson.Reader) error {
		runs++
		return d.sarifRun(s, r, runs == 1)
	}
	if err := d.fill("the SARIF document", &doc); err != nil {
		return err
	}
	if doc.Version != "2.1.0" {
		return predicateFault("the SARIF document has version %q, want %q", doc.Version, "2.1.0")
	}
	if runs == 0 {
		return malformed("the SARIF document has no run, so nothing was scanned")
	}
	if len(doc.External) > 0 && string(doc.External) != "null" {
		return malformed("the SARIF document keeps parts of its runs in %q, which are not read",
			"inlineExternalProperties")
	}
	d.report.Document.Format, d.report.Scan = "SARIF 2.1.0", s
	return nil
}

func (d *document) sarifRun(s *Scan, r *strictjson.Reader, first bool) error {
	var x sarifRun
	var waiting []pending
	var named bool
	x.Results.f = func(r *strictjson.Reader) error {
		var v sarifResult
		if err := r.Fill(&v); err != nil {
			return err
		}
		return d.sarifResult(s, &v, &waiting)
	}
	x.Artifacts.f = func(r *strictjson.Reader) error {
		var a struct {
			Location struct {
				URI string `json:"uri"`
			} `json:"location"`
			Roles  []string          `json:"roles"`
			Hashes map[string]string `json:"hashes"`
		}
		if err := r.Fill(&a); err != nil {
			return err
		}
		for _, role := range a.Roles {
			if role == "analysisTarget" { // the others are files that results are in, and they need not be all
				s.Targets = append(s.Targets, Target{Name: a.Location.URI})
				d.report.About = append(d.report.About, hex64(a.Hashes["sha-256"]))
				if !named && d.report.Named == "" {
					d.report.Named, named = a.Location.URI, true
				}
			}
		}
		return d.bound.component()
	}
	if err := r.Fill(&x); err != nil {
		return err
	}
	if len(x.External) > 0 && string(x.External) != "null" {
		return malformed("the SARIF document keeps parts of a run in other files (%q), which are not read",
			"externalPropertyFileReferences")
	}
	x.rate(s, waiting)
	ended, end, err := x.invoked()
	if err != nil {
		return err
	}
	for i := range x.Invocations {
		s.Filters = append(s.Filters, x.Invocations[i].off()...)
	}
	t := &d.report
	tool := x.Tool.Driver
	if tool.Semantic != "" {
		tool.Version = tool.Semantic
	}
	if first {
		t.Tool, t.Time, s.Finished = Tool{Name: strings.ToLower(tool.Name), Version: tool.Version}, end, ended
		return nil
	}
	if name := strings.ToLower(tool.Name); name != t.Tool.Name || tool.Version != t.Tool.Version {
		t.Tool = Tool{Name: fault.Cut(t.Tool.Name + ", " + name)} // of several tools, no version is that of all
	}
	// Of several runs the worst and the oldest counts: a document may join a new one to an old one.
	if end.Before(t.Time) {
		t.Time = end
	}
	s.Finished = allOf(s.Finished, ended)
	return nil
}

// allOf is Yes if both are, and No if one is.
func allOf(a, b Answer) Answer {
	switch {
	case a == No || b == No:
		return No
	case a == Yes && b == Yes:
		return Yes
	}
	return NotSaid
}

// invoked returns whether the run came to its end, and when. A run without results is one in which nothing was
// looked for (section 3.14.23).
func (x *sarifRun) invoked() (ended Answer, end time.Time, err error) {
	for i, v := range x.Invocations {
		one := v.ended()
		if i == 0 {
			ended = one
		}
		ended = allOf(ended, one)
		t, err := moment("invocations.endTimeUtc", v.End)
		if err != nil {
			return No, end, err
		}
		if t.After(end) {
			end = t
		}
	}
	if !x.Results.given {
		ended = No
	}
	return ended, end, nil
}

func (d *document) sarifResult(s *Scan, v *sarifResult, waiting *[]pending) error {
	switch v.Kind {
	case "pass", "notApplicable", "informational": // no findings (section 3.27.9)
		return nil
	}
	w := pending{finding: len(s.Findings), id: v.RuleID, index: -1, in: -1, level: v.Level, property: v.Properties}
	if w.id == "" {
		w.id = v.Rule.ID
	}
	for _, i := range []*int{v.RuleIndex, v.Rule.Index} {
		if i != nil {
			w.index = *i
		}
	}
	if v.Rule.Component.Index != nil {
		w.in = *v.Rule.Component.Index
	}
	*waiting = append(*waiting, w)
	f := Finding{ID: w.id}
	if len(v.Locations) > 0 {
		f.Target = v.Locations[0].Physical.Artifact.URI
	}
	for _, x := range v.Suppressions {
		switch x.Status {
		case "underReview", "rejected": // it is not suppressed (section 3.35.3)
		default:
			f.Suppressed = because(x.Kind, x.Justification)
		}
	}
	if v.Baseline == "absent" && f.Suppressed == "" {
		f.Suppressed = because("absent since the baseline")
	}
	return d.found(s, f)
}

// rate finds how bad the results are, when all rules are known.
func (x *sarifRun) rate(s *Scan, waiting []pending) {
	rules := map[string][]*sarifRule{}
	parts := append([]sarifComponent{x.Tool.Driver}, x.Tool.Extensions...)
	for i := range parts {
		for j := range parts[i].Rules {
			rule := &parts[i].Rules[j]
			rules[rule.ID] = append(rules[rule.ID], rule)
		}
	}
	for _, w := range waiting {
		f := &s.Findings[w.finding]
		of := rules[w.id]
		if i := strings.LastIndexByte(w.id, '/'); len(of) == 0 && i > 0 {
			of = rules[w.id[:i]] // a part of a rule (section 3.27.5)
		}
		if in := w.in + 1; in >= 0 && in < len(parts) && w.index >= 0 && w.index < len(parts[in].Rules) {
			of = append(of[:len(of):len(of)], &parts[in].Rules[w.index])
			if f.ID == "" {
				f.ID = parts[in].Rules[w.index].ID
			}
		}
		if f.ID == "" {
			f.ID = "a result without a rule"
		}
		f.Severity, f.Score = w.severity(of)
	}
}

// severity is the worst of the level and of all scores and words of the result and its rule.
func (w *pending) severity(rules []*sarifRule) (Severity, string) {
	var rate rating
	rate.property(w.property)
	level := w.level
	for _, rule := range rules {
		rate.property(rule.Properties)
		if w.level == "" {
			level = louder(level, rule.Default.Level)
		}
	}
	if level == "" {
		level = "warning"
	}
	rate.own = worse(rate.own, levelSeverity(level))
	// Of a vulnerability the level says how the result is shown, or how its code is reached. How bad it is, only a score says.
	if rate.written == "" && vulnerabilityID().MatchString(w.id) {
		rate.own = UnknownSeverity
	}
	// Tools write the score 0 for what has no score, and the level of a note beside it.
	if rate.written != "" && rate.score == 0 && level != "none" {
		rate.own = UnknownSeverity
	}
	return rate.severity(), rate.written
}

// vulnerabilityID finds the ids of databases of vulnerabilities (https://ossf.github.io/osv-schema/#id-modified-fields).
var vulnerabilityID = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(CVE|GHSA|GO|OSV|MAL|PYSEC|RUSTSEC|RHSA|DSA|DLA|USN|ALAS|ALSA|ELSA|SNYK|GMS|BIT|CURL|HSEC|RSEC)-[0-9A-Z]`)
})

// louder is the worse of two levels, of which "" says nothing.
func louder(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "" || levelSeverity(a).AtLeast(levelSeverity(b)):
		return a
	}
	return b
}

func levelSeverity(level string) Severity {
	switch level {
	case "error":
		return High
	case "warning":
		return Medium
	case "note":
		return Low
	case "none":
		return None
	}
	return UnknownSeverity
}

// property adds the score, and words of severity in capital letters among the tags: there Trivy writes UNKNOWN.
func (r *rating) property(p sarifProperties) {
	r.number(string(p.Score))
	for _, tag := range p.Tags {
		if tag != strings.ToUpper(tag) {
			continue
		}
		if s, known := words[strings.ToLower(tag)]; known {
			r.own = worse(r.own, s)
		} else if tag == "UNKNOWN" {
			r.own = UnknownSeverity
		}
	}
}
