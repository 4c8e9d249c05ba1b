package lockfile

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/package-url/packageurl-go"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/golden"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// real are the recorded lock files, by the name of their folder.
func real(t testing.TB) map[string]string {
	t.Helper()
	out := map[string]string{}
	files, err := filepath.Glob("testdata/*/*")
	if err != nil || len(files) < 13 {
		t.Fatalf("found %d lock files (%v), want all", len(files), err)
	}
	for _, f := range files {
		if !strings.Contains(f, "fuzz") {
			out[filepath.Base(filepath.Dir(f))] = f
		}
	}
	return out
}

func content(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readAs(t testing.TB, name string, text string) Lock {
	t.Helper()
	l, err := Read(name, []byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return l
}

// lines is a lock as a table.
func lines(l Lock) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d entries, includes %q\n", l.Kind, len(l.Entries), l.Includes)
	for _, e := range l.Entries {
		fmt.Fprintf(
			&b,
			"%s | %s | local %v | inside %v | at %s | %s\n",
			e.Name+" "+e.Version,
			e.PURL,
			e.Local,
			e.Inside,
			e.At,
			e.URL,
		)
		for _, d := range e.Digests {
			fmt.Fprintf(&b, "    %s %s\n", d.Alg, d.Hex)
		}
	}
	return b.String()
}

func TestRead_lock_files_of_other_people(t *testing.T) {
	for name, file := range real(t) {
		l, err := Read(file, content(t, file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		golden.File(
			t,
			filepath.Join("testdata", name+".golden"),
			[]byte(lines(l)),
			*update,
			"go test ./internal/lockfile -update",
		)
	}
}

// The go command says of the modules of this repository what we read of its go.mod and go.sum.
func TestRead_agrees_with_the_go_command(t *testing.T) {
	sum := readAs(t, "go.sum", string(content(t, "../../go.sum")))
	mod := readAs(t, "go.mod", string(content(t, "../../go.mod")))
	type listed struct {
		Path, Version, Sum, GoModSum string
		Main                         bool
		Replace                      *listed
	}
	cmd := exec.Command("go", "list", "-m", "-mod=readonly", "-json", "all")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOWORK=off")
	b, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]Entry{}
	for _, e := range sum.Entries {
		byName[e.Name+"@"+e.Version] = e
	}
	want := map[string]string{}
	compared := 0
	for d := json.NewDecoder(strings.NewReader(string(b))); d.More(); {
		var m listed
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		want[m.Path] = m.Version
		e := byName[m.Path+"@"+m.Version]
		for alg, sum := range map[string]string{"h1": m.Sum, "h1/go.mod": m.GoModSum} {
			if sum == "" {
				continue
			}
			compared++
			if !slices.Contains(e.Digests, Digest{alg, strings.TrimPrefix(sum, "h1:")}) {
				t.Errorf("%s@%s: digests = %v, want %s %s", m.Path, m.Version, e.Digests, alg, sum)
			}
		}
	}
	for _, e := range mod.Entries {
		if e.Name != Toolchain && want[e.Name] != e.Version {
			t.Errorf("%s is required in %s, go says %s", e.Name, e.Version, want[e.Name])
		}
	}
	if compared < 200 || len(mod.Entries) < 50 {
		t.Errorf("compared %d digests and %d requirements, want those of the repository", compared, len(mod.Entries))
	}
}

// npm says of recorded locks what we read of them.
func TestRead_agrees_with_npm(t *testing.T) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Fatalf("%v: npm is what the reader is compared with, ./e2e/install.sh says how to install it", err)
	}
	for name, file := range real(t) {
		if !strings.HasPrefix(name, "npm") {
			continue
		}
		dir := t.TempDir()
		text := content(t, file)
		var root struct{ Packages map[string]json.RawMessage }
		if err := json.Unmarshal(text, &root); err != nil {
			t.Fatal(err)
		}
		for f, b := range map[string][]byte{"package.json": root.Packages[""], "package-lock.json": text} {
			if err := os.WriteFile(filepath.Join(dir, f), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command(npm, "query", "*", "--package-lock-only", "--offline", "--expect-results=true")
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		type node struct {
			Name, Version, Location, Integrity string
			InBundle                           bool
		}
		var all []node
		if err := json.Unmarshal(out, &all); err != nil {
			t.Fatal(err)
		}
		got := map[string]Entry{}
		for _, e := range readAs(t, "package-lock.json", string(text)).Entries {
			got[e.At] = e
		}
		compared := 0
		for _, n := range all {
			if n.Location == "" {
				continue
			}
			e, ok := got[n.Location]
			if e.Local && ok {
				continue // npm goes on to what the link leads to, which is not there
			}
			compared++
			d, err := sri(n.Integrity)
			if !ok || err != nil || e.Version != n.Version || e.Inside != n.InBundle ||
				!reflect.DeepEqual(e.Digests, d) ||
				n.Name != "" && n.Name != e.Name {
				t.Errorf("%s: %s is %+v, npm says %+v", name, n.Location, e, n)
			}
		}
		if compared < 4 {
			t.Errorf("%s: compared %d packages", name, compared)
		}
	}
}

// The order of entries in a file means nothing.
func TestRead_the_order_of_entries_does_not_matter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	files := real(t)
	files["go.sum"] = "../../go.sum"
	for name, file := range files {
		text := string(content(t, file))
		want, err := Read(file, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			mixed := shuffled(r, want.Kind, text)
			if want.Kind != NPM && mixed == text {
				t.Errorf("%s: nothing was mixed", name)
			}
			got, err := Read(file, []byte(mixed))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: another order is read otherwise (%v)", name, err)
			}
		}
	}
}

// shuffled is a lock file with its entries in another order.
func shuffled(r *rand.Rand, k Kind, text string) string {
	mix := func(parts []string) {
		r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	}
	switch k {
	case GoSum:
		parts := strings.Split(strings.TrimSpace(text), "\n")
		mix(parts)
		return strings.Join(parts, "\n")
	case Requirements:
		parts := strings.Split(strings.TrimSpace(text), "\n\n")
		if len(parts) == 1 {
			parts = strings.SplitAfter(strings.ReplaceAll(text, "\\\n", "\x00"), "\n")
			mix(parts)
			return strings.ReplaceAll(strings.Join(parts, ""), "\x00", "\\\n")
		}
		mix(parts)
		return strings.Join(parts, "\n\n")
	case Cargo, UV, Poetry:
		head, rest, _ := strings.Cut(text, "[[package]]")
		body, tail := rest, ""
		if i := strings.Index(rest, "\n[metadata]"); i >= 0 {
			body, tail = rest[:i], rest[i:]
		}
		parts := strings.Split(body+"\n", "[[package]]")
		mix(parts)
		return head + "[[package]]" + strings.Join(parts, "[[package]]") + tail
	case PNPM:
		i := strings.LastIndex(text, "\npackages:\n") + len("\npackages:\n")
		body, tail := text[i:]+"\n", ""
		if j := strings.Index(body, "\nsnapshots:"); j >= 0 {
			body, tail = body[:j]+"\n", body[j:]
		}
		parts := strings.Split(strings.Trim(body, "\n"), "\n\n")
		mix(parts)
		return text[:i] + "\n" + strings.Join(parts, "\n\n") + "\n" + tail
	}
	var v struct {
		LockfileVersion int                        `json:"lockfileVersion"`
		Packages        map[string]json.RawMessage `json:"packages"`
	}
	if json.Unmarshal([]byte(text), &v) != nil {
		return text
	}
	keys := make([]string, 0, len(v.Packages))
	for k := range v.Packages {
		keys = append(keys, k)
	}
	mix(keys)
	for i, k := range keys {
		q, _ := json.Marshal(k)
		keys[i] = string(q) + ":" + string(v.Packages[k])
	}
	return fmt.Sprintf(`{"packages":{%s},"lockfileVersion":3}`, strings.Join(keys, ","))
}

func TestPURL_is_what_the_specification_says(t *testing.T) {
	for _, c := range []struct {
		kind                Kind
		name, version, want string
	}{
		{GoSum, "github.com/BurntSushi/toml", "v1.6.0", "pkg:golang/github.com/burntsushi/toml@v1.6.0"},
		{GoMod, "github.com/docker/docker", "v20.10.0+incompatible", "pkg:golang/github.com/docker/docker@v20.10.0%2Bincompatible"},
		{NPM, "@babel/core", "7.0.0", "pkg:npm/%40babel/core@7.0.0"},
		{PNPM, "left-pad", "", "pkg:npm/left-pad"},
		{Cargo, "serde_json", "1.0.0+x", "pkg:cargo/serde_json@1.0.0%2Bx"},
		{UV, "Zope.Interface_x", "1.0", "pkg:pypi/zope-interface-x@1.0"},
		{Requirements, "a", "1!2.0", "pkg:pypi/a@1%212.0"},
		{Poetry, "Django", "1", "pkg:pypi/django@1"},
		{"", "a", "1", ""},
	} {
		if got := PURL(c.kind, c.name, c.version); got != c.want {
			t.Errorf("PURL(%s, %s, %s) = %s, want %s", c.kind, c.name, c.version, got, c.want)
		}
	}
	files := real(t)
	files["go.sum"] = "../../go.sum"
	for _, file := range files {
		for _, e := range readAs(t, file, string(content(t, file))).Entries {
			p, err := packageurl.FromString(e.PURL)
			if err != nil || p.ToString() != e.PURL {
				t.Errorf("%s: another library writes %s as %s (%v)", file, e.PURL, p.ToString(), err)
			}
		}
	}
}

func TestKnown_says_what_is_read(t *testing.T) {
	for base, want := range map[string]struct {
		kind  Kind
		state State
	}{
		"go.mod": {GoMod, Reads}, "go.sum": {GoSum, Reads}, "go.work.sum": {GoSum, Reads}, "npm-shrinkwrap.json": {NPM, Reads},
		"requirements-dev.txt": {Requirements, Reads}, "requirements.txt": {Requirements, Reads}, "yarn.lock": {"", NotRead},
		"gradle.lockfile": {"", NotRead}, "bun.lock": {"", NotRead}, "pom.xml": {"", NotLocked}, "main.go": {}, "": {}, "cargo.lock": {},
	} {
		if k, s := Known(base); k != want.kind || s != want.state {
			t.Errorf("Known(%q) = %q, %q, want %q, %q", base, k, s, want.kind, want.state)
		}
	}
	_, err := Read("yarn.lock", nil)
	if f := fault.Of(err); f.Code != fault.Malformed {
		t.Errorf("reading a file of another kind: %v", err)
	}
}

func TestUnlocked_are_manifests_without_a_lock(t *testing.T) {
	for _, c := range []struct{ names, want string }{
		{"package.json package-lock.json", ""},
		{"package.json", "package.json"},
		{"package.json npm-shrinkwrap.json packages/a/package.json", ""},
		{"a/package.json b/package-lock.json", "a/package.json"},
		{"node_modules/x/package.json vendor/y/Cargo.toml", ""},
		{"Cargo.toml Cargo.lock", ""}, {"Cargo.toml", "Cargo.toml"}, {"pyproject.toml uv.lock", ""}, {"pyproject.toml", "pyproject.toml"},
		{"pyproject.toml requirements.txt", "pyproject.toml"},
		{"pom.xml a/pom.xml", "a/pom.xml pom.xml"},
		{"build.gradle gradle.lockfile", ""}, {"go.mod main.go", ""},
	} {
		if got := strings.Join(Unlocked(strings.Fields(c.names)), " "); got != c.want {
			t.Errorf("Unlocked(%s) = %s, want %s", c.names, got, c.want)
		}
	}
}
