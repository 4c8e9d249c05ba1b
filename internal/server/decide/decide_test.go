package decide

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/server/event"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// A platform answers as a test says. What a gate asks, no test here comes to.
type platform struct {
	gate.Guard
	commit  string
	done    bool
	attempt int
	still   []bool // one for each time that it is asked; then the last one
	lost    int    // answers that do not arrive
	gone    error  // the run is read
	unsure  error  // whether it waits
	wrong   int    // answers that are not taken although the deployment waits
	listed  bool   // the status of a deployment says that it waits, whatever the run says
	late    bool   // nothing waits for an answer any more
	passed  bool   // the environment did not wait when it was asked about
	begun   bool   // the deployment does not wait, and another one of its unit does
	private bool   // it has no store for bundles
	told    []string
}

func (p *platform) KeepsBundles(context.Context) (bool, error) { return !p.private, nil }
func (p *platform) Evidence() gate.Store                       { return named("github") }
func (p *platform) Head(context.Context) (repository, id, commit, ref string, err error) {
	return "https://github.com/acme/app", "7777", "c", "refs/heads/main", nil
}
func (p *platform) Workflow(string) (repository, path string)              { return "", "" }
func (p *platform) CalledFiles(context.Context) ([]policy.JobPlace, error) { return nil, silence }
func (p *platform) FileOf(context.Context, string, string, string) ([]byte, error) {
	return nil, silence
}
func (p *platform) Attempt() int                                               { return p.attempt }
func (p *platform) Tenant(context.Context) (string, error)                     { return "501", nil }
func (p *platform) Commit(context.Context) (string, bool, error)               { return p.commit, p.done, p.gone }
func (p *platform) Versions(context.Context, string, string) ([]string, error) { return nil, nil }

func (p *platform) Still(context.Context) (bool, error) {
	if p.unsure != nil {
		return false, p.unsure
	}
	is := p.still[0]
	p.passed = !is
	if len(p.still) > 1 {
		p.still = p.still[1:]
	}
	return is, nil
}

func (p *platform) Waits(context.Context, int64) (waits, began bool, err error) {
	return p.listed || !p.begun && !p.late && !p.passed, p.begun, nil
}

func (p *platform) Answer(_ context.Context, state, comment string) (bool, error) {
	if p.lost > 0 {
		p.lost--
		return false, silence
	}
	if p.wrong > 0 {
		p.wrong--
		return false, nil
	}
	p.told = append(p.told, state+" "+comment)
	return !p.late, nil
}

var silence = fault.New(fault.Unavailable, fault.NotAvailable, "", "the platform does not answer")

// named is a store of which a test wants the name.
type named string

func (n named) Name() string { return string(n) }
func (named) Fetch(context.Context, []subject.Subject) (found store.Found, err error) {
	return found, nil
}

// A desk decides about one deployment, at a time that the test moves.
type desk struct {
	*testing.T
	*Decider
	at   *platform
	open error
	now  time.Time
	of   event.Deployment
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	s, err := keep.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "server.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	d := &desk{T: t, now: time.UnixMilli(1_000_000), at: &platform{commit: "c", attempt: 1, still: []bool{true}}}
	d.of = event.Deployment{Unit: event.Unit{Repository: event.Repository{Host: "https://github.com", ID: "7777",
		Owner: "501", Name: "acme/app"}, Run: 11, Environment: "production"},
		ID: 5, Installation: 88, Commit: "c", Asked: d.now}
	d.Decider = &Decider{Keep: s, Now: func() time.Time { return d.now }, Log: slog.New(slog.DiscardHandler),
		Missing: 10 * time.Minute, Approval: time.Hour,
		Rule: func(event.Repository) (*Rule, error) { return nil, silence },
		Open: func(context.Context, event.Deployment) (Platform, error) { return d.at, d.open }}
	if err := s.Write(t.Context(), func(tx *keep.Tx) error { _, err := tx.Ask(d.of); return err }); err != nil {
		t.Fatal(err)
	}
	return d
}

// looks decides once, and returns the state of the deployment.
func (d *desk) looks() keep.Waiting {
	d.Helper()
	_, _ = d.Decide(d.Context(), d.of.Repository, d.of.ID) // an error says that the queue asks again
	w, there, err := d.Keep.Deployment(d.Context(), d.of.Repository, d.of.ID)
	if err != nil || !there {
		d.Fatalf("%v", err)
	}
	return w
}

func TestJ08_an_outage_ends_in_a_rejection_after_its_own_time_and_not_that_of_the_deployment(t *testing.T) {
	d := newDesk(t)
	d.now = d.now.Add(24 * time.Hour) // it has waited for people until now
	for _, step := range []struct {
		after time.Duration
		want  keep.State
	}{{0, keep.IsOpen}, {9 * time.Minute, keep.IsOpen}, {time.Minute, keep.IsAnswered}} {
		d.now = d.now.Add(step.after)
		if w := d.looks(); w.State != step.want {
			t.Fatalf("after %v more it is %s, want %s", step.after, w.State, step.want)
		}
	}
	if len(d.at.told) != 1 || !strings.HasPrefix(d.at.told[0],
		"rejected sallyport: rejected: E_UNAVAILABLE: nothing could be decided for 10 min: ") {
		t.Errorf("the platform was told %q", d.at.told)
	}
}

func TestJ08_an_outage_that_ends_is_forgotten(t *testing.T) {
	d := newDesk(t)
	d.looks()
	d.now = d.now.Add(9 * time.Minute)
	d.at.still = []bool{false, true} // one look that comes to something; the deployment is opened again by hand
	if w := d.looks(); w.State != keep.IsClosed || !w.Failing.IsZero() {
		t.Fatalf("got %+v", w)
	}
	w := d.looks()
	again := func(tx *keep.Tx) error { return tx.Attempted(w, 1, keep.IsOpen) }
	if err := d.Keep.Write(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	d.now = d.now.Add(9 * time.Minute)
	if w := d.looks(); w.State != keep.IsOpen {
		t.Errorf("it is %s, want open: the second outage has just begun", w.State)
	}
}

func TestJ08_what_waits_for_nothing_is_closed_and_told_nothing(t *testing.T) {
	for what, edit := range map[string]func(d *desk){
		"the run has ended":             func(d *desk) { d.at.done = true },
		"the environment does not wait": func(d *desk) { d.at.still = []bool{false} },
	} {
		d := newDesk(t)
		edit(d)
		if w := d.looks(); w.State != keep.IsClosed || len(d.at.told) != 0 {
			t.Errorf("%s: %s, told %q", what, w.State, d.at.told)
		}
	}
	d := newDesk(t)
	d.looks()
	d.at.attempt = 2
	if w := d.looks(); w.State != keep.IsClosed || len(d.at.told) != 0 {
		t.Errorf("the run was started again: %s, told %q", w.State, d.at.told)
	}
}

// The clock was right again after the question was kept, and an outage noted.
func TestJ08_times_by_a_clock_that_was_ahead_are_not_waited_for(t *testing.T) {
	d := newDesk(t)
	asked := d.now
	d.looks()                         // there is an outage
	d.now = asked.Add(-2 * time.Hour) // and that is the time
	if w := d.looks(); !w.Asked.Equal(d.now) || !w.Failing.Equal(d.now) {
		t.Errorf("asked %v, failing since %v; want %v", w.Asked, w.Failing, d.now)
	}
	d.now = d.now.Add(10 * time.Minute)
	if w := d.looks(); w.State != keep.IsAnswered {
		t.Errorf("it is %s ten minutes later, want answered", w.State)
	}
}

// A platform that has lost a run says the same of it as one that is wrong for a moment.
func TestJ08_a_run_that_is_absent_is_asked_about_for_a_while_and_then_closed(t *testing.T) {
	gone := fault.New(fault.Refused, fault.BuildState, "", "run 11 is not there any more")
	for what, edit := range map[string]func(d *desk){
		"it is opened":                 func(d *desk) { d.open = gone },
		"it is read":                   func(d *desk) { d.at.gone = gone },
		"it is asked whether it waits": func(d *desk) { d.at.unsure = gone },
	} {
		d := newDesk(t)
		edit(d)
		d.looks()
		d.now = d.now.Add(9 * time.Minute)
		if w := d.looks(); w.State != keep.IsOpen {
			t.Errorf("%s: it is %s after nine minutes, want open", what, w.State)
		}
		d.now = d.now.Add(time.Minute)
		if w := d.looks(); w.State != keep.IsClosed || len(d.at.told) != 0 {
			t.Errorf("%s: it is %s, told %q", what, w.State, d.at.told)
		}
	}
}

func TestJ08_what_asking_again_does_not_change_is_rejected_at_once(t *testing.T) {
	for what, edit := range map[string]func(d *desk){
		"there is no policy": func(d *desk) {
			d.Rule = func(event.Repository) (*Rule, error) { return nil, nil }
		},
		"the run is of another commit": func(d *desk) { d.at.commit = "other" },
	} {
		d := newDesk(t)
		edit(d)
		if w := d.looks(); w.State != keep.IsAnswered || len(d.at.told) != 1 ||
			!strings.HasPrefix(d.at.told[0], "rejected ") {
			t.Errorf("%s: %s, told %q", what, w.State, d.at.told)
		}
	}
}

func TestJ08_a_rejection_that_did_not_arrive_is_sent_again_and_not_judged_again(t *testing.T) {
	d := newDesk(t)
	d.Rule = func(event.Repository) (*Rule, error) { return nil, nil }
	d.at.lost = 1
	if w := d.looks(); w.State != keep.IsDecided {
		t.Fatalf("it is %s, want decided", w.State)
	}
	d.Rule = func(event.Repository) (*Rule, error) { t.Error("it is judged again"); return nil, silence }
	if w := d.looks(); w.State != keep.IsAnswered || len(d.at.told) != 1 {
		t.Errorf("%s, told %q", w.State, d.at.told)
	}
}

func TestJ08_an_answer_that_may_have_arrived_is_not_sent_for_another_deployment_of_the_unit(t *testing.T) {
	d := newDesk(t)
	d.Rule = func(event.Repository) (*Rule, error) { return nil, nil }
	d.at.lost = 1
	if w := d.looks(); w.State != keep.IsDecided {
		t.Fatalf("it is %s, want decided", w.State)
	}
	d.at.begun = true
	if w := d.looks(); w.State != keep.IsClosed || len(d.at.told) != 0 {
		t.Errorf("%s, told %q", w.State, d.at.told)
	}
}

func TestJ08_an_answer_that_is_not_taken_while_the_deployment_waits_is_sent_again(t *testing.T) {
	d := newDesk(t)
	d.Rule = func(event.Repository) (*Rule, error) { return nil, nil }
	d.at.wrong = 1
	if w := d.looks(); w.State != keep.IsDecided {
		t.Fatalf("it is %s, want decided", w.State)
	}
	if w := d.looks(); w.State != keep.IsAnswered || len(d.at.told) != 1 {
		t.Errorf("%s, told %q", w.State, d.at.told)
	}
}

func TestJ08_a_deployment_that_the_run_does_not_list_for_a_moment_is_asked_about_again(t *testing.T) {
	d := newDesk(t)
	d.Rule = func(event.Repository) (*Rule, error) { return nil, nil }
	d.at.still, d.at.listed = []bool{false, true}, true
	if w := d.looks(); w.State != keep.IsOpen {
		t.Fatalf("it is %s, want open", w.State)
	}
	if w := d.looks(); w.State != keep.IsAnswered || len(d.at.told) != 1 {
		t.Errorf("%s, told %q", w.State, d.at.told)
	}
}

func TestJ07_a_rejection_that_nobody_lets_the_server_send_is_closed_in_the_end(t *testing.T) {
	d := newDesk(t)
	d.open = fault.New(fault.Refused, fault.Authn, "", "the app gets no token")
	for _, step := range []struct {
		after time.Duration
		want  keep.State
	}{{0, keep.IsDecided}, {9 * time.Minute, keep.IsDecided}, {2 * time.Minute, keep.IsClosed}} {
		d.now = d.now.Add(step.after)
		if w := d.looks(); w.State != step.want {
			t.Fatalf("after %v more it is %s, want %s", step.after, w.State, step.want)
		}
	}
}

func TestG04_looks_become_rarer_and_none_comes_after_the_deadline(t *testing.T) {
	d := &Decider{Missing: 10 * time.Minute}
	looks, age := 0, time.Duration(0)
	for ; age < d.Missing; age += d.untilMissing(age) {
		looks++
	}
	if looks > 30 || age > d.Missing+time.Second {
		t.Errorf("%d looks, the last one after %v; want 30 at most, and one after %v", looks, age, d.Missing)
	}
	for age, want := range map[time.Duration]time.Duration{0: later, 10 * time.Minute: 30 * time.Second,
		24 * time.Hour: rare} {
		if got := pace(age, 20, later, rare); got != want {
			t.Errorf("for an approval, after %v: %v, want %v", age, got, want)
		}
	}
}

func TestJ08_an_approval_is_not_sent_where_nothing_waits_any_more(t *testing.T) {
	for still, want := range map[bool]int{true: 1, false: 0} {
		d := newDesk(t)
		w := d.looks()
		d.at.still = []bool{still}
		x := event.Decision{ID: identifier(), Answer: event.Approved, At: d.now, Verdict: []byte("{}"),
			Kept: []byte("{}")}
		if err := d.decided(t.Context(), w, x, ledger.Judged, "allow", "", nil); err != nil {
			t.Fatal(err)
		}
		if err := d.send(t.Context(), w, d.at, x, d.Log); err != nil || len(d.at.told) != want {
			t.Errorf("waits %v: told %q, %v", still, d.at.told, err)
		}
	}
}

func TestJ08_an_answer_that_nothing_waited_for_says_so_in_the_ledger(t *testing.T) {
	for late, want := range map[bool]string{false: "allowed", true: "the platform waited for no answer any more"} {
		d := newDesk(t)
		w := d.looks()
		d.at.late = late
		x := event.Decision{ID: identifier(), Answer: event.Approved, At: d.now, Reason: "allowed",
			Verdict: []byte("{}"), Kept: []byte("{}")}
		if err := errors.Join(d.decided(t.Context(), w, x, ledger.Judged, "allow", "", nil),
			d.send(t.Context(), w, d.at, x, d.Log)); err != nil {
			t.Fatal(err)
		}
		var last ledger.Leaf
		err := d.Keep.Leaves(t.Context(), 0, 2, func(_ int64, body []byte) (err error) {
			last, err = ledger.ParseLeaf(body)
			return err
		})
		if err != nil || last.Kind != ledger.Answered || last.About.Reason != want {
			t.Errorf("late %v: %+v, %v; want %q", late, last, err, want)
		}
	}
}

// no keeps a rejection that has not arrived.
func (d *desk) no() {
	d.Helper()
	w, _, err := d.Keep.Deployment(d.Context(), d.of.Repository, d.of.ID)
	if err != nil {
		d.Fatal(err)
	}
	x := event.Decision{ID: identifier(), Answer: event.Rejected, At: d.now, Verdict: []byte("{}"), Kept: []byte("{}")}
	if err := d.decided(d.Context(), w, x, ledger.Judged, "deny", "", nil); err != nil {
		d.Fatal(err)
	}
}

// answers are the leaves that say of an answer that it arrived.
func (d *desk) answers() []ledger.Leaf { return d.leaves(ledger.Answered) }

// leaves are those of a kind.
func (d *desk) leaves(kind ledger.Kind) (all []ledger.Leaf) {
	d.Helper()
	var size int64
	if err := d.Keep.DB.QueryRow("select size from head").Scan(&size); err != nil {
		d.Fatal(err)
	}
	err := d.Keep.Leaves(d.Context(), 0, size, func(_ int64, body []byte) error {
		l, err := ledger.ParseLeaf(body)
		if l.Kind == kind {
			all = append(all, l)
		}
		return err
	})
	if err != nil {
		d.Fatal(err)
	}
	return all
}

// The answer arrived, and the server died before it could write that down.
func TestG03_what_is_only_watched_is_told_with_its_reason_where_there_is_one(t *testing.T) {
	for outcome, want := range map[verdict.Outcome]string{
		verdict.Allow: "approved sallyport: approved: watch: would allow\n",
		verdict.Deny:  "approved sallyport: approved: watch: would deny: E_IDENTITY: somebody else; next: ask them\n",
	} {
		d := newDesk(t)
		d.URL = "https://sallyport.example.com"
		f := verdict.Finding{Outcome: outcome, Code: fault.Identity, Reason: "somebody else", Hint: "ask them"}
		v := verdict.Verdict{Environment: "production", Mode: &verdict.Mode{Level: "watch"},
			Findings:   []verdict.Finding{f},
			Judgements: []verdict.Judgement{{Findings: []verdict.Finding{f}}}}
		w, _, err := d.Keep.Deployment(t.Context(), d.of.Repository, d.of.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.conclude(t.Context(), w, d.at, &judgement{rule: &Rule{Policy: &policy.Policy{}}, verdict: v,
			record: []byte("{}"),
			kept:   []byte("{}")}, d.Log); err != nil {
			t.Fatal(err)
		}
		if len(d.at.told) != 1 || !strings.HasPrefix(d.at.told[0], want) {
			t.Errorf("%v: told %q, want %q", outcome, d.at.told, want)
		}
	}
}

func TestG04_what_begins_without_an_approval_of_its_attempt_is_written_down(t *testing.T) {
	begins := func(d *desk) { d.at.begun, d.at.still = true, []bool{false} }
	for what, x := range map[string]struct {
		approved int // the attempt that was approved; 0: none
		edit     func(d *desk)
		want     int
	}{
		"nobody was asked":                     {0, begins, 1},
		"the run has ended":                    {0, func(d *desk) { d.at.begun, d.at.done = true, true }, 1},
		"an earlier attempt was approved":      {1, begins, 1},
		"it was approved":                      {2, begins, 0},
		"it was rejected":                      {0, func(d *desk) { d.no(); begins(d) }, 1},
		"it was cancelled, and never began":    {0, func(d *desk) { d.at.still = []bool{false} }, 0},
		"the attempt has ended, and was begun": {0, func(d *desk) { d.at.begun, d.at.attempt = true, 3 }, 1},
	} {
		d := newDesk(t)
		d.at.attempt = 2
		d.looks() // it waits
		if x.approved > 0 {
			w, _, err := d.Keep.Deployment(t.Context(), d.of.Repository, d.of.ID)
			if err != nil {
				t.Fatal(err)
			}
			other := w
			other.ID, other.Attempt = 4, x.approved
			yes := event.Decision{ID: identifier(), Answer: event.Approved, At: d.now, Verdict: []byte("{}"),
				Kept: []byte("{}")}
			asked := func(tx *keep.Tx) error { _, err := tx.Ask(other.Deployment); return err }
			if err := d.Keep.Write(t.Context(), asked); err != nil {
				t.Fatal(err)
			}
			if err := d.decided(t.Context(), other, yes, ledger.Judged, "allow", "", nil); err != nil {
				t.Fatal(err)
			}
		}
		x.edit(d)
		w := d.looks()
		got := len(d.leaves(ledger.Bypassed))
		if w.State != keep.IsClosed || got != x.want {
			t.Errorf("%s: %s, %d leaves, want %d", what, w.State, got, x.want)
		}
	}
}

func TestG11_an_answer_that_had_arrived_is_in_the_ledger_when_nothing_waits_any_more(t *testing.T) {
	for what, edit := range map[string]func(d *desk){
		"the environment does not wait": func(d *desk) { d.at.still = []bool{false} },
		"the run has ended":             func(d *desk) { d.at.done = true },
	} {
		d := newDesk(t)
		w := d.looks()
		x := event.Decision{ID: identifier(), Answer: event.Rejected, At: d.now, Reason: "no", Verdict: []byte("{}"),
			Kept: []byte("{}")}
		if err := d.decided(t.Context(), w, x, ledger.Judged, "deny", "", nil); err != nil {
			t.Fatal(err)
		}
		edit(d)
		w = d.looks()
		all := d.answers()
		if w.State != keep.IsClosed || len(d.at.told) != 0 || len(all) != 1 || all[0].About.Outcome != "rejected" ||
			all[0].About.Reason != "the platform waited for no answer any more" {
			t.Errorf("%s: %s, told %q, the ledger has %+v", what, w.State, d.at.told, all)
		}
	}
}

// Two servers work on a deployment if one of them stood still for a while. Both may have decided.
func TestG11_that_an_answer_arrived_is_in_the_ledger_once(t *testing.T) {
	d := newDesk(t)
	w := d.looks()
	var both []event.Decision
	for range 2 {
		x := event.Decision{ID: identifier(), Answer: event.Approved, At: d.now, Reason: "allowed",
			Verdict: []byte("{}"), Kept: []byte("{}")}
		if err := d.decided(t.Context(), w, x, ledger.Judged, "allow", "", nil); err != nil {
			t.Fatal(err)
		}
		both = append(both, x)
	}
	for _, x := range both {
		if err := d.send(t.Context(), w, d.at, x, d.Log); err != nil {
			t.Fatal(err)
		}
	}
	if all := d.answers(); len(all) != 1 {
		t.Errorf("the ledger says it %d times", len(all))
	}
}

func TestJ09_a_comment_has_no_markup_of_others_and_fits(t *testing.T) {
	text := comment("a](javascript:x) <img onerror=1> @org/team `code`\n" + strings.Repeat("é", 2000))
	for _, bad := range []string{"](", "<", ">", "@org", "`", "\n"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q holds %q", text[:80], bad)
		}
	}
	const most, link = 1024, 100
	if len(text) > most-link || !strings.HasSuffix(text, "é…") {
		t.Errorf("%d bytes, ends %q", len(text), text[len(text)-8:])
	}
}

const recordElsewhere = `version: 1
record-store: oci://registry.example/acme/records
artifacts:
  app:
    subject: [app]
    trust: public-good
    built-by:
      - issuer: https://token.actions.githubusercontent.com
        repository: acme/app
        repository-id: 7777
        workflow: .github/workflows/release.yml
        refs: [refs/heads/main]
environments:
  production:
    requires:
      provenance:
`

func TestG11_entries_are_looked_for_where_the_servers_policy_keeps_them(t *testing.T) {
	p, err := policy.Read([]byte(recordElsewhere), "policy.yaml", forges.Words())
	if err != nil {
		t.Fatal(err)
	}
	for private, want := range map[bool]string{false: "server and github", true: "server and registry registry.example/acme/records"} {
		d := newDesk(t)
		d.at.private = private
		kept, before, err := d.records(t.Context(), d.of.Repository, served{Platform: d.at, rule: &Rule{Policy: p, Source: []byte(recordElsewhere)}})
		if err != nil || !strings.HasPrefix(kept.Name(), want) {
			t.Errorf("private %v: %q, %v; want %q", private, kept.Name(), err, want)
		}
		if all, err := before(); err != nil || len(all) != 0 {
			t.Errorf("before: %v, %v; want none besides", all, err)
		}
	}
}

func TestG04_the_artifacts_are_those_of_the_run_up_to_its_attempt_under_names_of_the_policy(t *testing.T) {
	p, err := policy.Read([]byte(recordElsewhere), "policy.yaml", forges.Words())
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t)
	w := d.looks()
	const provenance = "https://slsa.dev/provenance/v1"
	add := func(digit string, e keep.Evidence, name string) {
		e.Repository, e.Digest, e.Body = d.of.Repository, "sha256:"+digit, []byte("{}")
		e.About = []keep.Subject{{Digest: "sha256:" + strings.Repeat(digit, 64), Name: name}}
		if err := d.Keep.Write(t.Context(), func(tx *keep.Tx) error { _, err := tx.Keep(e); return err }); err != nil {
			t.Fatal(err)
		}
	}
	add("1", keep.Evidence{Run: 11, Attempt: 1, Type: provenance}, "app")
	add("2", keep.Evidence{Run: 11, Attempt: 2, Type: provenance}, "app")
	add("3", keep.Evidence{Run: 11, Attempt: 1, Type: provenance}, "other")
	add("4", keep.Evidence{Run: 12, Attempt: 1, Type: provenance}, "app")
	add("5", keep.Evidence{Run: 11, Attempt: 1, Type: "https://cyclonedx.org/bom"}, "app")
	for attempt, want := range map[int]string{1: "1", 2: "12"} {
		w.Attempt = attempt
		got := ""
		all, err := d.subjects(t.Context(), w, &Rule{Policy: p}, nil)
		for _, s := range all {
			got += s.Digest.Hex()[:1]
		}
		if err != nil || got != want {
			t.Errorf("attempt %d: %q, %v; want %q", attempt, got, err, want)
		}
	}
}

func TestJ07_the_owner_is_whom_the_platform_names_now(t *testing.T) {
	d := newDesk(t)
	d.Keep = newDesk(t).Keep // of another deployment, whose event names another owner
	d.of.Owner, d.of.ID = "1", 6
	if err := d.Keep.Write(t.Context(), func(tx *keep.Tx) error { _, err := tx.Ask(d.of); return err }); err != nil {
		t.Fatal(err)
	}
	got := ""
	d.Rule = func(r event.Repository) (*Rule, error) { got = r.Owner; return nil, silence }
	if d.looks(); got != "501" {
		t.Errorf("the policy of owner %q is asked for, want 501", got)
	}
}

// Trusted roots of instances change, and are asked for again; so they are by a clock that was ahead.
func TestE01_trusted_roots_are_in_use_for_a_minute(t *testing.T) {
	root, err := os.ReadFile("../../sigstore/trust/public-good.trusted_root.json")
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(policyOfRoots, subject.Sum(root).Hex())
	p, err := policy.Read([]byte(text), "policy.yaml", forges.Words())
	if err != nil {
		t.Fatal(err)
	}
	rule, asked := &Rule{Policy: p}, 0
	trust := &gate.Trust{Require: func(string) sigstore.Requirements { return sigstore.Transparent },
		Beside: func(string, int64) ([]byte, error) { asked++; return root, nil }}
	now := time.Now()
	for _, x := range []struct {
		at   time.Duration
		want int
	}{{0, 1}, {59 * time.Second, 1}, {time.Minute, 2}, {time.Minute + time.Second, 2}, {-time.Second, 3}} {
		if _, _, err := rule.Roots(now.Add(x.at), trust); err != nil || asked != x.want {
			t.Errorf("after %v the root was asked for %d times, %v; want %d", x.at, asked, err, x.want)
		}
	}
}

const policyOfRoots = `version: 1
artifacts:
  app:
    subject: [app]
    trust: {root: trusted_root.json, sha256: %s}
    built-by:
      - {issuer: https://token.actions.githubusercontent.com, repository: acme/widget, repository-id: "1",
         workflow: .github/workflows/release.yml, refs: [refs/heads/main]}
environments:
  production: {requires: {provenance: {}}}
`

// The rule that counts is the one that was judged under, also where the server has read another one meanwhile.
func TestG04_nothing_is_decided_under_a_policy_that_counts_no_more(t *testing.T) {
	d := newDesk(t)
	w := d.looks()
	rule := func(text string) *Rule {
		return &Rule{Policy: &policy.Policy{Digest: subject.Sum([]byte(text))}, Place: "file policy.yaml"}
	}
	old, newer := rule("old"), rule("newer")
	d.Rule = func(event.Repository) (*Rule, error) { return newer, nil }
	for i, r := range []*Rule{old, newer} {
		err := d.Keep.Write(t.Context(), func(tx *keep.Tx) error {
			return tx.PolicyCounts(r.Place, r.Digest.String(), d.Now().Add(time.Duration(i)*time.Minute), d.Now())
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	x := event.Decision{ID: "one", Answer: event.Approved, At: d.Now(), Verdict: []byte{}, Kept: []byte{}}
	if err := d.decided(t.Context(), w, x, ledger.Judged, "allow", "", old); fault.Of(err).Kind != fault.Unavailable {
		t.Errorf("under the older one: %v", err)
	}
	if _, kept, err := d.Keep.Decision(t.Context(), w); kept || err != nil {
		t.Errorf("a decision was kept: %v, %v", kept, err)
	}
	if err := d.decided(t.Context(), w, x, ledger.Judged, "allow", "", newer); err != nil {
		t.Errorf("under the one that counts: %v", err)
	}
}
