package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// A kind that no policy file can name would be judged and never be required.
func TestD01_each_kind_of_evidence_is_in_the_table_that_the_policy_file_is_read_by(t *testing.T) {
	var of, read []string
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if m, ok := d.(*ast.FuncDecl); ok && m.Name.Name == "title" && m.Recv != nil {
				of = append(of, m.Recv.List[0].Type.(*ast.Ident).Name)
			}
		}
	}
	read = append(read, "support") // what one of them looks at besides
	for _, k := range kinds {
		read = append(read, reflect.TypeOf(k.read(nil, k.name, nil)).Name())
	}
	slices.Sort(of)
	slices.Sort(read)
	if !slices.Equal(read, of) {
		t.Errorf("the table reads %v, and these are kinds: %v", read, of)
	}
}
