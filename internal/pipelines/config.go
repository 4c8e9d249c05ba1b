package pipelines

import (
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// A pipeline is the configuration as the platform would see it, as far as the
// text shows it.
type pipeline struct {
	doc      *doc
	want     Want
	base     *node           // the jobs of our components, and this file over them
	stages   []string        // in order
	jobs     []*job          // that can run, in the order of the file
	named    map[string]*job // all of them
	includes []include
	behind   map[*job]map[string]bool // for a gate, the jobs that follow it
	findings []finding.Finding

	parent *pipeline         // that starts this one, or nil
	bridge *job              // of the parent, that starts it
	depth  int               // of parents
	left   *int              // files that may still be read
	below  []finding.Finding // of the pipelines that this one starts
	failed error             // why one of these was not read
}

// A job is what would run under a name.
type job struct {
	name      string
	place     *node  // of the name
	own       *node  // what this file says under the name
	table     *node  // with extends and references followed
	defaults  *node  // what it inherits besides
	component string // "gate" if one of our components brought it, or empty
	optional  bool   // the component is included under rules
	gates     string // the environment it guards
	judge     bool   // it is a gate
	enters    bool   // it asks again, for its own environment, before it deploys
	calls     []command
	text      string // all of its commands
}

// globals are no jobs.
var globals = []string{
	"default", "include", "stages", "types", "workflow", "variables", "image",
	"services", "cache", "before_script", "after_script", "spec",
}

// inheritable keys reach every job that does not say otherwise.
var inheritable = []string{
	"after_script", "allow_failure", "artifacts", "before_script", "cache", "hooks", "id_tokens",
	"identity", "image", "interruptible", "retry", "services", "tags", "timeout",
}

func (p *pipeline) load() {
	p.base = p.doc.root
	p.readIncludes()
	p.overlay()
	x := extender{p: p, done: map[string]*node{}}
	all := &node{Kind: yamlnode.Map}
	for _, e := range p.base.Fields {
		all.Fields = append(all.Fields, entry{Name: e.Name, Key: e.Key, Value: x.job(e)})
	}
	p.base = all
	p.readStages()
	p.named, p.behind = map[string]*job{}, map[*job]map[string]bool{}
	defaults := p.defaults()
	for _, e := range all.Fields {
		if slices.Contains(globals, e.Name) || strings.HasPrefix(e.Name, ".") || e.Value.Kind != yamlnode.Map {
			continue
		}
		p.addJob(e, defaults)
	}
}

func (p *pipeline) addJob(e entry, defaults *node) {
	if p.doc.Spent() {
		return
	}
	j := &job{name: e.Name, place: e.Key, own: p.doc.root.Get(e.Name), table: p.resolve(e.Value, 0)}
	j.defaults = p.inherited(j, defaults)
	if c := p.componentOf(e.Name); c != nil {
		j.component, j.optional = c.component, c.rules != nil
	}
	j.calls, j.text = j.read(), j.commands()
	p.recognise(j)
	p.behind[j] = map[string]bool{}
	p.jobs, p.named[e.Name] = append(p.jobs, j), j
}

// get returns what applies under a key, inherited or not.
func (j *job) get(key string) *node {
	if j.table.Raw(key) != nil {
		return j.table.Get(key)
	}
	return j.defaults.Get(key)
}

// spot returns where a reader should look for a key: at its value, or at the
// job.
func (j *job) spot(key string) *node {
	if v := j.get(key); v != nil && v.Line > 0 {
		return v
	}
	return j.place
}

// over returns base with the keys of top over it, tables within each other.
func (d *doc) over(base, top *node) *node {
	if base == nil || top == nil || base.Kind != yamlnode.Map || top.Kind != yamlnode.Map {
		return top
	}
	if !d.Spend(len(base.Fields) + len(top.Fields)) {
		return top
	}
	out := *top
	out.Fields = slices.Clone(base.Fields)
	for _, e := range top.Fields {
		if old := base.Raw(e.Name); old != nil {
			e.Value = d.over(old, e.Value)
		}
		put(&out, e)
	}
	return &out
}

// An extender follows extends, with the levels that the platform allows.
type extender struct {
	p      *pipeline
	done   map[string]*node
	path   []string
	broken bool
}

func (x *extender) job(e entry) *node {
	if slices.Contains(globals, e.Name) || e.Value.Kind != yamlnode.Map {
		return e.Value
	}
	return x.extended(e)
}

func (x *extender) extended(e entry) *node {
	if n := x.done[e.Name]; n != nil {
		return n
	}
	parents := e.Value.Get("extends").Flat()
	if len(parents) == 0 {
		x.done[e.Name] = e.Value
		return e.Value
	}
	if slices.Contains(x.path, e.Name) || len(x.path) > MaxExtends {
		x.complain(e)
		return e.Value
	}
	x.path = append(x.path, e.Name)
	defer func() { x.path = x.path[:len(x.path)-1] }()
	var base *node
	for _, parent := range parents {
		from, known := x.p.base.Field(parent.Str())
		if !known || from.Value.Kind != yamlnode.Map {
			continue
		}
		next := x.extended(from)
		if base == nil {
			base = next
			continue
		}
		base = x.p.doc.over(base, next)
	}
	out := e.Value
	if base != nil {
		out = x.p.doc.over(base, e.Value)
	}
	x.done[e.Name] = out
	return out
}

func (x *extender) complain(e entry) {
	if x.broken {
		return
	}
	x.broken = true
	x.p.find(e.Value.Get("extends"), finding.Finding{
		Rule:    finding.ExtendsEndless,
		Message: quote("what job %s extends comes back to itself, or goes on for too long", e.Name),
		Found:   strings.Join(append(slices.Clone(x.path), e.Name), " extends "),
		Wanted:  "at most ten levels that end",
		Hint:    "take the job out of its own ancestors",
	})
}

// resolve follows references. One that leads nowhere stays what it is, so that
// no check takes it for an empty value.
func (p *pipeline) resolve(n *node, depth int) *node {
	if n == nil || depth > MaxExtends || !p.doc.Spend(1) {
		return n
	}
	if isReference(n) {
		if target := p.target(n); target != nil {
			return p.resolve(target, depth+1)
		}
		return n
	}
	switch n.Kind {
	case yamlnode.List:
		out := *n
		out.Items = make([]*node, len(n.Items))
		for i, v := range n.Items {
			out.Items[i] = p.resolve(v, depth)
		}
		return &out
	case yamlnode.Map:
		out := *n
		out.Fields = slices.Clone(n.Fields)
		for i, e := range n.Fields {
			out.Fields[i].Value = p.resolve(e.Value, depth)
		}
		return &out
	}
	return n
}

func (p *pipeline) target(ref *node) *node {
	n := p.base
	for _, step := range ref.Items {
		n = n.Raw(step.Str())
	}
	if n == p.base {
		return nil
	}
	return n
}

// defaults returns what jobs inherit: default:, and the old global keys.
func (p *pipeline) defaults() *node {
	out := &node{Kind: yamlnode.Map}
	for _, source := range []*node{p.base, p.base.Get("default")} {
		if source == nil {
			continue
		}
		for _, e := range source.Fields {
			if slices.Contains(inheritable, e.Name) {
				e.Value = p.resolve(e.Value, 0)
				put(out, e)
			}
		}
	}
	return out
}

// inherited returns the part of the defaults that job j lets in.
func (p *pipeline) inherited(j *job, defaults *node) *node {
	allow := j.table.Get("inherit").Get("default")
	if truthOf(allow) == no {
		return nil
	}
	if !isList(allow) {
		return defaults
	}
	out := &node{Kind: yamlnode.Map}
	for _, k := range allow.Flat() {
		if e, known := defaults.Field(k.Str()); known {
			put(out, e)
		}
	}
	return out
}

// variables returns the global variables that reach job j and that it does not
// set itself.
func (p *pipeline) variables(j *job) []entry {
	allow := j.table.Get("inherit").Get("variables")
	if truthOf(allow) == no {
		return nil
	}
	var out []entry
	globals := p.resolve(p.base.Get("variables"), 0)
	if globals == nil {
		return nil
	}
	for _, e := range globals.Fields {
		listed := !isList(allow) || slices.ContainsFunc(allow.Flat(), func(n *node) bool { return n.Str() == e.Name })
		if listed && j.table.Get("variables").Raw(e.Name) == nil {
			out = append(out, e)
		}
	}
	return out
}

func (p *pipeline) readStages() {
	p.stages = []string{".pre"}
	stages := p.base.Get("stages")
	if stages == nil {
		stages = p.base.Get("types")
	}
	for _, s := range p.resolve(stages, 0).Flat() {
		if name := s.Str(); name != ".pre" && name != ".post" {
			p.stages = append(p.stages, name)
		}
	}
	if stages == nil {
		p.stages = append(p.stages, "build", "test", "deploy")
	}
	p.stages = append(p.stages, ".post")
}

// stage returns where job j stands, or -1 if that is not known.
func (p *pipeline) stage(j *job) int {
	s := j.get("stage")
	if s == nil {
		return slices.Index(p.stages, "test")
	}
	return slices.Index(p.stages, s.Str())
}

// script returns the lines of the commands that job j runs under a key.
func (j *job) script(key string) []*node { return j.get(key).Flat() }

// commands returns all of a job's commands as one text.
func (j *job) commands() string {
	var b strings.Builder
	for _, key := range []string{"before_script", "script", "after_script", "run"} {
		for _, line := range j.script(key) {
			b.WriteString(line.Text + "\n")
		}
	}
	return b.String()
}

// rules returns the rules of a job, of an include or of the workflow.
func rulesOf(n *node) []*node { return n.Get("rules").Flat() }
