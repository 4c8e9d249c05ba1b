package inputs

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestScriptsAreExecutable(t *testing.T) {
	for _, name := range []string{"shared/install.sh", ".ci/run", ".ci/lint.sh", ".ci/build.sh", ".ci/reproduce.sh", ".ci/record.sh", ".ci/allowed.sh", ".ci/busybox.sh", ".ci/rehearse.sh", "e2e/chroot.sh"} {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("%s is not a program: %v", name, err)
		}
	}
}

// What is published is what the gate allowed, and nothing beside it.
func TestE16_publish_only_what_was_allowed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/a", "a")
	write(t, dir+"/b", "b")
	a, b := digest("a"), digest("b")
	for name, tt := range map[string]struct {
		digests string
		files   []string
		ok      bool
	}{
		"all":               {a + " " + b, []string{"a", "b"}, true},
		"one_of_two":        {a, []string{"a", "b"}, false},
		"another":           {b, []string{"a"}, false},
		"nothing_allowed":   {"", []string{"a"}, false},
		"part_of_a_digest":  {a[:20], []string{"a"}, false},
		"pattern":           {"*", []string{"a"}, false},
		"no_files":          {a, nil, false},
		"file_is_not_there": {a, []string{"c"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			script, err := filepath.Abs(root + "/.ci/allowed.sh")
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(script, append([]string{tt.digests}, tt.files...)...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); (err == nil) != tt.ok {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// The release script writes the commit that users pin: its components carry the
// digests, and its installer reads them.
func TestRecord(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{"internal/inputs", "shared", "actions", "templates", "gitlab", "docs", ".github/workflows"} {
		if err := os.CopyFS(dir+"/"+path, os.DirFS(filepath.Join(root, path))); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"README.md", "action.yml", "go.mod", "go.sum", ".ci/record.sh"} {
		write(t, dir+"/"+path, string(read(t, path)))
	}
	for _, target := range []string{"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64", "windows_amd64.exe", "windows_arm64.exe"} {
		write(t, dir+"/dist/sallyport_"+target, target)
		write(t, dir+"/dist/sallyport_"+target+".gz", "packed")
	}
	record := func(version string) ([]byte, error) {
		cmd := exec.Command("bash", dir+"/.ci/record.sh", version, "dist")
		cmd.Dir = dir
		return cmd.CombinedOutput()
	}
	for _, bad := range []string{"", "1.2.3", "v1.2", "v1.2.3/../x", "v1.2.3 x"} {
		if _, err := record(bad); err == nil {
			t.Errorf("recorded version %q", bad)
		}
	}
	for range 2 { // a second release replaces the first
		if out, err := record("v1.2.3"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if n := strings.Count(mustRead(t, dir+"/shared/release.txt"), "  sallyport_"); n != 6 {
		t.Errorf("the record has %d digests, want one for each platform", n)
	}
	if strings.Contains(mustRead(t, dir+"/README.md"), "no release yet") || !strings.Contains(mustRead(t, dir+"/README.md"), "policy.yaml") {
		t.Error("the README of a release says that there is none")
	}
	line := strings.TrimPrefix(digest("linux_amd64"), "sha256:") + "  sallyport_linux_amd64\n"
	for _, path := range []string{"shared/release.txt", "templates/gate/template.yml", "templates/attest/template.yml", "templates/verify/template.yml"} {
		got := mustRead(t, dir+"/"+path)
		if strings.Count(got, line) != 1 || strings.Count(got, "version v1.2.3\n") != 1 {
			t.Errorf("%s does not carry the release", path)
		}
	}
}

// Before there is a release, the job that docs/install.md shows for GitLab builds
// the commit that it names, and no other.
func TestSourceOnGitLab(t *testing.T) {
	b := newBench(t, installers[0])
	b.source("module github.com/sallyport-dev/sallyport\n", "package main\n\nimport \"os\"\n\nfunc main() { println(\"built for\", os.Args[1], os.Args[3]) }\n")
	git := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("git", append([]string{"-C", b.commit, "-c", "user.name=t", "-c", "user.email=t@localhost"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "source")
	meant := git("rev-parse", "HEAD")
	write(t, b.commit+"/main.go", "package main\n\nfunc main() { println(\"another\") }\n")
	git("commit", "-q", "-a", "-m", "another")
	_, page, _ := strings.Cut(string(read(t, "docs/install.md")), "\ngate:production:\n")
	block, _, _ := strings.Cut(page, "```")
	var job struct {
		Before []string `yaml:"before_script"`
		Script []string
	}
	if err := yaml.Unmarshal([]byte(block), &job); err != nil || len(job.Before) == 0 || len(job.Script) == 0 {
		t.Fatalf("%v: %q", err, block)
	}
	run := func(commit string) (string, error) {
		script := strings.NewReplacer("https://github.com/sallyport-dev/sallyport", "file://"+b.commit, "<commit>", commit, "/tmp/sallyport", b.dir+"/clone").
			Replace(strings.Join(append(job.Before, job.Script...), "\n"))
		cmd := exec.Command("sh", "-e", "-c", script)
		cmd.Dir = b.work
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "TMPDIR=" + b.temp, "CI_PROJECT_DIR=" + b.work}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(meant); err != nil || !strings.HasSuffix(out, "built for gate production\n") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := run(strings.Repeat("0", 40)); err == nil {
		t.Errorf("a commit that is not there: %s", out)
	}
}

// A machine that cannot rehearse a release is told all that it lacks, before
// anything is built, and the rehearsal fails: it never passes over a part.
func TestRehearsalSaysWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{".ci/rehearse.sh", ".ci/busybox.sh"} {
		write(t, dir+"/"+path, string(read(t, path)))
		if err := os.Chmod(dir+"/"+path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tools := dir + "/tools"
	tool := func(name, script string) {
		write(t, tools+"/"+name, "#!/bin/sh\n"+script+"\n")
		if err := os.Chmod(tools+"/"+name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"bash", "sh", "env", "dirname"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		tool(name, "exec "+path+" \"$@\"")
	}
	says := func(absent bool, lines ...string) {
		t.Helper()
		cmd := exec.Command(tools+"/bash", dir+"/.ci/rehearse.sh")
		cmd.Env = []string{"PATH=" + tools}
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("it did not fail: %s", out)
		}
		for _, line := range lines {
			if strings.Contains(string(out), "rehearsal: "+line+"\n") == absent {
				t.Errorf("it said %q, and of %q the contrary was wanted", out, line)
			}
		}
	}
	lacks := []string{"this is not root, whom chroot needs", "busybox is missing: install the package busybox-static", "git is missing", "node is missing",
		"bin/sallyport-lab is missing: make builds it", "nothing was rehearsed"}
	tool("id", "echo 1000")
	says(false, lacks...)
	tool("id", "echo 0")
	for _, name := range []string{"git", "go", "gzip", "node", "chroot", "diff", "tar", "busybox"} {
		tool(name, "exit 1")
	}
	write(t, dir+"/bin/sallyport-lab", "")
	if err := os.Chmod(dir+"/bin/sallyport-lab", 0o755); err != nil {
		t.Fatal(err)
	}
	says(true, lacks...) // and so it goes on, as far as these programs do
}

func digest(content string) string {
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(content)))
}
