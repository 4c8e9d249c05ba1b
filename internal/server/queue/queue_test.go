package queue

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/server/keep"
	"github.com/sallyport-dev/sallyport/internal/server/pgtest"
)

var postgres *pgtest.Server

func TestMain(m *testing.M) {
	var err error
	if postgres, err = pgtest.Start(false); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	m.Run()
	postgres.Stop()
}

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

// A server's clock was two hours ahead when it put a job off.
func TestJ08_a_job_that_a_wrong_clock_has_put_off_is_for_now_when_it_is_asked_for_again(t *testing.T) {
	url, err := postgres.Database("jobs")
	if err != nil {
		t.Fatal(err)
	}
	for kind, url := range map[string]string{"SQLite": "sqlite:" + filepath.Join(t.TempDir(), "server.db"),
		"PostgreSQL": url} {
		t.Run(kind, func(t *testing.T) {
			s, err := keep.Open(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			q := open(t, s)
			ask := Ask{Host: "https://github.com", Repository: "7777", Deployment: 5}
			for _, x := range []struct{ off, want time.Duration }{{2 * time.Hour, 0}, {30 * time.Second, 30 * time.Second}} {
				until := time.Now().Add(x.off).UTC()
				if err := s.Write(t.Context(), func(tx *keep.Tx) error { return q.Add(t.Context(), tx, ask) }); err != nil {
					t.Fatal(err)
				}
				var at any = until
				if !s.PostgreSQL() {
					at = until.Format("2006-01-02 15:04:05.999")
				}
				if _, err := s.DB.Exec(`update river_job set state = 'scheduled', scheduled_at = $1`, at); err != nil {
					t.Fatal(err)
				}
				if err := s.Write(t.Context(), func(tx *keep.Tx) error { return q.Add(t.Context(), tx, ask) }); err != nil {
					t.Fatal(err)
				}
				job, err := q.client.JobGet(t.Context(), 1)
				if err != nil {
					t.Fatal(err)
				}
				if got := time.Until(job.ScheduledAt); got > x.want || got < x.want-20*time.Second {
					t.Errorf("put off by %v, it is for %v from now, want %v", x.off, got, x.want)
				}
			}
			// What somebody has pushed wakes it.
			if err := s.Write(t.Context(), func(tx *keep.Tx) error { return q.Wake(t.Context(), tx, ask) }); err != nil {
				t.Fatal(err)
			}
			if job, err := q.client.JobGet(t.Context(), 1); err != nil || time.Until(job.ScheduledAt) > 0 || job.State != "available" {
				t.Errorf("it was woken, and is %s for %v from now; %v", job.State, time.Until(job.ScheduledAt), err)
			}
			other := ask
			other.Deployment++
			if err := s.Write(t.Context(), func(tx *keep.Tx) error { return q.Wake(t.Context(), tx, other) }); err != nil {
				t.Fatal(err)
			}
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
	if err := s.Write(t.Context(), func(tx *keep.Tx) error { return q.Add(t.Context(), tx, ask) }); err != nil {
		t.Fatal(err)
	}
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
