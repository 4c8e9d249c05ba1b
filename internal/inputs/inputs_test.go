package inputs

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the files that are written from the table")

const root = "../.."

// TestGenerated checks that the YAML and the page in the tree are what the
// table says.
func TestGenerated(t *testing.T) {
	files := generated(t)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		name := filepath.Join(root, path)
		if *update {
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, files[path], 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, files[path]) {
			t.Errorf("%s is not what the inputs table says; run go test ./internal/inputs -update", path)
		}
	}
}

func generated(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := Files(Release{Installer: read(t, "shared/install.sh"), Record: read(t, "shared/release.txt")})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTable(t *testing.T) {
	name := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	for _, c := range All() {
		seen := map[string]bool{}
		for _, i := range c.Inputs {
			if !name.MatchString(i.Name) || seen[i.Name] {
				t.Errorf("%s: input %q is malformed or there twice", c.Name, i.Name)
			}
			seen[i.Name] = true
			if i.Where == 0 || !c.Where.In(i.Where) {
				t.Errorf("%s: input %s is where its component is not", c.Name, i.Name)
			}
			if i.Secret && i.Where.In(Flag) {
				t.Errorf("%s: secret %s is a flag, which other users of the machine can read", c.Name, i.Name)
			}
			if (i.Kind == Choice) != (len(i.Choices) > 0) {
				t.Errorf("%s: input %s has choices %q for its kind", c.Name, i.Name, i.Choices)
			}
			if i.Kind == Choice && !i.Required && !slices.Contains(i.Choices, i.Default) {
				t.Errorf("%s: the default of %s is %q, want one of %q", c.Name, i.Name, i.Default, i.Choices)
			}
			if i.Kind == Bool && i.Default != "false" {
				t.Errorf("%s: the default of %s is %q, want false", c.Name, i.Name, i.Default)
			}
			if i.Required && i.Default != "" {
				t.Errorf("%s: %s is required and has the default %q", c.Name, i.Name, i.Default)
			}
		}
		for _, o := range c.Outputs {
			if !name.MatchString(o.Name) || !name.MatchString(o.Key(GitLab)) {
				t.Errorf("%s: output %q is malformed", c.Name, o.Name)
			}
		}
	}
}

// A variable that one job hands to the next wins over the variables that a
// component sets, so none may be an input of any component, and none may be
// another component's: what was attested is not what was allowed.
func TestG15_no_output_passes_for_something_else(t *testing.T) {
	owner := map[string]string{"SALLYPORT_TOKEN": "an input", "SALLYPORT_RELEASES": "the installer"}
	for _, c := range All() {
		for _, i := range c.Inputs {
			owner[i.Env()] = "an input"
		}
	}
	for _, c := range All() {
		for _, o := range c.Outputs {
			if was, taken := owner[o.Env()]; taken && o.Where.In(GitLab) {
				t.Errorf("output %s of %s is the variable %s of %s", o.Name, c.Name, o.Env(), was)
			}
			owner[o.Env()] = c.Name
		}
	}
}

func TestLookup(t *testing.T) {
	c, ok := Lookup("gate")
	if !ok || c.Name != "gate" {
		t.Fatalf("Lookup(%q) = %q, %v", "gate", c.Name, ok)
	}
	i, ok := c.Input("environment")
	if !ok || !i.Required || i.Env() != "SALLYPORT_ENVIRONMENT" {
		t.Errorf("input environment = %+v, %v", i, ok)
	}
	if _, ok := Lookup("nothing"); ok {
		t.Errorf("Lookup(%q) found something", "nothing")
	}
}

func TestWhere(t *testing.T) {
	if Where(0).In(Flag) || Everywhere.In(0) {
		t.Error("nowhere is somewhere")
	}
	if !Everywhere.In(GitLab) || GitHub.In(GitLab) {
		t.Error("a place is mistaken for another")
	}
}

func TestValues(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{" \n\t\n", nil},
		{"dist/*", []string{"dist/*"}},
		{"a b\r\n  c  \n\nd", []string{"a b", "c", "d"}},
		{`["dist/a b", "c"]`, []string{"dist/a b", "c"}},
		{`[ab]*`, []string{"[ab]*"}},
		{`[1]`, []string{"[1]"}},
		{`[]`, []string{}},
		{`null`, nil},
		{`["a", 1]`, []string{`["a", 1]`}},
	} {
		if got := Values(tt.text); !slices.Equal(got, tt.want) {
			t.Errorf("Values(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}
