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
