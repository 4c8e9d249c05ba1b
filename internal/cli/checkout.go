package cli

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/gitobject"
)

// A checkout is the repository that a file of the job's folder is of.
type checkout struct {
	top    string // its directory, "" for none
	inside string // the file, from there; separated by slashes
}

// checkout is the repository of the job's own commit. A job before may have left a
// .git anywhere in the folder, and so may choose what a file's path begins at; the
// outermost one is the job's own. A file outside of the folder is of no repository.
func (r *run) checkout(path string) checkout {
	if abs, err := filepath.Abs(path); err != nil || r.workspace(abs) == "" {
		return checkout{inside: filepath.ToSlash(abs)}
	}
	return r.checkouts(path)[0]
}

// checkouts are all that the file lies in, the outermost one first: from the folder
// that the platform gave the job down to the file. Without any, it is that folder.
func (r *run) checkouts(path string) []checkout {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	var all []checkout
	top := r.workspace(abs)
	for dir := filepath.Dir(abs); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			all = append(all, newCheckout(dir, abs))
		}
		if dir == top || dir == filepath.Dir(dir) {
			break
		}
	}
	if len(all) == 0 {
		return []checkout{newCheckout(cmp.Or(top, filepath.Dir(abs)), abs)}
	}
	slices.Reverse(all)
	return all
}

// workspace is the folder of the job or the working directory, whichever is further
// out, if path lies in it; else "".
func (r *run) workspace(path string) string {
	wd, _ := os.Getwd() // without one, nothing lies in it
	all := []string{wd}
	if r.platform != nil {
		all = append(all, filepath.Clean(r.platform.Workspace()))
	}
	out := ""
	for _, dir := range all {
		rel, err := filepath.Rel(dir, path)
		if err == nil && filepath.IsLocal(rel) && filepath.IsAbs(dir) && (out == "" || len(dir) < len(out)) {
			out = dir
		}
	}
	return out
}

func newCheckout(top, path string) checkout {
	inside, err := filepath.Rel(top, path)
	if err != nil {
		inside = path
	}
	return checkout{top: top, inside: filepath.ToSlash(inside)}
}

// objects opens the directory that has the objects: .git, or where that file says,
// as in a submodule or a second working tree. The error is gitobject.ErrLost where
// there is none.
func (c checkout) objects() (*os.Root, error) {
	if c.top == "" {
		return nil, gitobject.ErrLost
	}
	_, dir, err := gitobject.Directories(c.top)
	if err != nil {
		return nil, err
	}
	root, err := file.OpenDir(dir)
	if err != nil {
		return nil, gitobject.ErrLost
	}
	return root, nil
}

// hold returns the file as a commit has it, and its name there: raw, apart from the
// ends of its lines, if that is the same file, or else what the objects hold. The
// error is gitobject.ErrLost where the checkout does not know, or a fault.
func (c checkout) hold(commit string, raw []byte) (body []byte, blob string, err error) {
	root, err := c.objects()
	if err != nil {
		return nil, "", err
	}
	defer root.Close()
	tree := gitobject.Tree{Dir: file.FS(root)}
	blob, err = tree.Blob(commit, c.inside)
	if err != nil {
		return nil, "", c.wrong(commit, err)
	}
	for _, b := range [][]byte{raw, unixLines(raw)} {
		if gitobject.Is(blob, b) {
			return b, blob, nil
		}
	}
	body, err = tree.Content(blob)
	return body, blob, c.wrong(commit, err)
}

// wrong is the fault of a commit that has no such file, or of a checkout whose
// objects are not what they are called. What is not known stays gitobject.ErrLost.
func (c checkout) wrong(commit string, err error) error {
	switch {
	case err == nil || errors.Is(err, gitobject.ErrLost):
		return err
	case errors.Is(err, gitobject.ErrNoFile):
		return fault.New(fault.Refused, fault.Policy, "commit the file; or "+nameOne, "commit %s has no policy file %q",
			commit, c.inside)
	case errors.Is(err, file.ErrIrregular):
		return fault.New(fault.Refused, fault.Path, "check the repository out anew", "policy file %q: %w", c.inside, err)
	}
	return fault.New(fault.Refused, fault.Policy,
		"let the policy be a file of the repository itself, in a checkout that nothing has changed; or "+nameOne,
		"policy file %q: %w", c.inside, err)
}
