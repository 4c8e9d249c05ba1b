package github

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-dev/sallyport/internal/change"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

type deployment struct {
	ID        int64     `json:"id"`
	Node      string    `json:"node_id"`
	SHA       string    `json:"sha"`
	Ref       string    `json:"ref"`
	Task      string    `json:"task"`
	Creator   *user     `json:"creator"`
	CreatedAt time.Time `json:"created_at"`
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
func (repo *Repo) statuses(ctx context.Context, d deployment) ([]deploymentStatus, error) {
	if all, ok := repo.known.over(d.ID); ok {
		return all, nil
	}
	q := inquiry{path: repo.at("deployments/%d/statuses", d.ID), need: readContents}
	all, found, err := list[deploymentStatus](ctx, repo, q, nil)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fault.New(fault.Refused, fault.Malformed, "", "the GitHub API lists deployment %d and does not have it", d.ID)
	}
	all = slices.DeleteFunc(all, func(s deploymentStatus) bool { return !byWorkflow(s.Creator) })
	if len(all) > 0 && slices.Contains([]string{"success", "failure", "error", "inactive"}, all[0].State) {
		for n := range len(all)/perPage + 1 {
			repo.known.settle(q.page(n + 1))
		}
	}
	return all, nil
}

// fewer is the next step where there are too many deployments to look at.
func (repo *Repo) fewer() string {
	return "delete deployments that did not succeed: gh api -X DELETE " + repo.at("deployments") + "/ID"
}

// deployments returns those into an environment, newest first, as far as
// enough says.
func (repo *Repo) deployments(ctx context.Context, environment string, enough func([]deployment) bool) ([]deployment, error) {
	path := repo.at("deployments") + "?environment=" + url.QueryEscape(environment)
	q := inquiry{path: path, need: readContents, more: repo.fewer()}
	all, found, err := list[deployment](ctx, repo, q, enough)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fault.New(fault.Unavailable, fault.NotAvailable, string(readContents), "the deployments of %s/%s may not be seen", repo.owner, repo.name)
	}
	return all, nil
}

var logURL = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(.+)/actions/runs/([1-9][0-9]{0,18})(?:/.*)?$`)
})

// runOf is the run of this repository whose log a status names, or 0.
func (repo *Repo) runOf(s deploymentStatus) int64 {
	m := logURL().FindStringSubmatch(s.LogURL)
	if m == nil || !strings.EqualFold(m[1], repo.web("")) {
		return 0
	}
	id, err := strconv.ParseInt(m[2], 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// maxCandidates bounds how many deployments of workflows are looked at to find
// one that succeeded. Gates that ended with "wait" leave failed ones, so there
// may be many.
const maxCandidates = 2000

// past is what was deployed into an environment before, while it is found.
type past struct {
	change.Past
	query policy.ChangeQuery
	asked int
	ahead int // of those listed, how many GraphQL was asked about
}

// singly is how many deployments are looked at one by one: one of the newest has
// usually succeeded.
const singly = 3

// Past finds what is in an environment. Anybody with write access may make a
// deployment and say that it succeeded; one counts only if a job of a workflow
// made it, its log is that of a run of this repository on that very commit, of
// a workflow that deploys here, on a ref of a release, and that run as a whole
// succeeded (G11).
func (h history) Past(ctx context.Context, q policy.ChangeQuery, _ string) (change.Past, error) {
	p := past{query: q}
	looked := 0
	var failed error
	_, err := h.deployments(ctx, q.Environment, func(all []deployment) bool {
		for _, d := range all[looked:] {
			if p.asked >= singly && looked >= p.ahead {
				p.ahead = len(all)
				if failed = h.ended(ctx, all[looked:]); failed != nil {
					return true
				}
			}
			looked++
			done, err := h.weigh(ctx, &p, d)
			if err != nil || done {
				failed = err
				return true
			}
		}
		return false
	})
	return p.Past, errors.Join(failed, err)
}

func (d deployment) plain() change.Deployment {
	return change.Deployment{ID: d.ID, Commit: d.SHA, Created: d.CreatedAt}
}

// weigh looks at one deployment; done says that it is the base.
func (h history) weigh(ctx context.Context, p *past, d deployment) (done bool, err error) {
	skip := func(format string, args ...any) (bool, error) {
		p.Ignored = append(p.Ignored, fmt.Sprintf("deployment %d %s", d.ID, fmt.Sprintf(format, args...)))
		return false, nil
	}
	if !byWorkflow(d.Creator) {
		if d.SHA == p.query.Head {
			where := fmt.Sprintf("deployment %d", d.ID)
			p.Makers = append(p.Makers, policy.Maker{Role: policy.Trigger, Account: h.account(d.Creator), Where: where, Mark: where})
		}
		return skip("was made by %s, not by a workflow", who(d.Creator))
	}
	if d.Task != "deploy" {
		return skip("is for %q", d.Task)
	}
	if p.asked++; p.asked > maxCandidates {
		return false, fault.New(fault.Refused, fault.Limit, h.fewer(),
			"none of the newest %d deployments into %q succeeded", maxCandidates, p.query.Environment)
	}
	all, err := h.statuses(ctx, d)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(all, func(s deploymentStatus) bool { return h.runOf(s) != 0 })
	if i < 0 {
		return skip("names no run of this repository")
	}
	id := h.runOf(all[i])
	in := slices.ContainsFunc(all, func(s deploymentStatus) bool { return s.State == "success" && h.runOf(s) == id })
	switch {
	case id == h.asker.id:
		return false, nil
	case !in && !slices.Contains([]string{"in_progress", "queued", "pending"}, all[0].State):
		return skip("did not succeed") // whatever its run says
	}
	r, found, err := h.latest(ctx, id)
	q := p.query
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
	case in && r.succeeded():
		base := d.plain()
		base.Run = h.web("/actions/runs/" + strconv.FormatInt(id, 10))
		p.Base = &base
		return true, nil
	case in:
		p.Newer = append(p.Newer, d.plain())
		return false, nil
	case !onItsWay(r, all[0]):
		return skip("did not succeed")
	}
	waits, err := h.waits(ctx, r, d.SHA)
	if err != nil {
		return false, err
	}
	if waits {
		return skip("waits for people in its gate")
	}
	p.OnWay = append(p.OnWay, d.plain())
	return false, nil
}

// waits reports whether each job of a run that has not ended has a gate of ours that
// has not ended: what it would deploy has not been let in. A job without steps, which
// has not begun, may come after a gate that has ended. A step that has no name of its
// own is called after the action that it runs.
func (h history) waits(ctx context.Context, r run, sha string) (bool, error) {
	jobs, err := h.jobsNow(ctx, r)
	if err != nil {
		return false, err
	}
	gates := 0
	for _, x := range jobs {
		if x.Status == "completed" {
			continue
		}
		if x.HeadSHA != sha {
			return false, nil // not the run that it is said to be
		}
		i := slices.IndexFunc(x.Steps, func(s jobStep) bool { return gateStep().MatchString(s.Name) })
		if i < 0 || x.Steps[i].Status == "completed" {
			return false, nil
		}
		gates++
	}
	return gates > 0, nil
}

var gateStep = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?i:Run )?[A-Za-z0-9_.-]+/sallyport(?:/actions/(?:gate|enter))?@|^(?i:sallyport gate)\b`)
})

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
func (repo *Repo) entered(ctx context.Context, environment string) (bool, error) {
	own := repo.asker
	r, found, err := repo.latest(ctx, own.id)
	if err != nil {
		return false, err
	}
	if !found {
		return false, fault.New(fault.Unavailable, fault.NotAvailable, string(readActions), "the GitHub API does not show run %d, which asks", own.id)
	}
	// A deployment of this run is among the newest; older pages hold none.
	all, err := repo.deployments(ctx, environment, func([]deployment) bool { return true })
	if err != nil {
		return false, err
	}
	for _, d := range all {
		if !byWorkflow(d.Creator) || d.SHA != r.HeadSHA || d.CreatedAt.Before(r.CreatedAt) {
			continue
		}
		in, err := repo.enters(ctx, d, own.id)
		if err != nil || in {
			return in, err
		}
	}
	return false, nil
}

func (repo *Repo) enters(ctx context.Context, d deployment, id int64) (bool, error) {
	all, err := repo.statuses(ctx, d)
	if err != nil {
		return false, err
	}
	for _, s := range all {
		if repo.runOf(s) == id && (s.State == "in_progress" || s.State == "success") {
			repo.known.settle(inquiry{path: repo.at("deployments/%d/statuses", d.ID)}.page(1))
			return true, nil
		}
	}
	return false, nil
}
