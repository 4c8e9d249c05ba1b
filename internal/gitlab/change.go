package gitlab

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// A survey is a change while it is looked into.
type survey struct {
	job       *Job
	query     policy.ChangeQuery
	change    policy.Change
	graph     graph
	directory *directory
	since     string             // the day from which events matter; "" is the beginning
	requests  []request          // that brought commits of the range
	own       map[string]int64   // commit: the request that brought it
	extra     map[int64][]commit // by request: commits that a squash lost
	base      *deployment
	entry     *deployment // that of the job that asks
	known     map[policy.Maker]bool
}

// Change asks who made what wants to enter. Every part of the answer that does
// not come is an error: nobody is a maker less because GitLab was silent.
func (j *Job) Change(ctx context.Context, q policy.ChangeQuery) (policy.Change, error) {
	s := &survey{job: j, query: q, own: map[string]int64{}, extra: map[int64][]commit{}, known: map[policy.Maker]bool{}}
	for _, step := range []func(context.Context) error{s.place, s.span, s.people, s.merged, s.pushed, s.started, s.kinds} {
		if err := step(ctx); err != nil {
			return policy.Change{}, err
		}
	}
	return s.change, nil
}

// place finds the branch, and whether the commit is on it.
func (s *survey) place(ctx context.Context) error {
	q, j := s.query, s.job
	if err := environmentName(q.Environment); err != nil {
		return err
	}
	h, err := j.here(ctx)
	if err != nil {
		return err
	}
	if q.Repository != j.web("") || q.ID != itoa(h.ID) {
		return fault.New(fault.Refused, fault.Source, "", "the change is of %q #%s, and this is %q #%d", q.Repository, q.ID, j.web(""), h.ID)
	}
	if err := j.exists(ctx, q.Head); err != nil {
		return err
	}
	branch, named := q.Named()
	switch {
	case named:
	case q.Branch == "":
		branch = h.Default
	default:
		if branch, err = j.branchLike(ctx, q.Branch, q.Head); err != nil {
			return err
		}
	}
	s.change = policy.Change{Repository: q.Repository, Head: q.Head, Branch: branch}
	if branch == "" || branch == q.Branch && !named {
		return nil
	}
	s.change.Reachable, err = j.reachable(ctx, q.Head, branch, q.Ref)
	return err
}

// span finds what is deployed and the commits since.
func (s *survey) span(ctx context.Context) error {
	j, c := s.job, &s.change
	named := c.Branch
	if b := s.query.Branch; b != "" && b != c.Branch {
		named = ""
	}
	h, err := j.history(ctx, s.query.Environment, named)
	if err != nil {
		return err
	}
	s.base, s.entry = h.base, h.own
	switch {
	case h.base != nil:
		c.Base, c.Deployed = h.base.SHA, h.base.words()
		if h.ignored > 0 {
			c.Deployed += fmt.Sprintf(", besides %d newer ones that came from no job on a protected ref", h.ignored)
		}
	case s.query.Baseline != "":
		c.Base, c.Deployed = s.query.Baseline, "nothing; the baseline is commit "+short(s.query.Baseline)
	default:
		c.Deployed = "nothing"
	}
	if c.Base != "" {
		if err := j.exists(ctx, c.Base); err != nil {
			return err
		}
	}
	all, err := j.between(ctx, c.Base, c.Head)
	if err != nil {
		return err
	}
	if err := whole(c.Head, all); err != nil {
		return err
	}
	s.graph = newGraph(all)
	if err := s.settle(ctx, all); err != nil {
		return err
	}
	if d, err := j.overtaken(ctx, h.onWay, c.Head); err != nil {
		return err
	} else if d != nil && c.Order != policy.Older {
		c.Order, c.Deployed = policy.Overtaken, d.words()+", on its way"
	}
	return nil
}

// settle finds the order, and wants the listing to reach down to where it
// should: to the base, or to the first commit of all.
func (s *survey) settle(ctx context.Context, all []commit) error {
	c := &s.change
	edge := s.graph.edge()
	switch {
	case c.Base == "":
		c.Order = policy.First
		if len(edge) > 0 || len(all) == 0 {
			return fault.New(fault.Refused, fault.Malformed, "", "the history of %q lacks commit %q", c.Head, strings.Join(edge[:min(1, len(edge))], ""))
		}
		return nil
	case s.base == nil:
		c.Order = policy.First
		in, err := s.job.ancestor(ctx, c.Base, c.Head)
		if err == nil && !in {
			err = fault.New(fault.Usage, fault.Policy, "set baseline to a commit of that history", "the baseline %q is not in the history of %q", c.Base, c.Head)
		}
		return err
	}
	var err error
	c.Order, err = s.job.order(ctx, c.Base, c.Head, all)
	if err != nil || c.Order != policy.Newer {
		return err
	}
	return s.reaches(ctx, edge)
}

// reaches wants whatever the listing leaves out to be in the base's history.
// GitLab does not say how many commits a list has, so a part that did not come
// shows only here.
func (s *survey) reaches(ctx context.Context, edge []string) error {
	c := s.change
	for _, id := range edge {
		in, err := s.job.ancestor(ctx, id, c.Base)
		if err != nil {
			return err
		}
		if !in {
			return fault.New(fault.Refused, fault.Malformed, "", "the history of %q down to %q lacks commit %q", c.Head, c.Base, id)
		}
	}
	return nil
}

// people adds who wrote the commits, and finds the day that events matter from.
// Dates in commits are what somebody typed; a date in the future would hide
// what came before it, so the deployment's own date counts too.
func (s *survey) people(ctx context.Context) error {
	var err error
	if s.directory, err = s.job.newDirectory(ctx); err != nil {
		return err
	}
	for _, id := range s.graph.order {
		c := s.graph.commits[id]
		at := moment(c.Committed)
		s.change.Commits = append(s.change.Commits, policy.Commit{ID: c.ID, Title: c.Title, Author: c.AuthorName, Time: at})
		if err := s.wrote(ctx, c, "commit "+short(c.ID)); err != nil {
			return err
		}
	}
	s.since = s.oldest()
	return nil
}

func (s *survey) oldest() string {
	if s.base == nil {
		return ""
	}
	least := moment(s.base.Created)
	for _, c := range s.graph.commits {
		at := moment(c.Committed)
		if at.IsZero() {
			return ""
		}
		if at.Before(least) {
			least = at
		}
	}
	if least.IsZero() {
		return ""
	}
	return least.UTC().AddDate(0, 0, -1).Format("2006-01-02")
}

// wrote adds the makers that a commit names.
func (s *survey) wrote(ctx context.Context, c commit, where string) error {
	if err := s.by(ctx, c.AuthorEmail, policy.Author, where); err != nil {
		return err
	}
	for _, e := range policy.CoAuthors(c.Message) {
		if err := s.by(ctx, e, policy.CoAuthor, where); err != nil {
			return err
		}
	}
	// What GitLab committed itself has nobody as committer, if its own key
	// says so.
	if strings.EqualFold(c.CommitterEmail, "noreply@"+s.job.server.Hostname()) {
		ours, err := s.job.signedByInstance(ctx, c.ID)
		if err != nil || ours {
			return err
		}
	}
	return s.by(ctx, c.CommitterEmail, policy.Committer, where)
}

// by adds the maker behind an address.
func (s *survey) by(ctx context.Context, email string, role policy.Role, where string) error {
	a, err := s.directory.find(ctx, email)
	if err != nil {
		return err
	}
	s.add(policy.Maker{Account: a, Email: email, Role: role, Where: where})
	return nil
}

func (s *survey) user(u user, role policy.Role, where string) {
	s.add(policy.Maker{Account: s.job.account(u), Role: role, Where: where})
}

// kinds says what is behind each maker's account: a machine did what somebody
// told it.
func (s *survey) kinds(ctx context.Context) error {
	records := map[string]policy.Account{}
	for i, m := range s.change.Makers {
		a, asked := records[m.Account.ID]
		if m.Account.ID == "" {
			continue
		}
		if !asked {
			id, err := strconv.ParseInt(m.Account.ID, 10, 64)
			if err != nil {
				return fmt.Errorf("reading the number of an account: %w", err)
			}
			if a, err = s.job.known(ctx, user{ID: id, Username: m.Account.Name}); err != nil {
				return err
			}
			records[m.Account.ID] = a
		}
		s.change.Makers[i].Account = a
	}
	return nil
}

func (s *survey) add(m policy.Maker) {
	if !s.known[m] {
		s.known[m] = true
		s.change.Makers = append(s.change.Makers, m)
	}
}
