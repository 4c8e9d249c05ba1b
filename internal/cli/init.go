package cli

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/origin"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/starter"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// initInputs is what init alone is told.
type initInputs struct {
	Root        string   `input:"root"`
	Platform    string   `input:"platform"`
	Job         string   `input:"job"`
	Environment string   `input:"environment"`
	Use         string   `input:"use"`
	Accept      []string `input:"accept"`
	FromRun     string   `input:"from-run"`
	FromBundle  string   `input:"from-bundle"`
}

// A beginning is what init knows of a repository, and what it has made of it.
type beginning struct {
	*run
	told  initInputs
	clone clone
	talk  interview
	forge policy.Forge
	at    opening
	home  starter.Home
	jobs  []starter.Job
	job   starter.Job
	to    starter.Job // that deploys; zero for none
	seen  *statement.Signer
	notes []string
	text  starter.Starter
	files []starter.Change
	hands []string
	given map[string][]byte // files that the call names, by input
}

// An opening is a door that says what its repository is.
type opening interface {
	door
	homely
}

// initCommand writes what a repository needs so that a gate watches it.
func initCommand(r *run, in initInputs) (answer, error) {
	if err := r.atTerminal(); err != nil {
		return answer{}, err
	}
	if top, err := cloneAround(in.Root); err == nil {
		in.Root = top // from a folder of the clone, it is the clone's
	}
	c, err := openClone(in.Root)
	if err != nil {
		return answer{}, err
	}
	defer c.root.Close()
	b := &beginning{run: r, told: in, clone: c, talk: interview{r: r}}
	if done, err := b.whole(); err != nil || done {
		return answer{done: done}, err
	}
	for _, step := range []func() error{b.held, b.read, b.find, b.evidence, b.choose, b.usable, b.accept, b.write, b.wire, b.talk.over} {
		if err := step(); err != nil {
			return answer{}, err
		}
	}
	if err := b.readable(); err != nil {
		return answer{}, err
	}
	if err := b.settle(); err != nil {
		return answer{}, err
	}
	return b.examined()
}

// readable holds the policy to the reader that every gate has, before anything is written.
func (b *beginning) readable() error {
	raw, err := b.clone.read(policyPath, policy.MaxBytes)
	if err != nil {
		return err
	}
	p, err := b.parsed(policyPath, b.after(policyPath))
	if raw != nil {
		return err
	}
	if err != nil {
		return usage("with these answers (--subject, --environment, the names of the workflow and its job) the policy would be wrong: %w", err)
	}
	own := p.Artifacts[0].BuiltBy[0]
	for _, x := range [][2]string{{own.Workflow, b.text.Workflow}, {own.Repository, b.forge.Host + "/" + b.text.Home.Repository}} {
		if x[0] != x[1] && b.forge.Host+"/"+x[0] != x[1] {
			return usage("the policy would say %q of what is called %q: give it a plainer name", x[0], x[1])
		}
	}
	return nil
}

// held refuses flags that say nothing, or the wrong thing.
func (b *beginning) held() error {
	for _, w := range b.told.Accept {
		if !slices.Contains(acceptable, w) {
			return usage("--accept %q, want one of %s", w, strings.Join(acceptable, ", "))
		}
	}
	for _, s := range b.in.Subject {
		if strings.HasPrefix(s, "oci://") {
			continue
		}
		if _, err := path.Match(s, ""); err != nil || strings.HasPrefix(s, "/") || slices.Contains(strings.Split(s, "/"), "..") ||
			strings.ContainsFunc(s, unicode.IsControl) {
			return usage("--subject %q, want a pattern of files below the folder of the job, such as dist/*.tar.gz", s)
		}
	}
	if b.in.Sigstore != "custom" && b.in.Audience != "" && b.in.Audience != "sigstore" {
		return usage("--audience is of an instance of your own: say --sigstore custom too")
	}
	return nil
}

const policyPath = ".sallyport/policy.yaml"

// whole reports whether there is nothing to do: a policy, and a file that uses it.
func (b *beginning) whole() (bool, error) {
	raw, err := b.clone.read(policyPath, policy.MaxBytes)
	if err != nil || raw == nil {
		return false, err
	}
	used, err := wiredFiles(b.clone)
	if err != nil || len(used) == 0 {
		return false, err
	}
	if err := b.gitLines(); err != nil {
		return false, err
	}
	if slices.ContainsFunc(b.files, func(c starter.Change) bool { return !c.Same() }) {
		return true, b.settle()
	}
	if name := b.told.Environment; name != "" {
		p, err := b.parsed(policyPath, raw)
		if err != nil {
			return true, err
		}
		if _, there := p.Environment(name); !there {
			return true, fault.New(fault.Usage, fault.Config, "add the environment to "+policyPath+", and a gate to the job that enters it, as docs/start.md shows",
				"%s is there and has no environment %q: init adds none to a policy that is there", policyPath, name)
		}
	}
	b.say("%s is there, and a job uses it: nothing to do", policyPath)
	return true, nil
}

// find asks where the clone is from, and the platform what that is.
func (b *beginning) find() error {
	from, err := b.origin()
	if err != nil {
		return err
	}
	host, name := from.Server(), from.Path
	if !forges.WellKnown(host) && b.in.Repository == "" {
		return fault.New(
			fault.Usage,
			fault.Config,
			"if that is where your token may go, say so: --repository "+host+"/"+name,
			"the clone is of a platform of its own, %s",
			host,
		)
	}
	if b.told.Platform != "" && b.told.Platform != "auto" && forges.WellKnown(host) && host != "https://"+b.told.Platform+".com" {
		return usage("--platform %s, and %s is another one", b.told.Platform, host)
	}
	if b.told.Platform == "" || b.told.Platform == "auto" {
		b.forge, err = b.forgeOf(strings.TrimPrefix(host, "https://"), "")
	} else if f, ok := forgeAt(host, b.told.Platform); ok {
		b.forge = f
	} else {
		err = usage("%q is no address of a platform", host)
	}
	if err != nil {
		return err
	}
	if err := short(b.forge, b.in.Repository); err != nil {
		return err
	}
	d, err := b.openWith(b.Getenv, b.forge, name)
	if err != nil {
		return err
	}
	b.at = d.(opening)
	defer b.progress("asking the platform")()
	if b.home, err = b.at.Home(b.ctx); err != nil {
		return err
	}
	if b.home.Branch == "" {
		return usage("%s has no default branch: push a first commit", b.at.Name())
	}
	if !strings.EqualFold(b.home.Repository, name) {
		return fault.New(fault.Refused, fault.Policy, "correct the remote of the clone",
			"the repository is called another name now: found %q, wanted %q", b.home.Repository, name)
	}
	b.jobs, err = jobsOf(b.forge, b.clone, b.home)
	return err
}

// origin is the repository that the call names, or the clone's remote.
func (b *beginning) origin() (origin.Repository, error) {
	if at := b.in.Repository; at != "" {
		if !strings.Contains(at, "://") && !strings.Contains(at, "@") {
			at = "https://" + at
		}
		return origin.Parse(at)
	}
	all, err := b.remotes(b.told.Root)
	if err != nil {
		return origin.Repository{}, err
	}
	from, err := origin.Usual(all)
	return from.Repository, err
}

// after is what a file shall be.
func (b *beginning) after(name string) []byte {
	for _, c := range b.files {
		if c.Path == name {
			return c.After
		}
	}
	return nil
}

// add proposes a file. One that is there stays.
func (b *beginning) add(name string, text []byte) error {
	before, err := b.clone.read(name, maxWired)
	if err != nil {
		return err
	}
	c := starter.Change{Path: name, Before: before, After: before}
	if before == nil {
		c.After = text
	}
	b.files = append(b.files, c)
	return nil
}

// write proposes the policy and what lies beside it.
func (b *beginning) write() error {
	s := &b.text
	s.Issuer, s.Home, s.Since = b.forge.Issuer, b.home, b.now
	s.Workflow, s.Jobs, s.Subject = b.job.File, []string{b.job.Name}, b.job.Subject
	if b.seen != nil && b.workflow() != "" {
		s.Workflow = b.workflow()
		s.Home.OwnerID = b.seen.OwnerID
		s.Home.ID = b.seen.RepositoryID
		s.Home.Repository = strings.TrimPrefix(b.seen.Repository, b.forge.Host+"/")
	}
	if b.job.Image != "" {
		s.Subject = []string{b.job.Image}
	}
	if err := b.trusted(); err != nil {
		return err
	}
	if err := b.protected(); err != nil {
		return err
	}
	if err := b.add(policyPath, s.Policy()); err != nil {
		return err
	}
	return b.gitLines()
}

func (b *beginning) gitLines() error {
	for _, name := range []string{starter.Attributes, starter.Ignores} {
		before, err := b.clone.read(name, maxWired)
		if err != nil {
			return err
		}
		b.files = append(b.files, starter.GitLines(name, before))
	}
	return nil
}

// wire proposes the steps or components.
func (b *beginning) wire() error {
	if b.job.Name == "" || b.text.Environment == "" || b.told.Use == "" {
		return nil // the interview says what is missing
	}
	raw, err := b.clone.read(b.job.File, maxWired)
	if err != nil {
		return err
	}
	w := starter.Wiring{
		Action:      ours,
		Use:         b.told.Use,
		Environment: b.text.Environment,
		Job:         b.job.Name,
		Deploy:      b.to.Name,
		Subject:     b.job.Subject,
		Image:       b.job.Image,
		Reference:   b.job.Reference,
	}
	if b.sigstore() == "custom" {
		w.Attest = []starter.Option{
			{Name: "sigstore", Value: "custom"},
			{Name: "signing-config", Value: configPath},
			{Name: "trusted-root", Value: rootPath},
		}
		if b.in.Authority != "" {
			w.Attest = append(w.Attest, starter.Option{Name: "authority", Value: b.in.Authority})
		}
		if b.in.Audience != "" && b.in.Audience != "sigstore" {
			w.Attest = append(w.Attest, starter.Option{Name: "audience", Value: b.in.Audience})
		}
	} else if b.home.Private && b.sigstore() == "public-good" {
		w.Attest = []starter.Option{{Name: "sigstore", Value: "public-good"}, {Name: "log-private-repository", Value: "true"}}
	}
	if b.in.Network == "inherit" {
		w.Machine = []starter.Option{{Name: "network", Value: "inherit"}}
	}
	w.HandOver = b.job.Image == "" && handsOver(b.ctx, b.forge, b.at, b.sigstore())
	w.Server = enterpriseServer(b.forge)
	if uses(b.job.File, raw) {
		b.notes = append(b.notes, b.job.File+" uses "+ours+" already: it stays as it is")
		return nil
	}
	wired, err := b.wired(raw, w)
	if err != nil {
		return err
	}
	b.files = append(b.files, starter.Change{Path: b.job.File, Before: raw, After: wired.After})
	b.notes, b.hands = append(b.notes, wired.Notes...), wired.ByHand
	return nil
}

// wired wires the file, and asks about what that could change.
func (b *beginning) wired(raw []byte, w starter.Wiring) (starter.Wired, error) {
	for {
		out := wireFile(b.forge, b.job.File, raw, w)
		if out.Ask == nil {
			return out, nil
		}
		if out.Ask.Word == starter.AcceptPermissions && w.Default == "" {
			said, err := b.at.Usual(b.ctx)
			if err != nil && !gate.Silent(b.ctx, err) {
				return out, err
			}
			if w.Default = said; said != "" {
				continue
			}
		}
		if err := b.must(out.Ask.Word, out.Ask.Why); err != nil {
			return out, err
		}
		w.Accepted = append(w.Accepted, out.Ask.Word)
	}
}

// settle shows the difference, asks, writes, and says what was written.
func (b *beginning) settle() error {
	for _, n := range b.notes {
		b.say("%s", n)
	}
	if err := b.showFiles(b.files); err != nil {
		return err
	}
	var done []string
	for _, c := range b.files {
		if c.Same() {
			continue
		}
		if err := b.clone.apply(c); err != nil {
			if f := fault.Of(err); len(done) > 0 {
				return fault.New(f.Kind, f.Code, f.Hint, "%w; written before that: %s", err, strings.Join(done, ", "))
			}
			return err
		}
		done = append(done, c.Path)
	}
	if len(done) > 0 {
		branch := b.home.Branch
		if branch == "" {
			branch = "the default branch"
		}
		b.say("written: %s; commit these and merge them into %s", strings.Join(done, ", "), branch)
	}
	if slices.ContainsFunc(b.files, func(c starter.Change) bool { return c.Path == starter.Ignores && starter.Ignored(c.After) }) {
		b.say("%s leaves %s out of commits: take that line out, or no gate finds the policy", starter.Ignores, policyPath)
	}
	return nil
}

// examined ends with what the doctor says of the result. What is wrong in the settings stops
// nothing while the policy watches.
func (b *beginning) examined() (answer, error) {
	for _, h := range b.hands {
		fmt.Fprint(b.Stdout, report.PlainLines(h))
	}
	p, err := b.parsed(policyPath, b.after(policyPath))
	if err != nil {
		return answer{}, err
	}
	b.in.Policy = path.Join(b.told.Root, policyPath)
	found, err := b.examine(doctorInputs{b.told.Root}, p)
	if err != nil && gate.Silent(b.ctx, err) {
		why := err
		b.in.Offline = true
		if found, err = b.examine(doctorInputs{b.told.Root}, p); err == nil {
			b.say("the files were examined, and the platform's settings were not: %s. Ask with a token: sallyport doctor", inWords(why))
		}
	}
	if err != nil {
		return answer{}, err
	}
	b.in.Format, b.in.Output = "text", ""
	if err := b.diagnose(finding.Sort(found)); err != nil {
		return answer{}, err
	}
	if len(b.hands) > 0 {
		return answer{}, fault.New(fault.Usage, fault.Config, "write the lines that are shown, then: sallyport doctor",
			"not everything could be written: %s stays as it is", b.job.File)
	}
	var files []finding.Finding
	for _, f := range found {
		if f.Code == fault.Lint {
			files = append(files, f)
		} else if f.Severity == finding.Error {
			b.say("before this enforces: %s", f.Message)
		}
	}
	return diagnosis(files)
}
