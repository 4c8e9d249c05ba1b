package keep_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/server/event"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
	"github.com/sallyport-dev/sallyport/internal/server/pgtest"
)

var postgres *pgtest.Server

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m, &postgres)) }

var databases atomic.Int64

// urls are those of an empty database of each kind.
func urls(t *testing.T) map[string]string {
	t.Helper()
	pg, err := postgres.Database("t" + strconv.FormatInt(databases.Add(1), 10))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"SQLite": "sqlite:" + filepath.Join(t.TempDir(), "server.db"), "PostgreSQL": pg}
}

// both runs a test on an empty store of each kind.
func both(t *testing.T, f func(t *testing.T, s *keep.Store)) {
	t.Helper()
	for kind, url := range urls(t) {
		t.Run(kind, func(t *testing.T) {
			s, err := keep.Open(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			f(t, s)
		})
	}
}

func app() event.Repository {
	return event.Repository{Host: "https://github.com", ID: "7777", Owner: "501", Name: "acme/app"}
}

func waits(id int64) event.Deployment {
	return event.Deployment{Unit: event.Unit{Repository: app(), Run: 111, Attempt: 1, Environment: "production"},
		ID: id, Installation: 88, Commit: "c", Ref: "main", Asked: time.UnixMilli(1000)}
}

func leaf(run int) ledger.Leaf {
	return ledger.Leaf{Kind: ledger.Judged, At: time.Unix(1, 0), Host: "https://github.com", Owner: "501",
		Repository: "7777", Name: "acme/app", About: ledger.About{Run: strconv.Itoa(run)}}
}

func write(t *testing.T, s *keep.Store, f func(tx *keep.Tx) error) {
	t.Helper()
	if err := s.Write(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func TestJ02_a_delivery_counts_once_also_from_two_servers_at_once(t *testing.T) {
	both(t, func(t *testing.T, s *keep.Store) {
		var firsts atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				err := s.Write(context.Background(), func(tx *keep.Tx) error {
					first, err := tx.Delivered("https://github.com", "one", "ping", time.Now())
					if first {
						firsts.Add(1)
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		write(t, s, func(tx *keep.Tx) error {
			if first, err := tx.Delivered("https://other.example", "one", "ping", time.Now()); err != nil || !first {
				t.Errorf("the same identifier of another host is no first: %v", err)
			}
			return nil
		})
		if firsts.Load() != 1 {
			t.Errorf("%d deliveries were the first, want one", firsts.Load())
		}
	})
}

func TestJ08_a_rejection_never_becomes_an_approval(t *testing.T) {
	both(t, func(t *testing.T, s *keep.Store) {
		write(t, s, func(tx *keep.Tx) error {
			for id := range int64(3) {
				if _, err := tx.Ask(waits(id + 1)); err != nil {
					return err
				}
			}
			return nil
		})
		decide := func(id int64, a event.Answer, arrived bool) error {
			w, _, err := s.Deployment(t.Context(), app(), id)
			if err != nil {
				t.Fatal(err)
			}
			return s.Write(t.Context(), func(tx *keep.Tx) error {
				n, err := tx.Append(leaf(int(id)))
				if err != nil {
					return err
				}
				d := event.Decision{ID: fmt.Sprintf("%d-%d", id, n), Answer: a, At: time.Now(),
					Verdict: []byte("{}"), Kept: []byte("{}"), Subjects: []string{"sha256:a"}}
				if err := tx.Decide(w, d, n); err != nil {
					return err
				}
				if arrived {
					first, err := tx.Arrived(w, d.ID, time.Now(), keep.IsAnswered)
					if err == nil && !first {
						err = errors.New("that it arrived was noted before")
					}
					return err
				}
				return nil
			})
		}
		for _, x := range []struct {
			what    string
			id      int64
			first   event.Answer
			arrived bool
			then    event.Answer
			want    error
		}{
			{"an approval that has not arrived may become a rejection", 1, event.Approved, false, event.Rejected, nil},
			{"a rejection stands", 2, event.Rejected, false, event.Approved, keep.ErrDecided},
			{"an approval that has arrived stands", 3, event.Approved, true, event.Rejected, keep.ErrDecided},
		} {
			if err := decide(x.id, x.first, x.arrived); err != nil {
				t.Fatalf("%s: %v", x.what, err)
			}
			if err := decide(x.id, x.then, false); !errors.Is(err, x.want) {
				t.Errorf("%s: got %v, want %v", x.what, err, x.want)
			}
			w, _, _ := s.Deployment(t.Context(), app(), x.id)
			d, there, err := s.Decision(t.Context(), w)
			want := x.then
			if x.want != nil {
				want = x.first
			}
			if err != nil || !there || d.Answer != want || len(d.Subjects) != 1 {
				t.Errorf("%s: %+v, %v; want %s", x.what, d, err, want)
			}
		}
	})
}

func TestG11_what_was_rolled_back_is_in_no_ledger(t *testing.T) {
	both(t, func(t *testing.T, s *keep.Store) {
		key := sealed(t, s)
		write(t, s, func(tx *keep.Tx) error { _, err := tx.Append(leaf(1), leaf(2)); return err })
		failed := errors.New("on purpose")
		if err := s.Write(t.Context(), func(tx *keep.Tx) error {
			_, _ = tx.Append(leaf(3))
			return failed
		}); !errors.Is(err, failed) {
			t.Fatal(err)
		}
		write(t, s, func(tx *keep.Tx) error { _, err := tx.Append(leaf(4)); return err })
		sum := exported(t, s, key)
		if sum.Checkpoint.Size != 3 {
			t.Errorf("%d leaves, want 3", sum.Checkpoint.Size)
		}
	})
}

func TestG11_leaves_of_many_writers_are_one_ledger(t *testing.T) {
	both(t, func(t *testing.T, s *keep.Store) {
		key := sealed(t, s)
		const writers, each = 6, 7
		var kept []string
		var mu sync.Mutex
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					if err := s.Write(context.Background(), func(tx *keep.Tx) error {
						_, err := tx.Append(leaf(w*each + i))
						return err
					}); err != nil {
						t.Error(err)
					}
				}
				text, err := s.Checkpoint(context.Background())
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				kept = append(kept, text)
			})
		}
		wg.Wait()
		if sum := exported(t, s, key, kept...); sum.Checkpoint.Size != writers*each ||
			sum.Kinds[ledger.Judged] != writers*each {
			t.Errorf("got %+v", sum)
		}
		old, err := ledger.Open(kept[0], []string{key})
		if err != nil {
			t.Fatal(err)
		}
		if holds, err := s.Holds(t.Context(), old); err != nil || !holds {
			t.Errorf("the ledger does not hold an older checkpoint: %v", err)
		}
		old.Size += 1000
		if holds, err := s.Holds(t.Context(), old); err != nil || holds {
			t.Errorf("the ledger holds a checkpoint that is ahead of it: %v", err)
		}
	})
}

// sealed guards a store, and returns the key that verifies its ledger.
func sealed(t *testing.T, s *keep.Store) string {
	t.Helper()
	x := seal(t)
	if err := s.Guard(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	return verifier(t, x, x.Name)
}

// exported verifies what a store has, as anybody would.
func exported(t *testing.T, s *keep.Store, key string, kept ...string) ledger.Summary {
	t.Helper()
	text, err := s.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := ledger.Open(text, []string{key})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	err = s.Leaves(t.Context(), 0, c.Size, func(_ int64, body []byte) error {
		b.Write(append(bytes.Clone(body), '\n'))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Write(ledger.LastLine(text))
	sum, err := ledger.Verify(&b, []string{key}, kept...)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestJ08_servers_that_start_together_on_an_empty_database_all_come_up(t *testing.T) {
	url := urls(t)["PostgreSQL"]
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := keep.Open(context.Background(), url)
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	wg.Wait()
}

func TestJ08_one_server_has_a_file(t *testing.T) {
	url := urls(t)["SQLite"]
	s, err := keep.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if other, err := keep.Open(t.Context(), url); err == nil {
		other.Close()
		t.Error("two servers have one file")
	} else if f := fault.Of(err); f.Code != fault.Config || !strings.Contains(f.Hint, "PostgreSQL") {
		t.Errorf("got %v", err)
	}
	s.Close()
	again, err := keep.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestJ08_a_database_of_a_newer_server_is_refused(t *testing.T) {
	both(t, func(t *testing.T, s *keep.Store) {
		for _, statement := range []string{
			`insert into migration values (99, 'x', 0)`,
			`update migration set sha256 = 'y' where n = 1`,
		} {
			if _, err := s.DB.Exec(statement); err != nil {
				t.Fatal(err)
			}
			if err := s.Migrate(t.Context()); fault.Of(err).Code != fault.Config {
				t.Errorf("%s: got %v, want E_CONFIG", statement, err)
			}
			if _, err := s.DB.Exec(`delete from migration where n = 99`); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestJ08_a_database_is_only_read_by_the_program_that_knows_its_tables(t *testing.T) {
	for kind, url := range urls(t) {
		t.Run(kind, func(t *testing.T) {
			refused := func(what, want string) {
				t.Helper()
				s, err := keep.OpenToRead(t.Context(), url)
				if err == nil {
					s.Close()
				}
				if err == nil || fault.Of(err).Code != fault.Config || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: got %v, want %q", what, err, want)
				}
			}
			refused("it is empty, or not there", "reading the database: ")
			s := open(t, url)
			reader, err := keep.OpenToRead(t.Context(), url)
			if err != nil {
				t.Fatalf("a database at work: got %v", err)
			}
			if _, err := reader.Size(t.Context()); err != nil {
				t.Error(err)
			}
			reader.Close()
			for _, x := range []struct{ what, statement, want string }{
				{"a newer one", `insert into migration values (99, 'x', 0)`, "and this server knows"},
				{"an older one", `delete from migration where n > 2`, "the database has 2 migrations"},
				{"another one", `update migration set sha256 = 'y' where n = 1`, "is another one than this server's"},
			} {
				if _, err := s.DB.Exec(x.statement); err != nil {
					t.Fatal(err)
				}
				refused(x.what, x.want)
			}
		})
	}
}

func TestO02_a_password_is_in_no_error(t *testing.T) {
	for _, url := range []string{"postgres://user:hunter22@127.0.0.1:1/x?connect_timeout=1",
		"postgres://user:hunter22@127.0.0.1:port/x"} {
		_, err := keep.Open(t.Context(), url)
		if err == nil || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%v", err)
		}
	}
}

func TestJ08_evidence_is_kept_once_and_found_by_run_and_by_subject(t *testing.T) {
	both(t, func(t *testing.T, s *keep.Store) {
		e := keep.Evidence{Repository: app(), Digest: "sha256:b", Run: 111, Attempt: 1, Type: "t", Signer: "s",
			At: time.UnixMilli(5), Body: []byte("{}"),
			About: []keep.Subject{{Digest: "sha256:a", Name: "app"}}}
		for i, want := range []bool{true, false} {
			write(t, s, func(tx *keep.Tx) error {
				if first, err := tx.Keep(e); err != nil || first != want {
					t.Errorf("time %d: first is %v, %v", i+1, first, err)
				}
				return nil
			})
		}
		of, err := s.OfRun(t.Context(), app(), 111)
		if err != nil || len(of) != 1 || of[0].About[0].Name != "app" {
			t.Errorf("of the run: %+v, %v", of, err)
		}
		stranger := app()
		stranger.ID = "1"
		for name, x := range map[string]struct {
			r    event.Repository
			want int
		}{"its own": {app(), 1}, "another repository": {stranger, 0}} {
			about, err := s.AboutSubject(t.Context(), x.r, "sha256:a")
			if err != nil || len(about) != x.want {
				t.Errorf("%s: %+v, %v", name, about, err)
			}
		}
	})
}

func TestO02_a_database_is_read_by_the_user_of_the_server_alone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "server.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil { // as a copy that was put back may be
		t.Fatal(err)
	}
	open(t, "sqlite:"+path)
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("there are %v, %v", files, err)
	}
	for _, name := range files {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}
