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
)

// addDefaults fills the toy: project 20, acme/widget, with two protected
// environments and one that is not, and the job that the default tokens name.
func (g *gitlab) addDefaults() {
	g.job = jobShape(302, 574)
	p := g.addProject(20, ProjectSettings{
		Path: "acme/widget", NamespaceID: 4242, Protected: []string{"staging", "production"}, Unprotected: []string{"unprotected"},
	})
	p.deployments[7700] = deploymentShape(7700, p.environments[0], g.job)
}

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
		"ci_job_token_scope_enabled":                true,
		"ci_forward_deployment_enabled":             true,
		"ci_forward_deployment_rollback_allowed":    true,
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
	return object{
		"name": name,
		"deploy_access_levels": []object{{
			"id": 12, "access_level": 40, "access_level_description": "Maintainers",
			"user_id": nil, "group_id": nil, "group_inheritance_type": 0,
		}},
		"required_approval_count": 0,
		"approval_rules": []object{{
			"id": 38, "user_id": 88, "group_id": nil, "access_level": nil, "access_level_description": "bob",
			"required_approvals": 1, "group_inheritance_type": 0,
		}},
	}
}

// userOf: the short form of a user that other answers contain.
func userOf(id int64, name string) object {
	return object{"id": id, "name": name, "username": name, "state": "active", "avatar_url": nil, "web_url": gitLabIssuer + "/" + name}
}

// deploymentShape: api/deployments, "Get a specific deployment"; the approval
// fields are those of Premium and Ultimate.
func deploymentShape(id int64, environment, job object) object {
	return object{
		"id": id, "iid": 3, "ref": "main", "sha": commit, "status": "running", "created_at": made, "updated_at": made,
		"user": userOf(1, "alice"), "environment": environment, "deployable": job,
		"pending_approval_count": 0,
		"approvals":              []object{{"user": userOf(88, "bob"), "status": "approved", "created_at": made, "comment": "go"}},
		"approval_summary": object{"rules": []object{{
			"user_id": 88, "group_id": nil, "access_level": nil, "access_level_description": "bob", "required_approvals": 1,
			"deployment_approvals": []object{{"user": userOf(88, "bob"), "status": "approved", "created_at": made, "comment": "go"}},
		}}},
	}
}

// jobShape: api/jobs, "Get job token's job".
func jobShape(id, pipeline int64) object {
	url := gitLabIssuer + "/acme/widget/-/jobs/" + strconv.FormatInt(id, 10)
	return object{
		"id": id, "name": "build", "stage": "build", "status": "running", "ref": "main", "tag": false, "allow_failure": false,
		"created_at": made, "started_at": made, "finished_at": nil, "erased_at": nil, "duration": nil, "queued_duration": nil,
		"failure_reason": nil, "web_url": url, "artifacts": []any{}, "artifacts_expire_at": nil, "tag_list": []string{},
		"user":     userOf(1, "alice"),
		"commit":   object{"id": commit, "short_id": commit[:8], "title": "release", "author_name": "alice", "created_at": made, "message": "release"},
		"pipeline": object{"id": pipeline, "project_id": 20, "ref": "main", "sha": commit, "status": "running", "source": "push"},
		"runner":   object{"id": 1, "description": "sallyport lab", "active": true, "is_shared": true, "runner_type": "instance_type", "status": "online"},
		"project":  object{"ci_job_token_scope_enabled": true},
	}
}

// packageShape: api/packages, "List packages for a project".
func packageShape(id int64, name, version string) object {
	return object{
		"id": id, "name": name, "version": version, "package_type": "generic", "status": "default",
		"created_at": made, "last_downloaded_at": nil, "tags": []any{},
		"_links": object{"web_path": "/acme/widget/-/packages/" + strconv.FormatInt(id, 10)},
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
