package pipelines_test

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

// A gate of an environment that is watched may fail, and a job may deploy without it; what has to
// be changed for the day of enforce is said. Where the policy enforces, both are errors.
func TestH01_a_gate_that_only_watches(t *testing.T) {
	soft := change(t, "build:\n", "gate:production:\n  allow_failure: true\nbuild:\n",
		"needs: [build, \"gate:production\"]", "needs: [build]")
	w := want
	w.Watched = map[string]finding.Watch{"production": {Until: "2027-02-25", Severity: finding.Warning}}
	found := check(t, soft, w)
	if len(found) != 1 || found[0].Rule != finding.GateWatched || found[0].Severity != finding.Warning {
		t.Fatalf("findings = %v, want one about what to change", found)
	}
	if f := found[0]; f.Found != "allow_failure: true" || !strings.Contains(f.Hint, "extend .enter:production") || !strings.Contains(f.Wanted, "from 2027-02-25 on") {
		t.Errorf("finding = %+v, want which line to take out, and what to extend", f)
	}
	if found := check(t, clean, w); len(found) != 1 || !strings.Contains(found[0].Hint, "add allow_failure: true to gate:production") {
		t.Errorf("findings = %v, want that an outage would stop a release", found)
	}
	if found := check(t, soft, want); len(found) < 2 {
		t.Errorf("findings = %v, want errors: nothing is watched", found)
	}
}
