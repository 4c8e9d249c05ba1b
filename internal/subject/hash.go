package subject

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// bufferSize is how much of a file is read at once: enough that reading costs
// little, and little enough to stay in the processor's cache.
const bufferSize = 1 << 18

// hashFiles returns the subjects of names, in their order. Names are handed out
// in order, and whoever takes one hashes it; so when a bad name stops the work,
// all names before it are done and the first error is always the same.
func hashFiles(ctx context.Context, root *os.Root, names []string, workers int) ([]Subject, error) {
	subjects := make([]Subject, len(names))
	errs := make([]error, len(names))
	var next atomic.Int64
	var stop atomic.Bool
	work := func() {
		buf := make([]byte, bufferSize)
		for !stop.Load() {
			i := int(next.Add(1)) - 1
			if i >= len(names) {
				return
			}
			var d Digest
			d, errs[i] = hashFile(ctx, root, names[i], buf)
			subjects[i] = Subject{Name: names[i], Digest: d}
			if errs[i] != nil {
				stop.Store(true)
			}
		}
	}
	var wg sync.WaitGroup
	for range max(1, min(workers, len(names))) {
		wg.Go(work)
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return subjects, nil
}

// hashFile returns the digest of the regular file name. It opens without
// waiting, so that a named pipe is refused and not waited for. Afterwards the
// name must lead to the very file that is open, and that file must be as before.
func hashFile(ctx context.Context, root *os.Root, name string, buf []byte) (Digest, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return Digest{}, changed(name)
	}
	if err != nil {
		return Digest{}, badPath("opening %q: %w", name, fault.Cause(err))
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return Digest{}, badPath("looking at %q: %w", name, fault.Cause(err))
	}
	if !before.Mode().IsRegular() {
		return Digest{}, notRegular(name, before.Mode())
	}
	d, n, err := hash(ctx, f, buf)
	if ctx.Err() != nil {
		return Digest{}, fault.Errorf("hashing %q: %w", name, ctx.Err())
	}
	if err != nil {
		return Digest{}, badPath("reading %q: %w", name, fault.Cause(err))
	}
	after, err := root.Stat(name)
	if err != nil || n != before.Size() || !same(before, after) {
		return Digest{}, changed(name)
	}
	return d, nil
}

// hash reads r to its end, through buf.
func hash(ctx context.Context, r io.Reader, buf []byte) (d Digest, n int64, err error) {
	h := sha256.New()
	for {
		if err := ctx.Err(); err != nil {
			return Digest{}, n, err
		}
		m, err := r.Read(buf)
		h.Write(buf[:m])
		n += int64(m)
		if err == io.EOF {
			return SHA256([32]byte(h.Sum(nil))), n, nil
		}
		if err != nil {
			return Digest{}, n, err
		}
	}
}

// same reports whether a and b are one file with nothing written in between.
func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() &&
		a.ModTime().Equal(b.ModTime()) && changeTime(a) == changeTime(b)
}

func changed(name string) error {
	return fault.New(fault.Refused, fault.TOCTOU, "wait until the build has finished writing", "%q changed while it was hashed", name)
}
