package lab

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// A need is the permission that an app needs for the paths below a repository that
// begin so (docs.github.com, "Permissions required for GitHub Apps").
type need struct {
	path       *regexp.Regexp
	permission string
	write      string // another permission for what changes something
}

// needs are tried in their order. What no entry names needs the one that every app has.
var needs = []need{
	{regexp.MustCompile(`^actions/permissions`), "administration", ""},
	{regexp.MustCompile(`^actions/secrets`), "secrets", ""},
	{regexp.MustCompile(`^actions/runs/[^/]+/deployment_protection_rule$`), "deployments", ""},
	{regexp.MustCompile(`^actions/`), "actions", ""},
	{regexp.MustCompile(`^environments/[^/]+/secrets`), "environments", ""},
	{regexp.MustCompile(`^environments`), "actions", "administration"},
	{regexp.MustCompile(`^attestations`), "attestations", ""},
	{regexp.MustCompile(`^deployments`), "deployments", ""},
	{regexp.MustCompile(`^(pulls|commits/[^/]+/pulls$|issues/)`), "pull_requests", ""},
	{regexp.MustCompile(`^(activity|branches|commits|compare|contents|git|releases)`), "contents", ""},
	{regexp.MustCompile(``), "metadata", ""},
}

// may says whether a token's permissions are enough for a request below a repository.
func (x *grant) may(method, path string) bool {
	level := "read"
	if method != http.MethodGet {
		level = "write"
	}
	for _, n := range needs {
		if !n.path.MatchString(path) {
			continue
		}
		if level == "write" && n.write != "" {
			return allows(x.permissions[n.write], level)
		}
		return allows(x.permissions[n.permission], level)
	}
	return false
}

// holds says whether a token is for a repository, which its installation still holds.
func (x *grant) holds(repository int64) bool {
	return slices.Contains(x.repositories, repository) &&
		slices.Contains(x.app.Installations[x.installation], repository)
}

// sees says whether a principal may read some kind of thing of a repository. The lab's own
// token may read everything.
func (who principal) sees(r *repo, permission string) bool {
	return who.app == nil && who.grant == nil ||
		who.grant != nil && who.grant.holds(r.id) && allows(who.grant.permissions[permission], "read")
}

// admit answers an app, or one of its installations, that asks for what is not its own.
// It returns true if nothing was answered.
func (g *github) admit(w http.ResponseWriter, r *http.Request, who principal) bool {
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/api/v3")
	parts := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 4) // repos, owner, repo, the rest
	below := len(parts) >= 3 && parts[0] == "repos"
	rest := ""
	if len(parts) == 4 {
		rest = parts[3]
	}
	switch {
	case who.app != nil:
		if parts[0] == "app" || below && rest == "installation" {
			return true
		}
		gitHubError(w, http.StatusUnauthorized, "Bad credentials")
		return false
	case who.grant == nil || parts[0] == "app" || below && rest == "installation": // ofApp refuses the last two
		return true
	case parts[0] == "orgs" && !strings.Contains(path, "/attestations/") &&
		!allows(who.grant.permissions["members"], "read"):
		gitHubError(w, http.StatusForbidden, "Resource not accessible by integration")
		return false
	case !below:
		return true
	}
	g.mu.Lock()
	repo, ok := g.repos[strings.ToLower(parts[1]+"/"+parts[2])]
	held := ok && who.grant.holds(repo.id)
	shown := ok && repo.visibility == "public" && r.Method == http.MethodGet
	g.mu.Unlock()
	switch {
	case !held && !shown:
		gitHubNotFound(w)
	case !who.grant.may(r.Method, rest):
		gitHubError(w, http.StatusForbidden, "Resource not accessible by integration")
	default:
		return true
	}
	return false
}
