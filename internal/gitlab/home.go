package gitlab

import (
	"context"
	"net/http"

	"github.com/sallyport-dev/sallyport/internal/starter"
)

// Home returns what the API says of the project, for who begins with a policy. A plan
// without protected environments answers 404 for the list of them.
func (repo *Repo) Home(ctx context.Context) (starter.Home, error) {
	type project struct {
		ID         int64  `json:"id"`
		Path       string `json:"path_with_namespace"`
		Default    string `json:"default_branch"`
		Visibility string `json:"visibility"`
		Namespace  struct {
			ID int64 `json:"id"`
		} `json:"namespace"`
	}
	if _, err := repo.here(ctx); err != nil {
		return starter.Home{}, err
	}
	p, err := one[project](ctx, repo, question{path: repo.project("")})
	if err != nil {
		return starter.Home{}, err
	}
	out := starter.Home{Repository: p.Path, ID: itoa(p.ID), Branch: p.Default, Private: p.Visibility != "public"}
	if p.Namespace.ID > 0 {
		out.OwnerID = itoa(p.Namespace.ID)
	}
	type named struct {
		Name string `json:"name"`
	}
	all, err := list[named](ctx, repo, question{path: repo.project("/environments")})
	if err != nil {
		return starter.Home{}, err
	}
	for _, e := range all {
		out.Environments = append(out.Environments, e.Name)
	}
	_, err = some[named](ctx, repo, question{path: repo.project("/protected_environments")})
	out.NoPlan = refusedAs(err, http.StatusNotFound)
	if err != nil && !hidden(err) {
		return starter.Home{}, err
	}
	return out, nil
}

// Usual is "": a job of a pipeline has no permissions that a file could take away.
func (*Repo) Usual(context.Context) (string, error) { return "", nil }

// Has reports whether the project has a commit. Where the project itself cannot be seen, it has
// none that a pipeline could include.
func (repo *Repo) Has(ctx context.Context, id string) (bool, error) {
	_, err := one[commit](ctx, repo, question{path: repo.project("/repository/commits/" + id), fixed: true})
	if absent(err) {
		return false, nil
	}
	return err == nil, err
}
