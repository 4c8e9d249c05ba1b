package gitlab

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/xanzy/go-gitlab"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// maxOnTheirWay bounds how many deployments may be newer than the newest that
// succeeded and still have to be looked at one by one.
const maxOnTheirWay = 20

// A history is what an environment went through, as far as it matters.
type history struct {
	base    *deployment  // the newest that succeeded and came from the pipeline of a protected ref
	onWay   []deployment // newer ones that run, or that somebody approved
	own     *deployment  // that of the job that asks, unless it is older
	ignored int          // newer ones that succeeded, and came from elsewhere
}

// history reads an environment's deployments, newest first, down to the base.
// Whoever may create a deployment by the API could claim that anything is
// deployed, and whoever may run a job could deploy a commit of his own branch
// and then merge it, so that nothing of it were part of the change. Only what a
// job on a protected branch or tag deployed moves the base (G11, H13).
//
// branch is the one that the policy names, which is to say that what is deployed
// from there counts; it is empty where a pattern found it.
func (j *Job) history(ctx context.Context, env, branch string) (history, error) {
	var h history
	protected := map[string]bool{}
	if branch != "" {
		protected["refs/heads/"+branch] = true
	}
	err := each(ctx, j, j.deployments(env), func(page []deployment) (bool, error) {
		for _, d := range page {
			if d.Environment.Name != env {
				continue
			}
			if j.asks(d) {
				h.own = &d
				continue
			}
			switch d.Status {
			case "success":
				ok, err := j.sound(ctx, d, protected)
				if err != nil {
					return false, err
				}
				if ok {
					h.base = &d
					return false, nil
				}
				h.ignored++
			case "running", "blocked", "created":
				if d.Deployable != nil { // anybody may say by API that something runs
					h.onWay = append(h.onWay, d)
				}
			}
		}
		return true, nil
	})
	return h, err
}

// asks says whether d is the deployment of the job that asks.
func (j *Job) asks(d deployment) bool {
	id := j.getenv("CI_JOB_ID")
	return id != "" && d.Deployable != nil && itoa(d.Deployable.ID) == id
}

// sound says whether a deployment that succeeded came from a job of this
// project, on the commit that it names, on a ref that is protected.
func (j *Job) sound(ctx context.Context, d deployment, protected map[string]bool) (bool, error) {
	b := d.Deployable
	switch {
	case b == nil || b.ID <= 0 || b.Pipeline.ID <= 0 || b.Status != "success":
		return false, nil
	case b.Commit.ID != d.SHA || b.Pipeline.SHA != "" && b.Pipeline.SHA != d.SHA || b.Ref != d.Ref:
		return false, nil
	case b.Pipeline.Project != 0 && projectID().MatchString(j.id) && itoa(b.Pipeline.Project) != j.id:
		return false, nil
	}
	name := b.fullRef()
	if ok, asked := protected[name]; asked {
		return ok, nil
	}
	ok, err := j.protects(ctx, name)
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
func (j *Job) protects(ctx context.Context, name string) (bool, error) {
	if branch, ok := strings.CutPrefix(name, "refs/heads/"); ok {
		b, err := j.branch(ctx, branch)
		return err == nil && b.Protected, err
	}
	if !strings.HasPrefix(name, "refs/tags/") {
		return false, nil
	}
	open, err := j.open(ctx, []string{name})
	return err == nil && len(open) == 0, err
}

// A tip is what a branch points at now.
type tip struct {
	Name      string `json:"name"`
	Protected bool   `json:"protected"`
	Commit    ref    `json:"commit"`
}

func (j *Job) branch(ctx context.Context, name string) (tip, error) {
	t, err := one[tip](ctx, j, question{path: j.project("/repository/branches/" + gitlab.PathEscape(name))})
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

func (d deployment) words() string {
	return fmt.Sprintf("deployment %d of commit %s", d.ID, short(d.SHA))
}

func short(id string) string { return id[:min(7, len(id))] }

// between lists the commits of to's history that are not in from's; from "" is
// nothing. Both are whole ids, so the answer stands for ever.
func (j *Job) between(ctx context.Context, from, to string) ([]commit, error) {
	q := question{path: j.project("/repository/commits"), query: url.Values{"ref_name": {to}}, fixed: true}
	if from != "" {
		q.query.Set("ref_name", from+".."+to)
	}
	all, err := list[commit](ctx, j, q)
	if fault.Of(err).Code == fault.Limit {
		return nil, fault.New(fault.Refused, fault.Limit, "set baseline of the environment, in the policy, to a commit that was deployed", "%w", err)
	}
	return all, err
}

// ancestor says whether a is b or in b's history.
func (j *Job) ancestor(ctx context.Context, a, b string) (bool, error) {
	if a == b {
		return true, nil
	}
	found, err := some[commit](ctx, j, question{path: j.project("/repository/commits"), query: url.Values{"ref_name": {b + ".." + a}, "per_page": {"1"}}, fixed: true})
	return err == nil && len(found) == 0, err
}

// exists wants a commit to be in the repository under this very id.
func (j *Job) exists(ctx context.Context, id string) error {
	if !full(id) {
		return fault.New(fault.Refused, fault.Source, "", "%q is not the whole id of a commit", id)
	}
	c, err := one[commit](ctx, j, question{path: j.project("/repository/commits/" + id), fixed: true})
	switch {
	case absent(err):
		return fault.New(fault.Refused, fault.Source, "", "%s has no commit %q", j.Name(), id)
	case err == nil && c.ID != id:
		return fault.New(fault.Refused, fault.Malformed, "", "the GitLab API answered with commit %q, asked for %q", c.ID, id)
	}
	return err
}

// overtaken returns a deployment on its way whose commit is a descendant of
// head: what would be entered now would be older in a moment (G16).
func (j *Job) overtaken(ctx context.Context, all []deployment, head string) (*deployment, error) {
	asked := 0
	for _, d := range all {
		if d.SHA == head || !full(d.SHA) {
			continue
		}
		if asked++; asked > maxOnTheirWay {
			return nil, fault.New(fault.Refused, fault.Limit, "cancel deployments that nobody wants any more", "more than %d deployments are on their way", maxOnTheirWay)
		}
		if d.Status != "running" {
			record, err := one[deployment](ctx, j, question{path: j.project("/deployments/" + itoa(d.ID))})
			if err != nil {
				return nil, err
			}
			if len(record.given()) == 0 {
				continue
			}
		}
		newer, err := j.ancestor(ctx, head, d.SHA)
		if err != nil || newer {
			return &d, err
		}
	}
	return nil, nil
}

// reachable says whether head is on its branch now, and for a tag also whether
// the tag still is where it was (G14).
func (j *Job) reachable(ctx context.Context, head, branch, ref string) (bool, error) {
	b, err := j.branch(ctx, branch)
	if absent(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	on, err := j.ancestor(ctx, head, b.Commit.ID)
	name, tagged := strings.CutPrefix(ref, "refs/tags/")
	if err != nil || !on || !tagged {
		return on, err
	}
	// By its whole name, so that no branch of the same name stands in for it.
	t, err := one[commit](ctx, j, question{path: j.project("/repository/commits/" + gitlab.PathEscape("refs/tags/"+name))})
	if absent(err) {
		return false, nil
	}
	return err == nil && t.ID == head, err
}

// maxBranches bounds how many branches of a pattern are asked whether they are
// protected.
const maxBranches = 200

// branchLike returns the first branch of a pattern, by name, that has a commit.
// Protected ones come first. It is the pattern itself where there is none.
func (j *Job) branchLike(ctx context.Context, pattern, head string) (string, error) {
	refs, err := list[struct {
		Type string `json:"type"`
		Name string `json:"name"`
	}](ctx, j, question{path: j.project("/repository/commits/" + head + "/refs"), query: url.Values{"type": {"branch"}}})
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
		b, err := j.branch(ctx, name)
		if err != nil && !absent(err) {
			return "", err
		}
		if err == nil && b.Protected {
			return name, nil
		}
	}
	return fit[0], nil
}

// order says how head stands to what is deployed. listed is what head has and
// base has not.
func (j *Job) order(ctx context.Context, base, head string, listed []commit) (policy.Order, error) {
	if base == head {
		return policy.Same, nil
	}
	if len(listed) == 0 {
		return policy.Older, nil
	}
	newer, err := j.ancestor(ctx, base, head)
	if err != nil {
		return policy.OrderUnknown, err
	}
	if newer {
		return policy.Newer, nil
	}
	return policy.Diverged, nil
}
