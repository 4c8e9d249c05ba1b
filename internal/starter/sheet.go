package starter

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// A Sheet is a YAML text that grows: lines are put between those that are there, and no
// byte of these is touched.
type Sheet struct {
	Root *yamlnode.Node

	raw     []byte
	options yamlnode.Options
	lines   yamlnode.Lines
	edits   []yamlnode.Insertion
}

// ErrNoPlace says that a text has no place at which lines can be put without changing
// what is there: it is written in brackets, with anchors, or with other ends of lines.
var ErrNoPlace = errors.New("there is no place where lines can be put without a change of what is there")

// NoPlace is ErrNoPlace with the reason, in words.
func NoPlace(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNoPlace, fmt.Sprintf(format, args...))
}

// NewSheet reads a text. The error is ErrNoPlace where it is no plain YAML.
func NewSheet(raw []byte, o yamlnode.Options) (*Sheet, error) {
	if bytes.ContainsRune(raw, '\r') {
		return nil, NoPlace("its lines end with CR LF")
	}
	if bytes.HasPrefix(raw, []byte("\ufeff")) {
		return nil, NoPlace("it begins with a byte order mark")
	}
	root, err := readOne(raw, o)
	if err != nil {
		return nil, err
	}
	return &Sheet{Root: root, raw: raw, options: o, lines: yamlnode.NewLines(raw)}, nil
}

// readOne returns the last document of a text, which has to be a mapping.
func readOne(raw []byte, o yamlnode.Options) (*yamlnode.Node, error) {
	d, err := yamlnode.Parse(raw, o)
	switch {
	case err != nil:
		return nil, NoPlace("it cannot be read as plain YAML (%v)", err)
	case len(d.Odd) > 0:
		return nil, NoPlace("it has anchors, tags or other YAML that is more than plain")
	case len(d.Twice) > 0:
		return nil, NoPlace("a key stands twice in it")
	case len(d.Roots) == 0:
		return nil, NoPlace("it is empty")
	}
	root := d.Roots[len(d.Roots)-1]
	if root.Kind != yamlnode.Map || root.Flow {
		return nil, NoPlace("it is written in brackets")
	}
	return root, nil
}

// insert puts lines at the beginning of a line. A text whose last line has no end keeps it so.
func (s *Sheet) insert(at int, text string) {
	if at > 0 && at == len(s.raw) && s.raw[at-1] != '\n' {
		text = "\n" + strings.TrimSuffix(text, "\n")
	}
	s.edits = append(s.edits, yamlnode.Insertion{At: at, Text: text})
}

// line returns the text of a line, without its end; the first is 1.
func (s *Sheet) line(n int) string {
	from, ok := s.lines.At(n, 1)
	if !ok {
		return ""
	}
	return strings.TrimSuffix(string(s.raw[from:s.lines.After(n)]), "\n")
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// above returns the offset before a line, and before the comments right above it that
// are written as far to the left.
func (s *Sheet) above(line int) int {
	own := indentOf(s.line(line))
	for line > 1 {
		l := s.line(line - 1)
		if t := strings.TrimSpace(l); !strings.HasPrefix(t, "#") || indentOf(l) != own {
			break
		}
		line--
	}
	at, _ := s.lines.At(line, 1)
	return at
}

// dash returns the indentation of a list's elements, which have to begin with a dash and
// a value on one line.
func (s *Sheet) dash(list *yamlnode.Node) (int, bool) {
	if list == nil || list.Kind != yamlnode.List || list.Flow || len(list.Items) == 0 {
		return 0, false
	}
	for _, i := range list.Items {
		l := s.line(i.Line)
		if !strings.HasPrefix(strings.TrimLeft(l, " "), "- ") {
			return 0, false
		}
	}
	return indentOf(s.line(list.Items[0].Line)), true
}

// Element puts an element before the one with the number i of a list, whose lines do
// not begin with blanks; behind the last one for the length of the list.
func (s *Sheet) Element(list *yamlnode.Node, i int, text string) error {
	indent, ok := s.dash(list)
	if !ok {
		return ErrNoPlace
	}
	at := 0
	if i < len(list.Items) {
		at = s.above(list.Items[i].Line)
	} else {
		at = s.behind(list.Items[len(list.Items)-1].Line, indent, "")
	}
	s.insert(at, indented(marked(text), indent))
	return nil
}

// behind returns the offset behind the block that begins on a line: before the first line
// that is written as far to the left as indent, or further, and is neither blank nor a comment.
// Blank lines and comments before that belong to what comes next. A line as far to the left
// that begins with more, if that is not empty, is of the block as well.
func (s *Sheet) behind(line, indent int, more string) int {
	end := line
	for n := line + 1; ; n++ {
		from, ok := s.lines.At(n, 1)
		if !ok || from >= len(s.raw) {
			break
		}
		l := s.line(n)
		if t := strings.TrimSpace(l); t == "" || strings.HasPrefix(t, "#") && indentOf(l) <= indent {
			continue
		}
		dashed := more != "" && indentOf(l) == indent && strings.HasPrefix(l[indent:], more)
		if indentOf(l) <= indent && !dashed {
			break
		}
		end = n
	}
	return s.lines.After(end)
}

// Keys puts keys with their values before the first key of a block mapping, or into the
// brackets of a mapping that is written on one line.
func (s *Sheet) Keys(m *yamlnode.Node, all []Option) error {
	if len(all) == 0 {
		return nil
	}
	if m == nil || m.Kind != yamlnode.Map || !m.Flow && len(m.Fields) == 0 {
		return ErrNoPlace
	}
	if m.Flow {
		return s.within(m, all)
	}
	first := m.Fields[0].Key
	if indentOf(s.line(first.Line)) != first.Column-1 {
		return ErrNoPlace // the first key stands behind a dash
	}
	text := ""
	for _, o := range all {
		text += o.Name + ": " + o.Value + "\n"
	}
	at, _ := s.lines.At(first.Line, 1)
	s.insert(at, indented(marked(text), first.Column-1))
	return nil
}

// within puts keys into brackets, and their names into a comment at the end of the line.
func (s *Sheet) within(m *yamlnode.Node, all []Option) error {
	at, ok := s.lines.At(m.Line, m.Column)
	end := s.lines.After(m.Line)
	if end > 0 && s.raw[end-1] == '\n' {
		end--
	}
	if !ok || at >= end || s.raw[at] != '{' || s.raw[end-1] != '}' || bytes.Contains(s.raw[at:end], []byte("#")) {
		return ErrNoPlace
	}
	var keys, names []string
	for _, o := range all {
		keys, names = append(keys, o.Name+": "+o.Value), append(names, o.Name)
	}
	text := strings.Join(keys, ", ")
	if len(m.Fields) > 0 {
		text += ", "
	}
	s.edits = append(s.edits, yamlnode.Insertion{At: at + 1, Text: text},
		yamlnode.Insertion{At: end, Text: mark + ": " + strings.Join(names, ", ")})
	return nil
}

// Before puts lines before the line of a key, as far to the right as it.
func (s *Sheet) Before(key *yamlnode.Node, text string) error {
	l := s.line(key.Line)
	if indentOf(l) != key.Column-1 {
		return ErrNoPlace
	}
	s.insert(s.above(key.Line), indented(marked(text), key.Column-1))
	return nil
}

// Member puts a value into a list of values: before the first one, in brackets or on a
// line of its own.
func (s *Sheet) Member(list *yamlnode.Node, text string) error {
	if list == nil || list.Kind != yamlnode.List {
		return ErrNoPlace
	}
	if !list.Flow {
		return s.Element(list, len(list.Items), "- "+text+"\n")
	}
	at, ok := s.lines.At(list.Line, list.Column)
	if !ok || at >= len(s.raw) || s.raw[at] != '[' {
		return ErrNoPlace
	}
	if len(list.Items) > 0 {
		text += ", "
	}
	s.edits = append(s.edits, yamlnode.Insertion{At: at + 1, Text: text})
	return nil
}

// Under puts an entry behind the last one of a block mapping of mappings, with a blank
// line between them.
func (s *Sheet) Under(m *yamlnode.Node, text string) error {
	if m == nil || m.Kind != yamlnode.Map || m.Flow || len(m.Fields) == 0 {
		return ErrNoPlace
	}
	key := m.Fields[0].Key
	s.insert(
		s.behind(m.Fields[len(m.Fields)-1].Key.Line, key.Column-1, "- "),
		"\n"+indented(marked(text), key.Column-1),
	)
	return nil
}

// Done returns the text with everything that was put into it. The error is ErrNoPlace
// where that would say less or something else than before.
func (s *Sheet) Done() ([]byte, error) {
	out := yamlnode.Insert(s.raw, s.edits)
	root, err := readOne(out, s.options)
	if err != nil || !yamlnode.Holds(root, s.Root) {
		return nil, ErrNoPlace
	}
	return out, nil
}

// indented writes blanks before each line that is not empty.
func indented(text string, n int) string {
	var b strings.Builder
	for l := range strings.Lines(text) {
		if l != "\n" {
			b.WriteString(strings.Repeat(" ", n))
		}
		b.WriteString(l)
	}
	return b.String()
}

// mark stands at the end of the first line of each block that was put into a file, with the
// digest of the block, so that it can be told and taken out as long as nobody changes it. Who
// takes a block over takes the mark away.
const mark = " # sallyport"

// digestOf are the digits behind the mark of a block, which is written without indentation
// and without the mark.
func digestOf(block string) string {
	sum := sha256.Sum256([]byte(strings.TrimRight(block, "\n")))
	return fmt.Sprintf("%x", sum[:4])
}

// marked writes the mark behind each line that does not begin with a blank.
func marked(text string) string {
	var b strings.Builder
	all := lines([]byte(text))
	for i, l := range all {
		if line, ok := strings.CutSuffix(l, "\n"); ok && line != "" && line[0] != ' ' && line[0] != '#' {
			l = line + mark + " " + digestOf(strings.Join(all[i:blockEnd(all, i)], "")) + "\n"
		}
		b.WriteString(l)
	}
	return b.String()
}
