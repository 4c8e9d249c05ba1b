package workflows_test

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

func TestG04_a_job_enters_a_guarded_environment_without_a_gate(t *testing.T) {
	gateStep := inJob[strings.Index(inJob, "      - id: gate\n"):strings.Index(inJob, deployStep)]
	each(t, inJob, finding.NoGate, finding.Error, map[string][]change{
		"the step is deleted":           {{gateStep, ""}, {"${{ steps.gate.outputs.digests }}", "x"}},
		"the workflow is copied":        {{gateStep, ""}, {"environment: production", "environment: {name: Production}"}, {"${{ steps.gate.outputs.digests }}", "x"}},
		"verify is not a gate":          {{"uses: sallyport-dev/sallyport@SHA", "uses: sallyport-dev/sallyport/actions/verify@SHA"}},
		"another's action":              {{"uses: sallyport-dev/sallyport@SHA # the gate", "uses: sallyport-evil/sallyport@SHA"}},
		"a path of this repository":     {{"uses: sallyport-dev/sallyport@SHA", "uses: ./"}},
		"it is only printed":            {{"uses: sallyport-dev/sallyport@SHA # the gate\n        with:\n          subject: dist/*\n          environment: production", "run: echo sallyport gate --environment production"}},
		"it is a comment":               {{"uses: sallyport-dev/sallyport@SHA # the gate\n        with:\n          subject: dist/*\n          environment: production", "run: |\n          # sallyport gate --environment production\n          ls"}},
		"it is text of a here-document": {{"uses: sallyport-dev/sallyport@SHA # the gate\n        with:\n          subject: dist/*\n          environment: production", "run: |\n          cat >x <<EOF\n          sallyport gate --environment production\n          EOF"}},
		"a name that may be guarded":    {{"    environment: production\n", "    environment: ${{ vars.ENV }}\n"}, {gateStep, ""}, {"${{ steps.gate.outputs.digests }}", "x"}},
		"the beginning is given":        {{"    environment: production\n", "    environment: prod${{ vars.REST }}\n"}, {gateStep, ""}, {"${{ steps.gate.outputs.digests }}", "x"}},
		"a leg that is added":           {{"    environment: production\n", "    environment: ${{ matrix.env }}\n    strategy: {matrix: {env: [dev], include: [{os: x}, {env: production}]}}\n"}, {gateStep, ""}, {"${{ steps.gate.outputs.digests }}", "x"}},
		"a matrix of environments":      {{"    environment: production\n", "    environment: ${{ matrix.env }}\n    strategy: {matrix: {env: [dev, production]}}\n"}, {gateStep, ""}, {"${{ steps.gate.outputs.digests }}", "x"}},
	})
	each(t, inJob, finding.GateLate, finding.Error, map[string][]change{
		"deploy first":              {{"mkdir -p dist", "./deploy.sh"}},
		"credentials first":         {{"run: mkdir -p dist", "uses: aws-actions/configure-aws-credentials@SHA # v5"}},
		"a program of tar's":        {{"mkdir -p dist", "tar --to-command=./deploy.sh -xf x"}},
		"the path is changed first": {{"mkdir -p dist", `echo "$PWD" >>"$GITHUB_PATH"`}},
		"a command in a command":    {{"mkdir -p dist", `echo "$(./deploy.sh)"`}},
	})
	each(t, inJob, finding.GateOtherEnvironment, finding.Error, map[string][]change{
		"staging's yes":           {{"          environment: production", "          environment: staging"}},
		"no environment at all":   {{"          environment: production\n", ""}},
		"one leg is not judged":   {{"    environment: production\n", "    environment: ${{ matrix.env }}\n    strategy: {matrix: {env: [staging, production]}}\n"}},
		"an expression elsewhere": {{"          environment: production", "          environment: ${{ vars.ENV }}"}},
	})
	passes(t, inJob, map[string][]change{
		"each leg is judged":             {{"    environment: production\n", "    environment: ${{ matrix.env }}\n    strategy: {matrix: {env: [staging, production]}}\n"}, {"          environment: production", "          environment: ${{matrix.env}}"}},
		"chosen from a list":             {{"on: {push: {branches: [main]}}", "on: {workflow_dispatch: {inputs: {env: {type: choice, options: [staging, production]}}}}"}, {"    environment: production\n", "    environment: ${{ inputs.env }}\n"}, {"          environment: production", "          environment: ${{ inputs.env }}"}},
		"tools are set up first":         {{"- run: mkdir -p dist", "- uses: azure/setup-kubectl@SHA # v4"}},
		"upper and lower case":           {{"    environment: production\n", "    environment: Production\n"}},
		"a command":                      {{"uses: sallyport-dev/sallyport@SHA # the gate\n        with:\n          subject: dist/*\n          environment: production", "run: sallyport gate --environment production dist/*"}},
		"a command with variables":       {{"uses: sallyport-dev/sallyport@SHA # the gate\n        with:\n          subject: dist/*\n          environment: production", "run: |\n          sallyport gate --environment \"$TO\" \\\n            dist/*\n        env: {TO: production}"}},
		"a command with a variable flag": {{"uses: sallyport-dev/sallyport@SHA # the gate\n        with:\n          subject: dist/*\n          environment: production", "run: ./bin/sallyport gate -environment=\"$ENV\" dist/* 2>&1\n        env: {ENV: production}"}},
		"an environment nobody guards":   {{"    needs: build\n", "    needs: [build, pages]\n"}, {"  production:\n", "  pages:\n    runs-on: ubuntu-latest\n    environment: github-pages\n    steps: [{run: ./pages.sh}]\n  production:\n"}},
	})
}

func TestG04_a_job_runs_beside_its_gate(t *testing.T) {
	each(t, needed, finding.GateNotNeeded, finding.Error, map[string][]change{
		"needs is missing":      {{"    needs: [gate, announce]\n", ""}},
		"needs something else":  {{"    needs: [gate, announce]\n", "    needs: lint\n"}, {"  announce:\n", "  lint: {runs-on: ubuntu-latest, steps: [{run: make lint}]}\n  announce:\n"}},
		"the needed is missing": {{"    needs: [gate, announce]\n", "    needs: [gates]\n"}},
	})
	each(t, needed, finding.OutputsNotNeeded, finding.Error, map[string][]change{
		"it needs a job between only": {{"    needs: [gate, announce]\n", "    needs: announce\n"}},
	})
	passes(t, needed, map[string][]change{
		"through the job between": {{"    needs: [gate, announce]\n", "    needs: announce\n"}, {"${{ needs.gate.outputs.digests }}", "x"}},
	})
}

func TestG04_what_a_called_workflow_does_cannot_be_seen(t *testing.T) {
	const called = `on: push
permissions: {}
jobs:
  deploy:
    uses: ./.github/workflows/deploy.yml
    with: {environment: production}
`
	trips(t, called, finding.GateUnseen, finding.Note)
	clean(t, edit(t, called, change{"environment: production", "environment: pages"}))
	trips(t, edit(t, needed, change{"    runs-on: ubuntu-latest\n    permissions: {contents: read}\n    outputs:\n      digests: ${{ steps.gate.outputs.digests }}\n    steps:\n      - id: gate\n        uses: sallyport-dev/sallyport@SHA\n        with: {subject: dist/*, environment: production}\n", "    uses: ./.github/workflows/gate.yml\n"}), finding.GateUnseen, finding.Warning)
	two := check(t, edit(t, called, change{"    with:", "    secrets: inherit\n    with:"}), want)
	if len(two) != 2 || two[0].Rule != finding.SecretsInherit || two[1].Rule != finding.GateUnseen {
		t.Errorf("findings = %s\nwant secrets-inherit and gate-unseen", show(two))
	}
	clean(t, edit(t, called, change{"    with:", "    secrets: inherit\n    with:"}, change{"environment: production", "environment: pages"}))
	trips(t, edit(t, called, change{"    with:", "    secrets: inherit\n    with:"}, change{"  deploy:", "  gate:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: sallyport-dev/sallyport@SHA\n        with: {environment: production}\n  deploy:\n    needs: gate"}), finding.SecretsInherit, finding.Warning)
}

func TestG04_a_gates_answer_is_used_where_nothing_names_the_environment(t *testing.T) {
	each(t, needed, finding.EnvironmentUnnamed, finding.Warning, map[string][]change{
		"no environment": {{"    environment: production\n", ""}},
	})
	passes(t, needed, map[string][]change{
		"another job enters it": {{"    environment: production\n", ""}, {"  announce:\n", "  after:\n    needs: [gate]\n    runs-on: ubuntu-latest\n    environment: production\n    steps: [{run: ./deploy.sh digests}]\n  announce:\n"}},
		"nobody acts on it":     {{"    environment: production\n", ""}, {"${{ needs.gate.outputs.digests }}", "x"}},
	})
}

func TestG01_a_condition_lets_a_job_run_after_a_no(t *testing.T) {
	conditions := []string{
		"always()", "ALWAYS()", "${{ always() }}", "!cancelled()", "${{ !cancelled() }}", "failure()", "cancelled()", "!failure()", "!success()",
		"success() || failure()", "failure() || github.ref == 'refs/heads/main'", "always() && github.ref == 'refs/heads/main'",
		"needs.gate.result != 'failure'", "needs['gate'].result != 'failure'", "needs.gate.result != 'success' || true", "always() && needs.gate.result != 'failure'",
		"!cancelled() && needs.gate.result != 'failure'",
		"contains('success,failure', needs.gate.result)", "contains('unsuccessful cancelled', needs.gate.result)",
		"always() && !contains(needs.*.result, 'failure')",
		"always() && join(needs.*.result, ',') != 'failure,skipped'", "always() && toJSON(needs) != ''",
		"always() && needs.announce.result == 'success' || always()", "always() && (needs.gate.outputs.digests == '' || true)", "always() && !needs.gate.outputs.digests",
		"${{ always() }} && ${{ needs.gate.result == 'success' }}", "${{ always() && needs.gate.result == 'success' }} ", "always() && vars.ANYWAY == 'yes'",
	}
	for _, c := range conditions {
		t.Run(c, func(t *testing.T) {
			quoted := `    if: "` + strings.ReplaceAll(c, `"`, `\"`) + "\"\n    environment: production\n"
			trips(t, edit(t, needed, change{"    environment: production\n", quoted}), finding.RunsAnyway, finding.Error)
		})
	}
	other := edit(t, needed, change{"digests: ${{ steps.gate.outputs.digests }}\n", "digests: ${{ steps.gate.outputs.digests }}\n      other: ${{ steps.build.outputs.digests }}\n      either: ${{ steps.gate.outputs.digests || steps.build.outputs.digests }}\n"})
	for _, output := range []string{"other", "either"} {
		t.Run(output, func(t *testing.T) {
			trips(t, edit(t, other, change{"    environment: production\n", "    if: always() && needs.gate.outputs." + output + "\n    environment: production\n"}), finding.RunsAnyway, finding.Error)
		})
	}
	for _, c := range []string{
		"success()", "github.ref == 'refs/heads/main'", "${{ github.event_name == 'push' }}", "always() && needs.gate.result == 'success'",
		"!cancelled() && needs.gate.result == 'success' && needs.announce.result != 'failure'", "always() && needs.gate.outputs.digests != ''",
		"always() && needs.gate.outputs.digests", "always() && needs.gate.outputs.nothing", "needs.gate.result == 'success'", "success() && !cancelled()",
		"always() && !contains(needs.*.result, 'failure') && !contains(needs.*.result, 'cancelled') && !contains(needs.*.result, 'skipped')",
		"always() && contains(fromJSON('[\"success\"]'), needs.gate.result)", "true",
	} {
		t.Run("clean: "+c, func(t *testing.T) {
			clean(t, edit(t, needed, change{"    environment: production\n", "    if: '" + strings.ReplaceAll(c, "'", "''") + "'\n    environment: production\n"}))
		})
	}
}

func TestG01_a_condition_of_a_job_between_lets_the_deployment_run(t *testing.T) {
	plain := change{"    needs: [gate, announce]\n", "    needs: announce\n"}
	unused := change{"${{ needs.gate.outputs.digests }}", "x"}
	between := func(c string) change {
		return change{"    needs: gate\n", "    needs: gate\n    if: " + c + "\n"}
	}
	each(t, edit(t, needed, plain, unused), finding.RunsAnyway, finding.Error, map[string][]change{
		"always":    {between("always()")},
		"cancelled": {between("${{ !cancelled() }}")},
	})
	other := change{"  announce:\n", "  lint: {runs-on: ubuntu-latest, steps: [{run: make lint}]}\n  announce:\n"}
	each(t, needed, finding.RunsAnyway, finding.Error, map[string][]change{
		"something else succeeded": {other, {"needs: [gate, announce]\n", "needs: [gate, lint]\n    if: always() && contains(needs.*.result, 'success')\n"}},
	})
	passes(t, needed, map[string][]change{
		"the deployment needs the gate itself": {between("always()")},
		"another job's result is asked for":    {other, {"needs: [gate, announce]\n", "needs: [gate, lint]\n    if: needs.lint.result != 'failure'\n"}},
		"a notice after the deployment":        {{"  announce:\n", "  notice:\n    needs: production\n    if: always()\n    runs-on: ubuntu-latest\n    steps: [{run: ./notice.sh}]\n  announce:\n"}},
	})
}

func TestG01_a_condition_lets_a_step_run_after_a_no(t *testing.T) {
	step := func(c string) []change {
		return []change{{deployStep, "      - name: deploy\n        if: " + c + "\n"}}
	}
	cases := map[string][]change{}
	for _, c := range []string{"always()", "${{ !cancelled() }}", "success() || failure()", "steps.gate.outcome != 'success' || always()", "steps.gate.outcome != 'failure'", "always() && steps.gate.outputs.outcome != 'deny'", "'!failure()'", "always() && job.status != 'success'  || success()"} {
		cases[c] = step(c)
	}
	each(t, inJob, finding.RunsAnyway, finding.Error, cases)
	each(t, inJob, finding.RunsAnyway, finding.Warning, map[string][]change{
		"a notice after an end": {{deployStep, "      - name: notice\n        if: cancelled()\n        run: ./notice.sh\n" + deployStep}},
		"a notice after a no":   {{deployStep, "      - name: notice\n        if: failure()\n        run: ./notice.sh\n" + deployStep}},
	})
	passes(t, inJob, map[string][]change{
		"success":                         step("success()"),
		"another step's answer":           step("steps.changes.outcome != 'failure' || steps.changes.outputs.src == 'true'"),
		"an input":                        step("inputs.now || github.ref == 'x'"),
		"the gate's own answer":           step("always() && steps.gate.outcome == 'success'"),
		"the gate's output":               step("${{ !cancelled() && steps.gate.outputs.digests != '' }}"),
		"logs are kept":                   {{deployStep, "      - uses: actions/upload-artifact@SHA # v4\n        if: always()\n        with: {name: log, path: log}\n" + deployStep}},
		"the gate itself always runs":     {{"      - id: gate\n", "      - id: gate\n        if: always()\n"}},
		"a job with a gate always starts": {{"    needs: build\n", "    needs: build\n    if: always()\n"}},
	})
}

func TestG01_a_condition_that_is_always_true(t *testing.T) {
	for name, c := range map[string]string{
		"a block scalar":            "|\n      ${{ false }}",
		"a folded scalar":           ">\n      ${{ github.ref == 'refs/heads/main' }}",
		"a blank after it":          `"${{ false }} "`,
		"a blank before it":         `" ${{ false }}"`,
		"two expressions":           "${{ false }} || ${{ false }}",
		"an operator outside":       "${{ github.ref == 'refs/heads/main' }} && false",
		"a word that means no":      `"'false'"`,
		"a number":                  "1",
		"not false":                 "${{ !false }}",
		"or true":                   "github.ref == 'refs/heads/main' || true",
		"a comparison of constants": "${{ 'a' == 'A' }}",
	} {
		t.Run(name, func(t *testing.T) {
			trips(t, edit(t, needed, change{"    environment: production\n", "    environment: production\n    if: " + c + "\n"}), finding.IfAlwaysTrue, finding.Error)
		})
	}
	passes(t, needed, map[string][]change{
		"a block scalar without marks": {{"    environment: production\n", "    environment: production\n    if: |\n      github.ref == 'refs/heads/main'\n"}},
		"a stripped block scalar":      {{"    environment: production\n", "    environment: production\n    if: >-\n      ${{ github.ref == 'refs/heads/main' }}\n"}},
	})
	each(t, needed, finding.IfUnreadable, finding.Error, map[string][]change{
		"not an expression": {{"    environment: production\n", "    environment: production\n    if: github.ref = main\n"}},
		"an open bracket":   {{"    environment: production\n", "    environment: production\n    if: ${{ (always() }}\n"}},
	})
}

func TestG02_a_skipped_gate_counts_as_success(t *testing.T) {
	gateIf := func(c string) change {
		return change{"      - id: gate\n", "      - id: gate\n        if: " + c + "\n"}
	}
	filtered := gateIf("steps.changes.outputs.src == 'true'")
	each(t, inJob, finding.GateSkipped, finding.Error, map[string][]change{
		"a path filter":                        {filtered},
		"only on main":                         {gateIf("github.ref == 'refs/heads/main'")},
		"never":                                {gateIf("false")},
		"the deployment asks for the bad only": {filtered, {deployStep, deployStep + "        if: steps.gate.outputs.outcome != 'deny'\n"}},
	})
	each(t, needed, finding.GateSkipped, finding.Error, map[string][]change{
		"in a job of its own": {filtered},
	})
	passes(t, inJob, map[string][]change{
		"the deployment asks for the output": {filtered, {deployStep, deployStep + "        if: steps.gate.outputs.digests != ''\n"}},
		"both under the same condition":      {filtered, {deployStep, deployStep + "        if: steps.changes.outputs.src == 'true'\n"}},
		"always":                             {gateIf("always()")},
	})
	jobIf := change{"  gate:\n", "  gate:\n    if: needs.changes.outputs.src == 'true'\n    needs: changes\n"}
	changes := change{"  gate:\n", "  changes: {runs-on: ubuntu-latest, steps: [{run: ./changes.sh}]}\n  gate:\n"}
	passes(t, needed, map[string][]change{
		"a skipped gate job skips what needs it": {jobIf, changes},
		"and what asks for success":              {jobIf, changes, {"    environment: production\n", "    environment: production\n    if: always() && needs.gate.result == 'success'\n"}},
	})
	cases := map[string][]change{}
	for _, c := range []string{"needs.gate.result == 'success' || needs.gate.result == 'skipped'", "always() && contains(needs.gate.result, 's')", "always() && startsWith(needs.gate.result, 's')",
		"contains(fromJSON('[\"success\",\"skipped\"]'), needs.gate.result)", "contains('unsuccessful skipped', needs.gate.result)", "failure() && needs.gate.result == 'skipped'"} {
		cases[c] = []change{{"    environment: production\n", "    environment: production\n    if: " + c + "\n"}}
	}
	each(t, needed, finding.GateSkipped, finding.Error, cases)
	each(t, needed, finding.GateSkipped, finding.Error, map[string][]change{
		"a skipped gate job and always": {jobIf, changes, {"    environment: production\n", "    environment: production\n    if: always() && needs.gate.result != 'failure' && needs.gate.result != 'cancelled'\n"}},
	})
}

func TestG03_a_gates_no_does_not_stop_the_job(t *testing.T) {
	step := func(v string) []change {
		return []change{{"      - id: gate\n", "      - id: gate\n        continue-on-error: " + v + "\n"}}
	}
	job := func(v string) []change {
		return []change{{"  gate:\n", "  gate:\n    continue-on-error: " + v + "\n"}}
	}
	cases, jobs := map[string][]change{}, map[string][]change{}
	for _, v := range []string{"true", "True", "TRUE", "!!bool true", "${{ true }}", "${{ matrix.experimental }}", "${{ github.event_name == 'push' }}", "${{ 'false' }}"} {
		cases[v], jobs["job "+v] = step(v), job(v)
	}
	each(t, inJob, finding.GateSoft, finding.Error, cases)
	each(t, needed, finding.GateSoft, finding.Error, jobs)
	each(t, needed, finding.GateSoft, finding.Error, map[string][]change{
		"a leg of a matrix": {{"  gate:\n", "  gate:\n    strategy: {matrix: {include: [{experimental: true}]}}\n    continue-on-error: ${{ matrix.experimental }}\n"}, {"    outputs:\n      digests: ${{ steps.gate.outputs.digests }}\n", ""}},
		"in flow style":     {{"      - id: gate\n        uses: sallyport-dev/sallyport@SHA\n        with: {subject: dist/*, environment: production}\n", "      - {id: gate, continue-on-error: True, uses: sallyport-dev/sallyport@SHA, with: {environment: production}}\n"}},
	})
	passes(t, inJob, map[string][]change{
		"false":              step("false"),
		"False":              step("False"),
		"an expression":      step("${{ false }}"),
		"after the gate":     {{deployStep, "      - run: ./notice.sh\n        continue-on-error: true\n" + deployStep}},
		"false in a mapping": {{"      - id: gate\n        uses: sallyport-dev/sallyport@SHA # the gate\n        with:\n          subject: dist/*\n          environment: production\n", "      - {id: gate, uses: sallyport-dev/sallyport@SHA, with: {environment: production}, continue-on-error: false}\n"}},
	})
}

func TestG03_a_script_goes_on_after_a_no(t *testing.T) {
	run := func(lines ...string) []change {
		return []change{{"uses: sallyport-dev/sallyport@SHA # the gate\n        with:\n          subject: dist/*\n          environment: production", "run: |\n          " + strings.Join(lines, "\n          ")}}
	}
	const g = "sallyport gate --environment production dist/*"
	each(t, inJob, finding.GateSwallowed, finding.Error, map[string][]change{
		"or true":        run(g + " || true"),
		"or an echo":     run(g+" ||", "  echo no"),
		"a pipe":         run(g+" | tee log", "ls"),
		"the last pipe":  run(g + " | tee log"),
		"background":     run(g+" &", "wait"),
		"set +e":         run("set +e", g, "ls"),
		"set +o errexit": run("set +o errexit", g, "ls"),
		"an if":          run("if "+g+"; then", "  ls", "fi"),
		"not":            run("! " + g),
		"a guard":        run("test -f x && " + g),
		"a list":         run(g+" && ls", "ls"),
		"a function":     run("f() {", "  "+g, "}"),
		"a case":         run("case $X in", "  a) "+g+";;", "esac"),
		"another shell":  append(run(g, "ls"), change{"run: |\n          sally", "shell: bash {0}\n        run: |\n          sally"}),
		"sh without -e":  append(run(g, "ls"), change{"run: |\n          sally", "shell: sh -x {0}\n        run: |\n          sally"}),
		"a default":      append(run(g, "ls"), change{"permissions: {}\n", "permissions: {}\ndefaults: {run: {shell: python}}\n"}),
		"a python":       append(run(g, "ls"), change{"run: |\n          sally", "shell: python\n        run: |\n          sally"}),
	})
	passes(t, inJob, map[string][]change{
		"alone":          run(g),
		"two lines":      run("cd dist", g, "ls"),
		"semicolons":     run("cd dist; " + g + "; ls"),
		"the last list":  run(g + " && ls"),
		"set -e":         run("set -euo pipefail", g, "ls"),
		"pipefail":       run("set -eo pipefail", g+" | tee log"),
		"bash":           append(run(g+" | tee log"), change{"run: |\n          sally", "shell: bash\n        run: |\n          sally"}),
		"bash in full":   append(run(g+" | tee log", "ls"), change{"run: |\n          sally", "shell: /usr/bin/bash --noprofile -eo pipefail {0}\n        run: |\n          sally"}),
		"sh in full":     append(run(g, "ls"), change{"run: |\n          sally", "shell: sh -e {0}\n        run: |\n          sally"}),
		"into the gate":  run("ls | " + g),
		"pwsh":           append(run(g), change{"run: |\n          sally", "shell: pwsh\n        run: |\n          sally"}),
		"after an if":    run("if test -f x; then", "  ls", "fi", g),
		"redirected":     run(g + " >log 2>&1"),
		"a comment":      run("# a || b", g+" # && c"),
		"another's not":  run("! test -f x", g),
		"a variable set": run("X=1 " + g),
	})
}

// A gate that waits longer than its job may run ends without a verdict.
func TestG12_a_gate_that_outlives_its_job(t *testing.T) {
	const in = "          environment: production\n      - name: deploy"
	wait := func(w string) change {
		return change{in, "          environment: production\n          wait: " + w + "\n      - name: deploy"}
	}
	minutes := func(n string) change {
		return change{"    runs-on: ubuntu-latest\n    environment: production", "    runs-on: ubuntu-latest\n    timeout-minutes: " + n + "\n    environment: production"}
	}
	each(t, inJob, finding.WaitTooLong, finding.Warning, map[string][]change{
		"by default": {wait("6h")}, "in days": {wait("1d")}, "as written": {wait("90m"), minutes("60")},
		"of the step": {wait("90m"), {"      - id: gate\n", "      - id: gate\n        timeout-minutes: 30\n"}},
	})
	for _, c := range [][]change{{wait("5h")}, {wait("50m"), minutes("60")}, {wait("24h"), minutes("2000")}, {wait("8h"), minutes("${{ fromJSON(vars.N) }}")}} {
		clean(t, edit(t, inJob, c...))
	}
}
