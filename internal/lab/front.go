package lab

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"time"
)

// targets are the doors that faults and records name.
var targets = []string{"github", "gitlab", "registry", "fulcio", "rekor", "tsa", "idtoken", "issuer", "accounts"}

// A Fault makes a server answer wrongly. Faults are tried in the order they
// were set; the first that fits a request is the one that happens to it.
type Fault struct {
	// Target is one of the doors; empty means every one.
	Target string `json:"target"`
	// Match is a regular expression on "METHOD /path"; empty fits all.
	Match string `json:"match"`
	// Action is empty to answer Status in the server's place, "close" to drop
	// the connection, "persist_then_fail" to do the work and then answer
	// Status all the same.
	Action string `json:"action"`
	// Status is the answer's; zero with no action only delays the request.
	Status int `json:"status"`
	// Headers and Body are the answer's.
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	// DelayMS is how long the request waits first.
	DelayMS int `json:"delay_ms"`
	// Times is how often it happens: zero means once, -1 always.
	Times int `json:"times"`

	match *regexp.Regexp
}

// A Request is what is kept of a request: never a secret.
type Request struct {
	Target string `json:"target"`
	Method string `json:"method"`
	Path   string `json:"path"`
	Query  string `json:"query"`
	// Authorization is "none" or the scheme that was used.
	Authorization string `json:"authorization"`
	// Status is zero when the connection was dropped.
	Status int `json:"status"`
}

// maxRequests is how many requests are kept; older ones are forgotten.
const maxRequests = 20000

// A front is the door before every server: it records who came, and lets
// faults happen.
type front struct {
	mu       sync.Mutex
	faults   []*Fault
	requests []Request
}

func newFront() *front { return &front{requests: []Request{}} }

func (f *front) add(x Fault) error {
	if x.Target != "" && !slices.Contains(targets, x.Target) {
		return fmt.Errorf("target %q, want one of %q", x.Target, targets)
	}
	if !slices.Contains([]string{"", "close", "persist_then_fail"}, x.Action) {
		return fmt.Errorf("action %q, want none, close or persist_then_fail", x.Action)
	}
	if x.Action == "persist_then_fail" && x.Status == 0 {
		return errors.New("persist_then_fail wants a status")
	}
	if x.Status != 0 && (x.Status < 200 || x.Status > 599) {
		return fmt.Errorf("status %d, want 200 to 599", x.Status)
	}
	var err error
	if x.match, err = regexp.Compile(x.Match); err != nil {
		return fmt.Errorf("match %q: %w", x.Match, err)
	}
	if x.Times == 0 {
		x.Times = 1
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, &x)
	return nil
}

func (f *front) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

// take returns the fault that happens to a request, and counts it.
func (f *front) take(target string, r *http.Request) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, x := range f.faults {
		if x.Target != "" && x.Target != target || !x.match.MatchString(r.Method+" "+r.URL.EscapedPath()) {
			continue
		}
		if x.Times > 0 {
			x.Times--
		}
		if x.Times == 0 {
			f.faults = slices.Delete(f.faults, i, i+1)
		}
		return x
	}
	return nil
}

func (f *front) record(r Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.requests) >= maxRequests {
		f.requests = slices.Delete(f.requests, 0, maxRequests/10)
	}
	f.requests = append(f.requests, r)
}

func (f *front) seen() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

func (f *front) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = []Request{}
}

// door serves h as target.
func (f *front) door(target string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, _ := credentials(r)
		rec := Request{Target: target, Method: r.Method, Path: r.URL.EscapedPath(), Query: redacted(r.URL.Query()), Authorization: scheme}
		sw := &statusWriter{ResponseWriter: w}
		f.take(target, r).happen(sw, r, h)
		rec.Status = sw.status
		f.record(rec)
	})
}

// redacted drops the values of parameters that carry a secret.
func redacted(q url.Values) string {
	for name := range q {
		if slices.Contains([]string{"job_token", "private_token", "access_token", "code", "user_code"}, name) {
			q.Set(name, "REDACTED")
		}
	}
	return q.Encode()
}

// happen lets x happen to a request; a nil fault lets it through.
func (x *Fault) happen(w *statusWriter, r *http.Request, h http.Handler) {
	if x == nil {
		h.ServeHTTP(w, r)
		return
	}
	if !wait(r, time.Duration(x.DelayMS)*time.Millisecond) {
		return
	}
	switch {
	case x.Action == "close":
		w.drop()
	case x.Action == "persist_then_fail":
		h.ServeHTTP(&nowhere{header: http.Header{}}, r)
		x.answer(w)
	case x.Status != 0:
		x.answer(w)
	default:
		h.ServeHTTP(w, r)
	}
}

func wait(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func (x *Fault) answer(w http.ResponseWriter) {
	for name, value := range x.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(x.Status)
	_, _ = w.Write([]byte(x.Body)) // the client may be gone
}

// A statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status and passes it on.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write notes the status that a first write implies.
func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// drop closes the connection without an answer.
func (w *statusWriter) drop() {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_ = conn.Close() // that is the point
}

// nowhere is where an answer goes that nobody may see.
type nowhere struct{ header http.Header }

// Header, Write and WriteHeader do what a ResponseWriter's do, for nobody.
func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n *nowhere) WriteHeader(int)             {}
