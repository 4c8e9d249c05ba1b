package queue

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/server/keep"
	"github.com/sallyport-dev/sallyport/internal/server/pgtest"
)

var postgres *pgtest.Server

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m, &postgres)) }

// open makes a queue that does not work yet.
func open(t *testing.T, s *keep.Store) *Queue {
	t.Helper()
	q, err := New(t.Context(), s, "server", Work{Every: time.Minute,
		Decide: func(context.Context, Ask) (time.Duration, error) { return 0, nil },
		Sweep:  func(context.Context) error { return nil }}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// asked writes a job, by Add or by Wake.
func asked(t *testing.T, s *keep.Store, by func(context.Context, *keep.Tx, Ask) error, a Ask) {
	t.Helper()
	if err := s.Write(t.Context(), func(tx *keep.Tx) error { return by(t.Context(), tx, a) }); err != nil {
		t.Fatal(err)
	}
}

// A server's clock was two hours ahead when it put a job off.
func TestJ08_a_job_that_a_wrong_clock_has_put_off_is_for_now_when_it_is_asked_for_again(t *testing.T) {
	url, err := postgres.Database("jobs")
	if err != nil {
		t.Fatal(err)
	}
	file := "sqlite:" + filepath.Join(t.TempDir(), "server.db")
	for kind, url := range map[string]string{"SQLite": file, "PostgreSQL": url} {
		t.Run(kind, func(t *testing.T) {
			s, err := keep.Open(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			q := open(t, s)
			ask := Ask{Host: "https://github.com", Repository: "7777", Deployment: 5}
			const soon = 30 * time.Second
			for _, x := range []struct{ off, want time.Duration }{{2 * time.Hour, 0}, {soon, soon}} {
				until := time.Now().Add(x.off).UTC()
				asked(t, s, q.Add, ask)
				var at any = until
				if !s.PostgreSQL() {
					at = until.Format("2006-01-02 15:04:05.999")
				}
				if _, err := s.DB.Exec(`update river_job set state = 'scheduled', scheduled_at = $1`, at); err != nil {
					t.Fatal(err)
				}
				asked(t, s, q.Add, ask)
				job, err := q.client.JobGet(t.Context(), 1)
				if err != nil {
					t.Fatal(err)
				}
				if got := time.Until(job.ScheduledAt); got > x.want || got < x.want-20*time.Second {
					t.Errorf("put off by %v, it is for %v from now, want %v", x.off, got, x.want)
				}
			}
			asked(t, s, q.Wake, ask) // as when evidence was pushed
			job, err := q.client.JobGet(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			if off := time.Until(job.ScheduledAt); off > 0 || job.State != "available" {
				t.Errorf("it was woken, and is %s for %v from now, want available at once", job.State, off)
			}
			other := ask
			other.Deployment++
			asked(t, s, q.Wake, other)
			if depth, err := q.Depth(t.Context()); err != nil || depth["available"] != 2 {
				t.Errorf("a job that was lost is there again when it is woken: %v, %v", depth, err)
			}
		})
	}
}

func TestJ08_what_a_server_that_died_was_at_is_done_at_once_by_the_next_one_on_its_file(t *testing.T) {
	s, err := keep.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "server.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	q := open(t, s)
	ask := Ask{Host: "https://github.com", Repository: "7777", Deployment: 5}
	asked(t, s, q.Add, ask)
	for _, statement := range []string{`update river_job set state = 'running', attempted_at = '2999-01-01 00:00:00'`,
		`insert into river_leader (elected_at, expires_at, leader_id)
			values ('2999-01-01 00:00:00', '2999-01-01 00:00:15', 'died')`} {
		if _, err := s.DB.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	open(t, s)
	var leaders int
	if err := s.DB.QueryRow(`select count(*) from river_leader`).Scan(&leaders); err != nil || leaders != 0 {
		t.Errorf("%d leaders, %v; want none", leaders, err)
	}
	if job, err := q.client.JobGet(t.Context(), 1); err != nil || job.State != "available" {
		t.Errorf("%+v, %v; want it available", job, err)
	}
}

// A server's clock was ahead when it began to lead, and then the disk was full, so that its end was not written.
func TestJ08_a_leadership_that_a_wrong_clock_has_written_ends_when_the_clock_is_right(t *testing.T) {
	s, err := keep.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "server.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	swept := make(chan struct{}, 100)
	q, err := New(t.Context(), s, "server", Work{Every: time.Minute,
		Decide: func(context.Context, Ask) (time.Duration, error) { return 0, nil },
		Sweep:  func(context.Context) error { swept <- struct{}{}; return nil }}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.DB.Exec(`insert into river_leader (elected_at, expires_at, leader_id)
			values ('2999-01-01 00:00:00', '2999-01-01 00:00:15', 'server')`); err != nil {
		t.Fatal(err)
	}
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-swept:
	case <-time.After(time.Minute):
		t.Error("nobody leads: nothing that was missed is looked for")
	}
	if err := q.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}
