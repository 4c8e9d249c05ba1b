package pipelines_test

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

func TestH02_a_job_that_does_not_wait_for_the_gate(t *testing.T) {
	run(t, []attack{
		{"empty needs", needs, "  needs: []\n", "", finding.GateNotBefore, finding.Error},
		{"needs without the gate", needs, "  needs: [build]\n", needs, finding.GateNotBefore, finding.Error},
		{"manual with empty needs", needs, "  needs: []\n  when: manual\n", needs + "  when: on_success\n", finding.GateNotBefore, finding.Error},
		{"same stage", "  stage: deploy\n" + needs, "  stage: check\n", "", finding.GateNotBefore, finding.Error},
	})
	trips(t, change(t, needs, `  needs: [{job: "gate:production", optional: true}]`+"\n"), finding.NeedOptional, finding.Error)
	passes(t, change(t, needs, `  needs: [{job: "gate:production", optional: false}]`+"\n"))
	trips(t, change(t, needs, needs+"  rules: [{if: $CI_COMMIT_TAG, needs: []}]\n"), finding.GateNotBefore, finding.Error)
	passes(t, change(t, needs, needs+"  rules: [{if: $CI_COMMIT_TAG, needs: [\"gate:production\"]}]\n"))
	trips(t, change(t, "  stage: deploy\n"+needs, "  stage: nowhere\n"), finding.GateNotBefore, finding.Error)
	passes(t, change(t, needs, ""))
	trips2(t, change(t, needs, `  needs: [{project: a/b, ref: main, job: "gate:production", artifacts: true}]`+"\n"), finding.GateNotBefore, finding.ArtifactsElsewhere)
}

func TestH02_between_the_gate_and_the_deployment(t *testing.T) {
	between := func(extra string) string {
		return change(t, needs, "  needs: [smoke, build]\n", "deploy:\n", "smoke:\n  stage: check\n  needs: [\"gate:production\"]\n"+extra+"  script: ./smoke.sh\ndeploy:\n")
	}
	trips(t, between(""), finding.GateResultUnused, finding.Error)
	passes(t, strings.Replace(between(""), "[smoke, build]", "[smoke, 'gate:production']", 1))
	trips(t, between("  when: always\n"), finding.GateNotBefore, finding.Error)
	trips(t, between("  rules: [{when: always}]\n"), finding.GateNotBefore, finding.Error)
	trips(t, between("  rules: [{if: $X, needs: []}]\n"), finding.GateNotBefore, finding.Error)
	circle := change(t, needs, "  needs: [one]\n") + "one:\n  needs: [two]\n  script: x\ntwo:\n  needs: [one]\n  script: x\n"
	trips(t, circle, finding.GateNotBefore, finding.Error)
}

func TestH02_a_job_that_runs_after_a_no(t *testing.T) {
	run(t, []attack{
		{"always", needs, needs + "  when: always\n", needs + "  when: on_success\n", finding.DeployAlways, finding.Error},
		{"on failure", needs, needs + "  when: on_failure\n", needs + "  when: on_success\n", finding.DeployAlways, finding.Error},
		{"in a rule", needs, needs + "  rules: [{if: $CI_COMMIT_TAG, when: always}]\n", needs + "  rules: [{if: $CI_COMMIT_TAG, when: on_success}]\n", finding.DeployAlways, finding.Error},
		{"a word nobody knows", needs, needs + "  when: whenever\n", "", finding.DeployAlways, finding.Error},
		{"by reference", needs, needs + "  when: !reference [build, when]\n", "", finding.DeployAlways, finding.Error},
	})
}

func TestH02_a_gate_that_rules_leave_out(t *testing.T) {
	gate := "gate:production:\n  rules: [{if: $CI_COMMIT_BRANCH}]\ndeploy:\n"
	trips(t, change(t, needs, "", "deploy:\n", gate), finding.GateDropped, finding.Error)
	passes(t, change(t, needs, "", "deploy:\n", gate+"  rules: [{if: $CI_COMMIT_BRANCH}]\n"))
	trips(t, change(t, "deploy:\n", gate), finding.GateDropped, finding.Warning)
	passes(t, change(t, "deploy:\n", gate+"  rules: [{if: $CI_COMMIT_BRANCH}]\n"))
	trips(t, change(t, needs, "", "stage: check}", "stage: check}\n    rules: [{if: $GATED}]"), finding.GateDropped, finding.Error)
	trips(t, change(t, "stage: check}", "stage: check}\n    rules: [{if: $GATED}]"), finding.GateDropped, finding.Warning)
	passes(t, change(t, "stage: check}", "stage: check}\n    rules: [{if: $CI_COMMIT_BRANCH}]", needs, needs+"  rules: [{if: $CI_COMMIT_BRANCH}]\n"))
	trips(t, change(t, needs, "", "deploy:\n", "gate:production:\n  only: [main]\ndeploy:\n"), finding.GateDropped, finding.Error)
	passes(t, change(t, needs, "", "deploy:\n", "gate:production:\n  only: [main]\ndeploy:\n  only: [main]\n"))
	trips(t, change(t, "deploy:\n", "gate:production:\n  when: on_failure\ndeploy:\n"), finding.GateDropped, finding.Error)
	idle := "tidy:\n  stage: build\n  when: on_failure\n  script: x\ngate:production:\n  needs: [tidy]\ndeploy:\n"
	trips(t, change(t, needs, "", "deploy:\n", idle), finding.GateDropped, finding.Error)
	passes(t, change(t, "deploy:\n", idle))
}

func TestH02_a_job_that_takes_nothing_from_the_gate(t *testing.T) {
	run(t, []attack{
		{"dependencies", needs, "  dependencies: [build]\n", "  dependencies: [build, \"gate:production\"]\n", finding.GateResultUnused, finding.Error},
		{"no dependencies", needs, "  dependencies: []\n", "", finding.GateResultUnused, finding.Error},
		{"need without artifacts", needs, `  needs: [{job: "gate:production", artifacts: false}]` + "\n", `  needs: [{job: "gate:production", artifacts: true}]` + "\n", finding.GateResultUnused, finding.Error},
	})
}

func TestH02_a_job_that_asks_its_gate_last(t *testing.T) {
	job := func(lines string) string {
		return "deploy:\n  environment: production\n  script:\n" + lines
	}
	trips(t, job("    - ./deploy.sh\n    - sallyport gate --environment production dist/app\n"), finding.GateNotBefore, finding.Error)
	passes(t, job("    - sallyport gate --environment production dist/app\n    - ./deploy.sh\n"))
}

func TestH02_stages_that_are_not_written_out(t *testing.T) {
	plain := "gate:\n  script: sallyport gate --environment production dist/app\ndeploy:\n  stage: deploy\n  environment: production\n  script: ./deploy.sh\n"
	passes(t, plain) // without stages there are build, test and deploy; without stage a job stands in test
	trips(t, strings.Replace(plain, "  stage: deploy\n", "", 1), finding.GateNotBefore, finding.Error)
	passes(t, strings.Replace(plain, "stage: deploy", "stage: .post", 1))
	trips(t, strings.Replace(plain, "stage: deploy", "stage: .pre", 1), finding.GateNotBefore, finding.Error)
	trips(t, "stages: [deploy, test]\n"+plain, finding.GateNotBefore, finding.Error)
}

func TestH02_a_gate_under_another_name(t *testing.T) {
	named := change(t, "stage: check", "stage: check, job-name: door", "gate:production", "door:production")
	passes(t, named)
	trips(t, strings.Replace(named, "door:production", "gate:production", 1), finding.GateNotBefore, finding.Error)
}

// A job that needs what is not there is in no pipeline: nothing is deployed, and
// whoever waits for it should know why.
func TestH02_a_job_needs_a_gate_that_its_rules_leave_out(t *testing.T) {
	rules := func(gate, deploy string) string {
		return change(t, "deploy:\n", "gate:production:\n  rules: ["+gate+"]\ndeploy:\n", needs, needs+"  rules: ["+deploy+"]\n")
	}
	const tag, branch, main = "{if: $CI_COMMIT_TAG}", "{if: $CI_COMMIT_BRANCH}", "{if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH}"
	for _, s := range []string{
		rules(tag, branch), rules(tag, tag+", "+branch), rules(tag, main), rules(main, branch), rules(tag, "{if: $DEPLOY && $CI_COMMIT_BRANCH}"),
		rules("{if: $CI_PIPELINE_SOURCE == 'web'}", branch), rules("{if: $CI_PIPELINE_SOURCE == 'schedule', when: never}, {when: on_success}", branch),
		rules(branch+", {when: never}", "{if: $CI_COMMIT_TAG =~ /^v/}"), rules("{if: $CI_COMMIT_BRANCH, changes: [x]}", branch),
		change(t, "deploy:\n", "gate:production:\n  only: [main]\ndeploy:\n"),
	} {
		trips(t, s, finding.GateDropped, finding.Warning)
	}
	for _, s := range []string{
		rules(tag, tag), rules(tag, "{if: $CI_COMMIT_TAG =~ /^v/}"), rules(tag, "{if: $CI_COMMIT_TAG && $DEPLOY}"), rules(branch, main),
		rules(tag+", "+branch, main), rules("{if: $CI_MERGE_REQUEST_IID, when: never}, {when: on_success}", branch),
		rules("{if: $CI_COMMIT_BRANCH == 'main'}", main), rules("{if: $GATED}", "{if: $DEPLOY && $CI_COMMIT_BRANCH}"), rules("{when: on_success}", branch),
		change(t, "deploy:\n", "gate:production:\n  only: [main]\ndeploy:\n  only: [main]\n"),
		change(t, "build:\n", "workflow: {rules: [{if: $CI_COMMIT_TAG}]}\nbuild:\n", "deploy:\n", "gate:production:\n  rules: ["+tag+"]\ndeploy:\n"),
	} {
		passes(t, s)
	}
	optional := strings.Replace(rules(tag, branch), `[build, "gate:production"]`, `[build, {job: "gate:production", optional: true}]`, 1)
	trips(t, optional, finding.NeedOptional, finding.Error)
}
