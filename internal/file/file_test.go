package file_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/file"
)

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// specials makes one of each that is no file, by what it is called.
func specials(t *testing.T, dir string) map[string]string {
	t.Helper()
	pipe, socket := filepath.Join(dir, "pipe"), filepath.Join(dir, "socket")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return map[string]string{"a named pipe": pipe, "a socket": socket, "a device": "/dev/zero", "a directory": dir}
}

// What is no file is refused at once, whether it is named or linked to. A file
// in its place is read.
func TestE10_what_is_no_file_is_refused_at_once(t *testing.T) {
	dir := t.TempDir()
	plain := write(t, dir, "plain", "content")
	for what, path := range specials(t, dir) {
		link := filepath.Join(dir, "link to "+filepath.Base(path))
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{path, link} {
			b, err := file.Read(name, 100)
			if !errors.Is(err, file.ErrIrregular) ||
				!strings.Contains(err.Error(), "is "+what+", want a regular file") || b != nil {
				t.Errorf("%s: got %q, %v, want it refused as %s", name, b, err, what)
			}
		}
	}
	link := filepath.Join(dir, "link to plain")
	if err := os.Symlink(plain, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{plain, link} {
		if b, err := file.Read(name, 100); err != nil || string(b) != "content" {
			t.Errorf("%s: got %q, %v", name, b, err)
		}
	}
}

func TestE10_beneath_a_root(t *testing.T) {
	dir := t.TempDir()
	secret := write(t, t.TempDir(), "secret", "hunter2")
	write(t, dir, "plain", "content")
	names := map[string]string{"pipe": "a named pipe", "socket": "a socket", "sub": "a directory"}
	specials(t, dir)
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "sub"), 0o755), os.Symlink(secret, filepath.Join(dir, "out")),
		os.Symlink("plain", filepath.Join(dir, "in"))); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, what := range names {
		if _, err := file.ReadIn(root, name, 100); !errors.Is(err, file.ErrIrregular) ||
			!strings.Contains(err.Error(), what) {
			t.Errorf("%s: got %v, want it refused as %s", name, err, what)
		}
	}
	if b, err := file.ReadIn(root, "out", 100); err == nil || strings.Contains(string(b)+err.Error(), "hunter2") {
		t.Errorf("a link out of the root: got %q, %v", b, err)
	}
	for _, name := range []string{"plain", "in"} {
		if b, err := file.ReadIn(root, name, 100); err != nil || string(b) != "content" {
			t.Errorf("%s: got %q, %v", name, b, err)
		}
	}
}

func TestO02_no_more_is_read_than_was_said(t *testing.T) {
	path := write(t, t.TempDir(), "ten", "0123456789")
	if b, err := file.Read(path, 10); err != nil || len(b) != 10 {
		t.Errorf("got %d bytes, %v", len(b), err)
	}
	if b, err := file.Read(path, 9); !errors.Is(err, file.ErrLarge) || b != nil ||
		!strings.Contains(err.Error(), "larger than 9 bytes") {
		t.Errorf("got %q, %v, want it refused", b, err)
	}
}

func TestRead_a_name_that_leads_nowhere(t *testing.T) {
	_, err := file.Read(filepath.Join(t.TempDir(), "none"), 1)
	if !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "open ") {
		t.Errorf("got %v", err)
	}
}

// No directory is opened, and nothing is added to a file, where something else
// is: neither waits for the other end of a pipe.
func TestE10_what_is_no_directory_and_no_file_to_write_to_is_refused_at_once(t *testing.T) {
	dir := t.TempDir()
	plain := write(t, dir, "plain", "a")
	all := specials(t, dir)
	delete(all, "a device") // of this machine: nothing is written to it
	for what, path := range all {
		link := filepath.Join(dir, "link to "+filepath.Base(path))
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{path, link} {
			if err := file.Append(name, "b"); !errors.Is(err, file.ErrIrregular) || !strings.Contains(err.Error(), "is "+what) {
				t.Errorf("append to %s: %v, want it refused as %s", name, err, what)
			}
			if _, err := file.OpenDir(name); what != "a directory" && (!errors.Is(err, file.ErrNoDirectory) || !strings.Contains(err.Error(), "is "+what)) {
				t.Errorf("open %s: %v, want it refused as %s", name, err, what)
			}
		}
	}
	for _, name := range []string{plain, "", filepath.Join(dir, "none")} {
		if _, err := file.OpenDir(name); err == nil {
			t.Errorf("%q was opened as a directory", name)
		}
	}
	root, err := file.OpenDir(filepath.Join(dir, "link to "+filepath.Base(dir)))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for range 2 {
		if err := errors.Join(file.Append(plain, "b"), file.Append(filepath.Join(dir, "new"), "b")); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"plain": "abb", "new": "bb"} {
		if b, err := file.ReadIn(root, name, 100); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v, want %q", name, b, err, want)
		}
	}
}

// A file is written as a whole, in the place of one or of nothing. Who names the
// null device wants no file.
func TestE10_a_file_is_replaced_as_a_whole(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	for _, text := range []string{"one", "two"} {
		if err := file.Replace(name, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if b, err := file.Read(name, 10); err != nil || string(b) != text {
			t.Errorf("%q, %v, want %q", b, err, text)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := file.Replace(filepath.Join(dir, "folder"), nil); !errors.Is(err, file.ErrIrregular) {
		t.Errorf("a folder: %v, want %v", err, file.ErrIrregular)
	}
	if err := file.Replace(filepath.Join(dir, "none", "file"), nil); err == nil {
		t.Error("a file in no folder was written")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("%v, %v: want nothing left behind", left, err)
	}
	if err := file.Append(os.DevNull, "x"); err != nil {
		t.Errorf("the null device: %v", err)
	}
}

// A file system of what a job before may have written waits for nobody.
func TestE10_a_file_system_of_files_and_directories_alone(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "directory"), 0o755), syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600),
		os.WriteFile(filepath.Join(dir, "directory", "file"), []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	fsys := file.FS(root)
	if names, err := fs.Glob(fsys, "*/file"); err != nil || len(names) != 1 {
		t.Errorf("names = %q, %v", names, err)
	}
	if b, err := fs.ReadFile(fsys, "directory/file"); err != nil || string(b) != "x" {
		t.Errorf("file = %q, %v", b, err)
	}
	if _, err := fsys.Open("pipe"); !errors.Is(err, file.ErrIrregular) {
		t.Errorf("a named pipe: %v", err)
	}
	if _, err := fsys.Open("none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
}
