package github_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

func (w *world) ask(q policy.RunQuery) policy.Run {
	w.t.Helper()
	w.again()
	all, err := w.job.Runs(context.Background(), []policy.RunQuery{q})
	if err != nil || len(all) != 1 || all[0].URI != q.URI {
		w.t.Fatalf("%s: %+v, %v; want one answer", q.URI, all, err)
	}
	return all[0]
}

// Of all ends that a run can come to, one is good.
func TestF13_only_success_is_success(t *testing.T) {
	w := newWorld(t, "ends")
	for _, c := range []struct {
		status     string
		conclusion any
		want       policy.RunState
	}{
		{"completed", "success", policy.Succeeded},
		{"completed", "failure", policy.Failed},
		{"completed", "cancelled", policy.Failed},
		{"completed", "timed_out", policy.Failed},
		{"completed", "action_required", policy.Failed},
		{"completed", "stale", policy.Failed},
		{"completed", "neutral", policy.Failed},
		{"completed", "skipped", policy.Failed},
		{"completed", "startup_failure", policy.Failed},
		{"completed", nil, policy.Failed},
		{"in_progress", nil, policy.Unfinished},
		{"in_progress", "success", policy.Unfinished},
		{"queued", nil, policy.Unfinished},
		{"waiting", nil, policy.Unfinished},
		{"finished", "success", policy.RunUnknown},
		{"", "success", policy.RunUnknown},
	} {
		w.run(700, object{"head_sha": sha(1), "status": c.status, "conclusion": c.conclusion})
		got := w.ask(policy.RunQuery{URI: w.uri(700, 1), Outcome: true})
		if got.State != c.want || got.Commit != sha(1) || got.Path != ".github/workflows/release.yml" || got.Own {
			t.Errorf("%s, %v: %+v, want state %v", c.status, c.conclusion, got, c.want)
		}
	}
	w.lab.Contract(t)
}

// The jobs that a policy names have to have succeeded, each leg and each part
// of them, in the attempt that the certificate names.
func TestF13_named_jobs(t *testing.T) {
	w := newWorld(t, "jobs")
	ended := func(name string, conclusion any) object { return object{"name": name, "conclusion": conclusion} }
	for _, own := range []int{700, 1000001} {
		for name, c := range map[string]struct {
			jobs []object
			want policy.RunState
		}{
			"it":               {[]object{ended("build", "success")}, policy.Succeeded},
			"and others":       {[]object{ended("build", "success"), ended("builder", "failure"), ended("build-x (1)", "failure")}, policy.Succeeded},
			"failed":           {[]object{ended("build", "failure")}, policy.Failed},
			"skipped":          {[]object{ended("build", "skipped")}, policy.Failed},
			"neutral":          {[]object{ended("build", "neutral")}, policy.Failed},
			"still runs":       {[]object{{"name": "build", "status": "in_progress", "conclusion": nil}}, policy.Unfinished},
			"is not there":     {[]object{ended("test", "success")}, policy.RunUnknown},
			"all legs":         {[]object{ended("build (linux, arm64)", "success"), ended("build (linux, amd64)", "success")}, policy.Succeeded},
			"a leg failed":     {[]object{ended("build (linux, arm64)", "failure"), ended("build (linux, amd64)", "success")}, policy.Failed},
			"a leg runs":       {[]object{ended("build (a)", "success"), {"name": "build (b)", "status": "queued", "conclusion": nil}}, policy.Unfinished},
			"all parts":        {[]object{ended("build / compile", "success"), ended("build / sign", "success")}, policy.Succeeded},
			"a part failed":    {[]object{ended("build / compile", "success"), ended("build / sign", "cancelled")}, policy.Failed},
			"of another named": {[]object{ended("x / build", "success")}, policy.RunUnknown},
		} {
			w.run(own, object{"head_sha": sha(1)})
			w.set(fmt.Sprintf("/runs/%d/attempts/1/jobs", own), c.jobs)
			if got := w.ask(policy.RunQuery{URI: w.uri(own, 1), Jobs: []string{"build"}, Outcome: true}); got.State != c.want {
				t.Errorf("run %d, %s: state %v (%s), want %v", own, name, got.State, got.Words, c.want)
			}
		}
	}
	w.run(700, object{"head_sha": sha(1), "conclusion": "failure"})
	w.set("/runs/700/attempts/1/jobs", []object{ended("build", "success")})
	if got := w.ask(policy.RunQuery{URI: w.uri(700, 1), Jobs: []string{"build"}, Outcome: true}); got.State != policy.Succeeded {
		t.Errorf("named job of a failed run: state %v (%s), want succeeded", got.State, got.Words)
	}
	if got := w.ask(policy.RunQuery{URI: w.uri(700, 1), Outcome: true}); got.State != policy.Failed {
		t.Errorf("failed run, no job named: state %v (%s), want failed", got.State, got.Words)
	}
	w.lab.Contract(t)
}

// The run that asks is not over; nothing in it may have failed so far.
func TestF13_the_run_that_asks(t *testing.T) {
	w := newWorld(t, "own")
	jobs := func(conclusions ...any) (out []object) {
		for i, c := range conclusions {
			status := "completed"
			if c == nil {
				status = "in_progress"
			}
			out = append(out, object{"name": fmt.Sprint("job", i), "status": status, "conclusion": c})
		}
		return out
	}
	for name, c := range map[string]struct {
		jobs []object
		want policy.RunState
	}{
		"good so far":    {jobs("success", nil), policy.Succeeded},
		"one skipped":    {jobs("success", "skipped", nil), policy.Succeeded},
		"one failed":     {jobs("success", "failure", nil), policy.Failed},
		"one cancelled":  {jobs("success", "cancelled"), policy.Failed},
		"one neutral":    {jobs("success", "neutral"), policy.Failed},
		"nothing yet":    {jobs(nil, nil), policy.Unfinished},
		"skipped only":   {jobs("skipped", nil), policy.Unfinished},
		"nothing at all": {[]object{}, policy.Unfinished},
		"one timed out":  {jobs("success", "timed_out"), policy.Failed},
	} {
		w.run(1000001, object{"head_sha": sha(1), "status": "in_progress", "conclusion": nil})
		w.set("/runs/1000001/attempts/1/jobs", c.jobs)
		got := w.ask(policy.RunQuery{URI: w.uri(1000001, 1), Outcome: true})
		if got.State != c.want || !got.Own || !strings.Contains(got.Words, "attempt 1") {
			t.Errorf("%s: %+v, want state %v", name, got, c.want)
		}
	}
	many := make([]any, 150)
	for i := range many {
		many[i] = "success"
	}
	many[149] = "failure"
	w.set("/runs/1000001/attempts/1/jobs", jobs(many...))
	if got := w.ask(policy.RunQuery{URI: w.uri(1000001, 1), Outcome: true}); got.State != policy.Failed {
		t.Errorf("a failure on the second page: %+v, want failed", got)
	}
}

// An attempt is the one that is named: what another did is not its doing.
func TestI01_attempts(t *testing.T) {
	w := newWorld(t, "attempts")
	w.run(700, object{"head_sha": sha(1), "actor": alice, "triggering_actor": alice, "conclusion": "failure"})
	w.set("/runs/700/attempts/2", object{"triggering_actor": bob, "status": "completed", "conclusion": "success"})
	for n, c := range map[int]struct {
		state policy.RunState
		by    string
		again bool
	}{1: {policy.Failed, "77", false}, 2: {policy.Succeeded, "88", true}, 3: {policy.RunUnknown, "", false}} {
		got := w.ask(policy.RunQuery{URI: w.uri(700, n), Outcome: true})
		if got.State != c.state || got.By.ID != c.by || got.Again != c.again {
			t.Errorf("attempt %d: %+v, want state %v by %s, again %v", n, got, c.state, c.by, c.again)
		}
	}
	for _, uri := range []string{
		w.uri(999, 1), w.uri(700, 0), "", "https://github.com/acme/other/actions/runs/700/attempts/1", "https://github.com.evil.example/acme/attempts/actions/runs/700/attempts/1",
		"https://github.com/acme/attempts/actions/runs/700", w.uri(700, 1) + "/x", w.uri(700, 1) + "?x", "https://github.com/acme/attempts/x/actions/runs/700/attempts/1",
	} {
		if got := w.ask(policy.RunQuery{URI: uri, Outcome: true}); got.State != policy.RunUnknown || got.By.ID != "" || got.Words == "" {
			t.Errorf("%q: %+v, want unknown, with words", uri, got)
		}
	}
	w.lab.Contract(t)
}

// Who started a run is an account of a kind; only a person's is a person.
func TestI05_who_starts_a_run(t *testing.T) {
	w := newWorld(t, "kinds")
	for _, c := range []struct {
		who  any
		want policy.Account
	}{
		{alice, policy.Account{Host: "https://github.com", ID: "77", Name: "alice", Kind: policy.Human}},
		{robot, policy.Account{Host: "https://github.com", ID: "41898282", Name: "github-actions[bot]", Kind: policy.Machine}},
		{object{"login": "app[bot]", "id": 5, "type": "User"}, policy.Account{Host: "https://github.com", ID: "5", Name: "app[bot]", Kind: policy.Machine}},
		{object{"login": "dependabot[bot]", "id": 49699333, "type": "Bot"}, policy.Account{Host: "https://github.com", ID: "49699333", Name: "dependabot[bot]", Kind: policy.Machine}},
		{object{"login": "org", "id": 6, "type": "Organization"}, policy.Account{Host: "https://github.com", ID: "6", Name: "org"}},
		{object{"login": "new", "id": 7, "type": "Agent"}, policy.Account{Host: "https://github.com", ID: "7", Name: "new"}},
		{object{"login": "ghost", "id": 10137}, policy.Account{}},
	} {
		w.run(700, object{"head_sha": sha(1), "triggering_actor": c.who})
		if got := w.ask(policy.RunQuery{URI: w.uri(700, 1)}); got.By != c.want {
			t.Errorf("by %+v, want %+v", got.By, c.want)
		}
	}
}

// Of a run that is not among the newest hundred the API is asked singly, and a
// list without runs is no list.
func TestRuns_beyond_the_first_page(t *testing.T) {
	w := newWorld(t, "old")
	for id := 10; id <= 115; id++ {
		w.run(id, object{"head_sha": sha(1)})
	}
	w.run(10, object{"conclusion": "failure"})
	if got := w.ask(policy.RunQuery{URI: w.uri(10, 1), Outcome: true}); got.State != policy.Failed {
		t.Errorf("the oldest: %+v, want failed", got)
	}
	if got := w.ask(policy.RunQuery{URI: w.uri(11, 1), Outcome: true}); got.State != policy.Succeeded {
		t.Errorf("the second: %+v, want success", got)
	}
	f := newFake(t, map[string]string{"/repos/acme/widget/actions/runs": `{"total_count":0}`})
	_, err := f.Runs(context.Background(), []policy.RunQuery{{URI: "https://github.com/acme/widget/actions/runs/1/attempts/1"}})
	wantFault(t, err, fault.Refused, fault.Malformed)
}

// What an entry is about is the job that signed it: a run goes on after it, fails
// elsewhere, or succeeds although that job failed.
func TestG11_how_the_job_ended_that_signed_an_entry(t *testing.T) {
	w := newWorld(t, "signing")
	w.run(7, object{"head_sha": sha(1), "conclusion": "success"})
	w.set("/runs/7/attempts/1/jobs", []object{
		{"id": 301, "name": "smoke", "conclusion": "success"}, {"id": 302, "name": "deploy", "conclusion": "failure"},
		{"id": 303, "name": "deploy again", "status": "in_progress", "conclusion": nil, "completed_at": nil},
	})
	for job, want := range map[string]policy.RunState{"": policy.Succeeded, "301": policy.Succeeded, "302": policy.Failed, "303": policy.Unfinished, "999": policy.RunUnknown} {
		got, err := w.job.Runs(t.Context(), []policy.RunQuery{{URI: w.uri(7, 1), Outcome: true, Entry: true, Job: job}})
		if err != nil || got[0].State != want {
			t.Errorf("job %q: %+v, %v, want state %v", job, got, err, want)
		}
	}
}
