package yamlnode

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// An Insertion is a text that goes into another one, at an offset in bytes.
type Insertion struct {
	At   int
	Text string
}

// Insert returns raw with all insertions in it, and every other byte as it is. Those
// at one offset come out in the order in which they are given. Printing a parsed text
// again would move comments, blanks and quotes; this does not.
func Insert(raw []byte, all []Insertion) []byte {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b Insertion) int { return a.At - b.At })
	var out bytes.Buffer
	done := 0
	for _, i := range sorted {
		at := min(max(i.At, done), len(raw))
		out.Write(raw[done:at])
		out.WriteString(i.Text)
		done = at
	}
	out.Write(raw[done:])
	return out.Bytes()
}

// Lines are the offsets at which the lines of a text begin. A text with carriage
// returns has other lines for the parser, so it has to be refused before.
type Lines struct {
	raw   []byte
	begin []int
}

// NewLines finds the lines of raw.
func NewLines(raw []byte) Lines {
	l := Lines{raw: raw, begin: []int{0}}
	for i, c := range raw {
		if c == '\n' {
			l.begin = append(l.begin, i+1)
		}
	}
	return l
}

// At returns the offset of a place, both of whose numbers begin with 1. A column
// counts characters, as a Node does. ok is false where there is no such place.
func (l Lines) At(line, column int) (offset int, ok bool) {
	if line < 1 || line > len(l.begin) || column < 1 {
		return 0, false
	}
	at := l.begin[line-1]
	for ; column > 1; column-- {
		if at >= len(l.raw) || l.raw[at] == '\n' {
			return 0, false
		}
		_, size := utf8.DecodeRune(l.raw[at:])
		at += size
	}
	return at, true
}

// After returns the offset at which the line after a line begins; the end of the text
// where it is the last one.
func (l Lines) After(line int) int {
	if line < len(l.begin) {
		return l.begin[line]
	}
	return len(l.raw)
}

// End returns the offset behind a scalar that is written on one line, with its
// quotes. ok is false where the text does not stand there as the value has it.
func (l Lines) End(n *Node) (offset int, ok bool) {
	at, ok := l.At(n.Line, n.Column)
	if !ok || n.Kind != Scalar {
		return 0, false
	}
	for _, quote := range []string{"", `"`, "'"} {
		if written := quote + n.Text + quote; bytes.HasPrefix(l.raw[at:], []byte(written)) && n.Text != "" {
			return at + len(written), true
		}
	}
	return 0, false
}

// Holds reports whether everything that old says stands in n as well: each key with what
// it holds, each element of a list in its order. n may say more.
func Holds(n, old *Node) bool {
	if n == nil || old == nil || n.Kind != old.Kind || n.Text != old.Text || n.Tag != old.Tag {
		return n == old
	}
	for _, f := range old.Fields {
		if got, ok := n.Field(f.Name); !ok || !Holds(got.Value, f.Value) {
			return false
		}
	}
	at := 0
	for _, i := range old.Items {
		for at < len(n.Items) && !Holds(n.Items[at], i) {
			at++
		}
		if at == len(n.Items) {
			return false
		}
		at++
	}
	return true
}
