// Package client makes every HTTP request of this program: to registries, to
// the platforms' APIs, to the services that sign and to TUF repositories.
//
// It refuses to send a credential to another origin than its own, to ask in
// the clear (loopback excepted), to follow a redirect that leaves https or the
// host that it may be followed from, and to take an answer that is larger than
// its limit or compressed. It refuses to wait without an end: a try, an answer
// and a call each have a limit of time.
//
// One answer takes several tries. A try is given up when nothing arrives for
// Options.PerTry, at the beginning or in the middle of a body. An answer is
// given up after Options.Budget. The context of a request limits everything
// together; Within makes one.
//
// What does not come through here: the sign-in library of the room sigstore
// brings its own client for the minutes in which a person signs in, and
// credential helpers of the container tools are programs of their own.
package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// UserAgent is how every request of this program introduces itself.
const UserAgent = "sallyport"

// Limits of time, unless the options say otherwise.
const (
	PerTry  = 10 * time.Second // without a byte: the try is given up
	Budget  = 30 * time.Second // for one answer: all its tries together
	Overall = 20 * Budget      // for one call of a store, however many answers it takes
)

const (
	maxTries    = 4
	maxParallel = 16       // requests of one client at the same time
	maxAnswer   = 8 << 20  // bytes of an answer, unless the options say otherwise
	maxExcuse   = 64 << 10 // bytes that are kept of an answer that is an error
)

// Options describe a client of one host.
type Options struct {
	Base       *url.URL          // the host that the credential belongs to: scheme and authority
	Credential http.Header       // sent to Base and nowhere else; may be nil
	Away       Away              // what a redirect means
	MaxBody    int64             // bytes of one answer; 0 is 8 MiB
	PerTry     time.Duration     // 0 is PerTry
	Budget     time.Duration     // 0 is Budget
	Transport  http.RoundTripper // what really sends; nil is the one that all clients share
}

// New returns a client that is safe to point at a host which may turn hostile.
// The body of every answer has been read when the client returns it, so
// reading it cannot fail and costs no time.
func New(o Options) *http.Client {
	g := newGuard(o)
	return &http.Client{Transport: g, CheckRedirect: g.redirect}
}

// Transport is New for a library that brings an http.Client of its own and
// hands no context on: each of its requests ends when ctx does.
func Transport(ctx context.Context, o Options) http.RoundTripper {
	return &bound{ctx: ctx, next: newGuard(o)}
}

// Within returns ctx with the overall limit of a call whose answers may take
// budget each: junk that has to be read may take long, but not for ever. The
// zero budget is Budget.
func Within(ctx context.Context, budget time.Duration) (context.Context, context.CancelFunc) {
	limit := Overall
	if budget > 0 {
		limit = budget * (Overall / Budget)
	}
	return context.WithTimeoutCause(ctx, limit, slow{fmt.Sprintf("was not read to the end within %s", limit)})
}

// guard is the http.RoundTripper of New.
type guard struct {
	o     Options
	slots chan struct{} // one for each request that is under way
}

func newGuard(o Options) *guard {
	if o.MaxBody == 0 {
		o.MaxBody = maxAnswer
	}
	if o.PerTry == 0 {
		o.PerTry = PerTry
	}
	if o.Budget == 0 {
		o.Budget = Budget
	}
	if o.Transport == nil {
		o.Transport = shared()
	}
	return &guard{o: o, slots: make(chan struct{}, maxParallel)}
}

// shared is the transport of all clients: it knows no credential. Limits of
// time are the guard's, which works the same above any other transport.
var shared = sync.OnceValue(func() http.RoundTripper {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		ForceAttemptHTTP2:   true,
		DisableCompression:  true,
		MaxIdleConnsPerHost: maxParallel,
		IdleConnTimeout:     30 * time.Second,
	}
})

// credentials are the headers that prove who is asking. Go's client drops some
// of them on a redirect to another domain, keeps the others, and keeps all of
// them for a subdomain; guard decides for itself.
var credentials = []string{"Authorization", "Private-Token", "Job-Token", "Deploy-Token", "Cookie",
	"Proxy-Authorization"}

// RoundTrip sends req, with the credential if it goes to the right origin, and
// sends it again while the answer is "not now" and the limits of time allow.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer req.Body.Close()
	}
	if err := secure(req.URL); err != nil {
		return nil, err
	}
	select {
	case g.slots <- struct{}{}:
		defer func() { <-g.slots }()
	case <-req.Context().Done():
		return nil, context.Cause(req.Context())
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
	return g.persist(r)
}

// attempt sends r once and reads the whole answer.
func (g *guard) attempt(r *http.Request, end time.Time) (*http.Response, error) {
	outOfBudget := slow{fmt.Sprintf("did not answer within %s", g.o.Budget)}
	ctx, cancel := context.WithDeadlineCause(r.Context(), end, outOfBudget)
	defer cancel()
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	w := newWatch(g.o.PerTry, giveUp)
	defer w.stop()

	once := r.WithContext(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		once.Body = &watched{ReadCloser: r.Body, watch: w}
	}
	resp, err := g.o.Transport.RoundTrip(once)
	if err == nil {
		err = g.read(resp, once, w)
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// read takes the body of resp into memory, up to the limit. An encoding is
// refused: a compressed answer could grow beyond any limit, and nothing was
// asked to be compressed. Of an answer that is an error, only the beginning
// is kept.
func (g *guard) read(resp *http.Response, r *http.Request, w *watch) error {
	defer resp.Body.Close()
	host := r.URL.Host
	if resp.StatusCode >= 300 {
		b, _ := io.ReadAll(io.LimitReader(&watched{ReadCloser: resp.Body, watch: w}, maxExcuse))
		resp.Body = io.NopCloser(bytes.NewReader(b))
		return g.settle(resp, host)
	}
	if e := resp.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return fault.New(fault.Refused, fault.Malformed, "",
			"%s answered with content encoding %s, want none", host, fault.Quote(e))
	}
	if resp.ContentLength > g.o.MaxBody && r.Method != http.MethodHead {
		return tooLarge(host, g.o.MaxBody)
	}
	b, err := io.ReadAll(io.LimitReader(&watched{ReadCloser: resp.Body, watch: w}, g.o.MaxBody+1))
	if err != nil {
		return err
	}
	if int64(len(b)) > g.o.MaxBody {
		return tooLarge(host, g.o.MaxBody)
	}
	resp.Body = io.NopCloser(bytes.NewReader(b))
	return nil
}

// ErrTooLarge says that there is more of something than may be taken, not that
// somebody else does not take it.
var ErrTooLarge = errors.New("more than is taken")

func tooLarge(host string, limit int64) error {
	return fault.New(fault.Refused, fault.Limit, "",
		"%s answered with more than %d bytes: %w", host, limit, ErrTooLarge)
}

// bound ends every request when ctx ends. A context is kept here, and nowhere
// else, for libraries whose interface has no parameter for it.
type bound struct {
	ctx  context.Context
	next http.RoundTripper
}

// RoundTrip sends req. The answer is complete when it returns, so the context
// of the request is not needed longer.
func (b *bound) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	defer cancel(nil)
	defer context.AfterFunc(b.ctx, func() { cancel(context.Cause(b.ctx)) })()
	if end, ok := b.ctx.Deadline(); ok {
		var stop context.CancelFunc
		ctx, stop = context.WithDeadlineCause(ctx, end, slow{"did not answer in time"})
		defer stop()
	}
	return b.next.RoundTrip(req.WithContext(ctx))
}
