// Package raised holds a room that makes findings against the table of rules, for
// tests alone: each rule that the room names has to be raised by a test of it, as
// the table says that it is.
//
// It refuses to judge where only a part of the tests was run.
package raised

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

var (
	mu   sync.Mutex
	seen = map[finding.Rule][]finding.Finding{}
)

// Note keeps what a test was told, and returns it.
func Note(all []finding.Finding) []finding.Finding {
	mu.Lock()
	defer mu.Unlock()
	for _, f := range all {
		seen[f.Rule] = append(seen[f.Rule], f)
	}
	return all
}

// All reports whether the tests of a package, which have run, have raised each rule
// that the package names, and each as the table says. It tells what is not so. by
// is the reader that the package is.
func All(by finding.Reader) bool {
	for _, part := range []string{"test.run", "test.skip", "test.list", "test.fuzz"} {
		if f := flag.Lookup(part); f != nil && f.Value.String() != "" {
			return true
		}
	}
	named, err := Named(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return false
	}
	var said []string
	for _, r := range named {
		if len(seen[r]) == 0 {
			said = append(said, fmt.Sprintf("rule %s is raised by no test", r))
		}
	}
	for r, all := range seen {
		said = append(said, complaints(r, all, by)...)
	}
	for _, s := range said {
		fmt.Fprintln(os.Stderr, s)
	}
	return len(said) == 0
}

// complaints compares what was raised of a rule with the table. How bad it is at
// worst may be for another reader of the rule to show.
func complaints(r finding.Rule, all []finding.Finding, by finding.Reader) []string {
	var out []string
	worst := finding.Note
	for _, f := range all {
		worst = min(worst, f.Severity)
		known := f.Threat != "" && r.Holds(by, f.Threat) || f.Threat == "" && slices.Contains(r.Readers(), by)
		if !known {
			out = append(out, fmt.Sprintf("rule %s is raised for threat %q, unlike what the table says of %s", r, f.Threat, by))
		}
	}
	if worst < r.Severity() || worst > r.Severity() && len(r.Readers()) == 1 {
		out = append(out, fmt.Sprintf("rule %s is raised as %v at worst, and the table says %v", r, worst, r.Severity()))
	}
	return out
}

var name = regexp.MustCompile(`\bfinding\.([A-Z]\w+)\b`)

// Named returns the rules that the code of a package names, without its tests.
func Named(folder string) ([]finding.Rule, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		for _, m := range name.FindAllStringSubmatch(string(text), -1) {
			named[strings.ToLower(m[1])] = true
		}
	}
	var out []finding.Rule
	for _, r := range finding.Rules() {
		if named[strings.ReplaceAll(r.String(), "-", "")] {
			out = append(out, r)
		}
	}
	return out, nil
}
