package store_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/store"
)

func wantFault(t *testing.T, err error, k fault.Kind, c fault.Code) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", c)
	}
	if f := fault.Of(err); f.Kind != k || f.Code != c {
		t.Errorf("fault kind %d code %s (%v), want kind %d code %s", f.Kind, f.Code, err, k, c)
	}
}

// One bad line makes the whole list unreadable; nothing at all is no evidence.
func TestB10_one_bad_line_denies(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want int // -1 is an error
	}{
		"empty":               {"", 0},
		"white space":         {" \n\n", 0},
		"one":                 {`{"a":1}`, 1},
		"one and newline":     {"{\"a\":1}\n", 1},
		"pretty":              {"{\n  \"a\": 1\n}\n", 1},
		"two":                 {"{}\n{}\n", 2},
		"no newline at end":   {"{}\n{}", 2},
		"blank line between":  {"{}\n\n{}\n", -1},
		"truncated":           {"{}\n{\"a\":", -1},
		"two on a line":       {"{}{}\n", -1},
		"byte order mark":     {"\xef\xbb\xbf{}\n", -1},
		"carriage return":     {"{}\r\n{}\r\n", -1},
		"not an object":       {"{}\n[]\n", -1},
		"number":              {"42", -1},
		"not UTF-8":           {"{\"a\":\"\xff\"}", -1},
		"trailing words":      {"{} x", -1},
		"two pretty together": {"{\n}\n{\n}\n", -1},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := store.ReadBundles(strings.NewReader(c.in), "file x")
			if c.want < 0 {
				wantFault(t, err, fault.Refused, fault.Malformed)
				if len(got) != 0 {
					t.Errorf("%d bundles came with the error", len(got))
				}
				return
			}
			if err != nil || len(got) != c.want {
				t.Errorf("%d bundles, %v; want %d", len(got), err, c.want)
			}
		})
	}
	_, err := store.ReadBundles(strings.NewReader("{}\n{}\nx\n"), "file x")
	if err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("error %v, want it to name line 3", err)
	}
}

// A list is the bundles of its lines: what was read, written line by line, is
// read as the same list.
func FuzzB10_lines_are_the_list(f *testing.F) {
	for _, s := range []string{"", "{}", "{}\n{\"a\":1}\n", "{\n\"a\":\n1}", "{}\r\n", "\xef\xbb\xbf{}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		found, err := store.ReadBundles(bytes.NewReader(b), "x")
		if err != nil {
			return
		}
		var lines []byte
		for _, e := range found {
			if bytes.IndexByte(e.Bundle, '\n') >= 0 {
				return // one document over lines has no form as a line
			}
			lines = append(append(lines, e.Bundle...), '\n')
		}
		again, err := store.ReadBundles(bytes.NewReader(lines), "x")
		if err != nil || len(again) != len(found) {
			t.Fatalf("%q: %d bundles, then %d, %v", b, len(found), len(again), err)
		}
		for i := range found {
			if !bytes.Equal(bytes.TrimSpace(found[i].Bundle), bytes.TrimSpace(again[i].Bundle)) {
				t.Fatalf("%q: bundle %d differs", b, i)
			}
		}
	})
}

// What is put into a directory is found there, under the digest of its bytes.
func TestDir_put_and_fetch(t *testing.T) {
	d := store.Dir{Path: filepath.Join(t.TempDir(), "new", "bundles")}
	want := []byte(`{"a":1}`)
	for range 2 {
		r, err := d.Put(context.Background(), store.Record{Bundle: want})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(r.ID); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s holds %q, %v; want %q", r.ID, got, err, want)
		}
	}
	found, err := d.Fetch(context.Background(), nil)
	if err != nil || len(found.Bundles) != 1 || !bytes.Equal(found.Bundles[0].Bundle, want) {
		t.Errorf("found %v, %v; want the one bundle", found, err)
	}
}

// The directories right below are read, deeper ones, links and other files are
// not.
func TestDir_looks_one_level_down(t *testing.T) {
	dir := t.TempDir()
	write := func(name, s string) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a.json", `{"n":1}`)
	write("b.jsonl", "{\"n\":2}\n{\"n\":3}\n")
	write("c.sigstore", `{"n":4}`)
	write("sub/d.json", `{"n":5}`)
	write("sub/deep/e.json", `not read`)
	write("readme.md", `not read`)
	write(".hidden.json", `not read`)
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "f.json")); err != nil {
		t.Fatal(err)
	}
	found, err := store.Dir{Path: dir}.Fetch(context.Background(), nil)
	if err != nil || len(found.Bundles) != 5 {
		t.Errorf("found %d bundles, %v; want 5", len(found.Bundles), err)
	}
	one, err := store.Dir{Path: filepath.Join(dir, "b.jsonl")}.Fetch(context.Background(), nil)
	if err != nil || len(one.Bundles) != 2 {
		t.Errorf("found %d bundles in a file, %v; want 2", len(one.Bundles), err)
	}
	write("g.json", "{")
	_, err = store.Dir{Path: dir}.Fetch(context.Background(), nil)
	wantFault(t, err, fault.Refused, fault.Malformed)
}

// A directory that was named and is not there is a mistake, not an empty one.
func TestDir_missing_is_not_empty(t *testing.T) {
	_, err := store.Dir{Path: filepath.Join(t.TempDir(), "none")}.Fetch(context.Background(), nil)
	wantFault(t, err, fault.Usage, fault.Config)
}

// A bundle that cannot be written whole leaves no file behind.
func TestO06_no_partial_file(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := (store.Dir{Path: filepath.Join(file, "x")}).Put(context.Background(), store.Record{Bundle: []byte("{}")}); err == nil {
		t.Error("no error below a file")
	}
	if _, err := (store.Dir{Path: dir}).Put(context.Background(), store.Record{Bundle: make([]byte, store.MaxBundleBytes+1)}); err == nil {
		t.Error("no error for a bundle over the limit")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%d entries, %v; want the one file", len(entries), err)
	}
}
