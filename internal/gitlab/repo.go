package gitlab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xanzy/go-gitlab"

	"github.com/sallyport-dev/sallyport/internal/change"
	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/trial"
)

// Repo is a project, as its API shows it to the owners of tokens.
type Repo struct {
	Now    func() time.Time // for how long an answer stands
	Budget time.Duration    // of one answer of an API, its tries included; 0 is client.Budget
	// Need is the next step of a command that is not told something, where this is not the
	// place that the command is about; "": the scope and the role that are missing.
	Need string

	outside bool     // somebody asks who is in no job of this project: without a token, they see what is public
	id      string   // project, as a number, or as a path where only that is known
	path    string   // project, as a path
	server  *url.URL // where people look
	api     *url.URL // where programs ask; nil: nobody knows yet
	access  string   // a token that may read settings
	session string   // the job's own token
	asker   asker

	tokenFrom string // the variable that access is of, for a person to read
	public    bool   // questions are asked without a token too
	left      atomic.Pointer[trial.Quota]

	memory  memory        // of what was answered
	changes change.Memory // of what was made of it
}

// An asker is the job that asks. Its zero is somebody outside of one.
type asker struct {
	job, pipeline string
	began         string // when the pipeline was made
	user, login   string // who started the job
}

// askerOf is the job that variables describe.
func askerOf(getenv func(string) string) asker {
	return asker{job: getenv("CI_JOB_ID"), pipeline: getenv("CI_PIPELINE_ID"), began: getenv("CI_PIPELINE_CREATED_AT"),
		user: getenv("GITLAB_USER_ID"), login: getenv("GITLAB_USER_LOGIN")}
}

var projectID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[1-9][0-9]{0,18}$`) })
var projectPath = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+$`)
})

// At returns a place for somebody who is not in a job: the project at path on
// the server at server, asked with SALLYPORT_TOKEN or GITLAB_TOKEN. The latter
// goes to gitlab.com or to the server that the environment names, and a job's
// address of the API is believed for its own server alone: who wrote a policy
// chose the server's name.
func At(getenv func(string) string, server, path string) (*Repo, error) {
	repo := &Repo{Now: time.Now, id: path, path: path, outside: true}
	server = strings.TrimSuffix(server, "/")
	own := strings.TrimSuffix(getenv("CI_SERVER_URL"), "/")
	if own == "" {
		own = "https://gitlab.com"
	}
	for _, name := range []string{"SALLYPORT_TOKEN", "GITLAB_TOKEN"} {
		if token := getenv(name); repo.access == "" && token != "" && (name == "SALLYPORT_TOKEN" || server == own) {
			repo.access, repo.tokenFrom = token, name
		}
	}
	if !projectPath().MatchString(path) {
		return nil, fault.New(fault.Usage, fault.Config, "", "project %q, want group/name", path)
	}
	values := map[string]string{"server": server, "api": server + "/api/v4"}
	if strings.TrimSuffix(getenv("CI_SERVER_URL"), "/") == server && getenv("CI_API_V4_URL") != "" {
		values["api"] = getenv("CI_API_V4_URL")
	}
	var err error
	if repo.server, err = address(func(k string) string { return values[k] }, "server"); err != nil {
		return nil, err
	}
	if repo.api, err = address(func(k string) string { return values[k] }, "api"); err != nil {
		return nil, err
	}
	return repo, nil
}

// Head returns what the project is, as a certificate would say it, and the
// commit that its default branch is at.
func (repo *Repo) Head(ctx context.Context) (repository, id, head, ref string, err error) {
	h, err := repo.here(ctx)
	if err != nil {
		return "", "", "", "", err
	}
	if h.Default == "" {
		return "", "", "", "", fault.New(
			fault.Refused,
			fault.Source,
			"push a first commit",
			"%s has no default branch",
			repo.Name(),
		)
	}
	b, err := repo.branch(ctx, h.Default)
	if err != nil {
		return "", "", "", "", err
	}
	return repo.web(""), itoa(h.ID), b.Commit.ID, "refs/heads/" + h.Default, nil
}

func address(getenv func(string) string, name string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(getenv(name), "/"))
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fault.New(
			fault.Usage,
			fault.Config,
			"run this in a GitLab CI/CD job",
			"%s is %q, want a URL",
			name,
			getenv(name),
		)
	}
	if !client.Confidential(u) {
		return nil, fault.New(fault.Usage, fault.Config, "", "%s is %q, want https", name, getenv(name))
	}
	return u, nil
}

// Name returns how people call the place.
func (repo *Repo) Name() string { return "GitLab " + repo.path }

// web returns an address for people.
func (repo *Repo) web(path string) string { return repo.server.String() + "/" + repo.path + path }

// client returns a client of the API that carries credential to the API and
// nowhere else. The library would retry without regard to a deadline and would
// carry its token along on a redirect; both are left to client.New.
func (repo *Repo) client(credential http.Header, away client.Away) (*gitlab.Client, error) {
	if repo.api == nil {
		return nil, fault.New(fault.Usage, fault.Config,
			"name the platform: with --policy, or with --repository",
			"which server this job's GitLab is at is not known here")
	}
	h := client.New(
		client.Options{
			Base:       repo.api,
			Credential: credential,
			Away:       away,
			MaxBody:    store.MaxBundleBytes,
			Budget:     repo.Budget,
		},
	)
	c, err := gitlab.NewClient("", gitlab.WithBaseURL(repo.api.String()), gitlab.WithHTTPClient(h),
		gitlab.WithoutRetries())
	if err != nil {
		return nil, fmt.Errorf("asking GitLab: %w", err)
	}
	return c, nil
}

// settings returns a client that may read settings. The job's own token may
// not (https://docs.gitlab.com/ci/jobs/ci_job_token/).
func (repo *Repo) settings() (*gitlab.Client, error) {
	if repo.access == "" {
		return nil, fault.New(
			fault.Usage,
			fault.Config,
			"set SALLYPORT_TOKEN, a masked and protected CI/CD variable, to a project access token with scope read_api and role Maintainer",
			"no token that may read protected environments",
		)
	}
	return repo.client(http.Header{"Private-Token": {repo.access}}, client.RefuseAway)
}

// packages returns a client of the package registry. A download may be answered
// from an object storage elsewhere, with AnonymousAway; nothing else may.
func (repo *Repo) packages(away client.Away) (*gitlab.Client, error) {
	switch {
	case repo.session != "":
		// The library always sends a private token; an empty one would win.
		return repo.client(http.Header{"Job-Token": {repo.session}, "Private-Token": nil}, away)
	case repo.access != "":
		return repo.client(http.Header{"Private-Token": {repo.access}}, away)
	case repo.outside:
		return repo.client(tokenless(), away)
	}
	return nil, fault.New(
		fault.Usage,
		fault.Config,
		"run this in a GitLab CI/CD job, or set SALLYPORT_TOKEN",
		"no token for the package registry",
	)
}

// tokenless takes away the empty token that the library would send.
func tokenless() http.Header { return http.Header{"Private-Token": nil} }

// Answers reports whether the server at an address is a GitLab. It shows no token. The
// error says that nobody answered.
func Answers(ctx context.Context, server string) (bool, error) {
	u, err := address(func(string) string { return server }, "the server")
	if err != nil {
		return false, err
	}
	ctx, cancel := client.Within(ctx, 0)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String()+"/api/v4/metadata", nil)
	if err != nil {
		return false, fault.New(fault.Usage, fault.Config, "", "server %q, want a URL", server)
	}
	resp, err := client.New(client.Options{Base: u, Away: client.RefuseAny}).Do(req)
	if err != nil {
		return false, client.Unanswered(u.Host, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return false, client.Unanswered(u.Host, err)
	}
	// docs.gitlab.com/api/metadata: who shows no token is refused, in this form.
	var said struct{ Message, Version string }
	if json.Unmarshal(raw, &said) != nil {
		return false, nil
	}
	return resp.StatusCode == http.StatusUnauthorized && said.Message == "401 Unauthorized" ||
		resp.StatusCode == http.StatusOK && said.Version != "", nil
}

// status returns the status of an answer that the library made an error of, or
// 0 if there was no answer.
func status(resp *gitlab.Response, err error) int {
	var answer *gitlab.ErrorResponse
	switch {
	case errors.Is(err, gitlab.ErrNotFound):
		return http.StatusNotFound
	case errors.As(err, &answer) && answer.Response != nil:
		return answer.Response.StatusCode
	case resp != nil && resp.Response != nil && resp.StatusCode >= 300:
		return resp.StatusCode
	}
	return 0
}

// answer explains err. The body of an answer is not repeated.
func answer(resp *gitlab.Response, err error, hint string) error {
	if s := status(resp, err); s != 0 {
		return client.Status("the GitLab API", s, hint)
	}
	if garbage(err) || err == io.EOF { //nolint:errorlint // wrapped, it is of the connection and not of the JSON
		return client.Proxied("the GitLab API", "with something that is not the JSON of its documentation")
	}
	return client.Unanswered("the GitLab API", err)
}
