package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A target is a file or directory that a command writes to.
type target struct{ input, path string }

// The inputs that name what a command writes or deletes, and what it reads besides.
var (
	writtenInputs = []string{"verdict", "bundle-dir", "output", "input", "keep-evidence", "export", "record", "html"}
	readInputs    = []string{"policy", "checksums", "predicate", "signing-config", "trusted-root", "manifest"}
)

// targets returns what the command writes to or deletes, of itself and because
// an input says so.
func (r *run) targets() []target {
	var out []target
	for _, name := range writtenInputs {
		if p := r.text(name); p != "" {
			out = append(out, target{"--" + name, p})
		}
	}
	if p := r.text("reproduction"); p != "" && r.component.Name == "rebuild" { // attest reads it
		out = append(out, target{"--reproduction", p})
	}
	for _, o := range r.component.Outputs {
		if o.Name == "checksums" {
			out = append(out, target{"the list of what is allowed", r.component.Allowed()})
		}
	}
	if r.component.Identity == inputs.Signs {
		for _, s := range r.in.Store {
			if dir, ok := strings.CutPrefix(s, "dir:"); ok {
				out = append(out, target{"--store", dir})
			}
		}
	}
	if _, named := r.component.Input("verdict"); !named && slices.ContainsFunc(r.component.Outputs,
		func(o inputs.Output) bool { return o.Name == "verdict" }) {
		out = append(out, target{"the verdict", inputs.VerdictPath})
	}
	if p := r.component.Tests(); p != "" {
		out = append(out, target{"the report of tests", p})
	}
	return append(out, target{"the report of the outputs", r.component.Dotenv()})
}

// guardTargets refuses a job whose command would write outside of the directory
// that it runs in, by way of a link, or in the place of what it reads.
func (r *run) guardTargets() error {
	if r.platform == nil {
		return r.guardOutputs()
	}
	if r.component.Name == "explain" {
		return nil
	}
	for _, t := range r.targets() {
		name, ok := beneath(t.path)
		if !ok {
			return fault.New(fault.Usage, fault.Path, "name a path below the directory that the job runs in",
				"%s would be written to %q, which is outside of it", t.input, t.path)
		}
		if err := unlinked(name); err != nil {
			return fault.New(fault.Refused, fault.Path,
				"name a path that has no link in it and may be looked at", "%s would be written to %q: %w",
				t.input, t.path, err)
		}
		if taken := r.reads(filepath.ToSlash(name)); taken != "" {
			return fault.New(fault.Usage, fault.Path, "name another path",
				"%s would be written to %q, which is %s", t.input, t.path, taken)
		}
	}
	return nil
}

// unlinked returns an error if a part of name, a path below the working
// directory, is a link.
func unlinked(name string) error {
	link, err := firstLink(name)
	if err == nil && link != "" {
		err = fmt.Errorf("%q is a link", link)
	}
	return err
}

// firstLink returns the first part of name, a path below the working directory,
// that is a link, or "". What is not there has no links.
func firstLink(name string) (string, error) {
	part := ""
	for segment := range strings.SplitSeq(filepath.ToSlash(filepath.Clean(name)), "/") {
		part = path.Join(part, segment)
		info, err := os.Lstat(part)
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("looking at %q: %w", part, file.Cause(err))
		}
		if info.Mode().Type() == fs.ModeSymlink {
			return part, nil
		}
	}
	return "", nil
}

// reads returns what name, a path below the working directory, is to the command
// besides a place to write to, or "".
func (r *run) reads(name string) string {
	is := func(other string) bool {
		rel, ok := beneath(other)
		return ok && path.Clean(filepath.ToSlash(rel)) == path.Clean(name)
	}
	for _, input := range readInputs {
		if p := r.text(input); p != "" && is(p) {
			return "what --" + input + " reads"
		}
	}
	for _, b := range r.in.Bundle {
		if info, err := os.Stat(b); err == nil && !info.IsDir() && is(b) {
			return "a bundle to read"
		}
	}
	sel, err := subject.Parse(r.in.Subject)
	if err != nil {
		return "" // reading the subjects says what is wrong
	}
	patterns := slices.Clone(sel.Patterns)
	for _, g := range sel.Given {
		patterns = append(patterns, g.Path)
	}
	for _, p := range patterns {
		if subject.Match(p, name) || is(p) {
			return fmt.Sprintf("one of the subjects that %q names", p)
		}
	}
	for _, dir := range slices.Concat(patterns, sel.Layouts) {
		if rel, ok := beneath(dir); ok && strings.HasPrefix(name, path.Clean(filepath.ToSlash(rel))+"/") {
			return fmt.Sprintf("inside the subject %q", dir)
		}
	}
	return ""
}

// forget removes what an earlier gate said, so that no answer of then passes
// for one of now. In a job, a link in a place that nobody has named goes as well,
// and what it leads to stays.
func (r *run) forget() error {
	in, _ := r.component.Input("verdict")
	verdictFile := cmp.Or(r.text("verdict"), r.said("verdict"), in.Default)
	stale := []string{r.component.Dotenv(), r.component.Allowed(), r.component.Tests()}
	var err error
	if verdictFile != in.Default {
		err = earlier(verdictFile)
	}
	if err == nil {
		stale = append(stale, verdictFile)
	}
	if r.platform != nil {
		for _, p := range []string{r.component.Dotenv(), r.component.Allowed(), r.component.Tests(), in.Default} {
			err = errors.Join(err, unlink(p))
		}
	}
	return errors.Join(err, remove(stale...))
}

// unlink removes the first link on the way to name, if that is below the working
// directory; what is elsewhere is refused before anything is written there.
func unlink(name string) error {
	name, ok := beneath(name)
	if !ok {
		return nil
	}
	link, err := firstLink(name)
	if err == nil && link != "" {
		err = os.Remove(link)
	}
	if err != nil {
		return usage("what an earlier job left in the place of an answer, %q, cannot be removed: %w", name, fault.Cause(err))
	}
	return nil
}

// earlier refuses a verdict file in whose place something else is: an artifact,
// a policy or a bundle that somebody named by mistake.
func earlier(verdictFile string) error { return replaceable(verdictFile, "verdict", report.Schema) }

// replaceable refuses name, which an input says, if it is not a file that an earlier
// run has written there. mark stands in the first bytes of such a file.
func replaceable(name, input, mark string) error {
	const head = 512
	f, err := file.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return unwritable(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, head))
	if err != nil {
		return usage("reading %q: %w", name, fault.Cause(err))
	}
	if len(b) > 0 && !bytes.Contains(b, []byte(mark)) {
		return fault.New(fault.Usage, fault.Path, "name another file with "+input+", or remove this one",
			"%q is not the %s of an earlier run, and is not replaced by one", name, input)
	}
	return nil
}
