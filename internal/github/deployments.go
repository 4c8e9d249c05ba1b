package github

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// maxCandidates bounds how many deployments are looked at to find one that
// succeeded.
const maxCandidates = 100

type deployment struct {
	ID        int64     `json:"id"`
	SHA       string    `json:"sha"`
	Ref       string    `json:"ref"`
	Task      string    `json:"task"`
	Creator   *user     `json:"creator"`
	CreatedAt time.Time `json:"created_at"`
}

func (d deployment) words() string {
	return fmt.Sprintf("deployment %d of commit %s", d.ID, short(d.SHA))
}

func short(sha string) string { return sha[:min(len(sha), 7)] }

type deploymentStatus struct {
	State   string `json:"state"`
	LogURL  string `json:"log_url"`
	Creator *user  `json:"creator"`
}

// byWorkflow says whether it was a job of a workflow that spoke.
func byWorkflow(u *user) bool { return u != nil && u.ID == actionsBot && u.Type == "Bot" }

// statuses returns what the jobs of workflows said about a deployment, newest
// first; what others wrote there is left out.
func (j *Job) statuses(ctx context.Context, d deployment) ([]deploymentStatus, error) {
	q := inquiry{path: j.at("deployments/%d/statuses", d.ID), need: readContents}
	all, found, err := list[deploymentStatus](ctx, j, q, nil)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fault.New(fault.Refused, fault.Malformed, "", "the GitHub API lists deployment %d and does not have it", d.ID)
	}
	all = slices.DeleteFunc(all, func(s deploymentStatus) bool { return !byWorkflow(s.Creator) })
	if len(all) > 0 && slices.Contains([]string{"success", "failure", "error", "inactive"}, all[0].State) {
		for n := range len(all)/perPage + 1 {
			j.known.settle(q.page(n + 1))
		}
	}
	return all, nil
}

// deployments returns those into an environment, newest first, as far as
// enough says.
func (j *Job) deployments(ctx context.Context, environment string, enough func([]deployment) bool) ([]deployment, error) {
	q := inquiry{path: j.at("deployments") + "?environment=" + url.QueryEscape(environment), need: readContents}
	all, found, err := list[deployment](ctx, j, q, enough)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fault.New(fault.Unavailable, fault.NotAvailable, string(readContents), "the deployments of %s/%s may not be seen", j.owner, j.repo)
	}
	return all, nil
}

var logURL = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(.+)/actions/runs/([1-9][0-9]{0,18})(?:/.*)?$`)
})

// runOf is the run of this repository whose log a status names, or 0.
func (j *Job) runOf(s deploymentStatus) int64 {
	m := logURL().FindStringSubmatch(s.LogURL)
	if m == nil || !strings.EqualFold(m[1], j.web("")) {
		return 0
	}
	id, err := strconv.ParseInt(m[2], 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// past is what was deployed into an environment before.
type past struct {
	base    *deployment  // the newest that really succeeded
	newer   []deployment // after it, and in, although their run failed later
	onWay   []deployment // after it, and past the rules
	skipped []string     // in words: what looks like a deployment and does not count
	byHand  []deployment // that no workflow made
	asked   int
}

// past finds what is in an environment. Anybody with write access may make a
// deployment and say that it succeeded; one counts only if a job of a workflow
// made it, its log is that of a run of this repository on that very commit, of
// a workflow that deploys here, on a ref of a release, and that run as a whole succeeded (G11).
func (j *Job) past(ctx context.Context, q policy.ChangeQuery) (past, error) {
	var p past
	looked := 0
	visit := func(all []deployment) (stop bool, err error) {
		for _, d := range all[looked:] {
			looked++
			done, err := j.weigh(ctx, &p, d, q)
			if err != nil || done {
				return true, err
			}
		}
		return false, nil
	}
	var failed error
	_, err := j.deployments(ctx, q.Environment, func(all []deployment) bool {
		stop, err := visit(all)
		failed = err
		return stop
	})
	if failed != nil {
		return past{}, failed
	}
	return p, err
}

// weigh looks at one deployment; done says that it is the base.
func (j *Job) weigh(ctx context.Context, p *past, d deployment, q policy.ChangeQuery) (done bool, err error) {
	skip := func(format string, args ...any) (bool, error) {
		p.skipped = append(p.skipped, fmt.Sprintf("deployment %d %s", d.ID, fmt.Sprintf(format, args...)))
		return false, nil
	}
	if !byWorkflow(d.Creator) {
		p.byHand = append(p.byHand, d)
		return skip("was made by %s, not by a workflow", who(d.Creator))
	}
	if d.Task != "deploy" {
		return skip("is for %q", d.Task)
	}
	if p.asked++; p.asked > maxCandidates {
		return false, fault.New(fault.Refused, fault.Limit, "", "none of the newest %d deployments succeeded", maxCandidates)
	}
	all, err := j.statuses(ctx, d)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(all, func(s deploymentStatus) bool { return j.runOf(s) != 0 })
	if i < 0 {
		return skip("names no run of this repository")
	}
	id := j.runOf(all[i])
	if id == j.own().id {
		return false, nil
	}
	r, found, err := j.latest(ctx, id)
	switch {
	case err != nil:
		return false, err
	case !found:
		return skip("names run %d, which is not there", id)
	case r.HeadSHA != d.SHA:
		return skip("is of another commit than its run %d", id)
	case strings.HasPrefix(r.Event, "pull_request"):
		return skip("was made for a request")
	case len(q.Workflows) > 0 && !slices.Contains(q.Workflows, r.file()):
		return skip("was made by %q, which does not deploy here", r.file())
	case len(q.Refs) > 0 && !r.on(q.Refs):
		return skip("was made on %q, from which nothing is released", r.HeadBranch)
	}
	in := slices.ContainsFunc(all, func(s deploymentStatus) bool { return s.State == "success" && j.runOf(s) == id })
	switch {
	case in && r.succeeded():
		p.base = &d
		return true, nil
	case in:
		p.newer = append(p.newer, d)
		return false, nil
	case onItsWay(r, all[0]):
		p.onWay = append(p.onWay, d)
		return false, nil
	}
	return skip("did not succeed")
}

// onItsWay says whether a deployment is past the rules. A run that waits has a
// job that is not.
func onItsWay(r run, newest deploymentStatus) bool {
	switch newest.State {
	case "in_progress":
		return !r.done()
	case "queued", "pending":
		return !r.done() && r.Status != "waiting"
	}
	return false
}

func who(u *user) string {
	if u == nil || u.Login == "" {
		return "somebody unknown"
	}
	return u.Login
}

// entered says whether the run that asks is in the environment already: one of
// its jobs is past the rules.
func (j *Job) entered(ctx context.Context, environment string) (bool, error) {
	own := j.own()
	r, found, err := j.latest(ctx, own.id)
	if err != nil {
		return false, err
	}
	if !found {
		return false, fault.New(fault.Unavailable, fault.NotAvailable, string(readActions), "the GitHub API does not show run %d, which asks", own.id)
	}
	// A deployment of this run is among the newest; older pages hold none.
	all, err := j.deployments(ctx, environment, func([]deployment) bool { return true })
	if err != nil {
		return false, err
	}
	for _, d := range all {
		if !byWorkflow(d.Creator) || d.SHA != r.HeadSHA || d.CreatedAt.Before(r.CreatedAt) {
			continue
		}
		in, err := j.enters(ctx, d, own.id)
		if err != nil || in {
			return in, err
		}
	}
	return false, nil
}

func (j *Job) enters(ctx context.Context, d deployment, id int64) (bool, error) {
	all, err := j.statuses(ctx, d)
	if err != nil {
		return false, err
	}
	for _, s := range all {
		if j.runOf(s) == id && (s.State == "in_progress" || s.State == "success") {
			j.known.settle(inquiry{path: j.at("deployments/%d/statuses", d.ID)}.page(1))
			return true, nil
		}
	}
	return false, nil
}
