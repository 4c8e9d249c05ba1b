package gitobject_test

import (
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/gitobject"
)

func TestN03_the_files_of_a_commit_are_those_that_git_names(t *testing.T) {
	for format, more := range map[string][]string{"sha1": nil, "sha256": {"--object-format=sha256"}} {
		c := repository(t, more...)
		for _, name := range []string{"a", "deep/er/b", "deep/c", "with a space"} {
			c.write(name, name)
		}
		executable, link := filepath.Join(c.dir, "a"), filepath.Join(c.dir, "link")
		if err := errors.Join(os.Chmod(executable, 0o755), os.Symlink("a", link)); err != nil {
			t.Fatal(err)
		}
		commit := c.commit()
		want := map[string]gitobject.File{}
		for _, line := range strings.Split(c.git("ls-tree", "-r", commit), "\n") {
			head, name, _ := strings.Cut(line, "\t")
			words := strings.Fields(head)
			want[name] = gitobject.File{Mode: words[0], ID: words[2]}
		}
		tree, files, err := c.tree().Files(commit)
		if err != nil || tree != c.git("rev-parse", commit+"^{tree}") || !maps.Equal(files, want) || len(files) != 5 {
			t.Errorf("%s: tree %s, %v, %v, want %v", format, tree, files, err, want)
		}
	}
}

func TestN03_a_commit_whose_tree_cannot_be_trusted_has_no_files(t *testing.T) {
	c := repository(t)
	c.write("a", "x")
	good := c.commit()
	blob := c.git("rev-parse", good+":a")
	raw := make([]byte, 20)
	for i := range raw {
		var n byte
		for _, d := range blob[2*i : 2*i+2] {
			n = n<<4 | byte(strings.IndexRune("0123456789abcdef", d))
		}
		raw[i] = n
	}
	put := func(kind, text string) string {
		cmd := exec.Command("git", "hash-object", "-t", kind, "-w", "--literally", "--stdin")
		cmd.Dir, cmd.Stdin = c.dir, strings.NewReader(text)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	of := func(tree string) string { return put("commit", "tree "+tree+"\n\nx\n") }
	entry := func(name string) string { return "100644 " + name + "\x00" + string(raw) }
	if _, files, err := c.tree().Files(of(put("tree", entry("a")))); err != nil || len(files) != 1 {
		t.Errorf("a tree that is good: %v, %v", files, err)
	}
	deep := put("tree", entry("a"))
	for range 66 {
		id, err := hex.DecodeString(deep)
		if err != nil {
			t.Fatal(err)
		}
		deep = put("tree", "40000 d\x00"+string(id))
	}
	for name, x := range map[string][2]string{
		"no commit":                   {"main", "want 40 or 64"},
		"a commit that is not there":  {strings.Repeat("1", 40), ""},
		"an object that is a tree":    {c.git("rev-parse", good+"^{tree}"), ""},
		"a commit of no tree":         {put("commit", "x\n"), "names no tree"},
		"a tree that is not there":    {of(strings.Repeat("1", 40)), ""},
		"a tree that is a file":       {of(blob), ""},
		"a name that is empty":        {of(put("tree", entry(""))), "is malformed"},
		"a name with a slash":         {of(put("tree", entry("a/b"))), "is malformed"},
		"a name that leads up":        {of(put("tree", entry(".."))), "is malformed"},
		"a name of the folder itself": {of(put("tree", entry("."))), "is malformed"},
		"an entry without a mode":     {of(put("tree", "a\x00"+string(raw))), "is malformed"},
		"an entry without an end":     {of(put("tree", "100644 a")), "is malformed"},
		"an entry of a short name":    {of(put("tree", "100644 a\x00"+string(raw[:19]))), "is malformed"},
		"too many directories":        {of(deep), "more than 64 deep"},
		"a directory that is a file":  {of(put("tree", "40000 d\x00"+string(raw))), ""},
	} {
		if _, _, err := c.tree().Files(x[0]); err == nil || !strings.Contains(err.Error(), x[1]) {
			t.Errorf("%s: %v, want %q", name, err, x[1])
		}
	}
}

func TestN03_where_a_checkout_keeps_what_is_its_own(t *testing.T) {
	c := repository(t)
	c.write("a", "x")
	c.commit()
	second := filepath.Join(t.TempDir(), "second")
	c.git("worktree", "add", "-q", second)
	at := filepath.Join(c.dir, ".git")
	own, shared, err := gitobject.Directories(second)
	if err != nil || own != filepath.Join(at, "worktrees/second") || shared != at {
		t.Errorf("a second work tree: %s, %s, %v", own, shared, err)
	}
	if own, shared, err = gitobject.Directories(c.dir); err != nil || own != at || shared != at {
		t.Errorf("the first: %s, %s, %v", own, shared, err)
	}
	file := func(text string) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ".git"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	relative := file("gitdir: ../x\n")
	own, shared, err = gitobject.Directories(relative)
	if err != nil || own != filepath.Join(relative, "../x") || shared != own {
		t.Errorf("a relative name: %s, %s, %v", own, shared, err)
	}
	if err := os.WriteFile(filepath.Join(at, "worktrees/second/commondir"), []byte(at+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, shared, err = gitobject.Directories(second); err != nil || shared != at {
		t.Errorf("an absolute name of what is shared: %s, %v", shared, err)
	}
	for name, dir := range map[string]string{
		"no repository":             t.TempDir(),
		"a file that names nothing": file("x\n"),
		"a file that is too long":   file("gitdir: " + strings.Repeat("x", 5000)),
	} {
		if _, _, err := gitobject.Directories(dir); !errors.Is(err, gitobject.ErrLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
