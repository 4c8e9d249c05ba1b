package idtoken_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/idtoken"
)

// An issuer publishes what it is told to.
type issuer struct {
	*httptest.Server
	document map[string]any
	keys     []jose.JSONWebKey
	status   int
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{status: http.StatusOK}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(i.status)
		_ = json.NewEncoder(w).Encode(i.document) // the client may be gone
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: i.keys}) // the client may be gone
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	i.document = map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys"}
	return i
}

func (i *issuer) wanted() idtoken.Wanted {
	return idtoken.Wanted{Issuer: func(s string) bool { return s == i.URL }, Audience: "sallyport-gate", Now: now}
}

func (i *issuer) claims() string {
	return fmt.Sprintf(`{"iss":%q,"aud":"sallyport-gate","exp":%d,"project_id":"7","job_id":"302","run_id":9007199254740993}`, i.URL, now.Add(time.Hour).Unix())
}

func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func signed(t *testing.T, algorithm jose.SignatureAlgorithm, key any, id, payload string) string {
	t.Helper()
	return signedAs(t, nil, algorithm, key, id, payload)
}

func signedAs(t *testing.T, o *jose.SignerOptions, algorithm jose.SignatureAlgorithm, key any, id, payload string) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: id}}, o)
	if err != nil {
		t.Fatal(err)
	}
	x, err := s.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	out, err := x.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A token counts only under a key that its issuer publishes for it, in a signature of a kind that the platforms make.
func TestC20_a_token_is_what_its_issuer_has_signed(t *testing.T) {
	i := newIssuer(t)
	own, stranger := rsaKey(t, 2048), rsaKey(t, 2048)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	short := rsaKey(t, 1024)
	i.keys = []jose.JSONWebKey{
		{KeyID: "rsa", Key: own.Public()}, {KeyID: "curve", Key: curve.Public(), Algorithm: "ES256", Use: "sig"}, {KeyID: "", Key: own.Public()},
		{KeyID: "other use", Key: own.Public(), Use: "enc"}, {KeyID: "other algorithm", Key: own.Public(), Algorithm: "PS256"}, {KeyID: "short", Key: short.Public()},
	}
	good := signed(t, jose.RS256, own, "rsa", i.claims())
	parts := strings.Split(good, ".")
	other := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(i.claims(), `"7"`, `"8"`, 1)))
	unencoded := signedAs(t, (&jose.SignerOptions{}).WithBase64(false), jose.RS256, own, "rsa", parts[1])
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"rsa"}`))
	for name, c := range map[string]struct {
		token string
		ok    bool
	}{
		"RSA":                         {good, true},
		"a curve":                     {signed(t, jose.ES256, curve, "curve", i.claims()), true},
		"another key":                 {signed(t, jose.RS256, stranger, "rsa", i.claims()), false},
		"a key that nobody publishes": {signed(t, jose.RS256, own, "unknown", i.claims()), false},
		"a key without a name":        {signed(t, jose.RS256, own, "", i.claims()), false},
		"a key for something else":    {signed(t, jose.RS256, own, "other use", i.claims()), false},
		"a key for another algorithm": {signed(t, jose.RS256, own, "other algorithm", i.claims()), false},
		"another algorithm":           {signed(t, jose.PS256, own, "rsa", i.claims()), false},
		"a shared secret":             {signed(t, jose.HS256, own.N.Bytes(), "rsa", i.claims()), false},
		"no signature":                {none + "." + parts[1] + ".AA", false},
		"other claims":                {parts[0] + "." + other + "." + parts[2], false},
		"a short key":                 {signed(t, jose.RS256, short, "short", i.claims()), false},
		"the text of the claims":      {unencoded, false},
		"no token":                    {"a.b.c", false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := idtoken.Verify(t.Context(), c.token, i.wanted())
			if c.ok && (err != nil || got["project_id"] != "7") {
				t.Errorf("claims %v, %v", got, err)
			}
			if !c.ok && (fault.Of(err).Code != fault.Identity || fault.Of(err).Kind != fault.Refused || strings.Contains(err.Error(), parts[2][:20])) {
				t.Errorf("error = %v, want E_IDENTITY", err)
			}
		})
	}
}

// Whatever Parse refuses, a signature does not make good; and every claim has to be what somebody else says.
func TestC20_each_claim_of_a_signed_token_is_held_against_something(t *testing.T) {
	i := newIssuer(t)
	key := rsaKey(t, 2048)
	i.keys = []jose.JSONWebKey{{KeyID: "1", Key: key.Public()}}
	sign := func(old, new string) string {
		if !strings.Contains(i.claims(), old) {
			t.Fatalf("the claims have no %s", old)
		}
		return signed(t, jose.RS256, key, "1", strings.Replace(i.claims(), old, new, 1))
	}
	w := i.wanted()
	w.Claims = []idtoken.Match{
		{Claim: "project_id", Variable: "CI_PROJECT_ID", Want: "7", Hint: "remove it"},
		{Claim: "job_id", Variable: "CI_JOB_ID", Want: "302"},
		{Claim: "run_id", Variable: "RUN", Want: "9007199254740993"},
	}
	if _, err := idtoken.Verify(t.Context(), sign(`"7"`, `"7"`), w); err != nil {
		t.Fatalf("control: %v", err)
	}
	for name, c := range map[string]struct{ old, new, said string }{
		"issuer":           {i.URL, "https://ci.example", `issuer is "https://ci.example"`},
		"audience":         {`"sallyport-gate"`, `"sigstore"`, `audience is "sigstore"`},
		"two audiences":    {`"sallyport-gate"`, `["sallyport-gate","sigstore"]`, `want "sallyport-gate" alone`},
		"expiry":           {fmt.Sprint(now.Add(time.Hour).Unix()), fmt.Sprint(now.Unix()), "expired"},
		"not yet":          {`"job_id"`, fmt.Sprintf(`"nbf":%d,"job_id"`, now.Add(time.Hour).Unix()), "is not valid before"},
		"project":          {`"7"`, `"8"`, `claim project_id is "8", CI_PROJECT_ID is "7"`},
		"no project":       {`"project_id":"7",`, ``, `no claim "project_id"`},
		"job":              {`"302"`, `"303"`, `claim job_id is "303", CI_JOB_ID is "302"`},
		"a rounded number": {`9007199254740993`, `9007199254740992`, `claim run_id is "9007199254740992"`},
		"twice":            {`"job_id"`, `"project_id":"7","job_id"`, "duplicate"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := idtoken.Verify(t.Context(), sign(c.old, c.new), w)
			if fault.Of(err).Code != fault.Identity || !strings.Contains(err.Error(), c.said) {
				t.Errorf("error = %v, want E_IDENTITY and %q", err, c.said)
			}
		})
	}
	if _, err := idtoken.Verify(t.Context(), sign(`"7"`, `"8"`), w); fault.Of(err).Hint != "remove it" {
		t.Errorf("hint = %q, want that of the row", fault.Of(err).Hint)
	}
}

// Keys are taken from the issuer, or from the one other place that the policy names; an issuer that sends elsewhere, or
// speaks of another, publishes none.
func TestC15_keys_come_from_the_issuer(t *testing.T) {
	key := rsaKey(t, 2048)
	other := newIssuer(t)
	other.keys = []jose.JSONWebKey{{KeyID: "1", Key: key.Public()}}
	at, err := url.Parse(other.URL + "/api/v4")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*issuer)
		keys   *url.URL
		want   fault.Code // "": good
	}{
		"its own":                   {func(*issuer) {}, nil, ""},
		"at the API":                {func(i *issuer) { i.document["jwks_uri"] = other.URL + "/keys" }, at, ""},
		"elsewhere":                 {func(i *issuer) { i.document["jwks_uri"] = other.URL + "/keys" }, nil, fault.Identity},
		"nowhere":                   {func(i *issuer) { delete(i.document, "jwks_uri") }, at, fault.Identity},
		"about another issuer":      {func(i *issuer) { i.document["issuer"] = i.URL + "/" }, nil, fault.Identity},
		"about nobody":              {func(i *issuer) { delete(i.document, "issuer") }, nil, fault.Identity},
		"not there":                 {func(i *issuer) { i.status = http.StatusNotFound }, nil, fault.Malformed},
		"silent":                    {func(i *issuer) { i.status = http.StatusForbidden }, nil, fault.NotAvailable},
		"longer than a document is": {func(i *issuer) { i.document["x"] = strings.Repeat("x", 300<<10) }, nil, fault.Limit},
		"something that is no JSON": {func(i *issuer) { i.document["issuer"] = 7 }, nil, fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t)
			i.keys = other.keys
			token := signed(t, jose.RS256, key, "1", i.claims())
			c.change(i)
			w := i.wanted()
			w.Keys = c.keys
			_, err := idtoken.Verify(t.Context(), token, w)
			if c.want == "" && err != nil || c.want != "" && fault.Of(err).Code != c.want {
				t.Errorf("error = %v, want %q", err, c.want)
			}
		})
	}
}
