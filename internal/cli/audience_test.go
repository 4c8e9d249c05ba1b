package cli

import (
	"encoding/base64"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A person's token is for the audience that was asked for, and for no other.
func TestC20_a_persons_token_for_another_audience(t *testing.T) {
	token := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	}
	for claims, audience := range map[string]string{
		`{"aud":"sigstore"}`:                  "sigstore",
		`{"aud":["sigstore.acme.example"]}`:   "sigstore.acme.example",
		`{"aud":["sigstore","acme.example"]}`: "",
		`{"sub":"dana"}`:                      "",
	} {
		for _, want := range []string{"sigstore", "sigstore.acme.example"} {
			r := &run{in: shared{Audience: want}}
			_, err := r.forAudience(token(claims))
			if want == audience && err != nil || want != audience && (err == nil || fault.Of(err).Code != fault.Identity) {
				t.Errorf("%s for %s: %v", claims, want, err)
			}
		}
	}
	r := &run{in: shared{Audience: "sigstore"}}
	if _, err := r.forAudience("no token"); err == nil || fault.Of(err).Code != fault.Identity {
		t.Errorf("error = %v, want E_IDENTITY", err)
	}
}
