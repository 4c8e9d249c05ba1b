package packages

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"

	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"

	"github.com/sallyport-dev/sallyport/internal/lockfile"
	"github.com/sallyport-dev/sallyport/internal/messages"
)

// files are the contents of files by their paths.
type files map[string]string

func (f files) write(t testing.TB, dir string) {
	t.Helper()
	for name, text := range f {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func run(t testing.TB, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func contentOf(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// swap changes one byte of a file, as somebody does who can write to the cache.
func swap(t testing.TB, name string) {
	t.Helper()
	b := []byte(contentOf(t, name))
	b[len(b)-1] ^= 1
	if err := os.Chmod(name, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// all are the files beneath a folder.
func all(t testing.TB, dirs ...string) []string {
	t.Helper()
	var out []string
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				out = append(out, p)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func lock(t testing.TB, dir, name string) lockfile.Lock {
	t.Helper()
	l, err := lockfile.Read(name, []byte(contentOf(t, filepath.Join(dir, filepath.FromSlash(name)))))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// one is the package of a package URL.
func one(t testing.TB, got []Package, purl string) Package {
	t.Helper()
	i := slices.IndexFunc(got, func(p Package) bool { return p.PURL == purl })
	if i < 0 {
		t.Fatalf("no package %s in %+v", purl, got)
	}
	return got[i]
}

// wants holds a package to a state, and to what is said of it.
func wants(t testing.TB, p Package, s State, found string) {
	t.Helper()
	messages.Plain(t, p.Found, p.Wanted)
	if p.State != s || !strings.Contains(p.Found, found) || (found == "") != (p.Found == "") {
		t.Errorf("%s is %q: %q (want %q), want %q: %q", p.PURL, p.State, p.Found, p.Wanted, s, found)
	}
}

// proxy writes modules as the go command finds them under a file address.
func proxy(t testing.TB, mods map[string]files) string {
	t.Helper()
	dir := t.TempDir()
	for id, f := range mods {
		path, version, _ := strings.Cut(id, "@")
		src := t.TempDir()
		f.write(t, src)
		var b bytes.Buffer
		if err := modzip.CreateFromDir(&b, module.Version{Path: path, Version: version}, src); err != nil {
			t.Fatal(err)
		}
		escaped, err := module.EscapePath(path)
		if err != nil {
			t.Fatal(err)
		}
		files{
			"list": version + "\n", version + ".info": `{"Version":"` + version + `"}`, version + ".mod": f["go.mod"], version + ".zip": b.String(),
		}.write(t, filepath.Join(dir, escaped, "@v"))
	}
	return dir
}

// A fixture is a project with its packages, as a package manager has left both.
type fixture struct {
	where  Places
	locks  []lockfile.Lock
	opened []string
}

const (
	depPURL   = "pkg:golang/example.com/dep@v1.0.0"
	otherPURL = "pkg:golang/example.com/bigletters@v1.2.0%2Bincompatible"
)

func newGo(t testing.TB) *fixture {
	t.Helper()
	from := proxy(t, map[string]files{
		"example.com/dep@v1.0.0": {
			"go.mod": "module example.com/dep\n\ngo 1.20\n",
			"dep.go": "package dep\n\nconst A = 1\n",
			"x/x.go": "package x\n",
		},
		"example.com/BigLetters@v1.2.0+incompatible": {
			"go.mod": "module example.com/BigLetters\n",
			"b.go":   "package b\n\nconst B = 1\n",
		},
	})
	// A module of a version with +incompatible has no go.mod of its own.
	dir, cache := t.TempDir(), t.TempDir()
	files{
		"go.mod":  "module x\n\ngo 1.20\n\nrequire (\n\texample.com/dep v1.0.0\n\texample.com/BigLetters v1.2.0+incompatible\n)\n",
		"main.go": "package main\n\nimport (\n\tb \"example.com/BigLetters\"\n\t\"example.com/dep\"\n)\n\nfunc main() { println(dep.A, b.B) }\n",
	}.write(t, dir)
	env := []string{
		"GOPROXY=file://" + from, "GOSUMDB=off", "GOFLAGS=-modcacherw", "GOMODCACHE=" + cache, "GOTOOLCHAIN=local", "GOWORK=off", "GOCACHE=" + gocache(t),
	}
	run(t, dir, env, "go", "mod", "tidy")
	run(t, dir, env, "go", "vet", ".")
	f := &fixture{
		where: Places{GoModCache: cache, Dir: dir},
		locks: []lockfile.Lock{lock(t, dir, "go.mod"), lock(t, dir, "go.sum")},
	}
	f.opened = append(all(t, filepath.Join(cache, "example.com")), filepath.Join(dir, "main.go"))
	return f
}

func gocache(t testing.TB) string {
	t.Helper()
	return strings.TrimSpace(run(t, ".", nil, "go", "env", "GOCACHE"))
}

func (f *fixture) check() []Package { return Check(f.opened, f.locks, f.where) }

// tgz is an archive of files, in the order of their names.
func tgz(t testing.TB, prefix string, f files) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		text := f[name]
		h := &tar.Header{
			Name:     prefix + strings.TrimSuffix(name, "#2"),
			Mode:     0o755,
			Size:     int64(len(text)),
			Typeflag: tar.TypeReg,
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if w.Close() != nil || z.Close() != nil {
		t.Fatal("an archive cannot be written")
	}
	return b.Bytes()
}

// registry serves packages as the registry of npm does.
func registry(t testing.TB, packages ...files) *httptest.Server {
	t.Helper()
	has := map[string][]byte{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, ok := has[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(b)
	}))
	t.Cleanup(s.Close)
	for _, f := range packages {
		var m map[string]any
		if err := json.Unmarshal([]byte(f["package.json"]), &m); err != nil {
			t.Fatal(err)
		}
		name, version := m["name"].(string), m["version"].(string)
		b := tgz(t, "package/", f)
		sum := sha512.Sum512(b)
		file := "/tarballs/" + strings.ReplaceAll(name, "/", "-") + "-" + version + ".tgz"
		m["dist"] = map[string]any{
			"tarball":   s.URL + file,
			"integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:]),
		}
		doc, err := json.Marshal(
			map[string]any{
				"name":      name,
				"dist-tags": map[string]string{"latest": version},
				"versions":  map[string]any{version: m},
			},
		)
		if err != nil {
			t.Fatal(err)
		}
		has["/"+name], has[file] = doc, b
	}
	return s
}

// npmPackages are what the registry of the fixture has.
func npmPackages() []files {
	return []files{
		{
			"package.json": `{"name":"left","version":"1.0.0","bin":"cli.js"}`,
			"index.js":     "module.exports = 1\n",
			"cli.js":       "#!/usr/bin/env node\r\nconsole.log(1)\n",
			"lib/a.js":     "a\n",
		},
		{
			"package.json":                    `{"name":"@x/right","version":"2.0.0","dependencies":{"inner":"1.0.0"},"bundleDependencies":["inner"]}`,
			"index.js":                        "r\n",
			"node_modules/inner/package.json": `{"name":"inner","version":"1.0.0"}`,
			"node_modules/inner/index.js":     "inner\n",
		},
	}
}

const (
	leftPURL  = "pkg:npm/left@1.0.0"
	rightPURL = "pkg:npm/%40x/right@2.0.0"
)

// newNPM is a project that npm ci has installed.
func newNPM(t testing.TB) *fixture {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Fatalf("%v: ./e2e/install.sh says how to install it", err)
	}
	s := registry(t, npmPackages()...)
	dir, cache := t.TempDir(), t.TempDir()
	files{
		"package.json":      `{"name":"x","version":"1.0.0","workspaces":["work"],"dependencies":{"left":"1.0.0","@x/right":"2.0.0"}}`,
		"work/package.json": `{"name":"work","version":"1.0.0"}`,
		"work/index.js":     "w\n",
	}.write(t, dir)
	args := []string{"--registry", s.URL, "--cache", cache, "--no-audit", "--no-fund", "--no-update-notifier"}
	run(t, dir, []string{"HOME=" + cache}, "npm", append([]string{"install", "--package-lock-only"}, args...)...)
	run(t, dir, []string{"HOME=" + cache}, "npm", append([]string{"ci"}, args...)...)
	f := &fixture{where: Places{NpmCache: cache, Dir: dir}, locks: []lockfile.Lock{lock(t, dir, "package-lock.json")}}
	f.opened = all(t, dir)
	return f
}

// newCargo is the home of Cargo as it leaves it.
func newCargo(t testing.TB) *fixture {
	t.Helper()
	home, dir := t.TempDir(), t.TempDir()
	f := files{"Cargo.toml": "[package]\nname = \"a-b\"\n", "src/lib.rs": "pub fn a() {}\n"}
	b := tgz(t, "a-b-1.0.0/", f)
	sum := sha256.Sum256(b)
	f[".cargo-ok"] = `{"v":1}`
	f.write(t, filepath.Join(home, "registry/src/index-1/a-b-1.0.0"))
	files{"a-b-1.0.0.crate": string(b)}.write(t, filepath.Join(home, "registry/cache/index-1"))
	files{"lib.rs": "x\n"}.write(t, filepath.Join(home, "git/checkouts/r-1/0123456"))
	files{
		"Cargo.lock": fmt.Sprintf(
			"version = 4\n[[package]]\nname = \"a-b\"\nversion = \"1.0.0\"\nsource = \"registry+https://h\"\nchecksum = %q\n"+
				"[[package]]\nname = \"r\"\nversion = \"1.0.0\"\nsource = \"git+https://h/r?branch=main#0123456789abcdef0123456789abcdef01234567\"\n",
			hex.EncodeToString(sum[:]),
		),
	}.write(
		t,
		dir,
	)
	return &fixture{
		where:  Places{CargoHome: home, Dir: dir},
		locks:  []lockfile.Lock{lock(t, dir, "Cargo.lock")},
		opened: all(t, home),
	}
}

// newPython is a folder that pip has installed a wheel into.
func newPython(t testing.TB) *fixture {
	t.Helper()
	dir := t.TempDir()
	code := sha256.Sum256([]byte("a = 1\n"))
	record := "my_pkg/__init__.py,sha256=" + base64.RawURLEncoding.EncodeToString(
		code[:],
	) + ",6\nmy_pkg-1.0.dist-info/METADATA,,\nmy_pkg-1.0.dist-info/WHEEL,,\nmy_pkg-1.0.dist-info/RECORD,,\n"
	f := files{
		"my_pkg/__init__.py":            "a = 1\n",
		"my_pkg-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: my-pkg\nVersion: 1.0\n",
		"my_pkg-1.0.dist-info/WHEEL":    "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		"my_pkg-1.0.dist-info/RECORD":   record,
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b.Bytes())
	files{
		"my_pkg-1.0-py3-none-any.whl": b.String(),
		"requirements.txt":            "my-pkg==1.0 --hash=sha256:" + hex.EncodeToString(sum[:]) + "\n",
	}.write(t, dir)
	run(
		t,
		dir,
		nil,
		"python3",
		"-m",
		"pip",
		"install",
		"-q",
		"--no-index",
		"--find-links",
		".",
		"--require-hashes",
		"--disable-pip-version-check",
		"--root-user-action=ignore",
		"--target",
		"lib/site-packages",
		"-r",
		"requirements.txt",
	)
	return &fixture{
		where:  Places{Dir: dir},
		locks:  []lockfile.Lock{lock(t, dir, "requirements.txt")},
		opened: all(t, filepath.Join(dir, "lib")),
	}
}

// thousand is a project with a thousand packages of npm, of twenty files of 4 KiB.
func thousand(t testing.TB, dir, cache string) *fixture {
	t.Helper()
	l := lockfile.Lock{Path: "package-lock.json", Kind: lockfile.NPM}
	for i := range 1000 {
		name := fmt.Sprintf("p%d", i)
		f := files{}
		for k := range 20 {
			f[fmt.Sprintf("lib/%d.js", k)] = strings.Repeat(fmt.Sprintf("%s %d %d\n", name, k, i*k), 400)
		}
		b := tgz(t, "package/", f)
		sum := sha512.Sum512(b)
		h := hex.EncodeToString(sum[:])
		f.write(t, filepath.Join(dir, "node_modules", name))
		files{h[4:]: string(b)}.write(t, filepath.Join(cache, "_cacache/content-v2/sha512", h[:2], h[2:4]))
		l.Entries = append(l.Entries, lockfile.Entry{
			Name: name, Version: "1.0.0", PURL: "pkg:npm/" + name + "@1.0.0", At: "node_modules/" + name, Digests: []lockfile.Digest{{Alg: "sha512", Hex: h}},
		})
	}
	return &fixture{where: Places{Dir: dir, NpmCache: cache}, locks: []lockfile.Lock{l}, opened: all(t, dir)}
}
