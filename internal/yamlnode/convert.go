package yamlnode

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A reading makes nodes of what the parser made.
type reading struct {
	doc     *Document
	options Options
	long    map[*token.Token]string // texts that were taken out of tokens
	anchors map[string]*Node
}

func (r *reading) tooMuch() error {
	return limit("more than %d values once its aliases are followed", r.options.Nodes)
}

// place returns a node that stands where y begins: the token of a mapping is its
// first colon.
func place(y ast.Node) Node {
	if y == nil || y.GetToken() == nil || y.GetToken().Position == nil {
		return Node{Size: 1}
	}
	switch m := y.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return place(m.Values[0])
		}
	case *ast.MappingValueNode:
		if key, ok := m.Key.(ast.Node); ok && key != nil {
			return place(key)
		}
	}
	p := y.GetToken().Position
	return Node{Line: p.Line, Column: p.Column, Size: 1}
}

func (r *reading) node(y ast.Node, depth int) (*Node, error) {
	if !r.doc.Spend(1) {
		return nil, r.tooMuch()
	}
	n := place(y)
	if depth > r.options.Depth {
		return nil, &Error{Line: n.Line, Column: n.Column, Limit: true,
			What: fault.Text("nested deeper than %d", r.options.Depth)}
	}
	switch y := y.(type) {
	case nil, *ast.NullNode:
		return &n, nil
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.DirectiveNode, *ast.MergeKeyNode:
		if r.options.Plain {
			n.Kind = Other
			r.doc.Odd = append(r.doc.Odd, &n)
			return &n, nil
		}
		return r.marked(y, depth)
	case *ast.SequenceNode:
		n.Kind, n.Flow = List, y.IsFlowStyle
		for _, v := range y.Values {
			i, err := r.node(v, depth+1)
			if err != nil {
				return nil, err
			}
			n.Items, n.Size = append(n.Items, i), n.Size+i.Size
		}
		return &n, nil
	case *ast.MappingNode:
		n.Flow = y.IsFlowStyle
		return r.mapping(n, y.Values, depth)
	case *ast.MappingValueNode:
		return r.mapping(n, []*ast.MappingValueNode{y}, depth)
	}
	r.scalar(&n, y)
	return &n, nil
}

// marked reads what gives YAML a second meaning, for a caller who takes it.
func (r *reading) marked(y ast.Node, depth int) (*Node, error) {
	switch y := y.(type) {
	case *ast.AnchorNode:
		n, err := r.node(y.Value, depth)
		if err == nil {
			r.anchors[r.name(y.Name)] = n
		}
		return n, err
	case *ast.AliasNode:
		return r.alias(y)
	case *ast.TagNode:
		n, err := r.node(y.Value, depth)
		if err != nil {
			return nil, err
		}
		c, tag := *n, y.Start.Value
		if !strings.HasPrefix(tag, "!!") {
			c.Tag = tag
		}
		c.Quoted = c.Quoted || tag == "!!str"
		return &c, nil
	case *ast.MergeKeyNode:
		n := place(y)
		r.scalar(&n, y)
		return &n, nil
	}
	n := place(y) // a directive holds nothing
	return &n, nil
}

func (r *reading) name(y ast.Node) string {
	if y == nil || y.GetToken() == nil {
		return ""
	}
	return r.text(y.GetToken())
}

// alias returns what its anchor holds. An alias inside of its own anchor finds
// none yet.
func (r *reading) alias(y *ast.AliasNode) (*Node, error) {
	n, known := r.anchors[r.name(y.Value)]
	if !known {
		p := place(y)
		return nil, &Error{Line: p.Line, Column: p.Column,
			What: fault.Text("alias %q names no anchor before it", r.name(y.Value))}
	}
	if !r.doc.Spend(n.Size) {
		return nil, r.tooMuch()
	}
	return n, nil
}

// text returns the text of a token.
func (r *reading) text(t *token.Token) string {
	if s, ok := r.long[t]; ok {
		return s
	}
	return t.Value
}

func (r *reading) scalar(n *Node, y ast.Node) {
	n.Kind = Scalar
	switch y := y.(type) {
	case *ast.StringNode:
		n.Text = y.Value
		if s, ok := r.long[y.Token]; ok {
			n.Text = s
		}
		n.Quoted = y.Token.Type == token.SingleQuoteType || y.Token.Type == token.DoubleQuoteType
	case *ast.LiteralNode:
		n.Text, n.Quoted = y.Value.Value, true
	default:
		n.Text, n.Type = r.text(y.GetToken()), typeOf(y)
	}
}

func typeOf(y ast.Node) Type {
	switch y.(type) {
	case *ast.IntegerNode:
		return Integer
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return Float
	case *ast.BoolNode:
		return Boolean
	}
	return Text
}

// mapping reads keys in their order: a later key, and a later merge key, take
// the place of an earlier one.
func (r *reading) mapping(n Node, values []*ast.MappingValueNode, depth int) (*Node, error) {
	n.Kind = Map
	if len(values) > r.options.Keys {
		return nil, &Error{Line: n.Line, Column: n.Column, Limit: true,
			What: fault.Text("%d keys in one mapping, at most %d are read", len(values), r.options.Keys)}
	}
	m := making{Node: &n, at: make(map[string]int, len(values)), written: make(map[string]bool, len(values))}
	for _, v := range values {
		value, err := r.node(v.Value, depth+1)
		if err != nil {
			return nil, err
		}
		if _, merges := v.Key.(ast.Node).(*ast.MergeKeyNode); merges && !r.options.Plain {
			if err := r.merge(&m, place(v), value); err != nil {
				return nil, err
			}
			continue
		}
		key, err := r.key(v.Key, depth+1)
		if err != nil {
			return nil, err
		}
		f := Field{key.Text, key, value}
		if m.written[f.Name] {
			n.Again = append(n.Again, f)
			if !Equal(m.value(f.Name), value) {
				r.doc.Twice = append(r.doc.Twice, Twice{At: key, Name: f.Name})
			}
		}
		m.put(f)
		m.written[f.Name] = true
	}
	for _, f := range n.Fields {
		n.Size += f.Value.Size + 1
	}
	return &n, nil
}

// key reads a key. In plain YAML the caller is told of one that is no text by
// its type.
func (r *reading) key(k ast.MapKeyNode, depth int) (*Node, error) {
	y := k.(ast.Node)
	if q, ok := y.(*ast.MappingKeyNode); ok {
		y = q.Value
	}
	n, err := r.node(y, depth)
	if err != nil || n.Kind == Other {
		return n, err
	}
	c := *n
	if c.Kind == Null {
		r.scalar(&c, y)
		c.Type = Boolean // no text, whatever it is
	}
	if c.Kind != Scalar {
		c.Type = Boolean
	}
	if !r.options.Plain {
		c.Kind = Scalar
	}
	return &c, nil
}

// A making is a mapping that is being read.
type making struct {
	*Node
	at      map[string]int // places in Fields
	written map[string]bool
}

func (m *making) value(name string) *Node {
	if i, ok := m.at[name]; ok {
		return m.Fields[i].Value
	}
	return nil
}

// put sets a key, in the place of an earlier one of that name.
func (m *making) put(f Field) {
	if i, ok := m.at[f.Name]; ok {
		m.Fields[i] = f
		return
	}
	m.at[f.Name] = len(m.Fields)
	m.Fields = append(m.Fields, f)
}

// merge takes over the keys of other mappings. Of several, the first wins.
func (r *reading) merge(m *making, at Node, value *Node) error {
	sources := []*Node{value}
	if value.Kind == List {
		sources = value.Items
	}
	for i := len(sources) - 1; i >= 0; i-- {
		for _, f := range sources[i].Fields {
			if !r.doc.Spend(1) || len(m.Fields) > r.options.Keys {
				return r.tooMuch()
			}
			old := m.value(f.Name)
			m.put(f)
			if m.written[f.Name] && !Equal(old, f.Value) {
				r.doc.Twice = append(r.doc.Twice, Twice{At: &at, Name: f.Name, Merge: true})
			}
		}
	}
	return nil
}
