package lockfile

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// oracles prints what Python's own reader of TOML, and pip, make of the files in a folder.
const oracles = `
import json, os, sys, tomllib
from pip._internal.network.session import PipSession
from pip._internal.req.req_file import parse_requirements
from pip._internal.req.constructors import install_req_from_parsed_requirement
from pip._vendor.packaging.utils import canonicalize_name

def toml(text, kind):
    t = tomllib.loads(text)
    out, apart = [], t.get("metadata", {})
    for p in t.get("package", []):
        name, version = p["name"], p.get("version", "")
        if kind == "cargo":
            sums = [p.get("checksum") or apart.get("checksum %s %s (%s)" % (name, version, p.get("source", "")))]
            sums = ["sha256:" + s.lower() for s in sums if s]
        else:
            name = canonicalize_name(name)
            files = p.get("files", []) + apart.get("files", {}).get(p["name"], []) if kind == "poetry" else p.get("wheels", []) + ([p["sdist"]] if "sdist" in p else [])
            sums = sorted({f["hash"].lower() for f in files if f.get("hash")})
        out.append([name, version, sums])
    return out

def pip(path):
    out = []
    for p in parse_requirements(path, session=PipSession()):
        r = install_req_from_parsed_requirement(p)
        pins = [s.version for s in r.specifier if s.operator in ("==", "===") and not s.version.endswith(".*")] if r.req else []
        sums = sorted(a + ":" + h.lower() for a, hs in r.hash_options.items() for h in hs)
        if r.link and r.link.hash_name:
            sums.append(r.link.hash_name + ":" + r.link.hash.lower())
        out.append([canonicalize_name(r.name) if r.name else "", pins[0] if len(pins) == 1 and len(r.specifier) == 1 else "", sums])
    return out

out = {}
for name in sys.stdin.read().split():
    kind = name.split("-")[0]
    try:
        with open(name, encoding="utf-8", newline="") as f:
            text = f.read()
        got = pip(name) if kind == "requirements" else toml(text.replace("\r\n", "\n"), kind)
        out[name] = sorted({json.dumps(x) for x in got})
    except (Exception, SystemExit) as e:
        out[name] = ["error", repr(e)[:200]]
json.dump(out, sys.stdout)
`

// Whatever is read here of locks in TOML and of requirements, Python and pip read the same of it.
func TestE11_python_reads_the_same_of_changed_locks(t *testing.T) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(5, 6))
	files := real(t)
	taken := map[string]Lock{}
	for _, folder := range slices.Sorted(maps.Keys(files)) {
		base := filepath.Base(files[folder])
		kind, _ := Known(base)
		text := content(t, files[folder])
		if !slices.Contains([]Kind{Cargo, UV, Poetry, Requirements}, kind) {
			continue
		}
		if kind == Requirements {
			text = append(text, "-r x.txt\nFoo_Bar[a,b] >= 1 ; python_version > '3'\n"+
				"b @ https://h/b.zip#sha256="+aHash+"\n# c \\\nd===1.0\n"...)
			text = bytes.Replace(text, []byte("-r x.txt\n"), nil, 1)
		}
		for i := range 150 {
			b := changed(r, text)
			l, err := Read(base, b)
			if err != nil || len(l.Includes) > 0 {
				continue
			}
			name := string(kind) + "-" + folder + "-" + strconv.Itoa(i)
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
			taken[name] = l
		}
	}
	cmd := exec.Command("python3", "-c", oracles)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(strings.Join(slices.Sorted(maps.Keys(taken)), "\n"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all map[string][]string
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatal(err)
	}
	compared, refused := 0, 0
	for _, name := range slices.Sorted(maps.Keys(taken)) {
		theirs := all[name]
		if len(theirs) > 0 && theirs[0] == "error" {
			refused++
			// Of requirements, the conditions are not looked at here. TOML 1.1 has more escapes than Python's reader knows.
			if taken[name].Kind != Requirements && !strings.Contains(theirs[1], "Unescaped") {
				t.Errorf("%s: not read there: %s", name, theirs[1])
			}
			continue
		}
		compared++
		got := map[string]bool{}
		for _, e := range taken[name].Entries {
			sums := []string{}
			for _, d := range e.Digests {
				sums = append(sums, d.Alg+":"+d.Hex)
			}
			b, _ := json.Marshal([]any{e.Name, e.Version, sums})
			got[string(b)] = true
		}
		want := map[string]bool{}
		for _, s := range theirs {
			var v any
			_ = json.Unmarshal([]byte(s), &v)
			b, _ := json.Marshal(v)
			want[string(b)] = true
		}
		if !reflect.DeepEqual(got, want) {
			for x := range got {
				if !want[x] {
					t.Errorf("%s: here %s", name, x)
				}
			}
			for x := range want {
				if !got[x] {
					t.Errorf("%s: there %s", name, x)
				}
			}
		}
	}
	t.Logf("%d locks compared, %d are refused there", compared, refused)
	if compared < 300 {
		t.Errorf("%d locks compared", compared)
	}
}
