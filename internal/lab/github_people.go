package lab

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// A person is an account. One without an id is no account: only a name and an
// address in a commit, which anybody can write there.
type person struct {
	Login string `json:"login"`
	ID    int64  `json:"id"`
	// Type is User, Bot or Organization; empty means User.
	Type        string `json:"type"`
	Name        string `json:"name"`
	Email       string `json:"email"`
	SuspendedAt string `json:"suspended_at"`
}

// The people that every lab has.
var (
	alice      = person{Login: "alice", ID: 77}
	bob        = person{Login: "bob", ID: 88}
	carol      = person{Login: "carol", ID: 99}
	ghost      = person{Login: "ghost", ID: 10137} // whoever has gone
	webFlow    = person{Login: "web-flow", ID: 19864447, Name: "GitHub", Email: "noreply@github.com"}
	actionsBot = person{Login: "github-actions[bot]", ID: 41898282, Type: "Bot", Email: "41898282+github-actions[bot]@users.noreply.github.com"}
)

// people are the accounts and the teams of organizations.
type people struct {
	users []person
	teams map[string]*team // by lower-case org/slug
}

type team struct {
	ID      int64    `json:"id"`
	Name    string   `json:"name"`
	Members []person `json:"members"`
	// Maintainers are logins of members with that role.
	Maintainers []string `json:"maintainers"`
	// Parent is the slug of the team above, whose members those of this team
	// are too.
	Parent  string `json:"parent"`
	Privacy string `json:"privacy"`

	org, slug string
}

func newPeople() people {
	return people{users: []person{alice, bob, carol, ghost, webFlow, actionsBot}, teams: map[string]*team{}}
}

func (p *people) byLogin(login string) *person {
	for i := range p.users {
		if strings.EqualFold(p.users[i].Login, login) {
			return &p.users[i]
		}
	}
	return nil
}

func (p *people) byID(id int64) *person {
	for i := range p.users {
		if p.users[i].ID == id {
			return &p.users[i]
		}
	}
	return nil
}

// idOf is the id of a login, and zero for one that nobody has.
func (p *people) idOf(login string) int64 {
	if u := p.byLogin(login); u != nil {
		return u.ID
	}
	return 0
}

func (p *people) teamByID(id int64) *team {
	for _, t := range p.teams {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// know adds an account that is named for the first time.
func (p *people) know(u person) {
	if u.ID != 0 && p.byLogin(u.Login) == nil && p.byID(u.ID) == nil {
		p.users = append(p.users, u)
	}
}

// put sets what is known of the account with u's id or login.
func (p *people) put(u person) {
	p.users = slices.DeleteFunc(p.users, func(known person) bool {
		return known.ID == u.ID || strings.EqualFold(known.Login, u.Login)
	})
	p.users = append(p.users, u)
}

// members are a team's and those of the teams below it, each once.
func (p *people) members(t *team) []person {
	out := slices.Clone(t.Members)
	for _, below := range p.teams {
		if !p.isBelow(below, t) {
			continue
		}
		for _, m := range below.Members {
			if !slices.ContainsFunc(out, func(known person) bool { return known.ID == m.ID }) {
				out = append(out, m)
			}
		}
	}
	slices.SortFunc(out, func(a, b person) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// isBelow follows the parents of a team up to another, and no further than
// there are teams: a test can tie them in a ring.
func (p *people) isBelow(t, above *team) bool {
	for range p.teams {
		up := p.teams[strings.ToLower(t.org+"/"+t.Parent)]
		if up == nil {
			return false
		}
		if up == above {
			return true
		}
		t = up
	}
	return false
}

func teamKey(r *http.Request) string {
	return strings.ToLower(r.PathValue("org") + "/" + r.PathValue("slug"))
}

func (g *github) peopleRoutes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /orgs/{org}/teams/{slug}":         g.ofTeam(g.getTeam),
		"GET /orgs/{org}/teams/{slug}/members": g.ofTeam(g.listMembers),
		"GET /users/{username}": g.ofUser(func(req *http.Request) *person {
			return g.people.byLogin(req.PathValue("username"))
		}),
		"GET /user/{id}":                            g.ofUser(func(req *http.Request) *person { return g.people.byID(pathID(req, "id")) }),
		"GET R/collaborators":                       g.of(g.listCollaborators),
		"GET R/collaborators/{username}/permission": g.of(g.getPermission),
	}
}

func (g *github) ofUser(find func(*http.Request) *person) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		u := find(req)
		if u == nil {
			gitHubNotFound(w)
			return
		}
		writeJSON(w, http.StatusOK, g.publicShape(u))
	}
}

// accountType is User, Bot or Organization, and empty for nobody's login.
func (g *github) accountType(login string) string {
	u := g.people.byLogin(login)
	if u == nil {
		return ""
	}
	return cmp.Or(u.Type, "User")
}

// user is how every other object names an account; no account is null.
func (g *github) user(p *person) any {
	if p == nil || p.ID == 0 {
		return nil
	}
	out := g.userShape(p.Login, p.ID)
	out["type"] = cmp.Or(p.Type, "User")
	return out
}

// readUser replaces a person in the field of a request by what the API shows.
func (g *github) readUser(o object, field string) error {
	given, ok := o[field]
	if !ok || given == nil {
		return nil
	}
	raw, err := json.Marshal(given)
	if err != nil {
		return err
	}
	var p person
	if err := json.Unmarshal(raw, &p); err != nil {
		return fmt.Errorf("%s, want a user: %w", field, err)
	}
	g.people.know(p)
	o[field] = g.user(&p)
	return nil
}

func (g *github) publicShape(p *person) object {
	shape, _ := g.user(p).(object)
	shape["user_view_type"] = "public"
	shape["name"], shape["email"] = orNull(p.Name), orNull(p.Email)
	shape = g.contract.fill("public-user", shape)
	if p.SuspendedAt != "" {
		shape["suspended_at"] = p.SuspendedAt
	}
	return shape
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (g *github) ofTeam(h func(http.ResponseWriter, *http.Request, *team)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		t := g.people.teams[teamKey(req)]
		if t == nil {
			gitHubNotFound(w)
			return
		}
		h(w, req, t)
	}
}

func (g *github) getTeam(w http.ResponseWriter, _ *http.Request, t *team) {
	shape := g.teamShape(t)
	shape["members_count"] = len(g.people.members(t))
	shape["organization"] = g.contract.fill("team-organization", object{
		"login": t.org, "id": cmp.Or(g.people.idOf(t.org), nameID(strings.ToLower(t.org))), "type": "Organization", "url": g.api("/orgs/%s", t.org),
	})
	if parent := g.people.teams[strings.ToLower(t.org+"/"+t.Parent)]; parent != nil {
		shape["parent"] = g.contract.fill("team-simple", g.teamShape(parent))
	}
	writeJSON(w, http.StatusOK, g.contract.fill("team-full", shape))
}

func (g *github) teamShape(t *team) object {
	url := g.api("/orgs/%s/teams/%s", t.org, t.slug)
	return object{
		"id": t.ID, "node_id": "T_" + strconv.FormatInt(t.ID, 10), "slug": t.slug, "name": t.Name, "description": nil,
		"privacy": cmp.Or(t.Privacy, "closed"), "notification_setting": "notifications_enabled", "permission": "pull", "parent": nil,
		"url": url, "html_url": fmt.Sprintf("https://github.com/orgs/%s/teams/%s", t.org, t.slug), "members_url": url + "/members{/member}",
		"repositories_url": url + "/repos", "type": "organization",
	}
}

func (g *github) listMembers(w http.ResponseWriter, req *http.Request, t *team) {
	role := cmp.Or(req.URL.Query().Get("role"), "all")
	all := []object{}
	for _, m := range g.people.members(t) {
		is := "member"
		if slices.Contains(t.Maintainers, m.Login) {
			is = "maintainer"
		}
		if role == "all" || role == is {
			shape, _ := g.user(&m).(object)
			all = append(all, shape)
		}
	}
	writeJSON(w, http.StatusOK, g.page(w, req, all))
}

func (g *github) putUser(req *http.Request) error {
	var u person
	if err := readJSON(req, &u); err != nil {
		return err
	}
	u.Login = req.PathValue("login")
	if u.ID == 0 {
		return fmt.Errorf("user %q has no id", u.Login)
	}
	g.people.put(u)
	return nil
}

// putToken says whose the lab's token is.
func (g *github) putToken(req *http.Request) error {
	var u person
	if err := readJSON(req, &u); err != nil {
		return err
	}
	if u.ID == 0 {
		return fmt.Errorf("user %q has no id", u.Login)
	}
	g.people.know(u)
	g.me = u
	return nil
}

func (g *github) putTeam(req *http.Request) error {
	t := team{org: req.PathValue("org"), slug: req.PathValue("slug")}
	if err := readJSON(req, &t); err != nil {
		return err
	}
	t.ID, t.Name = cmp.Or(t.ID, nameID(teamKey(req))), cmp.Or(t.Name, t.slug)
	for _, m := range t.Members {
		if m.ID == 0 {
			return fmt.Errorf("member %q has no id", m.Login)
		}
		g.people.know(m)
	}
	g.people.teams[teamKey(req)] = &t
	return nil
}
