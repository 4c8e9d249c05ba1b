package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// reader reads the subset of YAML 1.2 that has one meaning: mappings, lists and
// scalars. It collects complaints, so that a person fixes them in one go.
type reader struct {
	file       string
	words      Words
	complaints []string
	vacuous    bool
}

func (r *reader) code() fault.Code {
	if r.vacuous && len(r.complaints) == 1 {
		return fault.PolicyVacuous
	}
	return fault.Policy
}

func (r *reader) complain(n ast.Node, format string, args ...any) {
	at := r.file
	if n = start(n); n != nil && n.GetToken() != nil {
		p := n.GetToken().Position
		at = fmt.Sprintf("%s:%d:%d", r.file, p.Line, p.Column)
	}
	r.complaints = append(r.complaints, at+": "+fmt.Sprintf(format, args...))
}

// complainAt complains about a line that was read before.
func (r *reader) complainAt(line int, format string, args ...any) {
	r.complaints = append(r.complaints, fmt.Sprintf("%s:%d: ", r.file, line)+fmt.Sprintf(format, args...))
}

// start returns the node that begins where n begins: the token of a mapping is
// its first colon.
func start(n ast.Node) ast.Node {
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return start(m.Values[0])
		}
	case *ast.MappingValueNode:
		if key, ok := m.Key.(ast.Node); ok {
			return key
		}
	}
	return n
}

func (r *reader) parse(raw []byte) (root ast.Node) {
	defer func() {
		if p := recover(); p != nil {
			r.complain(nil, "not YAML: %v", p)
			root = nil
		}
	}()
	if len(raw) > MaxBytes {
		r.complain(nil, "%d bytes, at most %d are read", len(raw), MaxBytes)
		return nil
	}
	if line, column, what := foreign(raw); what != "" {
		r.complaints = append(r.complaints, fmt.Sprintf("%s:%d:%d: %s", r.file, line, column, what))
		return nil
	}
	if deep(raw) {
		r.complain(nil, "nested deeper than %d", MaxDepth)
		return nil
	}
	f, err := parser.ParseBytes(raw, 0)
	if err != nil {
		r.syntax(firstLine(err.Error()))
		return nil
	}
	if len(f.Docs) > 1 {
		r.complain(nil, "want one document, found %d", len(f.Docs))
		return nil
	}
	if len(f.Docs) == 0 || f.Docs[0].Body == nil {
		r.complain(nil, "the file holds no policy")
		return nil
	}
	ast.Walk(plain{r}, f.Docs[0].Body)
	return f.Docs[0].Body
}

var syntaxPlace = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\[([0-9]+:[0-9]+)\] (.*)$`) })

// syntax repeats what the parser says, with the place where all complaints
// have it.
func (r *reader) syntax(said string) {
	if m := syntaxPlace().FindStringSubmatch(said); m != nil {
		r.complaints = append(r.complaints, r.file+":"+m[1]+": not YAML: "+m[2])
		return
	}
	r.complain(nil, "not YAML: %s", said)
}

// plain complains about what gives YAML a second meaning.
type plain struct{ r *reader }

// Visit implements ast.Visitor.
func (v plain) Visit(n ast.Node) ast.Visitor {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode, *ast.DirectiveNode:
		v.r.complain(n, "an anchor, alias, merge key, tag or directive is not read in a policy: it hides what a line means")
		return nil
	}
	return v
}

type field struct {
	name  string
	key   ast.Node
	value ast.Node
}

type mapping []field

func (m mapping) get(name string) ast.Node {
	for _, f := range m {
		if f.name == name {
			return f.value
		}
	}
	return nil
}

// fields returns the entries of a mapping, in order.
func (r *reader) fields(n ast.Node, what string) mapping {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		r.complain(n, "%s is not a mapping of keys to values", what)
		return nil
	}
	m := mapping{}
	for _, v := range values {
		key, ok := v.Key.(ast.Node).(*ast.StringNode)
		if !ok {
			r.complain(v, "key %q of %s is not a text", v.Key.String(), what)
			continue
		}
		if m.get(key.Value) != nil {
			r.complain(key, "key %q of %s stands here a second time", key.Value, what)
		}
		m = append(m, field{key.Value, key, v.Value})
	}
	return m
}

// mapping returns the entries of a mapping that may have the given keys only.
func (r *reader) mapping(n ast.Node, what string, keys ...string) mapping {
	m := r.fields(n, what)
	for _, f := range m {
		if !slices.Contains(keys, f.name) {
			r.complain(f.key, "unknown key %q of %s%s", f.name, what, DidYouMean(f.name, keys))
		}
	}
	return m
}

// require wants keys in m. What is no mapping at all has its complaint.
func (r *reader) require(m mapping, at ast.Node, what string, keys ...string) {
	for _, k := range keys {
		if m != nil && m.get(k) == nil {
			r.complain(at, "%s needs the key %q", what, k)
		}
	}
}

// named returns the entries of a mapping whose keys are names that the author
// chose. It has to have at least one.
func (r *reader) named(n ast.Node, what string) mapping {
	if n == nil {
		return nil
	}
	if empty(n) {
		r.complain(n, "%s is empty", what)
		return nil
	}
	m := r.fields(n, what)
	for _, f := range m {
		if strings.TrimSpace(f.name) != f.name || f.name == "" || !utf8Text([]byte(f.name)) || strings.ContainsAny(f.name, "\t\n") {
			r.complain(f.key, "name %q in %s is empty, padded or not printable", f.name, what)
		}
	}
	if len(m) == 0 {
		r.complain(n, "%s is empty", what)
	}
	return m
}

func (r *reader) list(n ast.Node, what string) []ast.Node {
	if n == nil {
		return nil
	}
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		r.complain(n, "%s is not a list", what)
		return nil
	}
	if len(s.Values) == 0 {
		r.complain(n, "%s is an empty list", what)
	}
	return s.Values
}

// text returns a scalar's text. An empty, padded or null one is a complaint,
// never "anything".
func (r *reader) text(n ast.Node, what string) string {
	if n == nil {
		return ""
	}
	switch n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.LiteralNode:
	default:
		r.complain(n, "%s is not a text", what)
		return ""
	}
	s := scalar(n)
	if s == "" || strings.TrimSpace(s) != s {
		r.complain(n, "%s is empty or padded with blanks", what)
		return ""
	}
	return s
}

// exact returns a text of the given shape; what is compared byte for byte may
// not look like a pattern.
func (r *reader) exact(n ast.Node, what string, of shape) string {
	s := r.text(n, what)
	if s != "" && !of.MatchString(s) {
		r.complain(n, "%s %q, want %s", what, s, of)
		return ""
	}
	return s
}

func (r *reader) choice(n ast.Node, what string, of ...string) string {
	s := r.text(n, what)
	if s != "" && !slices.Contains(of, s) {
		r.complain(n, "%s %q, want %s%s", what, s, strings.Join(of, " or "), DidYouMean(s, of))
	}
	return s
}

func scalar(n ast.Node) string {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	}
	return n.GetToken().Value
}

func empty(n ast.Node) bool {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return true
	case *ast.MappingNode:
		return len(n.Values) == 0
	}
	return false
}

func line(n ast.Node) int {
	if n == nil || n.GetToken() == nil {
		return 0
	}
	return n.GetToken().Position.Line
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// ParseAge reads a positive age in days, hours or minutes: "30d", "24h", "90m".
func ParseAge(s string) (time.Duration, error) {
	units := map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute}
	if len(s) < 2 {
		return 0, fmt.Errorf("age %q, want a number and d, h or m", s)
	}
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 16)
	unit, ok := units[s[len(s)-1]]
	if err != nil || !ok || n == 0 {
		return 0, fmt.Errorf("age %q, want a number from 1 to 65535 and d, h or m", s)
	}
	return time.Duration(n) * unit, nil
}
