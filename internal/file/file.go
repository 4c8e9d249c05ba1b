// Package file reads and writes files that a person, a job or a policy named.
//
// It opens a name once, without waiting, and looks at what it opened: so a named
// pipe, a device or a socket is refused at once, and nobody can put one in the
// place of a file between the look and the reading. It refuses to read more
// than it was told to. What may be named, and where, is for its callers.
package file

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// The errors that callers tell apart; an error about a name that does not exist
// is fs.ErrNotExist.
var (
	ErrIrregular   = errors.New("want a regular file")
	ErrNoDirectory = errors.New("want a directory")
	ErrLarge       = errors.New("larger")
)

// Open opens the regular file that name leads to.
func Open(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|waitless, 0)
	return regular(f, name, err, os.Stat)
}

// OpenIn opens the regular file that name leads to beneath root, which no link
// leads out of.
func OpenIn(root *os.Root, name string) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|waitless, 0)
	return regular(f, name, err, root.Stat)
}

// regular returns f if it is a regular file. Where opening failed, look tells
// only what to say: a socket cannot be opened at all.
func regular(f *os.File, name string, err error, look func(string) (fs.FileInfo, error)) (*os.File, error) {
	if err != nil {
		if info, failed := look(name); failed == nil && !info.Mode().IsRegular() {
			return nil, irregular(name, info)
		}
		return nil, fault.Errorf("opening %q: %w", name, Cause(err))
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = irregular(name, info)
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, err
	}
	return f, nil
}

// OpenDir opens the directory that name leads to. What is no directory is refused
// without being opened: a named pipe would have to wait for a writer.
func OpenDir(name string) (*os.Root, error) {
	beneath := name
	if beneath != "" {
		beneath += "/." // of what is no directory, this names nothing
	}
	root, err := os.OpenRoot(beneath)
	if err == nil {
		return root, nil
	}
	if info, failed := os.Stat(name); failed == nil && !info.IsDir() {
		return nil, fault.Errorf("it is %s, %w", What(info.Mode()), ErrNoDirectory)
	}
	return nil, fault.Cause(err)
}

// FS returns root as a file system that waits for nobody: what is neither a file nor
// a directory is ErrIrregular.
func FS(root *os.Root) fs.FS { return waiting{root} }

type waiting struct{ root *os.Root }

func (w waiting) Open(name string) (fs.File, error) {
	f, err := w.root.OpenFile(name, os.O_RDONLY|waitless, 0)
	if err != nil {
		if info, failed := w.root.Stat(name); failed == nil && !info.Mode().IsRegular() && !info.IsDir() {
			return nil, irregular(name, info)
		}
		return nil, err //nolint:wrapcheck // as every file system says it
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		err = irregular(name, info)
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, err
	}
	return f, nil
}

// Append writes text at the end of the regular file that name leads to, and
// makes the file if there is none. The null device takes it as well: that is how
// people say that they want none of it.
func Append(name, text string) error {
	if name == os.DevNull {
		return nil
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY|waitless, 0o644)
	if f, err = regular(f, name, err, os.Stat); err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		_ = f.Close() // the first error says it
		return fault.Errorf("writing %q: %w", name, Cause(err))
	}
	if err := f.Close(); err != nil {
		return fault.Errorf("writing %q: %w", name, Cause(err))
	}
	return nil
}

func irregular(name string, info fs.FileInfo) error {
	return fault.Errorf("%q is %s, %w", name, What(info.Mode()), ErrIrregular)
}

// Vacant reports why name cannot be written to or removed: a regular file may be
// there, or nothing. It refuses a link as well, wherever that leads, because it
// may lead to a file of somebody else.
func Vacant(name string) error {
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fault.Errorf("looking at %q: %w", name, Cause(err))
	case !info.Mode().IsRegular():
		return irregular(name, info)
	}
	return nil
}

// Replace writes b to name by way of a temporary file in the same directory: the
// file appears whole or not at all, in the place of a regular file or of nothing.
func Replace(name string, b []byte) (err error) {
	if err := Vacant(name); err != nil {
		return err
	}
	t, err := os.CreateTemp(filepath.Dir(name), ".sallyport-*")
	if err != nil {
		return Cause(err)
	}
	defer func() {
		if err != nil {
			_ = t.Close() // the first error says it
			_ = os.Remove(t.Name())
			err = Cause(err)
		}
	}()
	if _, err = t.Write(b); err != nil {
		return err
	}
	if err = t.Chmod(0o644); err != nil {
		return err
	}
	if err = t.Sync(); err != nil {
		return err
	}
	if err = t.Close(); err != nil {
		return err
	}
	return os.Rename(t.Name(), name)
}

// What returns what something of a mode is, with its article.
func What(mode fs.FileMode) string {
	switch mode.Type() {
	case 0:
		return "a regular file"
	case fs.ModeDir:
		return "a directory"
	case fs.ModeSymlink:
		return "a link"
	case fs.ModeNamedPipe:
		return "a named pipe"
	case fs.ModeSocket:
		return "a socket"
	case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
		return "a device"
	}
	return "a special file"
}

// Read returns the content of the regular file that name leads to, which may
// have at most limit bytes.
func Read(name string, limit int64) ([]byte, error) {
	f, err := Open(name)
	return content(f, name, limit, err)
}

// ReadIn is Read for a name beneath root.
func ReadIn(root *os.Root, name string, limit int64) ([]byte, error) {
	f, err := OpenIn(root, name)
	return content(f, name, limit, err)
}

func content(f *os.File, name string, limit int64, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fault.Errorf("reading %q: %w", name, Cause(err))
	}
	if int64(len(b)) > limit {
		return nil, fault.Errorf("%q is %w than %d bytes", name, ErrLarge, limit)
	}
	return b, nil
}

// Cause is fault.Cause.
func Cause(err error) error { return fault.Cause(err) }
