package sigstore

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

func signingConfig(ca, tsa string) string {
	const one = `{"url": %q, "majorApiVersion": 1, "validFor": {"start": "2020-01-01T00:00:00Z"}, "operator": "x"}`
	return fmt.Sprintf(`{"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json", "caUrls": [`+one+`], "tsaUrls": [`+one+`], "tsaConfig": {"selector": "ANY"}}`, ca, tsa)
}

func TestE09_an_identity_token_is_not_sent_in_the_clear(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://ca.example":       true,
		"http://127.0.0.1:8080":    true,
		"http://[::1]:8080":        true,
		"http://localhost:8080":    true,
		"http://ca.example":        false,
		"http://127.0.0.1.example": false,
		"http://10.0.0.1":          false,
		"https://u:p@ca.example":   false,
		"ftp://ca.example":         false,
		"ca.example":               false,
	} {
		for _, config := range []string{signingConfig(address, "https://tsa.example"), signingConfig("https://ca.example", address)} {
			_, err := ParseSigningConfig([]byte(config))
			if ok != (err == nil) || err != nil && fault.Of(err).Kind != fault.Usage {
				t.Errorf("%s: err = %v, want accepted = %t", address, err, ok)
			}
		}
	}
}

func TestE09_an_identity_token_does_not_follow_a_redirect(t *testing.T) {
	token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub": "x", "iss": "https://ca.example"}`)) + ".sig"
	for _, x := range []struct {
		answer, arrived int
		want            fault.Code
	}{{http.StatusTemporaryRedirect, 0, fault.Leak}, {http.StatusFound, 0, fault.Leak}, {http.StatusBadRequest, 0, fault.Identity}} {
		arrived, asked := 0, 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/elsewhere") {
				arrived++
				return
			}
			asked++
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(x.answer)
		}))
		c, err := ParseSigningConfig([]byte(signingConfig(s.URL, s.URL)))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Sign(t.Context(), c, []byte("{}"), token)
		s.Close()
		if fault.Of(err).Code != x.want || arrived != x.arrived || asked != 1 {
			t.Errorf("answer %d: err = %v, asked %d times, followed %d times, want %s, once and %d", x.answer, err, asked, arrived, x.want, x.arrived)
		}
	}
}

// A service that repeats the token where a message repeats the service gives it to nobody.
func TestE09_an_identity_token_is_in_no_message(t *testing.T) {
	token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub": "repo:acme/app", "iss": "https://ca.example"}`)) + ".c2lnbmF0dXJl"
	for name, echo := range map[string]string{
		"as it is": token, "percent-encoded": strings.ReplaceAll(url.QueryEscape(token), "e", "%65"), "base64": base64.StdEncoding.EncodeToString([]byte(token)),
		"nothing of it": "compress",
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Encoding", echo) }))
		_, err := Sign(t.Context(), must(ParseSigningConfig([]byte(signingConfig(s.URL, s.URL)))), []byte("{}"), token)
		s.Close()
		if err == nil || !strings.Contains(err.Error(), "content encoding") || fault.Of(err).Kind != fault.Refused {
			t.Fatalf("%s: err = %v, want a refusal that quotes the answer", name, err)
		}
		if hidden := strings.Contains(err.Error(), fault.Hidden); hidden == (echo == "compress") || hidden && strings.Contains(err.Error(), echo[:20]) {
			t.Errorf("%s: err = %v", name, err)
		}
	}
}
