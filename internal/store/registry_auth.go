package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
)

// auth answers a registry's challenges
// (distribution specification, token authentication). The credential goes to
// the registry's own origin, or to the token service that it names if that one
// is of the same owner; nowhere else, whatever the registry asks for.
type auth struct {
	base     *url.URL
	keychain Keychain
	next     http.RoundTripper

	options client.Options // of the registry's client; those of token services differ in the base

	mu     sync.Mutex
	header map[string]string // repository and action → Authorization
}

// RoundTrip sends req and, if the registry wants to know who asks, says it and
// sends req again.
func (a *auth) RoundTrip(req *http.Request) (*http.Response, error) {
	if !client.SameOrigin(req.URL, a.base) {
		return a.next.RoundTrip(req)
	}
	key := scope(req)
	resp, err := a.next.RoundTrip(a.signed(req, a.known(key)))
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	header, err := a.answer(req.Context(), resp.Header.Values("WWW-Authenticate"), key)
	if err != nil {
		return nil, err
	}
	if header == "" || header == a.known(key) || req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
		return resp, nil
	}
	resp, err = a.next.RoundTrip(a.signed(req, header))
	if err == nil && resp.StatusCode != http.StatusUnauthorized {
		a.remember(key, header)
	}
	return resp, err
}

func (a *auth) known(key string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.header[key]
}

func (a *auth) remember(key, header string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.header[key] = header
}

func (a *auth) signed(req *http.Request, header string) *http.Request {
	r := req.Clone(req.Context())
	if r.GetBody != nil {
		if b, err := r.GetBody(); err == nil {
			r.Body = b
		}
	}
	r.Header.Del("Authorization")
	if header != "" {
		r.Header.Set("Authorization", header)
	}
	return r
}

var repositoryPath = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^/v2/(.+)/(?:manifests|blobs|tags|referrers)/`) })

// scope is what req needs to be allowed to do, in the words of a token request.
func scope(req *http.Request) string {
	m := repositoryPath().FindStringSubmatch(req.URL.Path)
	if m == nil {
		return ""
	}
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		return "repository:" + m[1] + ":pull"
	}
	return "repository:" + m[1] + ":pull,push"
}

// answer turns a challenge into the value of an Authorization header, or "" if
// there is nothing to say.
func (a *auth) answer(ctx context.Context, challenges []string, scope string) (string, error) {
	cred, err := a.keychain(ctx, a.base.Host)
	if err != nil {
		return "", err
	}
	for _, c := range challenges {
		scheme, rest, _ := strings.Cut(c, " ")
		switch {
		case strings.EqualFold(scheme, "Bearer"):
			return a.token(ctx, params(rest), scope, cred)
		case strings.EqualFold(scheme, "Basic") && cred.User != "":
			return basic(cred), nil
		}
	}
	return "", nil
}

var param = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`([A-Za-z_]+)="([^"]*)"`) })

func params(s string) map[string]string {
	m := map[string]string{}
	for _, p := range param().FindAllStringSubmatch(s, -1) {
		m[strings.ToLower(p[1])] = p[2]
	}
	return m
}

func basic(c Credential) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.User+":"+c.Password))
}

func (a *auth) token(ctx context.Context, p map[string]string, scope string, cred Credential) (string, error) {
	realm, err := a.realm(p["realm"])
	if err != nil {
		return "", err
	}
	req, err := tokenRequest(ctx, realm, p["service"], scope, cred)
	if err != nil {
		return "", err
	}
	o := a.options
	o.Base, o.MaxBody, o.Away = realm, 1<<20, client.RefuseAway
	resp, err := client.New(o).Do(req)
	if err != nil {
		return "", client.Unanswered("token service "+realm.Host, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", client.Status("token service "+realm.Host, resp.StatusCode, "log in to "+a.base.Host)
	}
	var t struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&t); err != nil || t.Token+t.AccessToken == "" {
		return "", fault.New(fault.Refused, fault.Malformed, "", "token service %s did not answer with a token", realm.Host)
	}
	if t.Token == "" {
		t.Token = t.AccessToken
	}
	return "Bearer " + t.Token, nil
}

func tokenRequest(ctx context.Context, realm *url.URL, service, scope string, cred Credential) (*http.Request, error) {
	q := realm.Query()
	if service != "" {
		q.Set("service", service)
	}
	if scope != "" {
		q.Set("scope", scope)
	}
	u := *realm
	if cred.IdentityToken != "" {
		q.Set("grant_type", "refresh_token")
		q.Set("refresh_token", cred.IdentityToken)
		q.Set("client_id", "sallyport")
		body := q.Encode()
		u.RawQuery = ""
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(body))
		if err == nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return req, err
	}
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err == nil && cred.User != "" {
		req.Header.Set("Authorization", basic(cred))
	}
	return req, err
}

// realm reads the address of the token service and refuses one that belongs to
// somebody else, so that a registry cannot send credentials there. That it is
// asked by https is the client's business.
func (a *auth) realm(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, fault.New(fault.Refused, fault.Malformed, "", "registry %s names token service %q, want a URL", a.base.Host, s)
	}
	if !related(a.base.Hostname(), u.Hostname()) {
		return nil, fault.New(fault.Refused, fault.Leak, "", "registry %s names token service %q, want one of the same domain", a.base.Host, u.Host)
	}
	return u, nil
}

// related says whether two hosts are the same, or names below the same
// registrable domain. Addresses are related to themselves only, but all of
// loopback is one machine.
func related(a, b string) bool {
	if strings.EqualFold(a, b) || client.Loopback(a) && client.Loopback(b) {
		return true
	}
	if net.ParseIP(a) != nil || net.ParseIP(b) != nil {
		return false
	}
	pa, pb := parent(a), parent(b)
	return pa != "" && pa == pb
}

// second are the labels under which countries register names.
var second = []string{"ac", "co", "com", "edu", "go", "gob", "gov", "ne", "net", "or", "org"}

// shared are domains whose names belong to different owners.
var shared = []string{"azurecr.io", "amazonaws.com", "cloudfront.net", "azurewebsites.net", "windows.net",
	"googleapis.com", "herokuapp.com", "pages.dev", "run.app", "workers.dev"}

func parent(host string) string {
	l := strings.Split(strings.ToLower(strings.TrimSuffix(host, ".")), ".")
	n := 2
	if len(l) >= 2 && len(l[len(l)-1]) == 2 && slices.Contains(second, l[len(l)-2]) {
		n = 3
	}
	if len(l) < n {
		return ""
	}
	p := strings.Join(l[len(l)-n:], ".")
	if slices.Contains(shared, p) {
		return ""
	}
	return p
}
