#!/usr/bin/env bash
# Runs the installer and the gate in a root directory that holds a busybox and
# nothing else. It needs bin/sallyport and bin/sallyport-lab, which make builds,
# and the package busybox-static, which it installs where it may. It works as
# root, or where users may make name spaces.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
.ci/busybox.sh
exec go test -tags e2e,chroot -count=1 -run '^TestChroot' ./e2e
