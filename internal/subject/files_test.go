package subject

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/messages"
)

// tree makes a directory of files; each holds its own name.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range names {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func link(t *testing.T, target, root, name string) {
	t.Helper()
	if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
		t.Fatal(err)
	}
}

func names(subjects []Subject) []string {
	var out []string
	for _, s := range subjects {
		out = append(out, s.Name)
	}
	return out
}

func wantFiles(t *testing.T, root string, patterns []string, want ...string) {
	t.Helper()
	got, err := Files(context.Background(), root, patterns, 2)
	if err != nil {
		t.Errorf("Files(%q) = %v, want %q", patterns, err, want)
		return
	}
	if !reflect.DeepEqual(names(got), want) {
		t.Errorf("Files(%q) = %q, want %q", patterns, names(got), want)
	}
}

// wantRefused wants a refusal with code that names what in its message.
func wantRefused(t *testing.T, root, pattern string, code fault.Code, what string) {
	t.Helper()
	got, err := Files(context.Background(), root, []string{pattern}, 2)
	if err == nil {
		t.Errorf("Files(%q) = %q, want %s", pattern, names(got), code)
		return
	}
	messages.Plain(t, err.Error(), fault.Of(err).Hint)
	f := fault.Of(err)
	if f.Code != code || f.Kind != fault.Refused || !strings.Contains(err.Error(), what) || got != nil {
		t.Errorf("Files(%q) = %v, %s: %v, want %s about %s", pattern, got, f.Code, err, code, what)
	}
}

func TestE01_every_file_that_a_pattern_names_is_a_subject(t *testing.T) {
	root := tree(t, "README", "dist/a", "dist/b.txt", "dist/sub/c", "dist/sub/.d", "other/e")
	for _, c := range []struct {
		patterns, want []string
	}{
		{[]string{"dist"}, []string{"dist/a", "dist/b.txt", "dist/sub/.d", "dist/sub/c"}},
		{[]string{"dist/"}, []string{"dist/a", "dist/b.txt", "dist/sub/.d", "dist/sub/c"}},
		{[]string{"./dist"}, []string{"dist/a", "dist/b.txt", "dist/sub/.d", "dist/sub/c"}},
		{[]string{"dist/**"}, []string{"dist/a", "dist/b.txt", "dist/sub/.d", "dist/sub/c"}},
		{[]string{"dist/*"}, []string{"dist/a", "dist/b.txt"}},
		{[]string{"**/c"}, []string{"dist/sub/c"}},
		{[]string{"*/[a-e]"}, []string{"dist/a", "other/e"}},
		{[]string{"."}, []string{"README", "dist/a", "dist/b.txt", "dist/sub/.d", "dist/sub/c", "other/e"}},
		{[]string{"README", "dist/a", "dist/*", "./README"}, []string{"README", "dist/a", "dist/b.txt"}},
	} {
		wantFiles(t, root, c.patterns, c.want...)
	}
}

func TestE01_a_pattern_that_names_nothing_is_refused(t *testing.T) {
	root := tree(t, "dist/a", "dist/sub/b")
	if err := os.Mkdir(filepath.Join(root, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"dist/*.txt", "missing", "missing/x", "missing/*", "dist/a/x", "dist/a/*", "empty", "empty/**", "*"} {
		wantRefused(t, root, p, fault.SubjectMismatch, strings.TrimSuffix(strings.Split(p, "/*")[0], "/x"))
	}
	wantRefused(t, root, "dist/a/", fault.Path, "dist/a")
}

func TestFiles_digest_is_that_of_the_bytes(t *testing.T) {
	root := tree(t, "a", "b")
	big := strings.Repeat("0123456789", bufferSize/4)
	if err := os.WriteFile(filepath.Join(root, "big"), []byte(big), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "empty"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want := []Subject{{Name: "a", Digest: Sum([]byte("a"))}, {Name: "b", Digest: Sum([]byte("b"))}, {Name: "big", Digest: Sum([]byte(big))}, {Name: "empty", Digest: Sum(nil)}}
	for _, workers := range []int{-1, 0, 1, 2, 64} {
		got, err := Files(context.Background(), root, []string{"**"}, workers)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("with %d workers: got %v, %v, want %v", workers, got, err, want)
		}
	}
}

func TestE10_glob_escapes_the_workspace(t *testing.T) {
	root := tree(t, "dist/a")
	for _, p := range []string{"/etc/passwd", "/", "../x", "..", "dist/../../x", "dist/..", "**/..", "./../x", "/etc/*"} {
		wantRefused(t, root, p, fault.Path, fmt.Sprintf("%q", strings.TrimPrefix(p, "./")))
	}
	wantFiles(t, root, []string{"dist/a"}, "dist/a")
}

func TestE10_link_leaves_the_workspace(t *testing.T) {
	outside := tree(t, "secret")
	for _, target := range []string{filepath.Join(outside, "secret"), "../../../../../../../../etc/passwd", "/dev/null", "nowhere"} {
		root := tree(t, "dist/a")
		link(t, target, root, "dist/x")
		for _, p := range []string{"dist/x", "dist", "dist/*", "**/x", "."} {
			wantRefused(t, root, p, fault.Path, `"dist/x"`)
		}
		wantFiles(t, root, []string{"dist/a"}, "dist/a")
	}
	root := tree(t, "dist/a")
	link(t, "a", root, "dist/x")
	wantFiles(t, root, []string{"dist"}, "dist/a", "dist/x")
}

func TestE10_link_to_a_directory_is_refused(t *testing.T) {
	root := tree(t, "dist/a.txt")
	link(t, ".", root, "dist/loop")
	for _, p := range []string{"dist", "dist/loop", "dist/loop/a.txt", "dist/*", "**/*.txt", "dist/loop/*", "**"} {
		wantRefused(t, root, p, fault.Path, `"dist/loop" is a link to a directory`)
	}
	wantFiles(t, root, []string{"dist/*.txt"}, "dist/a.txt")
}

func TestE10_link_out_is_refused_where_a_glob_would_go_on(t *testing.T) {
	root := tree(t, "dist/a.txt")
	link(t, t.TempDir(), root, "dist/out")
	wantRefused(t, root, "**/*.txt", fault.Path, `"dist/out"`)
	wantFiles(t, root, []string{"dist/*.txt"}, "dist/a.txt")
}

func TestE10_link_that_loops(t *testing.T) {
	root := tree(t, "dist/a")
	link(t, "y", root, "dist/x")
	link(t, "x", root, "dist/y")
	wantRefused(t, root, "dist", fault.Path, `"dist/x"`)
}

func TestE10_special_files_are_refused_without_waiting(t *testing.T) {
	root := tree(t, "dist/a", "sock/a")
	if err := syscall.Mkfifo(filepath.Join(root, "dist/pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(root)
	l, err := net.Listen("unix", "sock/s")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	link(t, "pipe", root, "dist/z")
	done := make(chan bool)
	go func() {
		defer close(done)
		for _, p := range []string{"dist/pipe", "dist", "dist/*", "dist/p*", "**"} {
			wantRefused(t, root, p, fault.Path, `"dist/pipe" is a named pipe`)
		}
		wantRefused(t, root, "dist/z", fault.Path, `"dist/z" is a named pipe`)
		wantRefused(t, root, "sock", fault.Path, `"sock/s" is a socket`)
		wantRefused(t, "/dev", "null", fault.Path, `"null" is a device`)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("a named pipe is waited for")
	}
	wantFiles(t, root, []string{"dist/a"}, "dist/a")
}

// A file that becomes a named pipe after the walk is refused when it is opened.
func TestE10_file_becomes_a_named_pipe(t *testing.T) {
	dir := tree(t, "a")
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	_, err = hashFiles(context.Background(), root, []string{"a", "pipe"}, 2)
	if fault.Of(err).Code != fault.Path {
		t.Errorf("got %v, want %s", err, fault.Path)
	}
	if _, err = hashFiles(context.Background(), root, []string{"a"}, 2); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

// A second name of a file is a regular file: its bytes are what counts.
func TestE10_hard_link_is_its_bytes(t *testing.T) {
	root := tree(t, "a")
	if err := os.Link(filepath.Join(root, "a"), filepath.Join(root, "b")); err != nil {
		t.Fatal(err)
	}
	got, err := Files(context.Background(), root, []string{"."}, 1)
	if err != nil || len(got) != 2 || got[0].Digest != got[1].Digest {
		t.Errorf("got %v, %v, want two names of one digest", got, err)
	}
}

func TestE10_names_that_differ_in_case(t *testing.T) {
	for _, pair := range [][2]string{{"dist/App", "dist/app"}, {"Dist/app", "dist/app"}, {"dist/\u212a", "dist/k"}, {"dist/\u00c9", "dist/\u00e9"}} {
		root := tree(t, pair[0], pair[1])
		wantRefused(t, root, "**", fault.Path, fmt.Sprintf("%q", pair[0]))
		wantFiles(t, root, pair[:1], pair[0])
	}
}

func TestE10_names_that_cannot_be_seen(t *testing.T) {
	for name, shown := range map[string]string{
		"a\nb":            `a\nb`,
		"a\x1b[2Jb":       `a\x1b[2Jb`,
		"a\u202egpj.exe":  `a\u202egpj.exe`,
		"a\u200bb":        `a\u200bb`,
		"a\xffb":          `a\xffb`,
		"sub\u2066/plain": `sub\u2066`,
	} {
		root := tree(t, "dist/"+name)
		wantRefused(t, root, "dist", fault.Path, shown)
	}
	root := tree(t, "dist/\u00fcber \u65e5\u672c {1}")
	wantFiles(t, root, []string{"dist"}, "dist/\u00fcber \u65e5\u672c {1}")
}

func TestFiles_first_error_does_not_depend_on_workers(t *testing.T) {
	root := tree(t, "a", "b", "c", "d", "e")
	for _, name := range []string{"b", "d"} {
		if err := os.Remove(filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for _, workers := range []int{1, 2, 64} {
		got, err := hashFiles(context.Background(), dir, []string{"a", "b", "c", "d", "e"}, workers)
		if err == nil || !strings.Contains(err.Error(), `"b"`) || got != nil {
			t.Errorf("with %d workers: got %v, %v, want an error about %q", workers, got, err, "b")
		}
	}
}

func TestFiles_stops_with_its_context(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	root := tree(t, "a")
	for _, p := range []string{"a", "."} {
		if _, err := Files(ctx, root, []string{p}, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("Files(%q) = %v, want %v", p, err, context.Canceled)
		}
	}
}

func TestFiles_root_is_not_there(t *testing.T) {
	_, err := Files(context.Background(), filepath.Join(t.TempDir(), "x"), []string{"a"}, 1)
	if f := fault.Of(err); f.Kind != fault.Usage {
		t.Errorf("got %v, want a usage fault", err)
	}
}

func TestO04_directories_in_directories(t *testing.T) {
	deep := strings.Repeat("d/", maxNesting)
	root := tree(t, deep+"a")
	wantFiles(t, root, []string{"."}, deep+"a")
	root = tree(t, deep+"d/a")
	wantRefused(t, root, ".", fault.Limit, "deep")
}

func TestO04_limits_of_a_walk(t *testing.T) {
	root := tree(t, "a", "b")
	dir, err := os.OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	full := walk{root: dir, found: map[string]bool{}}
	for i := range MaxFiles - 1 {
		full.found[fmt.Sprint("x", i)] = true
	}
	if err := full.pattern(context.Background(), "a"); err != nil {
		t.Errorf("file number %d: got %v, want nil", MaxFiles, err)
	}
	if err := full.pattern(context.Background(), "b"); fault.Of(err).Code != fault.Limit {
		t.Errorf("file number %d: got %v, want %s", MaxFiles+1, err, fault.Limit)
	}
	for _, c := range []struct {
		seen int
		want fault.Code
	}{{maxEntries - 2, ""}, {maxEntries - 1, fault.Limit}} {
		w := walk{root: dir, found: map[string]bool{}, seen: c.seen}
		err := w.pattern(context.Background(), ".")
		if c.want == "" && err != nil || c.want != "" && fault.Of(err).Code != c.want {
			t.Errorf("with %d entries seen: got %v, want %q", c.seen, err, c.want)
		}
	}
}

func TestMerge(t *testing.T) {
	a, b := Subject{Name: "a", Digest: Sum([]byte("a"))}, Subject{Name: "b", Digest: Sum([]byte("b"))}
	got, err := Merge([]Subject{b, a}, nil, []Subject{a})
	if err != nil || !reflect.DeepEqual(got, []Subject{a, b}) {
		t.Errorf("got %v, %v, want a and b", got, err)
	}
	got, err = Merge([]Subject{a}, []Subject{{Name: "a", Digest: b.Digest}})
	if fault.Of(err).Code != fault.SubjectMismatch || got != nil {
		t.Errorf("got %v, %v, want %s", got, err, fault.SubjectMismatch)
	}
}
