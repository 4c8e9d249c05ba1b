//go:build nightly

package packages

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/lockfile"
)

// The home of Cargo that newCargo writes is that which Cargo itself leaves.
func TestD17_a_file_that_was_swapped_after_cargo_has_fetched_it(t *testing.T) {
	b := tgz(
		t,
		"a-b-1.0.0/",
		files{"Cargo.toml": "[package]\nname = \"a-b\"\nversion = \"1.0.0\"\n", "src/lib.rs": "pub fn a() {}\n"},
	)
	sum := sha256.Sum256(b)
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	defer s.Close()
	mux.HandleFunc(
		"/config.json",
		func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"dl":"%s/dl"}`, s.URL) },
	)
	mux.HandleFunc("/3/a/a-b", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(
			w,
			`{"name":"a-b","vers":"1.0.0","deps":[],"features":{},"yanked":false,"cksum":"%s"}`+"\n",
			hex.EncodeToString(sum[:]),
		)
	})
	mux.HandleFunc("/dl/a-b/1.0.0/download", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b) })
	dir, home := t.TempDir(), t.TempDir()
	files{
		"Cargo.toml":         "[package]\nname = \"x\"\nversion = \"1.0.0\"\n[dependencies]\na-b = \"1\"\n",
		"src/lib.rs":         "",
		".cargo/config.toml": "[source.crates-io]\nreplace-with = \"t\"\n[source.t]\nregistry = \"sparse+" + s.URL + "/\"\n",
	}.write(t, dir)
	run(t, dir, []string{"CARGO_HOME=" + home}, "cargo", "fetch", "-q")
	f := &fixture{
		where:  Places{CargoHome: home, Dir: dir},
		locks:  []lockfile.Lock{lock(t, dir, "Cargo.lock")},
		opened: all(t, home),
	}
	p := one(t, f.check(), cratePURL)
	wants(t, p, Locked, "")
	if filepath.Base(p.At) != "a-b-1.0.0" || p.Files < 3 {
		t.Errorf("package = %+v", p)
	}
	swap(t, f.inner(t, "a-b-1.0.0/src/lib.rs"))
	wants(t, one(t, f.check(), cratePURL), OtherDigest, `"src/lib.rs" has sha256 `)
}
