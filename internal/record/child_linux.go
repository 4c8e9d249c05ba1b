//go:build linux && (amd64 || arm64)

package record

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The names by which this program is started again.
const (
	recorderName = "sallyport-recorder"
	childName    = "sallyport-recorded"
)

// Descriptor 3 of the first process is a socket to the recorder. It carries one message with the listener, and a
// text if the command was not executed.
const toRecorder = 3

// The first byte of a message to the recorder.
const (
	sentListener = 'L' // with the listener
	sentProblem  = 'P' // why the command is not watched or cut; the first process has ended
	sentMissing  = 'M' // a program of that name is not there
	sentFailed   = 'F' // the program could not be executed
)

// goOn is what the recorder says when the kernel keeps its memory and its descriptors from other processes.
const goOn = 'G'

// child is the first process of the command: it cuts, watches itself, and becomes the command.
// Its arguments are a word that says how, the name of the machine that the command sees, and the command. It returns
// only if it did not become the command.
func child(how, host string, command []string) {
	runtime.LockOSThread()
	if n, err := unix.Read(toRecorder, make([]byte, 1)); n != 1 || err != nil { // the recorder has ended
		return
	}
	m := become(how, host, command)
	_, _ = unix.Write(toRecorder, append([]byte{m.kind}, m.text...))
}

func become(how, host string, command []string) message {
	path, err := exec.LookPath(command[0])
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return notExecuted(command[0], err)
	}
	env := environment()
	if strings.Contains(how, inNetwork) {
		rename := func() error { return named(host) }
		for _, step := range []func() error{raiseLoopback, onlyLoopback, rename, dropCapabilities, refuseVsock} {
			if err := step(); err != nil {
				return message{kind: sentProblem, text: err.Error()}
			}
		}
	}
	if strings.Contains(how, withFilter) {
		if _, err := install(noInternetSockets(), 0); err != nil {
			return message{kind: sentProblem, text: "no filter of sockets: " + err.Error()}
		}
	}
	if strings.Contains(how, watchedOnly) {
		if problem := listen(how); problem != "" {
			return message{kind: sentProblem, text: problem}
		}
	}
	if err := unix.CloseRange(toRecorder, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil { // before Linux 5.11
		if err := closeEach(); err != nil {
			return message{kind: sentProblem, text: "descriptors cannot be closed: " + err.Error()}
		}
	}
	return notExecuted(command[0], unix.Exec(path, command, env))
}

// environment is that of this process as it was given: os.Environ leaves out what stands twice.
func environment() []string {
	b, err := os.ReadFile("/proc/self/environ")
	if err != nil {
		return os.Environ()
	}
	if len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}

// named gives the machine another name, in the namespace of this process.
func named(host string) error {
	if host == "" {
		return nil
	}
	return unix.Sethostname([]byte(host))
}

// notExecuted says why a program was not executed.
func notExecuted(name string, err error) message {
	kind := byte(sentFailed)
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		kind = sentMissing
	}
	var no *exec.Error
	if errors.As(err, &no) {
		err = no.Err
	}
	return message{kind: kind, text: fmt.Sprintf("%q: %v", name, err)}
}

// listen puts the watching filter on this process, and hands its listener to the recorder.
func listen(how string) (problem string) {
	p := watching(shared)
	if strings.Contains(how, inNetwork) {
		p = watching(nil)
	}
	hand, sent := handing()
	// Signals wait while a call is looked at: Go's own would interrupt it again and again (Linux 5.19).
	fd, err := install(p, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER|unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
	if errors.Is(err, unix.EINVAL) {
		fd, err = install(p, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER)
	}
	switch {
	case errors.Is(err, unix.EBUSY):
		return "another recorder watches already, and a process can have one"
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL):
		return "this kernel has no notifications of seccomp (Linux 5.0 has them)"
	case err != nil:
		return "the kernel refuses a filter of seccomp: " + err.Error()
	}
	hand <- fd
	if err := <-sent; err != nil {
		return "the recorder did not take its listener: " + err.Error()
	}
	return ""
}

// handing starts a thread that hands a descriptor to the recorder. The thread is without the filter: under it,
// sendmsg would wait for the recorder, which first has to get the descriptor.
func handing() (hand chan<- int, sent <-chan error) {
	in, out, ready := make(chan int), make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		close(ready)
		out <- unix.Sendmsg(toRecorder, []byte{sentListener}, unix.UnixRights(<-in), nil, 0)
	}()
	<-ready
	return in, out
}

// closeEach has each descriptor above 2 closed by execve.
func closeEach() error {
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range all {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd >= toRecorder {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}
