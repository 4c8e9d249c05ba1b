package store_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// canary is the secret that must not arrive anywhere but at its owner.
const canary = "s3cret-canary"

func somebody(context.Context, string) (store.Credential, error) {
	return store.Credential{User: "robot", Password: canary}, nil
}

// evil is a host that writes down every credential it is shown.
type evil struct {
	mu    sync.Mutex
	hosts []string
	shown []string
}

func (e *evil) see(r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hosts = append(e.hosts, r.URL.Scheme+"://"+r.URL.Host)
	for _, h := range []string{"Authorization", "Private-Token", "Job-Token", "Deploy-Token", "Cookie"} {
		if v := r.Header.Get(h); v != "" {
			e.shown = append(e.shown, h+" to "+r.URL.Host)
		}
	}
	if strings.Contains(r.URL.String(), canary) || strings.Contains(r.Header.Get("Referer"), "v2") {
		e.shown = append(e.shown, "address to "+r.URL.Host)
	}
}

func answer(r *http.Request, status int, header map[string]string, body string) *http.Response {
	w := httptest.NewRecorder()
	for k, v := range header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(status)
	_, _ = w.WriteString(body)
	resp := w.Result()
	resp.Request = r
	return resp
}

// network is a network of which "registry.example.com" is the honest host; every
// request that reaches another host is shown to evil.
type network struct {
	evil   *evil
	honest func(r *http.Request) *http.Response
	other  func(r *http.Request) *http.Response
}

func (n network) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "registry.example.com" && r.URL.Scheme == "https" {
		return n.honest(r), nil
	}
	n.evil.see(r)
	return n.other(r), nil
}

func nothing(r *http.Request) *http.Response {
	return answer(r, http.StatusOK, nil, `{"token":"t"}`)
}

// A registry cannot have its credential sent to somebody else, by naming their
// token service, by redirecting, by upload locations, or by asking for http.
func TestE09_credentials_stay_with_the_registry(t *testing.T) {
	challenge := func(realm string) func(*http.Request) *http.Response {
		return func(r *http.Request) *http.Response {
			return answer(r, http.StatusUnauthorized, map[string]string{"WWW-Authenticate": `Bearer realm="` + realm + `",service="s"`}, "")
		}
	}
	redirect := func(to string, status int) func(*http.Request) *http.Response {
		return func(r *http.Request) *http.Response {
			if r.Header.Get("Authorization") == "" {
				return answer(r, http.StatusUnauthorized, map[string]string{"WWW-Authenticate": `Basic realm="x"`}, "")
			}
			return answer(r, status, map[string]string{"Location": to}, "")
		}
	}
	for name, honest := range map[string]func(*http.Request) *http.Response{
		"realm elsewhere":          challenge("https://evil.test/token"),
		"realm with a like name":   challenge("https://registry.example.com.evil.test/token"),
		"realm of the suffix":      challenge("https://evilexample.com/token"),
		"realm by http":            challenge("http://registry.example.com/token"),
		"realm by http elsewhere":  challenge("http://evil.test/token"),
		"realm with a user":        challenge("https://registry.example.com@evil.test/token"),
		"realm by address":         challenge("https://192.0.2.1/token"),
		"redirect elsewhere":       redirect("https://evil.test/x", http.StatusTemporaryRedirect),
		"redirect to http":         redirect("http://registry.example.com/x", http.StatusFound),
		"redirect to a subdomain":  redirect("https://evil.registry.example.com/x", http.StatusFound),
		"redirect to another port": redirect("https://registry.example.com:8443/x", http.StatusFound),
		"redirect to loopback":     redirect("http://127.0.0.1:1/x", http.StatusFound),
		"mixed case scheme":        redirect("Http://evil.test/x", http.StatusFound),
	} {
		t.Run(name, func(t *testing.T) {
			e := &evil{}
			s := store.NewOCI(nil, store.OCIOptions{Keychain: somebody, Transport: network{e, honest, nothing}, Budget: 2 * time.Second})
			_, _, err := s.Resolve(context.Background(), "registry.example.com/acme/app:v1")
			if err == nil {
				t.Error("no error, want one")
			}
			if len(e.shown) > 0 {
				t.Errorf("shown: %v", e.shown)
			}
			for _, h := range e.hosts {
				if strings.HasPrefix(h, "http://") {
					t.Errorf("asked %s in the clear", h)
				}
			}
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

// The upload location may be another host's; the bytes go there, the credential
// does not.
func TestE09_upload_elsewhere_is_anonymous(t *testing.T) {
	e := &evil{}
	manifest := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]}`
	honest := func(r *http.Request) *http.Response {
		switch {
		case r.Header.Get("Authorization") == "":
			return answer(r, http.StatusUnauthorized, map[string]string{"WWW-Authenticate": `Basic realm="x"`}, "")
		case r.Method == http.MethodGet:
			return answer(r, http.StatusOK, map[string]string{"Content-Type": "application/vnd.oci.image.manifest.v1+json"}, manifest)
		case r.Method == http.MethodHead:
			return answer(r, http.StatusNotFound, nil, "")
		case r.Method == http.MethodPost:
			return answer(r, http.StatusAccepted, map[string]string{"Location": "https://uploads.test/u"}, "")
		}
		return answer(r, http.StatusForbidden, nil, "")
	}
	s := store.NewOCI(nil, store.OCIOptions{Keychain: somebody, Budget: 2 * time.Second, Transport: network{e, honest, func(r *http.Request) *http.Response { return answer(r, http.StatusCreated, nil, "") }}})
	sub := resolve(t, s, "registry.example.com/acme/app:v1")
	_, err := s.Put(context.Background(), record(sub, 1))
	wantFault(t, err, fault.Usage, fault.Config) // the manifest is refused, after both uploads
	if len(e.hosts) != 2 || len(e.shown) > 0 {
		t.Errorf("uploads %v showed %v, want two that show nothing", e.hosts, e.shown)
	}
}

// The twin: the token service of the same domain gets the credential, and the
// registry gets the token.
func TestE09_related_token_service(t *testing.T) {
	for realm, ok := range map[string]bool{
		"https://auth.example.com/token":     true,
		"https://example.com/token":          true,
		"https://registry.example.com/token": true,
		"https://auth.example.org/token":     false,
	} {
		e := &evil{}
		honest := func(r *http.Request) *http.Response {
			switch {
			case r.URL.Path == "/token":
				e.see(r)
				return answer(r, http.StatusOK, nil, `{"token":"t"}`)
			case r.Header.Get("Authorization") == "Bearer t":
				return answer(r, http.StatusOK, nil, `{"schemaVersion":2,"layers":[]}`)
			}
			return answer(r, http.StatusUnauthorized, map[string]string{"WWW-Authenticate": `Bearer realm="` + realm + `",service="s"`}, "")
		}
		s := store.NewOCI(nil, store.OCIOptions{Keychain: somebody, Transport: network{e, honest, nothing}, Budget: 2 * time.Second})
		_, _, err := s.Resolve(context.Background(), "registry.example.com/acme/app:v1")
		if (err == nil) != ok {
			t.Errorf("realm %s: %v, want ok = %v", realm, err, ok)
		}
		if got := len(e.shown) > 0; got != ok {
			t.Errorf("realm %s: shown %v, want it shown = %v", realm, e.shown, ok)
		}
	}
}

// Credentials are those of the host that was asked, from the file that docker
// login writes; a file that cannot be read is an error, not nobody.
func TestDockerConfig(t *testing.T) {
	dir := t.TempDir()
	write := func(s string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	getenv := func(k string) string { return map[string]string{"DOCKER_CONFIG": dir, "HOME": dir}[k] }
	find := store.DockerConfig(getenv)
	if c, err := find(context.Background(), "ghcr.io"); err != nil || c != (store.Credential{}) {
		t.Errorf("without a file: %+v, %v; want nobody", c, err)
	}
	auth := base64.StdEncoding.EncodeToString([]byte("robot:pass:word"))
	write(fmt.Sprintf(`{"auths":{"ghcr.io":{"auth":%q},"https://index.docker.io/v1/":{"identitytoken":"t"},"bad.example":{"auth":"!"}}}`, auth))
	for host, want := range map[string]store.Credential{
		"ghcr.io":         {User: "robot", Password: "pass:word"},
		"index.docker.io": {IdentityToken: "t"},
		"evil.ghcr.io":    {},
		"ghcr.io.evil":    {},
	} {
		if got, err := find(context.Background(), host); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", host, got, err, want)
		}
	}
	_, err := find(context.Background(), "bad.example")
	wantFault(t, err, fault.Usage, fault.Config)
	write(`{"credHelpers":{"ghcr.io":"../evil"}}`)
	_, err = find(context.Background(), "ghcr.io")
	wantFault(t, err, fault.Usage, fault.Config)
	write(`not json`)
	_, err = find(context.Background(), "ghcr.io")
	wantFault(t, err, fault.Usage, fault.Config)
}

// A credential that cannot be read stops the call; it does not go on as nobody.
func TestOCI_unreadable_credential(t *testing.T) {
	broken := func(context.Context, string) (store.Credential, error) {
		return store.Credential{}, fault.New(fault.Usage, fault.Config, "", "broken")
	}
	honest := func(r *http.Request) *http.Response {
		return answer(r, http.StatusUnauthorized, map[string]string{"WWW-Authenticate": `Basic realm="x"`}, "")
	}
	s := store.NewOCI(map[subject.Digest]string{subject.SHA256([32]byte{1}): "registry.example.com/acme/app"}, store.OCIOptions{Keychain: broken, Transport: network{&evil{}, honest, nothing}})
	_, err := s.Fetch(context.Background(), []subject.Subject{{Digest: subject.SHA256([32]byte{1})}})
	wantFault(t, err, fault.Usage, fault.Config)
}
