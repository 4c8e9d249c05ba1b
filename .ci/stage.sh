#!/usr/bin/env bash
# Runs one stage of `make test`: says what it does before it starts and, after
# its end, how long it took and how much processor time it used.
# Usage: .ci/stage.sh WHAT COMMAND [ARGUMENT...]
set -uo pipefail
what=$1
shift
printf '\n== %s\n' "$what"
TIMEFORMAT="== $what: %lR, of processors %lU and %lS"
time "$@" || {
	status=$?
	printf '== %s: failed with status %d\n' "$what" "$status" >&2
	exit "$status"
}
