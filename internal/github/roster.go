package github

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Roles are the accesses to a repository, least first.
var Roles = []string{"pull", "triage", "push", "maintain", "admin"}

// Rosters says who the teams and roles are at this moment. Single accounts and
// e-mail addresses are not asked about, nor are members of another server:
// those are nobody's here.
func (repo *Repo) Rosters(ctx context.Context, members []policy.Member) ([]policy.Roster, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	var out []policy.Roster
	for _, m := range members {
		if m.Host != repo.host() {
			continue
		}
		var who []policy.Account
		var err error
		switch m.Kind {
		case policy.MemberTeam:
			who, err = repo.team(ctx, m)
		case policy.MemberRole:
			who, err = repo.role(ctx, m)
		default:
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("asking who %s is: %w", m, err)
		}
		out = append(out, policy.Roster{Member: m, Accounts: who})
	}
	return out, nil
}

// team returns the members of a team, those of its child teams among them;
// invitations that nobody accepted are not.
func (repo *Repo) team(ctx context.Context, m policy.Member) ([]policy.Account, error) {
	org, slug, ok := strings.Cut(m.Name, "/")
	if !ok || !login().MatchString(org) || slug == "" || strings.ContainsAny(slug, "/?#%") || strings.Trim(slug, ".") == "" {
		return nil, fault.New(fault.Usage, fault.Policy, "write it as ORGANIZATION/TEAM", "%q is not the name of a team", m.Name)
	}
	path := "orgs/" + org + "/teams/" + url.PathEscape(slug)
	if !repo.seen(m) {
		if err := repo.sameTeam(ctx, path, m); err != nil {
			return nil, err
		}
	}
	all, found, err := list[user](ctx, repo, inquiry{path: path + "/members", need: readPeople}, nil)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, noTeam(m)
	}
	return repo.accounts(all), nil
}

// sameTeam makes sure that the name still belongs to the team that the policy
// means: names change hands (I09).
func (repo *Repo) sameTeam(ctx context.Context, path string, m policy.Member) error {
	a, err := repo.once(ctx, path, readPeople)
	if err != nil {
		return err
	}
	if !a.found {
		return noTeam(m)
	}
	var t struct {
		ID int64 `json:"id"`
	}
	if err := repo.read(a, &t); err != nil {
		return err
	}
	if got := strconv.FormatInt(t.ID, 10); got != m.ID {
		return fault.New(fault.Refused, fault.Duties, "correct the number in the policy if this is the team that is meant", "team %q is number %s, want %s", m.Name, got, m.ID)
	}
	repo.known.hold(path, repo.Now().Add(seldom))
	return nil
}

func noTeam(m policy.Member) error {
	return fault.New(fault.Unavailable, fault.NotAvailable, string(readPeople), "team %q is not there, or may not be seen", m.Name)
}

// role returns everybody with at least an access to the repository.
func (repo *Repo) role(ctx context.Context, m policy.Member) ([]policy.Account, error) {
	if !slices.Contains(Roles, m.Name) {
		return nil, fault.New(fault.Usage, fault.Policy, "", "role %q, want one of %s", m.Name, strings.Join(Roles, ", "))
	}
	all, found, err := list[user](ctx, repo, inquiry{path: repo.at("collaborators") + "?permission=" + m.Name, need: readPeople}, nil)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fault.New(fault.Unavailable, fault.NotAvailable, string(readPeople), "the people with access to %s/%s may not be seen", repo.owner, repo.name)
	}
	all = slices.DeleteFunc(all, func(u user) bool { return !u.Permissions[m.Name] })
	return repo.accounts(all), nil
}

func (repo *Repo) accounts(all []user) []policy.Account {
	var out []policy.Account
	for i := range all {
		if a := repo.account(&all[i]); a.ID != "" && !slices.ContainsFunc(out, a.Same) {
			out = append(out, a)
		}
	}
	return out
}

// seen says whether the answer about the environment, at this look, names the
// team with its number: then nobody need ask for it again.
func (repo *Repo) seen(m policy.Member) bool {
	org, slug, _ := strings.Cut(m.Name, "/")
	return strings.EqualFold(org, repo.owner) && repo.known.met(slug+"#"+m.ID)
}
