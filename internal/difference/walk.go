package difference

import (
	"cmp"
	"encoding/hex"
	"errors"
	"io"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Limits of a report.
const (
	maxWhere   = 3  // places that are named of one cause
	maxNotRead = 20 // remarks
	window     = 32 // bytes of evidence
	lead       = 8  // of them, at most, before the first that differs
)

// walk is one comparison on its way.
type walk struct {
	hints   Hints
	limits  Limits
	left    [2]side
	memory  int64
	first   *Step
	causes  map[string]*Cause
	notRead []string
	omitted int
	broken  error // a file cannot be read
	stop    bool  // it was said that too much was decompressed

	scratches [][2][]byte    // by depth and side
	heads     [2][block]byte // what describes a member
}

func newWalk(c Comparison) *walk {
	l := c.Limits
	d := DefaultLimits
	if l.Depth == 0 {
		l.Depth = d.Depth
	}
	if l.Members == 0 {
		l.Members = d.Members
	}
	if l.Expanded == 0 {
		l.Expanded = d.Expanded
	}
	if l.Memory == 0 {
		l.Memory = d.Memory
	}
	one := side{expanded: l.Expanded, again: 3 * l.Expanded, members: l.Members}
	return &walk{hints: c.Hints, limits: l, left: [2]side{one, one}, memory: l.Memory, causes: map[string]*Cause{}}
}

// place is where the walk is.
type place struct {
	path  []string
	depth int
	made  string // what made it, where that changes the fix: "go", "c", "map" or nothing
	rest  string // the row for content of which nothing is known; nothing: "content"
}

func (p place) deeper() place {
	p.depth++
	return p
}

// in is the place within p.
func (p place) in(name string) place {
	p.path = append(p.path[:len(p.path):len(p.path)], name)
	return p
}

func (p place) String() string { return strings.Join(p.path, " › ") }

// visible is a foreign name as a part of a path: quoted only where it has to be.
func visible(s string) string {
	q := fault.Quote(s)
	if len(q) == len(s)+2 && q[1:len(q)-1] == s && !strings.Contains(s, "›") {
		return s
	}
	return q
}

// say notes one difference.
func (w *walk) say(p place, id string, a, b Evidence) { w.note(p, id, true, a, b) }

func (w *walk) note(p place, id string, certain bool, a, b Evidence) {
	row := causeOf(id)
	a.Value, b.Value = parting(a.Value, b.Value)
	a.Value, b.Value = fault.Cut(
		strings.ToValidUTF8(a.Value, "\ufffd"),
	), fault.Cut(
		strings.ToValidUTF8(b.Value, "\ufffd"),
	)
	if w.first == nil || causeOf(w.first.Cause).follows && !row.follows {
		w.first = &Step{Path: p.path, Cause: id, Kind: row.kind, Says: row.says, Certain: certain, A: a, B: b,
			Fix: row.fix, Try: row.try}
	}
	c := w.causes[id]
	if c == nil {
		c = &Cause{ID: id, Kind: row.kind, Says: row.says, Follows: row.follows, Fix: row.fix, Try: row.try}
		w.causes[id] = c
	}
	c.Count++
	if at := p.String(); len(c.Where) < maxWhere && (len(c.Where) == 0 || c.Where[len(c.Where)-1] != at) {
		c.Where = append(c.Where, at)
	}
}

// remark notes what was not looked into.
func (w *walk) remark(p place, why string) {
	if len(w.notRead) == maxNotRead {
		w.omitted++
		return
	}
	w.notRead = append(w.notRead, p.String()+": "+why)
}

// count is how many differences were noted.
func (w *walk) count() int {
	n := 0
	for _, c := range w.causes {
		n += c.Count
	}
	return n
}

// A reader looks for differences in both sides of one format. It returns an error where one of them is not of it.
type reader func(w *walk, p place, c content2) error

// look finds what differs between two contents.
func (w *walk) look(p place, c content2) {
	at, err := c.first()
	if err != nil {
		w.unread(p, err)
	} else if at >= 0 {
		w.differing(p, c, at)
	}
}

// differing finds what differs between two contents that are not the same. What no reader explains is told by its
// bytes. at is where they begin to differ, or -1 if that is not known yet.
func (w *walk) differing(p place, c content2, at int64) {
	found := w.count()
	if name, read := sniff(c); read != nil {
		if p.depth >= w.limits.Depth {
			w.remark(p, "not looked into beyond "+itoa(int64(w.limits.Depth))+" containers within each other")
		} else if err := w.read(p, c, read); err != nil {
			w.refused(p, name, err)
		}
	}
	if w.count() > found {
		return
	}
	if at < 0 {
		var err error
		if at, err = c.first(); err != nil || at < 0 {
			w.unread(p, cmp.Or(err, errSpent))
			return
		}
	}
	w.bytes(p, c, at)
}

// read has a reader look, and takes a panic of a library for a file that it cannot read.
func (w *walk) read(p place, c content2, read reader) (err error) {
	defer fault.Recover(&err, "reading it")
	return read(w, p.deeper(), c)
}

// refused notes that a reader gave up.
func (w *walk) refused(p place, name string, err error) {
	switch {
	case errors.Is(err, errSpent):
		w.remark(p, "not looked into further: it is larger than the limits of one comparison")
	case errors.Is(err, errQuiet):
	default:
		why := strings.Map(oneLine, strings.ToValidUTF8(fault.Bound(err.Error()), "\ufffd"))
		w.remark(p, "not looked into as "+name+": "+why)
	}
}

// errQuiet says that a content is of another format than it looked like, which is worth no remark.
var errQuiet = errors.New("another format")

func oneLine(r rune) rune {
	if r == '\n' {
		return ' '
	}
	return r
}

// unread notes that a content cannot be read to its end, which is only an error if it is a file of the caller.
func (w *walk) unread(p place, err error) {
	if errors.Is(err, errSpent) {
		w.remark(p, "not looked into further: it is larger than the limits of one comparison")
		w.say(p, "not-read", Evidence{Offset: -1}, Evidence{Offset: -1})
		return
	}
	if p.depth == 0 {
		w.broken = err
		return
	}
	w.remark(p, "not looked into: it cannot be read to its end")
	w.say(p, "not-read", Evidence{Offset: -1}, Evidence{Offset: -1})
}

// spot is the evidence at an offset of both sides.
func (c content2) spot(at int64) [2]Evidence { return c.spots([2]int64{at, at}) }

// spots is the evidence at an offset of its own on each side.
func (c content2) spots(at [2]int64) (e [2]Evidence) {
	n := min(lead, at[0], at[1])
	for i := range c {
		e[i] = c[i].evidence(at[i], n)
	}
	return e
}

func (c content) evidence(at, ahead int64) Evidence {
	if at < 0 {
		return Evidence{Offset: -1}
	}
	b := c.bytes(at-max(ahead, 0), window)
	return Evidence{Offset: at, Hex: hex.EncodeToString(b), Text: dotted(b)}
}

// valued is evidence with what it means.
func valued(e [2]Evidence, a, b string) (Evidence, Evidence) {
	e[0].Value, e[1].Value = a, b
	return e[0], e[1]
}

// The part of two values before they differ is cut in its middle where it is longer than mostAlike runes: what
// differs is in sight.
const mostAlike, ofBegin, ofEnd = 60, 24, 24

// parting are two values, of which the long part that both begin with is cut in its middle.
func parting(a, b string) (string, string) {
	x, y := []rune(a), []rune(b)
	n := 0
	for n < min(len(x), len(y)) && x[n] == y[n] {
		n++
	}
	if n <= mostAlike || a == b {
		return a, b
	}
	begin := string(x[:ofBegin]) + "…"
	return begin + string(x[n-ofEnd:]), begin + string(y[n-ofEnd:])
}

// dotted shows bytes as dump programs do.
func dotted(b []byte) string {
	out := make([]byte, len(b))
	for i, c := range b {
		if out[i] = c; c < 0x20 || c > 0x7e {
			out[i] = '.'
		}
	}
	return string(out)
}

// take counts members of an archive, and refuses more than the limit.
func (w *walk) take(i int) error {
	if w.left[i].members--; w.left[i].members < 0 {
		return errSpent
	}
	return nil
}

// readAll is the whole of a small content.
func (c content) readAll(most int64) ([]byte, error) {
	if c.size > most {
		return nil, errSpent
	}
	b := make([]byte, c.size)
	return b, c.exactly(b, 0)
}

func (c content) reader() io.Reader { return io.NewSectionReader(c.at, 0, c.size) }

// spent reports whether a side has used up what may be decompressed again, so that nothing that was read since is to
// be believed.
func (w *walk) spent() bool { return w.left[0].again < 0 || w.left[1].again < 0 }
