package pipelines_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/pipelines"
	"github.com/sallyport-dev/sallyport/internal/raised"
)

// A tree is the files of a repository.
type tree map[string]string

func (f tree) read(name string) ([]byte, error) {
	s, is := f[name]
	if !is {
		return nil, fs.ErrNotExist
	}
	return []byte(s), nil
}

// below checks the clean pipeline with a job that starts another one.
func (f tree) below(t *testing.T, bridge string) []finding.Finding {
	t.Helper()
	w := want
	w.Tree = f.read
	found, err := pipelines.Check(".gitlab-ci.yml", []byte(clean+"child:\n  stage: after\n"+bridge), w)
	if err != nil {
		t.Fatal(err)
	}
	return raised.Note(found)
}

const (
	ungated = "deploy:\n  environment: production\n  script: ./deploy.sh\n"
	gated   = "stages: [check, deploy]\ngate:\n  stage: check\n  script: sallyport gate --environment production x\ndeploy:\n  stage: deploy\n  environment: production\n  script: ./deploy.sh\n"
	starts  = "  needs: []\n  trigger: {include: ci/d.yml, strategy: depend}\n"
)

func TestH11_a_pipeline_below_is_read(t *testing.T) {
	found := tree{"ci/d.yml": ungated}.below(t, starts)
	if len(found) != 1 || found[0].Rule != finding.GateMissing || found[0].Severity != finding.Error || found[0].File != "ci/d.yml" || found[0].Line != 2 {
		t.Errorf("findings = %+v, want the missing gate in the file of the pipeline below", found)
	}
	for _, bridge := range []string{
		starts, "  trigger: {include: [{local: /ci/d.yml}]}\n", "  trigger:\n    include:\n      - local: ci/d.yml\n        inputs: {to: production}\n",
		"  variables: {ENV: production}\n  trigger: {include: ['ci/d.yml'], forward: {pipeline_variables: true}}\n",
	} {
		if found := (tree{"ci/d.yml": gated}).below(t, bridge); len(found) != 0 {
			t.Errorf("findings = %+v, want none where the pipeline below has its gate", found)
		}
		if got := rules((tree{"ci/d.yml": ungated}).below(t, bridge)); !slices.Equal(got, []string{"gate-missing"}) {
			t.Errorf("findings = %v, want gate-missing", got)
		}
	}
}

func TestH11_what_starts_a_pipeline_below_is_behind_a_gate(t *testing.T) {
	behind := strings.Replace(starts, "[]", "['gate:production']", 1)
	found := tree{"ci/d.yml": ungated}.below(t, behind)
	if len(found) != 1 || found[0].Rule != finding.GateMissing || found[0].Severity != finding.Warning {
		t.Errorf("findings = %+v, want a warning", found)
	}
	found = tree{"ci/d.yml": strings.Replace(ungated, "  script", "  when: manual\n  script", 1)}.below(t, behind)
	if len(found) != 1 || found[0].Severity != finding.Error {
		t.Errorf("findings = %+v, want an error where somebody starts the job when they like", found)
	}
	enters := strings.Replace(ungated, "  script", token+"  needs: [{pipeline: $PARENT, job: 'gate:production'}]\n  before_script: [sallyport enter]\n  when: manual\n  script", 1)
	if found := (tree{"ci/d.yml": enters}).below(t, behind+"  variables: {PARENT: $CI_PIPELINE_ID}\n"); len(found) != 0 {
		t.Errorf("findings = %+v, want none where the job below enters", found)
	}
}

func TestH11_several_files_make_one_pipeline_below(t *testing.T) {
	files := tree{
		"ci/gate.yml":   "stages: [check, deploy]\ngate:\n  stage: check\n  script: sallyport gate --environment production x\n",
		"ci/deploy.yml": "# the job\ndeploy:\n  stage: deploy\n  environment: production\n  script: ./deploy.sh\n",
	}
	const bridge = "  trigger: {include: [{local: ci/gate.yml}, {local: ci/deploy.yml}]}\n"
	if found := files.below(t, bridge); len(found) != 0 {
		t.Errorf("findings = %+v, want none", found)
	}
	files["ci/deploy.yml"] = strings.Replace(files["ci/deploy.yml"], "stage: deploy\n", "stage: deploy\n  needs: []\n", 1)
	found := files.below(t, bridge)
	if len(found) != 1 || found[0].Rule != finding.GateNotBefore || found[0].File != "ci/deploy.yml" || found[0].Line != 4 {
		t.Errorf("findings = %+v, want one at ci/deploy.yml:4", found)
	}
	files["ci/gate.yml"] = strings.Replace(files["ci/gate.yml"], "  script", "  allow_failure: true\n  script", 1)
	found = files.below(t, bridge)
	if len(found) != 2 || found[1].Rule != finding.GateSoft || found[1].File != "ci/gate.yml" || found[1].Line != 4 {
		t.Errorf("findings = %+v, want gate-soft at ci/gate.yml:4", found)
	}
}

func TestH11_inputs_of_a_pipeline_below_are_what_its_trigger_says(t *testing.T) {
	file := "spec: {inputs: {to: {default: staging}, region: {}}}\n---\n" + strings.Replace(ungated, "environment: production", "environment: $[[ inputs.to ]]", 1)
	bridge := func(inputs string) string {
		return "  trigger: {include: [{local: ci/d.yml, inputs: {" + inputs + "}}]}\n"
	}
	files := tree{"ci/d.yml": file}
	for inputs, rule := range map[string]finding.Rule{"to: production": finding.GateMissing, "region: eu": finding.GateMissing, "to: pages": finding.EnvironmentUnknown, "to: $ENV": finding.EnvironmentComputed} {
		if got := rules(files.below(t, bridge(inputs))); !slices.Contains(got, rule.String()) {
			t.Errorf("%s: findings = %v, want %s", inputs, got, rule)
		}
	}
	files["ci/d.yml"] = "spec: {inputs: {to: {}}}\n---\n" + strings.ReplaceAll(gated, "production", "$[[ inputs.to ]]")
	if found := files.below(t, bridge("to: production")); len(found) != 0 {
		t.Errorf("findings = %+v, want none", found)
	}
}

func TestH11_a_pipeline_below_takes_what_its_parent_built(t *testing.T) {
	job := gated + "  needs: [gate, {pipeline: $PARENT, job: build}]\n"
	bridge := func(v string) string { return "  variables: {PARENT: " + v + "}\n" + starts }
	if found := (tree{"ci/d.yml": job}).below(t, bridge("$CI_PIPELINE_ID")); len(found) != 0 {
		t.Errorf("findings = %+v, want none for the pipeline above", found)
	}
	if got := rules((tree{"ci/d.yml": job}).below(t, bridge("$OTHER"))); !slices.Equal(got, []string{"artifacts-elsewhere"}) {
		t.Errorf("findings = %v, want artifacts-elsewhere", got)
	}
}

func TestH12_a_pipeline_below_one_of_a_merge_request(t *testing.T) {
	found := rules((tree{"ci/d.yml": gated}).below(t, "  rules: [{if: $CI_MERGE_REQUEST_IID}]\n"+starts))
	if !slices.Equal(found, []string{"merge-request-deploys"}) {
		t.Errorf("findings = %v, want merge-request-deploys", found)
	}
	source := func(s string) []string {
		file := gated + "  rules: [{if: $CI_PIPELINE_SOURCE == '" + s + "'}]\n"
		return rules((tree{"ci/d.yml": file}).below(t, "  rules: [{if: $CI_MERGE_REQUEST_IID}]\n"+starts))
	}
	if got := source("parent_pipeline"); !slices.Equal(got, []string{"merge-request-deploys"}) {
		t.Errorf("findings = %v, want merge-request-deploys", got)
	}
	if got := source("merge_request_event"); slices.Contains(got, "merge-request-deploys") {
		t.Errorf("findings = %v, want none: the pipeline below is started by its parent", got)
	}
	own := gated + "  rules: [{if: $CI_COMMIT_TAG}]\n"
	for file, rule := range map[string]string{gated: "  rules: [{if: $CI_COMMIT_BRANCH}]\n", own: "  rules: [{if: $CI_MERGE_REQUEST_IID}]\n"} {
		if found := (tree{"ci/d.yml": file}).below(t, rule+starts); slices.Contains(rules(found), "merge-request-deploys") {
			t.Errorf("findings = %+v, want no merge request", found)
		}
	}
}

func TestH11_what_is_usual_below_is_silent(t *testing.T) {
	gate := strings.Replace(gated, "  script: sallyport", "  rules: [{if: $CI_PIPELINE_SOURCE == 'parent_pipeline'}]\n  script: sallyport", 1) + "  needs: [gate]\n"
	if found := (tree{"ci/d.yml": gate}).below(t, starts); len(found) != 0 {
		t.Errorf("findings = %+v, want none", found)
	}
	lint := "include: [{template: x.yml}]\nlint: {script: make lint}\n"
	found := tree{"ci/d.yml": lint}.below(t, starts)
	if len(found) != 1 || found[0].Rule != finding.IncludeUnseen || found[0].Severity != finding.Note {
		t.Errorf("findings = %+v, want a note", found)
	}
}

// What is not read is said as before.
func TestH11_a_pipeline_below_that_is_not_read(t *testing.T) {
	for bridge, severity := range map[string]finding.Severity{
		"  trigger: {include: ci/$FILE}\n": finding.Note, "  trigger: {include: 'ci/*.yml'}\n": finding.Note,
		"  trigger: {include: [{local: ci/d.yml}, {template: x.yml}]}\n": finding.Note, "  trigger: {include: ci/gone.yml}\n": finding.Warning,
	} {
		found := tree{"ci/d.yml": gated}.below(t, bridge)
		if len(found) != 1 || found[0].Rule != finding.DownstreamUnseen || found[0].Severity != severity {
			t.Errorf("%s: findings = %+v, want downstream-unseen", bridge, found)
		}
	}
	// A loop ends where the platform ends it.
	loop := tree{"ci/d.yml": "again:\n  trigger: {include: ci/d.yml}\n" + ungated}.below(t, starts)
	if got := rules(loop); !slices.Equal(got, []string{"gate-missing", "downstream-unseen", "gate-missing"}) {
		t.Errorf("findings = %v, want both levels, and the third named", got)
	}
}

func TestO02_pipelines_below_are_bounded(t *testing.T) {
	w := want
	all := tree{}
	w.Tree = all.read
	var many strings.Builder
	for i := range pipelines.MaxChildren + 1 {
		fmt.Fprintf(&many, "j%d: {trigger: {include: %d.yml}}\n", i, i)
		all[fmt.Sprintf("%d.yml", i)] = "unit: {script: x}\n"
	}
	_, err := pipelines.Check("x", []byte(many.String()), w)
	if f := fault.Of(err); err == nil || f.Code != fault.Limit || f.Kind != fault.Usage {
		t.Errorf("error = %v, want a limit", err)
	}
	if _, err := pipelines.Check("x", []byte(strings.TrimPrefix(many.String(), "j0: {trigger: {include: 0.yml}}\n")), w); err != nil {
		t.Errorf("error = %v, want none at the limit", err)
	}
	all["0.yml"] = "a: [\n"
	if _, err := pipelines.Check("x", []byte("j: {trigger: {include: 0.yml}}\n"), w); fault.Of(err).Code != fault.Lint || !strings.Contains(err.Error(), "0.yml") {
		t.Errorf("error = %v, want one about the file", err)
	}
	all["0.yml"] = "# " + strings.Repeat("x", pipelines.MaxBytes)
	if _, err := pipelines.Check("x", []byte("j: {trigger: {include: 0.yml}}\n"), w); fault.Of(err).Code != fault.Limit {
		t.Errorf("error = %v, want a limit", err)
	}
}

func TestE10_a_pipeline_below_is_in_the_repository(t *testing.T) {
	w := want
	asked := ""
	w.Tree = func(name string) ([]byte, error) { asked = name; return nil, errors.New("it is a link") }
	for _, name := range []string{"../x.yml", "ci/../../x.yml", "/../x.yml"} {
		_, err := pipelines.Check("x", []byte("j: {trigger: {include: "+name+"}}\n"), w)
		if f := fault.Of(err); err == nil || f.Code != fault.Path || asked != "" {
			t.Errorf("%s: error = %v, asked for %q; want it refused", name, err, asked)
		}
	}
	if _, err := pipelines.Check("x", []byte("j: {trigger: {include: ci/x.yml}}\n"), w); err == nil || asked != "ci/x.yml" {
		t.Errorf("error = %v, asked for %q; want what the repository says", err, asked)
	}
}
