package store_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A record is found under the last of its subjects, by whoever knows the repository alone,
// with the referrers API and without it; and under no other subject.
func TestG11_records_are_found_by_their_last_subject(t *testing.T) {
	for _, referrers := range []bool{true, false} {
		pushes := 0
		host := server(t, referrers, func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/record-") {
				pushes++
			}
			return false
		})
		open := func() *store.Records {
			s, err := store.NewRecords(host+"/acme/records", store.OCIOptions{Keychain: nobody})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		file := subject.Subject{Name: "app", Digest: subject.Sum([]byte("app"))}
		mark := subject.Subject{Name: "entry:production", Digest: subject.Sum([]byte("production"))}
		read := func(s subject.Subject) string {
			found, err := open().Fetch(context.Background(), []subject.Subject{s})
			if err != nil {
				t.Fatal(err)
			}
			var all []string
			for _, b := range found.Bundles {
				all = append(all, string(b.Bundle))
			}
			return strings.Join(all, " ")
		}
		if got := read(mark); got != "" {
			t.Errorf("an empty repository has %q", got)
		}
		for _, bundle := range []string{`{"n":1}`, `{"n":2}`} {
			s := open()
			rec := store.Record{Subjects: []subject.Subject{file, mark}, PredicateType: "x", Bundle: []byte(bundle)}
			if r, err := s.Put(context.Background(), rec); err != nil || r.Store != s.Name() {
				t.Fatalf("receipt %+v, %v, want one of %s", r, err, s.Name())
			}
		}
		if got := read(mark); !strings.Contains(got, `{"n":1}`) || !strings.Contains(got, `{"n":2}`) {
			t.Errorf("referrers %v: found %q, want both", referrers, got)
		}
		if got := read(file); got != "" {
			t.Errorf("the first subject has %q, want nothing", got)
		}
		if pushes != 1 {
			t.Errorf("the manifest of the subject was pushed %d times, want once", pushes)
		}
	}
	if _, err := store.NewRecords("Not A Name", store.OCIOptions{}); fault.Of(err).Kind != fault.Usage {
		t.Errorf("err = %v, want usage", err)
	}
}
