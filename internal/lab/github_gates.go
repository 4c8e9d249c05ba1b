package lab

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// A gate is a deployment of a run that waits at an environment.
type gate struct {
	environment string
	deployment  *deployment
	asks        []int64 // the apps whose answer is missing
	review      bool    // a reviewer's is missing
	notes       int
}

// A said is an answer of an app, or with an empty state a note.
type said struct {
	App          int64   `json:"app"`
	Installation int64   `json:"installation"`
	Environment  string  `json:"environment"`
	State        string  `json:"state"`
	Comment      string  `json:"comment"`
	Deployments  []int64 `json:"deployments"`
}

// Limits of what an app may say of a deployment (docs.github.com, "Creating custom
// deployment protection rules").
const (
	maxNotes   = 10
	maxComment = 1024
)

// putGuard makes an app a rule of an environment, or with enabled false takes it away.
func (g *github) putGuard(r *repo, req *http.Request) error {
	var in struct {
		App     int64 `json:"app"`
		Enabled *bool `json:"enabled"`
	}
	if err := readJSON(req, &in); err != nil {
		return err
	}
	a := g.apps[in.App]
	if a == nil {
		return errNoApp
	}
	e := g.ensureEnvironment(r, req.PathValue("name"))
	e.rules = slices.DeleteFunc(e.rules, func(rule object) bool { return ruleApp(rule) == a.id })
	if in.Enabled != nil && !*in.Enabled {
		return nil
	}
	id := g.nextID()
	e.rules = append(e.rules, object{
		"id": id, "node_id": "GA_" + strconv.FormatInt(id, 10), "enabled": true, "app": object{
			"id": a.id, "node_id": "A_" + strconv.FormatInt(a.id, 10), "slug": a.Slug,
			"integration_url": g.api("/apps/%s", a.Slug),
		},
	})
	return nil
}

func ruleApp(rule object) int64 {
	a, _ := rule["app"].(object)
	return idOf(a)
}

// asksApp says whether an app is a rule of an environment, enabled or not.
func (e *environment) asksApp(id int64) bool {
	return slices.ContainsFunc(e.rules, func(rule object) bool { return ruleApp(rule) == id })
}

// guards are the apps that an environment asks. Each needs an installation that holds the repository: without one
// the app could not answer, so the scenario is wrong.
func (g *github) guards(r *repo, e *environment) ([]*app, error) {
	var out []*app
	for _, rule := range e.rules {
		a := g.apps[ruleApp(rule)]
		if rule["enabled"] == false || a == nil {
			continue
		}
		if a.installed(r.id) == 0 {
			return nil, fmt.Errorf("no installation of app %d holds the repository %d", a.id, r.id)
		}
		out = append(out, a)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("environment %q asks no app; PUT one there first", e.name)
	}
	return out, nil
}

// postReach lets a run reach an environment, which asks its apps.
func (g *github) postReach(w http.ResponseWriter, req *http.Request) {
	var in struct {
		Errand
		Environment string `json:"environment"`
	}
	if !readErrand(w, req, &in) {
		return
	}
	id, all, err := g.reach(req, in.Environment, in.Errand)
	g.answerErrand(w, in.Errand, all, object{"deployment": id}, err)
}

func (g *github) reach(req *http.Request, name string, how Errand) (id int64, all []parcel, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r, ok := g.repos[repoKey(req)]
	if !ok {
		return 0, nil, errNoRepo
	}
	e := r.environment(name)
	if e == nil {
		return 0, nil, fmt.Errorf("environment %q does not exist; PUT it first", name)
	}
	apps, err := g.guards(r, e)
	if err != nil {
		return 0, nil, err
	}
	x := g.ensureRun(r, pathID(req, "id"))
	d := g.wait(r, x, e, apps)
	for _, a := range apps {
		more, err := g.parcels(a, g.requested(r, x, d, a), how)
		if err != nil {
			return 0, nil, err
		}
		all = append(all, more...)
	}
	return idOf(d.shape), all, nil
}

// wait makes the deployment that waits.
func (g *github) wait(r *repo, x *run, e *environment, apps []*app) *deployment {
	shape := x.last().shape
	d := g.newDeployment(r, object{
		"sha": shape["head_sha"], "ref": shape["head_branch"], "environment": e.name, "creator": shape["actor"],
		"created_at": time.Now().UTC().Format(time.RFC3339),
	})
	g.becomes(r, x, d, "pending")
	r.deployments = append(r.deployments, d)
	t := &gate{environment: e.name, deployment: d, review: e.reviewRule() != nil}
	for _, a := range apps {
		t.asks = append(t.asks, a.id)
	}
	x.gates = append(x.gates, t)
	if x.pendingFor(idOf(e.shape)) == nil {
		x.pending = append(x.pending, g.pendingShape(x, e, nil))
	}
	shape["status"], shape["conclusion"] = "waiting", nil
	return d
}

func (g *github) becomes(r *repo, x *run, d *deployment, state string) {
	d.statuses = append(d.statuses, g.statusShape(r, d, object{
		"state": state, "log_url": x.last().shape["html_url"], "created_at": time.Now().UTC().Format(time.RFC3339),
	}))
}

// requested is the event that asks an app, in the form of
// deployment_protection_rule$requested of @octokit/webhooks-schemas.
func (g *github) requested(r *repo, x *run, d *deployment, a *app) event {
	shape := x.last().shape
	owner, _ := g.repoShape(r)["owner"].(object)
	deployment, installation := with(d.shape, nil), a.installed(r.id)
	delete(deployment, "performed_via_github_app")
	callback := g.api("/repos/%s/%s/actions/runs/%d/deployment_protection_rule", r.owner, r.name, idOf(shape))
	payload := object{
		"action": "requested", "environment": d.shape["environment"], "event": shape["event"],
		"deployment_callback_url": callback, "deployment": deployment, "pull_requests": shape["pull_requests"],
		"repository": g.toldRepo(r), "sender": shape["actor"],
		"installation": object{"id": installation, "node_id": nodeID("I", r, installation)},
	}
	if owner["type"] == "Organization" {
		payload["organization"] = g.toldOrganization(r)
	}
	return event{"deployment_protection_rule", installation, r.id, payload}
}

// toldRepo is a repository as events show it, which differs from the API.
func (g *github) toldRepo(r *repo) object {
	out := with(g.repoShape(r), object{
		"has_downloads": true, "is_template": false, "web_commit_signoff_required": false, "allow_forking": true,
		"topics": []string{}, "custom_properties": object{},
	})
	delete(out, "network_count")
	delete(out, "subscribers_count")
	return out
}

func (g *github) toldOrganization(r *repo) object {
	url := g.api("/orgs/%s", r.owner)
	return object{
		"login": r.owner, "id": r.ownerID, "node_id": "O_" + strconv.FormatInt(r.ownerID, 10), "url": url,
		"description": nil, "repos_url": url + "/repos", "events_url": url + "/events", "hooks_url": url + "/hooks",
		"issues_url": url + "/issues", "members_url": url + "/members{/member}",
		"public_members_url": url + "/public_members{/member}",
		"avatar_url":         "https://avatars.githubusercontent.com/u/" + strconv.FormatInt(r.ownerID, 10),
	}
}

// postProtectionRule takes the answer of an app. It counts for all deployments of the run that wait at the
// environment for this app.
func (g *github) postProtectionRule(w http.ResponseWriter, req *http.Request, r *repo) {
	x := r.runs[pathID(req, "id")]
	if x == nil {
		gitHubNotFound(w)
		return
	}
	var in struct {
		Environment string `json:"environment_name"`
		State       string `json:"state"`
		Comment     string `json:"comment"`
	}
	if err := readJSON(req, &in); err != nil {
		gitHubError(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	who := principalOf(req.Context()).grant
	e := r.environment(in.Environment)
	if who == nil || e != nil && !e.asksApp(who.app.id) {
		gitHubError(w, http.StatusForbidden, "Resource not accessible by integration")
		return
	}
	var waiting []*gate
	if e != nil {
		waiting = x.gatesOf(e.name, func(t *gate) bool { return slices.Contains(t.asks, who.app.id) })
	}
	noted := func(t *gate) bool { return t.notes >= maxNotes }
	refuse := func(status int, why string) { gitHubError(w, status, why) }
	switch {
	case len(waiting) == 0:
		refuse(who.app.Late, "No pending deployment protection rule of this app for the environment")
		return
	case in.State == "" && in.Comment == "":
		refuse(http.StatusUnprocessableEntity, "A comment is required if there is no state")
		return
	case utf8.RuneCountInString(in.Comment) > maxComment:
		refuse(http.StatusUnprocessableEntity, fmt.Sprintf("The comment has more than %d characters", maxComment))
		return
	case in.State == "" && slices.ContainsFunc(waiting, noted):
		refuse(http.StatusUnprocessableEntity, fmt.Sprintf("A deployment has at most %d notes", maxNotes))
		return
	}
	heard := said{who.app.id, who.installation, e.name, in.State, in.Comment, nil}
	for _, t := range waiting {
		heard.Deployments = append(heard.Deployments, idOf(t.deployment.shape))
		if in.State == "" {
			t.notes++
			continue
		}
		t.asks = slices.DeleteFunc(t.asks, func(id int64) bool { return id == who.app.id })
		g.settle(r, x, t, in.State == "rejected")
	}
	x.said = append(x.said, heard)
	w.WriteHeader(http.StatusNoContent)
}

// gatesOf are those of an environment that fit.
func (x *run) gatesOf(environment string, fits func(*gate) bool) []*gate {
	var out []*gate
	for _, t := range x.gates {
		if t.environment == environment && (fits == nil || fits(t)) {
			out = append(out, t)
		}
	}
	return out
}

// settle lets a deployment go on when the last answer is there, and stops one that was rejected. A deployment that
// still waits for an answer goes on waiting.
func (g *github) settle(r *repo, x *run, t *gate, rejected bool) {
	if !rejected && (len(t.asks) > 0 || t.review) {
		return
	}
	state := "in_progress"
	if rejected {
		state, x.rejected = "failure", true
	}
	g.becomes(r, x, t.deployment, state)
	x.gates = slices.DeleteFunc(x.gates, func(other *gate) bool { return other == t })
	if e := r.environment(t.environment); e != nil && len(x.gatesOf(t.environment, nil)) == 0 {
		x.pending = slices.DeleteFunc(x.pending, func(p object) bool { return pendingID(p) == idOf(e.shape) })
	}
	shape := x.last().shape
	switch {
	case len(x.gates) > 0 || len(x.pending) > 0:
	case x.rejected:
		shape["status"], shape["conclusion"] = "completed", "failure"
	default:
		shape["status"] = "in_progress"
	}
}

// reviewed is what a person's review means for what also waits for apps.
func (g *github) reviewed(r *repo, x *run, environment string, approved bool) []object {
	out := []object{}
	for _, t := range x.gatesOf(environment, func(t *gate) bool { return t.review }) {
		t.review = false
		g.settle(r, x, t, !approved)
		out = append(out, t.deployment.shape)
	}
	if e := r.environment(environment); e != nil && len(out) > 0 {
		if p := x.pendingFor(idOf(e.shape)); p != nil {
			p["current_user_can_approve"] = false
		}
	}
	return out
}

// getAnswers answers what apps have said, the oldest first.
func (g *github) getAnswers(w http.ResponseWriter, req *http.Request, r *repo) {
	all := []said{}
	if x := r.runs[pathID(req, "id")]; x != nil {
		all = append(all, x.said...)
	}
	writeJSON(w, http.StatusOK, all)
}
