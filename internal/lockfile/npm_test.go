package lockfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// arborist prints what npm's own reader makes of the locks in the folders 0, 1, 2 and so on.
const arborist = `
const path = require('path'), fs = require('fs')
const npm = path.dirname(path.dirname(fs.realpathSync(process.argv[1])))
const { Arborist } = require(path.join(npm, 'node_modules/@npmcli/arborist'))
const one = async dir => {
  try {
    const tree = await new Arborist({ path: dir }).loadVirtual()
    return [...tree.inventory.values()].filter(n => n.location !== '' && !n.isLink).map(n => ({
      At: n.location, Name: n.name, Package: n.packageName || '', Version: n.version || '', Integrity: n.integrity || '', Inside: !!n.inBundle }))
  } catch (e) { return null }
}
(async () => {
  const out = []
  for (let i = 0; i < +process.argv[2]; i++) out.push(await one(path.join(process.cwd(), String(i))))
  console.log(JSON.stringify(out))
})()
`

// changed is a text with some of its bytes or words changed.
func changed(r *rand.Rand, text []byte) []byte {
	b := slices.Clone(text)
	for range 1 + r.IntN(3) {
		i, n := r.IntN(len(b)), 1+r.IntN(40)
		end := min(i+n, len(b))
		switch r.IntN(6) {
		case 0:
			b[i] = "\"{}:,a0/@-\\ "[r.IntN(12)]
		case 1:
			b = slices.Delete(b, i, end)
		case 2:
			b = slices.Insert(b, i, b[i:end]...)
		case 3:
			lines := bytes.SplitAfter(b, []byte("\n"))
			k, l := r.IntN(len(lines)), r.IntN(len(lines))
			lines[k], lines[l] = lines[l], lines[k]
			b = bytes.Join(lines, nil)
		case 4:
			lines := bytes.SplitAfter(b, []byte("\n"))
			k := r.IntN(len(lines))
			b = bytes.Join(slices.Delete(lines, k, k+1), nil)
		default:
			from := []string{
				"integrity",
				"version",
				"node_modules/",
				"sha512-",
				"resolved",
				"true",
				"inBundle",
				"link",
				"name",
			}
			w := from[r.IntN(len(from))]
			b = bytes.Replace(b, []byte(w), []byte(from[r.IntN(len(from))]), 1+r.IntN(3))
		}
		if len(b) < 2 {
			return text
		}
	}
	return b
}

// Whatever lock is read here, npm reads the same names, versions and digests of it.
func TestE11_npm_reads_the_same_of_changed_locks(t *testing.T) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Fatalf("%v: npm is what the reader is compared with, ./e2e/install.sh says how to install it", err)
	}
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(3, 4))
	var taken []Lock
	files := real(t)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !strings.HasPrefix(name, "npm") {
			continue
		}
		text := content(t, files[name])
		for range 500 {
			b := changed(r, text)
			l, err := Read("package-lock.json", b)
			if err != nil || bytes.Equal(b, text) {
				continue
			}
			to := filepath.Join(dir, fmt.Sprint(len(taken)))
			var root struct{ Packages map[string]json.RawMessage }
			if json.Unmarshal(b, &root) != nil || len(root.Packages[""]) == 0 {
				continue
			}
			if os.Mkdir(to, 0o755) != nil || os.WriteFile(to+"/package-lock.json", b, 0o600) != nil ||
				os.WriteFile(to+"/package.json", root.Packages[""], 0o600) != nil {
				t.Fatal("a lock cannot be written")
			}
			taken = append(taken, l)
		}
	}
	cmd := exec.Command("node", "-e", arborist, npm, fmt.Sprint(len(taken)))
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	type node struct {
		At, Name, Package, Version, Integrity string
		Inside                                bool
	}
	var all [][]node
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for i, l := range taken {
		theirs := map[string]node{}
		for _, n := range all[i] {
			theirs[n.At] = n
		}
		if all[i] == nil {
			continue // npm does not take it
		}
		for _, e := range l.Entries {
			n, ok := theirs[e.At]
			if e.Local {
				continue
			}
			compared++
			d, err := sri(n.Integrity)
			slices.SortFunc(d, compareDigest)
			if !ok || err != nil || n.Package != "" && n.Package != e.Name || n.Version != e.Version ||
				n.Inside != e.Inside ||
				!reflect.DeepEqual(d, e.Digests) {
				t.Errorf("lock %d: here %+v, npm has %+v", i, e, n)
			}
		}
	}
	t.Logf("%d locks, %d packages compared", len(taken), compared)
	if compared < 2000 {
		t.Errorf("%d locks are taken, and %d packages compared", len(taken), compared)
	}
}

func TestE11_a_lock_says_which_packages_have_scripts_that_run_when_they_are_installed(t *testing.T) {
	for name, text := range map[string]string{
		"package-lock.json": `{"lockfileVersion":3,"packages":{` +
			`"node_modules/a":{"version":"1.0.0","hasInstallScript":true},"node_modules/b":{"version":"1.0.0"}}}`,
		"pnpm-lock.yaml": "lockfileVersion: '6.0'\npackages:\n  /a@1.0.0:\n    resolution: {integrity: sha512-" +
			strings.Repeat("A", 86) + "==}\n    requiresBuild: true\n  /b@1.0.0:\n    resolution: {integrity: sha512-" +
			strings.Repeat("A", 86) + "==}\n",
	} {
		l, err := Read(name, []byte(text))
		if err != nil || len(l.Entries) != 2 || !l.Entries[0].Scripts || l.Entries[1].Scripts {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
}
