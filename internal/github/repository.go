package github

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/go-github/v62/github"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/trial"
)

// Repo is a repository, as its API shows it to the owner of a token.
type Repo struct {
	Now    func() time.Time // for how long an answer stands
	Budget time.Duration    // of one answer of an API, its tries included; 0 is client.Budget
	// Need is the next step of a command that is not told something, where this is not the
	// place that the command is about; "": the permission that is missing.
	Need string

	owner, name string
	outside     bool     // somebody asks who is in no job of this repository: whether they may see it is not known
	id          string   // its number, as the job that asks has it; "": the API says it
	asker       attempt  // the attempt of a run that asks; zero outside of one
	server      *url.URL // where people look
	api         *url.URL // where programs ask; nil: nobody knows yet
	token       string
	gh          func() *github.Client // of the API; made when it is first needed, with the budget of then
	known       *memory
	tokenFrom   string // the variable that the token is of, for a person to read
	left        atomic.Pointer[trial.Quota]
	counted     func(trial.Quota) // is told of it; nil: nobody is
}

var repositoryName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([A-Za-z0-9_.-]+)/([A-Za-z0-9_.-]+)$`) })

// newRepo returns a repository of a server. Nobody knows yet where its API is.
func newRepo(server, path, token string) (*Repo, error) {
	owner, name, named := ownerAndName(path)
	if !named {
		return nil, fault.New(fault.Usage, fault.Config, "run this in a GitHub Actions job",
			"GITHUB_REPOSITORY is %q, want owner/name", path)
	}
	repo := &Repo{Now: time.Now, owner: owner, name: name, token: token, known: newMemory()}
	var err error
	repo.server, err = parseAddress("GITHUB_SERVER_URL", cmp.Or(server, "https://github.com"))
	repo.gh = sync.OnceValue(repo.client)
	return repo, err
}

// ownerAndName takes the path of a repository apart.
func ownerAndName(path string) (owner, name string, ok bool) {
	m := repositoryName().FindStringSubmatch(path)
	if m == nil || strings.Trim(m[1], ".") == "" || strings.Trim(m[2], ".") == "" {
		return "", "", false
	}
	return m[1], m[2], true
}

func parseAddress(name, s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(s, "/"))
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fault.New(fault.Usage, fault.Config, "", "%s is %q, want a URL", name, s)
	}
	if !client.Confidential(u) {
		return nil, fault.New(fault.Usage, fault.Config, "", "%s is %q, want https", name, s)
	}
	return u, nil
}

// Name returns how people call the place.
func (repo *Repo) Name() string { return "GitHub " + repo.owner + "/" + repo.name }

// web returns an address for people.
func (repo *Repo) web(path string) string {
	return repo.server.String() + "/" + repo.owner + "/" + repo.name + path
}

// client returns a client of the API that carries the job's token to the API
// and to no other place.
func (repo *Repo) client() *github.Client {
	if repo.api == nil {
		c := github.NewClient(client.New(client.Options{Transport: noServer{}}))
		c.BaseURL = &url.URL{Scheme: repo.server.Scheme, Host: repo.server.Host, Path: "/"}
		return c
	}
	h := http.Header{}
	if repo.token != "" {
		h.Set("Authorization", "Bearer "+repo.token)
	}
	hc := client.New(client.Options{Base: repo.api, Credential: h, MaxBody: maxAnswer, Budget: repo.Budget})
	hc.Transport = &etags{next: hc.Transport, kept: map[string]keptAnswer{}}
	c := github.NewClient(hc)
	c.BaseURL = &url.URL{Scheme: repo.api.Scheme, Host: repo.api.Host, Path: repo.api.Path + "/"}
	return c
}

// noServer sends nothing: it is not known where to.
type noServer struct{}

// RoundTrip returns why.
func (noServer) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, fault.New(fault.Usage, fault.Config, "name the platform: with --policy, or with --repository",
		"which server this job's GitHub is at is not known here")
}

// repository is what the API says about the repository itself.
type repository struct {
	ID            int64  `json:"id"`
	FullName      string `json:"full_name"`
	DefaultBranch string `json:"default_branch"`
	Private       bool   `json:"private"`
	Owner         *user  `json:"owner"`
}

// repository asks once: neither its number nor its default branch changes while
// somebody waits.
func (repo *Repo) repository(ctx context.Context) (repository, error) {
	a, err := repo.once(ctx, repo.at(""), readContents)
	if err != nil {
		return repository{}, err
	}
	if !a.found {
		return repository{}, fault.New(fault.Unavailable, fault.NotAvailable, repo.hint(a.status, readContents),
			"repository %s is not there, or may not be seen", repo.web(""))
	}
	var r repository
	if err := repo.read(a, &r); err != nil {
		return repository{}, err
	}
	if r.ID <= 0 || r.DefaultBranch == "" || !strings.EqualFold(r.FullName, repo.owner+"/"+repo.name) {
		return repository{}, fault.New(fault.Refused, fault.Malformed, "", "asked for %s/%s, the GitHub API answered with %q", repo.owner, repo.name, r.FullName)
	}
	repo.known.settle(repo.at(""))
	return r, nil
}

// KeepsBundles reports whether GitHub surely keeps bundles of this repository: of a public
// one, on a host of its own. An enterprise server does not, and of others it does for
// an enterprise only.
func (repo *Repo) KeepsBundles(ctx context.Context) (bool, error) {
	if host := strings.ToLower(repo.server.Host); host != "github.com" && !strings.HasSuffix(host, ".ghe.com") {
		return false, nil
	}
	ctx, cancel := repo.within(ctx)
	defer cancel()
	own, err := repo.repository(ctx)
	return err == nil && !own.Private, err
}

// number is the repository's number: the runner's word, or the API's.
func (repo *Repo) number(ctx context.Context) (string, error) {
	if repo.id != "" {
		return repo.id, nil
	}
	r, err := repo.repository(ctx)
	return strconv.FormatInt(r.ID, 10), err
}

// Head returns where the default branch is: the repository's address and
// number, as a certificate names them, the commit and the ref.
func (repo *Repo) Head(ctx context.Context) (repository, id, head, ref string, err error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	r, err := repo.repository(ctx)
	if err != nil {
		return "", "", "", "", err
	}
	if head, err = repo.tip(ctx, r.DefaultBranch); err != nil {
		return "", "", "", "", err
	}
	if head == "" {
		return "", "", "", "", fault.New(fault.Unavailable, fault.NotAvailable, string(readContents),
			"the default branch %q of %s is not there, or this token may not see it", r.DefaultBranch, repo.web(""))
	}
	return repo.server.String() + "/" + r.FullName, strconv.FormatInt(r.ID, 10), head, "refs/heads/" + r.DefaultBranch, nil
}

// At returns a door to a repository for a person outside of a job. Nothing that
// the environment says about a job is believed.
func At(getenv func(string) string, server, path string) (*Repo, error) {
	token, from := "", ""
	for _, name := range append([]string{"SALLYPORT_TOKEN"}, tokensFor(getenv, server)...) {
		if token == "" && getenv(name) != "" {
			token, from = getenv(name), name
		}
	}
	api, err := apiOf(getenv, server)
	if err != nil {
		return nil, err
	}
	repo, err := newRepo(strings.TrimSuffix(server, "/"), strings.Trim(path, "/"), token)
	if err != nil {
		return nil, err
	}
	repo.outside, repo.tokenFrom = true, from
	repo.api, err = parseAddress("GITHUB_API_URL", api)
	return repo, err
}

// Answers reports whether the server at an address is a GitHub. It shows no token. The
// error says that nobody answered.
func Answers(ctx context.Context, server string) (bool, error) {
	u, err := parseAddress("the server", server)
	if err != nil {
		return false, err
	}
	ctx, cancel := client.Within(ctx, 0)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, usualAPI(u)+"/meta", nil)
	if err != nil {
		return false, fault.New(fault.Usage, fault.Config, "", "server %q, want a URL", server)
	}
	resp, err := client.New(client.Options{Base: u, Away: client.RefuseAny}).Do(req)
	if err != nil {
		return false, client.Unanswered(u.Host, err)
	}
	defer resp.Body.Close()
	// Every answer of the API has this header, also that to somebody who may not ask
	// (docs.github.com, "Troubleshooting the REST API").
	return resp.Header.Get("X-GitHub-Request-Id") != "" && resp.StatusCode < http.StatusInternalServerError, nil
}

// tokensFor are the variables that hold a token of a server. Which server is
// asked follows from a policy file, and anybody may write one; so a token that
// stands for the cloud, or for the server of GITHUB_SERVER_URL, is not sent to
// another (J05).
func tokensFor(getenv func(string) string, server string) []string {
	server = strings.ToLower(strings.TrimSuffix(server, "/"))
	switch own := strings.ToLower(strings.TrimSuffix(getenv("GITHUB_SERVER_URL"), "/")); {
	case own != "" && own == server:
		return []string{"GITHUB_TOKEN", "GH_TOKEN"}
	case own == "" && server == "https://github.com", own == "" && strings.HasPrefix(server, "https://") && strings.HasSuffix(server, ".ghe.com"):
		return []string{"GITHUB_TOKEN", "GH_TOKEN"}
	}
	return nil
}

// apiOf is where the API of a server is. The variable is for the server that it
// belongs to: a token must not go where another server's variable points.
func apiOf(getenv func(string) string, server string) (string, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return "", fault.New(fault.Usage, fault.Config, "", "server %q, want a URL", server)
	}
	own := getenv("GITHUB_SERVER_URL")
	if own == "" {
		own = "https://github.com"
	}
	if api := getenv("GITHUB_API_URL"); api != "" && strings.EqualFold(strings.TrimSuffix(own, "/"), strings.TrimSuffix(server, "/")) {
		return api, nil
	}
	return usualAPI(u), nil
}

// usualAPI is where the API of a server is (docs.github.com, "Getting started
// with the REST API"): of the cloud, of a tenant with its data elsewhere, and
// of an enterprise server.
func usualAPI(server *url.URL) string {
	host := strings.ToLower(server.Host)
	switch {
	case host == "github.com":
		return "https://api.github.com"
	case strings.HasSuffix(host, ".ghe.com"):
		return "https://api." + host
	}
	return server.Scheme + "://" + server.Host + "/api/v3"
}
