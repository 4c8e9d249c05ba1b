package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sallyport-dev/sallyport/internal/doctor"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/report"
)

var (
	soft = finding.Finding{Rule: finding.GateSoft, Threat: "G03", Code: fault.Lint, File: ".code/workflows/release.yml", Line: 12, Column: 9,
		Message: "the gate's no does not stop the job", Found: "continue-on-error: true", Hint: "remove continue-on-error from the gate and its job"}
	bypass = finding.Finding{Rule: finding.EnvironmentBypass, Threat: "G08", Code: fault.Bypass,
		Message: `administrators may pass by the protection of environment "production"`, Found: "allowed", Wanted: "nobody may",
		Hint: "Settings > Environments > production, or run: sallyport settings apply --environment production"}
	unpinned = finding.Finding{Rule: finding.ActionUnpinned, Threat: "P01", Code: fault.Lint, Severity: finding.Warning, File: ".code/workflows/release.yml", Line: 7, Column: 15,
		Message: "an action is not pinned by a full commit", Found: "acme/tool@v3", Hint: "pin it by a full commit and name the version in a comment"}
	unseen = finding.Finding{Rule: finding.GateUnseen, Threat: "G04", Code: fault.Lint, Severity: finding.Note, File: "odd name/ä.yml", Line: 3,
		Message: "whether a gate precedes this environment is decided elsewhere"}
	unsatisfiable = finding.Finding{Rule: finding.ApprovalsUnsatisfiable, Code: fault.ApprovalMissing, File: ".sallyport/policy.yaml", Line: 21, Column: 7,
		Message: "2 approvals of group release are wanted, and 1 person is left who did not make the change", Found: "carol", Wanted: "2 people"}
	poison = finding.Finding{Rule: finding.GateSoft, Code: fault.Lint, File: "../../::error::\x1b[2J\n|`.yml: error", Line: 1, Column: 1,
		Message: "a ::warning::b\r\x1b]8;;http://e.example\x07 [click](http://e.example) {0}", Found: "##[error]x \u202e", Hint: "run: sallyport\n::set-output name=a::b"}
	ill = []finding.Finding{unpinned, unseen, soft, bypass, unsatisfiable, soft}
)

// plans are what settings would become.
func plans() map[string]doctor.Plan {
	return map[string]doctor.Plan{
		"plan": {Environment: "production", Changes: []doctor.Change{
			{Setting: "required reviewers", Now: "alice", Want: "alice, carol, dana and the team release-leads"},
			{Setting: "self-review", Now: "allowed", Want: "prevented"},
			{Setting: "branches", Now: "", Want: "refs/heads/main, refs/tags/v*"},
			{Setting: "approval rules", Now: "https://code.example/groups/acme/release-leads-of-everything: 1", Want: "2"},
		}, Cannot: []string{"two reviewers are more than this platform can ask for: let the policy count them, with approvals that people sign"}},
		"plan-done":    {Environment: "production"},
		"plan-hostile": {Environment: "x\n::error::", Changes: []doctor.Change{{Setting: "a\x1b[2J", Now: "b ::error::c", Want: "\u202e##[x]"}}, Cannot: []string{"a\n::error::b"}},
	}
}

func TestDoctor_pages_are_the_golden_ones(t *testing.T) {
	for name, all := range map[string][]finding.Finding{"doctor": ill, "doctor-well": nil, "doctor-hostile": {poison}} {
		for ext, write := range map[string]func(io.Writer) error{
			"txt":   func(w io.Writer) error { return report.DoctorText(w, all, report.Screen{}) },
			"json":  func(w io.Writer) error { return report.DoctorJSON(w, "sallyport 1.0.0", all, "staging", "production") },
			"sarif": func(w io.Writer) error { return report.SARIF(w, "sallyport", "1.0.0", all) },
		} {
			asKept(t, name+"."+ext, written(t, write))
		}
	}
	for name, p := range plans() {
		asKept(t, name+".txt", written(t, func(w io.Writer) error { return report.PlanText(w, p) }))
		asKept(t, name+".json", written(t, func(w io.Writer) error { return report.PlanJSON(w, "sallyport 1.0.0", p) }))
	}
}

func written(t *testing.T, write func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDoctor_text_fits_a_terminal_and_holds_no_command(t *testing.T) {
	pages := [][]byte{
		written(t, func(w io.Writer) error { return report.DoctorText(w, append(ill, poison), report.Screen{}) }),
	}
	for _, p := range plans() {
		pages = append(pages, written(t, func(w io.Writer) error { return report.PlanText(w, p) }))
	}
	for _, page := range pages {
		for line := range strings.Lines(string(page)) {
			line = strings.TrimSuffix(line, "\n")
			if words := strings.Fields(line); len([]rune(line)) > report.Width && len(words) > 2 {
				t.Errorf("%q is wider than %d", line, report.Width)
			}
			if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("a line = %q, want nothing that acts", line)
			}
		}
	}
}

func TestDoctor_colour_says_nothing_that_the_words_do_not(t *testing.T) {
	c := report.Colours
	plain := written(t, func(w io.Writer) error { return report.DoctorText(w, ill, report.Screen{}) })
	coloured := string(written(t, func(w io.Writer) error { return report.DoctorText(w, ill, c) }))
	if n := strings.Count(coloured, c.Reset); n != 4 {
		t.Errorf("%d words are coloured, want the severities of 3 errors and 1 warning", n)
	}
	if bare := strings.NewReplacer(c.Allow, "", c.Deny, "", c.Wait, "", c.Reset, "").Replace(coloured); bare != string(plain) {
		t.Errorf("coloured text without colours = %q, want %q", bare, plain)
	}
}

func TestDoctor_says_that_nothing_was_found_only_if_nothing_was(t *testing.T) {
	const well = "nothing that makes a gate meaningless or impossible was found\n"
	for want, all := range map[string][]finding.Finding{
		well: nil, "1 note\n": {unseen}, "1 warning\n": {unpinned}, "1 error\n": {soft, soft},
		"3 errors, 1 warning, 1 note\n": ill, "1 error, 1 note\n": {{Severity: 7, Message: "x"}, unseen},
	} {
		got := string(written(t, func(w io.Writer) error { return report.DoctorText(w, all, report.Screen{}) }))
		if !strings.HasSuffix("\n"+got, "\n"+want) || want != well && strings.Contains(got, well) {
			t.Errorf("%d findings: text = %s, want it to end in %s", len(all), got, want)
		}
	}
}

func TestSchemas_take_every_finding_and_plan(t *testing.T) {
	check := func(schema string, b []byte) error {
		s, err := jsonschema.NewCompiler().Compile("../../shared/" + schema)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		return s.Validate(doc)
	}
	for _, all := range [][]finding.Finding{nil, ill, {poison}} {
		b := written(t, func(w io.Writer) error { return report.DoctorJSON(w, "sallyport 1.0.0", all, "production") })
		if err := check("doctor.schema.json", b); err != nil {
			t.Error(err)
		}
		if altered := bytes.ReplaceAll(b, []byte(`"severity": "`), []byte(`"severity": "un`)); len(all) > 0 && check("doctor.schema.json", altered) == nil {
			t.Error("the schema takes a severity that does not exist, want a refusal")
		}
	}
	for _, p := range plans() {
		b := written(t, func(w io.Writer) error { return report.PlanJSON(w, "sallyport 1.0.0", p) })
		if err := check("plan.schema.json", b); err != nil {
			t.Error(err)
		}
		if altered := bytes.Replace(b, []byte(`"changes"`), []byte(`"change"`), 1); check("plan.schema.json", altered) == nil {
			t.Error("the schema takes a plan without changes, want a refusal")
		}
	}
}

// sarif is what a reader of SARIF takes a result from.
type sarif struct {
	Schema  string `json:"$schema"`
	Version string
	Runs    []struct {
		Tool struct {
			Driver struct {
				Name  string
				Rules []struct {
					ID, HelpURI                       string
					ShortDescription, FullDescription struct{ Text string }
					Help                              struct{ Text, Markdown string }
					DefaultConfiguration              struct{ Level string }
				}
			}
		}
		OriginalURIBaseIDs map[string]any
		Results            []struct {
			RuleID    string
			RuleIndex int
			Level     string
			Message   struct{ Text string }
			Locations []struct {
				PhysicalLocation struct {
					ArtifactLocation struct{ URI, URIBaseID string }
					Region           struct{ StartLine, StartColumn *int }
				}
			}
			PartialFingerprints map[string]string
		}
	}
}

func TestSARIF_holds_what_its_readers_ask_for(t *testing.T) {
	var log sarif
	b := written(t, func(w io.Writer) error { return report.SARIF(w, "sallyport", "1.0.0", append(ill, poison)) })
	if err := json.Unmarshal(b, &log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || !strings.HasSuffix(log.Schema, "sarif-schema-2.1.0.json") || len(log.Runs) != 1 || log.Runs[0].Tool.Driver.Name == "" {
		t.Fatalf("log = %s, want one run of SARIF 2.1.0 by a tool with a name", b)
	}
	run := log.Runs[0]
	ids := map[string]bool{}
	for _, r := range run.Tool.Driver.Rules {
		if !strings.HasSuffix(r.HelpURI, "/docs/doctor.md#"+r.ID) {
			t.Errorf("helpUri of %s = %q, want its place in the page of rules", r.ID, r.HelpURI)
		}
		if ids[r.ID] || r.ShortDescription.Text == "" || r.FullDescription.Text == "" || r.Help.Text == "" || r.Help.Markdown == "" {
			t.Errorf("rule %+v stands twice, or says too little", r)
		}
		ids[r.ID] = true
	}
	prints := map[string]bool{}
	for _, r := range run.Results {
		if r.RuleIndex >= len(run.Tool.Driver.Rules) || run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("result of %s has index %d, want that of its rule", r.RuleID, r.RuleIndex)
		}
		if !slices.Contains([]string{"error", "warning", "note"}, r.Level) || r.Message.Text == "" || len(r.Locations) != 1 {
			t.Errorf("result %+v has no level, message or place", r)
		}
		if strings.Contains(r.Message.Text, "](") || strings.Contains(r.Message.Text, "{0}") || strings.ContainsFunc(r.Message.Text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("message = %q, want text that is only text", r.Message.Text)
		}
		l := r.Locations[0].PhysicalLocation
		u, err := url.Parse(l.ArtifactLocation.URI)
		if err != nil || u.IsAbs() || u.Host != "" || u.Path == "" || strings.HasPrefix(u.Path, "/") || strings.Contains("/"+u.Path+"/", "/../") || run.OriginalURIBaseIDs[l.ArtifactLocation.URIBaseID] == nil {
			t.Errorf("uri = %q in %q, %v, want one within the repository", l.ArtifactLocation.URI, l.ArtifactLocation.URIBaseID, err)
		}
		if l.Region.StartLine == nil || *l.Region.StartLine < 1 || l.Region.StartColumn != nil && *l.Region.StartColumn < 1 {
			t.Errorf("region = %+v, want lines and columns from 1", l.Region)
		}
		for _, p := range r.PartialFingerprints {
			if prints[p] {
				t.Errorf("fingerprint %s stands twice", p)
			}
			prints[p] = true
		}
	}
	if len(run.Results) != 6 || len(run.Tool.Driver.Rules) != 5 || len(prints) != 6 {
		t.Errorf("%d results, %d rules, %d fingerprints, want 6, 5, 6", len(run.Results), len(run.Tool.Driver.Rules), len(prints))
	}
}

func TestSARIF_fingerprints_stay_when_lines_move(t *testing.T) {
	print := func(all ...finding.Finding) string {
		var log sarif
		if err := json.Unmarshal(written(t, func(w io.Writer) error { return report.SARIF(w, "sallyport", "1.0.0", all) }), &log); err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, r := range log.Runs[0].Results {
			out = append(out, fmt.Sprint(r.PartialFingerprints))
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	moved, other, again := soft, soft, soft
	moved.Line, moved.Column, again.Line = 40, 2, 99
	other.File = "elsewhere.yml"
	if print(soft) != print(moved) {
		t.Errorf("fingerprint = %s after the lines moved, want %s", print(moved), print(soft))
	}
	if print(soft) == print(other) || print(soft, again) == print(soft, soft) {
		t.Error("two findings have one fingerprint")
	}
}

// Forty findings of one rule are one in every form, with their number and places; the counts are
// those of all.
func TestDoctor_many_findings_of_one_rule_are_one(t *testing.T) {
	var all []finding.Finding
	for i := range 40 {
		all = append(all, finding.Finding{Rule: finding.ActionUnpinned, Code: fault.Lint, Severity: finding.Warning, File: ".github/workflows/a.yml", Line: i + 1, Column: 9,
			Message: "an action is not pinned", Found: fmt.Sprintf("a/b%d@v1", i), Wanted: "a commit", Hint: "pin it"}.By(finding.Workflows))
	}
	other := all[3]
	other.Rule, other.Line, other.Message = finding.GateSoft, 50, "soft"
	all = append(all, other)
	var text, doc, sarif bytes.Buffer
	if err := errors.Join(report.DoctorText(&text, all, report.Screen{}), report.DoctorJSON(&doc, "x", all), report.SARIF(&sarif, "x", "1", all)); err != nil {
		t.Fatal(err)
	}
	if s := text.String(); strings.Count(s, "action-unpinned") != 1 || !strings.Contains(s, ", 40 times") || !strings.Contains(s, "a.yml:2, .github/workflows/a.yml:3") ||
		!strings.Contains(s, "and 27 more") || !strings.Contains(s, "41 warnings") {
		t.Errorf("text:\n%s", s)
	}
	if s := doc.String(); strings.Count(s, `"rule"`) != 2 || !strings.Contains(s, `"count": 40`) || strings.Count(s, `"found"`) != 41 || !strings.Contains(s, `"warnings": 41`) {
		t.Errorf("JSON:\n%s", s)
	}
	if s := sarif.String(); strings.Count(s, `"ruleIndex"`) != 2 || strings.Count(s, `"startLine"`) != 41 {
		t.Errorf("SARIF:\n%s", s)
	}
	few := all[:3]
	text.Reset()
	if err := report.DoctorText(&text, few, report.Screen{}); err != nil || strings.Count(text.String(), "action-unpinned") != 3 {
		t.Errorf("three are told one by one:\n%s", text.String())
	}
}
