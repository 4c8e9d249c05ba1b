#!/usr/bin/env bash
# Makes sure that there is a busybox that needs no libraries: it installs the
# package busybox-static where it may, and else says what is missing.
set -euo pipefail

if ! command -v busybox >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	apt-get install -qq --yes --no-install-recommends busybox-static >/dev/null 2>&1 ||
		{ apt-get update -qq && apt-get install -qq --yes --no-install-recommends busybox-static; } >/dev/null || true
fi
command -v busybox >/dev/null || {
	echo "busybox is missing: install the package busybox-static" >&2
	exit 1
}
