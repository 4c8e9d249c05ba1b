package lab

import (
	"cmp"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// made is when everything in the toys was made.
var made = time.Date(2026, time.January, 5, 8, 0, 0, 0, time.UTC)

// addDefaults fills the toy: acme/widget with two protected environments and
// one that is not.
func (g *github) addDefaults() {
	r := g.addRepo("acme", "widget", RepoSettings{ID: 123456789, OwnerID: 4242})
	g.protect(r, "staging")
	g.protect(r, "production")
	g.ensureEnvironment(r, "unprotected")
	product := g.addRepo("sallyport-dev", "sallyport", RepoSettings{})
	h := linear(1, &alice, &alice, "")
	h.Commits[0].SHA, h.Branches["main"], h.Activity[0].After = released, released, released
	h.fill()
	product.history = h
}

// released is a commit of the product's own repository, which steps and components may use.
const released = "1111111111111111111111111111111111111111"

// protect makes an environment that only main may enter, after somebody other
// than who started the run has approved.
func (g *github) protect(r *repo, name string) {
	e := g.ensureEnvironment(r, name)
	e.shape["can_admins_bypass"] = false
	e.shape["deployment_branch_policy"] = object{"protected_branches": false, "custom_branch_policies": true}
	e.shape["protection_rules"] = []object{
		{"id": g.nextID(), "node_id": "GA_" + name + "_1", "type": "required_reviewers", "prevent_self_review": true,
			"reviewers": []object{{"type": "User", "reviewer": g.userShape("bob", 88)}}},
		{"id": g.nextID(), "node_id": "GA_" + name + "_2", "type": "branch_policy"},
	}
	e.branches = []object{{"id": g.nextID(), "node_id": "DBP_" + name, "name": "main", "type": "branch"}}
}

func (g *github) api(format string, args ...any) string {
	return g.base + "/api/v3" + fmt.Sprintf(format, args...)
}

func (g *github) environmentShape(r *repo, name string, id int64) object {
	return object{
		"id":      id,
		"node_id": "EN_" + strconv.FormatInt(id, 10),
		"name":    name,
		"url":     g.api("/repos/%s/%s/environments/%s", r.owner, r.name, url.PathEscape(name)),
		"html_url": fmt.Sprintf("https://github.com/%s/%s/deployments/activity_log?environments_filter=%s",
			r.owner, r.name, url.QueryEscape(name)),
		"created_at":               made,
		"updated_at":               made,
		"can_admins_bypass":        true,
		"protection_rules":         []object{},
		"deployment_branch_policy": nil,
	}
}

func (g *github) userShape(login string, id int64) object {
	api := g.api("/users/%s", login)
	return object{
		"login": login, "id": id, "node_id": "U_" + login, "type": "User", "site_admin": false, "gravatar_id": "",
		"avatar_url": "https://avatars.githubusercontent.com/u/" + strconv.FormatInt(id, 10),
		"html_url":   "https://github.com/" + login, "url": api,
		"events_url": api + "/events{/privacy}", "followers_url": api + "/followers", "following_url": api + "/following{/other_user}",
		"gists_url": api + "/gists{/gist_id}", "organizations_url": api + "/orgs", "received_events_url": api + "/received_events",
		"repos_url": api + "/repos", "starred_url": api + "/starred{/owner}{/repo}", "subscriptions_url": api + "/subscriptions",
	}
}

// repoURLs are the fields of a repository that are its API URL and a suffix.
var repoURLs = map[string]string{
	"archive_url": "/{archive_format}{/ref}", "assignees_url": "/assignees{/user}", "blobs_url": "/git/blobs{/sha}",
	"branches_url": "/branches{/branch}", "collaborators_url": "/collaborators{/collaborator}", "comments_url": "/comments{/number}",
	"commits_url": "/commits{/sha}", "compare_url": "/compare/{base}...{head}", "contents_url": "/contents/{+path}",
	"contributors_url": "/contributors", "deployments_url": "/deployments", "downloads_url": "/downloads", "events_url": "/events",
	"forks_url": "/forks", "git_commits_url": "/git/commits{/sha}", "git_refs_url": "/git/refs{/sha}", "git_tags_url": "/git/tags{/sha}",
	"hooks_url": "/hooks", "issue_comment_url": "/issues/comments{/number}", "issue_events_url": "/issues/events{/number}",
	"issues_url": "/issues{/number}", "keys_url": "/keys{/key_id}", "labels_url": "/labels{/name}", "languages_url": "/languages",
	"merges_url": "/merges", "milestones_url": "/milestones{/number}", "notifications_url": "/notifications{?since,all,participating}",
	"pulls_url": "/pulls{/number}", "releases_url": "/releases{/id}", "stargazers_url": "/stargazers", "statuses_url": "/statuses/{sha}",
	"subscribers_url": "/subscribers", "subscription_url": "/subscription", "tags_url": "/tags", "teams_url": "/teams",
	"trees_url": "/git/trees{/sha}", "url": "",
}

func (g *github) repoShape(r *repo) object {
	full := r.owner + "/" + r.name
	owner := g.userShape(r.owner, r.ownerID)
	owner["type"] = cmp.Or(g.accountType(r.owner), "Organization")
	out := object{
		"id": r.id, "node_id": "R_" + strconv.FormatInt(r.id, 10), "name": r.name, "full_name": full,
		"owner": owner, "private": r.visibility != "public", "visibility": r.visibility,
		"html_url": "https://github.com/" + full, "clone_url": "https://github.com/" + full + ".git", "git_url": "git://github.com/" + full + ".git",
		"ssh_url": "git@github.com:" + full + ".git", "svn_url": "https://github.com/" + full, "mirror_url": nil, "homepage": nil,
		"description": nil, "language": nil, "license": nil, "default_branch": r.history.DefaultBranch, "fork": r.fork, "archived": false, "disabled": false,
		"forks": 0, "forks_count": 0, "open_issues": 0, "open_issues_count": 0, "size": 0, "stargazers_count": 0, "watchers": 0,
		"watchers_count": 0, "network_count": 0, "subscribers_count": 0, "has_issues": true, "has_projects": true, "has_wiki": true,
		"has_pages": false, "has_discussions": false, "created_at": made, "updated_at": made, "pushed_at": made,
	}
	for name, suffix := range repoURLs {
		out[name] = g.api("/repos/%s%s", full, suffix)
	}
	return out
}

// runShape is the run that the default tokens come from, under another id if
// one is asked for.
func (g *github) runShape(r *repo, id int64) object {
	api := g.api("/repos/%s/%s/actions/runs/%d", r.owner, r.name, id)
	html := fmt.Sprintf("https://github.com/%s/%s/actions/runs/%d", r.owner, r.name, id)
	alice := g.userShape("alice", 77)
	who := object{"name": "alice", "email": "alice@example.com"}
	return object{
		"id": id, "node_id": "WFR_" + strconv.FormatInt(id, 10), "name": "release", "display_title": "release", "path": ".github/workflows/release.yml",
		"run_number": 17, "run_attempt": 1, "event": "push", "status": "in_progress", "conclusion": nil, "workflow_id": 501,
		"head_branch": "main", "head_sha": commit, "check_suite_id": 601, "check_suite_node_id": "CS_601",
		"head_commit": object{"id": commit, "tree_id": commit, "message": "release", "timestamp": made, "author": who, "committer": who},
		"actor":       alice, "triggering_actor": alice, "repository": g.repoShape(r), "head_repository": g.repoShape(r), "pull_requests": []any{},
		"referenced_workflows": []any{}, "previous_attempt_url": nil, "created_at": made, "updated_at": made, "run_started_at": made,
		"url": api, "html_url": html, "jobs_url": api + "/jobs", "logs_url": api + "/logs", "cancel_url": api + "/cancel",
		"rerun_url": api + "/rerun", "artifacts_url": api + "/artifacts", "check_suite_url": g.api("/repos/%s/%s/check-suites/601", r.owner, r.name),
		"workflow_url": g.api("/repos/%s/%s/actions/workflows/501", r.owner, r.name),
	}
}
