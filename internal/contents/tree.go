package contents

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// manifest is the file that makes a package of a folder.
const manifest = "package.json"

// tree is what an archive holds, without the folder at its top.
type tree struct {
	archive   *archive
	files     map[string]*File  // by path
	order     []string          // of the paths in the archive
	folded    map[string]bool   // paths as a file system keeps them that minds no case; true: of a file
	spelling  map[string]string // of the files, by those paths
	manifests map[string][]byte
	kept      int    // bytes of the manifests
	top       string // folder
	odd       error  // why readers may read the package differently; nil: they do not
	looks     bool   // it looks like a package to some reader
	followed  int    // bytes of the scripts that were followed
}

func newTree() *tree {
	return &tree{files: map[string]*File{}, folded: map[string]bool{}, spelling: map[string]string{}, manifests: map[string][]byte{}}
}

// readTar reads the package that an archive is.
func readTar(r io.Reader) (Package, error) {
	t := newTree()
	t.archive = &archive{r: r}
	h, err := t.archive.first()
	if errors.Is(err, errNoArchive) {
		return notRead("a file of a kind that is not read"), nil
	}
	for h != nil && err == nil {
		var m *member
		if m, err = t.archive.next(h); err == nil {
			err = t.add(*m)
		}
		if err == nil {
			h, err = t.archive.header()
		}
	}
	if err != nil {
		return Package{}, err
	}
	return t.inventory()
}

// inventory is the package that t is.
func (t *tree) inventory() (Package, error) {
	if !t.looks {
		return notRead("an archive without a package.json or PKG-INFO in the folder at its top"), nil
	}
	if t.odd == nil {
		t.odd = t.parents()
	}
	if t.odd != nil {
		return Package{}, t.odd
	}
	if t.manifests[manifest] == nil && t.manifests[pkgInfo] == nil {
		return Package{}, malformed("its package.json or PKG-INFO is written in another way, " +
			"which some file systems take for the same")
	}
	if t.manifests[pkgInfo] != nil {
		return t.sdist()
	}
	return t.npm()
}

// add reads one member.
func (t *tree) add(m member) error {
	t.looks = t.looks || !m.folder && looksLike(m.name)
	if err := spelled(m.name); m.odd != nil || err != nil {
		t.strange(m.odd)
		t.strange(err)
		return t.pass(m)
	}
	top, rest, inside := strings.Cut(m.name, "/")
	switch {
	case t.top != "" && t.top != top:
		t.strange(malformed("it has two folders at its top, %q and %q, which npm makes one of", t.top, top))
	case !inside && !m.folder:
		t.strange(malformed("%q in it is in no folder", top))
	}
	if t.top = top; !inside {
		return t.pass(m)
	}
	key := fold(rest)
	if file, known := t.folded[key]; known && (file || !m.folder) {
		t.strange(malformed("%q is in it twice, or in two ways to write it", rest))
	}
	if t.folded[key] = !m.folder; m.folder {
		return nil
	}
	f, head, err := t.file(rest, m)
	if err != nil {
		return err
	}
	f.Why = executable(rest, head, m.mode)
	t.keep(f)
	return nil
}

// keep adds a file.
func (t *tree) keep(f *File) {
	t.files[f.Path], t.spelling[fold(f.Path)] = f, f.Path
	t.order = append(t.order, f.Path)
}

// at is the file at a path, in whatever letter case it is written: that is how a file system finds it
// that minds none. nil: there is none.
func (t *tree) at(name string) *File { return t.files[t.spelling[fold(name)]] }

// strange keeps the first reason why readers could differ.
func (t *tree) strange(why error) {
	if t.odd == nil {
		t.odd = why // nil leaves it as it is
	}
}

// pass passes over the content of a member.
func (t *tree) pass(m member) error {
	if _, err := io.CopyN(io.Discard, t.archive.r, m.size); err != nil {
		return cutOff(err)
	}
	return t.archive.fill(m.size)
}

// file reads a file and returns its first bytes.
func (t *tree) file(name string, m member) (*File, []byte, error) {
	h := sha256.New()
	var head bytes.Buffer
	most := int64(16)
	if isManifest(fold(name)) {
		most = m.size
		largest := int64(maxManifest)
		if path.Base(fold(name)) == lock {
			largest = maxManifests // it names every package that is installed
		}
		if t.kept += int(min(m.size, maxManifests)); m.size > largest || t.kept > maxManifests {
			return nil, nil, limit("%q in it has %d bytes, and at most %d are read, or %d of all", name, m.size,
				largest, maxManifests)
		}
	}
	r := io.LimitReader(t.archive.r, m.size)
	n, err := io.Copy(io.MultiWriter(h, &head), io.LimitReader(r, most))
	if err != nil {
		return nil, nil, err
	}
	rest, err := io.Copy(h, r)
	if err != nil {
		return nil, nil, err
	}
	if n+rest != m.size {
		return nil, nil, cutOff(io.EOF)
	}
	if err := t.archive.fill(m.size); err != nil {
		return nil, nil, err
	}
	if isManifest(fold(name)) {
		t.manifests[name] = bytes.Clone(head.Bytes())
	}
	return &File{Path: name, Size: m.size, SHA256: hex.EncodeToString(h.Sum(nil))}, head.Bytes(), nil
}

// parents refuses files in the place of folders.
func (t *tree) parents() error {
	for _, name := range t.order {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if t.folded[fold(dir)] {
				return malformed("%q in it is a file and a folder", dir)
			}
		}
	}
	return nil
}

// looksLike reports whether some reader could take a name for the manifest of a package, however it
// is written.
func looksLike(name string) bool {
	parts := slices.DeleteFunc(strings.FieldsFunc(name, func(r rune) bool { return r == '/' || r == '\\' }),
		func(p string) bool { return p == "." })
	if len(parts) == 0 {
		return false
	}
	last := fold(parts[len(parts)-1])
	return (last == manifest || last == fold(pkgInfo)) && (len(parts) <= 2 || slices.Contains(parts, ".."))
}

// isManifest reports whether a folded path is that of a manifest of the package, or of one of a package
// that it brings in node_modules, whose scripts run as well. A lock file is one too.
func isManifest(name string) bool {
	if name == fold(pkgInfo) || name == setupFile || name == projectFile {
		return true
	}
	for {
		if name == manifest || name == lock {
			return true
		}
		rest, ok := strings.CutPrefix(name, "node_modules/")
		if !ok {
			return false
		}
		if strings.HasPrefix(rest, "@") {
			_, rest, _ = strings.Cut(rest, "/")
		}
		if _, name, ok = strings.Cut(rest, "/"); !ok {
			return false
		}
	}
}

// fold is a path as file systems keep it that mind no case, no characters without a shape (HFS+), not
// whether a letter and its accent are one character or two (HFS+, APFS), and no dots and spaces at the
// end of a name (Windows).
func fold(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = strings.TrimRight(norm.NFD.String(strings.Map(foldRune, norm.NFD.String(p))), ". ")
	}
	return strings.Join(parts, "/")
}

func foldRune(r rune) rune {
	if unicode.Is(unicode.Cf, r) {
		return -1
	}
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return unicode.ToLower(least)
}

// native are the first bytes of programs that a machine runs as they are.
var native = []struct{ magic, what string }{
	{"\x7fELF", "ELF"},
	{"\xfe\xed\xfa\xce", "Mach-O"},
	{"\xfe\xed\xfa\xcf", "Mach-O"},
	{"\xce\xfa\xed\xfe", "Mach-O"},
	{"\xcf\xfa\xed\xfe", "Mach-O"},
	{"\xca\xfe\xba\xbe", "Mach-O or Java"},
	{"MZ", "PE"},
	{"\x00asm", "WebAssembly"},
}

// executable says why a file counts as executable; "": it does not.
func executable(name string, head []byte, mode int64) string {
	for _, n := range native {
		if bytes.HasPrefix(head, []byte(n.magic)) {
			return n.what
		}
	}
	switch {
	case strings.HasSuffix(fold(name), ".node"):
		return "addon of Node.js"
	case bytes.HasPrefix(head, []byte("#!")):
		return "script"
	case mode&0o111 != 0:
		return "mode"
	}
	return ""
}

// isNative reports whether f is a program that a machine runs as it is.
func (f File) isNative() bool {
	return f.Why != "" && f.Why != "script" && f.Why != "mode" && f.Why != "bin"
}

// counted are files, sizes and executables of t.
func (t *tree) counted(p *Package) {
	p.Files, p.Largest = len(t.files), t.largest()
	for _, f := range t.files {
		p.Bytes += f.Size
		if f.Why != "" {
			p.Executables = append(p.Executables, *f)
		}
	}
}

// largest are the largest of the files that are worth a look, the largest first.
func (t *tree) largest() []File {
	var out []File
	for _, f := range t.files {
		if f.Size >= largeEnough {
			out = append(out, File{Path: f.Path, Size: f.Size, SHA256: f.SHA256})
		}
	}
	slices.SortFunc(out, func(a, b File) int { return cmp.Or(cmp.Compare(b.Size, a.Size), byPath(a, b)) })
	return slices.Clip(out[:min(len(out), maxLargest)])
}
