package pipelines

import (
	"strings"

	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// An include is a file that the platform puts into the pipeline.
type include struct {
	at        *node
	kind      string // component, project, remote, local, template, artifact
	address   string // without the ref
	ref       string
	component string // which of our components it is, or empty
	inputs    *node
	rules     *node
	integrity *node
	built     *node // the job that our component's template describes
}

// ours says, for each of our components, the job that it brings.
var ours = map[string]struct{ name, stage, needs string }{
	"attest":  {"attest", "build", "build"},
	"verify":  {"verify", "test", "build attest"},
	"gate":    {"gate", "deploy", "build attest"},
	"approve": {"approve", "deploy", ""},
	"enter":   {".enter", "", ""}, // hidden: jobs extend it
}

func (p *pipeline) readIncludes() {
	n := p.base.Get("include")
	if n == nil {
		return
	}
	for _, item := range n.Flat() {
		p.readInclude(item)
	}
}

func (p *pipeline) readInclude(n *node) {
	if n.Kind == yamlnode.Scalar {
		kind := "local"
		if strings.HasPrefix(n.Text, "http://") || strings.HasPrefix(n.Text, "https://") {
			kind = "remote"
		}
		p.includes = append(p.includes, include{at: n, kind: kind, address: n.Text})
		return
	}
	i := include{at: n, inputs: n.Get("inputs"), rules: n.Get("rules"), integrity: n.Get("integrity")}
	for _, kind := range []string{"component", "project", "remote", "local", "template", "artifact"} {
		if v := n.Get(kind); v != nil {
			i.kind, i.address = kind, v.Str()
			break
		}
	}
	switch i.kind {
	case "component":
		i.address, i.ref, _ = strings.Cut(i.address, "@")
		i.component = p.ourComponent(i.address)
		p.includes = append(p.includes, i)
	case "project":
		i.ref = n.Get("ref").Str()
		for _, file := range n.Get("file").Flat() {
			f := i
			f.component = p.ourFile(i.address, file.Str())
			p.includes = append(p.includes, f)
		}
	default:
		p.includes = append(p.includes, i)
	}
}

// ourComponent returns the name of our component at an address, or nothing. The
// host in front is always the instance itself.
func (p *pipeline) ourComponent(address string) string {
	_, path, _ := strings.Cut(address, "/")
	name, is := strings.CutPrefix(path, p.want.Component+"/")
	if !is || p.want.Component == "" || strings.Contains(name, "/") {
		return ""
	}
	return name
}

func (p *pipeline) ourFile(project, file string) string {
	if project != p.want.Component || project == "" {
		return ""
	}
	name := strings.TrimPrefix(strings.TrimPrefix(file, "/"), "templates/")
	return strings.TrimSuffix(strings.TrimSuffix(name, "/template.yml"), ".yml")
}

// opaque reports whether the include brings jobs that are not seen.
func (i include) opaque() bool { return ours[i.component].name == "" }

// unseen returns the first include whose jobs are not seen, or nil.
func (p *pipeline) unseen() *include {
	for i := range p.includes {
		if p.includes[i].opaque() {
			return &p.includes[i]
		}
	}
	return nil
}

func (i include) input(name, otherwise string) string {
	if v := i.inputs.Get(name); v != nil {
		return v.Str()
	}
	return otherwise
}

// job returns the name of the job that one of our components brings.
func (i include) job() string {
	name := i.input("job-name", ours[i.component].name)
	if i.component == "gate" || i.component == "enter" {
		name += ":" + i.input("environment", "")
	}
	return name
}

// overlay puts the jobs of our components under what this file says of them, as
// the platform does with includes.
func (p *pipeline) overlay() {
	base := *p.base
	base.Fields = nil
	for k := range p.includes {
		i := &p.includes[k]
		if !i.opaque() {
			i.built = i.build()
			put(&base, entry{Name: i.job(), Key: i.at, Value: i.built})
		}
	}
	p.base = p.doc.over(&base, p.doc.root)
}

func (p *pipeline) componentOf(name string) *include {
	for i := range p.includes {
		if !p.includes[i].opaque() && p.includes[i].job() == name {
			return &p.includes[i]
		}
	}
	return nil
}

// told are the inputs that checks look at in a component's command.
var told = []string{"environment", "subject", "checksums", "policy", "policy-ref"}

// build returns the job that the component's template describes.
func (i include) build() *node {
	text := func(s string) *node {
		return &node{Kind: yamlnode.Scalar, Text: s, Quoted: true, Line: i.at.Line, Column: i.at.Column, Size: 1}
	}
	t := &node{Kind: yamlnode.Map, Line: i.at.Line, Column: i.at.Column}
	set := func(key string, v *node) { t.Fields = append(t.Fields, entry{Name: key, Key: i.at, Value: v}) }
	command := "sallyport " + i.component
	for _, name := range told {
		if v := i.input(name, ""); v != "" {
			command += " --with '" + name + "=" + strings.ReplaceAll(v, "'", "") + "'"
		}
	}
	if i.component == "enter" {
		table := func(key string, v *node) *node {
			return &node{Kind: yamlnode.Map, Line: i.at.Line, Column: i.at.Column,
				Fields: []entry{{Name: key, Key: i.at, Value: v}}}
		}
		env := i.input("environment", "")
		set("stage", text(i.input("stage", "deploy")))
		set("needs", &node{Kind: yamlnode.List, Line: i.at.Line, Column: i.at.Column,
			Items: []*node{text(i.input("gate", "gate") + ":" + env)}})
		set("environment", table("name", text(env)))
		set("id_tokens", table("SALLYPORT_ID_TOKEN", table("aud", text(gateAudience))))
		set("before_script", text(command))
		return t
	}
	set("stage", text(i.input("stage", ours[i.component].stage)))
	needs := i.inputs.Get("needs")
	if needs == nil {
		needs = &node{Kind: yamlnode.List, Line: i.at.Line, Column: i.at.Column}
		for _, n := range strings.Fields(ours[i.component].needs) {
			needs.Items = append(needs.Items, text(n))
		}
	}
	set("needs", needs)
	set("allow_failure", &node{Kind: yamlnode.Scalar, Text: "false", Line: i.at.Line, Column: i.at.Column})
	set("script", text(command))
	return t
}

var (
	commit      = lazy(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	imageDigest = lazy(`@sha256:[0-9a-f]{64}$`)
)

// checkIncludes finds includes that somebody else can move to other bytes.
func checkIncludes(p *pipeline) {
	for _, i := range p.includes {
		switch i.kind {
		case "component", "project":
			p.pinned(i)
		case "remote":
			p.whole(i)
		}
	}
}

func (p *pipeline) pinned(i include) {
	if commit().MatchString(i.ref) {
		return
	}
	f := finding.Finding{
		Rule: finding.IncludeUnpinned, Severity: finding.Warning,
		Message: i.kind + quote(" %s is named by something that moves", i.address),
		Found:   quote("ref %s", i.ref),
		Wanted:  "the full commit SHA",
		Hint:    "write the full commit SHA after the @",
	}
	if i.kind == "project" {
		f.Hint = "write the full commit SHA as ref"
	}
	if i.component != "" {
		f.Rule, f.Severity = finding.ComponentUnpinned, finding.Error
	}
	p.find(i.at, f)
}

func (p *pipeline) whole(i include) {
	if strings.HasPrefix(i.integrity.Str(), "sha256-") {
		return
	}
	p.find(i.at, finding.Finding{
		Rule: finding.IncludeUnpinned, Severity: finding.Warning,
		Message: quote("remote %s is whatever its host sends", i.address),
		Found:   "no integrity",
		Wanted:  "integrity: sha256-...",
		Hint:    "add the file's digest as integrity",
	})
}

// checkUnseen says that files were not read, so that silence about them is not
// taken for praise.
func checkUnseen(p *pipeline) {
	i := p.unseen()
	if i == nil || len(p.want.Environments) == 0 {
		return
	}
	f := finding.Finding{
		Rule: finding.IncludeUnseen, Severity: finding.Note,
		Message: "the jobs of this include were not read",
		Found:   i.kind + quote(" %s", i.address),
		Wanted:  "the merged YAML",
		Hint:    "check the merged YAML, which has the jobs of all includes",
	}
	if p.want.Merged {
		f.Severity, f.Message = finding.Error, "this is not the merged YAML: it still has an include"
	} else if !p.deploys() && p.parent == nil {
		f.Severity, f.Message = finding.Warning, "no job of this file enters a guarded environment, and the jobs of this include were not read"
	}
	p.find(i.at, f)
}

// checkReading finds keys of which a reader sees another value than the machine.
func checkReading(p *pipeline) {
	for _, c := range p.doc.Twice {
		f := finding.Finding{
			Rule:    finding.KeyTwice,
			Message: quote("%s stands here a second time, and only the last one counts", c.Name),
			Found:   "two values", Wanted: "one", Hint: "take one of them out",
		}
		if c.Merge {
			f.Message = quote("this merge takes the place of %s above it", c.Name)
			f.Hint = "put << before the other keys"
		}
		p.find(c.At, f)
	}
}
