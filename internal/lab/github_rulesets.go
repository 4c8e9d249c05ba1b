package lab

import (
	"net/http"
	"slices"
	"strings"
)

// newRulesets are those of a repository that somebody has looked after: who may
// write may make no tag that looks like a release.
func newRulesets() []object {
	return []object{{
		"id": int64(42), "name": "releases", "target": "tag", "enforcement": "active",
		"conditions": object{"ref_name": object{"include": []string{"refs/tags/v*"}, "exclude": []string{}}},
		"rules":      []object{{"type": "creation"}, {"type": "update"}, {"type": "deletion"}},
	}}
}

func (g *github) rulesetRoutes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET R/branches":              g.of(g.listHeads),
		"GET R/rules/branches/{name}": g.of(g.ruled(g.listBranchRules)),
		"GET R/rulesets":              g.of(g.ruled(g.listRulesets)),
		"GET R/rulesets/{id}":         g.of(g.ruled(g.getRuleset)),
	}
}

// free reports whether the plan protects no refs and has no environments.
func (r *repo) free() bool { return r.visibility != "public" && r.settings.plan == "free" }

// ruled is a 403 where the plan has no rules.
func (g *github) ruled(h func(http.ResponseWriter, *http.Request, *repo)) func(http.ResponseWriter, *http.Request, *repo) {
	return func(w http.ResponseWriter, req *http.Request, r *repo) {
		if r.free() {
			gitHubError(w, http.StatusForbidden, "Upgrade to GitHub Pro or make this repository public to enable this feature.")
			return
		}
		h(w, req, r)
	}
}

// keeps reports whether a branch is protected, in either way.
func (r *repo) keeps(name string) bool {
	s := r.settings.branches[name]
	return !r.free() && (s.Protected || len(s.Rules) > 0)
}

func (g *github) listHeads(w http.ResponseWriter, req *http.Request, r *repo) {
	all, want := []object{}, req.URL.Query().Get("protected")
	for name, sha := range r.history.Branches {
		if want == "" || (want == "true") == r.keeps(name) {
			all = append(all, object{"name": name,
				"commit":    object{"sha": sha, "url": g.api("/repos/%s/%s/commits/%s", r.owner, r.name, sha)},
				"protected": r.keeps(name)})
		}
	}
	slices.SortFunc(all, func(a, b object) int { return strings.Compare(text(a["name"]), text(b["name"])) })
	writeJSON(w, http.StatusOK, g.page(w, req, all))
}

// rulesetShape is a ruleset as its own page or, without what it is about, as
// the list has it.
func rulesetShape(r *repo, fields object, whole bool) object {
	o := with(object{"name": "rules", "target": "branch", "source_type": "Repository",
		"source": r.owner + "/" + r.name, "enforcement": "active"}, fields)
	if !whole {
		delete(o, "conditions")
		delete(o, "rules")
	}
	return o
}

func (g *github) listRulesets(w http.ResponseWriter, req *http.Request, r *repo) {
	all, targets := []object{}, req.URL.Query().Get("targets")
	for _, x := range r.settings.rulesets {
		o := rulesetShape(r, x, false)
		if targets == "" || slices.Contains(strings.Split(targets, ","), text(o["target"])) {
			all = append(all, o)
		}
	}
	writeJSON(w, http.StatusOK, g.page(w, req, all))
}

func (g *github) getRuleset(w http.ResponseWriter, req *http.Request, r *repo) {
	i := slices.IndexFunc(r.settings.rulesets, func(x object) bool { return idOf(x) == pathID(req, "id") })
	if i < 0 {
		gitHubNotFound(w)
		return
	}
	writeJSON(w, http.StatusOK, rulesetShape(r, r.settings.rulesets[i], true))
}

func (g *github) putRulesets(r *repo, req *http.Request) error {
	var all []object
	if err := readJSON(req, &all); err != nil {
		return err
	}
	for _, x := range all {
		if idOf(x) == 0 {
			x["id"] = g.nextID()
		}
	}
	r.settings.rulesets = all
	return nil
}
