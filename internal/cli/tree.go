package cli

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/starter"
)

// A clone is the working tree of a repository, whose files are read and written by names
// that are separated by slashes. Nothing is read or written by way of a link: it may lead to
// a file of somebody else.
type clone struct {
	dir  string
	root *os.Root
}

func openClone(dir string) (clone, error) {
	root, err := file.OpenDir(dir)
	if err != nil {
		return clone{}, usage("the directory of the repository, %q, cannot be opened: %w", dir, err)
	}
	return clone{dir, root}, nil
}

// direct refuses a name that a link stands in, or something that is neither a folder nor,
// at its end, a file. there is false where nothing has the name.
func (c clone) direct(name string) (there bool, err error) {
	parts := strings.Split(name, "/")
	for i := range parts {
		at := path.Join(parts[:i+1]...)
		info, err := c.root.Lstat(at)
		last := i == len(parts)-1
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return false, nil
		case err != nil:
			return false, usage("looking at %q: %w", at, fault.Cause(err))
		case last && info.Mode().IsRegular(), !last && info.IsDir():
		default:
			return false, fault.New(fault.Usage, fault.Path, "let it be a file or a folder of the repository itself",
				"%q is %s: nothing is read or written there", at, file.What(info.Mode()))
		}
	}
	return true, nil
}

// read returns a file, or nil where there is none.
func (c clone) read(name string, limit int64) ([]byte, error) {
	there, err := c.direct(name)
	if err != nil || !there {
		return nil, err
	}
	b, err := file.ReadIn(c.root, name, limit)
	if err != nil {
		return nil, unread(err, fault.Usage)
	}
	if b == nil {
		b = []byte{}
	}
	return b, nil
}

// apply makes a file what it shall be. A file that is another one by now than when it was
// looked at stays as it is.
func (c clone) apply(x starter.Change) error {
	now, err := c.read(x.Path, maxWired)
	if err != nil {
		return err
	}
	if string(now) != string(x.Before) || (now == nil) != (x.Before == nil) {
		return fault.New(fault.Usage, fault.TOCTOU, "begin again", "%q was changed while this command ran", x.Path)
	}
	if x.After == nil {
		if err := c.root.Remove(x.Path); err != nil {
			return usage("removing %q: %w", x.Path, fault.Cause(err))
		}
		_ = c.root.Remove(path.Dir(x.Path)) // fails where something else is in it
		return nil
	}
	if err := c.replace(x.Path, x.After); err != nil {
		return unwritten(x.Path, err)
	}
	return nil
}

// replace writes a file by way of another one beside it, so that it appears whole.
func (c clone) replace(name string, b []byte) (err error) {
	if err := c.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if info, err := c.root.Lstat(name); err == nil {
		mode = info.Mode().Perm()
	}
	beside := path.Join(path.Dir(name), ".sallyport-init.tmp")
	f, err := c.root.OpenFile(beside, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = c.root.Remove(beside) // the first error says it
		}
	}()
	_, err = f.Write(b)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return c.root.Rename(beside, name)
}

const maxWired = 1 << 20 // bytes of a file that is looked at or changed
