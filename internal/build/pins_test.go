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

func TestC21_a_lock_file_of_workflows_pins_only_what_has_no_commit(t *testing.T) {
	const one, two = "08c6903cd8c0fde910a37f88322edcfb5dd907a8", "1111111111111111111111111111111111111111"
	lock := func(name, id string) string {
		return "version: 'v0.0.2'\ndependencies:\n  '" + name + "':\n    commit: '" + id + "'\n"
	}
	for name, x := range map[string]struct{ uses, lock, want string }{
		"a tag":                            {"a/b@v1", lock("a/b@v1", "sha1-"+one), one},
		"a folder of it":                   {"a/b/c@v1", lock("a/b@v1", "sha1-"+one), one},
		"a folder of it that has a commit": {"a/b/c@" + one, lock("a/b@"+one, "sha1-"+two), one},
		"a name without an owner":          {"b@v1", lock("a/b@v1", "sha1-"+one), ""},
		"a name without a version":         {"a/b", lock("a/b@v1", "sha1-"+one), ""},
		"another version":                  {"a/b@v2", lock("a/b@v1", "sha1-"+one), ""},
		"a commit of no kind":              {"a/b@v1", lock("a/b@v1", one), ""},
		"a commit of another kind":         {"a/b@v1", lock("a/b@v1", "md5-"+one), ""},
		"a commit that is none":            {"a/b@v1", lock("a/b@v1", "sha1-main"), ""},
		"a lock file of two documents": {"a/b@v1", lock("a/b@v1", "sha1-"+one) + "---\n" + lock("a/b@v1",
			"sha1-"+one), ""},
		"a lock file that is empty":          {"a/b@v1", " ", ""},
		"a lock file that is not there":      {"a/b@v1", "", ""},
		"a lock file that is no list of any": {"a/b@v1", "dependencies: x\n", ""},
	} {
		got := references(t, "jobs:\n  a:\n    steps:\n      - uses: "+x.uses+"\n", x.lock)
		if id, there := got[x.uses]; !there || id != x.want {
			t.Errorf("%s: %s is %q (there: %v), want %q", name, x.uses, id, there, x.want)
		}
	}
	both := references(t, "jobs:\n  a:\n    steps:\n      - uses: a/b@v1\n", lock("a/b@v1", "sha1-main"))
	if len(both) != 1 {
		t.Errorf("actions = %v, want the one of the workflow", both)
	}
}

func TestN03_files_of_a_workflow_are_those_of_the_checkout(t *testing.T) {
	top := filepath.Join(t.TempDir(), "checkout")
	const one = "08c6903cd8c0fde910a37f88322edcfb5dd907a8"
	const workflow, pins = "jobs:\n  a:\n    steps:\n      - uses: a/b@v1\n",
		"dependencies:\n  'a/b@v1':\n    commit: 'sha1-" + one + "'\n"
	for name, text := range map[string]string{"release.yml": workflow, "../release.yml": workflow,
		"actions.lock": pins, "../actions.lock": pins} {
		put(t, filepath.Join(top, name), text)
	}
	for name, x := range map[string]struct {
		workflow, pins string
		actions        int
		digest         string
	}{
		"both":               {"release.yml", "actions.lock", 2, one},
		"no lock":            {"release.yml", "", 1, ""},
		"a lock outside":     {"release.yml", "../actions.lock", 1, ""},
		"a workflow outside": {"../release.yml", "actions.lock", 0, ""},
		"no workflow":        {"", "actions.lock", 0, ""},
	} {
		m := made(t, build.Run{Top: top, Dir: top, Workflow: x.workflow, Pins: x.pins, Result: &record.Result{}})
		if len(m.Actions) != x.actions || x.actions > 0 && m.Actions[len(m.Actions)-1].Digest != x.digest {
			t.Errorf("%s: actions = %+v, want %d with %q", name, m.Actions, x.actions, x.digest)
		}
	}
}

func TestC21_a_commit_in_a_workflow_is_the_one_that_ran_whatever_a_lock_file_says(t *testing.T) {
	top := t.TempDir()
	const one, two = "08c6903cd8c0fde910a37f88322edcfb5dd907a8", "1111111111111111111111111111111111111111"
	put(t, filepath.Join(top, "release.yml"), "jobs:\n  a:\n    steps:\n      - uses: a/b@"+one+"\n")
	put(t, filepath.Join(top, "actions.lock"), "dependencies:\n  'a/b@"+one+"':\n    commit: 'sha1-"+two+"'\n")
	m := made(t, build.Run{Top: top, Dir: top, Workflow: "release.yml", Pins: "actions.lock", Result: &record.Result{}})
	for _, a := range m.Actions {
		if a.Where == "release.yml" && a.Digest != one {
			t.Errorf("%+v, want the commit that the workflow names", a)
		}
	}
	if len(m.Actions) != 2 {
		t.Errorf("actions = %+v, want what both say", m.Actions)
	}
}
