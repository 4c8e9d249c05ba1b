package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// wnothread keeps Wait4 from taking the children of other tests (wait(2),
// __WNOTHREAD).
const (
	wnothread = 0x20000000
	wall      = 0x40000000
	sysgood   = syscall.SIGTRAP | 0x80
)

// traceSockets runs the binary under ptrace and returns its exit status and how
// many sockets it asked the kernel for.
func traceSockets(t *testing.T, dir, bin string, args ...string) (status, sockets int) {
	t.Helper()
	runtime.LockOSThread() // ptrace belongs to a thread
	defer runtime.UnlockOSThread()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	p, err := os.StartProcess(bin, append([]string{bin}, args...), &os.ProcAttr{
		Dir: dir, Env: []string{"HOME=" + dir}, Files: []*os.File{null, null, null}, Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Release() }()
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(p.Pid, &ws, wall, nil); err != nil || !ws.Stopped() {
		t.Fatalf("the traced process did not stop at its start: %v", err)
	}
	const options = syscall.PTRACE_O_TRACESYSGOOD | syscall.PTRACE_O_TRACECLONE | syscall.PTRACE_O_TRACEFORK | syscall.PTRACE_O_TRACEVFORK
	if err := syscall.PtraceSetOptions(p.Pid, options); err != nil {
		t.Fatal(err)
	}
	inside := map[int]bool{} // threads that are in a system call
	next, deliver := p.Pid, 0
	for {
		if err := syscall.PtraceSyscall(next, deliver); err != nil && err != syscall.ESRCH {
			t.Fatal(err)
		}
		if next, err = syscall.Wait4(-1, &ws, wall|wnothread, nil); err != nil {
			t.Fatal(err)
		}
		for ws.Exited() || ws.Signaled() {
			if next == p.Pid {
				return ws.ExitStatus(), sockets
			}
			if next, err = syscall.Wait4(-1, &ws, wall|wnothread, nil); err != nil {
				t.Fatal(err)
			}
		}
		deliver = 0
		switch sig := ws.StopSignal(); sig {
		case sysgood:
			var r syscall.PtraceRegs
			inside[next] = !inside[next]
			if syscall.PtraceGetRegs(next, &r) == nil && inside[next] && r.Orig_rax == syscall.SYS_SOCKET {
				sockets++
			}
		case syscall.SIGTRAP, syscall.SIGSTOP: // a new thread
		default:
			deliver = int(sig)
		}
	}
}

func TestA03_verify_offline_opens_no_socket(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "sallyport")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	fixture := func(name string) string { return filepath.Join(here, "testdata", "offline", name) }
	args := []string{
		"verify", "--bundle", fixture("bundle.sigstore.json"),
		"--certificate-identity", "https://github.com/acme/widget/.github/workflows/release.yml@refs/heads/main",
		"--certificate-oidc-issuer", "https://token.actions.githubusercontent.com",
	}
	status, n := traceSockets(t, dir, bin, append(args, "--offline", "--trusted-root", fixture("trusted_root.json"), fixture("artifact.txt"))...)
	if status != 0 || n != 0 {
		t.Errorf("verify --offline: exit status %d and %d sockets, want 0 and none", status, n)
	}
	status, n = traceSockets(t, dir, bin, append(args, "--offline", fixture("artifact.txt"))...)
	if status != 3 || n != 0 {
		t.Errorf("verify --offline under another root: exit status %d and %d sockets, want 3 and none", status, n)
	}
	status, n = traceSockets(t, dir, bin, "explain", keptVerdict(t, dir, bin, fixture))
	if status != 0 || n != 0 {
		t.Errorf("explain: exit status %d and %d sockets, want 0 and none", status, n)
	}
	// The twin: without --offline the trusted root is asked for over TUF, and
	// the trace sees it.
	status, n = traceSockets(t, dir, bin, append(args, "--tuf-mirror", "http://127.0.0.1:1", "--tuf-root", filepath.Join(here, "internal/sigstore/trust/github.root.json"), fixture("artifact.txt"))...)
	if status == 0 || n == 0 {
		t.Errorf("verify with a mirror: exit status %d and %d sockets, want a failure and at least one", status, n)
	}
}

// keptVerdict judges the artifact of the fixtures, and returns the verdict file, with
// the input that was kept beside it.
func keptVerdict(t *testing.T, dir, bin string, fixture func(string) string) string {
	t.Helper()
	root, err := os.ReadFile(fixture("trusted_root.json"))
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("version: 1\nartifacts:\n  app:\n    subject: [\"**\"]\n    trust: {root: root.json, sha256: %x}\n"+
		"    built-by:\n      - issuer: https://token.actions.githubusercontent.com\n        repository: acme/widget\n"+
		"        repository-id: 1\n        workflow: .github/workflows/release.yml\n        refs: [refs/heads/main]\n"+
		"environments:\n  production:\n    requires:\n      provenance:\n", sha256.Sum256(root))
	for name, b := range map[string][]byte{"root.json": root, "policy.yaml": []byte(text)} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command(bin, "verify", "--offline", "--format", "json", "--policy", "policy.yaml", "--bundle", fixture("bundle.sigstore.json"),
		"--input", "input.json", fixture("artifact.txt"))
	c.Dir, c.Env = dir, []string{"HOME=" + dir}
	out, err := c.Output() // whatever the answer is, it is one
	if len(out) == 0 {
		t.Fatalf("verify with a policy gave no answer: %v", err)
	}
	verdict := filepath.Join(dir, "verdict.json")
	if err := os.WriteFile(verdict, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return verdict
}
