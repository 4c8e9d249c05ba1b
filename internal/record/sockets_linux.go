//go:build linux && (amd64 || arm64)

package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxAddress is the size of struct sockaddr_storage, the longest address that the kernel takes.
const maxAddress = 128

// connected keeps the address to which a process connects or sends.
func (r *recorder) connected(n *notification, fd int, addr uint64, length int) {
	if length < 2 || length > maxAddress { // the kernel refuses it
		return
	}
	var b [maxAddress]byte
	if !peek(int(n.pid), addr, b[:length]) {
		r.lost(n, addr)
		return
	}
	to := address(b[:length], func() string { return kind(int(n.pid), fd) })
	if to == "" {
		return
	}
	out := false
	if path, is := strings.CutPrefix(to, "unix:"); is {
		to, out = r.unixSocket(n, path)
	} else {
		out = r.outside(to)
	}
	if !r.alive(n) {
		return
	}
	if out {
		r.through[to] = true
	}
	if i, known := r.conns[to]; known {
		r.result.Connections[i].Count++
		return
	}
	if len(r.result.Connections) >= maxConnections {
		r.result.Watch.Lost++
		return
	}
	r.conns[to] = len(r.result.Connections)
	r.result.Connections = append(r.result.Connections, Connection{To: to, Count: 1, By: programOf(n)})
}

// sent keeps the addresses of messages. The first two members of struct msghdr are the address and its length.
func (r *recorder) sent(n *notification, fd int, addr, count uint64) {
	const size = 64 // of struct mmsghdr: a msghdr of 56 bytes, a length, and padding
	for i := range count {
		name, ok1 := word(int(n.pid), addr+i*size)
		length, ok2 := word(int(n.pid), addr+i*size+8)
		if !ok1 || !ok2 {
			r.lost(n, addr+i*size)
			return
		}
		if name != 0 {
			r.connected(n, fd, name, min(int(int32(length)), maxAddress)) // of a longer one the kernel takes the start
		}
	}
}

// kind is what stands before an address: the protocol of the socket, as far as it can be asked.
func kind(pid, fd int) string {
	switch _, t, _ := socketAt(pid, fd); t {
	case unix.SOCK_STREAM:
		return "tcp"
	case unix.SOCK_DGRAM:
		return "udp"
	}
	return "ip"
}

// socketAt is the family and the type of a socket of a process (socket(2)).
func socketAt(pid, fd int) (family, kind int, ok bool) {
	socket, ok := borrow(pid, fd)
	if !ok {
		return 0, 0, false
	}
	defer func() { _ = unix.Close(socket) }()
	family, err1 := unix.GetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_DOMAIN)
	kind, err2 := unix.GetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_TYPE)
	return family, kind, err1 == nil && err2 == nil
}

// borrow is a copy of a descriptor of another process.
func borrow(pid, fd int) (int, bool) {
	p, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) { // a thread (Linux 6.9 could open it)
		if s, ok := statusOf(pid); ok {
			p, err = unix.PidfdOpen(s.leader, 0)
		}
	}
	if err != nil {
		return 0, false
	}
	defer func() { _ = unix.Close(p) }()
	got, err := unix.PidfdGetfd(p, fd, 0)
	return got, err == nil
}

// unixSocket is the name of a unix socket, with links resolved, and whether a program answers there that is not of
// the command.
func (r *recorder) unixSocket(n *notification, path string) (name string, out bool) {
	if strings.HasPrefix(path, "@") {
		name = "unix:" + path
		if r.own[name] || r.result.Watch.CutBy == ByNamespace {
			return name, false
		}
		return name, listed("/proc/net/unix", func(line string) bool { return strings.HasSuffix(line, " "+path) })
	}
	f := r.socketFile(n, path)
	name = "unix:" + f.path
	if f.was == nil {
		return name, f.state == Unreadable // hidden from the recorder
	}
	return name, f.was.socket && !r.ownFiles[f.was.file()] && !slices.Contains(nameServices, f.path)
}

// socketFile is the file of a unix socket.
func (r *recorder) socketFile(n *notification, path string) found {
	q := question{pid: int(n.pid), dir: unix.AT_FDCWD, text: path, whole: path, last: true}
	if !strings.HasPrefix(path, "/") {
		base, err := os.Readlink(linkOf(q.pid, q.dir))
		if err != nil {
			return found{path: path, state: Unreadable}
		}
		q.whole = base + "/" + path
	}
	f := r.answer(q)
	r.passed(n, &f)
	return f
}

// nameServices are sockets that only translate names of users and hosts.
var nameServices = []string{"/run/nscd/socket", "/var/run/nscd/socket", "/run/systemd/resolve/io.systemd.Resolve",
	"/var/lib/sss/pipes/nss"}

// listens says where a socket listens; "" if programs outside cannot reach it.
func (r *recorder) listens(n *notification, fd int) string {
	socket, ok := borrow(int(n.pid), fd)
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
		return r.listensAt(n, at.Name)
	case *unix.SockaddrInet4, *unix.SockaddrInet6:
		if r.result.Watch.CutBy == ByNamespace {
			return "" // the network of the command is closed to the outside
		}
		return "listen on the network"
	}
	return "listen"
}

func (r *recorder) listensAt(n *notification, path string) string {
	switch {
	case path == "":
		return "" // programs connect to a name, and it has none yet
	case strings.HasPrefix(path, "@"):
		if !r.own["unix:"+path] && !r.room(len(path)) {
			r.result.Watch.Lost++
			return "listen on unix:" + path
		}
		r.own["unix:"+path] = true
		if r.result.Watch.CutBy == ByNamespace {
			return ""
		}
		return "listen on unix:" + path
	}
	f := r.socketFile(n, path)
	if f.was != nil && f.was.socket {
		r.ownFiles[f.was.file()] = true
	}
	return "listen on unix:" + f.path
}

// receives says where a socket of datagrams is bound, so that programs outside can send to it; "" if they cannot.
func (r *recorder) receives(n *notification, fd int, addr uint64, length int) string {
	if length < 2 || length > maxAddress { // the kernel refuses it
		return ""
	}
	var b [maxAddress]byte
	if !peek(int(n.pid), addr, b[:length]) {
		r.lost(n, addr)
		return ""
	}
	said := int(binary.NativeEndian.Uint16(b[:]))
	family, kind, ok := socketAt(int(n.pid), fd)
	if !ok {
		family, kind = said, unix.SOCK_DGRAM
	}
	if kind != unix.SOCK_DGRAM {
		return ""
	}
	switch to := address(b[:length], func() string { return "udp" }); family {
	case unix.AF_UNIX:
		return r.receivesAt(n, strings.TrimPrefix(to, "unix:"))
	case unix.AF_INET, unix.AF_INET6, unix.AF_UNSPEC:
		if r.result.Watch.CutBy == ByNamespace {
			return "" // the network of the command is closed to the outside
		}
		if to == "" { // the kernel takes an address without a family for one of the internet
			return "receives at udp"
		}
		return "receives at " + to
	}
	return ""
}

func (r *recorder) receivesAt(n *notification, path string) string {
	if path != "" && !strings.HasPrefix(path, "@") {
		return "receives at unix:" + r.socketFile(n, path).path
	}
	if r.result.Watch.CutBy == ByNamespace {
		return ""
	}
	return "receives at unix:@" + strings.TrimPrefix(path, "@") // the kernel gives a name to a nameless socket
}

// outside reports whether a program that is not of the command answers at an address of this machine's loopback.
func (r *recorder) outside(to string) bool {
	_, text, _ := strings.Cut(to, " ")
	at, err := netip.ParseAddrPort(text)
	if err != nil || !at.Addr().IsLoopback() && !at.Addr().IsUnspecified() || r.result.Watch.CutBy == ByNamespace {
		return false
	}
	const domain = 53 // a resolver of this machine only translates names
	if at.Port() == domain || at.Port() == 0 {
		return false
	}
	hex := fmt.Sprintf(":%04X", at.Port())
	return slices.ContainsFunc([]string{"tcp", "tcp6", "udp", "udp6"}, func(kind string) bool {
		return listed("/proc/net/"+kind, func(line string) bool {
			// proc(5): sl local_address rem_address st … inode; 0A is LISTEN, 07 an unconnected UDP socket
			f := strings.Fields(line)
			return len(f) > 9 && strings.HasSuffix(f[1], hex) && (f[3] == "0A" || f[3] == "07") && !r.holds(f[9])
		})
	})
}

// holds reports whether a process of the command has a socket, which is named by its inode.
func (r *recorder) holds(inode string) bool {
	ino, err := strconv.ParseUint(inode, 10, 64)
	if err != nil || r.ownSockets[ino] {
		return err == nil
	}
	for _, p := range descendants(r.self) {
		at := "/proc/" + strconv.Itoa(p.pid) + "/fd/"
		all, _ := os.ReadDir(at)
		for _, e := range all {
			if to, err := os.Readlink(at + e.Name()); err == nil && to == "socket:["+inode+"]" {
				r.ownSockets[ino] = true
				return true
			}
		}
	}
	return false
}

// listed reports whether a line of a file of /proc is what is looked for.
func listed(file string, is func(line string) bool) bool {
	b, err := os.ReadFile(file)
	if err != nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	for line := range strings.Lines(string(b)) {
		if is(strings.TrimSpace(line)) {
			return true
		}
	}
	return false
}
