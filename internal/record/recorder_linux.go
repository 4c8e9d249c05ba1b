//go:build linux && (amd64 || arm64)

package record

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// The structs of seccomp_unotify(2).
type (
	notification struct {
		id    uint64
		pid   uint32
		flags uint32
		nr    int32
		arch  uint32
		_     uint64 // instruction pointer
		args  [6]uint64
	}
	response struct {
		id    uint64
		value int64
		err   int32
		flags uint32
	}
)

// SECCOMP_IOCTL_NOTIF_SET_FLAGS (linux/seccomp.h, Linux 6.6).
const setFlags = 0x40082104

func ioctl(fd int, request, arg uintptr) error {
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, arg); e != 0 {
		return e
	}
	return nil
}

// recorder watches one command.
type recorder struct {
	options  Options
	result   Result
	listener int // -1: nothing is watched
	lead     int // the first process of the command

	names   map[string]int // what was opened, as it was said, to its place in files; -1: nothing is kept of it
	paths   map[string]int // the same, with links resolved
	files   []seen
	procs   map[string]int
	conns   map[string]int
	around  map[string]bool
	through map[string]bool // sockets of programs outside
	own     map[string]bool // sockets and ports at which the command itself listens
	careful bool            // a process may see other paths than the recorder

	later   chan message // what the first process says once it is watched
	mu      sync.Mutex   // of what finish writes
	leading atomic.Int64 // lead, for the goroutine that forwards signals
	buf     [maxPath]byte
	self    int
}

// run starts the command, watches it, and waits until nothing of it is left.
func (r *recorder) run() error {
	// What the command's processes leave behind becomes a child of this process.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	if r.options.Umask != 0 {
		unix.Umask(r.options.Umask) // the recorder makes no files
	}
	r.self = os.Getpid()
	r.result.Started = time.Now()
	r.names, r.paths = map[string]int{}, map[string]int{}
	r.procs, r.conns = map[string]int{}, map[string]int{}
	r.around, r.through, r.own = map[string]bool{}, map[string]bool{}, map[string]bool{}
	r.result.Watch = Watch{Method: "seccomp-notification", Files: Observed, Processes: Observed, Network: Observed, SameRoot: os.Geteuid() == 0}
	if r.options.Cut {
		r.result.Watch.Network = Cut
	}
	if err := r.start(); err != nil || r.result.NotStarted != "" {
		return err
	}
	r.await()
	r.result.Watch.Around, r.result.Watch.Delegated = sorted(r.around), sorted(r.through)
	return nil
}

func sorted(set map[string]bool) []string {
	all := []string{}
	for s := range set {
		all = append(all, s)
	}
	slices.Sort(all)
	return all
}

// start starts the command in the best way that works: with a namespace if the network is cut, else with a
// filter of sockets; watched, else not.
func (r *recorder) start() error {
	ways := []string{"w", ""}
	if r.options.Cut {
		ways = []string{"nw", "sw", "n", "s"}
	}
	var first, last string
	for _, how := range ways {
		problem, err := r.try(how)
		if err != nil || problem == "" {
			if err == nil && how != ways[0] {
				r.lesser(how, first, last)
			}
			return err
		}
		if first == "" {
			first = problem
		}
		last = problem
	}
	return errors.New(last)
}

// lesser says what is missing of what was asked for.
func (r *recorder) lesser(how, first, last string) {
	w := &r.result.Watch
	switch how {
	case "sw":
		w.Reason = "no namespace: " + first
		return
	case "", "n", "s":
		w.Method, w.Files, w.Processes = "none", NotObserved, NotObserved
		if w.Network == Observed {
			w.Network = NotObserved
		}
		w.Reason = last
	}
}

// try starts the command in one way. problem says why that way does not work here.
func (r *recorder) try(how string) (problem string, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	theirs := os.NewFile(uintptr(pair[1]), "recorded")
	namespace := strings.Contains(how, "n")
	sys := &syscall.SysProcAttr{}
	if namespace {
		sys = inNamespace(&r.options)
	}
	sys.Pdeathsig = unix.SIGKILL // of the thread that starts it, which is locked
	p, err := os.StartProcess("/proc/self/exe", append([]string{childName, how, r.options.Host}, r.options.Command...), &os.ProcAttr{
		Dir: r.options.Dir, Env: r.options.Env, Sys: sys, Files: []*os.File{os.Stdin, os.Stdout, os.Stderr, theirs}})
	_ = theirs.Close()
	if err != nil {
		_ = unix.Close(pair[0])
		if namespace {
			return "the kernel refuses a user namespace with a network of its own: " + fault.Cause(err).Error(), nil
		}
		return "", fmt.Errorf("starting the first process of the command: %w", err)
	}
	r.lead, r.listener = p.Pid, -1
	r.leading.Store(int64(p.Pid))
	_ = p.Release()
	switch {
	case namespace:
		r.result.Watch.CutBy = ByNamespace
	case strings.Contains(how, "s"):
		r.result.Watch.CutBy = BySocketFilter
	}
	m := receive(pair[0])
	switch m.kind {
	case sentListener:
		r.listener, r.result.Watch.NoNewPrivileges = m.fd, m.text == "1"
		_ = ioctl(m.fd, setFlags, unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) // an older kernel has no such flag
		go func() { r.later <- receive(pair[0]) }()
		return "", nil
	case becameCommand:
		r.later <- m
		if strings.Contains(how, "w") {
			return "", errors.New("the first process of the command ended before it was watched")
		}
		return "", nil
	}
	_, _ = unix.Wait4(r.lead, nil, 0, nil)
	if m.kind == sentProblem {
		return m.text, nil
	}
	r.refused(m)
	return "", nil
}

// refused keeps why the command was not executed.
func (r *recorder) refused(m message) {
	if m.kind == sentMissing || m.kind == sentFailed {
		r.result.NotStarted, r.result.Missing = m.text, m.kind == sentMissing
	}
}

// A message is what the first process says. Its kind is becameCommand once it is the command: then its socket
// was closed.
type message struct {
	kind byte
	text string
	fd   int
}

const becameCommand = 0

func receive(socket int) message {
	b, rights := make([]byte, 8192), make([]byte, unix.CmsgSpace(4))
	for {
		n, of, _, _, err := unix.Recvmsg(socket, b, rights, unix.MSG_CMSG_CLOEXEC)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			_ = unix.Close(socket)
			return message{}
		}
		m := message{kind: b[0], text: string(b[1:n]), fd: -1}
		if messages, err := unix.ParseSocketControlMessage(rights[:of]); err == nil && len(messages) == 1 {
			if fds, err := unix.ParseUnixRights(&messages[0]); err == nil && len(fds) == 1 {
				m.fd = fds[0]
			}
		}
		return m
	}
}

// await serves the command until the last process of it has gone.
func (r *recorder) await() {
	ended, gone := make(chan struct{}), make(chan struct{})
	go r.reap(ended, gone)
	go r.finish(ended, gone)
	if r.listener >= 0 {
		r.serve()
	}
	<-gone
	r.refused(<-r.later)
}

// reap takes the exit status of each process that becomes a child of the recorder: ended is closed when the lead has
// ended, and gone when there is no process left.
func (r *recorder) reap(ended, gone chan struct{}) {
	defer close(gone)
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil: // ECHILD
			return
		case pid == r.lead:
			r.result.Ended = time.Now()
			r.result.Exit = status.ExitStatus()
			if status.Signaled() {
				r.result.Signal = int(status.Signal())
			}
			close(ended)
		}
	}
}

// finish ends what outlives the command: it waits a little, asks it to end, and then ends it.
func (r *recorder) finish(ended, gone chan struct{}) {
	select {
	case <-ended:
	case <-gone:
		return
	}
	grace := r.options.Grace
	if grace == 0 {
		grace = time.Second
	}
	outlived := map[string]bool{}
	for _, sig := range []unix.Signal{0, unix.SIGTERM, unix.SIGKILL, unix.SIGKILL, unix.SIGKILL, unix.SIGKILL} {
		for _, p := range r.descendants() {
			if sig != 0 {
				outlived[p.name] = true
				_ = unix.Kill(p.pid, sig)
			}
		}
		select {
		case <-gone:
			r.mu.Lock()
			r.result.Watch.Outlived = sorted(outlived)
			r.mu.Unlock()
			return
		case <-time.After(grace):
		}
	}
}

// serve answers each watched call: it is looked at, and goes on.
func (r *recorder) serve() {
	var n notification
	polled := []unix.PollFd{{Fd: int32(r.listener), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(polled, -1); err != nil {
			if errors.Is(err, unix.EINTR) {
				continue
			}
			return
		}
		if polled[0].Revents&unix.POLLIN == 0 {
			if polled[0].Revents != 0 { // the last process has gone
				return
			}
			continue
		}
		n = notification{}
		if ioctl(r.listener, unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n))) != nil {
			continue // its caller died, or a signal came
		}
		reply := response{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		r.result.Watch.Events++
		if n.arch != auditArch || foreignNr != 0 && uint32(n.nr)&foreignNr != 0 {
			r.result.Watch.Foreign++
			if uint32(n.nr)&^foreignNr == ioUring {
				reply.flags, reply.err = 0, -int32(unix.ENOSYS)
			}
		} else {
			r.look(&n)
		}
		_ = ioctl(r.listener, unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&reply))) // its caller may have died
	}
}

// alive reports whether the process whose call waits is still the one that made it.
func (r *recorder) alive(n *notification) bool {
	return ioctl(r.listener, unix.SECCOMP_IOCTL_NOTIF_ID_VALID, uintptr(unsafe.Pointer(&n.id))) == nil
}
