package lab

import (
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A login is a code that was given for a person and has not been used.
type login struct {
	person    account
	redirect  string
	challenge string
	nonce     string
	until     time.Time
}

// codeLife is how long a code can be used: seconds, as everywhere.
const codeLife = time.Minute

// authorize asks who it is, or takes the answer. A request that cannot be
// trusted to name its own return address is never sent back to one (RFC 6749,
// section 4.1.2.1).
func (a *accounts) authorize(w http.ResponseWriter, r *http.Request) {
	back, why := returnAddress(r.Form)
	if why != "" {
		http.Error(w, why, http.StatusBadRequest)
		return
	}
	if why := incomplete(r.Form); why != "" {
		sendBack(w, r, back, url.Values{"error": {"invalid_request"}, "error_description": {why}})
		return
	}
	c, chosen := a.chosen(r)
	if !chosen {
		r.Form.Del("email") // or the page would answer for the person
		r.Form.Del("deny")
		a.askWho(w, question{Action: "/authorize", Hidden: r.Form, People: a.people})
		return
	}
	p, known := a.find(c.Email)
	if c.Deny || !known {
		sendBack(w, r, back, url.Values{"error": {"access_denied"}, "error_description": {"nobody logged in"}})
		return
	}
	code := randomHex(20)
	a.codes[code] = login{p, r.Form.Get("redirect_uri"), r.Form.Get("code_challenge"), r.Form.Get("nonce"), time.Now().Add(codeLife)}
	sendBack(w, r, back, url.Values{"code": {code}})
}

// chosen returns the answer in a form, or the one that was scripted for the
// next who asks.
func (a *accounts) chosen(r *http.Request) (choice, bool) {
	if r.Method == http.MethodPost {
		return choice{r.PostFormValue("email"), r.PostFormValue("deny") != ""}, true
	}
	if len(a.next) == 0 {
		return choice{}, false
	}
	c := a.next[0]
	a.next = a.next[1:]
	return c, true
}

// returnAddress takes the addresses that a program on a person's own machine
// has: loopback, any port (RFC 8252, section 7.3).
func returnAddress(q url.Values) (*url.URL, string) {
	if q.Get("client_id") != clientID {
		return nil, "this client is not known"
	}
	u, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || u.Scheme != "http" || u.User != nil || u.Fragment != "" {
		return nil, "redirect_uri is not an http address of loopback"
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && !ip.IsLoopback() {
		return nil, "redirect_uri is not on loopback"
	}
	return u, ""
}

// incomplete names what a request lacks, and is empty if it lacks nothing.
func incomplete(q url.Values) string {
	switch challenge, err := base64.RawURLEncoding.DecodeString(q.Get("code_challenge")); {
	case q.Get("response_type") != "code":
		return "response_type is not code"
	case !slices.Contains(strings.Fields(q.Get("scope")), "openid"):
		return "scope has no openid"
	case q.Get("code_challenge_method") != "S256" || err != nil || len(challenge) != sha256.Size:
		return "no S256 code_challenge"
	case q.Get("state") == "":
		return "no state"
	case q.Get("nonce") == "":
		return "no nonce"
	}
	return ""
}

// sendBack redirects to the program with an answer, and with its own state.
func sendBack(w http.ResponseWriter, r *http.Request, back *url.URL, answer url.Values) {
	q := back.Query()
	for name, values := range answer {
		q[name] = values
	}
	if state := r.Form.Get("state"); state != "" {
		q.Set("state", state)
	}
	to := *back
	to.RawQuery = q.Encode()
	http.Redirect(w, r, to.String(), http.StatusSeeOther) //nolint:gosec // returnAddress takes loopback only
}

// serveToken gives a token for a code or for a device.
func (a *accounts) serveToken(w http.ResponseWriter, r *http.Request) {
	if clientOf(r) != clientID {
		refuse(w, "invalid_client", "this client is not known")
		return
	}
	switch r.PostFormValue("grant_type") {
	case "authorization_code":
		a.redeemCode(w, r)
	case deviceGrant:
		a.redeemDevice(w, r)
	default:
		refuse(w, "unsupported_grant_type", "want authorization_code or the device's")
	}
}

// redeemCode takes a code once, from whoever can show what its challenge was
// made of.
func (a *accounts) redeemCode(w http.ResponseWriter, r *http.Request) {
	code := r.PostFormValue("code")
	l, ok := a.codes[code]
	delete(a.codes, code)
	switch {
	case !ok:
		refuse(w, "invalid_grant", "the code is unknown or was used")
	case !time.Now().Before(l.until):
		refuse(w, "invalid_grant", "the code has expired")
	case r.PostFormValue("redirect_uri") != l.redirect:
		refuse(w, "invalid_grant", "redirect_uri is not the one that was authorized")
	case !proves(r.PostFormValue("code_verifier"), l.challenge):
		refuse(w, "invalid_grant", "code_verifier does not match the challenge")
	default:
		a.giveToken(w, l.person, l.nonce)
	}
}

// proves reports whether a challenge was made of a verifier (RFC 7636, section 4.6).
func proves(verifier, challenge string) bool {
	sum := sha256.Sum256([]byte(verifier))
	return is(base64.RawURLEncoding.EncodeToString(sum[:]), challenge)
}

func (a *accounts) giveToken(w http.ResponseWriter, p account, nonce string) {
	access := "lab-access-" + randomHex(16)
	sum := sha256.Sum256([]byte(access))
	token, err := a.token(p, clientID, nonce, Claims{"at_hash": base64.RawURLEncoding.EncodeToString(sum[:sha256.Size/2])})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": access, "token_type": "Bearer", "expires_in": int(accountsTokenLife.Seconds()), "id_token": token,
	})
}
