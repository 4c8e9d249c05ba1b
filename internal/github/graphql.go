package github

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/client"
)

const (
	maxNodes  = 100              // of one question: the most that the API takes
	graphWait = 15 * time.Second // for one answer: the platform itself gives up after ten
)

// A reply is what became of a question to the GraphQL API.
type reply int

const (
	refused  reply = iota // it is not there, or not for this token: REST is asked from now on
	nothing               // not all of it could be answered, and a part is no answer
	slow                  // it took too long: fewer things at once may be answered
	answered              // all of it
)

// graphAddress is where GraphQL is: beside the API on a server, below it elsewhere
// (https://docs.github.com/enterprise-server/graphql/guides/forming-calls-with-graphql).
func (j *Job) graphAddress() string {
	u := url.URL{Scheme: j.api.Scheme, Host: j.api.Host}
	if above, ok := strings.CutSuffix(j.api.Path, "/api/v3"); ok {
		u.Path = above + "/api/graphql"
	} else {
		u.Path = j.api.Path + "/graphql"
	}
	return u.String()
}

// nodes asks what ids stand for, as many at once as are answered in time, and
// returns an answer for each id, in their order: nil where there is none. Whoever
// asks takes REST for those.
func nodes[T any](ctx context.Context, j *Job, query string, ids []string) ([]*T, error) {
	out := make([]*T, len(ids))
	for from := 0; from < len(ids); {
		most := j.known.together()
		if most == 0 || j.api == nil || j.token == "" {
			return out, nil
		}
		part := ids[from:min(from+most, len(ids))]
		var data struct {
			Nodes []*T `json:"nodes"`
		}
		r, err := j.graph(ctx, query, part, &data)
		switch {
		case err != nil:
			return nil, err
		case r == slow:
			j.known.bound(len(part) / 2)
			continue
		case r == refused, r == answered && len(data.Nodes) != len(part):
			j.known.bound(0)
			return out, nil
		case r == answered:
			copy(out[from:], data.Nodes)
		}
		from += len(part)
	}
	return out, nil
}

// graph sends one question. What did not come is an error only if there is no
// time left.
func (j *Job) graph(ctx context.Context, query string, ids []string, data any) (reply, error) {
	body, err := json.Marshal(map[string]any{"query": query, "variables": map[string]any{"ids": ids}})
	if err != nil {
		return refused, fmt.Errorf("asking GitHub: %w", err)
	}
	within, cancel := context.WithTimeout(ctx, graphWait)
	defer cancel()
	req, err := http.NewRequestWithContext(within, http.MethodPost, j.graphAddress(), bytes.NewReader(body))
	if err != nil {
		return refused, fmt.Errorf("asking GitHub: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := j.gh().Client().Do(req)
	switch {
	case ctx.Err() != nil:
		return refused, client.Unanswered("the GitHub API", context.Cause(ctx))
	case err != nil && (within.Err() != nil || client.Late(err)):
		return slow, nil
	case err != nil:
		return refused, nil
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusInternalServerError {
		return slow, nil
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return refused, nil
	}
	return graphed(b, data), nil
}

// graphed reads an answer, whose errors come with status 200. Those about the
// question have a type or an extension; the one about time has neither.
func graphed(b []byte, data any) reply {
	var a struct {
		Data   json.RawMessage `json:"data"`
		Errors []struct {
			Type       string          `json:"type"`
			Extensions json.RawMessage `json:"extensions"`
		} `json:"errors"`
	}
	if json.Unmarshal(b, &a) != nil {
		return refused
	}
	none := len(a.Data) == 0 || string(a.Data) == "null"
	switch {
	case len(a.Errors) > 0 && !none:
		return nothing
	case len(a.Errors) > 0 && a.Errors[0].Type == "" && len(a.Errors[0].Extensions) == 0:
		return slow
	case none, json.Unmarshal(a.Data, data) != nil:
		return refused
	}
	return answered
}

// An actor is an account as GraphQL writes it.
type actor struct {
	Type  string `json:"__typename"`
	Login string `json:"login"`
	ID    int64  `json:"databaseId"`
	User  *actor `json:"user"` // behind an account of an enterprise
}

// The fields of an actor and of what a commit says of a person. A bot is never
// the user of the latter.
const anActor = `
fragment who on Actor { __typename login
  ... on User { databaseId } ... on Bot { databaseId } ... on Organization { databaseId }
  ... on EnterpriseUserAccount { user { __typename login databaseId } } }`

// user is the account as REST writes it, or nil: a mannequin stands for somebody
// whose history was imported, and is nobody's account.
func (a *actor) user() *user {
	switch {
	case a == nil:
		return nil
	case a.Type == "EnterpriseUserAccount":
		return a.User.user()
	case a.Type == "Bot" && !strings.HasSuffix(a.Login, "[bot]"):
		return &user{Login: a.Login + "[bot]", ID: a.ID, Type: a.Type}
	case a.Type == "Bot", a.Type == "User", a.Type == "Organization":
		return &user{Login: a.Login, ID: a.ID, Type: a.Type}
	}
	return nil
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
