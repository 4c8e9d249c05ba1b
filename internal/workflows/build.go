package workflows

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// A Place is a file of a commit.
type Place struct {
	Repository string // owner/name
	Commit     string
	Path       string
}

// String returns the place for a person to read.
func (p Place) String() string {
	return fmt.Sprintf("%s of %s at commit %s", p.Path, p.Repository, p.Commit)
}

// is reports whether p is the file o. A certificate may leave the commit of a signer out.
func (p Place) is(o Place) bool {
	return strings.EqualFold(p.Repository, o.Repository) && p.Path == o.Path && (p.Commit == o.Commit || o.Commit == "")
}

// A Release is a run that signed: what its certificate says, and how its files are read.
type Release struct {
	Repository string // owner/name of the source, in whose workspace steps run
	Commit     string // of the source
	Top        Place  // the workflow that was started
	Signer     Place  // the workflow whose job signed
	Action     string // owner/name of our action's repository
	// Environment is the one that the job was in; "": it is not known. Outside says that it was in
	// none.
	Environment string
	Outside     bool
	// Called returns the commit of a workflow of another repository, which a file calls by
	// this text, as the platform resolved it for the run; "" where it does not say it.
	Called func(uses string) string
	// Read returns a file. One that is not there is fs.ErrNotExist.
	Read func(Place) ([]byte, error)
}

// A Ran is what the files of a run say of its jobs: of those that may have signed, and of all
// that these need.
type Ran struct {
	Jobs []RanJob
	// Unread says why the files, which are there, cannot be judged; "": they can.
	Unread string
}

// A RanJob is one job.
type RanJob struct {
	Name      string // the file, and the job in it
	Signs     bool   // the certificate may be of this job
	CacheMode string // of the platform's cache, as it is written; "": nothing is
	NoCache   bool   // the mode lets the job restore nothing
	Caches    []RanCache
	Unknown   []string // actions that may restore a cache, for all that is known
	Code      []string // steps that run, or may run, the project's code, in words
	Strange   []string // actions that may run the project's code, for all that is known
	Runner    string   // what the job runs on, where that is not surely a machine made for it alone
}

// A RanCache is a step that restores a cache.
type RanCache struct {
	What      string // the step, and why it counts
	Off       string // what switches it off, as an imperative
	Elsewhere bool   // the cache is not the platform's, so that cache-mode does not stop it
}

// Limits of what is read of one run.
const (
	maxRead  = 100  // files
	maxCalls = 1000 // of workflows and actions of the project
	maxParts = 5000 // jobs, counted as often as they are called
	maxSteps = 5000 // of jobs and actions, counted in the same way
	maxLevel = 10   // of calls within calls, as the platform has it
)

// Ran reads the files of a run. The error is one of Read; what the files say is never an
// error.
func (r Release) Ran() (out Ran, err error) {
	defer fault.Recover(&err, "reading the workflows of a run")
	w := &reading{Release: r, files: map[Place]*yamlnode.Node{}}
	if err := w.run(); err != nil {
		var odd *oddity
		if errors.As(err, &odd) {
			return Ran{Unread: odd.why}, nil
		}
		return Ran{}, err
	}
	return Ran{Jobs: w.out}, nil
}

// An oddity is a file that cannot be judged.
type oddity struct{ why string }

func (o *oddity) Error() string { return o.why }

func odd(format string, args ...any) error { return &oddity{fault.Text(format, args...)} }

// A reading is Ran while it is made.
type reading struct {
	Release
	files map[Place]*yamlnode.Node
	calls int
	parts int
	steps int
	out   []RanJob
	done  []*part // that are in out
}

// An instance is a workflow file as one job calls it, or as it was started.
type instance struct {
	at     Place
	root   *yamlnode.Node
	jobs   []*part
	caller *part // nil: it was started
}

// A part is a job of an instance.
type part struct {
	of       *instance
	id       string
	node     *yamlnode.Node
	callee   *instance // that it calls; nil: none, or it is not read yet
	noCache  bool
	mode     string
	identity bool // it may ask for an identity
	signs    bool
	judged   *RanJob  // nil: not yet
	takes    []string // artifacts of the run that its steps download; "" for any
	gives    []string // artifacts that its steps upload; "" for any
}

func (w *reading) run() error {
	top, err := w.open(w.Top, nil)
	if err != nil {
		return err
	}
	signing := []*instance{top}
	if !w.Top.is(w.Signer) {
		if signing, err = w.within(top, 0); err != nil {
			return err
		}
		if len(signing) == 0 {
			return odd("no job of %s calls %s, which the certificate names", w.Top.Path, w.Signer.Path)
		}
	}
	for _, i := range signing {
		for _, p := range w.signers(i) {
			if err := w.closure(p); err != nil {
				return err
			}
		}
	}
	if err := w.givers(top); err != nil {
		return err
	}
	for _, p := range w.done {
		j, err := w.judge(p)
		if err != nil {
			return err
		}
		w.out = append(w.out, j)
	}
	if !slices.ContainsFunc(w.out, func(j RanJob) bool { return j.Signs }) {
		return odd("%s has no job with steps, and the certificate says that one signed", w.Signer.Path)
	}
	return nil
}

// signers are the jobs of i that may have signed: those that may have an identity, and are in the
// environment that the certificate names. Where the file has none, it says less, and more jobs count: those
// that may have an identity, or all with steps.
func (w *reading) signers(i *instance) []*part {
	all := slices.DeleteFunc(slices.Clone(i.jobs), func(p *part) bool { return p.node.Get("uses") != nil })
	out := slices.DeleteFunc(slices.Clone(all), func(p *part) bool { return !p.identity || !w.fits(p) })
	if len(out) == 0 {
		out = slices.DeleteFunc(slices.Clone(all), func(p *part) bool { return !p.identity })
	}
	if len(out) == 0 {
		out = all
	}
	for _, p := range out {
		p.signs = true
	}
	return out
}

// fits reports whether p may be in the environment that the certificate names, or in none.
func (w *reading) fits(p *part) bool {
	e := p.node.Get("environment")
	name := e.Str()
	if e != nil && e.Kind == yamlnode.Map {
		name = e.Get("name").Str()
	}
	switch {
	case strings.Contains(name, "${{"):
		return true
	case w.Environment != "":
		return strings.EqualFold(name, w.Environment)
	}
	return !w.Outside || name == ""
}

// within are the instances of the signer's file beneath i.
func (w *reading) within(i *instance, level int) ([]*instance, error) {
	var out []*instance
	if level > maxLevel {
		return nil, odd("workflows call each other more than %d levels deep", maxLevel)
	}
	for _, p := range i.jobs {
		k, err := w.called(p)
		if err != nil {
			return nil, err
		}
		if k == nil {
			continue
		}
		if k.at.is(w.Signer) {
			out = append(out, k)
		}
		below, err := w.within(k, level+1)
		if err != nil {
			return nil, err
		}
		out = append(out, below...)
	}
	return out, nil
}

// closure adds p and all jobs that end before it may begin.
func (w *reading) closure(p *part) error {
	w.add(p)
	for k := p; k != nil; k = k.of.caller {
		for _, n := range k.needs() {
			if err := w.whole(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// whole adds all jobs of p, which may call a workflow, and those that p needs.
func (w *reading) whole(p *part) error {
	if slices.Contains(w.done, p) {
		return nil // also where jobs need each other in a ring
	}
	k, err := w.called(p)
	if err != nil {
		return err
	}
	if w.add(p); k != nil {
		for _, x := range k.jobs {
			if err := w.whole(x); err != nil {
				return err
			}
		}
	}
	for _, n := range p.needs() {
		if err := w.whole(n); err != nil {
			return err
		}
	}
	return nil
}

func (w *reading) add(p *part) {
	if !slices.Contains(w.done, p) {
		w.done = append(w.done, p)
	}
}

// needs are the jobs of the same file that p names.
func (p *part) needs() []*part {
	var out []*part
	for _, n := range p.node.Get("needs").Flat() {
		i := slices.IndexFunc(p.of.jobs, func(k *part) bool { return strings.EqualFold(k.id, n.Str()) })
		if i >= 0 {
			out = append(out, p.of.jobs[i])
		}
	}
	return out
}

// called is the workflow that p calls, or nil.
func (w *reading) called(p *part) (*instance, error) {
	uses := p.node.Get("uses")
	if uses == nil || p.callee != nil {
		return p.callee, nil
	}
	text := strings.TrimSpace(uses.Str())
	at := Place{p.of.at.Repository, p.of.at.Commit, strings.TrimPrefix(text, "./")}
	if r := parseUses(text); !r.local {
		name, _, _ := strings.Cut(text, "@")
		parts := strings.SplitN(name, "/", 3)
		if len(parts) < 3 {
			return nil, odd("%s, job %s calls %q, which names no workflow", p.of.at.Path, p.id, text)
		}
		at = Place{parts[0] + "/" + parts[1], r.ref, parts[2]}
		if said := w.Called(text); said != "" {
			at.Commit = said
		}
		if !fullCommit().MatchString(at.Commit) {
			return nil, odd("%s, job %s calls %q, and the platform does not say which commit that was",
				p.of.at.Path, p.id, text)
		}
	}
	var err error
	p.callee, err = w.open(at, p)
	return p.callee, err
}

// open reads a workflow as caller calls it.
func (w *reading) open(at Place, caller *part) (*instance, error) {
	root, err := w.file(at)
	if err != nil {
		return nil, err
	}
	i := &instance{at: at, root: root, caller: caller}
	all := fields(root.Get("jobs"))
	if len(all) == 0 || len(all) > MaxJobs {
		return nil, odd("%s has %d jobs", at, len(all))
	}
	if w.parts += len(all); w.parts > maxParts {
		return nil, odd("the run has more than %d jobs, and no more are read", maxParts)
	}
	for _, f := range all {
		p := &part{of: i, id: f.Name, node: f.Value}
		p.inherit()
		i.jobs = append(i.jobs, p)
	}
	return i, nil
}

// inherit works out what p has of its workflow and of its caller: a mode of the cache that a
// caller sets is never widened (docs.github.com, "Workflow syntax", cache-mode), and without
// permissions of its own a called workflow has those of the job that calls it. A workflow
// that was started has no identity by default ("Automatic token authentication").
func (p *part) inherit() {
	own, perms := p.node.Get("cache-mode"), p.node.Get("permissions")
	if own == nil {
		own = p.of.root.Get("cache-mode")
	}
	if perms == nil {
		perms = p.of.root.Get("permissions")
	}
	p.mode = strings.TrimSpace(own.Str())
	p.noCache = p.mode == "none" || p.mode == "write-only"
	p.identity = identity(perms)
	if c := p.of.caller; c != nil {
		p.noCache = p.noCache || c.noCache
		if c.noCache || p.mode == "" {
			p.mode = c.mode
		}
		p.identity = p.identity || perms == nil && c.identity
	}
}

// identity reports whether permissions let a job ask for an identity. What is not understood
// may.
func identity(perms *yamlnode.Node) bool {
	switch {
	case perms == nil:
		return false
	case perms.Kind == yamlnode.Map:
		t := perms.Get("id-token")
		return t != nil && t.Str() != "none" && t.Str() != "read"
	}
	return perms.Str() != "read-all"
}

// file reads one file, once.
func (w *reading) file(at Place) (*yamlnode.Node, error) {
	if w.calls++; w.calls > maxCalls {
		return nil, odd("the run calls workflows and actions more than %d times, and no more are read", maxCalls)
	}
	if root, known := w.files[at]; known {
		return root, nil
	}
	if len(w.files) >= maxRead {
		return nil, odd("the run has more than %d files, and no more are read", maxRead)
	}
	raw, err := w.Read(at)
	if err != nil {
		return nil, err
	}
	root, err := document(at.Path, raw)
	if err != nil {
		return nil, odd("%s cannot be judged: %v", at, err)
	}
	w.files[at] = root
	return root, nil
}

// document is the mapping that a file holds. A key that stands twice means one thing to one
// reader and another to the next.
func document(name string, raw []byte) (*yamlnode.Node, error) {
	if err := plain(name, raw); err != nil {
		return nil, err
	}
	d, err := yamlnode.Parse(bytes.TrimPrefix(raw, []byte("\ufeff")), yamlnode.Options{Limits: limits})
	if err != nil || len(d.Roots) == 0 || d.Roots[0].Kind != yamlnode.Map {
		return nil, fault.New(fault.Usage, fault.Lint, "", "it is not a mapping")
	}
	if len(d.Twice) > 0 {
		return nil, fault.New(fault.Usage, fault.Lint, "", "key %q stands twice in one mapping", d.Twice[0].Name)
	}
	return d.Roots[0], nil
}

// judge says what the steps of p do, once.
func (w *reading) judge(p *part) (RanJob, error) {
	if p.judged == nil {
		j, err := w.walk(p)
		if err != nil {
			return RanJob{}, err
		}
		p.judged = &j
	}
	return *p.judged, nil
}

func (w *reading) walk(p *part) (RanJob, error) {
	j := RanJob{Name: p.of.at.Path + ", job " + p.id, Signs: p.signs, CacheMode: p.mode, NoCache: p.noCache}
	if !strings.EqualFold(p.of.at.Repository, w.Repository) {
		j.Name = p.of.at.Repository + " " + j.Name
	}
	if p.node.Get("uses") != nil {
		return j, nil // its jobs are told apart
	}
	j.Runner = runner(p.node)
	s := &walked{w: w, part: p, job: &j, own: strings.EqualFold(p.of.at.Repository, w.Repository)}
	s.surroundings()
	if len(steps(p.node)) == 0 {
		s.unknown("a job without steps")
	}
	return j, s.all(steps(p.node), "", 0)
}

// machine is a label of a machine that the platform makes for one job and then throws away
// (docs.github.com, "GitHub-hosted runners reference"). Larger ones have names that an
// organization chooses, and so has its own.
var machine = lazy(`^(?:ubuntu-(?:latest|slim|[0-9]{2}\.[0-9]{2})(?:-arm)?|` +
	`windows-(?:latest|20[0-9]{2}|11)(?:-arm|-vs[0-9]{4})?|` +
	`macos-(?:latest|[0-9]{2})(?:-large|-xlarge|-intel)?)$`)

// runner is what a job runs on, where that is not surely such a machine.
func runner(job *yamlnode.Node) string {
	on := job.Get("runs-on")
	if on == nil {
		return "nothing that is named"
	}
	var labels []string
	for _, n := range on.Flat() {
		labels = append(labels, choices(job, n.Str())...)
	}
	told := strings.Join(labels, ", ")
	switch {
	case on.Kind == yamlnode.Map:
		return cmp.Or(on.Get("group").Str(), "a group of runners")
	case len(labels) == 0:
		return "nothing that is named"
	case len(on.Flat()) > 1: // several labels are of one runner
		return told
	case slices.ContainsFunc(labels, func(l string) bool { return !machine().MatchString(l) }):
		return told
	}
	return ""
}

// choices are the values of text, which may be a value of the job's matrix.
func choices(job *yamlnode.Node, text string) []string {
	name, ok := strings.CutPrefix(strings.ReplaceAll(text, " ", ""), "${{matrix.")
	name, whole := strings.CutSuffix(name, "}}")
	if !ok || !whole {
		return []string{text}
	}
	matrix := job.Get("strategy").Get("matrix")
	var out []string
	add := func(from *yamlnode.Node) {
		for _, f := range fields(from) {
			if strings.EqualFold(f.Name, name) { // as the platform compares them
				for _, n := range f.Value.Flat() {
					out = append(out, cmp.Or(n.Str(), "?"))
				}
			}
		}
	}
	add(matrix)
	for _, n := range matrix.Get("include").Flat() {
		if n.Kind != yamlnode.Map {
			out = append(out, cmp.Or(n.Str(), "?")) // an expression, which may say anything
		}
		add(n)
	}
	if len(out) == 0 {
		return []string{text}
	}
	return out
}

// local is the place of an action of the workspace, without its file's name; ok is false
// where it leaves the workspace.
func (w *reading) local(part string) (Place, bool) {
	p := path.Clean("/" + part)[1:]
	return Place{w.Repository, w.Commit, p}, p == strings.Trim(part, "/")
}

// action reads the file of an action of the workspace; nil if there is none.
func (w *reading) action(at Place) (*yamlnode.Node, error) {
	for _, name := range []string{"action.yml", "action.yaml"} {
		root, err := w.file(Place{at.Repository, at.Commit, path.Join(at.Path, name)})
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return root, err
	}
	return nil, nil
}
