#!/bin/sh
# Puts the sallyport binary that belongs to this commit into a fresh directory
# and prints its path. It takes the released binary whose SHA-256 this commit
# records; if none is recorded, it builds this commit's source; else it stops.
#
# It never makes a file executable, and never prints its path, before the file
# has the recorded digest. It does not trust where the bytes came from, and it
# runs no program from the workspace.
set -eu
umask 077

fail() {
	if [ -n "${GITHUB_ACTIONS:-}" ]; then
		printf '::error title=sallyport::%s\n' "$1" >&2
	else
		printf 'sallyport: %s\n' "$1" >&2
	fi
	exit 1
}

# scrub prints PATH without what is relative, missing, or in the workspace.
scrub() (
	unset CDPATH
	rest=$PATH: found=
	while [ -n "$rest" ]; do
		entry=${rest%%:*}
		rest=${rest#*:}
		case $entry in /*) ;; *) continue ;; esac
		entry=$(cd -P -- "$entry" 2>/dev/null && pwd -P) || continue
		for work in "${GITHUB_WORKSPACE:-}" "${CI_PROJECT_DIR:-}" "$PWD"; do
			work=$(cd -P -- "${work:-/}" 2>/dev/null && pwd -P) || continue
			[ "$work" != / ] || continue
			case $entry/ in "$work"/*) continue 2 ;; esac
		done
		found=$found:$entry
	done
	printf '%s' "${found#:}"
)

unset -f cat chmod curl go mktemp rm sha256sum shasum tr uname wget 2>/dev/null || :
others=$(scrub)
PATH=/usr/bin:/bin:/usr/sbin:/sbin${others:+:$others}
export PATH

# <here>
case $0 in */*) root=${0%/*}/.. ;; *) root=.. ;; esac
release() { cat "$root/shared/release.txt"; }
# </here>

# plain keeps what is safe to print from a foreign value.
plain() { printf '%s' "$1" | tr -cd 'A-Za-z0-9_.-'; }

platform() {
	case ${RUNNER_OS:-$(uname -s)} in
	Linux) os=linux ;;
	macOS | Darwin) os=darwin ;;
	Windows | MINGW* | MSYS* | CYGWIN*)
		fail "this runner is Windows; sallyport needs a Linux or macOS runner" ;;
	*) fail "this runner is $(plain "${RUNNER_OS:-$(uname -s)}"); sallyport needs a Linux or macOS runner" ;;
	esac
	case ${RUNNER_ARCH:-$(uname -m)} in
	X64 | x86_64 | amd64) arch=amd64 ;;
	ARM64 | arm64 | aarch64) arch=arm64 ;;
	*) fail "this runner is $(plain "${RUNNER_ARCH:-$(uname -m)}"); sallyport needs amd64 or arm64" ;;
	esac
	name=sallyport_${os}_$arch
}

# recorded sets version and want to what this commit says about name. Both
# empty is no release yet; anything in between is a broken record.
recorded() {
	version='' want='' lines=0
	record=$(release)
	while read -r first second rest; do
		case $first in '' | '#'*) continue ;; esac
		lines=$((lines + 1))
		if [ "$first" = version ]; then
			version=$second
		elif [ "$second" = "$name" ]; then
			[ -z "$want" ] || fail "the release record names $name twice"
			want=$first
		fi
	done <<-END
		$record
	END
	[ "$lines" != 0 ] || return 0
	case $version in v[0-9]*) ;; *) fail "the release record has no version" ;; esac
	case $version in *[!A-Za-z0-9.-]*) fail "the release record has a malformed version" ;; esac
	[ -n "$want" ] || fail "the release record of $version has no digest for $name"
	case $want in *[!0-9a-f]*) fail "the release record of $version has a malformed digest for $name" ;; esac
	[ ${#want} = 64 ] || fail "the release record of $version has a malformed digest for $name"
}

sha256() {
	if command -v sha256sum >/dev/null; then
		sum=$(sha256sum <"$1")
	elif command -v shasum >/dev/null; then
		sum=$(shasum -a 256 <"$1")
	else
		fail "there is neither sha256sum nor shasum to check the download with"
	fi
	printf '%s' "${sum%% *}"
}

# reuse sets bin to a copy that an earlier step of this job has left, after
# hashing it again.
reuse() {
	[ -n "${RUNNER_TEMP:-}" ] || return 0
	for copy in "$temp"/sallyport.*/sallyport; do
		if [ -f "$copy" ] && [ ! -L "$copy" ] && [ "$(sha256 "$copy")" = "$want" ]; then
			bin=$copy
			return 0
		fi
	done
}

fetch() (
	ulimit -f 400000 2>/dev/null || : # no download grows past a few hundred megabytes
	if command -v curl >/dev/null; then
		curl -q --proto '=https,http' --fail --silent --show-error --location --max-redirs 5 \
			--retry 3 --connect-timeout 20 --max-time 300 --max-filesize 209715200 --output "$2" -- "$1"
	elif command -v wget >/dev/null; then
		wget -q -T 60 -O "$2" -- "$1"
	else
		fail "there is neither curl nor wget to download $name with"
	fi
)

download() {
	url=${SALLYPORT_RELEASES:-https://github.com/sallyport-dev/sallyport/releases/download}/$version/$name
	fetch "$url" "$dir/download" || fail "$name $version could not be downloaded"
	got=$(sha256 "$dir/download")
	[ "$got" = "$want" ] || fail "$name $version is not the recorded file: sha256 $got, want $want"
	mv "$dir/download" "$dir/sallyport"
	chmod 700 "$dir/sallyport"
}

ours() {
	[ -f "$root/go.mod" ] || return 1
	read -r line <"$root/go.mod" || return 1
	[ "$line" = "module github.com/sallyport-dev/sallyport" ]
}

build() {
	go=$(PATH=$others && command -v go) || go=
	case $go in /*) ;; *) go= ;; esac
	if ! ours || [ -z "$go" ]; then
		fail "this commit records no release and cannot be built here; pin the commit of a release"
	fi
	(
		cd "$root" || exit 1
		unset GOOS GOARCH GOEXPERIMENT
		export CGO_ENABLED=0 GOFLAGS=-mod=readonly GOWORK=off
		"$go" build -trimpath -buildvcs=false -ldflags='-s -w -buildid=' -o "$dir/sallyport" .
	) >&2 || fail "this commit's source could not be built"
	version=source
}

temp=${RUNNER_TEMP:-${TMPDIR:-/tmp}}
case $temp in /*) ;; *) fail "the temporary directory is not an absolute path" ;; esac
bin=
platform
recorded
[ -z "$want" ] || reuse
if [ -z "$bin" ]; then
	dir=$(mktemp -d "$temp/sallyport.XXXXXX")
	trap 'rm -rf "$dir"' EXIT
	if [ -n "$want" ]; then download; else build; fi
	trap - EXIT
	bin=$dir/sallyport
fi
if [ -n "${GITHUB_OUTPUT:-}" ]; then
	printf 'bin=%s\nversion=%s\n' "$bin" "$version" >>"$GITHUB_OUTPUT"
fi
printf '%s\n' "$bin"
