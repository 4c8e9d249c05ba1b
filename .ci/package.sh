# shellcheck shell=sh
# Sourced: package PROGRAM [NAME] installs the Debian package that has a program, if this may; else it says what is missing.
package() {
	command -v "$1" >/dev/null && return
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		echo "installing the package ${2:-$1}"
		apt-get install -qq --yes --no-install-recommends "${2:-$1}" >/dev/null 2>&1 ||
			{ apt-get update -qq && apt-get install -qq --yes --no-install-recommends "${2:-$1}"; } >/dev/null || true
	fi
	command -v "$1" >/dev/null || ls /usr/lib/postgresql/*/bin/"$1" >/dev/null 2>&1 || {
		echo "$1 is missing: install the package ${2:-$1}" >&2
		exit 1
	}
}
