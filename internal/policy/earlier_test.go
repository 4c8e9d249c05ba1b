package policy_test

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// after is an input whose environment has one entry, with edits of what that let in.
func afterEntry(t *testing.T, p *policy.Policy, edit func(*statement.Admitted)) policy.Input {
	t.Helper()
	x := lets(t, 1, nil, func(x *let) { edit(&x.entry.Artifacts[0]) })
	in := input(p, built(t))
	adopt(&in, entering(p, x))
	in.Runs = append(in.Runs, policy.Run{URI: signer().Run, State: policy.Succeeded, Commit: commit})
	return in
}

// A run builds a version once. An attacker who takes its token later can sign another one in it.
func TestE13_a_run_that_has_built_another_version(t *testing.T) {
	p := read(t, edited(t, "    requires:", "    runs: once\n    requires:"))
	used := func(edit func(*statement.Admitted)) policy.Input {
		return afterEntry(t, p, func(a *statement.Admitted) {
			a.SHA256, a.Runs, a.Met = dig(0x55), []string{signer().Run}, []string{"provenance"}
			edit(a)
		})
	}
	if f := wantDenied(t, evaluate(used(func(*statement.Admitted) {}))); f.Code != fault.Reused || !strings.Contains(f.Found, "entry 1") {
		t.Errorf("finding = %+v, want %s that names the entry", f, fault.Reused)
	}
	for name, edit := range map[string]func(*statement.Admitted){
		"another run": func(a *statement.Admitted) { a.Runs = []string{run(3)} },
		"another attempt": func(a *statement.Admitted) {
			a.Runs = []string{strings.Replace(signer().Run, "attempts/1", "attempts/2", 1)}
		},
		"another file":     func(a *statement.Admitted) { a.Name = "dist/other.tar.gz" },
		"the same bytes":   func(a *statement.Admitted) { a.SHA256 = app().Digest.Hex() },
		"an older entry":   func(a *statement.Admitted) { a.Runs = nil },
		"another artifact": func(a *statement.Admitted) { a.Artifact = "other" },
	} {
		t.Run(name, func(t *testing.T) { wantAllowed(t, evaluate(used(edit))) })
	}
	wantAllowed(t, evaluate(afterEntry(t, read(t, good), func(a *statement.Admitted) { a.Runs = []string{signer().Run} })))
	// A file of the next version has another name, and may lie in another folder; one for another system has another name, too.
	for before, denied := range map[string]bool{
		"out/app-1.4.0-linux.tar.gz": true, "dist/app-1.3-linux.tar.gz": true, "dist/app-1.4.1-linux.tar.gz": true,
		"dist/app-1.4.0-darwin.tar.gz": false, "dist/lib-1.4.0-linux.tar.gz": false,
	} {
		t.Run(before, func(t *testing.T) {
			in := used(func(a *statement.Admitted) { a.Name = before })
			in.Candidates[0].Subject.Name = "dist/app-1.4.1-linux.tar.gz"
			if v := evaluate(in); !denied {
				wantAllowed(t, v)
			} else if f := wantDenied(t, v); f.Code != fault.Reused {
				t.Errorf("finding = %+v, want %s", f, fault.Reused)
			}
		})
	}
}

// What is deployed had more, or was let off less.
func TestD18_evidence_that_is_weaker_than_what_is_deployed(t *testing.T) {
	p := read(t, edited(t, "    requires:", "    weaker-evidence: refused\n    requires:"))
	for name, x := range map[string]struct {
		edit func(*statement.Admitted)
		bad  string // what was found; empty: allowed
	}{
		"the same":       {func(a *statement.Admitted) { a.Met = []string{"provenance"} }, ""},
		"nothing known":  {func(*statement.Admitted) {}, ""},
		"an SBOM before": {func(a *statement.Admitted) { a.Met = []string{"provenance", "sbom"} }, "no sbom"},
		"let off more before": {func(a *statement.Admitted) {
			a.Met, a.Accepted = []string{"provenance"}, []string{"log: promise, no proof"}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := evaluate(afterEntry(t, p, x.edit))
			if x.bad == "" {
				wantAllowed(t, v)
			} else if f := wantDenied(t, v); f.Code != fault.Weaker || f.Found != x.bad {
				t.Errorf("finding = %+v, want %s with %q", f, fault.Weaker, x.bad)
			}
		})
	}
	in := afterEntry(t, read(t, edited(t, "    requires:", "    weaker-evidence: refused\n    requires:")), func(a *statement.Admitted) { a.Met = []string{"provenance"} })
	in.Candidates[0].Facts[0].Intermediates = true
	if f := wantDenied(t, evaluate(in)); f.Found != "accepted: intermediates: bundle" {
		t.Errorf("finding = %+v, want one about what is accepted", f)
	}
}
