package sigstore

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/tuf"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A copy is the local copy of a mirror that was asked once.
type copied struct {
	*mirror
	t     *testing.T
	cache string
	dir   string
	notes []string
}

func newCopy(t *testing.T) *copied {
	t.Helper()
	m := newMirror(t, publicGoodRoot, time.Now().Add(time.Hour))
	c := &copied{mirror: m, t: t, cache: t.TempDir()}
	c.dir = filepath.Join(c.cache, tuf.URLToPath(m.URL))
	m.publish(2)
	if err := c.ask(); err != nil || len(c.notes) != 0 {
		t.Fatalf("the first time: %v, said %q", err, c.notes)
	}
	return c
}

// ask fetches the trusted root as if the copy were a day old.
func (c *copied) ask() error {
	c.t.Helper()
	c.notes = nil
	if err := os.RemoveAll(c.dir + ".json"); err != nil {
		c.t.Fatal(err)
	}
	r, err := PublicGood().TrustedRoot(c.t.Context(), TUF{
		Mirror: c.URL, Root: c.root, Cache: c.cache, Now: time.Now(),
		Note: func(s string) { c.notes = append(c.notes, s) },
	})
	if err == nil && r.Digest() != subject.Sum(publicGoodRoot) {
		c.t.Errorf("digest = %s, want that of the root that the mirror has", r.Digest())
	}
	return err
}

func (c *copied) replace(name string, content []byte) {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.RemoveAll(path); err != nil {
		c.t.Fatal(err)
	}
	var err error
	if content == nil {
		err = os.MkdirAll(filepath.Join(path, "x"), 0o755)
	} else {
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *copied) file(name string) []byte {
	c.t.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

// A copy that is older than the repository says so by being older: the
// repository was rolled back, and no copy is put aside for it.
func TestL01_a_repository_that_was_rolled_back(t *testing.T) {
	c := newCopy(t)
	c.publish(3)
	if err := c.ask(); err != nil {
		t.Fatalf("a newer repository: %v", err)
	}
	before := c.file("timestamp.json")
	c.publish(2)
	err := c.ask()
	if f := fault.Of(err); err == nil || f.Kind != fault.Refused || f.Code != fault.TrustRoot {
		t.Errorf("rolled back: %v, want it refused", err)
	}
	if len(c.notes) != 0 || !bytes.Equal(before, c.file("timestamp.json")) {
		t.Errorf("said %q, want the copy as it was", c.notes)
	}
	c.publish(3)
	if err := c.ask(); err != nil {
		t.Errorf("as it was before: %v", err)
	}
}

// A copy that is broken is put aside, said, and made anew: it is neither fatal
// nor believed. The next time there is nothing to say.
func TestL01_a_broken_copy_is_put_aside(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(c *copied)
		said string
	}{
		"no JSON": {func(c *copied) { c.replace("timestamp.json", []byte("garbage")) },
			`"timestamp.json" is no TUF metadata`},
		"empty": {func(c *copied) { c.replace("snapshot.json", []byte{}) },
			`"snapshot.json" is no TUF metadata`},
		"truncated": {func(c *copied) { c.replace("targets.json", c.file("targets.json")[:100]) },
			`"targets.json" is no TUF metadata`},
		"of another role": {func(c *copied) { c.replace("snapshot.json", c.file("targets.json")) },
			`"snapshot.json" is no TUF metadata`},
		"too large": {func(c *copied) { c.replace("targets.json", bytes.Repeat([]byte(" "), maxCopied+1)) },
			"more than"},
		"a directory": {func(c *copied) { c.replace("timestamp.json", nil) },
			`"timestamp.json": not a regular file`},
		"a target that is": {func(c *copied) { c.replace("targets/trusted_root.json", nil) }, "is not a regular file"},
		"no directory of targets": {func(c *copied) {
			c.replace("targets", []byte("x"))
		}, `"targets": `},
		"a link": {func(c *copied) {
			c.replace("timestamp.json", []byte("x"))
			_ = os.Remove(filepath.Join(c.dir, "timestamp.json"))
			if err := os.Symlink("/etc/passwd", filepath.Join(c.dir, "timestamp.json")); err != nil {
				c.t.Fatal(err)
			}
		}, "not a regular file"},
		"a file in its place": {func(c *copied) {
			_ = os.RemoveAll(c.dir)
			if err := os.WriteFile(c.dir, []byte("x"), 0o600); err != nil {
				c.t.Fatal(err)
			}
		}, "it is a file"},
		"of another repository": {func(c *copied) {
			other := newCopy(c.t)
			_ = os.RemoveAll(c.dir)
			if err := os.Rename(other.dir, c.dir); err != nil {
				c.t.Fatal(err)
			}
		}, `"root.json" is of another repository`},
	} {
		t.Run(name, func(t *testing.T) {
			x := newCopy(t)
			c.do(x)
			if err := x.ask(); err != nil {
				t.Fatalf("%v, want a new copy", err)
			}
			if len(x.notes) != 1 || !strings.Contains(x.notes[0], c.said) ||
				!strings.Contains(x.notes[0], fmt.Sprintf("put aside as %q", x.dir+".broken")) {
				t.Errorf("said %q, want %q and where the copy is now", x.notes, c.said)
			}
			if _, err := os.Lstat(x.dir + ".broken"); err != nil {
				t.Errorf("the broken copy is not there: %v", err)
			}
			if err := x.ask(); err != nil || len(x.notes) != 0 {
				t.Errorf("the next time: %v, said %q, want nothing", err, x.notes)
			}
			x.publish(1)
			if err := x.ask(); err == nil {
				t.Error("the new copy does not notice a repository that was rolled back")
			}
		})
	}
}

// Files that are well formed and not signed by the repository are not believed,
// whatever they say, and are written over.
func TestL01_a_copy_of_strangers_is_not_believed(t *testing.T) {
	c, other := newCopy(t), newCopy(t)
	other.publish(900)
	if err := other.ask(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"timestamp.json", "snapshot.json", "targets.json"} {
		c.replace(name, other.file(name))
	}
	c.replace("targets/trusted_root.json", []byte(`{"evil":true}`))
	if err := c.ask(); err != nil {
		t.Errorf("%v, want the repository's own", err)
	}
	if !bytes.Equal(c.file("targets/trusted_root.json"), publicGoodRoot) {
		t.Error("the copy still has the bytes of strangers")
	}
}

// Where a copy can be neither kept nor put aside it is not used, which is said:
// nobody would notice a repository that is rolled back.
func TestTUF_a_copy_that_cannot_be_kept_is_said(t *testing.T) {
	m := newMirror(t, publicGoodRoot, time.Now().Add(time.Hour))
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var notes []string
	o := TUF{Mirror: m.URL, Root: m.root, Cache: filepath.Join(file, "cache"), Now: time.Now(),
		Note: func(s string) { notes = append(notes, s) }}
	if _, err := PublicGood().TrustedRoot(t.Context(), o); err != nil {
		t.Errorf("no directory for the copy: %v", err)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "rolled back is not noticed") &&
		!strings.Contains(notes[0], "is not used") {
		t.Errorf("said %q, want that no copy is kept", notes)
	}
}
