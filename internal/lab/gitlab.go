package lab

import (
	"encoding/json"
	"fmt"
	"maps"
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
	graph  *graph

	mu       sync.Mutex
	lastID   int64
	projects map[int64]*project
	groups   map[int64]*glGroup
	users    map[int64]object
	personal map[string]int64 // tokens of users besides the lab's own
	job      object           // what a job's token says about its job
}

// A project is a project and what hangs off it.
type project struct {
	id           int64
	path         string
	tier         string // free, premium or ultimate
	shape        object
	environments []object
	protected    []object
	deployments  map[int64]*glDeployment
	packages     []*glPackage
	history      *glHistory
	jobs         map[int64]object
	pipelines    map[int64]object
	bridges      map[int64][]object // by pipeline
	given        map[int64][]object // variables, by pipeline
	members      []object
	variables    []object
	branches     []object // protected ones
	tags         []object // protected ones
	lint         object
	files        committed
	releases     []object
}

// A glPackage is a generic package; its files may have one name several
// times, and the newest is the one that is served by name.
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

func newGitLab(t tokens, c *contract) *gitlab {
	return &gitlab{
		tokens: t, graph: newGraph("gitlab.graphql", gitLabGraph, c, refusedByGitLab), lastID: 7000, projects: map[int64]*project{}, groups: map[int64]*glGroup{},
		users: map[int64]object{}, personal: map[string]int64{},
	}
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

// A caller is the kind of token that a request has; the zero value is none.
type caller int

const (
	asNobody caller = iota
	asJob           // JOB-TOKEN: may do the little that a job may
	asPerson        // PRIVATE-TOKEN or an OAuth bearer
)

// A visitor is who a request comes from.
type visitor struct {
	as   caller
	user int64
	own  bool // the lab's own token, which is let in everywhere
	job  map[string]string
}

// visitor says who asks: a job's token acts for the user who started the job,
// the lab's own for the first user.
func (g *gitlab) visitor(r *http.Request) visitor {
	scheme, token := credentials(r)
	if scheme == "none" {
		scheme, token = "JOB-TOKEN", r.URL.Query().Get("job_token")
	}
	if job, ok := g.tokens.jobOf(token); ok && scheme == "JOB-TOKEN" {
		return visitor{as: asJob, user: idIn(g.job["user"]), job: job}
	}
	switch {
	case scheme != "PRIVATE-TOKEN" && !strings.EqualFold(scheme, "Bearer"):
		return visitor{}
	case is(token, g.tokens.gitlab):
		return visitor{as: asPerson, user: firstUser, own: true}
	}
	user, ok := g.personal[token]
	if !ok || g.users[user]["state"] != "active" {
		return visitor{}
	}
	return visitor{as: asPerson, user: user}
}

// handler serves the API below /api/v4. What is a project's setting, its jobs
// and its history are closed to a job's token, as they are there.
func (g *gitlab) handler() http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("GET /job", g.getJob)
	api.HandleFunc("GET /metadata", g.getMetadata)
	for path, h := range g.toAnybody() {
		api.HandleFunc(projectPath(path), g.forAnybody(path, h))
	}
	for path, h := range g.toJobs() {
		api.HandleFunc(projectPath(path), g.of(asJob, h))
	}
	for path, h := range g.toPersons() {
		api.HandleFunc(projectPath(path), g.of(asPerson, h))
	}
	for path, h := range g.toMaintainers() {
		api.HandleFunc(projectPath(path), g.of(asPerson, g.maintained(h)))
	}
	g.peopleAPI(api)
	api.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { gitLabError(w, http.StatusNotFound, "404 Not Found") })
	mux := http.NewServeMux()
	mux.Handle("/api/v4/", cached(http.StripPrefix("/api/v4", api)))
	mux.HandleFunc("POST /api/graphql", g.graphQL)
	return mux
}

// projectPath makes "GET /x" the pattern of x of a project.
func projectPath(path string) string { return strings.Replace(path, " ", " /projects/{id}", 1) }

func (g *gitlab) toJobs() map[string]projectHandler {
	return map[string]projectHandler{
		"PUT /packages/generic/{name}/{version}/{file...}": g.putFile,
		"GET /environments/{environment}":                  g.getEnvironment,
		"GET /deployments/{deployment}":                    g.getDeployment,
		"GET /deployments/{deployment}/merge_requests":     g.listShipped,
		"POST /deployments/{deployment}/approval":          g.postApproval,
	}
}

func (g *gitlab) toPersons() map[string]projectHandler {
	return map[string]projectHandler{
		"GET /jobs/{job}":                              g.getProjectJob,
		"GET /pipelines/{pipeline}":                    g.getPipeline,
		"GET /pipelines/{pipeline}/jobs":               g.listJobs,
		"POST /pipelines/{pipeline}/retry":             g.retryPipeline,
		"GET /pipelines/{pipeline}/bridges":            g.listBridges,
		"GET /pipelines/{pipeline}/variables":          g.listPipelineVariables,
		"GET /repository/compare":                      g.compare,
		"GET /repository/merge_base":                   g.mergeBase,
		"GET /repository/commits":                      g.listCommits,
		"GET /repository/commits/{sha}":                g.getCommit,
		"GET /repository/commits/{sha}/merge_requests": g.listCommitMergeRequests,
		"GET /repository/commits/{sha}/refs":           g.listCommitRefs,
		"GET /repository/commits/{sha}/signature":      g.getSignature,
		"GET /repository/branches/{name}":              g.getBranch,
		"GET /repository/files/{path}":                 g.getRepositoryFile,
		"GET /merge_requests":                          g.listMergeRequests,
		"GET /merge_requests/{iid}":                    g.getMergeRequest,
		"GET /merge_requests/{iid}/commits":            g.listMergeRequestCommits,
		"GET /merge_requests/{iid}/participants":       g.listParticipants,
		"GET /merge_requests/{iid}/notes":              g.listNotes,
		"GET /merge_requests/{iid}/approvals":          g.getApprovals,
		"GET /merge_requests/{iid}/versions":           g.listVersions,
		"GET /events":                                  g.listEvents,
		"GET /members":                                 g.listDirectMembers,
		"GET /members/all":                             g.listProjectMembers,
		"GET /members/all/{user}":                      g.getProjectMember,
		"GET /ci/lint":                                 g.getLint,
	}
}

func (g *gitlab) toMaintainers() map[string]projectHandler {
	return map[string]projectHandler{
		"PUT ":                                  g.editProject,
		"GET /protected_environments":           g.onProject(protection.list),
		"POST /protected_environments":          g.onProject(protection.add),
		"GET /protected_environments/{name}":    g.onProject(protection.get),
		"PUT /protected_environments/{name}":    g.onProject(protection.change),
		"DELETE /protected_environments/{name}": g.onProject(protection.remove),
		"GET /protected_branches":               g.listProtectedBranches,
		"GET /protected_branches/{name}":        g.getProtectedBranch,
		"GET /protected_tags":                   g.listProtectedTags,
		"GET /protected_tags/{name}":            g.getProtectedTag,
		"GET /variables":                        g.listVariables,
	}
}

type projectHandler func(http.ResponseWriter, *http.Request, *project)

// of serves h for the project in the path, by number or by path, to callers
// who are at least the one that it takes.
func (g *gitlab) of(least caller, h projectHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if who := g.visitor(r); who.as == asNobody || who.as < least {
			gitLabError(w, http.StatusUnauthorized, "401 Unauthorized")
			return
		}
		p := g.project(r.PathValue("id"))
		if p == nil {
			gitLabError(w, http.StatusNotFound, "404 Project Not Found")
			return
		}
		h(w, r, p)
	}
}

// The access levels that the toy looks at.
const (
	developer  = 30
	maintainer = 40
	owner      = 50
)

// maintained serves h to those who may see and change a project's settings.
func (g *gitlab) maintained(h projectHandler) projectHandler {
	return func(w http.ResponseWriter, r *http.Request, p *project) {
		if who := g.visitor(r); !who.own && levelOf(g.membersOf(p), who.user) < maintainer {
			gitLabError(w, http.StatusForbidden, "403 Forbidden")
			return
		}
		h(w, r, p)
	}
}

// premium serves h where the plan has it.
func (g *gitlab) premium(h projectHandler) projectHandler {
	return func(w http.ResponseWriter, r *http.Request, p *project) {
		if p.tier == free {
			gitLabError(w, http.StatusNotFound, "404 Not Found")
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

// found answers o, or that there is no such thing.
func found(w http.ResponseWriter, o object, what string) {
	if o == nil {
		gitLabError(w, http.StatusNotFound, strings.Join(strings.Fields("404 "+what+" Not Found"), " "))
		return
	}
	writeJSON(w, http.StatusOK, o)
}

func (g *gitlab) getProject(w http.ResponseWriter, _ *http.Request, p *project) {
	writeJSON(w, http.StatusOK, p.shape)
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

func (g *gitlab) getEnvironment(w http.ResponseWriter, r *http.Request, p *project) {
	found(w, byID(p.environments, pathID(r, "environment")), "Environment")
}

// getMetadata: api/metadata. Who shows no token is told by the refusal alone that this is
// such a platform.
func (g *gitlab) getMetadata(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.visitor(r).as == asNobody {
		gitLabError(w, http.StatusUnauthorized, "401 Unauthorized")
		return
	}
	writeJSON(w, http.StatusOK, object{
		"version": "18.5.0", "revision": "0123456789a", "enterprise": true,
		"kas": object{"enabled": false, "externalUrl": nil, "externalK8sProxyUrl": nil, "version": nil},
	})
}

// getJob answers a job's token only, with the job it belongs to.
func (g *gitlab) getJob(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	v := g.visitor(r)
	if v.as != asJob {
		gitLabError(w, http.StatusUnauthorized, "401 Unauthorized")
		return
	}
	writeJSON(w, http.StatusOK, g.running(v.job))
}

// running is the job of a token: of what the token says, or the default one.
func (g *gitlab) running(of map[string]string) object {
	if of == nil {
		return g.job
	}
	n := func(name string) int64 { v, _ := strconv.ParseInt(of[name], 10, 64); return v }
	out := maps.Clone(g.job)
	pipeline, _ := out["pipeline"].(object)
	commit, _ := out["commit"].(object)
	out["id"], out["ref"], out["tag"] = n("job"), of["ref"], of["type"] == "tag"
	out["pipeline"] = with(pipeline, object{"id": n("pipeline"), "project_id": n("project"), "ref": of["ref"],
		"sha": of["sha"]})
	out["commit"] = with(commit, object{"id": of["sha"], "short_id": of["sha"][:min(8, len(of["sha"]))]})
	return out
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

// byID returns the object of that id, or nil.
func byID(all []object, id int64) object {
	for _, o := range all {
		if number(o["id"]) == id {
			return o
		}
	}
	return nil
}

// number reads a number that came from a request or from the toy, and is -1
// for anything else.
func number(v any) int64 {
	switch n := v.(type) {
	case int:
		return int64(n)
	case int64:
		return n
	case float64:
		return int64(n)
	}
	return -1
}

// idIn returns the id of an object in another.
func idIn(v any) int64 {
	o, _ := v.(object)
	return number(o["id"])
}

// parameters reads what a request gives, as JSON, as a form, or in its query.
func parameters(r *http.Request) (object, error) {
	out := object{}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		err := readJSON(r, &out)
		return out, err
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, fmt.Errorf("reading the form: %w", err)
	}
	for name, values := range r.Form {
		out[name] = formValue(values[0])
	}
	return out, nil
}

// formValue is a number or a yes or no, if the text is one.
func formValue(s string) any {
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		return s
	}
	switch v.(type) {
	case bool, float64:
		return v
	}
	return s
}

func text(v any) string {
	s, _ := v.(string)
	return s
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
