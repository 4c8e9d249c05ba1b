package lab

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// An owned is an attestation of one digest, in one of an owner's repositories.
type owned struct {
	digest string
	repo   *repo
	attestation
}

func (f owned) cursor() string {
	return cursor("bulk:" + f.digest + ":" + strconv.FormatInt(f.id, 10))
}

// listBulk answers what all repositories of an owner hold for some digests.
// An organization is asked for in another place than a person.
func (g *github) listBulk(kind, parameter string) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		owner := req.PathValue(parameter)
		if g.accountType(owner) != kind {
			gitHubNotFound(w)
			return
		}
		var in struct {
			Digests       []string `json:"subject_digests"`
			PredicateType string   `json:"predicate_type"`
		}
		if err := readJSON(req, &in); err != nil {
			gitHubError(w, http.StatusUnprocessableEntity, err.Error())
			return
		}
		all := []owned{}
		for _, digest := range in.Digests {
			all = append(all, g.attestationsOf(principalOf(req.Context()), owner, digest, in.PredicateType)...)
		}
		g.writeBulk(w, req, in.Digests, all)
	}
}

// attestationsOf are an owner's for a digest, newest first, as far as the principal may see them.
func (g *github) attestationsOf(who principal, owner, digest, predicateType string) []owned {
	var out []owned
	for _, r := range g.repos {
		if !strings.EqualFold(r.owner, owner) || !who.sees(r, "attestations") {
			continue
		}
		for _, a := range r.attestations {
			if slices.Contains(a.subjects, digest) && isOfType(a.predicateType, predicateType) {
				out = append(out, owned{digest, r, a})
			}
		}
	}
	slices.SortFunc(out, func(a, b owned) int { return int(b.id - a.id) })
	return out
}

// writeBulk answers a page. A digest that has nothing on it is null.
func (g *github) writeBulk(w http.ResponseWriter, req *http.Request, digests []string, all []owned) {
	from, to, err := cursorBounds(req, all, owned.cursor)
	if err != nil {
		gitHubError(w, http.StatusBadRequest, err.Error())
		return
	}
	by := map[string]any{}
	for _, digest := range digests {
		by[digest] = nil
	}
	for _, f := range all[from:to] {
		shapes, _ := by[f.digest].([]object)
		by[f.digest] = append(shapes, g.attestationShape(f.repo, f.attestation))
	}
	info := object{"has_next": to < len(all), "has_previous": from > 0}
	if to < len(all) && to > from {
		info["next"] = all[to-1].cursor()
	}
	if from > 0 && to > from {
		info["previous"] = all[from].cursor()
	}
	writeJSON(w, http.StatusOK, object{"attestations_subject_digests": by, "page_info": info})
}
