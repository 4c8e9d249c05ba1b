package idtoken_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/idtoken"
)

var now = time.Unix(1_800_000_000, 0)

func wanted() idtoken.Wanted {
	return idtoken.Wanted{Issuer: func(s string) bool { return s == "https://ci.example" }, Audience: "sigstore", Now: now}
}

func token(payload string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
}

// A token that is not the one that was asked for is refused, with what was
// found.
func TestC20_only_the_token_that_was_asked_for(t *testing.T) {
	for name, c := range map[string]struct {
		payload string
		ok      bool
	}{
		"good":               {`{"iss":"https://ci.example","aud":"sigstore","exp":1800000300,"nbf":1799999400,"iat":1800000000}`, true},
		"audience in a list": {`{"iss":"https://ci.example","aud":["sigstore"],"exp":1800000300}`, true},
		"clock a little off": {`{"iss":"https://ci.example","aud":"sigstore","exp":1800000300,"nbf":1800000059}`, true},
		"two audiences":      {`{"iss":"https://ci.example","aud":["sigstore","evil"],"exp":1800000300}`, false},
		"no audience":        {`{"iss":"https://ci.example","exp":1800000300}`, false},
		"other audience":     {`{"iss":"https://ci.example","aud":"npm","exp":1800000300}`, false},
		"other issuer":       {`{"iss":"https://ci.example/","aud":"sigstore","exp":1800000300}`, false},
		"expired":            {`{"iss":"https://ci.example","aud":"sigstore","exp":1800000000}`, false},
		"no expiry":          {`{"iss":"https://ci.example","aud":"sigstore"}`, false},
		"expiry is a word":   {`{"iss":"https://ci.example","aud":"sigstore","exp":"never"}`, false},
		"expiry is huge":     {`{"iss":"https://ci.example","aud":"sigstore","exp":1e400}`, false},
		"not yet":            {`{"iss":"https://ci.example","aud":"sigstore","exp":1800009300,"nbf":1800000061}`, false},
		"issued later":       {`{"iss":"https://ci.example","aud":"sigstore","exp":1800009300,"iat":1800000061}`, false},
		"claim twice":        {`{"iss":"https://ci.example","aud":"npm","exp":1800000300,"aud":"sigstore"}`, false},
		"claim twice folded": {`{"iss":"https://ci.example","aud":"sigstore","exp":1800000300,"AUD":"npm"}`, false},
		"list":               {`["aud","sigstore"]`, false},
		"two objects":        {`{"iss":"https://ci.example","aud":"sigstore","exp":1800000300}{}`, false},
		"cut":                {`{"iss":"https://ci.example","aud":"sigstore","exp":1800000300`, false},
		"null":               {`null`, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := idtoken.Parse(token(c.payload), wanted())
			if c.ok && err != nil {
				t.Errorf("refused: %v", err)
			}
			if !c.ok && fault.Of(err).Code != fault.Identity {
				t.Errorf("error = %v, want E_IDENTITY", err)
			}
		})
	}
	for _, s := range []string{"", "a", "a.b", "a.b.c.d", "a.!.c", ".e30.x", "e30.e30.", strings.Repeat("a", 70_000)} {
		if _, err := idtoken.Parse(s, wanted()); fault.Of(err).Code != fault.Identity {
			t.Errorf("%.20q: error = %v, want E_IDENTITY", s, err)
		}
	}
}

func TestC20_a_token_for_another_audience_is_told_whom_it_is_for(t *testing.T) {
	for aud, want := range map[string]string{
		`"sigstore"`:                    "",
		`["sigstore"]`:                  "",
		`["sigstore","npm"]`:            `audiences are "sigstore", "npm", want`,
		`["a","b","c","d","e","f","g"]`: `"e" and 2 more, want`,
		`"npm"`:                         `audience is "npm", want`,
		`""`:                            `audience is "", want`,
		`[]`:                            "audience is of type array and names nobody",
		`["sigstore",1]`:                "audience is of type array and names nobody",
		`7`:                             "audience is of type number and names nobody",
		`{"sigstore":true}`:             "audience is of type object and names nobody",
		`null`:                          "audience is missing",
	} {
		text := token(`{"iss":"https://ci.example","exp":1800000300,"aud":` + aud + `}`)
		_, err := idtoken.Parse(text, wanted())
		if want == "" && err != nil || want != "" && (fault.Of(err).Code != fault.Identity || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error = %v, want E_IDENTITY with %q", aud, err, want)
		}
		ok, found, err := idtoken.For(text, "sigstore")
		if err != nil || ok != (want == "") || !ok && !strings.Contains(found+", want", want) {
			t.Errorf("%s: for it: %v, %q, %v, want %q", aud, ok, found, err, want)
		}
	}
}

// A list of one name is no name, and a number is no text: another reader may see
// something else in it.
func TestC20_a_claim_of_another_type_is_refused(t *testing.T) {
	w := wanted()
	w.Texts, w.Numbers = []string{"environment"}, []string{"runner_id"}
	for more, claim := range map[string]string{
		`"environment":"production"`:          "",
		`"environment":null`:                  "",
		`"runner_id":1`:                       "",
		`"runner_id":"1"`:                     "",
		`"runner_id":null`:                    "",
		`"groups":["a"],"other":{}`:           "",
		`"environment":["production"]`:        "environment",
		`"environment":{"name":"production"}`: "environment",
		`"environment":7`:                     "environment",
		`"environment":true`:                  "environment",
		`"runner_id":[1]`:                     "runner_id",
		`"runner_id":false`:                   "runner_id",
		`"nbf":"1799999400"`:                  "nbf",
		`"iat":["1799999400"]`:                "iat",
	} {
		_, err := idtoken.Parse(token(`{"iss":"https://ci.example","aud":"sigstore","exp":1800000300,`+more+`}`), w)
		if claim == "" && err != nil || claim != "" && (fault.Of(err).Code != fault.Identity || fault.Of(err).Hint == "" || !strings.Contains(err.Error(), `claim "`+claim+`" is of type`)) {
			t.Errorf("%s: error = %v, want E_IDENTITY about %q", more, err, claim)
		}
	}
	for _, text := range []string{`{"iss":["https://ci.example"],"aud":"sigstore","exp":1800000300}`, `{"iss":"https://ci.example","aud":"sigstore","exp":"1800000300"}`} {
		if _, err := idtoken.Parse(token(text), wanted()); fault.Of(err).Code != fault.Identity {
			t.Errorf("%s: error = %v, want E_IDENTITY", text, err)
		}
	}
}

// Ids are compared as they were written, digit by digit.
func TestB09_ids_do_not_pass_through_floating_point(t *testing.T) {
	const head = `{"iss":"https://ci.example","aud":"sigstore","exp":1800000300,"run_id":`
	c, err := idtoken.Parse(token(head+"9007199254740993}"), wanted())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Match([]idtoken.Match{{Claim: "run_id", Variable: "RUN", Want: "9007199254740993"}}); err != nil {
		t.Errorf("the same id: %v", err)
	}
	for _, want := range []string{"9007199254740992", "", "9007199254740993.0"} {
		if err := c.Match([]idtoken.Match{{Claim: "run_id", Variable: "RUN", Want: want}}); fault.Of(err).Code != fault.Identity {
			t.Errorf("want %q: %v, want E_IDENTITY", want, err)
		}
	}
	if err := c.Match([]idtoken.Match{{Claim: "absent", Variable: "X", Want: ""}}); fault.Of(err).Code != fault.Identity {
		t.Errorf("absent claim and empty variable: %v, want E_IDENTITY", err)
	}
}

// A token that is accepted has the one audience, whatever else is in it.
func FuzzO05_claims(f *testing.F) {
	f.Add(`{"iss":"https://ci.example","aud":"sigstore","exp":1800000300}`)
	f.Add(`{"aud":["sigstore"],"aud":"x"}`)
	f.Fuzz(func(t *testing.T, payload string) {
		c, err := idtoken.Parse(token(payload), wanted())
		if err != nil {
			return
		}
		if c["aud"] != "sigstore" || c["iss"] != "https://ci.example" || c["exp"] <= "0" {
			t.Fatalf("%q is accepted as %v", payload, c)
		}
	})
}
