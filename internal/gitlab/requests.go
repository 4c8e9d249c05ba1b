package gitlab

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/change"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// How many commits are asked about one by one: where a list of requests can be read
// instead, and where it is too long.
const (
	maxSingly = 100
	maxAlone  = 500
)

// A request is a merge request.
type request struct {
	IID      int64  `json:"iid"`
	Title    string `json:"title"`
	URL      string `json:"web_url"`
	Author   user   `json:"author"`
	Merger   *user  `json:"merge_user"`
	MergedBy *user  `json:"merged_by"` // of older instances
	State    string `json:"state"`
	Created  string `json:"created_at"`
	Merged   string `json:"merged_at"`
	Merge    string `json:"merge_commit_sha"`
	Squash   string `json:"squash_commit_sha"`
	SHA      string `json:"sha"` // head of the source branch
	Source   int64  `json:"source_project_id"`
	Target   int64  `json:"target_project_id"`
	From     string `json:"source_branch"`
	Into     string `json:"target_branch"`
}

func (repo *Repo) request(r request) change.Request {
	x := change.Request{
		Number: r.IID, Title: r.Title, URL: r.URL, Author: repo.account(r.Author), Head: r.SHA, Branch: r.From, Into: r.Into,
		Fork: r.Source <= 0 || r.Source != r.Target, Source: itoa(r.Source),
		Opened: moment(r.Created), Done: moment(r.Merged),
	}
	for _, id := range []string{r.Merge, r.Squash} {
		if id != "" {
			x.Merged = append(x.Merged, id)
		}
	}
	if len(x.Merged) == 0 { // a fast-forward
		x.Merged = []string{r.SHA}
	}
	for _, u := range []*user{r.Merger, r.MergedBy} {
		if u != nil && len(x.Mergers) == 0 && repo.account(*u).ID != "" {
			x.Mergers = []policy.Account{repo.account(*u)}
		}
	}
	return x
}

// Merged lists the requests that were merged since a time. The target does not
// matter: a branch may have come here through another one.
func (h *history) Merged(ctx context.Context, since time.Time) (merged []change.Request, whole bool, err error) {
	q := question{
		path:  h.project("/merge_requests"),
		query: url.Values{"state": {"merged"}, "scope": {"all"}, "order_by": {"updated_at"}, "sort": {"desc"}},
	}
	if !since.IsZero() {
		q.query.Set("updated_after", day(since)+"T00:00:00Z")
	}
	all, whole, err := newest[request](ctx, h.Repo, q)
	return h.mergedOf(all), whole, err
}

func (h *history) mergedOf(all []request) []change.Request {
	var out []change.Request
	for _, r := range all {
		if r.IID > 0 && (r.State == "merged" || r.Merge != "" || r.Squash != "") {
			out = append(out, h.request(r))
		}
	}
	return out
}

// Bringing asks about commits one by one; of more than a few, everything that was
// ever merged is read instead, if that is not too much.
func (h *history) Bringing(ctx context.Context, commits []change.Commit) (map[string][]change.Request, error) {
	out := map[string][]change.Request{}
	if len(commits) > maxSingly {
		all, whole, err := h.Merged(ctx, time.Time{})
		if err != nil {
			return nil, err
		}
		for _, c := range commits {
			out[c.ID] = slices.DeleteFunc(slices.Clone(all),
				func(r change.Request) bool { return !slices.Contains(r.Merged, c.ID) && r.Head != c.ID })
		}
		if whole {
			return out, nil
		}
	}
	if len(commits) > maxAlone {
		return nil, fault.New(fault.Refused, fault.Limit, change.BeginLater,
			"no request that is listed explains %d commits, and at most %d are asked about one by one", len(commits), maxAlone)
	}
	for _, c := range commits {
		all, err := list[request](ctx, h.Repo, question{path: h.project("/repository/commits/" + c.ID + "/merge_requests")})
		if err != nil {
			return nil, err
		}
		out[c.ID] = h.mergedOf(all)
	}
	return out, nil
}

// Details asks for requests together, and for each alone of which that says
// nothing. What was merged does not change.
func (h *history) Details(ctx context.Context, asked []change.Ask) ([]change.Details, error) {
	if err := h.together(ctx, asked); err != nil {
		return nil, err
	}
	out := make([]change.Details, len(asked))
	for i, a := range asked {
		var err error
		m := h.mergedAt(a.Request)
		if m == nil {
			m = &merged{}
		}
		path := h.project("/merge_requests/" + itoa(a.Number))
		if a.Commits {
			all := m.commits
			if all == nil {
				all, err = list[commit](ctx, h.Repo, question{path: path + "/commits", fixed: true})
			}
			if err == nil && len(all) == 0 {
				err = fault.New(fault.Refused, fault.Malformed, "", "GitLab no longer says which commits request !%d had", a.Number)
			}
			if err != nil {
				return nil, err
			}
			out[i].Commits = h.commits(all)
		}
		if a.Pushers {
			if out[i].Pushers = m.pushers; !m.noted {
				out[i].Pushers, err = h.noted(ctx, path)
			}
			if err == nil {
				out[i].Owner, err = h.forker(ctx, a.Source)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// noted are those who pushed to a request after it was opened, as the notes say
// that GitLab itself wrote under it. What was imported, others wrote. Of more notes
// than can be read, somebody unknown did: comments must not close an environment.
func (h *history) noted(ctx context.Context, path string) (pushers []policy.Account, err error) {
	notes, err := list[struct {
		System   bool   `json:"system"`
		Imported bool   `json:"imported"`
		Body     string `json:"body"`
		Author   user   `json:"author"`
	}](ctx, h.Repo, question{path: path + "/notes"})
	switch {
	case fault.Of(err).Code == fault.Limit:
		return []policy.Account{{}}, nil
	case err != nil && !refusedAs(err, http.StatusForbidden, http.StatusNotFound):
		return nil, err
	}
	for _, n := range notes {
		if n.System && !n.Imported && strings.HasPrefix(n.Body, "added ") && strings.Contains(n.Body, " commit") {
			pushers = append(pushers, h.account(n.Author))
		}
	}
	return pushers, nil
}

// forker is the person whom a fork belongs to, if that is one and may be seen.
func (h *history) forker(ctx context.Context, source string) (owner policy.Account, err error) {
	fork, err := one[struct {
		Owner *user `json:"owner"` // there for a project of a person alone
	}](ctx, h.Repo, question{path: "projects/" + source})
	if refusedAs(err, http.StatusForbidden, http.StatusNotFound) {
		return owner, nil
	}
	if err == nil && fork.Owner != nil {
		owner = h.account(*fork.Owner)
	}
	return owner, err
}

// day is the last day before a time on which nothing of interest happened.
func day(t time.Time) string { return t.UTC().AddDate(0, 0, -1).Format("2006-01-02") }
