package lab

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"
)

// deviceGrant is RFC 8628's name of itself.
const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// A device is a program without a browser that waits for a person who has one.
type device struct {
	code      string // its own secret
	nonce     string
	challenge string
	answer    *choice
	until     time.Time
	interval  time.Duration
	asked     time.Time
}

// startDevice answers the codes (RFC 8628, section 3.2). A nonce and a
// challenge are no part of that flow, but are honoured if they come.
func (a *accounts) startDevice(w http.ResponseWriter, r *http.Request) {
	if clientOf(r) != clientID {
		refuse(w, "invalid_client", "this client is not known")
		return
	}
	if !slices.Contains(strings.Fields(r.PostFormValue("scope")), "openid") {
		refuse(w, "invalid_scope", "scope has no openid")
		return
	}
	user := userCode()
	d := &device{code: randomHex(20), until: time.Now().Add(a.life), interval: a.interval, nonce: r.PostFormValue("nonce"), challenge: r.PostFormValue("code_challenge")}
	a.devices[user] = d
	page := a.issuer.url + "/device"
	writeJSON(w, http.StatusOK, map[string]any{
		"device_code": d.code, "user_code": user, "verification_uri": page, "verification_uri_complete": page + "?user_code=" + user,
		"expires_in": int(a.life.Seconds()), "interval": int(a.interval.Seconds()),
	})
}

// userCode is eight letters that are hard to mistake for each other (section 6.1).
func userCode() string {
	const letters = "BCDFGHJKLMNPQRSTVWXZ"
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return string(b[:4]) + "-" + string(b[4:])
}

// waiting returns the device that a person means, however he typed the code.
func (a *accounts) waiting(user string) *device {
	letters := strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(user))
	if len(letters) != 8 {
		return nil
	}
	d := a.devices[letters[:4]+"-"+letters[4:]]
	if d == nil || d.answer != nil || !time.Now().Before(d.until) {
		return nil
	}
	return d
}

// redeemDevice answers a device that asks whether the person has decided
// (section 3.5). Who asks too soon is told to wait five seconds longer from
// then on.
func (a *accounts) redeemDevice(w http.ResponseWriter, r *http.Request) {
	user, d := a.deviceOf(r.PostFormValue("device_code"))
	if d == nil {
		refuse(w, "invalid_grant", "the device code is unknown or was used")
		return
	}
	now := time.Now()
	soon := now.Sub(d.asked) < d.interval
	d.asked = now
	switch {
	case !now.Before(d.until):
		delete(a.devices, user)
		refuse(w, "expired_token", "nobody decided in time")
	case soon:
		d.interval += 5 * time.Second
		refuse(w, "slow_down", "asked before the interval was over")
	case d.challenge != "" && !proves(r.PostFormValue("code_verifier"), d.challenge):
		refuse(w, "invalid_grant", "code_verifier does not match the challenge")
	case d.answer == nil:
		refuse(w, "authorization_pending", "nobody has decided yet")
	default:
		delete(a.devices, user)
		a.settleDevice(w, d)
	}
}

func (a *accounts) settleDevice(w http.ResponseWriter, d *device) {
	p, known := a.find(d.answer.Email)
	if d.answer.Deny || !known {
		refuse(w, "access_denied", "the person said no")
		return
	}
	a.giveToken(w, p, d.nonce)
}

func (a *accounts) deviceOf(code string) (string, *device) {
	for user, d := range a.devices {
		if is(code, d.code) {
			return user, d
		}
	}
	return "", nil
}

// devicePage asks for the code, and then who it is.
func (a *accounts) devicePage(w http.ResponseWriter, r *http.Request) {
	user := r.Form.Get("user_code")
	if user == "" {
		a.askWho(w, question{Action: "/device", AskCode: true})
		return
	}
	if a.waiting(user) == nil {
		http.Error(w, "no device waits with this code; start again at the terminal", http.StatusNotFound)
		return
	}
	a.askWho(w, question{Action: "/device", Hidden: map[string][]string{"user_code": {user}}, People: a.people})
}

// answerDevice takes the person's answer.
func (a *accounts) answerDevice(w http.ResponseWriter, r *http.Request) {
	d := a.waiting(r.PostFormValue("user_code"))
	if d == nil {
		http.Error(w, "no device waits with this code; start again at the terminal", http.StatusNotFound)
		return
	}
	d.answer = &choice{r.PostFormValue("email"), r.PostFormValue("deny") != ""}
	a.askWho(w, question{Done: true})
}
