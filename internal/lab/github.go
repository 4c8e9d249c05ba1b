package lab

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// github is a toy of the few GitHub endpoints that Sallyport calls. It keeps
// what it is told through the control API, and every request and answer of it
// is checked against GitHub's own description.
type github struct {
	base     string
	tokens   tokens
	contract *contract

	mu     sync.Mutex
	lastID int64
	repos  map[string]*repo  // by lower-case owner/name
	blobs  map[string][]byte // compressed bundles, by the path they are at
}

// An object is a JSON object as the API returns it.
type object = map[string]any

// A repo is a repository and what hangs off it.
type repo struct {
	owner, name  string
	id, ownerID  int64
	visibility   string
	inline       bool // bundles come in the answer, not behind a URL
	environments []*environment
	attestations []attestation
	runs         map[int64]*run
}

type environment struct {
	name     string
	shape    object
	rules    []object // custom deployment protection rules
	branches []object // deployment branch policies
}

type run struct {
	shape     object
	approvals []any
}

func newGitHub(t tokens, c *contract) *github {
	return &github{tokens: t, contract: c, lastID: 9000, repos: map[string]*repo{}, blobs: map[string][]byte{}}
}

// open tells the toy where it is, which its answers contain, and fills it.
func (g *github) open(base string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.base = base
	g.addDefaults()
}

func (g *github) nextID() int64 {
	g.lastID++
	return g.lastID
}

// handler serves the API below /api/v3, and bundles where the API says.
func (g *github) handler() http.Handler {
	api := http.NewServeMux()
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /meta":       g.getMeta,
		"GET /rate_limit": g.getRateLimit,
		"GET /repos/{owner}/{repo}": g.of(func(w http.ResponseWriter, _ *http.Request, r *repo) {
			writeJSON(w, http.StatusOK, g.repoShape(r))
		}),
		"POST /repos/{owner}/{repo}/attestations":                                   g.of(g.postAttestation),
		"GET /repos/{owner}/{repo}/attestations/{digest}":                           g.of(g.listAttestations),
		"GET /repos/{owner}/{repo}/environments":                                    g.of(g.listEnvironments),
		"GET /repos/{owner}/{repo}/environments/{name}":                             g.of(g.getEnvironment),
		"GET /repos/{owner}/{repo}/environments/{name}/deployment_protection_rules": g.of(g.listRules),
		"GET /repos/{owner}/{repo}/environments/{name}/deployment-branch-policies":  g.of(g.listBranches),
		"GET /repos/{owner}/{repo}/actions/runs/{id}":                               g.of(g.getRun),
		"GET /repos/{owner}/{repo}/actions/runs/{id}/approvals":                     g.of(g.listApprovals),
	} {
		api.HandleFunc(pattern, h)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/v3/", http.StripPrefix("/api/v3", g.authenticated(g.contract.hold(api))))
	mux.HandleFunc("GET /blobs/{name}", g.getBlob)
	return mux
}

// authenticated lets only the lab's token in, as "Bearer" or "token".
func (g *github) authenticated(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token := credentials(r)
		scheme = strings.ToLower(scheme)
		if scheme != "bearer" && scheme != "token" || !is(token, g.tokens.github) {
			gitHubError(w, http.StatusUnauthorized, "Bad credentials")
			return
		}
		w.Header().Set("X-GitHub-Request-Id", "LAB")
		w.Header().Set("X-RateLimit-Limit", "1000")
		w.Header().Set("X-RateLimit-Remaining", "999")
		w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10))
		h.ServeHTTP(w, r)
	})
}

// of serves h for the repository in the path, with the state locked.
func (g *github) of(h func(http.ResponseWriter, *http.Request, *repo)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		repo, ok := g.repos[repoKey(r)]
		if !ok {
			gitHubNotFound(w)
			return
		}
		h(w, r, repo)
	}
}

func repoKey(r *http.Request) string {
	return strings.ToLower(r.PathValue("owner") + "/" + r.PathValue("repo"))
}

func gitHubNotFound(w http.ResponseWriter) { gitHubError(w, http.StatusNotFound, "Not Found") }

func gitHubError(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, object{"message": message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(status)})
}

func (g *github) getMeta(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, object{
		"verifiable_password_authentication": false,
		"domains":                            object{"artifact_attestations": object{"trust_domain": "", "services": []string{"*.actions.githubusercontent.com"}}},
	})
}

func (g *github) getRateLimit(w http.ResponseWriter, _ *http.Request) {
	rate := object{"limit": 1000, "used": 1, "remaining": 999, "reset": time.Now().Add(time.Hour).Unix()}
	writeJSON(w, http.StatusOK, object{"rate": rate, "resources": object{"core": rate, "search": rate}})
}

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

func (g *github) getRun(w http.ResponseWriter, req *http.Request, r *repo) {
	if found := r.runs[pathID(req, "id")]; found != nil {
		writeJSON(w, http.StatusOK, found.shape)
		return
	}
	gitHubNotFound(w)
}

func (g *github) listApprovals(w http.ResponseWriter, req *http.Request, r *repo) {
	if found := r.runs[pathID(req, "id")]; found != nil {
		writeJSON(w, http.StatusOK, found.approvals)
		return
	}
	gitHubNotFound(w)
}

// pathID returns a number in the path, and a number that nothing has when it
// is none.
func pathID(r *http.Request, name string) int64 {
	n, err := strconv.ParseInt(r.PathValue(name), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// page returns the page that a request asks for and links to its neighbours.
func (g *github) page(w http.ResponseWriter, r *http.Request, all []object) []object {
	size, number := perPage(r, 30), max(1, queryInt(r, "page", 1))
	from := min((number-1)*size, len(all))
	to := min(from+size, len(all))
	var links []string
	if to < len(all) {
		links = append(links, g.link(r, "page", strconv.Itoa(number+1), "next"))
	}
	if number > 1 {
		links = append(links, g.link(r, "page", strconv.Itoa(number-1), "prev"))
	}
	if len(links) > 0 {
		w.Header().Set("Link", strings.Join(links, ", "))
	}
	return all[from:to]
}

// link is a Link header's entry for the same request with one parameter
// changed; the cursors exclude each other.
func (g *github) link(r *http.Request, name, value, rel string) string {
	q := r.URL.Query()
	q.Del("before")
	q.Del("after")
	q.Set(name, value)
	return "<" + g.base + "/api/v3" + r.URL.EscapedPath() + "?" + q.Encode() + `>; rel="` + rel + `"`
}

func perPage(r *http.Request, otherwise int) int {
	return min(max(1, queryInt(r, "per_page", otherwise)), 100)
}

func queryInt(r *http.Request, name string, otherwise int) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil {
		return otherwise
	}
	return n
}
