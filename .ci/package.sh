# Sourced: package PROGRAM [NAME] installs the Debian package that has a program, if this may; else it says what is missing.
package() {
	command -v "$1" >/dev/null && return
	local name=${2:-$1}
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		echo "installing the package $name"
		apt-get install -qq --yes --no-install-recommends "$name" >/dev/null 2>&1 ||
			{ apt-get update -qq && apt-get install -qq --yes --no-install-recommends "$name"; } >/dev/null || true
	fi
	command -v "$1" >/dev/null || {
		echo "$1 is missing: install the package $name" >&2
		exit 1
	}
}
