package lab

import (
	"fmt"
	"net/http"
	"slices"
)

// settings are what an administrator sets of a repository besides its
// environments.
type settings struct {
	plan          string // free, team or enterprise
	collaborators []collaborator
	secrets       secretNames
	permissions   object
	branches      map[string]branchSettings
	rulesets      []object // for tags; what they say of branches is in branches
}

type secretNames struct {
	Repository   []string            `json:"repository"`
	Environments map[string][]string `json:"environments"`
}

type branchSettings struct {
	Protected bool     `json:"protected"`
	Rules     []object `json:"rules"`
}

// newSettings are those of a repository that somebody has looked after.
func newSettings() settings {
	return settings{
		plan:          "enterprise",
		rulesets:      newRulesets(),
		collaborators: []collaborator{{alice, "", "write"}, {bob, "", "maintain"}, {carol, "", "admin"}},
		permissions: object{
			"enabled": true, "allowed_actions": "all", "sha_pinning_required": false,
			"default_workflow_permissions": "read", "can_approve_pull_request_reviews": false,
		},
		branches: map[string]branchSettings{"main": {Protected: true, Rules: []object{
			{"type": "deletion"}, {"type": "non_fast_forward"},
			{"type": "pull_request", "parameters": object{
				"dismiss_stale_reviews_on_push": true, "require_code_owner_review": false, "require_last_push_approval": true,
				"required_approving_review_count": 1, "required_review_thread_resolution": false,
			}},
		}}},
	}
}

func (g *github) settingsRoutes() map[string]http.HandlerFunc {
	const environment = "R/environments/{name}"
	const policies = environment + "/deployment-branch-policies"
	return map[string]http.HandlerFunc{
		"GET R/environments":                                  g.of(g.planned(g.listEnvironments)),
		"GET " + environment:                                  g.of(g.planned(g.getEnvironment)),
		"PUT " + environment:                                  g.of(g.planned(g.replaceEnvironment)),
		"GET " + environment + "/secrets":                     g.of(g.planned(g.listEnvironmentSecrets)),
		"GET " + environment + "/deployment_protection_rules": g.of(g.planned(g.listRules)),
		"GET " + policies:                                     g.of(g.planned(g.listBranches)),
		"POST " + policies:                                    g.of(g.planned(g.postPolicy)),
		"GET " + policies + "/{id}":                           g.of(g.planned(g.ofPolicy(g.getPolicy))),
		"PUT " + policies + "/{id}":                           g.of(g.planned(g.ofPolicy(g.renamePolicy))),
		"DELETE " + policies + "/{id}":                        g.of(g.planned(g.ofPolicy(g.deletePolicy))),
		"GET R/actions/secrets":                               g.of(g.listSecrets),
		"GET R/actions/permissions":                           g.of(g.getPermissions),
		"GET R/actions/permissions/workflow":                  g.of(g.getWorkflowPermissions),
	}
}

// planned is a 404 where the plan has no environments.
func (g *github) planned(h func(http.ResponseWriter, *http.Request, *repo)) func(http.ResponseWriter, *http.Request, *repo) {
	return func(w http.ResponseWriter, req *http.Request, r *repo) {
		if r.free() {
			gitHubNotFound(w)
			return
		}
		h(w, req, r)
	}
}

func (g *github) putPlan(r *repo, req *http.Request) error {
	var in struct {
		Name string `json:"name"`
	}
	if err := readJSON(req, &in); err != nil {
		return err
	}
	if !slices.Contains([]string{"free", "team", "enterprise"}, in.Name) {
		return fmt.Errorf("plan %q, want free, team or enterprise", in.Name)
	}
	r.settings.plan = in.Name
	return nil
}

func (g *github) putSecrets(r *repo, req *http.Request) error {
	var in secretNames
	if err := readJSON(req, &in); err != nil {
		return err
	}
	r.settings.secrets = in
	return nil
}

func (g *github) listSecrets(w http.ResponseWriter, req *http.Request, r *repo) {
	g.writeSecrets(w, req, r.settings.secrets.Repository)
}

func (g *github) listEnvironmentSecrets(w http.ResponseWriter, req *http.Request, r *repo) {
	e := r.environment(req.PathValue("name"))
	if e == nil {
		gitHubNotFound(w)
		return
	}
	g.writeSecrets(w, req, r.settings.secrets.Environments[e.name])
}

// writeSecrets answers names: no API gives the value of a secret.
func (g *github) writeSecrets(w http.ResponseWriter, req *http.Request, names []string) {
	all := []object{}
	for _, name := range names {
		all = append(all, object{"name": name, "created_at": made, "updated_at": made})
	}
	writeJSON(w, http.StatusOK, object{"total_count": len(all), "secrets": g.page(w, req, all)})
}

// workflowPermissions are the fields that have an endpoint of their own.
var workflowPermissions = []string{"default_workflow_permissions", "can_approve_pull_request_reviews"}

func (g *github) putPermissions(r *repo, req *http.Request) error {
	var in object
	if err := readJSON(req, &in); err != nil {
		return err
	}
	r.settings.permissions = with(r.settings.permissions, in)
	return nil
}

func (g *github) getPermissions(w http.ResponseWriter, _ *http.Request, r *repo) {
	out := with(r.settings.permissions, nil)
	for _, name := range workflowPermissions {
		delete(out, name)
	}
	writeJSON(w, http.StatusOK, out)
}

func (g *github) getWorkflowPermissions(w http.ResponseWriter, _ *http.Request, r *repo) {
	out := object{}
	for _, name := range workflowPermissions {
		out[name] = r.settings.permissions[name]
	}
	writeJSON(w, http.StatusOK, out)
}

func (g *github) putBranch(r *repo, req *http.Request) error {
	var in branchSettings
	if err := readJSON(req, &in); err != nil {
		return err
	}
	r.settings.branches[req.PathValue("name")] = in
	return nil
}

func (g *github) getBranch(w http.ResponseWriter, req *http.Request, r *repo) {
	name := req.PathValue("name")
	sha, ok := r.history.Branches[name]
	if !ok {
		gitHubNotFound(w)
		return
	}
	protected := !r.free() && r.settings.branches[name].Protected
	self := g.api("/repos/%s/%s/branches/%s", r.owner, r.name, name)
	writeJSON(w, http.StatusOK, object{
		"name": name, "commit": g.commitShape(r, r.history.bySHA[sha]), "protected": protected,
		"protection": object{"enabled": protected}, "protection_url": self + "/protection",
		"_links": object{"self": self, "html": fmt.Sprintf("https://github.com/%s/%s/tree/%s", r.owner, r.name, name)},
	})
}

// listBranchRules answers the rules of a name, whether or not there is such a
// branch, as there.
func (g *github) listBranchRules(w http.ResponseWriter, req *http.Request, r *repo) {
	all := []object{}
	for _, rule := range r.settings.branches[req.PathValue("name")].Rules {
		all = append(all, with(object{
			"ruleset_source_type": "Repository", "ruleset_source": r.owner + "/" + r.name, "ruleset_id": 1,
		}, rule))
	}
	writeJSON(w, http.StatusOK, g.page(w, req, all))
}
