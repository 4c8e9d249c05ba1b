// Package idtoken reads the claims of the OpenID Connect token that a CI
// platform gives to a job.
//
// Parse reads a token that the platform has just handed over, to see that it
// is the one that was asked for before it is sent to a certificate authority;
// the authority checks the signature. Verify checks the signature too, with the
// keys that the issuer publishes: what it returns is who this job is. The room
// refuses to say which issuers are believed, and never puts a token into an
// error.
package idtoken

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// GateAudience is the audience of the token that says to Sallyport itself which
// job it is in. No other program takes such a token, and Sallyport takes no other.
const GateAudience = "sallyport-gate"

const (
	maxBytes = 64 << 10
	maxDepth = 32
	leeway   = time.Minute // clocks of the platform and of the runner
)

// Claims are the claims that are one value: strings as they are, numbers and
// booleans as they were written. An id never passes through a floating-point
// number.
type Claims map[string]string

// Wanted is what a token has to be.
type Wanted struct {
	Issuer   func(string) bool
	Audience string
	Now      time.Time
	Keys     *url.URL // of Verify: another place than the issuer's own that may publish its keys, or nil
	Claims   []Match  // of Verify
}

// Parse reads a token and checks that it is one that was asked for: audience
// exactly the wanted one and no other, a known issuer, not expired. Everything
// else is refused at once; asking again would give the same.
func Parse(token string, w Wanted) (Claims, error) {
	c, err := decode(token)
	if err != nil {
		return nil, fault.New(fault.Refused, fault.Identity, "", "the platform's ID token %w", err)
	}
	return c, c.fit(w)
}

// Issuer returns who a token says has issued it, which anybody can write.
func Issuer(token string) (string, error) {
	c, err := decode(token)
	if err != nil {
		return "", fault.New(fault.Refused, fault.Identity, "", "the platform's ID token %w", err)
	}
	return c["iss"], nil
}

// Audience returns the one audience that a token says it is for, which anybody can
// write; empty if it has none or several.
func Audience(token string) (string, error) {
	c, err := decode(token)
	if err != nil {
		return "", fault.New(fault.Refused, fault.Identity, "", "the identity token %w", err)
	}
	return c["aud"], nil
}

// fit refuses claims of another token than the one that was asked for.
func (c Claims) fit(w Wanted) error {
	if !w.Issuer(c["iss"]) {
		return fault.New(fault.Refused, fault.Identity, "",
			"the ID token's issuer is %q, which is not one of this platform", c["iss"])
	}
	if c["aud"] != w.Audience {
		return fault.New(fault.Refused, fault.Identity,
			fmt.Sprintf("let the job ask for a token with the audience %q and no other", w.Audience),
			"the ID token's audience is %q, want %q alone", c["aud"], w.Audience)
	}
	if err := c.lives(w.Now); err != nil {
		return fault.New(fault.Refused, fault.Identity, "run the job again, or set the clock of the runner",
			"the ID token %w", err)
	}
	return nil
}

func (c Claims) lives(now time.Time) error {
	exp, err := c.time("exp")
	if err != nil {
		return err
	}
	if !now.Before(exp) {
		return fmt.Errorf("expired at %s, now it is %s", exp.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	for _, name := range []string{"nbf", "iat"} {
		if c[name] == "" {
			continue
		}
		t, err := c.time(name)
		if err != nil {
			return err
		}
		if t.After(now.Add(leeway)) {
			return fmt.Errorf("is not valid before %s, now it is %s", t.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

func (c Claims) time(name string) (time.Time, error) {
	n, err := strconv.ParseInt(c[name], 10, 64)
	if err != nil {
		return time.Time{}, fault.Errorf("has %s %q, want seconds", name, c[name])
	}
	return time.Unix(n, 0), nil
}

// A Match is a claim and what somebody else says about the same thing: the job
// itself, in a variable, or the policy.
type Match struct {
	Claim    string
	Variable string // who says it, for people
	Want     string
	Hint     string // the next step where they differ
}

// Match refuses a token for another job, run or ref than this one
// (a token from elsewhere would put this job's artifacts under another name).
func (c Claims) Match(all []Match) error {
	for _, m := range all {
		got, ok := c[m.Claim]
		if !ok {
			return fault.New(fault.Refused, fault.Identity, m.Hint, "the ID token has no claim %q, want %q",
				m.Claim, m.Want)
		}
		if got != m.Want {
			return fault.New(fault.Refused, fault.Identity, m.Hint,
				"the ID token is for another job: claim %s is %q, %s is %q", m.Claim, got, m.Variable, m.Want)
		}
	}
	return nil
}

func decode(token string) (Claims, error) {
	if len(token) > maxBytes {
		return nil, fmt.Errorf("has more than %d bytes", maxBytes)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[0] == "" || parts[2] == "" {
		return nil, fmt.Errorf("has %d parts, want a signed JWT of 3", len(parts))
	}
	payload, err := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	if err != nil {
		return nil, fmt.Errorf("is not base64url")
	}
	return object(payload)
}

// object reads one strict JSON object. Of its names no two may differ only in
// letter case either: two readers may take different ones.
func object(b []byte) (Claims, error) {
	r := strictjson.NewReader(b, maxDepth)
	if err := r.Enter(strictjson.Object, "payload"); err != nil {
		return nil, fmt.Errorf("is not a JSON object")
	}
	c, seen := Claims{}, map[string]bool{}
	for {
		name, more, err := r.Member()
		if err != nil {
			return nil, fault.Errorf("is not to be read: %w", err)
		}
		if !more {
			break
		}
		folded := strings.ToLower(name)
		if seen[folded] {
			return nil, fault.Errorf("has claim %q twice", name)
		}
		seen[folded] = true
		if err := c.read(r, name); err != nil {
			return nil, fault.Errorf("has claim %q that is not JSON: %w", name, err)
		}
	}
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("has more than one JSON object")
	}
	return c, nil
}

// read keeps a claim of one value. A list of one string is that string
// (RFC 7519, section 4.1.3); other lists and objects are nobody's business
// here, and a list of several audiences is then no audience.
func (c Claims) read(r *strictjson.Reader, name string) error {
	switch r.Peek() {
	case strictjson.String:
		s, err := r.String(name)
		c[name] = s
		return err
	case strictjson.Number, strictjson.True, strictjson.False:
		b, err := r.Value()
		c[name] = string(b)
		return err
	}
	b, err := r.Value()
	if err != nil {
		return err
	}
	var list []any
	if json.Unmarshal(b, &list) != nil || len(list) != 1 {
		return nil
	}
	if s, ok := list[0].(string); ok {
		c[name] = s
	}
	return nil
}
