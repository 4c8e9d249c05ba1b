package gitlab

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// An event is a push that a project remembers.
type event struct {
	Author  user   `json:"author"`
	Created string `json:"created_at"`
	Push    *push  `json:"push_data"`
}

type push struct {
	Action string `json:"action"`
	Type   string `json:"ref_type"`
	From   string `json:"commit_from"`
	To     string `json:"commit_to"`
	Ref    string `json:"ref"`
	Count  int    `json:"commit_count"`
}

// pushed adds who pushed each commit. A commit that no push explains was pushed
// by somebody unknown: one for a whole request, since its branch is one, and
// one for each other commit.
func (s *survey) pushed(ctx context.Context) error {
	g := newGraph(nil)
	for _, r := range s.requests {
		g.add(s.extra[r.IID])
	}
	lost := len(g.order)
	for _, id := range s.graph.order {
		g.add([]commit{s.graph.commits[id]})
	}
	if len(g.order) == 0 {
		return nil
	}
	claimed := s.byMerging()
	events, err := s.pushes(ctx)
	if err != nil {
		return err
	}
	for _, e := range events {
		s.claim(e, g, claimed)
	}
	for i, id := range g.order {
		if claimed[id] {
			continue
		}
		where := "commit " + short(id)
		if n := s.own[id]; i < lost || n != 0 {
			where = fmt.Sprintf("request !%d", s.broughtBy(id))
		}
		s.add(policy.Maker{Role: policy.Pusher, Where: where})
	}
	return nil
}

// broughtBy returns the request that a commit belongs to.
func (s *survey) broughtBy(id string) int64 {
	for _, r := range s.requests {
		if slices.ContainsFunc(s.extra[r.IID], func(c commit) bool { return c.ID == id }) {
			return r.IID
		}
	}
	return s.own[id]
}

// byMerging claims what GitLab itself made and pushed when somebody merged; who
// that was is a maker already.
func (s *survey) byMerging() map[string]bool {
	claimed := map[string]bool{}
	for _, r := range s.requests {
		if s.job.account(r.merger()).ID == "" {
			continue
		}
		for _, id := range []string{r.Merge, r.Squash} {
			if id != "" {
				claimed[id] = true
				s.user(r.merger(), policy.Pusher, "commit "+short(id))
			}
		}
	}
	return claimed
}

// pushes returns what was pushed here, and in the forks that requests came from
// as far as they can be seen, oldest first: who pushed a commit first is who
// brought it.
func (s *survey) pushes(ctx context.Context) ([]event, error) {
	all, err := s.events(ctx, s.job.project("/events"))
	if err != nil {
		return nil, err
	}
	forks := map[int64]bool{}
	for _, r := range s.requests {
		if r.Source <= 0 || r.Source == r.Target || itoa(r.Source) == s.query.ID || forks[r.Source] {
			continue
		}
		forks[r.Source] = true
		more, err := s.events(ctx, "projects/"+itoa(r.Source)+"/events")
		if refusedAs(err, http.StatusForbidden, http.StatusNotFound) {
			continue // who pushed there stays unknown
		}
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	slices.SortStableFunc(all, func(a, b event) int { return moment(a.Created).Compare(moment(b.Created)) })
	return all, nil
}

func (s *survey) events(ctx context.Context, path string) ([]event, error) {
	q := question{path: path, query: url.Values{"action": {"pushed"}}}
	if s.since != "" {
		q.query.Set("after", s.since)
	}
	return list[event](ctx, s.job, q)
}

// claim adds who pushed, and marks what the push brought.
func (s *survey) claim(e event, g graph, claimed map[string]bool) {
	p := e.Push
	if p == nil || p.Type != "branch" || p.Action == "removed" || !g.has(p.To) || s.job.account(e.Author).ID == "" {
		return
	}
	if slices.ContainsFunc(s.requests, func(r request) bool { return r.into(p.To, p.Ref) && s.job.account(r.merger()).ID == itoa(e.Author.ID) }) {
		return // it is the merge, whose commits somebody else had pushed
	}
	brought := g.without(p.To, p.From)
	left := p.Count
	for _, id := range g.order {
		if !brought[id] || claimed[id] {
			continue
		}
		if left--; left < 0 {
			break
		}
		claimed[id] = true
		s.user(e.Author, policy.Pusher, "commit "+short(id))
	}
	if s.moved(e, len(brought)) {
		s.user(e.Author, policy.Pusher, "commit "+short(p.To))
	}
}

// moved says whether a push matters even if others had pushed its commits
// before: it put them on the branch itself, or was the last one to a request's.
func (s *survey) moved(e event, brought int) bool {
	p := e.Push
	return p.Ref == s.change.Branch && brought > 0 ||
		slices.ContainsFunc(s.requests, func(r request) bool { return p.Ref == r.From && p.To == r.SHA })
}
