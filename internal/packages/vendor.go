package packages

import (
	"path/filepath"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/lockfile"
)

// A vendor is what vendor/modules.txt says (https://go.dev/ref/mod#go-mod-vendor): which module a folder is of.
type vendor struct {
	mods map[string]string // MODULE@VERSION by the path of the folder
}

// vendorFile sorts a file in the vendor folder of a Go module. Of others there is no such list.
func (s *sorter) vendorFile(name string) {
	p := slashed(name)
	for i := strings.Index(p, "/vendor/"); i >= 0; {
		root := p[:i+len("/vendor")]
		if v := s.vendor(root); v != nil {
			s.vendored(v, root, p[len(root)+1:])
			return
		}
		next := strings.Index(p[i+1:], "/vendor/")
		if next < 0 {
			return
		}
		i += 1 + next
	}
}

func (s *sorter) vendor(root string) *vendor {
	if v, known := s.vendors[root]; known {
		return v
	}
	var v *vendor
	if b, err := file.Read(filepath.FromSlash(root+"/modules.txt"), lockfile.MaxBytes); err == nil {
		v = &vendor{map[string]string{}}
		for line := range strings.Lines(string(b)) {
			v.line(strings.Fields(line))
		}
	}
	s.vendors[root] = v
	return v
}

// line reads "# MODULE VERSION", with "=> MODULE VERSION" or "=> FOLDER" after it.
func (v *vendor) line(f []string) {
	if len(f) < 3 || f[0] != "#" {
		return
	}
	id := f[1] + "@" + f[2]
	switch n := len(f); {
	case n >= 5 && f[n-3] == "=>":
		id = f[n-2] + "@" + f[n-1]
	case f[n-2] == "=>":
		id = "" // a folder of the project
	}
	if had, twice := v.mods[f[1]]; !twice || had == "" {
		v.mods[f[1]] = id
	}
}

func (s *sorter) vendored(v *vendor, root, rel string) {
	if rel == "modules.txt" {
		return
	}
	for at := rel; at != "."; {
		i := strings.LastIndexByte(at, '/')
		if i < 0 {
			break
		}
		at = at[:i]
		if id, ok := v.mods[at]; ok {
			if id != "" {
				j := s.give(
					golang,
					filepath.FromSlash(root+"/"+at),
					rel[len(at)+1:],
					func(*job) outcome { return s.vendorCompare(id) },
				)
				m, version, _ := strings.Cut(id, "@")
				j.purl = lockfile.PURL(lockfile.GoSum, m, version)
			}
			return
		}
	}
	s.give(
		golang,
		filepath.FromSlash(root),
		rel,
		func(*job) outcome { return notLocked("it is of no module of vendor/modules.txt") },
	)
}

func (s *sorter) vendorCompare(id string) outcome {
	all := s.mods[id]
	if len(all) == 0 {
		return notLocked("vendor/modules.txt names it, and no lock that was read does")
	}
	return all[0].named("go.sum has digests of whole modules, and vendor has parts of them")
}
