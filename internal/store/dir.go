package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Limits of a directory of bundles.
const (
	MaxFiles     = 20_000   // bundle files below one directory
	MaxFileBytes = 64 << 20 // bytes of one file of JSON lines
)

// Dir is a directory of bundles, or one file of them.
type Dir struct{ Path string }

// Name returns how people call the store.
func (d Dir) Name() string { return "directory " + d.Path }

// Fetch returns every bundle in the directory and in the directories right
// below it, whatever it is about: a bundle names its subjects itself.
func (d Dir) Fetch(ctx context.Context, _ []subject.Subject) (Found, error) {
	files, err := d.files()
	if err != nil {
		return Found{}, err
	}
	var all Found
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return Found{}, client.Unanswered(d.Name(), err)
		}
		found, err := readFile(f)
		if err != nil {
			return Found{}, err
		}
		all.Bundles = append(all.Bundles, found...)
	}
	return all, nil
}

// files lists the bundle files, in the order of their names. Links are
// followed only when the path itself is one: what lies in the directory was
// put there by others.
func (d Dir) files() ([]string, error) {
	info, err := os.Stat(d.Path)
	if err != nil {
		return nil, fault.New(fault.Usage, fault.Config, "name a directory or file that holds bundles", "bundles in %q: %w", d.Path, cause(err))
	}
	if !info.IsDir() {
		return []string{d.Path}, nil
	}
	var files []string
	err = filepath.WalkDir(d.Path, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			return d.enter(p)
		}
		if !e.Type().IsRegular() || !isBundleName(e.Name()) {
			return nil
		}
		if files = append(files, p); len(files) > MaxFiles {
			return fault.New(fault.Refused, fault.Limit, "", "more than %d bundle files in %q", MaxFiles, d.Path)
		}
		return nil
	})
	var f *fault.Fault
	if err != nil && !errors.As(err, &f) {
		return nil, fault.New(fault.Usage, fault.Config, "", "bundles in %q: %w", d.Path, cause(err))
	}
	sort.Strings(files)
	return files, err
}

func (d Dir) enter(p string) error {
	rel, err := filepath.Rel(d.Path, p)
	if err != nil {
		return err
	}
	if strings.Contains(rel, string(filepath.Separator)) {
		return fs.SkipDir
	}
	return nil
}

func isBundleName(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	for _, ext := range []string{".json", ".jsonl", ".sigstore"} {
		if strings.HasSuffix(name, ext) {
			return true
		}
	}
	return false
}

func readFile(name string) ([]Evidence, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fault.New(fault.Usage, fault.Config, "", "bundles in %q: %w", name, cause(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("bundles in %q: %w", name, cause(err))
	}
	if !info.Mode().IsRegular() {
		return nil, fault.New(fault.Refused, fault.Path, "", "%q is not a regular file", name)
	}
	return ReadBundles(f, "file "+name)
}

// ReadBundles reads JSON lines, one bundle a line, or one JSON document spread
// over lines. It refuses the whole on the first line that is not a JSON object:
// a list of which a part cannot be read is not a shorter list. A byte order
// mark, carriage returns and blank lines are not part of the format and are
// refused. Nothing but white space is no bundle.
func ReadBundles(r io.Reader, source string) ([]Evidence, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxFileBytes+1))
	if err != nil {
		return nil, client.Unanswered(source, err)
	}
	if len(b) > MaxFileBytes {
		return nil, fault.New(fault.Refused, fault.Limit, "", "%s has more than %d bytes", source, MaxFileBytes)
	}
	if err := plainText(b, source); err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, nil
	}
	if isObject(b) {
		return one(bytes.TrimSpace(b), source)
	}
	return lines(b, source)
}

func plainText(b []byte, source string) error {
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		return fault.New(fault.Refused, fault.Malformed, "", "%s starts with a byte order mark", source)
	case bytes.IndexByte(b, '\r') >= 0:
		return fault.New(fault.Refused, fault.Malformed, "", "%s has a carriage return in line %d", source, 1+bytes.Count(b[:bytes.IndexByte(b, '\r')], []byte("\n")))
	case !utf8.Valid(b):
		return fault.New(fault.Refused, fault.Malformed, "", "%s is not UTF-8", source)
	}
	return nil
}

func lines(b []byte, source string) ([]Evidence, error) {
	var all []Evidence
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(nil, MaxFileBytes+1)
	for n := 1; s.Scan(); n++ {
		if !isObject(s.Bytes()) {
			return nil, fault.New(fault.Refused, fault.Malformed, "", "%s line %d is not one JSON object", source, n)
		}
		found, err := one(bytes.Clone(s.Bytes()), fmt.Sprintf("%s line %d", source, n))
		if err != nil {
			return nil, err
		}
		if all = append(all, found...); len(all) > MaxFiles {
			return nil, fault.New(fault.Refused, fault.Limit, "", "%s has more than %d bundles", source, MaxFiles)
		}
	}
	return all, s.Err()
}

func one(b []byte, source string) ([]Evidence, error) {
	if len(b) > MaxBundleBytes {
		return nil, fault.New(fault.Refused, fault.Limit, "", "%s has a bundle of %d bytes, at most %d are allowed", source, len(b), MaxBundleBytes)
	}
	return []Evidence{{Bundle: b, Source: source}}, nil
}

func isObject(b []byte) bool {
	b = bytes.TrimSpace(b)
	return len(b) > 0 && b[0] == '{' && json.Valid(b)
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
	if err := replace(name, r.Bundle); err != nil {
		return Receipt{}, fmt.Errorf("keeping a bundle in %q: %w", d.Path, cause(err))
	}
	return Receipt{Store: d.Name(), ID: name}, nil
}

// replace writes b to name by way of a temporary file in the same directory.
func replace(name string, b []byte) (err error) {
	t, err := os.CreateTemp(filepath.Dir(name), ".sallyport-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = t.Close()
			_ = os.Remove(t.Name())
		}
	}()
	if _, err := t.Write(b); err != nil {
		return err
	}
	if err := t.Chmod(0o644); err != nil {
		return err
	}
	if err := t.Sync(); err != nil {
		return err
	}
	if err := t.Close(); err != nil {
		return err
	}
	return os.Rename(t.Name(), name)
}

// cause drops the path from a file system error; the phrase around it names it.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
