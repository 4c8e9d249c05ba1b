package idtoken

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
)

const (
	maxKeysBytes = 256 << 10 // of a discovery document and of a set of keys
	minRSA       = 2048      // bits (NIST SP 800-131A)
)

// algorithms are those that the platforms sign with. None of them takes a
// public key for a secret one (RFC 8725, section 2.1).
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256}

// Verify is Parse for a token that this program itself relies on. It asks the
// issuer for its keys (OpenID Connect Discovery 1.0, section 4), checks the
// signature with the one that the token names, and holds every claim of
// w.Claims against what somebody else says. Errors are faults: Refused with
// code E_IDENTITY for a token that is not the wanted one, Unavailable where the
// issuer does not answer.
func Verify(ctx context.Context, token string, w Wanted) (Claims, error) {
	c, err := parse(token, w)
	if err != nil {
		return nil, err
	}
	sig, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil || len(sig.Signatures) != 1 {
		return nil, refused(forged, "the ID token is not signed as its platform signs, want RS256 or ES256")
	}
	keys, err := discover(ctx, c.Claims["iss"], w.Keys)
	if err != nil {
		return nil, err
	}
	header := sig.Signatures[0].Protected
	for _, k := range keys.Key(header.KeyID) {
		if header.KeyID == "" || !usable(k, header.Algorithm) {
			continue
		}
		payload, err := sig.Verify(k.Key)
		if err != nil {
			continue
		}
		// A header can say that what is signed is the text, not what it encodes (RFC 7797).
		if said, err := object(payload); err != nil || !reflect.DeepEqual(said, c) {
			return nil, refused(forged, "the ID token's signature is not over its claims")
		}
		return c.Claims, c.Match(w.Claims)
	}
	return nil, refused(forged, "the ID token is not signed with a key that issuer %q publishes", c.Claims["iss"])
}

// Next steps of a refusal.
const (
	forged    = "remove the variable that took the place of the token which the platform made for this job; if the issuer has just changed its keys, run the job again"
	misplaced = "write the issuer in the policy as the instance itself writes it; if its keys are at another address, write api beside it"
)

func refused(hint, format string, args ...any) error {
	return fault.New(fault.Refused, fault.Identity, hint, format, args...)
}

// usable says whether k is a public key that is large enough, and is meant for
// signatures of this kind.
func usable(k jose.JSONWebKey, algorithm string) bool {
	if k.Use != "" && k.Use != "sig" || k.Algorithm != "" && k.Algorithm != algorithm {
		return false
	}
	switch p := k.Key.(type) {
	case *rsa.PublicKey:
		return p.N.BitLen() >= minRSA
	case *ecdsa.PublicKey:
		return true
	}
	return false
}

// discover returns the keys of an issuer. Its document has to be about itself,
// and to send nobody elsewhere for the keys: to the issuer's own origin, or to
// that of also.
func discover(ctx context.Context, issuer string, also *url.URL) (jose.JSONWebKeySet, error) {
	var none jose.JSONWebKeySet
	base, err := url.Parse(issuer)
	if err != nil || base.Host == "" {
		return none, refused(misplaced, "issuer %q is not a URL", issuer)
	}
	var document struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := get(ctx, issuer, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", &document); err != nil {
		return none, err
	}
	if document.Issuer != issuer {
		return none, refused(misplaced, "the discovery document of issuer %q is about issuer %q", issuer,
			document.Issuer)
	}
	at, err := url.Parse(document.Keys)
	if err != nil || !client.SameOrigin(at, base) && !client.SameOrigin(at, also) {
		return none, refused(misplaced, "issuer %q keeps its keys at %q, want its own origin", issuer, document.Keys)
	}
	var keys jose.JSONWebKeySet
	return keys, get(ctx, issuer, document.Keys, &keys)
}

// get reads a small JSON document without any credential.
func get(ctx context.Context, issuer, address string, v any) error {
	what := "issuer " + fault.Quote(issuer)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return refused(misplaced, "%s names %q, which is not a URL", what, address)
	}
	resp, err := client.New(client.Options{Base: req.URL, MaxBody: maxKeysBytes}).Do(req)
	if err != nil {
		return client.Unanswered(what, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return client.Status(what, resp.StatusCode, "")
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil || json.Unmarshal(b, v) != nil {
		return client.Proxied(what, "with something that is not the JSON of its documentation")
	}
	return nil
}
