package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// UserAgent is how every client of this program introduces itself.
const UserAgent = "sallyport"

// Budget is the time that one call of a store may take in all, retries
// included, unless the store was told otherwise.
const Budget = 30 * time.Second

const (
	maxTries     = 4
	maxRedirects = 5
	tryTimeout   = 10 * time.Second
	firstPause   = 200 * time.Millisecond
)

// Away says what a redirect to another host means. The zero Away refuses it.
type Away int

// What a client does with a redirect to another host.
const (
	RefuseAway    Away = iota // the answer is an error
	AnonymousAway             // it is followed without any credential, if it is a GET or HEAD
)

// ClientOptions describe a client of one host.
type ClientOptions struct {
	Base       *url.URL          // the host that the credential belongs to: scheme and authority
	Credential http.Header       // sent to Base and nowhere else; may be nil
	Away       Away              // redirects to other hosts
	MaxBody    int64             // bytes of one answer; 0 is 8 MiB
	Transport  http.RoundTripper // what really sends; nil is a fresh http.Transport
	PerTry     time.Duration     // wait for the first byte of an answer; 0 is 10 s
}

// NewClient returns a client that is safe to point at a host which may turn
// hostile: credentials go to one origin only, plain http is for loopback,
// https never becomes http, answers are capped and never decompressed, and
// unavailable answers are asked for again within the request's deadline.
func NewClient(o ClientOptions) *http.Client {
	if o.MaxBody == 0 {
		o.MaxBody = 8 << 20
	}
	if o.PerTry == 0 {
		o.PerTry = tryTimeout
	}
	if o.Transport == nil {
		o.Transport = newTransport(o.PerTry)
	}
	g := &guard{o: o}
	return &http.Client{Transport: g, CheckRedirect: g.redirect}
}

func newTransport(perTry time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: perTry}).DialContext,
		TLSHandshakeTimeout:   perTry,
		ResponseHeaderTimeout: perTry,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true,
		MaxIdleConnsPerHost:   8,
		IdleConnTimeout:       30 * time.Second,
	}
}

// guard is the http.RoundTripper of NewClient.
type guard struct{ o ClientOptions }

// credentials are the headers that prove who is asking. Go's client drops some
// of them on a redirect to another domain, keeps the others, and keeps all of
// them for a subdomain; guard decides for itself.
var credentials = []string{"Authorization", "Private-Token", "Job-Token", "Deploy-Token", "Cookie", "Proxy-Authorization"}

// RoundTrip sends req, with the credential if it goes to the right origin, and
// sends it again while the answer is "not now" and the deadline allows.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := secure(req.URL); err != nil {
		return nil, err
	}
	r := req.Clone(req.Context())
	r.Header.Set("User-Agent", UserAgent)
	r.Header.Del("Referer")
	if SameOrigin(req.URL, g.o.Base) {
		for k, v := range g.o.Credential {
			r.Header[http.CanonicalHeaderKey(k)] = v
		}
	} else {
		for _, k := range credentials {
			r.Header.Del(k)
		}
	}
	for try := 1; ; try++ {
		resp, err := g.o.Transport.RoundTrip(r)
		pause, again := retry(resp, err, try)
		if !again || !rewind(r) || !affordable(r.Context(), pause) {
			return g.answer(resp, err)
		}
		if resp != nil {
			drop(resp.Body)
		}
		if err := sleep(r.Context(), pause); err != nil {
			return nil, err
		}
	}
}

// answer caps the body of resp and refuses encodings: a compressed answer could
// grow beyond any cap, and nothing was asked to be compressed.
func (g *guard) answer(resp *http.Response, err error) (*http.Response, error) {
	if err != nil {
		return nil, err
	}
	if e := resp.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		drop(resp.Body)
		return nil, fault.New(fault.Refused, fault.Malformed, "", "%s answered with content encoding %q, want none", resp.Request.URL.Host, e)
	}
	if resp.ContentLength > g.o.MaxBody {
		drop(resp.Body)
		return nil, tooLarge(resp.Request.URL.Host, g.o.MaxBody)
	}
	resp.Body = &capped{ReadCloser: resp.Body, left: g.o.MaxBody, max: g.o.MaxBody, host: resp.Request.URL.Host}
	return resp, nil
}

func (g *guard) redirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fault.New(fault.Refused, fault.Malformed, "", "%s redirected more than %d times", via[0].URL.Host, maxRedirects)
	}
	last := via[len(via)-1].URL
	if last.Scheme == "https" && req.URL.Scheme != "https" {
		return fault.New(fault.Refused, fault.Leak, "", "%s redirected to %s, want https", last.Host, req.URL.Scheme)
	}
	if SameOrigin(req.URL, via[0].URL) {
		return nil
	}
	if g.o.Away == RefuseAway || req.Method != http.MethodGet && req.Method != http.MethodHead {
		return fault.New(fault.Refused, fault.Leak, "", "%s redirected to another host, %q", via[0].URL.Host, req.URL.Host)
	}
	return nil
}

// capped is a body that ends in an error, not in silence, at its limit.
type capped struct {
	io.ReadCloser
	left, max int64
	host      string
}

func (c *capped) Read(p []byte) (int, error) {
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.ReadCloser.Read(p)
	if int64(n) > c.left {
		return 0, tooLarge(c.host, c.max)
	}
	c.left -= int64(n)
	return n, err
}

func tooLarge(host string, limit int64) error {
	return fault.New(fault.Refused, fault.Limit, "", "%s answered with more than %d bytes", host, limit)
}

// retry says whether the answer means "not now", and how long to wait.
// A 4xx other than 429 is an answer and is not asked for again.
func retry(resp *http.Response, err error, try int) (time.Duration, bool) {
	if try >= maxTries {
		return 0, false
	}
	pause := firstPause << (try - 1)
	if err != nil {
		var f *fault.Fault
		return pause, !errors.As(err, &f) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		return 0, false
	}
	return max(pause, retryAfter(resp.Header, time.Now())), true
}

// retryAfter reads Retry-After, seconds or a date (RFC 9110, section 10.2.3).
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if s, err := strconv.Atoi(v); err == nil {
		return time.Duration(min(max(s, 0), 3600)) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return min(t.Sub(now), time.Hour)
	}
	return 0
}

// affordable says whether ctx leaves time for another try after the pause.
func affordable(ctx context.Context, pause time.Duration) bool {
	end, ok := ctx.Deadline()
	return ok && time.Until(end) > pause
}

func rewind(r *http.Request) bool {
	if r.Body == nil || r.Body == http.NoBody {
		return true
	}
	if r.GetBody == nil {
		return false
	}
	b, err := r.GetBody()
	if err != nil {
		return false
	}
	r.Body = b
	return true
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// drop closes a body after reading a little of it, so that the connection can
// be used again.
func drop(b io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, b, 64<<10)
	_ = b.Close()
}

// SameOrigin says whether a and b have the same scheme, host and port.
func SameOrigin(a, b *url.URL) bool {
	return a != nil && b != nil && strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(authority(a), authority(b))
}

func authority(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// Loopback says whether host, without port, is this machine.
func Loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func secure(u *url.URL) error {
	if u.Scheme == "https" || u.Scheme == "http" && Loopback(u.Hostname()) {
		return nil
	}
	return fault.New(fault.Refused, fault.Leak, "", "%s would be asked by %q, want https", u.Host, u.Scheme)
}

// Unanswered explains err, which came from sending a request for what, as a
// fault: a refusal stays a refusal, everything else is unavailable. The cause
// is told without the URL, whose query may hold a secret.
func Unanswered(what string, err error) error {
	var f *fault.Fault
	if errors.As(err, &f) {
		return &fault.Fault{Kind: f.Kind, Code: f.Code, Hint: f.Hint, Err: fmt.Errorf("%s: %w", what, f)}
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.Unavailable, fault.NotAvailable, "try again", "%s did not answer in time", what)
	}
	return fault.New(fault.Unavailable, fault.NotAvailable, "try again", "%s did not answer: %w", what, err)
}

// Status explains an HTTP status that is not the wanted one. Who may not ask
// does not know: 401 and 403 are unavailable, like every failure of the server.
// hint is the next step for somebody who may not ask.
func Status(what string, status int, hint string) error {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fault.New(fault.Unavailable, fault.NotAvailable, hint, "%s answered %d: not allowed to ask", what, status)
	case status == http.StatusTooManyRequests || status >= 500:
		return fault.New(fault.Unavailable, fault.NotAvailable, "try again", "%s answered %d", what, status)
	default:
		return fault.New(fault.Refused, fault.Malformed, "", "%s answered %d", what, status)
	}
}

// Within returns ctx with a deadline at most d away; 0 is Budget.
func Within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		d = Budget
	}
	return context.WithTimeout(ctx, d)
}
