// Package workflows reads GitHub workflow files and finds what makes a gate in
// them meaningless: a deployment that no gate precedes, or one that runs
// although its gate said no, was skipped, or never had a say.
//
// It reads text and nothing else: no network, no clock, no environment. It
// refuses to call a file good that it cannot read; what it does not understand
// in a job that matters is a finding. It refuses to be the protection itself: a
// clean file can be edited, so the environment must be guarded as well. No hint
// of it weakens a policy.
package workflows

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
)

// Limits of what is read.
const (
	MaxBytes = 512 << 10 // of one workflow file
	MaxFiles = 200       // of one repository
	MaxJobs  = 500       // of one workflow
)

// Want is what the workflows are held against.
type Want struct {
	Environments []string // that the policy guards
	// Watched are those of them that are only watched now.
	Watched    map[string]finding.Watch
	Action     string // owner/name of our action's repository
	Repository string // owner/name of the files' repository; ./ is our action only where this is Action

	// Commits says what is known of a commit of an action's repository. It may
	// be nil; then pins are judged by their form only.
	Commits func(repository, sha string) (Commit, error)
}

// Commit is what an action's repository knows of a commit.
type Commit struct {
	Reachable bool     // from a branch or tag of the repository itself, not only of a fork
	Tags      []string // that point at it
}

// Check reads one workflow file and reports what lets a deployment pass by the
// gate, in the order of the file. path is the name for messages.
func Check(path string, raw []byte, want Want) (found []finding.Finding, err error) {
	defer fault.Recover(&err, "reading "+path)
	w, errs, err := parse(path, raw)
	if err != nil {
		return nil, err
	}
	return newFlow(path, raw, w, want).check(errs), nil
}

// check looks at everything. errs are what the parser has found.
func (f *flow) check(errs []*actionlint.Error) []finding.Finding {
	f.checkSyntax(errs)
	f.checkGates()
	f.checkPolicies()
	f.checkNarrower()
	f.checkOutputs()
	f.checkEnvironments()
	f.checkScripts()
	f.checkGrants()
	f.checkTriggers()
	f.checkPins()
	return f.sorted()
}

// parse reads a workflow that has jobs. errs are mistakes in it, beside which it can be read.
func parse(path string, raw []byte) (w *actionlint.Workflow, errs []*actionlint.Error, err error) {
	if len(raw) > MaxBytes {
		return nil, nil, fault.New(fault.Usage, fault.Limit, "", "%s has %d bytes, at most %d are allowed", path, len(raw), MaxBytes)
	}
	if err := plain(path, raw); err != nil {
		return nil, nil, err
	}
	w, errs = actionlint.Parse(raw)
	errs = slices.DeleteFunc(errs, newer)
	if w == nil || len(w.Jobs) == 0 {
		return nil, nil, unreadable(path, errs)
	}
	if len(w.Jobs) > MaxJobs {
		return nil, nil, fault.New(fault.Usage, fault.Limit, "", "%s has %d jobs, at most %d are allowed", path, len(w.Jobs), MaxJobs)
	}
	return w, errs, nil
}

// newer reports whether a mistake is a key that the platform has and the parser does not know:
// cache-mode of workflows and jobs, of September 2026.
func newer(e *actionlint.Error) bool {
	return strings.HasPrefix(e.Message, `unexpected key "cache-mode" for `)
}

// correct is the next step where nothing can be judged.
const correct = "correct the file; nothing in it was judged"

// unreadable says why nothing can be judged.
func unreadable(path string, errs []*actionlint.Error) error {
	if len(errs) == 0 {
		return fault.New(fault.Usage, fault.Lint, correct, "%s has no jobs", path)
	}
	e := errs[0]
	return fault.New(fault.Usage, fault.Lint, correct, "%s:%d: not a workflow: %q", path, e.Line, e.Message)
}

// sorted returns the findings in the order of the file, each once.
func (f *flow) sorted() []finding.Finding {
	sort.SliceStable(f.found, func(i, k int) bool {
		a, b := &f.found[i], &f.found[k]
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), strings.Compare(a.Rule.String(), b.Rule.String()), strings.Compare(a.Found, b.Found)) < 0
	})
	return slices.CompactFunc(f.found, func(a, b finding.Finding) bool {
		return a.Rule == b.Rule && a.Line == b.Line && a.Column == b.Column
	})
}

// detail is what a finding says besides its rule.
type detail struct {
	severity finding.Severity
	message  string // instead of the rule's title
	found    string
	wanted   string
	hint     string // instead of the rule's step
}

func (f *flow) report(r finding.Rule, at *actionlint.Pos, d detail) {
	out := finding.Finding{Rule: r, Code: fault.Lint, Severity: d.severity, File: f.path, Line: 1, Column: 1,
		Message: cmp.Or(d.message, r.Title()), Found: short(d.found), Wanted: d.wanted, Hint: cmp.Or(d.hint, r.Step())}
	if at != nil {
		out.Line, out.Column = max(at.Line, 1), max(at.Col, 1)
	}
	f.found = append(f.found, out.By(finding.Workflows))
}

// short is s on one line that fits into a report.
func short(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 160 {
		return string(r[:159]) + "…"
	}
	return s
}
