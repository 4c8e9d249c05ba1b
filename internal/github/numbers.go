package github

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Number asks what has a name on this server now. A name of another server is not
// asked about; the answer is then that nothing was found.
func (repo *Repo) Number(ctx context.Context, n policy.Named) (policy.Number, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	path := map[policy.NamedKind]string{
		policy.NamedRepository: "repos/", policy.NamedUser: "users/", policy.NamedTeam: "orgs/",
	}[n.Kind]
	parts := strings.Split(n.Name, "/")
	for i, p := range parts {
		if strings.Trim(p, ".") == "" {
			return policy.Number{}, nil
		}
		parts[i] = url.PathEscape(p)
	}
	switch {
	case path == "" || n.Host != repo.host() || len(parts) != map[bool]int{true: 1, false: 2}[n.Kind == policy.NamedUser]:
		return policy.Number{}, nil
	case n.Kind == policy.NamedTeam:
		path += parts[0] + "/teams/" + parts[1]
	default:
		path += strings.Join(parts, "/")
	}
	a, err := repo.once(ctx, path, readPeople)
	if err != nil || !a.found {
		return policy.Number{}, err
	}
	var got struct {
		ID       int64  `json:"id"`
		Login    string `json:"login"`
		Slug     string `json:"slug"`
		FullName string `json:"full_name"`
		Owner    *user  `json:"owner"`
	}
	if err := repo.read(a, &got); err != nil {
		return policy.Number{}, err
	}
	out := policy.Number{Found: true, ID: strconv.FormatInt(got.ID, 10), Name: got.Login}
	switch n.Kind {
	case policy.NamedRepository:
		if out.Name = got.FullName; got.Owner != nil && got.Owner.ID > 0 {
			out.Owner = strconv.FormatInt(got.Owner.ID, 10)
		}
	case policy.NamedTeam:
		owner, _, _ := strings.Cut(n.Name, "/")
		out.Name = owner + "/" + got.Slug
	}
	if got.ID <= 0 || out.Name == "" {
		return policy.Number{}, fault.New(
			fault.Refused,
			fault.Malformed,
			"",
			"the GitHub API answered about %q without a number or a name",
			n.Name,
		)
	}
	return out, nil
}
