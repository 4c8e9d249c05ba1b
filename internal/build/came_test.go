package build_test

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/build"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/record"
)

const gone = "1111111111111111111111111111111111111111"

func put(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	fixed := strings.Fields("-c init.defaultBranch=main -c user.name=a -c user.email=a@example.com -c commit.gpgSign=false")
	c := exec.Command("git", append(append(fixed, "-c", "protocol.file.allow=always"), args...)...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// checkout is a commit of one file, main.c.
func checkout(t *testing.T) string {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	git(t, top, "init", "-q")
	put(t, filepath.Join(top, "main.c"), "int main;\n")
	git(t, top, "add", "-A")
	git(t, top, "commit", "-q", "-m", "x")
	return top
}

// seen is a file that was read, with the digest that it has.
func seen(t *testing.T, path string) record.File {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return record.File{
		Path:   path,
		Use:    record.Read,
		First:  record.Read,
		State:  record.Certain,
		Digest: sum(b),
		Size:   int64(len(b)),
	}
}

func made(t *testing.T, r build.Run) material.Manifest {
	t.Helper()
	r.Hidden, r.Scrub = func(_, _ string) bool { return false }, func(s string) string { return s }
	r.Version = func(string, ...string) string { return "" }
	if r.Result.Watch.Files == "" {
		r.Result.Watch = record.Watch{
			Method:    "seccomp-notification",
			Files:     record.Observed,
			Processes: record.Observed,
			Network:   record.Observed,
		}
	}
	m, _, err := build.Manifest(r)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestN03_how_each_file_came(t *testing.T) {
	top := checkout(t)
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	modules := filepath.Join(home, "go/pkg/mod")
	put(t, filepath.Join(top, "go.mod"), "module example.com/a\n\ngo 1.24\n\nrequire example.com/left v1.0.0\n")
	put(t, filepath.Join(top, "go.sum"), "example.com/left v1.0.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
	git(t, top, "add", "-A")
	git(t, top, "commit", "-q", "-m", "y")
	for name, x := range map[string]struct {
		path string
		edit func(*record.File)
		want string
	}{
		"of the commit":                    {filepath.Join(top, "main.c"), nil, material.FromSource},
		"not of the commit":                {filepath.Join(top, "other.c"), nil, material.Untracked},
		"an object of the commit":          {filepath.Join(top, ".git/HEAD"), nil, material.FromSource},
		"a name that git knows, deeper":    {filepath.Join(top, ".git/x/HEAD"), nil, material.Untracked},
		"beside what git keeps":            {filepath.Join(top, ".git/evil.c"), nil, material.Untracked},
		"a name that git knows, below it":  {filepath.Join(top, ".git/MERGE_HEAD/x"), nil, material.Untracked},
		"what says where git keeps things": {filepath.Join(top, ".git"), nil, material.FromSource},
		"what git keeps of objects":        {filepath.Join(top, ".git/objects/aa/x"), nil, material.FromSource},
		"what git keeps of refs":           {filepath.Join(top, ".git/refs/heads/x"), nil, material.FromSource},
		"what git keeps of earlier refs":   {filepath.Join(top, ".git/logs/HEAD"), nil, material.FromSource},
		"a hook":                           {filepath.Join(top, ".git/hooks/post-checkout"), nil, material.Untracked},
		"what git keeps of exclusions":     {filepath.Join(top, ".git/info/exclude"), nil, material.FromSource},
		"by a process with other mounts": {"/etc/hostname", func(f *record.File) { f.State = record.Elsewhere },
			material.FromOutside},
		"of the system":                 {"/etc/hostname", nil, material.FromSystem},
		"of nobody":                     {filepath.Join(home, "x"), nil, material.FromOutside},
		"of an earlier build":           {filepath.Join(home, ".cache/x"), nil, material.FromCache},
		"of a cache below the checkout": {filepath.Join(top, ".gocache/x"), nil, material.FromCache},
		"beside such a cache":           {filepath.Join(top, ".gocache2/x"), nil, material.Untracked},
		"of a module": {filepath.Join(modules, "example.com/left@v1.0.0/left.go"), nil,
			material.FromPackage},
		"what go keeps of a module": {filepath.Join(modules, "cache/download/example.com/left/@v/v1.0.0.info"),
			nil, material.FromPackage},
		"what go keeps of no module": {filepath.Join(modules,
			"cache/download/example.com/other/@v/v1.0.0.info"), nil, material.FromCache},
		"what go keeps under another name": {filepath.Join(modules, "cache/download/example.com/left/@v/v1.0.0.sh"),
			nil, material.FromCache},
		"of a folder of a module": {filepath.Join(modules, "example.com/left@v1.0.0/a/b/c.go"), nil,
			material.FromPackage},
		"of a module, linked in the build": {filepath.Join(modules, "example.com/left@v1.0.0/left.go"),
			func(f *record.File) {
				f.First, f.State, f.From = record.Named, record.Made, "/srv/store/left.go"
			}, ""},
		"executed alone": {filepath.Join(home, "x"), func(f *record.File) {
			f.Use, f.First = record.Execute, record.Execute
		}, material.FromOutside},
		"read and written at once": {filepath.Join(top, "other.c"), func(f *record.File) {
			f.Use, f.First, f.State = record.Read|record.Write, record.Read|record.Write, record.Changed
		}, material.Untracked},
		"of a file system in memory": {"/dev/shm/x", nil, material.FromOutside},
		"without a name":             {"pipe:[1]", nil, ""},
		"whose name was taken away":  {"/srv/x (deleted)", nil, ""},
		"of a runner's tools":        {filepath.Join(home, "tools/x"), nil, material.FromToolchain},
		"what the build has made": {filepath.Join(top, "main.o"),
			func(f *record.File) { f.State = record.Made }, ""},
		"what the build wrote before": {filepath.Join(top, "main.d"), func(f *record.File) {
			f.First, f.State = record.Write, record.Changed
		}, ""},
		"opened to write and left, then read": {filepath.Join(home, "y"), func(f *record.File) {
			f.First, f.Use = record.Write, record.Write|record.Read
		}, material.FromOutside},
		"what is not there": {filepath.Join(top, "absent"), func(f *record.File) {
			f.State, f.Digest = record.Absent, ""
		}, ""},
		"a file system of the kernel's own": {"/proc/self/status", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasPrefix(x.path, top) || strings.HasPrefix(x.path, home) {
				if _, err := os.Stat(x.path); err != nil {
					put(t, x.path, "x")
				}
			}
			f := record.File{
				Path:   x.path,
				Use:    record.Read,
				First:  record.Read,
				State:  record.Certain,
				Digest: sum([]byte("x")),
			}
			if x.edit != nil {
				x.edit(&f)
			}
			module := seen(
				t,
				put(t, filepath.Join(modules, "example.com/left@v1.0.0/go.mod"), "module example.com/left\n"),
			)
			m := made(
				t,
				build.Run{
					Top:    top,
					Dir:    top,
					Home:   home,
					Env:    []string{"GOCACHE=" + filepath.Join(top, ".gocache")},
					Tools:  []string{filepath.Join(home, "tools")},
					Result: &record.Result{Files: []record.File{module, f}},
				},
			)
			ways := map[string]int{}
			for _, y := range m.Materials {
				ways[y.How] += y.Files
			}
			if ways[material.FromPackage]--; x.want == "" && m.Explained.Files != 1 ||
				x.want != "" && ways[x.want] != 1 {
				t.Errorf("ways = %v of %d files, want %q", ways, m.Explained.Files, x.want)
			}
			if m.Observation.Gone != 0 || m.Directory != "." {
				t.Errorf("%d gone, directory %q, want none and the top", m.Observation.Gone, m.Directory)
			}
		})
	}
}

func TestN03_what_is_gone_afterwards_is_listed_without_a_digest(t *testing.T) {
	top := checkout(t)
	f := record.File{Path: filepath.Join(top, "key.c"), Use: record.Read, First: record.Read, State: record.Gone}
	m := made(t, build.Run{Top: top, Dir: top, Result: &record.Result{Files: []record.File{f}}})
	want := material.Material{Path: "key.c", How: material.Untracked, Changed: true}
	if m.Observation.Gone != 1 || len(m.Materials) != 1 || m.Materials[0] != want || m.Explained.Files != 0 {
		t.Errorf("gone = %d, materials = %+v, want %+v", m.Observation.Gone, m.Materials, want)
	}
	f.First, f.Use = record.Write, record.Write|record.Read // the build made it, and took it away
	if m = made(t, build.Run{Top: top, Dir: top,
		Result: &record.Result{Files: []record.File{f}}}); m.Observation.Gone != 0 ||
		len(m.Materials) != 0 {
		t.Errorf("gone = %d, materials = %+v, want none", m.Observation.Gone, m.Materials)
	}
	f.Path, f.First = "/proc/7/maps", record.Read
	if m = made(t, build.Run{Top: top, Dir: top,
		Result: &record.Result{Files: []record.File{f}}}); m.Observation.Gone != 0 {
		t.Errorf("gone = %d, want none of the kernel's own file systems", m.Observation.Gone)
	}
	many := &record.Result{}
	for i := range 1001 {
		f.Path = fmt.Sprintf("/srv/%d", i)
		many.Files = append(many.Files, f)
	}
	if m = made(t, build.Run{Top: top, Dir: top, Result: many}); m.Observation.Gone != 1001 ||
		len(m.Materials) != 1000 {
		t.Errorf("%d gone, %d listed, want 1001 and the first 1000", m.Observation.Gone, len(m.Materials))
	}
}

func TestN03_a_file_that_changed_after_it_was_read_is_counted(t *testing.T) {
	top := checkout(t)
	for name, x := range map[string]struct {
		path string
		edit func(*record.File)
		want int
	}{
		"of the commit": {filepath.Join(top, "main.c"), nil, 1},
		"unchanged": {filepath.Join(top, "main.c"),
			func(f *record.File) { f.State = record.Certain }, 0},
		"opened to be changed": {filepath.Join(top, "main.c"),
			func(f *record.File) { f.First |= record.Write }, 0},
		"of a toolchain":                  {"/srv/tools/x", nil, 0},
		"the index of git":                {filepath.Join(top, ".git/index"), nil, 0},
		"of the kernel's own file system": {"/proc/7/maps", nil, 0},
	} {
		f := record.File{Path: x.path, Use: record.Read, First: record.Read, State: record.Changed, Digest: sum(nil)}
		if x.edit != nil {
			x.edit(&f)
		}
		m := made(t, build.Run{Top: top, Dir: top, Tools: []string{"/srv/tools"},
			Result: &record.Result{Files: []record.File{f}}})
		if m.Observation.Changed != x.want {
			t.Errorf("%s: %d changed, want %d", name, m.Observation.Changed, x.want)
		}
	}
}

func TestN03_files_are_listed_one_by_one_where_their_names_say_something_and_else_by_directory(t *testing.T) {
	top := checkout(t)
	r := build.Run{Top: top, Dir: top, Home: "/srv/me", Tools: []string{"/srv/tools"}, Result: &record.Result{}}
	read := func(state string, paths ...string) material.Manifest {
		t.Helper()
		r.Result = &record.Result{}
		for _, p := range paths {
			r.Result.Files = append(r.Result.Files, record.File{Path: p, Use: record.Read, First: record.Read,
				State: state, Digest: sum(nil)})
		}
		return made(t, r)
	}
	for want, paths := range map[string][]string{
		"/etc":           {"/etc/hostname", "/etc/passwd"},
		"/usr/lib":       {"/usr/lib/x", "/usr/lib/deep/er/y"},
		"/srv/tools":     {"/srv/tools/a/x", "/srv/tools/b/y"},
		"/srv/me/.cache": {"/srv/me/.cache/a/x", "/srv/me/.cache/b/y"},
		"/srv/me/.npm":   {"/srv/me/.npm/a/x", "/srv/me/.npm/b/y"},
	} {
		m := read(record.Certain, paths...)
		lines := sum(nil) + "  " + paths[0] + "\n" + sum(nil) + "  " + paths[1] + "\n"
		if slices.Compare(paths, slices.Sorted(slices.Values(paths))) != 0 {
			lines = sum(nil) + "  " + paths[1] + "\n" + sum(nil) + "  " + paths[0] + "\n"
		}
		if len(m.Materials) != 1 || m.Materials[0].Path != want || m.Materials[0].Files != 2 ||
			m.Materials[0].Changed ||
			m.Materials[0].Digest != sum([]byte(lines)) {
			t.Errorf("%v are %+v, want one of %s", paths, m.Materials, want)
		}
		if m = read(record.Changed, paths...); len(m.Materials) != 1 || !m.Materials[0].Changed {
			t.Errorf("%v, changed, are %+v, want that told", paths, m.Materials)
		}
		for i := range r.Result.Files { // one of them is enough, whichever
			r.Result.Files[0].State, r.Result.Files[1].State = record.Certain, record.Certain
			r.Result.Files[i].State = record.Changed
			if m = made(t, r); len(m.Materials) != 1 || !m.Materials[0].Changed {
				t.Errorf("%v, of which file %d changed, are %+v, want that told", paths, i, m.Materials)
			}
		}
	}
	if m := read(record.Certain, "/srv/a", "/srv/b"); len(m.Materials) != 2 || m.Materials[0].Path != "/srv/a" ||
		m.Materials[0].Digest != sum(nil) {
		t.Errorf("files of nobody are %+v, want each", m.Materials)
	}
	var many []string
	for i := range material.MaxMaterials + 5 {
		many = append(many, fmt.Sprintf("/srv/%d", i))
	}
	if m := read(record.Certain, many...); len(m.Materials) != material.MaxMaterials+1 ||
		m.Explained.Files != len(many) ||
		!slices.ContainsFunc(m.Materials, func(x material.Material) bool { return x.Path == "/srv" && x.Files == 5 }) {
		t.Errorf("%d materials of %d files, want %d and one for the others", len(m.Materials), m.Explained.Files,
			material.MaxMaterials)
	}
}

func TestN03_what_is_explained_is_of_the_commit_the_system_or_a_toolchain_and_unchanged(t *testing.T) {
	top := checkout(t)
	for name, x := range map[string]struct {
		file record.File
		want int
	}{
		"of the commit":           {seen(t, filepath.Join(top, "main.c")), 1},
		"of the system":           {record.File{Path: "/usr/lib/x", State: record.Certain}, 1},
		"of a toolchain":          {record.File{Path: "/srv/tools/x", State: record.Certain}, 1},
		"of the system, changed":  {record.File{Path: "/usr/lib/x", State: record.Changed}, 0},
		"of a toolchain, changed": {record.File{Path: "/srv/tools/x", State: record.Changed}, 0},
		"of nobody":               {record.File{Path: "/srv/x", State: record.Certain}, 0},
		"of an earlier build":     {record.File{Path: "/srv/me/.cache/x", State: record.Certain}, 0},
	} {
		f := x.file
		f.Use, f.First, f.Digest = record.Read, record.Read, cmp.Or(f.Digest, sum(nil))
		m := made(t, build.Run{Top: top, Dir: top, Home: "/srv/me", Tools: []string{"/srv/tools"},
			Result: &record.Result{Files: []record.File{f}}})
		if m.Explained.Files != 1 || m.Explained.Count != x.want {
			t.Errorf("%s: explained %+v, want %d", name, m.Explained, x.want)
		}
	}
}

func TestN03_without_a_checkout_nothing_is_of_a_source(t *testing.T) {
	top := checkout(t)
	t.Chdir(top)
	f := seen(t, filepath.Join(top, "main.c"))
	m := made(t, build.Run{Dir: top, Result: &record.Result{Files: []record.File{f}}})
	if len(m.Materials) != 1 || m.Materials[0].How != material.FromOutside || m.Materials[0].Path != f.Path ||
		m.Source.Commit != "" || m.Source.Reason != "the build ran in no checkout" || m.Directory != top {
		t.Errorf("%+v of %+v in %q, want the whole path, outside", m.Materials, m.Source, m.Directory)
	}
}

func TestN03_a_product_that_cannot_be_read_is_told(t *testing.T) {
	top := checkout(t)
	f := record.File{
		Path:  filepath.Join(top, "dist/app"),
		Use:   record.Write,
		First: record.Write,
		State: record.Unreadable,
	}
	m := made(t, build.Run{Top: top, Dir: top, Result: &record.Result{Files: []record.File{f}}})
	if len(m.Products) != 0 || !slices.ContainsFunc(m.Concerns(), func(c string) bool {
		return strings.Contains(c, "dist/app") && strings.Contains(c, "could not be read")
	}) {
		t.Errorf("products = %+v, concerns = %q, want dist/app told", m.Products, m.Concerns())
	}
}

func TestN03_a_tracked_file_that_the_build_changes_and_puts_back_is_dirty_if_it_was_read(t *testing.T) {
	top := checkout(t)
	f := seen(t, filepath.Join(top, "main.c"))
	f.State, f.First, f.Use = record.Changed, record.Write, record.Write
	r := build.Run{Top: top, Dir: top, Result: &record.Result{Files: []record.File{f}}}
	if s := made(t, r).Source; !s.Clean {
		t.Errorf("source = %+v, want clean: the build only wrote what the commit has", s)
	}
	r.Result.Files[0].Use |= record.Read
	if s := made(t, r).Source; s.Clean || len(s.Dirty) != 1 {
		t.Errorf("source = %+v, want main.c dirty", s)
	}
	r.Result.Files[0].Use, r.Result.Files[0].State = record.Write, record.Made
	if s := made(t, r).Source; s.Clean {
		t.Errorf("source = %+v, want main.c dirty: it was not there", s)
	}
}

func TestN03_a_tracked_file_that_the_build_did_not_find_as_the_commit_has_it_is_dirty(t *testing.T) {
	for name, x := range map[string]struct {
		path  string
		edit  func(*record.File)
		clean bool
	}{
		"as the commit has it": {"main.c", nil, true},
		"of no commit":         {"other.c", nil, true},
		"taken away before": {"main.c", func(f *record.File) { f.State, f.Digest = record.Absent, "" },
			false},
		"taken away in the build": {"main.c", func(f *record.File) { f.State, f.Digest = record.Gone, "" },
			false},
		"never there, and of no commit": {"other.c", func(f *record.File) { f.State, f.Digest = record.Absent, "" },
			true},
		"a pipe now": {"main.c", func(f *record.File) {
			f.State, f.Digest = record.Irregular,
				""
		}, true},
		"other bytes, and put back since": {"main.c", func(f *record.File) { f.Digest = sum([]byte("other")) }, false},
		"opened with other mounts":        {"main.c", func(f *record.File) { f.State = record.Elsewhere }, false},
		"not to be read": {"main.c", func(f *record.File) {
			f.State, f.Digest = record.Unreadable,
				""
		}, false},
	} {
		top := checkout(t)
		put(t, filepath.Join(top, "other.c"), "x")
		f := seen(t, filepath.Join(top, x.path))
		if x.edit != nil {
			x.edit(&f)
		}
		s := made(t, build.Run{Top: top, Dir: top, Result: &record.Result{Files: []record.File{f}}}).Source
		if s.Clean != x.clean || !x.clean && (len(s.Dirty) != 1 || s.Dirty[0] != "main.c") {
			t.Errorf("%s: clean %v, dirty %q, want clean %v", name, s.Clean, s.Dirty, x.clean)
		}
	}
}

func TestN03_every_dirty_file_is_unexplained_however_many_are_listed(t *testing.T) {
	top := checkout(t)
	var files []record.File
	for i := range 250 {
		put(t, filepath.Join(top, fmt.Sprintf("f%03d.c", i)), "x")
	}
	git(t, top, "add", "-A")
	git(t, top, "commit", "-q", "-m", "many")
	for i := range 250 {
		files = append(files, seen(t, put(t, filepath.Join(top, fmt.Sprintf("f%03d.c", i)), "y")))
	}
	m := made(t, build.Run{Top: top, Dir: top, Result: &record.Result{Files: files}})
	if m.Source.Clean || len(m.Source.Dirty) != 200 || m.Explained.Count != 0 || m.Explained.Files != 250 {
		t.Errorf("clean %v, %d listed, explained %+v", m.Source.Clean, len(m.Source.Dirty), m.Explained)
	}
}

func TestE11_a_lock_file_that_is_not_the_commits_locks_nothing(t *testing.T) {
	top := checkout(t)
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	module := seen(
		t,
		put(t, filepath.Join(home, "go/pkg/mod/example.com/left@v1.0.0/go.mod"), "module example.com/left\n"),
	)
	lock := filepath.Join(top, "go.sum")
	put(t, lock, "example.com/left v1.0.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
	r := build.Run{Top: top, Dir: top, Home: home}
	state := func() (string, material.Lock) {
		t.Helper()
		r.Result = &record.Result{Files: []record.File{module, seen(t, lock)}}
		m := made(t, r)
		if len(m.Packages) != 1 || len(m.Locks) != 1 {
			t.Fatalf("packages = %+v, locks = %+v", m.Packages, m.Locks)
		}
		return m.Packages[0].State, m.Locks[0]
	}
	if s, l := state(); s != material.NotLocked || l.State != material.LockNotRead ||
		!strings.Contains(l.Reason, "not the commit's") {
		t.Errorf("a lock that no commit has: %s, %+v", s, l)
	}
	git(t, top, "add", "-A")
	git(t, top, "commit", "-q", "-m", "locked")
	if s, l := state(); s != material.OtherDigest || l.State != material.LockRead {
		t.Errorf("a lock of the commit: %s, %+v", s, l)
	}
	put(t, lock, "example.com/left v1.0.0 h1:BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
	if s, l := state(); s != material.NotLocked || l.State != material.LockNotRead {
		t.Errorf("a lock that was changed: %s, %+v", s, l)
	}
}

func TestN03_a_product_that_was_moved_in_from_elsewhere_is_told_by_where_it_came_from(t *testing.T) {
	top := checkout(t)
	f := seen(t, put(t, filepath.Join(top, "dist/app"), "foreign"))
	f.Use, f.First, f.State = record.Named, record.Named, record.Made
	r := build.Run{Top: top, Dir: top, Result: &record.Result{Files: []record.File{f}}}
	if m := made(t, r); len(m.Products) != 1 || len(m.Materials) != 0 || m.Explained.Files != 0 {
		t.Errorf("made by the build: products %+v, materials %+v", m.Products, m.Materials)
	}
	for from, how := range map[string]string{"/srv/evil": material.FromOutside, filepath.Join(top,
		"left-over"): material.Untracked,
		filepath.Join(top, "main.c"): material.FromSource, "/usr/share/x": material.FromSystem} {
		r.Result.Files[0].From = from
		m := made(t, r)
		if len(m.Products) != 1 || len(m.Materials) != 1 || m.Materials[0].How != how || m.Explained.Files != 1 ||
			m.Explained.Count != 0 {
			t.Errorf("from %s: products %+v, materials %+v, want %s", from, m.Products, m.Materials, how)
		}
		if rest, below := strings.CutPrefix(from, top+"/"); below && m.Materials[0].Path != rest {
			t.Errorf("material %q, want %q, where it came from", m.Materials[0].Path, rest)
		}
	}
	put(t, filepath.Join(top, "dist/app"), "int main;\n") // what the commit has
	r.Result.Files[0].From, r.Result.Files[0].Digest = filepath.Join(top, "main.c"), sum([]byte("int main;\n"))
	if m := made(t, r); m.Explained.Count != 1 {
		t.Errorf("a file of the commit that was moved: explained %+v", m.Explained)
	}
	r.Result.Files[0].Digest = sum([]byte("other")) // which the build has read, and somebody has put the commit's back since
	if m := made(t, r); m.Explained.Count != 0 {
		t.Errorf("a file that was another one: explained %+v", m.Explained)
	}
	r.Result.Files[0].Digest = sum([]byte("int main;\n"))
	put(t, filepath.Join(top, "dist/app"), "since then")
	put(t, filepath.Join(top, "main.c"), "int main;\n")
	if m := made(t, r); m.Explained.Count != 0 {
		t.Errorf("a file that has changed since it was moved: explained %+v", m.Explained)
	}
	bare := t.TempDir() // of no commit, so a name that git keeps says nothing
	r = build.Run{Top: bare, Dir: bare, Result: &record.Result{Files: []record.File{seen(t, put(t, filepath.Join(bare,
		"app"), "x"))}}}
	r.Result.Files[0].State, r.Result.Files[0].From = record.Made, filepath.Join(bare, ".git/HEAD")
	if m := made(t, r); m.Explained.Count != 0 || m.Explained.Files != 1 {
		t.Errorf("a file that was moved from where git keeps its own: explained %+v", m.Explained)
	}
}

func TestN03_products_are_what_the_build_made_and_no_cache(t *testing.T) {
	top := checkout(t)
	var files []record.File
	for _, name := range []string{"dist/app", ".gocache/x", ".git/index.lock"} {
		f := seen(t, put(t, filepath.Join(top, name), name))
		f.State, f.Use, f.First = record.Made, record.Write, record.Write
		files = append(files, f)
	}
	files = append(files, seen(t, filepath.Join(top, "main.c")))
	r := build.Run{
		Top:    top,
		Dir:    top,
		Env:    []string{"GOCACHE=" + filepath.Join(top, ".gocache")},
		Result: &record.Result{Files: files},
	}
	m := made(t, r)
	if len(m.Products) != 1 || m.Products[0].Path != "dist/app" {
		t.Errorf("products = %+v, want dist/app alone", m.Products)
	}
	r.Out = []string{filepath.Join(top, "dist/app")}
	if m = made(t, r); len(m.Products) != 1 {
		t.Errorf("products = %+v, want dist/app, which is the output", m.Products)
	}
	put(t, filepath.Join(top, "dist/left-over"), "of an earlier build")
	r.Out = []string{filepath.Join(top, "dist")}
	if m = made(t, r); len(m.Products) != 1 || m.Products[0].Path != "dist/app" {
		t.Errorf("products = %+v, want dist/app alone, which the build made", m.Products)
	}
	if err := os.Remove(filepath.Join(top, "dist/left-over")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../main.c", filepath.Join(top, "dist/link")); err != nil {
		t.Fatal(err)
	}
	r.Out, r.Tools = nil, []string{filepath.Join(top, "dist")}
	if m = made(t, r); len(m.Products) != 0 {
		t.Errorf("products = %+v, want none in a directory of toolchains", m.Products)
	}
	r.Tools = nil
	installed := filepath.Join(top, "node_modules/x")
	for _, name := range []string{"package.json", "index.js"} {
		f := seen(t, put(t, filepath.Join(installed, name), `{"name":"x","version":"1.0.0"}`))
		if name == "index.js" {
			f.State, f.Use, f.First = record.Made, record.Write, record.Write
		}
		r.Result.Files = append(r.Result.Files, f)
	}
	if m = made(t, r); len(m.Packages) != 1 || len(m.Products) != 1 {
		t.Errorf("products = %+v, packages = %+v, want no product in a package", m.Products, m.Packages)
	}
	r.Out = []string{filepath.Join(top, "elsewhere")}
	if m = made(t, r); len(m.Products) != 0 {
		t.Errorf("products = %+v, want none outside of the output", m.Products)
	}
	// Of a build that nobody watched, what lies in the output is what it made.
	r.Result = &record.Result{
		Watch: record.Watch{
			Method:    "none",
			Files:     record.NotObserved,
			Processes: record.NotObserved,
			Network:   record.NotObserved,
			Reason:    "macOS",
		},
	}
	r.Out = []string{filepath.Join(top, "dist"), filepath.Join(top, "main.c"), filepath.Join(top, "absent")}
	if m = made(t, r); len(m.Products) != 2 || m.Products[0].Path != "dist/app" ||
		m.Products[0].Digest != sum([]byte("dist/app")) {
		t.Errorf("products = %+v, want dist/app and main.c", m.Products)
	}
	if r.Out = nil; len(made(t, r).Products) != 0 {
		t.Error("a product that nobody has named, of a build that nobody watched")
	}
}

func TestN03_the_source_is_the_commit_that_is_checked_out(t *testing.T) {
	source := func(t *testing.T, top, named string) material.Source {
		t.Helper()
		return made(
			t,
			build.Run{
				Top:    top,
				Dir:    top,
				Commit: named,
				Result: &record.Result{Files: []record.File{seen(t, filepath.Join(top, "main.c"))}},
			},
		).Source
	}
	for name, change := range map[string]func(t *testing.T, top string) string{
		"a branch": func(*testing.T, string) string { return "" },
		"no branch": func(t *testing.T, top string) string {
			git(t, top, "checkout", "-q",
				"--detach")
			return ""
		},
		"packed refs":    func(t *testing.T, top string) string { git(t, top, "pack-refs", "--all"); return "" },
		"packed objects": func(t *testing.T, top string) string { git(t, top, "gc", "-q"); return "" },
		"a second work tree": func(t *testing.T, top string) string {
			at := filepath.Join(t.TempDir(), "w")
			git(t, top, "worktree", "add", "-q", at)
			return at
		},
		"a clone of one deep": func(t *testing.T, top string) string {
			at := filepath.Join(t.TempDir(), "c")
			git(t, top, "clone", "-q", "--depth=1", "file://"+top, at)
			return at
		},
	} {
		t.Run(name, func(t *testing.T) {
			top := checkout(t)
			if at := change(t, top); at != "" {
				top = at
			}
			head := git(t, top, "rev-parse", "HEAD")
			for _, named := range []string{head, ""} {
				if s := source(t, top, named); !s.Clean || s.Commit != head || s.Reason != "" ||
					s.Tree != git(t, top, "rev-parse", "HEAD^{tree}") {
					t.Errorf("source = %+v, want %s, clean", s, head)
				}
			}
			if got := build.Head(top); got != head {
				t.Errorf("HEAD is %q, want %s", got, head)
			}
			if s := source(t, top, gone); s.Clean || s.Reason == "" {
				t.Errorf("source = %+v, want a job of another commit told", s)
			}
			put(t, filepath.Join(top, "main.c"), "int other;\n")
			if s := source(t, top, head); s.Clean || len(s.Dirty) != 1 || s.Dirty[0] != "main.c" {
				t.Errorf("source = %+v, want main.c dirty", s)
			}
		})
	}
	top := checkout(t)
	if s := made(t, build.Run{Dir: top, Result: &record.Result{}}).Source; s.Clean || s.Reason == "" {
		t.Errorf("source = %+v, want none known", s)
	}
}

func TestN03_a_commit_that_cannot_be_read_is_told(t *testing.T) {
	for name, x := range map[string]struct {
		spoil func(t *testing.T, top, head string)
		want  string
	}{
		"no repository": {func(t *testing.T, top, _ string) {
			if err := os.RemoveAll(filepath.Join(top, ".git")); err != nil {
				t.Fatal(err)
			}
		}, "the build ran in no checkout"},
		"no HEAD": {func(t *testing.T, top, _ string) {
			if err := os.Remove(filepath.Join(top, ".git/HEAD")); err != nil {
				t.Fatal(err)
			}
		}, "HEAD of the checkout cannot be read"},
		"a HEAD that is no name": {func(t *testing.T, top, _ string) {
			put(t, filepath.Join(top, ".git/HEAD"),
				"x\n")
		}, "it names no commit"},
		"a HEAD that leads out": {func(t *testing.T, top, head string) {
			put(t, filepath.Join(top, "../outside"), head)
			put(t, filepath.Join(top, ".git/HEAD"), "ref: ../../outside\n")
		}, "HEAD names no ref"},
		"a ref that is not there": {func(t *testing.T, top, _ string) {
			put(t, filepath.Join(top, ".git/HEAD"), "ref: refs/heads/none\n")
		}, "ref refs/heads/none is not there"},
		"a ref that is not there among packed ones": {func(t *testing.T, top, _ string) {
			git(t, top, "pack-refs", "--all")
			put(t, filepath.Join(top, ".git/HEAD"), "ref: refs/heads/none\n")
		}, "ref refs/heads/none is not there"},
		"a tree that is not there": {func(t *testing.T, top, _ string) {
			tree := git(t, top, "rev-parse", "HEAD^{tree}")
			if err := os.Remove(filepath.Join(top, ".git/objects", tree[:2], tree[2:])); err != nil {
				t.Fatal(err)
			}
		}, "the checkout does not have the whole commit"},
		"a tree that is no object": {func(t *testing.T, top, _ string) {
			tree := git(t, top, "rev-parse", "HEAD^{tree}")
			at := filepath.Join(top, ".git/objects", tree[:2], tree[2:])
			if err := os.Remove(at); err != nil {
				t.Fatal(err)
			}
			put(t, at, "junk")
		}, "the checkout does not have the whole commit: "},
	} {
		t.Run(name, func(t *testing.T) {
			top := checkout(t)
			head := git(t, top, "rev-parse", "HEAD")
			f := seen(t, filepath.Join(top, "main.c"))
			x.spoil(t, top, head)
			s := made(t, build.Run{Top: top, Dir: top, Result: &record.Result{Files: []record.File{f}}}).Source
			exact := !strings.HasSuffix(x.want, ": ") && strings.HasPrefix(x.want, "the ")
			if s.Clean || !strings.Contains(s.Reason, x.want) || exact && s.Reason != x.want {
				t.Errorf("source = %+v, want %q", s, x.want)
			}
			if lost := strings.Contains(x.want, "whole"); (build.Head(top) == "") == lost {
				t.Errorf("HEAD is %q", build.Head(top))
			}
			// The platform names the commit, so what HEAD says is not needed.
			s = made(t, build.Run{Top: top, Dir: top, Commit: head,
				Result: &record.Result{Files: []record.File{f}}}).Source
			if read := strings.Contains(x.want, "HEAD") || strings.Contains(x.want, "names") ||
				strings.Contains(x.want, "ref"); s.Clean != read ||
				read && (s.Commit != head || s.Reason != "") {
				t.Errorf("source = %+v, want it known by the commit that the job names: %v", s, read)
			}
		})
	}
	top := checkout(t)
	git(t, top, "branch", "another")
	git(t, top, "commit", "-q", "--allow-empty", "-m", "y")
	git(t, top, "pack-refs", "--all")
	if got, want := build.Head(top), git(t, top, "rev-parse", "HEAD"); got != want {
		t.Errorf("HEAD is %s, want %s: another ref is packed before it", got, want)
	}
}

func TestN03_submodules_are_named_by_their_commits(t *testing.T) {
	inner, top := checkout(t), checkout(t)
	git(t, top, "submodule", "add", "-q", inner, "third")
	git(t, top, "commit", "-q", "-m", "y")
	s := made(t, build.Run{Top: top, Dir: top, Result: &record.Result{}}).Source
	if len(s.Submodules) != 1 || s.Submodules[0].Path != "third" ||
		s.Submodules[0].Commit != git(t, inner, "rev-parse", "HEAD") {
		t.Errorf("submodules = %+v", s.Submodules)
	}
}

func TestN03_images_that_a_dockerfile_begins_with(t *testing.T) {
	top := checkout(t)
	pin := "sha256:" + strings.Repeat("a", 64)
	at := put(
		t,
		filepath.Join(top, "Dockerfile"),
		"FROM --platform=linux/amd64 golang:1.26@"+pin+" AS build\nFROM build AS second\nfrom scratch\nFROM alpine:3\n",
	)
	m := made(t, build.Run{Top: top, Dir: top, Result: &record.Result{Files: []record.File{seen(t, at)}}})
	if len(m.Images) != 2 || m.Images[0].Name != "alpine:3" || m.Images[0].Digest != "" || m.Images[1].Digest != pin {
		t.Errorf("images = %+v, want alpine without a digest and golang with one", m.Images)
	}
	if m = made(t, build.Run{Top: top, Dir: top, Result: &record.Result{}}); len(m.Images) != 0 {
		t.Errorf("images = %+v of a file that was not read", m.Images)
	}
	for name, want := range map[string]int{"Dockerfile": 1, "Containerfile": 1, "Dockerfile.dev": 1,
		"api.dockerfile": 1, "docs/Dockerfile": 1, "notes.txt": 0, "../Dockerfile": 0} {
		f := seen(t, put(t, filepath.Join(top, name), "FROM alpine:3\n"))
		if m = made(t, build.Run{Top: top, Dir: top,
			Result: &record.Result{Files: []record.File{f}}}); len(m.Images) != want {
			t.Errorf("%s: images = %+v, want %d", name, m.Images, want)
		}
		f.State, f.Digest = record.Unreadable, ""
		if m = made(t, build.Run{Top: top, Dir: top,
			Result: &record.Result{Files: []record.File{f}}}); len(m.Images) != 0 {
			t.Errorf("%s: images = %+v of a file without a digest", name, m.Images)
		}
	}
}

func TestN03_variables_of_the_list_are_shown_and_others_counted(t *testing.T) {
	env := []string{"GOFLAGS=-trimpath", "LC_ALL=C", "GITHUB_SHA=x", "OTHER=x", "CFLAGS=" + strings.Repeat("x", 3000)}
	m := made(t, build.Run{Dir: "/", Env: env, Variables: []string{"GITHUB_SHA"}, Result: &record.Result{}})
	if len(m.Variables) != 3 || m.Withheld != 2 {
		t.Errorf("variables = %+v, %d withheld; want 3, and 2 withheld", m.Variables, m.Withheld)
	}
}

func TestN03_a_package_that_names_no_other_lacks_no_lock(t *testing.T) {
	for text, locked := range map[string]bool{
		`{"name": "hello", "files": ["index.js"]}`:            true,
		`{"name": "hello", "dependencies": {"left": "1"}}`:    false,
		`{"name": "hello", "devDependencies": {"left": "1"}}`: false,
		`{"name": "hello", "workspaces": ["a"]}`:              false,
		`null`:                                                false,
		`{"name": `:                                           false,
	} {
		top := checkout(t)
		at := put(t, filepath.Join(top, "package.json"), text)
		git(t, top, "add", "-A")
		git(t, top, "commit", "-q", "-m", "y")
		for _, committed := range []bool{true, false} {
			if !committed {
				put(t, at, text+"\n")
			}
			r := build.Run{Top: top, Dir: top, Result: &record.Result{Files: []record.File{seen(t, at)}}}
			if m := made(t, r); (len(m.Locks) == 0) != (locked && committed) {
				t.Errorf("%s: committed %t, locks = %+v, want none missing: %t", text, committed, m.Locks, locked && committed)
			}
		}
	}
}

func TestN03_a_product_that_was_there_before_and_was_written_anew_is_a_product(t *testing.T) {
	top := checkout(t)
	for name, x := range map[string]struct {
		path    string
		use     record.Use
		state   string
		product bool
	}{
		"looked at and written":    {"dist/app", record.Read | record.Write, record.Changed, true},
		"looked at and moved over": {"dist/app", record.Read | record.Named, record.Changed, true},
		"looked at alone":          {"dist/app", record.Read, record.Changed, false},
		"opened and left":          {"dist/app", record.Read | record.Write, record.Certain, false},
		"a file of the commit":     {"main.c", record.Read | record.Write, record.Changed, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := seen(t, put(t, filepath.Join(top, x.path), "anew\n"))
			f.Use, f.State = x.use, x.state
			m := made(t, build.Run{Top: top, Dir: top, Result: &record.Result{Files: []record.File{f}}})
			if got := len(m.Products) == 1; got != x.product {
				t.Errorf("products = %+v, want one: %v", m.Products, x.product)
			}
			// It was read as well, and then it was what somebody had left there.
			if x.path == "dist/app" && (len(m.Materials) != 1 || m.Materials[0].How != material.Untracked) {
				t.Errorf("materials = %+v", m.Materials)
			}
		})
	}
}

func TestN03_a_file_of_the_kernels_own_is_no_product_even_where_the_output_is_named(t *testing.T) {
	top := checkout(t)
	for path, want := range map[string]int{"/proc/x/app": 0, filepath.Join(top, "dist/app"): 1} {
		f := record.File{Path: path, Use: record.Read | record.Write, First: record.Read, State: record.Changed,
			Digest: sum([]byte("x"))}
		m := made(t, build.Run{Top: top, Dir: top, Out: []string{"/proc/x", filepath.Join(top, "dist")},
			Result: &record.Result{Files: []record.File{f}}})
		if len(m.Products) != want {
			t.Errorf("%s: products = %+v, want %d", path, m.Products, want)
		}
	}
}

func TestN03_products_whose_hidden_names_are_one_are_told_apart_also_from_a_name_of_that_number(t *testing.T) {
	top := checkout(t)
	var files []record.File
	for _, name := range []string{"ghp_1", "ghp_2", "[hidden] 2"} {
		f := seen(t, put(t, filepath.Join(top, name), name))
		f.State, f.Use, f.First = record.Made, record.Write, record.Write
		files = append(files, f)
	}
	scrub := regexp.MustCompile(`ghp_[0-9]`)
	m, _, err := build.Manifest(build.Run{Top: top, Dir: top, Result: &record.Result{Files: files},
		Hidden: func(_, _ string) bool { return false }, Version: func(string, ...string) string { return "" },
		Scrub: func(s string) string { return scrub.ReplaceAllString(s, "[hidden]") }})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range m.Products {
		names = append(names, p.Path)
	}
	if want := []string{"[hidden]", "[hidden] 2", "[hidden] 3"}; !slices.Equal(names, want) {
		t.Errorf("products %q, want %q", names, want)
	}
}

func TestN03_what_the_go_command_notes_of_the_checkout_itself_is_of_the_commit(t *testing.T) {
	top := checkout(t)
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(top, "go.mod"), "module example.com/Own\n\ngo 1.24\n")
	git(t, top, "add", "-A")
	git(t, top, "commit", "-q", "-m", "y")
	commit := git(t, top, "rev-parse", "HEAD")
	pseudo := "v0.0.0-20260101000000-" + commit[:12]
	says := func(version, more string) string { return `{"Version":"` + version + `"` + more + `}` }
	origin := func(more, hash string) string { return `,"Origin":{` + more + `"Hash":"` + hash + `"}` }
	const own = "example.com/!own/@v/"
	for name, x := range map[string]struct{ path, text, want string }{
		"of the commit":    {own + pseudo + ".info", says(pseudo, ""), material.FromSource},
		"of a tag":         {own + "v1.0.0.info", says("v1.0.0", origin("", commit)), material.FromSource},
		"of another one":   {own + "v1.0.1.info", says("v1.0.1", origin("", gone)), material.FromCache},
		"of no commit":     {own + "v1.0.2.info", says("v1.0.2", ""), material.FromCache},
		"of other words":   {own + pseudo + "x.info", says(pseudo, ""), material.FromCache},
		"of others":        {"example.com/other/@v/" + pseudo + ".info", says(pseudo, ""), material.FromCache},
		"an archive of it": {own + pseudo + ".zip", "x", material.FromPackage},
		"with more in it":  {own + "v1.0.3.info", says("v1.0.3", `,"More":"x"`+origin("", commit)), material.FromCache},
		"large": {own + "v1.0.4.info", says("v1.0.4", origin(`"URL":"`+strings.Repeat("x", 1024)+`",`, commit)),
			material.FromCache},
		"no JSON": {own + "v2.0.0-" + commit[:12] + ".info", "x", material.FromCache},
	} {
		t.Run(name, func(t *testing.T) {
			for below, want := range map[string]string{"go/pkg/mod": x.want, "elsewhere": material.FromOutside} {
				f := seen(t, put(t, filepath.Join(home, below, "cache/download", x.path), x.text))
				m := made(t, build.Run{Top: top, Dir: top, Home: home, Result: &record.Result{Files: []record.File{f}}})
				if len(m.Materials) != 1 || m.Materials[0].How != want {
					t.Errorf("below %s: materials = %+v, want %s", below, m.Materials, want)
				}
			}
		})
	}
}
