package pipelines

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/starter"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

var wireOptions = yamlnode.Options{
	Limits: yamlnode.Limits{Bytes: MaxBytes, Depth: MaxDepth, Tokens: MaxTokens, Keys: MaxKeys, Nodes: MaxNodes},
}

// builds are what scripts build with, with what they leave.
var builds = []struct {
	pattern func() *regexp.Regexp
	why     string
	subject []string
}{
	{building(`(^|[\s;&|])goreleaser (release|build)`), "it runs GoReleaser", []string{"dist/*.tar.gz"}},
	{building(`(^|[\s;&|])npm (pack|publish)`), "it packs an npm package", []string{"*.tgz"}},
	{building(`(^|[\s;&|])(docker|buildah|podman) (buildx build|build|push)`), "it builds an image", nil},
	{
		building(
			`(^|[\s;&|])(go build|cargo build|make dist|make release|python -m build|mvn .*package|gradle .*build)`,
		),
		"it builds",
		nil,
	},
}

func building(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("(?m)" + pattern) })
}

// Jobs returns the jobs of a pipeline file, in its order. repository is the path of the
// project, and branch its default branch.
// A file that is no pipeline is a fault.
func Jobs(file string, raw []byte, repository, branch string) ([]starter.Job, error) {
	d, err := read(file, raw)
	if err != nil {
		return nil, err
	}
	left := 0
	p := &pipeline{doc: d, left: &left}
	p.load()
	var out []starter.Job
	for _, j := range p.jobs {
		if j.component != "" {
			continue
		}
		x := starter.Job{File: file, Name: j.name, Refs: []string{"refs/heads/" + branch}}
		if e := j.get("environment"); e.Str() != "" {
			x.Environment = e.Str()
		} else {
			x.Environment = e.Get("name").Str()
		}
		if strings.Contains(x.Environment, "$") {
			x.Environment = ""
		}
		if tagged(j) {
			x.Refs = append(x.Refs, "refs/tags/v*")
		}
		if paths := kept(j); len(paths) > 0 {
			x.Why, x.Subject = "it keeps artifacts", paths
		}
		for _, b := range builds {
			if b.pattern().MatchString(j.text) {
				x.Why = b.why
				if len(x.Subject) == 0 {
					x.Subject = b.subject
				}
			}
		}
		if m := pushedImage().FindStringSubmatch(j.text); m != nil {
			x.Image = "registry.gitlab.com/" + strings.ToLower(repository) + m[1]
			x.Reference, x.Subject = "oci://"+x.Image+":$"+m[2], nil
		}
		out = append(out, x)
	}
	return out, nil
}

// pushedImage is an image of the project's own registry under a tag that every job knows
// from its ID token.
var pushedImage = building(
	`push[^\n]*\$\{?CI_REGISTRY_IMAGE\}?((?:/[a-z0-9][a-z0-9._-]*)*):\$\{?(CI_COMMIT_SHA|CI_COMMIT_SHORT_SHA|CI_COMMIT_REF_SLUG|CI_COMMIT_TAG)\b`,
)

// tagged reports whether a job says something of tags.
func tagged(j *job) bool {
	for _, r := range rulesOf(j.table) {
		if strings.Contains(r.Get("if").Str(), "CI_COMMIT_TAG") {
			return true
		}
	}
	only := j.get("only")
	if only != nil && only.Kind == yamlnode.Map {
		only = only.Get("refs")
	}
	return slices.ContainsFunc(only.Flat(), func(n *node) bool { return n.Str() == "tags" })
}

// kept are the paths of a job's artifacts, as patterns of files.
func kept(j *job) (out []string) {
	for _, n := range j.get("artifacts").Get("paths").Flat() {
		s := strings.TrimPrefix(n.Str(), "./")
		switch {
		case s == "" || strings.ContainsAny(s, "$") || strings.HasPrefix(s, "/"):
			return nil
		case strings.HasSuffix(s, "/"), !strings.ContainsAny(s[strings.LastIndex(s, "/")+1:], "*?[."):
			s = strings.TrimSuffix(s, "/") + "/*"
		}
		out = append(out, s)
	}
	return out
}

// Wire includes attest behind the job that builds and the gate before the job that
// deploys. It changes no line that is there. Where it finds no place, the file stays as
// it is, and ByHand says what a person has to write.
func Wire(file string, raw []byte, w starter.Wiring) starter.Wired {
	d, err := read(file, raw)
	if err == nil {
		left := 0
		x := &wire{p: &pipeline{doc: d, left: &left}, Wiring: w}
		x.p.load()
		if x.Sheet, err = starter.NewSheet(raw, wireOptions); err == nil {
			if err = x.wire(); err == nil {
				if x.out.After, err = x.Done(); err == nil {
					return x.out
				}
			}
		}
	}
	x := &wire{Wiring: w, attestJob: "attest", stage: "build"}
	return starter.Wired{After: raw, ByHand: []string{
		fmt.Sprintf("%s: %v", file, err),
		"among its includes:\n" + x.includes(),
		"at its end:\n" + x.overrides(""),
		fmt.Sprintf("and let the job that deploys need \"gate:%s\"", w.Environment),
	}}
}

type wire struct {
	*starter.Sheet
	starter.Wiring
	p         *pipeline
	out       starter.Wired
	attestJob string
	stage     string
}

func (x *wire) wire() error {
	build := x.p.named[x.Job]
	switch {
	case build == nil:
		return starter.NoPlace("it has no job %q", x.Job)
	case build.get("only") != nil || build.get("except") != nil: // these cannot be told of by reference
		return starter.NoPlace("job %s says with only: or except: when it runs, and attest and the gate need rules: that say the same", x.Job)
	case build.get("parallel") != nil:
		return starter.NoPlace("job %s runs several times at once (parallel:), and attest would wait for all of them", x.Job)
	}
	x.stage = build.get("stage").Str()
	if x.stage == "" {
		x.stage = "test"
	}
	x.attestJob = "attest"
	for x.Root.Raw(x.attestJob) != nil {
		x.attestJob = "sallyport-" + x.attestJob
	}
	if x.Root.Raw("gate:"+x.Environment) != nil {
		return starter.NoPlace("a job is called gate:%s already", x.Environment)
	}
	if err := x.include(); err != nil {
		return err
	}
	ruled := x.ruled(x.Job, 0)
	if ruled == "" && build.get("rules") != nil {
		return starter.NoPlace("the rules of job %s are not written in this file", x.Job)
	}
	if err := x.Under(x.Root, x.overrides(ruled)); err != nil {
		return err
	}
	return x.wait()
}

// ruled is the job or template that the rules of a job are written in; "" for none.
func (x *wire) ruled(name string, depth int) string {
	own := x.Root.Get(name)
	if own.Get("rules") != nil {
		return name
	}
	parents := own.Get("extends").Flat()
	for i := len(parents) - 1; i >= 0 && depth < MaxExtends; i-- {
		if at := x.ruled(parents[i].Str(), depth+1); at != "" {
			return at
		}
	}
	return ""
}

// include adds the components to the list of includes, or makes that list.
func (x *wire) include() error {
	f, ok := x.Root.Field("include")
	if !ok {
		return x.Under(x.Root, "include:\n"+indent(x.includes()))
	}
	if f.Value.Kind != yamlnode.List {
		return starter.NoPlace("include: is no list")
	}
	return x.Element(f.Value, len(f.Value.Items), x.includes())
}

func indent(text string) string {
	out := ""
	for l := range strings.Lines(text) {
		out += "  " + l
	}
	return out
}

func (x *wire) includes() string {
	subject := x.Subject
	if x.Image != "" {
		subject = []string{x.Reference}
	}
	value := starter.Word(subject[0])
	if len(subject) > 1 {
		value = jsonList(subject)
	}
	attest := ""
	if x.attestJob != "attest" {
		attest += "    job-name: " + starter.Word(x.attestJob) + "\n"
	}
	gate := ""
	for _, o := range x.Attest {
		attest += "    " + o.YAML() + "\n"
	}
	for _, o := range x.Machine {
		attest, gate = attest+"    "+o.YAML()+"\n", gate+"    "+o.YAML()+"\n"
	}
	at := "- component: $CI_SERVER_FQDN/" + x.Action + "/"
	return at + "attest@" + x.Use + "\n  inputs:\n    subject: " + value + "\n    stage: " + starter.Word(x.stage) +
		"\n    needs: " + starter.Words([]string{x.Job}) + "\n" + attest +
		at + "gate@" + x.Use + "\n  inputs:\n    subject: " + value + "\n    environment: " + starter.Word(x.Environment) +
		"\n    stage: " + starter.Word(x.stage) + "\n    needs: " + starter.Words([]string{x.Job, x.attestJob}) + "\n" + gate
}

// jsonList is a list as an input takes it, in quotes of YAML.
func jsonList(all []string) string {
	var out []string
	for _, s := range all {
		out = append(out, starter.Quoted(s))
	}
	return "'" + strings.ReplaceAll("["+strings.Join(out, ", ")+"]", "'", "''") + "'"
}

// overrides lets the jobs of the components fail, and gives them the rules of the job
// that builds: without it they have nothing to work on.
func (x *wire) overrides(ruled string) string {
	out := ""
	for _, name := range []string{x.attestJob, "gate:" + x.Environment} {
		if out != "" {
			out += "\n"
		}
		out += starter.Word(name) + ":\n  allow_failure: true # " + starter.Watches + "\n"
		if ruled != "" {
			out += "  rules: !reference [" + starter.Word(ruled) + ", rules]\n"
		}
	}
	return out
}

// wait lets the job that deploys wait for the gate, if the order of the stages does not.
func (x *wire) wait() error {
	deploy := x.p.named[x.Deploy]
	if x.Deploy == "" || deploy == nil {
		x.out.Notes = append(
			x.out.Notes,
			"no job of this pipeline enters an environment that is written out: the gate judges, and nothing waits for it",
		)
		return nil
	}
	needs := x.Root.Get(x.Deploy).Raw("needs")
	switch {
	case needs != nil && needs.Kind == yamlnode.List:
		return x.Member(needs, `"gate:`+x.Environment+`"`)
	case deploy.get("needs") != nil:
		return starter.NoPlace("what job %s needs is not written as a list of its own", x.Deploy)
	case x.p.stage(deploy) > slices.Index(x.p.stages, x.stage):
		return nil
	}
	return starter.NoPlace("job %s runs in no later stage than the gate, and needs: says nothing", x.Deploy)
}

// Uses reports whether the pipeline includes a component of ours.
func Uses(raw []byte, component string) bool {
	d, err := read("", raw)
	return err == nil &&
		slices.ContainsFunc(d.root.Get("include").Flat(), func(n *node) bool { return includesOf(n, component) })
}

// includesOf reports whether an include is of a component of ours.
func includesOf(include *node, component string) bool {
	path, _, _ := strings.Cut(include.Get("component").Str(), "@")
	return strings.HasSuffix(path[:strings.LastIndex(path, "/")+1], "/"+component+"/")
}

// Unwire takes out what Wire has put in, and the gates from what other jobs need. left says
// what of ours stays, because a person has changed it or written it.
func Unwire(file string, raw []byte, component string) (after []byte, left []string) {
	after, kept, err := starter.Unmark(raw, wireOptions)
	if err != nil {
		after = raw
	}
	for _, k := range kept {
		left = append(left, fmt.Sprintf("%s: what begins with %q, which somebody has changed since", file, k))
	}
	if Uses(after, component) && len(kept) == 0 {
		left = append(left, file+" has includes of "+component+" that have no mark of init")
	}
	return after, left
}
