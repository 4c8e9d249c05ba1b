package cli

import (
	"context"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/origin"
	"github.com/sallyport-dev/sallyport/internal/pipelines"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/starter"
	"github.com/sallyport-dev/sallyport/internal/workflows"
)

// homely says what a repository is, for who begins.
type homely interface {
	Home(ctx context.Context) (starter.Home, error)
	// Usual says what the token of a job may do for which nothing is written: "read" or
	// "write"; "" where that is not known or means nothing.
	Usual(ctx context.Context) (string, error)
	// Has reports whether the repository has a commit.
	Has(ctx context.Context, commit string) (bool, error)
}

// uses reports whether a workflow or a pipeline uses something of ours already.
func uses(name string, raw []byte) bool {
	if name == pipelineFile {
		return pipelines.Uses(raw, ours)
	}
	return workflows.Uses(raw, ours)
}

// enterpriseServer reports whether a platform is a GitHub Enterprise Server.
func enterpriseServer(f policy.Forge) bool {
	return f.Mark == "/" && f.Host != "https://github.com" && !strings.HasSuffix(f.Host, ".ghe.com")
}

// pipelineFile is where the pipeline of a project is, if nobody says otherwise.
const pipelineFile = ".gitlab-ci.yml"

// jobsOf are the jobs of the workflows, or of the pipeline, of a clone.
func jobsOf(f policy.Forge, c clone, home starter.Home) (all []starter.Job, err error) {
	if f.Mark != "/" {
		raw, err := c.read(pipelineFile, pipelines.MaxBytes)
		if err != nil || raw == nil {
			return nil, err
		}
		return pipelines.Jobs(pipelineFile, raw, home.Repository, home.Branch)
	}
	if _, err := c.direct(".github/workflows/x"); err != nil {
		return nil, err
	}
	names, err := workflows.Files(c.root.FS())
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		raw, err := c.read(name, workflows.MaxBytes)
		if err != nil {
			return nil, err
		}
		jobs, err := workflows.Jobs(name, raw, home.Repository, home.Branch)
		if err != nil {
			return nil, err
		}
		all = append(all, jobs...)
	}
	return all, nil
}

// wireFile puts attest and the gate into a workflow or a pipeline.
func wireFile(f policy.Forge, name string, raw []byte, w starter.Wiring) starter.Wired {
	if f.Mark == "/" {
		return workflows.Wire(name, raw, w)
	}
	return pipelines.Wire(name, raw, w)
}

// wiredFiles are the workflows and the pipeline of a clone that use something of ours.
func wiredFiles(c clone) (out []starter.Change, err error) {
	if _, err := c.direct(".github/workflows/x"); err != nil {
		return nil, err
	}
	names, err := workflows.Files(c.root.FS())
	if err != nil {
		return nil, err
	}
	for _, name := range append(names, pipelineFile) {
		raw, err := c.read(name, maxWired)
		if err != nil {
			return nil, err
		}
		if raw != nil && (name == pipelineFile && pipelines.Uses(raw, ours) || name != pipelineFile && workflows.Uses(raw, ours)) {
			out = append(out, starter.Change{Path: name, Before: raw, After: raw})
		}
	}
	return out, nil
}

// unwired takes out of a file what init has put into it. left are places that a person
// changed.
func unwired(name string, raw []byte) (after []byte, left []string) {
	if name == pipelineFile {
		return pipelines.Unwire(name, raw, ours)
	}
	return workflows.Unwire(name, raw, ours)
}

// privateInstance is the Sigstore instance of a private repository. One of the platform's own
// publishes nothing, and its plan has to have it.
func privateInstance(f policy.Forge, home starter.Home) string {
	if f.Mark == "/" && !home.NoPlan {
		return "github"
	}
	return "public-good"
}

// handsOver reports whether no store of the platform surely keeps bundles. Where the
// platform has an instance of its own for a repository, it keeps what that signs.
func handsOver(ctx context.Context, f policy.Forge, at evidencer, instance string) bool {
	if f.Mark != "/" || instance == "github" {
		return false
	}
	keeps, err := at.KeepsBundles(ctx)
	return err != nil || !keeps
}

// codeOwners are the files that say who owns the code, in the order in which the platform
// looks for them.
func codeOwners(f policy.Forge) (files []string, place string) {
	if f.Mark == "/" {
		return []string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"}, placeOf(f, "github")
	}
	return []string{"CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"}, placeOf(f, "gitlab")
}

// placeOf is the word before the colon of a member.
func placeOf(f policy.Forge, word string) string {
	if forges.WellKnown(f.Host) {
		return word
	}
	return strings.TrimPrefix(f.Host, "https://")
}

// A registry knows what has a name now.
type registry interface {
	Number(ctx context.Context, n policy.Named) (policy.Number, error)
}

// registries are those that a policy names, by the addresses of their servers.
type registries struct {
	at  map[string]registry
	why map[string]error // an address that is not asked
}

func (all registries) number(ctx context.Context, n policy.Named) (policy.Number, error) {
	if at := all.at[n.Host]; at != nil {
		return at.Number(ctx, n)
	}
	return policy.Number{}, all.why[n.Host]
}

// registries opens the platforms of names. Who wrote the file chose their addresses, so
// none is asked that neither everybody knows nor --repository names, and SALLYPORT_TOKEN
// goes to one of them alone.
func (r *run) registries(n *policy.Numbers) registries {
	out := registries{map[string]registry{}, map[string]error{}}
	chosen := ""
	if at, err := origin.Parse(r.in.Repository); err == nil {
		chosen = at.Server()
	}
	hosts := map[string]policy.Named{} // and a repository there
	for _, x := range n.All {
		if _, seen := hosts[x.Host]; !seen || x.Kind == policy.NamedRepository {
			hosts[x.Host] = x
		}
	}
	for host, x := range hosts {
		if !forges.WellKnown(host) && host != chosen {
			out.why[host] = fault.New(fault.Usage, fault.Config, "", "%s is not asked unless --repository names a repository there", host)
			continue
		}
		getenv := r.Getenv
		if chosen != "" && host != chosen || chosen == "" && len(hosts) > 1 {
			getenv = r.withoutOwnToken
		}
		at, repository := x.Forge, x.Name
		if x.Kind != policy.NamedRepository { // names are asked for beside any repository
			at, _ = forgeAt(host, "")
			repository = "name/asked-for"
		}
		d, err := r.openWith(getenv, at, repository)
		if err != nil {
			out.why[host] = err
			continue
		}
		out.at[host] = d.(registry)
	}
	return out
}

// forgeAt is the platform of an address: one of those that everybody knows, or of the
// kind that kind names.
func forgeAt(host, kind string) (policy.Forge, bool) {
	issuer := host
	if host == "https://github.com" || strings.HasSuffix(host, ".ghe.com") || kind == "github" {
		issuer = github.IssuerOf(host)
	}
	return forges.Of(issuer)
}
