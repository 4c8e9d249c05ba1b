package pipelines

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// doc is a file that was read.
type doc struct {
	file    string
	header  *node // what stands before the first ---, or nil
	root    *node
	twice   []collision
	anchors map[string]*node
	budget  int
}

// A collision is a key that takes the place of an earlier one.
type collision struct {
	at    *node
	name  string
	merge *node // the << that does it, or nil
}

func malformed(format string, args ...any) error {
	return fault.New(fault.Usage, fault.Lint, "", format, args...)
}

// read parses a file of one document, or of a header and one.
func read(file string, raw []byte) (*doc, error) {
	if len(raw) > MaxBytes {
		return nil, fault.New(fault.Usage, fault.Limit, "", "%s: %d bytes, at most %d are read", file, len(raw), MaxBytes)
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if !utf8.Valid(raw) || bytes.IndexByte(raw, 0) >= 0 {
		return nil, malformed("%s: not UTF-8 text", file)
	}
	docs, err := parse(raw)
	if errors.Is(err, errDeep) || errors.Is(err, errLong) {
		return nil, fault.New(fault.Usage, fault.Limit, "", "%s: %w", file, err)
	}
	if err != nil {
		return nil, malformed("%s: not YAML: %s", file, firstLine(err.Error()))
	}
	d := &doc{file: file, anchors: map[string]*node{}, budget: MaxNodes}
	var roots []*node
	for _, y := range docs {
		if y.Body == nil {
			continue
		}
		n, err := d.convert(y.Body)
		if err != nil {
			return nil, err
		}
		if n.kind != null {
			roots = append(roots, n)
		}
	}
	return d, d.arrange(roots)
}

func (d *doc) arrange(roots []*node) error {
	if len(roots) == 2 && roots[0].get("spec") != nil {
		d.header, roots = roots[0], roots[1:]
	}
	switch {
	case len(roots) == 0:
		d.root = &node{kind: table, line: 1, column: 1}
	case len(roots) > 1:
		return malformed("%s: %d documents, want one pipeline", d.file, len(roots))
	case roots[0].kind != table:
		return malformed("%s: not a mapping of jobs", d.file)
	default:
		d.root = roots[0]
	}
	return nil
}

var (
	errDeep = fmt.Errorf("nested deeper than %d", MaxDepth)
	errLong = fmt.Errorf("more than %d words and signs", MaxTokens)
)

// parse keeps a panic of the parser an error of the file.
func parse(raw []byte) (docs []*ast.DocumentNode, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = malformed("%v", p)
		}
	}()
	tokens := lexer.Tokenize(string(raw))
	if len(tokens) > MaxTokens {
		return nil, errLong
	}
	if deep(raw, tokens) {
		return nil, errDeep
	}
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, err
	}
	return f.Docs, nil
}

// spend counts n values and reports whether there were that many left. A few
// lines of aliases can stand for more values than there is memory.
func (d *doc) spend(n int) bool {
	d.budget -= n
	return d.budget >= 0
}

func (d *doc) spent() bool { return d.budget < 0 }

func (d *doc) tooMuch() error {
	return fault.New(fault.Usage, fault.Limit, "", "%s: more than %d values once its aliases are followed", d.file, MaxNodes)
}

func at(n ast.Node) node {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return node{}
	}
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return at(m.Values[0])
		}
	case *ast.MappingValueNode:
		if key, ok := m.Key.(ast.Node); ok && key != nil {
			return at(key)
		}
	}
	p := n.GetToken().Position
	return node{line: p.Line, column: p.Column}
}

func (d *doc) convert(y ast.Node) (*node, error) {
	if !d.spend(1) {
		return nil, d.tooMuch()
	}
	n := at(y)
	n.size = 1
	switch y := y.(type) {
	case nil, *ast.NullNode:
		return &n, nil
	case *ast.AnchorNode:
		return d.anchor(y)
	case *ast.AliasNode:
		return d.alias(y)
	case *ast.TagNode:
		return d.tag(y)
	case *ast.SequenceNode:
		n.kind = list
		for _, v := range y.Values {
			i, err := d.convert(v)
			if err != nil {
				return nil, err
			}
			n.items, n.size = append(n.items, i), n.size+i.size
		}
		return &n, nil
	case *ast.MappingNode:
		return d.mapping(n, y.Values)
	case *ast.MappingValueNode:
		return d.mapping(n, []*ast.MappingValueNode{y})
	}
	n.kind = scalar
	n.text, n.quoted = text(y)
	return &n, nil
}

// text returns a scalar's text and whether it is text whatever it looks like.
func text(y ast.Node) (s string, quoted bool) {
	switch y := y.(type) {
	case *ast.StringNode:
		return y.Value, y.Token.Type == token.SingleQuoteType || y.Token.Type == token.DoubleQuoteType
	case *ast.LiteralNode:
		return y.Value.Value, true
	}
	return y.GetToken().Value, false
}

func (d *doc) anchor(y *ast.AnchorNode) (*node, error) {
	n, err := d.convert(y.Value)
	if err == nil {
		d.anchors[y.Name.String()] = n
	}
	return n, err
}

// alias returns what its anchor holds. An alias inside of its own anchor finds
// none yet.
func (d *doc) alias(y *ast.AliasNode) (*node, error) {
	n, known := d.anchors[y.Value.String()]
	if !known {
		p := at(y)
		return nil, malformed("%s:%d:%d: alias %q names no anchor before it", d.file, p.line, p.column, y.Value.String())
	}
	if !d.spend(n.size) {
		return nil, d.tooMuch()
	}
	return n, nil
}

func (d *doc) tag(y *ast.TagNode) (*node, error) {
	n, err := d.convert(y.Value)
	if err != nil {
		return nil, err
	}
	c := *n
	switch y.Start.Value {
	case "!reference":
		c.kind = reference
	case "!!str":
		c.quoted = true
	}
	return &c, nil
}

// mapping reads keys in their order: the platform's YAML lets a later key, and
// a later <<, take the place of an earlier one.
func (d *doc) mapping(n node, values []*ast.MappingValueNode) (*node, error) {
	n.kind = table
	if len(values) > MaxKeys {
		return nil, fault.New(fault.Usage, fault.Limit, "", "%s:%d: %d keys, at most %d are read", d.file, n.line, len(values), MaxKeys)
	}
	written := map[string]bool{}
	for _, v := range values {
		value, err := d.convert(v.Value)
		if err != nil {
			return nil, err
		}
		if _, merge := v.Key.(ast.Node).(*ast.MergeKeyNode); merge {
			if err := d.merge(&n, at(v), value, written); err != nil {
				return nil, err
			}
			continue
		}
		key, err := d.convert(plainKey(v.Key))
		if err != nil {
			return nil, err
		}
		key.kind = scalar
		if old := n.raw(key.text); written[key.text] && old.String() != value.String() {
			d.twice = append(d.twice, collision{at: key, name: key.text})
		}
		n.put(entry{key.text, key, value})
		written[key.text] = true
	}
	for _, e := range n.entries {
		n.size += e.value.size + 1
	}
	return &n, nil
}

func plainKey(k ast.MapKeyNode) ast.Node {
	switch k := k.(ast.Node).(type) {
	case *ast.MappingKeyNode:
		return k.Value
	default:
		return k
	}
}

// put sets a key, in the place of an earlier one of that name.
func (n *node) put(e entry) {
	for i, old := range n.entries {
		if old.name == e.name {
			n.entries[i] = e
			return
		}
	}
	n.entries = append(n.entries, e)
}

// merge takes over the keys of other mappings. Of several, the first wins.
func (d *doc) merge(n *node, place node, value *node, written map[string]bool) error {
	sources := []*node{value}
	if value.kind == list {
		sources = value.items
	}
	for i := len(sources) - 1; i >= 0; i-- {
		for _, e := range sources[i].entries {
			if !d.spend(1) || len(n.entries) > MaxKeys {
				return d.tooMuch()
			}
			old := n.raw(e.name)
			n.put(e)
			if written[e.name] && old.String() != e.value.String() {
				d.twice = append(d.twice, collision{at: &place, name: e.name, merge: &place})
			}
		}
	}
	return nil
}

// deep reports whether the text nests deeper than MaxDepth, before a parser
// recurses into it.
func deep(raw []byte, tokens token.Tokens) bool {
	for l := range bytes.Lines(raw) {
		if len(l)-len(bytes.TrimLeft(l, " -?")) > 8*MaxDepth {
			return true
		}
	}
	brackets, marks := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.AnchorType, token.TagType:
			marks += 2
		}
		marks = max(0, marks-1)
		if brackets > MaxDepth || marks > MaxDepth {
			return true
		}
	}
	return false
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}
