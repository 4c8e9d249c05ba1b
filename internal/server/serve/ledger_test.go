package serve_test

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/ledger"
)

// runs runs one command of the server's program, or of the product's, and returns its status and all that it printed.
func (w *world) runs(program string, args ...string) (status int, said string) {
	w.Helper()
	c := exec.Command(filepath.Join(programs, program), args...)
	c.Env, c.Dir = w.environment(nil), w.dir
	out, err := c.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		w.Fatal(err)
	}
	if ended != nil {
		status = ended.ExitCode()
	}
	if strings.Contains(string(out), "PRIVATE+KEY") {
		w.Error("a command printed a key")
	}
	return status, string(out)
}

// commands runs one that has to succeed.
func (w *world) commands(program string, args ...string) string {
	w.Helper()
	status, said := w.runs(program, args...)
	if status != 0 {
		w.Fatalf("%s %v: status %d, %s", program, args, status, said)
	}
	return said
}

func (w *world) read(name string) string {
	w.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.Fatal(err)
	}
	return string(b)
}

// backup copies the database of a server that was stopped, and returns what puts it back.
func (w *world) backup() (restore func()) {
	w.Helper()
	if path, is := strings.CutPrefix(w.database, "sqlite:"); is {
		kept := map[string][]byte{}
		for _, end := range []string{"", "-wal"} {
			b, err := os.ReadFile(path + end)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				w.Fatal(err)
			}
			kept[path+end] = b
		}
		return func() {
			for _, end := range []string{"", "-wal", "-shm"} {
				_ = os.Remove(path + end)
				if b := kept[path+end]; b != nil {
					if err := os.WriteFile(path+end, b, 0o600); err != nil {
						w.Fatal(err)
					}
				}
			}
		}
	}
	_, name, _ := strings.Cut(w.database, "dbname=")
	name, _, _ = strings.Cut(name, " ")
	dump, err := postgres.Dump(name)
	if err != nil {
		w.Fatal(err)
	}
	return func() {
		if err := postgres.Restore(name, dump); err != nil {
			w.Fatal(err)
		}
	}
}

// export is what the reader of the whole ledger is given.
func (w *world) export() string {
	w.Helper()
	status, text := w.get("/v1/ledger/export", "reads-the-ledger-of-this-test")
	if status != http.StatusOK {
		w.Fatalf("the export: status %d", status)
	}
	return text
}

func TestG11_a_database_that_was_put_back_is_refused_and_then_continued(t *testing.T) {
	t.Parallel()
	worlds(t, "10m", func(w *world) {
		p := w.starts()
		w.run(101)
		w.attests(101, w.url, nil)
		p.kill()
		restore := w.backup()
		p = w.starts()
		w.run(102)
		w.attests(102, w.url, nil)
		p.kill()
		kept := w.read("server.checkpoint")
		last, err := ledger.Open(kept, []string{w.key})
		if err != nil || last.Size != 4 {
			w.Fatalf("the checkpoint outside of the database is of %+v, %v", last, err)
		}
		restore()
		if status, said := w.runs("sallyport-server", "--config", "server.yaml"); status != 3 ||
			!strings.Contains(said, "E_LEDGER") || !strings.Contains(said, "its ledger has 2 leaves, and a checkpoint outside of it is of 4") ||
			!strings.Contains(said, "sallyport-server ledger continue --config") {
			w.Fatalf("status %d, %s", status, said)
		}
		said := w.commands("sallyport-server", "ledger", "continue", "--config", "server.yaml")
		if !strings.Contains(said, "continues sallyport.example/ledger of 4 leaves, of which 2 are missing\n") {
			w.Errorf("it says %s", said)
		}
		_, now, _ := strings.Cut(said, "key       ")
		w.starts()
		w.attests(102, w.url, nil) // what was lost is pushed again
		for _, run := range []int64{101, 102} {
			w.lab.Waits(w, w.repo, run, "production", nil)
			w.answered(run, "approved")
		}
		w.write("kept.note", kept)
		w.write("export.jsonl", w.export())
		said = w.commands("sallyport", "ledger", "verify", "--key", w.key, "--key", strings.TrimSpace(now),
			"--kept", "kept.note", "export.jsonl")
		if !strings.Contains(said, "continues sallyport.example/ledger of 4 leaves, of which 2 are lost\n") ||
			!strings.Contains(said, "ledger    sallyport.example/ledger/2\n") {
			w.Errorf("verify says %s", said)
		}
		if status, _ := w.runs("sallyport-server", "ledger", "continue", "--config", "server.yaml"); status != 2 {
			w.Errorf("again: status %d", status)
		}
	})
}

func TestG11_the_key_is_changed_and_both_verify_the_history(t *testing.T) {
	t.Parallel()
	worlds(t, "10m", func(w *world) {
		p := w.starts()
		p.kill()
		w.write("early.note", w.read("server.checkpoint"))
		now := strings.TrimSpace(w.commands("sallyport-server", "key", "--name", "sallyport.example/ledger", "--out", "new.key"))
		w.write("server.yaml", strings.Replace(w.read("server.yaml"), "key: ledger.key", "key: new.key", 1))
		if status, said := w.runs("sallyport-server", "--config", "server.yaml"); status != 3 ||
			!strings.Contains(said, "ledger rotate") {
			w.Fatalf("status %d, %s", status, said)
		}
		said := w.commands("sallyport-server", "ledger", "rotate", "--config", "server.yaml", "--before", "ledger.key")
		if said != "before    "+w.key+"\nkey       "+now+"\n" {
			w.Errorf("it says %s", said)
		}
		w.starts()
		w.write("export.jsonl", w.export())
		said = w.commands("sallyport", "ledger", "verify", "--key", w.key, "--key", now, "--kept", "early.note",
			"export.jsonl")
		if !strings.Contains(said, "1 key\n") || !strings.Contains(said, "kept      1 checkpoint agree") {
			w.Errorf("verify says %s", said)
		}
	})
}
