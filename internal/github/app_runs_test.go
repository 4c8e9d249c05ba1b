package github_test

import (
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A run pushes while it is at work. Its steps come one after the other, and ask GitHub once a minute.
func TestE13_a_run_is_at_work_until_it_ends_or_is_started_again(t *testing.T) {
	g := newGuarded(t, "app-at-work")
	now := time.Now()
	g.door.Now = func() time.Time { return now }
	at := func(run int64, attempt int) error {
		return g.door.AtWork(t.Context(), g.name, g.number, run, attempt)
	}
	is := func(state object) { g.lab.Set(t, "/github/repos/"+g.name+"/runs/44", state) }
	is(object{"status": "in_progress", "conclusion": nil})
	if err := at(44, 1); err != nil {
		t.Fatal(err)
	}
	asked := g.asked("/")
	if err := at(44, 1); err != nil || g.asked("/") != asked {
		t.Errorf("the next step: %v, %d questions", err, g.asked("/")-asked)
	}
	is(object{"status": "completed", "conclusion": "success"})
	now = now.Add(time.Minute)
	wantFault(t, at(44, 1), fault.Refused, fault.BuildState)
	is(object{"status": "queued", "conclusion": nil, "run_attempt": 2})
	wantFault(t, at(44, 1), fault.Refused, fault.BuildState)
	if err := at(44, 2); err != nil {
		t.Errorf("the attempt that is at work: %v", err)
	}
	wantFault(t, at(44, 3), fault.Unavailable, fault.NotAvailable) // the API is behind the token
	is(object{"status": "zombie"})
	now = now.Add(time.Minute)
	if f := fault.Of(at(44, 2)); f.Kind != fault.Unavailable {
		t.Errorf("a state that nobody knows: %v", f)
	}
	is(object{"status": "waiting", "repository": object{"id": g.number + 1}})
	if f := fault.Of(at(44, 2)); f.Kind != fault.Unavailable {
		t.Errorf("a run of another repository: %v", f)
	}
	for what, err := range map[string]error{
		"a run that is not there":      at(45, 1),
		"another number of the name":   g.door.AtWork(t.Context(), g.name, g.number+1, 44, 2),
		"a repository without the app": g.door.AtWork(t.Context(), "acme/nowhere", g.number, 46, 1),
	} {
		if f := fault.Of(err); f.Kind != fault.Unavailable {
			t.Errorf("%s: %v (%s)", what, err, f.Code)
		}
	}
}
