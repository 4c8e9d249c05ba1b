//go:build linux && (amd64 || arm64)

package record

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
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

// await returns when there is something to do. Go's scheduler is not told that it waits: calls follow each other so
// closely that taking the processor away and giving it back cost as much as the look. What else runs has another one,
// and a collection of garbage interrupts the wait by its signal.
func await(polled []unix.PollFd) error {
	first := unsafe.Pointer(&polled[0]) //nolint:gosec // the kernel is given structs
	if _, _, e := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(first), uintptr(len(polled)), 0, 0, 0, 0); e != 0 {
		return e
	}
	return nil
}

// control calls the listener, or another descriptor, with a struct.
func control(fd int, request uintptr, with unsafe.Pointer) error {
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(with)); e != 0 {
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
	self     int

	names   map[string]known // what was said, to what it led to
	paths   map[string]int   // the same, with links resolved, to its place in files
	files   []seen
	epoch   uint32           // how often a link was made
	origins map[being]origin // of what got another name
	below   map[string][]int // what came into a directory, by that, to its place in files
	began   int64            // the tick in which the command began
	bytes   int              // of the names that are kept
	procs   map[string]int
	conns   map[string]int
	around  map[string]bool
	through map[string]bool // sockets of programs outside
	careful bool            // a process may see other files than the recorder
	hashed  sync.Map        // of files that only a process of the command sees, by identity

	own        map[string]bool    // abstract sockets at which the command itself listens
	ownFiles   map[[2]uint64]bool // the same of sockets with a file, by that
	ownSockets map[uint64]bool    // the same of the internet, by inode; the others are looked for

	buf, base [maxPath]byte
	whole     []byte

	later   chan message  // what the first process says once it is watched
	stop    [2]int        // a pipe that ends serve
	ended   chan struct{} // the lead has ended
	gone    chan struct{} // no process of the command is left
	alone   chan struct{} // the front has ended
	started chan struct{} // there is a lead
	leading atomic.Int64  // lead, for the goroutine that forwards signals
}

func newRecorder() (*recorder, error) {
	r := &recorder{
		listener: -1, self: os.Getpid(), names: map[string]known{}, paths: map[string]int{},
		origins: map[being]origin{}, below: map[string][]int{},
		procs: map[string]int{}, conns: map[string]int{},
		around: map[string]bool{}, through: map[string]bool{},
		own: map[string]bool{}, ownFiles: map[[2]uint64]bool{}, ownSockets: map[uint64]bool{},
		later: make(chan message, 1), ended: make(chan struct{}), gone: make(chan struct{}), alone: make(chan struct{}),
		started: make(chan struct{}),
	}
	return r, unix.Pipe2(r.stop[:], unix.O_CLOEXEC)
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
	r.result.Started, r.began = time.Now(), tick()
	r.result.Watch = Watch{Method: "seccomp-notification", Files: Observed, Processes: Observed, Network: Observed,
		Delegated: []string{}, Around: []string{}, Outlived: []string{}, SameRoot: os.Geteuid() == 0}
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
// filter of sockets; watched, else not. No way without a cut is tried where one was asked for.
func (r *recorder) start() error {
	ways := []string{watchedOnly, unwatched}
	if r.options.Cut {
		ways = []string{inNetwork + watchedOnly, withFilter + watchedOnly, inNetwork, withFilter}
	}
	problems := map[string]string{}
	for _, how := range ways {
		problem, err := r.try(how)
		if err != nil {
			return err
		}
		if problem == "" {
			r.lesser(how, problems)
			return nil
		}
		problems[how] = problem
	}
	last := problems[ways[len(ways)-1]]
	if first := problems[ways[0]]; first != last {
		last = first + "; " + last
	}
	return noWay(last)
}

// noWay says why the command could not be started in any way that was allowed.
type noWay string

func (n noWay) Error() string { return string(n) }

// The letters of a way in which the first process starts.
const (
	watchedOnly = "w"
	inNetwork   = "n" // in a network namespace
	withFilter  = "s" // without sockets of the internet
	unwatched   = ""
)

// lesser says what is missing of what was asked for, and why.
func (r *recorder) lesser(how string, problems map[string]string) {
	w := &r.result.Watch
	switch {
	case strings.Contains(how, inNetwork):
		w.CutBy = ByNamespace
	case strings.Contains(how, withFilter):
		w.CutBy = BySocketFilter
		w.Reason = "no namespace: " + problems[inNetwork+watchedOnly]
	}
	if strings.Contains(how, watchedOnly) {
		return
	}
	w.Method, w.Files, w.Processes, w.Reason = "none", NotObserved, NotObserved, problems[how+watchedOnly]
	if w.Network == Observed {
		w.Network = NotObserved
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
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) // else an ordinary user may not map the numbers of a namespace
	sys.Pdeathsig = unix.SIGKILL                     // of the thread that starts it, which is locked
	p, err := os.StartProcess(
		"/proc/self/exe",
		append([]string{childName, how, r.options.Host}, r.options.Command...),
		&os.ProcAttr{
			Dir: r.options.Dir, Env: r.options.Env, Sys: sys,
			Files: []*os.File{os.Stdin, os.Stdout, os.Stderr, theirs},
		},
	)
	_ = theirs.Close()
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) // no process of the command reads or changes the recorder
	if err != nil {
		_ = unix.Close(pair[0])
		if namespace {
			return "the kernel refuses a user namespace with a network of its own: " + fault.Cause(err).Error(), nil
		}
		return "", fmt.Errorf("starting the first process of the command: %w", err)
	}
	r.lead, r.listener = p.Pid, -1
	if r.leading.Swap(int64(p.Pid)) == 0 {
		close(r.started)
	}
	_ = p.Release()
	if _, err := unix.Write(pair[0], []byte{goOn}); err != nil {
		return "", fmt.Errorf("the first process of the command ended before the command: %w", err)
	}
	m := receive(pair[0])
	r.result.Watch.NoNewPrivileges = narrowed(r.lead)
	switch m.kind {
	case sentListener:
		r.listener = m.fd
		_ = unix.IoctlSetInt(m.fd, setFlags, unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) // Linux 6.6
		go func() { r.later <- receive(pair[0]) }()
		return "", nil
	case becameCommand:
		r.later <- m
		if strings.Contains(how, watchedOnly) {
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

// narrowed reports whether a process has given up new privileges, or had before.
func narrowed(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	return err == nil && number(b, "\nNoNewPrivs:\t") == 1
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
	over := make(chan bool, 1)
	go r.reap()
	go func() {
		over <- r.finish()
		_ = unix.Close(r.stop[1])
	}()
	served := make(chan struct{})
	go func() { // a goroutine with a thread of its own, as the caller is, would wake slowly
		defer close(served)
		if r.listener >= 0 {
			r.serve()
			_ = unix.Close(r.listener) // a call that waits fails, and does not wait any longer
		}
	}()
	<-served
	if <-over {
		r.refused(<-r.later)
	}
}

// reap takes the exit status of each process that becomes a child of the recorder.
func (r *recorder) reap() {
	defer close(r.gone)
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil: // ECHILD
			return
		case pid == r.lead:
			r.leading.Store(-1)
			r.result.Ended = time.Now()
			r.result.Exit = status.ExitStatus()
			if status.Signaled() {
				r.result.Signal = int(status.Signal())
			}
			close(r.ended)
		}
	}
}

// finish ends what outlives the command, or the front: it waits a little, asks it to end, and then ends it. It says
// whether no process is left.
func (r *recorder) finish() bool {
	grace := r.options.Grace
	if grace == 0 {
		grace = time.Second
	}
	var late <-chan time.Time
	if r.options.Patience > 0 {
		late = time.After(r.options.Patience)
	}
	select {
	case <-r.gone:
		return true
	case <-r.alone:
	case <-late:
	case <-r.ended:
		if within(grace, r.gone) {
			return true
		}
	}
	names := map[string]bool{}
	defer func() { r.result.Watch.Outlived = sorted(names) }()
	signalAll(r.self, unix.SIGTERM, names)
	return within(grace, r.gone) || killAll(r.self, names, func() bool { return within(pause, r.gone) })
}

func within(d time.Duration, c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-time.After(d):
		return false
	}
}

// serve answers each watched call: it is looked at, and goes on.
func (r *recorder) serve() {
	var n notification
	polled := []unix.PollFd{{Fd: int32(r.listener), Events: unix.POLLIN}, {Fd: int32(r.stop[0])}}
	for {
		if err := await(polled); err != nil {
			if errors.Is(err, unix.EINTR) {
				continue
			}
			return
		}
		if polled[0].Revents&unix.POLLIN == 0 {
			if polled[0].Revents != 0 || polled[1].Revents != 0 { // the last process has gone, or cannot be ended
				return
			}
			continue
		}
		n = notification{}
		at := unsafe.Pointer(&n) //nolint:gosec // the kernel is given a struct
		if control(r.listener, unix.SECCOMP_IOCTL_NOTIF_RECV, at) != nil {
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
		at = unsafe.Pointer(&reply)                                //nolint:gosec // the kernel is given a struct
		_ = control(r.listener, unix.SECCOMP_IOCTL_NOTIF_SEND, at) // its caller may have died
	}
}

// alive reports whether the process whose call waits is still the one that made it.
func (r *recorder) alive(n *notification) bool {
	at := unsafe.Pointer(&n.id) //nolint:gosec // the kernel is given a struct
	return control(r.listener, unix.SECCOMP_IOCTL_NOTIF_ID_VALID, at) == nil
}
