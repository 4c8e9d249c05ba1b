package workflows_test

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

// watching is an environment that is only watched.
func watching(s finding.Severity) finding.Watch {
	return finding.Watch{Until: "2027-02-25", Severity: s}
}

// A gate of an environment that is watched may fail, and a deployment may go on without it; what
// has to be changed for the day of enforce is said. Where the policy enforces, both are errors.
func TestG03_a_gate_that_only_watches(t *testing.T) {
	soft := edit(t, inJob, change{"      - id: gate\n", "      - id: gate\n        continue-on-error: true\n"})
	late := edit(t, soft, change{"jobs:\n", "jobs:\n  early:\n    runs-on: ubuntu-latest\n    permissions: {contents: read}\n    environment: production\n    steps:\n      - run: ./deploy.sh\n"})
	w := want
	for _, s := range []finding.Severity{finding.Note, finding.Warning} {
		w.Watched = map[string]finding.Watch{"production": watching(s)}
		for name, text := range map[string]string{"soft": soft, "another job": late} {
			found := check(t, text, w)
			if len(found) != 1 || found[0].Rule != finding.GateWatched || found[0].Severity != s {
				t.Fatalf("%s: findings = %s\nwant one %s %s", name, show(found), s, finding.GateWatched)
			}
			f := found[0]
			if f.Found != "continue-on-error: true (line 22)" && name == "soft" ||
				!strings.Contains(f.Hint, "on that day, take line 22 out (continue-on-error: true)") && name == "soft" || !strings.Contains(f.Hint, "${{ steps.gate.outputs.digests }}") ||
				!strings.Contains(f.Wanted, "from 2027-02-25 on") {
				t.Errorf("%s: finding = %+v, want which line to take out, and where the digests are", name, f)
			}
		}
		found := check(t, inJob, w)
		if len(found) != 1 || !strings.Contains(found[0].Hint, "add continue-on-error: true") {
			t.Errorf("findings = %s, want that an outage would stop a release", show(found))
		}
	}
	w.Watched = map[string]finding.Watch{"staging": watching(finding.Note)}
	for _, f := range check(t, late, w) {
		if f.Rule == finding.GateWatched {
			t.Errorf("finding = %+v, want none about staging, which is what is watched", f)
		}
	}
	if found := check(t, late, want); len(found) < 2 || found[0].Severity != finding.Error {
		t.Errorf("findings = %s, want errors: nothing is watched", show(found))
	}
	none := edit(t, inJob, change{"jobs:\n", "jobs:\n  early:\n    runs-on: ubuntu-latest\n    permissions: {contents: read}\n    environment: staging\n    steps:\n      - run: ./deploy.sh\n"})
	found := check(t, none, w)
	if len(found) != 1 || found[0].Rule != finding.NoGate {
		t.Errorf("findings = %s, want that staging is watched and has no gate", show(found))
	}
}
