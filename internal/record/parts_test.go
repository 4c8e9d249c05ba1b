//go:build linux && amd64

package record_test

import (
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// parts are what the test program does as the command of a test, by name. Their first argument is the name.
var parts = map[string]func(args []string) int{}

func itoa(n int) string { return strconv.Itoa(n) }

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// pinned keeps what system calls are given.
var pinned []*byte

func pointer(s string) uintptr {
	p, _ := unix.BytePtrFromString(s)
	pinned = append(pinned, p)
	return uintptr(unsafe.Pointer(p))
}

// rawOpen is open(2), which Go does not use.
func rawOpen(path string, flags int) (int, error) {
	fd, _, e := unix.Syscall(unix.SYS_OPEN, pointer(path), uintptr(flags), 0)
	return int(fd), errOf(e)
}

func rawCreat(path string) (int, error) {
	fd, _, e := unix.Syscall(unix.SYS_CREAT, pointer(path), 0o600, 0)
	return int(fd), errOf(e)
}

func errOf(e unix.Errno) error {
	if e != 0 {
		return e
	}
	return nil
}

func execveat(dir int, path string, args []string, flags int) error {
	argv, _ := syscall.SlicePtrFromStrings(args)
	env, _ := syscall.SlicePtrFromStrings(os.Environ())
	_, _, e := unix.Syscall6(unix.SYS_EXECVEAT, uintptr(dir), pointer(path), uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&env[0])), uintptr(flags), 0)
	runtime.KeepAlive(argv)
	runtime.KeepAlive(env)
	return errOf(e)
}
