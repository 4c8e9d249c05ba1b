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
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-dev/sallyport/internal/dialect"
	"github.com/sallyport-dev/sallyport/internal/idtoken"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Job is one job of a workflow run, as its runner describes it. It holds the repository that it
// is of, which is asked nothing before Identify or Reach has said where.
type Job struct {
	*Repo
	Out io.Writer // where workflow commands go; the runner reads both streams

	getenv   func(string) string
	audience string         // of the token that signs: sigstore, or what IDToken was told
	self     idtoken.Claims // of the job's verified token; nil if it has none
}

// FromEnv reads the variables that the runner sets for every step. They are
// hints: the job asks nobody before Identify or Reach has said where.
func FromEnv(getenv func(string) string) (*Job, error) {
	repo, err := newRepo(getenv("GITHUB_SERVER_URL"), getenv("GITHUB_REPOSITORY"), getenv("GITHUB_TOKEN"))
	if err != nil {
		return nil, err
	}
	repo.id, repo.asker = getenv("GITHUB_REPOSITORY_ID"), attemptOf(getenv("GITHUB_RUN_ID"), getenv("GITHUB_RUN_ATTEMPT"))
	return &Job{Repo: repo, Out: os.Stderr, getenv: getenv, audience: "sigstore"}, nil
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

// IssuerOf returns the issuer of a server's job tokens: of the cloud, of a tenant with its
// data elsewhere, or of an enterprise server.
func IssuerOf(host string) string {
	name, tenant := strings.CutSuffix(strings.TrimPrefix(host, "https://"), ".ghe.com")
	switch {
	case host == "https://github.com":
		return "https://token.actions.githubusercontent.com"
	case tenant:
		return "https://token.actions." + name + ".ghe.com"
	}
	return host + "/_services/token"
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
