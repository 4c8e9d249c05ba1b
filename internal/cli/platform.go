package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/doctor"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/gitlab"
	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/pipelines"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/starter"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/trial"
	"github.com/sallyport-dev/sallyport/internal/workflows"
)

// platform is a job, and the repository that it is of. This file is the only one that names
// the two platforms; a third would be a third case here.
type platform interface {
	door
	identity
	commits
	builder
	tokens
	printer

	place() inputs.Where // in the table of inputs
	// Lasts is how long a job of this kind may run, and how much of that is left;
	// whole is 0 where nobody says. hint is the next step for a job that needs more.
	Lasts(now time.Time) (whole, left time.Duration, hint string)
}

// identity is which job this is.
type identity interface {
	// Identify finds out which job this is and where its platform answers, of
	// those that a policy names. Before it, or Reach, nobody is asked.
	Identify(ctx context.Context, all []policy.Instance) error
	Reach(issuer, api string) error
	elsewhere() // an argument says where the API is
	Home() (host, id string)
	// Enters is the environment of this job, as the token of Identify names it.
	Enters() (string, error)
	// Within is the same, or "" where the job is in none; known is false where nothing
	// says it.
	Within() (environment string, known bool)
	Run() string                        // the run's address, as a certificate has it
	Number() string                     // of this job in its run, where Run does not name the job; or ""
	Origin() (statement.Origin, string) // the repository, and who started the run, for people
}

// commits is what the job has of its repository. Identify proves the commit. Tip is the
// commit of a branch.
type commits interface {
	Commit() string
	Workspace() string // the folder that the job was given, as its variables say; "" if they do not
	Tip(ctx context.Context, branch string) (commit string, err error)
}

// builder is what the job says of what it builds, and of what it was given.
type builder interface {
	Inputs(ctx context.Context, reach func() error) (given map[string]string, unknown string, err error)
	Provenance(token string, given statement.Inputs) (statement.Provenance, error)
	// Mentions and Expand are about names of variables in the value of an input,
	// where the platform leaves them to us.
	Mentions(text string) bool
	Expand(token, text string) (string, error)
}

// tokens is what the job signs with.
type tokens interface {
	IDToken(ctx context.Context, audience string) (string, error)
	Visibility(token string) string
	instance(private bool) string // the Sigstore instance that fits a repository
}

// printer is where the job's outputs and messages go.
type printer interface {
	Output(key, value string) error
	// Summary shows more than the log does: Markdown where the platform has a page for it, and
	// text elsewhere.
	Summary(markdown, text string) error
	Annotate(level, file string, line int, title, message string)
	Group(title string) func()
}

// door is a repository, for a job or for somebody outside of one.
type door interface {
	gate.Guard
	auditor
	settings
	evidencer
	Name() string
	// Resume starts the failed jobs of a run again, and says what became of it.
	Resume(ctx context.Context, run string) (said string, err error)
}

// besides is what a repository other than that of the command is asked.
type besides interface {
	gate.Runs
	gate.Refs
	gate.Builds
}

// auditor finds mistakes in what protects a repository.
type auditor interface {
	Audit(ctx context.Context, want []doctor.Want) ([]finding.Finding, error)
	// merged looks at the pipeline as the platform puts it together, where it
	// says so: what a file includes and overrides shows only there.
	merged(ctx context.Context, root *os.Root, g guarded) ([]finding.Finding, error)
}

// settings protects environments.
type settings interface {
	Plan(ctx context.Context, want doctor.Want) (doctor.Plan, error)
	Apply(ctx context.Context, want doctor.Want) (doctor.Plan, error)
}

// evidencer has the platform's own store of evidence.
type evidencer interface {
	// KeepsBundles reports whether the platform surely has a store for bundles of this
	// repository.
	KeepsBundles(ctx context.Context) (bool, error)
	// Versions returns the commits before a tip that changed a file, the newest first.
	Versions(ctx context.Context, tip, path string) ([]string, error)
	evidence() store
	storeName() string // as in the input store
}

// store is a place for bundles that can be read and written.
type store interface {
	gate.Store
	attest.Sink
}

type (
	onGitHub   struct{ *github.Job }
	onGitLab   struct{ *gitlab.Job }
	gitHubRepo struct{ *github.Repo }
	gitLabRepo struct{ *gitlab.Repo }
)

func (p gitHubRepo) evidence() store { return p.Evidence() }
func (gitHubRepo) storeName() string { return "github" }
func (p gitLabRepo) evidence() store { return p.Evidence() }
func (gitLabRepo) storeName() string { return "gitlab" }

func (p onGitHub) evidence() store   { return p.Evidence() }
func (onGitHub) storeName() string   { return "github" }
func (onGitHub) place() inputs.Where { return inputs.GitHub }
func (onGitHub) instance(private bool) string {
	if private {
		return "github"
	}
	return "public-good"
}

func (p onGitLab) evidence() store            { return p.Evidence() }
func (onGitLab) storeName() string            { return "gitlab" }
func (onGitLab) instance(private bool) string { return "public-good" }
func (onGitLab) place() inputs.Where          { return inputs.GitLab }

// ours is where our action and our components are.
const ours = "sallyport-dev/sallyport"

// files looks at the workflows and the pipeline of a repository, of whichever
// it has.
func files(root *os.Root, g guarded, repository string) ([]finding.Finding, error) {
	var out []finding.Finding
	names, err := workflows.Files(root.FS())
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		raw, err := file.ReadIn(root, name, workflows.MaxBytes)
		if err != nil {
			return nil, unread(err, fault.Usage)
		}
		found, err := workflows.Check(name, raw, workflows.Want{Environments: g.names, Watched: g.watched, Action: ours, Repository: repository})
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	const pipeline = ".gitlab-ci.yml"
	raw, err := file.ReadIn(root, pipeline, pipelines.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, unread(err, fault.Usage)
	}
	found, err := pipelines.Check(pipeline, raw, pipelines.Want{Environments: g.names, Watched: g.watched, Component: ours, Tree: tree(root)})
	return append(out, found...), err
}

// tree reads files of a repository by their paths, and goes through no link.
func tree(root *os.Root) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if info, err := root.Lstat(name); err == nil && !info.Mode().IsRegular() {
			return nil, fault.New(fault.Usage, fault.Path, "", "%q is %s, want a regular file", name, file.What(info.Mode()))
		}
		raw, err := file.ReadIn(root, name, pipelines.MaxBytes)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, unread(err, fault.Usage)
		}
		return raw, err
	}
}

func (onGitHub) merged(context.Context, *os.Root, guarded) ([]finding.Finding, error) {
	return nil, nil
}

func (gitHubRepo) merged(context.Context, *os.Root, guarded) ([]finding.Finding, error) {
	return nil, nil
}

func (p onGitLab) merged(ctx context.Context, root *os.Root, g guarded) ([]finding.Finding, error) {
	return gitLabRepo{p.Repo}.merged(ctx, root, g)
}

// placedOnGitHub reads the workflow file: a run's certificate could be any job's that may
// have an identity, so each of these has to be in the environment.
func placedOnGitHub(ctx context.Context, at gate.Branch, q policy.PlaceQuery) (policy.Placed, error) {
	out := policy.Placed{Query: q, Within: policy.No}
	raw, err := at.File(ctx, q.Commit, q.Workflow)
	if err != nil {
		f := fault.Of(err)
		if out.Why = f.Error(); f.Code == fault.Policy {
			err = nil // the file is not there
		}
		return out, err
	}
	jobs, err := workflows.Outside(q.Workflow, raw, q.Environment)
	switch f := fault.Of(err); {
	case err != nil:
		out.Why = f.Error()
	case len(jobs) > 0:
		out.Why = workflows.Told(q.Workflow, jobs)
	default:
		out.Within = policy.Yes
	}
	return out, nil
}

// filer is a repository whose files can be read, and those of others beside it.
type filer interface {
	Workflow(uri string) (repository, path string)
	FileOf(ctx context.Context, repository, commit, path string) ([]byte, error)
	Called(ctx context.Context, run, uses string) (string, error)
}

// environmentOf is the environment of the job that signed, as its certificate says it; outside says that it was in
// none. A subject of another form than the usual one says nothing
// (docs.github.com, "OpenID Connect reference").
func environmentOf(q policy.BuildQuery) (name string, outside bool) {
	_, named, is := strings.Cut(q.Subject, ":environment:")
	usual := strings.HasPrefix(q.Subject, "repo:") &&
		(strings.Contains(q.Subject, ":ref:refs/") || strings.HasSuffix(q.Subject, ":pull_request"))
	if q.Environment != "" || is {
		return cmp.Or(q.Environment, named), false
	}
	return "", usual
}

// builtOnGitHub reads the files that ran: the workflow that was started, the one that signed, those that
// they call, and the actions of the workspace.
func builtOnGitHub(ctx context.Context, at filer, q policy.BuildQuery) (policy.Build, error) {
	out := policy.Build{Query: q}
	r := workflows.Release{Commit: q.Commit, Action: ours,
		Top: workflows.Place{Commit: q.ConfigCommit}, Signer: workflows.Place{Commit: q.SignerCommit}}
	r.Repository, _ = at.Workflow(q.Repository)
	r.Environment, r.Outside = environmentOf(q)
	r.Top.Repository, r.Top.Path = at.Workflow(q.Config)
	r.Signer.Repository, r.Signer.Path = at.Workflow(q.Signer)
	r.Read = func(p workflows.Place) ([]byte, error) { return at.FileOf(ctx, p.Repository, p.Commit, p.Path) }
	var failed error // the platform did not say which commit of a workflow was called
	r.Called = func(uses string) string {
		sha, err := at.Called(ctx, q.Run, uses)
		failed = cmp.Or(failed, err)
		return sha
	}
	ran, err := r.Ran()
	switch err = cmp.Or(failed, err); {
	case errors.Is(err, fs.ErrNotExist):
		f := fault.Of(err)
		out.Why, out.Need = f.Error(), f.Hint
		return out, nil
	case err != nil:
		return out, err
	}
	return answered(q, ran), nil
}

// checkedOut is what builtOnGitHub would say of a release of the files in root; ok is false where they do not tell
// it: another repository's, or those of a pipeline.
func checkedOut(root *os.Root, b policy.Builder) (x policy.Build, ok bool) {
	const commit = "0000000000000000000000000000000000000000"
	signer, _, pinned := strings.Cut(b.Signer, "@")
	if b.Forge.Mark != "/" || pinned {
		return x, false
	}
	here := func(path string) workflows.Place {
		return workflows.Place{Repository: b.Repository, Commit: commit, Path: path}
	}
	r := workflows.Release{Repository: b.Repository, Commit: commit, Action: ours,
		Top: here(b.Workflow), Signer: here(b.Workflow),
		Called: func(string) string { return "" }, Outside: true} // who signs what was built enters nothing
	if signer != "" {
		r.Signer = here(strings.TrimPrefix(strings.TrimPrefix(signer, b.Repository+"/"), "./"))
	}
	read := tree(root)
	r.Read = func(p workflows.Place) ([]byte, error) {
		if p.Repository != b.Repository || p.Commit != commit {
			return nil, fs.ErrNotExist
		}
		return read(p.Path)
	}
	ran, err := r.Ran()
	if err != nil || ran.Unread != "" {
		return x, false
	}
	return answered(policy.BuildQuery{}, ran), true
}

// answered is what a reader says, as an answer.
func answered(q policy.BuildQuery, ran workflows.Ran) policy.Build {
	out := policy.Build{Query: q, Unread: ran.Unread, Off: "write cache-mode: none for the job"}
	for _, j := range ran.Jobs {
		b := policy.BuildJob{Name: j.Name, Signs: j.Signs, CacheMode: j.CacheMode, NoCache: j.NoCache,
			Unknown: j.Unknown, Code: j.Code, Strange: j.Strange, Runner: j.Runner}
		for _, c := range j.Caches {
			b.Caches = append(b.Caches, policy.Cache(c))
		}
		out.Jobs = append(out.Jobs, b)
	}
	return out
}

// builtOnGitLab reads the configuration of the pipeline, as GitLab puts it together of the commit.
func builtOnGitLab(ctx context.Context, at *gitlab.Repo, q policy.BuildQuery) (policy.Build, error) {
	out := policy.Build{Query: q}
	c, err := at.Configured(ctx, q.Run, q.ConfigCommit)
	if err != nil {
		return out, err
	}
	if !strings.HasPrefix(q.Config, q.Repository+"//"+c.Path+"@") {
		out.Unread = fmt.Sprintf("the project's configuration is %q now, and the certificate names %s", c.Path, q.Config)
		return out, nil
	}
	ran, err := pipelines.Release{Merged: c.Merged, Job: c.Job, Project: c.Project,
		Moving: c.Moving, Runners: c.Runners}.Ran()
	if err != nil {
		return out, err
	}
	out.Unread = ran.Unread
	for _, j := range ran.Jobs {
		b := policy.BuildJob{Name: j.Name, Signs: j.Signs, Runner: j.Runner,
			Unknown: j.Unknown, Strange: j.Unknown, Code: j.Code}
		for _, c := range j.Caches {
			b.Caches = append(b.Caches, policy.Cache(c))
		}
		out.Jobs = append(out.Jobs, b)
	}
	return out, nil
}

func (p gitLabRepo) Build(ctx context.Context, q policy.BuildQuery) (policy.Build, error) {
	return builtOnGitLab(ctx, p.Repo, q)
}

func (p onGitLab) Build(ctx context.Context, q policy.BuildQuery) (policy.Build, error) {
	return builtOnGitLab(ctx, p.Repo, q)
}

func (p gitHubRepo) Build(ctx context.Context, q policy.BuildQuery) (policy.Build, error) {
	return builtOnGitHub(ctx, p, q)
}

func (p onGitHub) Build(ctx context.Context, q policy.BuildQuery) (policy.Build, error) {
	return builtOnGitHub(ctx, p, q)
}

func (p gitHubRepo) Placed(ctx context.Context, q policy.PlaceQuery) (policy.Placed, error) {
	return placedOnGitHub(ctx, p, q)
}

func (p onGitHub) Placed(ctx context.Context, q policy.PlaceQuery) (policy.Placed, error) {
	return placedOnGitHub(ctx, p, q)
}

// merged has no lines that anybody could look up: it is in no file. Those of
// pipelines below it are.
func (p gitLabRepo) merged(ctx context.Context, root *os.Root, g guarded) ([]finding.Finding, error) {
	raw, err := p.Merged(ctx, "")
	if f := fault.Of(err); err != nil && f.Kind == fault.Unavailable {
		return []finding.Finding{{Rule: finding.CannotSee, Code: f.Code, Severity: finding.Note, Message: "the merged pipeline cannot be seen with this token: " + f.Error(), Hint: f.Hint}}, nil
	}
	if err != nil || len(raw) == 0 {
		return nil, err
	}
	const name = "merged pipeline"
	found, err := pipelines.Check(name, raw, pipelines.Want{Environments: g.names, Watched: g.watched, Component: ours, Merged: true, Tree: tree(root)})
	for i := range found {
		if found[i].File == name {
			found[i].File, found[i].Line, found[i].Column = "", 0, 0
		}
	}
	return found, err
}

// choosePlatform returns the platform that runs this job, or nil where none
// does.
func choosePlatform(c Command, component inputs.Component) (platform, error) {
	hub, lab := c.Getenv("GITHUB_ACTIONS"), c.Getenv("GITLAB_CI")
	switch {
	case hub != "" && lab != "": // a runner writes "true"; who else wrote it may have written anything
		return nil, fault.New(fault.Usage, fault.Config,
			"remove the variable of the platform that does not run this job: the person who set it chose which platform the gate asks",
			"this job says that both platforms run it: GITHUB_ACTIONS and GITLAB_CI are set")
	case hub == "true":
		if err := sendable(c.Getenv, "ACTIONS_ID_TOKEN_REQUEST_TOKEN"); err != nil {
			return nil, err
		}
		if err := sendable(c.Getenv, "SALLYPORT_TOKEN", "GITHUB_TOKEN"); err != nil {
			return nil, err
		}
		j, err := github.FromEnv(inputToken(c.Getenv))
		if err != nil {
			return nil, err
		}
		j.Out, j.Now = c.Stderr, c.Now
		return onGitHub{j}, nil
	case lab == "true":
		if err := sendable(c.Getenv, "CI_JOB_TOKEN"); err != nil {
			return nil, err
		}
		if err := sendable(c.Getenv, "SALLYPORT_TOKEN", "GITLAB_TOKEN"); err != nil {
			return nil, err
		}
		j, err := gitlab.FromEnv(c.Getenv)
		if err != nil {
			return nil, err
		}
		j.Out, j.Now, j.Outputs = c.Stderr, c.Now, component.Dotenv()
		return onGitLab{j}, nil
	}
	return nil, nil
}

// sendable refuses a token that no request can carry: of these variables, in the
// first that is set. The token is in no message.
func sendable(getenv func(string) string, names ...string) error {
	for _, name := range names {
		token := getenv(name)
		if token == "" {
			continue
		}
		if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return fault.New(fault.Usage, fault.Config,
				"set "+name+" to the token alone, without a line break, a space or quotes around it",
				"%s has a line break or another character that is in no token", name)
		}
		return nil
	}
	return nil
}

func (onGitHub) elsewhere() {}

// The expressions of this platform are values before a command sees them.
func (onGitHub) Mentions(string) bool                  { return false }
func (onGitHub) Expand(_, text string) (string, error) { return text, nil }
func (p onGitLab) elsewhere()                          { p.Elsewhere = true }

// openDoor returns the door of a repository for somebody who is not in a job of
// it: a person at a terminal, with a token of their own.
func (r *run) openDoor(f policy.Forge, repository string) (door, error) {
	if r.platform != nil {
		return r.platform, nil
	}
	r.home = f.Host + "/" + repository
	return r.openWith(r.Getenv, f, repository)
}

// elsewhere opens a door besides the one that this command is about. The token
// that was given for that one stays there: only the other platform's own
// variable is read.
func (r *run) elsewhere(f policy.Forge, repository string) (door, error) {
	d, err := r.openWith(func(name string) string {
		// In a job anybody could have set the address of an API.
		if name == "SALLYPORT_TOKEN" || r.platform != nil && (name == "GITHUB_API_URL" || name == "CI_API_V4_URL") {
			return ""
		}
		return r.Getenv(name)
	}, f, repository)
	needs(d, r.needOf(d, f, repository))
	return d, err
}

// needOf is tokenFor for a door that may have been opened with a token: then the variable that
// it is of is the one to correct.
func (r *run) needOf(d door, f policy.Forge, repository string) string {
	if at, ok := d.(interface{ TokenFrom() string }); ok && at.TokenFrom() != "" {
		return fmt.Sprintf("set %s to a token that may read %s on %s", at.TokenFrom(), repository, f.Host)
	}
	return r.tokenFor(f, repository)
}

// needs sets the next step of somebody whom a repository does not tell something.
func needs(d door, hint string) {
	switch at := d.(type) {
	case gitHubRepo:
		at.Need = hint
	case gitLabRepo:
		at.Need = hint
	}
}

// forgeOf finds out which platform a host is: by the issuer that a person named, by its
// name, or by asking it, without a token.
func (r *run) forgeOf(host, issuer string) (policy.Forge, error) {
	server := "https://" + host
	if issuer != "" {
		f, ok := forge(issuer)
		if !ok || f.Host != server {
			return f, fault.New(fault.Usage, fault.Config, "leave --certificate-oidc-issuer out, or name the issuer of "+host,
				"--certificate-oidc-issuer %q issues no tokens for jobs of %s", issuer, server)
		}
		return f, nil
	}
	var f policy.Forge
	tenant, cloud := strings.CutSuffix(host, ".ghe.com")
	switch {
	case host == "github.com":
		f, _ = forge("https://token.actions.githubusercontent.com")
	case cloud:
		f, _ = forge("https://token.actions." + tenant + ".ghe.com")
	case host == "gitlab.com":
		f, _ = forge(server)
	default:
		return r.askForge(host)
	}
	if f.Issuer == "" {
		return f, usage("there is no platform at %s", server)
	}
	return f, nil
}

// askForge asks a host of one's own which platform it is. Both are asked: an answer to
// both would name none.
func (r *run) askForge(host string) (policy.Forge, error) {
	const hint = "check the host, or name the issuer of its jobs' tokens with --certificate-oidc-issuer"
	server := "https://" + host
	if r.in.Offline {
		return policy.Forge{}, fault.New(fault.Usage, fault.Config, "name the issuer of its jobs' tokens with --certificate-oidc-issuer",
			"nothing here says which platform %s is, and --offline forbids to ask it", server)
	}
	hub, failed := github.Answers(r.ctx, server)
	lab, err := gitlab.Answers(r.ctx, server)
	if failed = errors.Join(failed, err); failed != nil && hub == lab {
		f := fault.Of(failed)
		return policy.Forge{}, fault.New(f.Kind, f.Code, hint, "asking which platform it is: %w", failed)
	}
	issuer := server
	if hub {
		issuer += "/_services/token"
	}
	f, ok := forge(issuer)
	if hub == lab || !ok {
		return policy.Forge{}, fault.New(fault.Unavailable, fault.NotAvailable, hint, "%s does not say that it is a platform that is known here", server)
	}
	return f, nil
}

// ownInstance is the Sigstore instance that a platform runs for its own repositories, or "".
func ownInstance(f policy.Forge) string {
	if f.Host == "https://github.com" {
		return "github"
	}
	return ""
}

// tokenFor is the next step of a command that asks elsewhere and is told nothing:
// the variable whose token goes there (github.At, gitlab.At).
func (r *run) tokenFor(f policy.Forge, repository string) string {
	name, server, usual := "GITLAB_TOKEN", "CI_SERVER_URL", "https://gitlab.com"
	_, same := r.platform.(onGitLab)
	if f.Mark == "/" {
		name, server, usual = "GITHUB_TOKEN", "GITHUB_SERVER_URL", "https://github.com"
		_, same = r.platform.(onGitHub)
	}
	hint := fmt.Sprintf("set %s to a token that may read %s on %s", name, repository, f.Host)
	switch own := strings.TrimSuffix(cmp.Or(r.Getenv(server), usual), "/"); {
	case strings.EqualFold(own, f.Host):
		return hint
	case same:
		return fmt.Sprintf("gate it in a job of %s: no token of this job goes there", f.Host)
	default:
		return fmt.Sprintf("%s, and %s to %s, where it may then go", hint, server, f.Host)
	}
}

func (r *run) openWith(getenv func(string) string, f policy.Forge, repository string) (door, error) {
	if f.Mark == "/" {
		if err := sendable(getenv, "SALLYPORT_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"); err != nil {
			return nil, err
		}
		repo, err := github.At(getenv, f.Host, repository)
		if err != nil {
			return nil, err
		}
		repo.Now = r.Now
		return gitHubRepo{repo}, nil
	}
	if err := sendable(getenv, "SALLYPORT_TOKEN", "GITLAB_TOKEN"); err != nil {
		return nil, err
	}
	repo, err := gitlab.At(getenv, f.Host, repository)
	if err != nil {
		return nil, err
	}
	repo.Now = r.Now
	return gitLabRepo{repo}, nil
}

// asTrial is a door as what try asks, and the variable that its token is from.
func asTrial(d door) (trial.Platform, string) {
	switch at := d.(type) {
	case gitHubRepo:
		return at, at.TokenFrom()
	case gitLabRepo:
		at.Public()
		return at, at.TokenFrom()
	}
	return nil, ""
}

// builds are the jobs of a clone that seem to build what is released; none where its files cannot be
// read.
func builds(root string, f policy.Forge) (out []trial.Build) {
	c, err := openClone(root)
	if err != nil {
		return nil
	}
	defer c.root.Close()
	jobs, err := jobsOf(f, c, starter.Home{})
	if err != nil {
		return nil
	}
	for _, j := range jobs {
		if j.Why != "" {
			out = append(out, trial.Build{File: j.File, Job: j.Name})
		}
	}
	return out
}

// attestLines are the lines that add attest to a job.
func attestLines(f policy.Forge) func(trial.Build) []string {
	if f.Mark == "/" {
		return func(trial.Build) []string {
			return []string{
				"permissions: # besides those that the job has",
				"  id-token: write",
				"  attestations: write",
				"steps: # behind the one that builds",
				"  - uses: " + ours + "/actions/attest@<commit>",
				`    with: {subject: "dist/*"}`,
			}
		}
	}
	return func(b trial.Build) []string {
		return []string{
			"include:",
			"  - component: $CI_SERVER_FQDN/" + ours + "/attest@<commit>",
			fmt.Sprintf(`    inputs: {subject: "dist/*", needs: [%q]}`, b.Job),
		}
	}
}

// place returns the platform that members of a policy's groups name: one of the
// two that everybody knows, or an instance by its host.
func place(name string) (policy.Place, bool) {
	switch name {
	case "github":
		return policy.Place{Host: "https://github.com", Roles: github.Roles}, true
	case "gitlab":
		return policy.Place{Host: "https://gitlab.com", Roles: gitlab.Roles, Above: true}, true
	}
	if !instanceName().MatchString(name) {
		return policy.Place{}, false
	}
	return policy.Place{Host: "https://" + name, Roles: slices.Concat(github.Roles, gitlab.Roles), Above: true}, true
}

// wellKnown reports whether host is one of the two that everybody knows.
func wellKnown(host string) bool { return host == "https://github.com" || host == "https://gitlab.com" }

// everybodys are the two instances that everybody knows.
func everybodys() []policy.Instance {
	var all []policy.Instance
	for _, issuer := range []string{"https://token.actions.githubusercontent.com", "https://gitlab.com"} {
		f, _ := forge(issuer)
		all = append(all, policy.Instance{Forge: f})
	}
	return all
}

var instanceName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`) })

// inputToken lets the input token stand for the variable that the platform's
// library reads.
func inputToken(getenv func(string) string) func(string) string {
	return func(name string) string {
		if t := getenv("SALLYPORT_TOKEN"); name == "GITHUB_TOKEN" && t != "" {
			return t
		}
		return getenv(name)
	}
}
