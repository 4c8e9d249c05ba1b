//go:build linux && amd64

package record_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/record"
	"golang.org/x/sys/unix"
)

// part names what the test program is when a command of a test is the test program again (parts_test.go).
const part = "RECORD_TEST_PART"

func TestMain(m *testing.M) {
	if status, is := record.Reexec(); is {
		os.Exit(status)
	}
	if what := os.Getenv("RECORD_TEST_WITHOUT"); what != "" {
		os.Exit(without(what, os.Args[2:]))
	}
	if does, is := parts[os.Getenv(part)]; is {
		os.Exit(does(os.Args[1:]))
	}
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "the tests of the recorder run as root, because they also record "+
			"ordinary users, mounts and setuid programs: "+
			"run make test as root, as in a container")
		os.Exit(1)
	}
	// Under nohup(1) and in the background of a shell, signals are ignored, and commands would inherit that.
	for _, s := range []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	status := m.Run()
	_ = os.RemoveAll(shared())
	os.Exit(status)
}

// shared is a directory that every user can read.
var shared = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "record-test")
	if err != nil {
		panic(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		panic(err)
	}
	return dir
})

// program is the test program where every user can execute it.
var program = sync.OnceValue(func() string {
	to := filepath.Join(shared(), "record.test")
	b, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(to, b, 0o755)
	}
	if err != nil {
		panic(err)
	}
	return to
})

// compiled is a C program.
func compiled(t *testing.T, source string, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	file, to := filepath.Join(dir, "probe.c"), filepath.Join(dir, "probe")
	write(t, file, source)
	c := exec.Command("gcc", append([]string{"-O1", "-pthread", "-o", to, file}, flags...)...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("gcc is needed, and compiled no probe: %v\n%s", err, out)
	}
	return to
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// ran is a command that was recorded.
type ran struct {
	*record.Result
	out string // what it wrote to both streams
}

// patience is longer than any command of a test takes.
const patience = 60 * time.Second

// run records a command, which must not hang.
func run(t *testing.T, o record.Options) ran {
	t.Helper()
	r, err := tried(t, o)
	if err != nil {
		t.Fatalf("%q was not run: %v\n%s", o.Command, err, r.out)
	}
	return r
}

// tried records a command that may not run to its end.
func tried(t *testing.T, o record.Options) (ran, error) {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	if o.Stdin == nil {
		o.Stdin = null
	}
	if o.Stdout == nil {
		o.Stdout = out
	}
	o.Stderr = out
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Env == nil {
		o.Env = os.Environ()
	}
	if o.Grace == 0 {
		o.Grace = 200 * time.Millisecond
	}
	type answer struct {
		result *record.Result
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		result, err := record.Run(o)
		done <- answer{result, err}
	}()
	select {
	case a := <-done:
		text, err := os.ReadFile(out.Name())
		if err != nil {
			t.Fatal(err)
		}
		return ran{a.result, string(text)}, a.err
	case <-time.After(patience):
		t.Fatalf("%q hangs", o.Command)
	}
	return ran{}, nil
}

// shell records a script of sh in a directory.
func shell(t *testing.T, dir, script string) ran {
	t.Helper()
	return run(t, record.Options{Command: []string{"/bin/sh", "-c", script}, Dir: dir})
}

// as records the test program as one of its parts.
func as(t *testing.T, o record.Options, name string, args ...string) ran {
	t.Helper()
	o.Command = append([]string{program(), name}, args...)
	o.Env = append(os.Environ(), part+"="+name)
	return run(t, o)
}

// file is what was recorded of a path.
func (r ran) file(t *testing.T, path string) record.File {
	t.Helper()
	for _, f := range r.Files {
		if f.Path == path {
			return f
		}
	}
	t.Fatalf("nothing is recorded of %s, of %d files\n%s", path, len(r.Files), r.out)
	return record.File{}
}

// has reports whether anything was recorded of a path.
func (r ran) has(path string) bool {
	return slices.ContainsFunc(r.Files, func(f record.File) bool { return f.Path == path })
}

func (r ran) executed(path string) *record.Program {
	for i := range r.Programs {
		if r.Programs[i].Path == path {
			return &r.Programs[i]
		}
	}
	return nil
}

// lists reports whether a list has a text that begins so.
func lists(all []string, begins string) bool {
	return slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, begins) })
}

// clean fails if anything is missing of what was to be watched.
func (r ran) clean(t *testing.T) {
	t.Helper()
	w := r.Watch
	if w.Method != "seccomp-notification" || w.Files != record.Observed || w.Processes != record.Observed {
		t.Errorf("watched by %q, files %q, processes %q, reason %q", w.Method, w.Files, w.Processes, w.Reason)
	}
	if w.Lost != 0 || w.Foreign != 0 || len(w.Around) != 0 || len(w.Delegated) != 0 || len(w.Outlived) != 0 {
		t.Errorf("lost %d, foreign %d, around %q, delegated %q, outlived %q", w.Lost, w.Foreign, w.Around, w.Delegated, w.Outlived)
	}
}

func TestRecord_what_an_ordinary_command_used(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "in"), "text\n")
	r := shell(t, dir, "cat in > out; cat missing 2>/dev/null; rm -f in.tmp; true")
	r.clean(t)
	if r.Exit != 0 || r.Signal != 0 || r.Ended.Before(r.Started) {
		t.Errorf("exit %d, signal %d, from %v to %v", r.Exit, r.Signal, r.Started, r.Ended)
	}
	in := r.file(t, filepath.Join(dir, "in"))
	if in.State != record.Certain || in.Use != record.Read || in.First != record.Read || in.Size != 5 {
		t.Errorf("in = %+v", in)
	}
	if out := r.file(t, filepath.Join(dir, "out")); out.State != record.Made || out.Use != record.Write || out.Digest != in.Digest {
		t.Errorf("out = %+v, want made with the digest of in", out)
	}
	if f := r.file(t, filepath.Join(dir, "missing")); f.State != record.Absent {
		t.Errorf("missing = %+v", f)
	}
	cat := r.executed(real(t, "/bin/cat"))
	if cat == nil || cat.Count != 2 || !slices.Equal(cat.Args, []string{"cat", "in"}) || cat.By != real(t, "/bin/sh") {
		t.Errorf("cat = %+v, of %+v", cat, r.Programs)
	}
}

// real is a path without links.
func real(t *testing.T, path string) string {
	t.Helper()
	p, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRecord_the_exit_status_is_the_commands(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"0", "1", "77", "255"} {
		if r := shell(t, "", "exit "+status); status != itoa(r.Exit) || r.Signal != 0 {
			t.Errorf("exit %s: got %d, signal %d", status, r.Exit, r.Signal)
		}
	}
	for name, number := range map[string]int{"TERM": 15, "KILL": 9, "SEGV": 11, "PIPE": 13, "INT": 2} {
		if r := shell(t, "", "ulimit -c 0; kill -"+name+" $$"); r.Exit != -1 || r.Signal != number {
			t.Errorf("%s: got exit %d, signal %d", name, r.Exit, r.Signal)
		}
	}
}

func TestRecord_a_command_that_cannot_be_executed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "text"), "no program")
	for name, missing := range map[string]bool{"no-such-program": true, "./no-such-file": true, "./text": false} {
		r := run(t, record.Options{Command: []string{name}, Dir: dir})
		if r.NotStarted == "" || r.Missing != missing || len(r.Files) > 0 {
			t.Errorf("%s: not started %q, missing %v, want %v", name, r.NotStarted, r.Missing, missing)
		}
	}
}

func TestRecord_stdin_passes_through(t *testing.T) {
	t.Parallel()
	in, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.WriteString(to, strings.Repeat("line\n", 50_000))
		_ = to.Close()
	}()
	r := run(t, record.Options{Command: []string{"wc", "-l"}, Stdin: in})
	_ = in.Close()
	if strings.TrimSpace(r.out) != "50000" {
		t.Errorf("wc -l says %q", r.out)
	}
}

func TestRecord_the_environment_is_as_given(t *testing.T) {
	t.Parallel()
	env := []string{"B=2", "A=1", "A=again", "EMPTY=", "noequals", "GODEBUG=x=y", "NEWLINE=a\nb"}
	r := run(t, record.Options{Command: []string{"/bin/cat", "/proc/self/environ"}, Env: env})
	if got := strings.Split(strings.TrimSuffix(r.out, "\x00"), "\x00"); !slices.Equal(got, env) {
		t.Errorf("got %q, want %q", got, env)
	}
	if r := run(t, record.Options{Command: []string{"/bin/cat", "/proc/self/environ"}, Env: []string{}}); r.out != "" {
		t.Errorf("an empty environment has %q", r.out)
	}
}

func TestRecord_descriptors_above_2_are_closed_for_the_command(t *testing.T) {
	t.Parallel()
	r := run(t, record.Options{Command: []string{"/bin/ls", "/proc/self/fd"}})
	if got := strings.Fields(r.out); !slices.Equal(got, []string{"0", "1", "2", "3"}) { // 3 is the directory itself
		t.Errorf("descriptors %q", got)
	}
}

func TestRecord_umask_limits_and_directory_are_kept(t *testing.T) {
	t.Parallel()
	const says = "umask; ulimit -a; pwd; id -u; id -G; cat /proc/self/oom_score_adj; grep -E '^(SigBlk|SigIgn|CapEff|Seccomp:)' /proc/self/status"
	dir := t.TempDir()
	bare := exec.Command("/bin/sh", "-c", says)
	bare.Dir = dir
	want, err := bare.CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	want = bytes.Replace(want, []byte("Seccomp:\t0"), []byte("Seccomp:\t2"), 1)
	if r := shell(t, dir, says); r.out != string(want) {
		t.Errorf("got\n%s\nwant\n%s", r.out, want)
	}
}
