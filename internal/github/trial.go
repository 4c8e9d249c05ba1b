package github

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/google/go-github/v62/github"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gitobject"
	"github.com/sallyport-dev/sallyport/internal/trial"
)

// Self says what the repository is.
func (repo *Repo) Self(ctx context.Context) (trial.Home, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	r, err := repo.repository(ctx)
	return trial.Home{URI: repo.web(""), ID: strconv.FormatInt(r.ID, 10), Branch: r.DefaultBranch, Public: !r.Private}, err
}

// release is what the API lists of one (docs.github.com, "REST API endpoints for releases").
type release struct {
	Tag       string    `json:"tag_name"`
	Target    string    `json:"target_commitish"`
	Draft     bool      `json:"draft"`
	Immutable bool      `json:"immutable"`
	Published time.Time `json:"published_at"`
	Assets    []struct {
		Name   string `json:"name"`
		Digest string `json:"digest"` // null for what was uploaded before June 2025
	} `json:"assets"`
}

// LastReleases returns the newest releases with the files that they list. Nothing is downloaded.
func (repo *Repo) LastReleases(ctx context.Context, n int) (out []trial.Release, _ []string, err error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	all, err := first[release](ctx, repo, repo.at("releases?per_page=%d", n))
	for _, r := range all {
		if r.Draft {
			continue
		}
		x := trial.Release{Name: r.Tag, Tag: r.Tag, Time: r.Published, Immutable: r.Immutable}
		if gitobject.IsCommit(r.Target) {
			x.Commit = r.Target
		}
		for _, a := range r.Assets {
			x.Files = append(x.Files, trial.File{Name: a.Name, Kind: "file", Digest: a.Digest})
		}
		out = append(out, x)
	}
	return out, nil, err
}

// LastDeployments returns the newest deployments, of whatever state.
func (repo *Repo) LastDeployments(ctx context.Context, n int) (out []trial.Deployment, err error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	all, err := first[struct {
		SHA         string `json:"sha"`
		Ref         string `json:"ref"`
		Environment string `json:"environment"`
	}](ctx, repo, repo.at("deployments?per_page=%d", n))
	for _, d := range all {
		out = append(out, trial.Deployment{Environment: d.Environment, Commit: d.SHA, Ref: d.Ref})
	}
	return out, err
}

// first asks for the first page of a list, and for no other.
func first[T any](ctx context.Context, repo *Repo, path string) ([]T, error) {
	a, err := repo.once(ctx, path, readContents)
	if err != nil {
		return nil, err
	}
	if !a.found {
		return nil, fault.New(fault.Unavailable, fault.NotAvailable, repo.hint(http.StatusNotFound, readContents),
			"%s does not show %q", repo.Name(), path)
	}
	items, _, err := entries[T](repo, a, "")
	return items, err
}

// Quota is what the last answer said that is left.
func (repo *Repo) Quota() trial.Quota {
	if q := repo.left.Load(); q != nil {
		return *q
	}
	return trial.Quota{}
}

// count remembers what an answer says that is left.
func (repo *Repo) count(resp *github.Response) {
	if resp == nil || resp.Response == nil || resp.Header.Get("X-RateLimit-Remaining") == "" {
		return
	}
	q := trial.Quota{Known: true, Left: resp.Rate.Remaining, Until: resp.Rate.Reset.Time}
	repo.left.Store(&q)
	if repo.counted != nil {
		repo.counted(q)
	}
}

// TokenFrom is the variable that the token was taken from, or "".
func (repo *Repo) TokenFrom() string { return repo.tokenFrom }
