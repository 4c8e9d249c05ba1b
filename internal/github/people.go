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
func (j *Job) host() string {
	return j.server.Scheme + "://" + strings.ToLower(j.server.Host) + j.server.Path
}

// account returns who u is. The platform writes "ghost" for everybody who is
// gone, so that one is nobody.
func (j *Job) account(u *user) policy.Account {
	if u == nil || u.ID <= 0 || u.Login == "ghost" {
		return policy.Account{}
	}
	return policy.Account{Host: j.host(), ID: strconv.FormatInt(u.ID, 10), Name: u.Login, Kind: u.kind()}
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
func (j *Job) noReply(email string) (id, name string) {
	local, domain, ok := strings.Cut(email, "@")
	if !ok || !strings.EqualFold(domain, "users.noreply."+j.server.Hostname()) {
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

// maxLookups bounds how many names of old addresses are looked up.
const maxLookups = 20

// directory finds accounts behind addresses.
type directory struct {
	job     *Job
	emails  map[string]policy.Account // as the platform itself resolved them
	lookups int
}

func newDirectory(j *Job) *directory { return &directory{job: j, emails: map[string]policy.Account{}} }

// learn keeps what the platform says about a verified address.
func (d *directory) learn(email string, u *user) {
	if a := d.job.account(u); a.ID != "" && email != "" {
		d.emails[strings.ToLower(email)] = a
	}
}

// find returns the account behind an address, or none.
func (d *directory) find(ctx context.Context, email string) (policy.Account, error) {
	if a, ok := d.emails[strings.ToLower(email)]; ok {
		return a, nil
	}
	id, name := d.job.noReply(email)
	switch {
	case id != "":
		a := policy.Account{Host: d.job.host(), ID: id, Name: name}
		if strings.HasSuffix(name, "[bot]") {
			a.Kind = policy.Machine
		}
		return a, nil
	case name == "" || d.lookups == maxLookups:
		return policy.Account{}, nil
	}
	d.lookups++
	path := "users/" + name
	answer, err := d.job.once(ctx, path, readPeople)
	if err != nil || !answer.found {
		return policy.Account{}, err
	}
	var u user
	if err := d.job.read(answer, &u); err != nil {
		return policy.Account{}, err
	}
	d.job.known.settle(path)
	if strings.EqualFold(u.Login, name) {
		d.learn(email, &u)
	}
	return d.emails[strings.ToLower(email)], nil
}
