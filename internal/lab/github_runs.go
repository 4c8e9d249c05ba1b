package lab

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// A run has attempts, the last of which is the one that it shows. What its
// reviewers said hangs off the run and not off an attempt, as there.
type run struct {
	attempts  []*attempt
	approvals []any
	pending   []object
	gates     []*gate
	said      []said
	rejected  bool // by an app, or by a reviewer where apps are asked too
}

type attempt struct {
	shape object
	jobs  []object
}

// defaultRun is the run that the default tokens name, and defaultJob its job.
const (
	defaultRun = 1000001
	defaultJob = 302
)

func (g *github) runRoutes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET R/actions/runs":                           g.of(g.listRuns),
		"GET R/actions/runs/{id}":                      g.of(g.ofRun(g.getRun)),
		"GET R/actions/runs/{id}/attempts/{n}":         g.of(g.ofRun(g.getAttempt)),
		"GET R/actions/runs/{id}/attempts/{n}/jobs":    g.of(g.ofRun(g.listAttemptJobs)),
		"GET R/actions/runs/{id}/jobs":                 g.of(g.ofRun(g.listJobs)),
		"GET R/actions/runs/{id}/approvals":            g.of(g.ofRun(g.listApprovals)),
		"POST R/actions/runs/{id}/rerun-failed-jobs":   g.of(g.rerun),
		"GET R/actions/runs/{id}/pending_deployments":  g.of(g.ofRun(g.listPending)),
		"POST R/actions/runs/{id}/pending_deployments": g.of(g.postReview),
	}
}

// ofRun serves h for the run in the path; one that is not there is a 404.
func (g *github) ofRun(h func(http.ResponseWriter, *http.Request, *run)) func(http.ResponseWriter, *http.Request, *repo) {
	return func(w http.ResponseWriter, req *http.Request, r *repo) {
		found := r.runs[pathID(req, "id")]
		if found == nil {
			gitHubNotFound(w)
			return
		}
		h(w, req, found)
	}
}

// listRuns answers the newest first: ids grow.
func (g *github) listRuns(w http.ResponseWriter, req *http.Request, r *repo) {
	all := []object{}
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(r.runs))) {
		if shape := r.runs[id].last().shape; runMatches(shape, req) {
			all = append(all, shape)
		}
	}
	writeJSON(w, http.StatusOK, object{"total_count": len(all), "workflow_runs": g.page(w, req, all)})
}

// runMatches applies the filters of the list; status is one of both a
// status's words and a conclusion's.
func runMatches(shape object, req *http.Request) bool {
	q := req.URL.Query()
	for parameter, field := range map[string]string{"event": "event", "head_sha": "head_sha", "branch": "head_branch"} {
		if q.Has(parameter) && shape[field] != q.Get(parameter) {
			return false
		}
	}
	if q.Has("actor") && loginOf(shape["actor"]) != q.Get("actor") {
		return false
	}
	return !q.Has("status") || shape["status"] == q.Get("status") || shape["conclusion"] == q.Get("status")
}

func loginOf(user any) string {
	o, _ := user.(object)
	login, _ := o["login"].(string)
	return login
}

func (x *run) last() *attempt { return x.attempts[len(x.attempts)-1] }

func (x *run) attempt(req *http.Request) *attempt {
	n := pathID(req, "n")
	if n < 1 || n > int64(len(x.attempts)) {
		return nil
	}
	return x.attempts[n-1]
}

func (g *github) getRun(w http.ResponseWriter, _ *http.Request, x *run) {
	writeJSON(w, http.StatusOK, x.last().shape)
}

func (g *github) getAttempt(w http.ResponseWriter, req *http.Request, x *run) {
	a := x.attempt(req)
	if a == nil {
		gitHubNotFound(w)
		return
	}
	writeJSON(w, http.StatusOK, a.shape)
}

func (g *github) listAttemptJobs(w http.ResponseWriter, req *http.Request, x *run) {
	a := x.attempt(req)
	if a == nil {
		gitHubNotFound(w)
		return
	}
	g.writeJobs(w, req, a.jobs)
}

// listJobs answers those of the last attempt, or with filter=all of every one.
func (g *github) listJobs(w http.ResponseWriter, req *http.Request, x *run) {
	jobs := x.last().jobs
	if req.URL.Query().Get("filter") == "all" {
		jobs = nil
		for _, a := range x.attempts {
			jobs = append(jobs, a.jobs...)
		}
	}
	g.writeJobs(w, req, jobs)
}

func (g *github) writeJobs(w http.ResponseWriter, req *http.Request, jobs []object) {
	writeJSON(w, http.StatusOK, object{"total_count": len(jobs), "jobs": g.page(w, req, jobs)})
}

func (g *github) listApprovals(w http.ResponseWriter, _ *http.Request, x *run) {
	writeJSON(w, http.StatusOK, x.approvals)
}

func (g *github) listPending(w http.ResponseWriter, _ *http.Request, x *run) {
	writeJSON(w, http.StatusOK, x.pending)
}

// rerun starts the failed jobs of a run again, which has to have ended.
func (g *github) rerun(w http.ResponseWriter, req *http.Request, r *repo) {
	x := r.runs[pathID(req, "id")]
	switch {
	case x == nil:
		gitHubNotFound(w)
	case x.last().shape["status"] != "completed":
		gitHubError(w, http.StatusForbidden, "This workflow is already running")
	default:
		g.ensureAttempt(r, pathID(req, "id"), int64(len(x.attempts))+1)
		writeJSON(w, http.StatusCreated, object{})
	}
}

func (g *github) ensureRun(r *repo, id int64) *run {
	if r.runs[id] == nil {
		r.runs[id] = &run{approvals: []any{}, pending: []object{}}
		g.ensureAttempt(r, id, 1)
	}
	return r.runs[id]
}

// ensureAttempt makes the attempts up to n. Each begins as a copy of the one
// before: a re-run keeps the commit, the ref and the actor.
func (g *github) ensureAttempt(r *repo, id, n int64) *attempt {
	x := r.runs[id]
	for k := int64(len(x.attempts)) + 1; k <= n; k++ {
		shape := g.runShape(r, id)
		if k > 1 {
			shape = maps.Clone(x.last().shape)
			shape["run_attempt"], shape["status"], shape["conclusion"] = k, "in_progress", nil
			shape["previous_attempt_url"] = fmt.Sprintf("%s/attempts/%d", shape["url"], k-1)
			shape["run_started_at"] = made.Add(time.Duration(k-1) * time.Hour)
		}
		a := &attempt{shape: shape}
		x.attempts = append(x.attempts, a)
		a.jobs = []object{
			g.jobShape(r, a, object{"name": "build"}),
			g.jobShape(r, a, object{"name": "deploy", "status": "in_progress", "conclusion": nil, "completed_at": nil, "steps": atGate()}),
		}
		if id == defaultRun && k == 1 {
			a.jobs[0]["id"], a.jobs[1]["id"] = defaultJob-1, defaultJob
		}
	}
	return x.attempts[n-1]
}

// atGate are the steps of a job that has come to its gate: a step without a name
// of its own is called after what it runs.
func atGate() []object {
	return []object{
		{"name": "Set up job", "status": "completed", "conclusion": "success", "number": 1},
		{"name": "Run sallyport-dev/sallyport@main", "status": "in_progress", "conclusion": nil, "number": 2},
		{"name": "Run ./deploy.sh", "status": "queued", "conclusion": nil, "number": 3},
	}
}

// jobShape is a job of an attempt that has succeeded, with fields over it.
func (g *github) jobShape(r *repo, a *attempt, fields object) object {
	run, id := idOf(a.shape), idOf(fields)
	if id == 0 {
		id = g.nextID()
	}
	api := g.api("/repos/%s/%s/actions", r.owner, r.name)
	shape := object{
		"name": "job", "id": id, "run_id": run, "run_attempt": a.shape["run_attempt"], "run_url": fmt.Sprintf("%s/runs/%d", api, run),
		"node_id": "CR_" + strconv.FormatInt(id, 10), "head_sha": a.shape["head_sha"], "head_branch": a.shape["head_branch"],
		"workflow_name": a.shape["name"], "url": fmt.Sprintf("%s/jobs/%d", api, id),
		"html_url":      fmt.Sprintf("%s/job/%d", a.shape["html_url"], id),
		"check_run_url": g.api("/repos/%s/%s/check-runs/%d", r.owner, r.name, id),
		"status":        "completed", "conclusion": "success", "created_at": made, "started_at": made, "completed_at": made.Add(time.Minute),
		"labels": []string{"ubuntu-latest"}, "runner_id": 1, "runner_name": "GitHub Actions 1", "runner_group_id": 0, "runner_group_name": "GitHub Actions",
		"steps": []object{},
	}
	maps.Copy(shape, fields)
	return shape
}

// putRun merges fields into the last attempt, or into the one that they name.
func (g *github) putRun(r *repo, req *http.Request) error {
	x := g.ensureRun(r, pathID(req, "id"))
	return g.mergeAttempt(r, req, int64(len(x.attempts)))
}

func (g *github) putAttempt(r *repo, req *http.Request) error {
	return g.mergeAttempt(r, req, pathID(req, "n"))
}

// maxAttempts is how often a run can run, as there.
const maxAttempts = 51

func (g *github) mergeAttempt(r *repo, req *http.Request, n int64) error {
	var fields object
	if err := readJSON(req, &fields); err != nil {
		return err
	}
	for _, field := range []string{"actor", "triggering_actor"} {
		if err := g.readUser(fields, field); err != nil {
			return err
		}
	}
	if named, ok := fields["run_attempt"].(float64); ok {
		n = int64(named)
	}
	if n < 1 || n > maxAttempts {
		return fmt.Errorf("attempt %d, want 1 to %d", n, maxAttempts)
	}
	id := pathID(req, "id")
	g.ensureRun(r, id)
	g.ensureAttempt(r, id, n).merge(fields)
	return nil
}

// merge lays fields over an attempt. Objects are merged with those that are
// there, and a commit or branch becomes that of the jobs too.
func (a *attempt) merge(fields object) {
	for name, v := range fields {
		if given, ok := v.(object); ok {
			before, _ := a.shape[name].(object)
			v = with(before, given)
		}
		a.shape[name] = v
	}
	if head, ok := fields["head_sha"]; ok && fields["head_commit"] == nil {
		before, _ := a.shape["head_commit"].(object)
		a.shape["head_commit"] = with(before, object{"id": head})
	}
	for _, name := range []string{"head_sha", "head_branch"} {
		for _, job := range a.jobs {
			if v, ok := fields[name]; ok {
				job[name] = v
			}
		}
	}
}

func (g *github) putJobs(r *repo, req *http.Request) error {
	var in []object
	if err := readJSON(req, &in); err != nil {
		return err
	}
	id, n := pathID(req, "id"), pathID(req, "n")
	if n < 1 || n > maxAttempts {
		return fmt.Errorf("attempt %d, want 1 to %d", n, maxAttempts)
	}
	g.ensureRun(r, id)
	a := g.ensureAttempt(r, id, n)
	a.jobs = []object{}
	for _, fields := range in {
		a.jobs = append(a.jobs, g.jobShape(r, a, fields))
	}
	return nil
}

func (g *github) putApprovals(r *repo, req *http.Request) error {
	return readJSON(req, &g.ensureRun(r, pathID(req, "id")).approvals)
}

func (g *github) putReview(r *repo, req *http.Request) error {
	var v review
	if err := readJSON(req, &v); err != nil {
		return err
	}
	if v.User != nil {
		g.people.know(*v.User)
	}
	return g.approve(r, g.ensureRun(r, pathID(req, "id")), v)
}

// putPending replaces what waits: fields of pending deployments, whose
// environment is at least a name.
func (g *github) putPending(r *repo, req *http.Request) error {
	var in []object
	if err := readJSON(req, &in); err != nil {
		return err
	}
	x := g.ensureRun(r, pathID(req, "id"))
	pending := []object{}
	for _, fields := range in {
		named, _ := fields["environment"].(object)
		name, _ := named["name"].(string)
		e := r.environment(name)
		if e == nil {
			return fmt.Errorf("environment %q does not exist; PUT it first", name)
		}
		fields["environment"] = with(e.reference(), named)
		pending = append(pending, g.pendingShape(x, e, fields))
	}
	x.pending = pending
	return nil
}
