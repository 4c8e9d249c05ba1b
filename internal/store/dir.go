package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/bundlefile"
	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Limits of a directory of bundles.
const (
	MaxFiles       = 2 * MaxPerSubject // bundles in one directory or file
	MaxFileBytes   = 64 << 20          // bytes of one file
	MaxFolderBytes = 1 << 30           // bytes of all files of one directory
	maxEntries     = 200_000           // entries of one directory that are looked at
)

// Dir is a directory of bundles, or one file of them.
type Dir struct{ Path string }

// Name returns how people call the store.
func (d Dir) Name() string {
	if info, err := os.Stat(d.Path); err == nil && !info.IsDir() {
		return source(d.Path)
	}
	return "directory " + fault.Cut(d.Path)
}

// Fetch returns every bundle in the directory and in the directories right
// below it, whatever it is about: a bundle names its subjects itself. What else
// lies there is passed over and listed, because a build's output folder holds
// more than bundles. A file that is named by itself has to be one.
func (d Dir) Fetch(ctx context.Context, _ []subject.Subject) (Found, error) {
	info, err := os.Stat(d.Path)
	if err != nil {
		return Found{}, fault.New(fault.Usage, fault.Config, "name a directory or file that holds bundles",
			"bundles in %q: %w", d.Path, file.Cause(err))
	}
	if !info.IsDir() {
		return d.file()
	}
	return d.folder(ctx)
}

// file reads the one file that d is.
func (d Dir) file() (Found, error) {
	b, err := file.Read(d.Path, MaxFileBytes)
	switch {
	case errors.Is(err, file.ErrIrregular):
		return Found{}, fault.New(fault.Refused, fault.Path, "", "%w", err)
	case errors.Is(err, file.ErrLarge):
		return Found{}, fault.New(fault.Refused, fault.Limit, "", "%w", err)
	case err != nil:
		return Found{}, fault.New(fault.Usage, fault.Config, "", "%w", err)
	}
	list, err := ReadBundles(b, source(d.Path)) // the error is about the store, which has the file's name
	if err != nil || len(list) > 0 {
		return Found{Bundles: list}, err
	}
	return Found{}, fault.New(fault.Refused, fault.Malformed, "name a file that holds a bundle, or the directory that bundles lie in", "%q is %s", d.Path, nothing(b))
}

// source names a file for people.
func source(name string) string { return "file " + fault.Cut(name) }

// nothing says what a file is that holds no bundle and is not wrong.
func nothing(b []byte) string {
	if len(bytes.TrimSpace(b)) == 0 {
		return "an empty file"
	}
	return "a list of no bundles"
}

// ReadBundles returns the bundles of a text: one, several after each other, or
// the members of what a tool prints (package bundlefile). It refuses the whole
// if a part of it is no bundle: a list of which a part cannot be read is not a
// shorter list. A text of nothing but white space has none. source is the name
// of the text in what is returned; an error does not repeat it.
func ReadBundles(text []byte, source string) ([]Evidence, error) {
	found, err := bundlefile.Read(text)
	if err != nil {
		f := &bundlefile.Foreign{Code: fault.InternalError}
		errors.As(err, &f)
		return nil, fault.New(fault.Refused, f.Code, f.Hint, "%w", err)
	}
	all := make([]Evidence, len(found))
	for i, b := range found {
		all[i] = Evidence{Bundle: b.JSON, Source: source}
		if b.Where != "" {
			all[i].Source += ", " + b.Where
		}
	}
	return all, nil
}

// folder reads the directory that d is. It stays beneath it: what lies there
// was put there by others.
func (d Dir) folder(ctx context.Context) (Found, error) {
	root, err := file.OpenDir(d.Path)
	if err != nil {
		return Found{}, fault.New(fault.Usage, fault.Config, "", "bundles in %q: %w", d.Path, err)
	}
	defer root.Close()
	w := walk{dir: d, root: root}
	if err := w.directory(ctx, ".", 0); err != nil {
		return Found{}, err
	}
	return Found{Bundles: w.found, Passed: w.passed.list(d.Name())}, nil
}

// A walk goes through a directory.
type walk struct {
	dir     Dir
	root    *os.Root
	found   []Evidence
	passed  passed
	entries int
	bytes   int
}

func (w *walk) directory(ctx context.Context, name string, level int) error {
	entries, err := w.list(name)
	if err != nil && level == 0 {
		return fault.New(fault.Usage, fault.Config, "", "bundles in %q: %w", w.dir.Path, file.Cause(err))
	}
	if err != nil {
		w.passed.add(name, unreadableFolder)
		return nil
	}
	if w.entries += len(entries); w.entries > maxEntries {
		return w.tooMuch("more than %d files and directories", maxEntries)
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return client.Unanswered(w.dir.Name(), err)
		}
		if err := w.entry(ctx, path.Join(name, e.Name()), e, level); err != nil {
			return err
		}
	}
	return nil
}

// list returns the entries of a directory, by name.
func (w *walk) list(name string) ([]fs.DirEntry, error) {
	f, err := w.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(maxEntries - w.entries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return entries, nil
}

func (w *walk) entry(ctx context.Context, name string, e fs.DirEntry, level int) error {
	switch {
	case e.IsDir() && level == 0:
		return w.directory(ctx, name, level+1)
	case e.IsDir():
		w.passed.add(name, deepFolder)
	case !e.Type().IsRegular():
		w.passed.add(name, file.What(e.Type()))
	case strings.HasPrefix(e.Name(), "."):
		w.passed.add(name, hiddenFile)
	case strings.HasSuffix(e.Name(), documentSuffix):
		// it is asked for by its digest
	case !isBundleName(e.Name()):
		w.passed.add(name, otherSuffix)
	default:
		return w.file(name)
	}
	return nil
}

func isBundleName(name string) bool {
	return slices.Contains([]string{".json", ".jsonl", ".sigstore"}, filepath.Ext(name))
}

func (w *walk) file(name string) error {
	b, err := file.ReadIn(w.root, name, MaxFileBytes)
	if err != nil {
		w.passed.add(name, unread(err))
		return nil
	}
	if w.bytes += len(b); w.bytes > MaxFolderBytes {
		return w.tooMuch("files of more than %d bytes", MaxFolderBytes)
	}
	list, err := ReadBundles(b, source(filepath.Join(w.dir.Path, filepath.FromSlash(name))))
	var f *bundlefile.Foreign
	switch {
	case errors.As(err, &f):
		w.passed.add(name, f.Error())
	case err != nil:
		return err
	case len(list) == 0:
		w.passed.add(name, nothing(b))
	}
	if w.found = append(w.found, list...); len(w.found) > MaxFiles {
		return w.tooMuch("more than %d bundles", MaxFiles)
	}
	return nil
}

func (w *walk) tooMuch(format string, args ...any) error {
	return fault.New(fault.Refused, fault.Limit, "remove the bundles that are not about the artifact from "+fault.Quote(w.dir.Path)+", or hand over the one that is", "%s in %q", fault.Text(format, args...), w.dir.Path)
}

// unread says why a file was not read.
func unread(err error) string {
	switch {
	case errors.Is(err, file.ErrLarge):
		return fmt.Sprintf("a file of more than %d bytes", MaxFileBytes)
	case errors.Is(err, file.ErrIrregular):
		return "no regular file"
	}
	return "a file that cannot be read: " + fault.Brief(file.Cause(errors.Unwrap(err))).Error()
}

// Put writes the bundle under the digest of its bytes. The file appears whole
// or not at all.
func (d Dir) Put(_ context.Context, r Record) (Receipt, error) {
	if len(r.Bundle) > MaxBundleBytes {
		return Receipt{}, fault.New(fault.Refused, fault.Limit, "", "a bundle of %d bytes, at most %d are allowed", len(r.Bundle), MaxBundleBytes)
	}
	if err := os.MkdirAll(d.Path, 0o755); err != nil {
		return Receipt{}, fault.New(fault.Usage, fault.Config, "", "keeping a bundle in %q: %w", d.Path, cause(err))
	}
	sum := sha256.Sum256(r.Bundle)
	name := filepath.Join(d.Path, hex.EncodeToString(sum[:])+".sigstore.json")
	if err := file.Replace(name, r.Bundle); err != nil {
		return Receipt{}, fault.Errorf("keeping a bundle in %q: %w", d.Path, file.Cause(err))
	}
	if r.Document != nil {
		beside := filepath.Join(d.Path, subject.Sum(r.Document).Hex()+documentSuffix)
		if err := file.Replace(beside, r.Document); err != nil {
			return Receipt{}, fault.Errorf("keeping a document in %q: %w", d.Path, file.Cause(err))
		}
	}
	return Receipt{Store: d.Name(), ID: name}, nil
}

// Document reports whether the directory, or one right below it, has a document. A file of that name with other bytes
// is another document.
func (d Dir) Document(_ context.Context, _ []subject.Subject, want Document) (bool, error) {
	root, err := file.OpenDir(d.Path)
	if err != nil {
		return false, nil // a file of bundles keeps none
	}
	defer root.Close()
	w := walk{dir: d, root: root}
	places := []string{"."}
	entries, err := w.list(".")
	if err != nil {
		return false, fault.New(fault.Usage, fault.Config, "", "documents in %q: %w", d.Path, file.Cause(err))
	}
	for _, e := range entries {
		if e.IsDir() {
			places = append(places, e.Name())
		}
	}
	for _, p := range places {
		b, err := file.ReadIn(root, path.Join(p, want.Digest.Hex()+documentSuffix), MaxDocumentBytes)
		if err == nil && subject.Sum(b) == want.Digest {
			return true, nil
		}
	}
	return false, nil
}

// cause drops the path from a file system error; the phrase around it names it.
func cause(err error) error { return file.Cause(err) }
