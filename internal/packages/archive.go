package packages

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha1" //nolint:gosec // some old locks have no other
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/lockfile"
)

// Limits of one package. What is beyond them is not compared, and said so.
const (
	maxArchive  = 1 << 30 // bytes of an archive, and of a file
	maxUnpacked = 2 << 30 // bytes of all that is in one
	maxMembers  = 300_000 // of an archive or a folder
)

var errLarge = errors.New("it is larger than is read")

// reading says which file an error is about, without the names of packages of Go.
func reading(name string, err error) error {
	err = fault.Cause(err)
	for _, p := range []string{"zip: ", "gzip: ", "archive/tar: ", "dirhash: ", "flate: "} {
		if s, ok := strings.CutPrefix(err.Error(), p); ok {
			err = errors.New(s)
		}
	}
	return fault.Errorf("reading %q: %w", name, err)
}

// summed is the digest of a file by an algorithm, in hex.
func summed(name, alg string) (string, error) {
	h := hashOf(alg)
	if h == nil {
		return "", fault.Errorf("%q is no algorithm that is known here", alg)
	}
	f, err := file.Open(name)
	if err != nil {
		return "", err //nolint:wrapcheck // a phrase with the name already
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() > maxArchive {
		return "", reading(name, errLarge)
	}
	n, err := io.Copy(h, io.LimitReader(f, maxArchive+1))
	if err == nil && n > maxArchive {
		err = errLarge // it grew meanwhile
	}
	if err != nil {
		return "", reading(name, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func hashOf(alg string) hash.Hash {
	switch alg {
	case "sha1":
		return sha1.New() //nolint:gosec // see above
	case "sha256":
		return sha256.New()
	case "sha384":
		return sha512.New384()
	case "sha512":
		return sha512.New()
	}
	return nil
}

// A member is what of an archive a file has to be.
type member struct {
	raw string // its SHA-256, in hex
	// alike is another one that it may have: npm writes the first line of scripts without a carriage return.
	alike string
	twice bool
	other bool // it is a link or another thing without bytes
}

// bounds of what is in an archive.
type bounds struct {
	bytes   int64
	members int
}

// members are the digests of those members of a compressed tar archive that are wanted, by their names
// without the first folder. wanted is in order.
func members(archive string, wanted []string, most bounds) (map[string]member, error) {
	f, err := file.Open(archive)
	if err != nil {
		return nil, err //nolint:wrapcheck // a phrase with the name already
	}
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 64<<10))
	if err != nil {
		return nil, reading(archive, err)
	}
	bounded := &io.LimitedReader{R: z, N: most.bytes + 1}
	out, err := tarMembers(tar.NewReader(bounded), wanted, most.members)
	if bounded.N <= 0 {
		err = errLarge
	}
	if err != nil {
		return nil, reading(archive, err)
	}
	return out, nil
}

func tarMembers(t *tar.Reader, wanted []string, most int) (map[string]member, error) {
	out := map[string]member{}
	for n := 0; ; n++ {
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, err
		case n >= most:
			return nil, errLarge
		}
		_, name, ok := strings.Cut(path.Clean(h.Name), "/")
		if _, listed := slices.BinarySearch(wanted, name); !ok || !listed {
			continue
		}
		if h.Typeflag != tar.TypeReg {
			if _, had := out[name]; !had {
				out[name] = member{other: true}
			}
			continue
		}
		m, err := memberOf(t)
		if err != nil {
			return nil, err
		}
		had, again := out[name]
		m.twice = again && !had.other
		out[name] = m
	}
}

// memberOf reads one member.
func memberOf(r io.Reader) (member, error) {
	b := bufio.NewReaderSize(r, 8<<10)
	head, err := b.Peek(2048)
	if err != nil && !errors.Is(err, io.EOF) {
		return member{}, err
	}
	raw, alike := sha256.New(), sha256.New()
	first, _, found := bytes.Cut(head, []byte("\r\n"))
	isScript := found && bytes.HasPrefix(first, []byte("#!")) && !bytes.Contains(first, []byte("\n"))
	into := io.Writer(raw)
	if isScript {
		raw.Write(head[:len(first)+2])
		alike.Write(first)
		alike.Write([]byte("\n"))
		if _, err := b.Discard(len(first) + 2); err != nil {
			return member{}, err
		}
		into = io.MultiWriter(raw, alike)
	}
	if _, err := io.Copy(into, b); err != nil {
		return member{}, err
	}
	m := member{raw: hex.EncodeToString(raw.Sum(nil))}
	if isScript {
		m.alike = hex.EncodeToString(alike.Sum(nil))
	}
	return m, nil
}

// fromArchive compares an archive with the digests of a lock, and the opened files of a package with what is in
// it. own are files that a package manager puts there itself.
func (n naming) fromArchive(archive string, j *job, own ...string) outcome {
	if o := n.archive(archive); o.state != Locked {
		return o
	}
	open := slices.DeleteFunc(slices.Clone(j.open), func(f string) bool {
		return f == "" || slices.Contains(own, f)
	})
	inside, err := members(archive, open, bounds{maxUnpacked, maxMembers})
	if err != nil {
		return n.named("its archive cannot be read: %v", err)
	}
	o := n.outcome(Locked)
	var absent []string
	for _, f := range open {
		m, ok := inside[f]
		switch {
		case !ok && !n.mayHave(j, f):
			return n.other(fault.Text("%q is there", f), "no such file in the package")
		case !ok || m.other:
			absent = append(absent, f)
			continue
		}
		got, err := summed(filepath.Join(j.at, filepath.FromSlash(f)), "sha256")
		switch {
		case err != nil:
			o = o.worse(n.named("%q cannot be read any more: %v", f, fault.Cause(err)))
		case m.twice:
			o = o.worse(n.named("its archive has %q twice", f))
		case got != m.raw && got != m.alike:
			return n.other(fault.Text("%q has sha256 %s", f, got), "sha256 "+m.raw)
		}
	}
	if len(absent) > 0 {
		o = o.worse(n.named("its archive has not %d of the files, the first is %q", len(absent), absent[0]))
	}
	return o
}

// mayHave reports whether a file that its archive has not may lie in the folder of a package: the build has made it,
// a script of the package may have made it when it was installed, or npm has given it this name.
func (n naming) mayHave(j *job, f string) bool {
	return n.entry.Scripts || path.Base(f) == ".npmignore" ||
		j.made != nil && j.made(filepath.Join(j.at, filepath.FromSlash(f)))
}

// archive compares an archive with the digests of a lock.
func (n naming) archive(archive string) outcome {
	want := n.entry.Strongest()
	if len(want) == 0 {
		return n.named("the lock has no digest of it")
	}
	got, err := summed(archive, want[0].Alg)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return n.named("its archive is not in the cache")
	case err != nil:
		return n.named("its archive cannot be read: %v", err)
	}
	if !slices.Contains(want, lockfile.Digest{Alg: want[0].Alg, Hex: got}) {
		return n.other(
			fault.Text("%q has %s %s", filepath.Base(archive), want[0].Alg, got),
			want[0].Alg+" "+want[0].Hex,
		)
	}
	return n.outcome(Locked)
}
