package policy

import (
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/inventory"
)

// SBOM is a list of what an artifact holds.
type SBOM struct {
	reporting
	// Completeness is what the list has to say about itself: "complete"; "stated", anything; "", nothing.
	Completeness string
}

func readSBOM(r *reader, _ string, m mapping) Evidence {
	p := SBOM{reporting: readReporting(r, inventory.SBOM, "generator", m)}
	if n := m.get("completeness"); n != nil {
		p.Completeness = r.choice(n, "completeness", "complete", "stated", "any")
		if p.Completeness == "any" {
			p.Completeness = ""
		}
	}
	return p
}

func (p SBOM) title() string { return inventory.Title(p.Kind) }

func (p SBOM) loosened(l *loosening, was Requirement) {
	old, _ := was.Kind.(SBOM) // as the name says
	p.loosenedReporting(l, was.Name, old.reporting)
	order := map[string]int{"": 0, "stated": 1, "complete": 2}
	l.accepts("an SBOM that claims less completeness", false, order[p.Completeness] < order[old.Completeness])
}

func (p SBOM) judge(x look) *miss {
	r, m := p.common(x)
	switch {
	case m != nil:
		return m
	case r.Contents == nil || r.Contents.Components == 0:
		return &miss{code: fault.Report, reason: "the SBOM lists nothing", found: "no components", wanted: "what the artifact holds",
			hint: "let the generator look into the artifact itself, after it is built"}
	}
	said := r.Contents.Completeness
	switch {
	case p.Completeness == "" || said == inventory.Complete || p.Completeness == "stated" && said != "":
		return nil
	case said == "":
		return &miss{code: fault.Report, reason: "the SBOM does not say how complete it is", found: "nothing", wanted: p.Completeness,
			hint: "let the generator write compositions (CycloneDX), or ask for completeness: any"}
	}
	return &miss{code: fault.Report, reason: "the SBOM says that it is incomplete, or that its completeness is unknown", found: string(said), wanted: p.Completeness,
		hint: "find out what the generator does not read"}
}

func (p SBOM) against(look, inventory.Report) *miss { return nil }

func (p SBOM) lost(_ look, _, _ inventory.Report) *miss { return nil }

// says tells what a report says, for the finding that allows.
func (p SBOM) says(r inventory.Report) string {
	out := r.Document.Format + ", " + inventory.Count(r.Contents.Components, "component")
	if c := r.Contents.Completeness; c != "" {
		out += ", " + string(c)
	}
	return out
}
