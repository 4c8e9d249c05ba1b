package inventory

import "github.com/sallyport-dev/sallyport/internal/strictjson"

// each is an array of which no element is kept: f reads one.
type each struct {
	f     func(r *strictjson.Reader) error
	given bool // it was there, and was not null
}

// FillFrom reads the array.
func (e *each) FillFrom(r *strictjson.Reader) error {
	e.given = e.given || r.Peek() != strictjson.Null
	if e.f == nil {
		return r.Pass()
	}
	return r.Elements(func() error { return e.f(r) })
}

// texts are an array of texts, or one text.
type texts []string

// FillFrom reads either.
func (t *texts) FillFrom(r *strictjson.Reader) error {
	if r.Peek() == strictjson.String {
		var one string
		err := r.Fill(&one)
		*t = append(*t, one)
		return err
	}
	return r.Elements(func() error {
		var one string
		err := r.Fill(&one)
		*t = append(*t, one)
		return err
	})
}
