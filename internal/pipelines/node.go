package pipelines

import (
	"strings"
	"unicode/utf8"
)

type kind int

const (
	null kind = iota
	scalar
	list
	table
	reference // !reference [job, key]
)

// A node is a value with its aliases and merge keys resolved. Nodes are shared
// and never changed after they are made.
type node struct {
	kind         kind
	text         string
	quoted       bool
	items        []*node
	entries      []entry
	size         int // values in it, counted as often as they are used
	line, column int
}

type entry struct {
	name  string
	key   *node // the place of the name
	value *node
}

// get returns the value of a key, or nil; a null is a value nobody gave.
func (n *node) get(name string) *node {
	if v := n.raw(name); v != nil && v.kind != null {
		return v
	}
	return nil
}

func (n *node) raw(name string) *node {
	if n == nil || n.kind != table {
		return nil
	}
	for _, e := range n.entries {
		if e.name == name {
			return e.value
		}
	}
	return nil
}

// str returns the text of a scalar; anything else is empty.
func (n *node) str() string {
	if n == nil || n.kind != scalar {
		return ""
	}
	return n.text
}

// truth is what a value means where yes or no is asked for.
type truth int

const (
	unknown truth = iota
	no
	yes
)

// truth reads a boolean as the platform's YAML 1.1 does: yes and on are true.
func (n *node) truth() truth {
	if n == nil || n.kind != scalar || n.quoted {
		return unknown
	}
	switch strings.ToLower(n.text) {
	case "true", "yes", "on":
		return yes
	case "false", "no", "off":
		return no
	}
	return unknown
}

// flat returns the elements of a list whose lists are opened, as the platform
// does with scripts, rules and needs. A lone value is a list of one.
func (n *node) flat() []*node {
	return n.open(nil)
}

func (n *node) open(out []*node) []*node {
	if n == nil || n.kind == null {
		return out
	}
	if n.kind != list {
		return append(out, n)
	}
	for _, i := range n.items {
		out = i.open(out)
	}
	return out
}

// show returns a value on one line, cut to a length that fits a message.
func (n *node) show() string {
	var b strings.Builder
	n.print(&b, 400)
	s := strings.Join(strings.Fields(b.String()), " ")
	if len(s) <= 80 {
		return s
	}
	cut := 77
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "..."
}

// print writes a value as flow YAML, until b is longer than limit.
func (n *node) print(b *strings.Builder, limit int) {
	if b.Len() > limit {
		return
	}
	if n == nil {
		b.WriteString("nothing")
		return
	}
	switch n.kind {
	case null:
		b.WriteString("null")
	case scalar:
		b.WriteString(n.text)
	case list, reference:
		if n.kind == reference {
			b.WriteString("!reference ")
		}
		b.WriteByte('[')
		for i, v := range n.items {
			if i > 0 {
				b.WriteString(", ")
			}
			v.print(b, limit)
		}
		b.WriteByte(']')
	case table:
		b.WriteByte('{')
		for i, e := range n.entries {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(e.name + ": ")
			e.value.print(b, limit)
		}
		b.WriteByte('}')
	}
}

func (n *node) String() string {
	var b strings.Builder
	n.print(&b, 16*MaxBytes)
	return b.String()
}
