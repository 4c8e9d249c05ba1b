#!/usr/bin/env bash
# Runs every fuzz target for a while: .ci/fuzz.sh [TIME, 60s by default].
# A corpus entry that fails is kept by Go under testdata/fuzz.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

count=0
while IFS=: read -r file _ name; do
	count=$((count + 1))
	go test -C "${file%/*}" -run '^$' -fuzz "^$name\$" -fuzztime "${1:-60s}" -fuzzminimizetime 1x .
done < <(grep -rnoE 'func Fuzz[A-Za-z0-9_]+' --include='*_test.go' . | sed 's/func //; s#^\./##' | grep -v '^internal/lab/')
echo "fuzz: $count targets"
[ "$count" -gt 0 ]
