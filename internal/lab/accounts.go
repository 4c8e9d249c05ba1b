package lab

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// accounts is an OpenID provider for people: it asks nobody for a password,
// it asks who one would like to be. Programs log in with a code (RFC 6749
// with PKCE, RFC 7636) or from a terminal alone (RFC 8628). What the standards
// leave to the client's good will is required here, so that a client that
// forgets its state, nonce or challenge is found out.
type accounts struct {
	issuer *issuer

	mu       sync.Mutex
	people   []account
	next     []choice // what the coming authorizations are answered with
	codes    map[string]login
	devices  map[string]*device // by user code
	interval time.Duration      // between a device's questions
	life     time.Duration      // of a device's codes
}

// An account is a person who can log in.
type account struct {
	Email    string
	Name     string
	Verified bool // the address, as the provider sees it
	Subject  string
}

// A choice is what a person did with the question who he is; without an
// email, he went away.
type choice struct {
	Email string `json:"email"`
	Deny  bool   `json:"deny"`
}

// clientID is the only program that may ask, and its tokens' audience.
const clientID = "sigstore"

// accountsTokenLife is how long a person's token can be used.
const accountsTokenLife = 5 * time.Minute

func newAccounts() (*accounts, error) {
	i, err := newIssuer("", "/keys")
	if err != nil {
		return nil, err
	}
	a := &accounts{
		issuer: i, codes: map[string]login{}, devices: map[string]*device{}, interval: time.Second, life: 5 * time.Minute,
	}
	for _, name := range []string{"Alice", "Bob", "Carol", "Dana"} {
		a.add(account{Email: strings.ToLower(name) + "@acme.example", Name: name, Verified: true})
	}
	return a, nil
}

// startAccounts starts the provider, whose name is the address it gets.
func startAccounts(f *front) (*accounts, *server, error) {
	a, err := newAccounts()
	if err != nil {
		return nil, nil, fmt.Errorf("starting the accounts: %w", err)
	}
	s, err := listen(f.door("accounts", a.handler()))
	if err != nil {
		return nil, nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.issuer.url = s.url
	return a, s, nil
}

// add makes a person known, or changes him; his subject stays.
func (a *accounts) add(p account) {
	sum := sha256.Sum256([]byte(p.Email))
	p.Subject = cmp.Or(p.Subject, "lab-"+hex.EncodeToString(sum[:8]))
	a.people = append(slices.DeleteFunc(a.people, func(o account) bool { return o.Email == p.Email }), p)
}

func (a *accounts) find(email string) (account, bool) {
	i := slices.IndexFunc(a.people, func(p account) bool { return p.Email == email })
	if i < 0 {
		return account{}, false
	}
	return a.people[i], true
}

// token signs what the provider knows of a person, for an audience.
func (a *accounts) token(p account, audience, nonce string, given Claims) (string, error) {
	c := Claims{"aud": audience, "sub": p.Subject, "email": p.Email, "email_verified": p.Verified, "name": p.Name}
	if nonce != "" {
		c["nonce"] = nonce
	}
	return a.issuer.mint(c, given, accountsTokenLife)
}

func (a *accounts) handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /.well-known/openid-configuration": a.discovery,
		"GET /keys":                             a.issuer.keys,
		"GET /authorize":                        a.authorize,
		"POST /authorize":                       a.authorize,
		"POST /token":                           a.serveToken,
		"POST /device/code":                     a.startDevice,
		"GET /device":                           a.devicePage,
		"POST /device":                          a.answerDevice,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			if err := r.ParseForm(); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			w.Header().Set("Cache-Control", "no-store")
			a.mu.Lock()
			defer a.mu.Unlock()
			h(w, r)
		})
	}
	return mux
}

// maxForm is the largest form that the provider reads.
const maxForm = 64 << 10

func (a *accounts) discovery(w http.ResponseWriter, _ *http.Request) {
	base := a.issuer.url
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                base,
		"authorization_endpoint":                base + "/authorize",
		"token_endpoint":                        base + "/token",
		"device_authorization_endpoint":         base + "/device/code",
		"jwks_uri":                              base + "/keys",
		"scopes_supported":                      []string{"openid", "email", "profile"},
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{"query"},
		"grant_types_supported":                 []string{"authorization_code", deviceGrant},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"code_challenge_methods_supported":      []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"none", "client_secret_basic"},
		"claims_supported":                      []string{"iss", "sub", "aud", "exp", "iat", "nonce", "email", "email_verified", "name"},
	})
}

// refuse answers a program with an error of RFC 6749, section 5.2.
func refuse(w http.ResponseWriter, code, why string) {
	writeJSON(w, http.StatusBadRequest, map[string]string{"error": code, "error_description": why})
}

// clientOf returns who asks: a public client names itself in the form, but
// some send the name as basic authorization with an empty secret.
func clientOf(r *http.Request) string {
	if name, _, ok := r.BasicAuth(); ok {
		return name
	}
	return r.PostFormValue("client_id")
}
