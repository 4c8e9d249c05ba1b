package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"
)

// maxCondition is the longest expression that is read.
const maxCondition = 16 << 10

// A condition is what stands behind if:. Text around an expression makes the
// whole a string; it is true then, and nodes are the expressions in it.
type condition struct {
	nodes []actionlint.ExprNode
	text  bool
	err   error
}

// A piece of a text is an expression or what stands between two.
type piece struct {
	text       string
	expression bool
}

// split cuts a text at its expressions.
func split(text string) []piece {
	var out []piece
	for {
		before, rest, found := strings.Cut(text, "${{")
		if !found {
			break
		}
		if before != "" {
			out = append(out, piece{text: before})
		}
		end := closes(rest)
		out = append(out, piece{rest[:end], true})
		text = strings.TrimPrefix(rest[end:], "}}")
	}
	if text != "" {
		out = append(out, piece{text: text})
	}
	return out
}

// closes returns where the expression that s begins with ends. Brackets within
// a string do not end it.
func closes(s string) int {
	quoted := false
	for i := range len(s) {
		if s[i] == '\'' {
			quoted = !quoted
		}
		if !quoted && strings.HasPrefix(s[i:], "}}") {
			return i
		}
	}
	return len(s)
}

// parseCondition reads the value of an if. White space around an expression is
// text like any other.
func parseCondition(value string) condition {
	if !strings.Contains(value, "${{") {
		return condition{}.with(value)
	}
	c, pieces := condition{}, split(value)
	c.text = len(pieces) > 1
	for _, p := range pieces {
		if p.expression {
			c = c.with(p.text)
		}
	}
	return c
}

func (c condition) with(expr string) condition {
	if len(expr) > maxCondition {
		c.err = fmt.Errorf("an expression of %d bytes", len(expr))
		return c
	}
	n, err := actionlint.NewExprParser().Parse(actionlint.NewExprLexer(expr + "}}"))
	if err != nil {
		c.err = errors.New(err.Message)
		return c
	}
	c.nodes = append(c.nodes, n)
	return c
}

// calls returns the functions that the condition calls, in lower case.
func (c condition) calls() []string {
	var out []string
	for _, n := range c.nodes {
		actionlint.VisitExprNode(n, func(n, _ actionlint.ExprNode, entering bool) {
			if f, ok := n.(*actionlint.FuncCallNode); ok && entering {
				out = append(out, strings.ToLower(f.Callee))
			}
		})
	}
	return out
}

// paths returns what the condition looks at, each as far as it goes.
func (c condition) paths() [][]string {
	var out [][]string
	for _, n := range c.nodes {
		actionlint.VisitExprNode(n, func(n, parent actionlint.ExprNode, entering bool) {
			if p, ok := pathOf(n); ok && entering && !goesOn(parent, n) {
				out = append(out, p)
			}
		})
	}
	return out
}

// goesOn reports whether parent looks further into what n is.
func goesOn(parent, n actionlint.ExprNode) bool {
	switch p := parent.(type) {
	case *actionlint.ObjectDerefNode:
		return true
	case *actionlint.ArrayDerefNode:
		return true
	case *actionlint.IndexAccessNode:
		return p.Operand == n
	}
	return false
}

// pathOf returns the names that lead to a value: needs.a.result, and the same
// for needs['a'].result. An index that is not a name is *.
func pathOf(n actionlint.ExprNode) ([]string, bool) {
	switch n := n.(type) {
	case *actionlint.VariableNode:
		return []string{strings.ToLower(n.Name)}, true
	case *actionlint.ObjectDerefNode:
		p, ok := pathOf(n.Receiver)
		return append(p, strings.ToLower(n.Property)), ok
	case *actionlint.ArrayDerefNode:
		p, ok := pathOf(n.Receiver)
		return append(p, "*"), ok
	case *actionlint.IndexAccessNode:
		p, ok := pathOf(n.Operand)
		if s, isName := n.Index.(*actionlint.StringNode); isName {
			return append(p, strings.ToLower(s.Value)), ok
		}
		return append(p, "*"), ok
	}
	return nil, false
}

// statusFunctions switch off the success() that the platform adds to every
// condition without one.
var statusFunctions = []string{"success", "failure", "always", "cancelled"}

// A world is what a condition can see: what functions answer and what names
// hold. What it does not know is unknown.
type world struct {
	status  map[string]value
	look    func(path []string) value
	outcome func(path []string) bool // whether a path tells how the gate ended
}

// holds returns what the condition is worth with the success() that the
// platform adds. A condition that asks how the gate ended is taken at its word:
// what it says must be right without that help.
func (c condition) holds(w world) value {
	bare := c.bare(w)
	if slices.ContainsFunc(c.calls(), func(f string) bool { return slices.Contains(statusFunctions, f) }) {
		return bare
	}
	if w.outcome != nil && slices.ContainsFunc(c.paths(), w.outcome) {
		return bare
	}
	return and(w.status["success"], func() value { return bare })
}

// bare returns what the condition is worth as it is written.
func (c condition) bare(w world) value {
	if c.err != nil {
		return value{}
	}
	if c.text {
		return boolean(true)
	}
	if len(c.nodes) != 1 {
		return value{}
	}
	return w.eval(c.nodes[0])
}

// may reports whether the condition may hold in w. A missing condition is
// success().
func may(s *actionlint.String, w world) bool {
	v := w.status["success"]
	if s != nil {
		v = parseCondition(s.Value).holds(w)
	}
	t, known := truth(v)
	return t || !known
}

// sure reports whether the condition holds in every world in which all went
// well so far.
func sure(s *actionlint.String) bool {
	if s == nil {
		return true
	}
	t, known := truth(parseCondition(s.Value).holds(wentWell))
	return t && known
}

var wentWell = world{status: map[string]value{"success": boolean(true), "always": boolean(true), "failure": boolean(false), "cancelled": boolean(false)}}
