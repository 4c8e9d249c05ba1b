package github_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A run whose gate ended without everybody's yes is started again; one that goes
// on, has succeeded, is too old, or was started too often is not.
func TestResume(t *testing.T) {
	w := newWorld(t, "resume")
	w.run(700, object{"conclusion": "failure", "created_at": recently})
	w.run(701, object{"status": "in_progress", "conclusion": nil, "created_at": recently})
	w.run(702, object{"created_at": recently})
	w.run(703, object{"conclusion": "failure", "created_at": "2020-01-01T00:00:00Z"})
	w.run(704, object{"conclusion": "failure", "run_attempt": 50, "created_at": recently})
	for id, want := range map[int]string{700: "run 700 are started again", 701: "run 701 is going on", 702: "run 702 has succeeded"} {
		w.again()
		said, err := w.job.Resume(context.Background(), w.uri(id, 1))
		if err != nil || !strings.Contains(said, want) {
			t.Errorf("run %d: %q, %v; want %q", id, said, err, want)
		}
	}
	w.again()
	if said, err := w.job.Resume(context.Background(), w.uri(700, 1)); err != nil || !strings.Contains(said, "is going on") {
		t.Errorf("a second time: %q, %v; want that it goes on", said, err)
	}
	w.run(700, object{"created_at": recently})
	said, err := w.job.Resume(context.Background(), w.uri(700, 1))
	if err != nil || !strings.Contains(said, "has succeeded") {
		t.Errorf("a third time, with what was known: %q, %v; want that it has succeeded", said, err)
	}
	for uri, code := range map[string]fault.Code{
		w.uri(703, 1): fault.Stale, w.uri(704, 50): fault.Limit, w.uri(799, 1): fault.BuildState, "https://github.com/acme/other/actions/runs/700/attempts/1": fault.Source,
	} {
		w.again()
		said, err := w.job.Resume(context.Background(), uri)
		if fault.Of(err).Code != code {
			t.Errorf("%s: %q, %v; want %s", uri, said, err, code)
		}
	}
	w.run(705, object{"conclusion": "failure", "created_at": recently})
	w.lab.Fault(t, object{"target": "github", "match": "/runs/705/rerun-failed-jobs$", "status": 403, "times": 1})
	w.again()
	_, err = w.job.Resume(context.Background(), w.uri(705, 1))
	wantFault(t, err, fault.Unavailable, fault.NotAvailable)
	if !strings.Contains(fault.Of(err).Hint, "actions: write") {
		t.Errorf("hint = %q, want the permission", fault.Of(err).Hint)
	}
	w.lab.Contract(t)
}
