package lab

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A glDeployment is a deployment, as it was made and as it was reviewed.
type glDeployment struct {
	shape   object
	given   object // what the control API laid over everything
	reviews []glReview
}

// A glReview is one person's word on a deployment, and the rule it counts for.
type glReview struct {
	shape object
	rule  string // its description, or empty
}

// basic is what lists say of a deployment: nothing about approvals.
func (d *glDeployment) basic() object {
	o := maps.Clone(d.shape)
	maps.Copy(o, d.given)
	for _, field := range []string{"approvals", "approval_summary", "pending_approval_count"} {
		delete(o, field)
	}
	return o
}

// extended adds the approvals, where the plan has them.
func (g *gitlab) extended(p *project, d *glDeployment) object {
	if p.tier == free {
		return d.basic()
	}
	o := maps.Clone(d.shape)
	maps.Copy(o, g.approvals(p, d))
	maps.Copy(o, d.given)
	return o
}

// approvals is what the reviews amount to under the rules of the project and
// of its group.
func (g *gitlab) approvals(p *project, d *glDeployment) object {
	rules, count := g.rulesFor(p, d)
	all := []object{}
	for _, r := range d.reviews {
		all = append(all, r.shape)
	}
	pending := max(0, count-approvedIn(all))
	summary := []object{}
	for _, rule := range rules {
		mine := reviewsUnder(rule, d.reviews)
		pending += max(0, number(rule["required_approvals"])-approvedIn(mine))
		summary = append(summary, summaryShape(rule, mine))
	}
	return object{"approvals": all, "pending_approval_count": pending, "approval_summary": object{"rules": summary}}
}

func approvedIn(reviews []object) int64 {
	return int64(len(slices.DeleteFunc(slices.Clone(reviews), func(r object) bool { return r["status"] != "approved" })))
}

func reviewsUnder(rule object, all []glReview) []object {
	mine := []object{}
	for _, r := range all {
		if r.rule != "" && r.rule == rule["access_level_description"] {
			mine = append(mine, r.shape)
		}
	}
	return mine
}

// rulesFor returns the approval rules for a deployment's environment, and the
// number of approvals from anyone who may deploy, where there are no rules.
func (g *gitlab) rulesFor(p *project, d *glDeployment) ([]object, int64) {
	environment, _ := d.basic()["environment"].(object)
	protections := []object{named(p.protected, text(environment["name"]))}
	tier := text(named(p.environments, text(environment["name"]))["tier"])
	for group := g.groups[idIn(p.shape["namespace"])]; group != nil; group = g.groups[group.parent] {
		protections = append(protections, named(group.protected, tier))
	}
	var rules []object
	var count int64
	for _, o := range protections {
		rules = append(rules, objects(o["approval_rules"])...)
		count = max(count, number(o["required_approval_count"]))
	}
	if len(rules) > 0 {
		return rules, 0
	}
	return nil, count
}

// fits reports whether a rule is one that a user can speak for.
func (g *gitlab) fits(rule object, p *project, user int64) bool {
	switch {
	case rule["user_id"] != nil:
		return number(rule["user_id"]) == user
	case rule["group_id"] != nil:
		group := g.groups[number(rule["group_id"])]
		if group == nil {
			return false
		}
		if number(rule["group_inheritance_type"]) == 1 {
			return byID(g.allMembers(group), user) != nil
		}
		return byID(group.members, user) != nil
	}
	return levelOf(g.membersOf(p), user) >= number(rule["access_level"])
}

func (g *gitlab) getDeployment(w http.ResponseWriter, r *http.Request, p *project) {
	d := p.deployments[pathID(r, "deployment")]
	if d == nil {
		found(w, nil, "Deployment")
		return
	}
	writeJSON(w, http.StatusOK, g.extended(p, d))
}

func (g *gitlab) listDeployments(w http.ResponseWriter, r *http.Request, p *project) {
	q := r.URL.Query()
	all := []object{}
	for _, id := range sortedIDs(p.deployments) {
		o := p.deployments[id].basic()
		environment, _ := o["environment"].(object)
		if q.Has("environment") && environment["name"] != q.Get("environment") || q.Has("status") && o["status"] != q.Get("status") {
			continue
		}
		if within(o["updated_at"], q.Get("updated_after"), q.Get("updated_before")) && within(o["finished_at"], q.Get("finished_after"), q.Get("finished_before")) {
			all = append(all, o)
		}
	}
	order(all, cmp.Or(q.Get("order_by"), "id"), cmp.Or(q.Get("sort"), "asc"))
	writeJSON(w, http.StatusOK, g.page(w, r, all))
}

// within reports whether a time lies between two others, of which any that is
// empty does not count.
func within(at any, after, before string) bool {
	return (after == "" || moment(at).After(moment(after))) && (before == "" || moment(at).Before(moment(before)))
}

// moment reads a time or a day, and is the beginning of all time for anything
// else.
func moment(v any) time.Time {
	if t, ok := v.(time.Time); ok {
		return t
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text(v)); err == nil {
			return t
		}
	}
	return time.Time{}
}

// order sorts by one field, which is a number, a time or a text.
func order(all []object, field, sort string) {
	slices.SortStableFunc(all, func(a, b object) int {
		c := cmp.Or(cmp.Compare(number(a[field]), number(b[field])), moment(a[field]).Compare(moment(b[field])),
			strings.Compare(text(a[field]), text(b[field])), cmp.Compare(number(a["id"]), number(b["id"])))
		if sort == "desc" {
			return -c
		}
		return c
	})
}

// listShipped answers the merge requests that came with a deployment: those
// since the one that succeeded before it in the same environment.
func (g *gitlab) listShipped(w http.ResponseWriter, r *http.Request, p *project) {
	d := p.deployments[pathID(r, "deployment")]
	if d == nil {
		found(w, nil, "Deployment")
		return
	}
	shipped := p.history.ancestors(text(d.basic()["sha"]))
	for sha := range p.history.ancestors(text(p.before(d)["sha"])) {
		delete(shipped, sha)
	}
	all := slices.DeleteFunc(p.history.list(r.URL.Query()), func(mr object) bool { return !shipped[text(mr["merge_commit_sha"])] && !shipped[text(mr["sha"])] })
	writeJSON(w, http.StatusOK, g.page(w, r, all))
}

// before returns the last deployment that succeeded before d in the same
// environment.
func (p *project) before(d *glDeployment) object {
	var last object
	for _, id := range sortedIDs(p.deployments) {
		o := p.deployments[id].basic()
		if id < number(d.shape["id"]) && o["status"] == "success" && environmentName(o) == environmentName(d.basic()) {
			last = o
		}
	}
	return last
}

func environmentName(o object) string {
	environment, _ := o["environment"].(object)
	return text(environment["name"])
}

// postApproval takes a word on a deployment from the user whose token it is.
func (g *gitlab) postApproval(w http.ResponseWriter, r *http.Request, p *project) {
	d := p.deployments[pathID(r, "deployment")]
	if d == nil || p.tier == free {
		found(w, nil, "Deployment")
		return
	}
	given, err := parameters(r)
	if err != nil {
		gitLabError(w, http.StatusBadRequest, err.Error())
		return
	}
	user := g.visitor(r).user
	rule, why := g.mayReview(p, d, user, given)
	if why != "" {
		gitLabError(w, http.StatusBadRequest, why)
		return
	}
	review := reviewShape(userOf(g.users[user]), text(given["status"]), given["comment"])
	d.reviews = slices.DeleteFunc(d.reviews, func(old glReview) bool { return idIn(old.shape["user"]) == user })
	d.reviews = append(d.reviews, glReview{review, rule})
	if given["status"] == "rejected" {
		d.reject()
	}
	writeJSON(w, http.StatusCreated, review)
}

// mayReview returns the rule that a user speaks for, or why he may not.
func (g *gitlab) mayReview(p *project, d *glDeployment, user int64, given object) (rule, why string) {
	o := d.basic()
	job, _ := o["deployable"].(object)
	rules, _ := g.rulesFor(p, d)
	admin := g.users[user]["is_admin"] == true
	switch {
	case given["status"] != "approved" && given["status"] != "rejected":
		return "", "status does not have a valid value"
	case named(p.protected, environmentName(o)) == nil && len(rules) == 0:
		return "", "This environment is not protected."
	case o["status"] != "blocked":
		return "", "This deployment is not waiting for approvals."
	case (idIn(o["user"]) == user || idIn(job["user"]) == user) && p.shape["allow_pipeline_trigger_approve_deployment"] != true:
		return "", "You cannot approve your own deployment."
	}
	for _, rule := range rules {
		as := text(given["represented_as"])
		if g.fits(rule, p, user) && (as == "" || as == rule["access_level_description"]) {
			return text(rule["access_level_description"]), ""
		}
	}
	if admin || len(rules) == 0 && levelOf(g.membersOf(p), user) >= developer {
		return "", ""
	}
	return "", "You do not have permission to approve or reject this deployment."
}

// reject fails the deployment and its job.
func (d *glDeployment) reject() {
	d.given["status"] = "failed"
	if job, ok := d.shape["deployable"].(object); ok {
		d.shape["deployable"] = with(job, object{"status": "failed", "failure_reason": "deployment_rejected"})
	}
}
