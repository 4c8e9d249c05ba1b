package gitobject_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sallyport-dev/sallyport/internal/gitobject"
)

// A checkout is a repository that git itself has made.
type checkout struct {
	t   *testing.T
	dir string
}

func repository(t *testing.T, args ...string) checkout {
	t.Helper()
	c := checkout{t, t.TempDir()}
	c.git(append([]string{"init", "-q", "-b", "main"}, args...)...)
	return c
}

func (c checkout) git(args ...string) string {
	c.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (c checkout) write(name, text string) {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

func (c checkout) commit() string {
	c.git("add", "-A")
	c.git("commit", "-q", "--allow-empty", "-m", "x")
	return c.git("rev-parse", "HEAD")
}

func (c checkout) tree() gitobject.Tree {
	return gitobject.Tree{Dir: os.DirFS(filepath.Join(c.dir, ".git"))}
}

// history makes commits whose directory is large and changes little, so that a
// pack has deltas of trees.
func (c checkout) history(n int) []string {
	for i := range 300 {
		c.write(fmt.Sprintf(".sallyport/some-long-name-%03d", i), fmt.Sprint(i))
	}
	var all []string
	for i := range n {
		c.write(".sallyport/policy.yaml", fmt.Sprintf("version: %d\n", i)+strings.Repeat("# the same for long\n", 200))
		all = append(all, c.commit())
	}
	return all
}

func TestBlob_reads_what_git_wrote(t *testing.T) {
	for format, more := range map[string][]string{"sha1": nil, "sha256": {"--object-format=sha256"}} {
		for packing, pack := range map[string][]string{
			"loose": nil, "packed": {"repack", "-adq", "--depth=50"},
			"packed with named bases": {"-c", "repack.useDeltaBaseOffset=false", "repack", "-adq", "--depth=50"},
			"far offsets":             {"repack", "-adq"},
		} {
			t.Run(format+" "+packing, func(t *testing.T) {
				c := repository(t, more...)
				commits := c.history(12)
				if pack != nil {
					c.git(pack...)
					if loose, _ := filepath.Glob(filepath.Join(c.dir, ".git/objects/[0-9a-f][0-9a-f]")); len(loose) > 0 {
						t.Fatalf("%d directories of loose objects are left", len(loose))
					}
				}
				if packing == "far offsets" {
					packs, _ := filepath.Glob(filepath.Join(c.dir, ".git/objects/pack/*.pack"))
					_ = os.Remove(strings.TrimSuffix(packs[0], "pack") + "idx") // git writes it again
					c.git("index-pack", "--index-version=2,0x40", packs[0])
				}
				for i, commit := range commits {
					blob, err := c.tree().Blob(commit, ".sallyport/policy.yaml")
					if err != nil {
						t.Fatal(err)
					}
					if want := c.git("rev-parse", commit+":.sallyport/policy.yaml"); blob != want {
						t.Fatalf("blob = %s, want %s", blob, want)
					}
					got, err := c.tree().Content(blob)
					if want := fmt.Sprintf("version: %d\n", i); err != nil || !strings.HasPrefix(string(got), want) {
						t.Fatalf("content = %.20q (%v), want %q", got, err, want)
					}
					if !gitobject.Is(blob, got) || gitobject.Is(blob, append(got, 'x')) {
						t.Fatal("a file is not told from another")
					}
				}
			})
		}
	}
}

func TestBlob_reads_a_shallow_clone(t *testing.T) {
	c := repository(t)
	commits := c.history(3)
	clone := checkout{t, filepath.Join(t.TempDir(), "clone")}
	c.git("clone", "-q", "--depth=1", "file://"+c.dir, clone.dir)
	if _, err := clone.tree().Blob(commits[2], ".sallyport/policy.yaml"); err != nil {
		t.Fatal(err)
	}
	if _, err := clone.tree().Blob(commits[0], ".sallyport/policy.yaml"); !errors.Is(err, gitobject.ErrLost) {
		t.Fatalf("an older commit of a shallow clone: %v, want ErrLost", err)
	}
}

func TestBlob_says_what_is_not_a_file(t *testing.T) {
	c := repository(t)
	c.write("dir/file", "x")
	if err := os.Symlink("dir/file", filepath.Join(c.dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("dir", filepath.Join(c.dir, "other")); err != nil {
		t.Fatal(err)
	}
	c.commit()
	c.git("update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("1", 40)+",module")
	c.git("commit", "-q", "-m", "a submodule")
	commit := c.git("rev-parse", "HEAD")
	for path, want := range map[string]string{
		"dir/file": "", "./dir//file": "", "dir": "no such file", "dir/file/x": "no such file", "none": "no such file", "": "no such file",
		"../dir/file": "no such file", "/dir/file": "no such file", "link": "is a link", "other/file": "is a link", "module/x": "is a submodule",
	} {
		_, err := c.tree().Blob(commit, path)
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && !strings.Contains(got, want) {
			t.Errorf("%q: %v, want %q", path, err, want)
		}
	}
	if _, err := c.tree().Blob("main", "dir/file"); err == nil {
		t.Error("the name of a branch passes for a commit")
	}
}

// Each object on the way is exchanged for another good one.
func TestD15_an_object_that_is_not_what_its_name_says(t *testing.T) {
	c := repository(t)
	c.write("dir/file", "good")
	commit := c.commit()
	c.write("dir/file", "evil")
	evil := c.commit()
	names := func(commit string) map[string]string {
		return map[string]string{"commit": commit, "tree": c.git("rev-parse", commit+"^{tree}"),
			"directory": c.git("rev-parse", commit+":dir"), "file": c.git("rev-parse", commit+":dir/file")}
	}
	path := func(id string) string { return filepath.Join(c.dir, ".git/objects", id[:2], id[2:]) }
	for what, id := range names(commit) {
		t.Run(what, func(t *testing.T) {
			good, err := os.ReadFile(path(id))
			if err != nil {
				t.Fatal(err)
			}
			bad, err := os.ReadFile(path(names(evil)[what]))
			if err != nil {
				t.Fatal(err)
			}
			read := func() error {
				blob, err := c.tree().Blob(commit, "dir/file")
				if err == nil {
					_, err = c.tree().Content(blob)
				}
				return err
			}
			swap := func(b []byte) {
				if err := errors.Join(os.Chmod(path(id), 0o644), os.WriteFile(path(id), b, 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			swap(bad)
			if err := read(); err == nil || !strings.Contains(err.Error(), id) {
				t.Errorf("an exchanged %s: %v, want an error that names it", what, err)
			}
			swap(good)
			if err := read(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Nothing that a job before may have written there makes it crash, or run on.
func FuzzBlob(f *testing.F) {
	c := checkout{&testing.T{}, f.TempDir()}
	c.git("init", "-q", "-b", "main")
	commits := c.history(4)
	c.git("repack", "-adq", "--depth=50")
	packs, err := filepath.Glob(filepath.Join(c.dir, ".git/objects/pack/*.pack"))
	if err != nil || len(packs) != 1 {
		f.Fatal(packs, err)
	}
	pack, err := os.ReadFile(packs[0])
	if err != nil {
		f.Fatal(err)
	}
	index, err := os.ReadFile(strings.TrimSuffix(packs[0], "pack") + "idx")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(10, byte(1), 12, byte(1))
	f.Add(1100, byte(0x80), 40, byte(0x70))
	f.Fuzz(func(t *testing.T, atIndex int, xIndex byte, atPack int, xPack byte) {
		i, p := bytes.Clone(index), bytes.Clone(pack)
		i[uint(atIndex)%uint(len(i))] ^= xIndex
		p[uint(atPack)%uint(len(p))] ^= xPack
		tree := gitobject.Tree{Dir: fstest.MapFS{"objects/pack/a.idx": {Data: i}, "objects/pack/a.pack": {Data: p}}}
		for _, commit := range commits {
			blob, err := tree.Blob(commit, ".sallyport/policy.yaml")
			if err != nil {
				continue
			}
			if got, err := tree.Content(blob); err == nil && !gitobject.Is(blob, got) {
				t.Fatal("a file that is not the one of its name")
			}
		}
	})
}

// What git packs to be sent is read without an index, with its deltas; a pack that is cut, altered
// or builds on something else gives nothing that is not what its name says.
func TestSent_reads_what_git_sends(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		c := repository(t, "--object-format="+format)
		commits := c.history(20)
		last := commits[len(commits)-1]
		cmd := exec.Command("git", "pack-objects", "--revs", "--stdout", "--delta-base-offset")
		cmd.Dir, cmd.Stdin = c.dir, strings.NewReader(last+"\n")
		pack, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		width := len(last) / 2
		tree, err := gitobject.Sent(width, pack)
		if err != nil {
			t.Fatal(err)
		}
		for _, commit := range commits {
			blob, err := tree.Blob(commit, ".sallyport/policy.yaml")
			if err != nil || blob != c.git("rev-parse", commit+":.sallyport/policy.yaml") {
				t.Fatalf("%s: blob %s, %v, want what git says", format, blob, err)
			}
			if b, err := tree.Content(blob); err != nil || !gitobject.Is(blob, b) {
				t.Fatalf("%s: content: %v", format, err)
			}
		}
		if _, err := tree.Blob(last, "none"); !errors.Is(err, gitobject.ErrNoFile) {
			t.Errorf("%s: no file: %v", format, err)
		}
		for name, bad := range map[string][]byte{"cut": pack[:len(pack)/2], "empty": nil, "junk": []byte("PACK junk that is longer than a head is and its end"), "half": append(slices.Clone(pack[:len(pack)/2]), pack[len(pack)/2+1:]...)} {
			if tree, err := gitobject.Sent(width, bad); err == nil {
				if _, err := tree.Blob(last, ".sallyport/policy.yaml"); err == nil {
					t.Errorf("%s: a pack that is %s gives a file", format, name)
				}
			}
		}
	}
}

func FuzzSent(f *testing.F) {
	f.Add([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, pack []byte) {
		const commit = "9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605"
		if tree, err := gitobject.Sent(20, pack); err == nil {
			if _, err := tree.Blob(commit, "x"); err == nil {
				t.Error("a commit that nobody has made")
			}
		}
	})
}
