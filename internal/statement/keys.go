package statement

// Keys returns the names of the members of one JSON object, in order. It is
// for objects whose members a policy has to know by name. Every error has code
// E_MALFORMED.
func Keys(b []byte) ([]string, error) {
	if err := object(b, "object"); err != nil {
		return nil, err
	}
	r := newReader(b, MaxDepth)
	if err := r.enter('{', "object"); err != nil {
		return nil, err
	}
	var keys []string
	for {
		name, more, err := r.member()
		if err != nil || !more {
			return keys, err
		}
		if _, err := r.value(); err != nil {
			return nil, err
		}
		keys = append(keys, name)
	}
}
