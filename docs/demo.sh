#!/usr/bin/env bash
# The main job on this machine: look at a repository that ships, and watch; then build,
# attest, allow, tamper, deny; then a release, the author's refusal, two approvals, what entered, one byte more, and the
# last verdict judged again; then a scan and a new install script, each of which keeps a genuine build out; then a build that
# phones home, recorded and then cut; then a server that the platform asks, a gate that was deleted, a power cut, and a
# ledger of which one byte was changed. It needs Go and nothing else; after the first build it opens no connection but to itself.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
note() { printf '%s\n' "$@"; }

if [[ ${1:-} != story ]]; then
  if [[ ! -t 1 ]]; then say() { printf '\n%s\n' "$*"; }; fi
  if [[ ! -x bin/sallyport || ! -x bin/sallyport-lab || ! -x bin/sallyport-server ]]; then
    note "Building sallyport, its server and its lab. The first time this downloads modules and" \
      "compiles a whole Sigstore: two to five minutes on two cores."
  fi
  programs=(build bin/sallyport-server)
  if compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then programs+=(bin/private-postgres); fi
  make --no-print-directory "${programs[@]}" &
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
lab=$PWD/bin/sallyport-lab
work=$(mktemp -d)
cat >"$work/browser" <<BROWSER && chmod +x "$work/browser"
#!/bin/sh
exec "$lab" visit "\$1" >/dev/null 2>&1
BROWSER
server=$PWD/bin/sallyport-server postgres=$PWD/bin/private-postgres running=()
trap 'kill "${running[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
export GITHUB_OUTPUT=$work/outputs GITHUB_STEP_SUMMARY=$work/summary.md
: >"$GITHUB_OUTPUT"

# without drops lines and is waited for, so that what is left of a command's
# errors stands where it belongs.
without() { grep -v "$1" >&2 || true; }

# of_lab tells a command that signs which Sigstore instance to use.
of_lab=(--signing-config "$SALLYPORT_LAB_SIGNING_CONFIG" --trusted-root "$SALLYPORT_LAB_TRUSTED_ROOT" --authority "$SALLYPORT_LAB_AUTHORITY")

# run shows a command, runs it without the runner's own commands in its output,
# and shows its exit status if it is not 0. What signs is told the lab's instance.
run() {
  printf '$ %s\n' "$*"
  local status=0 command=$2
  shift 2
  case $command in
  attest | release | entered) set -- "${of_lab[@]}" "$@" ;;
  gate)
    "$lab" commit .sallyport/policy.yaml # the policy is the one of the job's commit
    set -- "${of_lab[@]}" "$@"           # it signs what it lets in
    ;;
  esac
  { "$sallyport" "$command" "$@" 2>&1 >&3 | without '^::'; } 3>&1 || status=$?
  if ((status)); then printf 'exit status %d\n' "$status"; fi
}

# artifacts writes the part of a policy that says which artifacts there are, by name
# and pattern, and that the release workflow on one of these refs may have built them.
artifacts() {
  cat <<POLICY
version: 1
artifacts:
  $1:
    subject: ["$2"]
    trust: {root: trust/lab.json, sha256: ${pin%% *}}
    built-by:
      - issuer: https://token.actions.githubusercontent.com
        repository: acme/widget
        repository-id: 123456789
        workflow: .github/workflows/release.yml
        refs: [$3]
POLICY
}

# become takes on another identity for the commands that follow.
become() {
  local encoded
  encoded=$(printf '%s' "$1" | base64 | tr -d '\n=' | tr '+/' '-_')
  export ACTIONS_ID_TOKEN_REQUEST_URL="$ACTIONS_ID_TOKEN_REQUEST_URL&claims=$encoded"
}

say "Here are a certificate authority, a transparency log, a timestamp authority,"
note "a registry and a toy GitHub, all real parts, all on this machine, with keys" \
  "that were made a second ago. They stop when this story ends. (attest, release" \
  "and approve are told about them with --signing-config, --trusted-root and --authority.)"

say "Before: a repository that ships today, and has never heard of any of this"
mkdir -p widget/.git widget/.github/workflows
printf '[remote "origin"]\n\turl = https://github.com/acme/widget.git\n' >widget/.git/config
printf 'ref: refs/heads/main\n' >widget/.git/HEAD
cat >widget/.github/workflows/release.yml <<'WORKFLOW'
on: {push: {tags: ["v*"]}}
jobs:
  build:
    runs-on: ubuntu-latest
    permissions: {contents: read}
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
      - run: make dist
      - uses: actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2
        with: {name: dist, path: dist}
  production:
    needs: build
    runs-on: ubuntu-latest
    environment: production
    permissions: {contents: read}
    steps:
      - uses: actions/download-artifact@634f93cb2916e3fdff6788551b99b062d0335ce0 # v5.0.0
        with: {name: dist, path: dist}
      - run: ./deploy.sh dist/*
WORKFLOW
"$lab" ask PUT /github/repos/acme/widget/releases \
  '[{"tag":"v1.3.0","assets":[{"name":"app.tar.gz","digest":"sha256:8d3c1f1b6f0d6f3f1f6c0a4b2b9d7a5e3c1f0b8d6a4e2c0f9b7d5a3e1c0f8b6d"}]}]'
(
  cd widget
  unset GITHUB_ACTIONS
  cp .github/workflows/release.yml ../before.yml
  note "What would have been said of the last release? Nothing is written, no token is needed:" ""
  GITHUB_TOKEN='' run sallyport try
  note "" "init writes a policy that watches, and the steps. Nothing is stopped by them:" ""
  SALLYPORT_TOKEN=$GITHUB_TOKEN run sallyport init --yes --environment production --use 1111111111111111111111111111111111111111 | grep '^[-+@$]'
  note "" "From now on each release says what the gate would have said, until somebody writes" \
    "mode: enforce. And remove takes all of it out again, byte for byte:" ""
  run sallyport remove --yes >/dev/null
  cmp .github/workflows/release.yml ../before.yml && [[ ! -e .sallyport ]] && note "the same bytes as before"
)

say "1. The policy: who may have built what, and what may enter where"
mkdir -p .sallyport/trust dist
cp "$SALLYPORT_LAB_TRUSTED_ROOT" .sallyport/trust/lab.json
pin=$(openssl dgst -sha256 -r .sallyport/trust/lab.json 2>/dev/null || sha256sum .sallyport/trust/lab.json)
{ artifacts app 'dist/*' 'refs/heads/main, refs/tags/v*' && cat; } >.sallyport/policy.yaml <<'POLICY'
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
(
  become "$claims"
  export GITHUB_REF=refs/heads/x GITHUB_WORKFLOW_REF=acme/widget/.github/workflows/ci.yml@refs/heads/x
  run sallyport attest 'dist/*'
  run sallyport gate --environment production 'dist/*'
)
note "" "The evidence is genuine: it proves that the wrong workflow built it."

say "Second act: the door of people"
note "Two release leads have to say yes, and neither may have made the change. Alice's" \
  "request 12 was squashed to one commit on main. Before, Bob's request 11 had been" \
  "squashed into hers: nothing on main shows Bob any more. A coding agent helped."
rm -rf .sallyport/bundles
account() { printf '{"login":"%s","id":%s,"email":"%s@acme.example"}' "$1" "$2" "$1"; }
alice=$(account alice 77) bob=$(account bob 88) erin=$(account erin 91)
page='{"login":"web-flow","id":19864447,"email":"noreply@github.com"}'
id() { printf '%s%036d' "$1" 0; }
main=9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605
first=$(id 1111) half=$(id 2222) bobs=$(id 3333) squashed=$(id 4444) none=$(id 0000)
"$lab" ask PUT /github/repos/acme/widget/history "$(cat <<HISTORY
{"branches":{"main":"$main"},"commits":[
  {"sha":"$first","message":"the first release","author":$erin},
  {"sha":"$half","message":"half of it\n\nCo-authored-by: Claude <noreply@anthropic.com>","author":$alice,"parents":["$first"]},
  {"sha":"$bobs","message":"the other half","author":$bob,"parents":["$half"]},
  {"sha":"$squashed","message":"the other half (#11)","author":$alice,"committer":$page,"parents":["$half"]},
  {"sha":"$main","message":"a new greeting (#12)","author":$alice,"committer":$page,"parents":["$first"]}],
"pulls":[
  {"number":11,"title":"the other half","user":$bob,"merged_by":$alice,"merge_commit_sha":"$squashed","base":"greeting","head":{"sha":"$bobs","ref":"half"},"commits":["$bobs"]},
  {"number":12,"title":"a new greeting","user":$alice,"merged_by":$erin,"merge_commit_sha":"$main","base":"main","head":{"sha":"$squashed","ref":"greeting"},"commits":["$half","$squashed"]}],
"activity":[
  {"before":"$none","after":"$first","ref":"refs/heads/main","actor":$erin,"activity_type":"push"},
  {"before":"$none","after":"$half","ref":"refs/heads/greeting","actor":$alice,"activity_type":"branch_creation"},
  {"before":"$none","after":"$bobs","ref":"refs/heads/half","actor":$bob,"activity_type":"branch_creation"},
  {"before":"$half","after":"$squashed","ref":"refs/heads/greeting","actor":$alice,"activity_type":"pr_merge"},
  {"before":"$first","after":"$main","ref":"refs/heads/main","actor":$erin,"activity_type":"pr_merge"}]}
HISTORY
)"
cat >>.sallyport/policy.yaml <<POLICY
    approvals:
      - {group: leads, count: 2}
    record: required # what is in production is known from signed entries alone
  staging:
    requires:
      provenance: {max-age: 7d}
    approvals:
      - {group: leads, count: 2}
groups:
  leads:
    members: ["email:alice@acme.example", "email:bob@acme.example", "email:carol@acme.example", "email:dana@acme.example"]
    issuer: $SALLYPORT_LAB_ACCOUNTS
people:
  alice: ["email:alice@acme.example", "github:alice#77"]
  bob: ["email:bob@acme.example", "github:bob#88"]
  carol: ["email:carol@acme.example", "github:carol#99"]
  dana: ["email:dana@acme.example", "github:dana#90"]
agents: {known: true} # coding agents that act for nobody: docs/agents.md
POLICY
sed -n '/^ *approvals:/,/count/p' .sallyport/policy.yaml | head -2 | sed 's/^/  /'
sed -n '/^groups:/,$p' .sallyport/policy.yaml | sed 's/^/  /'

say "6. The build names what is released together: one digest for two environments"
printf 'release 1.4.0\n' >app && tar -czf dist/app.tar.gz app
run sallyport attest 'dist/*' >/dev/null
run sallyport release --version v1.4.0 --environments staging --environments production 'dist/*'
release=$(grep -A1 '^release<<' "$GITHUB_OUTPUT" | grep '^sha256:' | tail -1)

say "7. The deploy job asks, and waits"
run sallyport gate --environment production 'dist/*'

say "8. Alice tries to approve, at her terminal: a browser opens, she signs in"
approve() (
  unset GITHUB_ACTIONS
  "$lab" ask PUT /accounts/next "{\"email\":\"$1\"}"
  export BROWSER=$work/browser SALLYPORT_TOKEN=$GITHUB_TOKEN
  printf '$ sallyport approve --release %s…\n' "${release:0:19}"
  status=0
  { printf 'v1.4.0\n' | "$sallyport" approve "${of_lab[@]}" --release "$release" 2>&1 >&3 | without '^Your browser\|^http\|^$'; } 3>&1 || status=$?
  if ((status)); then printf 'exit status %d\n' "$status"; fi
)
approve alice@acme.example

say "9. Bob tries too: his request is found behind the two squashes"
approve bob@acme.example 2>&1 | tail -5

say "10. Two leads who did not make it say yes; the agent's trailer asks for no third"
approve carol@acme.example | tail -4
approve dana@acme.example | tail -4

say "11. One approval of the release counts for each deploy job: staging, production"
run sallyport gate --environment staging 'dist/*'
note "" "The job that deploys is in the environment: it signs what it lets in."
(
  become '{"environment":"production"}'
  run sallyport gate --environment production 'dist/*'
  run sallyport entered
)

say "12. One byte changes, and the build attests that as well: the yes is void"
printf 'release 1.4.O\n' >app && tar -czf dist/app.tar.gz app
run sallyport attest 'dist/*' >/dev/null
run sallyport gate --environment production --input .sallyport/input.json 'dist/*'

say "13. An auditor asks what entered, and who said yes"
(
  unset GITHUB_ACTIONS
  SALLYPORT_TOKEN=$GITHUB_TOKEN run sallyport history production
)

say "14. Weeks later, on another machine: the last verdict is judged again"
mkdir "$work/copy" && cp .sallyport/verdict.json .sallyport/input.json "$work/copy"
(
  cd "$work/copy"
  printf '$ sallyport explain verdict.json\n'
  env -i PATH="$PATH" TZ=Asia/Tokyo LC_ALL=C "$sallyport" explain verdict.json | tail -8
)

say "Third act: evidence worth trusting"
note "Valid provenance says who built it, and not that it is good. The policy of staging" \
  "asks for a scan, signed by a workflow outside of the repository, and for no script" \
  "that runs where people install it, unless it was there before."
rm -rf .sallyport/bundles dist && mkdir dist
scan=acme/scanning/.github/workflows/scan.yml@$(id 8888)
{ artifacts widget 'dist/*.tgz' refs/heads/main && cat; } >.sallyport/policy.yaml <<POLICY
environments:
  staging:
    changes: {install-scripts: deny}
    requires:
      provenance: {max-age: 7d}
      vulnerabilities:
        signed-by:
          - issuer: https://token.actions.githubusercontent.com
            repository: acme/widget
            repository-id: 123456789
            workflow: .github/workflows/release.yml
            refs: [refs/heads/main]
            signer: $scan
        inputs: none
        max-age: 24h
        below: high
POLICY
sed -n '/^  staging:/,$p' .sallyport/policy.yaml | sed 's/@\(........\)[0-9]*$/@\1…/; s/^/  /'
pack() { # a package for people to install, of this version, with one member more in its package.json
  rm -rf package && mkdir package
  printf '{"name": "widget", "version": "%s", "main": "index.js"%s}\n' "$1" "${2:-}" >package/package.json
  printf 'module.exports = "%s"\n' "$1" >package/index.js
  tar -czf "dist/widget-$1.tgz" package
}
scanned() ( # what a scanner has written about it, attested by the workflow that scans
  printf '{"SchemaVersion": 2, "ArtifactName": "dist", "ArtifactType": "filesystem", "Results": [{"Target": "package-lock.json", "Packages": [{"Name": "left-pad", "Version": "1.3.0", "Identifier": {"PURL": "pkg:npm/left-pad@1.3.0"}}], "Vulnerabilities": [%s]}]}\n' "${2:-}" >trivy.json
  become "{\"job_workflow_ref\":\"$scan\",\"job_workflow_sha\":\"$(id 8888)\"}"
  run sallyport attest --type vulnerabilities --report trivy.json --report-inputs none --tool trivy@0.66.0 "dist/widget-$1.tgz"
)

say "15. A scanner has found something: the build is genuine, and it may not enter"
pack 1.5.0
run sallyport attest dist/widget-1.5.0.tgz >/dev/null
scanned 1.5.0 '{"VulnerabilityID": "CVE-2026-31337", "PkgName": "left-pad", "InstalledVersion": "1.3.0", "PkgIdentifier": {"PURL": "pkg:npm/left-pad@1.3.0"}, "Severity": "CRITICAL"}' | grep -v '^attested\|^  '
run sallyport gate --environment staging dist/widget-1.5.0.tgz

say "16. The next one is clean, and enters; what it installs is now on record"
pack 1.5.1
run sallyport attest dist/widget-1.5.1.tgz >/dev/null
scanned 1.5.1 >/dev/null
(
  become '{"environment":"staging"}'
  run sallyport gate --environment staging dist/widget-1.5.1.tgz
  run sallyport entered
)

say "17. A stolen account adds one line: a script that runs where people install it"
pack 1.5.2 ', "scripts": {"preinstall": "node setup.mjs"}'
run sallyport attest dist/widget-1.5.2.tgz >/dev/null
scanned 1.5.2 >/dev/null
run sallyport gate --environment staging dist/widget-1.5.2.tgz

say "Fourth act: a build that phones home"
note "A dependency has added a line to the build: it reports where it runs. Two words before" \
  "the build command show it, and one more stops it."
mkdir -p widget-2 && cd widget-2
home=${SALLYPORT_LAB_AUTHORITY#*://} home=${home%%/*}
cat >build.sh <<BUILD
mkdir -p dist && printf 'release 2.0.0\n' >dist/app
if (exec 3<>/dev/tcp/${home%:*}/${home##*:}) 2>/dev/null; then echo 'build: somebody was told'; else echo 'build: nobody was told'; fi
BUILD

say "18. The build is watched"
run sallyport run --products dist -- bash build.sh

say "19. The same build with its network cut"
run sallyport run --no-network --products dist -- bash build.sh
run sallyport manifest show .sallyport/build-manifest.json | sed -n '1,/^watched/p'
cd ..

say "Fifth act: a gate that nobody can delete"
note "A person who edits a workflow can delete a step of it. So the platform itself asks a server, before it" \
  "releases the job. The policy lies on the server; what the repository says does not count."
mkdir -p guarded/trust && cd guarded
cp "$SALLYPORT_LAB_TRUSTED_ROOT" trust/lab.json
{ artifacts app 'dist/*' refs/heads/main && cat; } >policy.yaml <<'POLICY'
environments:
  live:
    requires:
      provenance: {max-age: 7d}
POLICY
"$lab" ask PUT /github/repos/acme/widget/environments/live '{"can_admins_bypass":false}'
app='' address='' # what the next line says
eval "$("$lab" app app.pem webhook.secret acme/widget live)"
key=$("$server" key --name sallyport.example/ledger --out ledger.key)
(umask 077 && printf 'reads-the-ledger-of-this-story' >read.token)
# Two servers share a PostgreSQL, where this machine has one. Otherwise there is one server, on a file.
database=sqlite:server.db behind=("$address")
if compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
  coproc POSTGRES { "$postgres"; }
  read -r database <&"${POSTGRES[0]}"
  behind=("${address%:*}:$((${address##*:} % 30000 + 20001))" "${address%:*}:$((${address##*:} % 30000 + 20002))")
  "$lab" balance "$address" "${behind[@]}" 2>/dev/null &
  running+=($!)
fi
configure() {
  cat <<SERVER
version: 1
url: http://$address
listen: $1
database: $database
ledger: {name: sallyport.example/ledger, key: ledger.key, read-token: read.token}
platforms:
  - {host: https://github.com, api: $SALLYPORT_LAB_GITHUB/api/v3, app: $app, key: app.pem, webhook-secret: webhook.secret}
policies:
  - {file: policy.yaml, repositories: [123456789]}
SERVER
}
configure "${behind[0]}" >server.yaml
sed 's/^/  /' server.yaml
serve() { # the server that listens there, until it is ready
  configure "$1" >"server-${1##*:}.yaml"
  "$server" --config "server-${1##*:}.yaml" 2>>server.log &
  serving=$!
  running+=("$serving")
  for _ in $(seq 100); do if "$lab" visit "http://$1/readyz" 2>/dev/null; then return; fi; sleep 0.1; done
  cat server.log >&2 && return 1
}
gate_step='      - uses: sallyport-dev/sallyport@1111111111111111111111111111111111111111
        with: {subject: "dist/*", environment: live, server: "http://'$address'"}
'
committed() { # the workflow file of the commit, with these lines as the first step of the deploying job
  mkdir -p .github/workflows
  cat >.github/workflows/release.yml <<WORKFLOW
on: {push: {branches: [main]}}
permissions: {}
jobs:
  build:
    runs-on: ubuntu-24.04
    permissions: {contents: read, id-token: write}
    steps:
      - run: make dist
      - uses: sallyport-dev/sallyport/actions/attest@1111111111111111111111111111111111111111
        with: {subject: "dist/*"}
  deploy:
    needs: build
    runs-on: ubuntu-24.04
    environment: live
    permissions: {contents: read, id-token: write, actions: read, deployments: read, attestations: read}
    steps:
$1      - run: ./deploy.sh dist/*
WORKFLOW
  "$lab" commit .github/workflows/release.yml
}
waits() { # a run that has not ended
  "$lab" ask PUT "/github/repos/acme/widget/runs/$1" "{\"status\":\"in_progress\",\"conclusion\":null,\"head_sha\":\"$GITHUB_SHA\"}"
}
releases() { # what such a run builds
  rm -rf .sallyport dist && mkdir dist && printf 'release 3.0.0 of run %s\n' "$1" >dist/app
  (
    become "{\"run_id\":\"$1\",\"run_attempt\":\"1\"}"
    export GITHUB_RUN_ID=$1 GITHUB_RUN_ATTEMPT=1
    run sallyport attest --server "http://$address" 'dist/*' | grep -v '^  '
  )
}
answered() { # what the platform was told in the end, or, with "", until then
  local said state=${2-[a-z][a-z]*}
  for _ in $(seq 900); do
    said=$("$lab" ask GET "/github/repos/acme/widget/runs/$1/answers" |
      sed -n 's/.*"state":"'"$state"'","comment":"\(\([^"\\]\|\\.\)*\)".*/\1/p' | sed 's/\\"/"/g')
    if [[ -n $said ]]; then break; fi
    sleep 0.1
  done
  if [[ -z $said ]]; then cat server.log >&2 && return 1; fi
  printf '%b\n' "$said" | fold -s -w 100 | sed 's/^/  /'
}

say "20. A developer deletes the gate from the workflow, and pushes"
for at in "${behind[@]}"; do serve "$at"; done
committed ''
waits 7001
releases 7001
"$lab" ask POST /github/repos/acme/widget/runs/7001/reach '{"environment":"live"}' >/dev/null
note "" "The platform asks the server, and tells on the page of the run:"
answered 7001

if ((${#behind[@]} > 1)); then
  say "21. The step is back. While the job waits for its evidence, the power of one of the two servers is cut"
else
  say "21. The step is back. While the job waits for its evidence, the power of the server is cut"
fi
committed "$gate_step"
waits 7002
"$lab" ask POST /github/repos/acme/widget/runs/7002/reach '{"environment":"live"}' >/dev/null
note "The platform asks, and is told what is waited for:" ""
answered 7002 ''
sleep 1 # it is written down; a job that dies with its server is found after 30 to 60 seconds
first=${running[-${#behind[@]}]} # the one that the platform has asked
kill -9 "$first"
wait "$first" 2>/dev/null || true
if ((${#behind[@]} > 1)); then
  note "" "killed; the build attests, and the other one answers:" ""
else
  note "" "killed, and started again; then the build attests:" ""
  serve "$address"
fi
releases 7002
answered 7002

say "22. Every question and answer is a leaf of a ledger"
run sallyport ledger export --key "$key" --read-token read.token --output ledger.jsonl "http://$address"
run sallyport ledger show --key "$key" ledger.jsonl
note "" "Somebody with access to the database makes the rejection an approval:"
sed 's/"outcome":"rejected"/"outcome":"approved"/' ledger.jsonl >changed.jsonl
run sallyport ledger verify --key "$key" changed.jsonl
cd ..

say "Where to look next"
note "  README.md               the two steps for your own pipeline" \
  "  docs/policy.md          every line that a policy may have" \
  "  docs/evidence.md        scans, tests, SBOMs, and the environment before" \
  "  docs/build.md           what went into a build, and whether it comes out again" \
  "  docs/server.md          the server that the platform asks, and its ledger" \
  "  docs/approve.md         who may say yes, and when a yes is void" \
  "  docs/threat-model.md    what this stops, and the test that shows it" \
  "  sallyport help gate     the command you have just seen"
