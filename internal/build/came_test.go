package build_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
		"of the commit":                     {filepath.Join(top, "main.c"), nil, material.FromSource},
		"not of the commit":                 {filepath.Join(top, "other.c"), nil, material.Untracked},
		"an object of the commit":           {filepath.Join(top, ".git/HEAD"), nil, material.FromSource},
		"a name that git knows, deeper":     {filepath.Join(top, ".git/x/HEAD"), nil, material.Untracked},
		"beside what git keeps":             {filepath.Join(top, ".git/evil.c"), nil, material.Untracked},
		"a hook":                            {filepath.Join(top, ".git/hooks/post-checkout"), nil, material.Untracked},
		"what git keeps of exclusions":      {filepath.Join(top, ".git/info/exclude"), nil, material.FromSource},
		"by a process with other mounts":    {"/etc/hostname", func(f *record.File) { f.State = record.Elsewhere }, material.FromOutside},
		"of the system":                     {"/etc/hostname", nil, material.FromSystem},
		"of nobody":                         {filepath.Join(home, "x"), nil, material.FromOutside},
		"of an earlier build":               {filepath.Join(home, ".cache/x"), nil, material.FromCache},
		"of a cache below the checkout":     {filepath.Join(top, ".gocache/x"), nil, material.FromCache},
		"beside such a cache":               {filepath.Join(top, ".gocache2/x"), nil, material.Untracked},
		"of a module":                       {filepath.Join(modules, "example.com/left@v1.0.0/left.go"), nil, material.FromPackage},
		"what go keeps of a module":         {filepath.Join(modules, "cache/download/example.com/left/@v/v1.0.0.info"), nil, material.FromPackage},
		"what go keeps of no module":        {filepath.Join(modules, "cache/download/example.com/other/@v/v1.0.0.info"), nil, material.FromCache},
		"what go keeps under another name":  {filepath.Join(modules, "cache/download/example.com/left/@v/v1.0.0.sh"), nil, material.FromCache},
		"of a runner's tools":               {filepath.Join(home, "tools/x"), nil, material.FromToolchain},
		"what the build has made":           {filepath.Join(top, "main.o"), func(f *record.File) { f.State = record.Made }, ""},
		"what the build wrote before":       {filepath.Join(top, "main.d"), func(f *record.File) { f.First, f.State = record.Write, record.Changed }, ""},
		"what is not there":                 {filepath.Join(top, "absent"), func(f *record.File) { f.State, f.Digest = record.Absent, "" }, ""},
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
	if m = made(t, build.Run{Top: top, Dir: top, Result: &record.Result{Files: []record.File{f}}}); m.Observation.Gone != 0 ||
		len(m.Materials) != 0 {
		t.Errorf("gone = %d, materials = %+v, want none", m.Observation.Gone, m.Materials)
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
	for from, how := range map[string]string{"/srv/evil": material.FromOutside, filepath.Join(top, "left-over"): material.Untracked,
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
		"a branch":       func(*testing.T, string) string { return "" },
		"no branch":      func(t *testing.T, top string) string { git(t, top, "checkout", "-q", "--detach"); return "" },
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
			if s := source(t, top, head); !s.Clean || s.Commit != head || s.Reason != "" ||
				s.Tree != git(t, top, "rev-parse", "HEAD^{tree}") {
				t.Errorf("source = %+v, want %s, clean", s, head)
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
	put(t, filepath.Join(top, ".git/HEAD"), "ref: ../../outside\n")
	if s := source(t, top, ""); s.Clean || !strings.Contains(s.Reason, "HEAD") {
		t.Errorf("source = %+v, want a HEAD that names no ref told", s)
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
}

func TestN03_variables_of_the_list_are_shown_and_others_counted(t *testing.T) {
	env := []string{"GOFLAGS=-trimpath", "LC_ALL=C", "GITHUB_SHA=x", "OTHER=x", "CFLAGS=" + strings.Repeat("x", 3000)}
	m := made(t, build.Run{Dir: "/", Env: env, Variables: []string{"GITHUB_SHA"}, Result: &record.Result{}})
	if len(m.Variables) != 3 || m.Withheld != 2 {
		t.Errorf("variables = %+v, %d withheld; want 3, and 2 withheld", m.Variables, m.Withheld)
	}
}
