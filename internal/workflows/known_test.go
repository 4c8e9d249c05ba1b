package workflows_test

import (
	"strings"
	"testing"
)

// What each action that is known does, with an input and without it.
func TestF12_what_every_known_action_does(t *testing.T) {
	for _, x := range []struct {
		names, with             string
		cached, elsewhere, code bool
	}{
		{names: `actions/cache actions/cache/restore swatinem/rust-cache hendrikmuys/ccache-action julia-actions/cache
			coursier/cache-action nix-community/cache-nix-action leafo/gh-actions-lua awalsh128/cache-apt-pkgs-action
			satackey/action-docker-layer-caching bazel-contrib/setup-bazel bazelbuild/setup-bazelisk actions/stale`,
			cached: true},
		{names: `moonrepo/setup-rust taiki-e/cache-cargo-install-action cypress-io/github-action bahmutov/npm-install
			github/codeql-action/init`, cached: true, code: true},
		{names: `buildjet/cache buildjet/cache/restore namespacelabs/nscloud-cache-action runs-on/cache
			runs-on/cache/restore useblacksmith/cache tespkg/actions-cache tespkg/actions-cache/restore
			mozilla-actions/sccache-action determinatesystems/magic-nix-cache-action
			determinatesystems/flakehub-cache-action cachix/cachix-action rharkor/caching-for-turbo
			dawidd6/action-download-artifact`, cached: true, elsewhere: true},
		{names: "depot/build-push-action depot/bake-action", cached: true, elsewhere: true, code: true},

		// They restore a cache when they are asked to.
		{names: `actions/setup-java actions/setup-python actions/setup-dotnet denoland/setup-deno subosito/flutter-action
			sbt/setup-sbt dart-lang/setup-dart aquasecurity/setup-trivy pnpm/action-setup ruby/setup-ruby
			anchore/scan-action actions/download-artifact`},
		{names: `actions/setup-java actions/setup-python actions/setup-dotnet denoland/setup-deno subosito/flutter-action
			sbt/setup-sbt dart-lang/setup-dart aquasecurity/setup-trivy pnpm/action-setup`, with: "cache: x", cached: true},
		{names: "actions/setup-java", with: "cache-jdk: true", cached: true},
		{names: "actions/setup-java", with: "jdkFile: x", code: true},
		{names: "actions/setup-python", with: "pip-install: x", code: true},
		{names: "pnpm/action-setup", with: "run_install: x", code: true},
		{names: "pnpm/action-setup", with: "run_install: null"},
		{names: "pnpm/action-setup", with: "run_install: false"},
		{names: "pnpm/action-setup", with: "cache: null"},
		{names: "ruby/setup-ruby", with: "bundler-cache: true", cached: true, code: true},
		{names: "anchore/scan-action", with: "cache-db: true", cached: true},
		{names: "actions/download-artifact", with: "run-id: 7", cached: true, elsewhere: true},

		// They restore one unless they are told not to.
		{names: `actions/setup-node actions/setup-go astral-sh/setup-uv oven-sh/setup-bun docker/setup-buildx-action
			docker/setup-qemu-action docker/setup-compose-action docker/setup-docker-action
			crazy-max/ghaction-setup-docker gradle/actions/setup-gradle gradle/gradle-build-action
			aquasecurity/trivy-action`, cached: true},
		{names: `gradle/actions/dependency-submission golangci/golangci-lint-action jdx/mise-action
			actions-rust-lang/setup-rust-toolchain`, cached: true, code: true},
		{names: "actions/setup-node", with: "package-manager-cache: false"},
		{names: "actions/setup-go aquasecurity/trivy-action", with: "cache: false"},
		{names: "astral-sh/setup-uv", with: "enable-cache: false"},
		{names: "astral-sh/setup-uv", with: "restore-cache: false"},
		{names: "oven-sh/setup-bun", with: "no-cache: true"},
		{names: "oven-sh/setup-bun", with: "no-cache: false", cached: true},
		{names: "oven-sh/setup-bun", with: "no-cache: true, bun-download-url: x", code: true},
		{names: "docker/setup-buildx-action docker/setup-compose-action docker/setup-docker-action " +
			"crazy-max/ghaction-setup-docker", with: "cache-binary: false"},
		{names: "docker/setup-qemu-action", with: "cache-image: false"},
		{names: "docker/setup-qemu-action", with: "cache-image: false, image: x", code: true},
		{names: "gradle/actions/setup-gradle gradle/gradle-build-action", with: "cache-disabled: true"},
		{names: "gradle/actions/setup-gradle gradle/gradle-build-action", with: "cache-write-only: true"},
		{names: "gradle/gradle-build-action", with: "cache-disabled: true, arguments: x", code: true},
		{names: "gradle/actions/dependency-submission", with: "cache-disabled: true", code: true},
		{names: "gradle/actions/dependency-submission", with: "cache-write-only: true", code: true},
		{names: "golangci/golangci-lint-action", with: "skip-cache: true", code: true},
		{names: "jdx/mise-action actions-rust-lang/setup-rust-toolchain", with: "cache: false", code: true},

		// They run what they are given.
		{names: `goreleaser/goreleaser-action pypa/cibuildwheel changesets/action cycjimmy/semantic-release-action
			js-devtools/npm-publish jreleaser/release-action sigstore/gh-action-sigstore-python ko-build/setup-ko
			nwtgck/actions-netlify actions/jekyll-build-pages github/codeql-action/autobuild
			github/codeql-action/analyze codecov/codecov-action houseabsolute/actions-rust-cross actions-rs/cargo
			docker/build-push-action`, code: true},
		{names: "docker/bake-action", cached: true, elsewhere: true, code: true},
		{names: "webfactory/ssh-agent", with: "ssh-agent-cmd: x", code: true},
		{names: "webfactory/ssh-agent", with: "ssh-add-cmd: x", code: true},
		{names: "webfactory/ssh-agent", with: "git-cmd: x", code: true},
		{names: "determinatesystems/nix-installer-action", with: "local-root: x", code: true},
		{names: "determinatesystems/nix-installer-action", with: "source-binary: x", code: true},

		// They do neither.
		{names: `webfactory/ssh-agent determinatesystems/nix-installer-action actions/checkout actions/upload-artifact
			actions/upload-artifact/merge actions/cache/save buildjet/cache/save runs-on/cache/save actions/attest
			actions/attest-build-provenance actions/attest-build-provenance/predicate actions/attest-sbom
			actions/configure-pages actions/deploy-pages actions/upload-pages-artifact actions/create-github-app-token
			actions/create-release actions/dependency-review-action actions/labeler github/codeql-action/upload-sarif
			actions/first-interaction docker/login-action docker/metadata-action sigstore/cosign-installer
			anchore/sbom-action/download-syft anchore/sbom-action softprops/action-gh-release ncipollo/release-action
			svenstaro/upload-release-action aws-actions/configure-aws-credentials aws-actions/amazon-ecr-login
			google-github-actions/auth azure/login google-github-actions/setup-gcloud hashicorp/setup-terraform
			hashicorp/vault-action azure/setup-helm azure/setup-kubectl step-security/harden-runner
			dtolnay/rust-toolchain imjasonh/setup-crane oras-project/setup-oras ossf/scorecard-action
			peter-evans/create-pull-request crazy-max/ghaction-import-gpg rust-lang/crates-io-auth-action nuget/login
			pypa/gh-action-pypi-publish shivammathur/setup-php erlef/setup-beam cachix/install-nix-action
			actions/add-to-project gradle/actions/wrapper-validation gradle/wrapper-validation-action
			redhat-actions/podman-login slackapi/slack-github-action`},
	} {
		for name := range strings.FieldsSeq(x.names) {
			j := one(t, uses(name+"@v9", x.with), nil)
			told := ""
			for _, c := range j.Caches {
				told += c.What + "; "
			}
			if cached := len(j.Caches) > 0; cached != x.cached || cached && j.Caches[0].Elsewhere != x.elsewhere ||
				(len(j.Code) > 0) != x.code || len(j.Unknown)+len(j.Strange) > 0 {
				t.Errorf(
					"%s with {%s}: caches %q, code %q, unknown %q, want %+v",
					name,
					x.with,
					told,
					j.Code,
					j.Unknown,
					x,
				)
			}
		}
	}
}
