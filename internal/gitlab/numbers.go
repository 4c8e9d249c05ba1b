package gitlab

import (
	"context"
	"net/url"
	"strings"

	"github.com/xanzy/go-gitlab"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Number asks what has a name on this instance now. A name of another instance is not
// asked about; the answer is then that nothing was found.
func (repo *Repo) Number(ctx context.Context, n policy.Named) (policy.Number, error) {
	if n.Host != repo.server.String() {
		return policy.Number{}, nil
	}
	switch n.Kind {
	case policy.NamedRepository:
		return repo.numberOf(ctx, n, "projects/"+gitlab.PathEscape(n.Name))
	case policy.NamedTeam:
		return repo.numberOf(ctx, n, "groups/"+gitlab.PathEscape(n.Name))
	case policy.NamedUser:
		return repo.numberOfUser(ctx, n)
	}
	return policy.Number{}, nil
}

func (repo *Repo) numberOf(ctx context.Context, n policy.Named, path string) (policy.Number, error) {
	got, err := one[struct {
		ID        int64  `json:"id"`
		Project   string `json:"path_with_namespace"`
		Group     string `json:"full_path"`
		Namespace struct {
			ID int64 `json:"id"`
		} `json:"namespace"`
	}](ctx, repo, question{path: path})
	if absent(err) {
		return policy.Number{}, nil
	}
	if err != nil {
		return policy.Number{}, err
	}
	out := policy.Number{Found: true, ID: itoa(got.ID), Name: got.Project + got.Group}
	if n.Kind == policy.NamedRepository && got.Namespace.ID > 0 {
		out.Owner = itoa(got.Namespace.ID)
	}
	if got.ID <= 0 || got.Project != "" && got.Group != "" || out.Name == "" {
		return policy.Number{}, fault.New(fault.Refused, fault.Malformed, "",
			"the GitLab API answered about %q without a number or a name", n.Name)
	}
	return out, nil
}

// numberOfUser looks a user up in the list of those of exactly that name
// (https://docs.gitlab.com/api/users/#as-a-regular-user).
func (repo *Repo) numberOfUser(ctx context.Context, n policy.Named) (policy.Number, error) {
	all, err := some[struct {
		ID   int64  `json:"id"`
		Name string `json:"username"`
	}](ctx, repo, question{path: "users", query: url.Values{"username": {n.Name}}})
	if err != nil {
		return policy.Number{}, err
	}
	for _, u := range all {
		if u.ID > 0 && strings.EqualFold(u.Name, n.Name) {
			return policy.Number{Found: true, ID: itoa(u.ID), Name: u.Name}, nil
		}
	}
	return policy.Number{}, nil
}
