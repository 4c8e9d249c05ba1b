package dialect

import (
	"strings"

	"github.com/sallyport-dev/sallyport/internal/statement"
)

// Value is something that a certificate says, in one of the forms in which
// builders write it down. Each is a function of the signer alone; where the
// certificate lacks what it needs, it is empty, and nothing equals that.
type Value int

// The values. [n] is the certificate extension 1.3.6.1.4.1.57264.1.n.
const (
	Repository          Value = iota + 1 // [12]
	GitRepository                        // git+[12]
	GitRepositoryAtRef                   // git+[12]@[14]
	GitHashCommit                        // [12].git#[13]
	RepositoryName                       // [12] without the address of the platform
	OwnerName                            // the first part of RepositoryName
	RepositoryID                         // [15]
	OwnerID                              // [17]
	Ref                                  // [14]
	RefName                              // [14] without refs/heads/ or refs/tags/
	RefType                              // "tag" or "branch", by [14]
	WorkflowRef                          // what follows the path in [18]
	Commit                               // [13]
	Event                                // [20]
	Runner                               // [11]
	WorkflowPath                         // [18] between [12] and the ref
	WorkflowName                         // [18] without the address of the platform
	WorkflowNameAtRef                    // RepositoryName/WorkflowPath@[14]
	WorkflowCommit                       // [19]
	Run                                  // [21]
	RunID                                // the number in [21]
	Attempt                              // the attempt in [21]
	RunIDAttempt                         // RunID-Attempt
	JobID                                // the number of the job in [21]
	Issuer                               // [8]
	Signer                               // [9]
	SignerRepositoryRef                  // git+the repository of [9]@its ref
)

// values are the values by number: how each is made, and how a person is told
// what it is.
var values = map[Value]struct {
	of    func(statement.Signer) string
	words string
}{
	Repository:          {func(s statement.Signer) string { return s.Repository }, "the source repository's address [12]"},
	GitRepository:       {func(s statement.Signer) string { return join("git+", s.Repository) }, "`git+` and [12]"},
	GitRepositoryAtRef:  {func(s statement.Signer) string { return join("git+", s.Repository, "@", s.Ref) }, "`git+`, [12], `@` and the ref [14]"},
	GitHashCommit:       {func(s statement.Signer) string { return join(s.Repository, ".git#", s.Commit) }, "[12], `.git#` and the commit [13]"},
	RepositoryName:      {repositoryName, "the repository's path in [12]"},
	OwnerName:           {func(s statement.Signer) string { return before(repositoryName(s), "/") }, "the owner in [12]"},
	RepositoryID:        {func(s statement.Signer) string { return s.RepositoryID }, "the repository's number [15]"},
	OwnerID:             {func(s statement.Signer) string { return s.OwnerID }, "the owner's number [17]"},
	Ref:                 {func(s statement.Signer) string { return s.Ref }, "the ref [14]"},
	RefName:             {refName, "the name of the ref [14]"},
	RefType:             {refType, "`tag` or `branch`, by [14]"},
	WorkflowRef:         {func(s statement.Signer) string { _, ref := workflow(s); return ref }, "the ref of the workflow [18]"},
	Commit:              {func(s statement.Signer) string { return s.Commit }, "the commit [13]"},
	Event:               {func(s statement.Signer) string { return s.Event }, "the event [20]"},
	Runner:              {func(s statement.Signer) string { return s.Runner }, "the runner class [11]"},
	WorkflowPath:        {func(s statement.Signer) string { path, _ := workflow(s); return path }, "the path of the workflow in [18]"},
	WorkflowName:        {func(s statement.Signer) string { return withoutHost(s, s.ConfigURI) }, "[18] without the platform's address"},
	WorkflowNameAtRef:   {workflowNameAtRef, "the repository's path, the workflow's path, `@` and [14]"},
	WorkflowCommit:      {func(s statement.Signer) string { return s.ConfigDigest }, "the commit of the workflow [19]"},
	Run:                 {func(s statement.Signer) string { return s.Run }, "the run's address [21]"},
	RunID:               {runID, "the number of the run in [21]"},
	Attempt:             {attempt, "the attempt in [21]"},
	RunIDAttempt:        {runIDAttempt, "run and attempt in [21], as `RUN-ATTEMPT`"},
	JobID:               {func(s statement.Signer) string { return after(s.Run, "/-/jobs/") }, "the number of the job in [21]"},
	Issuer:              {func(s statement.Signer) string { return s.Issuer }, "the issuer [8]"},
	Signer:              {func(s statement.Signer) string { return s.SignerURI }, "the signing workflow [9]"},
	SignerRepositoryRef: {signerRepositoryRef, "`git+`, the repository of [9], `@` and its ref"},
}

// Of returns what the certificate of s says.
func (v Value) Of(s statement.Signer) string {
	if x, ok := values[v]; ok {
		return x.of(s)
	}
	return ""
}

// String says which part of the certificate it is, for the page.
func (v Value) String() string { return values[v].words }

// join joins what the certificate says; if a part is missing, nothing is left.
func join(parts ...string) string {
	for _, p := range parts {
		if p == "" {
			return ""
		}
	}
	return strings.Join(parts, "")
}

func before(s, sep string) string { head, _, _ := strings.Cut(s, sep); return head }

func after(s, sep string) string { _, tail, _ := strings.Cut(s, sep); return tail }

func between(s, from, to string) string { return before(after(s, from), to) }

// withoutHost takes the platform's address off a URI. An installation below a
// path has that path in its issuer too.
func withoutHost(s statement.Signer, uri string) string {
	if rest, ok := strings.CutPrefix(uri, s.Issuer+"/"); ok && s.Issuer != "" {
		return rest
	}
	return after(after(uri, "://"), "/")
}

func repositoryName(s statement.Signer) string { return withoutHost(s, s.Repository) }

// workflow returns path and ref of the top-level workflow [18]. They are cut
// by what stands around them and never at an "@", because a tag such as
// "@acme/pkg@1.2.3" has some too.
func workflow(s statement.Signer) (path, ref string) {
	rest, ok := strings.CutPrefix(s.ConfigURI, s.Repository+"/")
	if !ok || s.Repository == "" {
		return "", ""
	}
	if path, ok := strings.CutSuffix(rest, "@"+s.Ref); ok && s.Ref != "" {
		return path, s.Ref
	}
	// The workflow is of another ref than the source, as for an event about
	// another branch: a path of a workflow has no "@refs/".
	path, ref, ok = strings.Cut(rest, "@refs/")
	if !ok {
		return "", ""
	}
	return path, "refs/" + ref
}

func workflowNameAtRef(s statement.Signer) string {
	path, _ := workflow(s)
	return join(repositoryName(s), "/", path, "@", s.Ref)
}

func refName(s statement.Signer) string {
	return strings.TrimPrefix(strings.TrimPrefix(s.Ref, "refs/heads/"), "refs/tags/")
}

func refType(s statement.Signer) string {
	switch {
	case strings.HasPrefix(s.Ref, "refs/tags/"):
		return "tag"
	case s.Ref != "":
		return "branch"
	default:
		return ""
	}
}

func runID(s statement.Signer) string { return between(s.Run, "/actions/runs/", "/attempts/") }

func attempt(s statement.Signer) string { return after(s.Run, "/attempts/") }

func runIDAttempt(s statement.Signer) string { return join(runID(s), "-", attempt(s)) }

// signerRepositoryRef is for workflows at OWNER/REPOSITORY/.github/workflows/FILE.
func signerRepositoryRef(s statement.Signer) string {
	repository, rest, _ := strings.Cut(s.SignerURI, "/.github/workflows/")
	return join("git+", repository, "@", after(rest, "@"))
}
