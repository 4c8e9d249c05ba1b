package cli

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A project in which a named pipe stands for a workflow, for the folder of
// workflows or for the pipeline is refused at once, and read without it.
func TestE10_doctor_waits_for_no_pipe(t *testing.T) {
	for _, name := range []string{"", ".gitlab-ci.yml", ".github/workflows/w.yml", ".github/workflows"} {
		d := newDesk(t)
		d.write("good.yaml", goodPolicy)
		if name != "" {
			path := filepath.Join(d.dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		code, said := d.run(false, "doctor", "--offline", "--policy", "good.yaml")
		if (code == 2) != (name != "") || (name != "") != strings.Contains(said, "E_PATH") {
			t.Errorf("%q: exit code %d, %q", name, code, said)
		}
	}
}

// A file that an earlier job may have made is opened beneath the workspace.
func TestE10_a_handed_over_file_stays_in_the_workspace(t *testing.T) {
	d := newDesk(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(d.dir, "out")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(d.dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.write("in", "content")
	for _, name := range []string{"out", "pipe", filepath.Join(d.dir, "out"), filepath.Join(d.dir, "pipe")} {
		if b, err := handedOver(name, 100); err == nil || strings.Contains(string(b)+err.Error(), "hunter2") {
			t.Errorf("%s: got %q, %v", name, b, err)
		}
	}
	for _, name := range []string{"in", filepath.Join(d.dir, "in")} {
		if b, err := handedOver(name, 100); err != nil || string(b) != "content" {
			t.Errorf("%s: got %q, %v", name, b, err)
		}
	}
}
