package github

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/trial"
)

// App is a GitHub App, which answers protection rules of deployments. It asks about each repository with a token of
// its own, which may do there what the app needs and nothing elsewhere. No token is stored.
type App struct {
	Server, API *url.URL
	ID          string // its client identifier, or its number
	Now         func() time.Time

	key    *rsa.PrivateKey
	mu     sync.Mutex // of the maps
	tokens map[tokenOf]*grant
	left   map[int64]trial.Quota // by installation
	runs   map[runOf]time.Time   // that are at work, as was seen at that time
	looked time.Time             // when the newest delivery was sent that was looked at
	files  *files
}

// tokenOf is which repository a token is for: by its number, or, of a workflow that is called, by the name that its
// owner has given it.
type tokenOf struct {
	installation, repository int64
	name                     string
}

// String is the repository, for people.
func (of tokenOf) String() string { return cmp.Or(of.name, strconv.FormatInt(of.repository, 10)) }

// grant is the token of one repository. The request that has the turn may ask for another one, and the others wait
// for that one. Requests about other repositories do not wait for it.
type grant struct {
	turn  chan struct{} // holds one thing while somebody has it
	token string
	until time.Time
}

// may is what the token of one repository is asked for (docs.github.com, "Permissions required for GitHub Apps").
var may = map[string]string{
	"actions": "read", "attestations": "read", "contents": "read",
	"deployments": "write", "metadata": "read", "pull_requests": "read",
}

// mayRead is what the token of a repository is asked for whose workflows are called.
var mayRead = map[string]string{"contents": "read", "metadata": "read"}

// NewApp reads the private key of an app, in PEM.
func NewApp(server, api, id string, key []byte) (*App, error) {
	a := &App{ID: id, Now: time.Now, tokens: map[tokenOf]*grant{}, left: map[int64]trial.Quota{},
		runs: map[runOf]time.Time{}, files: newFiles(maxFiles)}
	if id == "" {
		return nil, fault.New(fault.Usage, fault.Config, "take the client ID from the app's settings page",
			"the app has no ID")
	}
	var err error
	if a.Server, err = parseAddress("the host", server); err != nil {
		return nil, err
	}
	if api == "" {
		api = usualAPI(a.Server)
	}
	if a.API, err = parseAddress("the API", api); err != nil {
		return nil, err
	}
	bad := func(why string) error {
		return fault.New(fault.Usage, fault.Config,
			"generate a private key on the app's settings page, and hand its file over", "the app's key %s", why)
	}
	block, _ := pem.Decode(key)
	if block == nil {
		return nil, bad("is not in PEM")
	}
	if a.key, err = x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return a, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, bad("cannot be read")
	}
	var is bool
	if a.key, is = parsed.(*rsa.PrivateKey); !is {
		return nil, bad("is no RSA key")
	}
	return a, nil
}

// jwt is what the app shows of itself, for ten minutes at most
// (docs.github.com, "Generating a JSON Web Token for a GitHub App").
func (a *App) jwt() (string, error) {
	key := jose.SigningKey{Algorithm: jose.RS256, Key: a.key}
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fault.Errorf("signing for the app: %w", fault.Cause(err))
	}
	const early, late = time.Minute, 9 * time.Minute // clocks differ
	now := a.Now()
	claims, err := json.Marshal(map[string]any{"iss": a.ID, "iat": now.Add(-early).Unix(), "exp": now.Add(late).Unix()})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", fault.Errorf("signing for the app: %w", fault.Cause(err))
	}
	return signed.CompactSerialize()
}

// token is one for one repository. It is used until shortly before it ends.
func (a *App) token(ctx context.Context, of tokenOf) (string, error) {
	const spare = 5 * time.Minute
	g := a.grant(of)
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return "", client.Unanswered(a.API.Host, context.Cause(ctx))
	}
	if a.Now().Add(spare).Before(g.until) {
		return g.token, nil
	}
	token, until, err := a.ask(ctx, of)
	if err == nil {
		g.token, g.until = token, until
	}
	return token, err
}

// grant is the token of a repository; it may be none yet.
func (a *App) grant(key tokenOf) *grant {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tokens[key] == nil {
		a.tokens[key] = &grant{turn: make(chan struct{}, 1)}
	}
	return a.tokens[key]
}

// forget drops a token that did not do what it is for, and what it has read: somebody may have taken it back.
func (a *App) forget(of tokenOf) {
	a.files.forget(of)
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.tokens, of)
}

// ask asks for a token of one repository, and says until when it is good.
func (a *App) ask(ctx context.Context, of tokenOf) (string, time.Time, error) {
	none := time.Time{}
	shown, err := a.jwt()
	if err != nil {
		return "", none, err
	}
	about := map[string]any{"repository_ids": []int64{of.repository}, "permissions": may}
	if of.name != "" {
		about = map[string]any{"repositories": []string{of.name}, "permissions": mayRead}
	}
	body, err := json.Marshal(about)
	if err != nil {
		return "", none, err
	}
	ctx, cancel := client.Within(ctx, 0)
	defer cancel()
	address := a.API.JoinPath("app/installations", strconv.FormatInt(of.installation, 10), "access_tokens")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), bytes.NewReader(body))
	if err != nil {
		return "", none, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/vnd.github+json")
	h := http.Header{}
	h.Set("Authorization", "Bearer "+shown)
	resp, err := client.New(client.Options{Base: a.API, Credential: h, MaxBody: maxAnswer}).Do(req)
	if err != nil {
		return "", none, client.Unanswered(a.API.Host, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusCreated {
		return "", none, noToken(of, resp.StatusCode)
	}
	var said struct {
		Token        string    `json:"token"`
		Until        time.Time `json:"expires_at"`
		Repositories []struct {
			ID   int64  `json:"id"`
			Name string `json:"name"`
		} `json:"repositories"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&said); err != nil || said.Token == "" {
		return "", none, fault.New(fault.Refused, fault.Malformed, "",
			"the GitHub API gave the app an answer without a token")
	}
	if r := said.Repositories; len(r) != 1 || of.repository > 0 && r[0].ID != of.repository ||
		of.name != "" && !strings.EqualFold(r[0].Name, of.name) {
		return "", none, fault.New(fault.Refused, fault.Malformed, "",
			"the GitHub API gave the app a token for other repositories than %s", of)
	}
	return said.Token, said.Until, nil
}

// install is the next step where the app may not do what it is for.
const install = "install the app on the repository with the permissions that sallyport-server app manifest lists"

// noToken is the fault of an app that is given none. An installation that does not hold the
// repository is somebody else's (J07).
func noToken(of tokenOf, status int) error {
	kind, code, hint := fault.Unavailable, fault.NotAvailable, install
	switch status {
	case http.StatusUnauthorized:
		hint = "compare the app's ID and its private key with its settings page, and set this machine's clock"
	case http.StatusNotFound, http.StatusUnprocessableEntity:
		kind, code = fault.Refused, fault.Authn
	}
	return fault.New(kind, code, hint,
		"the app gets no token for repository %s of installation %d: the GitHub API answered %d",
		of, of.installation, status)
}

// Files opens a repository of which the app reads files and nothing else. It has to be installed there, and the
// repository has to have this number.
func (a *App) Files(ctx context.Context, name string, number int64) (*Repo, error) {
	installation, err := a.installation(ctx, name)
	if err != nil {
		return nil, err
	}
	_, short, _ := strings.Cut(name, "/")
	token, err := a.token(ctx, tokenOf{installation: installation, repository: number, name: short})
	if err != nil {
		return nil, err
	}
	repo, err := a.repo(name, token)
	if err == nil {
		repo.id = strconv.FormatInt(number, 10)
	}
	return repo, err
}

// installation asks which one holds a repository.
func (a *App) installation(ctx context.Context, name string) (int64, error) {
	resp, err := a.call(ctx, http.MethodGet, "repos/"+name+"/installation", nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	if resp.StatusCode != http.StatusOK {
		return 0, noInstallation(name, resp.StatusCode)
	}
	var said struct {
		ID int64 `json:"id"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&said); err != nil || said.ID <= 0 {
		return 0, fault.New(fault.Refused, fault.Malformed, "", "the GitHub API names no installation on %s", name)
	}
	return said.ID, nil
}

// repo is a repository that is asked with a token of the app.
func (a *App) repo(name, token string) (*Repo, error) {
	repo, err := newRepo(a.Server.String(), name, token)
	if err == nil {
		repo.Now, repo.api, repo.Need = a.Now, a.API, install
	}
	return repo, err
}

// noInstallation is the fault of an app that cannot tell where it is installed.
func noInstallation(name string, status int) error {
	kind, code := fault.Unavailable, fault.NotAvailable
	if status == http.StatusNotFound {
		kind, code = fault.Refused, fault.Authn
	}
	return fault.New(kind, code, "install the app on "+name,
		"the app is not installed on %s: the GitHub API answered %d",
		name, status)
}

// Waiting is a run that waits at an environment, as the app asks about it.
type Waiting struct {
	*Repo
	environment string
	run         int64
	app         *App
	of          tokenOf
}

// Waiting opens the repository of a run for the app. The installation has to hold the repository, whose number and
// name have to be those that the API names. The attempt that waits is the newest one of the run, so that is asked.
func (a *App) Waiting(
	ctx context.Context, installation, repository int64, name string, number int64, environment string,
) (*Waiting, error) {
	of := tokenOf{installation: installation, repository: repository}
	token, err := a.token(ctx, of)
	if err != nil {
		return nil, err
	}
	repo, err := a.repo(name, token)
	if err != nil {
		return nil, err
	}
	repo.counted = func(q trial.Quota) { a.count(installation, q) }
	ctx, cancel := repo.within(ctx)
	defer cancel()
	own, err := repo.repository(ctx)
	if err != nil {
		a.forget(of)
		return nil, err
	}
	if own.ID != repository {
		return nil, fault.New(fault.Refused, fault.Source, "",
			"%s has the number %d now, and the request was about %d", name, own.ID, repository)
	}
	repo.id = strconv.FormatInt(repository, 10)
	path := repo.at("actions/runs/%d", number)
	r, found, err := repo.one(ctx, path, func(r run) bool { return r.ID == number })
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, noRun(number)
	}
	repo.asker = attempt{number, r.Attempt}
	repo.known.hold(path, a.Now().Add(often)) // for this look; what has to be as it is now is asked anew
	return &Waiting{repo, environment, number, a, of}, nil
}

// count remembers what an installation may still ask. An answer that was overtaken says more than is left.
func (a *App) count(installation int64, q trial.Quota) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if old := a.left[installation]; old.Until.Equal(q.Until) && old.Left < q.Left {
		return
	}
	a.left[installation] = q
}

// Left is the least that an installation may still ask before its limit starts anew, as the last answers say.
func (a *App) Left(now time.Time) (least int, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, q := range a.left {
		if now.Before(q.Until) && (!known || q.Left < least) {
			least, known = q.Left, true
		}
	}
	return least, known
}

// FileOf returns a file as Repo does, or as this repository has read it before: at a full commit it does not change.
func (w *Waiting) FileOf(ctx context.Context, repository, commit, path string) ([]byte, error) {
	of := fileOf{w.of, repository, commit, path}
	if body, kept := w.app.files.find(of, w.Now()); kept {
		return body, nil
	}
	body, err := w.fileOf(ctx, repository, commit, path)
	if err == nil {
		w.app.files.keep(of, body, w.Now())
	}
	return body, err
}

// fileOf reads a file now. Another repository of the same owner, which does not show it to everybody, is asked
// with a token of its own, which may read its files alone: the app has to be installed there.
func (w *Waiting) fileOf(ctx context.Context, repository, commit, path string) ([]byte, error) {
	raw, err := w.Repo.FileOf(ctx, repository, commit, path)
	owner, name, _ := strings.Cut(repository, "/")
	if !errors.Is(err, fs.ErrNotExist) || !strings.EqualFold(owner, w.owner) || strings.EqualFold(name, w.name) {
		return raw, err
	}
	token, bad := w.app.token(ctx, tokenOf{installation: w.of.installation, name: name})
	if bad != nil {
		if fault.Of(bad).Code == fault.Authn {
			bad = absent{fault.New(fault.Unavailable, fault.NotAvailable, "install the app on "+repository+" as well",
				"%w", err)}
		}
		return nil, bad
	}
	other, err := w.app.repo(repository, token)
	if err != nil {
		return nil, err
	}
	return other.FileOf(ctx, repository, commit, path)
}

// noRun is the fault of a run that the API does not have. It is deleted, or the platform is wrong for a moment.
func noRun(run int64) error {
	return fault.New(fault.Refused, fault.BuildState, "", "run %d is not there any more", run)
}

// Attempt is the newest attempt of the run.
func (w *Waiting) Attempt() int { return w.asker.n }

// Tenant is the number of the account that the repository belongs to.
func (w *Waiting) Tenant(ctx context.Context) (string, error) {
	own, err := w.repository(ctx)
	if err != nil || own.Owner == nil {
		return "", err
	}
	return strconv.FormatInt(own.Owner.ID, 10), nil
}

// Commit is what the run is of, and Done says that it has ended, so that it waits for nothing.
func (w *Waiting) Commit(ctx context.Context) (commit string, done bool, err error) {
	ctx, cancel := w.within(ctx)
	defer cancel()
	a, err := w.fresh(ctx, w.at("actions/runs/%d", w.run), readActions)
	switch {
	case err != nil:
		return "", false, err
	case !a.found:
		return "", false, noRun(w.run)
	}
	var r run
	if err := w.read(a, &r); err != nil {
		return "", false, err
	}
	if r.ID != w.run || r.Attempt != w.asker.n {
		return r.HeadSHA, true, nil // another attempt is asked about by itself
	}
	return r.HeadSHA, r.done(), nil
}

// CalledFiles are the workflows that others of the run call, as the platform resolved them.
func (w *Waiting) CalledFiles(ctx context.Context) ([]policy.JobPlace, error) {
	ctx, cancel := w.within(ctx)
	defer cancel()
	a, err := w.once(ctx, w.at("actions/runs/%d", w.run), readActions)
	if err != nil {
		return nil, err
	}
	var r run
	if err := w.read(a, &r); err != nil {
		return nil, err
	}
	var out []policy.JobPlace
	for _, c := range r.Called {
		file, ref, _ := strings.Cut(c.Path, "@")
		const parts = 3 // OWNER/NAME/PATH
		if len(strings.SplitN(file, "/", parts)) != parts || !fullSHA().MatchString(c.SHA) {
			return nil, fault.New(fault.Refused, fault.Malformed, "",
				"the GitHub API names the called workflow %q at %q",
				fault.Cut(c.Path), fault.Cut(c.SHA))
		}
		out = append(out, policy.JobPlace{File: file, Ref: cmp.Or(c.Ref, ref), Commit: c.SHA})
	}
	return out, nil
}

// Still reports whether the environment waits in this run. It is asked anew each time.
func (w *Waiting) Still(ctx context.Context) (bool, error) {
	ctx, cancel := w.within(ctx)
	defer cancel()
	a, err := w.fresh(ctx, w.at("actions/runs/%d/pending_deployments", w.run), readActions)
	switch {
	case err != nil:
		return false, err
	case !a.found:
		return false, noRun(w.run)
	}
	var all []struct {
		Environment struct {
			Name string `json:"name"`
		} `json:"environment"`
	}
	if err := w.read(a, &all); err != nil {
		return false, err
	}
	for _, p := range all {
		if strings.EqualFold(p.Environment.Name, w.environment) { // GitHub compares them so
			return true, nil
		}
	}
	return false, nil
}

// begun are the states of a deployment that does not wait any more: its job has begun, or never will. What a job is
// called that waits differs between events and the API (waiting, pending, queued).
var begun = []string{"in_progress", "success", "failure", "error", "inactive"}

// Waits reports whether a deployment waits, or has begun, as its newest status says. A deployment without a status
// waits.
func (w *Waiting) Waits(ctx context.Context, deployment int64) (waits, began bool, err error) {
	ctx, cancel := w.within(ctx)
	defer cancel()
	a, err := w.fresh(ctx, w.at("deployments/%d/statuses?per_page=1", deployment), install)
	if err != nil || !a.found {
		return err == nil, false, err
	}
	var all []struct {
		State string `json:"state"`
	}
	if err := w.read(a, &all); err != nil {
		return false, false, err
	}
	if len(all) == 0 {
		return true, false, nil
	}
	state := all[0].State
	return !slices.Contains(begun, state), state == "in_progress" || state == "success", nil
}

// MaxComment is how many characters a comment has at most
// (docs.github.com, "Creating custom deployment protection rules").
const MaxComment = 1024

// Answer tells the platform whether the deployment may go on; with an empty state it is a note alone. taken is false
// where the platform waits for no answer any more.
func (w *Waiting) Answer(ctx context.Context, state, comment string) (taken bool, err error) {
	ctx, cancel := w.within(ctx)
	defer cancel()
	body := map[string]string{"environment_name": w.environment, "comment": comment}
	if state != "" {
		body["state"] = state
	}
	req, err := w.gh().NewRequest(http.MethodPost, w.at("actions/runs/%d/deployment_protection_rule", w.run), body)
	if err != nil {
		return false, fmt.Errorf("answering GitHub: %w", err)
	}
	resp, err := w.send(ctx, req, nil)
	switch status := statusOf(err); {
	case err == nil && resp.StatusCode != http.StatusNoContent: // it is what GitHub answers
		return false, fault.New(fault.Unavailable, fault.NotAvailable, "",
			"the GitHub API answered %d to the answer, want 204", resp.StatusCode)
	case err == nil:
		return true, nil
	case status == http.StatusNotFound, status == http.StatusUnprocessableEntity:
		return false, nil
	case status != 0:
		return false, w.notTold(status, readActions)
	default:
		return false, w.unanswered(err)
	}
}

// Manifest is what GitHub's page for making an app takes (docs.github.com, "Registering a GitHub App from a
// manifest"). url is where the server is reached, and door the path at which it takes deliveries.
func Manifest(name, address, door string) ([]byte, error) {
	address = strings.TrimSuffix(address, "/")
	return json.MarshalIndent(map[string]any{
		"name": name, "url": address, "public": false,
		"hook_attributes":     map[string]any{"url": address + door, "active": true},
		"default_permissions": may,
		"default_events": []string{
			"deployment", "deployment_protection_rule", "deployment_review", "deployment_status",
			"workflow_run", "push",
		},
	}, "", "  ")
}
