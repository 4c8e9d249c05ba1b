package finding_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/golden"
	"github.com/sallyport-dev/sallyport/internal/messages"
)

var update = flag.Bool("update", false, "rewrite the page that is written from the table")

func TestTable_says_everything_of_each_rule(t *testing.T) {
	id, threat := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`), regexp.MustCompile(`^[A-Z]\d\d$`)
	seen := map[string]bool{}
	for _, r := range finding.Rules() {
		if seen[r.String()] || !id.MatchString(r.String()) {
			t.Errorf("rule %d is called %q, want a name of its own", r, r)
		}
		seen[r.String()] = true
		for _, phrase := range []string{r.Title(), r.Step()} {
			if phrase == "" || strings.HasSuffix(phrase, ".") {
				t.Errorf("%s says %q, want a phrase", r, phrase)
			}
		}
		if m := r.Meaning(); !strings.HasSuffix(m, ".") || strings.Count(m, ". ") > 1 || m[0] < 'A' || m[0] > 'Z' {
			t.Errorf("%s means %q, want a sentence or two", r, m)
		}
		messages.Plain(t, r.Title(), r.Meaning(), r.Step())
		if text := r.Title() + r.Meaning() + r.Step(); strings.ContainsAny(text, "|<>`") {
			t.Errorf("%s says %q, which a table of a page does not hold", r, text)
		}
		if len(r.Readers()) == 0 {
			t.Errorf("%s is raised by nobody", r)
		}
		for _, x := range r.Threats() {
			if !threat.MatchString(x) {
				t.Errorf("%s stands for threat %q, want an id of the threat model", r, x)
			}
		}
	}
}

// A constant that misses its row, or has another's, would raise another rule.
func TestTable_has_a_row_for_each_constant(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "table.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
			for _, s := range g.Specs {
				names = append(names, s.(*ast.ValueSpec).Names[0].Name)
			}
		}
	}
	rules := finding.Rules()
	if len(names) != len(rules) {
		t.Fatalf("%d constants and %d rows", len(names), len(rules))
	}
	for i, r := range rules {
		if want := strings.ReplaceAll(r.String(), "-", ""); strings.ToLower(names[i]) != want {
			t.Errorf("the row of %s is that of %q", names[i], r)
		}
	}
}

func TestRule_that_is_none_is_in_no_document(t *testing.T) {
	for _, r := range []finding.Rule{finding.None, 255} {
		if _, err := json.Marshal(finding.Finding{Rule: r}); err == nil {
			t.Errorf("a finding of rule %d is written, want an error", r)
		}
		known := r.String() != "" || r.Threat(finding.Settings) != "" || len(r.Readers())+len(r.Threats()) > 0
		if known || r.Severity() != finding.Error {
			t.Errorf("rule %d is %q, want nothing known of it, and the worst", r, r)
		}
	}
	b, err := json.Marshal(finding.Finding{Rule: finding.GateSoft, Severity: finding.Note})
	if err != nil || !bytes.Contains(b, []byte(`"rule":"gate-soft","code":"","severity":"note"`)) {
		t.Errorf("document %s, %v", b, err)
	}
}

func TestFinding_has_the_threat_of_its_reader(t *testing.T) {
	f := finding.Finding{Rule: finding.GateSoft}
	if w, p := f.By(finding.Workflows).Threat, f.By(finding.Pipelines).Threat; w != "G03" || p != "H01" {
		t.Errorf("threats %q and %q, want G03 and H01", w, p)
	}
	f = finding.Finding{Rule: finding.TokenWrite, Threat: "I05"}
	if got := f.By(finding.Settings).Threat; got != "I05" {
		t.Errorf("threat %q, want what the finding said", got)
	}
	for _, x := range []struct {
		by     finding.Reader
		threat string
		want   bool
	}{{finding.Settings, "I05", true}, {finding.Workflows, "I05", false}, {finding.Settings, "G05", false}} {
		if got := finding.TokenWrite.Holds(x.by, x.threat); got != x.want {
			t.Errorf("%s for %s is held: %v, want %v", x.by, x.threat, got, x.want)
		}
	}
}

func TestSort_puts_the_worst_first_and_says_it_once(t *testing.T) {
	a := finding.Finding{Rule: finding.NoGate, Code: fault.Lint, File: "b", Line: 2}
	b, c, d := a, a, a
	b.Severity, c.File, d.Rule = finding.Warning, "a", finding.GateLate
	all := []finding.Finding{b, a, c, d, a}
	if got := finding.Sort(all); !slices.Equal(got, []finding.Finding{c, d, a, b}) {
		t.Errorf("sorted %+v", got)
	}
	if all[0] != b {
		t.Error("the list that was given has changed")
	}
}

// The page for people says what the table says.
func TestPage_of_rules_is_written_from_the_table(t *testing.T) {
	frame, err := template.ParseFiles("testdata/doctor.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	sorted := finding.Rules()
	slices.SortFunc(sorted, func(a, b finding.Rule) int { return strings.Compare(a.String(), b.String()) })
	var rows strings.Builder
	for _, r := range sorted {
		title := r.Title()
		fmt.Fprintf(&rows, "| <a id=\"%s\"></a>`%s` | **%s.** %s *Next:* %s. | %s | %s | %s |\n",
			r, r, strings.ToUpper(title[:1])+title[1:], r.Meaning(), r.Step(),
			r.Severity(), strings.Join(r.Threats(), ", "), readers(r))
	}
	var want bytes.Buffer
	if err := frame.Execute(&want, map[string]any{"Count": len(sorted), "Rows": rows.String()}); err != nil {
		t.Fatal(err)
	}
	golden.File(t, "../../docs/doctor.md", want.Bytes(), *update, "go test ./internal/finding -run Page -update")
}

func readers(r finding.Rule) string {
	var all []string
	for _, x := range r.Readers() {
		all = append(all, string(x))
	}
	return strings.Join(all, ", ")
}
