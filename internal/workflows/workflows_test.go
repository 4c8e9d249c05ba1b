package workflows_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/raised"
	"github.com/sallyport-dev/sallyport/internal/workflows"
)

const sha = "@08c6903cd8c0fde910a37f88322edcfb5dd907a8"

// inJob has its gate in the job that deploys.
const inJob = `on: {push: {branches: [main]}}
permissions: {}
jobs:
  build:
    runs-on: ubuntu-latest
    permissions: {contents: read, id-token: write, attestations: write}
    steps:
      - uses: actions/checkout@SHA # v5.0.0
      - run: make dist
      - id: attest
        uses: sallyport-dev/sallyport/actions/attest@SHA
        with: {subject: dist/*}
  production:
    needs: build
    runs-on: ubuntu-latest
    environment: production
    permissions: {contents: read}
    steps:
      - uses: actions/checkout@SHA # v5.0.0
      - run: mkdir -p dist
      - id: gate
        uses: sallyport-dev/sallyport@SHA # the gate
        with:
          subject: dist/*
          environment: production
      - name: deploy
        run: ./deploy.sh "$DIGESTS"
        env: {DIGESTS: "${{ steps.gate.outputs.digests }}"}
`

// needed has its gate in a job of its own, and a job between that and the one
// that deploys.
const needed = `on:
  push: {branches: [main]}
permissions: {}
jobs:
  gate:
    runs-on: ubuntu-latest
    permissions: {contents: read}
    outputs:
      digests: ${{ steps.gate.outputs.digests }}
    steps:
      - id: gate
        uses: sallyport-dev/sallyport@SHA
        with: {subject: dist/*, environment: production}
  announce:
    needs: gate
    runs-on: ubuntu-latest
    steps:
      - run: ./announce.sh
  production:
    needs: [gate, announce]
    runs-on: ubuntu-latest
    environment: production
    steps:
      - run: ./deploy.sh "$DIGESTS"
        env: {DIGESTS: "${{ needs.gate.outputs.digests }}"}
`

var want = workflows.Want{Environments: []string{"staging", "production"}, Action: "sallyport-dev/sallyport"}

// A change is a text of a clean workflow and what stands there instead.
type change struct{ old, new string }

func edit(t *testing.T, base string, changes ...change) string {
	t.Helper()
	for _, c := range changes {
		if !strings.Contains(base, c.old) {
			t.Fatalf("the fixture does not hold %q", c.old)
		}
		base = strings.Replace(base, c.old, c.new, 1)
	}
	return base
}

func check(t *testing.T, text string, w workflows.Want) []finding.Finding {
	t.Helper()
	found, err := workflows.Check("w.yml", []byte(strings.ReplaceAll(text, "@SHA", sha)), w)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return raised.Note(found)
}

func show(found []finding.Finding) string {
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintf(&b, "\n  %s:%d:%d %s %s %s: %s (found %q, wanted %q)", f.File, f.Line, f.Column, f.Severity, f.Rule, f.Threat, f.Message, f.Found, f.Wanted)
	}
	return b.String()
}

// settled leaves out what is true of every job whose gate is in another job, and
// has tests of its own.
func settled(found []finding.Finding) []finding.Finding {
	return slices.DeleteFunc(found, func(f finding.Finding) bool { return f.Rule == finding.GateReused })
}

// silent checks that text has no finding at all.
func silent(t *testing.T, text string) {
	t.Helper()
	if found := check(t, text, want); len(found) != 0 {
		t.Fatalf("findings = %s\nwant none in\n%s", show(found), text)
	}
}

// trips checks that text has this one finding and nothing else.
func trips(t *testing.T, text string, rule finding.Rule, s finding.Severity) finding.Finding {
	t.Helper()
	found := check(t, text, want)
	if rule != finding.GateReused {
		found = settled(found)
	}
	if len(found) != 1 || found[0].Rule != rule || found[0].Severity != s {
		t.Fatalf("findings = %s\nwant one %s %s in\n%s", show(found), s, rule, text)
	}
	return found[0]
}

func clean(t *testing.T, text string) {
	t.Helper()
	if found := settled(check(t, text, want)); len(found) != 0 {
		t.Fatalf("findings = %s\nwant none in\n%s", show(found), text)
	}
}

// each checks one mistake on a base that is clean without it. A change of
// another base brings it along.
func each(t *testing.T, base string, rule finding.Rule, s finding.Severity, cases map[string][]change) {
	t.Helper()
	clean(t, base)
	for name, changes := range cases {
		t.Run(name, func(t *testing.T) { trips(t, edit(t, base, changes...), rule, s) })
	}
}

func passes(t *testing.T, base string, cases map[string][]change) {
	t.Helper()
	for name, changes := range cases {
		t.Run("clean: "+name, func(t *testing.T) { clean(t, edit(t, base, changes...)) })
	}
}

const deployStep = "      - name: deploy\n"

func TestG04_what_is_not_understood_is_not_called_good(t *testing.T) {
	each(t, inJob, finding.Syntax, finding.Error, map[string][]change{
		"a quoted true":   {{"      - id: gate\n", "      - id: gate\n        continue-on-error: 'no'\n"}},
		"the same twice":  {{"    environment: production\n", "    environment: production\n    environment: dev\n"}},
		"a step of none":  {{"      - run: mkdir -p dist\n", "      - name: nothing\n      - run: mkdir -p dist\n"}},
		"needs in a need": {{"    needs: build\n", "    needs: {build: 1}\n"}},
	})
	each(t, inJob, finding.Syntax, finding.Warning, map[string][]change{
		"a new key": {{"    environment: production\n", "    environment: production\n    retries: 3\n"}},
	})
	passes(t, inJob, map[string][]change{
		"an anchor without use": {{"    environment: production\n", "    environment: &e production\n"}},
	})
}

func TestCheck_reads_anchors_as_what_they_stand_for(t *testing.T) {
	const anchored = `on: push
permissions: {}
jobs:
  staging:
    runs-on: ubuntu-latest
    environment: staging
    steps:
      - &gate
        id: gate
        continue-on-error: &soft false
        uses: sallyport-dev/sallyport@SHA
        with: {environment: staging}
      - &deploy {run: ./deploy.sh, continue-on-error: *soft}
  production:
    runs-on: ubuntu-latest
    environment: production
    steps:
      - {uses: sallyport-dev/sallyport@SHA, with: {environment: production}}
      - *deploy
`
	clean(t, anchored)
	found := check(t, edit(t, anchored, change{"&soft false", "&soft True"}), want)
	if len(found) != 1 || found[0].Rule != finding.GateSoft {
		t.Errorf("findings = %s\nwant gate-soft", show(found))
	}
	trips(t, edit(t, anchored, change{"      - {uses: sallyport-dev/sallyport@SHA, with: {environment: production}}", "      - *gate"}), finding.GateOtherEnvironment, finding.Error)
}

func TestCheck_finds_nothing_in_what_we_show_and_use(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(readme), "# .github/workflows/release.yml\n")
	text, _, _ = strings.Cut(text, "```")
	silent(t, strings.ReplaceAll(text, "@<commit>", "@SHA"))
	for _, root := range []string{"../../e2e/sample", "../.."} {
		w := want
		if root == "../.." {
			w = workflows.Want{Environments: []string{"release"}, Action: want.Action, Repository: want.Action}
		}
		files, err := workflows.Files(os.DirFS(root))
		if err != nil || len(files) == 0 {
			t.Fatalf("files of %s = %v, %v", root, files, err)
		}
		for _, name := range files {
			raw, err := os.ReadFile(filepath.Join(root, name))
			if err != nil {
				t.Fatal(err)
			}
			found := check(t, string(raw), w)
			if len(found) != 0 {
				t.Errorf("%s/%s: findings = %s\nwant none", root, name, show(found))
			}
		}
	}
}

func TestCheck_says_where_and_what_next(t *testing.T) {
	f := trips(t, edit(t, inJob, change{"      - id: gate\n", "      - id: gate\n        continue-on-error: true\n"}), finding.GateSoft, finding.Error)
	if f.File != "w.yml" || f.Line != 22 || f.Column != 28 || f.Threat != "G03" || f.Found != "continue-on-error: true" || f.Hint == "" {
		t.Errorf("finding = %+v, want the place of true", f)
	}
}

func TestCheck_refuses_what_it_cannot_read(t *testing.T) {
	bomb := "on: push\nenv:\n  a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'j'; c++ {
		bomb += fmt.Sprintf("  %c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", c-1), 9), ", "))
	}
	for name, c := range map[string]struct {
		text string
		code fault.Code
	}{
		"nothing":           {"", fault.Lint},
		"not YAML":          {"a: [", fault.Lint},
		"not a workflow":    {"a: b", fault.Lint},
		"a list":            {"- a", fault.Lint},
		"no jobs":           {"on: push\njobs: {}", fault.Lint},
		"a second document": {inJob + "---\n" + inJob, fault.Lint},
		"a hidden document": {inJob + "---\n---\n" + inJob, fault.Lint},
		"after an end":      {inJob + "...\n" + inJob, fault.Lint},
		"too much":          {inJob + strings.Repeat("# x\n", workflows.MaxBytes/4), fault.Limit},
		"too many jobs":     {"on: push\njobs:\n" + strings.Repeat("  j: {}\n", 1) + manyJobs(workflows.MaxJobs), fault.Limit},
		"aliases of aliases": {bomb + `jobs:
  x: {runs-on: x, strategy: {matrix: {a: [*i]}}, steps: [{run: x}]}
`, fault.Limit},
	} {
		found, err := workflows.Check("w.yml", []byte(c.text), want)
		if got := fault.Of(err); err == nil || got.Code != c.code || got.Kind != fault.Usage {
			t.Errorf("%s: findings = %v, error = %v (%s), want %s", name, found, err, got.Code, c.code)
		}
	}
	if _, err := workflows.Check("w.yml", []byte("---\n"+strings.ReplaceAll(inJob, "@SHA", sha)+"...\n"), want); err != nil {
		t.Errorf("error = %v, want none for one document", err)
	}
}

func manyJobs(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  j%d: {runs-on: x, steps: [{run: x}]}\n", i)
	}
	return b.String()
}

func TestCheck_survives_jobs_that_wait_for_each_other(t *testing.T) {
	text := edit(t, needed, change{"    needs: gate\n", "    needs: [gate, production]\n    if: always()\n"})
	found := check(t, text, want)
	if slices.ContainsFunc(found, func(f finding.Finding) bool { return f.Rule == finding.NoGate }) {
		t.Errorf("findings = %s", show(found))
	}
	var b strings.Builder
	b.WriteString("on: push\npermissions: {}\njobs:\n  a0: {runs-on: x, steps: [{uses: sallyport-dev/sallyport@SHA, with: {environment: production}}]}\n  b0: {needs: a0, runs-on: x, steps: [{run: x}]}\n")
	for i := 1; i < 200; i++ {
		for _, c := range "ab" {
			fmt.Fprintf(&b, "  %c%d: {needs: [a%d, b%d], runs-on: x, steps: [{run: x digest}], environment: production}\n", c, i, i-1, i-1)
		}
	}
	clean(t, b.String())
}

func TestFiles_lists_what_the_platform_runs(t *testing.T) {
	root := fstest.MapFS{
		".github/workflows/b.yaml":     {Data: []byte("x")},
		".github/workflows/a.yml":      {Data: []byte("x")},
		".github/workflows/README.md":  {Data: []byte("x")},
		".github/workflows/deep/c.yml": {Data: []byte("x")},
	}
	got, err := workflows.Files(root)
	if want := []string{".github/workflows/a.yml", ".github/workflows/b.yaml"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("files = %v, %v, want %v", got, err, want)
	}
	if got, err := workflows.Files(fstest.MapFS{}); err != nil || len(got) != 0 {
		t.Errorf("files = %v, %v, want none", got, err)
	}
	root[".github/workflows/big.yml"] = &fstest.MapFile{Data: make([]byte, workflows.MaxBytes+1)}
	if _, err := workflows.Files(root); fault.Of(err).Code != fault.Limit {
		t.Errorf("error = %v, want a limit", err)
	}
	delete(root, ".github/workflows/big.yml")
	root[".github/workflows/d.yml"] = &fstest.MapFile{Mode: os.ModeSymlink}
	if _, err := workflows.Files(root); fault.Of(err).Code != fault.Path {
		t.Errorf("error = %v, want a path", err)
	}
	delete(root, ".github/workflows/d.yml")
	for i := range workflows.MaxFiles {
		root[fmt.Sprintf(".github/workflows/n%d.yml", i)] = &fstest.MapFile{}
	}
	if _, err := workflows.Files(root); fault.Of(err).Code != fault.Limit {
		t.Errorf("error = %v, want a limit", err)
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{inJob, needed, approve, "", "a: [", "on: push\njobs:\n  a: {uses: x/y@z, needs: a, if: '${{', steps: [{run: 'a <<'}]}"} {
		f.Add([]byte(strings.ReplaceAll(s, "@SHA", sha)))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		found, err := workflows.Check("w.yml", raw, want)
		if err != nil && fault.Of(err).Kind != fault.Usage {
			t.Fatalf("error = %v, want one of usage", err)
		}
		for _, x := range found {
			if x.Rule == finding.None || x.Threat == "" || x.Message == "" || x.Hint == "" || x.Line < 1 || x.Column < 1 {
				t.Fatalf("finding = %+v", x)
			}
		}
	})
}
