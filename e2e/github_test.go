//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// limit is how long one run of a client may take.
const limit = 4 * time.Minute

// object is a mapping of YAML or JSON.
type object = map[string]any

// runAct runs the sample's workflow with act, in host mode.
func runAct(t *testing.T, r *run) result {
	file := ".github/workflows/release.yml"
	if r.scenario.elsewhere {
		file = ".github/workflows/nightly.yml"
	}
	claims := object{
		"repository": "acme/" + r.name, "repository_id": strconv.Itoa(r.id), "ref": r.variant.ref, "sha": r.sha,
		"workflow_ref": "acme/" + r.name + "/" + file + "@" + r.variant.ref,
	}
	settings := object{"id": r.id, "owner_id": 4242, "visibility": "public", "protected": []string{"staging", "production"}}
	if r.scenario.open {
		settings = object{"id": r.id, "owner_id": 4242, "visibility": "public", "unprotected": []string{"staging", "production"}}
	}
	r.lab.Set(t, "/github/repos/acme/"+r.name, settings)
	r.lab.Set(t, "/github/repos/acme/"+r.name+"/runs/1000001", object{"head_sha": r.sha, "head_branch": r.variant.refName(), "path": file})
	if r.scenario.down {
		r.lab.Fault(t, object{"target": "github", "match": "/attestations/", "status": 503, "times": -1})
	}
	r.origin(t, "https://github.com")
	env := r.lab.As(t, "github", claims)
	workflow := r.workflow(t, file, func(name string) map[string]string {
		claims["environment"] = name
		return r.lab.As(t, "github", claims)
	})
	got := act(t, r, start{event: "push", by: "alice", workflow: workflow, target: r.name}, env)
	got.secrets = []string{env["GITHUB_TOKEN"], env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]}
	got.verdicts = verdictsBelow(t, filepath.Join(r.root, "cache"))
	return got
}

// An identity returns the variables of a job in an environment; "" is none.
type identity func(environment string) map[string]string

// always is the identity of jobs of which no one asks for its environment.
func always(env map[string]string) identity { return func(string) map[string]string { return env } }

// workflow writes the workflow as this client must be given it: with identity
// where the permissions give it, since act knows no permissions, and with what
// the scenario does to it. The file lies outside the repository, which keeps
// the one that a user would write.
func (r *run) workflow(t *testing.T, file string, as identity) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, file))
	must(t, err)
	var w object
	must(t, yaml.Unmarshal(b, &w))
	jobs := w["jobs"].(object)
	if r.scenario.anonymous {
		delete(jobs["build"].(object)["permissions"].(object), "id-token")
	}
	r.attack(jobs)
	for _, j := range jobs {
		job := j.(object)
		if uses, calls := job["uses"].(string); calls { // one of this repository, which is written beside this one
			job["uses"] = "./../workflows/" + filepath.Base(uses)
			continue
		}
		if p, _ := job["permissions"].(object); p["id-token"] == "write" {
			name, _ := job["environment"].(string)
			env := as(name)
			job["env"] = object{
				"ACTIONS_ID_TOKEN_REQUEST_URL":   env["ACTIONS_ID_TOKEN_REQUEST_URL"],
				"ACTIONS_ID_TOKEN_REQUEST_TOKEN": env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"],
			}
		}
		for _, x := range job["steps"].([]any) {
			r.standIn(x.(object))
		}
	}
	out, err := json.MarshalIndent(w, "", " ")
	must(t, err)
	path := filepath.Join(r.root, "workflows", filepath.Base(file))
	must(t, write(path, string(out)))
	return path
}

// standIn exchanges an action that needs the platform for the suite's own.
func (r *run) standIn(step object) {
	name, _, _ := strings.Cut(fmt.Sprint(step["uses"]), "@")
	if commit, ok := r.stands[name]; ok {
		step["uses"] = name + "@" + commit
	}
}

// attack does to the build job what the scenario says.
func (r *run) attack(jobs object) {
	if r.scenario.exchanged {
		job := jobs["staging"].(object)
		steps := job["steps"].([]any)
		at := slices.IndexFunc(steps, func(x any) bool { return x.(object)["id"] == "enter" })
		job["steps"] = slices.Insert(steps, at, any(object{"run": r.variant.change()}))
	}
	build, builds := jobs["build"].(object)
	if !builds {
		return
	}
	steps := build["steps"].([]any)
	at := slices.IndexFunc(steps, func(x any) bool { return x.(object)["id"] == "attest" })
	after := []any{}
	switch {
	case r.scenario.silent:
		steps = slices.Delete(steps, at, at+1)
	case r.scenario.tampered:
		after = []any{object{"run": r.variant.change()}}
	case r.scenario.other:
		steps[at].(object)["with"].(object)["subject"] = r.variant.unattacked()
		after = []any{object{"run": "cp -R .sallyport/bundles dist/bundles"}}
		for _, name := range []string{"gate-staging", "gate-production"} {
			for _, x := range jobs[name].(object)["steps"].([]any) {
				if step := x.(object); step["id"] == "gate" {
					step["with"].(object)["bundle"] = "dist/bundles"
				}
			}
		}
	}
	build["steps"] = slices.Insert(steps, min(at+1, len(steps)), after...)
}

// A start is what makes a workflow run.
type start struct {
	event, by string
	workflow  string // its file
	target    string // where it deploys to
	inputs    object
}

// act runs the client with a clean environment and a fresh cache of actions.
func act(t *testing.T, r *run, s start, env map[string]string) result {
	t.Helper()
	home := filepath.Join(r.root, "home")
	// The client has one address for cloning actions and for telling steps which
	// server they run on. Steps are told the second when their shell, or their
	// Node, starts.
	must(t, write(filepath.Join(home, "runner.env"), "export GITHUB_SERVER_URL=https://github.com\n"))
	must(t, write(filepath.Join(home, "runner.js"), "process.env.GITHUB_SERVER_URL = 'https://github.com'\n"))
	must(t, write(filepath.Join(home, ".config/act/actrc"), ""))
	event, err := json.Marshal(object{"ref": r.variant.ref, "repository": object{"default_branch": "main"}, "inputs": s.inputs})
	must(t, err)
	must(t, write(filepath.Join(r.root, "event.json"), string(event)))
	vars := maps.Clone(env)
	for _, name := range []string{"GITHUB_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITHUB_JOB"} {
		delete(vars, name)
	}
	maps.DeleteFunc(vars, func(name, _ string) bool { return strings.HasPrefix(name, "SALLYPORT_") })
	if name, value, ok := strings.Cut(r.scenario.variable, "="); ok {
		vars[name] = value
	}
	vars["GITHUB_SERVER_URL"] = r.git.URL
	vars["BASH_ENV"] = filepath.Join(home, "runner.env")
	vars["NODE_OPTIONS"] = "--require=" + filepath.Join(home, "runner.js")
	vars["SALLYPORT_RELEASES"] = r.releases.URL + "/" + r.name
	vars["E2E_ARTIFACTS"] = filepath.Join(r.root, "artifacts")
	args := []string{s.event, "--json", "-P", "ubuntu-latest=-self-hosted", "--container-daemon-socket", "-", "--no-cache-server",
		"--action-cache-path", filepath.Join(r.root, "cache"), "-W", s.workflow, "-a", s.by, "-e", filepath.Join(r.root, "event.json"),
		"--var", "DEPLOY_URL=" + r.target.URL + "/" + s.target}
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		args = append(args, "--env", name+"="+vars[name])
	}
	for _, name := range slices.Sorted(maps.Keys(r.vars)) {
		args = append(args, "--var", name+"="+r.vars[name])
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.act, append(args, "-s", "GITHUB_TOKEN")...)
	cmd.Dir = r.dir
	cmd.Env = r.environ(t, "XDG_CACHE_HOME="+home+"/.cache", "XDG_CONFIG_HOME="+home+"/.config", "GITHUB_TOKEN="+env["GITHUB_TOKEN"])
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	if ctx.Err() != nil {
		t.Errorf("the client did not end within %s", limit)
	}
	got := readAct(t, out.Bytes())
	if got.exit = cmd.ProcessState.ExitCode(); err != nil {
		got.log += errs.String()
	}
	return got
}

var failedWith = regexp.MustCompile(`^exit status (\d+)$`)

// readAct reads the client's events. Only what steps have written and what the
// client tells a person is the log: the event of a mask carries what it masks.
func readAct(t *testing.T, events []byte) result {
	t.Helper()
	got := result{jobs: map[string]string{}, product: map[string]int{}, scripts: map[string]int{}, outputs: map[string]string{}}
	var log strings.Builder
	lines := bufio.NewScanner(bytes.NewReader(events))
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var e struct {
			JobID, JobResult, Step, Command, Name, Arg, Msg string
			Raw                                             bool `json:"raw_output"`
			KVPairs                                         struct{ Title string }
		}
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			log.WriteString(lines.Text() + "\n")
			continue
		}
		if e.JobResult != "" {
			got.jobs[e.JobID] = e.JobResult
		}
		if m := failedWith.FindStringSubmatch(e.Msg); m != nil {
			code, _ := strconv.Atoi(m[1]) // digits
			if strings.Contains(e.Step, "sallyport-dev/sallyport") {
				got.product[e.JobID] = code
			} else {
				got.scripts[e.JobID] = code
			}
		}
		switch {
		case e.Command == "set-output":
			got.output(e.JobID, e.Name, e.Arg)
		case e.Command == "error", e.Command == "warning":
			fmt.Fprintf(&log, "[%s] %s: %s: %s\n", e.JobID, e.Command, e.KVPairs.Title, e.Arg)
		case e.Raw:
			log.WriteString(e.Msg)
		case e.Command == "":
			fmt.Fprintf(&log, "[%s] %s\n", e.JobID, strings.TrimSpace(e.Msg))
		}
	}
	must(t, lines.Err())
	got.log = log.String()
	return got
}

// output notes what is passed on: by the gates everything that lets something
// in, and by attest the digests.
func (g *result) output(job, name, value string) {
	environment, gate := strings.CutPrefix(job, "gate-")
	switch {
	case value == "":
	case (job == "build" || job == "attest") && name == "digests":
		all := append(strings.Fields(g.outputs["attested"]), strings.Fields(value)...)
		g.outputs["attested"] = strings.Join(slices.Compact(slices.Sorted(slices.Values(all))), " ")
	case job == "build" && name == "release":
		g.outputs["release"] = value
	case gate && name == "digests":
		g.outputs[environment] = value
	case gate && (name == "images" || name == "checksums" || name == "outcome" && value == "allow"):
		g.outputs[environment+" "+name] = value
	}
}
