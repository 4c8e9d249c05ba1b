package inventory

import (
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// OpenVEX 0.0.1 and 0.2.0 (openvex/spec, OPENVEX-SPEC.md).

func isOpenVEX(s strictjson.Shape) bool { return s.Has("@context", "statements") }

// vexContext is what the @context of every version begins with.
const vexContext = "https://openvex.dev/ns"

type vexDocument struct {
	Context    string `json:"@context"`
	ID         string `json:"@id"`
	Author     string `json:"author"`
	Tooling    string `json:"tooling"`
	Timestamp  string `json:"timestamp"`
	Statements each   `json:"statements"`
}

type vexStatement struct {
	Vulnerability vexVulnerability `json:"vulnerability"`
	Timestamp     string           `json:"timestamp"`
	Products      []vexProduct     `json:"products"`
	Subcomponents []vexProduct     `json:"subcomponents"` // of all products, in 0.0.1
	Status        string           `json:"status"`
	Justification string           `json:"justification"`
	Impact        string           `json:"impact_statement"`
}

// vexVulnerability is a text in 0.0.1 and an object since.
type vexVulnerability struct {
	name    string
	aliases []string
}

// FillFrom reads either.
func (v *vexVulnerability) FillFrom(r *strictjson.Reader) error {
	if r.Peek() == strictjson.String {
		return r.Fill(&v.name)
	}
	var x struct {
		ID      string   `json:"@id"`
		Name    string   `json:"name"`
		Aliases []string `json:"aliases"`
	}
	err := r.Fill(&x)
	if v.name, v.aliases = x.Name, x.Aliases; v.name == "" {
		v.name = x.ID
	}
	return err
}

// vexProduct is a text in 0.0.1 and an object since; subcomponents are written in the same way.
type vexProduct struct {
	id     string
	sha256 []string
	parts  []string
}

// FillFrom reads either.
func (p *vexProduct) FillFrom(r *strictjson.Reader) error {
	if r.Peek() == strictjson.String {
		err := r.Fill(&p.id)
		p.sha256 = append(p.sha256, digestOf(p.id))
		return err
	}
	var x struct {
		ID          string            `json:"@id"`
		Identifiers map[string]string `json:"identifiers"`
		Hashes      map[string]string `json:"hashes"`
		Parts       []vexProduct      `json:"subcomponents"`
	}
	if err := r.Fill(&x); err != nil {
		return err
	}
	p.id = x.ID
	for _, kind := range []string{"purl", "cpe23", "cpe22"} {
		if p.id == "" {
			p.id = x.Identifiers[kind]
		}
	}
	p.sha256 = append(p.sha256, digestOf(x.ID), digestOf(x.Identifiers["purl"]))
	if h, named := x.Hashes["sha-256"]; named {
		if hex64(h) == "" {
			return malformed("the hash %q of product %q is %q, want 64 hexadecimal digits", "sha-256", p.id, h)
		}
		p.sha256 = append(p.sha256, hex64(h))
	}
	for _, part := range x.Parts {
		p.parts = append(p.parts, part.id)
	}
	return nil
}

func readOpenVEX(d *document) error {
	var v vexDocument
	// A statement without a time has that of the document, which may stand after it.
	var undated []int
	v.Statements.f = func(r *strictjson.Reader) error {
		var s vexStatement
		if err := r.Fill(&s); err != nil {
			return err
		}
		if s.Timestamp == "" {
			undated = append(undated, len(d.report.Statements))
		}
		return d.vexStatement(&s)
	}
	if err := d.fill("the OpenVEX document", &v); err != nil {
		return err
	}
	version, ok := strings.CutPrefix(v.Context, vexContext)
	switch version {
	case "", "/v0.0.1", "/v0.2.0":
	default:
		ok = false
	}
	if !ok {
		return fault.New(fault.Refused, fault.Predicate, "export it as OpenVEX 0.2.0", "member %q is %q, want %q",
			"@context", v.Context, vexContext+"/v0.2.0")
	}
	if version == "" {
		version = "/v0.0.1" // the first version had none in its name
	}
	var err error
	r := &d.report
	r.Document.Format, r.Tool = "OpenVEX "+version[2:], Tool{Name: strings.ToLower(v.Tooling)}
	if r.Time, err = moment("timestamp", v.Timestamp); err != nil {
		return err
	}
	for _, i := range undated {
		r.Statements[i].Time = r.Time
	}
	return nil
}

func (d *document) vexStatement(s *vexStatement) error {
	if s.Vulnerability.name == "" {
		return malformed("a statement of the OpenVEX document has no member %q", "vulnerability")
	}
	when, err := moment("statements.timestamp", s.Timestamp)
	if err != nil {
		return err
	}
	out := Statement{ID: s.Vulnerability.name, Aliases: s.Vulnerability.aliases, Status: s.Status, Time: when,
		Justification: s.Justification, Impact: s.Impact}
	switch s.Status {
	case "not_affected", "affected", "fixed", "under_investigation":
	case "":
		return malformed("the statement about %q has no member %q", out.ID, "status")
	default:
		out.Status = "affected" // an unknown word is the worst
	}
	var parts []string
	for _, p := range s.Subcomponents {
		parts = append(parts, p.id)
	}
	for _, p := range s.Products {
		one := Product{ID: p.id, SHA256: p.sha256, Components: p.parts}
		if len(one.Components) == 0 {
			one.Components = append([]string(nil), parts...)
		}
		out.Products = append(out.Products, one)
	}
	d.report.Statements = append(d.report.Statements, out)
	return d.bound.finding()
}
