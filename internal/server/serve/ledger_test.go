package serve_test

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

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
		w.write("policy.yaml", w.read("policy.yaml")+"# and a word\n") // which is no reason to write to it
		if status, said := w.runs("sallyport-server", "--config", "server.yaml"); status != 3 ||
			!strings.Contains(said, "E_LEDGER") || !strings.Contains(said,
			"its ledger has 2 leaves, and a checkpoint outside of it is of 4") ||
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
		if status, said := w.runs("sallyport", "ledger", "verify", "--key", w.key, "export.jsonl"); status != 3 ||
			!strings.Contains(said, "it continues the ledger of the key") {
			w.Errorf("with the key before alone: status %d, %s", status, said)
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
		now := strings.TrimSpace(w.commands("sallyport-server", "key", "--name", "sallyport.example/ledger",
			"--out", "new.key"))
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

// neighbour is a repository of another owner, for which the same server answers under the same policy.
func (w *world) neighbour() (name string) {
	w.Helper()
	name, id := w.repo+"-of-others", w.id+1_000_000
	w.lab.Set(w, "/github/repos/"+name, map[string]any{"id": id, "owner_id": 999, "protected": []string{"production"}})
	w.app.Install(w, w.app.Installation, w.repo, name)
	w.app.Guards(w, name, "production")
	w.write("own.token", "token-of-tenant-4242")
	w.write("others.token", "token-of-tenant-999")
	w.write("server.yaml", strings.Replace(w.read("server.yaml"), "policies:\n", `tenants:
  - {owner: 4242, read-token: own.token}
  - {owner: 999, read-token: others.token}
policies:
  - {file: policy.yaml, owners: [999]}
`, 1))
	return name
}

func TestTenants_read_their_own_leaves_and_hashes_of_others(t *testing.T) {
	t.Parallel()
	worlds(t, "1s", func(w *world) {
		other := w.neighbour()
		w.starts()
		w.run(111)
		w.attests(111, w.url, nil)
		w.lab.Waits(w, w.repo, 111, "production", nil)
		_, id, _ := strings.Cut(w.answered(111, "approved"), "/v1/decisions/")
		w.lab.Set(w, "/github/repos/"+other+"/runs/112",
			map[string]any{"status": "in_progress", "conclusion": nil, "head_sha": commit})
		w.lab.Waits(w, other, 112, "production", nil)
		w.until("the other is answered", func() bool { return w.ledger().Kinds[ledger.Answered] == 2 })
		w.change(`update decision set at = $1`, time.Now().AddDate(0, 0, -91).UnixMilli()) // links end
		for token, want := range map[string]int{"token-of-tenant-4242": http.StatusOK,
			"token-of-tenant-999": http.StatusNotFound} {
			if status, _ := w.get("/v1/decisions/"+id, token); status != want {
				w.Errorf("the verdict, with %s: status %d, want %d", token, status, want)
			}
		}
		whole := strings.Split(strings.TrimSpace(w.export()), "\n")
		for token, x := range map[string]struct{ own, foreign string }{
			"token-of-tenant-4242": {`"owner":"4242"`, `"owner":"999"`},
			"token-of-tenant-999":  {`"owner":"999"`, `"owner":"4242"`},
		} {
			status, text := w.get("/v1/ledger/export", token)
			if status != http.StatusOK || !strings.Contains(text, x.own) || strings.Contains(text, x.foreign) ||
				!strings.Contains(text, `"started"`) {
				w.Errorf("%s: status %d, %s", token, status, text)
			}
			w.write("tenant.jsonl", text)
			w.write("read-by-tenant.token", token)
			if said := w.commands("sallyport", "ledger", "verify", "--key", w.key,
				"tenant.jsonl"); !strings.Contains(said,
				"are not shown in this export") || !strings.Contains(said, "1 answered\n") {
				w.Errorf("%s: verify says %s", token, said)
			}
			w.commands("sallyport", "ledger", "export", "--key", w.key, "--read-token", "read-by-tenant.token",
				"--output", "fetched.jsonl", w.url)
			if got := w.read("fetched.jsonl"); strings.Contains(got, x.foreign) ||
				strings.Count(got, x.own) != strings.Count(text, x.own) {
				w.Errorf("%s: fetched %s", token, got)
			}
			for i, line := range whole[:len(whole)-1] {
				want := http.StatusOK
				if strings.Contains(line, x.foreign) {
					want = http.StatusNotFound
				}
				status, proof := w.get("/v1/ledger/proof?leaf="+strconv.Itoa(i), token)
				if status != want {
					w.Errorf("%s, leaf %d: status %d, want %d: %s", token, i, status, want, line)
				}
				if want == http.StatusOK {
					w.write("proof.json", proof)
					w.commands("sallyport", "ledger", "verify", "--key", w.key, "proof.json")
				}
			}
		}
	})
}

func TestTenants_without_a_token_nothing_of_the_ledger_is_there(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	w.neighbour()
	w.starts()
	_, early := w.get("/v1/ledger/checkpoint", "")
	w.run(121)
	w.attests(121, w.url, nil)
	for _, path := range []string{"/v1/ledger/export", "/v1/ledger/leaves", "/v1/ledger/leaves?from=0",
		"/v1/ledger/proof?leaf=0", "/v1/ledger/proof?from=1"} {
		for _, token := range []string{"", "guessed", "token-of-", "4242"} {
			if status, said := w.get(path, token); status != http.StatusNotFound {
				t.Errorf("%s with the token %q: status %d, %s", path, token, status, said)
			}
		}
	}
	for path, want := range map[string]int{
		"/v1/ledger/leaves?from=1": 200, "/v1/ledger/leaves?from=2": 200, "/v1/ledger/leaves?from=3": 404, "/v1/ledger/leaves?from=-1": 404,
		"/v1/ledger/proof?leaf=1": 200, "/v1/ledger/proof?leaf=2": 404, "/v1/ledger/proof?leaf=-1": 404, "/v1/ledger/proof?leaf=x": 404,
		"/v1/ledger/proof": 404, "/v1/ledger/proof?from=1": 200, "/v1/ledger/proof?from=9": 404,
		"/v1/ledger/export?origin=1": 404, "/v1/ledger/export?origin=x": 404,
	} {
		if status, said := w.get(path, "reads-the-ledger-of-this-test"); status != want {
			t.Errorf("%s: status %d, %s; want %d", path, status, said, want)
		}
	}
	_, proof := w.get("/v1/ledger/proof?from=1", "token-of-tenant-4242")
	w.write("proof.json", proof)
	w.write("early.note", early)
	w.commands("sallyport", "ledger", "verify", "--key", w.key, "--kept", "early.note", "proof.json")
	w.write("early.note", w.read("server.checkpoint"))
	if status, said := w.runs("sallyport", "ledger", "verify", "--key", w.key, "--kept", "early.note",
		"proof.json"); status != 3 ||
		!strings.Contains(said, "the proof is from 1 leaves") {
		t.Errorf("status %d, %s", status, said)
	}
	w.write("read-by-tenant.token", "token-of-tenant-4242")
	stranger := strings.TrimSpace(w.commands("sallyport-server", "key", "--name", "sallyport.example/ledger",
		"--out", "third.key"))
	if status, said := w.runs("sallyport", "ledger", "export", "--key", stranger, "--read-token",
		"read-by-tenant.token",
		"--output", "fetched.jsonl", w.url); status != 3 || !strings.Contains(said, "signed by none of the keys") {
		t.Errorf("an export that another key has signed: status %d, %s", status, said)
	}
	w.write("read-by-tenant.token", "guessed")
	if status, said := w.runs("sallyport", "ledger", "export", "--key", w.key, "--read-token", "read-by-tenant.token",
		"--output", "fetched.jsonl", w.url); status == 0 || !strings.Contains(said, "has no ledger for this token") {
		t.Errorf("status %d, %s", status, said)
	}
	if left, err := filepath.Glob(filepath.Join(w.dir, "fetched.jsonl*")); err != nil || len(left) > 0 {
		t.Errorf("what does not verify was written: %v, %v", left, err)
	}
}

func TestJ07_a_job_reads_the_leaves_of_its_own_repository(t *testing.T) {
	t.Parallel()
	worlds(t, "1s", func(w *world) {
		other := w.neighbour() // of the same owner
		w.lab.Set(w, "/github/repos/"+other,
			map[string]any{"id": w.id + 1_000_000, "owner_id": 4242, "protected": []string{"production"}})
		w.write("server.yaml", strings.Replace(w.read("server.yaml"), "owners: [999]", "owners: [4242]", 1))
		w.starts()
		w.run(113)
		w.attests(113, w.url, nil)
		w.lab.Set(w, "/github/repos/"+other+"/runs/114",
			map[string]any{"status": "in_progress", "conclusion": nil, "head_sha": commit})
		w.lab.Waits(w, other, 114, "production", nil)
		w.until("the other is answered", func() bool { return w.ledger().Kinds[ledger.Answered] == 1 })
		dir := w.TempDir()
		w.inJob(dir, 113, nil, "ledger", "export", "--key", w.key, "--output", "fetched.jsonl", w.url)
		b, err := os.ReadFile(filepath.Join(dir, "fetched.jsonl"))
		if err != nil {
			w.Fatal(err)
		}
		if got := string(b); !strings.Contains(got, `"name":"`+w.repo+`"`) || strings.Contains(got, other) {
			w.Errorf("it reads %s", got)
		}
		for i, line := range strings.Split(strings.TrimSpace(w.export()), "\n") {
			for who, x := range map[string]struct {
				token string
				reads bool
			}{
				"its job": {w.token(113, nil), !strings.Contains(line, other)},
				"a job without any policy": {w.token(113,
					map[string]any{"repository_id": "1", "repository_owner_id": "1"}), false},
			} {
				status, _ := w.get("/v1/ledger/proof?leaf="+strconv.Itoa(i), x.token)
				if isLeaf := strings.Contains(line, `"kind"`); (status == http.StatusOK) != (x.reads && isLeaf) {
					w.Errorf("%s, leaf %d: status %d, %s", who, i, status, line)
				}
			}
		}
	})
}

func TestTenants_that_cannot_be_told_apart_are_refused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	w.neighbour()
	good := w.read("server.yaml")
	for _, x := range []struct{ from, to, want string }{
		{"owner: 999, read", "owner: 4242, read", "the tenant 4242 of https://github.com stands in line"},
		{"owner: 999, read", "owner: acme, read", `owner: "acme", want a number`},
		{"others.token", "own.token", "is the token of another reader"},
		{"owner: 999, read", "host: https://other.example, owner: 999, read", "which is none of the platforms"},
	} {
		w.write("server.yaml", strings.Replace(good, x.from, x.to, 1))
		if status, said := w.runs("sallyport-server", "--config", "server.yaml"); status != 2 ||
			!strings.Contains(said, x.want) {
			t.Errorf("%s: status %d, %s; want %q", x.to, status, said, x.want)
		}
	}
}

func TestG11_a_ledger_moves_from_one_kind_of_database_to_the_other(t *testing.T) {
	t.Parallel()
	worlds(t, "10m", func(w *world) {
		p := w.starts()
		for run := int64(131); run < 134; run++ {
			w.run(run)
			w.attests(run, w.url, nil)
		}
		w.write("kept.note", w.read("server.checkpoint"))
		w.write("whole.jsonl", w.export())
		p.kill()
		to := "sqlite:" + filepath.Join(w.dir, "other.db")
		if strings.HasPrefix(w.database, "sqlite:") {
			var err error
			if to, err = postgres.Database("s" + strconv.FormatInt(databases.Add(1), 10)); err != nil {
				w.Fatal(err)
			}
		}
		text := w.read("server.yaml")
		w.write("server.yaml", strings.Replace(text, w.database, to, 1))
		if status, said := w.runs("sallyport-server", "--config", "server.yaml"); status != 3 ||
			!strings.Contains(said, "is behind") {
			w.Fatalf("an empty database: status %d, %s", status, said)
		}
		said := w.commands("sallyport-server", "ledger", "import", "--config", "server.yaml", "--export", "whole.jsonl")
		if !strings.HasPrefix(said, "imported  sallyport.example/ledger\nleaves    4, ") {
			w.Errorf("it says %s", said)
		}
		w.starts()
		w.write("after.jsonl", w.export())
		if !strings.HasPrefix(w.read("after.jsonl"), strings.TrimSuffix(w.read("whole.jsonl"),
			lastLine(w.read("whole.jsonl")))) {
			w.Error("the leaves are others")
		}
		w.commands("sallyport", "ledger", "verify", "--key", w.key, "--kept", "kept.note", "after.jsonl")
	})
}

func lastLine(text string) string {
	all := strings.SplitAfter(text, "\n")
	return all[len(all)-2]
}
