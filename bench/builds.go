package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	buildRounds = 5   // a build takes seconds
	tenth       = 1.1 // what a build that compiles something may cost beside the same without the recorder
)

// build is one that is measured as it is, and under the recorder.
type build struct {
	what  string
	aim   float64 // 0: none, because it compiles nothing
	clean string  // what is removed before each run, below its directory
	command
}

// builds measures builds beside the same builds by "sallyport run", which records them and writes the manifest.
func (b *bench) builds() error {
	for _, of := range []func() (build, error){b.coldGo, b.c, b.typescript, b.warmGo} {
		x, err := of()
		if err != nil {
			return err
		}
		if x.clean != "" {
			x.before = func() error { return os.RemoveAll(filepath.Join(x.dir, x.clean)) }
		}
		recorded := x.command
		recorded.args = append(
			[]string{b.bin("sallyport"), "run", "--quiet", "--record", b.path("record.json"), "--"},
			x.args...)
		u, err := compare(buildRounds, recorded, x.command)
		if err != nil {
			return err
		}
		events, err := events(b.path("record.json"))
		if err != nil {
			return err
		}
		against := "without the recorder"
		what := fmt.Sprintf("recorded: %s, %s, CPU", x.what, events)
		if x.aim != 0 {
			b.table.ratio(what, u[0].cpu, u[1].cpu, x.aim, against)
		} else {
			b.table.fact(what, span(u[0].cpu), fmt.Sprintf("%s %s, ratio %.2f", against, span(u[1].cpu), float64(u[0].cpu)/float64(u[1].cpu)))
		}
		b.table.fact(
			"the same, wall",
			span(u[0].wall),
			fmt.Sprintf("%s %s, ratio %.2f", against, span(u[1].wall), float64(u[0].wall)/float64(u[1].wall)),
		)
	}
	return nil
}

// coldGo compiles a program and what it needs of the standard library.
func (b *bench) coldGo() (build, error) {
	dir := b.path("build-go")
	err := writeAll(dir, map[string]string{
		"go.mod":  "module bench\n\ngo 1.26\n",
		"main.go": "package main\n\nimport (\n\t\"encoding/json\"\n\t\"os\"\n)\n\nfunc main() { _ = json.NewEncoder(os.Stdout).Encode(os.Args) }\n",
	})
	env := append(os.Environ(), "GOCACHE="+filepath.Join(dir, "cache"), "GOFLAGS=-trimpath", "CGO_ENABLED=0")
	return build{
		what:    "go build with an empty cache",
		aim:     tenth,
		clean:   "cache",
		command: command{dir: dir, env: env, args: []string{"go", "build", "-o", "out", "."}},
	}, err
}

// warmGo finds out that nothing has to be compiled: nearly all of it is opening files.
func (b *bench) warmGo() (build, error) {
	dir, err := os.Getwd()
	return build{
		what: "go build with nothing to compile",
		command: command{dir: dir, env: append(os.Environ(), "GOFLAGS=-trimpath", "CGO_ENABLED=0"),
			args: []string{"go", "build", "./internal/cli"}},
	}, err
}

// c compiles 60 files, each with headers of the C library, and links them.
func (b *bench) c() (build, error) {
	const count = 60
	files := map[string]string{
		"Makefile": "out/all: $(patsubst %.c,out/%.o,$(wildcard *.c))\n\tgcc -o $@ $^\n" +
			"out/%.o: %.c\n\t@mkdir -p out\n\tgcc -O2 -c -o $@ $<\n",
	}
	call := ""
	for i := range count {
		var f strings.Builder
		f.WriteString("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <math.h>\n" +
			"#include <unistd.h>\n#include \"all.h\"\n")
		for k := range 40 {
			fmt.Fprintf(&f, "static int g%d(char *s, int n) { for (int i = 0; i < n; i++) "+
				"s[i] = (char)(s[i] * %d + strlen(s)); return printf(\"%%s\", s); }\n", k, k+i)
		}
		fmt.Fprintf(&f, "int f%d(char *s) { return 0", i)
		for k := range 40 {
			fmt.Fprintf(&f, " + g%d(s, %d)", k, k)
		}
		fmt.Fprint(&f, "; }\n")
		files[fmt.Sprintf("f%d.c", i)] = f.String()
		files["all.h"] += fmt.Sprintf("int f%d(char *);\n", i)
		call += fmt.Sprintf(" + f%d(v[0])", i)
	}
	files["main.c"] = "#include \"all.h\"\nint main(int c, char **v) { return c" + call + "; }\n"
	dir := b.path("build-c")
	x := build{
		what:    fmt.Sprintf("make -j2 of %d C files", count+1),
		aim:     tenth,
		clean:   "out",
		command: command{dir: dir, args: []string{"make", "-s", "-j2"}},
	}
	return x, writeAll(dir, files)
}

// typescript compiles a hundred modules.
func (b *bench) typescript() (build, error) {
	const count = 100
	dir := b.path("build-typescript")
	files := map[string]string{
		"tsconfig.json": `{"compilerOptions":{"strict":true,"target":"es2022","module":"node16","declaration":true,` +
			`"outDir":"out","rootDir":"src","types":[]},"include":["src"]}`,
	}
	for i := range count {
		files[fmt.Sprintf("src/m%d.ts", i)] = fmt.Sprintf(
			"export interface T%d { name: string; of: Map<string, number[]> }\nexport function f%d(t: T%d): number {\n"+
				"  return [...t.of.values()].flat().filter((n) => n > %d)"+
				".map((n) => n * 2).reduce((a, b) => a + b, 0);\n}\n",
			i, i, i, i,
		)
		files["src/all.ts"] += fmt.Sprintf("export * from \"./m%d.js\";\n", i)
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join("bench", "typescript", name))
		if err != nil {
			return build{}, err
		}
		files[name] = string(text)
	}
	if err := writeAll(dir, files); err != nil {
		return build{}, err
	}
	x := build{
		what:    "tsc of a hundred modules",
		aim:     tenth,
		clean:   "out",
		command: command{dir: dir, args: []string{"node", "node_modules/typescript/bin/tsc", "-p", "."}},
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err == nil {
		return x, nil
	}
	npm := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
	npm.Dir, npm.Stderr = dir, os.Stderr
	return x, npm.Run()
}

func writeAll(dir string, files map[string]string) error {
	var all error
	for name, text := range files {
		to := filepath.Join(dir, name)
		all = errors.Join(all, os.MkdirAll(filepath.Dir(to), 0o750), os.WriteFile(to, []byte(text), 0o600))
	}
	return all
}

// events is how many calls of the last build were looked at.
func events(manifest string) (string, error) {
	var m struct {
		Observation struct {
			Method, Reason string
			Events         int
		}
	}
	text, err := os.ReadFile(manifest)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err == nil && m.Observation.Events == 0 {
		err = fmt.Errorf("nothing was watched: %s", m.Observation.Reason)
	}
	return fmt.Sprintf("%d calls", m.Observation.Events), err
}
