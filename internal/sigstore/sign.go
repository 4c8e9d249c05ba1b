package sigstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/sallyport-dev/sallyport/internal/client"
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
		return nil, fault.New(fault.Usage, fault.Config, "",
			"signing config of %d bytes, at most %d are read", len(raw), MaxRootBytes)
	}
	pb, err := root.NewSigningConfigProtobuf(raw)
	if err != nil {
		return nil, fault.New(fault.Usage, fault.Config, "", "reading signing config: %w", fault.Cause(err))
	}
	if pb.GetMediaType() != root.SigningConfigMediaType02 {
		return nil, fault.New(fault.Usage, fault.Config, "", "signing config has media type %q, want %q", pb.GetMediaType(), root.SigningConfigMediaType02)
	}
	c, err := root.NewSigningConfigFromProtobuf(pb)
	if err != nil {
		return nil, fault.New(fault.Usage, fault.Config, "", "reading signing config: %w", fault.Cause(err))
	}
	for _, s := range slices.Concat(c.FulcioCertificateAuthorityURLs(), c.RekorLogURLs(), c.TimestampAuthorityURLs()) {
		if !confidential(s.URL) {
			return nil, fault.New(fault.Usage, fault.Config, "", "signing config names %q, want https", s.URL)
		}
	}
	return &SigningConfig{config: c, public: namesPublicService(c)}, nil
}

// confidential reports whether address is one that nobody on the way can read
// or change what is sent to, such as an identity token.
func confidential(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && u.User == nil && client.Confidential(u)
}

// namesPublicService reports whether c would publish to the public-good
// instance, whatever file it came from.
func namesPublicService(c *root.SigningConfig) bool {
	for _, s := range append(c.RekorLogURLs(), c.FulcioCertificateAuthorityURLs()...) {
		u, err := url.Parse(s.URL)
		if err != nil || u.Hostname() == "sigstore.dev" || strings.HasSuffix(u.Hostname(), ".sigstore.dev") ||
			strings.HasSuffix(u.Hostname(), ".sigstage.dev") {
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

// Authorities are the addresses of the certificate authorities that may be sent an
// identity token, without a slash at the end.
func (c *SigningConfig) Authorities() []string {
	var all []string
	for _, s := range c.config.FulcioCertificateAuthorityURLs() {
		all = append(all, strings.TrimSuffix(s.URL, "/"))
	}
	return all
}

// Logged reports whether signatures go into a transparency log.
func (c *SigningConfig) Logged() bool { return len(c.config.RekorLogURLs()) > 0 }

// Sign signs payload, one in-toto statement, keylessly: token becomes a
// certificate, the signature is logged and timestamped as c says. It returns
// the bundle as JSON. There is no other way to sign: without a certificate, a
// log entry or a timestamp that c asks for, there is no bundle.
//
// Each service is asked again while it does not answer. Only an entry that the
// log has already, because its answer was lost, needs another signature.
func Sign(ctx context.Context, c *SigningConfig, payload []byte, token string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, signBudget)
	defer cancel()
	var last error
	for range 3 {
		b, err := signOnce(ctx, c, payload, token)
		if err == nil {
			return b, nil
		}
		last = fault.ScrubFault(classify(err), token)
		if !errors.Is(err, errLogged) {
			break
		}
	}
	return nil, last
}

// signOnce makes a new key for every attempt. A lost answer then leaves an
// unused log entry behind and never a conflict.
func signOnce(ctx context.Context, c *SigningConfig, payload []byte, token string) ([]byte, error) {
	opts, err := c.services(ctx, time.Now())
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

// services are those that c chooses for now, each by way of our own client.
func (c *SigningConfig) services(ctx context.Context, now time.Time) (sign.BundleOptions, error) {
	var o sign.BundleOptions
	ca, err := root.SelectService(c.config.FulcioCertificateAuthorityURLs(), sign.FulcioAPIVersions, now)
	if err != nil {
		return o, fault.New(fault.Usage, fault.Config, "", "choosing a certificate authority: %w", err)
	}
	if o.CertificateProvider, err = newAuthority(ctx, ca.URL); err != nil {
		return o, fault.New(fault.Usage, fault.Config, "", "choosing a certificate authority: %w", err)
	}
	if list := c.config.TimestampAuthorityURLs(); len(list) > 0 {
		chosen, err := root.SelectServices(list, c.config.TimestampAuthorityURLsConfig(),
			sign.TimestampAuthorityAPIVersions, now)
		if err != nil {
			return o, fault.New(fault.Usage, fault.Config, "", "choosing a timestamp authority: %w", err)
		}
		for _, s := range chosen {
			t, err := newTimestamps(ctx, s.URL)
			if err != nil {
				return o, fault.New(fault.Usage, fault.Config, "", "choosing a timestamp authority: %w", err)
			}
			o.TimestampAuthorities = append(o.TimestampAuthorities, t)
		}
	}
	if list := c.config.RekorLogURLs(); len(list) > 0 {
		chosen, err := root.SelectServices(list, c.config.RekorLogURLsConfig(), sign.RekorAPIVersions, now)
		if err != nil {
			return o, fault.New(fault.Usage, fault.Config, "", "choosing a transparency log: %w", err)
		}
		for _, s := range chosen {
			l, err := newLog(s.URL, s.MajorAPIVersion)
			if err != nil {
				return o, fault.New(fault.Usage, fault.Config, "", "choosing a transparency log: %w", err)
			}
			o.TransparencyLogs = append(o.TransparencyLogs, l)
		}
	}
	if len(o.TimestampAuthorities)+len(o.TransparencyLogs) == 0 {
		return o, fault.New(fault.Usage, fault.Config, "",
			"signing config names neither a transparency log nor a timestamp authority")
	}
	return o, nil
}

// classify takes the fault of a service out of what the library says around it.
// Anything else is an answer that the library could not use, or a token that it
// could not read.
func classify(err error) error {
	var f *fault.Fault
	if !errors.As(err, &f) {
		return fault.New(fault.Refused, fault.Malformed, "", "signing: %w", err)
	}
	if f.Kind == fault.Unavailable && f.Hint != "" {
		return &fault.Fault{Kind: f.Kind, Code: f.Code, Hint: f.Hint + "; nothing was written",
			Err: fmt.Errorf("signing: %w", f)}
	}
	return f
}
