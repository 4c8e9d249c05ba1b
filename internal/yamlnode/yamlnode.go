// Package yamlnode reads YAML into values that know where they stand.
//
// It reads text and nothing else, within limits that hold before a parser works
// on it: whatever the text is, reading or refusing it takes time in proportion to
// its length. It refuses to guess where YAML has two meanings: a key that stands
// twice, an anchor, an alias or a tag is told to the caller, who decides.
package yamlnode

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Limits of one text. Each has to be set.
type Limits struct {
	Bytes  int // of the text
	Depth  int // levels of values within values
	Tokens int // words and signs; a text in quotes is one
	Keys   int // of one mapping
	Nodes  int // values, after aliases are followed
}

// Options say how a text is read.
type Options struct {
	Limits

	// Plain takes no anchor, alias, merge key, tag or directive. They are told
	// in Odd, and what they belong to is of kind Other.
	Plain bool
}

// A Document is what a text holds.
type Document struct {
	Roots []*Node // of the documents that are not empty
	Count int     // of all documents
	Odd   []*Node // where what Plain does not take stands
	Twice []Twice // keys that stand again in a mapping of an anchor's or of their own
	spent int     // values that were made
	max   int
}

// Kind is the kind of a value. The zero kind is Null.
type Kind int

// The kinds of values.
const (
	Null Kind = iota
	Scalar
	List
	Map
	Other // what Plain does not take
)

// Type is what the text of a scalar looks like.
type Type int

// The types of scalars.
const (
	Text Type = iota
	Integer
	Float
	Boolean
)

// A Node is a value. Nodes are shared where aliases are followed, and never
// changed after they are made.
type Node struct {
	Kind   Kind
	Type   Type   // of a scalar
	Text   string // of a scalar
	Quoted bool   // it is a text whatever it looks like: in quotes, or a block
	Flow   bool   // of a mapping or a list: it is written in brackets
	Tag    string // one of the author's own, such as !reference; or empty
	Items  []*Node
	Fields []Field // the last of equal keys, in the place of the first
	Again  []Field // of equal keys all but the first
	Size   int     // values in it, counted as often as they are used
	Line   int
	Column int
}

// A Field is a key and its value.
type Field struct {
	Name  string
	Key   *Node
	Value *Node
}

// Twice is a key that takes the place of an earlier one with another value.
type Twice struct {
	At    *Node
	Name  string
	Merge bool // a merge key does it
}

// An Error says what is wrong with a text, and where.
type Error struct {
	Line, Column int // 0: with the whole of it
	Limit        bool
	What         string
}

// Error says what, without the place.
func (e *Error) Error() string { return e.What }

func limit(format string, args ...any) error {
	return &Error{Limit: true, What: fault.Text(format, args...)}
}

func limitAt(t *token.Token, format string, args ...any) error {
	return &Error{Line: t.Position.Line, Column: t.Position.Column, Limit: true, What: fault.Text(format, args...)}
}

// Parse reads a text. Every error is an *Error.
func Parse(raw []byte, o Options) (*Document, error) {
	if len(raw) > o.Bytes {
		return nil, limit("%d bytes, at most %d are read", len(raw), o.Bytes)
	}
	if !utf8.Valid(raw) || bytes.IndexByte(raw, 0) >= 0 {
		return nil, &Error{What: "not UTF-8 text"}
	}
	if err := survey(raw, o.Depth); err != nil {
		return nil, err
	}
	docs, long, err := parse(raw, o)
	if err != nil {
		return nil, err
	}
	d := &Document{Count: len(docs), max: o.Nodes}
	r := reading{doc: d, options: o, long: long, anchors: map[string]*Node{}}
	for _, y := range docs {
		if y.Body == nil {
			continue
		}
		n, err := r.node(y.Body, 0)
		if err != nil {
			return nil, err
		}
		if n.Kind != Null {
			d.Roots = append(d.Roots, n)
		}
	}
	return d, nil
}

// parse cuts the text into tokens, looks at these, and has them parsed. A panic
// of the parser is an error of the text.
func parse(raw []byte, o Options) (docs []*ast.DocumentNode, long map[*token.Token]string, err error) {
	defer func() {
		if p := recover(); p != nil {
			docs, err = nil, &Error{What: fault.Cut(fault.Text("the parser does not understand it: %v", p))}
		}
	}()
	tokens, err := tokenize(string(raw), o.Tokens)
	if err != nil {
		return nil, nil, err
	}
	if err := check(tokens, o.Limits); err != nil {
		return nil, nil, err
	}
	tokens = withNulls(tokens)
	long = shorten(tokens, o.Depth)
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, nil, syntax(err)
	}
	return f.Docs, long, nil
}

// syntax takes what the parser says, without the source that it repeats.
func syntax(err error) error {
	var said interface {
		GetMessage() string
		GetToken() *token.Token
	}
	if !errors.As(err, &said) {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return &Error{What: fault.Cut(first)}
	}
	e := &Error{What: fault.Cut(said.GetMessage())}
	if t := said.GetToken(); t != nil && t.Position != nil {
		e.Line, e.Column = t.Position.Line, t.Position.Column
	}
	return e
}

// Spend counts n values more and reports whether there were that many left. A
// few lines of aliases can stand for more values than there is memory.
func (d *Document) Spend(n int) bool {
	d.spent += n
	return d.spent <= d.max
}

// Spent reports whether more values were made than the limit.
func (d *Document) Spent() bool { return d.spent > d.max }

// Get returns the value of a key, or nil; a null is a value nobody gave.
func (n *Node) Get(name string) *Node {
	if v := n.Raw(name); v != nil && v.Kind != Null {
		return v
	}
	return nil
}

// Raw returns the value of a key, a null as well, or nil.
func (n *Node) Raw(name string) *Node {
	if f, ok := n.Field(name); ok {
		return f.Value
	}
	return nil
}

// Field returns a key with its value.
func (n *Node) Field(name string) (Field, bool) {
	if n == nil || n.Kind != Map {
		return Field{}, false
	}
	for _, f := range n.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// Str returns the text of a scalar; anything else is empty.
func (n *Node) Str() string {
	if n == nil || n.Kind != Scalar {
		return ""
	}
	return n.Text
}

// Flat returns the elements of a list whose lists are opened. A lone value, and
// a list with a tag, is a list of one, and a null is none.
func (n *Node) Flat() []*Node { return n.open(nil) }

func (n *Node) open(out []*Node) []*Node {
	if n == nil || n.Kind == Null {
		return out
	}
	if n.Kind != List || n.Tag != "" {
		return append(out, n)
	}
	for _, i := range n.Items {
		out = i.open(out)
	}
	return out
}

// Equal reports whether a and b are the same value, however they are written.
func Equal(a, b *Node) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil || a.Kind != b.Kind || a.Text != b.Text || a.Tag != b.Tag ||
		len(a.Items) != len(b.Items) || len(a.Fields) != len(b.Fields) {
		return false
	}
	for i := range a.Items {
		if !Equal(a.Items[i], b.Items[i]) {
			return false
		}
	}
	for i := range a.Fields {
		if a.Fields[i].Name != b.Fields[i].Name || !Equal(a.Fields[i].Value, b.Fields[i].Value) {
			return false
		}
	}
	return true
}
