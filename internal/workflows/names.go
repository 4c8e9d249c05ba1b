package workflows

import (
	"path"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"
)

// maxNames bounds the names that one expression may stand for.
const maxNames = 256

// names are what an environment's name may be when the job runs.
type names struct {
	text   string   // as written
	values []string // every name it may be, if known
	known  bool
	glob   string // what it looks like otherwise
}

// resolve works out what text, which stands in j, may be. An expression is
// known if it takes its value from a list in the same file.
func (f *flow) resolve(j *job, text string) names {
	text = strings.TrimSpace(text)
	n := names{text: text, values: []string{""}, known: true}
	for _, p := range split(text) {
		if !p.expression {
			n.append([]string{p.text})
			n.glob += globQuote(p.text)
			continue
		}
		list, ok := f.list(j, p.text)
		n.known = n.known && ok
		n.glob += "*"
		n.append(list)
	}
	if n.known = n.known && len(n.values) <= maxNames; !n.known {
		n.values = nil
	}
	return n
}

func (n *names) append(ends []string) {
	var out []string
	for _, v := range n.values {
		for _, e := range ends {
			if len(out) > maxNames {
				break
			}
			out = append(out, v+e)
		}
	}
	n.values = out
}

func globQuote(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

// may reports whether the name may be env. The platform does not distinguish
// upper and lower case in the names of environments.
func (n names) may(env string) bool {
	if n.known {
		return slices.ContainsFunc(n.values, func(v string) bool { return strings.EqualFold(v, env) })
	}
	ok, err := path.Match(strings.ToLower(n.glob), strings.ToLower(env))
	return ok || err != nil || strings.Contains(env, "/") && n.glob != ""
}

// list returns the values that an expression takes one of.
func (f *flow) list(j *job, expr string) ([]string, bool) {
	c := parseCondition("${{" + expr + "}}")
	if c.err != nil || len(c.nodes) != 1 {
		return nil, false
	}
	p, ok := pathOf(c.nodes[0])
	switch {
	case !ok:
		return nil, false
	case len(p) == 2 && p[0] == "matrix":
		return matrixValues(j, p[1])
	case len(p) == 2 && p[0] == "inputs":
		return f.options(p[1])
	case len(p) == 4 && p[0] == "github" && p[1] == "event" && p[2] == "inputs":
		return f.options(p[3])
	}
	return nil, false
}

// matrixValues returns every value of a key of j's matrix.
func matrixValues(j *job, key string) ([]string, bool) {
	if j.Strategy == nil || j.Strategy.Matrix == nil || j.Strategy.Matrix.Expression != nil {
		return nil, false
	}
	m, out := j.Strategy.Matrix, []string{}
	if row := m.Rows[key]; row != nil {
		if row.Expression != nil {
			return nil, false
		}
		for _, v := range row.Values {
			s, ok := v.(*actionlint.RawYAMLString)
			if !ok || strings.Contains(s.Value, "${{") {
				return nil, false
			}
			out = append(out, s.Value)
		}
	}
	if m.Include != nil {
		if m.Include.ContainsExpression() {
			return nil, false
		}
		for _, c := range m.Include.Combinations {
			a := c.Assigns[key]
			if a == nil {
				continue
			}
			s, ok := a.Value.(*actionlint.RawYAMLString)
			if !ok || strings.Contains(s.Value, "${{") {
				return nil, false
			}
			out = append(out, s.Value)
		}
	}
	return out, len(out) > 0
}

// options returns what a person may choose for an input. A workflow that others
// call as well takes what they give.
func (f *flow) options(name string) ([]string, bool) {
	if f.wf == nil {
		return nil, false
	}
	if _, called := f.wf.FindWorkflowCallEvent(); called {
		return nil, false
	}
	for _, e := range f.wf.On {
		d, ok := e.(*actionlint.WorkflowDispatchEvent)
		if !ok || d == nil || d.Inputs[name] == nil {
			continue
		}
		in := d.Inputs[name]
		var out []string
		for _, o := range in.Options {
			if o == nil {
				return nil, false
			}
			out = append(out, o.Value)
		}
		return out, in.Type == actionlint.WorkflowDispatchEventInputTypeChoice && len(out) > 0
	}
	return nil, false
}

// A target is a guarded environment that a job may enter. Its name is empty if
// only the expression is known.
type target struct{ name, text string }

func (t target) String() string {
	if t.name == "" {
		return t.text
	}
	return t.name
}

// targets returns what a gate has to precede j for.
func (f *flow) targets(j *job) []target {
	if !j.env.known {
		if j.env.text != "" && slices.ContainsFunc(f.want.Environments, j.env.may) {
			return []target{{text: j.env.text}}
		}
		return nil
	}
	var out []target
	for _, e := range f.want.Environments {
		if j.env.may(e) {
			out = append(out, target{name: e, text: j.env.text})
		}
	}
	return out
}

// covers reports whether g judges t for j. The same expression means the same
// environment, unless it is about a matrix of another job.
func (g gate) covers(t target, j *job) bool {
	if t.name != "" && g.env.known {
		return g.env.may(t.name)
	}
	same := strings.Join(strings.Fields(g.env.text), "") == strings.Join(strings.Fields(t.text), "")
	return same && g.env.text != "" && (g.job == j || !strings.Contains(g.env.text, "matrix"))
}
