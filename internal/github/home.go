package github

import (
	"context"
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
