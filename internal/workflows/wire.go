package workflows

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/starter"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// Actions that a gate needs beside it, pinned as the documentation pins them.
const (
	checkoutAction = "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0"
	uploadAction   = "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2"
	downloadAction = "actions/download-artifact@634f93cb2916e3fdff6788551b99b062d0335ce0 # v5.0.0"
)

// GateJob is the name of the job of a gate where nothing deploys.
const GateJob = "sallyport"

// artifact is the name of the artifact that is handed to the gate, where the job hands
// none on.
const artifact = "sallyport"

// wire is a workflow that is being wired.
type wire struct {
	*starter.Sheet
	starter.Wiring
	out    starter.Wired
	top    *yamlnode.Node // permissions of the whole workflow
	upload handed
}

// handed is an artifact that a job hands on, and the folder that it begins at.
type handed struct{ name, root string }

// Wire puts attest into the job that builds and the gate into the job that deploys, or
// into one of its own. It changes no line that is there. Where it finds no place, the file
// stays as it is, and ByHand says what a person has to write.
func Wire(file string, raw []byte, w starter.Wiring) starter.Wired {
	s, err := starter.NewSheet(raw, yamlnode.Options{Limits: limits, Plain: true})
	if err == nil {
		x := &wire{Sheet: s, Wiring: w, top: s.Root.Raw("permissions")}
		if err = x.wire(); err == nil {
			if x.out.After, err = s.Done(); err == nil {
				return x.out
			}
		}
	}
	x := &wire{Wiring: w, upload: handed{artifact, starter.Root(w.Subject)}}
	return starter.Wired{After: raw, ByHand: []string{
		fmt.Sprintf(
			"%s: lines cannot be put into this file without a change of what is there (anchors, brackets or other ends of lines)",
			file,
		),
		fmt.Sprintf("behind the step of job %s that builds:\n%s", w.Job, x.attest("")),
		fmt.Sprintf("in the permissions of that job:\n%s", lines(buildNeeds)),
		fmt.Sprintf("in the job that deploys, behind checkout and download:\n%s", x.gate(x.judged("."))),
		fmt.Sprintf("in the permissions of that job:\n%s", lines(gateNeeds)),
	}}
}

func lines(all []starter.Option) string {
	out := ""
	for _, o := range all {
		out += o.Name + ": " + o.Value + "\n"
	}
	return out
}

var (
	buildNeeds = []starter.Option{
		{Name: "id-token", Value: "write"},
		{Name: "attestations", Value: "write"},
		{Name: "contents", Value: "read"},
	}
	gateNeeds = []starter.Option{
		{Name: "contents", Value: "read"},
		{Name: "actions", Value: "read"},
		{Name: "attestations", Value: "read"},
		{Name: "deployments", Value: "read"},
	}
)

func (x *wire) wire() error {
	jobs := x.Root.Get("jobs")
	build := jobs.Get(x.Job)
	if build == nil || !jobName().MatchString(x.Job) {
		return starter.ErrNoPlace
	}
	if err := x.wireBuild(build); err != nil {
		return err
	}
	if x.Deploy != "" && x.Deploy != x.Job {
		return x.wireDeploy(jobs.Get(x.Deploy))
	}
	x.out.Notes = append(
		x.out.Notes,
		"no job of this workflow enters an environment: the gate has a job of its own, and deploys nothing",
	)
	return x.Under(jobs, x.gateJob(build))
}

// jobName is the name of a job as an expression may have it.
var jobName = building(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// wireBuild puts attest behind what builds, and an upload behind it where the job hands
// nothing on.
func (x *wire) wireBuild(job *yamlnode.Node) error {
	list := job.Get("steps")
	all := steps(job)
	if len(all) == 0 {
		return starter.ErrNoPlace
	}
	at, digest := x.lastBuild(all)
	if x.Image != "" && digest == "" {
		// The step has no name that its digest could be asked for by.
		with, ok := all[at].Field("with")
		if !ok || action(all[at]) != "docker/build-push-action" ||
			x.Before(with.Key, "id: "+artifact+"-build\n") != nil {
			return starter.ErrNoPlace
		}
		digest = "${{ steps." + artifact + "-build.outputs.digest }}"
	}
	text := x.attest(digest)
	if x.Image != "" {
		if job.Raw("outputs") != nil {
			out := []starter.Option{{Name: "sallyport-image", Value: image(x.Image, digest)}}
			if err := x.Keys(job.Get("outputs"), out); err != nil {
				return err
			}
		} else if err := x.own(job, "outputs:\n  sallyport-image: "+image(x.Image, digest)+"\n"); err != nil {
			return err
		}
	} else if x.upload = handsOn(all, x.Subject); x.upload.name == "" || x.HandOver {
		text += x.handOver()
	}
	if err := x.Element(list, at+1, text); err != nil {
		return err
	}
	return x.permit(job, buildNeeds, x.more(all))
}

// handOver is the step that hands on what was built, and the bundles where no store has them.
func (x *wire) handOver() string {
	x.upload = handed{artifact, starter.Root(x.Subject)}
	paths, hidden := x.Subject, ""
	if x.HandOver {
		paths, hidden = append(slices.Clone(paths), starter.Bundles), "    include-hidden-files: true\n"
		x.upload.root = starter.Root(paths)
	}
	return "- uses: " + uploadAction + "\n  with:\n    name: " + artifact + "\n    path: " + written(
		paths,
		"      ",
	) + hidden
}

// lastBuild is the last step that builds, and the expression of the digest that it pushed.
func (x *wire) lastBuild(all []*yamlnode.Node) (at int, digest string) {
	at = len(all) - 1
	for i, s := range all {
		var j starter.Job
		if built(&j, s, ""); j.Why == "" || action(s) == "actions/upload-artifact" ||
			action(s) == "softprops/action-gh-release" {
			continue
		}
		at = i
		if action(s) == "docker/build-push-action" && s.Get("id").Str() != "" {
			digest = "${{ steps." + s.Get("id").Str() + ".outputs.digest }}"
		}
	}
	if i := slices.IndexFunc(all, func(s *yamlnode.Node) bool { return action(s) == "actions/upload-artifact" }); i > 0 &&
		at == len(all)-1 &&
		i <= at {
		at = i - 1
	}
	return at, digest
}

// handsOn finds the upload of a folder or a pattern that all subjects lie in.
func handsOn(all []*yamlnode.Node, subject []string) handed {
	for _, s := range all {
		if action(s) != "actions/upload-artifact" {
			continue
		}
		with := s.Get("with")
		own := patterns(with.Get("path").Str())
		name := with.Get("name").Str()
		if len(own) != 1 || name == "" || strings.Contains(name, "${{") {
			continue
		}
		root := starter.Root(own)
		if root == starter.Root(subject) && (path.Base(own[0]) == "*" || slices.Equal(own, subject)) {
			return handed{name, root}
		}
	}
	return handed{}
}

func image(name, digest string) string { return starter.Word(name + "@" + digest) }

// written are values of an input: one, or several as lines of a block.
func written(all []string, indent string) string {
	if len(all) == 1 {
		return starter.Word(all[0]) + "\n"
	}
	return "|\n" + indent + strings.Join(all, "\n"+indent) + "\n"
}

func (x *wire) attest(digest string) string {
	subject := written(x.Subject, "      ")
	if x.Image != "" {
		subject = image(x.Image, digest) + "\n"
	}
	text := "- name: Sallyport attest\n  uses: " + x.Action + "/actions/attest@" + x.Use + "\n  continue-on-error: true # " + starter.Watches +
		"\n  with:\n    subject: " + subject
	if x.HandOver {
		text += "    store: dir:" + starter.Bundles + "\n"
	}
	for _, o := range x.Attest {
		text += "    " + o.YAML() + "\n"
	}
	return text
}

func (x *wire) gate(subject []string) string {
	return "- name: Sallyport gate\n  uses: " + x.Action + "@" + x.Use + "\n  continue-on-error: true # " + starter.Watches +
		"\n  with:\n    subject: " + written(
		subject,
		"      ",
	) + "    environment: " + starter.Word(
		x.Environment,
	) + "\n" + x.bundles()
}

func (x *wire) bundles() string {
	if !x.HandOver {
		return ""
	}
	return "    bundle: " + starter.Bundles + "\n"
}

// judged are the subjects as they are below a folder that the artifact was put into.
func (x *wire) judged(dir string) []string {
	if x.Image != "" {
		return []string{"${{ needs." + x.Job + ".outputs.sallyport-image }}"}
	}
	return starter.Moved(x.Subject, x.upload.root, dir)
}

func (x *wire) download() string {
	if x.Image != "" {
		return ""
	}
	return "- uses: " + downloadAction + "\n  with:\n    name: " + starter.Word(
		x.upload.name,
	) + "\n    path: " + starter.Word(
		x.upload.root,
	) + "\n"
}

func (x *wire) gateJob(build *yamlnode.Node) string {
	on := build.Get("runs-on").Str()
	if on == "" || strings.Contains(on, "${{") {
		on = "ubuntu-latest"
	}
	steps := "- uses: " + checkoutAction + "\n" + x.download() + x.gate(x.judged(x.upload.root))
	text := GateJob + ":\n  needs: [" + starter.Word(x.Job) + "]\n  runs-on: " + starter.Word(on) + "\n  permissions:\n"
	for l := range strings.Lines(lines(x.reads())) {
		text += "    " + l
	}
	text += "  steps:\n"
	for l := range strings.Lines(steps) {
		text += "    " + l
	}
	return text
}

// reads is what a gate needs to read.
func (x *wire) reads() []starter.Option {
	if strings.HasPrefix(x.Image, "ghcr.io/") {
		return append(slices.Clone(gateNeeds), starter.Option{Name: "packages", Value: "read"})
	}
	return gateNeeds
}

// wireDeploy puts the gate behind the checkout and the downloads that a job begins with.
func (x *wire) wireDeploy(job *yamlnode.Node) error {
	list := job.Get("steps")
	all := steps(job)
	if len(all) == 0 {
		return starter.ErrNoPlace
	}
	at, checked, dir := 0, false, ""
	for _, s := range all {
		a := action(s)
		if a != "actions/checkout" && a != "actions/download-artifact" {
			break
		}
		checked = checked || a == "actions/checkout"
		if name := s.Get("with").Get("name").Str(); a == "actions/download-artifact" && name == x.upload.name {
			dir = path.Clean("./" + s.Get("with").Get("path").Str())
		}
		at++
	}
	if x.Image != "" && !needs(job, x.Job) {
		return starter.ErrNoPlace // it cannot see what was pushed
	}
	text := ""
	if dir == "" && x.Image == "" {
		dir, text = x.upload.root, x.download()
	}
	if !checked {
		x.out.Notes = append(
			x.out.Notes,
			"job "+x.Deploy+" checks the repository out now, because the gate reads the policy there",
		)
		if err := x.Element(list, 0, "- uses: "+checkoutAction+"\n"); err != nil {
			return err
		}
	}
	if err := x.Element(list, at, text+x.gate(x.judged(dir))); err != nil {
		return err
	}
	return x.permit(job, x.reads(), x.more(all))
}

func needs(job *yamlnode.Node, name string) bool {
	return slices.ContainsFunc(job.Get("needs").Flat(), func(n *yamlnode.Node) bool { return n.Str() == name })
}

// more is what the steps of a job seem to need besides, where nothing says which
// permissions it has.
func (x *wire) more(all []*yamlnode.Node) (out []starter.Option) {
	for _, s := range all {
		script := s.Get("run").Str()
		switch a := action(s); {
		case a == "goreleaser/goreleaser-action",
			a == "softprops/action-gh-release",
			strings.Contains(script, "gh release"),
			strings.Contains(script, "goreleaser release"):
			out = append(out, starter.Option{Name: "contents", Value: "write"})
		case a == "docker/build-push-action",
			strings.Contains(script, "docker push"),
			strings.Contains(script, "npm publish"):
			out = append(out, starter.Option{Name: "packages", Value: "write"})
		}
	}
	return out
}

// permit adds permissions to a job. One that is there with less is nothing that may be
// written over.
func (x *wire) permit(job *yamlnode.Node, want, guess []starter.Option) error {
	have := job.Raw("permissions")
	if have != nil {
		return x.grant(have, want)
	}
	var all []starter.Option
	put := func(o starter.Option) {
		i := slices.IndexFunc(all, func(k starter.Option) bool { return k.Name == o.Name })
		if i < 0 {
			all = append(all, o)
		} else if o.Value == "write" {
			all[i] = o
		}
	}
	switch {
	case x.top == nil:
		for _, o := range guess {
			put(o)
		}
		x.out.Notes = append(
			x.out.Notes,
			"a job that had the repository's default permissions has written ones now: add what else it needs",
		)
	case x.top.Kind == yamlnode.Map:
		for _, f := range x.top.Fields {
			put(starter.Option{Name: f.Name, Value: f.Value.Str()})
		}
	case x.top.Str() == "write-all":
		return nil
	default:
		return starter.ErrNoPlace
	}
	for _, o := range want {
		put(o)
	}
	text := "permissions:\n"
	for l := range strings.Lines(lines(all)) {
		text += "  " + l
	}
	return x.own(job, text)
}

func (x *wire) grant(have *yamlnode.Node, want []starter.Option) error {
	if have.Str() == "write-all" {
		return nil
	}
	var lacks []starter.Option
	for _, o := range want {
		f, ok := have.Field(o.Name)
		switch {
		case have.Kind != yamlnode.Map:
			return starter.ErrNoPlace
		case !ok:
			lacks = append(lacks, o)
		case f.Value.Str() != "write" && f.Value.Str() != o.Value:
			return starter.ErrNoPlace
		}
	}
	return x.Keys(have, lacks)
}

// own puts a key of a job before its steps.
func (x *wire) own(job *yamlnode.Node, text string) error {
	f, ok := job.Field("steps")
	if !ok || job.Flow {
		return starter.ErrNoPlace
	}
	return x.Before(f.Key, text)
}

// ours reports whether a step uses an action of ours.
func ours(step *yamlnode.Node, action string) bool {
	name, _, _ := strings.Cut(step.Get("uses").Str(), "@")
	return name == action || strings.HasPrefix(name, action+"/")
}

// Uses reports whether a job of the workflow uses an action of ours.
func Uses(raw []byte, action string) bool {
	d, err := yamlnode.Parse(raw, yamlnode.Options{Limits: limits})
	if err != nil || len(d.Roots) == 0 {
		return false
	}
	for _, f := range fields(d.Roots[0].Get("jobs")) {
		if slices.ContainsFunc(steps(f.Value), func(s *yamlnode.Node) bool { return ours(s, action) }) {
			return true
		}
	}
	return false
}

// Unwire takes out what Wire has put in. left says what of ours stays, because a person has
// changed it or written it.
func Unwire(file string, raw []byte, action string) (after []byte, left []string) {
	after, err := starter.Unmark(raw, yamlnode.Options{Limits: limits, Plain: true})
	if err != nil {
		after = raw
	}
	if Uses(after, action) {
		left = append(left, file+" has steps that use "+action+" and have no mark of init")
	}
	return after, left
}
