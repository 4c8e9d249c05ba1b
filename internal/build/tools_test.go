package build_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/build"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/record"
)

// ran is the record of programs that were executed, and of files that they read.
func ran(programs []string, read ...string) *record.Result {
	r := &record.Result{}
	for _, p := range programs {
		r.Programs = append(r.Programs, record.Program{Path: p, Count: 1})
		r.Files = append(r.Files, record.File{Path: p, Use: record.Execute, First: record.Execute,
			State: record.Certain, Digest: sum([]byte(p))})
	}
	for _, p := range read {
		r.Files = append(r.Files, record.File{Path: p, Use: record.Read, First: record.Read, State: record.Certain,
			Digest: sum(nil)})
	}
	return r
}

// told is the manifest of a build in which tools are asked for their versions.
func told(t *testing.T, r build.Run) (material.Manifest, string) {
	t.Helper()
	r.Hidden = func(name, value string) bool { return attest.Secret(name, value, nil) }
	r.Scrub = func(s string) string { return strings.ReplaceAll(s, ofJob, "***") }
	if r.Version == nil {
		r.Version = func(string, ...string) string { return "tool (packager 9.9) v1.2.3\nmore 4.5" }
	}
	m, log, err := build.Manifest(r)
	if err != nil {
		t.Fatal(err)
	}
	return m, string(log)
}

func TestN03_toolchains_are_known_by_programs_that_no_earlier_step_has_put_there(t *testing.T) {
	goroot := git2(t, "go", "env", "GOROOT")
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	compiler, err := filepath.Glob(filepath.Join(goroot, "pkg/tool/*/compile"))
	if err != nil || len(compiler) == 0 {
		t.Fatalf("no compiler below %s", goroot)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := func(to, name string) string {
		at := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, at); err != nil {
			t.Fatal(err)
		}
		return at
	}
	goes := strings.TrimPrefix(runtime.Version(), "go")
	const said, none = "the tool itself", "the tool says none"
	asdf := filepath.Join(home, "as")
	type row struct {
		program       string
		want          string // the toolchain and how it is known
		beside, other string // a file, and how it came
	}
	rows := map[string]row{
		"with the machine": {"/opt/x/bin/node", "node 1.2.3 " + said, "/opt/x/lib/y",
			material.FromToolchain},
		"that has no directory":  {"/opt/x/bin/gcc-13", "gcc 1.2.3 " + said, "/opt/x/lib/y", material.FromSystem},
		"of the system":          {"/usr/bin/node", "node 1.2.3 " + said, "/usr/lib/y", material.FromSystem},
		"of the first directory": {"/bin/node", "node 1.2.3 " + said, "/etc/y", material.FromSystem},
		"of the runner's tools": {"/srv/tools/node/bin/node", "node 1.2.3 " + said, "/srv/tools/node/lib/y",
			material.FromToolchain},
		"that an earlier step put": {"/srv/me/bin/node", "node  " + none, "/srv/me/lib/y", material.FromOutside},
		"kept by pyenv": {filepath.Join(home, ".pyenv/versions/3.12.1/bin/python3.12"), "python 1.2.3 " + said,
			filepath.Join(home, ".pyenv/versions/3.12.1/lib/y"), material.FromToolchain},
		"kept by pyenv, another version": {filepath.Join(home, ".pyenv/versions/3.12.1/bin/python3.12"),
			"python 1.2.3 " + said, filepath.Join(home, ".pyenv/versions/3.11.1/lib/y"), material.FromOutside},
		"kept by pyenv, what pip has added": {filepath.Join(home, ".pyenv/versions/3.12.1/bin/python3.12"),
			"python 1.2.3 " + said, filepath.Join(home, ".pyenv/versions/3.12.1/lib/python3.12/site-packages/y"),
			material.FromOutside},
		"beside what pyenv keeps": {filepath.Join(home, ".pyenv/versions/python3.12"), "python  " + none,
			filepath.Join(home, ".pyenv/versions/y"), material.FromOutside},
		"kept by nvm": {filepath.Join(home, ".nvm/versions/node/v20.1.0/bin/node"), "node 1.2.3 " + said,
			filepath.Join(home, ".nvm/versions/node/v20.1.0/lib/node_modules/npm/y"), material.FromToolchain},
		"kept by nvm, corepack": {filepath.Join(home, ".nvm/versions/node/v20.1.0/bin/node"), "node 1.2.3 " + said,
			filepath.Join(home, ".nvm/versions/node/v20.1.0/lib/node_modules/corepack/y"), material.FromToolchain},
		"kept by nvm, what npm has added": {filepath.Join(home, ".nvm/versions/node/v20.1.0/bin/node"),
			"node 1.2.3 " + said, filepath.Join(home, ".nvm/versions/node/v20.1.0/lib/node_modules/x/y"),
			material.FromPackage},
		"kept by asdf, elsewhere": {filepath.Join(asdf, "installs/ruby/3.3/bin/ruby"), "ruby 1.2.3 " + said,
			filepath.Join(asdf, "installs/ruby/3.3/lib/y"), material.FromToolchain},
		"kept by rustup": {filepath.Join(home, ".rustup/toolchains/stable-x/bin/rustc"), "rustc 1.2.3 " + said,
			filepath.Join(home, ".rustup/toolchains/stable-x/lib/y"), material.FromToolchain},
		"kept by mise": {filepath.Join(home, ".local/share/mise/installs/ruby/3.3/bin/ruby"), "ruby 1.2.3 " + said,
			filepath.Join(home, ".local/share/mise/installs/ruby/3.3/lib/y"), material.FromToolchain},
		"kept by sdkman": {filepath.Join(home, ".sdkman/candidates/java/21/bin/java"), "java 1.2.3 " + said,
			filepath.Join(home, ".sdkman/candidates/java/21/lib/y"), material.FromToolchain},
		"of no known name": {"/opt/x/bin/nodes", "", "/opt/x/lib/y", material.FromSystem},
		"go": {link(filepath.Join(goroot, "bin/go"), "go1/bin/go"), "go " + goes +
			" build information", filepath.Join(home, "go1/src/y"), material.FromToolchain},
		"a part of go": {link(compiler[0], "go2/pkg/tool/any/compile"), "go " + goes +
			" build information", filepath.Join(home, "go2/src/y"), material.FromToolchain},
		"go at another place": {link(filepath.Join(goroot, "bin/go"), "go3/other/go"), "go " + goes +
			" build information", filepath.Join(home, "go3/src/y"), material.FromOutside},
		"what go counts": {link(filepath.Join(goroot, "bin/go"), "go4/bin/go"), "go " + goes +
			" build information", filepath.Join(home, ".config/go/telemetry/y"), material.FromToolchain},
		"what go counts, without go": {"/usr/bin/node", "node 1.2.3 " + said, filepath.Join(home,
			".config/go/telemetry/y"), material.FromOutside},
		"a program of Go named a tool": {link(self, "own/node"), "node  " + none, filepath.Join(home, "y"),
			material.FromOutside},
	}
	for program, tool := range map[string]string{"python3.12": "python", "rustc": "rustc", "cargo": "cargo",
		"javac": "java", "ruby": "ruby", "dotnet": "dotnet"} {
		rows[tool] = row{"/opt/x/bin/" + program, tool + " 1.2.3 " + said, "/opt/x/lib/y", material.FromToolchain}
	}
	for name, x := range rows {
		t.Run(name, func(t *testing.T) {
			m, _ := told(t, build.Run{Dir: "/srv/work", Home: home, Tools: []string{"/srv/tools"},
				Env: []string{"ASDF_DATA_DIR=" + asdf}, Result: ran([]string{x.program}, x.beside)})
			got := ""
			for _, c := range m.Toolchains {
				got += fmt.Sprintf("%s %s %s", c.Name, c.Version, c.Said)
				if c.Path != x.program || c.Digest != sum([]byte(x.program)) {
					t.Errorf("toolchain %+v, want that of %s", c, x.program)
				}
			}
			if got != x.want {
				t.Errorf("toolchains = %q, want %q", got, x.want)
			}
			how, at := "", ""
			for _, y := range m.Materials { // the deepest folder that it lies in
				if strings.HasPrefix(x.beside, y.Path) && len(y.Path) > len(at) {
					how, at = y.How, y.Path
				}
			}
			if how != x.other {
				t.Errorf("%s came as %q, want %q", x.beside, how, x.other)
			}
		})
	}
	r := ran([]string{"/usr/bin/node", "/opt/x/bin/node", "/opt/x/bin/gcc"})
	asked := 0
	version := func(path string, args ...string) string {
		if asked++; len(args) != 1 || args[0] != "--version" {
			t.Errorf("%s was called with %q", path, args)
		}
		return "1.0.0"
	}
	m, _ := told(t, build.Run{Dir: "/srv", Result: r, Version: version})
	if len(m.Toolchains) != 2 || m.Toolchains[0].Name != "gcc" || m.Toolchains[1].Path != "/usr/bin/node" ||
		asked != 3 {
		t.Errorf("toolchains = %+v, want each version of a tool once, in order", m.Toolchains)
	}
	for name, edit := range map[string]func(*record.Result){
		"that changed":              func(r *record.Result) { r.Files[0].State = record.Changed },
		"without a digest":          func(r *record.Result) { r.Files[0].Digest = "" },
		"that is no file":           func(r *record.Result) { r.Files = nil },
		"that was read and no more": func(r *record.Result) { r.Files[0].Use = record.Read },
	} {
		r := ran([]string{"/usr/bin/node"})
		edit(r)
		if m, _ := told(t, build.Run{Dir: "/srv", Result: r}); len(m.Toolchains) != 0 {
			t.Errorf("a program %s: toolchains = %+v, want none", name, m.Toolchains)
		}
	}
	quiet := func(string, ...string) string { return "" }
	if m, _ = told(t, build.Run{Dir: "/srv", Result: ran([]string{"/usr/bin/node"}),
		Version: quiet}); len(m.Toolchains) != 1 || m.Toolchains[0].Said != none {
		t.Errorf("toolchains = %+v, want one that says no version", m.Toolchains)
	}
}

// git2 is what a program prints.
func git2(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestN03_programs_have_the_digests_of_their_files(t *testing.T) {
	r := &record.Result{Programs: []record.Program{
		{Path: "/srv/b", Count: 2, Args: []string{"b", "--token", "hunter"}, Digest: "of the moment"},
		{Path: "/srv/a", Count: 1}, {Path: "/srv/c", Digest: "of the moment"}},
		Files: []record.File{
			{Path: "/srv/b", Use: record.Execute, First: record.Execute, State: record.Certain, Digest: sum(nil)},
			{Path: "/srv/c", Use: record.Execute, First: record.Execute, State: record.Gone},
		}}
	m, _ := told(t, build.Run{Dir: "/", Result: r})
	want := []string{"/srv/a 0  []", "/srv/b 2 " + sum(nil) + " [b --token [hidden]]", "/srv/c 0 of the moment []"}
	for i, p := range m.Programs {
		got := fmt.Sprintf("%s %d %s %s", p.Path, p.Count, p.Digest, p.Command)
		if i == 0 {
			got = fmt.Sprintf("%s %d %s %s", p.Path, p.Count-1, p.Digest, p.Command)
		}
		if got != want[i] {
			t.Errorf("program %d is %q, want %q", i, got, want[i])
		}
	}
	r = &record.Result{}
	for i := range 2001 {
		r.Programs = append(r.Programs, record.Program{Path: fmt.Sprintf("/srv/%d", i)})
	}
	if m, _ = told(t, build.Run{Dir: "/", Result: r}); len(m.Programs) != 2000 {
		t.Errorf("%d programs, want the first 2000", len(m.Programs))
	}
}

func TestN03_hosts_are_places_of_a_network(t *testing.T) {
	m, _ := told(t, build.Run{Dir: "/", Result: &record.Result{Connections: []record.Connection{
		{To: "tcp 192.0.2.2:443", Count: 2, By: "/usr/bin/curl"}, {To: "unix:/run/x"}, {To: "tcp 192.0.2.1:443"}}}})
	if len(m.Hosts) != 2 || m.Hosts[0].To != "tcp 192.0.2.1:443" ||
		m.Hosts[1] != (material.Connection{To: "tcp 192.0.2.2:443", Count: 2, By: "/usr/bin/curl"}) {
		t.Errorf("hosts = %+v, want two of a network, in order", m.Hosts)
	}
}

func TestN03_the_log_has_all_that_was_seen(t *testing.T) {
	m, log := told(t, build.Run{Dir: "/", Result: &record.Result{
		Files: []record.File{{Path: "/srv/<a>", Use: record.Read | record.Write | record.Execute | record.Named,
			First: record.Read, State: record.Changed, Digest: "d", Size: 3},
			{Path: "/srv/absent", Use: record.Read, First: record.Read, State: record.Absent}},
		Programs:    []record.Program{{Path: "/srv/p", Args: []string{"p", "--token=x"}, Count: 2, By: "/bin/sh"}},
		Connections: []record.Connection{{To: "unix:/run/x", Count: 4, By: "/srv/p"}}}})
	want := `{"type":"https://sallyport.dev/build-log/v1"}
{"file":"/srv/<a>","use":"read write execute named","state":"changed","how":"outside","digest":"d","size":3}
{"file":"/srv/absent","use":"read","state":"absent"}
{"program":"/srv/p","command":["p","--token=[hidden]"],"count":2,"by":"/bin/sh"}
{"connection":"unix:/run/x","count":4,"by":"/srv/p"}
`
	if log != want || m.Log.Digest != sum([]byte(want)) || m.Log.Size != int64(len(want)) {
		t.Errorf("log = %s\nwant %s(%+v)", log, want, m.Log)
	}
}

func TestF07_what_is_hidden_is_the_secret_and_what_is_kept_is_the_rest(t *testing.T) {
	const token = "ghp_" + mark
	for _, x := range [][2][]string{
		{{"tool", "--token=x", "next"}, {"tool", "--token=[hidden]", "next"}},
		{{"tool", "-Dsigning.password=x"}, {"tool", "-Dsigning.password=[hidden]"}},
		{{"tool", "--password", "--verbose"}, {"tool", "--password", "--verbose"}},
		{{"tool", "--password", "x", "next"}, {"tool", "--password", "[hidden]", "next"}},
		{{"tool", "password", "manager"}, {"tool", "password", "manager"}},
		{{"tool", token}, {"tool", "[hidden]"}},
		{{"tool", token + " --token=x"}, {"tool", "[hidden]"}},
		{{"tool", "--password x --token=y"}, {"tool", "[hidden]"}},
		{{"tool", "curl -u me:pw --token=y"}, {"tool", "[hidden]"}},
		{{"tool", "--" + ofJob + "-token=y"}, {"tool", "--***-token=[hidden]"}},
		{{"tool", "of " + ofJob}, {"tool", "of ***"}},
		{{"tool", "a\xffb"}, {"tool", `a\xffb`}},
	} {
		if m, _ := told(t, build.Run{Dir: "/", Command: x[0], Result: &record.Result{}}); !slices.Equal(m.Command,
			x[1]) {
			t.Errorf("%q is shown as %q, want %q", x[0], m.Command, x[1])
		}
	}
	for path, want := range map[string]string{
		"/srv/" + token + "/x":    "/srv/[hidden]/x",
		"/srv/x":                  "/srv/x",
		"/srv/https://me:pw@host": "[hidden]",
	} {
		m, _ := told(t, build.Run{Dir: "/", Result: ran(nil, path)})
		if len(m.Materials) != 1 || m.Materials[0].Path != want {
			t.Errorf("%s is shown as %+v, want %s", path, m.Materials, want)
		}
	}
	m, _ := told(t, build.Run{Dir: "/", Env: []string{"CFLAGS=-O2 " + ofJob, "LDFLAGS=-s"}, Result: &record.Result{}})
	if len(m.Variables) != 1 || m.Variables[0].Name != "LDFLAGS" || m.Withheld != 1 {
		t.Errorf("variables = %+v, %d withheld, want the one with a secret of the job withheld", m.Variables,
			m.Withheld)
	}
}
