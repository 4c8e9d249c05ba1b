package pipelines_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/pipelines"
)

func TestH02_a_job_that_enters_without_the_list_of_its_gate(t *testing.T) {
	with := func(own string) string { return strings.Replace(enters(t, ""), needs, own, 1) }
	passes(t, with(""))
	passes(t, with(`  needs: ["gate:production"]`+"\n"))
	trips(t, with("  needs: [build]\n"), finding.EnterListMissing, finding.Error)
	trips(t, with("  needs: []\n"), finding.EnterListMissing, finding.Error)
	trips(t, with("  needs: [build, {job: 'gate:production', artifacts: false}]\n"), finding.EnterListMissing, finding.Error)
	passes(t, with("  needs: [build, {job: 'gate:production', artifacts: true}]\n"))
	trips(t, with(needs+"  dependencies: [build]\n"), finding.EnterListMissing, finding.Error)
	trips(t, with(needs+"  dependencies: []\n"), finding.EnterListMissing, finding.Error)
	passes(t, with(needs+"  dependencies: [build, 'gate:production']\n"))
	trips(t, with("  needs: [build, {job: 'gate:production', optional: true}]\n"), finding.EnterListMissing, finding.Warning)
	passes(t, with("  needs: [build, {job: 'gate:production', optional: false}]\n"))
	trips(t, with(needs+"  rules: [{if: $CI_COMMIT_TAG, needs: [build]}]\n"), finding.EnterListMissing, finding.Error)
	// Another job may hand the list on, another file may name the jobs, and another list may be said.
	passes(t, strings.Replace(with("  needs: [keep]\n"), "build:\n", "keep:\n  stage: check\n  needs: ['gate:production']\n  script: x\n  artifacts: {paths: [.sallyport/checksums.txt]}\nbuild:\n", 1))
	passes(t, strings.Replace(with("  needs: [build]\n"), "inputs: {environment: production}", "inputs: {environment: production, checksums: dist/SUMS}", 1))
	unread := with("  needs: [build, 'gate:other']\n") + "include:\n"
	if got := rules(check(t, strings.Replace(strings.TrimSuffix(unread, "include:\n"), "include:\n", "include:\n  - local: more.yml\n", 1), want)); !slices.Equal(got, []string{"include-unseen"}) {
		t.Errorf("findings = %v, want none about a need that an unread include may have", got)
	}
}

func TestH02_a_job_enters_by_hand_without_the_list_of_its_gate(t *testing.T) {
	byHand := func(more, script string) string {
		return "deploy:\n  stage: deploy\n  environment: production\n" + token + more + "  script: [" + script + ", ./deploy.sh]\n"
	}
	gate := strings.Split(handwritten, "deploy:\n")[0]
	trips(t, byHand("", "sallyport enter"), finding.EnterListMissing, finding.Error)
	trips(t, gate+byHand("", "sallyport enter"), finding.EnterListMissing, finding.Error)
	passes(t, gate+"  artifacts: {paths: [.sallyport/]}\n"+byHand("", "sallyport enter"))
	trips(t, gate+"  artifacts: {paths: [.sallyport/]}\n"+strings.Replace(byHand("", "sallyport enter"), "stage: deploy", "stage: build", 1), finding.EnterListMissing, finding.Error)
	passes(t, byHand("", "curl -fsSO $URL/checksums.txt, sallyport enter"))
	passes(t, byHand("", "sallyport enter --checksums SUMS"))
	passes(t, byHand("", "sallyport enter --passed $DIGESTS"))
	trips(t, byHand("", "sallyport enter, ls .sallyport/checksums.txt"), finding.EnterListMissing, finding.Error)
}

func TestH11_a_job_below_enters_with_the_list_of_the_gate_above(t *testing.T) {
	child := func(needs string) tree {
		return tree{"ci/d.yml": "include:\n  - component: $CI_SERVER_FQDN/sallyport-dev/sallyport/enter@" + sha + "\n    inputs: {environment: production}\n" +
			"deploy:\n  extends: .enter:production\n" + needs + "  script: ./deploy.sh\n"}
	}
	above := "  needs: [{pipeline: $PARENT_PIPELINE_ID, job: 'gate:production'}]\n"
	behind := strings.Replace(starts, "[]", "['gate:production']", 1)
	hands := "  variables: {PARENT_PIPELINE_ID: $CI_PIPELINE_ID}\n"
	for name, c := range map[string]struct {
		needs, bridge, top string
		want               []string
	}{
		"handed down":             {above, behind + hands, "", nil},
		"to all jobs":             {above, behind, "variables: {PARENT_PIPELINE_ID: $CI_PIPELINE_ID}\n", nil},
		"of the platform":         {strings.Replace(above, "PARENT", "CI_UPSTREAM", 1), behind, "", nil},
		"with the files":          {strings.Replace(above, "[{", "[{pipeline: $PARENT_PIPELINE_ID, job: build}, {", 1), behind + hands, "", nil},
		"not handed down":         {above, behind, "", []string{"enter-list-missing"}},
		"held back":               {above, strings.Replace(behind, "strategy: depend", "strategy: depend, forward: {yaml_variables: false}", 1) + hands, "", []string{"enter-list-missing"}},
		"of another job":          {strings.Replace(above, "gate:production", "build", 1), behind + hands, "", []string{"enter-list-missing"}},
		"of another pipeline":     {above, behind + "  variables: {PARENT_PIPELINE_ID: $OTHER}\n", "", []string{"artifacts-elsewhere"}},
		"a gate that is not here": {"", behind + hands, "", []string{"enter-list-missing"}},
	} {
		w := want
		w.Tree = child(c.needs).read
		found, err := pipelines.Check(".gitlab-ci.yml", []byte(c.top+clean+"child:\n  stage: after\n"+c.bridge), w)
		if err != nil {
			t.Fatal(err)
		}
		if got := rules(found); !slices.Equal(got, c.want) {
			t.Errorf("%s: findings = %+v, want %v", name, found, c.want)
		}
	}
}

// The page for people on GitLab shows such a pipeline.
func TestH11_the_page_shows_how_a_job_below_enters(t *testing.T) {
	page, err := os.ReadFile("../../gitlab/README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 2 {
		t.Fatalf("the page has %d pipelines, want two", len(blocks))
	}
	w := want
	w.Tree = tree{"deploy.yml": strings.ReplaceAll(blocks[1][1], "@COMMIT", "@"+sha)}.read
	found, err := pipelines.Check(".gitlab-ci.yml", []byte(clean+blocks[0][1]), w)
	if err != nil || len(found) != 0 {
		t.Errorf("findings = %+v, %v, want none", found, err)
	}
}

func TestC20_a_job_whose_token_is_for_somebody_else(t *testing.T) {
	for aud, rule := range map[string]finding.Rule{"vault": finding.GateToken, "[sallyport-gate, vault]": finding.GateToken, "[]": finding.GateToken, "sallyport-gate": finding.None, "[sallyport-gate]": finding.None, "$AUD": finding.None} {
		ids := "  id_tokens: {SALLYPORT_ID_TOKEN: {aud: " + aud + "}}\n"
		for _, raw := range []string{enters(t, ids), hand(t, "gate:\n", "gate:\n"+ids)} {
			if rule == finding.None {
				passes(t, raw)
			} else {
				trips(t, raw, rule, finding.Error)
			}
		}
	}
	passes(t, enters(t, "  id_tokens: {VAULT: {aud: vault}}\n"))
	byHand := "deploy:\n  environment: production\n  script: [sallyport enter --checksums SUMS, ./deploy.sh]\n"
	trips(t, byHand, finding.GateToken, finding.Error)
	passes(t, byHand+token)
	passes(t, "default:\n"+token+byHand)
}

func TestH06_commands_before_the_entering(t *testing.T) {
	const reference = `!reference [".enter:production", before_script]`
	trips(t, enters(t, "  before_script: [make tools, "+reference+"]\n"), finding.EnterLate, finding.Error)
	passes(t, enters(t, "  before_script: ["+reference+", make tools]\n"))
	moved := "  extends: .enter:production\n  before_script: []\n"
	both := rules(check(t, strings.Replace(strings.Replace(enters(t, ""), "  extends: .enter:production\n", moved, 1), "  script: ./deploy.sh", "  script: [make, "+reference+", ./deploy.sh]", 1), want))
	if !slices.Equal(both, []string{"enter-late"}) {
		t.Errorf("findings = %v, want enter-late", both)
	}
	trips(t, enters(t, "  hooks: {pre_get_sources_script: [./x.sh]}\n"), finding.EnterLate, finding.Error)
	passes(t, enters(t, "  hooks: {}\n"))
	alone := "deploy:\n  environment: production\n" + token + "  script: [sallyport enter --checksums SUMS, ./deploy.sh]\n"
	trips(t, "default: {hooks: {pre_get_sources_script: [./x.sh]}}\n"+alone, finding.GateInherits, finding.Error)
	passes(t, "default: {hooks: {pre_get_sources_script: [./x.sh]}}\n"+alone+"  inherit: {default: false}\n")
	passes(t, "default: {before_script: [./get-sallyport.sh]}\n"+alone)
}

func TestH02_a_deployment_in_after_script(t *testing.T) {
	for _, line := range []string{
		"./deploy.sh", "scripts/publish-all.sh dist", "make deploy", "npm run deploy", "kubectl apply -f k8s", "aws s3 sync dist s3://b", "docker push app:v1", "cd k8s && helm upgrade app .", "npm publish",
	} {
		trips(t, enters(t, "  after_script: ['"+line+"']\n"), finding.DeployAlways, finding.Error)
	}
	for _, line := range []string{"./logout.sh", "docker logout", "echo deploy is over", "kubectl get pods", "curl -d deployed https://chat.example/hook", "./undeploy.sh", "rm -rf deploy", "sync", "kubectl delete -f deploy.yml"} {
		passes(t, enters(t, "  after_script: ['"+line+"']\n"))
	}
	passes(t, enters(t, "  after_script: ['if [ $CI_JOB_STATUS = success ]; then ./deploy.sh; fi']\n"))
	passes(t, change(t, needs, needs+"  after_script: [./deploy.sh]\n")) // behind its gate it does not start
	one := "deploy:\n  environment: production\n  script: [sallyport gate --environment production x]\n"
	trips(t, one+"  after_script: [./deploy.sh]\n", finding.DeployAlways, finding.Error)
	passes(t, one)
}

func TestH06_a_commit_that_an_artifact_brings(t *testing.T) {
	for _, path := range []string{".git/", ".git/**/*", "**/.git", ".sallyport/.git/", "dist/.git/objects", "./.git", ".*", ".g?t/"} {
		trips(t, change(t, "paths: [dist/]", "paths: [dist/, '"+path+"']"), finding.GateFed, finding.Error)
	}
	for _, path := range []string{"dist/*", "dist/**/*", ".gitlab/", ".github/x", "git/", "dist/.gitkeep"} {
		passes(t, change(t, "paths: [dist/]", "paths: [dist/, '"+path+"']"))
	}
	// Only the job that enters takes it.
	other := func(path string) string {
		return strings.Replace(strings.Replace(enters(t, ""), needs, "  needs: [build, other, 'gate:production']\n", 1), "build:\n", "other:\n  stage: build\n  script: x\n  artifacts: {paths: ["+path+"]}\nbuild:\n", 1)
	}
	trips(t, other(".git/"), finding.GateFed, finding.Error)
	passes(t, other("site/"))
}
