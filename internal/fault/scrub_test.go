package fault_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

const secretToken = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyZXBvOmFjbWUvYXBwIn0.c2lnbmF0dXJlLWlzLWhlcmUtYW5kLXNlY3JldA_-+/="

// folded breaks text into lines of n bytes.
func folded(text string, n int, end string) string {
	var out strings.Builder
	for len(text) > n {
		out.WriteString(text[:n] + end)
		text = text[n:]
	}
	return out.String() + text
}

// echoes are the ways in which a service can repeat a token.
func echoes() map[string]string {
	percent := ""
	for _, b := range []byte(secretToken) {
		percent += fmt.Sprintf("%%%02x", b)
	}
	quoted, _ := json.Marshal(folded(secretToken, 20, "\n"))
	b64 := base64.StdEncoding.EncodeToString
	return map[string]string{
		"as it is": secretToken, "in a sentence": "token " + secretToken + " is not valid",
		"over lines": folded(secretToken, 10, "\n"), "over lines of DOS": folded(secretToken, 30, "\r\n  "),
		"over lines of a quoted value": fmt.Sprintf("%q", folded(secretToken, 20, "\n")), "over lines of JSON": string(quoted),
		"over lines of a letter": "> " + folded(secretToken, 12, "\n> "),
		"percent-encoded":        url.QueryEscape(secretToken), "percent-encoded, every byte": percent, "percent-encoded twice": url.QueryEscape(percent),
		"percent-encoded, over lines": folded(url.QueryEscape(secretToken), 25, "\n"),
		"escapes of JSON":             strings.ReplaceAll(secretToken, ".", `\u002e`),
		"base64":                      b64([]byte(secretToken)), "base64 for addresses": base64.RawURLEncoding.EncodeToString([]byte(secretToken)),
		"base64 after one byte": b64([]byte("x" + secretToken)), "base64 after two": b64([]byte("xy" + secretToken + " said")),
		"base64 of a header": b64([]byte("Authorization: Bearer " + secretToken)), "base64, over lines": folded(b64([]byte(secretToken)), 76, "\n"),
		"base64, percent-encoded": url.QueryEscape(b64([]byte(secretToken))),
		"cut":                     secretToken[:50] + "…", "the end of it": secretToken[len(secretToken)-40:],
	}
}

// A token that a service repeats is in no message, however it repeats it.
func TestE09_a_token_is_hidden_however_it_is_repeated(t *testing.T) {
	for name, echo := range echoes() {
		text := `the authority said: ` + echo + " (status 400)"
		got := fault.Scrub(text, "another-secret", secretToken)
		if !strings.HasPrefix(got, "the authority said: ") || !strings.HasSuffix(got, " (status 400)") || !strings.Contains(got, fault.Hidden) {
			t.Errorf("%s: got %q, want it hidden and the rest as it was", name, got)
		}
		left := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(got, "the authority said: "), " (status 400)"), fault.Hidden, "")
		if len(left) > 40 { // a header's name and what stands around a token may stay
			t.Errorf("%s: %q is left", name, left)
		}
		if same := fault.Scrub(text, "another-secret", strings.ToUpper(secretToken[:7])); same != text {
			t.Errorf("%s: got %q without a secret in it", name, same)
		}
	}
	for _, plain := range []string{"", "%", "%2", `\`, `\u00`, "100 % of %zz", "https://ca.example/api?x=%2F", "signed by \"é\"", strings.Repeat("eyJ", 100)} {
		if got := fault.Scrub(plain, secretToken); got != plain {
			t.Errorf("Scrub(%q) = %q, want it as it was", plain, got)
		}
	}
}

func TestE09_an_error_without_its_token_keeps_code_and_hint(t *testing.T) {
	clean := fault.New(fault.Refused, fault.Identity, "ask", "no")
	if got := fault.ScrubFault(clean, secretToken); !errors.Is(got, clean) || got.Error() != "no" {
		t.Errorf("got %v, want the error itself", got)
	}
	if fault.ScrubFault(nil, secretToken) != nil {
		t.Error("nothing is something")
	}
	for _, err := range []error{
		fault.New(fault.Refused, fault.Identity, "ask", "answered %q", secretToken),
		fmt.Errorf("signing: %w", fault.New(fault.Refused, fault.Identity, "ask", "answered %q", secretToken)),
		fault.New(fault.Refused, fault.Identity, "do not show "+secretToken, "answered"),
	} {
		got := fault.ScrubFault(err, secretToken)
		f := fault.Of(got)
		if f.Kind != fault.Refused || f.Code != fault.Identity || f.Hint == "" || strings.Contains(got.Error()+f.Hint, "eyJ") {
			t.Errorf("got %v, hint %q, want code and hint without the token", got, f.Hint)
		}
		for cause := got; cause != nil; cause = errors.Unwrap(cause) {
			if strings.Contains(cause.Error(), secretToken) {
				t.Errorf("the token is still beneath: %v", cause)
			}
		}
	}
	if got := fault.ScrubFault(errors.New("x "+secretToken), secretToken); got.Error() != "x "+fault.Hidden {
		t.Errorf("got %v", got)
	}
}

func FuzzE09_scrub(f *testing.F) {
	for _, echo := range echoes() {
		f.Add(echo)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got := fault.Scrub(text+" "+secretToken+" "+text, secretToken); strings.Contains(got, secretToken) {
			t.Errorf("Scrub of %q still has the token", text)
		}
	})
}
