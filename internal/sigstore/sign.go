package sigstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// SigningConfig says which certificate authority, logs and timestamp
// authorities sign (Sigstore signing_config.json, version 0.2).
type SigningConfig struct {
	config *root.SigningConfig
	public bool // its log is public to everybody
}

// ParseSigningConfig reads a signing_config.json.
func ParseSigningConfig(raw []byte) (*SigningConfig, error) {
	if len(raw) > MaxRootBytes {
		return nil, fault.New(fault.Usage, fault.Config, "", "signing config of %d bytes, at most %d are read", len(raw), MaxRootBytes)
	}
	c, err := root.NewSigningConfigFromJSON(raw)
	if err != nil {
		return nil, fault.New(fault.Usage, fault.Config, "", "reading signing config: %w", err)
	}
	for _, s := range slices.Concat(c.FulcioCertificateAuthorityURLs(), c.RekorLogURLs(), c.TimestampAuthorityURLs()) {
		if !confidential(s.URL) {
			return nil, fault.New(fault.Usage, fault.Config, "", "signing config names %q, want https", s.URL)
		}
	}
	return &SigningConfig{config: c, public: namesPublicService(c)}, nil
}

// confidential reports whether nobody on the way to address can read or change
// what is sent, such as an identity token.
func confidential(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// settled sends to one address: a redirect would take the identity token
// elsewhere.
type settled struct{}

// RoundTrip implements http.RoundTripper.
func (settled) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || resp.StatusCode < 300 || resp.StatusCode > 399 {
		return resp, err
	}
	resp.Body.Close()
	return nil, fault.New(fault.Refused, fault.Leak, "", "certificate authority %s redirects to another address", req.URL.Host)
}

// namesPublicService reports whether c would publish to the public-good
// instance, whatever file it came from.
func namesPublicService(c *root.SigningConfig) bool {
	for _, s := range append(c.RekorLogURLs(), c.FulcioCertificateAuthorityURLs()...) {
		u, err := url.Parse(s.URL)
		if err != nil || u.Hostname() == "sigstore.dev" || strings.HasSuffix(u.Hostname(), ".sigstore.dev") || strings.HasSuffix(u.Hostname(), ".sigstage.dev") {
			return true
		}
	}
	return false
}

// SigningConfig returns where the profile signs.
func (p Profile) SigningConfig() *SigningConfig {
	c := p.signing()
	return &SigningConfig{config: c, public: namesPublicService(c)}
}

// Public reports whether signing publishes names and refs to everybody.
func (c *SigningConfig) Public() bool { return c.public }

// Logged reports whether signatures go into a transparency log.
func (c *SigningConfig) Logged() bool { return len(c.config.RekorLogURLs()) > 0 }

// Sign signs payload, one in-toto statement, keylessly: token becomes a
// certificate, the signature is logged and timestamped as c says. It returns
// the bundle as JSON. There is no other way to sign: without a certificate, a
// log entry or a timestamp that c asks for, there is no bundle.
func Sign(ctx context.Context, c *SigningConfig, payload []byte, token string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, signBudget)
	defer cancel()
	var last error
	for try := range 3 {
		if try > 0 {
			if err := pause(ctx, time.Duration(try)*time.Second); err != nil {
				return nil, unavailable(last)
			}
		}
		b, err := signOnce(ctx, c, payload, token)
		if err == nil {
			return b, nil
		}
		last = classify(scrub(err, token))
		if fault.Of(last).Kind != fault.Unavailable {
			return nil, last
		}
	}
	return nil, last
}

// scrub keeps the token out of an error that quotes what a service answered.
func scrub(err error, token string) error {
	if token == "" || !strings.Contains(err.Error(), token) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), token, "[token]"))
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// signOnce makes a new key for every attempt. A lost answer then leaves an
// unused log entry behind and never a conflict.
func signOnce(ctx context.Context, c *SigningConfig, payload []byte, token string) ([]byte, error) {
	opts, err := c.services(time.Now())
	if err != nil {
		return nil, err
	}
	opts.Context = ctx
	opts.CertificateProviderOptions = &sign.CertificateProviderOptions{IDToken: token}
	key, err := sign.NewEphemeralKeypair(nil)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	b, err := sign.Bundle(&sign.DSSEData{Data: payload, PayloadType: statement.PayloadType}, key, opts)
	if err != nil {
		return nil, err
	}
	return protojson.Marshal(b)
}

func (c *SigningConfig) services(now time.Time) (sign.BundleOptions, error) {
	var o sign.BundleOptions
	ca, err := root.SelectService(c.config.FulcioCertificateAuthorityURLs(), sign.FulcioAPIVersions, now)
	if err != nil {
		return o, fault.New(fault.Usage, fault.Config, "", "choosing a certificate authority: %w", err)
	}
	o.CertificateProvider = sign.NewFulcio(&sign.FulcioOptions{BaseURL: ca.URL, Timeout: signTimeout, Transport: settled{}})
	if list := c.config.TimestampAuthorityURLs(); len(list) > 0 {
		chosen, err := root.SelectServices(list, c.config.TimestampAuthorityURLsConfig(), sign.TimestampAuthorityAPIVersions, now)
		if err != nil {
			return o, fault.New(fault.Usage, fault.Config, "", "choosing a timestamp authority: %w", err)
		}
		for _, s := range chosen {
			o.TimestampAuthorities = append(o.TimestampAuthorities, sign.NewTimestampAuthority(&sign.TimestampAuthorityOptions{URL: s.URL, Timeout: signTimeout}))
		}
	}
	if list := c.config.RekorLogURLs(); len(list) > 0 {
		chosen, err := root.SelectServices(list, c.config.RekorLogURLsConfig(), sign.RekorAPIVersions, now)
		if err != nil {
			return o, fault.New(fault.Usage, fault.Config, "", "choosing a transparency log: %w", err)
		}
		for _, s := range chosen {
			o.TransparencyLogs = append(o.TransparencyLogs, sign.NewRekor(&sign.RekorOptions{BaseURL: s.URL, Timeout: signTimeout, Version: s.MajorAPIVersion}))
		}
	}
	if len(o.TimestampAuthorities)+len(o.TransparencyLogs) == 0 {
		return o, fault.New(fault.Usage, fault.Config, "", "signing config names neither a transparency log nor a timestamp authority")
	}
	return o, nil
}

var (
	refusedToken = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^Fulcio returned 4\d\d: `) })
	busy         = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\b(429|5\d\d)\b|closed response body|EOF|connection reset`)
	})
)

// classify says whose turn it is after signing went wrong. The texts are those
// of the pinned sigstore-go.
func classify(err error) error {
	var f *fault.Fault
	if errors.As(err, &f) {
		return err
	}
	var syntax *json.SyntaxError
	switch {
	case refusedToken().MatchString(err.Error()):
		return fault.New(fault.Refused, fault.Identity,
			"the token must be for audience sigstore, unexpired, and from an issuer that the certificate authority knows",
			"certificate authority refused the identity token: %w", err)
	case isNetwork(err), busy().MatchString(err.Error()):
		return unavailable(err)
	case errors.As(err, &syntax):
		return fault.New(fault.Refused, fault.Malformed, "", "signing: answer is not what a signing service gives: %w", err)
	default:
		return fault.New(fault.Refused, fault.Malformed, "", "signing: %w", err)
	}
}

func isNetwork(err error) bool {
	var u *url.Error
	return errors.As(err, &u) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

func unavailable(err error) error {
	return fault.New(fault.Unavailable, fault.NotAvailable, "try again; nothing was written", "signing: %w", err)
}
