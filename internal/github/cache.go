package github

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sallyport-dev/sallyport/internal/change"
	"github.com/sallyport-dev/sallyport/internal/client"
)

// maxKept bounds what is kept of answers, in bytes.
const maxKept = 64 << 20

// How long a gate that waits goes by what it learned of things that seldom
// change, and of its own run.
const (
	seldom = 10 * time.Minute // which branch a commit is on, which team a name is
	often  = time.Minute      // that no job of the run has failed so far
)

// etags is a transport that keeps what has an ETag and asks whether it is still
// so, which costs nothing of the rate limit. A 304 becomes the kept answer.
type etags struct {
	next http.RoundTripper

	mu   sync.Mutex
	size int
	kept map[string]keptAnswer
}

type keptAnswer struct {
	tag    string
	header http.Header
	body   []byte
}

// RoundTrip asks, with the tag of what is kept.
func (e *etags) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet {
		return e.next.RoundTrip(req)
	}
	old, ok := e.look(req.URL.String())
	if ok {
		req = req.Clone(req.Context())
		req.Header.Set("If-None-Match", old.tag)
	}
	resp, err := e.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if ok && resp.StatusCode == http.StatusNotModified {
		return old.answer(resp), nil
	}
	return e.keep(req.URL.String(), resp)
}

func (e *etags) look(url string) (keptAnswer, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	k, ok := e.kept[url]
	return k, ok
}

// answer is what is kept, with the headers about limits of the answer now.
func (k keptAnswer) answer(now *http.Response) *http.Response {
	_ = now.Body.Close()
	h := k.header.Clone()
	for name, v := range now.Header {
		if name != "Content-Length" && name != "Content-Type" && name != "Link" {
			h[name] = v
		}
	}
	now.StatusCode, now.Status, now.Header = http.StatusOK, "200 OK", h
	now.Body, now.ContentLength = io.NopCloser(bytes.NewReader(k.body)), int64(len(k.body))
	return now
}

// keep reads an answer with a tag whole, and keeps it while there is room.
func (e *etags) keep(url string, resp *http.Response) (*http.Response, error) {
	if resp.StatusCode != http.StatusOK {
		return resp, nil
	}
	e.drop(url)
	tag := resp.Header.Get("ETag")
	if tag == "" {
		return resp, nil
	}
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(b))
	e.mu.Lock()
	defer e.mu.Unlock()
	if size := e.size + len(b) - len(e.kept[url].body); size <= maxKept {
		e.kept[url], e.size = keptAnswer{tag: tag, header: resp.Header.Clone(), body: b}, size
	}
	return resp, nil
}

// drop forgets what another answer has taken the place of.
func (e *etags) drop(url string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.size -= len(e.kept[url].body)
	delete(e.kept, url)
}

// memory is what a job knows already: answers for the present look at an
// environment, answers that stand longer, and what was made of them.
type memory struct {
	mu      sync.Mutex
	look    map[string]answer
	held    map[string]held
	changes change.Memory
	batch   *client.Batch                // of questions to GraphQL
	node    map[string]string            // how GraphQL calls a thing, by REST's name
	merged  map[string]merged            // requests, which do not change any more, by number and head
	brought map[string][]change.Request  // commits that people made: the merged requests that have them
	ended   map[int64][]deploymentStatus // of deployments that did not succeed, and are over
	teams   []string                     // slug#number, as this look's answer about an environment names them
	kinds   []string                     // where the owner of the repository may be asked for
}

// held is an answer that is not asked for again before a time; the zero time is
// never.
type held struct {
	answer
	until time.Time
}

func newMemory() *memory {
	return &memory{
		look: map[string]answer{}, held: map[string]held{}, kinds: []string{"orgs", "users"},
		batch: client.NewBatch(maxNodes, fewNodes), node: map[string]string{}, merged: map[string]merged{},
		brought: map[string][]change.Request{}, ended: map[int64][]deploymentStatus{},
	}
}

func (m *memory) find(path string, now time.Time) (answer, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if h, ok := m.held[path]; ok && (h.until.IsZero() || now.Before(h.until)) {
		return h.answer, true
	}
	a, ok := m.look[path]
	return a, ok
}

func (m *memory) put(path string, a answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.look[path] = a
}

// settle says that what was asked at path cannot change any more.
func (m *memory) settle(path string) { m.hold(path, time.Time{}) }

// hold says that what was asked at path stands until a time.
func (m *memory) hold(path string, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a, ok := m.look[path]; ok {
		m.held[path] = held{a, until}
	}
}

// again begins a new look: what can change will be asked anew.
func (m *memory) again() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.look, m.teams = map[string]answer{}, nil
}

// owners are the places to ask for the owner: both, until one has answered.
func (m *memory) owners() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kinds
}

func (m *memory) own(kind string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kinds = []string{kind}
}

func (m *memory) meet(teams []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.teams = append(m.teams, teams...)
}

func (m *memory) met(team string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.teams, team)
}

// learn keeps how GraphQL calls a thing.
func (m *memory) learn(name, node string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if node != "" {
		m.node[name] = node
	}
}

// called returns how GraphQL calls those things of which it is known, and which
// of them those are.
func (m *memory) called(names []string) (ids []string, which []int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, name := range names {
		if id := m.node[name]; id != "" {
			ids, which = append(ids, id), append(which, i)
		}
	}
	return ids, which
}

// request returns what a request that was merged says.
func (m *memory) request(r change.Request) (merged, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	x, ok := m.merged[place(r)]
	return x, ok
}

func (m *memory) keep(r change.Request, x merged) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.merged[place(r)] = x
}

// over returns the statuses of a deployment that did not succeed and is over.
func (m *memory) over(id int64) ([]deploymentStatus, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all, ok := m.ended[id]
	return all, ok
}

func (m *memory) end(id int64, all []deploymentStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended[id] = all
}

// bringing returns the merged requests that have a commit, as far as it was asked.
func (m *memory) bringing(id string) ([]change.Request, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all, ok := m.brought[id]
	return all, ok
}

func (m *memory) bring(id string, all []change.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.brought[id] = all
}
