// Package gitobject reads a file out of a commit, from the objects that a
// checkout has.
//
// A step or job that can write in the working directory can write there too, so
// every object is held to its name, from the commit to the file: it is what the name
// of the commit stands for, or an error. It refuses to run git, to follow
// references, and to believe the index or the working tree.
//
// Formats: gitformat-pack(5), gitrepository-layout(5), and the chapter "Git
// Objects" of the Git book.
package gitobject

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the name of a commit is what the platform says, and most are SHA-1
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// ErrLost says that the checkout lacks an object: it is shallow, partial, of
// another commit, or keeps its objects elsewhere. Nothing is known then.
var ErrLost = errors.New("the checkout does not have it")

// ErrNoFile says that the commit has no file at that path.
var ErrNoFile = errors.New("the commit has no such file")

const (
	maxObject = 32 << 20  // bytes of one object
	maxDepth  = 64        // directories above a file
	maxWork   = 512 << 20 // bytes that are put together for one object
)

// A Tree is the .git directory of a checkout, or what a server has sent.
type Tree struct {
	Dir  fs.FS
	sent map[string]record
}

var name = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`) })

// IsCommit reports whether s is the full name of a commit: 40 hexadecimal digits
// of SHA-1, or 64 of SHA-256.
func IsCommit(s string) bool { return name().MatchString(s) }

// Blob returns the name of the file at a path, which is separated by slashes, in
// a commit. The error is ErrNoFile or ErrLost, or a fault that says which object
// is wrong.
func (t Tree) Blob(commit, file string) (string, error) {
	if !IsCommit(commit) {
		return "", fault.Errorf("commit %q, want 40 or 64 hexadecimal digits", commit)
	}
	body, err := t.object("commit", commit)
	if err != nil {
		return "", err
	}
	first, _, _ := bytes.Cut(body, []byte("\n"))
	at, ok := strings.CutPrefix(string(first), "tree ")
	if !ok || !IsCommit(at) {
		return "", fault.Errorf("commit %s names no tree", commit)
	}
	steps := strings.Split(path.Clean(file), "/")
	if !fs.ValidPath(path.Clean(file)) || len(steps) > maxDepth {
		return "", ErrNoFile
	}
	for i, step := range steps {
		e, err := t.entry(at, step)
		if err != nil {
			return "", err
		}
		last := i == len(steps)-1
		switch {
		case e.kind == "40000" && !last, (e.kind == "100644" || e.kind == "100755" || e.kind == "100664") && last:
			at = e.id
		case e.kind == "120000":
			return "", fault.Errorf("%q is a link in commit %s", strings.Join(steps[:i+1], "/"), commit)
		case e.kind == "160000":
			return "", fault.Errorf("%q is a submodule in commit %s", strings.Join(steps[:i+1], "/"), commit)
		default:
			return "", ErrNoFile
		}
	}
	return at, nil
}

// Content returns the file with a name that Blob returned.
func (t Tree) Content(blob string) ([]byte, error) { return t.object("blob", blob) }

// Is reports whether content is the file that is called blob.
func Is(blob string, content []byte) bool { return sum(blob, "blob", content) == blob }

type entry struct{ kind, id string }

// entry finds one name in a tree. An entry is MODE SP NAME NUL ID.
func (t Tree) entry(tree, wanted string) (entry, error) {
	body, err := t.object("tree", tree)
	if err != nil {
		return entry{}, err
	}
	size := len(tree) / 2
	for len(body) > 0 {
		head, rest, ok := bytes.Cut(body, []byte{0})
		kind, called, split := strings.Cut(string(head), " ")
		if !ok || !split || len(rest) < size {
			return entry{}, fault.Errorf("tree %s is cut short", tree)
		}
		if called == wanted {
			return entry{kind, hex.EncodeToString(rest[:size])}, nil
		}
		body = rest[size:]
	}
	return entry{}, ErrNoFile
}

// object returns the body of an object, which has to be of that kind and name.
func (t Tree) object(kind, id string) ([]byte, error) {
	got, body, err := t.resolve(id)
	if err != nil {
		return nil, err
	}
	if got != kind || sum(id, kind, body) != id {
		return nil, fault.Errorf("object %s of the checkout is not the %s of that name", id, kind)
	}
	return body, nil
}

// sum is the name of an object, in the algorithm that id is written in.
func sum(id, kind string, body []byte) string {
	h := sha1.New() //nolint:gosec // see the import
	if len(id) == 2*sha256.Size {
		h = sha256.New()
	}
	_, _ = h.Write([]byte(kind + " " + strconv.Itoa(len(body)) + "\x00")) // a hash never fails
	_, _ = h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// maxEntries bounds the files of one commit.
const maxEntries = 1_000_000

// A File is what a commit has at a path: a file, a link, or another repository.
type File struct {
	Mode string // as git writes it: "100644", "100755", "120000" of a link, "160000" of another repository
	ID   string // of the blob, or the commit of the other repository
}

// Files returns the tree of a commit, and what it has at each path. The error is ErrLost, or a fault that says which
// object is wrong.
func (t Tree) Files(commit string) (tree string, files map[string]File, err error) {
	if !IsCommit(commit) {
		return "", nil, fault.Errorf("commit %q, want 40 or 64 hexadecimal digits", commit)
	}
	body, err := t.object("commit", commit)
	if err != nil {
		return "", nil, err
	}
	tree, _, _ = strings.Cut(strings.TrimPrefix(string(body), "tree "), "\n")
	if !IsCommit(tree) {
		return "", nil, fault.Errorf("commit %s names no tree", commit)
	}
	files = map[string]File{}
	return tree, files, t.below(tree, "", 0, files)
}

// isName reports whether an entry of a tree may have a name: one that leads elsewhere would stand for another file.
func isName(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.Contains(s, "/")
}

// below adds what is in a tree.
func (t Tree) below(tree, at string, depth int, files map[string]File) error {
	if depth > maxDepth {
		return fault.Errorf("directories of the commit lie more than %d deep", maxDepth)
	}
	body, err := t.object("tree", tree)
	if err != nil {
		return err
	}
	size := len(tree) / 2
	for len(body) > 0 {
		head, rest, ok := bytes.Cut(body, []byte{0})
		mode, called, split := strings.Cut(string(head), " ")
		if !ok || !split || len(rest) < size || !isName(called) {
			return fault.Errorf("tree %s is malformed", tree)
		}
		id := hex.EncodeToString(rest[:size])
		body = rest[size:]
		if name := path.Join(at, called); mode == "40000" {
			if err := t.below(id, name, depth+1, files); err != nil {
				return err
			}
		} else {
			files[name] = File{mode, id}
		}
		if len(files) > maxEntries {
			return fault.Errorf("the commit has more than %d files", maxEntries)
		}
	}
	return nil
}
