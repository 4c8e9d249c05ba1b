package lockfile

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/messages"
)

const (
	aHash = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	bHash = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	aSRI  = "sha256-qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo="
	bSRI  = "sha256-u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7s="
	aH1   = "h1:qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo="
	bH1   = "h1:u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7s="
)

func npm3(packages string) string { return `{"lockfileVersion":3,"packages":{` + packages + `}}` }
func npm2(packages, dependencies string) string {
	return `{"lockfileVersion":2,"packages":{` + packages + `},"dependencies":{` + dependencies + `}}`
}
func npmOne(members string) string {
	return `"node_modules/a":{"version":"1.0.0","integrity":"` + aSRI + `"` + members + `}`
}
func pnpm9(packages string) string { return "lockfileVersion: '9.0'\npackages:\n" + packages }
func pnpmOne(key, sri string) string {
	return "  " + key + ":\n    resolution: {integrity: " + sri + "}\n"
}
func crate(more string) string { return "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n" + more }

const registrySource = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n"

// Each pair differs in one thing: the first is read, and of the second two readers would read different things, or it holds
// nothing.
func TestE11_a_lock_that_two_readers_read_differently(t *testing.T) {
	for name, c := range map[string]struct{ file, good, bad, says string }{
		"go.sum: two digests": {"go.sum", "a.b/c v1.0.0 " + aH1 + "\na.b/c v1.0.0 " + aH1, "a.b/c v1.0.0 " + aH1 + "\na.b/c v1.0.0 " + bH1, "line 2"},
		"go.sum: words":       {"go.sum", "a.b/c v1.0.0 " + aH1, "a.b/c v1.0.0 " + aH1 + " x", "line 1 has 4 words"},
		"go.sum: algorithm":   {"go.sum", "a.b/c v1.0.0 " + aH1, "a.b/c v1.0.0 h2" + aH1[2:], "is no digest"},
		"go.sum: base64":      {"go.sum", "a.b/c v1.0.0 " + aH1, "a.b/c v1.0.0 " + aH1[:45] + "p=", "is no digest"},
		"go.sum: version":     {"go.sum", "a.b/c v1.0.0 " + aH1, "a.b/c v1.0 " + aH1, "line 1"},
		"go.mod: versions":    {"go.mod", "module x\nrequire a.b/c v1.0.0\nrequire a.b/c v1.0.0", "module x\nrequire a.b/c v1.0.0\nrequire a.b/c v1.0.1", "line 3"},
		"go.mod: replaced":    {"go.mod", "module x\nrequire a.b/c v1.0.0\nreplace a.b/c => ./x", "module x\nrequire a.b/c v1.0.0\nreplace a.b/c => ./x\nreplace a.b/c => ./y", "line 4"},
		"go.mod: syntax":      {"go.mod", "module x\nrequire a.b/c v1.0.0", "module x\nrequire a.b/c", "line 2"},

		"npm: a name twice":      {"package-lock.json", npm3(npmOne("")), npm3(npmOne("") + "," + npmOne("")), "node_modules~1a"},
		"npm: member twice":      {"package-lock.json", npm3(npmOne("")), npm3(npmOne(`,"integrity":"` + aSRI + `"`)), "integrity"},
		"npm: letter case":       {"package-lock.json", npm3(npmOne("")), npm3(npmOne(`,"Integrity":"` + bSRI + `"`)), "differs from a known one only in case"},
		"npm: halves differ":     {"package-lock.json", npm2(npmOne(""), `"a":{"version":"1.0.0","integrity":"`+aSRI+`"}`), npm2(npmOne(""), `"a":{"version":"1.0.0","integrity":"`+bSRI+`"}`), "differ about"},
		"npm: versions differ":   {"package-lock.json", npm2(npmOne(""), `"a":{"version":"1.0.0","integrity":"`+aSRI+`"}`), npm2(npmOne(""), `"a":{"version":"1.0.1","integrity":"`+aSRI+`"}`), "differ about"},
		"npm: one half has less": {"package-lock.json", npm2(npmOne(""), ``), npm2(``, `"a":{"version":"1.0.0"}`), "its packages have not"},
		"npm: deeper down":       {"package-lock.json", npm2(npmOne("")+`,"node_modules/a/node_modules/b":{"version":"1.0.0"}`, `"a":{"version":"1.0.0","integrity":"`+aSRI+`","dependencies":{"b":{"version":"1.0.0"}}}`), npm2(npmOne("")+`,"node_modules/a/node_modules/b":{"version":"1.0.0"}`, `"a":{"version":"1.0.0","integrity":"`+aSRI+`","dependencies":{"b":{"version":"1.0.1"}}}`), "differ about"},
		"npm: no version":        {"package-lock.json", npm3(""), `{"packages":{}}`, "version 0"},
		"npm: integrity":         {"package-lock.json", npm3(npmOne("")), npm3(strings.Replace(npmOne(""), aSRI, "sha256-aaaa", 1)), "is no digest"},
		"npm: algorithm":         {"package-lock.json", npm3(npmOne("")), npm3(strings.Replace(npmOne(""), "sha256-", "sha257-", 1)), "is no digest"},
		"npm: place":             {"package-lock.json", npm3(npmOne("")), npm3(strings.Replace(npmOne(""), "node_modules/a", "node_modules/../a", 1)), "is no place"},
		"npm: no name":           {"package-lock.json", npm3(strings.Replace(npmOne(""), "/a", "/@x/a", 1)), npm3(strings.Replace(npmOne(""), "/a", "/x/a", 1)), "is no place"},
		"npm: a long name":       {"package-lock.json", npm3(strings.Replace(npmOne(""), "/a", "/@x/a", 1)), npm3(strings.Replace(npmOne(""), "/a", "/@x/a/b", 1)), "is no place"},
		"npm: behind it":         {"package-lock.json", npm3(npmOne("")), npm3(npmOne("")) + "{}", "more bytes"},

		"pnpm: a key twice":    {"pnpm-lock.yaml", pnpm9(pnpmOne("a@1.0.0", aSRI)), pnpm9(pnpmOne("a@1.0.0", aSRI) + pnpmOne("a@1.0.0", bSRI)), "twice"},
		"pnpm: the same twice": {"pnpm-lock.yaml", pnpm9(pnpmOne("a@1.0.0", aSRI)), pnpm9(pnpmOne("a@1.0.0", aSRI) + pnpmOne("a@1.0.0", aSRI)), "twice"},
		"pnpm: two peers":      {"pnpm-lock.yaml", pnpm9(pnpmOne("a@1.0.0(b@1)", aSRI) + pnpmOne("a@1.0.0(b@2)", aSRI)), pnpm9(pnpmOne("a@1.0.0(b@1)", aSRI) + pnpmOne("a@1.0.0(b@2)", bSRI)), "twice, with different digests"},
		"pnpm: an anchor":      {"pnpm-lock.yaml", pnpm9(pnpmOne("a@1.0.0", aSRI)), pnpm9(pnpmOne("a@1.0.0", "&x "+aSRI)), "anchor"},
		"pnpm: documents":      {"pnpm-lock.yaml", pnpm9("  {}"), pnpm9("  {}\n---\nlockfileVersion: '9.0'\n---\nlockfileVersion: '9.0'\n"), "3 documents"},
		"pnpm: in a list":      {"pnpm-lock.yaml", "lockfileVersion: '9.0'\nx:\n  - a: 1\n    b: 1\n", "lockfileVersion: '9.0'\nx:\n  - a: 1\n    a: 1\n", "line 4 has the key"},
		"pnpm: integrity":      {"pnpm-lock.yaml", pnpm9(pnpmOne("a@1.0.0", aSRI)), pnpm9(pnpmOne("a@1.0.0", "sha512-x")), "line 4: integrity"},
		"pnpm: a list":         {"pnpm-lock.yaml", "lockfileVersion: '9.0'\n", "- lockfileVersion: '9.0'\n", "is no mapping"},
		"pnpm: packages":       {"pnpm-lock.yaml", pnpm9("  {}"), pnpm9("  - a"), "packages is no mapping"},
		"pnpm: old":            {"pnpm-lock.yaml", "lockfileVersion: '6.0'\n", "lockfileVersion: 5.4\n", "want 6 to 9"},
		"pnpm: no resolution":  {"pnpm-lock.yaml", pnpm9(pnpmOne("a@1.0.0", aSRI)), pnpm9("  a@1.0.0:\n    engines: {}\n"), "line 4"},

		"cargo: a key twice":    {"Cargo.lock", crate("checksum = \"" + aHash + "\"\n"), crate("checksum = \"" + aHash + "\"\nchecksum = \"" + aHash + "\"\n"), "line 5"},
		"cargo: two entries":    {"Cargo.lock", crate("checksum = \""+aHash+"\"\n") + crate("checksum = \""+aHash+"\"\n"), crate("checksum = \""+aHash+"\"\n") + crate("checksum = \""+bHash+"\"\n"), "different digests"},
		"cargo: two checksums":  {"Cargo.lock", crate(registrySource+"checksum = \""+aHash+"\"\n") + "[metadata]\n\"checksum a 1.0.0 (registry+https://github.com/rust-lang/crates.io-index)\" = \"" + aHash + "\"\n", crate(registrySource+"checksum = \""+aHash+"\"\n") + "[metadata]\n\"checksum a 1.0.0 (registry+https://github.com/rust-lang/crates.io-index)\" = \"" + bHash + "\"\n", "two checksums"},
		"cargo: checksum":       {"Cargo.lock", crate("checksum = \"" + aHash + "\"\n"), crate("checksum = \"aa\"\n"), "is no digest"},
		"cargo: type":           {"Cargo.lock", crate("checksum = \"" + aHash + "\"\n"), crate("checksum = 1\n"), "is not a text"},
		"cargo: version":        {"Cargo.lock", "version = 4\n", "version = 5\n", "want 1 to 4"},
		"cargo: metadata":       {"Cargo.lock", "[metadata]\n", "metadata = 1\n", "is not a table"},
		"cargo: old checksum":   {"Cargo.lock", crate(registrySource) + "[metadata]\n\"checksum a 1.0.0 (registry+https://github.com/rust-lang/crates.io-index)\" = \"<none>\"\n", crate(registrySource) + "[metadata]\n\"checksum a 1.0.0 (registry+https://github.com/rust-lang/crates.io-index)\" = 1\n", "is not a text"},
		"cargo: no version":     {"Cargo.lock", crate(""), "[[package]]\nname = \"a\"\n", "no version"},
		"cargo: a folder":       {"Cargo.lock", crate(""), strings.Replace(crate(""), "\"a\"", "\"a/b\"", 1), "no name of a crate"},
		"cargo: no name":        {"Cargo.lock", crate(""), "[[package]]\nversion = \"1.0.0\"\n", "no name"},
		"uv: version":           {"uv.lock", "version = 1\n", "version = 2\n", "want 1"},
		"uv: syntax":            {"uv.lock", "version = 1\n", "version = 1\n[\n", "line 3: expected"},
		"poetry: syntax":        {"poetry.lock", "[metadata]\nlock-version = \"2.0\"\n", "[metadata]\nlock-version = \"2.0\"\n[\n", "line 4: expected"},
		"uv: a hash":            {"uv.lock", "version = 1\n" + crate("sdist = {hash = \"sha256:"+aHash+"\"}\n"), "version = 1\n" + crate("sdist = {hash = \"sha256:aa\"}\n"), "package 1"},
		"poetry: lock-version":  {"poetry.lock", "[metadata]\nlock-version = \"2.0\"\n", "[metadata]\nlock-version = \"3.0\"\n", "want 1 or 2"},
		"poetry: files is text": {"poetry.lock", crate("files = []\n") + "[metadata]\nlock-version = \"2.0\"\n", crate("files = \"a\"\n") + "[metadata]\nlock-version = \"2.0\"\n", "list of tables"},

		"pip: a line end":     {"requirements.txt", "a==1 # x", "a==1 # x\u2028b==2", "begin a new one"},
		"pip: weak algorithm": {"requirements.txt", "a==1 --hash=sha256:" + aHash, "a==1 --hash=md5:" + aHash[:32], "pip takes"},
		"pip: an option":      {"requirements.txt", "a==1 --hash=sha256:" + aHash, "a==1 --hush=sha256:" + aHash, "after no requirement"},
		"pip: another digest": {"requirements.txt", "a==1 --hash=sha256:" + aHash + "\na==1 --hash=sha256:" + aHash, "a==1 --hash=sha256:" + aHash + "\na==1 --hash=sha256:" + bHash, "different digests"},
		"pip: no digest":      {"requirements.txt", "a==1 --hash=sha256:" + aHash, "a==1 --hash=sha256:" + aHash[1:], "is no digest"},
		"pip: no hash":        {"requirements.txt", "a==1 --hash=sha256:" + aHash, "a==1 --hash", "after no requirement"},
		"pip: lost backslash": {"requirements.txt", "a==1 \\\n--hash=sha256:" + aHash, "a==1\n--hash=sha256:" + aHash, "of no requirement"},
		"pip: fragment":       {"requirements.txt", "a @ https://h/a.zip#sha256=" + aHash, "a @ https://h/a.zip#sha256=" + aHash[1:], "is no digest"},
		"pip: no file":        {"requirements.txt", "-r a", "-r", "names no file"},
		"pip: not a file":     {"requirements.txt", "-r a", "-r -c", "names no file"},
		"pip: no name":        {"requirements.txt", "a>=1", ">=1", "line 1"},
		"UTF-8":               {"requirements.txt", "a", "a\xff", "UTF-8"},
		"control character":   {"Cargo.lock", crate(""), "[[package]]\nname = \"a\\u001b\"\nversion = \"1\"\n", "control character"},
	} {
		if _, err := Read(c.file, []byte(c.good)); err != nil {
			t.Errorf("%s: the good one: %v", name, err)
		}
		_, err := Read(c.file, []byte(c.bad))
		if f := fault.Of(err); err == nil || f.Kind != fault.Refused || f.Code != fault.Malformed {
			t.Fatalf("%s: got %v, want it to be malformed", name, err)
		} else if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.file) {
			t.Errorf("%s: %v, want %q in it, and the file", name, err, c.says)
		}
		messages.Plain(t, err.Error())
	}
}

func TestO01_locks_beyond_the_limits(t *testing.T) {
	many := func(n int, line string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, line, i)
		}
		return b.String()
	}
	for name, c := range map[string]struct{ file, good, bad string }{
		"bytes":   {"requirements.txt", "a\n" + strings.Repeat("#\n", 10), strings.Repeat("#\n", MaxBytes/2+1)},
		"entries": {"requirements.txt", many(1000, "a%d==1\n"), many(MaxEntries+1, "a%d==1\n")},
		"text":    {"requirements.txt", strings.Repeat("a", maxText), strings.Repeat("a", maxText+1)},
		"go.mod":  {"go.mod", "module x\nrequire a.b/c v1.0.0\nreplace a.b/c => ./y", "module x\nrequire a.b/c v1.0.0\nreplace a.b/c => ./" + strings.Repeat("y", maxText)},
		"digests": {"requirements.txt", "a " + many(maxDigests, "--hash=sha256:%064d "), "a " + many(maxDigests+1, "--hash=sha256:%064d ")},
		"brackets": {"Cargo.lock", "x = " + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth),
			"x = " + strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1)},
		"dots":       {"Cargo.lock", strings.Repeat("a.", maxDepth) + "a = 1", strings.Repeat("a.", maxDepth+1) + "a = 1"},
		"depth":      {"package-lock.json", npm3(`"":{"x":[[[]]]}`), npm3(`"":{"x":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`)},
		"yaml depth": {"pnpm-lock.yaml", pnpm9("  {}\nx: [[[]]]"), pnpm9("  {}\nx: " + strings.Repeat("[", 70) + strings.Repeat("]", 70))},
	} {
		if _, err := Read(c.file, []byte(c.good)); err != nil {
			t.Errorf("%s: within the limit: %v", name, err)
		}
		_, err := Read(c.file, []byte(c.bad))
		if f := fault.Of(err); f.Code != fault.Limit || f.Kind != fault.Refused {
			t.Errorf("%s: got %v, want a limit", name, err)
		}
		messages.Plain(t, err.Error())
	}
}

// Brackets and dots in strings and comments nest nothing.
func TestO01_brackets_in_texts_are_no_nesting(t *testing.T) {
	open := strings.Repeat("[", 200)
	for _, text := range []string{
		"a = \"" + open + "\"", "a = '" + open + "'", "a = \"\"\"\n" + open + "\"\"\"", "a = '''\n" + open + "'''", "# " + open, "a = \"\\\"" + open + "\"",
	} {
		if _, err := Read("Cargo.lock", []byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	text := "a = \"x\"\nb = " + open + strings.Repeat("]", 200)
	if _, err := Read("Cargo.lock", []byte(text)); fault.Of(err).Code != fault.Limit ||
		!strings.Contains(err.Error(), "line 2") {
		t.Errorf("%s: got %v, want a limit in line 2", text, err)
	}
}

// shown is the entry as a line.
func shown(e Entry) string {
	var d []string
	for _, x := range e.Digests {
		d = append(d, x.Alg+":"+x.Hex[:4])
	}
	return fmt.Sprintf("%s|%s|%s|%v|%s", e.Name, e.Version, e.URL, e.Local, strings.Join(d, ","))
}

func TestRead_one_entry(t *testing.T) {
	for _, c := range []struct{ file, text, want string }{
		{"requirements.txt", "Flask_X[async] == 2.0 ; python_version > '3' --hash=sha256:" + aHash + " \\\n  --hash sha256:" + bHash, "flask-x|2.0||false|sha256:aaaa,sha256:bbbb"},
		{"requirements.txt", "flask>=2", "flask|||false|"},
		{"requirements.txt", "flask==2.*", "flask|||false|"},
		{"requirements.txt", "flask (==2.0)", "flask|2.0||false|"},
		{"requirements.txt", "# c \\\nflask", "flask|||false|"},
		{"requirements.txt", "fl\\\nask==1 # x", "flask|1||false|"},
		{"requirements.txt", "\ufeffflask", "flask|||false|"},
		{"requirements.txt", "x @ https://u:p@h/x.whl?token=1#sha256=" + aHash, "x||https://h/x.whl|false|sha256:aaaa"},
		{"requirements.txt", "x @ git+ssh://git@h/x.git@v1", "x||git+ssh://git@h/x.git@v1|false|"},
		{"requirements.txt", "-e git+https://h/x.git@main#egg=My_x", "my-x||git+https://h/x.git@main|false|"},
		{"requirements.txt", "httpx@https://h/x.whl ; os_name == 'nt'", "httpx||https://h/x.whl|false|"},
		{"requirements.txt", "file:./x", "x||file:./x|true|"},
		{"requirements.txt", "a.whl ; os_name == 'nt'", "a.whl||a.whl|true|"},
		{"requirements.txt", "x @ https://u:p@h/%zz", "x||https://…|false|"},
		{"requirements.txt", "-e .", ".||.|true|"},
		{"requirements.txt", "../", "../||../|true|"},
		{"requirements.txt", "https://u:p@h/a.zip", "a.zip||https://h/a.zip|false|"},
		{"requirements.txt", "./wheels/a.whl", "a.whl||./wheels/a.whl|true|"},
		{"requirements.txt", "https://h/a-1.0.tar.gz#sha256=" + aHash, "a-1.0.tar.gz||https://h/a-1.0.tar.gz|false|sha256:aaaa"},
		{"go.mod", "module x\nrequire a.b/c v1.0.0\nreplace a.b/c => d.e/f v2.0.0+incompatible", "d.e/f|v2.0.0+incompatible||false|"},
		{"go.mod", "module x\nrequire a.b/c v1.0.0\nreplace a.b/c v1.0.0 => ./y\nreplace a.b/c => ./z", "a.b/c|v1.0.0|./y|true|"},
		{"go.mod", "module x\nrequire a.b/c v1.0.0\nreplace a.b/c => ./z\nreplace a.b/c v1.0.0 => ./y", "a.b/c|v1.0.0|./y|true|"},
		{"go.mod", "module x\nrequire a.b/c v1.0.0\nreplace a.b/c v1.0.1 => ./y", "a.b/c|v1.0.0||false|"},
		{"go.mod", "module x\ngo 1.26.0", Toolchain + "|v0.0.1-go1.26.0||false|"},
		{"go.mod", "module x\ngo 1.26.0\ntoolchain go1.26.8", Toolchain + "|v0.0.1-go1.26.8||false|"},
		{"go.sum", "a.b/c v1.0.0/go.mod " + aH1 + "\na.b/c v1.0.0 " + bH1 + "\r\n", "a.b/c|v1.0.0||false|h1:u7u7,h1/go.mod:qqqq"},
		{"package-lock.json", npm3(`"node_modules/b":{"name":"@x/a","version":"1.0.0","resolved":"git+ssh://git@h/x.git#abc"}`), "@x/a|1.0.0|git+ssh://git@h/x.git#abc|false|"},
		{"package-lock.json", npm3(`"node_modules/@x/a":{"resolved":"x/a","link":true}`), "@x/a||x/a|true|"},
		{"package-lock.json", npm3(`"":{},"x/a":{"version":"1.0.0"}`), "a|1.0.0||true|"},
		{"package-lock.json", npm3(`"node_modules/a":{"resolved":"https://u:p@h/a.tgz?t=1","integrity":"` + aSRI + "?x " + bSRI + `"}`), "a||https://h/a.tgz|false|sha256:aaaa,sha256:bbbb"},
		{"pnpm-lock.yaml", "lockfileVersion: '6.0'\npackages:\n  /@x/a@1.0.0(b@1.0.0):\n    resolution: {integrity: " + aSRI + "}\n", "@x/a|1.0.0||false|sha256:aaaa"},
		{"pnpm-lock.yaml", pnpm9("  a@https://h/x@1/a.tgz:\n    resolution: {tarball: https://h/x@1/a.tgz}\n    version: 1.0.0\n"), "a|1.0.0|https://h/x@1/a.tgz|false|"},
		{"pnpm-lock.yaml", pnpm9("  a@file:x:\n    resolution: {directory: x, type: directory}\n"), "a||x|true|"},
		{"pnpm-lock.yaml", pnpm9("  a@git+https://h/r.git#abc:\n    resolution: {type: git, repo: https://h/r.git, commit: abc}\n    version: 1.0.0\n"), "a|1.0.0|https://h/r.git#abc|false|"},
		{"Cargo.lock", crate("source = \"git+https://h/r?branch=main&t=1#abc\"\n"), "a|1.0.0|git+https://h/r?branch=main#abc|false|"},
		{"Cargo.lock", crate(""), "a|1.0.0||true|"},
		{"Cargo.lock", crate(registrySource) + "[metadata]\n\"checksum a 1.0.0 (registry+https://github.com/rust-lang/crates.io-index)\" = \"" + aHash + "\"\n", "a|1.0.0|registry+https://github.com/rust-lang/crates.io-index|false|sha256:aaaa"},
		{"Cargo.lock", crate("Checksum = \"" + aHash + "\"\n"), "a|1.0.0||true|"}, // Cargo does not read it
		{"uv.lock", "version = 1\n" + crate("source = { editable = \".\" }\n"), "a|1.0.0|.|true|"},
		{"uv.lock", "version = 1\n" + crate("source = { registry = \"https://u:p@h/s\" }\nsdist = { hash = \"sha256:"+bHash+"\" }\nwheels = [{ hash = \"sha256:"+aHash+"\" }]\n"), "a|1.0.0|https://h/s|false|sha256:aaaa,sha256:bbbb"},
		{"poetry.lock", crate("[package.source]\ntype = \"git\"\nurl = \"https://h/r.git\"\nresolved_reference = \"abc\"\n") + "[metadata]\nlock-version = \"2.0\"\n", "a|1.0.0|https://h/r.git#abc|false|"},
		{"poetry.lock", crate("[package.source]\ntype = \"directory\"\nurl = \"../x\"\n") + "[metadata]\nlock-version = \"2.0\"\n", "a|1.0.0|../x|true|"},
		{"poetry.lock", crate("") + "[metadata]\nlock-version = \"1.1\"\n[metadata.files]\na = [{file = \"x\", hash = \"sha256:" + aHash + "\"}]\n", "a|1.0.0||false|sha256:aaaa"},
	} {
		l := readAs(t, c.file, c.text)
		if len(l.Entries) != 1 || shown(l.Entries[0]) != c.want {
			t.Errorf("%s:\n%s\ngot %v, want %s", c.file, c.text, l.Entries, c.want)
		}
	}
	l := readAs(
		t,
		"requirements.txt",
		"-r a.txt\n--requirement=b.txt\n-c c.txt\n--constraint d.txt\n--index-url https://h/s\n-i https://h",
	)
	if !slices.Equal(l.Includes, []string{"a.txt", "b.txt", "c.txt", "d.txt"}) || len(l.Entries) != 0 {
		t.Errorf("includes = %q, entries = %v", l.Includes, l.Entries)
	}
}

func TestStrongest_are_those_of_one_algorithm(t *testing.T) {
	e := Entry{Digests: []Digest{{"h1", "x"}, {"sha1", "a"}, {"sha512", "b"}, {"sha512", "c"}, {"sha256", "d"}}}
	if got := e.Strongest(); !reflect.DeepEqual(got, []Digest{{"sha512", "b"}, {"sha512", "c"}}) {
		t.Errorf("strongest = %v", got)
	}
}

// Whatever a reader takes is in order, within the limits, and read again the same.
func reads(f *testing.F, name string, more ...string) {
	f.Helper()
	for _, file := range real(f) {
		if strings.HasSuffix(file, name) {
			if b := content(f, file); len(b) < 8<<10 {
				f.Add(b)
			}
		}
	}
	for _, m := range more {
		f.Add([]byte(m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := Read(name, b)
		if err != nil {
			if c := fault.Of(err); c.Kind != fault.Refused || c.Code != fault.Malformed && c.Code != fault.Limit {
				t.Fatalf("%v is of kind %v", err, c.Kind)
			}
			return
		}
		again, err := Read(name, b)
		if err != nil || !reflect.DeepEqual(l, again) {
			t.Fatalf("read again it is another one: %v", err)
		}
		if !slices.IsSortedFunc(l.Entries, compareEntry) {
			t.Fatal("the entries are in no order")
		}
		for _, e := range l.Entries {
			for _, d := range e.Digests {
				if !d.valid() && !strings.HasPrefix(d.Alg, "h1") {
					t.Fatalf("%v is no digest", d)
				}
			}
			if e.Name == "" || !strings.HasPrefix(e.PURL, "pkg:") ||
				strings.ContainsFunc(e.Name+e.Version+e.URL+e.At, isControl) {
				t.Fatalf("entry %+v", e)
			}
		}
	})
}

func FuzzE11_go_mod(f *testing.F) {
	reads(f, "go.mod", "module x\ngo 1.26\nrequire a.b/c v1.0.0\nreplace a.b/c => ./y")
}
func FuzzE11_go_sum(f *testing.F) {
	reads(f, "go.sum", "a.b/c v1.0.0/go.mod "+aH1+"\na.b/c v1.0.0 "+bH1)
}
func FuzzE11_npm(f *testing.F) {
	reads(f, "package-lock.json", npm2(npmOne(""), `"a":{"version":"1.0.0","integrity":"`+aSRI+`"}`))
}
func FuzzE11_pnpm(f *testing.F)  { reads(f, "pnpm-lock.yaml", pnpm9(pnpmOne("a@1.0.0(b@1)", aSRI))) }
func FuzzE11_cargo(f *testing.F) { reads(f, "Cargo.lock", crate("checksum = \""+aHash+"\"\n")) }
func FuzzE11_uv(f *testing.F)    { reads(f, "uv.lock", "version = 1\n"+crate("")) }
func FuzzE11_poetry(f *testing.F) {
	reads(f, "poetry.lock", crate("")+"[metadata]\nlock-version = \"2.0\"\n")
}
func FuzzE11_requirements(f *testing.F) {
	reads(f, "requirements.txt", "a==1 \\\n --hash=sha256:"+aHash+"\n-r b\n-e x\nc @ https://h/#sha256="+bHash)
}

// A member of another type than its tool writes is no member that is absent.
func TestE11_members_of_another_type(t *testing.T) {
	const meta = "[metadata]\nlock-version = \"2.0\"\n"
	git := "source = {type = \"git\", url = \"https://h/r\", resolved_reference = \"abc\"}\n"
	for _, c := range []struct{ file, good, bad string }{
		{"uv.lock", "source = {registry = \"r\"}", "source = 1"},
		{"uv.lock", "source = {registry = \"r\"}", "source = {registry = 1}"},
		{"uv.lock", "source = {editable = \".\"}", "source = {editable = 1}"},
		{"uv.lock", "wheels = []", "wheels = 1"},
		{"uv.lock", "wheels = [{}]", "wheels = [1]"},
		{"uv.lock", "wheels = [{url = \"u\"}]", "wheels = [{hash = 1}]"},
		{"uv.lock", "sdist = {}", "sdist = 1"},
		{"poetry.lock", "", "source = 1"},
		{"poetry.lock", git, strings.Replace(git, `"https://h/r"`, "1", 1)},
		{"poetry.lock", git, strings.Replace(git, `"git"`, "1", 1)},
		{"poetry.lock", git, strings.Replace(git, `"abc"`, "1", 1)},
		{"poetry.lock", "files = [{}]", "files = [1]"},
		{"poetry.lock", "files = [{hash = \"sha256:" + aHash + "\"}]", "files = [{hash = \"sha256:a\"}]"},
		{"poetry.lock", "", meta + "files = 1"},
		{"poetry.lock", "", "[metadata]\nlock-version = 2"},
		{"poetry.lock", "", "metadata = 1"},
		{"Cargo.lock", "", "source = 1"},
	} {
		frame := func(s string) string {
			if c.file == "uv.lock" {
				return "version = 1\n" + crate(s+"\n")
			}
			if strings.HasPrefix(s, "metadata") {
				return s + "\n" + crate("")
			}
			if c.file == "poetry.lock" && !strings.HasPrefix(s, "[metadata]") {
				s += "\n" + meta
			}
			return crate(s + "\n")
		}
		if _, err := Read(c.file, []byte(frame(c.good))); err != nil {
			t.Errorf("%s: the good one: %v", c.good, err)
		}
		_, err := Read(c.file, []byte(frame(c.bad)))
		if fault.Of(err).Code != fault.Malformed {
			t.Errorf("%s: got %v, want it to be malformed", frame(c.bad), err)
			continue
		}
		messages.Plain(t, err.Error())
	}
	_, err := Read("uv.lock", []byte("version = 1\npackage = 1\n"))
	if fault.Of(err).Code != fault.Malformed {
		t.Errorf("package is a number: %v", err)
	}
}
