//go:build linux && amd64

package record_test

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/record"
)

// A build is one that people run, and what it makes.
type build struct {
	name, needs string
	files       map[string]string
	script      string
	env         []string
	outputs     []string
	programs    []string // each is at the end of the path of a program that is recorded
	cut         bool     // without a network, because it listens on one
}

var builds = []build{
	{
		name: "a Go program, with an empty cache", needs: "go",
		files:   map[string]string{"go.mod": "module x\ngo 1.26\n", "main.go": "package main\n\nfunc main() { println(\"x\") }\n"},
		script:  "go build -trimpath -o out .",
		env:     []string{"GOCACHE=$TMP/cache", "GOTOOLCHAIN=local", "GOFLAGS=", "GOTELEMETRY=off", "CGO_ENABLED=0"},
		outputs: []string{"out"}, programs: []string{"/go", "/compile", "/link", "/asm"},
	},
	{
		name: "a C program, by make with two jobs", needs: "make",
		files: map[string]string{
			"Makefile": "out: a.o b.o c.o\n\tgcc -o $@ $^\n%.o: %.c x.h\n\tgcc -O1 -g -ffile-prefix-map=$(CURDIR)=. -c -o $@ $<\n",
			"x.h":      "int f(int);\n", "a.c": "#include \"x.h\"\n#include <stdio.h>\nint main() { printf(\"%d\\n\", f(1)); return 0; }\n",
			"b.c": "#include \"x.h\"\nint g(int); int f(int i) { return g(i); }\n", "c.c": "#include <stdlib.h>\nint g(int i) { return abs(i); }\n",
		},
		script: "make -j2 -s && ./out > said", outputs: []string{"out", "said"}, programs: []string{"/make", "/cc1", "-as", "-ld.bfd", "/out"},
	},
	{
		name: "a script of npm", needs: "npm",
		files: map[string]string{
			"package.json": `{"name":"x","version":"1.0.0","scripts":{"build":"node build.js && echo done > second"}}`,
			"build.js":     `const fs=require("fs"),cp=require("child_process");fs.writeFileSync("out",cp.execFileSync("sort",["in"]));new (require("worker_threads").Worker)("require('fs').readFileSync('in')",{eval:true})`,
			"in":           "b\na\n",
		},
		script: "npm run --silent build", env: []string{"npm_config_cache=$TMP/npm", "npm_config_update_notifier=false"},
		outputs: []string{"out", "second"}, programs: []string{"/node", "/sort"},
	},
	{
		name: "a shell with pipes and jobs", needs: "bash",
		files:   map[string]string{"in": strings.Repeat("b\na\n", 1000)},
		script:  "sort in | uniq -c | tee out | wc -l > count; (sleep 0.01; echo late > job) & for i in $(seq 20); do cat <(echo $i) in | md5sum; done > sums; wait; tar cf - in | tar tf - > list",
		outputs: []string{"out", "count", "job", "sums", "list"}, programs: []string{"/sort", "/uniq", "/tar"},
	},
}

func TestRecord_builds_make_the_same_under_the_recorder(t *testing.T) {
	t.Parallel()
	for _, b := range builds {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(b.needs); err != nil {
				t.Fatalf("%s is needed for this test: %v", b.needs, err)
			}
			bare, want := b.prepare(t)
			c := exec.Command("/bin/bash", "-c", b.script)
			c.Dir, c.Env = bare.Dir, bare.Env
			if out, err := c.CombinedOutput(); err != nil {
				t.Fatalf("without the recorder: %v\n%s", err, out)
			}
			recorded, got := b.prepare(t)
			recorded.Cut = b.cut
			r := run(t, recorded)
			if r.Exit != 0 {
				t.Fatalf("exit %d: %s", r.Exit, r.out)
			}
			r.clean(t)
			if want, got := want(), got(); !maps.Equal(want, got) {
				t.Errorf("the recorder changes what is made: %v, want %v", got, want)
			}
			for _, p := range b.programs {
				if !slices.ContainsFunc(r.Programs, func(x record.Program) bool { return strings.HasSuffix(x.Path, p) }) {
					t.Errorf("%s is not among %d programs", p, len(r.Programs))
				}
			}
			for name := range b.files {
				if f := r.file(t, filepath.Join(recorded.Dir, name)); f.State != record.Certain || f.Use&record.Read == 0 {
					t.Errorf("got %+v", f)
				}
			}
		})
	}
}

// prepare writes the files of a build. made are the digests of what it has made, by name.
func (b *build) prepare(t *testing.T) (o record.Options, made func() map[string]string) {
	t.Helper()
	tmp := t.TempDir()
	dir := prepared(t, b.files)
	env := slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "MAKE") })
	for _, v := range b.env {
		env = append(env, strings.ReplaceAll(v, "$TMP", tmp))
	}
	o = record.Options{Command: []string{"/bin/bash", "-c", b.script}, Dir: dir, Env: env}
	return o, func() map[string]string {
		all := map[string]string{}
		_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, _ error) error {
			name := strings.TrimPrefix(path, dir+"/")
			if slices.Contains(b.outputs, name) {
				text, _ := os.ReadFile(path)
				all[name] = digest(string(text))
			}
			return nil
		})
		if len(all) != len(b.outputs) {
			t.Errorf("made %v, want %v", all, b.outputs)
		}
		return all
	}
}
