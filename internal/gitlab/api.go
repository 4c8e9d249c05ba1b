package gitlab

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
	"sync"
	"time"

	"github.com/xanzy/go-gitlab"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
)

const (
	perPage   = 100
	maxAsked  = 50       // pages of one list
	maxKept   = 64 << 20 // bytes of answers that are kept
	signIn    = "give SALLYPORT_TOKEN a token that is good: this one is not of this GitLab, or has expired, or was revoked"
	readFacts = "give SALLYPORT_TOKEN scope read_api and at least role Reporter in this project"
)

// A question is one GET. What it asks for is a path below the API's address
// whose segments are escaped.
type question struct {
	path  string
	query url.Values
	hint  string // the next step for somebody who may not ask
	fixed bool   // the answer can never change: it is about full commit ids

	by    *gitlab.Client // who asks; nil is reader
	pages int            // of a list, at most; 0 is maxAsked
	more  string         // the next step where there are more pages
	dense bool           // no page of a list is empty, unless it is the last
}

// page is the question for one page of a list.
func (q question) page(n int) question {
	query := url.Values{"per_page": {strconv.Itoa(perPage)}}
	for k, v := range q.query {
		query[k] = v
	}
	query.Set("page", strconv.Itoa(n))
	q.query = query
	return q
}

func (q question) key() string { return q.path + "?" + q.query.Encode() }

// A reply is what was answered to a question.
type reply struct {
	body  []byte
	tag   string // ETag
	next  int    // number of the next page; 0 is none
	paged bool   // the API says which page is the next one
	total int    // of the whole list; -1 where the API does not say
	fixed bool
	until time.Time // it stands until then
}

// memory is what a job was answered, so that a gate that waits asks again with
// If-None-Match, and asks nothing twice in one look, or that cannot change.
type memory struct {
	mu      sync.Mutex
	replies map[string]reply
	look    map[string]reply // of the present look
	origins map[int64]pipeline
	own     *own
	size    int
	client  *gitlab.Client
	graphs  graphs
}

// recall returns what was answered before; ok says that it still stands.
func (m *memory) recall(key string, now time.Time) (r reply, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.look[key]; ok {
		return r, true
	}
	r = m.replies[key]
	return r, r.fixed || now.Before(r.until)
}

// see remembers r for the present look.
func (m *memory) see(key string, r reply) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.look == nil {
		m.look = map[string]reply{}
	}
	m.look[key] = r
}

// again begins a new look: what can change will be asked anew.
func (m *memory) again() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.look = nil
}

// hold says that what was answered to q stands until a time; the zero time is
// for ever.
func (repo *Repo) hold(q question, until time.Time) {
	repo.memory.mu.Lock()
	r, ok := repo.memory.look[q.key()]
	repo.memory.mu.Unlock()
	if r.fixed, r.until = until.IsZero(), until; ok {
		repo.memory.keep(q.key(), r)
	}
}

// keep remembers r. A memory that is full forgets everything, which costs
// calls and nothing else.
func (m *memory) keep(key string, r reply) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.replies == nil || m.size+len(r.body) > maxKept {
		m.replies, m.size = map[string]reply{}, 0
	}
	m.size += len(r.body) - len(m.replies[key].body)
	m.replies[key] = r
}

// A refusal is an answer that is not the wanted one.
type refusal struct {
	status int
	error
}

func (r refusal) Unwrap() error { return r.error }

// refusedAs says whether err is an answer with one of these statuses.
func refusedAs(err error, statuses ...int) bool {
	var r refusal
	if !errors.As(err, &r) {
		return false
	}
	for _, s := range statuses {
		if r.status == s {
			return true
		}
	}
	return false
}

// absent says whether err is a 404: the thing is not there, or this token may
// not see it. Which of them it is, only the caller can know.
func absent(err error) bool { return refusedAs(err, http.StatusNotFound) }

// hidden says whether err is an answer that some tokens get and others do not.
func hidden(err error) bool {
	return refusedAs(err, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound)
}

// reader returns the client that asks. It may see what SALLYPORT_TOKEN may see,
// or else the little that the job's own token may.
func (repo *Repo) reader() (*gitlab.Client, error) {
	repo.memory.mu.Lock()
	defer repo.memory.mu.Unlock()
	if repo.memory.client != nil {
		return repo.memory.client, nil
	}
	credential := http.Header{"Private-Token": {repo.access}}
	switch {
	case repo.access == "" && repo.session == "" && repo.public:
		credential = tokenless()
	case repo.access == "" && repo.session == "":
		return nil, fault.New(fault.Usage, fault.Config,
			cmp.Or(repo.Need, "set SALLYPORT_TOKEN to a token with scope read_api"), "there is no token for %s", repo.Name())
	case repo.access == "":
		credential = http.Header{"Job-Token": {repo.session}, "Private-Token": nil}
	}
	c, err := repo.client(credential, client.RefuseAway)
	if err == nil {
		repo.memory.client = c
	}
	return c, err
}

// ask sends one question, unless its answer is known for ever.
func (repo *Repo) ask(ctx context.Context, q question) (reply, error) {
	old, stands := repo.memory.recall(q.key(), repo.Now())
	if stands {
		return old, nil
	}
	c, err := q.by, error(nil)
	if c == nil {
		c, err = repo.reader()
	}
	if err != nil {
		return reply{}, err
	}
	ctx, cancel := client.Within(ctx, repo.Budget)
	defer cancel()
	req, err := c.NewRequest(http.MethodGet, q.path, nil, []gitlab.RequestOptionFunc{gitlab.WithContext(ctx)})
	if err != nil {
		return reply{}, fmt.Errorf("asking GitLab: %w", err)
	}
	req.URL.RawQuery = q.query.Encode()
	if old.tag != "" {
		req.Header.Set("If-None-Match", old.tag)
	}
	var body bytes.Buffer
	resp, err := c.Do(req, &body)
	if resp != nil && resp.Response != nil {
		repo.count(resp.Header)
	}
	if err != nil {
		return reply{}, repo.refused(resp, err, q)
	}
	if resp.StatusCode == http.StatusNotModified {
		if old.tag == "" {
			return reply{}, fault.New(fault.Refused, fault.Malformed, "", "the GitLab API answered 304 to a question that it was not asked before")
		}
		repo.see(q, old)
		return old, nil
	}
	r := read(resp.Header, body.Bytes())
	r.fixed = q.fixed
	repo.see(q, r)
	if r.tag != "" || r.fixed {
		repo.memory.keep(q.key(), r)
	}
	return r, nil
}

// see remembers an answer for the present look, but not what a store lists: it is
// read before the look begins.
func (repo *Repo) see(q question, r reply) {
	if q.by == nil {
		repo.memory.see(q.key(), r)
	}
}

func read(h http.Header, body []byte) reply {
	r := reply{body: body, tag: h.Get("ETag"), total: -1}
	_, r.paged = h["X-Next-Page"]
	if n, err := strconv.Atoi(h.Get("X-Next-Page")); err == nil {
		r.next = n
	}
	if n, err := strconv.Atoi(h.Get("X-Total")); err == nil {
		r.total = n
	}
	return r
}

// refused explains an answer that is not the wanted one. The body of an answer
// is not repeated.
func (repo *Repo) refused(resp *gitlab.Response, err error, q question) error {
	hint := q.hint
	if hint == "" {
		hint = readFacts
	}
	s := status(resp, err)
	switch {
	case s == http.StatusUnauthorized && q.by == nil && repo.tokenFrom != "" && !strings.Contains(repo.Need, repo.tokenFrom):
		hint = "give " + repo.tokenFrom + " a token that is good"
	case repo.Need != "":
		hint = repo.Need
	case s == http.StatusUnauthorized && q.by == nil && repo.access != "":
		hint = signIn // no scope and no role helps
	}
	if s == 0 {
		return answer(resp, err, hint)
	}
	if s == http.StatusNotFound {
		return refusal{s, fault.New(fault.Refused, fault.Malformed, hint, "GitLab does not have %s, or does not show it to this token", q.path)}
	}
	return refusal{s, client.StatusFor("the GitLab API", s, hint, q.by != nil || repo.access+repo.session != "")}
}

// one asks for one thing.
func one[T any](ctx context.Context, repo *Repo, q question) (T, error) {
	var v T
	r, err := repo.ask(ctx, q)
	if err != nil {
		return v, err
	}
	return v, decode(r.body, '{', &v)
}

// decode reads what was answered, which has to begin as it should: null is
// neither an empty list nor a thing without properties.
func decode(body []byte, begin byte, v any) error {
	if b := bytes.TrimSpace(body); len(b) == 0 || b[0] != begin || json.Unmarshal(b, v) != nil {
		return client.Proxied("the GitLab API", "with something that is not the JSON of its documentation")
	}
	return nil
}

// list asks for a list, to its end.
func list[T any](ctx context.Context, repo *Repo, q question) ([]T, error) {
	var all []T
	err := each(ctx, repo, q, func(page []T) (bool, error) {
		all = append(all, page...)
		return true, nil
	})
	return all, err
}

// newest asks for the pages of a list that begins with the newest, as far as lists
// are read; whole says that it was read to its end.
func newest[T any](ctx context.Context, repo *Repo, q question) (all []T, whole bool, err error) {
	whole = true
	err = each(ctx, repo, q, func(page []T) (bool, error) {
		all = append(all, page...)
		whole = len(all) < maxAsked*perPage
		return whole, nil
	})
	return all, whole, err
}

// each asks for the pages of a list until there is no next one, or until f has
// seen enough. A list of which something is lost is refused.
func each[T any](ctx context.Context, repo *Repo, q question, f func(page []T) (more bool, err error)) error {
	return repo.pages(ctx, q, func(body []byte) (n int, more bool, err error) {
		var items []T
		if err := decode(body, '[', &items); err != nil {
			return 0, false, err
		}
		more, err = f(items)
		return len(items), more, err
	})
}

// pages is each for the bytes of a page; f says how many entries it has. It stands
// once in the program, and each once for each type.
func (repo *Repo) pages(ctx context.Context, q question, f func(body []byte) (n int, more bool, err error)) error {
	limit := q.pages
	if limit == 0 {
		limit = maxAsked
	}
	seen := 0
	for page := 1; ; {
		r, err := repo.ask(ctx, q.page(page))
		if absent(err) && page > 1 {
			return fault.New(fault.Refused, fault.Malformed, "", "the GitLab API lost page %d of %s", page, q.path)
		}
		if err != nil {
			return err
		}
		n, more, err := f(r.body)
		if err != nil || !more {
			return err
		}
		seen += n
		next := r.next
		if !r.paged && n >= perPage {
			next = page + 1
		}
		switch {
		case next == 0 && seen < r.total:
			return fault.New(fault.Refused, fault.Malformed, "", "the GitLab API listed %d of %s, and says that there are %d", seen, q.path, r.total)
		case next == 0:
			return nil
		case next != page+1:
			return fault.New(fault.Refused, fault.Malformed, "", "the GitLab API answered page %d of %s with next page %d, want %d", page, q.path, next, page+1)
		case q.dense && n == 0:
			return fault.New(fault.Refused, fault.Malformed, "", "the GitLab API lost page %d of %s: it is empty, and there is a next one", page, q.path)
		case next > limit:
			return fault.New(fault.Refused, fault.Limit, q.more,
				"the GitLab API lists more than %d pages of %s, and no more are read", limit, q.path)
		}
		page = next
	}
}

// send changes something. The answer is not looked at: what was really kept is
// found out by asking.
func (repo *Repo) send(ctx context.Context, method, path string, body any) error {
	defer repo.memory.again()
	c, err := repo.settings()
	if err != nil {
		return err
	}
	return repo.post(ctx, c, method, path, writeSettings, body)
}

// post sends what starts or changes something; hint is the next step for somebody
// who may not.
func (repo *Repo) post(ctx context.Context, c *gitlab.Client, method, path, hint string, body any) error {
	ctx, cancel := client.Within(ctx, repo.Budget)
	defer cancel()
	req, err := c.NewRequest(method, path, body, []gitlab.RequestOptionFunc{gitlab.WithContext(ctx)})
	if err != nil {
		return fmt.Errorf("asking GitLab: %w", err)
	}
	var kept bytes.Buffer
	if resp, err := c.Do(req, &kept); err != nil {
		return repo.refused(resp, err, question{path: path, hint: hint})
	}
	return nil
}

const writeSettings = "give SALLYPORT_TOKEN scope api and role Maintainer in this project"

// project is the path of something of this project.
func (repo *Repo) project(path string) string { return "projects/" + gitlab.PathEscape(repo.id) + path }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// some asks for the first few of a list.
func some[T any](ctx context.Context, repo *Repo, q question) ([]T, error) {
	r, err := repo.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	var v []T
	return v, decode(r.body, '[', &v)
}
