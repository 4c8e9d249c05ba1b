//go:build linux && amd64

package record

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// call is what a filter sees of a system call.
type call struct {
	nr, arch uint32
	args     [6]uint64
}

// word is four bytes of struct seccomp_data.
func (c call) word(t *testing.T, at uint32) uint32 {
	t.Helper()
	switch {
	case at == nrAt:
		return c.nr
	case at == archAt:
		return c.arch
	case at >= argsAt && at < argsAt+48 && at%4 == 0:
		return uint32(c.args[(at-argsAt)/8] >> (8 * (at % 8)))
	}
	t.Fatalf("the filter reads at %d", at)
	return 0
}

// verdict interprets a filter, as the kernel does (linux/filter.h).
func (c call) verdict(t *testing.T, p []unix.SockFilter) uint32 {
	t.Helper()
	a := uint32(0)
	for pc := 0; pc < len(p); pc++ {
		f := p[pc]
		yes := false
		switch f.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			a = c.word(t, f.K)
			continue
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			a &= f.K
			continue
		case unix.BPF_RET | unix.BPF_K:
			return f.K
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			yes = a == f.K
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			yes = a >= f.K
		default:
			t.Fatalf("instruction %d has code %#x", pc, f.Code)
		}
		if yes {
			pc += int(f.Jt)
		} else {
			pc += int(f.Jf)
		}
	}
	t.Fatal("the filter has no end")
	return 0
}

const (
	allow  = unix.SECCOMP_RET_ALLOW
	notify = unix.SECCOMP_RET_USER_NOTIF
	noSys  = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	noNet  = unix.SECCOMP_RET_ERRNO | uint32(unix.ENETUNREACH)
)

func native(nr uint32, args ...uint64) call {
	c := call{nr: nr, arch: auditArch}
	copy(c.args[:], args)
	return c
}

func TestRecord_the_filter_has_each_watched_call_wait(t *testing.T) {
	t.Parallel()
	const half = 1 << 32 // garbage above a number of 32 bits, which the kernel does not read
	p := watching(nil)
	for _, nr := range []uint32{unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_OPEN, unix.SYS_CREAT, unix.SYS_EXECVE,
		unix.SYS_EXECVEAT, unix.SYS_CONNECT, unix.SYS_SENDMSG, unix.SYS_SENDMMSG, unix.SYS_RENAME, unix.SYS_RENAMEAT,
		unix.SYS_RENAMEAT2, unix.SYS_LINK, unix.SYS_LINKAT, unix.SYS_SYMLINK, unix.SYS_SYMLINKAT, unix.SYS_LISTEN,
		unix.SYS_BIND, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_PIDFD_GETFD, unix.SYS_BPF, unix.SYS_PTRACE,
		unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_CHROOT, unix.SYS_PIVOT_ROOT, unix.SYS_UNSHARE,
		unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_MOVE_MOUNT, unix.SYS_UMOUNT2, unix.SYS_OPEN_TREE, unix.SYS_FSMOUNT,
		unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL} {
		if !slices.Contains(watched, nr) {
			t.Errorf("call %d is in no list", nr)
		}
		if got := native(nr).verdict(t, p); got != notify {
			t.Errorf("call %d: got %#x, want %#x", nr, got, notify)
		}
	}
	for _, nr := range []uint32{unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SEMGET, unix.SYS_SEMOP,
		unix.SYS_SEMTIMEDOP, unix.SYS_SEMCTL, unix.SYS_MSGGET, unix.SYS_MSGSND, unix.SYS_MSGRCV, unix.SYS_MQ_OPEN} {
		if alone, more := native(nr).verdict(t, p), native(nr).verdict(t, watching(shared)); alone != allow ||
			more != notify {
			t.Errorf("call %d: got %#x in a namespace, want %#x; got %#x outside, want %#x",
				nr, alone, allow, more, notify)
		}
	}
	for _, x := range []struct {
		what string
		call
		want uint32
	}{
		{"read", native(unix.SYS_READ), allow},
		{"close", native(unix.SYS_CLOSE), allow},
		{"the highest number", native(foreignNr - 1), allow},
		{"io_uring_setup", native(unix.SYS_IO_URING_SETUP), noSys},
		{"sendto with an address", native(unix.SYS_SENDTO, 3, 0, 0, 0, 0x1000, 16), notify},
		{"sendto with an address above 4 GiB", native(unix.SYS_SENDTO, 3, 0, 0, 0, 0x7f<<32, 16), notify},
		{"sendto without an address", native(unix.SYS_SENDTO, 3, 1, 2, 3, 0, 16), allow},
		{"x32 open", native(foreignNr | unix.SYS_OPEN), notify},
		{"x32 read", native(foreignNr | unix.SYS_READ), notify},
		{"32-bit read", call{nr: 3, arch: unix.AUDIT_ARCH_I386}, notify},
		{"32-bit io_uring_setup", call{nr: 425, arch: unix.AUDIT_ARCH_I386}, notify},
		{"arm64 openat", call{nr: 56, arch: unix.AUDIT_ARCH_AARCH64}, notify},
		{"unix socket", native(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM), allow},
		{"tcp socket", native(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC), allow},
		{"udp socket", native(unix.SYS_SOCKET, unix.AF_INET6, unix.SOCK_DGRAM), allow},
		{"raw socket", native(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_RAW|unix.SOCK_NONBLOCK), notify},
		{"raw netlink", native(unix.SYS_SOCKET, unix.AF_NETLINK, unix.SOCK_RAW), allow},
		{"packet socket", native(unix.SYS_SOCKET, unix.AF_PACKET, unix.SOCK_DGRAM), notify},
		{"packet socket with garbage", native(unix.SYS_SOCKET, unix.AF_PACKET|half, unix.SOCK_DGRAM), notify},
		{"packet socket by its older name", native(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_PACKET), notify},
		{"vsock", native(unix.SYS_SOCKET, unix.AF_VSOCK, unix.SOCK_STREAM), notify},
		{"xdp socket", native(unix.SYS_SOCKET, unix.AF_XDP, unix.SOCK_DGRAM), notify},
	} {
		if got := x.verdict(t, p); got != x.want {
			t.Errorf("%s: got %#x, want %#x", x.what, got, x.want)
		}
	}
}

func TestRecord_the_filter_of_sockets_lets_no_socket_of_the_internet_be_made(t *testing.T) {
	t.Parallel()
	p := noInternetSockets()
	for family := range uint64(50) {
		want := noNet
		if family == unix.AF_UNIX || family == unix.AF_NETLINK {
			want = allow
		}
		for _, kind := range []uint64{unix.SOCK_STREAM, unix.SOCK_DGRAM, unix.SOCK_RAW | unix.SOCK_CLOEXEC, unix.SOCK_PACKET} {
			if got := native(unix.SYS_SOCKET, family|1<<32, kind).verdict(t, p); got != want {
				t.Errorf("family %d, type %d: got %#x, want %#x", family, kind, got, want)
			}
		}
	}
	for _, x := range []struct {
		what string
		call
		want uint32
	}{
		{"openat", native(unix.SYS_OPENAT), allow},
		{"socketpair", native(unix.SYS_SOCKETPAIR, unix.AF_UNIX), allow},
		{"io_uring_setup", native(unix.SYS_IO_URING_SETUP), noSys},
		{"x32 socket", native(foreignNr|unix.SYS_SOCKET, unix.AF_UNIX), noNet},
		{"32-bit socketcall", call{nr: 102, arch: unix.AUDIT_ARCH_I386}, noNet},
		{"32-bit socket", call{nr: 359, arch: unix.AUDIT_ARCH_I386}, noNet},
		{"32-bit io_uring_setup", call{nr: 425, arch: unix.AUDIT_ARCH_I386}, noSys},
		{"32-bit read", call{nr: 3, arch: unix.AUDIT_ARCH_I386}, allow},
		{"a call of an ABI that is not known", call{nr: unix.SYS_READ, arch: unix.AUDIT_ARCH_AARCH64}, noNet},
	} {
		if got := x.verdict(t, p); got != x.want {
			t.Errorf("%s: got %#x, want %#x", x.what, got, x.want)
		}
	}
}

func TestE16_the_filter_of_the_cut_refuses_vsock_sockets_alone(t *testing.T) {
	t.Parallel()
	const noFamily = unix.SECCOMP_RET_ERRNO | uint32(unix.EAFNOSUPPORT)
	p := noVsock()
	made := func(nr, arch uint32, family uint64) call { return call{nr, arch, [6]uint64{family, unix.SOCK_STREAM}} }
	for _, x := range []struct {
		what string
		call
		want uint32
	}{
		{"openat", native(unix.SYS_OPENAT, unix.AF_VSOCK), allow},
		{"vsock", made(unix.SYS_SOCKET, auditArch, unix.AF_VSOCK), noFamily},
		{"vsock with garbage above it", made(unix.SYS_SOCKET, auditArch, unix.AF_VSOCK|1<<32), noFamily},
		{"tcp", made(unix.SYS_SOCKET, auditArch, unix.AF_INET), allow},
		{"unix", made(unix.SYS_SOCKET, auditArch, unix.AF_UNIX), allow},
		{"netlink", made(unix.SYS_SOCKET, auditArch, unix.AF_NETLINK), allow},
		{"x32 vsock", made(foreignNr|unix.SYS_SOCKET, auditArch, unix.AF_VSOCK), noFamily},
		{"x32 tcp", made(foreignNr|unix.SYS_SOCKET, auditArch, unix.AF_INET), allow},
		{"x32 open", native(foreignNr|unix.SYS_OPEN, unix.AF_VSOCK), allow},
		{"io_uring_setup", native(unix.SYS_IO_URING_SETUP), noSys},
		{"x32 io_uring_setup", native(foreignNr | unix.SYS_IO_URING_SETUP), noSys},
		{"32-bit vsock", made(359, unix.AUDIT_ARCH_I386, unix.AF_VSOCK), noFamily},
		{"32-bit tcp", made(359, unix.AUDIT_ARCH_I386, unix.AF_INET), allow},
		{"32-bit socketcall", made(102, unix.AUDIT_ARCH_I386, 1), noSys},
		{"32-bit io_uring_setup", call{nr: 425, arch: unix.AUDIT_ARCH_I386}, noSys},
		{"32-bit read", made(3, unix.AUDIT_ARCH_I386, unix.AF_VSOCK), allow},
		{"32-bit call with the number of socket", made(unix.SYS_SOCKET, unix.AUDIT_ARCH_I386, unix.AF_VSOCK), allow},
		{"a call of an ABI that is not known", call{nr: unix.SYS_READ, arch: unix.AUDIT_ARCH_AARCH64}, noSys},
	} {
		if got := x.verdict(t, p); got != x.want {
			t.Errorf("%s: got %#x, want %#x", x.what, got, x.want)
		}
	}
}

func TestRecord_no_jump_of_a_filter_is_too_far(t *testing.T) {
	t.Parallel()
	for _, p := range [][]unix.SockFilter{watching(shared), noInternetSockets(), noVsock()} {
		if len(p) > 250 {
			t.Errorf("a filter has %d instructions, and a jump reaches 255", len(p))
		}
		for at, f := range p {
			if f.Code&7 == unix.BPF_JMP && at+1+int(max(f.Jt, f.Jf)) >= len(p) {
				t.Errorf("instruction %d jumps behind the end", at)
			}
		}
	}
}
