package gitlab

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/xanzy/go-gitlab"

	"github.com/sallyport-dev/sallyport/internal/change"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Past reads an environment's deployments, newest first, down to the base.
// A person who may create a deployment by the API could claim that anything is
// deployed, and a person who may run a job could deploy a commit of their own branch
// and then merge it, so that nothing of it were part of the change. Only what a
// job on a protected branch or tag deployed moves the base (G11, H13).
func (h *history) Past(ctx context.Context, q policy.ChangeQuery, branch string) (change.Past, error) {
	var past change.Past
	protected := map[string]bool{}
	if named := subject.Literal(q.Branch) == q.Branch; named && (q.Branch == "" || q.Branch == branch) {
		protected["refs/heads/"+branch] = true // the policy says that what is deployed from there counts
	}
	err := each(ctx, h.Repo, h.deployments(q.Environment), func(page []deployment) (bool, error) {
		for _, d := range page {
			switch {
			case d.Environment.Name != q.Environment:
			case h.asks(d):
				h.entry = &d
			case d.Status == "success":
				ok, err := h.sound(ctx, d, protected)
				if err != nil {
					return false, err
				}
				if ok {
					base := d.plain()
					base.Run = h.web("/-/jobs/" + itoa(d.Deployable.ID))
					past.Base = &base
					return false, nil
				}
				past.Ignored = append(past.Ignored, fmt.Sprintf("deployment %d came from no job on a protected ref", d.ID))
			default:
				on, err := h.onItsWay(ctx, d)
				if err != nil {
					return false, err
				}
				if on {
					past.OnWay = append(past.OnWay, d.plain())
				}
			}
		}
		return true, nil
	})
	return past, err
}

func (d deployment) plain() change.Deployment {
	return change.Deployment{ID: d.ID, Commit: d.SHA, Created: moment(d.Created)}
}

// onItsWay reports whether a deployment was let in. What waits for people was
// not, and neither was what is only said to run: anybody may say so by the API.
func (h *history) onItsWay(ctx context.Context, d deployment) (bool, error) {
	switch {
	case d.Deployable == nil || !full(d.SHA):
		return false, nil
	case d.Status == "running":
		return true, nil
	case d.Status != "blocked" && d.Status != "created":
		return false, nil
	}
	record, err := one[deployment](ctx, h.Repo, question{path: h.project("/deployments/" + itoa(d.ID))})
	return err == nil && record.Pending == 0 && len(record.given()) > 0, err
}

// asks says whether d is the deployment of the job that asks.
func (repo *Repo) asks(d deployment) bool {
	id := repo.asker.job
	return id != "" && d.Deployable != nil && itoa(d.Deployable.ID) == id
}

// sound says whether a deployment that succeeded came from a job of this
// project, on the commit that it names, on a ref that is protected.
func (repo *Repo) sound(ctx context.Context, d deployment, protected map[string]bool) (bool, error) {
	b := d.Deployable
	switch {
	case b == nil || b.ID <= 0 || b.Pipeline.ID <= 0 || b.Status != "success":
		return false, nil
	case b.Commit.ID != d.SHA || b.Pipeline.SHA != "" && b.Pipeline.SHA != d.SHA || b.Ref != d.Ref:
		return false, nil
	case b.Pipeline.Project != 0 && projectID().MatchString(repo.id) && itoa(b.Pipeline.Project) != repo.id:
		return false, nil
	}
	name := b.fullRef()
	if ok, asked := protected[name]; asked {
		return ok, nil
	}
	ok, err := repo.protects(ctx, name)
	if absent(err) {
		ok, err = false, nil
	}
	if err == nil {
		protected[name] = ok
	}
	return ok, err
}

// protects says whether a ref is protected now. Of a branch that is gone, or that
// this token may not see, it is not known (absent).
func (repo *Repo) protects(ctx context.Context, name string) (bool, error) {
	if branch, ok := strings.CutPrefix(name, "refs/heads/"); ok {
		b, err := repo.branch(ctx, branch)
		return err == nil && b.Protected, err
	}
	if !strings.HasPrefix(name, "refs/tags/") {
		return false, nil
	}
	open, err := repo.open(ctx, []string{name})
	return err == nil && len(open) == 0, err
}

// A tip is what a branch points at now.
type tip struct {
	Name      string `json:"name"`
	Protected bool   `json:"protected"`
	Commit    ref    `json:"commit"`
}

func (repo *Repo) branch(ctx context.Context, name string) (tip, error) {
	t, err := one[tip](ctx, repo, question{path: repo.project("/repository/branches/" + gitlab.PathEscape(name))})
	if err == nil && (t.Name != name || !full(t.Commit.ID)) {
		err = fault.New(fault.Refused, fault.Malformed, "", "the GitLab API answered with branch %q at %q, asked for %q", t.Name, t.Commit.ID, name)
	}
	return t, err
}

// full says whether id is a whole commit id. An abbreviated one may become
// another commit's, and a name may be a branch's.
func full(id string) bool {
	return (len(id) == 40 || len(id) == 64) && strings.Trim(id, "0123456789abcdef") == ""
}

func short(id string) string { return id[:min(7, len(id))] }

// between lists the commits of to's history that are not in from's; from "" is
// nothing. Both are whole ids, so the answer stands for ever.
func (repo *Repo) between(ctx context.Context, from, to string) ([]commit, error) {
	q := question{
		path:  repo.project("/repository/commits"),
		query: url.Values{"ref_name": {to}},
		fixed: true,
		more:  change.BeginLater,
	}
	if from != "" {
		q.query.Set("ref_name", from+".."+to)
	}
	return list[commit](ctx, repo, q)
}

// ancestor says whether a is b or in b's history.
func (repo *Repo) ancestor(ctx context.Context, a, b string) (bool, error) {
	if a == b {
		return true, nil
	}
	found, err := some[commit](ctx, repo, question{path: repo.project("/repository/commits"), query: url.Values{"ref_name": {b + ".." + a}, "per_page": {"1"}}, fixed: true})
	return err == nil && len(found) == 0, err
}

// exists wants a commit to be in the repository under this very id.
func (repo *Repo) exists(ctx context.Context, id string) error {
	if !full(id) {
		return fault.New(fault.Refused, fault.Source, "", "%q is not the whole id of a commit", id)
	}
	c, err := one[commit](ctx, repo, question{path: repo.project("/repository/commits/" + id), fixed: true})
	switch {
	case absent(err):
		return fault.New(fault.Refused, fault.Source, "", "%s has no commit %q", repo.Name(), id)
	case err == nil && c.ID != id:
		return fault.New(fault.Refused, fault.Malformed, "", "the GitLab API answered with commit %q, asked for %q", c.ID, id)
	}
	return err
}

// maxBranches bounds how many branches of a pattern are asked whether they are
// protected.
const maxBranches = 200

// branchLike returns the first branch of a pattern, by name, that has a commit.
// Protected ones come first. It is the pattern itself where there is none.
func (repo *Repo) branchLike(ctx context.Context, pattern, head string) (string, error) {
	refs, err := list[struct {
		Type string `json:"type"`
		Name string `json:"name"`
	}](ctx, repo, question{path: repo.project("/repository/commits/" + head + "/refs"),
		query: url.Values{"type": {"branch"}}})
	if err != nil {
		return "", err
	}
	var fit []string
	for _, r := range refs {
		if r.Type == "branch" && subject.Match(pattern, r.Name) {
			fit = append(fit, r.Name)
		}
	}
	if len(fit) > maxBranches {
		return "", fault.New(fault.Refused, fault.Limit, "write a narrower pattern at the key branch, or build on the branches themselves", "%d branches of %q have commit %s, at most %d are looked at", len(fit), pattern, short(head), maxBranches)
	}
	if len(fit) == 0 {
		return pattern, nil
	}
	slices.Sort(fit)
	for _, name := range fit {
		b, err := repo.branch(ctx, name)
		if err != nil && !absent(err) {
			return "", err
		}
		if err == nil && b.Protected {
			return name, nil
		}
	}
	return fit[0], nil
}
