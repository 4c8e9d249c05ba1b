package chaos_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/server/decide"
	"github.com/sallyport-dev/sallyport/internal/server/event"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// facts are what a gate has asked the lab's platform about a run, and was answered. Schedules in process get the same
// answers again: there is no network in their time.
type facts struct {
	mu      sync.Mutex
	answers map[string]any
}

// ask returns the answer to a question that was asked before. A site with a platform asks that, and keeps the answer.
func ask[T any](s *site, question string, args any, of func() (T, error)) (T, error) {
	b, _ := json.Marshal(args) // they are plain values
	f, key := s.facts, question+string(b)
	f.mu.Lock()
	defer f.mu.Unlock()
	if x, is := f.answers[key].(T); is {
		return x, nil
	}
	if s.Platform == nil {
		var none T
		return none, fmt.Errorf("the lab's platform was not asked %s, so no answer is known", key)
	}
	x, err := of()
	if err == nil {
		f.answers[key] = x
	}
	return x, err
}

// A site is the platform of one schedule: what it knows are facts, and how it behaves follows from the seed.
type site struct {
	decide.Platform // while the facts are asked for; later nil
	facts           *facts
	run             int64
	r               *rand.Rand
	wrong           float64   // share of questions with which something is wrong
	until           time.Time // there are faults before

	mu       sync.Mutex
	gone     bool // the run was cancelled
	attempt  int
	waits    bool
	notes    int
	answers  []string
	released time.Time
}

var (
	silence = fault.New(fault.Unavailable, fault.NotAvailable, "", "the platform does not answer")
	errDied = errors.New("the process has died")
)

// chance is what goes wrong with one question.
func (s *site) chance() fate {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.r == nil || time.Now().After(s.until) || s.r.Float64() >= s.wrong {
		return passes
	}
	return []fate{lost, lost, unanswered, slow, dies}[s.r.IntN(5)]
}

// dies is the end of a process.
const dies fate = "dies"

// trouble is what a question comes to before it arrives. Only the goroutine of a job may die.
func (s *site) trouble(ctx context.Context, mortal bool) (f fate, err error) {
	switch f = s.chance(); {
	case f == lost:
		return f, silence
	case f == slow:
		select {
		case <-time.After(slowness):
		case <-ctx.Done():
			return f, silence
		}
	case f == dies && mortal:
		panic(errDied)
	}
	return f, nil
}

func (s *site) Evidence() gate.Store { return evidence{s} }

type evidence struct{ *site }

func (evidence) Name() string { return "github" }

func (e evidence) Fetch(ctx context.Context, all []subject.Subject) (store.Found, error) {
	if _, err := e.trouble(ctx, false); err != nil {
		return store.Found{}, err
	}
	return ask(e.site, "evidence", all, func() (store.Found, error) {
		return e.Platform.Evidence().Fetch(ctx, all)
	})
}

func (s *site) Environment(ctx context.Context, name string) (policy.Protection, error) {
	if _, err := s.trouble(ctx, false); err != nil {
		return policy.Protection{}, err
	}
	return ask(s, "environment", name, func() (policy.Protection, error) {
		return s.Platform.Environment(ctx, name)
	})
}

func (s *site) EnvironmentNumber(ctx context.Context, name string) (string, error) {
	return ask(s, "number", name, func() (string, error) {
		return s.Platform.EnvironmentNumber(ctx, name)
	})
}

func (s *site) Ref(ctx context.Context, q policy.RefQuery) (policy.Ref, error) {
	return ask(s, "ref", q, func() (policy.Ref, error) { return s.Platform.Ref(ctx, q) })
}

func (s *site) Runs(ctx context.Context, q []policy.RunQuery) ([]policy.Run, error) {
	return ask(s, "runs", q, func() ([]policy.Run, error) { return s.Platform.Runs(ctx, q) })
}

func (s *site) Build(ctx context.Context, q policy.BuildQuery) (policy.Build, error) {
	return ask(s, "build", q, func() (policy.Build, error) {
		return s.Platform.Build(ctx, q)
	})
}

func (s *site) Placed(ctx context.Context, q policy.PlaceQuery) (policy.Placed, error) {
	return ask(s, "placed", q, func() (policy.Placed, error) {
		return s.Platform.Placed(ctx, q)
	})
}

func (s *site) Workflow(uri string) (repository, path string) {
	at, err := ask(s, "workflow", uri, func() ([2]string, error) {
		repository, path := s.Platform.Workflow(uri)
		return [2]string{repository, path}, nil
	})
	if err != nil {
		return "", ""
	}
	return at[0], at[1]
}

func (s *site) CalledFiles(ctx context.Context) ([]policy.JobPlace, error) {
	if _, err := s.trouble(ctx, false); err != nil {
		return nil, err
	}
	return ask(s, "called", nil, func() ([]policy.JobPlace, error) { return s.Platform.CalledFiles(ctx) })
}

func (s *site) FileOf(ctx context.Context, repository, commit, path string) ([]byte, error) {
	if _, err := s.trouble(ctx, false); err != nil {
		return nil, err
	}
	return ask(s, "file", []string{repository, commit, path}, func() ([]byte, error) {
		return s.Platform.FileOf(ctx, repository, commit, path)
	})
}

func (s *site) KeepsBundles(ctx context.Context) (bool, error) {
	if _, err := s.trouble(ctx, false); err != nil {
		return false, err
	}
	return ask(s, "keeps", nil, func() (bool, error) { return s.Platform.KeepsBundles(ctx) })
}

func (s *site) Head(ctx context.Context) (repository, id, commit, ref string, err error) {
	all, err := ask(s, "head", nil, func() ([4]string, error) {
		a, b, c, d, err := s.Platform.Head(ctx)
		return [4]string{a, b, c, d}, err
	})
	return all[0], all[1], all[2], all[3], err
}

func (s *site) Attempt() int { return s.attempt }

func (s *site) Tenant(ctx context.Context) (string, error) {
	_, err := s.trouble(ctx, true)
	return "4242", err
}

func (s *site) Commit(ctx context.Context) (string, bool, error) {
	_, err := s.trouble(ctx, true)
	s.mu.Lock()
	defer s.mu.Unlock()
	return commit, s.gone, err
}

func (s *site) Waits(ctx context.Context, _ int64) (waits, began bool, err error) {
	_, err = s.trouble(ctx, true)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waits && !s.gone, !s.waits && slices.Contains(s.answers, "approved"), err
}

func (s *site) Still(ctx context.Context) (bool, error) {
	_, err := s.trouble(ctx, true)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waits && !s.gone, err
}

// Answer takes one while the environment waits, as the toy does.
func (s *site) Answer(ctx context.Context, state, _ string) (bool, error) {
	f, err := s.trouble(ctx, true)
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.waits && !s.gone
	switch {
	case !taken:
	case state == "":
		s.notes++
	default:
		s.waits, s.released = false, time.Now()
		s.answers = append(s.answers, state)
	}
	if f == unanswered {
		return false, silence
	}
	return taken, nil
}

// A plan in process: what one deployment goes through.
type life struct {
	run      int64
	pushed   time.Duration // 0: never
	until    time.Duration // faults
	wrong    float64
	cancel   time.Duration // 0: never
	twice    bool          // two servers work on it at once, as after one of them stood still
	deadline time.Duration // of what is looked at
}

const patience = 2 * time.Minute // of the server, for evidence

func lifeOf(seed uint64) (life, *rand.Rand) {
	r := rand.New(rand.NewPCG(seed, 2000))
	x := life{run: 1 + r.Int64N(runs), until: time.Duration(r.Int64N(int64(2 * time.Minute))),
		wrong: 0.6 * r.Float64(), twice: r.IntN(3) == 0}
	if x.run <= others && r.IntN(8) > 0 {
		x.pushed = time.Second + time.Duration(r.Int64N(int64(100*time.Second)))
		if r.IntN(2) == 0 {
			x.pushed = time.Millisecond
		}
	}
	if r.IntN(12) == 0 {
		x.cancel = time.Duration(r.Int64N(int64(x.until + time.Second)))
	}
	x.deadline = x.until
	if x.pushed == 0 {
		x.deadline = max(x.deadline, patience)
	}
	x.deadline = max(x.deadline, x.pushed) + bound
	return x, r
}

// A house is what all schedules in process share.
type house struct {
	*lane
	rule     *decide.Rule
	trust    *gate.Trust
	facts    *facts
	template string // a database that is migrated
	dir      string
	now      time.Time
}

// newHouse asks the lab's platform all that a gate wants to know of the runs.
func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{lane: newLane(t, 51).signed(t), facts: &facts{answers: map[string]any{}}, now: time.Now(),
		dir: memory(t)}
	app := h.lab.App(t, "http://127.0.0.1:1", h.repo)
	app.Guards(t, h.repo, "production")
	root, err := os.ReadFile(filepath.Join(h.lab.Dir, "trusted_root.json"))
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Appendf(nil, policyText, h.repo, h.id, sha256.Sum256(root))
	read, err := policy.Read(text, "policy.yaml", forges.Words())
	if err != nil {
		t.Fatal(err)
	}
	h.rule = &decide.Rule{Policy: read, Source: text, File: "policy.yaml"}
	h.trust = &gate.Trust{File: "policy.yaml", Beside: func(string, int64) ([]byte, error) { return root, nil },
		Require: func(string) sigstore.Requirements { return sigstore.Requirements{} }}
	h.template = filepath.Join(h.dir, "template.db")
	s, err := keep.Open(t.Context(), "sqlite:"+h.template)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.DB.Exec("pragma wal_checkpoint(truncate)"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	on, err := github.NewApp("https://github.com", h.lab.GitHub+"/api/v3", app.ClientID, app.Key)
	if err != nil {
		t.Fatal(err)
	}
	for run := int64(1); run <= others; run++ {
		w, err := on.Waiting(t.Context(), app.Installation, int64(h.id), h.repo, run, "production")
		if err != nil {
			t.Fatal(err)
		}
		x := &site{Platform: forges.Waiting{Waiting: w}, facts: h.facts, run: run, attempt: 1, waits: true}
		d := h.open(t, strconv.FormatInt(run, 10), x)
		d.push(run)
		if got := d.decides(); len(x.answers) != 1 || (x.answers[0] == "approved") != (run <= good) {
			t.Fatalf("run %d without a fault: %v, %v", run, x.answers, got)
		}
		d.Keep.Close()
	}
	return h
}

// memory is a directory whose files cost no disk, where there is one.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "sallyport-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// A desk is one server's view of one deployment.
type desk struct {
	testing.TB
	*house
	*decide.Decider
	of event.Deployment
}

func (h *house) open(t testing.TB, name string, at *site) *desk {
	t.Helper()
	b, err := os.ReadFile(h.template)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(h.dir, name+".db")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := keep.Open(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	d := &desk{TB: t, house: h}
	now := func() time.Time { return h.now.Add(time.Since(began)) }
	d.Decider = &decide.Decider{Keep: s, Now: now, URL: "SERVER", Log: slog.New(slog.DiscardHandler), Missing: patience,
		Approval: time.Hour, Workers: 1, Trust: func(context.Context, *decide.Rule) *gate.Trust { return h.trust },
		Rule: func(event.Repository) (*decide.Rule, error) { return h.rule, nil },
		Open: func(ctx context.Context, _ event.Deployment) (decide.Platform, error) {
			_, err := at.trouble(ctx, true)
			return at, err
		}}
	d.of = event.Deployment{Unit: event.Unit{Repository: event.Repository{Host: "https://github.com",
		ID: strconv.Itoa(h.id), Owner: "4242", Name: h.repo}, Run: at.run, Environment: "production"},
		ID: 5, Installation: 1, Commit: commit, Asked: now()}
	if err := s.Write(t.Context(), func(tx *keep.Tx) error { _, err := tx.Ask(d.of); return err }); err != nil {
		t.Fatal(err)
	}
	return d
}

// push keeps the evidence of a run, as the room push does after it has verified it.
func (d *desk) push(run int64) {
	body := []byte(d.bundles[run])
	e := keep.Evidence{Repository: d.of.Repository, Digest: subject.Sum(body).String(), Run: run, Attempt: 1,
		Type: "https://slsa.dev/provenance/v1", At: d.Now(), Body: body, About: []keep.Subject{{
			Digest: subject.Sum(fmt.Appendf(nil, "built by run %d", run)).String(), Name: "app"}}}
	err := d.Keep.Write(d.Context(), func(tx *keep.Tx) error {
		if _, err := tx.Keep(e); err != nil {
			return err
		}
		_, err := tx.Append(ledger.Leaf{Kind: ledger.Attested, At: d.Now(), Host: d.of.Host, Owner: d.of.Owner,
			Repository: d.of.Repository.ID, About: ledger.About{Run: strconv.FormatInt(run, 10)}})
		return err
	})
	if err != nil {
		d.Error(err)
	}
}

// decides looks once, as a job of the queue does, with the queue's time for it. A process that dies ends like this,
// too.
func (d *desk) decides() (got struct {
	after time.Duration
	err   error
}) {
	const job = 20 * time.Second
	ctx, cancel := context.WithTimeout(d.Context(), job)
	defer cancel()
	defer func() {
		switch p := recover(); {
		case p == nil:
		case p == any(errDied):
			got.err = errDied
		default:
			panic(p)
		}
	}()
	got.after, got.err = d.Decide(ctx, d.of.Repository, d.of.ID)
	return got
}

// works is the queue: it asks again after a while, and later where the process had died.
func (d *desk) works(until time.Time) {
	const first, most, rescue = 500 * time.Millisecond, 30 * time.Second, 60 * time.Second
	for n := 1; time.Now().Before(until); n++ {
		got := d.decides()
		switch {
		case errors.Is(got.err, errDied):
			time.Sleep(rescue)
		case got.err != nil:
			time.Sleep(min(first<<min(n, 7), most))
		case got.after > 0:
			time.Sleep(got.after)
		default:
			w, _, err := d.Keep.Deployment(d.Context(), d.of.Repository, d.of.ID)
			if err == nil && (w.State == keep.IsAnswered || w.State == keep.IsClosed) {
				return
			}
			time.Sleep(most) // the sweep finds it
		}
	}
}

func TestJ08_many_lives_of_a_deployment_end_as_they_have_to(t *testing.T) {
	t.Parallel()
	lives := int(number(t, "CHAOS_LIVES", 400))
	h := newHouse(t)
	const lanes = 4
	var approved, rejected, cancelled [lanes]int
	t.Cleanup(func() {
		sum := func(a [lanes]int) (n int) {
			for _, x := range a {
				n += x
			}
			return n
		}
		t.Logf("%d approved, %d rejected, %d cancelled", sum(approved), sum(rejected), sum(cancelled))
		if sum(approved) < lives/10 || sum(rejected) < lives/10 || sum(cancelled) == 0 {
			t.Error("the schedules lack one of the ends")
		}
	})
	for lane := range lanes {
		t.Run(strconv.Itoa(lane), func(t *testing.T) {
			t.Parallel()
			for n := lane; n < lives && !t.Failed(); n += lanes {
				seed := uint64(n + 1)
				synctest.Test(t, func(t *testing.T) {
					switch h.lives(t, seed) {
					case "approved":
						approved[lane]++
					case "rejected":
						rejected[lane]++
					default:
						cancelled[lane]++
					}
				})
			}
		})
	}
}

// lives plays one life, and returns the answer.
func (h *house) lives(t *testing.T, seed uint64) string {
	x, r := lifeOf(seed)
	began := time.Now()
	at := &site{facts: h.facts, run: x.run, r: r, wrong: x.wrong, until: began.Add(x.until), attempt: 1, waits: true}
	d := h.open(t, fmt.Sprintf("life%d", seed), at)
	defer d.Keep.Close()
	defer func() {
		if t.Failed() {
			t.Logf("life %d: %+v", seed, x)
		}
	}()
	var all sync.WaitGroup
	if x.pushed > 0 {
		all.Go(func() {
			time.Sleep(x.pushed)
			d.push(x.run)
		})
	}
	if x.cancel > 0 {
		all.Go(func() {
			time.Sleep(x.cancel)
			at.mu.Lock()
			defer at.mu.Unlock()
			at.gone = true
		})
	}
	all.Go(func() { d.works(began.Add(x.deadline)) })
	if x.twice {
		all.Go(func() { d.works(began.Add(x.deadline)) })
	}
	all.Wait()
	d.ended(x, at, began)
	for _, more := range []string{"", "-wal", "-shm", ".lock"} {
		_ = os.Remove(filepath.Join(h.dir, fmt.Sprintf("life%d.db%s", seed, more)))
	}
	if len(at.answers) == 0 {
		return ""
	}
	return at.answers[0]
}

// ended looks at the end of a life.
func (d *desk) ended(x life, at *site, began time.Time) {
	w, _, err := d.Keep.Deployment(d.Context(), d.of.Repository, d.of.ID)
	if err != nil {
		d.Fatal(err)
	}
	if w.State != keep.IsAnswered && w.State != keep.IsClosed {
		d.Errorf("it is %s %v after its last fault", w.State, bound)
	}
	if len(at.answers) > 1 || len(at.answers) == 0 && !at.gone {
		d.Errorf("the platform took %v, want one answer", at.answers)
	}
	before := x.pushed == 0 || at.released.Before(began.Add(x.pushed))
	if slices.Contains(at.answers, "approved") && (x.run > good || before) {
		d.Error("it was approved without evidence")
	}
	var size int64
	if err := d.Keep.DB.QueryRow("select size from head").Scan(&size); err != nil {
		d.Fatal(err)
	}
	var judged, answered []string
	err = d.Keep.Leaves(d.Context(), 0, size, func(_ int64, body []byte) error {
		l, err := ledger.ParseLeaf(body)
		switch l.Kind {
		case ledger.Judged:
			judged = append(judged, l.About.Outcome)
		case ledger.Answered:
			answered = append(answered, l.About.Outcome)
		}
		return err
	})
	if err != nil {
		d.Error(err)
	}
	if i := slices.Index(judged, "deny"); i >= 0 && i < len(judged)-1 {
		d.Errorf("it is judged %v: a rejection stands", judged)
	}
	if len(at.answers) == 1 && !slices.Equal(answered, at.answers) {
		d.Errorf("the platform took %v, and the ledger says that %v arrived", at.answers, answered)
	}
	if len(answered) > 1 {
		d.Errorf("the ledger says %v arrived", answered)
	}
}
