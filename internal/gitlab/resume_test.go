package gitlab_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
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
	// What was known of the pipeline before somebody read and signed is not believed.
	s.set("/pipelines/574", fields{"status": "running"})
	s.job = s.as()
	if _, err := s.job.Runs(t.Context(), []policy.RunQuery{{URI: s.uri(302)}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{{"running", "is going on"}, {"success", "has succeeded"}} {
		s.set("/pipelines/574", fields{"status": c[0]})
		if said, err := s.job.Resume(t.Context(), s.uri(302)); err != nil || !strings.Contains(said, c[1]) {
			t.Errorf("%s: %q, %v; want %q", c[0], said, err, c[1])
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
