package lab

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// A review is what a person said about a run's environments.
type review struct {
	Environments []string `json:"environments"`
	State        string   `json:"state"`
	User         *person  `json:"user"`
	Comment      string   `json:"comment"`
}

// approve appends what the API shows of a review.
func (g *github) approve(r *repo, x *run, v review) error {
	environments := []object{}
	for _, name := range v.Environments {
		e := r.environment(name)
		if e == nil {
			return fmt.Errorf("environment %q does not exist; PUT it first", name)
		}
		environments = append(environments, with(e.reference(), object{"created_at": e.shape["created_at"], "updated_at": e.shape["updated_at"]}))
	}
	if v.User == nil {
		return errors.New("review has no user")
	}
	x.approvals = append(x.approvals, object{
		"environments": environments, "state": v.State, "user": g.user(v.User), "comment": v.Comment,
	})
	return nil
}

// reference is how other objects name an environment.
func (e *environment) reference() object {
	out := object{}
	for _, field := range []string{"id", "node_id", "name", "url", "html_url"} {
		out[field] = e.shape[field]
	}
	return out
}

// pendingShape is a deployment that waits for the reviewers of an environment.
func (g *github) pendingShape(x *run, e *environment, fields object) object {
	return with(object{
		"environment": e.reference(), "wait_timer": 0, "wait_timer_started_at": nil,
		"current_user_can_approve": g.mayReview(x, e), "reviewers": objects(e.reviewRule()["reviewers"]),
	}, fields)
}

// reviewRule is the rule that requires reviewers, if there is one.
func (e *environment) reviewRule() object {
	for _, rule := range objects(e.shape["protection_rules"]) {
		if rule["type"] == "required_reviewers" {
			return rule
		}
	}
	return nil
}

// mayReview says whether the token is of a reviewer, or of a member of a team
// that is one, who has not started this attempt where the rule forbids that.
func (g *github) mayReview(x *run, e *environment) bool {
	rule := e.reviewRule()
	starter, _ := x.last().shape["triggering_actor"].(object)
	if rule["prevent_self_review"] == true && idOf(starter) == g.me.ID {
		return false
	}
	return slices.ContainsFunc(objects(rule["reviewers"]), func(reviewer object) bool {
		who, _ := reviewer["reviewer"].(object)
		if reviewer["type"] == "Team" {
			t := g.people.teamByID(idOf(who))
			return t != nil && slices.ContainsFunc(t.Members, func(p person) bool { return p.ID == g.me.ID })
		}
		return idOf(who) == g.me.ID
	})
}

// postReview is a review by whose the token is. Only what is pending can be
// reviewed, and only by those whom the pending deployment lets.
func (g *github) postReview(w http.ResponseWriter, req *http.Request, r *repo) {
	x := r.runs[pathID(req, "id")]
	if x == nil {
		gitHubNotFound(w)
		return
	}
	var in struct {
		IDs     []int64 `json:"environment_ids"`
		State   string  `json:"state"`
		Comment string  `json:"comment"`
	}
	if err := readJSON(req, &in); err != nil {
		gitHubError(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	v := review{State: in.State, User: &g.me, Comment: in.Comment}
	for _, id := range in.IDs {
		p := x.pendingFor(id)
		if p == nil || p["current_user_can_approve"] != true {
			gitHubError(w, http.StatusUnprocessableEntity, fmt.Sprintf("environment %d does not wait for a review of %s", id, g.me.Login))
			return
		}
		name, _ := p["environment"].(object)["name"].(string)
		v.Environments = append(v.Environments, name)
	}
	if len(in.IDs) == 0 {
		gitHubError(w, http.StatusUnprocessableEntity, "environment_ids names none")
		return
	}
	if err := g.approve(r, x, v); err != nil {
		gitHubError(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	x.pending = slices.DeleteFunc(x.pending, func(p object) bool {
		e, _ := p["environment"].(object)
		name, _ := e["name"].(string)
		return slices.Contains(in.IDs, pendingID(p)) && len(x.gatesOf(name, nil)) == 0
	})
	writeJSON(w, http.StatusOK, g.deployReviewed(r, x, v))
}

func (x *run) pendingFor(environment int64) object {
	for _, p := range x.pending {
		if pendingID(p) == environment {
			return p
		}
	}
	return nil
}

func pendingID(p object) int64 {
	e, _ := p["environment"].(object)
	return idOf(e)
}

// deployReviewed makes the deployments that a review lets go on or stops.
func (g *github) deployReviewed(r *repo, x *run, v review) []object {
	state := "in_progress"
	if v.State != "approved" {
		state = "failure"
	}
	out := []object{}
	for _, name := range v.Environments {
		if waited := g.reviewed(r, x, name, v.State == "approved"); len(waited) > 0 {
			out = append(out, waited...)
			continue
		}
		shape := x.last().shape
		d := g.newDeployment(r, object{"sha": shape["head_sha"], "ref": shape["head_branch"], "environment": name, "creator": shape["actor"]})
		d.statuses = []object{g.statusShape(r, d, object{"state": state, "log_url": shape["html_url"]})}
		r.deployments = append(r.deployments, d)
		out = append(out, d.shape)
	}
	return out
}

// with returns a copy of o with fields over it.
func with(o, fields object) object {
	out := object{}
	maps.Copy(out, o)
	maps.Copy(out, fields)
	return out
}

// objects returns a list of objects, whether the toy or a request made it.
func objects(v any) []object {
	if list, ok := v.([]object); ok {
		return list
	}
	out := []object{}
	list, _ := v.([]any)
	for _, e := range list {
		if o, ok := e.(object); ok {
			out = append(out, o)
		}
	}
	return out
}
