package github

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

const (
	maxPullCommits = 250 // of one request; the API shows no more, and does not say that there are more
	maxStrays      = 100 // commits whose request is looked for one by one
)

// pull is a pull request.
type pull struct {
	Number    int        `json:"number"`
	User      *user      `json:"user"`
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
		ID    int64 `json:"id"`
		Owner *user `json:"owner"`
	} `json:"repo"`
}

func (p pull) where() string { return fmt.Sprintf("request %d", p.Number) }

// forked says whether it comes from another repository, or from one that is
// gone.
func (p pull) forked() bool {
	return p.Head.Repo == nil || p.Base.Repo == nil || p.Head.Repo.ID != p.Base.Repo.ID
}

// requests finds the requests that were merged among the commits. The list
// shows what changed last first, and nothing about a request happens after a
// commit and is older than it.
func (w *walk) requests(ctx context.Context) error {
	since := w.oldest()
	q := inquiry{path: w.job.at("pulls") + "?state=closed&sort=updated&direction=desc", need: readContents}
	all, found, err := list(ctx, w.job, q, func(all []pull) bool {
		return len(all) > 0 && all[len(all)-1].UpdatedAt.Before(since)
	})
	if err != nil {
		return fmt.Errorf("asking for merged requests: %w", err)
	}
	if !found {
		return fault.New(fault.Unavailable, fault.NotAvailable, string(readContents), "the pull requests of %s/%s may not be seen", w.job.owner, w.job.repo)
	}
	for _, p := range all {
		if p.MergedAt != nil && w.change.has(p.MergeSHA) {
			if err := w.merged(ctx, p); err != nil {
				return err
			}
		}
	}
	return w.strays(ctx)
}

// merged takes in one request: who opened it, and the commits that the merge
// lost.
func (w *walk) merged(ctx context.Context, p pull) error {
	if slices.ContainsFunc(w.pulls, func(o pull) bool { return o.Number == p.Number }) {
		return nil
	}
	w.pulls = append(w.pulls, p)
	w.explained[p.MergeSHA] = true
	w.add(policy.Maker{Role: policy.Requester, Account: w.job.account(p.User), Where: p.where()})
	if w.change.has(p.Head.SHA) || follows([]commit{w.change.by[p.MergeSHA]}, p.Head.SHA) {
		for _, sha := range w.change.between(w.firstParent(p.MergeSHA), p.Head.SHA) {
			w.came(p, sha)
		}
		return nil
	}
	lost, err := w.job.commitsOf(ctx, p)
	if err != nil {
		return err
	}
	for _, c := range lost {
		if !w.all.has(c.SHA) {
			w.request[c.SHA] = p.Number
		}
		w.came(p, c.SHA)
	}
	w.all.add(reversed(lost))
	return nil
}

func (w *walk) came(p pull, sha string) {
	w.explained[sha] = true
	if p.forked() {
		w.forked[sha] = true
	}
}

func (w *walk) firstParent(sha string) string {
	if c, ok := w.change.by[sha]; ok && len(c.Parents) > 0 {
		return c.Parents[0].SHA
	}
	return ""
}

// commitsOf returns the commits of a request, oldest first. The API ends the
// list at a number without saying so; a list of that length may lack some.
func (j *Job) commitsOf(ctx context.Context, p pull) ([]commit, error) {
	q := inquiry{path: j.at("pulls/%d/commits", p.Number), need: readContents}
	all, found, err := list[commit](ctx, j, q, nil)
	switch {
	case err != nil:
		return nil, err
	case !found || len(all) == 0:
		return nil, fault.New(fault.Refused, fault.Malformed, "", "the GitHub API lists request %d and not its commits", p.Number)
	case len(all) >= maxPullCommits:
		return nil, fault.New(fault.Refused, fault.Limit, "merge it without squashing, or set `baseline` in the policy once it is deployed",
			"request %d has %d commits or more, and the platform shows no more", p.Number, maxPullCommits)
	case p.Head.SHA != "" && !slices.ContainsFunc(all, func(c commit) bool { return c.SHA == p.Head.SHA }):
		return nil, fault.New(fault.Refused, fault.Malformed, "", "request %d ends in %s, which is not among its commits", p.Number, short(p.Head.SHA))
	}
	return all, nil
}

// strays looks for the requests of those commits that the web page made and
// that no request of the list explains: a request into another branch, or none,
// which makes it an edit on the page.
func (w *walk) strays(ctx context.Context) error {
	segments, err := w.rebased(ctx)
	if err != nil {
		return err
	}
	asked := 0
	for _, sha := range w.change.order {
		if c := w.change.by[sha]; !c.onPage() || w.explained[sha] || segments[sha] {
			continue
		}
		if asked++; asked > maxStrays {
			return fault.New(fault.Refused, fault.Limit, "set `baseline` in the policy to a commit that is known to be good", "more than %d commits were made on the web page", maxStrays)
		}
		if err := w.stray(ctx, sha); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) stray(ctx context.Context, sha string) error {
	q := inquiry{path: w.job.at("commits/%s/pulls", sha), need: readContents}
	all, found, err := list[pull](ctx, w.job, q, nil)
	if err != nil {
		return err
	}
	if !found {
		return notHere("commit", sha)
	}
	for _, p := range all {
		if p.MergedAt == nil {
			continue
		}
		w.landed[sha] = true
		if err := w.merged(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// rebased are the commits that a merge of a known request put on a branch one
// by one.
func (w *walk) rebased(ctx context.Context) (map[string]bool, error) {
	out := map[string]bool{}
	log, err := w.log(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range log {
		if a.merges() && slices.ContainsFunc(w.pulls, func(p pull) bool { return p.MergeSHA == a.After }) && w.change.has(a.After) {
			for _, sha := range w.change.between(a.Before, a.After) {
				out[sha] = true
			}
		}
	}
	return out, nil
}

// mergedBy is who merged a request, where the log of activity does not say.
func (w *walk) mergedBy(ctx context.Context, p pull) error {
	a, err := w.job.once(ctx, w.job.at("pulls/%d", p.Number), readContents)
	if err != nil {
		return err
	}
	var one pull
	if a.found {
		if err := w.job.read(a, &one); err != nil {
			return err
		}
	}
	w.add(policy.Maker{Role: policy.Merger, Account: w.job.account(one.MergedBy), Where: p.where()})
	return nil
}
