package chaos_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// A fate is what becomes of one request, or of everything on a connection.
type fate string

// The fates. An unanswered request arrives and does its work, and its answer is lost. The last four are for HTTP alone.
const (
	passes     fate = "passes"
	lost       fate = "lost"
	unanswered fate = "unanswered"
	slow       fate = "slow"
	fails      fate = "fails"   // 503
	garbage    fate = "garbage" // 200, and a page for people
	absent     fate = "absent"  // 404
)

// slowness is how much later a slow request arrives.
const slowness = 1500 * time.Millisecond

// A front is a proxy of HTTP that does to each request what a test says.
type front struct {
	*httptest.Server
	to   func() string                           // the address behind it
	fate func(r *http.Request, body []byte) fate // of one request
	all  atomic.Value                            // fate of every request; passes: that of fate
}

func newFront(t testing.TB, to func() string) *front {
	f := &front{to: to, fate: func(*http.Request, []byte) fate { return passes }}
	f.all.Store(passes)
	f.Server = httptest.NewServer(f)
	f.Config.ErrorLog = nil
	t.Cleanup(f.Close)
	return f
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // it hangs up
	}
	is, _ := f.all.Load().(fate)
	if is == passes {
		is = f.fate(r, body)
	}
	switch is {
	case lost:
		panic(http.ErrAbortHandler)
	case slow:
		time.Sleep(slowness)
	case fails:
		http.Error(w, "<html>try again later</html>", http.StatusServiceUnavailable)
		return
	case garbage:
		_, _ = io.WriteString(w, "<html>we are down for maintenance</html>") // the client may be gone
		return
	case absent:
		http.Error(w, `{"message":"Not Found"}`, http.StatusNotFound)
		return
	}
	req, err := http.NewRequest(r.Method, f.to()+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	req.Header = r.Header.Clone()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || is == unanswered {
		panic(http.ErrAbortHandler)
	}
	for name, values := range resp.Header {
		if name != "Content-Length" && name != "Content-Encoding" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(answer) // the client may be gone
}
