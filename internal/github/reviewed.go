package github

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/change"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Signatures returns what the list of commits said of their signatures.
func (h history) Signatures(_ context.Context, commits []change.Commit) (map[string]change.Signature, error) {
	out := map[string]change.Signature{}
	for _, c := range commits {
		if c.Signature.Verified != policy.Unanswered || c.Signature.Words != "" {
			out[c.ID] = c.Signature
			s := out[c.ID]
			s.Own = c.Signed
			out[c.ID] = s
		}
	}
	return out, nil
}

// signature is what the platform says of a commit's signature. That its own service for keys
// did not answer says nothing about the signature.
func (c commit) signature() change.Signature {
	switch v := c.Commit.Verification; {
	case v.Verified:
		return change.Signature{Verified: policy.Yes}
	case v.Reason == "gpgverify_unavailable" || v.Reason == "gpgverify_error":
		return change.Signature{Words: "the platform could not verify the signature: " + v.Reason}
	case v.Reason != "":
		return change.Signature{Verified: policy.No, Words: v.Reason}
	}
	return change.Signature{}
}

// reviewsQuery leaves out what decides nothing, of which everybody may write as much as they
// like.
const reviewsQuery = `query($ids: [ID!]!) { nodes(ids: $ids) { ... on PullRequest { number
  reviews(first: 100, states: [APPROVED, CHANGES_REQUESTED, DISMISSED]) { totalCount nodes { state submittedAt authorCanPushToRepository commit { oid } author { ...who } } }
  timelineItems(first: 100, itemTypes: [BASE_REF_CHANGED_EVENT, AUTOMATIC_BASE_CHANGE_SUCCEEDED_EVENT]) { totalCount nodes {
    ... on BaseRefChangedEvent { createdAt } ... on AutomaticBaseChangeSucceededEvent { createdAt } } }
} } }` + anActor

// A graphReviewed is a request with its reviews, as GraphQL writes it.
type graphReviewed struct {
	Number  int64 `json:"number"`
	Reviews *struct {
		Total int            `json:"totalCount"`
		Nodes []*graphReview `json:"nodes"`
	} `json:"reviews"`
	// Moves pointed it at another branch.
	Moves *struct {
		Total int `json:"totalCount"`
		Nodes []*struct {
			Created *time.Time `json:"createdAt"`
		} `json:"nodes"`
	} `json:"timelineItems"`
}

type graphReview struct {
	State     string     `json:"state"`
	Submitted *time.Time `json:"submittedAt"`
	Writes    bool       `json:"authorCanPushToRepository"`
	Commit    *struct {
		OID string `json:"oid"`
	} `json:"commit"`
	Author *actor `json:"author"`
}

// A pullReview is a review as REST writes it.
type pullReview struct {
	User      *user      `json:"user"`
	State     string     `json:"state"`
	Commit    string     `json:"commit_id"`
	Submitted *time.Time `json:"submitted_at"`
}

// decisions are the states of reviews that decide something.
var decisions = map[string]policy.ReviewState{
	"APPROVED": policy.ReviewApproved, "CHANGES_REQUESTED": policy.ReviewRefused, "DISMISSED": policy.ReviewDismissed,
}

// ReviewsOf asks for the reviews of several requests together, and for those alone of which
// that says nothing.
func (h history) ReviewsOf(ctx context.Context, asked []change.Request) ([]change.Reviews, error) {
	out := make([]change.Reviews, len(asked))
	told := make([]*graphReviewed, len(asked))
	if len(asked) > 1 {
		var names []string
		for _, r := range asked {
			names = append(names, called(r.Number))
		}
		var err error
		if told, err = about(ctx, h.Repo, reviewsQuery, names, func(g *graphReviewed) string { return called(g.Number) }); err != nil {
			return nil, err
		}
	}
	for i, r := range asked {
		all, ok := told[i].whole()
		if ok {
			out[i].Moved = told[i].moved()
			for _, g := range all {
				out[i].List = append(out[i].List, h.graphReview(g))
			}
			continue
		}
		var err error
		if out[i], err = h.reviewsOf(ctx, r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// whole are the reviews; ok is false where one of them is not there.
func (g *graphReviewed) whole() (all []*graphReview, ok bool) {
	if g == nil || g.Reviews == nil || g.Reviews.Total != len(g.Reviews.Nodes) {
		return nil, false
	}
	for _, n := range g.Reviews.Nodes {
		if n == nil || decisions[n.State] == "" {
			return nil, false
		}
	}
	if g.Moves == nil || g.Moves.Total != len(g.Moves.Nodes) {
		return nil, false
	}
	for _, n := range g.Moves.Nodes {
		if n == nil || n.Created == nil {
			return nil, false
		}
	}
	return g.Reviews.Nodes, true
}

// moved is when it was pointed at another branch last.
func (g *graphReviewed) moved() (last time.Time) {
	for _, n := range g.Moves.Nodes {
		if n.Created.After(last) {
			last = *n.Created
		}
	}
	return last
}

func (h history) graphReview(g *graphReview) policy.RequestReview {
	r := policy.RequestReview{Account: h.account(g.Author.user()), State: decisions[g.State], Writes: policy.KnownAs(g.Writes)}
	if g.Commit != nil {
		r.Commit = g.Commit.OID
	}
	if g.Submitted != nil {
		r.Time = *g.Submitted
	}
	return r
}

// reviewsOf asks for the reviews of one request. Everybody who may read may review, so
// that of those who approved its last commit it is asked whether they may write.
func (h history) reviewsOf(ctx context.Context, r change.Request) (change.Reviews, error) {
	q := inquiry{path: h.at("pulls/%d/reviews", r.Number), need: readContents}
	all, found, err := list[pullReview](ctx, h.Repo, q, nil)
	switch {
	case fault.Of(err).Code == fault.Limit:
		return change.Reviews{Unseen: "it has more reviews than are read", Need: "have it reviewed in a new request"}, nil
	case err != nil:
		return change.Reviews{}, err
	case !found:
		return change.Reviews{Unseen: "the platform does not show it", Need: string(readContents)}, nil
	}
	var out change.Reviews
	counts := false
	for _, x := range all {
		d := policy.RequestReview{Account: h.account(x.User), State: decisions[strings.ToUpper(x.State)], Commit: x.Commit}
		if d.State == "" {
			continue
		}
		if x.Submitted != nil {
			d.Time = *x.Submitted
		}
		if d.State == policy.ReviewApproved && d.Account.ID != "" && d.Commit == r.Head {
			if d.Writes, err = h.writes(ctx, d.Account); err != nil {
				return change.Reviews{}, err
			}
			counts = true
		}
		out.List = append(out.List, d)
	}
	if !counts {
		return out, nil
	}
	events, found, err := list[requestEvent](ctx, h.Repo, inquiry{path: h.at("issues/%d/timeline", r.Number), need: readContents}, nil)
	switch {
	case fault.Of(err).Code == fault.Limit || err == nil && !found:
		return change.Reviews{Unseen: "the platform does not show all that happened to it", Need: "have it reviewed in a new request"}, nil
	case err != nil:
		return change.Reviews{}, err
	}
	for _, e := range events {
		if slices.Contains(moves, e.Event) && (e.Created == nil || e.Created.After(out.Moved)) {
			out.Moved = r.Done // where it does not say when
			if e.Created != nil {
				out.Moved = *e.Created
			}
		}
	}
	return out, nil
}

// moves are the events that point a request at another branch. Its reviewers had seen what it
// changes in the one before.
var moves = []string{"base_ref_changed", "automatic_base_change_succeeded"}

// writes says whether somebody may write to the repository now.
func (h history) writes(ctx context.Context, a policy.Account) (policy.Known, error) {
	if strings.HasSuffix(a.Name, "[bot]") || !login().MatchString(a.Name) {
		return policy.Unanswered, nil
	}
	answer, err := h.once(ctx, h.at("collaborators/%s/permission", a.Name), readContents)
	if err != nil || !answer.found {
		return policy.Unanswered, err
	}
	var p struct {
		Permission string `json:"permission"`
		User       *user  `json:"user"`
	}
	if err := h.read(answer, &p); err != nil {
		return policy.Unanswered, err
	}
	if !h.account(p.User).Same(a) {
		return policy.Unanswered, nil // the name is another account's now
	}
	return policy.KnownAs(slices.Contains([]string{"admin", "write"}, p.Permission)), nil
}
