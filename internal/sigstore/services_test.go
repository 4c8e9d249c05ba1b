package sigstore

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sigstore/rekor/pkg/generated/client/entries"
	"github.com/sigstore/rekor/pkg/generated/models"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// entryOf is an entry of a log of the first version, without one of its parts.
func entryOf(without string) string {
	parts := map[string]string{
		"body": `"e30="`, "integratedTime": "1", "logID": `"ab"`, "logIndex": "7",
		"verification": `{"inclusionProof":{"hashes":[],"logIndex":7,"rootHash":"ab","treeSize":8,"checkpoint":"x"},"signedEntryTimestamp":"AA=="}`,
	}
	var all []string
	for name, v := range parts {
		if name != without {
			all = append(all, fmt.Sprintf("%q:%s", name, strings.ReplaceAll(v, `"`+without+`":`, `"x":`)))
		}
	}
	return `{"uuid1":{` + strings.Join(all, ",") + `}}`
}

// sigstore-go reads an entry of the first version without asking what is in it.
// One that lacks a part is no entry; a whole one is.
func TestF03_an_entry_of_the_first_log(t *testing.T) {
	whole := entryOf("")
	for _, body := range []string{
		whole, entryOf("integratedTime"), entryOf("logID"), entryOf("logIndex"), entryOf("verification"), entryOf("rootHash"),
		entryOf("treeSize"), entryOf("checkpoint"), entryOf("inclusionProof"), "{}", "null", "[]", "", "<html>", `{"a":{},"b":{}}`,
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/v1/log/entries" || r.Method != http.MethodPost {
				t.Errorf("asked %s %s", r.Method, r.URL.Path)
			}
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, body)
		}))
		got, err := create(t, s.URL)
		s.Close()
		if (body == whole) != (err == nil) {
			t.Errorf("%s: %v, want it accepted = %v", body, err, body == whole)
		}
		if err != nil && fault.Of(err).Code != fault.Malformed {
			t.Errorf("%s: %v, want %s", body, err, fault.Malformed)
		}
		if err == nil && got.Payload[got.ETag].LogIndex == nil {
			t.Errorf("%s: the entry is not under its name", body)
		}
	}
}

func create(t *testing.T, address string) (*entries.CreateLogEntryCreated, error) {
	t.Helper()
	l, err := newLogClient(address)
	if err != nil {
		t.Fatal(err)
	}
	p := entries.NewCreateLogEntryParamsWithContext(t.Context())
	p.SetProposedEntry(&models.Hashedrekord{})
	return firstLog{l}.CreateLogEntry(p)
}

// An entry that is there already, because its answer was lost, is fetched.
func TestF03_an_entry_that_is_there_already(t *testing.T) {
	for location, want := range map[string]bool{"/api/v1/log/entries/uuid1": true, "uuid1": true, "": false,
		"/api/v1/log/entries/gone": false, "/": false} {
		fetched := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodPost:
				w.Header().Set("Location", location)
				w.WriteHeader(http.StatusConflict)
			case r.URL.Path == "/api/v1/log/entries/uuid1":
				fetched++
				fmt.Fprint(w, entryOf(""))
			default:
				w.WriteHeader(http.StatusNotFound)
			}
		}))
		_, err := create(t, s.URL)
		s.Close()
		if want != (err == nil) || want != (fetched == 1) {
			t.Errorf("location %q: %v, fetched %d times, want it found = %v", location, err, fetched, want)
		}
	}
}
