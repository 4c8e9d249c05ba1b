package workflows

import (
	"maps"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
)

// around are the rules about a way around what a gate lets in, however severe they are: a step that runs only after a
// no runs with the credentials of the environment.
var around = []finding.Rule{
	finding.NoGate, finding.GateLate, finding.GateNotNeeded, finding.GateOtherEnvironment, finding.RunsAnyway,
	finding.IfAlwaysTrue, finding.IfUnreadable, finding.GateSkipped, finding.GateSoft, finding.GateSwallowed,
	finding.MatrixOutput, finding.ActorExemption, finding.PassedEmpty, finding.OutputsNotNeeded, finding.OutputsIgnored,
	finding.EnvironmentExpression, finding.GateReused, finding.SallyportUnpinned, finding.PolicyChosen,
	finding.PolicyDownloaded,
}

// Asked is what a server wants to know of a workflow file.
type Asked struct {
	Environment string
	Watched     bool   // the environment is only watched now
	Server      string // address of the server, whose policy the gate in the job has to ask for
	Action      string // owner/name of our action's repository
	Repository  string // owner/name of the file's repository
}

// Entering is what a workflow file says of the jobs that may enter an environment.
type Entering struct {
	Jobs    int      // how many there are
	Calls   []string // workflows that jobs of the file call, as it writes them
	Detours []Detour // ways around what is let in, in the order of the file
}

// A Detour is a way around what is let into an environment.
type Detour struct {
	Line                            int
	Rule, Says, Found, Wanted, Hint string
}

// Deploying reads one workflow file of a run. An error is a file that says nothing certain.
func Deploying(path string, raw []byte, a Asked) (out Entering, err error) {
	defer fault.Recover(&err, "reading "+path)
	want := Want{Environments: []string{a.Environment}, Action: a.Action, Repository: a.Repository}
	if a.Watched {
		want.Watched = map[string]finding.Watch{a.Environment: {Severity: finding.Note}}
	}
	w, errs, err := parse(path, raw)
	if err != nil {
		return out, err
	}
	f := newFlow(path, raw, w, want)
	for _, j := range f.jobs {
		if len(f.targets(j)) > 0 {
			out.Jobs++
			out.Detours = append(out.Detours, f.elsewhere(j, a)...)
		}
		if j.WorkflowCall != nil && j.WorkflowCall.Uses != nil {
			out.Calls = append(out.Calls, j.WorkflowCall.Uses.Value)
		}
	}
	if out.Jobs == 0 {
		return out, nil
	}
	for _, x := range f.check(errs) {
		if x.Rule == finding.Syntax && x.Severity == finding.Error {
			return out, fault.New(fault.Usage, fault.Lint, x.Hint, "%s:%d: %s: %s", path, x.Line, x.Message, x.Found)
		}
		if slices.Contains(around, x.Rule) && (x.Severity != finding.Note || x.Rule == finding.OutputsIgnored) {
			out.Detours = append(out.Detours, Detour{x.Line, x.Rule.String(), x.Message, x.Found, x.Wanted, x.Hint})
		}
	}
	slices.SortStableFunc(out.Detours, func(a, b Detour) int { return a.Line - b.Line })
	return out, nil
}

// leading are variables by which a shell, a linker or Node runs something before the program that is named. What only
// other interpreters read is no matter before a gate.
var leading = []string{
	"BASH_ENV", "SHELLOPTS", "NODE_OPTIONS", "NODE_PATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "PATH",
}

// memory are options of Node that run nothing.
var memory = lazy(`^(?:--(?:max[-_]old[-_]space[-_]size=[0-9]+|no-warnings|trace-warnings)[ ]*)+$`)

// leads reports whether a variable may have other code run.
func leads(name, value string) bool {
	name = strings.ToUpper(name)
	return slices.Contains(leading, name) && (name != "NODE_OPTIONS" || !memory().MatchString(value))
}

// shells are those that do nothing but run the script.
var shells = []string{"", "bash", "sh", "pwsh", "powershell", "cmd", "python"}

// elsewhere finds what has the gate of a job run other code than its own, or ask somebody else than the server.
func (f *flow) elsewhere(j *job, a Asked) (out []Detour) {
	add := func(at *actionlint.Pos, rule, says, found, hint string) {
		out = append(out, Detour{Line: max(line(at), 1), Rule: rule, Says: says, Found: short(found), Hint: hint})
	}
	variables := func(at *actionlint.Pos, env *actionlint.Env) {
		if env == nil {
			return
		}
		if env.Expression != nil {
			add(at, "gate-environment", "variables of the job that deploys are computed", env.Expression.Value,
				"write them one by one")
		}
		for _, name := range slices.Sorted(maps.Keys(env.Vars)) {
			v := env.Vars[name]
			if v.Name != nil && v.Value != nil && leads(name, v.Value.Value) {
				add(v.Name.Pos, "gate-environment", "a variable has other code run before the gate", v.Name.Value,
					"set it in a step behind the gate")
			}
		}
	}
	shell := func(at *actionlint.Pos, s *actionlint.String) {
		if s != nil && !slices.Contains(shells, s.Value) {
			add(at, "gate-shell", "a shell of its own runs before the gate", s.Value, "use bash, sh or pwsh")
		}
	}
	variables(j.Pos, f.wf.Env)
	variables(j.Pos, j.Env)
	for _, d := range []*actionlint.Defaults{f.wf.Defaults, j.Defaults} {
		if d != nil && d.Run != nil {
			shell(j.Pos, d.Run.Shell)
		}
	}
	last := -1
	for _, g := range j.gates {
		if g.index > last {
			last = g.index
		}
		for _, name := range []string{"policy", "policy-ref"} { // by nothing else does a gate judge
			if v := f.argument(g, name); v != "" {
				add(g.step.Pos, "gate-elsewhere", "the gate in the job is told its "+name, v,
					"leave it out: the server has the policy")
			}
		}
		if v := f.argument(g, "server"); v != a.Server {
			add(g.step.Pos, "gate-elsewhere", "the gate in the job does not judge under the policy of this server",
				"server: "+orNone(v), "write server: "+a.Server)
		}
	}
	for i, s := range j.Steps {
		if i > last {
			break
		}
		variables(s.Pos, s.Env)
		if e, is := exec(s).(*actionlint.ExecRun); is {
			shell(s.Pos, e.Shell)
		}
	}
	return out
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
