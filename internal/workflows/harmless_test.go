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
		`echo ${X:=y}`: "${X:=y}", `echo ${Y:-${X@P}}`: "${Y:-${X@P}", `echo ${X/a/b}`: "${X/a/b}", `echo $[X]`: "$[X]", "echo ${X@P": "${X@P", "cat <<X\nx\nX": "it has <<", `cat <(./x)`: "it has <(", `cat >(./x)`: "it has >(", `echo $"x"`: "it has $\"",
		`echo x >> $GITHUB_ENV`: "it has GITHUB_ENV", `coproc cat x`: "the word coproc", `gh`: "it runs gh", "echo " + strings.Repeat("a", 17<<10): "no more than",
		`test ?x`: "where an operator", `test [a-z]`: "where an operator", `test "$A" ]`: "where an operator", `[ "$A" = "$B" x`: "where an operator",
		`test -n "$A" "$B" x`: "where an operator", `test "$A" = "$B" -a "$C"`: "where an operator", "echo \"$\\\n{X@P}\"": "${X@P}", "echo $\\\n(./x)": "$(",
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
		`set -x; set +x`, `test "$A" == "$B"`, `test "$A" -ne 1`, `test "$A" -lt 1`, `test "$A" -le 1`, `test "$A" -gt 1`, `test "$A" -ge 1`,
		`test a -nt "$B"`, `test a -ot "$B"`, `test a -ef "$B"`, `[ || true`, `printf || true`, `printf -- "$X"`, `pwd; cd dist; : ; shasum x; sleep 1; mkdir x; wc x; cmp a b; diff a b`,
		`cosign attest x; cosign attest-blob x; cosign verify x; cosign verify-blob x; cosign version; gh attestation verify x`, `echo x >> "${GITHUB_OUTPUT}"`,
		`echo x >> ${GITHUB_STEP_SUMMARY}; echo x 1>&2`, `sallyport attest "$X" "dist/$Y"`, `echo ${{ github.sha }}`} {
		if got := told(t, "steps:\n  - run: |\n      "+script); got != "" {
			t.Errorf("%s: told %q, want nothing", script, got)
		}
	}
}

// Variables that decide what programs load, and those that are called alike and do not.
var (
	loading = strings.Fields(`PS4 PS0 PROMPT_COMMAND BASH_ENV ENV BASH_FUNC_echo%% ACTIONS_ALLOW_UNSECURE_COMMANDS
	ACTIONS_ID_TOKEN_REQUEST_URL GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0 GIT_CONFIG_PARAMETERS GIT_SSH
	XDG_CONFIG_HOME GH_PATH GH_CONFIG_DIR GCONV_PATH OPENSSL_CONF NODE_OPTIONS LD_AUDIT DYLD_INSERT_LIBRARIES
	PYTHONSTARTUP PERL5DB RUBYOPT JAVA_TOOL_OPTIONS npm_config_node_options DOCKER_CONFIG AWS_CONFIG_FILE KUBECONFIG
	GITHUB_OUTPUT SSL_ENGINE PERLLIB GIT_EXEC_PATH GIT_EXTERNAL_DIFF GIT_ASKPASS GIT_PROXY_COMMAND GIT_PAGER
	GIT_EDITOR GIT_SEQUENCE_EDITOR GIT_TEMPLATE_DIR GIT_DIR GIT_WORK_TREE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY
	GIT_ALTERNATE_OBJECT_DIRECTORIES DOTNET_STARTUP_HOOKS CORECLR_PROFILER_PATH COR_PROFILER
	AWS_SHARED_CREDENTIALS_FILE GITHUB_ENV GITHUB_PATH GITHUB_STATE GITHUB_STEP_SUMMARY GITHUB_ACTION_PATH
	RUNNER_TOOL_CACHE COSIGN_PKCS11_MODULE_PATH PATH PATHEXT COMSPEC HOME USERPROFILE PS1 PS2 SHELLOPTS BASHOPTS IFS
	CDPATH PAGER MANPAGER LESSOPEN LESSCLOSE EDITOR VISUAL BROWSER SSH_ASKPASS SUDO_ASKPASS _JAVA_OPTIONS
	JDK_JAVA_OPTIONS CLASSPATH CURL_HOME LOCPATH NLSPATH PHPRC PHP_INI_SCAN_DIR LUA_INIT
	GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES SALLYPORT_BIN`)
	loadingNot = strings.Fields(`GH_TOKEN GITHUB_TOKEN NODE_ENV SSL_CERT_FILE GH_REPO VERSION GIT_TAG GIT_AUTHOR_NAME ACTIONS_STEP_DEBUG
	COSIGN_YES PYTHONUNBUFFERED SSL_CERT_DIR NODE_AUTH_TOKEN NODE_VERSION NODE_EXTRA_CA_CERTS NPM_CONFIG_PROVENANCE
	NPM_CONFIG_REGISTRY PYTHON_VERSION PYTHONDONTWRITEBYTECODE PYTHONIOENCODING PYTHONUTF8 PYTHONHASHSEED
	RUBY_VERSION GH_ENTERPRISE_TOKEN GH_HOST GH_DEBUG GH_PROMPT_DISABLED GH_NO_UPDATE_NOTIFIER ACTIONS_RUNNER_DEBUG
	RUNNER_DEBUG`)
)

func TestC22_a_variable_that_has_a_program_load_something_is_code(t *testing.T) {
	for _, place := range []string{"env: {%s: x}\nsteps: [{run: echo}]", "steps: [{run: echo, env: {%s: x}}]"} {
		for _, name := range loading {
			if got := told(t, strings.Replace(place, "%s", `"`+name+`"`, 1)); !strings.Contains(got, "sets "+name) {
				t.Errorf("%s: told %q, want that it is set", name, got)
			}
		}
		for _, name := range loadingNot {
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

func TestC22_what_else_runs_code_of_the_project(t *testing.T) {
	for job, want := range map[string]string{
		"services: {a: {image: acme/x}}\nsteps: [{run: echo}]":                         "as service a, runs the image acme/x",
		"services: ${{ x }}\nsteps: [{run: echo}]":                                     "not written out",
		uses("actions/setup-python@v6", "pip-install: ./dist"):                         "pip-install",
		uses("actions/setup-java@v5", "distribution: jdkfile, jdkFile: dist/jdk.tgz"):  "jdkFile",
		uses("webfactory/ssh-agent@v0.9.0", "ssh-add-cmd: ./x"):                        "ssh-add-cmd",
		uses("determinatesystems/nix-installer-action@v19", "source-binary: ./dist/x"): "source-binary",
		uses("docker/setup-qemu-action@v3", "image: acme/x"):                           "image",
		uses("docker/setup-buildx-action@v3", "driver-opts: image=acme/x"):             "driver-opts",
		uses("docker/setup-buildx-action@v3", "driver-opts: '${{ vars.O }}'"):          "driver-opts",
		"steps: [{uses: actions/setup-python@v6, env: {INPUT_PIP-INSTALL: ./dist}}]":   "handed an input",
		uses("actions/setup-python@v6", "python-version: 3.13"):                        "",
		uses("actions/setup-java@v5", "distribution: temurin"):                         "",
		uses("webfactory/ssh-agent@v0.9.0", "ssh-private-key: x"):                      "",
		uses("docker/setup-buildx-action@v3", "driver-opts: network=host"):             "",
		"env: {INPUT_NAME: x}\nsteps: [{run: 'echo \"$INPUT_NAME\"'}]":                 "",
		"services: {}\nsteps: [{run: echo}]":                                           "",
	} {
		if got := told(t, job); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: told %q, want %q", job, got, want)
		}
	}
}

func TestF12_what_a_script_takes_from_earlier_runs(t *testing.T) {
	for script, want := range map[string]string{
		"docker buildx bake": "may import", "docker-buildx bake": "may import", "buildx bake": "may import", "podman-compose build": "may import", "buildah bud $X": "a variable makes",
		"nerdctl build $X": "a variable makes", "docker build `cat x` .": "a variable makes", "docker build \"`cat x`\" .": "a variable makes", `docker "$X" build .`: "a variable makes",
		`docker build --pull "$X" .`: "a variable makes", "docker build -t app:${{ inputs.tag }} .": "a variable makes", `docker build -t "app:${{ inputs.tag }}" .`: "a variable makes",
		"docker build -t app:${{ github.ref_name }}-${{ inputs.tag }} .": "a variable makes", `docker build -t app:$GITHUB_REF_NAMES .`: "a variable makes", `docker build $GITHUB_REF_NAME .`: "a variable makes",
		"docker build ${{ github.ref_name }} .": "a variable makes", "IFS=/; docker build -t app:$GITHUB_REF_NAME .": "a variable makes", "cat > x <<E\ndocker build --cache-from x .\nE": "cache-from",
		"gh run download $GITHUB_RUN_ID --repo acme/x": "another run", "docker buildx bake -f b.hcl": "may import", "docker compose build": "may import", "docker-compose up -d": "may import",
		"docker compose -f x.yml build app": "may import", "X=1 sudo docker buildx bake": "may import", "gh run download 12 -n dist": "another run",
		"gh -R acme/x run download 12": "another run", "gh run download $GITHUB_RUN_ID -R acme/x": "another run", "gh run download": "another run", "gh api repos/x/y/actions/artifacts/1/zip": "another run",
		"docker buildx build --cache-'from' type=gha .": "cache-from", `docker buildx build "--cache-"from=x .`: "cache-from", `docker build ${F}from type=gha .`: "a variable makes",
		`docker build --cache-"$F" x .`: "a variable makes", `docker build "$ARGS" .`: "a variable makes", "docker build -t app:$TAG .": "a variable makes", `podman build $X`: "a variable makes",
		"bazel build --remote_cache=https://x //...": "a cache of others", "gradle build --build-cache": "a cache of others", "earthly --remote-cache=x +b": "a cache of others",
	} {
		j := one(t, "steps:\n  - run: |\n      "+strings.ReplaceAll(script, "\n", "\n      "), nil)
		if len(j.Caches) != 1 || !strings.Contains(j.Caches[0].What, want) || !j.Caches[0].Elsewhere {
			t.Errorf("%s: told %+v, want %q", script, j.Caches, want)
		}
	}
	for _, script := range []string{"docker build -t ghcr.io/acme/app:1 .", `docker build -t "$IMAGE" --build-arg "V=$V" "."`, `docker buildx build -t "app:$TAG" --push .`, "docker build -t app:$GITHUB_SHA .",
		"docker build -t ghcr.io/$GITHUB_REPOSITORY:${GITHUB_REF_NAME} .", "docker build -t ghcr.io/${{ github.repository }}:${{ github.ref_name }} .", "docker push app:$TAG",
		"printf docker buildx bake", "echo --remote_cache=x", "gh api repos/x/y", "gh release view artifacts",
		"docker buildx bake --no-cache", "docker compose pull", "docker push app", "echo docker buildx bake", "gh run list", `gh run download "$GITHUB_RUN_ID" -n dist`, "gh release download v1",
		"gradle build --no-build-cache", "bazel build --remote_cache= //...", "make"} {
		if j := one(t, "steps:\n  - run: |\n      "+script, nil); len(j.Caches) != 0 {
			t.Errorf("%s: told %+v, want no cache", script, j.Caches)
		}
	}
}

func TestF12_images_builders_and_actions_that_may_bring_a_cache(t *testing.T) {
	for job, want := range map[string]string{
		"container: acme/x:1\nsteps: [{run: make}]":                                            "docker://acme/x:1",
		"container: {image: acme/x}\nsteps: [{run: make}]":                                     "docker://acme/x",
		"services: {a: {image: redis}}\nsteps: [{run: make}]":                                  "docker://redis",
		"container: {image: x, volumes: ['/mnt:/c']}\nsteps: [{run: make}]":                    "with volumes",
		"services: {a: {image: x, volumes: ['/:/h']}}\nsteps: [{run: make}]":                   "with volumes",
		"container: {image: x, options: '--volume=/:/h'}\nsteps: [{run: make}]":                "with volumes",
		"container: {image: x, options: '-v /:/h'}\nsteps: [{run: make}]":                      "with volumes",
		"container: {image: x, options: '--mount type=bind'}\nsteps: [{run: make}]":            "with volumes",
		"container: {image: x, options: '${{ vars.O }}'}\nsteps: [{run: make}]":                "with volumes",
		"container: {image: x, volumes: '${{ vars.V }}'}\nsteps: [{run: make}]":                "with volumes",
		uses("docker/setup-buildx-action@v3", "cache-binary: false, append: x"):                "append",
		uses("docker/setup-buildx-action@v3", "cache-binary: false, append: [{name: x}]"):      "append",
		uses("docker/setup-buildx-action@v3", "cache-binary: false, endpoint: ''"):             "",
		uses("docker/setup-buildx-action@v3", "cache-binary: false, driver: docker"):           "",
		uses("actions/github-script@v7", "script: x"):                                          "actions/github-script@v7",
		uses("docker/setup-buildx-action@v3", "cache-binary: false, driver: remote"):           "driver: remote",
		uses("docker/setup-buildx-action@v3", "cache-binary: false, endpoint: 'tcp://x'"):      "endpoint",
		"steps: [{uses: actions/setup-node@v4, env: {INPUT_CACHE: npm}}]":                      "handed an input",
		uses("docker/setup-buildx-action@v3", "cache-binary: false, driver: docker-container"): "",
		uses("actions/setup-node@v4", "node-version: 22"):                                      "",
	} {
		j := one(t, job, nil)
		got := strings.Join(j.Unknown, "; ")
		for _, c := range j.Caches {
			got += "; " + c.What
			if !c.Elsewhere {
				t.Errorf("%s: %q is the platform's, want that no switch of it stops this", job, c.What)
			}
		}
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: told %q, want %q", job, got, want)
		}
	}
}

func TestF12_a_job_that_uploads_what_the_signing_job_downloads_led_to_the_signature(t *testing.T) {
	const text = "on: push\njobs:\n  sign:\n    needs: build\n    runs-on: ubuntu-latest\n    permissions: {id-token: write}\n    steps: [{TAKE}]\n" +
		"  build:\n    runs-on: ubuntu-latest\n    steps: [{run: make}, {uses: actions/upload-artifact@v4, with: {name: dist}}]\n" +
		"  first: {runs-on: ubuntu-latest, steps: [{run: make}]}\n" +
		"  beside:\n    needs: [first]\n    runs-on: ubuntu-latest\n    steps: [{uses: actions/cache@v4}, {GIVE}]\n" +
		"  after:\n    needs: sign\n    runs-on: ubuntu-latest\n    steps: [{uses: actions/upload-artifact@v4, with: {name: dist, overwrite: true}}]\n"
	const take = "uses: actions/download-artifact@v5, with: "
	const give = "uses: actions/upload-artifact@v4, with: "
	for _, x := range []struct {
		take, give string
		want       bool
	}{
		{take + "{name: dist}", give + "{name: dist, overwrite: true}", true}, {take + "{name: dist}", give + "{name: DIST}", true},
		{take + "{path: x}", give + "{name: logs}", true}, {take + "{pattern: d*}", give + "{name: logs}", true}, {take + "{artifact-ids: 7}", give + "{name: logs}", true},
		{take + "{name: dist}", give + "{name: '${{ matrix.x }}'}", true}, {take + "{name: '${{ inputs.x }}'}", give + "{name: logs}", true},
		{take + "{name: artifact}", give + "{path: x}", true}, {take + "{name: dist}", "uses: ./up", true}, {"run: gh run download $GITHUB_RUN_ID", give + "{name: logs}", true},
		{take + "{name: dist}", give + "{name: logs}", false}, {take + "{name: dist}", give + "{path: x}", false}, {take + "{path: x}", "run: make", false}, {take + "{name: dist, run-id: 7}", give + "{name: logs}", false},
		{take + "{run-id: 'false'}", give + "{name: logs}", true}, {take + "{name: github-pages}", "uses: actions/upload-pages-artifact@v3", true}, {take + "{name: dist}", "uses: actions/upload-pages-artifact@v3", false},
		{take + "{name: merged-artifacts}", "uses: actions/upload-artifact/merge@v4", true}, {take + "{name: dist}", "uses: actions/upload-artifact/merge@v4", false},
		{"run: x run download $GITHUB_RUN_ID", give + "{name: logs}", false}, {"run: gh release download $GITHUB_RUN_ID", give + "{name: logs}", false}, {"run: echo", give + "{name: dist}", false},
	} {
		out := ran(t, released(map[string]string{top: strings.NewReplacer("TAKE", x.take, "GIVE", x.give).Replace(text),
			"up/action.yml": "runs:\n  using: composite\n  steps: [{uses: actions/upload-artifact@v4, with: {name: dist}}]\n"}))
		names := ""
		for _, j := range out.Jobs {
			names += j.Name[strings.LastIndex(j.Name, " "):]
		}
		want := " sign build"
		if x.want {
			want += " beside first"
		}
		if out.Unread != "" || names != want {
			t.Errorf("%+v: jobs%s %s, want%s", x, names, out.Unread, want)
		}
	}
}
