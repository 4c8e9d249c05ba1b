package client

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

const maxRedirects = 5

// Away says what a redirect means. The zero Away refuses one to another host.
type Away int

// What a client does with a redirect.
const (
	RefuseAway    Away = iota // to another host: the answer is an error
	AnonymousAway             // to another host: followed without any credential, if it is a GET or HEAD
	RefuseAny                 // to anywhere: the answer is an error
)

// moved is the next step of somebody who was redirected.
const moved = "check the address that was asked: what it stood for may have moved"

func (g *guard) redirect(req *http.Request, via []*http.Request) error {
	first, last := via[0].URL, via[len(via)-1].URL
	switch {
	case len(via) > maxRedirects:
		return fault.New(fault.Refused, fault.Malformed, moved,
			"%s redirected more than %d times", first.Host, maxRedirects)
	case last.Scheme == "https" && req.URL.Scheme != "https":
		return fault.New(fault.Refused, fault.Leak, moved,
			"%s redirected to %s, want https", last.Host, fault.Quote(req.URL.Scheme))
	case !SameOrigin(req.URL, first) && (g.o.Away != AnonymousAway || !reads(via[0])):
		return fault.New(fault.Refused, fault.Leak, moved,
			"%s redirected to another host, %s", first.Host, fault.Quote(req.URL.Host))
	case req.Method != via[0].Method:
		return fault.New(fault.Refused, fault.Malformed, moved,
			"%s redirected what was to be written to where it would be read", first.Host)
	}
	return nil
}

func reads(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// settle refuses a redirect where none may be followed. It is done here and
// not only in redirect: a library may bring an http.Client of its own.
func (g *guard) settle(resp *http.Response, host string) error {
	if g.o.Away != RefuseAny || resp.StatusCode > 399 || resp.StatusCode == http.StatusNotModified {
		return nil
	}
	return fault.New(fault.Refused, fault.Leak, moved,
		"%s redirected to %s, want an answer", host, fault.Quote(resp.Header.Get("Location")))
}

// SameOrigin says whether a and b have the same scheme, host and port.
func SameOrigin(a, b *url.URL) bool {
	return a != nil && b != nil && strings.EqualFold(a.Scheme, b.Scheme) &&
		strings.EqualFold(authority(a), authority(b))
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

// Confidential says whether nobody on the way to u can read or change what is
// sent: https, or this machine.
func Confidential(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && Loopback(u.Hostname())
}

func secure(u *url.URL) error {
	if Confidential(u) {
		return nil
	}
	return fault.New(fault.Refused, fault.Leak, "", "%s would be asked by %s, want https", u.Host, fault.Quote(u.Scheme))
}
