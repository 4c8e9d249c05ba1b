//go:build linux && amd64

package record_test

import (
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// refuse has the kernel answer EPERM where a container's filter does: to clone(2) with a user namespace, to seccomp(2).
func refuse(what string) error {
	runtime.LockOSThread()
	const nr, args = 0, 16
	ret := func(v uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: v} }
	eq := func(v uint32, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: v, Jf: no}
	}
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	refused := ret(unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM))
	p := []unix.SockFilter{load(nr)}
	if strings.Contains(what, "namespaces") {
		p = append(p, eq(unix.SYS_CLONE3, 1), ret(unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS)), eq(unix.SYS_CLONE, 4), load(args),
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: unix.CLONE_NEWUSER, Jf: 1}, refused, load(nr))
	}
	if strings.Contains(what, "vsock") { // as a kernel without it
		p = append(p, eq(unix.SYS_SOCKET, 3), load(args), eq(unix.AF_VSOCK, 1),
			ret(unix.SECCOMP_RET_ERRNO|uint32(unix.EAFNOSUPPORT)), load(nr))
	}
	if strings.Contains(what, "seccomp") {
		p = append(p, eq(unix.SYS_SECCOMP, 1), refused)
	}
	p = append(p, ret(unix.SECCOMP_RET_ALLOW))
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	prog := unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]}
	if _, _, e := syscall.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog))); e != 0 {
		return e
	}
	return nil
}
