package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	places "github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// chosen is what a command was asked about.
type chosen struct {
	list  []subject.Subject
	oci   *places.OCI               // nil if nothing is an image
	files map[subject.Digest]string // paths of those that are files
}

// reach says how far a command may reach for files.
type reach int

const (
	workspace reach = iota // nothing outside the working directory
	anywhere               // any path a person types
)

func (r *run) subjects(how reach) (chosen, error) {
	c := chosen{files: map[subject.Digest]string{}}
	if err := r.expanded(); err != nil {
		return c, err
	}
	sel := subject.Selection{}
	var err error
	if args := r.in.Subject; len(args) > 0 {
		if sel, err = subject.Parse(args); err != nil {
			return c, err
		}
	} else if r.in.Checksums == "" {
		return c, fault.New(fault.Usage, fault.Config, "name files, directories, globs, images or digests", "no subject is named")
	}
	sets := [][]subject.Subject{sel.Digests}
	for _, f := range []func(subject.Selection, reach) ([]subject.Subject, error){c.layouts, r.files, r.checksums} {
		s, err := f(sel, how)
		if err != nil {
			return c, err
		}
		sets = append(sets, s)
	}
	images, err := r.images(&c, sel)
	if err != nil {
		return c, err
	}
	for _, s := range sets[2] {
		c.files[s.Digest] = s.Name
	}
	given, err := r.given(&c, sel, how)
	if err != nil {
		return c, err
	}
	c.list, err = subject.Merge(append(sets, images, given)...)
	return c, err
}

// given hashes the files that the call gives a name to.
func (r *run) given(c *chosen, sel subject.Selection, how reach) ([]subject.Subject, error) {
	var out []subject.Subject
	for _, g := range sel.Given {
		s, err := r.files(subject.Selection{Patterns: []string{g.Path}}, how)
		if f := fault.Of(err); err != nil {
			return nil, fault.New(f.Kind, f.Code, fmt.Sprintf("if the file itself is called so, write it as ./%s=%s", g.Name, g.Path), "%s=%s: %w", g.Name, g.Path, err)
		}
		if len(s) != 1 {
			return nil, usage("%s=%s gives one name to %d files", g.Name, g.Path, len(s))
		}
		c.files[s[0].Digest] = s[0].Name
		out = append(out, subject.Subject{Name: g.Name, Digest: s[0].Digest, Given: true})
	}
	return out, nil
}

// sha256 refuses subjects that are known by another digest, in a command that
// states something about them.
func (c chosen) sha256() error {
	for _, s := range c.list {
		if a := s.Digest.Algorithm(); a != subject.AlgSHA256 {
			return usage("subject %q is named by a %s digest, and statements of ours name artifacts by sha256", s.Name, a)
		}
	}
	return nil
}

func (chosen) layouts(sel subject.Selection, _ reach) ([]subject.Subject, error) {
	var out []subject.Subject
	for _, dir := range sel.Layouts {
		s, err := subject.Layout(dir)
		if err != nil {
			return nil, err
		}
		out = append(out, s...)
	}
	return out, nil
}

// files hashes what the patterns name. A path outside the working directory is
// hashed only for a command that promises nothing about a workspace, and then
// only as the one file that it is.
func (r *run) files(sel subject.Selection, how reach) ([]subject.Subject, error) {
	if len(sel.Patterns) == 0 {
		return nil, nil
	}
	workers, err := r.workers()
	if err != nil {
		return nil, err
	}
	defer r.progress("hashing files")()
	var inside []string
	var out []subject.Subject
	for _, p := range sel.Patterns {
		target, alone := p, false
		if how == anywhere {
			target, alone = outside(p)
		}
		if !alone {
			inside = append(inside, target)
			continue
		}
		s, err := subject.Files(r.ctx, filepath.Dir(target), []string{literal.Replace(filepath.Base(target))}, workers)
		if err != nil {
			return nil, err
		}
		for i := range s {
			s[i].Name = filepath.ToSlash(filepath.Join(filepath.Dir(p), filepath.Base(p), strings.TrimPrefix(s[i].Name, filepath.Base(target))))
		}
		out = append(out, s...)
	}
	if len(inside) == 0 {
		return out, nil
	}
	s, err := subject.Files(r.ctx, ".", inside, workers)
	return append(out, s...), err
}

// literal makes a pattern of a name.
var literal = strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]")

// outside returns what a path that a person typed leads to, and whether it has
// to be read by itself, because it does not stay in the working directory.
func outside(p string) (target string, alone bool) {
	clean := filepath.Clean(p)
	info, err := os.Lstat(clean)
	switch {
	case err == nil && info.Mode()&os.ModeSymlink != 0:
		if end, err := filepath.EvalSymlinks(clean); err == nil {
			return end, true
		}
		return clean, true
	case filepath.IsLocal(clean):
		return filepath.ToSlash(clean), false
	default:
		return clean, true
	}
}

func (r *run) checksums(_ subject.Selection, how reach) ([]subject.Subject, error) {
	path := r.in.Checksums
	if path == "" {
		return nil, nil
	}
	read := content
	if how == workspace {
		read = handedOver
	}
	b, err := read(path, subject.MaxChecksumBytes)
	if err != nil {
		return nil, err
	}
	return subject.Checksums(b, path)
}

// images asks registries for the digest of each tag, once; from here on only
// digests are spoken of.
func (r *run) images(c *chosen, sel subject.Selection) ([]subject.Subject, error) {
	if len(sel.Images) == 0 {
		return nil, nil
	}
	c.oci = places.NewOCI(nil, places.OCIOptions{})
	var out []subject.Subject
	for _, i := range sel.Images {
		if r.in.Offline {
			if i.Digest == nil {
				return nil, usage("image %q has no digest, and asking for it needs a connection", i)
			}
			out = append(out, subject.Subject{Name: i.String(), Digest: *i.Digest})
			continue
		}
		_, s, err := c.oci.Resolve(r.ctx, i.String())
		if err != nil {
			return nil, err
		}
		if i.Tag != "" {
			r.say("%s is %s", i, s.Digest)
		}
		out = append(out, s)
	}
	return out, nil
}

// open opens the file behind a subject once more; nil if it is not a file.
func (c chosen) open(s subject.Subject) (io.ReadCloser, error) {
	path, ok := c.files[s.Digest]
	if !ok {
		return nil, nil
	}
	f, err := file.Open(filepath.FromSlash(path))
	if err != nil {
		return nil, fault.New(fault.Refused, fault.TOCTOU, "", "reading artifact %q again: %w", s.Name, err)
	}
	return f, nil
}

// sums reads the file behind a subject once more and returns all digests of its
// bytes, or nil if it is not a file.
func (c chosen) sums(s subject.Subject) (*subject.Sums, error) {
	f, err := c.open(s)
	if f == nil || err != nil {
		return nil, err
	}
	defer f.Close()
	sums, err := subject.SumAll(f)
	if err != nil {
		return nil, fault.New(fault.Refused, fault.TOCTOU, "", "reading artifact %q again: %w", s.Name, err)
	}
	return &sums, nil
}

// imageNames returns the subjects that are images, as NAME@sha256:HEX.
func (c chosen) imageNames() []string {
	var out []string
	for _, s := range c.list {
		if c.oci == nil || !c.oci.Has(s) {
			continue
		}
		name, _, _ := strings.Cut(s.Name, "@")
		if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
			name = name[:i]
		}
		out = append(out, name+"@"+s.Digest.String())
	}
	slices.Sort(out)
	return out
}

func (c chosen) digests() string {
	seen := map[subject.Digest]bool{}
	var out []string
	for _, s := range c.list {
		if !seen[s.Digest] {
			seen[s.Digest] = true
			out = append(out, s.Digest.String())
		}
	}
	return strings.Join(out, " ")
}
