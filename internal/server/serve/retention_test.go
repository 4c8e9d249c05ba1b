package serve_test

import (
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/sallyport-dev/sallyport/internal/ledger"
)

// ancient puts leaves of a time into the empty database of a world, as an export that its key has signed.
func (w *world) ancient(at time.Time, n int) {
	w.Helper()
	signer, err := note.NewSigner(strings.TrimSpace(w.read("ledger.key")))
	if err != nil {
		w.Fatal(err)
	}
	var tree ledger.Tree
	var export strings.Builder
	for range n {
		salt := make([]byte, 16)
		_, _ = rand.Read(salt) // it never fails (crypto/rand)
		b, err := ledger.Leaf{Kind: ledger.Judged, At: at, Host: "https://github.com", Owner: "4242", Repository: "1",
			Name: "acme/ancient", About: ledger.About{Decision: "ancient"}}.Bytes(salt)
		if err != nil {
			w.Fatal(err)
		}
		tree.AddLeaf(b)
		export.Write(append(b, '\n'))
	}
	signed, err := ledger.Checkpoint{Size: tree.Size(), Root: tree.Root()}.Sign(signer)
	if err != nil {
		w.Fatal(err)
	}
	export.Write(append(ledger.LastLine(signed), '\n'))
	w.write("ancient.jsonl", export.String())
	w.commands("sallyport-server", "ledger", "import", "--config", "server.yaml", "--export", "ancient.jsonl")
}

func TestRetention_ends_bodies_where_a_configuration_says_so_and_links_in_any_case(t *testing.T) {
	t.Parallel()
	worlds(t, "10m", func(w *world) {
		w.ancient(time.Now().AddDate(0, 0, -200), 3)
		kept := w.read("server.checkpoint")
		p := w.starts()
		w.run(161)
		w.attests(161, w.url, nil)
		w.lab.Waits(w, w.repo, 161, "production", nil)
		comment := w.answered(161, "approved")
		_, id, _ := strings.Cut(comment, "/v1/decisions/")
		link := "/v1/decisions/" + id
		if status, _ := w.get(link, ""); status != http.StatusOK {
			w.Errorf("the link leads nowhere: status %d", status)
		}
		w.change(`update decision set at = $1`, time.Now().AddDate(0, 0, -91).UnixMilli())
		if status, _ := w.get(link, ""); status != http.StatusNotFound {
			w.Errorf("the link of an old verdict: status %d", status)
		}
		for who, x := range map[string]struct {
			token string
			want  int
		}{
			"a job of the repository": {w.token(161, nil), http.StatusOK},
			"who reads everything":    {"reads-the-ledger-of-this-test", http.StatusOK},
			"a job of another one":    {w.token(161, map[string]any{"repository_id": "1"}), http.StatusNotFound},
			"a guess":                 {"guessed", http.StatusNotFound},
		} {
			if status, _ := w.get(link, x.token); status != x.want {
				w.Errorf("J07: the old verdict, for %s: status %d, want %d", who, status, x.want)
			}
		}
		if s := w.ledger(kept); s.Hidden != 0 {
			w.Errorf("%d bodies were deleted, and no configuration says so", s.Hidden)
		}
		p.kill()
		w.write("server.yaml", w.read("server.yaml")+"retention: {after: 100d, audit-window: 31d}\nverdict-links: 1y\n")
		w.starts()
		w.until("the old bodies are deleted", func() bool { return w.ledger(kept).Hidden == 3 })
		if s := w.ledger(kept); s.Kinds[ledger.Deleted] != 1 || s.Kinds[ledger.Attested] != 1 {
			w.Errorf("the ledger has %v", s.Kinds)
		}
		if text := w.export(); strings.Contains(text, "acme/ancient") {
			w.Error("what was deleted is shown")
		}
		if status, _ := w.get(link, ""); status != http.StatusOK {
			w.Errorf("the link, which lasts for a year: status %d", status)
		}
	})
}

func TestRetention_a_time_that_is_too_short_is_refused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	good := w.read("server.yaml")
	for line, want := range map[string]string{
		"retention: {after: 30d}":               `retention: after "30d", want a time of 31 days or more`,
		"retention: {after: 10}":                `retention: after "10"`,
		"retention: {after: 0y}":                `retention: after "0y"`,
		"retention: {after: 101y}":              `retention: after "101y"`,
		"retention: {audit-window: 0d}":         `retention: audit-window "0d"`,
		"retention: {keep: 10y}":                `retention has no key "keep"`,
		"retention: forever":                    `retention is something else than a mapping`,
		"verdict-links: 90":                     `verdict-links "90"`,
		"metrics: 9187":                         `metrics "9187", want HOST:PORT`,
		"metrics: \"127.0.0.1:" + w.port + "\"": "and another than listen",
	} {
		w.write("server.yaml", good+line+"\n")
		if status, said := w.runs("sallyport-server", "--config", "server.yaml"); status != 2 ||
			!strings.Contains(said, want) {
			t.Errorf("%s: status %d, %s; want %q", line, status, said, want)
		}
	}
}
