#!/bin/sh
# Builds the program and the package into dist/.
set -eu
cd "$(dirname "$0")"
export CGO_ENABLED=0 GOFLAGS='' GOWORK=off
go build -trimpath -buildvcs=false -ldflags='-s -w -buildid=' -o dist/hello .
npm pack --silent --pack-destination dist
