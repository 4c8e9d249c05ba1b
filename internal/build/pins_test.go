package build_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/build"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/record"
)

// references are the actions of a manifest whose workflow and lock file have these texts.
func references(t *testing.T, workflow, lock string) map[string]string {
	t.Helper()
	top := t.TempDir()
	for name, text := range map[string]string{"release.yml": workflow, "actions.lock": lock} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(top, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m, _, err := build.Manifest(build.Run{Result: &record.Result{}, Dir: top, Top: top, Workflow: "release.yml",
		Pins:   "actions.lock",
		Hidden: func(_, _ string) bool { return false }, Scrub: func(s string) string { return s },
		Version: func(string, ...string) string { return "" },
		Machine: material.Machine{}})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, a := range m.Actions {
		out[a.Name] = a.Digest
	}
	return out
}

func TestC21_actions_that_the_lock_file_of_workflows_pins(t *testing.T) {
	const one, two, three = "08c6903cd8c0fde910a37f88322edcfb5dd907a8", "1111111111111111111111111111111111111111",
		"2222222222222222222222222222222222222222"
	workflow := "jobs:\n  a:\n    steps:\n      - uses: actions/checkout@v5.0.0\n      - uses: acme/tools/actions/attest@v1.0.0 # x\n      - uses: ./local\n      - uses: $/own\n" +
		"      - \"uses\": 'other/pinned@" + three + "'\n      - uses: moving/tag@v1\n"
	lock := "version: 'v0.0.2'\ndependencies:\n  'actions/checkout@v5.0.0':\n    commit: 'sha1-" + one +
		"'\n  'acme/tools@v1.0.0':\n    commit: 'sha1-" + two + "'\n  'deep/inside@v9':\n    commit: 'sha1-" + three +
		"'\n"
	got := references(t, workflow, lock)
	want := map[string]string{"actions/checkout@v5.0.0": one, "acme/tools/actions/attest@v1.0.0": two,
		"acme/tools@v1.0.0": two,
		"deep/inside@v9":    three, "other/pinned@" + three: three, "moving/tag@v1": ""}
	for name, id := range want {
		if g, there := got[name]; !there || g != id {
			t.Errorf("%s is %q (there: %v), want %q", name, g, there, id)
		}
	}
	if len(got) != len(want) {
		t.Errorf("actions = %v, want %v", got, want)
	}
	if without := references(t, workflow, ""); without["actions/checkout@v5.0.0"] != "" || len(without) != 4 {
		t.Errorf("without a lock file: %v", without)
	}
	if broken := references(t, workflow, "dependencies: [\n"); len(broken) != 4 {
		t.Errorf("with a lock file that cannot be read: %v", broken)
	}
}
