package workflows_test

import (
	"testing"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

func TestG05_an_environment_is_created_by_naming_it(t *testing.T) {
	each(t, inJob, finding.EnvironmentUnknown, finding.Error, map[string][]change{
		"gated, but unknown": {{"environment: production", "environment: production-2"}, {"          environment: production", "          environment: production-2"}},
		"an unknown leg":     {{"    environment: production\n", "    environment: ${{ matrix.env }}\n    strategy: {matrix: {env: [staging, prod-eu]}}\n"}, {"          environment: production", "          environment: ${{ matrix.env }}"}},
	})
	other := change{"  production:\n", "  other:\n    runs-on: ubuntu-latest\n    environment: production-2\n    steps: [{run: ./deploy.sh}]\n  production:\n"}
	each(t, inJob, finding.EnvironmentUnknown, finding.Warning, map[string][]change{
		"beside the known one": {other},
		"a shorter name":       {other, {"production-2", "prod"}},
	})
	each(t, inJob, finding.EnvironmentExpression, finding.Error, map[string][]change{
		"the gate judges another": {{"    environment: production\n", "    environment: preview-${{ vars.ENV }}\n"}},
	})
	each(t, inJob, finding.EnvironmentExpression, finding.Warning, map[string][]change{
		"the gate judges the same": {{"    environment: production\n", "    environment: ${{ vars.ENV }}\n"}, {"          environment: production", "          environment: ${{ vars.ENV }}"}},
		"any environment there is": {{"on: {push: {branches: [main]}}", "on: {workflow_dispatch: {inputs: {env: {type: environment}}}}"}, {"    environment: production\n", "    environment: ${{ inputs.env }}\n"}, {"          environment: production", "          environment: ${{ inputs.env }}"}},
		"a matrix worked out":      {{"    environment: production\n", "    environment: ${{ matrix.env }}\n    strategy: {matrix: {env: \"${{ fromJSON(vars.E) }}\"}}\n"}, {"          environment: production", "          environment: ${{ matrix.env }}"}},
		"a leg worked out":         {{"    environment: production\n", "    environment: ${{ matrix.env }}\n    strategy: {matrix: {env: [\"${{ vars.E }}\"]}}\n"}, {"          environment: production", "          environment: ${{ matrix.env }}"}},
		"free text of a dispatch":  {{"on: {push: {branches: [main]}}", "on: {workflow_dispatch: {inputs: {env: {type: string}}}}"}, {"    environment: production\n", "    environment: ${{ inputs.env }}\n"}, {"          environment: production", "          environment: ${{ inputs.env }}"}},
	})
	each(t, inJob, finding.EnvironmentExpression, finding.Note, map[string][]change{
		"a caller names it": {{"on: {push: {branches: [main]}}", "on: {workflow_call: {inputs: {env: {type: string}}}}"}, {"    environment: production\n", "    environment: ${{ inputs.env }}\n"}, {"          environment: production", "          environment: ${{ inputs.env }}"}},
	})
	passes(t, inJob, map[string][]change{
		"a preview of a pull request": {other, {"production-2", "preview-${{ github.event.number }}"}},
	})
	each(t, inJob, finding.DeploymentOff, finding.Note, map[string][]change{
		"false":         {{"    environment: production\n", "    environment: {name: production, deployment: false}\n"}},
		"an expression": {{"    environment: production\n", "    environment: {name: production, deployment: \"${{ vars.D }}\"}\n"}},
	})
	passes(t, inJob, map[string][]change{
		"true": {{"    environment: production\n", "    environment: {name: production, deployment: true, url: \"https://example.com\"}\n"}},
	})
}

func TestG15_legs_of_a_matrix_write_the_same_output(t *testing.T) {
	legs := change{"  gate:\n", "  gate:\n    strategy: {matrix: {part: [a, b, c]}}\n"}
	each(t, needed, finding.MatrixOutput, finding.Error, map[string][]change{
		"three legs":        {legs},
		"legs of an answer": {legs, {"{part: [a, b, c]}", "\"${{ fromJSON(vars.PARTS) }}\""}},
		"read all at once":  {legs, {"${{ needs.gate.outputs.digests }}", "${{ toJSON(needs.gate.outputs) }}"}},
	})
	passes(t, needed, map[string][]change{
		"one leg":            {legs, {"[a, b, c]", "[a]"}},
		"nobody reads it":    {legs, {"${{ needs.gate.outputs.digests }}", "x"}},
		"another step's":     {legs, {"${{ steps.gate.outputs.digests }}", "${{ steps.version.outputs.v }}"}},
		"the result is read": {legs, {"${{ needs.gate.outputs.digests }}", "${{ needs.gate.result }}"}},
	})
}

func TestG17_a_value_of_others_is_pasted_into_a_script(t *testing.T) {
	script := func(e string) []change { return []change{{`./deploy.sh "$DIGESTS"`, `./deploy.sh "` + e + `"`}} }
	cases := map[string][]change{
		"github-script": {{deployStep, "      - uses: actions/github-script@SHA # v8\n        with: {script: \"console.log('${{ github.event.issue.title }}')\"}\n" + deployStep}},
		"beside attest": {{"make dist", "make dist BRANCH=${{ github.head_ref }}"}},
	}
	for _, e := range []string{"${{ github.head_ref }}", "${{ github.event.pull_request.title }}", "${{ github['event']['issue'].body }}", "${{ format('{0}', github.event.comment.body) }}",
		"${{ toJSON(github) }}", "${{ github.event.commits[0].message }}", "${{ github.event.*.body }}", "${{ github.event.pull_request.head.ref || 'main' }}"} {
		cases[e] = script(e)
	}
	each(t, needed, finding.ScriptInjection, finding.Error, map[string][]change{
		"beside the gate": {{"      - id: gate\n", "      - run: echo ${{ github.head_ref }}\n      - id: gate\n"}},
	})
	each(t, inJob, finding.ScriptInjection, finding.Error, cases)
	each(t, inJob, finding.ScriptInjection, finding.Warning, map[string][]change{
		"a tag's name":        script("${{ github.ref_name }}"),
		"an input":            append(script("${{ inputs.version }}"), change{"on: {push: {branches: [main]}}", "on: {workflow_dispatch: {inputs: {version: {type: string}}}}"}),
		"all inputs":          script("${{ toJSON(inputs) }}"),
		"a caller's text":     append(script("${{ inputs.v }}"), change{"on: {push: {branches: [main]}}", "on: {workflow_call: {inputs: {v: {type: string}}}}"}),
		"a dispatch or call":  append(script("${{ inputs.v }}"), change{"on: {push: {branches: [main]}}", "on: {workflow_call: {inputs: {v: {type: number}}}, workflow_dispatch: {inputs: {v: {type: string}}}}"}),
		"not an expression":   script("${{ }}"),
		"a dispatch's inputs": script("${{ github.event.inputs.version }}"),
	})
	passes(t, inJob, map[string][]change{
		"a commit":        script("${{ github.sha }}"),
		"only compared":   script("${{ github.event.pull_request.title == 'x' }}"),
		"only looked for": script("${{ contains(github.head_ref, 'x') && 'a' || 'b' }}"),
		"a caller's bool": append(script("${{ inputs.v }}"), change{"on: {push: {branches: [main]}}", "on: {workflow_call: {inputs: {w: {type: string}, v: {type: boolean}}}}"}),
		"a choice":        append(script("${{ github.event.inputs.n }}"), change{"on: {push: {branches: [main]}}", "on: {workflow_dispatch: {inputs: {n: {type: choice, options: [a, b]}}}}"}),
		"elsewhere":       {{"  build:\n", "  lint: {runs-on: ubuntu-latest, steps: [{run: \"lint ${{ github.head_ref }}\"}]}\n  build:\n"}},
		"a number":        append(script("${{ inputs.n }}"), change{"on: {push: {branches: [main]}}", "on: {workflow_dispatch: {inputs: {n: {type: number}}}}"}),
		"an output":       script("${{ steps.gate.outputs.digests }}"),
	})
}

func TestG18_who_started_the_run_decides(t *testing.T) {
	cases := map[string][]change{}
	for _, c := range []string{"github.actor != 'release-bot[bot]'", "${{ github.triggering_actor == 'bot' }}", "github.event.sender.login == 'bot'", "github['actor'] == 'bot'", "github.actor_id == 1",
		"contains(toJSON(github.event), 'bot')", "github.event.pull_request.user.login == 'bot'", "always() && github.ACTOR == 'bot'", "env.WHO == 'bot'", "github.event.head_commit.author.name == 'bot'"} {
		cases["gate: "+c] = []change{{"      - id: gate\n", "      - id: gate\n        if: " + c + "\n"}, {"permissions: {}\n", "permissions: {}\nenv: {WHO: \"${{ github.actor }}\"}\n"}}
		cases["step: "+c] = []change{{deployStep, deployStep + "        if: " + c + "\n"}, {"permissions: {}\n", "permissions: {}\nenv: {who: \"${{ github.actor }}\"}\n"}}
		cases["job: "+c] = []change{{"    environment: production\n", "    environment: production\n    if: " + c + "\n"}, {"permissions: {}\n", "permissions: {}\nenv: {WHO: \"${{ github.actor }}\"}\n"}}
	}
	each(t, inJob, finding.ActorExemption, finding.Error, cases)
	each(t, needed, finding.ActorExemption, finding.Error, map[string][]change{
		"the gate's job":       {{"  gate:\n", "  gate:\n    if: github.actor != 'bot'\n"}},
		"the deployment's job": {{"    environment: production\n", "    environment: production\n    if: always() && github.actor == 'bot'\n"}},
		"the job between":      {{"    needs: gate\n", "    needs: gate\n    if: github.actor == 'bot'\n"}},
	})
	passes(t, inJob, map[string][]change{
		"in the build":       {{"      - run: make dist\n", "      - run: make dist\n        env: {WHO: \"${{ github.actor }}\"}\n"}},
		"who owns the place": {{deployStep, deployStep + "        if: github.repository_owner == 'acme' && env.REGION == 'eu'\n"}},
	})
}
