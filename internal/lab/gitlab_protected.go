package lab

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// A protection is the protected environments of a project, or those of a
// group, which go by tier.
type protection struct {
	toy     *gitlab
	all     *[]object
	members []object
	names   []string // the only ones, if there are any
}

// A guard does one thing with protected environments.
type guard func(protection, http.ResponseWriter, *http.Request)

// tiers are the names of a group's protected environments.
var tiers = []string{"production", "staging", "testing", "development", "other"}

func (g *gitlab) onProject(do guard) projectHandler {
	return g.premium(func(w http.ResponseWriter, r *http.Request, p *project) {
		do(protection{g, &p.protected, g.membersOf(p), nil}, w, r)
	})
}

func (g *gitlab) onGroup(do guard) groupHandler {
	return func(w http.ResponseWriter, r *http.Request, group *glGroup) {
		do(protection{g, &group.protected, g.allMembers(group), tiers}, w, r)
	}
}

func (s protection) list(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, s.toy.page(w, r, *s.all))
}

func (s protection) get(w http.ResponseWriter, r *http.Request) {
	found(w, named(*s.all, r.PathValue("name")), "Protected Environment")
}

func (s protection) remove(w http.ResponseWriter, r *http.Request) {
	if named(*s.all, r.PathValue("name")) == nil {
		s.get(w, r)
		return
	}
	*s.all = without(*s.all, r.PathValue("name"))
	w.WriteHeader(http.StatusNoContent)
}

func (s protection) add(w http.ResponseWriter, r *http.Request) {
	given, err := parameters(r)
	name := text(given["name"])
	switch {
	case err != nil:
		gitLabError(w, http.StatusBadRequest, err.Error())
	case name == "" || given["deploy_access_levels"] == nil:
		writeJSON(w, http.StatusBadRequest, object{"error": "name is missing, deploy_access_levels is missing"})
	case s.names != nil && !slices.Contains(s.names, name):
		writeJSON(w, http.StatusBadRequest, object{"error": "name does not have a valid value"})
	case named(*s.all, name) != nil:
		gitLabError(w, http.StatusConflict, fmt.Sprintf("Protected environment '%s' already exists", name))
	default:
		o := emptyProtection(name)
		if err := s.lay(o, given); err != nil {
			gitLabError(w, http.StatusNotFound, err.Error())
			return
		}
		*s.all = append(*s.all, o)
		writeJSON(w, http.StatusCreated, o)
	}
}

func (s protection) change(w http.ResponseWriter, r *http.Request) {
	o := named(*s.all, r.PathValue("name"))
	if o == nil {
		s.get(w, r)
		return
	}
	given, err := parameters(r)
	if err != nil {
		gitLabError(w, http.StatusBadRequest, err.Error())
		return
	}
	if err := s.lay(o, given); err != nil {
		gitLabError(w, http.StatusNotFound, err.Error())
		return
	}
	writeJSON(w, http.StatusOK, o)
}

// lay changes o as a request asks, all of it or nothing.
func (s protection) lay(o, given object) error {
	changed := object{}
	for _, list := range []string{"deploy_access_levels", "approval_rules"} {
		entries, err := s.layEntries(objects(o[list]), objects(given[list]))
		if err != nil {
			return err
		}
		changed[list] = entries
	}
	if count, ok := given["required_approval_count"]; ok {
		changed["required_approval_count"] = count
	}
	maps.Copy(o, changed)
	return nil
}

// layEntries adds entries without an id, changes those with one, and takes
// out those that are to be destroyed. Who cannot be let in is left out without
// a word, as there, so that a client must read what it wrote.
func (s protection) layEntries(have, given []object) ([]object, error) {
	out := slices.Clone(have)
	for _, entry := range given {
		i := slices.IndexFunc(out, func(o object) bool { return entry["id"] != nil && number(o["id"]) == number(entry["id"]) })
		switch {
		case entry["id"] == nil && !s.allowed(entry):
		case entry["id"] == nil:
			out = append(out, s.toy.entryOf(object{"id": s.toy.nextID()}, entry))
		case i < 0:
			return nil, fmt.Errorf("404 Not found: no entry with id %d", number(entry["id"]))
		case entry["_destroy"] == true:
			out = slices.Delete(out, i, i+1)
		default:
			out[i] = s.toy.entryOf(out[i], entry)
		}
	}
	return out, nil
}

// allowed takes a member, a group that there is, and a level that can deploy.
func (s protection) allowed(entry object) bool {
	switch {
	case entry["user_id"] != nil:
		return byID(s.members, number(entry["user_id"])) != nil
	case entry["group_id"] != nil:
		return s.toy.groups[number(entry["group_id"])] != nil
	}
	return slices.Contains([]int64{developer, maintainer, 60}, number(entry["access_level"]))
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
