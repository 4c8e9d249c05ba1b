// Package pipelines reads a GitLab pipeline and says what in it makes a gate
// meaningless: a job that enters an environment without waiting for the gate, a
// gate that may fail, one whose commands somebody else supplies.
//
// It reads text and nothing else, also that of pipelines below, where it is
// handed a reader of the repository's files. It refuses to run what it reads, to
// fetch an include, and to guess: what an include holds it does not see, and it says so;
// a value that it cannot work out is never taken for the harmless one. It does
// not decide whether anything may be deployed; a pipeline without findings is
// only one that does not go around its own gate.
package pipelines

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
)

// Limits on what is read.
const (
	MaxBytes    = 1 << 20 // bytes of a pipeline
	MaxTokens   = 100_000 // words and signs of its YAML; a script is one
	MaxDepth    = 64      // levels of brackets or indentation
	MaxKeys     = 2000    // keys of one mapping
	MaxNodes    = 300_000 // values, after aliases, extends and references
	MaxExtends  = 10      // levels of extends, as the platform allows
	MaxFindings = 1000
	MaxChildren = 50 // files of pipelines below one pipeline
	MaxNesting  = 2  // levels of pipelines below one, as the platform allows
)

// Want is what the pipeline is held against.
type Want struct {
	Environments []string // that the policy guards
	// Watched are those of them that are only watched now.
	Watched   map[string]finding.Watch
	Component string // our components' project, such as "sallyport-dev/sallyport"
	Merged    bool   // the text is the merged YAML: it has the jobs of all includes

	// Tree reads a file of the repository by its path. It may be nil; then the
	// files of pipelines below are not read. A file that is not there is
	// fs.ErrNotExist; any other error ends the check.
	Tree func(name string) ([]byte, error)
}

// Check returns what makes the gates of a pipeline meaningless, in the order of
// the file. raw is a .gitlab-ci.yml, or the merged YAML of one; path is its
// name for messages. An error means that nothing was checked.
func Check(path string, raw []byte, want Want) (_ []finding.Finding, err error) {
	defer fault.Recover(&err, "reading a pipeline")
	d, err := read(path, raw)
	if err != nil {
		return nil, err
	}
	left := MaxChildren
	return (&pipeline{doc: d, want: want, left: &left}).check()
}

// check returns the findings of a pipeline and of those below it.
func (p *pipeline) check() ([]finding.Finding, error) {
	p.load()
	if p.doc.Spent() {
		return nil, p.doc.tooMuch()
	}
	for _, check := range checks() {
		check(p)
	}
	switch {
	case p.failed != nil:
		return nil, p.failed
	case p.doc.Spent():
		return nil, p.doc.tooMuch()
	}
	sort.SliceStable(p.findings, func(i, k int) bool {
		a, b := &p.findings[i], &p.findings[k]
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)) < 0
	})
	return slices.Concat(slices.Compact(p.findings), p.below), nil
}

// checks are all there are; each adds what it finds.
func checks() []func(*pipeline) {
	return []func(*pipeline){
		checkReading,
		checkIncludes,
		checkUnseen,
		checkGates,
		checkOverrides,
		checkInherited,
		checkFed,
		checkPolicies,
		checkEntries,
		checkEntering,
		checkEnvironments,
		checkOrder,
		checkWhen,
		checkDropped,
		checkManual,
		checkMergeRequests,
		checkElsewhere,
		checkDownstream,
		checkTokens,
		checkInputs,
	}
}

// find adds a finding at the place of n.
func (p *pipeline) find(n *node, f finding.Finding) {
	if len(p.findings) >= MaxFindings {
		return
	}
	f.File, f.Code = p.doc.file, fault.Lint
	if n != nil {
		f.File, f.Line = p.doc.place(n.Line)
		f.Column = n.Column
	}
	p.findings = append(p.findings, f.By(finding.Pipelines))
}

// quote is fmt.Sprintf that quotes texts, which are all foreign.
func quote(format string, args ...any) string {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = fault.Quote(s)
		}
	}
	return fmt.Sprintf(format, args...)
}
