package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// command is one program to run, again and again.
type command struct {
	args []string
	dir  string
	env  []string // nil: an empty environment, so that no platform is seen
	with []string // a second program that runs beside it

	before func() error // what is done before each run, and not measured
}

// usage is what one run took.
type usage struct {
	wall, cpu time.Duration
	best      time.Duration // the shortest wall of all runs
	rss       int64         // peak, in bytes
}

// timeout ends a run that hangs.
const timeout = 5 * time.Minute

// measure runs c to its end. The resources are those that the kernel counted
// for the child and its children.
func (c command) measure() (usage, error) {
	if c.before != nil {
		if err := c.before(); err != nil {
			return usage{}, err
		}
	}
	ctx, stop := context.WithTimeout(context.Background(), timeout)
	defer stop()
	began := time.Now()
	all := []*exec.Cmd{c.start(ctx, c.args)}
	if c.with != nil {
		all = append(all, c.start(ctx, c.with))
	}
	for _, x := range all {
		if err := x.Start(); err != nil {
			return usage{}, err
		}
	}
	var u usage
	for _, x := range all {
		if err := x.Wait(); err != nil {
			return usage{}, fmt.Errorf("%q: %w\n%s", x.Args, err, x.Stderr)
		}
		u.add(x.ProcessState)
	}
	u.wall = time.Since(began)
	return u, nil
}

func (c command) start(ctx context.Context, args []string) *exec.Cmd {
	x := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // running commands is what this program is for
	x.Dir, x.Env, x.Stderr = c.dir, c.env, new(bytes.Buffer)
	if x.Env == nil {
		x.Env = []string{"HOME=" + c.dir, "PATH=" + os.Getenv("PATH")}
	}
	return x
}

func (u *usage) add(p *os.ProcessState) {
	u.cpu += p.UserTime() + p.SystemTime()
	if r, ok := p.SysUsage().(*syscall.Rusage); ok {
		u.rss = max(u.rss, r.Maxrss*1024)
	}
}

// compare runs every command n times, one after the other in each round, so
// that whatever else the machine does is shared among them, and returns the
// medians. A first round warms the caches and is not counted.
func compare(n int, commands ...command) ([]usage, error) {
	runs := make([][]usage, len(commands))
	for round := range n + 1 {
		for i := range commands {
			i = (i + round) % len(commands)
			u, err := commands[i].measure()
			if err != nil {
				return nil, err
			}
			if round > 0 {
				runs[i] = append(runs[i], u)
			}
		}
	}
	out := make([]usage, len(commands))
	for i, list := range runs {
		out[i] = median(list)
	}
	return out, nil
}

func median(list []usage) usage {
	return usage{
		wall: middle(list, func(u usage) time.Duration { return u.wall }),
		cpu:  middle(list, func(u usage) time.Duration { return u.cpu }),
		best: slices.MinFunc(list, func(a, b usage) int { return cmp.Compare(a.wall, b.wall) }).wall,
		rss:  middle(list, func(u usage) int64 { return u.rss }),
	}
}

func middle[T int64 | time.Duration](list []usage, of func(usage) T) T {
	values := make([]T, len(list))
	for i, u := range list {
		values[i] = of(u)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
