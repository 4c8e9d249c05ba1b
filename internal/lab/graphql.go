package lab

import (
	_ "embed" // the schemas
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

//go:embed graphql/github.graphql
var gitHubGraph string

//go:embed graphql/gitlab.graphql
var gitLabGraph string

// A graph answers GraphQL queries. A query that its schema does not allow is an
// error for the client and a violation of the contract, as is an answer of the
// toy that the schema does not allow.
type graph struct {
	schema   func() *ast.Schema
	contract *contract
	refusal  func(reason string) object // how a query that is not valid is answered
}

func newGraph(name, schema string, c *contract, refusal func(string) object) *graph {
	return &graph{contract: c, refusal: refusal, schema: sync.OnceValue(func() *ast.Schema {
		return gqlparser.MustLoadSchema(&ast.Source{Name: name, Input: schema})
	})}
}

// A resolver gives a field's value for its arguments. With an error the value
// counts as well.
type resolver func(args map[string]any) (any, error)

// A graphError is one that has fields besides its message.
type graphError struct {
	message string
	fields  object
}

// Error returns the message.
func (e graphError) Error() string { return e.message }

// serve answers a query over root, whose fields are those of the type Query.
func (g *graph) serve(w http.ResponseWriter, r *http.Request, root object) {
	var in struct {
		Query     string         `json:"query"`
		Variables map[string]any `json:"variables"`
	}
	if err := readJSON(r, &in); err != nil {
		g.contract.record("request", r, err)
		writeJSON(w, http.StatusBadRequest, object{"message": err.Error()})
		return
	}
	doc, problems := gqlparser.LoadQueryWithRules(g.schema(), in.Query, rules.NewDefaultRules())
	if len(problems) > 0 {
		g.contract.record("request", r, problems)
		writeJSON(w, http.StatusOK, object{"errors": []object{g.refusal(problems.Error())}})
		return
	}
	variables, err := validator.VariableValues(g.schema(), doc.Operations[0], in.Variables)
	if err != nil {
		g.contract.record("request", r, err)
		writeJSON(w, http.StatusOK, object{"errors": []object{g.refusal(err.Error())}})
		return
	}
	x := &execution{schema: g.schema(), variables: variables, broken: func(err error) { g.contract.record("response", r, err) }}
	data := x.object(doc.Operations[0].SelectionSet, root, nil)
	out := object{"data": data}
	if len(x.errors) > 0 {
		out["errors"] = x.errors
	}
	writeJSON(w, http.StatusOK, out)
}

// An execution is one query being answered.
type execution struct {
	schema    *ast.Schema
	variables map[string]any
	errors    []object
	broken    func(error)
}

// object selects fields of o.
func (x *execution) object(set ast.SelectionSet, o object, path []any) object {
	out := object{}
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			out[s.Alias] = x.field(s, o, append(slices.Clone(path), s.Alias))
		case *ast.InlineFragment:
			x.fragment(s.TypeCondition, s.SelectionSet, o, path, out)
		case *ast.FragmentSpread:
			x.fragment(s.Definition.TypeCondition, s.Definition.SelectionSet, o, path, out)
		}
	}
	return out
}

// fragment adds what a fragment selects, if o is of its type.
func (x *execution) fragment(on string, set ast.SelectionSet, o object, path []any, out object) {
	is := text(o["__typename"])
	fits := on == "" || on == is || slices.ContainsFunc(x.schema.PossibleTypes[on], func(d *ast.Definition) bool { return d.Name == is })
	if !fits {
		return
	}
	for name, v := range x.object(set, o, path) {
		out[name] = v
	}
}

func (x *execution) field(f *ast.Field, o object, path []any) any {
	v, ok := o[f.Name]
	if f.Name == "__typename" && !ok {
		v, ok = f.ObjectDefinition.Name, true
	}
	if !ok {
		x.broken(fmt.Errorf("the toy has no %s of a %s", f.Name, f.ObjectDefinition.Name))
		return nil
	}
	if r, ok := v.(resolver); ok {
		var err error
		if v, err = r(f.ArgumentMap(x.variables)); err != nil {
			x.fail(err, path)
		}
	}
	return x.complete(f, f.Definition.Type, v, path)
}

// complete makes what the schema promises of a value.
func (x *execution) complete(f *ast.Field, t *ast.Type, v any, path []any) any {
	if o, ok := v.(object); ok && o == nil {
		v = nil
	}
	if v == nil {
		if t.NonNull {
			x.broken(fmt.Errorf("%v is null, want %s", path, t))
		}
		return nil
	}
	if t.Elem != nil {
		all, ok := v.([]object)
		if !ok {
			x.broken(fmt.Errorf("%v is a %T, want %s", path, v, t))
			return nil
		}
		out := []any{}
		for i, e := range all {
			out = append(out, x.complete(f, t.Elem, e, append(slices.Clone(path), i)))
		}
		return out
	}
	if o, ok := v.(object); ok {
		return x.object(f.SelectionSet, o, path)
	}
	return v
}

// fail adds an error. One that says that the question is too large is a violation
// as well: no client should ask it.
func (x *execution) fail(err error, path []any) {
	e := object{"message": err.Error(), "path": path}
	var g graphError
	if errors.As(err, &g) {
		e = with(e, g.fields)
	}
	if e["type"] == "ARGUMENT_LIMIT" || e["type"] == "EXCESSIVE_PAGINATION" {
		x.broken(err)
	}
	x.errors = append(x.errors, e)
}

// maxNodes is the longest page of a connection on both platforms.
const maxNodes = 100

// connection answers the first so many of all. most is how many it answers where
// nobody says how many; 0 is that somebody has to.
func connection(all []object, most int) resolver {
	return func(args map[string]any) (any, error) {
		n := int64(most)
		if v, ok := args["first"]; ok && v != nil {
			n = number(v)
		}
		if n < 1 || n > maxNodes {
			return nil, graphError{fmt.Sprintf("first is %d, want 1 to %d", n, maxNodes), object{"type": "EXCESSIVE_PAGINATION"}}
		}
		page := all[:min(int(n), len(all))]
		return object{
			"nodes": append([]object{}, page...), "totalCount": len(all),
			"pageInfo": object{"hasNextPage": len(page) < len(all), "endCursor": nil},
		}, nil
	}
}

func listed(v any) []string {
	var out []string
	for _, e := range v.([]any) {
		out = append(out, fmt.Sprint(e))
	}
	return out
}
