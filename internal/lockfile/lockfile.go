// Package lockfile reads the files in which package managers write down what they install: names,
// versions and digests.
//
// It reads bytes and touches no file. It refuses to guess: a lock file that two readers could read
// differently is an error, and so is one beyond the limits. A digest stays of the algorithm that the lock
// has, and nothing here says that something with this digest was installed.
package lockfile

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Limits of one lock file. A file beyond one of them is an error with code E_LIMIT.
const (
	MaxBytes   = 32 << 20 // bytes of the file
	MaxEntries = 100_000
	maxDepth   = 64      // nesting of JSON, YAML and TOML
	maxText    = 2048    // bytes of one name, version, address or place
	maxDigests = 1000    // of one entry
	maxAll     = 500_000 // digests of a file
)

// A Kind is a format of lock files. The zero Kind is none.
type Kind string

// The kinds that Read reads.
const (
	GoMod        Kind = "go.mod"
	GoSum        Kind = "go.sum" // and go.work.sum
	NPM          Kind = "npm"    // package-lock.json and npm-shrinkwrap.json, versions 2 and 3
	PNPM         Kind = "pnpm"   // pnpm-lock.yaml, versions 6 to 9
	Cargo        Kind = "cargo"
	UV           Kind = "uv"
	Poetry       Kind = "poetry"
	Requirements Kind = "requirements" // requirements.txt, of pip
)

// A Lock is what one lock file says.
type Lock struct {
	Path    string  `json:"path"` // as it was given, with slashes
	Kind    Kind    `json:"kind"`
	Entries []Entry `json:"entries"` // in the order of name, version and place
	// Includes are the files that this one names to be read besides (-r and -c of pip), as it has them.
	Includes []string `json:"includes,omitempty"`
}

// An Entry is one package of a lock file.
type Entry struct {
	Name    string   `json:"name"`
	Version string   `json:"version,omitempty"` // "" where the lock has none: a folder, an address
	PURL    string   `json:"purl"`              // package URL (purl-spec)
	Digests []Digest `json:"digests,omitempty"` // in the order of algorithm and value; none: it is not held to bytes
	// URL is where it comes from, where the lock says that, without passwords and tokens. Of a local
	// one it is the folder.
	URL   string `json:"url,omitempty"`
	Local bool   `json:"local,omitempty"` // a folder or file of the project or beside it
	// At is where the lock puts it: for npm "node_modules/a/node_modules/b", from the folder of the lock.
	At string `json:"at,omitempty"`
	// Inside says that it comes in the archive of the package whose folder At is in (npm: bundled).
	Inside bool `json:"inside,omitempty"`
	// Scripts says that the package has a script that npm or pnpm runs when it installs it, which may make files.
	Scripts bool `json:"scripts,omitempty"`
}

// A Digest is one digest of an entry. An entry has one for each file that may be installed for it; a file
// has to have one of those of the strongest algorithm.
type Digest struct {
	// Alg is "sha256", "sha512" and so on; "h1" for the files of a Go module, and "h1/go.mod" for its
	// go.mod alone (golang.org/x/mod/sumdb/dirhash).
	Alg string `json:"alg"`
	// Hex is in lower-case hexadecimal digits; of h1 it is the base64 text that go.sum has.
	Hex string `json:"hex"`
}

// Read reads the lock file that a path names; the name of the file says which kind it is. path appears in
// errors and in the lock. Every error is a fault of kind Refused, with code E_MALFORMED or E_LIMIT.
func Read(name string, data []byte) (Lock, error) {
	name = strings.ReplaceAll(name, `\`, "/")
	kind, state := Known(path.Base(name))
	l := Lock{Path: name, Kind: kind}
	if state != Reads {
		return Lock{}, wrap(name, malformed("it is no lock file of a kind that is read"))
	}
	if len(data) > MaxBytes {
		return Lock{}, wrap(name, limit("it has %d bytes, and at most %d are read", len(data), MaxBytes))
	}
	if !utf8.Valid(data) || strings.ContainsRune(string(data), 0) {
		return Lock{}, wrap(name, malformed("it is not UTF-8 text"))
	}
	b := &building{lock: &l}
	if err := b.read(data); err != nil {
		return Lock{}, wrap(name, err)
	}
	if err := b.finish(); err != nil {
		return Lock{}, wrap(name, err)
	}
	return l, nil
}

func wrap(name string, err error) error { return fault.Errorf("reading lock file %q: %w", name, err) }

func malformed(format string, args ...any) error {
	return fault.New(fault.Refused, fault.Malformed, "", format, args...)
}

func limit(format string, args ...any) error {
	return fault.New(fault.Refused, fault.Limit, "", format, args...)
}

// onLine says which line an error is about.
func onLine(n int, err error) error {
	return fault.New(fault.Refused, fault.Of(err).Code, "", "line %d: %w", n, err)
}

// building is a lock that is being read.
type building struct {
	lock    *Lock
	digests int
}

func (b *building) read(data []byte) error {
	switch b.lock.Kind {
	case GoMod:
		return b.goMod(data)
	case GoSum:
		return b.goSum(data)
	case NPM:
		return b.npm(data)
	case PNPM:
		return b.pnpm(data)
	case Cargo:
		return b.cargo(data)
	case UV:
		return b.uv(data)
	case Poetry:
		return b.poetry(data)
	case Requirements:
		return b.requirements(data)
	}
	return malformed("it is no lock file of a kind that is read")
}

// add adds an entry, within the limits. Its package URL follows from its name and version.
func (b *building) add(e Entry) error {
	for _, s := range []string{e.Name, e.Version, e.URL, e.At} {
		if len(s) > maxText {
			return limit("a name or an address of %q has %d bytes, and at most %d are read", e.Name, len(s), maxText)
		}
		if strings.ContainsFunc(s, isControl) {
			return malformed("%q has a control character in it", s)
		}
	}
	if e.Name == "" {
		return malformed("an entry has no name")
	}
	slices.SortFunc(e.Digests, compareDigest)
	e.Digests = slices.Compact(e.Digests)
	b.digests += len(e.Digests)
	switch {
	case len(e.Digests) > maxDigests:
		return limit("%q has %d digests, and at most %d are read", e.Name, len(e.Digests), maxDigests)
	case b.digests > maxAll:
		return limit("it has more than %d digests", maxAll)
	case len(b.lock.Entries) >= MaxEntries:
		return limit("it has more than %d entries", MaxEntries)
	}
	e.PURL = PURL(b.lock.Kind, e.Name, e.Version)
	b.lock.Entries = append(b.lock.Entries, e)
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func compareDigest(a, b Digest) int {
	return cmp.Or(cmp.Compare(a.Alg, b.Alg), cmp.Compare(a.Hex, b.Hex))
}

func compareEntry(a, b Entry) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.At, b.At),
		cmp.Compare(a.URL, b.URL))
}

// finish puts the entries in order, and refuses two that are about the same thing and differ. Those that
// say the same are one.
func (b *building) finish() error {
	all := b.lock.Entries
	slices.SortStableFunc(all, compareEntry)
	out := all[:0]
	for _, e := range all {
		if n := len(out); n > 0 && compareEntry(out[n-1], e) == 0 {
			if !same(out[n-1], e) {
				return malformed(
					"it has %s %s twice, with different digests",
					fault.Quote(e.Name),
					fault.Quote(e.Version),
				)
			}
			continue
		}
		out = append(out, e)
	}
	b.lock.Entries = slices.Clip(out)
	slices.Sort(b.lock.Includes)
	b.lock.Includes = slices.Compact(b.lock.Includes)
	return nil
}

func same(a, b Entry) bool {
	return slices.Equal(a.Digests, b.Digests) && a.Local == b.Local && a.Inside == b.Inside
}
