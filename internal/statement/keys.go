package statement

import (
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// Keys returns the names of the members of one JSON object, in order. It is
// for objects whose members a policy has to know by name. Every error has code
// E_MALFORMED.
func Keys(b []byte) ([]string, error) {
	if err := object(b, "object"); err != nil {
		return nil, err
	}
	r := strictjson.NewReader(b, MaxDepth)
	if err := r.Enter(strictjson.Object, "object"); err != nil {
		return nil, err
	}
	var keys []string
	for {
		name, more, err := r.Member()
		if err != nil || !more {
			return keys, err
		}
		if _, err := r.Value(); err != nil {
			return nil, err
		}
		keys = append(keys, name)
	}
}

// object accepts b if it is one strict JSON object of the size that a statement
// may have.
func object(b []byte, what string) error {
	if len(b) > MaxBytes {
		return fault.New(fault.Refused, fault.Limit, "", "%s has %d bytes, at most %d are allowed", what, len(b),
			MaxBytes)
	}
	return strictjson.CheckObject(b, MaxDepth, what)
}
