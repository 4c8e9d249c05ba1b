package client

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// firstPause is the time before the second try; each later one is twice as long.
var firstPause = 200 * time.Millisecond

// persist sends r until there is an answer that will not change by asking
// again, or until a limit of time forbids another try.
//
// A pause that the server asks for may be longer than the budget of an answer:
// the server is not silent. Such a pause is made once, if the context of the
// request has time for it.
func (g *guard) persist(r *http.Request) (*http.Response, error) {
	end, waited := time.Now().Add(g.o.Budget), false
	for try := 1; ; try++ {
		resp, err := g.attempt(r, end)
		busy := isBusy(resp, time.Now())
		if busy == nil && !again(resp, err) {
			return resp, err
		}
		pause := firstPause << (try - 1)
		if busy != nil {
			pause = max(pause, time.Until(busy.Until))
		}
		switch {
		case try < maxTries && fits(r.Context(), end, pause):
		case busy != nil && !busy.Until.IsZero() && !waited && fits(r.Context(), time.Time{}, pause):
			waited, end = true, time.Now().Add(pause+g.o.Budget)
		case busy != nil:
			busy.Known = known(r)
			return nil, busy
		default:
			return resp, err
		}
		if !rewind(r) {
			return resp, err
		}
		if err := Sleep(r.Context(), pause); err != nil {
			return nil, err
		}
	}
}

// again says whether another try may get another answer. A status below 500 is
// an answer, and so is a certificate that does not verify.
func again(resp *http.Response, err error) bool {
	if err != nil {
		var f *fault.Fault
		var certificate *tls.CertificateVerificationError
		var silent silence
		if errors.As(err, &silent) {
			return true
		}
		return !errors.As(err, &f) && !errors.As(err, &certificate) &&
			!errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// fits says whether another try after the pause can begin before end, and
// before ctx ends. The zero end is none, and then ctx must have one.
func fits(ctx context.Context, end time.Time, pause time.Duration) bool {
	limit, limited := ctx.Deadline()
	if end.IsZero() {
		return limited && time.Until(limit) > pause
	}
	return time.Until(end) > pause && (!limited || time.Until(limit) > pause)
}

// Busy says that a server takes no more requests of this client for a while.
type Busy struct {
	Status int
	Until  time.Time // zero: the server did not say
	Known  bool      // the client has shown who it is
}

// isBusy recognises an answer that asks for a pause: a used-up quota (429, or
// 403 with nothing left or a time to wait), and a server that is unavailable
// until a time that it names. A 429 that names no time is asked again like any
// other answer that may change soon.
func isBusy(resp *http.Response, now time.Time) *Busy {
	if resp == nil {
		return nil
	}
	until := busyUntil(resp.Header, now)
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
	case http.StatusForbidden:
		if resp.Header.Get("Retry-After") == "" && !nothingLeft(resp.Header) {
			return nil
		}
	case http.StatusServiceUnavailable:
		if resp.Header.Get("Retry-After") == "" {
			return nil
		}
	default:
		return nil
	}
	return &Busy{Status: resp.StatusCode, Until: until}
}

func nothingLeft(h http.Header) bool {
	return h.Get("X-RateLimit-Remaining") == "0" || h.Get("RateLimit-Remaining") == "0"
}

// busyUntil reads Retry-After, seconds or a date (RFC 9110, section 10.2.3),
// or else when a quota begins anew: seconds since 1970, or seconds from now.
// The zero time means that the answer does not say.
func busyUntil(h http.Header, now time.Time) time.Time {
	const century = 100 * 365 * 24 * 3600
	if v := h.Get("Retry-After"); v != "" {
		if s, err := strconv.ParseInt(v, 10, 64); err == nil && s >= 0 && s < century {
			return now.Add(time.Duration(s) * time.Second)
		}
		if t, err := http.ParseTime(v); err == nil {
			return t
		}
	}
	for _, name := range []string{"X-RateLimit-Reset", "RateLimit-Reset"} {
		s, err := strconv.ParseInt(h.Get(name), 10, 64)
		if err != nil || s < 0 || s > 1<<40 {
			continue
		}
		if s < 1e9 {
			return now.Add(time.Duration(s) * time.Second)
		}
		return time.Unix(s+1, 0) // the second that is named has to be over
	}
	return time.Time{}
}

func known(r *http.Request) bool {
	for _, k := range credentials {
		if r.Header.Get(k) != "" {
			return true
		}
	}
	return false
}

// rewind makes r ready to be sent again; ok is false if its body can be read
// only once.
func rewind(r *http.Request) (ok bool) {
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
