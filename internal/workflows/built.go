package workflows

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/starter"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// buildActions are actions that build what is released, with what they leave.
var buildActions = []struct {
	action, why string
	subject     []string
}{
	{"goreleaser/goreleaser-action", "it runs GoReleaser", []string{"dist/*.tar.gz"}},
	{"docker/build-push-action", "it builds an image", nil},
	{"pypa/gh-action-pypi-publish", "it publishes to PyPI", []string{"dist/*"}},
	{"softprops/action-gh-release", "it makes a release", nil},
	{"actions/upload-artifact", "it hands artifacts on", nil},
}

// buildCommands are what scripts build with, with what they leave.
var buildCommands = []struct {
	pattern func() *regexp.Regexp
	why     string
	subject []string
}{
	{building(`(?m)(^|[\s;&|])goreleaser (release|build)`), "it runs GoReleaser", []string{"dist/*.tar.gz"}},
	{building(`(?m)(^|[\s;&|])npm (pack|publish)`), "it packs an npm package", []string{"*.tgz"}},
	{
		building(
			`(?m)(^|[\s;&|])(go build|cargo build|make dist|make release|python -m build|mvn .*package|gradle .*build)`,
		),
		"it builds",
		nil,
	},
}

func building(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

var destination = building(`--pack-destination[= ]([A-Za-z0-9_./-]+)`)

// Jobs returns the jobs of a workflow, in the order of the file. repository is the
// owner/name that the workflow is of, and branch its default branch. A file that is no
// workflow is a fault.
func Jobs(file string, raw []byte, repository, branch string) ([]starter.Job, error) {
	if err := plain(file, raw); err != nil {
		return nil, err
	}
	d, err := yamlnode.Parse(raw, yamlnode.Options{Limits: limits})
	if err != nil || len(d.Roots) == 0 {
		return nil, unreadable(file, nil)
	}
	root := d.Roots[0]
	refs := triggered(root.Get("on"), branch)
	var out []starter.Job
	for _, f := range fields(root.Get("jobs")) {
		j := starter.Job{File: file, Name: f.Name, Refs: refs, Environment: entered(f.Value)}
		if on := f.Value.Get("runs-on"); on.Str() == "self-hosted" ||
			slices.ContainsFunc(on.Flat(), func(n *yamlnode.Node) bool { return n.Str() == "self-hosted" }) {
			j.Runner = "self-hosted"
		}
		for _, s := range steps(f.Value) {
			built(&j, s, repository)
		}
		out = append(out, j)
	}
	return out, nil
}

func fields(n *yamlnode.Node) []yamlnode.Field {
	if n == nil || n.Kind != yamlnode.Map {
		return nil
	}
	return n.Fields
}

func steps(job *yamlnode.Node) []*yamlnode.Node {
	if l := job.Get("steps"); l != nil && l.Kind == yamlnode.List {
		return l.Items
	}
	return nil
}

// entered is the environment of a job, if it is written out.
func entered(job *yamlnode.Node) string {
	e := job.Get("environment")
	name := e.Str()
	if e != nil && e.Kind == yamlnode.Map {
		name = e.Get("name").Str()
	}
	if strings.Contains(name, "${{") {
		return ""
	}
	return name
}

// action returns the action that a step uses, without its ref.
func action(step *yamlnode.Node) string {
	name, _, _ := strings.Cut(step.Get("uses").Str(), "@")
	return name
}

// built adds what a step says about what its job builds.
func built(j *starter.Job, step *yamlnode.Node, repository string) {
	add := func(why string, subject []string) {
		if j.Why == "" {
			j.Why = why
		}
		if len(j.Subject) == 0 {
			j.Subject = subject
		}
	}
	for _, b := range buildActions {
		if action(step) != b.action {
			continue
		}
		subject := b.subject
		switch b.action {
		case "docker/build-push-action":
			j.Image = pushed(step.Get("with").Get("tags").Str(), repository)
		case "actions/upload-artifact":
			subject = patterns(step.Get("with").Get("path").Str())
		case "softprops/action-gh-release":
			subject = patterns(step.Get("with").Get("files").Str())
		}
		add(b.why, subject)
	}
	script := step.Get("run").Str()
	for _, c := range buildCommands {
		if !c.pattern().MatchString(script) {
			continue
		}
		subject := c.subject
		if m := destination().FindStringSubmatch(script); m != nil {
			subject = []string{path.Join(m[1], "*.tgz")}
		}
		add(c.why, subject)
	}
}

// patterns are the lines of a list of paths, as patterns of files; none where a line is
// more than a path.
func patterns(text string) []string {
	var out []string
	for l := range strings.Lines(text) {
		l = strings.TrimSpace(l)
		switch {
		case l == "":
			continue
		case strings.ContainsAny(l, "!${~\\") || strings.HasPrefix(l, "/"):
			return nil
		case !strings.ContainsAny(path.Base(l), "*?[."):
			l = path.Join(l, "*")
		}
		out = append(out, strings.TrimPrefix(l, "./"))
	}
	return out
}

// pushed is the repository of the first image that has a tag; "" where that is an expression.
func pushed(tags, repository string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(tags), "\n")
	first, _, _ = strings.Cut(first, ",")
	for _, of := range []string{"${{ github.repository }}", "${{github.repository}}"} {
		first = strings.ReplaceAll(first, of, strings.ToLower(repository))
	}
	if i := strings.LastIndex(first, ":"); i > strings.LastIndex(first, "/") {
		first = first[:i]
	}
	if !imageName().MatchString(first) {
		return ""
	}
	return first
}

var imageName = building(`^[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+$`)

// triggered are the refs of a workflow's runs for a release: the branches and tags of a
// push, the default branch for a person's start, a version tag for a release.
func triggered(on *yamlnode.Node, branch string) []string {
	events := map[string]*yamlnode.Node{}
	for _, n := range on.Flat() {
		if n.Kind == yamlnode.Scalar {
			events[n.Str()] = nil
		}
		for _, f := range fields(n) {
			events[f.Name] = f.Value
		}
	}
	var out []string
	add := func(ref string) {
		if !slices.Contains(out, ref) {
			out = append(out, ref)
		}
	}
	if push, ok := events["push"]; ok {
		branches, tags := push.Get("branches"), push.Get("tags")
		for _, b := range branches.Flat() {
			if refName().MatchString(b.Str()) {
				add("refs/heads/" + b.Str())
			}
		}
		for _, t := range tags.Flat() {
			if refName().MatchString(t.Str()) {
				add("refs/tags/" + t.Str())
			}
		}
		if branches == nil && tags == nil {
			add("refs/heads/" + branch)
		}
	}
	if _, ok := events["release"]; ok {
		add("refs/tags/v*")
	}
	if _, ok := events["workflow_dispatch"]; ok || len(out) == 0 {
		add("refs/heads/" + branch)
	}
	return out
}

// refName is a name that means the same here and there; one that begins with a wildcard
// would name every branch.
var refName = building(`^[A-Za-z0-9_][A-Za-z0-9_./-]*\*?$`)
