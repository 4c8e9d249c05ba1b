package lab

import (
	"cmp"
	"encoding/json"
	"hash/fnv"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// A RepoSettings is what the control API can set of a repository.
type RepoSettings struct {
	ID         int64  `json:"id"`
	OwnerID    int64  `json:"owner_id"`
	Visibility string `json:"visibility"`
	// InlineBundles is false to answer attestations with a bundle_url only.
	InlineBundles *bool `json:"inline_bundles"`
	// Protected are environments to make as acme/widget's production is, and
	// Unprotected are environments to make without any rule.
	Protected   []string `json:"protected"`
	Unprotected []string `json:"unprotected"`
}

func (g *github) control(mux *http.ServeMux) {
	const r = "/github/repos/{owner}/{repo}"
	mux.HandleFunc("PUT "+r, g.putRepo)
	mux.HandleFunc("DELETE "+r, g.changing(func(_ *repo, req *http.Request) error {
		delete(g.repos, repoKey(req))
		return nil
	}))
	mux.HandleFunc("PUT "+r+"/environments/{name}", g.changing(g.putEnvironment))
	mux.HandleFunc("DELETE "+r+"/environments/{name}", g.changing(func(r *repo, req *http.Request) error {
		r.environments = slices.DeleteFunc(r.environments, func(e *environment) bool { return e.name == req.PathValue("name") })
		return nil
	}))
	mux.HandleFunc("PUT "+r+"/environments/{name}/custom_rules", g.changing(func(r *repo, req *http.Request) error {
		return readJSON(req, &g.ensureEnvironment(r, req.PathValue("name")).rules)
	}))
	mux.HandleFunc("PUT "+r+"/environments/{name}/branch_policies", g.changing(func(r *repo, req *http.Request) error {
		return readJSON(req, &g.ensureEnvironment(r, req.PathValue("name")).branches)
	}))
	mux.HandleFunc("PUT "+r+"/runs/{id}", g.changing(g.putRun))
	mux.HandleFunc("PUT "+r+"/runs/{id}/approvals", g.changing(func(r *repo, req *http.Request) error {
		return readJSON(req, &g.ensureRun(r, pathID(req, "id")).approvals)
	}))
	mux.HandleFunc("DELETE "+r+"/attestations", g.changing(func(r *repo, _ *http.Request) error {
		r.attestations = nil
		return nil
	}))
}

// changing runs f with the state locked, on a repository that must exist.
func (g *github) changing(f func(*repo, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		r, ok := g.repos[repoKey(req)]
		if !ok {
			http.Error(w, "no such repository; PUT it first", http.StatusNotFound)
			return
		}
		if err := f(r, req); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func (g *github) putRepo(w http.ResponseWriter, req *http.Request) {
	s := RepoSettings{}
	if err := readJSON(req, &s); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if !slices.Contains([]string{"", "public", "private", "internal"}, s.Visibility) {
		http.Error(w, "visibility, want public, private or internal", http.StatusBadRequest)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.addRepo(req.PathValue("owner"), req.PathValue("repo"), s)
	w.WriteHeader(http.StatusNoContent)
}

// addRepo makes a repository or changes the settings of one. Ids that are not
// given follow from the names, so that they are the same in every lab.
func (g *github) addRepo(owner, name string, s RepoSettings) *repo {
	key := strings.ToLower(owner + "/" + name)
	r, ok := g.repos[key]
	if !ok {
		r = &repo{owner: owner, name: name, runs: map[int64]*run{}}
		g.repos[key] = r
	}
	r.id = cmp.Or(s.ID, nameID(key))
	r.ownerID = cmp.Or(s.OwnerID, nameID(strings.ToLower(owner)))
	r.visibility = cmp.Or(s.Visibility, "public")
	r.inline = s.InlineBundles == nil || *s.InlineBundles
	for _, name := range s.Protected {
		g.protect(r, name)
	}
	for _, name := range s.Unprotected {
		g.ensureEnvironment(r, name)
	}
	return r
}

func nameID(name string) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return int64(h.Sum32())
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

func (g *github) putRun(r *repo, req *http.Request) error {
	var shape object
	if err := readJSON(req, &shape); err != nil {
		return err
	}
	maps.Copy(g.ensureRun(r, pathID(req, "id")).shape, shape)
	return nil
}

func (g *github) ensureRun(r *repo, id int64) *run {
	if r.runs[id] == nil {
		r.runs[id] = &run{shape: g.runShape(r, id), approvals: []any{}}
	}
	return r.runs[id]
}

// idOf returns an object's id, whether the toy or a request put it there.
func idOf(o object) int64 {
	switch id := o["id"].(type) {
	case int64:
		return id
	case float64:
		return int64(id)
	case json.Number:
		n, _ := id.Int64() // zero is as good as any wrong id
		return n
	}
	return 0
}
