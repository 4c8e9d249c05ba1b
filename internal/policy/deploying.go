package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Deploying is what was read of the workflow files of the run whose job waits at the platform's door. The gate is a
// step of that job and asks nobody about it; a server is not, and reads whether the job deploys what it lets in.
type Deploying struct {
	// Path and ref of the workflow that was started, and the repository of the run, as its certificates name them.
	Workflow     string `json:"workflow"`
	Ref          string `json:"ref"`
	Issuer       string `json:"issuer"`
	RepositoryID string `json:"repositoryID"`

	Files []string   `json:"files,omitempty"` // that were read: FILE of REPOSITORY at commit COMMIT
	Ways  []Way      `json:"ways,omitempty"`  // around what is let in
	Jobs  []JobPlace `json:"jobs,omitempty"`  // files with a job that enters
	// Unread says why the files say nothing certain, and Need what helps; "": they were read.
	Unread string `json:"unread"`
	Need   string `json:"need"`
}

// A Way leads around what is let in.
type Way struct {
	At     string `json:"at"`   // FILE:LINE
	Rule   string `json:"rule"` // of docs/doctor.md, or of a server alone: gate-elsewhere, gate-environment, gate-shell
	Says   string `json:"says"`
	Found  string `json:"found"`
	Wanted string `json:"wanted"`
	Hint   string `json:"hint"`
}

// A JobPlace is a workflow file as a run has it.
type JobPlace struct {
	File   string `json:"file"`   // OWNER/NAME/PATH
	Ref    string `json:"ref"`    // as the platform resolved it; "": the run's own
	Commit string `json:"commit"` // likewise
}

// What an environment says of the job that deploys into it. It is the platform's door, a server, that looks.
const (
	DeploysGated  = ""       // it uses what the gate or enter hands it, and the files that say so can be read
	DeploysUnread = "unread" // likewise, where the files can be read
	DeploysAny    = "any"    // nobody looks
)

// deploying judges the job that waits.
func (in Input) deploying(env Environment) []verdict.Finding {
	const about = "deploying-job"
	d := in.Deploying
	if d == nil {
		return nil
	}
	if f := in.deployedBy(env, d); f != nil {
		f.Requirement, f.Line = about, env.Line
		return []verdict.Finding{*f}
	}
	if env.DeployingJob == DeploysAny {
		return nil
	}
	if len(d.Ways) > 0 {
		w := d.Ways[0]
		more := ""
		if n := len(d.Ways) - 1; n > 0 {
			more = fmt.Sprintf(", and %d more", n)
		}
		f := deny(fault.DeployingJob, about, env.Line, w.At+": "+w.Says+more, w.Wanted, w.Hint)
		f.Found = w.Found
		return []verdict.Finding{f}
	}
	if d.Unread != "" && env.DeployingJob != DeploysUnread {
		f := deny(fault.DeployingJob, about, env.Line,
			"not seen: what the job that waits deploys cannot be told from the files that ran", "files that can be read",
			d.Need)
		f.Found = d.Unread
		return []verdict.Finding{f}
	}
	if d.Unread != "" {
		return nil // accepted, which the verdict shows
	}
	seen := "no way around what is let in is seen in " + strings.Join(d.Files, ", ")
	return []verdict.Finding{met(about, seen, env.Line)}
}

// deployedBy holds the run that waits to the workflows that deploy, and its jobs to the files in which they have to be.
func (in Input) deployedBy(env Environment, d *Deploying) *verdict.Finding {
	no := func(reason, found, wanted, hint string) *verdict.Finding {
		f := deny(fault.DeployingJob, "", 0, reason, wanted, hint)
		f.Found = found
		return &f
	}
	workflows, refs, _ := in.Policy.deploys(env, statement.Target{Issuer: d.Issuer,
		Repository: statement.Origin{ID: d.RepositoryID}})
	switch {
	case d.Workflow == "": // nobody signed: that is not seen, below
		if env.DeployingJob == DeploysAny && d.Unread != "" {
			return no("not seen: which workflow the run is of", d.Unread,
				"a run of "+strings.Join(workflows, " or "), d.Need)
		}
		return nil
	case !slices.Contains(workflows, d.Workflow):
		return no(fmt.Sprintf("the run is of a workflow that does not deploy into %q", in.Environment), d.Workflow,
			strings.Join(workflows, " or "), "deploy in one of these, or name it under deployed-by")
	case !matchesAny(refs, d.Ref):
		return no("the run is of a ref from which nothing is deployed", d.Ref, strings.Join(refs, " or "),
			"deploy from a ref of built-by")
	}
	for _, j := range d.Jobs {
		in := func(w string) bool {
			file, ref, _ := strings.Cut(w, "@")
			return strings.EqualFold(file, j.File) && ref != "" && (ref == j.Ref || ref == j.Commit)
		}
		if len(env.DeployingIn) > 0 && !slices.ContainsFunc(env.DeployingIn, in) {
			return no("a job enters that is in another file than the policy names", j.File+"@"+cmp.Or(j.Ref, j.Commit),
				strings.Join(env.DeployingIn, " or "), "let the workflow call that one, and deploy nowhere else")
		}
	}
	return nil
}

// unreadDeploying is what the environment accepts of the job that deploys.
func (in Input) unreadDeploying(env Environment) []string {
	switch d := in.Deploying; {
	case d == nil:
	case env.DeployingJob == DeploysAny:
		return []string{"deploying-job: any"}
	case d.Unread != "" && env.DeployingJob == DeploysUnread:
		return []string{"deploying-job: unread (" + d.Unread + ")"}
	}
	return nil
}
