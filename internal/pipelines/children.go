package pipelines

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// A source is a file of a pipeline below, with the inputs that it is given.
type source struct {
	name   string
	inputs *node
}

// readBelow checks the pipeline that a job starts from files of the repository,
// and reports whether it has. What it cannot read, its caller names.
func (p *pipeline) readBelow(j *job, trigger *node) bool {
	sources, all := locals(trigger.Get("include"))
	if !all || p.want.Tree == nil || p.depth >= MaxNesting || p.failed != nil {
		return false
	}
	d, err := p.readFiles(sources)
	if errors.Is(err, fs.ErrNotExist) {
		p.find(trigger, finding.Finding{
			Rule: finding.DownstreamUnseen, Severity: finding.Warning,
			Message: quote("the job %s starts a pipeline from a file that is not there", j.name),
			Found:   "trigger: " + show(trigger), Wanted: "a file of the repository", Hint: "correct the path, which begins at the repository's root",
		})
		return true
	}
	if err != nil {
		p.failed = err
		return true
	}
	want := p.want
	want.Merged = false
	child := &pipeline{doc: d, want: want, parent: p, bridge: j, depth: p.depth + 1, left: p.left}
	found, err := child.check()
	if err != nil {
		p.failed = err
		return true
	}
	p.below = append(p.below, found[:min(len(found), max(0, MaxFindings-len(p.below)))]...)
	return true
}

// locals returns the files that a trigger includes, and whether these are all
// that it includes, and written out.
func locals(include *node) ([]source, bool) {
	var out []source
	for _, n := range include.Flat() {
		s := source{name: n.Str()}
		if n.Kind == yamlnode.Map {
			s = source{n.Get("local").Str(), n.Get("inputs")}
		}
		if s.name == "" || strings.ContainsAny(s.name, "$*") || strings.Contains(s.name, "://") {
			return nil, false
		}
		out = append(out, s)
	}
	return out, len(out) > 0
}

// readFiles reads the files of one pipeline into one document.
func (p *pipeline) readFiles(sources []source) (*doc, error) {
	var whole *doc
	line := 0
	for _, s := range sources {
		if *p.left--; *p.left < 0 {
			return nil, fault.New(fault.Usage, fault.Limit, "", "%s: more than %d files of pipelines below it", p.doc.file,
				MaxChildren)
		}
		name := path.Clean(strings.TrimPrefix(s.name, "/"))
		if !fs.ValidPath(name) {
			return nil, fault.New(fault.Usage, fault.Path, "", "%s: the pipeline %q is not in the repository", p.doc.file,
				s.name)
		}
		raw, err := p.want.Tree(name)
		if err != nil {
			return nil, err
		}
		d, err := read(name, raw)
		if err != nil {
			return nil, err
		}
		if filled := fill(string(raw), s.inputs, d.header.Get("spec").Get("inputs")); filled != string(raw) {
			if d, err = read(name, []byte(filled)); err != nil {
				return nil, err
			}
		}
		if whole == nil {
			whole = d
		} else {
			whole.join(d, line)
		}
		line += strings.Count(string(raw), "\n") + 1
	}
	return whole, nil
}

var (
	plainInput = lazy(`\$\[\[\s*inputs\.([\w-]+)\s*\]\]`)
	plainValue = lazy(`^[\w./@][\w./@-]*$`)
)

// fill puts the inputs that the trigger gives, and the defaults of the others,
// where the file uses them. Nobody else can give a pipeline below its inputs.
func fill(raw string, given, declared *node) string {
	return plainInput().ReplaceAllStringFunc(raw, func(m string) string {
		name := plainInput().FindStringSubmatch(m)[1]
		v := given.Get(name)
		if v == nil {
			v = declared.Get(name).Get("default")
		}
		if !plainValue().MatchString(v.Str()) {
			return m
		}
		return v.Str()
	})
}

// gatedAbove reports whether the job that starts this pipeline waits for a gate
// of an environment, or one above it does.
func (p *pipeline) gatedAbove(env string) bool {
	for ; p.parent != nil; p = p.parent {
		gates := p.parent.gatesOf(env)
		if _, loose := p.parent.loose(p.bridge, gates); len(gates) > 0 && !loose {
			return true
		}
	}
	return false
}

// fromParent reports whether a need takes artifacts of the pipeline that starts
// this one, whose number the bridge hands down.
func (p *pipeline) fromParent(n need) bool {
	name, is := strings.CutPrefix(n.elsewhere, "pipeline $")
	if !is || p.bridge == nil {
		return false
	}
	v := p.handsDown(name)
	return v != nil && slices.Contains([]string{"$CI_PIPELINE_ID", "${CI_PIPELINE_ID}"}, value(v).Str())
}

// unsaid reports whether a need names a pipeline by a variable that the job which
// starts this pipeline below it does not set.
func (p *pipeline) unsaid(n need) bool {
	name, is := strings.CutPrefix(n.elsewhere, "pipeline $")
	return is && p.bridge != nil && p.handsDown(name) == nil
}

// handsDown returns the value that the bridge gives a variable of the pipeline
// below it, or nil: one of its own, or of all jobs of its file.
func (p *pipeline) handsDown(name string) *node {
	name = strings.Trim(name, "{}")
	if truthOf(p.bridge.table.Get("trigger").Get("forward").Get("yaml_variables")) == no {
		return nil
	}
	if v := p.bridge.table.Get("variables").Get(name); v != nil {
		return v
	}
	for _, e := range p.parent.variables(p.bridge) {
		if e.Name == name {
			return e.Value
		}
	}
	return nil
}
