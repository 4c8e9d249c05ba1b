package gitlab

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/change"
	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// This file asks for many things at once by GraphQL. What it does not get, its
// callers ask for by REST, one by one.

// Of one question to the GraphQL API: a page, and as many requests with their
// commits as the complexity of a question allows.
const (
	maxUsers    = 100
	maxRequests = 10
)

// graphs is how GraphQL is asked, and what it answered that stands longer than
// one look.
type graphs struct {
	http     *http.Client
	users    *client.Batch
	requests *client.Batch
	people   map[string]person
	merged   map[string]*merged
}

// A person is an account with what is behind it, good until a time.
type person struct {
	policy.Account
	until time.Time
}

// seldom is how long a gate that waits goes by what it learned of things that
// seldom change, and often how long by what changes now and then.
const (
	seldom = 10 * time.Minute
	often  = time.Minute
)

// graph asks one question; ok is false where there is no GraphQL to ask: a job's
// own token is not taken there (https://docs.gitlab.com/ci/jobs/ci_job_token/).
func (repo *Repo) graph(ctx context.Context, query string, variables map[string]any, data any) (client.Reply, error) {
	above, ok := strings.CutSuffix(repo.api.Path, "/api/v4")
	if !ok || repo.access == "" {
		return client.Refused, nil
	}
	repo.memory.mu.Lock()
	if repo.memory.graphs.http == nil {
		credential := http.Header{"Private-Token": {repo.access}}
		repo.memory.graphs.http = client.New(client.Options{Base: repo.api, Credential: credential, MaxBody: maxKept,
			Budget: repo.Budget})
	}
	c := repo.memory.graphs.http
	repo.memory.mu.Unlock()
	at := *repo.api
	at.Path = above + "/api/graphql"
	r, err := client.Graph(ctx, c, at.String(), query, variables, data)
	if err != nil {
		err = client.Unanswered("the GitLab API", err)
	}
	return r, err
}

// batch returns one of the sizes of questions.
func (m *memory) batch(b **client.Batch, most int) *client.Batch {
	m.mu.Lock()
	defer m.mu.Unlock()
	if *b == nil {
		*b = client.NewBatch(most, 1)
	}
	return *b
}

const usersQuery = `query($ids: [ID!]) { users(ids: $ids, first: 100) { nodes { id username bot state type } } }`

// maxMet bounds how many accounts are asked about together.
const maxMet = 1000

// meet asks what is behind accounts and keeps it. Of those that are not in an
// answer nothing is kept.
func (repo *Repo) meet(ctx context.Context, accounts []policy.Account) error {
	var ids []string
	for _, a := range accounts {
		if id := "gid://gitlab/User/" + a.ID; a.ID != "" && !repo.met(a.ID) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) < 2 { // one is as easily asked about by REST
		return nil
	}
	ids = ids[:min(len(ids), maxMet)]
	return repo.memory.batch(&repo.memory.graphs.users, maxUsers).Each(len(ids), func(from, to int) (client.Reply, error) {
		var data struct {
			Users struct {
				Nodes []*struct {
					ID       string `json:"id"`
					Username string `json:"username"`
					Bot      *bool  `json:"bot"`
					State    string `json:"state"`
					Type     string `json:"type"`
				} `json:"nodes"`
			} `json:"users"`
		}
		r, err := repo.graph(ctx, usersQuery, map[string]any{"ids": ids[from:to]}, &data)
		if err != nil || r != client.Answered {
			return r, err
		}
		for _, n := range data.Users.Nodes {
			if n == nil {
				continue
			}
			if !slices.Contains(ids[from:to], n.ID) {
				return r, fault.New(fault.Refused, fault.Malformed, "",
					"the GitLab API answered with %q, which was not asked for", n.ID)
			}
			id := strings.TrimPrefix(n.ID, "gid://gitlab/User/")
			u := user{Username: n.Username, Bot: n.Bot, State: strings.ToLower(n.State)}
			if u.ID, err = strconv.ParseInt(id, 10, 64); err != nil {
				continue
			}
			a := repo.account(u)
			switch {
			case standsIn[n.Type]:
				a = policy.Account{}
			case a.ID != "":
				a.Kind = kind(u)
				if a.Kind == policy.Human && n.Type != "HUMAN" {
					a.Kind = policy.Unseen
				}
			}
			repo.remember(id, a)
		}
		return r, nil
	})
}

// standsIn are the types of users that stand in for people who are gone or were
// imported: nobody acts by them.
var standsIn = map[string]bool{"GHOST": true, "PLACEHOLDER": true, "IMPORT_USER": true}

func (repo *Repo) met(id string) bool {
	_, ok := repo.behind(id)
	return ok
}

// behind returns what is known of an account.
func (repo *Repo) behind(id string) (policy.Account, bool) {
	repo.memory.mu.Lock()
	defer repo.memory.mu.Unlock()
	p, ok := repo.memory.graphs.people[id]
	return p.Account, ok && repo.Now().Before(p.until)
}

func (repo *Repo) remember(id string, a policy.Account) {
	repo.memory.mu.Lock()
	defer repo.memory.mu.Unlock()
	if repo.memory.graphs.people == nil {
		repo.memory.graphs.people = map[string]person{}
	}
	repo.memory.graphs.people[id] = person{a, repo.Now().Add(seldom)}
}

// merged is what a request that was merged says: it does not change any more.
type merged struct {
	commits []commit // newest first
	pushers []policy.Account
	noted   bool // pushers are known
}

func place(r change.Request) string { return itoa(r.Number) + " " + r.Head }

func (repo *Repo) mergedAt(r change.Request) *merged {
	repo.memory.mu.Lock()
	defer repo.memory.mu.Unlock()
	return repo.memory.graphs.merged[place(r)]
}

const requestsQuery = `query($path: ID!, $iids: [String!], $count: Int, $notes: Boolean!) { project(fullPath: $path) { id mergeRequests(iids: $iids, first: $count) { nodes {
  iid diffRefs { baseSha }
  commits(first: 100) { pageInfo { hasNextPage } nodes { sha message authorName authorEmail committerName committerEmail committedDate } }
  commitsWithoutMergeCommits(first: 100) { nodes { sha } }
  notes(first: 100) @include(if: $notes) { pageInfo { hasNextPage } nodes { imported systemNoteMetadata { action } author { id username } } }
} } } }`

type page[T any] struct {
	Info struct {
		More bool `json:"hasNextPage"`
	} `json:"pageInfo"`
	Nodes []T `json:"nodes"`
}

// A graphRequest is a request as GraphQL shows it.
type graphRequest struct {
	IID  string `json:"iid"`
	Refs *struct {
		Base string `json:"baseSha"`
	} `json:"diffRefs"`
	Commits page[graphCommit] `json:"commits"`
	Plain   page[graphCommit] `json:"commitsWithoutMergeCommits"`
	Notes   *page[graphNote]  `json:"notes"`
}

type graphCommit struct {
	SHA            string `json:"sha"`
	Message        string `json:"message"`
	AuthorName     string `json:"authorName"`
	AuthorEmail    string `json:"authorEmail"`
	CommitterName  string `json:"committerName"`
	CommitterEmail string `json:"committerEmail"`
	Committed      string `json:"committedDate"`
}

type graphNote struct {
	Imported *bool `json:"imported"`
	Metadata *struct {
		Action string `json:"action"`
	} `json:"systemNoteMetadata"`
	Author *struct {
		ID       string `json:"id"`
		Username string `json:"username"`
	} `json:"author"`
}

// together asks for requests at once and keeps what they say. What is not kept
// has to be asked for alone.
func (h *history) together(ctx context.Context, asked []change.Ask) error {
	var fresh []change.Ask
	for _, a := range asked {
		m := h.mergedAt(a.Request)
		if a.Commits && (m == nil || m.commits == nil) || a.Pushers && (m == nil || !m.noted) {
			fresh = append(fresh, a)
		}
	}
	if len(fresh) < 2 {
		return nil
	}
	p, err := h.here(ctx)
	if err != nil {
		return err
	}
	return h.memory.batch(&h.memory.graphs.requests, maxRequests).Each(len(fresh),
		func(from, to int) (client.Reply, error) {
			return h.take(ctx, p, fresh[from:to])
		})
}

func (h *history) take(ctx context.Context, p home, asked []change.Ask) (client.Reply, error) {
	by := map[string]change.Ask{}
	var iids []string
	for _, a := range asked {
		by[itoa(a.Number)] = a
		iids = append(iids, itoa(a.Number))
	}
	var data struct {
		Project *struct {
			ID       string `json:"id"`
			Requests struct {
				Nodes []*graphRequest `json:"nodes"`
			} `json:"mergeRequests"`
		} `json:"project"`
	}
	notes := slices.ContainsFunc(asked, func(a change.Ask) bool { return a.Pushers })
	r, err := h.graph(ctx, requestsQuery, map[string]any{"path": p.Path, "iids": iids, "count": len(iids),
		"notes": notes}, &data)
	if err != nil || r != client.Answered || data.Project == nil {
		return r, err
	}
	if want := "gid://gitlab/Project/" + itoa(p.ID); data.Project.ID != want {
		return r, fault.New(fault.Refused, fault.Malformed, "", "the GitLab API answered with %q, asked for %q",
			data.Project.ID, want)
	}
	for _, g := range data.Project.Requests.Nodes {
		if g == nil {
			continue
		}
		a, ok := by[g.IID]
		if !ok {
			return r, fault.New(fault.Refused, fault.Malformed, "",
				"the GitLab API answered with request !%s, which was not asked for", g.IID)
		}
		h.keep(a.Request, g)
	}
	return r, nil
}

func (h *history) keep(r change.Request, g *graphRequest) {
	m := merged{commits: g.line(r.Head)}
	if g.Notes != nil && !g.Notes.Info.More {
		m.pushers, m.noted = h.noters(g.Notes.Nodes)
	}
	h.memory.mu.Lock()
	defer h.memory.mu.Unlock()
	if h.memory.graphs.merged == nil {
		h.memory.graphs.merged = map[string]*merged{}
	}
	h.memory.graphs.merged[place(r)] = &m
}

// line returns the commits of a request, newest first, where they are one line:
// GraphQL tells no parents, but whether there is a merge among them. Without one,
// each has the next as its parent, and the last one where the request parts from
// its target. It is nil where they do not begin with the head that the list of
// requests says, are more than a page or more than a line, or where one of them is
// null: to guess parents would give somebody's commits to another person, who pushed
// others first.
func (g *graphRequest) line(head string) []commit {
	all := g.Commits.Nodes
	same := slices.EqualFunc(all, g.Plain.Nodes, func(a, b graphCommit) bool { return a.SHA == b.SHA })
	if len(all) == 0 || g.Commits.Info.More || !same || all[0].SHA != head || g.Refs == nil || !full(g.Refs.Base) {
		return nil
	}
	var out []commit
	for i, c := range all {
		if !full(c.SHA) {
			return nil
		}
		x := commit{ID: c.SHA, Message: c.Message, AuthorName: c.AuthorName, AuthorEmail: c.AuthorEmail,
			CommitterName: c.CommitterName, CommitterEmail: c.CommitterEmail, Committed: c.Committed}
		x.Parents = []string{g.Refs.Base}
		if i+1 < len(all) {
			x.Parents[0] = all[i+1].SHA
		}
		out = append(out, x)
	}
	return out
}

// noters are those who pushed to a request after it was opened, as the notes say
// that GitLab itself wrote under it. What was imported, others wrote. ok is false
// where one of the notes is null, or does not say whether it was imported.
func (repo *Repo) noters(all []graphNote) (out []policy.Account, ok bool) {
	for _, n := range all {
		if n.Imported == nil {
			return nil, false
		}
		if *n.Imported || n.Metadata == nil || n.Metadata.Action != "commit" {
			continue
		}
		var u user
		if n.Author != nil {
			u.Username = n.Author.Username
			u.ID, _ = strconv.ParseInt(strings.TrimPrefix(n.Author.ID, "gid://gitlab/User/"), 10, 64) // 0 is nobody
		}
		out = append(out, repo.account(u))
	}
	return out, true
}
