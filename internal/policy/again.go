package policy

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/dialect"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// repeats reports whether f says nothing that evidence among seen did not say
// already: a build that was run again for the same commit attests the same bytes
// anew. The earlier evidence has to stand and to meet its requirement by itself.
// Only provenance repeats: a newer scan is a newer answer.
func (k *approvalCheck) repeats(f Fact, seen []subject.Digest) bool {
	return slices.ContainsFunc(k.all, func(e Fact) bool {
		r, _ := k.in.run(e.Signer.Run)
		return slices.Contains(seen, e.StatementHash) && r.Why == "" && !e.Time.IsZero() && !e.Time.After(f.Time) &&
			alike(e, f)
	})
}

// alike reports whether two facts are the same provenance by the same signer for
// the same commit, of two runs.
func alike(e, f Fact) bool {
	a, b := e.Signer, f.Signer
	a.Run, b.Run = "", ""
	return a == b && a.Commit != "" && !e.Keyed && !f.Keyed && e.image() == f.image() &&
		(e.Via == nil) == (f.Via == nil) && dialect.IsProvenance(e.Statement.PredicateType) && e.Statement.PredicateType == f.Statement.PredicateType &&
		sameBuild(e.Statement.Predicate, f.Statement.Predicate)
}

// ofTheRun are members of a provenance that tell which run and which machine it
// was, and nothing about what was built (SLSA provenance v1 and v0.2, and what our
// own attest writes under internalParameters).
var ofTheRun = [][]string{
	{"runDetails"}, {"metadata"}, {"builder"},
	{"buildDefinition", "internalParameters", "job"}, {"buildDefinition", "internalParameters", "name"},
	{"buildDefinition", "internalParameters", "executor"}, {"buildDefinition", "internalParameters", "architecture"},
}

// sameBuild reports whether two provenances differ in nothing but ofTheRun.
func sameBuild(a, b []byte) bool {
	x, ok := build(a)
	y, ok2 := build(b)
	return ok && ok2 && reflect.DeepEqual(x, y)
}

func build(predicate []byte) (map[string]any, bool) {
	d := json.NewDecoder(bytes.NewReader(predicate))
	d.UseNumber()
	var out map[string]any
	if d.Decode(&out) != nil || out == nil {
		return nil, false
	}
	for _, path := range ofTheRun {
		at := out
		for _, name := range path[:len(path)-1] {
			at, _ = at[name].(map[string]any)
		}
		delete(at, path[len(path)-1])
	}
	return out, true
}
