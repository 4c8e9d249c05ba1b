package inputs

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// A bench is a commit of ours with a release record, a place that serves
// binaries, and a job that installs one and runs it as the action's second
// step does. The binaries are scripts that leave a mark when they run.
type bench struct {
	t       *testing.T
	server  *httptest.Server
	serve   http.HandlerFunc
	asked   atomic.Int32
	commit  string // a tree with shared/install.sh and shared/release.txt
	temp    string // the runner's directory for this job
	work    string // the workspace: the attacker's
	mark    string // exists once a binary ran
	outputs string
	env     []string
}

const version = "v1.2.3"

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{t: t, commit: dir + "/commit", temp: dir + "/temp", work: dir + "/work", mark: dir + "/mark", outputs: dir + "/outputs"}
	for _, d := range []string{b.commit + "/shared", b.temp, b.work} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, b.commit+"/shared/install.sh", string(read(t, "shared/install.sh")))
	b.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.asked.Add(1)
		b.serve(w, r)
	}))
	t.Cleanup(b.server.Close)
	b.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GITHUB_ACTIONS=true", "GITHUB_OUTPUT=" + b.outputs, "GITHUB_WORKSPACE=" + b.work,
		"RUNNER_TEMP=" + b.temp, "RUNNER_OS=Linux", "RUNNER_ARCH=X64", "SALLYPORT_RELEASES=" + b.server.URL,
	}
	b.serves(b.binary("right"))
	b.records(b.binary("right"))
	return b
}

// binary returns a program that leaves the mark and says who it is.
func (b *bench) binary(name string) string {
	return "#!/bin/sh\n: >'" + b.mark + "'\necho " + name + "\n" + strings.Repeat("# ballast\n", 1000)
}

func (b *bench) serves(content string) {
	b.serve = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/"+version+"/sallyport_linux_amd64" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, content)
	}
}

func (b *bench) records(content string) {
	write(b.t, b.commit+"/shared/release.txt", fmt.Sprintf("# a release\nversion %s\n%x  sallyport_linux_amd64\n%x  sallyport_darwin_arm64\n",
		version, sha256.Sum256([]byte(content)), sha256.Sum256([]byte("another"))))
}

// run installs and, only if that went well, runs what was installed.
func (b *bench) run() (stdout, stderr string, err error) {
	b.t.Helper()
	step := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c",
		`bin=$(/bin/sh "$SALLYPORT_ROOT/shared/install.sh"); "$bin" gate`)
	step.Dir = b.work
	step.Env = slices.Concat(b.env, []string{"SALLYPORT_ROOT=" + b.commit})
	var out, msg bytes.Buffer
	step.Stdout, step.Stderr = &out, &msg
	err = step.Run()
	return out.String(), msg.String(), err
}

// refuses asserts that nothing ran, that nothing was given to the next step,
// that nothing is left on the runner, and that one line says want.
func (b *bench) refuses(want string) {
	b.t.Helper()
	stdout, stderr, err := b.run()
	if err == nil {
		b.t.Errorf("the installer went on: %q", stdout)
	}
	if _, err := os.Stat(b.mark); err == nil {
		b.t.Error("the binary ran")
	}
	if out, err := os.ReadFile(b.outputs); err == nil {
		b.t.Errorf("the next step was told %q", out)
	}
	if left, _ := filepath.Glob(b.temp + "/sallyport.*"); len(left) > 0 {
		b.t.Errorf("left behind: %q", left)
	}
	if n := strings.Count(stderr, "::error title=sallyport::"); n != 1 || !strings.Contains(stderr, want) {
		b.t.Errorf("it said %q, want one error with %q", stderr, want)
	}
}

// runs asserts that the binary called name was installed and ran.
func (b *bench) runs(name string) {
	b.t.Helper()
	stdout, stderr, err := b.run()
	if err != nil || strings.TrimSpace(stdout) != name {
		b.t.Fatalf("ran %q: %v: %s", stdout, err, stderr)
	}
	if out, err := os.ReadFile(b.outputs); err != nil || !strings.Contains(string(out), "\nversion="+version+"\n") {
		b.t.Errorf("the outputs are %q: %v", out, err)
	}
}

func TestP02_recorded_binary_runs(t *testing.T) {
	newBench(t).runs("right")
}

func TestP02_other_binary_is_served(t *testing.T) {
	b := newBench(t)
	b.serves(b.binary("wrong"))
	b.refuses("is not the recorded file")
}

func TestP02_older_version_is_served(t *testing.T) {
	b := newBench(t)
	old := b.binary("right")
	b.records(b.binary("newer"))
	b.serves(old)
	b.refuses("is not the recorded file")
}

func TestP02_one_byte_is_changed(t *testing.T) {
	b := newBench(t)
	b.serves(strings.Replace(b.binary("right"), "# ballast", "# bollast", 1))
	b.refuses("is not the recorded file")
}

func TestP02_file_is_truncated(t *testing.T) {
	b := newBench(t)
	whole := b.binary("right")
	b.serves(whole[:len(whole)/2])
	b.refuses("is not the recorded file")
}

func TestP02_connection_breaks(t *testing.T) {
	b := newBench(t)
	whole := b.binary("right")
	b.serve = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(whole)))
		fmt.Fprint(w, whole[:len(whole)/2])
	}
	b.env = append(b.env, "no_proxy=*")
	b.refuses("could not be downloaded")
}

func TestP02_redirect_to_other_content(t *testing.T) {
	b := newBench(t)
	b.serve = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			fmt.Fprint(w, b.binary("wrong"))
			return
		}
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}
	b.refuses("is not the recorded file")
}

func TestP02_redirect_to_the_recorded_file(t *testing.T) {
	b := newBench(t)
	b.serve = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			fmt.Fprint(w, b.binary("right"))
			return
		}
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}
	b.runs("right")
}

func TestP02_release_is_gone(t *testing.T) {
	b := newBench(t)
	b.serve = http.NotFound
	b.refuses("could not be downloaded")
}

func TestP02_broken_record(t *testing.T) {
	digest := strings.Repeat("0", 64)
	for name, tt := range map[string]struct{ record, want string }{
		"no_digest_for_this_platform": {"version v1.2.3\n" + digest + "  sallyport_darwin_arm64\n", "has no digest"},
		"no_version":                  {digest + "  sallyport_linux_amd64\n", "has no version"},
		"version_walks_up":            {"version v1/../../evil\n" + digest + "  sallyport_linux_amd64\n", "malformed version"},
		"two_digests":                 {"version v1.2.3\n" + digest + "  sallyport_linux_amd64\n" + digest + "  sallyport_linux_amd64\n", "twice"},
		"short_digest":                {"version v1.2.3\n" + digest[:63] + "  sallyport_linux_amd64\n", "malformed digest"},
		"digest_is_a_pattern":         {"version v1.2.3\n" + strings.Repeat("?", 64) + "  sallyport_linux_amd64\n", "malformed digest"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			write(t, b.commit+"/shared/release.txt", tt.record)
			b.refuses(tt.want)
			if n := b.asked.Load(); n != 0 {
				t.Errorf("asked the network %d times for a broken record", n)
			}
		})
	}
}

// A commit without a release builds only its own source, and a workspace that
// looks like ours is not our source.
func TestP02_no_release_and_not_our_source(t *testing.T) {
	b := newBench(t)
	write(t, b.commit+"/shared/release.txt", "# no release yet\n")
	write(t, b.work+"/go.mod", "module github.com/sallyport-dev/sallyport\n")
	write(t, b.work+"/main.go", "package main\n")
	b.refuses("records no release and cannot be built here")
}

func TestP02_no_release_and_another_module(t *testing.T) {
	b := newBench(t)
	write(t, b.commit+"/shared/release.txt", "# no release yet\n")
	write(t, b.commit+"/go.mod", "module github.com/sallyport-dev/sallyport-fork\n")
	write(t, b.commit+"/main.go", "package main\n\nfunc main() {}\n")
	b.refuses("records no release and cannot be built here")
}

func TestP02_no_release_is_built_from_our_source(t *testing.T) {
	b := newBench(t)
	write(t, b.commit+"/shared/release.txt", "# no release yet\n")
	write(t, b.commit+"/go.mod", "module github.com/sallyport-dev/sallyport\n\ngo 1.26\n")
	write(t, b.commit+"/main.go", "package main\n\nfunc main() { println(\"built\") }\n")
	evil := filepath.Dir(b.work) + "/evil"
	path := os.Getenv("PATH")
	for dir, entry := range map[string]string{b.work: b.work, b.work + "/bin": "bin", filepath.Dir(b.work) + "/beside": "../beside"} {
		write(t, dir+"/go", "#!/bin/sh\n: >'"+evil+"'\n")
		if err := os.Chmod(dir+"/go", 0o755); err != nil {
			t.Fatal(err)
		}
		path = entry + ":" + path
	}
	b.env = append(b.env, "PATH="+path, "RUNNER_OS=", "RUNNER_ARCH=", "GOCACHE="+goEnv(t, "GOCACHE"), "GOFLAGS=-toolexec=/does/not/exist", "GOOS=plan9")
	_, stderr, err := b.run()
	if err != nil || !strings.Contains(stderr, "built") {
		t.Fatalf("%v: %s", err, stderr)
	}
	if out, _ := os.ReadFile(b.outputs); !strings.Contains(string(out), "\nversion=source\n") {
		t.Errorf("the outputs are %q", out)
	}
	if _, err := os.Stat(evil); err == nil {
		t.Error("P03: a planted go ran")
	}
}

// A verified copy that an earlier step of this job left is used again after it
// is hashed again.
func TestP02_copy_of_this_job_is_used_again(t *testing.T) {
	b := newBench(t)
	b.runs("right")
	b.runs("right")
	if n := b.asked.Load(); n != 1 {
		t.Errorf("downloaded %d times, want 1", n)
	}
}

func TestP02_tampered_copy_is_not_used(t *testing.T) {
	b := newBench(t)
	b.runs("right")
	copies, _ := filepath.Glob(b.temp + "/sallyport.*/sallyport")
	if len(copies) != 1 {
		t.Fatalf("copies: %q", copies)
	}
	write(t, copies[0], b.binary("wrong"))
	b.runs("right")
	if n := b.asked.Load(); n != 2 {
		t.Errorf("downloaded %d times, want 2", n)
	}
}

func TestP02_linked_copy_is_not_used(t *testing.T) {
	b := newBench(t)
	write(t, b.work+"/right", b.binary("right"))
	if err := os.Mkdir(b.temp+"/sallyport.planted", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(b.work+"/right", b.temp+"/sallyport.planted/sallyport"); err != nil {
		t.Fatal(err)
	}
	b.runs("right")
	if n := b.asked.Load(); n != 1 {
		t.Errorf("downloaded %d times, want 1: a link can be turned after it was hashed", n)
	}
}

// Programs in the workspace do not run, however the PATH leads there.
func TestP03_programs_are_planted(t *testing.T) {
	for name, entry := range map[string]string{
		"workspace": "%s", "folder_of_it": "%s/bin", "relative": "bin", "here": ".", "empty": "", "around_a_corner": "%s/../work/bin", "link": "%s/../link",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			if err := os.Symlink(b.work+"/bin", filepath.Dir(b.work)+"/link"); err != nil {
				t.Fatal(err)
			}
			evil := filepath.Dir(b.work) + "/evil"
			if strings.Contains(entry, "%s") {
				entry = fmt.Sprintf(entry, b.work)
			}
			for _, dir := range []string{b.work, b.work + "/bin"} {
				for _, tool := range []string{"uname", "sha256sum", "shasum", "curl", "wget", "mktemp", "mv", "chmod", "rm", "cat", "tr", "dirname", "go", "git"} {
					write(t, dir+"/"+tool, "#!/bin/sh\necho \"$0\" >>'"+evil+"'\nexec /usr/bin/"+tool+" \"$@\"\n")
					if err := os.Chmod(dir+"/"+tool, 0o755); err != nil {
						t.Fatal(err)
					}
				}
			}
			b.env = append(b.env, "PATH="+entry+":"+os.Getenv("PATH"))
			b.runs("right")
			if ran, err := os.ReadFile(evil); err == nil {
				t.Errorf("planted programs ran: %s", ran)
			}
		})
	}
}

// Functions that an earlier job put into the environment do not stand in for
// the programs that check.
func TestP03_functions_are_planted(t *testing.T) {
	b := newBench(t)
	b.serves(b.binary("wrong"))
	good := fmt.Sprintf("%x", sha256.Sum256([]byte(b.binary("right"))))
	b.env = append(b.env, "BASH_FUNC_sha256sum%%=() { echo "+good+"; }")
	b.refuses("is not the recorded file")
	if out, err := b.job("bash"); err == nil || !strings.Contains(out, "is not the recorded file") {
		t.Errorf("in a component: %v: %s", err, out)
	}
	b.serves(b.binary("right"))
	b.runs("right")
}

// job runs the installer and the binary as a component's job does.
func (b *bench) job(shell string) (string, error) {
	b.t.Helper()
	script, err := inline(Release{Installer: read(b.t, "shared/install.sh"), Record: []byte(mustRead(b.t, b.commit+"/shared/release.txt"))})
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command(shell, "-e", "-c", script+"\"$sallyport\" gate\n")
	cmd.Dir = b.work
	cmd.Env = slices.Concat(b.env, []string{"CI_PROJECT_DIR=" + b.work, "GITHUB_OUTPUT=", "GITHUB_ACTIONS=", "RUNNER_TEMP=", "TMPDIR=" + b.temp})
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestPlatforms(t *testing.T) {
	for _, tt := range []struct{ os, arch, want string }{
		{"Windows", "X64", "this runner is Windows; sallyport needs a Linux or macOS runner"},
		{"MINGW64_NT-10.0", "x86_64", "this runner is Windows; sallyport needs a Linux or macOS runner"},
		{"Plan9\n::set-output::", "X64", "this runner is Plan9set-output; sallyport needs"},
		{"Linux", "ARM", "this runner is ARM; sallyport needs amd64 or arm64"},
		{"macOS", "X64", "has no digest for sallyport_darwin_amd64"},
		{"Linux", "ARM64", "has no digest for sallyport_linux_arm64"},
	} {
		t.Run(tt.os+"-"+tt.arch, func(t *testing.T) {
			b := newBench(t)
			b.env = append(b.env, "RUNNER_OS="+tt.os, "RUNNER_ARCH="+tt.arch)
			b.refuses(tt.want)
		})
	}
}

// The installer is the same inside a component, with the record beside it and
// no source to fall back to.
func TestP02_inside_a_component(t *testing.T) {
	b := newBench(t)
	for _, shell := range []string{"sh", "bash"} {
		if out, err := b.job(shell); err != nil || strings.TrimSpace(out) != "right" {
			t.Errorf("%s: %v: %s", shell, err, out)
		}
	}
	if err := os.Remove(b.mark); err != nil {
		t.Fatal(err)
	}
	b.serves(b.binary("wrong"))
	for _, shell := range []string{"sh", "bash"} {
		if out, err := b.job(shell); err == nil || !strings.Contains(out, "sallyport: sallyport_linux_amd64 v1.2.3 is not the recorded file") {
			t.Errorf("%s: %v: %s", shell, err, out)
		}
	}
	write(t, b.commit+"/shared/release.txt", "# no release yet\n")
	write(t, b.work+"/go.mod", "module github.com/sallyport-dev/sallyport\n")
	for _, shell := range []string{"sh", "bash"} {
		if out, err := b.job(shell); err == nil || !strings.Contains(out, "records no release") {
			t.Errorf("%s: %v: %s", shell, err, out)
		}
	}
	if _, err := os.Stat(b.mark); err == nil {
		t.Error("a binary ran")
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
