// Package packages says which package each file that a build opened belongs to, and whether a lock file
// names that package with those bytes.
//
// It compares what lies in the caches of package managers and in the folders that they fill with the
// digests of lock files. It refuses to take a name for bytes: a package that a lock names and whose bytes
// were not compared is never "locked". It asks no registry, and files of no package are passed over.
package packages

import (
	"cmp"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/lockfile"
)

// A State says how a package stands to the lock files. The zero State says that it was not looked at.
type State string

// The states of a package, the best first. Of a package of which several things were compared, the worst one counts.
const (
	Locked      State = "locked"       // a lock names it, and the bytes on the disk are those that the lock names
	Named       State = "named"        // a lock names it, and not all bytes could be compared; Found says why
	NotLocked   State = "not-locked"   // no lock names it
	OtherDigest State = "other-digest" // a lock names it, and the bytes are others; Found says which file first
)

// The kinds of packages, as package URLs have them.
const (
	golang = "golang"
	npm    = "npm"
	cargo  = "cargo"
	pypi   = "pypi"
)

// Places are where packages lie. Each is an absolute path, or "" where there is none.
type Places struct {
	GoModCache string // GOMODCACHE
	NpmCache   string // the cache of npm: ~/.npm
	CargoHome  string // CARGO_HOME
	Dir        string // of the build; paths of lock files and relative paths of files begin here
	// Made reports whether the build itself made a file, which was not there before it. nil: it made none.
	Made func(path string) bool
}

// A Package is one package of which files were opened.
type Package struct {
	PURL  string `json:"purl,omitempty"` // "" for files where packages are, which belong to none
	Kind  string `json:"kind"`           // "golang", "npm", "cargo" or "pypi"
	At    string `json:"at"`             // its folder
	Files int    `json:"files"`          // of it that were opened
	Lock  string `json:"lock,omitempty"` // the path of the lock that names it
	State State  `json:"state"`
	// Digests are those that the lock has.
	Digests []lockfile.Digest `json:"digests,omitempty"`
	// Found is what was found, in words, where the state is not locked. Of another digest, it begins with
	// the file, and Wanted is what stands in the lock or in the archive that the lock names.
	Found  string `json:"found,omitempty"`
	Wanted string `json:"wanted,omitempty"`
}

// Check finds the packages that files belong to, and compares each once. opened are the paths of the files,
// absolute or from where.Dir. The result is in the order of kind, package URL and folder. What cannot be read is
// told in Found; there is no error.
func Check(opened []string, locks []lockfile.Lock, where Places) []Package {
	s := newSorter(locks, where)
	for _, f := range slices.Compact(slices.Sorted(slices.Values(opened))) {
		if !filepath.IsAbs(f) {
			f = filepath.Join(where.Dir, f)
		}
		s.safely(filepath.Clean(f))
	}
	out := make([]Package, len(s.jobs))
	next := make(chan int)
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), 8, max(len(s.jobs), 1)) {
		wait.Go(func() {
			for i := range next {
				out[i] = s.jobs[i].done()
			}
		})
	}
	for i := range s.jobs {
		next <- i
	}
	close(next)
	wait.Wait()
	slices.SortFunc(out, func(a, b Package) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.PURL, b.PURL), cmp.Compare(a.At, b.At))
	})
	return out
}

// A job is one package that is to be compared.
type job struct {
	kind string
	at   string   // its folder, absolute
	purl string   // what is known of it without a lock
	open []string // the files of it that were opened, from its folder, with slashes
	made func(path string) bool
	look func(j *job) outcome
}

// An outcome is what one comparison came to.
type outcome struct {
	state         State
	purl, lock    string
	digests       []lockfile.Digest
	found, wanted string
}

// done compares the package. A panic is an outcome, too: no part of a build may end the program.
func (j *job) done() Package {
	slices.Sort(j.open)
	j.open = slices.Compact(j.open) // several links may lead to one file
	var o outcome
	err := func() (err error) {
		defer fault.Recover(&err, "comparing a package")
		o = j.look(j)
		return nil
	}()
	if err != nil {
		o = outcome{state: NotLocked, found: err.Error()}
	}
	if o.state == "" {
		o.state = NotLocked
	}
	return Package{
		PURL: cmp.Or(o.purl, j.purl), Kind: j.kind, At: j.at, Files: len(j.open), Lock: o.lock, State: o.state,
		Digests: o.digests, Found: clean(o.found), Wanted: clean(o.wanted),
	}
}

func clean(s string) string { return fault.BoundAll(strings.ToValidUTF8(s, "?")) }

// order is the order of states, the best first.
var order = []State{Locked, Named, NotLocked, OtherDigest}

// worse is the worse of two outcomes; of two that are as bad, the first. One without a state is none.
func (o outcome) worse(other outcome) outcome {
	if slices.Index(order, other.state) > slices.Index(order, o.state) {
		return other
	}
	return o
}

// notLocked is the outcome of a package that no lock names.
func notLocked(format string, args ...any) outcome {
	return outcome{state: NotLocked, found: fault.Text(format, args...)}
}

// named is the outcome of a package that a lock names, and that could not be compared.
func (n naming) named(format string, args ...any) outcome {
	o := n.outcome(Named)
	o.found = fault.Text(format, args...)
	return o
}

// other is the outcome of a package that is not the one that a lock names.
func (n naming) other(found, wanted string) outcome {
	o := n.outcome(OtherDigest)
	o.found, o.wanted = found, wanted
	return o
}

func (n naming) outcome(s State) outcome {
	return outcome{state: s, purl: n.entry.PURL, lock: n.lock, digests: n.entry.Digests}
}
