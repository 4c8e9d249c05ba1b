//go:build linux && (amd64 || arm64)

package record

import (
	"fmt"
	"net/netip"
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
)

// look reads the arguments of one watched call.
func (r *recorder) look(n *notification) {
	pid, a := int(n.pid), n.args
	here := unix.AT_FDCWD
	switch uint32(n.nr) {
	case unix.SYS_OPENAT:
		r.opened(n, int(int32(a[0])), a[1], a[2])
	case sysOpen:
		r.opened(n, here, a[0], a[1])
	case sysCreat:
		r.opened(n, here, a[0], unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC)
	case unix.SYS_OPENAT2:
		if flags, ok := word(pid, a[2]); ok { // the first member of struct open_how
			r.opened(n, int(int32(a[0])), a[1], flags)
		} else {
			r.result.Watch.Lost++
		}
	case sysRename, sysLink:
		r.named(n, here, a[1])
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT:
		r.named(n, int(int32(a[2])), a[3])
	case unix.SYS_EXECVE:
		r.executed(n, here, a[0], a[1], 0)
	case unix.SYS_EXECVEAT:
		r.executed(n, int(int32(a[0])), a[1], a[2], a[4])
	case unix.SYS_CONNECT:
		r.connected(n, int(int32(a[0])), a[1], a[2])
	case unix.SYS_SENDTO:
		r.connected(n, int(int32(a[0])), a[4], a[5])
	case unix.SYS_SENDMSG:
		r.sent(n, int(int32(a[0])), a[1], 1)
	case unix.SYS_SENDMMSG:
		r.sent(n, int(int32(a[0])), a[1], min(a[2], maxMessage))
	case unix.SYS_CHROOT, unix.SYS_PIVOT_ROOT, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_MOVE_MOUNT:
		r.careful = true
	default:
		r.roundabout(n)
	}
}

// opened keeps a file that is opened with the flags of open(2).
func (r *recorder) opened(n *notification, dir int, addr, flags uint64) {
	use := Read
	switch {
	case flags&unix.O_TMPFILE == unix.O_TMPFILE: // the path is a directory, and the file has no name
		return
	case flags&(unix.O_PATH|unix.O_DIRECTORY) != 0: // nothing of its content is read
		return
	case flags&unix.O_ACCMODE == unix.O_RDWR:
		use = Read | Write
	case flags&unix.O_ACCMODE != unix.O_RDONLY, flags&(unix.O_CREAT|unix.O_TRUNC) == unix.O_CREAT|unix.O_TRUNC:
		use = Write
	}
	r.file(n, dir, addr, Use(use))
}

// named keeps the name that a file gets.
func (r *recorder) named(n *notification, dir int, addr uint64) { r.file(n, dir, addr, Named) }

// file keeps the path at addr.
func (r *recorder) file(n *notification, dir int, addr uint64, use Use) {
	path, ok := r.path(int(n.pid), dir, addr)
	if !ok {
		r.result.Watch.Lost++
		return
	}
	if i, known := r.names[path]; known {
		if i >= 0 {
			r.files[i].use |= use
		}
		return
	}
	if !r.alive(n) {
		return // another process has its number, and nothing of it is known
	}
	r.keep(n, path, use)
}

// path is the path at addr, as the process says it: absolute, and not cleaned, because a link may stand
// before "..".
func (r *recorder) path(pid, dir int, addr uint64) (string, bool) {
	b, whole, ok := text(pid, addr, r.buf[:])
	if !ok || !whole {
		return "", ok && !whole // the kernel refuses a longer path
	}
	if len(b) > 0 && b[0] == '/' {
		return string(b), true
	}
	base, err := os.Readlink(r.link(pid, dir))
	if err != nil {
		return "", false
	}
	return base + "/" + string(b), true
}

// link is the name under which /proc has a directory of a process.
func (r *recorder) link(pid, dir int) string {
	if dir == unix.AT_FDCWD {
		return "/proc/" + strconv.Itoa(pid) + "/cwd"
	}
	return "/proc/" + strconv.Itoa(pid) + "/fd/" + strconv.Itoa(dir)
}

// executed keeps a program. flags are those of execveat(2).
func (r *recorder) executed(n *notification, dir int, addr, args, flags uint64) {
	pid := int(n.pid)
	if r.careful || !r.sameView(pid) {
		r.careful = true
	}
	path, ok := r.path(pid, dir, addr)
	if !ok {
		r.result.Watch.Lost++
		return
	}
	by, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	digest := ""
	if flags&unix.AT_EMPTY_PATH != 0 && strings.HasSuffix(path, "/") {
		path = strings.TrimSuffix(path, "/")
	}
	if after, is := strings.CutPrefix(path, "/proc/self/fd/"); is { // fexecve(3) of the C library
		if fd, err := strconv.Atoi(after); err == nil {
			dir = fd
			path, _ = os.Readlink(r.link(pid, fd))
		}
	}
	if strings.HasPrefix(path, "/memfd:") || strings.HasSuffix(path, " (deleted)") {
		digest = hashNow(r.link(pid, dir)) // it has no name by which it could be found afterwards
	} else {
		r.file(n, dir, addr, Execute)
	}
	if i, known := r.names[path]; known && i >= 0 {
		path = r.files[i].path
	}
	if i, known := r.procs[path]; known {
		r.result.Programs[i].Count++
		return
	}
	if len(r.result.Programs) >= maxPrograms || !r.alive(n) {
		r.result.Watch.Lost++
		return
	}
	r.procs[path] = len(r.result.Programs)
	r.result.Programs = append(r.result.Programs, Program{Path: path, Args: arguments(pid, args), Count: 1, By: by, Digest: digest})
}

// connected keeps the address to which a process connects or sends.
func (r *recorder) connected(n *notification, fd int, addr, length uint64) {
	b := make([]byte, min(length, 128))
	if length < 2 || length > 4096 || !peek(int(n.pid), addr, b) {
		r.result.Watch.Lost++
		return
	}
	to := address(b, r.kind(int(n.pid), fd))
	if to == "" {
		return
	}
	if strings.HasPrefix(to, "unix:") {
		to = r.socket(int(n.pid), to)
	}
	if r.outside(to) {
		r.through[to] = true
	}
	if i, known := r.conns[to]; known {
		r.result.Connections[i].Count++
		return
	}
	if len(r.result.Connections) >= maxConnections || !r.alive(n) {
		r.result.Watch.Lost++
		return
	}
	by, _ := os.Readlink("/proc/" + strconv.Itoa(int(n.pid)) + "/exe")
	r.conns[to] = len(r.result.Connections)
	r.result.Connections = append(r.result.Connections, Connection{To: to, Count: 1, By: by})
}

// sent keeps the addresses of messages. The first two members of struct msghdr are the address and its length.
func (r *recorder) sent(n *notification, fd int, addr, count uint64) {
	const size = 64 // of struct mmsghdr: a msghdr of 56 bytes, a length, and padding
	for i := range count {
		name, ok1 := word(int(n.pid), addr+i*size)
		length, ok2 := word(int(n.pid), addr+i*size+8)
		if !ok1 || !ok2 {
			r.result.Watch.Lost++
			return
		}
		if name != 0 && uint32(length) != 0 {
			r.connected(n, fd, name, uint64(uint32(length)))
		}
	}
}

// kind is what stands before an address: the protocol of the socket, as far as it can be asked.
func (r *recorder) kind(pid, fd int) string {
	socket, ok := r.borrow(pid, fd)
	if !ok {
		return "ip"
	}
	defer func() { _ = unix.Close(socket) }()
	switch t, err := unix.GetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_TYPE); {
	case err != nil:
		return "ip"
	case t == unix.SOCK_STREAM:
		return "tcp"
	case t == unix.SOCK_DGRAM:
		return "udp"
	}
	return "ip"
}

// borrow is a copy of a descriptor of another process.
func (r *recorder) borrow(pid, fd int) (int, bool) {
	p, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return 0, false
	}
	defer func() { _ = unix.Close(p) }()
	got, err := unix.PidfdGetfd(p, fd, 0)
	return got, err == nil
}

// socket is a unix socket with its whole path.
func (r *recorder) socket(pid int, to string) string {
	path := strings.TrimPrefix(to, "unix:")
	if strings.HasPrefix(path, "@") || strings.HasPrefix(path, "/") {
		return to
	}
	base, err := os.Readlink(r.link(pid, unix.AT_FDCWD))
	if err != nil {
		return to
	}
	return "unix:" + filepath.Join(base, path)
}

// roundabout keeps a call by which a program can go round the recorder.
func (r *recorder) roundabout(n *notification) {
	pid, a := int(n.pid), n.args
	what := ""
	switch uint32(n.nr) {
	case unix.SYS_LISTEN:
		what = r.listens(pid, int(int32(a[0])))
	case unix.SYS_SOCKET:
		what = map[uint64]string{unix.AF_PACKET: "a packet socket", unix.AF_VSOCK: "a vsock socket"}[a[0]]
		if what == "" {
			what = "a raw socket"
		}
	case unix.SYS_OPEN_BY_HANDLE_AT:
		what = "open_by_handle_at"
	case unix.SYS_PIDFD_GETFD:
		what = "pidfd_getfd"
	case unix.SYS_BPF:
		what = "bpf"
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
	if what == "" {
		return
	}
	if len(r.around) >= maxAround {
		r.result.Watch.Lost++
		return
	}
	by, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	r.around[what+", by "+by] = true
}

// listens says where a socket listens; "" if nothing outside can reach it.
func (r *recorder) listens(pid, fd int) string {
	socket, ok := r.borrow(pid, fd)
	if !ok {
		return "listen"
	}
	defer func() { _ = unix.Close(socket) }()
	name, err := unix.Getsockname(socket)
	if err != nil {
		return "listen"
	}
	switch at := name.(type) {
	case *unix.SockaddrUnix:
		r.own[r.socket(pid, "unix:"+at.Name)] = true
		if at.Name == "" {
			return "" // it has no name yet, and nobody can connect to it
		}
		return "listen on unix:" + at.Name
	case *unix.SockaddrInet4, *unix.SockaddrInet6:
		r.own[portOf(name)] = true
		if r.result.Watch.CutBy == ByNamespace {
			return "" // the network of the command has no way in
		}
		return "listen on the network"
	}
	return "listen"
}

func portOf(name unix.Sockaddr) string {
	switch at := name.(type) {
	case *unix.SockaddrInet4:
		return strconv.Itoa(at.Port)
	case *unix.SockaddrInet6:
		return strconv.Itoa(at.Port)
	}
	return ""
}

// nameServices are sockets that only translate names of users and hosts.
var nameServices = []string{"unix:/var/run/nscd/socket", "unix:/run/nscd/socket", "unix:/run/systemd/resolve/io.systemd.Resolve",
	"unix:/var/lib/sss/pipes/nss"}

// outside reports whether a program that is not of the command answers at an address of this machine.
func (r *recorder) outside(to string) bool {
	if path, is := strings.CutPrefix(to, "unix:"); is {
		if r.own[to] || slices.Contains(nameServices, to) {
			return false
		}
		if strings.HasPrefix(path, "@") {
			return r.result.Watch.CutBy != ByNamespace && listed("/proc/net/unix", func(line string) bool { return strings.HasSuffix(line, " "+path) })
		}
		var st unix.Stat_t
		return unix.Stat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFSOCK
	}
	_, text, _ := strings.Cut(to, " ")
	at, err := netip.ParseAddrPort(text)
	if err != nil || !at.Addr().IsLoopback() && !at.Addr().IsUnspecified() || r.result.Watch.CutBy == ByNamespace {
		return false
	}
	const domain = 53 // a resolver of this machine translates names, and does no other work
	port := int(at.Port())
	if port == domain || port == 0 || r.own[strconv.Itoa(port)] {
		return false
	}
	hex := fmt.Sprintf(":%04X", port)
	return slices.ContainsFunc([]string{"tcp", "tcp6", "udp", "udp6"}, func(kind string) bool {
		return listed("/proc/net/"+kind, func(line string) bool {
			f := strings.Fields(line) // proc(5): sl local_address rem_address st; 0A is LISTEN, 07 an unconnected UDP socket
			return len(f) > 3 && strings.HasSuffix(f[1], hex) && (f[3] == "0A" || f[3] == "07")
		})
	})
}

// listed reports whether a line of a file of /proc is what is looked for.
func listed(file string, is func(line string) bool) bool {
	b, err := os.ReadFile(file)
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(b)) {
		if is(strings.TrimSpace(line)) {
			return true
		}
	}
	return false
}

// inside reports whether a process, named by its number as another one sees it, is of the command.
func (r *recorder) inside(pid, other int) bool {
	if other == pid {
		return true
	}
	theirs, err1 := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/pid")
	ours, err2 := os.Readlink("/proc/self/ns/pid")
	if err1 != nil || err2 != nil || theirs != ours {
		return false
	}
	for range 4096 {
		parent, ok := parentOf(other)
		switch {
		case !ok || parent <= 1:
			return false
		case parent == r.self:
			return true
		}
		other = parent
	}
	return false
}

// parentOf is the parent of a process, or of the process that a thread is of (/proc/PID/status).
func parentOf(pid int) (int, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(b)) {
		if rest, is := strings.CutPrefix(line, "PPid:"); is {
			n, err := strconv.Atoi(strings.TrimSpace(rest))
			return n, err == nil
		}
	}
	return 0, false
}

// sameView reports whether a process has the root and the mounts of the recorder.
func (r *recorder) sameView(pid int) bool {
	at := "/proc/" + strconv.Itoa(pid)
	root, err := os.Readlink(at + "/root")
	if err != nil {
		return true // it has gone
	}
	mounts, err := os.Readlink(at + "/ns/mnt")
	ours, _ := os.Readlink("/proc/self/ns/mnt")
	return err != nil || root == "/" && mounts == ours
}

// A descendant is a process of the command.
type descendant struct {
	pid  int
	name string
}

// ended reports whether a process waits only for its parent to notice that it has ended.
func ended(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	return err != nil || strings.Contains(string(b), "\nState:\tZ")
}

// descendants are the processes of the command that are left.
func (r *recorder) descendants() (all []descendant) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == r.self || !r.inside(r.self, pid) || ended(pid) {
			continue
		}
		name, err := os.Readlink("/proc/" + e.Name() + "/exe")
		if err != nil { // a process that has ended, or another user's
			comm, _ := os.ReadFile("/proc/" + e.Name() + "/comm")
			name = strings.TrimSpace(string(comm))
		}
		all = append(all, descendant{pid, name})
	}
	return all
}
