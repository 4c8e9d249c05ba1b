#!/usr/bin/env bash
# Builds HEAD twice, in folders with different names and with empty caches, and
# keeps the binaries only if both builds are the same.
# Usage: .ci/reproduce.sh VERSION OUT
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=$1 out=$2
commit=$(git rev-parse HEAD)

temp=$(mktemp -d)
trap 'chmod -R u+w "$temp"; rm -rf "$temp"' EXIT
for folder in first "another folder, further/down"; do
	mkdir -p "$temp/$folder/source"
	git archive "$commit" | tar -x -C "$temp/$folder/source"
	GOCACHE=$temp/$folder/cache .ci/build.sh "$version" "$temp/$folder/source" "$temp/$folder/out"
	rm -rf "$temp/$folder/cache"
done
if ! diff -r "$temp/first/out" "$temp/another folder, further/down/out"; then
	echo "reproduce: two builds of the same commit differ" >&2
	exit 1
fi
mkdir -p "$out"
cp "$temp"/first/out/* "$out"
