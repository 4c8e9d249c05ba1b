#!/usr/bin/env bash
# An outside oracle: cosign and Sallyport check each other's work in the lab, as
# files and as referrers in a registry. Each must accept what the other has
# signed and refuse the same evidence for something else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cache=${SALLYPORT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sallyport}
cosign=$cache/cosign-v3.1.3/cosign

die() {
	echo "interop: $1" >&2
	exit 1
}

# prepare builds the programs and starts this script again inside the lab.
prepare() {
	command -v go >/dev/null || die "go is missing: install Go"
	command -v curl >/dev/null || die "curl is missing: install the package curl"
	command -v jq >/dev/null || die "jq is missing: install the package jq"
	temp=$(mktemp -d)
	trap 'rm -rf "$temp"' EXIT
	export CGO_ENABLED=0 GOWORK=off
	if [ ! -x "$cosign" ]; then
		echo "interop: building cosign v3.1.3, once; this takes minutes"
		GOBIN=${cosign%/*} GOFLAGS=-trimpath nice go install github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3 || die "cosign could not be built"
	fi
	go build -trimpath -tags=grpcnotrace -o "$temp/sallyport" .
	go build -C internal/lab -trimpath -o "$temp/sallyport-lab" ./sallyport-lab
	e2e/sample/build.sh
	cp -R e2e/sample/dist "$temp/dist"
	rm -rf e2e/sample/dist
	INTEROP=$temp "$temp/sallyport-lab" --as github -- "$PWD/e2e/interop.sh" inside
}

# The identity that the lab gives a job, and how each program is told of it.
identity=https://github.com/acme/widget/.github/workflows/release.yml@refs/heads/main
issuer=https://token.actions.githubusercontent.com
wanted=(--certificate-identity "$identity" --certificate-oidc-issuer "$issuer")
lab=(--signing-config "$SALLYPORT_LAB_SIGNING_CONFIG" --trusted-root "$SALLYPORT_LAB_TRUSTED_ROOT" --authority "$SALLYPORT_LAB_AUTHORITY")

sallyport() { "$INTEROP/sallyport" "$@" >>"$INTEROP/log" 2>&1; }

# theirs runs cosign with no home, so that no trust of this machine helps it.
theirs() { env HOME="$INTEROP/home" "$cosign" "$@" >>"$INTEROP/log" 2>&1; }

# token prints a fresh identity token for Sigstore.
token() {
	curl -fsS -H "Authorization: Bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=sigstore" | jq -r .value
}

checks=0

# accepts WHAT COMMAND... wants the command to succeed.
accepts() {
	local what=$1
	shift
	: >"$INTEROP/log"
	if ! "$@"; then
		cat "$INTEROP/log" >&2
		die "not accepted: $what"
	fi
	checks=$((checks + 1))
	echo "interop: accepted  $what"
}

# refuses CODE REASON WHAT COMMAND... wants the command to fail with that exit
# code and to say why.
refuses() {
	local code=$1 reason=$2 what=$3 got=0
	shift 3
	: >"$INTEROP/log"
	"$@" || got=$?
	if [ "$got" != "$code" ]; then
		cat "$INTEROP/log" >&2
		die "exit code $got, want $code: $what"
	fi
	grep -Eq -- "$reason" "$INTEROP/log" || {
		cat "$INTEROP/log" >&2
		die "refused for another reason, want $reason: $what"
	}
	checks=$((checks + 1))
	echo "interop: refused   $what"
}

# push LAYOUT REPOSITORY puts the image of a layout into the lab's registry and
# prints its name by digest.
push() {
	local blob api=http://$SALLYPORT_LAB_REGISTRY/v2/$2 digest
	digest=$(jq -r '.manifests[0].digest' "$1/index.json")
	for blob in "$1"/blobs/sha256/*; do
		curl -fsS -X POST --data-binary "@$blob" "$api/blobs/uploads/?digest=sha256:${blob##*/}"
	done
	curl -fsS -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary "@$1/blobs/sha256/${digest#sha256:}" "$api/manifests/$digest"
	echo "$SALLYPORT_LAB_REGISTRY/$2@$digest"
}

# transplant FROM TO hangs the evidence of one image under another.
transplant() {
	local api=http://$SALLYPORT_LAB_REGISTRY/v2/${1#*/} repository from=${1##*@} to=${2##*@} size manifest
	repository=${api%@*}
	size=$(curl -fsS -o /dev/null -w '%{size_download}' -H 'Accept: application/vnd.oci.image.manifest.v1+json' "$repository/manifests/$to")
	for manifest in $(curl -fsS "$repository/referrers/$from" | jq -r '.manifests[].digest'); do
		curl -fsS -H 'Accept: application/vnd.oci.image.manifest.v1+json' "$repository/manifests/$manifest" |
			jq -c --arg to "$to" --argjson size "$size" '.subject.digest = $to | .subject.size = $size' >"$INTEROP/moved"
		curl -fsS -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary "@$INTEROP/moved" \
			"$repository/manifests/sha256:$(sha256sum <"$INTEROP/moved" | cut -d' ' -f1)"
	done
}

# second makes an image that differs from dist/image in one blob.
second() {
	cp -R dist/image dist/second
	local old new
	old=$(jq -r '.manifests[0].digest' dist/image/index.json)
	jq -c '.annotations = {"changed": "yes"}' "dist/image/blobs/sha256/${old#sha256:}" >dist/manifest
	new=$(sha256sum <dist/manifest | cut -d' ' -f1)
	mv dist/manifest "dist/second/blobs/sha256/$new"
	rm "dist/second/blobs/sha256/${old#sha256:}"
	jq -c --arg d "sha256:$new" --argjson s "$(wc -c <"dist/second/blobs/sha256/$new")" '.manifests[0].digest = $d | .manifests[0].size = $s' dist/image/index.json >dist/second/index.json
}

ours_for_cosign() {
	local verify=(--trusted-root "$SALLYPORT_LAB_TRUSTED_ROOT" --use-signed-timestamps --type slsaprovenance1 "${wanted[@]}")
	accepts "sallyport signs a file" sallyport attest "${lab[@]}" --store dir:ours --bundle-dir ours dist/hello
	local bundle
	bundle=$(echo ours/*)
	accepts "cosign verifies our bundle of a file" theirs verify-blob-attestation --bundle "$bundle" "${verify[@]}" dist/hello
	refuses 1 'do not match digests in statement' "cosign, our bundle for a changed file" theirs verify-blob-attestation --bundle "$bundle" "${verify[@]}" dist/changed
	jq -c '.dsseEnvelope.payload |= (@base64d | sub("slsa.dev"; "slsa.dex") | @base64)' "$bundle" >changed.json
	refuses 1 'log inclusion|invalid signature' "cosign, our bundle with a changed statement" theirs verify-blob-attestation --bundle changed.json "${verify[@]}" dist/hello

	local image other
	image=$(push dist/image ours/hello)
	other=$(push dist/second ours/hello)
	accepts "sallyport signs an image" sallyport attest "${lab[@]}" --store oci "$image"
	accepts "cosign verifies our referrer of an image" theirs verify-attestation --allow-http-registry "${verify[@]}" "$image"
	transplant "$image" "$other"
	refuses 1 'does not match any digest in statement' "cosign, our referrer under another image" theirs verify-attestation --allow-http-registry "${verify[@]}" "$other"
}

cosign_for_us() {
	local sign=(--signing-config "$SALLYPORT_LAB_SIGNING_CONFIG" --trusted-root "$SALLYPORT_LAB_TRUSTED_ROOT" --predicate predicate.json --type slsaprovenance1 --yes)
	local verify=(--trusted-root "$SALLYPORT_LAB_TRUSTED_ROOT" "${wanted[@]}")
	jq -n '{buildDefinition: {buildType: "https://example.com/build", externalParameters: {}}, runDetails: {builder: {id: "https://example.com/builder"}}}' >predicate.json
	accepts "cosign signs a file" theirs attest-blob "${sign[@]}" --identity-token "$(token)" --bundle theirs.json dist/hello
	accepts "sallyport verifies cosign's bundle of a file" sallyport verify "${verify[@]}" --bundle theirs.json dist/hello
	refuses 3 E_SUBJECT "sallyport, cosign's bundle for a changed file" sallyport verify "${verify[@]}" --bundle theirs.json dist/changed
	jq -c '.dsseEnvelope.payload |= (@base64d | sub("example.com"; "example.org") | @base64)' theirs.json >changed.json
	refuses 3 'E_SIG_INVALID|E_TLOG' "sallyport, cosign's bundle with a changed statement" sallyport verify "${verify[@]}" --bundle changed.json dist/hello

	local image other
	image=$(push dist/image theirs/hello)
	other=$(push dist/second theirs/hello)
	accepts "cosign signs an image" theirs attest --allow-http-registry "${sign[@]}" --identity-token "$(token)" "$image"
	accepts "sallyport verifies cosign's referrer of an image" sallyport verify "${verify[@]}" --store oci "$image"
	transplant "$image" "$other"
	refuses 3 'E_SUBJECT|E_EVIDENCE_MISSING' "sallyport, cosign's referrer under another image" sallyport verify "${verify[@]}" --store oci "$other"
}

# approval_for_cosign: what a person has signed at a terminal, anybody verifies
# with stock tools.
approval_for_cosign() {
	mkdir -p .sallyport
	cp "$SALLYPORT_LAB_TRUSTED_ROOT" .sallyport/lab.json
	cat >.sallyport/policy.yaml <<POLICY
version: 1
artifacts:
  hello:
    subject: ["dist/*"]
    trust: {root: lab.json, sha256: $(sha256sum <.sallyport/lab.json | cut -d' ' -f1)}
    built-by:
      - issuer: $issuer
        repository: acme/widget
        repository-id: 123456789
        workflow: .github/workflows/release.yml
        refs: [refs/heads/main]
environments:
  production:
    requires: {provenance: }
    approvals: [{group: leads}]
groups:
  leads: {members: ["email:dana@acme.example"], issuer: "$SALLYPORT_LAB_ACCOUNTS"}
people:
  dana: ["email:dana@acme.example"]
POLICY
	accepts "sallyport signs a release set" sallyport release "${lab[@]}" --version v1 --environments production --bundle ours --store dir:ours dist/hello
	local release
	release=$(grep -o 'sha256:[0-9a-f]*' "$INTEROP/log" | head -1)
	approve() (
		unset GITHUB_ACTIONS
		SALLYPORT_IDENTITY_TOKEN=$(curl -fsS "$SALLYPORT_LAB/accounts/idtoken?email=dana@acme.example")
		export SALLYPORT_IDENTITY_TOKEN SALLYPORT_TOKEN=$GITHUB_TOKEN
		sallyport approve "${lab[@]}" --yes --release "$release" --store dir:.sallyport/bundles --store dir:ours --bundle-dir approved
	)
	accepts "a person signs an approval of it" approve
	local bundle verify=(--trusted-root "$SALLYPORT_LAB_TRUSTED_ROOT" --use-signed-timestamps --type https://sallyport.dev/approval/v1 --certificate-oidc-issuer "$SALLYPORT_LAB_ACCOUNTS")
	bundle=$(echo approved/*)
	accepts "cosign verifies the approval" theirs verify-blob-attestation --bundle "$bundle" "${verify[@]}" --certificate-identity dana@acme.example dist/hello
	refuses 1 'do not match digests in statement' "cosign, the approval for a changed file" theirs verify-blob-attestation --bundle "$bundle" "${verify[@]}" --certificate-identity dana@acme.example dist/changed
	refuses 1 'no matching CertificateIdentity' "cosign, the approval as somebody else's" theirs verify-blob-attestation --bundle "$bundle" "${verify[@]}" --certificate-identity bob@acme.example dist/hello
}

if [ "${1-}" != inside ]; then
	prepare
	exit
fi
mkdir "$INTEROP/home"
cd "$INTEROP"
cp dist/hello dist/changed
printf x >>dist/changed
second
ours_for_cosign
cosign_for_us
approval_for_cosign
echo "interop: $checks checks passed"
