package pipelines

import (
	"slices"
	"strings"
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
	findings []Finding
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
	all := &node{kind: table}
	for _, e := range p.base.entries {
		all.entries = append(all.entries, entry{e.name, e.key, x.job(e)})
	}
	p.base = all
	p.readStages()
	p.named, p.behind = map[string]*job{}, map[*job]map[string]bool{}
	defaults := p.defaults()
	for _, e := range all.entries {
		if slices.Contains(globals, e.name) || strings.HasPrefix(e.name, ".") || e.value.kind != table {
			continue
		}
		p.addJob(e, defaults)
	}
}

func (p *pipeline) addJob(e entry, defaults *node) {
	if p.doc.spent() {
		return
	}
	j := &job{name: e.name, place: e.key, own: p.doc.root.get(e.name), table: p.resolve(e.value, 0)}
	j.defaults = p.inherited(j, defaults)
	if c := p.componentOf(e.name); c != nil {
		j.component, j.optional = c.component, c.rules != nil
	}
	j.calls, j.text = j.read(), j.commands()
	p.recognise(j)
	p.behind[j] = map[string]bool{}
	p.jobs, p.named[e.name] = append(p.jobs, j), j
}

// get returns what applies under a key, inherited or not.
func (j *job) get(key string) *node {
	if j.table.raw(key) != nil {
		return j.table.get(key)
	}
	return j.defaults.get(key)
}

// spot returns where a reader should look for a key: at its value, or at the
// job.
func (j *job) spot(key string) *node {
	if v := j.get(key); v != nil && v.line > 0 {
		return v
	}
	return j.place
}

// over returns base with the keys of top over it, tables within each other.
func (d *doc) over(base, top *node) *node {
	if base == nil || top == nil || base.kind != table || top.kind != table {
		return top
	}
	if !d.spend(len(base.entries) + len(top.entries)) {
		return top
	}
	out := *top
	out.entries = slices.Clone(base.entries)
	for _, e := range top.entries {
		if old := base.raw(e.name); old != nil {
			e.value = d.over(old, e.value)
		}
		out.put(e)
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
	if slices.Contains(globals, e.name) || e.value.kind != table {
		return e.value
	}
	return x.extended(e)
}

func (x *extender) extended(e entry) *node {
	if n := x.done[e.name]; n != nil {
		return n
	}
	parents := e.value.get("extends").flat()
	if len(parents) == 0 {
		x.done[e.name] = e.value
		return e.value
	}
	if slices.Contains(x.path, e.name) || len(x.path) > MaxExtends {
		x.complain(e)
		return e.value
	}
	x.path = append(x.path, e.name)
	defer func() { x.path = x.path[:len(x.path)-1] }()
	var base *node
	for _, parent := range parents {
		from, known := x.p.base.entry(parent.str())
		if !known || from.value.kind != table {
			continue
		}
		next := x.extended(from)
		if base == nil {
			base = next
			continue
		}
		base = x.p.doc.over(base, next)
	}
	out := e.value
	if base != nil {
		out = x.p.doc.over(base, e.value)
	}
	x.done[e.name] = out
	return out
}

func (x *extender) complain(e entry) {
	if x.broken {
		return
	}
	x.broken = true
	x.p.find(e.value.get("extends"), Finding{
		Rule: "extends-endless", Threat: "H06", Severity: Error,
		Message: quote("what job %s extends comes back to itself, or goes on for too long", e.name),
		Found:   strings.Join(append(slices.Clone(x.path), e.name), " extends "),
		Wanted:  "at most ten levels that end",
		Hint:    "take the job out of its own ancestors",
	})
}

func (n *node) entry(name string) (entry, bool) {
	for _, e := range n.entries {
		if e.name == name {
			return e, true
		}
	}
	return entry{}, false
}

// resolve follows references. One that leads nowhere stays what it is, so that
// no check takes it for an empty value.
func (p *pipeline) resolve(n *node, depth int) *node {
	if n == nil || depth > MaxExtends || !p.doc.spend(1) {
		return n
	}
	switch n.kind {
	case reference:
		if target := p.target(n); target != nil {
			return p.resolve(target, depth+1)
		}
	case list:
		out := *n
		out.items = make([]*node, len(n.items))
		for i, v := range n.items {
			out.items[i] = p.resolve(v, depth)
		}
		return &out
	case table:
		out := *n
		out.entries = slices.Clone(n.entries)
		for i, e := range n.entries {
			out.entries[i].value = p.resolve(e.value, depth)
		}
		return &out
	}
	return n
}

func (p *pipeline) target(ref *node) *node {
	n := p.base
	for _, step := range ref.items {
		n = n.raw(step.str())
	}
	if n == p.base {
		return nil
	}
	return n
}

// defaults returns what jobs inherit: default:, and the old global keys.
func (p *pipeline) defaults() *node {
	out := &node{kind: table}
	for _, source := range []*node{p.base, p.base.get("default")} {
		if source == nil {
			continue
		}
		for _, e := range source.entries {
			if slices.Contains(inheritable, e.name) {
				e.value = p.resolve(e.value, 0)
				out.put(e)
			}
		}
	}
	return out
}

// inherited returns the part of the defaults that job j lets in.
func (p *pipeline) inherited(j *job, defaults *node) *node {
	allow := j.table.get("inherit").get("default")
	if allow.truth() == no {
		return nil
	}
	if allow == nil || allow.kind != list {
		return defaults
	}
	out := &node{kind: table}
	for _, k := range allow.flat() {
		if e, known := defaults.entry(k.str()); known {
			out.put(e)
		}
	}
	return out
}

// variables returns the global variables that reach job j and that it does not
// set itself.
func (p *pipeline) variables(j *job) []entry {
	allow := j.table.get("inherit").get("variables")
	if allow.truth() == no {
		return nil
	}
	var out []entry
	globals := p.resolve(p.base.get("variables"), 0)
	if globals == nil {
		return nil
	}
	for _, e := range globals.entries {
		listed := allow == nil || allow.kind != list || slices.ContainsFunc(allow.flat(), func(n *node) bool { return n.str() == e.name })
		if listed && j.table.get("variables").raw(e.name) == nil {
			out = append(out, e)
		}
	}
	return out
}

func (p *pipeline) readStages() {
	p.stages = []string{".pre"}
	stages := p.base.get("stages")
	if stages == nil {
		stages = p.base.get("types")
	}
	for _, s := range p.resolve(stages, 0).flat() {
		if name := s.str(); name != ".pre" && name != ".post" {
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
	return slices.Index(p.stages, s.str())
}

// script returns the lines of the commands that job j runs under a key.
func (j *job) script(key string) []*node { return j.get(key).flat() }

// commands returns all of a job's commands as one text.
func (j *job) commands() string {
	var b strings.Builder
	for _, key := range []string{"before_script", "script", "after_script", "run"} {
		for _, line := range j.script(key) {
			b.WriteString(line.text + "\n")
		}
	}
	return b.String()
}

// rules returns the rules of a job, of an include or of the workflow.
func rulesOf(n *node) []*node { return n.get("rules").flat() }
