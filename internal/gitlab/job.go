// Package gitlab is everything that is about GitLab, and nothing else: the
// job's identity, the package registry as a store of bundles, the protected
// environments API and the conventions of the job log.
//
// It brings tokens, bundles and facts about environments, changes, runs and
// people in, and carries outputs, reports and settings out. It refuses to judge: it never says that something
// may pass, and what it cannot find out is an error, never a yes.
package gitlab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/xanzy/go-gitlab"

	"github.com/sallyport-dev/sallyport/internal/change"
	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/dialect"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/idtoken"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/store"
)

// Job is one job of a pipeline, as its runner describes it.
type Job struct {
	Out    io.Writer        // the job log
	Now    func() time.Time // for the life of tokens and the times of log sections
	Budget time.Duration    // of one answer of an API, its tries included; 0 is client.Budget
	// Elsewhere says that the issuer of the job's tokens has another address than
	// its server, as an instance can be set up.
	Elsewhere bool
	// Need is the next step of a command that is not told something, where this is not the
	// place that the command is about; "": the scope and the role that are missing.
	Need string

	Outputs string // the path of the dotenv report

	getenv  func(string) string
	id      string   // project, as a number
	path    string   // project, as a path
	server  *url.URL // where people look
	api     *url.URL // where programs ask; nil: nobody knows yet
	access  string   // a token that may read settings
	session string   // the job's own token
	enters  string   // environment of the job; "" before Identify

	verified idtoken.Claims // of this job; nil: nobody has verified any

	audience string        // of the token that signs: sigstore, or what IDToken was told
	memory   memory        // of what was answered
	changes  change.Memory // of what was made of it
}

var projectID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[1-9][0-9]{0,18}$`) })
var projectPath = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+$`)
})

// FromEnv reads the variables that the runner sets for every job. They are
// hints: the job asks nobody before Identify or Reach has said where.
func FromEnv(getenv func(string) string) (*Job, error) {
	j := &Job{Out: os.Stderr, Now: time.Now, getenv: getenv, audience: "sigstore", session: getenv("CI_JOB_TOKEN")}
	if j.access = getenv("SALLYPORT_TOKEN"); j.access == "" {
		j.access = getenv("GITLAB_TOKEN")
	}
	const hint = "run this in a GitLab CI/CD job"
	if j.id = getenv("CI_PROJECT_ID"); !projectID().MatchString(j.id) {
		return nil, fault.New(fault.Usage, fault.Config, hint, "CI_PROJECT_ID is %q, want a number", j.id)
	}
	if j.path = getenv("CI_PROJECT_PATH"); !projectPath().MatchString(j.path) {
		return nil, fault.New(fault.Usage, fault.Config, hint, "CI_PROJECT_PATH is %q, want group/name", j.path)
	}
	var err error
	if j.server, err = address(getenv, "CI_SERVER_URL"); err != nil {
		return nil, err
	}
	return j, nil
}

// At returns a place for somebody who is not in a job: the project at path on
// the server at server, asked with SALLYPORT_TOKEN or GITLAB_TOKEN. The latter
// goes to gitlab.com or to the server that the environment names, and a job's
// address of the API is believed for its own server alone: who wrote a policy
// chose the server's name.
func At(getenv func(string) string, server, path string) (*Job, error) {
	j := &Job{Out: os.Stderr, Now: time.Now, getenv: getenv, id: path, path: path}
	server = strings.TrimSuffix(server, "/")
	own := strings.TrimSuffix(getenv("CI_SERVER_URL"), "/")
	if own == "" {
		own = "https://gitlab.com"
	}
	if j.access = getenv("SALLYPORT_TOKEN"); j.access == "" && server == own {
		j.access = getenv("GITLAB_TOKEN")
	}
	if !projectPath().MatchString(path) {
		return nil, fault.New(fault.Usage, fault.Config, "", "project %q, want group/name", path)
	}
	values := map[string]string{"server": server, "api": server + "/api/v4"}
	if strings.TrimSuffix(getenv("CI_SERVER_URL"), "/") == server && getenv("CI_API_V4_URL") != "" {
		values["api"] = getenv("CI_API_V4_URL")
	}
	var err error
	if j.server, err = address(func(k string) string { return values[k] }, "server"); err != nil {
		return nil, err
	}
	if j.api, err = address(func(k string) string { return values[k] }, "api"); err != nil {
		return nil, err
	}
	return j, nil
}

// Head returns what the project is, as a certificate would say it, and the
// commit that its default branch is at.
func (j *Job) Head(ctx context.Context) (repository, id, head, ref string, err error) {
	h, err := j.here(ctx)
	if err != nil {
		return "", "", "", "", err
	}
	if h.Default == "" {
		return "", "", "", "", fault.New(fault.Refused, fault.Source, "push a first commit", "%s has no default branch", j.Name())
	}
	b, err := j.branch(ctx, h.Default)
	if err != nil {
		return "", "", "", "", err
	}
	return j.web(""), itoa(h.ID), b.Commit.ID, "refs/heads/" + h.Default, nil
}

func address(getenv func(string) string, name string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(getenv(name), "/"))
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fault.New(fault.Usage, fault.Config, "run this in a GitLab CI/CD job", "%s is %q, want a URL", name, getenv(name))
	}
	if !client.Confidential(u) {
		return nil, fault.New(fault.Usage, fault.Config, "", "%s is %q, want https", name, getenv(name))
	}
	return u, nil
}

// Name returns how people call the place.
func (j *Job) Name() string { return "GitLab " + j.path }

// web returns an address for people.
func (j *Job) web(path string) string { return j.server.String() + "/" + j.path + path }

// Lasts is how long this job may run (CI_JOB_TIMEOUT, in seconds), and how much of
// that is left.
func (j *Job) Lasts(now time.Time) (whole, left time.Duration, hint string) {
	seconds, err := strconv.ParseInt(j.getenv("CI_JOB_TIMEOUT"), 10, 32)
	if err != nil || seconds <= 0 {
		return 0, 0, ""
	}
	whole = time.Duration(seconds) * time.Second
	left = whole
	if t := moment(j.getenv("CI_JOB_STARTED_AT")); !t.IsZero() && t.Before(now) {
		left -= now.Sub(t)
	}
	return whole, left, "give the job more time, with the component's input timeout; or wait less, and have the job started again when everybody has approved: sallyport approve --resume"
}

// client returns a client of the API that carries credential to the API and
// nowhere else. The library would retry without regard to a deadline and would
// carry its token along on a redirect; both are left to client.New.
func (j *Job) client(credential http.Header, away client.Away) (*gitlab.Client, error) {
	if j.api == nil {
		return nil, fault.New(fault.Usage, fault.Config,
			"name the platform: with --policy, or with --repository",
			"which server this job's GitLab is at is not known here")
	}
	h := client.New(client.Options{Base: j.api, Credential: credential, Away: away, MaxBody: store.MaxBundleBytes, Budget: j.Budget})
	c, err := gitlab.NewClient("", gitlab.WithBaseURL(j.api.String()), gitlab.WithHTTPClient(h), gitlab.WithoutRetries())
	if err != nil {
		return nil, fmt.Errorf("asking GitLab: %w", err)
	}
	return c, nil
}

// settings returns a client that may read settings. The job's own token may
// not (https://docs.gitlab.com/ci/jobs/ci_job_token/).
func (j *Job) settings() (*gitlab.Client, error) {
	if j.access == "" {
		return nil, fault.New(fault.Usage, fault.Config,
			"set SALLYPORT_TOKEN, a masked and protected CI/CD variable, to a project access token with scope read_api and role Maintainer",
			"no token that may read protected environments")
	}
	return j.client(http.Header{"Private-Token": {j.access}}, client.RefuseAway)
}

// packages returns a client of the package registry. A download may be answered
// from an object storage elsewhere, with AnonymousAway; nothing else may.
func (j *Job) packages(away client.Away) (*gitlab.Client, error) {
	switch {
	case j.session != "":
		// The library always sends a private token; an empty one would win.
		return j.client(http.Header{"Job-Token": {j.session}, "Private-Token": nil}, away)
	case j.access != "":
		return j.client(http.Header{"Private-Token": {j.access}}, away)
	}
	return nil, fault.New(fault.Usage, fault.Config, "run this in a GitLab CI/CD job, or set SALLYPORT_TOKEN", "no token for the package registry")
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

var instance = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^https://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*)$`)
})

// foreign are addresses that are of another platform, or a project of gitlab.com
// taken for an issuer.
var foreign = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^https://(token\.actions\.|([^/]*\.)?(github\.com|githubusercontent\.com|ghe\.com)(:|/|$)|gitlab\.com/)|/_services(/|$)`)
})

// Forge says which instance an issuer belongs to. An instance issues under its
// own address, which has a path where it is installed below one, so every https
// address may be one; whether it is trusted, its trusted root says. Only gitlab.com operates runners that a policy may name
// without saying more.
func Forge(issuer string) (policy.Forge, bool) {
	m := instance().FindStringSubmatch(issuer)
	if m == nil || foreign().MatchString(issuer) {
		return policy.Forge{}, false
	}
	f := policy.Forge{
		Issuer: issuer, Host: issuer, Mark: "//", Events: []string{"push", "web"},
		Started: []string{"web"}, Kind: dialect.GitLab, OwnConfig: true, Children: []string{"parent_pipeline", "pipeline"},
		Compare: "/-/compare/",
	}
	if issuer == "https://gitlab.com" {
		f.Runner = "gitlab-hosted"
	}
	return f, true
}

// ours says whether issuer issues tokens for jobs of this instance.
func (j *Job) ours(issuer string) bool {
	f, ok := Forge(issuer)
	return ok && (j.Elsewhere || strings.EqualFold(f.Host, j.server.String()))
}
