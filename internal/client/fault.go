package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Error says until when the server takes no requests.
func (b *Busy) Error() string {
	switch {
	case b.Until.IsZero():
		return fmt.Sprintf("answered %d: asked too often, and it does not say until when", b.Status)
	case b.Status == http.StatusServiceUnavailable:
		return fmt.Sprintf("answered %d, and can be asked again at %s", b.Status, clock(b.Until))
	case b.Known:
		return fmt.Sprintf("answered %d: it lets this token ask again at %s", b.Status, clock(b.Until))
	}
	return fmt.Sprintf("answered %d: it lets this machine, which has shown no token, ask again at %s",
		b.Status, clock(b.Until))
}

func (b *Busy) hint() string {
	if b.Until.IsZero() {
		return "try again in a few minutes"
	}
	return "try again after " + clock(b.Until)
}

// clock is a moment for people: with the day where it is another one.
func clock(t time.Time) string {
	t = t.UTC().Add(time.Minute - 1).Truncate(time.Minute) // never too early
	if time.Until(t) > 12*time.Hour {
		return t.Format("2006-01-02 15:04 UTC")
	}
	return t.Format("15:04 UTC")
}

// Unanswered explains err, which came from sending a request for what, as a
// fault: a refusal stays a refusal, everything else is unavailable. The cause
// is told without the URL, whose query may hold a secret.
func Unanswered(what string, err error) error {
	var f *fault.Fault
	if errors.As(err, &f) {
		return &fault.Fault{Kind: f.Kind, Code: f.Code, Hint: f.Hint, Err: fmt.Errorf("%s: %w", what, f)}
	}
	var busy *Busy
	if errors.As(err, &busy) {
		return fault.New(fault.Unavailable, fault.NotAvailable, busy.hint(), "%s %w", what, busy)
	}
	var late slow
	var silent silence
	switch {
	case errors.As(err, &silent):
		return fault.New(fault.Unavailable, fault.NotAvailable, "try again", "%s %w", what, silent)
	case errors.As(err, &late):
		return fault.New(fault.Unavailable, fault.NotAvailable, "try again", "%s %w", what, late)
	}
	return unreached(what, err)
}

// unreached explains a request that got no answer at all, or not the whole.
func unreached(what string, err error) error {
	fail := func(hint, format string, args ...any) error {
		return fault.New(fault.Unavailable, fault.NotAvailable, hint, what+" "+format, args...)
	}
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var u *url.Error
	if via := (*net.OpError)(nil); errors.As(err, &via) && via.Op == "proxyconnect" {
		return unproxied(what, via.Err)
	}
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return fail("check the address, and that this machine can look up names",
			"cannot be asked: there is no host %s", fault.Quote(name.Name))
	case errors.As(err, &certificate):
		return fail("check this machine's clock and its list of certificate authorities",
			"shows a certificate that does not verify: %s",
			strings.TrimPrefix(certificate.Err.Error(), "x509: "))
	case errors.Is(err, syscall.ECONNREFUSED):
		return fail("check that it runs and can be reached from this machine, then try again",
			"does not take connections")
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return fail("check this machine's network, then try again", "cannot be reached from this machine")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return fail("try again", "closed the connection before its answer was complete")
	case errors.Is(err, context.Canceled):
		return fail("try again", "was not asked to the end: %w", context.Canceled)
	case errors.As(err, &u):
		err = u.Err
	}
	// What names the service: the addresses and calls in front of the reason add nothing.
	for call := (*net.OpError)(nil); errors.As(err, &call); {
		err = call.Err
	}
	return fail("try again", "did not answer: %w", fault.Cause(err))
}

// unproxied explains a request that did not get as far as the proxy that the machine names. err
// is why the proxy was not reached.
func unproxied(what string, err error) error {
	proxy := "that the environment names"
	var name *net.DNSError
	if errors.As(err, &name) {
		proxy = fault.Quote(name.Name)
	}
	why := fault.Cause(err)
	for call := (*net.OpError)(nil); errors.As(err, &call); {
		if call.Addr != nil {
			proxy = call.Addr.String()
		}
		err, why = call.Err, call.Err
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		why = errors.New("it does not take connections")
	}
	return fault.New(fault.Unavailable, fault.NotAvailable,
		"check the proxy, and the variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY that choose it; then try again",
		"%s was not asked, because the proxy %s was not reached: %w", what, proxy, why)
}

// tokenless is why somebody who has shown no token was not answered. No other try without one
// is answered, so it counts as a credential that is not good.
type tokenless struct{}

func (tokenless) Error() string        { return "no token was shown" }
func (tokenless) Is(target error) bool { return target == fault.ErrCredential }

// StatusFor is Status for a question that was asked with a token or without.
func StatusFor(what string, status int, hint string, token bool) error {
	if token || status != http.StatusUnauthorized && status != http.StatusForbidden {
		return Status(what, status, hint)
	}
	return fault.New(fault.Unavailable, fault.NotAvailable, hint, "%s answered %d: not allowed to ask (%w)",
		what, status, tokenless{})
}

// proxied is the next step after an answer that is none: it may be of somebody
// else.
const proxied = "check that nothing on the way, such as a proxy, answers in its place"

// Proxied is Status for an answer whose status is good and whose content is
// not what was asked for, in the words of said.
func Proxied(what, said string) error {
	return fault.New(fault.Refused, fault.Malformed, proxied, "%s answered %s", what, said)
}

// Status explains an HTTP status that is not the wanted one. Who may not ask
// does not know: 401 and 403 are unavailable, like every failure of the server.
// hint is the next step for somebody who may not ask.
func Status(what string, status int, hint string) error {
	switch {
	case status == http.StatusUnauthorized:
		return fault.New(fault.Unavailable, fault.NotAvailable, hint,
			"%s answered %d: not allowed to ask (%w)", what, status, fault.ErrCredential)
	case status == http.StatusForbidden:
		return fault.New(fault.Unavailable, fault.NotAvailable, hint,
			"%s answered %d: not allowed to ask", what, status)
	case status == http.StatusConflict:
		return fault.New(fault.Unavailable, fault.NotAvailable, "try again when nothing else changes the same thing",
			"%s answered %d: something else is changing it", what, status)
	case status == http.StatusTooManyRequests || status >= 500:
		return fault.New(fault.Unavailable, fault.NotAvailable, "try again", "%s answered %d", what, status)
	case status == http.StatusRequestEntityTooLarge:
		return fault.New(fault.Refused, fault.Limit, proxied,
			"%s answered %d: what was sent is larger than it takes", what, status)
	case status >= 300 && status < 400:
		return fault.New(fault.Refused, fault.Malformed, proxied,
			"%s answered %d and does not say where to ask", what, status)
	case status < 300:
		return fault.New(fault.Refused, fault.Malformed, proxied,
			"%s answered %d, which says nothing about what was asked", what, status)
	default:
		return fault.New(fault.Refused, fault.Malformed, "", "%s answered %d", what, status)
	}
}
