package workflows

import (
	"errors"
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
	legs   bool // each job of a matrix uploads an artifact
}

// handed is an artifact that a job hands on, and the folder that it begins at.
type handed struct{ name, root string }

// Wire puts attest into the job that builds and the gate into the job that deploys, or
// into one of its own. It changes no line that is there, and nothing that it adds stops a job
// or is handed to another one. Where it finds no place, the file stays as it is, and ByHand
// says what a person has to write.
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
	if ask := (*starter.Ask)(nil); errors.As(err, &ask) {
		return starter.Wired{After: raw, Ask: ask}
	}
	return starter.Wired{After: raw, ByHand: byHand(file, w, err)}
}

// byHand are the lines for a person, whose file is not touched.
func byHand(file string, w starter.Wiring, why error) []string {
	x := &wire{Wiring: w, upload: handed{artifact, starter.Root(w.Subject)}}
	out := []string{fmt.Sprintf("%s: %v", file, why)}
	digest := "${{ steps.ID.outputs.digest }}"
	if x.Image == "" {
		out = append(out, fmt.Sprintf("behind the step of job %s that builds:\n%s", w.Job, x.attest("")))
		out = append(out, fmt.Sprintf("behind the last step of that job:\n%s", x.handOver()))
	} else {
		out = append(out, fmt.Sprintf("behind the step of job %s that pushes, whose id is ID here:\n%s", w.Job, x.attest(digest)))
		out = append(out, fmt.Sprintf("among the outputs of that job:\nsallyport-image: %s\n", image(x.Image, digest)))
	}
	return append(out,
		"add id-token: write and attestations: write to its permissions, and leave those that it has\n",
		fmt.Sprintf("among the jobs:\n%s", x.gateJob(nil)))
}

func lines(all []starter.Option) string {
	out := ""
	for _, o := range all {
		out += o.Name + ": " + o.Value + "\n"
	}
	return out
}

func (x *wire) wire() error {
	jobs := x.Root.Get("jobs")
	build := jobs.Get(x.Job)
	switch {
	case build == nil:
		return starter.NoPlace("it has no job %q", x.Job)
	case !jobName().MatchString(x.Job):
		return starter.NoPlace("no expression can have the name of job %q", x.Job)
	case build.Get("uses") != nil:
		return starter.NoPlace("job %s is a reusable workflow, whose steps are in another file", x.Job)
	case jobs.Get(GateJob) != nil:
		return starter.NoPlace("a job is called %s already", GateJob)
	}
	if err := x.wireBuild(build); err != nil {
		return err
	}
	if x.Deploy != "" && x.Deploy != x.Job {
		alone := x.alone(jobs.Get(x.Deploy))
		if alone == "" {
			return x.wireDeploy(jobs.Get(x.Deploy))
		}
		x.note("the gate has a job of its own, which nothing waits for, because job %s %s", x.Deploy, alone)
	} else {
		x.note("no job of this workflow enters an environment that is written out: the gate has a job of its own, and deploys nothing")
	}
	return x.Under(jobs, x.gateJob(build))
}

func (x *wire) note(format string, args ...any) {
	x.out.Notes = append(x.out.Notes, fmt.Sprintf(format, args...))
}

// alone says why a gate has no place in a job that deploys: a step that is added before
// those that deploy must change nothing of what they find.
func (x *wire) alone(job *yamlnode.Node) string {
	all := steps(job)
	_, checked, dir := x.begins(all)
	switch {
	case len(all) == 0:
		return "has no steps here"
	case !checked:
		return "does not check the repository out, and a checkout could change what it deploys"
	case x.Image != "" && !needs(job, x.Job):
		return "does not need job " + x.Job + ", which knows the digest"
	case x.Image == "" && dir == "":
		return "does not begin with a download of what job " + x.Job + " hands on by name"
	case job.Raw("permissions") == nil && x.top == nil:
		return "has the permissions that the repository gives, which stay as they are"
	}
	return ""
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
	if err := x.Element(list, at+1, x.attest(digest)); err != nil {
		return err
	}
	if x.Image != "" {
		if matrix(job) {
			return starter.NoPlace("each job of the matrix of %s pushes an image, and its outputs name one", x.Job)
		}
		if err := x.output(job, digest); err != nil {
			return err
		}
	} else if x.upload = handsOn(all, x.Subject); x.upload.name == "" || x.HandOver {
		if err := x.hand(job, list); err != nil {
			return err
		}
	}
	return x.permit(job, buildNeeds, x.more(all))
}

func matrix(job *yamlnode.Node) bool { return job.Get("strategy").Get("matrix") != nil }

// output hands the digest of an image on.
func (x *wire) output(job *yamlnode.Node, digest string) error {
	if job.Raw("outputs") != nil {
		return x.Keys(job.Get("outputs"), []starter.Option{{Name: "sallyport-image", Value: image(x.Image, digest)}})
	}
	return x.own(job, "outputs:\n  sallyport-image: "+image(x.Image, digest)+"\n")
}

// stopsNothing is the line with which a step or a job stops nothing.
const stopsNothing = "  continue-on-error: true # " + starter.Watches + "\n"

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
	text := "- name: Sallyport attest\n  uses: " + x.Action + "/actions/attest@" + x.Use + "\n" + stopsNothing +
		"  with:\n    subject: " + subject
	if x.HandOver {
		text += "    store: dir:" + starter.Bundles + "\n"
	} else if x.Server && x.Image != "" {
		text += "    store: oci\n"
	}
	for _, o := range x.Attest {
		text += "    " + o.YAML() + "\n"
	}
	return text
}

func (x *wire) gate(subject []string) string {
	return "- name: Sallyport gate\n  uses: " + x.Action + "@" + x.Use + "\n" + stopsNothing +
		"  with:\n    subject: " + written(
		subject,
		"      ",
	) + "    environment: " + starter.Word(
		x.Environment,
	) + "\n" + x.bundles()
}

func (x *wire) bundles() string {
	if x.Server && x.Image != "" {
		return "    store: oci\n"
	}
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
	which := "name: " + starter.Word(x.upload.name)
	if x.legs {
		which = "pattern: " + starter.Quoted(artifact+"-*") + "\n    merge-multiple: true"
	}
	return "- uses: " + downloadAction + "\n" + stopsNothing + "  with:\n    " + which + "\n    path: " + starter.Word(
		x.upload.root,
	) + "\n"
}

func (x *wire) gateJob(build *yamlnode.Node) string {
	on := build.Get("runs-on").Str()
	if on == "" || strings.Contains(on, "${{") {
		on = "ubuntu-latest"
	}
	steps := "- uses: " + checkoutAction + "\n" + stopsNothing + x.download() + x.gate(x.judged(x.upload.root))
	text := GateJob + ":\n  needs: [" + starter.Word(x.Job) + "]\n  runs-on: " + starter.Word(on) + "\n" + stopsNothing + "  permissions:\n"
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
	if x.Server {
		return slices.DeleteFunc(slices.Clone(gateNeeds), func(o starter.Option) bool { return o.Name == "attestations" })
	}
	if strings.HasPrefix(x.Image, "ghcr.io/") {
		return append(slices.Clone(gateNeeds), starter.Option{Name: "packages", Value: "read"})
	}
	return gateNeeds
}

// begins counts the checkout and the downloads that a job begins with. dir is where it
// downloads what is judged.
func (x *wire) begins(all []*yamlnode.Node) (at int, checked bool, dir string) {
	for _, s := range all {
		a := action(s)
		if a != "actions/checkout" && a != "actions/download-artifact" {
			break
		}
		with := s.Get("with")
		checked = checked || a == "actions/checkout" && with.Get("path") == nil && with.Get("repository") == nil
		if a == "actions/download-artifact" && with.Get("name").Str() == x.upload.name && x.upload.name != "" {
			dir = path.Clean("./" + with.Get("path").Str())
		}
		at++
	}
	return at, checked, dir
}

// wireDeploy puts the gate behind the checkout and the downloads that a job begins with.
func (x *wire) wireDeploy(job *yamlnode.Node) error {
	all := steps(job)
	at, _, dir := x.begins(all)
	if err := x.Element(job.Get("steps"), at, x.gate(x.judged(dir))); err != nil {
		return err
	}
	return x.permit(job, x.reads(), x.more(all))
}

func needs(job *yamlnode.Node, name string) bool {
	return slices.ContainsFunc(job.Get("needs").Flat(), func(n *yamlnode.Node) bool { return n.Str() == name })
}

// own puts a key of a job before its steps.
func (x *wire) own(job *yamlnode.Node, text string) error {
	f, ok := job.Field("steps")
	if !ok || job.Flow {
		return starter.ErrNoPlace
	}
	return x.Before(f.Key, text)
}
