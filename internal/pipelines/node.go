package pipelines

import (
	"strings"
	"unicode/utf8"

	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// A node is a value with its aliases and merge keys resolved.
type node = yamlnode.Node

type entry = yamlnode.Field

// isReference reports whether n is what another place of the file holds:
// !reference [job, key].
func isReference(n *node) bool { return n != nil && n.Kind == yamlnode.List && n.Tag == "!reference" }

// isList reports whether n is a list that is written out.
func isList(n *node) bool { return n != nil && n.Kind == yamlnode.List && !isReference(n) }

// put sets a key, in the place of an earlier one of that name.
func put(n *node, e entry) {
	for i, old := range n.Fields {
		if old.Name == e.Name {
			n.Fields[i] = e
			return
		}
	}
	n.Fields = append(n.Fields, e)
}

// truth is what a value means where yes or no is asked for.
type truth int

const (
	unknown truth = iota
	no
	yes
)

// truthOf reads a boolean as the platform's YAML 1.1 does: yes and on are true.
func truthOf(n *node) truth {
	if n == nil || n.Kind != yamlnode.Scalar || n.Quoted {
		return unknown
	}
	switch strings.ToLower(n.Text) {
	case "true", "yes", "on":
		return yes
	case "false", "no", "off":
		return no
	}
	return unknown
}

// show returns a value on one line, cut to a length that fits a message.
func show(n *node) string {
	var b strings.Builder
	write(n, &b, 400)
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

// whole returns all of a value on one line, for comparing.
func whole(n *node) string {
	var b strings.Builder
	write(n, &b, 16*MaxBytes)
	return b.String()
}

// write writes a value as flow YAML, until b is longer than limit.
func write(n *node, b *strings.Builder, limit int) {
	if b.Len() > limit {
		return
	}
	if n == nil {
		b.WriteString("nothing")
		return
	}
	switch n.Kind {
	case yamlnode.Null:
		b.WriteString("null")
	case yamlnode.Scalar:
		b.WriteString(n.Text[:min(len(n.Text), limit+1)])
	case yamlnode.List:
		if isReference(n) {
			b.WriteString("!reference ")
		}
		b.WriteByte('[')
		for i, v := range n.Items {
			if i > 0 {
				b.WriteString(", ")
			}
			write(v, b, limit)
		}
		b.WriteByte(']')
	case yamlnode.Map:
		b.WriteByte('{')
		for i, e := range n.Fields {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(e.Name[:min(len(e.Name), limit+1)] + ": ")
			write(e.Value, b, limit)
		}
		b.WriteByte('}')
	}
}
