package workflows

import (
	"path"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/wiring"
)

// maxGates bounds how many gates of one job are looked at.
const maxGates = 20

var (
	// strangers are refs that people choose who may open a pull request, or
	// comment on something.
	strangers = [][]string{
		{"github", "head_ref"}, {"github", "event", "number"},
		{"github", "event", "pull_request", "number"}, {"github", "event", "pull_request", "head"},
		{"github", "event", "workflow_run", "head_branch"}, {"github", "event", "workflow_run", "head_sha"},
		{"github", "event", "workflow_run", "head_commit"}, {"github", "event", "workflow_run", "head_repository"},
		{"github", "event", "comment"}, {"github", "event", "issue"},
	}
	// starters are what people choose who may start a run.
	starters = [][]string{{"inputs"}, {"github", "event", "inputs"}, {"github", "event", "client_payload"}}
)

// checkPolicies reports gates whose policy is brought or named by others than
// who wrote the commit of the run.
func (f *flow) checkPolicies() {
	for _, j := range f.jobs {
		for _, g := range j.gates[:min(len(j.gates), maxGates)] {
			f.checkPolicy(g)
		}
	}
}

func (f *flow) checkPolicy(g gate) {
	name, ref := f.argument(g, "policy"), f.argument(g, "policy-ref")
	for _, text := range []string{name, ref} {
		if severity, is := f.chosen(g.job, g.step, text, 0); is {
			f.report(finding.PolicyChosen, g.step.Pos, detail{severity: severity, found: text, wanted: "a policy that is written out"})
			return
		}
	}
	if _, _, pinned := wiring.Pin(name); ref != "" || pinned || strings.Contains(name, "${{") || path.IsAbs(name) {
		return
	}
	if name == "" {
		name = wiring.Policy
	}
	if found, rule := f.filled(g, path.Clean(name)); rule != finding.None {
		f.report(rule, found.step.Pos, detail{severity: found.severity, found: found.what,
			wanted: "the policy " + name + " of the run's own commit"})
	}
}

// argument returns an input of a gate as it is written.
func (f *flow) argument(g gate, name string) string {
	if e, ok := exec(g.step).(*actionlint.ExecAction); ok {
		return strings.TrimSpace(input(e.Inputs, name))
	}
	v := g.call.flag(name)
	if variable, is := shellVariable(v); is {
		return f.variable(g.job, g.step, variable)
	}
	return v
}

// chosen says how bad it is that a text comes from a value of the run. A list
// that the file has, and what another workflow hands over, nobody types.
func (f *flow) chosen(j *job, s *actionlint.Step, text string, depth int) (finding.Severity, bool) {
	worst, found := finding.Note, false
	for _, x := range split(text) {
		if !x.expression {
			continue
		}
		for _, n := range parseCondition("${{" + x.text + "}}").nodes {
			for _, p := range pastedPaths(n) {
				severity, is := f.chosenPath(j, s, p, depth)
				if is {
					worst, found = min(worst, severity), true
				}
			}
		}
	}
	return worst, found
}

func (f *flow) chosenPath(j *job, s *actionlint.Step, p []string, depth int) (finding.Severity, bool) {
	switch {
	case anyOverlap(strangers, p) && (len(p) > 2 || p[len(p)-1] == "head_ref"):
		return f.strangers()
	case len(p) == 2 && p[0] == "env" && depth < 3:
		return f.chosen(j, s, f.variable(j, s, p[1]), depth+1)
	case anyOverlap(starters, p) && len(p) > 1 && !f.limited(p) && !f.handed():
		return finding.Warning, true
	}
	return finding.Note, false
}

// strangers says how bad it is to read what a stranger may choose: nothing is
// there unless such an event starts the workflow, or one that calls it.
func (f *flow) strangers() (finding.Severity, bool) {
	found, severity := f.handed(), finding.Warning
	for _, e := range f.wf.On {
		name := eventName(e)
		if strings.HasPrefix(name, "pull_request") || strings.HasPrefix(name, "issue") || name == "workflow_run" {
			found, severity = true, finding.Error
		}
	}
	return severity, found
}

// handed reports whether other workflows alone start this one: what they hand
// over is written in their files.
func (f *flow) handed() bool {
	return len(f.wf.On) > 0 && !slices.ContainsFunc(f.wf.On,
		func(e actionlint.Event) bool { return eventName(e) != "workflow_call" })
}

// A filling is the last step that may have written a policy.
type filling struct {
	step     *actionlint.Step
	severity finding.Severity
	what     string
}

// filled returns the step that brings the policy to a gate, if that is not a
// checkout of the run's own ref.
func (f *flow) filled(g gate, policy string) (filling, finding.Rule) {
	var last filling
	var rule finding.Rule
	checked := false
	for _, s := range g.job.Steps[:g.index] {
		switch e := exec(s).(type) {
		case *actionlint.ExecAction:
			if e.Uses == nil || !within(input(e.Inputs, "path"), policy) {
				continue
			}
			switch parseUses(e.Uses.Value).repository {
			case "actions/checkout":
				checked = true
				last, rule = f.checkedOut(g.job, s, input(e.Inputs, "ref"), input(e.Inputs, "repository"))
				if x, is := f.foreign(e); is && rule == finding.None {
					x.step, x.what = s, f.describe(s)+" of "+input(e.Inputs, "repository")
					last, rule = x, finding.PolicyDownloaded
				}
			case "actions/download-artifact":
				if x, is := downloaded(e, checked); is {
					x.step, x.what = s, f.describe(s)
					last, rule = x, finding.PolicyDownloaded
				}
			}
		case *actionlint.ExecRun:
			for _, c := range f.script(g.job, e) {
				switch {
				case fetches(c, policy):
					last, rule = filling{step: s, what: "run: " + strings.Join(c.words, " ")}, finding.PolicyDownloaded
				case moves(c):
					for _, w := range c.words[2:] {
						if variable, is := shellVariable(w); is {
							w = f.variable(g.job, s, variable)
						}
						if x, r := f.checkedOut(g.job, s, w, ""); r != finding.None {
							last, rule = x, r
						}
					}
				}
			}
		}
	}
	return last, rule
}

func (f *flow) checkedOut(j *job, s *actionlint.Step, texts ...string) (filling, finding.Rule) {
	for _, text := range texts {
		if severity, is := f.chosen(j, s, text, 0); is {
			return filling{s, severity, "the ref " + text}, finding.CheckoutChosen
		}
	}
	return filling{}, finding.None
}

// foreign returns how bad it is that a checkout of another repository brings the
// policy. One into all of the workspace leaves none of the run's own commit there.
func (f *flow) foreign(e *actionlint.ExecAction) (filling, bool) {
	repository := strings.TrimSpace(input(e.Inputs, "repository"))
	folder := path.Clean(strings.TrimSpace(input(e.Inputs, "path")))
	switch own := strings.EqualFold(repository, f.want.Repository) || strings.Contains(repository, "${{"); {
	case repository == "" || own:
		return filling{}, false
	case folder != ".":
		return filling{}, true
	}
	return filling{severity: finding.Warning}, f.want.Repository != ""
}

// within reports whether a file lies in a folder of the workspace. What is
// elsewhere, or known when it runs only, holds no policy that a gate reads.
func within(folder, file string) bool {
	if rest, is := strings.CutPrefix(strings.TrimSpace(folder), "${{ github.workspace }}"); is {
		folder = strings.TrimPrefix(rest, "/")
	}
	folder = path.Clean(strings.TrimSpace(folder))
	return folder == "." || folder == file || strings.HasPrefix(file, folder+"/")
}

// downloaded returns how bad a download into a folder above the policy is. An
// artifact without a name gets a folder of its name.
func downloaded(e *actionlint.ExecAction, checked bool) (filling, bool) {
	folder := path.Clean(strings.TrimSpace(input(e.Inputs, "path")))
	switch one := input(e.Inputs, "name") != "" || input(e.Inputs, "artifact-ids") != "" ||
		strings.EqualFold(input(e.Inputs, "merge-multiple"), "true"); {
	case folder != "." || !checked:
		return filling{}, true
	case one:
		return filling{severity: finding.Warning}, true
	}
	return filling{}, false
}

// fetchers are programs that bring files from elsewhere.
var fetchers = []string{"curl", "wget", "gh", "aws", "gsutil", "gcloud", "az", "scp", "rsync"}

// fetches reports whether a command brings a file to a path.
func fetches(c command, file string) bool {
	return slices.Contains(fetchers, path.Base(c.words[0])) && slices.ContainsFunc(c.words[1:], func(w string) bool {
		return path.Clean(strings.TrimLeft(w, ">")) == file
	})
}

// moves reports whether a command puts another commit into the workspace.
func moves(c command) bool {
	return len(c.words) > 2 && c.words[0] == "git" &&
		slices.Contains([]string{"checkout", "switch", "reset", "pull", "restore", "worktree"}, c.words[1])
}
