package cli

import (
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/starter"
)

// removeInputs is what remove alone is told.
type removeInputs struct {
	Root string `input:"root"`
}

// removeCommand takes out what init has written. What a person has changed since stays, and
// is said.
func removeCommand(r *run, in removeInputs) (answer, error) {
	if err := r.atTerminal(); err != nil {
		return answer{}, err
	}
	c, err := openClone(in.Root)
	if err != nil {
		return answer{}, err
	}
	defer c.root.Close()
	all, left, err := removal(c)
	if err != nil {
		return answer{}, err
	}
	if err := r.showFiles(all); err != nil {
		return answer{}, err
	}
	changed := false
	for _, x := range all {
		if x.Same() {
			continue
		}
		changed = true
		if err := c.apply(x); err != nil {
			return answer{}, err
		}
	}
	if len(left) > 0 {
		return answer{}, fault.New(fault.Usage, fault.Config, "take out by hand what nobody needs any more",
			"this stays, because it is not as init wrote it: %s", strings.Join(left, "; "))
	}
	if !changed {
		r.say("nothing that init writes is here: nothing to do")
	}
	return done, nil
}

// removal is what changes, and what stays.
func removal(c clone) (all []starter.Change, left []string, err error) {
	wired, err := wiredFiles(c)
	if err != nil {
		return nil, nil, err
	}
	for _, x := range wired {
		after, more := unwired(x.Path, x.Before)
		x.After = after
		all, left = append(all, x), append(left, more...)
	}
	raw, err := c.read(policyPath, maxWired)
	if err != nil {
		return nil, nil, err
	}
	if raw != nil && !starter.AsWritten(raw) {
		left = append(left, policyPath)
	}
	for _, name := range []string{policyPath, rootPath, configPath} {
		before, err := c.read(name, maxWired)
		if err != nil {
			return nil, nil, err
		}
		if before != nil && starter.AsWritten(raw) {
			all = append(all, starter.Change{Path: name, Before: before})
		}
	}
	for _, name := range []string{starter.Attributes, starter.Ignores} {
		before, err := c.read(name, maxWired)
		if err != nil {
			return nil, nil, err
		}
		if raw == nil || starter.AsWritten(raw) {
			all = append(all, starter.WithoutGitLines(name, before))
		}
	}
	return all, left, nil
}
