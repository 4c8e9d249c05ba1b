//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// greet is the C program, in the policy of e2e/rebuild.
const greet = "greet"

// Three projects are built without a network, another job signs what each build has used, and a rebuilder builds each
// again. One of them writes the time of its compiling into the program: it is denied, and with it all three, until the
// repository is mended as the report says.
func TestN04_rebuild(t *testing.T) {
	t.Parallel()
	for name, platform := range map[string]func(*run) pipeline{
		"github": func(r *run) pipeline { return &rebuildOnGitHub{recordOnGitHub: recordOnGitHub{onGitHub{r}}} },
		"gitlab": func(r *run) pipeline { return &rebuildOnGitLab{recordOnGitLab: recordOnGitLab{onGitLab{r}}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, name+"-rebuild", scenario{over: "rebuild"}, variants[0])
			p := &reproduction{promotion{run: r, pipeline: platform(r), came: map[string]int{}}}
			p.opens(t)
			for _, step := range []struct {
				name string
				f    func(*testing.T)
			}{
				{"a_time_in_the_program", p.differs},
				{"mended", p.mended},
			} {
				if !t.Failed() {
					t.Run(step.name, step.f)
				}
			}
			r.lab.Contract(t)
		})
	}
}

// A reproduction is a promotion of what others have built again.
type reproduction struct{ promotion }

// differs has everything built and built again. The C program comes out with other bytes.
func (p *reproduction) differs(t *testing.T) {
	got := p.attempts(t, 1)
	p.attests(t, got)
	p.denied(t, got, map[string]string{program: "", packed: "", greet: "E_REPRODUCTION"})
	p.recorded(t, got)
	p.says(t, got,
		"same dist/hello",
		"same dist/hello-1.2.3.tgz",
		"differs dist/greet",
		"the time of compiling (__DATE__ or __TIME__)",
		"Set SOURCE_DATE_EPOCH for the compiler, or take the macros out.",
		"rebuild dist/greet: other bytes",
		"the artifact was built again, and came out with other bytes",
	)
	pages := map[string]bool{}
	for name, content := range textFiles(t, p.root) {
		switch base := filepath.Base(name); base {
		case "program.html", "package.html", "greet.html":
			other := strings.Contains(content, "__DATE__") && strings.Contains(content, "SOURCE_DATE_EPOCH")
			if other != (base == "greet.html") {
				t.Errorf("%s says that a time differs: %t", name, other)
			}
			pages[base] = true
		}
	}
	if len(pages) != 3 {
		t.Errorf("pages %v, want one of each rebuild", pages)
	}
	p.ended(t, got)
}

// mended does what the report says, and has everything built and built again once more.
func (p *reproduction) mended(t *testing.T) {
	p.edit(t, "Makefile", "CC = gcc\n", "CC = gcc\nexport SOURCE_DATE_EPOCH := $(shell git log -1 --format=%ct)\n")
	_, err := command(p.dir, "git", "commit", "--quiet", "--all", "-m", "take the time from the commit")
	must(t, err)
	got := p.attempts(t, 2)
	p.attests(t, got)
	p.entered(t, got, "production")
	p.recorded(t, got)
	p.says(t, got,
		"same dist/greet",
		"rebuild dist/greet: the same bytes",
		"1 of 2 rebuilders got the same bytes, none others",
		"entry 1 into production: its deployment succeeded",
	)
	p.ended(t, got)
}

var explained = regexp.MustCompile(`\d+ files read, \d+\.\d % explained; \d packages?, 1 product\b`)

// recorded asserts what is told of the three builds, in the jobs and by the manifests that they have handed on.
func (p *reproduction) recorded(t *testing.T, got result) {
	t.Helper()
	p.says(t, got, "materials files and programs observed, network cut, ", "recorded by the build's own job;")
	// It is told where it is built, and where that is signed.
	if n := len(explained.FindAllString(got.log, -1)); n < 6 && !got.cut() {
		t.Errorf("the share of the files that are explained is told %d times, want 6", n)
	}
	if strings.Contains(got.log, "this job can sign") {
		t.Error("the job that builds can sign")
	}
	tools := map[string]string{"program": "go", "package": "node", "greet": "gcc"}
	found := 0
	for name := range textFiles(t, p.root) {
		tool, is := tools[strings.TrimSuffix(filepath.Base(name), ".json")]
		if !is || !strings.Contains(name, "artifacts") || filepath.Ext(name) != ".json" {
			continue
		}
		found++
		shown, exit := p.released(t, nil, "manifest", "show", name)
		if exit != 0 || !strings.Contains(shown, "network cut") ||
			!regexp.MustCompile(`(?m)^toolchains? .*\b`+tool+`\b`).MatchString(shown) {
			t.Errorf("%s: exit code %d; want a network that was cut, and the toolchain %s\n%s", name, exit, tool, shown)
		}
	}
	if found < len(tools) {
		t.Errorf("%d manifests are handed on, want %d", found, len(tools))
	}
}

// says asserts what people read in the log of the jobs.
func (p *reproduction) says(t *testing.T, got result, all ...string) {
	t.Helper()
	log := strings.Join(strings.Fields(got.log), " ")
	for _, want := range all {
		if !strings.Contains(log, want) && !got.cut() {
			t.Errorf("the log lacks %q", want)
		}
	}
}

// pushes is what a platform knows after each commit. None but the last one was deployed.
func pushes(t *testing.T, r *run, before []pushed) []pushed {
	t.Helper()
	sha, err := command(r.dir, "git", "rev-parse", "HEAD")
	must(t, err)
	for i := range before {
		before[i].stopped = true
	}
	return append(before, pushed{sha: sha, attempt: 1})
}

// On GitHub the rebuilder is a workflow of the repository that the one which builds calls.
type rebuildOnGitHub struct {
	recordOnGitHub
	main []pushed
}

func (g *rebuildOnGitHub) attempts(t *testing.T, _ int, _ ...string) result {
	t.Helper()
	const file = ".github/workflows/rebuild.yml"
	g.main = pushes(t, g.run, g.main)
	g.knows(t, g.main, false)
	as := g.as(t, g.main)
	g.workflow(t, file, g.called(t, g.main, file))
	path := g.workflow(t, releaseFile, as)
	return g.client(t, start{event: "push", by: g.person("alice").login, workflow: path, target: g.name}, as(""))
}

// On GitLab the rebuilder is another project, whose pipeline is a run of the client of its own.
type rebuildOnGitLab struct {
	recordOnGitLab
	main  []pushed
	again onGitLab
}

// rebuilders is the number of that project, and of its pipeline.
const rebuilders, rebuildPipeline = 7000, 800

func (g *rebuildOnGitLab) opens(t *testing.T) {
	t.Helper()
	g.recordOnGitLab.opens(t)
	must(t, g.publish(g.dir, "acme/"+g.name))
	gitConfig := "[url \"%s/\"]\n\tinsteadOf = https://gitlab.com/\n\tinsteadOf = https://github.com/\n"
	must(t, write(filepath.Join(g.root, "home/.gitconfig"), fmt.Sprintf(gitConfig, g.git.URL)))
	other := *g.run
	other.dir = filepath.Join(g.root, "rebuilders")
	must(t, copyTree("rebuilders", other.dir))
	must(t, copyTree(filepath.Join(g.dir, ".sallyport/trust"), filepath.Join(other.dir, ".sallyport/trust")))
	other.edit(t, ".gitlab-ci.yml",
		append(g.names(), "acme/hello", "acme/"+g.name, strings.Repeat("0", 40), g.suite.release)...)
	var err error
	other.sha, err = commit(other.dir, "rebuild")
	must(t, err)
	remote(t, other.dir, "https://gitlab.com/rebuilders/hello.git")
	other.name, other.id = "hello", rebuilders
	g.again = onGitLab{&other}
	g.again.set(t, "", object{"path": "rebuilders/hello", "namespace_id": 66001})
	g.again.set(t, fmt.Sprint("/pipelines/", rebuildPipeline), object{"sha": other.sha, "ref": "main"})
	g.again.set(t, fmt.Sprint("/jobs/", rebuildPipeline+1), object{"commit": object{"id": other.sha}, "ref": "main"})
}

func (g *rebuildOnGitLab) attempts(t *testing.T, number int, _ ...string) result {
	t.Helper()
	if number > 1 {
		served := filepath.Join(g.suite.dir, "git", "acme", g.name+".git")
		_, err := command(g.dir, "git", "push", "--quiet", served, "main")
		must(t, err)
		_, err = command(g.dir, "git", "update-ref", "refs/remotes/origin/main", "HEAD")
		must(t, err)
	}
	g.main = pushes(t, g.run, g.main)
	g.knows(t, g.main, false)
	all := result{jobs: map[string]string{}, product: map[string]int{}}
	attest, deploy := g.as(t, g.main, 1), g.as(t, g.main, 2)
	jobs := g.expanded(t, g.run, attest)
	g.stages(t, &all, g.onGitLab, jobs, attest, "build", "attest")
	attested := all.outputs["attested"]
	if all.exit == 0 {
		g.stages(t, &all, g.again, g.expanded(t, g.again.run, g.rebuilder(t)), g.rebuilder(t), "rebuild", "sign")
	}
	if all.exit == 0 {
		g.stages(t, &all, g.onGitLab, jobs, deploy, "rebuild", "production")
	}
	all.outputs["attested"] = attested
	return all
}

// expanded is a pipeline with its components.
func (g *rebuildOnGitLab) expanded(t *testing.T, r *run, as identity) (jobs object) {
	t.Helper()
	name := r.pipeline(t, ".gitlab-ci.yml", as(""), as)
	b, err := os.ReadFile(filepath.Join(r.dir, name))
	must(t, err)
	must(t, json.Unmarshal(b, &jobs))
	return jobs
}

// stages has the client run the jobs of some stages, and adds what they did.
func (g *rebuildOnGitLab) stages(t *testing.T, all *result, at onGitLab, jobs object, as identity, stages ...string) {
	t.Helper()
	identify(jobs, as)
	var names []string
	for name, j := range jobs {
		job, _ := j.(object)
		stage, _ := job["stage"].(string)
		if strings.HasPrefix(name, ".") || !slices.Contains(stages, stage) || job["script"] == nil {
			continue
		}
		names = append(names, name)
		g.carry(job)
	}
	b, err := json.MarshalIndent(jobs, "", " ")
	must(t, err)
	must(t, write(filepath.Join(at.dir, "expanded.yml"), string(b)))
	got := at.client(t, g.name, as(""), names...)
	all.exit, all.log, all.outputs, all.verdicts = got.exit, all.log+got.log, got.outputs, got.verdicts
	all.secrets = append(all.secrets, got.secrets...)
	maps.Copy(all.jobs, got.jobs)
	maps.Copy(all.product, got.product)
}

// carry hands a job what it takes from jobs of another project, which the client leaves out.
func (g *rebuildOnGitLab) carry(job object) {
	before, _ := job["before_script"].([]any)
	needs, _ := job["needs"].([]any)
	for _, n := range needs {
		need, _ := n.(object)
		from := map[any]string{"rebuilders/hello": g.again.dir, "acme/" + g.name: g.dir}[need["project"]]
		if from != "" {
			kept := filepath.Join(from, ".gitlab-ci-local/artifacts", fmt.Sprint(need["job"]))
			before = append([]any{"cp -R " + kept + "/. ."}, before...)
		}
	}
	if len(before) > 0 {
		job["before_script"] = before
	}
}

// rebuilder is who the jobs of the other project are.
func (g *rebuildOnGitLab) rebuilder(t *testing.T) identity {
	return func(string) map[string]string {
		return g.lab.As(t, "gitlab", object{
			"project_id": strconv.Itoa(rebuilders), "project_path": "rebuilders/hello", "namespace_id": "66001",
			"sha": g.again.sha, "ci_config_sha": g.again.sha, "ref": "main", "pipeline_source": "pipeline",
			"pipeline_id": strconv.Itoa(rebuildPipeline), "job_id": strconv.Itoa(rebuildPipeline + 1),
		})
	}
}
