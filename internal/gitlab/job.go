// Package gitlab is everything that is about GitLab, and nothing else: the
// job's identity, the package registry as a store of bundles, the protected
// environments API and the conventions of the job log.
//
// It brings tokens, bundles and facts about environments, changes, runs and
// people in, and carries outputs, reports and settings out. It refuses to judge: it never says that something
// may pass, and what it cannot find out is an error, never a yes.
package gitlab

import (
	"cmp"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-dev/sallyport/internal/dialect"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/idtoken"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Job is one job of a pipeline, as its runner describes it. It holds the project that it is of,
// which is asked nothing before Identify or Reach has said where.
type Job struct {
	*Repo
	Out io.Writer // the job log
	// Elsewhere says that the issuer of the job's tokens has another address than
	// its server, as an instance can be set up.
	Elsewhere bool
	Outputs   string // the path of the dotenv report

	getenv   func(string) string
	enters   string         // environment of the job; "" before Identify
	verified idtoken.Claims // of this job; nil: nobody has verified any
	audience string         // of the token that signs: sigstore, or what IDToken was told
}

// FromEnv reads the variables that the runner sets for every job. They are
// hints: the job asks nobody before Identify or Reach has said where.
func FromEnv(getenv func(string) string) (*Job, error) {
	repo := &Repo{Now: time.Now, access: cmp.Or(getenv("SALLYPORT_TOKEN"), getenv("GITLAB_TOKEN")),
		session: getenv("CI_JOB_TOKEN"), asker: askerOf(getenv)}
	const hint = "run this in a GitLab CI/CD job"
	if repo.id = getenv("CI_PROJECT_ID"); !projectID().MatchString(repo.id) {
		return nil, fault.New(fault.Usage, fault.Config, hint, "CI_PROJECT_ID is %q, want a number", repo.id)
	}
	if repo.path = getenv("CI_PROJECT_PATH"); !projectPath().MatchString(repo.path) {
		return nil, fault.New(fault.Usage, fault.Config, hint, "CI_PROJECT_PATH is %q, want group/name", repo.path)
	}
	var err error
	if repo.server, err = address(getenv, "CI_SERVER_URL"); err != nil {
		return nil, err
	}
	return &Job{Repo: repo, Out: os.Stderr, getenv: getenv, audience: "sigstore"}, nil
}

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
