package workflows_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/workflows"
)

const (
	at     = "1111111111111111111111111111111111111111"
	theirs = "2222222222222222222222222222222222222222"
	top    = ".github/workflows/release.yml"
)

// released is a run of acme/app that release.yml of that repository signed. Files are named
// by their paths, and those of other repositories as owner/name/path.
func released(files map[string]string) workflows.Release {
	place := workflows.Place{Repository: "acme/app", Commit: at, Path: top}
	return workflows.Release{
		Repository: "acme/app", Commit: at, Top: place, Signer: place, Action: "sallyport-dev/sallyport",
		Called: func(string) string { return "" },
		Read: func(p workflows.Place) ([]byte, error) {
			name, want := p.Path, at
			if p.Repository != "acme/app" {
				name, want = p.Repository+"/"+p.Path, theirs
			}
			text, ok := files[name]
			if !ok || p.Commit != want {
				return nil, fs.ErrNotExist
			}
			return []byte(text), nil
		},
	}
}

func ran(t testing.TB, r workflows.Release) workflows.Ran {
	t.Helper()
	out, err := r.Ran()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// one is the job of a workflow with these steps, which are indented by nothing.
func one(t testing.TB, job string, files map[string]string) workflows.RanJob {
	t.Helper()
	all := map[string]string{top: "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    permissions: {id-token: write}\n" + indented(job)}
	for name, text := range files {
		all[name] = text
	}
	out := ran(t, released(all))
	if out.Unread != "" || len(out.Jobs) != 1 {
		t.Fatalf("%s: %+v, want one job", job, out)
	}
	return out.Jobs[0]
}

func indented(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ") + "\n"
}

// uses is a step of an action with one input.
func uses(action, with string) string {
	return "steps:\n  - uses: " + action + "\n    with: {" + with + "}"
}

func TestF12_which_steps_restore_a_cache(t *testing.T) {
	const sha = "@0123456789012345678901234567890123456789"
	for _, x := range []struct {
		action, with string
		want         string // part of what is told; "": nothing is restored
	}{
		{"actions/cache@v4", "path: x", "restores a cache"},
		{"actions/cache/restore@v4", "path: x", "restores a cache"},
		{"actions/cache/save@v4", "path: x", ""},
		{"Actions/Cache@v4", "path: x", "restores a cache"},
		{"Swatinem/rust-cache@v2", "", "restores a cache"},
		{"actions/setup-node@v4", "", ""},
		{"actions/setup-node@v4", "cache: npm", "cache: npm"},
		{"actions/setup-node@v4", "CACHE: npm", "cache: npm"},
		{"actions/setup-node@v4", "cache: '${{ vars.CACHE }}'", "cache: ${{ vars.CACHE }}"},
		{"actions/setup-node@v4", "cache: '${{ false }}'", ""},
		{"actions/setup-node@v4", `cache: "${{ github.ref == 'x' && 'npm' }}"`, "restores a cache"},
		{"actions/setup-node@v5", "", "unless it says package-manager-cache: false"},
		{"actions/setup-node@v5.1.0", "", "unless it says"},
		{"actions/setup-node@v5", "package-manager-cache: false", ""},
		{"actions/setup-node@v5", "package-manager-cache: 'false'", ""},
		{"actions/setup-node@v5", "package-manager-cache: '${{ inputs.cache }}'", "unless it says"},
		{"actions/setup-node@v5", "package-manager-cache: false, cache: npm", "cache: npm"},
		{"actions/setup-node" + sha, "", "unless it says"},
		{"actions/setup-node" + sha, "package-manager-cache: false", ""},
		{"actions/setup-node@main", "", "unless it says"},
		{"actions/setup-go@v3", "", ""},
		{"actions/setup-go@v3", "cache: true", "unless it says cache: false"},
		{"actions/setup-go@v5", "", "unless it says cache: false"},
		{"actions/setup-go@v5", "cache: false", ""},
		{"actions/setup-java@v5", "distribution: temurin", ""},
		{"actions/setup-java@v5", "cache: maven", "cache: maven"},
		{"actions/setup-python@v6", "cache: pip", "cache: pip"},
		{"astral-sh/setup-uv@v4", "", ""},
		{"astral-sh/setup-uv@v6", "", "unless it says enable-cache: false"},
		{"astral-sh/setup-uv@v6", "enable-cache: auto", "unless it says"},
		{"astral-sh/setup-uv@v6", "enable-cache: false", ""},
		{"gradle/actions/setup-gradle@v4", "", "unless it says cache-disabled: true"},
		{"gradle/actions/setup-gradle@v4", "cache-disabled: true", ""},
		{"gradle/actions/setup-gradle@v4", "cache-write-only: true", ""},
		{"gradle/actions/setup-gradle@v4", "cache-disabled: '${{ true }}'", "unless it says"},
		{"docker/setup-buildx-action@v3", "", "cache-binary: false"},
		{"docker/setup-buildx-action@v3", "cache-binary: false", ""},
		{"docker/build-push-action@v6", "push: true", ""},
		{"docker/build-push-action@v6", "cache-from: type=gha", "imports type=gha"},
		{"docker/build-push-action@v6", "cache-from: 'type=registry,ref=x/y'", "imports type=registry"},
		{"docker/build-push-action@v6", "cache-from: type=gha, no-cache: true", ""},
		{"docker/build-push-action@v6", "cache-from: '${{ false }}'", ""},
		{"actions/setup-java@v5", "cache: '${{ true }}'", "cache: ${{ true }}"},
		{"astral-sh/setup-uv@v6", "enable-cache: 0", "unless it says"},
		{"actions/setup-node@v5", "package-manager-cache: '${{ false }}'", ""},
		{"docker/bake-action@v6", "", "may import a cache"},
		{"docker/bake-action@v6", "no-cache: true", ""},
		{"actions/download-artifact@v5", "name: x", ""},
		{"actions/download-artifact@v5", "run-id: 7", "files of another run"},
		{"ruby/setup-ruby@v1", "bundler-cache: true", "bundler-cache"},
		{"jdx/mise-action@v2", "", "cache: false"},
		{"sallyport-dev/sallyport@v1", "environment: production", ""},
	} {
		j := one(t, uses(x.action, x.with), nil)
		if len(j.Unknown) != 0 {
			t.Errorf("%s: unknown %q", x.action, j.Unknown)
		}
		told := ""
		if len(j.Caches) > 0 {
			told = j.Caches[0].What
		}
		if (x.want == "") != (told == "") || !strings.Contains(told, x.want) {
			t.Errorf("%s with {%s}: told %q, want %q", x.action, x.with, told, x.want)
		}
	}
}

// The platform's switch stops the platform's cache, and no other.
func TestF12_which_caches_are_somebody_elses(t *testing.T) {
	for step, want := range map[string]bool{
		"actions/cache@v4 ": false, "Swatinem/rust-cache@v2 ": false, "Swatinem/rust-cache@v2 cache-provider: buildjet": true,
		"buildjet/cache@v4 ": true, "actions/download-artifact@v5 run-id: 7": true, "docker/build-push-action@v6 cache-from: type=gha": false,
		"docker/build-push-action@v6 cache-from: acme/app": true, "docker/bake-action@v6 ": true, "actions/setup-go@v5 ": false,
		"docker/build-push-action@v6 cache-from: '${{ vars.FROM }}'": true, "Swatinem/rust-cache@v2 cache-provider: github": false,
		"docker/build-push-action@v6 cache-from: 'type=gha,scope=${{ vars.S }}'": true,
	} {
		action, with, _ := strings.Cut(step, " ")
		if j := one(t, uses(action, with), nil); len(j.Caches) != 1 || j.Caches[0].Elsewhere != want {
			t.Errorf("%s: %+v, want that it is somebody else's: %t", step, j.Caches, want)
		}
	}
}

func TestF12_what_is_not_known_is_listed(t *testing.T) {
	for step, want := range map[string]string{
		"uses: acme/build@v1":                "acme/build@v1",
		"uses: acme/build/sub@v1":            "acme/build/sub@v1",
		"uses: actions/cachet@v1":            "actions/cachet@v1",
		"uses: docker://alpine:3":            "docker://alpine:3",
		"uses: ./tools/none":                 "./tools/none",
		"uses: ./../other":                   "./../other",
		"name: nothing":                      "a step that neither uses nor runs something",
		"uses: ./tools/node":                 "./tools/node",
		"run: x\n    uses: actions/cache@v4": "a step that neither uses nor runs something",
	} {
		j := one(t, "steps:\n  - "+step, map[string]string{"tools/node/action.yml": "runs: {using: node20, main: x.js}"})
		if !slices.Equal(j.Unknown, []string{want}) {
			t.Errorf("%q: unknown %q, want %q", step, j.Unknown, want)
		}
	}
	for _, job := range []string{"name: x", "steps: []", "steps: ${{ x }}", "Steps: [{uses: actions/cache@v4}]"} {
		if j := one(t, job, nil); !slices.Equal(j.Unknown, []string{"a job without steps"}) || len(j.Strange) != 1 {
			t.Errorf("%q: unknown %q, want that it has no steps", job, j.Unknown)
		}
	}
	// An action of the project that is made of steps is read.
	j := one(t, "steps:\n  - uses: ./tools/pack", map[string]string{
		"tools/pack/action.yaml": "runs:\n  using: composite\n  steps:\n    - uses: actions/cache@v4\n    - uses: ./tools/more\n",
		"tools/more/action.yml":  "runs:\n  using: composite\n  steps:\n    - uses: acme/x@v1\n",
	})
	if len(j.Caches) != 1 || !slices.Equal(j.Unknown, []string{"acme/x@v1"}) {
		t.Errorf("%+v, want what its steps do", j)
	}
	// After a checkout of something else, another file lies there.
	for with, want := range map[string]int{"ref: other": 1, "repository: acme/x": 1, "path: x": 1, "fetch-depth: 0": 0} {
		j = one(t, "steps:\n  - uses: actions/checkout@v5\n    with: {"+with+"}\n  - uses: ./tools/pack", map[string]string{
			"tools/pack/action.yml": "runs: {using: composite, steps: []}"})
		if len(j.Unknown) != want {
			t.Errorf("%s: unknown %q, want the action of another commit: %d", with, j.Unknown, want)
		}
	}
	// Above the workspace lies a file that the commit does not have.
	j = one(t, "steps: [{uses: ./../other}]", map[string]string{"other/action.yml": "runs: {using: composite, steps: []}"})
	if !slices.Equal(j.Unknown, []string{"./../other"}) {
		t.Errorf("unknown %q, want the action above the workspace", j.Unknown)
	}
	// An image is no action of ours, also where we have no repository.
	r := released(map[string]string{top: "on: push\njobs:\n  a: {runs-on: ubuntu-latest, steps: [{uses: 'docker://x'}]}\n"})
	r.Action = ""
	if j := ran(t, r).Jobs[0]; !slices.Equal(j.Unknown, []string{"docker://x"}) {
		t.Errorf("unknown %q, want the image", j.Unknown)
	}
	// An action that cannot be read is not passed over.
	r = released(map[string]string{top: "on: push\njobs:\n  a: {runs-on: ubuntu-latest, steps: [{uses: ./x}]}\n", "x/action.yml": "runs: ["})
	if out := ran(t, r); !strings.Contains(out.Unread, "x/action.yml") {
		t.Errorf("%+v, want that the action cannot be judged", out)
	}
	// One that calls itself ends.
	j = one(t, "steps:\n  - uses: ./x", map[string]string{"x/action.yml": "runs:\n  using: composite\n  steps:\n    - uses: ./x\n"})
	if len(j.Unknown) != 1 {
		t.Errorf("unknown %q, want one", j.Unknown)
	}
}

func TestF12_a_mode_of_the_cache_holds_for_its_job_and_for_what_that_calls(t *testing.T) {
	const called = "on: workflow_call\njobs:\n  b:\n    runs-on: ubuntu-latest\n    steps: [{uses: actions/cache@v4}]\n"
	for _, x := range []struct {
		workflow, job, callee string
		want                  bool
		told                  string
	}{
		{"", "", "", false, ""}, {"none", "", "", true, "none"}, {"write-only", "", "", true, "write-only"}, {"read", "", "", false, "read"},
		{"write", "", "", false, "write"}, {"", "none", "", true, "none"}, {"none", "write", "", false, "write"}, {"none", "read", "", false, "read"},
		{"write", "none", "", true, "none"}, {"${{ 'none' }}", "", "", false, "${{ 'none' }}"}, {"", "None", "", false, "None"},
		{"", "none", "write", true, "none"}, {"", "write", "none", true, "none"}, {"", "", "none", true, "none"}, {"", "", "read", false, "read"},
		{"write-only", "", "none", true, "write-only"},
	} {
		mode := func(in, v string) string {
			if v == "" {
				return ""
			}
			return in + "cache-mode: " + v + "\n"
		}
		files := map[string]string{
			top: "on: push\n" + mode("", x.workflow) + "jobs:\n  a:\n" + mode("    ", x.job) + "    permissions: {id-token: write}\n" +
				"    uses: ./.github/workflows/b.yml\n",
			".github/workflows/b.yml": mode("", x.callee) + called,
		}
		r := released(files)
		r.Signer.Path = ".github/workflows/b.yml"
		out := ran(t, r)
		if len(out.Jobs) != 1 || !out.Jobs[0].Signs || out.Jobs[0].NoCache != x.want || out.Jobs[0].CacheMode != x.told {
			t.Errorf("%+v: %+v, want that no cache is restored: %t", x, out, x.want)
		}
	}
}

func TestF12_every_job_before_the_one_that_signs_counts(t *testing.T) {
	const base = `on: push
jobs:
  sign:
    needs: [Call, last]
    runs-on: ubuntu-latest
    permissions: {id-token: write}
    steps: [{uses: actions/download-artifact@v5}]
  call:
    needs: first
    uses: acme/ci/.github/workflows/build.yml@v1
  first:
    runs-on: ubuntu-latest
    steps: [{uses: actions/checkout@v5}]
  last:
    runs-on: ubuntu-latest
    steps: [{run: make}]
  beside:
    runs-on: self-hosted
    steps: [{uses: actions/cache@v4}]
`
	files := map[string]string{top: base,
		"acme/ci/.github/workflows/build.yml": "on: workflow_call\njobs:\n  x: {uses: ./.github/workflows/more.yml}\n",
		"acme/ci/.github/workflows/more.yml":  "on: workflow_call\njobs:\n  y: {runs-on: big, steps: [{uses: actions/cache@v4}]}\n",
	}
	r := released(files)
	r.Called = func(uses string) string {
		if uses == "acme/ci/.github/workflows/build.yml@v1" {
			return theirs
		}
		return ""
	}
	out := ran(t, r)
	var names []string
	for _, j := range out.Jobs {
		names = append(names, j.Name)
		if got := strings.HasSuffix(j.Name, "job sign"); j.Signs != got {
			t.Errorf("%s signs: %t", j.Name, j.Signs)
		}
		if strings.Contains(j.Name, "job y") && (j.Runner != "big" || len(j.Caches) != 1) {
			t.Errorf("%+v, want its runner and its cache", j)
		}
		if strings.Contains(j.Name, "job call") && (j.Runner != "" || len(j.Unknown) > 0) {
			t.Errorf("%+v, want nothing of a job that only calls", j)
		}
	}
	slices.Sort(names)
	want := []string{".github/workflows/release.yml, job call", ".github/workflows/release.yml, job first", ".github/workflows/release.yml, job last",
		".github/workflows/release.yml, job sign", "acme/ci .github/workflows/build.yml, job x", "acme/ci .github/workflows/more.yml, job y"}
	if !slices.Equal(names, want) {
		t.Errorf("jobs = %q, want %q", names, want)
	}
	r.Called = func(string) string { return "" }
	if out := ran(t, r); !strings.Contains(out.Unread, "does not say which commit") {
		t.Errorf("%+v, want that the commit is not known", out)
	}
	delete(files, "acme/ci/.github/workflows/more.yml")
	r.Called = func(string) string { return theirs }
	if _, err := r.Ran(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error = %v, want that a file is not there", err)
	}
}

func TestC22_which_jobs_may_have_signed(t *testing.T) {
	job := func(more string) string {
		return "\n    runs-on: ubuntu-latest\n" + more + "    steps: [{run: make}]\n"
	}
	for name, x := range map[string]struct {
		text string
		want []string
	}{
		"the one with an identity": {"jobs:\n  a:" + job("    permissions: {id-token: write}\n") + "  b:" + job(""), []string{"a"}},
		"two":                      {"jobs:\n  a:" + job("    permissions: {id-token: write}\n") + "  b:" + job("    permissions: write-all\n"), []string{"a", "b"}},
		"by the workflow":          {"permissions: {id-token: write}\njobs:\n  a:" + job("    permissions: {}\n") + "  b:" + job(""), []string{"b"}},
		"an expression":            {"jobs:\n  a:" + job("    permissions: {id-token: '${{ inputs.x }}'}\n") + "  b:" + job(""), []string{"a"}},
		"none":                     {"jobs:\n  a:" + job("    permissions: {id-token: none}\n") + "  b:" + job("    permissions: {id-token: write}\n"), []string{"b"}},
		"read alone":               {"jobs:\n  a:" + job("    permissions: {id-token: read}\n") + "  b:" + job("    permissions: {id-token: write}\n"), []string{"b"}},
		"nothing":                  {"permissions: {contents: read}\njobs:\n  a:" + job("    permissions:\n") + "  b:" + job("    permissions: {id-token: write}\n"), []string{"b"}},
		"by nobody":                {"jobs:\n  a:" + job("") + "  b:" + job(""), []string{"a", "b"}},
		"read":                     {"permissions: read-all\njobs:\n  a:" + job("") + "  b:" + job("    permissions: {id-token: write}\n"), []string{"b"}},
	} {
		var got []string
		for _, j := range ran(t, released(map[string]string{top: "on: push\n" + x.text})).Jobs {
			if j.Signs {
				got = append(got, j.Name[len(j.Name)-1:])
			}
		}
		if !slices.Equal(got, x.want) {
			t.Errorf("%s: %q may have signed, want %q", name, got, x.want)
		}
	}
	// The certificate may say in which environment its job was, or that it was in none.
	const two = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    permissions: {id-token: write}\n    steps: [{run: ls}]\n" +
		"  b:\n    runs-on: ubuntu-latest\n    permissions: {id-token: write}\n    environment: ENV\n    steps: [{run: ls}]\n" +
		"  c: {runs-on: ubuntu-latest, permissions: {}, steps: [{run: ls}]}\n"
	for _, x := range []struct {
		env, name string
		outside   bool
		want      string
	}{
		{"production", "", false, "ab"}, {"production", "", true, "a"}, {"production", "Production", false, "b"}, {"production", "staging", false, "ab"},
		{"{name: production, url: x}", "production", false, "b"}, {"${{ inputs.e }}", "", true, "ab"}, {"${{ inputs.e }}", "production", false, "b"},
	} {
		r := released(map[string]string{top: strings.Replace(two, "ENV", x.env, 1)})
		r.Environment, r.Outside = x.name, x.outside
		got := ""
		for _, j := range ran(t, r).Jobs {
			if j.Signs {
				got += j.Name[len(j.Name)-1:]
			}
		}
		if got != x.want {
			t.Errorf("%+v: %q may have signed, want %q", x, got, x.want)
		}
	}
	// A called workflow without permissions has those of the job that calls it.
	for perms, want := range map[string]int{"permissions: {id-token: write}": 2, "permissions: {contents: read}": 1} {
		r := released(map[string]string{
			top:                       "on: push\njobs:\n  a:\n    " + perms + "\n    uses: ./.github/workflows/b.yml\n",
			".github/workflows/b.yml": "on: workflow_call\njobs:\n  x:" + job("    permissions: {}\n") + "  y:" + job("") + "  z:" + job("    permissions: {id-token: write}\n"),
		})
		r.Signer.Path = ".github/workflows/b.yml"
		n := 0
		for _, j := range ran(t, r).Jobs {
			if j.Signs {
				n++
			}
		}
		if n != want {
			t.Errorf("%s: %d jobs may have signed, want %d", perms, n, want)
		}
	}
}

func TestC22_which_steps_run_code_of_the_project(t *testing.T) {
	for step, want := range map[string]string{
		"uses: actions/checkout@v5":                  "",
		"uses: actions/download-artifact@v5":         "",
		"uses: actions/attest-build-provenance@v3":   "",
		"uses: actions/setup-go@v5":                  "",
		"uses: sallyport-dev/sallyport/actions/x@v1": "",
		"uses: docker/login-action@v3":               "",
		"uses: docker/build-push-action@v6":          "runs code of the project",
		"uses: goreleaser/goreleaser-action@v6":      "runs code of the project",
		"uses: ./tools/pack":                         "is an action of the project",
		"uses: actions/github-script@v8":             "runs code of the project",
		"run: sallyport attest dist/app":             "",
		"run: VERSION=1 sallyport attest dist/app":   "",
		"run: sha256sum dist/* > /dev/null":          "",
		`run: echo "a=b" >> "$GITHUB_OUTPUT"`:        "",
		"run: |\n        set -eu\n        ls dist && cat dist/sums\n        test -f dist/app || exit 1": "",
		"run: cosign sign-blob dist/app":         "",
		"run: gh release upload v1 dist/app":     "",
		"run: echo costs 5$":                     "",
		"run: sallyport attest x\n    shell: sh": "",
		"run: sallyport attest x\n    shell: bash --noprofile --norc -e -u -x -eu -ex -eux -eo -euxo -o pipefail {0}": "",
		"uses: actions/download-artifact@v5\n    with: {path: ~/bin}":                                                 "outside of the workspace",
		"uses: actions/download-artifact@v5\n    with: {path: dist/../../x}":                                          "outside of the workspace",
		"uses: actions/download-artifact@v5\n    with: {path: 'C:\\x'}":                                               "outside of the workspace",
		"run: gh extension exec x":                                             "it runs gh",
		"run: make":                                                            "it runs make",
		"run: ls; ./build.sh":                                                  "it runs ./build.sh",
		"run: ./sallyport attest dist/app":                                     "it runs ./sallyport",
		"run: LD_PRELOAD=./x.so sallyport attest x":                            "it runs LD_PRELOAD",
		"run: PATH=.:$PATH sallyport attest x":                                 "it runs PATH",
		"run: echo $(./x)":                                                     "it has $(",
		"run: echo `./x`":                                                      "it has `",
		"run: cat x | sh":                                                      "it runs sh",
		"run: cat dist/x > /usr/local/bin/sallyport":                           "leads to /usr/local/bin/sallyport",
		"run: cat dist/x >/usr/local/bin/sallyport":                            "leads to /usr/local/bin/sallyport",
		"run: echo ./bin >> $GITHUB_PATH":                                      "it has GITHUB_PATH",
		"run: sallyport() { ./x; }; sallyport":                                 "it runs ./x",
		"run: if true; then make; fi":                                          "it runs make",
		"run: eval x":                                                          "it runs eval",
		"run: . ./x":                                                           "it runs .",
		`run: "$TOOL"`:                                                         "it runs $TOOL",
		"run: echo ${{ inputs.name }}":                                         "a value is pasted into it",
		"run: echo ${{ github.sha }}":                                          "",
		"run: sallyport attest x\n    shell: bash -euo pipefail {0}":           "",
		"run: sallyport attest x\n    shell: bash --rcfile ./x {0}":            "its shell is",
		"run: echo x >/usr/bin/x>/dev/null":                                    "leads to /usr/bin/x",
		"run: echo x >> /usr/bin/x > /dev/null":                                "leads to /usr/bin/x",
		"run: echo x >>$GITHUB_STEP_SUMMARY 2>&1":                              "",
		"run: printf -v PATH .":                                                "it runs printf",
		`run: echo $'\'' ; ./x #'`:                                             "it has $'",
		"uses: actions/download-artifact@v5\n    with: {path: dist}":           "",
		"uses: actions/download-artifact@v5\n    with: {path: /usr/local/bin}": "outside of the workspace",
		"uses: actions/download-artifact@v5\n    with: {path: '${{ x }}'}":     "outside of the workspace",
		"run: sallyport attest x\n    shell: pwsh":                             "its shell is pwsh",
		"run: sallyport attest x\n    env: {BASH_ENV: ./x}":                    "sets BASH_ENV",
		"uses: actions/checkout@v5\n    env: {NODE_OPTIONS: -r ./x}":           "sets NODE_OPTIONS",
		"uses: pnpm/action-setup@v4\n    with: {run_install: true}":            "run_install",
	} {
		j := one(t, "steps:\n  - "+step, nil)
		told := strings.Join(j.Code, "; ")
		if len(j.Strange) != 0 || (want == "") != (told == "") || !strings.Contains(told, want) {
			t.Errorf("%q: told %q and %q, want %q", step, told, j.Strange, want)
		}
	}
	for on, want := range map[string]int{"windows-latest": 1, "[self-hosted, Windows]": 1, "{group: x, labels: windows}": 1, "ubuntu-latest": 0, "'${{ inputs.on }}'": 1} {
		j := ran(t, released(map[string]string{top: "on: push\njobs:\n  a: {runs-on: " + on + ", steps: [{run: sallyport attest x}]}\n"})).Jobs[0]
		if len(j.Code) != want {
			t.Errorf("runs-on %s: told %q, want the shell of Windows: %d", on, j.Code, want)
		}
	}
	for job, want := range map[string]string{
		"container: acme/app:dev\nsteps: [{uses: actions/download-artifact@v5}]":   "the image acme/app:dev",
		"env: {LD_PRELOAD: ./x.so}\nsteps: [{uses: actions/download-artifact@v5}]": "sets LD_PRELOAD",
		"env: ${{ x }}\nsteps: [{uses: actions/download-artifact@v5}]":             "not written out",
		"defaults: {run: {shell: bash}}\nsteps: [{run: echo, shell: pwsh}]":        "its shell is pwsh",
		"defaults: {run: {shell: pwsh}}\nsteps: [{run: echo}]":                     "its shell is pwsh",
	} {
		if j := one(t, job, nil); !strings.Contains(strings.Join(j.Code, "; "), want) {
			t.Errorf("%q: told %q, want %q", job, j.Code, want)
		}
	}
	const shell = "on: push\njobs:\n  a: {runs-on: windows-latest, steps: [{run: sallyport attest x, shell: bash}]}\n"
	if j := ran(t, released(map[string]string{top: shell})).Jobs[0]; len(j.Code) > 0 {
		t.Errorf("told %q, want nothing: the step names its shell", j.Code)
	}
	for _, name := range []string{"acme/scanner@v1", "acme/app/tools/scan@v1"} {
		if j := one(t, "steps: [{uses: "+name+"}]", nil); !slices.Equal(j.Strange, []string{name}) {
			t.Errorf("strange %q, want %s", j.Strange, name)
		}
	}
}

// A workflow of somebody else signs by its own scripts, until it has files of the project.
func TestC22_a_reusable_workflow_of_another_repository(t *testing.T) {
	for steps, want := range map[string]string{
		"[{uses: actions/download-artifact@v5}, {run: ./acme-sign dist}]":                   "",
		"[{uses: acme/ci/.github/actions/pack@v1}, {run: ./acme-sign dist}]":                "",
		"[{uses: actions/checkout@v5, with: {repository: acme/ci}}, {run: make}]":           "",
		"[{uses: actions/checkout@v5}, {run: make}]":                                        "it runs make",
		"[{run: make}, {uses: actions/checkout@v5}]":                                        "",
		"[{uses: actions/checkout@v5, with: {repository: Acme/App}}, {run: make}]":          "it runs make",
		"[{uses: actions/checkout@v5}, {uses: acme/ci/pack@v1}, {run: make}]":               "it runs make",
		"[{uses: actions/checkout@v5, with: {repository: '${{ inputs.x }}'}}, {run: make}]": "it runs make",
		"[{uses: acme/ci/.github/actions/secure-checkout@v1}, {run: make}]":                 "it runs make",
		"[{uses: other/tool@v1}, {run: make}]":                                              "it runs make",
		"[{run: 'sign ${{ inputs.name }}'}]":                                                "a value is pasted into it",
		"[{uses: docker/build-push-action@v6}]":                                             "runs code of the project",
	} {
		r := released(map[string]string{
			top:                                  "on: push\njobs:\n  a:\n    permissions: {id-token: write}\n    uses: acme/ci/.github/workflows/sign.yml@" + theirs + "\n",
			"acme/ci/.github/workflows/sign.yml": "on: workflow_call\njobs:\n  s: {runs-on: ubuntu-latest, steps: " + steps + "}\n",
		})
		r.Signer = workflows.Place{Repository: "acme/ci", Commit: theirs, Path: ".github/workflows/sign.yml"}
		out := ran(t, r)
		if out.Unread != "" || len(out.Jobs) != 1 {
			t.Fatalf("%s: %+v, want one job", steps, out)
		}
		if told := strings.Join(out.Jobs[0].Code, "; "); (want == "") != (told == "") || !strings.Contains(told, want) {
			t.Errorf("%s: told %q, want %q", steps, told, want)
		}
	}
}

func TestF12_files_that_cannot_be_judged(t *testing.T) {
	const job = "  a: {runs-on: ubuntu-latest, steps: [{run: ls}]}\n"
	for text, want := range map[string]string{
		"":                    "cannot be judged",
		"on: push\n":          "has 0 jobs",
		"on: push\njobs: [\n": "cannot be judged",
		"on: push\njobs:\n" + job + "jobs:\n" + strings.Replace(job, "ls", "make", 1): "stands twice",
		"on: push\njobs:\n" + job + "---\non: push\n":                                 "second document",
		"on: push\njobs:\n  a: {uses: ./.github/workflows/x.yml}\n":                   "has no job with steps",
		"on: push\njobs:\n  a: {needs: b, runs-on: x, steps: []}\n  b: {uses: x}\n":   "names no workflow",
	} {
		out, err := released(map[string]string{top: text}).Ran()
		if err != nil || !strings.Contains(out.Unread, want) {
			t.Errorf("%q: %+v, %v, want %q", text, out, err, want)
		}
	}
	r := released(map[string]string{top: "on: push\njobs:\n" + job})
	r.Signer.Path = ".github/workflows/other.yml"
	if out := ran(t, r); !strings.Contains(out.Unread, "no job of .github/workflows/release.yml calls") {
		t.Errorf("%+v, want that nobody calls the signer", out)
	}
	// Jobs that need each other in a ring never ran; the reading ends all the same.
	ran(t, released(map[string]string{top: "on: push\njobs:\n  a: {needs: b, runs-on: x, steps: [{run: ls}]}\n  b: {needs: a, runs-on: x, steps: [{run: ls}]}\n"}))
	// Nor do workflows that call each other.
	r = released(map[string]string{top: "on: push\njobs:\n  a: {uses: ./.github/workflows/release.yml}\n  b: {uses: ./.github/workflows/release.yml}\n"})
	r.Signer.Path = ".github/workflows/other.yml"
	if out := ran(t, r); !strings.Contains(out.Unread, "more than") {
		t.Errorf("%+v, want a limit", out)
	}
	// Neither do a few lines stand for more work than a run is worth.
	many := "on: push\njobs:\n"
	for i := range 400 {
		many += fmt.Sprintf("  j%d: {uses: ./.github/workflows/release.yml}\n", i)
	}
	r = released(map[string]string{top: many})
	r.Signer.Path = ".github/workflows/other.yml"
	if out := ran(t, r); !strings.Contains(out.Unread, "more than") {
		t.Errorf("%+v, want a limit", out)
	}
	steps := strings.Repeat("    - uses: ./x\n", 300)
	if out := ran(t, released(map[string]string{top: "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n" + steps,
		"x/action.yml": "runs:\n  using: composite\n  steps:\n" + steps})); !strings.Contains(out.Unread, "more than") {
		t.Errorf("%+v, want a limit", out)
	}
}

func TestF12_runners_that_keep_their_disk(t *testing.T) {
	for on, want := range map[string]string{
		"ubuntu-latest": "", "ubuntu-24.04": "", "ubuntu-24.04-arm": "", "windows-2025": "", "macos-15-xlarge": "", "[ubuntu-latest]": "",
		"self-hosted": "self-hosted", "[self-hosted, linux]": "self-hosted, linux", "big": "big", "{group: fast}": "fast",
		"'${{ inputs.on }}'": "${{ inputs.on }}", "'${{ matrix.os }}'": "", "ubuntu-custom": "ubuntu-custom", "'${{ matrix.bad }}'": "ubuntu-latest, mine",
		"'${{ matrix.none }}'": "${{ matrix.none }}", "[]": "nothing that is named", "[ubuntu-latest, ubuntu-22.04]": "ubuntu-latest, ubuntu-22.04",
		"os": "os", "'os}}'": "os}}", "'${{ matrix.os'": "${{ matrix.os", "'${{ matrix.letters }}'": "ubuntu-latest, mine",
	} {
		text := "on: push\njobs:\n  a:\n    runs-on: " + on + "\n    strategy: {matrix: {os: [ubuntu-latest, macos-latest], bad: [ubuntu-latest], letters: [ubuntu-latest], include: [{bad: mine}, {LETTERS: mine}]}}\n    steps: [{run: ls}]\n"
		if j := ran(t, released(map[string]string{top: text})).Jobs[0]; j.Runner != want {
			t.Errorf("runs-on %s: %q, want %q", on, j.Runner, want)
		}
	}
}

// What the page about policies shows meets both keys.
func TestC22_the_workflow_of_the_page_is_isolated(t *testing.T) {
	page, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "A workflow that meets both")
	_, text, _ = strings.Cut(text, "```yaml\n")
	text, _, shown := strings.Cut(text, "```")
	if !shown {
		t.Fatal("the page shows no workflow")
	}
	out := ran(t, released(map[string]string{top: text}))
	if len(out.Jobs) != 2 || !out.Jobs[0].Signs || out.Jobs[1].Signs || len(out.Jobs[0].Code)+len(out.Jobs[0].Strange) > 0 {
		t.Errorf("%+v, want a job that signs alone, and one that builds", out)
	}
	for _, j := range out.Jobs {
		if !j.NoCache || len(j.Caches)+len(j.Unknown) > 0 || j.Runner != "" {
			t.Errorf("%+v, want no cache", j)
		}
	}
}

// Any file is read or refused, and a step more never takes a cache away.
func FuzzRan(f *testing.F) {
	f.Add("on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/setup-node@v5\n", "runs: {using: composite, steps: [{uses: actions/cache@v4}]}")
	f.Add("jobs: {a: {needs: [a], uses: ./.github/workflows/release.yml}}", "runs: &x [*x]")
	f.Add("jobs:\n  a:\n    steps:\n      - run: echo \"${{ x }}\" > a\n      - uses: ./x\n", "")
	f.Fuzz(func(t *testing.T, text, action string) {
		files := map[string]string{top: text, "x/action.yml": action}
		less := ran(t, released(files))
		files[top] = strings.Replace(text, "    steps:\n", "    steps:\n      - uses: actions/cache@v4\n", 1)
		more := ran(t, released(files))
		if less.Unread == "" && more.Unread == "" && caches(more) < caches(less) {
			t.Errorf("%q has %d caches, and %q has %d", text, caches(less), files[top], caches(more))
		}
	})
}

func caches(r workflows.Ran) (n int) {
	for _, j := range r.Jobs {
		n += len(j.Caches)
	}
	return n
}

func ExampleRelease_Ran() {
	r := released(map[string]string{top: "on: push\njobs:\n  a: {runs-on: ubuntu-latest, steps: [{uses: actions/cache@v4}]}\n"})
	out, _ := r.Ran()
	fmt.Println(out.Jobs[0].Caches[0].What)
	// Output: step 1, actions/cache@v4 restores a cache
}

// The key that the next step of a denial names is no mistake to the other rules.
func TestF12_the_mode_of_the_cache_is_a_key_of_workflows(t *testing.T) {
	const text = "on: push\ncache-mode: none\npermissions: {}\njobs:\n  a:\n    runs-on: ubuntu-latest\n    cache-mode: write-only\n    permissions: {id-token: write}\n" +
		"    environment: production\n    steps: [{run: sallyport gate --environment production}]\n"
	found, err := workflows.Check(top, []byte(text), workflows.Want{Environments: []string{"production"}, Action: "sallyport-dev/sallyport"})
	if err != nil || slices.ContainsFunc(found, func(f finding.Finding) bool { return f.Rule == finding.Syntax }) {
		t.Errorf("%+v, %v, want no mistake in the syntax", found, err)
	}
	if jobs, err := workflows.Outside(top, []byte(text), "production"); err != nil || len(jobs) != 0 {
		t.Errorf("%q, %v, want no job outside", jobs, err)
	}
	if _, err := workflows.Outside(top, []byte(strings.Replace(text, "cache-mode: none", "cache-modes: none", 1)), "production"); err == nil {
		t.Error("another key is taken")
	}
}
