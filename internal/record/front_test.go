//go:build linux && amd64

package record_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport-dev/sallyport/internal/record"
)

// A front is a process that records a command: the test program, started by another program perhaps.
type front struct {
	*exec.Cmd
	out    *os.File
	answer string
}

// The words of what the part "front" is told by its environment.
const (
	frontOptions = "RECORD_TEST_OPTIONS"
	frontAnswer  = "RECORD_TEST_ANSWER"
)

type frontSays struct {
	Result *record.Result
	Error  string
}

func init() {
	parts["front"] = func([]string) int {
		o := record.Options{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
		if err := json.Unmarshal([]byte(os.Getenv(frontOptions)), &o); err != nil {
			fmt.Println(err)
			return 1
		}
		says := frontSays{}
		var err error
		if says.Result, err = record.Run(o); err != nil {
			says.Error = err.Error()
			for name, is := range map[string]error{"uncut: ": record.ErrUncut, "ended: ": record.ErrEnded} {
				if errors.Is(err, is) {
					says.Error = name + says.Error
				}
			}
		}
		b, _ := json.Marshal(says)
		if err := os.WriteFile(os.Getenv(frontAnswer), b, 0o600); err != nil {
			fmt.Println(err)
			return 1
		}
		return 0
	}
}

// newFront is a front that has not been started. by is what starts it, such as setpriv and its arguments.
func newFront(t *testing.T, o record.Options, by ...string) *front {
	t.Helper()
	dir := t.TempDir()
	for at := dir; at != os.TempDir(); at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if o.Dir == "" {
		o.Dir = dir
	}
	if o.Env == nil {
		o.Env = os.Environ()
	}
	if o.Grace == 0 {
		o.Grace = 200 * time.Millisecond
	}
	options, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.CreateTemp(dir, "out")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	words := append(slices.Clone(by), program(), "front")
	f := &front{exec.Command(words[0], words[1:]...), out, filepath.Join(dir, "answer")}
	f.Env = append(os.Environ(), part+"=front", frontOptions+"="+string(options), frontAnswer+"="+f.answer)
	f.Dir, f.Stdout, f.Stderr = dir, out, out
	return f
}

// wait is what the front says at its end, which must come.
func (f *front) wait(t *testing.T) (ran, string) {
	t.Helper()
	late := time.AfterFunc(patience, func() { _ = f.Process.Kill() })
	err := f.Wait()
	if !late.Stop() {
		t.Fatalf("%q hangs", f.Args)
	}
	out, _ := os.ReadFile(f.out.Name())
	says := frontSays{}
	b, err2 := os.ReadFile(f.answer)
	if err == nil && err2 == nil {
		err = json.Unmarshal(b, &says)
	}
	if err := errors.Join(err, err2); err != nil {
		t.Fatalf("%q: %v\n%s", f.Args, err, out)
	}
	if says.Result == nil {
		says.Result = &record.Result{}
	}
	return ran{says.Result, string(out)}, says.Error
}

// through records a command by a front that another program starts.
func through(t *testing.T, o record.Options, by ...string) ran {
	t.Helper()
	f := newFront(t, o, by...)
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	r, problem := f.wait(t)
	if problem != "" {
		t.Fatalf("not run: %s\n%s", problem, r.out)
	}
	return r
}

// asNobody starts a program as an ordinary user.
var asNobody = []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}

// children are the processes below another one, by their first argument.
func children(pid int) map[string]int {
	all := map[string]int{}
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	words := ""
	for _, file := range threads {
		b, _ := os.ReadFile(file)
		words += string(b)
	}
	for _, word := range strings.Fields(words) {
		child := atoi(word)
		line, _ := os.ReadFile("/proc/" + word + "/cmdline")
		name, _, _ := strings.Cut(string(line), "\x00")
		all[name] = child
		for n, p := range children(child) {
			all[n] = p
		}
	}
	return all
}

// below waits until a process has a descendant whose first argument is name.
func below(t *testing.T, pid int, name string) int {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if child, is := children(pid)[name]; is {
			return child
		}
	}
	t.Fatalf("no process %s below %d: %v", name, pid, children(pid))
	return 0
}

// lives reports whether a process has not ended. Its parent may not have noticed that.
func lives(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && len(b) > 0
}

// leaves fails if a process whose arguments hold a mark is left. One that was killed takes a while to end.
func leaves(t *testing.T, mark string) {
	t.Helper()
	left := func() (found []string) {
		all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, file := range all {
			b, _ := os.ReadFile(file)
			if strings.Contains(string(b), mark) && file != "/proc/"+strconv.Itoa(os.Getpid())+"/cmdline" {
				found = append(found, fmt.Sprintf("%s: %q", file, b))
			}
		}
		return found
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		found := left()
		if len(found) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Errorf("left: %q", found)
			return
		}
	}
}

const recorderName = "sallyport-recorder"

func TestRecord_a_killed_recorder_ends_the_command_and_is_told(t *testing.T) {
	t.Parallel()
	mark := "7411." + itoa(os.Getpid())
	f := newFront(t, record.Options{Command: []string{"/bin/sh", "-c", "setsid sleep " + mark + " & (trap '' TERM; sleep " + mark + ") & sleep " + mark}})
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	below(t, f.Process.Pid, "sleep")
	_ = unix.Kill(below(t, f.Process.Pid, recorderName), unix.SIGKILL)
	_, problem := f.wait(t)
	if want := "ended: the recorder ended before the command did: " +
		"signal: killed, and the command was ended"; !strings.HasPrefix(problem, want) {
		t.Errorf("got %q, want %q", problem, want)
	}
	leaves(t, mark)
}

func TestRecord_a_killed_recorder_ends_the_command_without_the_fronts_help(t *testing.T) {
	t.Parallel()
	mark := "7414." + itoa(os.Getpid())
	f := newFront(t, record.Options{Command: []string{"sleep", mark}})
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	command := below(t, f.Process.Pid, "sleep")
	recorder := below(t, f.Process.Pid, recorderName)
	_ = f.Process.Signal(unix.SIGSTOP)
	_ = unix.Kill(recorder, unix.SIGKILL)
	for end := time.Now().Add(10 * time.Second); lives(command) && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	leaves(t, mark)
	_ = f.Process.Signal(unix.SIGCONT)
	if _, problem := f.wait(t); problem == "" {
		t.Error("the front says nothing")
	}
}

func TestRecord_a_killed_front_ends_the_command(t *testing.T) {
	t.Parallel()
	mark := "7412." + itoa(os.Getpid())
	f := newFront(t, record.Options{Command: []string{"/bin/sh", "-c", "setsid sleep " + mark + " & (trap '' TERM; sleep " + mark + ") & sleep " + mark}})
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	recorder := below(t, f.Process.Pid, recorderName)
	below(t, f.Process.Pid, "sleep")
	_ = f.Process.Kill()
	_ = f.Wait()
	for end := time.Now().Add(10 * time.Second); lives(recorder); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the recorder goes on without its front")
		}
	}
	leaves(t, mark)
}

func TestRecord_a_signal_to_the_front_reaches_the_command(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{unix.SIGTERM, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2} {
		f := newFront(t, record.Options{Command: []string{"/bin/sh", "-c", fmt.Sprintf("trap 'echo got; exit 7' %d; echo ready; while :; do sleep 0.02; done", sig)}})
		f.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal sends it
		if err := f.Start(); err != nil {
			t.Fatal(err)
		}
		f.says(t, "ready")
		_ = f.Process.Signal(sig)
		if r, problem := f.wait(t); r.Exit != 7 || r.out != "ready\ngot\n" || problem != "" {
			t.Errorf("%v: exit %d, %q, %s", sig, r.Exit, r.out, problem)
		}
	}
}

// says waits until the command has written a text.
func (f *front) says(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if b, _ := os.ReadFile(f.out.Name()); strings.Contains(string(b), text) {
			return
		}
	}
	t.Fatalf("the command does not say %q", text)
}

func TestRecord_a_command_that_takes_longer_than_it_may_is_ended(t *testing.T) {
	t.Parallel()
	began := time.Now()
	r := run(t, record.Options{
		Patience: 200 * time.Millisecond, Grace: 200 * time.Millisecond, Command: []string{"sleep", "30"},
	})
	if r.Signal != int(unix.SIGTERM) || time.Since(began) > 20*time.Second {
		t.Errorf("exit %d, signal %d after %v, want it ended", r.Exit, r.Signal, time.Since(began))
	}
}

func TestRecord_a_signal_that_was_ignored_stays_ignored(t *testing.T) {
	t.Parallel()
	shows := []string{"grep", "SigIgn", "/proc/self/status"}
	ignoring := []string{"-c", `trap "" HUP INT; exec "$@"`, "sh"}
	// The test itself may be run with ignored signals.
	bare, err := exec.Command("/bin/sh", append(ignoring, shows...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimSpace(string(bare))
	bits, err := strconv.ParseUint(strings.TrimPrefix(want, "SigIgn:\t"), 16, 64)
	if err != nil || bits&3 != 3 {
		t.Fatalf("without the recorder: %q, want HUP and INT among the ignored", want)
	}
	r := through(t, record.Options{Command: shows}, append([]string{"/bin/sh"}, ignoring...)...)
	if got := strings.TrimSpace(r.out); got != want {
		t.Errorf("got %q, want %q as without the recorder", got, want)
	}
}

func TestRecord_an_ordinary_user_records(t *testing.T) {
	t.Parallel()
	r := through(t, record.Options{Command: []string{"/bin/sh", "-c", "id -u; cat /etc/hostname > out"}}, asNobody...)
	r.clean(t)
	if !strings.HasPrefix(r.out, "65534\n") || r.Watch.SameRoot || !r.Watch.NoNewPrivileges {
		t.Errorf("%q, %+v", r.out, r.Watch)
	}
	if f := r.file(t, real(t, "/etc/hostname")); f.State != record.Certain {
		t.Errorf("got %+v", f)
	}
}

// shut is a directory of an ordinary user's with a file in it, and another one that only root may search.
func shut(t *testing.T) (dir string) {
	t.Helper()
	dir = prepared(t, map[string]string{"own/f": "own", "shut/f": "shut", "shut/true": ""})
	for at := dir; at != os.TempDir(); at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(dir+"/shut/true", 0o755), os.Chmod(dir+"/shut", 0o700),
		os.Chown(dir+"/own/f", 65534, 65534), os.Chown(dir+"/own", 65534, 65534), os.Chmod(dir+"/own", 0)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestE16_a_path_that_an_ordinary_user_may_not_look_up_is_absent(t *testing.T) {
	t.Parallel()
	for _, cut := range []bool{false, true} {
		dir := shut(t)
		script := "cat shut/f; PATH=" + dir + "/shut:$PATH env true && echo RAN; cat own/f"
		r := through(t, record.Options{Command: []string{"/bin/sh", "-c", script}, Dir: dir, Cut: cut}, asNobody...)
		r.clean(t)
		for _, name := range []string{"shut/f", "shut/true", "own/f"} {
			if f := r.file(t, filepath.Join(dir, name)); f.State != record.Absent || f.Digest != "" {
				t.Errorf("cut %v: got %+v", cut, f)
			}
		}
		if p := r.executed(dir + "/shut/true"); p != nil || !strings.Contains(r.out, "RAN") {
			t.Errorf("cut %v: executed %+v; %s", cut, p, r.out)
		}
	}
}

func TestE16_a_path_that_may_be_looked_up_later_is_told_as_it_was_then(t *testing.T) {
	t.Parallel()
	dir := shut(t)
	r := through(t, record.Options{
		Command: []string{"/bin/sh", "-c", "cat own/f; chmod 755 own; cat own/f"}, Dir: dir,
	}, asNobody...)
	if f := r.file(t, dir+"/own/f"); f.State != record.Certain || f.Digest != digest("own") ||
		!strings.HasSuffix(r.out, "own") {
		t.Errorf("got %+v; %s", f, r.out)
	}
}

func TestE16_a_path_that_the_command_may_look_up_and_the_recorder_may_not_is_not_absent(t *testing.T) {
	t.Parallel()
	dir := shut(t)
	o := record.Options{Command: []string{program(), "own/f"}, Dir: dir, Env: append(os.Environ(), part+"=namespace")}
	r := through(t, o, asNobody...)
	if f := r.file(t, dir+"/own/f"); r.out != "own" || f.State != record.Unreadable {
		t.Errorf("got %+v; %s", f, r.out)
	}
}

func init() {
	// namespace reads a file by a process that is root in a namespace of its own.
	parts["namespace"] = func(args []string) int {
		c := exec.Command("/bin/cat", args[0])
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		one := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, UidMappings: one, GidMappings: one}
		if err := c.Run(); err != nil {
			fmt.Println(err)
			return 1
		}
		return 0
	}
}

func TestRecord_root_is_told_as_such(t *testing.T) {
	t.Parallel()
	if r := shell(t, "", "true"); !r.Watch.SameRoot || r.Watch.NoNewPrivileges {
		t.Errorf("got %+v", r.Watch)
	}
	if r := through(t, record.Options{Command: []string{"true"}}, "setpriv", "--no-new-privs"); !r.Watch.SameRoot || !r.Watch.NoNewPrivileges {
		t.Errorf("got %+v", r.Watch)
	}
}

func TestRecord_an_ordinary_user_reads_neither_the_environment_of_the_front_nor_of_the_recorder(t *testing.T) {
	t.Parallel()
	const script = `cat /proc/$PPID/environ && echo READ; front=$(grep PPid /proc/$PPID/status | cut -f 2); cat /proc/$front/environ && echo READ;
		cat /proc/$PPID/mem /proc/$front/mem && echo READ; true`
	for _, cut := range []bool{false, true} {
		r := through(t, record.Options{Command: []string{"/bin/sh", "-c", script}, Cut: cut}, asNobody...)
		if strings.Contains(r.out, "READ") || strings.Count(r.out, "Permission denied") != 4 {
			t.Errorf("cut %v: got %q", cut, r.out)
		}
		if !lists(r.Watch.Around, "/proc/PID/environ of a process outside, by /") || !lists(r.Watch.Around, "/proc/PID/mem of a process outside, by /") {
			t.Errorf("cut %v: around %q", cut, r.Watch.Around)
		}
	}
}

func TestE16_an_ordinary_user_who_goes_round_by_a_link_is_told(t *testing.T) {
	t.Parallel()
	r := through(t, record.Options{Command: []string{"/bin/sh", "-c", fmt.Sprintf("ln -s /proc/%d l; cat l/fd/0; cat l/root/etc/hostname; true", os.Getpid())}}, asNobody...)
	for _, member := range []string{"fd", "root"} {
		if want := "/proc/PID/" + member + " of a process outside, by "; !lists(r.Watch.Around, want) {
			t.Errorf("around %q, want %q", r.Watch.Around, want)
		}
	}
}

func TestRecord_the_recorder_has_no_environment_that_root_could_read(t *testing.T) {
	t.Parallel()
	r := shell(t, "", "wc -c < /proc/$PPID/environ; tr '\\0' ' ' < /proc/$PPID/cmdline")
	if r.out != "0\n"+recorderName+" " {
		t.Errorf("got %q", r.out)
	}
	if !lists(r.Watch.Around, "/proc/PID/environ of a process outside, by ") {
		t.Errorf("around %q", r.Watch.Around)
	}
}

func TestRecord_a_recorder_in_a_recorder_observes_nothing_and_says_why(t *testing.T) {
	t.Parallel()
	for _, cut := range []bool{false, true} {
		inner := newFront(t, record.Options{Command: []string{"cat", "/etc/hostname"}, Cut: cut})
		r := run(t, record.Options{Command: inner.Args, Env: inner.Env})
		r.clean(t)
		b, err := os.ReadFile(inner.answer)
		if err != nil {
			t.Fatal(err, r.out)
		}
		says := frontSays{}
		if err := json.Unmarshal(b, &says); err != nil || says.Result == nil {
			t.Fatal(err, says.Error)
		}
		w, network := says.Result.Watch, record.NotObserved
		if cut {
			network = record.Cut
		}
		if w.Method != "none" || w.Files != record.NotObserved || w.Processes != record.NotObserved || w.Network != network ||
			!strings.Contains(w.Reason, "another recorder watches already") {
			t.Errorf("got %+v", w)
		}
		if says.Result.Exit != 0 || !r.has(real(t, "/etc/hostname")) {
			t.Errorf("exit %d", says.Result.Exit)
		}
	}
}
