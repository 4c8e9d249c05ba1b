package packages

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	modzip "golang.org/x/mod/zip"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/lockfile"
)

// A mod is a module in the cache of Go.
type mod struct {
	path, version string

	dir string // where it is unpacked
	zip string // its archive
	mod string // its go.mod in the cache
}

// What of the cache was opened, among the names of files of a module.
const (
	theZip = "\x00zip"
	theMod = "\x00mod"
)

// goFile sorts a file in the cache of modules: MODULE@VERSION/…, and cache/download/MODULE/@v/VERSION.zip and
// .mod. Other files there are what the go command keeps for itself.
func (s *sorter) goFile(root, rel string) {
	path, version, inner := goNames(rel)
	x, ok := newMod(root, path, version)
	switch {
	case ok && inner != "":
		j := s.give(golang, x.dir, inner, func(j *job) outcome { return s.goCompare(x, j) })
		j.purl = lockfile.PURL(lockfile.GoSum, x.path, x.version)
	case !strings.HasPrefix(rel, "cache/"):
		s.give(golang, root, rel, func(*job) outcome { return notLocked("it is in no module of the cache") })
	}
}

// goNames are the module and the version of a file in the cache, as they are written there, and the file in the module.
func goNames(rel string) (path, version, inner string) {
	rest, cached := strings.CutPrefix(rel, "cache/download/")
	if !cached {
		path, rest, _ = strings.Cut(rel, "@")
		version, inner, _ = strings.Cut(rest, "/")
		return path, version, inner
	}
	path, name, _ := strings.Cut(rest, "/@v/")
	if v, ok := strings.CutSuffix(name, ".zip"); ok {
		return path, v, theZip
	}
	if v, ok := strings.CutSuffix(name, ".mod"); ok {
		return path, v, theMod
	}
	return "", "", ""
}

// newMod is a module, of names as the cache writes them (https://go.dev/ref/mod#module-cache).
func newMod(root, path, version string) (mod, bool) {
	p, err := module.UnescapePath(path)
	if err != nil {
		return mod{}, false
	}
	v, err := module.UnescapeVersion(version)
	if err != nil {
		return mod{}, false
	}
	path = filepath.FromSlash(path)
	base := filepath.Join(root, "cache", "download", path, "@v", version)
	return mod{p, v, filepath.Join(root, path+"@"+version), base + ".zip", base + ".mod"}, true
}

// InCache is the module that a go.mod is of, as the cache writes its name; "" if it names none.
func InCache(gomod []byte) string {
	name, err := module.EscapePath(modfile.ModulePath(gomod))
	if err != nil {
		return ""
	}
	return name
}

// goCompare compares a module with the digests of every lock that names it. The go command itself compares archives
// when it downloads them, and never the folder that it compiles.
func (s *sorter) goCompare(x mod, j *job) outcome {
	all := s.mods[x.path+"@"+x.version]
	if len(all) == 0 {
		return s.toolchain(x)
	}
	zipped, modded := slices.Contains(j.open, theZip), slices.Contains(j.open, theMod)
	rest := len(j.open)
	var o outcome
	for _, c := range []struct {
		use  bool
		alg  string
		hash func() (string, error)
	}{
		{zipped, "h1", func() (string, error) { return zipHash(x.zip) }},
		{modded, "h1/go.mod", func() (string, error) { return modHash(x.mod) }},
		{rest > count(zipped)+count(modded), "h1", func() (string, error) { return dirHash(x) }},
	} {
		if !c.use {
			continue
		}
		o = o.worse(x.against(all, c.alg, c.hash))
	}
	return o
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// against compares one digest with those of the locks.
func (x mod) against(all []naming, alg string, hash func() (string, error)) outcome {
	var want []string
	n := all[0]
	for _, a := range all {
		for _, d := range a.entry.Digests {
			if d.Alg == alg {
				want = append(want, d.Hex)
				n = a
			}
		}
	}
	if len(want) == 0 {
		if slices.ContainsFunc(all, func(a naming) bool { return len(a.entry.Digests) > 0 }) {
			return notLocked("the lock has no digest %s of it", alg)
		}
		return n.named("%q names it, and no go.sum that was read has its digest", n.lock)
	}
	got, err := hash()
	if errors.Is(err, errNone) {
		return n.other(fault.Cause(err).Error(), "h1:"+want[0])
	}
	if err != nil {
		return n.named("it cannot be compared: %v", err)
	}
	for _, w := range want {
		if got == w {
			continue
		}
		found, wanted := "its files have h1:"+got, "h1:"+w
		if alg == "h1" {
			if f, w2, ok := x.first(w); ok {
				found, wanted = f, w2
			}
		} else {
			found = "its go.mod in the cache has h1:" + got
		}
		return n.other(found, wanted)
	}
	return n.outcome(Locked)
}

// toolchain is the outcome for a module that no lock names by its version: go.mod names the go command without the
// platform that it is for.
func (s *sorter) toolchain(x mod) outcome {
	if x.path == lockfile.Toolchain {
		for of, all := range s.mods {
			_, v, _ := strings.Cut(of, "@")
			if strings.HasPrefix(of, lockfile.Toolchain+"@") && strings.HasPrefix(x.version, v+".") &&
				strings.Count(x.version[len(v):], "-") == 1 {
				o := all[0].named("go.mod names this version of Go, and go.sum has no digest of it")
				o.purl = lockfile.PURL(lockfile.GoSum, x.path, x.version)
				return o
			}
		}
	}
	return notLocked("no lock that was read names it")
}

// modHash is the digest of a go.mod.
func modHash(name string) (string, error) {
	return hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) { return opened(name) })
}

func hash1(files []string, open func(string) (io.ReadCloser, error)) (string, error) {
	sum, err := dirhash.Hash1(files, open)
	return strings.TrimPrefix(sum, "h1:"), err //nolint:wrapcheck // told by the caller
}

// opened opens a file for one digest, within the limit.
func opened(name string) (io.ReadCloser, error) {
	f, err := file.Open(name)
	if err != nil {
		return nil, err //nolint:wrapcheck // a phrase with the name already
	}
	if info, err := f.Stat(); err != nil || info.Size() > maxArchive {
		_ = f.Close() // nothing was written
		return nil, reading(name, errLarge)
	}
	return f, nil
}

// dirHash is the digest of the folder that a module is unpacked in.
func dirHash(x mod) (string, error) {
	files, err := x.files()
	if err != nil {
		return "", err
	}
	prefix := x.path + "@" + x.version + "/"
	names := make([]string, 0, len(files))
	for _, f := range files {
		names = append(names, prefix+f)
	}
	return hash1(names, func(n string) (io.ReadCloser, error) {
		return opened(filepath.Join(x.dir, filepath.FromSlash(strings.TrimPrefix(n, prefix))))
	})
}

// errNone is about a folder that can be that of no module, whatever its digest is (golang.org/x/mod/zip).
var errNone = errors.New("which no module has")

// files are the files of the folder, in order. A module has neither links nor more than 500 MiB.
func (x mod) files() ([]string, error) {
	var out []string
	var size int64
	err := filepath.WalkDir(x.dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			return fault.Errorf("%q in it is %s, %w", filepath.Base(p), file.What(d.Type()), errNone)
		}
		if strings.Contains(p, "\n") {
			return fault.Errorf("%q in it has a line end in its name, %w", filepath.Base(p), errNone)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if size += info.Size(); size > modzip.MaxZipFile || len(out) > maxMembers {
			return fault.Errorf(
				"it is larger than %d bytes or has more than %d files, %w",
				modzip.MaxZipFile,
				maxMembers,
				errNone,
			)
		}
		rel, ok := beneath(x.dir, p)
		if ok {
			out = append(out, rel)
		}
		return nil
	})
	if err != nil {
		return nil, reading(x.dir, err)
	}
	slices.Sort(out)
	return out, nil
}

// zipHash is the digest of the archive of a module, which is that of what is in it.
func zipHash(name string) (string, error) {
	var sum string
	err := withZip(name, func(z *zip.Reader) (err error) {
		by := map[string]*zip.File{}
		for _, f := range z.File {
			by[f.Name] = f
		}
		if len(by) != len(z.File) {
			return fault.Errorf("it has a name twice, %w", errNone)
		}
		sum, err = hash1(slices.Sorted(maps.Keys(by)), func(n string) (io.ReadCloser, error) {
			return by[n].Open() //nolint:wrapcheck // told by the caller
		})
		return err
	})
	return sum, err
}

// withZip hands over an archive that is within the limits.
func withZip(name string, use func(z *zip.Reader) error) error {
	f, err := file.Open(name)
	if err != nil {
		return err //nolint:wrapcheck // a phrase with the name already
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.Size() > modzip.MaxZipFile {
		err = errLarge
	}
	if err == nil {
		err = smallDirectory(f, info.Size())
	}
	var z *zip.Reader
	if err == nil {
		z, err = zip.NewReader(f, info.Size())
	}
	if err == nil {
		var size uint64
		for _, m := range z.File {
			if size += min(m.UncompressedSize64, modzip.MaxZipFile+1); size > modzip.MaxZipFile {
				err = errLarge
				break
			}
		}
	}
	if err == nil {
		err = use(z)
	}
	if err != nil {
		return reading(name, err)
	}
	return nil
}

// smallDirectory refuses an archive whose list of members is long: it is read into memory at once.
func smallDirectory(f *os.File, size int64) error {
	const end, most = 22, 64 << 20
	tail := make([]byte, min(size, 64<<10+end))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil {
		return err
	}
	for i := len(tail) - end; i >= 0; i-- {
		if string(tail[i:i+4]) != "PK\x05\x06" {
			continue
		}
		if n := uint32(tail[i+12]) | uint32(tail[i+13])<<8 | uint32(tail[i+14])<<16 | uint32(tail[i+15])<<24; n > most {
			return errLarge
		}
	}
	return nil
}

// first finds the first file of the folder that differs from the archive, if the archive is the one that the lock
// names.
func (x mod) first(want string) (found, wanted string, ok bool) {
	if sum, err := zipHash(x.zip); err != nil || sum != want {
		return "", "", false
	}
	err := withZip(x.zip, func(z *zip.Reader) error {
		found, wanted = x.differs(z)
		return nil
	})
	return found, wanted, err == nil && found != ""
}

func (x mod) differs(z *zip.Reader) (found, wanted string) {
	inside := map[string]*zip.File{}
	for _, f := range z.File {
		if name, ok := strings.CutPrefix(f.Name, x.path+"@"+x.version+"/"); ok {
			inside[name] = f
		}
	}
	here, err := x.files()
	if err != nil {
		return "", ""
	}
	all := slices.Sorted(slices.Values(slices.Concat(here, slices.Collect(maps.Keys(inside)))))
	for _, name := range slices.Compact(all) {
		f := inside[name]
		if f == nil {
			return fault.Text("%q is there", name), "no such file in the module"
		}
		w, err := zipped(f)
		if err != nil {
			return "", ""
		}
		got, err := summed(filepath.Join(x.dir, filepath.FromSlash(name)), "sha256")
		if err != nil {
			return fault.Text("%q is missing", name), "sha256 " + w
		}
		if got != w {
			return fault.Text("%q has sha256 %s", name, got), "sha256 " + w
		}
	}
	return "", ""
}

func zipped(f *zip.File) (string, error) {
	r, err := f.Open()
	if err != nil {
		return "", err //nolint:wrapcheck // dropped by the caller
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(r, modzip.MaxZipFile)); err != nil {
		return "", err //nolint:wrapcheck // dropped by the caller
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
