package github

import (
	"context"
	"net/http"
	"strconv"

	"github.com/sallyport-dev/sallyport/internal/starter"
)

// Home returns what the API says of the repository, for who begins with a policy. A plan
// without environments answers as if there were none to see.
func (repo *Repo) Home(ctx context.Context) (starter.Home, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	r, err := repo.repository(ctx)
	if err != nil {
		return starter.Home{}, err
	}
	out := starter.Home{
		Repository: r.FullName,
		ID:         strconv.FormatInt(r.ID, 10),
		Branch:     r.DefaultBranch,
		Private:    r.Private,
	}
	if r.Owner != nil && r.Owner.ID > 0 {
		out.OwnerID = strconv.FormatInt(r.Owner.ID, 10)
	}
	all, found, err := list[struct {
		Name string `json:"name"`
	}](ctx, repo, inquiry{path: repo.at("environments"), key: "environments", need: readActions}, nil)
	if err != nil {
		return starter.Home{}, err
	}
	out.NoPlan = !found
	for _, e := range all {
		out.Environments = append(out.Environments, e.Name)
	}
	return out, nil
}

// Usual says what the token of a job may do whose workflow does not say it: "read" or "write", or
// "" where that is not told to this token.
func (repo *Repo) Usual(ctx context.Context) (string, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	a, err := repo.raw(ctx, repo.at("actions/permissions/workflow"))
	if err != nil || !a.found {
		return "", err
	}
	var s struct {
		Default string `json:"default_workflow_permissions"`
	}
	if err := repo.read(a, &s); err != nil || s.Default != "read" && s.Default != "write" {
		return "", err
	}
	return s.Default, nil
}

// Has reports whether the repository has a commit. Where the repository itself cannot be
// seen, it has none that a job could use.
func (repo *Repo) Has(ctx context.Context, commit string) (bool, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	a, err := repo.raw(ctx, repo.at("commits/%s", commit))
	switch {
	case err != nil || a.found:
		return a.found, err
	case a.status == http.StatusNotFound, a.status == http.StatusUnprocessableEntity:
		return false, nil
	}
	return false, repo.notTold(a.status, readContents)
}
