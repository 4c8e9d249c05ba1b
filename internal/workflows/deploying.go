package workflows

import (
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
)

// around are the rules about a way around what a gate lets in. A gate in a job before is none where a server is asked
// about each attempt.
var around = []finding.Rule{
	finding.NoGate, finding.GateLate, finding.GateNotNeeded, finding.GateOtherEnvironment, finding.RunsAnyway,
	finding.IfAlwaysTrue, finding.IfUnreadable, finding.GateSkipped, finding.GateSoft, finding.GateSwallowed,
	finding.MatrixOutput, finding.ActorExemption, finding.PassedEmpty, finding.OutputsNotNeeded, finding.OutputsIgnored,
	finding.EnvironmentExpression,
}

// A Detour is a way around what is let into an environment.
type Detour struct {
	Line                            int
	Rule, Says, Found, Wanted, Hint string
}

// Deploying reads one workflow file of a run and reports the ways around what is let into an environment, in the order
// of the file; watched says that the environment is only watched now. jobs is how many of its jobs may enter that environment. Of a file without one, nothing is reported. An
// error is a file that says nothing certain.
func Deploying(
	path string, raw []byte, environment string, watched bool, want Want,
) (jobs int, found []Detour, err error) {
	defer fault.Recover(&err, "reading "+path)
	want.Environments = []string{environment}
	if watched {
		want.Watched = map[string]finding.Watch{environment: {Severity: finding.Note}}
	}
	w, errs, err := parse(path, raw)
	if err != nil {
		return 0, nil, err
	}
	f := newFlow(path, raw, w, want)
	for _, j := range f.jobs {
		jobs += len(f.targets(j))
	}
	if jobs == 0 {
		return 0, nil, nil
	}
	for _, x := range f.check(errs) {
		if x.Rule == finding.Syntax && x.Severity == finding.Error {
			return jobs, nil, fault.New(fault.Usage, fault.Lint, x.Hint, "%s:%d: %s: %s", path, x.Line, x.Message, x.Found)
		}
		bad := x.Severity == finding.Error || x.Rule == finding.OutputsIgnored
		if bad && slices.Contains(around, x.Rule) {
			found = append(found, Detour{x.Line, x.Rule.String(), x.Message, x.Found, x.Wanted, x.Hint})
		}
	}
	return jobs, found, nil
}
