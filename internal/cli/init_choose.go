package cli

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/gitobject"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/starter"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// choose decides which job builds, what it builds, and what it wants to enter.
func (b *beginning) choose() error {
	var builds []starter.Job
	var names []string
	for _, j := range b.jobs {
		named := slices.Contains([]string{j.Name, path.Base(j.File) + "/" + j.Name, j.File + "/" + j.Name}, b.told.Job)
		if named ||
			b.told.Job == "" && j.Why != "" && j.Environment == "" &&
				(b.seen == nil || b.workflow() == "" || b.workflow() == j.File) {
			builds = append(builds, j)
			names = append(names, path.Base(j.File)+"/"+j.Name)
		}
	}
	switch {
	case len(builds) == 1:
		b.job = builds[0]
	case len(b.jobs) == 0:
		return fault.New(
			fault.Usage,
			fault.Config,
			"write the workflow that builds first",
			"no workflow or pipeline is in %q",
			b.told.Root,
		)
	case b.told.Job != "" && len(builds) == 0:
		return usage("no workflow or pipeline has a job %q", b.told.Job)
	default:
		name, err := b.talk.ask("job", "Which job builds what is released?", names...)
		if err != nil {
			return err
		}
		if i := slices.Index(names, name); i >= 0 {
			b.job = builds[i]
		}
	}
	if err := b.chooseSubject(); err != nil {
		return err
	}
	return b.chooseEnvironment()
}

func (b *beginning) chooseSubject() error {
	if len(b.in.Subject) > 0 {
		b.job.Subject, b.job.Image, b.job.Reference = b.in.Subject, "", ""
		if len(b.in.Subject) == 1 && strings.HasPrefix(b.in.Subject[0], "oci://") {
			b.job.Reference = b.in.Subject[0]
			b.job.Image, _, _ = strings.Cut(strings.TrimPrefix(b.in.Subject[0], "oci://"), ":$")
			b.job.Subject = nil
		}
	}
	if b.job.Name == "" || len(b.job.Subject) > 0 || b.job.Image != "" {
		return nil
	}
	s, err := b.talk.ask("subject", "What does it build? A pattern of files such as dist/*.tar.gz")
	if s != "" {
		b.job.Subject = []string{s}
	}
	return err
}

func (b *beginning) chooseEnvironment() error {
	var all []string
	for _, j := range b.jobs {
		if j.Environment != "" && j.File == b.job.File && !slices.Contains(all, j.Environment) {
			all = append(all, j.Environment)
		}
	}
	if len(all) == 0 {
		all = b.home.Environments
	}
	name := b.told.Environment
	switch {
	case name != "":
	case len(all) == 1:
		name = all[0]
	case len(all) == 0:
		name = "production"
	default:
		// To watch is learnt where least is at stake.
		slices.SortStableFunc(all, func(x, y string) int { return cmp.Compare(live(x), live(y)) })
		var err error
		if name, err = b.talk.ask("environment", "Which environment shall be watched?", all...); err != nil {
			return err
		}
	}
	if name != "" && !environmentShape().MatchString(name) {
		return usage("environment %q: a gate judges names of letters, digits, blanks and . _ / - alone", name)
	}
	b.text.Environment = name
	for _, j := range b.jobs {
		if j.File == b.job.File && j.Environment == name && name != "" {
			b.to = j
		}
	}
	use := b.told.Use
	if use == "" {
		var err error
		if use, err = b.talk.ask("use", "Which commit of "+ours+" shall the steps use? All 40 digits, of a release"); err != nil {
			return err
		}
	}
	if use != "" && !gitobject.IsCommit(use) {
		return usage("--use %q, want the full commit id of a release: a tag can be moved", use)
	}
	b.told.Use = use
	return nil
}

// live is 1 for the name of an environment that people depend on.
func live(name string) int {
	name = strings.ToLower(name)
	if strings.HasPrefix(name, "prod") || strings.HasPrefix(name, "live") {
		return 1
	}
	return 0
}

// usable asks the platform for the commit that the steps shall use: a job or a pipeline with one
// that is not there fails as a whole, and nothing that watches could keep it from that.
func (b *beginning) usable() error {
	if b.told.Use == "" {
		return nil
	}
	d, err := b.openWith(b.Getenv, b.forge, ours)
	there := false
	if err == nil {
		there, err = d.(opening).Has(b.ctx, b.told.Use)
	}
	switch {
	case err != nil && !gate.Silent(b.ctx, err):
		return err
	case err != nil:
		b.notes = append(b.notes, fmt.Sprintf("whether %s/%s has commit %s could not be asked (%s): look before you merge, because a job whose "+
			"action cannot be found fails", b.forge.Host, ours, b.told.Use, inWords(err)))
	case !there:
		return fault.New(fault.Usage, fault.Config, "name the commit of a release: every job that uses one that is not there fails",
			"--use %s: %s/%s has no such commit that can be seen", b.told.Use, b.forge.Host, ours)
	}
	return nil
}

// environmentShape is what the input environment of a gate takes.
var environmentShape = sync.OnceValue(
	func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._/-]*$`) },
)

// sigstore is the instance that the repository's evidence is signed with.
func (b *beginning) sigstore() string {
	switch {
	case b.in.Sigstore != "" && b.in.Sigstore != "auto":
		return b.in.Sigstore
	case !b.home.Private:
		return "public-good"
	}
	return privateInstance(b.forge, b.home)
}

// trusted says which root the evidence verifies under. One of an instance of somebody's own
// lies beside the policy.
func (b *beginning) trusted() error {
	b.text.Trust = b.sigstore()
	if host := b.forge.Host; b.text.Trust != "custom" && !forges.WellKnown(host) && !strings.HasSuffix(host, ".ghe.com") {
		return fault.New(fault.Usage, fault.Config, "say which one signs: --sigstore custom --trusted-root FILE --signing-config FILE",
			"the certificate authority of %s does not know the jobs of %s", b.text.Trust, host)
	}
	if b.text.Trust != "custom" {
		return nil
	}
	if b.in.TrustedRoot == "" || b.in.SigningConfig == "" {
		return usage("--sigstore custom needs --trusted-root and --signing-config")
	}
	for _, x := range [][2]string{{"trusted-root", rootPath}, {"signing-config", configPath}} {
		if err := b.add(x[1], b.given[x[0]]); err != nil {
			return err
		}
	}
	b.text.Trust = fmt.Sprintf("{root: %s, sha256: %s}", path.Base(rootPath), subject.Sum(b.after(rootPath)).Hex())
	return nil
}

const (
	rootPath   = ".sallyport/trusted_root.json"
	configPath = ".sallyport/signing_config.json"
)

// protected asks what protects the environment, and who owns the code where nothing does.
func (b *beginning) protected() error {
	if b.text.Environment == "" {
		return nil
	}
	switch {
	case b.home.NoPlan:
		b.text.Why = "this plan of the platform protects no environments"
	default:
		p, err := b.at.Environment(b.ctx, b.text.Environment)
		if err != nil && !gate.Silent(b.ctx, err) {
			return err
		}
		if err == nil && p.State != policy.Protected {
			b.notes = append(
				b.notes,
				fmt.Sprintf(
					"the platform does not protect %q yet (found %s): sallyport settings apply",
					b.text.Environment,
					p.Found,
				),
			)
		}
		return nil
	}
	owners, notes, err := b.owners()
	b.text.Owners, b.notes = owners, append(b.notes, notes...)
	b.notes = append(b.notes, b.text.Why+": it watches; signed approvals can be the protection before it enforces")
	return err
}

// inWords is an error in words.
func inWords(err error) string {
	f := fault.Of(err)
	return f.Error()
}
