package packages

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/lockfile"
)

const maxDists = 10_000 // packages of one site-packages

// A site is a folder site-packages: which package each file in it is of.
type site struct {
	dist map[string]*dist // by the path of the file
}

// A dist is one installed package
// (https://packaging.python.org/en/latest/specifications/recording-installed-packages/).
type dist struct {
	name, version string
	sums          map[string]string // SHA-256 in hex, by file, of those that have one
}

// pythonFile sorts a file in site-packages or dist-packages. Those of the system's own packages belong to the system.
func (s *sorter) pythonFile(name string) {
	p := slashed(name)
	i, word := -1, ""
	for _, w := range []string{"/site-packages/", "/dist-packages/"} {
		if at := strings.LastIndex(p, w); at > i {
			i, word = at, w
		}
	}
	if i < 0 || strings.HasPrefix(p, "/usr/lib/python3/dist-packages/") {
		return
	}
	root, rel := p[:i+len(word)-1], p[i+len(word):]
	d := s.site(root).of(rel)
	if d == nil {
		top, _, _ := strings.Cut(rel, "/")
		s.give(
			pypi,
			filepath.FromSlash(root+"/"+top),
			rel,
			func(*job) outcome { return notLocked("no package says that it installed it") },
		)
		return
	}
	at := filepath.FromSlash(root + "/" + d.name + "-" + d.version + ".dist-info")
	s.give(pypi, at, rel, func(j *job) outcome { return s.distCompare(d, root, j) })
}

// of is the package of a file. What Python compiled belongs to the package of the source.
func (t *site) of(rel string) *dist {
	if d := t.dist[rel]; d != nil {
		return d
	}
	dir, base := path.Split(rel)
	if path.Base(dir) != "__pycache__" {
		return nil
	}
	stem, _, _ := strings.Cut(base, ".")
	return t.dist[path.Join(path.Dir(path.Clean(dir)), stem+".py")]
}

func (s *sorter) site(root string) *site {
	if t, known := s.sites[root]; known {
		return t
	}
	t := &site{map[string]*dist{}}
	s.sites[root] = t
	all, _ := os.ReadDir(filepath.FromSlash(root)) // none: no package says anything
	n := 0
	for _, e := range all {
		info, ok := strings.CutSuffix(e.Name(), ".dist-info")
		if !ok {
			continue
		}
		if n++; n > maxDists {
			break
		}
		name, version, _ := strings.Cut(info, "-")
		t.record(root, e.Name(), &dist{name: name, version: version, sums: map[string]string{}})
	}
	return t
}

// record reads RECORD of a package. A file that two packages have is of the first.
func (t *site) record(root, info string, d *dist) {
	b, err := file.Read(filepath.Join(filepath.FromSlash(root), info, "RECORD"), lockfile.MaxBytes)
	if err != nil {
		return
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.FieldsPerRecord = -1
	for {
		row, err := r.Read()
		if err != nil || len(row) == 0 {
			return
		}
		name := path.Clean(row[0])
		if t.dist[name] == nil {
			t.dist[name] = d
		}
		if len(row) < 2 {
			continue
		}
		sum, ok := strings.CutPrefix(row[1], "sha256=")
		if raw, err := base64.RawURLEncoding.DecodeString(sum); ok && err == nil && len(raw) == sha256.Size {
			d.sums[name] = hex.EncodeToString(raw)
		}
	}
}

// distCompare looks whether a lock names a package. The digests of a lock are of archives, of which the installer
// keeps none; so the files are compared with what the installer wrote down, and that is said.
func (s *sorter) distCompare(d *dist, root string, j *job) outcome {
	name := strings.TrimPrefix(lockfile.PURL(lockfile.UV, d.name, ""), "pkg:pypi/")
	j.purl = lockfile.PURL(lockfile.UV, name, d.version)
	all := s.wheel[name]
	i := slices.IndexFunc(all, func(n naming) bool { return strings.EqualFold(n.entry.Version, d.version) })
	if i < 0 {
		i = slices.IndexFunc(all, func(n naming) bool { return n.entry.Version == "" })
	}
	if i < 0 && len(all) > 0 {
		return notLocked("%q has it in version %q", all[0].lock, all[0].entry.Version)
	}
	if i < 0 {
		return notLocked("no lock that was read names it")
	}
	o := all[i].named("the lock has digests of archives, and the installer kept none")
	if len(all[i].entry.Digests) == 0 {
		o = all[i].named("the lock has no digest of it")
	}
	o.purl = j.purl
	for _, f := range j.open {
		want := d.sums[f]
		if want == "" {
			continue
		}
		got, err := summed(filepath.Join(filepath.FromSlash(root), filepath.FromSlash(f)), "sha256")
		if err != nil {
			o.found = fault.Text("%q cannot be read any more: %v", f, fault.Cause(err))
			return o
		}
		if got != want {
			o.found, o.wanted = fault.Text(
				"%q has sha256 %s, which is not what its RECORD says",
				f,
				got,
			), "sha256 "+want
			return o
		}
	}
	return o
}
