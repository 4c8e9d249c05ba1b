#!/usr/bin/env bash
# Installs what the unit tests build with, where it may: a C compiler and archivers, for builds that are recorded, and that
# are compared.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=.ci/package.sh
. .ci/package.sh

if [ "${1-}" = server ]; then
	PATH=$PATH:$(echo /usr/lib/postgresql/*/bin | tr ' ' :) # they are on no path, for several versions may be there
	package initdb postgresql
	package systemd-analyze systemd
	exit
fi

package git
package gcc
package ar binutils
package zip
package setpriv util-linux
command -v npm >/dev/null || {
	echo "npm is missing: install Node.js 20 or newer with npm" >&2
	exit 1
}
