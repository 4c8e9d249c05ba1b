package github

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/change"
	"github.com/sallyport-dev/sallyport/internal/fault"
)

// maxLog bounds the pages of the log of activity. What is older was pushed by
// somebody unknown.
const maxLog = 50

// act is one entry of the log of activity: a ref that somebody moved.
type act struct {
	Before    string    `json:"before"`
	After     string    `json:"after"`
	Ref       string    `json:"ref"`
	Type      string    `json:"activity_type"`
	Timestamp time.Time `json:"timestamp"`
	Actor     *user     `json:"actor"`
}

// push hands an entry on.
func (h history) push(a act) change.Push {
	p := change.Push{
		By: h.account(a.Actor), Before: a.Before, After: a.After, Time: a.Timestamp, Commits: -1,
		Branch: strings.TrimPrefix(a.Ref, "refs/heads/"), Merge: a.Type == "pr_merge" || a.Type == "merge_queue_merge",
		Made: a.Type == "branch_creation", Gone: a.Type == "branch_deletion", Forced: a.Type == "force_push",
	}
	p.Hand = a.Type == "push" || p.Forced || p.Made
	if change.Zero(p.Before) {
		p.Before = ""
	}
	return p
}

// Pushes returns the log, oldest first, back to a time.
func (h history) Pushes(ctx context.Context, since time.Time) (all []change.Push, whole bool, err error) {
	all, found, whole, err := h.activity(ctx, h.at("activity")+"?per_page=100", since)
	if err == nil && !found {
		err = fault.New(fault.Unavailable, fault.NotAvailable, string(readContents), "the GitHub API does not show who pushed to %s/%s", h.owner, h.name)
	}
	return all, whole, err
}

// Closed is not asked for: the log says which push merged a request.
func (h history) Closed(context.Context, string) (bool, error) { return false, nil }

// PushesTo returns the log of one branch, also of a fork that everybody may see.
func (h history) PushesTo(ctx context.Context, r change.Request, since time.Time) ([]change.Push, bool, error) {
	path := h.at("activity")
	if r.Fork {
		if !repositoryName().MatchString(r.Source) {
			return nil, false, nil
		}
		path = "repos/" + r.Source + "/activity"
	}
	all, found, whole, err := h.activity(ctx, path+"?per_page=100&ref="+url.QueryEscape("refs/heads/"+r.Branch), since)
	return all, found && whole, err
}

// activity reads a log, newest first as it comes, and returns it oldest first.
// found is false where it may not be seen, which tells no one whether there is such
// a repository; whole is false where it goes further back than it was read.
func (h history) activity(ctx context.Context, path string, since time.Time) (all []change.Push, found, whole bool, err error) {
	for n, at := 0, path; n < maxLog && !whole; n++ {
		a, err := h.once(ctx, at, readContents)
		if err != nil || !a.found {
			return nil, false, false, err
		}
		page, _, err := entries[act](h.Repo, a, "")
		if err != nil {
			return nil, false, false, err
		}
		for _, x := range page {
			all = append(all, h.push(x))
		}
		whole = a.after == "" || len(page) > 0 && page[len(page)-1].Timestamp.Before(since)
		next := path + "&after=" + url.QueryEscape(a.after)
		if next == at && !whole {
			return nil, false, false, fault.New(fault.Refused, fault.Malformed, "", "the log of activity names the same page as its own next")
		}
		at = next
	}
	slices.Reverse(all)
	return all, true, whole, nil
}
