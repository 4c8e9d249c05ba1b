package difference_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/difference"
)

// made is a script that is run in two folders. Each side differs from the other in one variable of the shell.
type made struct {
	name   string
	tools  string
	script string    // writes the file "out"
	side   [2]string // variables that differ
	mended [2]string // the same with the fix; "": the fix does not depend on the side
	path   string    // the end of the path to the first difference
	kind   difference.Kind
	try    string // a part of the fix
	fixed  string // the script with the fix; "": the same script
	hints  bool   // the folders are known
}

const (
	touched   = `mkdir -p in/d; printf alpha > in/a; printf beta > in/d/b; touch -d @1700000000 in/a in/d/b in/d in; `
	sortedTar = `tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@$SOURCE_DATE_EPOCH --mode=u=rwX,go=rX --format=gnu -cf out in`
	cProgram  = `printf '#include <stdio.h>\nint main(void) { puts(TEXT); return 0; }\n' > main.c; `
)

var tools = []made{
	{name: "the time in a gzip header", tools: "gzip", script: touched + `touch -d @$AT in/a; gzip -c in/a > out`,
		side: [2]string{"AT=1700000001", "AT=1700000002"}, path: "gzip header › mtime", kind: difference.Time,
		try:   "gzip -n",
		fixed: touched + `touch -d @$AT in/a; gzip -nc in/a > out`},
	{name: "the name in a gzip header", tools: "gzip", script: touched + `cp -p in/a in/$N; gzip -c in/$N > out`,
		side: [2]string{"N=x1", "N=y2"}, path: "gzip header › name", kind: difference.Name, try: "gzip -n",
		fixed: touched + `cp -p in/a in/$N; gzip -nc in/$N > out`},
	{name: "the level of gzip", tools: "gzip", script: touched + `gzip -nc -$L in/a > out`,
		side: [2]string{"L=1", "L=9"}, path: "gzip header › level", kind: difference.Content, try: "gzip -n -9",
		mended: [2]string{"L=9", "L=9"}},
	{name: "the order of a tar archive", tools: "tar", script: touched + `tar -cf out $LIST`,
		side: [2]string{"LIST='in/a in/d/b'", "LIST='in/d/b in/a'"}, path: "member 1 › order", kind: difference.Order,
		try: "tar --sort=name", fixed: touched + sortedTar},
	{name: "the time of a member of a tar archive", tools: "tar",
		script: touched + `touch -d @$AT in/a; tar --sort=name -cf out in`,
		side:   [2]string{"AT=1700000001", "AT=1700000002"}, path: `member 2 "in/a" › mtime`, kind: difference.Time,
		try:   "--mtime=@$SOURCE_DATE_EPOCH",
		fixed: touched + `touch -d @$AT in/a; ` + sortedTar},
	{name: "the owner of a member of a tar archive", tools: "tar",
		script: touched + `tar --sort=name --owner=$U --group=0 --numeric-owner -cf out in`,
		side:   [2]string{"U=1000", "U=1001"}, path: `member 1 "in/" › owner`, kind: difference.Owner,
		try: "--owner=0", fixed: touched + sortedTar},
	{name: "the umask", tools: "tar", script: `umask $M; ` + touched + `tar --sort=name -cf out in`,
		side: [2]string{"M=022", "M=002"}, path: `member 1 "in/" › mode`, kind: difference.Umask, try: "umask 022",
		fixed: `umask 022; ` + touched + sortedTar},
	{name: "the mode of a member of a tar archive", tools: "tar",
		script: touched + `chmod $M in/a; touch -d @1700000000 in; tar --sort=name -cf out in`,
		side:   [2]string{"M=644", "M=755"}, path: `member 2 "in/a" › mode`, kind: difference.Mode, try: "tar --mode",
		fixed: touched + `chmod $M in/a; tar --mode=u=rw,go=r --sort=name -cf out in/a`},
	{name: "the form of a tar archive", tools: "tar", script: touched + `tar --sort=name --format=$F -cf out in`,
		side: [2]string{"F=gnu", "F=ustar"}, path: `member 1 "in/" › format`, kind: difference.Content,
		try: "tar --format=ustar", fixed: touched + `tar --sort=name --format=ustar -cf out in`},
	{name: "the end of a tar archive", tools: "tar",
		script: touched + `tar --sort=name --blocking-factor=$N -cf out in`,
		side:   [2]string{"N=20", "N=40"}, path: "end of the archive", kind: difference.Size, try: "blocking-factor=20",
		fixed: touched + `tar --sort=name -cf out in`},
	{name: "times of reading in pax headers", tools: "tar",
		script: touched + `touch -a -d @$AT in/a; tar --format=posix --pax-option=delete=ctime -cf out in/a`,
		side:   [2]string{"AT=1700000001", "AT=1700000002"}, path: `member 1 "in/a" › pax atime`, kind: difference.Time,
		try:   "tar --sort=name",
		fixed: touched + `touch -a -d @$AT in/a; tar --format=posix --pax-option=delete=atime,delete=ctime -cf out in/a`},
	{name: "the target of a link", tools: "tar",
		script: touched + `ln -s $PWD/in/a in/l; touch -h -d @1700000000 in/l in; tar --sort=name -cf out in`,
		path:   `member 5 "in/l" › target`, kind: difference.Path, try: "ln -sr",
		fixed: touched + `ln -sr $PWD/in/a in/l; touch -h -d @1700000000 in/l in; tar --sort=name -cf out in`},
	{name: "the order of a zip archive", tools: "zip", script: touched + `zip -qX out $LIST; mv out.zip out`,
		side: [2]string{"LIST='in/a in/d/b'", "LIST='in/d/b in/a'"}, path: "member 1 › order", kind: difference.Order,
		try:   "zip -X FILE -@",
		fixed: touched + `find in -type f | LC_ALL=C sort | zip -qX out -@; mv out.zip out`},
	{name: "the time of a member of a zip archive", tools: "zip",
		script: touched + `touch -d @$AT in/a; zip -qX out in/a; mv out.zip out`,
		side:   [2]string{"AT=1700000000", "AT=1700000010"}, path: `member 1 "in/a" › mtime`, kind: difference.Time,
		try:   "touch",
		fixed: touched + `touch -d @$AT in/a; find in -exec touch -h -d @$SOURCE_DATE_EPOCH {} +; TZ=UTC zip -qX out in/a; mv out.zip out`},
	{name: "the zone of a zip archive", tools: "zip", script: touched + `zip -qX out in/a; mv out.zip out`,
		side: [2]string{"TZ=UTC0", "TZ=XXX5"}, path: `member 1 "in/a" › mtime`, kind: difference.Time, try: "TZ=UTC",
		fixed: touched + `TZ=UTC zip -qX out in/a; mv out.zip out`},
	{name: "the time of reading in a zip archive", tools: "zip",
		script: touched + `touch -a -d @$AT in/a; zip -q out in/a; mv out.zip out`,
		side:   [2]string{"AT=1700000001", "AT=1700000002"}, path: `member 1 "in/a" › local extended timestamp › atime`,
		kind: difference.Time, try: "zip -X",
		fixed: touched + `touch -a -d @$AT in/a; zip -qX out in/a; mv out.zip out`},
	{name: "the level of a zip archive", tools: "zip",
		script: `seq 9999 > a; touch -d @1700000000 a; zip -qX -$L out a; mv out.zip out`,
		side:   [2]string{"L=6", "L=5"}, mended: [2]string{"L=9", "L=9"}, path: `member 1 "a" › deflate stream`,
		kind: difference.Content, try: "gzip -n -9"},
	{name: "the time in a static library", tools: "ar",
		script: touched + `touch -d @$AT in/a; ar rcU out in/a 2>/dev/null`,
		side:   [2]string{"AT=1700000001", "AT=1700000002"}, path: `member 1 "a" › mtime`, kind: difference.Time,
		try:   "ar rcsD",
		fixed: touched + `touch -d @$AT in/a; ar rcD out in/a`},
	{name: "sorting by the rules of a language", tools: "sort", script: `printf 'b\nA\na\nB\n' | sort $F > out`,
		side: [2]string{"LC_ALL=C; F=", "LC_ALL=C; F=-f"}, mended: [2]string{"F=", "F="}, path: "line 2, column 1",
		kind: difference.Locale, try: "LC_ALL=C", fixed: `printf 'b\nA\na\nB\n' | LC_ALL=C sort > out`},
	{name: "the time of compiling", tools: "gcc",
		script: cProgram + `gcc -Wl,--build-id=none '-DTEXT=__DATE__ " " __TIME__' -o out main.c`,
		side:   [2]string{"SOURCE_DATE_EPOCH=1700000000", "SOURCE_DATE_EPOCH=1767348000"}, path: "ELF section .rodata",
		kind: difference.Time, try: "SOURCE_DATE_EPOCH",
		mended: [2]string{"SOURCE_DATE_EPOCH=1700000000", "SOURCE_DATE_EPOCH=1700000000"}},
	{name: "a path in a C program", tools: "gcc",
		script: cProgram + `gcc -Wl,--build-id=none -DTEXT=__FILE__ -o out $PWD/main.c`, hints: true,
		path: "ELF section .rodata", kind: difference.Path, try: "-ffile-prefix-map",
		fixed: cProgram + `gcc -Wl,--build-id=none -DTEXT=__FILE__ -ffile-prefix-map=$PWD=. -o out $PWD/main.c`},
	{name: "a path in the debug information of C", tools: "gcc",
		script: cProgram + `gcc -g -Wl,--build-id=none -DTEXT='"x"' -o out main.c`,
		path:   "ELF section .debug_line_str", kind: difference.Path, try: "-ffile-prefix-map",
		fixed: cProgram + `gcc -g -Wl,--build-id=none -DTEXT='"x"' -ffile-prefix-map=$PWD=. -o out main.c`},
	{name: "a build id of the linker", tools: "gcc",
		script: cProgram + `gcc -Wl,--build-id=0x$N -DTEXT='"x"' -o out main.c`,
		side:   [2]string{"N=0102030405060708090a0b0c0d0e0f1011121314", "N=0202030405060708090a0b0c0d0e0f1011121314"},
		path:   "ELF section .note.gnu.build-id",
		kind:   difference.ID, try: "-Wl,--build-id=none",
		fixed: cProgram + `gcc -Wl,--build-id=none -DTEXT='"x"' -o out main.c`},
	{name: "a path in a Go program", tools: "go",
		script: goProgram + `GOFLAGS= go build -buildvcs=false -ldflags=-s -o out .`,
		path:   "ELF section .gopclntab", kind: difference.Path, try: "-trimpath",
		fixed: goProgram + `GOFLAGS= go build -buildvcs=false -ldflags=-s -trimpath -o out .`},
	{name: "-trimpath on one side", tools: "go", script: goProgram + `GOFLAGS= go build -buildvcs=false $F -o out .`,
		side: [2]string{"F=-trimpath", "F="}, path: "Go build info › -trimpath", kind: difference.Path,
		try: "-trimpath", mended: [2]string{"F=-trimpath", "F=-trimpath"}},
	{name: "the commit in a Go program", tools: "go git",
		script: goProgram + `export HOME=$PWD GOCACHE=$CACHE; git init -q .; git add go.mod main.go; ` +
			`git -c user.name=x -c user.email=x@x.example commit -qm x --date=@$AT; ` +
			`GOFLAGS=-buildvcs=true go build -trimpath -o out .`,
		side: [2]string{"AT=1700000000 GIT_COMMITTER_DATE=@1700000000",
			"AT=1700000009 GIT_COMMITTER_DATE=@1700000009"}, path: "Go build info › main module", kind: difference.ID,
		try:   "-buildvcs=false",
		fixed: goProgram + `GOFLAGS= go build -buildvcs=false -trimpath -o out .`},
	{name: "the build id of Go", tools: "go",
		script: goProgram + `GOFLAGS= go build -buildvcs=false -trimpath -ldflags=-buildid=$N -o out .`,
		side:   [2]string{"N=aaaaaaaaaaaaaaaaaaaa", "N=bbbbbbbbbbbbbbbbbbbb"}, path: "ELF section .note.go.buildid",
		kind: difference.ID, try: "-ldflags=-buildid=",
		fixed: goProgram + `GOFLAGS= go build -buildvcs=false -trimpath -ldflags=-buildid= -o out .`},
	{name: "the version of a module in a Go program", tools: "go",
		script: goModules + `GOFLAGS= go build -buildvcs=false -trimpath -o out .`,
		side:   [2]string{"V=v1.0.0", "V=v1.1.0"}, mended: [2]string{"V=v1.0.0", "V=v1.0.0"},
		path: "Go build info › module example.com/dep", kind: difference.Content, try: "go build -mod=readonly"},
	{name: "the link to debug information", tools: "gcc objcopy",
		script: cProgram + `gcc -Wl,--build-id=none -DTEXT='"x"' -o out main.c; printf $N > a.debug; ` +
			`objcopy --add-gnu-debuglink=a.debug out`,
		side: [2]string{"N=1", "N=2"}, mended: [2]string{"N=1", "N=1"}, path: "ELF section .gnu_debuglink",
		kind: difference.ID},
	{name: "a path in a program of Rust", tools: "gcc",
		script: cProgram + `printf '__asm__(".ident \\"rustc version 1.80.0\\"");' >> main.c; ` +
			`gcc -Wl,--build-id=none -DTEXT=__FILE__ -o out $PWD/main.c`,
		path: "ELF section .rodata", kind: difference.Path, try: "--remap-path-prefix",
		fixed: cProgram + `gcc -Wl,--build-id=none -DTEXT=__FILE__ -ffile-prefix-map=$PWD=. -o out $PWD/main.c`},
}

const goProgram = `printf 'module example.com/m\n\ngo 1.24\n' > go.mod; printf 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("x") }\n' > main.go; `

const goModules = `mkdir dep; printf 'module example.com/dep\n\ngo 1.24\n' > dep/go.mod; printf 'package dep\n\nconst X = 1\n' > dep/dep.go; ` +
	`printf "module example.com/m\n\ngo 1.24\n\nrequire example.com/dep $V\n\nreplace example.com/dep => ./dep\n" > go.mod; ` +
	`printf 'package main\n\nimport "example.com/dep"\n\nfunc main() { println(dep.X) }\n' > main.go; `

// run makes one side.
func (m made) run(t *testing.T, dir, vars, script string) []byte {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-ec", script)
	if vars != "" {
		cmd = exec.Command("sh", "-ec", "export "+vars+"\n"+script)
	}
	cmd.Dir = dir
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000", "LC_ALL=C", "TZ=UTC", "CGO_ENABLED=0",
		"CACHE="+strings.TrimSpace(string(cache)))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// needs fails a test for which a program is missing.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Fatalf("%s is needed for this test: make test installs it, as root on Debian", p)
		}
	}
}

// Two builds that differ in one thing are told apart by it, with what mends it; and with that, they are the same.
func TestN04_what_tools_leave_behind_is_named_and_mended(t *testing.T) {
	for _, m := range tools {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			needs(t, strings.Fields(m.tools)...)
			root := t.TempDir()
			dirs := [2]string{filepath.Join(root, "one"), filepath.Join(root, "another")}
			c := difference.Comparison{}
			if m.hints {
				c.Hints.Paths = dirs
			}
			r := compare(t, c, "out", m.run(t, dirs[0], m.side[0], m.script), m.run(t, dirs[1], m.side[1], m.script))
			m.check(t, r)
			script, side := m.fixed, m.side
			if script == "" {
				script = m.script
			}
			if m.mended[0] != "" {
				side = m.mended
			}
			dirs = [2]string{filepath.Join(root, "mended"), filepath.Join(root, "mended-too")}
			if r := compare(t, c, "out", m.run(t, dirs[0], side[0], script), m.run(t, dirs[1], side[1],
				script)); !r.Same {
				t.Errorf("with the fix they still differ: %+v", *r.First)
			}
		})
	}
}

func (m made) check(t *testing.T, r difference.Report) {
	t.Helper()
	if r.Same {
		t.Fatal("they are the same, want one difference")
	}
	f := r.First
	if path := strings.Join(f.Path, " › "); path != "out › "+m.path {
		t.Errorf("path = %q, want %q", path, "out › "+m.path)
	}
	if f.Kind != m.kind {
		t.Errorf("kind = %q, want %q", f.Kind, m.kind)
	}
	if !slices.ContainsFunc(f.Try, func(s string) bool { return strings.Contains(s, m.try) }) && m.try != "" {
		t.Errorf("the fix is %q, want one with %q", f.Try, m.try)
	}
	if f.Certain != true && m.hints {
		t.Error("the folder was known, and the path is told as a guess")
	}
	if t.Failed() {
		b, _ := r.JSON()
		t.Logf("%s", b)
	}
}
