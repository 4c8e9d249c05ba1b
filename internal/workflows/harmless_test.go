package workflows_test

import (
	"strings"
	"testing"
)

// told is what the job says of code of the project.
func told(t *testing.T, job string) string {
	t.Helper()
	return strings.Join(one(t, job, nil).Code, "; ")
}

func TestC22_a_script_that_evaluates_a_value_is_code(t *testing.T) {
	for script, want := range map[string]string{
		`echo "${X@P}"`: "${X@P}", `echo "${X@A}"`: "${X@A}", `echo "${!X}"`: "${!X}", `echo "${A[$X]}"`: "${A[$X]}", `echo "${A:X}"`: "${A:X}",
		`echo ${X:=y}`: "${X:=y}", `echo ${Y:-${X@P}}`: "${Y:-${X@P}", `echo ${X/a/b}`: "${X/a/b}", `echo $[X]`: "$[X]", "echo \"$\\\n{X@P}\"": "${X@P}", "echo $\\\n(./x)": "$(",
		`test -v "$X"`: "test -v", `[ -v "$X" ]`: "test -v", `[ -R "$X" ]`: "test -v", `test -n a -o -v b`: "test -v",
		`test "$A" "$X"`: "where an operator", `test -n $X`: "outside of quotes", `test *`: "where an operator", `test {-v,x}`: "where an operator",
		`[ "$A" -a "$X" ]`: "where an operator", `(( Y = X ))`: "((", `[[ $X -eq 1 ]]`: "it runs [[", `let Y=X`: "it runs let", `declare -i Y=X`: "it runs declare",
		`printf -v PATH x`: "it runs printf", `printf -vPATH x`: "it runs printf", `printf $X`: "may be an option", `set -k`: "it runs set", `set $X`: "it runs set",
		`echo {A[X]}>/dev/null`: "evaluates a name", `A=([X]=1)`: "it runs", `function cat { ./x; }`: "the word function", `function cat [[ -v $X ]]`: "the word function",
		`PS4=$X`: "it runs PS4", `GITHUB_OUTPUT=/usr/bin/x`: "it runs GITHUB_OUTPUT", `cosign sign --key "pkcs11:module-path=./x.so"`: "pkcs11",
	} {
		if got := told(t, "steps:\n  - run: |\n      "+strings.ReplaceAll(script, "\n", "\n      ")); !strings.Contains(got, want) || got == "" {
			t.Errorf("%s: told %q, want %q", script, got, want)
		}
	}
	// Those that only show and compare are none.
	for _, script := range []string{`echo "$X" ${X} "${X:-none}" ${X:+a} ${X#v} "${X%.*}" ${#X} $?`, `echo "${A:-$B}" "${A:-${B}}" costs 5$`, `test -n "$X"`, `[ "$X" = yes ]`,
		`[ ! -f "$X" ] || exit 1`, `test "$X" -eq 1`, `test "$X"`, `[ ! "$A" != "$B" ]`, `test -f dist/app -a -s dist/app`, `printf '%s\n' "$X"`, `printf "[%s]" "$X"`, `set -euo pipefail`,
		`set -x; set +x`, `sallyport attest "$X" "dist/$Y"`, `echo ${{ github.sha }}`} {
		if got := told(t, "steps:\n  - run: |\n      "+script); got != "" {
			t.Errorf("%s: told %q, want nothing", script, got)
		}
	}
}

func TestC22_a_variable_that_has_a_program_load_something_is_code(t *testing.T) {
	for _, place := range []string{"env: {%s: x}\nsteps: [{run: echo}]", "steps: [{run: echo, env: {%s: x}}]"} {
		for _, name := range []string{"PS4", "PS0", "PROMPT_COMMAND", "BASH_ENV", "ENV", "BASH_FUNC_echo%%", "ACTIONS_ALLOW_UNSECURE_COMMANDS", "ACTIONS_ID_TOKEN_REQUEST_URL",
			"GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0", "GIT_CONFIG_PARAMETERS", "GIT_SSH", "XDG_CONFIG_HOME", "GH_PATH", "GH_CONFIG_DIR", "GCONV_PATH",
			"OPENSSL_CONF", "NODE_OPTIONS", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "PYTHONSTARTUP", "PERL5DB", "RUBYOPT", "JAVA_TOOL_OPTIONS", "npm_config_node_options",
			"DOCKER_CONFIG", "AWS_CONFIG_FILE", "KUBECONFIG", "GITHUB_OUTPUT"} {
			if got := told(t, strings.Replace(place, "%s", `"`+name+`"`, 1)); !strings.Contains(got, "sets "+name) {
				t.Errorf("%s: told %q, want that it is set", name, got)
			}
		}
		for _, name := range []string{"GH_TOKEN", "GITHUB_TOKEN", "NODE_ENV", "SSL_CERT_FILE", "GH_REPO", "VERSION", "GIT_TAG", "GIT_AUTHOR_NAME", "ACTIONS_STEP_DEBUG", "COSIGN_YES", "PYTHONUNBUFFERED"} {
			if got := told(t, strings.Replace(place, "%s", name, 1)); got != "" {
				t.Errorf("%s: told %q, want nothing", name, got)
			}
		}
	}
	j := ran(t, released(map[string]string{top: "on: push\nenv: {ACTIONS_ALLOW_UNSECURE_COMMANDS: false}\njobs:\n  a: {runs-on: ubuntu-latest, steps: [{run: echo}]}\n"})).Jobs[0]
	if len(j.Code) != 1 {
		t.Errorf("told %q, want what the workflow sets", j.Code)
	}
}
