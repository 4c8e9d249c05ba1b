package attest

import (
	"maps"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// Record makes the inputs that a provenance may name: all names of given, and
// the values of those that are listed. A value that is, or holds, something that
// looks like a secret stays out whatever is listed, because a log keeps it for
// ever; left lists the names of those, sorted. secrets are values that are known
// to be secret.
func Record(given map[string]string, listed, secrets []string) (in statement.Inputs, left []string, err error) {
	if len(given) > statement.MaxInputs {
		return nil, nil, fault.New(fault.Refused, fault.Limit, "", "the run was given %d inputs, at most %d are recorded", len(given), statement.MaxInputs)
	}
	in = statement.Inputs{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if len(name) > statement.MaxInputBytes {
			return nil, nil, fault.New(fault.Refused, fault.Limit, "", "an input has a name of %d bytes, at most %d are recorded", len(name), statement.MaxInputBytes)
		}
		in[name] = nil
		if !slices.Contains(listed, name) {
			continue
		}
		v := given[name]
		if secret(name, v, secrets) || len(v) > statement.MaxInputBytes {
			left = append(left, name)
			continue
		}
		in[name] = &v
	}
	return in, left, nil
}
