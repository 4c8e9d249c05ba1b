package lab

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// An environmentBody is what replaces an environment. What is left out is
// reset, which is why absence has to be told from a value.
type environmentBody struct {
	WaitTimer         *int            `json:"wait_timer"`
	PreventSelfReview *bool           `json:"prevent_self_review"`
	Reviewers         []reviewerBody  `json:"reviewers"`
	BranchPolicy      *branchPolicies `json:"deployment_branch_policy"`
	CanAdminsBypass   *bool           `json:"can_admins_bypass"`
}

type reviewerBody struct {
	Type string `json:"type"`
	ID   int64  `json:"id"`
}

type branchPolicies struct {
	ProtectedBranches    bool `json:"protected_branches"`
	CustomBranchPolicies bool `json:"custom_branch_policies"`
}

// The limits of an environment, as documented.
const (
	maxReviewers = 6
	maxWait      = 43200
)

// replaceEnvironment makes or replaces an environment.
func (g *github) replaceEnvironment(w http.ResponseWriter, req *http.Request, r *repo) {
	raw, err := readBody(req)
	if err != nil {
		gitHubError(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	var in environmentBody
	if len(raw) > 0 {
		err = json.Unmarshal(raw, &in)
	}
	if err == nil {
		err = r.affords(raw)
	}
	if err == nil {
		err = in.check()
	}
	var reviewers []object
	if err == nil {
		reviewers, err = g.reviewersOf(in.Reviewers)
	}
	if err != nil {
		gitHubError(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	e := g.ensureEnvironment(r, req.PathValue("name"))
	g.replace(r, e, in, reviewers)
	writeJSON(w, http.StatusOK, e.shape)
}

// affords refuses settings that the repository's plan does not have. It is
// their presence that counts there, and not their value.
func (r *repo) affords(raw []byte) error {
	if r.visibility == "public" || r.settings.plan == "enterprise" || len(raw) == 0 {
		return nil
	}
	var present map[string]json.RawMessage
	if err := json.Unmarshal(raw, &present); err != nil {
		return err
	}
	for _, name := range []string{"reviewers", "wait_timer", "prevent_self_review", "can_admins_bypass"} {
		if _, ok := present[name]; ok {
			return fmt.Errorf("%s is not available on this repository's plan", name)
		}
	}
	return nil
}

func (in environmentBody) check() error {
	if in.WaitTimer != nil && (*in.WaitTimer < 0 || *in.WaitTimer > maxWait) {
		return fmt.Errorf("wait_timer is %d, want 0 to %d", *in.WaitTimer, maxWait)
	}
	if len(in.Reviewers) > maxReviewers {
		return fmt.Errorf("%d reviewers, want %d or fewer", len(in.Reviewers), maxReviewers)
	}
	if p := in.BranchPolicy; p != nil && p.ProtectedBranches == p.CustomBranchPolicies {
		return errors.New("protected_branches and custom_branch_policies cannot have the same value")
	}
	return nil
}

func (g *github) reviewersOf(in []reviewerBody) ([]object, error) {
	out := []object{}
	for _, reviewer := range in {
		var shape object
		u, t := g.people.byID(reviewer.ID), g.people.teamByID(reviewer.ID)
		switch {
		case reviewer.Type == "User" && u != nil:
			shape, _ = g.user(u).(object)
		case reviewer.Type == "Team" && t != nil:
			shape = g.contract.fill("team", g.teamShape(t))
		default:
			return nil, fmt.Errorf("reviewer %s %d has no access to this repository", cmp.Or(reviewer.Type, "User"), reviewer.ID)
		}
		out = append(out, object{"type": reviewer.Type, "reviewer": shape})
	}
	return out, nil
}

// replace sets everything that the request can say, also what it does not.
func (g *github) replace(r *repo, e *environment, in environmentBody, reviewers []object) {
	rules := []object{}
	add := func(kind string, fields object) {
		id := g.nextID()
		rules = append(rules, with(object{"id": id, "node_id": "GA_" + strconv.FormatInt(id, 10), "type": kind}, fields))
	}
	if in.WaitTimer != nil && *in.WaitTimer > 0 {
		add("wait_timer", object{"wait_timer": *in.WaitTimer})
	}
	if len(reviewers) > 0 {
		add("required_reviewers", object{"prevent_self_review": in.PreventSelfReview != nil && *in.PreventSelfReview, "reviewers": reviewers})
	}
	var policy any
	if p := in.BranchPolicy; p != nil {
		add("branch_policy", nil)
		policy = object{"protected_branches": p.ProtectedBranches, "custom_branch_policies": p.CustomBranchPolicies}
	}
	if in.BranchPolicy == nil || !in.BranchPolicy.CustomBranchPolicies {
		e.branches = []object{}
	}
	e.shape = with(g.environmentShape(r, e.name, idOf(e.shape)), object{
		"protection_rules": rules, "deployment_branch_policy": policy, "can_admins_bypass": in.CanAdminsBypass == nil || *in.CanAdminsBypass,
	})
}

// custom says whether an environment has branch policies of its own.
func (e *environment) custom() bool {
	policy, _ := e.shape["deployment_branch_policy"].(object)
	return policy["custom_branch_policies"] == true
}

func (g *github) postPolicy(w http.ResponseWriter, req *http.Request, r *repo) {
	e := r.environment(req.PathValue("name"))
	if e == nil || !e.custom() {
		gitHubNotFound(w)
		return
	}
	var in struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	if err := readJSON(req, &in); err != nil {
		gitHubError(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	in.Type = cmp.Or(in.Type, "branch")
	if slices.ContainsFunc(e.branches, func(p object) bool { return p["name"] == in.Name && p["type"] == in.Type }) {
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	id := g.nextID()
	p := object{"id": id, "node_id": "DBP_" + strconv.FormatInt(id, 10), "name": in.Name, "type": in.Type}
	e.branches = append(e.branches, p)
	writeJSON(w, http.StatusOK, p)
}

// A policy is where one of an environment's policies is.
type policy struct {
	of *environment
	at int
}

// ofPolicy serves h for the policy in the path.
func (g *github) ofPolicy(h func(http.ResponseWriter, *http.Request, policy)) func(http.ResponseWriter, *http.Request, *repo) {
	return func(w http.ResponseWriter, req *http.Request, r *repo) {
		e := r.environment(req.PathValue("name"))
		if e == nil || !e.custom() {
			gitHubNotFound(w)
			return
		}
		at := slices.IndexFunc(e.branches, func(p object) bool { return idOf(p) == pathID(req, "id") })
		if at < 0 {
			gitHubNotFound(w)
			return
		}
		h(w, req, policy{e, at})
	}
}

func (g *github) getPolicy(w http.ResponseWriter, _ *http.Request, p policy) {
	writeJSON(w, http.StatusOK, p.of.branches[p.at])
}

func (g *github) renamePolicy(w http.ResponseWriter, req *http.Request, p policy) {
	var in struct {
		Name string `json:"name"`
	}
	if err := readJSON(req, &in); err != nil {
		gitHubError(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	p.of.branches[p.at] = with(p.of.branches[p.at], object{"name": in.Name})
	writeJSON(w, http.StatusOK, p.of.branches[p.at])
}

func (g *github) deletePolicy(w http.ResponseWriter, _ *http.Request, p policy) {
	p.of.branches = slices.Delete(p.of.branches, p.at, p.at+1)
	w.WriteHeader(http.StatusNoContent)
}
