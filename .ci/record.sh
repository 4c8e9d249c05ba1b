#!/usr/bin/env bash
# Writes the release that belongs to the next commit into the tree: the version
# and the digests of the binaries, and the files that carry them.
# Usage: .ci/record.sh VERSION DIST
set -euo pipefail
version=$1 dist=$(cd "$2" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[[ $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || {
	echo "record: the version is \"$version\", want vX.Y.Z" >&2
	exit 1
}
(
	grep '^#' shared/release.txt
	echo "version $version"
	cd "$dist" && sha256sum sallyport_{darwin,linux}_{amd64,arm64} sallyport_windows_{amd64,arm64}.exe
) >shared/release.txt.new
mv shared/release.txt.new shared/release.txt
sed '/^<!-- until the first release -->$/,/^$/d' README.md >README.md.new
mv README.md.new README.md
CGO_ENABLED=0 go test ./internal/inputs -run '^TestGenerated$' -update
