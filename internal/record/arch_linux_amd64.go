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

// sockets32 are the numbers by which a 32-bit program makes a socket: socketcall and socket.
var sockets32 = []uint32{102, 359}

// older are the watched calls that only this architecture has.
var older = []uint32{sysOpen, sysCreat, sysRename, sysLink, sysSymlink}
