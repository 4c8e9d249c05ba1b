package bundlefile

import (
	"bytes"
	"fmt"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// A wrapper is a form in which a tool hands over bundles inside of something
// else.
type wrapper struct {
	name string // a phrase, with the member that holds a bundle
	is   func(o object) bool
	read func(r *reading, o object, where string) error
}

// wrapper returns the form that o has.
func (o object) wrapper() (wrapper, bool) {
	for _, w := range wrappers() {
		if w.is(o) {
			return w, true
		}
	}
	return wrapper{}, false
}

// wrappers are the forms that are read.
func wrappers() []wrapper {
	return []wrapper{
		{
			name: "an attestation of PyPI (PEP 740), a bundle in another form",
			is:   func(o object) bool { return o.begins("verification_material", '{') && o.begins("envelope", '{') },
			read: func(r *reading, o object, where string) error { return r.pep740(o, where) },
		},
		{
			name: "an answer of PyPI's integrity API, with attestations in attestation_bundles[].attestations[]",
			is:   func(o object) bool { return o.begins("attestation_bundles", '[') },
			read: func(r *reading, o object, where string) error {
				return r.members(o, where, "attestation_bundles", "attestations")
			},
		},
		{
			name: "a list of a registry or platform, with bundles in attestations[].bundle",
			is:   func(o object) bool { return o.begins("attestations", '[') },
			read: func(r *reading, o object, where string) error {
				return r.all(o.members["attestations"], join(where, "attestations"))
			},
		},
		{
			name: "a list of a registry or platform, with the bundle in bundle",
			is:   func(o object) bool { return o.begins("bundle", '{') },
			read: func(r *reading, o object, where string) error {
				return r.object(o.members["bundle"], join(where, "bundle"))
			},
		},
		{
			name: "the output of gh attestation verify, with the bundle in attestation.bundle",
			is:   func(o object) bool { return o.begins("attestation", '{') },
			read: func(r *reading, o object, where string) error {
				return r.object(o.members["attestation"], join(where, "attestation"))
			},
		},
		{
			name: "an entry of a registry or platform without its bundle",
			is:   func(o object) bool { return o.has("bundle_url") },
			read: func(_ *reading, _ object, where string) error {
				return &Foreign{Code: fault.Malformed, Where: where,
					What: "no bundle, only the address of one (bundle_url)",
					Hint: "gh attestation download fetches the bundles themselves"}
			},
		},
	}
}

// members reads the lists that one member of each element of a list holds.
func (r *reading) members(o object, where, list, member string) error {
	return each(o.members[list], func(i int, v []byte, k strictjson.Kind) error {
		at := join(where, fmt.Sprintf("%s[%d]", list, i))
		if k != strictjson.Object {
			return &Foreign{Code: fault.Malformed, Where: at,
				What: fmt.Sprintf("a JSON %s, want object", strictjson.Name(k))}
		}
		in, err := look(v)
		if err != nil || !in.begins(member, '[') {
			return &Foreign{Code: fault.Malformed, Where: at, What: fmt.Sprintf("it has no list %q", member), Err: err}
		}
		return r.all(in.members[member], join(at, member))
	})
}

// all reads every element of a list.
func (r *reading) all(list []byte, where string) error {
	return each(list, func(i int, v []byte, k strictjson.Kind) error {
		return r.value(v, k, where+fmt.Sprintf("[%d]", i))
	})
}

// pep740 writes a bundle of version 0.3 from an attestation of PyPI
// (PEP 740, attestation objects). The two have the same parts: values are taken
// over as they are written, so that the strict reader of bundles judges their
// spelling.
func (r *reading) pep740(o object, where string) error {
	bad := func(format string, args ...any) error {
		return &Foreign{Code: fault.Malformed, Where: where, What: "an attestation of PyPI (PEP 740) " +
			fault.Text(format, args...)}
	}
	if v := o.members["version"]; string(v) != "1" {
		return bad("of version %q, want 1", string(v))
	}
	if len(o.names) != 3 {
		return bad("with members %q, want version, verification_material and envelope", o.names)
	}
	material, err := exactly(o.members["verification_material"], "certificate", "transparency_entries")
	if err != nil {
		return bad("whose verification_material %v", err)
	}
	envelope, err := exactly(o.members["envelope"], "statement", "signature")
	if err != nil {
		return bad("whose envelope %v", err)
	}
	var b bytes.Buffer
	b.WriteString(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json",`)
	b.WriteString(`"verificationMaterial":{"certificate":{"rawBytes":`)
	b.Write(material["certificate"])
	b.WriteString(`},"tlogEntries":`)
	b.Write(material["transparency_entries"])
	b.WriteString(`},"dsseEnvelope":{"payload":`)
	b.Write(envelope["statement"])
	b.WriteString(`,"payloadType":"application/vnd.in-toto+json","signatures":[{"sig":`)
	b.Write(envelope["signature"])
	b.WriteString(`}]}}`)
	return r.add(b.Bytes(), where)
}

// exactly returns the members of an object that has those names and no other.
func exactly(b []byte, names ...string) (map[string][]byte, error) {
	d := strictjson.NewReader(b, maxDepth)
	if err := d.Enter(strictjson.Object, "it"); err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for {
		name, more, err := d.Member()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		if out[name], err = d.Skip(); err != nil {
			return nil, err
		}
	}
	for _, n := range names {
		if out[n] == nil {
			return nil, fault.Errorf("has no member %q", n)
		}
	}
	if len(out) != len(names) {
		return nil, fault.Errorf("has %d members, want %q alone", len(out), names)
	}
	return out, nil
}
