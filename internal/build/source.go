package build

import (
	"errors"
	"fmt"
	"os"
	pathpkg "path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/gitobject"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/record"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// source is the commit of a checkout.
type source struct {
	commit, tree string
	files        map[string]gitobject.File
	folders      map[string]bool // in which the files are
	reason       string          // why nothing is known of it
}

const (
	maxDirty  = 200      // tracked files with other content that are listed
	maxReread = 64 << 20 // bytes of a tracked file that is compared
	maxRef    = 4 << 10
	maxPacked = 64 << 20
)

// readSource reads the commit that is checked out at top. It runs no git and believes no index: what is there is held to
// the names of the objects.
func readSource(top, named string) source {
	if top == "" {
		return source{reason: "the build ran in no checkout"}
	}
	own, shared, err := gitobject.Directories(top)
	if err != nil {
		return source{reason: "the build ran in no checkout"}
	}
	commit, err := head(own, shared)
	if err != nil && named == "" {
		return source{reason: "HEAD of the checkout cannot be read: " + err.Error()}
	}
	if err != nil {
		commit = named
	}
	s := source{commit: commit}
	if named != "" && named != commit {
		s.reason = fmt.Sprintf("the build began at commit %s, and the checkout is of another", named)
	}
	tree := gitobject.Tree{Dir: os.DirFS(shared)}
	if s.tree, s.files, err = tree.Files(commit); err != nil {
		s.reason = "the checkout does not have the whole commit: " + err.Error()
		if errors.Is(err, gitobject.ErrLost) {
			s.reason = "the checkout does not have the whole commit"
		}
	}
	return s
}

// Head is the commit that is checked out at a directory; "" if there is none. A build can move it.
func Head(top string) string {
	own, shared, err := gitobject.Directories(top)
	if err != nil {
		return ""
	}
	commit, _ := head(own, shared) // "" if it names none
	return commit
}

// head is the commit that HEAD names.
func head(own, shared string) (string, error) {
	b, err := file.Read(filepath.Join(own, "HEAD"), maxRef)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(b))
	ref, symbolic := strings.CutPrefix(text, "ref: ")
	if !symbolic {
		return commitName(text)
	}
	if !filepath.IsLocal(ref) {
		return "", errors.New("HEAD names no ref")
	}
	for _, at := range []string{own, shared} {
		if b, err := file.Read(filepath.Join(at, filepath.FromSlash(ref)), maxRef); err == nil {
			return commitName(strings.TrimSpace(string(b)))
		}
	}
	packed, err := file.Read(filepath.Join(shared, "packed-refs"), maxPacked)
	if err != nil {
		return "", fmt.Errorf("ref %s is not there", ref)
	}
	for line := range strings.Lines(string(packed)) {
		if id, name, _ := strings.Cut(strings.TrimSpace(line), " "); name == ref {
			return commitName(id)
		}
	}
	return "", fmt.Errorf("ref %s is not there", ref)
}

func commitName(s string) (string, error) {
	if !gitobject.IsCommit(s) {
		return "", errors.New("it names no commit")
	}
	return s, nil
}

// has reports whether the commit has a file at a path.
func (s source) has(path string) bool { _, ok := s.files[path]; return ok }

// hasFolder reports whether the commit has a file in a folder.
func (s *source) hasFolder(path string) bool {
	if s.folders == nil {
		s.folders = map[string]bool{}
		for name := range s.files {
			for dir := pathpkg.Dir(name); !s.folders[dir]; dir = pathpkg.Dir(dir) {
				s.folders[dir] = true
			}
		}
	}
	return s.folders[path]
}

// compared says of each tracked file that was opened, or looked for, whether it is the commit's.
func (k *maker) compared() {
	s := &k.m.Source
	*s = material.Source{Commit: k.source.commit, Tree: k.source.tree, Reason: k.source.reason}
	for path, f := range k.source.files {
		if f.Mode == "160000" {
			s.Submodules = append(s.Submodules, material.Submodule{Path: k.text(path), Commit: f.ID})
		}
	}
	slices.SortFunc(s.Submodules, func(a, b material.Submodule) int { return strings.Compare(a.Path, b.Path) })
	k.dirty = map[string]bool{}
	for i, f := range k.Result.Files {
		rest, _ := under(k.Top, f.Path)
		entry, tracked := k.source.files[rest]
		lacking := f.State == record.Gone || f.State == record.Absent // the commit has it, and the build found none
		if !tracked || k.how[i] == "" && !lacking || k.unchanged(f, entry) {
			continue
		}
		k.dirty[f.Path] = true
		if len(s.Dirty) < maxDirty {
			s.Dirty = append(s.Dirty, k.text(rest))
		}
	}
	s.Clean = s.Reason == "" && len(k.dirty) == 0
}

// unchanged reports whether a file has the content that the commit has, and had it whenever the build read it. One that
// the build has written and never read may be written as the commit has it.
func (k *maker) unchanged(f record.File, entry gitobject.File) bool {
	rewritten := f.State == record.Changed && f.Use&(record.Read|record.Execute) == 0
	if f.State != record.Certain && !rewritten {
		return false
	}
	b, err := file.Read(f.Path, maxReread)
	if err != nil || subject.Sum(b).Hex() != f.Digest {
		return false
	}
	return gitobject.Is(entry.ID, b)
}
