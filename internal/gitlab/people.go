package gitlab

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/change"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// A user is an account as the API shows it: everywhere by number and name, and
// only in its own record with the mark of a bot.
type user struct {
	ID          int64  `json:"id"`
	Username    string `json:"username"`
	State       string `json:"state"`
	Bot         *bool  `json:"bot"`
	Email       string `json:"email"`
	PublicEmail string `json:"public_email"`
	CommitEmail string `json:"commit_email"`
}

// account returns u by number. Without a number it is the account of no one, and so
// is one of those that stand in for people who are gone.
func (repo *Repo) account(u user) policy.Account {
	if u.ID <= 0 || nobody().MatchString(strings.ToLower(u.Username)) {
		return policy.Account{}
	}
	return policy.Account{Host: repo.server.String(), ID: itoa(u.ID), Name: u.Username}
}

// known returns u with what is behind it, which only its own record says.
func (repo *Repo) known(ctx context.Context, u user) (policy.Account, error) {
	a := repo.account(u)
	if a.ID == "" {
		return a, nil
	}
	if a, ok := repo.behind(a.ID); ok {
		return a, nil
	}
	record, err := one[user](ctx, repo, question{path: "users/" + a.ID})
	switch {
	case absent(err):
		a.Kind = policy.Unseen
		return a, nil
	case err != nil:
		return policy.Account{}, err
	case record.ID != u.ID:
		return policy.Account{}, fault.New(fault.Refused, fault.Malformed, "", "the GitLab API answered with user %d, asked for %d", record.ID, u.ID)
	}
	if record.Username == "" {
		record.Username = a.Name
	}
	a = repo.account(record)
	if a.ID != "" {
		a.Kind = kind(record)
	}
	repo.remember(itoa(u.ID), a)
	return a, nil
}

// maxRecords bounds how many members of one list are asked about one by one.
const maxRecords = 20

// sorted says what is behind the accounts of a list, which does not say so
// itself: of all that are answered together, and else of the first of them. The
// rest stay of unknown kind.
func (repo *Repo) sorted(ctx context.Context, all []policy.Account) ([]policy.Account, error) {
	unknown := slices.DeleteFunc(slices.Clone(all), func(a policy.Account) bool { return a.Kind != policy.KindUnknown })
	if err := repo.meet(ctx, unknown); err != nil {
		return nil, err
	}
	for i, a := range all {
		if a.Kind != policy.KindUnknown || i >= maxRecords && !repo.met(a.ID) {
			continue
		}
		id, err := strconv.ParseInt(a.ID, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("reading the number of an account: %w", err)
		}
		if all[i], err = repo.known(ctx, user{ID: id, Username: a.Name}); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(all, func(a policy.Account) bool { return a.ID == "" }), nil
}

// nobody matches the names of the accounts that GitLab puts in the place of
// people and of tokens that are gone, or that were imported
// (https://docs.gitlab.com/user/profile/account/delete_account/, …/import/mapping/).
// Their records call them no bots, and no person acts by them.
var nobody = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:ghost\d*|.+_placeholder_user_\d+|import_user_namespace_\d+)$`)
})

// kind says what a user's own record makes of it: project and group access
// tokens, service accounts and what the instance does itself have the mark of a
// bot there, whatever they are called, and no name makes a machine of a person. A
// field that is not there, or that holds a word nobody knows, makes nobody a human.
func kind(u user) policy.Kind {
	switch {
	case u.Bot != nil && *u.Bot:
		return policy.Machine
	case gone[u.State]:
		return policy.Gone
	case u.Bot != nil && u.State == "active":
		return policy.Human
	}
	return policy.Unseen
}

var gone = map[string]bool{"blocked": true, "ldap_blocked": true, "blocked_pending_approval": true, "banned": true, "deactivated": true}

// A directory finds the accounts of addresses, each once.
type directory struct {
	repo   *Repo
	found  map[string]policy.Account
	listed bool // the people of the project are in found
}

// members adds the people of the project, as far as the API shows their
// addresses.
func (d *directory) members(ctx context.Context) error {
	if d.listed {
		return nil
	}
	all, err := list[user](ctx, d.repo, question{path: d.repo.project("/members/all")})
	if err != nil {
		return err
	}
	d.listed = true
	for _, u := range all {
		for _, e := range []string{u.PublicEmail, u.CommitEmail, u.Email} {
			if e != "" {
				d.found[strings.ToLower(e)] = d.repo.account(u)
			}
		}
	}
	return nil
}

// find returns the account of an address, or the zero account where GitLab
// knows none. An address in a commit is what somebody typed, so it only ever
// adds a maker.
func (d *directory) find(ctx context.Context, email string) (policy.Account, error) {
	key := strings.ToLower(email)
	if a, ok := d.found[key]; ok {
		return a, nil
	}
	a, err := d.look(ctx, key)
	if err == nil {
		d.found[key] = a
	}
	return a, err
}

func (d *directory) look(ctx context.Context, email string) (policy.Account, error) {
	if strings.Count(email, "@") != 1 || strings.ContainsAny(email, " ,;<>\t\"") {
		return policy.Account{}, nil // nobody's, or two people's
	}
	if name, ok := d.private(email); ok {
		return d.noreply(ctx, name)
	}
	if err := d.members(ctx); err != nil {
		return policy.Account{}, err
	}
	if a, ok := d.found[email]; ok {
		return a, nil
	}
	all, err := list[user](ctx, d.repo, question{path: "users", query: url.Values{"search": {email}}})
	if err != nil || len(all) != 1 {
		return policy.Account{}, err
	}
	// The search finds private addresses too; only the record says which ones
	// are for everybody to see.
	u, err := one[user](ctx, d.repo, question{path: "users/" + itoa(all[0].ID)})
	if err != nil || u.ID != all[0].ID {
		return policy.Account{}, err
	}
	if strings.EqualFold(u.PublicEmail, email) || strings.EqualFold(u.CommitEmail, email) || strings.EqualFold(u.Email, email) {
		return d.repo.account(u), nil
	}
	return policy.Account{}, nil
}

// private returns the name in an address that GitLab gave somebody.
func (d *directory) private(email string) (name string, ok bool) {
	name, host, _ := strings.Cut(email, "@")
	at := strings.ToLower(d.repo.server.Hostname())
	return name, host == "users.noreply."+at || host == "noreply."+at && token().MatchString(name)
}

// token matches the names of the accounts behind tokens of projects and groups, which
// have an address of their own each
// (https://docs.gitlab.com/user/project/settings/project_access_tokens/#bot-users-for-projects).
var token = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:project|group)_\d+_bot(?:_?[0-9a-z]+)?$`) })

var numbered = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([1-9][0-9]{0,18})-([a-z0-9_.-]+)$`) })

// noreply reads GitLab's own private addresses: 20-alice, and of old alice.
func (d *directory) noreply(ctx context.Context, name string) (policy.Account, error) {
	if m := numbered().FindStringSubmatch(name); m != nil {
		// The number is what somebody typed: the record says whether there is such an
		// account.
		if a, ok := d.repo.behind(m[1]); ok {
			a.Kind = policy.KindUnknown
			return a, nil
		}
		u, err := one[user](ctx, d.repo, question{path: "users/" + m[1]})
		if absent(err) || err == nil && itoa(u.ID) != m[1] {
			return policy.Account{}, nil
		}
		return d.repo.account(u), err
	}
	all, err := list[user](ctx, d.repo, question{path: "users", query: url.Values{"username": {name}}})
	if err != nil || len(all) != 1 || !strings.EqualFold(all[0].Username, name) {
		return policy.Account{}, err
	}
	return d.repo.account(all[0]), nil
}

// Accounts finds the accounts behind addresses.
func (h *history) Accounts(ctx context.Context, addresses []string) (map[string]policy.Account, error) {
	d := &directory{repo: h.Repo, found: map[string]policy.Account{}}
	var typed []policy.Account
	for _, email := range addresses {
		if name, ok := d.private(strings.ToLower(email)); ok {
			if m := numbered().FindStringSubmatch(name); m != nil {
				typed = append(typed, policy.Account{ID: m[1]})
			}
		}
	}
	if err := h.meet(ctx, typed); err != nil {
		return nil, err
	}
	for _, email := range addresses {
		if _, err := d.find(ctx, email); err != nil {
			return nil, err
		}
	}
	return d.found, nil
}

// CoAuthors returns none: what GitLab makes of a message, it does not say.
func (h *history) CoAuthors(context.Context, []change.Commit) (map[string][]change.Identity, error) {
	return nil, nil
}

// Kinds says what is behind each account, which only its own record says.
func (h *history) Kinds(ctx context.Context, accounts []policy.Account) ([]policy.Account, error) {
	if err := h.meet(ctx, accounts); err != nil {
		return nil, err
	}
	out := make([]policy.Account, len(accounts))
	for i, a := range accounts {
		id, err := strconv.ParseInt(a.ID, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("reading the number of an account: %w", err)
		}
		if out[i], err = h.known(ctx, user{ID: id, Username: a.Name}); err != nil {
			return nil, err
		}
	}
	return out, nil
}
