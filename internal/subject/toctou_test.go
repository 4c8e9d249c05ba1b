package subject

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A racer is a context that does something when the hash loop asks it, between
// two reads of a file, whether to go on.
type racer struct {
	context.Context
	asked  *int
	change func() error
}

func (r racer) Err() error {
	if *r.asked++; *r.asked == 2 {
		return r.change()
	}
	return nil
}

// race makes a tree with the file dist/app of three reads, hashes it, and calls
// change after the first read.
func race(t *testing.T, change func(root, file string) error) error {
	t.Helper()
	root := t.TempDir()
	file := filepath.Join(root, "dist", "app")
	if err := os.Mkdir(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, make([]byte, 3*bufferSize), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx := racer{context.Background(), new(int), func() error { return change(root, file) }}
	got, err := Files(ctx, root, []string{"dist/app"}, 1)
	if err == nil && (len(got) != 1 || got[0].Digest != Sum(make([]byte, 3*bufferSize))) {
		t.Errorf("got %v, want the digest of the file", got)
	}
	return err
}

func TestE12_file_changes_while_being_hashed(t *testing.T) {
	outside := tree(t, "secret")
	for name, change := range map[string]func(root, file string) error{
		"written where it was read": func(_, file string) error { return patch(file, 0) },
		"written where it was not":  func(_, file string) error { return patch(file, 2*bufferSize) },
		"written, time set back": func(_, file string) error {
			info, err := os.Stat(file)
			for err == nil { // until the file system's clock ticks
				var now os.FileInfo
				now, err = os.Stat(file)
				if err == nil && changeTime(now) != changeTime(info) {
					return os.Chtimes(file, info.ModTime(), info.ModTime())
				}
				err = errors.Join(err, patch(file, 0))
			}
			return err
		},
		"longer":  func(_, file string) error { return os.Truncate(file, 4*bufferSize) },
		"shorter": func(_, file string) error { return os.Truncate(file, bufferSize) },
		"replaced": func(_, file string) error {
			return errors.Join(os.WriteFile(file+"2", make([]byte, 3*bufferSize), 0o600), os.Rename(file+"2", file))
		},
		"removed": func(_, file string) error { return os.Remove(file) },
		"swapped for a link": func(_, file string) error {
			return errors.Join(os.Remove(file), os.Symlink(filepath.Join(outside, "secret"), file))
		},
		"swapped for a named pipe": func(_, file string) error { return errors.Join(os.Remove(file), syscall.Mkfifo(file, 0o600)) },
		"directory replaced": func(root, file string) error {
			dir := filepath.Dir(file)
			return errors.Join(os.Rename(dir, dir+"2"), os.Mkdir(dir, 0o755), os.WriteFile(file, make([]byte, 3*bufferSize), 0o600))
		},
		"directory swapped for a link": func(root, file string) error {
			dir := filepath.Dir(file)
			return errors.Join(os.Rename(dir, dir+"2"), os.Symlink(outside, dir))
		},
	} {
		err := race(t, change)
		if f := fault.Of(err); f.Code != fault.TOCTOU || f.Kind != fault.Refused || !strings.Contains(err.Error(), `"dist/app"`) {
			t.Errorf("%s: got %v, want %s", name, err, fault.TOCTOU)
		}
	}
	if err := race(t, func(_, file string) error { _, err := os.ReadFile(file); return err }); err != nil {
		t.Errorf("only read: got %v, want nil", err)
	}
}

// patch writes one byte of file.
func patch(file string, at int64) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte("x"), at)
	return errors.Join(err, f.Close())
}

// The same, with a writer of its own that never rests.
func TestE12_file_is_written_by_another(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "app")
	const size = 32 << 20
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, size)); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var stop atomic.Bool
	done := make(chan error)
	go func() {
		var err error
		for i := int64(0); err == nil && !stop.Load(); i++ {
			_, err = w.WriteAt([]byte{byte(i)}, i*4099%size)
		}
		done <- err
	}()
	for range 100 {
		if _, err = Files(context.Background(), root, []string{"app"}, 1); err != nil {
			break
		}
	}
	stop.Store(true)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if f := fault.Of(err); f.Code != fault.TOCTOU {
		t.Errorf("while it is written: got %v, want %s", err, fault.TOCTOU)
	}
	wantFiles(t, root, []string{"app"}, "app")
}

func TestE12_same_wants_every_attribute(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "app")
	stat := func() os.FileInfo {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	if err := os.WriteFile(file, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := stat()
	if !same(before, stat()) {
		t.Error("an untouched file is not the same")
	}
	for name, touch := range map[string]func() error{
		"longer":   func() error { return os.Truncate(file, 9) },
		"modified": func() error { return os.Chtimes(file, time.Time{}, time.Unix(1, 0)) },
		"replaced": func() error {
			return errors.Join(os.WriteFile(file+"2", []byte("one"), 0o600), os.Rename(file+"2", file))
		},
		"set back": func() error {
			old := stat()
			for changeTime(stat()) == changeTime(old) { // until the file system's clock ticks
				if err := os.Chtimes(file, old.ModTime(), old.ModTime()); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		before := stat()
		if err := touch(); err != nil {
			t.Fatal(err)
		}
		if same(before, stat()) {
			t.Errorf("%s: same = true, want false", name)
		}
	}
}
