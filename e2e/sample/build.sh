#!/bin/sh
# Builds the program and an image of it into dist/.
set -eu
cd "$(dirname "$0")"
export CGO_ENABLED=0 GOFLAGS='' GOWORK=off
go build -trimpath -buildvcs=false -ldflags='-s -w -buildid=' -o dist/hello .
go run -trimpath -buildvcs=false ./cmd/image dist/hello dist/image
