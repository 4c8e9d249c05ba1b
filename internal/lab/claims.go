package lab

import (
	"maps"
	"path"
	"strings"
)

// Claims are the claims of an identity token.
type Claims map[string]any

// with returns c with others laid over it; a null in others deletes.
func (c Claims) with(others Claims) Claims {
	out := maps.Clone(c)
	maps.Copy(out, others)
	maps.DeleteFunc(out, func(_ string, v any) bool { return v == nil })
	return out
}

// text returns a claim that is a string, and "" for any other.
func (c Claims) text(name string) string {
	s, _ := c[name].(string)
	return s
}

// commit is the commit of every token that does not name another.
const commit = "9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605"

// gitHubClaims returns what a token of a job of acme/widget says, with given
// laid over it. What follows from other claims, as the workflow's path follows
// from the repository, follows from the given ones, unless it is given too.
func gitHubClaims(given Claims) Claims {
	base := Claims{
		"repository": "acme/widget", "repository_id": "123456789", "repository_owner_id": "4242", "repository_visibility": "public",
		"ref": "refs/heads/main", "ref_protected": "true", "sha": commit, "head_ref": "", "base_ref": "",
		"event_name": "push", "actor": "alice", "actor_id": "77", "workflow": "release",
		"run_id": "1000001", "run_number": "17", "run_attempt": "1", "check_run_id": "302",
		"runner_environment": "github-hosted",
	}.with(given)
	repository, ref := base.text("repository"), base.text("ref")
	derived := Claims{
		"repository_owner": path.Dir(repository),
		"ref_type":         "branch",
		"workflow_ref":     repository + "/.github/workflows/release.yml@" + ref,
		"workflow_sha":     base.text("sha"),
		"sub":              gitHubSubject(base),
	}
	if strings.HasPrefix(ref, "refs/tags/") {
		derived["ref_type"] = "tag"
	}
	derived = derived.with(given)
	jobs := Claims{"job_workflow_ref": derived["workflow_ref"], "job_workflow_sha": derived["workflow_sha"]}
	return base.with(derived).with(jobs).with(given)
}

// gitHubSubject follows the documented order: environment, then pull request,
// then ref.
func gitHubSubject(c Claims) string {
	prefix := "repo:" + c.text("repository")
	if env := c.text("environment"); env != "" {
		return prefix + ":environment:" + strings.ReplaceAll(env, ":", "%3A")
	}
	if c.text("event_name") == "pull_request" {
		return prefix + ":pull_request"
	}
	return prefix + ":ref:" + c.text("ref")
}

// gitLabClaims is gitHubClaims for a GitLab job.
func gitLabClaims(given Claims) Claims {
	base := Claims{
		"namespace_id": "4242", "project_id": "20", "project_path": "acme/widget", "project_visibility": "public",
		"user_id": "1", "user_login": "alice", "user_email": "alice@example.com", "user_access_level": "maintainer",
		"pipeline_id": "574", "pipeline_source": "push", "job_id": "302",
		"ref": "main", "ref_type": "branch", "ref_protected": "true", "sha": commit, "ci_config_sha": commit,
		"runner_id": 1, "runner_environment": "gitlab-hosted",
	}.with(given)
	refPath := "refs/heads/" + base.text("ref")
	if base.text("ref_type") == "tag" {
		refPath = "refs/tags/" + base.text("ref")
	}
	derived := Claims{
		"namespace_path":     path.Dir(base.text("project_path")),
		"ref_path":           refPath,
		"ci_config_ref_uri":  "gitlab.com/" + base.text("project_path") + "//.gitlab-ci.yml@" + refPath,
		"job_project_id":     base["project_id"],
		"job_project_path":   base["project_path"],
		"job_namespace_id":   base["namespace_id"],
		"job_namespace_path": path.Dir(base.text("project_path")),
		"sub":                "project_path:" + base.text("project_path") + ":ref_type:" + base.text("ref_type") + ":ref:" + base.text("ref"),
	}
	if base.text("environment") != "" {
		derived["environment_protected"] = "true"
		derived["deployment_tier"] = base["environment"]
		derived["environment_action"] = "start"
	}
	return base.with(derived).with(given)
}
