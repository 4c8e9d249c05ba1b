package lab

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/errgroup"
)

// The issuers' real names. Only the lab's own process finds them in itself;
// to the rest of the machine they are what they always were.
const (
	gitHubIssuer = "https://token.actions.githubusercontent.com"
	gitLabIssuer = "https://gitlab.com"
	// otherIssuer is a second GitLab whose tokens are written into
	// certificates with the same templates, as the public instance does it:
	// its projects look like those of the first but for the issuer.
	otherIssuer = "https://dev.gitlab.org"
)

// An issuer signs identity tokens and publishes the key they verify with.
type issuer struct {
	url    string
	path   string // of the key, below the issuer's name
	key    *rsa.PrivateKey
	signer jose.Signer
}

// issuers are those that the certificate authority believes. The second GitLab
// shares the key of the first: which of them a token is from, only iss says.
type issuers struct {
	github, gitlab *issuer
}

func newIssuers() (issuers, error) {
	var i issuers
	var g errgroup.Group
	g.Go(func() (err error) { i.github, err = newIssuer(gitHubIssuer, "/.well-known/jwks"); return })
	g.Go(func() (err error) { i.gitlab, err = newIssuer(gitLabIssuer, "/oauth/discovery/keys"); return })
	return i, g.Wait()
}

func newIssuer(url, path string) (*issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: keyID}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("making the issuer %q: %w", url, err)
	}
	return &issuer{url, path, key, s}, nil
}

const keyID = "sallyport-lab"

// mint signs a token with the claims that every token has, with claims laid
// over them and given laid over those. A claim that is null is left out.
func (i *issuer) mint(claims, given Claims, life time.Duration) (string, error) {
	now := time.Now()
	all := Claims{
		"iss": i.url,
		"jti": randomHex(16),
		"iat": now.Unix(),
		"nbf": now.Add(-5 * time.Second).Unix(),
		"exp": now.Add(life).Unix(),
	}
	payload, err := json.Marshal(all.with(claims).with(given))
	if err != nil {
		return "", err
	}
	signed, err := i.signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// handler publishes the key under one of the issuer's names.
func (i *issuer) handler(name string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{
			"issuer":                                name,
			"jwks_uri":                              name + i.path,
			"subject_types_supported":               []string{"public"},
			"response_types_supported":              []string{"id_token"},
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET "+i.path, i.keys)
	return mux
}

// keys answers the key that the issuer's tokens verify with.
func (i *issuer) keys(w http.ResponseWriter, _ *http.Request) {
	key := jose.JSONWebKey{Key: i.key.Public(), KeyID: keyID, Algorithm: "RS256", Use: "sig"}
	writeJSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}})
}

// answerInProcess makes the issuers' names resolve to them inside this process
// and cuts it off from every other host but loopback. Fulcio takes
// http.DefaultTransport for an issuer without a CA of its own, and nothing
// else can be given to it. The returned function undoes it.
func (i issuers) answerInProcess() func(context.Context) error {
	before := http.DefaultTransport
	http.DefaultTransport = loopback{next: before, hosts: map[string]http.Handler{
		hostOf(gitHubIssuer): i.github.handler(gitHubIssuer),
		hostOf(gitLabIssuer): i.gitlab.handler(gitLabIssuer),
		hostOf(otherIssuer):  i.gitlab.handler(otherIssuer),
	}}
	return func(context.Context) error { http.DefaultTransport = before; return nil }
}

// loopback is a transport that never leaves the machine.
type loopback struct {
	hosts map[string]http.Handler
	next  http.RoundTripper
}

// RoundTrip answers for the issuers, passes loopback on, and refuses the rest.
func (l loopback) RoundTrip(r *http.Request) (*http.Response, error) {
	if h, ok := l.hosts[r.URL.Host]; ok {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		resp := w.Result()
		resp.Request = r
		return resp, nil
	}
	if ip := net.ParseIP(r.URL.Hostname()); !ip.IsLoopback() {
		return nil, fmt.Errorf("the lab does not leave this machine: host %q, want loopback", r.URL.Host)
	}
	return l.next.RoundTrip(r)
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b)
}
