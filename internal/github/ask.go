package github

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-github/v62/github"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
)

const (
	perPage   = 100 // entries of a page: the most that the API gives
	maxListed = 50  // pages of one list
	maxAnswer = 32 << 20
)

// answer is one answer of the API.
type answer struct {
	body   []byte
	found  bool
	status int
	next   bool   // there is another page, by number
	after  string // cursor of the next page, or empty
}

// permission is the hint for somebody who may not ask.
type permission string

const (
	readActions  permission = `add "actions: read" to the job's permissions`
	readContents permission = `add "contents: read", "pull-requests: read" and "deployments: read" to the job's permissions`
	readPeople   permission = "give SALLYPORT_TOKEN a token that may read the organization's members and teams"
	readAdmin    permission = "use a token that may read the repository's administration"
	readEvidence permission = `add "attestations: read" to the job's permissions`
	signIn       permission = "give SALLYPORT_TOKEN a token that is good"
)

// at is the path of a resource of the repository.
func (repo *Repo) at(format string, args ...any) string {
	return "repos/" + repo.owner + "/" + repo.name + strings.TrimSuffix("/"+fmt.Sprintf(format, args...), "/")
}

// once asks, unless it was asked during this look. Who must not know is not
// told "no": 401 and 403 are unavailable, and only 404 is "not found".
func (repo *Repo) once(ctx context.Context, path string, p permission) (answer, error) {
	if a, ok := repo.known.find(path, repo.Now()); ok {
		return a, nil
	}
	a, err := repo.fresh(ctx, path, p)
	if err == nil {
		repo.known.put(path, a)
	}
	return a, err
}

// fresh asks now.
func (repo *Repo) fresh(ctx context.Context, path string, p permission) (answer, error) {
	a, err := repo.raw(ctx, path)
	if err != nil || a.found || a.status == http.StatusNotFound {
		return a, err
	}
	return answer{}, repo.notTold(a.status, p)
}

// notTold is the fault of a status that does not answer the question.
func (repo *Repo) notTold(status int, p permission) error {
	return client.StatusFor("the GitHub API", status, repo.hint(status, p), repo.token != "")
}

// hint is the next step after a status. No permission helps who has no token, or
// one that is not good any more. Who is in no job gives permissions to no job.
func (repo *Repo) hint(status int, p permission) string {
	jobs, isJobs := strings.CutSuffix(strings.TrimPrefix(string(p), "add "), " to the job's permissions")
	switch {
	case status == http.StatusUnauthorized && repo.tokenFrom != "":
		return "the token in " + repo.tokenFrom + " is refused: give it one that is good, or none"
	case repo.Need != "":
		return repo.Need
	case status == http.StatusUnauthorized:
		return string(signIn)
	case repo.outside && isJobs:
		return "give " + cmp.Or(repo.tokenFrom, "SALLYPORT_TOKEN") + " a token with " + jobs
	}
	return string(p)
}

// raw asks now, and leaves it to the caller what a status means.
func (repo *Repo) raw(ctx context.Context, path string) (answer, error) {
	req, err := repo.gh().NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return answer{}, fmt.Errorf("asking GitHub: %w", err)
	}
	var b bytes.Buffer
	resp, err := repo.send(ctx, req, &b)
	if err == nil {
		return answer{body: b.Bytes(), found: true, status: http.StatusOK, next: resp.NextPage != 0, after: resp.After}, nil
	}
	if status := statusOf(err); status != 0 {
		return answer{status: status}, nil
	}
	return answer{}, repo.unanswered(err)
}

// send sends req, and once more after the time that a limit names, if the
// deadline leaves that time. The client waits for the limits that an answer's
// headers name; what is left are those that the library remembers or reads in
// the body of an answer.
func (repo *Repo) send(ctx context.Context, req *http.Request, v any) (*github.Response, error) {
	resp, err := repo.gh().Do(ctx, req, v)
	repo.count(resp)
	busy := repo.busy(err)
	if busy == nil {
		return resp, err
	}
	pause := time.Until(busy.Until)
	if end, ok := ctx.Deadline(); !ok || time.Until(end) <= pause {
		return nil, busy
	}
	if err := client.Sleep(ctx, pause); err != nil {
		return nil, err
	}
	if req.GetBody != nil {
		if req.Body, err = req.GetBody(); err != nil {
			return nil, fmt.Errorf("asking GitHub again: %w", err)
		}
	}
	resp, err = repo.gh().Do(ctx, req, v)
	if busy := repo.busy(err); busy != nil {
		return nil, busy
	}
	return resp, err
}

// busy returns until when err says that nothing will be answered, or nil. Where
// no time is named, the documentation asks for a minute.
func (repo *Repo) busy(err error) *client.Busy {
	var limit *github.RateLimitError
	var abuse *github.AbuseRateLimitError
	b := &client.Busy{Status: http.StatusForbidden, Known: repo.token != ""}
	switch {
	case errors.As(err, &limit):
		b.Until = limit.Rate.Reset.Add(time.Second)
	case errors.As(err, &abuse) && abuse.RetryAfter != nil:
		b.Until = time.Now().Add(*abuse.RetryAfter)
	case errors.As(err, &abuse):
		b.Until = time.Now().Add(time.Minute)
	default:
		return nil
	}
	return b
}

// read decodes an answer.
func (repo *Repo) read(a answer, v any) error {
	if err := json.Unmarshal(a.body, v); err != nil {
		return repo.unanswered(err)
	}
	return nil
}

// inquiry is a question for a list.
type inquiry struct {
	path  string // with its query, without page and per_page
	key   string // of the list in the answer; empty: the answer is the list
	need  permission
	limit int    // pages; 0 is maxListed
	more  string // the next step where there are more pages
}

func (q inquiry) page(n int) string {
	sep := "?"
	if strings.Contains(q.path, "?") {
		sep = "&"
	}
	s := q.path + sep + "per_page=" + strconv.Itoa(perPage)
	if n > 1 {
		s += "&page=" + strconv.Itoa(n)
	}
	return s
}

// list asks for a list to its end. A page that is lost, or fewer entries than
// the answer itself announced, is no list; more pages than the limit neither.
// enough, if there is one, ends it early.
func list[T any](ctx context.Context, repo *Repo, q inquiry, enough func([]T) bool) (all []T, found bool, err error) {
	limit := q.limit
	if limit == 0 {
		limit = maxListed
	}
	for n := 1; n <= limit; n++ {
		a, err := repo.once(ctx, q.page(n), q.need)
		if err != nil {
			return nil, false, err
		}
		if !a.found {
			if n == 1 {
				return nil, false, nil
			}
			return nil, false, fault.New(fault.Refused, fault.Malformed, "", "the GitHub API lost page %d of %s", n, q.name())
		}
		items, total, err := entries[T](repo, a, q.key)
		if err != nil {
			return nil, false, err
		}
		all = append(all, items...)
		if enough != nil && enough(all) {
			return all, true, nil
		}
		if a.next || len(items) >= perPage && (total < 0 || len(all) < total) {
			continue
		}
		if len(all) < total {
			return nil, false, fault.New(fault.Refused, fault.Malformed, "", "the GitHub API announced %d entries of %s and gave %d", total, q.name(), len(all))
		}
		return all, true, nil
	}
	return nil, false, fault.New(fault.Refused, fault.Limit, q.more,
		"%s has more than %d pages, and no more are read", q.name(), limit)
}

// name is the resource, for people.
func (q inquiry) name() string {
	s, _, _ := strings.Cut(q.path, "?")
	if u, err := url.PathUnescape(s); err == nil {
		s = u
	}
	return strconv.Quote(s)
}

// entries decodes one page; total is -1 where the answer announces none.
func entries[T any](repo *Repo, a answer, key string) ([]T, int, error) {
	total := -1
	raw := json.RawMessage(a.body)
	if key != "" {
		var object map[string]json.RawMessage
		if err := repo.read(a, &object); err != nil {
			return nil, 0, err
		}
		raw = object[key]
		for _, name := range []string{"total_count", "total_commits"} {
			if n, ok := object[name]; ok {
				if err := json.Unmarshal(n, &total); err != nil {
					return nil, 0, repo.unanswered(err)
				}
			}
		}
	}
	var items *[]T
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &items); err != nil {
			return nil, 0, repo.unanswered(err)
		}
	}
	if items == nil {
		return nil, 0, client.Proxied("the GitHub API", "without a list")
	}
	return *items, total, nil
}

// within bounds a question that takes many calls.
func (repo *Repo) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return client.Within(ctx, repo.Budget)
}
