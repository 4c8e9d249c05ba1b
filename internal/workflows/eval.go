package workflows

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/rhysd/actionlint"
)

// A value is what an expression is worth, as far as it is known. The zero value
// is unknown.
type value struct {
	kind kind
	b    bool
	n    float64
	s    string
	list []value
}

type kind int

const (
	unknown kind = iota
	null
	logical
	number
	text
	array
)

func boolean(b bool) value { return value{kind: logical, b: b} }
func str(s string) value   { return value{kind: text, s: s} }

// truth returns whether v counts as true, if that is known.
func truth(v value) (t, known bool) {
	switch v.kind {
	case null:
		return false, true
	case logical:
		return v.b, true
	case number:
		return v.n != 0 && !math.IsNaN(v.n), true
	case text:
		return v.s != "", true
	case array:
		return true, true
	}
	return false, false
}

// and is false if one side is, even if the other is unknown.
func and(a value, b func() value) value {
	t, known := truth(a)
	if known && !t {
		return a
	}
	r := b()
	if known {
		return r
	}
	if t, known := truth(r); known && !t {
		return boolean(false)
	}
	return value{}
}

// or is true if one side is, even if the other is unknown.
func or(a value, b func() value) value {
	t, known := truth(a)
	if known && t {
		return a
	}
	r := b()
	if known {
		return r
	}
	if t, known := truth(r); known && t {
		return boolean(true)
	}
	return value{}
}

func (w world) eval(n actionlint.ExprNode) value {
	switch n := n.(type) {
	case *actionlint.NullNode:
		return value{kind: null}
	case *actionlint.BoolNode:
		return boolean(n.Value)
	case *actionlint.IntNode:
		return value{kind: number, n: float64(n.Value)}
	case *actionlint.FloatNode:
		return value{kind: number, n: n.Value}
	case *actionlint.StringNode:
		return str(n.Value)
	case *actionlint.NotOpNode:
		t, known := truth(w.eval(n.Operand))
		if !known {
			return value{}
		}
		return boolean(!t)
	case *actionlint.CompareOpNode:
		return compare(n.Kind, w.eval(n.Left), w.eval(n.Right))
	case *actionlint.LogicalOpNode:
		right := func() value { return w.eval(n.Right) }
		if n.Kind == actionlint.LogicalOpNodeKindAnd {
			return and(w.eval(n.Left), right)
		}
		return or(w.eval(n.Left), right)
	case *actionlint.FuncCallNode:
		return w.call(n)
	}
	if p, ok := pathOf(n); ok && w.look != nil {
		return w.look(p)
	}
	return value{}
}

func (w world) call(n *actionlint.FuncCallNode) value {
	name := strings.ToLower(n.Callee)
	if v, ok := w.status[name]; ok {
		return v
	}
	var args []value
	for _, a := range n.Args {
		args = append(args, w.eval(a))
	}
	switch {
	case name == "contains" && len(args) == 2:
		return contains(args[0], args[1])
	case name == "startswith" && len(args) == 2:
		return onText(args, strings.HasPrefix)
	case name == "endswith" && len(args) == 2:
		return onText(args, strings.HasSuffix)
	case name == "fromjson" && len(args) == 1:
		return fromJSON(args[0])
	case name == "join" && len(args) > 0:
		return join(args)
	case name == "format" && len(args) == 1 && args[0].kind == text && !strings.ContainsAny(args[0].s, "{}"):
		return args[0]
	}
	return value{}
}

// contains looks for a text in a text, or for a value among values.
func contains(in, what value) value {
	if in.kind != array {
		return onText([]value{in, what}, strings.Contains)
	}
	found := boolean(false)
	for _, v := range in.list {
		found = or(found, func() value { return compare(actionlint.CompareOpNodeKindEq, v, what) })
	}
	return found
}

func onText(args []value, does func(a, b string) bool) value {
	a, ok := args[0].text()
	b, also := args[1].text()
	if !ok || !also {
		return value{}
	}
	return boolean(does(strings.ToLower(a), strings.ToLower(b)))
}

// text returns v as the platform writes it.
func (v value) text() (string, bool) {
	switch v.kind {
	case null:
		return "", true
	case logical:
		return strconv.FormatBool(v.b), true
	case number:
		return strconv.FormatFloat(v.n, 'g', 15, 64), true
	case text:
		return v.s, true
	}
	return "", false
}

func join(args []value) value {
	sep := ","
	if len(args) > 1 {
		s, ok := args[1].text()
		if !ok {
			return value{}
		}
		sep = s
	}
	if args[0].kind != array {
		return args[0]
	}
	var out []string
	for _, v := range args[0].list {
		s, ok := v.text()
		if !ok {
			return value{}
		}
		out = append(out, s)
	}
	return str(strings.Join(out, sep))
}

func fromJSON(v value) value {
	if v.kind != text {
		return value{}
	}
	var x any
	if json.Unmarshal([]byte(v.s), &x) != nil {
		return value{}
	}
	return plainValue(x)
}

func plainValue(x any) value {
	switch x := x.(type) {
	case nil:
		return value{kind: null}
	case bool:
		return boolean(x)
	case float64:
		return value{kind: number, n: x}
	case string:
		return str(x)
	case []any:
		out := value{kind: array}
		for _, e := range x {
			out.list = append(out.list, plainValue(e))
		}
		return out
	}
	return value{}
}

// compare compares as the platform does: texts without regard to case, values
// of different kinds as numbers.
func compare(k actionlint.CompareOpNodeKind, a, b value) value {
	if a.kind == unknown || b.kind == unknown || a.kind == array || b.kind == array {
		return value{}
	}
	if a.kind == text && b.kind == text {
		return ordered(k, float64(strings.Compare(strings.ToUpper(a.s), strings.ToUpper(b.s))), 0)
	}
	return ordered(k, a.number(), b.number())
}

func ordered(k actionlint.CompareOpNodeKind, a, b float64) value {
	switch k {
	case actionlint.CompareOpNodeKindLess:
		return boolean(a < b)
	case actionlint.CompareOpNodeKindLessEq:
		return boolean(a <= b)
	case actionlint.CompareOpNodeKindGreater:
		return boolean(a > b)
	case actionlint.CompareOpNodeKindGreaterEq:
		return boolean(a >= b)
	case actionlint.CompareOpNodeKindEq:
		return boolean(a == b)
	case actionlint.CompareOpNodeKindNotEq:
		return boolean(a != b)
	}
	return value{}
}

func (v value) number() float64 {
	switch v.kind {
	case logical:
		if v.b {
			return 1
		}
		return 0
	case null:
		return 0
	case number:
		return v.n
	}
	s := strings.TrimSpace(v.s)
	if s == "" {
		return 0
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return n
}
