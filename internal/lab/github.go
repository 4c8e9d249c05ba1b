package lab

import (
	"context"
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
	graph    *graph

	mu     sync.Mutex
	lastID int64
	repos  map[string]*repo  // by lower-case owner/name
	blobs  map[string][]byte // compressed bundles, by the path they are at
	people people
	me     person // whose the lab's token is

	apps    map[int64]*app
	granted map[string]*grant // by token

	running context.Context // of what is delivered while nobody waits
	end     context.CancelFunc
	errands sync.WaitGroup
}

// An object is a JSON object as the API returns it.
type object = map[string]any

// A repo is a repository and what hangs off it.
type repo struct {
	owner, name  string
	id, ownerID  int64
	visibility   string
	inline       bool // bundles come in the answer, not behind a URL
	fork         bool
	environments []*environment
	attestations []attestation
	runs         map[int64]*run
	history      *history
	deployments  []*deployment
	settings     settings
	files        committed
	strangers    quota // of those who show no token
	releases     []object
}

type environment struct {
	name     string
	shape    object
	rules    []object // custom deployment protection rules
	branches []object // deployment branch policies
}

func newGitHub(t tokens, c *contract) *github {
	g := &github{
		tokens: t, contract: c, graph: newGraph("github.graphql", gitHubGraph, c, refusedByGitHub), lastID: 9000,
		repos: map[string]*repo{}, blobs: map[string][]byte{}, people: newPeople(), me: alice,
		apps: map[int64]*app{}, granted: map[string]*grant{},
	}
	g.running, g.end = context.WithCancel(context.Background())
	return g
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
	for _, routes := range []map[string]http.HandlerFunc{
		g.repoRoutes(), g.runRoutes(), g.deploymentRoutes(), g.historyRoutes(), g.pullRoutes(), g.peopleRoutes(), g.settingsRoutes(), g.rulesetRoutes(),
		g.appRoutes(),
	} {
		for pattern, h := range routes {
			method, path, _ := strings.Cut(pattern, " ")
			api.HandleFunc(method+" "+strings.Replace(path, "R/", "/repos/{owner}/{repo}/", 1), answered(h))
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/api/v3/", http.StripPrefix("/api/v3", g.authenticated(cached(slashed(g.contract.hold(api))))))
	for _, path := range []string{"/api/graphql", "/api/v3/graphql"} { // on a server; under the API's own name
		mux.Handle("POST "+path, g.authenticated(http.HandlerFunc(g.graphQL)))
	}
	mux.HandleFunc("GET /blobs/{name}", g.getBlob)
	return mux
}

// repoRoutes are the repository, its evidence and what the API says of itself.
// In all routes "R/" is the repository in the path.
func (g *github) repoRoutes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /meta":       g.getMeta,
		"GET /rate_limit": g.getRateLimit,
		"GET /repos/{owner}/{repo}": g.of(func(w http.ResponseWriter, _ *http.Request, r *repo) {
			writeJSON(w, http.StatusOK, g.repoShape(r))
		}),
		"POST R/attestations":                           g.of(g.postAttestation),
		"GET R/releases":                                g.of(g.listReleases),
		"GET R/attestations/{digest}":                   g.of(g.listAttestations),
		"POST /orgs/{org}/attestations/bulk-list":       g.listBulk("Organization", "org"),
		"POST /users/{username}/attestations/bulk-list": g.listBulk("User", "username"),
	}
}

// ignored are parameters that GitHub answers and the toy does not. A filter
// that is ignored fails open, so a request with one is refused.
var ignored = []string{"created", "exclude_pull_requests", "check_suite_id", "path", "since", "until", "author", "committer", "head", "affiliation"}

// answered refuses a parameter that the toy would ignore.
func answered(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, name := range ignored {
			if r.URL.Query().Has(name) && !(name == "path" && strings.HasSuffix(r.URL.Path, "/commits")) {
				gitHubError(w, http.StatusBadRequest, "the toy does not answer the parameter "+name)
				return
			}
		}
		h(w, r)
	}
}

// authenticated lets the lab's token in, as "Bearer" or "token", apps and their installations to what
// is theirs, and to what is public those who show none.
func (g *github) authenticated(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token := credentials(r)
		scheme = strings.ToLower(scheme)
		if scheme == "none" {
			g.stranger(w, r, h)
			return
		}
		if scheme != "bearer" && scheme != "token" {
			gitHubError(w, http.StatusUnauthorized, "Bad credentials")
			return
		}
		who, err := g.principal(token)
		if err != nil {
			gitHubError(w, http.StatusUnauthorized, err.Error())
			return
		}
		if !g.admit(w, r, who) {
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), principalKey{}, who))
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

// pathID returns a number in the path, and a number that nothing has when it
// is none.
func pathID(r *http.Request, name string) int64 {
	n, err := strconv.ParseInt(r.PathValue(name), 10, 64)
	if err != nil {
		return -1
	}
	return n
}
