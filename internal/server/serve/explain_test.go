package serve_test

import (
	"database/sql"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	_ "modernc.org/sqlite"             // the driver sqlite
)

// change changes rows behind a server's back.
func (w *world) change(statement string, args ...any) {
	w.Helper()
	kind, url := "pgx", w.database
	if path, is := strings.CutPrefix(url, "sqlite:"); is {
		kind, url = "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(kind, url)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	r, err := db.Exec(statement, args...)
	if err != nil {
		w.Fatal(err)
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		w.Fatalf("%s changes nothing, %v", statement, err)
	}
}

// kept is the verdict of a decision, and the input that it was judged from.
func (w *world) kept(id string) (verdict, input string) {
	w.Helper()
	kind, url := "pgx", w.database
	if path, is := strings.CutPrefix(url, "sqlite:"); is {
		kind, url = "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(kind, url)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.QueryRow(`select verdict, kept from decision where id = $1`, id).Scan(&verdict, &input); err != nil {
		w.Fatal(err)
	}
	return verdict, input
}

func TestReplay_an_answer_is_judged_again_from_what_was_kept(t *testing.T) {
	t.Parallel()
	worlds(t, "1s", func(w *world) {
		w.lab.Set(w, "/github/repos/"+w.repo, map[string]any{"id": w.id, "owner_id": 4242,
			"protected": []string{"production", "strict"}})
		w.app.Guards(w, w.repo, "strict")
		w.write("policy.yaml", w.read("policy.yaml")+`  strict:
    requires:
      provenance: {max-age: 7d}
      sbom: {generator: own}
`)
		p := w.starts()
		w.run(141)
		w.attests(141, w.url, nil)
		w.lab.Waits(w, w.repo, 141, "production", nil)
		comment := w.answered(141, "approved")
		_, id, _ := strings.Cut(comment, "/v1/decisions/")
		said := w.commands("sallyport-server", "explain", id, "--config", "server.yaml") // while the server runs
		for _, want := range []string{"allowed", "answered  approved at ", "judged again: the same\n"} {
			if !strings.Contains(said, want) {
				w.Errorf("it says %s, want %q", said, want)
			}
		}
		if said := w.commands("sallyport-server", "explain", id, "--config", "server.yaml", "--format", "json"); !strings.Contains(said, `"outcome": "allow"`) {
			w.Errorf("it says %s", said)
		}
		// The command line, which is another program, comes to the same core from the same input.
		verdict, input := w.kept(id)
		w.write("verdict.json", verdict)
		w.write("input.json", input)
		if said := w.commands("sallyport", "explain", "verdict.json"); !strings.Contains(said, "judged again: the same") {
			w.Errorf("the command line says %s", said)
		}
		w.write("input.json", strings.Replace(input, `"state":"`, `"state":"un`, 1))
		if status, said := w.runs("sallyport", "explain", "verdict.json"); status == 0 {
			w.Errorf("of another input the command line says %s", said)
		}
		w.run(142)
		w.lab.Waits(w, w.repo, 142, "production", nil)
		w.answered(142, "rejected")
		w.lab.Waits(w, w.repo, 141, "strict", nil)
		var none, denied string
		w.until("all are in the ledger", func() bool {
			for line := range strings.Lines(w.export()) {
				_, of, _ := strings.Cut(line, `"decision":"`)
				of, _, _ = strings.Cut(of, `"`)
				switch {
				case !strings.Contains(line, `"kind":"judged"`):
				case strings.Contains(line, `"run":"142"`):
					none = of
				case strings.Contains(line, `"environment":"strict"`):
					denied = of
				}
			}
			return none != "" && denied != ""
		})
		w.commands("sallyport-server", "explain", denied, "--config", "server.yaml")
		p.kill()
		if status, said := w.runs("sallyport-server", "explain", none, "--config", "server.yaml"); status != 3 ||
			!strings.Contains(said, "no verdict led to this answer, which is rejected: E_EVIDENCE_MISSING") {
			w.Errorf("without a verdict: status %d, %s", status, said)
		}
		if status, _ := w.runs("sallyport-server", "explain", "none", "--config", "server.yaml"); status != 2 {
			w.Errorf("an identifier that is none: status %d", status)
		}
		w.change(`update decision set answer = 'approved' where id = $1`, denied)
		if status, said := w.runs("sallyport-server", "explain", denied, "--config", "server.yaml"); status != 3 ||
			!strings.Contains(said, "the answer is approved, and judged again it is") {
			w.Errorf("an approval of what is denied: status %d, %s", status, said)
		}
		for _, x := range []struct{ column, from, to, want string }{
			{"kept", `production`, `promotion!`, "the input that was kept"},
			{"verdict", `"allow"`, `"deny"`, "the verdict of the answer"},
			{"input", `sha256:`, `sha257:`, "the input of the answer"},
		} {
			cast := `replace(` + x.column + `, $1, $2)`
			back := `replace(` + x.column + `, $2, $1)`
			if x.column != "input" {
				cast, back = `cast(replace(cast(`+x.column+` as text), $1, $2) as blob)`, `cast(replace(cast(`+x.column+` as text), $2, $1) as blob)`
				if !strings.HasPrefix(w.database, "sqlite:") {
					cast = `convert_to(replace(convert_from(` + x.column + `, 'UTF8'), $1, $2), 'UTF8')`
					back = `convert_to(replace(convert_from(` + x.column + `, 'UTF8'), $2, $1), 'UTF8')`
				}
			}
			w.change(`update decision set `+x.column+` = `+cast+` where id = $3`, x.from, x.to, id)
			if status, said := w.runs("sallyport-server", "explain", id, "--config", "server.yaml"); status != 3 ||
				!strings.Contains(said, "E_REPLAY") || !strings.Contains(said, x.want) {
				w.Errorf("%s is changed: status %d, %s; want %q", x.column, status, said, x.want)
			}
			w.change(`update decision set `+x.column+` = `+back+` where id = $3`, x.from, x.to, id)
		}
		w.commands("sallyport-server", "explain", id, "--config", "server.yaml")
	})
}
