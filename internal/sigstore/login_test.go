package sigstore_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
)

func TestMain(m *testing.M) { labtest.Main(m) }

func signingConfig(t *testing.T, l *labtest.Lab) *sigstore.SigningConfig {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(l.Dir, "signing_config.json"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := sigstore.ParseSigningConfig(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// visit is a browser that looks at nothing.
func visit(url string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func TestLogin_in_a_browser_gives_a_token_of_that_person(t *testing.T) {
	l := labtest.Shared(t)
	c := signingConfig(t, l)
	l.Set(t, "/accounts/next", map[string]any{"email": "dana@acme.example"})
	var said strings.Builder
	token, err := sigstore.Login{Client: "sigstore", Open: func(url string) error { go func() { _ = visit(url) }(); return nil }, Out: &said}.IDToken(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(said.String(), token) {
		t.Error("the token is shown")
	}
	if claims := payload(t, token); !strings.Contains(claims, `"dana@acme.example"`) || !strings.Contains(claims, `"sigstore"`) {
		t.Errorf("claims = %s, want dana's, for sigstore", claims)
	}
}

func TestLogin_that_is_refused_is_no_token(t *testing.T) {
	l := labtest.Shared(t)
	c := signingConfig(t, l)
	l.Set(t, "/accounts/next", map[string]any{"deny": true})
	// Without an answer from the browser the library asks for a code to be
	// typed; nobody types one.
	token, err := sigstore.Login{Client: "sigstore", Open: func(string) error { return fmt.Errorf("no browser") }, In: strings.NewReader("\n"), Out: io.Discard}.IDToken(t.Context(), c)
	l.Unset(t, "/accounts/next")
	if f := fault.Of(err); token != "" || err == nil || f.Code != fault.Identity {
		t.Errorf("token of %d bytes, %v, want none and %s", len(token), err, fault.Identity)
	}
}

// chat answers what a device shows.
type chat struct {
	t    *testing.T
	lab  *labtest.Lab
	said strings.Builder
	body map[string]any
	once bool
}

var userCode = regexp.MustCompile(`code ([A-Z0-9-]+) `)

func (c *chat) Write(b []byte) (int, error) {
	c.said.Write(b)
	if m := userCode.FindStringSubmatch(c.said.String()); m != nil && !c.once {
		c.once = true
		c.lab.Set(c.t, "/accounts/device/"+m[1], c.body)
	}
	return len(b), nil
}

func TestLogin_with_a_code_where_there_is_no_browser(t *testing.T) {
	l := labtest.Shared(t)
	c := signingConfig(t, l)
	yes := &chat{t: t, lab: l, body: map[string]any{"email": "carol@acme.example"}}
	token, err := sigstore.Login{Client: "sigstore", Device: true, Out: yes}.IDToken(t.Context(), c)
	if err != nil || !strings.Contains(payload(t, token), `"carol@acme.example"`) {
		t.Fatalf("%v; said %q, want a token of carol", err, yes.said.String())
	}
	if strings.Contains(yes.said.String(), token) {
		t.Error("the token is shown")
	}
	no := &chat{t: t, lab: l, body: map[string]any{"deny": true}}
	token, err = sigstore.Login{Client: "sigstore", Device: true, Out: no}.IDToken(t.Context(), c)
	if f := fault.Of(err); token != "" || err == nil || f.Code != fault.Identity {
		t.Errorf("token of %d bytes, %v, want none and %s", len(token), err, fault.Identity)
	}
}

// payload returns the claims of a token, as they stand there.
func payload(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("token has %d parts, want 3", len(parts))
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
