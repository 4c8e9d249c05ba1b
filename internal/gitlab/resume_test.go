package gitlab_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A pipeline whose gate ended without everybody's yes is started again.
func TestResume(t *testing.T) {
	s := play(t, 690)
	resume := func(uri string) (string, error) { return s.as().Resume(context.Background(), uri) }
	for _, c := range []struct{ status, want string }{
		{"running", "pipeline 574 is going on"}, {"success", "pipeline 574 has succeeded"}, {"failed", "pipeline 574 are started again"}, {"", "pipeline 574 is going on"},
	} {
		if c.status != "" {
			s.set("/pipelines/574", fields{"status": c.status})
		}
		if said, err := resume(s.uri(302)); err != nil || !strings.Contains(said, c.want) {
			t.Errorf("%s: %q, %v; want %q", c.status, said, err, c.want)
		}
	}
	_, err := resume(s.uri(99999))
	wantFault(t, err, fault.Refused, fault.BuildState)
	_, err = resume(server + "/acme/other/-/jobs/302")
	wantFault(t, err, fault.Refused, fault.Source)
	s.set("/pipelines/574", fields{"status": "failed"})
	s.fail("/pipelines/574/retry", http.StatusForbidden)
	_, err = resume(s.uri(302))
	wantFault(t, err, fault.Unavailable, fault.NotAvailable)
}
