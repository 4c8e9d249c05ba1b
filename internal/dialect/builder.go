package dialect

import (
	"strings"

	"github.com/sallyport-dev/sallyport/internal/statement"
)

// BuilderForm is what the member builder.id of a dialect has to be.
type BuilderForm int

// The forms.
const (
	IsSigner        BuilderForm = iota // the signing workflow [9]
	IsRunnerClass                      // the runner of GitHub Actions, and its class [11]
	IsRunner                           // the runner of GitHub Actions, without its class
	IsNPM                              // a version of npm
	IsNamedByPolicy                    // a third workflow, which no extension holds: a policy names it
	IsRun                              // the run [21], the same without its attempt, or empty
	IsBelowProject                     // a runner of the project [12] or of its group [16]
)

// String says it in words, for the page.
func (b BuilderForm) String() string {
	return [...]string{
		"the signing workflow [9]", "`https://github.com/actions/runner/` and the runner class [11]", "`https://github.com/actions/runner`",
		"`https://github.com/npm/cli@` and a version", "the workflow that the policy names as `builder`",
		"the run [21], the run without its attempt, or empty", "a runner of the project [12] or of its group [16], by any number",
	}[b]
}

const runner = "https://github.com/actions/runner"

// is reports whether id is of the form, under the certificate of s; wanted is
// the form in full, for a message. named is the builder that a policy names.
func (b BuilderForm) is(id string, s statement.Signer, named string) (wanted string, ok bool) {
	switch b {
	case IsRunnerClass:
		want := join(runner+"/", s.Runner)
		return want, id == want && want != ""
	case IsRunner:
		return runner, id == runner
	case IsNPM:
		version, npm := strings.CutPrefix(id, "https://github.com/npm/cli@")
		return "https://github.com/npm/cli@VERSION", npm && version != ""
	case IsNamedByPolicy:
		return named, named != "" && id == named
	case IsRun:
		return s.Run, id == "" || s.Run != "" && (id == s.Run || id == before(s.Run, "/attempts/"))
	case IsBelowProject:
		return s.Repository + "/-/runners/NUMBER", runnerOf(id, s.Repository+"/-/runners/") || runnerOf(id, join(s.Issuer, "/groups/", before(repositoryName(s), "/"), "/-/runners/"))
	default:
		return s.SignerURI, s.SignerURI != "" && id == s.SignerURI
	}
}

// runnerOf reports whether id is prefix and a number.
func runnerOf(id, prefix string) bool {
	number, ok := strings.CutPrefix(id, prefix)
	return ok && !strings.HasPrefix(prefix, "/") && prefix != "" && number != "" && strings.Trim(number, "0123456789") == ""
}
