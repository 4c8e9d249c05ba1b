//go:build linux && (amd64 || arm64)

package record

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	pageSize    = 4096
	maxPath     = 4096 // bytes of a path, with its end (PATH_MAX)
	maxArgs     = 24   // arguments of a program that are kept
	maxArg      = 256  // bytes of one of them
	maxMessages = 1024 // messages that one sendmmsg sends (UIO_MAXIOV)
)

// peek reads the memory of a process into b, as a whole.
func peek(pid int, addr uint64, b []byte) bool {
	if len(b) == 0 {
		return true
	}
	local := []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}}
	remote := []unix.RemoteIovec{{Base: uintptr(addr), Len: len(b)}}
	n, err := unix.ProcessVMReadv(pid, local, remote, 0)
	return err == nil && n == len(b)
}

// mapped reports whether a process has memory to read at an address. It is asked after a read that went wrong; a process
// that does not let its memory be read does not say either, and then there may be some.
func mapped(pid int, addr uint64) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/maps")
	if err != nil || len(b) == 0 {
		return true
	}
	for line := range strings.Lines(string(b)) { // proc_pid_maps(5): 00400000-00452000 r-xp …
		ends, rest, _ := strings.Cut(line, " ")
		from, to, _ := strings.Cut(ends, "-")
		first, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if err1 == nil && err2 == nil && first <= addr && addr < end {
			return strings.HasPrefix(rest, "r")
		}
	}
	return false
}

// text reads a string that ends with a zero byte into buf. It reads to the end of a page first: a string may
// end where its mapping does.
func text(pid int, addr uint64, buf []byte) (s []byte, whole, ok bool) {
	for n := 0; n < len(buf); {
		part := min(int(pageSize-(addr+uint64(n))%pageSize), len(buf)-n, 256)
		if !peek(pid, addr+uint64(n), buf[n:n+part]) {
			return nil, false, false
		}
		if i := bytes.IndexByte(buf[n:n+part], 0); i >= 0 {
			return buf[:n+i], true, true
		}
		n += part
	}
	return buf, false, true
}

// word reads a number of eight bytes.
func word(pid int, addr uint64) (uint64, bool) {
	var b [8]byte
	if !peek(pid, addr, b[:]) {
		return 0, false
	}
	return binary.NativeEndian.Uint64(b[:]), true
}

// arguments reads the first arguments of a program, shortened.
func arguments(pid int, addr uint64) (all []string) {
	if addr == 0 {
		return nil
	}
	buf := make([]byte, maxArg)
	for i := range uint64(maxArgs + 1) {
		at, ok := word(pid, addr+8*i)
		if !ok || at == 0 {
			return all
		}
		if i == maxArgs {
			break
		}
		s, whole, ok := text(pid, at, buf)
		if !ok {
			return all
		}
		said := string(s)
		if !whole {
			said += "…"
		}
		all = append(all, said)
	}
	return append(all, "…")
}

// address is a socket address in words; "" says that it is of a kind that is not told (AF_UNSPEC, AF_NETLINK).
func address(b []byte, kind func() string) string {
	if len(b) < 2 {
		return ""
	}
	switch family := binary.NativeEndian.Uint16(b); family {
	case unix.AF_UNSPEC, unix.AF_NETLINK:
		return ""
	case unix.AF_INET:
		if len(b) >= 8 {
			a, _ := netip.AddrFromSlice(b[4:8])
			return kind() + " " + netip.AddrPortFrom(a, binary.BigEndian.Uint16(b[2:])).String()
		}
	case unix.AF_INET6:
		if len(b) >= 24 {
			a, _ := netip.AddrFromSlice(b[8:24])
			return kind() + " " + netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(b[2:])).String()
		}
	case unix.AF_UNIX:
		return unixAddress(b[2:])
	default:
		return "family " + strconv.Itoa(int(family))
	}
	return "an address that is cut off"
}

// unixAddress is the name of a unix socket. A path ends at its first zero byte, and what stands behind it was
// never meant; a name of the abstract space begins with one (unix(7)).
func unixAddress(name []byte) string {
	if len(name) == 0 {
		return ""
	}
	if name[0] == 0 {
		return "unix:@" + strings.ToValidUTF8(string(name[1:]), "?")
	}
	name, _, _ = bytes.Cut(name, []byte{0})
	return "unix:" + string(name)
}
