package lab

import (
	"cmp"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// An AppSettings is what the control API sets of a GitHub App.
type AppSettings struct {
	ClientID string `json:"client_id"`
	Slug     string `json:"slug"`
	// Key is the public key in PEM.
	Key     string `json:"key"`
	Webhook struct {
		URL    string `json:"url"`
		Secret string `json:"secret"`
	} `json:"webhook"`
	// Permissions are what the app may do at most; empty means those of a gate.
	Permissions map[string]string `json:"permissions"`
	// Installations are the numbers of the repositories that each one holds.
	Installations map[int64][]int64 `json:"installations"`
	// Late is the status of an answer that nothing waits for: 422 or 404.
	Late int `json:"late"`
	// TokenSeconds is for how long a token is good; an hour if it is zero.
	TokenSeconds int `json:"token_seconds"`
}

// An app is a GitHub App, with what was delivered to it.
type app struct {
	AppSettings
	id         int64
	key        *rsa.PublicKey
	deliveries []*delivery
}

// A grant is a token of one installation.
type grant struct {
	app          *app
	installation int64
	repositories []int64
	permissions  map[string]string
	until        time.Time
}

// ofGate is what an app that gates deployments asks for.
var ofGate = map[string]string{
	"actions": "read", "attestations": "read", "contents": "read", "deployments": "write", "metadata": "read",
	"pull_requests": "read",
}

// appLife is how long a token of an installation is good, and maxJWT how long what
// the app shows of itself may be.
const (
	appLife = time.Hour
	maxJWT  = 10 * time.Minute
)

func (g *github) appRoutes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"POST /app/installations/{id}/access_tokens": g.ofApp(g.postAccessToken),
		"GET /app/hook/deliveries":                   g.ofApp(g.listDeliveries),
		"POST /app/hook/deliveries/{id}/attempts":    g.ofApp(g.postAttempt),
		"GET R/installation":                         g.ofApp(g.getInstallation),

		"POST R/actions/runs/{id}/deployment_protection_rule": g.of(g.postProtectionRule),
	}
}

func (g *github) appControl(mux *http.ServeMux) {
	const r = "/github/repos/{owner}/{repo}"
	mux.HandleFunc("PUT /github/apps/{id}", g.setting(g.putApp))
	mux.HandleFunc("DELETE /github/apps/{id}", g.setting(func(req *http.Request) error {
		delete(g.apps, pathID(req, "id"))
		return nil
	}))
	mux.HandleFunc("GET /github/apps/{id}/tokens", g.getGrants)
	mux.HandleFunc("DELETE /github/apps/{id}/tokens", g.setting(func(req *http.Request) error {
		maps.DeleteFunc(g.granted, func(_ string, x *grant) bool { return x.app.id == pathID(req, "id") })
		return nil
	}))
	mux.HandleFunc("GET /github/apps/{id}/deliveries", g.getDeliveries)
	mux.HandleFunc("POST /github/apps/{id}/deliver", g.postDeliver)
	mux.HandleFunc("GET "+r, g.showing(g.getRepo))
	mux.HandleFunc("PUT "+r+"/environments/{name}/app", g.changing(g.putGuard))
	mux.HandleFunc("POST "+r+"/runs/{id}/reach", g.postReach)
	mux.HandleFunc("GET "+r+"/runs/{id}/answers", g.showing(g.getAnswers))
}

// putApp makes an app or changes its settings. What was delivered to it stays, and a
// token is worth what its installation holds now.
func (g *github) putApp(req *http.Request) error {
	id := pathID(req, "id")
	s := AppSettings{}
	if err := readJSON(req, &s); err != nil {
		return err
	}
	if id <= 0 {
		return fmt.Errorf("app %q, want a number", req.PathValue("id"))
	}
	key, err := publicKey(s.Key)
	if err != nil {
		return err
	}
	s.Late = cmp.Or(s.Late, http.StatusUnprocessableEntity)
	if !slices.Contains([]int{http.StatusNotFound, http.StatusUnprocessableEntity}, s.Late) {
		return fmt.Errorf("late is %d, want 404 or 422", s.Late)
	}
	if s.Permissions == nil {
		s.Permissions = ofGate
	}
	s.Slug = cmp.Or(s.Slug, fmt.Sprintf("app-%d", id))
	if g.apps[id] == nil {
		g.apps[id] = &app{id: id}
	}
	g.apps[id].AppSettings, g.apps[id].key = s, key
	return nil
}

func publicKey(text string) (*rsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("key, want a public key in PEM")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("key, want one of RSA")
	}
	return key, nil
}

// getRepo answers the numbers of a repository, which installations hold.
func (g *github) getRepo(w http.ResponseWriter, _ *http.Request, r *repo) {
	writeJSON(w, http.StatusOK, object{"id": r.id, "owner_id": r.ownerID, "visibility": r.visibility})
}

// getGrants answers what tokens of an app were given for, and never a token.
func (g *github) getGrants(w http.ResponseWriter, req *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := []object{}
	for _, x := range g.granted {
		if x.app.id == pathID(req, "id") {
			all = append(all, object{
				"installation": x.installation, "repositories": x.repositories,
				"permissions": x.permissions, "until": x.until,
			})
		}
	}
	slices.SortFunc(all, func(a, b object) int { return a["until"].(time.Time).Compare(b["until"].(time.Time)) })
	writeJSON(w, http.StatusOK, all)
}

// A principal is who asks: the lab's own token, which is both nil, an app that shows
// itself, or one of its installations.
type principal struct {
	app   *app
	grant *grant
}

type principalKey struct{}

func principalOf(ctx context.Context) principal {
	who, _ := ctx.Value(principalKey{}).(principal)
	return who
}

// principal finds out whose a token is; the error is what is said to who shows it.
func (g *github) principal(token string) (principal, error) {
	if is(token, g.tokens.github) {
		return principal{}, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if strings.Count(token, ".") == 2 {
		a, err := g.shown(token, time.Now())
		return principal{app: a}, err
	}
	x := g.granted[token]
	if x == nil || g.apps[x.app.id] != x.app || !time.Now().Before(x.until) {
		return principal{}, errors.New("Bad credentials") //nolint:staticcheck // as GitHub writes it
	}
	return principal{grant: x}, nil
}

// shown checks what an app shows of itself (docs.github.com, "Generating a JSON Web
// Token (JWT) for a GitHub App").
func (g *github) shown(token string, now time.Time) (*app, error) {
	undecoded := errors.New("A JSON web token could not be decoded") //nolint:staticcheck // as GitHub writes it
	signed, err := jose.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, undecoded
	}
	var claims struct {
		Issuer  any   `json:"iss"`
		Issued  int64 `json:"iat"`
		Expires int64 `json:"exp"`
	}
	d := json.NewDecoder(strings.NewReader(string(signed.UnsafePayloadWithoutVerification())))
	d.UseNumber()
	if err := d.Decode(&claims); err != nil {
		return nil, undecoded
	}
	issuer := fmt.Sprint(claims.Issuer)
	for _, a := range g.apps {
		if issuer == "" || issuer != a.ClientID && issuer != strconv.FormatInt(a.id, 10) {
			continue
		}
		if _, err := signed.Verify(a.key); err != nil {
			return nil, undecoded
		}
		issued, expires := time.Unix(claims.Issued, 0), time.Unix(claims.Expires, 0)
		switch {
		case claims.Issued == 0 || issued.After(now):
			return nil, errors.New("'Issued at' claim ('iat') must be an Integer representing the time " +
				"that the assertion was issued")
		case !expires.After(now):
			return nil, errors.New("'Expiration time' claim ('exp') must be a numeric value representing " +
				"the future time at which the assertion expires")
		case expires.Sub(now) > maxJWT, expires.Sub(issued) > maxJWT:
			return nil, errors.New("'Expiration time' claim ('exp') is too far in the future")
		}
		return a, nil
	}
	return nil, errors.New("Integration not found") //nolint:staticcheck // as GitHub writes it
}

// ofApp serves h for the app that shows itself, with the state locked. A token of an
// installation is refused, as there.
func (g *github) ofApp(h func(http.ResponseWriter, *http.Request, *app)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		a := principalOf(req.Context()).app
		if a == nil {
			gitHubError(w, http.StatusUnauthorized, "A JSON web token could not be decoded")
			return
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		h(w, req, a)
	}
}

// installed is the installation that holds a repository, and zero for none.
func (a *app) installed(repository int64) int64 {
	for _, id := range slices.Sorted(maps.Keys(a.Installations)) {
		if slices.Contains(a.Installations[id], repository) {
			return id
		}
	}
	return 0
}

func (g *github) repoByID(id int64) *repo {
	for _, r := range g.repos {
		if r.id == id {
			return r
		}
	}
	return nil
}

// postAccessToken gives a token for some repositories of an installation, or for all
// of them if none is named: an empty list names none.
func (g *github) postAccessToken(w http.ResponseWriter, req *http.Request, a *app) {
	id := pathID(req, "id")
	held, ok := a.Installations[id]
	if !ok {
		gitHubNotFound(w)
		return
	}
	in, err := readTokenBody(req)
	if err != nil {
		gitHubError(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	life := cmp.Or(time.Duration(a.TokenSeconds)*time.Second, appLife)
	until := time.Now().UTC().Add(life).Truncate(time.Second)
	x := &grant{app: a, installation: id, repositories: held, permissions: a.Permissions, until: until}
	shapes := []object{}
	for _, name := range in.Names { // of the account on which the app is installed
		at := slices.IndexFunc(held, func(n int64) bool {
			r := g.repoByID(n)
			return r != nil && strings.EqualFold(r.name, name)
		})
		if at < 0 {
			in.IDs = append(in.IDs, 0) // it is refused below, as every number that is not held
			continue
		}
		in.IDs = append(in.IDs, held[at])
	}
	for _, n := range in.IDs {
		r := g.repoByID(n)
		if r == nil || !slices.Contains(held, n) {
			gitHubError(w, http.StatusUnprocessableEntity,
				"There is at least one repository that does not exist or is not accessible to the parent installation.")
			return
		}
		shapes = append(shapes, g.contract.fill("repository", g.repoShape(r)))
	}
	for name, level := range in.Permissions {
		if !allows(a.Permissions[name], level) {
			gitHubError(w, http.StatusUnprocessableEntity,
				"The permissions requested are not granted to this installation.")
			return
		}
	}
	if len(in.Permissions) > 0 {
		x.permissions = maps.Clone(in.Permissions)
		x.permissions["metadata"] = cmp.Or(x.permissions["metadata"], "read")
	}
	out := object{
		"expires_at": until.Format(time.RFC3339), "permissions": x.permissions, "repository_selection": "selected",
	}
	if len(in.IDs) > 0 {
		x.repositories, out["repositories"] = in.IDs, shapes
	}
	token := "ghs_" + randomHex(18)
	g.granted[token], out["token"] = x, token
	writeJSON(w, http.StatusCreated, out)
}

type tokenBody struct {
	IDs         []int64           `json:"repository_ids"`
	Names       []string          `json:"repositories"`
	Permissions map[string]string `json:"permissions"`
}

func readTokenBody(req *http.Request) (tokenBody, error) {
	var in tokenBody
	if req.ContentLength == 0 {
		return in, nil
	}
	err := readJSON(req, &in)
	return in, err
}

// allows says whether a permission is enough for a level.
func allows(has, level string) bool {
	return has == level && level != "" || has == "write" && level == "read" || has == "admin" && level != ""
}

func (g *github) getInstallation(w http.ResponseWriter, req *http.Request, a *app) {
	r, ok := g.repos[repoKey(req)]
	if !ok || a.installed(r.id) == 0 {
		gitHubNotFound(w)
		return
	}
	id := a.installed(r.id)
	owner, _ := g.repoShape(r)["owner"].(object)
	writeJSON(w, http.StatusOK, g.contract.fill("installation", object{
		"id": id, "app_id": a.id, "client_id": a.ClientID, "app_slug": a.Slug, "account": owner,
		"target_id": r.ownerID, "target_type": owner["type"], "repository_selection": "selected",
		"permissions": a.Permissions, "events": []string{"deployment_protection_rule"},
		"access_tokens_url": g.api("/app/installations/%d/access_tokens", id),
		"html_url":          fmt.Sprintf("https://github.com/organizations/%s/settings/installations/%d", r.owner, id),
		"repositories_url":  g.api("/installation/repositories"), "created_at": made, "updated_at": made,
	}))
}
