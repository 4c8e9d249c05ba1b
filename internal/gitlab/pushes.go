package gitlab

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/change"
)

// An event is a push that a project remembers. One push of several branches is
// one event that names none of them, and says nothing about a commit.
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

// Pushes returns what was pushed to the project since a time, oldest first.
func (h *history) Pushes(ctx context.Context, since time.Time) (all []change.Push, whole bool, err error) {
	return h.events(ctx, h.project("/events"), since)
}

// Closed reports whether nobody may push to a branch: every rule that covers it says
// "No one". No event says whether a push merged a request. Where the rules may not be
// seen, or there are none, somebody may.
func (h *history) Closed(ctx context.Context, branch string) (bool, error) {
	all, err := list[struct {
		pattern
		Push []struct {
			Level *int   `json:"access_level"`
			User  *int64 `json:"user_id"`
			Group *int64 `json:"group_id"`
			Key   *int64 `json:"deploy_key_id"`
		} `json:"push_access_levels"`
	}](ctx, h.Job, question{path: h.project("/protected_branches"), hint: readSettings})
	if hidden(err) {
		return false, nil
	}
	closed := false
	for _, p := range all {
		if !covers(p.Name, branch) {
			continue
		}
		closed = len(p.Push) > 0
		for _, x := range p.Push {
			if x.Level == nil || *x.Level != 0 || x.User != nil || x.Group != nil || x.Key != nil {
				return false, err
			}
		}
	}
	return closed, err
}

// PushesTo returns what was pushed to the branch of a request, also in a fork
// that may be seen.
func (h *history) PushesTo(ctx context.Context, r change.Request, since time.Time) ([]change.Push, bool, error) {
	path := h.project("/events")
	if r.Fork {
		path = "projects/" + r.Source + "/events"
	}
	all, whole, err := h.events(ctx, path, since)
	if r.Fork && refusedAs(err, http.StatusForbidden, http.StatusNotFound) {
		return nil, false, nil
	}
	return slices.DeleteFunc(all, func(p change.Push) bool { return p.Branch != r.Branch }), err == nil && whole, err
}

// events reads pushes, newest first as they come, and returns them oldest first;
// whole is false where there are more than the newest that were read.
func (h *history) events(ctx context.Context, path string, since time.Time) (out []change.Push, whole bool, err error) {
	q := question{path: path, query: url.Values{"action": {"pushed"}}}
	if !since.IsZero() {
		q.query.Set("after", day(since))
	}
	all, whole, err := newest[event](ctx, h.Job, q)
	if err != nil {
		return nil, false, err
	}
	for _, e := range all {
		p := e.Push
		if p == nil || p.Type != "branch" || p.Ref == "" {
			continue
		}
		x := change.Push{
			By: h.account(e.Author), Before: p.From, After: p.To, Branch: strings.TrimPrefix(p.Ref, "refs/heads/"), Time: moment(e.Created), Commits: p.Count,
			Made: p.Action == "created", Gone: p.Action == "removed",
			Forced: true, // no event says whether it was
		}
		if change.Zero(x.Before) {
			x.Before = ""
		}
		out = append(out, x)
	}
	sort.SliceStable(out, func(a, b int) bool { return out[a].Time.Before(out[b].Time) })
	return out, whole, nil
}
