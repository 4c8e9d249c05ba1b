//go:build unix

package file

import "syscall"

// waitless is what opening has to be told so that it waits for no other end of
// a named pipe, and makes no terminal the one of this process.
const waitless = syscall.O_NONBLOCK | syscall.O_NOCTTY
