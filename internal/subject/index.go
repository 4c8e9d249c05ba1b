package subject

import (
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// How an index names the attestation manifest of one of its images
// (BuildKit, docs/attestations/attestation-storage.md).
const (
	referenceType   = "vnd.docker.reference.type"
	referenceDigest = "vnd.docker.reference.digest"
	attestationKind = "attestation-manifest"
	inTotoLayer     = "application/vnd.in-toto+json"
	predicateType   = "in-toto.io/predicate-type"
)

// An Index is what an image index holds: images, and attestation manifests that
// tell something about them. Every entry of the index is one or the other.
type Index struct {
	Parts        []Part        // each digest once, in the order of the index
	Attestations []Attestation // in the order of the index
}

// A Part is one image of an index.
type Part struct {
	Digest   Digest `json:"digest"`
	Platform string `json:"platform"` // "linux/amd64", as the index calls it; "" if it does not
	Index    bool   `json:"index"`    // it is an index itself, which nobody has looked into
}

// String names the image in a message. The author of the index chose its words.
func (p Part) String() string {
	switch {
	case p.Platform == "":
		return "the image without a platform, " + p.Digest.String()
	case strings.Trim(p.Platform, lowerOrDigit+"._-/") != "" || len(p.Platform) > maxPlatform:
		return "the image of platform " + fault.Quote(p.Platform)
	}
	return p.Platform
}

// maxPlatform is the longest name of a platform that is told without quotes.
const maxPlatform = 64

// An Attestation is an entry that says that the manifest tells something about
// an image of the same index.
type Attestation struct{ Manifest, Image Digest }

// ReadIndex reads an image index, in either dialect. An entry is an attestation
// manifest only if it cannot be mistaken for an image, which means all of: it
// is a manifest of the platform unknown/unknown, its annotations say so, and
// they refer to an image of this index. Everything else is an image, whatever it
// says of itself, because some machine may run it.
//
// Refused is what two readers could read differently, and bytes that are a
// manifest to another reader (OCI image specification, CVE-2021-41190).
func ReadIndex(b []byte) (Index, error) {
	var doc ociDocument
	if err := strictjson.Decode(b, maxJSONDepth, "the index", &doc); err != nil {
		return Index{}, err
	}
	switch {
	case doc.SchemaVersion != 2:
		return Index{}, unreadable("the index has schemaVersion %d, want 2", doc.SchemaVersion)
	case doc.MediaType != "" && doc.MediaType != ociIndex && doc.MediaType != dockerIndex:
		return Index{}, unreadable("the index has media type %q, want %q", doc.MediaType, ociIndex)
	case doc.Config != nil || doc.Layers != nil:
		return Index{}, unreadable("the index has the fields of a manifest")
	case len(doc.Manifests) > maxDescriptors:
		return Index{}, fault.New(fault.Refused, fault.Limit, "", "the index has %d entries, at most %d are read",
			len(doc.Manifests), maxDescriptors)
	}
	digests := make([]Digest, len(doc.Manifests))
	claims := make([]bool, len(doc.Manifests))
	images := map[Digest]bool{} // what is surely an image
	for i, d := range doc.Manifests {
		var err error
		if digests[i], err = ParseAnyDigest(d.Digest); err != nil {
			return Index{}, unreadable("the index: %w", err)
		}
		if claims[i] = d.claimsToAttest() && digests[i].alg == AlgSHA256; !claims[i] {
			images[digests[i]] = true
		}
	}
	var out Index
	at := map[Digest]int{}
	for i, d := range doc.Manifests {
		image, err := ParseDigest(d.Annotations[referenceDigest])
		if claims[i] && err == nil && images[image] {
			out.Attestations = append(out.Attestations, Attestation{Manifest: digests[i], Image: image})
			continue
		}
		j, seen := at[digests[i]]
		if !seen {
			j = len(out.Parts)
			at[digests[i]] = j
			out.Parts = append(out.Parts, Part{Digest: digests[i], Platform: d.Platform.String()})
		}
		if d.MediaType == ociIndex || d.MediaType == dockerIndex {
			out.Parts[j].Index = true
		}
	}
	return out, nil
}

func unreadable(format string, args ...any) error {
	return fault.New(fault.Refused, fault.Malformed, "", format, args...)
}

// claimsToAttest reports whether d says that it is an attestation manifest, and
// is of the platform that no machine has.
func (d ociDescriptor) claimsToAttest() bool {
	manifest := d.MediaType == ociManifest || d.MediaType == dockerManifest
	nowhere := d.Platform != nil && d.Platform.OS == "unknown" && d.Platform.Architecture == "unknown"
	return manifest && nowhere && d.Annotations[referenceType] == attestationKind
}

// An ociPlatform is where an image runs (OCI image specification, image index).
type ociPlatform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Variant      string `json:"variant"`
}

// String writes p as people do: "linux/arm64/v8".
func (p *ociPlatform) String() string {
	if p == nil || p.OS == "" && p.Architecture == "" {
		return ""
	}
	return strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
}

// A Carrier is an attestation manifest: its layers are statements about one
// image.
type Carrier struct {
	Subject *Digest // the image; nil if only an index says which
	Layers  []Layer // in-toto statements, in order
	Other   int     // layers of other kinds
}

// A Layer is what an attestation manifest says about a statement.
type Layer struct {
	Digest    Digest
	Size      int64  // bytes
	Predicate string // predicate type, "" if the manifest does not say it
}

// ReadCarrier reads an attestation manifest. It is as strict as ReadIndex.
func ReadCarrier(b []byte) (Carrier, error) {
	const what = "the attestation manifest"
	var doc ociDocument
	if err := strictjson.Decode(b, maxJSONDepth, what, &doc); err != nil {
		return Carrier{}, err
	}
	switch {
	case doc.SchemaVersion != 2:
		return Carrier{}, unreadable(what+" has schemaVersion %d, want 2", doc.SchemaVersion)
	case doc.MediaType != "" && doc.MediaType != ociManifest && doc.MediaType != dockerManifest:
		return Carrier{}, unreadable(what+" has media type %q, want %q", doc.MediaType, ociManifest)
	case doc.Manifests != nil:
		return Carrier{}, unreadable(what + " has the fields of an index")
	}
	var c Carrier
	if doc.Subject != nil {
		d, err := ParseDigest(doc.Subject.Digest)
		if err != nil {
			return Carrier{}, unreadable(what+": its subject: %w", err)
		}
		c.Subject = &d
	}
	for _, l := range doc.Layers {
		if l.MediaType != inTotoLayer {
			c.Other++
			continue
		}
		d, err := ParseDigest(l.Digest)
		if err != nil {
			return Carrier{}, unreadable(what+": a layer: %w", err)
		}
		c.Layers = append(c.Layers, Layer{Digest: d, Size: l.Size, Predicate: l.Annotations[predicateType]})
	}
	return c, nil
}
