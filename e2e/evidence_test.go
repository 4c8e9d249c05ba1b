//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// A pipeline is the sample of e2e/evidence on one platform.
type pipeline interface {
	// opens makes the repository and its people.
	opens(t *testing.T)
	// attempts runs some jobs of the pipeline; the others are as they ended in an earlier attempt.
	attempts(t *testing.T, number int, jobs ...string) result
	// gate is the job whose gate says no about production.
	gate() string
}

// A program, a package and an image are built, tested, scanned and attested with what is in them; they enter
// staging, and production after it. Production before staging is denied, and so is production with a vulnerability
// that the program calls, or with a test that fails.
func TestEvidence(t *testing.T) {
	t.Parallel()
	for name, platform := range map[string]func(*run) pipeline{
		"github": func(r *run) pipeline { return evidenceOnGitHub{recordOnGitHub{onGitHub{r}}} },
		"gitlab": func(r *run) pipeline { return evidenceOnGitLab{recordOnGitLab{onGitLab{r}}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, name+"-evidence", scenario{over: "evidence"}, variants[0])
			r.equip(t)
			r.vars = map[string]string{"VULNDB": vulnerabilities(t, "JoinPath")}
			p := &promotion{run: r, pipeline: platform(r), came: map[string]int{}}
			p.opens(t)
			for _, step := range []struct {
				name string
				f    func(*testing.T)
			}{
				{"production_before_staging", p.early},
				{"staging_and_production", p.enters},
				{"called_vulnerability_and_failing_test", p.worse},
			} {
				if !t.Failed() {
					t.Run(step.name, step.f)
				}
			}
			r.lab.Contract(t)
		})
	}
}

// A promotion is what becomes of three artifacts, in the order in which it is told.
type promotion struct {
	*run
	pipeline

	attested []string
	came     map[string]int // by environment: how much has arrived
}

// early builds and checks, and somebody starts the deployment to production before that to staging.
func (p *promotion) early(t *testing.T) {
	got := p.attempts(t, 1, "build", "check", "production")
	p.attests(t, got)
	p.denied(t, got, map[string]string{program: "E_ENTRY_MISSING", packed: "E_ENTRY_MISSING", image: "E_ENTRY_MISSING"})
	added := []string{"added by this call: tool"}
	if p.gate() == "production" { // where a step hands on what it knows; a component's inputs are fixed before
		added = []string{"added by this call: time", "added by this call: tool, database"}
	}
	for _, read := range append(added,
		"govulncheck, written by govulncheck v1.9.0", "Trivy, written by trivy 0.66.0",
		"CycloneDX 1.6, written by trivy 0.66.0", "2 tests passed, 0 failed, 0 skipped",
	) {
		if !strings.Contains(got.log, read) {
			t.Errorf("nobody says %q", read)
		}
	}
	p.ended(t, got)
}

// attests takes from the job that attested what shall arrive.
func (p *promotion) attests(t *testing.T, got result) {
	t.Helper()
	p.attested = slices.Sorted(slices.Values(strings.Fields(got.outputs["attested"])))
	if len(p.attested) != 3 {
		t.Errorf("attested %q, want three artifacts", p.attested)
	}
}

// enters lets all three into staging, and from there into production.
func (p *promotion) enters(t *testing.T) {
	got := p.attempts(t, 2, "staging", "production")
	p.entered(t, got, "staging", "production")
	for _, environment := range []string{"staging", "production"} {
		for _, want := range []string{"entry 1 into %s is signed", "entry 1 into %s: its deployment succeeded"} {
			if want = fmt.Sprintf(want, environment); !strings.Contains(got.log, want) {
				t.Errorf("nobody says %q", want)
			}
		}
	}
	for _, want := range []string{
		"govulncheck v1.9.0: 1 finding, none open", "not called: GO-2026-9001",
		"trivy 0.66.0: 1 finding, none open", "2 tests ran, none failed, 0 skipped",
	} {
		if !strings.Contains(strings.Join(strings.Fields(got.log), " "), want) {
			t.Errorf("nobody says %q", want)
		}
	}
	p.ended(t, got)
}

// worse checks again, with a newer database that knows a function which the program calls, and with a test of the
// package that fails. Nobody has anything against the image.
func (p *promotion) worse(t *testing.T) {
	p.vars["VULNDB"] = vulnerabilities(t, "JoinPath", "PathEscape")
	p.edit(t, "index.test.js", "a%20b", "a+b")
	got := p.attempts(t, 3, "check", "production")
	p.denied(t, got, map[string]string{program: "E_FINDINGS", packed: "E_TESTS", image: ""})
	if !got.cut() && !strings.Contains(got.log, "GO-2026-9002") {
		t.Error("nobody is told what the program calls")
	}
	p.ended(t, got)
}

// entered asserts that all that was attested has arrived, in each of the environments.
func (p *promotion) entered(t *testing.T, got result, environments ...string) {
	t.Helper()
	if got.exit != 0 {
		t.Errorf("the client exits with %d, jobs %v; want success", got.exit, got.jobs)
	}
	for _, environment := range environments {
		if news := p.news(environment); !slices.Equal(news, p.attested) {
			t.Errorf("%s received %q, want %q", environment, news, p.attested)
		}
	}
}

// The names of the artifacts in the policy.
const program, packed, image = "program", "package", "image"

// denied asserts that the gate of production says no, of each artifact for one reason alone, and of one with none
// that it would pass; and that nothing has arrived anywhere.
func (p *promotion) denied(t *testing.T, got result, reasons map[string]string) {
	t.Helper()
	if got.exit == 0 || got.jobs[p.gate()] != "failure" || got.product[p.gate()] != 3 {
		t.Errorf("the client exits with %d, jobs %v with exit codes %v; want %s to fail with 3",
			got.exit, got.jobs, got.product, p.gate())
	}
	for _, environment := range []string{"staging", "production"} {
		if news := p.news(environment); len(news) != 0 {
			t.Errorf("%s received %q, want nothing", environment, news)
		}
	}
	seen := 0
	for _, s := range got.verdict(t, "production").Subjects {
		codes := slices.Compact(slices.Sorted(slices.Values(verdictFile{Findings: s.Findings}.refusals())))
		want, ok := reasons[s.Artifact]
		if !ok || strings.Join(codes, " ") != want {
			t.Errorf("%s %q is refused for %q, want %q alone", s.Artifact, s.Subject.Digest, codes, want)
		}
		seen++
	}
	if seen != len(reasons) {
		t.Errorf("%d artifacts are judged, want %d", seen, len(reasons))
	}
	for _, code := range reasons {
		if !got.cut() && !strings.Contains(got.log, code) {
			t.Errorf("nobody is told %s", code)
		}
	}
}

// news is what has arrived in an environment since it was asked for.
func (p *promotion) news(environment string) []string {
	all := p.arrived(p.name, environment)
	news := slices.Sorted(slices.Values(all[p.came[environment]:]))
	p.came[environment] = len(all)
	return news
}

// ended asserts that no credential is anywhere, and clears the verdicts away.
func (p *promotion) ended(t *testing.T, got result) {
	t.Helper()
	(&ledger{r: p.run}).ended(t, got)
}

// equip puts programs where jobs find them: the scanner in a namespace without a network, and what stands in for those
// that want a network or an engine.
func (r *run) equip(t *testing.T) {
	t.Helper()
	alone := "unshare --net"
	if os.Getuid() != 0 {
		alone = "unshare --map-root-user --net"
	}
	if out, err := exec.Command("sh", "-c", alone+" true").CombinedOutput(); err != nil {
		t.Fatalf("the scanner has to run without a network, and this machine refuses a namespace for that: %s: %v: %s\n"+
			"run the tests as root, or in a container with --security-opt seccomp=unconfined; on Ubuntu, "+
			"sysctl kernel.apparmor_restrict_unprivileged_userns=0", alone, err, out)
	}
	r.tools = filepath.Join(r.root, "tools")
	for name, script := range map[string]string{
		"govulncheck": "#!/bin/sh\nexec " + alone + " " + r.govulncheck + " \"$@\"\n",
		"docker":      "#!/bin/bash\nset -eu\nTAGS=$4 GITHUB_OUTPUT=/dev/null\n" + pushImage,
		"trivy":       trivy,
	} {
		path := filepath.Join(r.tools, name)
		must(t, write(path, script))
		must(t, os.Chmod(path, 0o755))
	}
}

// trivy writes what Trivy 0.66 writes about the sample: one finding of a medium severity in the package, and one in
// the image, which it names by the digest that the registry says.
const trivy = `#!/bin/sh
set -eu
now=$(date -u +%Y-%m-%dT%H:%M:%SZ) out=/dev/stdout command=$1
for word; do
  if [ "${before:-}" = --output ]; then out=$word; fi
  before=$word target=$word
done
document() {
  printf '{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"timestamp":"%s",
   "tools":{"components":[{"type":"application","group":"aquasecurity","name":"trivy","version":"0.66.0"}]},
   "component":%s},"components":[{"bom-ref":"go","type":"library","name":"stdlib","version":"v1.26.0",
    "purl":"pkg:golang/stdlib@v1.26.0"}]%s}\n' \
    "$now" "$1" "$2" >"$out"
}
case $command in
version) printf '{"Version":"0.66.0","VulnerabilityDB":{"Version":2,"UpdatedAt":"%s"}}\n' "$now" ;;
rootfs) document '{"bom-ref":"main","type":"application","name":"'"$target"'"}' '' ;;
image)
  name=${target%:*} tag=${target##*:}
  manifest=http://${name%%/*}/v2/${name#*/}/manifests/$tag
  digest=$(curl -fsSI -H 'Accept: application/vnd.oci.image.manifest.v1+json' "$manifest" |
    tr -d '\r' | sed -n 's/^[Dd]ocker-[Cc]ontent-[Dd]igest: sha256://p')
  purl="pkg:oci/${name##*/}@sha256%3A$digest?arch=amd64"
  document '{"bom-ref":"main","type":"container","name":"'"$target"'","purl":"'"$purl"'"}' \
    ',"vulnerabilities":[{"id":"CVE-2026-99003","ratings":[{"severity":"medium"}],"affects":[{"ref":"go"}]}]'
  ;;
fs)
  printf '{"SchemaVersion":2,"CreatedAt":"%s","ArtifactName":"%s","ArtifactType":"filesystem","Results":[
   {"Target":"%s","Class":"lang-pkgs","Type":"npm",
    "Packages":[{"ID":"left-pad@1.3.0","Name":"left-pad","Version":"1.3.0",
     "Identifier":{"PURL":"pkg:npm/left-pad@1.3.0"}}],
    "Vulnerabilities":[{"VulnerabilityID":"CVE-2026-99004","PkgID":"left-pad@1.3.0","PkgName":"left-pad",
     "InstalledVersion":"1.3.0","PkgIdentifier":{"PURL":"pkg:npm/left-pad@1.3.0"},"Severity":"MEDIUM"}]}]}\n' "$now" "$target" "$target" >"$out"
  ;;
*) echo "trivy: $command is not stood in for" >&2 && exit 1 ;;
esac
`

// vulnerabilities makes a database of the scanner in which functions of net/url are vulnerable, and returns its
// address.
func vulnerabilities(t *testing.T, functions ...string) string {
	t.Helper()
	dir, at := t.TempDir(), time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	put := func(name string, v any) {
		b, err := json.Marshal(v)
		must(t, err)
		must(t, write(filepath.Join(dir, name), string(b)))
	}
	var known, fixed []object
	for i, function := range functions {
		id := "GO-2026-" + strconv.Itoa(9001+i)
		known = append(known, object{"id": id, "modified": at})
		fixed = append(fixed, object{"id": id, "modified": at, "fixed": "99.0.0"})
		put("ID/"+id+".json", object{
			"schema_version": "1.3.1", "id": id, "modified": at, "published": at, "summary": "made up",
			"affected": []object{{
				"package":            object{"name": "stdlib", "ecosystem": "Go"},
				"ranges":             []object{{"type": "SEMVER", "events": []object{{"introduced": "0"}, {"fixed": "99.0.0"}}}},
				"ecosystem_specific": object{"imports": []object{{"path": "net/url", "symbols": []string{function}}}},
			}},
			"database_specific": object{"url": "https://pkg.go.dev/vuln/" + id, "review_status": "REVIEWED"},
		})
	}
	put("index/db.json", object{"modified": at})
	put("index/modules.json", []object{{"path": "stdlib", "vulns": fixed}})
	put("index/vulns.json", known)
	return "file://" + dir
}

type evidenceOnGitHub struct{ recordOnGitHub }

func (g evidenceOnGitHub) opens(t *testing.T) {
	t.Helper()
	g.recordOnGitHub.opens(t)
	protected := []string{"staging", "production"}
	g.set(t, "", object{"id": g.id, "owner_id": 4242, "visibility": "public", "protected": protected})
}

func (g evidenceOnGitHub) attempts(t *testing.T, number int, names ...string) result {
	t.Helper()
	main := []pushed{{sha: g.sha, attempt: number}}
	g.knows(t, main, false)
	for attempt := 1; attempt <= number; attempt++ {
		ended := any("failure") // of what deploys to production
		if attempt == number {
			ended = nil
		}
		g.set(t, fmt.Sprintf("/runs/%d/attempts/%d/jobs", noRun+1, attempt), []object{
			{"name": "build", "id": 10*attempt + 1}, {"name": "check", "id": 10*attempt + 2},
			{"name": "production", "id": 10*attempt + 3, "conclusion": ended},
		})
	}
	as := g.as(t, main)
	path := g.workflow(t, releaseFile, as)
	b, err := os.ReadFile(path)
	must(t, err)
	var w object
	must(t, yaml.Unmarshal(b, &w))
	jobs := w["jobs"].(object)
	for name, j := range jobs {
		job := j.(object)
		if !slices.Contains(names, name) {
			delete(jobs, name)
			continue
		}
		if at := slices.Index(names, name); at > 0 {
			job["needs"] = names[:at]
		} else {
			delete(job, "needs")
		}
	}
	b, err = json.MarshalIndent(w, "", " ")
	must(t, err)
	must(t, write(path, string(b)))
	return g.client(t, start{event: "push", by: g.person("alice").login, workflow: path, target: g.name}, as(""))
}

type evidenceOnGitLab struct{ recordOnGitLab }

func (g evidenceOnGitLab) opens(t *testing.T) {
	t.Helper()
	g.recordOnGitLab.opens(t)
	g.set(t, "", object{"path": "acme/" + g.name, "protected": []string{"staging", "production"}})
}

// number is that of a job in its pipeline: those that deploy have one each, and the others one together.
func (g evidenceOnGitLab) number(stage string, attempt int) int {
	switch stage {
	case "check":
		return 5
	case "staging":
		return 6
	case "production":
		return 1 + attempt
	}
	return 1
}

func (g evidenceOnGitLab) attempts(t *testing.T, number int, names ...string) result {
	t.Helper()
	main := []pushed{{sha: g.sha, attempt: number}}
	g.knows(t, main, false)
	for name, status := range map[string]string{"check": "success", "staging": "running"} {
		job := g.of(noPipeline+1, g.person("alice"), name, status)
		job["ref"] = "main"
		g.set(t, fmt.Sprint("/jobs/", 10*(noPipeline+1)+g.number(name, number)), job)
	}
	as := func(stage string) identity { return g.as(t, main, g.number(stage, number)) }
	expanded := filepath.Join(g.root, "expanded.yml")
	if number == 1 {
		g.pipeline(t, ".gitlab-ci.yml", as("")(""), as(""))
		must(t, copyTree(filepath.Join(g.dir, "expanded.yml"), expanded))
	}
	b, err := os.ReadFile(expanded)
	must(t, err)
	var jobs object
	must(t, json.Unmarshal(b, &jobs))
	if slices.Contains(names, "check") {
		names = slices.Insert(names, slices.Index(names, "check")+1, "attest")
	}
	got := result{jobs: map[string]string{}, product: map[string]int{}}
	building := slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s == "staging" || s == "production" })
	if len(building) > 0 {
		g.stages(t, &got, jobs, as(""), building...)
	}
	for _, environment := range []string{"staging", "production"} {
		if slices.Contains(names, environment) && got.exit == 0 {
			g.stages(t, &got, jobs, as(environment), environment)
		}
	}
	return got
}

// stages has the client run the jobs of some stages, which are all of one number, and adds what they did. Provenance is
// attested with the build alone.
func (g evidenceOnGitLab) stages(t *testing.T, all *result, jobs object, as identity, stages ...string) {
	t.Helper()
	identify(jobs, as)
	b, err := json.MarshalIndent(jobs, "", " ")
	must(t, err)
	must(t, write(filepath.Join(g.dir, "expanded.yml"), string(b)))
	var names []string
	for name, j := range jobs {
		job, _ := j.(object)
		stage, _ := job["stage"].(string)
		if strings.HasPrefix(name, ".") || name == "attest" && !slices.Contains(stages, "build") {
			continue
		}
		if slices.Contains(stages, stage) {
			names = append(names, name)
		}
	}
	got := g.client(t, g.name, as(""), names...)
	all.exit, all.log, all.outputs, all.verdicts = got.exit, all.log+got.log, got.outputs, got.verdicts
	all.secrets = append(all.secrets, got.secrets...)
	maps.Copy(all.jobs, got.jobs)
	maps.Copy(all.product, got.product)
}
