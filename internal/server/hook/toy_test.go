package hook_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/server/hook"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// A gatehouse reads what the toy platform delivers.
type gatehouse struct {
	lab  *labtest.Lab
	app  *labtest.App
	name string

	mu   sync.Mutex
	read []hook.Delivery
	errs []error
}

func newGatehouse(t *testing.T, name string) *gatehouse {
	t.Helper()
	h := &gatehouse{lab: labtest.Shared(t), name: "acme/" + name}
	h.lab.Set(t, "/github/repos/"+h.name, map[string]any{"unprotected": []string{"production"}})
	api, err := url.Parse(h.lab.GitHub + "/api/v3")
	if err != nil {
		t.Fatal(err)
	}
	d := &hook.Door{Host: h.lab.GitHub, API: api}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := d.Read(w, r, time.Unix(1, 0))
		h.mu.Lock()
		defer h.mu.Unlock()
		if err != nil {
			h.errs = append(h.errs, err)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.read = append(h.read, got)
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(s.Close)
	h.app = h.lab.App(t, s.URL, h.name)
	d.Secrets = [][]byte{[]byte(h.app.Secret)}
	h.app.Guards(t, h.name, "production")
	return h
}

// refused wants one refusal with a code, and that nothing was read.
func (h *gatehouse) refused(t *testing.T, c fault.Code) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.read) != 0 || len(h.errs) != 1 || fault.Of(h.errs[0]).Code != c {
		t.Errorf("read %+v, refused %v, want one refusal with %s", h.read, h.errs, c)
	}
}

func TestJ01_what_the_platform_sends_is_read(t *testing.T) {
	h := newGatehouse(t, "hook-good")
	came := h.lab.Waits(t, h.name, 31, "production", nil)
	if len(h.errs) != 0 || len(h.read) != 1 || h.read[0].Waits == nil ||
		came.Deliveries[0].Status != http.StatusAccepted {
		t.Fatalf("read %+v, refused %v", h.read, h.errs)
	}
	d := h.read[0]
	x := d.Waits
	if d.ID != came.Deliveries[0].GUID || x.ID != came.Deployment || x.Run != 31 || x.Environment != "production" ||
		x.Name != h.name || x.Installation != h.app.Installation || len(x.Commit) != 40 {
		t.Errorf("read %+v about %+v, want what waits", d, x)
	}
}

func TestJ01_a_forged_delivery_is_refused(t *testing.T) {
	h := newGatehouse(t, "hook-forged")
	came := h.lab.Waits(t, h.name, 32, "production", map[string]any{"how": "forged"})
	h.refused(t, fault.Authn)
	if s := came.Deliveries[0].Status; s != http.StatusUnauthorized {
		t.Errorf("status %d, want 401", s)
	}
}

// A delivery that comes again has the name of the first one, whatever is in it.
func TestJ02_a_delivery_that_comes_again_has_the_same_name(t *testing.T) {
	for how, same := range map[string]bool{"twice": true, "changed": false} {
		t.Run(how, func(t *testing.T) {
			h := newGatehouse(t, "hook-"+how)
			h.lab.Waits(t, h.name, 33, "production", map[string]any{"how": how})
			if len(h.errs) != 0 || len(h.read) != 2 || h.read[0].ID != h.read[1].ID {
				t.Fatalf("read %+v, refused %v, want two of one name", h.read, h.errs)
			}
			if (h.read[0].Waits.ID == h.read[1].Waits.ID) != same {
				t.Errorf("deployments %d and %d", h.read[0].Waits.ID, h.read[1].Waits.ID)
			}
		})
	}
}

func TestJ04_a_callback_of_another_place_is_refused(t *testing.T) {
	for name, callback := range map[string]string{
		"host":       "https://169.254.169.254/repos/acme/x/actions/runs/34/deployment_protection_rule",
		"repository": "acme/other/actions/runs/34/deployment_protection_rule",
	} {
		t.Run(name, func(t *testing.T) {
			h := newGatehouse(t, "hook-callback-"+name)
			if name == "repository" {
				callback = h.lab.GitHub + "/api/v3/repos/" + callback
			}
			fields := map[string]any{"deployment_callback_url": callback}
			h.lab.Waits(t, h.name, 34, "production", map[string]any{"fields": fields})
			h.refused(t, fault.SSRF)
		})
	}
}
