// Package github is everything that is about GitHub, and nothing else: the
// job's identity, the attestations API, how environments are protected, how
// runs ended, who made a change, who is in a team, what reviewers said, and the
// runner's commands and files.
//
// It brings tokens, bundles and facts in, and carries outputs, reports and
// settings out. It refuses to judge: it never says that something may pass, and
// what it cannot find out is an error or somebody unknown, never nobody and
// never a yes. It refuses to weaken a setting.
package github

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/google/go-github/v62/github"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/dialect"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/idtoken"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Job is one job of a workflow run, as its runner describes it.
type Job struct {
	Out    io.Writer        // where workflow commands go; the runner reads both streams
	Now    func() time.Time // for the life of tokens
	Budget time.Duration    // of one answer of an API, its tries included; 0 is client.Budget
	// Need is the next step of a command that is not told something, where this is not the
	// place that the command is about; "": the permission that is missing.
	Need string

	getenv      func(string) string
	audience    string // of the token that signs: sigstore, or what IDToken was told
	owner, repo string
	server      *url.URL // where people look
	api         *url.URL // where programs ask; nil: nobody knows yet
	token       string
	self        idtoken.Claims        // of the job's verified token; nil if it has none
	gh          func() *github.Client // of the API; made when it is first needed, with the budget of then
	known       *memory
}

var repositoryName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([A-Za-z0-9_.-]+)/([A-Za-z0-9_.-]+)$`) })

// FromEnv reads the variables that the runner sets for every step. They are
// hints: the job asks nobody before Identify or Reach has said where.
func FromEnv(getenv func(string) string) (*Job, error) {
	j := &Job{Out: os.Stderr, Now: time.Now, getenv: getenv, audience: "sigstore", token: getenv("GITHUB_TOKEN")}
	m := repositoryName().FindStringSubmatch(getenv("GITHUB_REPOSITORY"))
	if m == nil || strings.Trim(m[1], ".") == "" || strings.Trim(m[2], ".") == "" {
		return nil, fault.New(fault.Usage, fault.Config, "run this in a GitHub Actions job", "GITHUB_REPOSITORY is %q, want owner/name", getenv("GITHUB_REPOSITORY"))
	}
	j.owner, j.repo = m[1], m[2]
	var err error
	if j.server, err = j.address("GITHUB_SERVER_URL", "https://github.com"); err != nil {
		return nil, err
	}
	j.gh, j.known = sync.OnceValue(j.client), newMemory()
	return j, nil
}

func (j *Job) address(name, usual string) (*url.URL, error) {
	s := j.getenv(name)
	if s == "" {
		s = usual
	}
	return parseAddress(name, s)
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
func (j *Job) Name() string { return "GitHub " + j.owner + "/" + j.repo }

// web returns an address for people.
func (j *Job) web(path string) string {
	return j.server.String() + "/" + j.owner + "/" + j.repo + path
}

// How long a job may run: on the platform's own runners, and on others as long as
// its token lives (docs.github.com/actions/reference/limits).
const (
	hostedLimit = 6 * time.Hour
	tokenLimit  = 24 * time.Hour
)

// Lasts is how long a job may run. When it began, no variable says.
func (j *Job) Lasts(time.Time) (whole, left time.Duration, hint string) {
	whole = hostedLimit
	if j.getenv("RUNNER_ENVIRONMENT") == "self-hosted" {
		whole = tokenLimit
	}
	return whole, whole, "wait less, and have the job started again when everybody has approved: sallyport approve --resume"
}

// client returns a client of the API that carries the job's token to the API
// and to no other place.
func (j *Job) client() *github.Client {
	if j.api == nil {
		c := github.NewClient(client.New(client.Options{Transport: noServer{}}))
		c.BaseURL = &url.URL{Scheme: j.server.Scheme, Host: j.server.Host, Path: "/"}
		return c
	}
	h := http.Header{}
	if j.token != "" {
		h.Set("Authorization", "Bearer "+j.token)
	}
	hc := client.New(client.Options{Base: j.api, Credential: h, MaxBody: maxAnswer, Budget: j.Budget})
	hc.Transport = &etags{next: hc.Transport, kept: map[string]keptAnswer{}}
	c := github.NewClient(hc)
	c.BaseURL = &url.URL{Scheme: j.api.Scheme, Host: j.api.Host, Path: j.api.Path + "/"}
	return c
}

// noServer sends nothing: it is not known where to.
type noServer struct{}

// RoundTrip returns why.
func (noServer) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, fault.New(fault.Usage, fault.Config, "name the platform: with --policy, or with --repository",
		"which server this job's GitHub is at is not known here")
}

var tenant = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^https://token\.actions\.([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)\.ghe\.com$`)
})
var enterprise = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^https://token\.actions\.githubusercontent\.com(?:/[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)?$`)
})
var server = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^https://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?)/_services/token$`)
})

// Forge says which instance an issuer belongs to. An issuer is known by its
// whole string: another spelling, another scheme or a longer path is another
// issuer, and then there is no forge.
func Forge(issuer string) (policy.Forge, bool) {
	f := policy.Forge{
		Issuer:  issuer,
		Mark:    "/",
		Runner:  "github-hosted",
		Events:  []string{"push", "workflow_dispatch", "release"},
		Started: []string{"workflow_dispatch"},
		Kind:    dialect.GitHub,
		Folder:  ".github/workflows/",
		Compare: "/compare/",
	}
	switch {
	case enterprise().MatchString(issuer):
		f.Host, f.Releases = "https://github.com", "https://dotcom.releases.github.com"
	case tenant().MatchString(issuer):
		name := tenant().FindStringSubmatch(issuer)[1]
		f.Host, f.Releases = "https://"+name+".ghe.com", "https://"+name+".releases.github.com"
	case server().MatchString(issuer):
		f.Host = "https://" + server().FindStringSubmatch(issuer)[1]
	default:
		return policy.Forge{}, false
	}
	if server().MatchString(issuer) && reserved(f.Host) {
		return policy.Forge{}, false
	}
	return f, true
}

// reserved says whether host is GitHub's own cloud, where no enterprise server
// can stand: an issuer on a server must not speak for it.
func reserved(host string) bool {
	h := strings.TrimPrefix(host, "https://")
	h, _, _ = strings.Cut(h, ":")
	for _, d := range []string{"github.com", "ghe.com", "githubusercontent.com"} {
		if h == d || strings.HasSuffix(h, "."+d) {
			return true
		}
	}
	return false
}

// ours says whether issuer issues tokens for jobs of this server.
func (j *Job) ours(issuer string) bool {
	f, ok := Forge(issuer)
	return ok && strings.EqualFold(f.Host, j.server.String())
}
