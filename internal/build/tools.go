package build

import (
	"bytes"
	"cmp"
	"debug/buildinfo"
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/record"
)

// tools are programs whose version only they know, by the beginning of their names, with the arguments that have them say
// it.
var tools = []struct {
	name string
	is   func() *regexp.Regexp
	args []string
}{
	{"node", lazy(`^node(js)?$`), []string{"--version"}},
	{"python", lazy(`^python[0-9.]*$`), []string{"--version"}},
	{"rustc", lazy(`^rustc$`), []string{"--version"}},
	{"cargo", lazy(`^cargo$`), []string{"--version"}},
	{"gcc", lazy(`^(.*-)?(gcc|cc)(-[0-9.]+)?$`), []string{"--version"}},
	{"g++", lazy(`^(.*-)?(g\+\+|c\+\+)(-[0-9.]+)?$`), []string{"--version"}},
	{"clang", lazy(`^clang(\+\+)?(-[0-9.]+)?$`), []string{"--version"}},
	{"ld", lazy(`^(.*-)?ld(\.[a-z]+)?$`), []string{"--version"}},
	{"make", lazy(`^(g?make)$`), []string{"--version"}},
	{"java", lazy(`^javac?$`), []string{"-version"}},
	{"ruby", lazy(`^ruby[0-9.]*$`), []string{"--version"}},
	{"dotnet", lazy(`^dotnet$`), []string{"--version"}},
}

func lazy(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// toolchains finds the compilers and interpreters among what was executed, and the directories that are theirs.
func (k *maker) toolchains() {
	seen := map[string]bool{}
	for _, p := range k.Result.Programs {
		f := k.programs[p.Path]
		if f == nil || f.Digest == "" {
			continue
		}
		t, root, known := k.toolchain(f)
		if !slices.Contains(k.roots, root) {
			k.roots = append(k.roots, root)
		}
		if key := t.Name + " " + t.Version; known && !seen[key] {
			seen[key] = true
			k.m.Toolchains = append(k.m.Toolchains, t)
		}
	}
	if slices.ContainsFunc(k.m.Toolchains, func(t material.Toolchain) bool { return t.Name == "go" }) {
		k.roots = append(k.roots, joined(k.Home, ".config/go/telemetry")) // it counts there how often it ran
	}
	for _, dir := range k.Tools {
		k.roots = append(k.roots, filepath.Clean(dir))
	}
	slices.SortFunc(k.m.Toolchains, func(a, b material.Toolchain) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
}

// toolchain says what a program belongs to, and where the rest of that lies.
func (k *maker) toolchain(f *record.File) (t material.Toolchain, root string, known bool) {
	t = material.Toolchain{Path: k.named(f.Path), Digest: f.Digest}
	if f.State != record.Certain {
		return t, "", false
	}
	base := filepath.Base(f.Path)
	if info, err := buildinfo.ReadFile(f.Path); err == nil && strings.HasPrefix(info.Path, "cmd/") {
		t.Name, t.Version, t.Said = "go", strings.TrimPrefix(info.GoVersion, "go"), "build information"
		return t, goRoot(f.Path), true
	}
	for _, tool := range tools {
		if !tool.is().MatchString(base) {
			continue
		}
		t.Name, t.Said = tool.name, "the tool itself"
		line, kept := "", k.keptBy(f.Path)
		if kept != "" || k.installed(f.Path) { // else an earlier step may have put it there
			line, _, _ = strings.Cut(strings.TrimSpace(k.Version(f.Path, tool.args...)), "\n")
		}
		t.Version = k.text(version().FindString(remarks().ReplaceAllString(line, "")))
		if t.Version == "" {
			t.Said = "the tool says none"
		}
		if kept != "" {
			k.versions = append(k.versions, kept)
			return t, "", true
		}
		if !k.installed(f.Path) {
			return t, "", true // a program beside it could be of anybody
		}
		return t, rootOf(tool.name, f.Path), true
	}
	return t, "", false
}

// remarks are what some tools say of their packagers, in parentheses.
var remarks = lazy(`\([^)]*\)`)

// installed reports whether a program came with the machine or lies where the runner keeps toolchains.
func (k *maker) installed(path string) bool {
	return slices.ContainsFunc(
		append(slices.Clone(systems), k.Tools...),
		func(d string) bool { _, ok := under(d, path); return ok },
	)
}

// managers are where version managers keep each version of a tool: a variable with its folder, the folder in the
// home, what is below it, and how many names lead to a version from there.
var managers = []struct {
	variable, home, below string
	names                 int
}{
	{"PYENV_ROOT", ".pyenv", "versions", 1},
	{"NVM_DIR", ".nvm", "versions/node", 1},
	{"RUSTUP_HOME", ".rustup", "toolchains", 1},
	{"ASDF_DATA_DIR", ".asdf", "installs", 2},
	{"MISE_DATA_DIR", ".local/share/mise", "installs", 2},
	{"SDKMAN_DIR", ".sdkman", "candidates", 2},
}

// keptBy is the directory of the version of a tool that a version manager keeps and that a program is of; "" if none
// does.
func (k *maker) keptBy(program string) string {
	for _, m := range managers {
		dir := joined(cmp.Or(k.env(m.variable), joined(k.Home, m.home)), m.below)
		rest, below := under(dir, program)
		names := strings.Split(rest, "/")
		if below && len(names) > m.names {
			return filepath.Join(dir, filepath.Join(names[:m.names]...))
		}
	}
	return ""
}

// added reports whether a path is where a package manager puts packages into the directory of a toolchain, besides
// its own.
func added(path string) bool {
	_, rest, global := strings.Cut(path, "/lib/node_modules/")
	return strings.Contains(path, "/site-packages/") ||
		global && !strings.HasPrefix(rest, "npm/") && !strings.HasPrefix(rest, "corepack/")
}

var version = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[0-9]+(?:\.[0-9]+)+[A-Za-z0-9.+-]*`) })

// goRoot is the directory of a Go toolchain, of which path is bin/go or pkg/tool/OS_ARCH/NAME.
func goRoot(path string) string {
	dir := filepath.Dir(path)
	if filepath.Base(dir) == "bin" {
		return filepath.Dir(dir)
	}
	if tool := filepath.Dir(dir); filepath.Base(tool) == "tool" {
		return filepath.Dir(filepath.Dir(tool))
	}
	return ""
}

// rootOf is where the other files of a toolchain lie, of whose program the path is known.
func rootOf(name, path string) string {
	prefix := filepath.Dir(filepath.Dir(path))
	if _, system := under("/usr", prefix); system || prefix == "/" {
		return "" // those are the system's
	}
	switch name {
	case "node", "python", "rustc", "cargo", "java", "ruby", "dotnet":
		return prefix
	}
	return ""
}

// ofToolchain reports whether a path lies in the directory of a toolchain.
func (k *maker) ofToolchain(path string) bool {
	in := func(r string) bool { _, ok := under(r, path); return ok }
	return slices.ContainsFunc(k.roots, in) || slices.ContainsFunc(k.versions, in) && !added(path)
}

// caches are the directories in which earlier builds leave what they made.
func (k *maker) caches() (dirs []string) {
	add := func(list ...string) {
		for _, d := range list {
			if filepath.IsAbs(d) {
				dirs = append(dirs, filepath.Clean(d))
			}
		}
	}
	add(
		k.env("GOCACHE"),
		k.env("XDG_CACHE_HOME"),
		k.env("CCACHE_DIR"),
		k.env("SCCACHE_DIR"),
		k.env("npm_config_cache"),
		k.env("GRADLE_USER_HOME"),
		k.env("GOMODCACHE"),
		k.env("CARGO_HOME"),
	)
	for _, d := range []string{".cache", ".npm", ".gradle", ".m2", ".cargo/registry", ".cargo/git", ".ccache", "go/pkg/mod", ".nuget", ".ivy2", ".cache/pip"} {
		add(joined(k.Home, d))
	}
	return dirs
}

// cached reports whether a file lies where earlier builds leave what they made.
func (k *maker) cached(path string) bool {
	return slices.ContainsFunc(k.caches(), func(d string) bool { _, ok := under(d, path); return ok })
}

// listPrograms lists what was executed. A script is executed by the program that its first line names, and a program by its loader:
// the kernel opens both, and no call says so.
func (k *maker) listPrograms() {
	for _, p := range k.Result.Programs {
		q := material.Program{Path: k.named(p.Path), Digest: p.Digest, Count: p.Count, Command: k.shown(p.Args)}
		if f := k.programs[p.Path]; f != nil && f.Digest != "" {
			q.Digest = f.Digest
		}
		if len(k.m.Programs) < maxPrograms {
			k.m.Programs = append(k.m.Programs, q)
		}
	}
	slices.SortFunc(k.m.Programs, func(a, b material.Program) int { return cmp.Compare(a.Path, b.Path) })
}

const maxPrograms = 2000

// allowed are the variables whose values a manifest has: what compilers and package managers read. A caller adds
// those by which a platform names the run.
var allowed = strings.Fields(`PATH LANG LANGUAGE TZ SOURCE_DATE_EPOCH CI SHELL
	GO111MODULE GOOS GOARCH GOAMD64 GOARM GOARM64 GOFLAGS GOROOT GOPATH GOTOOLCHAIN GOEXPERIMENT GOPROXY GONOSUMDB GOSUMDB GONOSUMCHECK
	GOPRIVATE GOWORK GODEBUG CGO_ENABLED CGO_CFLAGS CGO_LDFLAGS CC CXX AR LD CFLAGS CXXFLAGS CPPFLAGS LDFLAGS ARFLAGS MAKEFLAGS MFLAGS
	NODE_ENV NODE_OPTIONS NPM_CONFIG_REGISTRY npm_config_registry npm_config_ignore_scripts YARN_ENABLE_SCRIPTS
	RUSTFLAGS RUSTUP_TOOLCHAIN CARGO_BUILD_TARGET CARGO_ENCODED_RUSTFLAGS CARGO_INCREMENTAL
	PYTHONHASHSEED PYTHONPATH PYTHONDONTWRITEBYTECODE PIP_INDEX_URL PIP_NO_INDEX UV_INDEX_URL
	JAVA_HOME JAVA_TOOL_OPTIONS MAVEN_OPTS GRADLE_OPTS LD_PRELOAD LD_LIBRARY_PATH DOCKER_BUILDKIT BUILDKIT_PROGRESS`)

const maxValue = 2048

// variables lists those that are allowed and look like no secret.
func (k *maker) variables() {
	for _, v := range k.Env {
		name, value, _ := strings.Cut(v, "=")
		if !slices.Contains(allowed, name) && !slices.Contains(k.Variables, name) && !strings.HasPrefix(name, "LC_") ||
			len(value) > maxValue ||
			k.secret(name, value) ||
			k.text(value) != value {
			k.m.Withheld++
			continue
		}
		k.m.Variables = append(k.m.Variables, material.Variable{Name: name, Value: value})
	}
	slices.SortFunc(k.m.Variables, func(a, b material.Variable) int { return cmp.Compare(a.Name, b.Name) })
}

// log is the list of all that was seen, one JSON object on each line.
func (k *maker) log() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	type head struct {
		Type string `json:"type"`
	}
	if err := e.Encode(head{LogType}); err != nil {
		return nil, err
	}
	for i, f := range k.Result.Files {
		line := struct {
			File   string `json:"file"`
			Use    string `json:"use"`
			State  string `json:"state"`
			How    string `json:"how,omitempty"`
			Digest string `json:"digest,omitempty"`
			Size   int64  `json:"size,omitempty"`
		}{k.text(f.Path), used(f.Use), f.State, k.how[i], f.Digest, f.Size}
		if err := e.Encode(line); err != nil {
			return nil, err
		}
	}
	for _, p := range k.Result.Programs {
		line := struct {
			Program string   `json:"program"`
			Command []string `json:"command"`
			Count   int      `json:"count"`
			By      string   `json:"by,omitempty"`
		}{k.text(p.Path), k.shown(p.Args), p.Count, k.text(p.By)}
		if err := e.Encode(line); err != nil {
			return nil, err
		}
	}
	for _, c := range k.Result.Connections {
		line := struct {
			Connection string `json:"connection"`
			Count      int    `json:"count"`
			By         string `json:"by,omitempty"`
		}{k.text(c.To), c.Count, k.text(c.By)}
		if err := e.Encode(line); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// LogType is the type on the first line of a log.
const LogType = "https://sallyport.dev/build-log/v1"

func used(u record.Use) string {
	var words []string
	for i, w := range []string{"read", "write", "execute", "named"} {
		if u&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}
