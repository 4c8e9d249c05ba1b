//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// onGitHub is a town whose client is act.
type onGitHub struct{ *run }

const (
	releaseFile = ".github/workflows/release.yml"
	approveFile = ".github/workflows/approve.yml"
	approving   = 2000 // and his number is the run that somebody starts
)

func (p person) onGitHub() object {
	return object{"login": p.login, "id": p.id, "type": "User", "email": p.email}
}

var robot = object{"login": "github-actions[bot]", "id": 41898282, "type": "Bot"}

func (g onGitHub) set(t *testing.T, path string, v any) {
	t.Helper()
	g.lab.Set(t, "/github/repos/acme/"+g.name+path, v)
}

func (g onGitHub) settle(t *testing.T) {
	t.Helper()
	g.set(t, "", object{"id": g.id, "owner_id": 4242, "visibility": "public", "protected": []string{"staging", "production", "canary"}})
	alice, bob := g.person("alice"), g.person("bob")
	for _, name := range people {
		p := g.person(name)
		g.lab.Set(t, "/github/users/"+p.login, p.onGitHub())
	}
	g.leading(t, bob)
	g.history(t, alice.onGitHub())
	g.set(t, "/deployments", []object{})
	g.set(t, "/runs/1000001/approvals", []object{})
	g.set(t, "/runs/1000001/attempts/1", object{
		"head_sha": g.sha, "head_branch": "main", "path": releaseFile, "actor": alice.onGitHub(), "triggering_actor": alice.onGitHub(), "status": "completed", "conclusion": "failure", // a gate of it waited
	})
	g.built(t, "success")
	g.dispatched(t, bob)
}

// leading says who is in the team.
func (g onGitHub) leading(t *testing.T, members ...person) {
	t.Helper()
	leads, number := g.leads()
	all := []object{}
	for _, m := range members {
		all = append(all, m.onGitHub())
	}
	g.lab.Set(t, "/github/orgs/acme/teams/"+leads, object{"id": number, "members": all})
}

// history is one commit on main, with whatever came after it.
func (g onGitHub) history(t *testing.T, author object, later ...string) {
	t.Helper()
	alice := g.person("alice").onGitHub()
	commits := []object{{"sha": g.sha, "parents": []string{}, "message": "sample", "author": author}}
	pushes := []object{{"before": strings.Repeat("0", 40), "after": g.sha, "ref": "refs/heads/main", "actor": alice, "activity_type": "branch_creation"}}
	head := g.sha
	for _, sha := range later {
		commits = append(commits, object{"sha": sha, "parents": []string{head}, "message": "later", "author": alice})
		pushes = append(pushes, object{"before": head, "after": sha, "ref": "refs/heads/main", "actor": alice, "activity_type": "push"})
		head = sha
	}
	g.set(t, "/history", object{"commits": commits, "branches": object{"main": head}, "activity": pushes})
}

// built says how the job that built has ended.
func (g onGitHub) built(t *testing.T, conclusion string) {
	t.Helper()
	g.set(t, "/runs/1000001/attempts/1/jobs", []object{{"name": "build", "id": 301, "conclusion": conclusion}, {"name": "gate-staging", "id": 302, "conclusion": "failure"}})
}

// dispatched is the run that somebody started to approve.
func (g onGitHub) dispatched(t *testing.T, who person) {
	t.Helper()
	g.set(t, fmt.Sprint("/runs/", approving+who.id), object{
		"event": "workflow_dispatch", "path": approveFile, "name": "approve", "head_sha": g.sha, "head_branch": "main", "actor": who.onGitHub(), "triggering_actor": who.onGitHub(),
	})
}

// deployment is one that a run has made.
func (g onGitHub) deployment(run int, sha, environment, state string) object {
	return object{"id": 9, "sha": sha, "ref": "main", "environment": environment, "task": "deploy", "creator": robot, "statuses": []object{
		{"state": state, "creator": robot, "log_url": fmt.Sprintf("https://github.com/acme/%s/actions/runs/%d/job/5", g.name, run)},
	}}
}

func (g onGitHub) becomes(t *testing.T, state string) {
	t.Helper()
	bob := g.person("bob")
	switch state {
	case "F13":
		g.built(t, "failure")
	case "G08 admins":
		g.environment(t, "staging", object{"can_admins_bypass": true})
	case "G08 entered":
		g.set(t, "/deployments", []object{g.deployment(1000001, g.sha, "staging", "in_progress")})
	case "G12":
		g.environment(t, "staging", object{"protection_rules": []object{{"id": 1, "node_id": "x", "type": "wait_timer", "wait_timer": 30}}, "deployment_branch_policy": nil})
	case "G16":
		g.history(t, g.person("alice").onGitHub(), g.newer())
		g.set(t, "/runs/600", object{"head_sha": g.newer(), "head_branch": "main", "path": releaseFile, "status": "completed", "conclusion": "success"})
		g.set(t, "/deployments", []object{g.deployment(600, g.newer(), "staging", "success")})
	case "I01":
		g.history(t, bob.onGitHub())
	case "I03":
		g.history(t, object{"name": "whoever", "email": "whoever@nowhere.example"})
	case "I05":
		machine := bob.onGitHub()
		machine["type"] = "Bot"
		g.lab.Set(t, "/github/users/"+bob.login, machine)
		g.set(t, fmt.Sprint("/runs/", approving+bob.id), object{"actor": machine, "triggering_actor": machine})
	case "I09":
		g.leading(t)
	case "self review":
		g.reviewed(t, g.person("alice"))
	case "review":
		g.reviewed(t, bob)
	default:
		t.Fatalf("no state %q", state)
	}
}

// environment changes what an environment, protected as it is, would say.
func (g onGitHub) environment(t *testing.T, name string, fields object) {
	t.Helper()
	all := object{"can_admins_bypass": false, "deployment_branch_policy": object{"protected_branches": true, "custom_branch_policies": false},
		"protection_rules": []object{{"id": 1, "node_id": "x", "type": "branch_policy"}}}
	for field, v := range fields {
		all[field] = v
	}
	g.set(t, "/environments/"+name, all)
}

// reviewed says that somebody approved on the page of the run.
func (g onGitHub) reviewed(t *testing.T, who person) {
	t.Helper()
	g.post(t, "/github/repos/acme/"+g.name+"/runs/1000001/review", object{"environments": []string{"canary"}, "state": "approved", "user": who.onGitHub(), "comment": "go: " + g.release})
}

// job returns the variables of a job of the release workflow.
func (g onGitHub) job(t *testing.T, attempt string) map[string]string {
	t.Helper()
	alice := g.person("alice")
	return g.lab.As(t, "github", object{
		"repository": "acme/" + g.name, "repository_id": strconv.Itoa(g.id), "ref": "refs/heads/main", "sha": g.sha, "run_attempt": attempt,
		"actor": alice.login, "actor_id": strconv.Itoa(alice.id), "workflow_ref": "acme/" + g.name + "/" + releaseFile + "@refs/heads/main",
	})
}

func (g onGitHub) build(t *testing.T, target string) result {
	t.Helper()
	g.origin(t, "https://github.com")
	return g.client(t, start{event: "push", by: g.person("alice").login, workflow: g.workflow(t, releaseFile, always(g.job(t, "1"))), target: target}, g.job(t, "1"))
}

func (g onGitHub) again(t *testing.T, a ask) result {
	t.Helper()
	// The first attempt has failed, because its gates did; the build did not.
	g.set(t, "/runs/1000001/attempts/1", object{"status": "completed", "conclusion": "failure"})
	g.set(t, "/runs/1000001/attempts/2", object{"status": "in_progress", "conclusion": nil})
	env := g.job(t, "2")
	path := g.workflow(t, releaseFile, always(env))
	b, err := os.ReadFile(path)
	must(t, err)
	var w object
	must(t, yaml.Unmarshal(b, &w))
	jobs := w["jobs"].(object)
	only(jobs, a, "gate-")
	for name, j := range jobs {
		if strings.HasPrefix(name, "gate-") {
			delete(j.(object), "needs") // it has succeeded in the first attempt
		}
	}
	b, err = json.MarshalIndent(w, "", " ")
	must(t, err)
	must(t, write(path, string(b)))
	return g.client(t, start{event: "push", by: g.person("alice").login, workflow: path, target: a.target}, env)
}

func (g onGitHub) approve(t *testing.T, who person, release string, environments ...string) result {
	t.Helper()
	g.dispatched(t, who)
	ref := "acme/" + g.name + "/" + approveFile + "@refs/heads/main"
	env := g.lab.As(t, "github", object{
		"repository": "acme/" + g.name, "repository_id": strconv.Itoa(g.id), "ref": "refs/heads/main", "sha": g.sha, "run_id": strconv.Itoa(approving + who.id),
		"event_name": "workflow_dispatch", "actor": who.login, "actor_id": strconv.Itoa(who.id), "workflow": "approve", "workflow_ref": ref,
	})
	inputs := object{"release": release, "environments": strings.Join(environments, "\n"), "decision": "approve", "reason": "looked at it"}
	return g.client(t, start{event: "workflow_dispatch", by: who.login, workflow: g.workflow(t, approveFile, always(env)), target: g.name, inputs: inputs}, env)
}

// client runs act.
func (g onGitHub) client(t *testing.T, s start, env map[string]string) result {
	t.Helper()
	got := act(t, g.run, s, env)
	got.secrets = []string{env["GITHUB_TOKEN"], env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]}
	got.verdicts = verdictsBelow(t, filepath.Join(g.root, "cache"))
	return got
}

func (g onGitHub) terminal(t *testing.T) (string, []string) {
	t.Helper()
	env := g.lab.As(t, "github", nil)
	return "https://github.com/acme/" + g.name, []string{"GITHUB_API_URL=" + g.lab.GitHub + "/api/v3", "SALLYPORT_TOKEN=" + env["GITHUB_TOKEN"]}
}

func (onGitHub) soften(jobs object) {
	for _, x := range jobs["gate-staging"].(object)["steps"].([]any) {
		if step := x.(object); step["id"] == "gate" {
			step["continue-on-error"] = true
		}
	}
	jobs["gate-production"].(object)["if"] = "false"
	jobs["production"].(object)["if"] = "always()"
}

func (g onGitHub) change(jobs object) {
	for name, j := range jobs {
		if job := j.(object); strings.HasPrefix(name, "gate-") {
			steps := job["steps"].([]any)
			job["steps"] = slices.Insert(steps, len(steps)-1, any(object{"run": g.variant.change()}))
		}
	}
}
