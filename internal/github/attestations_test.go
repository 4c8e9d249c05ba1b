package github_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang/snappy"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// shelf is an API whose list of attestations has n entries, each of which is
// what entry makes of its number. A page is per_page long.
func shelf(t *testing.T, n int, entry func(i int) string) (*github.Job, *atomic.Int64) {
	t.Helper()
	var asked atomic.Int64
	j := at(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		size, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
		from, _ := strconv.Atoi(r.URL.Query().Get("after"))
		to := min(from+size, n)
		if n == 0 {
			http.Error(w, "{}", http.StatusNotFound)
			return
		}
		if to < n {
			w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?after=%d>; rel="next"`, r.Host, r.URL.Path, to))
		}
		var all []string
		for i := from; i < to; i++ {
			all = append(all, entry(i))
		}
		fmt.Fprintf(w, `{"attestations":[%s]}`, strings.Join(all, ","))
	})
	return j, &asked
}

func inline(i int) string { return fmt.Sprintf(`{"repository_id":9,"bundle":{"n":%d}}`, i) }

var shelved = []subject.Subject{{Digest: subject.SHA256([32]byte{2})}}

// As many bundles as the limit are all read, over as many pages as that takes.
// One more is a fault that says where and how they go away.
func TestO02_as_many_attestations_as_the_limit(t *testing.T) {
	j, asked := shelf(t, store.MaxPerSubject, inline)
	found, err := j.Evidence().Fetch(context.Background(), shelved)
	if err != nil || len(found.Bundles) != store.MaxPerSubject || asked.Load() != store.MaxPerSubject/100 {
		t.Errorf("at the limit: %d bundles in %d calls, %v; want %d in %d", len(found.Bundles), asked.Load(), err,
			store.MaxPerSubject, store.MaxPerSubject/100)
	}
	j, _ = shelf(t, store.MaxPerSubject+1, inline)
	_, err = j.Evidence().Fetch(context.Background(), shelved)
	wantFault(t, err, fault.Refused, fault.Limit)
	for _, want := range []string{"GitHub attestations of acme/widget", shelved[0].Digest.String(),
		"workflows of this repository"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	if hint := fault.Of(err).Hint; !strings.Contains(hint, "https://github.com/acme/widget/attestations") ||
		!strings.Contains(hint, "gh api -X DELETE orgs/acme/attestations/digest/"+shelved[0].Digest.String()) {
		t.Errorf("hint %q does not say how to clear it", hint)
	}
}

// A full list of attestations that lost a page is no list.
func TestO02_a_lost_page_of_attestations(t *testing.T) {
	for name, c := range map[string]struct {
		page2 func(w http.ResponseWriter, next string)
		kind  fault.Kind
		code  fault.Code
	}{
		"whole": {func(w http.ResponseWriter, _ string) {
			fmt.Fprint(w,
				`{"attestations":[{"bundle":{"n":2}}]}`)
		}, 0, ""},
		"empty, the end": {func(w http.ResponseWriter, _ string) { fmt.Fprint(w, `{"attestations":[]}`) }, 0, ""},
		"404": {func(w http.ResponseWriter, _ string) { w.WriteHeader(404) }, fault.Refused,
			fault.Malformed},
		"empty, and a next one": {func(w http.ResponseWriter, next string) {
			w.Header().Set("Link", strings.ReplaceAll(next, "=x>", "=y>"))
			fmt.Fprint(w, `{"attestations":[]}`)
		}, fault.Refused, fault.Malformed},
		"its own next": {func(w http.ResponseWriter, next string) {
			w.Header().Set("Link", next)
			fmt.Fprint(w, `{"attestations":[{"bundle":{"n":2}}]}`)
		}, fault.Refused, fault.Malformed},
		"null": {func(w http.ResponseWriter, _ string) { fmt.Fprint(w, `{"attestations":null}`) }, fault.Refused,
			fault.Malformed},
		"{}":    {func(w http.ResponseWriter, _ string) { fmt.Fprint(w, `{}`) }, fault.Refused, fault.Malformed},
		"fails": {func(w http.ResponseWriter, _ string) { w.WriteHeader(503) }, fault.Unavailable, fault.NotAvailable},
	} {
		t.Run(name, func(t *testing.T) {
			j := at(t, func(w http.ResponseWriter, r *http.Request) {
				next := fmt.Sprintf(`<http://%s%s?after=x>; rel="next"`, r.Host, r.URL.Path)
				switch r.URL.Query().Get("after") {
				case "x":
					c.page2(w, next)
					return
				case "y":
					fmt.Fprint(w, `{"attestations":[{"bundle":{"n":3}}]}`)
					return
				}
				w.Header().Set("Link", next)
				fmt.Fprint(w, `{"attestations":[{"bundle":{"n":1}}]}`)
			})
			j.Budget = time.Second
			found, err := j.Evidence().Fetch(context.Background(), shelved)
			if c.code == "" {
				if err != nil || len(found.Bundles) == 0 {
					t.Errorf("%d bundles, %v, want the whole list", len(found.Bundles), err)
				}
				return
			}
			wantFault(t, err, c.kind, c.code)
		})
	}
}

// The same for the question about many digests at once.
func TestO02_a_lost_page_of_many(t *testing.T) {
	two := []subject.Subject{{Digest: subject.SHA256([32]byte{1})}, {Digest: subject.SHA256([32]byte{2})}}
	for name, c := range map[string]struct {
		page2 string
		code  fault.Code
	}{
		"whole": {`{"attestations_subject_digests":{%q:[{"repository_id":9,"bundle":{"n":2}}]},"page_info":{"has_next":false}}`, ""},
		"empty, and a next one": {`{"attestations_subject_digests":{%q:null},"page_info":{"has_next":true,"next":"y"}}`,
			fault.Malformed},
		"its own next": {`{"attestations_subject_digests":{%q:[{"repository_id":9,"bundle":{"n":2}}]},"page_info":{"has_next":true,"next":"x"}}`, fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			j := at(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet { // the repository itself, which is asked where many cannot be
					fmt.Fprint(w, `{"attestations":[]}`)
					return
				}
				switch r.URL.Query().Get("after") {
				case "x":
					fmt.Fprintf(w, c.page2, two[0].Digest)
					return
				case "y":
					fmt.Fprintf(w, `{"attestations_subject_digests":{%q:[{"repository_id":9,"bundle":{"n":3}}]},"page_info":{"has_next":false}}`, two[0].Digest)
					return
				}
				fmt.Fprintf(w, `{"attestations_subject_digests":{%q:[{"repository_id":9,"bundle":{"n":1}}]},"page_info":{"has_next":true,"next":"x"}}`, two[0].Digest)
			})
			found, err := j.Evidence().Fetch(context.Background(), two)
			if c.code == "" && (err != nil || len(found.Bundles) != 2) {
				t.Errorf("%d bundles, %v, want two", len(found.Bundles), err)
			}
			if c.code != "" {
				wantFault(t, err, fault.Refused, c.code)
			}
		})
	}
}

// Whoever may attest in the repository can store bundles that are large or too
// large. They fill no answer, and the one that counts is found among them.
func TestD06_large_attestations_hide_nothing(t *testing.T) {
	large := `{"repository_id":9,"bundle":{"junk":"` + strings.Repeat("x", 1<<20) + `"}}`
	tooLarge := `{"repository_id":9,"bundle":{"junk":"` + strings.Repeat("x", store.MaxBundleBytes) + `"}}`
	j, _ := shelf(t, 60, func(i int) string {
		switch i {
		case 30:
			return tooLarge
		case 59:
			return inline(i)
		}
		return large
	})
	found, err := j.Evidence().Fetch(context.Background(), shelved)
	if err != nil || len(found.Bundles) != 59 || string(found.Bundles[58].Bundle) != `{"n":59}` {
		t.Fatalf("%d bundles, %v, want 59 with the good one at the end", len(found.Bundles), err)
	}
	if len(found.Passed) != 1 || found.Passed[0].What != store.TooLarge || found.Passed[0].Count != 1 {
		t.Errorf("passed over %+v, want the one that is too large", found.Passed)
	}
}

// A compressed bundle that says it is too large is passed over, whatever it
// really is; one that is broken was broken by the store.
func TestO01_blobs(t *testing.T) {
	for name, c := range map[string]struct {
		blob   []byte
		passed int
		code   fault.Code
	}{
		"good":      {snappy.Encode(nil, []byte(`{"n":1}`)), 0, ""},
		"too large": {append([]byte{0x81, 0x80, 0x80, 0x08}, make([]byte, 100)...), 1, ""}, // 16 MiB and a byte
		"broken":    {[]byte{7, 0xff}, 0, fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			j := at(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/blob" {
					if r.Header.Get("Authorization") != "" {
						t.Error("the store of blobs was shown the token")
					}
					_, _ = w.Write(c.blob)
					return
				}
				b, err := json.Marshal(map[string]any{"attestations": []any{map[string]any{"bundle": nil,
					"bundle_url": "http://" + r.Host + "/blob"}}})
				if err != nil {
					t.Error(err)
				}
				_, _ = w.Write(b)
			})
			found, err := j.Evidence().Fetch(context.Background(), shelved)
			if c.code != "" {
				wantFault(t, err, fault.Refused, c.code)
				return
			}
			if err != nil || len(found.Bundles) != 1-c.passed || len(found.Passed) != c.passed {
				t.Errorf("%d bundles, passed over %v, %v", len(found.Bundles), found.Passed, err)
			}
		})
	}
}

// An answer to an upload that names nothing has stored nothing.
func TestF03_an_attestation_without_a_number(t *testing.T) {
	for body, c := range map[string]struct {
		status int
		ok     bool
	}{
		`{}`: {200, false}, `{"id":0}`: {201, false}, `{"id":-1}`: {201, false}, `null`: {201, false},
		``: {204, false}, `[]`: {201, false}, `{"id":17}`: {201, true},
	} {
		j := at(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(c.status); fmt.Fprint(w, body) })
		_, err := j.Evidence().Put(context.Background(), store.Record{Bundle: []byte(`{}`)})
		if c.ok != (err == nil) {
			t.Errorf("%d %q: %v, want it kept = %v", c.status, body, err, c.ok)
		}
		if err != nil {
			wantFault(t, err, fault.Refused, fault.Malformed)
		}
	}
}

// A limit that only the body of an answer tells, or that the library remembers
// from an answer before, is told with its end.
func TestGitHub_limits_are_told(t *testing.T) {
	secondary := at(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(403)
		fmt.Fprint(w, `{"message":"You have exceeded a secondary rate limit.","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`)
	})
	secondary.Budget = time.Second // too short for the minute that it takes
	n := 0
	remembered := at(t, func(w http.ResponseWriter, _ *http.Request) {
		n++
		for k, v := range limit(0, time.Now().Add(time.Hour)) {
			w.Header().Set(k, v)
		}
		fmt.Fprint(w, `{"attestations":[{"bundle":{"n":1}}]}`)
	})
	remembered.Budget = time.Second
	if _, err := remembered.Evidence().Fetch(context.Background(), shelved); err != nil {
		t.Fatal(err)
	}
	for name, j := range map[string]*github.Job{"in the body": secondary, "remembered": remembered} {
		_, err := j.Evidence().Fetch(context.Background(), shelved)
		wantFault(t, err, fault.Unavailable, fault.NotAvailable)
		if !strings.Contains(err.Error(), "the GitHub API answered 403: it lets this token ask again at ") ||
			!strings.Contains(fault.Of(err).Hint, "try again after ") {
			t.Errorf("%s: %v, hint %q, want the time", name, err, fault.Of(err).Hint)
		}
	}
	if n != 1 {
		t.Errorf("asked %d times, want once: nothing is asked while a limit lasts", n)
	}
}
