package serve_test

import (
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/ledger"
)

// A holder is the process that has the ledger's key, and its folder.
type holder struct {
	*process
	*world
	dir string
}

func (h *holder) at(name string) string { return filepath.Join(h.dir, name) }

// holds takes the key out of the folder of the server, and starts a process that has it.
func (w *world) holds() *holder {
	w.Helper()
	dir, err := os.MkdirTemp("", "signer-") // the path of a socket is short
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = os.RemoveAll(dir) })
	h := &holder{world: w, dir: dir}
	if err := os.Remove(filepath.Join(w.dir, "ledger.key")); err != nil {
		w.Fatal(err)
	}
	before := w.key
	w.key = strings.TrimSpace(w.commands("sallyport-server", "key", "--name", "sallyport.example/ledger", "--out",
		h.at("ledger.key"), "--state", h.at("ledger.state")))
	if w.key == before {
		w.Fatal("two keys are the same")
	}
	w.write("server.yaml", strings.Replace(w.read("server.yaml"), "key: ledger.key", "signer: "+h.at("socket")+
		", public-key: "+w.key, 1))
	h.starts()
	return h
}

func (h *holder) starts() {
	h.Helper()
	p := &process{}
	p.cmd = exec.Command(filepath.Join(programs, "sallyport-server"), "signer", "--key", h.at("ledger.key"), "--socket",
		h.at("socket"), "--state", h.at("ledger.state"))
	p.cmd.Stderr = &p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		h.Fatal(err)
	}
	h.process = p
	h.Cleanup(func() {
		p.kill()
		text := p.log.String()
		if h.Failed() {
			h.Logf("the signer said:\n%s", text)
		}
		if strings.Contains(text, "PRIVATE") {
			h.Error("the key is in the signer's log")
		}
	})
	h.until("the signer signs", func() bool { return strings.Contains(p.log.String(), `"signing"`) })
}

// begins makes a checkpoint the state of the signer, as an operator does by hand.
func (h *holder) begins(checkpoint string) {
	h.Helper()
	h.kill()
	if err := os.WriteFile(h.at("ledger.state"), []byte(checkpoint), 0o600); err != nil {
		h.Fatal(err)
	}
	h.starts()
}

func (w *world) ready() bool {
	resp, err := http.Get(w.url + "/readyz")
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func TestG11_a_server_answers_without_the_key_of_its_ledger(t *testing.T) {
	t.Parallel()
	worlds(t, "10m", func(w *world) {
		h := w.holds()
		w.starts()
		w.run(141)
		w.attests(141, w.url, nil)
		_, early := w.get("/v1/ledger/checkpoint", "")
		w.write("early.note", early)
		w.lab.Waits(w, w.repo, 141, "production", nil)
		w.answered(141, "approved")
		w.write("export.jsonl", w.export())
		said := w.commands("sallyport", "ledger", "verify", "--key", w.key, "--kept", "early.note", "export.jsonl")
		if !strings.Contains(said, "kept      1 checkpoint agree") {
			w.Errorf("verify says %s", said)
		}
		_, proof := w.get("/v1/ledger/proof?from=1", "reads-the-ledger-of-this-test")
		w.write("proof.json", proof)
		w.commands("sallyport", "ledger", "verify", "--key", w.key, "proof.json")
		private, err := os.ReadFile(h.at("ledger.key"))
		if err != nil {
			w.Fatal(err)
		}
		secret := strings.TrimSpace(string(private[len(private)-20:]))
		err = filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			if strings.Contains(string(b), "PRIVATE+KEY") || strings.Contains(string(b), secret) {
				w.Errorf("the key is in %s", path)
			}
			return err
		})
		if err != nil {
			w.Fatal(err)
		}
		if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			w.Fatal(err)
		}
		if err := h.cmd.Wait(); err != nil {
			w.Errorf("at SIGTERM the signer ends with %v", err)
		}
		if _, err := os.Lstat(h.at("socket")); err == nil {
			w.Error("it left its socket")
		}
	})
}

func TestG11_a_signer_that_is_killed_stops_the_answers_until_it_is_back(t *testing.T) {
	t.Parallel()
	worlds(t, "10m", func(w *world) {
		h := w.holds()
		p := w.starts()
		w.run(151)
		w.attests(151, w.url, nil)
		h.kill()
		w.lab.Waits(w, w.repo, 151, "production", nil)
		w.until("the server is not ready", func() bool { return !w.ready() })
		if status, said := w.get("/v1/ledger/checkpoint", ""); status != http.StatusServiceUnavailable {
			w.Errorf("it shows a checkpoint: status %d, %s", status, said)
		}
		if state, _ := w.answer(151); state != "" {
			w.Errorf("it has answered %s", state)
		}
		w.until("the log says why", func() bool {
			return strings.Contains(p.log.String(), "the signer at ") &&
				strings.Contains(p.log.String(), "does not answer")
		})
		h.starts()
		w.until("the server is ready", w.ready)
		w.answered(151, "approved")
		w.write("export.jsonl", w.export())
		w.commands("sallyport", "ledger", "verify", "--key", w.key, "export.jsonl")
	})
}

// Who has taken over the server and its database puts an older copy back, lets the server write on, and takes away what
// would show it. The twin is the same with the key beside the server.
func TestG11_a_database_that_was_written_again_is_signed_by_no_signer(t *testing.T) {
	t.Parallel()
	worlds(t, "10m", func(w *world) {
		h := w.holds()
		p := w.starts()
		w.run(161)
		w.attests(161, w.url, nil)
		p.kill()
		restore := w.backup()
		p = w.starts()
		w.run(162)
		w.attests(162, w.url, nil)
		w.run(163)
		w.attests(163, w.url, nil)
		p.kill()
		restore()
		forget := func() {
			for _, name := range []string{"server.checkpoint", "server.checkpoint.lock"} {
				if err := os.Remove(filepath.Join(w.dir, name)); err != nil {
					w.Fatal(err)
				}
			}
		}
		forget()
		status, said := w.runs("sallyport-server", "--config", "server.yaml")
		if status != 3 || !strings.Contains(said, "E_LEDGER") ||
			!strings.Contains(said, "its ledger has 2 leaves, and the signer has signed one of 5") {
			w.Errorf("put back: status %d, %s", status, said)
		}
		with := w.read("server.yaml")
		own, err := os.ReadFile(h.at("ledger.key"))
		if err != nil {
			w.Fatal(err)
		}
		w.write("ledger.key", string(own)) // the twin
		w.write("server.yaml", strings.Replace(with, "signer: "+h.at("socket")+", public-key: "+w.key,
			"key: ledger.key", 1))
		p = w.starts()
		for run := int64(164); run < 168; run++ {
			w.run(run)
			w.attests(run, w.url, nil)
		}
		p.kill()
		forged := w.read("server.checkpoint")
		if c, err := ledger.Open(forged, []string{w.key}); err != nil || c.Size != 7 {
			w.Fatalf("with the key the other history is signed: %+v, %v", c, err)
		}
		forget()
		w.write("server.yaml", with)
		status, said = w.runs("sallyport-server", "--config", "server.yaml")
		if status != 3 || !strings.Contains(said, "E_LEDGER") ||
			!strings.Contains(said, "the signer refuses: no proof that a ledger of 7 leaves begins with one of 5") {
			w.Errorf("written again: status %d, %s", status, said)
		}
		if log := h.log.String(); !strings.Contains(log, `"code":"E_LEDGER"`) {
			w.Errorf("the signer says %s", log)
		}
		restore()
		kept, err := os.ReadFile(h.at("ledger.state"))
		if err != nil {
			w.Fatal(err)
		}
		w.write("server.checkpoint", string(kept)) // the signer's is as new
		w.continues(h)
	})
}

// continues begins a new origin of a database that was put back, where a signer has the key.
func (w *world) continues(h *holder) {
	w.Helper()
	if status, said := w.runs("sallyport-server", "ledger", "continue", "--config", "server.yaml"); status != 2 ||
		!strings.Contains(said, "this command signs with the key itself") {
		w.Errorf("without the key: status %d, %s", status, said)
	}
	w.commands("sallyport-server", "key", "--name", "sallyport.example/ledger", "--out", "other.key")
	if status, said := w.runs("sallyport-server", "ledger", "continue", "--config", "server.yaml", "--key",
		"other.key"); status != 2 ||
		!strings.Contains(said, "and the configuration has "+w.key) {
		w.Errorf("with another key: status %d, %s", status, said)
	}
	said := w.commands("sallyport-server", "ledger", "continue", "--config", "server.yaml", "--key", h.at("ledger.key"))
	if !strings.Contains(said, "continues sallyport.example/ledger of 5 leaves, of which 3 are missing\n") {
		w.Errorf("it says %s", said)
	}
	_, now, _ := strings.Cut(said, "key       ")
	if status, said := w.runs("sallyport-server", "--config", "server.yaml"); status != 3 ||
		!strings.Contains(said, `the checkpoint is of "sallyport.example/ledger/2", and "sallyport.example/ledger" is signed here`) {
		w.Errorf("with the state before: status %d, %s", status, said)
	}
	h.begins(w.read("server.checkpoint"))
	w.starts()
	w.run(162)
	w.attests(162, w.url, nil)
	w.write("export.jsonl", w.export())
	w.commands("sallyport", "ledger", "verify", "--key", w.key, "--key", strings.TrimSpace(now), "export.jsonl")
}

func TestG11_the_key_of_a_signer_is_changed_by_hand(t *testing.T) {
	t.Parallel()
	worlds(t, "10m", func(w *world) {
		h := w.holds()
		p := w.starts()
		p.kill()
		w.write("early.note", w.read("server.checkpoint"))
		before := w.key
		now := strings.TrimSpace(w.commands("sallyport-server", "key", "--name", "sallyport.example/ledger", "--out",
			h.at("new.key")))
		w.write("server.yaml", strings.Replace(w.read("server.yaml"), "public-key: "+before, "public-key: "+now, 1))
		if status, said := w.runs("sallyport-server", "ledger", "rotate", "--config", "server.yaml", "--before",
			h.at("ledger.key")); status != 2 || !strings.Contains(said, "this command signs with the key itself") {
			w.Errorf("without the new key: status %d, %s", status, said)
		}
		said := w.commands("sallyport-server", "ledger", "rotate", "--config", "server.yaml", "--before",
			h.at("ledger.key"), "--key", h.at("new.key"))
		if said != "before    "+before+"\nkey       "+now+"\n" {
			w.Errorf("it says %s", said)
		}
		if status, said := w.runs("sallyport-server", "--config", "server.yaml"); status != 3 ||
			!strings.Contains(said, "signed by none of the keys") {
			w.Errorf("with the signer before: status %d, %s", status, said)
		}
		h.kill()
		if err := os.Rename(h.at("new.key"), h.at("ledger.key")); err != nil {
			w.Fatal(err)
		}
		h.begins(w.read("server.checkpoint"))
		w.starts()
		w.write("export.jsonl", w.export())
		said = w.commands("sallyport", "ledger", "verify", "--key", before, "--key", now, "--kept", "early.note",
			"export.jsonl")
		if !strings.Contains(said, "1 key\n") {
			w.Errorf("verify says %s", said)
		}
	})
}

func TestG11_an_export_is_imported_with_its_signer_at_work(t *testing.T) {
	t.Parallel()
	worlds(t, "10m", func(w *world) {
		w.holds()
		p := w.starts()
		w.run(171)
		w.attests(171, w.url, nil)
		w.write("older.jsonl", w.export())
		w.run(172)
		w.attests(172, w.url, nil)
		w.write("whole.jsonl", w.export())
		p.kill()
		first := w.database
		w.write("server.yaml", strings.Replace(w.read("server.yaml"), first,
			"sqlite:"+filepath.Join(w.dir, "older.db"), 1))
		if status, said := w.runs("sallyport-server", "ledger", "import", "--config", "server.yaml", "--export",
			"older.jsonl"); status != 3 || !strings.Contains(said, "E_LEDGER") {
			w.Errorf("one that is older than what was signed: status %d, %s", status, said)
		}
		w.write("server.yaml", strings.Replace(w.read("server.yaml"), "older.db", "moved.db", 1))
		w.commands("sallyport-server", "ledger", "import", "--config", "server.yaml", "--export", "whole.jsonl")
		w.starts()
		w.write("after.jsonl", w.export())
		w.commands("sallyport", "ledger", "verify", "--key", w.key, "after.jsonl")
	})
}

func TestG11_a_key_that_others_can_read_starts_no_signer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	h := w.holds()
	h.kill()
	starts := func() (int, string) {
		return w.runs("sallyport-server", "signer", "--key", h.at("ledger.key"), "--socket", h.at("socket"),
			"--state", h.at("ledger.state"))
	}
	for _, mode := range []os.FileMode{0o640, 0o604} {
		if err := os.Chmod(h.at("ledger.key"), mode); err != nil {
			t.Fatal(err)
		}
		if status, said := starts(); status != 2 || !strings.Contains(said, "may be read by others") {
			t.Errorf("%o: status %d, %s", mode, status, said)
		}
	}
	if err := os.Chmod(h.at("ledger.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.starts()
	if status, said := starts(); status != 2 || !strings.Contains(said, "another signer has") {
		t.Errorf("a second one: status %d, %s", status, said)
	}
}
