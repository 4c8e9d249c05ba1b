//go:build nightly

package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestN04_what_diffoscope_itself_says_is_shown(t *testing.T) {
	dir := t.TempDir()
	files := [2]string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
	for i, text := range []string{"built at one time\n", "built at another\n"} {
		if err := os.WriteFile(files[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	r := &run{Command: Command{Stdout: &out, Stderr: &errs}, ctx: t.Context()}
	r.diffoscope(files)
	if got := out.String(); !strings.Contains(got, "\n  -built at one time\n  +built at another\n") {
		t.Errorf("got %q and %q; want both lines. Is the package diffoscope-minimal installed?", got, errs.String())
	}
}
