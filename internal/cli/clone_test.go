package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/origin"
)

// The clones are made by git itself: a clone, a second working tree of it and a folder in it.
func TestRemotes_of_a_clone_a_second_working_tree_and_a_folder(t *testing.T) {
	dir, home := t.TempDir(), t.TempDir()
	git := func(args ...string) {
		t.Helper()
		c := exec.CommandContext(t.Context(), "git", args...)
		c.Dir = dir
		c.Env = append(
			os.Environ(),
			"HOME="+home,
			"GIT_CONFIG_NOSYSTEM=1",
			"GIT_AUTHOR_NAME=a",
			"GIT_AUTHOR_EMAIL=a@b.c",
			"GIT_COMMITTER_NAME=a",
			"GIT_COMMITTER_EMAIL=a@b.c",
		)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q", "clone")
	git("config", "--global", "url.git@gitlab.example:.insteadOf", "work:")
	git("-C", "clone", "remote", "add", "origin", "work:group/sub/app.git")
	git("-C", "clone", "commit", "-q", "--allow-empty", "-m", "first")
	git("-C", "clone", "worktree", "add", "-q", "../second")
	if err := os.Mkdir(filepath.Join(dir, "clone", "deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := &run{Command: in(0, "HOME", home)}
	for _, at := range []string{"clone", "clone/deep", "second"} {
		all, err := r.remotes(filepath.Join(dir, at))
		if err != nil {
			t.Errorf("%s: %v", at, err)
			continue
		}
		if got, err := origin.Usual(all); err != nil || got.URI() != "https://gitlab.example/group/sub/app" {
			t.Errorf("%s: %+v, %v", at, got, err)
		}
	}

	// In a job nothing is believed that a step before may have left for the whole machine.
	job := in(inputs.GitHub, "HOME", home)
	p, err := choosePlatform(job, inputs.Component{})
	if err != nil {
		t.Fatal(err)
	}
	all, err := (&run{Command: job, platform: p}).remotes(filepath.Join(dir, "clone"))
	if err != nil || len(all) != 1 || all[0].Host != "work" {
		t.Errorf("in a job: %+v, %v, want the address as the clone has it", all, err)
	}
	if _, err := r.remotes(dir); fault.Of(err).Kind != fault.Usage ||
		!strings.Contains(fault.Of(err).Hint, "--repository") {
		t.Errorf("outside of a clone: %v, want a usage fault with a next step", err)
	}
}
