package workflows

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

// A flow is a workflow with what the rules ask about it.
type flow struct {
	path  string
	lines []string
	wf    *actionlint.Workflow
	want  Want
	jobs  []*job // in the order of the file
	byID  map[string]*job
	found []finding.Finding

	ungated map[*job]bool   // for which judge found no gate
	ahead   map[*job][]*job // what before has worked out
}

// A job is a job with the environments it may enter and the gates in it.
type job struct {
	*actionlint.Job
	id    string
	env   names // of the environment; nothing if it names none
	gates []gate
}

// A gate is a step whose failure says no: one of our gates, or a step that asks
// again on entering what the gate let pass.
type gate struct {
	job    *job
	index  int // of the step
	step   *actionlint.Step
	env    names   // that it judges
	soft   bool    // its script goes on after a no
	enters bool    // it judges the environment of its own job, whichever that is
	call   command // that it is, if it is one in a script
}

func newFlow(path string, raw []byte, w *actionlint.Workflow, want Want) *flow {
	f := &flow{path: path, lines: strings.Split(string(raw), "\n"), wf: w, want: want, byID: map[string]*job{}, ahead: map[*job][]*job{}, ungated: map[*job]bool{}}
	for id, j := range w.Jobs {
		if j == nil {
			continue
		}
		k := &job{Job: j, id: id}
		f.jobs = append(f.jobs, k)
		f.byID[id] = k
	}
	slices.SortFunc(f.jobs, func(a, b *job) int {
		return cmp.Or(cmp.Compare(line(a.Pos), line(b.Pos)), cmp.Compare(column(a.Pos), column(b.Pos)), strings.Compare(a.id, b.id))
	})
	for _, j := range f.jobs {
		if j.Environment != nil && j.Environment.Name != nil {
			j.env = f.resolve(j, j.Environment.Name.Value)
		}
		for i, s := range j.Steps {
			if g, ok := f.gateOf(j, s); ok {
				g.job, g.index, g.step = j, i, s
				j.gates = append(j.gates, g)
			}
		}
	}
	return f
}

func line(p *actionlint.Pos) int {
	if p == nil {
		return 0
	}
	return p.Line
}

func column(p *actionlint.Pos) int {
	if p == nil {
		return 0
	}
	return p.Col
}

// gateOf returns the gate that s is.
func (f *flow) gateOf(j *job, s *actionlint.Step) (gate, bool) {
	switch e := exec(s).(type) {
	case *actionlint.ExecAction:
		switch part, ours := f.ours(e.Uses); {
		case ours && part == "":
			return gate{env: f.resolve(j, input(e.Inputs, "environment"))}, true
		case ours && part == "actions/enter":
			return gate{env: j.env, enters: true}, true
		}
	case *actionlint.ExecRun:
		for _, c := range f.script(j, e) {
			switch c.verb() {
			case "gate":
				return gate{env: f.resolve(j, f.environmentOf(j, s, c)), soft: !c.hard, call: c}, true
			case "enter":
				return gate{env: j.env, soft: !c.hard, enters: true, call: c}, true
			}
		}
	}
	return gate{}, false
}

// exec returns what s does, and nil if the parser did not understand it.
func exec(s *actionlint.Step) actionlint.Exec {
	if s == nil {
		return nil
	}
	return s.Exec
}

func input(in map[string]*actionlint.Input, name string) string {
	if i := in[name]; i != nil && i.Value != nil {
		return i.Value.Value
	}
	return ""
}

// environmentOf returns what a command's gate judges. In a job its flag alone
// says so.
func (f *flow) environmentOf(j *job, s *actionlint.Step, c command) string {
	v := c.flag("environment")
	if name, isVar := shellVariable(v); isVar {
		return f.variable(j, s, name)
	}
	return v
}

// variable returns the value that a variable has in s, or in j if s is nil, as
// it is written. Expressions do not distinguish upper and lower case.
func (f *flow) variable(j *job, s *actionlint.Step, name string) string {
	scopes := []*actionlint.Env{j.Env, f.wf.Env}
	if s != nil {
		scopes = slices.Insert(scopes, 0, s.Env)
	}
	for _, e := range scopes {
		if e == nil {
			continue
		}
		for _, v := range e.Vars {
			if v != nil && v.Name != nil && v.Value != nil && strings.EqualFold(v.Name.Value, name) {
				return v.Value.Value
			}
		}
	}
	return ""
}

// A reference is what uses: names.
type reference struct {
	repository string // owner/name, lower case; empty for a path and an image
	part       string // the path within it
	ref        string
	local      bool
	image      bool
}

func parseUses(uses string) reference {
	uses = strings.TrimSpace(uses)
	if strings.HasPrefix(uses, "./") || strings.HasPrefix(uses, ".\\") || uses == "." {
		return reference{local: true, part: strings.Trim(strings.TrimPrefix(uses, "."), "/")}
	}
	if image, ok := strings.CutPrefix(uses, "docker://"); ok {
		return reference{image: true, part: image}
	}
	name, ref, _ := strings.Cut(uses, "@")
	parts := strings.SplitN(name, "/", 3)
	if len(parts) < 2 {
		return reference{repository: strings.ToLower(name), ref: ref}
	}
	r := reference{repository: strings.ToLower(parts[0] + "/" + parts[1]), ref: ref}
	if len(parts) == 3 {
		r.part = strings.Trim(parts[2], "/")
	}
	return r
}

// ours returns which part of our repository uses names. The gate is the root,
// the empty part. A path is ours only in our own repository.
func (f *flow) ours(uses *actionlint.String) (part string, ok bool) {
	if uses == nil || f.want.Action == "" {
		return "", false
	}
	r := parseUses(uses.Value)
	if r.local {
		return r.part, strings.EqualFold(f.want.Repository, f.want.Action) && !strings.HasPrefix(r.part, ".github")
	}
	return r.part, !r.image && r.repository == strings.ToLower(f.want.Action)
}

// does reports whether j has a step that is our component or runs our command.
func (f *flow) does(j *job, verbs ...string) bool {
	return slices.ContainsFunc(j.Steps, func(s *actionlint.Step) bool { return slices.Contains(verbs, f.verb(j, s)) })
}

// verb returns what s has Sallyport do: gate, attest, approve and so on. It is
// empty for a step of others.
func (f *flow) verb(j *job, s *actionlint.Step) string {
	switch e := exec(s).(type) {
	case *actionlint.ExecAction:
		part, ours := f.ours(e.Uses)
		if !ours {
			return ""
		}
		return cmp.Or(part[strings.LastIndex(part, "/")+1:], "gate")
	case *actionlint.ExecRun:
		for _, c := range f.script(j, e) {
			if v := c.verb(); v != "" {
				return v
			}
		}
	}
	return ""
}

// matters reports whether the workflow signs, judges, approves or deploys.
func (f *flow) matters() bool { return slices.ContainsFunc(f.jobs, f.concerns) }

// concerns reports whether j signs, judges, approves or enters a guarded
// environment.
func (f *flow) concerns(j *job) bool {
	return len(j.gates) > 0 || len(f.targets(j)) > 0 ||
		slices.ContainsFunc(j.Steps, func(s *actionlint.Step) bool { return f.verb(j, s) != "" })
}

// bystanders are actions that fetch, keep or set up, and deploy nothing.
var bystanders = []string{"actions/checkout", "actions/download-artifact", "actions/upload-artifact", "actions/cache",
	"github/codeql-action", "step-security/harden-runner"}

// stands reports whether an action is a bystander, by its name.
func stands(r reference) bool {
	return slices.Contains(bystanders, r.repository) || strings.Contains(r.repository, "/setup-")
}

// effective reports whether s may change something outside of the job.
func (f *flow) effective(j *job, s *actionlint.Step) bool {
	switch e := exec(s).(type) {
	case *actionlint.ExecAction:
		if e.Uses == nil {
			return true
		}
		_, ours := f.ours(e.Uses)
		return !ours && !stands(parseUses(e.Uses.Value))
	case *actionlint.ExecRun:
		return !preparing(f.script(j, e), e.Run.Value)
	}
	return false // reported as not understood
}

// script reads the commands of a step.
func (f *flow) script(j *job, e *actionlint.ExecRun) []command {
	if e.Run == nil {
		return nil
	}
	shell := ""
	for _, d := range []*actionlint.Defaults{f.wf.Defaults, j.Defaults} {
		if d != nil && d.Run != nil && d.Run.Shell != nil {
			shell = d.Run.Shell.Value
		}
	}
	if e.Shell != nil {
		shell = e.Shell.Value
	}
	return commands(e.Run.Value, shell)
}

// needs returns the jobs that j names, those that exist.
func (f *flow) needs(j *job) []*job {
	var out []*job
	for _, n := range j.Needs {
		if n == nil {
			continue
		}
		if k := f.byID[strings.ToLower(n.Value)]; k != nil {
			out = append(out, k)
		}
	}
	return out
}

// before returns every job that j waits for, near ones first.
func (f *flow) before(j *job) []*job {
	if out, done := f.ahead[j]; done {
		return out
	}
	out, seen := []*job{}, map[*job]bool{j: true}
	for queue := f.needs(j); len(queue) > 0; queue = queue[1:] {
		if k := queue[0]; !seen[k] {
			seen[k] = true
			out = append(out, k)
			queue = append(queue, f.needs(k)...)
		}
	}
	f.ahead[j] = out
	return out
}

// off reports whether the source says false where b stands. The parser reads
// True as false and nothing as nothing, so the source is asked.
func (f *flow) off(b *actionlint.Bool) bool {
	if b == nil {
		return true
	}
	if b.Expression != nil {
		c := parseCondition(b.Expression.Value)
		t, known := truth(c.bare(world{}))
		return c.err == nil && known && !t
	}
	return strings.EqualFold(f.word(b.Pos), "false")
}

// word returns the plain word at p, without an anchor or a tag before it.
func (f *flow) word(p *actionlint.Pos) string {
	if p == nil || p.Line < 1 || p.Line > len(f.lines) {
		return ""
	}
	r := []rune(f.lines[p.Line-1])
	if p.Col < 1 || p.Col > len(r) {
		return ""
	}
	for _, w := range strings.Fields(string(r[p.Col-1:])) {
		if !strings.HasPrefix(w, "&") && !strings.HasPrefix(w, "!") {
			return strings.TrimRight(w, ",}]")
		}
	}
	return ""
}
