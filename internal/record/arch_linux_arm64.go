package record

import "golang.org/x/sys/unix"

const (
	auditArch   = unix.AUDIT_ARCH_AARCH64
	auditArch32 = unix.AUDIT_ARCH_ARM
	foreignNr   = 0 // no second ABI shares the numbers

	// The older calls do not exist here, and no call has these numbers.
	sysOpen   = 1<<31 - 1
	sysCreat  = 1<<31 - 2
	sysRename = 1<<31 - 3
	sysLink   = 1<<31 - 4

	sysSymlink = 1<<31 - 5
)

// The numbers by which a 32-bit program makes a socket. There is no socketcall.
const (
	socketCall32 = 1<<31 - 6
	socket32     = 281
)

// older are the watched calls that only other architectures have: none here.
var older []uint32
