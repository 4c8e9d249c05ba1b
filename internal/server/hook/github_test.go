package hook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/server/hook"
)

const secret = "It's a Secret to Everybody"

func door(t *testing.T) *hook.Door {
	t.Helper()
	api, err := url.Parse("https://api.github.com")
	if err != nil {
		t.Fatal(err)
	}
	return &hook.Door{Host: "https://github.com", API: api, Secrets: [][]byte{[]byte(secret)}}
}

func sign(body []byte, key string) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write(body)
	return "sha256=" + hex.EncodeToString(m.Sum(nil))
}

const asked = `{"action":"requested","environment":"production","event":"push",` +
	`"deployment_callback_url":"https://api.github.com/repos/acme/pay/actions/runs/111/deployment_protection_rule",` +
	`"deployment":{"id":5005,"sha":"9f1c","ref":"main"},"repository":{"id":7777,"full_name":"acme/pay","owner":{"id":501}},"installation":{"id":88}}`

// delivery is a good one.
func delivery(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/hooks/github", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", "deployment_protection_rule")
	r.Header.Set("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
	r.Header.Set("X-Hub-Signature-256", sign([]byte(body), secret))
	return r
}

func read(t *testing.T, d *hook.Door, r *http.Request) (hook.Delivery, error) {
	t.Helper()
	return d.Read(httptest.NewRecorder(), r, time.Unix(1, 0))
}

func TestJ01_a_delivery_that_is_signed_is_read(t *testing.T) {
	d, err := read(t, door(t), delivery(asked))
	if err != nil || d.Event != "deployment_protection_rule.requested" || d.Waits == nil {
		t.Fatalf("got %+v, %v", d, err)
	}
	w := d.Waits
	if w.Repository.ID != "7777" || w.Owner != "501" || w.Name != "acme/pay" || w.Run != 111 || w.ID != 5005 ||
		w.Installation != 88 || w.Environment != "production" || w.Commit != "9f1c" {
		t.Errorf("got %+v", w)
	}
	if got := sign([]byte("Hello, World!"), secret); got != "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17" {
		t.Errorf("the published example signs as %s", got)
	}
}

func TestJ01_a_delivery_that_nobody_proved_is_refused(t *testing.T) {
	old := hmac.New(sha1.New, []byte(secret))
	old.Write([]byte(asked))
	for name, edit := range map[string]func(r *http.Request){
		"no signature": func(r *http.Request) { r.Header.Del("X-Hub-Signature-256") },
		"the old algorithm alone": func(r *http.Request) {
			r.Header.Del("X-Hub-Signature-256")
			r.Header.Set("X-Hub-Signature", "sha1="+hex.EncodeToString(old.Sum(nil)))
		},
		"the old algorithm in its place": func(r *http.Request) {
			r.Header.Set("X-Hub-Signature-256",
				"sha1="+hex.EncodeToString(old.Sum(nil)))
		},
		"two signatures": func(r *http.Request) {
			r.Header.Add("X-Hub-Signature-256",
				sign([]byte(asked), secret))
		},
		"another secret": func(r *http.Request) {
			r.Header.Set("X-Hub-Signature-256",
				sign([]byte(asked), "other"))
		},
		"an empty secret": func(r *http.Request) {
			r.Header.Set("X-Hub-Signature-256",
				sign([]byte(asked), ""))
		},
		"of nothing": func(r *http.Request) {
			r.Header.Set("X-Hub-Signature-256",
				sign(nil, secret))
		},
		"digits in upper case": func(r *http.Request) {
			r.Header.Set("X-Hub-Signature-256", "sha256="+strings.ToUpper(sign([]byte(asked), secret)[7:]))
		},
		"half of it": func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", sign([]byte(asked), secret)[:39]) },
	} {
		r := delivery(asked)
		edit(r)
		if _, err := read(t, door(t), r); fault.Of(err).Code != fault.Authn {
			t.Errorf("%s: got %v, want E_AUTHN", name, err)
		}
	}
	empty := door(t)
	empty.Secrets = [][]byte{{}}
	r := delivery(asked)
	r.Header.Set("X-Hub-Signature-256", sign([]byte(asked), ""))
	if _, err := read(t, empty, r); fault.Of(err).Code != fault.Authn {
		t.Errorf("a door whose secret is empty: got %v, want E_AUTHN", err)
	}
}

func TestJ01_a_changed_bit_is_found(t *testing.T) {
	d := door(t)
	for i := range 10_000 {
		body := []byte(asked)
		at := rand.IntN(len(body))
		body[at] ^= 1 << rand.IntN(8)
		r := delivery(asked)
		r.Body = http.NoBody
		r = httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)).WithContext(r.Context())
		r.Header = delivery(asked).Header
		if _, err := read(t, d, r); fault.Of(err).Code != fault.Authn {
			t.Fatalf("try %d, byte %d: got %v, want E_AUTHN", i, at, err)
		}
	}
}

func TestJ01_while_a_secret_is_changed_both_count(t *testing.T) {
	d := door(t)
	d.Secrets = [][]byte{[]byte("new"), []byte(secret)}
	if _, err := read(t, d, delivery(asked)); err != nil {
		t.Error(err)
	}
}

func TestJ04_an_address_in_a_delivery_leads_nowhere(t *testing.T) {
	const good = "https://api.github.com/repos/acme/pay/actions/runs/111/deployment_protection_rule"
	for _, callback := range []string{
		"http://169.254.169.254/", "https://api.github.com@evil.example/repos/acme/pay/actions/runs/111/deployment_protection_rule",
		strings.Replace(good, "api.github.com", "api.github.com.evil.example", 1),
		strings.Replace(good, "https", "http", 1), strings.Replace(good, "acme/pay", "acme/other", 1),
		strings.Replace(good, "acme/pay", "acme/pay/..", 1), good + "?x=1", good + "/..",
		strings.Replace(good, "111", "0", 1), strings.Replace(good, "111", "0111", 1),
		strings.Replace(good, "111", "-1", 1),
		strings.Replace(good, "111", "99999999999999999999", 1), "",
	} {
		body := strings.Replace(asked, good, callback, 1)
		if _, err := read(t, door(t), delivery(body)); fault.Of(err).Code != fault.SSRF {
			t.Errorf("%q: got %v, want E_SSRF", callback, err)
		}
	}
}

func TestJ11_only_a_request_asks(t *testing.T) {
	for _, name := range []string{"check_suite", "deployment_review", "ping", "deployment", "workflow_run"} {
		r := delivery(asked)
		r.Header.Set("X-GitHub-Event", name)
		if d, err := read(t, door(t), r); err != nil || d.Waits != nil || d.Event != name+".requested" {
			t.Errorf("%s: got %+v, %v; want no question", name, d, err)
		}
	}
	for _, action := range []string{"created", "approved", "", "Requested"} {
		body := strings.Replace(asked, `"action":"requested"`, fmt.Sprintf(`"action":%q`, action), 1)
		if d, err := read(t, door(t), delivery(body)); err != nil || d.Waits != nil {
			t.Errorf("%q: got %+v, %v; want no question", action, d, err)
		}
	}
}

func TestJ11_a_request_that_lacks_something_is_refused(t *testing.T) {
	for _, x := range []string{`"installation":{"id":88}`, `"deployment":{"id":5005,"sha":"9f1c","ref":"main"}`,
		`"environment":"production"`, `"id":7777`} {
		body := strings.Replace(asked, x, `"x":1`, 1)
		if _, err := read(t, door(t), delivery(body)); fault.Of(err).Code != fault.Malformed {
			t.Errorf("without %s: got %v, want E_MALFORMED", x, err)
		}
	}
}

func TestJ10_what_is_too_large_or_too_deep_is_refused(t *testing.T) {
	deep := strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000)
	if _, err := read(t, door(t), delivery(deep)); err == nil {
		t.Error("a text of 200,000 levels is read")
	}
	large := strings.Repeat(" ", hook.MaxBody+1)
	if _, err := read(t, door(t), delivery(large)); fault.Of(err).Code != fault.Limit {
		t.Errorf("got %v, want E_LIMIT", err)
	}
	for name, edit := range map[string]func(r *http.Request){
		"a form": func(r *http.Request) {
			r.Header.Set("Content-Type",
				"application/x-www-form-urlencoded")
		},
		"another method":          func(r *http.Request) { r.Method = http.MethodPut },
		"an identifier as a text": func(r *http.Request) { r.Header.Set("X-GitHub-Delivery", "a\tb c") },
		"a name with a line":      func(r *http.Request) { r.Header.Set("X-GitHub-Event", "Ping!") },
	} {
		r := delivery(asked)
		edit(r)
		if _, err := read(t, door(t), r); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

func TestJ11_what_has_become_of_a_run_is_a_hint_to_look_at_it(t *testing.T) {
	for name, want := range map[string]int64{
		"workflow_run": 11, "deployment_review": 11, "push": 0, "check_run": 0,
	} {
		body := `{"action":"completed","workflow_run":{"id":11},"repository":{"id":7,"full_name":"acme/app","owner":{"id":5}}}`
		r := delivery(body)
		r.Header.Set("X-GitHub-Event", name)
		out, err := read(t, door(t), r)
		if err != nil || out.Run != want || out.Waits != nil || out.Begins != nil {
			t.Errorf("%s: %+v, %v; want run %d", name, out, err, want)
		}
	}
}

func TestJ11_a_deployment_that_began_is_one_of_an_installation(t *testing.T) {
	for installation, want := range map[string]bool{`"installation":{"id":88},`: true, "": false,
		`"installation":{"id":0},`: false} {
		r := delivery(`{"action":"created",` + installation + `"deployment_status":{"state":"in_progress"},` +
			`"deployment":{"id":5,"sha":"9f1c","ref":"main","environment":"production"},"workflow_run":{"id":11,"run_attempt":1},` +
			`"repository":{"id":7777,"full_name":"acme/pay","owner":{"id":501}}}`)
		r.Header.Set("X-GitHub-Event", "deployment_status")
		if out, err := read(t, door(t), r); err != nil || (out.Begins != nil) != want {
			t.Errorf("%q: %+v, %v", installation, out, err)
		}
	}
}
