package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/raised"
)

// raisers are the rooms that raise rules, by what the table calls them. The command
// says for itself what it may not see of the merged pipeline.
var raisers = map[string][]finding.Reader{
	"workflows": {finding.Workflows},
	"pipelines": {finding.Pipelines},
	"github":    {finding.Settings},
	"gitlab":    {finding.Settings},
	"cli":       {finding.Policy, finding.Settings},
}

// A rule that nobody raises is not in the table, and who raises one is there.
func TestRules_are_raised_by_whom_the_table_says(t *testing.T) {
	by := map[finding.Rule][]finding.Reader{}
	for room, all := range raisers {
		named, err := raised.Named("internal/" + room)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range named {
			known := false
			for _, reader := range all {
				if slices.Contains(r.Readers(), reader) {
					by[r], known = append(by[r], reader), true
				}
			}
			if !known {
				t.Errorf("%s is raised in %s, and the table says %v", r, room, r.Readers())
			}
		}
	}
	for _, r := range finding.Rules() {
		for _, reader := range r.Readers() {
			if !slices.Contains(by[r], reader) {
				t.Errorf("%s is raised by no reader of %s", r, reader)
			}
		}
	}
}

// The other rooms run their tests against the table themselves (internal/raised).
func TestRules_of_the_policy_have_a_scenario(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range scripts {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	for _, r := range finding.Rules() {
		line := "\nstdout '\"rule\": \"" + r.String() + "\"'\n"
		if slices.Contains(r.Readers(), finding.Policy) && !strings.Contains(all.String(), line) {
			t.Errorf("%s is raised in no scenario", r)
		}
	}
}
