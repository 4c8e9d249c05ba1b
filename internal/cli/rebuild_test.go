package cli

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/difference"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/record"
)

// emptyRepository makes a repository with one commit, and returns its folder and the name of the commit.
func emptyRepository(t *testing.T) (top, commit string) {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	git := func(args ...string) string {
		c := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=a", "-c", "user.email=a@b.c",
			"-c", "commit.gpgSign=false"}, args...)...)
		c.Dir = top
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q")
	git("commit", "-q", "--allow-empty", "-m", "x")
	return top, git("rev-parse", "HEAD")
}

func digestOf(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

func TestN04_a_manifest_that_cannot_be_followed_is_refused_before_anything_is_run(t *testing.T) {
	top, commit := emptyRepository(t)
	t.Chdir(top)
	good := func() material.Manifest {
		return material.Manifest{RecordedBy: material.ByOwnJob, Command: []string{"make"}, Directory: "sub",
			Observation: material.Observed{Files: "observed", Processes: "observed", Network: "observed"},
			Source:      material.Source{Commit: commit, Clean: true}, Products: []material.Product{{Path: "app",
				Digest: digestOf("x")}}}
	}
	for name, x := range map[string]struct {
		edit func(*material.Manifest)
		in   func(*rebuildInputs)
		want string
		code fault.Code
	}{
		"one that can": {},
		"of no commit": {edit: func(m *material.Manifest) {
			m.Source.Commit, m.Source.Reason = "",
				"no checkout"
		}, want: "names no commit: no checkout", code: fault.Materials},
		"of a flag of git": {edit: func(m *material.Manifest) { m.Source.Commit = "--orphan=x" },
			want: "want 40 or 64", code: fault.Malformed},
		"with submodules": {edit: func(m *material.Manifest) { m.Source.Submodules = []material.Submodule{{}} },
			want: "submodules", code: fault.Unsupported},
		"of a changed source": {edit: func(m *material.Manifest) { m.Source.Clean = false },
			want: "not its commit's", code: fault.Materials},
		"of a build outside": {edit: func(m *material.Manifest) { m.Directory = "/srv" },
			want: "outside of its source", code: fault.Path},
		"of a build above": {edit: func(m *material.Manifest) { m.Directory = "../x" },
			want: "outside of its source", code: fault.Path},
		"of nothing": {edit: func(m *material.Manifest) { m.Products = nil }, want: "lists no product",
			code: fault.Materials},
		"of a hidden command": {edit: func(m *material.Manifest) {
			m.Command = []string{"x",
				"--a=" + fault.Hidden}
		}, want: "hidden in the manifest", code: fault.Materials},
		"that is none": {in: func(in *rebuildInputs) { in.Manifest = "absent.json" }, want: "absent.json"},
		"beside --check": {in: func(in *rebuildInputs) { in.Check = true },
			want: "want --manifest FILE, or --check", code: fault.Config},
		"left out": {in: func(in *rebuildInputs) { in.Manifest = "" },
			want: "want --manifest FILE, or --check", code: fault.Config},
		"beside a command": {in: func(in *rebuildInputs) { in.Words = []string{"make"} },
			want: "leave \"make\" out", code: fault.Config},
		"a check of no command": {in: func(in *rebuildInputs) { in.Manifest, in.Check = "", true },
			want: "--check needs the command", code: fault.Config},
	} {
		m := good()
		if x.edit != nil {
			x.edit(&m)
		}
		b, err := m.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("m.json", b, 0o600); err != nil {
			t.Fatal(err)
		}
		in := rebuildInputs{Manifest: "m.json", Source: "."}
		if x.in != nil {
			x.in(&in)
		}
		r := atTerminal(t)
		p, err := r.planned(in, t.TempDir())
		if x.want == "" {
			if err != nil || p.commit != commit || p.source != top || p.original != top || p.dir != "sub" ||
				p.manifest != digestOf(string(b)) {
				t.Errorf("%s: %+v, %v", name, p, err)
			}
			continue
		}
		if f := fault.Of(err); err == nil || !strings.Contains(f.Error(), x.want) || x.code != "" && f.Code != x.code {
			t.Errorf("%s: %v (%s), want %q", name, err, f.Code, x.want)
		}
	}
	m := good()
	b, err := m.JSON()
	if err == nil {
		err = os.WriteFile("m.json", b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := atTerminal(t)
	if p, err := r.planned(rebuildInputs{Manifest: "m.json", Source: t.TempDir()},
		t.TempDir()); fault.Of(err).Code != fault.NotAvailable {
		t.Errorf("a source that is no repository: %+v, %v", p, err)
	}
}

func TestN04_a_rebuild_takes_from_the_manifest_what_compilers_read_and_no_cache_of_an_earlier_build(t *testing.T) {
	home := t.TempDir()
	for _, dir := range []string{"go/pkg/mod", ".npm"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range map[string]string{"HOME": home, "CFLAGS": "-O0", "KEPT": "x", "OTHER_TOKEN": "x",
		"GITHUB_ENV": "/x", "GITHUB_PATH": "/x", "GITHUB_OUTPUT": "/x", "NODE_PATH": "/x", "SALLYPORT_TOKEN": "x",
		"SALLYPORT_ROOT": "x", "ACTIONS_RUNTIME_TOKEN": "x",
		"GOMODCACHE": "", "CARGO_HOME": "", "npm_config_cache": "/srv/npm", "TZ": "UTC",
		"GOCACHE": "/srv/c", "XDG_CACHE_HOME": "/srv/c", "CCACHE_DIR": "/srv/c", "SCCACHE_DIR": "/srv/c"} {
		t.Setenv(name, value)
	}
	v := variation{home: "/srv/home", env: map[string]string{"TZ": "X"}}
	p := plan{manifest: "m", variables: []material.Variable{{Name: "LDFLAGS", Value: "-s"}, {Name: "PATH",
		Value: "/evil"}}}
	env := p.env(v)
	for want, there := range map[string]bool{
		"HOME=/srv/home": true, "KEPT=x": true, "OTHER_TOKEN=x": false, "GITHUB_ENV=/x": false,
		"GITHUB_PATH=/x": false, "GITHUB_OUTPUT=/x": false,
		"NODE_PATH=/x": false, "LDFLAGS=-s": true, "TZ=X": true, "SALLYPORT_ROOT=x": true,
		"npm_config_cache=/srv/npm":                       true,
		"GOMODCACHE=" + filepath.Join(home, "go/pkg/mod"): true, "CARGO_HOME=": true, "PATH=/evil": false,
		"CFLAGS=-O0":        false,
		"SALLYPORT_TOKEN=x": false, "ACTIONS_RUNTIME_TOKEN=x": false,
		"GOCACHE=/srv/c": false, "XDG_CACHE_HOME=/srv/c": false, "CCACHE_DIR=/srv/c": false,
		"SCCACHE_DIR=/srv/c": false,
	} {
		if slices.Contains(env, want) != there {
			t.Errorf("%s: there %v, want %v", want, !there, there)
		}
	}
	if p.manifest = ""; !slices.Contains(p.env(v), "CFLAGS=-O0") {
		t.Error("a check without a manifest takes the flags of compilers from its own environment")
	}
}

func TestN04_packages_are_fetched_by_what_is_named_or_by_the_lock_that_is_there(t *testing.T) {
	for name, x := range map[string]struct {
		files, fetch []string
		want         string
	}{
		"a module of Go":        {[]string{"go.mod"}, nil, "go mod download\n"},
		"a vendored module":     {[]string{"go.mod", "vendor/modules.txt"}, nil, ""},
		"a package of npm":      {[]string{"package-lock.json"}, nil, "npm ci --no-audit --no-fund\n"},
		"one with its packages": {[]string{"package-lock.json", "node_modules/x"}, nil, ""},
		"a crate":               {[]string{"Cargo.lock"}, nil, "cargo fetch --locked\n"},
		"no lock":               {nil, nil, ""},
		"named by the caller":   {[]string{"go.mod"}, []string{"npm one", "cargo two"}, "npm one\ncargo two\n"},
		"named, and it fails":   {nil, []string{"exit 3"}, "!"},
		"the second one fails":  {nil, []string{"npm one", "exit 3", "npm two"}, "npm one\n!"},
	} {
		dir, bin := t.TempDir(), t.TempDir()
		for _, tool := range []string{"go", "npm", "cargo"} {
			text := "#!/bin/sh\necho " + tool + " \"$@\" >> \"$CALLED\"\n"
			err := os.WriteFile(filepath.Join(bin, tool), []byte(text), 0o700)
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, f := range x.files {
			at := filepath.Join(dir, f)
			if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		path := bin + string(os.PathListSeparator) + os.Getenv("PATH")
		t.Setenv("PATH", path)
		r := atTerminal(t)
		err := r.fetched(&plan{fetch: x.fetch}, dir, []string{"PATH=" + path, "CALLED=" + filepath.Join(bin, "called")})
		called, _ := os.ReadFile(filepath.Join(bin, "called")) // absent: none was called
		got := string(called)
		if err != nil {
			if got += "!"; fault.Of(err).Code != fault.NotAvailable || !strings.Contains(err.Error(), "exit 3") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got != x.want {
			t.Errorf("%s: called %q, want %q", name, got, x.want)
		}
	}
}

func TestN04_each_product_is_compared_with_that_of_the_first_build_and_none_outside_is_read(t *testing.T) {
	first, second, outside := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "x")
	put := func(at, text string) {
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(outside, "same")
	for name, text := range map[string][2]string{"same": {"same", "same"}, "other": {"one\n", "two\n"},
		"replaced": {"since then", "two"}, "absent": {"one", ""}, "only here": {"", "two"}} {
		for i, dir := range []string{first, second} {
			if text[i] != "" {
				put(filepath.Join(dir, name), text[i])
			}
		}
	}
	if err := os.Mkdir(filepath.Join(second, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	up, err := filepath.Rel(second, outside)
	if err != nil {
		t.Fatal(err)
	}
	wants := []struct{ path, was, is, first string }{
		{"same", "same", digestOf("same"), ""},
		{"other", "one\n", digestOf("two\n"), "*"},
		{"replaced", "one", digestOf("two"), "the first build's file is not here to compare with"},
		{"absent", "one", "", "it was not made"},
		{"only here", "one", digestOf("two"), "the first build's file is not here to compare with"},
		{"folder", "one", "", "it was not made"},
		{outside, "same", "", "it was not made"},
		{up, "same", "", "it was not made"},
	}
	p := plan{original: first, manifest: "m", commit: "c", command: []string{"make"}}
	for _, w := range wants {
		p.products = append(p.products, material.Product{Path: w.path, Digest: digestOf(w.was)})
	}
	rep, tree, err := p.compare(&record.Result{Watch: record.Watch{Network: "cut"}}, variation{}, second)
	if err != nil || rep.Network != "cut" || rep.Commit != "c" || rep.Manifest != "m" {
		t.Fatalf("%+v, %v", rep, err)
	}
	for i, a := range rep.Artifacts {
		if w := wants[i]; a.Name != w.path || a.Is != w.is || a.First != w.first && (w.first != "*" ||
			!strings.Contains(a.First, "line 1")) {
			t.Errorf("%+v, want %+v", a, w)
		}
	}
	if len(tree.Different) != 1 || tree.Different[0].Name != "other" {
		t.Errorf("%d differ, want the one of which both are here", len(tree.Different))
	}
	if tree.Totals.Same != 1 {
		t.Errorf("%+v, want one the same", tree.Totals)
	}
	if err := os.Remove(filepath.Join(first, "same")); err != nil {
		t.Fatal(err)
	}
	if _, tree, err = p.compare(&record.Result{}, variation{}, second); err != nil || tree.Totals.Same != 1 {
		t.Errorf("%+v, %v, want one the same: what came out is what the manifest names", tree.Totals, err)
	}
	p.original = t.TempDir() // nothing lies there
	if rep, _, err = p.compare(&record.Result{}, variation{}, second); err != nil ||
		rep.Artifacts[1].First != "the first build's file is not here to compare with" {
		t.Errorf("%+v, %v", rep.Artifacts[1], err)
	}
}

func TestN04_what_was_varied_is_told_and_what_could_not_be(t *testing.T) {
	v := varied("/srv/work")
	for cut, want := range map[string]bool{record.ByNamespace: true, record.BySocketFilter: false, "": false} {
		moved, same := v.told(&record.Result{Watch: record.Watch{CutBy: cut}})
		has := slices.ContainsFunc(moved, func(x material.Varied) bool {
			return x.What == "host name" &&
				x.Is == "rebuilder"
		})
		lacks := slices.ContainsFunc(same,
			func(x material.NotMoved) bool { return x.What == "host name and user number" })
		if has != want || lacks == want {
			t.Errorf("cut by %q: varied %+v, not varied %+v", cut, moved, same)
		}
	}
	for was, want := range map[string]string{"": "C", "C": "C.UTF-8", "de_DE": "C"} {
		t.Setenv("LC_ALL", was)
		if got := varied("/srv/work").env["LC_ALL"]; got != want {
			t.Errorf("after the locale %q comes %q, want another one: %q", was, got, want)
		}
	}
}

func TestN04_the_answer_of_a_rebuild_says_what_came_out_and_what_is_next(t *testing.T) {
	a, b := digestOf("a"), digestOf("b")
	for name, x := range map[string]struct {
		is         string
		check      bool
		accept     bool
		tree       difference.TreeReport
		text, want string
		hint       string
		written    bool
	}{
		"the same": {is: a, tree: difference.TreeReport{Same: true}, text: "same     app\n", written: true},
		"a check":  {is: a, check: true, tree: difference.TreeReport{Same: true}, text: "same     app\n"},
		"other bytes": {is: b, text: "differs  app\n", want: "0 of 1 products", hint: "mend the first cause",
			written: true},
		"other bytes, which are accepted": {is: b, accept: true, text: "differs  app\n", written: true},
		"other bytes in a check": {is: b, accept: true, check: true, text: "differs  app\n", want: "0 of 1 products",
			hint: "mend the first cause"},
		"not made, and other bytes are accepted": {is: "", accept: true, tree: difference.TreeReport{Same: true},
			text: "differs  app\n         it was not made\n", want: "0 of 1 products",
			hint: "why a product was not made", written: true},
		"nothing to compare": {is: b, tree: difference.TreeReport{Same: true},
			text: "differs  app\n         the first build's file is not here", want: "0 of 1 products",
			hint: "--original", written: true},
		"not made": {is: "", tree: difference.TreeReport{Same: true},
			text: "differs  app\n         it was not made\n", want: "0 of 1 products",
			hint: "why a product was not made", written: true},
	} {
		at := filepath.Join(t.TempDir(), "r.json")
		var out bytes.Buffer
		r := atTerminal(t)
		r.Stdout = &out
		first := map[string]string{"": "it was not made", b: "the first build's file is not here to compare with"}[x.is]
		rep := material.Reproduction{Commit: "c", Command: []string{"make"}, Network: "cut",
			Artifacts: []material.Rebuilt{{Name: "app", Was: a, Is: x.is, First: first}}}
		got, err := r.reproduced(rebuildInputs{Check: x.check, Accept: x.accept, Reproduction: at}, &rep, x.tree)
		if f := fault.Of(err); (err == nil) != (x.want == "") || err == nil && got != done || err != nil &&
			(f.Code != fault.Reproduction || !strings.Contains(f.Error(), x.want) || !strings.Contains(f.Hint,
				x.hint)) {
			t.Errorf("%s: %+v, %v, want %q and the hint %q", name, got, err, x.want, x.hint)
		}
		if !strings.HasPrefix(out.String(), x.text) || !strings.Contains(out.String(), "of 1 products, of commit c") {
			t.Errorf("%s: %s", name, out.String())
		}
		if whole := x.text + "\nreproduced "; x.tree.Same && strings.HasSuffix(x.text, "\n") &&
			!strings.HasPrefix(out.String(), whole) {
			t.Errorf("%s: %s, want %s", name, out.String(), whole)
		}
		if _, err := os.Stat(at); (err == nil) != x.written {
			t.Errorf("%s: written %v, want %v", name, err == nil, x.written)
		}
	}
}

func TestN04_a_build_that_came_to_nothing_is_not_taken_for_other_bytes(t *testing.T) {
	t.Parallel()
	made := []material.Rebuilt{{Was: digestOf("a")}, {Was: digestOf("b"), Is: digestOf("c")}}
	for want, x := range map[string]struct {
		result record.Result
		made   []material.Rebuilt
	}{
		"": {record.Result{}, made},
		"failed with status 7, so nothing was compared":      {record.Result{Exit: 7}, made},
		"failed with signal 9, so nothing was compared":      {record.Result{Exit: -1, Signal: 9}, made},
		"made none of the products, so nothing was compared": {record.Result{}, made[:1]},
		"failed with status 1, so nothing was compared":      {record.Result{Exit: 1}, nil},
	} {
		err := came(&x.result, &material.Reproduction{Artifacts: x.made})
		f := fault.Of(err)
		if (err == nil) != (want == "") || err != nil && (f.Code != fault.NotAvailable || f.Kind != fault.Unavailable ||
			!strings.HasSuffix(f.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestN04_a_rebuild_that_used_a_product_of_the_first_build_under_any_name_counts_for_nothing(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(top)
	for _, dir := range []string{"first/dist", "source/dist", "second/dist"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, at := range []string{"first/dist/app", "source/dist/app", "second/dist/app", "first/other"} {
		laid(t, at, "x")
	}
	if err := errors.Join(os.Link("first/dist/app", "second/linked"), os.Symlink("first", "link")); err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(top, name) }
	for name, x := range map[string]struct {
		path, from string
		use        record.Use
		original   string
		check      bool
		refused    bool
	}{
		"read":               {path: "first/dist/app", use: record.Read, refused: true},
		"executed":           {path: "first/dist/app", use: record.Execute, refused: true},
		"read in the source": {path: "source/dist/app", use: record.Read, refused: true},
		"read, the original named from here": {path: "first/dist/app", use: record.Read, original: "first",
			refused: true},
		"read, the original behind a link": {path: "first/dist/app", use: record.Read, original: in("link"),
			refused: true},
		"read by a hard link": {path: "second/linked", use: record.Read, refused: true},
		"linked and taken away again": {path: "second/gone", from: "first/dist/app", use: record.Named,
			refused: true},
		"moved": {path: "second/dist/app", from: "first/dist/app", use: record.Named,
			refused: true},
		"looked at and not opened":    {path: "first/dist/app"},
		"the rebuild's own":           {path: "second/dist/app", use: record.Read | record.Write},
		"another file beside it":      {path: "first/other", use: record.Read},
		"both builds are of one call": {path: "first/dist/app", use: record.Read, check: true},
	} {
		p := plan{manifest: "m", source: in("source"), original: cmp.Or(x.original, in("first")),
			products: []material.Product{{Path: "dist/app", Digest: digestOf("x")}}}
		if x.check {
			p.manifest = ""
		}
		f := record.File{Path: in(x.path), Use: x.use, Digest: digestOf("x")}
		if x.from != "" {
			f.From = in(x.from)
		}
		err := p.copied(&record.Result{Files: []record.File{f}})
		if (err != nil) != x.refused || err != nil && fault.Of(err).Code != fault.Materials {
			t.Errorf("%s: %v, want it refused: %v", name, err, x.refused)
		}
	}
	take(t, "first/dist/app") // as mv(1) does
	moved := record.File{Path: in("second/dist/app"), From: in("first/dist/app"), Use: record.Named}
	p := plan{manifest: "m", source: in("source"), original: in("link"),
		products: []material.Product{{Path: "dist/app"}}}
	if p.copied(&record.Result{Files: []record.File{moved}}) == nil {
		t.Error("a product that was moved from behind a link")
	}
}

func TestN04_a_product_that_the_source_has_and_nobody_wrote_was_not_made(t *testing.T) {
	for name, x := range map[string]struct {
		build func(t *testing.T, at string)
		made  bool
	}{
		"left alone":       {func(*testing.T, string) {}, false},
		"written again":    {func(t *testing.T, at string) { laid(t, at, "x") }, true},
		"put in its place": {func(t *testing.T, at string) { take(t, at); laid(t, at, "x") }, true},
	} {
		top := t.TempDir()
		at := filepath.Join(top, "app")
		laid(t, at, "x")
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(at, old, old); err != nil {
			t.Fatal(err)
		}
		p := plan{manifest: "m", original: t.TempDir(), products: []material.Product{
			{Path: "app", Digest: digestOf("x")}, {Path: "new", Digest: digestOf("y")}}}
		p.lying(top)
		x.build(t, at)
		laid(t, filepath.Join(top, "new"), "y")
		rep, _, err := p.compare(&record.Result{}, variation{}, top)
		if err != nil {
			t.Fatal(err)
		}
		a := rep.Artifacts[0]
		if (a.Is == a.Was) != x.made || !x.made && !strings.Contains(a.First, "the command has not written it") {
			t.Errorf("%s: %+v, want it made: %v", name, a, x.made)
		}
		if b := rep.Artifacts[1]; b.Is != b.Was {
			t.Errorf("%s: what the source has not: %+v", name, b)
		}
	}
}

func TestN04_a_rebuild_is_shown_as_a_page_and_as_a_document(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.html")
	var out bytes.Buffer
	r := atTerminal(t)
	r.Stdout, r.in.Format = &out, "json"
	rep := material.Reproduction{Commit: "c", Artifacts: []material.Rebuilt{{Name: "app", Was: "a", Is: "a"}}}
	got, err := r.reproduced(rebuildInputs{HTML: page}, &rep, difference.TreeReport{Same: true})
	if err != nil || got != done || !strings.HasPrefix(out.String(), "{") || !strings.Contains(out.String(),
		`"reproduction"`) {
		t.Errorf("%+v, %v: %s", got, err, out.String())
	}
	if b, err := os.ReadFile(page); err != nil || !bytes.Contains(b, []byte("<!DOCTYPE html>")) {
		t.Errorf("the page: %v", err)
	}
}

func TestN04_the_source_is_copied_whole_in_the_other_order(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	if err := os.MkdirAll(filepath.Join(from, "deep/er"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x", "deep/y", "deep/er/z"} {
		err := os.WriteFile(filepath.Join(from, name), []byte(name), 0o700)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../x", filepath.Join(from, "deep/link")); err != nil {
		t.Fatal(err)
	}
	if err := backwards(from, to); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x", "deep/y", "deep/er/z"} {
		b, err := os.ReadFile(filepath.Join(to, name))
		info, err2 := os.Stat(filepath.Join(to, name))
		if err != nil || err2 != nil || string(b) != name || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if link, err := os.Readlink(filepath.Join(to, "deep/link")); err != nil || link != "../x" {
		t.Errorf("link to %q, %v", link, err)
	}
	if err := backwards(from, to); err == nil {
		t.Error("a directory that is there was copied into")
	}
	if err := forceRemove(to); err != nil {
		t.Error(err)
	}
}

func atTerminal(t *testing.T) *run {
	t.Helper()
	return &run{Command: in(0), ctx: t.Context()}
}
