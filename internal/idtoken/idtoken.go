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
	"slices"
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
// number. Of audiences, the only one.
type Claims map[string]string

// payload is what a token says.
type payload struct {
	Claims
	kinds     map[string]strictjson.Kind // of every claim but null, which says nothing
	audiences []string                   // every one of them; nil if one is not a string
}

// Wanted is what a token has to be.
type Wanted struct {
	Issuer   func(string) bool
	Audience string
	Now      time.Time
	Keys     *url.URL // of Verify: another place than the issuer's own that may publish its keys, or nil
	Claims   []Match  // of Verify
	Texts    []string // claims that the platform writes as strings
	Numbers  []string // claims that it writes as numbers, or as the digits of one
}

// Parse reads a token and checks that it is one that was asked for: audience
// exactly the wanted one and no other, a known issuer, not expired. Everything
// else is refused at once; asking again would give the same.
func Parse(token string, w Wanted) (Claims, error) {
	p, err := parse(token, w)
	return p.Claims, err
}

func parse(token string, w Wanted) (payload, error) {
	p, err := decode(token)
	if err != nil {
		return payload{}, fault.New(fault.Refused, fault.Identity, "", "the platform's ID token %w", err)
	}
	return p, p.fit(w)
}

// Issuer returns who a token says has issued it, which anybody can write.
func Issuer(token string) (string, error) {
	c, err := decode(token)
	if err != nil {
		return "", fault.New(fault.Refused, fault.Identity, "", "the platform's ID token %w", err)
	}
	return c.Claims["iss"], nil
}

// For reports whether a token says that it is for one audience and no other, which
// anybody can write, and whom it is for, in words.
func For(token, audience string) (ok bool, found string, err error) {
	p, err := decode(token)
	if err != nil {
		return false, "", fault.New(fault.Refused, fault.Identity, "", "the identity token %w", err)
	}
	return p.is(audience), p.told(), nil
}

func (p payload) is(audience string) bool { return len(p.audiences) == 1 && p.audiences[0] == audience }

// maxTold is how many audiences a message tells.
const maxTold = 5

// told is whom a token is for, in words.
func (p payload) told() string {
	var all []string
	for _, a := range p.audiences[:min(maxTold, len(p.audiences))] {
		all = append(all, fault.Quote(a))
	}
	switch more := len(p.audiences) - len(all); {
	case more > 0:
		return fmt.Sprintf("audiences are %s and %d more", strings.Join(all, ", "), more)
	case len(all) > 1:
		return "audiences are " + strings.Join(all, ", ")
	case len(all) == 1:
		return "audience is " + all[0]
	case p.kinds["aud"] == 0:
		return "audience is missing"
	default:
		return "audience is of type " + strictjson.Name(p.kinds["aud"]) + " and names nobody"
	}
}

// fit refuses claims of another token than the one that was asked for.
func (p payload) fit(w Wanted) error {
	if err := p.typed(w); err != nil {
		return err
	}
	if !w.Issuer(p.Claims["iss"]) {
		return fault.New(fault.Refused, fault.Identity, "",
			"the ID token's issuer is %q, which is not one of this platform", p.Claims["iss"])
	}
	if !p.is(w.Audience) {
		return fault.New(fault.Refused, fault.Identity,
			fmt.Sprintf("let the job ask for a token with the audience %q and no other", w.Audience),
			"the ID token's %s, want %q alone", p.told(), w.Audience)
	}
	if err := p.lives(w.Now); err != nil {
		return fault.New(fault.Refused, fault.Identity, "run the job again, or set the clock of the runner",
			"the ID token %w", err)
	}
	return nil
}

// typed refuses a claim that is not written as its platform writes it: two readers
// of it may see two things. Times are numbers (RFC 7519, section 2, NumericDate).
func (p payload) typed(w Wanted) error {
	for _, x := range []struct {
		names []string
		wants string
		kinds []strictjson.Kind
	}{
		{append([]string{"iss"}, w.Texts...), "string", []strictjson.Kind{strictjson.String}},
		{[]string{"exp", "nbf", "iat"}, "number", []strictjson.Kind{strictjson.Number}},
		{w.Numbers, "number", []strictjson.Kind{strictjson.Number, strictjson.String}},
	} {
		for _, name := range x.names {
			if k, there := p.kinds[name]; there && !slices.Contains(x.kinds, k) {
				return fault.New(fault.Refused, fault.Identity,
					"find out who made this token: its platform writes that claim otherwise",
					"the ID token's claim %q is of type %s, want %s", name, strictjson.Name(k), x.wants)
			}
		}
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

func decode(token string) (payload, error) {
	if len(token) > maxBytes {
		return payload{}, fmt.Errorf("has more than %d bytes", maxBytes)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[0] == "" || parts[2] == "" {
		return payload{}, fmt.Errorf("has %d parts, want a signed JWT of 3", len(parts))
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	if err != nil {
		return payload{}, fmt.Errorf("is not base64url")
	}
	return object(text)
}

// object reads one strict JSON object. Of its names no two may differ only in
// letter case either: two readers may take different ones.
func object(b []byte) (payload, error) {
	r := strictjson.NewReader(b, maxDepth)
	if err := r.Enter(strictjson.Object, "payload"); err != nil {
		return payload{}, fmt.Errorf("is not a JSON object")
	}
	c, seen := payload{Claims: Claims{}, kinds: map[string]strictjson.Kind{}}, map[string]bool{}
	for {
		name, more, err := r.Member()
		if err != nil {
			return payload{}, fault.Errorf("is not to be read: %w", err)
		}
		if !more {
			break
		}
		folded := strings.ToLower(name)
		if seen[folded] {
			return payload{}, fault.Errorf("has claim %q twice", name)
		}
		seen[folded] = true
		if err := c.read(r, name); err != nil {
			return payload{}, fault.Errorf("has claim %q that is not JSON: %w", name, err)
		}
	}
	if err := r.End(); err != nil {
		return payload{}, fmt.Errorf("has more than one JSON object")
	}
	return c, nil
}

// read keeps a claim. A list of one audience is that audience (RFC 7519, section
// 4.1.3); of every other list, and of an object, it keeps that it is one.
func (p *payload) read(r *strictjson.Reader, name string) error {
	k := r.Peek()
	if k == strictjson.False {
		k = strictjson.True // one kind
	}
	if k != strictjson.Null {
		p.kinds[name] = k
	}
	if k == strictjson.String {
		s, err := r.String(name)
		if p.Claims[name] = s; name == "aud" {
			p.audiences = []string{s}
		}
		return err
	}
	b, err := r.Value()
	switch {
	case err != nil:
		return err
	case name == "aud" && k == strictjson.Array:
		if json.Unmarshal(b, &p.audiences) != nil {
			p.audiences = nil
		}
		if len(p.audiences) == 1 {
			p.Claims[name] = p.audiences[0]
		}
	case k == strictjson.Number, k == strictjson.True:
		p.Claims[name] = string(b)
	}
	return nil
}
