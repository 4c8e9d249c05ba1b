package pipelines_test

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

const deployJob = "deploy:\n  stage: deploy\n" + needs + "  environment: production\n  script: ./deploy.sh \"$SALLYPORT_DIGESTS\"\n"

// token says which job a job is.
const token = "  id_tokens: {SALLYPORT_ID_TOKEN: {aud: sallyport-gate}}\n"

// enters returns the clean pipeline with our component enter, and a job that
// extends what it brings.
func enters(t *testing.T, job string) string {
	t.Helper()
	return change(t, "build:\n", "", deployJob, "deploy:\n  extends: .enter:production\n  stage: deploy\n"+needs+job+"  script: ./deploy.sh\n",
		"stage: check}\n", "stage: check}\n  - component: $CI_SERVER_FQDN/sallyport-dev/sallyport/enter@"+sha+"\n    inputs: {environment: production}\nbuild:\n")
}

func TestG16_a_job_that_starts_long_after_its_gate(t *testing.T) {
	run(t, []attack{
		{"manual", needs, needs + "  when: manual\n", needs + "  when: on_success\n", finding.GateStale, finding.Error},
		{"delayed", needs, needs + "  when: delayed\n  start_in: 2 days\n", "", finding.GateStale, finding.Error},
		{"in a rule", needs, needs + "  rules: [{if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH, when: manual}]\n", needs + "  rules: [{if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH}]\n", finding.GateStale, finding.Error},
	})
	trips(t, change(t, "build:\n", ".slow: {when: manual}\nbuild:\n", "deploy:\n", "deploy:\n  extends: .slow\n"), finding.GateStale, finding.Error)
	for bad, good := range map[string]string{"2": "0", "{max: 1, when: [script_failure, runner_system_failure]}": "{max: 2, when: runner_system_failure}", "{max: 1}": "{max: 0, when: always}"} {
		trips(t, change(t, needs, needs+"  retry: "+bad+"\n"), finding.GateStale, finding.Warning)
		passes(t, change(t, needs, needs+"  retry: "+good+"\n"))
	}
	passes(t, change(t, "build:\n", "default: {retry: 2}\nbuild:\n"))
	passes(t, change(t, "build:\n", "press:\n  stage: build\n  when: manual\n  script: x\nbuild:\n"))
	passes(t, change(t, "  environment: production\n", "  environment: {name: production, action: access}\n  when: manual\n"))
	passes(t, change(t, needs, needs+"  when: manual\n", "  environment: production\n", "  environment: {name: production, action: stop}\n"))
	passes(t, hand(t, "deploy:\n", "gate2:\n  stage: check\n  when: manual\n  allow_failure: false\n  script: sallyport gate --environment staging x\ndeploy:\n"))
}

func TestG16_a_job_that_enters_may_start_when_it_likes(t *testing.T) {
	passes(t, enters(t, ""))
	passes(t, enters(t, "  when: manual\n"))
	passes(t, enters(t, "  when: delayed\n  start_in: 1 day\n  retry: 2\n"))
	passes(t, enters(t, "  rules: [{if: $CI_COMMIT_TAG, when: manual}]\n"))
	passes(t, enters(t, "  before_script:\n    - !reference [\".enter:production\", before_script]\n    - ./login.sh\n  when: manual\n"))
	passes(t, strings.Replace(enters(t, "  when: manual\n"), "  extends: .enter:production\n", "  environment: production\n"+token+"  before_script: !reference [\".enter:production\", before_script]\n", 1))
	passes(t, change(t, needs, needs+token+"  when: manual\n  before_script: [sallyport enter]\n"))
	passes(t, change(t, needs, needs+token+"  when: manual\n", `  script: ./deploy.sh "$SALLYPORT_DIGESTS"`, "  script:\n    - sallyport enter\n    - ./deploy.sh"))
	chained := strings.Replace(enters(t, "  when: manual\n"), "  extends: .enter:production\n", "  extends: .mine\n", 1) + ".mine:\n  extends: .enter:production\n  tags: [x]\n"
	passes(t, chained)
	passes(t, enters(t, "  when: always\n"))
	passes(t, strings.Replace(enters(t, ""), needs, "", 1)+"gate:production: {rules: [{if: $CI_COMMIT_BRANCH}]}\n")
	alone := func(more string) string {
		return "deploy:\n  environment: production\n" + token + "  before_script: [sallyport enter --passed $DIGESTS " + more + "]\n  script: ./deploy.sh\n"
	}
	trips(t, "variables: {LD_PRELOAD: x.so}\n"+alone(""), finding.GateVariables, finding.Error)
	trips(t, "variables: {GIT_STRATEGY: none}\n"+alone(""), finding.GateVariables, finding.Error)
	passes(t, "variables: {GIT_STRATEGY: none}\n"+alone("--policy-ref main"))
	for _, bad := range []string{"sallyport enter || true", "sallyport enter | tee log", "sallyport enter &"} {
		found := rules(check(t, change(t, needs, needs+"  when: manual\n  before_script: ['"+bad+"']\n"), want))
		if !only(found, "gate-ignored", "gate-stale") || len(found) != 2 {
			t.Errorf("%s: findings = %v, want gate-ignored and gate-stale", bad, found)
		}
	}
	trips(t, enters(t, "  allow_failure: true\n"), finding.GateSoft, finding.Error)
	passes(t, enters(t, "  allow_failure: false\n"))
	own := "deploy:\n  environment: production\n" + token
	trips(t, own+"  script: [./deploy.sh, sallyport enter --checksums SUMS]\n", finding.GateNotBefore, finding.Error)
	passes(t, own+"  script: [sallyport enter --checksums SUMS, ./deploy.sh]\n")
	trips(t, strings.Replace(enters(t, ""), "/enter@"+sha, "/enter@main", 1), finding.ComponentUnpinned, finding.Error)
}

func TestH06_a_job_that_replaces_what_enters(t *testing.T) {
	trips(t, enters(t, "  before_script: [./login.sh]\n"), finding.EnterReplaced, finding.Error)
	trips(t, enters(t, "  before_script: []\n"), finding.EnterReplaced, finding.Error)
	trips(t, strings.Replace(enters(t, "  before_script: [./login.sh]\n"), "  extends: .enter:production\n", "  extends: .mine\n", 1)+".mine:\n  extends: .enter:production\n", finding.EnterReplaced, finding.Error)
	trips(t, enters(t, "")+".enter:production:\n  before_script: [echo]\n", finding.EnterReplaced, finding.Error)
	passes(t, enters(t, "  after_script: [./logout.sh]\n"))
	both := rules(check(t, enters(t, "  when: manual\n  before_script: [./login.sh]\n"), want))
	if !only(both, "enter-replaced", "gate-stale") || len(both) != 2 {
		t.Errorf("findings = %v, want enter-replaced and gate-stale", both)
	}
}

func TestG04_a_job_that_enters_by_an_include_that_is_not_read(t *testing.T) {
	job := func(s string) string {
		return "include: ci/enter.yml\ndeploy:\n  environment: production\n  when: manual\n  script: ./deploy.sh\n" + s
	}
	for _, s := range []string{"  extends: .enter:production\n", "  before_script: [!reference [\".enter:production\", before_script], ./login.sh]\n",
		"  extends: .enter:production\n  before_script: [!reference [\".enter:production\", before_script], ./login.sh]\n"} {
		if got := rules(check(t, job(s), want)); len(got) != 2 || !only(got, "include-unseen", "gate-unseen") {
			t.Errorf("findings = %v, want the include and the entry unseen", got)
		}
	}
	if got := rules(check(t, job("  extends: .enter:production\n  before_script: [./login.sh]\n"), want)); !only(got, "include-unseen", "enter-replaced", "gate-missing") || len(got) != 3 {
		t.Errorf("findings = %v, want the entry replaced", got)
	}
}

// In the merged YAML the commands of our component stand in the job that
// deploys, with its own behind them.
func TestH06_a_merged_job_that_enters(t *testing.T) {
	w := want
	w.Merged = true
	installer := "    - |\n      sallyport_install() (\n      set -eu\n      )\n      sallyport=$(sallyport_install)\n"
	whole := func(command string) string {
		return mergedPipeline(t) + "eu:\n  stage: deploy\n  needs: [build, 'gate:production']\n  environment: {name: production}\n" + token + "  when: manual\n  before_script:\n" + installer + command + "  script: [./deploy.sh]\n"
	}
	passesWith(t, whole("    - |\n      \"$sallyport\" enter \\\n        --with 'policy=.sallyport/policy.yaml'\n"), w)
	tripsWith(t, whole("    - sallyport=true\n    - \"\\\"$sallyport\\\" enter\"\n"), w, finding.ComponentOverridden, finding.Error)
}

func TestH02_a_job_that_uses_nothing_of_its_gate(t *testing.T) {
	const script = `  script: ./deploy.sh "$SALLYPORT_DIGESTS"` + "\n"
	run(t, []attack{
		{"kubectl", script, "  script: kubectl set image deployment/app app=registry.example/app:v1\n", "  script: kubectl set image deployment/app app=$SALLYPORT_IMAGES\n", finding.GateResultIgnored, finding.Note},
		{"lines", script, "  script:\n    - cd chart\n    - |\n      helm upgrade app . --set tag=$CI_COMMIT_TAG\n", "  script: helm upgrade app . --set digest=$DIGEST\n", finding.GateResultIgnored, finding.Note},
		{"a script may read it", script, "  script: aws s3 sync site s3://b\n", "  script: [aws --version, ./deploy.sh]\n", finding.GateResultIgnored, finding.Note},
		{"it enters", script, "  script: docker push app:v1\n", "  script: docker push app:v1\n  before_script: [sallyport enter]\n" + token, finding.GateResultIgnored, finding.Note},
	})
}

func TestE01_a_folder_of_which_some_files_are_judged(t *testing.T) {
	const script = `./deploy.sh "$SALLYPORT_DIGESTS"`
	pair := func(subject, command string) string {
		s := change(t, script, "'"+command+" # $SALLYPORT_DIGESTS'")
		return strings.Replace(s, `{subject: "dist/*", environment`, `{subject: '`+subject+`', environment`, 1)
	}
	trips(t, pair("dist/*.tgz", "aws s3 sync dist/ s3://bucket"), finding.SubjectNarrower, finding.Warning)
	trips(t, pair(`["dist/*.tgz", "dist/*.zip"]`, "twine upload dist/*"), finding.SubjectNarrower, finding.Warning)
	passes(t, pair("dist/*", "aws s3 sync dist/ s3://bucket"))
	passes(t, pair("dist/*.tgz", "twine upload dist/*.tgz"))
	passes(t, pair("dist/*.tgz", "aws s3 sync dist/ s3://bucket --exclude *.log"))
	passes(t, pair("dist/*.tgz", "aws s3 sync $OUT s3://bucket"))
	passes(t, pair("dist/*.tgz", "ls dist/"))
	passes(t, strings.Replace(pair("dist/*.tgz", "twine upload dist/*"), "environment: production, stage", "checksums: sums.txt, environment: production, stage", 1))
	byHand := hand(t, "production dist/app", "production dist/*.tgz")
	trips(t, strings.Replace(byHand, "./deploy.sh", "'twine upload dist/* # SALLYPORT'", 1), finding.SubjectNarrower, finding.Warning)
	passes(t, byHand)
}

func TestD15_a_policy_from_an_artifact(t *testing.T) {
	gate := "stage: check}"
	with := func(policy string, more ...string) string {
		return change(t, append([]string{gate, "stage: check, " + policy + "}"}, more...)...)
	}
	pinned := "'dist/policy.yaml@sha256:" + strings.Repeat("ab", 32) + "'"
	trips(t, with("policy: dist/policy.yaml"), finding.PolicyFed, finding.Error)
	trips(t, with("policy: ./dist/prod/policy.yaml"), finding.PolicyFed, finding.Error)
	passes(t, with("policy: ci/policy.yaml"))
	passes(t, with("policy: "+pinned))
	passes(t, with("policy: dist/policy.yaml@"+sha))
	passes(t, with("policy: dist/policy.yaml, policy-ref: main"))
	passes(t, with("policy-ref: main", "paths: [dist/]", "paths: [dist/, .sallyport/policy.yaml]"))
	trips(t, with("policy-ref: main", "build:\n", "unit:\n  stage: build\n  script: x\n  artifacts: {reports: {dotenv: x}}\ngate:production: {needs: [build, attest, unit]}\nbuild:\n"), finding.GateFed, finding.Error)
	trips(t, hand(t, "  script: make dist\n", "  script: make dist\n  artifacts: {paths: [out]}\n")+"gate2:\n  stage: check\n  script: sallyport gate --environment staging --policy out/p.yaml x\n", finding.PolicyFed, finding.Error)
	trips(t, hand(t, "  stage: check\n", "  stage: check\n  variables: {GIT_STRATEGY: none}\n"), finding.PolicyFed, finding.Error)
	passes(t, hand(t, "  stage: check\n", "  stage: check\n  variables: {GIT_STRATEGY: clone}\n"))
	passes(t, strings.Replace(hand(t, "  stage: check\n", "  stage: check\n  variables: {GIT_STRATEGY: none}\n"), "sallyport gate", "sallyport gate --policy-ref main", 1))
	// A job that enters takes what was built, and may have nothing else.
	if got := rules(check(t, strings.Replace(enters(t, ""), "paths: [dist/]", "paths: [./]", 1), want)); !only(got, "gate-fed", "policy-fed") || len(got) != 2 {
		t.Errorf("findings = %v, want the gate and the job that enters fed", got)
	}
	trips(t, enters(t, "  variables: {GIT_STRATEGY: none}\n"), finding.PolicyFed, finding.Error)
	passes(t, strings.Replace(enters(t, "  variables: {GIT_STRATEGY: none}\n"), "    inputs: {environment: production}", "    inputs: {environment: production, policy-ref: main}", 1))
}

func TestD15_a_policy_that_the_starter_chooses(t *testing.T) {
	with := func(spec, policy string) string {
		return "spec: {inputs: {it: {" + spec + "}}}\n---\n" + change(t, "stage: check}", "stage: check, "+policy+"}")
	}
	trips(t, with("default: x", "policy: '$[[ inputs.it ]]'"), finding.PolicyChosen, finding.Warning)
	trips(t, with("default: x", "policy: 'p.yaml@$[[ inputs.it ]]'"), finding.PolicyChosen, finding.Warning)
	trips(t, with("default: x", "policy-ref: '$[[ inputs.it ]]'"), finding.PolicyChosen, finding.Warning)
	passes(t, with("options: [main, stable]", "policy-ref: '$[[ inputs.it ]]'"))
	passes(t, with("default: x", "policy-ref: main"))
	byHand := func(flag, variables string) string {
		return hand(t, "    - sallyport gate", "    - sallyport gate "+flag) + variables
	}
	trips(t, byHand(`--policy "$POLICY"`, ""), finding.PolicyChosen, finding.Warning)
	trips(t, byHand(`--policy-ref=$BRANCH`, ""), finding.PolicyChosen, finding.Warning)
	passes(t, byHand(`--policy "$POLICY"`, "variables: {POLICY: ci/policy.yaml}\n"))
	passes(t, byHand(`--policy-ref "$CI_DEFAULT_BRANCH"`, ""))
}

func TestD15_a_commit_that_the_starter_names(t *testing.T) {
	before := func(line string) string { return hand(t, "[./get-sallyport.sh]", "['"+line+"']") }
	trips(t, before("git checkout $REF"), finding.CheckoutChosen, finding.Warning)
	trips(t, before("git fetch && git reset --hard \"origin/${REF}\""), finding.CheckoutChosen, finding.Warning)
	trips(t, before("git checkout $CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"), finding.CheckoutChosen, finding.Warning)
	passes(t, before("git checkout $CI_COMMIT_SHA"))
	passes(t, before("git checkout stable"))
	passes(t, before("git log $REF"))
	passes(t, before("git checkout $REF")+"variables: {REF: stable}\n")
	passes(t, strings.Replace(before("git checkout $REF"), "sallyport gate", "sallyport gate --policy-ref main", 1))
	passes(t, hand(t, "dist/app\n", "dist/app\n    - git checkout $REF\n"))
}
