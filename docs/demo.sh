#!/usr/bin/env bash
# The main job on this machine: build, attest, allow, tamper, deny. It needs Go
# and nothing else; after the first build it opens no connection but to itself.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
note() { printf '%s\n' "$@"; }

if [[ ${1:-} != story ]]; then
  if [[ ! -t 1 ]]; then say() { printf '\n%s\n' "$*"; }; fi
  if [[ ! -x bin/sallyport || ! -x bin/sallyport-lab ]]; then
    note "Building sallyport and its lab. The first time this downloads modules and" \
      "compiles a whole Sigstore: two to five minutes on two cores."
  fi
  make --no-print-directory build &
  build=$!
  while kill -0 "$build" 2>/dev/null; do
    for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$build" 2>/dev/null && sleep 0.5; done
    if kill -0 "$build" 2>/dev/null; then printf '  still building, %d s\n' "$SECONDS"; fi
  done
  wait "$build"
  exec bin/sallyport-lab --as github -- bash docs/demo.sh story
fi

[[ -t 1 ]] || say() { printf '\n%s\n' "$*"; }
sallyport=$PWD/bin/sallyport
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export GITHUB_OUTPUT=$work/outputs GITHUB_STEP_SUMMARY=$work/summary.md
: >"$GITHUB_OUTPUT"

# run shows a command, runs it without the runner's own commands in its output,
# and shows its exit status if it is not 0.
run() {
  printf '$ %s\n' "$*"
  local status=0
  "${@/#sallyport/$sallyport}" 2> >(grep -v '^::' >&2 || true) || status=$?
  if ((status)); then printf 'exit status %d\n' "$status"; fi
}

say "Here are a certificate authority, a transparency log, a timestamp authority,"
note "a registry and a toy GitHub, all real parts, all on this machine, with keys" \
  "that were made a second ago. They stop when this story ends."

say "1. The policy: who may have built what, and what may enter where"
mkdir -p .sallyport/trust dist
cp "$SALLYPORT_TRUSTED_ROOT" .sallyport/trust/lab.json
pin=$(openssl dgst -sha256 -r .sallyport/trust/lab.json 2>/dev/null || sha256sum .sallyport/trust/lab.json)
cat >.sallyport/policy.yaml <<POLICY
version: 1
artifacts:
  app:
    subject: ["dist/*"]
    trust: {root: trust/lab.json, sha256: ${pin%% *}}
    built-by:
      - issuer: https://token.actions.githubusercontent.com
        repository: acme/widget
        repository-id: 123456789
        workflow: .github/workflows/release.yml
        refs: [refs/heads/main, refs/tags/v*]
environments:
  production:
    requires:
      provenance: {max-age: 7d}
POLICY
sed 's/\(sha256: ........\).*\(}\)$/\1…\2/; s/^/  /' .sallyport/policy.yaml

say "2. The build job makes an artifact and binds it to the workflow that ran"
printf 'release 1.4.0\n' >app && tar -czf dist/app.tar.gz app
run sallyport attest 'dist/*'

say "3. The deploy job asks whether it may enter production"
run sallyport gate --environment production 'dist/*'
note "" "Only now does the deploy step have something to deploy, the output digests:"
grep -A1 '^digests' "$GITHUB_OUTPUT" | grep '^sha256:' | tail -1 | sed 's/^/  /'

say "4. Somebody changes one byte"
printf 'X' | dd of=dist/app.tar.gz bs=1 seek=20 conv=notrunc status=none
run sallyport gate --environment production 'dist/*'

say "5. Somebody builds it again, with another workflow on another branch"
claims='{"ref":"refs/heads/x","workflow_ref":"acme/widget/.github/workflows/ci.yml@refs/heads/x","job_workflow_ref":"acme/widget/.github/workflows/ci.yml@refs/heads/x"}'
encoded=$(printf '%s' "$claims" | base64 | tr -d '\n=' | tr '+/' '-_')
export ACTIONS_ID_TOKEN_REQUEST_URL="$ACTIONS_ID_TOKEN_REQUEST_URL&claims=$encoded"
export GITHUB_REF=refs/heads/x GITHUB_WORKFLOW_REF=acme/widget/.github/workflows/ci.yml@refs/heads/x
run sallyport attest 'dist/*'
run sallyport gate --environment production 'dist/*'
note "" "The evidence is genuine: it proves that the wrong workflow built it."

say "Where to look next"
note "  README.md               the two steps for your own pipeline" \
  "  docs/policy.md          every line that a policy may have" \
  "  docs/threat-model.md    what this stops, and the test that shows it" \
  "  sallyport help gate     the command you have just seen"
