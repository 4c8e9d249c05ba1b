package lab

import (
	"net/http"
	"strconv"
	"strings"
)

// A glGroup is a group of users, which may be in another group.
type glGroup struct {
	shape     object
	parent    int64
	invited   []int64 // groups whose members are members here too, by number
	members   []object
	protected []object // environments, by tier
}

// firstUser is the one whom the lab's own token belongs to.
const firstUser = 1

// peopleAPI serves users and groups.
func (g *gitlab) peopleAPI(api *http.ServeMux) {
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /users":                          g.listUsers,
		"GET /user":                           g.getSelf,
		"GET /users/{user}":                   g.getUser,
		"GET /groups/{id}":                    g.ofGroup(g.getGroup),
		"GET /groups/{id}/members":            g.ofGroup(g.listGroupMembers),
		"GET /groups/{id}/members/all":        g.ofGroup(g.listAllGroupMembers),
		"GET /groups/{id}/members/{user}":     g.ofGroup(g.getGroupMember),
		"GET /groups/{id}/members/all/{user}": g.ofGroup(g.getAnyGroupMember),
	} {
		api.HandleFunc(pattern, g.persons(h))
	}
	const e = "/groups/{id}/protected_environments"
	for pattern, h := range map[string]groupHandler{
		"GET " + e:                g.onGroup(protection.list),
		"POST " + e:               g.onGroup(protection.add),
		"GET " + e + "/{name}":    g.onGroup(protection.get),
		"PUT " + e + "/{name}":    g.onGroup(protection.change),
		"DELETE " + e + "/{name}": g.onGroup(protection.remove),
	} {
		api.HandleFunc(pattern, g.persons(g.ofGroup(g.owned(h))))
	}
}

// persons serves h, with the state locked, to whoever is not a job.
func (g *gitlab) persons(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.visitor(r).as != asPerson {
			gitLabError(w, http.StatusUnauthorized, "401 Unauthorized")
			return
		}
		h(w, r)
	}
}

type groupHandler func(http.ResponseWriter, *http.Request, *glGroup)

func (g *gitlab) ofGroup(h groupHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		group := g.group(r.PathValue("id"))
		if group == nil {
			gitLabError(w, http.StatusNotFound, "404 Group Not Found")
			return
		}
		h(w, r, group)
	}
}

// owned serves h to the group's owners.
func (g *gitlab) owned(h groupHandler) groupHandler {
	return func(w http.ResponseWriter, r *http.Request, group *glGroup) {
		if who := g.visitor(r); !who.own && levelOf(g.allMembers(group), who.user) < owner {
			gitLabError(w, http.StatusForbidden, "403 Forbidden")
			return
		}
		h(w, r, group)
	}
}

func (g *gitlab) group(id string) *glGroup {
	if n, err := strconv.ParseInt(id, 10, 64); err == nil {
		return g.groups[n]
	}
	for _, group := range g.groups {
		if strings.EqualFold(text(group.shape["full_path"]), id) {
			return group
		}
	}
	return nil
}

// allMembers returns a group's members, those of the groups that it is in, and
// those of the groups that were invited to one of them.
func (g *gitlab) allMembers(group *glGroup) []object {
	var all []object
	for i := 0; group != nil && i < 20; i++ { // as deep as groups can be
		all = append(all, group.members...)
		for _, id := range group.invited {
			all = append(all, g.groups[id].members...)
		}
		group = g.groups[group.parent]
	}
	return highest(all)
}

// membersOf returns the members of a project and of the groups that it is in.
func (g *gitlab) membersOf(p *project) []object {
	all := append([]object{}, p.members...)
	if group := g.groups[idIn(p.shape["namespace"])]; group != nil {
		all = append(all, g.allMembers(group)...)
	}
	return highest(all)
}

// highest keeps each user once, with the highest of his levels.
func highest(all []object) []object {
	out := []object{}
	at := map[int64]int{}
	for _, m := range all {
		i, seen := at[number(m["id"])]
		switch {
		case !seen:
			at[number(m["id"])] = len(out)
			out = append(out, m)
		case number(m["access_level"]) > number(out[i]["access_level"]):
			out[i] = m
		}
	}
	return out
}

// levelOf returns a user's access level, which is below every other if he is
// not a member.
func levelOf(members []object, user int64) int64 {
	return number(byID(members, user)["access_level"])
}

func (g *gitlab) getGroup(w http.ResponseWriter, _ *http.Request, group *glGroup) {
	writeJSON(w, http.StatusOK, group.shape)
}

func (g *gitlab) listGroupMembers(w http.ResponseWriter, r *http.Request, group *glGroup) {
	writeJSON(w, http.StatusOK, g.page(w, r, group.members))
}

func (g *gitlab) listAllGroupMembers(w http.ResponseWriter, r *http.Request, group *glGroup) {
	writeJSON(w, http.StatusOK, g.page(w, r, g.allMembers(group)))
}

func (g *gitlab) getGroupMember(w http.ResponseWriter, r *http.Request, group *glGroup) {
	found(w, byID(group.members, pathID(r, "user")), "Member")
}

func (g *gitlab) getAnyGroupMember(w http.ResponseWriter, r *http.Request, group *glGroup) {
	found(w, byID(g.allMembers(group), pathID(r, "user")), "Member")
}

// listDirectMembers leaves out those of the groups above, and of invited ones.
func (g *gitlab) listDirectMembers(w http.ResponseWriter, r *http.Request, p *project) {
	writeJSON(w, http.StatusOK, g.page(w, r, p.members))
}

func (g *gitlab) listProjectMembers(w http.ResponseWriter, r *http.Request, p *project) {
	writeJSON(w, http.StatusOK, g.page(w, r, g.membersOf(p)))
}

func (g *gitlab) getProjectMember(w http.ResponseWriter, r *http.Request, p *project) {
	found(w, byID(g.membersOf(p), pathID(r, "user")), "Member")
}

// getSelf answers who a token belongs to.
func (g *gitlab) getSelf(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, userShape(g.users[g.visitor(r).user]))
}

// getUser answers more than lists do: whether the user is a bot.
func (g *gitlab) getUser(w http.ResponseWriter, r *http.Request) {
	u := g.users[pathID(r, "user")]
	if u == nil {
		found(w, nil, "User")
		return
	}
	writeJSON(w, http.StatusOK, userShape(u))
}

// listUsers answers those of exactly one name, or those whose name contains a
// text or whose public address is it.
func (g *gitlab) listUsers(w http.ResponseWriter, r *http.Request) {
	name, search := r.URL.Query().Get("username"), strings.ToLower(r.URL.Query().Get("search"))
	all := []object{}
	for _, id := range sortedIDs(g.users) {
		u := g.users[id]
		if name != "" && !strings.EqualFold(text(u["username"]), name) {
			continue
		}
		names := strings.ToLower(text(u["username"]) + "\n" + text(u["name"]))
		if strings.Contains(names, search) || strings.EqualFold(text(u["public_email"]), search) {
			all = append(all, userOf(u))
		}
	}
	writeJSON(w, http.StatusOK, g.page(w, r, all))
}
