package lab

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// anonymousLimit is how many questions an address may ask in an hour without a token
// (docs.github.com, "Rate limits for the REST API"). The toy counts for each repository,
// because all scenarios come from one address.
const anonymousLimit = 60

// open are the questions that GitHub answers about a public repository without a token.
var open = regexp.MustCompile(`^/repos/([^/]+)/([^/]+)(/(attestations/[^/]+|releases|deployments|deployments/[^/]+/statuses|environments))?$`)

// A quota is what is left for those who show no token.
type quota struct {
	used  int
	reset time.Time // zero: in an hour
	limit int       // zero: anonymousLimit
}

func (q *quota) remaining() int {
	limit := anonymousLimit
	if q.limit > 0 {
		limit = q.limit
	}
	return max(0, limit-q.used)
}

// stranger answers a request without a token.
func (g *github) stranger(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if r.URL.Path == "/meta" {
		w.Header().Set("X-GitHub-Request-Id", "LAB")
		next.ServeHTTP(w, r)
		return
	}
	m := open.FindStringSubmatch(r.URL.Path)
	if m == nil || r.Method != http.MethodGet {
		gitHubError(w, http.StatusUnauthorized, "Requires authentication")
		return
	}
	allowed, ok := g.spend(w, strings.ToLower(m[1]+"/"+m[2]))
	switch {
	case !ok:
		gitHubNotFound(w)
	case !allowed:
		gitHubError(w, http.StatusForbidden, "API rate limit exceeded for 127.0.0.1. (But here's the good news: Authenticated requests get a higher rate limit.)")
	default:
		next.ServeHTTP(w, r)
	}
}

// spend counts a question about a repository, and says what is left; ok is false if there
// is no such public repository.
func (g *github) spend(w http.ResponseWriter, name string) (allowed, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	repo := g.repos[name]
	if repo == nil || repo.visibility != "public" {
		return false, false
	}
	q := &repo.strangers
	allowed = q.remaining() > 0
	if allowed {
		q.used++
	}
	if q.reset.IsZero() {
		q.reset = time.Now().Add(time.Hour)
	}
	h := w.Header()
	h.Set("X-GitHub-Request-Id", "LAB")
	h.Set("X-RateLimit-Limit", strconv.Itoa(anonymousLimit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(q.remaining()))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(q.reset.Unix(), 10))
	return allowed, true
}

// putStrangers sets how many questions are left for those who show no token.
func (g *github) putStrangers(r *repo, req *http.Request) error {
	var in struct {
		Remaining int `json:"remaining"`
	}
	if err := readJSON(req, &in); err != nil {
		return err
	}
	r.strangers = quota{used: anonymousLimit - in.Remaining}
	return nil
}
