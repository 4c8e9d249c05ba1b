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

// maxEvents bounds the pages of pushes. What is older was pushed by somebody unknown.
const maxEvents = 200

// Pushes returns what was pushed to the project since a time, and what else stands on the
// same page of the list, oldest first.
func (h *history) Pushes(ctx context.Context, since time.Time) (all []change.Push, whole bool, err error) {
	if h.since == nil || since.Before(*h.since) {
		h.since = &since
	}
	return h.events(ctx, h.project("/events"), func(oldest time.Time, _ []event) bool { return oldest.Before(since) })
}

// Closed reports whether nobody may push to a branch: every rule that covers it says
// "No one". No event says whether a push merged a request. Where the rules may not be
// seen, or there are none, somebody may.
func (h *history) Closed(ctx context.Context, branch string) (bool, error) {
	all, err := list[pattern](ctx, h.Repo, question{path: h.project("/protected_branches"), hint: readSettings})
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
// that may be seen, and the pushes of several branches. It reads as far as the project's
// own pushes were read, and on until the branch was made.
func (h *history) PushesTo(ctx context.Context, r change.Request, since time.Time) ([]change.Push, bool, error) {
	path, made := h.project("/events"), false
	if r.Fork {
		path = "projects/" + r.Source + "/events"
	}
	all, whole, err := h.events(ctx, path, func(oldest time.Time, page []event) bool {
		for _, e := range page {
			if p := e.Push; p != nil && p.branch() == r.Branch {
				made = p.Action == "created"
			}
		}
		return oldest.Before(since) || made && !r.Fork && h.since != nil && oldest.Before(*h.since)
	})
	if r.Fork && refusedAs(err, http.StatusForbidden, http.StatusNotFound) {
		return nil, false, nil
	}
	other := func(p change.Push) bool { return p.Branch != r.Branch && (!p.Many || r.Fork) }
	return slices.DeleteFunc(all, other), err == nil && whole, err
}

func (p push) branch() string {
	if p.Type != "branch" {
		return ""
	}
	return strings.TrimPrefix(p.Ref, "refs/heads/")
}

// events reads pushes, newest first as they come, page by page until it is enough, and
// returns them oldest first; whole is false where there are more than are read. No date
// is asked for, so that who reads further back reads the same pages and some more.
func (h *history) events(
	ctx context.Context, path string, enough func(oldest time.Time, page []event) bool,
) (out []change.Push, whole bool, err error) {
	q := question{path: path, query: url.Values{"action": {"pushed"}}, pages: maxEvents}
	n := 0
	whole = true
	err = each(ctx, h.Repo, q, func(page []event) (bool, error) {
		for _, e := range page {
			if x, ok := h.push(e); ok {
				out = append(out, x)
			}
		}
		if n++; len(page) > 0 && enough(moment(page[len(page)-1].Created), page) {
			return false, nil
		}
		whole = n < maxEvents || len(page) < perPage
		return whole, nil
	})
	if err != nil {
		return nil, false, err
	}
	slices.Reverse(out) // two of one moment came in the order of the list
	sort.SliceStable(out, func(a, b int) bool { return out[a].Time.Before(out[b].Time) })
	return out, whole, nil
}

// push hands an event on, if it is about branches.
func (h *history) push(e event) (change.Push, bool) {
	p := e.Push
	if p == nil || p.Type != "branch" {
		return change.Push{}, false
	}
	x := change.Push{By: h.account(e.Author), Time: moment(e.Created), Commits: p.Count}
	if p.Ref == "" {
		x.Many = true
		return x, true
	}
	x.Before, x.After, x.Branch = p.From, p.To, p.branch()
	x.Made, x.Gone = p.Action == "created", p.Action == "removed"
	x.Forced = true // no event says whether it was
	if change.Zero(x.Before) {
		x.Before = ""
	}
	return x, true
}
