package policy

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// A Claim is what a document says that an input leads to.
type Claim struct {
	Input, Core subject.Digest
	Policy      *subject.Digest // nil: the document names none
	Environment string
	Outcome     string
	At          string // the time that ages were counted from, RFC 3339, UTC
	Verdict     verdict.Verdict
}

// Again judges an input again, and says what of a claim is not what it leads to.
func Again(in *Input, said Claim) (verdict.Verdict, error) {
	v := Evaluate(*in)
	again, claimed := NewCore(in, v, said.Input), NewCore(in, said.Verdict, said.Input)
	digest, err := again.Digest()
	if err != nil {
		return v, err
	}
	claimed.Environment, claimed.Outcome = said.Environment, said.Outcome
	at := in.Now.UTC().Format(time.RFC3339)
	if said.Policy != nil {
		claimed.Policy = *said.Policy
	}
	what, was, is := firstOther(reflect.ValueOf(claimed), reflect.ValueOf(again), "")
	switch {
	case what != "":
	case said.At != at:
		what, was, is = "time", said.At, at
	case said.Core != digest:
		what, was, is = "core", said.Core.String(), digest.String()
	default:
		return v, nil
	}
	return v, fault.New(fault.Refused, fault.Replay,
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
