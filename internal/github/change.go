package github

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// story is what was found out about the commits of a change.
type story struct {
	until     time.Time
	order     policy.Order
	reachable bool
	all       graph // of which head may be a part
	commits   []commit
	makers    []policy.Maker
}

// Change says who made what wants to enter an environment: every commit since
// the one that is deployed there, every request that was merged among them,
// every push that brought them, and whoever started the runs.
func (j *Job) Change(ctx context.Context, q policy.ChangeQuery) (policy.Change, error) {
	ctx, cancel := j.within(ctx)
	defer cancel()
	if err := j.mine(ctx, q); err != nil {
		return policy.Change{}, err
	}
	if err := j.deploys(ctx, q); err != nil {
		return policy.Change{}, err
	}
	was, err := j.past(ctx, q)
	if err != nil {
		return policy.Change{}, fmt.Errorf("asking what is in %q: %w", q.Environment, err)
	}
	c := policy.Change{Repository: q.Repository, Head: q.Head, Base: q.Baseline}
	if was.base != nil {
		c.Base = was.base.SHA
	}
	if c.Branch, err = j.branchOf(ctx, q); err != nil {
		return policy.Change{}, err
	}
	s, err := j.story(ctx, c)
	if err != nil {
		return policy.Change{}, err
	}
	c.Order, c.Reachable, c.Makers = s.order, s.reachable, slices.Clone(s.makers)
	for _, x := range s.commits {
		c.Commits = append(c.Commits, policy.Commit{ID: x.SHA, Title: x.title(), Author: authorOf(x), Time: x.time()})
	}
	if err := j.place(ctx, &c, s, was); err != nil {
		return policy.Change{}, err
	}
	if tag, ok := strings.CutPrefix(q.Ref, "refs/tags/"); ok && c.Reachable {
		if c.Reachable, err = j.tagged(ctx, tag, q.Head); err != nil {
			return policy.Change{}, err
		}
	}
	return c, j.starters(ctx, &c, q, was)
}

func authorOf(c commit) string {
	if c.Author != nil && c.Author.Login != "" {
		return c.Author.Login
	}
	return c.Commit.Author.Name
}

// mine refuses what this repository cannot answer for.
func (j *Job) mine(ctx context.Context, q policy.ChangeQuery) error {
	if err := environmentName(q.Environment); err != nil {
		return err
	}
	if !fullSHA().MatchString(q.Head) || q.Baseline != "" && !fullSHA().MatchString(q.Baseline) {
		return fault.New(fault.Refused, fault.Source, "", "commits %q and %q, want full names of commits", q.Head, q.Baseline)
	}
	if !strings.EqualFold(q.Repository, j.web("")) {
		return fault.New(fault.Refused, fault.Source, "run the gate in the repository that was built", "built in %q, and this is %q: nothing here says who made it", q.Repository, j.web(""))
	}
	id, err := j.number(ctx)
	if err != nil {
		return err
	}
	if q.ID != "" && q.ID != id {
		return fault.New(fault.Refused, fault.Source, "", "repository %q is number %s, want %s: the name was given to another", q.Repository, id, q.ID)
	}
	return nil
}

// deploys refuses to let a run deploy whose deployment would not count as one:
// the next release would be held against what was there before it, and an older
// one could follow it (G16).
func (j *Job) deploys(ctx context.Context, q policy.ChangeQuery) error {
	own := j.own()
	if !q.Self || own.id == 0 {
		return nil
	}
	r, found, err := j.try(ctx, own)
	if err != nil || !found {
		return err // started says that it is not there
	}
	if len(q.Workflows) > 0 && !slices.Contains(q.Workflows, r.file()) {
		return fault.New(fault.Usage, fault.Policy, "name it under deployed-by, or gate in a workflow that stands there", "this run is of %q, and what that deploys into %q would not count as deployed", r.file(), q.Environment)
	}
	if len(q.Refs) > 0 && !r.on(q.Refs) {
		return fault.New(fault.Usage, fault.Policy, "deploy from a ref of built-by", "this run is on %q, and what is deployed from there into %q would not count as deployed; that counts from %s",
			r.HeadBranch, q.Environment, strings.Join(q.Refs, ", "))
	}
	return nil
}

// story finds out what happened between base and head.
func (j *Job) story(ctx context.Context, c policy.Change) (story, error) {
	key := strings.Join([]string{c.Base, c.Head, c.Branch}, " ")
	if s, ok := j.known.story(key, j.Now()); ok {
		return s, nil
	}
	s, err := j.stand(ctx, c)
	if err != nil {
		return story{}, err
	}
	w := newWalk(j, newGraph(s.commits), c.Branch)
	if s.makers, err = w.makers(ctx); err != nil {
		return story{}, err
	}
	s.until = j.Now().Add(seldom)
	j.known.tell(key, s)
	return s, nil
}

// stand finds out how head stands to base and to its branch. The log of
// activity says where the branch is, and may lag behind; so who is not on it is
// looked for once more where the branch really is.
func (j *Job) stand(ctx context.Context, c policy.Change) (story, error) {
	logged, err := j.loggedTip(ctx, c.Branch)
	if err != nil {
		return story{}, err
	}
	var s story
	if logged != "" {
		if s, err = j.against(ctx, c, logged); err != nil || s.reachable {
			return s, err
		}
	}
	now, err := j.tip(ctx, c.Branch)
	if err != nil || logged != "" && now == logged {
		return s, err
	}
	return j.against(ctx, c, now)
}

// against looks for head among what the branch has and base has not, so that
// one question answers three: which commits are new, whether head is on the
// branch, and whether base comes before it.
func (j *Job) against(ctx context.Context, c policy.Change, tip string) (story, error) {
	switch {
	case c.Base == "":
		return j.first(ctx, c.Head, tip)
	case tip == "":
		return j.apart(ctx, c, tip)
	}
	all, found, err := j.compare(ctx, c.Base, tip)
	switch {
	case err != nil:
		return story{}, err
	case !found:
		return j.apart(ctx, c, "")
	case c.Head == c.Base:
		return story{order: policy.Same, reachable: all.after(), all: all.graph}, nil
	case !all.has(c.Head):
		return j.apart(ctx, c, tip)
	}
	s := story{order: policy.Diverged, reachable: true, all: all.graph, commits: all.part(c.Head)}
	if all.after() && follows(s.commits, c.Base) {
		s.order = policy.Newer
	}
	return s, nil
}

// first is the whole history, where nothing is deployed.
func (j *Job) first(ctx context.Context, head, tip string) (story, error) {
	if tip != "" {
		g, found, err := j.beginning(ctx, tip)
		if err != nil {
			return story{}, err
		}
		if found && g.has(head) {
			return story{order: policy.First, reachable: true, all: g, commits: g.part(head)}, nil
		}
	}
	g, found, err := j.beginning(ctx, head)
	if err != nil {
		return story{}, err
	}
	if !found {
		return story{}, notHere("commit", head)
	}
	return story{order: policy.First, all: g, commits: g.part(head)}, nil
}

// apart compares base and head themselves, where head is not among what the
// branch has and base has not.
func (j *Job) apart(ctx context.Context, c policy.Change, tip string) (story, error) {
	all, found, err := j.compare(ctx, c.Base, c.Head)
	if err != nil {
		return story{}, err
	}
	if !found {
		return story{}, notHere("commit", c.Head)
	}
	s := story{all: all.graph, commits: all.part(c.Head)}
	switch all.status {
	case "identical":
		s.order = policy.Same
	case "ahead":
		s.order = policy.Newer
	case "diverged":
		s.order = policy.Diverged
	case "behind":
		s.order = policy.Older
		if tip == "" {
			return s, nil
		}
		on, found, err := j.compare(ctx, c.Head, tip)
		s.reachable = found && on.after()
		return s, err
	}
	return s, nil
}

// place says what the order was found against. A deployment that came after the
// base counts too if it is of a descendant: what is on its way would be undone.
func (j *Job) place(ctx context.Context, c *policy.Change, s story, was past) error {
	skipped := ""
	if len(was.skipped) > 0 {
		skipped = fmt.Sprintf("; not counted: %s", strings.Join(was.skipped[:min(len(was.skipped), 3)], ", "))
	}
	switch {
	case was.base != nil:
		c.Deployed = was.base.words() + skipped
	case c.Base == "":
		c.Deployed = "nothing is deployed" + skipped
	case c.Order == policy.Newer || c.Order == policy.Same:
		c.Order, c.Deployed = policy.First, "nothing is deployed, and the policy begins with "+where(c.Base)+skipped
	default:
		return fault.New(fault.Usage, fault.Policy, "name a commit that comes before everything that is released", "baseline %s does not come before commit %s", short(c.Base), short(c.Head))
	}
	if overtaken, err := j.overtaken(ctx, c, s, was.newer, policy.Older, ", which came in after"); err != nil || overtaken {
		return err
	}
	if c.Order == policy.Older {
		return nil
	}
	_, err := j.overtaken(ctx, c, s, was.onWay, policy.Overtaken, ", which is on its way")
	return err
}

// overtaken sets the order if one of later is of a descendant.
func (j *Job) overtaken(ctx context.Context, c *policy.Change, s story, later []deployment, order policy.Order, how string) (bool, error) {
	for _, d := range later {
		older, err := j.before(ctx, c.Head, d.SHA, s)
		if err != nil {
			return false, err
		}
		if older {
			c.Order, c.Deployed = order, d.words()+how
			return true, nil
		}
	}
	return false, nil
}

// before says whether head is an ancestor of sha.
func (j *Job) before(ctx context.Context, head, sha string, s story) (bool, error) {
	switch {
	case head == sha:
		return false, nil
	case s.all.has(sha) && s.all.has(head):
		return s.all.includes(sha, head), nil
	}
	c, found, err := j.compare(ctx, head, sha)
	return found && c.status == "ahead", err
}

// starters adds whoever started the runs: every attempt up to the one that is
// named, whose first actor and whose starter may be two people, and whoever
// made a deployment of the commit by hand.
func (j *Job) starters(ctx context.Context, c *policy.Change, q policy.ChangeQuery, was past) error {
	w := walk{job: j}
	done := map[attempt]bool{}
	for _, uri := range q.Runs {
		a, ours := j.attempt(uri)
		if !ours {
			w.add(policy.Maker{Role: policy.Trigger, Where: fmt.Sprintf("%q, which is not a run of this repository", uri)})
			continue
		}
		if err := j.started(ctx, &w, a, done); err != nil {
			return err
		}
	}
	if own := j.own(); q.Self && own.id != 0 {
		if err := j.started(ctx, &w, own, done); err != nil {
			return err
		}
	}
	for _, d := range was.byHand {
		if d.SHA == c.Head {
			w.add(policy.Maker{Role: policy.Trigger, Account: j.account(d.Creator), Where: fmt.Sprintf("deployment %d", d.ID)})
		}
	}
	c.Makers = append(c.Makers, w.found...)
	return nil
}

// maxAttempts is more than the platform allows.
const maxAttempts = 100

func (j *Job) started(ctx context.Context, w *walk, last attempt, done map[attempt]bool) error {
	if last.n > maxAttempts {
		return fault.New(fault.Refused, fault.Limit, "", "run %d has %d attempts, at most %d are looked at", last.id, last.n, maxAttempts)
	}
	for n := last.n; n > 0; n-- {
		a := attempt{last.id, n}
		if done[a] {
			continue
		}
		done[a] = true
		r, found, err := j.try(ctx, a)
		if err != nil {
			return err
		}
		if !found {
			return fault.New(fault.Refused, fault.BuildState, "", "run %d, attempt %d, is not there, so nobody knows who started it", a.id, a.n)
		}
		for _, u := range []*user{r.Actor, r.TriggeringActor} {
			w.add(policy.Maker{Role: policy.Trigger, Account: j.account(u), Where: fmt.Sprintf("run %d, attempt %d", a.id, a.n)})
		}
	}
	return nil
}

// escaped is a ref's name as one segment of a path.
func escaped(name string) string { return url.PathEscape(name) }
