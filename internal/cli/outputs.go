package cli

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/sallyport-dev/sallyport/internal/build"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/report"
)

// An output is a file that run, rebuild or manifest writes: what it is in words, and what one of ours looks like.
type output struct {
	input, path, what string
	always            bool // the name is ours: what lies there goes, whatever it holds
	ours              func(b []byte) bool
}

// outputs are the files that a command about builds writes. Others sign them, or look at them as this command's word.
func (r *run) outputs() (all []output) {
	add := func(name, suffix, what string, ours func(b []byte) bool) {
		in, known := r.component.Input(name)
		if path := cmp.Or(r.text(name), r.said(name), in.Default); known && path != "" {
			all = append(all, output{"--" + name, path + suffix, what, path == in.Default, ours})
		}
	}
	switch r.component.Name {
	case "run":
		add("record", "", "build manifest", ofManifest)
		add("record", ".log", "log of a build", ofLog)
	case "rebuild":
		add("reproduction", "", "reproduction", ofReproduction)
		add("html", "", "page", ofPage)
	case "manifest":
		add("html", "", "page", ofPage)
	}
	return all
}

func ofManifest(b []byte) bool {
	_, err := material.Read(b)
	return err == nil || bytes.HasPrefix(b, []byte("{")) && bytes.Contains(b, []byte(`"recordedBy"`))
}

// ofReproduction takes each text that attest would sign for one of ours.
func ofReproduction(b []byte) bool {
	_, err := material.ReadReproduction(b)
	return err == nil || bytes.HasPrefix(b, []byte("{")) && bytes.Contains(b, []byte(`"rebuilder"`))
}

func ofLog(b []byte) bool { return bytes.HasPrefix(b, []byte(`{"type":"`+build.LogType+`"}`)) }

func ofPage(b []byte) bool {
	const head = 1024
	return bytes.Contains(b[:min(len(b), head)], []byte(report.PageMark))
}

// vacateOutputs removes what lies where a command about builds is going to write, before it reads anything: what an
// earlier job has handed over never passes for the answer of this one, however this one ends. A file that is not ours
// stays, and is refused. In a job a link on the way goes as well, and what it leads to stays.
func (r *run) vacateOutputs() (failed error) {
	all := r.outputs()
	for i, o := range all {
		failed = errors.Join(failed, r.vacateOutput(o))
		same := func(x output) bool { return filepath.Clean(x.path) == filepath.Clean(o.path) }
		if slices.ContainsFunc(all[:i], same) {
			failed = errors.Join(failed, fault.New(fault.Usage, fault.Path, "name another path for one of them",
				"%q is named for two files", o.path))
		}
	}
	return failed
}

func (r *run) vacateOutput(o output) error {
	name, below := beneath(o.path)
	switch {
	case !below && r.platform != nil:
		return nil // it was refused
	case below && r.platform != nil:
		if err := unlink(name); err != nil {
			return err
		}
	case below:
		if err := unlinked(name); err != nil {
			return linkedOutput(o.input, o.path, err)
		}
	}
	if o.always && r.reads(filepath.ToSlash(name)) == "" {
		return remove(o.path)
	}
	f, err := file.Open(o.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return unwritable(err)
	}
	// No command reads a longer one, and of a log this is enough.
	b, err := io.ReadAll(io.LimitReader(f, material.MaxBytes))
	if err = errors.Join(err, f.Close()); err != nil {
		return usage("reading %q: %w", o.path, fault.Cause(err))
	}
	if len(b) == 0 || o.ours(bytes.TrimSpace(b)) {
		return remove(o.path)
	}
	return fault.New(fault.Usage, fault.Path, "name another file, or remove this one",
		"%s names %q, which is no %s of an earlier run: it stays as it is", o.input, o.path, o.what)
}

func linkedOutput(input, path string, err error) error {
	return fault.New(fault.Refused, fault.Path, "name a path that has no link in it and may be looked at",
		"%s would be written to %q: %w", input, path, err)
}

// guardOutputs refuses at a terminal what a job refuses, for the files that a command about builds writes: a
// repository that somebody has cloned may hold a link, and a path may be one that the command reads.
func (r *run) guardOutputs() error {
	for _, o := range r.outputs() {
		name, ok := beneath(o.path)
		if !ok {
			continue
		}
		if err := unlinked(name); err != nil {
			return linkedOutput(o.input, o.path, err)
		}
		if taken := r.reads(filepath.ToSlash(name)); taken != "" {
			return fault.New(fault.Usage, fault.Path, "name another path",
				"%s would be written to %q, which is %s", o.input, o.path, taken)
		}
	}
	return nil
}

// unpiped lets writing to a closed pipe fail, in the place of ending the process, until the process ends: what is to be
// cleared up still is, and the exit status says what came of it. Programs that are started have the signal as before.
func unpiped() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
