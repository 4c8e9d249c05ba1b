#!/bin/sh
# Puts the sallyport binary that belongs to this commit into a fresh directory
# and prints its path. It takes the released binary whose SHA-256 this commit
# records; if none is recorded, it builds this commit's source; else it stops.
# install.js does the same for actions.
#
# It never makes a file executable, and never prints its path, before the file
# has the recorded digest. It does not trust where the bytes came from, and it
# runs no program from the workspace.
set -eu
umask 077

# fail STATUS MESSAGE ends with a status of docs/exit-codes.md.
fail() {
	if [ -n "${GITHUB_ACTIONS:-}" ]; then
		printf '::error title=sallyport::%s\n' "$2" >&2
	else
		printf 'sallyport: %s\n' "$2" >&2
	fi
	exit "$1"
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

unset -f chmod curl env go gzip head mkdir mktemp rm sha256sum shasum tr uname wget 2>/dev/null || :
others=$(scrub)
PATH=/usr/bin:/bin:/usr/sbin:/sbin${others:+:$others}
export PATH

# <here>
case $0 in */*) root=${0%/*}/.. ;; *) root=.. ;; esac
release() {
	while IFS= read -r line; do printf '%s\n' "$line"; done <"$root/shared/release.txt"
}

# build compiles this commit's source. The environment is made from nothing:
# neither another toolchain nor another's modules take part, and what go.sum and
# the checksum database do not know is refused.
build() {
	line=
	[ ! -f "$root/go.mod" ] || read -r line <"$root/go.mod" || :
	go=$(PATH=$others && command -v go) || go=
	case $line/$go in "module github.com/sallyport-dev/sallyport//"*) ;; *)
		fail 2 "this commit records no release and cannot be built here; pin the commit of a release" ;;
	esac
	made=$dir/made
	mkdir "$made"
	(
		cd "$root"
		env -i PATH="/usr/bin:/bin:${go%/*}" HOME="$made" TMPDIR="$made" GOCACHE="$made/cache" GOPATH="$made/go" \
			GOENV=off GOTOOLCHAIN=local GOFLAGS='-mod=readonly -modcacherw' GOWORK=off GO111MODULE=on \
			GOPROXY=https://proxy.golang.org GOSUMDB=sum.golang.org CGO_ENABLED=0 \
			"$go" build -trimpath -buildvcs=false -tags=grpcnotrace -ldflags='-s -w -buildid=' -o "$dir/sallyport" .
	) >&2 || fail 2 "this commit's source could not be built"
	rm -rf "$made"
	version=source
}
# </here>

# plain keeps what is safe to print from a foreign value.
plain() { printf '%s' "$1" | tr -cd 'A-Za-z0-9_.:/-'; }

# need notes that all of the programs are missing; one of them is enough.
missing=
need() {
	names=
	for program; do
		if command -v "$program" >/dev/null; then return; fi
		names=${names:+$names or }$program
	done
	missing=${missing:+$missing, }$names
}

platform() {
	case ${RUNNER_OS:-$(uname -s)} in
	Linux) os=linux ;;
	macOS | Darwin) os=darwin ;;
	Windows | MINGW* | MSYS* | CYGWIN*)
		fail 2 "this runner is Windows; this script needs Linux or macOS" ;;
	*) fail 2 "this runner is $(plain "${RUNNER_OS:-$(uname -s)}"); this script needs Linux or macOS" ;;
	esac
	case ${RUNNER_ARCH:-$(uname -m)} in
	X64 | x86_64 | amd64) arch=amd64 ;;
	ARM64 | arm64 | aarch64) arch=arm64 ;;
	*) fail 2 "this runner is $(plain "${RUNNER_ARCH:-$(uname -m)}"); sallyport needs amd64 or arm64" ;;
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
			[ -z "$want" ] || fail 2 "the release record names $name twice"
			want=$first
		fi
	done <<-END
		$record
	END
	[ "$lines" != 0 ] || return 0
	case $version in v[0-9]*) ;; *) fail 2 "the release record has no version" ;; esac
	case $version in *[!A-Za-z0-9.-]*) fail 2 "the release record has a malformed version" ;; esac
	[ -n "$want" ] || fail 2 "the release record of $version has no digest for $name"
	case $want in *[!0-9a-f]*) fail 2 "the release record of $version has a malformed digest for $name" ;; esac
	[ ${#want} = 64 ] || fail 2 "the release record of $version has a malformed digest for $name"
}

sha256() {
	if command -v sha256sum >/dev/null; then
		sum=$(sha256sum <"$1")
	else
		sum=$(shasum -a 256 <"$1")
	fi
	printf '%s' "${sum%% *}"
}

# reuse sets bin to a copy that an earlier step of this job has left, after
# hashing it again.
reuse() {
	[ -n "${RUNNER_TEMP:-}" ] || return 0
	for copy in "$temp"/sallyport.*/sallyport; do
		if [ -f "$copy" ] && [ ! -L "$copy" ] && [ ! -L "${copy%/*}" ] && [ "$(sha256 "$copy")" = "$want" ]; then
			bin=$copy
			return 0
		fi
	done
}

# fetch FILE URL downloads. It goes from https to no other protocol where curl
# is there; what wget does not check, the digest does.
fetch() (
	ulimit -f 400000 2>/dev/null || : # no download grows past a few hundred megabytes
	if command -v curl >/dev/null; then
		case $2 in https:*) protocols='=https' ;; *) protocols='=https,http' ;; esac
		curl -q --proto "$protocols" --fail --silent --show-error --location --max-redirs 5 \
			--retry 3 --connect-timeout 20 --max-time 300 --max-filesize 209715200 --output "$1" -- "$2"
	else
		wget -q -T 60 -O "$1" -- "$2" ||
			{ [ $? -ge 128 ] && wget -q -O "$1" -- "$2"; } # a busybox that crashes on -T
	fi
)

# download takes the packed file where there is one and something to unpack it.
# Its digest is that of what runs.
download() {
	url=${SALLYPORT_RELEASES:-https://github.com/sallyport-dev/sallyport/releases/download}/$version/$name
	if { : | gzip && : | head -c 1; } >/dev/null 2>&1 && fetch "$dir/packed" "$url.gz" 2>/dev/null; then
		{ gzip -dc <"$dir/packed" | head -c 209715200 >"$dir/sallyport"; } 2>/dev/null || :
	elif ! fetch "$dir/sallyport" "$url"; then
		rest=${url#*://}
		host=${rest%%/*}
		fail 5 "$name $version could not be downloaded from $(plain "${url%%://*}://${host##*@}/${rest#*/}"); SALLYPORT_RELEASES names a mirror"
	fi
	got=$(sha256 "$dir/sallyport")
	[ "$got" = "$want" ] || fail 3 "$name $version is not the recorded file: sha256 $got, want $want"
	rm -f "$dir/packed"
	chmod 700 "$dir/sallyport"
}

temp=${RUNNER_TEMP:-${TMPDIR:-/tmp}}
case $temp in /*) ;; *) fail 2 "the temporary directory is not an absolute path" ;; esac
need mktemp
need chmod
need rm
case ${RUNNER_OS:-}/${RUNNER_ARCH:-} in /* | */) need uname ;; esac
case $(release) in version\ * | *"
version "*)
	need sha256sum shasum
	need curl wget
	;;
esac
[ -z "$missing" ] || fail 2 "this machine lacks $missing: add that, or choose another image"
bin=
platform
recorded
[ -z "$want" ] || reuse
if [ -z "$bin" ]; then
	dir=$(mktemp -d "$temp/sallyport.XXXXXX") || fail 2 "there is no directory $(plain "$temp") to write to"
	trap 'rm -rf "$dir"' EXIT
	if [ -n "$want" ]; then download; else build; fi
	trap - EXIT
	bin=$dir/sallyport
fi
if [ -n "${GITHUB_OUTPUT:-}" ]; then
	printf 'bin=%s\nversion=%s\n' "$bin" "$version" >>"$GITHUB_OUTPUT"
fi
printf '%s\n' "$bin"
