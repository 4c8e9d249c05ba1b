package lab

import (
	"cmp"
	"encoding/json"
	"errors"
	"hash/fnv"
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
	mux.HandleFunc("DELETE "+r+"/environments/{name}", g.changing(func(r *repo, req *http.Request) error {
		r.environments = slices.DeleteFunc(r.environments, func(e *environment) bool { return e.name == req.PathValue("name") })
		return nil
	}))
	mux.HandleFunc("DELETE "+r+"/attestations", g.changing(func(r *repo, _ *http.Request) error {
		r.attestations = nil
		return nil
	}))
	for path, f := range map[string]func(*repo, *http.Request) error{
		"/environments/{name}":                 g.putEnvironment,
		"/environments/{name}/custom_rules":    g.putCustomRules,
		"/environments/{name}/branch_policies": g.putBranchPolicies,
		"/history":                             g.historyControl,
		"/files":                               func(r *repo, req *http.Request) error { return r.files.put(req) },
		"/linear":                              g.linearControl,
		"/runs/{id}":                           g.putRun,
		"/runs/{id}/attempts/{n}":              g.putAttempt,
		"/runs/{id}/attempts/{n}/jobs":         g.putJobs,
		"/runs/{id}/approvals":                 g.putApprovals,
		"/runs/{id}/pending":                   g.putPending,
		"/deployments":                         g.putDeployments,
		"/collaborators":                       g.putCollaborators,
		"/plan":                                g.putPlan,
		"/secrets":                             g.putSecrets,
		"/actions_permissions":                 g.putPermissions,
		"/branches/{name}":                     g.putBranch,
		"/rulesets":                            g.putRulesets,
		"/strangers":                           g.putStrangers,
		"/releases":                            g.putReleases,
	} {
		mux.HandleFunc("PUT "+r+path, g.changing(f))
	}
	g.appControl(mux)
	mux.HandleFunc("POST "+r+"/runs/{id}/review", g.changing(g.putReview))
	mux.HandleFunc("PUT /github/users/{login}", g.setting(g.putUser))
	mux.HandleFunc("PUT /github/token", g.setting(g.putToken))
	mux.HandleFunc("PUT /github/orgs/{org}/teams/{slug}", g.setting(g.putTeam))
	mux.HandleFunc("DELETE /github/orgs/{org}/teams/{slug}", g.setting(func(req *http.Request) error {
		delete(g.people.teams, teamKey(req))
		return nil
	}))
}

// setting runs f with the state locked.
func (g *github) setting(f func(*http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		err := f(req)
		switch {
		case errors.Is(err, errNoRepo):
			http.Error(w, err.Error(), http.StatusNotFound)
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}
}

var errNoRepo = errors.New("no such repository; PUT it first")

// changing is setting for a repository, which must exist.
func (g *github) changing(f func(*repo, *http.Request) error) http.HandlerFunc {
	return g.setting(func(req *http.Request) error {
		r, ok := g.repos[repoKey(req)]
		if !ok {
			return errNoRepo
		}
		return f(r, req)
	})
}

// showing serves h for a repository, which must exist, with the state locked.
func (g *github) showing(h func(http.ResponseWriter, *http.Request, *repo)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		r, ok := g.repos[repoKey(req)]
		if !ok {
			http.Error(w, errNoRepo.Error(), http.StatusNotFound)
			return
		}
		h(w, req, r)
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
// given are those of accounts that are known, or follow from the names, so that
// they are the same in every lab.
func (g *github) addRepo(owner, name string, s RepoSettings) *repo {
	key := strings.ToLower(owner + "/" + name)
	r, ok := g.repos[key]
	if !ok {
		r = &repo{owner: owner, name: name, runs: map[int64]*run{}, history: newHistory(), settings: newSettings()}
		g.repos[key] = r
	}
	r.id = cmp.Or(s.ID, nameID(key))
	r.ownerID = cmp.Or(s.OwnerID, g.people.idOf(owner), nameID(strings.ToLower(owner)))
	g.people.know(person{Login: owner, ID: r.ownerID, Type: "Organization"})
	r.visibility = cmp.Or(s.Visibility, "public")
	r.inline = s.InlineBundles == nil || *s.InlineBundles
	if !ok {
		g.ensureRun(r, defaultRun)
	}
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
