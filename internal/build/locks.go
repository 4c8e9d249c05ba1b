package build

import (
	"cmp"
	"encoding/json"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/gitobject"
	"github.com/sallyport-dev/sallyport/internal/lockfile"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/packages"
	"github.com/sallyport-dev/sallyport/internal/record"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

const maxLocks = 2000 // lock files of one checkout

// packagesOf finds the packages that opened files are of, and holds them to the lock files of the checkout.
func (k *maker) packagesOf() {
	var opened []string
	for _, f := range k.Result.Files {
		if f.Digest != "" && f.Use&(record.Read|record.Execute) != 0 && !pseudo(f.Path) && !k.ofMachine(f.Path) {
			opened = append(opened, f.Path)
		}
	}
	var locks []lockfile.Lock
	for _, at := range k.candidates() {
		b, err := file.Read(at, lockfile.MaxBytes)
		if err != nil || !k.committed(at, b) {
			continue
		}
		if l, err := lockfile.Read(at, b); err == nil {
			locks = append(locks, l)
		}
	}
	home := k.Home
	k.kept = packages.Check(opened, locks, packages.Places{
		GoModCache: cmp.Or(
			k.env("GOMODCACHE"),
			joined(firstOf(k.env("GOPATH")), "pkg/mod"),
			joined(home, "go/pkg/mod"),
		),
		NpmCache:  cmp.Or(k.env("npm_config_cache"), k.env("NPM_CONFIG_CACHE"), joined(home, ".npm")),
		CargoHome: cmp.Or(k.env("CARGO_HOME"), joined(home, ".cargo")),
		Dir:       k.Dir,
		Made:      k.makes(),
	})
	k.inFolder = map[string]int{}
	for i, p := range k.kept {
		k.inFolder[p.At] = i
	}
}

// makes reports of a path whether the build made what is there.
func (k *maker) makes() func(path string) bool {
	made := map[string]bool{}
	for _, f := range k.Result.Files {
		made[f.Path] = ofBuild(f)
	}
	return func(path string) bool { return made[path] }
}

// isCommitted reports whether a file that was moved is still what the commit has under its first name.
func (k *maker) isCommitted(f record.File) bool {
	b, err := file.Read(f.Path, maxReread)
	return err == nil && subject.Sum(b).Hex() == f.Digest && k.source.files != nil && k.committed(f.From, b)
}

// committed reports whether a lock file is the commit's. Where there is no commit, every one that is there counts.
func (k *maker) committed(at string, content []byte) bool {
	if k.source.files == nil {
		return true
	}
	rest, _ := under(k.Top, at)
	return gitobject.Is(k.source.files[rest].ID, content)
}

// ofMachine reports whether a file came with the machine or with a toolchain, as the packages that npm itself is made of.
func (k *maker) ofMachine(path string) bool {
	if _, below := under(k.Top, path); below {
		return false
	}
	return k.ofToolchain(path) ||
		!k.cached(path) && slices.ContainsFunc(systems, func(d string) bool { _, ok := under(d, path); return ok })
}

// candidates are the lock files of the checkout, and those that the build opened.
func (k *maker) candidates() (all []string) {
	for name := range k.source.files {
		if _, state := lockfile.Known(path.Base(name)); state == lockfile.Reads {
			all = append(all, filepath.Join(k.Top, filepath.FromSlash(name)))
		}
	}
	for _, f := range k.Result.Files {
		if _, state := lockfile.Known(filepath.Base(f.Path)); state == lockfile.Reads && f.Digest != "" {
			if _, below := under(cmp.Or(k.Top, k.Dir), f.Path); below && !installed(f.Path) && !k.cached(f.Path) {
				all = append(all, f.Path)
			}
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), maxLocks)]
}

// installed reports whether a file came with a package, so that what it says of locks is about that package.
func installed(path string) bool {
	return strings.Contains(path, "/node_modules/") || strings.Contains(path, "/vendor/") ||
		strings.Contains(path, "/site-packages/")
}

func joined(dir, rest string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, rest)
}

func firstOf(list string) string { return strings.SplitN(list, ":", 2)[0] }

// env is a variable of the command.
func (k *maker) env(name string) string {
	for _, v := range k.Env {
		if value, is := strings.CutPrefix(v, name+"="); is {
			return value
		}
	}
	return ""
}

// lockFiles lists the lock files that name packages of this build or that it opened, and what has no lock.
func (k *maker) lockFiles() {
	naming := map[string]bool{}
	for _, p := range k.kept {
		naming[p.Lock] = true
		if k.ofToolchain(p.At) {
			continue // its bytes are the toolchain's
		}
		q := material.Package{
			PURL:  k.text(cmp.Or(p.PURL, p.Kind+" files of no package: "+k.named(p.At))),
			State: string(p.State),
			Lock:  k.named(p.Lock),
			Files: p.Files,
			Found: k.text(p.Found),
		}
		if len(p.Digests) > 0 {
			q.Digest = p.Digests[0].Alg + ":" + p.Digests[0].Hex
		}
		k.m.Packages = append(k.m.Packages, q)
	}
	opened := map[string]bool{}
	var names []string
	for i, f := range k.Result.Files {
		if k.how[i] == "" {
			continue
		}
		opened[f.Path] = true
		if rest, below := under(cmp.Or(k.Top, k.Dir), f.Path); below && !installed(f.Path) && !k.cached(f.Path) {
			names = append(names, rest)
		}
	}
	for _, at := range k.candidates() {
		if !naming[at] && !opened[at] && !k.wouldName(at) {
			continue
		}
		k.m.Locks = append(k.m.Locks, k.lock(at))
	}
	// The lock beside a manifest need not have been opened.
	unlocked := lockfile.Unlocked(append(names, k.tracked()...))
	for _, name := range unlocked {
		if slices.Contains(names, name) && !k.namesNone(name) {
			k.m.Locks = append(
				k.m.Locks,
				material.Lock{
					Path:   k.text(name),
					State:  material.LockNotLocked,
					Reason: "no lock file is there for what it names",
				},
			)
		}
	}
	for _, name := range names {
		if _, state := lockfile.Known(path.Base(name)); state == lockfile.NotRead {
			k.m.Locks = append(
				k.m.Locks,
				material.Lock{Path: k.text(name), State: material.LockNotRead, Reason: "no reader for this format"},
			)
		}
	}
	slices.SortFunc(k.m.Locks, func(a, b material.Lock) int { return cmp.Compare(a.Path, b.Path) })
	k.m.Locks = slices.Compact(k.m.Locks)
}

// wouldName reports whether a lock file counts for nothing because it is not the commit's, and packages that it is
// for are in no lock.
func (k *maker) wouldName(at string) bool {
	kind, _ := lockfile.Known(path.Base(at))
	loose := slices.ContainsFunc(k.kept, func(p packages.Package) bool {
		return p.State == packages.NotLocked && slices.Contains(locksOf[p.Kind], kind)
	})
	if !loose {
		return false
	}
	b, err := file.Read(at, lockfile.MaxBytes)
	return err == nil && !k.committed(at, b)
}

// locksOf are the kinds of lock files for a kind of packages.
var locksOf = map[string][]lockfile.Kind{
	"golang": {lockfile.GoMod, lockfile.GoSum}, "npm": {lockfile.NPM, lockfile.PNPM}, "cargo": {lockfile.Cargo},
	"pypi": {lockfile.UV, lockfile.Poetry, lockfile.Requirements},
}

// namesNone reports whether the commit has a package.json that names no package, so that no lock is missing.
func (k *maker) namesNone(name string) bool {
	at := filepath.Join(cmp.Or(k.Top, k.Dir), name)
	b, err := file.Read(at, lockfile.MaxBytes)
	if err != nil || path.Base(name) != "package.json" || !k.committed(at, b) {
		return false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(b, &members) != nil {
		return false
	}
	for member := range members {
		if strings.HasSuffix(strings.ToLower(member), "dependencies") || member == "workspaces" {
			return false
		}
	}
	return members != nil
}

func (k *maker) tracked() (names []string) {
	for n := range k.source.files {
		names = append(names, n)
	}
	return names
}

// lock reads one lock file for the manifest.
func (k *maker) lock(at string) material.Lock {
	l := material.Lock{Path: k.named(at), State: material.LockNotRead}
	b, err := file.Read(at, lockfile.MaxBytes)
	if err != nil {
		l.Reason = "it cannot be read"
		return l
	}
	l.Digest = subject.Sum(b).Hex()
	if !k.committed(at, b) {
		l.Reason = "it is not the commit's: an earlier step or the build may have written it"
		return l
	}
	read, err := lockfile.Read(at, b)
	if err != nil {
		l.Reason = k.text(err.Error())
		return l
	}
	l.Kind, l.State, l.Entries = string(read.Kind), material.LockRead, len(read.Entries)
	return l
}
