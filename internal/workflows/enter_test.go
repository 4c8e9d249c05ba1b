package workflows_test

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

// enterStep asks again in the job that deploys, in needed.
const enterStep = "    permissions: {id-token: write}\n    steps:\n      - uses: sallyport-dev/sallyport/actions/enter@SHA\n      - run: ./deploy.sh"

// mayAsk lets the job that deploys ask for the token that says which job it is.
var mayAsk = change{"    environment: production\n", "    environment: production\n    permissions: {id-token: write}\n"}

var entering = change{"    steps:\n      - run: ./deploy.sh", enterStep}

func TestG16_a_job_is_run_again_without_its_gate(t *testing.T) {
	trips(t, needed, finding.GateReused, finding.Error)
	for name, changes := range map[string][]change{
		"through a job between": {{"    needs: [gate, announce]\n", "    needs: announce\n"}, {"${{ needs.gate.outputs.digests }}", "x"}},
		"a job that enters does not enter for the next": {
			{"  production:\n", "  first:\n    needs: gate\n    runs-on: ubuntu-latest\n    environment: production\n    permissions: {id-token: write}\n    steps:\n      - uses: sallyport-dev/sallyport/actions/enter@SHA\n      - run: ./deploy.sh\n  production:\n"},
			{"needs: [gate, announce]", "needs: [gate, first]"},
		},
		"an expression that both have": {
			{"on:\n", "on:\n  workflow_dispatch: {inputs: {env: {type: choice, options: [staging, production]}}}\n"},
			{"subject: dist/*, environment: production", "subject: dist/*, environment: '${{ inputs.env }}'"}, {"    environment: production\n", "    environment: ${{ inputs.env }}\n"},
		},
		"of another environment": {{"    environment: production\n    steps:\n", "    environment: production\n    steps:\n      - {uses: sallyport-dev/sallyport@SHA, with: {environment: staging}}\n"}},
	} {
		t.Run(name, func(t *testing.T) { trips(t, edit(t, needed, changes...), finding.GateReused, finding.Error) })
	}
	for name, changes := range map[string][]change{
		"it enters":                   {entering},
		"by a command":                {{"    steps:\n      - run: ./deploy.sh", "    permissions: {id-token: write}\n    steps:\n      - run: sallyport enter\n      - run: ./deploy.sh"}},
		"a gate of its own besides":   {{"    steps:\n      - run: ./deploy.sh", "    steps:\n      - uses: sallyport-dev/sallyport@SHA\n        with: {environment: production}\n      - run: ./deploy.sh"}},
		"each leg of a matrix enters": {entering, {"    environment: production\n", "    environment: ${{ matrix.env }}\n    strategy: {matrix: {env: [staging, production]}}\n"}},
		"through a job between":       {entering, {"    needs: [gate, announce]\n", "    needs: announce\n"}, {"${{ needs.gate.outputs.digests }}", "x"}},
		"after checkout and download": {{"    steps:\n      - run: ./deploy.sh", "    permissions: {id-token: write}\n    steps:\n      - uses: actions/checkout@SHA\n      - uses: actions/download-artifact@SHA\n        with: {name: dist, path: dist}\n      - uses: sallyport-dev/sallyport/actions/enter@SHA\n      - run: ./deploy.sh"}},
	} {
		t.Run("silent: "+name, func(t *testing.T) { silent(t, edit(t, needed, changes...)) })
	}
	silent(t, inJob)
}

// An expression that only the caller knows is told about the environment as
// before, and the job that enters it is not told about its gate.
func TestG16_a_called_workflow_enters(t *testing.T) {
	called := edit(t, needed, change{"on:\n  push: {branches: [main]}\n", "on: {workflow_call: {inputs: {env: {type: string}}}}\n"}, entering,
		change{"subject: dist/*, environment: production", "subject: dist/*, environment: '${{ inputs.env }}'"}, change{"    environment: production\n", "    environment: ${{ inputs.env }}\n"})
	if found := check(t, called, want); len(found) != 1 || found[0].Rule != finding.EnvironmentExpression || found[0].Severity != finding.Note {
		t.Errorf("findings = %s\nwant the note environment-expression", show(found))
	}
}

func TestG03_an_entering_step_whose_no_does_not_stop_the_job(t *testing.T) {
	base := edit(t, needed, entering)
	each(t, base, finding.GateSoft, finding.Error, map[string][]change{
		"continue-on-error": {{"actions/enter@SHA\n", "actions/enter@SHA\n        continue-on-error: true\n"}},
	})
	each(t, base, finding.GateSwallowed, finding.Error, map[string][]change{
		"or true": {{"uses: sallyport-dev/sallyport/actions/enter@SHA", "run: sallyport enter || true"}},
	})
	each(t, base, finding.RunsAnyway, finding.Error, map[string][]change{
		"always": {{"      - run: ./deploy.sh", "      - if: always()\n        run: ./deploy.sh"}},
	})
	each(t, base, finding.GateLate, finding.Error, map[string][]change{
		"it enters when all is done": {{"      - uses: sallyport-dev/sallyport/actions/enter@SHA\n      - run: ./deploy.sh", "      - run: ./prepare.sh\n      - uses: sallyport-dev/sallyport/actions/enter@SHA\n      - run: ./deploy.sh"}},
	})
}

func TestG02_a_job_takes_nothing_from_its_gate(t *testing.T) {
	const uses = "      - run: ./deploy.sh \"$DIGESTS\"\n        env: {DIGESTS: \"${{ needs.gate.outputs.digests }}\"}\n"
	each(t, needed, finding.OutputsIgnored, finding.Note, map[string][]change{
		"a tag":           {{uses, "      - run: kubectl set image deployment/app app=registry.example/app:v1\n"}},
		"an artifact":     {{uses, "      - {uses: actions/download-artifact@SHA, with: {name: dist, path: dist}}\n      - run: ./deploy.sh dist\n"}},
		"through a chain": {{uses, "      - run: ./deploy.sh\n"}, {"    needs: [gate, announce]\n", "    needs: announce\n"}},
	})
	passes(t, needed, map[string][]change{
		"a digest of the build":         {{uses, "      - run: ./deploy.sh \"$IMAGE\"\n        env: {IMAGE: \"app@${{ needs.announce.outputs.digest }}\"}\n"}},
		"by a job between":              {{uses, "      - run: ./deploy.sh \"$X\"\n        env: {X: \"${{ needs.announce.outputs.passed }}\"}\n"}},
		"the gate hands the files over": {{uses, "      - run: ./deploy.sh\n"}, {"        with: {subject: dist/*, environment: production}\n", "        with: {subject: dist/*, environment: production}\n      - {uses: actions/upload-artifact@SHA, with: {name: judged, path: dist}}\n"}},
		"the list of what is let in":    {{uses, "      - run: sha256sum --check .sallyport/checksums.txt && ./deploy.sh\n"}},
		"it enters":                     {{uses, "      - uses: sallyport-dev/sallyport/actions/enter@SHA\n      - run: ./deploy.sh\n"}, mayAsk},
	})
	silent(t, edit(t, needed, mayAsk, change{uses, "      - uses: sallyport-dev/sallyport/actions/enter@SHA\n      - {uses: actions/download-artifact@SHA, with: {name: dist, path: dist}}\n      - run: ./deploy.sh\n"}))
	digests := change{"${{ steps.gate.outputs.digests }}", "x"}
	plain := change{"./deploy.sh \"$DIGESTS\"\n        env: {DIGESTS: \"x\"}", "./deploy.sh"}
	download := "      - {uses: actions/download-artifact@SHA, with: {name: dist, path: dist}}\n"
	each(t, inJob, finding.OutputsIgnored, finding.Warning, map[string][]change{
		"what is downloaded after the gate": {digests, plain, {deployStep, download + deployStep}},
	})
	tag := change{"          subject: dist/*\n", "          subject: oci://registry.example/app:v1\n"}
	each(t, inJob, finding.OutputsIgnored, finding.Note, map[string][]change{
		"a tag that is judged and then deployed": {digests, plain, tag},
		"a command's":                            {digests, plain, {"uses: sallyport-dev/sallyport@SHA # the gate\n        with:\n          subject: dist/*\n          environment: production", "run: sallyport gate --environment production oci://registry.example/app:v1"}},
	})
	passes(t, inJob, map[string][]change{
		"a tag of which the digest is deployed": {tag},
		"an image by its digest":                {digests, plain, {"          subject: dist/*\n", "          subject: oci://registry.example/app@sha256:" + strings.Repeat("ab", 32) + "\n"}},
		"what is downloaded before it":          {digests, plain, {"      - run: mkdir -p dist\n", download}},
		"after it, deployed by its digest":      {{deployStep, download + deployStep}},
	})
}

func TestE01_one_file_is_judged_and_its_neighbours_are_deployed(t *testing.T) {
	some := change{"          subject: dist/*\n", "          subject: dist/*.tgz\n"}
	deploys := func(step string) []change {
		return []change{some, {deployStep, step + deployStep}}
	}
	each(t, inJob, finding.SubjectNarrower, finding.Warning, map[string][]change{
		"the folder is copied":  deploys("      - run: aws s3 sync dist/ s3://bucket\n"),
		"the folder's own name": deploys("      - run: rsync -a ./dist host:/srv\n"),
		"all that is in it":     deploys("      - run: gh release upload v1 dist/*\n"),
		"an action":             deploys("      - uses: softprops/action-gh-release@SHA\n        with:\n          files: |\n            README.md\n            dist/**\n"),
		"two patterns":          {{"          subject: dist/*\n", "          subject: |\n            dist/*.tgz\n            dist/*.zip\n"}, {deployStep, "      - run: twine upload dist/*\n" + deployStep}},
		"a command's":           {{"uses: sallyport-dev/sallyport@SHA # the gate\n        with:\n          subject: dist/*\n          environment: production", "run: sallyport gate --environment production dist/*.tgz"}, {deployStep, "      - run: twine upload dist/*\n" + deployStep}},
	})
	passes(t, inJob, map[string][]change{
		"the same files":          deploys("      - run: gh release upload v1 dist/*.tgz\n"),
		"another folder":          deploys("      - run: aws s3 sync site/ s3://bucket\n"),
		"a variable":              deploys("      - run: aws s3 sync \"$OUT\" s3://bucket\n        env: {OUT: dist/}\n"),
		"some are left out":       deploys("      - run: aws s3 sync dist/ s3://bucket --exclude '*' --include '*.tgz'\n"),
		"they are only looked at": deploys("      - run: ls dist/\n"),
		"all of it is judged":     {{deployStep, "      - run: gh release upload v1 dist/*\n" + deployStep}},
		"a list says the rest":    append(deploys("      - run: gh release upload v1 dist/*\n"), change{"          subject: dist/*.tgz\n", "          subject: dist/*.tgz\n          checksums: sums.txt\n"}),
		"a log is kept":           deploys("      - uses: actions/upload-artifact@SHA\n        with: {name: log, path: dist/}\n"),
		"one file by its name":    {{"          subject: dist/*\n", "          subject: dist/app.tgz\n"}, {deployStep, "      - run: gh release upload v1 dist/app.tgz\n" + deployStep}},
		"an expression":           {{"          subject: dist/*\n", "          subject: dist/${{ matrix.x }}-*.tgz\n"}, {deployStep, "      - run: aws s3 sync dist/ s3://bucket\n" + deployStep}},
	})
	each(t, inJob, finding.GateLate, finding.Error, map[string][]change{
		"before the gate it is another mistake": {some, {"      - run: mkdir -p dist\n", "      - run: aws s3 sync dist/ s3://bucket\n"}},
	})
}

func TestD15_a_policy_that_an_artifact_brings(t *testing.T) {
	before := func(step string) []change { return []change{{"      - run: mkdir -p dist\n", step}} }
	download := func(with string) []change {
		return before("      - uses: actions/download-artifact@SHA\n        with: {" + with + "}\n")
	}
	policy := func(p string) change {
		return change{"          subject: dist/*\n", "          subject: dist/*\n          policy: " + p + "\n"}
	}
	each(t, inJob, finding.PolicyDownloaded, finding.Error, map[string][]change{
		"into the policy's folder":  download("name: config, path: .sallyport"),
		"the policy is an artifact": append(download("name: dist, path: dist"), policy("dist/policy.yaml")),
		"with a dot":                append(download("name: dist, path: ./dist/"), policy("./dist/policy.yaml")),
		"by its full path":          append(download("name: dist, path: '${{ github.workspace }}/dist'"), policy("dist/policy.yaml")),
		"nothing is checked out":    {{"      - uses: actions/checkout@SHA # v5.0.0\n      - run: mkdir -p dist\n", "      - uses: actions/download-artifact@SHA\n        with: {name: dist}\n"}},
	})
	each(t, needed, finding.PolicyDownloaded, finding.Error, map[string][]change{
		"it is fetched":  {{"    steps:\n      - id: gate\n", "    steps:\n      - run: curl -fsSo .sallyport/policy.yaml https://example.com/policy.yaml\n      - id: gate\n"}},
		"from a release": {{"    steps:\n      - id: gate\n", "    steps:\n      - run: gh release download v1 --pattern policy.yaml -O ./.sallyport/policy.yaml\n      - id: gate\n"}},
	})
	passes(t, needed, map[string][]change{
		"something else is fetched": {{"    steps:\n      - id: gate\n", "    steps:\n      - run: curl -fsSo dist/app https://example.com/app\n      - id: gate\n"}},
	})
	each(t, inJob, finding.PolicyDownloaded, finding.Warning, map[string][]change{
		"over the checkout":   download("name: dist"),
		"all of them over it": download("merge-multiple: true"),
	})
	checkout := func(with string) []change {
		return before("      - uses: actions/checkout@SHA\n        with: {" + with + "}\n")
	}
	each(t, inJob, finding.PolicyDownloaded, finding.Error, map[string][]change{
		"another repository":           checkout("repository: acme/policies, path: .sallyport"),
		"another repository's subtree": checkout("repository: acme/policies, path: ./.sallyport/, ref: main"),
	})
	passes(t, inJob, map[string][]change{
		"another repository elsewhere":         checkout("repository: acme/policies, path: policies"),
		"another repository before one's own":  {{"      - uses: actions/checkout@SHA # v5.0.0\n      - run: mkdir -p dist\n", "      - uses: actions/checkout@SHA\n        with: {repository: acme/policies, path: .sallyport}\n      - uses: actions/checkout@SHA\n"}},
		"another repository, policy of branch": append(checkout("repository: acme/policies, path: .sallyport"), change{"          subject: dist/*\n", "          subject: dist/*\n          policy-ref: main\n"}),
		"one's own repository":                 checkout("repository: '${{ github.repository }}'"),
	})
	w := want
	w.Repository = "acme/app"
	over := func(repository string) []finding.Finding {
		return check(t, edit(t, inJob, checkout("repository: "+repository)...), w)
	}
	if found := over("acme/policies"); len(found) != 1 || found[0].Rule != finding.PolicyDownloaded || found[0].Severity != finding.Warning {
		t.Errorf("findings = %s\nwant the other repository in the place of this one", show(found))
	}
	if found := over("Acme/App"); len(found) != 0 {
		t.Errorf("findings = %s\nwant none for the repository itself", show(found))
	}
	passes(t, inJob, map[string][]change{
		"into a folder of its own": download("name: dist, path: dist"),
		"elsewhere":                download("name: dist, path: '${{ runner.temp }}/dist'"),
		"each in its folder":       download("pattern: '*'"),
		"before the checkout":      {{"      - uses: actions/checkout@SHA # v5.0.0\n      - run: mkdir -p dist\n", "      - uses: actions/download-artifact@SHA\n        with: {name: dist}\n      - uses: actions/checkout@SHA # v5.0.0\n"}},
		"pinned by its digest":     append(download("name: dist, path: dist"), policy("dist/policy.yaml@sha256:"+strings.Repeat("ab", 32))),
		"pinned by its commit":     append(download("name: dist"), policy(".sallyport/policy.yaml"+sha)),
		"read from a branch":       append(download("name: dist"), change{"          subject: dist/*\n", "          subject: dist/*\n          policy-ref: main\n"}),
	})
}

func TestD15_a_policy_that_somebody_chooses(t *testing.T) {
	dispatch := change{"on: {push: {branches: [main]}}", "on: {workflow_dispatch: {inputs: {it: {type: string}, one: {type: choice, options: [a, b]}}}}"}
	with := func(line string) []change {
		return []change{dispatch, {"          subject: dist/*\n", "          subject: dist/*\n          " + line + "\n"}}
	}
	command := func(flag, env string) []change {
		return []change{dispatch, {"uses: sallyport-dev/sallyport@SHA # the gate\n        with:\n          subject: dist/*\n          environment: production",
			"run: sallyport gate --environment production " + flag + " dist/*\n        env: {IT: \"" + env + "\"}"}}
	}
	each(t, inJob, finding.PolicyChosen, finding.Warning, map[string][]change{
		"the file":          with("policy: '${{ inputs.it }}'"),
		"its commit":        with("policy: '.sallyport/policy.yaml@${{ inputs.it }}'"),
		"its branch":        with("policy-ref: '${{ github.event.inputs.it }}'"),
		"with another word": with("policy-ref: \"${{ inputs.it || 'main' }}\""),
		"a payload":         with("policy-ref: '${{ github.event.client_payload.ref }}'"),
		"of a command":      command(`--policy "$IT"`, "${{ inputs.it }}"),
		"a branch of it":    command(`--policy-ref="$IT"`, "${{ inputs.it }}"),
	})
	request := edit(t, inJob, change{"on: {push: {branches: [main]}}", "on: [push, pull_request, workflow_run]"})
	each(t, request, finding.PolicyChosen, finding.Error, map[string][]change{
		"the branch of a stranger": {{"          subject: dist/*\n", "          subject: dist/*\n          policy-ref: '${{ github.head_ref }}'\n"}},
	})
	passes(t, inJob, map[string][]change{
		"written out":                with("policy-ref: main"),
		"from a list":                with("policy: 'policies/${{ inputs.one }}.yaml'"),
		"of a command":               command(`--policy "$IT"`, ".sallyport/policy.yaml"),
		"an input that is only said": {dispatch, {deployStep, "      - run: echo \"deploying $IT, digests as they are let in\"\n        env: {IT: \"${{ inputs.it }}\"}\n" + deployStep}},
		"of a caller":                {{"on: {push: {branches: [main]}}", "on: {workflow_call: {inputs: {it: {type: string}}}}"}, {"          subject: dist/*\n", "          subject: dist/*\n          policy: ${{ inputs.it }}\n"}},
		"by the platform's word":     with("policy-ref: '${{ github.event.repository.default_branch }}'"),
	})
}

func TestD15_a_checkout_of_a_ref_that_somebody_names(t *testing.T) {
	dispatch := change{"on: {push: {branches: [main]}}", "on: {workflow_dispatch: {inputs: {it: {type: string}, one: {type: choice, options: [a, b]}}}}"}
	const second = "      - uses: actions/checkout@SHA # v5.0.0\n      - run: mkdir -p dist\n"
	checkout := func(with string) []change {
		return []change{dispatch, {second, "      - uses: actions/checkout@SHA # v5.0.0\n        with: {" + with + "}\n"}}
	}
	each(t, inJob, finding.CheckoutChosen, finding.Warning, map[string][]change{
		"an input":     checkout("ref: '${{ inputs.it }}'"),
		"the old name": checkout("ref: 'refs/tags/${{ github.event.inputs.it }}'"),
		"a payload":    checkout("ref: '${{ github.event.client_payload.sha }}'"),
		"a variable":   append(checkout("ref: '${{ env.IT }}'"), change{"permissions: {}\njobs", "permissions: {}\nenv: {IT: '${{ inputs.it }}'}\njobs"}),
		"a repository": checkout("repository: '${{ inputs.it }}'"),
	})
	request := edit(t, inJob, change{"on: {push: {branches: [main]}}", "on: [push, pull_request, workflow_run]"})
	of := func(ref string) []change {
		return []change{{second, "      - uses: actions/checkout@SHA # v5.0.0\n        with: {ref: '" + ref + "'}\n"}}
	}
	each(t, request, finding.CheckoutChosen, finding.Error, map[string][]change{
		"a pull request":  of("${{ github.event.pull_request.head.sha }}"),
		"its number":      of("refs/pull/${{ github.event.pull_request.number }}/merge"),
		"another run":     of("${{ github.event.workflow_run.head_sha }}"),
		"a branch":        of("${{ github.head_ref }}"),
		"a branch if any": of("${{ github.head_ref || github.ref }}"),
	})
	passes(t, request, map[string][]change{
		"what it is held against": of("${{ github.event.pull_request.base.sha }}"),
	})
	passes(t, inJob, map[string][]change{
		"a branch where there is none": of("${{ github.head_ref || github.ref }}"),
	})
	each(t, edit(t, inJob, change{"on: {push: {branches: [main]}}", "on: workflow_call"}), finding.CheckoutChosen, finding.Warning, map[string][]change{
		"of whatever calls": of("${{ github.head_ref || github.ref }}"),
	})
	enters := edit(t, needed, mayAsk, change{"    steps:\n      - run: ./deploy.sh", "    steps:\n      - uses: actions/checkout@SHA\n      - uses: sallyport-dev/sallyport/actions/enter@SHA\n      - run: ./deploy.sh"}, change{"on:\n", "on:\n  workflow_dispatch: {inputs: {it: {type: string}}}\n"})
	each(t, enters, finding.CheckoutChosen, finding.Warning, map[string][]change{
		"before entering": {{"      - uses: actions/checkout@SHA\n", "      - uses: actions/checkout@SHA\n        with: {ref: '${{ inputs.it }}'}\n"}},
	})
	script := func(text, value string) []change {
		return []change{{"on:\n", "on:\n  workflow_dispatch: {inputs: {it: {type: string}}}\n"}, {"    steps:\n      - id: gate\n", "    steps:\n      - run: " + text + "\n        env: {IT: '" + value + "'}\n      - id: gate\n"}}
	}
	each(t, needed, finding.CheckoutChosen, finding.Warning, map[string][]change{
		"by a command": script("git fetch origin && git checkout \"$IT\"", "${{ inputs.it }}"),
	})
	passes(t, needed, map[string][]change{
		"by a command": script("git checkout \"$IT\"", "${{ github.sha }}"),
	})
	passes(t, inJob, map[string][]change{
		"the run's own":        checkout("ref: '${{ github.sha }}'"),
		"a job's":              checkout("ref: '${{ needs.build.outputs.commit }}'"),
		"from a list":          checkout("ref: '${{ inputs.one }}'"),
		"into another folder":  {dispatch, {"      - run: mkdir -p dist\n", "      - uses: actions/checkout@SHA\n        with: {ref: '${{ inputs.it }}', path: src}\n"}},
		"and then the run's":   {dispatch, {second, "      - uses: actions/checkout@SHA\n        with: {ref: '${{ inputs.it }}'}\n      - uses: actions/checkout@SHA # v5.0.0\n"}},
		"the policy is pinned": append(checkout("ref: '${{ inputs.it }}'"), change{"          subject: dist/*\n", "          subject: dist/*\n          policy-ref: main\n"}),
		"after the gate":       {dispatch, {deployStep, "      - uses: actions/checkout@SHA\n        with: {ref: '${{ inputs.it }}', path: chart}\n" + deployStep}},
		"the caller's":         {{"on: {push: {branches: [main]}}", "on: {workflow_call: {inputs: {it: {type: string}}}}"}, {second, "      - uses: actions/checkout@SHA # v5.0.0\n        with: {ref: '${{ inputs.it }}'}\n"}},
		"to build it":          {dispatch, {"      - uses: actions/checkout@SHA # v5.0.0\n      - run: make dist\n", "      - uses: actions/checkout@SHA # v5.0.0\n        with: {ref: '${{ inputs.it }}'}\n      - run: make dist\n"}},
	})
}

func TestP04_a_job_that_enters_without_the_right_to_a_token(t *testing.T) {
	base := edit(t, needed, entering)
	each(t, base, finding.IDTokenMissing, finding.Error, map[string][]change{
		"the workflow gives none":    {{"    permissions: {id-token: write}\n", ""}},
		"the job gives others":       {{"id-token: write", "contents: read"}},
		"it may read":                {{"id-token: write", "id-token: none"}},
		"a token of signers is none": {{"{id-token: write}", "{contents: read}\n    env: {SIGSTORE_ID_TOKEN: x}"}},
		"by a command":               {{"    permissions: {id-token: write}\n", ""}, {"uses: sallyport-dev/sallyport/actions/enter@SHA", "run: sallyport enter"}},
	})
	silent(t, base)
	called := change{"on:\n  push: {branches: [main]}\npermissions: {}\n", "on: workflow_call\n"}
	for _, f := range check(t, edit(t, base, called, change{"    permissions: {id-token: write}\n", ""}), want) {
		if f.Rule == finding.IDTokenMissing {
			t.Errorf("finding %s: %s, want none where the caller gives the permissions", f.Rule, f.Message)
		}
	}
}

func TestG02_what_is_passed_on_is_empty(t *testing.T) {
	passed := func(text string) change {
		return change{"actions/enter@SHA\n", "actions/enter@SHA\n        with: {passed: \"" + text + "\"}\n"}
	}
	base := edit(t, needed, entering)
	each(t, base, finding.PassedEmpty, finding.Error, map[string][]change{
		"a job that is not there":      {passed("${{ needs.gaet.outputs.digests }}")},
		"by its index":                 {passed("${{ needs['gaet'].outputs['digests'] }}")},
		"an output that is not there":  {passed("${{ needs.gate.outputs.digest }}")},
		"a job without outputs":        {passed("${{ needs.announce.outputs.digests }}")},
		"a job that needs leaves out":  {passed("${{ needs.announce.outputs.digests }}"), {"needs: [gate, announce]", "needs: gate"}, {"    needs: gate\n    runs-on: ubuntu-latest\n    steps:\n      - run: ./announce.sh", "    needs: gate\n    outputs: {digests: x}\n    runs-on: ubuntu-latest\n    steps:\n      - run: ./announce.sh"}},
		"the output of no step":        {passed("${{ needs.gate.outputs.digests }}"), {"${{ steps.gate.outputs.digests }}", "${{ steps.gaet.outputs.digests }}"}},
		"a step that is not there":     {passed("${{ steps.gate.outputs.digests }}")},
		"two of them":                  {passed("${{ needs.gaet.outputs.digests }} ${{ needs.gate.outputs.digest }}")},
		"through the job's and back":   {passed("${{ needs.announce.outputs.d }}"), {"    steps:\n      - run: ./announce.sh", "    outputs: {d: \"${{ needs.gate.outputs.digest }}\"}\n    steps:\n      - run: ./announce.sh"}},
		"a command's, in its variable": {{"uses: sallyport-dev/sallyport/actions/enter@SHA\n", "run: sallyport enter --passed \"$P\"\n        env: {P: \"${{ needs.gaet.outputs.digests }}\"}\n"}},
	})
	passes(t, base, map[string][]change{
		"the gate's":                   {passed("${{ needs.gate.outputs.digests }}")},
		"in another case":              {passed("${{ needs.Gate.outputs.Digests }}")},
		"a word for two":               {passed("${{ needs.gaet.outputs.digests || needs.gate.outputs.digests }}")},
		"one of two":                   {passed("${{ needs.gaet.outputs.digests }} ${{ needs.gate.outputs.digests }}")},
		"through a job between":        {passed("${{ needs.announce.outputs.d }}"), {"    steps:\n      - run: ./announce.sh", "    outputs: {d: \"${{ needs.gate.outputs.digests }}\"}\n    steps:\n      - run: ./announce.sh"}},
		"an output worked out":         {passed("${{ needs.gate.outputs.digests }}"), {"${{ steps.gate.outputs.digests }}", "${{ fromJSON(steps.x.outputs.y).z }}"}},
		"a called workflow":            {passed("${{ needs.announce.outputs.digests }}"), {"    runs-on: ubuntu-latest\n    steps:\n      - run: ./announce.sh", "    uses: ./.github/workflows/announce.yml"}},
		"by a step before it":          {passed("${{ steps.list.outputs.digests }}"), {"      - uses: sallyport-dev/sallyport/actions/enter@SHA", "      - {id: list, uses: actions/download-artifact@SHA, with: {path: dist}}\n      - uses: sallyport-dev/sallyport/actions/enter@SHA"}},
		"an input":                     {passed("${{ inputs.digests }}")},
		"a command's, in its variable": {{"uses: sallyport-dev/sallyport/actions/enter@SHA\n", "run: sallyport enter --passed \"$P\"\n        env: {P: \"${{ needs.gate.outputs.digests }}\"}\n"}},
	})
}
