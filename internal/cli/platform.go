package cli

import (
	"context"
	"fmt"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/gitlab"
	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// platform is what the two platforms do for a command. This file is the only
// one that names them; a third would be a third case here.
type platform interface {
	gate.Guard
	Name() string
	IDToken(ctx context.Context) (string, error)
	Provenance(token string) (statement.Provenance, error)
	Visibility(token string) string
	Output(key, value string) error
	Summary(markdown string) error
	Annotate(level, file string, line int, title, message string)
	Group(title string) func()

	evidence() store
	storeName() string            // as in the input store
	instance(private bool) string // the Sigstore instance that fits a repository
	place() inputs.Where          // in the table of inputs
}

// store is a place for bundles that can be read and written.
type store interface {
	gate.Store
	attest.Sink
}

type onGitHub struct{ *github.Job }

func (p onGitHub) evidence() store   { return p.Evidence() }
func (onGitHub) storeName() string   { return "github" }
func (onGitHub) place() inputs.Where { return inputs.GitHub }
func (onGitHub) instance(private bool) string {
	if private {
		return "github"
	}
	return "public-good"
}

type onGitLab struct{ *gitlab.Job }

func (p onGitLab) evidence() store            { return p.Evidence() }
func (onGitLab) storeName() string            { return "gitlab" }
func (onGitLab) instance(private bool) string { return "public-good" }
func (onGitLab) place() inputs.Where          { return inputs.GitLab }

// choosePlatform returns the platform that runs this job, or nil where none
// does.
func choosePlatform(c Command) (platform, error) {
	switch {
	case c.Getenv("GITHUB_ACTIONS") == "true":
		j, err := github.FromEnv(inputToken(c.Getenv))
		if err != nil {
			return nil, err
		}
		j.Out, j.Now = c.Stderr, c.Now
		return onGitHub{j}, nil
	case c.Getenv("GITLAB_CI") == "true":
		j, err := gitlab.FromEnv(c.Getenv)
		if err != nil {
			return nil, err
		}
		j.Out, j.Now = c.Stderr, c.Now
		return onGitLab{j}, nil
	}
	return nil, nil
}

// runURI names the run that asks, as its platform does; empty on a laptop.
func runURI(getenv func(string) string) string {
	switch {
	case getenv("GITHUB_ACTIONS") == "true":
		return fmt.Sprintf("%s/%s/actions/runs/%s/attempts/%s", getenv("GITHUB_SERVER_URL"), getenv("GITHUB_REPOSITORY"), getenv("GITHUB_RUN_ID"), getenv("GITHUB_RUN_ATTEMPT"))
	case getenv("GITLAB_CI") == "true":
		return getenv("CI_JOB_URL")
	}
	return ""
}

// inputToken lets the input token stand for the variable that the platform's
// library reads.
func inputToken(getenv func(string) string) func(string) string {
	return func(name string) string {
		if t := getenv("SALLYPORT_TOKEN"); name == "GITHUB_TOKEN" && t != "" {
			return t
		}
		return getenv(name)
	}
}

// forge returns what is known about the platform behind an issuer.
func forge(issuer string) (policy.Forge, bool) {
	if f, ok := github.Forge(issuer); ok {
		return f, true
	}
	return gitlab.Forge(issuer)
}

// profiles are the Sigstore instances known by name.
func profiles() map[string]sigstore.Profile {
	return map[string]sigstore.Profile{
		"public-good": sigstore.PublicGood(),
		"github": sigstore.NewUnlogged("github", "https://tuf-repo.github.com", sigstore.Endpoints{
			Fulcio: "https://fulcio.githubapp.com", TSA: "https://timestamp.githubapp.com/api/v1/timestamp",
		}),
	}
}
