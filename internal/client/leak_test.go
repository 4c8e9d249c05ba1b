package client_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/messages"
)

// canary is the secret that must not arrive anywhere but at its owner.
const canary = "s3cret-canary"

func wantFault(t *testing.T, err error, k fault.Kind, c fault.Code) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", c)
	}
	messages.Plain(t, err.Error(), fault.Of(err).Hint)
	if f := fault.Of(err); f.Kind != k || f.Code != c {
		t.Errorf("fault kind %d code %s (%v), want kind %d code %s", f.Kind, f.Code, err, k, c)
	}
}

// evil is a host that writes down every credential it is shown.
type evil struct {
	mu    sync.Mutex
	hosts []string
	shown []string
}

func (e *evil) see(r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hosts = append(e.hosts, r.URL.Scheme+"://"+r.URL.Host)
	for _, h := range []string{"Authorization", "Private-Token", "Job-Token", "Deploy-Token", "Cookie"} {
		if v := r.Header.Get(h); v != "" {
			e.shown = append(e.shown, h+" to "+r.URL.Host)
		}
	}
	if strings.Contains(r.URL.String(), canary) || strings.Contains(r.Header.Get("Referer"), "v2") {
		e.shown = append(e.shown, "address to "+r.URL.Host)
	}
}

func answer(r *http.Request, status int, header map[string]string, body string) *http.Response {
	w := httptest.NewRecorder()
	for k, v := range header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(status)
	_, _ = w.WriteString(body)
	resp := w.Result()
	resp.Request = r
	return resp
}

// network is a network of which "registry.example.com" is the honest host; every
// request that reaches another host is shown to evil.
type network struct {
	evil   *evil
	honest func(r *http.Request) *http.Response
	other  func(r *http.Request) *http.Response
}

func (n network) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "registry.example.com" && r.URL.Scheme == "https" {
		return n.honest(r), nil
	}
	n.evil.see(r)
	return n.other(r), nil
}

func nothing(r *http.Request) *http.Response {
	return answer(r, http.StatusOK, nil, `{"token":"t"}`)
}

// Every header that proves who asks stays with the origin it belongs to.
func TestJ05_redirect_drops_every_credential(t *testing.T) {
	base := &url.URL{Scheme: "https", Host: "registry.example.com"}
	for _, header := range []string{"Authorization", "Private-Token", "Job-Token"} {
		for _, away := range []client.Away{client.RefuseAway, client.AnonymousAway} {
			e := &evil{}
			hop := 0
			honest := func(r *http.Request) *http.Response {
				if r.Header.Get(header) == "" {
					t.Errorf("%s: the owner was not shown its credential", header)
				}
				return answer(r, http.StatusFound, map[string]string{"Location": "https://evil.test/x"}, "")
			}
			other := func(r *http.Request) *http.Response {
				if hop++; hop == 1 {
					return answer(r, http.StatusFound, map[string]string{"Location": "https://sub.registry.example.com/x"}, "")
				}
				return answer(r, http.StatusOK, nil, "blob")
			}
			c := client.New(client.Options{Base: base, Credential: http.Header{header: {canary}}, Away: away,
				Transport: network{e, honest, other}})
			req, err := http.NewRequest(http.MethodGet, "https://registry.example.com/v2/x", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set(header, canary) // as a library would
			resp, err := c.Do(req)
			if (err == nil) != (away == client.AnonymousAway) {
				t.Errorf("%s: error %v with away = %v", header, err, away)
			}
			if resp != nil && resp.Body != nil {
				_ = resp.Body.Close()
			}
			if len(e.shown) > 0 {
				t.Errorf("%s: shown %v", header, e.shown)
			}
		}
	}
}

// Nothing but loopback is asked in the clear, and a write is never redirected
// to somebody else.
func TestJ05_plain_http_and_redirected_writes(t *testing.T) {
	e := &evil{}
	c := client.New(client.Options{Transport: network{e, nothing, nothing}})
	_, err := c.Get("http://registry.example.com/")
	wantFault(t, err, fault.Refused, fault.Leak)
	for _, u := range []string{"http://127.0.0.1:1/", "http://localhost:1/", "http://[::1]:1/"} {
		if _, err := c.Get(u); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
	honest := func(r *http.Request) *http.Response {
		return answer(r, http.StatusTemporaryRedirect, map[string]string{"Location": "https://evil.test/x"}, "")
	}
	e = &evil{}
	c = client.New(client.Options{Away: client.AnonymousAway, Transport: network{e, honest, nothing}})
	_, err = c.Post("https://registry.example.com/", "text/plain", strings.NewReader("bundle"))
	wantFault(t, err, fault.Refused, fault.Leak)
	if len(e.hosts) > 0 {
		t.Errorf("the write reached %v", e.hosts)
	}
}

// A client that follows no redirect follows none, also inside of a library
// that brings a client of its own; the twin that may, follows it.
func TestE09_a_redirect_that_may_not_be_followed(t *testing.T) {
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect,
		http.StatusPermanentRedirect} {
		for away, want := range map[client.Away]int{client.RefuseAny: 0, client.RefuseAway: 1} {
			arrived := 0
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/there" {
					arrived++
					return
				}
				http.Redirect(w, r, "/there", status)
			}))
			base, err := url.Parse(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			o := client.Options{Base: base, Away: away}
			for _, c := range []*http.Client{client.New(o), {Transport: client.Transport(t.Context(), o)}} {
				arrived = 0
				resp, err := c.Get(s.URL)
				if (err == nil) != (want == 1) || arrived != want {
					t.Errorf("%d: %v, followed %d times, want %d", status, err, arrived, want)
				}
				if err == nil {
					_ = resp.Body.Close()
					continue
				}
				wantFault(t, err, fault.Refused, fault.Leak)
			}
			s.Close()
		}
	}
}

// A redirect makes no read of a write, on the same host either; one that keeps
// the method and the body is followed there.
func TestJ05_a_write_stays_a_write(t *testing.T) {
	for status, want := range map[int]fault.Code{
		http.StatusMovedPermanently: fault.Malformed, http.StatusFound: fault.Malformed, http.StatusSeeOther: fault.Malformed,
		http.StatusTemporaryRedirect: "", http.StatusPermanentRedirect: "",
	} {
		arrived := ""
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/there" {
				http.Redirect(w, r, "/there", status)
				return
			}
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			arrived = r.Method + " " + string(b)
		}))
		resp, err := client.New(client.Options{}).Post(s.URL, "text/plain", strings.NewReader("bundle"))
		s.Close()
		if want != "" {
			wantFault(t, err, fault.Refused, want)
		} else if err != nil || arrived != "POST bundle" {
			t.Errorf("%d: %v, arrived %q, want the write", status, err, arrived)
		}
		if err == nil {
			_ = resp.Body.Close()
		} else if arrived != "" {
			t.Errorf("%d: arrived %q, want nothing", status, arrived)
		}
	}
}
