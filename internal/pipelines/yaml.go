package pipelines

import (
	"bytes"
	"errors"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// doc is a file that was read.
type doc struct {
	*yamlnode.Document
	file   string
	header *node // what stands before the first ---, or nil
	root   *node
	files  []part // what it is made of, if that is more than one file
}

// A part is a file of several that make one pipeline, by its first line.
type part struct {
	file string
	line int
}

// place returns the file and the line in it that a line of the document is.
func (d *doc) place(line int) (string, int) {
	for i := len(d.files) - 1; i >= 0; i-- {
		if f := d.files[i]; line > f.line {
			return f.file, line - f.line
		}
	}
	return d.file, line
}

// join puts the jobs of another file over those of d, as the platform does with
// several includes. Lines go on where d ends.
func (d *doc) join(e *doc, line int) {
	d.files = append(d.files, part{e.file, line})
	seen := map[*node]bool{}
	for _, n := range []*node{e.root, e.header} {
		shift(n, line, seen)
	}
	for _, t := range e.Twice {
		shift(t.At, line, seen)
	}
	d.Twice = append(d.Twice, e.Twice...)
	d.root = d.over(d.root, e.root)
	if d.header == nil {
		d.header = e.header
	} else if e.header != nil {
		d.header = d.over(d.header, e.header)
	}
}

// shift moves a value and all within it down by lines.
func shift(n *node, lines int, seen map[*node]bool) {
	if n == nil || seen[n] {
		return
	}
	seen[n] = true
	n.Line += lines
	for _, v := range n.Items {
		shift(v, lines, seen)
	}
	for _, f := range n.Fields {
		shift(f.Key, lines, seen)
		shift(f.Value, lines, seen)
	}
}

func malformed(format string, args ...any) error {
	return fault.New(fault.Usage, fault.Lint, "", format, args...)
}

// read parses a file of one document, or of a header and one.
func read(file string, raw []byte) (*doc, error) {
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	y, err := yamlnode.Parse(raw, yamlnode.Options{
		Limits: yamlnode.Limits{Bytes: MaxBytes, Depth: MaxDepth, Tokens: MaxTokens, Keys: MaxKeys, Nodes: MaxNodes},
	})
	var bad *yamlnode.Error
	if errors.As(err, &bad) {
		return nil, unreadable(file, bad)
	}
	d := &doc{Document: y, file: file}
	return d, d.arrange(y.Roots)
}

// unreadable says where and why a file cannot be read.
func unreadable(file string, e *yamlnode.Error) error {
	if e.Line > 0 {
		file = fault.Text("%s:%d:%d", file, e.Line, e.Column)
	}
	if e.Limit {
		return fault.New(fault.Usage, fault.Limit, "", "%s: %w", file, e)
	}
	return malformed("%s: not YAML: %w", file, e)
}

func (d *doc) arrange(roots []*node) error {
	if len(roots) == 2 && roots[0].Get("spec") != nil {
		d.header, roots = roots[0], roots[1:]
	}
	switch {
	case len(roots) == 0:
		d.root = &node{Kind: yamlnode.Map, Line: 1, Column: 1}
	case len(roots) > 1:
		return malformed("%s: %d documents, want one pipeline", d.file, len(roots))
	case roots[0].Kind != yamlnode.Map:
		return malformed("%s: not a mapping of jobs", d.file)
	default:
		d.root = roots[0]
	}
	return nil
}

func (d *doc) tooMuch() error {
	return fault.New(fault.Usage, fault.Limit, "", "%s: more than %d values once its aliases are followed", d.file, MaxNodes)
}
