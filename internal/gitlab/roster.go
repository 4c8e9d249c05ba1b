package gitlab

import (
	"context"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// A member is a user in a project or group.
type member struct {
	user
	AccessLevel int    `json:"access_level"`
	ExpiresAt   string `json:"expires_at"`       // a day, or nothing
	Membership  string `json:"membership_state"` // active or awaiting; nothing on older instances
}

// Roles are the accesses to a project, least first.
var Roles = []string{"guest", "reporter", "developer", "maintainer", "owner"}

// levels are the least access that each stands for
// (https://docs.gitlab.com/api/members/#roles).
var levels = map[string]int{"guest": 10, "reporter": 20, "developer": 30, "maintainer": 40, "owner": 50}

// Rosters asks who the groups and roles are now.
func (repo *Repo) Rosters(ctx context.Context, members []policy.Member) ([]policy.Roster, error) {
	var all []policy.Roster
	var unknown []policy.Account
	for _, m := range members {
		if m.Kind != policy.MemberTeam && m.Kind != policy.MemberRole || m.Host != repo.server.String() {
			continue // another platform's: whoever they are, they do not approve here
		}
		accounts, err := repo.roster(ctx, m)
		if err != nil {
			return nil, err
		}
		for _, a := range accounts {
			if a.Kind == policy.KindUnknown {
				unknown = append(unknown, a)
			}
		}
		all = append(all, policy.Roster{Member: m, Accounts: accounts})
	}
	if err := repo.meet(ctx, unknown); err != nil { // of all groups together
		return nil, err
	}
	for i, r := range all {
		var err error
		if all[i].Accounts, err = repo.sorted(ctx, r.Accounts); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// listed is where the members of something are listed: the direct ones, or also
// those of the groups above it and of invited groups, each with the highest role
// (https://docs.gitlab.com/api/members/#list-all-members-of-a-group-or-project).
var listed = map[policy.Reach]string{policy.Direct: "/members", policy.Inherited: "/members/all"}

func (repo *Repo) roster(ctx context.Context, m policy.Member) ([]policy.Account, error) {
	if listed[m.Reach] == "" {
		return nil, fault.New(fault.Usage, fault.Policy, "", "which members of %q are meant is not said", m)
	}
	if m.Kind == policy.MemberTeam {
		return repo.group(ctx, m)
	}
	least, ok := levels[m.Name]
	if !ok {
		return nil, fault.New(fault.Usage, fault.Policy, "name guest, reporter, developer, maintainer or owner", "%q is no role of a GitLab project", m.Name)
	}
	all, err := list[member](ctx, repo, question{path: repo.project(listed[m.Reach])})
	if err != nil {
		return nil, err
	}
	return repo.present(all, least), nil
}

// group asks for a group by its number: a group that took the path of another
// one is another one.
func (repo *Repo) group(ctx context.Context, m policy.Member) ([]policy.Account, error) {
	if !projectID().MatchString(m.ID) {
		return nil, fault.New(fault.Usage, fault.Policy, "write the group with its number, as in acme/leads#55", "group %q has no number", m)
	}
	const hint = "name a group that is there, and give SALLYPORT_TOKEN's user a role in it"
	all, err := list[member](ctx, repo, question{path: "groups/" + m.ID + listed[m.Reach], hint: hint})
	if err != nil {
		return nil, err
	}
	return repo.present(all, 1), nil
}

// present keeps who has at least this access today.
func (repo *Repo) present(all []member, least int) []policy.Account {
	today := repo.Now().UTC().Format("2006-01-02")
	var out []policy.Account
	for _, m := range all {
		pending := m.Membership != "" && m.Membership != "active"
		if m.ID <= 0 || pending || m.AccessLevel < least || m.ExpiresAt != "" && m.ExpiresAt <= today {
			continue
		}
		a := repo.account(m.user)
		if a.ID == "" {
			continue
		}
		if gone[m.State] {
			a.Kind = policy.Gone
		}
		out = append(out, a)
	}
	return out
}
