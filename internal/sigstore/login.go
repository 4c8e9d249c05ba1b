package sigstore

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/oauthflow"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// loginBudget is how long a person may take to say who he is.
const loginBudget = 5 * time.Minute

// Login says how a person proves who he is.
type Login struct {
	Client string                 // how the signer introduces itself to the provider, and the audience of the token
	Device bool                   // by a code that is typed into a browser elsewhere (RFC 8628)
	Open   func(url string) error // opens a browser; nil is the system's
	In     io.Reader
	Out    io.Writer
}

// Provider returns the OpenID provider that people sign in with, or nothing if
// the instance has none.
func (c *SigningConfig) Provider() string {
	for _, s := range c.config.OIDCProviderURLs() {
		if confidential(s.URL) {
			return strings.TrimSuffix(s.URL, "/")
		}
	}
	return ""
}

// IDToken has a person sign in and returns his identity token. Nothing of it
// is shown.
func (l Login) IDToken(ctx context.Context, c *SigningConfig) (string, error) {
	issuer := c.Provider()
	if issuer == "" {
		return "", fault.New(fault.Usage, fault.Config, "", "the signing config names no OpenID provider that people could sign in with")
	}
	ctx, cancel := context.WithTimeout(ctx, loginBudget)
	defer cancel()
	var how oauthflow.TokenGetter = &oauthflow.InteractiveIDTokenGetter{HTMLPage: loginPage, Input: l.In, Output: l.Out, BrowserOpener: l.Open}
	if l.Device {
		d := oauthflow.NewDeviceFlowTokenGetterForIssuer(issuer)
		d.MessagePrinter = func(s string) { fmt.Fprintf(l.Out, "sallyport: %s\n", s) }
		how = d
	}
	type answer struct {
		token *oauthflow.OIDCIDToken
		err   error
	}
	// The library takes no context; what it does after the deadline is of no
	// consequence, because nobody waits for it.
	done := make(chan answer, 1)
	go func() {
		var a answer
		defer func() { done <- a }()
		defer fault.Recover(&a.err, "signing in")
		a.token, a.err = oauthflow.OIDConnect(issuer, l.Client, "", "", how)
	}()
	select {
	case <-ctx.Done():
		return "", fault.New(fault.Unavailable, fault.NotAvailable, "sign in within five minutes", "signing in at %s took too long", issuer)
	case a := <-done:
		if a.err != nil {
			return "", fault.New(fault.Refused, fault.Identity, "", "signing in at %s: %w", issuer, a.err)
		}
		return a.token.RawString, nil
	}
}

// loginPage is what the browser shows when a person may go back to the terminal.
const loginPage = `<!doctype html><meta charset="utf-8"><title>Sallyport</title>
<style>body{font:18px/1.5 system-ui,sans-serif;max-width:34rem;margin:20vh auto;padding:0 1rem;color-scheme:light dark}</style>
<h1>You are signed in</h1><p>Go back to the terminal: it shows what you are about to approve.</p>`
