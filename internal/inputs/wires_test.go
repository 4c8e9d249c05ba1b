package inputs

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// wires returns every YAML file of ours that a platform runs, by its path.
func wires(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, pattern := range []string{"action.yml", "actions/*/action.yml", "templates/*/template.yml", ".github/workflows/*.yml", "gitlab/*.yml"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %d files: %v", pattern, len(names), err)
		}
		for _, name := range names {
			path, err := filepath.Rel(root, name)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.ToSlash(path)] = read(t, path)
		}
	}
	return all
}

// scripts returns the text of every script in the YAML document.
func scripts(t *testing.T, content []byte) []string {
	t.Helper()
	var found []string
	dec := yaml.NewDecoder(strings.NewReader(string(content)))
	for {
		var doc yaml.Node
		if err := dec.Decode(&doc); err != nil {
			return found
		}
		visit(&doc, func(key, value *yaml.Node) {
			switch key.Value {
			case "run", "script", "before_script", "after_script":
				found = append(found, texts(value)...)
			}
		})
	}
}

// visit calls f for every key and value below n.
func visit(n *yaml.Node, f func(key, value *yaml.Node)) {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			f(n.Content[i], n.Content[i+1])
		}
	}
	for _, child := range n.Content {
		visit(child, f)
	}
}

// texts returns every text in or below n.
func texts(n *yaml.Node) []string {
	if n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	var all []string
	for _, child := range n.Content {
		all = append(all, texts(child)...)
	}
	return all
}

var (
	expression = regexp.MustCompile(`\$\{\{|\$\[\[`)
	pinned     = regexp.MustCompile(`^\s*(?:- )?uses: ([a-z-]+/[a-z/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\./(?:actions/[a-z]+)?)$`)
	uses       = regexp.MustCompile(`^\s*(?:- )?["']?uses["']?\s*:`)
)

// quoted is an input of a component between single quotes, where every character
// that its shape allows is text.
var quoted = regexp.MustCompile(`(?m)^  --with '([a-z-]+)=\$\[\[ inputs\.([a-z-]+) \]\]'( \\)?$`)

// bare returns a script without the inputs that are quoted under their own name.
func bare(script string) string {
	return quoted.ReplaceAllStringFunc(script, func(line string) string {
		if m := quoted.FindStringSubmatch(line); m[1] != m[2] {
			return line
		}
		return ""
	})
}

// A value that stands inside a script is code, except an input of a component
// between single quotes that no value can end.
func TestG17_no_expression_inside_a_script(t *testing.T) {
	n := 0
	for path, content := range wires(t) {
		for _, s := range scripts(t, content) {
			n++
			if e := expression.FindString(bare(s)); e != "" {
				t.Errorf("%s: a script holds %q: %s", path, e, s)
			}
		}
	}
	if n < 20 {
		t.Errorf("looked at %d scripts, which cannot be all", n)
	}
	for _, bad := range []string{"steps:\n- run: echo ${{ inputs.x }}\n", "spec:\n---\na:\n  script:\n  - [\"echo $[[ inputs.x ]]\"]\n", "a: {after_script: '$[[ inputs.x ]]'}\n",
		"script:\n- |\n  x \\\n    --with \"a=$[[ inputs.a ]]\"\n", "script:\n- |\n  x \\\n    --with 'a=$[[ inputs.b ]]'\n", "script:\n- |\n  x --with 'a=$[[ inputs.a ]]'\n",
		"script:\n- |\n  x \\\n    --with 'a=${{ inputs.a }}'\n"} {
		if s := scripts(t, []byte(bad)); len(s) != 1 || !expression.MatchString(bare(s[0])) {
			t.Errorf("the check overlooks %q", bad)
		}
	}
}

func TestP01_every_action_is_pinned(t *testing.T) {
	n := 0
	for path, content := range wires(t) {
		for _, line := range unpinned(content, &n) {
			t.Errorf("%s: %q, want a full commit SHA and a comment with its version", path, line)
		}
	}
	if n < 10 {
		t.Errorf("looked at %d uses, which cannot be all", n)
	}
	for _, bad := range []string{"uses: actions/checkout@v5", "- uses: actions/checkout@08c6903", "uses: docker://alpine", "\"uses\": a/b@main",
		"uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "uses: ../../x"} {
		if len(unpinned([]byte(bad), &n)) != 1 {
			t.Errorf("the check overlooks %q", bad)
		}
	}
}

func unpinned(content []byte, n *int) []string {
	var lines []string
	for line := range strings.Lines(string(content)) {
		line = strings.TrimRight(line, "\n")
		if !uses.MatchString(line) {
			continue
		}
		*n++
		if !pinned.MatchString(line) {
			lines = append(lines, line)
		}
	}
	return lines
}

type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		Permissions map[string]string
		Secrets     any
		Steps       []struct {
			Uses string
			With map[string]any
		}
	}
}

// allowed is every permission that a job of ours has. A job that is not here
// has none.
var allowed = map[string]map[string]string{
	"ci.yml test":         {"contents": "read"},
	"ci.yml installer":    {"contents": "read"},
	"ci.yml windows":      {"contents": "read"},
	"nightly.yml nightly": {"contents": "read"},
	"release.yml build":   {"contents": "read"},
	"release.yml test":    {"contents": "read"},
	"release.yml record":  {"contents": "write"},
	"release.yml attest":  {"contents": "read", "id-token": "write", "attestations": "write"},
	"release.yml publish": {"contents": "write", "attestations": "read", "actions": "read", "deployments": "read"},
}

func TestP04_workflow_permissions(t *testing.T) {
	seen := map[string]bool{}
	for path, content := range wires(t) {
		if !strings.HasPrefix(path, ".github/") {
			continue
		}
		var w workflow
		if err := yaml.Unmarshal(content, &w); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if w.Permissions == nil || len(w.Permissions) > 0 {
			t.Errorf("%s: permissions of the whole workflow are %v, want {}", path, w.Permissions)
		}
		for name, job := range w.Jobs {
			key := filepath.Base(path) + " " + name
			seen[key] = true
			if !maps.Equal(job.Permissions, allowed[key]) {
				t.Errorf("%s: permissions are %v, want %v", key, job.Permissions, allowed[key])
			}
			if job.Secrets != nil {
				t.Errorf("%s: secrets are handed on: %v", key, job.Secrets)
			}
			for _, step := range job.Steps {
				if strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["persist-credentials"] != false {
					t.Errorf("%s: a checkout keeps its credentials", key)
				}
				if strings.HasPrefix(step.Uses, "actions/setup-go@") && strings.HasPrefix(key, "release.yml ") && step.With["cache"] != false {
					t.Errorf("%s: F12: a release reads a cache that other workflows write", key)
				}
			}
		}
	}
	for key := range allowed {
		if !seen[key] {
			t.Errorf("%s: no such job", key)
		}
	}
}

// The job that may sign builds nothing: its scripts are one line that puts a
// file in place, and its actions are ours and the platform's.
func TestF10_signing_job_runs_nothing_else(t *testing.T) {
	var w struct {
		Jobs map[string]struct{ Steps []struct{ Uses, Run string } }
	}
	if err := yaml.Unmarshal(read(t, ".github/workflows/release.yml"), &w); err != nil {
		t.Fatal(err)
	}
	want := []string{"actions/checkout", "actions/download-artifact", `install -D dist/sallyport_linux_amd64 "$RUNNER_TEMP/sallyport.dist/sallyport"`, "./actions/attest", "actions/upload-artifact"}
	var got []string
	for _, step := range w.Jobs["attest"].Steps {
		name, _, _ := strings.Cut(step.Uses, "@")
		got = append(got, name+step.Run)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the signing job does %q, want %q", got, want)
	}
}

// The twins say the same things in the same order: every input of one is an
// input of the other unless the table says where it is not.
func TestTwins(t *testing.T) {
	names := func(c Component, place Where, path string, key string) []string {
		var doc yaml.Node
		if err := yaml.Unmarshal(read(t, path), &doc); err != nil {
			t.Fatal(err)
		}
		var got []string
		visit(&doc, func(k, v *yaml.Node) {
			if k.Value == key && v.Kind == yaml.MappingNode && got == nil {
				for i := 0; i < len(v.Content); i += 2 {
					got = append(got, v.Content[i].Value)
				}
			}
		})
		var want []string
		for _, i := range on(place, c.Inputs) {
			want = append(want, i.Name)
		}
		if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
			t.Errorf("%s: inputs are %q, want %q", path, got, want)
		}
		return got
	}
	for _, c := range All() {
		if !c.Where.In(GitHub | GitLab) {
			continue
		}
		a := names(c, GitHub, actionPath(c), "inputs")
		b := names(c, GitLab, "templates/"+c.Name+"/template.yml", "inputs")
		a = slices.DeleteFunc(a, func(s string) bool { i, _ := c.Input(s); return s == "token" || !i.Where.In(GitLab) })
		b = slices.DeleteFunc(b, func(s string) bool { return s == "network" })
		if !slices.Equal(append(a, c.Wiring()...), b) {
			t.Errorf("%s: the twins differ: %q and %q", c.Name, a, b)
		}
	}
}

// Only the job that signs has a token for the certificate authority, and only one that asks under a policy has a token
// for Sallyport. Each audience is a literal.
func TestF10_only_what_signs_has_an_identity(t *testing.T) {
	for _, c := range All() {
		if !c.Where.In(GitLab) {
			continue
		}
		text := string(read(t, "templates/"+c.Name+"/template.yml"))
		_, asks := c.Input("policy")
		for token, want := range map[string]bool{
			"\n    SIGSTORE_ID_TOKEN: {aud: '$[[ inputs.audience ]]'}\n": c.Identity == Signs, "\n    SALLYPORT_ID_TOKEN: {aud: sallyport-gate}\n": asks,
		} {
			if got := strings.Contains(text, token); got != want {
				t.Errorf("%s: asks for %q: %t, want %t", c.Name, token, got, want)
			}
		}
	}
}

// What the command reads, its own step or job hands over, if only as nothing.
func TestE13_every_input_is_handed_over_where_its_command_runs(t *testing.T) {
	for _, c := range All() {
		for _, i := range c.Inputs {
			if component := "templates/" + c.Name + "/template.yml"; c.Where.In(GitLab) && i.Where.In(GitLab) && !i.Secret {
				if !strings.Contains(string(read(t, component)), "--with '"+i.Name+"=$[[ inputs."+i.Name+" ]]'") {
					t.Errorf("%s: does not hand over %s", component, i.Name)
				}
			}
			if !c.Where.In(GitHub) || !i.Where.In(GitHub) {
				continue
			}
			var a struct {
				Inputs map[string]struct{ Default *string }
			}
			if err := yaml.Unmarshal(read(t, actionPath(c)), &a); err != nil {
				t.Fatal(err)
			}
			if a.Inputs[i.Name].Default == nil {
				t.Errorf("%s: %s has no default, so a runner may leave it out", actionPath(c), i.Name)
			}
			if !strings.Contains(string(read(t, mainPath(c))), "{ name: '"+i.Name+"'") {
				t.Errorf("%s: does not read %s", mainPath(c), i.Name)
			}
		}
	}
}

// What an action is told, it tells the command by a flag. What is no flag it
// could not tell.
func TestTwinsOfFlags(t *testing.T) {
	for _, c := range All() {
		for _, i := range on(GitHub, c.Inputs) {
			if i.Secret == i.Where.In(Flag) {
				t.Errorf("%s: input %s: a flag is %v, a secret is %v", c.Name, i.Name, i.Where.In(Flag), i.Secret)
			}
		}
	}
}

// The runner starts one file with Node. Nothing of an action is a script.
func TestActionsAreNoScripts(t *testing.T) {
	for _, c := range All() {
		if !c.Where.In(GitHub) {
			continue
		}
		var a struct{ Runs map[string]string }
		if err := yaml.Unmarshal(read(t, actionPath(c)), &a); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"using": "node24", "main": strings.TrimPrefix(mainPath(c), strings.TrimSuffix(actionPath(c), "action.yml"))}
		if !maps.Equal(a.Runs, want) {
			t.Errorf("%s: runs %v, want %v", actionPath(c), a.Runs, want)
		}
	}
}

// An artifact replaces what is checked out, so no component hands on a folder
// that holds the policy.
func TestE13_artifacts_do_not_carry_the_policy(t *testing.T) {
	for _, c := range All() {
		if !c.Where.In(GitLab) {
			continue
		}
		for _, path := range (component{c, ""}).Paths() {
			if strings.Contains(path, "policy") || strings.Trim(path, "'/") == ".sallyport" || strings.Trim(path, "'/") == "." {
				t.Errorf("%s: artifacts hold %s", c.Name, path)
			}
		}
	}
}

// A job that later jobs need hands something on, and names no report that it does not write.
func TestArtifactsAreNamed(t *testing.T) {
	for _, c := range All() {
		if !c.Where.In(GitLab) {
			continue
		}
		_, jobs, _ := strings.Cut(string(read(t, "templates/"+c.Name+"/template.yml")), "\n---\n")
		var all map[string]struct {
			Artifacts struct {
				Paths   []string
				Reports map[string]string
			}
		}
		if err := yaml.Unmarshal([]byte(jobs), &all); err != nil {
			t.Fatal(err)
		}
		for name, job := range all {
			if len(job.Artifacts.Paths) == 0 {
				t.Errorf("%s: job %s hands on nothing", c.Name, name)
			}
			if _, tells := job.Artifacts.Reports["dotenv"]; tells != (len(outputsOn(GitLab, c.Outputs)) > 0) && !c.Within {
				t.Errorf("%s: job %s has a file of outputs: %t", c.Name, name, tells)
			}
		}
	}
	rebuild, _ := Lookup("rebuild")
	want := []string{"'$[[ inputs.reproduction ]]'", "'$[[ inputs.html ]]'"}
	if got := (component{rebuild, ""}).Paths(); !slices.Equal(got, want) {
		t.Errorf("rebuild hands on %q, want %q", got, want)
	}
}

// H01: a gate that may fail is no gate.
func TestH01_no_job_may_fail(t *testing.T) {
	for path, content := range wires(t) {
		s := string(content)
		if strings.HasPrefix(path, "templates/") && strings.Count(s, "\n  allow_failure: false\n") != 1 {
			t.Errorf("%s: does not say allow_failure: false", path)
		}
		if strings.Contains(s, "allow_failure: true") || strings.Contains(s, "continue-on-error") || strings.Contains(s, "always()") {
			t.Errorf("%s: goes on after a failure", path)
		}
	}
}

// A secret travels only in a variable of its own, and is a flag nowhere.
func TestF08_no_secret_in_a_script(t *testing.T) {
	for path, content := range wires(t) {
		for _, s := range scripts(t, content) {
			if strings.Contains(s, "SALLYPORT_TOKEN") || strings.Contains(s, "SIGSTORE_ID_TOKEN") {
				t.Errorf("%s: a script names a secret: %s", path, s)
			}
		}
	}
}

// Between single quotes, a shell takes everything for text but a single quote. No
// input of a component can have one, nor what a shell or YAML could read otherwise.
func TestG17_no_value_of_a_component_ends_its_quotes(t *testing.T) {
	n := 0
	for _, c := range All() {
		if !c.Where.In(GitLab) {
			continue
		}
		for _, i := range (component{Component: c}).Inputs() {
			n++
			if i.Kind == Bool || len(i.Choices) > 0 {
				continue
			}
			shape := regexp.MustCompile(i.Pattern())
			for _, bad := range []string{"'", `\`, "a\nb", "a\rb", "a' b", "'; curl x; '"} {
				if shape.MatchString(bad) {
					t.Errorf("%s: input %s may be %q", c.Name, i.Name, bad)
				}
			}
			if !i.Required && !shape.MatchString(i.Default) {
				t.Errorf("%s: the default of input %s, %q, has not its shape", c.Name, i.Name, i.Default)
			}
		}
	}
	if n < 40 {
		t.Errorf("looked at %d inputs, which cannot be all", n)
	}
}
