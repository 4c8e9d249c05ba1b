package cli

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/sallyport-dev/sallyport/internal/fault"
	places "github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// enterInputs is what enter alone is told.
type enterInputs struct {
	Passed string `input:"passed"`
}

// enterCommand is the gate again, in the job that deploys: over what the gate has
// passed on, for the environment that the job's own token names. What the gate
// said then counts for nothing: days may have passed, and the file is an
// artifact that a job before may have written.
func enterCommand(r *run, in enterInputs) (answer, error) {
	if err := errors.Join(r.forget(), r.vacate()); err != nil {
		return answer{}, err
	}
	if r.platform == nil {
		return answer{}, fault.New(fault.Usage, fault.Config, "to judge evidence alone, use sallyport verify --policy",
			"enter is a part of the job that deploys, and no platform runs this")
	}
	a, err := r.admit("this job's environment", r.platform.Enters, func() (chosen, error) {
		passed, err := r.passedOn(in.Passed)
		if err != nil {
			return chosen{}, err
		}
		return r.deployed(passed)
	})
	if err == nil && a.verdict.Watched && in.Passed == "file" {
		err = remove(r.text("checksums")) // under watch nothing stays that passes for a yes
	}
	return a, err
}

// passedOn is what the gate has passed on.
func (r *run) passedOn(text string) ([]subject.Subject, error) {
	const ask = "let this job need the job of the gate, and take over its artifacts or its output digests; a gate that did not allow, or only watches, passes nothing on"
	if text != "file" {
		var out []subject.Subject
		for _, digest := range strings.Fields(text) {
			d, err := subject.ParseDigest(digest)
			if err != nil {
				return nil, usage("--passed %q, want digests as the gate's output has them: sha256:HEX separated by spaces", text)
			}
			out = append(out, subject.Subject{Name: digest, Digest: d})
		}
		if len(out) == 0 {
			return nil, fault.New(fault.Refused, fault.SubjectMismatch,
				"let the job of the gate say its outputs (outputs: digests: …), name that job under needs, and look for a misspelled name; a gate that did not allow, or only watches, passes nothing on",
				"no gate has passed anything on to this job: the input passed is empty")
		}
		return subject.Merge(out)
	}
	path := r.in.Checksums
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Refused, fault.SubjectMismatch, ask,
			"no gate has passed anything on to this job: there is no file %q", path)
	}
	return r.checksums(subject.Selection{}, workspace)
}

// within refuses names that lead out of the directory: a script that reads a list
// of what is allowed opens what it names.
func within(list []subject.Subject) error {
	for _, s := range list {
		if path.IsAbs(s.Name) || slices.Contains(strings.Split(s.Name, "/"), "..") {
			return fault.New(fault.Refused, fault.Path, "write the list in the directory that its names begin at",
				"%q leads out of the directory that the job runs in", s.Name)
		}
	}
	return nil
}

// deployed are the subjects that this job is about: those that the call names,
// which have to be among what was passed on, or all of these.
func (r *run) deployed(passed []subject.Subject) (chosen, error) {
	r.in.Checksums = "" // they are passed
	if len(r.in.Subject) == 0 {
		return r.allPassed(passed)
	}
	c, err := r.subjects(workspace)
	if err != nil {
		return c, err
	}
	for _, s := range c.list {
		if !slices.ContainsFunc(passed, func(p subject.Subject) bool { return p.Digest == s.Digest }) {
			return c, fault.New(fault.Refused, fault.SubjectMismatch,
				"deploy what the gate has judged; if this is a later build, run the gate again",
				"%q is %s, which is not among the %d that the gate has passed on", s.Name, s.Digest, len(passed))
		}
	}
	return c, nil
}

// allPassed makes subjects of what was passed on. A file that is here by that name
// has to be the one, and an image is one that its registry has.
func (r *run) allPassed(passed []subject.Subject) (chosen, error) {
	c := chosen{files: map[subject.Digest]string{}}
	var images []subject.Image
	for _, s := range passed {
		path, info, err := here(s.Name)
		if err != nil {
			return c, err
		}
		if info != nil {
			if err := r.same(s, path, info.IsDir()); err != nil {
				return c, err
			}
			if !info.IsDir() {
				c.files[s.Digest] = path
			}
			continue
		}
		if i, err := subject.ParseImage(s.Name); err == nil && i.Digest != nil && *i.Digest == s.Digest {
			images = append(images, i)
		}
	}
	c.list = passed
	if len(images) == 0 {
		return c, nil
	}
	c.oci = places.NewOCI(nil, places.OCIOptions{})
	for _, i := range images {
		if _, _, err := c.oci.Resolve(r.ctx, i.Repository+"@"+i.Digest.String()); err != nil {
			return c, err
		}
	}
	return c, nil
}

// here finds what is in the working directory by a name of the list: a file, or the
// directory of an image, whose reference name may follow after a colon. What may not
// be looked at is an error.
func here(name string) (string, fs.FileInfo, error) {
	for _, path := range []string{name, name[:max(0, strings.LastIndexByte(name, ':'))]} {
		if !filepath.IsLocal(path) {
			continue
		}
		info, err := os.Lstat(filepath.FromSlash(path))
		switch {
		case err == nil && (path == name || info.IsDir()):
			return path, info, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
			return "", nil, fault.New(fault.Refused, fault.Path, "let the job read what it deploys, or take it out of the way",
				"%q is on the gate's list and cannot be looked at: %w", path, fault.Cause(err))
		}
	}
	return "", nil, nil
}

// same refuses a file, or a directory with an image, that is another one than the
// gate has judged.
func (r *run) same(s subject.Subject, path string, directory bool) error {
	var found []subject.Subject
	var err error
	if directory {
		found, err = subject.Layout(path)
	} else {
		found, err = r.files(subject.Selection{Patterns: []string{literal.Replace(path)}}, workspace)
	}
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(found, func(f subject.Subject) bool { return f.Digest == s.Digest }) {
		return fault.New(fault.Refused, fault.SubjectMismatch,
			"let nothing between the gate and the deployment write it; if it was built anew, run the gate again",
			"%q here is not the one that the gate has passed on, which is %s", s.Name, s.Digest)
	}
	return nil
}
