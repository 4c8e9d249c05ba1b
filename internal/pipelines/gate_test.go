package pipelines_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

func TestH01_a_gate_that_may_fail(t *testing.T) {
	redeclared := func(s string) string { return "gate:production:\n" + s + "\nbuild:\n" }
	run(t, []attack{
		{"true", "build:\n", redeclared("  allow_failure: true"), redeclared("  allow_failure: false"), finding.GateSoft, finding.Error},
		{"yes", "build:\n", redeclared("  allow_failure: yes"), redeclared("  allow_failure: no"), finding.GateSoft, finding.Error},
		{"exit codes", "build:\n", redeclared("  allow_failure: {exit_codes: [5]}"), "", finding.GateSoft, finding.Error},
		{"exit code", "build:\n", redeclared("  allow_failure:\n    exit_codes: 3"), "", finding.GateSoft, finding.Error},
		{"quoted", "build:\n", redeclared(`  allow_failure: "true"`), "", finding.GateSoft, finding.Error},
		{"in a rule", "build:\n", redeclared("  rules: [{when: on_success, allow_failure: true}]"), redeclared("  rules: [{when: on_success, allow_failure: false}]"), finding.GateSoft, finding.Error},
		{"reference", "build:\n", ".soft: {allow_failure: true}\n" + redeclared("  allow_failure: !reference [.soft, allow_failure]"), ".soft: {allow_failure: false}\n" + redeclared("  allow_failure: !reference [.soft, allow_failure]"), finding.GateSoft, finding.Error},
		{"reference to nowhere", "build:\n", redeclared("  allow_failure: !reference [.gone, allow_failure]"), "", finding.GateSoft, finding.Error},
		{"anchor", "build:\n", ".soft: &soft {allow_failure: true}\n" + redeclared("  <<: *soft"), ".soft: &soft {allow_failure: true}\n" + redeclared("  <<: *soft\n  allow_failure: false"), finding.GateSoft, finding.Error},
	})
}

// handwritten is a gate without our component.
const handwritten = `stages: [build, check, deploy]
build:
  stage: build
  script: make dist
gate:
  stage: check
  before_script: [./get-sallyport.sh]
  script:
    - sallyport gate --environment production dist/app
deploy:
  stage: deploy
  environment: {name: production}
  script: ./deploy.sh
`

func hand(t *testing.T, old, new string) string {
	t.Helper()
	if strings.Count(handwritten, old) != 1 {
		t.Fatalf("%q does not stand once in the pipeline", old)
	}
	return strings.Replace(handwritten, old, new, 1)
}

func TestH01_a_handwritten_gate_that_may_fail(t *testing.T) {
	passes(t, handwritten)
	passes(t, hand(t, "    - sallyport gate --environment production dist/app", "    - ./bin/sallyport gate --with 'environment=production' --with 'subject=a || b' --with 'policy='"))
	passes(t, hand(t, "    - sallyport gate --environment production dist/app", "    - |\n      sallyport gate \\\n        --environment production dist/app"))
	base := ".soft: {allow_failure: true}\n.mid: {extends: .soft}\n.hard: {extends: .mid, allow_failure: false}\ngate:\n"
	trips(t, hand(t, "gate:\n", base+"  extends: .mid\n"), finding.GateSoft, finding.Error)
	trips(t, hand(t, "gate:\n", base+"  extends: [.hard, .soft]\n"), finding.GateSoft, finding.Error)
	passes(t, hand(t, "gate:\n", base+"  extends: [.soft, .hard]\n"))
	trips(t, hand(t, "gate:\n", "default: {allow_failure: true}\ngate:\n"), finding.GateSoft, finding.Error)
	passes(t, hand(t, "gate:\n", "default: {allow_failure: true}\ngate:\n  inherit: {default: false}\n"))
	trips(t, hand(t, "gate:\n", "gate:\n  when: manual\n"), finding.GateSoft, finding.Error)
	passes(t, hand(t, "gate:\n", "gate:\n  when: manual\n  allow_failure: false\n"))
}

func TestH01_a_gate_whose_status_is_dropped(t *testing.T) {
	line := "    - sallyport gate --environment production dist/app\n"
	for _, bad := range []string{
		"    - sallyport gate --environment production dist/app || true\n",
		"    - sallyport gate --environment production dist/app | tee log\n",
		"    - sallyport gate --environment production dist/app &\n",
		"    - sallyport gate --environment production dist/app && echo yes\n    - echo on\n",
		"    - set +e\n    - sallyport gate --environment production dist/app\n",
		"    - exit 0\n    - sallyport gate --environment production dist/app\n",
		"    - |\n      if true; then\n        sallyport gate --environment production dist/app\n      fi\n      echo done\n",
		"    - |\n      judge() {\n        sallyport gate --environment production dist/app\n      }\n",
		"    - \"! sallyport gate --environment production dist/app\"\n",
		"    - |\n      sallyport gate --environment production \\\n        dist/app || echo no matter\n",
		"    - sallyport gate --help --environment production\n",
		"    - sallyport=true\n    - \"$sallyport gate --environment production dist/app\"\n",
		"    - |\n      cat <<END\n      sallyport gate --environment production dist/app\n      END\n",
		"    - |\n      echo '\n      sallyport gate --environment production dist/app\n      '\n",
	} {
		trips2(t, hand(t, line, bad), finding.GateIgnored, finding.GateMissing)
	}
	passes(t, hand(t, line, "    - ./prepare.sh && sallyport gate --environment production dist/app\n"))
	passes(t, hand(t, line, "    - |\n      sallyport gate --environment production \\\n        dist/app\n"))
}

// trips2 wants a finding of either rule: a call that is no call at all makes
// the gate missing instead.
func trips2(t *testing.T, raw string, rules ...finding.Rule) {
	t.Helper()
	found := check(t, raw, want)
	if len(found) == 0 {
		t.Errorf("no findings, want one of %v in\n%s", rules, raw)
	}
	for _, f := range found {
		if !slices.Contains(rules, f.Rule) {
			t.Errorf("finding %s: %s, want one of %v", f.Rule, f.Message, rules)
		}
	}
}

func TestG04_no_gate_at_all(t *testing.T) {
	for _, script := range []string{"echo sallyport gate --environment production", "'# sallyport gate --environment production'", "sallyport gate --environment staging dist/app", "sallyport gates --environment production", "nosallyport gate --environment production", "sallyport verify --environment production", "sallyport gate --environment production --environment staging x"} {
		trips(t, hand(t, "sallyport gate --environment production dist/app", script), finding.GateMissing, finding.Error)
	}
	trips(t, change(t, "environment: production, stage", "environment: staging, stage", `, "gate:production"`, ""), finding.GateMissing, finding.Error)
	trips(t, "deploy:\n  environment: {name: production}\n  script: ./deploy.sh\n", finding.GateMissing, finding.Error)
	passes(t, "deploy:\n  environment: {name: production}\n  script:\n    - sallyport gate --environment $CI_ENVIRONMENT_NAME dist/app\n    - ./deploy.sh\n")
	other := want
	other.Component = "mirror/sallyport"
	found := rules(check(t, change(t, `, "gate:production"`, ""), other))
	if !slices.Contains(found, "gate-missing") || !only(found, "gate-missing", "include-unseen") {
		t.Errorf("findings = %v, want another project's component to be no gate of ours", found)
	}
}

func TestG04_a_second_job_beside_the_guarded_one(t *testing.T) {
	second := clean + "deploy2:\n  stage: build\n  environment: production\n  script: ./deploy.sh\n"
	trips(t, second, finding.GateNotBefore, finding.Error)
	hidden := clean + ".deploy:\n  stage: build\n  environment: production\n  script: ./deploy.sh\ndeploy2:\n  extends: .deploy\n"
	trips(t, hidden, finding.GateNotBefore, finding.Error)
	passes(t, clean+".deploy:\n  stage: build\n  environment: production\n  script: ./deploy.sh\n")
}
