package lab

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// entryLists are the lists of a protected environment that are changed entry
// by entry.
var entryLists = []string{"deploy_access_levels", "approval_rules"}

func (g *gitlab) listProtected(w http.ResponseWriter, r *http.Request, p *project) {
	writeJSON(w, http.StatusOK, g.page(w, r, p.protected))
}

func (g *gitlab) getProtected(w http.ResponseWriter, r *http.Request, p *project) {
	found(w, named(p.protected, r.PathValue("name")), "Protected Environment")
}

func (g *gitlab) protectOne(w http.ResponseWriter, r *http.Request, p *project) {
	g.addProtected(w, r, &p.protected, g.allowedIn(p))
}

func (g *gitlab) changeProtected(w http.ResponseWriter, r *http.Request, p *project) {
	g.editProtected(w, r, named(p.protected, r.PathValue("name")), g.allowedIn(p))
}

func (g *gitlab) unprotect(w http.ResponseWriter, r *http.Request, p *project) {
	removeProtected(w, r, &p.protected)
}

func (g *gitlab) listGroupProtected(w http.ResponseWriter, r *http.Request, group *glGroup) {
	writeJSON(w, http.StatusOK, g.page(w, r, group.protected))
}

func (g *gitlab) getGroupProtected(w http.ResponseWriter, r *http.Request, group *glGroup) {
	found(w, named(group.protected, r.PathValue("name")), "Protected Environment")
}

func (g *gitlab) protectTier(w http.ResponseWriter, r *http.Request, group *glGroup) {
	g.addProtected(w, r, &group.protected, g.allowedInGroup(group))
}

func (g *gitlab) changeGroupProtected(w http.ResponseWriter, r *http.Request, group *glGroup) {
	g.editProtected(w, r, named(group.protected, r.PathValue("name")), g.allowedInGroup(group))
}

func (g *gitlab) unprotectTier(w http.ResponseWriter, r *http.Request, group *glGroup) {
	removeProtected(w, r, &group.protected)
}

// allowedIn says which entries a project takes. The others are left out of
// what is stored, without a word, so that a client must read again.
func (g *gitlab) allowedIn(p *project) func(object) bool {
	return func(entry object) bool { return g.allowed(g.membersOf(p), entry) }
}

func (g *gitlab) allowedInGroup(group *glGroup) func(object) bool {
	return func(entry object) bool { return g.allowed(g.allMembers(group), entry) }
}

func (g *gitlab) allowed(members []object, entry object) bool {
	switch {
	case entry["user_id"] != nil:
		return byID(members, number(entry["user_id"])) != nil
	case entry["group_id"] != nil:
		return g.groups[number(entry["group_id"])] != nil
	}
	return slices.Contains([]int64{developer, maintainer, 60}, number(entry["access_level"]))
}

func (g *gitlab) addProtected(w http.ResponseWriter, r *http.Request, all *[]object, allowed func(object) bool) {
	given, err := parameters(r)
	name := text(given["name"])
	switch {
	case err != nil:
		gitLabError(w, http.StatusBadRequest, err.Error())
	case name == "" || given["deploy_access_levels"] == nil:
		writeJSON(w, http.StatusBadRequest, object{"error": "name is missing, deploy_access_levels is missing"})
	case named(*all, name) != nil:
		gitLabError(w, http.StatusConflict, fmt.Sprintf("Protected environment '%s' already exists", name))
	default:
		o := object{"name": name, "deploy_access_levels": []object{}, "approval_rules": []object{}, "required_approval_count": 0}
		if !g.lay(w, o, given, allowed) {
			return
		}
		*all = append(*all, o)
		writeJSON(w, http.StatusCreated, o)
	}
}

func (g *gitlab) editProtected(w http.ResponseWriter, r *http.Request, o object, allowed func(object) bool) {
	if o == nil {
		found(w, nil, "Protected Environment")
		return
	}
	given, err := parameters(r)
	if err != nil {
		gitLabError(w, http.StatusBadRequest, err.Error())
		return
	}
	if !g.lay(w, o, given, allowed) {
		return
	}
	writeJSON(w, http.StatusOK, o)
}

func removeProtected(w http.ResponseWriter, r *http.Request, all *[]object) {
	if named(*all, r.PathValue("name")) == nil {
		found(w, nil, "Protected Environment")
		return
	}
	*all = without(*all, r.PathValue("name"))
	w.WriteHeader(http.StatusNoContent)
}

// lay changes o as a request asks, all of it or nothing.
func (g *gitlab) lay(w http.ResponseWriter, o, given object, allowed func(object) bool) bool {
	changed := object{}
	for _, list := range entryLists {
		entries, err := g.layEntries(objects(o[list]), objects(given[list]), allowed)
		if err != nil {
			gitLabError(w, http.StatusNotFound, err.Error())
			return false
		}
		changed[list] = entries
	}
	if count, ok := given["required_approval_count"]; ok {
		changed["required_approval_count"] = count
	}
	maps.Copy(o, changed)
	return true
}

// layEntries adds entries without an id, changes those with one, and takes
// out those that are to be destroyed.
func (g *gitlab) layEntries(have, given []object, allowed func(object) bool) ([]object, error) {
	out := append([]object{}, have...)
	for _, entry := range given {
		i := slices.IndexFunc(out, func(o object) bool { return entry["id"] != nil && number(o["id"]) == number(entry["id"]) })
		switch {
		case entry["id"] == nil && !allowed(entry):
		case entry["id"] == nil:
			out = append(out, g.entryOf(object{"id": g.nextID()}, entry))
		case i < 0:
			return nil, fmt.Errorf("404 Not found: entry %d", number(entry["id"]))
		case entry["_destroy"] == true:
			out = slices.Delete(out, i, i+1)
		default:
			out[i] = g.entryOf(out[i], entry)
		}
	}
	return out, nil
}

// entryOf lays an entry over another and describes whom it lets in.
func (g *gitlab) entryOf(have, given object) object {
	o := object{"user_id": nil, "group_id": nil, "access_level": nil, "group_inheritance_type": 0}
	maps.Copy(o, have)
	maps.Copy(o, given)
	delete(o, "_destroy")
	o["access_level_description"] = g.describe(o)
	return o
}

func (g *gitlab) describe(entry object) string {
	if u := g.users[number(entry["user_id"])]; u != nil {
		return text(u["name"])
	}
	if group := g.groups[number(entry["group_id"])]; group != nil {
		return text(group.shape["name"])
	}
	switch number(entry["access_level"]) {
	case developer:
		return "Developers + Maintainers"
	case maintainer:
		return "Maintainers"
	}
	return "Administrators"
}
