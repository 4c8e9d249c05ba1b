package lab

import (
	"maps"

	"github.com/getkin/kin-openapi/openapi3"
)

// fill returns o with every field that the description's schema of this name
// requires and o lacks, as empty as the schema allows: GitHub's objects have
// far more fields than anybody here reads. It never changes a field that is
// there, so what the toy or a test says is still held to the description.
func (c *contract) fill(schema string, o object) object {
	d, err := c.loaded()
	if err != nil {
		return o // and hold refuses the answer
	}
	ref := d.doc.Components.Schemas[schema]
	if ref == nil {
		return o
	}
	filled, _ := fillObject(ref.Value, o).(object)
	return filled
}

// fillObject fills a copy of v if it is an object that the schema has fields
// for; anything else it returns as it is.
func fillObject(s *openapi3.Schema, v any) any {
	o, ok := v.(object)
	if !ok || len(s.Properties) == 0 {
		return v
	}
	out := maps.Clone(o)
	for name, value := range out {
		if p := s.Properties[name]; p != nil {
			out[name] = fillObject(p.Value, value)
		}
	}
	for _, name := range s.Required {
		if _, ok := out[name]; !ok && s.Properties[name] != nil {
			out[name] = emptyValue(s.Properties[name].Value)
		}
	}
	return out
}

// emptyValue is the least that a schema takes.
func emptyValue(s *openapi3.Schema) any {
	switch {
	case s.Nullable:
		return nil
	case len(s.Enum) > 0:
		return s.Enum[0]
	case len(s.OneOf) > 0:
		return emptyValue(s.OneOf[0].Value)
	case len(s.AnyOf) > 0:
		return emptyValue(s.AnyOf[0].Value)
	case s.Type.Is(openapi3.TypeArray):
		return []any{}
	case s.Type.Is(openapi3.TypeBoolean):
		return false
	case s.Type.Is(openapi3.TypeInteger), s.Type.Is(openapi3.TypeNumber):
		return 0
	case s.Type.Is(openapi3.TypeString):
		return emptyText(s.Format)
	}
	return fillObject(s, object{})
}

func emptyText(format string) any {
	switch format {
	case "uri":
		return "https://github.com"
	case "date-time":
		return made
	case "email":
		return "nobody@example.com"
	}
	return ""
}
