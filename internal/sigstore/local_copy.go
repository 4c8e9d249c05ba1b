package sigstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sigstore/sigstore-go/pkg/tuf"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// maxCopied is the size of one file of the local copy. TUF itself allows less.
const maxCopied = 8 << 20

func (o TUF) note(format string, args ...any) {
	if o.Note != nil {
		o.Note(fmt.Sprintf(format, args...))
	}
}

// repository returns the address of the TUF repository and the root to begin
// with.
func (p Profile) repository(o TUF) (address string, root []byte) {
	if o.Mirror != "" {
		return o.Mirror, o.Root
	}
	return p.mirror, p.tufRoot()
}

// mend puts a local copy aside that cannot be read, so that the update makes
// another from the root to begin with. What a copy says about versions is no
// reason to put it aside: a copy that is newer than the repository is how a
// rollback is noticed.
func (p Profile) mend(o TUF) TUF {
	if o.Cache == "" {
		return o
	}
	address, root := p.repository(o)
	dir := filepath.Join(o.Cache, tuf.URLToPath(address))
	why := brokenCopy(dir, root)
	if why == "" {
		return o
	}
	aside := dir + ".broken"
	err := os.RemoveAll(aside) // an older one; the newest is enough to find out what happened
	if err == nil {
		err = os.Rename(dir, aside)
	}
	if err != nil {
		o.note("the local copy of the TUF repository of %s is broken (%s) and cannot be put aside, so it is "+
			"not used: %v", p.Name, why, fault.Cause(err))
		o.Cache = ""
		return o
	}
	o.note("the local copy of the TUF repository of %s was broken (%s); it is put aside as %q, and a new one is made",
		p.Name, why, aside)
	return o
}

// brokenCopy says what is wrong with the local copy in dir, or nothing.
func brokenCopy(dir string, root []byte) string {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err != nil {
		return fmt.Sprint(fault.Cause(err))
	}
	if !info.IsDir() {
		return "it is a file"
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Sprint(fault.Cause(err))
	}
	for _, f := range files {
		role, isRole := strings.CutSuffix(f.Name(), ".json")
		if !isRole {
			continue
		}
		b, err := readCopy(filepath.Join(dir, f.Name()))
		if err != nil {
			return fmt.Sprintf("%q: %v", f.Name(), err)
		}
		if err := readRole(role, b); err != nil {
			return fmt.Sprintf("%q is no TUF metadata of that role", f.Name())
		}
		if role == metadata.ROOT && otherRepository(root, b) {
			return fmt.Sprintf("%q is of another repository", f.Name())
		}
	}
	return brokenTargets(filepath.Join(dir, "targets"))
}

// brokenTargets looks at the directory of targets. What the files in it hold
// does not matter: they are used only if they have the signed digest.
func brokenTargets(dir string) string {
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err != nil {
		return fmt.Sprintf("%q: %v", "targets", fault.Cause(err))
	}
	for _, f := range files {
		if !f.Type().IsRegular() {
			return fmt.Sprintf("%q is not a regular file", filepath.Join("targets", f.Name()))
		}
	}
	return ""
}

func readCopy(name string) ([]byte, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return nil, fault.Cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fault.Cause(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxCopied+1))
	if err != nil {
		return nil, fault.Cause(err)
	}
	if len(b) > maxCopied {
		return nil, fmt.Errorf("more than %d bytes", maxCopied)
	}
	return b, nil
}

// readRole wants b to be metadata of a role; names that are not one of the four
// of TUF belong to roles that targets are delegated to.
func readRole(role string, b []byte) (err error) {
	switch role {
	case metadata.ROOT:
		_, err = metadata.Root().FromBytes(b)
	case metadata.TIMESTAMP:
		_, err = metadata.Timestamp().FromBytes(b)
	case metadata.SNAPSHOT:
		_, err = metadata.Snapshot().FromBytes(b)
	default:
		_, err = metadata.Targets().FromBytes(b)
	}
	return err
}

// otherRepository says whether the copied root has the version of the root to
// begin with, and not the signatures that it needs. Roots of other versions may
// be signed by keys that came later or are gone.
func otherRepository(begin, copied []byte) bool {
	if bytes.Equal(begin, copied) {
		return false
	}
	a, err := metadata.Root().FromBytes(begin)
	if err != nil {
		return false // the update says so
	}
	b, err := metadata.Root().FromBytes(copied)
	return err == nil && a.Signed.Version == b.Signed.Version && a.VerifyDelegate(metadata.ROOT, b) != nil
}

// onDisk says whether err is about files, and not about what was answered.
func onDisk(err error) bool {
	var file *fs.PathError
	var link *os.LinkError
	return errors.As(err, &file) || errors.As(err, &link)
}
