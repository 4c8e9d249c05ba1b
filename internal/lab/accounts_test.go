package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/oauthflow"
)

// A person's token gives a certificate with the person's address and the
// accounts' issuer, and what is signed so verifies.
func TestPersonSigns(t *testing.T) {
	trusted, err := root.NewTrustedRootFromPath(labUnderTest.TrustedRoot)
	if err != nil {
		t.Fatal(err)
	}
	v, err := verify.NewVerifier(trusted, verify.WithTransparencyLog(1), verify.WithSignedTimestamps(1), verify.WithSignedCertificateTimestamps(1))
	if err != nil {
		t.Fatal(err)
	}
	token := string(control(t, http.MethodGet, "/accounts/idtoken?email=alice@acme.example", ""))
	var b bundle.Bundle
	if err := b.UnmarshalJSON(signed(t, token)); err != nil {
		t.Fatal(err)
	}
	for email, want := range map[string]bool{"alice@acme.example": true, "bob@acme.example": false} {
		id, err := verify.NewShortCertificateIdentity(labUnderTest.Accounts, "", email, "")
		if err != nil {
			t.Fatal(err)
		}
		res, err := v.Verify(&b, verify.NewPolicy(verify.WithArtifactDigest("sha256", bytes.Repeat([]byte("\xaa"), 32)), verify.WithCertificateIdentity(id)))
		if (err == nil) != want {
			t.Errorf("as %s: error = %v, want a signature of alice", email, err)
		}
		if err == nil && res.Signature.Certificate.SubjectAlternativeName != email {
			t.Errorf("SAN = %q, want %q", res.Signature.Certificate.SubjectAlternativeName, email)
		}
	}
}

// The certificate authority refuses people whom it cannot tell apart.
func TestPersonRefused(t *testing.T) {
	control(t, http.MethodPut, "/accounts/people/eve@acme.example", `{"name":"Eve","email_verified":false}`)
	for _, c := range []struct {
		name, email, audience string
		claims                Claims
		ok                    bool
	}{
		{"as it should be", "alice@acme.example", "", nil, true},
		{"address not verified", "eve@acme.example", "", nil, false},
		{"other audience", "alice@acme.example", "other", nil, false},
		{"no address", "alice@acme.example", "", Claims{"email": nil}, false},
		{"expired", "alice@acme.example", "", Claims{"exp": time.Now().Add(-time.Hour).Unix()}, false},
		{"issuer of a platform", "alice@acme.example", "", Claims{"iss": gitHubIssuer}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			token, err := labUnderTest.PersonToken(c.email, c.audience, c.claims)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := certificateFor(t, token); (err == nil) != c.ok {
				t.Errorf("error = %v, want a certificate: %v", err, c.ok)
			}
		})
	}
	if resp, _ := do(t, call{url: labUnderTest.Control + "/accounts/idtoken?email=nobody@acme.example"}); resp.status != 404 {
		t.Errorf("token of nobody: status %d, want 404", resp.status)
	}
}

// The signing config names the accounts as the place to log in, and their
// discovery names them again.
func TestAccountsAreFound(t *testing.T) {
	c, err := root.NewSigningConfigFromPath(labUnderTest.SigningConfig)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.OIDCProviderURLs(); len(got) != 1 || got[0].URL != labUnderTest.Accounts || got[0].MajorAPIVersion != 1 {
		t.Errorf("providers = %v, want %s alone, version 1", got, labUnderTest.Accounts)
	}
	_, b := do(t, call{url: labUnderTest.Accounts + "/.well-known/openid-configuration"})
	if got := decode[map[string]any](t, b)["issuer"]; got != labUnderTest.Accounts {
		t.Errorf("issuer = %v, want %s", got, labUnderTest.Accounts)
	}
}

const (
	callback = "http://127.0.0.1:1/callback"
	verifier = "a-verifier-that-is-long-enough-for-the-standard-12345"
)

// loginForm is a complete authorization request.
func loginForm() url.Values {
	sum := sha256.Sum256([]byte(verifier))
	return url.Values{
		"client_id": {clientID}, "response_type": {"code"}, "scope": {"openid email"}, "redirect_uri": {callback},
		"state": {"s1"}, "nonce": {"n1"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
}

// withField returns a copy of form with one field set, or taken out.
func withField(form url.Values, name, value string) url.Values {
	out := url.Values{}
	for n, v := range form {
		out[n] = v
	}
	out.Set(name, value)
	if value == "" {
		out.Del(name)
	}
	return out
}

// visit calls the accounts as a browser does, but stays where it is sent away.
func visit(t *testing.T, method, path string, form url.Values) (int, *url.URL) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	address, body := labUnderTest.Accounts+path, form.Encode()
	if method == http.MethodGet {
		address, body = address+"?"+body, ""
	}
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	to, err := resp.Location()
	if err != nil {
		return resp.StatusCode, &url.URL{}
	}
	return resp.StatusCode, to
}

// post posts a form to the accounts and returns what a program reads.
func post(t *testing.T, path string, form url.Values) (reply, map[string]any) {
	t.Helper()
	resp, b := do(t, call{http.MethodPost, labUnderTest.Accounts + path, form.Encode(), map[string]string{"Content-Type": "application/x-www-form-urlencoded"}})
	return resp, decode[map[string]any](t, b)
}

func redemption(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "client_id": {clientID}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier},
	}
}

// A person picks himself on the page, and the program gets his token for the
// code, once, with the nonce it sent.
func TestLoginWithCode(t *testing.T) {
	resp, b := do(t, call{url: labUnderTest.Accounts + "/authorize?" + loginForm().Encode()})
	for _, want := range []string{`value="bob@acme.example"`, `name="state" value="s1"`, "not real"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("page (status %d) has no %s: %s", resp.status, want, b)
		}
	}
	_, b = do(t, call{url: labUnderTest.Accounts + "/authorize?" + withField(loginForm(), "email", "bob@acme.example").Encode()})
	if strings.Contains(string(b), `type="hidden" name="email"`) {
		t.Error("the page answers for the person")
	}
	status, to := visit(t, http.MethodPost, "/authorize", withField(loginForm(), "email", "bob@acme.example"))
	q := to.Query()
	if status != 303 || !strings.HasPrefix(to.String(), callback+"?") || q.Get("state") != "s1" || q.Get("code") == "" {
		t.Fatalf("status %d to %s, want 303 to %s with state and code", status, to, callback)
	}
	got, answer := post(t, "/token", redemption(q.Get("code")))
	token, _ := answer["id_token"].(string)
	if got.status != 200 || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("status %d, Cache-Control %q: %v", got.status, got.header.Get("Cache-Control"), answer)
	}
	c := payload(t, token)
	for name, want := range map[string]any{"email": "bob@acme.example", "email_verified": true, "nonce": "n1", "aud": "sigstore", "iss": labUnderTest.Accounts} {
		if c[name] != want {
			t.Errorf("claim %s = %v, want %v", name, c[name], want)
		}
	}
	if got, answer := post(t, "/token", redemption(q.Get("code"))); got.status != 400 || answer["error"] != "invalid_grant" {
		t.Errorf("second use: status %d, %v, want invalid_grant", got.status, answer)
	}
}

// A scripted click answers the next authorization without a page, and only that.
func TestScriptedLogin(t *testing.T) {
	control(t, http.MethodPut, "/accounts/next", `{"email":"carol@acme.example"}`)
	control(t, http.MethodPut, "/accounts/next", `{"deny":true}`)
	if _, to := visit(t, http.MethodGet, "/authorize", loginForm()); to.Query().Get("code") == "" {
		t.Errorf("sent to %s, want a code", to)
	}
	if _, to := visit(t, http.MethodGet, "/authorize", loginForm()); to.Query().Get("error") != "access_denied" {
		t.Errorf("sent to %s, want access_denied", to)
	}
	if status, to := visit(t, http.MethodGet, "/authorize", loginForm()); status != 200 {
		t.Errorf("third: status %d to %s, want the page", status, to)
	}
	for _, bad := range []string{`{}`, `{"email":"nobody@acme.example"}`, `{"email":"carol@acme.example","deny":true}`} {
		if resp, _ := do(t, call{http.MethodPut, labUnderTest.Control + "/accounts/next", bad, nil}); resp.status != 400 {
			t.Errorf("next %s: status %d, want 400", bad, resp.status)
		}
	}
}

// An incomplete request is sent back with an error; one that names another
// client or another machine is not sent anywhere.
func TestLoginRefused(t *testing.T) {
	for _, name := range []string{"state", "nonce", "code_challenge", "code_challenge_method", "scope", "response_type"} {
		_, to := visit(t, http.MethodGet, "/authorize", withField(loginForm(), name, ""))
		if to.Query().Get("error") != "invalid_request" {
			t.Errorf("without %s: sent to %q, want invalid_request", name, to)
		}
	}
	for name, value := range map[string]string{"client_id": "other", "redirect_uri": "https://app.example/callback"} {
		if status, to := visit(t, http.MethodGet, "/authorize", withField(loginForm(), name, value)); status != 400 || to.Host != "" {
			t.Errorf("%s %q: status %d to %q, want 400 and nowhere", name, value, status, to)
		}
	}
}

// A stolen code is worth nothing without the verifier, and elsewhere.
func TestCodeRefused(t *testing.T) {
	for name, value := range map[string]string{
		"code_verifier": "another", "redirect_uri": "http://127.0.0.1:2/callback", "client_id": "other", "code": "another", "grant_type": "password", "": "",
	} {
		_, to := visit(t, http.MethodPost, "/authorize", withField(loginForm(), "email", "bob@acme.example"))
		form := redemption(to.Query().Get("code"))
		want := 400
		if name == "" {
			want = 200
		} else {
			form.Set(name, value)
		}
		if got, answer := post(t, "/token", form); got.status != want || (want == 400) != (answer["id_token"] == nil) {
			t.Errorf("%s %q: status %d and %v, want %d", name, value, got.status, answer, want)
		}
	}
}

// begin starts a device and returns its codes.
func begin(t *testing.T) (code, user string) {
	t.Helper()
	resp, answer := post(t, "/device/code", url.Values{"client_id": {clientID}, "scope": {"openid email"}})
	code, _ = answer["device_code"].(string)
	user, _ = answer["user_code"].(string)
	if resp.status != 200 || code == "" || user == "" || answer["interval"] != 1.0 {
		t.Fatalf("status %d, %v, want codes and an interval of 1", resp.status, answer)
	}
	return code, user
}

// poll asks for a device's token, as if its interval were over.
func poll(t *testing.T, code string) map[string]any {
	t.Helper()
	a := labUnderTest.accounts
	a.mu.Lock()
	if _, d := a.deviceOf(code); d != nil {
		d.asked = time.Time{}
	}
	a.mu.Unlock()
	_, answer := post(t, "/token", url.Values{"grant_type": {deviceGrant}, "client_id": {clientID}, "device_code": {code}})
	return answer
}

// A program without a browser waits until a person has typed its code.
func TestDeviceLogin(t *testing.T) {
	code, user := begin(t)
	if got := poll(t, code)["error"]; got != "authorization_pending" {
		t.Errorf("before: error %v, want authorization_pending", got)
	}
	_, b := do(t, call{url: labUnderTest.Accounts + "/device?user_code=" + strings.ToLower(strings.ReplaceAll(user, "-", ""))})
	if !strings.Contains(string(b), `value="dana@acme.example"`) {
		t.Errorf("page = %s, want dana on it", b)
	}
	if status, _ := visit(t, http.MethodPost, "/device", url.Values{"user_code": {user}, "email": {"dana@acme.example"}}); status != 200 {
		t.Errorf("answer: status %d, want 200", status)
	}
	token, _ := poll(t, code)["id_token"].(string)
	if got := payload(t, token)["email"]; got != "dana@acme.example" {
		t.Errorf("email = %v, want dana's", got)
	}
	if got := poll(t, code)["error"]; got != "invalid_grant" {
		t.Errorf("again: error %v, want invalid_grant", got)
	}
}

// A device is told when it asks too often, when the person said no, and when
// nobody came.
func TestDeviceErrors(t *testing.T) {
	code, user := begin(t)
	poll(t, code)
	_, answer := post(t, "/token", url.Values{"grant_type": {deviceGrant}, "client_id": {clientID}, "device_code": {code}})
	if answer["error"] != "slow_down" {
		t.Errorf("at once: error %v, want slow_down", answer["error"])
	}
	control(t, http.MethodPut, "/accounts/device/"+user, `{"deny":true}`)
	if got := poll(t, code)["error"]; got != "access_denied" {
		t.Errorf("denied: error %v, want access_denied", got)
	}
	code, user = begin(t)
	control(t, http.MethodPut, "/accounts/device/"+user, `{"email":"alice@acme.example"}`)
	if got := poll(t, code); got["id_token"] == nil {
		t.Errorf("approved: %v, want a token", got)
	}
	code, user = begin(t)
	a := labUnderTest.accounts
	a.mu.Lock()
	a.devices[user].until = time.Now()
	a.mu.Unlock()
	if resp, _ := do(t, call{url: labUnderTest.Accounts + "/device?user_code=" + user}); resp.status != 404 {
		t.Errorf("page of an expired code: status %d, want 404", resp.status)
	}
	if got := poll(t, code)["error"]; got != "expired_token" {
		t.Errorf("late: error %v, want expired_token", got)
	}
}

// A device that sent a challenge must show what it was made of.
func TestDeviceChallenge(t *testing.T) {
	for verifier, want := range map[string]string{verifier: "authorization_pending", "another": "invalid_grant", "": "invalid_grant"} {
		_, answer := post(t, "/device/code", url.Values{"client_id": {clientID}, "scope": {"openid"}, "code_challenge": loginForm()["code_challenge"]})
		code, _ := answer["device_code"].(string)
		_, answer = post(t, "/token", url.Values{"grant_type": {deviceGrant}, "client_id": {clientID}, "device_code": {code}, "code_verifier": {verifier}})
		if answer["error"] != want {
			t.Errorf("verifier %q: error %v, want %s", verifier, answer["error"], want)
		}
	}
}

// Sigstore's own programs can log in here, with a browser and without one.
func TestSigstoreLogsIn(t *testing.T) {
	control(t, http.MethodPut, "/accounts/next", `{"email":"bob@acme.example"}`)
	visited := make(chan error, 1)
	browser := &oauthflow.InteractiveIDTokenGetter{Output: io.Discard, Input: strings.NewReader(""), HTMLPage: "done", BrowserOpener: func(address string) error {
		go func() { visited <- browse(address) }()
		return nil
	}}
	got, err := oauthflow.OIDConnect(labUnderTest.Accounts, clientID, "", "", browser)
	if err != nil || got.Subject != "bob@acme.example" {
		t.Errorf("in a browser: %+v and error %v, want bob", got, err)
	}
	if err := <-visited; err != nil {
		t.Error(err)
	}
	device := oauthflow.NewDeviceFlowTokenGetterForIssuer(labUnderTest.Accounts)
	device.Sleeper = func(time.Duration) {}
	device.MessagePrinter = func(s string) {
		if _, rest, ok := strings.Cut(s, "verification code "); ok {
			control(t, http.MethodPut, "/accounts/device/"+rest[:9], `{"email":"dana@acme.example"}`)
		}
	}
	if got, err := oauthflow.OIDConnect(labUnderTest.Accounts, clientID, "", "", device); err != nil || got.Subject != "dana@acme.example" {
		t.Errorf("as a device: %+v and error %v, want dana", got, err)
	}
}

// browse follows redirects as a browser does, also to localhost, which the
// lab's own process refuses to call by name.
func browse(address string) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	resp, err := client.Get(address)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// What devices are told about their patience can be set.
func TestDeviceSettings(t *testing.T) {
	control(t, http.MethodPut, "/accounts/settings", `{"expires_in":7}`)
	defer control(t, http.MethodPut, "/accounts/settings", `{"expires_in":300}`)
	_, answer := post(t, "/device/code", url.Values{"client_id": {clientID}, "scope": {"openid"}})
	if answer["expires_in"] != 7.0 || answer["interval"] != 1.0 {
		t.Errorf("answer = %v, want 7 seconds and 1", answer)
	}
	if resp, _ := do(t, call{http.MethodPut, labUnderTest.Control + "/accounts/settings", `{"interval":0}`, nil}); resp.status != 400 {
		t.Errorf("interval 0: status %d, want 400", resp.status)
	}
}
