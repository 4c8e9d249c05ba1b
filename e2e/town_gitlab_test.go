//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// onGitLab is a town whose client is gitlab-ci-local.
type onGitLab struct{ *run }

func (p person) onGitLab() object { return object{"id": p.id, "username": p.login} }

func (g onGitLab) set(t *testing.T, path string, v any) {
	t.Helper()
	g.lab.Set(t, "/gitlab/projects/"+strconv.Itoa(g.id)+path, v)
}

// Jobs of pipeline 574, the job of a later one, and deployments.
const (
	buildJob, attestJob, gateJob, signOffJob, canaryJob, newerJob = 301, 302, 303, 304, 305, 600
	entry, newerEntry                                             = 701, 702
)

func (g onGitLab) settle(t *testing.T) {
	t.Helper()
	project := object{"path": "acme/" + g.name}
	if !g.settled { // setting them again would make them anew
		project["protected"] = []string{"staging", "production", "canary"}
	}
	g.settled = true
	g.set(t, "", project)
	alice := g.person("alice")
	members := []object{}
	for _, name := range people {
		p := g.person(name)
		g.lab.Set(t, fmt.Sprint("/gitlab/users/", p.id), object{"username": p.login, "public_email": p.email, "bot": false})
		members = append(members, object{"id": p.id, "access_level": 40})
	}
	g.set(t, "/members", members)
	g.leading(t, g.person("bob"))
	g.history(t, alice.email)
	g.set(t, "/pipelines/574", object{"sha": g.sha, "user": alice.onGitLab()})
	for id, name := range map[int]string{buildJob: "build", attestJob: "attest"} {
		g.set(t, fmt.Sprint("/jobs/", id), g.of(574, alice, name, "success"))
	}
	g.set(t, fmt.Sprint("/jobs/", gateJob), g.of(574, alice, "gate", "running"))
	for _, d := range []int{entry, newerEntry} {
		g.set(t, fmt.Sprint("/deployments/", d), object{"environment": "staging", "status": "canceled", "deployable": object{"id": newerJob}, "created_at": now()})
	}
}

// now is the time of what happens after the client has started.
func now() string { return time.Now().Add(time.Minute).UTC().Format(time.RFC3339) }

// of is a job of a pipeline that somebody started.
func (g onGitLab) of(pipeline int, who person, name, status string) object {
	return object{"name": name, "status": status, "user": who.onGitLab(), "commit": object{"id": g.sha}, "pipeline": object{"id": pipeline}}
}

func (g onGitLab) leading(t *testing.T, members ...person) {
	t.Helper()
	leads, number := g.leads()
	all := []object{}
	for _, m := range members {
		all = append(all, object{"id": m.id, "access_level": 30})
	}
	g.lab.Set(t, fmt.Sprint("/gitlab/groups/", number), object{"path": "acme/" + leads, "members": all})
}

func (g onGitLab) history(t *testing.T, author string, later ...string) {
	t.Helper()
	alice := g.person("alice")
	commits := []object{{"id": g.sha, "parent_ids": []string{}, "message": "sample", "author_name": "somebody", "author_email": author, "committer_name": "somebody", "committer_email": author}}
	events := []object{{"author": alice.onGitLab(), "push_data": object{"commit_to": g.sha, "commit_count": 1, "ref": "main", "action": "created"}}}
	head := g.sha
	for _, sha := range later {
		commits = append(commits, object{"id": sha, "parent_ids": []string{head}, "message": "later", "author_email": alice.email, "committer_email": alice.email})
		events = append(events, object{"author": alice.onGitLab(), "push_data": object{"commit_from": head, "commit_to": sha, "commit_count": 1, "ref": "main", "action": "pushed"}})
		head = sha
	}
	g.set(t, "/history", object{"commits": commits, "branches": object{"main": head}, "events": events})
}

func (g onGitLab) becomes(t *testing.T, state string) {
	t.Helper()
	bob := g.person("bob")
	switch state {
	case "F13":
		g.set(t, fmt.Sprint("/jobs/", buildJob), object{"status": "failed"})
	case "G08 entered":
		g.set(t, fmt.Sprint("/deployments/", entry), object{"environment": "staging", "status": "running", "sha": g.sha, "ref": "main", "deployable": object{"id": gateJob}})
	case "G16":
		g.history(t, g.person("alice").email, g.newer())
		g.set(t, "/pipelines/600", object{"sha": g.newer(), "status": "success"})
		g.set(t, fmt.Sprint("/jobs/", newerJob), object{"status": "success", "commit": object{"id": g.newer()}, "pipeline": object{"id": 600}})
		g.set(t, fmt.Sprint("/deployments/", newerEntry), object{"environment": "staging", "status": "success", "sha": g.newer(), "ref": "main", "deployable": object{"id": newerJob}})
	case "H03":
		g.set(t, fmt.Sprint("/jobs/", signOffJob), g.of(574, bob, "sign-off", "success"))
	case "I01":
		g.history(t, bob.email)
	case "I03":
		g.history(t, "whoever@nowhere.example")
	case "I05":
		g.lab.Set(t, fmt.Sprint("/gitlab/users/", bob.id), object{"bot": true})
	case "I09":
		g.leading(t)
	case "self review":
		g.set(t, "", object{"path": "acme/" + g.name, "fields": object{"allow_pipeline_trigger_approve_deployment": true}})
		g.reviewed(t, g.person("alice"))
	case "review":
		g.reviewed(t, bob)
	default:
		t.Fatalf("no state %q", state)
	}
}

// reviewed says that somebody approved the deployment that waits.
func (g onGitLab) reviewed(t *testing.T, who person) {
	t.Helper()
	at := fmt.Sprint("/deployments/", entry)
	g.set(t, fmt.Sprint("/jobs/", canaryJob), g.of(574, g.person("alice"), "deploy:canary", "manual"))
	g.set(t, at, object{"environment": "canary", "status": "blocked", "sha": g.sha, "ref": "main", "deployable": object{"id": canaryJob}, "user": g.person("alice").onGitLab()})
	g.post(t, "/gitlab/projects/"+strconv.Itoa(g.id)+at+"/review", object{"user": who.onGitLab(), "status": "approved", "comment": "go: " + g.release, "created_at": now()})
}

func (g onGitLab) job(t *testing.T, id int) map[string]string {
	t.Helper()
	alice := g.person("alice")
	return g.lab.As(t, "gitlab", object{
		"project_id": strconv.Itoa(g.id), "project_path": "acme/" + g.name, "sha": g.sha, "ci_config_sha": g.sha, "ref": "main", "job_id": strconv.Itoa(id),
		"user_id": strconv.Itoa(alice.id), "user_login": alice.login, "user_email": alice.email,
		"ci_config_ref_uri": "gitlab.com/acme/" + g.name + "//.gitlab-ci.yml@refs/heads/main",
	})
}

func (g onGitLab) build(t *testing.T, target string) result {
	t.Helper()
	g.origin(t, "https://gitlab.com")
	must(t, write(filepath.Join(g.root, "home/.gitconfig"), "[url \""+g.git.URL+"/\"]\n\tinsteadOf = https://gitlab.com/\n"))
	env := g.job(t, attestJob)
	g.pipeline(t, ".gitlab-ci.yml", env, always(env))
	must(t, copyTree(filepath.Join(g.dir, "expanded.yml"), filepath.Join(g.root, "expanded.yml")))
	return g.client(t, target, env)
}

func (g onGitLab) again(t *testing.T, a ask) result {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(g.root, "expanded.yml"))
	must(t, err)
	var jobs, all object
	must(t, json.Unmarshal(b, &jobs))
	must(t, json.Unmarshal(b, &all))
	only(jobs, a, "gate:")
	var names []string
	for name, job := range jobs {
		if j, ok := job.(object); ok && j["script"] != nil {
			names = append(names, name)
		}
		all[name] = job
	}
	env := g.job(t, gateJob)
	identify(all, always(env))
	b, err = json.MarshalIndent(all, "", " ")
	must(t, err)
	must(t, write(filepath.Join(g.dir, "expanded.yml"), string(b)))
	return g.client(t, a.target, env, names...)
}

func (g onGitLab) approve(t *testing.T, who person, release string, environments ...string) result {
	t.Helper()
	pipeline, job := 10_000+who.id, 20_000+who.id
	g.set(t, fmt.Sprint("/pipelines/", pipeline), object{"user": who.onGitLab(), "source": "web", "sha": g.sha})
	g.set(t, fmt.Sprint("/jobs/", job), g.of(pipeline, who, "approve", "running"))
	env := g.lab.As(t, "gitlab", object{
		"project_id": strconv.Itoa(g.id), "project_path": "acme/" + g.name, "sha": g.sha, "ci_config_sha": g.sha, "ref": "main", "job_id": strconv.Itoa(job), "pipeline_id": strconv.Itoa(pipeline),
		"pipeline_source": "web", "user_id": strconv.Itoa(who.id), "user_login": who.login, "user_email": who.email,
		"ci_config_ref_uri": "gitlab.com/acme/" + g.name + "//.gitlab-ci.yml@refs/heads/main",
	})
	g.form(t, map[string]string{"release": release, "environments": list(environments), "reason": "looked at it"})
	g.pipeline(t, "form.yml", env, always(env))
	return g.client(t, g.name, env)
}

// form fills in what a person does who starts a pipeline by hand. The client has
// no form for the inputs of a pipeline, so that they are defaults of a copy.
func (g onGitLab) form(t *testing.T, given map[string]string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(g.dir, ".gitlab-ci.yml"))
	must(t, err)
	head, jobs, ok := strings.Cut(string(b), "\n---\n")
	if !ok {
		t.Fatal("the pipeline has no inputs")
	}
	var spec struct {
		Spec struct{ Inputs map[string]object }
	}
	must(t, yaml.Unmarshal([]byte(head), &spec))
	for name, value := range given {
		spec.Spec.Inputs[name]["default"] = value
	}
	filled, err := yaml.Marshal(spec)
	must(t, err)
	must(t, write(filepath.Join(g.dir, "form.yml"), string(filled)+"---\n"+jobs))
}

func list(all []string) string {
	b, err := json.Marshal(all)
	if err != nil {
		return ""
	}
	return string(b)
}

func (g onGitLab) client(t *testing.T, target string, env map[string]string, jobs ...string) result {
	t.Helper()
	args := append(g.variables(env, target), "--file", "expanded.yml")
	out, exit := g.gitlabCI(t, append(args, jobs...)...)
	got := result{exit: exit, log: out, secrets: []string{env["GITLAB_TOKEN"], env["CI_JOB_TOKEN"], env["SIGSTORE_ID_TOKEN"], env["SALLYPORT_ID_TOKEN"]}}
	got.read(t, filepath.Join(g.dir, ".gitlab-ci-local"))
	return got
}

func (g onGitLab) terminal(t *testing.T) (string, []string) {
	t.Helper()
	env := g.lab.As(t, "gitlab", nil)
	return "https://gitlab.com/acme/" + g.name, []string{"CI_SERVER_URL=https://gitlab.com", "CI_API_V4_URL=" + g.lab.GitLab + "/api/v4", "SALLYPORT_TOKEN=" + env["GITLAB_TOKEN"]}
}

func (onGitLab) soften(jobs object) {
	jobs["gate:staging"].(object)["allow_failure"] = true
	delete(jobs, "gate:production")
	jobs["deploy:production"].(object)["needs"] = []any{object{"job": "build"}}
}

func (g onGitLab) change(jobs object) {
	for name, j := range jobs {
		if job, ok := j.(object); ok && strings.HasPrefix(name, "gate:") {
			job["before_script"] = []any{g.variant.change()}
		}
	}
}
