package pipelines_test

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

func TestH03_a_manual_job_is_no_approval(t *testing.T) {
	job := func(s string) string {
		return "approve:production:\n  stage: check\n  script: echo yes\n" + s + "deploy:\n"
	}
	run(t, []attack{
		{"not blocking", "deploy:\n", job("  when: manual\n"), job(""), finding.ManualApproval, finding.Warning},
		{"blocking", "deploy:\n", job("  when: manual\n  allow_failure: false\n"), "", finding.ManualApproval, finding.Note},
		{"an ordinary manual job", "deploy:\n", strings.Replace(job("  when: manual\n"), "approve:production", "approve", 1), strings.Replace(job("  when: manual\n"), "approve:production", "benchmarks", 1), finding.ManualApproval, finding.Warning},
	})
	trips(t, change(t, `[build, "gate:production"]`, `[build, "gate:production", press]`, "deploy:\n", "press:\n  stage: check\n  when: manual\n  script: echo\ndeploy:\n"), finding.ManualApproval, finding.Warning)
}

func TestH07_an_environment_under_another_name(t *testing.T) {
	env := "  environment: production\n"
	passes(t, change(t, env, "  environment:\n    name: production\n    url: https://$HOST\n    deployment_tier: production\n"))
	run(t, []attack{
		{"variable", env, "  environment: $CI_COMMIT_REF_SLUG\n", env, finding.EnvironmentComputed, finding.Error},
		{"half a variable", env, "  environment: {name: prod$X}\n", "", finding.EnvironmentComputed, finding.Error},
		{"braces", env, "  environment: {name: \"${A}${B}\"}\n", "", finding.EnvironmentComputed, finding.Error},
		{"input", env, "  environment: $[[ inputs.env ]]\n", "", finding.EnvironmentComputed, finding.Error},
		{"reference to nowhere", env, "  environment: !reference [.x, environment]\n", "", finding.EnvironmentComputed, finding.Error},
		{"review", env, "  environment: review/$CI_COMMIT_REF_SLUG\n", "", finding.EnvironmentComputed, finding.Warning},
		{"another", env, "  environment: production-2\n", "", finding.EnvironmentUnknown, finding.Warning},
		{"wildcard", env, "  environment: review/*\n", "", finding.EnvironmentUnknown, finding.Warning},
		{"case", env, "  environment: Production\n", "", finding.EnvironmentUnknown, finding.Error},
		{"tier", env, "  environment: {name: production, deployment_tier: other}\n", "  environment: {name: production, deployment_tier: production}\n", finding.EnvironmentTier, finding.Error},
	})
}

func TestH07_credentials_without_a_deployment(t *testing.T) {
	for _, action := range []string{"access", "verify", "prepare", "anything"} {
		job := func(needs string) string {
			return clean + "look:\n  stage: deploy\n" + needs + "  environment: {name: production, action: " + action + "}\n  script: ./look.sh\n"
		}
		passes(t, job("  needs: ['gate:production']\n"))
		trips(t, job("  needs: []\n"), finding.GateNotBefore, finding.Error)
		trips(t, "look:\n  environment: {name: production, action: "+action+"}\n  script: ./look.sh\n", finding.EnvironmentCredentials, finding.Error)
	}
	passes(t, clean+"stop:\n  stage: after\n  when: manual\n  environment: {name: production, action: stop}\n  script: ./stop.sh\n")
}

func TestH11_a_pipeline_below(t *testing.T) {
	bridge := func(s string) string { return clean + "child:\n  stage: after\n" + s }
	trips(t, bridge("  trigger: acme/other\n"), finding.DownstreamUnseen, finding.Note)
	trips(t, bridge("  trigger: {include: [{artifact: made.yml, job: build}], strategy: depend}\n"), finding.DownstreamUnseen, finding.Warning)
	trips(t, bridge("  needs: ['gate:production']\n  variables: {ENV: production}\n  trigger: {include: ci/d.yml, strategy: depend}\n"), finding.DownstreamDeploys, finding.Warning)
	trips(t, bridge("  needs: []\n  trigger: {include: ci/d.yml, strategy: depend, inputs: {to: production}}\n"), finding.DownstreamDeploys, finding.Error)
	named := strings.Replace(bridge("  needs: ['gate:production']\n  trigger: {include: ci/d.yml, strategy: mirror}\n"), "child:", "deploy:production:", 1)
	trips(t, named, finding.DownstreamDeploys, finding.Warning)
	if got := rules(check(t, strings.Replace(named, ", strategy: mirror", "", 1), want)); len(got) != 2 || !only(got, "downstream-deploys", "downstream-detached") {
		t.Errorf("findings = %v, want it to be detached too", got)
	}
	gated := change(t, needs, "  needs: [child]\n") + "child:\n  stage: check\n  trigger: {include: ci/gate.yml}\n"
	if got := rules(check(t, gated, want)); !only(got, "gate-not-before", "downstream-unseen") || len(got) != 2 {
		t.Errorf("findings = %v, want a gate in a child pipeline to count for nothing", got)
	}
}

func TestH12_a_merge_request_that_deploys(t *testing.T) {
	rule := func(s string) string { return needs + "  rules:\n    - " + s + "\n" }
	run(t, []attack{
		{"event", needs, rule("if: $CI_PIPELINE_SOURCE == 'merge_request_event'"), rule("if: $CI_PIPELINE_SOURCE == \"push\""), finding.MergeRequestDeploys, finding.Error},
		{"number", needs, rule("if: $CI_MERGE_REQUEST_IID"), rule("if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"), finding.MergeRequestDeploys, finding.Error},
		{"or", needs, rule("if: ($CI_COMMIT_TAG || $CI_PIPELINE_SOURCE =~ /^merge/)"), rule("if: $CI_COMMIT_TAG =~ /^v/"), finding.MergeRequestDeploys, finding.Error},
		{"no condition", needs, rule("when: on_success"), rule("if: ${CI_COMMIT_TAG} != null && $DEPLOY == 'yes'"), finding.MergeRequestDeploys, finding.Error},
		{"not a push", needs, rule("if: $CI_PIPELINE_SOURCE != 'push'"), rule("if: $CI_MERGE_REQUEST_ID\n      when: never\n    - when: on_success"), finding.MergeRequestDeploys, finding.Error},
		{"a fork calls its branch main", needs, rule("if: $CI_COMMIT_REF_NAME == 'main'"), rule("if: $CI_COMMIT_BRANCH == 'main'"), finding.MergeRequestDeploys, finding.Warning},
		{"a variable nobody knows", needs, rule("if: $DEPLOY"), rule("if: $DEPLOY && $CI_COMMIT_REF_PROTECTED == 'true'"), finding.MergeRequestDeploys, finding.Warning},
		{"unreadable", needs, rule("if: $A === 1"), "", finding.MergeRequestDeploys, finding.Warning},
		{"only", needs, needs + "  only: [merge_requests]\n", needs + "  only: {refs: [main]}\n", finding.MergeRequestDeploys, finding.Error},
		{"only refs", needs, needs + "  only: {refs: [merge_requests, tags]}\n", needs + "  except: [merge_requests]\n", finding.MergeRequestDeploys, finding.Error},
		{"workflow", "build:\n", "workflow: {rules: [{if: $CI_MERGE_REQUEST_IID}, {if: $CI_COMMIT_TAG}]}\nbuild:\n", "workflow: {rules: [{if: $CI_COMMIT_BRANCH}]}\nbuild:\n", finding.MergeRequestDeploys, finding.Error},
		{"workflow and job", needs, rule("when: on_success"), rule("when: on_success") + "workflow: {rules: [{if: $CI_PIPELINE_SOURCE == 'merge_request_event', when: never}, {when: always}]}\n" + "rest:\n", finding.MergeRequestDeploys, finding.Error},
	}[:11])
	closed := "workflow: {rules: [{if: $CI_PIPELINE_SOURCE == 'merge_request_event', when: never}, {when: always}]}\nbuild:\n"
	passes(t, change(t, needs, rule("when: on_success"), "build:\n", closed))
}

func TestH13_artifacts_of_another_pipeline(t *testing.T) {
	run(t, []attack{
		{"project", needs, `  needs: ["gate:production", {project: acme/app, job: build, ref: main, artifacts: true}]` + "\n", "", finding.ArtifactsElsewhere, finding.Error},
		{"pipeline", needs, `  needs: ["gate:production", {pipeline: $PARENT, job: build}]` + "\n", "", finding.ArtifactsElsewhere, finding.Error},
		{"in the gate", "stage: check", "stage: check, needs: [build, attest, {project: a/b, job: c, ref: main}]", "stage: check, needs: [build, attest]", finding.ArtifactsElsewhere, finding.Error},
		{"by ref", `./deploy.sh "$SALLYPORT_DIGESTS"`, "curl -o x $CI_API_V4_URL/projects/1/jobs/artifacts/main/download?job=build", "curl -o x $CI_API_V4_URL/projects/1/jobs/77/artifacts", finding.ArtifactsElsewhere, finding.Error},
	})
}

func TestP04_a_token_where_nothing_is_signed(t *testing.T) {
	run(t, []attack{
		{"test job", "build:\n", "unit:\n  id_tokens: {T: {aud: sigstore}}\n  script: make test\nbuild:\n", "unit:\n  id_tokens: {T: {aud: sigstore}}\n  script: cosign sign-blob x\nbuild:\n", finding.TokenUnused, finding.Error},
		{"list", "build:\n", "unit:\n  id_tokens: {T: {aud: [x, sigstore]}}\n  script: make test\nbuild:\n", "unit:\n  id_tokens: {T: {aud: https://cloud.example}}\n  script: make test\nbuild:\n", finding.TokenUnused, finding.Error},
		{"a job that records", "build:\n", "unit:\n  id_tokens: {T: {aud: sigstore}}\n  script: [sallyport run -- make, sallyport attest dist/app]\nbuild:\n", "unit:\n  script: sallyport run -- make\nbuild:\n", finding.BuildSigns, finding.Warning},
		{"a job that records, beside a cloud's token", "build:\n", "unit:\n  id_tokens: {T: {aud: sigstore}}\n  script: [sallyport run -- make, sallyport attest dist/app]\nbuild:\n", "unit:\n  id_tokens: {T: {aud: https://cloud.example}}\n  script: sallyport run -- make\nbuild:\n", finding.BuildSigns, finding.Warning},
		{"default", "build:\n", "default: {id_tokens: {T: {aud: sigstore}}}\nbuild:\n", "", finding.TokenUnused, finding.Error},
		{"ours", "build:\n", "unit:\n  id_tokens: {T: {aud: sigstore}}\n  script: echo sallyport attest\nbuild:\n", "unit:\n  id_tokens: {T: {aud: sigstore}}\n  script: sallyport attest dist/app\nbuild:\n", finding.TokenUnused, finding.Error},
	})
}

func TestG17_an_input_in_a_command(t *testing.T) {
	with := func(spec, line string) string {
		return "spec:\n  inputs:\n    to: {" + spec + "}\n---\n" + change(t, `./deploy.sh "$SALLYPORT_DIGESTS"`, line)
	}
	trips(t, with("default: x", "./deploy.sh $[[ inputs.to ]]"), finding.InputInScript, finding.Error)
	trips(t, with("regex: '^.*$'", "./deploy.sh $[[ inputs.to | expand_vars ]]"), finding.InputInScript, finding.Error)
	trips(t, with("regex: '[a-z]+'", "./deploy.sh $[[ inputs.to ]]"), finding.InputInScript, finding.Error)
	passes(t, with("regex: '^[a-z0-9.-]+$'", "./deploy.sh $[[ inputs.to ]]"))
	passes(t, with("options: [eu, us]", "./deploy.sh $[[ inputs.to ]]"))
	passes(t, with("type: boolean", "./deploy.sh $[[ inputs.to ]]"))
	trips(t, clean+"unit:\n  script: make $[[ inputs.target ]]\n", finding.InputInScript, finding.Warning)
	passes(t, clean+"unit:\n  variables: {TARGET: \"$[[ inputs.target ]]\"}\n  script: make \"$TARGET\"\n")
}
