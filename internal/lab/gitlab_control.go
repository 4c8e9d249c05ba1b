package lab

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

// ProjectSettings is what the control API can set of a project. Fields go
// into the answer of GET /projects/:id as they are.
type ProjectSettings struct {
	Path        string `json:"path"`
	NamespaceID int64  `json:"namespace_id"`
	Visibility  string `json:"visibility"`
	Fields      object `json:"fields"`
	// Protected are environments to make as acme/widget's production is, and
	// Unprotected are environments to make that are not protected.
	Protected   []string `json:"protected"`
	Unprotected []string `json:"unprotected"`
}

func (g *gitlab) control(mux *http.ServeMux) {
	const p = "/gitlab/projects/{id}"
	mux.HandleFunc("PUT "+p, g.putProject)
	mux.HandleFunc("DELETE "+p, g.changing(func(p *project, _ *http.Request) error {
		delete(g.projects, p.id)
		return nil
	}))
	mux.HandleFunc("PUT "+p+"/protected_environments/{name}", g.changing(func(p *project, r *http.Request) error {
		if err := put(&p.protected, protectedShape(r.PathValue("name")), r); err != nil {
			return err
		}
		g.complete(p.protected[len(p.protected)-1])
		return nil
	}))
	mux.HandleFunc("DELETE "+p+"/protected_environments/{name}", g.changing(func(p *project, r *http.Request) error {
		p.protected = without(p.protected, r.PathValue("name"))
		return nil
	}))
	mux.HandleFunc("PUT "+p+"/environments/{name}", g.changing(func(p *project, r *http.Request) error {
		return put(&p.environments, environmentOf(g.nextID(), r.PathValue("name")), r)
	}))
	mux.HandleFunc("DELETE "+p+"/environments/{name}", g.changing(func(p *project, r *http.Request) error {
		p.environments = without(p.environments, r.PathValue("name"))
		return nil
	}))
	mux.HandleFunc("PUT "+p+"/deployments/{deployment}", g.changing(g.putDeployment))
	mux.HandleFunc("DELETE "+p+"/packages", g.changing(func(p *project, _ *http.Request) error {
		p.packages = nil
		return nil
	}))
	for path, f := range map[string]func(*project, *http.Request) error{
		"PUT /history":                          g.putHistory,
		"PUT /files":                            func(p *project, r *http.Request) error { return p.files.put(r) },
		"PUT /jobs/{job}":                       g.putProjectJob,
		"PUT /pipelines/{pipeline}":             g.putPipeline,
		"POST /deployments/{deployment}/review": g.addReview,
		"PUT /members":                          g.putMembers,
		"PUT /variables":                        g.putVariables,
		"PUT /protected_branches":               g.putProtectedBranches,
		"PUT /protected_tags":                   g.putProtectedTags,
		"PUT /lint":                             g.putLint,
		"PUT /tier":                             g.putTier,
		"PUT /releases":                         g.putReleases,
		"PUT /packages/{name}/{version}":        g.putPackage,
	} {
		mux.HandleFunc(strings.Replace(path, " ", " "+p, 1), g.changing(f))
	}
	mux.HandleFunc("PUT /gitlab/groups/{group}", g.locked(g.putGroup))
	mux.HandleFunc("PUT /gitlab/users/{user}", g.locked(g.putUser))
	mux.HandleFunc("POST /gitlab/users/{user}/token", g.addToken)
	mux.HandleFunc("PUT /gitlab/job", g.locked(g.putJob))
}

// locked runs f with the state locked.
func (g *gitlab) locked(f func(*http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if err := f(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// changing runs f with the state locked, on a project that must exist.
func (g *gitlab) changing(f func(*project, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		p := g.project(r.PathValue("id"))
		if p == nil {
			http.Error(w, "no such project; PUT it first", http.StatusNotFound)
			return
		}
		if err := f(p, r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func (g *gitlab) putProject(w http.ResponseWriter, r *http.Request) {
	var s ProjectSettings
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err == nil {
		err = readJSON(r, &s)
	}
	if err == nil && s.Path != "" && !strings.Contains(s.Path, "/") {
		err = fmt.Errorf("path %q, want namespace/name", s.Path)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.addProject(id, s)
	w.WriteHeader(http.StatusNoContent)
}

// addProject makes a project or changes the settings of one.
func (g *gitlab) addProject(id int64, s ProjectSettings) *project {
	p := g.projects[id]
	if p == nil {
		p = &project{id: id, deployments: map[int64]*glDeployment{}}
		g.projects[id] = p
	}
	p.path = cmp.Or(s.Path, p.path, "acme/project-"+strconv.FormatInt(id, 10))
	if p.history == nil {
		g.fillProject(p)
	}
	g.ensureGroup(cmp.Or(s.NamespaceID, 4242), path.Dir(p.path))
	p.shape = projectShape(id, p.path, cmp.Or(s.NamespaceID, 4242), cmp.Or(s.Visibility, "public"))
	maps.Copy(p.shape, s.Fields)
	for _, name := range slices.Concat(s.Protected, s.Unprotected) {
		p.environments = append(without(p.environments, name), environmentOf(g.nextID(), name))
	}
	for _, name := range s.Protected {
		p.protected = append(without(p.protected, name), protectedShape(name))
	}
	return p
}

// put lays the request over the object of the same name, or over fresh.
func put(all *[]object, fresh object, r *http.Request) error {
	var given object
	if err := readJSON(r, &given); err != nil {
		return err
	}
	name, _ := fresh["name"].(string)
	maps.Copy(fresh, given)
	if fresh["name"] != name {
		return errors.New("the name in the body is not the one in the path")
	}
	*all = append(without(*all, name), fresh)
	return nil
}

func without(all []object, name string) []object {
	return slices.DeleteFunc(slices.Clone(all), func(o object) bool { return o["name"] == name })
}

// putJob changes what GET /job answers.
func (g *gitlab) putJob(r *http.Request) error {
	given, err := g.fieldsWithUser(r)
	if err == nil {
		maps.Copy(g.job, given)
	}
	return err
}
