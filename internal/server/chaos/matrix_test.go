package chaos_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/server/pgtest"
)

// An end is what has to be there of a run when all is over.
type end struct {
	answer string // the one that the platform took
	judged string // outcomes in the ledger, in order
}

// ends wants the end of a run: one answer, in the ledger as it was given, and evidence that is kept once.
func (w *world) ends(what string, run int64, want end) {
	w.Helper()
	var all []ledger.Leaf
	var err error
	got := func(k ledger.Kind) (list []string) {
		for _, l := range all {
			if l.Kind == k && l.About.Run == strconv.FormatInt(run, 10) {
				list = append(list, l.About.Outcome)
			}
		}
		return list
	}
	var answers []string
	for late := time.Now().Add(bound); time.Now().Before(late); time.Sleep(50 * time.Millisecond) {
		answers = nil
		for _, a := range w.answers(run) {
			answers = append(answers, a.State)
		}
		if all, err = w.read(); err == nil && len(answers) > 0 && len(got(ledger.Answered)) > 0 {
			break
		}
	}
	if err != nil { // until now the lost commit may have taken the connection of an export with it
		w.Errorf("%s: %v", what, err)
	}
	if !slices.Equal(answers, []string{want.answer}) {
		w.Errorf("%s: the platform took %v, want %s alone", what, answers, want.answer)
	}
	if list := got(ledger.Answered); !slices.Equal(list, []string{want.answer}) {
		w.Errorf("%s: the ledger says that %v arrived, want %s once", what, list, want.answer)
	}
	if list := strings.Join(got(ledger.Judged), " "); list != want.judged {
		w.Errorf("%s: the ledger says that it was judged %q, want %q", what, list, want.judged)
	}
	if n := len(got(ledger.Attested)); run <= others && n != 1 {
		w.Errorf("%s: the ledger has the evidence %d times", what, n)
	}
}

// mustPush pushes until it is kept, and returns what was said in the end.
func (w *world) mustPush(run int64) (said string) {
	w.Helper()
	w.until(bound, fmt.Sprintf("the evidence of run %d is kept", run), func() bool {
		status, text, err := w.pushes(run)
		said = text
		return err == nil && status == http.StatusOK
	})
	return said
}

// spoil does something to the first request that fits, and to none after it.
type spoil struct {
	fits func(r *http.Request, body []byte) bool
	done bool
}

func spoiler(f fate, mu *sync.Mutex, all []*spoil) func(*http.Request, []byte) fate {
	return func(r *http.Request, body []byte) fate {
		mu.Lock()
		defer mu.Unlock()
		for _, s := range all {
			if !s.done && s.fits(r, body) {
				s.done = true
				return f
			}
		}
		return passes
	}
}

// The fail-closed matrix, writes over HTTP: each is lost, or is saved and unanswered. What arrives in the end is what
// would have arrived without.
func TestJ08_each_write_over_HTTP_that_is_lost_or_unanswered_comes_to_the_right_end(t *testing.T) {
	t.Parallel()
	for n, f := range []fate{lost, unanswered} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, newLane(t, 21+n), nil, 1, 4*time.Second)
			rule := func(run int64, state string) *spoil {
				return &spoil{fits: func(r *http.Request, body []byte) bool {
					said := bytes.Contains(body, []byte(`"state":"`+state+`"`))
					if state == "" {
						said = !bytes.Contains(body, []byte(`"state"`))
					}
					return r.Method == http.MethodPost && said &&
						strings.Contains(r.URL.Path, fmt.Sprintf("/runs/%d/deployment_protection_rule", run))
				}}
			}
			delivery := &spoil{fits: func(r *http.Request, body []byte) bool {
				return r.URL.Path == "/hooks/github" &&
					bytes.Contains(body, []byte("/runs/3/deployment_protection_rule"))
			}}
			push := &spoil{fits: func(r *http.Request, _ []byte) bool { return r.URL.Path == "/v1/evidence" }}
			token := &spoil{fits: func(r *http.Request, _ []byte) bool {
				return strings.HasSuffix(r.URL.Path, "/access_tokens")
			}}
			again := &spoil{fits: func(r *http.Request, _ []byte) bool {
				return r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/app/hook/deliveries/")
			}}
			to := []*spoil{rule(1, "approved"), rule(7, "rejected"), rule(9, "rejected"), rule(2, ""), token, again}
			from := []*spoil{delivery, push}
			var mu sync.Mutex
			w.api.fate, w.door.fate = spoiler(f, &mu, to), spoiler(f, &mu, from)
			w.start()
			kept := map[fate]string{lost: `"kept":1`, unanswered: `"kept":0`}[f]
			if said := w.mustPush(4); !strings.Contains(said, kept) {
				t.Errorf("the push after the one that is %s says %s, want %s", f, said, kept)
			}
			for _, run := range []int64{1, 3, 7} {
				w.mustPush(run)
			}
			for _, run := range []int64{4, 1, 2, 3, 7, 9} {
				w.reaches(run, "once")
			}
			w.until(bound, "a note is sent", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return to[3].done
			})
			w.mustPush(2)
			// Where the delivery is lost, its request is lost as well, and the next round asks for it. Where it was
			// saved, it comes a second time.
			w.until(bound, "a delivery is asked for again", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return again.done
			})
			for _, x := range []struct {
				what string
				run  int64
				want end
			}{
				{"the token of a repository, and a push", 4, end{"approved", "allow"}},
				{"a note", 2, end{"approved", "allow"}},
				{"a delivery, and the request for it", 3, end{"approved", "allow"}},
				{"an approval", 1, end{"approved", "allow"}},
				{"a rejection by a verdict", 7, end{"rejected", "deny"}},
				{"a rejection without one", 9, end{"rejected", "deny"}},
			} {
				w.ends(x.what, x.run, x.want)
			}
			mu.Lock()
			defer mu.Unlock()
			for i, s := range slices.Concat(to, from) {
				if !s.done {
					t.Errorf("write %d never came", i)
				}
			}
		})
	}
}

// The fail-closed matrix, writes to the database: each commit is lost, or is saved and unanswered.
func TestG11_each_commit_that_is_lost_or_unanswered_comes_to_the_right_end(t *testing.T) {
	t.Parallel()
	for n, f := range []fate{lost, unanswered} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			pg, err := pgtest.Start(true)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, newLane(t, 31+n), pg, 1, 4*time.Second)
			defer func() { // before PostgreSQL is gone
				w.servers[0].kill()
				pg.Stop()
			}()
			w.start()
			twice := func(one, both string) string { // what is judged again where the commit was saved
				if f == unanswered {
					return both
				}
				return one
			}
			var silent atomic.Bool // the platform, until that is written down
			w.api.fate = func(*http.Request, []byte) fate {
				return map[bool]fate{false: passes, true: fails}[silent.Load()]
			}
			for _, x := range []struct {
				what, statement string
				run             int64
				want            end
			}{
				{"evidence", "insert into evidence", 1, end{"approved", "allow"}},
				{"a delivery", "insert into delivery", 2, end{"approved", "allow"}},
				{"the attempt of a run", "update deployment set attempt", 3, end{"approved", "allow"}},
				{"a decision that approves", "insert into decision", 4,
					end{"approved", twice("allow", "allow allow")}},
				{"a decision that rejects", "insert into decision", 7, end{"rejected", "deny"}},
				{"that a rejection arrived", "update decision set arrived", 8, end{"rejected", "deny"}},
				{"that an approval arrived", "update decision set arrived", 5, end{"approved", "allow"}},
				{"that nothing can be found out", "update deployment set failing", 6, end{"approved", "allow"}},
				{"a decision without a verdict", "insert into decision", 9, end{"rejected", "deny"}},
				{"a note", "update deployment set told", 10, end{"rejected", "deny"}},
			} {
				came := w.servers[0].wire.arm(f, x.statement)
				if x.run <= others {
					w.mustPush(x.run)
				}
				silent.Store(strings.Contains(x.statement, "failing"))
				w.reaches(x.run, "twice") // where the first is not kept, the platform delivers it again
				if silent.Load() {
					w.until(bound, "it is written down that nothing can be found out", func() bool {
						select {
						case <-came:
							return true
						default:
							return false
						}
					})
					silent.Store(false)
				}
				w.ends(x.what, x.run, x.want)
				select {
				case <-came:
				default:
					t.Errorf("%s: the commit never came", x.what)
				}
			}
		})
	}
}

// A disk that is full takes nothing, and says so. What comes when there is room again is taken.
func TestO06_a_full_disk_of_the_database_loses_nothing_and_approves_nothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newLane(t, 41), nil, 1, 4*time.Second)
	w.start()
	w.mustPush(1)
	const page = 4096
	if err := w.servers[0].disk(page); err != nil {
		t.Fatal(err)
	}
	if status, said, err := w.pushes(2); err != nil || status != http.StatusServiceUnavailable {
		t.Errorf("a push: status %d, %s, %v; want 503", status, said, err)
	}
	if r := w.reaches(1, "once"); r.Deliveries[0].Status != http.StatusServiceUnavailable {
		t.Errorf("a delivery: status %d, want 503", r.Deliveries[0].Status)
	}
	if all := w.answers(1); len(all) > 0 {
		t.Errorf("the platform was told %+v", all)
	}
	if err := w.servers[0].disk(^uint64(0)); err != nil {
		t.Fatal(err)
	}
	w.mustPush(2)
	w.reaches(2, "once")
	w.ends("evidence that came again", 2, end{"approved", "allow"})
	w.ends("a delivery that the server asked for again", 1, end{"approved", "allow"})
}

// A platform that is wrong for a moment says of a run that waits that it is not there, or that nothing waits.
func TestJ08_a_run_that_is_absent_for_a_moment_is_decided_all_the_same(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newLane(t, 42), nil, 1, 10*time.Second)
	once := func(run int, suffix string, nth int) *spoil {
		return &spoil{fits: func(r *http.Request, _ []byte) bool {
			if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, fmt.Sprintf("/runs/%d%s", run, suffix)) {
				return false
			}
			nth--
			return nth == 0
		}}
	}
	all := []*spoil{once(1, "", 1), once(2, "", 2), once(3, "/pending_deployments", 1),
		once(4, "/pending_deployments", 2)}
	var mu sync.Mutex
	w.api.fate = spoiler(absent, &mu, all)
	w.start()
	for run := range int64(4) {
		w.mustPush(run + 1)
		w.reaches(run+1, "once")
	}
	for n, what := range []string{"the run is opened", "the run is read again", "it is asked whether it waits",
		"it is asked whether it still waits"} {
		want := "allow"
		if n == 3 {
			want = "allow allow" // it was not sent, so it is judged again
		}
		w.ends(what, int64(n+1), end{"approved", want})
	}
	mu.Lock()
	defer mu.Unlock()
	for n, s := range all {
		if !s.done {
			t.Errorf("question %d never came", n)
		}
	}
}
