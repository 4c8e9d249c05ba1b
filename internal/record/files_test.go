//go:build linux && amd64

package record_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport-dev/sallyport/internal/record"
)

func digest(text string) string {
	d := sha256.Sum256([]byte(text))
	return hex.EncodeToString(d[:])
}

// prepared is a directory with files.
func prepared(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := real(t, t.TempDir())
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

func TestE16_the_state_of_each_file_is_told(t *testing.T) {
	t.Parallel()
	const long = "a long text, and it is too large to be hashed\n"
	for _, x := range []struct {
		what, script, name, state, digest string
		use, first                        record.Use
	}{
		{"read", "cat a", "a", record.Certain, digest("a\n"), record.Read, record.Read},
		{"changed after it was read", "cat a; echo b > a", "a", record.Changed, digest("b\n"), record.Read | record.Write, record.Read},
		{"changed, and the time of its content set back", "cat a; touch -r a t; echo b > a; touch -r t a", "a", record.Changed, digest("b\n"), 0, record.Read},
		{"changed, and changed back", "cat a; cp -p a keep; echo b > a; cat a; cat keep > a; touch -r keep a", "a", record.Changed, digest("a\n"), 0, record.Read},
		{"replaced by a rename", "cat a; echo b > n; mv n a", "a", record.Changed, digest("b\n"), 0, record.Read},
		{"replaced, and put back", "cat a; mv a keep; echo b > a; cat a; mv keep a", "a", record.Changed, digest("a\n"), 0, record.Read},
		{"deleted after it was read", "cat a; rm a", "a", record.Gone, "", record.Read, record.Read},
		{"moved away after it was read", "cat a; mv a moved", "a", record.Gone, "", record.Read, record.Read},
		{"the new name of a file that was read", "cat a; mv a moved", "moved", record.Made, digest("a\n"), record.Named, record.Named},
		{"made", "echo x > new", "new", record.Made, digest("x\n"), record.Write, record.Write},
		{"made and deleted", "echo x > new; rm new", "new", record.Gone, "", record.Write, record.Write},
		{"made to be written and read, and deleted", "exec 3<> new; rm new", "new", record.Gone, "",
			record.Read | record.Write, record.Write},
		{"opened to be written and read, and deleted", "exec 3<> a; rm a", "a", record.Gone, "",
			record.Read | record.Write, record.Read | record.Write},
		{"a link that is replaced by a rename", "ln -s none l; mv a l", "l", record.Made, digest("a\n"), record.Named, record.Named},
		{"looked for behind a link", "mkdir -p left/deep; ln -s left/deep l; cat l/../none", "left/none", record.Absent, "", record.Read, record.Read},
		{"a new hard link", "ln a hard", "hard", record.Made, digest("a\n"), record.Named, record.Named},
		{"read by a hard link", "ln a hard; cat hard", "hard", record.Made, digest("a\n"), record.Named | record.Read, record.Named},
		{"looked for", "cat none", "none", record.Absent, "", record.Read, record.Read},
		{"looked for below a file", "cat a/none", "a/none", record.Absent, "", record.Read, record.Read},
		{"looked for below nothing", "cat none/x/y", "none/x/y", record.Absent, "", record.Read, record.Read},
		{"too large", "cat long", "long", record.Unreadable, "", record.Read, record.Read},
		{"became a directory", "cat a; rm a; mkdir a", "a", record.Gone, "", record.Read, record.Read},
		{"became a pipe", "cat a; rm a; mkfifo a", "a", record.Gone, "", record.Read, record.Read},
		{"became a device", "cat a; rm a; mknod a c 1 3", "a", record.Gone, "", record.Read, record.Read},
		{"was made, and became a pipe", "echo x > new; rm new; mkfifo new", "new", record.Irregular, "", record.Write, record.Write},
		{"appended to", "echo b >> a", "a", record.Changed, digest("a\nb\n"), record.Write, record.Write},
	} {
		t.Run(x.what, func(t *testing.T) {
			t.Parallel()
			dir := prepared(t, map[string]string{"a": "a\n", "long": long})
			r := run(t, record.Options{
				Command: []string{"/bin/sh", "-c", x.script}, Dir: dir, MaxFile: int64(len(long)) - 1,
			})
			f := r.file(t, filepath.Join(dir, x.name))
			if f.State != x.state || f.Digest != x.digest || f.First != x.first || x.use != 0 && f.Use != x.use {
				t.Errorf("got %+v, want %s, %q, use %d, first %d", f, x.state, x.digest, x.use, x.first)
			}
			r.clean(t)
		})
	}
}

func TestE16_where_a_file_came_from_by_a_rename_or_a_link_is_told(t *testing.T) {
	t.Parallel()
	other := prepared(t, map[string]string{"x": ""})
	for _, x := range []struct{ what, script, name, from string }{
		{"a rename", "mv a b", "b", "a"},
		{"a link", "ln a b", "b", "a"},
		{"a chain", "mv a b; ln b c; mv c d", "d", "a"},
		{"a rename of what was read first", "cat a; mv a b", "b", "a"},
		{"a rename over what was made", "echo x > b; mv a b", "b", "a"},
		{"a link that leads there", "ln -s a l; ln -L l b", "b", "a"},
		{"a rename of a link", "mv old b", "b", "old"},
		{"a name that was written behind its end", "echo x >> a; mv a b", "b", "a"},
		{"a rename, then a touch of what has the name of a made file", "echo x > b; mv a b; touch b; mv b c", "c", "a"},
		{"an exchange", "PART exchange a new", "new", "a"},
		{"an exchange, the other way", "PART exchange new a", "new", "a"},
		{"a descriptor", "PART link-fd a b", "b", "a"},
		{"a descriptor, with an empty path", "PART link-empty a b", "b", "a"},
		{"a directory", "mv dir out", "out", "dir"},
		{"in a made directory that was moved", "mkdir -p t/u; mv a t/u/a; mv t out", "out/u/a", "a"},
		{"in a made directory that could not be moved at first", "mkdir t; mv a t; mv t none/t; mv t out", "out/a", "a"},
		{"in a made directory that was exchanged", "mkdir t u; mv a t; PART exchange u t", "u/a", "a"},
		{"where a made file was before", "mkdir t; echo x > t/f; rm -r t; mv dir t; mv t/f b", "b", "t/f"},

		{"made and moved", "echo x > n; mv n b", "b", ""},
		{"made, moved and linked", "echo x > n; mv n m; ln m b", "b", ""},
		{"made in a directory that was moved", "mkdir t; echo x > t/f; mv t u; mv u/f b", "b", ""},
		{"made under a name that came", "mv a b; rm b; echo x > b", "b", ""},
		{"replaced by what was made", "mv a b; echo x > n; mv n b", "b", ""},
		{"emptied and written anew", "sleep 0.02; echo x > a; mv a b", "b", ""},
		{"moved away and back", "mv a b; mv b a", "a", ""},
		{"made and exchanged", "echo x > n; echo x > m; PART exchange n m", "m", ""},
		{"made without a name", "PART unnamed . b", "b", ""},
		{"not moved, because it is on another device", "mv a /dev/shm/$ID; mv /dev/shm/$ID b", "b", ""},
	} {
		t.Run(x.what, func(t *testing.T) {
			t.Parallel()
			dir := prepared(t, map[string]string{"a": "a\n", "dir/f": "f"})
			if err := os.Symlink(other, dir+"/old"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(12 * time.Millisecond) // the clock by which files are born ticks up to every 10 ms
			script := strings.ReplaceAll(x.script, "PART", part+"=moves "+program())
			script = strings.ReplaceAll(script, "$ID", filepath.Base(dir)+itoa(os.Getpid()))
			r := run(t, record.Options{Command: []string{"/bin/sh", "-c", "echo x > new; " + script}, Dir: dir})
			f, want := r.file(t, filepath.Join(dir, x.name)), ""
			if x.from != "" {
				want = filepath.Join(dir, x.from)
			}
			if f.From != want || f.Use&^(record.Read|record.Write|record.Execute|record.Named) != 0 {
				t.Errorf("got %+v, want it from %q; %s", f, want, r.out)
			}
			r.clean(t)
		})
	}
}

func init() {
	// moves gives a file another name by calls that no program of the machine makes.
	parts["moves"] = func(args []string) int {
		here, how, old, name := unix.AT_FDCWD, args[0], args[1], args[2]
		fd, err := unix.Open(old, unix.O_PATH, 0)
		switch {
		case err != nil:
		case how == "exchange":
			err = unix.Renameat2(here, old, here, name, unix.RENAME_EXCHANGE)
		case how == "link-fd":
			err = unix.Linkat(here, fmt.Sprintf("/proc/self/fd/%d", fd), here, name, unix.AT_SYMLINK_FOLLOW)
		case how == "link-empty":
			err = unix.Linkat(fd, "", here, name, unix.AT_EMPTY_PATH)
		default:
			fd, err = unix.Open(old, unix.O_TMPFILE|unix.O_RDWR, 0o600)
			if err == nil {
				err = unix.Linkat(here, fmt.Sprintf("/proc/self/fd/%d", fd), here, name, unix.AT_SYMLINK_FOLLOW)
			}
		}
		if err != nil {
			fmt.Println(err)
			return 1
		}
		return 0
	}
}

func TestRecord_what_the_kernel_makes_up_is_not_hashed(t *testing.T) {
	t.Parallel()
	r := shell(t, "", "cat /proc/version /sys/kernel/uevent_seqnum")
	for _, name := range []string{"/proc/version", "/sys/kernel/uevent_seqnum"} {
		if f := r.file(t, name); f.State != record.Irregular || f.Digest != "" {
			t.Errorf("got %+v", f)
		}
	}
}

func TestE16_a_path_is_recorded_where_its_links_lead(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ what, script, name string }{
		{"a link", "ln -s real/f link; cat link", "real/f"},
		{"a link of a directory", "ln -s real link; cat link/f", "real/f"},
		{".. behind a link", "mkdir -p other/deep; echo f > other/f; ln -s other/deep link; cat link/../f", "other/f"},
		{"an odd spelling", "cat .//real/.././real//f", "real/f"},
		{"a link that was looked for before it was there", "cat link; ln -s real/f link; cat link", "real/f"},
		{"a link that leads elsewhere later", "ln -s real link; cat link/f; ln -sfn other link; cat link/f", "other/f"},
		{"a link that is a directory later", "ln -s real link; cat link/f; rm link; mkdir link; echo x > link/f; cat link/f", "link/f"},
		{"a file in whose place is a link later", "cat a; rm a; ln -s real/f a; cat a", "real/f"},
		{"a link that came by a rename", "ln -s real/f b; cat a; mv b a; cat a", "real/f"},
		{"a link that came by a hard link", "ln -s real/f b; cat a; rm a; ln -P b a; cat a", "real/f"},
		{"a directory that came by a rename, with a link in it", "mkdir d e; echo x > d/l; ln -s ../real/f e/l; cat d/l; rm -r d; mv e d; cat d/l", "real/f"},
		{"a directory in whose place is a file later", "mkdir d; cat d; rmdir d; echo x > d; cat d", "d"},
		{"from a directory that is gone", "mkdir d; cd d; rmdir ../d; cat ../real/f", "real/f"},
		{"/dev/fd", "exec 5<real/f; cat /dev/fd/5", "real/f"},
		{"/proc/self/fd, again", "exec 5<a; cat /proc/self/fd/5; exec 5<&- 6<real/f; cat /proc/self/fd/6", "real/f"},
		{"a link to /proc/self/cwd", "ln -s /proc/self/cwd/f l; cat l; cd real; cat ../l", "real/f"},
		{"/dev/stdin", "cat /dev/stdin < real/f", "real/f"},
	} {
		t.Run(x.what, func(t *testing.T) {
			t.Parallel()
			dir := prepared(t, map[string]string{"a": "a", "real/f": "f", "other/f": "o"})
			r := shell(t, dir, "("+x.script+") 2>/dev/null")
			if f := r.file(t, filepath.Join(dir, x.name)); f.Use&record.Read == 0 || f.Digest == "" {
				t.Errorf("got %+v", f)
			}
			for _, f := range r.Files {
				if strings.Contains(f.Path, "/../") || strings.Contains(f.Path, "//") {
					t.Errorf("%q is not resolved", f.Path)
				}
			}
			r.clean(t)
		})
	}
}

// Limit: what comes through the streams that the command is started with is not recorded, unless it is opened again.
func TestE16_a_stream_that_is_opened_again_is_told(t *testing.T) {
	t.Parallel()
	file := filepath.Join(prepared(t, map[string]string{"stdin": "in"}), "stdin")
	for script, told := range map[string]bool{
		"cat": false, "cat /dev/stdin": true, "cat /dev/fd/0": true, "cat /proc/self/fd/0": true,
		"exec 5<&0; cat /dev/fd/5": true, "exec bash -c 'exec 77<&0; cat /dev/fd/77'": true,
		"ln -s /proc/self/fd/0 l; cat l": true, "cat /proc/thread-self/fd/0": true,
	} {
		in, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		r := run(t, record.Options{Command: []string{"/bin/sh", "-c", script}, Stdin: in})
		_ = in.Close()
		if r.out != "in" || r.has(file) != told {
			t.Errorf("%s: recorded %v, want %v; %q", script, r.has(file), told, r.out)
		}
		r.clean(t)
	}
}

func TestE16_what_is_executed_is_told(t *testing.T) {
	t.Parallel()
	dir := prepared(t, map[string]string{"script": "#!/bin/sh -e\n./inner x\n", "inner": "#! ./sh\ntrue\n", "text": "no program"})
	for _, name := range []string{"script", "inner"} {
		if err := os.Chmod(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/bin/sh", filepath.Join(dir, "sh")); err != nil {
		t.Fatal(err)
	}
	r := run(t, record.Options{Command: []string{"./script", "arg"}, Dir: dir})
	r.clean(t)
	sh := real(t, "/bin/sh")
	got := []string{}
	for _, p := range r.Programs {
		got = append(got, fmt.Sprintf("%s %q %d %s", p.Path, p.Args, p.Count, p.By))
	}
	want := []string{
		fmt.Sprintf("%s/script %q 1 %s", dir, []string{"./script", "arg"}, real(t, os.Args[0])),
		fmt.Sprintf("%s %q 2 %s/script", sh, []string{"/bin/sh", "-e", "./script"}, dir),
		fmt.Sprintf("%s/inner %q 1 %s", dir, []string{"./inner", "x"}, sh),
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if f := r.file(t, sh); f.Use&record.Execute == 0 || f.State != record.Certain || f.Digest == "" {
		t.Errorf("the interpreter is %+v", f)
	}
	if f := r.file(t, real(t, "/lib64/ld-linux-x86-64.so.2")); f.Use&record.Read == 0 {
		t.Errorf("the loader is %+v", f)
	}
}

func TestE16_a_program_that_is_only_looked_for_is_none(t *testing.T) {
	t.Parallel()
	dir := prepared(t, map[string]string{"a/tool": "#!/bin/sh\n", "b/x": ""})
	r := run(t, record.Options{Command: []string{"env", "PATH=" + dir + "/b:" + dir + "/a", "tool"}, Dir: dir})
	if r.Exit != 126 {
		t.Errorf("exit %d", r.Exit)
	}
	if p := r.executed(dir + "/b/tool"); p != nil {
		t.Errorf("%+v is not there", p)
	}
	if p := r.executed(dir + "/a/tool"); p != nil {
		t.Errorf("%+v may not be executed", p)
	}
	if f := r.file(t, dir+"/b/tool"); f.State != record.Absent {
		t.Errorf("got %+v", f)
	}
}

func TestE16_a_program_without_a_name_has_its_digest(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{"empty", "fd", "deleted"} {
		r := as(t, record.Options{}, "memfd", how)
		if r.Exit != 0 {
			t.Errorf("%s: exit %d: %s", how, r.Exit, r.out)
		}
		if !slices.ContainsFunc(r.Programs, func(p record.Program) bool { return p.Digest == digest(string(b)) }) {
			t.Errorf("%s: no program has the digest of true: %+v", how, r.Programs)
		}
		if how != "deleted" && slices.ContainsFunc(r.Files, func(f record.File) bool { return strings.HasPrefix(f.Path, "/memfd:") && f.Use&record.Execute != 0 }) {
			t.Errorf("%s: a program without a name is among the files", how)
		}
		r.clean(t)
	}
}

func init() {
	// memfd executes a copy of true that has no name.
	parts["memfd"] = func(args []string) int {
		b, err := os.ReadFile("/bin/true")
		if err != nil {
			return 1
		}
		var fd int
		if args[1] == "deleted" {
			fd, err = unix.Open("copy", unix.O_RDWR|unix.O_CREAT, 0o755)
		} else {
			fd, err = unix.MemfdCreate("x", 0)
		}
		if err != nil {
			return 2
		}
		if _, err := unix.Write(fd, b); err != nil {
			return 3
		}
		read, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY, 0)
		if err != nil {
			return 4
		}
		_ = unix.Close(fd)
		if args[1] == "deleted" {
			_ = unix.Unlink("copy")
		}
		return execute(read, args[1])
	}
}

// execute becomes the program in a descriptor.
func execute(fd int, how string) int {
	name, flags := fmt.Sprintf("/proc/self/fd/%d", fd), 0
	if how == "empty" {
		name, flags = "", unix.AT_EMPTY_PATH
	}
	err := execveat(fd, name, []string{"true"}, flags)
	fmt.Println(err)
	return 5
}

func TestE16_a_program_by_its_descriptor_is_told_by_its_name(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"empty", "fd"} {
		r := as(t, record.Options{}, "execveat", how)
		if p := r.executed(real(t, "/bin/true")); r.Exit != 0 || p == nil || p.Count != 1 {
			t.Errorf("%s: exit %d, programs %+v", how, r.Exit, r.Programs)
		}
		if f := r.file(t, real(t, "/bin/true")); f.State != record.Certain {
			t.Errorf("got %+v", f)
		}
	}
}

func init() {
	parts["execveat"] = func(args []string) int {
		fd, err := unix.Open("/bin/true", unix.O_PATH, 0)
		if err != nil {
			return 1
		}
		return execute(fd, args[1])
	}
}

func TestE16_a_program_that_executes_itself_is_told_by_its_name(t *testing.T) {
	t.Parallel()
	r := shell(t, "", "/proc/self/exe -c /usr/bin/env; exec /usr/bin/env -i /proc/self/exe --version")
	for _, p := range r.Programs {
		if strings.HasPrefix(p.Path, "/proc") {
			t.Errorf("program %+v", p)
		}
	}
	if p := r.executed(real(t, "/usr/bin/env")); p == nil || p.Count != 3 {
		t.Errorf("env = %+v", p)
	}
}

func TestE16_each_call_that_opens_is_recorded(t *testing.T) {
	t.Parallel()
	dir := prepared(t, map[string]string{"open": "", "openat": "", "openat2": "", "path": "", "relative/to": "", "at": "x", "link": "x"})
	r := as(t, record.Options{Dir: dir}, "opens")
	if r.Exit != 0 {
		t.Fatalf("exit %d: %s", r.Exit, r.out)
	}
	for name, use := range map[string]record.Use{"open": record.Read, "openat": record.Read | record.Write, "openat2": record.Write, "path": record.Read | record.Named,
		"relative/to": record.Read, "creat": record.Write, "new-at": record.Named, "exchanged": record.Named | record.Write, "new-link": record.Named, "unnamed": record.Named} {
		if f := r.file(t, filepath.Join(dir, name)); f.Use != use {
			t.Errorf("%s: got %+v, want use %d", name, f, use)
		}
	}
	r.clean(t)
}

func init() {
	parts["opens"] = func([]string) int {
		dir, _ := unix.Open("relative", unix.O_PATH|unix.O_DIRECTORY, 0)
		var all []error
		add := func(fd int, err error) { all = append(all, err) }
		add(rawOpen("open", unix.O_RDONLY))
		add(unix.Openat(unix.AT_FDCWD, "openat", unix.O_RDWR, 0))
		add(unix.Openat2(unix.AT_FDCWD, "openat2", &unix.OpenHow{Flags: unix.O_WRONLY}))
		add(unix.Open("path", unix.O_PATH, 0))
		add(unix.Openat(dir, "to", unix.O_RDONLY, 0))
		add(rawCreat("creat"))
		add(rawCreat("exchanged"))
		add(0, unix.Renameat(unix.AT_FDCWD, "at", unix.AT_FDCWD, "new-at"))
		add(0, unix.Renameat2(unix.AT_FDCWD, "path", unix.AT_FDCWD, "exchanged", unix.RENAME_EXCHANGE))
		add(0, unix.Linkat(unix.AT_FDCWD, "link", unix.AT_FDCWD, "new-link", 0))
		fd, err := unix.Open(".", unix.O_TMPFILE|unix.O_RDWR, 0o600)
		add(fd, err)
		add(0, unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, "unnamed", unix.AT_SYMLINK_FOLLOW))
		for i, err := range all {
			if err != nil {
				fmt.Println(i, err)
				return 1
			}
		}
		return 0
	}
}

func TestRecord_100000_files(t *testing.T) {
	began := time.Now()
	const count = 100_000
	dir, err := os.MkdirTemp("/dev/shm", "record-test") // in memory: a disk takes longer than the recorder
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	r := as(t, record.Options{Dir: dir}, "files", itoa(count))
	t.Logf("%d files: %v", count, time.Since(began))
	made := 0
	for _, f := range r.Files {
		if f.State == record.Made && f.Digest == digest("") {
			made++
		}
	}
	if r.Exit != 0 || made != count || r.Watch.Lost != 0 {
		t.Errorf("exit %d, %d files were made, lost %d; %s", r.Exit, made, r.Watch.Lost, r.out)
	}
}

func init() {
	parts["files"] = func(args []string) int {
		for i := range atoi(args[1]) {
			fd, err := unix.Open(itoa(i), unix.O_WRONLY|unix.O_CREAT, 0o600)
			if err != nil {
				fmt.Println(err)
				return 1
			}
			_ = unix.Close(fd)
		}
		return 0
	}
}
