package cli

import (
	"cmp"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// explainCommand judges again what a verdict is about, from the input that was kept,
// and shows what that comes to. It asks nobody. What it shows is its own verdict and
// never the texts of the file.
func explainCommand(r *run, _ struct{}) (answer, error) {
	path := r.in.Verdict
	raw, err := content(path, report.MaxRecordBytes)
	if err != nil {
		return answer{}, err
	}
	said, err := report.ReadRecord(raw)
	if err != nil {
		return answer{}, err
	}
	if said.Rules == 0 || said.Input == nil || said.Core == nil {
		return answer{}, usage(
			"the verdict %q names no input: it is of an older version, or of a verification without a policy", path)
	}
	if err := policy.KnowsRules(said.Rules); err != nil {
		return answer{}, fmt.Errorf("the verdict %q: %w", path, err)
	}
	in, err := r.kept(*said.Input)
	if err != nil {
		return answer{}, err
	}
	v := policy.Evaluate(in)
	if err := differing(&said, v, &in); err != nil {
		return answer{}, err
	}
	return done, r.explained(said, v, &in)
}

// kept reads the input that has a digest.
func (r *run) kept(digest subject.Digest) (policy.Input, error) {
	path := cmp.Or(r.in.Input, filepath.Join(filepath.Dir(r.in.Verdict), inputs.InputName))
	raw, err := content(path, policy.MaxInputBytes)
	if err != nil {
		return policy.Input{}, err
	}
	if got := subject.Sum(raw); got != digest {
		return policy.Input{}, fault.New(fault.Refused, fault.Replay, "give the input that was kept with this verdict",
			"the input %q has digest %s, and the verdict names %s", path, got, digest)
	}
	return policy.ReadInput(raw)
}

// explained shows what was judged again. The run and the trusted roots do not follow
// from the input, so they are not shown.
func (r *run) explained(said report.Record, v verdict.Verdict, in *policy.Input) error {
	rec := report.NewRecord("sallyport "+r.Version, v)
	rec.Policy = &report.Policy{Digest: in.Policy.Digest}
	if said.Policy != nil {
		rec.Policy.File = said.Policy.File
	}
	rec.Rules, rec.Input, rec.Core = said.Rules, said.Input, said.Core
	rec.Stamp(in.Now)
	if err := r.print(rec); err != nil || r.in.Format != "text" {
		return err
	}
	_, err := fmt.Fprintf(r.Stdout, "judged again: the same\n")
	return err
}

// differing says what of the verdict is not what its input leads to.
func differing(said *report.Record, v verdict.Verdict, in *policy.Input) error {
	again, claimed := policy.NewCore(in, v, *said.Input), policy.NewCore(in, said.Verdict, *said.Input)
	digest, err := again.Digest()
	if err != nil {
		return err
	}
	claimed.Environment, claimed.Outcome = said.Environment, said.Outcome.String()
	at := in.Now.UTC().Format(time.RFC3339)
	if said.Policy != nil {
		claimed.Policy = said.Policy.Digest
	}
	what, was, is := firstOther(reflect.ValueOf(claimed), reflect.ValueOf(again), "")
	switch {
	case what != "":
	case said.At != at:
		what, was, is = "time", said.At, at
	case *said.Core != digest:
		what, was, is = "core", said.Core.String(), digest.String()
	default:
		return nil
	}
	return fault.New(fault.Refused, fault.Replay,
		"find out who changed the verdict after it was written, or which program wrote it",
		"%s differs: the verdict says %q, and judged again it is %q", what, was, is)
}

// firstOther returns the first place where two values of one type differ, and what is
// there; or "".
func firstOther(a, b reflect.Value, at string) (what, was, is string) {
	if _, text := a.Interface().(fmt.Stringer); !text && a.Kind() == reflect.Struct {
		for i := range a.NumField() {
			name := strings.ToLower(a.Type().Field(i).Name)
			if what, was, is = firstOther(a.Field(i), b.Field(i), strings.TrimPrefix(at+" "+name, " ")); what != "" {
				return what, was, is
			}
		}
		return "", "", ""
	}
	if a.Kind() == reflect.Slice {
		for i := range min(a.Len(), b.Len()) {
			if what, was, is = firstOther(a.Index(i), b.Index(i), fmt.Sprintf("%s %d", at, i+1)); what != "" {
				return what, was, is
			}
		}
		a, b, at = reflect.ValueOf(a.Len()), reflect.ValueOf(b.Len()), "the number of "+at
	}
	if was, is = fmt.Sprint(a), fmt.Sprint(b); was != is {
		return at, was, is
	}
	return "", "", ""
}
