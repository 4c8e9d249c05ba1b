// Package contents reads what people install: the package that a file is, and what of it runs on
// their machines.
//
// It lists install scripts, executables, entry points, dependencies and sizes, and compares two such
// inventories. It refuses to guess: a file of which two installers could read different things is an
// error, and so is one that is larger than the limits. It unpacks nothing, and it says nothing about
// whether a script does harm.
package contents

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// Limits of a package that is read. A file beyond one of them is an error.
const (
	maxBytes     = 1 << 30 // bytes of the file, and of everything in it
	maxFiles     = 100_000
	maxNames     = 16 << 20 // bytes of all names in it
	maxName      = 1024     // bytes of one name
	maxManifest  = 1 << 20  // bytes of one package.json
	maxManifests = 16 << 20 // bytes of all of them, with those of bundled packages
	maxFollowed  = 1 << 20  // bytes of install scripts, and of those that they run by name
	maxDepth     = 64       // nesting of JSON
	maxListed    = 10_000   // entries of one list of an inventory
	maxBefore    = 64 << 10 // bytes before an archive in which one is looked for
	maxTried     = 64       // of the places there where one could begin
)

// Limits of an inventory as it is kept.
const (
	MaxKept     = 64 << 10 // bytes of its JSON
	maxText     = 1 << 10  // bytes of the text of a script
	maxLargest  = 20
	largeEnough = 64 << 10 // bytes of a file that is worth a look
)

// Kind says what a file is.
type Kind string

// The kinds of packages. The zero says that the package was not looked into.
const (
	NPM       Kind = "npm"
	Wheel     Kind = "wheel"     // of PyPI
	SDist     Kind = "sdist"     // of PyPI: source that is built where it is installed
	NotRead   Kind = "not-read"  // nothing that this program knows as a package
	Malformed Kind = "malformed" // installers could read different things, or it is beyond a limit
	Absent    Kind = "absent"    // there is no file to read: an image, or a digest alone
)

// A Package is the inventory of what people install.
type Package struct {
	Kind    Kind   `json:"kind"`
	Why     string `json:"why,omitempty"` // it is not read
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
	// Scripts run when the package is installed. Build are all others.
	Scripts      []Script     `json:"scripts,omitempty"`
	Build        []Script     `json:"build,omitempty"`
	Executables  []File       `json:"executables,omitempty"`
	EntryPoints  []EntryPoint `json:"entryPoints,omitempty"`
	Dependencies []Dependency `json:"dependencies,omitempty"`
	Files        int          `json:"files,omitempty"`
	Bytes        int64        `json:"bytes,omitempty"`
	Largest      []File       `json:"largest,omitempty"`
	// SHA256 is the digest of the whole inventory, where that is too large to be kept. The lists are
	// then empty.
	SHA256 string `json:"sha256,omitempty"`
}

// A Script is a command of the package.
type Script struct {
	Name string `json:"name"` // "preinstall", or "preinstall of node_modules/x"
	Text string `json:"text"` // its beginning, where it is long
	// SHA256 is of the whole text and of the files of the package that the text names.
	SHA256 string `json:"sha256"`
	Runs   []File `json:"runs,omitempty"` // those files
}

// A File is a file of the package.
type File struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Why    string `json:"why,omitempty"` // it counts as executable, in words
}

// An EntryPoint is a file that others load or run by a name.
type EntryPoint struct {
	Name   string `json:"name"` // "main", "bin: keyv", "exports: . import"
	Target string `json:"target"`
}

// A Dependency is a package that is installed with this one.
type Dependency struct {
	Name  string `json:"name"`
	Spec  string `json:"spec"`
	Group string `json:"group"`
	// Outside says that no registry has it, so that no lock file can hold it to a digest of one.
	Outside bool `json:"outside,omitempty"`
}

// Read reads the package that a file is. What it is, its content says: name is for messages alone. A
// file that is not a package is of kind NotRead, without an error. A fault with code E_MALFORMED or
// E_LIMIT is about the file, and every other error about r.
func Read(name string, r io.Reader) (Package, error) {
	source := &bounded{r: r, left: maxBytes}
	in := bufio.NewReaderSize(source, maxBefore)
	head, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return Package{}, reading(name, err)
	}
	var p Package
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		p, err = readGzip(in)
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		err = malformed("it is compressed with zstd, which some installers open and this program does not")
	case bytes.HasPrefix(head, []byte("PK")):
		p, err = readZip(in)
	default:
		end := &tail{}
		rest := io.TeeReader(in, end)
		var n int
		switch n, err = streamWithin(in); {
		case err != nil:
		case n == 0:
			p, err = readTar(rest)
		default:
			if p, err = readBehind(rest, n); err == nil {
				_, err = io.Copy(io.Discard, rest)
			}
		}
		if err == nil && p.Kind == NotRead && end.holdsWheel() {
			err = malformed("something stands before the wheel in it, which some readers pass over")
		}
	}
	if source.err != nil {
		return Package{}, reading(name, source.err)
	}
	if err != nil {
		return Package{}, reading(name, err)
	}
	return p, nil
}

// Unread is the inventory of a file of which Read said err, if that is about the file.
func Unread(err error) (Package, bool) {
	f := fault.Of(err)
	if f.Code != fault.Malformed && f.Code != fault.Limit {
		return Package{}, false
	}
	return Package{Kind: Malformed, Why: fault.BoundAll(strings.ToValidUTF8(f.Error(), "?"))}, true
}

func reading(name string, err error) error { return fmt.Errorf("reading package %q: %w", name, err) }

func notRead(why string) Package { return Package{Kind: NotRead, Why: why} }

func malformed(format string, args ...any) error {
	return fault.New(fault.Refused, fault.Malformed, "", format, args...)
}

func limit(format string, args ...any) error {
	return fault.New(fault.Refused, fault.Limit, "", format, args...)
}

// readGzip reads what one gzip stream holds. A second stream, or anything else behind the first, is
// refused: some readers go on with it, and others do not look at it.
func readGzip(in *bufio.Reader) (Package, error) {
	z, err := gzip.NewReader(in)
	if err != nil {
		return Package{}, unzipping(err)
	}
	z.Multistream(false)
	p, err := readTar(bufio.NewReaderSize(unzipped{z}, 64<<10))
	if err != nil {
		return Package{}, err
	}
	if _, err := in.Peek(1); !errors.Is(err, io.EOF) {
		return Package{}, malformed("something follows its gzip stream, which some readers go on with")
	}
	return p, nil
}

// streamWithin is where in the beginning of a file that is no archive the gzip stream of one begins, or
// 0.
func streamWithin(in *bufio.Reader) (int, error) {
	b, _ := in.Peek(maxBefore)
	if len(b) >= block && isHeader(b[:block]) {
		return 0, nil
	}
	for at, tried := 1, 0; at < len(b); tried++ {
		i := bytes.Index(b[at:], []byte{0x1f, 0x8b, 8})
		if i < 0 {
			return 0, nil
		}
		if at += i; tried == maxTried {
			return 0, malformed("more than %d gzip streams could begin in its first %d bytes", maxTried, maxBefore)
		}
		if z, err := gzip.NewReader(bytes.NewReader(b[at:])); err == nil {
			h := make([]byte, block)
			if _, err := io.ReadFull(z, h); err == nil && (isHeader(h) || allZero(h)) {
				return at, nil
			}
		}
		at++
	}
	return 0, nil
}

// readBehind refuses a package whose gzip stream begins after n bytes of a file. Any other archive may stand
// in one: programs unpack themselves.
func readBehind(r io.Reader, n int) (Package, error) {
	if _, err := io.CopyN(io.Discard, r, int64(n)); err != nil {
		return Package{}, err
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		return Package{}, unzipping(err)
	}
	z.Multistream(false)
	p, err := readTar(unzipped{z})
	if f := fault.Of(err); f.Code == fault.Limit {
		return p, err
	}
	if err != nil || p.Kind != NotRead {
		return Package{}, malformed("something stands before the package in it, which some readers pass over")
	}
	return p, nil
}

// unzipped tells errors of the compression from those of the file.
type unzipped struct{ z *gzip.Reader }

func (u unzipped) Read(b []byte) (int, error) {
	n, err := u.z.Read(b)
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = unzipping(err)
	}
	return n, err
}

func unzipping(err error) error {
	if f := fault.Of(err); f.Code == fault.Limit {
		return err
	}
	return malformed("its gzip stream is broken: %v", err) // an end of it is not the end of an archive
}

// bounded refuses to read more than a number of bytes, and keeps the errors of what it reads apart.
type bounded struct {
	r    io.Reader
	left int64
	err  error
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		if n, _ := b.r.Read(make([]byte, 1)); n > 0 {
			return 0, limit("the file is larger than %d bytes", int64(maxBytes))
		}
		return 0, io.EOF
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// whole sorts the lists of p, and refuses one that is too long.
func (p Package) whole() (Package, error) {
	slices.SortFunc(p.Scripts, byName)
	slices.SortFunc(p.Build, byName)
	slices.SortFunc(p.Executables, byPath)
	slices.SortFunc(p.EntryPoints, func(a, b EntryPoint) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Target, b.Target))
	})
	slices.SortFunc(p.Dependencies, func(a, b Dependency) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Group, b.Group))
	})
	for _, x := range []struct {
		what string
		n    int
	}{
		{"scripts", len(p.Scripts) + len(p.Build)},
		{"executables", len(p.Executables)},
		{"entry points", len(p.EntryPoints)},
		{"dependencies", len(p.Dependencies)},
	} {
		if x.n > maxListed {
			return Package{}, limit("it has %d %s, and more than %d are not listed", x.n, x.what, maxListed)
		}
	}
	return p, nil
}

func byName(a, b Script) int { return cmp.Compare(a.Name, b.Name) }
func byPath(a, b File) int   { return cmp.Compare(a.Path, b.Path) }

// IsRead reports whether p is the inventory of a package.
func (p Package) IsRead() bool { return p.Kind == NPM || p.Kind == Wheel || p.Kind == SDist }

// Kept is p as an entry keeps it, of at most max bytes of JSON: whole, or its digest alone.
func (p Package) Kept(max int) Package {
	b, err := json.Marshal(p)
	if err == nil && len(b) <= max || p.SHA256 != "" {
		return p
	}
	return Package{Kind: p.Kind, Name: p.Name, Version: p.Version, Files: p.Files, Bytes: p.Bytes, SHA256: p.digest()}
}

// digest names the whole of p.
func (p Package) digest() string {
	b, err := strictjson.Canonical(p)
	if err != nil {
		return "" // no inventory has it, so it compares as another one
	}
	return hexOf(b)
}

// Valid says what is wrong with an inventory that somebody has kept, or nil.
func (p Package) Valid() error {
	b, err := json.Marshal(p)
	switch {
	case err != nil:
		return malformed("an inventory cannot be written: %w", err)
	case !p.IsRead():
		return malformed("an inventory is of kind %q, which is none of a package", string(p.Kind))
	case len(b) > MaxKept:
		return limit("an inventory has %d bytes, and at most %d are kept", len(b), MaxKept)
	}
	return nil
}

// Summary is p in a few words.
func (p Package) Summary() string {
	if !p.IsRead() {
		return string(p.Kind) + ": " + p.Why
	}
	return fmt.Sprintf("%s %s %s: %d files, %s", p.Kind, p.Name, p.Version, p.Files, Size(p.Bytes))
}

// Size is a number of bytes as people read it.
func Size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1_000_000:
		return fmt.Sprintf("%d KB", (n+500)/1000)
	default:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
}

func hexOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
