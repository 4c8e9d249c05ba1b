//go:build linux && (amd64 || arm64)

package record

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The most that is kept. What is more is counted as lost.
const (
	maxFiles       = 1_000_000
	maxPrograms    = 20_000
	maxConnections = 5_000
	maxAround      = 200
	maxBytes       = 256 << 20 // of all names
)

// room reports whether a name of so many bytes can be kept as well, and takes the room.
func (r *recorder) room(bytes int) bool {
	if r.bytes+bytes > maxBytes {
		return false
	}
	r.bytes += bytes
	return true
}

// look reads the arguments of one watched call.
func (r *recorder) look(n *notification) {
	a := n.args
	here := unix.AT_FDCWD
	switch uint32(n.nr) {
	case unix.SYS_OPENAT:
		r.opened(n, int(int32(a[0])), a[1], a[2])
	case sysOpen:
		r.opened(n, here, a[0], a[1])
	case sysCreat:
		r.opened(n, here, a[0], unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC)
	case unix.SYS_OPENAT2:
		if flags, ok := word(int(n.pid), a[2]); ok { // the first member of struct open_how
			r.opened(n, int(int32(a[0])), a[1], flags)
		} else {
			r.lost(n, a[2])
		}
	case sysRename, sysLink:
		r.moved(n, move{from: here, old: a[0], to: here, name: a[1]})
	case unix.SYS_RENAMEAT:
		r.moved(n, move{from: int(int32(a[0])), old: a[1], to: int(int32(a[2])), name: a[3]})
	case unix.SYS_RENAMEAT2:
		r.moved(n, move{from: int(int32(a[0])), old: a[1], to: int(int32(a[2])), name: a[3],
			exchange: a[4]&unix.RENAME_EXCHANGE != 0})
	case unix.SYS_LINKAT:
		r.moved(n, move{from: int(int32(a[0])), old: a[1], to: int(int32(a[2])), name: a[3],
			follow: a[4]&unix.AT_SYMLINK_FOLLOW != 0, itself: a[4]&unix.AT_EMPTY_PATH != 0})
	case sysSymlink, unix.SYS_SYMLINKAT:
		r.epoch++
	case unix.SYS_EXECVE:
		r.executed(n, here, a[0], a[1], 0)
	case unix.SYS_EXECVEAT:
		r.executed(n, int(int32(a[0])), a[1], a[2], a[4])
	default:
		r.other(n)
	}
}

// other looks at the calls that open nothing.
func (r *recorder) other(n *notification) {
	a := n.args
	switch uint32(n.nr) {
	case unix.SYS_CONNECT:
		r.connected(n, int(int32(a[0])), a[1], int(int32(a[2])))
	case unix.SYS_SENDTO:
		r.connected(n, int(int32(a[0])), a[4], int(int32(a[5])))
	case unix.SYS_SENDMSG:
		r.sent(n, int(int32(a[0])), a[1], 1)
	case unix.SYS_SENDMMSG:
		r.sent(n, int(int32(a[0])), a[1], min(a[2]&0xffffffff, maxMessages))
	case unix.SYS_CHROOT, unix.SYS_PIVOT_ROOT, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_MOVE_MOUNT,
		unix.SYS_UMOUNT2, unix.SYS_OPEN_TREE, unix.SYS_FSMOUNT:
		r.careful = true
		if r.mountsHere(n) {
			r.goesAround("a mount in the machine's own namespace", n)
		}
	default:
		r.roundabout(n)
	}
}

// mountsHere reports whether a call puts other files into the place of those that the recorder itself sees. In a
// namespace of its own, a process sees other files than the recorder, which is told of each file.
func (r *recorder) mountsHere(n *notification) bool {
	// These change where mounts are passed on to.
	const passes = unix.MS_PRIVATE | unix.MS_SLAVE | unix.MS_SHARED | unix.MS_UNBINDABLE
	switch uint32(n.nr) {
	case unix.SYS_MOUNT:
		if n.args[3]&passes != 0 {
			return false
		}
	case unix.SYS_MOVE_MOUNT, unix.SYS_PIVOT_ROOT:
	default:
		return false
	}
	theirs, err1 := os.Readlink("/proc/" + strconv.Itoa(int(n.pid)) + "/ns/mnt")
	ours, err2 := os.Readlink("/proc/self/ns/mnt")
	return err1 != nil || err2 != nil || theirs == ours
}

// ofKernel says what of the kernel's own a file is, by which a program can have it do something out of sight; "" if
// it is none. A setting is one only if it is written.
func ofKernel(f *found, use Use) string {
	switch {
	case slices.Contains([]string{"/dev/net/tun", "/dev/mem", "/dev/kmem", "/dev/port", "/dev/fuse"}, f.path):
		return f.path
	case f.was != nil && f.was.block:
		return "a block device"
	case use&Write != 0 && (strings.HasPrefix(f.path, "/proc/sys/") || strings.HasPrefix(f.path, "/sys/kernel/") ||
		f.path == "/proc/sysrq-trigger"):
		return "a setting of the kernel, " + f.path
	}
	return ""
}

// isSetting reports whether a path is of what ofKernel says something if it is written: then how it is opened counts
// each time.
func isSetting(path string) bool {
	return strings.HasPrefix(path, "/proc/sys") || strings.HasPrefix(path, "/sys/kernel/")
}

// lost counts a call whose arguments cannot be read, unless the kernel cannot read them either, or its caller has
// gone: then nothing comes of it.
func (r *recorder) lost(n *notification, addr uint64) {
	if r.alive(n) && mapped(int(n.pid), addr) {
		r.result.Watch.Lost++
	}
}

// opened keeps a file that is opened with the flags of open(2).
func (r *recorder) opened(n *notification, dir int, addr, flags uint64) {
	use := Read
	switch {
	case flags&unix.O_DIRECTORY != 0: // it has no content, and with O_TMPFILE the file has no name
		return
	case flags&unix.O_PATH != 0: // it can be opened again by /proc/self/fd
	case flags&unix.O_ACCMODE == unix.O_RDWR:
		use = Read | Write
	case flags&unix.O_ACCMODE != unix.O_RDONLY, flags&(unix.O_CREAT|unix.O_TRUNC) == unix.O_CREAT|unix.O_TRUNC:
		use = Write
	}
	if use&Write != 0 && flags&unix.O_TRUNC != 0 {
		use |= emptied
	}
	r.file(n, dir, addr, Use(use))
}

// A known is what a text that processes said led to. A text that is itself the path of a file is not kept a second
// time: its file says it.
type known struct {
	file  int    // its place in files; -1: nothing is kept of it
	epoch uint32 // before the next link was made
	plain bool   // it leads through no link
	is    identity
	there bool
}

// still reports whether a text leads to the same file as before. A link can have been removed, which is not watched.
func (k *known) still(whole []byte) bool {
	if k.plain {
		return true
	}
	var st unix.Stat_t
	if unix.Stat(string(whole), &st) != nil {
		return !k.there
	}
	return k.there && k.is.sameFile(identityOf(&st))
}

// file keeps the path at addr.
func (r *recorder) file(n *notification, dir int, addr uint64, use Use) {
	said, whole, ok := r.asked(n, dir, addr)
	if !ok || len(said) == 0 { // the kernel opens no path without a name
		return
	}
	if i, is := r.paths[string(whole)]; is && !r.careful && r.files[i].plain == r.epoch+1 {
		r.files[i].use |= use
		return
	}
	if k, is := r.names[string(whole)]; is && !r.careful && k.epoch == r.epoch && k.still(whole) {
		if k.file >= 0 {
			r.files[k.file].use |= use
		}
		return
	}
	if !r.alive(n) {
		return // another process has its number, and nothing of it is known
	}
	q := question{pid: int(n.pid), dir: dir, text: string(said), whole: string(whole), last: true}
	f := r.answer(q)
	r.passed(n, &f)
	if f.was != nil && f.was.fifo && r.earlier(&f) {
		r.through["fifo:"+f.path] = true
	}
	if f.queue {
		r.goesAround("a message queue by its file", n)
	}
	if what := ofKernel(&f, use); what != "" {
		r.goesAround(what, n)
	}
	i := -1
	if f.was == nil || f.was.regular || f.state != "" {
		i = r.keep(&f, use)
	}
	r.remember(&q, &f, i)
}

// earlier reports whether a pipe with a name was there before the command, so that a program outside can hold its
// other end.
func (r *recorder) earlier(f *found) bool {
	at := f.born
	if at == 0 {
		at = f.was.ctime
	}
	return at <= r.began && strings.HasPrefix(f.path, "/") // other pipes have no name
}

// remember keeps what a text led to, if it leads every process there.
func (r *recorder) remember(q *question, f *found, i int) {
	if r.careful || f.varies || isSetting(f.path) {
		return
	}
	if i >= 0 && f.path == q.whole {
		r.files[i].plain = r.epoch + 1
		return
	}
	if len(r.names) >= maxFiles || !r.room(len(q.whole)) {
		return
	}
	k := known{file: i, epoch: r.epoch, there: f.was != nil}
	if k.there {
		k.is = *f.was
	}
	k.plain = i >= 0 && f.path == filepath.Clean(q.whole)
	r.names[q.whole] = k
}

// passed keeps which processes outside a path led through.
func (r *recorder) passed(n *notification, f *found) {
	for _, one := range f.outside {
		process, member, _ := strings.Cut(one, "/")
		pid, err := strconv.Atoi(process)
		if err == nil && r.inside(int(n.pid), pid) {
			continue
		}
		r.goesAround("/proc/PID/"+member+" of a process outside", n)
	}
}

// executed keeps a program. flags are those of execveat(2).
func (r *recorder) executed(n *notification, dir int, addr, args, flags uint64) {
	pid := int(n.pid)
	said, whole, ok := r.asked(n, dir, addr)
	if !ok || len(said) == 0 && flags&unix.AT_EMPTY_PATH == 0 {
		return
	}
	q := question{
		pid:   pid,
		dir:   dir,
		text:  string(said),
		whole: string(whole),
		last:  flags&unix.AT_SYMLINK_NOFOLLOW == 0,
	}
	r.program(n, q, func() Program { return Program{By: programOf(n), Args: arguments(pid, args)} }, 0)
}

// maxInterpreters is how many scripts the kernel follows (execve(2)).
const maxInterpreters = 4

// program keeps a program, and what the kernel executes for it. by is asked only the first time.
func (r *recorder) program(n *notification, q question, by func() Program, depth int) {
	q.program = true
	f := r.answer(q)
	if !r.alive(n) {
		return
	}
	r.passed(n, &f)
	if f.was != nil && !f.was.regular {
		return
	}
	if !f.unnamed {
		r.keep(&f, Execute)
	}
	if f.was == nil && f.state != Unreadable { // a shell looks for it in one directory after the other
		return
	}
	r.counted(&f, by)
	if f.head.loader != "" {
		l := r.answer(r.ofRoot(q.pid, f.head.loader))
		if l.was != nil && l.was.regular {
			r.keep(&l, Read)
		}
	}
	if f.head.interpreter != "" && depth < maxInterpreters {
		args := []string{f.head.interpreter}
		if f.head.argument != "" {
			args = append(args, f.head.argument)
		}
		by = func() Program { return Program{By: f.path, Args: append(args, q.text)} }
		r.program(n, r.ofRoot(q.pid, f.head.interpreter), by, depth+1)
	}
}

// ofRoot asks for a path that the kernel reads for a process.
func (r *recorder) ofRoot(pid int, path string) question {
	whole := path
	if !strings.HasPrefix(path, "/") {
		whole = "/proc/" + strconv.Itoa(pid) + "/cwd/" + path
	}
	return question{pid: pid, dir: unix.AT_FDCWD, text: path, whole: whole, last: true}
}

func (r *recorder) counted(f *found, by func() Program) {
	key := f.path + "\x00" + f.digest
	if i, is := r.procs[key]; is {
		r.result.Programs[i].Count++
		return
	}
	p := by()
	p.Path, p.Digest, p.Count = f.path, f.digest, 1
	size := len(p.Path) + len(p.By)
	for _, a := range p.Args {
		size += len(a)
	}
	if len(r.result.Programs) >= maxPrograms || !r.room(size) {
		r.result.Watch.Lost++
		return
	}
	r.procs[key] = len(r.result.Programs)
	r.result.Programs = append(r.result.Programs, p)
}

// roundabout keeps a call by which a program can go round the recorder.
func (r *recorder) roundabout(n *notification) {
	pid, a := int(n.pid), n.args
	what := ""
	switch uint32(n.nr) {
	case unix.SYS_LISTEN:
		what = r.listens(n, int(int32(a[0])))
	case unix.SYS_BIND:
		what = r.receives(n, int(int32(a[0])), a[1], int(int32(a[2])))
	case unix.SYS_SOCKET:
		what = socketOf(uint32(a[0]))
	case unix.SYS_OPEN_BY_HANDLE_AT:
		what = "open_by_handle_at"
	case unix.SYS_PIDFD_GETFD:
		what = "pidfd_getfd"
	case unix.SYS_FANOTIFY_INIT:
		what = "fanotify"
	case unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD:
		what = "code for the kernel"
	case unix.SYS_BPF:
		what = "bpf"
	case unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL:
		what = "a key of the kernel's"
	case unix.SYS_SHMGET, unix.SYS_SHMAT:
		what = "shared memory of System V"
	case unix.SYS_SEMGET, unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP, unix.SYS_SEMCTL:
		what = "a semaphore of System V"
	case unix.SYS_MSGGET, unix.SYS_MSGSND, unix.SYS_MSGRCV:
		what = "a message queue of System V"
	case unix.SYS_MQ_OPEN:
		what = "a message queue"
	case unix.SYS_PTRACE:
		if a[0] != unix.PTRACE_ATTACH && a[0] != unix.PTRACE_SEIZE || r.inside(pid, int(int32(a[1]))) {
			return
		}
		what = "ptrace of a process outside"
	case unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV:
		if r.inside(pid, int(int32(a[0]))) {
			return
		}
		what = "memory of a process outside"
	}
	if what != "" {
		r.goesAround(what, n)
	}
}

// socketOf names a socket that passes connect and sendto by.
func socketOf(family uint32) string {
	switch family {
	case unix.AF_PACKET:
		return "a packet socket"
	case unix.AF_VSOCK:
		return "a vsock socket"
	case unix.AF_XDP:
		return "an XDP socket"
	}
	return "a raw socket"
}

func (r *recorder) goesAround(what string, n *notification) {
	text := what + ", by " + programOf(n)
	if len(r.around) >= maxAround && !r.around[text] {
		r.result.Watch.Lost++
		return
	}
	r.around[text] = true
}
