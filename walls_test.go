package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/build"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The walls below are about what code means, not about how it is written: they
// read the house with the compiler's own types.

// A checked package is one of our rooms with the types of all that it says.
type checked struct {
	room  string
	path  string
	files []*ast.File
	info  *types.Info
	types *types.Package
}

// An exporter finds what the compiler has kept of packages.
type exporter map[string]string

func (e exporter) open(path string) (io.ReadCloser, error) {
	if e[path] == "" {
		return nil, errors.New("no export data of " + path)
	}
	return os.Open(e[path])
}

// exports asks the go command where export data is, for our packages and all
// that they import.
var exports = sync.OnceValues(func() (exporter, error) {
	out, err := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export", ".", "./internal/...").Output()
	if err != nil {
		return nil, err
	}
	found := exporter{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ ImportPath, Export string }
		if err := d.Decode(&p); err == io.EOF {
			return found, nil
		} else if err != nil {
			return nil, err
		}
		found[p.ImportPath] = p.Export
	}
})

// house type-checks every room.
func house(t *testing.T) (*token.FileSet, []checked) {
	t.Helper()
	fset := token.NewFileSet()
	of := map[string][]*ast.File{}
	for _, s := range sources(t) {
		if here, err := build.Default.MatchFile(filepath.Dir(s.path), filepath.Base(s.path)); s.room == "labtest" || !here || err != nil {
			continue
		}
		f, err := parser.ParseFile(fset, s.path, s.text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		of[s.room] = append(of[s.room], f)
	}
	var all []checked
	for room, files := range of {
		all = append(all, check(t, fset, internal+room, files))
	}
	slices.SortFunc(all, func(a, b checked) int { return strings.Compare(a.room, b.room) })
	return fset, all
}

// check gives files their types.
func check(t *testing.T, fset *token.FileSet, path string, files []*ast.File) checked {
	t.Helper()
	known, err := exports()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: importer.ForCompiler(fset, "gc", known.open)}
	pkg, err := conf.Check(path, fset, files, info)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return checked{filepath.Base(path), path, files, info, pkg}
}

// A place is where code does something, and the function around it.
type place struct{ room, function, at string }

// places walks c and returns the places of the nodes that seen reports, given
// the node and those around it, the nearest last.
func (c checked) places(fset *token.FileSet, seen func(n ast.Node, around []ast.Node) bool) []place {
	var out []place
	for _, f := range c.files {
		var around []ast.Node
		ast.Inspect(f, func(n ast.Node) bool {
			if n == nil {
				around = around[:len(around)-1]
				return true
			}
			if seen(n, around) {
				function := ""
				for _, a := range around {
					if d, ok := a.(*ast.FuncDecl); ok {
						function = d.Name.Name
					}
				}
				out = append(out, place{c.room, function, fset.Position(n.Pos()).String()})
			}
			around = append(around, n)
			return true
		})
	}
	return out
}

// named reports whether t is the named type of a room.
func named(t types.Type, room, name string) bool {
	n, ok := types.Unalias(t).(*types.Named)
	return ok && n.Obj().Name() == name && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == internal+room
}

// pointed returns what t points to, or t.
func pointed(t types.Type) types.Type {
	if p, ok := t.Underlying().(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}

// yeses are the places that make an outcome which allows: by its name or its
// number, or out of a number that is not known here. What is compared makes
// none.
func yeses(fset *token.FileSet, c checked) []place {
	return c.places(fset, func(n ast.Node, around []ast.Node) bool {
		e, ok := n.(ast.Expr)
		if !ok {
			return false
		}
		tv := c.info.Types[e]
		if tv.IsType() || !named(tv.Type, "verdict", "Outcome") {
			return false
		}
		if call, ok := e.(*ast.CallExpr); ok && tv.Value == nil {
			return c.info.Types[call.Fun].IsType()
		}
		return tv.Value != nil && constant.Compare(tv.Value, token.GEQ, constant.MakeInt64(2)) && !compared(e, around)
	})
}

// compared reports whether e, or what it is a part of, is compared and goes no
// further.
func compared(e ast.Expr, around []ast.Node) bool {
	inner := ast.Node(e)
	for i := len(around) - 1; i >= 0; i-- {
		switch x := around[i].(type) {
		case *ast.ParenExpr, *ast.SelectorExpr:
			inner = x
		case *ast.BinaryExpr:
			return x.Op == token.EQL || x.Op == token.NEQ
		case *ast.CaseClause:
			return slices.ContainsFunc(x.List, func(y ast.Expr) bool { return y == inner })
		default:
			return false
		}
	}
	return false
}

// makers are the places that make a value of a type with something in it, or
// make it out of a value of another type.
func makers(fset *token.FileSet, c checked, room, name string) []place {
	return c.places(fset, func(n ast.Node, around []ast.Node) bool {
		switch x := n.(type) {
		case *ast.CompositeLit:
			return len(x.Elts) > 0 && named(pointed(c.info.Types[x].Type), room, name)
		case *ast.CallExpr:
			f := c.info.Types[x.Fun]
			return f.IsType() && named(f.Type, room, name)
		}
		return false
	})
}

// setters are the places that write a field of a value of a type.
func setters(fset *token.FileSet, c checked, room, name string) []place {
	return c.places(fset, func(n ast.Node, around []ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		return ok && slices.ContainsFunc(a.Lhs, func(e ast.Expr) bool {
			s, ok := ast.Unparen(e).(*ast.SelectorExpr)
			if !ok {
				return false
			}
			return named(pointed(c.info.Types[s.X].Type), room, name)
		})
	})
}

// only complains of places that are in none of functions, which are written
// "room function", and of functions that are in no place.
func only(t *testing.T, what string, found []place, functions ...string) {
	t.Helper()
	seen := map[string]bool{}
	for _, p := range found {
		at := strings.TrimSpace(p.room + " " + p.function)
		seen[at], seen[p.room] = true, true
		if !slices.Contains(functions, at) && !slices.Contains(functions, p.room) {
			t.Errorf("%s: %s %s; only %v does", p.at, at, what, functions)
		}
	}
	for _, f := range functions {
		if !seen[f] {
			t.Errorf("nothing in %s %s", f, what)
		}
	}
}

func TestWalls_one_place_says_yes(t *testing.T) {
	fset, all := house(t)
	var yes, findings, facts, changed, modes []place
	for _, c := range all {
		if c.room != "verdict" {
			yes = append(yes, yeses(fset, c)...)
			findings = append(findings, makers(fset, c, "verdict", "Finding")...)
			modes = append(modes, makers(fset, c, "verdict", "Mode")...)
		}
		facts = append(facts, makers(fset, c, "policy", "Fact")...)
		changed = append(changed, setters(fset, c, "policy", "Fact")...)
	}
	only(t, "allows", yes, "policy met")
	only(t, "makes a finding", findings, "policy")
	only(t, "says that an environment is watched", modes, "policy mode")
	only(t, "makes a fact", facts, "gate fact", "policy fact") // the second of what was kept, see below
	only(t, "changes a fact", changed, "gate follow")
	if len(yes) != 1 {
		t.Errorf("%v allow, want one place", yes)
	}
}

// The facts of an input that was kept are not verified again, so nothing reads one but
// the command that judges again and decides nothing.
func TestWalls_an_input_that_was_kept_lets_nothing_in(t *testing.T) {
	fset, all := house(t)
	var readers, callers []place
	for _, c := range all {
		readers = append(readers, usesOf(fset, c, "policy", "ReadInput")...)
		if c.room == "cli" {
			callers = append(callers, usesOf(fset, c, "cli", "kept")...)
		}
	}
	only(t, "reads an input that was kept", readers, "cli kept")
	only(t, "has an input that was kept", callers, "cli explainCommand")
}

// A repository is asked by whoever has a token for it, in a job or not: what a job's variables
// say is for the job alone.
func TestWalls_a_repository_reads_no_variable(t *testing.T) {
	_, all := house(t)
	getenv := types.NewSignatureType(nil, nil, nil, types.NewTuple(types.NewParam(0, nil, "", types.Typ[types.String])),
		types.NewTuple(types.NewParam(0, nil, "", types.Typ[types.String])), false)
	seen := 0
	for _, c := range all {
		if c.room != "github" && c.room != "gitlab" {
			continue
		}
		repo := c.types.Scope().Lookup("Repo").Type().Underlying().(*types.Struct)
		for i := range repo.NumFields() {
			seen++
			if f := repo.Field(i); types.Identical(f.Type(), getenv) {
				t.Errorf("field %s of Repo in %s reads variables", f.Name(), c.room)
			}
		}
	}
	if seen < 10 {
		t.Errorf("%d fields were seen, want those of both rooms", seen)
	}
}

// usesOf are the places that name a function of a room.
func usesOf(fset *token.FileSet, c checked, room, name string) []place {
	return c.places(fset, func(n ast.Node, around []ast.Node) bool {
		i, ok := n.(*ast.Ident)
		if !ok {
			return false
		}
		f, ok := c.info.Uses[i].(*types.Func)
		return ok && f.Name() == name && f.Pkg() != nil && f.Pkg().Path() == internal+room
	})
}

// The walls see each way to say yes, and let pass what only asks.
func TestWalls_a_yes_is_seen(t *testing.T) {
	const head = "package x\nimport v \"" + internal + "verdict\"\nimport p \"" + internal + "policy\"\nvar _ v.Finding\nvar _ p.Fact\n"
	for body, want := range map[string][3]int{
		"var o = v.Allow": {1, 0, 0}, "const c = v.Allow": {1, 0, 0}, "var o v.Outcome = 2": {1, 0, 0}, "var o = v.Outcome(2)": {1, 0, 0}, "func f(n int) v.Outcome { return v.Outcome(n) }": {1, 0, 0},
		"var f = v.Finding{Outcome: v.Allow}": {1, 1, 0}, "var f = []v.Finding{{Code: `x`}}": {0, 1, 0}, "var f = &v.Finding{Reason: `x`}": {0, 1, 0}, "func f() v.Outcome { return v.Allow }": {1, 0, 0},
		"func f(x *v.Finding) { x.Outcome = v.Allow }": {1, 0, 0}, "func f(g func(v.Outcome)) { g(v.Allow) }": {1, 0, 0}, "var m = map[string]v.Outcome{`a`: 2}": {1, 0, 0},
		"type t v.Finding\nfunc f(x t) v.Finding { return v.Finding(x) }": {0, 1, 0}, "func f(o v.Outcome) v.Outcome { return max(o, v.Allow) }": {1, 0, 0},
		"var f = p.Fact{Keyed: true}": {0, 0, 1}, "var f = []*p.Fact{{Keyed: true}}": {0, 0, 1}, "func f(x *p.Fact) { x.Keyed = true }": {0, 0, 1}, "func f(x []p.Fact) { x[0].Keyed = true }": {0, 0, 1},
		"func f(o v.Outcome) bool { return o == v.Allow }": {}, "func f(o v.Outcome) bool { return (v.Allow) != o }": {}, "func f(o v.Outcome) { switch o { case v.Deny, v.Allow: } }": {},
		"var f = v.Finding{}": {}, "var f p.Fact": {}, "func f(x []v.Finding) []v.Finding { return append([]v.Finding(nil), x...) }": {}, "var o = v.Deny": {}, "func f(x p.Fact) bool { return x.Keyed }": {},
	} {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "x.go", head+body, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		c := check(t, fset, "x", []*ast.File{f})
		got := [3]int{min(1, len(yeses(fset, c))), len(makers(fset, c, "verdict", "Finding")), len(makers(fset, c, "policy", "Fact")) + len(setters(fset, c, "policy", "Fact"))}
		if got != want {
			t.Errorf("%s: seen %v, want %v", body, got, want)
		}
	}
}
