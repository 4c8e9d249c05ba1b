package lab

import (
	"maps"
	"net/http"
	"strings"
)

func (r *repo) environment(name string) *environment {
	for _, e := range r.environments {
		if strings.EqualFold(e.name, name) {
			return e
		}
	}
	return nil
}

func (g *github) listEnvironments(w http.ResponseWriter, req *http.Request, r *repo) {
	all := make([]object, 0, len(r.environments))
	for _, e := range r.environments {
		all = append(all, e.shape)
	}
	writeJSON(w, http.StatusOK, object{"total_count": len(all), "environments": g.page(w, req, all)})
}

func (g *github) getEnvironment(w http.ResponseWriter, req *http.Request, r *repo) {
	e := r.environment(req.PathValue("name"))
	if e == nil {
		gitHubNotFound(w)
		return
	}
	writeJSON(w, http.StatusOK, e.shape)
}

func (g *github) listRules(w http.ResponseWriter, req *http.Request, r *repo) {
	e := r.environment(req.PathValue("name"))
	if e == nil {
		gitHubNotFound(w)
		return
	}
	writeJSON(w, http.StatusOK, object{"total_count": len(e.rules), "custom_deployment_protection_rules": e.rules})
}

func (g *github) listBranches(w http.ResponseWriter, req *http.Request, r *repo) {
	e := r.environment(req.PathValue("name"))
	if e == nil {
		gitHubNotFound(w)
		return
	}
	writeJSON(w, http.StatusOK, object{"total_count": len(e.branches), "branch_policies": g.page(w, req, e.branches)})
}

// putEnvironment takes what the API shall return, and fills in only the
// fields that every environment has.
func (g *github) putEnvironment(r *repo, req *http.Request) error {
	var shape object
	if err := readJSON(req, &shape); err != nil {
		return err
	}
	e := g.ensureEnvironment(r, req.PathValue("name"))
	e.shape = g.environmentShape(r, e.name, idOf(e.shape))
	maps.Copy(e.shape, shape)
	return nil
}

func (g *github) ensureEnvironment(r *repo, name string) *environment {
	if e := r.environment(name); e != nil {
		return e
	}
	e := &environment{name: name, shape: g.environmentShape(r, name, g.nextID()), rules: []object{}, branches: []object{}}
	r.environments = append(r.environments, e)
	return e
}

func (g *github) putCustomRules(r *repo, req *http.Request) error {
	return readJSON(req, &g.ensureEnvironment(r, req.PathValue("name")).rules)
}

func (g *github) putBranchPolicies(r *repo, req *http.Request) error {
	return readJSON(req, &g.ensureEnvironment(r, req.PathValue("name")).branches)
}
