package github

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// maxLog bounds the pages of the log of activity. What is not found in them was
// pushed by somebody unknown.
const maxLog = 20

// act is one entry of the log of activity: a ref that somebody moved.
type act struct {
	Before    string    `json:"before"`
	After     string    `json:"after"`
	Ref       string    `json:"ref"`
	Type      string    `json:"activity_type"`
	Timestamp time.Time `json:"timestamp"`
	Actor     *user     `json:"actor"`
}

func (a act) merges() bool { return a.Type == "pr_merge" || a.Type == "merge_queue_merge" }

func (a act) pushes() bool {
	return a.Type == "push" || a.Type == "force_push" || a.Type == "branch_creation"
}

// activity returns the log, newest first, back to a time.
func (j *Job) activity(ctx context.Context, since time.Time) ([]act, error) {
	var all []act
	path := j.at("activity") + "?per_page=100"
	for n, at := 0, path; n < maxLog; n++ {
		a, err := j.once(ctx, at, readContents)
		if err != nil {
			return nil, err
		}
		if !a.found {
			return nil, fault.New(fault.Unavailable, fault.NotAvailable, string(readContents), "the GitHub API does not show who pushed to %s/%s", j.owner, j.repo)
		}
		page, _, err := entries[act](j, a, "")
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if a.after == "" || len(page) > 0 && page[len(page)-1].Timestamp.Before(since) {
			break
		}
		next := path + "&after=" + url.QueryEscape(a.after)
		if next == at {
			return nil, fault.New(fault.Refused, fault.Malformed, "", "the log of activity names the same page as its own next")
		}
		at = next
	}
	return all, nil
}

// loggedTip is where the first page of the log says that a branch is.
func (j *Job) loggedTip(ctx context.Context, branch string) (string, error) {
	all, err := j.activity(ctx, time.Unix(1<<40, 0))
	if err != nil {
		return "", err
	}
	for _, a := range all {
		if a.Ref != "refs/heads/"+branch {
			continue
		}
		if fullSHA().MatchString(a.After) && strings.Trim(a.After, "0") != "" && a.Type != "branch_deletion" {
			return a.After, nil
		}
		return "", nil
	}
	return "", nil
}

func (w *walk) log(ctx context.Context) ([]act, error) { return w.job.activity(ctx, w.oldest()) }

// pushes adds who pushed the commits, who merged them, and somebody unknown for
// each commit that nobody is known to have pushed.
func (w *walk) pushes(ctx context.Context) error {
	log, err := w.log(ctx)
	if err != nil {
		return err
	}
	slices.Reverse(log) // oldest first: whoever brought a commit first has pushed it
	covered := map[string]bool{}
	for _, a := range log {
		switch {
		case !w.all.has(a.After):
		case a.merges():
			w.merge(a, covered)
		case a.pushes():
			w.push(a, covered)
		}
	}
	if err := w.heads(ctx, log, covered); err != nil {
		return err
	}
	for _, sha := range w.all.order {
		if !covered[sha] {
			w.add(policy.Maker{Role: policy.Pusher, Where: w.where(sha)})
		}
	}
	return nil
}

// push gives the pusher the commits that were not there before; who moves the
// branch itself has pushed whatever he moved it to.
func (w *walk) push(a act, covered map[string]bool) {
	who := w.job.account(a.Actor)
	got := w.all.between(a.Before, a.After)
	for _, sha := range got {
		if !covered[sha] {
			covered[sha] = true
			w.add(policy.Maker{Role: policy.Pusher, Account: who, Where: w.where(sha)})
		}
	}
	if a.Ref == "refs/heads/"+w.branch && w.change.has(a.After) && len(got) > 0 {
		w.add(policy.Maker{Role: policy.Pusher, Account: who, Where: where(a.After)})
	}
}

// merge gives the merger what the page made for the merge; the commits of the
// request were pushed by somebody.
func (w *walk) merge(a act, covered map[string]bool) {
	place, known := where(a.After), false
	for _, p := range w.pulls {
		if p.MergeSHA == a.After {
			place, known = p.where(), true
		}
	}
	if a.Type == "pr_merge" && (a.Actor != nil || !known) {
		w.add(policy.Maker{Role: policy.Merger, Account: w.job.account(a.Actor), Where: place})
	}
	for _, sha := range w.all.between(a.Before, a.After) {
		if c := w.all.by[sha]; c.onPage() && w.request[sha] == 0 {
			covered[sha] = true
		}
	}
}

// heads adds who pushed to each request last, and who merged it where the log
// does not say. What comes from another repository was pushed by its owner,
// unless that is not one person.
func (w *walk) heads(ctx context.Context, log []act, covered map[string]bool) error {
	for _, p := range w.pulls {
		if !slices.ContainsFunc(log, func(a act) bool { return a.Type == "pr_merge" && a.After == p.MergeSHA && a.Actor != nil }) {
			if err := w.mergedBy(ctx, p); err != nil {
				return err
			}
			covered[p.MergeSHA] = covered[p.MergeSHA] || w.all.by[p.MergeSHA].onPage()
		}
		if p.forked() {
			var owner *user
			if p.Head.Repo != nil && p.Head.Repo.Owner != nil && p.Head.Repo.Owner.Type == "User" {
				owner = p.Head.Repo.Owner
			}
			w.add(policy.Maker{Role: policy.Pusher, Account: w.job.account(owner), Where: p.where()})
			continue
		}
		for _, a := range slices.Backward(log) {
			if a.pushes() && a.After == p.Head.SHA && a.Ref == "refs/heads/"+p.Head.Ref {
				w.add(policy.Maker{Role: policy.Pusher, Account: w.job.account(a.Actor), Where: p.where()})
				break
			}
		}
	}
	maps.Copy(covered, w.forked)
	maps.Copy(covered, w.landed)
	return nil
}
