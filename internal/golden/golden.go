// Package golden compares what a test makes with the file that is kept of it, for
// tests alone.
//
// It refuses to rewrite a file unless the test was told to.
package golden

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// File fails the test if the file is not what the test has made. With update, it is
// rewritten first. again is the command that does so.
func File(t testing.TB, path string, made []byte, update bool, again string) {
	t.Helper()
	if update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, made, 0o644); err != nil { //nolint:gosec // a page of the tree, which everybody may read
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is no file %s; run %s", path, again)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(kept, made) {
		return
	}
	got, want := strings.Split(string(made), "\n"), strings.Split(string(kept), "\n")
	for i := range got {
		if i >= len(want) || got[i] != want[i] {
			t.Errorf("%s:%d: got %q, want what the file says; run %s, and read what has changed", path, i+1, got[i], again)
			return
		}
	}
	t.Errorf("%s:%d: got nothing more, want %q; run %s, and read what has changed", path, len(got)+1, want[len(got)], again)
}
