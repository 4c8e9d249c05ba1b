// Package queue is the only room that knows River: jobs that are written in the transaction of the rows that they are
// about, and that another server takes up where one has died.
//
// A job holds keys, and never a token or a body. It refuses to be the truth: jobs are deleted, and the rows of the
// store say what was decided.
package queue

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"math"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
)

// Ask is the job of deciding about one deployment.
type Ask struct {
	Host       string `json:"host" river:"unique"`
	Repository string `json:"repository" river:"unique"`
	Deployment int64  `json:"deployment" river:"unique"`
}

// Kind is the job's name in the queue.
func (Ask) Kind() string { return "ask" }

// sweep is the job that looks for deployments of which no event came, and for jobs that are lost. One server does it.
type sweep struct{}

func (sweep) Kind() string { return "sweep" }

// Times of the queue. A job whose server died is found after rescue; what waits for evidence is asked again by itself.
const (
	timeout  = 20 * time.Second
	rescue   = 30 * time.Second
	cooldown = 50 * time.Millisecond // the workers divided by it bound the jobs a second
	poll     = time.Second
	attempts = 1 << 14 // it is asked again until its deadline, which the worker knows
	workers  = 20
	farthest = 3 * time.Minute // a job is put off for less (NextRetry, and the times of decide)
)

// Work is what the jobs do. The error of Decide says that it has to be done again; after says when, where that is
// known.
type Work struct {
	Decide func(ctx context.Context, a Ask) (after time.Duration, err error)
	Sweep  func(ctx context.Context) error
	Every  time.Duration // of Sweep
}

// A Queue hands jobs to workers.
type Queue struct {
	store  *keep.Store
	client *river.Client[*sql.Tx]
	every  time.Duration // between two sweeps
	log    *slog.Logger
}

func driver(s *keep.Store) riverdriver.Driver[*sql.Tx] {
	if s.PostgreSQL() {
		return riverdatabasesql.NewWithPgxListener(s.DB, s.Listen)
	}
	return riversqlite.New(s.DB)
}

// New makes a queue of a store. name is that of this server among several.
func New(ctx context.Context, s *keep.Store, name string, w Work, log *slog.Logger) (*Queue, error) {
	if err := migrate(ctx, s); err != nil {
		return nil, err
	}
	if err := alone(ctx, s); err != nil {
		return nil, err
	}
	all := river.NewWorkers()
	river.AddWorker(all, &asks{work: w.Decide})
	river.AddWorker(all, &sweeper{work: w.Sweep})
	client, err := river.NewClient(driver(s), &river.Config{
		ID: name, Logger: slog.New(quiet{log.Handler()}), Workers: all,
		Queues:        map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}},
		FetchCooldown: cooldown, FetchPollInterval: poll, JobTimeout: timeout, RescueStuckJobsAfter: rescue,
		MaxAttempts: attempts,
	})
	if err != nil {
		return nil, fault.Errorf("the queue: %w", err)
	}
	return &Queue{s, client, w.Every, log}, nil
}

// migrate makes the queue's own tables, while no other server does.
func migrate(ctx context.Context, s *keep.Store) error {
	return s.Alone(ctx, func() error {
		m, err := rivermigrate.New(driver(s), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			return fault.Errorf("the queue's tables: %w", err)
		}
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	})
}

// alone takes from a file what a server that died has left in it: a job at work, and that it leads. The clock by which
// others would wait for their end may have been wrong. In PostgreSQL that is the database's own clock.
func alone(ctx context.Context, s *keep.Store) error {
	if s.PostgreSQL() {
		return nil
	}
	for _, statement := range []string{`delete from river_leader`,
		`update river_job set state = 'available' where state = 'running'`} {
		if _, err := s.DB.ExecContext(ctx, statement); err != nil {
			return fault.Errorf("the queue of a server that died: %w", err)
		}
	}
	return nil
}

// Add writes a job in a transaction. One that is there for the same deployment, and has not ended, is enough. Where a
// clock that was wrong has put it off for longer than any job is, it is for now.
func (q *Queue) Add(ctx context.Context, tx *keep.Tx, a Ask) error {
	return q.add(ctx, tx, a, farthest)
}

// Wake has a deployment looked at now, if it waits for a later look. One that is looked at this moment may have to wait
// for its next look.
func (q *Queue) Wake(ctx context.Context, tx *keep.Tx, a Ask) error {
	return q.add(ctx, tx, a, math.MinInt64)
}

// add writes a job. One that is there is made one for now, if it is put off for that long or longer.
func (q *Queue) add(ctx context.Context, tx *keep.Tx, a Ask, off time.Duration) error {
	once := river.UniqueOpts{ByArgs: true, ByState: unended}
	r, err := q.client.InsertTx(ctx, tx.Raw(), a, &river.InsertOpts{UniqueOpts: once})
	if err != nil || !r.UniqueSkippedAsDuplicate || time.Until(r.Job.ScheduledAt) < off {
		return err
	}
	_, err = q.client.JobRetryTx(ctx, tx.Raw(), r.Job.ID)
	return err
}

// Depth is how many jobs have not ended, by their state.
func (q *Queue) Depth(ctx context.Context) (map[string]int, error) {
	all, err := driver(q.store).GetExecutor().JobCountByAllStates(ctx, &riverdriver.JobCountByAllStatesParams{})
	if err != nil {
		return nil, fault.Errorf("counting the jobs: %w", err)
	}
	out := map[string]int{}
	for _, s := range unended {
		out[string(s)] = all[s]
	}
	return out, nil
}

// unended are the states of jobs that have not.
var unended = []rivertype.JobState{rivertype.JobStateAvailable, rivertype.JobStatePending,
	rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled}

// Start works until Stop.
func (q *Queue) Start(ctx context.Context) error {
	if !q.store.PostgreSQL() {
		go q.mend(ctx)
	}
	go q.sweeps(ctx)
	return q.client.Start(ctx)
}

// sweeps writes the job of a sweep, again and again, by a timer and by no clock: River's own periodic jobs come when
// the
// wall clock of the leader says so, which for one that was ahead by two hours is in two hours.
func (q *Queue) sweeps(ctx context.Context) {
	once := &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByPeriod: q.every}, MaxAttempts: 1} // of all servers
	for {
		if _, err := q.client.Insert(ctx, sweep{}, once); err != nil && ctx.Err() == nil {
			q.log.Warn("what was missed is looked for later", "reason", fault.Bound(err.Error()))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(q.every):
		}
	}
}

// mend ends a leadership that a clock has written that was ahead: nobody else could lead until then, and without a
// leader
// no job is taken up again. In PostgreSQL it is the database's own clock.
func (q *Queue) mend(ctx context.Context) {
	const every = 5 * time.Second
	for {
		// It lasts for 15 seconds at most (River, ElectInterval and its padding).
		_, err := q.store.DB.ExecContext(ctx, `delete from river_leader where expires_at > datetime('now', '+1 minute')`)
		if err != nil && ctx.Err() == nil {
			q.log.Warn("who leads the queue was not looked at", "reason", fault.Bound(err.Error()))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}

// Stop lets the jobs at work end, until ctx does.
func (q *Queue) Stop(ctx context.Context) error { return q.client.Stop(ctx) }

type asks struct {
	river.WorkerDefaults[Ask]
	work func(context.Context, Ask) (time.Duration, error)
}

// NextRetry is soon at first, and at most half a minute: a deployment waits.
func (*asks) NextRetry(job *river.Job[Ask]) time.Time {
	const first, most = 500 * time.Millisecond, 30 * time.Second
	wait := first << min(job.Attempt, 7) //nolint:mnd // the seventh doubling is above most
	return time.Now().Add(min(wait, most))
}

// errAgain says nothing about why: what failed is in the server's log, without what a stranger wrote.
var errAgain = errors.New("it is asked again")

func (a *asks) Work(ctx context.Context, job *river.Job[Ask]) error {
	after, err := a.work(ctx, job.Args)
	switch {
	case err != nil:
		return errAgain
	case after > 0:
		return river.JobSnooze(after)
	}
	return nil
}

type sweeper struct {
	river.WorkerDefaults[sweep]
	work func(context.Context) error
}

func (s *sweeper) Work(ctx context.Context, _ *river.Job[sweep]) error {
	if s.work(ctx) != nil {
		return errAgain
	}
	return nil
}

// quiet passes on what people have to know of: River tells how much it does every few seconds.
type quiet struct{ slog.Handler }

// Enabled is above the level at which River tells that it works.
func (quiet) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

// WithAttrs keeps it quiet.
func (q quiet) WithAttrs(a []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(a)} }

// WithGroup keeps it quiet.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
