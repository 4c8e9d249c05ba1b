#!/usr/bin/env bash
# Does on this machine what .github/workflows/release.yml does, and then what
# those do who use a release: HEAD is built twice and compared, the record is
# written and committed, the files are attested and let through the gate of
# this repository's own policy, put up on a loopback mirror, and installed by
# the commit that a user pins, in a root directory that has a busybox and
# nothing else. Of the platform and of Sigstore there is what the lab has.
#
# It needs root, for chroot, and bin/sallyport-lab, which make builds.
# Usage: .ci/rehearse.sh [DIST]
# DIST is what .ci/reproduce.sh made of HEAD; without it, it is made now.
#
# What stands in single quotes is for the shell in that root directory:
# shellcheck disable=SC2016
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=v0.0.0-rehearsal
repository=sallyport-dev/sallyport

die() {
	echo "rehearsal: $1" >&2
	exit 1
}

say() { printf '\n-- %s\n' "$1"; }

# wants STATUS TEXT COMMAND... runs a command, which has to end so and say so.
wants() {
	local status=0 want=$1 text=$2
	shift 2
	"$@" >"$temp/said" 2>&1 || status=$?
	if [ "$status" != "$want" ] || ! grep -qF -- "$text" "$temp/said"; then
		cat "$temp/said" >&2
		die "status $status, want $want and \"$text\": $*"
	fi
	{ grep -E "${shown:-.}" "$temp/said" || true; } | sed '/^::/d; s/^/   /'
}

# check stops before anything is built if this machine cannot do all of it.
check() {
	local lacks=() program why
	[ "$(id -u)" = 0 ] || lacks+=("this is not root, whom chroot needs")
	for program in git go gzip node chroot diff tar; do
		command -v "$program" >/dev/null || lacks+=("$program is missing")
	done
	why=$(.ci/busybox.sh 2>&1) || lacks+=("$why")
	[ -x bin/sallyport-lab ] || lacks+=("bin/sallyport-lab is missing: make builds it")
	if [ ${#lacks[@]} -gt 0 ]; then
		printf 'rehearsal: %s\n' "${lacks[@]}" >&2
		die "nothing was rehearsed"
	fi
}

# cell makes a root directory with a busybox and nothing else.
cell() {
	local applet
	mkdir -p "$temp/root"/{bin,dev,tmp,project}
	cp "$(command -v busybox)" "$temp/root/bin/busybox"
	for applet in $(busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "$temp/root/bin/$applet"
	done
	: >"$temp/root/dev/null"
	inside : || die "nothing starts in a root directory of its own: install busybox-static, and allow chroot; nothing was rehearsed"
}

# inside SCRIPT [PATH] runs a script in that directory, which knows the mirror, or
# what is under a path of it.
inside() {
	env -i PATH=/bin HOME=/tmp CI_PROJECT_DIR=/project SALLYPORT_RELEASES="$mirror${2:-}" \
		"$(command -v chroot)" "$temp/root" /bin/sh -e -c "cd /project; $1"
}

# record writes the commit that users pin and pushes it, as the job "record".
record() {
	git init --quiet --bare "$temp/origin"
	git clone --quiet --no-checkout . "$temp/record"
	(
		cd "$temp/record"
		git checkout --quiet --detach "$commit"
		.ci/record.sh "$version" "$dist"
		git -c user.name=rehearsal -c user.email=rehearsal@localhost commit --quiet --message "release: $version" -- README.md shared/release.txt templates
		[ -z "$(git status --porcelain)" ] || die "the commit lacks what the record changed: $(git status --porcelain)"
		git push --quiet "$temp/origin" "HEAD:refs/heads/release/$version"
	)
	git clone --quiet --depth 1 --branch "release/$version" "file://$temp/origin" "$temp/pinned" 2>/dev/null # as checkout does
	pinned=$(git -C "$temp/pinned" rev-parse HEAD)
	echo "   $pinned"
	git -C "$temp/record" diff --stat "$commit" HEAD | sed 's/^/   /'
}

# again builds the pinned commit by the command that docs/install.md shows.
again() {
	local command
	command=$(grep '^CGO_ENABLED=0 go build' docs/install.md)
	(cd "$temp/pinned" && GOWORK=off GOFLAGS=-mod=readonly bash -c "${command/vX.Y.Z/$version} && mv sallyport '$temp/again'")
	cmp "$temp/again" "$dist/sallyport_linux_$arch" || die "the pinned commit has another binary than the one before it"
	echo "   $command: the same bytes"
}

# action NAME VARIABLE=VALUE... starts an action of the pinned commit as a runner
# does: by Node, with inputs as variables.
action() {
	local name=$1
	shift
	: >"$temp/outputs"
	(cd "$temp/pinned" && env RUNNER_TEMP="$temp/runner" GITHUB_WORKSPACE="$temp/pinned" GITHUB_OUTPUT="$temp/outputs" \
		GITHUB_PATH="$temp/path" GITHUB_STEP_SUMMARY="$temp/summary" "$@" "$node" "actions/$name/main.js")
}

# first puts the binary that was built where the steps before it would have put
# it: the action takes it only if it has the digest of the pinned commit.
first() {
	rm -rf "$temp/runner" && mkdir "$temp/runner"
	command install -D "$dist/sallyport_linux_$arch" "$temp/runner/sallyport.dist/sallyport"
}

attest() {
	first
	cp -R "$dist" "$temp/pinned/dist"
	wants 0 "signed as  https://github.com/$repository/.github/workflows/release.yml@refs/heads/main" \
		action attest 'INPUT_SUBJECT=dist/*' "INPUT_SIGNING-CONFIG=$SALLYPORT_LAB_SIGNING_CONFIG" \
		"INPUT_TRUSTED-ROOT=$SALLYPORT_LAB_TRUSTED_ROOT" "INPUT_AUTHORITY=$SALLYPORT_LAB_AUTHORITY"
}

# gate judges by this repository's own policy, of which one word is another: the
# Sigstore instance that is trusted. A byte more may not go.
gate() {
	local digests pin shown='^(allowed|denied) |E_'
	cp "$SALLYPORT_LAB_TRUSTED_ROOT" "$temp/pinned/.sallyport/rehearsal.json"
	pin=$(sha256sum <"$SALLYPORT_LAB_TRUSTED_ROOT")
	sed -i "s/^\( *trust:\) public-good$/\1 {root: rehearsal.json, sha256: ${pin%% *}}/" "$temp/pinned/.sallyport/policy.yaml"
	git -C "$temp/pinned" diff --unified=0 -- .sallyport/policy.yaml | grep '^[-+] ' | sed 's/^/   /'
	(cd "$temp/pinned" && "$lab" commit .sallyport/policy.yaml)
	first
	unset ACTIONS_ID_TOKEN_REQUEST_URL ACTIONS_ID_TOKEN_REQUEST_TOKEN # the job "publish" has no token that signs
	wants 0 'may enter "release"' action gate 'INPUT_SUBJECT=dist/*' INPUT_ENVIRONMENT=release
	digests=$(sed -n '/^digests<</{n;p;}' "$temp/outputs")
	"$temp/pinned/.ci/allowed.sh" "$digests" "$dist"/* || die "the gate allowed less than is published"
	printf x >>"$temp/pinned/dist/sallyport_linux_$arch"
	wants 3 E_ action gate 'INPUT_SUBJECT=dist/*' INPUT_ENVIRONMENT=release
	! grep -q '^digests<<' "$temp/outputs" || die "the gate passed on what it denied"
	cp "$dist/sallyport_linux_$arch" "$temp/pinned/dist/"
}

# publish puts up what the release has, and a second one that somebody changed.
publish() {
	local port
	mkdir -p "$temp/mirror/$version" "$temp/mirror/changed/$version"
	cp "$dist"/* "$temp/pinned/.sallyport/bundles"/* "$temp/pinned/shared/release.txt" "$temp/mirror/$version"
	cp "$dist/sallyport_linux_$arch" "$temp/mirror/changed/$version/"
	printf x >>"$temp/mirror/changed/$version/sallyport_linux_$arch"
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		port=$((RANDOM % 20000 + 20000))
		busybox httpd -f -p "127.0.0.1:$port" -h "$temp/mirror" </dev/null >/dev/null 2>&1 &
		server=$!
		sleep 0.3
		if kill -0 "$server" 2>/dev/null; then break; fi
		server=
	done
	[ -n "$server" ] || die "no port is free for the mirror"
	mirror=http://127.0.0.1:$port
	(cd "$temp/mirror/$version" && du -bc -- * | sed 's/^/   /')
}

# install installs by the pinned commit: by the script, by a component and by the
# action; and what somebody changed is refused.
install() {
	local script='bin=$(/bin/sh /sallyport/shared/install.sh); "$bin" version' component bin
	inside '! command -v go && ! command -v bash && ! command -v curl && ! command -v git' || die "the root directory is not empty"
	mkdir -p "$temp/root/sallyport/shared"
	cp "$temp/pinned/shared/install.sh" "$temp/pinned/shared/release.txt" "$temp/root/sallyport/shared/"
	echo "   by shared/install.sh:"
	wants 0 "sallyport $version" inside "$script"
	echo "   by the component:"
	component=$(awk '/^    - \|$/ {n++; next} n == 1 {sub(/^      /, ""); print}' "$temp/pinned/templates/gate/template.yml")
	wants 0 "sallyport $version" inside "$component
\"\$sallyport\" version"
	echo "   by the action setup, without a PATH:"
	rm -rf "$temp/runner" && mkdir "$temp/runner" && : >"$temp/path"
	action setup PATH= "SALLYPORT_RELEASES=$mirror"
	bin=$(cat "$temp/path")/sallyport
	wants 0 "sallyport $version" "$bin" version
	inside 'rm -rf /tmp/sallyport.*'
	echo "   one byte more on the mirror, and a mirror that has nothing:"
	wants 3 "is not the recorded file" inside "$script" /changed
	wants 5 "could not be downloaded from $mirror/none/$version" inside "$script" /none
	inside 'test -z "$(ls /tmp)"' || die "what was refused lies in /tmp"
}

# verify checks the release there as docs/install.md shows it.
verify() {
	local identity="https://github.com/$repository/.github/workflows/release.yml@refs/heads/main"
	grep -qF -- "--certificate-identity $identity" docs/install.md || die "docs/install.md shows another identity"
	mkdir "$temp/root/project/bundles"
	cp "$temp/pinned/.sallyport/bundles"/* "$temp/root/project/bundles"
	cp "$SALLYPORT_LAB_TRUSTED_ROOT" "$temp/root/project/trusted_root.json"
	wants 0 verified inside 'bin=$(/bin/sh /sallyport/shared/install.sh)
		wget -q "$SALLYPORT_RELEASES/'"$version/sallyport_linux_$arch"'"
		"$bin" verify --offline --trusted-root trusted_root.json --bundle bundles \
			--certificate-identity '"$identity"' \
			--certificate-oidc-issuer https://token.actions.githubusercontent.com sallyport_linux_'"$arch"
}

# lab_part is what needs a Sigstore and a platform; the lab is around it.
lab_part() {
	local account='{"login":"alice","id":77}'
	trap '[ -z "$server" ] || kill "$server"' EXIT
	"$lab" ask PUT "/github/repos/$repository" "{\"id\":$id,\"owner_id\":4242,\"protected\":[\"release\"]}" >/dev/null
	"$lab" ask PUT "/github/repos/$repository/history" \
		"{\"branches\":{\"main\":\"$commit\"},\"commits\":[{\"sha\":\"$commit\",\"message\":\"main\",\"author\":$account}]}" >/dev/null
	"$lab" ask PUT "/github/repos/$repository/runs/1000001" "{\"event\":\"workflow_dispatch\",\"head_sha\":\"$commit\"}" >/dev/null
	say "attest: the files that were built, by our action, in the lab"
	attest
	say "gate: this repository's policy, environment release; then one byte more"
	gate
	say "publish: on a loopback mirror"
	publish
	say "install: by the record of $pinned, in a root with a busybox and nothing else"
	install
	say "verify: as docs/install.md says, in the same root"
	verify
}

# It is read whole before it runs, so that it may be edited meanwhile.
main() {
	if [ "${1:-}" = --in-the-lab ]; then
		lab_part
		return
	fi
	check
	temp=$(mktemp -d)
	trap 'chmod -R u+w "$temp"; rm -rf "$temp"' EXIT
	cell
	commit=$(git rev-parse HEAD)
	arch=$(go env GOHOSTARCH)
	id=$(sed -n 's/^ *repository-id: //p' .sallyport/policy.yaml)
	say "build: $commit, twice, for every platform, and compared"
	[ -z "$(git status --porcelain)" ] || echo "   what is not committed takes no part"
	if [ -n "${1:-}" ]; then
		dist=$(cd "$1" && pwd)
		echo "   left out: $dist was made before"
	else
		dist=$temp/dist
		.ci/reproduce.sh "$version" "$dist"
		echo "   both are the same"
	fi
	say "record: the commit that users pin"
	record
	again
	export temp commit arch id dist pinned
	"$lab" --as github --claims "{\"repository\":\"$repository\",\"repository_id\":\"$id\",\"sha\":\"$commit\",\"event_name\":\"workflow_dispatch\"}" \
		-- "$PWD/.ci/rehearse.sh" --in-the-lab
	printf '\nrehearsed %s: built, recorded, attested, let through the gate, published, installed, verified\n' "$version"
	echo "not rehearsed: the platform's runners and settings, the public Sigstore, the approval of the environment"
}

lab=$PWD/bin/sallyport-lab
mirror='' server=''
node=$(command -v node || true)
main "$@"; exit
