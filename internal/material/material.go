// Package material is the build manifest: what a build used and what it made, as a recorder has seen it.
//
// A manifest is written by the build's own job, so it is the word of that job: a policy may ask for it, and what it says
// is judged, but a person who controls the job controls the manifest. The room is pure: it refuses to read files, and it
// refuses a manifest in which a member is absent, because an absent "lost" would read as none.
//
// Source: docs/build.md, shared/build-manifest.schema.json.
package material

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// Type is the predicate type of a manifest.
const Type = "https://sallyport.dev/build-manifest/v1"

// The limits of one manifest.
const (
	MaxBytes     = 15 << 20 // of a manifest: a statement of 16 MiB has room for it
	MaxLogBytes  = 256 << 20
	maxDepth     = 12
	MaxMaterials = 20_000 // that are listed one by one; of others, the log has each
)

// A Manifest is what a build used. Every member is written, also where it is empty.
type Manifest struct {
	Recorder    string    `json:"recorder"`   // the program that wrote it, such as "sallyport v1.4.0"
	RecordedBy  string    `json:"recordedBy"` // always ByOwnJob
	Command     []string  `json:"command"`    // without secrets
	Directory   string    `json:"directory"`  // from the top of the source; absolute where there is none
	Exit        int       `json:"exit"`       // -1: a signal ended it
	Signal      int       `json:"signal"`     // 0: none
	Started     time.Time `json:"started"`
	Ended       time.Time `json:"ended"`
	Machine     Machine   `json:"machine"`
	Observation Observed  `json:"observation"`
	Source      Source    `json:"source"`

	Products   []Product   `json:"products"`
	Materials  []Material  `json:"materials"`
	Explained  Explained   `json:"explained"`
	Programs   []Program   `json:"programs"`
	Toolchains []Toolchain `json:"toolchains"`
	Locks      []Lock      `json:"locks"`
	Packages   []Package   `json:"packages"`
	Images     []Reference `json:"images"`
	Actions    []Reference `json:"actions"`

	Variables []Variable   `json:"variables"` // of the allow-list
	Withheld  int          `json:"withheld"`  // variables that are not on it, or that look like secrets
	Hosts     []Connection `json:"hosts"`
	Log       Log          `json:"log"`
}

// ByOwnJob marks every manifest: the recorder runs in the job that builds.
const ByOwnJob = "the build's own job"

// Machine is where the build ran.
type Machine struct {
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	Kernel string `json:"kernel"`
	User   int    `json:"user"` // number; -1: not told
}

// The words about a part of what is watched.
const (
	IsObserved    = "observed"
	IsCut         = "cut"
	IsNotObserved = "not-observed"
)

// Observed says how far the build was watched.
type Observed struct {
	Method    string   `json:"method"`
	Files     string   `json:"files"`
	Processes string   `json:"processes"`
	Network   string   `json:"network"`
	CutBy     string   `json:"cutBy"`  // "namespace" or "socket-filter" where the network is cut
	Reason    string   `json:"reason"` // of the first part that is not observed
	Events    int      `json:"events"`
	Lost      int      `json:"lost"`
	Foreign   int      `json:"foreign"`
	Gone      int      `json:"gone"`    // files that were opened and are not there any more
	Changed   int      `json:"changed"` // files that were read and changed during the build
	Delegated []string `json:"delegated"`
	Around    []string `json:"around"`
	Outlived  []string `json:"outlived"`
	SameRoot  bool     `json:"same-root"` // the build ran as root, so it could have rewritten what is said here
}

// Source is the commit that was checked out. Commit is empty where there is none, and Reason says why.
type Source struct {
	Commit     string      `json:"commit"`
	Tree       string      `json:"tree"`
	Clean      bool        `json:"clean"` // each tracked file that was opened or looked for is the commit's, before and after
	Dirty      []string    `json:"dirty"` // tracked files that are not, the first 200
	Submodules []Submodule `json:"submodules"`
	Reason     string      `json:"reason"`
}

// Submodule is a repository inside of the source.
type Submodule struct {
	Path   string `json:"path"`
	Commit string `json:"commit"`
}

// Product is a file that the build made.
type Product struct {
	Path   string `json:"path"`   // from the top of the source where it lies below it
	Digest string `json:"digest"` // SHA-256, lower-case hexadecimal
	Size   int64  `json:"size"`
}

// The ways in which a material came to the build.
const (
	FromSource    = "source"    // a file of the commit
	FromPackage   = "package"   // a file of a package that a package manager has fetched
	FromSystem    = "system"    // a file of the operating system's image
	FromToolchain = "toolchain" // a file of a compiler or interpreter
	FromBuild     = "generated" // the build made it
	FromCache     = "cache"     // an earlier build made it
	Untracked     = "untracked" // below the source, and not of the commit
	FromOutside   = "outside"   // none of these
)

// Ways are all of them, in the order in which people are told.
var Ways = []string{FromOutside, Untracked, FromCache, FromSource, FromPackage, FromToolchain, FromSystem, FromBuild}

// Material is a file that the build read or executed, or a directory of them: then Files is more than zero, and Digest is of the
// list of their digests and paths.
type Material struct {
	Path    string `json:"path"`
	How     string `json:"how"`
	Digest  string `json:"digest"` // SHA-256; "" where the file is gone or unreadable
	Files   int    `json:"files"`
	Changed bool   `json:"changed"` // it changed between the first opening and the end
}

// Explained counts files that the build read: those that exist and lie outside of /proc, /sys, /dev and the output.
// Files is all of them, and Count those of which the manifest can say where they are from: the commit, a locked
// package, the system, a toolchain, or the build itself.
type Explained struct {
	Count int `json:"count"`
	Files int `json:"files"`
}

// Share is Count of Files in thousandths, rounded down: 1000 says all.
func (e Explained) Share() int {
	if e.Files == 0 {
		return 0
	}
	return e.Count * 1000 / e.Files
}

// Program is a file that was executed.
type Program struct {
	Path    string   `json:"path"`
	Digest  string   `json:"digest"`
	Count   int      `json:"count"`
	Command []string `json:"command"` // of the first time, shortened, without secrets
}

// Toolchain is what programs that were executed belong to.
type Toolchain struct {
	Name    string `json:"name"` // such as "go", "node", "gcc"
	Version string `json:"version"`
	Path    string `json:"path"` // of its program
	Digest  string `json:"digest"`
	Said    string `json:"said"` // how the version is known: "build information", or "the tool itself"
}

// The states of a lock.
const (
	LockRead      = "read"
	LockNotRead   = "not-read"   // it is there, and no reader of ours knows its format
	LockNotLocked = "not-locked" // the packages that it names have no lock
)

// Lock is a file that names packages.
type Lock struct {
	Path    string `json:"path"`
	Kind    string `json:"kind"`
	State   string `json:"state"`
	Digest  string `json:"digest"`
	Entries int    `json:"entries"`
	Reason  string `json:"reason"`
}

// The states of a package.
const (
	Locked      = "locked"       // a lock names it, and its bytes are those that the lock names
	Named       = "named"        // a lock names it, and its bytes could not be compared
	NotLocked   = "not-locked"   // no lock names it
	OtherDigest = "other-digest" // its bytes are not those that the lock names
)

// Package is what a package manager has fetched and the build opened.
type Package struct {
	PURL   string `json:"purl"`
	State  string `json:"state"`
	Lock   string `json:"lock"` // the path of the lock that names it
	Digest string `json:"digest"`
	Files  int    `json:"files"`
	Found  string `json:"found"` // what differs, or why nothing was compared
}

// Reference is an image or an action that the workflow names.
type Reference struct {
	Name   string `json:"name"`
	Digest string `json:"digest"` // sha256:HEX of an image, a commit of an action; "" where it has none
	Where  string `json:"where"`  // the file that names it
}

// Variable is a variable of the environment.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Connection is a place to which the build connected.
type Connection struct {
	To    string `json:"to"`
	Count int    `json:"count"`
	By    string `json:"by"`
}

// Log is the list of everything that was seen, which is stored beside the manifest.
type Log struct {
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
}

// JSON is the one form of a manifest (RFC 8785).
func (m *Manifest) JSON() ([]byte, error) {
	c := *m
	c.normalise()
	b, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return strictjson.Canonical(json.RawMessage(b))
}

// normalise writes each list, also an empty one, and each time alike.
func (m *Manifest) normalise() {
	for _, list := range []*[]string{&m.Command, &m.Observation.Delegated, &m.Observation.Around, &m.Observation.Outlived, &m.Source.Dirty} {
		*list = written(*list)
	}
	m.Source.Submodules = written(m.Source.Submodules)
	m.Products, m.Materials = written(m.Products), written(m.Materials)
	m.Toolchains, m.Locks, m.Packages = written(m.Toolchains), written(m.Locks), written(m.Packages)
	m.Images, m.Actions = written(m.Images), written(m.Actions)
	m.Variables, m.Hosts = written(m.Variables), written(m.Hosts)
	m.Programs = slices.Clone(written(m.Programs))
	for i := range m.Programs {
		m.Programs[i].Command = written(m.Programs[i].Command)
	}
	m.Started, m.Ended = m.Started.UTC().Truncate(time.Millisecond), m.Ended.UTC().Truncate(time.Millisecond)
}

func written[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Read reads a manifest. One in which a member is absent, is there twice, or is not known is E_MALFORMED.
func Read(b []byte) (Manifest, error) {
	if len(b) > MaxBytes {
		return Manifest{}, fault.New(
			fault.Refused,
			fault.Limit,
			"",
			"a build manifest of %d bytes, at most %d are read",
			len(b),
			MaxBytes,
		)
	}
	var m Manifest
	if err := strictjson.DecodeExact(b, maxDepth, "a build manifest", &m); err != nil {
		return Manifest{}, err
	}
	given, err := strictjson.Canonical(json.RawMessage(b))
	if err != nil {
		return Manifest{}, err
	}
	own, err := m.JSON()
	if err != nil {
		return Manifest{}, err
	}
	if !bytes.Equal(given, own) {
		return Manifest{}, malformed("the build manifest is not as it was written: %s", firstDifference(given, own))
	}
	return m, m.check()
}

func malformed(format string, args ...any) error {
	return fault.New(
		fault.Refused,
		fault.Malformed,
		"record the build again, and hand on the file as it was written",
		format,
		args...)
}

// firstDifference names the first member in which two canonical texts differ, by its path, and says how.
func firstDifference(given, want []byte) string {
	var g, w any
	if json.Unmarshal(given, &g) != nil || json.Unmarshal(want, &w) != nil {
		return "it is no JSON text"
	}
	return parted("", g, w)
}

// parted is the first difference below a path, in the order of the members' names; "" if there is none.
func parted(at string, given, want any) string {
	switch w := want.(type) {
	case map[string]any:
		g, is := given.(map[string]any)
		if !is {
			break
		}
		for _, name := range slices.Sorted(maps.Keys(w)) {
			member := strings.TrimPrefix(at+"."+name, ".")
			value, there := g[name]
			if !there {
				return fault.Quote(member) + " is absent"
			}
			if said := parted(member, value, w[name]); said != "" {
				return said
			}
		}
		return ""
	case []any:
		g, is := given.([]any)
		if !is || len(g) != len(w) {
			break
		}
		for i := range w {
			if said := parted(fmt.Sprintf("%s[%d]", at, i), g[i], w[i]); said != "" {
				return said
			}
		}
		return ""
	default:
		if given == want {
			return ""
		}
	}
	found, _ := json.Marshal(given)
	wanted, _ := json.Marshal(want)
	return fmt.Sprintf("%s is %s, want %s", fault.Quote(at), fault.Quote(string(found)), fault.Quote(string(wanted)))
}

// check holds the words to their lists.
func (m *Manifest) check() error {
	o := m.Observation
	words := []string{IsObserved, IsNotObserved}
	const maxStatus = 255
	switch {
	case len(m.Command) == 0:
		return malformed("the command is empty")
	case m.Exit < -1 || m.Exit > maxStatus || m.Signal < 0 || (m.Exit == -1) != (m.Signal > 0):
		return malformed(
			"exit is %d and signal %d, want a status from 0 to %d, or -1 and a signal",
			m.Exit,
			m.Signal,
			maxStatus,
		)
	case m.RecordedBy != ByOwnJob:
		return malformed("recordedBy is %q, want %q", m.RecordedBy, ByOwnJob)
	case !slices.Contains(words, o.Files) || !slices.Contains(words, o.Processes):
		return malformed(
			"observation: files and processes are %q and %q, want observed or not-observed",
			o.Files,
			o.Processes,
		)
	case !slices.Contains(append(words, IsCut), o.Network):
		return malformed("observation: network is %q, want observed, cut or not-observed", o.Network)
	case (o.Network == IsCut) != (o.CutBy == "namespace" || o.CutBy == "socket-filter"):
		return malformed("observation: network is %q, and cutBy %q", o.Network, o.CutBy)
	case slices.Contains([]string{o.Files, o.Processes, o.Network}, IsNotObserved) && o.Reason == "":
		return malformed("observation: a part is not observed, and no reason is given")
	case min(o.Events, o.Lost, o.Foreign, o.Gone, o.Changed, m.Withheld, m.Explained.Count) < 0 || m.Explained.Count > m.Explained.Files:
		return malformed("a count of the build manifest is below zero, or more is explained than was read")
	case m.Source.Commit != "" && !isCommit(m.Source.Commit):
		return malformed("source: commit %q, want 40 or 64 hexadecimal digits", m.Source.Commit)
	case m.Log.Digest != "" && !isHex(m.Log.Digest):
		return malformed("log: digest %q, want 64 hexadecimal digits", m.Log.Digest)
	}
	paths := map[string]bool{}
	for _, p := range m.Products {
		switch {
		case !isHex(p.Digest):
			return malformed("product %q: digest %q, want 64 hexadecimal digits", p.Path, p.Digest)
		case paths[p.Path]:
			return malformed("product %q is listed twice", p.Path)
		case p.Size < 0 || p.Path == "" || slices.Contains(strings.Split(p.Path, "/"), ".."):
			return malformed("product %q of %d bytes: want a path without \"..\"", p.Path, p.Size)
		}
		paths[p.Path] = true
	}
	read := 0
	for _, x := range m.Materials {
		if !slices.Contains(Ways, x.How) {
			return malformed("material %q: how is %q, want one of %s", x.Path, x.How, strings.Join(Ways, ", "))
		}
		if x.Files < 0 {
			return malformed("material %q: %d files", x.Path, x.Files)
		}
		read += x.Files
	}
	if read != m.Explained.Files {
		return malformed("the materials are %d files, and %d were read", read, m.Explained.Files)
	}
	for _, p := range m.Packages {
		if !slices.Contains([]string{Locked, Named, NotLocked, OtherDigest}, p.State) {
			return malformed("package %q: state %q is not known", p.PURL, p.State)
		}
	}
	return nil
}

func isHex(s string) bool { return len(s) == 64 && strings.Trim(s, hexDigits) == "" }

// isCommit takes the names of commits under SHA-1 and SHA-256.
func isCommit(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, hexDigits) == ""
}

const hexDigits = "0123456789abcdef"

// Product returns the product with a digest.
func (m *Manifest) Product(digest string) (Product, bool) {
	i := slices.IndexFunc(m.Products, func(p Product) bool { return p.Digest == digest })
	if i < 0 {
		return Product{}, false
	}
	return m.Products[i], true
}
