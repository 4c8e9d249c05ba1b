package forges

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/gitlab"
	"github.com/sallyport-dev/sallyport/internal/pipelines"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/workflows"
)

// PlacedOnGitHub reads the workflow file: a run's certificate could be any job's that may
// have an identity, so each of these has to be in the environment.
func PlacedOnGitHub(ctx context.Context, at gate.Branch, q policy.PlaceQuery) (policy.Placed, error) {
	out := policy.Placed{Query: q, Within: policy.No}
	raw, err := at.File(ctx, q.Commit, q.Workflow)
	if err != nil {
		f := fault.Of(err)
		if out.Why = f.Error(); f.Code == fault.Policy {
			err = nil // the file is not there
		}
		return out, err
	}
	jobs, err := workflows.Outside(q.Workflow, raw, q.Environment)
	switch f := fault.Of(err); {
	case err != nil:
		out.Why = f.Error()
	case len(jobs) > 0:
		out.Why = workflows.Told(q.Workflow, jobs)
	default:
		out.Within = policy.Yes
	}
	return out, nil
}

// Filer is a repository whose files can be read, and those of others beside it.
type Filer interface {
	Workflow(uri string) (repository, path string)
	FileOf(ctx context.Context, repository, commit, path string) ([]byte, error)
	Called(ctx context.Context, run, uses string) (string, error)
}

// environmentOf is the environment of the job that signed, as its certificate says it; outside says that the job was
// in none. A subject of another form than the usual one says nothing (docs.github.com, "OpenID Connect reference").
func environmentOf(q policy.BuildQuery) (name string, outside bool) {
	_, named, is := strings.Cut(q.Subject, ":environment:")
	usual := strings.HasPrefix(q.Subject, "repo:") &&
		(strings.Contains(q.Subject, ":ref:refs/") || strings.HasSuffix(q.Subject, ":pull_request"))
	if q.Environment != "" || is {
		return cmp.Or(q.Environment, named), false
	}
	return "", usual
}

// BuiltOnGitHub reads the files that ran: the workflow that was started, the one that signed, those that
// they call, and the actions of the workspace.
func BuiltOnGitHub(ctx context.Context, at Filer, q policy.BuildQuery) (policy.Build, error) {
	out := policy.Build{Query: q}
	r := workflows.Release{Commit: q.Commit, Action: Ours,
		Top: workflows.Place{Commit: q.ConfigCommit}, Signer: workflows.Place{Commit: q.SignerCommit}}
	r.Repository, _ = at.Workflow(q.Repository)
	r.Environment, r.Outside = environmentOf(q)
	r.Top.Repository, r.Top.Path = at.Workflow(q.Config)
	r.Signer.Repository, r.Signer.Path = at.Workflow(q.Signer)
	r.Read = func(p workflows.Place) ([]byte, error) { return at.FileOf(ctx, p.Repository, p.Commit, p.Path) }
	var failed error // the platform did not say which commit of a workflow was called
	r.Called = func(uses string) string {
		sha, err := at.Called(ctx, q.Run, uses)
		failed = cmp.Or(failed, err)
		return sha
	}
	ran, err := r.Ran()
	switch err = cmp.Or(failed, err); {
	case errors.Is(err, fs.ErrNotExist):
		f := fault.Of(err)
		out.Why, out.Need = f.Error(), f.Hint
		return out, nil
	case err != nil:
		return out, err
	}
	return Answered(q, ran), nil
}

// Answered is what a reader says, as an answer.
func Answered(q policy.BuildQuery, ran workflows.Ran) policy.Build {
	out := policy.Build{Query: q, Unread: ran.Unread, Off: "write cache-mode: none for the job"}
	for _, j := range ran.Jobs {
		b := policy.BuildJob{Name: j.Name, Signs: j.Signs, CacheMode: j.CacheMode, NoCache: j.NoCache,
			Unknown: j.Unknown, Code: j.Code, Strange: j.Strange, Runner: j.Runner}
		for _, c := range j.Caches {
			b.Caches = append(b.Caches, policy.Cache(c))
		}
		out.Jobs = append(out.Jobs, b)
	}
	return out
}

// BuiltOnGitLab reads the configuration of the pipeline, as GitLab puts it together of the commit.
func BuiltOnGitLab(ctx context.Context, at *gitlab.Repo, q policy.BuildQuery) (policy.Build, error) {
	out := policy.Build{Query: q}
	c, err := at.Configured(ctx, q.Run, q.ConfigCommit)
	if err != nil {
		return out, err
	}
	if !strings.HasPrefix(q.Config, q.Repository+"//"+c.Path+"@") {
		out.Unread = fmt.Sprintf("the project's configuration is %q now, and the certificate names %s",
			c.Path, q.Config)
		return out, nil
	}
	ran, err := pipelines.Release{Merged: c.Merged, Job: c.Job, Project: c.Project,
		Moving: c.Moving, Runners: c.Runners}.Ran()
	if err != nil {
		return out, err
	}
	out.Unread = ran.Unread
	for _, j := range ran.Jobs {
		b := policy.BuildJob{Name: j.Name, Signs: j.Signs, Runner: j.Runner,
			Unknown: j.Unknown, Strange: j.Unknown, Code: j.Code}
		for _, c := range j.Caches {
			b.Caches = append(b.Caches, policy.Cache(c))
		}
		out.Jobs = append(out.Jobs, b)
	}
	return out, nil
}

// Build says what the jobs of a run did, by the files that ran.
func (p GitLab) Build(ctx context.Context, q policy.BuildQuery) (policy.Build, error) {
	return BuiltOnGitLab(ctx, p.Repo, q)
}

// Build says what the jobs of a run did, by the files that ran.
func (p GitHub) Build(ctx context.Context, q policy.BuildQuery) (policy.Build, error) {
	return BuiltOnGitHub(ctx, p, q)
}

// Placed says in which environment a job was, by the workflow file.
func (p GitHub) Placed(ctx context.Context, q policy.PlaceQuery) (policy.Placed, error) {
	return PlacedOnGitHub(ctx, p, q)
}

// Waiting is a run of GitHub that waits at an environment, as a gate asks it.
type Waiting struct{ *github.Waiting }

// Evidence is the platform's own store.
func (p Waiting) Evidence() gate.Store { return p.Waiting.Evidence() }

// Build says what the jobs of a run did, by the files that ran.
func (p Waiting) Build(ctx context.Context, q policy.BuildQuery) (policy.Build, error) {
	return BuiltOnGitHub(ctx, p, q)
}

// Placed says in which environment a job was, by the workflow file.
func (p Waiting) Placed(ctx context.Context, q policy.PlaceQuery) (policy.Placed, error) {
	return PlacedOnGitHub(ctx, p, q)
}
