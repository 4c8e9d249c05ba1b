package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/messages"
	"github.com/sallyport-dev/sallyport/internal/store"
)

func wantFault(t *testing.T, err error, k fault.Kind, c fault.Code) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", c)
	}
	messages.Plain(t, err.Error(), fault.Of(err).Hint)
	if f := fault.Of(err); f.Kind != k || f.Code != c {
		t.Errorf("fault kind %d code %s (%v), want kind %d code %s", f.Kind, f.Code, err, k, c)
	}
}

const bundle = `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","n":1}`

var other = strings.Replace(bundle, `"n":1`, `"n":2`, 1)

// One bad value makes the whole list unreadable; nothing at all is no evidence.
func TestB10_one_bad_line_denies(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want int // -1 is an error
	}{
		"empty":              {"", 0},
		"white space":        {" \n\n", 0},
		"one":                {bundle, 1},
		"two":                {bundle + "\n" + other + "\n", 2},
		"no newline at end":  {bundle + "\n" + other, 2},
		"blank line between": {bundle + "\n\n" + other + "\n", 2},
		"byte order mark":    {"\xef\xbb\xbf" + bundle, 1},
		"carriage returns":   {bundle + "\r\n" + other + "\r\n", 2},
		"truncated":          {bundle + "\n" + other[:20], -1},
		"two on a line":      {bundle + other + "\n", -1},
		"not an object":      {bundle + "\n[]\n", -1},
		"number":             {"42", -1},
		"not UTF-8":          {"{\"a\":\"\xff\"}", -1},
		"trailing words":     {bundle + " x", -1},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := store.ReadBundles([]byte(c.in), "file x")
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
	_, err := store.ReadBundles([]byte(bundle+"\n"+other+"\nx\n"), "file x")
	if err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("error %v, want it to name line 3", err)
	}
	found, err := store.ReadBundles([]byte(bundle+"\n\n"+other), "file x")
	if err != nil || found[1].Source != "file x, line 3" {
		t.Errorf("found %+v, %v, want the second in line 3", found, err)
	}
}

// What is put into a directory is found there, under the digest of its bytes.
func TestDir_put_and_fetch(t *testing.T) {
	d := store.Dir{Path: filepath.Join(t.TempDir(), "new", "bundles")}
	want := []byte(bundle)
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

// write makes a file below dir.
func write(t *testing.T, dir, name, content string) {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func fetchDir(t *testing.T, path string) store.Found {
	t.Helper()
	found, err := store.Dir{Path: path}.Fetch(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// told is what was passed over, as a person reads it.
func told(f store.Found) string {
	var out []string
	for _, p := range f.Passed {
		out = append(out, p.String())
	}
	return strings.Join(out, "\n")
}

// Bundles are found in the directory and in those right below it. What else lies
// there is passed over and told, and stops nothing.
func TestD06_what_is_no_bundle_stands_in_nobodys_way(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.json", bundle)
	write(t, dir, "b.jsonl", bundle+"\n"+other+"\n")
	write(t, dir, "c.sigstore", bundle)
	write(t, dir, "sub/d.json", bundle)
	if found := fetchDir(t, dir); len(found.Bundles) != 5 || len(found.Passed) != 0 {
		t.Fatalf("found %d bundles, passed over %q; want 5 and nothing", len(found.Bundles), told(found))
	}
	write(t, dir, "sub/deep/e.json", bundle)
	write(t, dir, "sub/deeper/e.json", bundle)
	write(t, dir, "app.bundle", bundle)
	write(t, dir, "app.att", bundle)
	write(t, dir, "readme.md", "text")
	write(t, dir, "app.exe", "text")
	write(t, dir, ".hidden.json", bundle)
	write(t, dir, "artifacts.json", `[{"name":"app.tgz"}]`)
	write(t, dir, "metadata.json", `{"project_name":"app","tag":"v1"}`)
	write(t, dir, "cut.json", bundle[:30])
	write(t, dir, "twice.json", strings.Replace(bundle, `"n":1`, `"n":1,"n":2`, 1))
	write(t, dir, "part.jsonl", bundle+"\n[]\n")
	write(t, dir, "empty.json", "")
	write(t, dir, "none.json", `{"attestations":[]}`)
	write(t, dir, "dsse.json", `{"payloadType":"x","payload":"e30=","signatures":[]}`)
	write(t, dir, "large.json", strings.Repeat(" ", store.MaxFileBytes+1))
	if err := errors.Join(os.Symlink("/etc/passwd", filepath.Join(dir, "f.json")),
		syscall.Mkfifo(filepath.Join(dir, "pipe.json"), 0o600)); err != nil {
		t.Fatal(err)
	}
	found := fetchDir(t, dir)
	if len(found.Bundles) != 5 {
		t.Errorf("found %d bundles, want 5", len(found.Bundles))
	}
	for _, want := range []string{
		"2 × folder below the second level (sub/deep, sub/deeper)", "4 × file of another suffix (app.att, app.bundle, app.exe, …)", "hidden file (.hidden.json)",
		"a JSON array, no bundle (artifacts.json)", `a JSON object with "project_name", "tag", no bundle (metadata.json)`, "a link (f.json)", "a named pipe (pipe.json)",
		": unfinished: ", ": unreadable JSON: ", "line 2: an empty JSON array, no bundle (part.jsonl)", "an empty file (empty.json)",
		"a list of no bundles (none.json)", ": a bare DSSE envelope", "a file of more than 67108864 bytes (large.json)",
	} {
		if !strings.Contains(told(found), want) {
			t.Errorf("passed over:\n%s\nwant in it: %s", told(found), want)
		}
	}
}

func TestO02_what_is_passed_over_is_bounded(t *testing.T) {
	dir := t.TempDir()
	for i := range 100 {
		write(t, dir, fmt.Sprintf("%d.json", i), fmt.Sprintf(`{"member%d":1}`, i))
		write(t, dir, fmt.Sprintf("%d.txt", i), "")
	}
	write(t, dir, strings.Repeat("n", 250)+".txt", "")
	write(t, dir, "long.json", `{"`+strings.Repeat("m", 10_000)+`":1}`)
	found := fetchDir(t, dir)
	if n := len(told(found)); n > 4000 || len(found.Passed) > 25 {
		t.Errorf("%d reasons in %d bytes", len(found.Passed), n)
	}
	count := 0
	for _, p := range found.Passed {
		count += p.Count
	}
	if count != 202 {
		t.Errorf("%d are counted, want 202", count)
	}
}

// A file that is named by itself has to hold bundles, and is named for what it
// is if it does not.
func TestDir_file_that_is_named_has_to_be_one(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "two.anything", bundle+"\n"+other+"\n")
	if found := fetchDir(t, filepath.Join(dir, "two.anything")); len(found.Bundles) != 2 {
		t.Errorf("found %d bundles, want 2", len(found.Bundles))
	}
	write(t, dir, "empty.jsonl", "\n")
	_, err := store.Dir{Path: filepath.Join(dir, "empty.jsonl")}.Fetch(t.Context(), nil)
	if wantFault(t, err, fault.Refused, fault.Malformed); !strings.Contains(err.Error(), `empty.jsonl" is an empty file`) {
		t.Errorf("%v, want it to be refused as empty", err)
	}
	for name, c := range map[string]struct{ content, says string }{
		"array": {"[]", "an empty JSON array"}, "object": {`{"a":1}`,
			`a JSON object with "a", no bundle`}, "text": {"hello", "no JSON"},
		"dsse": {`{"payloadType":"x","payload":"e30="}`, "a bare DSSE envelope"}, "gzip": {"\x1f\x8b\x08",
			"a gzip file"},
	} {
		write(t, dir, name, c.content)
		_, err := store.Dir{Path: filepath.Join(dir, name)}.Fetch(t.Context(), nil)
		wantFault(t, err, fault.Refused, fault.Malformed)
		if err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("got %v, want it to say %q", err, c.says)
		}
		if got := (store.Dir{Path: filepath.Join(dir, name)}).Name(); !strings.HasPrefix(got, "file ") ||
			!strings.HasSuffix(got, name) {
			t.Errorf("the store is called %q, want it to be the file %s", got, name)
		}
	}
	write(t, dir, "large", strings.Repeat(" ", store.MaxFileBytes+1))
	_, err = store.Dir{Path: filepath.Join(dir, "large")}.Fetch(t.Context(), nil)
	wantFault(t, err, fault.Refused, fault.Limit)
}

// What is no file is refused at once.
func TestE10_bundles_in_what_is_no_file(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, "/dev/zero"} {
		_, err := store.Dir{Path: path}.Fetch(t.Context(), nil)
		wantFault(t, err, fault.Refused, fault.Path)
	}
}

// As many bundles as may be about one subject lie in one directory, in files of
// their own or in one.
func TestO02_a_directory_holds_many_and_not_more(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "0.json", bundle)
	for i := 1; i < store.MaxPerSubject; i++ {
		if err := os.Link(filepath.Join(dir, "0.json"), filepath.Join(dir, fmt.Sprintf("%d.json", i))); err != nil {
			t.Fatal(err)
		}
	}
	if found := fetchDir(t, dir); len(found.Bundles) != store.MaxPerSubject {
		t.Errorf("found %d bundles, want %d", len(found.Bundles), store.MaxPerSubject)
	}
	lines := strings.Repeat(bundle+"\n", store.MaxFiles-store.MaxPerSubject)
	write(t, dir, "lines.jsonl", lines)
	if found := fetchDir(t, dir); len(found.Bundles) != store.MaxFiles {
		t.Errorf("found %d bundles, want %d", len(found.Bundles), store.MaxFiles)
	}
	write(t, dir, "lines.jsonl", lines+bundle)
	_, err := store.Dir{Path: dir}.Fetch(t.Context(), nil)
	wantFault(t, err, fault.Refused, fault.Limit)
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
