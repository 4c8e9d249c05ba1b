package sigstore_test

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
)

const aStatement = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x","digest":{"sha256":"0101010101010101010101010101010101010101010101010101010101010101"}}],"predicateType":"https://example.com/x","predicate":{}}`

// An answer that is lost after the work was done costs another try, and in the
// log another signature: there is one good bundle in the end.
func TestF03_answers_that_are_lost_while_signing(t *testing.T) {
	l := labtest.Shared(t)
	c := signingConfig(t, l)
	token := l.GitHubToken(t, "sigstore", nil)
	for name, c2 := range map[string]struct {
		target string
		writes int // requests to the log
	}{"certificate": {"fulcio", 1}, "timestamp": {"tsa", 1}, "log entry": {"rekor", 3}} {
		l.Fault(t, map[string]any{"target": c2.target, "match": "^POST ", "action": "persist_then_fail", "status": 502})
		l.Unset(t, "/requests")
		b, err := sigstore.Sign(t.Context(), c, []byte(aStatement), token)
		if err != nil || !bytes.Contains(b, []byte("tlogEntries")) {
			t.Errorf("%s: %v, want a bundle", name, err)
		}
		n := 0
		for _, r := range l.Requests(t) {
			if r.Target == "rekor" && r.Method == http.MethodPost {
				n++
			}
		}
		if n != c2.writes {
			t.Errorf("%s: the log was asked %d times, want %d: an entry that it has is not written again", name, n,
				c2.writes)
		}
	}
	l.Fault(t, map[string]any{"target": "rekor", "match": "^POST ", "status": 409, "times": -1})
	_, err := sigstore.Sign(t.Context(), c, []byte(aStatement), token)
	if f := fault.Of(err); err == nil || f.Kind != fault.Unavailable {
		t.Errorf("a log that always has everything: %v, want it unavailable", err)
	}
}
