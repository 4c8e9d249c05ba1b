package yamlnode

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

var most = Limits{Bytes: 1 << 20, Depth: 64, Tokens: 100_000, Keys: 2000, Nodes: 300_000}

// plainly reads a text as the parser gives it, without what Parse does to its
// tokens.
func plainly(text string, o Options) (roots []*Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	f, err := parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, err
	}
	r := reading{doc: &Document{max: o.Nodes}, options: o, anchors: map[string]*Node{}}
	for _, y := range f.Docs {
		if y.Body == nil {
			continue
		}
		n, err := r.node(y.Body, 0)
		if err != nil {
			return nil, err
		}
		if n.Kind != Null {
			roots = append(roots, n)
		}
	}
	return roots, nil
}

// draw writes a value with everything that is known of it.
func draw(n *Node) string {
	var b strings.Builder
	var to func(n *Node)
	to = func(n *Node) {
		fmt.Fprintf(&b, "%d:%d:%d%s", n.Kind, n.Line, n.Column, n.Tag)
		switch n.Kind {
		case Scalar:
			fmt.Fprintf(&b, "=%d%v%q", n.Type, n.Quoted, n.Text)
		case List:
			b.WriteByte('[')
			for _, i := range n.Items {
				to(i)
				b.WriteByte(',')
			}
			b.WriteByte(']')
		case Map:
			b.WriteByte('{')
			for _, f := range n.Fields {
				to(f.Key)
				b.WriteByte(':')
				to(f.Value)
				b.WriteByte(',')
			}
			b.WriteByte('}')
		}
		b.WriteByte(' ')
	}
	if n != nil {
		to(n)
	}
	return b.String()
}

// same fails t unless what is done to the tokens is without effect.
func same(t *testing.T, text string) {
	t.Helper()
	o := Options{Limits: most}
	d, err := Parse([]byte(text), o)
	var bad *Error
	if err != nil && !errors.As(err, &bad) {
		t.Fatalf("%q: %v is no *Error", text, err)
	}
	if err != nil && (bad.Limit || bad.What == "not UTF-8 text") {
		return
	}
	roots, plain := plainly(text, o)
	if (err == nil) != (plain == nil) {
		t.Fatalf("%q: got %v, the parser says %v", text, err, plain)
	}
	if err != nil {
		return
	}
	var got, want string
	for _, n := range d.Roots {
		got += draw(n)
	}
	for _, n := range roots {
		want += draw(n)
	}
	if got != want {
		t.Fatalf("%q:\ngot  %s\nwant %s", text, got, want)
	}
}

// corpus is texts whose nulls, keys and levels are of every kind.
var corpus = []string{
	"", "# x\n", "a", "a: 1\nb: [x, 'y', \"z\"]\nc: {d: e, f: }\n", "a:\nb:\n  c:\n  d:\ne:\n", "- a\n-\n- b\n-\n", "-\n-\n  - a\n  -\n-\n",
	"a:\n- b\n-\n- c:\n  d:\ne:\n", "a: # x\nb: # y\n", "a: &x\nb: *x\n", "a: &x {c: d}\nb: {<<: *x, e: f}\n", "a:\n  <<: {b: c}\n  d:\n", "? a\n: b\n? c\n",
	"a: !t [x]\nb: !!str 1\nc: !!null\nd:\n", "a: |\n  x\n   y\n\nb: >-\n  z\n\nc:\n", "a: 'x\n  y'\nb: x\n  y\nc:\n", "'a':\n\"b\":\n1:\ntrue:\nnull:\n~:\n",
	"---\na:\n---\nb:\n...\n", "%YAML 1.2\n---\na: b\n", "{a, b: c, d: , e: {f}, g: [h, {i}]}", "[a: b, {c}, [d: ], ]", "a: b: c", "a:\n b:\n  c:\n d:\n", "a:\n  - b:\n    c:\n  - d:\n",
	"a: \n\n\nb: \n# x\n\n c: d\n", "&a b:\n&c d:\n", "*a : b", "!x a:\n!y b:\n", "a:\r\nb:\r\n- c\r\n", "a: .inf\nb: 0x1\nc: 1e3\nd: yes\n", "\ta: b", "a: [\n", "a: '", "- - - a\n  -\n",
	"a: @", "a: \"\\q\"", "a:\n  b\n c", "x: - y", "a: b\n c: d", "? - a\n: - b\n", "a: !!set {b}\n", "- &a\n- *a\n-\n", "a:\n  &b c:\n  d:\n",
	"0 \n:\n:",
}

// What is done to the tokens, so that the parser does not take a square of the
// time, is without effect on what is read.
func TestParse_reads_what_the_parser_reads(t *testing.T) {
	for _, text := range corpus {
		same(t, text)
		same(t, "top:\n  "+strings.ReplaceAll(text, "\n", "\n  "))
		same(t, "- "+strings.ReplaceAll(text, "\n", "\n  ")+"\n-\n")
		same(t, strings.Repeat("k", 300_000)+":\n  "+strings.ReplaceAll(text, "\n", "\n  ")+"\n")
	}
}

func FuzzParse_reads_what_the_parser_reads(f *testing.F) {
	for _, text := range corpus {
		f.Add(text)
	}
	f.Fuzz(same)
}

func parsed(t *testing.T, text string, o Options) *Document {
	t.Helper()
	o.Limits = most
	d, err := Parse([]byte(text), o)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return d
}

func TestParse_values_know_where_they_stand(t *testing.T) {
	d := parsed(t, "a: x\nb:\n  - c: 1\n    d: {e: 'f'}\n", Options{})
	n := d.Roots[0]
	for _, c := range []struct {
		node         *Node
		line, column int
		text         string
	}{
		{n, 1, 1, ""}, {n.Get("a"), 1, 4, "x"}, {n.Get("b"), 3, 3, ""}, {n.Get("b").Items[0], 3, 5,
			""}, {n.Get("b").Items[0].Get("c"), 3, 8, "1"},
		{n.Get("b").Items[0].Get("d").Get("e"), 4, 12, "f"}, {n.Get("b").Items[0].Get("d").Fields[0].Key, 4, 9, "e"},
	} {
		if c.node == nil || c.node.Line != c.line || c.node.Column != c.column || c.node.Text != c.text {
			t.Errorf("got %+v, want %q at %d:%d", c.node, c.text, c.line, c.column)
		}
	}
	if n.Get("none") != nil || n.Get("a").Get("x") != nil || (*Node)(nil).Get("x") != nil || n.Get("b").Str() != "" ||
		n.Get("a").Str() != "x" {
		t.Error("what is not there is found")
	}
	flat := parsed(t, "a: [x, [y, [z, !t [u]]], ~]\n", Options{}).Roots[0].Get("a").Flat()
	if len(flat) != 4 || flat[2].Text != "z" || flat[3].Tag != "!t" {
		t.Errorf("opened, it is %d values, want 4", len(flat))
	}
}

// A later key, and a later merge key, take the place of an earlier one, and it
// is said where that changes something.
func TestH06_keys_that_stand_twice_are_told(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\nb: 2\na: 3\n": "3:1 a false", "a: 1\na: 1\n": "", "x: &x {a: 2}\ny:\n  a: 1\n  <<: *x\n": "4:3 a true", "x: &x {a: 2}\ny:\n  <<: *x\n  a: 1\n": "",
		"a: {b: 1, b: 2}": "1:11 b false", "a: [x, y]\na: [x,   'y']\n": "",
	} {
		d := parsed(t, text, Options{})
		got := ""
		for _, x := range d.Twice {
			got = fmt.Sprintf("%d:%d %s %v", x.At.Line, x.At.Column, x.Name, x.Merge)
		}
		if got != want {
			t.Errorf("%q: told %q, want %q", text, got, want)
		}
	}
	n := parsed(t, "a: 1\nb: 2\na: 3\n", Options{}).Roots[0]
	if len(n.Fields) != 2 || n.Get("a").Text != "3" || len(n.Again) != 1 {
		t.Errorf("got %s, want the last value in the first place", draw(n))
	}
}

// Plain YAML has one meaning; what has two is told, and is no value.
func TestB11_what_has_two_meanings_is_told(t *testing.T) {
	for text, want := range map[string]int{
		"a: b\nc: [d]\n": 0, "a: &x b\n": 1, "a: [&x b, *x]\n": 2, "a: !!str 1\n": 1, "a: {<<: {b: c}}\n": 1, "a: !t {b: &x c}\n": 1, "&x a: b\n": 1, "%YAML 1.2\n---\na: b\n": 1,
	} {
		d := parsed(t, text, Options{Plain: true})
		if len(d.Odd) != want {
			t.Errorf("%q: told %d, want %d", text, len(d.Odd), want)
		}
		for _, n := range d.Odd {
			if n.Kind != Other || n.Line == 0 || n.Str() != "" {
				t.Errorf("%q: %+v is a value", text, n)
			}
		}
	}
}

func TestO02_what_is_too_much_is_refused(t *testing.T) {
	laughs := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [%s]\n", i, i,
			strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	keys := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "k%d: 1\n", i)
		}
		return b.String()
	}
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for name, c := range map[string]struct{ most, more string }{
		"bytes":     {"# " + strings.Repeat("x", most.Bytes-2), "# " + strings.Repeat("x", most.Bytes-1)},
		"brackets":  {nested(most.Depth), nested(most.Depth + 1)},
		"keys":      {keys(most.Keys), keys(most.Keys + 1)},
		"documents": {strings.Repeat("--- a\n", maxDocuments), strings.Repeat("--- a\n", maxDocuments+1)},
		"dashes":    {strings.Repeat("- ", most.Depth) + "a", strings.Repeat("- ", most.Depth+1) + "a"},
		"tokens": {"[" + strings.Repeat("a,", most.Tokens/2-1) + "]", "[" + strings.Repeat("a,", most.Tokens/2) +
			"]"},
		"aliases": {"a: &a x\nb: [*a]\n", laughs},
		"tags":    {"a: !x 1\n", "a: " + strings.Repeat("!x ", 1000) + "1\n"},
		"anchors": {"a: &a 1\n", "a: " + strings.Repeat("&a ", 1000) + "1\n"},
	} {
		if _, err := Parse([]byte(c.most), Options{Limits: most}); err != nil {
			t.Errorf("%s: the most is refused: %v", name, err)
		}
		_, err := Parse([]byte(c.more), Options{Limits: most})
		var bad *Error
		if !errors.As(err, &bad) || !bad.Limit {
			t.Errorf("%s: got %v, want it refused as too much", name, err)
		}
	}
}

// Each text that the lexer or the parser would take a square of the time for is
// refused, and a shorter one of its kind is read.
func TestO04_what_would_cost_a_square_is_refused(t *testing.T) {
	o := Limits{Bytes: 8 << 20, Depth: 64, Tokens: 2_000_000, Keys: 1_000_000, Nodes: 2_000_000}
	times := func(part string) func(int) string {
		return func(n int) string { return "a: " + strings.Repeat(part, n) }
	}
	for name, c := range map[string]struct {
		text     func(n int) string
		few, bad int
	}{
		"merge signs": {times("<"), 1000, 20_000},
		"quoted tabs": {func(n int) string { return "a: \"" + strings.Repeat("\t", n) + "x\"" }, 1000, 20_000},
		"ends of a block": {func(n int) string {
			return "a: |\n" + strings.Repeat("  x\n", n) +
				strings.Repeat("\n", n) + "b: c\n"
		}, 1000, 20_000},
		"keys": {func(n int) string { return keysOf("", n, "v") }, 1000, 20_000},
		"keys of many maps": {func(n int) string {
			return strings.Repeat("- "+strings.ReplaceAll(keysOf("", 100, "v"), "\n", "\n  ")+"\n", n)
		}, 10, 8000},
		"flow keys, no values": {func(n int) string {
			return "{" + strings.ReplaceAll(keysOf("", n, ""), ":\n", ",") +
				"}"
		}, 1000, 20_000},
		"flow keys, nulls": {func(n int) string {
			return "{" + strings.ReplaceAll(keysOf("", n, ""), "\n", " ,") +
				"}"
		}, 1000, 20_000},
		"marked keys, nulls": {func(n int) string { return keysOf("&a ", n, "") }, 500, 8000},
		"documents":          {func(n int) string { return strings.Repeat("--- a\n", n) }, 10, 20},
	} {
		if _, err := Parse([]byte(c.text(c.few)), Options{Limits: o}); err != nil {
			t.Errorf("%s: %d are refused: %v", name, c.few, err)
		}
		_, err := Parse([]byte(c.text(c.bad)), Options{Limits: o})
		var bad *Error
		if !errors.As(err, &bad) || !bad.Limit {
			t.Errorf("%s: %d: got %v, want it refused", name, c.bad, err)
		}
	}
}

// keysOf returns a mapping of n keys.
func keysOf(mark string, n int, value string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.TrimRight(fmt.Sprintf("%sk%d: %s", mark, i, value), " ") + "\n")
	}
	return b.String()
}

// The nulls that the parser would put in between are written out, and long keys
// do not make its paths long.
func TestO04_tokens_are_made_cheap(t *testing.T) {
	for _, text := range []string{keysOf("", 1000, ""), strings.Repeat("-\n", 1000), "a:\n" +
		strings.Repeat("- b:\n  c:\n-\n", 100)} {
		tokens, err := tokenize(text, 100_000)
		if err != nil {
			t.Fatal(err)
		}
		nulls := func() (n int) {
			for i := range len(tokens) - 1 {
				mapping, list := tokens[i].Type == token.MappingValueType, tokens[i].Type == token.SequenceEntryType
				if (mapping || list) && isNull(tokens, i) {
					n++
				}
			}
			return n
		}
		before := nulls()
		tokens = withNulls(tokens)
		if after := nulls(); before < 100 || after > 0 {
			t.Errorf("%.20q: %d nulls before, %d after; want none", text, before, after)
		}
	}
	long := strings.Repeat("k", 400_000)
	tokens, err := tokenize(long+":\n"+strings.Repeat("- v\n", 1000), 100_000)
	if err != nil {
		t.Fatal(err)
	}
	kept := shorten(tokens, 64)
	if len(kept) != 1 || kept[tokens[0]] != long || len(tokens[0].Value) > 20 {
		t.Errorf("kept %d texts, the key has %d bytes", len(kept), len(tokens[0].Value))
	}
	if d := parsed(t, long+":\n"+strings.Repeat("- v\n", 1000), Options{}); d.Roots[0].Fields[0].Name != long ||
		d.Roots[0].Fields[0].Key.Text != long {
		t.Error("the long key is not what it was")
	}
}

// A second document behind an empty one is not dropped.
func TestB11_no_document_is_lost(t *testing.T) {
	for text, want := range map[string]int{"a: b\n---\nc: d\n": 2, "---\na: b\n": 1, "a: b\n...\n---\nc: d\n": 2,
		"a: b\n---\n": 1, "a: b\n...\nc: d\n": 2} {
		if d := parsed(t, text, Options{}); len(d.Roots) != want {
			t.Errorf("%q: %d documents, want %d", text, len(d.Roots), want)
		}
	}
	if _, err := Parse([]byte("a: b\n---\n---\nc: d\n"), Options{Limits: most}); err == nil {
		t.Error("a document behind an empty one is read, and lost")
	}
}

func TestError_says_where(t *testing.T) {
	for text, want := range map[string]string{"a: b\nc: [\n": "2:4", "a: *x\n": "1:4", "a: b\n\tc: d\n": "2:1",
		"a: \xff": "0:0"} {
		_, err := Parse([]byte(text), Options{Limits: most})
		var bad *Error
		if !errors.As(err, &bad) || bad.Limit || fmt.Sprintf("%d:%d", bad.Line, bad.Column) != want ||
			strings.Contains(bad.What, "\n") {
			t.Errorf("%q: got %+v, want it at %s", text, bad, want)
		}
	}
}
