package subject

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"unicode"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
)

// Limits of one call of Files.
const (
	MaxFiles   = 100_000   // files that are hashed
	maxEntries = 1_000_000 // directory entries that are looked at
	maxNesting = 255       // directories in directories
)

// Files returns the files beneath root that patterns name, sorted by name. A
// pattern is a file, a directory (all files beneath) or a glob (ValidPattern has
// the dialect); "./" in front and "/" behind are allowed. A file that several
// patterns name counts once; a pattern that names no file is an error.
//
// Nothing outside root is read, whatever links there are. A link to a regular
// file within root counts as that file under the link's name; a link to a
// directory is refused, because what is beneath it would have two names. A file
// that changes while it is read is refused (E_TOCTOU). What a file system hides
// cannot be seen: a write through a shared mapping, or one within the same tick
// of its clock.
//
// The files are shared out to that many workers; their number changes neither
// the result nor which error is returned.
func Files(ctx context.Context, root string, patterns []string, workers int) ([]Subject, error) {
	dir, err := file.OpenDir(root)
	if err != nil {
		return nil, fault.New(fault.Usage, fault.Config, "", "the root of the tree, %q, cannot be opened: %w", root, err)
	}
	defer dir.Close()
	w := walk{root: dir, found: map[string]bool{}}
	for _, p := range patterns {
		if err := w.pattern(ctx, p); err != nil {
			return nil, err
		}
	}
	names := slices.Sorted(maps.Keys(w.found))
	if err := checkCase(names); err != nil {
		return nil, err
	}
	return hashFiles(ctx, dir, names, workers)
}

// Merge returns the union of sets, sorted by name. It refuses one name for two
// digests.
func Merge(sets ...[]Subject) ([]Subject, error) {
	all := slices.Concat(sets...)
	slices.SortFunc(all, func(a, b Subject) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), a.Digest.Compare(b.Digest))
	})
	all = slices.Compact(all)
	for i := 1; i < len(all); i++ {
		if a, b := all[i-1], all[i]; a.Name == b.Name {
			return nil, fault.New(fault.Refused, fault.SubjectMismatch, "", "name %q stands for both %s and %s", a.Name, a.Digest, b.Digest)
		}
	}
	return all, nil
}

// A walk collects names of files beneath root.
type walk struct {
	root  *os.Root
	found map[string]bool
	seen  int // directory entries looked at
}

// everything is the glob of a directory that is named as a whole.
var everything = glob{"**", "*"}

func (w *walk) pattern(ctx context.Context, pattern string) error {
	name, err := cleanPattern(pattern)
	if err != nil {
		return err
	}
	if name == "." {
		return w.tree(ctx, pattern, ".", everything)
	}
	g, err := parseGlob(name)
	if err != nil {
		return err
	}
	if strings.ContainsAny(name, meta) {
		return w.glob(ctx, pattern, g)
	}
	info, err := w.lstat(name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return w.tree(ctx, pattern, name, everything)
	}
	if strings.HasSuffix(pattern, "/") {
		return badPath("%q is not a directory", pattern)
	}
	return w.file(name, info.Mode())
}

// cleanPattern takes off what a shell's completion and habit put around a path.
func cleanPattern(pattern string) (string, error) {
	if strings.HasPrefix(pattern, "/") {
		return "", badPath("path %q is absolute, want one relative to the root of the tree", pattern)
	}
	name := strings.TrimSuffix(pattern, "/")
	for strings.HasPrefix(name, "./") {
		name = name[2:]
	}
	return name, nil
}

// lstat looks at name, whose parents must be directories and not links.
func (w *walk) lstat(name string) (fs.FileInfo, error) {
	if parent := path.Dir(name); parent != "." {
		info, err := w.lstat(parent)
		if err != nil {
			return nil, err
		}
		if info.Mode().Type() == fs.ModeSymlink {
			return nil, linkedDirectory(parent)
		}
	}
	info, err := w.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, fault.New(fault.Refused, fault.SubjectMismatch, "", "no file %q", name)
	}
	if err != nil {
		return nil, badPath("looking at %q: %w", name, fault.Cause(err))
	}
	return info, nil
}

// glob collects what g names, starting at the deepest directory that it spells
// out.
func (w *walk) glob(ctx context.Context, pattern string, g glob) error {
	n := slices.IndexFunc(g, func(segment string) bool { return strings.ContainsAny(segment, meta) })
	if n == 0 {
		return w.tree(ctx, pattern, ".", g)
	}
	dir := strings.Join(g[:n], "/")
	info, err := w.lstat(dir)
	if err != nil {
		return err
	}
	if info.Mode().Type() == fs.ModeSymlink {
		return linkedDirectory(dir)
	}
	if !info.IsDir() {
		return noFile(pattern)
	}
	return w.tree(ctx, pattern, dir, g[n:])
}

// tree collects what g names beneath dir, and wants at least one file.
func (w *walk) tree(ctx context.Context, pattern, dir string, g glob) error {
	n, err := w.match(ctx, dir, match{g, g.start()})
	if err == nil && n == 0 {
		return noFile(pattern)
	}
	return err
}

// A match is a glob and how far it has got.
type match struct {
	glob glob
	at   states
}

// match collects what m names beneath dir and returns how many files these are.
func (w *walk) match(ctx context.Context, dir string, m match) (int, error) {
	entries, err := w.entries(ctx, dir)
	if err != nil {
		return 0, err
	}
	total := 0
	for _, e := range entries {
		at := m.glob.step(m.at, e.Name())
		if at == 0 {
			continue
		}
		n, err := w.entry(ctx, path.Join(dir, e.Name()), e.Type(), match{m.glob, at})
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func (w *walk) entry(ctx context.Context, name string, mode fs.FileMode, m match) (int, error) {
	if err := checkName(name); err != nil {
		return 0, err
	}
	if mode.IsDir() {
		if !m.glob.goesOn(m.at) {
			return 0, nil
		}
		return w.match(ctx, name, m)
	}
	if m.glob.accepts(m.at) {
		return 1, w.file(name, mode)
	}
	if mode.Type() == fs.ModeSymlink {
		return 0, w.passedLink(name)
	}
	return 0, nil
}

// passedLink refuses a link that a glob does not name, but beneath which it
// might name something.
func (w *walk) passedLink(name string) error {
	info, err := w.root.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return badPath("link %q: %w", name, fault.Cause(err))
	}
	if info.IsDir() {
		return linkedDirectory(name)
	}
	return nil
}

// entries lists dir, sorted by name. It opens without waiting: in a race, dir
// may have become a named pipe.
func (w *walk) entries(ctx context.Context, dir string) ([]fs.DirEntry, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.Errorf("walking %q: %w", dir, err)
	}
	if strings.Count(dir, "/") >= maxNesting {
		return nil, fault.New(fault.Refused, fault.Limit, "", "directory %q is more than %d levels deep", dir, maxNesting)
	}
	f, err := w.root.OpenFile(dir, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, badPath("opening directory %q: %w", dir, fault.Cause(err))
	}
	defer f.Close()
	entries, err := f.ReadDir(maxEntries - w.seen + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, badPath("reading directory %q: %w", dir, fault.Cause(err))
	}
	w.seen += len(entries)
	if w.seen > maxEntries {
		return nil, fault.New(fault.Refused, fault.Limit, "", "more than %d directory entries, the last in %q", maxEntries, dir)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// file collects name, which must be a regular file or a link to one in the tree.
func (w *walk) file(name string, mode fs.FileMode) error {
	if mode.Type() == fs.ModeSymlink {
		info, err := w.root.Stat(name)
		if err != nil {
			return badPath("link %q: %w", name, fault.Cause(err))
		}
		if info.IsDir() {
			return linkedDirectory(name)
		}
		mode = info.Mode()
	}
	if !mode.IsRegular() {
		return notRegular(name, mode)
	}
	w.found[name] = true
	if len(w.found) > MaxFiles {
		return fault.New(fault.Refused, fault.Limit, "", "more than %d files, the last is %q", MaxFiles, name)
	}
	return nil
}

// checkCase refuses two names that one file system keeps apart and another does
// not: on the other, one file would take the place of the other.
func checkCase(names []string) error {
	seen := make(map[string]string, len(names))
	for _, name := range names {
		folded := strings.Map(foldRune, name)
		if other, ok := seen[folded]; ok {
			return badPath("files %q and %q differ only in letter case", other, name)
		}
		seen[folded] = name
	}
	return nil
}

// foldRune returns the least of the runes that are r without regard to case.
func foldRune(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return least
}

func noFile(pattern string) error {
	return fault.New(fault.Refused, fault.SubjectMismatch, "", "%q names no file", pattern)
}

func linkedDirectory(name string) error {
	return badPath("%q is a link to a directory", name)
}

func notRegular(name string, mode fs.FileMode) error {
	return badPath("%q is %s, want a regular file", name, file.What(mode))
}
