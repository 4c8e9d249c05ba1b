package policy

import (
	"fmt"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Deploying is what was read of the workflow files of the run whose job waits at the platform's door. The gate is a
// step of that job and asks nobody about it; a server is not, and reads whether the job deploys what it lets in.
type Deploying struct {
	Files []string `json:"files,omitempty"` // that were read: FILE of REPOSITORY at commit COMMIT
	Ways  []Way    `json:"ways,omitempty"`  // around what is let in
	// Unread says why the files say nothing certain, and Need what helps; "": they were read.
	Unread string `json:"unread"`
	Need   string `json:"need"`
}

// A Way leads around what is let in.
type Way struct {
	At     string `json:"at"`   // FILE:LINE
	Rule   string `json:"rule"` // of docs/doctor.md
	Says   string `json:"says"`
	Found  string `json:"found"`
	Wanted string `json:"wanted"`
	Hint   string `json:"hint"`
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
	if d == nil || env.DeployingJob == DeploysAny {
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
	return []verdict.Finding{met(about, "the job that waits deploys what is let in: "+strings.Join(d.Files, ", "), env.Line)}
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
