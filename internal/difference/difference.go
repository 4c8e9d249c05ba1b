// Package difference says where two files that should be the same begin to differ, and why.
//
// It looks into archives, programs and texts, names the path to the first difference, and knows for each known cause
// what mends it. It refuses to run anything, to write anything and to grow beyond its limits: what it did not look
// into, it says. It never judges: that two files are the same is said by their bytes alone.
package difference

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// A File is one of two that are compared. ReadAt has to give the same bytes each time.
type File interface {
	io.ReaderAt
	Size() int64 // bytes
}

// Limits bound what one comparison takes. A zero field has its default.
type Limits struct {
	Depth    int   // containers within containers; 8
	Members  int   // of all archives, on each side; 200,000
	Expanded int64 // bytes of what is decompressed, on each side; 1 GiB. It is read at most four times.
	Memory   int64 // bytes that are kept at once; 256 MiB
}

// DefaultLimits are those of a zero.
var DefaultLimits = Limits{Depth: 8, Members: 200_000, Expanded: 1 << 30, Memory: 256 << 20}

// Hints are what the caller knows of the two builds: index 0 is of the first, 1 of the second. A text that holds one of
// them where the files differ is told as what it is, and as certain. An empty one is not known.
type Hints struct {
	Paths [2]string // absolute paths of the build directories
	Host  [2]string // names of the machines
	User  [2]string // names of the users
	Epoch int64     // SOURCE_DATE_EPOCH, in seconds since 1970; 0: not set
}

// Swapped are the hints for a comparison the other way round.
func (h Hints) Swapped() Hints {
	for _, x := range []*[2]string{&h.Paths, &h.Host, &h.User} {
		x[0], x[1] = x[1], x[0]
	}
	return h
}

// A Comparison is how files are compared. Its zero knows nothing of the builds, and has the default limits.
type Comparison struct {
	Hints  Hints
	Limits Limits
}

// A Report says whether two files are the same, and if not, where they begin to differ and what else differs.
type Report struct {
	Name string `json:"name"`
	Same bool   `json:"same"`
	A    Side   `json:"a"`
	B    Side   `json:"b"`
	// Offset is of the first byte that differs in the files themselves, before anything in them is opened; -1 if they
	// are the same. Where one file is the beginning of the other, it is the size of the shorter.
	Offset int64 `json:"offset"`
	// First is the first difference in the order of reading: headers before content, and the settings of a build
	// before its code. A difference that most often follows from others, as a build id does, is the first only where
	// there is no other. Nil if the files are the same.
	First *Step `json:"first,omitempty"`
	// Causes are of all differences that were found, worst first; at most one for each row of the table of causes.
	Causes []Cause `json:"causes"`
	// NotRead is what was not looked into, and why; at most 20.
	NotRead []string `json:"notRead,omitempty"`
	// Omitted is how many differences and remarks were found and are in no list.
	Omitted int `json:"omitted"`
}

// A Side is one of the two files.
type Side struct {
	Digest string `json:"digest"` // SHA-256, as 64 hexadecimal digits
	Size   int64  `json:"size"`   // bytes
}

// A Step is one difference, and the path to it from the outside to the inside.
type Step struct {
	Path    []string `json:"path"` // the name of the file first; foreign names are quoted
	Cause   string   `json:"cause"`
	Kind    Kind     `json:"kind"`
	Says    string   `json:"says"`
	Certain bool     `json:"certain"` // not a guess: a field of a format, or a hint that was found
	A       Evidence `json:"a"`
	B       Evidence `json:"b"`
	Fix     string   `json:"fix,omitempty"`
	Try     []string `json:"try,omitempty"` // commands, flags and variables of the fix
}

// Evidence is what stands on one side of a difference.
type Evidence struct {
	// Offset counts bytes in the innermost thing that the path names a container of: in the decompressed archive for a
	// header of it, in the member or section for content. -1 where the side has nothing there.
	Offset int64 `json:"offset"`
	// Hex and Text are up to 32 bytes, from at most 8 before the first that differs. In Text, a byte that is not
	// printable ASCII is a dot.
	Hex  string `json:"hex,omitempty"`
	Text string `json:"text,omitempty"`
	// Value is what the bytes mean, where that is known: a time, an owner, a path, a line of a text.
	Value string `json:"value,omitempty"`
}

// A Cause is everything that differs for one reason.
type Cause struct {
	ID    string `json:"id"`
	Kind  Kind   `json:"kind"`
	Says  string `json:"says"`
	Count int    `json:"count"`
	// Follows says that such a difference most often follows from the others: mend those first.
	Follows bool     `json:"follows,omitempty"`
	Where   []string `json:"where"` // the first few, as paths joined with " › "
	Fix     string   `json:"fix,omitempty"`
	Try     []string `json:"try,omitempty"`
}

// JSON is the one form of a report as JSON (RFC 8785).
func (r Report) JSON() ([]byte, error) { return strictjson.Canonical(r) }

// Compare is Comparison.Compare of a zero.
func Compare(name string, a, b File) (Report, error) { return Comparison{}.Compare(name, a, b) }

// Compare says where two files begin to differ. An error is about reading them, and never about what they hold: of a
// file that is no archive, the bytes are compared.
func (c Comparison) Compare(name string, a, b File) (Report, error) {
	r := Report{Name: name, Offset: -1, Causes: []Cause{}}
	both := content2{{at: a, size: a.Size()}, {at: b, size: b.Size()}}
	offset, err := r.measure(both)
	if err != nil {
		return Report{}, fmt.Errorf("comparing the two of %q: %w", name, err)
	}
	if r.Same = offset < 0; r.Same {
		return r, nil
	}
	r.Offset = offset
	w := newWalk(c)
	w.look(place{path: []string{visible(name)}}, both)
	if w.broken != nil {
		return Report{}, fmt.Errorf("comparing the two of %q: %w", name, w.broken)
	}
	w.into(&r)
	return r, nil
}

// measure fills in digests and sizes, and returns where the files begin to differ, or -1.
func (r *Report) measure(c content2) (int64, error) {
	sums := [2]Side{}
	at := int64(-1)
	hashes := [2]io.Writer{}
	ends := [2]func() string{}
	for i := range c {
		h := sha256.New()
		hashes[i], ends[i] = h, func() string { return hex.EncodeToString(h.Sum(nil)) }
	}
	err := c.chunks(func(off int64, a, b []byte) bool {
		_, _ = hashes[0].Write(a)
		_, _ = hashes[1].Write(b)
		if at < 0 {
			if n := common(a, b); n < max(len(a), len(b)) {
				at = off + int64(n)
			}
		}
		return true
	})
	for i := range sums {
		sums[i] = Side{Digest: ends[i](), Size: c[i].size}
	}
	r.A, r.B = sums[0], sums[1]
	return at, err
}

// into writes what was found into r.
func (w *walk) into(r *Report) {
	r.First = w.first
	r.NotRead = w.notRead
	r.Omitted = w.omitted
	for _, c := range w.causes {
		r.Causes = append(r.Causes, *c)
	}
	slices.SortFunc(r.Causes, worse)
}
