package github

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/change"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

const (
	maxPullCommits = 250 // of one request; the API lists no more, and does not say that there are more
	maxStrays      = 100 // commits whose request is looked for one by one
)

// pull is a pull request.
type pull struct {
	Number    int64      `json:"number"`
	Node      string     `json:"node_id"`
	Title     string     `json:"title"`
	URL       string     `json:"html_url"`
	User      *user      `json:"user"`
	CreatedAt time.Time  `json:"created_at"`
	MergedAt  *time.Time `json:"merged_at"`
	UpdatedAt time.Time  `json:"updated_at"`
	MergedBy  *user      `json:"merged_by"` // in the answer about one only
	MergeSHA  string     `json:"merge_commit_sha"`
	Head      end        `json:"head"`
	Base      end        `json:"base"`
}

// end is where a request comes from, or where it goes.
type end struct {
	SHA  string `json:"sha"`
	Ref  string `json:"ref"`
	Repo *struct {
		ID       int64  `json:"id"`
		FullName string `json:"full_name"`
		Owner    *user  `json:"owner"`
	} `json:"repo"`
}

func (h history) request(p pull) change.Request {
	h.known.learn(called(p.Number), p.Node)
	r := change.Request{
		Number: p.Number, Title: p.Title, URL: p.URL, Author: h.account(p.User), Merged: []string{p.MergeSHA},
		Head: p.Head.SHA, Branch: p.Head.Ref, Into: p.Base.Ref, Opened: p.CreatedAt,
	}
	if p.MergedAt != nil {
		r.Done = *p.MergedAt
	}
	r.Fork = p.Head.Repo == nil || p.Base.Repo == nil || p.Head.Repo.ID != p.Base.Repo.ID
	if r.Fork && p.Head.Repo != nil {
		r.Source = p.Head.Repo.FullName
		if o := p.Head.Repo.Owner; o != nil && o.Type == "User" {
			r.Owner = h.account(o)
		}
	}
	return r
}

// Merged lists the requests that were merged since a time. The list shows what
// changed last first, and nothing about a request happens after its merge and
// is older than that. Anybody may comment on a closed request, which brings it to
// the top, so the list may be too long to be read to its end.
func (h history) Merged(ctx context.Context, since time.Time) (merged []change.Request, whole bool, err error) {
	q := inquiry{path: h.at("pulls") + "?state=closed&sort=updated&direction=desc", need: readContents}
	old := func(all []pull) bool { return len(all) > 0 && all[len(all)-1].UpdatedAt.Before(since) }
	all, found, err := list(ctx, h.Repo, q, func(all []pull) bool { return old(all) || len(all) >= maxListed*perPage })
	if err != nil {
		return nil, false, err
	}
	if !found {
		return nil, false, fault.New(fault.Unavailable, fault.NotAvailable, string(readContents),
			"the pull requests of %s/%s may not be seen", h.owner, h.name)
	}
	merged, err = h.merged(ctx, all)
	return merged, old(all) || len(all) < maxListed*perPage, err
}

// merged hands on those that were merged into this repository. Of a commit the
// platform also lists requests into forks that have it: anybody may merge those,
// and their numbers are those of other requests here.
func (h history) merged(ctx context.Context, all []pull) ([]change.Request, error) {
	repository, err := h.number(ctx)
	if err != nil {
		return nil, err
	}
	var out []change.Request
	for _, p := range all {
		elsewhere := p.Base.Repo != nil && strconv.FormatInt(p.Base.Repo.ID, 10) != repository
		if p.MergedAt != nil && !elsewhere {
			out = append(out, h.request(p))
		}
	}
	return out, nil
}

// Bringing asks for the requests of commits together, and without GraphQL for
// those of commits that the web page made, one by one: a request into another
// branch that came along, or none, which makes it an edit on the page.
func (h history) Bringing(ctx context.Context, commits []change.Commit) (map[string][]change.Request, error) {
	out, err := h.bringing(ctx, commits)
	if err != nil {
		return nil, err
	}
	alone := 0
	for _, c := range commits {
		if _, told := out[c.ID]; told || !c.Page {
			continue
		}
		if alone++; alone > maxStrays {
			return nil, fault.New(fault.Refused, fault.Limit, change.BeginLater,
				"more than %d commits were made on the web page, of which the list of requests knows nothing", maxStrays)
		}
		q := inquiry{path: h.at("commits/%s/pulls", c.ID), need: readContents}
		all, found, err := list[pull](ctx, h.Repo, q, nil)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, notHere("commit", c.ID)
		}
		if out[c.ID], err = h.merged(ctx, all); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Details asks for requests together, and for each alone of which that says
// nothing.
func (h history) Details(ctx context.Context, asked []change.Ask) ([]change.Details, error) {
	told, err := h.together(ctx, asked)
	if err != nil {
		return nil, err
	}
	out := make([]change.Details, len(asked))
	for i, a := range asked {
		m, ok := told[place(a.Request)]
		if !ok {
			if m, err = h.alone(ctx, a); err != nil {
				return nil, err
			}
		}
		if a.Commits {
			out[i].Commits = h.commits(m.commits)
		}
		if a.Mergers {
			out[i].Mergers = h.mergers(m)
		}
		if a.Pushers {
			out[i].Pushers = h.by(m.events, "head_ref_force_pushed")
		}
	}
	return out, nil
}

// alone asks for what is wanted of one request.
func (h history) alone(ctx context.Context, a change.Ask) (m merged, err error) {
	if a.Commits {
		if m.commits, err = h.commitsOf(ctx, a.Request); err != nil {
			return merged{}, err
		}
	}
	if a.Mergers {
		if m.by, err = h.mergedBy(ctx, a.Number); err != nil {
			return merged{}, err
		}
	}
	if a.Pushers || a.Mergers && (m.by == nil || m.by.Type == "Bot") {
		m.events, err = h.events(ctx, a.Number)
	}
	return m, err
}

// commitsOf returns the commits of a request, newest first. The API ends its
// list at a number without saying so; of a request with as many, what its head
// has and the merge's parent has not is asked for instead.
func (h history) commitsOf(ctx context.Context, r change.Request) ([]commit, error) {
	q := inquiry{path: h.at("pulls/%d/commits", r.Number), need: readContents}
	all, found, err := list[commit](ctx, h.Repo, q, nil)
	switch {
	case err != nil:
		return nil, err
	case !found || len(all) == 0:
		return nil, fault.New(fault.Refused, fault.Malformed, "", "the GitHub API lists request %d and not its commits",
			r.Number)
	case len(all) >= maxPullCommits:
		return h.manyOf(ctx, r)
	case r.Head != "" && !slices.ContainsFunc(all, func(c commit) bool { return c.SHA == r.Head }):
		return nil, fault.New(fault.Refused, fault.Malformed, "", "request %d ends in %s, which is not among its commits",
			r.Number, short(r.Head))
	}
	slices.Reverse(all)
	for n := range len(all)/perPage + 1 {
		h.known.settle(q.page(n + 1)) // it was merged, and does not change any more
	}
	return all, nil
}

func (h history) manyOf(ctx context.Context, r change.Request) ([]commit, error) {
	all, found, err := h.since(ctx, r.Merged[0], r.Head)
	if err == nil && (!found || len(all) < maxPullCommits) {
		err = fault.New(fault.Refused, fault.Limit,
			"set `baseline` in the policy to the commit of its merge once that is deployed",
			"request %d has %d commits or more, and the platform no longer shows them all", r.Number, maxPullCommits)
	}
	return all, err
}

// queueBot is the account that merges for the platform's merge queue.
const queueBot = 118344674

// mergedBy is the account that merged a request, if the API says so.
func (h history) mergedBy(ctx context.Context, number int64) (*user, error) {
	path := h.at("pulls/%d", number)
	a, err := h.once(ctx, path, readContents)
	if err != nil || !a.found {
		return nil, err
	}
	var one pull
	if err := h.read(a, &one); err != nil {
		return nil, err
	}
	if one.MergedAt != nil {
		h.known.settle(path)
	}
	return one.MergedBy, nil
}

// mergers are who merged a request, or, where a machine did, who queued it or
// had it merged once it is ready. The queue itself merges for those.
func (h history) mergers(m merged) []policy.Account {
	if m.by != nil && m.by.Type != "Bot" {
		return []policy.Account{h.account(m.by)}
	}
	out := h.by(m.events, "added_to_merge_queue", "auto_merge_enabled", "auto_squash_enabled", "auto_rebase_enabled")
	if m.by != nil && (m.by.ID != queueBot || len(out) == 0) {
		out = append(out, h.account(m.by))
	}
	return out
}

// requestEvent is something that happened to a request.
type requestEvent struct {
	Event   string     `json:"event"`
	Actor   *user      `json:"actor"`
	Created *time.Time `json:"created_at"`
}

// events is what happened to a request. One that the API does not show has none:
// then nobody more is known. Of more than can be read, somebody unknown did each:
// everybody may comment, and comments must not close an environment.
func (h history) events(ctx context.Context, number int64) ([]requestEvent, error) {
	all, _, err := list[requestEvent](ctx, h.Repo, inquiry{path: h.at("issues/%d/timeline", number), need: readContents},
		nil)
	if fault.Of(err).Code == fault.Limit {
		return []requestEvent{{Event: "head_ref_force_pushed"}, {Event: "added_to_merge_queue"}}, nil
	}
	return all, err
}

func (h history) by(events []requestEvent, names ...string) []policy.Account {
	var out []policy.Account
	for _, e := range events {
		if slices.Contains(names, strings.ToLower(e.Event)) {
			out = append(out, h.account(e.Actor))
		}
	}
	return out
}
