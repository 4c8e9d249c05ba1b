package build_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/build"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/record"
)

const goSum = "example.com/left v1.0.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"

func TestE11_the_packages_of_a_build_are_those_whose_files_it_read(t *testing.T) {
	top, home := checkout(t), t.TempDir()
	modules := filepath.Join(home, "go/pkg/mod/example.com/left@v1.0.0")
	put(t, filepath.Join(modules, "go.mod"), "module example.com/left\n")
	for name, x := range map[string]struct {
		path  string
		edit  func(*record.File)
		tools string
		want  int
	}{
		"a file that was read": {filepath.Join(modules, "go.mod"), nil, "", 1},
		"a file that was executed": {filepath.Join(modules, "go.mod"),
			func(f *record.File) { f.Use = record.Execute }, "", 1},
		"a file that was written": {filepath.Join(modules, "go.mod"),
			func(f *record.File) { f.Use = record.Write }, "", 0},
		"a file that was not there": {filepath.Join(modules, "go.mod"), func(f *record.File) { f.Digest = "" }, "",
			0},
		"a file without a name":      {filepath.Join(modules, "go.mod (deleted)"), nil, "", 0},
		"a package of the machine":   {"/usr/lib/node_modules/npm/node_modules/x/index.js", nil, "", 0},
		"a package of a tool":        {"/srv/tools/lib/node_modules/npm/index.js", nil, "/srv/tools", 0},
		"a package of another place": {"/srv/other/lib/node_modules/npm/index.js", nil, "/srv/tools", 1},
		"a package of the checkout":  {filepath.Join(top, "node_modules/x/index.js"), nil, "", 1},
		"a tool below the checkout": {filepath.Join(top, "tools/node_modules/x/index.js"), nil, filepath.Join(top,
			"tools"), 0},
	} {
		f := record.File{Path: x.path, Use: record.Read, First: record.Read, State: record.Certain, Digest: sum(nil)}
		if x.edit != nil {
			x.edit(&f)
		}
		r := build.Run{Top: top, Dir: top, Home: home, Result: &record.Result{Files: []record.File{f}}}
		if x.tools != "" {
			r.Tools = []string{x.tools}
		}
		if m := made(t, r); len(m.Packages) != x.want {
			t.Errorf("%s: packages = %+v, want %d", name, m.Packages, x.want)
		}
	}
}

func TestE11_a_checkout_in_a_directory_of_the_system_has_packages(t *testing.T) {
	// As in a container whose checkout lies in /opt: what is below the checkout did not come with the machine.
	at := "/opt/acme/node_modules/x/index.js"
	m := made(t, build.Run{Top: "/opt/acme", Dir: "/opt/acme", Result: &record.Result{Files: []record.File{{Path: at,
		Use: record.Read, First: record.Read, State: record.Certain, Digest: sum(nil)}}}})
	if len(m.Packages) != 1 || m.Materials[0].How != material.FromPackage || m.Materials[0].Path != "node_modules/x" {
		t.Errorf("packages = %+v, materials = %+v, want one package", m.Packages, m.Materials)
	}
}

func TestE11_the_locks_of_a_manifest_are_those_of_this_build(t *testing.T) {
	for name, x := range map[string]struct {
		path, text string
		edit       func(*record.File)
		want       string // path, state and reason
	}{
		"of a tool whose locks are not read": {"yarn.lock", "x", nil,
			"yarn.lock not-read no reader for this format"},
		"the same, in a package":     {"node_modules/x/yarn.lock", "x", nil, ""},
		"the same, in vendored code": {"a/vendor/x/Gemfile.lock", "x", nil, ""},
		"the same, installed by pip": {"a/site-packages/x/pdm.lock", "x", nil, ""},
		"the same, in a cache":       {".gocache/yarn.lock", "x", nil, ""},
		"the same, outside":          {"../yarn.lock", "x", nil, ""},
		"the same, changed in the build": {"yarn.lock", "x",
			func(f *record.File) { f.State = record.Changed }, "yarn.lock not-read no reader for this format"},
		"the same, looked for": {"yarn.lock", "", func(f *record.File) {
			f.State,
				f.Digest = record.Absent, ""
		}, ""},
		"of a tool that has none": {"pom.xml", "x", nil,
			"pom.xml not-locked no lock file is there for what it names"},
		"the same, outside ": {"../pom.xml", "x", nil, ""},
		"of a tool that has one": {"Gemfile", "x", nil,
			"Gemfile not-locked no lock file is there for what it names"},
		"no lock": {"main.c", "", nil, ""},
		"of no commit": {"go.sum", goSum, nil,
			"go.sum not-read it is not the commit's: an earlier step or the build may have written it"},
		"the same, looked for ": {"go.sum", "", func(f *record.File) {
			f.State,
				f.Digest = record.Absent, ""
		}, ""},
		"the same, in a package ":             {"node_modules/x/package-lock.json", "{}", nil, ""},
		"the same, in a cache ":               {".gocache/go.sum", goSum, nil, ""},
		"the same, outside  ":                 {"../go.sum", goSum, nil, ""},
		"of the commit, in the second commit": {"committed/go.sum", goSum, nil, "committed/go.sum read "},
		"of the commit, and broken": {"committed/Cargo.lock", "[[", nil,
			"committed/Cargo.lock not-read …"},
		"of the commit, and gone after it was read": {"gone/go.sum", goSum, nil,
			"gone/go.sum not-read it cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			top := checkout(t)
			at := filepath.Join(top, x.path)
			f := record.File{Path: at, Use: record.Read, First: record.Read, State: record.Certain}
			if x.text != "" {
				f = seen(t, put(t, at, x.text))
			}
			if strings.HasPrefix(x.path, "committed") || strings.HasPrefix(x.path, "gone") {
				git(t, top, "add", "-A")
				git(t, top, "commit", "-q", "-m", "y")
			}
			if strings.HasPrefix(x.path, "gone") {
				if err := os.Remove(at); err != nil {
					t.Fatal(err)
				}
			}
			if x.edit != nil {
				x.edit(&f)
			}
			// Each is found beside a file that has nothing to do with locks.
			m := made(t, build.Run{Top: top, Dir: top, Env: []string{"GOCACHE=" + filepath.Join(top, ".gocache")},
				Result: &record.Result{Files: []record.File{f, seen(t, filepath.Join(top, "main.c"))}}})
			got := ""
			for _, l := range m.Locks {
				got += l.Path + " " + l.State + " " + l.Reason
			}
			if start, long := strings.CutSuffix(x.want, "…"); got != x.want && !(long && strings.HasPrefix(got,
				start) && got != start) {
				t.Errorf("locks = %q, want %q", got, x.want)
			}
		})
	}
}

func TestE11_a_lock_of_the_commit_holds_packages_also_if_the_build_did_not_open_it(t *testing.T) {
	top, home := checkout(t), t.TempDir()
	put(t, filepath.Join(top, "go.sum"), goSum)
	git(t, top, "add", "-A")
	git(t, top, "commit", "-q", "-m", "y")
	module := seen(t, put(t, filepath.Join(home, "go/pkg/mod/example.com/left@v1.0.0/go.mod"),
		"module example.com/left\n"))
	r := build.Run{Top: top, Dir: top, Home: home, Result: &record.Result{Files: []record.File{module}}}
	m := made(t, r)
	if len(m.Packages) != 1 || m.Packages[0].State != material.OtherDigest || m.Packages[0].Lock != "go.sum" ||
		m.Packages[0].Digest == "" ||
		len(m.Locks) != 1 || m.Locks[0].Path != "go.sum" {
		t.Errorf("packages = %+v, locks = %+v, want the lock of the commit", m.Packages, m.Locks)
	}
	if m.Explained.Count != 0 {
		t.Errorf("explained %+v, want none: the package has other bytes", m.Explained)
	}
	put(t, filepath.Join(top, "pom.xml"), "<project/>") // which the build does not read
	git(t, top, "add", "-A")
	git(t, top, "commit", "-q", "-m", "z")
	if r.Result.Files = []record.File{seen(t, filepath.Join(top, "main.c"))}; len(made(t, r).Locks) != 0 {
		t.Error("a lock is listed that neither names a package of the build nor was opened")
	}
	r.Result.Files = []record.File{module}
	r.Env = []string{"GOMODCACHE=" + filepath.Join(home, "elsewhere")}
	if m = made(t, r); len(m.Packages) != 0 {
		t.Errorf("packages = %+v, want none outside of the module cache", m.Packages)
	}
	for _, env := range []string{"GOMODCACHE=" + filepath.Join(home, "go/pkg/mod"), "GOPATH=" + filepath.Join(home,
		"go") + ":/srv/x"} {
		r.Env, r.Home = []string{env}, "/srv/me"
		if m = made(t, r); len(m.Packages) != 1 {
			t.Errorf("%s: packages = %+v, want one", env, m.Packages)
		}
	}
}

func TestE11_without_a_commit_the_locks_that_lie_there_count(t *testing.T) {
	dir, home := t.TempDir(), t.TempDir()
	module := seen(t, put(t, filepath.Join(home, "go/pkg/mod/example.com/left@v1.0.0/go.mod"),
		"module example.com/left\n"))
	lock := seen(t, put(t, filepath.Join(dir, "go.sum"), goSum))
	m := made(t, build.Run{Dir: dir, Home: home, Result: &record.Result{Files: []record.File{module, lock}}})
	if len(m.Packages) != 1 || m.Packages[0].State != material.OtherDigest || len(m.Locks) != 1 ||
		m.Locks[0].State != material.LockRead {
		t.Errorf("packages = %+v, locks = %+v, want them held to the lock", m.Packages, m.Locks)
	}
}

func TestE11_a_package_that_a_lock_names_is_explained_and_one_that_none_names_is_not(t *testing.T) {
	top := checkout(t)
	put(t, filepath.Join(top, "package-lock.json"),
		`{"name":"a","lockfileVersion":3,"packages":{"":{"name":"a"},"node_modules/x":{"version":"1.0.0","integrity":"sha512-`+strings.Repeat("A", 86)+`=="}}}`)
	git(t, top, "add", "-A")
	git(t, top, "commit", "-q", "-m", "y")
	for name, want := range map[string][2]any{"x": {material.Named, 1}, "y": {material.NotLocked, 0}} {
		f := seen(t, put(t, filepath.Join(top, "node_modules", name, "lib/package.json"),
			`{"name":"`+name+`","version":"1.0.0"}`))
		m := made(t, build.Run{Top: top, Dir: top, Home: t.TempDir(), Result: &record.Result{Files: []record.File{f}}})
		if len(m.Packages) != 1 || m.Packages[0].State != want[0] || m.Explained.Count != want[1] ||
			!slices.ContainsFunc(m.Materials,
				func(x material.Material) bool { return x.Path == "node_modules/"+name }) {
			t.Errorf("%s: packages = %+v, explained %+v, materials %+v, want %v", name, m.Packages, m.Explained,
				m.Materials, want)
		}
	}
}

func TestE11_a_file_that_was_added_to_a_folder_that_the_commit_vendors_is_untracked(t *testing.T) {
	for name, sub := range map[string]string{"at the top": "", "in a module below": "app/"} {
		t.Run(name, func(t *testing.T) {
			top := checkout(t)
			put(t, filepath.Join(top, sub, "go.mod"),
				"module example.com/a\n\ngo 1.24\n\nrequire example.com/dep v1.0.0\n")
			list := put(t, filepath.Join(top, sub, "vendor/modules.txt"), "# example.com/dep v1.0.0\nexample.com/dep\n"+
				"# example.com/two v1.0.0\nexample.com/two\n") // of which the commit has nothing
			dep := put(t, filepath.Join(top, sub, "vendor/example.com/dep/dep.go"), "package dep\n")
			git(t, top, "add", "-A")
			git(t, top, "commit", "-q", "-m", "vendor")
			want := map[string]string{list: material.FromSource, dep: material.FromSource}
			for _, more := range strings.Fields("example.com/dep/z.go example.com/dep/m/m.go example.com/n/n.go n.go " +
				"example.com/two/two.go") {
				want[put(t, filepath.Join(top, sub, "vendor", more), "package dep\n")] = material.Untracked
			}
			locked := put(t, filepath.Join(top, "other/vendor/x/x.go"), "package x\n") // of no commit as a whole
			put(t, filepath.Join(top, "other/vendor/modules.txt"), "# x v1.0.0\nx\n")
			want[locked] = material.FromPackage
			r := build.Run{Top: top, Dir: top, Result: &record.Result{}}
			for path := range want {
				r.Result.Files = append(r.Result.Files, seen(t, path))
			}
			m := made(t, r)
			for path, how := range want {
				rest, _ := filepath.Rel(top, path)
				if how == material.FromPackage {
					rest = filepath.Dir(rest)
				}
				is := func(x material.Material) bool { return x.Path == rest && x.How == how }
				if !slices.ContainsFunc(m.Materials, is) {
					t.Errorf("%s is not %s in %+v", rest, how, m.Materials)
				}
			}
			if m.Explained.Count != 2 || m.Explained.Files != 8 {
				t.Errorf("explained %+v", m.Explained)
			}
		})
	}
}

func TestE11_a_lock_that_was_changed_and_not_opened_is_told_where_packages_are_in_no_lock(t *testing.T) {
	top := checkout(t)
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	files := []record.File{seen(t, put(t, filepath.Join(home, "go/pkg/mod/example.com/left@v1.0.0/go.mod"),
		"module example.com/left\n"))}
	put(t, filepath.Join(top, "go.sum"), goSum)
	put(t, filepath.Join(top, "Cargo.lock"), "version = 4\n")
	git(t, top, "add", "-A")
	git(t, top, "commit", "-q", "-m", "locked")
	put(t, filepath.Join(top, "Cargo.lock"), "version = 4\n\n")
	r := build.Run{Top: top, Dir: top, Home: home, Result: &record.Result{Files: files}}
	if m := made(t, r); len(m.Locks) != 1 || m.Locks[0].State != material.LockRead {
		t.Errorf("locks = %+v", m.Locks)
	}
	put(t, filepath.Join(top, "go.sum"), goSum+"\n")
	m := made(t, r)
	if len(m.Locks) != 1 || m.Locks[0].Path != "go.sum" || m.Locks[0].State != material.LockNotRead ||
		!strings.Contains(m.Locks[0].Reason, "not the commit's") || m.Packages[0].State != material.NotLocked {
		t.Errorf("locks = %+v, packages = %+v", m.Locks, m.Packages)
	}
}
