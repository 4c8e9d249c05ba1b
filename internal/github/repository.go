package github

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

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
func (j *Job) repository(ctx context.Context) (repository, error) {
	a, err := j.once(ctx, j.at(""), readContents)
	if err != nil {
		return repository{}, err
	}
	if !a.found {
		return repository{}, fault.New(fault.Unavailable, fault.NotAvailable, j.hint(a.status, readContents),
			"repository %s is not there, or may not be seen", j.web(""))
	}
	var r repository
	if err := j.read(a, &r); err != nil {
		return repository{}, err
	}
	if r.ID <= 0 || r.DefaultBranch == "" || !strings.EqualFold(r.FullName, j.owner+"/"+j.repo) {
		return repository{}, fault.New(fault.Refused, fault.Malformed, "", "asked for %s/%s, the GitHub API answered with %q", j.owner, j.repo, r.FullName)
	}
	j.known.settle(j.at(""))
	return r, nil
}

// KeepsBundles reports whether GitHub surely keeps bundles of this repository: of a public
// one, on a host of its own. An enterprise server does not, and of others it does for
// an enterprise only.
func (j *Job) KeepsBundles(ctx context.Context) (bool, error) {
	if host := strings.ToLower(j.server.Host); host != "github.com" && !strings.HasSuffix(host, ".ghe.com") {
		return false, nil
	}
	ctx, cancel := j.within(ctx)
	defer cancel()
	r, err := j.repository(ctx)
	return err == nil && !r.Private, err
}

// number is the repository's number: the runner's word, or the API's.
func (j *Job) number(ctx context.Context) (string, error) {
	if id := j.getenv("GITHUB_REPOSITORY_ID"); id != "" {
		return id, nil
	}
	r, err := j.repository(ctx)
	return strconv.FormatInt(r.ID, 10), err
}

// Head returns where the default branch is: the repository's address and
// number, as a certificate names them, the commit and the ref.
func (j *Job) Head(ctx context.Context) (repository, id, head, ref string, err error) {
	ctx, cancel := j.within(ctx)
	defer cancel()
	r, err := j.repository(ctx)
	if err != nil {
		return "", "", "", "", err
	}
	if head, err = j.tip(ctx, r.DefaultBranch); err != nil {
		return "", "", "", "", err
	}
	if head == "" {
		return "", "", "", "", fault.New(fault.Refused, fault.Malformed, "", "the default branch %q of %s is not there", r.DefaultBranch, j.web(""))
	}
	return j.server.String() + "/" + r.FullName, strconv.FormatInt(r.ID, 10), head, "refs/heads/" + r.DefaultBranch, nil
}

// At returns a door to a repository for a person outside of a job. Nothing that
// the environment says about a job is believed.
func At(getenv func(string) string, server, path string) (*Job, error) {
	token := getenv("SALLYPORT_TOKEN")
	for _, name := range tokensFor(getenv, server) {
		if token == "" {
			token = getenv(name)
		}
	}
	api, err := apiOf(getenv, server)
	if err != nil {
		return nil, err
	}
	vars := map[string]string{
		"GITHUB_SERVER_URL": strings.TrimSuffix(server, "/"), "GITHUB_REPOSITORY": strings.Trim(path, "/"),
		"GITHUB_TOKEN": token,
	}
	j, err := FromEnv(func(name string) string { return vars[name] })
	if err == nil {
		j.api, err = parseAddress("GITHUB_API_URL", api)
	}
	return j, err
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
