package pipelines_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

func TestH06_a_component_that_is_not_ours_any_more(t *testing.T) {
	re := func(s string) string { return "gate:production:\n" + s + "\ndeploy:\n" }
	attacks := []attack{
		{"hooks", "deploy:\n", re("  hooks: {pre_get_sources_script: [./x.sh]}"), "", finding.ComponentOverridden, finding.Error},
		{"variables", "deploy:\n", re("  variables: {SALLYPORT_POLICY: other.yaml}"), re("  variables: {GIT_DEPTH: 1, SALLYPORT_RELEASES: https://mirror.example}"), finding.ComponentOverridden, finding.Error},
		{"image", "deploy:\n", re("  image: evil:latest"), re("  image: alpine@sha256:" + strings.Repeat("ab", 32)), finding.GateImage, finding.Error},
		{"entrypoint", "deploy:\n", re("  image: {name: alpine@sha256:" + strings.Repeat("ab", 32) + ", entrypoint: [/bin/true]}"), re("  image: {name: alpine@sha256:" + strings.Repeat("ab", 32) + ", entrypoint: [\"\"]}"), finding.ComponentOverridden, finding.Error},
		{"artifacts", "deploy:\n", re("  artifacts: {paths: [x]}"), re("  tags: [docker]\n  timeout: 10m"), finding.ComponentOverridden, finding.Error},
		{"extends", "deploy:\n", ".x: {before_script: [echo]}\n" + re("  extends: .x"), ".x: {tags: [docker]}\n" + re("  extends: .x"), finding.ComponentOverridden, finding.Error},
		{"rule variables", "deploy:\n", re("  rules: [{when: on_success, variables: {SALLYPORT_POLICY: x}}]"), re("  rules: [{when: on_success}]"), finding.ComponentOverridden, finding.Error},
		{"unknown key", "deploy:\n", re("  pre_script: [x]"), "", finding.ComponentOverridden, finding.Error},
		{"attest", "deploy:\n", "attest:\n  before_script: [./evil.sh]\ndeploy:\n", "attest:\n  tags: [x]\ndeploy:\n", finding.ComponentOverridden, finding.Error},
	}
	for _, key := range []string{"script", "before_script", "after_script"} {
		attacks = append(attacks, attack{key, "deploy:\n", re("  " + key + ": [\"true\"]"), "", finding.ComponentOverridden, finding.Error})
	}
	run(t, attacks)
}

func TestH06_what_a_gate_inherits(t *testing.T) {
	front := func(s string) string { return s + "\nbuild:\n" }
	off := "gate:production: {inherit: {default: false}}\nattest: {inherit: {default: false}}\n"
	run(t, []attack{
		{"before_script", "build:\n", front("default:\n  before_script: [./setup.sh]"), front(off + "default:\n  before_script: [./setup.sh]"), finding.GateInherits, finding.Error},
		{"global before_script", "build:\n", front("before_script: [./setup.sh]"), front("before_script: []"), finding.GateInherits, finding.Error},
		{"after_script", "build:\n", front("default: {after_script: [./rewrite.sh]}"), front(strings.ReplaceAll(off, "false", "[tags]") + "default: {after_script: [./rewrite.sh]}"), finding.GateInherits, finding.Error},
		{"hooks", "build:\n", front("default: {hooks: {pre_get_sources_script: [x]}}"), "", finding.GateInherits, finding.Error},
		{"image", "build:\n", front("default: {image: alpine:3}"), front("default: {image: \"alpine@sha256:" + strings.Repeat("ab", 32) + "\"}"), finding.GateImage, finding.Warning},
		{"variables", "build:\n", front("variables: {SALLYPORT_TRUSTED_ROOT: evil.json}"), front("variables: {APP: x, GIT_STRATEGY: clone}"), finding.GateVariables, finding.Error},
		{"loader", "build:\n", front("variables: {LD_PRELOAD: {value: ./x.so, description: y}}"), "", finding.GateVariables, finding.Error},
		{"predefined", "build:\n", front("variables: {CI_API_V4_URL: https://evil.example}"), front("variables: {CI_API_V4_URL: x}\ngate:production: {inherit: {variables: [APP]}}\nattest: {inherit: {variables: false}}"), finding.GateVariables, finding.Error},
		{"no checkout", "build:\n", front("variables: {GIT_STRATEGY: none}"), front("variables: {GIT_STRATEGY: fetch}"), finding.GateVariables, finding.Error},
	})
}

// A dotenv report outranks the variables of the gate's job, and an artifact the
// file that was checked out.
func TestH06_what_a_gate_is_fed(t *testing.T) {
	run(t, []attack{
		{"dotenv", "artifacts: {paths: [dist/]}", "artifacts: {paths: [dist/], reports: {dotenv: x.env}}", "artifacts: {paths: [dist/], reports: {junit: x.xml}}", finding.GateFed, finding.Error},
		{"everything", "artifacts: {paths: [dist/]}", "artifacts: {paths: [./]}", "artifacts: {paths: [./dist/*]}", finding.GateFed, finding.Error},
		{"policy", "artifacts: {paths: [dist/]}", "artifacts: {paths: [dist, .sallyport/policy.yaml]}", "artifacts: {paths: [dist, sbom]}", finding.GateFed, finding.Error},
		{"folder", "artifacts: {paths: [dist/]}", "artifacts: {paths: [dist, .sallyport/]}", "", finding.GateFed, finding.Error},
		{"a job that the gate does not need", "build:\n", "unit:\n  stage: build\n  script: x\n  artifacts: {reports: {dotenv: x}}\ngate:production: {needs: [build, attest, unit]}\nbuild:\n", "unit:\n  stage: build\n  script: x\n  artifacts: {reports: {dotenv: x}}\nbuild:\n", finding.GateFed, finding.Error},
		{"by stage", "build:\n", "unit:\n  stage: build\n  script: x\n  artifacts: {reports: {dotenv: x}}\ngate:production: {needs: null}\nbuild:\n", "unit:\n  stage: build\n  script: x\n  artifacts: {reports: {dotenv: x}}\ngate:production: {needs: null, dependencies: [build, attest]}\nbuild:\n", finding.GateFed, finding.Error},
	})
}

func TestH06_names_that_move(t *testing.T) {
	ours := "/gate@" + sha
	for _, ref := range []string{"~latest", "main", "1.2.3", "v1.2.3", sha[:12], strings.ToUpper(sha), "$VERSION", ""} {
		trips(t, change(t, ours, "/gate@"+ref), finding.ComponentUnpinned, finding.Error)
	}
}

func TestH06_includes_that_move(t *testing.T) {
	for bad, good := range map[string]string{
		"component: gitlab.example/acme/lint/go@1.0":          "component: gitlab.example/acme/lint/go@" + sha,
		"{project: acme/ci, file: lint.yml}":                  "{project: acme/ci, file: lint.yml, ref: " + sha + "}",
		"{project: acme/ci, file: [a.yml, b.yml], ref: main}": "{project: acme/ci, file: [a.yml, b.yml], ref: " + sha + "}",
		"remote: https://example.com/ci.yml":                  "{remote: https://example.com/ci.yml, integrity: sha256-x}",
		"https://example.com/ci.yml":                          "local: ci/lint.yml",
	} {
		one := func(s string) string { return change(t, "include:\n", "include:\n  - "+s+"\n") }
		if got := rules(check(t, one(bad), want)); !slices.Contains(got, "include-unpinned") || !only(got, "include-unpinned", "include-unseen") {
			t.Errorf("%s: findings = %v, want include-unpinned", bad, got)
		}
		if got := rules(check(t, one(good), want)); !only(got, "include-unseen") {
			t.Errorf("%s: findings = %v, want none but include-unseen", good, got)
		}
	}
	trips(t, change(t, "component: $CI_SERVER_FQDN/sallyport-dev/sallyport/gate@"+sha, "{project: sallyport-dev/sallyport, file: /templates/gate/template.yml, ref: main, inputs: {environment: production, stage: check}}", "\n    inputs: {subject: \"dist/*\", environment: production, stage: check}", ""), finding.ComponentUnpinned, finding.Error)
	passes(t, change(t, "component: $CI_SERVER_FQDN/sallyport-dev/sallyport/gate@"+sha, "{project: sallyport-dev/sallyport, file: /templates/gate/template.yml, ref: "+sha+", inputs: {environment: production, stage: check}}", "\n    inputs: {subject: \"dist/*\", environment: production, stage: check}", ""))
}

func rules(found []finding.Finding) []string {
	var out []string
	for _, f := range found {
		out = append(out, f.Rule.String())
	}
	return out
}

func only(got []string, allowed ...string) bool {
	return !slices.ContainsFunc(got, func(r string) bool { return !slices.Contains(allowed, r) })
}

// What was not read is said, and a gate that was not seen is no gate.
func TestH06_includes_that_are_not_read(t *testing.T) {
	local := change(t, "include:\n", "include:\n  - local: ci/a.yml\n")
	trips(t, local, finding.IncludeUnseen, finding.Note)
	trips(t, "include: ci/deploy.yml\n", finding.IncludeUnseen, finding.Warning)
	unseen := "include: ci/gate.yml\ndeploy:\n  needs: ['gate:production']\n  environment: production\n  script: ./deploy.sh\n"
	if got := rules(check(t, unseen, want)); !slices.Equal(got, []string{"include-unseen", "gate-unseen"}) {
		t.Errorf("findings = %v, want the include and the gate unseen", got)
	}
	whole := want
	whole.Merged = true
	tripsWith(t, strings.TrimPrefix(unseen, "include: ci/gate.yml\n"), whole, finding.GateMissing, finding.Error)
	tripsWith(t, local, whole, finding.IncludeUnseen, finding.Error)
}

// merged renders our component's template as the platform does.
func merged(t *testing.T, component string, inputs map[string]string) string {
	t.Helper()
	raw, err := os.ReadFile("../../templates/" + component + "/template.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(raw), "\n---\n")
	return regexp.MustCompile(`\$\[\[ inputs\.([\w-]+) \]\]`).ReplaceAllStringFunc(body, func(m string) string {
		return inputs[strings.Trim(m, "$[] ")[len("inputs."):]]
	})
}

func mergedPipeline(t *testing.T) string {
	t.Helper()
	return "---\nstages: [build, check, deploy]\nbuild:\n  stage: build\n  script: [make dist]\n" +
		merged(t, "attest", map[string]string{"job-name": "attest", "stage": "build", "needs": "[build]", "subject": "dist/*"}) +
		merged(t, "gate", map[string]string{"job-name": "gate", "stage": "check", "needs": "[build, attest]", "subject": "dist/*", "environment": "production"}) +
		"deploy:\n  stage: deploy\n  needs: [build, 'gate:production']\n  environment: {name: production}\n  script: [./deploy.sh]\n"
}

func TestH06_the_merged_pipeline(t *testing.T) {
	w := want
	w.Merged = true
	whole := mergedPipeline(t)
	passesWith(t, whole, w)
	tripsWith(t, strings.Replace(whole, `"$sallyport" gate`, `"$sallyport" version`, 1), w, finding.ComponentOverridden, finding.Error)
	tripsWith(t, strings.Replace(whole, `      "$sallyport" gate`, "      ./evil.sh\n"+`      "$sallyport" gate`, 1), w, finding.ComponentOverridden, finding.Error)
	tripsWith(t, strings.Replace(whole, "'gate:production':\n", "'gate:production':\n  before_script: [./evil.sh]\n", 1), w, finding.ComponentOverridden, finding.Error)
	tripsWith(t, strings.Replace(whole, "'gate:production':\n", "'gate:production':\n  image: evil\n", 1), w, finding.GateImage, finding.Error)
	tripsWith(t, strings.Replace(whole, "'gate:production':\n", "'gate:production':\n  variables: {LD_PRELOAD: x}\n", 1), w, finding.ComponentOverridden, finding.Error)
	for _, more := range []string{`; ./evil.sh`, ` --with 'subject=x'; ./evil.sh`} {
		tripsWith(t, strings.Replace(whole, "--with 'environment=production'", "--with 'environment=production'"+more, 1), w, finding.ComponentOverridden, finding.Error)
	}
	tripsWith(t, "default: {before_script: [x]}\n"+strings.TrimPrefix(whole, "---\n"), w, finding.GateInherits, finding.Error)
	tripsWith(t, strings.Replace(whole, "'environment=production'", "'environment=staging'", 1), w, finding.GateMissing, finding.Error)
	soft := strings.Split(whole, "'gate:production':\n")
	tripsWith(t, soft[0]+"'gate:production':\n"+strings.Replace(soft[1], "allow_failure: false", "allow_failure: true", 1), w, finding.GateSoft, finding.Error)
}
