package pipelines_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/pipelines"
	"github.com/sallyport-dev/sallyport/internal/raised"
)

const sha = "08c6903cd8c0fde910a37f88322edcfb5dd907a8"

var want = pipelines.Want{Environments: []string{"staging", "production"}, Component: "sallyport-dev/sallyport"}

// clean is a pipeline without a finding; the attacks below are a line away.
const clean = `stages: [build, check, deploy, after]
include:
  - component: $CI_SERVER_FQDN/sallyport-dev/sallyport/attest@` + sha + `
    inputs: {subject: "dist/*", needs: [build]}
  - component: $CI_SERVER_FQDN/sallyport-dev/sallyport/gate@` + sha + `
    inputs: {subject: "dist/*", environment: production, stage: check}
build:
  stage: build
  script: make dist
  artifacts: {paths: [dist/]}
deploy:
  stage: deploy
  needs: [build, "gate:production"]
  environment: production
  script: ./deploy.sh "$SALLYPORT_DIGESTS"
`

// change returns clean with one text replaced by another.
func change(t *testing.T, pairs ...string) string {
	t.Helper()
	s := clean
	for i := 0; i < len(pairs); i += 2 {
		if strings.Count(s, pairs[i]) != 1 {
			t.Fatalf("%q stands %d times in the clean pipeline, want once", pairs[i], strings.Count(s, pairs[i]))
		}
		s = strings.Replace(s, pairs[i], pairs[i+1], 1)
	}
	return s
}

func check(t *testing.T, raw string, w pipelines.Want) []finding.Finding {
	t.Helper()
	found, err := pipelines.Check(".gitlab-ci.yml", []byte(raw), w)
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	for _, f := range found {
		if f.Rule == finding.None || f.Threat == "" || f.File != ".gitlab-ci.yml" || f.Line == 0 || f.Column == 0 || f.Message == "" || f.Found == "" || f.Wanted == "" || f.Hint == "" {
			t.Errorf("a finding says too little: %+v", f)
		}
	}
	return raised.Note(found)
}

// trips wants findings of one rule, and nothing else.
func trips(t *testing.T, raw string, rule finding.Rule, s finding.Severity) {
	t.Helper()
	tripsWith(t, raw, want, rule, s)
}

func tripsWith(t *testing.T, raw string, w pipelines.Want, rule finding.Rule, s finding.Severity) {
	t.Helper()
	found := check(t, raw, w)
	hit := false
	for _, f := range found {
		hit = hit || f.Rule == rule && f.Severity == s
		if f.Rule != rule {
			t.Errorf("finding %s (%v) at line %d: %s; want only %s", f.Rule, f.Severity, f.Line, f.Message, rule)
		}
	}
	if !hit {
		t.Errorf("findings = %v, want %s (%v) in\n%.2000s", found, rule, s, raw)
	}
}

func passes(t *testing.T, raw string) {
	t.Helper()
	passesWith(t, raw, want)
}

func passesWith(t *testing.T, raw string, w pipelines.Want) {
	t.Helper()
	for _, f := range check(t, raw, w) {
		t.Errorf("finding %s (%v) at line %d: %s (found %s), want none in\n%.2000s", f.Rule, f.Severity, f.Line, f.Message, f.Found, raw)
	}
}

const needs = `  needs: [build, "gate:production"]` + "\n"

// An attack is what replaces one text of the clean pipeline, with a twin that
// does the same job rightly.
type attack struct {
	name, old, bad, good string
	rule                 finding.Rule
	severity             finding.Severity
}

func run(t *testing.T, attacks []attack) {
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			trips(t, change(t, a.old, a.bad), a.rule, a.severity)
			if a.good != "" {
				passes(t, change(t, a.old, a.good))
			}
		})
	}
}

func TestA_clean_pipeline_has_no_findings(t *testing.T) {
	passes(t, clean)
}

// The pages and pipelines of this repository, as a reader would copy them.
func TestOur_own_examples_have_no_findings(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(# .gitlab-ci.yml\n.*?)```").FindSubmatch(readme)
	if block == nil {
		t.Fatal("the README has no pipeline")
	}
	passes(t, strings.ReplaceAll(string(block[1]), "<commit>", sha))
	for _, name := range []string{"../../gitlab/example.yml", "../../e2e/sample/.gitlab-ci.yml"} {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		passes(t, strings.ReplaceAll(string(raw), "@COMMIT", "@"+sha))
	}
}
