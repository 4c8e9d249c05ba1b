package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
)

// serve runs h and counts how often it is asked.
func serve(t *testing.T, h func(try int, w http.ResponseWriter, r *http.Request)) (string, *atomic.Int64) {
	t.Helper()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h(int(asked.Add(1)), w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, &asked
}

// hold keeps a request without an answer until its client goes away.
func hold(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // the server notices only then that the client goes away
	<-r.Context().Done()
}

func get(ctx context.Context, o client.Options, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.New(o).Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// A try that is silent, at its beginning or in the middle of its answer, is
// given up, and the next one counts.
func TestClient_a_late_answer_is_asked_for_again(t *testing.T) {
	for name, late := range map[string]func(http.ResponseWriter, *http.Request){
		"no first byte": func(_ http.ResponseWriter, r *http.Request) { hold(r) },
		"half a body": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("half"))
			w.(http.Flusher).Flush()
			hold(r)
		},
		"cut short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("half"))
		},
		"no answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			url, asked := serve(t, func(try int, w http.ResponseWriter, r *http.Request) {
				if try < 3 {
					late(w, r)
					return
				}
				fmt.Fprint(w, "whole")
			})
			got, err := get(t.Context(), client.Options{PerTry: 100 * time.Millisecond, Budget: 5 * time.Second}, url)
			if err != nil || got != "whole" || asked.Load() != 3 {
				t.Errorf("%q, %v after %d tries, want the whole answer of the third", got, err, asked.Load())
			}
		})
	}
}

// A server that stays silent ends with the budget of the answer, and is said to
// have been silent.
func TestL04_silence_ends_with_the_budget(t *testing.T) {
	url, asked := serve(t, func(_ int, _ http.ResponseWriter, r *http.Request) { hold(r) })
	for perTry, want := range map[time.Duration]string{
		150 * time.Millisecond: "did not answer within 400ms",
		time.Minute:            "did not answer within 400ms",
	} {
		began := time.Now()
		asked.Store(0)
		ctx, cancel := client.Within(t.Context(), time.Minute)
		_, err := get(ctx, client.Options{PerTry: perTry, Budget: 400 * time.Millisecond}, url)
		cancel()
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("took %v, want an end with the budget", took)
		}
		err = client.Unanswered("the service", err)
		wantFault(t, err, fault.Unavailable, fault.NotAvailable)
		if !strings.Contains(err.Error(), "the service "+want) {
			t.Errorf("error = %q, want %q in it", err, want)
		}
		if perTry < time.Minute && asked.Load() < 2 {
			t.Errorf("asked %d times, want a second try", asked.Load())
		}
	}
}

// A server that sends a byte now and then is not silent, and still ends.
func TestL04_a_trickle_ends_with_the_budget(t *testing.T) {
	url, _ := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	})
	began := time.Now()
	_, err := get(t.Context(), client.Options{PerTry: time.Second, Budget: 300 * time.Millisecond}, url)
	wantFault(t, client.Unanswered("the service", err), fault.Unavailable, fault.NotAvailable)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("took %v, want an end with the budget", took)
	}
}

// Everything that a call asks for together ends with its overall limit, which
// is said.
func TestL04_the_overall_limit_is_said(t *testing.T) {
	url, _ := serve(t, func(_ int, _ http.ResponseWriter, r *http.Request) { hold(r) })
	ctx, cancel := client.Within(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := get(ctx, client.Options{}, url)
	err = client.Unanswered("the service", err)
	wantFault(t, err, fault.Unavailable, fault.NotAvailable)
	if want := "was not read to the end within 200ms"; !strings.Contains(err.Error(), want) {
		t.Errorf("error = %q, want %q in it", err, want)
	}
}

// slowBody is an upload over a slow line.
type slowBody struct{ left int }

func (s *slowBody) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	s.left--
	time.Sleep(40 * time.Millisecond)
	p[0] = 'x'
	return 1, nil
}

// An upload that moves is not given up, however long it takes.
func TestClient_a_slow_upload_is_not_silence(t *testing.T) {
	url, asked := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || len(b) != 12 {
			t.Errorf("%d bytes, %v, want all 12", len(b), err)
		}
		w.WriteHeader(http.StatusCreated)
	})
	req, err := http.NewRequest(http.MethodPut, url, &slowBody{left: 12})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.New(client.Options{PerTry: 300 * time.Millisecond}).Do(req)
	if err != nil || asked.Load() != 1 {
		t.Fatalf("%v after %d tries, want one that is good", err, asked.Load())
	}
	_ = resp.Body.Close()
}

// What can be sent only once is not sent again in part.
func TestClient_a_body_that_cannot_be_read_again(t *testing.T) {
	url, asked := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	req, err := http.NewRequest(http.MethodPut, url, &slowBody{left: 1})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.New(client.Options{}).Do(req)
	if err != nil || resp.StatusCode != http.StatusBadGateway || asked.Load() != 1 {
		t.Errorf("%v, %v after %d tries, want the answer of the first", resp, err, asked.Load())
	}
}

// The statuses that may change soon are asked for again, with the whole body;
// all others are answers.
func TestClient_statuses(t *testing.T) {
	client.Hurry(time.Millisecond)
	defer client.Hurry(200 * time.Millisecond)
	for status, want := range map[int]int64{
		200: 1, 201: 1, 204: 1, 301: 1, 304: 1, 400: 1, 401: 1, 403: 1, 404: 1, 409: 1, 413: 1, 422: 1, 501: 1,
		429: 4, 500: 4, 502: 4, 503: 4, 504: 4,
	} {
		url, asked := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
			if b, err := io.ReadAll(r.Body); err != nil || string(b) != "body" {
				t.Errorf("%d: body %q, %v", status, b, err)
			}
			w.WriteHeader(status)
		})
		resp, err := client.New(client.Options{}).Post(url, "text/plain", strings.NewReader("body"))
		if err == nil {
			_ = resp.Body.Close()
		}
		if asked.Load() != want {
			t.Errorf("%d: asked %d times, want %d", status, asked.Load(), want)
		}
		var busy *client.Busy
		if got := errors.As(err, &busy); got != (status == 429) {
			t.Errorf("%d: %v, want the limit told for 429 alone", status, err)
		}
	}
}

// A used-up quota is told with its end, and waited for where that is soon.
func TestClient_quotas(t *testing.T) {
	at := time.Date(2026, 11, 26, 14, 4, 30, 0, time.UTC)
	// In the middle of a minute, so that a second more or less is the same clock.
	far := time.Now().Add(2 * time.Hour).Truncate(time.Minute).Add(30 * time.Second)
	seconds := fmt.Sprint(int(time.Until(far).Seconds()))
	for name, c := range map[string]struct {
		status int
		header map[string]string
		quota  bool
		until  time.Time
	}{
		"429, seconds": {429, map[string]string{"Retry-After": seconds}, true, far},
		"429, a date": {429, map[string]string{"Retry-After": far.UTC().Format(http.TimeFormat)}, true,
			far},
		"429, nothing left": {429, map[string]string{"X-RateLimit-Remaining": "0",
			"X-RateLimit-Reset": fmt.Sprint(far.Unix())}, true, far},
		"429, seconds until anew": {429, map[string]string{"RateLimit-Remaining": "0", "RateLimit-Reset": seconds},
			true, far},
		"403, nothing left": {403, map[string]string{"X-RateLimit-Remaining": "0",
			"X-RateLimit-Reset": fmt.Sprint(far.Unix())}, true, far},
		"403, a pause": {403, map[string]string{"Retry-After": seconds}, true, far},
		"503, a pause": {503, map[string]string{"Retry-After": seconds}, true, far},
		"403, something left": {403, map[string]string{"X-RateLimit-Remaining": "17",
			"X-RateLimit-Reset": fmt.Sprint(far.Unix())}, false, at},
		"403, and no word of more": {403, nil, false, at},
	} {
		t.Run(name, func(t *testing.T) {
			url, asked := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
				for k, v := range c.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(c.status)
			})
			ctx, cancel := client.Within(t.Context(), 0)
			defer cancel()
			_, err := get(ctx, client.Options{}, url)
			var busy *client.Busy
			if errors.As(err, &busy) != c.quota || asked.Load() != 1 {
				t.Fatalf("%v after %d tries, want a quota = %v, asked once", err, asked.Load(), c.quota)
			}
			if !c.quota {
				return
			}
			if d := busy.Until.Sub(c.until).Abs(); d > 5*time.Second {
				t.Errorf("until %v, want %v", busy.Until, c.until)
			}
			err = client.Unanswered("the service", err)
			wantFault(t, err, fault.Unavailable, fault.NotAvailable)
			clock := far.UTC().Add(time.Minute - 1).Format("15:04 UTC")
			if !strings.Contains(err.Error(), "ask") || !strings.Contains(fault.Of(err).Hint, "try again after") ||
				!strings.Contains(err.Error(), clock) {
				t.Errorf("error %q, hint %q, want the time %s", err, fault.Of(err).Hint, clock)
			}
		})
	}
}

// A quota that begins anew after the budget of one answer, and before the call
// has to end, is waited for, once; the budget alone would not have had the time.
func TestClient_a_quota_is_waited_for_once(t *testing.T) {
	for name, c := range map[string]struct {
		always bool
		within time.Duration // of the whole call
		want   int64
	}{
		"it begins anew":   {false, 10 * time.Second, 2},
		"it never does":    {true, 10 * time.Second, 2},
		"there is no time": {false, 300 * time.Millisecond, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, asked := serve(t, func(try int, w http.ResponseWriter, _ *http.Request) {
				if try == 1 || c.always {
					w.Header().Set("Retry-After", "1")
					w.WriteHeader(http.StatusForbidden)
					return
				}
				fmt.Fprint(w, "yes")
			})
			ctx, cancel := context.WithTimeout(t.Context(), c.within)
			defer cancel()
			got, err := get(ctx, client.Options{Budget: 100 * time.Millisecond}, url)
			if (got == "yes") != (c.want == 2 && !c.always) || asked.Load() != c.want {
				t.Errorf("%q, %v after %d tries, want %d", got, err, asked.Load(), c.want)
			}
		})
	}
}

// Who has shown a token is told about the token; who has not, that it is this
// machine that asks too often.
func TestClient_whose_quota_it_is(t *testing.T) {
	url, _ := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	for token, want := range map[string]string{"t": "lets this token ask again at",
		"": "this machine, which has shown no token"} {
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		o := client.Options{Base: req.URL}
		if token != "" {
			o.Credential = http.Header{"Private-Token": {token}}
		}
		_, err = client.New(o).Do(req)
		if err == nil || !strings.Contains(client.Unanswered("the service", err).Error(), want) {
			t.Errorf("with token %q: %v, want %q", token, err, want)
		}
	}
}

// An answer beyond its limit, or compressed, is refused and not asked for
// again; at the limit it is whole.
func TestO01_sizes(t *testing.T) {
	url, asked := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gzip" {
			w.Header().Set("Content-Encoding", "gzip")
		}
		if r.URL.Path == "/chunks" {
			w.(http.Flusher).Flush() // no length is announced
		}
		_, _ = w.Write(bytes.Repeat([]byte("x"), 1000))
	})
	for _, c := range []struct {
		path  string
		limit int64
		want  fault.Code
	}{
		{"/", 1000, ""}, {"/", 999, fault.Limit}, {"/chunks", 1000, ""}, {"/chunks", 999, fault.Limit},
		{"/gzip", 1000, fault.Malformed},
	} {
		asked.Store(0)
		got, err := get(t.Context(), client.Options{MaxBody: c.limit}, url+c.path)
		if c.want == "" && (err != nil || len(got) != 1000) {
			t.Errorf("%s at %d: %d bytes, %v, want all", c.path, c.limit, len(got), err)
		}
		if c.want != "" {
			wantFault(t, err, fault.Refused, c.want)
		}
		if asked.Load() != 1 {
			t.Errorf("%s: asked %d times, want once", c.path, asked.Load())
		}
	}
}

// A library that hands no context on is stopped all the same.
func TestTransport_ends_with_its_context(t *testing.T) {
	url, _ := serve(t, func(_ int, _ http.ResponseWriter, r *http.Request) { hold(r) })
	ctx, cancel := context.WithCancel(t.Context())
	c := &http.Client{Transport: client.Transport(ctx, client.Options{})}
	time.AfterFunc(50*time.Millisecond, cancel)
	began := time.Now()
	if _, err := c.Get(url); !errors.Is(err, context.Canceled) || time.Since(began) > 5*time.Second {
		t.Errorf("%v after %v, want it stopped", err, time.Since(began))
	}
}

// A client asks for a few things at the same time, whoever calls it how often.
func TestClient_a_few_requests_at_a_time(t *testing.T) {
	var now, most atomic.Int64
	url, _ := serve(t, func(_ int, _ http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		time.Sleep(10 * time.Millisecond)
		now.Add(-1)
	})
	c := client.New(client.Options{})
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			resp, err := c.Get(url)
			if err != nil {
				t.Error(err)
				return
			}
			_ = resp.Body.Close()
		})
	}
	wg.Wait()
	if got := most.Load(); got < 2 || got > 16 {
		t.Errorf("%d requests at the same time, want a few, at most 16", got)
	}
}

// The next step differs by what differed, and no message shows an address with
// what may be secret in it.
func TestUnanswered_next_steps(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for address, want := range map[string]string{
		"https://name.invalid/":      "check the address",
		gone.URL + "/?key=" + canary: "can be reached from this machine",
		secure.URL:                   "list of certificate authorities",
	} {
		_, err := get(t.Context(), client.Options{Budget: time.Second}, address)
		err = client.Unanswered("the service", err)
		wantFault(t, err, fault.Unavailable, fault.NotAvailable)
		if f := fault.Of(err); !strings.Contains(f.Hint, want) || strings.Contains(f.Error(), canary) {
			t.Errorf("%s: %q, hint %q, want %q", address, f.Error(), f.Hint, want)
		}
	}
}

// A message has the reason why a service did not answer, without the calls and
// addresses that the network names in front of it.
func TestL04_a_connection_that_broke_is_told_by_its_reason(t *testing.T) {
	within := func(err error) error {
		return &url.Error{Op: "Post", URL: "https://a.example", Err: &net.OpError{Op: "readfrom", Net: "tcp", Err: &net.OpError{Op: "write", Net: "tcp", Err: err}}}
	}
	for want, err := range map[string]error{
		"the service closed the connection before its answer was complete": within(net.ErrClosed),
		"the service did not answer: the cable is cut":                     within(errors.New("the cable is cut")),
	} {
		if got := client.Unanswered("the service", err).Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A proxy that is not there is what has to be mended, and not the service behind it.
func TestClient_names_the_proxy_that_is_not_reached(t *testing.T) {
	for name, x := range map[string]struct{ proxy, want string }{
		"closed":     {"http://127.0.0.1:1", "the API was not asked, because the proxy 127.0.0.1:1 was not reached: it does not take connections"},
		"not a host": {"http://proxy.invalid:3128", `the proxy "proxy.invalid" was not reached`},
	} {
		u, err := url.Parse(x.proxy)
		if err != nil {
			t.Fatal(err)
		}
		o := client.Options{PerTry: time.Second, Budget: time.Second, Transport: &http.Transport{Proxy: http.ProxyURL(u)}}
		resp, err := client.New(o).Get("https://api.example/x")
		if err == nil {
			resp.Body.Close()
			t.Fatalf("%s: there is an answer", name)
		}
		f := fault.Of(client.Unanswered("the API", err))
		if f.Kind != fault.Unavailable || !strings.Contains(f.Error(), x.want) || !strings.Contains(f.Hint, "HTTPS_PROXY") {
			t.Errorf("%s: %v (%s), want %q", name, f, f.Hint, x.want)
		}
	}
	o := client.Options{PerTry: time.Second, Budget: time.Second, Transport: &http.Transport{}}
	resp, err := client.New(o).Get("https://127.0.0.1:1/x")
	if err == nil {
		resp.Body.Close()
		t.Fatal("there is an answer")
	}
	if f := fault.Of(client.Unanswered("the API", err)); strings.Contains(f.Error(), "proxy") {
		t.Errorf("%v, want no word of a proxy: none was named", f)
	}
}

// Who has shown no token is told so, and not that a credential is not good.
func TestStatus_without_a_token(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		without, with := client.StatusFor("the API", status, "", false), client.StatusFor("the API", status, "", true)
		if !strings.Contains(without.Error(), "no token was shown") || strings.Contains(without.Error(), "not good") || !errors.Is(without, fault.ErrCredential) {
			t.Errorf("%d: %v, want that no token was shown, and no reason to ask again", status, without)
		}
		if strings.Contains(with.Error(), "no token was shown") {
			t.Errorf("%d: %v, want no word of a missing token", status, with)
		}
	}
}
