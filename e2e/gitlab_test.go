//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// runPipeline runs the sample's pipeline with gitlab-ci-local, in its shell.
func runPipeline(t *testing.T, r *run) result {
	file := ".gitlab-ci.yml"
	if r.scenario.elsewhere {
		file = "nightly.yml"
	}
	path := "acme/" + r.name
	claims := object{
		"project_id": strconv.Itoa(r.id), "project_path": path, "sha": r.sha, "ci_config_sha": r.sha, "ref": r.variant.refName(), "ref_type": r.variant.refType(),
		"ci_config_ref_uri": "gitlab.com/" + path + "//" + file + "@" + r.variant.ref,
	}
	settings := object{"path": path, "protected": []string{"staging", "production"}}
	if r.scenario.open {
		settings = object{"path": path, "unprotected": []string{"staging", "production"}}
	}
	r.lab.Set(t, "/gitlab/projects/"+strconv.Itoa(r.id), settings)
	here := "/gitlab/projects/" + strconv.Itoa(r.id)
	r.lab.Set(t, here+"/pipelines/574", object{"sha": r.sha, "ref": r.variant.refName(), "tag": r.variant.refType() == "tag"})
	r.lab.Set(t, here+"/jobs/302", object{"commit": object{"id": r.sha}, "ref": r.variant.refName(), "tag": r.variant.refType() == "tag"})
	if r.scenario.down {
		r.lab.Fault(t, object{"target": "gitlab", "match": "GET .*/packages", "status": 503, "times": -1})
	}
	r.origin(t, "https://gitlab.com")
	env := r.lab.As(t, "gitlab", claims)
	must(t, write(filepath.Join(r.root, "home/.gitconfig"), "[url \""+r.git.URL+"/\"]\n\tinsteadOf = https://gitlab.com/\n"))
	expanded := r.pipeline(t, file, env, func(name string) map[string]string {
		claims["environment"] = name
		return r.lab.As(t, "gitlab", claims)
	})
	out, exit := r.gitlabCI(t, append(r.variables(env, r.name), "--file", expanded)...)
	got := result{exit: exit, log: out, secrets: []string{env["GITLAB_TOKEN"], env["CI_JOB_TOKEN"], env["SIGSTORE_ID_TOKEN"], env["SALLYPORT_ID_TOKEN"]}}
	got.read(t, filepath.Join(r.dir, ".gitlab-ci-local"))
	return got
}

// unset are variables that say what the client knows better, or that only some
// jobs have.
var unset = []string{"SIGSTORE_ID_TOKEN", "CI_JOB_NAME", "CI_JOB_STAGE"}

func (r *run) variables(env map[string]string, target string) []string {
	vars := maps.Clone(env)
	maps.DeleteFunc(vars, func(name, _ string) bool {
		return slices.Contains(unset, name) || strings.HasPrefix(name, "SALLYPORT_")
	})
	vars["SALLYPORT_RELEASES"] = r.releases.URL + "/" + r.name
	vars["DEPLOY_URL"] = r.target.URL + "/" + target
	if name, value, ok := strings.Cut(r.scenario.variable, "="); ok {
		vars[name] = value
	}
	maps.Copy(vars, r.vars)
	names := slices.Sorted(maps.Keys(vars))
	args := []string{"--ignore-predefined-vars", strings.Join(names, ",")}
	for _, name := range names {
		args = append(args, "--variable", name+"="+vars[name])
	}
	if r.variant.refType() == "tag" {
		args = append(args, "--unset-variable", "CI_COMMIT_BRANCH")
	}
	return args
}

// pipeline has the client put the components into the pipeline, and then adds
// what the client does not model: the identity tokens of the jobs that ask for
// them, and what the scenario does.
func (r *run) pipeline(t *testing.T, file string, env map[string]string, as identity) string {
	t.Helper()
	args := append(r.variables(env, r.name), "--file", file, "--preview")
	preview, exit := r.gitlabCI(t, args...)
	// The client fetches a component that is included twice two times at once,
	// and the copies can collide. What arrived is kept, so the next try goes on.
	for try := 1; try < 5 && exit != 0 && strings.Contains(preview, "Component include could not be fetched"); try++ {
		preview, exit = r.gitlabCI(t, args...)
	}
	_, document, _ := strings.Cut(preview, "---\n") // before it the client may warn
	var jobs object
	if err := yaml.Unmarshal([]byte(document), &jobs); err != nil || exit != 0 {
		t.Fatalf("the client cannot read the pipeline: exit code %d, %v\n%s", exit, err, preview)
	}
	if r.scenario.anonymous {
		delete(jobs["attest"].(object), "id_tokens")
	}
	r.sabotage(jobs)
	identify(jobs, as)
	out, err := json.MarshalIndent(jobs, "", " ")
	must(t, err)
	must(t, write(filepath.Join(r.dir, "expanded.yml"), string(out)))
	return "expanded.yml"
}

// identify gives each job the ID tokens that it asks for, as GitLab would.
func identify(jobs object, as identity) {
	for _, j := range jobs {
		job, isJob := j.(object)
		if !isJob {
			continue
		}
		tokens, _ := job["id_tokens"].(object)
		if len(tokens) == 0 {
			continue
		}
		where, _ := job["environment"].(object)
		name, _ := where["name"].(string)
		env := as(name)
		for name := range tokens {
			vars, _ := job["variables"].(object)
			if vars == nil {
				vars = object{}
			}
			vars[name] = env[name]
			job["variables"] = vars
		}
	}
}

// given is what a job of a component is told to work on.
var given = regexp.MustCompile(`--with 'subject=[^']*'`)

// sabotage does to the jobs what the scenario says.
func (r *run) sabotage(jobs object) {
	switch {
	case r.scenario.silent:
		delete(jobs, "attest")
		for _, name := range []string{"gate:staging", "gate:production"} {
			job := jobs[name].(object)
			job["needs"] = slices.DeleteFunc(job["needs"].([]any), func(x any) bool {
				need, _ := x.(object)
				return x == "attest" || need["job"] == "attest"
			})
		}
	case r.scenario.tampered:
		for _, name := range []string{"gate:staging", "gate:production"} {
			jobs[name].(object)["before_script"] = []any{r.variant.change()}
		}
	case r.scenario.exchanged:
		job := jobs["deploy:staging"].(object)
		job["before_script"] = slices.Insert(job["before_script"].([]any), 0, any(r.variant.change()))
	case r.scenario.other:
		script := jobs["attest"].(object)["script"].([]any)
		last := script[len(script)-1].(string)
		script[len(script)-1] = given.ReplaceAllLiteralString(last, "--with 'subject="+r.variant.unattacked()+"'")
	}
}

// gitlabCI runs the client with a clean environment.
func (r *run) gitlabCI(t *testing.T, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	args = append([]string{r.gitlab, "--force-shell-executor", "--shell-isolation", "--no-color"}, args...)
	cmd := exec.CommandContext(ctx, r.node, args...)
	cmd.Dir = r.dir
	cmd.Env = r.environ(t, "PATH="+filepath.Dir(r.node)+":"+r.path())
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Errorf("the client did not end within %s", limit)
	}
	if err != nil || !slices.Contains(args, "--preview") {
		out.Write(errs.Bytes())
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

var (
	finished  = regexp.MustCompile(`(?m)^([a-z:-]+) +finished in [^\n]*?(?:FAIL (\d+))? *$`)
	pipelines = strings.NewReplacer("deploy:", "", "gate:", "gate-")
)

// read takes the jobs from the log and what they passed on from the files that
// the client keeps for later jobs.
func (g *result) read(t *testing.T, state string) {
	t.Helper()
	g.jobs, g.product, g.scripts, g.outputs = map[string]string{}, map[string]int{}, map[string]int{}, map[string]string{}
	for _, m := range finished.FindAllStringSubmatch(g.log, -1) {
		job := pipelines.Replace(m[1])
		if job == "attest" {
			job = "build"
		}
		g.jobs[job] = "success"
		if m[2] != "" {
			g.jobs[job] = "failure"
			code, _ := strconv.Atoi(m[2]) // digits
			g.product[job], g.scripts[job] = code, code
		}
	}
	for name, content := range textFiles(t, filepath.Join(state, "artifacts")) {
		job := strings.Split(strings.TrimPrefix(name, filepath.Join(state, "artifacts")+"/"), "/")[0]
		job = strings.Replace(job, "Og", ":", 1) // the client writes a colon in base64
		if !strings.HasSuffix(name, ".env") {
			continue
		}
		for line := range strings.Lines(content) {
			variable, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			g.variable(job, variable, value)
		}
	}
	g.verdicts = verdictsBelow(t, filepath.Join(state, "artifacts"))
}

// variable notes what a job passes on to later jobs.
func (g *result) variable(job, name, value string) {
	_, environment, gate := strings.Cut(job, ":")
	switch {
	case value == "":
	case name == "SALLYPORT_ATTESTED_DIGESTS" && job == "attest":
		g.outputs["attested"] = value
	case name == "SALLYPORT_RELEASE_DIGEST":
		g.outputs["release"] = value
	case gate && name == "SALLYPORT_DIGESTS":
		g.outputs[environment] = value
	case gate && (name == "SALLYPORT_IMAGES" || name == "SALLYPORT_ALLOWED_CHECKSUMS" || name == "SALLYPORT_OUTCOME" && value == "allow"):
		g.outputs[environment+" "+strings.ToLower(name)] = value
	}
}
