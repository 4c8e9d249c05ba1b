//go:build linux && (amd64 || arm64)

package record

import (
	"errors"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// watched are the calls that always wait for the recorder.
var watched = append([]uint32{
	unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_CONNECT,
	unix.SYS_SENDMSG, unix.SYS_SENDMMSG,
	unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT, unix.SYS_SYMLINKAT,
	unix.SYS_LISTEN, unix.SYS_BIND, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_PIDFD_GETFD, unix.SYS_BPF, unix.SYS_PTRACE,
	unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV,
	unix.SYS_CHROOT, unix.SYS_PIVOT_ROOT, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_MOVE_MOUNT,
	unix.SYS_UMOUNT2, unix.SYS_OPEN_TREE, unix.SYS_FSMOUNT,
	unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL, unix.SYS_FANOTIFY_INIT,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD,
}, older...)

// shared are the calls that reach what every process of the machine can reach, and that wait for the recorder unless
// the command has a namespace of its own. The calls that take an identifier are watched too: it can be guessed.
var shared = []uint32{
	unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SEMGET, unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP, unix.SYS_SEMCTL,
	unix.SYS_MSGGET, unix.SYS_MSGSND, unix.SYS_MSGRCV, unix.SYS_MQ_OPEN,
}

// The places of what a filter reads (struct seccomp_data, linux/seccomp.h).
const (
	nrAt   = 0
	archAt = 4
	argsAt = 16
)

const ioUring = unix.SYS_IO_URING_SETUP // the same number in every ABI

// watching is the filter that has watched calls wait for the recorder, and more. A call of another ABI waits as
// a whole. io_uring is refused, because what it opens passes no filter; programs fall back to other calls.
func watching(more []uint32) []unix.SockFilter {
	var p assembler
	p.load(archAt)
	p.unless(auditArch, "notify")
	p.load(nrAt)
	if foreignNr != 0 {
		p.from(foreignNr, "notify")
	}
	p.when(ioUring, "refuse")
	for _, nr := range slices.Concat(watched, more) {
		p.when(nr, "notify")
	}
	p.when(unix.SYS_SENDTO, "sendto")
	p.unless(unix.SYS_SOCKET, "allow")
	// socket: families and types that go round connect and sendto
	p.load(argsAt)
	p.when(unix.AF_NETLINK, "allow")
	p.when(unix.AF_PACKET, "notify")
	p.when(unix.AF_VSOCK, "notify")
	p.when(unix.AF_XDP, "notify")
	p.load(argsAt + 8)
	p.and(0xf)
	p.when(unix.SOCK_RAW, "notify")
	p.when(unix.SOCK_PACKET, "notify") // an older name of a packet socket, of any family
	p.ends("allow", unix.SECCOMP_RET_ALLOW)
	p.mark("sendto") // with an address alone; the pointer has two halves
	p.load(argsAt + 8*4)
	p.unless(0, "notify")
	p.load(argsAt + 8*4 + 4)
	p.when(0, "allowed")
	p.ends("notify", unix.SECCOMP_RET_USER_NOTIF)
	p.ends("allowed", unix.SECCOMP_RET_ALLOW)
	p.ends("refuse", unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS))
	return p.end()
}

// noInternetSockets is the filter that cuts the network where namespaces are refused: only sockets of the
// families AF_UNIX and AF_NETLINK can be made. Loopback is cut as well. A program of another ABI can make no
// socket at all where its numbers are known, and can call nothing where they are not.
func noInternetSockets() []unix.SockFilter {
	var p assembler
	p.load(archAt)
	p.when(auditArch32, "other")
	p.unless(auditArch, "cut")
	p.load(nrAt)
	if foreignNr != 0 {
		p.from(foreignNr, "cut")
	}
	p.when(ioUring, "refuse")
	p.unless(unix.SYS_SOCKET, "allow")
	p.load(argsAt)
	p.when(unix.AF_UNIX, "allow")
	p.when(unix.AF_NETLINK, "allow")
	p.ends("cut", unix.SECCOMP_RET_ERRNO|uint32(unix.ENETUNREACH))
	p.mark("other")
	p.load(nrAt)
	p.when(socketCall32, "cut as well")
	p.when(socket32, "cut as well")
	p.when(ioUring, "refuse")
	p.ends("allow", unix.SECCOMP_RET_ALLOW)
	p.ends("cut as well", unix.SECCOMP_RET_ERRNO|uint32(unix.ENETUNREACH))
	p.ends("refuse", unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS))
	return p.end()
}

// noVsock is the filter that a cut by a namespace takes as well: a vsock socket leads to the host of a virtual
// machine from every namespace (vsock(7)). A 32-bit program makes sockets by their own call, because the arguments of
// socketcall are in memory, and so are those of io_uring. A program of an ABI that is not known can call nothing.
func noVsock() []unix.SockFilter {
	var p assembler
	p.load(archAt)
	p.when(auditArch32, "32 bits")
	p.unless(auditArch, "refuse")
	p.load(nrAt)
	if foreignNr != 0 {
		p.and(^uint32(foreignNr)) // its calls have the same numbers beside that
	}
	p.when(ioUring, "refuse")
	p.when(unix.SYS_SOCKET, "socket")
	p.ends("allow", unix.SECCOMP_RET_ALLOW)
	p.mark("32 bits")
	p.load(nrAt)
	p.when(ioUring, "refuse")
	p.when(socketCall32, "refuse")
	p.when(socket32, "socket")
	p.ends("allow as well", unix.SECCOMP_RET_ALLOW)
	p.ends("refuse", unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS))
	p.mark("socket")
	p.load(argsAt)
	p.when(unix.AF_VSOCK, "no family")
	p.ends("another family", unix.SECCOMP_RET_ALLOW)
	p.ends("no family", unix.SECCOMP_RET_ERRNO|uint32(unix.EAFNOSUPPORT))
	return p.end()
}

// An assembler writes a filter of classic BPF. Jumps go forward, to marks by name.
type assembler struct {
	list  []unix.SockFilter
	yes   map[int]string
	no    map[int]string
	marks map[string]int
}

func (p *assembler) add(f unix.SockFilter) int {
	p.list = append(p.list, f)
	return len(p.list) - 1
}

func (p *assembler) load(offset uint32) {
	p.add(unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset})
}

func (p *assembler) and(mask uint32) {
	p.add(unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: mask})
}

// when goes to a mark if what was loaded is v.
func (p *assembler) when(v uint32, to string) { p.jump(unix.BPF_JEQ, v, &p.yes, to) }

// unless goes to a mark if what was loaded is something else than v.
func (p *assembler) unless(v uint32, to string) { p.jump(unix.BPF_JEQ, v, &p.no, to) }

// from goes to a mark if what was loaded is v or more.
func (p *assembler) from(v uint32, to string) { p.jump(unix.BPF_JGE, v, &p.yes, to) }

func (p *assembler) jump(op uint16, v uint32, side *map[int]string, to string) {
	at := p.add(unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, K: v})
	if *side == nil {
		*side = map[int]string{}
	}
	(*side)[at] = to
}

// mark names the next instruction.
func (p *assembler) mark(name string) {
	if p.marks == nil {
		p.marks = map[string]int{}
	}
	p.marks[name] = len(p.list)
}

// ends is a mark behind which the filter answers.
func (p *assembler) ends(name string, with uint32) {
	p.mark(name)
	p.add(unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: with})
}

// end is the filter, with the distances of its jumps.
func (p *assembler) end() []unix.SockFilter {
	for at, to := range p.yes {
		p.list[at].Jt = p.distance(at, to)
	}
	for at, to := range p.no {
		p.list[at].Jf = p.distance(at, to)
	}
	return p.list
}

func (p *assembler) distance(at int, to string) uint8 {
	return uint8(p.marks[to] - at - 1) // a filter is shorter than 256 instructions, which a test holds
}

// install puts a filter on the calling thread, which must be locked and about to become the command.
func install(p []unix.SockFilter, flags uintptr) (int, error) {
	fd, err := filter(p, flags)
	if errors.Is(err, unix.EACCES) { // neither CAP_SYS_ADMIN nor no_new_privs (seccomp(2))
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return -1, err
		}
		return filter(p, flags)
	}
	return fd, err
}

func filter(p []unix.SockFilter, flags uintptr) (int, error) {
	prog := unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]}
	at := unsafe.Pointer(&prog) //nolint:gosec // the kernel is given a struct
	fd, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(at))
	runtime.KeepAlive(&prog)
	if e != 0 {
		return -1, e
	}
	return int(fd), nil
}
