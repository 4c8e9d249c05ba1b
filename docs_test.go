package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/sallyport-dev/sallyport/internal/cli"
	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/report"
)

// pages are what a stranger reads; what they show is tried here.
func pages(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, name := range append(names, "README.md", "CONTRIBUTING.md", "SECURITY.md", "NEWS.md", "gitlab/README.md") {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(b)
	}
	return out
}

var fence = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")

// blocks returns the YAML blocks of all pages that match what.
func blocks(t *testing.T, what *regexp.Regexp) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, text := range pages(t) {
		for _, m := range fence.FindAllStringSubmatch(text, -1) {
			if what.MatchString(m[1]) {
				out[name+" "+m[1][:min(30, len(m[1]))]] = m[1]
			}
		}
	}
	return out
}

// under verifies an artifact without evidence under a policy, and returns the
// exit code: 3 if the policy can be read, 2 if not.
func under(t *testing.T, policy string) (code int, said string) {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{"dist/app": "x", "bundles/README": "none", "policy.yaml": policy} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	c := cli.Command{Version: "test", Getenv: func(string) string { return "" }, Stdout: &b, Stderr: &b}
	code = c.Run(context.Background(), []string{"verify", "--offline", "--policy", "policy.yaml", "--bundle", "bundles", "dist/app"})
	return code, b.String()
}

func TestDocs_policies_are_read_as_they_stand(t *testing.T) {
	policies := blocks(t, regexp.MustCompile(`(?m)^version: 1$`))
	// A configuration of the server is tried where the server is.
	maps.DeleteFunc(policies, func(_, text string) bool { return strings.Contains(text, "\nplatforms:\n") })
	if len(policies) != 11 {
		t.Fatalf("%d policies in the pages, want 11", len(policies))
	}
	own, err := os.ReadFile(".sallyport/policy.yaml") // what this repository's own release is let out by
	if err != nil {
		t.Fatal(err)
	}
	policies["ours"] = string(own)
	for name, text := range policies {
		t.Run(name, func(t *testing.T) {
			missing := "E_EVIDENCE_MISSING"
			if !strings.Contains(text, "dist/") {
				missing = `no artifact of the policy is called "dist/app"`
			}
			if code, said := under(t, text); code != 3 || !strings.Contains(said, missing) {
				t.Errorf("exit code %d, want 3:\n%s", code, said)
			}
			if code, said := under(t, strings.Replace(text, "requires:", "require:", 1)); code != 2 || !strings.Contains(said, `did you mean "requires"?`) {
				t.Errorf("misspelled: exit code %d, want 2:\n%s", code, said)
			}
		})
	}
}

var (
	component = regexp.MustCompile(`^\$CI_SERVER_FQDN/sallyport-dev/sallyport/(\w+)@`)
	action    = regexp.MustCompile(`^sallyport-dev/sallyport(?:/actions/(\w+))?@`)
	pinned    = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)
)

// use is one action or component that a block uses, with what it is given.
type use struct {
	name  string
	where inputs.Where
	given []string
}

// uses finds what a block uses of ours, and complains about others that are
// not pinned by a full commit.
func uses(t *testing.T, n *yaml.Node) []use {
	t.Helper()
	var out []use
	if n.Kind == yaml.MappingNode {
		values := map[string]*yaml.Node{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			values[n.Content[i].Value] = n.Content[i+1]
		}
		if u := values["uses"]; u != nil {
			if m := action.FindStringSubmatch(u.Value); m != nil {
				out = append(out, use{m[1], inputs.GitHub, keys(values["with"])})
			} else if !pinned.MatchString(u.Value) {
				t.Errorf("line %d: %q is not pinned by a full commit", u.Line, u.Value)
			}
		}
		if u := values["component"]; u != nil {
			m := component.FindStringSubmatch(u.Value)
			if m == nil {
				t.Fatalf("line %d: component %q", u.Line, u.Value)
			}
			out = append(out, use{m[1], inputs.GitLab, keys(values["inputs"])})
		}
	}
	for _, c := range n.Content {
		out = append(out, uses(t, c)...)
	}
	return out
}

func keys(n *yaml.Node) []string {
	var out []string
	for i := 0; n != nil && i < len(n.Content); i += 2 {
		out = append(out, n.Content[i].Value)
	}
	return out
}

func TestDocs_pipelines_use_inputs_that_exist(t *testing.T) {
	seen := map[inputs.Where]int{}
	for name, text := range blocks(t, regexp.MustCompile(`sallyport-dev/sallyport/`)) {
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, u := range uses(t, &doc) {
			if u.name == "" {
				u.name = "gate"
			}
			c, ok := inputs.Lookup(u.name)
			if !ok || !c.Where.In(u.where) {
				t.Errorf("%s: there is no %q", name, u.name)
			}
			for _, k := range u.given {
				if in, ok := c.Input(k); (!ok || !in.Where.In(u.where)) && !(u.where == inputs.GitLab && slices.Contains(c.Wiring(), k)) {
					t.Errorf("%s: %s has no input %q", name, u.name, k)
				}
			}
			for _, in := range c.Inputs {
				if in.Required && !slices.Contains(u.given, in.Name) {
					t.Errorf("%s: %s is not given %q", name, u.name, in.Name)
				}
			}
			seen[u.where]++
		}
	}
	if seen[inputs.GitHub] < 2 || seen[inputs.GitLab] < 2 {
		t.Errorf("uses = %v, want the two steps of each platform", seen)
	}
}

func TestDocs_name_only_flags_outputs_and_variables_that_exist(t *testing.T) {
	flags, outputs, variables := map[string]bool{}, map[string]bool{}, map[string]bool{"SALLYPORT_RELEASES": true, "SALLYPORT_TOKEN": true, "SALLYPORT_ID_TOKEN": true, "SALLYPORT_IDENTITY_TOKEN": true, "SALLYPORT_SERVER_TOKEN": true}
	for _, c := range inputs.All() {
		for _, i := range c.Inputs {
			flags[i.Name], variables[i.Env()] = true, true
		}
		for _, o := range c.Outputs {
			outputs[o.Name], variables[o.Env()] = true, true
		}
	}
	command := regexp.MustCompile(`(?m)^(?:\$ )?(?:bin/)?sallyport [^\n]*(?:\\\n[^\n]*)*`)
	flag := regexp.MustCompile(` --([a-z][a-z-]+)`)
	output := regexp.MustCompile(`steps\.gate\.outputs\.([a-z]+)`)
	variable := regexp.MustCompile(`SALLYPORT_[A-Z_]*[A-Z]`)
	found := 0
	for name, text := range pages(t) {
		for _, line := range command.FindAllString(text, -1) {
			for _, m := range flag.FindAllStringSubmatch(line, -1) {
				if found++; !flags[m[1]] {
					t.Errorf("%s: there is no flag --%s", name, m[1])
				}
			}
		}
		for _, m := range output.FindAllStringSubmatch(text, -1) {
			if found++; !outputs[m[1]] {
				t.Errorf("%s: there is no output %q", name, m[1])
			}
		}
		for _, v := range variable.FindAllString(text, -1) {
			if found++; !variables[v] && v != "SALLYPORT_NAME" && !strings.HasPrefix(v, "SALLYPORT_LAB_") {
				t.Errorf("%s: there is no variable %s", name, v)
			}
		}
	}
	if found < 20 {
		t.Errorf("%d names found, want more; the test reads the pages wrongly", found)
	}
}

func TestDocs_links_lead_somewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]*)(#[^)]*)?\)`)
	found, sections := 0, 0
	all := pages(t)
	for name, text := range all {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if found++; !exists(filepath.Join(filepath.Dir(name), m[1])) {
				t.Errorf("%s: %s leads nowhere", name, m[1])
			}
			to := filepath.Join(filepath.Dir(name), m[1])
			if m[1] == "" {
				to = name
			}
			if page, known := all[to]; m[2] != "" && known {
				if sections++; !anchors(page)[m[2]] {
					t.Errorf("%s: %s has no section %s", name, to, m[2])
				}
			}
		}
	}
	if found < 10 || sections < 10 {
		t.Errorf("%d links and %d to sections found, want more; the test reads the pages wrongly", found, sections)
	}
}

// anchors are the names that GitHub gives to the headings of a page, so that links can lead there.
func anchors(page string) map[string]bool {
	out := map[string]bool{}
	page = regexp.MustCompile("(?ms)^```.*?^```").ReplaceAllString(page, "")
	for _, m := range regexp.MustCompile(`(?m)^#+ +(.*)$`).FindAllStringSubmatch(page, -1) {
		text := regexp.MustCompile(`\]\([^)]*\)`).ReplaceAllString(m[1], "")
		text = regexp.MustCompile(`[^\pL\pN _-]`).ReplaceAllString(strings.ToLower(text), "")
		at := "#" + strings.ReplaceAll(text, " ", "-")
		for base, n := at, 1; out[at]; n++ {
			at = fmt.Sprintf("%s-%d", base, n)
		}
		out[at] = true
	}
	for _, m := range regexp.MustCompile(`<a (?:id|name)="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		out["#"+m[1]] = true
	}
	return out
}

// A placeholder is a link to the section that says what to put there.
func TestDocs_say_what_stands_for_a_commit(t *testing.T) {
	const there = "install.md#what-stands-for-commit"
	found := 0
	for name, text := range pages(t) {
		if !strings.Contains(text, "@<commit>") && !strings.Contains(text, "@COMMIT\n") {
			continue
		}
		if found++; name != "docs/install.md" && !strings.Contains(text, there) {
			t.Errorf("%s shows a placeholder and does not lead to %s", name, there)
		}
	}
	if found < 5 || !strings.Contains(pages(t)["docs/install.md"], "\n## What stands for `<commit>`\n") {
		t.Errorf("%d pages with a placeholder; the test reads the pages wrongly", found)
	}
}

// The README says that there is no release exactly until there is one: in the
// news of this branch, or in the record of a release's own commit.
func TestDocs_say_that_there_is_no_release_until_there_is_one(t *testing.T) {
	record, err := os.ReadFile("shared/release.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := pages(t)
	released := regexp.MustCompile(`(?m)^version v`).Match(record) || regexp.MustCompile(`(?m)^## v[0-9]`).MatchString(all["NEWS.md"])
	if says := strings.Contains(all["README.md"], "There is no release yet."); says == released {
		t.Errorf("the README says that there is no release: %t, and there is one: %t", says, released)
	}
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(mod)
	for _, want := range []string{`go-version: "` + string(m[1]) + `"`, "golang:" + string(m[1]) + "\n"} {
		if !strings.Contains(all["docs/install.md"], want) {
			t.Errorf("docs/install.md builds from source with another Go than %s", m[1])
		}
	}
}

// What docs/install.md tells Renovate finds the commit and the version of a
// component, and no commit that is not whole.
func TestDocs_tell_renovate_where_the_commit_is(t *testing.T) {
	m := regexp.MustCompile(`"matchStrings": (\[.*\])`).FindStringSubmatch(pages(t)["docs/install.md"])
	var patterns []string
	if m == nil || json.Unmarshal([]byte(m[1]), &patterns) != nil || len(patterns) != 1 {
		t.Fatalf("no pattern in %q", m)
	}
	pattern := regexp.MustCompile(patterns[0])
	id := strings.Repeat("0123456789", 4)
	line := "  - component: $CI_SERVER_FQDN/sallyport-dev/sallyport/gate@" + id + " # v1.2.3\n    inputs: {}"
	found := pattern.FindStringSubmatch(line)
	if found == nil || found[pattern.SubexpIndex("currentDigest")] != id || found[pattern.SubexpIndex("currentValue")] != "v1.2.3" {
		t.Errorf("it finds %q in %q", found, line)
	}
	for _, other := range []string{strings.Replace(line, id, id[1:], 1), strings.Replace(line, " # v1.2.3", "", 1)} {
		if pattern.MatchString(other) {
			t.Errorf("it finds something in %q", other)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestDocs_help_fits_a_terminal(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"help", "version"}, {"help", "gate"}, {"help", "attest"}, {"help", "verify"}, {"help", "trust"}} {
		var out, said bytes.Buffer
		c := cli.Command{Version: "test", Getenv: func(string) string { return "" }, Stdout: &out, Stderr: &said}
		if code := c.Run(context.Background(), args); code != 0 || out.Len() == 0 {
			t.Errorf("%q: exit code %d: %s", args, code, said.String())
		}
		for line := range strings.Lines(out.String()) {
			if n := len(strings.TrimSuffix(line, "\n")); n > report.Width {
				t.Errorf("%q: %d columns in %q, want at most %d", args, n, line, report.Width)
			}
		}
	}
}
