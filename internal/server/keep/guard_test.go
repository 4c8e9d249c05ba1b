package keep_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
	"github.com/sallyport-dev/sallyport/internal/server/signer"
)

// seal is one with a new key.
func seal(t *testing.T) keep.Seal {
	t.Helper()
	private, _, _, err := signer.Generate("sallyport.example/ledger")
	if err != nil {
		t.Fatal(err)
	}
	key, err := signer.NewKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return keep.Seal{Name: "sallyport.example/ledger", By: key,
		File: filepath.Join(t.TempDir(), "ledger.checkpoint")}
}

// verifier is that of a seal's key under a name.
func verifier(t *testing.T, s keep.Seal, name string) string {
	t.Helper()
	key, err := s.By.Key(name)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func open(t *testing.T, url string) *keep.Store {
	t.Helper()
	s, err := keep.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// guarded opens a database under a seal.
func guarded(t *testing.T, url string, x keep.Seal) *keep.Store {
	t.Helper()
	s := open(t, url)
	if err := s.Guard(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	return s
}

func appends(s *keep.Store, n int) error {
	return s.Write(context.Background(), func(tx *keep.Tx) error {
		for i := range n {
			if _, err := tx.Append(leaf(i)); err != nil {
				return err
			}
		}
		return nil
	})
}

func adds(t *testing.T, s *keep.Store, n int) {
	t.Helper()
	if err := appends(s, n); err != nil {
		t.Fatal(err)
	}
}

// copied is a copy of a database that nobody has open.
func copied(t *testing.T, url string) string {
	t.Helper()
	if path, is := strings.CutPrefix(url, "sqlite:"); is {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		other := filepath.Join(t.TempDir(), "copy.db")
		if err := os.WriteFile(other, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return "sqlite:" + other
	}
	_, name, _ := strings.Cut(url, "dbname=")
	name, _, _ = strings.Cut(name, " ")
	to, err := postgres.Copy(name, "t"+strconv.FormatInt(databases.Add(1), 10))
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// text is what a file holds.
func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// kinds runs a test with the URL of an empty database of each kind.
func kinds(t *testing.T, f func(t *testing.T, url string)) {
	t.Helper()
	for kind, url := range urls(t) {
		t.Run(kind, func(t *testing.T) { f(t, url) })
	}
}

func TestG11_the_newest_checkpoint_is_also_outside_of_the_database(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		x := seal(t)
		s := guarded(t, url, x)
		key := verifier(t, x, x.Name)
		for size := range 4 {
			c, err := ledger.Open(text(t, x.File), []string{key})
			if err != nil || c.Size != int64(size) {
				t.Fatalf("the file is of %+v, %v; want %d leaves", c, err, size)
			}
			adds(t, s, 1)
		}
		exported(t, s, key, text(t, x.File))
	})
}

// restored is a database that was put back to 3 leaves, where a file outside of it knows of 5.
func restored(t *testing.T, url string) (string, keep.Seal) {
	t.Helper()
	x := seal(t)
	s := guarded(t, url, x)
	adds(t, s, 3)
	s.Close()
	old := copied(t, url)
	s = guarded(t, url, x)
	adds(t, s, 2)
	s.Close()
	return old, x
}

func TestG11_a_database_that_was_put_back_is_not_appended_to(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		old, x := restored(t, url)
		s := open(t, old)
		err := s.Guard(t.Context(), x)
		if f := fault.Of(err); f.Code != fault.Ledger ||
			!strings.Contains(f.Error(), "its ledger has 3 leaves, and a checkpoint outside of it is of 5") ||
			!strings.Contains(f.Hint, "ledger continue") {
			t.Fatalf("got %v", err)
		}
		adds(t, s, 4) // by a program that looks at no file
		if err := s.Guard(t.Context(), x); err == nil ||
			!strings.Contains(err.Error(), "its first 5 leaves are not those") {
			t.Errorf("got %v", err)
		}
	})
}

func TestG11_a_ledger_is_continued_and_says_what_is_missing(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		old, x := restored(t, url)
		before := text(t, x.File)
		ended, err := ledger.Parse(third(t, old, x))
		if err != nil {
			t.Fatal(err)
		}
		s := open(t, old)
		last, err := ledger.Parse(before)
		if err != nil {
			t.Fatal(err)
		}
		three, five := ended.Root, last.Root
		l, err := s.Continue(t.Context(), x, time.Unix(9, 0))
		if err != nil || l.About.Missing != 2 || l.About.Checkpoint != before {
			t.Fatalf("got %+v, %v", l, err)
		}
		adds(t, s, 3)
		now, was := verifier(t, x, x.Name+"/2"), verifier(t, x, x.Name)
		sum := verifies(t, s, []string{now, was}, before, text(t, x.File))
		if sum.Missing != 2 || sum.Before.Size != 5 || sum.Checkpoint.Size != 4 || sum.Kinds[ledger.Continued] != 1 {
			t.Errorf("got %+v", sum)
		}
		if _, err := s.Continue(t.Context(), x, time.Unix(10, 0)); fault.Of(err).Code != fault.Config {
			t.Errorf("again: got %v, want that nothing is to be continued", err)
		}
		s.Close()
		kept, err := filepath.Glob(x.File + ".19*")
		if err != nil || len(kept) != 1 || text(t, kept[0]) != before {
			t.Errorf("the checkpoint before is in %v, %v", kept, err)
		}
		s = guarded(t, old, x) // started again
		adds(t, s, 1)
		s.Close()
		s = open(t, old)
		left, base, there, err := s.Ended(t.Context(), 1)
		if err != nil || !there || base != 0 {
			t.Fatalf("what is left of the origin before: base %d, %v, %v", base, there, err)
		}
		if sum, err := ledger.Verify(bytes.NewReader(exportOf(t, s, left, base)), []string{was}); err != nil ||
			sum.Checkpoint.Size != 3 {
			t.Errorf("what is left of the origin before: %+v, %v", sum, err)
		}
		if _, _, there, err := s.Ended(t.Context(), 2); err != nil || there {
			t.Errorf("the origin that lasts has ended: %v", err)
		}
		s.Close()
		for _, c := range []struct {
			size int64
			root ledger.Hash
			want string
		}{{3, three, ""}, {3, ledger.Hash{1}, "not those"}, {4, ledger.Hash{1}, ""}, {5, five, ""},
			{5, ledger.Hash{1}, "not those"}, {6, ledger.Hash{1}, "is of 6"}} {
			own := x // of a server that has its own file
			own.File = filepath.Join(t.TempDir(), "own.checkpoint")
			seen := signs(t, x, ledger.Checkpoint{Size: c.size, Root: c.root})
			if err := os.WriteFile(own.File, []byte(seen), 0o600); err != nil {
				t.Fatal(err)
			}
			s := open(t, old)
			err = s.Guard(t.Context(), own)
			s.Close()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("a server that has seen %d leaves of the ledger before: got %v, want %q", c.size, err, c.want)
			}
		}
	})
}

// third is the checkpoint of a database as it is, by a server that has seen nothing of it before.
func third(t *testing.T, url string, x keep.Seal) string {
	t.Helper()
	x.File = filepath.Join(t.TempDir(), "third.checkpoint")
	s := guarded(t, url, x)
	defer s.Close()
	text, err := s.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// other is one with another key.
func other(t *testing.T) keep.Signer { t.Helper(); return seal(t).By }

// A database is put back to before it was continued: that origin is never begun a second time.
func TestG11_no_origin_begins_twice(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		old, x := restored(t, url)
		again := copied(t, old)
		s := open(t, old)
		if _, err := s.Continue(t.Context(), x, time.Unix(9, 0)); err != nil {
			t.Fatal(err)
		}
		s.Close()
		s = open(t, again)
		if err := s.Guard(t.Context(), x); fault.Of(err).Code != fault.Ledger {
			t.Fatalf("got %v", err)
		}
		l, err := s.Continue(t.Context(), x, time.Unix(10, 0))
		if err != nil || !strings.HasPrefix(l.About.Key, x.Name+"/3+") || l.About.Missing != 0 ||
			!strings.Contains(l.About.Reason, "another history") {
			t.Errorf("got %+v, %v", l, err)
		}
	})
}

func TestG11_a_running_server_sees_that_its_database_was_put_back(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		s := guarded(t, url, seal(t))
		adds(t, s, 4)
		for _, statement := range []string{`delete from leaf where n = 3`, `delete from hash where i >= 4`,
			`update head set size = 3`} {
			if _, err := s.DB.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		if err := appends(s, 1); err == nil || !strings.Contains(err.Error(),
			"its ledger has 3 leaves, and a checkpoint outside of it is of 4") {
			t.Errorf("got %v", err)
		}
		if _, err := s.Checkpoint(t.Context()); fault.Of(err).Code != fault.Ledger {
			t.Errorf("it signs what is behind: %v", err)
		}
		if err := s.Fit(t.Context()); fault.Of(err).Code != fault.Ledger {
			t.Errorf("it is ready: %v", err)
		}
		if _, err := s.DB.Exec(`insert into leaf select 3, body from leaf where n = 2`); err != nil {
			t.Fatal(err)
		}
		for i := 4; i < 7; i++ {
			if _, err := s.DB.Exec(`insert into hash select ` + strconv.Itoa(i) +
				`, h from hash where i = 0`); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.DB.Exec(`update head set size = 4`); err != nil {
			t.Fatal(err)
		}
		if err := appends(s, 1); err == nil || !strings.Contains(err.Error(), "its first 4 leaves are not those") {
			t.Errorf("got %v", err)
		}
	})
}

func TestG11_without_a_place_for_the_checkpoint_nothing_is_appended(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		x := seal(t)
		x.File = filepath.Join(t.TempDir(), "below", "ledger.checkpoint")
		dir := filepath.Dir(x.File)
		s := open(t, url)
		if err := s.Guard(t.Context(), x); fault.Of(err).Code != fault.NotAvailable {
			t.Fatalf("got %v", err)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := s.Guard(t.Context(), x); err != nil {
			t.Fatal(err)
		}
		adds(t, s, 1)
		if err := os.Rename(dir, dir+"-away"); err != nil {
			t.Fatal(err)
		}
		adds(t, s, 1) // it was committed before the file was written
		if err := appends(s, 1); fault.Of(err).Code != fault.NotAvailable {
			t.Errorf("got %v", err)
		}
		if err := os.Rename(dir+"-away", dir); err != nil {
			t.Fatal(err)
		}
		adds(t, s, 1)
		if c, err := ledger.Parse(text(t, x.File)); err != nil || c.Size != 3 {
			t.Errorf("the file is of %+v, %v", c, err)
		}
	})
}

func TestG11_a_checkpoint_that_nobody_of_this_ledger_signed_is_refused(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		x, stranger := seal(t), seal(t)
		s := guarded(t, url, x)
		adds(t, s, 2)
		good := text(t, x.File)
		forged := signs(t, stranger, ledger.Checkpoint{Size: 2})
		s.Close()
		for what, text := range map[string]string{"it is empty": "", "it is cut": good[:len(good)-20],
			"another key has signed it": forged, "it is too long": strings.Repeat(good, 100)} {
			if err := os.WriteFile(x.File, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			s := open(t, url)
			if err := s.Guard(t.Context(), x); err == nil {
				t.Errorf("%s, and the server starts", what)
			}
			if _, err := s.Continue(t.Context(), x, time.Unix(9, 0)); err == nil {
				t.Errorf("%s, and the ledger is continued", what)
			}
			s.Close()
		}
	})
}

// signs signs anything as the key of a seal.
func signs(t *testing.T, x keep.Seal, c ledger.Checkpoint) string {
	t.Helper()
	c.Origin = x.Name
	text, err := x.By.Sign(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Servers may share the file: one that is slower puts no older checkpoint into it.
func TestG11_a_newer_checkpoint_stays_in_a_file_that_servers_share(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		x := seal(t)
		s := guarded(t, url, x)
		newer := signs(t, x, ledger.Checkpoint{Size: 9})
		if err := os.WriteFile(x.File, []byte(newer), 0o600); err != nil {
			t.Fatal(err)
		}
		adds(t, s, 1)
		if got := text(t, x.File); got != newer {
			t.Errorf("the file is %q", got)
		}
	})
}

func TestG11_a_checkpoint_is_only_of_what_is_committed(t *testing.T) {
	s := guarded(t, urls(t)["PostgreSQL"], seal(t))
	adds(t, s, 2)
	write(t, s, func(tx *keep.Tx) error {
		if _, err := tx.Append(leaf(9)); err != nil {
			return err
		}
		text, err := s.Checkpoint(t.Context())
		if err != nil {
			return err
		}
		if c, err := ledger.Parse(text); err != nil || c.Size != 2 {
			t.Errorf("it is of %+v, %v", c, err)
		}
		return nil
	})
}

func TestG11_the_key_of_a_ledger_is_changed(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		x := seal(t)
		s := guarded(t, url, x)
		adds(t, s, 2)
		early := text(t, x.File)
		s.Close()
		after := seal(t)
		after.File = x.File
		after.By = other(t)
		s = open(t, url)
		if err := s.Guard(t.Context(), after); fault.Of(err).Code != fault.Ledger ||
			!strings.Contains(fault.Of(err).Hint, "ledger rotate") {
			t.Fatalf("a key that nobody has announced: got %v", err)
		}
		if _, err := s.Rotate(t.Context(), x, x.By, time.Unix(9, 0)); fault.Of(err).Code != fault.Config {
			t.Errorf("the same key: got %v", err)
		}
		l, err := s.Rotate(t.Context(), after, x.By, time.Unix(9, 0))
		old, now := verifier(t, x, x.Name), verifier(t, after, x.Name)
		if err != nil || l.About.Before != old || l.About.Key != now {
			t.Fatalf("got %+v, %v", l, err)
		}
		for _, key := range []string{old, now} {
			if c, err := ledger.Open(text(t, x.File), []string{key}); err != nil || c.Size != 3 {
				t.Errorf("the checkpoint of the change is of %+v, %v", c, err)
			}
		}
		s.Close()
		s = open(t, url)
		if err := s.Guard(t.Context(), x); fault.Of(err).Code != fault.Ledger {
			t.Errorf("with the key before: got %v", err)
		}
		s.Close()
		s = guarded(t, url, after)
		adds(t, s, 2)
		if sum := verifies(t, s, []string{old, now}, early); sum.Kinds[ledger.NewKey] != 1 || sum.Checkpoint.Size != 5 {
			t.Errorf("got %+v", sum)
		}
		// A key that is lost announces nobody: the ledger is continued.
		lost := after
		lost.By = other(t)
		s.Close()
		s = open(t, url)
		if l, err = s.Continue(t.Context(), lost, time.Unix(10, 0)); err != nil || l.About.Missing != 0 ||
			l.About.Before != now {
			t.Fatalf("got %+v, %v", l, err)
		}
		verifies(t, s, []string{old, now, verifier(t, lost, x.Name+"/2")}, early)
	})
}

func TestG11_a_server_that_signs_with_a_key_that_was_changed_appends_nothing(t *testing.T) {
	url := urls(t)["PostgreSQL"]
	x := seal(t)
	running := guarded(t, url, x)
	adds(t, running, 1)
	after := x
	after.By = other(t)
	if _, err := open(t, url).Rotate(t.Context(), after, x.By, time.Unix(9, 0)); err != nil {
		t.Fatal(err)
	}
	if err := appends(running, 1); err == nil || !strings.Contains(err.Error(), "the ledger is signed by the key") {
		t.Errorf("got %v", err)
	}
	if f := text(t, x.File); strings.Count(f, "\n— ") != 2 {
		t.Errorf("the checkpoint of the change is signed by one key alone: %s", f)
	}
	lost := after
	lost.By = other(t)
	still := guarded(t, url, after)
	if _, err := open(t, url).Continue(t.Context(), lost, time.Unix(9, 0)); err != nil {
		t.Fatal(err)
	}
	if err := appends(still, 1); err == nil || !strings.Contains(err.Error(),
		"the ledger is continued by its origin 2") {
		t.Errorf("got %v", err)
	}
}

func TestG11_a_database_that_cannot_be_read_is_not_continued(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		x := seal(t)
		s := guarded(t, url, x)
		adds(t, s, 3)
		if _, err := s.DB.Exec(`delete from hash`); err != nil {
			t.Fatal(err)
		}
		lost := x
		lost.By = other(t)
		_, err := s.Continue(t.Context(), lost, time.Unix(9, 0))
		if err == nil || !strings.Contains(err.Error(), "of the ledger") {
			t.Errorf("got %v", err)
		}
		var n int
		if err := s.DB.QueryRow(`select origin from head`).Scan(&n); err != nil || n != 1 {
			t.Errorf("the origin is %d, %v; want 1", n, err)
		}
	})
}

func TestG11_of_an_origin_that_ended_only_leaves_that_are_there_are_shown(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		x := seal(t)
		s := guarded(t, url, x)
		adds(t, s, 3)
		want, err := s.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.DB.Exec(`insert into signed (origin, size, note) values (1, 9, 'more than is there')`); err != nil {
			t.Fatal(err)
		}
		if _, _, there, err := s.Ended(t.Context(), 1); there || err != nil {
			t.Errorf("an origin that lasts has ended: %v", err)
		}
		lost := x
		lost.By = other(t)
		if _, err := s.Continue(t.Context(), lost, time.Unix(9, 0)); err != nil {
			t.Fatal(err)
		}
		if got, base, there, err := s.Ended(t.Context(), 1); got != want || base != 0 || !there || err != nil {
			t.Errorf("got %q from %d, %t, %v; want %q", got, base, there, err, want)
		}
	})
}

// A server that could not write the file tries again with each transaction, also after the key was changed.
func TestG11_the_file_holds_what_the_key_that_counts_has_signed(t *testing.T) {
	url := urls(t)["PostgreSQL"]
	x := seal(t)
	x.File = filepath.Join(t.TempDir(), "below", "ledger.checkpoint")
	dir := filepath.Dir(x.File)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	running := guarded(t, url, x)
	adds(t, running, 1)
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	adds(t, running, 1) // the file stays behind
	if err := os.Rename(dir+"-away", dir); err != nil {
		t.Fatal(err)
	}
	after := x
	after.By = other(t)
	if _, err := open(t, url).Rotate(t.Context(), after, x.By, time.Unix(9, 0)); err != nil {
		t.Fatal(err)
	}
	write(t, running, func(*keep.Tx) error { return nil })
	if _, err := ledger.Open(text(t, x.File), []string{verifier(t, after, x.Name)}); err != nil {
		t.Errorf("the server with the key before has replaced the checkpoint: %v", err)
	}
}

// verifies verifies what a store has by several keys.
func verifies(t *testing.T, s *keep.Store, keys []string, kept ...string) ledger.Summary {
	t.Helper()
	sum, err := ledger.Verify(bytes.NewReader(export(t, s)), keys, kept...)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func export(t *testing.T, s *keep.Store) []byte {
	t.Helper()
	text, err := s.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return exportOf(t, s, text, -1)
}

// exportOf is one of an origin; the base -1 is that of the one that lasts.
func exportOf(t *testing.T, s *keep.Store, text string, base int64) []byte {
	t.Helper()
	c, err := ledger.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	line := func(_ int64, body []byte) error {
		b.Write(append(bytes.Clone(body), '\n'))
		return nil
	}
	if base < 0 {
		err = s.Leaves(t.Context(), 0, c.Size, line)
	} else {
		err = s.LeavesFrom(t.Context(), base, 0, c.Size, line)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.Write(ledger.LastLine(text))
	return b.Bytes()
}
