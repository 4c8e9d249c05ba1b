//go:build unix

package file

import (
	"os"
	"syscall"
)

// flags open for reading, wait for no writer of a named pipe, and make no
// terminal the one of this process.
const flags = os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY
