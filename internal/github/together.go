package github

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/change"
	"github.com/sallyport-dev/sallyport/internal/fault"
)

// This file asks for many things at once by GraphQL. What it does not get, its
// callers ask for by REST, one by one.

// called is a request among the names of things.
func called(number int64) string { return "request " + strconv.FormatInt(number, 10) }

// about returns what GraphQL says about things by their names, nil where it says
// nothing. An answer about another thing than was asked for is refused.
func about[T any](ctx context.Context, repo *Repo, query string, names []string, name func(*T) string) ([]*T, error) {
	out := make([]*T, len(names))
	ids, which := repo.known.called(names)
	found, err := nodes[T](ctx, repo, query, ids)
	if err != nil {
		return nil, err
	}
	for i, n := range found {
		if n == nil {
			continue
		}
		if got := name(n); got != names[which[i]] {
			return nil, fault.New(fault.Refused, fault.Malformed, "", "asked for %s, the GitHub API answered with %q",
				names[which[i]], got)
		}
		out[which[i]] = n
	}
	return out, nil
}

const bringingQuery = `query($ids: [ID!]!) { nodes(ids: $ids) { ... on Commit { oid associatedPullRequests(first: 10) { totalCount nodes {
  id number title url mergedAt createdAt baseRefName headRefName headRefOid isCrossRepository
  mergeCommit { oid } author { ...who } baseRepository { databaseId }
  headRepository { nameWithOwner owner { __typename login ... on User { databaseId } ... on Organization { databaseId } } }
} } } } }` + anActor

// A bringing is a commit with the requests that have it.
type bringing struct {
	OID      string `json:"oid"`
	Requests *struct {
		Total int             `json:"totalCount"`
		Nodes []*graphRequest `json:"nodes"`
	} `json:"associatedPullRequests"`
}

// A graphRequest is a request as GraphQL lists it.
type graphRequest struct {
	ID        string     `json:"id"`
	Number    int64      `json:"number"`
	Title     string     `json:"title"`
	URL       string     `json:"url"`
	MergedAt  *time.Time `json:"mergedAt"`
	CreatedAt time.Time  `json:"createdAt"`
	Base      string     `json:"baseRefName"`
	Head      string     `json:"headRefName"`
	HeadOID   string     `json:"headRefOid"`
	Cross     bool       `json:"isCrossRepository"`
	Merge     *struct {
		OID string `json:"oid"`
	} `json:"mergeCommit"`
	Author *actor `json:"author"`
	Target *struct {
		ID int64 `json:"databaseId"`
	} `json:"baseRepository"`
	Source *struct {
		Name  string `json:"nameWithOwner"`
		Owner *actor `json:"owner"`
	} `json:"headRepository"`
}

// whole returns those of the requests that were merged into the repository of
// that number; ok is false where something of one of them is not shown.
func (b *bringing) whole(repository string) (merged []*graphRequest, ok bool) {
	if b == nil || b.Requests == nil || b.Requests.Total > len(b.Requests.Nodes) {
		return nil, false
	}
	for _, g := range b.Requests.Nodes {
		switch {
		case g == nil || g.Target == nil || g.MergedAt != nil && g.Merge == nil:
			return nil, false
		case g.MergedAt != nil && strconv.FormatInt(g.Target.ID, 10) == repository:
			merged = append(merged, g)
		}
	}
	return merged, true
}

func (h history) graphRequest(g *graphRequest) change.Request {
	h.known.learn(called(g.Number), g.ID)
	r := change.Request{
		Number: g.Number, Title: g.Title, URL: g.URL, Author: h.account(g.Author.user()), Merged: []string{g.Merge.OID},
		Head: g.HeadOID, Branch: g.Head, Into: g.Base, Opened: g.CreatedAt, Done: *g.MergedAt,
		Fork: g.Cross || g.Source == nil,
	}
	if r.Fork && g.Source != nil {
		r.Source = g.Source.Name
		if o := g.Source.Owner.user(); o != nil && o.Type == "User" {
			r.Owner = h.account(o)
		}
	}
	return r
}

// bringing asks for the merged requests of commits. What is not in the answer
// was not answered whole. The platform's own commits are asked about anew: which
// requests they belong to shows only some time after the merge.
func (h history) bringing(ctx context.Context, commits []change.Commit) (map[string][]change.Request, error) {
	out := map[string][]change.Request{}
	repository, err := h.number(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	page := map[string]bool{}
	for _, c := range commits {
		if requests, known := h.known.bringing(c.ID); known {
			out[c.ID] = requests
			continue
		}
		names, page[c.ID] = append(names, c.ID), c.Page
	}
	all, err := about(ctx, h.Repo, bringingQuery, names, func(b *bringing) string { return b.OID })
	if err != nil {
		return nil, err
	}
	for _, b := range all {
		merged, ok := b.whole(repository)
		if !ok {
			continue
		}
		out[b.OID] = nil
		for _, g := range merged {
			out[b.OID] = append(out[b.OID], h.graphRequest(g))
		}
		if !page[b.OID] {
			h.known.bring(b.OID, out[b.OID])
		}
	}
	return out, nil
}

// The types of what happened to a request, as GraphQL names them, by REST's
// names.
var happened = map[string]string{
	"HeadRefForcePushedEvent": "head_ref_force_pushed", "AddedToMergeQueueEvent": "added_to_merge_queue",
	"AutoMergeEnabledEvent": "auto_merge_enabled", "AutoSquashEnabledEvent": "auto_squash_enabled", "AutoRebaseEnabledEvent": "auto_rebase_enabled",
}

// maxLists bounds the lists that one question has below others: each costs a
// hundredth of a point of the hourly limit, whether it is there or not
// (https://docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api).
const maxLists = 2000

// mergedQuery asks for requests with their commits, and for the parents of those.
func mergedQuery(commits int) string {
	return `query($ids: [ID!]!) { nodes(ids: $ids) { ... on PullRequest { number headRefOid mergedBy { ...who }
  commits(first: ` + strconv.Itoa(commits) + `) { totalCount nodes { commit { id oid message committedDate signature { isValid wasSignedByGitHub }
    author { name email user { __typename login databaseId } } committer { name email user { __typename login databaseId } }
    parents(first: 20) { totalCount nodes { oid } } } } }
  timelineItems(first: 100, itemTypes: [HEAD_REF_FORCE_PUSHED_EVENT, ADDED_TO_MERGE_QUEUE_EVENT, AUTO_MERGE_ENABLED_EVENT, AUTO_SQUASH_ENABLED_EVENT, AUTO_REBASE_ENABLED_EVENT]) {
    pageInfo { hasNextPage } nodes { __typename
      ... on HeadRefForcePushedEvent { actor { ...who } } ... on AddedToMergeQueueEvent { actor { ...who } } ... on AutoMergeEnabledEvent { actor { ...who } }
      ... on AutoSquashEnabledEvent { actor { ...who } } ... on AutoRebaseEnabledEvent { actor { ...who } } } }
} } }` + anActor
}

// A graphMerged is a request that was merged, as GraphQL writes it.
type graphMerged struct {
	Number   int64  `json:"number"`
	Head     string `json:"headRefOid"`
	MergedBy *actor `json:"mergedBy"`
	Commits  struct {
		Total int         `json:"totalCount"`
		Nodes []ofRequest `json:"nodes"`
	} `json:"commits"`
	Timeline struct {
		Page struct {
			More bool `json:"hasNextPage"`
		} `json:"pageInfo"`
		Nodes []struct {
			Type  string `json:"__typename"`
			Actor *actor `json:"actor"`
		} `json:"nodes"`
	} `json:"timelineItems"`
}

// An ofRequest is a commit of a request.
type ofRequest struct {
	Commit gitCommit `json:"commit"`
}

// whole reports whether it is all there, down to its head, with all parents and
// events, and none of them a null. To guess parents from the order of the commits
// would give somebody's commits to another person, who pushed others first.
func (g *graphMerged) whole(head string) bool {
	if g.Timeline.Page.More || len(g.Commits.Nodes) != g.Commits.Total || g.Head != head {
		return false
	}
	for _, n := range g.Timeline.Nodes {
		if happened[n.Type] == "" {
			return false
		}
	}
	ended := false
	for _, n := range g.Commits.Nodes {
		if !n.Commit.whole() {
			return false
		}
		ended = ended || n.Commit.OID == head
	}
	return ended
}

// merged is what a request that was merged says.
type merged struct {
	by      *user
	events  []requestEvent
	commits []commit // newest first
}

func place(r change.Request) string { return called(r.Number) + " " + r.Head }

// together asks for requests at once and keeps what they say: a request that was
// merged does not change. What is not in the answer has to be asked for alone.
func (h history) together(ctx context.Context, asked []change.Ask) (map[string]merged, error) {
	var fresh []change.Ask
	for _, a := range asked {
		if _, ok := h.known.request(a.Request); !ok {
			fresh = append(fresh, a)
		}
	}
	for dear(fresh) {
		rest, err := h.take(ctx, fresh)
		if err != nil {
			return nil, err
		}
		fresh = rest
	}
	out := map[string]merged{}
	for _, a := range asked {
		if m, ok := h.known.request(a.Request); ok {
			out[place(a.Request)] = m
		}
	}
	return out, nil
}

// dear reports whether REST would take more calls than GraphQL.
func dear(asked []change.Ask) bool {
	calls := 0
	for _, a := range asked {
		for _, wanted := range []bool{a.Commits, a.Mergers, a.Pushers} {
			if wanted {
				calls++
			}
		}
	}
	return calls > 1
}

// take asks for requests once, and keeps what came whole. It returns those that
// have more commits than were asked for of each: of fewer requests, more may be.
func (h history) take(ctx context.Context, asked []change.Ask) (longer []change.Ask, err error) {
	var names []string
	for _, a := range asked {
		names = append(names, called(a.Number))
	}
	commits := min(maxNodes, maxLists/min(len(asked), maxNodes))
	all, err := about(ctx, h.Repo, mergedQuery(commits), names, func(g *graphMerged) string { return called(g.Number) })
	if err != nil {
		return nil, err
	}
	for i, g := range all {
		switch {
		case g == nil:
		case g.whole(asked[i].Head):
			h.known.keep(asked[i].Request, g.plain())
		case g.Commits.Total > commits && g.Commits.Total <= maxNodes:
			longer = append(longer, asked[i])
		}
	}
	if len(longer) == len(asked) {
		return nil, nil
	}
	return longer, nil
}

// plain is the request as REST writes it, its commits newest first.
func (g *graphMerged) plain() merged {
	m := merged{by: g.MergedBy.user()}
	for _, n := range slices.Backward(g.Commits.Nodes) {
		m.commits = append(m.commits, n.Commit.plain())
	}
	for _, n := range g.Timeline.Nodes {
		m.events = append(m.events, requestEvent{Event: happened[n.Type], Actor: n.Actor.user()})
	}
	return m
}

const authorsQuery = `query($ids: [ID!]!) { nodes(ids: $ids) { ... on Commit { oid authors(first: 20) { nodes { name email user { __typename login databaseId } } } } } }`

type graphAuthors struct {
	OID     string `json:"oid"`
	Authors struct {
		Nodes []*gitActor `json:"nodes"`
	} `json:"authors"`
}

// CoAuthors returns the accounts of people whom the platform finds behind the
// co-authors of commits, also by addresses that only they and it know.
func (h history) CoAuthors(ctx context.Context, commits []change.Commit) (map[string][]change.Identity, error) {
	names, author := make([]string, len(commits)), map[string]string{}
	for i, c := range commits {
		names[i], author[c.ID] = c.ID, c.Author.Email
	}
	all, err := about(ctx, h.Repo, authorsQuery, names, func(g *graphAuthors) string { return g.OID })
	if err != nil {
		return nil, err
	}
	out := map[string][]change.Identity{}
	for _, g := range all {
		if g == nil {
			continue
		}
		for _, a := range g.Authors.Nodes {
			if a == nil || strings.EqualFold(a.Email, author[g.OID]) {
				continue
			}
			if u := a.User.user(); h.account(u).ID != "" {
				out[g.OID] = append(out[g.OID], change.Identity{Name: a.Name, Email: a.Email, Account: h.account(u)})
			}
		}
	}
	return out, nil
}

const statusesQuery = `query($ids: [ID!]!) { nodes(ids: $ids) { ... on Deployment { commitOid createdAt
  latestStatus { id } statuses(first: 50) { totalCount nodes { id state logUrl creator { ...who } } } } } }` + anActor

type graphDeployment struct {
	Commit  string    `json:"commitOid"`
	Created time.Time `json:"createdAt"`
	Latest  *struct {
		ID string `json:"id"`
	} `json:"latestStatus"`
	Statuses *struct {
		Total int `json:"totalCount"`
		Nodes []struct {
			ID      string `json:"id"`
			State   string `json:"state"`
			LogURL  string `json:"logUrl"`
			Creator *actor `json:"creator"`
		} `json:"nodes"`
	} `json:"statuses"`
}

// name is how a deployment is known on both ways: GraphQL has its number only
// while that is short enough.
func (d deployment) name() string {
	return fmt.Sprintf("deployment of %s at %s", d.SHA, d.CreatedAt.UTC().Format(time.RFC3339))
}

// ended asks for the statuses of deployments at once, and keeps those of which
// the last word is that they are over and none that they succeeded: such a
// deployment is nothing that the environment was left with. Of the others REST
// says more.
func (h history) ended(ctx context.Context, all []deployment) error {
	var ids []string
	var which []deployment
	for _, d := range all {
		if _, known := h.known.over(d.ID); !known && d.Node != "" && byWorkflow(d.Creator) {
			ids, which = append(ids, d.Node), append(which, d)
		}
	}
	found, err := nodes[graphDeployment](ctx, h.Repo, statusesQuery, ids)
	if err != nil {
		return err
	}
	for i, g := range found {
		if g == nil {
			continue
		}
		if got := (deployment{SHA: g.Commit, CreatedAt: g.Created}).name(); got != which[i].name() {
			return fault.New(fault.Refused, fault.Malformed, "", "asked for %s, the GitHub API answered with %s",
				which[i].name(), got)
		}
		if statuses, ok := g.over(); ok {
			h.known.end(which[i].ID, statuses)
		}
	}
	return nil
}

// over returns what workflows said, the last word first, if that is the end.
func (g *graphDeployment) over() (all []deploymentStatus, ok bool) {
	if g.Latest == nil || g.Statuses == nil || g.Statuses.Total != len(g.Statuses.Nodes) {
		return nil, false
	}
	last := false
	for _, n := range g.Statuses.Nodes {
		s := deploymentStatus{State: strings.ToLower(n.State), LogURL: n.LogURL, Creator: n.Creator.user()}
		switch {
		case n.ID == "":
			return nil, false // a null
		case !byWorkflow(s.Creator):
		case s.State == "success":
			return nil, false
		case n.ID == g.Latest.ID:
			all, last = slices.Insert(all, 0, s), slices.Contains([]string{"failure", "error", "inactive"}, s.State)
		default:
			all = append(all, s)
		}
	}
	return all, last
}
