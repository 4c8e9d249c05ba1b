package lab

// Every shape that the GitLab toy answers is in this file. GitLab publishes
// no machine-readable description with usable response types, so each says
// which page of docs.gitlab.com its fields were taken from. Fields that
// Sallyport has no use for are left out; none is renamed or made up.

import (
	"crypto/md5"  //nolint:gosec // a field of GitLab's answer, not a check
	"crypto/sha1" //nolint:gosec // a field of GitLab's answer, not a check
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strconv"
	"strings"
)

// addDefaults fills the toy: project 20, acme/widget, with two protected
// environments and one that is not, the group that it is in, and the job that
// the default tokens name.
func (g *gitlab) addDefaults() {
	for id, name := range map[int64]string{firstUser: "alice", 88: "bob", 89: "carol", 90: "dana"} {
		g.users[id] = newUser(id, name)
	}
	acme := g.ensureGroup(4242, "acme")
	for id, level := range map[int64]int{firstUser: maintainer, 88: maintainer, 89: maintainer, 90: owner} {
		acme.members = append(acme.members, memberShape(g.users[id], level))
	}
	order(acme.members, "id", "asc")
	g.job = jobShape(302, pipelineShape(574, 20, "acme/widget", userOf(g.users[firstUser])))
	p := g.addProject(20, ProjectSettings{
		Path: "acme/widget", NamespaceID: 4242, Protected: []string{"staging", "production"}, Unprotected: []string{"unprotected"},
	})
	product := g.addProject(4_000_000, ProjectSettings{Path: "sallyport-dev/sallyport", NamespaceID: 4343})
	product.history.add(commitShape(product.path, released))
	d := g.ensureDeployment(p, 7700)
	d.reviews = []glReview{{reviewShape(userOf(g.users[88]), "approved", "go"), "bob"}}
}

// fillProject gives a new project what the default tokens speak of: the
// commit, who pushed it, the job and the pipeline.
func (g *gitlab) fillProject(p *project) {
	alice := userOf(g.users[firstUser])
	c := commitShape(p.path, commit)
	p.history = &glHistory{
		branches: map[string]string{"main": commit}, tags: map[string]string{},
		events: []object{eventShape(g.nextID(), p.id, alice, pushShape(c))},
	}
	p.history.add(c)
	pipeline := pipelineShape(574, p.id, p.path, alice)
	job := jobShape(302, pipeline)
	job["status"], job["finished_at"] = "success", made
	p.jobs, p.pipelines, p.bridges, p.given = map[int64]object{302: job}, map[int64]object{574: pipeline}, map[int64][]object{}, map[int64][]object{}
	p.branches = []object{protectedBranchShape(g.nextID(), "main")}
	p.tags = []object{protectedTagShape(g.nextID(), "v*")}
	p.lint = lintShape()
	p.tier = "premium"
}

// The plan that has no protected environments.
const free = "free"

// projectShape: api/projects, "Get a single project".
func projectShape(id int64, full string, namespaceID int64, visibility string) object {
	namespace := path.Dir(full)
	return object{
		"id": id, "name": path.Base(full), "path": path.Base(full), "path_with_namespace": full,
		"name_with_namespace": namespace + " / " + path.Base(full), "description": nil, "default_branch": "main",
		"visibility": visibility, "web_url": gitLabIssuer + "/" + full, "http_url_to_repo": gitLabIssuer + "/" + full + ".git",
		"ssh_url_to_repo": "git@gitlab.com:" + full + ".git", "archived": false, "empty_repo": false, "created_at": made,
		"namespace": object{
			"id": namespaceID, "name": path.Base(namespace), "path": path.Base(namespace), "kind": "group",
			"full_path": namespace, "parent_id": nil, "web_url": gitLabIssuer + "/groups/" + namespace,
		},
		"packages_enabled": true, "jobs_enabled": true, "ci_config_path": "",
		// api/projects: who may approve a deployment that they started.
		"allow_pipeline_trigger_approve_deployment": false,
		// api/projects: who may give a pipeline variables of their own.
		"restrict_user_defined_variables":             true,
		"ci_pipeline_variables_minimum_override_role": "no_one_allowed",
		"ci_job_token_scope_enabled":                  true,
		"ci_forward_deployment_enabled":               true,
		"ci_forward_deployment_rollback_allowed":      true,
	}
}

// environmentOf: api/environments, "List environments".
func environmentOf(id int64, name string) object {
	return object{
		"id": id, "name": name, "slug": name, "external_url": nil, "state": "available", "tier": tierOf(name),
		"created_at": made, "updated_at": made, "description": "", "auto_stop_at": nil,
	}
}

// tierOf: ci/environments, "Deployment tier of environments".
func tierOf(name string) string {
	switch name {
	case "production", "staging":
		return name
	}
	return "other"
}

// protectedShape: api/protected_environments, "Retrieve a protected
// environment". Access level 40 is Maintainer.
func protectedShape(name string) object {
	o := emptyProtection(name)
	o["deploy_access_levels"] = []object{{
		"id": 12, "access_level": 40, "access_level_description": "Maintainers",
		"user_id": nil, "group_id": nil, "group_inheritance_type": 0,
	}}
	o["approval_rules"] = []object{{
		"id": 38, "user_id": 88, "group_id": nil, "access_level": nil, "access_level_description": "bob",
		"required_approvals": 1, "group_inheritance_type": 0,
	}}
	return o
}

func emptyProtection(name string) object {
	return object{"name": name, "deploy_access_levels": []object{}, "required_approval_count": 0, "approval_rules": []object{}}
}

// newUser is what the toy knows of a user; no answer says all of it.
func newUser(id int64, name string) object {
	return object{"id": id, "username": name, "name": name, "state": "active", "bot": false, "type": "", "public_email": "", "is_admin": false}
}

// userOf: the short form of a user that other answers contain, which does not
// say whether the user is a bot.
func userOf(u object) object {
	return object{
		"id": u["id"], "name": u["name"], "username": u["username"], "state": u["state"], "locked": false, "avatar_url": nil,
		"web_url": gitLabIssuer + "/" + text(u["username"]),
	}
}

// userShape: api/users, "Get a single user".
func userShape(u object) object {
	o := userOf(u)
	o["bot"], o["public_email"], o["created_at"] = u["bot"], u["public_email"], made
	return o
}

// memberShape: api/members, "List all members of a group or project".
func memberShape(u object, level any) object {
	o := userOf(u)
	o["access_level"], o["expires_at"], o["created_at"], o["membership_state"] = level, nil, made, "active"
	return o
}

// groupShape: api/groups, "Get a single group".
func groupShape(id int64, full string) object {
	return object{
		"id": id, "name": path.Base(full), "path": path.Base(full), "full_path": full, "full_name": full, "parent_id": nil,
		"visibility": "public", "web_url": gitLabIssuer + "/groups/" + full, "created_at": made, "description": "",
	}
}

// deploymentShape: api/deployments, "Get a specific deployment", without what
// Premium and Ultimate add about approvals.
func deploymentShape(id int64, environment, job object) object {
	return object{
		"id": id, "iid": id % 1000, "ref": "main", "sha": commit, "status": "running", "created_at": made, "updated_at": made, "finished_at": nil,
		"user": job["user"], "environment": environment, "deployable": job,
	}
}

// reviewShape: api/deployments, "Approve or reject a blocked deployment".
func reviewShape(user object, status string, comment any) object {
	return object{"user": user, "status": status, "created_at": made, "comment": comment}
}

// summaryShape: api/deployments, approval_summary.
func summaryShape(rule object, reviews []object) object {
	return object{
		"user_id": rule["user_id"], "group_id": rule["group_id"], "access_level": rule["access_level"],
		"access_level_description": rule["access_level_description"], "required_approvals": rule["required_approvals"],
		"deployment_approvals": reviews,
	}
}

// jobShape: api/jobs, "Get job token's job" and "Get a single job".
func jobShape(id int64, pipeline object) object {
	url := strings.TrimSuffix(text(pipeline["web_url"]), "/pipelines/"+strconv.FormatInt(number(pipeline["id"]), 10))
	return object{
		"id": id, "name": "build", "stage": "build", "status": "running", "ref": pipeline["ref"], "tag": pipeline["tag"], "allow_failure": false,
		"created_at": made, "started_at": made, "finished_at": nil, "erased_at": nil, "duration": nil, "queued_duration": nil,
		"failure_reason": nil, "web_url": url + "/jobs/" + strconv.FormatInt(id, 10), "artifacts": []any{}, "artifacts_expire_at": nil, "tag_list": []string{},
		"user":     pipeline["user"],
		"commit":   object{"id": commit, "short_id": commit[:8], "title": "release", "author_name": "alice", "created_at": made, "message": "release"},
		"pipeline": pipelineOf(pipeline),
		"runner":   object{"id": 1, "description": "sallyport lab", "active": true, "is_shared": true, "runner_type": "instance_type", "status": "online"},
		"project":  object{"ci_job_token_scope_enabled": true},
	}
}

// bridgeShape: api/jobs, "List pipeline trigger jobs".
func bridgeShape(id int64, pipeline object) object {
	o := jobShape(id, pipeline)
	for _, field := range []string{"runner", "artifacts", "artifacts_expire_at", "tag_list"} {
		delete(o, field)
	}
	o["downstream_pipeline"] = nil
	return o
}

// pipelineShape: api/pipelines, "Get a single pipeline".
func pipelineShape(id, project int64, full string, user object) object {
	return object{
		"id": id, "iid": id % 1000, "project_id": project, "sha": commit, "ref": "main", "status": "running", "source": "push",
		"created_at": made, "updated_at": made, "web_url": gitLabIssuer + "/" + full + "/-/pipelines/" + strconv.FormatInt(id, 10),
		"before_sha": strings.Repeat("0", 40), "tag": false, "yaml_errors": nil, "user": user, "started_at": made, "finished_at": nil,
		"committed_at": nil, "duration": nil, "queued_duration": nil, "coverage": nil, "name": nil,
	}
}

// pipelineOf: the short form of a pipeline that jobs contain.
func pipelineOf(o object) object {
	short := object{}
	for _, field := range []string{"id", "iid", "project_id", "sha", "ref", "status", "source", "created_at", "updated_at", "web_url"} {
		short[field] = o[field]
	}
	return short
}

// commitShape: api/commits, "Get a single commit".
func commitShape(full, id string) object {
	return object{
		"id": id, "short_id": id[:min(8, len(id))], "parent_ids": []string{}, "title": "release", "message": "release",
		"author_name": "alice", "author_email": "alice@example.com", "authored_date": made,
		"committer_name": "alice", "committer_email": "alice@example.com", "committed_date": made, "created_at": made,
		"web_url": gitLabIssuer + "/" + full + "/-/commit/" + id,
	}
}

// compareShape: api/repositories, "Compare branches, tags or commits".
func compareShape(full, from, to string, commits []object) object {
	var last object
	if len(commits) > 0 {
		last = commits[len(commits)-1]
	}
	return object{
		"commit": last, "commits": commits, "diffs": []object{}, "compare_timeout": false, "compare_same_ref": from == to,
		"web_url": gitLabIssuer + "/" + full + "/-/compare/" + from + "..." + to,
	}
}

// branchShape: api/branches, "Get single repository branch".
func branchShape(p *project, name string, c object) object {
	return object{
		"name": name, "commit": c, "merged": false, "protected": protects(p.branches, name), "default": name == p.shape["default_branch"],
		"developers_can_push": false, "developers_can_merge": false, "can_push": true, "web_url": gitLabIssuer + "/" + p.path + "/-/tree/" + name,
	}
}

// mergeRequestShape: api/merge_requests, "Get single MR".
func mergeRequestShape(id, iid int64, p *project) object {
	return object{
		"id": id, "iid": iid, "project_id": p.id, "title": "change", "description": "", "state": "opened", "created_at": made, "updated_at": made,
		"merged_at": nil, "merge_user": nil, "merged_by": nil, "closed_at": nil, "closed_by": nil, "author": nil, "assignees": []object{}, "reviewers": []object{},
		"source_branch": "change", "target_branch": "main", "source_project_id": p.id, "target_project_id": p.id, "draft": false,
		"sha": nil, "merge_commit_sha": nil, "squash_commit_sha": nil, "squash": false, "labels": []string{},
		"web_url": gitLabIssuer + "/" + p.path + "/-/merge_requests/" + strconv.FormatInt(iid, 10),
	}
}

// eventShape: api/events, "List a project's visible events".
func eventShape(id, project int64, author, push object) object {
	return object{
		"id": id, "project_id": project, "action_name": "pushed to", "target_id": nil, "target_iid": nil, "target_type": nil, "target_title": nil,
		"author_id": author["id"], "author": author, "author_username": author["username"], "created_at": made, "push_data": push,
	}
}

// pushShape: the push_data of an event.
func pushShape(c object) object {
	return object{
		"commit_count": 1, "action": "pushed", "ref_type": "branch", "commit_from": nil, "commit_to": c["id"], "ref": "main",
		"commit_title": c["title"], "ref_count": nil,
	}
}

// protectedBranchShape: api/protected_branches, "Get a single protected branch".
func protectedBranchShape(id int64, name string) object {
	maintainers := []object{{"id": id, "access_level": maintainer, "access_level_description": "Maintainers", "user_id": nil, "group_id": nil}}
	return object{
		"id": id, "name": name, "push_access_levels": maintainers, "merge_access_levels": maintainers, "unprotect_access_levels": []object{},
		"allow_force_push": false, "code_owner_approval_required": false,
	}
}

// protectedTagShape: api/protected_tags, "Get a single protected tag".
func protectedTagShape(id int64, name string) object {
	return object{"name": name, "create_access_levels": []object{{
		"id": id, "access_level": maintainer, "access_level_description": "Maintainers", "user_id": nil, "group_id": nil,
	}}}
}

// variableShape: api/project_level_variables, "Get a single variable".
func variableShape() object {
	return object{
		"variable_type": "env_var", "key": "", "value": "", "protected": false, "masked": false, "hidden": false, "raw": false,
		"environment_scope": "*", "description": nil,
	}
}

// lintShape: api/lint, "Validate a project's CI configuration".
func lintShape() object {
	return object{"valid": true, "errors": []string{}, "warnings": []string{}, "merged_yaml": "", "includes": []object{}}
}

// packageShape: api/packages, "List packages for a project".
func packageShape(id int64, name, version string, creator int64) object {
	return object{
		"id": id, "name": name, "version": version, "package_type": "generic", "status": "default",
		"created_at": made, "creator_id": creator, "last_downloaded_at": nil, "tags": []any{},
		"_links": object{"web_path": "/acme/widget/-/packages/" + strconv.FormatInt(id, 10)},
	}
}

// packagePipelineShape: api/packages, "List package files", of the pipeline that
// uploaded a file.
func packagePipelineShape(id int64, user object) object {
	return object{
		"id": id, "status": "running", "ref": "main", "created_at": made, "updated_at": made, "user": user,
		"web_url": gitLabIssuer + "/acme/widget/-/pipelines/" + strconv.FormatInt(id, 10),
	}
}

// packageFileShape: api/packages, "List package files"; the same record is
// the answer of an upload with select=package_file, user/packages/generic_packages.
func packageFileShape(id int64, packageID any, f glFile) object {
	m, s1, s256 := md5.Sum(f.content), sha1.Sum(f.content), sha256.Sum256(f.content) //nolint:gosec // see above
	return object{
		"id": id, "package_id": packageID, "created_at": made, "file_name": f.name, "size": len(f.content),
		"file_md5": hex.EncodeToString(m[:]), "file_sha1": hex.EncodeToString(s1[:]), "file_sha256": hex.EncodeToString(s256[:]),
	}
}
