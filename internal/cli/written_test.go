package cli

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/inputs"
)

// What a command writes or removes takes the place of a regular file or of
// nothing. A device, a pipe, a directory or a link stays what it is.
func TestE10_nothing_but_a_file_is_replaced(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	target := at("target")
	for name, make := range map[string]func(path string) error{
		"a named pipe": func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"a directory":  func(p string) error { return os.Mkdir(p, 0o700) },
		"a link":       func(p string) error { return os.Symlink(target, p) },
	} {
		path := at(strings.ReplaceAll(name, " ", "-"))
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		before, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		for what, do := range map[string]func() error{"write": func() error { return write(path, []byte("x")) }, "remove": func() error { return remove(path) }} {
			err := do()
			if f := fault.Of(err); f.Code != fault.Path || f.Kind != fault.Usage || !strings.Contains(f.Error(), "is "+name+", want a regular file") {
				t.Errorf("%s %s: %v, want it refused by what it is", what, name, err)
			}
		}
		if after, err := os.Lstat(path); err != nil || after.Mode() != before.Mode() {
			t.Errorf("%s is gone: %v", name, err)
		}
	}
	for _, path := range []string{at("new"), at("below/new"), at("new")} {
		if err := write(path, []byte("x")); err != nil {
			t.Error(err)
		}
	}
	if err := remove(at("new"), at("nothing")); err != nil {
		t.Error(err)
	}
}

// A verdict takes the place of an earlier verdict or of nothing. An artifact or a
// policy that somebody named there stays.
func TestE10_a_verdict_takes_no_other_files_place(t *testing.T) {
	dir := t.TempDir()
	at := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, path := range []string{at("app", "the artifact"), at("policy.yaml", "version: 1\n"), at("bundle.json", "{}")} {
		if f := fault.Of(earlier(path)); f.Code != fault.Path || f.Kind != fault.Usage {
			t.Errorf("%s: %v, want %s", path, f, fault.Path)
		}
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	for _, path := range []string{at("verdict.json", `{"schema": "https://sallyport.dev/schemas/verdict/v1"}`), at("empty", ""), filepath.Join(dir, "nothing")} {
		if err := earlier(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// What a command reads is no place for it to write to.
func TestE10_a_place_to_write_to_is_nothing_that_is_read(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"bundles", "layout", "dist"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a.json", "dist/app"} {
		if err := os.WriteFile(name, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	attest := []string{"--predicate-type", "https://x.example/v1", "--bundle-dir"}
	for _, x := range []struct {
		command string
		args    []string
		taken   string // what the place is, or "" for the twin
	}{
		{"attest", append(attest, "a.json", "--predicate", "a.json", "dist/app"), "what --predicate reads"},
		{"attest", append(attest, "a.json", "--checksums", "./a.json"), "what --checksums reads"},
		{"attest", append(attest, "a.json", "--trusted-root", "a.json", "dist/app"), "what --trusted-root reads"},
		{"attest", append(attest, "a.json", "--signing-config", "a.json", "dist/app"), "what --signing-config reads"},
		{"attest", append(attest, "layout/x", "oci-layout://layout"), "inside the subject"},
		{"attest", append(attest, "dist/x", "dist"), "inside the subject"},
		{"attest", append(attest, "dist/x", "app=dist/x"), "one of the subjects"},
		{"attest", append(attest, "bundles", "--store", "dir:dist", "dist/*"), ""},
		{"gate", []string{"--environment", "production", "--verdict", "a.json", "--bundle", "a.json", "dist/app"}, "a bundle to read"},
		{"gate", []string{"--environment", "production", "--verdict", "v.json", "--bundle", "a.json", "dist/app"}, ""},
		{"gate", []string{"--environment", "production", "--verdict", "bundles/v.json", "--bundle", "bundles", "dist/app"}, ""},
	} {
		_, err := in(inputs.GitHub).newRun(t.Context(), x.command, x.args)
		if f := fault.Of(err); x.taken == "" && err != nil || x.taken != "" && (f.Code != fault.Path || !strings.Contains(f.Error(), x.taken)) {
			t.Errorf("%s %q: %v, want %q", x.command, x.args, err, x.taken)
		}
	}
}

// The verdict of verify has a place that no input names, and a link there is
// refused as well.
func TestE10_a_verdict_goes_through_no_link(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir(".sallyport", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("elsewhere", inputs.VerdictPath); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"verify", "gate"} {
		if _, err := in(inputs.GitHub).newRun(t.Context(), command, leastArgs[command]); fault.Of(err).Code != fault.Path {
			t.Errorf("%s: %v, want a refusal", command, err)
		}
	}
}
