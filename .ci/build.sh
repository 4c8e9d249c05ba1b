#!/usr/bin/env bash
# Builds the released binaries from the source in one folder, each as it runs and
# packed, and the server: its program, its image, and the units for systemd.
# Usage: .ci/build.sh VERSION SOURCE OUT
set -euo pipefail
version=$1 source=$2
mkdir -p "$3"
out=$(cd "$3" && pwd)
export CGO_ENABLED=0 GOFLAGS=-mod=readonly GOWORK=off

# compile OUT PACKAGE builds a program so that the same source gives the same bytes.
compile() {
	go build -trimpath -buildvcs=false -tags=grpcnotrace -ldflags="-s -w -buildid= -X main.version=$version" -o "$1" "$2"
}

for target in linux_amd64 linux_arm64 darwin_amd64 darwin_arm64 windows_amd64.exe windows_arm64.exe; do
	(
		cd "$source"
		arch=${target#*_}
		GOOS=${target%_*} GOARCH=${arch%.exe} compile "$out/sallyport_$target" .
		gzip -9nk "$out/sallyport_$target"
	)
done

server=$source/internal/server
cp "$server"/image/*.service "$out"
for arch in amd64 arm64; do
	(
		cd "$server"
		program=$out/sallyport-server_linux_$arch
		GOOS=linux GOARCH=$arch compile "$program" ./sallyport-server
		go run -trimpath ./image "$program" "$arch" "$program.oci.tar"
	)
done
