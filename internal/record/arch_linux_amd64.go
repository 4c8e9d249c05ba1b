package record

import "golang.org/x/sys/unix"

const (
	auditArch   = unix.AUDIT_ARCH_X86_64
	auditArch32 = unix.AUDIT_ARCH_I386
	foreignNr   = 0x40000000 // the bit of x32 calls (asm/unistd.h, __X32_SYSCALL_BIT)

	sysOpen   = unix.SYS_OPEN
	sysCreat  = unix.SYS_CREAT
	sysRename = unix.SYS_RENAME
	sysLink   = unix.SYS_LINK

	sysSymlink = unix.SYS_SYMLINK
)

// The numbers by which a 32-bit program makes a socket.
const (
	socketCall32 = 102
	socket32     = 359
)

// older are the watched calls that only this architecture has.
var older = []uint32{sysOpen, sysCreat, sysRename, sysLink, sysSymlink}
