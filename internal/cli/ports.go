package cli

import (
	"context"
	"os"
	"time"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/doctor"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
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
