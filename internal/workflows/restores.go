package workflows

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// A habit is what an action is known to do with caches, and with the project's code.
type habit struct {
	names string // owner/name or owner/name/path, lower case; /* behind a name is each action of that repository

	apart  bool     // not from the platform's cache, so that cache-mode does not stop it
	always bool     // it restores a cache, whatever it is given
	on     []string // inputs that have it restore one
	usual  bool     // it restores one where no input says so …
	since  int      // … from this major version on
	off    []string // each of these, as INPUT=VALUE, stops that

	runs   bool     // it runs the project's code: builds, tests, installs
	runsOn []string // inputs with which it does
	free   bool     // it does what its inputs say, so it may restore a cache
}

// habits are the actions that are known here. What an action does by default is in its
// action.yml, and the major version from which it does is in its release notes; both are at
// github.com/NAME. Where an older version has no cache at all, and nothing is lost by the
// switch, the version is left out.
var habits = []habit{
	// Caches, by name.
	{names: `actions/cache actions/cache/restore swatinem/rust-cache hendrikmuys/ccache-action julia-actions/cache
		coursier/cache-action nix-community/cache-nix-action leafo/gh-actions-lua awalsh128/cache-apt-pkgs-action
		satackey/action-docker-layer-caching bazel-contrib/setup-bazel bazelbuild/setup-bazelisk`,
		always: true},
	{names: "moonrepo/setup-rust", always: true, runs: true},
	// Caches of others, or caches that a variable names.
	{names: `buildjet/cache buildjet/cache/restore namespacelabs/nscloud-cache-action runs-on/cache runs-on/cache/restore
		useblacksmith/cache tespkg/actions-cache tespkg/actions-cache/restore mozilla-actions/sccache-action
		determinatesystems/magic-nix-cache-action determinatesystems/flakehub-cache-action cachix/cachix-action
		rharkor/caching-for-turbo`, always: true, apart: true},
	// Files of another run come from a job that could write to that run.
	{names: "dawidd6/action-download-artifact", always: true, apart: true},
	{names: "actions/download-artifact", on: []string{"run-id"}, apart: true},

	// Tools that restore a cache when they are asked to.
	{names: "actions/setup-java", on: []string{"cache", "cache-jdk"}, runsOn: []string{"jdkFile"}},
	{names: "actions/setup-python", on: []string{"cache"}, runsOn: []string{"pip-install"}},
	{names: `actions/setup-dotnet denoland/setup-deno subosito/flutter-action sbt/setup-sbt
		dart-lang/setup-dart aquasecurity/setup-trivy`, on: []string{"cache"}},
	{names: "pnpm/action-setup", on: []string{"cache"}, runsOn: []string{"run_install"}},
	{names: "ruby/setup-ruby", on: []string{"bundler-cache"}, runsOn: []string{"bundler-cache"}},
	{names: "taiki-e/cache-cargo-install-action", always: true, runs: true},

	// Tools that restore one unless they are told not to.
	// setup-node v5: "automatic caching when a valid packageManager field is present"; v6: npm alone.
	{names: "actions/setup-node", on: []string{"cache"}, usual: true, since: 5, off: []string{"package-manager-cache=false"}},
	// setup-go v4.0.0: "we enable cache by default".
	{names: "actions/setup-go", usual: true, since: 4, off: []string{"cache=false"}},
	// setup-uv v5.0.0: "default to enable-cache: true on GitHub hosted runners".
	{names: "astral-sh/setup-uv", usual: true, since: 5, off: []string{"enable-cache=false", "restore-cache=false"}},
	{names: "oven-sh/setup-bun", usual: true, off: []string{"no-cache=true"}, runsOn: []string{"bun-download-url"}},
	{names: "docker/setup-buildx-action", usual: true, off: []string{"cache-binary=false"}},
	{names: "docker/setup-qemu-action", usual: true, off: []string{"cache-image=false"}, runsOn: []string{"image"}},
	{names: `docker/setup-compose-action docker/setup-docker-action crazy-max/ghaction-setup-docker`, usual: true,
		off: []string{"cache-binary=false"}},
	{names: "gradle/actions/setup-gradle gradle/gradle-build-action", usual: true,
		off: []string{"cache-disabled=true", "cache-write-only=true"}, runsOn: []string{"arguments"}},
	{names: "gradle/actions/dependency-submission", usual: true, off: []string{"cache-disabled=true", "cache-write-only=true"}, runs: true},
	{names: "golangci/golangci-lint-action", usual: true, off: []string{"skip-cache=true"}, runs: true},
	{names: "jdx/mise-action", usual: true, off: []string{"cache=false"}, runs: true},
	// rust-toolchain.toml of the workspace may name a toolchain in the workspace, and it asks that for its version.
	{names: "actions-rust-lang/setup-rust-toolchain", usual: true, off: []string{"cache=false"}, runs: true},
	{names: "aquasecurity/trivy-action", usual: true, off: []string{"cache=false"}},
	{names: `cypress-io/github-action bahmutov/npm-install github/codeql-action/init`, always: true, runs: true},
	{names: "actions/stale", always: true}, // where it stopped the last time
	{names: "anchore/scan-action", on: []string{"cache-db"}},

	// Builders and publishers: what they are given runs in the job.
	{names: `goreleaser/goreleaser-action pypa/cibuildwheel changesets/action cycjimmy/semantic-release-action
		js-devtools/npm-publish jreleaser/release-action sigstore/gh-action-sigstore-python
		ko-build/setup-ko nwtgck/actions-netlify actions/jekyll-build-pages
		github/codeql-action/autobuild github/codeql-action/analyze codecov/codecov-action
		houseabsolute/actions-rust-cross actions-rs/cargo`, runs: true},
	{names: "actions/github-script", runs: true, free: true},
	{names: "docker/build-push-action docker/bake-action", runs: true}, // cache-from: imported
	{names: "depot/build-push-action depot/bake-action", always: true, apart: true, runs: true},

	// Inputs name the programs that they run.
	{names: "webfactory/ssh-agent", runsOn: []string{"ssh-agent-cmd", "ssh-add-cmd", "git-cmd"}},
	{names: "determinatesystems/nix-installer-action", runsOn: []string{"local-root", "source-binary"}},

	// They restore nothing and run nothing of the project.
	{names: `actions/checkout actions/upload-artifact actions/upload-artifact/merge actions/cache/save
		buildjet/cache/save runs-on/cache/save actions/attest actions/attest-build-provenance
		actions/attest-build-provenance/predicate actions/attest-sbom actions/configure-pages
		actions/deploy-pages actions/upload-pages-artifact actions/create-github-app-token
		actions/create-release actions/dependency-review-action actions/labeler
		github/codeql-action/upload-sarif actions/first-interaction docker/login-action
		docker/metadata-action sigstore/cosign-installer anchore/sbom-action/download-syft
		anchore/sbom-action softprops/action-gh-release ncipollo/release-action
		svenstaro/upload-release-action aws-actions/configure-aws-credentials aws-actions/amazon-ecr-login
		google-github-actions/auth azure/login google-github-actions/setup-gcloud hashicorp/setup-terraform
		hashicorp/vault-action azure/setup-helm azure/setup-kubectl step-security/harden-runner
		dtolnay/rust-toolchain imjasonh/setup-crane oras-project/setup-oras ossf/scorecard-action
		peter-evans/create-pull-request crazy-max/ghaction-import-gpg
		rust-lang/crates-io-auth-action nuget/login pypa/gh-action-pypi-publish shivammathur/setup-php
		erlef/setup-beam cachix/install-nix-action
		actions/add-to-project gradle/actions/wrapper-validation gradle/wrapper-validation-action
		redhat-actions/podman-login slackapi/slack-github-action`},
}

// known returns the habit of an action.
func known(r reference) (habit, bool) {
	name := r.repository
	if r.part != "" {
		name += "/" + strings.ToLower(r.part)
	}
	for _, h := range habits {
		if slices.Contains(strings.Fields(h.names), name) {
			return h, true
		}
	}
	return habit{}, false
}

// major is the major version that a ref names. A commit names none, whatever a comment beside
// it says, and a branch neither.
func major(ref string) (int, bool) {
	m := majorOf().FindStringSubmatch(ref)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return n, err == nil
}

var majorOf = lazy(`^v?([0-9]{1,4})(?:\.[0-9]+)*$`)

// restores says which input of step has an action restore a cache, and what switches it off;
// "" where it restores none.
func (h habit) restores(r reference, step *yamlnode.Node) (why, off string) {
	if h.always {
		return "restores a cache", "leave the step out"
	}
	for _, name := range h.on {
		if v := given(step, name); v != "" && !never(v) && !strings.EqualFold(v, "null") {
			if name == "run-id" {
				return "takes files of another run (" + name + ")", "leave out its input " + name
			}
			return "restores a cache (" + name + ": " + short(v) + ")", "leave out its input " + name
		}
	}
	if n, told := major(r.ref); !h.usual || told && n < h.since && !h.asked(step) {
		return "", ""
	}
	for _, o := range h.off {
		name, value, _ := strings.Cut(o, "=")
		if v := given(step, name); strings.EqualFold(v, value) || value == "false" && never(v) {
			return "", ""
		}
	}
	first := strings.Replace(h.off[0], "=", ": ", 1)
	return "restores a cache unless it says " + first, "say " + first
}

// asked reports whether step says something about an input that would stop a cache: then an older
// version has that input as well, and may restore one.
func (h habit) asked(step *yamlnode.Node) bool {
	return slices.ContainsFunc(h.off, func(o string) bool {
		name, _, _ := strings.Cut(o, "=")
		return given(step, name) != ""
	})
}

// given is the value of an input, whose name is of any case.
func given(step *yamlnode.Node, name string) string {
	for _, f := range fields(step.Get("with")) {
		if strings.EqualFold(f.Name, name) {
			return strings.TrimSpace(f.Value.Str())
		}
	}
	return ""
}

// never reports whether a value is false, however often the workflow runs.
func never(v string) bool {
	if strings.EqualFold(v, "false") {
		return true
	}
	if !strings.Contains(v, "${{") {
		return false
	}
	t, sure := truth(parseCondition(v).bare(world{}))
	return sure && !t
}

// imported are the caches that a value of cache-from names, each on a line of its own.
func imported(value string) (named []string) {
	for l := range strings.Lines(value) {
		if l = strings.TrimSpace(l); l != "" && !never(l) {
			named = append(named, l)
		}
	}
	return named
}

// service reports whether a source of Buildx is the platform's cache, which cache-mode stops.
func service(source string) bool {
	return strings.HasPrefix(source, "type=gha") && !strings.Contains(source, "${{")
}
