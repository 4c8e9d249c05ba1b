#!/usr/bin/env bash
# Succeeds only if every file is among the digests that a gate allowed.
# Usage: .ci/allowed.sh "sha256:HEX sha256:HEX ..." FILE...
set -euo pipefail
read -r -a digests <<<"$1"
shift
[ $# -gt 0 ] || {
	echo "allowed: no files" >&2
	exit 1
}
for file in "$@"; do
	sum=$(sha256sum <"$file")
	found=
	for digest in "${digests[@]}"; do
		if [ "$digest" = "sha256:${sum%% *}" ]; then found=$digest; fi
	done
	if [ -z "$found" ]; then
		echo "allowed: the gate did not allow $file, sha256:${sum%% *}" >&2
		exit 1
	fi
done
