package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/gitlab"
	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/pipelines"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/starter"
	"github.com/sallyport-dev/sallyport/internal/trial"
	"github.com/sallyport-dev/sallyport/internal/workflows"
)

type (
	onGitHub   struct{ *github.Job }
	onGitLab   struct{ *gitlab.Job }
	gitHubRepo struct{ forges.GitHub }
	gitLabRepo struct{ forges.GitLab }
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
const ours = forges.Ours

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
	return gitLabRepo{forges.GitLab{Repo: p.Repo}}.merged(ctx, root, g)
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
		f, ok := forges.Of(issuer)
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
		f, _ = forges.Of("https://token.actions.githubusercontent.com")
	case cloud:
		f, _ = forges.Of("https://token.actions." + tenant + ".ghe.com")
	case host == "gitlab.com":
		f, _ = forges.Of(server)
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
	f, ok := forges.Of(issuer)
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
		return gitHubRepo{forges.GitHub{Repo: repo}}, nil
	}
	if err := sendable(getenv, "SALLYPORT_TOKEN", "GITLAB_TOKEN"); err != nil {
		return nil, err
	}
	repo, err := gitlab.At(getenv, f.Host, repository)
	if err != nil {
		return nil, err
	}
	repo.Now = r.Now
	return gitLabRepo{forges.GitLab{Repo: repo}}, nil
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
