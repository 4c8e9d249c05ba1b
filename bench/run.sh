#!/usr/bin/env bash
# Builds what is measured and prints one table. With a directory as argument,
# the bundles and files stay there and are used again the next time; with
# "--rounds N" after it, every command runs N times.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

dir=${1:-}
if [ -z "$dir" ]; then
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
fi
mkdir -p "$dir/bin" "$dir/new"
dir=$(cd "$dir" && pwd)

export CGO_ENABLED=0
flags=(-trimpath -buildvcs=false -tags=grpcnotrace "-ldflags=-s -w -buildid=")
go build "${flags[@]}" -o "$dir/new/" . ./bench/plain ./bench/library ./bench github.com/sigstore/sigstore-go/test/conformance
go test -c "${flags[@]}" -o "$dir/new/change.test" ./internal/change
go build -C internal/lab -trimpath -o "$dir/new/sallyport-lab" ./sallyport-lab
# What a linker has just written lies in the page cache in small pieces, and
# starts slower than what was installed.
for program in "$dir"/new/*; do
	cp "$program" "$dir/bin/"
done
rm -r "$dir/new"

"$dir/bin/bench" --dir "$dir" "${@:2}"
