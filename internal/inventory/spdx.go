package inventory

import (
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// SPDX 2.2 and 2.3, JSON (SPDX specification 2.3; spdx-schema.json).

func isSPDX(s strictjson.Shape) bool { return s.Has("spdxVersion") }

type spdxDocument struct {
	Version      string `json:"spdxVersion"`
	ID           string `json:"SPDXID"`
	Name         string `json:"name"`
	CreationInfo struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	} `json:"creationInfo"`
	Describes     []string       `json:"documentDescribes"`
	Packages      each           `json:"packages"`
	Files         strictjson.Raw `json:"files"`
	Relationships each           `json:"relationships"`
}

type spdxPackage struct {
	ID        string         `json:"SPDXID"`
	Name      string         `json:"name"`
	Version   string         `json:"versionInfo"`
	Checksums []spdxChecksum `json:"checksums"`
	Refs      []struct {
		Type    string `json:"referenceType"`
		Locator string `json:"referenceLocator"`
	} `json:"externalRefs"`
}

type spdxChecksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

// spdxElement is what is kept of a package or a file: how it is named, and its digests.
type spdxElement struct {
	named   string
	digests []string
}

// spdxReading is what is gathered of a document.
type spdxReading struct {
	d         *document
	packages  map[string]spdxElement
	count     int
	described map[string]bool
	unknown   bool // a relationship to NOASSERTION
}

func readSPDX(d *document) error {
	x := &spdxReading{d: d, packages: map[string]spdxElement{}, described: map[string]bool{}}
	var s spdxDocument
	s.Packages.f, s.Relationships.f = x.pkg, x.relationship
	if err := d.fill("the SPDX document", &s); err != nil {
		return err
	}
	if s.Version != "SPDX-2.3" && s.Version != "SPDX-2.2" {
		return fault.New(fault.Refused, fault.Predicate, "export it as SPDX 2.3 or CycloneDX, in JSON",
			"the document is %q, want %q or %q", s.Version, "SPDX-2.2", "SPDX-2.3")
	}
	if s.ID != "SPDXRef-DOCUMENT" {
		return malformed("member %q is %q, want %q", "SPDXID", s.ID, "SPDXRef-DOCUMENT")
	}
	var err error
	r := &d.report
	r.Document.Format = "SPDX " + strings.TrimPrefix(s.Version, "SPDX-")
	if r.Time, err = moment("creationInfo.created", s.CreationInfo.Created); err != nil {
		return err
	}
	r.Tool = spdxTool(s.CreationInfo.Creators)
	for _, id := range s.Describes {
		x.described[id] = true
	}
	if err := x.about(s.Files); err != nil {
		return err
	}
	if r.Named == "" {
		r.Named = s.Name
	}
	r.Contents = &Contents{Components: x.components()}
	if x.unknown {
		r.Contents.Completeness = Unknown
	}
	return nil
}

// pkg reads one package.
func (x *spdxReading) pkg(r *strictjson.Reader) error {
	var p spdxPackage
	if err := r.Fill(&p); err != nil {
		return err
	}
	if p.ID == "" {
		return malformed("package %q has no member %q", p.Name, "SPDXID")
	}
	if x.count++; x.count > MaxComponents {
		return beyond("the document lists more than %d components", MaxComponents)
	}
	if _, twice := x.packages[p.ID]; twice {
		return malformed("two packages have the SPDXID %q", p.ID)
	}
	sums, err := spdxDigests(p.ID, p.Checksums)
	if err != nil {
		return err
	}
	for _, ref := range p.Refs {
		if sum := digestOf(ref.Locator); ref.Type == "purl" && sum != "" {
			sums = append(sums, sum)
		}
	}
	x.packages[p.ID] = spdxElement{component("", p.Name, p.Version), sums}
	return nil
}

func spdxDigests(id string, sums []spdxChecksum) ([]string, error) {
	var out []string
	for _, c := range sums {
		if c.Algorithm != "SHA256" {
			continue
		}
		if hex64(c.Value) == "" {
			return nil, malformed("the SHA256 checksum of %q is %q, want 64 hexadecimal digits", id, c.Value)
		}
		out = append(out, hex64(c.Value))
	}
	return out, nil
}

// relationship reads one. SPDX 2.x cannot say that a list is complete: NONE says that one element has no such relation.
// It can say that it is not known: a relation to NOASSERTION, of whatever element, is an unknown part of the list
// (section 11.1.4 of the specification).
func (x *spdxReading) relationship(r *strictjson.Reader) error {
	var rel struct {
		From string `json:"spdxElementId"`
		Type string `json:"relationshipType"`
		To   string `json:"relatedSpdxElement"`
	}
	if err := r.Fill(&rel); err != nil {
		return err
	}
	switch {
	case rel.Type == "DESCRIBES" && rel.From == "SPDXRef-DOCUMENT":
		x.described[rel.To] = true
	case rel.Type == "DESCRIBED_BY" && rel.To == "SPDXRef-DOCUMENT":
		x.described[rel.From] = true
	}
	x.unknown = x.unknown || rel.To == "NOASSERTION"
	return nil
}

// about fills in what the document is about: the packages and files that it describes.
func (x *spdxReading) about(files strictjson.Raw) error {
	missing := map[string]bool{}
	for id := range x.described {
		if e, ok := x.packages[id]; ok {
			x.describe(e)
		} else {
			missing[id] = true
		}
	}
	if len(missing) == 0 || len(files) == 0 {
		return nil
	}
	r, err := strictjson.NewStream(files, limits, "the SPDX document")
	if err != nil {
		return err
	}
	return r.Elements(func() error {
		var f struct {
			ID        string         `json:"SPDXID"`
			Name      string         `json:"fileName"`
			Checksums []spdxChecksum `json:"checksums"`
		}
		if err := r.Fill(&f); err != nil || !missing[f.ID] {
			return err
		}
		sums, err := spdxDigests(f.ID, f.Checksums)
		x.describe(spdxElement{f.Name, sums})
		return err
	})
}

func (x *spdxReading) describe(e spdxElement) {
	r := &x.d.report
	r.About = append(r.About, e.digests...)
	if r.Named == "" || e.named < r.Named { // one of them, and the same one each time
		r.Named = e.named
	}
}

// components is how many packages are listed. The one that the document is about is not a part of itself; where
// it describes several, it is a list of them.
func (x *spdxReading) components() int {
	n, described := x.count, 0
	for id := range x.described {
		if _, ok := x.packages[id]; ok {
			described++
		}
	}
	if described == 1 {
		n--
	}
	return n
}

// spdxTool returns the tool among creators: "Tool: trivy-0.50.0".
func spdxTool(creators []string) Tool {
	for _, c := range creators {
		rest, ok := strings.CutPrefix(c, "Tool:")
		if !ok {
			continue
		}
		name := strings.ToLower(strings.TrimSpace(rest))
		if i := strings.LastIndexByte(name, '-'); i > 0 && i+1 < len(name) && strings.ContainsAny(name[i+1:],
			"0123456789.") {
			return Tool{Name: name[:i], Version: name[i+1:]}
		}
		return Tool{Name: name}
	}
	return Tool{}
}
