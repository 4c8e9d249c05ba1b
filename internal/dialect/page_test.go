package dialect

import (
	"bytes"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/sallyport-dev/sallyport/internal/golden"
)

var update = flag.Bool("update", false, "rewrite docs/builders.md")

// The page about builders says what the table says.
func TestPage_is_written_from_the_table(t *testing.T) {
	frame, err := template.New("builders.md.tmpl").Funcs(template.FuncMap{"code": code, "compared": compared, "chosen": chosen, "told": told, "source": source}).ParseFiles("testdata/builders.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := frame.Execute(&want, map[string]any{"Table": Table}); err != nil {
		t.Fatal(err)
	}
	golden.File(t, "../../docs/builders.md", want.Bytes(), *update, "go test ./internal/dialect -update")
}

func code(s string) string { return "`" + s + "`" }

// compared are the rows of the members that have a counterpart.
func compared(d Dialect) string {
	var b strings.Builder
	member := v1Builder
	if d.Predicate == ProvenanceV02 {
		member = v02Builder
	}
	row := func(member, want string) { fmt.Fprintf(&b, "| %s | %s |\n", code(member), want) }
	row(member, d.Builder.String())
	for _, e := range d.Equal {
		want := e.Want.String()
		if e.Or != 0 {
			want += ", or " + e.Or.String()
		}
		if e.Optional {
			want += "; may be absent"
		}
		if d.Elsewhere && e.Want == JobID {
			want += "; not with `signed-in: another-job`"
		}
		row(e.Member, want)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func source(d Dialect) string {
	if d.Source.Exactly < 0 {
		return code(d.Source.List) + ": empty."
	}
	if d.Source.List == "" {
		return ""
	}
	n := "one of them is"
	switch d.Source.Exactly {
	case 1:
		n = "exactly one, which is"
	case 2:
		n = "exactly two, one of which is"
	}
	return fmt.Sprintf("%s: %s %s with the commit [13] under %s.", code(d.Source.List), n, d.Source.URI, code(d.Source.Digest))
}

func chosen(d Dialect) string {
	var out []string
	for _, c := range d.Chosen {
		s := code(c.Member)
		if n := len(c.Known); n > 0 && n < 6 {
			var names []string
			for _, k := range c.Known {
				names = append(names, code(k))
			}
			s += " besides " + strings.Join(names, ", ")
		} else if n >= 6 {
			s += " besides the variables that GitLab itself sets"
		}
		if c.Prefix != "" {
			s += ", for a policy with " + code(c.Prefix) + " in front"
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func told(d Dialect) string {
	return map[InputsForm]string{
		InputsTold:    "All names are in the text.",
		InputsUntold:  "The names are never in the text.",
		InputsMarked:  "The names are in the text if `externalParameters.inputs` is.",
		VariablesTold: "The names are in the text if `externalParameters.inputs` or `externalParameters.variables` is.",
		ArgsIfMax:     "The names are in the text if the builder says that they are complete (`mode=max`).",
	}[d.Inputs]
}

// Every entry has a name of its own, and a person learns from the page who
// writes it.
func TestPage_names_every_entry_once(t *testing.T) {
	var names []string
	for _, d := range Table {
		if slices.Contains(names, d.Name) || d.Written == "" || strings.ContainsAny(d.Name, "|\n") {
			t.Errorf("entry %q is named twice, or says nothing about who writes it", d.Name)
		}
		names = append(names, d.Name)
	}
}
