package packages

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/lockfile"
)

// A naming is an entry of a lock.
type naming struct {
	lock  string // its path
	entry lockfile.Entry
}

// A tree is what an npm lock says of the folders beneath its own.
type tree struct {
	base string // the folder of the lock, absolute
	lock string
	at   map[string]lockfile.Entry // by the folder from base
}

// sorter sorts files into packages.
type sorter struct {
	where Places
	jobs  []*job
	by    map[string]*job // by kind and folder

	mods  map[string][]naming // by module@version
	trees []tree              // the deepest first
	pnpm  map[string][]naming // by name@version
	crate map[string][]naming // by name-version
	repos []naming            // of Cargo: those of a repository
	wheel map[string][]naming // by normalised name

	gomod, dirs, cargo []string          // the places, each also as links lead to it
	real               map[string]string // folders without links
	vendors            map[string]*vendor
	sites              map[string]*site
}

func newSorter(locks []lockfile.Lock, where Places) *sorter {
	s := &sorter{
		where: where, by: map[string]*job{}, mods: map[string][]naming{}, pnpm: map[string][]naming{},
		crate: map[string][]naming{}, wheel: map[string][]naming{}, real: map[string]string{},
		vendors: map[string]*vendor{}, sites: map[string]*site{},
		gomod: both(where.GoModCache), dirs: both(where.Dir), cargo: both(where.CargoHome),
	}
	locks = slices.SortedFunc(
		slices.Values(locks),
		func(a, b lockfile.Lock) int { return strings.Compare(a.Path, b.Path) },
	)
	for _, l := range locks {
		s.index(l)
	}
	slices.SortStableFunc(s.trees, func(a, b tree) int { return len(b.base) - len(a.base) })
	return s
}

// both is a place as it was named, and as links lead to it.
func both(place string) []string {
	if place == "" {
		return nil
	}
	place = filepath.Clean(place)
	if to, err := filepath.EvalSymlinks(place); err == nil && to != place {
		return []string{place, to}
	}
	return []string{place}
}

// index takes over what a lock names.
func (s *sorter) index(l lockfile.Lock) {
	t := tree{base: s.folder(l.Path), lock: l.Path, at: map[string]lockfile.Entry{}}
	for _, e := range l.Entries {
		n := naming{l.Path, e}
		switch l.Kind {
		case lockfile.GoMod, lockfile.GoSum:
			if !e.Local {
				s.mods[e.Name+"@"+e.Version] = append(s.mods[e.Name+"@"+e.Version], n)
			}
		case lockfile.NPM:
			t.at[e.At] = e
		case lockfile.PNPM:
			s.pnpm[e.Name+"@"+e.Version] = append(s.pnpm[e.Name+"@"+e.Version], n)
		case lockfile.Cargo:
			if strings.HasPrefix(e.URL, "git+") {
				s.repos = append(s.repos, n)
			} else if !e.Local {
				s.crate[e.Name+"-"+e.Version] = append(s.crate[e.Name+"-"+e.Version], n)
			}
		case lockfile.UV, lockfile.Poetry, lockfile.Requirements:
			s.wheel[e.Name] = append(s.wheel[e.Name], n)
		}
	}
	if l.Kind == lockfile.NPM {
		t.scripts()
		s.trees = append(s.trees, t)
	}
}

// scripts notes of each package that one in its archive has a script, which runs when both are installed.
func (t tree) scripts() {
	for _, at := range slices.Backward(slices.Sorted(maps.Keys(t.at))) { // a folder comes before what is in it
		e := t.at[at]
		i := strings.LastIndex(at, "/"+modules)
		if holder, ok := t.at[at[:max(i, 0)]]; ok && e.Inside && e.Scripts {
			holder.Scripts = true
			t.at[at[:i]] = holder
		}
	}
}

// folder is the folder of a lock, without links.
func (s *sorter) folder(lock string) string {
	dir := filepath.Dir(filepath.FromSlash(lock))
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(s.where.Dir, dir)
	}
	return s.resolved(dir)
}

// resolved is a folder as links lead to it; itself where that cannot be said.
func (s *sorter) resolved(dir string) string {
	to, known := s.real[dir]
	if !known {
		var err error
		if to, err = filepath.EvalSymlinks(dir); err != nil {
			to = dir
		}
		s.real[dir] = to
	}
	return to
}

// safely sorts a file. One that cannot be sorted is of no package that a lock names.
func (s *sorter) safely(name string) {
	err := func() (err error) {
		defer fault.Recover(&err, "finding the package of a file")
		s.sort(name)
		return nil
	}()
	if err != nil {
		s.give("", name, name, func(*job) outcome { return notLocked("%v", err) })
	}
}

// sort gives a file to its package, if it is of one.
func (s *sorter) sort(file string) {
	for _, root := range s.gomod {
		if rel, ok := beneath(root, file); ok {
			s.goFile(root, rel)
			return
		}
	}
	for _, root := range s.cargo {
		if rel, ok := beneath(root, file); ok {
			s.cargoFile(root, rel)
			return
		}
	}
	switch {
	case strings.Contains(slashed(file), "/node_modules/"):
		s.npmFile(file)
	case strings.Contains(slashed(file), "-packages/"):
		s.pythonFile(file)
	case strings.Contains(slashed(file), "/vendor/"):
		s.vendorFile(file)
	}
}

func slashed(p string) string { return filepath.ToSlash(p) }

// beneath is a path from root, with slashes, if it is in it.
func beneath(root, file string) (string, bool) {
	rel, ok := strings.CutPrefix(file, strings.TrimSuffix(root, string(os.PathSeparator))+string(os.PathSeparator))
	return slashed(rel), ok
}

// give adds an opened file to the package in a folder. make makes its job where it is the first.
func (s *sorter) give(kind, at, file string, look func(j *job) outcome) *job {
	key := kind + "\x00" + at
	j := s.by[key]
	if j == nil {
		j = &job{kind: kind, at: at, made: s.where.Made, look: look}
		s.by[key] = j
		s.jobs = append(s.jobs, j)
	}
	j.open = append(j.open, file)
	return j
}
