//go:build linux && (amd64 || arm64)

package record

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// inNamespace is how a process starts in a network namespace of its own, with shared memory, message queues and
// semaphores of its own (ipc_namespaces(7)). It takes a user namespace as well, for root too: root of the outer one
// could enter the old network again (setns(2)). Users keep their numbers.
func inNamespace(o *Options) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER,
		AmbientCaps: []uintptr{unix.CAP_NET_ADMIN}}
	if o.Host != "" {
		a.Cloneflags |= unix.CLONE_NEWUTS
		a.AmbientCaps = append(a.AmbientCaps, unix.CAP_SYS_ADMIN)
	}
	if user, group := os.Geteuid(), os.Getegid(); user != 0 || o.User != 0 {
		inside, with := user, group
		if o.User != 0 {
			inside, with = o.User, o.User
		}
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: inside, HostID: user, Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: with, HostID: group, Size: 1}}
		return a
	}
	a.UidMappings, a.GidMappings = numbers("/proc/self/uid_map"), numbers("/proc/self/gid_map")
	a.GidMappingsEnableSetgroups = true
	return a
}

// numbers are those that the namespace of this process has, each mapped to itself (user_namespaces(7)).
func numbers(file string) (all []syscall.SysProcIDMap) {
	b, err := os.ReadFile(file)
	if err != nil {
		return []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		first, err1 := strconv.Atoi(f[0])
		size, err2 := strconv.Atoi(f[2])
		if err1 == nil && err2 == nil {
			all = append(all, syscall.SysProcIDMap{ContainerID: first, HostID: first, Size: size})
		}
	}
	return all
}

// raiseLoopback has the interface lo answer. It runs in the first process, before the command.
func raiseLoopback() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("making a socket in the namespace: %w", err)
	}
	defer func() { _ = unix.Close(s) }()
	var request struct { // struct ifreq, netdevice(7)
		name  [unix.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}
	copy(request.name[:], "lo")
	request.flags = unix.IFF_UP | unix.IFF_RUNNING
	at := unsafe.Pointer(&request) //nolint:gosec // the kernel is given a struct
	if err := control(s, unix.SIOCSIFFLAGS, at); err != nil {
		return fmt.Errorf("raising loopback: %w", err)
	}
	return nil
}

// onlyLoopback looks at the cut from inside: what is said of it was seen, and not assumed.
func onlyLoopback() error {
	b, err := os.ReadFile("/proc/thread-self/net/dev")
	if err != nil {
		return err
	}
	if n := bytes.Count(b, []byte(":")); n != 1 {
		return fmt.Errorf("the namespace has %d network interfaces, want loopback alone", n)
	}
	return nil
}

// dropCapabilities gives up what the first process needed for loopback. Root keeps its own, which
// hold in the new namespace only.
func dropCapabilities() error {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		return nil
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return unix.Capset(&header, &none[0])
}

// refuseVsock has the kernel refuse vsock sockets. Where it refuses a filter, there must be none to refuse.
func refuseVsock() error {
	_, refused := install(noVsock(), 0)
	if refused == nil {
		return nil
	}
	s, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EAFNOSUPPORT) {
		return nil
	}
	if err == nil {
		_ = unix.Close(s)
	}
	return fmt.Errorf("vsock sockets lead out of the namespace, and the kernel refuses a filter of them: %w", refused)
}
