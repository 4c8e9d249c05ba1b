package cli

import (
	"reflect"
	"slices"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/inputs"
)

// fieldsOf are the types of the fields of a struct, by the names of their inputs.
func fieldsOf(t *testing.T, s reflect.Type) map[string]reflect.Type {
	t.Helper()
	out := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(s) {
		if f.Anonymous {
			continue
		}
		name := f.Tag.Get("input")
		if _, twice := out[name]; name == "" || twice {
			t.Errorf("field %s of %s names the input %q, want one of its own", f.Name, s, name)
		}
		out[name] = f.Type
	}
	return out
}

// typeOf is the type of the field that holds an input.
func typeOf(in inputs.Input) reflect.Type {
	switch {
	case in.List:
		return reflect.TypeFor[[]string]()
	case in.Kind == inputs.Bool:
		return reflect.TypeFor[bool]()
	default:
		return reflect.TypeFor[string]()
	}
}

// Each input of a command is one field of what the command is told, of the type that the table
// gives it, and each field is an input of the command.
func TestInputs_are_fields_of_what_a_command_is_told(t *testing.T) {
	common := fieldsOf(t, reflect.TypeFor[shared]())
	users := map[string]int{}
	for name, c := range commands {
		component, ok := inputs.Lookup(name)
		if !ok {
			t.Fatalf("command %q has no table of inputs", name)
		}
		own := fieldsOf(t, c.own)
		for _, in := range component.Inputs {
			if in.Secret {
				continue
			}
			f, alone := own[in.Name]
			delete(own, in.Name)
			if s, both := common[in.Name]; both {
				users[in.Name]++
				if alone {
					t.Errorf("%s: input %s is a field of its own, and of shared", name, in.Name)
				}
				f = s
			}
			if f != typeOf(in) {
				t.Errorf("%s: the field of input %s is a %v, want a %v", name, in.Name, f, typeOf(in))
			}
		}
		for field := range own {
			t.Errorf("%s has no input %q, which is a field of %s", name, field, c.own)
		}
	}
	for field := range common {
		if users[field] < 2 {
			t.Errorf("%d commands have the input %q, which is shared", users[field], field)
		}
	}
}

func TestInputs_fill_the_fields_of_embedded_structs(t *testing.T) {
	var in approveInputs
	(&run{values: map[string][]string{"reason": {"hotfix"}, "resume": {"true"}}}).fill(&in)
	if in.Reason != "hotfix" || !in.Resume || in.BreakGlass {
		t.Errorf("filled %+v, want the reason and resume", in)
	}
}

// A name that is misspelt would guard nothing.
func TestInputs_that_are_guarded_are_paths_of_a_command(t *testing.T) {
	paths := map[string]bool{}
	for _, c := range inputs.All() {
		for _, in := range c.Inputs {
			paths[in.Name] = paths[in.Name] || in.Kind == inputs.Path
		}
	}
	for _, name := range slices.Concat(writtenInputs, readInputs) {
		if !paths[name] {
			t.Errorf("no command has an input %q that is a path", name)
		}
	}
}
