// Package bundlefile finds the Sigstore bundles in files as tools and people
// write them: one bundle, several after each other, and bundles inside of what
// registries and command line tools print.
//
// It reads bytes and nothing else. It refuses to judge a bundle and to repair
// one: what it returns is read again, strictly, by the room that verifies. It
// refuses to guess: a file of which a part is no bundle is none, and is named
// for what it is.
package bundlefile

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// Limits of one file.
const (
	MaxBundleBytes = 16 << 20 // bytes of one bundle
	MaxBundles     = 40_000   // bundles of one file
	maxDepth       = 100      // nesting of its JSON
)

// A Bundle is one bundle of a file.
type Bundle struct {
	JSON  []byte
	Where string // its place in the file, or empty if it is the whole of it
}

// Foreign says what a file is instead of bundles, and the way on.
type Foreign struct {
	Code  fault.Code
	Where string // in the file, or empty
	What  string // a phrase: "a gzip file", "an SBOM (SPDX)"
	Hint  string // the next step, or empty
	Err   error  // what is wrong with the text, or nil
}

// Error says where and what.
func (f *Foreign) Error() string {
	if f.Where == "" {
		return f.What
	}
	return f.Where + ": " + f.What
}

// Unwrap returns what is wrong with the text.
func (f *Foreign) Unwrap() error { return f.Err }

// Read returns the bundles of a file, in order. White space, line ends of any
// kind and byte order marks between them are nothing; a file of nothing else has
// no bundles. Every error is a *Foreign.
func Read(text []byte) ([]Bundle, error) {
	values, err := strictjson.Values(text, maxDepth)
	if err != nil {
		return nil, notJSON(text, err)
	}
	r := reading{}
	for _, v := range values {
		where := ""
		if len(values) > 1 {
			where = fmt.Sprintf("line %d", v.Line)
		}
		if err := r.value(v.Bytes, v.Kind, where); err != nil {
			return nil, err
		}
	}
	return r.found, nil
}

// Name says what b is, if it is something that is known and no bundle.
func Name(b []byte) (what string, known bool) {
	var f *Foreign
	values, err := strictjson.Values(b, maxDepth)
	switch {
	case err != nil:
		f = notJSON(b, err)
		return f.What, f.Err == nil
	case len(values) == 1 && values[0].Kind == strictjson.Object:
		o, err := look(values[0].Bytes)
		if err != nil || o.isBundle() {
			return "", false
		}
		if w, ok := o.wrapper(); ok {
			return w.name, true
		}
		k, known := o.kind()
		return k.what, known
	case len(values) == 1 && values[0].Kind == strictjson.Array:
		if k, known := listKind(values[0].Bytes); known {
			return k.what, true
		}
		return "a list, with a bundle in each element", true
	}
	return "", false
}

// A reading collects the bundles of one file.
type reading struct{ found []Bundle }

func (r *reading) value(b []byte, k strictjson.Kind, where string) error {
	switch k {
	case strictjson.Object:
		return r.object(b, where)
	case strictjson.Array:
		return r.list(b, where)
	}
	return &Foreign{Code: fault.Malformed, Where: where, What: fmt.Sprintf("a JSON %s, no bundle", strictjson.Name(k))}
}

func (r *reading) object(b []byte, where string) error {
	o, err := look(b)
	if err != nil {
		return &Foreign{Code: fault.Malformed, Where: where, What: "a JSON object that cannot be read: " +
			err.Error(), Err: err}
	}
	if o.isBundle() {
		return r.add(b, where)
	}
	if w, ok := o.wrapper(); ok {
		return w.read(r, o, where)
	}
	k, _ := o.kind()
	return &Foreign{Code: fault.Malformed, Where: where, What: k.what, Hint: k.hint}
}

func (r *reading) add(b []byte, where string) error {
	if len(b) > MaxBundleBytes {
		return &Foreign{Code: fault.Limit, Where: where,
			What: fmt.Sprintf("a bundle of %d bytes, at most %d are allowed", len(b), MaxBundleBytes)}
	}
	if len(r.found) == MaxBundles {
		return &Foreign{Code: fault.Limit, What: fmt.Sprintf("more than %d bundles in one file", MaxBundles)}
	}
	r.found = append(r.found, Bundle{b, where})
	return nil
}

// list reads an array: what one tool prints about several attestations, or
// bundles that another has put into one.
func (r *reading) list(b []byte, where string) error {
	if k, known := listKind(b); known {
		return &Foreign{Code: fault.Malformed, Where: where, What: k.what, Hint: k.hint}
	}
	return each(b, func(i int, v []byte, k strictjson.Kind) error {
		return r.value(v, k, join(where, fmt.Sprintf("[%d]", i)))
	})
}

// each calls f for every element of an array.
func each(b []byte, f func(i int, v []byte, k strictjson.Kind) error) error {
	d := strictjson.NewReader(b, maxDepth)
	if err := d.Enter(strictjson.Array, "list"); err != nil {
		return &Foreign{Code: fault.Malformed, What: err.Error(), Err: err}
	}
	for i := 0; ; i++ {
		more, err := d.Element()
		if err != nil || !more {
			return err
		}
		k := d.Peek()
		v, err := d.Skip()
		if err != nil {
			return &Foreign{Code: fault.Malformed, What: err.Error(), Err: err}
		}
		if err := f(i, v, k); err != nil {
			return err
		}
	}
}

// join adds a step to a place: "line 3", "attestations[0]" and "bundle" are
// "line 3, attestations[0].bundle".
func join(where, step string) string {
	switch {
	case strings.HasPrefix(where, "line ") && !strings.Contains(where, ","):
		return where + ", " + step
	case where == "" || strings.HasPrefix(step, "["):
		return where + step
	}
	return where + "." + step
}

// An object is the members of a JSON object that tell what it is.
type object struct {
	members map[string][]byte // of those in telling, their values
	names   []string          // the first of all names
}

// shownNames is how many names a message repeats.
const shownNames = 5

// look goes over an object that was checked before.
func look(b []byte) (object, error) {
	o := object{members: map[string][]byte{}}
	d := strictjson.NewReader(b, maxDepth)
	if err := d.Enter(strictjson.Object, "object"); err != nil {
		return o, err
	}
	for {
		name, more, err := d.Member()
		if err != nil || !more {
			return o, err
		}
		v, err := d.Skip()
		if err != nil {
			return o, err
		}
		if telling[name] {
			o.members[name] = v
		}
		if len(o.names) <= shownNames {
			o.names = append(o.names, name)
		}
	}
}

// has reports whether all names are members, and not null.
func (o object) has(names ...string) bool {
	for _, n := range names {
		if v, ok := o.members[n]; !ok || string(v) == "null" {
			return false
		}
	}
	return true
}

func (o object) begins(name string, c byte) bool {
	return len(o.members[name]) > 0 && o.members[name][0] == c
}

// media is how the media types of bundles begin.
const media = `"application/vnd.dev.sigstore.bundle`

// isBundle reports whether o says that it is a bundle, or has the members of
// one. Whether it is a good one is for the room that verifies.
func (o object) isBundle() bool {
	if bytes.HasPrefix(o.members["mediaType"], []byte(media)) ||
		bytes.HasPrefix(o.members["media_type"], []byte(media)) {
		return true
	}
	material := o.has("verificationMaterial") || o.has("verification_material")
	content := o.has("dsseEnvelope") || o.has("messageSignature") || o.has("dsse_envelope") ||
		o.has("message_signature")
	return material && content
}
