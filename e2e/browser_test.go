//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
)

// A person signs in with a real browser: what approve opens there comes back to
// the terminal, and the page says so.
func TestLogin_in_a_real_browser(t *testing.T) {
	t.Parallel()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v: ./e2e/install.sh installs it", err)
	}
	l := labtest.Start(t)
	raw, err := os.ReadFile(filepath.Join(l.Dir, "signing_config.json"))
	if err != nil {
		t.Fatal(err)
	}
	config, err := sigstore.ParseSigningConfig(raw)
	if err != nil {
		t.Fatal(err)
	}
	l.Set(t, "/accounts/next", map[string]any{"email": "bob@acme.example"})
	var page bytes.Buffer
	done := make(chan error, 1)
	browse := func(url string) error {
		cmd := exec.Command(chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+t.TempDir(), "--virtual-time-budget=3000", "--dump-dom", url)
		cmd.Stdout = &page
		go func() { done <- cmd.Run() }()
		return nil
	}
	token, err := sigstore.Login{Client: "sigstore", Open: browse, Out: &bytes.Buffer{}}.IDToken(t.Context(), config)
	if err != nil || strings.Count(token, ".") != 2 {
		t.Fatalf("token of %d bytes, %v, want one of bob", len(token), err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(fmt.Errorf("the browser: %w", err))
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the browser does not end")
	}
	if !strings.Contains(page.String(), "You are signed in") {
		t.Errorf("the browser shows %q, want that he is signed in", page.String())
	}
}
