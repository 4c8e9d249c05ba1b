package github

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Accounts of the platform itself, on its own cloud.
const (
	actionsBot = 41898282 // github-actions[bot]: what workflows do
	webFlow    = 19864447 // commits that the web page makes
)

// user is an account as the API writes it in other things.
type user struct {
	Login       string          `json:"login"`
	ID          int64           `json:"id"`
	Type        string          `json:"type"`
	SuspendedAt *string         `json:"suspended_at"`
	Permissions map[string]bool `json:"permissions"`
}

// host is the server as accounts name it.
func (repo *Repo) host() string {
	return repo.server.Scheme + "://" + strings.ToLower(repo.server.Host) + repo.server.Path
}

// account returns who u is. The platform writes "ghost" for everybody who is
// gone, so that one is nobody.
func (repo *Repo) account(u *user) policy.Account {
	if u == nil || u.ID <= 0 || u.Login == "ghost" {
		return policy.Account{}
	}
	return policy.Account{Host: repo.host(), ID: strconv.FormatInt(u.ID, 10), Name: u.Login, Kind: u.kind()}
}

// kind says what is behind an account. A kind that is not known helps nobody.
func (u *user) kind() policy.Kind {
	switch {
	case u.Type == "Bot" || strings.HasSuffix(u.Login, "[bot]"):
		return policy.Machine
	case u.SuspendedAt != nil && *u.SuspendedAt != "":
		return policy.Gone
	case u.Type == "User":
		return policy.Human
	}
	return policy.KindUnknown
}

// name and address, as a commit or a trailer holds them: anybody may write
// anything there.
type signature struct {
	Name  string `json:"name"`
	Email string `json:"email"`
	Date  string `json:"date"`
}

var (
	numbered = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([1-9][0-9]{0,18})\+([A-Za-z0-9_-]+(?:\[bot\])?)$`) })
	login    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_-]+$`) })
)

// noReply takes apart an address that the platform gave to one of its accounts.
// The new form holds the number; the old one holds the login, which may have
// changed hands.
func (repo *Repo) noReply(email string) (id, name string) {
	local, domain, ok := strings.Cut(email, "@")
	if !ok || !strings.EqualFold(domain, "users.noreply."+repo.server.Hostname()) {
		return "", ""
	}
	if m := numbered().FindStringSubmatch(local); m != nil {
		return m[1], m[2]
	}
	if login().MatchString(local) {
		return "", local
	}
	return "", ""
}

// maxLookups bounds how many addresses are looked up, one call each. Who stands
// behind the rest is not known.
const maxLookups = 50

// Accounts finds accounts behind the addresses that the platform gives to its
// own accounts. The number and the name in one are what somebody typed, so that
// the platform is asked whether there is such an account.
func (h history) Accounts(ctx context.Context, addresses []string) (map[string]policy.Account, error) {
	out := map[string]policy.Account{}
	asked := 0
	for _, email := range addresses {
		id, name := h.noReply(email)
		path := "user/" + id
		switch {
		case id == "" && name == "":
			continue
		case id == "":
			path = "users/" + name
		}
		if asked++; asked > maxLookups {
			break
		}
		answer, err := h.once(ctx, path, readPeople)
		if err != nil {
			return nil, err
		}
		if !answer.found {
			continue
		}
		var u user
		if err := h.read(answer, &u); err != nil {
			return nil, err
		}
		h.known.settle(path)
		if a := h.account(&u); id != "" && a.ID == id || id == "" && strings.EqualFold(u.Login, name) {
			out[email] = a
		}
	}
	return out, nil
}

// Kinds returns the accounts as they are: each answer of the platform says what
// is behind an account.
func (h history) Kinds(_ context.Context, accounts []policy.Account) ([]policy.Account, error) {
	return accounts, nil
}
