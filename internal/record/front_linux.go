//go:build linux && (amd64 || arm64)

package record

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Reexec is what a program calls first. If it was started as a recorder, or as the first process of a recorded
// command, it is that: is says so, and the program ends with the exit status.
func Reexec() (status int, is bool) {
	switch {
	case len(os.Args) == 1 && os.Args[0] == recorderName:
		return recording(), true
	case len(os.Args) > 3 && os.Args[0] == childName:
		child(os.Args[1], os.Args[2], os.Args[3:])
		return notRun, true
	}
	return 0, false
}

// notRun is the exit status of a recorder or a first process that did not do its part. Only the front sees it.
const notRun = 125

// Descriptors of the recorder: what it is told, and what it found.
const (
	fromFront = 3
	toFront   = 4
)

// Run runs a command and returns what it did. An error says that it was not run, or not to its end; every process of
// it has ended then.
func Run(o Options) (*Result, error) {
	told, tell, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	found, finds, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	// The command becomes this process's own if the recorder cannot end it.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, err
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passed(unix.SIGWINCH)...)
	defer func() {
		signal.Stop(signals)
		close(signals)
	}()
	p, err := os.StartProcess("/proc/self/exe", []string{recorderName}, &os.ProcAttr{
		Env: []string{}, Files: []*os.File{o.Stdin, o.Stdout, o.Stderr, told, finds}})
	_, _ = told.Close(), finds.Close()
	if err != nil {
		return nil, fmt.Errorf("starting the recorder: %w", fault.Cause(err))
	}
	awake := keepAwake(p)
	defer awake()
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) // the command cannot read this process's environment
	encoder := json.NewEncoder(tell)
	_ = encoder.Encode(o) // if the recorder does not read it, its answer is missing, which is told below
	go func() {
		for s := range signals {
			if !fromTerminal(s) {
				_ = encoder.Encode(int(s.(syscall.Signal)))
			}
		}
	}()
	said, err := hear(found)
	_ = found.Close()
	state, waited := p.Wait()
	_ = tell.Close()
	switch {
	case said.Error != "":
		if said.Uncut {
			return nil, fmt.Errorf("%w: %s", ErrUncut, said.Error)
		}
		return nil, errors.New(said.Error)
	case err == nil && said.Result != nil:
		return said.Result, nil
	}
	how := "it ended without a result"
	if waited == nil {
		how = state.String()
	}
	how += ", and the command was ended, because what it opens could not be recorded any more"
	if !killAll(os.Getpid(), nil, reaped) {
		how += "; some of its processes could not be ended"
	}
	return nil, fmt.Errorf("%w: %s", ErrEnded, how)
}

// An answer is what the recorder says at its end. The files follow it one by one, because they can be many.
type answer struct {
	Result *Result `json:"result"`
	Error  string  `json:"error"`
	Uncut  bool    `json:"uncut"` // the error is ErrUncut
	Files  int     `json:"files"`
}

// say writes an answer, and hear reads it.
func (a answer) say(out *os.File) error {
	files := []File{}
	if a.Result != nil {
		files, a.Result.Files = a.Result.Files, nil
	}
	a.Files = len(files)
	buffer := bufio.NewWriter(out)
	encoder := json.NewEncoder(buffer)
	if err := encoder.Encode(a); err != nil {
		return err
	}
	for i := range files {
		if err := encoder.Encode(&files[i]); err != nil {
			return err
		}
	}
	return buffer.Flush()
}

func hear(in *os.File) (a answer, err error) {
	decoder := json.NewDecoder(in)
	if err := decoder.Decode(&a); err != nil || a.Files == 0 || a.Result == nil {
		return a, err
	}
	a.Result.Files = make([]File, min(a.Files, maxFiles))
	for i := range a.Result.Files {
		if err := decoder.Decode(&a.Result.Files[i]); err != nil {
			return a, err
		}
	}
	return a, nil
}

// keepAwake continues a recorder that a process of the command has stopped: the watched calls of the command wait for
// the recorder. While this process is stopped itself, as by a terminal, the recorder stays so. The function ends it.
func keepAwake(recorder *os.Process) (end func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for !within(time.Second, over) {
			if s, ok := statusOf(recorder.Pid); ok && s.stopped {
				_ = recorder.Signal(unix.SIGCONT)
			}
		}
	}()
	return func() {
		close(over)
		<-ended
	}
}

// passed are the signals that reach the command through this process. A signal that this process was told to
// ignore stays ignored, in the command too (nohup(1)).
func passed(more ...os.Signal) (all []os.Signal) {
	for _, s := range append(more, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2) {
		if !signal.Ignored(s) {
			all = append(all, s)
		}
	}
	return all
}

// reaped takes what has ended of a command whose recorder has ended, and reports whether that was all.
func reaped() bool {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if errors.Is(err, unix.ECHILD) {
			return true
		}
		if pid <= 0 {
			time.Sleep(pause)
			return len(descendants(os.Getpid())) == 0
		}
	}
}

// Kernel is the release of the running kernel (uname(2)).
func Kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// fromTerminal reports whether a terminal sent a signal: then every process of the command has it already.
func fromTerminal(s os.Signal) bool {
	if s != unix.SIGINT && s != unix.SIGQUIT && s != unix.SIGWINCH {
		return false
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer func() { _ = tty.Close() }()
	front, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && front == unix.Getpgrp()
}

// recording is the recorder: it reads what to run, runs it and says what it found.
func recording() int {
	runtime.LockOSThread() // the command ends with the thread that started it
	unix.CloseOnExec(fromFront)
	unix.CloseOnExec(toFront)
	signal.Notify(make(chan os.Signal, 1), passed(unix.SIGPIPE)...) // the front passes them to the command
	in, out := json.NewDecoder(os.NewFile(fromFront, "front")), os.NewFile(toFront, "front")
	runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0))) // one waits for calls, and another serves the rest
	debug.SetGCPercent(400)                           // what is kept grows, and little of it is garbage
	debug.SetMemoryLimit(2 * maxBytes)                // above it, garbage is collected more often
	r, err := newRecorder()
	if err != nil || in.Decode(&r.options) != nil {
		return notRun
	}
	go r.forward(in)
	said := answer{}
	if err := r.run(); err != nil {
		said.Error, said.Uncut = err.Error(), r.options.Cut && errors.As(err, new(noWay))
	} else {
		r.settle()
		said.Result = &r.result
	}
	if said.say(out) != nil {
		return notRun
	}
	return 0
}

// forward sends on the signals that the front names, and notices when the front has ended.
func (r *recorder) forward(in *json.Decoder) {
	for {
		var s int
		if err := in.Decode(&s); err != nil {
			close(r.alone)
			return
		}
		<-r.started
		if pid := r.leading.Load(); pid > 0 {
			_ = unix.Kill(int(pid), syscall.Signal(s))
		}
	}
}
