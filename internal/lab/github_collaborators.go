package lab

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
)

// A collaborator has a role in a repository.
type collaborator struct {
	person
	Permission string `json:"permission"`
	RoleName   string `json:"role_name"`
}

// roles are the built-in ones, weakest first, by both of their names.
var roles = [][2]string{{"pull", "read"}, {"triage", "triage"}, {"push", "write"}, {"maintain", "maintain"}, {"admin", "admin"}}

// rank is where a role is in roles, and -1 for none of them.
func (c collaborator) rank() int {
	name := cmp.Or(c.RoleName, c.Permission)
	return slices.IndexFunc(roles, func(role [2]string) bool { return name == role[0] || name == role[1] })
}

func (g *github) listCollaborators(w http.ResponseWriter, req *http.Request, r *repo) {
	want := req.URL.Query().Get("permission")
	all := []object{}
	for _, c := range r.settings.collaborators {
		has := object{}
		for i, role := range roles {
			has[role[0]] = i <= c.rank()
		}
		if want != "" && has[want] != true {
			continue
		}
		shape, _ := g.user(&c.person).(object)
		shape["permissions"], shape["role_name"] = has, roles[c.rank()][1]
		all = append(all, shape)
	}
	writeJSON(w, http.StatusOK, g.page(w, req, all))
}

func (g *github) putCollaborators(r *repo, req *http.Request) error {
	var in []collaborator
	if err := readJSON(req, &in); err != nil {
		return err
	}
	for _, c := range in {
		if c.rank() < 0 {
			return fmt.Errorf("role %q of %q, want one of %v", cmp.Or(c.RoleName, c.Permission), c.Login, roles)
		}
		if c.ID == 0 {
			return fmt.Errorf("collaborator %q has no id", c.Login)
		}
		g.people.know(c.person)
	}
	r.settings.collaborators = in
	return nil
}
