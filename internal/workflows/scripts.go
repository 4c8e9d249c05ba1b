package workflows

import (
	"slices"
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

// hostile are values that anyone can choose who may open an issue, a pull
// request or a branch in a fork; chosen are those of people who may push a
// branch or start a run. (github/codeql and the platform's guide on script
// injection name the first kind.)
var (
	hostile = [][]string{
		{"github", "head_ref"},
		{"github", "event", "issue", "title"}, {"github", "event", "issue", "body"},
		{"github", "event", "pull_request", "title"}, {"github", "event", "pull_request", "body"},
		{"github", "event", "pull_request", "head", "ref"}, {"github", "event", "pull_request", "head", "label"}, {"github", "event", "pull_request", "head", "repo", "default_branch"},
		{"github", "event", "comment", "body"}, {"github", "event", "review", "body"}, {"github", "event", "review_comment", "body"},
		{"github", "event", "discussion", "title"}, {"github", "event", "discussion", "body"},
		{"github", "event", "pages", "*", "page_name"},
		{"github", "event", "commits", "*", "message"}, {"github", "event", "commits", "*", "author"},
		{"github", "event", "head_commit", "message"}, {"github", "event", "head_commit", "author"},
		{"github", "event", "workflow_run", "head_branch"}, {"github", "event", "workflow_run", "head_commit"},
	}
	chosen = [][]string{
		{"github", "ref"}, {"github", "ref_name"}, {"github", "event", "inputs"}, {"inputs"}, {"github", "event", "client_payload"},
		{"github", "event", "ref"}, {"github", "event", "release"},
	}
)

// checkScripts reports values of others that are pasted into the scripts of
// jobs that sign, judge or deploy.
func (f *flow) checkScripts() {
	for _, j := range f.jobs {
		if !f.concerns(j) {
			continue
		}
		for _, s := range j.Steps {
			switch e := exec(s).(type) {
			case *actionlint.ExecRun:
				f.checkScript(e.Run)
			case *actionlint.ExecAction:
				if e.Uses != nil && parseUses(e.Uses.Value).repository == "actions/github-script" && e.Inputs["script"] != nil {
					f.checkScript(e.Inputs["script"].Value)
				}
			}
		}
	}
}

func (f *flow) checkScript(script *actionlint.String) {
	if script == nil || !strings.Contains(script.Value, "${{") {
		return
	}
	for _, p := range split(script.Value) {
		if !p.expression {
			continue
		}
		if severity, found := f.pasted(p.text); found {
			f.report(finding.ScriptInjection, script.Pos, detail{severity: severity, found: "${{" + p.text + "}}", wanted: "a variable from env"})
			return
		}
	}
}

// pasted says how bad it is that an expression's value becomes script.
func (f *flow) pasted(expr string) (finding.Severity, bool) {
	c := parseCondition("${{" + expr + "}}")
	if c.err != nil {
		return finding.Warning, true
	}
	worst, found := finding.Note, false
	for _, n := range c.nodes {
		for _, p := range pastedPaths(n) {
			switch {
			case anyOverlap(hostile, p):
				return finding.Error, true
			case anyOverlap(chosen, p) && !f.limited(p):
				worst, found = finding.Warning, true
			}
		}
	}
	return worst, found
}

func anyOverlap(list [][]string, p []string) bool {
	return slices.ContainsFunc(list, func(who []string) bool { return overlap(p, who) })
}

// pastedPaths returns what an expression's value may be made of. What is only
// compared does not reach the script.
func pastedPaths(n actionlint.ExprNode) [][]string {
	if p, ok := pathOf(n); ok {
		return [][]string{p}
	}
	switch n := n.(type) {
	case *actionlint.LogicalOpNode:
		if n.Kind == actionlint.LogicalOpNodeKindAnd {
			return pastedPaths(n.Right) // the left side's own value is false or empty
		}
		return append(pastedPaths(n.Left), pastedPaths(n.Right)...)
	case *actionlint.FuncCallNode:
		return pastedByCall(n)
	}
	return nil
}

func pastedByCall(n *actionlint.FuncCallNode) [][]string {
	if slices.Contains([]string{"contains", "startswith", "endswith", "hashfiles", "success", "failure", "always", "cancelled"}, strings.ToLower(n.Callee)) {
		return nil
	}
	var out [][]string
	for _, a := range n.Args {
		out = append(out, pastedPaths(a)...)
	}
	return out
}

// limited reports whether a path is an input that takes no free text.
func (f *flow) limited(p []string) bool {
	name := ""
	switch {
	case len(p) == 2 && p[0] == "inputs":
		name = p[1]
	case len(p) == 4 && p[1] == "event" && p[2] == "inputs":
		name = p[3]
	default:
		return false
	}
	found, free := false, false
	for _, e := range f.wf.On {
		switch e := e.(type) {
		case *actionlint.WorkflowDispatchEvent:
			if e != nil && e.Inputs[name] != nil {
				t := e.Inputs[name].Type
				found = true
				free = free || t != actionlint.WorkflowDispatchEventInputTypeBoolean && t != actionlint.WorkflowDispatchEventInputTypeNumber && t != actionlint.WorkflowDispatchEventInputTypeChoice
			}
		case *actionlint.WorkflowCallEvent:
			i := callInput(e, name)
			found = found || i != nil
			free = free || i != nil && i.Type != actionlint.WorkflowCallEventInputTypeBoolean && i.Type != actionlint.WorkflowCallEventInputTypeNumber
		}
	}
	return found && !free
}

func callInput(e *actionlint.WorkflowCallEvent, name string) *actionlint.WorkflowCallEventInput {
	if e == nil {
		return nil
	}
	for _, i := range e.Inputs {
		if i != nil && i.ID == name {
			return i
		}
	}
	return nil
}

// checkSyntax reports what the parser did not understand. In a file that
// matters that is an error: what is not understood is not judged.
func (f *flow) checkSyntax(errs []*actionlint.Error) {
	for _, e := range errs {
		if strings.HasPrefix(e.Message, "anchor ") {
			continue // defined and not used
		}
		severity := unlessMatters(f.matters())
		if strings.HasPrefix(e.Message, "unexpected key") {
			severity = max(severity, finding.Warning)
		}
		f.report(finding.Syntax, &actionlint.Pos{Line: e.Line, Col: e.Column}, detail{severity: severity, found: e.Message, wanted: "keys and values of the workflow syntax"})
	}
}
