package policy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// reader reads the subset of YAML 1.2 that has one meaning: mappings, lists and
// scalars. It collects complaints, so that a person fixes them in one go.
type reader struct {
	file       string
	words      Words
	complaints []string
	more       int // complaints that are not told
	vacuous    bool
	places     map[string]string // host of a platform: how members name it
	owners     map[string]string // who an account or address is, once all was read
	crowds     map[string]int    // how many people a group is, by its name
	used       vocabulary
}

// maxComplaints is how many are told: more help nobody.
const maxComplaints = 50

// limits of a policy file, besides its bytes and its depth.
var limits = yamlnode.Limits{Bytes: MaxBytes, Depth: MaxDepth, Tokens: 150_000, Keys: 8000, Nodes: 400_000}

func (r *reader) code() fault.Code {
	if r.vacuous && len(r.complaints) == 1 {
		return fault.PolicyVacuous
	}
	return fault.Policy
}

// told are all complaints as one text.
func (r *reader) told() string {
	all := strings.Join(r.complaints, "\n")
	if r.more > 0 {
		all += fmt.Sprintf("\n%s: and %d more", r.file, r.more)
	}
	return all
}

func (r *reader) complain(n *yamlnode.Node, format string, args ...any) {
	if n == nil {
		r.complainAt(0, 0, format, args...)
		return
	}
	r.complainAt(n.Line, n.Column, format, args...)
}

// complainAt complains about a place that was read before. Without a column it
// is a line, and without a line the whole file.
func (r *reader) complainAt(line, column int, format string, args ...any) {
	if len(r.complaints) == maxComplaints {
		r.more++
		return
	}
	at := r.file
	for _, n := range []int{line, column} {
		if n > 0 {
			at += ":" + strconv.Itoa(n)
		}
	}
	r.complaints = append(r.complaints, at+": "+fault.Text(format, args...))
}

func (r *reader) parse(raw []byte) *yamlnode.Node {
	if len(raw) > MaxBytes {
		r.complain(nil, "%d bytes, at most %d are read", len(raw), MaxBytes)
		return nil
	}
	if line, column, what := foreign(raw); what != "" {
		r.complainAt(line, column, "%s", what)
		return nil
	}
	d, err := yamlnode.Parse(raw, yamlnode.Options{Limits: limits, Plain: true})
	var bad *yamlnode.Error
	switch {
	case errors.As(err, &bad) && bad.Limit:
		r.complainAt(bad.Line, bad.Column, "%s", bad.What)
		return nil
	case errors.As(err, &bad):
		r.complainAt(bad.Line, bad.Column, "not YAML: %s", notYAML(bad.What))
		return nil
	case d.Count > 1:
		r.complain(nil, "want one document, found %d", d.Count)
		return nil
	case len(d.Roots) == 0:
		r.complain(nil, "the file holds no policy")
		return nil
	}
	for _, n := range d.Odd {
		r.complain(n, "an anchor, alias, merge key, tag or directive is not read in a policy: it hides what a line means")
	}
	return d.Roots[0]
}

type field struct {
	name  string
	key   *yamlnode.Node
	value *yamlnode.Node
}

type mapping []field

func (m mapping) get(name string) *yamlnode.Node {
	for _, f := range m {
		if f.name == name {
			return f.value
		}
	}
	return nil
}

// fields returns the entries of a mapping, in order. What is not read in a
// policy at all has its complaint.
func (r *reader) fields(n *yamlnode.Node, what string) mapping {
	if n == nil || n.Kind != yamlnode.Map {
		if n == nil || n.Kind != yamlnode.Other {
			r.complain(n, "%s is not a mapping of keys to values", what)
		}
		return nil
	}
	m := mapping{}
	for _, f := range n.Fields {
		switch {
		case f.Key.Kind == yamlnode.Scalar && f.Key.Type == yamlnode.Text:
			m = append(m, field{f.Name, f.Key, f.Value})
		case f.Key.Kind != yamlnode.Other:
			r.complain(f.Key, "key %q of %s is not a text", f.Name, what)
		}
	}
	for _, f := range n.Again {
		r.complain(f.Key, "key %q of %s stands here a second time", f.Name, what)
	}
	return m
}

// mapping returns the entries of a mapping that may have the given keys only.
func (r *reader) mapping(n *yamlnode.Node, what string, keys ...string) mapping {
	m := r.fields(n, what)
	for _, f := range m {
		if !slices.Contains(keys, f.name) {
			r.complain(f.key, "unknown key %q of %s%s", f.name, what, suggestion{f.name, keys})
		}
	}
	return m
}

// suggestion is DidYouMean for a complaint that may not be told: it is worked out
// when it is written.
type suggestion struct {
	s  string
	of []string
}

// String returns the nearest of the words, as a question.
func (n suggestion) String() string { return DidYouMean(n.s, n.of) }

// require wants keys in m. What is no mapping at all has its complaint.
func (r *reader) require(m mapping, at *yamlnode.Node, what string, keys ...string) {
	for _, k := range keys {
		if m != nil && m.get(k) == nil {
			r.complain(at, "%s needs the key %q", what, k)
		}
	}
}

// named returns the entries of a mapping whose keys are names that the author
// chose. It has to have at least one.
func (r *reader) named(n *yamlnode.Node, what string) mapping {
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
	return m
}

func (r *reader) list(n *yamlnode.Node, what string) []*yamlnode.Node {
	switch {
	case n == nil || n.Kind == yamlnode.Other:
		return nil
	case n.Kind != yamlnode.List:
		r.complain(n, "%s is not a list", what)
	case len(n.Items) == 0:
		r.complain(n, "%s is an empty list", what)
	}
	return n.Items
}

// text returns a scalar's text. An empty, padded or null one is a complaint,
// never "anything".
func (r *reader) text(n *yamlnode.Node, what string) string {
	if n == nil || n.Kind == yamlnode.Other {
		return ""
	}
	if n.Kind != yamlnode.Scalar || n.Type != yamlnode.Text && n.Type != yamlnode.Integer {
		r.complain(n, "%s is not a text", what)
		return ""
	}
	if n.Text == "" || strings.TrimSpace(n.Text) != n.Text {
		r.complain(n, "%s is empty or padded with blanks", what)
		return ""
	}
	return n.Text
}

// exact returns a text of the given shape; what is compared byte for byte may
// not look like a pattern.
func (r *reader) exact(n *yamlnode.Node, what string, of shape) string {
	s := r.text(n, what)
	if s != "" && !of.MatchString(s) {
		r.complain(n, "%s %q, want %s", what, s, of)
		return ""
	}
	return s
}

func (r *reader) choice(n *yamlnode.Node, what string, of ...string) string {
	s := r.text(n, what)
	if s != "" && !slices.Contains(of, s) {
		r.complain(n, "%s %q, want %s%s", what, s, strings.Join(of, " or "), suggestion{s, of})
	}
	return s
}

// scalar returns a scalar's text, whatever it is.
func scalar(n *yamlnode.Node) string { return n.Text }

func empty(n *yamlnode.Node) bool {
	return n == nil || n.Kind == yamlnode.Null || n.Kind == yamlnode.Map && len(n.Fields) == 0
}

func line(n *yamlnode.Node) int {
	if n == nil {
		return 0
	}
	return n.Line
}

// ParseAge reads a positive age in days, hours or minutes: "30d", "24h", "90m".
func ParseAge(s string) (time.Duration, error) {
	units := map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute}
	if len(s) < 2 {
		return 0, fault.Errorf("age %q, want a number and d, h or m", s)
	}
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 16)
	unit, ok := units[s[len(s)-1]]
	if err != nil || !ok || n == 0 {
		return 0, fault.Errorf("age %q, want a number from 1 to 65535 and d, h or m", s)
	}
	return time.Duration(n) * unit, nil
}

// notYAML is what the reader of YAML says, in words for who wrote the file.
func notYAML(what string) string {
	if strings.Contains(what, "cannot start any token") && (strings.Contains(what, "\t") || strings.Contains(what, `\t`)) {
		return "a tab; indent with spaces"
	}
	return what
}
