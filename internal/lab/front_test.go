package lab

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
)

// fault sets a fault, and clears all of them after the test.
func fault(t *testing.T, f string) {
	t.Helper()
	control(t, http.MethodPost, "/faults", f)
	t.Cleanup(func() {
		// the test's own context has ended by now
		req, err := http.NewRequestWithContext(context.Background(), http.MethodDelete, labUnderTest.Control+"/faults", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// A fault happens as often as it was asked for, and not to others.
func TestFaultStatus(t *testing.T) {
	fault(t, `{"target":"gitlab","match":"^GET /api/v4/job$","status":503,"headers":{"Retry-After":"7"},"body":"later","times":2}`)
	for i, want := range []int{503, 503, 200} {
		resp, b := gitLabCall(t, http.MethodGet, "/job", "", "JOB-TOKEN")
		if resp.status != want {
			t.Errorf("call %d: status %d, want %d", i, resp.status, want)
		}
		if want == 503 && (resp.header.Get("Retry-After") != "7" || string(b) != "later") {
			t.Errorf("call %d: Retry-After %q and body %q, want 7 and later", i, resp.header.Get("Retry-After"), b)
		}
		if resp, _ := gitLabCall(t, http.MethodGet, "/projects/20", "", "PRIVATE-TOKEN"); resp.status != 200 {
			t.Errorf("another path: status %d, want 200", resp.status)
		}
	}
}

// Every door has faults, and each is cleared.
func TestFaultEveryDoor(t *testing.T) {
	signing, err := root.NewSigningConfigFromPath(labUnderTest.SigningConfig)
	if err != nil {
		t.Fatal(err)
	}
	urls := map[string]string{
		"github": labUnderTest.GitHub + "/x", "gitlab": labUnderTest.GitLab + "/x", "registry": "http://" + labUnderTest.Registry + "/v2/",
		"fulcio": signing.FulcioCertificateAuthorityURLs()[0].URL, "rekor": signing.RekorLogURLs()[0].URL,
		"tsa": signing.TimestampAuthorityURLs()[0].URL, "idtoken": labUnderTest.Control + "/github/idtoken",
	}
	for _, target := range targets {
		t.Run(target, func(t *testing.T) {
			fault(t, fmt.Sprintf(`{"target":%q,"status":599,"times":-1}`, target))
			for other, url := range urls {
				if resp, _ := do(t, call{url: url}); (resp.status == 599) != (other == target) {
					t.Errorf("%s: status %d, want 599 only at %s", other, resp.status, target)
				}
			}
		})
	}
}

// A dropped connection is no answer; a delayed one comes late; and what was
// done before the failure stays done.
func TestFaultActions(t *testing.T) {
	fault(t, `{"target":"gitlab","action":"close"}`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, labUnderTest.GitLab+"/api/v4/job", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err == nil {
		t.Errorf("status %d and error %v, want a dropped connection", resp.StatusCode, resp.Body.Close())
	}

	fault(t, `{"target":"gitlab","delay_ms":80}`)
	began := time.Now()
	if resp, _ := gitLabCall(t, http.MethodGet, "/job", "", "JOB-TOKEN"); resp.status != 200 || time.Since(began) < 80*time.Millisecond {
		t.Errorf("status %d after %s, want 200 after 80ms", resp.status, time.Since(began))
	}

	const file = "/projects/20/packages/generic/faults/1/x.json"
	fault(t, `{"target":"gitlab","match":"^PUT ","action":"persist_then_fail","status":500}`)
	if resp, _ := gitLabCall(t, http.MethodPut, file, "kept", "JOB-TOKEN"); resp.status != 500 {
		t.Errorf("upload: status %d, want 500", resp.status)
	}
	if _, b := gitLabCall(t, http.MethodGet, file, "", "JOB-TOKEN"); string(b) != "kept" {
		t.Errorf("file = %q, want it kept", b)
	}
}

// A fault that is not understood is refused, not ignored.
func TestFaultRefused(t *testing.T) {
	for _, f := range []string{`{"target":"moon","status":500}`, `{"match":"("}`, `{"action":"explode"}`, `{"action":"persist_then_fail"}`, `{"status":99}`, `{"colour":"red"}`, `{}{}`} {
		if resp, _ := do(t, call{method: http.MethodPost, url: labUnderTest.Control + "/faults", body: f}); resp.status != 400 {
			t.Errorf("%s: status %d, want 400", f, resp.status)
		}
	}
}

// Requests are recorded with how they were authorized, never with what.
func TestRequests(t *testing.T) {
	control(t, http.MethodDelete, "/requests", "")
	gitLabCall(t, http.MethodGet, "/job?job_token="+labUnderTest.tokens.job, "", "X-Nothing")
	gitLabCall(t, http.MethodGet, "/job", "", "JOB-TOKEN")
	gitHubCall(t, http.MethodGet, "/meta", "")
	b := control(t, http.MethodGet, "/requests", "")
	want := []Request{
		{"gitlab", "GET", "/api/v4/job", "job_token=REDACTED", "none", 200},
		{"gitlab", "GET", "/api/v4/job", "", "JOB-TOKEN", 200},
		{"github", "GET", "/api/v3/meta", "", "Bearer", 200},
	}
	if got := decode[[]Request](t, b); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("requests = %v, want %v", got, want)
	}
	for _, secret := range []string{labUnderTest.tokens.job, labUnderTest.tokens.github} {
		if strings.Contains(string(b), secret) {
			t.Error("the records hold a token")
		}
	}
}
