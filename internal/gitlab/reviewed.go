package gitlab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/xanzy/go-gitlab"

	"github.com/sallyport-dev/sallyport/internal/change"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// readRequests is the next step where a token may not see who approved requests: a job's own
// token may read neither them nor signatures (https://docs.gitlab.com/ci/jobs/ci_job_token/).
const readRequests = "give SALLYPORT_TOKEN scope read_api and role Reporter in this project"

// The statuses of a signature that is good: of a key of the committer, of the instance for what
// its page commits, and of a key that an authority of the group vouches for.
var verified = []string{"verified", "verified_system", "verified_ca"}

// Signatures asks about each commit alone: no list has them. More commits than maxAlone are
// not asked about.
func (h *history) Signatures(ctx context.Context, commits []change.Commit) (map[string]change.Signature, error) {
	out := map[string]change.Signature{}
	for i, c := range commits {
		if i == maxAlone {
			break
		}
		s, err := one[struct {
			Status string `json:"verification_status"`
		}](ctx, h.Repo, question{path: h.project("/repository/commits/" + gitlab.PathEscape(c.ID) + "/signature"), hint: readRequests})
		switch {
		case absent(err):
			out[c.ID] = change.Signature{Verified: policy.No, Words: "unsigned"}
		case err != nil:
			return nil, err
		case slices.Contains(verified, s.Status):
			out[c.ID] = change.Signature{Verified: policy.Yes, Own: s.Status == "verified_system"}
		case s.Status != "":
			out[c.ID] = change.Signature{Verified: policy.No, Words: strings.ReplaceAll(s.Status, "_", " ")}
		}
	}
	for _, c := range commits[min(len(commits), maxAlone):] {
		out[c.ID] = change.Signature{Words: fmt.Sprintf("not asked: it is not among the newest %d commits", maxAlone)}
	}
	return out, nil
}

// ReviewsOf asks for the approvals of each request alone.
func (h *history) ReviewsOf(ctx context.Context, asked []change.Request) ([]change.Reviews, error) {
	out := make([]change.Reviews, len(asked))
	for i, r := range asked {
		if i >= maxAlone {
			out[i] = change.Reviews{Unseen: fmt.Sprintf("the approvals of %d requests were asked for, and no more are", maxAlone), Need: change.BeginLater}
			continue
		}
		var err error
		if out[i], err = h.approvals(ctx, r); hidden(err) {
			out[i] = change.Reviews{Unseen: "its approvals may not be seen here", Need: readRequests}
		} else if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// approvals returns who approves a request, when they said so and which commit it ended with
// then. An approval that was taken back, or that a push has reset, GitLab no longer lists. Who
// may not write to the project cannot approve there.
func (h *history) approvals(ctx context.Context, r change.Request) (out change.Reviews, err error) {
	path := h.project("/merge_requests/" + itoa(r.Number))
	a, err := one[struct {
		By []struct {
			User user   `json:"user"`
			At   string `json:"approved_at"` // since GitLab 18
		} `json:"approved_by"`
	}](ctx, h.Repo, question{path: path + "/approvals", hint: readRequests})
	if err != nil || len(a.By) == 0 {
		return out, err
	}
	versions, err := list[version](ctx, h.Repo, question{path: path + "/versions", hint: readRequests})
	if err != nil {
		return out, err
	}
	out.Moved = moved(versions)
	var noted map[int64]time.Time
	for _, x := range a.By {
		at := moment(x.At)
		if at.IsZero() && noted == nil {
			if noted, err = h.approved(ctx, path); err != nil {
				return out, err
			}
		}
		if at.IsZero() {
			at = noted[x.User.ID]
		}
		out.List = append(out.List, policy.RequestReview{Account: h.account(x.User), State: policy.ReviewApproved, Time: at,
			Commit: headAt(versions, at), Writes: policy.Yes})
	}
	return out, nil
}

// A version is what a request was after a push.
type version struct {
	Head    string `json:"head_commit_sha"`
	Created string `json:"created_at"`
}

// moved is when a request was last made anew without another commit, or zero: it was pointed
// at another branch.
func moved(all []version) (last time.Time) {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b version) int { return moment(a.Created).Compare(moment(b.Created)) })
	for i := 1; i < len(sorted); i++ {
		if sorted[i].Head == sorted[i-1].Head {
			last = moment(sorted[i].Created)
		}
	}
	return last
}

// headAt is the commit that a request ended with at a time, or "".
func headAt(all []version, at time.Time) string {
	var last time.Time
	head := ""
	for _, v := range all {
		if t := moment(v.Created); !at.IsZero() && !t.IsZero() && !t.After(at) && (head == "" || t.After(last)) {
			head, last = v.Head, t
		}
	}
	return head
}

// approved is when each account approved a request last, as the notes say that GitLab itself
// wrote under it. What was imported, others wrote.
func (h *history) approved(ctx context.Context, path string) (map[int64]time.Time, error) {
	notes, err := list[struct {
		System   bool   `json:"system"`
		Imported bool   `json:"imported"`
		Body     string `json:"body"`
		Author   user   `json:"author"`
		Created  string `json:"created_at"`
	}](ctx, h.Repo, question{path: path + "/notes", hint: readRequests})
	if err != nil {
		return nil, err
	}
	out := map[int64]time.Time{}
	for _, n := range notes {
		t := moment(n.Created)
		if n.System && !n.Imported && n.Body == "approved this merge request" && t.After(out[n.Author.ID]) {
			out[n.Author.ID] = t
		}
	}
	return out, nil
}
