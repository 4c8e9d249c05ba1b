package github

import (
	"context"
	"net/url"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/client"
)

// Of one question to the GraphQL API: the most that it takes, and as few as save
// nothing.
const (
	maxNodes = 100
	fewNodes = 5
)

// graphAddress is where GraphQL is: beside the API on a server, below it elsewhere
// (https://docs.github.com/enterprise-server/graphql/guides/forming-calls-with-graphql).
func (repo *Repo) graphAddress() string {
	u := url.URL{Scheme: repo.api.Scheme, Host: repo.api.Host}
	if above, ok := strings.CutSuffix(repo.api.Path, "/api/v3"); ok {
		u.Path = above + "/api/graphql"
	} else {
		u.Path = repo.api.Path + "/graphql"
	}
	return u.String()
}

// nodes asks what ids stand for, as many at once as are answered in time, and
// returns an answer for each id, in their order: nil where there is none. Callers
// ask REST about those.
func nodes[T any](ctx context.Context, repo *Repo, query string, ids []string) ([]*T, error) {
	out := make([]*T, len(ids))
	if repo.api == nil || repo.token == "" {
		return out, nil
	}
	err := repo.known.batch.Each(len(ids), func(from, to int) (client.Reply, error) {
		var data struct {
			Nodes []*T `json:"nodes"`
		}
		r, err := client.Graph(ctx, repo.gh().Client(), repo.graphAddress(), query,
			map[string]any{"ids": ids[from:to]}, &data)
		if r == client.Answered && len(data.Nodes) != to-from {
			r = client.Refused
		}
		if r == client.Answered {
			copy(out[from:], data.Nodes)
		}
		return r, err
	})
	if err != nil {
		return nil, client.Unanswered("the GitHub API", err)
	}
	return out, nil
}

// An actor is an account as GraphQL writes it.
type actor struct {
	Type  string `json:"__typename"`
	Login string `json:"login"`
	ID    int64  `json:"databaseId"`
	User  *actor `json:"user"` // behind an account of an enterprise
}

// The fields of an actor. A number is asked for where there is an account: a
// mannequin stands for somebody whose history was imported, and no account acts by it.
const anActor = `
fragment who on Actor { __typename login
  ... on User { databaseId } ... on Bot { databaseId } ... on Organization { databaseId }
  ... on EnterpriseUserAccount { user { __typename login databaseId } } }`

// user is the account as REST writes it.
func (a *actor) user() *user {
	switch {
	case a == nil:
		return nil
	case a.Type == "EnterpriseUserAccount":
		return a.User.user()
	case a.Type == "Bot" && !strings.HasSuffix(a.Login, "[bot]"):
		return &user{Login: a.Login + "[bot]", ID: a.ID, Type: a.Type}
	}
	return &user{Login: a.Login, ID: a.ID, Type: a.Type}
}

// A gitActor is what a commit says of a person.
type gitActor struct {
	Name  string `json:"name"`
	Email string `json:"email"`
	User  *actor `json:"user"`
}

// A gitCommit is a commit as GraphQL writes it.
type gitCommit struct {
	ID        string    `json:"id"`
	OID       string    `json:"oid"`
	Message   string    `json:"message"`
	Date      string    `json:"committedDate"`
	Author    *gitActor `json:"author"`
	Committer *gitActor `json:"committer"`
	Signature *struct {
		Valid bool `json:"isValid"`
		Own   bool `json:"wasSignedByGitHub"`
	} `json:"signature"`
	Parents struct {
		Total int `json:"totalCount"`
		Nodes []struct {
			OID string `json:"oid"`
		} `json:"nodes"`
	} `json:"parents"`
}

// whole reports whether the commit is there, with all its parents.
func (g gitCommit) whole() bool {
	if !fullSHA().MatchString(g.OID) || len(g.Parents.Nodes) != g.Parents.Total {
		return false
	}
	for _, p := range g.Parents.Nodes {
		if !fullSHA().MatchString(p.OID) {
			return false
		}
	}
	return true
}

// plain is the commit as REST writes it. The signature is said to be good if it
// is the platform's own.
func (g gitCommit) plain() commit {
	c := commit{SHA: g.OID, Node: g.ID}
	for _, p := range g.Parents.Nodes {
		c.Parents = append(c.Parents, parent{SHA: p.OID})
	}
	c.Commit.Message = g.Message
	if a := g.Author; a != nil {
		c.Author, c.Commit.Author = a.User.user(), signature{Name: a.Name, Email: a.Email}
	}
	if a := g.Committer; a != nil {
		c.Committer, c.Commit.Committer = a.User.user(), signature{Name: a.Name, Email: a.Email, Date: g.Date}
	}
	c.Commit.Verification.Verified = g.Signature != nil && g.Signature.Valid && g.Signature.Own
	return c
}
