package store_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// asks opens a server that answers as a test says, and counts what it is asked.
func asks(t *testing.T, answer http.HandlerFunc) *store.Server {
	t.Helper()
	at := httptest.NewServer(answer)
	t.Cleanup(at.Close)
	s, err := store.NewServer(at.URL, func(context.Context) (string, error) { return "the-token-of-a-job", nil })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestD15_a_policy_of_a_server_is_the_one_that_it_names(t *testing.T) {
	source := "version: 1\n"
	served := func(digest, source string) string {
		return fmt.Sprintf(`{"digest":%q,"source":%q,"files":{"root.json":"e30="}}`, digest,
			base64.StdEncoding.EncodeToString([]byte(source)))
	}
	good := subject.Sum([]byte(source)).String()
	for _, x := range []struct {
		what, body string
		status     int
		kind       fault.Kind
		code       fault.Code // "": it is taken
	}{
		{"a policy", served(good, source), 200, 0, ""},
		{"another policy under its digest", served(good, source+"#"), 200, fault.Refused, fault.Malformed},
		{"a policy without a digest", served("", source), 200, fault.Refused, fault.Malformed},
		{"nothing", `{}`, 200, fault.Refused, fault.Malformed},
		{"a page", "<html>", 200, fault.Refused, fault.Malformed},
		{"none for this token", "", 404, fault.Refused, fault.Policy},
		{"no token that is good", "", 401, fault.Unavailable, fault.NotAvailable},
		{"an outage", "", 503, fault.Unavailable, fault.NotAvailable},
	} {
		s := asks(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer the-token-of-a-job" || r.URL.String() !=
				"/v1/policy?host=https%3A%2F%2Fgithub.com&repository=7" {
				t.Errorf("asked %s with %q", r.URL, r.Header.Get("Authorization"))
			}
			w.WriteHeader(x.status)
			_, _ = w.Write([]byte(x.body))
		})
		got, err := s.Policy(t.Context(), "https://github.com", "7")
		if f := fault.Of(err); err != nil && (f.Kind != x.kind || f.Code != x.code) || (err == nil) != (x.code == "") {
			t.Errorf("%s: %v (%v, %s), want %v, %s", x.what, err, f.Kind, f.Code, x.kind, x.code)
		}
		if err == nil && (string(got.Source) != source || string(got.Files["root.json"]) != "{}") {
			t.Errorf("%s: %+v", x.what, got)
		}
	}
}

func TestJ05_no_token_follows_a_server_to_another_place(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another place was asked %s with %q", r.URL, r.Header.Get("Authorization"))
	}))
	t.Cleanup(other.Close)
	s := asks(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+r.URL.Path, http.StatusFound)
	})
	if _, err := s.Policy(t.Context(), "", ""); err == nil {
		t.Error("a policy of another place is taken")
	}
	if _, err := s.Push(t.Context(), [][]byte{[]byte("{}")}); err == nil {
		t.Error("a push to another place is good")
	}
}

func TestD15_what_a_server_says_of_a_push_keeps_its_code_and_its_next_step(t *testing.T) {
	for body, want := range map[string]string{
		`{"kept":1,"code":"E_IDENTITY","reason":"of another run","hint":"push it there"}`: "E_IDENTITY push it there",
		`{"kept":1,"code":"E_INVENTED","reason":"?"}`:                                     "E_UNAVAILABLE ",
	} {
		s := asks(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v1/evidence" && r.URL.Path != "/v1/approvals" || r.URL.Path == "/v1/approvals" &&
				r.Header.Get("Authorization") != "" {
				t.Errorf("asked %s with %q", r.URL, r.Header.Get("Authorization"))
			}
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = w.Write([]byte(body))
		})
		n, err := s.Push(t.Context(), [][]byte{[]byte("{}")})
		if f := fault.Of(err); n != 1 || string(f.Code)+" "+f.Hint != want {
			t.Errorf("%d, %s %q, want %s", n, f.Code, f.Hint, want)
		}
		if n, err := s.Say(t.Context(), "https://github.com", "7", [][]byte{[]byte("{}")}); n != 1 || err == nil {
			t.Errorf("words of people: %d, %v", n, err)
		}
	}
}

func TestJ05_a_server_is_an_address_of_https_alone(t *testing.T) {
	for address, good := range map[string]bool{
		"https://sallyport.example.com": true, "http://127.0.0.1:8787": true, "http://sallyport.example.com": false,
		"https://sallyport.example.com/x": false, "https://user@sallyport.example.com": false,
		"https://sallyport.example.com?x": false, "sallyport.example.com": false, "": false,
	} {
		if _, err := store.NewServer(address, nil); (err == nil) != good {
			t.Errorf("%q: %v", address, err)
		}
		if _, err := store.NewServer(address, nil); err != nil && !strings.Contains(err.Error(), "want https and a host alone") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
