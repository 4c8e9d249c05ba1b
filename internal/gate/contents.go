package gate

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/sallyport-dev/sallyport/internal/contents"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Open opens the artifact behind a subject once more, for what people install of it; nil if there is no
// file.
type Open func(subject.Subject) (io.ReadCloser, error)

// lookInside reads what people install of each candidate that is a file. Where the policy does not
// judge that, only what is a package is kept: the next gate can compare with it.
func (g *Gate) lookInside(ctx context.Context, in *policy.Input) error {
	if g.Open == nil {
		return nil
	}
	judged := g.Policy.Judges(in.Environment)
	for i := range in.Candidates {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("looking into artifacts: %w", err)
		}
		p, err := g.inside(in.Candidates[i].Subject)
		if err != nil {
			return err
		}
		if p != nil && (judged || p.IsRead()) {
			in.Candidates[i].Package = p
		}
	}
	return nil
}

// inside reads the package that a subject is; nil if there is no file. What was read has to be the
// bytes that the subject names.
func (g *Gate) inside(s subject.Subject) (*contents.Package, error) {
	f, err := g.Open(s)
	if f == nil || err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	r := io.TeeReader(f, h)
	p, err := contents.Read(s.Name, r)
	if err != nil {
		var about bool
		if p, about = contents.Unread(err); !about {
			return nil, fault.New(fault.Refused, fault.TOCTOU, "", "reading artifact %q again: %w", s.Name, err)
		}
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return nil, fault.New(fault.Refused, fault.TOCTOU, "", "reading artifact %q again: %w", s.Name, err)
	}
	if subject.SHA256([32]byte(h.Sum(nil))) != s.Digest {
		return nil, fault.New(fault.Refused, fault.TOCTOU, "wait until the build has finished writing",
			"artifact %q changed while it was looked into", s.Name)
	}
	return &p, nil
}
