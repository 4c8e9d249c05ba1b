package lab

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// gitlab is a toy of the few GitLab endpoints that Sallyport calls. GitLab
// publishes no description that answers could be checked against, so every
// shape it answers is in gitlab_shapes.go, with the page it was taken from.
type gitlab struct {
	base   string
	tokens tokens

	mu       sync.Mutex
	lastID   int64
	projects map[int64]*project
	job      object // what a job's token says about its job
}

// A project is a project and what hangs off it.
type project struct {
	id           int64
	path         string
	shape        object
	environments []object
	protected    []object
	deployments  map[int64]object
	packages     []*glPackage
}

// A glPackage is a generic package; its files may have one name several
// times, and the newest is the one that is served.
type glPackage struct {
	shape   object
	name    string
	version string
	files   []glFile
}

type glFile struct {
	shape   object
	name    string
	content []byte
}

func newGitLab(t tokens) *gitlab {
	return &gitlab{tokens: t, lastID: 7000, projects: map[int64]*project{}}
}

// open tells the toy where it is and fills it.
func (g *gitlab) open(base string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.base = base
	g.addDefaults()
}

func (g *gitlab) nextID() int64 {
	g.lastID++
	return g.lastID
}

// A caller is who a request's token belongs to; the zero value is nobody.
type caller int

const (
	nobody caller = iota
	job           // JOB-TOKEN: may do the little that a job may
	person        // PRIVATE-TOKEN or an OAuth bearer
)

func (g *gitlab) who(r *http.Request) caller {
	scheme, token := credentials(r)
	switch {
	case scheme == "JOB-TOKEN" && is(token, g.tokens.job):
		return job
	case scheme == "PRIVATE-TOKEN" && is(token, g.tokens.gitlab):
		return person
	case strings.EqualFold(scheme, "Bearer") && is(token, g.tokens.gitlab):
		return person
	case scheme == "none" && is(r.URL.Query().Get("job_token"), g.tokens.job):
		return job
	}
	return nobody
}

// handler serves the API below /api/v4. The project settings, protected
// environments among them, are closed to a job's token, as they are there.
func (g *gitlab) handler() http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("GET /job", g.getJob)
	const p = "/projects/{id}"
	for pattern, h := range map[string]projectHandler{
		"PUT " + p + "/packages/generic/{name}/{version}/{file...}": g.putFile,
		"GET " + p + "/packages/generic/{name}/{version}/{file...}": g.getFile,
		"GET " + p + "/packages":                                    g.listPackages,
		"GET " + p + "/packages/{pkg}/package_files":                g.listFiles,
		"GET " + p + "/environments":                                g.listEnvironments,
		"GET " + p + "/deployments/{deployment}":                    g.getDeployment,
	} {
		api.HandleFunc(pattern, g.of(job, h))
	}
	for pattern, h := range map[string]projectHandler{
		"GET " + p:                                    g.getProject,
		"GET " + p + "/protected_environments":        g.listProtected,
		"GET " + p + "/protected_environments/{name}": g.getProtected,
	} {
		api.HandleFunc(pattern, g.of(person, h))
	}
	api.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { gitLabError(w, http.StatusNotFound, "404 Not Found") })
	mux := http.NewServeMux()
	mux.Handle("/api/v4/", http.StripPrefix("/api/v4", api))
	return mux
}

type projectHandler func(http.ResponseWriter, *http.Request, *project)

// of serves h for the project in the path, by number or by path, to callers
// who are at least the one that it takes.
func (g *gitlab) of(least caller, h projectHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if who := g.who(r); who == nobody || who < least {
			gitLabError(w, http.StatusUnauthorized, "401 Unauthorized")
			return
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		p := g.project(r.PathValue("id"))
		if p == nil {
			gitLabError(w, http.StatusNotFound, "404 Project Not Found")
			return
		}
		h(w, r, p)
	}
}

func (g *gitlab) project(id string) *project {
	if n, err := strconv.ParseInt(id, 10, 64); err == nil {
		return g.projects[n]
	}
	for _, p := range g.projects {
		if strings.EqualFold(p.path, id) {
			return p
		}
	}
	return nil
}

func gitLabError(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, object{"message": message})
}

func (g *gitlab) getProject(w http.ResponseWriter, _ *http.Request, p *project) {
	writeJSON(w, http.StatusOK, p.shape)
}

func (g *gitlab) listProtected(w http.ResponseWriter, r *http.Request, p *project) {
	writeJSON(w, http.StatusOK, g.page(w, r, p.protected))
}

func (g *gitlab) getProtected(w http.ResponseWriter, r *http.Request, p *project) {
	found := named(p.protected, r.PathValue("name"))
	if found == nil {
		gitLabError(w, http.StatusNotFound, "404 Not Found")
		return
	}
	writeJSON(w, http.StatusOK, found)
}

// listEnvironments answers those of exactly one name, or those whose name
// contains a text of at least three letters, or all.
func (g *gitlab) listEnvironments(w http.ResponseWriter, r *http.Request, p *project) {
	name, search := r.URL.Query().Get("name"), r.URL.Query().Get("search")
	if name != "" && search != "" {
		gitLabError(w, http.StatusBadRequest, "name, search are mutually exclusive")
		return
	}
	if search != "" && len(search) < 3 {
		gitLabError(w, http.StatusBadRequest, "Search query is less than 3 characters")
		return
	}
	var found []object
	for _, e := range p.environments {
		has, _ := e["name"].(string)
		if (name == "" || has == name) && strings.Contains(has, search) {
			found = append(found, e)
		}
	}
	writeJSON(w, http.StatusOK, g.page(w, r, found))
}

func (g *gitlab) getDeployment(w http.ResponseWriter, r *http.Request, p *project) {
	d := p.deployments[pathID(r, "deployment")]
	if d == nil {
		gitLabError(w, http.StatusNotFound, "404 Not found")
		return
	}
	writeJSON(w, http.StatusOK, d)
}

// getJob answers a job's token only, with the job it belongs to.
func (g *gitlab) getJob(w http.ResponseWriter, r *http.Request) {
	if g.who(r) != job {
		gitLabError(w, http.StatusUnauthorized, "401 Unauthorized")
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	writeJSON(w, http.StatusOK, g.job)
}

// named returns the object of that name, or nil.
func named(all []object, name string) object {
	for _, o := range all {
		if o["name"] == name {
			return o
		}
	}
	return nil
}

// page returns the page that a request asks for, with GitLab's headers.
func (g *gitlab) page(w http.ResponseWriter, r *http.Request, all []object) []object {
	size, number := perPage(r, 20), max(1, queryInt(r, "page", 1))
	pages := max(1, (len(all)+size-1)/size)
	from := min((number-1)*size, len(all))
	to := min(from+size, len(all))
	h := w.Header()
	h.Set("X-Per-Page", strconv.Itoa(size))
	h.Set("X-Page", strconv.Itoa(number))
	h.Set("X-Total", strconv.Itoa(len(all)))
	h.Set("X-Total-Pages", strconv.Itoa(pages))
	h.Set("X-Next-Page", "")
	h.Set("X-Prev-Page", "")
	links := []string{g.link(r, 1, "first"), g.link(r, pages, "last")}
	if to < len(all) {
		h.Set("X-Next-Page", strconv.Itoa(number+1))
		links = append(links, g.link(r, number+1, "next"))
	}
	if number > 1 {
		h.Set("X-Prev-Page", strconv.Itoa(number-1))
		links = append(links, g.link(r, number-1, "prev"))
	}
	h.Set("Link", strings.Join(links, ", "))
	return append([]object{}, all[from:to]...)
}

func (g *gitlab) link(r *http.Request, page int, rel string) string {
	q := r.URL.Query()
	q.Set("page", strconv.Itoa(page))
	return "<" + g.base + "/api/v4" + r.URL.EscapedPath() + "?" + q.Encode() + `>; rel="` + rel + `"`
}
