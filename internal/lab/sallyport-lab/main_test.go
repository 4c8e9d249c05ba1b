package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/lab"
)

// asProgram makes the test binary be the program.
const asProgram = "SALLYPORT_LAB_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(lab.RekorVariable) != "" || os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// A process is a running sallyport-lab, with a temporary directory of its own.
type process struct {
	cmd    *exec.Cmd
	tmp    string
	out    *bufio.Reader
	stderr *os.File // at its end when no process of the lab is left
}

func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "TMPDIR="+t.TempDir())
	return cmd
}

// start starts a lab and waits for the line that says it is ready. The servers
// log on standard error, so every process of the lab holds that pipe open.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	cmd := program(t, append([]string{"--verbose"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd, strings.TrimPrefix(cmd.Env[len(cmd.Env)-1], "TMPDIR="), bufio.NewReader(out), r}
	line, err := p.out.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "sallyport-lab: ready in ") {
		t.Fatalf("first line = %q and error %v, want that it is ready", line, err)
	}
	return p
}

// gone waits until no process holds the lab's standard error any more.
func (p *process) gone(t *testing.T) {
	t.Helper()
	if err := p.stderr.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, p.stderr); err != nil {
		t.Errorf("a process of the lab is left after 10s: %v", err)
	}
}

// A signal ends the lab with exit code 0, and no process or file is left.
func TestCleanStop(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			p := start(t)
			if err := p.cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			p.gone(t)
			if err := p.cmd.Wait(); err != nil {
				t.Errorf("lab ended with %v, want exit code 0", err)
			}
			if left, err := filepath.Glob(filepath.Join(p.tmp, "*")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %q, %v", left, err)
			}
		})
	}
}

// A lab that is killed outright takes the log's process with it.
func TestKilledLabLeavesNoProcess(t *testing.T) {
	p := start(t)
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.gone(t)
	if err := p.cmd.Wait(); err == nil {
		t.Error("lab ended with exit code 0, want a signal")
	}
}

// Two labs run side by side, with other keys and other ports.
func TestTwoLabs(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir()}
	labs := []*process{start(t, "--dir", dirs[0]), start(t, "--dir", dirs[1])}
	for _, name := range []string{"trusted_root.json", "signing_config.json", "lab.env"} {
		a, b := read(t, dirs[0], name), read(t, dirs[1], name)
		if bytes.Equal(a, b) {
			t.Errorf("%s of two labs is the same", name)
		}
	}
	for _, p := range labs {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		p.gone(t)
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("lab ended with %v, want exit code 0", err)
		}
	}
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The command's exit code is the lab's, and what the command cannot be is not
// mistaken for a result of it.
func TestCommandExitCode(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want int
	}{
		{"success", []string{"--", "true"}, 0},
		{"failure", []string{"--", "sh", "-c", "exit 3"}, 3},
		{"signal", []string{"--", "sh", "-c", "kill -9 $$"}, 137},
		{"no such command", []string{"--", "/no/such/command"}, exitTrouble},
		{"no such flag", []string{"--colour"}, exitUsage},
		{"no such runner", []string{"--as", "jenkins"}, exitUsage},
		{"claims that are no object", []string{"--claims", "[]"}, exitUsage},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := program(t, c.args...).Run()
			if got := code(t, err); got != c.want {
				t.Errorf("exit code = %d, want %d", got, c.want)
			}
		})
	}
}

// A signal is the command's to answer: the lab passes it on and waits.
func TestSignalReachesCommand(t *testing.T) {
	cmd := program(t, "--", "sh", "-c", `trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "up\n" {
		t.Fatalf("command said %q and error %v, want that it is up", line, err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := code(t, cmd.Wait()); got != 9 {
		t.Errorf("exit code = %d, want the command's 9", got)
	}
}

func code(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	t.Fatal(err)
	return -1
}

// The command finds the lab, and what its runner would set, in its variables.
func TestCommandEnvironment(t *testing.T) {
	for as, want := range map[string][]string{
		"none":   {"SALLYPORT_TRUSTED_ROOT=/", "SALLYPORT_SIGNING_CONFIG=/", "SALLYPORT_LAB_TRUSTED_ROOT=/", "SALLYPORT_LAB_SIGNING_CONFIG=/", "SALLYPORT_LAB=http://127.0.0.1:", "SALLYPORT_LAB_REGISTRY=127.0.0.1:"},
		"github": {"GITHUB_ACTIONS=true", "GITHUB_REPOSITORY=acme/x\n", "ACTIONS_ID_TOKEN_REQUEST_URL=http://127.0.0.1:"},
		"gitlab": {"GITLAB_CI=true", "CI_PROJECT_PATH=acme/x\n", "SIGSTORE_ID_TOKEN=ey"},
	} {
		cmd := program(t, "--as", as, "--claims", `{"repository":"acme/x","project_path":"acme/x"}`, "--", "env")
		cmd.Env = append(cmd.Env, "GITHUB_ACTIONS=true", "GITHUB_TOKEN=real", "GITLAB_CI=true", "CI_JOB_TOKEN=real", "GITHUB_OUTPUT=/kept")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(string(out), "\n"+w) {
				t.Errorf("as %s: no %q among the variables", as, w)
			}
		}
		if told := strings.Contains(string(out), "\nSALLYPORT_TRUSTED_ROOT="); told != (as == "none") {
			t.Errorf("as %s: a variable names the trusted root: %v", as, told)
		}
		for variable, platform := range map[string]string{"GITHUB_ACTIONS=true": "github", "GITLAB_CI=true": "gitlab", "GITHUB_OUTPUT=/kept": as, "GITHUB_TOKEN=real": "", "CI_JOB_TOKEN=real": ""} {
			if has := strings.Contains("\n"+string(out), "\n"+variable+"\n"); has != (as == platform) {
				t.Errorf("as %s: %s is set: %v", as, variable, has)
			}
		}
	}
}

// BenchmarkStart is how long it takes until a lab is ready and stopped again.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		cmd := exec.Command(os.Args[0], "--", "true")
		cmd.Env = append(os.Environ(), asProgram+"=1", "TMPDIR="+b.TempDir())
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
	}
}
