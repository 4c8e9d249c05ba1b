package gitlab

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// maxSingly bounds how many commits are asked about one by one.
const maxSingly = 100

// A request is a merge request.
type request struct {
	ID       int64  `json:"id"`
	IID      int64  `json:"iid"`
	Author   user   `json:"author"`
	Merger   *user  `json:"merge_user"`
	MergedBy *user  `json:"merged_by"` // of older instances
	State    string `json:"state"`
	Merge    string `json:"merge_commit_sha"`
	Squash   string `json:"squash_commit_sha"`
	SHA      string `json:"sha"` // head of the source branch
	Source   int64  `json:"source_project_id"`
	Target   int64  `json:"target_project_id"`
	From     string `json:"source_branch"`
	Into     string `json:"target_branch"`
	Squashed bool   `json:"squash"`
}

func (r request) name() string { return fmt.Sprintf("request !%d", r.IID) }

// merger returns who merged r, or nobody.
func (r request) merger() user {
	switch {
	case r.Merger != nil:
		return *r.Merger
	case r.MergedBy != nil:
		return *r.MergedBy
	}
	return user{}
}

// lost says whether the commits of r are not in the history that it was merged
// into, but one that GitLab made of them.
func (r request) lost() bool { return r.Squash != "" || r.Squashed && r.Merge == "" }

// merged adds the makers of every request that brought a commit of the range.
func (s *survey) merged(ctx context.Context) error {
	if len(s.graph.order) == 0 {
		return nil
	}
	if err := s.listed(ctx, s.since); err != nil {
		return err
	}
	if err := s.unlisted(ctx); err != nil {
		return err
	}
	for _, r := range s.requests {
		s.user(r.Author, policy.Requester, r.name())
		s.user(r.merger(), policy.Merger, r.name())
		for _, c := range s.extra[r.IID] {
			if err := s.wrote(ctx, c, "commit "+short(c.ID)+" of "+r.name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// listed finds requests among all that were merged. The target does not matter:
// a branch may have come here through another one.
func (s *survey) listed(ctx context.Context, since string) error {
	q := question{path: s.job.project("/merge_requests"), query: url.Values{"state": {"merged"}, "scope": {"all"}, "order_by": {"updated_at"}, "sort": {"desc"}}}
	if since != "" {
		q.query.Set("updated_after", since+"T00:00:00Z")
	}
	all, err := list[request](ctx, s.job, q)
	if err != nil {
		return err
	}
	for _, r := range all {
		if s.graph.has(r.Merge) || s.graph.has(r.Squash) || s.graph.has(r.SHA) {
			if err := s.take(ctx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// unlisted asks about every commit that no request explains yet. Only where
// the beginning is known from dates can there be such a request: dates in
// commits are not to be relied on.
func (s *survey) unlisted(ctx context.Context) error {
	var rest []string
	for _, id := range s.graph.order {
		if s.own[id] == 0 {
			rest = append(rest, id)
		}
	}
	if s.since == "" || len(rest) == 0 {
		return nil
	}
	if len(rest) > maxSingly {
		return s.listed(ctx, "")
	}
	for _, id := range rest {
		if s.own[id] != 0 {
			continue
		}
		all, err := list[request](ctx, s.job, question{path: s.job.project("/repository/commits/" + id + "/merge_requests")})
		if err != nil {
			return err
		}
		for _, r := range all {
			if r.State == "merged" || r.Merge != "" || r.Squash != "" {
				if err := s.take(ctx, r); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// take notes a request and which commits it brought.
func (s *survey) take(ctx context.Context, r request) error {
	if r.IID <= 0 || slices.ContainsFunc(s.requests, func(o request) bool { return o.IID == r.IID && o.Target == r.Target }) {
		return nil
	}
	s.requests = append(s.requests, r)
	claim := func(id string) {
		if s.graph.has(id) && s.own[id] == 0 {
			s.own[id] = r.IID
		}
	}
	claim(r.Merge)
	claim(r.Squash)
	if c, ok := s.graph.commits[r.Merge]; ok && len(c.Parents) > 1 && !r.lost() && s.graph.has(r.SHA) {
		for id := range s.graph.without(r.SHA, c.Parents[0]) {
			claim(id)
		}
		return nil
	}
	// A squash made one commit of many, and after a fast-forward nothing in the
	// history says where the request began. What was merged does not change.
	own, err := list[commit](ctx, s.job, question{path: s.job.project("/merge_requests/" + itoa(r.IID) + "/commits"), fixed: true})
	if err != nil {
		return err
	}
	if r.lost() && len(own) == 0 {
		return fault.New(fault.Refused, fault.Malformed, "", "GitLab squashed %s and no longer says which commits it had", r.name())
	}
	for _, c := range own {
		if s.graph.has(c.ID) {
			claim(c.ID)
		} else {
			s.extra[r.IID] = append(s.extra[r.IID], c)
		}
	}
	return nil
}

// into says whether a push of id to branch is what merging r did.
func (r request) into(id, branch string) bool {
	return branch == r.Into && id != "" && (strings.EqualFold(id, r.Merge) || r.Merge == "" && (id == r.Squash || id == r.SHA))
}
