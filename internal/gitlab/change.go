package gitlab

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/xanzy/go-gitlab"

	"github.com/sallyport-dev/sallyport/internal/change"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// history answers what the room change asks about one project.
type history struct {
	*Repo
	entry *deployment // that of the job that asks, as Past met it
	since *time.Time  // how far back its pushes were read
}

// Change asks who made what wants to enter. Every part of the answer that does
// not come is an error: nobody is a maker less because GitLab was silent.
func (repo *Repo) Change(ctx context.Context, q policy.ChangeQuery) (policy.Change, error) {
	if err := environmentName(q.Environment); err != nil {
		return policy.Change{}, err
	}
	h, err := repo.here(ctx)
	if err != nil {
		return policy.Change{}, err
	}
	if q.Repository != repo.web("") || q.ID != itoa(h.ID) {
		return policy.Change{}, fault.New(fault.Refused, fault.Source, "", "the change is of %q #%s, and this is %q #%d",
			q.Repository, q.ID, repo.web(""), h.ID)
	}
	if !full(q.Head) {
		return policy.Change{}, fault.New(fault.Refused, fault.Source, "", "%q is not the whole id of a commit", q.Head)
	}
	return repo.changes.Of(ctx, &history{Repo: repo}, q, repo.Now())
}

// Request is how people call a request.
func (h *history) Request(n int64) string { return "request !" + itoa(n) }

// Branch is the branch that the head has to be on.
func (h *history) Branch(ctx context.Context, q policy.ChangeQuery) (string, error) {
	if b, named := q.Named(); named {
		return b, nil
	}
	if q.Branch != "" {
		return h.branchLike(ctx, q.Branch, q.Head)
	}
	p, err := h.here(ctx)
	return p.Default, err
}

// Tip is where a branch is now.
func (h *history) Tip(ctx context.Context, branch string) (string, error) {
	b, err := h.branch(ctx, branch)
	if branch == "" || absent(err) {
		return "", nil
	}
	return b.Commit.ID, err
}

// Tagged reports whether a tag stands for a commit now, by its whole name, so
// that no branch of the same name stands in for it.
func (h *history) Tagged(ctx context.Context, tag, id string) (bool, error) {
	t, err := one[commit](ctx, h.Repo,
		question{path: h.project("/repository/commits/" + gitlab.PathEscape("refs/tags/"+tag))})
	if absent(err) {
		return false, nil
	}
	return err == nil && t.ID == id, err
}

// Contains reports whether commit is tip or before it.
func (h *history) Contains(ctx context.Context, tip, commit string) (bool, error) {
	if !full(tip) {
		return false, nil
	}
	return h.ancestor(ctx, commit, tip)
}

// Span is what to has and from has not. GitLab does not say how many commits a
// list has, so that a part that did not come shows in what is left out: all of
// that has to be in from's history. That both commits are there, the list shows
// where it begins with one and stands on the other.
func (h *history) Span(ctx context.Context, from, to string) ([]change.Commit, bool, error) {
	if from == to {
		return nil, true, nil
	}
	all, err := h.between(ctx, from, to)
	lost := absent(err)
	if err != nil && !lost {
		return nil, false, err
	}
	edge, broken := whole(to, all)
	if from != "" && !slices.Contains(edge, from) {
		if err := h.exists(ctx, from); err != nil {
			return nil, false, err
		}
	}
	if len(all) == 0 {
		if err := h.exists(ctx, to); err != nil {
			return nil, false, err
		}
	}
	if lost || broken != nil {
		return nil, false, cmp.Or(broken, err)
	}
	if from == "" && len(all) == 0 {
		edge = []string{to}
	}
	for _, id := range edge {
		in := false
		if from != "" {
			if in, err = h.ancestor(ctx, id, from); err != nil {
				return nil, false, err
			}
		}
		if !in {
			return nil, false, fault.New(fault.Refused, fault.Malformed, "", "the history of %q down to %q lacks commit %q",
				to, from, id)
		}
	}
	return h.commits(all), true, nil
}

// A commit is one as the API lists it.
type commit struct {
	ID             string   `json:"id"`
	Parents        []string `json:"parent_ids"`
	Message        string   `json:"message"`
	AuthorName     string   `json:"author_name"`
	AuthorEmail    string   `json:"author_email"`
	CommitterName  string   `json:"committer_name"`
	CommitterEmail string   `json:"committer_email"`
	Committed      string   `json:"committed_date"`
}

// commits hands commits on, in their order. Which account is behind an address,
// no commit says. The instance's own address as a committer says nothing: GitLab
// signs what it commits only where that is switched on.
func (repo *Repo) commits(all []commit) []change.Commit {
	out := make([]change.Commit, len(all))
	for i, c := range all {
		out[i] = change.Commit{
			ID: c.ID, Parents: c.Parents, Message: c.Message, Time: moment(c.Committed),
			Author:    change.Identity{Name: c.AuthorName, Email: c.AuthorEmail},
			Committer: change.Identity{Name: c.CommitterName, Email: c.CommitterEmail},
			Page:      strings.EqualFold(c.CommitterEmail, "noreply@"+repo.server.Hostname()),
		}
	}
	return out
}

// whole wants a listing that ends in head to be one piece: every commit but
// head is the parent of another one, and none is listed twice. It returns the
// parents that are not listed.
func whole(head string, all []commit) (edge []string, err error) {
	by := map[string]commit{}
	for _, c := range all {
		by[c.ID] = c
	}
	seen, left := map[string]bool{}, map[string]bool{}
	for todo := []string{head}; len(todo) > 0; {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		c, ok := by[id]
		switch {
		case ok && !seen[id]:
			seen[id] = true
			todo = append(todo, c.Parents...)
		case !ok && !left[id] && id != head:
			left[id] = true
			edge = append(edge, id)
		}
	}
	if len(by) != len(all) || len(seen) != len(all) {
		return nil, fault.New(fault.Refused, fault.Malformed, "",
			"the GitLab API listed %d commits, of which %d belong to the history of %q", len(all), len(seen), head)
	}
	return edge, nil
}
