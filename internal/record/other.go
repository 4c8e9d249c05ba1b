//go:build !linux || (!amd64 && !arm64)

package record

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Reexec does nothing here: no recorder exists for this system.
func Reexec() (status int, is bool) { return 0, false }

// Kernel is not asked for here.
func Kernel() string { return "" }

// Run runs a command and watches nothing, because this system has no notifications of seccomp.
func Run(o Options) (*Result, error) {
	if o.Cut {
		return nil, fmt.Errorf("%w: this is %s/%s, and only Linux can", ErrUncut, runtime.GOOS, runtime.GOARCH)
	}
	r := &Result{
		Started: time.Now(),
		Watch: Watch{Method: "none", Files: NotObserved, Processes: NotObserved, Network: NotObserved,
			Reason: "the recorder runs on linux/amd64 and linux/arm64, and this is " +
				runtime.GOOS + "/" + runtime.GOARCH,
			Delegated: []string{}, Around: []string{}, Outlived: []string{}},
	}
	c := exec.Command(o.Command[0], o.Command[1:]...) //nolint:gosec // running it is the purpose
	c.Dir, c.Env, c.Stdin, c.Stdout, c.Stderr = o.Dir, o.Env, os.Stdin, os.Stdout, os.Stderr
	err := c.Run()
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		r.Exit = ended.ExitCode()
		if by, is := ended.Sys().(interface{ Signal() syscall.Signal }); is && r.Exit < 0 {
			r.Signal = int(by.Signal())
		}
	case err != nil:
		r.NotStarted, r.Missing = err.Error(), errors.Is(err, exec.ErrNotFound)
	}
	r.Ended = time.Now()
	return r, nil
}
