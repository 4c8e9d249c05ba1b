package cli

import (
	"errors"
	"io"
	"syscall"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A stdout is standard output that knows whether something was written to it, and the first
// error.
type stdout struct {
	io.Writer
	wrote bool
	err   error
}

// Write writes b. What cannot be written is a fault of the machine.
func (s *stdout) Write(b []byte) (int, error) {
	n, err := s.Writer.Write(b)
	s.wrote = s.wrote || n > 0
	if err != nil && s.err == nil {
		s.err = fault.New(fault.Unavailable, fault.NotAvailable, "make room, or write the answer to another place",
			"standard output cannot be written: %w", fault.Cause(err))
	}
	if err != nil {
		return n, s.err
	}
	return n, nil
}

// fullDisk turns what a disk without room has stopped into a fault of the machine: nobody here made
// a mistake, and there is nothing to report.
func fullDisk(err error) error {
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO} {
		if errors.Is(err, cause) && fault.Of(err).Kind == fault.Internal {
			return fault.New(fault.Unavailable, fault.NotAvailable, "make room on that disk, and run it again", "%w", err)
		}
	}
	return err
}
