package packages

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/lockfile"
)

const (
	modules     = "node_modules/"
	maxManifest = 4 << 20
)

// npmFile sorts a file in node_modules. Links are followed first: many folders there are links.
func (s *sorter) npmFile(name string) {
	name, ok := s.followed(name)
	p := slashed(name)
	i := strings.LastIndex(p, "/"+modules)
	if !ok || i < 0 {
		return // a link to nothing, or to a folder of the project
	}
	folder := p[:i+1+len(modules)]
	id, rel := installed(p[i+1+len(modules):])
	at := filepath.FromSlash(strings.TrimSuffix(folder+id, "/"))
	if id == "" || strings.HasPrefix(id, ".") {
		if rel == ".package-lock.json" || id == ".pnpm" && rel == "lock.yaml" || rel == ".modules.yaml" {
			return // what package managers keep of what they did
		}
		s.give(npm, at, rel, func(*job) outcome { return notLocked("it is in no package of %q", folder) })
		return
	}
	if n, root, inner := s.npmEntry(folder+id, rel); root != "" {
		s.give(npm, filepath.FromSlash(root), inner, func(j *job) outcome { return s.npmCompare(n, j) })
		return
	}
	s.give(npm, at, rel, func(j *job) outcome { return s.npmByName(folder, id, j) })
}

// followed is a file as links lead to it; false where they lead to nothing.
func (s *sorter) followed(name string) (string, bool) {
	name = filepath.Join(s.resolved(filepath.Dir(name)), filepath.Base(name))
	if _, err := os.Readlink(name); err != nil {
		return name, true // no link, or gone
	}
	name, err := filepath.EvalSymlinks(name)
	return name, err == nil
}

// installed is the package that a path beneath node_modules is of, and the path in it. Of no package, id is "".
func installed(rest string) (id, rel string) {
	id, rel, ok := strings.Cut(rest, "/")
	if ok && strings.HasPrefix(id, "@") {
		var second string
		second, rel, ok = strings.Cut(rel, "/")
		id += "/" + second
	}
	if !ok {
		return "", rest
	}
	return id, rel
}

// npmEntry finds what npm locks say of a package in a folder. What comes in the archive of another one is of that one.
func (s *sorter) npmEntry(at, rel string) (n naming, root, inner string) {
	for _, t := range s.trees {
		key, ok := beneath(t.base, at)
		if !ok {
			continue
		}
		e, ok := t.at[key]
		for ok && e.Inside {
			i := strings.LastIndex(key, "/"+modules)
			if i < 0 {
				ok = false
				break
			}
			rel = key[i+1:] + "/" + rel
			key = key[:i]
			e, ok = t.at[key]
		}
		if ok {
			return naming{t.lock, e}, path.Join(slashed(t.base), key), rel
		}
	}
	return naming{}, "", ""
}

// npmCompare compares a package with the archive that npm's cache has of it (cacache: by its digest).
func (s *sorter) npmCompare(n naming, j *job) outcome {
	want := n.entry.Strongest()
	if len(want) == 0 {
		return n.named("the lock has no digest of it")
	}
	for _, d := range want {
		archive := filepath.Join(s.where.NpmCache, "_cacache", "content-v2", d.Alg, d.Hex[:2], d.Hex[2:4], d.Hex[4:])
		if _, err := os.Lstat(archive); err == nil && s.where.NpmCache != "" {
			return n.fromArchive(archive, j)
		}
	}
	m := manifestIn(j.at)
	version := strings.TrimLeft(m.Version, "v=")
	if m.Name != "" &&
		(m.Name != n.entry.Name || version != "" && n.entry.Version != "" && version != n.entry.Version) {
		o := notLocked("%q has there %q in version %q, and its package.json says %q in version %q",
			n.lock, n.entry.Name, n.entry.Version, m.Name, m.Version)
		o.purl = lockfile.PURL(lockfile.NPM, m.Name, m.Version)
		return o
	}
	return n.named("its archive is not in the cache")
}

// npmByName is the outcome for a package of which no npm lock knows the folder: a lock of pnpm may name it.
func (s *sorter) npmByName(folder, id string, j *job) outcome {
	name, version := pnpmFolder(folder, id)
	if version == "" {
		m := manifestIn(j.at)
		name, version = m.Name, m.Version
	}
	all := s.pnpm[name+"@"+version]
	if len(all) == 0 {
		if name == "" {
			name = id
		}
		o := notLocked("no lock that was read names it")
		o.purl = lockfile.PURL(lockfile.NPM, name, version)
		return o
	}
	o := s.npmCompare(all[0], j)
	for _, n := range all[1:] {
		o = o.worse(s.npmCompare(n, j))
	}
	return o
}

// pnpmFolder is the name and the version that a folder of pnpm's store has:
// node_modules/.pnpm/NAME@VERSION(PEERS)/node_modules/NAME, with plus signs for slashes.
func pnpmFolder(folder, id string) (name, version string) {
	dir := strings.TrimSuffix(folder, "/"+modules)
	if path.Base(path.Dir(dir)) != ".pnpm" {
		return "", ""
	}
	rest, ok := strings.CutPrefix(path.Base(dir), strings.ReplaceAll(id, "/", "+")+"@")
	if !ok {
		return "", ""
	}
	if i := strings.IndexAny(rest, "_("); i >= 0 {
		rest = rest[:i]
	}
	return id, rest
}

type manifest struct{ Name, Version string }

// manifestIn is what package.json in a folder says; nothing where it cannot be read.
func manifestIn(dir string) manifest {
	b, err := file.Read(filepath.Join(dir, "package.json"), maxManifest)
	var m manifest
	if err != nil || json.Unmarshal(b, &m) != nil || len(m.Name)+len(m.Version) > 1024 {
		return manifest{}
	}
	return m
}
