#!/usr/bin/env bash
# Runs the installer and the gate in a root directory that holds a busybox and
# nothing else. It needs bin/sallyport and bin/sallyport-lab, which make builds,
# and the package busybox-static, which it installs where it may. It works as
# root, or where users may make name spaces.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if ! command -v busybox >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	apt-get install -qq --yes --no-install-recommends busybox-static >/dev/null 2>&1 ||
		{ apt-get update -qq && apt-get install -qq --yes --no-install-recommends busybox-static; } >/dev/null || true
fi
command -v busybox >/dev/null || {
	echo "chroot: busybox is missing: install the package busybox-static" >&2
	exit 1
}
exec go test -tags e2e,chroot -count=1 -run '^TestChroot' ./e2e
