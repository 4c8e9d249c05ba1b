package lab

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

// The lab's process answers for the issuers itself, reaches loopback, and
// nothing else: not even a name that means loopback today.
func TestProcessStaysOnLoopback(t *testing.T) {
	for url, want := range map[string]string{
		gitHubIssuer + "/.well-known/openid-configuration": "",
		gitLabIssuer + "/oauth/discovery/keys":             "",
		labUnderTest.Control + "/requests":                 "",
		"https://fulcio.sigstore.dev/":                     "does not leave this machine",
		"http://localhost:1/":                              "does not leave this machine",
		"http://203.0.113.1/":                              "does not leave this machine",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			err = resp.Body.Close()
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error = %v, want %q", url, err, want)
		}
	}
}

// A second lab in one process would take over the first one's issuers and its
// timestamp authority's key; it is refused, and the first goes on.
func TestOneLabPerProcess(t *testing.T) {
	if _, err := Start(context.Background(), Config{}); err == nil {
		t.Fatal("a second lab started in one process")
	}
	token, err := labUnderTest.GitHubToken("sigstore", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := certificateFor(t, token); err != nil {
		t.Errorf("the first lab: %v", err)
	}
}
