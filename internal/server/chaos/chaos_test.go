// Package chaos holds servers to their word while everything around them fails: processes are killed and paused,
// databases die and are cut off, the platform is gone, slow or wrong, disks are full, clocks jump.
//
// It has only tests, and nothing of the servers is replaced for them: real processes, a real PostgreSQL, the lab's
// platform and the signatures of its Sigstore. It refuses to call a failure bad luck: a seed gives the same schedule
// again.
package chaos_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/server/event"
	"github.com/sallyport-dev/sallyport/internal/server/pgtest"
)

// bound is how long after the last fault everything is decided (docs/server.md).
const bound = 90 * time.Second

// missing is how long evidence may be missing. It is longer than all faults of a schedule together.
const missing = 15 * time.Second

// number is that of a variable, or the usual one.
func number(t *testing.T, name string, usual uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s is %q, want a number", name, text)
	}
	return n
}

func seeds(t *testing.T) (all []uint64) {
	t.Helper()
	if os.Getenv("CHAOS_SEED") != "" {
		return []uint64{number(t, "CHAOS_SEED", 0)}
	}
	for seed := range number(t, "CHAOS_SEEDS", 2) {
		all = append(all, seed+1)
	}
	if os.Getenv("CHAOS_CLOCK") == "" {
		return all
	}
	for most, i := uint64(len(all)), 0; i < len(found); i++ {
		if found[i] > most {
			all = append(all, found[i])
		}
	}
	return all
}

// found are seeds that have found something, with a clock that jumps: a leadership, and the next sweep, that were of a
// time to come.
var found = []uint64{70, 80, 131, 158, 192, 197}

// total is what came of all seeds.
type total struct {
	sync.Mutex
	seeds, faults, approved, rejected, outage int
	slowest                                   time.Duration
}

func TestJ08_whatever_fails_nothing_is_approved_without_evidence_lost_or_decided_twice(t *testing.T) {
	t.Parallel()
	const lanes = 4 // seeds that run at once
	all := seeds(t)
	free := make(chan *lane, lanes)
	for n := range min(lanes, len(all)) {
		free <- newLane(t, n+1)
	}
	var sum total
	t.Cleanup(func() {
		t.Logf("%d seeds, %d faults: %d approved, %d rejected, %d of them with good evidence; the last one "+
			"was decided %.0f s after the faults", sum.seeds, sum.faults, sum.approved, sum.rejected, sum.outage,
			sum.slowest.Seconds())
	})
	for _, seed := range all {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			l := <-free
			defer func() { free <- l }()
			chaos(t, l.signed(t), seed, &sum)
		})
	}
}

// chaos plays the schedule of one seed, and looks whether everything is as it has to be.
func chaos(t *testing.T, l *lane, seed uint64, sum *total) {
	s := settingOf(seed, stepped)
	plan := schedule(seed, s)
	var pg *pgtest.Server
	if s.postgres {
		var err error
		if pg, err = pgtest.Start(true); err != nil {
			t.Fatal(err)
		}
		defer pg.Stop()
	}
	w := newWorld(t, l, pg, s.servers, missing)
	defer func() {
		if t.Failed() {
			again := "CHAOS_CLOCK= " // the clock is one of the faults of make chaos
			if stepped {
				again = ""
			}
			t.Logf("run it again: %sCHAOS_SEED=%d make chaos; its schedule:\n%s", again, seed, told(plan))
		}
		for _, x := range w.servers { // before PostgreSQL is gone
			x.kill()
		}
	}()
	w.start()
	p := &play{world: w, accepted: map[int64]bool{}, watching: make(chan struct{})}
	p.plays(plan)
	took := p.settles()
	p.holds()
	sum.Lock()
	defer sum.Unlock()
	sum.seeds++
	for _, a := range plan {
		if a.length > 0 {
			sum.faults++
		}
	}
	for run := int64(1); run <= runs; run++ {
		for _, a := range w.answers(run) {
			switch {
			case a.State == string(event.Approved):
				sum.approved++
			case run <= good:
				sum.rejected++
				sum.outage++
				t.Logf("seed %d: run %d is rejected: %s", seed, run, a.Comment)
			default:
				sum.rejected++
			}
		}
	}
	sum.slowest = max(sum.slowest, took)
}

// A play is one schedule while it happens.
type play struct {
	*world
	all      sync.WaitGroup
	watching chan struct{}
	watcher  sync.WaitGroup

	mu       sync.Mutex
	accepted map[int64]bool // runs whose evidence a server has said it keeps
	kept     []string       // checkpoints
	database sync.Mutex     // held while PostgreSQL is killed and started
}

func (p *play) plays(plan []act) {
	p.watcher.Go(p.watch)
	began := time.Now()
	for _, a := range plan {
		time.Sleep(time.Until(began.Add(a.at)))
		p.all.Go(func() { p.does(a) })
	}
	time.Sleep(time.Until(began.Add(window)))
}

// watch keeps checkpoints that servers hand out, as anybody may.
func (p *play) watch() {
	for n := 0; ; n++ {
		select {
		case <-p.watching:
			return
		case <-time.After(500 * time.Millisecond):
		}
		c, err := p.servers[n%len(p.servers)].fetch("/v1/ledger/checkpoint")
		p.mu.Lock()
		if err == nil && !slices.Contains(p.kept, c) {
			p.kept = append(p.kept, c)
		}
		p.mu.Unlock()
	}
}

func (p *play) does(a act) {
	x := p.servers[a.who%len(p.servers)]
	meanwhile := func() { time.Sleep(a.length) }
	switch a.what {
	case "run reaches production":
		p.reaches(int64(a.who), a.how)
	case "run pushes":
		p.insists(int64(a.who))
	case "kill -9":
		x.kill()
		meanwhile()
		x.starts()
	case "pause":
		x.signal(syscall.SIGSTOP)
		meanwhile()
		x.signal(syscall.SIGCONT)
	case "platform":
		p.api.all.Store(fate(a.how))
		meanwhile()
		p.api.all.Store(passes)
	case "deliveries and pushes":
		p.door.all.Store(fate(a.how))
		meanwhile()
		p.door.all.Store(passes)
	case "partition":
		x.wire.becomes(fate(a.how))
		meanwhile()
		x.wire.becomes(passes)
	case "kill PostgreSQL":
		p.database.Lock()
		defer p.database.Unlock()
		p.pg.Kill()
		meanwhile()
		if err := p.pg.Run(true); err != nil {
			p.Error(err)
		}
	case "full disk":
		const page = 4096
		if err := x.disk(page); err != nil {
			p.Error(err)
		}
		meanwhile()
		if err := x.disk(^uint64(0)); err != nil {
			p.Error(err)
		}
	case "clock":
		p.clock(x, a.how)
		meanwhile()
		p.clock(x, "0")
	default:
		p.Errorf("the schedule has %q, which is not an act that this test knows", a.what)
	}
}

func (p *play) clock(x *server, seconds string) {
	if err := os.WriteFile(x.step(), []byte(seconds), 0o600); err != nil {
		p.Error(err)
	}
	x.signal(syscall.SIGUSR1)
}

// insists pushes the evidence of a run until a server keeps it, as the steps of a job do.
func (p *play) insists(run int64) {
	for end := time.Now().Add(bound); time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		status, said, err := p.pushes(run)
		switch {
		case err == nil && status == http.StatusOK:
			p.mu.Lock()
			defer p.mu.Unlock()
			p.accepted[run] = true
			return
		case err == nil && strings.Contains(said, "E_BUILD_STATE"):
			return // it was rejected for want of evidence, so that it has ended
		case err == nil && status == http.StatusUnprocessableEntity:
			p.Errorf("the evidence of run %d is refused: %s", run, said)
			return
		}
	}
	p.Errorf("no server keeps the evidence of run %d", run)
}

// settles waits until everything is decided, and returns how long that took.
func (p *play) settles() time.Duration {
	began := time.Now()
	p.all.Wait()
	var open []int64
	decided := func() bool {
		open = nil
		for run := int64(1); run <= runs; run++ {
			if len(p.answers(run)) == 0 {
				open = append(open, run)
			}
		}
		return len(open) == 0
	}
	for !decided() && time.Since(began) < bound {
		time.Sleep(200 * time.Millisecond)
	}
	took := time.Since(began)
	if len(open) > 0 {
		p.Errorf("runs %v are not decided %v after the last fault", open, bound)
	}
	close(p.watching)
	p.watcher.Wait()
	for _, x := range p.servers {
		p.until(bound, "all servers are ready", x.ready)
	}
	return took
}

// holds looks at what the platform was told and at the ledger.
func (p *play) holds() {
	// The leaf that an answer arrived follows the answer.
	var all []ledger.Leaf
	p.until(bound, "the ledger says of each answer that it was given", func() bool {
		all = p.leaves(p.kept...)
		return len(p.unwritten(all)) == 0 || p.Failed()
	})
	for _, x := range p.unwritten(all) {
		p.Errorf("the ledger lacks that %s", x)
	}
	p.evidence(all)
	p.once(all)
}

// evidence wants that only runs with good evidence that was kept are approved.
func (p *play) evidence(all []ledger.Leaf) {
	p.mu.Lock()
	defer p.mu.Unlock()
	attested := map[string]bool{}
	for _, l := range all {
		if l.Kind == ledger.Attested {
			attested[l.About.Run] = true
		}
	}
	for run := int64(1); run <= runs; run++ {
		if p.accepted[run] && !attested[strconv.FormatInt(run, 10)] {
			p.Errorf("the evidence of run %d was kept, and the ledger lacks it", run)
		}
		for _, a := range p.answers(run) {
			if a.State == string(event.Approved) && (run > good || !attested[strconv.FormatInt(run, 10)]) {
				p.Errorf("run %d is approved without evidence", run)
			}
		}
	}
}

// unwritten are the answers that the platform took and that no leaf says.
func (p *play) unwritten(all []ledger.Leaf) (missing []string) {
	for run := int64(1); run <= runs; run++ {
		for _, a := range p.answers(run) {
			is := func(l ledger.Leaf) bool {
				// One answer counts for all that waits there in the run, also for what came in a moment ago.
				return l.Kind == ledger.Judged && l.About.Run == strconv.FormatInt(run, 10) &&
					(l.About.Outcome == "allow") == (a.State == string(event.Approved))
			}
			if !slices.ContainsFunc(all, is) {
				missing = append(missing, fmt.Sprintf("run %d is %s: %s", run, a.State, a.Comment))
			}
		}
	}
	return missing
}

// once wants that no deployment is answered twice, and that nothing that was denied is allowed later.
func (p *play) once(all []ledger.Leaf) {
	times := map[int64]int{}
	for run := int64(1); run <= runs; run++ {
		for _, a := range p.answers(run) {
			for _, d := range a.Deployments {
				if times[d]++; times[d] > 1 {
					p.Errorf("deployment %d of run %d is answered twice", d, run)
				}
			}
		}
	}
	outcomes, answers := map[string][]string{}, map[string][]string{}
	for _, l := range all {
		switch l.Kind {
		case ledger.Judged:
			outcomes[l.About.Deployment] = append(outcomes[l.About.Deployment], l.About.Outcome)
		case ledger.Answered:
			answers[l.About.Deployment] = append(answers[l.About.Deployment], l.About.Outcome)
		}
	}
	for d, list := range outcomes {
		if i := slices.Index(list, "deny"); i >= 0 && i < len(list)-1 {
			p.Errorf("deployment %s is judged %v: a rejection stands", d, list)
		}
	}
	for d, list := range answers {
		if len(list) > 1 {
			p.Errorf("the ledger says %d times that deployment %s was answered: %v", len(list), d, list)
		}
	}
}
